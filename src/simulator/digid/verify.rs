//! Whether what a service provider sends is signed by a key from its registered metadata, and by nothing else:
//! what a message says of its own key is not read (Koppelvlakspecificatie 3.7).

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use openssl::hash::MessageDigest;
use openssl::sign::Verifier;
use openssl::x509::X509;
use samael::crypto::{AllowedSignatureAlgorithm, CertificateDer, Crypto, CryptoProvider, ReduceMode};
use url::form_urlencoded;

use super::names::DS;
use super::xml::{self, Element};

const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
/// An inflated AuthnRequest is a few kilobytes.
const MAX_INFLATED: u64 = 64 * 1024;

/// Verifies the enveloped signature of the element of this name in `document` and returns only what it covers.
/// The signature stands in that element, refers to it by ID, and is the only one in the document.
/// The error says why not, in words for a log.
pub fn enveloped(
    document: &str,
    namespace: &str,
    name: &str,
    certificates: &[X509],
) -> Result<Element, String> {
    let root = xml::read(document)?;
    let all = root.walk();
    let [message] = all.iter().filter(|e| e.is(namespace, name)).collect::<Vec<_>>()[..] else {
        return Err(format!("it holds not exactly one {name}"));
    };
    if all.iter().filter(|e| e.is(DS, "Signature")).count() != 1 {
        return Err("it holds not exactly one signature".into());
    }
    let id = message.attribute("ID").filter(|id| !id.is_empty()).ok_or("it has no ID")?;
    let reference = message
        .only(DS, "Signature")
        .and_then(|s| s.only(DS, "SignedInfo"))
        .and_then(|s| s.only(DS, "Reference"))
        .ok_or("its signature is not its own, or has not exactly one Reference")?;
    if reference.attribute("URI") != Some(&format!("#{id}")) {
        return Err("its signature refers to something else".into());
    }
    for transform in all.iter().filter(|e| e.is(DS, "Transform")) {
        let known = [
            "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
            "http://www.w3.org/2001/10/xml-exc-c14n#",
        ];
        if !transform.attribute("Algorithm").is_some_and(|a| known.contains(&a)) {
            return Err("its signature passes through a transform that SAML does not know".into());
        }
    }
    let ders = ders(certificates)?;
    let covered = Crypto::reduce_xml_to_signed_with_allowed_algorithms(
        document,
        &ders,
        ReduceMode::ValidateAndMarkNoAncestors,
        Some(&[AllowedSignatureAlgorithm::RsaSha256]),
    )
    .map_err(|e| format!("its signature does not verify: {e}"))?;
    let covered = xml::read(&covered)?;
    if covered.is(namespace, name) { Ok(covered) } else { Err(format!("not the {name} is signed")) }
}

fn ders(certificates: &[X509]) -> Result<Vec<CertificateDer>, String> {
    certificates.iter().map(|c| c.to_der().map(CertificateDer::from).map_err(|e| e.to_string())).collect()
}

/// What came by the Redirect binding, verified.
#[derive(Debug, PartialEq, Eq)]
pub struct Redirected {
    /// The message, inflated.
    pub message: String,
    /// The RelayState, if there was one.
    pub relay_state: Option<String>,
}

/// Verifies the detached signature of the Redirect binding over the query's own bytes, just as they came
/// (SAML 2.0 bindings, section 3.4.4.1).
pub fn redirected(query: &str, certificates: &[X509]) -> Result<Redirected, String> {
    let raw = |wanted: &str| -> Result<Option<&str>, String> {
        let mut found =
            query.split('&').filter_map(|p| p.split_once('=')).filter(|(name, _)| *name == wanted);
        match (found.next(), found.next()) {
            (one, None) => Ok(one.map(|(_, value)| value)),
            _ => Err(format!("{wanted} is there twice")),
        }
    };
    let request = raw("SAMLRequest")?.ok_or("no SAMLRequest")?;
    let relay_state = raw("RelayState")?;
    let algorithm = raw("SigAlg")?.ok_or("no SigAlg: it is not signed")?;
    let signature = raw("Signature")?.ok_or("no Signature: it is not signed")?;
    if decoded(algorithm) != RSA_SHA256 {
        return Err("the SigAlg is not rsa-sha256".into());
    }
    let relay = relay_state.map_or_else(String::new, |r| format!("&RelayState={r}"));
    let signed = format!("SAMLRequest={request}{relay}&SigAlg={algorithm}");
    let signature = STANDARD.decode(decoded(signature)).map_err(|e| format!("the Signature: {e}"))?;
    let fits = |certificate: &X509| -> Result<bool, openssl::error::ErrorStack> {
        let key = certificate.public_key()?;
        Verifier::new(MessageDigest::sha256(), &key)?.verify_oneshot(&signature, signed.as_bytes())
    };
    if !certificates.iter().any(|c| fits(c).unwrap_or(false)) {
        return Err("its signature does not verify".into());
    }
    let deflated = STANDARD.decode(decoded(request)).map_err(|e| format!("the SAMLRequest: {e}"))?;
    let mut message = String::new();
    DeflateDecoder::new(deflated.as_slice())
        .take(MAX_INFLATED)
        .read_to_string(&mut message)
        .map_err(|e| format!("the SAMLRequest: {e}"))?;
    Ok(Redirected { message, relay_state: relay_state.map(decoded) })
}

fn decoded(value: &str) -> String {
    form_urlencoded::parse(format!("v={value}").as_bytes())
        .next()
        .map(|(_, v)| v.into_owned())
        .unwrap_or_default()
}
