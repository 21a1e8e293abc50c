//! Requests byte by byte, as no honest client writes them.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::house::House;

/// An answer as it came over the wire.
#[derive(Debug)]
pub struct Raw {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Raw {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = |line: &&str| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
        self.head.lines().find(found).map(|line| line[name.len() + 1..].trim())
    }
}

/// A connection to the server.
pub async fn connect(house: &House) -> TcpStream {
    let address = house.issuer.trim_start_matches("http://");
    TcpStream::connect(address).await.unwrap()
}

/// Sends bytes, and reads the answer to its end. A server that stops reading in the middle is no failure; one that never
/// answers is.
pub async fn exchange(house: &House, bytes: &[u8]) -> Raw {
    let mut stream = connect(house).await;
    let (mut read, mut write) = stream.split();
    let mut received = Vec::new();
    let talk = async {
        let say = async {
            let _ = write.write_all(bytes).await;
        };
        // A reset after the answer takes nothing from what was read.
        let hear = async {
            let _ = read.read_to_end(&mut received).await;
        };
        tokio::join!(say, hear);
    };
    timeout(Duration::from_mins(1), talk).await.expect("the server answers");
    let text = String::from_utf8_lossy(&received).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.get(9..12).and_then(|digits| digits.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no answer to {} bytes: {text:?}", bytes.len()));
    Raw { status, head: head.to_owned(), body: body.to_owned() }
}

/// A GET with a query of raw bytes.
pub async fn get(house: &House, path: &str, query: &[u8], headers: &str) -> Raw {
    let head = format!(" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
    exchange(house, &[b"GET ", path.as_bytes(), b"?", query, head.as_bytes()].concat()).await
}

/// A POST with a form of raw bytes.
pub async fn post(house: &House, path: &str, form: &[u8], headers: &str) -> Raw {
    let headers = format!("content-type: application/x-www-form-urlencoded\r\n{headers}");
    send(house, path, form, &headers).await
}

/// A POST of anything.
pub async fn send(house: &House, path: &str, body: &[u8], headers: &str) -> Raw {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    exchange(house, &[head.as_bytes(), body].concat()).await
}
