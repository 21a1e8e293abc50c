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
    x509::{
        X509, X509Builder, X509NameBuilder,
        extension::{BasicConstraints, SubjectAlternativeName, SubjectKeyIdentifier},
    },
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
    client::danger::ServerCertVerifier,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};

use super::{given::OneCall, *};

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
        Self::of(None)
    }

    /// The same, that another vouches for.
    fn of(by: Option<&Self>) -> Self {
        Self::make("a portal", by, |builder| {
            let context = builder.x509v3_context(None, None);
            let names = SubjectAlternativeName::new().ip("127.0.0.1").dns("localhost").build(&context);
            builder.append_extension(names.unwrap()).unwrap();
        })
    }

    /// As `openssl req -x509 -subj /CN=localhost` makes it, and so the suite's own server: of an authority, and without a name.
    fn bare() -> Self {
        Self::make("localhost", None, |builder| {
            let id = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None));
            builder.append_extension(id.unwrap()).unwrap();
            builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        })
    }

    fn make(called: &str, by: Option<&Self>, extend: impl Fn(&mut X509Builder)) -> Self {
        let key = PKey::from_ec_key(
            EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap(),
        );
        let key = key.unwrap();
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", called).unwrap();
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(by.map_or(&*name, |by| by.x509.subject_name())).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
        extend(&mut builder);
        builder.sign(by.map_or(&key, |by| &by.key), MessageDigest::sha256()).unwrap();
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
    let authority = Certificate::bare();
    let certificate = Certificate::of(Some(&authority));
    let portal = Portal::start(Some(FINE.into()), Some(&certificate));
    let (wrong, right) = (Certificate::bare().pem(), authority.pem());
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

#[tokio::test]
async fn a14_a_given_certificate_is_a_servers_own_at_a_named_address_whatever_stands_in_it() {
    let certificate = Certificate::bare();
    let portal = Portal::start(Some(FINE.into()), Some(&certificate));
    let two: IpAddr = "127.0.0.2".parse().unwrap();
    let far = forward(two, portal.port);
    let by_name = portal.url("https", "localhost");
    let by_address = portal.url("https", "127.0.0.1");
    let elsewhere: Url = format!("https://127.0.0.2:{far}/out").parse().unwrap();
    let of = |given: Vec<u8>, reach: Reach| Outbound::new(&[given], reach).unwrap();
    let both = || Reach::new([LOCAL, two]);

    // Another certificate of the same name, and the same one at an address that is not named.
    for url in [&by_name, &by_address, &elsewhere] {
        let stranger = of(Certificate::bare().pem(), both());
        assert_eq!(post(&stranger, url).await, Err(NotCalled::Unreachable), "{url}");
    }
    for (url, reach) in
        [(&by_name, Reach::new([two])), (&by_address, Reach::default()), (&elsewhere, Reach::new([LOCAL]))]
    {
        let refused = post(&of(certificate.pem(), reach), url).await;
        assert!(matches!(refused, Err(NotCalled::OutOfReach(_))), "{url}: {refused:?}");
    }
    assert_eq!(portal.asked(), 0);
    for (url, reach) in [
        (&by_name, named()),
        (&by_address, named()),
        (&by_name, both()),
        // Whatever its name: the certificate has none.
        (&elsewhere, Reach::new([two])),
    ] {
        assert_eq!(post(&of(certificate.pem(), reach), url).await, Ok(200), "{url}");
    }
    assert_eq!(portal.asked(), 4);
}

/// The verifier alone, since nothing public can be called from here: what a name leads to decides.
#[test]
fn a14_a_given_certificate_without_a_name_counts_nowhere_but_at_named_addresses() {
    let certificate = Certificate::bare();
    let given = Given::read(&[certificate.pem()]).unwrap().unwrap();
    let der = CertificateDer::from(certificate.x509.to_der().unwrap());
    let now = UnixTime::now();
    for (server, name_is_named, fits) in [
        ("localhost.example", true, true),
        ("localhost.example", false, false),
        ("127.0.0.1", false, true),
        ("1.1.1.1", true, false),
    ] {
        let verifier =
            OneCall { given: given.clone(), reach: named(), named: Arc::new(AtomicBool::new(name_is_named)) };
        let name = ServerName::try_from(server).unwrap();
        assert_eq!(verifier.verify_server_cert(&der, &[], &name, &[], now).is_ok(), fits, "{server}");
    }
}

/// A name that leads to addresses of which one is nobody's whom the operator named. The first answers, so that nothing goes to the other.
#[tokio::test]
async fn a14_a_given_certificate_counts_for_a_name_only_where_all_that_it_leads_to_is_named() {
    let certificate = Certificate::bare();
    let portal = Portal::start(Some(FINE.into()), Some(&certificate));
    let public: IpAddr = "1.1.1.1".parse().unwrap();
    for (means, expected) in [
        (vec![LOCAL, public], Err(NotCalled::Unreachable)),
        (vec![LOCAL], Ok(200)),
        (vec![LOCAL; 2], Ok(200)),
    ] {
        let found: Vec<_> = means.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
        let lookup = move |_: String| {
            let found = found.clone();
            async move { Ok(found) }
        };
        let outbound = Outbound::with(&[certificate.pem()], named(), lookup, TOTAL).unwrap();
        assert_eq!(post(&outbound, &portal.url("https", "localhost")).await, expected, "{means:?}");
    }
    assert_eq!(portal.asked(), 2);
}

/// What a call offers, in its first record (RFC 8446 section 4.1.2), with certificates of the operator's and without.
#[tokio::test]
async fn of_tls_1_2_the_four_suites_of_bcp_195_are_offered_and_no_others() {
    for roots in [vec![], vec![Certificate::bare().pem()]] {
        let listener = TcpListener::bind((LOCAL, 0)).unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let heard = thread::spawn(move || {
            let mut record = vec![0; 2048];
            let mut stream = listener.accept().unwrap().0;
            // The head of a record, that of a handshake, version and random.
            stream.read_exact(&mut record[..43]).unwrap();
            stream.read_exact(&mut record[43..44]).unwrap();
            let session = usize::from(record[43]);
            stream.read_exact(&mut record[..session + 2]).unwrap();
            let length = usize::from(u16::from_be_bytes([record[session], record[session + 1]]));
            stream.read_exact(&mut record[..length]).unwrap();
            record[..length].chunks(2).map(|two| u16::from_be_bytes([two[0], two[1]])).collect::<Vec<_>>()
        });
        let refused = post(&Outbound::new(&roots, named()).unwrap(), &url).await;
        assert_eq!(refused, Err(NotCalled::Unreachable));
        let mut offered = heard.join().unwrap();
        offered.sort_unstable();
        // AES-128-GCM, AES-256-GCM and ChaCha20 of TLS 1.3, the mark of RFC 5746, and the four.
        assert_eq!(
            offered,
            [0x00ff, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xc02f, 0xc030],
            "{offered:04x?}"
        );
    }
}

/// Its certificate is public: only who has its key is that server.
#[tokio::test]
async fn a14_who_shows_a_given_certificate_and_has_not_its_key_is_refused() {
    let (certificate, reach) = (Certificate::bare(), named());
    for version in [&TLS12, &TLS13] {
        let thief = showing(&certificate.x509, &Certificate::bare().key, version);
        let owner = showing(&certificate.x509, &certificate.key, version);
        let outbound = Outbound::new(&[certificate.pem()], reach.clone()).unwrap();
        let refused = post(&outbound, &thief.url("https", "127.0.0.1")).await;
        assert_eq!((refused, thief.asked()), (Err(NotCalled::Unreachable), 0));
        assert_eq!(post(&outbound, &owner.url("https", "127.0.0.1")).await, Ok(200));
    }
}

/// A portal that shows that certificate and signs with that key, which OpenSSL takes together only where they belong together.
fn showing(x509: &X509, key: &PKey<Private>, version: &'static SupportedProtocolVersion) -> Portal {
    let key = PrivateKeyDer::try_from(key.private_key_to_pkcs8().unwrap()).unwrap();
    let signer = aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let shown = CertifiedKey::new(vec![CertificateDer::from(x509.to_der().unwrap())], signer);
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    let config = Arc::new(config);
    let listener = TcpListener::bind((LOCAL, 0)).unwrap();
    let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counted = asked.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (config, counted) = (config.clone(), counted.clone());
            thread::spawn(move || {
                let connection = ServerConnection::new(config).unwrap();
                serve(StreamOwned::new(connection, stream.unwrap()), Some(FINE), &counted);
            });
        }
    });
    Portal { port, asked }
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
