//! The strict reader by itself: what a signed message may look like, before any signature is looked at.

use super::forge::{Pair, RESOLVE_ID, first_signature, keys, now, replace, sign, signature, soap, template};
use super::outgoing::parse;
use crate::saml::Failure::Hostile;
use crate::saml::keys::TrustedCertificate;
use crate::saml::strict::{self, Advice, check_logout, is_fault, is_name};
use crate::saml::verify::{Verifiable, signed_logout};
use crate::saml::xml::{Reason, SAML, SAMLP};

/// The `ID`s of what is read of an answer with empty signatures, or why it is refused.
fn checked(envelope: &str) -> Result<(String, Option<String>), Reason> {
    let envelope = parse(envelope);
    let signatures = strict::check(&envelope, Advice::Refused)?;
    Ok((signatures.answer.to_owned(), signatures.assertion.map(str::to_owned)))
}

fn good() -> (String, Option<String>) {
    ("_answer".to_owned(), Some("_assertion".to_owned()))
}

#[test]
fn a_signature_has_its_parts_and_no_others() {
    let answer = soap(&template());
    assert_eq!(checked(&answer), Ok(good()));
    let hint = "<ds:KeyInfo><ds:KeyName>digid _answer</ds:KeyName></ds:KeyInfo>";
    let bare = replace(&answer, (hint, ""));
    assert_eq!(checked(&bare), Ok(good()), "a hint of the key is not needed");
    for (from, to, reason) in [
        ("ds:SignedInfo>", "ds:Other>", "a signature of another shape"),
        ("ds:SignatureValue/>", "ds:Other/>", "a signature of another shape"),
        ("ds:KeyInfo>", "ds:Other>", "key information of another shape"),
        ("ds:Reference", "ds:Other", "a signature of another shape"),
        ("ds:Transforms>", "ds:Other>", "a reference of another shape"),
        ("ds:DigestValue/>", "ds:Other/>", "a reference of another shape"),
        ("<ds:DigestValue/>", "", "a reference of another shape"),
        ("ds:DigestMethod", "ds:Other", "digest algorithm not allowed"),
        ("ec:InclusiveNamespaces", "ec:Other", "algorithm with parameters"),
        (
            "http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList",
            "urn:x\" PrefixList",
            "algorithm with parameters",
        ),
    ] {
        assert!(answer.contains(from), "{from}");
        assert_eq!(checked(&answer.replace(from, to)), Err(reason), "{from} -> {to}");
    }
    let other = replace(&bare, ("ds:SignatureValue/>", "ds:Other/>"));
    assert_eq!(checked(&other), Err("a signature of another shape"));
}

#[test]
fn the_prefixes_of_a_canonicalisation_are_few_and_short() {
    let with =
        |list: &str| checked(&replace(&soap(&template()), ("\"ds saml samlp xs\"", &format!("\"{list}\""))));
    let many = |count: usize| with(&vec!["p"; count].join(" "));
    assert_eq!((many(16), many(17)), (Ok(good()), Err("too many prefixes")));
    let long = |bytes: usize| with(&"p".repeat(bytes));
    assert_eq!((long(256), long(257)), (Ok(good()), Err("too many prefixes")));
}

#[test]
fn one_message_in_one_body_is_read() {
    let missing = "no ArtifactResponse in the SOAP body";
    let answer = template();
    assert_eq!(checked(&soap(&answer.replace("samlp:ArtifactResponse", "samlp:Response"))), Err(missing));
    assert_eq!(checked(&soap(&replace(&answer, ("2.0:protocol", "2.0:other")))), Err(missing));
    assert_eq!(checked(&soap(&format!("{answer}<x/>"))), Err(missing));
    assert_eq!(checked(&soap("")), Err(missing));
    let body = "not exactly one SOAP body";
    assert_eq!(
        checked(&replace(&soap(&answer), ("<soapenv:Body>", "<soapenv:Body/><soapenv:Body>"))),
        Err(body)
    );
    assert_eq!(checked(&answer), Err("no SOAP 1.1 envelope"));
}

#[test]
fn a_fault_is_one_only_in_a_soap_envelope() {
    let fault = soap("<soapenv:Fault/>");
    assert!(is_fault(&parse(&fault)) && !is_fault(&parse(&soap(&template()))));
    assert!(!is_fault(&parse(&fault.replace("soapenv:Envelope", "soapenv:Other"))));
    assert!(!is_fault(&parse(&fault.replace("soapenv:Body", "soapenv:Header"))));
}

#[test]
fn an_id_that_is_referred_to_is_a_plain_name() {
    for good in ["_", "a", "_a1", "A-b.c_d"] {
        assert!(is_name(good), "{good}");
    }
    for bad in ["", "1a", "-a", ".a", "a b", "a:b", "é", "xpointer(/)", "a'"] {
        assert!(!is_name(bad), "{bad}");
    }
}

/// A request to log out with its signature still empty, of which this stands in the extensions.
fn logout(extensions: &str) -> String {
    soap(&format!(
        "<samlp:LogoutRequest xmlns:samlp=\"{SAMLP}\" ID=\"_logout\">{}<samlp:Extensions>{extensions}\
         </samlp:Extensions></samlp:LogoutRequest>",
        signature("_logout")
    ))
}

#[test]
fn a_request_to_log_out_has_a_bounded_number_of_elements_and_one_signature() {
    let mut elements = 0;
    parse(&logout("")).walk(&mut |_| elements += 1);
    let with = |more: usize| check_logout(&parse(&logout(&"<x/>".repeat(more)))).map(str::to_owned);
    assert_eq!(with(64 - elements), Ok("_logout".to_owned()));
    assert_eq!(with(65 - elements), Err("too many elements"));
    let inside = |what: &str| check_logout(&parse(&logout(what))).map(str::to_owned);
    assert_eq!(inside(&format!("<x ID=\"_x\">{}</x>", signature("_x"))), Err("a misplaced signature"));
    assert_eq!(inside("<LogoutRequest/>"), Err("a misplaced LogoutRequest"));
    assert_eq!(inside("<x ID=\"_logout\"/>"), Err("an identifier used twice"));
}

fn trusted(pair: &Pair) -> TrustedCertificate {
    TrustedCertificate::from_der(&pair.certificate.to_der().unwrap()).unwrap()
}

#[test]
fn a_request_to_log_out_is_read_up_to_its_last_byte() {
    let signed = keys().digid.sign(&logout(""));
    let padded = |bytes: usize| signed.clone() + &" ".repeat(bytes - signed.len());
    let read = |bytes: usize| {
        let request = signed_logout(padded(bytes).as_bytes(), &[trusted(&keys().digid)], now());
        request.map(|request| request.name().to_owned())
    };
    assert_eq!(read(16 * 1024), Ok("LogoutRequest".to_owned()));
    assert_eq!(read(16 * 1024 + 1), Err(Hostile("too large")));
}

/// Should libxml2 ever find another element under an `ID` than the strict reader did, that is not read.
#[test]
fn what_was_signed_is_what_was_looked_for() {
    let body = sign(&template(), &keys().digid);
    let certificate = keys().digid.certificate.to_der().unwrap();
    let document = Verifiable::parse(body.as_bytes(), vec![&certificate]).unwrap();
    let read = |namespace, name| document.read("_answer", namespace, name);
    let answer = read(SAMLP, "ArtifactResponse").unwrap();
    assert_eq!(answer.attribute("InResponseTo"), Some(RESOLVE_ID));
    assert_eq!(read(SAMLP, "Response").err(), Some("invalid signature"));
    assert_eq!(read(SAML, "ArtifactResponse").err(), Some("invalid signature"));
    assert!(first_signature(&body).contains("#_answer"));
}
