//! DigiD 3.x as an identity provider (Logius, *Koppelvlakspecificatie DigiD SAML 3.7*), for one service provider; or the
//! routing service before it (ST-SAML 1.0).
//!
//! | file | what it does |
//! |---|---|
//! | [`sso`] | the front channel: takes the AuthnRequest, asks who you are, sends the artifact |
//! | [`soap`] | the back channel: resolves the artifact, over [`mtls`] |
//! | [`registry`], [`request`], [`verify`] | who asks, what they ask, and whether it is really them |
//! | [`answer`], [`message`], [`sign`] | the answer, in canonical XML, signed |
//! | [`single_logout`], [`single_logout_spoil`] | single logout, both ways, and the ways to spoil a request |
//! | [`routing`] | what the routing service asks and says in another way |
//! | [`spoil`], [`bend`], [`wrap`] | the ways to spoil it |
//! | [`artifacts`], [`names`], [`xml`] | what they are made of |

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum_server::Handle;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use tokio::sync::OnceCell;

use super::clock;
use super::pki::{Pair, Pki};
use super::{Running, SimulatorError, loopback_url, prepare, serve_plain};
use answer::Sender;
use artifacts::Artifacts;
use names::Level;
use registry::{ServiceProvider, SpMetadata};
use request::AuthnRequest;
use routing::{Routing, Service};
use sign::SigningKey;

pub mod answer;
pub mod artifacts;
pub mod bend;
pub mod message;
pub mod metadata;
pub mod mtls;
pub mod names;
pub mod registry;
pub mod request;
pub mod routing;
pub mod sign;
pub mod single_logout;
pub mod single_logout_spoil;
pub mod soap;
pub mod spoil;
pub mod sso;
#[cfg(test)]
mod tests;
pub mod verify;
pub mod wrap;
pub mod xml;

/// A body larger than this is no SAML message.
const MAX_BODY: usize = 128 * 1024;
/// How long a login page may stay open.
const LOGIN_LIFE: TimeDelta = TimeDelta::minutes(15);
/// Login pages open at once; the oldest go first.
const MAX_LOGINS: usize = 1_000;
/// Reasons of refusals kept for `/calls`.
const MAX_REFUSALS: usize = 50;

/// Somebody that the login page offers.
#[derive(Clone)]
pub struct Person {
    /// The name on the button.
    pub name: String,
    /// The BSN in the assertion.
    pub bsn: String,
    /// The level reached unless another is chosen.
    pub level: Level,
}

/// How DigiD is set up.
#[derive(Clone)]
pub struct Config {
    /// DigiD's entityID.
    pub entity_id: String,
    /// Where browsers reach the front channel: `http://127.0.0.1:PORT`, without a slash at the end.
    pub base_url: String,
    /// Keys and certificates.
    pub pki: Pki,
    /// The one service provider.
    pub sp: SpMetadata,
    /// Whom the login page offers.
    pub people: Vec<Person>,
}

/// What was received, for tests that prove what was *not* sent.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Calls {
    /// Requests at `/sso`.
    pub sso: u64,
    /// Requests at `/soap`.
    pub soap: u64,
    /// Requests at `/slo`.
    pub slo: u64,
    /// Requests at `/trap`, where nobody should ever come.
    pub trap: u64,
    /// Why messages were refused or denied, oldest first.
    pub refusals: Vec<String>,
}

/// All that DigiD remembers.
struct DigiD {
    config: Config,
    service: Option<Service>,
    /// Before and after its rollover.
    senders: [Sender; 2],
    rolled_over: AtomicBool,
    /// Seconds that the back channel waits before each answer.
    pause: AtomicU64,
    /// How many seconds its clock is ahead.
    ahead: AtomicI64,
    soap_url: String,
    sp: OnceCell<Arc<ServiceProvider>>,
    logins: Mutex<HashMap<String, (DateTime<Utc>, AuthnRequest)>>,
    artifacts: Artifacts,
    sessions: Mutex<Vec<single_logout::Session>>,
    last_assertion: Mutex<Option<String>>,
    calls: Mutex<Calls>,
}

/// Starts DigiD: browsers come to `front`, the service provider's back channel to `back`. Within a tokio runtime.
pub fn start(config: Config, front: TcpListener, back: TcpListener) -> Result<Running, SimulatorError> {
    start_as(config, None, front, back)
}

/// Starts the routing service in DigiD's place. The party behind it signs with the key of DigiD's TLS.
pub fn start_routing(
    config: Config,
    service: Service,
    front: TcpListener,
    back: TcpListener,
) -> Result<Running, SimulatorError> {
    start_as(config, Some(service), front, back)
}

fn start_as(
    config: Config,
    service: Option<Service>,
    front: TcpListener,
    back: TcpListener,
) -> Result<Running, SimulatorError> {
    let base = loopback_url(&config.base_url)?;
    if let SpMetadata::Url(url) = &config.sp {
        loopback_url(url.as_str())?;
    }
    prepare(&back)?;
    let address = back.local_addr().map_err(SimulatorError::io("asking the back channel for its address"))?;
    let acceptor = mtls::RegisteredOnly::new(&config.pki)?;
    let routing = match &service {
        None => None,
        Some(service) => Some(Routing {
            uuid: service.uuid.clone(),
            login: service.login.clone(),
            login_key: signing_key(&config.pki.digid_tls)?,
        }),
    };
    let before = Sender {
        routing,
        entity_id: config.entity_id.clone(),
        key: signing_key(&config.pki.digid_saml)?,
        attacker: signing_key(&config.pki.wrong_tls)?,
        trap: format!("{}/trap", config.base_url),
    };
    let after = Sender { key: signing_key(&config.pki.digid_saml_next)?, ..before.clone() };
    let digid = Arc::new(DigiD {
        service,
        senders: [before, after],
        rolled_over: AtomicBool::new(false),
        pause: AtomicU64::new(0),
        ahead: AtomicI64::new(0),
        soap_url: format!("https://{address}/soap"),
        sp: OnceCell::new(),
        logins: Mutex::default(),
        artifacts: Artifacts::default(),
        sessions: Mutex::default(),
        last_assertion: Mutex::default(),
        calls: Mutex::default(),
        config,
    });
    let front_routes = Router::new()
        .route("/metadata", get(metadata::show))
        .route("/sso", get(sso::by_redirect).post(sso::by_post))
        .route("/login", post(sso::login))
        .route("/slo", post(single_logout::by_post))
        .route("/logout", post(single_logout::send))
        .route("/calls", get(sso::calls))
        .route("/rollover", post(metadata::rollover))
        .route("/pause", post(soap::pause))
        .route("/clock", post(soap::clock))
        .route("/trap", get(sso::trap).post(sso::trap))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::clone(&digid));
    let back_routes = Router::new()
        .route("/soap", post(soap::resolve))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(digid);
    tracing::info!(front = %base, back = %address, "the DigiD simulator is running");

    let front = serve_plain(front, front_routes)?;
    let handle = Handle::new();
    let server = axum_server::from_tcp(back)
        .map_err(SimulatorError::io("taking over the back channel"))?
        .acceptor(acceptor)
        .handle(handle.clone());
    let service = back_routes.into_make_service_with_connect_info::<SocketAddr>();
    Ok(front.and(Running { servers: vec![(handle, tokio::spawn(server.serve(service)))] }))
}

impl DigiD {
    /// This moment, by its own clock.
    fn now(&self) -> DateTime<Utc> {
        let ahead = TimeDelta::try_seconds(self.ahead.load(Ordering::Relaxed));
        clock::now() + ahead.unwrap_or_default()
    }

    /// Who answers now.
    fn sender(&self) -> &Sender {
        let [before, after] = &self.senders;
        if self.rolled_over.load(Ordering::Relaxed) { after } else { before }
    }

    /// The service provider; its metadata is fetched and checked once, and again only when that failed.
    async fn sp(&self) -> Result<Arc<ServiceProvider>, String> {
        let known = self.sp.get_or_try_init(|| async {
            let text = match &self.config.sp {
                SpMetadata::Text(text) => text.clone(),
                SpMetadata::Url(url) => fetch(url.as_str()).await.map_err(|e| format!("{url}: {e}"))?,
            };
            let routing = self.service.is_some();
            blocking(move || ServiceProvider::read(&text, routing)).await.map(Arc::new)
        });
        known.await.cloned().map_err(|e| format!("the service provider's metadata is refused: {e}"))
    }

    /// Opens a login page for a request, under a new ticket.
    fn open_login(&self, request: AuthnRequest, now: DateTime<Utc>) -> Result<String, String> {
        let ticket = super::random_hex(16).map_err(|e| e.to_string())?;
        let mut logins = held(&self.logins);
        logins.retain(|_, (opened, _)| now - *opened <= LOGIN_LIFE);
        if logins.len() >= MAX_LOGINS {
            let oldest =
                logins.iter().min_by_key(|(_, (opened, _))| *opened).map(|(ticket, _)| ticket.clone());
            oldest.and_then(|ticket| logins.remove(&ticket));
        }
        logins.insert(ticket.clone(), (now, request));
        Ok(ticket)
    }

    fn note_refusal(&self, reason: &str) {
        tracing::warn!(reason, "the DigiD simulator refuses");
        let mut calls = held(&self.calls);
        if calls.refusals.len() >= MAX_REFUSALS {
            calls.refusals.remove(0);
        }
        calls.refusals.push(reason.to_owned());
    }
}

/// Locks, also after a panic elsewhere: what is kept is whole at every moment.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs work that costs the processor some milliseconds, or that libxml2 does, off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|e| e.to_string())?
}

async fn fetch(url: &str) -> Result<String, reqwest::Error> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .build()?;
    client.get(url).send().await?.error_for_status()?.text().await
}

fn signing_key(pair: &Pair) -> Result<SigningKey, SimulatorError> {
    let read =
        |path: &Path| std::fs::read(path).map_err(SimulatorError::io(format!("reading {}", path.display())));
    SigningKey::from_pem(&read(&pair.key)?, &read(&pair.certificate)?)
        .map_err(SimulatorError::crypto(format!("reading {}", pair.key.display())))
}
