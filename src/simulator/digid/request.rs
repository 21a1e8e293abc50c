//! Reading what the service provider asks: the AuthnRequest and the ArtifactResolve (Koppelvlakspecificatie 3.7).

use chrono::{DateTime, TimeDelta, Utc};

use super::names::{HTTP_ARTIFACT, Level, SAML, SAMLP};
use super::registry::ServiceProvider;
use super::routing::{self, Service};
use super::xml::Element;

/// How far an `IssueInstant` may lie from DigiD's clock, either way.
const WINDOW: TimeDelta = TimeDelta::minutes(2);
/// The longest RelayState, in bytes.
pub(super) const MAX_RELAY_STATE: usize = 80;

/// An AuthnRequest whose signature was verified.
#[derive(Debug, Clone)]
pub struct AuthnRequest {
    /// Its `ID`.
    pub id: String,
    /// Where the artifact goes.
    pub consumer: String,
    /// What the service provider wants back with it.
    pub relay_state: Option<String>,
    /// The lowest level it takes.
    pub minimum: Level,
    /// Whether the user is to log in again. There is no single sign-on here, so they always do.
    pub force_authn: bool,
    /// Whether the user is asked for whom they act. DigiD itself never does.
    pub representation: bool,
    /// The name to show to the user.
    pub provider_name: Option<String>,
    /// What is wrong with the request, when it is authentic but invalid; DigiD then answers `RequestDenied`.
    pub invalid: Option<String>,
}

impl AuthnRequest {
    /// Reads a verified message. The error (the wrong sender, nowhere to answer to) gets no SAML answer at all.
    pub fn read(
        message: &Element,
        relay_state: Option<String>,
        sp: &ServiceProvider,
        destination: Destination<'_>,
        routing: Option<&Service>,
        now: DateTime<Utc>,
    ) -> Result<Self, String> {
        check_issuer(message, sp)?;
        let id = message.attribute("ID").filter(|id| !id.is_empty()).ok_or("it has no ID")?;
        let consumer = consumer(message, sp)?.to_owned();
        let (level, representation) = match routing {
            None => (minimum(message), Ok(false)),
            Some(service) => (Ok(service.minimum), routing::asked(message, sp, service)),
        };
        let invalid = [
            check_header(message, destination, now).err(),
            level.as_ref().err().cloned(),
            representation.as_ref().err().cloned(),
            check_binding(message).err(),
            relay_state
                .as_ref()
                .filter(|r| r.len() > MAX_RELAY_STATE)
                .map(|_| format!("its RelayState is longer than {MAX_RELAY_STATE} bytes")),
        ];
        Ok(Self {
            id: id.to_owned(),
            consumer,
            relay_state,
            minimum: level.unwrap_or(Level::Hoog),
            force_authn: matches!(message.attribute("ForceAuthn"), Some("true" | "1")),
            representation: representation.unwrap_or_default(),
            provider_name: message.attribute("ProviderName").map(str::to_owned),
            invalid: invalid.into_iter().flatten().next(),
        })
    }
}

/// The `Destination` that a message must or may name.
#[derive(Debug, Clone, Copy)]
pub enum Destination<'a> {
    /// It must be there and be this (POST binding).
    Required(&'a str),
    /// If it is there, it must be this.
    Optional(&'a str),
}

/// Reads a verified ArtifactResolve: its ID and its artifact.
pub fn artifact_resolve(
    message: &Element,
    sp: &ServiceProvider,
    here: &str,
    now: DateTime<Utc>,
) -> Result<(String, String), String> {
    check_issuer(message, sp)?;
    check_header(message, Destination::Optional(here), now)?;
    let id = message.attribute("ID").filter(|id| !id.is_empty()).ok_or("it has no ID")?;
    let artifact = message.only(SAMLP, "Artifact").ok_or("it has not exactly one Artifact")?;
    Ok((id.to_owned(), artifact.text().to_owned()))
}

pub(super) fn check_issuer(message: &Element, sp: &ServiceProvider) -> Result<(), String> {
    match message.only(SAML, "Issuer") {
        Some(issuer) if issuer.text() == sp.entity_id => Ok(()),
        _ => Err("its Issuer is not the registered service provider".into()),
    }
}

pub(super) fn check_header(
    message: &Element,
    destination: Destination<'_>,
    now: DateTime<Utc>,
) -> Result<(), String> {
    if message.attribute("Version") != Some("2.0") {
        return Err("its Version is not 2.0".into());
    }
    let issued = message.attribute("IssueInstant").unwrap_or_default();
    let moment =
        DateTime::parse_from_rfc3339(issued).map_err(|_| "its IssueInstant is no date with a zone")?;
    if !issued.ends_with('Z') {
        return Err("its IssueInstant is not in UTC".into());
    }
    if (now - moment.to_utc()).abs() > WINDOW {
        return Err("its IssueInstant is more than 2 minutes away".into());
    }
    match (message.attribute("Destination"), destination) {
        (None, Destination::Optional(_)) => Ok(()),
        (Some(named), Destination::Optional(here) | Destination::Required(here)) if named == here => Ok(()),
        _ => Err("its Destination is not this address".into()),
    }
}

fn consumer<'a>(message: &Element, sp: &'a ServiceProvider) -> Result<&'a str, String> {
    let index = message.attribute("AssertionConsumerServiceIndex");
    let url = message.attribute("AssertionConsumerServiceURL");
    match (index, url) {
        (Some(index), None) => index
            .parse()
            .ok()
            .and_then(|i| sp.consumer_by_index(i))
            .ok_or_else(|| "its AssertionConsumerServiceIndex is not in the metadata".into()),
        (None, Some(url)) => sp
            .consumer_by_url(url)
            .ok_or_else(|| "its AssertionConsumerServiceURL is not in the metadata".into()),
        _ => Err("it names not exactly one of AssertionConsumerServiceIndex and AssertionConsumerServiceURL"
            .into()),
    }
}

fn check_binding(message: &Element) -> Result<(), String> {
    match message.attribute("ProtocolBinding") {
        Some(_) if message.attribute("AssertionConsumerServiceIndex").is_some() => {
            Err("it has a ProtocolBinding beside an AssertionConsumerServiceIndex".into())
        }
        None | Some(HTTP_ARTIFACT) => Ok(()),
        Some(_) => Err("its ProtocolBinding is not HTTP-Artifact".into()),
    }
}

fn minimum(message: &Element) -> Result<Level, String> {
    let context = message.only(SAMLP, "RequestedAuthnContext").ok_or("it has no RequestedAuthnContext")?;
    if context.attribute("Comparison") != Some("minimum") {
        return Err("the Comparison of its RequestedAuthnContext is not minimum".into());
    }
    let class_ref = context
        .only(SAML, "AuthnContextClassRef")
        .ok_or("its RequestedAuthnContext has not exactly one AuthnContextClassRef")?;
    Level::from_class_ref(class_ref.text())
        .ok_or_else(|| "its AuthnContextClassRef is not one of DigiD's".into())
}
