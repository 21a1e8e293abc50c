//! The service provider, as it is registered: by its signed metadata, read once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::asn1::Asn1Time;
use openssl::x509::X509;
use url::Url;

use super::names::{DS, HTTP_ARTIFACT, HTTP_REDIRECT, MD, SAMLP, SOAP_BINDING};
use super::routing::EncryptionKey;
use super::verify;
use super::xml::{self, Element};

/// Where the service provider's metadata comes from.
#[derive(Debug, Clone)]
pub enum SpMetadata {
    /// Fetched at the first request, since the service provider may start later than DigiD. Loopback only.
    Url(Url),
    /// Handed over.
    Text(String),
}

/// A registered service provider.
#[derive(Debug)]
pub struct ServiceProvider {
    /// `entityID`.
    pub entity_id: String,
    /// The certificates it signs with.
    pub certificates: Vec<X509>,
    /// Whether it wants Assertions signed.
    pub wants_assertions_signed: bool,
    /// What to encrypt for; the routing service needs one, DigiD refuses any.
    pub encryption: Option<EncryptionKey>,
    /// Where it takes requests to log somebody out, by SOAP.
    pub logout_soap: Option<String>,
    /// Where it takes the browser back after its own, by redirect.
    pub logout_redirect: Option<String>,
    /// Its assertion consumer services for artifacts.
    consumers: Vec<Consumer>,
}

#[derive(Debug)]
struct Consumer {
    index: Option<u16>,
    location: String,
}

impl ServiceProvider {
    /// Reads metadata as DigiD 3.x accepts it: signed by one of its own certificates, requests signed, without
    /// `cacheDuration`, unexpired keys for signing only, at least one consumer of artifacts. The routing service
    /// (`routing`) demands an end instead, Assertions signed, and a named key to encrypt for.
    /// The error tells the developer what to change.
    pub fn read(text: &str, routing: bool) -> Result<Self, String> {
        let unverified = xml::read(text)?;
        let certificates = certificates(descriptor(&unverified)?, routing)?;
        let metadata = verify::enveloped(text, MD, "EntityDescriptor", &certificates)?;
        let descriptor = descriptor(&metadata)?;
        if !routing && metadata.walk().iter().any(|e| e.attribute("cacheDuration").is_some()) {
            return Err("cacheDuration is forbidden".into());
        }
        let ends = ["validUntil", "cacheDuration"].iter().any(|name| metadata.attribute(name).is_some());
        if routing && !(ends && descriptor.attribute("WantAssertionsSigned") == Some("true")) {
            return Err("it has no validUntil, or WantAssertionsSigned is not true".into());
        }
        if descriptor.attribute("AuthnRequestsSigned") != Some("true") {
            return Err("AuthnRequestsSigned is not true".into());
        }
        let consumers: Vec<Consumer> = descriptor
            .all(MD, "AssertionConsumerService")
            .filter(|c| c.attribute("Binding") == Some(HTTP_ARTIFACT))
            .filter_map(|c| {
                let index = c.attribute("index").and_then(|i| i.parse().ok());
                Some(Consumer { index, location: c.attribute("Location")?.to_owned() })
            })
            .collect();
        if consumers.is_empty() {
            return Err("there is no AssertionConsumerService with the binding HTTP-Artifact".into());
        }
        let entity_id =
            metadata.attribute("entityID").filter(|e| !e.is_empty()).ok_or("there is no entityID")?;
        Ok(Self {
            entity_id: entity_id.to_owned(),
            encryption: if routing { Some(encryption_key(descriptor, entity_id)?) } else { None },
            certificates,
            logout_soap: logout_service(descriptor, SOAP_BINDING)?,
            logout_redirect: logout_service(descriptor, HTTP_REDIRECT)?,
            wants_assertions_signed: descriptor.attribute("WantAssertionsSigned") == Some("true"),
            consumers,
        })
    }

    /// The assertion consumer service of this index.
    pub fn consumer_by_index(&self, index: u16) -> Option<&str> {
        self.consumers.iter().find(|c| c.index == Some(index)).map(|c| c.location.as_str())
    }

    /// The assertion consumer service of this URL.
    pub fn consumer_by_url(&self, url: &str) -> Option<&str> {
        self.consumers.iter().find(|c| c.location == url).map(|c| c.location.as_str())
    }
}

/// Where answers go by this binding; DigiD takes one address for each.
fn logout_service(descriptor: &Element, binding: &str) -> Result<Option<String>, String> {
    let mut services =
        descriptor.all(MD, "SingleLogoutService").filter(|s| s.attribute("Binding") == Some(binding));
    match (services.next(), services.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(format!("it has two SingleLogoutServices for {binding}")),
        (Some(one), None) => {
            let location = one.attribute("ResponseLocation").or(one.attribute("Location"));
            location.map(|to| Some(to.to_owned())).ok_or_else(|| "a SingleLogoutService goes nowhere".into())
        }
    }
}

fn descriptor(metadata: &Element) -> Result<&Element, String> {
    if !metadata.is(MD, "EntityDescriptor") {
        return Err("it is no EntityDescriptor".into());
    }
    let descriptor = metadata.only(MD, "SPSSODescriptor").ok_or("it has not exactly one SPSSODescriptor")?;
    let speaks_saml2 = descriptor
        .attribute("protocolSupportEnumeration")
        .is_some_and(|p| p.split_whitespace().any(|protocol| protocol == SAMLP));
    if speaks_saml2 { Ok(descriptor) } else { Err("its protocolSupportEnumeration lacks SAML 2.0".into()) }
}

/// The first key to encrypt for. In a rollover there are two, and either would do.
fn encryption_key(descriptor: &Element, owner: &str) -> Result<EncryptionKey, String> {
    let keys = descriptor.all(MD, "KeyDescriptor");
    let info =
        keys.filter(|key| key.attribute("use") == Some("encryption")).find_map(|key| key.only(DS, "KeyInfo"));
    let info = info.ok_or("it has no key for encryption")?;
    let name = info.only(DS, "KeyName").ok_or("its key for encryption has no KeyName")?.text().to_owned();
    let all = info.walk();
    let certificate = all
        .iter()
        .find(|e| e.is(DS, "X509Certificate"))
        .ok_or("its key for encryption has no certificate")?;
    let key = certificate_of(certificate)?.public_key().map_err(|e| e.to_string())?;
    Ok(EncryptionKey { owner: owner.to_owned(), name, key })
}

fn certificate_of(element: &Element) -> Result<X509, String> {
    let compact: String = element.text().split_whitespace().collect();
    let der = STANDARD.decode(compact).map_err(|e| format!("a certificate: {e}"))?;
    X509::from_der(&der).map_err(|e| format!("a certificate: {e}"))
}

fn certificates(descriptor: &Element, routing: bool) -> Result<Vec<X509>, String> {
    let today = Asn1Time::days_from_now(0).map_err(|e| e.to_string())?;
    let mut certificates = vec![];
    for key in descriptor.all(MD, "KeyDescriptor") {
        match key.attribute("use") {
            Some("encryption") if routing => continue,
            Some("encryption") => {
                return Err("it has a key for encryption, which DigiD 3.x does not know".into());
            }
            _ => {}
        }
        for found in key.walk().into_iter().filter(|e| e.is(DS, "X509Certificate")) {
            let certificate = certificate_of(found)?;
            if certificate.not_after() < today {
                return Err("it has a certificate that expired".into());
            }
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() { Err("it has no signing certificate".into()) } else { Ok(certificates) }
}
