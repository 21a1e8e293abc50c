//! The token endpoint (RFC 6749 section 3.2), and how its errors and those of its neighbours are said.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ORIGIN, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{error, error_page::BUSY, mtls::Peer, visit::SEC_FETCH_SITE};
use crate::{
    app::App,
    flows::{client_auth::Caller, redeem::redeem},
    observe,
    oidc::{
        dpop::MISSING,
        error::{Code, Error},
        params::Params,
    },
};

/// Nobody keeps an answer with tokens in it (RFC 6749 section 5.1).
pub(super) const NO_STORE: [(HeaderName, HeaderValue); 2] =
    [(CACHE_CONTROL, HeaderValue::from_static("no-store")), (PRAGMA, HeaderValue::from_static("no-cache"))];

/// How a client that failed to say who it is may do better (RFC 6749 section 5.2).
pub(super) const CHALLENGE: &str = "Basic realm=\"namens\"";

/// `POST /token`.
pub async fn token(
    State(app): State<Arc<App>>,
    peer: Peer,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let answer = async {
        let form = form(&headers, body)?;
        redeem(&app, caller(&headers, &peer)?, proof(&headers), &form, app.clock.now()).await
    };
    let response = match answer.await {
        Ok(tokens) => {
            observe::tokens();
            (NO_STORE, Json(tokens)).into_response()
        }
        Err(error) => refusal(error, CHALLENGE),
    };
    with_nonce(response, &app, &headers)
}

/// The header of a proof of possession, and that of the nonce for the next (RFC 9449 sections 4 and 8).
const DPOP: &str = "dpop";
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The proof of possession, if there is one.
pub(super) fn proof(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut all = headers.get_all(DPOP).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => Ok(Some(one.to_str().unwrap_or_default())),
        (Some(_), Some(_)) => Err(MISSING),
    }
}

/// Whoever brings a proof gets the nonce for the next one.
pub(super) fn with_nonce(mut response: Response, app: &App, headers: &HeaderMap) -> Response {
    if headers.contains_key(DPOP)
        && let Ok(nonce) = HeaderValue::from_str(&app.store.dpop_nonce(app.clock.now()))
    {
        response.headers_mut().insert(DPOP_NONCE, nonce);
    }
    response
}

/// The form of a request to one of the endpoints for clients. A query is never read: its values end up in logs.
pub(super) fn form(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Params, Error> {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Error::Json(Code::InvalidRequest, "send a form: application/x-www-form-urlencoded"));
    }
    let unreadable = "the form or a parameter is too long, there are too many, or it is not form-encoded UTF-8 without control characters";
    let body = body.map_err(|_| Error::Json(Code::InvalidRequest, unreadable))?;
    let form = Params::parse(&body).ok().filter(|form| !form.has_spoilt());
    form.ok_or(Error::Json(Code::InvalidRequest, unreadable))
}

/// What a client shows of itself beside the form.
pub(super) fn caller<'a>(headers: &'a HeaderMap, peer: &'a Peer) -> Result<Caller<'a>, Error> {
    let origins = headers.get_all(ORIGIN).iter().map(|origin| origin.to_str().unwrap_or_default());
    Ok(Caller {
        authorization: authorization(headers)?,
        certificate: peer.certificate(),
        from: peer.from(),
        // Two are nobody's.
        origin: origins.reduce(|_, _| ""),
        is_cross_site: headers.get_all(SEC_FETCH_SITE).iter().any(|site| site == "cross-site"),
    })
}

/// The `Authorization` header, if there is one.
pub(super) fn authorization(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        // What is no visible ASCII is no scheme we know.
        (Some(one), None) => Ok(Some(one.to_str().unwrap_or_default())),
        (Some(_), Some(_)) => {
            Err(Error::Json(Code::InvalidRequest, "the Authorization header may be given only once"))
        }
    }
}

#[derive(Serialize)]
struct Body {
    error: &'static str,
    error_description: &'static str,
    /// The number under which a fault of ours is logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
}

/// What a client hears whose request took too long.
pub(super) fn too_late() -> Response {
    let why = "this took too long; try again in a moment";
    let mut response = refusal(Error::Json(Code::TemporarilyUnavailable, why), "");
    response.headers_mut().insert(RETRY_AFTER, BUSY);
    response
}

/// What a client hears that must wait.
const WAIT: &str =
    "client authentication failed too often from this address: wait for as many seconds as Retry-After says";

/// An error as a client hears it (RFC 6749 section 5.2); with 401, `challenge` says how to do better.
pub(super) fn refusal(error: Error, challenge: &str) -> Response {
    let wait = error.wait();
    let (code, error_description, request) = match error {
        Error::Json(code, description) => (code, description, None),
        Error::Wait(_) => (Code::TemporarilyUnavailable, WAIT, None),
        Error::Fault(fault) => (
            Code::ServerError,
            "something went wrong here; tell the operator this request number",
            Some(error::log(&fault)),
        ),
        // These belong to the authorization endpoint, and nothing below this one makes them.
        Error::Page(_) | Error::Redirect(_) => (Code::ServerError, "something went wrong here", None),
    };
    let status = match wait {
        Some(_) => StatusCode::TOO_MANY_REQUESTS,
        None => StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    };
    let body = Json(Body { error: code.word(), error_description, request });
    let mut response = (status, NO_STORE, body).into_response();
    if let Some(seconds) = wait {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        && let Ok(challenge) = HeaderValue::from_str(challenge)
    {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}
