//! The ways to spoil a request to log somebody out. Whatever is not named is right, signatures included: content is
//! spoiled before signing, wrapping happens after. What is forged names [`VICTIM`](super::answer::VICTIM).

use chrono::TimeDelta;
use openssl::error::ErrorStack;

use super::answer::{self, Sender, TRAP, VICTIM, new_id};
use super::bend;
use super::names::DECLARATIONS;
use super::single_logout::LogoutRequest;
use super::spoil::{Spoil, spoils};
use super::wrap::Signed;
use super::xml::escape;

spoils! {
    /// One way to spoil DigiD's request.
    LogoutSpoil;
    /// Without a signature.
    Unsigned = "slo-unsigned",
    /// Signed with another key.
    WrongKey = "slo-wrong-key",
    /// Signed with another key, whose certificate stands in `KeyInfo`.
    KeyInfoAttackerCert = "slo-keyinfo-attacker-cert",
    /// Signed with SHA-1.
    Sha1 = "slo-sha1",
    /// "Signed" with HMAC, keyed with the public key.
    Hmac = "slo-hmac",
    /// `KeyInfo` says where to fetch a key: `/trap`.
    KeyInfoRetrieval = "slo-keyinfo-retrieval",
    /// Signed with RSA-SHA256 over a SHA-1 digest.
    Sha1Digest = "slo-sha1-digest",
    /// Signed with MD5.
    Md5 = "slo-md5",
    /// Signed through an XSLT transform.
    XsltTransform = "slo-xslt-transform",
    /// Signed through an `XPath` transform that keeps everything.
    XpathTransform = "slo-xpath-transform",
    /// Signed through a base64 transform.
    Base64Transform = "slo-base64-transform",
    /// Signed over what a canonicalization with comments yields.
    CommentedC14n = "slo-commented-c14n",
    /// The signature has two references, both right.
    TwoReferences = "slo-two-references",
    /// The signature covers the whole document (`URI=""`).
    EmptyReference = "slo-empty-reference",
    /// The signature is over nothing, which is what some read at a relative namespace name.
    VoidCanonical = "slo-void-canonical",
    /// The signature is over a document elsewhere.
    ExternalReference = "slo-external-reference",
    /// Somebody else is named after signing.
    Tampered = "slo-tampered",
    /// Of another issuer.
    WrongIssuer = "slo-wrong-issuer",
    /// Of no issuer.
    NoIssuer = "slo-no-issuer",
    /// Meant for another service provider.
    WrongDestination = "slo-wrong-destination",
    /// Made an hour ago.
    Expired = "slo-expired",
    /// Made in an hour.
    Future = "slo-future",
    /// `NotOnOrAfter` has passed.
    Ended = "slo-ended",
    /// Of SAML 1.1.
    OtherVersion = "slo-other-version",
    /// A NameID that is no BSN.
    OtherSector = "slo-other-sector",
    /// A BSN that fails the elfproef.
    BadElfproef = "slo-bad-elfproef",
    /// Nobody is named.
    NoName = "slo-no-name",
    /// Two people are named.
    TwoNames = "slo-two-names",
    /// A comment splits the NameID.
    Comment = "slo-comment",
    /// A CDATA section splits it.
    Cdata = "slo-cdata",
    /// A processing instruction splits it.
    Pi = "slo-pi",
    /// The signed request stands in the Extensions of a forged one.
    InExtensions = "slo-in-extensions",
    /// The same, and the forged one bears its signature.
    StolenSignature = "slo-stolen-signature",
    /// The same, and both have one ID.
    SameId = "slo-same-id",
    /// The signed request stands in the signature that the forged one bears.
    InSignature = "slo-in-signature",
    /// The same, in an Object.
    InObject = "slo-in-object",
    /// The forged request stands in the Extensions of the signed one, which was signed before.
    ForgedInside = "slo-forged-inside",
    /// Both stand in the Body, the forged one first.
    Beside = "slo-beside",
    /// The signed one stands in the Header, the forged one in the Body.
    SignedInHeader = "slo-signed-in-header",
    /// The other way round.
    ForgedInHeader = "slo-forged-in-header",
    /// A DOCTYPE in front.
    Doctype = "slo-doctype",
    /// An entity that is to be fetched from `/trap`.
    ExternalEntity = "slo-external-entity",
    /// Declarations that are to be fetched from `/trap`.
    ExternalDtd = "slo-external-dtd",
    /// Entities that grow to gigabytes.
    EntityBomb = "slo-entity-bomb",
    /// The last end tag is missing.
    Unclosed = "slo-unclosed",
    /// A declaration of another encoding, which leaves every byte of the text as it is.
    ForeignEncoding = "slo-foreign-encoding",
    /// The SOAP body bears the request's ID as its `xml:id`.
    XmlId = "slo-xml-id",
    /// The request bears a second `ID` and an end, both of another namespace.
    NamespacedAttribute = "slo-namespaced-attribute",
    /// Something after the root.
    Trailing = "slo-trailing",
}

/// The request in its envelope, spoiled so.
pub fn sent(
    sender: &Sender,
    request: LogoutRequest,
    spoil: Option<LogoutSpoil>,
) -> Result<String, ErrorStack> {
    use LogoutSpoil as S;
    let request = facts(request, spoil);
    let canonical = bare(&request, spoil, "");
    let signature = match spoil {
        Some(S::Unsigned) => String::new(),
        Some(S::ExternalReference) => sender.key.sign_external(&sender.trap, TRAP.as_bytes())?,
        Some(S::EmptyReference) => {
            sender.key.sign_whole(bend::without_declaration(&enveloped("", &canonical)))?
        }
        _ => answer::sign(sender, spoil.and_then(alike), &request.id, &canonical)?,
    };
    let right = bare(&request, spoil, &signature);
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
    let text =
        bend::on_the_wire(spoil.and_then(alike), &enveloped(&header, &body), &sender.trap, &request.id);
    Ok(match spoil {
        Some(S::Tampered) => text.replace(&name_of(&request), &name(VICTIM)),
        // That of an answer is made where an Assertion begins.
        Some(S::VoidCanonical) => {
            text.replacen("<samlp:LogoutRequest", r#"<samlp:LogoutRequest xmlns:x="x""#, 1)
        }
        _ => text,
    })
}

/// The request as it is signed, and with its `signature`.
fn bare(request: &LogoutRequest, spoil: Option<LogoutSpoil>, signature: &str) -> String {
    let text = request.xml(DECLARATIONS, signature, "");
    match spoil {
        Some(LogoutSpoil::Pi) => text.replacen("0</saml:NameID>", "<?x y?>0</saml:NameID>", 1),
        Some(LogoutSpoil::NamespacedAttribute) => text
            .replacen(" ID=\"", &format!("{} ID=\"", bend::ANOTHER_NAMESPACE), 1)
            .replacen("\"2.0\">", "\"2.0\" y:ID=\"_y\" y:NotOnOrAfter=\"2000-01-01T00:00:00Z\">", 1),
        Some(LogoutSpoil::NoIssuer) => {
            text.replacen(&format!("<saml:Issuer>{}</saml:Issuer>", escape(&request.issuer)), "", 1)
        }
        _ => text,
    }
}

/// The way to spoil an answer that spoils the signature or the text of a request just so.
const fn alike(spoil: LogoutSpoil) -> Option<Spoil> {
    use LogoutSpoil as S;
    Some(match spoil {
        S::WrongKey => Spoil::WrongKey,
        S::KeyInfoAttackerCert => Spoil::KeyInfoAttackerCert,
        S::KeyInfoRetrieval => Spoil::KeyInfoRetrieval,
        S::Sha1 => Spoil::Sha1,
        S::Sha1Digest => Spoil::Sha1Digest,
        S::Md5 => Spoil::Md5,
        S::Hmac => Spoil::Hmac,
        S::XsltTransform => Spoil::XsltTransform,
        S::XpathTransform => Spoil::XpathTransform,
        S::Base64Transform => Spoil::Base64Transform,
        S::CommentedC14n => Spoil::CommentedC14n,
        S::TwoReferences => Spoil::TwoReferences,
        S::VoidCanonical => Spoil::VoidCanonical,
        S::Comment => Spoil::CommentInNameId,
        S::Cdata => Spoil::CdataInNameId,
        S::Doctype => Spoil::Doctype,
        S::EntityBomb => Spoil::EntityBomb,
        S::ExternalEntity => Spoil::ExternalEntity,
        S::ExternalDtd => Spoil::ExternalDtd,
        S::Unclosed => Spoil::Unclosed,
        S::ForeignEncoding => Spoil::ForeignEncoding,
        S::XmlId => Spoil::XmlId,
        S::Trailing => Spoil::TrailingGarbage,
        _ => return None,
    })
}

fn name_of(request: &LogoutRequest) -> String {
    request.names.first().cloned().unwrap_or_default()
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
        Some(S::Comment | S::Cdata | S::Pi) => request.names = vec![name(&format!("{VICTIM}0"))],
        _ => {}
    }
    request
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
