//! The ways to spoil a request to log somebody out. Whatever is not named is right, signatures included: content is
//! spoiled before signing, wrapping happens after. What is forged names [`VICTIM`](super::answer::VICTIM).

use chrono::TimeDelta;
use openssl::error::ErrorStack;

use super::answer::{Sender, TRAP, VICTIM, new_id};
use super::bend::bomb;
use super::logout::LogoutRequest;
use super::names::DECLARATIONS;
use super::sign::{Algorithm, KeyInfo, Refers};
use super::spoil::spoils;
use super::wrap::Signed;

spoils! {
    /// One way to spoil DigiD's request.
    LogoutSpoil;
    /// Without a signature.
    Unsigned = "unsigned",
    /// Signed with another key.
    WrongKey = "wrong-key",
    /// Signed with another key, whose certificate stands in `KeyInfo`.
    KeyInfoAttackerCert = "keyinfo-attacker-cert",
    /// Signed with SHA-1.
    Sha1 = "sha1",
    /// "Signed" with HMAC, keyed with the public key.
    Hmac = "hmac",
    /// Signed through an XSLT transform.
    XsltTransform = "xslt-transform",
    /// The signature is over a document elsewhere.
    ExternalReference = "external-reference",
    /// Somebody else is named after signing.
    Tampered = "tampered",
    /// Of another issuer.
    WrongIssuer = "wrong-issuer",
    /// Meant for another service provider.
    WrongDestination = "wrong-destination",
    /// Made an hour ago.
    Expired = "expired",
    /// Made in an hour.
    Future = "future",
    /// `NotOnOrAfter` has passed.
    Ended = "ended",
    /// Of SAML 1.1.
    OtherVersion = "other-version",
    /// A NameID that is no BSN.
    OtherSector = "other-sector",
    /// A BSN that fails the elfproef.
    BadElfproef = "bad-elfproef",
    /// Nobody is named.
    NoName = "no-name",
    /// Two people are named.
    TwoNames = "two-names",
    /// A comment splits the NameID.
    Comment = "comment",
    /// A CDATA section splits it.
    Cdata = "cdata",
    /// The signed request stands in the Extensions of a forged one.
    InExtensions = "in-extensions",
    /// The same, and the forged one bears its signature.
    StolenSignature = "stolen-signature",
    /// The same, and both have one ID.
    SameId = "same-id",
    /// The signed request stands in the signature that the forged one bears.
    InSignature = "in-signature",
    /// The same, in an Object.
    InObject = "in-object",
    /// The forged request stands in the Extensions of the signed one, which was signed before.
    ForgedInside = "forged-inside",
    /// Both stand in the Body, the forged one first.
    Beside = "beside",
    /// The signed one stands in the Header, the forged one in the Body.
    SignedInHeader = "signed-in-header",
    /// The other way round.
    ForgedInHeader = "forged-in-header",
    /// A DOCTYPE in front.
    Doctype = "doctype",
    /// Entities that grow to gigabytes.
    EntityBomb = "entity-bomb",
    /// Something after the root.
    Trailing = "trailing",
}

/// The request in its envelope, spoiled so.
pub fn sent(
    sender: &Sender,
    request: LogoutRequest,
    spoil: Option<LogoutSpoil>,
) -> Result<String, ErrorStack> {
    use LogoutSpoil as S;
    let request = facts(request, spoil);
    let canonical = request.xml(DECLARATIONS, "", "");
    let by = |algorithm, refers, key_info| {
        sender.key.sign_as(&request.id, &canonical, algorithm, refers, key_info)
    };
    let by_attacker = |key_info| {
        sender.attacker.sign_as(&request.id, &canonical, Algorithm::RsaSha256, Refers::Element, key_info)
    };
    let signature = match spoil {
        Some(S::Unsigned) => String::new(),
        Some(S::WrongKey) => by_attacker(KeyInfo::Name)?,
        Some(S::KeyInfoAttackerCert) => by_attacker(KeyInfo::Certificate)?,
        Some(S::Sha1) => by(Algorithm::RsaSha1, Refers::Element, KeyInfo::Name)?,
        Some(S::Hmac) => by(Algorithm::HmacWithPublicKey, Refers::Element, KeyInfo::Name)?,
        Some(S::XsltTransform) => by(Algorithm::RsaSha256, Refers::ThroughXslt, KeyInfo::Name)?,
        Some(S::ExternalReference) => sender.key.sign_external(&sender.trap, TRAP.as_bytes())?,
        _ => sender.key.sign(&request.id, &canonical)?,
    };
    let right = request.xml(DECLARATIONS, &signature, "");
    let forged = LogoutRequest { id: new_id()?, names: vec![name(VICTIM)], ..request.clone() };
    let signed = Signed { bare: request.xml(DECLARATIONS, "", ""), signature: signature.clone() };
    let inside = |text: &str| format!("<samlp:Extensions>{text}</samlp:Extensions>");
    let (header, body) = match spoil {
        Some(S::InExtensions) => (String::new(), forged.xml(DECLARATIONS, "", &inside(&right))),
        Some(S::StolenSignature) => {
            (String::new(), forged.xml(DECLARATIONS, &signature, &inside(&signed.bare)))
        }
        Some(S::SameId) => {
            let twin = LogoutRequest { id: request.id.clone(), ..forged };
            (String::new(), twin.xml(DECLARATIONS, &signature, &inside(&signed.bare)))
        }
        Some(S::InSignature) => (String::new(), forged.xml(DECLARATIONS, &signed.inside_signature(), "")),
        Some(S::InObject) => (String::new(), forged.xml(DECLARATIONS, &signed.inside_object(), "")),
        Some(S::ForgedInside) => {
            (String::new(), request.xml(DECLARATIONS, &signature, &inside(&forged.xml("", "", ""))))
        }
        Some(S::Beside) => (String::new(), forged.xml(DECLARATIONS, "", "") + &right),
        Some(S::SignedInHeader) => (right, forged.xml(DECLARATIONS, "", "")),
        Some(S::ForgedInHeader) => (forged.xml(DECLARATIONS, "", ""), right),
        _ => (String::new(), right),
    };
    Ok(on_the_wire(spoil, &request, &enveloped(&header, &body)))
}

/// The spoils that change what the request says.
fn facts(mut request: LogoutRequest, spoil: Option<LogoutSpoil>) -> LogoutRequest {
    use LogoutSpoil as S;
    let elsewhere = "https://another.example.nl/saml".to_owned();
    match spoil {
        Some(S::WrongIssuer) => request.issuer = elsewhere,
        Some(S::WrongDestination) => request.destination = Some(elsewhere),
        Some(S::Expired) => request.issued -= TimeDelta::hours(1),
        Some(S::Future) => request.issued += TimeDelta::hours(1),
        Some(S::Ended) => request.ends = Some(request.issued - TimeDelta::hours(1)),
        Some(S::OtherVersion) => request.version = "1.1",
        Some(S::OtherSector) => request.names = vec![format!("s00000001:{VICTIM}")],
        Some(S::BadElfproef) => request.names = vec![name("123456789")],
        Some(S::NoName) => request.names.clear(),
        Some(S::TwoNames) => request.names.push(name(VICTIM)),
        Some(S::Comment | S::Cdata) => request.names = vec![name(&format!("{VICTIM}0"))],
        _ => {}
    }
    request
}

/// The spoils of the text itself. Canonicalization does not see all of them.
fn on_the_wire(spoil: Option<LogoutSpoil>, request: &LogoutRequest, text: &str) -> String {
    use LogoutSpoil as S;
    const ROOT: &str = "<SOAP-ENV:Envelope";
    let named = request.names.first().map_or("", String::as_str);
    match spoil {
        Some(S::Tampered) => text.replace(named, &name(VICTIM)),
        Some(S::Comment) => text.replace("0</saml:NameID>", "<!-- -->0</saml:NameID>"),
        Some(S::Cdata) => text.replace("0</saml:NameID>", "<![CDATA[0]]></saml:NameID>"),
        Some(S::Doctype) => text.replacen(ROOT, &format!("<!DOCTYPE x>{ROOT}"), 1),
        Some(S::EntityBomb) => text.replacen(ROOT, &format!("<!DOCTYPE x{}>{ROOT}", bomb()), 1).replacen(
            "<SOAP-ENV:Body>",
            "<SOAP-ENV:Header>&e9;</SOAP-ENV:Header><SOAP-ENV:Body>",
            1,
        ),
        Some(S::Trailing) => format!("{text}<garbage></garbage>"),
        _ => text.to_owned(),
    }
}

fn enveloped(header: &str, body: &str) -> String {
    let envelope = super::message::envelope(body);
    if header.is_empty() {
        return envelope;
    }
    let header = format!("<SOAP-ENV:Header>{header}</SOAP-ENV:Header><SOAP-ENV:Body>");
    envelope.replacen("<SOAP-ENV:Body>", &header, 1)
}

/// What DigiD calls somebody: sector and number.
pub fn name(bsn: &str) -> String {
    format!("s00000000:{bsn}")
}
