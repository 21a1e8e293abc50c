//! The endpoint for pushed authorization requests (RFC 9126 section 2).

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};

use super::{
    mtls::Peer,
    token::{CHALLENGE, NO_STORE, caller, form, proof, refusal, with_nonce},
};
use crate::{
    app::App,
    flows::{client_auth::authenticate, par::push},
};

/// `POST /par`.
pub async fn par(
    State(app): State<Arc<App>>,
    peer: Peer,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let now = app.clock.now();
    let answer = async {
        let form = form(&headers, body)?;
        let client = authenticate(&app, caller(&headers, &peer)?, &form, now).await?;
        push(&app, &client, proof(&headers)?, &form, now).await
    };
    let response = match answer.await {
        Ok(pushed) => (StatusCode::CREATED, NO_STORE, Json(pushed)).into_response(),
        Err(error) => refusal(error, CHALLENGE),
    };
    with_nonce(response, &app, &headers)
}
