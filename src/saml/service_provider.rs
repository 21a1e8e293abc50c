//! The service provider that settings make, once: parsed and checked whole, or refused.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use reqwest::Client;
use url::Url;

use super::identity_provider::{self, IdentityProvider, Needs, Trust};
use super::keys::{KeyPair, TrustedCertificate};
use super::routing::Routing;
use super::settings::{
    Given, Interface, NamedPem, Pem, Settings, SettingsError, check_distinct, check_name, check_routing,
    check_url,
};
use super::signer::Signer;
use super::single_logout::Logout;
use super::succession::Succession;
use super::{Failure, artifact, inventory, libxmlsec, metadata};
use crate::config::digid::Binding;
use crate::domain::finding::Report;
use crate::domain::time::Timestamp;
use crate::lane::{Lane, Turn, Turns};

/// How many pieces of RSA and XML work may wait. At about two milliseconds each, the last waits half a second on one
/// core.
const WAITING: usize = 256;

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
    /// All that it rests on.
    pub(super) parts: Vec<inventory::Part>,
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
    /// Who comes back from DigiD works by turns.
    returns: Turns,
}

/// How we reach DigiD's back channel, and what we show there.
pub(super) struct TlsClient {
    pub(super) client: Client,
    pub(super) pair: KeyPair,
}

impl ServiceProvider {
    /// Parses and checks everything once, and closes libxmlsec's holes.
    pub fn new(settings: &Settings, now: Timestamp) -> Result<Self, SettingsError> {
        let all = Lane::new(WAITING);
        Self::within(Lanes { strangers: all.half(), all, returns: Turns::new() }, settings, now)
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
        let pinned = TrustedCertificate::all_from_pem(&settings.metadata_certificates)?;
        let needs = Needs { binding: settings.binding, single_logout: settings.logout_url.is_some() };
        let trust = Trust { entity_id: &settings.metadata_entity_id, pinned: &pinned, needs };
        let digid = identity_provider::read(&settings.digid_metadata, &trust, now)?;
        let logout = settings.logout_url.clone().and_then(|ours| Logout::new(ours, &digid));
        let (signers, clients) = (signers(settings)?, clients(settings)?);
        let metadata = ours(settings, &signers, &clients, routing.as_ref())?;
        let own = inventory::Own { signers: &signers, clients: &clients, routing: routing.as_ref() };
        let parts = inventory::list(settings, &own, &digid, &pinned);
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
            parts,
            metadata,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Waits until somebody who comes back from DigiD may be served, see [`Self::resolve`]. A whole crowd may come back in one
    /// instant, as after a stand-still at DigiD.
    pub async fn turn(&self) -> Turn {
        self.inner.lanes.returns.turn().await
    }

    /// The lane of what anybody can ask for.
    #[cfg(test)]
    pub(crate) fn strangers(&self) -> &Lane {
        &self.inner.lanes.strangers
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
}

/// Says everything that is wrong with metadata of DigiD, and what its dates mean, without anything else of the settings.
/// `pem` holds the certificates one of which it must be signed with.
pub fn check_metadata(
    metadata: &[u8],
    entity_id: &str,
    pem: &Given,
    needs: Needs,
    report: &mut Report,
    now: Timestamp,
) -> Result<(), SettingsError> {
    libxmlsec::harden();
    let pinned = TrustedCertificate::all_from_pem(pem)?;
    identity_provider::inspect(metadata, &Trust { entity_id, pinned: &pinned, needs }, report, now);
    Ok(())
}

fn signers(settings: &Settings) -> Result<Succession<Signer>, SettingsError> {
    let signer = |named: &NamedPem| {
        check_name("a key name", &named.name)?;
        Ok(Signer::new(KeyPair::from_pem(&named.pem)?, named.name.clone()))
    };
    let all = [&settings.signing].into_iter().chain(settings.next_signing.iter().map(|(_, named)| named));
    check_distinct(all)?;
    let next = settings.next_signing.iter();
    let next = next.map(|(from, named)| Ok((*from, signer(named)?)));
    let next = next.collect::<Result<_, SettingsError>>()?;
    Succession::new("[[digid.next_signing]]", signer(&settings.signing)?, next)
}

fn clients(settings: &Settings) -> Result<Succession<TlsClient>, SettingsError> {
    let client = |pem: &Pem| {
        let pair = KeyPair::from_pem(pem)?;
        Ok(TlsClient { client: artifact::client(&settings.ca_roots, pem)?, pair })
    };
    let next = settings.next_tls.iter().map(|(from, pem)| Ok((*from, client(pem)?)));
    let next = next.collect::<Result<_, SettingsError>>()?;
    Succession::new("[[digid.next_tls]]", client(&settings.tls)?, next)
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
        let at = &settings.signing.pem.key.at;
        metadata::write(&ours)
            .map_err(|_| SettingsError::Refused { what: "the SAML signature", at: at.clone() })
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
