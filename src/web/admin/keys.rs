//! `/admin/v1/keys`.

use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::HeaderMap};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Caller,
    problem::{Body, Problem, json as read},
};
use crate::{
    app::App,
    domain::{fault::Fault, key::Algorithm},
    flows::keys::{as_json, rotate_for, turn_as_json},
};

/// Which keys to turn.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    /// All when left out.
    alg: Option<Algorithm>,
}

/// `GET`: the hundred that sign last, youngest first.
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let (keys, now) = (app.store.key_facts().await?, app.clock.now());
    Ok(Json(json!({ "keys": keys.iter().map(|key| as_json(key, now)).collect::<Value>() })))
}

/// `POST` of `rotate`. Asked twice, it is done once.
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let told: Rotation = read(&headers, body)?;
    // To its end, also when the program goes away meanwhile.
    let turning = tokio::spawn(async move { rotate_for(&app, &caller, told.alg, app.clock.now()).await });
    let turns = turning.await.map_err(Fault::from)??.map_err(|_| Problem::busy())?;
    Ok(Json(json!({ "turns": turns.iter().map(turn_as_json).collect::<Value>() })))
}
