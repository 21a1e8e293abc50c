//! Putting right at the desk what is recorded of a person: one proposes, another one tells the same (M11, `docs/adr/0034`).

use axum::{extract::Path, response::Response};
use serde::Deserialize;

use super::{
    desk::{check_ties, posted, too_many},
    desk_person::page,
    error::{Failed, see_other},
    error_page::Problem,
    form::Form,
    steps::Token,
    visit::Visit,
};
use crate::{
    domain::{
        birth::BirthDate,
        bsn::Bsn,
        correction::{Correction, Right},
        id::{CorrectionId, PersonId},
        secret::Secret,
        staff::Act,
        time::Timestamp,
    },
    flows::{
        corrections::{self, NotDone},
        desk::{self, AtDesk},
    },
    store::corrections::NotDecided,
};

/// What is right, and where the evidence is.
#[derive(Deserialize)]
pub struct CorrectForm {
    csrf: String,
    birth: String,
    bsn: Secret,
    #[serde(default)]
    number: String,
    evidence: String,
}

/// `POST /desk/person/{id}/correct`
pub async fn propose(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<CorrectForm>,
) -> Result<Response, Failed> {
    let at = posted(&visit, Act::Correct, &form.csrf).await?;
    let id = PersonId::from_stored(id);
    check_ties(&visit, &at, &[&id]).await?;
    let right = match right((&form.birth, &form.bsn, &form.number), visit.now) {
        Ok(right) => right,
        Err(key) => return page(&visit, &at, &id, Some(key)).await,
    };
    // Whether somebody else has this BSN is told, as by a search.
    if matches!(right, Right::Bsn(_)) && desk::count(&visit.app, &at.member, visit.now).await?.is_err() {
        return Ok(too_many(page(&visit, &at, &id, Some("desk-slow")).await?));
    }
    let said = (&right, form.evidence.as_str());
    let done = corrections::propose(&visit.app.store, &at.member.name(), &id, said, visit.now).await;
    after(&visit, &at, &id, done).await
}

/// The same, as the second pair of eyes read it.
#[derive(Deserialize)]
pub struct SameForm {
    csrf: String,
    birth: String,
    bsn: Secret,
    #[serde(default)]
    number: String,
}

/// `POST /desk/correction/{id}/approve`
pub async fn approve(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<SameForm>,
) -> Result<Response, Failed> {
    let at = posted(&visit, Act::Correct, &form.csrf).await?;
    let (store, id) = (&visit.app.store, CorrectionId::from_stored(id));
    let person = person_of(&visit, &at, &id).await?;
    let right = match right((&form.birth, &form.bsn, &form.number), visit.now) {
        Ok(right) => right,
        Err(key) => return page(&visit, &at, &person, Some(key)).await,
    };
    // Whether it is what a colleague proposed is told.
    if desk::count(&visit.app, &at.member, visit.now).await?.is_err() {
        return Ok(too_many(page(&visit, &at, &person, Some("desk-slow")).await?));
    }
    let done = corrections::approve(store, &at.member.name(), &id, &right, visit.now).await;
    after(&visit, &at, &person, done).await
}

/// `POST /desk/correction/{id}/withdraw`
pub async fn withdraw(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<Token>,
) -> Result<Response, Failed> {
    let at = posted(&visit, Act::Correct, &form.csrf).await?;
    let id = CorrectionId::from_stored(id);
    let person = person_of(&visit, &at, &id).await?;
    let done = corrections::withdraw(&visit.app.store, &at.member.name(), &id, visit.now).await;
    after(&visit, &at, &person, done).await
}

/// Of whom a correction is, for a member who has nothing to do with its people.
pub(super) async fn person_of(visit: &Visit, at: &AtDesk, id: &CorrectionId) -> Result<PersonId, Failed> {
    let Correction { person, other, .. } = match corrections::one(&visit.app.store, id).await {
        Ok(correction) => correction,
        Err(NotDone::Fault(fault)) => return Err(fault.into()),
        Err(_) => return Err(Failed::Page(Problem::NotFound, None)),
    };
    let people: Vec<&PersonId> = [Some(&person), other.as_ref()].into_iter().flatten().collect();
    check_ties(visit, at, &people).await?;
    Ok(person)
}

/// One of the three, and no more.
fn right((birth, bsn, number): (&str, &Secret, &str), now: Timestamp) -> Result<Right, &'static str> {
    match (birth.trim(), bsn.expose().trim(), number.trim()) {
        (birth, "", "") if !birth.is_empty() => {
            BirthDate::read(birth, now).map(Right::BirthDate).map_err(|_| "desk-birth-wrong")
        }
        ("", bsn, "") if !bsn.is_empty() => Bsn::parse(bsn).map(Right::Bsn).map_err(|_| "desk-bsn-wrong"),
        ("", "", number) if !number.is_empty() => {
            number.parse().map(Right::PatientNumber).map_err(|_| "desk-patient-number-wrong")
        }
        _ => Err("desk-correct-one"),
    }
}

pub(super) async fn after(
    visit: &Visit,
    at: &AtDesk,
    person: &PersonId,
    done: Result<Correction, NotDone>,
) -> Result<Response, Failed> {
    match done {
        Ok(_) => Ok(see_other(&format!("/desk/person/{person}"))),
        Err(NotDone::Fault(fault)) => Err(fault.into()),
        Err(NotDone::NoPerson | NotDone::Decided(NotDecided::Unknown)) => {
            Err(Failed::Page(Problem::NotFound, None))
        }
        Err(why) => page(visit, at, person, Some(key(&why))).await,
    }
}

const fn key(why: &NotDone) -> &'static str {
    let why = match why {
        NotDone::Decided(why) => why,
        NotDone::Evidence => return "desk-correct-evidence-wrong",
        NotDone::TooMany => return "desk-correct-too-many",
        NotDone::NoPerson | NotDone::Fault(_) => return "desk-before",
    };
    match why {
        NotDecided::Own => "desk-correct-own",
        NotDecided::OwnPeople => "desk-own-people",
        NotDecided::SomethingElse => "desk-correct-something-else",
        NotDecided::ChangedSince => "desk-correct-changed",
        NotDecided::Proven => "desk-correct-proven",
        NotDecided::BsnTaken => "desk-correct-taken",
        NotDecided::NotRecognised => "desk-same-not-recognised",
        NotDecided::HasAccount => "desk-same-has-account",
        NotDecided::NotTheirAccount => "desk-same-not-theirs",
        NotDecided::TwoPeople => "desk-same-two-people",
        NotDecided::BornApart => "desk-same-born-apart",
        NotDecided::TwoBsns => "desk-same-two-bsns",
        NotDecided::NumberTaken => "desk-correct-number-taken",
        NotDecided::Unknown | NotDecided::Over => "desk-before",
    }
}
