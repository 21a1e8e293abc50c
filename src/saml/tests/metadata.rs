//! DigiD's metadata: what is believed of it, and all that is said of it.

use super::forge::{DIGID, Pair, dated, digid_metadata, keys, now, part, replace, resigned};
use crate::config::digid::Binding;
use crate::domain::finding::{Report, Verdict};
use crate::domain::time::Timestamp;
use crate::saml::Needs;
use crate::saml::identity_provider::{IdentityProvider, Trust, inspect};
use crate::saml::keys::TrustedCertificate;

const DAY: i64 = 86_400;
const NEEDS: Needs = Needs { binding: Binding::Redirect, single_logout: false };

fn good() -> String {
    digid_metadata("https://was.digid.example/resolve")
}

fn trusted(pair: &Pair) -> TrustedCertificate {
    TrustedCertificate::from_der(&pair.certificate.to_der().unwrap()).unwrap()
}

/// What is read of metadata by whoever pinned this, and all that is said of it.
fn look_by(pinned: &Pair, needs: Needs, text: &str) -> (Option<IdentityProvider>, Report) {
    let mut report = Report::default();
    let trust = Trust { entity_id: DIGID, pinned: &[trusted(pinned)], needs };
    let read = inspect(text.as_bytes(), &trust, &mut report, now());
    (read, report)
}

fn look(text: &str) -> (Option<IdentityProvider>, Report) {
    look_by(&keys().digid, NEEDS, text)
}

fn said(report: &Report, verdict: Verdict) -> Vec<String> {
    report.of(verdict).map(ToString::to_string).collect()
}

/// The errors of good metadata with a change, signed anew; nothing is read of it.
fn wrong_with(needs: Needs, change: (&str, &str)) -> Vec<String> {
    let (read, report) = look_by(&keys().digid, needs, &resigned(&good(), change));
    assert!(read.is_none(), "{change:?}");
    said(&report, Verdict::Error)
}

/// The only error of such metadata holds these words.
fn wrong(change: (&str, &str), words: &str) {
    let errors = wrong_with(NEEDS, change);
    assert!(matches!(&errors[..], [only] if only.contains(words)), "{change:?} {words}: {errors:?}");
}

#[test]
fn good_metadata_is_read_whole_and_nothing_bad_is_said() {
    let (read, report) = look(&good());
    let read = read.expect("read");
    assert_eq!(
        (read.entity_id.as_str(), read.valid_until, read.certificates.len(), read.logout),
        (DIGID, None, 1, None)
    );
    let [redirect, post] = [read.redirect, read.post].map(|url| url.unwrap().to_string());
    assert_eq!(redirect, "https://digid.example/saml/idp/request_authentication?x=1");
    assert_eq!(post, "https://digid.example/saml/idp/request_authentication");
    let resolve: Vec<_> =
        read.artifact_resolution.iter().map(|(index, url)| (*index, url.as_str())).collect();
    assert_eq!(resolve, [(0, "https://was.digid.example/resolve")]);
    let fine = [
        "DigiD's metadata: its signature is that of the pinned certificate".to_owned(),
        format!("DigiD's metadata: it is of {DIGID}"),
        "DigiD's metadata: it names a signing certificate that counts from 2020-01-01T00:00:00Z to \
         2049-12-31T23:59:59Z"
            .to_owned(),
        "certificates: the DigiD signing certificate ends in 8440 days, on 2049-12-31T23:59:59Z".to_owned(),
    ];
    assert_eq!(said(&report, Verdict::Ok), fine);
    assert_eq!(report.findings().count(), fine.len());
}

#[test]
fn each_thing_that_is_wrong_is_the_one_that_is_said() {
    wrong(
        (&format!("entityID=\"{DIGID}\""), "entityID=\"urn:x\""),
        "it is of urn:x, and `metadata_entity_id`",
    );
    wrong(("protocolSupportEnumeration=\"urn", "x=\"urn"), "does not speak SAML 2.0");
    wrong(("ID=\"_metadata\"", "ID=\"_metadata\" validUntil=\"soon\""), "its validUntil is no time");
    wrong(
        ("Location=\"https://digid", "Location=\"http://digid"),
        "its SingleSignOnService for HTTP-Redirect is at",
    );
    let service = "<md:ArtifactResolutionService index=\"0\" Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:SOAP\" \
                   Location=\"https://was.digid.example/resolve\"/>";
    wrong((service, &service.repeat(2)), "two of its ArtifactResolutionServices have one index");
    for spoilt in [("index=\"0\"", "index=\"x\""), ("index=\"0\"", ""), ("https://was", "http://was")] {
        let beside = format!("{service}{}", replace(service, spoilt));
        wrong((service, &beside), "has no index, or is at no https URL");
    }
    wrong((service, &service.replace("SOAP", "PAOS")), "holds no ArtifactResolutionService for SOAP");
    let other = replace(service, ("index=\"0\"", "index=\"1\""));
    let (read, _) = look(&resigned(&good(), (service, &format!("{service}{other}"))));
    assert_eq!(read.map(|read| read.artifact_resolution.len()), Some(2), "of two indexes");
}

#[test]
fn what_is_no_metadata_of_a_digid_is_not_looked_into() {
    let only = |text: &str, words: &str| {
        let (read, report) = look(text);
        let errors = said(&report, Verdict::Error);
        assert!(
            read.is_none() && matches!(&errors[..], [only] if only.contains(words)),
            "{words}: {errors:?}"
        );
    };
    only(&good().replace("md:EntityDescriptor", "md:EntitiesDescriptor"), "is no EntityDescriptor");
    only("<x", "cannot be read (not well-formed XML)");
    only(&resigned(&good(), ("2.0:metadata", "2.0:other")), "is no EntityDescriptor");
    let descriptor = part(&good(), "<md:IDPSSODescriptor", "</md:EntityDescriptor>");
    only(&resigned(&good(), (&descriptor, "<md:SPSSODescriptor/>")), "has not exactly one IDPSSODescriptor");
}

#[test]
fn metadata_that_another_signed_is_looked_at_and_not_read() {
    let (read, report) = look_by(&keys().stranger, NEEDS, &good());
    let errors = said(&report, Verdict::Error);
    assert!(read.is_none(), "{errors:?}");
    assert!(matches!(&errors[..], [only] if only.contains("(invalid signature)")), "{errors:?}");
    assert!(said(&report, Verdict::Ok).contains(&format!("DigiD's metadata: it is of {DIGID}")));
}

#[test]
fn only_the_addresses_that_are_needed_must_be_there() {
    let missing = |binding, single_logout, name: &str| {
        let needs = Needs { binding, single_logout };
        let (change, to) = (format!("bindings:{name}"), format!("bindings:No{name}"));
        look_by(&keys().digid, needs, &resigned(&good(), (&change, &to)))
    };
    for (binding, name, other) in
        [(Binding::Redirect, "HTTP-Redirect", "HTTP-POST"), (Binding::Post, "HTTP-POST", "HTTP-Redirect")]
    {
        assert!(missing(binding, false, other).0.is_some(), "{other} is not needed");
        let (read, report) = missing(binding, false, name);
        let errors = said(&report, Verdict::Error);
        let words =
            format!("no SingleSignOnService for {name}, by which our requests travel: choose the other");
        assert!(read.is_none() && matches!(&errors[..], [only] if only.contains(&words)), "{errors:?}");
    }
    let needs = Needs { single_logout: true, ..NEEDS };
    let (read, report) = look_by(&keys().digid, needs, &good());
    let errors = said(&report, Verdict::Error);
    let words =
        "no SingleLogoutService for HTTP-POST, by which our requests travel: leave out `single_logout`";
    assert!(read.is_none() && matches!(&errors[..], [only] if only.contains(words)), "{errors:?}");
}

/// What is said with this end, and the warnings about the dates.
fn ending(days: i64, seconds: i64) -> (bool, Vec<String>) {
    let end = now().plus(days * DAY + seconds).rfc3339();
    let change = format!("ID=\"_metadata\" validUntil=\"{end}\"");
    let (read, report) = look(&resigned(&good(), ("ID=\"_metadata\"", &change)));
    let mut bad = said(&report, Verdict::Warning);
    bad.extend(said(&report, Verdict::Error));
    (read.is_some(), bad)
}

#[test]
fn an_end_is_told_ahead_and_said_once() {
    assert_eq!(ending(91, 0), (true, vec![]));
    let soon = "certificates: the validity of DigiD's metadata ends in 7 days, on 2026-11-29T12:00:00Z: replace it this week";
    assert_eq!(ending(7, 0), (true, vec![soon.to_owned()]));
    assert!(ending(0, 1).0);
    for (seconds, on) in [(0, "2026-11-22T12:00:00Z"), (-1, "2026-11-22T11:59:59Z")] {
        let over = format!(
            "DigiD's metadata: it ended on {on} (validUntil): get the file that follows it from Logius"
        );
        assert_eq!(ending(0, seconds), (false, vec![over]));
    }
    // The part that we use may end before the whole does.
    let both =
        resigned(&good(), ("ID=\"_metadata\"", "ID=\"_metadata\" validUntil=\"2030-01-01T00:00:00Z\""));
    let part = "<md:IDPSSODescriptor validUntil=\"2028-01-01T00:00:00Z\" ";
    let (read, _) = look(&resigned(&both, ("<md:IDPSSODescriptor ", part)));
    let end = Timestamp::parse_rfc3339("2028-01-01T00:00:00Z");
    assert_eq!(read.and_then(|read| read.valid_until), end);
}

/// What is read, and what is not in order, of metadata that names these certificates of DigiD's key.
fn naming(certificates: &[(i64, i64)]) -> (bool, Vec<String>) {
    let ours = certificates.iter().map(|(from, to)| dated(&keys().digid, now().plus(*from), now().plus(*to)));
    let all: Vec<_> = ours.map(|pair| pair.certificate_base64()).collect();
    let all = all.join("</ds:X509Certificate><ds:X509Certificate>");
    let (read, report) = look(&resigned(&good(), (&keys().digid.certificate_base64(), &all)));
    let mut bad = said(&report, Verdict::Warning);
    bad.extend(said(&report, Verdict::Error));
    (read.is_some(), bad)
}

#[test]
fn one_certificate_that_is_valid_is_enough() {
    let (long, year) = (400 * DAY, 365 * DAY);
    let counts = |from: &str, to: &str| {
        format!("DigiD's metadata: it names a signing certificate that counts from {from} to {to}")
    };
    assert_eq!(naming(&[(-year, long)]), (true, vec![]));
    assert_eq!(naming(&[(0, long)]), (true, vec![]), "from this second");
    let over = counts("2025-11-22T12:00:00Z", "2026-11-22T11:59:59Z");
    assert_eq!(naming(&[(-year, -1), (-year, long)]), (true, vec![over.clone()]));
    let (read, bad) = naming(&[(-year, -1)]);
    assert!(!read && bad.len() == 2 && bad[0] == over, "{bad:?}");
    assert!(bad[1].contains("it names no signing certificate that is valid now"), "{bad:?}");
    let (read, bad) = naming(&[(-year, 0)]);
    let today = "certificates: the DigiD signing certificate ends in 0 days, on 2026-11-22T12:00:00Z: replace it this week";
    assert_eq!((read, bad), (true, vec![today.to_owned()]), "until this second");
}

#[test]
fn a_pinned_certificate_that_has_ended_is_told_and_still_counts() {
    let warned = |end: i64| {
        let pinned = dated(&keys().digid, now().plus(-DAY), now().plus(end));
        let (read, report) = look_by(&pinned, NEEDS, &good());
        assert!(read.is_some());
        said(&report, Verdict::Warning)
    };
    assert_eq!((warned(1), warned(0)), (vec![], vec![]));
    let told = warned(-1);
    let words =
        "certificates: the certificate that DigiD's metadata is signed with ended on 2026-11-22T11:59:59Z";
    assert!(matches!(&told[..], [only] if only.starts_with(words)), "{told:?}");
}
