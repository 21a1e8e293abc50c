//! The `UserInfo` endpoint (OpenID Connect Core, section 5.3): GET and POST, with a bearer token (RFC 6750).

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse, Response},
};

use super::token::{NO_STORE, authorization, form, refusal};
use crate::{
    app::App,
    flows::userinfo::userinfo as tell,
    oidc::error::{Code, Error},
};

/// `GET /userinfo` and `POST /userinfo`.
pub async fn userinfo(
    State(app): State<Arc<App>>,
    method: Method,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let token = match bearer(&method, &headers, body) {
        Ok(Some(token)) => token,
        Ok(None) => return unauthenticated(),
        Err(error) => return challenge(error),
    };
    match tell(&app, &token, app.clock.now()).await {
        Ok(told) => (NO_STORE, Json(told)).into_response(),
        Err(error) => challenge(error),
    }
}

/// The token: in the header, or in the form of a POST; never in a query, which ends up in logs (RFC 9700 section 4.3.2).
fn bearer(
    method: &Method,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Option<String>, Error> {
    let has_body = *method == Method::POST && body.as_ref().map_or(true, |body| !body.is_empty());
    let in_form = if has_body {
        let form = form(headers, body)?;
        if form.has_duplicates() {
            return Err(Error::Json(Code::InvalidRequest, "a parameter may be given only once"));
        }
        form.get("access_token").map(str::to_owned)
    } else {
        None
    };
    let Some(header) = authorization(headers)? else { return Ok(in_form) };
    if in_form.is_some() {
        return Err(Error::Json(Code::InvalidRequest, "send the access token in one place, not two"));
    }
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim().to_owned())),
        _ => Ok(None),
    }
}

/// Without a token there is no error to name (RFC 6750 section 3.1).
fn unauthenticated() -> Response {
    let challenge = HeaderValue::from_static("Bearer realm=\"namens\"");
    (StatusCode::UNAUTHORIZED, NO_STORE, [(WWW_AUTHENTICATE, challenge)]).into_response()
}

fn challenge(error: Error) -> Response {
    let challenge = match &error {
        Error::Json(code, description) => {
            let scope = if *code == Code::InsufficientScope { ", scope=\"openid\"" } else { "" };
            let word = code.word();
            format!("Bearer realm=\"namens\", error=\"{word}\", error_description=\"{description}\"{scope}")
        }
        _ => String::new(),
    };
    refusal(error, &challenge)
}

#[cfg(test)]
mod tests {
    use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};

    use super::*;

    /// The token found, or the error's code; what is sent is an `Authorization` header and a form.
    fn found(method: &Method, header: &str, body: &str) -> Result<Option<String>, Code> {
        let mut headers = HeaderMap::new();
        if !header.is_empty() {
            headers.insert(AUTHORIZATION, header.parse().unwrap());
        }
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded; charset=UTF-8"),
        );
        bearer(method, &headers, Ok(Bytes::copy_from_slice(body.as_bytes()))).map_err(|error| match error {
            Error::Json(code, _) => code,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_token_is_taken_from_one_place() {
        let token = Ok(Some("abc".to_owned()));
        assert_eq!(found(&Method::GET, "Bearer abc", ""), token);
        assert_eq!(found(&Method::POST, "bearer abc", ""), token);
        assert_eq!(found(&Method::POST, "", "access_token=abc"), token);
        assert_eq!(found(&Method::POST, "Bearer abc", "access_token=abc"), Err(Code::InvalidRequest));
        assert_eq!(found(&Method::POST, "", "access_token=a&access_token=b"), Err(Code::InvalidRequest));
        assert_eq!(found(&Method::GET, "", "access_token=abc"), Ok(None));
        assert_eq!(found(&Method::GET, "Basic abc", ""), Ok(None));
    }

    #[test]
    fn a_refused_token_is_told_how_in_the_header() {
        let response = challenge(Error::Json(Code::InsufficientScope, "why"));
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(
            response.headers()[WWW_AUTHENTICATE],
            "Bearer realm=\"namens\", error=\"insufficient_scope\", error_description=\"why\", scope=\"openid\""
        );
        assert_eq!(unauthenticated().headers()[WWW_AUTHENTICATE], "Bearer realm=\"namens\"");
    }
}
