//! The routing service before DigiD (ST-SAML 1.0): what it asks of a request, and what it says in another way. It
//! encrypts with nothing but OpenSSL.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Public};
use openssl::rand::rand_bytes;
use openssl::rsa::Padding;
use openssl::symm::{Cipher, encrypt};

use super::answer::{Outcome, Sender, VICTIM, new_id};
use super::message::{Assertion, Dress};
use super::names::{DECLARATIONS, Level, SAML, SAMLP};
use super::registry::ServiceProvider;
use super::sign::SigningKey;
use super::spoil::{RoutingSpoil, Spoil};
use super::xml::{Element, escape};

const INTENDED_AUDIENCE: &str = "urn:nl-eid-gdi:1.0:IntendedAudience";
const SERVICE_UUID: &str = "urn:nl-eid-gdi:1.0:ServiceUUID";
const ACTING: &str = "urn:nl-eid-gdi:1.0:ActingSubjectID";
const LEGAL: &str = "urn:nl-eid-gdi:1.0:LegalSubjectID";
const REPRESENTATION: &str = "urn:nl-eid-gdi:1.1:RepresentationType";
const PARENTAL: &str = "urn:nl-eid-gdi:1.1:RT:Zorg_Volledig_Gezag_Kind";
/// A right that no list of types has.
const OTHER: &str = "urn:nl-eid-gdi:1.1:RT:Zorg_Iets_Anders";
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const LEGACY_BSN: &str = "urn:nl-eid-gdi:1.0:id:legacy-BSN";

/// How the routing service is set up.
#[derive(Clone)]
pub struct Service {
    /// The service in its catalogue.
    pub uuid: String,
    /// Its lowest level there.
    pub minimum: Level,
    /// The entityID of the party that logs people in.
    pub login: String,
    /// The entityID of the one that knows for whom they may act.
    pub register: String,
}

/// The routing service at work: with the key of the party behind it, which is not its own.
#[derive(Debug, Clone)]
pub struct Routing {
    /// The service in its catalogue.
    pub uuid: String,
    /// The entityID of the party that logs people in.
    pub login: String,
    /// And its key.
    pub login_key: SigningKey,
}

/// A key that the service provider's metadata gives to encrypt for.
#[derive(Debug, Clone)]
pub struct EncryptionKey {
    /// Whose: an entityID.
    pub owner: String,
    /// Its name there.
    pub name: String,
    /// The key.
    pub key: PKey<Public>,
}

/// What a login at the routing service knows more.
#[derive(Clone)]
pub struct Routed {
    /// Whom it encrypts for.
    pub recipient: EncryptionKey,
    /// Whom the user acts for, if they chose somebody.
    pub legal: Option<String>,
    /// How to spoil it.
    pub spoil: Option<RoutingSpoil>,
}

/// Reads what a request asks by. Gives whether the user is to be asked for whom they act.
pub fn asked(message: &Element, sp: &ServiceProvider, service: &Service) -> Result<bool, String> {
    if message.only(SAMLP, "RequestedAuthnContext").is_some() {
        return Err("it has a RequestedAuthnContext: the level is registered with the service".into());
    }
    let given = ["AttributeConsumingServiceIndex", "AssertionConsumerServiceURL", "IsPassive"];
    if let Some(name) = given.into_iter().find(|name| message.attribute(name).is_some()) {
        return Err(format!("it has an {name}"));
    }
    let extensions = message.only(SAMLP, "Extensions").ok_or("it has not exactly one Extensions")?;
    let value = |name: &str| {
        let attribute = extensions.all(SAML, "Attribute").find(|a| a.attribute("Name") == Some(name));
        attribute.and_then(|a| a.only(SAML, "AttributeValue")).map(Element::text)
    };
    if value(INTENDED_AUDIENCE) != Some(&sp.entity_id) {
        return Err("its IntendedAudience is not the service provider".into());
    }
    if value(SERVICE_UUID) != Some(&service.uuid) {
        return Err("its ServiceUUID is not in the catalogue".into());
    }
    let Some(scoping) = message.only(SAMLP, "Scoping") else { return Ok(true) };
    let list = scoping.only(SAMLP, "IDPList").ok_or("its Scoping has no IDPList")?;
    let named = |id: &str| list.all(SAMLP, "IDPEntry").any(|e| e.attribute("ProviderID") == Some(id));
    if named(&service.login) {
        Ok(named(&service.register))
    } else {
        Err("nobody in its IDPList is known".into())
    }
}

/// Makes an Assertion of DigiD's one of the routing service's.
pub fn dress(a: &mut Assertion, sender: &Sender, outcome: &Outcome) -> Result<(), ErrorStack> {
    let (Some(routing), Some(routed)) = (&sender.routing, &outcome.routed) else { return Ok(()) };
    let spoil = routed.spoil;
    a.name_id.clone_from(&a.session);
    a.class_refs = vec![outcome.level.eidas().to_owned()];
    let mut dress = Dress {
        format: TRANSIENT,
        advice: format!("<saml:Advice>{}</saml:Advice>", told(routing, routed, &outcome.bsn)?),
        attributes: attributes(routing, outcome, routed, &outcome.bsn)?,
    };
    match spoil {
        Some(RoutingSpoil::NotTransient) => dress.format = PERSISTENT,
        Some(RoutingSpoil::OtherSession) => a.name_id = new_id()?,
        Some(RoutingSpoil::NotBefore) => a.bearer_not_before = Some(a.issued - TimeDelta::minutes(1)),
        Some(RoutingSpoil::OtherLevelName) => a.class_refs = vec![outcome.level.class_ref().to_owned()],
        Some(RoutingSpoil::AdviceOfResponse) => {
            let response = r#"<samlp:Response ID="_none" Version="2.0"></samlp:Response></saml:Advice>"#;
            dress.advice = dress.advice.replacen("</saml:Advice>", response, 1);
        }
        _ => {}
    }
    a.routing = Some(dress);
    Ok(())
}

/// The same Assertion about the victim: whoever holds the public key can encrypt.
pub fn forge(a: &mut Assertion, sender: &Sender, outcome: &Outcome) -> Result<(), ErrorStack> {
    if let (Some(routing), Some(routed), Some(dress)) = (&sender.routing, &outcome.routed, &mut a.routing) {
        a.name_id.clone_from(&a.session);
        dress.attributes = attributes(routing, outcome, routed, VICTIM)?;
        dress.advice.clear();
    }
    Ok(())
}

/// Where the Response is to be delivered.
pub fn destination(outcome: &Outcome) -> Option<String> {
    match outcome.routed.as_ref()?.spoil {
        Some(RoutingSpoil::NoDestination) => None,
        Some(RoutingSpoil::WrongDestination) => Some("https://another.example.nl/saml/acs".into()),
        _ => Some(outcome.recipient.clone()),
    }
}

/// The spoils that touch the Advice after everything was signed.
pub fn after_signing(text: String, sender: &Sender, outcome: &Outcome) -> Result<String, ErrorStack> {
    let (Some(routing), Some(routed)) = (&sender.routing, &outcome.routed) else { return Ok(text) };
    let Some((before, rest)) = text.split_once("<saml:Advice>") else { return Ok(text) };
    let Some((advice, after)) = rest.split_once("</saml:Advice>") else { return Ok(text) };
    Ok(match routed.spoil {
        Some(RoutingSpoil::AdviceSubstituted) => {
            format!("{before}<saml:Advice>{}</saml:Advice>{after}", told(routing, routed, VICTIM)?)
        }
        Some(RoutingSpoil::AdviceRemoved) => format!("{before}{after}"),
        Some(RoutingSpoil::AdviceBeside) => {
            let after = after.replacen("</saml:Assertion>", &format!("</saml:Assertion>{advice}"), 1);
            format!("{before}{after}")
        }
        _ => text,
    })
}

/// What the party behind told the routing service, signed by itself.
fn told(routing: &Routing, routed: &Routed, bsn: &str) -> Result<String, ErrorStack> {
    let (id, key) = (new_id()?, &routed.recipient);
    let identity = attribute(ACTING, &encrypted(&name_id(bsn, PERSISTENT, LEGACY_BSN), key, None)?);
    let text = |declarations: &str, signature: &str| {
        format!(
            concat!(
                r#"<saml:Assertion{} ID="{}" Version="2.0"><saml:Issuer>{}</saml:Issuer>{}"#,
                "<saml:AttributeStatement>{}</saml:AttributeStatement></saml:Assertion>"
            ),
            declarations,
            id,
            escape(&routing.login),
            signature,
            identity
        )
    };
    let signature = routing.login_key.sign(&id, &text(DECLARATIONS, ""))?;
    Ok(text("", &signature))
}

fn attributes(
    routing: &Routing,
    outcome: &Outcome,
    routed: &Routed,
    bsn: &str,
) -> Result<String, ErrorStack> {
    let spoil = routed.spoil;
    let (bsn, qualifier) = match outcome.spoil {
        Some(Spoil::BadElfproef) => ("123456789", LEGACY_BSN),
        Some(Spoil::NonDigits) => ("99999OO19", LEGACY_BSN),
        Some(Spoil::OtherSector) => (bsn, "urn:nl-eid-gdi:1.0:id:Pseudonym"),
        _ => (bsn, LEGACY_BSN),
    };
    let format = if spoil == Some(RoutingSpoil::OtherFormat) { TRANSIENT } else { PERSISTENT };
    let content = name_id(bsn, format, qualifier);
    let plain = |bsn: &str| encrypted(&name_id(bsn, PERSISTENT, LEGACY_BSN), &routed.recipient, None);
    let service = match spoil {
        Some(RoutingSpoil::NoService) => String::new(),
        Some(RoutingSpoil::WrongService) => attribute(SERVICE_UUID, "00000000-0000-0000-0000-00000000000f"),
        _ => attribute(SERVICE_UUID, &escape(&routing.uuid)),
    };
    let mut recipient = routed.recipient.clone();
    match spoil {
        Some(RoutingSpoil::OtherRecipient) => {
            recipient.owner = "https://another.example.nl/saml/metadata".into();
        }
        Some(RoutingSpoil::OtherKeyName) => recipient.name.push('0'),
        Some(RoutingSpoil::OtherKey) => recipient.key = routing.login_key.public_key()?,
        _ => {}
    }
    let identity = match spoil {
        Some(RoutingSpoil::NoActing) => String::new(),
        // Here the namespace is declared already, and canonical text does not repeat it.
        Some(RoutingSpoil::InTheClear) => {
            attribute(ACTING, &content.replacen(&format!(r#" xmlns:saml="{SAML}""#), "", 1))
        }
        Some(RoutingSpoil::TwoActing) => {
            attribute(ACTING, &plain(bsn)?) + &attribute(ACTING, &plain(VICTIM)?)
        }
        _ => attribute(ACTING, &encrypted(&content, &recipient, spoil)?),
    };
    Ok(service + &identity + &represented(routed, bsn)?)
}

/// For whom the user `bsn` acts, and by what right. Who is represented where nobody was chosen is the victim.
fn represented(routed: &Routed, bsn: &str) -> Result<String, ErrorStack> {
    let mut recipient = routed.recipient.clone();
    if routed.spoil == Some(RoutingSpoil::LegalForAnother) {
        recipient.owner = "https://another.example.nl/saml/metadata".into();
    }
    let legal = |bsn: &str| {
        encrypted(&name_id(bsn, PERSISTENT, LEGACY_BSN), &recipient, None).map(|id| attribute(LEGAL, &id))
    };
    let (parental, other) = (attribute(REPRESENTATION, PARENTAL), attribute(REPRESENTATION, OTHER));
    let child = routed.legal.as_deref().unwrap_or(VICTIM);
    Ok(match routed.spoil {
        Some(RoutingSpoil::LegalWithoutType) => legal(child)?,
        Some(RoutingSpoil::TypeWithoutLegal) => parental,
        Some(RoutingSpoil::TwoLegal) => legal(child)? + &legal(VICTIM)? + &parental,
        Some(RoutingSpoil::TwoTypes) => legal(child)? + &parental + &other,
        Some(RoutingSpoil::OtherType) => legal(child)? + &other,
        Some(RoutingSpoil::LegalIsActing) => legal(bsn)? + &parental,
        Some(RoutingSpoil::UnrequestedLegal | RoutingSpoil::LegalForAnother) => legal(child)? + &parental,
        _ if routed.legal.is_some() => legal(child)? + &parental,
        _ => String::new(),
    })
}

fn attribute(name: &str, value: &str) -> String {
    format!(
        r#"<saml:Attribute Name="{name}"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>"#
    )
}

/// An identity in the clear, with its namespace declared, as it is encrypted on its own.
fn name_id(bsn: &str, format: &str, qualifier: &str) -> String {
    format!(
        r#"<saml:NameID xmlns:saml="{SAML}" Format="{format}" NameQualifier="{qualifier}">{bsn}</saml:NameID>"#
    )
}

/// An `EncryptedID` (XML Encryption 1.1): AES-256-CBC, its key wrapped with RSA-OAEP and SHA-1.
fn encrypted(
    content: &str,
    recipient: &EncryptionKey,
    spoil: Option<RoutingSpoil>,
) -> Result<String, ErrorStack> {
    let (mut key, mut vector) = ([0; 32], [0; 16]);
    rand_bytes(&mut key)?;
    rand_bytes(&mut vector)?;
    let short = spoil == Some(RoutingSpoil::Aes128);
    let (cipher, name, key) = match key.split_at(16) {
        (half, _) if short => (Cipher::aes_128_cbc(), "aes128-cbc", half),
        _ => (Cipher::aes_256_cbc(), "aes256-cbc", key.as_slice()),
    };
    let mut bytes = [&vector[..], &encrypt(cipher, key, Some(&vector), content.as_bytes())?].concat();
    let turned = match spoil {
        Some(RoutingSpoil::TurnedVector) => bytes.first_mut(),
        // What is turned in one block comes out turned in the next: here, in the byte that tells the padding.
        Some(RoutingSpoil::TurnedPadding) => bytes.iter_mut().nth_back(16),
        _ => None,
    };
    if let Some(byte) = turned {
        *byte ^= 0x80;
    }
    if spoil == Some(RoutingSpoil::CutShort) {
        bytes.truncate(bytes.len().saturating_sub(16));
    }
    let rsa = recipient.key.rsa()?;
    let mut wrapped = vec![0; usize::try_from(rsa.size()).unwrap_or_default()];
    rsa.public_encrypt(key, &mut wrapped, Padding::PKCS1_OAEP)?;
    let (data, wrapping) = (new_id()?, new_id()?);
    Ok(format!(
        concat!(
            r#"<saml:EncryptedID><xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Id="{data}""#,
            r#" Type="http://www.w3.org/2001/04/xmlenc#Element"><xenc:EncryptionMethod"#,
            r#" Algorithm="http://www.w3.org/2001/04/xmlenc#{name}"></xenc:EncryptionMethod><ds:KeyInfo>"#,
            r##"<ds:RetrievalMethod Type="http://www.w3.org/2001/04/xmlenc#EncryptedKey" URI="#{wrapping}">"##,
            "</ds:RetrievalMethod></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{bytes}</xenc:CipherValue>",
            "</xenc:CipherData></xenc:EncryptedData>",
            r#"<xenc:EncryptedKey xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Id="{wrapping}""#,
            r#" Recipient="{owner}"><xenc:EncryptionMethod"#,
            r#" Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"><ds:DigestMethod"#,
            r#" Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"></ds:DigestMethod></xenc:EncryptionMethod>"#,
            "<ds:KeyInfo><ds:KeyName>{key_name}</ds:KeyName></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>",
            "{wrapped}</xenc:CipherValue></xenc:CipherData><xenc:ReferenceList>",
            r##"<xenc:DataReference URI="#{data}"></xenc:DataReference></xenc:ReferenceList>"##,
            "</xenc:EncryptedKey></saml:EncryptedID>",
        ),
        data = data,
        name = name,
        wrapping = wrapping,
        bytes = STANDARD.encode(bytes),
        owner = escape(&recipient.owner),
        key_name = escape(&recipient.name),
        wrapped = STANDARD.encode(wrapped),
    ))
}
