//! Makes answers of DigiD, good and spoiled, with keys made on the spot.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sha::sha1;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509NameBuilder};
use samael::crypto::{Crypto, CryptoProvider};
use url::Url;

use crate::config::digid::Binding;
use crate::domain::assurance::Level;
use crate::domain::time::Timestamp;
use crate::saml::message::new_id;
use crate::saml::{Expected, Given, Interface, NamedPem, Pem, ServiceProvider, Settings};

pub(super) const DIGID: &str = "https://digid.example/saml/idp/metadata";
pub(super) const SP: &str = "https://login.zorg.example/saml?a=1&b='2'";
pub(super) const ACS: &str = "https://login.zorg.example/digid/acs";
pub(super) const RESOLVE_ID: &str = "_resolve";

/// The moment everything happens: 2026-11-22T12:00:00Z.
pub(in crate::saml) fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-22T12:00:00Z").unwrap()
}

/// A key and its certificate.
pub(super) struct Pair {
    pub(super) key: PKey<Private>,
    pub(super) certificate: X509,
}

impl Pair {
    pub(super) fn make(key: PKey<Private>) -> Self {
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", &new_id().unwrap()).unwrap();
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&Asn1Time::from_str("20200101000000Z").unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::from_str("20491231235959Z").unwrap()).unwrap();
        let loopback =
            SubjectAlternativeName::new().ip("127.0.0.1").build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(loopback).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Self { key, certificate: builder.build() }
    }

    pub(super) fn rsa(bits: u32) -> Self {
        Self::make(PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap())
    }

    pub(super) fn key_pem(&self) -> String {
        String::from_utf8(self.key.private_key_to_pem_pkcs8().unwrap()).unwrap()
    }

    pub(super) fn certificate_pem(&self) -> String {
        String::from_utf8(self.certificate.to_pem().unwrap()).unwrap()
    }

    pub(super) fn pem(&self) -> Pem {
        Pem {
            key: given("a key", self.key_pem()),
            certificate: given("a certificate", self.certificate_pem()),
        }
    }

    pub(super) fn named(&self, name: &str) -> NamedPem {
        NamedPem { name: name.to_owned(), pem: self.pem() }
    }

    pub(super) fn certificate_base64(&self) -> String {
        STANDARD.encode(self.certificate.to_der().unwrap())
    }

    /// Fills the first signature template.
    pub(super) fn sign(&self, document: &str) -> String {
        let signed = Crypto::sign_xml(document, &self.key.private_key_to_der().unwrap()).expect("signs");
        signed.split_once("?>").unwrap().1.trim().to_owned()
    }
}

/// The same key with a certificate of other dates.
pub(super) fn dated(pair: &Pair, from: Timestamp, to: Timestamp) -> Pair {
    let asn1 = |time: Timestamp| Asn1Time::from_unix(time.epoch()).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_pubkey(&pair.key).unwrap();
    builder.set_not_before(&asn1(from)).unwrap();
    builder.set_not_after(&asn1(to)).unwrap();
    builder.sign(&pair.key, MessageDigest::sha256()).unwrap();
    Pair { key: pair.key.clone(), certificate: builder.build() }
}

/// DigiD, ourselves, and a stranger.
pub(super) struct Keys {
    pub(super) digid: Pair,
    pub(super) ours: Pair,
    pub(super) stranger: Pair,
}

pub(super) fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| Keys { digid: Pair::rsa(2048), ours: Pair::rsa(2048), stranger: Pair::rsa(2048) })
}

/// DigiD's metadata, signed with its own key.
pub(super) fn digid_metadata(back_channel: &str) -> String {
    keys().digid.sign(&unsigned_metadata(back_channel))
}

/// Signed metadata with a change, signed anew.
pub(super) fn resigned(metadata: &str, change: (&str, &str)) -> String {
    let empty = replace(metadata, (&first_signature(metadata), &signature("_metadata")));
    keys().digid.sign(&replace(&empty, change))
}

fn unsigned_metadata(back_channel: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_metadata" entityID="{DIGID}">{}
<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
<ds:X509Data><ds:X509Certificate>
{}
</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
<md:ArtifactResolutionService index="0" Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="{back_channel}"/>
<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://digid.example/saml/idp/request_authentication?x=1"/>
<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://digid.example/saml/idp/request_authentication"/>
</md:IDPSSODescriptor></md:EntityDescriptor>"#,
        signature("_metadata"),
        keys().digid.certificate_base64()
    )
}

/// A text as it stands in a file.
pub(super) fn given(at: &str, text: String) -> Given {
    Given { text: text.into(), at: at.to_owned() }
}

pub(super) fn settings() -> Settings {
    let ours = &keys().ours;
    Settings {
        entity_id: SP.to_owned(),
        acs_url: Url::parse(ACS).unwrap(),
        acs_index: Some(0),
        logout_url: None,
        binding: Binding::Redirect,
        interface: Interface::Digid3,
        signing: ours.named("key <1>"),
        next_signing: Vec::new(),
        tls: ours.pem(),
        next_tls: Vec::new(),
        ca_roots: given("the roots", keys().digid.certificate_pem()),
        digid_metadata: digid_metadata("https://was.digid.example/resolve"),
        metadata_entity_id: DIGID.to_owned(),
        metadata_certificates: given("the pinned", keys().digid.certificate_pem()),
    }
}

pub(super) fn sp() -> ServiceProvider {
    ServiceProvider::new(&settings(), now()).expect("good settings")
}

pub(super) fn expected() -> Expected {
    Expected {
        request_id: "_request".to_owned(),
        required: Level::Midden,
        force_authn: true,
        representation: false,
        asked_at: now().plus(-60),
    }
}

/// An artifact of type 4, endpoint 0, of the identity provider with this entity id.
pub(super) fn artifact_of(entity_id: &str) -> Vec<u8> {
    [&[0, 4, 0, 0][..], &sha1(entity_id.as_bytes()), &[7; 20]].concat()
}

pub(super) fn signature(id: &str) -> String {
    format!(
        r##"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><ds:Reference URI="#{id}"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"><ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="ds saml samlp xs"/></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><ds:KeyName>digid {id}</ds:KeyName></ds:KeyInfo></ds:Signature>"##
    )
}

/// An ArtifactResponse as DigiD 3.x sends it, both signatures still empty.
pub(super) fn template() -> String {
    let (outer, inner) = (signature("_answer"), signature("_assertion"));
    format!(
        r#"<samlp:ArtifactResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_answer" Version="2.0" IssueInstant="2026-11-22T12:00:01Z" InResponseTo="{RESOLVE_ID}"><saml:Issuer>{DIGID}</saml:Issuer>{outer}<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><samlp:Response ID="_response" Version="2.0" IssueInstant="2026-11-22T12:00:00Z" InResponseTo="_request"><saml:Issuer>{DIGID}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_assertion" Version="2.0" IssueInstant="2026-11-22T12:00:00Z"><saml:Issuer>{DIGID}</saml:Issuer>{inner}<saml:Subject><saml:NameID>
s00000000:111222333
</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData InResponseTo="_request" NotOnOrAfter="2026-11-22T12:02:00Z" Recipient="{ACS}"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="2026-11-22T11:58:00Z" NotOnOrAfter="2026-11-22T12:02:00Z"><saml:AudienceRestriction><saml:Audience> https://login.zorg.example/saml?a=1&amp;b='2' </saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="2026-11-22T11:59:30Z" SessionIndex="_session"><saml:SubjectLocality Address="192.0.2.7"/><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement></saml:Assertion></samlp:Response></samlp:ArtifactResponse>"#
    )
}

/// Replaces the first occurrence, and insists that there is one.
pub(super) fn replace(text: &str, (from, to): (&str, &str)) -> String {
    assert!(text.contains(from), "the document holds no {from}");
    text.replacen(from, to, 1)
}

/// Signs the assertion, where there is one with a signature to fill, and then the whole, wrapped in SOAP.
pub(super) fn sign(document: &str, pair: &Pair) -> String {
    sign_by(document, pair, pair)
}

/// The same with a key of its own for the Assertion.
pub(super) fn sign_by(document: &str, inner: &Pair, pair: &Pair) -> String {
    let mut envelope = soap(document);
    if envelope.matches("<ds:SignatureValue/>").count() > 1 {
        // The library fills the first template only, so the outer one steps aside.
        let outer = first_signature(&envelope);
        envelope = inner.sign(&replace(&envelope, (&outer, "OUTER")));
        envelope = replace(&envelope, ("OUTER", &outer));
    }
    pair.sign(&envelope)
}

/// The first piece of a text from `start` up to `end`.
pub(super) fn part(text: &str, start: &str, end: &str) -> String {
    let (_, rest) = text.split_once(start).unwrap();
    format!("{start}{}", rest.split_once(end).unwrap().0)
}

/// The text of the first signature of a document.
pub(super) fn first_signature(document: &str) -> String {
    let end = "</ds:Signature>";
    part(document, "<ds:Signature ", end) + end
}

pub(super) fn soap(body: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xs="http://www.w3.org/2001/XMLSchema"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"#
    )
}
