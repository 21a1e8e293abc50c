//! `/admin/v1/clients`.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, json};

use super::{
    Caller, made,
    page::{Asked, cursor},
    problem::{Body, Id, Problem, json as read},
};
use crate::{
    app::App,
    domain::{client::Registration, time::Timestamp},
    flows::{
        admin_clients::{self, Written, as_json},
        client_secret::{LONGEST, renew_for},
    },
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

/// The configuration's word for a `client_id`, which the document does not have.
#[derive(Deserialize)]
struct Foreign {
    id: Option<IgnoredAny>,
}

/// A registration in the words of the document.
fn registration(headers: &HeaderMap, body: Body) -> Result<Registration, Problem> {
    let foreign =
        |bytes: &Bytes| serde_json::from_slice::<Foreign>(bytes).is_ok_and(|told| told.id.is_some());
    let is_foreign = body.as_ref().is_ok_and(foreign);
    let told = read(headers, body)?;
    if is_foreign { Err(Problem::bad("unknown field `id`: it is `client_id` here")) } else { Ok(told) }
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
pub(super) async fn one(State(app): State<Arc<App>>, id: Id) -> Result<Json<Value>, Problem> {
    let (client, configured) = admin_clients::one(&app, &id?).await?;
    Ok(Json(as_json(&client, configured)))
}

/// `POST`.
pub(super) async fn add(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let told = registration(&headers, body)?;
    let (client, secret) = admin_clients::add(&app, &caller, told, app.clock.now()).await?;
    let at = format!("/clients/{}", client.id);
    Ok(made(&app, &at, written((client, secret))))
}

/// `PUT`.
pub(super) async fn replace(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let told = registration(&headers, body)?;
    let done = admin_clients::replace(&app, &caller, &id?, told, app.clock.now()).await?;
    Ok(Json(written(done)))
}

/// `DELETE`.
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    id: Id,
) -> Result<StatusCode, Problem> {
    admin_clients::remove(&app, &caller, &id?, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST` of its `secret`.
pub(super) async fn renew(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let id = id?.0;
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
