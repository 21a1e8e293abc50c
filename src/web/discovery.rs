//! Metadata and keys: what anyone may read and keep for a while.

use std::sync::Arc;

use aws_lc_rs::digest;
use axum::{
    extract::State,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;

use super::token::refusal;
use crate::{
    app::App,
    domain::{assurance::Level, fault::Fault},
    oidc::discovery::{Certificates, Provider},
};

/// `GET /.well-known/openid-configuration` and `GET /.well-known/oauth-authorization-server`.
pub async fn configuration(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let algs = app.keyring().algorithms(app.clock.now());
    let levels: Vec<_> =
        Level::ALL.into_iter().filter(|level| app.digid.is_some() || !level.needs_digid()).collect();
    // Acting for somebody needs a level of DigiD, whoever vouches for it.
    let representation = app.digid.is_some();
    let certificates = app.config.takes_certificates().then(|| Certificates {
        aliases: app.config.mtls.as_ref().and_then(|mtls| mtls.base()),
        vouched: app.authorities.is_some(),
    });
    let provider = Provider {
        issuer: app.config.issuer(),
        algs: &algs,
        levels: &levels,
        representation,
        tells_bsn: app.digid.is_some() && app.configured().any(|client| client.sees_bsn),
        certificates,
        registers: app.config.registration,
    };
    cacheable(provider.metadata(), "application/json", &app, &headers)
}

/// `GET /jwks`: next, current and retired keys (RFC 7517 section 5).
pub async fn jwks(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let keyring = app.keyring();
    let set = keyring.jwks(app.clock.now());
    cacheable(Ok(set), "application/jwk-set+json", &app, &headers)
}

/// Says it with a tag, or only that nothing changed since the tag that the client names (RFC 9110 section 13.1.2).
fn cacheable<T: Serialize>(
    told: Result<T, Fault>,
    media: &'static str,
    app: &App,
    headers: &HeaderMap,
) -> Response {
    let answer = move || {
        let body = serde_json::to_vec(&told?)?;
        let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &body)));
        let kept = [
            (CACHE_CONTROL, HeaderValue::from_str(&format!("public, max-age={}", app.config.jwks_max_age))?),
            (ETAG, HeaderValue::from_str(&tag)?),
        ];
        Ok::<_, Fault>(if is_known(headers, &tag) {
            (StatusCode::NOT_MODIFIED, kept).into_response()
        } else {
            (kept, [(CONTENT_TYPE, HeaderValue::from_static(media))], body).into_response()
        })
    };
    answer().unwrap_or_else(|fault| refusal(fault.into(), ""))
}

/// Whether the client has the version of that tag.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_tag_is_recognised_in_a_list_and_when_weakened() {
        let known = |line: &'static str| {
            is_known(&[(IF_NONE_MATCH, HeaderValue::from_static(line))].into_iter().collect(), "\"t\"")
        };
        assert!(known("\"t\"") && known("\"s\", W/\"t\"") && known("*"));
        assert!(!known("\"s\"") && !known("t"));
    }
}
