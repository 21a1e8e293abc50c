//! One key after another: ours at their moments, and metadata that ends.

use openssl::hash::MessageDigest;
use openssl::sign::Verifier;
use samael::crypto::{AllowedSignatureAlgorithm, Crypto, CryptoProvider, ReduceMode};

use super::forge::{DIGID, Pair, RESOLVE_ID, artifact_of, dated, expected, keys, now, resigned, settings};
use super::forge_routing::{self, KEY_NAME, alone, signed};
use super::outgoing::parse;
use crate::domain::{
    assurance::Level,
    finding::{Report, Verdict},
    time::Timestamp,
};
use crate::saml::xml::{DS, Element, MD};
use crate::saml::{
    Artifact, Delivery, Failure, Interface, RequestError, ServiceProvider, Settings, Wish, artifact,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const WISH: Wish = Wish { required: Level::Midden, force_authn: false, representation: false };
pub(super) const HOUR: i64 = 3600;

/// Good settings in which the stranger's key signs an hour after noon, and shows itself on the back channel two hours after.
pub(super) fn two_keys(settings: Settings) -> Settings {
    let next = &keys().stranger;
    Settings {
        next_signing: vec![(now().plus(HOUR), next.named("key <2>"))],
        next_tls: vec![(now().plus(2 * HOUR), next.pem())],
        ..settings
    }
}

fn provider(settings: &Settings) -> ServiceProvider {
    ServiceProvider::new(settings, now()).expect("good settings")
}

fn refused(settings: &Settings) -> String {
    ServiceProvider::new(settings, now()).expect_err("refused").to_string()
}

/// The metadata as it was signed with this key, if it was.
fn signed_by(document: &str, pair: &Pair) -> Option<Element> {
    let certificate = pair.certificate.to_der().unwrap().into();
    let (mode, allowed) = (ReduceMode::ValidateAndMarkNoAncestors, [AllowedSignatureAlgorithm::RsaSha256]);
    let reduced =
        Crypto::reduce_xml_to_signed_with_allowed_algorithms(document, &[certificate], mode, Some(&allowed));
    reduced.ok().map(|text| parse(&text))
}

/// Use, name and certificate of each key of metadata.
fn told(metadata: &Element) -> Vec<(String, String, String)> {
    let descriptor = metadata.one(MD, "SPSSODescriptor", "").unwrap();
    let keys = descriptor.all(MD, "KeyDescriptor").map(|key| {
        let info = key.one(DS, "KeyInfo", "").unwrap();
        let certificate = info.one(DS, "X509Data", "").unwrap().one(DS, "X509Certificate", "").unwrap();
        let name = info.one(DS, "KeyName", "").unwrap().text().to_owned();
        (key.attribute("use").unwrap().to_owned(), name, certificate.text().to_owned())
    });
    keys.collect()
}

#[test]
fn metadata_tells_of_the_next_key_before_its_turn_and_not_of_one_that_had_its_own() {
    let sp = provider(&two_keys(settings()));
    let key = |name: &str, pair: &Pair| ("signing".to_owned(), name.to_owned(), pair.certificate_base64());
    let (first, next) = (key("key <1>", &keys().ours), key("key <2>", &keys().stranger));
    for (seconds, signer, right) in [
        (0, &keys().ours, vec![first.clone(), next.clone()]),
        (HOUR - 1, &keys().ours, vec![first, next.clone()]),
        (HOUR, &keys().stranger, vec![next]),
    ] {
        let text = sp.metadata(now().plus(seconds));
        let metadata = signed_by(text, signer).expect("signed by whose turn it is");
        assert_eq!(told(&metadata), right, "{seconds}");
        assert_eq!(metadata.attribute("validUntil"), None);
    }
}

#[test]
fn the_routing_service_is_told_of_every_key_of_each_kind() {
    let mut settings = two_keys(forge_routing::settings());
    if let Interface::RoutingService(service) = &mut settings.interface {
        service.next_encryption = vec![keys().stranger.named("encryption <2>")];
    }
    let sp = provider(&settings);
    let fingerprint = |pair: &Pair| {
        let digest = pair.certificate.digest(MessageDigest::sha1()).unwrap();
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let (ours, next) = (fingerprint(&keys().ours), fingerprint(&keys().stranger));
    let all = ["key <1>", "key <2>", &ours, &next, KEY_NAME, "encryption <2>"];
    for (seconds, right) in
        [(0, all.to_vec()), (HOUR, all[1..].to_vec()), (2 * HOUR, [&all[1..2], &all[3..]].concat())]
    {
        let metadata = parse(sp.metadata(now().plus(seconds)));
        let names: Vec<String> = told(&metadata).into_iter().map(|(_, name, _)| name).collect();
        assert_eq!(names, right, "{seconds}");
        assert_eq!(metadata.attribute("validUntil"), Some("2049-12-31T23:59:59Z"));
    }
}

#[test]
fn an_identity_is_read_whichever_of_our_keys_it_is_encrypted_for() {
    let with = |names: [(&str, &Pair); 2]| {
        let mut settings = forge_routing::settings();
        if let Interface::RoutingService(service) = &mut settings.interface {
            service.encryption = names[0].1.named(names[0].0);
            service.next_encryption = vec![names[1].1.named(names[1].0)];
        }
        let (sp, body) = (provider(&settings), signed(&alone(), &[]));
        artifact::accept(&sp.inner, body.as_bytes(), RESOLVE_ID, &expected(), now()).is_ok()
    };
    let (ours, other) = (&keys().ours, &keys().stranger);
    assert!(with([(KEY_NAME, ours), ("other", other)]), "by the first");
    assert!(with([("other", other), (KEY_NAME, ours)]), "by the next");
    assert!(!with([("other", other), ("another", ours)]), "not without its name");
}

#[tokio::test]
async fn a_request_is_signed_by_whose_turn_it_is() {
    let sp = provider(&two_keys(settings()));
    for (seconds, signer, other) in
        [(HOUR - 1, &keys().ours, &keys().stranger), (HOUR, &keys().stranger, &keys().ours)]
    {
        let outgoing = sp.request(WISH, "relay", now().plus(seconds)).await.unwrap();
        let Delivery::Redirect(url) = outgoing.how else { panic!("a redirect") };
        let query = url.query().unwrap().strip_prefix("x=1&").unwrap();
        let (text, _) = query.split_once("&Signature=").unwrap();
        let (_, signature) = url.query_pairs().find(|(name, _)| name == "Signature").unwrap();
        let fits = |pair: &Pair| {
            let mut verifier = Verifier::new(MessageDigest::sha256(), &pair.key).unwrap();
            verifier.verify_oneshot(&STANDARD.decode(&*signature).unwrap(), text.as_bytes()).unwrap()
        };
        assert!(fits(signer) && !fits(other), "{seconds}");
    }
}

#[test]
fn keys_that_could_not_take_over_are_refused_at_start() {
    let good = two_keys(settings());
    let mut twice = good.clone();
    twice.next_signing[0].1.name = "key <1>".to_owned();
    assert!(refused(&twice).contains("a key name is there twice"));
    let mut mixed = good.clone();
    mixed.next_signing[0].1.pem.key = keys().ours.pem().key;
    assert!(refused(&mixed).contains("does not belong to"));
    let mut mixed = good.clone();
    mixed.next_tls[0].1.key = keys().ours.pem().key;
    assert!(refused(&mixed).contains("does not belong to"));
    let mut unordered = good.clone();
    unordered.next_tls.push((now(), keys().ours.pem()));
    assert!(refused(&unordered).contains("[[digid.next_tls]] must stand in the order"));
    let mut routed = two_keys(forge_routing::settings());
    if let Interface::RoutingService(service) = &mut routed.interface {
        service.next_encryption = vec![keys().stranger.named(KEY_NAME)];
    }
    assert!(refused(&routed).contains("a key name is there twice"));
    provider(&good);
}

#[tokio::test]
async fn metadata_that_has_ended_counts_no_more() {
    let mut settings = settings();
    let end = now().plus(HOUR);
    let with_end = format!("ID=\"_metadata\" validUntil=\"{}\"", end.rfc3339());
    settings.digid_metadata = resigned(&settings.digid_metadata, ("ID=\"_metadata\"", &with_end));
    let sp = provider(&settings);
    let ended = Failure::Broken("DigiD's metadata has ended: replace the file, see `namens doctor`");
    assert!(sp.request(WISH, "relay", end.plus(-1)).await.is_ok());
    assert_eq!(sp.request(WISH, "relay", end).await.err(), Some(RequestError::Failed(ended)));
    let artifact = Artifact::parse(&STANDARD.encode(artifact_of(DIGID)), &sp).unwrap();
    assert_eq!(
        sp.resolve(artifact, &expected(), &mut sp.turn().await, end).await.err(),
        Some(ended),
        "and nobody is called"
    );
    assert!(ServiceProvider::new(&settings, end.plus(-1)).is_ok());
    let late = ServiceProvider::new(&settings, end).expect_err("refused").to_string();
    assert!(late.contains("it ended on 2026-11-22T13:00:00Z"), "{late}");
}

fn day(days: i64) -> Timestamp {
    now().plus(days * 24 * HOUR)
}

/// What is told of our signing certificates. The first ends on day `end`; the next counts from day `begins` and takes over on day `from`.
fn signing_findings(end: i64, next: Option<(i64, i64)>) -> Vec<String> {
    let ours = dated(&keys().ours, day(-400), day(end));
    let next = next
        .map(|(begins, from)| (day(from), dated(&keys().stranger, day(begins), day(1000)).named("key <2>")));
    let settings =
        Settings { signing: ours.named("key <1>"), next_signing: next.into_iter().collect(), ..settings() };
    let mut report = Report::default();
    provider(&settings).dates(&mut report, now());
    let signing = report.findings().filter(|finding| finding.says.contains("SAML signing"));
    signing
        .filter(|one| one.verdict > Verdict::Ok)
        .map(|one| format!("{:?} {}", one.verdict, one.says))
        .collect()
}

fn one(end: i64, next: Option<(i64, i64)>, words: &str) {
    let found = signing_findings(end, next);
    assert!(matches!(&found[..], [only] if only.starts_with(words)), "{words}: {found:?}");
}

#[test]
fn the_end_of_a_certificate_that_nothing_follows_is_told_ahead() {
    assert_eq!(signing_findings(100, None), [""; 0]);
    assert_eq!(signing_findings(20, Some((0, 19))), [""; 0], "its successor is in time");
    assert_eq!(signing_findings(20, Some((0, 20))), [""; 0], "to the second");
    assert_eq!(signing_findings(20, Some((10, 10))), [""; 0], "it counts from its turn on");
    assert_eq!(signing_findings(20, Some((0, -1))), [""; 0], "it counts from this second on");
    one(
        90,
        None,
        "Warning the SAML signing certificate ends in 90 days, on 2027-02-20T12:00:00Z: order the next one",
    );
    one(
        30,
        None,
        "Warning the SAML signing certificate ends in 30 days, on 2026-12-22T12:00:00Z: replace it this month",
    );
    one(
        7,
        None,
        "Warning the SAML signing certificate ends in 7 days, on 2026-11-29T12:00:00Z: replace it this week",
    );
    one(-1, None, "Error the SAML signing certificate ended on 2026-11-21T12:00:00Z: replace it now");
}

#[test]
fn the_dates_of_a_rollover_that_would_leave_a_gap_are_told_ahead() {
    one(
        20,
        Some((0, 21)),
        "Warning the SAML signing certificate ends on 2026-12-12T12:00:00Z, and its successor takes over only on \
         2026-12-13T12:00:00Z: set that `from` earlier",
    );
    one(
        0,
        Some((0, 1)),
        "Warning the SAML signing certificate ends on 2026-11-22T12:00:00Z, and its successor",
    );
    one(
        -1,
        Some((0, 1)),
        "Error the SAML signing certificate ended on 2026-11-21T12:00:00Z, and its successor",
    );
    one(
        20,
        Some((11, 10)),
        "Error the next SAML signing certificate takes over on 2026-12-02T12:00:00Z, and counts only from \
         2026-12-03T12:00:00Z: set its `from` later",
    );
    one(
        2000,
        Some((0, 1001)),
        "Error the next SAML signing certificate ends on 2029-08-18T12:00:00Z, before it takes over on \
         2029-08-19T12:00:00Z: get one that lives longer",
    );
    one(
        20,
        Some((1, -1)),
        "Error the SAML signing certificate counts only from 2026-11-23T12:00:00Z: use another until then",
    );
}

#[test]
fn what_is_over_is_told_no_more() {
    let sp = provider(&two_keys(settings()));
    let told = |seconds| {
        let mut report = Report::default();
        sp.dates(&mut report, now().plus(seconds));
        report.findings().map(|one| one.says.clone()).collect::<Vec<_>>().join("\n")
    };
    let before = told(0);
    for words in [
        "the SAML signing certificate serves until 2026-11-22T13:00:00Z",
        "the next SAML signing certificate takes over on 2026-11-22T13:00:00Z",
        "the next TLS client certificate takes over on 2026-11-22T14:00:00Z",
    ] {
        assert!(before.contains(words), "{words}: {before}");
    }
    let after = told(2 * HOUR);
    assert!(!after.contains("next") && !after.contains("serves until"), "{after}");
    assert!(after.contains("the SAML signing certificate ends in"), "{after}");
}
