//! `/admin/v1/corrections`, and where one is proposed.

use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::HeaderMap, response::Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Caller, made,
    persons::{self, birth, bsn, number, read},
    problem::{Body, Id, Problem},
};
use crate::{
    app::App,
    domain::{
        correction::{Known, Right},
        id::{CorrectionId, PersonId},
        secret::Secret,
        time::Timestamp,
    },
    flows::corrections::{self, NotDone, as_json},
    store::corrections::NotDecided,
};

/// What the program proposes: exactly one of the three, or who is the same person and by what both are known; and where the evidence is kept.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Proposed {
    same_person: Option<String>,
    birth_date: Option<String>,
    bsn: Option<Secret>,
    patient_number: Option<String>,
    evidence_reference: String,
}

/// What the program that approves read itself: exactly one, or the same of two who are one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    same_person: Option<String>,
    birth_date: Option<String>,
    bsn: Option<Secret>,
    patient_number: Option<String>,
    other_bsn: Option<Secret>,
    other_patient_number: Option<String>,
}

impl Seen {
    fn right(self, now: Timestamp) -> Result<Right, Problem> {
        match self {
            Self {
                same_person: Some(other),
                birth_date,
                bsn: text,
                patient_number,
                other_bsn,
                other_patient_number,
            } => {
                let is_id = !other.is_empty()
                    && other.len() <= 64
                    && other.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
                if !is_id {
                    return Err(Problem::bad("same_person: this must be the id of a person"));
                }
                Ok(Right::SamePerson(Known {
                    other: Some(PersonId::from_stored(other)),
                    birth: birth_date.map(|text| birth(&text, now)).transpose()?,
                    bsn: text.map(|text| bsn(&text)).transpose()?,
                    number: patient_number.map(|text| number(&text)).transpose()?,
                    other_bsn: other_bsn.map(|text| bsn(&text)).transpose()?,
                    other_number: other_patient_number.map(|text| number(&text)).transpose()?,
                }))
            }
            Self { other_bsn: Some(_), .. } | Self { other_patient_number: Some(_), .. } => {
                Err(Problem::bad("other_bsn and other_patient_number go with same_person"))
            }
            Self { birth_date: Some(text), bsn: None, patient_number: None, .. } => {
                Ok(Right::BirthDate(birth(&text, now)?))
            }
            Self { birth_date: None, bsn: Some(text), patient_number: None, .. } => {
                Ok(Right::Bsn(bsn(&text)?))
            }
            Self { birth_date: None, bsn: None, patient_number: Some(text), .. } => {
                Ok(Right::PatientNumber(number(&text)?))
            }
            _ => Err(Problem::bad(
                "give birth_date, bsn or patient_number, and only one of them; or same_person, with what is on record of the two",
            )),
        }
    }
}

/// `POST` of a person's.
pub(super) async fn propose(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (told, now): (Proposed, _) = (read(&headers, body)?, app.clock.now());
    let Proposed { same_person, birth_date, bsn, patient_number, evidence_reference } = told;
    let (other_bsn, other_patient_number) = (None, None);
    let seen = Seen { same_person, birth_date, bsn, patient_number, other_bsn, other_patient_number };
    let right = seen.right(now)?;
    let (by, person) = (caller.name(), PersonId::from_stored(id?.0));
    let seen = (&right, evidence_reference.as_str());
    let proposed = corrections::propose(&app.store, &by, &person, seen, now).await?;
    Ok(made(&app, &format!("/corrections/{}", proposed.id), as_json(&proposed, now)))
}

/// `GET` of a person's, the newest first.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Json<Value>, Problem> {
    let (person, now) = (PersonId::from_stored(id?.0), app.clock.now());
    let all = corrections::of(&app.store, &caller.name(), &person, now).await?;
    Ok(Json(json!({ "corrections": all.iter().map(|one| as_json(one, now)).collect::<Value>() })))
}

/// `GET` one.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Json<Value>, Problem> {
    let now = app.clock.now();
    let found = corrections::shown(&app.store, &caller.name(), &correction_id(id)?, now).await?;
    Ok(Json(as_json(&found, now)))
}

/// `POST` of its `approve`.
pub(super) async fn approve(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let (seen, now): (Seen, _) = (read(&headers, body)?, app.clock.now());
    let (right, by) = (seen.right(now)?, caller.name());
    let done = corrections::approve(&app.store, &by, &correction_id(id)?, &right, now).await?;
    Ok(Json(as_json(&done, now)))
}

/// `POST` of its `withdraw`.
pub(super) async fn withdraw(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Json<Value>, Problem> {
    let (by, now) = (caller.name(), app.clock.now());
    Ok(Json(as_json(&corrections::withdraw(&app.store, &by, &correction_id(id)?, now).await?, now)))
}

fn correction_id(id: Id) -> Result<CorrectionId, Problem> {
    Ok(CorrectionId::from_stored(id?.0))
}

impl From<NotDone> for Problem {
    fn from(why: NotDone) -> Self {
        match why {
            NotDone::NoPerson => persons::unknown(),
            NotDone::Decided(NotDecided::Unknown) => Self::not_found(why),
            NotDone::Evidence => Self::bad(why),
            NotDone::Decided(NotDecided::Own | NotDecided::OwnPeople) => Self::forbidden(why),
            NotDone::TooMany | NotDone::Decided(_) => Self::conflict(why),
            NotDone::Fault(fault) => Self::fault(fault),
        }
    }
}
