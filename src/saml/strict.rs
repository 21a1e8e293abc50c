//! What a signed answer may look like, checked before the signature library sees it.
//!
//! That library would otherwise follow any reference and run any transform a document names. Here the only shape
//! DigiD sends is let through: one ArtifactResponse in a SOAP body, at most one Assertion in its Response, each signed
//! by its own direct child over exactly its own element, with algorithms from a short list.

use std::collections::HashSet;

use super::signer::{ENVELOPED, EXC_C14N, RSA_SHA256, SHA256};
use super::xml::{DS, Element, Reason, SAML, SAMLP, SOAP};

/// What DigiD may sign with.
pub(super) const SIGNATURES: [&str; 3] = [
    RSA_SHA256,
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
];
/// What it may digest with.
pub(super) const DIGESTS: [&str; 3] =
    [SHA256, "http://www.w3.org/2001/04/xmldsig-more#sha384", "http://www.w3.org/2001/04/xmlenc#sha512"];

/// Whether a SOAP 1.1 answer is a fault instead of an answer.
pub(super) fn is_fault(envelope: &Element) -> bool {
    let body = envelope.all(SOAP, "Body").next();
    envelope.is(SOAP, "Envelope") && body.is_some_and(|body| body.all(SOAP, "Fault").next().is_some())
}

/// The `ID`s of the elements whose signatures we consume: each bears its own, over itself.
pub(super) struct Signatures<'a> {
    pub(super) answer: &'a str,
    pub(super) assertion: Option<&'a str>,
}

/// What becomes of an Advice that holds signed Assertions.
#[derive(Debug, Clone, Copy)]
pub(super) enum Advice {
    /// DigiD itself sends none.
    Refused,
    /// The routing service always does.
    Unread,
}

/// Checks the shape of a SOAP answer; says why it is refused.
pub(super) fn check(envelope: &Element, advice: Advice) -> Result<Signatures<'_>, Reason> {
    let answer = in_body(envelope, "ArtifactResponse", "no ArtifactResponse in the SOAP body")?;
    unique_identifiers(envelope)?;
    let response = answer.at_most_one(SAMLP, "Response", "several Responses")?;
    let assertion = match response {
        Some(response) => response.at_most_one(SAML, "Assertion", "several Assertions")?,
        None => None,
    };
    let placed = 1 + usize::from(assertion.is_some());
    let signatures = Signatures {
        answer: signature_over(answer, "the ArtifactResponse is not signed")?,
        assertion: assertion.map(|a| signature_over(a, "the Assertion is not signed")).transpose()?,
    };
    let advice = match (advice, assertion) {
        (Advice::Unread, Some(assertion)) => unread(assertion)?,
        _ => None,
    };
    let count = |name, expected, reason| count(envelope, advice, name, expected, reason);
    count("Signature", placed, "a misplaced signature")?;
    count("Assertion", usize::from(assertion.is_some()), "a misplaced Assertion")?;
    count("Response", usize::from(response.is_some()), "a misplaced Response")?;
    count("EncryptedAssertion", 0, "an encrypted Assertion")?;
    Ok(signatures)
}

/// Checks the signature of metadata: the root's own, over the whole, and the only one there is. Gives the root's `ID`.
pub(super) fn metadata_signature(root: &Element) -> Result<&str, Reason> {
    unique_identifiers(root)?;
    let id = signature_over(root, "not signed")?;
    count(root, None, "Signature", 1, "a second signature")?;
    Ok(id)
}

/// The Advice, which may hold Assertions of others, signed with keys that we do not know: what the routing service was
/// told. They are let through there and nowhere else, and nobody reads them.
fn unread(assertion: &Element) -> Result<Option<&Element>, Reason> {
    let advice = assertion.at_most_one(SAML, "Advice", "several Advices")?;
    let plain = |advice: &Element| advice.children().iter().all(|child| child.is(SAML, "Assertion"));
    if advice.is_none_or(plain) { Ok(advice) } else { Err("an Advice of something else than Assertions") }
}

/// The most elements of a request to log out. DigiD's has about twenty elements. Anybody may send one, and the work on a signature grows with them.
const MAX_LOGOUT_ELEMENTS: usize = 64;

/// Checks the shape of DigiD's request to log somebody out; gives the `ID` of the LogoutRequest, which bears the only
/// signature, over itself.
pub(super) fn check_logout(envelope: &Element) -> Result<&str, Reason> {
    let request = in_body(envelope, "LogoutRequest", "no LogoutRequest in the SOAP body")?;
    let mut elements = 0;
    envelope.walk(&mut |_| elements += 1);
    if elements > MAX_LOGOUT_ELEMENTS {
        return Err("too many elements");
    }
    unique_identifiers(envelope)?;
    let id = signature_over(request, "the LogoutRequest is not signed")?;
    count(envelope, None, "Signature", 1, "a misplaced signature")?;
    count(envelope, None, "LogoutRequest", 1, "a misplaced LogoutRequest")?;
    Ok(id)
}

/// The one message in a SOAP 1.1 envelope.
fn in_body<'a>(envelope: &'a Element, name: &'static str, missing: Reason) -> Result<&'a Element, Reason> {
    if !envelope.is(SOAP, "Envelope") {
        return Err("no SOAP 1.1 envelope");
    }
    let body = envelope.one(SOAP, "Body", "not exactly one SOAP body")?;
    match body.children() {
        [message] if message.is(SAMLP, name) => Ok(message),
        _ => Err(missing),
    }
}

fn unique_identifiers(root: &Element) -> Result<(), Reason> {
    let mut seen = HashSet::new();
    let mut unique = true;
    root.walk(&mut |element| unique &= element.identifiers().all(|id| seen.insert(id.to_owned())));
    if unique { Ok(()) } else { Err("an identifier used twice") }
}

/// Counts by local name, whatever the namespace: a look-alike is refused too. What stands in the Advice does not count.
fn count(
    root: &Element,
    advice: Option<&Element>,
    name: &str,
    expected: usize,
    reason: Reason,
) -> Result<(), Reason> {
    let within = |root: &Element| {
        let mut found = 0;
        root.walk(&mut |element| found += usize::from(element.name() == name));
        found
    };
    if within(root) - advice.map_or(0, within) == expected { Ok(()) } else { Err(reason) }
}

/// One signature as a direct child of `parent`, over exactly `parent`. Gives the `ID` of `parent`.
fn signature_over(parent: &Element, missing: Reason) -> Result<&str, Reason> {
    let signature = parent.one(DS, "Signature", missing)?;
    let id = parent.attribute("ID").filter(|id| is_name(id)).ok_or("a signed element without ID")?;
    let (signed_info, key_info) = match signature.children() {
        [info, value] if value.is(DS, "SignatureValue") => (info, None),
        [info, value, key] if value.is(DS, "SignatureValue") => (info, Some(key)),
        _ => return Err("a signature of another shape"),
    };
    if let Some(key_info) = key_info {
        check_key_info(key_info)?;
    }
    let [canonicalization, method, reference] = signed_info.children() else {
        return Err("not exactly one reference");
    };
    if !(signed_info.is(DS, "SignedInfo") && reference.is(DS, "Reference")) {
        return Err("a signature of another shape");
    }
    algorithm(canonicalization, "CanonicalizationMethod", &[EXC_C14N], "canonicalisation not allowed")?;
    prefixes_only(canonicalization)?;
    algorithm(method, "SignatureMethod", &SIGNATURES, "signature algorithm not allowed")?;
    leaf(method)?;
    check_reference(reference, id)?;
    Ok(id)
}

/// An XML name without a colon, in ASCII: in a reference, anything else could be more than a name, such as
/// `#xpointer(…)`.
pub(super) fn is_name(id: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && id.chars().all(letter)
}

fn check_reference(reference: &Element, id: &str) -> Result<(), Reason> {
    if reference.attribute("URI").and_then(|uri| uri.strip_prefix('#')) != Some(id) {
        return Err("a signature over something else than its parent");
    }
    let [transforms, digest, value] = reference.children() else {
        return Err("a reference of another shape");
    };
    if !(transforms.is(DS, "Transforms") && value.is(DS, "DigestValue")) {
        return Err("a reference of another shape");
    }
    let [enveloped, canonical] = transforms.children() else {
        return Err("transform not allowed");
    };
    algorithm(enveloped, "Transform", &[ENVELOPED], "transform not allowed")?;
    leaf(enveloped)?;
    algorithm(canonical, "Transform", &[EXC_C14N], "transform not allowed")?;
    prefixes_only(canonical)?;
    algorithm(digest, "DigestMethod", &DIGESTS, "digest algorithm not allowed")?;
    leaf(digest)
}

/// Key hints are not used: keys come from DigiD's metadata. What could make the library fetch one is refused.
fn check_key_info(key_info: &Element) -> Result<(), Reason> {
    let harmless = |child: &Element| child.is(DS, "KeyName") || child.is(DS, "X509Data");
    if key_info.is(DS, "KeyInfo") && key_info.children().iter().all(harmless) {
        Ok(())
    } else {
        Err("key information of another shape")
    }
}

fn algorithm(element: &Element, name: &str, allowed: &[&str], reason: Reason) -> Result<(), Reason> {
    let uri = element.attribute("Algorithm").unwrap_or_default();
    if element.is(DS, name) && allowed.contains(&uri) { Ok(()) } else { Err(reason) }
}

/// Parameters such as an `XPath` or a truncated HMAC length have no business here.
fn leaf(element: &Element) -> Result<(), Reason> {
    if element.children().is_empty() { Ok(()) } else { Err("algorithm with parameters") }
}

/// The library looks for each prefix at each element, before it knows whether a signature is right.
const MAX_PREFIXES: usize = 16;
/// The same in bytes.
const MAX_PREFIX_LIST: usize = 256;

/// Exclusive canonicalisation may name prefixes to include; DigiD's examples do.
fn prefixes_only(element: &Element) -> Result<(), Reason> {
    match element.children() {
        [] => Ok(()),
        [only] if only.is(EXC_C14N, "InclusiveNamespaces") && only.children().is_empty() => {
            let list = only.attribute("PrefixList").unwrap_or_default();
            let few = list.len() <= MAX_PREFIX_LIST && list.split_ascii_whitespace().count() <= MAX_PREFIXES;
            if few { Ok(()) } else { Err("too many prefixes") }
        }
        _ => Err("algorithm with parameters"),
    }
}
