//! From bytes off the wire to trees of which every part was signed by DigiD.

use super::Failure;
use super::keys::TrustedCertificate;
use super::libxmlsec::Document;
use super::strict::{self, Advice, Signatures};
use super::xml::{self, Element, SAML, SAMLP};
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
    let valid: Vec<&[u8]> = trusted.iter().filter(|c| c.valid_at(now)).map(|c| c.der.as_slice()).collect();
    if valid.is_empty() {
        return Err(Failure::Broken("no certificate in DigiD's metadata is valid now"));
    }
    let document = Document::parse(body).ok_or(Failure::Hostile("not well-formed XML"))?;
    let read = |id: &str, namespace, name| {
        let bytes = document.signed(id, valid.iter().copied()).ok_or("invalid signature")?;
        let element = xml::parse(&bytes)?;
        // The strict reader found this element under this id; libxml2 must have found the same.
        let same = element.is(namespace, name) && element.attribute("ID") == Some(id);
        if same { Ok(element) } else { Err("invalid signature") }
    };
    let answer = read(answer, SAMLP, "ArtifactResponse").map_err(Failure::Hostile)?;
    let assertion = assertion.map(|id| read(id, SAML, "Assertion")).transpose().map_err(Failure::Hostile)?;
    Ok(Signed { answer, assertion })
}
