//! Two registrations of one person, made one at the desk: one proposes it, another one tells the same (M11, `docs/adr/0045`).

use axum::{extract::Path, response::Response};
use serde::Deserialize;

use super::{
    desk::{check_ties, posted, too_many},
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
        patient_number::PatientNumber,
        secret::Secret,
        staff::Act,
        time::Timestamp,
    },
    flows::{
        corrections,
        desk::{self, AtDesk, Found, TooMany, Wanted},
    },
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
    let at = posted(&visit, Act::Correct, &form.csrf).await?;
    let id = PersonId::from_stored(id);
    check_ties(&visit, &at, &[&id]).await?;
    let known = match known(&form.birth, &form.known, visit.now) {
        Ok(known) => known,
        Err(key) => return page(&visit, &at, &id, Some(key)).await,
    };
    let other = match find(&visit, &at, &form.other).await? {
        Ok(Found::One(other)) => other,
        Ok(Found::Theirs) => return page(&visit, &at, &id, Some("desk-own-people")).await,
        Ok(Found::Nobody) => return page(&visit, &at, &id, Some("desk-same-nobody")).await,
        Err(TooMany) => return Ok(too_many(page(&visit, &at, &id, Some("desk-slow")).await?)),
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
    #[serde(default)]
    other: Secret,
}

/// `POST /desk/correction/{id}/same-person`
pub async fn approve(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<AlsoForm>,
) -> Result<Response, Failed> {
    let at = posted(&visit, Act::Correct, &form.csrf).await?;
    let id = CorrectionId::from_stored(id);
    let person = person_of(&visit, &at, &id).await?;
    let right = match known(&form.birth, &form.known, visit.now) {
        Ok(known) => {
            let (other_bsn, other_number) = numbers(&form.other);
            Right::SamePerson(Known { other_bsn, other_number, ..known })
        }
        Err(key) => return page(&visit, &at, &person, Some(key)).await,
    };
    if desk::count(&visit.app, &at.member, visit.now).await?.is_err() {
        return Ok(too_many(page(&visit, &at, &person, Some("desk-slow")).await?));
    }
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
    Ok(Known { birth, bsn, number, ..Known::default() })
}

fn numbers(typed: &Secret) -> (Option<Bsn>, Option<PatientNumber>) {
    let typed = typed.expose().trim();
    (Bsn::parse(typed).ok(), typed.parse().ok())
}

/// The other one, by a number of theirs: one search, however the number may be read, with a line in the log for each look.
pub(super) async fn find(
    visit: &Visit,
    at: &AtDesk,
    typed: &Secret,
) -> Result<Result<Found, TooMany>, Failed> {
    if let Err(many) = desk::count(&visit.app, &at.member, visit.now).await? {
        return Ok(Err(many));
    }
    let (bsn, number) = numbers(typed);
    let wanted = [bsn.map(Wanted::Bsn), number.map(Wanted::Number)];
    for wanted in wanted.into_iter().flatten() {
        match desk::look(&visit.app, at.who(), &wanted, visit.now).await? {
            Found::Nobody => {}
            found => return Ok(Ok(found)),
        }
    }
    Ok(Ok(Found::Nobody))
}
