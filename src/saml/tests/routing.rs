//! One good answer of the routing service (ST-SAML 1.0), and its spoiled twins. What both interfaces share is shown in
//! `answers`.

use std::sync::OnceLock;

use super::forge::{self, ACS, Pair, RESOLVE_ID, first_signature, keys, now, part, replace};
use super::forge_routing::{
    CHILD, Envelope, PARENT, PROVIDERS, acting, alone, attribute, expected, for_child, kind, legal, name_id,
    service, sign, signed, sp, template, told,
};
use crate::domain::assurance::Level;
use crate::saml::Failure::{self, Hostile};
use crate::saml::{Expected, Legal, Representation, ServiceProvider, Verified, artifact};

fn accept_for(body: &str, expected: &Expected) -> Result<Verified, Failure> {
    static READER: OnceLock<ServiceProvider> = OnceLock::new();
    artifact::accept(&READER.get_or_init(sp).inner, body.as_bytes(), RESOLVE_ID, expected, now())
}

/// What becomes of an answer to a request that did not ask for whom the person acts.
fn accept(body: &str) -> Result<Verified, Failure> {
    accept_for(body, &expected(false))
}

/// What becomes of one to a request that did.
fn represented(attributes: &str) -> Result<Verified, Failure> {
    accept_for(&signed(attributes, &[]), &expected(true))
}

#[test]
fn a_good_answer_is_read_whole() {
    let login = accept(&signed(&alone(), &[])).expect("accepted");
    assert_eq!((login.bsn().digits(), login.legal()), (PARENT, None));
    assert_eq!(login.level(), Level::Midden);
    assert_eq!(login.authn_instant().rfc3339(), "2026-11-22T12:00:00Z");
    assert_eq!((login.assertion_id(), login.session_index()), ("_assertion", Some("45e376c5-78a7")));
}

#[test]
fn a_parent_acts_for_their_child_when_they_were_asked() {
    let login = represented(&for_child()).expect("accepted");
    let representation = Representation::ParentalAuthorityInCare;
    let child = Legal { bsn: crate::domain::bsn::Bsn::parse(CHILD).unwrap(), representation };
    assert_eq!((login.bsn().digits(), login.legal()), (PARENT, Some(&child)));
    assert!(!format!("{:?} {login:?}", login.legal()).contains(CHILD));
    let login = represented(&alone()).expect("they may choose themselves");
    assert_eq!((login.bsn().digits(), login.legal()), (PARENT, None));
}

#[test]
fn a_representation_is_refused_unless_it_was_asked_for_and_is_whole() {
    let unasked = accept(&signed(&for_child(), &[])).err();
    assert_eq!(unasked, Some(Hostile("a representation nobody asked for")));
    let child = || legal(&Envelope::of(&name_id(CHILD)).encrypted("l"));
    let parental = kind("urn:nl-eid-gdi:1.1:RT:Zorg_Volledig_Gezag_Kind");
    let own = legal(&Envelope::of(&name_id(PARENT)).encrypted("l"));
    let two = child().replace("</saml2:Attribute>", "<saml2:AttributeValue/></saml2:Attribute>");
    let other = legal(&Envelope::of(&name_id(CHILD)).encrypted("m"));
    for (more, reason) in [
        (child(), "a LegalSubjectID without RepresentationType"),
        (parental.clone(), "a RepresentationType without LegalSubjectID"),
        (child() + &kind("urn:nl-eid-gdi:1.1:RT:Other"), "a representation of an unknown type"),
        (child() + &parental + &parental, "several RepresentationTypes"),
        (child() + &other + &parental, "several LegalSubjectIDs"),
        (two + &parental, "several LegalSubjectIDs"),
        (own + &parental, "somebody who represents themselves"),
        (legal(CHILD) + &parental, "an identity that is not one EncryptedID"),
    ] {
        assert_eq!(represented(&(alone() + &more)).err(), Some(Hostile(reason)));
    }
    assert!(represented(&(alone() + &child() + &parental)).is_ok(), "their twin");
}

#[test]
fn levels_go_by_their_european_names() {
    let low = "http://eidas.europa.eu/LoA/low";
    let names = [low, "http://eidas.europa.eu/LoA/substantial", "http://eidas.europa.eu/LoA/high"];
    let levels = [Level::Midden, Level::Substantieel, Level::Hoog];
    for (asserted, name) in levels.into_iter().zip(names) {
        let body = signed(&alone(), &[(low, name)]);
        for required in levels {
            let verdict =
                accept_for(&body, &Expected { required, ..expected(false) }).map(|login| login.level());
            let right = if asserted >= required { Ok(asserted) } else { Err(Failure::LevelTooLow) };
            assert_eq!(verdict, right, "{name} for {required:?}");
        }
    }
    let asserted = |name: &str| accept(&signed(&alone(), &[(low, name)])).err();
    assert_eq!(asserted("http://eID.logius.nl/LoA/basic"), Some(Failure::LevelTooLow));
    assert_eq!(asserted("http://eid.logius.nl/LoA/basic"), Some(Failure::LevelTooLow));
    let unknown = Some(Hostile("an unknown level of assurance"));
    assert_eq!(asserted("urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract"), unknown);
    assert_eq!(asserted("http://eidas.europa.eu/LoA/LOW"), unknown);
}

#[test]
fn what_was_signed_but_does_not_fit_is_refused() {
    let destination = format!("Destination=\"{ACS}\"");
    let confirmation = "<saml2:SubjectConfirmationData ";
    for (from, to, reason) in [
        (destination.as_str(), "", "sent to nobody"),
        (&destination, "Destination=\"https://evil.example\"", "sent to another service"),
        (
            confirmation,
            "<saml2:SubjectConfirmationData NotBefore=\"2026-11-22T11:58:00Z\" ",
            "a confirmation with NotBefore",
        ),
        ("<saml2:Audience>https://login", "<saml2:Audience>https://other", "meant for another audience"),
        ("nameid-format:transient", "nameid-format:persistent", "a NameID that is not transient"),
        ("SessionIndex=\"45e376c5", "SessionIndex=\"45e376c6", "a SessionIndex of another login"),
        (
            "<saml2:AttributeStatement>",
            "<saml2:AttributeStatement/><saml2:AttributeStatement>",
            "not exactly one AttributeStatement",
        ),
    ] {
        // The Advice is not ours to change.
        let (before, own) = template(&alone())
            .rsplit_once("</saml2:Advice>")
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        let document = if own.contains(from) {
            format!("{before}</saml2:Advice>{}", replace(&own, (from, to)))
        } else {
            format!("{}</saml2:Advice>{own}", replace(&before, (from, to)))
        };
        assert_eq!(accept(&sign(&document, &keys().digid)).err(), Some(Hostile(reason)), "{from} -> {to}");
    }
    let identity = || acting(&Envelope::of(&name_id(PARENT)).encrypted("a"));
    let again = acting(&Envelope::of(&name_id(PARENT)).encrypted("b"));
    let one = Envelope::of(&name_id(PARENT)).encrypted("a");
    let two = one.clone() + &Envelope::of(&name_id(PARENT)).encrypted("b");
    let other = attribute("urn:nl-eid-gdi:1.0:ServiceUUID", "375b1cb114b7-12e9-3534-16cc-4d8997b1");
    for (attributes, reason) in [
        (identity(), "an answer for another service"),
        (other.clone() + &identity(), "an answer for another service"),
        (service() + &other + &identity(), "not exactly one ServiceUUID"),
        (
            service().replace("</saml2:Attribute>", "<saml2:AttributeValue/></saml2:Attribute>")
                + &identity(),
            "not exactly one ServiceUUID",
        ),
        (service(), "not exactly one ActingSubjectID"),
        (service() + &identity() + &again, "not exactly one ActingSubjectID"),
        (service() + &acting(PARENT), "an identity that is not one EncryptedID"),
        (service() + &acting(&two), "an identity that is not one EncryptedID"),
        (service() + &acting(&name_id(PARENT)), "an identity that is not one EncryptedID"),
    ] {
        assert_eq!(accept(&signed(&attributes, &[])).err(), Some(Hostile(reason)));
    }
    let unknown = attribute("urn:other", "x");
    assert!(
        accept(&signed(&(service() + &unknown + &identity()), &[])).is_ok(),
        "what nobody knows is not read"
    );
}

/// Whatever is wrong with an identity, the words are the same: nobody learns what it was.
const UNREADABLE: Option<Failure> =
    Some(Hostile("an identity that cannot be read: not for our entity id and key name, damaged, or no BSN"));

/// Reads an answer with this for an acting identity.
fn identified(identity: &str) -> Result<String, Failure> {
    accept(&signed(&(service() + &acting(identity)), &[])).map(|login| login.bsn().digits().to_owned())
}

#[test]
fn an_identity_of_another_shape_is_not_read() {
    let content = name_id(PARENT);
    let good = Envelope::of(&content).encrypted("a");
    assert_eq!(identified(&good), Ok(PARENT.to_owned()));
    let key = part(&good, "<xenc:EncryptedKey ", "</saml2:EncryptedID>");
    let sha1 = "Algorithm=\"http://www.w3.org/2000/09/xmldsig#sha1\"";
    for (from, to) in [
        ("Recipient=\"https://login", "Recipient=\"https://other"),
        ("Recipient=", "Receiver="),
        ("encryption &lt;1&gt;", "encryption &lt;2&gt;"),
        ("xmlenc#aes256-cbc", "xmlenc#aes128-cbc"),
        ("xmlenc#aes256-cbc", "xmlenc#tripledes-cbc"),
        ("http://www.w3.org/2001/04/xmlenc#aes256-cbc", "http://www.w3.org/2009/xmlenc11#aes256-gcm"),
        ("xmlenc#rsa-oaep-mgf1p", "xmlenc#rsa-1_5"),
        (sha1, "Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\""),
        ("<ds:DigestMethod ", "<xenc:OAEPparams>AAAA</xenc:OAEPparams><ds:DigestMethod "),
        (
            "Type=\"http://www.w3.org/2001/04/xmlenc#Element\"",
            "Type=\"http://www.w3.org/2001/04/xmlenc#Content\"",
        ),
        ("<xenc:CipherValue>", "<xenc:CipherValue>!"),
        ("<xenc:CipherValue>", "<xenc:CipherValue/><xenc:CipherValue>"),
        (&key, ""),
        (&key, &format!("{key}{}", key.replace("_keya", "_keyb"))),
        (
            "</xenc:EncryptedData>",
            "</xenc:EncryptedData><xenc:EncryptedData xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\"/>",
        ),
    ] {
        assert_eq!(identified(&replace(&good, (from, to))).err(), UNREADABLE, "{from} -> {to}");
    }
}

#[test]
fn an_identity_under_another_key_or_damaged_is_not_read() {
    let content = name_id(PARENT);
    let good = || Envelope::of(&content);
    for (what, envelope) in [
        ("for another key", Envelope { key: keys().stranger.certificate.public_key().unwrap(), ..good() }),
        ("a short content key", Envelope { content_key: vec![7; 16], ..good() }),
        ("a long content key", Envelope { content_key: vec![7; 48], ..good() }),
        ("the vector changed", Envelope { change: |bytes| bytes[0] ^= 1, ..good() }),
        ("a block changed", Envelope { change: |bytes| bytes[40] ^= 1, ..good() }),
        (
            "the padding changed",
            Envelope {
                change: |bytes| {
                    let at = bytes.len() - 17;
                    bytes[at] ^= 0x80;
                },
                ..good()
            },
        ),
        (
            "cut short",
            Envelope {
                change: |bytes| {
                    bytes.truncate(bytes.len() - 16);
                },
                ..good()
            },
        ),
        (
            "cut within a block",
            Envelope {
                change: |bytes| {
                    bytes.pop();
                },
                ..good()
            },
        ),
        ("a vector alone", Envelope { change: |bytes| bytes.truncate(16), ..good() }),
        ("nothing", Envelope { change: Vec::clear, ..good() }),
        (
            "no padding",
            Envelope { padded: [content.as_bytes(), &vec![0; 32 - content.len() % 16]].concat(), ..good() },
        ),
        (
            "too much padding",
            Envelope {
                padded: [
                    content.as_bytes(),
                    &vec![17 + u8::try_from(15 - content.len() % 16).unwrap(); 32 - content.len() % 16],
                ]
                .concat(),
                ..good()
            },
        ),
        ("padding of more than there is", Envelope { padded: vec![16; 16], ..good() }),
    ] {
        assert_eq!(identified(&envelope.encrypted("a")).err(), UNREADABLE, "{what}");
    }
}

#[test]
fn an_identity_that_is_no_bsn_is_not_read() {
    let content = name_id(PARENT);
    for (from, to) in [
        (PARENT, "111222334"),
        (PARENT, "11122237"),
        (PARENT, &format!("{}{PARENT}", " ".repeat(4096))),
        (PARENT, "1112223334"),
        (PARENT, "11122233x"),
        (PARENT, ""),
        (PARENT, "111<!-- -->222333"),
        (PARENT, "<x/>"),
        ("id:legacy-BSN", "id:BSN"),
        ("id:legacy-BSN", "id:Pseudonym"),
        (" NameQualifier=\"urn:nl-eid-gdi:1.0:id:legacy-BSN\"", ""),
        ("nameid-format:persistent", "nameid-format:transient"),
        (" NameQualifier", " SPNameQualifier=\"x\" NameQualifier"),
        (" NameQualifier", " SPProvidedID=\"x\" NameQualifier"),
        ("xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\"", "xmlns:saml2=\"urn:other\""),
        ("</saml2:NameID>", "</saml2:NameID><x/>"),
        ("</saml2:NameID>", ""),
    ] {
        let identity = Envelope::of(&replace(&content, (from, to))).encrypted("a");
        assert_eq!(identified(&identity).err(), UNREADABLE, "{from} -> {to}");
    }
}

#[test]
fn our_key_is_found_among_those_of_others() {
    let good = Envelope::of(&name_id(PARENT)).encrypted("a");
    let key = part(&good, "<xenc:EncryptedKey ", "</saml2:EncryptedID>");
    let older = replace(&key, ("encryption &lt;1&gt;", "encryption &lt;0&gt;")).replace("_keya", "_keyb");
    let theirs = replace(&key, ("https://login", "https://other")).replace("_keya", "_keyc");
    let verdict =
        |from: &str, to: &str| accept(&signed(&(service() + &acting(&replace(&good, (from, to)))), &[]));
    assert!(verdict(&key, &format!("{older}{theirs}{key}")).is_ok());
    let digest = part(&good, "<ds:DigestMethod ", "</xenc:EncryptionMethod>");
    assert!(verdict(&digest, "").is_ok(), "SHA-1 is what it is without");
}

#[test]
fn an_advice_is_left_unread_wherever_it_may_stand() {
    let whole = told();
    let good = template(&alone());
    let told = part(
        &good,
        "<saml2:Assertion xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_told\"",
        "</saml2:Advice>",
    );
    assert!(whole.starts_with("<saml2:Assertion") && told.starts_with("<saml2:Assertion"));
    let refused = |document: &str| accept(&sign(document, &keys().digid)).err();
    let with = |advice: &str| refused(&replace(&good, (&told, advice)));
    // Whatever the others said, or did not sign.
    assert_eq!(with(&told), None);
    assert_eq!(with(&told.replace("</saml2:AttributeStatement>", "<x/></saml2:AttributeStatement>")), None);
    assert_eq!(with(&replace(&told, (&first_signature(&told), ""))), None);
    assert_eq!(with(&format!("{told}{}", told.replace("\"_", "\"_2").replace("#_", "#_2"))), None);
    assert_eq!(with(""), None);
    // But only Assertions, in one Advice, of names of their own.
    let other = Some(Hostile("an Advice of something else than Assertions"));
    assert_eq!(with("<saml2:AssertionIDRef>x</saml2:AssertionIDRef>"), other);
    assert_eq!(with(&format!("<x>{told}</x>")), other);
    let advice = format!("<saml2:Advice>{told}</saml2:Advice>");
    let elsewhere = advice
        .replace("<saml2:Advice>", "<saml2:Advice xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\">");
    assert_eq!(
        refused(&replace(&good, ("<saml2:Advice>", "<saml2:Advice/><saml2:Advice>"))),
        Some(Hostile("several Advices"))
    );
    assert_eq!(with(&told.replace("\"_told\"", "\"_assertion\"")), Some(Hostile("an identifier used twice")));
    // And nowhere else: not around, beside or before what is read, nor deeper in it.
    let without = replace(&good, (&advice, ""));
    let misplaced = Some(Hostile("a misplaced signature"));
    for place in [
        "</saml2:Subject>",
        "</saml2:Conditions>",
        "</saml2:AttributeStatement>",
        "</saml2:AuthnStatement>",
        "</saml2p:Status>",
    ] {
        assert_eq!(
            refused(&replace(&without, (place, &format!("{elsewhere}{place}")))),
            misplaced,
            "{place}"
        );
    }
    let beside = replace(&without, ("<saml2:Assertion ", &format!("{told}<saml2:Assertion ")));
    assert_eq!(refused(&beside), Some(Hostile("several Assertions")));
    // DigiD itself sends none.
    let by_digid = replace(
        &forge::template(),
        (
            "<saml:AuthnStatement",
            &format!(
                "{}<saml:AuthnStatement",
                advice.replace("saml2:", "saml:").replace("xmlns:saml2", "xmlns:saml")
            ),
        ),
    );
    let verdict = artifact::accept(
        &forge::sp().inner,
        forge::sign(&by_digid, &keys().digid).as_bytes(),
        RESOLVE_ID,
        &forge::expected(),
        now(),
    );
    assert_eq!(verdict.err(), misplaced);
}

#[test]
fn what_another_signed_is_never_taken_for_the_login() {
    let good = signed(&alone(), &[]);
    let forged = Some(Hostile("invalid signature"));
    let refused = |text: &str| accept(text).err();
    assert_eq!(refused(&good), None);
    assert_eq!(refused(&sign(&template(&alone()), &keys().stranger)), forged);
    // The Advice is part of what the routing service signed.
    let other = told();
    let old = part(
        &good,
        "<saml2:Assertion xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_told\"",
        "</saml2:Advice>",
    );
    assert_ne!(old, other);
    assert_eq!(refused(&replace(&good, (&old, &other))), forged);
    assert_eq!(refused(&replace(&good, (&old, ""))), forged);
    // The party behind signs an Assertion of its own that would be good in every other way.
    let signed_by = |pair: &Pair| refused(&forge::sign_by(&template(&alone()), pair, &keys().digid));
    assert_eq!(signed_by(&keys().stranger), forged);
    assert_eq!(signed_by(&keys().digid), None, "its twin");
}

#[test]
fn every_status_has_its_meaning() {
    let success = "<saml2p:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>";
    let code = "<saml2p:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:";
    let nested = |top: &str, second: &str| format!("{code}{top}\">{code}{second}\"/></saml2p:StatusCode>");
    let message = |text: &str| format!("<saml2p:StatusMessage>{text}</saml2p:StatusMessage>");
    let assertion = part(&template(&alone()), "<saml2:Assertion ", "</saml2p:Response>");
    let bare = |top: &str| format!("{code}{top}\"/>");
    for (status, failure) in [
        (nested("Responder", "AuthnFailed") + &message("Authentication cancelled"), Failure::Cancelled),
        (nested("Responder", "AuthnFailed"), Failure::Cancelled),
        (bare("Responder") + &message("Authentication cancelled"), Failure::Cancelled),
        (
            bare("Responder") + &message("authentication cancelled"),
            Failure::ServiceRefused("it failed, and does not say why"),
        ),
        (nested("Responder", "NoAuthnContext"), Failure::LevelTooLow),
        (
            nested("Requester", "RequestDenied"),
            Failure::ArtifactGone("it has expired, or the request was denied"),
        ),
        (nested("Responder", "RequestDenied"), Failure::ServiceRefused("denied by who logs people in")),
        (
            nested("Requester", "NoSupportedIDP"),
            Failure::ServiceRefused("nobody whom we named can log people in"),
        ),
        (nested("Responder", "RequestUnsupported"), Failure::ServiceRefused("the request is not supported")),
        (bare("Responder") + &message("a") + &message("b"), Hostile("several StatusMessages")),
    ] {
        let (before, inner) = template(&alone())
            .split_once("<saml2p:Response")
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        let inner = replace(&inner, (success, &status));
        let document = format!(
            "{before}<saml2p:Response{}",
            inner.replace(&part(&inner, "<saml2:Assertion ", "</saml2p:Response>"), "")
        );
        assert_eq!(accept(&sign(&document, &keys().digid)).err(), Some(failure), "{status}");
    }
    assert!(assertion.contains(PROVIDERS[0]));
}
