//! `/admin/v1/clients`.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Caller,
    page::{Asked, cursor},
    problem::{Problem, json as read},
};
use crate::{
    app::App,
    domain::{client::Registration, time::Timestamp},
    flows::{
        admin_clients::{self, Written, as_json},
        client_secret::{LONGEST, renew_for},
    },
    oidc::path,
};

/// One page of clients.
#[derive(Serialize)]
struct Page {
    clients: Vec<Value>,
    /// The cursor of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// How long the secret of before goes on to work.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Renewal {
    keep_old_seconds: i64,
}

/// `GET`: by id.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = asked?;
    let [after] = asked.behind()?.unwrap_or_default();
    let (clients, more) = admin_clients::page(&app, &after, asked.limit()?).await?;
    let last = clients.last().map(|(client, _)| client.id.as_str());
    let next = last.filter(|_| more).map(|id| cursor([id]));
    let clients = clients.iter().map(|(client, configured)| as_json(client, *configured)).collect();
    Ok(Json(Page { clients, next }).into_response())
}

/// `GET` one.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Problem> {
    let (client, configured) = admin_clients::one(&app, &id?).await?;
    Ok(Json(as_json(&client, configured)))
}

/// `POST`.
pub(super) async fn add(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let told: Registration = read(&headers, body)?;
    let (client, secret) = admin_clients::add(&app, &caller, told, app.clock.now()).await?;
    let at = app.config.endpoint(&format!("{}/clients/{}", path::ADMIN, client.id));
    Ok((StatusCode::CREATED, [(LOCATION, at)], Json(written((client, secret)))).into_response())
}

/// `PUT`.
pub(super) async fn replace(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let told: Registration = read(&headers, body)?;
    let done = admin_clients::replace(&app, &caller, &id?, told, app.clock.now()).await?;
    Ok(Json(written(done)))
}

/// `DELETE`.
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    admin_clients::remove(&app, &caller, &id?, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST` of its `secret`.
pub(super) async fn renew(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let Path(id) = id?;
    let told: Renewal = read(&headers, body)?;
    if !(0..=LONGEST).contains(&told.keep_old_seconds) {
        return Err(Problem::bad(format_args!("keep_old_seconds: give 0 to {LONGEST}")));
    }
    let new = renew_for(&app, &caller, &id, told.keep_old_seconds, app.clock.now()).await?;
    Ok(Json(json!({
        "client_id": id,
        "client_secret": new.secret.expose(),
        "old_secret_ends": new.old_ends.map(Timestamp::rfc3339),
    })))
}

/// A client, with its secret where one was just made: only its hash is kept, so nobody hears it again.
fn written((client, secret): Written) -> Value {
    let mut told = as_json(&client, false);
    if let (Value::Object(members), Some(secret)) = (&mut told, secret) {
        members.insert("client_secret".to_owned(), json!(secret.expose()));
    }
    told
}
