//! A healthcare portal: a relying party on the `openidconnect` crate, which shows what it was told.
//!
//! [`client`] speaks OpenID Connect, [`visits`] remembers browsers; here are the pages.

use std::net::TcpListener;
use std::sync::Arc;

use askama::Template;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::map_response_with_state;
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use super::{Running, SimulatorError, clock, loopback_url, random_hex, serve_plain};
use client::{Login, OidcError, Provider};
use visits::Visits;

pub mod client;
#[cfg(test)]
mod tests;
pub mod visits;

/// Parameters of `/login` that go to the provider as they are.
const PASSED_ON: [&str; 5] = ["prompt", "acr_values", "max_age", "ui_locales", "act_as"];

/// How the portal is set up.
#[derive(Clone)]
pub struct Config {
    /// The name on the page.
    pub name: String,
    /// The provider.
    pub issuer: String,
    /// The portal's client id at the provider.
    pub client_id: String,
    /// Its secret, sent as `client_secret_basic`; none for a public client.
    pub client_secret: Option<String>,
    /// Where browsers reach the portal: `http://127.0.0.1:PORT`, without a slash at the end. Register
    /// `/callback` under it as redirect URI and `/logged-out` as post-logout redirect URI.
    pub base_url: String,
}

struct Portal {
    config: Config,
    http: reqwest::Client,
    visits: Visits,
}

#[derive(Template, Default)]
#[template(path = "simulator/portal.html")]
struct Page<'a> {
    name: &'a str,
    claims: Option<String>,
    userinfo: Option<String>,
    can_refresh: bool,
    logged_out: bool,
    error: Option<&'a str>,
}

/// Why there is a page with an error.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Oidc(#[from] OidcError),
    #[error(transparent)]
    Random(#[from] openssl::error::ErrorStack),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("{error}: {description}")]
    Provider { error: String, description: String },
    #[error("u bent niet ingelogd")]
    NotLoggedIn,
    #[error("dit antwoord hoort niet bij een verzoek van deze browser (state)")]
    UnknownState,
    #[error("dit antwoord komt van een andere aanbieder (iss)")]
    OtherIssuer,
    #[error("er is geen code")]
    NoCode,
}

/// Starts the portal. Within a tokio runtime.
pub fn start(config: Config, listener: TcpListener) -> Result<Running, SimulatorError> {
    loopback_url(&config.issuer)?;
    let base = loopback_url(&config.base_url)?;
    let http = client::http_client().map_err(|e| SimulatorError::Tls(e.to_string()))?;
    let visits = Visits::new(base.port_or_known_default().unwrap_or_default());
    let portal = Arc::new(Portal { config, http, visits });
    let router = Router::new()
        .route("/", get(home))
        .route("/login", get(login))
        .route("/callback", get(callback))
        .route("/token.json", get(token))
        .route("/refresh", post(refresh))
        .route("/logout", post(logout))
        .route("/logged-out", get(logged_out))
        .layer(map_response_with_state(Arc::clone(&portal), named))
        .layer(DefaultBodyLimit::max(16 * 1024))
        .with_state(portal);
    tracing::info!(base = %base, "the portal simulator is running");
    serve_plain(listener, router)
}

impl Page<'_> {
    fn show(&self, status: StatusCode) -> Response {
        match self.render() {
            Ok(html) => (status, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response(),
            Err(e) => (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()).into_response(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = StatusCode::BAD_REQUEST.into_response();
        response.extensions_mut().insert(Told(self.to_string()));
        response
    }
}

/// What a [`Problem`] says, on its way to [`named`].
#[derive(Clone)]
struct Told(String);

/// Draws the page of a problem under the portal's own name.
async fn named(State(portal): State<Arc<Portal>>, mut response: Response) -> Response {
    let Some(Told(text)) = response.extensions_mut().remove() else { return response };
    let page = Page { name: &portal.config.name, error: Some(&text), ..Page::default() };
    page.show(StatusCode::BAD_REQUEST)
}

impl Portal {
    fn login_of(&self, headers: &HeaderMap) -> Option<(String, Login)> {
        let id = self.visits.id(headers)?;
        let login = self.visits.login(&id)?;
        Some((id, login))
    }

    async fn provider(&self) -> Result<Provider, Problem> {
        Ok(Provider::discover(&self.config, &self.http).await?)
    }
}

async fn home(State(portal): State<Arc<Portal>>, headers: HeaderMap) -> Result<Response, Problem> {
    let login = portal.login_of(&headers).map(|(_, login)| login);
    let pretty = |pick: fn(&Login) -> &serde_json::Value| {
        login.as_ref().map(|l| serde_json::to_string_pretty(pick(l))).transpose()
    };
    let page = Page {
        name: &portal.config.name,
        claims: pretty(|l| &l.claims)?,
        userinfo: pretty(|l| &l.userinfo)?,
        can_refresh: login.as_ref().is_some_and(|l| l.refresh_token.is_some()),
        ..Page::default()
    };
    Ok(page.show(StatusCode::OK))
}

async fn login(
    State(portal): State<Arc<Portal>>,
    headers: HeaderMap,
    Query(asked): Query<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let passed: Vec<_> = asked.into_iter().filter(|(name, _)| PASSED_ON.contains(&name.as_str())).collect();
    let (url, pending) = portal.provider().await?.authorize(&passed);
    let id = portal.visits.begin(portal.visits.id(&headers), random_hex(16)?, pending, clock::now());
    let cookie = AppendHeaders([(header::SET_COOKIE, portal.visits.set_cookie(&id))]);
    Ok((cookie, Redirect::to(url.as_str())).into_response())
}

/// What comes back from the provider (RFC 6749, section 4.1.2; `iss` by RFC 9207).
#[derive(Deserialize)]
struct Callback {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

async fn callback(
    State(portal): State<Arc<Portal>>,
    headers: HeaderMap,
    Query(back): Query<Callback>,
) -> Result<Response, Problem> {
    let id = portal.visits.id(&headers).ok_or(Problem::UnknownState)?;
    let pending = portal.visits.take_pending(&id, back.state.as_deref().unwrap_or_default());
    let pending = pending.ok_or(Problem::UnknownState)?;
    if back.iss.is_some_and(|iss| iss != portal.config.issuer) {
        return Err(Problem::OtherIssuer);
    }
    if let Some(error) = back.error {
        return Err(Problem::Provider { error, description: back.error_description.unwrap_or_default() });
    }
    let code = back.code.ok_or(Problem::NoCode)?;
    let login = portal.provider().await?.redeem(code, pending, &portal.http).await?;
    let fresh = random_hex(16)?;
    portal.visits.log_in(&id, fresh.clone(), login, clock::now());
    let cookie = AppendHeaders([(header::SET_COOKIE, portal.visits.set_cookie(&fresh))]);
    Ok((cookie, Redirect::to("/")).into_response())
}

async fn token(State(portal): State<Arc<Portal>>, headers: HeaderMap) -> Response {
    match portal.login_of(&headers) {
        Some((_, login)) => ([(header::CACHE_CONTROL, "no-store")], Json(login)).into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn refresh(State(portal): State<Arc<Portal>>, headers: HeaderMap) -> Result<Response, Problem> {
    let (id, login) = portal.login_of(&headers).ok_or(Problem::NotLoggedIn)?;
    let fresh = portal.provider().await?.refresh(&login, &portal.http).await?;
    portal.visits.refresh(&id, fresh);
    Ok(Redirect::to("/").into_response())
}

async fn logout(State(portal): State<Arc<Portal>>, headers: HeaderMap) -> Result<Response, Problem> {
    let (id, _) = portal.login_of(&headers).ok_or(Problem::NotLoggedIn)?;
    // Here first: whatever the provider does, this portal forgets.
    let login = portal.visits.end(&id).ok_or(Problem::NotLoggedIn)?;
    let url = portal.provider().await?.logout(&portal.config, &login)?;
    Ok(Redirect::to(url.as_str()).into_response())
}

async fn logged_out(State(portal): State<Arc<Portal>>) -> Response {
    Page { name: &portal.config.name, logged_out: true, ..Page::default() }.show(StatusCode::OK)
}
