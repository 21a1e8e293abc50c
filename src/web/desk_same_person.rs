//! Two registrations of one person, made one at the desk: one proposes it, another one tells the same (M11, `docs/adr/0045`).

use axum::{extract::Path, http::StatusCode, response::Response};
use serde::Deserialize;

use super::{
    desk::{posted, too_many},
    desk_correct::{after, person_of},
    desk_person::page,
    error::Failed,
    form::Form,
    visit::Visit,
};
use crate::{
    domain::{
        birth::BirthDate,
        bsn::Bsn,
        correction::{Known, Right},
        id::{CorrectionId, PersonId},
        own::OwnPage,
        patient_number::PatientNumber,
        secret::Secret,
        staff::Act,
        time::Timestamp,
    },
    flows::{
        corrections,
        desk::{self, AtDesk, TooMany, Wanted},
    },
    store::persons::Person,
};

/// Who is the same person, by what both are known, and where the evidence is.
#[derive(Deserialize)]
pub struct SamePersonForm {
    csrf: String,
    other: Secret,
    birth: String,
    known: Secret,
    evidence: String,
}

/// `POST /desk/person/{id}/same-person`
pub async fn propose(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<SamePersonForm>,
) -> Result<Response, Failed> {
    let at = match posted(&visit, OwnPage::Desk, Act::Correct, &form.csrf).await? {
        Ok(at) => at,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let id = PersonId::from_stored(id);
    let known = match known(&form.birth, &form.known, visit.now) {
        Ok(known) => known,
        Err(key) => return page(&visit, &at, &id, Some(key)).await,
    };
    let other = match find(&visit, &at, &form.other).await? {
        Ok(Some(other)) => other,
        Ok(None) => return page(&visit, &at, &id, Some("desk-same-nobody")).await,
        Err(TooMany) => {
            let mut told = too_many(page(&visit, &at, &id, Some("desk-slow")).await?);
            *told.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            return Ok(told);
        }
    };
    let right = Right::SamePerson(Known { other: Some(other.id), ..known });
    let said = (&right, form.evidence.as_str());
    let done = corrections::propose(&visit.app.store, &at.member.name(), &id, said, visit.now).await;
    after(&visit, &at, &id, done).await
}

/// The same, as the second pair of eyes read it.
#[derive(Deserialize)]
pub struct AlsoForm {
    csrf: String,
    birth: String,
    known: Secret,
}

/// `POST /desk/correction/{id}/same-person`
pub async fn approve(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<AlsoForm>,
) -> Result<Response, Failed> {
    let at = match posted(&visit, OwnPage::Desk, Act::Correct, &form.csrf).await? {
        Ok(at) => at,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let id = CorrectionId::from_stored(id);
    let person = person_of(&visit, &id).await?;
    let right = match known(&form.birth, &form.known, visit.now) {
        Ok(known) => Right::SamePerson(known),
        Err(key) => return page(&visit, &at, &person, Some(key)).await,
    };
    let done = corrections::approve(&visit.app.store, &at.member.name(), &id, &right, visit.now).await;
    after(&visit, &at, &person, done).await
}

/// What was read: a number may be one of either kind.
fn known(birth: &str, number: &Secret, now: Timestamp) -> Result<Known, &'static str> {
    let birth = match birth.trim() {
        "" => None,
        text => Some(BirthDate::read(text, now).map_err(|_| "desk-birth-wrong")?),
    };
    let (bsn, number) = numbers(number);
    Ok(Known { other: None, birth, bsn, number })
}

fn numbers(typed: &Secret) -> (Option<Bsn>, Option<PatientNumber>) {
    let typed = typed.expose().trim();
    (Bsn::parse(typed).ok(), typed.parse().ok())
}

/// The other one, by a number of theirs; with a line in the log, as for each search.
async fn find(visit: &Visit, at: &AtDesk, typed: &Secret) -> Result<Result<Option<Person>, TooMany>, Failed> {
    let (bsn, number) = numbers(typed);
    let wanted = [bsn.map(Wanted::Bsn), number.map(Wanted::Number)];
    for wanted in wanted.into_iter().flatten() {
        match desk::find(&visit.app, &at.member, &wanted, visit.now).await? {
            Ok(None) => {}
            found => return Ok(found),
        }
    }
    Ok(Ok(None))
}
