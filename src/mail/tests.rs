//! Mail that really leaves: into a folder, and to a small mail server over real TLS.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    ssl::{SslAcceptor, SslMethod},
    x509::{
        X509, X509NameBuilder,
        extension::{BasicConstraints, SubjectAlternativeName},
    },
};

use super::{letters, letters::tests::about, *};
use crate::{
    config::{Mail, Smtp, SmtpTls},
    domain::{code::CodeFor, email::Email, id::random, lang::Lang, secret::Secret},
};

const SOON: Duration = Duration::from_mins(1);

/// A folder that is gone when the test is.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path = std::env::temp_dir().join(random::<8>());
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn to_folder(scratch: &Scratch) -> Mailer {
    let section =
        Mail { from: "Namens <noreply@example.nl>".into(), folder: Some("mail".into()), smtp: None };
    Mailer::new(&section, &scratch.0).unwrap()
}

fn letter(reference: &str) -> Letter {
    let about = Circumstances { reference: reference.into(), ..about(Lang::Nl) };
    letters::code(&about, &Secret::new("482913"), CodeFor::LogIn)
}

fn mails(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_folder_gets_whole_private_files_in_order() {
    let scratch = Scratch::new();
    let mailer = to_folder(&scratch);
    mailer.check().await.unwrap();
    for reference in ["AAA", "BBB", "CCC"] {
        mailer.send(letter(reference)).unwrap();
    }
    assert!(mailer.drain(SOON).await);
    let files = mails(&scratch.0.join("mail"));
    assert_eq!(files.len(), 3, "no drafts and no trials are left: {files:?}");
    for (file, reference) in files.iter().zip(["AAA", "BBB", "CCC"]) {
        assert!(file.extension().is_some_and(|ending| ending == "eml"));
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(file).unwrap().contains(reference));
    }
    let mail = fs::read_to_string(&files[0]).unwrap().replace("\r\n", "\n");
    insta::with_settings!({ filters => [(r"Message-ID: <[\w-]{22}@", "Message-ID: <RANDOM@")] }, {
        insta::assert_snapshot!(mail);
    });
}

#[tokio::test]
async fn after_a_restart_a_mail_of_the_same_second_sorts_behind_the_older_ones() {
    let scratch = Scratch::new();
    let references = ["AAA", "BBB", "CCC", "DDD", "EEE", "FFF"];
    for reference in references {
        let mailer = to_folder(&scratch);
        mailer.send(letter(reference)).unwrap();
        assert!(mailer.drain(SOON).await);
    }
    for (file, reference) in mails(&scratch.0.join("mail")).iter().zip(references) {
        assert!(fs::read_to_string(file).unwrap().contains(reference), "{reference} is out of order");
    }
}

#[tokio::test]
async fn beyond_the_bound_a_mail_is_refused_at_once_and_room_comes_back() {
    let scratch = Scratch::new();
    let mailer = to_folder(&scratch);
    // Nothing runs between these: the test's only thread does not wait.
    let taken = (0..300).filter(|_| mailer.send(letter("AAA")).is_ok()).count();
    assert_eq!(taken, 256);
    tokio::time::timeout(SOON, async {
        while mailer.send(letter("BBB")).is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("room comes back");
    assert!(mailer.drain(SOON).await);
    assert_eq!(mails(&scratch.0.join("mail")).len(), 257);
    assert_eq!(mailer.send(letter("CCC")), Err(QueueFull), "after draining no mail is taken");
}

#[tokio::test]
async fn what_anybody_can_ask_for_leaves_half_of_the_room_to_others() {
    let scratch = Scratch::new();
    let mailer = to_folder(&scratch);
    // As above, nothing runs between these.
    let unasked = (0..300).filter(|_| mailer.send_unasked(letter("AAA")).is_ok()).count();
    let others = (0..300).filter(|_| mailer.send(letter("BBB")).is_ok()).count();
    assert_eq!((unasked, others), (128, 128));
    assert!(mailer.drain(SOON).await);
}

#[tokio::test]
async fn what_is_due_by_the_clock_leaves_three_quarters_of_the_room_to_codes() {
    let scratch = Scratch::new();
    let mailer = to_folder(&scratch);
    // As above.
    assert_eq!(mailer.room_for_due(), 64);
    let due = (0..300).filter(|_| mailer.send_due(letter("AAA")).is_ok()).count();
    assert_eq!((due, mailer.room_for_due()), (64, 0));
    let others = (0..300).filter(|_| mailer.send(letter("BBB")).is_ok()).count();
    assert_eq!(others, 192);
    assert!(mailer.drain(SOON).await);
    assert_eq!(mails(&scratch.0.join("mail")).len(), 256);
}

/// How the little mail server behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Starttls,
    Tls,
    /// Offers no encryption.
    Plain,
    /// Refuses the first mail for now.
    BusyOnce,
    /// Refuses all mail for good.
    Refuses,
}

/// A certificate for localhost that vouches for itself.
fn certificate() -> (X509, PKey<Private>) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut x509 = X509::builder().unwrap();
    x509.set_version(2).unwrap();
    x509.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    x509.set_subject_name(&name).unwrap();
    x509.set_issuer_name(&name).unwrap();
    x509.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    x509.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    x509.set_pubkey(&key).unwrap();
    x509.append_extension(BasicConstraints::new().critical().build().unwrap()).unwrap();
    let names =
        SubjectAlternativeName::new().dns("localhost").build(&x509.x509v3_context(None, None)).unwrap();
    x509.append_extension(names).unwrap();
    x509.sign(&key, MessageDigest::sha256()).unwrap();
    (x509.build(), key)
}

/// A mail server on this machine. It tells each command and each mail it hears.
struct Server {
    port: u16,
    certificate: Vec<u8>,
    heard: mpsc::Receiver<String>,
}

impl Server {
    fn start(manner: Manner) -> Self {
        let (certificate, key) = certificate();
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_certificate(&certificate).unwrap();
        acceptor.set_private_key(&key).unwrap();
        let acceptor = acceptor.build();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, heard) = mpsc::channel();
        thread::spawn(move || {
            for (nth, stream) in listener.incoming().take(5).enumerate() {
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(SOON)).unwrap();
                serve(
                    stream,
                    &acceptor,
                    if nth > 0 && manner == Manner::BusyOnce { Manner::Starttls } else { manner },
                    &tell,
                );
            }
        });
        Self { port, certificate: certificate.to_pem().unwrap(), heard }
    }

    /// A mailer that knows this server's certificate.
    fn mailer(&self, scratch: &Scratch, tls: SmtpTls) -> Mailer {
        fs::write(scratch.0.join("ca.pem"), &self.certificate).unwrap();
        self.mailer_with(scratch, tls, Some("ca.pem".into()))
    }

    fn mailer_with(&self, scratch: &Scratch, tls: SmtpTls, ca: Option<PathBuf>) -> Mailer {
        let password = scratch.0.join("password");
        fs::write(&password, "mail password").unwrap();
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
        let smtp = Smtp {
            host: "localhost".into(),
            port: Some(self.port),
            tls,
            ca,
            user: Some("namens".into()),
            password: Some(crate::config::SecretSource::File("password".into())),
        };
        let from = "Huisarts Zonnedaël <noreply@example.nl>".into();
        Mailer::new(&Mail { from, folder: None, smtp: Some(smtp) }, &scratch.0).unwrap()
    }

    fn heard(&self) -> Vec<String> {
        self.heard.try_iter().collect()
    }
}

fn serve(mut stream: TcpStream, acceptor: &SslAcceptor, manner: Manner, tell: &mpsc::Sender<String>) {
    if manner == Manner::Tls {
        // A client that does not trust us ends here.
        if let Ok(stream) = acceptor.accept(stream) {
            talk(BufReader::new(stream), true, manner, tell);
        }
        return;
    }
    stream.write_all(b"220 localhost\r\n").unwrap();
    let starttls = talk_plain(&stream, manner, tell);
    if starttls && let Ok(stream) = acceptor.accept(stream) {
        talk(BufReader::new(stream), false, manner, tell);
    }
}

/// Before STARTTLS: reads byte by byte, so that nothing of the handshake is taken along.
fn talk_plain(mut stream: &TcpStream, manner: Manner, tell: &mpsc::Sender<String>) -> bool {
    let mut line = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte).is_ok_and(|n| n == 1) {
        line.push(byte[0]);
        if byte[0] != b'\n' {
            continue;
        }
        let command = String::from_utf8_lossy(&line).trim().to_owned();
        tell.send(format!("plain {}", command.split(' ').next().unwrap())).unwrap();
        let starts = command == "STARTTLS" && manner != Manner::Plain;
        let answer: &[u8] = match &command {
            _ if starts => b"220 go\r\n",
            c if c.starts_with("EHLO") && manner == Manner::Plain => b"250-localhost\r\n250 AUTH PLAIN\r\n",
            c if c.starts_with("EHLO") => b"250-localhost\r\n250 STARTTLS\r\n",
            _ => b"250 fine\r\n",
        };
        if stream.write_all(answer).is_err() || starts {
            return starts;
        }
        line.clear();
    }
    false
}

/// Inside TLS. `greet` when the greeting is still to come.
fn talk<S: Read + Write>(mut stream: BufReader<S>, greet: bool, manner: Manner, tell: &mpsc::Sender<String>) {
    if greet {
        stream.get_mut().write_all(b"220 localhost\r\n").unwrap();
    }
    let (mut line, mut mail) = (String::new(), None::<String>);
    while stream.read_line(&mut line).is_ok_and(|n| n > 0) {
        let command = std::mem::take(&mut line);
        if let Some(text) = &mut mail {
            if command != ".\r\n" {
                text.push_str(&command);
                continue;
            }
            tell.send(mail.take().unwrap()).unwrap();
        } else {
            tell.send(command.trim().to_owned()).unwrap();
        }
        let answer = match command.get(..4).unwrap_or_default() {
            "EHLO" => "250-localhost\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN\r\n",
            "AUTH" => "235 fine\r\n",
            "DATA" => {
                mail = Some(String::new());
                "354 go on\r\n"
            }
            "MAIL" if manner == Manner::BusyOnce => "451 later, Jansen+kind@voorbeeld.nl\r\n",
            "RCPT" if manner == Manner::Refuses => "550 no Jansen+kind@voorbeeld.nl here\r\n",
            _ => "250 fine\r\n",
        };
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The body of a mail, decoded.
fn body(mail: &str) -> String {
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    if head.contains("quoted-printable") {
        let mut bytes = Vec::new();
        let text = body.replace("=\r\n", "");
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            if let (b'=', [a, b, after @ ..]) = (first, after) {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&[*a, *b]).unwrap(), 16).unwrap());
                rest = after;
            } else {
                bytes.push(*first);
                rest = after;
            }
        }
        return String::from_utf8(bytes).unwrap();
    }
    assert!(head.contains("7bit") || head.contains("8bit"), "{head}");
    body.to_owned()
}

#[tokio::test]
async fn a_mail_travels_encrypted_with_its_accents_and_to_an_ascii_domain() {
    for (manner, tls) in [(Manner::Starttls, SmtpTls::Starttls), (Manner::Tls, SmtpTls::Tls)] {
        let (scratch, server) = (Scratch::new(), Server::start(manner));
        let mailer = server.mailer(&scratch, tls);
        mailer.check().await.unwrap();
        let to = Email::parse("Jan+Kind@Bücher.nl").unwrap();
        let portal = "Praktijk Café München – één".into();
        let about = Circumstances { to, portal, ..about(Lang::Nl) };
        mailer.send(letters::code(&about, &Secret::new("482913"), CodeFor::LogIn)).unwrap();
        assert!(mailer.drain(SOON).await);
        let heard = server.heard();
        assert!(heard.iter().any(|line| line == "RCPT TO:<Jan+Kind@xn--bcher-kva.nl>"), "{heard:?}");
        assert!(heard.iter().any(|line| line.starts_with("AUTH PLAIN")));
        let plain = heard.iter().filter(|line| line.starts_with("plain"));
        assert!(plain.into_iter().all(|line| line == "plain EHLO" || line == "plain STARTTLS"));
        let mail = heard.iter().find(|line| line.contains("Subject:")).expect("a mail");
        assert!(mail.is_ascii() && mail.contains("Subject: Uw inlogcode\r\n"), "{mail}");
        assert!(
            mail.contains("To: Jan+Kind@xn--bcher-kva.nl\r\n") && mail.contains("From: =?utf-8?"),
            "{mail}"
        );
        let body = body(mail);
        let named = "alleen voor Jan+Kind@Bücher.nl bij Praktijk Café München – één (1 juli 2026";
        assert!(body.contains(named) && body.contains("482 913"), "{body}");
    }
}

#[tokio::test]
async fn nothing_goes_to_a_server_without_starttls_or_with_a_strange_certificate() {
    let (scratch, server) = (Scratch::new(), Server::start(Manner::Plain));
    let mailer = server.mailer(&scratch, SmtpTls::Starttls);
    assert!(mailer.check().await.unwrap_err().to_string().contains("STARTTLS"));
    mailer.send(letter("AAA")).unwrap();
    assert!(mailer.drain(SOON).await);
    assert!(server.heard().iter().all(|line| line == "plain EHLO" || line == "plain QUIT"));

    for (manner, tls) in [(Manner::Starttls, SmtpTls::Starttls), (Manner::Tls, SmtpTls::Tls)] {
        let (scratch, server) = (Scratch::new(), Server::start(manner));
        // Public authorities only: none of them vouches for this server.
        let mailer = server.mailer_with(&scratch, tls, None);
        mailer.check().await.unwrap_err();
        let heard = server.heard();
        assert!(heard.iter().all(|line| line.starts_with("plain")), "{heard:?}");
    }
}

#[tokio::test]
async fn a_busy_server_is_tried_again_and_one_that_refuses_is_not() {
    for (manner, tries, mails) in [(Manner::BusyOnce, 2, 1), (Manner::Refuses, 1, 0)] {
        let (scratch, server) = (Scratch::new(), Server::start(manner));
        let mailer = server.mailer(&scratch, SmtpTls::Starttls);
        mailer.send(letter("AAA")).unwrap();
        assert!(mailer.drain(SOON).await);
        let heard = server.heard();
        assert_eq!(heard.iter().filter(|line| line.starts_with("MAIL")).count(), tries);
        assert_eq!(heard.iter().filter(|line| line.contains("Subject:")).count(), mails);
    }
}

#[test]
fn a_wrong_section_says_what_to_do() {
    let scratch = Scratch::new();
    let error = |section: Mail| Mailer::new(&section, &scratch.0).err().expect("refused").to_string();
    let smtp = |ca: &str| Smtp {
        host: "localhost".into(),
        port: None,
        tls: SmtpTls::Tls,
        ca: Some(ca.into()),
        user: None,
        password: None,
    };
    let good = Mail { from: "a@example.nl".into(), folder: None, smtp: Some(smtp("none.pem")) };
    fs::write(scratch.0.join("empty.pem"), "nothing").unwrap();
    assert!(error(Mail { from: "Namens".into(), ..good.clone() }).contains("Name <address@example.nl>"));
    assert!(error(good.clone()).contains("none.pem"));
    assert!(error(Mail { smtp: Some(smtp("empty.pem")), ..good }).contains("no PEM certificate"));
}
