//! One good answer of DigiD, and its spoiled twins, each refused for its own reason.

use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::forge::{
    self, ACS, Pair, RESOLVE_ID, expected, first_signature, keys, now, part, replace, resigned, sign, sp,
    template,
};
use crate::domain::assurance::Level;
use crate::domain::time::Timestamp;
use crate::saml::Failure::{self, Hostile};
use crate::saml::{Expected, ServiceProvider, Verified, artifact};

fn accept(body: &str) -> Result<Verified, Failure> {
    accept_for(body, &expected())
}

fn accept_for(body: &str, expected: &Expected) -> Result<Verified, Failure> {
    static READER: OnceLock<ServiceProvider> = OnceLock::new();
    artifact::accept(&READER.get_or_init(sp).inner, body.as_bytes(), RESOLVE_ID, expected, now())
}

/// What becomes of an answer that DigiD signs after it was changed so.
fn signed_with(changes: &[(&str, &str)]) -> Option<Failure> {
    let document = changes.iter().fold(template(), |document, change| replace(&document, *change));
    accept(&sign(&document, &keys().digid)).err()
}

/// What becomes of a good answer that is changed on its way.
fn tampered_with(changes: &[(&str, &str)]) -> Option<Failure> {
    let document = sign(&template(), &keys().digid);
    accept(&changes.iter().fold(document, |document, change| replace(&document, *change))).err()
}

#[test]
fn a_good_answer_is_read_whole() {
    let login = accept(&sign(&template(), &keys().digid)).expect("accepted");
    assert_eq!(login.bsn().digits(), "111222333");
    assert_eq!(login.level(), Level::Midden);
    assert_eq!(login.authn_instant().rfc3339(), "2026-11-22T11:59:30Z");
    assert_eq!((login.assertion_id(), login.session_index()), ("_assertion", Some("_session")));
    assert_eq!(login.address().map(|a| a.to_string()).as_deref(), Some("192.0.2.7"));
    assert_eq!(format!("{login:?}"), "Verified(…)");
}

#[test]
fn a_higher_level_is_welcome_and_a_lower_one_is_not() {
    let classes = ["MobileTwoFactorContract", "Smartcard", "SmartcardPKI"];
    let levels = [Level::Midden, Level::Substantieel, Level::Hoog];
    for (asserted, class) in levels.into_iter().zip(classes) {
        let document = replace(&template(), ("classes:MobileTwoFactorContract", &format!("classes:{class}")));
        let body = sign(&document, &keys().digid);
        for required in levels {
            let verdict = accept_for(&body, &Expected { required, ..expected() }).map(|login| login.level());
            let right = if asserted >= required { Ok(asserted) } else { Err(Failure::LevelTooLow) };
            assert_eq!(verdict, right, "{class} for {required:?}");
        }
    }
}

#[test]
fn what_digid_signed_but_does_not_fit_is_refused() {
    let class = "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract";
    let basis = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
    let statement = "<saml:AuthnStatement AuthnInstant=\"2026-11-22T11:59:30Z\"/>";
    let twice = format!("{statement}<saml:AuthnStatement ");
    let audience = "<saml:Audience>urn:other</saml:Audience><saml:Audience>";
    let issuers = format!("<saml:Issuer>{}</saml:Issuer>", forge::DIGID);
    for (from, to, failure) in [
        (class, basis, Failure::LevelTooLow),
        (class, "urn:unknown", Hostile("an unknown level of assurance")),
        ("<saml:AuthnStatement ", &twice, Hostile("not exactly one AuthnStatement")),
        ("s00000000:", "s00000001:", Hostile("a NameID of another sector")),
        ("s00000000:111222333", "111222333", Hostile("a NameID without sector")),
        ("111222333", "123456789", Hostile("a NameID that is no BSN")),
        ("111222333", "11122233a", Hostile("a NameID that is no BSN")),
        ("<saml:Audience>", "<saml:Audience>urn:other", Hostile("meant for another audience")),
        ("<saml:Audience>", audience, Hostile("not exactly one Audience")),
        (ACS, "https://evil.example/acs", Hostile("another Recipient")),
        ("cm:bearer", "cm:holder-of-key", Hostile("a confirmation by another method than bearer")),
        ("InResponseTo=\"_resolve\"", "InResponseTo=\"_other\"", Hostile("an answer to another request")),
        ("InResponseTo=\"_request\"", "InResponseTo=\"_other\"", Hostile("an answer to another request")),
        ("InResponseTo=\"_request\"", "", Hostile("an answer to another request")),
        (
            "InResponseTo=\"_request\" Not",
            "InResponseTo=\"_other\" Not",
            Hostile("a confirmation for another request"),
        ),
        (&issuers, "<saml:Issuer>https://other.example</saml:Issuer>", Hostile("another Issuer")),
        (
            "ID=\"_response\"",
            "ID=\"_response\" Destination=\"https://evil.example\"",
            Hostile("sent to another service"),
        ),
        (
            "<saml:AudienceRestriction>",
            "<saml:Condition/><saml:AudienceRestriction>",
            Hostile("an unknown condition"),
        ),
        ("ID=\"_assertion\" Version=\"2.0\"", "ID=\"_assertion\" Version=\"1.1\"", Hostile("not SAML 2.0")),
        (
            "<saml:Subject>",
            "<saml:Advice><saml:Assertion/></saml:Advice><saml:Subject>",
            Hostile("a misplaced Assertion"),
        ),
        ("ID=\"_response\"", "ID=\"_answer\"", Hostile("an identifier used twice")),
        ("ID=\"_response\"", "Id=\"_assertion\"", Hostile("an identifier used twice")),
    ] {
        assert_eq!(signed_with(&[(from, to)]), Some(failure), "{from} -> {to}");
    }
}

#[test]
fn what_digid_signed_for_another_moment_is_refused() {
    let end = "NotOnOrAfter=\"2026-11-22T12:02:00Z\"";
    for (from, to, failure) in [
        ("NotBefore=\"2026-11-22T11:58:00Z\"", "", Hostile("Conditions without NotBefore")),
        (
            "11:58:00Z\" NotOnOrAfter=\"2026-11-22T12:02:00Z\"",
            "11:58:00Z\"",
            Hostile("Conditions without NotOnOrAfter"),
        ),
        (end, "", Hostile("a confirmation without NotOnOrAfter")),
        (end, "NotOnOrAfter=\"2026-11-22T11:58:00Z\"", Hostile("a confirmation not valid any more")),
        ("11:58:00Z\"", "12:02:01Z\"", Hostile("not valid yet")),
        (
            "ID=\"_assertion\" Version=\"2.0\" IssueInstant=\"2026-11-22T12:00:00Z\"",
            "ID=\"_assertion\" Version=\"2.0\" IssueInstant=\"2026-11-22T12:02:01Z\"",
            Hostile("issued in the future"),
        ),
        (
            "ID=\"_assertion\" Version=\"2.0\" IssueInstant=\"2026-11-22T12:00:00Z\"",
            "ID=\"_assertion\" Version=\"2.0\" IssueInstant=\"2026-11-22T11:56:59Z\"",
            Hostile("issued before it was asked for"),
        ),
        (
            " NotOnOrAfter=\"2026-11-22T12:02:00Z\" Rec",
            " NotBefore=\"2026-11-22T12:02:01Z\" NotOnOrAfter=\"2026-11-22T12:05:00Z\" Rec",
            Hostile("a confirmation not valid yet"),
        ),
        ("T11:59:30Z", "T11:56:59Z", Hostile("logged in before a new login was asked for")),
        ("T11:59:30Z", "T12:02:01Z", Hostile("logged in in the future")),
        ("T11:59:30Z", "T11:59:30", Hostile("a time that is no time in UTC")),
        (
            "IssueInstant=\"2026-11-22T12:00:01Z\"",
            "IssueInstant=\"2026-11-22T12:02:01Z\"",
            Hostile("issued in the future"),
        ),
        (
            "IssueInstant=\"2026-11-22T12:00:00Z\"",
            "IssueInstant=\"2026-11-22T11:56:59Z\"",
            Hostile("issued before it was asked for"),
        ),
    ] {
        assert_eq!(signed_with(&[(from, to)]), Some(failure), "{from} -> {to}");
    }
}

#[test]
fn validity_ends_exactly_at_the_skew() {
    let conditions = "11:58:00Z\" NotOnOrAfter=\"2026-11-22T12:02:00Z\"";
    let at =
        |end: &str| signed_with(&[(conditions, &format!("11:58:00Z\" NotOnOrAfter=\"2026-11-22T{end}Z\""))]);
    assert_eq!(at("11:58:01"), None);
    assert_eq!(at("11:58:00"), Some(Hostile("not valid any more")));
}

/// One second further, `what_digid_signed_for_another_moment_is_refused` shows.
#[test]
fn every_bound_lets_its_last_second_in() {
    let assertion = "ID=\"_assertion\" Version=\"2.0\" IssueInstant=\"2026-11-22T";
    let confirmation = " NotOnOrAfter=\"2026-11-22T12:02:00Z\" Rec";
    let begun = format!(" NotBefore=\"2026-11-22T12:02:00Z\"{}", confirmation.replace("12:02", "12:05"));
    for (from, to) in [
        ("NotBefore=\"2026-11-22T11:58:00Z\"", "NotBefore=\"2026-11-22T12:02:00Z\""),
        (confirmation, " NotOnOrAfter=\"2026-11-22T11:58:01Z\" Rec"),
        (confirmation, &begun),
        (&format!("{assertion}12:00:00Z"), &format!("{assertion}12:02:00Z")),
        (&format!("{assertion}12:00:00Z"), &format!("{assertion}11:57:00Z")),
        ("IssueInstant=\"2026-11-22T12:00:01Z\"", "IssueInstant=\"2026-11-22T12:02:00Z\""),
        ("IssueInstant=\"2026-11-22T12:00:00Z\"", "IssueInstant=\"2026-11-22T11:57:00Z\""),
        ("T11:59:30Z", "T12:02:00Z"),
        ("T11:59:30Z", "T11:57:00Z"),
    ] {
        assert_eq!(signed_with(&[(from, to)]), None, "{from} -> {to}");
    }
}

#[test]
fn every_status_has_its_meaning() {
    let success = "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>";
    let nested = |top: &str, second: &str| {
        let code = "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:";
        format!("{code}{top}\">{code}{second}\"/></samlp:StatusCode>")
    };
    let response = part(&template(), "<samlp:Response", "</samlp:ArtifactResponse>");
    let assertion = part(&template(), "<saml:Assertion", "</samlp:Response>");
    let mark = "<samlp:StatusCode Value=\"mark\"/>";
    for (top, second, failure) in [
        ("Responder", "AuthnFailed", Failure::Cancelled),
        ("Responder", "NoAuthnContext", Failure::LevelTooLow),
        ("Requester", "RequestDenied", Failure::ServiceRefused("the request was denied")),
        ("Responder", "RequestDenied", Failure::ServiceRefused("denied by who logs people in")),
        ("Responder", "RequestUnsupported", Failure::ServiceRefused("the request is not supported")),
        ("Requester", "NoSupportedIDP", Failure::ServiceRefused("nobody whom we named can log people in")),
        ("Responder", "PartialLogout", Failure::ServiceRefused("another status")),
    ] {
        let status = nested(top, second);
        let steps = [(success, mark), (success, &status), (mark, success)];
        assert_eq!(
            signed_with(&[&steps[..], &[(assertion.as_str(), "")]].concat()),
            Some(failure),
            "{second}"
        );
        assert_eq!(signed_with(&steps), Some(Hostile("an Assertion in a refusal")), "{second}");
    }
    let denied = nested("Requester", "RequestDenied");
    let gone = |why| Some(Failure::ArtifactGone(why));
    assert_eq!(signed_with(&[(success, &denied), (response.as_str(), "")]), gone("nobody knows it"));
    assert_eq!(signed_with(&[(response.as_str(), "")]), gone("it has expired"));
    let unresolved = Some(Failure::ServiceRefused("the artifact was not resolved"));
    let failed = "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"/>";
    assert_eq!(signed_with(&[(success, failed), (response.as_str(), "")]), unresolved);
    let silent = Some(Failure::ServiceRefused("it failed, and does not say why"));
    let inner = [(success, mark), (success, failed), (mark, success), (assertion.as_str(), "")];
    assert_eq!(signed_with(&inner), silent);
    // Of the ArtifactResponse, and of the Response in it: a success is whole, or it is none.
    let half = nested("Success", "AuthnFailed");
    let hostile = Some(Hostile("a success with another status in it"));
    assert_eq!(signed_with(&[(success, &half)]), hostile);
    assert_eq!(signed_with(&[(success, mark), (success, &half), (mark, success)]), hostile);
    assert_eq!(signed_with(&[(success, &denied)]), Some(Hostile("a Response in a refusal")));
    assert_eq!(signed_with(&[(assertion.as_str(), "")]), Some(Hostile("success without an Assertion")));
}

#[test]
fn what_digid_did_not_sign_is_refused() {
    let forged = Some(Hostile("invalid signature"));
    assert_eq!(accept(&sign(&template(), &keys().stranger)).err(), forged);
    let own_key = format!(
        "</ds:KeyName><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data>",
        keys().stranger.certificate_base64()
    );
    let vouching = template().replace("</ds:KeyName>", &own_key);
    assert_eq!(accept(&sign(&vouching, &keys().stranger)).err(), forged);
    assert!(accept(&sign(&vouching, &keys().digid)).is_ok(), "a hint does no harm either");
    // A name that nobody knows chooses no key, and takes none away.
    let renamed = replace(&template(), ("<ds:KeyName>digid ", "<ds:KeyName>nobody "));
    assert!(accept(&sign(&renamed, &keys().digid)).is_ok());
    assert_eq!(accept(&sign(&renamed, &keys().stranger)).err(), forged);
    assert_eq!(tampered_with(&[("111222333", "999990019")]), forged);
    assert_eq!(tampered_with(&[("_request\" NotOnOrAfter", "_other\" NotOnOrAfter")]), forged);
}

#[test]
fn a_signature_of_another_shape_never_reaches_the_library() {
    let hmac = "http://www.w3.org/2000/09/xmldsig#hmac-sha1";
    let sha256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
    let exclusive = "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"";
    let commented =
        "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#WithComments\"";
    let enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
    let elsewhere = "a signature over something else than its parent";
    for (from, to, reason) in [
        ("#_answer", "http://127.0.0.1:9/", elsewhere),
        ("#_answer", "file:///etc/hostname", elsewhere),
        ("URI=\"#_answer\"", "URI=\"\"", elsewhere),
        ("URI=\"#_answer\"", "", elsewhere),
        ("#_answer", "#xpointer(/)", elsewhere),
        ("#_answer", "#_assertion", elsewhere),
        ("#_assertion", "#_answer", elsewhere),
        (sha256, hmac, "signature algorithm not allowed"),
        (sha256, "http://www.w3.org/2000/09/xmldsig#rsa-sha1", "signature algorithm not allowed"),
        (sha256, "http://www.w3.org/2001/04/xmldsig-more#rsa-md5", "signature algorithm not allowed"),
        (
            "http://www.w3.org/2001/04/xmlenc#sha256",
            "http://www.w3.org/2000/09/xmldsig#sha1",
            "digest algorithm not allowed",
        ),
        (exclusive, commented, "canonicalisation not allowed"),
        (enveloped, "http://www.w3.org/TR/1999/REC-xslt-19991116", "transform not allowed"),
        (enveloped, "http://www.w3.org/TR/1999/REC-xpath-19991116", "transform not allowed"),
        (
            "</ds:Transforms>",
            "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#base64\"/></ds:Transforms>",
            "transform not allowed",
        ),
        ("</ds:Reference>", "</ds:Reference><ds:Reference URI=\"#_response\"/>", "not exactly one reference"),
        ("rsa-sha256\"/>", "rsa-sha256\"><x/></ds:SignatureMethod>", "algorithm with parameters"),
        ("xmlenc#sha256\"/>", "xmlenc#sha256\"><x/></ds:DigestMethod>", "algorithm with parameters"),
        ("signature\"/>", "signature\"><x/></ds:Transform>", "algorithm with parameters"),
        ("</ds:KeyInfo>", "</ds:KeyInfo><ds:Object/>", "a signature of another shape"),
        (
            "<ds:KeyName>",
            "<ds:RetrievalMethod URI=\"http://127.0.0.1:9/\"/><ds:KeyName>",
            "key information of another shape",
        ),
        (
            "PrefixList=\"ds saml samlp xs\"/>",
            "PrefixList=\"ds\"><x/></ec:InclusiveNamespaces>",
            "algorithm with parameters",
        ),
    ] {
        assert_eq!(tampered_with(&[(from, to)]), Some(Hostile(reason)), "{from} -> {to}");
    }
}

#[test]
fn wrapped_stripped_and_doubled_parts_are_refused() {
    let good = sign(&template(), &keys().digid);
    let response = part(&good, "<samlp:Response", "</samlp:ArtifactResponse>");
    let assertion = part(&good, "<saml:Assertion", "</samlp:Response>");
    let answer = part(&good, "<samlp:ArtifactResponse", "</soapenv:Body>");
    let evil = assertion.replace("111222333", "999990019").replace("ID=\"_assertion\"", "ID=\"_evil\"");
    let unsigned = evil.replace(&first_signature(&evil), "");
    let refused = |text: &str| accept(text).err();
    // The signed Response beside a forged one, and inside it.
    let forged = response.replace("_response", "_r2").replace(&assertion, &unsigned);
    assert_eq!(
        refused(&replace(&good, (&response, &format!("{forged}{response}")))),
        Some(Hostile("several Responses"))
    );
    let around = forged.replace(
        "</samlp:Response>",
        &format!("<samlp:Extensions>{response}</samlp:Extensions></samlp:Response>"),
    );
    assert_eq!(refused(&replace(&good, (&response, &around))), Some(Hostile("the Assertion is not signed")));
    // A forged Assertion before, after, around and in the signed one.
    for both in [format!("{unsigned}{assertion}"), format!("{assertion}{evil}")] {
        assert_eq!(refused(&replace(&good, (&assertion, &both))), Some(Hostile("several Assertions")));
    }
    let around = unsigned.replace("</saml:Assertion>", &format!("{assertion}</saml:Assertion>"));
    assert_eq!(refused(&replace(&good, (&assertion, &around))), Some(Hostile("the Assertion is not signed")));
    let inside = assertion.replace("<saml:Subject>", &format!("{unsigned}<saml:Subject>"));
    assert_eq!(refused(&replace(&good, (&assertion, &inside))), Some(Hostile("a misplaced Assertion")));
    // A whole forged message with the signed one hidden in the header.
    let evil_answer = answer.replace("111222333", "999990019").replace("=\"_", "=\"_x").replace("#_", "#_x");
    let hidden = good
        .replace(&answer, &evil_answer)
        .replace("<soapenv:Body>", &format!("<soapenv:Header>{answer}</soapenv:Header><soapenv:Body>"));
    assert_eq!(refused(&hidden), Some(Hostile("a misplaced signature")));
    // Signatures stripped.
    assert_eq!(
        refused(&replace(&good, (&first_signature(&answer), ""))),
        Some(Hostile("the ArtifactResponse is not signed"))
    );
    let bare = assertion.replace(&first_signature(&assertion), "");
    assert_eq!(refused(&replace(&good, (&assertion, &bare))), Some(Hostile("the Assertion is not signed")));
    let inner = first_signature(&part(&template(), "<saml:Assertion", "</samlp:Response>"));
    assert_eq!(
        signed_with(&[(&inner, "")]),
        Some(Hostile("the Assertion is not signed")),
        "although the whole is"
    );
    // A name that looks alike, a comment that splits a value, a DOCTYPE, something after the end.
    let alike = evil.replace(
        "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"",
        "<saml:Assertion xmlns:saml=\"urn:other\"",
    );
    assert_eq!(
        refused(&replace(&good, (&assertion, &format!("{alike}{assertion}")))),
        Some(Hostile("a misplaced signature"))
    );
    assert_eq!(tampered_with(&[("111222333", "111222333<!-- -->4")]), Some(Hostile("comment")));
    assert_eq!(
        tampered_with(&[(
            "<soapenv:Envelope",
            "<!DOCTYPE x SYSTEM \"http://127.0.0.1:9/\"><soapenv:Envelope"
        )]),
        Some(Hostile("DOCTYPE"))
    );
    assert_eq!(refused(&format!("{good}<x/>")), Some(Hostile("content after the root element")));
}

#[test]
fn a_certificate_counts_only_while_it_is_valid() {
    let body = sign(&template(), &keys().digid);
    for then in ["2019-12-31T23:59:59Z", "2050-01-01T00:00:00Z"] {
        let then = Timestamp::parse_rfc3339(then).unwrap();
        let verdict = artifact::accept(&sp().inner, body.as_bytes(), RESOLVE_ID, &expected(), then);
        assert_eq!(verdict.err(), Some(Failure::Broken("no certificate in DigiD's metadata is valid now")));
    }
}

#[test]
fn a_soap_fault_is_told_apart() {
    let fault = forge::soap("<soapenv:Fault><faultcode>soapenv:Server</faultcode></soapenv:Fault>");
    assert_eq!(accept(&fault).err(), Some(Failure::Unreachable("SOAP fault")));
}

#[test]
fn each_failure_has_its_word_in_the_audit_log() {
    let words = [
        (Failure::Cancelled, "digid_cancelled"),
        (Failure::LevelTooLow, "digid_level_too_low"),
        (Failure::ServiceRefused(""), "digid_service_refused"),
        (Failure::ArtifactGone(""), "digid_artifact_unknown"),
        (Failure::Unreachable("x"), "digid_unreachable"),
        (Failure::BadArtifact("x"), "digid_bad_artifact"),
        (Hostile("x"), "digid_hostile"),
        (Failure::Busy, "digid_busy"),
        (Failure::Broken("x"), "digid_broken"),
    ];
    for (failure, word) in words {
        assert_eq!(failure.audit_code(), word);
    }
    let why = |reason| {
        [Failure::ServiceRefused(reason), Failure::ArtifactGone(reason), Failure::Unreachable(reason)]
            .into_iter()
            .chain([Failure::BadArtifact(reason), Hostile(reason), Failure::Broken(reason)])
    };
    assert!(why("x").all(|failure| failure.reason() == Some("x")));
    assert!([Failure::Cancelled, Failure::LevelTooLow, Failure::Busy].iter().all(|it| it.reason().is_none()));
    assert_eq!(Failure::CODES, words.map(|(_, word)| word));
}

/// During a rollover DigiD's metadata holds two certificates, and a key of another kind must not get in their
/// way.
#[test]
fn old_and_new_certificate_are_both_accepted() {
    let elliptic = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    let elliptic = openssl::ec::EcKey::generate(&elliptic).unwrap();
    let elliptic = Pair::make(openssl::pkey::PKey::from_ec_key(elliptic).unwrap());
    let mut settings = forge::settings();
    let (old, new, other) = (&keys().digid, &keys().stranger, &elliptic);
    let all = format!(
        "{}</ds:X509Certificate><ds:X509Certificate>{}",
        other.certificate_base64(),
        new.certificate_base64()
    );
    let own = format!("</ds:X509Certificate><ds:X509Certificate>{}", old.certificate_base64());
    settings.digid_metadata =
        resigned(&settings.digid_metadata, (&old.certificate_base64(), &format!("{all}{own}")));
    let sp = ServiceProvider::new(&settings, now()).unwrap();
    for pair in [old, new] {
        let body = sign(&template(), pair);
        artifact::accept(&sp.inner, body.as_bytes(), RESOLVE_ID, &expected(), now()).expect("accepted");
    }
}

/// One change of a document: a stretch is cut, and raw bytes or a copy of another stretch is put in.
#[derive(Debug, Clone)]
struct Edit {
    place: Index,
    cut: usize,
    raw: Vec<u8>,
    copy: Option<(Index, usize)>,
}

/// Mostly another letter or digit, which leaves the document well-formed; else anything.
fn edit() -> impl Strategy<Value = Edit> {
    let letter = (any::<Index>(), "[0-9a-z]");
    let letter = letter.prop_map(|(place, raw)| Edit { place, cut: 1, raw: raw.into_bytes(), copy: None });
    let raw = prop::collection::vec(any::<u8>(), 0..4);
    let copy = prop::option::of((any::<Index>(), 0usize..2_000));
    let any = (any::<Index>(), 0usize..40, raw, copy);
    prop_oneof![3 => letter, 1 => any.prop_map(|(place, cut, raw, copy)| Edit { place, cut, raw, copy })]
}

impl Edit {
    fn apply(self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let stretch = |from: Index, length: usize| {
            let start = from.index(bytes.len());
            start..(start + length).min(bytes.len())
        };
        let insert = self.copy.map_or(self.raw, |(from, length)| bytes[stretch(from, length)].to_vec());
        bytes.splice(stretch(self.place, self.cut), insert);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever happens to the bytes of a good answer, nothing else comes out of it, and nothing panics.
    #[test]
    fn no_change_of_bytes_yields_another_login(edits in prop::collection::vec(edit(), 1..4)) {
        static GOOD: OnceLock<(ServiceProvider, Vec<u8>)> = OnceLock::new();
        let (sp, good) = GOOD.get_or_init(|| (sp(), sign(&template(), &keys().digid).into_bytes()));
        let mut bytes = good.clone();
        for edit in edits {
            edit.apply(&mut bytes);
        }
        if let Ok(login) = artifact::accept(&sp.inner, &bytes, RESOLVE_ID, &expected(), now()) {
            prop_assert_eq!(login.bsn().digits(), "111222333");
            prop_assert_eq!(login.level(), Level::Midden);
            prop_assert_eq!(login.authn_instant(), now().plus(-30));
            prop_assert_eq!((login.assertion_id(), login.session_index()), ("_assertion", Some("_session")));
            prop_assert_eq!(login.address(), Some([192, 0, 2, 7].into()));
        }
    }
}
