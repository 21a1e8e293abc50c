//! DigiD's metadata is believed only when it is signed by whom we pinned, and what is wrong with it is said at once.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Output,
};

use namens::{
    clock::Clock,
    domain::time::Timestamp,
    simulator::{
        digid::sign::SigningKey,
        pki::{Pair, Pki},
    },
};
use openssl::{asn1::Asn1Time, hash::MessageDigest, pkey::PKey, x509::X509};
use serde_json::Value;

use crate::{
    config::refuses,
    house::{DIGID, House},
};

/// In seconds.
pub const DAY: i64 = 86_400;
/// The keys and certificates of an installation.
pub fn pki(house: &House) -> Pki {
    Pki::create(&house.folder.join("pki")).unwrap()
}

/// DigiD's metadata as served, without its signature. Canonical, so that it can be signed as it stands.
pub fn bare(house: &House) -> String {
    let signed = fs::read_to_string(house.folder.join("digid.xml")).unwrap();
    let (before, rest) = signed.split_once("<ds:Signature>").unwrap();
    format!("{before}{}", rest.split_once("</ds:Signature>").unwrap().1)
}

/// Signs such a text as DigiD would.
pub fn sign(bare: &str, pair: &Pair) -> String {
    let key = SigningKey::from_pem(&fs::read(&pair.key).unwrap(), &fs::read(&pair.certificate).unwrap());
    let id = bare.split_once(" ID=\"").unwrap().1.split_once('"').unwrap().0;
    let signature = key.unwrap().sign(id, bare).unwrap();
    let (root, rest) = bare.split_once('>').unwrap();
    format!("{root}>{signature}{rest}")
}

/// Replaces what must be there.
pub fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "there is no {from} in {text}");
    text.replacen(from, to, 1)
}

fn base64(certificate: &Path) -> String {
    let pem = fs::read_to_string(certificate).unwrap();
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

/// The element that tells of a signing certificate.
fn key_descriptor(certificate: &Path) -> String {
    format!(
        "<md:KeyDescriptor use=\"signing\"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data>\
         </ds:KeyInfo></md:KeyDescriptor>",
        base64(certificate)
    )
}

/// The text with exactly these signing certificates.
pub fn naming(bare: &str, certificates: &[&Path]) -> String {
    let (before, rest) = bare.split_once("<md:KeyDescriptor").unwrap();
    let keys: String = certificates.iter().map(|certificate| key_descriptor(certificate)).collect();
    format!("{before}{keys}{}", rest.split_once("</md:KeyDescriptor>").unwrap().1)
}

/// The text with an end.
pub fn ending(bare: &str, end: Timestamp) -> String {
    let entity = format!("entityID=\"{DIGID}\"");
    with(bare, &entity, &format!("{entity} validUntil=\"{}\"", end.rfc3339()))
}

/// A certificate of the key of `pair`, good from `from` to `to` in days from now. Its own issuer.
pub fn dated(pair: &Pair, to: &Path, (begins, ends): (i64, i64)) -> PathBuf {
    let key = PKey::private_key_from_pem(&fs::read(&pair.key).unwrap()).unwrap();
    let now = Clock.now();
    let at = |days: i64| Asn1Time::from_unix(now.plus(days * DAY).epoch()).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&at(begins)).unwrap();
    builder.set_not_after(&at(ends)).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    fs::write(to, builder.build().to_pem().unwrap()).unwrap();
    to.to_owned()
}

/// Puts a file in its place at one moment, as an operator should.
pub fn put(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(beside, path).unwrap();
}

/// Everything that a command printed.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What `namens digid check` says of a text, and with which code it exits.
fn check(house: &House, text: &str) -> (Option<i32>, String) {
    let path = house.folder.join("theirs.xml");
    fs::write(&path, text).unwrap();
    let output = house.run(&["digid", "check", path.to_str().unwrap()]);
    (output.status.code(), said(&output))
}

/// An installation whose server does not run.
pub async fn stopped() -> House {
    let mut house = House::start().await;
    house.kill();
    house
}

/// A name, metadata, and the words that must be said of it.
type Case = (&'static str, String, [&'static str; 2]);

const AGAIN: &str = "from Logius again";

/// Metadata that DigiD did not sign, or that is none: the fault and the remedy.
fn not_digids(house: &House) -> Vec<Case> {
    let (pki, bare) = (pki(house), bare(house));
    let good = sign(&bare, &pki.digid_saml);
    let pin = "`metadata_certificate` (";
    // The signed metadata whole, inside one that somebody else wrote.
    let evil = with(&with(&bare, "/sso\"", "/evil\""), " ID=\"", " ID=\"_evil");
    let (root, rest) = evil.split_once('>').unwrap();
    let signature = good.split_once("<ds:Signature>").unwrap().1.split_once("</ds:Signature>").unwrap().0;
    let signature = format!("<ds:Signature>{signature}</ds:Signature>");
    let wrapped = format!("{root}>{signature}<md:Extensions>{bare}</md:Extensions>{rest}");
    let two = with(&good, &signature, &format!("{signature}<md:Extensions>{signature}</md:Extensions>"));
    vec![
        ("tampered", with(&good, "/sso\"", "/evil\""), [pin, AGAIN]),
        ("unsigned", bare.clone(), [pin, "make sure by telephone"]),
        ("signed by another", sign(&bare, &pki.wrong_tls), [pin, "add it to that file"]),
        ("wrapped", wrapped, ["a signature over something else than its parent", AGAIN]),
        ("signed twice", two, [pin, AGAIN]),
        ("DOCTYPE", format!("<!DOCTYPE x>{good}"), ["cannot be read (DOCTYPE)", AGAIN]),
        ("cut off", good[..good.len() / 2].to_owned(), ["cannot be read", AGAIN]),
        ("empty", String::new(), ["cannot be read", AGAIN]),
        (
            "a list",
            format!(
                "<md:EntitiesDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\">{good}</md:EntitiesDescriptor>"
            ),
            ["no EntityDescriptor", "DigiD alone"],
        ),
        (
            "a service provider's",
            house.ok(&["digid", "metadata"]),
            ["not exactly one IDPSSODescriptor", "not that of a service provider"],
        ),
    ]
}

/// Metadata that DigiD signed, and that is of no use.
fn no_use(house: &House) -> Vec<Case> {
    let (pki, bare) = (pki(house), bare(house));
    let by_digid = |text: &str| sign(text, &pki.digid_saml);
    let old = dated(&pki.digid_saml, &house.folder.join("old.crt"), (-9, -1));
    let unborn = dated(&pki.digid_saml, &house.folder.join("unborn.crt"), (1, 9));
    let none = "no signing certificate that is valid now";
    vec![
        (
            "expired",
            by_digid(&ending(&bare, Clock.now().plus(-60))),
            ["it ended on", "get the file that follows it"],
        ),
        (
            "ended in a part",
            by_digid(&with(
                &bare,
                "SAML:2.0:protocol\"",
                "SAML:2.0:protocol\" validUntil=\"2020-01-01T00:00:00Z\"",
            )),
            ["it ended on 2020-01-01", "get the file that follows it"],
        ),
        ("without certificate", by_digid(&naming(&bare, &[])), [none, "get the newest file"]),
        (
            "for encryption only",
            by_digid(&with(&bare, "use=\"signing\"", "use=\"encryption\"")),
            [none, "get the newest file"],
        ),
        ("old certificate", by_digid(&naming(&bare, &[&old])), [none, "get the newest file"]),
        ("unborn certificate", by_digid(&naming(&bare, &[&unborn])), [none, "get the newest file"]),
        (
            "wrong entity",
            by_digid(&with(&bare, DIGID, "https://other.test")),
            ["it is of https://other.test", "the right environment"],
        ),
        (
            "without SAML 2.0",
            by_digid(&with(&bare, "SAML:2.0:protocol", "SAML:1.1:protocol")),
            ["does not speak SAML 2.0", AGAIN],
        ),
        (
            "without back channel",
            by_digid(&with(&bare, "bindings:SOAP", "bindings:PAOS")),
            ["no ArtifactResolutionService", AGAIN],
        ),
        (
            "back channel without TLS",
            by_digid(&with(&bare, "Location=\"https:", "Location=\"http:")),
            ["is at no https URL", AGAIN],
        ),
        (
            "without our binding",
            by_digid(&with(&bare, "HTTP-Redirect", "HTTP-PAOS")),
            ["no SingleSignOnService for HTTP-Redirect", "the other `binding`"],
        ),
    ]
}

/// Their twins, which differ in nothing but the fault.
fn good(house: &House) -> Vec<Case> {
    let (pki, bare) = (pki(house), bare(house));
    let by_digid = |text: &str| sign(text, &pki.digid_saml);
    let certificate = pki.digid_saml.certificate.as_path();
    let old = dated(&pki.digid_saml, &house.folder.join("old.crt"), (-9, -1));
    let unborn = dated(&pki.digid_saml, &house.folder.join("unborn.crt"), (1, 9));
    vec![
        ("", by_digid(&bare), ["its signature is that of the pinned certificate", ""]),
        (
            "",
            by_digid(&ending(&bare, Clock.now().plus(200 * DAY))),
            ["the validity of DigiD's metadata ends in", ""],
        ),
        ("", by_digid(&naming(&bare, &[certificate])), ["it names a signing certificate", ""]),
        (
            "",
            by_digid(&naming(&bare, &[&old, &unborn, certificate])),
            ["warning  DigiD's metadata: it names a signing certificate", ""],
        ),
    ]
}

#[tokio::test]
async fn metadata_of_digid_that_is_not_right_is_refused_everywhere_with_the_remedy() {
    let mut house = stopped().await;
    let place = house.folder.join("digid.xml");
    let cases = [not_digids(&house), no_use(&house), good(&house)];
    for (fault, text, words) in cases.into_iter().flatten() {
        let (code, told) = check(&house, &text);
        assert_eq!(code, Some(i32::from(!fault.is_empty())), "{fault}: {told}");
        for word in words {
            assert!(told.contains(word), "{fault}: {word:?} is not in {told}");
        }
        put(&place, &text);
        let doctor = said(&house.run(&["doctor"]));
        if fault.is_empty() {
            assert!(doctor.contains("fit together") && doctor.contains("0 error(s)"), "{doctor}");
            continue;
        }
        // The first fault with its remedy; a file with more than one names the command that tells the rest.
        for told in [refuses(&house), doctor] {
            let all = words.iter().all(|word| told.contains(word))
                || told.contains("more: run `namens digid check`");
            assert!(told.contains("DigiD's metadata: ") && all, "{fault}: {told}");
        }
    }
    house.open_doors();
}

#[tokio::test]
async fn check_says_everything_at_once_and_tells_by_its_exit() {
    let house = stopped().await;
    let end = Clock.now().plus(-DAY);
    let all = with(&with(&ending(&bare(&house), end), DIGID, "urn:other"), "bindings:SOAP", "bindings:PAOS");
    let (code, told) = check(&house, &naming(&all, &[]));
    assert_eq!(code, Some(1), "{told}");
    for fault in [
        "is not signed by",
        "it is of urn:other",
        "it ended on",
        "no signing certificate",
        "no ArtifactResolutionService",
    ] {
        assert_eq!(told.matches(fault).count(), 1, "{fault}: {told}");
    }
    assert!(told.ends_with("\n5 error(s), 0 warning(s).\n"), "{told}");

    let path = house.folder.join("digid.xml");
    let good = house.run(&["digid", "check", path.to_str().unwrap(), "--json"]);
    let told: Value = serde_json::from_slice(&good.stdout).unwrap();
    assert!(good.status.success(), "{told}");
    assert!(told.as_array().unwrap().iter().all(|finding| finding["verdict"] == "ok"), "{told}");
    let gone = house.run(&["digid", "check", "gone.xml"]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(said(&gone).contains("cannot read gone.xml"), "{}", said(&gone));
    assert_eq!(house.run(&["digid", "check"]).status.code(), Some(2), "called wrongly");
}
