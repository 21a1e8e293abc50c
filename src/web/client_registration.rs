//! The endpoints at which clients register themselves and manage that (RFC 7591 section 3, RFC 7592 section 2).

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::token::{NO_STORE, authorization, refusal};
use crate::{
    app::App,
    domain::secret::Secret,
    flows::client_registration::{self as flow, NotDone},
    oidc::{
        client_registration::Refused,
        error::{Code, Error},
    },
};

/// `POST /register`.
pub async fn register(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let answer = async {
        let token = bearer(&headers)?;
        flow::register(&app, &token, &json_body(&headers, body)?, app.clock.now()).await
    };
    answered(StatusCode::CREATED, answer.await)
}

/// `GET /register/{id}`.
pub async fn show(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let answer = async { flow::show(&app, &id, &bearer(&headers)?).await };
    answered(StatusCode::OK, answer.await)
}

/// `PUT /register/{id}`.
pub async fn change(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let answer = async {
        let token = bearer(&headers)?;
        flow::change(&app, &id, &token, &json_body(&headers, body)?, app.clock.now()).await
    };
    answered(StatusCode::OK, answer.await)
}

/// `DELETE /register/{id}`.
pub async fn remove(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let answer = async { flow::remove(&app, &id, &bearer(&headers)?, app.clock.now()).await };
    match answer.await {
        Ok(()) => (StatusCode::NO_CONTENT, NO_STORE).into_response(),
        Err(error) => refused(error),
    }
}

/// The token: in the header only (RFC 6750 section 2.1).
fn bearer(headers: &HeaderMap) -> Result<Secret, Error> {
    let header = authorization(headers)?;
    let token = header.and_then(|header| header.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    token
        .map(|(_, token)| Secret::new(token.trim()))
        .ok_or(Error::Json(Code::InvalidToken, "send the token that you were given: Authorization: Bearer"))
}

/// What is no body of metadata is told as any other mistake in it: 400 and a word of RFC 7591 section 3.2.2.
fn json_body(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Bytes, NotDone> {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    let wrong = |why: &str| NotDone::Refused(Refused::Metadata(why.to_owned()));
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(wrong("send JSON: application/json"));
    }
    body.map_err(|_| wrong("the body is too long: at most 64 KiB"))
}

fn answered(status: StatusCode, answer: Result<Value, NotDone>) -> Response {
    match answer {
        Ok(told) => (status, NO_STORE, Json(told)).into_response(),
        Err(error) => refused(error),
    }
}

fn refused(error: NotDone) -> Response {
    match error {
        NotDone::Refused(why) => {
            let body = json!({ "error": why.word(), "error_description": why.description() });
            (StatusCode::BAD_REQUEST, NO_STORE, Json(body)).into_response()
        }
        NotDone::Error(error) => refusal(error, "Bearer realm=\"namens\", error=\"invalid_token\""),
    }
}
