//! The introspection endpoint (RFC 7662), in JSON or signed (RFC 9701).

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{
        HeaderMap, HeaderValue,
        header::{ACCEPT, CONTENT_TYPE, VARY},
    },
    response::{IntoResponse, Response},
};

use super::{
    mtls::Peer,
    token::{CHALLENGE, NO_STORE, caller, form, refusal},
};
use crate::{
    app::App,
    flows::introspect::introspect as tell,
    oidc::{error::Error, introspection::TYPE},
};

/// `POST /introspect`.
pub async fn introspect(
    State(app): State<Arc<App>>,
    peer: Peer,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let now = app.clock.now();
    let answer = async {
        let form = form(&headers, body)?;
        let introspected = tell(&app, caller(&headers, &peer)?, &form, now).await?;
        let signed = if wants_signed(&headers) { Some(introspected.signed(&app, now)?) } else { None };
        Ok::<_, Error>((introspected, signed))
    };
    let vary = [(VARY, HeaderValue::from_static("accept"))];
    match answer.await {
        Ok((_, Some(signed))) => {
            let media = HeaderValue::from_static("application/token-introspection+jwt");
            (NO_STORE, vary, [(CONTENT_TYPE, media)], signed).into_response()
        }
        Ok((introspected, None)) => (NO_STORE, vary, Json(introspected.response)).into_response(),
        Err(error) => refusal(error, CHALLENGE),
    }
}

/// Whether the client names the signed form among those that it accepts (RFC 9701 section 4). A range such as `*/*` does not
/// name it.
fn wants_signed(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|one| {
        let mut parts = one.split(';').map(|part| part.trim().to_ascii_lowercase());
        let named =
            parts.next().as_deref().and_then(|media| media.strip_prefix("application/")) == Some(TYPE);
        // A weight of nothing means: not this one (RFC 9110 section 12.4.2).
        named && !parts.any(|part| part.strip_prefix("q=").and_then(|q| q.parse().ok()) == Some(0.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_names_the_signed_form_gets_it() {
        let asked = |line: &'static str| {
            wants_signed(&[(ACCEPT, HeaderValue::from_static(line))].into_iter().collect())
        };
        let name = "application/token-introspection+jwt";
        assert!(asked(name) && asked("application/json;q=0.1, Application/Token-Introspection+JWT;q=0.5"));
        assert!(!asked("*/*") && !asked("application/json") && !asked("application/jwt"));
        assert!(!asked("application/token-introspection+jwt;q=0.0, application/json"));
        assert!(!wants_signed(&HeaderMap::new()));
    }
}
