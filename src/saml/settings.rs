//! What the operator gives us to be a service provider of DigiD, parsed once and refused at start when it
//! cannot work.

use std::fmt;
use std::sync::Arc;

use reqwest::Client;
use url::Url;
use zeroize::Zeroizing;

use super::keys::{KeyPair, instant};
use super::logout::Logout;
use super::metadata::{self, IdentityProvider};
use super::routing::Routing;
use super::signer::Signer;
use super::{artifact, libxmlsec};
use crate::config::digid::Binding;
use crate::domain::client::is_loopback;
use crate::domain::time::Timestamp;
use crate::lane::Lane;

/// How many pieces of RSA and XML work may wait. At about two milliseconds each, the last waits half a second on one
/// core.
const WAITING: usize = 256;

/// What DigiD's login is reached by: two interfaces, not two versions of one.
pub enum Interface {
    /// DigiD itself (interface 3.x): the BSN stands in the NameID.
    Digid3,
    /// The routing service before it (ST-SAML 1.0): BSNs are encrypted for us, and another may be represented.
    RoutingService(RoutingService),
}

/// Our registration with the routing service.
pub struct RoutingService {
    /// Our service in its catalogue, with the level and the kind of identity that are registered there.
    pub service_uuid: String,
    /// The private key that identities are encrypted for: RSA, at least 2048 bits, PEM without pass phrase.
    pub key: Zeroizing<String>,
    /// Its certificate, PEM.
    pub certificate: String,
    /// The name of that key in our metadata; the routing service says by it which one it used.
    pub key_name: String,
    /// Whom to ask, where people may act for others.
    pub providers: Option<Providers>,
}

/// The entity ids of the parties behind the routing service.
pub struct Providers {
    /// Who logs people in.
    pub login: String,
    /// Who knows for whom they may act.
    pub representation: String,
}

/// The plain values a [`ServiceProvider`] is made from. `Debug` prints no key.
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
    /// The private key of our SAML signature: RSA, at least 2048 bits, PEM without pass phrase.
    pub signing_key: Zeroizing<String>,
    /// The certificate of that key as registered with Logius (`PKIoverheid`), PEM.
    pub signing_certificate: String,
    /// The name of that key in our metadata; DigiD picks the certificate by it.
    pub key_name: String,
    /// The private key of our TLS client certificate, as above.
    pub tls_key: Zeroizing<String>,
    /// Our TLS client certificate (`PKIoverheid`), followed by its intermediates, PEM.
    pub tls_certificate: String,
    /// The only roots that may vouch for DigiD's back channel, PEM.
    pub ca_roots: String,
    /// DigiD's metadata as received from Logius, XML.
    pub digid_metadata: String,
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
    #[error("the {what} private key is no PEM private key, or has a pass phrase; give it unencrypted in PEM")]
    Key {
        /// Which pair.
        what: &'static str,
    },
    /// No certificate could be read.
    #[error("the {what} certificate is no PEM certificate")]
    Certificate {
        /// Which pair.
        what: &'static str,
    },
    /// The key is not RSA, or too short.
    #[error("the {what} key must be RSA of at least 2048 bits")]
    Weak {
        /// Which pair.
        what: &'static str,
    },
    /// Key and certificate are of different pairs.
    #[error("the {what} private key does not belong to the {what} certificate")]
    Mismatch {
        /// Which pair.
        what: &'static str,
    },
    /// No certificate authority for the back channel.
    #[error("the CA roots for DigiD's back channel hold no PEM certificate")]
    NoRoots,
    /// A value that cannot be.
    #[error("{name} {problem}")]
    Value {
        /// Which setting.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// DigiD's metadata cannot be read.
    #[error("DigiD's metadata: {0}")]
    Metadata(&'static str),
    /// DigiD's metadata has no certificate to check signatures with: without one, nothing would be checked.
    #[error("DigiD's metadata holds no signing certificate with an RSA key of at least 2048 bits")]
    NoSigningCertificate,
    /// DigiD's metadata lacks an address we need.
    #[error("DigiD's metadata holds no {0}")]
    MissingEndpoint(&'static str),
    /// TLS or the signature library refused what each part seemed good for.
    #[error("cannot set up {0} with these keys and certificates")]
    Refused(&'static str),
}

/// A service provider of DigiD, ready to send requests and to resolve artifacts. Cheap to clone.
#[derive(Clone)]
pub struct ServiceProvider {
    pub(super) inner: Arc<Inner>,
}

/// What the parts of this floor share.
pub(super) struct Inner {
    pub(super) entity_id: String,
    pub(super) acs_url: Url,
    pub(super) acs_index: Option<u16>,
    pub(super) binding: Binding,
    /// Our registration, where we are connected to the routing service.
    pub(super) routing: Option<Routing>,
    /// Single logout, where it is in use.
    pub(super) logout: Option<Logout>,
    pub(super) signer: Signer,
    pub(super) digid: IdentityProvider,
    pub(super) client: Client,
    pub(super) lane: Lane,
    metadata: String,
    tls_not_after: Timestamp,
}

impl ServiceProvider {
    /// Parses and checks everything once, and closes libxmlsec's holes.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        libxmlsec::harden();
        check_name("the entity id", &settings.entity_id)?;
        check_name("the key name", &settings.key_name)?;
        check_url("the assertion consumer service URL", &settings.acs_url)?;
        if let Interface::RoutingService(service) = &settings.interface {
            check_routing(settings.binding, settings.acs_index, service)?;
        }
        let signing =
            KeyPair::from_pem("SAML signing", &settings.signing_key, &settings.signing_certificate)?;
        let tls = KeyPair::from_pem("TLS client", &settings.tls_key, &settings.tls_certificate)?;
        let digid = metadata::read(&settings.digid_metadata)?;
        match settings.binding {
            Binding::Redirect if digid.redirect.is_none() => {
                return Err(SettingsError::MissingEndpoint("SingleSignOnService for HTTP-Redirect"));
            }
            Binding::Post if digid.post.is_none() => {
                return Err(SettingsError::MissingEndpoint("SingleSignOnService for HTTP-POST"));
            }
            _ => {}
        }
        let client = artifact::client(&settings)?;
        let routing = match settings.interface {
            Interface::Digid3 => None,
            Interface::RoutingService(service) => Some(Routing::new(service)?),
        };
        let tls_not_after = instant(tls.certificate().not_after())
            .map_err(|_| SettingsError::Certificate { what: "TLS client" })?;
        let signer = Signer::new(signing, settings.key_name);
        let lane = Lane::new(WAITING);
        let logout = settings.logout_url.map(|ours| Logout::new(ours, &digid, &lane)).transpose()?;
        let ours = metadata::Ours {
            entity_id: &settings.entity_id,
            acs: &settings.acs_url,
            index: settings.acs_index,
            logout: logout.as_ref().map(|logout| &logout.ours),
            signer: &signer,
            routing: routing.as_ref().map(|routing| (routing, &tls)),
        };
        let metadata = metadata::write(&ours).map_err(|_| SettingsError::Refused("the SAML signature"))?;
        let inner = Inner {
            entity_id: settings.entity_id,
            acs_url: settings.acs_url,
            acs_index: settings.acs_index,
            binding: settings.binding,
            routing,
            logout,
            signer,
            digid,
            client,
            lane,
            metadata,
            tls_not_after,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Our metadata, signed, to hand to Logius. The same text on every node and after every restart.
    pub fn metadata(&self) -> &str {
        &self.inner.metadata
    }

    /// Where a browser is sent to log in, for the policy of the page that sends it there.
    pub fn login_address(&self) -> Option<&Url> {
        match self.inner.binding {
            Binding::Redirect => self.inner.digid.redirect.as_ref(),
            Binding::Post => self.inner.digid.post.as_ref(),
        }
    }

    /// Each certificate this floor lives by and its last moment, ours and DigiD's, for `namens doctor`.
    pub fn certificates(&self) -> impl Iterator<Item = (&'static str, Timestamp)> {
        let signing = instant(self.inner.signer.pair().certificate().not_after()).ok();
        let routing = self.inner.routing.as_ref();
        let encryption = routing.and_then(|routing| instant(routing.pair().certificate().not_after()).ok());
        let tls = Some(self.inner.tls_not_after);
        let ours = [("SAML signing", signing), ("SAML encryption", encryption), ("TLS client", tls)];
        let digid = self.inner.digid.certificates.iter().map(|c| ("DigiD signing", c.not_after));
        ours.into_iter().filter_map(|(what, end)| Some((what, end?))).chain(digid)
    }
}

impl fmt::Debug for ServiceProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceProvider").field("entity_id", &self.inner.entity_id).finish_non_exhaustive()
    }
}

/// Names stand in XML and are compared as they are, so spaces at the ends or control characters could only do
/// harm.
fn check_name(name: &'static str, value: &str) -> Result<(), SettingsError> {
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

/// What ST-SAML 1.0 wants of us, *AuthnRequest* and *DV Metadata*.
fn check_routing(
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
    check_name("the encryption key name", &service.key_name)?;
    let providers = service.providers.iter();
    providers.flat_map(|p| [&p.login, &p.representation]).try_for_each(|id| check_name("a provider", id))
}

/// Where a browser is sent: TLS, except to a machine's own loopback address, for development.
pub(super) fn check_url(name: &'static str, url: &Url) -> Result<(), SettingsError> {
    let safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url));
    if safe && url.fragment().is_none() {
        Ok(())
    } else {
        Err(SettingsError::Value { name, problem: "must be an https URL" })
    }
}
