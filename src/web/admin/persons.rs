//! `/admin/v1/persons`.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{
        Path, State,
        rejection::{BytesRejection, PathRejection},
    },
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Caller,
    problem::{Problem, json},
};
use crate::{
    app::App,
    domain::{birth::BirthDate, bsn::Bsn, id::PersonId, line::one_line, secret::Secret},
    flows::admin_persons::{self, as_json},
    oidc::path,
};

/// A person as the program tells of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    name: String,
    birth_date: Option<String>,
    bsn: Option<Secret>,
}

/// By what a person is looked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    bsn: Secret,
}

/// The JSON of a body in which a BSN may stand anywhere: nothing of it is repeated.
fn read<T: DeserializeOwned>(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<T, Problem> {
    let mute = "send the members that /admin/v1/openapi.json names, each as text; nothing of what was sent is repeated here";
    json(headers, body).map_err(|problem| problem.muted(mute))
}

fn bsn(text: &Secret) -> Result<Bsn, Problem> {
    Bsn::parse(text.expose()).map_err(|why| Problem::bad(format_args!("bsn: {why}")))
}

/// `POST`.
pub(super) async fn add(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let (told, now): (New, _) = (read(&headers, body)?, app.clock.now());
    let name = one_line(&told.name).map_err(|why| Problem::bad(format_args!("name: {why}")))?;
    let birth = told.birth_date.map(|text| BirthDate::read(&text, now)).transpose();
    let birth = birth.map_err(|why| Problem::bad(format_args!("birth_date: {why}")))?;
    let bsn = told.bsn.as_ref().map(bsn).transpose()?;
    let person = admin_persons::register(&app, &caller, (name, birth, bsn), now).await?;
    let taken = |_| Problem::new(StatusCode::CONFLICT, "there is a person with this BSN: find them by it");
    let person = person.map_err(taken)?;
    let at = app.config.endpoint(&format!("{}/persons/{}", path::ADMIN, person.id.as_str()));
    Ok((StatusCode::CREATED, [(LOCATION, at)], Json(as_json(&person))).into_response())
}

/// `POST` of `find`: a BSN never stands in an address.
pub(super) async fn find(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let wanted: Wanted = read(&headers, body)?;
    let person = app.store.person_by_bsn(&bsn(&wanted.bsn)?).await?;
    Ok(Json(as_json(&person.ok_or_else(unknown)?)))
}

/// `GET` one.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Problem> {
    let person = app.store.person(&PersonId::from_stored(id?.0)).await?;
    Ok(Json(as_json(&person.ok_or_else(unknown)?)))
}

/// `GET` of their `mandates`.
pub(super) async fn mandates(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Problem> {
    let told = admin_persons::mandates(&app, &PersonId::from_stored(id?.0), app.clock.now()).await?;
    Ok(Json(told.ok_or_else(unknown)?))
}

pub(super) fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such person")
}
