//! A mailbox over a folder of `.eml` files, as they are written when mail goes to a folder instead of a server.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use mailparse::{MailHeaderMap as _, ParsedMail};
use serde::{Deserialize, Serialize};

use super::{Running, SimulatorError, serve_plain};

/// The newest so many are shown.
const MAX_MESSAGES: usize = 200;
/// The files of a folder that are looked at: more than any demo or test writes.
const MAX_FILES: usize = 20_000;
/// A longer message is cut off.
const MAX_BYTES: u64 = 256 * 1024;

/// A message as a person reads it.
#[derive(Clone, Serialize)]
pub struct Message {
    /// The name of its file.
    pub file: String,
    /// `To`, decoded.
    pub to: String,
    /// `From`, decoded.
    pub from: String,
    /// `Subject`, decoded.
    pub subject: String,
    /// `Date`, as it stands.
    pub date: String,
    /// The plain text.
    pub text: String,
}

#[derive(Template)]
#[template(path = "simulator/mailbox.html")]
struct Page {
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Wanted {
    to: Option<String>,
}

/// Starts the mailbox over `folder`, which need not exist yet. Within a tokio runtime.
pub fn start(folder: PathBuf, listener: TcpListener) -> Result<Running, SimulatorError> {
    let router =
        Router::new().route("/", get(page)).route("/messages.json", get(list)).with_state(Arc::new(folder));
    serve_plain(listener, router)
}

type Failure = (StatusCode, String);

async fn page(
    State(folder): State<Arc<PathBuf>>,
    Query(wanted): Query<Wanted>,
) -> Result<Html<String>, Failure> {
    let messages = read(folder, wanted).await?;
    Page { messages }.render().map(Html).map_err(|e| (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))
}

async fn list(
    State(folder): State<Arc<PathBuf>>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Vec<Message>>, Failure> {
    read(folder, wanted).await.map(Json)
}

async fn read(folder: Arc<PathBuf>, wanted: Wanted) -> Result<Vec<Message>, Failure> {
    let internal = |e: String| (StatusCode::INTERNAL_SERVER_ERROR, e);
    tokio::task::spawn_blocking(move || messages(&folder, wanted.to.as_deref()))
        .await
        .map_err(|e| internal(e.to_string()))?
        .map_err(|e| internal(format!("the mail folder: {e}")))
}

/// The messages in `folder`, newest file first; only those to the address `to`, if one is given. Letter case does not
/// count in it. Files that are no mail are passed over: they may be half written.
pub fn messages(folder: &Path, to: Option<&str>) -> io::Result<Vec<Message>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(e) => return Err(e),
    };
    let mut files: Vec<(SystemTime, PathBuf)> = entries
        .take(MAX_FILES)
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "eml"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort_by(|a, b| b.cmp(a));
    let all = files.iter().filter_map(|(_, path)| message(path));
    let wanted = all.filter(|message| to.is_none_or(|to| is_to(message, to)));
    Ok(wanted.take(MAX_MESSAGES).collect())
}

fn is_to(message: &Message, address: &str) -> bool {
    let Ok(list) = mailparse::addrparse(&message.to) else { return false };
    list.iter().any(|one| match one {
        mailparse::MailAddr::Single(single) => single.addr.eq_ignore_ascii_case(address),
        mailparse::MailAddr::Group(group) => group.addrs.iter().any(|a| a.addr.eq_ignore_ascii_case(address)),
    })
}

fn message(path: &Path) -> Option<Message> {
    let mut bytes = vec![];
    File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    let mail = mailparse::parse_mail(&bytes).ok()?;
    let header = |name: &str| mail.headers.get_first_value(name).unwrap_or_default();
    Some(Message {
        file: path.file_name()?.to_string_lossy().into_owned(),
        to: mail.headers.get_first_value("To")?,
        from: header("From"),
        subject: header("Subject"),
        date: header("Date"),
        text: plain_text(&mail)?.replace("\r\n", "\n"),
    })
}

/// The first part of plain text, decoded.
fn plain_text(mail: &ParsedMail<'_>) -> Option<String> {
    mail.parts().find(|part| part.ctype.mimetype == "text/plain").and_then(|part| part.get_body().ok())
}

#[cfg(test)]
mod tests {
    use super::super::testing::scratch;
    use super::*;

    #[test]
    fn decodes_what_a_mailer_writes_and_shows_the_newest_first() {
        let folder = scratch("mail");
        let write = |name: &str, text: &str, age: u64| {
            fs::write(folder.join(name), text).unwrap();
            let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(2_000_000_000 - age);
            File::options().append(true).open(folder.join(name)).unwrap().set_modified(then).unwrap();
        };
        let quoted = "From: Portaal <p@x.nl>\r\nTo: Jan <Jan+Kind@x.nl>\r\nSubject: =?utf-8?b?VXcgY29kZSDigqw=?=\r\n\
            Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
            Uw code is=20482 913, dat is =E2=82=AC=\r\n 0\r\n";
        write("b.eml", quoted, 1);
        let parts = "To: b@x.nl\r\nSubject: x\r\nContent-Type: multipart/alternative; boundary=q\r\n\r\n--q\r\n\
            Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naGFsbG8=\r\n--q\r\n\
            Content-Type: text/html\r\n\r\n<b>hallo</b>\r\n--q--\r\n";
        write("a.eml", parts, 0);
        write("c.eml", "To: =?broken", 0);
        write("d.txt", quoted, 0);

        let all = messages(&folder, None).unwrap();
        assert_eq!(all.first().map(|m| m.text.trim()), Some(""), "the cut-off one has no text");
        let jan = messages(&folder, Some("jan+kind@x.nl")).unwrap();
        assert_eq!(jan.len(), 1);
        assert_eq!(jan[0].subject, "Uw code €");
        assert_eq!(jan[0].text, "Uw code is 482 913, dat is € 0\n");
        assert_eq!(messages(&folder, Some("b@x.nl")).unwrap()[0].text, "hallo");
        assert!(messages(&folder, Some("jan@x.nl")).unwrap().is_empty(), "an alias is another address");
        let order: Vec<_> = all.iter().map(|m| m.file.as_str()).collect();
        assert_eq!(order, ["c.eml", "a.eml", "b.eml"]);
        fs::remove_dir_all(folder).unwrap();
    }
}
