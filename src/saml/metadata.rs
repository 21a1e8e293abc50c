//! SAML metadata: ours written, DigiD's read.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::hash::MessageDigest;
use openssl::sha::sha256;
use url::Url;

use super::keys::{KeyPair, TrustedCertificate, instant};
use super::routing::Routing;
use super::settings::{SettingsError, check_url};
use super::signer::{CannotSign, Signer};
use super::xml::{self, DS, Element, MD, SAMLP, escape};

pub(super) const HTTP_ARTIFACT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact";
const HTTP_REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
const HTTP_POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
const SOAP_BINDING: &str = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP";

/// DigiD as its metadata describes it.
pub(super) struct IdentityProvider {
    pub(super) entity_id: String,
    pub(super) redirect: Option<Url>,
    pub(super) post: Option<Url>,
    /// Where people are logged out, by HTTP-POST: by HTTP-Redirect, the BSN would stand in the address.
    pub(super) logout: Option<Url>,
    /// Where artifacts are resolved, by the endpoint index an artifact carries.
    pub(super) artifact_resolution: BTreeMap<u16, Url>,
    /// Never empty.
    pub(super) certificates: Vec<TrustedCertificate>,
}

/// Reads DigiD's metadata. Its own signature is the operator's to check when it is received, until a later
/// version does.
pub(super) fn read(text: &str) -> Result<IdentityProvider, SettingsError> {
    let root = xml::parse(text.as_bytes()).map_err(SettingsError::Metadata)?;
    if !root.is(MD, "EntityDescriptor") {
        return Err(SettingsError::Metadata("the root element is no EntityDescriptor"));
    }
    let entity_id =
        root.attribute("entityID").ok_or(SettingsError::Metadata("no entityID"))?.trim().to_owned();
    let idp = root
        .one(MD, "IDPSSODescriptor", "there must be exactly one IDPSSODescriptor")
        .map_err(SettingsError::Metadata)?;
    let certificates = certificates(idp);
    if certificates.is_empty() {
        return Err(SettingsError::NoSigningCertificate);
    }
    let artifact_resolution = artifact_resolution(idp)?;
    if artifact_resolution.is_empty() {
        return Err(SettingsError::MissingEndpoint("ArtifactResolutionService for SOAP"));
    }
    let single = "SingleSignOnService";
    let (redirect, post) =
        (front_channel(idp, single, HTTP_REDIRECT)?, front_channel(idp, single, HTTP_POST)?);
    let logout = front_channel(idp, "SingleLogoutService", HTTP_POST)?;
    Ok(IdentityProvider { entity_id, redirect, post, logout, artifact_resolution, certificates })
}

fn front_channel(idp: &Element, name: &'static str, binding: &str) -> Result<Option<Url>, SettingsError> {
    let mut services = idp.all(MD, name).filter(|s| s.attribute("Binding") == Some(binding));
    let Some(service) = services.next() else { return Ok(None) };
    let url = location(service)?;
    check_url("an address for browsers in DigiD's metadata", &url)?;
    Ok(Some(url))
}

fn artifact_resolution(idp: &Element) -> Result<BTreeMap<u16, Url>, SettingsError> {
    let mut services = BTreeMap::new();
    for service in idp.all(MD, "ArtifactResolutionService") {
        if service.attribute("Binding") != Some(SOAP_BINDING) {
            continue;
        }
        let index = service.attribute("index").and_then(|index| index.trim().parse().ok());
        let index = index.ok_or(SettingsError::Metadata("an ArtifactResolutionService without index"))?;
        let url = location(service)?;
        if url.scheme() != "https" {
            return Err(SettingsError::Metadata("an ArtifactResolutionService that is no https URL"));
        }
        if services.insert(index, url).is_some() {
            return Err(SettingsError::Metadata("two ArtifactResolutionServices with one index"));
        }
    }
    Ok(services)
}

fn location(service: &Element) -> Result<Url, SettingsError> {
    let text = service.attribute("Location").unwrap_or_default();
    Url::parse(text.trim()).map_err(|_| SettingsError::Metadata("a service whose Location is no URL"))
}

/// Every RSA certificate that may sign: a rollover brings two, and only this list decides, never a message's
/// `KeyInfo`.
fn certificates(idp: &Element) -> Vec<TrustedCertificate> {
    let signing =
        idp.all(MD, "KeyDescriptor").filter(|key| matches!(key.attribute("use"), None | Some("signing")));
    signing
        .flat_map(|key| key.all(DS, "KeyInfo"))
        .flat_map(|info| info.all(DS, "X509Data"))
        .flat_map(|data| data.all(DS, "X509Certificate"))
        .filter_map(|certificate| {
            let base64: String = certificate.text().split_ascii_whitespace().collect();
            TrustedCertificate::from_der(&STANDARD.decode(base64).ok()?)
        })
        .collect()
}

/// What our metadata tells of us.
pub(super) struct Ours<'a> {
    pub(super) entity_id: &'a str,
    pub(super) acs: &'a Url,
    pub(super) index: Option<u16>,
    /// Where single logout is in use: its one address, by SOAP and by HTTP-Redirect.
    pub(super) logout: Option<&'a Url>,
    pub(super) signer: &'a Signer,
    /// For the routing service, which also wants to know our TLS client.
    pub(super) routing: Option<(&'a Routing, &'a KeyPair)>,
}

/// Our signed metadata: one artifact consumer, and the keys. DigiD 3.x wants neither another key than the one that
/// signs nor an end, and forbids `cacheDuration`; the routing service wants the TLS client's, one to encrypt for, and an
/// end, which is that of the certificate that ends first.
pub(super) fn write(ours: &Ours<'_>) -> Result<String, CannotSign> {
    let Ours { entity_id, acs, index, logout, signer, routing } = *ours;
    // An id from the entity id, not from chance: every node and every start writes the same text.
    let id = format!("_{}", base16ct::lower::encode_string(&sha256(entity_id.as_bytes())[..20]));
    let mut keys = key("signing", signer.key_name(), signer.pair())?;
    let mut valid_until = String::new();
    if let Some((routing, tls)) = routing {
        let fingerprint = tls.certificate().digest(MessageDigest::sha1()).map_err(|_| CannotSign)?;
        keys += &key("signing", &base16ct::lower::encode_string(&fingerprint), tls)?;
        keys += &key("encryption", routing.key_name(), routing.pair())?;
        let ends = [signer.pair(), tls, routing.pair()].map(|pair| instant(pair.certificate().not_after()));
        let first = ends.into_iter().flatten().min().ok_or(CannotSign)?;
        valid_until = format!(" validUntil=\"{}\"", first.rfc3339());
    }
    let service = |binding: &str, to: &Url| {
        format!("<md:SingleLogoutService Binding=\"{binding}\" Location=\"{}\"/>", escape(to.as_str()))
    };
    let logout: String =
        logout.iter().flat_map(|to| [SOAP_BINDING, HTTP_REDIRECT].map(|by| service(by, to))).collect();
    let document = format!(
        "<md:EntityDescriptor xmlns:md=\"{MD}\" ID=\"{id}\" entityID=\"{entity_id}\"{valid_until}>\
         {signature}\
         <md:SPSSODescriptor AuthnRequestsSigned=\"true\" WantAssertionsSigned=\"true\" \
         protocolSupportEnumeration=\"{SAMLP}\">\
         {keys}{logout}<md:AssertionConsumerService Binding=\"{HTTP_ARTIFACT}\" Location=\"{acs}\" \
         index=\"{index}\" isDefault=\"true\"/></md:SPSSODescriptor></md:EntityDescriptor>",
        entity_id = escape(entity_id),
        signature = signer.template(&id),
        acs = escape(acs.as_str()),
        index = index.unwrap_or(0),
    );
    signer.sign_xml(&document)
}

fn key(usage: &str, name: &str, pair: &KeyPair) -> Result<String, CannotSign> {
    let certificate = pair.certificate().to_der().map_err(|_| CannotSign)?;
    Ok(format!(
        "<md:KeyDescriptor use=\"{usage}\"><ds:KeyInfo xmlns:ds=\"{DS}\"><ds:KeyName>{}</ds:KeyName>\
         <ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>",
        escape(name),
        STANDARD.encode(certificate)
    ))
}
