//! The admin API (docs/admin.md): for programs of the operator's, in JSON. Who calls, from where, and with which scope is settled
//! here, before any handler.

mod accounts;
mod audit;
mod clients;
mod corrections;
mod imports;
mod keys;
mod mandates;
mod page;
mod persons;
mod problem;
mod special;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRequestParts, OriginalUri, Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION},
        request::Parts,
    },
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use serde_json::Value;

pub(super) use self::problem::too_late;
use self::problem::{Problem, Refusal};
use super::{
    address, error,
    mtls::Peer,
    proxy,
    token::{authorization, with_nonce},
    userinfo::Scheme,
};
use crate::{
    app::App,
    domain::{api::AdminScope, client::Client, line::program},
    flows::admin_access::{self, Denied},
    oidc::path,
};

/// An address, the scope that it takes, and its methods.
type Door = (&'static str, AdminScope, fn() -> MethodRouter<Arc<App>>);
/// What is there: one list, which the document is held against.
const DOORS: [Door; 35] = [
    ("/clients", AdminScope::Clients, || get(clients::list).post(clients::add)),
    ("/clients/{client_id}", AdminScope::Clients, || {
        get(clients::one).put(clients::replace).delete(clients::remove)
    }),
    ("/clients/{client_id}/secret", AdminScope::Clients, || post(clients::renew)),
    ("/keys", AdminScope::Keys, || get(keys::list)),
    ("/keys/rotate", AdminScope::Keys, || post(keys::rotate)),
    ("/audit", AdminScope::Audit, || get(audit::list)),
    ("/accounts/find", AdminScope::Accounts, || post(accounts::find)),
    ("/accounts/{account_id}", AdminScope::Accounts, || get(accounts::one).delete(accounts::close)),
    ("/accounts/{account_id}/sign-out", AdminScope::Accounts, || post(accounts::sign_out)),
    ("/persons", AdminScope::Mandates, || post(persons::add)),
    ("/persons/find", AdminScope::Mandates, || post(persons::find)),
    ("/persons/{person_id}", AdminScope::Mandates, || get(persons::one)),
    ("/persons/{person_id}/mandates", AdminScope::Mandates, || get(persons::mandates)),
    ("/persons/{person_id}/blocks", AdminScope::Mandates, || get(mandates::blocks)),
    ("/persons/{person_id}/corrections", AdminScope::Mandates, || {
        get(corrections::list).post(corrections::propose)
    }),
    ("/corrections/{correction_id}", AdminScope::Mandates, || get(corrections::one)),
    ("/corrections/{correction_id}/approve", AdminScope::Mandates, || post(corrections::approve)),
    ("/corrections/{correction_id}/withdraw", AdminScope::Mandates, || post(corrections::withdraw)),
    ("/imports", AdminScope::Mandates, || get(imports::list)),
    ("/imports/{import_id}/withdraw", AdminScope::Mandates, || post(imports::withdraw)),
    ("/imports/persons", AdminScope::Mandates, || big(post(imports::persons))),
    ("/imports/mandates", AdminScope::Mandates, || big(post(imports::mandates))),
    ("/imports/mandates/approve", AdminScope::Mandates, || big(post(imports::approve))),
    ("/mandates", AdminScope::Mandates, || post(mandates::register)),
    ("/mandates/{mandate_id}", AdminScope::Mandates, || get(mandates::one)),
    ("/mandates/{mandate_id}/approve", AdminScope::Mandates, || post(mandates::approve)),
    ("/mandates/{mandate_id}/refuse", AdminScope::Mandates, || post(mandates::refuse)),
    ("/mandates/{mandate_id}/revoke", AdminScope::Mandates, || post(mandates::revoke)),
    ("/mandates/{mandate_id}/consent", AdminScope::Mandates, || post(mandates::consent)),
    ("/mandates/{mandate_id}/withdraw", AdminScope::Mandates, || post(mandates::withdraw)),
    ("/mandates/{mandate_id}/special", AdminScope::Mandates, || post(special::attest)),
    ("/special/{special_id}/confirm", AdminScope::Mandates, || post(special::confirm)),
    ("/special/{special_id}/end", AdminScope::Mandates, || post(special::end)),
    ("/blocks", AdminScope::Mandates, || post(mandates::block)),
    ("/blocks/lift", AdminScope::Mandates, || post(mandates::unblock)),
];

/// For bodies with many rows.
fn big(door: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    door.layer(DefaultBodyLimit::max(imports::BODY))
}

/// Where it is described, and how: of the issuer `https://id.example.nl`.
const DOCUMENT: &str = "/openapi.json";
const OPENAPI: &str = include_str!("admin/openapi.json");

/// The program that calls, let in with the scope of its door.
#[derive(Clone)]
struct Caller(Client);

impl Caller {
    /// The name by which it does what members of staff do.
    fn name(&self) -> String {
        program(&self.0.id)
    }
}

/// What was made, and below which of our addresses it is.
fn made(app: &App, at: &str, told: Value) -> Response {
    let at = app.config.endpoint(&format!("{}{at}", path::ADMIN));
    (StatusCode::CREATED, [(LOCATION, at)], Json(told)).into_response()
}

/// All doors, where the operator wants them; none otherwise.
pub(super) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    if app.config.admin.is_none() {
        return Router::new();
    }
    let doors = DOORS.iter().fold(Router::new(), |router, (path, scope, door)| {
        router.route(path, door().layer(from_fn_with_state((app.clone(), *scope, *path), enter)))
    });
    let inside = doors
        .route(DOCUMENT, get(document))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(from_fn_with_state(app.clone(), near));
    Router::new().nest(path::ADMIN, inside)
}

/// Lets nobody near who is none of the operator's networks': for them there is nothing here. Nobody keeps an answer.
async fn near(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let from = proxy::address(&app, &parts);
    let is_near = app.config.admin.as_ref().zip(from).is_some_and(|(admin, ip)| admin.is_for(ip));
    if !is_near {
        return error::not_found().await.into_response();
    }
    let mut response = if address::is_plain(&parts.uri) {
        next.run(Request::from_parts(parts, body)).await
    } else {
        Problem::bad("no address may hold a control character").into_response()
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Lets in a program with a token for this door (RFC 6750 section 2.1, RFC 9449 section 7.1). What is refused, here or behind it, is
/// written down.
async fn enter(
    State((app, needed, door)): State<(Arc<App>, AdminScope, &'static str)>,
    OriginalUri(uri): OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let headers = parts.headers.clone();
    let (response, client) = match admit(&app, &mut parts, uri.path(), needed).await {
        Ok(client) => {
            let id = client.id.clone();
            parts.extensions.insert(Caller(client));
            (next.run(Request::from_parts(parts, body)).await, Some(id))
        }
        Err((problem, client)) => (problem.into_response(), client),
    };
    if let Some(Refusal(why)) = response.extensions().get() {
        admin_access::refused(&app, why, door, client.as_deref(), app.clock.now()).await;
    }
    with_nonce(response, &app, &headers)
}

async fn admit(
    app: &Arc<App>,
    parts: &mut Parts,
    path: &str,
    needed: AdminScope,
) -> Result<Client, (Problem, Option<String>)> {
    let Ok(peer) = Peer::from_request_parts(parts, app).await;
    let (scheme, token) = presented(&parts.headers).map_err(|problem| (problem, None))?;
    let presentation = scheme.presentation(&parts.headers, &parts.method);
    let answer = async {
        let held = (presentation?, peer.certificate());
        admin_access::caller(app, token, held, path, needed, app.clock.now()).await
    };
    answer.await.map_err(|Denied { error, client }| (Problem::refused(error, scheme, needed), client))
}

/// The token, in the header and nowhere else.
fn presented(headers: &HeaderMap) -> Result<(Scheme, &str), Problem> {
    let header = authorization(headers).map_err(Problem::unreadable)?;
    let named = header.and_then(|header| header.split_once(' '));
    let found = named.and_then(|(name, token)| Some((Scheme::of(name)?, token.trim())));
    found.ok_or_else(Problem::no_token)
}

/// `GET /admin/v1/openapi.json`: what is here, for whoever may come near. It holds nothing of this installation but its address.
async fn document(State(app): State<Arc<App>>) -> Response {
    let text = OPENAPI.replace("https://id.example.nl", app.config.issuer());
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}
