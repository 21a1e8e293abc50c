//! What the operator gives us to be a service provider of DigiD: plain values, what is wrong with them, and how it is said.

use std::collections::BTreeSet;
use std::fmt;

use url::Url;
use zeroize::Zeroizing;

use crate::config::digid::Binding;
use crate::domain::client::is_loopback;
use crate::domain::time::Timestamp;

/// What a file holds, and where that is.
#[derive(Clone, PartialEq, Eq)]
pub struct Given {
    /// The text of the file.
    pub text: Zeroizing<String>,
    /// In the words of an error: the key in the configuration, and the file.
    pub at: String,
}

impl Given {
    /// Whether a PEM block of this kind stands in it.
    pub fn holds(&self, kind: &str) -> bool {
        self.text.lines().any(|line| line.starts_with("-----BEGIN") && line.contains(kind))
    }
}

/// An RSA key of at least 2048 bits without pass phrase and its certificate, both PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem {
    /// The private key.
    pub key: Given,
    /// The certificate; after it, where others must be able to build a chain, its intermediates.
    pub certificate: Given,
}

/// The same, with the name that our metadata gives it.
#[derive(Clone, PartialEq, Eq)]
pub struct NamedPem {
    /// The `KeyName`: whoever verifies or encrypts tells the certificate from our others by it.
    pub name: String,
    /// Key and certificate.
    pub pem: Pem,
}

/// What DigiD's login is reached by: two interfaces, not two versions of one.
#[derive(Clone, PartialEq, Eq)]
pub enum Interface {
    /// DigiD itself (interface 3.x): the BSN stands in the NameID.
    Digid3,
    /// The routing service before it (ST-SAML 1.0): BSNs are encrypted for us, and another may be represented.
    RoutingService(Box<RoutingService>),
}

/// Our registration with the routing service.
#[derive(Clone, PartialEq, Eq)]
pub struct RoutingService {
    /// Our service in its catalogue, with the level and the kind of identity that are registered there.
    pub service_uuid: String,
    /// What identities are encrypted for.
    pub encryption: NamedPem,
    /// What they may be encrypted for as well: which one is used, the routing service says by its name.
    pub next_encryption: Vec<NamedPem>,
    /// Whom to ask, where people may act for others.
    pub providers: Option<Providers>,
}

/// The entity ids of the parties behind the routing service.
#[derive(Clone, PartialEq, Eq)]
pub struct Providers {
    /// Who logs people in.
    pub login: String,
    /// Who knows for whom they may act.
    pub representation: String,
}

/// The plain values a [`ServiceProvider`] is made from. `Debug` prints no key.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Our entity id as registered with Logius.
    pub entity_id: String,
    /// Our assertion consumer service: where DigiD sends the browser back with an artifact.
    pub acs_url: Url,
    /// The index of that service in our registered metadata; DigiD prefers it over the URL. Without one we
    /// send the URL.
    pub acs_index: Option<u16>,
    /// Where DigiD sends requests to log somebody out, and the browser back after ours; for DigiD itself only, and only
    /// where its single sign-on is contracted.
    pub logout_url: Option<Url>,
    /// How requests travel. The routing service takes posted ones only.
    pub binding: Binding,
    /// Which of the two we are connected to.
    pub interface: Interface,
    /// What our SAML messages are signed with, as registered with Logius (`PKIoverheid`).
    pub signing: NamedPem,
    /// What they are signed with later, each from its moment on, in order.
    pub next_signing: Vec<(Timestamp, NamedPem)>,
    /// Our TLS client (`PKIoverheid`), with its intermediates.
    pub tls: Pem,
    /// Our TLS clients later.
    pub next_tls: Vec<(Timestamp, Pem)>,
    /// The only roots that may vouch for DigiD's back channel, PEM.
    pub ca_roots: Given,
    /// DigiD's metadata as received from Logius, XML.
    pub digid_metadata: String,
    /// Whose metadata that must be.
    pub metadata_entity_id: String,
    /// The certificates one of which it must be signed with, PEM.
    pub metadata_certificates: Given,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("entity_id", &self.entity_id).finish_non_exhaustive()
    }
}

/// Why the settings cannot work. Names what to mend; never carries a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// No private key could be read.
    #[error(
        "{at} is no private key in PEM, or has a pass phrase: put the key there unencrypted, readable to its owner only"
    )]
    Key {
        /// Where it should be.
        at: String,
    },
    /// A certificate in the place of a key, or a key in that of a certificate.
    #[error("{at} holds a {found} in the place of a {wanted}: are the two lines of this pair mixed up?")]
    MixedUp {
        /// Where that is.
        at: String,
        /// What is there.
        found: &'static str,
        /// What should be.
        wanted: &'static str,
    },
    /// No certificate could be read.
    #[error(
        "{at} holds no certificate in PEM: put it there as text that begins with -----BEGIN CERTIFICATE-----"
    )]
    Certificate {
        /// Where it should be.
        at: String,
    },
    /// The key is not RSA, or too short.
    #[error("{at} must be RSA of at least 2048 bits: make a new key, and have a certificate made for it")]
    Weak {
        /// Where it is.
        at: String,
    },
    /// Key and certificate are of different pairs.
    #[error(
        "{key} does not belong to {certificate}: put the key there that this certificate was made for, or the other way round"
    )]
    Mismatch {
        /// Where the key is.
        key: String,
        /// Where the certificate is.
        certificate: String,
    },
    /// A value that cannot be.
    #[error("{name} {problem}")]
    Value {
        /// Which setting.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// DigiD's metadata is not to be used.
    #[error("DigiD's metadata: {first}{}", more_of(*more))]
    Metadata {
        /// What is wrong with it, and what to do.
        first: String,
        /// How much more is wrong.
        more: usize,
    },
    /// TLS or the signature library refused what each part seemed good for.
    #[error(
        "cannot set up {what} with {at}: is it whole, its certificate first and the intermediates after it?"
    )]
    Refused {
        /// What was to be set up.
        what: &'static str,
        /// With what.
        at: String,
    },
}

fn more_of(more: usize) -> String {
    match more {
        0 => String::new(),
        more => format!(". {more} more: run `namens digid check` with the file"),
    }
}

/// Names stand in XML and are compared as they are, so spaces at the ends or control characters could only do
/// harm.
pub(super) fn check_name(name: &'static str, value: &str) -> Result<(), SettingsError> {
    let plain = !value.is_empty()
        && value.len() <= 1024
        && value.trim() == value
        && !value.contains(char::is_control);
    if plain {
        Ok(())
    } else {
        Err(SettingsError::Value { name, problem: "must be 1 to 1024 plain characters" })
    }
}

/// Two keys of one name could not be told apart.
pub(super) fn check_distinct<'a>(keys: impl Iterator<Item = &'a NamedPem>) -> Result<(), SettingsError> {
    let mut seen = BTreeSet::new();
    for key in keys {
        if !seen.insert(&key.name) {
            return Err(SettingsError::Value {
                name: "a key name",
                problem: "is there twice: give each key its own",
            });
        }
    }
    Ok(())
}

/// What ST-SAML 1.0 wants of us, *AuthnRequest* and *DV Metadata*.
pub(super) fn check_routing(
    binding: Binding,
    acs_index: Option<u16>,
    service: &RoutingService,
) -> Result<(), SettingsError> {
    if binding != Binding::Post {
        return Err(SettingsError::Value {
            name: "the binding",
            problem: "must be post for the routing service",
        });
    }
    if acs_index.is_none() {
        let name = "the assertion consumer service";
        return Err(SettingsError::Value { name, problem: "must have an index for the routing service" });
    }
    check_name("the service UUID", &service.service_uuid)?;
    let providers = service.providers.iter();
    providers.flat_map(|p| [&p.login, &p.representation]).try_for_each(|id| check_name("a provider", id))
}

pub(super) fn check_url(name: &'static str, url: &Url) -> Result<(), SettingsError> {
    if is_safe(url) { Ok(()) } else { Err(SettingsError::Value { name, problem: "must be an https URL" }) }
}

/// Where a browser may be sent: TLS, except to a machine's own loopback address, for development.
pub(super) fn is_safe(url: &Url) -> bool {
    let safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url));
    safe && url.fragment().is_none()
}
