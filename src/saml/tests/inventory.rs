//! What follows from the one list of what a connection rests on.

use super::forge::{DIGID, Pair, dated, keys, now, resigned, settings};
use super::forge_routing::{self, KEY_NAME};
use super::rollover::{HOUR, two_keys};
use crate::domain::finding::{Report, Verdict};
use crate::saml::keys::identity;
use crate::saml::{Interface, ServiceProvider, Settings};

fn provider(settings: &Settings) -> ServiceProvider {
    ServiceProvider::new(settings, now()).expect("good settings")
}

fn told(pair: &Pair) -> (String, String) {
    let (name, serial) = identity(&pair.certificate);
    assert!(!name.is_empty() && !serial.is_empty());
    (name, serial)
}

#[test]
fn what_a_connection_rests_on_is_listed_by_name() {
    let parts = |settings: &Settings| provider(settings).parts().into_iter().collect::<Vec<_>>();
    // A certificate goes by its subject's name and its serial number.
    let by_serial = |pair: &Pair| {
        let (name, serial) = told(pair);
        format!("{name} (serial {serial})")
    };
    let (ours, digid, next) =
        (by_serial(&keys().ours), by_serial(&keys().digid), by_serial(&keys().stranger));
    let one = [
        format!("DigiD's signing certificate {digid}"),
        "the SAML signing key key <1>".to_owned(),
        format!("the TLS client certificate {ours}"),
        format!("the authority of the back channel {digid}"),
        format!("the certificate of who signs DigiD's metadata {digid}"),
        format!("the metadata of {DIGID}"),
    ];
    assert_eq!(parts(&settings()), one);
    let mut two = two_keys(forge_routing::settings());
    // An intermediate, which a file that was cut off would lack.
    two.tls.certificate.text.push_str(&keys().digid.certificate_pem());
    let parts = parts(&two);
    for part in [
        "the SAML signing key key <2>".to_owned(),
        format!("the TLS client certificate {next}"),
        format!("the TLS client certificate {digid}"),
        format!("the encryption key {KEY_NAME}"),
        format!("the register of representation {}", forge_routing::PROVIDERS[1]),
    ] {
        assert!(parts.contains(&part), "{part}: {parts:#?}");
    }
    assert_eq!(parts.len(), one.len() + 5);
}

/// What metrics show.
#[test]
fn every_end_is_told_of_what_serves_or_will() {
    let mut settings = two_keys(forge_routing::settings());
    let end = now().plus(9 * HOUR);
    let with_end = format!("ID=\"_metadata\" validUntil=\"{}\"", end.rfc3339());
    settings.digid_metadata = resigned(&settings.digid_metadata, ("ID=\"_metadata\"", &with_end));
    let ends = |seconds| {
        let all = provider(&settings).endings(now().plus(seconds));
        all.into_iter().map(|it| (it.what, it.name, it.serial, it.at.rfc3339())).collect::<Vec<_>>()
    };
    let row = |what, name: Option<&str>, pair: &Pair| {
        let (subject, serial) = told(pair);
        (what, name.map_or(subject, str::to_owned), serial, "2049-12-31T23:59:59Z".to_owned())
    };
    let (ours, next, digid) = (&keys().ours, &keys().stranger, &keys().digid);
    let all = [
        row("saml_signing", Some("key <1>"), ours),
        row("saml_signing", Some("key <2>"), next),
        row("tls_client", None, ours),
        row("tls_client", None, next),
        row("saml_encryption", Some(KEY_NAME), ours),
        row("digid_signing", None, digid),
        row("digid_metadata_signing", None, digid),
        ("digid_metadata", DIGID.to_owned(), String::new(), end.rfc3339()),
    ];
    assert_eq!(ends(0), all);
    assert_eq!(ends(HOUR - 1), all);
    // The first has had its turn.
    assert_eq!(ends(HOUR), all[1..]);
    assert_eq!(ends(2 * HOUR), [&all[1..2], &all[3..]].concat());
}

#[test]
fn one_key_that_does_the_work_of_two_is_told_once() {
    let warnings = |settings: &Settings| {
        let mut report = Report::default();
        provider(settings).shared_keys(&mut report);
        let says = |one: &crate::domain::finding::Finding| {
            assert_eq!((one.verdict, one.about), (Verdict::Warning, "certificates"));
            one.says.split(" use one key").next().unwrap().to_owned()
        };
        report.findings().map(says).collect::<Vec<_>>()
    };
    let (one, two) = (Pair::rsa(2048), Pair::rsa(2048));
    let apart = Settings { tls: one.pem(), ..settings() };
    assert_eq!(warnings(&apart), [""; 0]);
    // One after another for the same work is no matter.
    let again = vec![(now().plus(HOUR), keys().ours.named("key <2>"))];
    assert_eq!(warnings(&Settings { next_signing: again, ..apart.clone() }), [""; 0]);
    let both = "SAML signing and TLS client";
    assert_eq!(warnings(&settings()), [both]);
    // A later one with a later one, and twice over.
    assert_eq!(warnings(&two_keys(apart)), [both]);
    assert_eq!(warnings(&two_keys(settings())), [both]);
    let mut routed = forge_routing::settings();
    let all = [both, "SAML signing and SAML encryption", "TLS client and SAML encryption"];
    assert_eq!(warnings(&routed), all);
    routed.tls = one.pem();
    assert_eq!(warnings(&routed), all[1..2]);
    if let Interface::RoutingService(service) = &mut routed.interface {
        service.encryption = two.named(KEY_NAME);
    }
    assert_eq!(warnings(&routed), [""; 0]);
}

/// What the alert asks for: a certificate that ends counts while nothing takes over from it in time.
#[test]
fn a_kind_lasts_until_its_first_gap() {
    let at = |hours: i64| now().plus(hours * HOUR);
    // Ours counts for 100 hours; the next from hour `begins` to hour `ends`, and takes over at hour `from`.
    let lasts = |next: Option<(i64, i64, i64)>, hour: i64| {
        let next = next.map(|(begins, ends, from)| {
            (at(from), dated(&keys().stranger, at(begins), at(ends)).named("key <2>"))
        });
        let ours = dated(&keys().ours, at(-50), at(100)).named("key <1>");
        let settings = Settings { signing: ours, next_signing: next.into_iter().collect(), ..settings() };
        let all = provider(&settings).lasting(at(hour));
        assert_eq!(all.len(), 4, "{all:?}");
        let end = all.iter().find(|(what, _)| *what == "saml_signing").unwrap().1;
        end.since(now()) / HOUR
    };
    for (next, right) in [
        (None, 100),
        (Some((0, 200, 100)), 200),
        (Some((0, 200, 101)), 100),
        (Some((60, 200, 60)), 200),
        (Some((60, 200, 59)), 59),
        (Some((0, 50, 60)), 60),
    ] {
        assert_eq!(lasts(next, 0), right, "{next:?}");
    }
    // One that waits is no gap, one that does not count yet when it should is, and what ended stays so.
    assert_eq!(lasts(Some((0, 200, 100)), 99), 200);
    assert_eq!(lasts(Some((0, 200, 100)), 100), 200);
    assert_eq!(lasts(Some((150, 200, 100)), 120), 120);
    // In the hour of its turn the next is the one that counts, whatever was before.
    assert_eq!(lasts(Some((0, 200, 101)), 101), 200);
    assert_eq!(lasts(None, 150), 100);
    let all = provider(&two_keys(forge_routing::settings())).lasting(now());
    let kinds: Vec<_> = all.iter().map(|(what, _)| *what).collect();
    let right = ["saml_signing", "tls_client", "saml_encryption", "digid_signing", "digid_metadata_signing"];
    assert_eq!(kinds, right);
}
