//! What Prometheus reads of the running program: how soon certificates end, and what was counted; nothing about anybody.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use namens::clock::Clock;

use crate::{
    browser::Browser,
    config::refuses,
    digid_metadata::{DAY, bare, dated, ending, pki, put, sign, stopped, with},
    digid_steps::register_with_digid,
    house::{House, PASSWORD, SECRET},
    portal::register,
};

const BSN: &str = "999990019";
const DIGID: &str = "namens_expires_in_seconds{what=\"digid_metadata\"";

/// The configuration with a listener for the numbers, on the address of its own that the house has.
fn counted(house: &House) -> (String, String) {
    let text = fs::read_to_string(house.folder.join("namens.toml")).unwrap();
    let listen = house.issuer.trim_start_matches("http://").replace(":8080", ":9464");
    (with(&text, "[mail]", &format!("[metrics]\nlisten = \"{listen}\"\n[mail]")), listen)
}

/// The text format of Prometheus 0.0.4: each series with its value. Lines that are none of it fail.
async fn scrape(listen: &str) -> BTreeMap<String, f64> {
    let answer = reqwest::get(format!("http://{listen}/metrics")).await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()["content-type"]),
        (reqwest::StatusCode::OK, &"text/plain; version=0.0.4; charset=utf-8".parse().unwrap())
    );
    let text = answer.text().await.unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# HELP ") && !line.starts_with("# TYPE "));
    let series = lines.map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("namens_") && (name.ends_with('}') || !name.contains('{')), "{line}");
        (name.to_owned(), value.parse().unwrap())
    });
    let read: Vec<(String, f64)> = series.collect();
    let all: BTreeMap<_, _> = read.iter().cloned().collect();
    assert_eq!(all.len(), read.len(), "a series is there twice: {text}");
    all
}

/// The one series that begins so.
fn one<'a>(all: &'a BTreeMap<String, f64>, begin: &str) -> (&'a str, f64) {
    let found: Vec<_> = all.iter().filter(|(name, _)| name.starts_with(begin)).collect();
    assert_eq!(found.len(), 1, "{begin}: {all:#?}");
    (found[0].0, *found[0].1)
}

fn in_days(value: f64, days: i32) -> bool {
    // A machine may stall for as long as it likes, up to a day.
    let days = f64::from(days) * 86_400.0;
    days - 86_400.0 < value && value <= days + 60.0
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_told_with_its_seconds_and_no_more_once_it_is_replaced() {
    let mut house = stopped().await;
    let (pki, bare) = (pki(&house), bare(&house));
    let (text, listen) = counted(&house);
    let short = dated(&pki.sp_saml, &house.folder.join("short.crt"), (-9, 20));
    put(
        &house.folder.join("namens.toml"),
        &with(&text, pki.sp_saml.certificate.to_str().unwrap(), short.to_str().unwrap()),
    );
    put(&house.folder.join("digid.xml"), &sign(&ending(&bare, Clock.now().plus(5 * DAY)), &pki.digid_saml));
    house.open_doors();
    let all = scrape(&listen).await;
    let signing = "namens_expires_in_seconds{what=\"saml_signing\",name=\"namens-1\",serial=\"";
    let (older, left) = one(&all, signing);
    assert!(in_days(left, 20), "{left}");
    let lasts = |all: &BTreeMap<String, f64>, what: &str, days| {
        let series = format!("namens_lasts_for_seconds{{what=\"{what}\"}}");
        assert!(in_days(one(all, &series).1, days), "{series}: {all:#?}");
    };
    for (what, days) in [("saml_signing", 20), ("digid_metadata", 5), ("tls_client", 730)] {
        lasts(&all, what, days);
    }
    let (metadata, left) = one(&all, DIGID);
    assert!(
        in_days(left, 5) && metadata.contains("https://digid.test/saml/idp/metadata"),
        "{metadata} {left}"
    );
    for what in ["tls_client", "digid_signing", "digid_metadata_signing"] {
        let (_, left) = one(&all, &format!("namens_expires_in_seconds{{what=\"{what}\""));
        assert!(in_days(left, 730), "{what}: {left}");
    }
    // Replaced while the server runs.
    put(&short, &fs::read_to_string(&pki.sp_saml.certificate).unwrap());
    let patience = Instant::now() + Duration::from_mins(2);
    loop {
        let all = scrape(&listen).await;
        // The one series there is.
        let (name, left) = one(&all, signing);
        if in_days(left, 730) {
            assert_ne!(name, older);
            lasts(&all, "saml_signing", 730);
            break;
        }
        assert!(Instant::now() < patience, "{name} {left}: {}", house.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn logins_tokens_and_requests_are_counted_and_nobody_is_named() {
    let mut house = stopped().await;
    let (text, listen) = counted(&house);
    put(&house.folder.join("namens.toml"), &text);
    house.open_doors();
    // An alert on an increase sees the first of each only where its series was there before.
    let all = scrape(&listen).await;
    for series in [
        "namens_logins_total{way=\"local\",outcome=\"ok\"}",
        "namens_logins_total{way=\"digid\",outcome=\"ok\"}",
        "namens_logins_total{way=\"digid\",outcome=\"digid_unreachable\"}",
        "namens_tokens_issued_total",
        "namens_mandates_told_total{whom=\"portal\"}",
        "namens_mandates_told_total{whom=\"person\"}",
        "namens_audit_set_back_total",
        "namens_digid_busy_total{what=\"logout\"}",
        "namens_digid_busy_total{what=\"request\"}",
    ] {
        assert_eq!(all.get(series), Some(&0.0), "{series}: {all:#?}");
    }
    register(&house, &Browser::new(), "jansen@voorbeeld.nl").await;
    register_with_digid(&house, BSN, "anna@voorbeeld.nl", "").await;
    let stranger = Browser::new();
    assert_eq!(stranger.get(&format!("{}/een/geheim/pad?x=y", house.issuer)).await.status, 404);
    assert_eq!(
        stranger.get(&format!("{}/metrics", house.issuer)).await.status,
        404,
        "not beside people's doors"
    );
    assert_eq!(stranger.get(&format!("{}/login/verzonnen", house.issuer)).await.status, 410);
    let all = scrape(&listen).await;
    for (series, count) in [
        ("namens_logins_total{way=\"local\",outcome=\"ok\"}", 1.0),
        ("namens_logins_total{way=\"digid\",outcome=\"ok\"}", 1.0),
        ("namens_tokens_issued_total", 2.0),
        ("namens_http_requests_total{route=\"/token\",status=\"200\"}", 2.0),
        ("namens_http_requests_total{route=\"/digid/acs\",status=\"303\"}", 1.0),
        ("namens_http_requests_total{route=\"/login/{id}\",status=\"410\"}", 1.0),
        ("namens_http_requests_total{route=\"none\",status=\"404\"}", 2.0),
    ] {
        assert_eq!(all.get(series), Some(&count), "{series}: {all:#?}");
    }
    let text = format!("{all:?}");
    let accounts = house.query("SELECT id FROM accounts");
    for secret in [BSN, "voorbeeld", "geheim", "verzonnen", PASSWORD, SECRET]
        .into_iter()
        .chain(accounts.iter().map(String::as_str))
    {
        assert!(!text.contains(secret), "{secret} is told: {all:#?}");
    }
    let only = stranger.request(reqwest::Method::GET, &format!("http://{listen}/token"));
    assert_eq!(only.send().await.unwrap().status(), 404, "there is no other door");
    // The twin: without the section nobody listens there.
    house.reconfigure(&format!("[metrics]\nlisten = \"{listen}\"\n"), "");
    assert!(reqwest::get(format!("http://{listen}/metrics")).await.unwrap_err().is_connect());
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_its_line() {
    let house = stopped().await;
    let (text, listen) = counted(&house);
    put(&house.folder.join("namens.toml"), &text);
    let _taken = std::net::TcpListener::bind(&listen).unwrap();
    let told = refuses(&house);
    assert!(
        told.contains(&format!("cannot listen on {listen}")) && told.contains("`listen` of [metrics]"),
        "{told}"
    );
}
