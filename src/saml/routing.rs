//! What the routing service (ST-SAML 1.0) says in another way than DigiD itself: who acts, for whom, and by what right.

use super::decrypt::{self, Recipient};
use super::keys::KeyPair;
use super::service_provider::ServiceProvider;
use super::settings::{NamedPem, Providers, RoutingService, SettingsError, check_distinct, check_name};
use super::xml::{Element, Reason, SAML, escape};
use crate::domain::bsn::Bsn;

const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
const SERVICE_UUID: &str = "urn:nl-eid-gdi:1.0:ServiceUUID";
const INTENDED_AUDIENCE: &str = "urn:nl-eid-gdi:1.0:IntendedAudience";
const ACTING: &str = "urn:nl-eid-gdi:1.0:ActingSubjectID";
const LEGAL: &str = "urn:nl-eid-gdi:1.0:LegalSubjectID";
const REPRESENTATION: &str = "urn:nl-eid-gdi:1.1:RepresentationType";
const PARENTAL: &str = "urn:nl-eid-gdi:1.1:RT:Zorg_Volledig_Gezag_Kind";

/// By what right somebody acts for another, as the register of representation established it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Representation {
    /// Full parental authority over a child under 12, in health care (`RT:Zorg_Volledig_Gezag_Kind`).
    ParentalAuthorityInCare,
}

/// For whom the person who logged in acts, by their own choice at this login. `Debug` prints no BSN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Legal {
    /// Who is represented.
    pub bsn: Bsn,
    /// By what right.
    pub representation: Representation,
}

/// Our registration with the routing service, ready for use.
pub(super) struct Routing {
    service_uuid: String,
    /// What identities may be encrypted for, by name. Never empty.
    keys: Vec<(String, KeyPair)>,
    providers: Option<Providers>,
}

impl Routing {
    pub(super) fn new(settings: &RoutingService) -> Result<Self, SettingsError> {
        let RoutingService { service_uuid, encryption, next_encryption, providers } = settings;
        check_distinct([encryption].into_iter().chain(next_encryption))?;
        let key = |named: &NamedPem| {
            check_name("the encryption key name", &named.name)?;
            Ok((named.name.clone(), KeyPair::from_pem(&named.pem)?))
        };
        let keys = [encryption].into_iter().chain(next_encryption).map(key);
        let keys = keys.collect::<Result<_, SettingsError>>()?;
        Ok(Self { service_uuid: service_uuid.clone(), keys, providers: providers.clone() })
    }

    /// What identities may be encrypted for, by the names in our metadata.
    pub(super) fn keys(&self) -> &[(String, KeyPair)] {
        &self.keys
    }

    /// Whether somebody can be represented here at all.
    pub(super) fn knows_representation(&self) -> bool {
        self.providers.is_some()
    }

    /// What an AuthnRequest asks by: our service in the catalogue, and us as the one who may read the answer.
    pub(super) fn extensions(&self, entity_id: &str) -> String {
        let attribute = |name, value| {
            let value = escape(value);
            format!(
                "<saml:Attribute Name=\"{name}\"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>"
            )
        };
        format!(
            "<samlp:Extensions>{}{}</samlp:Extensions>",
            attribute(INTENDED_AUDIENCE, entity_id),
            attribute(SERVICE_UUID, &self.service_uuid)
        )
    }

    /// Who may answer: with the register of representation among them, the person is asked for whom they act.
    pub(super) fn scoping(&self, representation: bool) -> String {
        let Some(providers) = &self.providers else { return String::new() };
        let entry = |provider: &str| format!("<samlp:IDPEntry ProviderID=\"{}\"/>", escape(provider));
        let register = if representation { entry(&providers.representation) } else { String::new() };
        let login = entry(&providers.login);
        format!("<samlp:Scoping><samlp:IDPList>{login}{register}</samlp:IDPList></samlp:Scoping>")
    }

    /// Reads who acts and for whom. `requested` is whether we asked for a choice: without it, an answer about another
    /// person is not what this login was about.
    pub(super) fn subjects(
        &self,
        assertion: &Element,
        entity_id: &str,
        requested: bool,
    ) -> Result<(Bsn, Option<Legal>), Reason> {
        let statement = assertion.one(SAML, "AttributeStatement", "not exactly one AttributeStatement")?;
        let service = single(statement, SERVICE_UUID, "not exactly one ServiceUUID")?;
        if service.is_none_or(|service| service.text() != self.service_uuid) {
            return Err("an answer for another service");
        }
        let recipient = Recipient { entity_id, keys: &self.keys };
        let acting = single(statement, ACTING, "not exactly one ActingSubjectID")?;
        let acting = identity(acting.ok_or("not exactly one ActingSubjectID")?, &recipient)?;
        let legal = single(statement, LEGAL, "several LegalSubjectIDs")?;
        let kind = single(statement, REPRESENTATION, "several RepresentationTypes")?;
        let legal = match (legal, kind) {
            (None, None) => None,
            (Some(_), _) if !requested => return Err("a representation nobody asked for"),
            (Some(legal), Some(kind)) => {
                let representation = representation(kind.text())?;
                Some(Legal { bsn: identity(legal, &recipient)?, representation })
            }
            (Some(_), None) => return Err("a LegalSubjectID without RepresentationType"),
            (None, Some(_)) => return Err("a RepresentationType without LegalSubjectID"),
        };
        if legal.as_ref().is_some_and(|legal| legal.bsn == acting) {
            return Err("somebody who represents themselves");
        }
        Ok((acting, legal))
    }
}

impl ServiceProvider {
    /// Whether people can be asked for whom they act: only by the routing service, and if our settings name whom it asks.
    pub fn knows_representation(&self) -> bool {
        self.inner.routing.as_ref().is_some_and(Routing::knows_representation)
    }
}

/// The name of this login at the routing service: random, and the same as its session's.
pub(super) fn transient<'a>(subject: &'a Element, statement: &Element) -> Result<&'a str, Reason> {
    let name_id = subject.one(SAML, "NameID", "not exactly one NameID")?;
    if name_id.attribute("Format") != Some(TRANSIENT) || name_id.text().is_empty() {
        return Err("a NameID that is not transient");
    }
    if statement.attribute("SessionIndex").is_some_and(|index| index.trim() != name_id.text()) {
        return Err("a SessionIndex of another login");
    }
    Ok(name_id.text())
}

/// The one value of the attribute of this name, which stands there once or not at all.
fn single<'a>(statement: &'a Element, name: &str, several: Reason) -> Result<Option<&'a Element>, Reason> {
    let mut named = statement.all(SAML, "Attribute").filter(|a| a.attribute("Name") == Some(name));
    match (named.next(), named.next()) {
        (None, _) => Ok(None),
        (Some(attribute), None) => attribute.one(SAML, "AttributeValue", several).map(Some),
        _ => Err(several),
    }
}

fn identity(value: &Element, recipient: &Recipient<'_>) -> Result<Bsn, Reason> {
    match value.children() {
        [encrypted] if encrypted.is(SAML, "EncryptedID") => decrypt::bsn(encrypted, recipient),
        _ => Err("an identity that is not one EncryptedID"),
    }
}

fn representation(kind: &str) -> Result<Representation, Reason> {
    match kind {
        PARENTAL => Ok(Representation::ParentalAuthorityInCare),
        _ => Err("a representation of an unknown type"),
    }
}
