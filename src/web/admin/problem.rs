//! What is wrong with a request to the admin API, as RFC 9457 has it.

use std::fmt::Display;

use axum::{
    Json,
    body::Bytes,
    extract::{
        Path,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    domain::{
        api::AdminScope,
        fault::Fault,
        json::{is_object, writes_nul},
    },
    flows::admin_clients::NotDone,
    oidc::error::{Code, Error},
    web::{error, error_page::BUSY, userinfo::Scheme},
};

/// The body of a request as it came.
pub(super) type Body = Result<Bytes, BytesRejection>;
/// What an address names, as it came.
pub(super) type Id = Result<Path<String>, PathRejection>;

/// The longest `detail`, in characters.
const LONGEST: usize = 500;

/// A problem (RFC 9457 section 3.1); its `type` is always `about:blank`, so the status says which.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    /// The word of RFC 6750 or RFC 9449, where a token was not taken.
    error: Option<&'static str>,
    /// The number under which a fault of ours is logged.
    request: Option<String>,
    /// What is wrong with which row of an import, as far as it is told, and of how many things.
    rows: Option<Box<(Vec<Value>, usize)>>,
    challenges: Vec<String>,
}

/// Beside an answer of 401 or 403: why, as a stable word for the audit log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal(pub(super) &'static str);

#[derive(Serialize)]
struct Told<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<&'a [Value]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrong: Option<usize>,
}

impl Problem {
    /// A problem of that status.
    pub(super) fn new(status: StatusCode, detail: impl Display) -> Self {
        let detail = detail.to_string().chars().take(LONGEST).collect();
        Self { status, detail, error: None, request: None, rows: None, challenges: Vec::new() }
    }

    /// Something of the request that is not as it must be.
    pub(super) fn bad(detail: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// Nothing of that name is there.
    pub(super) fn not_found(detail: impl Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// What is there does not allow it now.
    pub(super) fn conflict(detail: impl Display) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// It takes somebody else, or somebody who may do more.
    pub(super) fn forbidden(detail: impl Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// Ours.
    #[expect(clippy::needless_pass_by_value, reason = "what is wrong becomes this, and is done with")]
    pub(super) fn fault(fault: Fault) -> Self {
        let why = "something went wrong here; tell the operator this request number";
        let problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, why);
        Self { request: Some(error::log(&fault)), ..problem }
    }

    /// It is a matter of seconds.
    pub(super) fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "others do this just now; try again in a moment")
    }

    /// Without a token there is no error to name (RFC 6750 section 3.1).
    pub(super) fn no_token() -> Self {
        let why = "send an access token of client_credentials: Authorization: Bearer …, or DPoP …";
        let challenges = Scheme::ALL.map(|scheme| scheme.challenge("")).into();
        Self { challenges, ..Self::new(StatusCode::UNAUTHORIZED, why) }
    }

    /// A request of which it is not even known how it shows its token.
    pub(super) fn unreadable(error: Error) -> Self {
        Self::refused_with(error, Vec::new())
    }

    /// A token that is not taken, or not for this (RFC 6750 section 3.1, RFC 9449 section 7.1).
    pub(super) fn refused(error: Error, scheme: Scheme, needed: AdminScope) -> Self {
        let challenge = scheme.after(&error, needed.as_str());
        Self::refused_with(error, challenge.into_iter().collect())
    }

    fn refused_with(error: Error, challenges: Vec<String>) -> Self {
        let (code, why) = match error {
            Error::Json(code, why) => (code, why),
            Error::Fault(fault) => return Self::fault(fault),
            Error::Page(_) | Error::Redirect(_) | Error::Wait(_) => {
                (Code::ServerError, "something went wrong here")
            }
        };
        // What is wrong with a proof is said as of a bad token.
        let status = match code {
            Code::InvalidDpopProof | Code::UseDpopNonce => StatusCode::UNAUTHORIZED,
            code => StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        Self { error: Some(code.word()), challenges, ..Self::new(status, why) }
    }
}

impl Problem {
    /// The same with other words where they could repeat what was sent.
    pub(super) fn muted(mut self, detail: &str) -> Self {
        if self.status == StatusCode::BAD_REQUEST {
            detail.clone_into(&mut self.detail);
        }
        self
    }

    /// The same, with what is wrong with which row, and how much there is of it.
    pub(super) fn with_rows(self, told: Vec<Value>, count: usize) -> Self {
        Self { rows: Some(Box::new((told, count))), ..self }
    }

    /// Why a program was refused, if it was. That a proof lacks a nonce of ours is how every one begins (RFC 9449 section 8).
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let unnamed = match self.status {
            StatusCode::UNAUTHORIZED => "no_token",
            StatusCode::FORBIDDEN => "too_powerful",
            _ => return None,
        };
        let word = self.error.unwrap_or(unnamed);
        (word != Code::UseDpopNonce.word()).then_some(Refusal(word))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let refusal = self.refusal();
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = Told {
            r#type: "about:blank",
            title,
            status: self.status.as_u16(),
            detail: &self.detail,
            error: self.error,
            request: self.request.as_deref(),
            rows: self.rows.as_ref().map(|rows| rows.0.as_slice()),
            wrong: self.rows.as_ref().map(|rows| rows.1),
        };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(refusal) = refusal {
            response.extensions_mut().insert(refusal);
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, BUSY);
        }
        for challenge in self.challenges {
            if let Ok(challenge) = HeaderValue::from_str(&challenge) {
                headers.append(WWW_AUTHENTICATE, challenge);
            }
        }
        response
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::fault(fault)
    }
}

impl From<NotDone> for Problem {
    fn from(why: NotDone) -> Self {
        match why {
            NotDone::Unknown => Self::not_found("there is no such client"),
            NotDone::Configured => {
                Self::conflict("this client stands in the configuration: only the operator changes it, there")
            }
            NotDone::Taken => Self::conflict("there is a client of this id: replace it with PUT"),
            NotDone::Changed => Self::conflict("somebody else changed this client just now: read it again"),
            NotDone::NoSecret => Self::conflict("this client proves who it is without a secret"),
            NotDone::TooPowerful => Self::forbidden(
                "its service_scopes hold mandates, or more than those of the program that asks: only the operator may do this",
            ),
            NotDone::Bad(why) => Self::bad(why),
            NotDone::Fault(fault) => Self::fault(fault),
        }
    }
}

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is nothing at this address")
    }
}

impl From<QueryRejection> for Problem {
    fn from(why: QueryRejection) -> Self {
        Self::bad(why.body_text())
    }
}

/// The JSON of a body. What is unknown in it is refused with its name.
pub(super) fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Problem> {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send JSON: application/json"));
    }
    let body = body.map_err(|why| match why.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(why.status(), "the body may have at most 64 KiB, or 1 MiB of an import")
        }
        _ => Problem::bad("the body cannot be read"),
    })?;
    if writes_nul(&body) {
        return Err(Problem::bad("no text may hold the character U+0000"));
    }
    if !is_object(&body) {
        return Err(Problem::bad("the body is invalid: send one JSON object"));
    }
    serde_json::from_slice(&body).map_err(Problem::bad)
}

/// `fallback`.
pub(super) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address: see /admin/v1/openapi.json")
}

/// `method_not_allowed_fallback`.
pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this address has other methods: see /admin/v1/openapi.json")
}

/// What a program hears whose request took too long.
pub(in crate::web) fn too_late() -> Response {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "this took too long; try again in a moment").into_response()
}
