//! The verifier by itself, as if no strict reader stood before it: it reads one element's own signature, with our keys
//! and algorithms only, and gives back what that was made over.

use std::thread;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use samael::crypto::{Crypto, CryptoProvider, ReduceMode};

use super::forge::{Pair, first_signature, keys, replace, sign, sp, template};
use crate::saml::libxmlsec::Document;

fn der(pair: &Pair) -> Vec<u8> {
    pair.certificate.to_der().unwrap()
}

fn verified(document: &str, id: &str, certificates: &[Vec<u8>]) -> Option<String> {
    let document = Document::parse(document.as_bytes())?;
    let bytes = document.signed(id, certificates.iter().map(Vec::as_slice))?;
    Some(String::from_utf8(bytes).unwrap())
}

fn by_digid(document: &str, id: &str) -> Option<String> {
    verified(document, id, &[der(&keys().digid)])
}

/// A small document with a signature that DigiD's key fills.
fn small(signature: &str) -> String {
    let _initialised = sp();
    keys().digid.sign(&format!("<a><b ID=\"_answer\"><c>1</c>{signature}</b></a>"))
}

/// What a signature over `#_answer` looks like, still empty.
fn signature() -> String {
    first_signature(&template())
}

#[test]
fn what_comes_back_is_what_was_digested() {
    assert_eq!(by_digid(&small(&signature()), "_answer").as_deref(), Some("<b ID=\"_answer\"><c>1</c></b>"));
    let whole = sign(&template(), &keys().digid);
    let document = Document::parse(whole.as_bytes()).unwrap();
    let certificates = [der(&keys().digid)];
    // One after the other from one tree, in either order and again: nothing of the first is left for the second.
    for (id, name, signatures) in
        [("_assertion", "Assertion", 0), ("_answer", "ArtifactResponse", 1), ("_assertion", "Assertion", 0)]
    {
        let bytes = document.signed(id, certificates.iter().map(Vec::as_slice)).expect(id);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("<saml") && text.ends_with(&format!(":{name}>")), "{text}");
        assert!(text.contains("s00000000:111222333") && !text.contains("soapenv"), "{text}");
        assert_eq!(text.matches("<ds:Signature ").count(), signatures, "{text}");
    }
    assert!(
        document.signed("_response", certificates.iter().map(Vec::as_slice)).is_none(),
        "it is not signed"
    );
}

#[test]
fn another_signature_in_the_document_does_not_count() {
    let good = sign(&template(), &keys().digid);
    let inner = sign(&template(), &keys().stranger);
    let foreign = first_signature(inner.split_once("<saml:Assertion").unwrap().1);
    let own = first_signature(good.split_once("<saml:Assertion").unwrap().1);
    // The Assertion's signature is a stranger's, and the ArtifactResponse was signed with it inside.
    let empty = signature();
    let both = replace(
        &template(),
        (&first_signature(template().split_once("<saml:Assertion").unwrap().1), &foreign),
    );
    let outer = keys().digid.sign(&both);
    assert!(own != foreign && outer.contains(&foreign) && !outer.contains(&empty));
    assert!(by_digid(&outer, "_answer").is_some(), "the signature that is asked for holds");
    assert!(by_digid(&outer, "_assertion").is_none(), "the other one does not");
    let both = replace(&good, ("<saml:NameID>\ns00000000:111222333", "<saml:NameID>\ns00000000:999990019"));
    assert!(by_digid(&both, "_assertion").is_none() && by_digid(&both, "_answer").is_none());
}

/// A key of another kind, one that is none, and somebody else's leave the right one its turn.
#[test]
fn every_certificate_has_its_turn() {
    let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let elliptic = Pair::make(PKey::from_ec_key(EcKey::generate(&curve).unwrap()).unwrap());
    let mut mixed = vec![der(&elliptic), b"no certificate".to_vec(), Vec::new(), der(&keys().stranger)];
    let document = small(&signature());
    assert_eq!(verified(&document, "_answer", &mixed), None);
    mixed.push(der(&keys().digid));
    mixed.push(der(&elliptic));
    assert!(verified(&document, "_answer", &mixed).is_some());
    assert_eq!(verified(&document, "_answer", &[]), None);
}

#[test]
fn a_message_does_not_bring_its_own_key() {
    let certificate = keys().stranger.certificate_base64();
    let vouching = format!(
        "<ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    );
    let document = format!("<a ID=\"_answer\">{}</a>", replace(&signature(), ("</ds:KeyInfo>", &vouching)));
    let (by_stranger, by_us) = (keys().stranger.sign(&document), keys().digid.sign(&document));
    assert!(by_digid(&by_us, "_answer").is_some() && by_digid(&by_stranger, "_answer").is_none());
    assert!(
        verified(&by_stranger, "_answer", &[der(&keys().stranger)]).is_some(),
        "the signature itself is good"
    );
}

/// Each is signed by DigiD's own key, and bare libxmlsec takes it: only the list of what is allowed refuses it.
#[test]
fn libxmlsec_itself_allows_nothing_else() {
    let enveloped = "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>";
    let transform = |uri: &str, inside: &str| {
        format!("{enveloped}<ds:Transform Algorithm=\"{uri}\">{inside}</ds:Transform>")
    };
    let sha1 = "http://www.w3.org/2000/09/xmldsig#";
    let copy = "<xsl:stylesheet version=\"1.0\" xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\"><xsl:template \
                match=\"@*|node()\"><xsl:copy><xsl:apply-templates select=\"@*|node()\"/></xsl:copy></xsl:template>\
                </xsl:stylesheet>";
    let xslt = transform("http://www.w3.org/TR/1999/REC-xslt-19991116", copy);
    let xpath = transform("http://www.w3.org/TR/1999/REC-xpath-19991116", "<ds:XPath>true()</ds:XPath>");
    let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#\"";
    let inclusive = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"";
    let commented = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments\"";
    let signed_info = "<ds:CanonicalizationMethod Algorithm=\"";
    let canonical = |uri: &str| (format!("{signed_info}{exclusive}"), format!("{signed_info}{uri}"));
    let with = |uri: &str| {
        (format!("<ds:Transform Algorithm=\"{exclusive}"), format!("<ds:Transform Algorithm=\"{uri}"))
    };
    let own = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    for (what, (from, to)) in [
        (
            "RSA with SHA-1",
            own("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", &format!("{sha1}rsa-sha1")),
        ),
        ("a SHA-1 digest", own("http://www.w3.org/2001/04/xmlenc#sha256", &format!("{sha1}sha1"))),
        ("XSLT", own(enveloped, &xslt)),
        ("XPath", own(enveloped, &xpath)),
        ("inclusive c14n of the reference", with(inclusive)),
        ("c14n with comments of the reference", with(commented)),
        ("inclusive c14n of SignedInfo", canonical(inclusive)),
        ("c14n with comments of SignedInfo", canonical(commented)),
        ("the whole document", own("URI=\"#_answer\"", "URI=\"\"")),
        ("an XPointer", own("#_answer", "#xpointer(id('_answer'))")),
        (
            "a second reference",
            own(
                "</ds:SignedInfo>",
                &format!(
                    "<ds:Reference URI=\"#_answer\"><ds:Transforms>{enveloped}</ds:Transforms><ds:DigestMethod \
                     Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue/></ds:Reference>\
                     </ds:SignedInfo>"
                ),
            ),
        ),
    ] {
        let document = small(&replace(&signature(), (&from, &to)));
        let bare = Crypto::verify_signed_xml(&document, &der(&keys().digid).into(), Some("ID"));
        assert!(bare.is_ok(), "{what}: {bare:?}");
        assert_eq!(by_digid(&document, "_answer"), None, "{what}");
    }
}

#[test]
fn an_element_is_found_by_one_plain_name_or_not_at_all() {
    let good = small(&signature());
    assert!(by_digid(&good, "_answer").is_some());
    for (from, to) in [
        ("<c>", "<c ID=\"_answer\">"),
        ("<c>", "<c xml:id=\"_answer\">"),
        ("<a>", "<!DOCTYPE a [<!ATTLIST d k ID #IMPLIED>]><a><d k=\"_answer\"/>"),
        ("<b ID", "<b Id"),
        ("<b ID", "<b xmlns:x=\"urn:x\" x:ID"),
        ("</a>", "<d ID=\"_answer\"/></a>"),
        ("</a>", "</a><x/>"),
        ("</a>", ""),
        ("<c>1</c>", "<c>&e;</c>"),
    ] {
        assert_eq!(by_digid(&replace(&good, (from, to)), "_answer"), None, "{from} -> {to}");
    }
    // A signature over the element, but beside it, in it further down, or there twice.
    let own = first_signature(&good);
    let bare = replace(&good, (&own, ""));
    for (place, with) in
        [("</a>", format!("{own}</a>")), ("1</c>", format!("{own}</c>")), ("<c>", format!("{own}{own}<c>"))]
    {
        assert_eq!(by_digid(&replace(&bare, (place, &with)), "_answer"), None, "{place}");
    }
    let two = small(&(signature() + &signature()));
    assert!(Crypto::verify_signed_xml(&two, &der(&keys().digid).into(), Some("ID")).is_ok());
    assert_eq!(by_digid(&two, "_answer"), None, "the first signature holds");
    // What has only the name of a signature, or only its namespace, is none.
    for alike in
        ["<x:Signature xmlns:x=\"urn:x\"/>", "<ds:Object xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/>"]
    {
        let beside = format!("<a><b ID=\"_answer\"><c>1</c>{}{alike}</b></a>", signature());
        assert!(by_digid(&keys().digid.sign(&beside), "_answer").is_some(), "{alike}");
    }
    // An ID that would be an expression: bare libxmlsec follows it.
    let expression = "xpointer(/a/b)";
    let pointing = good_under(expression);
    assert!(Crypto::verify_signed_xml(&pointing, &der(&keys().digid).into(), Some("ID")).is_ok());
    assert_eq!(by_digid(&pointing, expression), None);
}

/// A small document whose element has this for an ID, signed.
fn good_under(id: &str) -> String {
    let _initialised = sp();
    let signature = replace(&signature(), ("#_answer", &format!("#{id}")));
    keys().digid.sign(&format!("<a><b ID=\"{id}\"><c>1</c>{signature}</b></a>"))
}

#[test]
fn eight_threads_get_their_own_answers() {
    let documents: Vec<(String, String)> =
        (0..8).map(|n| (format!("<b ID=\"_n{n}\"><c>1</c></b>"), good_under(&format!("_n{n}")))).collect();
    let certificates = [der(&keys().stranger), der(&keys().digid)];
    thread::scope(|scope| {
        for (n, (right, document)) in documents.iter().enumerate() {
            let certificates = &certificates;
            scope.spawn(move || {
                let id = format!("_n{n}");
                let forged = document.replace("<c>1", "<c>2");
                for _ in 0..100 {
                    assert_eq!(verified(document, &id, certificates).as_ref(), Some(right));
                    assert_eq!(verified(&forged, &id, certificates), None);
                }
            });
        }
    });
}

/// The library that we sign with agrees on what was signed.
#[test]
fn samael_reads_the_same() {
    let document = small(&signature());
    let mode = ReduceMode::PreDigest;
    let reduced = Crypto::reduce_xml_to_signed(&document, &[der(&keys().digid).into()], mode).unwrap();
    assert_eq!(by_digid(&document, "_answer").as_deref(), Some(reduced.as_str()));
}
