//! Against a listener of our own: each refusal, and the twin that is let through.

use std::{
    io::{Read, Write},
    net::{IpAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    ssl::{SslAcceptor, SslMethod},
    x509::{X509, X509NameBuilder, extension::SubjectAlternativeName},
};

use super::*;

const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

/// A portal that gives one answer to everybody, and counts the requests that it reads.
struct Portal {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Portal {
    /// With that answer; over TLS where it has a certificate. Without an answer it keeps silent.
    fn start(answer: Option<String>, tls: Option<&Certificate>) -> Self {
        let acceptor = tls.map(|certificate| {
            let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
            builder.set_certificate(&certificate.x509).unwrap();
            builder.set_private_key(&certificate.key).unwrap();
            Arc::new(builder.build())
        });
        let listener = TcpListener::bind((LOCAL, 0)).unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let counted = asked.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, answer) = (stream.unwrap(), answer.clone());
                let (acceptor, counted) = (acceptor.clone(), counted.clone());
                thread::spawn(move || match acceptor {
                    None => serve(stream, answer.as_deref(), &counted),
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream) {
                            serve(stream, answer.as_deref(), &counted);
                        }
                    }
                });
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn url(&self, scheme: &str, host: &str) -> Url {
        format!("{scheme}://{host}:{}/out", self.port).parse().unwrap()
    }
}

fn serve(mut stream: impl Read + Write, answer: Option<&str>, counted: &AtomicUsize) {
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.ends_with(b"logout_token=x") {
        match stream.read(&mut part) {
            Ok(read) if read > 0 => request.extend_from_slice(&part[..read]),
            _ => return,
        }
    }
    counted.fetch_add(1, Ordering::SeqCst);
    match answer {
        Some(answer) => drop(stream.write_all(answer.as_bytes())),
        // Until the other side has had enough.
        None => while matches!(stream.read(&mut part), Ok(read) if read > 0) {},
    }
}

/// A certificate of this machine that vouches for itself, and its key.
struct Certificate {
    x509: X509,
    key: PKey<Private>,
}

impl Certificate {
    fn new() -> Self {
        let key = PKey::from_ec_key(
            EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap(),
        );
        let key = key.unwrap();
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", "a portal").unwrap();
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
        let mut names = SubjectAlternativeName::new();
        let names =
            names.ip("127.0.0.1").dns("localhost").build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(names).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Self { x509: builder.build(), key }
    }

    fn pem(&self) -> Vec<u8> {
        self.x509.to_pem().unwrap()
    }
}

fn named() -> Reach {
    Reach::new([LOCAL])
}

fn outbound(reach: Reach) -> Outbound {
    Outbound::new(&[], reach).unwrap()
}

async fn post(outbound: &Outbound, url: &Url) -> Result<u16, NotCalled> {
    outbound.post(url, "logout_token=x".to_owned()).await.map(|answer| answer.status.as_u16())
}

#[tokio::test]
async fn a14_this_machine_is_called_only_where_the_operator_names_it() {
    let portal = Portal::start(Some(FINE.into()), None);
    let url = portal.url("http", "127.0.0.1");
    assert!(matches!(post(&outbound(Reach::default()), &url).await, Err(NotCalled::OutOfReach(_))));
    // Another name for the same place.
    for host in ["[::ffff:127.0.0.1]", "0x7f000001", "2130706433"] {
        let url = portal.url("http", host);
        assert!(
            matches!(post(&outbound(Reach::default()), &url).await, Err(NotCalled::OutOfReach(_))),
            "{host}"
        );
    }
    let by_name = post(&outbound(named()), &portal.url("http", "localhost")).await;
    assert_eq!(by_name, Err(NotCalled::OutOfReach(OutOfReach::Scheme)));
    assert_eq!(portal.asked(), 0);
    assert_eq!(post(&outbound(named()), &url).await, Ok(200));
    assert_eq!(portal.asked(), 1);
}

#[tokio::test]
async fn a14_a_name_is_looked_up_once_a_call_and_only_an_address_that_may_be_called_is_connected_to() {
    let certificate = Certificate::new();
    let portal = Portal::start(Some(FINE.into()), Some(&certificate));
    let roots = [certificate.pem()];
    let url = portal.url("https", "localhost");
    // What the name means changes from one look-up to the next, and not all of it may be called.
    for (reach, means, expected) in [
        (named(), vec![LOCAL], Ok(200)),
        (named(), vec!["10.0.0.1".parse().unwrap(), LOCAL], Ok(200)),
        (named(), vec!["10.0.0.1".parse().unwrap()], Err(NotCalled::OutOfReach(OutOfReach::Private))),
        (Reach::default(), vec![LOCAL], Err(NotCalled::OutOfReach(OutOfReach::Private))),
        (named(), vec![], Err(NotCalled::OutOfReach(OutOfReach::Private))),
    ] {
        let asked = Arc::new(AtomicUsize::new(0));
        let (counted, first) = (asked.clone(), means.clone());
        let lookup = move |host: String| {
            assert_eq!(host, "localhost");
            let means = if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                first.clone()
            } else {
                vec!["127.0.0.66".parse().unwrap()]
            };
            async move { Ok(means.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect()) }
        };
        let outbound = Outbound::with(&roots, reach, lookup, TOTAL).unwrap();
        assert_eq!(post(&outbound, &url).await, expected, "{means:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{means:?}");
    }
    assert_eq!(portal.asked(), 2);
    // And by the system's own look-up.
    let outbound = |reach| Outbound::new(&roots, reach).unwrap();
    assert_eq!(post(&outbound(named()), &url).await, Ok(200));
    assert!(matches!(post(&outbound(Reach::default()), &url).await, Err(NotCalled::OutOfReach(_))));
    assert_eq!(portal.asked(), 3);
}

#[tokio::test]
async fn a14_a_certificate_must_be_of_a_trusted_root_and_of_that_host() {
    let certificate = Certificate::new();
    let portal = Portal::start(Some(FINE.into()), Some(&certificate));
    let (wrong, right) = (Certificate::new().pem(), certificate.pem());
    let reach = || Reach::new([LOCAL, "127.0.0.2".parse().unwrap()]);
    let url = portal.url("https", "127.0.0.1");
    for roots in [vec![], vec![wrong]] {
        assert_eq!(post(&Outbound::new(&roots, reach()).unwrap(), &url).await, Err(NotCalled::Unreachable));
    }
    let good = Outbound::new(&[right], reach()).unwrap();
    // Another address, at which the same server would answer: the certificate does not name it.
    let stranger = forward("127.0.0.2".parse().unwrap(), portal.port);
    let other = format!("https://127.0.0.2:{stranger}/out").parse().unwrap();
    assert_eq!(post(&good, &other).await, Err(NotCalled::Unreachable));
    assert_eq!(portal.asked(), 0);
    assert_eq!(post(&good, &url).await, Ok(200));
    for bad in [b"no certificate".to_vec(), vec![]] {
        assert!(Outbound::new(&[bad], reach()).is_err());
    }
}

/// Passes on what comes to that address.
fn forward(from: IpAddr, to: u16) -> u16 {
    let listener = TcpListener::bind((from, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for near in listener.incoming() {
            let (mut near, mut far) = (near.unwrap(), TcpStream::connect((LOCAL, to)).unwrap());
            let (mut back, mut there) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut near, &mut there));
            thread::spawn(move || std::io::copy(&mut far, &mut back));
        }
    });
    port
}

#[tokio::test]
async fn a14_no_redirect_is_followed() {
    let trap = Portal::start(Some(FINE.into()), None);
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let to = trap.url("http", "127.0.0.1");
        let away =
            format!("HTTP/1.1 {status}\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let portal = Portal::start(Some(away), None);
        let answer = post(&outbound(named()), &portal.url("http", "127.0.0.1")).await;
        assert_eq!(answer, Ok(status.split(' ').next().unwrap().parse().unwrap()));
    }
    assert_eq!(trap.asked(), 0);
    assert_eq!(post(&outbound(named()), &trap.url("http", "127.0.0.1")).await, Ok(200));
}

#[tokio::test]
async fn a14_an_answer_has_a_largest_size_whether_or_not_it_is_told_before() {
    for (size, fits) in [(MAX_BODY, true), (MAX_BODY + 1, false)] {
        let body = "x".repeat(size);
        for head in [format!("content-length: {size}\r\n"), String::new()] {
            let answer = format!("HTTP/1.1 200 OK\r\n{head}connection: close\r\n\r\n{body}");
            let portal = Portal::start(Some(answer), None);
            let read =
                outbound(named()).post(&portal.url("http", "127.0.0.1"), "logout_token=x".into()).await;
            match read {
                Ok(answer) => assert!(fits && answer.body.len() == size),
                Err(why) => assert!(!fits && why == NotCalled::TooLarge, "{why}"),
            }
        }
    }
}

#[tokio::test]
async fn a14_who_says_nothing_or_never_ends_is_given_up() {
    let endless = format!("HTTP/1.1 200 OK\r\ncontent-length: {MAX_BODY}\r\n\r\nx");
    let silent = Portal::start(None, None);
    let short = Outbound::with(&[], named(), look_up, Duration::from_millis(300)).unwrap();
    assert_eq!(post(&short, &silent.url("http", "127.0.0.1")).await, Err(NotCalled::Timeout));
    // Cut off before its end: no answer either.
    let cut = Portal::start(Some(endless), None);
    assert_eq!(post(&outbound(named()), &cut.url("http", "127.0.0.1")).await, Err(NotCalled::Unreachable));
    // Nobody is there.
    let nobody = "http://127.0.0.1:9/".parse().unwrap();
    assert_eq!(post(&outbound(named()), &nobody).await, Err(NotCalled::Unreachable));
}
