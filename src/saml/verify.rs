//! From bytes off the wire to trees of which every part was signed by DigiD.

use super::Failure;
use super::keys::TrustedCertificate;
use super::libxmlsec::Document;
use super::strict::{self, Advice, Signatures};
use super::xml::{self, Element, Reason, SAML, SAMLP};
use crate::domain::time::Timestamp;

/// What DigiD signed of an answer. Each part is read from the very bytes that its own signature was made over.
pub(super) struct Signed {
    /// The ArtifactResponse.
    pub(super) answer: Element,
    /// The Assertion in its Response, if there is one. The one that `answer` shows is never read.
    pub(super) assertion: Option<Element>,
}

/// Verifies the signatures of a SOAP answer that we consume, and no other. Only certificates from DigiD's metadata that
/// are valid `now` count; what the message says about its own key does not.
pub(super) fn signed(
    body: &[u8],
    advice: Advice,
    trusted: &[TrustedCertificate],
    now: Timestamp,
) -> Result<Signed, Failure> {
    let envelope = xml::parse(body).map_err(Failure::Hostile)?;
    if strict::is_fault(&envelope) {
        return Err(Failure::Unreachable("SOAP fault"));
    }
    let Signatures { answer, assertion } = strict::check(&envelope, advice).map_err(Failure::Hostile)?;
    let document = Verifiable::parse(body, valid(trusted, now)?).map_err(Failure::Hostile)?;
    let read = |id, namespace, name| document.read(id, namespace, name).map_err(Failure::Hostile);
    let answer = read(answer, SAMLP, "ArtifactResponse")?;
    let assertion = assertion.map(|id| read(id, SAML, "Assertion")).transpose()?;
    Ok(Signed { answer, assertion })
}

/// The largest request to log out, in bytes, with its SOAP envelope. DigiD's has some thousands.
const MAX_LOGOUT: usize = 16 * 1024;

/// Verifies DigiD's SOAP request to log somebody out, by the same rules, and gives the LogoutRequest as it was signed.
pub(super) fn signed_logout(
    body: &[u8],
    trusted: &[TrustedCertificate],
    now: Timestamp,
) -> Result<Element, Failure> {
    if body.len() > MAX_LOGOUT {
        return Err(Failure::Hostile("too large"));
    }
    let envelope = xml::parse(body).map_err(Failure::Hostile)?;
    let id = strict::check_logout(&envelope).map_err(Failure::Hostile)?;
    let document = Verifiable::parse(body, valid(trusted, now)?);
    document.and_then(|document| document.read(id, SAMLP, "LogoutRequest")).map_err(Failure::Hostile)
}

fn valid(trusted: &[TrustedCertificate], now: Timestamp) -> Result<Vec<&[u8]>, Failure> {
    let valid: Vec<_> = trusted.iter().filter(|c| c.valid_at(now)).map(|c| c.der.as_slice()).collect();
    let none = Failure::Broken("no certificate in DigiD's metadata is valid now");
    if valid.is_empty() { Err(none) } else { Ok(valid) }
}

/// A document that the strict reader let through, and the certificates (DER) that count.
pub(super) struct Verifiable<'a> {
    document: Document,
    valid: Vec<&'a [u8]>,
}

impl<'a> Verifiable<'a> {
    pub(super) fn parse(body: &[u8], valid: Vec<&'a [u8]>) -> Result<Self, Reason> {
        Ok(Self { document: Document::parse(body).ok_or("not well-formed XML")?, valid })
    }

    /// The element that the strict reader found under `id`, from the bytes that its signature was made over.
    pub(super) fn read(&self, id: &str, namespace: &str, name: &str) -> Result<Element, Reason> {
        let bytes = self.document.signed(id, self.valid.iter().copied());
        let element = xml::parse(&bytes.ok_or("invalid signature")?)?;
        // libxml2 must have found the same.
        let same = element.is(namespace, name) && element.attribute("ID") == Some(id);
        if same { Ok(element) } else { Err("invalid signature") }
    }
}
