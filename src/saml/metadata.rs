//! Our SAML metadata.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::hash::MessageDigest;
use openssl::sha::sha256;
use url::Url;

use super::keys::KeyPair;
use super::routing::Routing;
use super::signer::{CannotSign, Signer};
use super::xml::{DS, MD, SAMLP, escape};

// The bindings that metadata tells of, ours and DigiD's (SAML 2.0 bindings, section 3).
pub(super) const HTTP_ARTIFACT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact";
pub(super) const HTTP_POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
pub(super) const HTTP_REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
pub(super) const SOAP_BINDING: &str = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP";

/// What our metadata tells of us.
pub(super) struct Ours<'a> {
    pub(super) entity_id: &'a str,
    pub(super) acs: &'a Url,
    pub(super) index: Option<u16>,
    /// Where single logout is in use: its one address, by SOAP and by HTTP-Redirect.
    pub(super) logout: Option<&'a Url>,
    /// Whose turn it is, which signs, and those that wait, so that they are known before theirs comes.
    pub(super) signers: &'a [&'a Signer],
    /// For the routing service, which also wants to know our TLS clients, now and later.
    pub(super) routing: Option<(&'a Routing, &'a [&'a KeyPair])>,
}

/// Our signed metadata: one artifact consumer, and the keys. DigiD 3.x wants neither other keys than those that
/// sign nor an end, and forbids `cacheDuration`; the routing service wants the TLS clients', those to encrypt for, and an
/// end, which is that of the certificate that ends first.
pub(super) fn write(ours: &Ours<'_>) -> Result<String, CannotSign> {
    let Ours { entity_id, acs, index, logout, signers, routing } = *ours;
    let signer = *signers.first().ok_or(CannotSign)?;
    // An id from the entity id, not from chance: every node and every start writes the same text.
    let id = format!("_{}", base16ct::lower::encode_string(&sha256(entity_id.as_bytes())[..20]));
    let mut keys = String::new();
    for signer in signers {
        keys += &key("signing", signer.key_name(), signer.pair())?;
    }
    let mut valid_until = String::new();
    if let Some((routing, tls)) = routing {
        for pair in tls {
            let fingerprint = pair.certificate().digest(MessageDigest::sha1()).map_err(|_| CannotSign)?;
            keys += &key("signing", &base16ct::lower::encode_string(&fingerprint), pair)?;
        }
        for (name, pair) in routing.keys() {
            keys += &key("encryption", name, pair)?;
        }
        let signing = signers.iter().map(|signer| signer.pair()).chain(tls.iter().copied());
        let pairs = signing.chain(routing.keys().iter().map(|(_, pair)| pair));
        let first = pairs.map(|pair| pair.dates().not_after).min().ok_or(CannotSign)?;
        valid_until = format!(" validUntil=\"{}\"", first.rfc3339());
    }
    let service = |binding: &str, to: &Url| {
        format!("<md:SingleLogoutService Binding=\"{binding}\" Location=\"{}\"/>", escape(to.as_str()))
    };
    let logout: String =
        logout.iter().flat_map(|to| [SOAP_BINDING, HTTP_REDIRECT].map(|by| service(by, to))).collect();
    let document = format!(
        "<md:EntityDescriptor xmlns:md=\"{MD}\" ID=\"{id}\" entityID=\"{entity_id}\"{valid_until}>\
         {signature}\
         <md:SPSSODescriptor AuthnRequestsSigned=\"true\" WantAssertionsSigned=\"true\" \
         protocolSupportEnumeration=\"{SAMLP}\">\
         {keys}{logout}<md:AssertionConsumerService Binding=\"{HTTP_ARTIFACT}\" Location=\"{acs}\" \
         index=\"{index}\" isDefault=\"true\"/></md:SPSSODescriptor></md:EntityDescriptor>",
        entity_id = escape(entity_id),
        signature = signer.template(&id),
        acs = escape(acs.as_str()),
        index = index.unwrap_or(0),
    );
    signer.sign_xml(&document)
}

fn key(usage: &str, name: &str, pair: &KeyPair) -> Result<String, CannotSign> {
    let certificate = pair.certificate().to_der().map_err(|_| CannotSign)?;
    Ok(format!(
        "<md:KeyDescriptor use=\"{usage}\"><ds:KeyInfo xmlns:ds=\"{DS}\"><ds:KeyName>{}</ds:KeyName>\
         <ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>",
        escape(name),
        STANDARD.encode(certificate)
    ))
}
