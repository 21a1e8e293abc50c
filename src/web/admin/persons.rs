//! `/admin/v1/persons`.

use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::HeaderMap, response::Response};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Caller, made,
    problem::{Body, Id, Problem, json},
};
use crate::{
    app::App,
    domain::{
        birth::BirthDate,
        bsn::Bsn,
        id::PersonId,
        line::one_line,
        patient_number::{NotAPatientNumber, PatientNumber},
        secret::Secret,
        time::Timestamp,
    },
    flows::admin_persons::{self, as_json},
    store::persons::Told,
};

/// A person as the program tells of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    name: String,
    birth_date: Option<String>,
    bsn: Option<Secret>,
    patient_number: Option<String>,
}

/// By what a person is looked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    bsn: Secret,
}

/// The JSON of a body in which a BSN may stand anywhere: nothing of it is repeated.
pub(super) fn read<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Problem> {
    let mute = "send the members that /admin/v1/openapi.json names, each as text; nothing of what was sent is repeated here";
    json(headers, body).map_err(|problem| problem.muted(mute))
}

pub(super) fn birth(text: &str, now: Timestamp) -> Result<BirthDate, Problem> {
    BirthDate::read(text, now).map_err(|why| Problem::bad(format_args!("birth_date: {why}")))
}

pub(super) fn bsn(text: &Secret) -> Result<Bsn, Problem> {
    Bsn::parse(text.expose()).map_err(|why| Problem::bad(format_args!("bsn: {why}")))
}

pub(super) fn number(text: &str) -> Result<PatientNumber, Problem> {
    text.parse().map_err(|why: NotAPatientNumber| Problem::bad(format_args!("patient_number: {why}")))
}

/// `POST`.
pub(super) async fn add(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (told, now): (New, _) = (read(&headers, body)?, app.clock.now());
    let name = one_line(&told.name).map_err(|why| Problem::bad(format_args!("name: {why}")))?;
    let birth = told.birth_date.map(|text| birth(&text, now)).transpose()?;
    let bsn = told.bsn.as_ref().map(bsn).transpose()?;
    let patient_number = told.patient_number.map(|text| number(&text)).transpose()?;
    let told = Told { name, birth, bsn, patient_number };
    let person = admin_persons::register(&app.store, &caller.name(), told, now).await?;
    let taken =
        |_| Problem::conflict("there is a person with this BSN or patient number: find them by the BSN");
    let person = person.map_err(taken)?;
    Ok(made(&app, &format!("/persons/{}", person.id), as_json(&person)))
}

/// `POST` of `find`: a BSN never stands in an address.
pub(super) async fn find(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let wanted: Wanted = read(&headers, body)?;
    let (bsn, by) = (bsn(&wanted.bsn)?, caller.name());
    let person = app.store.find_person(&bsn, Some(&by), app.clock.now()).await?;
    Ok(Json(as_json(&person.ok_or_else(unknown)?)))
}

/// `GET` one.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Json<Value>, Problem> {
    let (by, id, now) = (caller.name(), PersonId::from_stored(id?.0), app.clock.now());
    let person = admin_persons::shown(&app.store, &by, &id, now).await?;
    Ok(Json(as_json(&person.ok_or_else(unknown)?)))
}

/// `GET` of their `mandates`.
pub(super) async fn mandates(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Json<Value>, Problem> {
    let (by, id, now) = (caller.name(), PersonId::from_stored(id?.0), app.clock.now());
    let told = admin_persons::mandates(&app.store, &by, &id, now).await?;
    Ok(Json(told.ok_or_else(unknown)?))
}

pub(super) fn unknown() -> Problem {
    Problem::not_found("there is no such person")
}
