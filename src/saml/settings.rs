//! What the operator gives us to be a service provider of DigiD, parsed once and refused at start when it
//! cannot work.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use reqwest::Client;
use url::Url;
use zeroize::Zeroizing;

use super::identity_provider::{self, IdentityProvider, Needs, Trust};
use super::keys::{KeyPair, TrustedCertificate};
use super::routing::Routing;
use super::signer::Signer;
use super::single_logout::Logout;
use super::succession::Succession;
use super::{Failure, artifact, expiry, libxmlsec, metadata};
use crate::config::digid::Binding;
use crate::domain::client::is_loopback;
use crate::domain::finding::Report;
use crate::domain::time::Timestamp;
use crate::lane::Lane;

/// How many pieces of RSA and XML work may wait. At about two milliseconds each, the last waits half a second on one
/// core.
const WAITING: usize = 256;

/// An RSA key of at least 2048 bits without pass phrase and its certificate, both PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem {
    /// The private key.
    pub key: Zeroizing<String>,
    /// The certificate; after it, where others must be able to build a chain, its intermediates.
    pub certificate: String,
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
    RoutingService(RoutingService),
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
    pub ca_roots: String,
    /// DigiD's metadata as received from Logius, XML.
    pub digid_metadata: String,
    /// Whose metadata that must be.
    pub metadata_entity_id: String,
    /// The certificates one of which it must be signed with, PEM.
    pub metadata_certificates: String,
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
    /// DigiD's metadata is not to be used.
    #[error("DigiD's metadata: {first}{}", more_of(*more))]
    Metadata {
        /// What is wrong with it, and what to do.
        first: String,
        /// How much more is wrong.
        more: usize,
    },
    /// TLS or the signature library refused what each part seemed good for.
    #[error("cannot set up {0} with these keys and certificates")]
    Refused(&'static str),
}

fn more_of(more: usize) -> String {
    match more {
        0 => String::new(),
        more => format!(". {more} more: run `namens digid check` with the file"),
    }
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
    pub(super) signers: Succession<Signer>,
    pub(super) digid: IdentityProvider,
    pub(super) clients: Succession<TlsClient>,
    pub(super) lanes: Lanes,
    pinned: Vec<TrustedCertificate>,
    metadata: Succession<String>,
}

impl Inner {
    /// Refuses to go on with metadata that has ended while we ran (SAML 2.0 metadata, section 2.3.2).
    pub(super) fn check_metadata_counts(&self, now: Timestamp) -> Result<(), Failure> {
        let ended = Failure::Broken("DigiD's metadata has ended: replace the file, see `namens doctor`");
        if self.digid.counts_at(now) { Ok(()) } else { Err(ended) }
    }
}

/// The bounds on XML and signatures.
#[derive(Clone)]
pub(super) struct Lanes {
    /// For what DigiD answers about somebody who logs in.
    pub(super) all: Lane,
    /// Half of it, for what anybody can ask for: to leave for DigiD, and to be read as if they were DigiD.
    pub(super) strangers: Lane,
}

/// How we reach DigiD's back channel, and what we show there.
pub(super) struct TlsClient {
    pub(super) client: Client,
    pair: KeyPair,
}

impl ServiceProvider {
    /// Parses and checks everything once, and closes libxmlsec's holes.
    pub fn new(settings: &Settings, now: Timestamp) -> Result<Self, SettingsError> {
        let all = Lane::new(WAITING);
        Self::within(Lanes { strangers: all.half(), all }, settings, now)
    }

    /// The same with other settings, within the same bounds: work that the older one began still counts.
    pub fn renewed(&self, settings: &Settings, now: Timestamp) -> Result<Self, SettingsError> {
        Self::within(self.inner.lanes.clone(), settings, now)
    }

    fn within(lanes: Lanes, settings: &Settings, now: Timestamp) -> Result<Self, SettingsError> {
        libxmlsec::harden();
        check_name("the entity id", &settings.entity_id)?;
        check_url("the assertion consumer service URL", &settings.acs_url)?;
        let routing = match &settings.interface {
            Interface::Digid3 => None,
            Interface::RoutingService(service) => {
                check_routing(settings.binding, settings.acs_index, service)?;
                Some(Routing::new(service)?)
            }
        };
        let pinned = pinned(&settings.metadata_certificates)?;
        let needs = Needs { binding: settings.binding, single_logout: settings.logout_url.is_some() };
        let trust = Trust { entity_id: &settings.metadata_entity_id, pinned: &pinned, needs };
        let digid = identity_provider::read(&settings.digid_metadata, &trust, now)?;
        let logout = settings.logout_url.clone().and_then(|ours| Logout::new(ours, &digid));
        let (signers, clients) = (signers(settings)?, clients(settings)?);
        let metadata = ours(settings, &signers, &clients, routing.as_ref())?;
        let inner = Inner {
            entity_id: settings.entity_id.clone(),
            acs_url: settings.acs_url.clone(),
            acs_index: settings.acs_index,
            binding: settings.binding,
            routing,
            logout,
            signers,
            digid,
            clients,
            lanes,
            pinned,
            metadata,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Our metadata, signed, to hand to Logius: the keys whose turn it is at `now` and those that wait. The same text on
    /// every node and after every restart.
    pub fn metadata(&self, now: Timestamp) -> &str {
        self.inner.metadata.at(now)
    }

    /// Where a browser is sent to log in, for the policy of the page that sends it there.
    pub fn login_address(&self) -> Option<&Url> {
        match self.inner.binding {
            Binding::Redirect => self.inner.digid.redirect.as_ref(),
            Binding::Post => self.inner.digid.post.as_ref(),
        }
    }

    /// What the dates of all certificates mean, ours and DigiD's, and those of its metadata, for `namens doctor` and the
    /// log.
    pub fn dates(&self, report: &mut Report, now: Timestamp) {
        let inner = &self.inner;
        expiry::ours(report, "SAML signing", inner.signers.turns(), |signer| signer.pair().dates(), now);
        if let Some(routing) = &inner.routing {
            routing.dates(report, now);
        }
        expiry::ours(report, "TLS client", inner.clients.turns(), |client| client.pair.dates(), now);
        expiry::digid(report, &inner.digid.certificates, inner.digid.valid_until, now);
        expiry::pinned(report, &inner.pinned, now);
    }
}

/// Says everything that is wrong with metadata of DigiD, and what its dates mean, without anything else of the settings.
/// `pem` holds the certificates one of which it must be signed with.
pub fn check_metadata(
    metadata: &[u8],
    entity_id: &str,
    pem: &str,
    needs: Needs,
    report: &mut Report,
    now: Timestamp,
) -> Result<(), SettingsError> {
    libxmlsec::harden();
    let pinned = pinned(pem)?;
    identity_provider::inspect(metadata, &Trust { entity_id, pinned: &pinned, needs }, report, now);
    Ok(())
}

fn pinned(pem: &str) -> Result<Vec<TrustedCertificate>, SettingsError> {
    TrustedCertificate::all_from_pem("DigiD metadata", pem)
}

fn signers(settings: &Settings) -> Result<Succession<Signer>, SettingsError> {
    let signer = |what, named: &NamedPem| {
        check_name("a key name", &named.name)?;
        Ok(Signer::new(KeyPair::from_pem(what, &named.pem)?, named.name.clone()))
    };
    let all = [&settings.signing].into_iter().chain(settings.next_signing.iter().map(|(_, named)| named));
    check_distinct(all)?;
    let next = settings.next_signing.iter();
    let next = next.map(|(from, named)| Ok((*from, signer("next SAML signing", named)?)));
    let next = next.collect::<Result<_, SettingsError>>()?;
    Succession::new("[[digid.next_signing]]", signer("SAML signing", &settings.signing)?, next)
}

fn clients(settings: &Settings) -> Result<Succession<TlsClient>, SettingsError> {
    let client = |what, pem| {
        let pair = KeyPair::from_pem(what, pem)?;
        Ok(TlsClient { client: artifact::client(&settings.ca_roots, pem)?, pair })
    };
    let next = settings.next_tls.iter().map(|(from, pem)| Ok((*from, client("next TLS client", pem)?)));
    let next = next.collect::<Result<_, SettingsError>>()?;
    Succession::new("[[digid.next_tls]]", client("TLS client", &settings.tls)?, next)
}

/// Our metadata from the beginning, and from every moment at which a key takes over.
fn ours(
    settings: &Settings,
    signers: &Succession<Signer>,
    clients: &Succession<TlsClient>,
    routing: Option<&Routing>,
) -> Result<Succession<String>, SettingsError> {
    let write = |now| {
        let signers: Vec<&Signer> = signers.current_and_next(now).collect();
        let tls: Vec<&KeyPair> = clients.current_and_next(now).map(|client| &client.pair).collect();
        let ours = metadata::Ours {
            entity_id: &settings.entity_id,
            acs: &settings.acs_url,
            index: settings.acs_index,
            logout: settings.logout_url.as_ref(),
            signers: &signers,
            routing: routing.map(|routing| (routing, tls.as_slice())),
        };
        metadata::write(&ours).map_err(|_| SettingsError::Refused("the SAML signature"))
    };
    let moments: BTreeSet<Timestamp> = signers.moments().chain(clients.moments()).collect();
    let later = moments.into_iter().map(|from| Ok((from, write(from)?)));
    let later = later.collect::<Result<Vec<_>, SettingsError>>()?;
    Ok(Succession::of(write(Timestamp::from_epoch(i64::MIN))?, later))
}

impl fmt::Debug for ServiceProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceProvider").field("entity_id", &self.inner.entity_id).finish_non_exhaustive()
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
    let providers = service.providers.iter();
    providers.flat_map(|p| [&p.login, &p.representation]).try_for_each(|id| check_name("a provider", id))
}

fn check_url(name: &'static str, url: &Url) -> Result<(), SettingsError> {
    if is_safe(url) { Ok(()) } else { Err(SettingsError::Value { name, problem: "must be an https URL" }) }
}

/// Where a browser may be sent: TLS, except to a machine's own loopback address, for development.
pub(super) fn is_safe(url: &Url) -> bool {
    let safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url));
    safe && url.fragment().is_none()
}
