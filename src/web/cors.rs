//! What scripts of other origins may read (the CORS protocol: Fetch, section 3.3). Metadata and keys anyone; what a public
//! client asks for itself, only its own origins; everything else nobody. Never with credentials: no cookie counts at these
//! doors.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
            VARY,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{app::App, oidc::path};

/// What anyone may read, whoever's script asks.
const FOR_ALL: [&str; 3] = [path::OPENID_CONFIGURATION, path::OAUTH_SERVER, path::JWKS];
/// What a public client in a browser needs. Introspection is for clients that prove who they are, and those have a server.
const FOR_CLIENTS: [&str; 4] = [path::PAR, path::TOKEN, path::REVOKE, path::USERINFO];

/// What may be asked, and for how many seconds a browser may remember it.
const ALLOWED: [(HeaderName, HeaderValue); 3] = [
    (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST")),
    (ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type, dpop")),
    (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")),
];
/// How to do better, which no script may read unless it is told so.
const EXPOSED: HeaderValue = HeaderValue::from_static("dpop-nonce, www-authenticate");

/// Answers a preflight of whoever may ask, and lets a script read the answer to its request. Nobody is refused here: a
/// browser keeps an answer without these headers from the script, and other programs send no `Origin`.
pub(super) async fn share(
    State(app): State<Arc<App>>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    let for_clients = FOR_CLIENTS.contains(&route);
    let reader = if FOR_ALL.contains(&route) {
        Some(HeaderValue::from_static("*"))
    } else if for_clients {
        registered(&app, request.headers()).await
    } else {
        None
    };
    let asks_first =
        *request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if asks_first && reader.is_some() {
        (StatusCode::NO_CONTENT, ALLOWED).into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    if for_clients {
        // Said to everybody, so that no cache hands the answer for one origin to another (Fetch, section 3.3.7).
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    if let Some(reader) = reader {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, reader);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

/// The one `Origin` of a request, if it is a public client's.
async fn registered(app: &App, headers: &HeaderMap) -> Option<HeaderValue> {
    let mut all = headers.get_all(ORIGIN).iter();
    let (Some(origin), None) = (all.next(), all.next()) else { return None };
    let known = app.is_origin_of_public_client(origin.to_str().ok()?, app.clock.now()).await;
    let known = known.unwrap_or_else(|fault| {
        tracing::error!(%fault, "the origins of clients cannot be read; no script is told anything");
        false
    });
    known.then(|| origin.clone())
}
