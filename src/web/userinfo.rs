//! The `UserInfo` endpoint (OpenID Connect Core, section 5.3): GET and POST, with a bearer token (RFC 6750) or one that is
//! bound to a key (RFC 9449 section 7).

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};

use super::{
    mtls::Peer,
    token::{NO_STORE, authorization, form, proof, refusal, with_nonce},
};
use crate::{
    app::App,
    domain::key::Algorithm,
    flows::userinfo::{Presentation, UserInfoResponse, userinfo as tell},
    oidc::{
        dpop::ALGS,
        error::{Code, Error},
    },
};

/// `GET /userinfo` and `POST /userinfo`.
pub async fn userinfo(
    State(app): State<Arc<App>>,
    peer: Peer,
    method: Method,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let (shown, token) = match presented(&method, &headers, body) {
        Ok(Some(presented)) => presented,
        Ok(None) => return unauthenticated(),
        Err(error) => return challenge(error, tried(&headers)),
    };
    let scheme = shown.scheme();
    let answer = async {
        let presentation = match shown {
            Shown::Header(scheme) => scheme.presentation(&headers, &method)?,
            Shown::Form => Presentation::Form,
        };
        tell(&app, &token, presentation, peer.certificate(), app.clock.now()).await
    };
    let response = match answer.await {
        Ok(UserInfoResponse::Plain(told)) => (NO_STORE, Json(told)).into_response(),
        Ok(UserInfoResponse::Jwt(token)) => {
            (NO_STORE, [(CONTENT_TYPE, HeaderValue::from_static("application/jwt"))], token).into_response()
        }
        Err(error) => challenge(error, scheme),
    };
    with_nonce(response, &app, &headers)
}

/// By which scheme a token is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Bearer,
    Dpop,
}

impl Scheme {
    /// How the token of a request is presented that has these headers.
    pub(super) fn presentation<'a>(
        self,
        headers: &'a HeaderMap,
        method: &'a Method,
    ) -> Result<Presentation<'a>, Error> {
        Ok(match self {
            Self::Bearer => Presentation::Bearer,
            Self::Dpop => Presentation::Dpop { proof: proof(headers)?, method: method.as_str() },
        })
    }

    /// The scheme of that name.
    pub(super) fn of(name: &str) -> Option<Self> {
        let all = [("bearer", Self::Bearer), ("dpop", Self::Dpop)];
        all.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, scheme)| scheme)
    }

    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Bearer, Self::Dpop];

    /// How to do better by it, where an access token was shown that is not taken, or not with `scope`. What is no error of the
    /// protocol has no challenge.
    pub(super) fn after(self, error: &Error, scope: &str) -> Option<String> {
        let Error::Json(code, description) = error else { return None };
        let scope =
            if *code == Code::InsufficientScope { format!(", scope=\"{scope}\"") } else { String::new() };
        let word = code.word();
        Some(self.challenge(&format!(", error=\"{word}\", error_description=\"{description}\"{scope}")))
    }

    /// How to do better by it. The second names the algorithms for its proofs (RFC 9449 section 7.1).
    pub(super) fn challenge(self, more: &str) -> String {
        match self {
            Self::Bearer => format!("Bearer realm=\"namens\"{more}"),
            Self::Dpop => {
                format!("DPoP realm=\"namens\"{more}, algs=\"{}\"", ALGS.map(Algorithm::name).join(" "))
            }
        }
    }
}

/// Where a token is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Header(Scheme),
    Form,
}

impl Shown {
    /// The scheme that answers are about. A form knows bearers only (RFC 6750 section 2.2).
    fn scheme(self) -> Scheme {
        match self {
            Self::Header(scheme) => scheme,
            Self::Form => Scheme::Bearer,
        }
    }
}

/// By which scheme a request is answered that cannot be read: the one of its first header, or else bearer.
fn tried(headers: &HeaderMap) -> Scheme {
    let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    header.and_then(|header| Scheme::of(header.split(' ').next()?)).unwrap_or(Scheme::Bearer)
}

/// The token: in the header, or in the form of a POST; never in a query, which ends up in logs (RFC 9700 section 4.3.2).
fn presented(
    method: &Method,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Option<(Shown, String)>, Error> {
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
    let Some(header) = authorization(headers)? else {
        return Ok(in_form.map(|token| (Shown::Form, token)));
    };
    if in_form.is_some() {
        return Err(Error::Json(Code::InvalidRequest, "send the access token in one place, not two"));
    }
    let named = header.split_once(' ').and_then(|(name, token)| Some((Scheme::of(name)?, token)));
    Ok(named.map(|(scheme, token)| (Shown::Header(scheme), token.trim().to_owned())))
}

/// Without a token there is no error to name (RFC 6750 section 3.1).
fn unauthenticated() -> Response {
    let mut response = (StatusCode::UNAUTHORIZED, NO_STORE).into_response();
    for scheme in Scheme::ALL {
        if let Ok(challenge) = HeaderValue::from_str(&scheme.challenge("")) {
            response.headers_mut().append(WWW_AUTHENTICATE, challenge);
        }
    }
    response
}

/// The error with its challenge. RFC 6750 section 3 wants one with each refusal of a request that shows a token, so with 400 too.
fn challenge(error: Error, scheme: Scheme) -> Response {
    // What is wrong with a proof is said as of a bad token (RFC 9449 section 7.1).
    let proof = matches!(error, Error::Json(Code::InvalidDpopProof | Code::UseDpopNonce, _));
    let challenge = scheme.after(&error, "openid").unwrap_or_default();
    let mut response = refusal(error, &challenge);
    if proof {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    }
    if matches!(response.status(), StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED)
        && let Ok(challenge) = HeaderValue::from_str(&challenge)
    {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The token found, or the error's code; what is sent is an `Authorization` header and a form.
    fn found(method: &Method, header: &str, body: &str) -> Result<Option<(Shown, String)>, Code> {
        let mut headers = HeaderMap::new();
        if !header.is_empty() {
            headers.insert(AUTHORIZATION, header.parse().unwrap());
        }
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded; charset=UTF-8"),
        );
        presented(method, &headers, Ok(Bytes::copy_from_slice(body.as_bytes()))).map_err(
            |error| match error {
                Error::Json(code, _) => code,
                other => panic!("{other:?}"),
            },
        )
    }

    #[test]
    fn a_token_is_taken_from_one_place() {
        let token = |shown| Ok(Some((shown, "abc".to_owned())));
        let bearer = Shown::Header(Scheme::Bearer);
        assert_eq!(found(&Method::GET, "Bearer abc", ""), token(bearer));
        assert_eq!(found(&Method::POST, "bearer abc", ""), token(bearer));
        assert_eq!(found(&Method::POST, "", "access_token=abc"), token(Shown::Form));
        assert_eq!(found(&Method::POST, "Bearer abc", "access_token=abc"), Err(Code::InvalidRequest));
        assert_eq!(found(&Method::POST, "", "access_token=a&access_token=b"), Err(Code::InvalidRequest));
        assert_eq!(found(&Method::GET, "", "access_token=abc"), Ok(None));
        assert_eq!(found(&Method::GET, "Basic abc", ""), Ok(None));
        assert_eq!(found(&Method::GET, "dpop abc", ""), token(Shown::Header(Scheme::Dpop)));
    }

    #[test]
    fn what_cannot_be_read_is_told_by_the_scheme_that_was_tried() {
        let told = |lines: &[&str]| {
            let headers = lines.iter().map(|line| (AUTHORIZATION, line.parse().unwrap())).collect();
            tried(&headers)
        };
        assert_eq!(told(&["dpop abc", "Bearer abc"]), Scheme::Dpop);
        for lines in [&[][..], &["Bearer abc", "DPoP abc"], &["Basic abc"], &[""]] {
            assert_eq!(told(lines), Scheme::Bearer, "{lines:?}");
        }
        let said = |scheme| challenge(Error::Json(Code::InvalidRequest, "why"), scheme);
        for (scheme, word) in [(Scheme::Bearer, "Bearer "), (Scheme::Dpop, "DPoP ")] {
            let response = said(scheme);
            let told = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
            assert_eq!(response.status(), StatusCode::BAD_REQUEST);
            assert!(told.starts_with(word) && told.contains("error=\"invalid_request\""), "{told}");
        }
        let busy = challenge(Error::Json(Code::TemporarilyUnavailable, "why"), Scheme::Bearer);
        assert!(!busy.headers().contains_key(WWW_AUTHENTICATE), "nothing to do better");
    }

    #[test]
    fn a_refused_token_is_told_how_in_the_header() {
        let response = challenge(Error::Json(Code::InsufficientScope, "why"), Scheme::Bearer);
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(
            response.headers()[WWW_AUTHENTICATE],
            "Bearer realm=\"namens\", error=\"insufficient_scope\", error_description=\"why\", scope=\"openid\""
        );
        let all: Vec<_> = unauthenticated().headers().get_all(WWW_AUTHENTICATE).iter().cloned().collect();
        let dpop = "DPoP realm=\"namens\", algs=\"PS256 ES256 EdDSA\"";
        assert_eq!(all, ["Bearer realm=\"namens\"", dpop]);
        let response = challenge(Error::Json(Code::UseDpopNonce, "why"), Scheme::Dpop);
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(
            response.headers()[WWW_AUTHENTICATE],
            "DPoP realm=\"namens\", error=\"use_dpop_nonce\", error_description=\"why\", algs=\"PS256 ES256 EdDSA\""
        );
    }
}
