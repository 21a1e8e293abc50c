//! Namens speaks TLS itself: with what, with which certificate, and in spite of whom.

use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

use namens::{clock::Clock, simulator::pki::Pair};
use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion},
    x509::{
        X509, X509NameBuilder,
        extension::{BasicConstraints, ExtendedKeyUsage, SubjectAlternativeName},
    },
};

use crate::{
    config::refuses,
    digid_metadata::{DAY, pki, put, said},
    house::House,
};

/// What a certificate is to be.
#[derive(Default)]
pub struct Wanted<'a> {
    /// Its common name.
    pub name: &'a str,
    pub dns: Option<&'a str>,
    pub ip: Option<IpAddr>,
    pub uri: Option<&'a str>,
    pub email: Option<&'a str>,
    /// Days from now at which it begins and ends.
    pub days: (i64, i64),
    /// Who signs it; itself, if nobody.
    pub by: Option<&'a Pair>,
    /// Whether its key is of RSA.
    pub rsa: bool,
}

/// A certificate on P-256 or of RSA and its key, for both ends of TLS.
pub fn issue(wanted: &Wanted<'_>) -> (X509, PKey<Private>) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = if wanted.rsa {
        PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
    } else {
        PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
    };
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("C", "NL").unwrap();
    subject.append_entry_by_text("O", "Huisarts, De Linde").unwrap();
    subject.append_entry_by_text("CN", wanted.name).unwrap();
    let subject = subject.build();
    let by = wanted.by.map(|pair| {
        let read = |path: &Path| fs::read(path).unwrap();
        (
            X509::from_pem(&read(&pair.certificate)).unwrap(),
            PKey::private_key_from_pem(&read(&pair.key)).unwrap(),
        )
    });
    let mut serial = BigNum::new().unwrap();
    serial.rand(120, MsbOption::ONE, false).unwrap();
    let at = |days: i64| Asn1Time::from_unix(Clock.now().plus(days * DAY).epoch()).unwrap();
    let days = if wanted.days == (0, 0) { (-1, 365) } else { wanted.days };
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(by.as_ref().map_or(&*subject, |(ca, _)| ca.subject_name())).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&at(days.0)).unwrap();
    builder.set_not_after(&at(days.1)).unwrap();
    builder.append_extension(BasicConstraints::new().critical().build().unwrap()).unwrap();
    builder.append_extension(ExtendedKeyUsage::new().server_auth().client_auth().build().unwrap()).unwrap();
    let mut names = SubjectAlternativeName::new();
    let ip = wanted.ip.map(|ip| ip.to_string());
    wanted.dns.map(|dns| names.dns(dns));
    ip.as_ref().map(|ip| names.ip(ip));
    wanted.uri.map(|uri| names.uri(uri));
    wanted.email.map(|email| names.email(email));
    if wanted.dns.is_some() || ip.is_some() || wanted.uri.is_some() || wanted.email.is_some() {
        let names = names.build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(names).unwrap();
    }
    builder.sign(by.as_ref().map_or(&key, |(_, key)| key), MessageDigest::sha256()).unwrap();
    (builder.build(), key)
}

/// Puts a pair where `[tls]` of [`house`] looks, each file at one moment.
fn put_pair(house: &House, (certificate, key): &(X509, PKey<Private>)) {
    let text = |pem: Vec<u8>| String::from_utf8(pem).unwrap();
    put(&house.folder.join("web.key"), &text(key.private_key_to_pem_pkcs8().unwrap()));
    put(&house.folder.join("web.crt"), &text(certificate.to_pem().unwrap()));
}

/// The address of a house.
pub fn ip(house: &House) -> IpAddr {
    let host = house.issuer.split("//").nth(1).unwrap().split(':').next().unwrap();
    host.parse().unwrap()
}

/// An installation that speaks TLS with a certificate of its development CA, not yet open, with more tables.
pub async fn closed(tables: &str) -> House {
    let mut house = House::start().await;
    house.kill();
    let ip = ip(&house);
    let ca = pki(&house).ca;
    put_pair(&house, &issue(&Wanted { name: "web", ip: Some(ip), by: Some(&ca), ..Wanted::default() }));
    let path = house.folder.join("namens.toml");
    let text = fs::read_to_string(&path).unwrap().replace(&house.issuer, &format!("https://{ip}:8443"));
    let text = text.replace(&format!("listen = \"{ip}:8080\""), &format!("listen = \"{ip}:8443\""));
    put(&path, &format!("{text}[tls]\ncertificate = \"web.crt\"\nkey = \"web.key\"\n{tables}"));
    house.issuer = format!("https://{ip}:8443");
    house
}

/// The same, open.
async fn house() -> House {
    let mut house = closed("").await;
    house.open_doors();
    house
}

/// What trusts the development CA and nobody else; with the pair, it shows that where it is asked for one.
pub fn http(house: &House, shows: Option<&(X509, PKey<Private>)>) -> reqwest::Client {
    let ca = fs::read(pki(house).ca.certificate).unwrap();
    let mut client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()])
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none());
    if let Some((certificate, key)) = shows {
        let pem = [certificate.to_pem().unwrap(), key.private_key_to_pem_pkcs8().unwrap()].concat();
        client = client.identity(reqwest::Identity::from_pem(&pem).unwrap());
    }
    client.build().unwrap()
}

async fn answers(house: &House) -> bool {
    let url = format!("{}/.well-known/openid-configuration", house.issuer);
    http(house, None).get(url).send().await.is_ok_and(|answer| answer.status() == 200)
}

/// A handshake by OpenSSL with this version and these suites of TLS 1.2: the suite and the serial number of the certificate.
fn handshake(house: &House, version: SslVersion, suites: &str) -> Result<(String, String), String> {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
    connector.set_verify(SslVerifyMode::NONE);
    connector.set_min_proto_version(Some(version)).unwrap();
    connector.set_max_proto_version(Some(version)).unwrap();
    connector.set_cipher_list(suites).unwrap();
    let stream = TcpStream::connect(SocketAddr::new(ip(house), 8443)).unwrap();
    let mut configured = connector.build().configure().unwrap();
    configured.set_verify_hostname(false);
    let stream = configured.connect("x", stream).map_err(|error| format!("{error:?}"))?;
    let serial = stream.ssl().peer_certificate().unwrap().serial_number().to_bn().unwrap();
    Ok((stream.ssl().current_cipher().unwrap().name().to_owned(), serial.to_hex_str().unwrap().to_string()))
}

fn serial((certificate, _): &(X509, PKey<Private>)) -> String {
    certificate.serial_number().to_bn().unwrap().to_hex_str().unwrap().to_string()
}

#[tokio::test]
async fn tls_1_2_and_1_3_with_forward_secrecy_are_spoken_and_nothing_else_is() {
    let house = house().await;
    assert!(answers(&house).await);
    assert!(reqwest::get(format!("{}/healthz", house.issuer)).await.is_err(), "a stranger does not trust it");
    let modern = "ECDHE-ECDSA-AES128-GCM-SHA256";
    for good in [modern, "ECDHE-ECDSA-AES256-GCM-SHA384"] {
        assert_eq!(handshake(&house, SslVersion::TLS1_2, good).unwrap().0, good);
    }
    assert!(handshake(&house, SslVersion::TLS1_3, modern).unwrap().0.starts_with("TLS_"));
    for (version, suites, alert) in [
        (SslVersion::TLS1_1, "ALL:@SECLEVEL=0", "handshake failure"),
        (SslVersion::TLS1_2, "ECDHE-ECDSA-AES128-SHA256", "handshake failure"),
        (SslVersion::TLS1_2, "ECDHE-ECDSA-AES256-SHA", "handshake failure"),
        // Sound, and none of those that BCP 195 recommends.
        (SslVersion::TLS1_2, "ECDHE-ECDSA-CHACHA20-POLY1305", "handshake failure"),
        (SslVersion::TLS1_2, "CHACHA20", "handshake failure"),
    ] {
        let refused = handshake(&house, version, suites).unwrap_err();
        assert!(refused.contains("alert") && refused.contains(alert), "{suites}: {refused}");
    }
    // Who speaks plain HTTP hears none.
    let mut plain = TcpStream::connect(SocketAddr::new(ip(&house), 8443)).unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    plain.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let mut heard = Vec::new();
    let _ = plain.read_to_end(&mut heard);
    assert!(!String::from_utf8_lossy(&heard).contains("HTTP"), "{heard:?}");
    // Cookies are for TLS only.
    let asked = crate::portal::request(&house, &[]).url;
    let cookies =
        http(&house, None).get(asked).send().await.unwrap().headers().get_all("set-cookie").iter().count();
    assert!(cookies > 0);
}

#[tokio::test]
async fn with_a_key_of_rsa_the_recommended_suites_are_spoken_and_no_others() {
    let mut house = closed("").await;
    let ca = pki(&house).ca;
    let wanted = Wanted { name: "web", ip: Some(ip(&house)), by: Some(&ca), rsa: true, ..Wanted::default() };
    put_pair(&house, &issue(&wanted));
    house.open_doors();
    for good in ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"] {
        assert_eq!(handshake(&house, SslVersion::TLS1_2, good).unwrap().0, good);
    }
    for bad in ["ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-AES256-SHA384", "AES128-GCM-SHA256"] {
        let refused = handshake(&house, SslVersion::TLS1_2, bad).unwrap_err();
        assert!(refused.contains("alert") && refused.contains("handshake failure"), "{bad}: {refused}");
    }
}

/// All suites of TLS 1.2 that are spoken, in alphabetical order: each is found by leaving out those before it.
fn spoken(house: &House) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let others: String = found.iter().map(|suite| format!(":!{suite}")).collect();
        match handshake(house, SslVersion::TLS1_2, &format!("ALL{others}:@SECLEVEL=0")) {
            Ok((suite, _)) => found.push(suite),
            Err(refused) => {
                assert!(refused.contains("handshake failure"), "{refused}");
                found.sort();
                return found;
            }
        }
    }
}

/// The lists that `docs/proxy.md` gives to proxies, each in alphabetical order.
fn told_to_proxies() -> Vec<Vec<String>> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/proxy.md")).unwrap();
    let after = |word: &'static str| {
        let found = text.match_indices(word).map(|(at, _)| &text[at + word.len()..]);
        found.map(|rest| rest.split([' ', ';', '\n']).next().unwrap()).collect::<Vec<_>>()
    };
    let lists = [after("ssl_ciphers "), after(" ciphers ")].concat();
    let sorted = |list: &str| {
        let mut suites: Vec<_> = list.split(':').map(str::to_owned).collect();
        suites.sort();
        suites
    };
    lists.into_iter().map(sorted).collect()
}

#[tokio::test]
async fn a_proxy_is_told_to_speak_the_suites_that_are_spoken_here_and_no_others() {
    let mut house = house().await;
    let mut all = spoken(&house);
    house.kill();
    let ca = pki(&house).ca;
    let wanted = Wanted { name: "web", ip: Some(ip(&house)), by: Some(&ca), rsa: true, ..Wanted::default() };
    put_pair(&house, &issue(&wanted));
    house.open_doors();
    all.extend(spoken(&house));
    all.sort();
    let lists = told_to_proxies();
    assert!(all.len() >= 2 && lists.len() >= 3, "{all:?} {lists:?}");
    for list in lists {
        assert_eq!(list, all);
    }
}

#[tokio::test]
async fn a_new_certificate_counts_without_a_restart_and_a_bad_one_changes_nothing() {
    let house = house().await;
    let now = || handshake(&house, SslVersion::TLS1_3, "ALL").unwrap().1;
    let (before, ca) = (now(), pki(&house).ca);
    let new = issue(&Wanted { name: "new", ip: Some(ip(&house)), by: Some(&ca), ..Wanted::default() });
    put_pair(&house, &new);
    let patience = Instant::now() + Duration::from_mins(2);
    while now() == before {
        assert!(Instant::now() < patience, "{}", house.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(now(), serial(&new));
    // A certificate whose key is another's.
    let other = issue(&Wanted { name: "other", ..Wanted::default() });
    put(&house.folder.join("web.crt"), &String::from_utf8(other.0.to_pem().unwrap()).unwrap());
    while !house.log().contains("the files of [tls] cannot be used") {
        assert!(Instant::now() < patience + Duration::from_mins(2), "{}", house.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(now(), serial(&new));
    assert!(answers(&house).await);
}

#[tokio::test]
async fn a23_who_begins_a_handshake_and_says_no_more_keeps_nobody_waiting_and_is_let_go() {
    let house = house().await;
    let at = SocketAddr::new(ip(&house), 8443);
    // Half of them begin to greet: the head of a record that never comes whole.
    let mut silent: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(at).unwrap()).collect();
    for stream in silent.iter_mut().step_by(2) {
        stream.write_all(&[0x16, 3, 1, 1, 0, 1]).unwrap();
    }
    for _ in 0..5 {
        assert!(answers(&house).await);
    }
    for stream in silent.iter_mut().take(2) {
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        // It ends, in peace or not, and long before a connection without a request would.
        let heard = stream.read(&mut [0; 64]);
        let late = |error: &std::io::Error| {
            matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
        };
        assert!(!heard.as_ref().is_err_and(late), "{heard:?}");
    }
}

#[tokio::test]
async fn the_doctor_looks_at_chain_key_names_and_end() {
    let mut house = closed("[metrics]\nlisten = \"LISTEN\"\n").await;
    let (ip, ca) = (ip(&house), pki(&house).ca);
    let path = house.folder.join("namens.toml");
    put(&path, &fs::read_to_string(&path).unwrap().replace("LISTEN", &format!("{ip}:9464")));
    let pem = |one: &X509| String::from_utf8(one.to_pem().unwrap()).unwrap();
    let root = fs::read_to_string(&ca.certificate).unwrap();
    let of = |days| issue(&Wanted { name: "web", ip: Some(ip), by: Some(&ca), days, ..Wanted::default() });
    let whole = |pair: &(X509, PKey<Private>)| {
        put_pair(&house, pair);
        put(&house.folder.join("web.crt"), &(pem(&pair.0) + &root));
        said(&house.run(&["doctor"]))
    };
    for (days, line) in [
        (200, "ok       TLS: the TLS certificate ends in"),
        (60, "order the next one"),
        (20, "replace it this month"),
        (5, "replace it this week"),
    ] {
        let told = whole(&of((-1, days)));
        let found = told.lines().find(|line| line.contains("the TLS certificate ends in")).unwrap();
        assert!(found.contains(line), "{days}: {told}");
        assert!(!told.contains("error    TLS") && !told.contains("intermediates"), "{told}");
    }
    assert!(whole(&of((-9, -1))).contains("the TLS certificate ended on"));
    assert!(whole(&of((1, 9))).contains("the TLS certificate counts only from"));
    let other =
        issue(&Wanted { name: "web", dns: Some("id.example.nl"), by: Some(&ca), ..Wanted::default() });
    assert!(whole(&other).contains(&format!("the TLS certificate is not for {ip}")));
    let alone = of((-1, 90));
    put_pair(&house, &alone);
    assert!(said(&house.run(&["doctor"])).contains("holds no intermediates"));
    put(&house.folder.join("web.crt"), &(pem(&alone.0) + &pem(&other.0)));
    assert!(said(&house.run(&["doctor"])).contains("is no chain"));
    // What cannot be spoken with at all is refused at the start too.
    put(&house.folder.join("web.crt"), &pem(&other.0));
    for told in [said(&house.run(&["doctor"])), refuses(&house)] {
        assert!(told.contains("do not belong together"), "{told}");
    }
    put_pair(&house, &alone);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(house.folder.join("web.key"), open).unwrap();
    for told in [said(&house.run(&["doctor"])), refuses(&house)] {
        assert!(told.contains("chmod 600"), "{told}");
    }
    put_pair(&house, &alone);
    house.open_doors();
    let told = reqwest::get(format!("http://{ip}:9464/metrics")).await.unwrap().text().await.unwrap();
    assert!(told.contains("namens_expires_in_seconds{what=\"tls_server\",name=\"web\""), "{told}");
}
