//! The exchange of an artifact with a DigiD over real TLS, and every way it can fail.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::ssl::{SslAcceptor, SslMethod, SslVerifyMode};
use samael::crypto::{Crypto, CryptoProvider, ReduceMode};
use tokio::net::TcpSocket;

use super::forge::{
    self, DIGID, Pair, RESOLVE_ID, artifact_of, expected, keys, now, replace, sign, template,
};
use crate::saml::xml::{self, SAML, SAMLP};
use crate::saml::{Artifact, Failure, ServiceProvider, Verified};

/// Serves one exchange on loopback: asks for our client certificate, reads the question, sends what `answer`
/// makes of it. Returns the address.
fn serve(server: &'static Pair, answer: impl FnOnce(&str) -> Vec<u8> + Send + 'static) -> String {
    let mut tls = SslAcceptor::mozilla_modern_v5(SslMethod::tls()).unwrap();
    tls.set_private_key(&server.key).unwrap();
    tls.set_certificate(&server.certificate).unwrap();
    tls.cert_store_mut().add_cert(keys().ours.certificate.clone()).unwrap();
    tls.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    let tls = tls.build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}/resolve", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let Ok(mut stream) = tls.accept(stream) else { return };
        let mut question = Vec::new();
        let mut chunk = [0; 4096];
        while !question.ends_with(b"</soapenv:Envelope>") {
            let read = stream.read(&mut chunk).unwrap();
            assert!(read > 0, "the question ends early");
            question.extend_from_slice(&chunk[..read]);
        }
        let _client_may_be_gone = stream.write_all(&answer(&String::from_utf8(question).unwrap()));
        let _client_may_be_gone = stream.shutdown();
    });
    address
}

fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn resolve(address: &str) -> Result<Verified, Failure> {
    let mut settings = forge::settings();
    settings.digid_metadata = forge::digid_metadata(address);
    let sp = ServiceProvider::new(&settings, now()).unwrap();
    let artifact = Artifact::parse(&STANDARD.encode(artifact_of(DIGID)), &sp).unwrap();
    sp.resolve(artifact, &expected(), &mut sp.turn().await, now()).await
}

/// DigiD's side: checks our signed question and answers it.
fn answer(question: &str) -> Vec<u8> {
    assert!(
        question.starts_with("POST /resolve HTTP/1.1\r\n") && question.contains("text/xml"),
        "{question}"
    );
    let (_, envelope) = question.split_once("\r\n\r\n").unwrap();
    let ours = keys().ours.certificate.to_der().unwrap().into();
    let signed =
        Crypto::reduce_xml_to_signed(envelope, &[ours], ReduceMode::ValidateAndMarkNoAncestors).unwrap();
    let resolve = xml::parse(signed.as_bytes()).unwrap_or_else(|reason| panic!("{reason}"));
    assert!(resolve.is(SAMLP, "ArtifactResolve"));
    assert_eq!(resolve.one(SAML, "Issuer", "").unwrap().text(), forge::SP);
    assert_eq!(resolve.one(SAMLP, "Artifact", "").unwrap().text(), STANDARD.encode(artifact_of(DIGID)));
    let id = resolve.attribute("ID").unwrap();
    let document = replace(&template(), (RESOLVE_ID, id));
    http("200 OK", "Content-Type: text/xml\r\n", &sign(&document, &keys().digid))
}

#[tokio::test]
async fn an_artifact_becomes_a_login() {
    let login = resolve(&serve(&keys().digid, answer)).await.expect("accepted");
    assert_eq!(login.bsn().digits(), "111222333");
}

#[tokio::test]
async fn every_bad_line_is_told_apart() {
    let fault = forge::soap("<soapenv:Fault/>");
    let (large, largest) = (" ".repeat(300 * 1024), " ".repeat(256 * 1024));
    let redirect = format!("Location: {}\r\n", serve(&keys().digid, answer));
    let replay = sign(&template(), &keys().digid);
    for (reply, failure) in [
        (http("500 Internal", "", &fault), Failure::Unreachable("SOAP fault")),
        (http("500 Internal", "", "<x/>"), Failure::Unreachable("HTTP status 5xx")),
        (http("503 Busy", "", ""), Failure::Unreachable("HTTP status 5xx")),
        (http("404 Not Found", "", ""), Failure::Unreachable("HTTP status 4xx or other")),
        (http("302 Found", &redirect, ""), Failure::Unreachable("HTTP redirect")),
        (
            http("200 OK", "Content-Type: text/html\r\n", "<x/>"),
            Failure::Unreachable("an answer that is no XML"),
        ),
        (http("200 OK", "", &large), Failure::Unreachable("an answer too large")),
        (http("200 OK", "", &largest), Failure::Hostile("no root element")),
        (http("200 OK", "", &format!("{largest} ")), Failure::Unreachable("an answer too large")),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<".to_vec(),
            Failure::Unreachable("broken connection"),
        ),
        (http("200 OK", "", "<x/>"), Failure::Hostile("no SOAP 1.1 envelope")),
        (http("200 OK", "", &replay), Failure::Hostile("an answer to another request")),
    ] {
        let verdict = resolve(&serve(&keys().digid, move |_| reply)).await;
        assert_eq!(verdict.err(), Some(failure));
    }
}

#[tokio::test]
async fn only_the_given_roots_and_the_right_host_count() {
    let no_connection = Some(Failure::Unreachable("no connection (network, TLS or certificate)"));
    assert_eq!(resolve(&serve(&keys().stranger, answer)).await.err(), no_connection);
    let other_name = serve(&keys().digid, answer).replace("127.0.0.1", "localhost");
    assert_eq!(resolve(&other_name).await.err(), no_connection);
    // Taken, so that nobody else listens there meanwhile, and not listened at.
    let taken = TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = taken.local_addr().unwrap();
    assert_eq!(resolve(&format!("https://{closed}/")).await.err(), no_connection);
}
