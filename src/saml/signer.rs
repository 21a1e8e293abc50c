//! Our signature: RSA with SHA-256 over exclusive canonical XML, or over a query string.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::hash::MessageDigest;
use openssl::sign::Signer as Rsa;
use samael::crypto::{Crypto, CryptoProvider};

use super::keys::KeyPair;
use super::xml::escape;

/// RSA-SHA256, the algorithm of all our signatures (RFC 6931, section 2.3.2).
pub(super) const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
/// Exclusive canonicalisation without comments.
pub(super) const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// The enveloped-signature transform.
pub(super) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// SHA-256 as a digest.
pub(super) const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// The library or the key failed; nothing was signed.
#[derive(Debug)]
pub(super) struct CannotSign;

pub(super) struct Signer {
    pair: KeyPair,
    /// Which of our registered certificates belongs to the key: DigiD picks it by this name.
    key_name: String,
}

impl Signer {
    pub(super) fn new(pair: KeyPair, key_name: String) -> Self {
        Self { pair, key_name }
    }

    pub(super) fn key_name(&self) -> &str {
        &self.key_name
    }

    pub(super) fn pair(&self) -> &KeyPair {
        &self.pair
    }

    /// The empty signature to put into the element with this `ID`, for [`Self::sign_xml`] to fill. samael's
    /// own template digests with SHA-1.
    pub(super) fn template(&self, id: &str) -> String {
        format!(
            "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo>\
             <ds:CanonicalizationMethod Algorithm=\"{EXC_C14N}\"/>\
             <ds:SignatureMethod Algorithm=\"{RSA_SHA256}\"/>\
             <ds:Reference URI=\"#{id}\"><ds:Transforms><ds:Transform Algorithm=\"{ENVELOPED}\"/>\
             <ds:Transform Algorithm=\"{EXC_C14N}\"/></ds:Transforms><ds:DigestMethod Algorithm=\"{SHA256}\"/>\
             <ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/>\
             <ds:KeyInfo><ds:KeyName>{}</ds:KeyName></ds:KeyInfo></ds:Signature>",
            escape(&self.key_name)
        )
    }

    /// Fills the first signature template of a document that holds one. The result has no XML declaration.
    pub(super) fn sign_xml(&self, document: &str) -> Result<String, CannotSign> {
        let signed = Crypto::sign_xml(document, self.pair.key_der()).map_err(|_| CannotSign)?;
        let bare = signed.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map(|(_, root)| root);
        Ok(bare.unwrap_or(&signed).trim().to_owned())
    }

    /// The detached signature over a query string (SAML 2.0 bindings, section 3.4.4.1), in base64.
    pub(super) fn sign_query(&self, query: &str) -> Result<String, CannotSign> {
        let mut rsa = Rsa::new(MessageDigest::sha256(), self.pair.key()).map_err(|_| CannotSign)?;
        let signature = rsa.sign_oneshot_to_vec(query.as_bytes()).map_err(|_| CannotSign)?;
        Ok(STANDARD.encode(signature))
    }
}
