//! `[digid]`: the SAML connection to DigiD, or to the routing service before it.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de::Error as _};

use super::BadConfig;
use crate::domain::time::Timestamp;

/// Our side and theirs. Keys are PEM files that only their owner can read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digid {
    /// Our entity id, as registered with Logius.
    pub entity_id: String,
    /// DigiD's metadata.
    pub metadata: PathBuf,
    /// The certificates one of which that metadata must be signed with, as Logius told them by another way than the file.
    pub metadata_certificate: PathBuf,
    /// Whose metadata it must be: DigiD's own entity id.
    pub metadata_entity_id: String,
    /// The key that signs our requests.
    pub signing_key: PathBuf,
    /// Its certificate.
    pub signing_certificate: PathBuf,
    /// What our metadata calls that key.
    #[serde(default = "first_key")]
    pub key_name: String,
    /// Signing keys that take over later.
    #[serde(default)]
    pub next_signing: Vec<NextSigning>,
    /// The key of our back-channel TLS client.
    pub tls_key: PathBuf,
    /// Its certificate (chain).
    pub tls_certificate: PathBuf,
    /// TLS clients that take over later.
    #[serde(default)]
    pub next_tls: Vec<NextTls>,
    /// The authorities that DigiD's back channel is trusted under, and no others.
    pub ca: PathBuf,
    binding: Option<Binding>,
    /// How requests name the service of ours that takes the answers.
    #[serde(default)]
    pub consumer: Consumer,
    /// Which of the two interfaces this is.
    #[serde(default)]
    pub interface: Interface,
    /// Whether DigiD's single sign-on is contracted, which makes single logout a duty.
    #[serde(default)]
    single_logout: bool,
    /// What the routing service knows us by.
    routing_service: Option<Box<RoutingService>>,
}

impl Digid {
    /// How requests travel. DigiD takes either; the routing service takes posted ones only.
    pub fn binding(&self) -> Binding {
        self.binding.unwrap_or(match self.interface {
            Interface::Digid3 => Binding::Redirect,
            Interface::RoutingService => Binding::Post,
        })
    }

    /// Whether people log out of DigiD when they log out here, and the other way round. The routing service has another
    /// single logout, which is refused here until it is built.
    pub fn single_logout(&self) -> Result<bool, BadConfig> {
        match (self.single_logout, self.interface) {
            (true, Interface::RoutingService) => Err(BadConfig::value(
                "[digid]: single_logout is for DigiD itself: remove it, or interface = \"routing-service\"",
            )),
            (wanted, _) => Ok(wanted),
        }
    }

    /// Our registration, where we are connected to the routing service. An interface and a table that do not belong
    /// together are refused: nobody should think they use what they do not.
    pub fn routing_service(&self) -> Result<Option<&RoutingService>, BadConfig> {
        match (self.interface, &self.routing_service) {
            (Interface::Digid3, None) => Ok(None),
            (Interface::RoutingService, Some(service)) => Ok(Some(service)),
            (Interface::RoutingService, None) => Err(BadConfig::value(
                "[digid]: interface = \"routing-service\" needs a table [digid.routing_service]",
            )),
            (Interface::Digid3, Some(_)) => Err(BadConfig::value(
                "[digid.routing_service] is there, but [digid] does not say interface = \"routing-service\"",
            )),
        }
    }
}

/// `[[digid.next_signing]]`: what signs our requests from a moment on. Until then it stands in our metadata only, so that
/// Logius can register it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NextSigning {
    /// When it takes over.
    #[serde(deserialize_with = "moment")]
    pub from: Timestamp,
    /// The key.
    pub key: PathBuf,
    /// Its certificate.
    pub certificate: PathBuf,
    /// What our metadata calls that key: another name than those before it.
    pub key_name: String,
}

/// `[[digid.next_tls]]`: what our back-channel TLS client shows from a moment on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NextTls {
    /// When it takes over.
    #[serde(deserialize_with = "moment")]
    pub from: Timestamp,
    /// The key.
    pub key: PathBuf,
    /// Its certificate (chain).
    pub certificate: PathBuf,
}

/// A date and time of TOML; without its zone it would be another moment elsewhere.
fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let written = toml::value::Datetime::deserialize(from)?.to_string();
    Timestamp::parse_rfc3339(&written)
        .ok_or_else(|| D::Error::custom("give date, time and zone, such as 2027-03-01T04:00:00+01:00"))
}

/// What our service provider talks to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Interface {
    /// DigiD itself.
    #[default]
    #[serde(rename = "digid-3.x")]
    Digid3,
    /// The routing service (ST-SAML 1.0).
    #[serde(rename = "routing-service")]
    RoutingService,
}

/// `[digid.routing_service]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutingService {
    /// Our service in the catalogue of the routing service. The level registered there should be the portals' lowest.
    pub service_uuid: String,
    /// The key that identities are encrypted for.
    pub encryption_key: PathBuf,
    /// Its certificate.
    pub encryption_certificate: PathBuf,
    /// What our metadata calls that key.
    #[serde(default = "first_encryption_key")]
    pub encryption_key_name: String,
    /// Keys that identities may be encrypted for as well. Which one is used, the routing service chooses.
    #[serde(default)]
    pub next_encryption: Vec<NextEncryption>,
    /// Whom to ask, where parents may act for their children.
    pub representation: Option<Representation>,
}

/// `[[digid.routing_service.next_encryption]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NextEncryption {
    /// The key.
    pub key: PathBuf,
    /// Its certificate.
    pub certificate: PathBuf,
    /// What our metadata calls that key: another name than those before it.
    pub key_name: String,
}

/// `representation = { login = …, register = … }`: entity ids of parties behind the routing service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Representation {
    /// Who logs people in: DigiD.
    pub login: String,
    /// Who knows for whom they may act.
    pub register: String,
}

fn first_encryption_key() -> String {
    "namens-encryption-1".to_owned()
}

fn first_key() -> String {
    "namens-1".to_owned()
}

/// How the browser carries our `AuthnRequest` to DigiD (SAML 2.0 bindings, sections 3.4 and 3.5). Redirect also serves the
/// app on the same phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Binding {
    /// HTTP-Redirect: the request in the address, the signature beside it.
    Redirect,
    /// HTTP-POST: the request in a form, the signature inside it.
    Post,
}

/// How an `AuthnRequest` names our assertion consumer service (SAML 2.0 core, section 3.4.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consumer {
    /// By its index in our metadata, which DigiD prefers and the routing service demands.
    #[default]
    Index,
    /// By its address and binding, where a registration knows no index.
    Url,
}

impl Consumer {
    /// The index to send, if one is sent: our metadata names one consumer.
    pub fn index(self) -> Option<u16> {
        match self {
            Self::Index => Some(0),
            Self::Url => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &str) -> Digid {
        let files = [
            "metadata",
            "metadata_certificate",
            "metadata_entity_id",
            "signing_key",
            "signing_certificate",
            "tls_key",
            "tls_certificate",
            "ca",
        ];
        let files: String = files.iter().map(|file| format!("{file} = \"x\"\n")).collect();
        toml::from_str(&format!("entity_id = \"us\"\n{files}{more}")).unwrap()
    }

    #[test]
    fn single_logout_is_off_unless_asked_for_and_only_for_digid_itself() {
        assert!(!read("").single_logout().unwrap());
        assert!(read("single_logout = true").single_logout().unwrap());
        let routed = "interface = \"routing-service\"\n";
        assert!(!read(routed).single_logout().unwrap());
        let refused = read(&format!("{routed}single_logout = true")).single_logout().unwrap_err();
        assert!(refused.to_string().contains("single_logout is for DigiD itself"), "{refused}");
    }

    #[test]
    fn a_moment_has_a_zone() {
        let tls = |from: &str| {
            toml::from_str::<NextTls>(&format!("from = {from}\nkey = \"k\"\ncertificate = \"c\""))
        };
        let at = |text| Timestamp::parse_rfc3339(text).unwrap();
        assert_eq!(tls("2027-03-01T04:00:00+01:00").unwrap().from, at("2027-03-01T03:00:00Z"));
        assert_eq!(tls("2027-03-01 03:00:00Z").unwrap().from, at("2027-03-01T03:00:00Z"));
        for vague in ["2027-03-01", "2027-03-01T04:00:00", "04:00:00"] {
            assert!(tls(vague).unwrap_err().to_string().contains("date, time and zone"), "{vague}");
        }
        assert!(tls("\"tomorrow\"").is_err());
    }

    #[test]
    fn an_interface_and_its_table_belong_together() {
        let (interface, table) = (
            "interface = \"routing-service\"\n",
            "[routing_service]\nservice_uuid = \"u\"\nencryption_key = \"k\"\nencryption_certificate = \"c\"\n",
        );
        let both = read(&format!("{interface}{table}"));
        let service = both.routing_service().unwrap().unwrap();
        assert_eq!(
            (service.service_uuid.as_str(), service.encryption_key_name.as_str()),
            ("u", "namens-encryption-1")
        );
        assert!(service.representation.is_none());
        assert!(read("").routing_service().unwrap().is_none());
        assert!(read("interface = \"digid-3.x\"").routing_service().unwrap().is_none());
        let refused = |more: &str| read(more).routing_service().unwrap_err().to_string();
        assert!(refused(interface).contains("needs a table [digid.routing_service]"));
        assert!(refused(table).contains("does not say interface"));
    }
}
