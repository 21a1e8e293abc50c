//! The keys that clients tell at an address of theirs (`jwks_uri`; OpenID Connect Core, section 10.1.1): asked for when they are
//! needed, and never so often that a stranger could make us call a portal without end. `docs/adr/0021`.

use std::{
    collections::HashMap,
    future::Future,
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Semaphore;
use url::Url;

use super::App;
use crate::{
    domain::{
        client::{Client, Keys},
        jwk::{BadJwk, JwkSet},
        mtls::Certificate,
        time::Timestamp,
    },
    oidc::{jwt::named_key, mtls::has_key_of},
    outbound::{NotCalled, Outbound},
};

/// What is asked for (RFC 7517 section 8.5.2); many serve it as plain JSON.
const MEDIA: &str = "application/jwk-set+json, application/json";
/// For how long a set is fresh that does not say so itself, in seconds.
const LIFE: i64 = 600;
/// The least and the most that one may say (`max-age`, RFC 9111 section 5.2.2.1), in seconds.
const MAY_LIVE: RangeInclusive<i64> = 60..=3600;
/// For how much longer it is used while no newer one can be had, in seconds.
const STALE: i64 = 3600;
/// How long after an attempt the next may follow while there are keys to use, in seconds.
const AGAIN: i64 = 60;
/// The same while there are none.
const RETRY: i64 = 10;
/// How many sets are kept.
const MOST: usize = 1024;
/// How many are asked for at once.
const AT_ONCE: usize = 64;

/// A set as it was told, and for how many seconds it is fresh.
#[derive(Debug)]
pub struct Told {
    /// The set.
    pub keys: JwkSet,
    /// How long it may be used without asking again.
    pub life: i64,
}

/// Why a client's keys cannot be had, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum NotTold {
    /// Not what a client may have.
    #[error("it is no URL")]
    Url,
    /// No answer.
    #[error(transparent)]
    NotCalled(#[from] NotCalled),
    /// Another answer than the document; a redirect is one.
    #[error("it answers with status {0}, and must answer with 200 and the set itself")]
    Status(u16),
    /// Not JSON.
    #[error("it answers with something that is no JSON")]
    NotJson,
    /// JSON, but nothing that can be used.
    #[error("its key set is of no use: {0}")]
    Bad(#[from] BadJwk),
}

/// Asks for the keys at `uri`, once.
pub async fn ask(outbound: Outbound, uri: String) -> Result<Told, NotTold> {
    let url: Url = uri.parse().map_err(|_| NotTold::Url)?;
    let answer = outbound.get(&url, MEDIA).await?;
    if answer.status != 200 {
        return Err(NotTold::Status(answer.status.as_u16()));
    }
    let set = serde_json::from_slice(&answer.body).map_err(|_| NotTold::NotJson)?;
    let life = answer.cache_control.as_deref().map_or(LIFE, life);
    Ok(Told { keys: JwkSet::read(&set)?, life })
}

/// How long `Cache-Control` lets a set be fresh, within what we allow.
fn life(cache_control: &str) -> i64 {
    let directives = || cache_control.split(',').map(|one| one.trim().to_ascii_lowercase());
    let said = if directives().any(|one| one == "no-store" || one == "no-cache") {
        Some(0)
    } else {
        directives().find_map(|one| one.strip_prefix("max-age=")?.trim_matches('"').parse().ok())
    };
    said.map_or(LIFE, |seconds: i64| seconds.clamp(*MAY_LIVE.start(), *MAY_LIVE.end()))
}

/// Which of a client's keys is wanted.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// The one that this JWT says signed it.
    SignerOf(&'a str),
    /// That of this certificate.
    KeyOf(&'a Certificate),
    /// Whichever there are: nothing says which.
    Any,
}

impl Wanted<'_> {
    /// Whether it is in a set, as far as can be said. A JWT that names no key may be signed by each.
    fn is_in(self, set: &JwkSet) -> bool {
        match self {
            Self::SignerOf(token) => named_key(token).is_none_or(|kid| set.knows(&kid)),
            Self::KeyOf(certificate) => has_key_of(certificate, set),
            Self::Any => true,
        }
    }
}

/// Whose keys are wanted.
struct Whose<'a> {
    /// The client, for the log.
    client: &'a str,
    /// Where it tells them.
    uri: &'a str,
    /// Which of them.
    wanted: Wanted<'a>,
}

/// What is known of one address.
#[derive(Default)]
struct Facts {
    kept: Option<Kept>,
    /// When it was last asked.
    asked: Option<Timestamp>,
    /// When it was last asked only because no fresh key was the one that was wanted: names of keys, and certificates, anybody can
    /// make up.
    asked_for_another: Option<Timestamp>,
}

struct Kept {
    keys: Arc<JwkSet>,
    fresh_until: Timestamp,
}

/// What to do for somebody who wants keys.
enum Next {
    Use(Arc<JwkSet>),
    Ask,
    Nothing,
}

impl Facts {
    fn next(&self, wanted: Wanted<'_>, now: Timestamp) -> Next {
        // A request that began a little earlier may come later; a clock that was set back far stops nothing.
        let due = |last: Option<Timestamp>, pause| {
            last.is_none_or(|last| !(-AGAIN..pause).contains(&now.since(last)))
        };
        match &self.kept {
            Some(kept) if now < kept.fresh_until.plus(STALE) => {
                let ask = if self.is_fresh(now) {
                    due(self.asked_for_another, AGAIN) && !wanted.is_in(&kept.keys)
                } else {
                    due(self.asked, AGAIN)
                };
                if ask { Next::Ask } else { Next::Use(kept.keys.clone()) }
            }
            _ if due(self.asked, RETRY) => Next::Ask,
            _ => Next::Nothing,
        }
    }

    /// What is kept, while it counts.
    fn usable(&self, now: Timestamp) -> Option<Arc<JwkSet>> {
        let kept = self.kept.as_ref().filter(|kept| now < kept.fresh_until.plus(STALE));
        kept.map(|kept| kept.keys.clone())
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.kept.as_ref().is_some_and(|kept| now < kept.fresh_until)
    }

    /// Notes that it is asked now, for the reason that [`Facts::next`] found.
    fn note(&mut self, now: Timestamp) {
        if self.is_fresh(now) {
            self.asked_for_another = Some(now);
        }
        self.asked = Some(now);
    }
}

/// One address. Whoever asks it holds the turn; others wait for what comes of that.
#[derive(Default)]
struct Place {
    facts: Mutex<Facts>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Place {
    fn with<T>(&self, what: impl FnOnce(&mut Facts) -> T) -> T {
        what(&mut self.facts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn next(&self, wanted: Wanted<'_>, now: Timestamp) -> Next {
        self.with(|facts| facts.next(wanted, now))
    }
}

/// The keys of all clients that tell them at an address, as far as they were needed. In memory only.
pub struct ClientKeys {
    places: Mutex<HashMap<String, Arc<Place>>>,
    calls: Arc<Semaphore>,
}

impl Default for ClientKeys {
    fn default() -> Self {
        Self { places: Mutex::default(), calls: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl ClientKeys {
    /// The keys at an address: those that are kept, or those that `ask` brings, which is done only where it is time to. `None` when
    /// there are none; the operator has a line in the log.
    async fn get(
        &self,
        whose: &Whose<'_>,
        ask: impl Future<Output = Result<Told, NotTold>> + Send + 'static,
        now: Timestamp,
    ) -> Option<Arc<JwkSet>> {
        let place = self.place(whose.uri, now)?;
        if let Next::Use(keys) = place.next(whose.wanted, now) {
            return Some(keys);
        }
        let turn = place.turn.clone().lock_owned().await;
        // Somebody else may have asked meanwhile.
        match place.next(whose.wanted, now) {
            Next::Use(keys) => return Some(keys),
            Next::Nothing => return None,
            Next::Ask => {}
        }
        let Ok(call) = self.calls.clone().try_acquire_owned() else {
            tracing::warn!("the keys of too many clients are asked for at once");
            return place.with(|facts| facts.usable(now));
        };
        place.with(|facts| facts.note(now));
        let (here, client, uri) = (place.clone(), whose.client.to_owned(), whose.uri.to_owned());
        // A task of its own: whoever hangs up must not keep the next from learning.
        let asked = tokio::spawn(async move {
            let (_turn, _call) = (turn, call);
            match ask.await {
                Ok(told) => here.with(|facts| {
                    let fresh_until = now.plus(told.life);
                    facts.kept = Some(Kept { keys: Arc::new(told.keys), fresh_until });
                }),
                Err(why) => tracing::warn!(client, uri, %why, "the keys of a client cannot be had"),
            }
        });
        if let Err(error) = asked.await {
            tracing::error!(%error, "asking for the keys of a client failed");
        }
        // A name that is not among them is for the signature to fail on: keys may have none.
        place.with(|facts| facts.usable(now))
    }

    /// What is kept of an address. Where there is no room, what was asked longest ago goes, but nothing that was asked within a
    /// minute: that would be forgetting not to ask again.
    fn place(&self, uri: &str, now: Timestamp) -> Option<Arc<Place>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(uri) {
            return Some(place.clone());
        }
        if places.len() >= MOST {
            let asked =
                places.iter().filter_map(|(uri, place)| Some((place.with(|facts| facts.asked)?, uri)));
            let old = asked.filter(|(asked, _)| now.since(*asked) >= AGAIN);
            let Some(oldest) = old.min().map(|(_, uri)| uri.clone()) else {
                tracing::warn!(uri, "there is no room for the keys of another client");
                return None;
            };
            places.remove(&oldest);
        }
        Some(places.entry(uri.to_owned()).or_default().clone())
    }
}

impl App {
    /// `client` with the keys that it has now, where it tells them at an address: fresh enough to know the one that is wanted.
    /// Without any where they cannot be had.
    pub async fn with_keys(&self, client: Client, wanted: Wanted<'_>, now: Timestamp) -> Client {
        let Keys::At { uri, .. } = &client.keys else { return client };
        let whose = Whose { client: &client.id, uri, wanted };
        let told = self.client_keys.get(&whose, ask(self.outbound.clone(), uri.clone()), now).await;
        Client { keys: Keys::At { uri: uri.clone(), told }, ..client }
    }
}

#[cfg(test)]
mod tests;
