//! What all our messages have in common: `AuthnRequest`, `ArtifactResolve`, `LogoutRequest` and `LogoutResponse` are written
//! and signed here (SAML 2.0 core, section 3.2).

use super::Failure;
use super::service_provider::Inner;
use super::xml::{SAML, SAMLP, SOAP, escape};
use crate::domain::time::Timestamp;

/// A message before it is signed.
pub(super) struct Message {
    /// Its element of the protocol.
    pub(super) name: &'static str,
    /// Its `ID`, of [`new_id`].
    pub(super) id: String,
    /// The attributes that not every message has, escaped.
    pub(super) attributes: String,
    /// What stands in it after Issuer and signature, as XML.
    pub(super) content: String,
    /// Its `IssueInstant`.
    pub(super) now: Timestamp,
}

impl Message {
    /// The text with its signature inside (SAML 2.0 core, section 5.4).
    pub(super) fn signed(&self, sp: &Inner) -> Result<String, Failure> {
        let ours = sp.signers.at(self.now);
        let document = self.xml(sp, &ours.template(&self.id))?;
        ours.sign_xml(&document).map_err(|_| Failure::Broken("signing"))
    }

    /// The text without a signature, for where the query that it travels in is signed.
    pub(super) fn bare(&self, sp: &Inner) -> Result<String, Failure> {
        self.xml(sp, "")
    }

    /// Nothing is said to a DigiD whose metadata has ended.
    fn xml(&self, sp: &Inner, signature: &str) -> Result<String, Failure> {
        sp.check_metadata_counts(self.now)?;
        let Self { name, id, attributes, content, now } = self;
        Ok(format!(
            "<samlp:{name} xmlns:samlp=\"{SAMLP}\" xmlns:saml=\"{SAML}\" ID=\"{id}\" Version=\"2.0\" \
             IssueInstant=\"{now}\" {attributes}><saml:Issuer>{issuer}</saml:Issuer>{signature}{content}</samlp:{name}>",
            now = now.rfc3339(),
            issuer = escape(&sp.entity_id),
        ))
    }
}

/// A fresh identifier: 160 random bits, and a letter first because `ID` is an XML name.
pub(super) fn new_id() -> Result<String, Failure> {
    let mut random = [0; 20];
    openssl::rand::rand_bytes(&mut random).map_err(|_| Failure::Broken("no randomness"))?;
    Ok(format!("_{}", base16ct::lower::encode_string(&random)))
}

/// A message in a SOAP 1.1 envelope.
pub(super) fn in_soap(message: &str) -> String {
    format!(
        "<soapenv:Envelope xmlns:soapenv=\"{SOAP}\"><soapenv:Body>{message}</soapenv:Body></soapenv:Envelope>"
    )
}
