//! The revocation endpoint (RFC 7009).

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};

use super::{
    mtls::Peer,
    token::{CHALLENGE, NO_STORE, caller, form, refusal},
};
use crate::{app::App, flows::revoke::revoke as end};

/// `POST /revoke`.
pub async fn revoke(
    State(app): State<Arc<App>>,
    peer: Peer,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let answer = async {
        let form = form(&headers, body)?;
        end(&app, caller(&headers, &peer)?, &form, app.clock.now()).await
    };
    match answer.await {
        Ok(()) => (StatusCode::OK, NO_STORE).into_response(),
        Err(error) => refusal(error, CHALLENGE),
    }
}
