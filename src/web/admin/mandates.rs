//! `/admin/v1/mandates` and `/admin/v1/blocks`.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Caller, made, persons,
    problem::{Body, Id, Problem, json as read},
};
use crate::{
    app::App,
    domain::{
        calendar::{parse_day, parse_instant},
        consent::{Party, Word},
        four_eyes::Recognised,
        id::{MandateId, PersonId},
        mandate::{DocumentKind, Evidence, Refusal, Relation},
        registration::{Form, Shown},
        secret::Secret,
        staff::department,
        time::Timestamp,
    },
    flows::admin_mandates::{self, NotDone, as_json, block_as_json, revoked_as_json},
    store::{blocks::Pair, mandates::NotChanged},
};

/// The form of a mandate as the program fills it in. Who registers it is the program, and nobody that it names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filled {
    representative: PersonId,
    represented: PersonId,
    relation: Relation,
    legal_basis: String,
    evidence: Evidence,
    representative_document: Told,
    represented_document: Told,
    form_reference: String,
    #[serde(default)]
    grantor_agrees: bool,
    starts: Option<String>,
    ends: Option<String>,
    department: Option<String>,
}

/// An identity document that was looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    kind: DocumentKind,
    valid_until: String,
    checked: bool,
}

/// Whom to keep out of whose record, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Blocked {
    representative: PersonId,
    represented: PersonId,
    reason: String,
}

/// Whom to let in again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lifted {
    representative: PersonId,
    represented: PersonId,
}

/// What the program that approves read itself of the two people: of each member what is on record.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    representative_bsn: Option<Secret>,
    represented_birth_date: Option<String>,
    represented_bsn: Option<Secret>,
    represented_patient_number: Option<String>,
}

impl Seen {
    fn recognised(self, now: Timestamp) -> Result<Recognised, Problem> {
        let (birth, number) = (self.represented_birth_date, self.represented_patient_number);
        Ok(Recognised {
            representative_bsn: self.representative_bsn.as_ref().map(persons::bsn).transpose()?,
            represented_birth: birth.map(|text| persons::birth(&text, now)).transpose()?,
            represented_bsn: self.represented_bsn.as_ref().map(persons::bsn).transpose()?,
            represented_number: number.map(|text| persons::number(&text)).transpose()?,
        })
    }
}

/// Why what waits is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refused {
    why: Refusal,
}

/// Whose word it is that somebody heard.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Said {
    party: Party,
}

impl Filled {
    fn form(self) -> Result<Form, Problem> {
        Ok(Form {
            representative: self.representative,
            represented: self.represented,
            relation: self.relation,
            legal_basis: self.legal_basis,
            evidence: Some(self.evidence),
            representative_document: Some(self.representative_document.shown()?),
            represented_document: Some(self.represented_document.shown()?),
            form_reference: self.form_reference,
            grantor_agrees: self.grantor_agrees,
            starts: instant("starts", self.starts.as_deref())?,
            ends: instant("ends", self.ends.as_deref())?,
            department: self.department.map(|text| department(&text).map_err(Problem::bad)).transpose()?,
            registered_by: String::new(),
        })
    }
}

impl Told {
    fn shown(self) -> Result<Shown, Problem> {
        let day = parse_day(&self.valid_until);
        let valid_until = day.ok_or_else(|| Problem::bad("valid_until: write a day as 2026-07-01"))?;
        Ok(Shown { kind: self.kind, valid_until, checked: self.checked })
    }
}

pub(super) fn instant(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let wanted = || {
        Problem::bad(format_args!("{name}: write a day as 2026-07-01, or an instant as 2026-07-01T09:00:00Z"))
    };
    text.map(|text| parse_instant(text).ok_or_else(wanted)).transpose()
}

/// `POST`.
pub(super) async fn register(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let filled: Filled = read(&headers, body)?;
    let (by, now) = (caller.name(), app.clock.now());
    let done = admin_mandates::register(&app.store, &by, filled.form()?, now).await?;
    Ok(made(&app, &format!("/mandates/{}", done.mandate.id), as_json(&done)))
}

/// `GET` one.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Json<Value>, Problem> {
    let (by, now) = (caller.name(), app.clock.now());
    Ok(Json(as_json(&admin_mandates::shown(&app.store, &by, &mandate_id(id)?, now).await?)))
}

/// `POST` of its `approve`.
pub(super) async fn approve(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let (seen, now): (Seen, _) = (persons::read(&headers, body)?, app.clock.now());
    let (read, by) = (seen.recognised(now)?, caller.name());
    Ok(Json(as_json(&admin_mandates::approve(&app.store, &by, &mandate_id(id)?, &read, now).await?)))
}

/// `POST` of its `revoke`.
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Json<Value>, Problem> {
    let (by, now) = (caller.name(), app.clock.now());
    let revoked = admin_mandates::revoke(&app.store, &by, &mandate_id(id)?, now).await?;
    let others = admin_mandates::others(&app.store, &revoked.mandate, now).await.map_err(Problem::fault)?;
    Ok(Json(revoked_as_json(&revoked, &others)))
}

/// `POST` of its `refuse`: what waits for its second pair of eyes is over.
pub(super) async fn refuse(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let (Refused { why }, by, now) = (read(&headers, body)?, caller.name(), app.clock.now());
    Ok(Json(as_json(&admin_mandates::refuse(&app.store, &by, &mandate_id(id)?, why, now).await?)))
}

/// `POST` of `consent`: one of its people said that they agree.
pub(super) async fn consent(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    heard(&app, &caller, id, (read(&headers, body)?, Word::Agreed)).await
}

/// `POST` of `withdraw`: one of its people said that they agree no longer.
pub(super) async fn withdraw(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    heard(&app, &caller, id, (read(&headers, body)?, Word::Withdrawn)).await
}

async fn heard(
    app: &App,
    caller: &Caller,
    id: Id,
    (Said { party }, word): (Said, Word),
) -> Result<Json<Value>, Problem> {
    let (by, id, now) = (caller.name(), mandate_id(id)?, app.clock.now());
    Ok(Json(as_json(&admin_mandates::record(&app.store, &by, &id, (party, word), now).await?)))
}

/// `GET` of a person's `blocks`: who is kept out of their record.
pub(super) async fn blocks(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Json<Value>, Problem> {
    let (by, whose, now) = (caller.name(), PersonId::from_stored(id?.0), app.clock.now());
    let blocks = admin_mandates::blocks(&app.store, &by, &whose, now).await?;
    Ok(Json(json!({ "blocks": blocks.iter().map(block_as_json).collect::<Value>() })))
}

/// `POST` of a block.
pub(super) async fn block(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let Blocked { representative, represented, reason } = read(&headers, body)?;
    let pair = Pair { representative, represented };
    admin_mandates::block(&app.store, &caller.name(), &pair, &reason, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST` of `lift`.
pub(super) async fn unblock(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let Lifted { representative, represented } = read(&headers, body)?;
    let pair = Pair { representative, represented };
    admin_mandates::unblock(&app.store, &caller.name(), &pair, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn mandate_id(id: Id) -> Result<MandateId, Problem> {
    Ok(MandateId::from_stored(id?.0))
}

impl From<NotDone> for Problem {
    fn from(why: NotDone) -> Self {
        match why {
            NotDone::NoPerson => persons::unknown(),
            NotDone::NoMandate | NotDone::NoBlock | NotDone::Special(NotChanged::Unknown) => {
                Self::not_found(why)
            }
            NotDone::Form(_) | NotDone::Reason | NotDone::Unattested(_) => Self::bad(why),
            NotDone::OwnMandate
            | NotDone::OwnBlock
            | NotDone::OwnPeople
            | NotDone::Special(NotChanged::Own) => Self::forbidden(why),
            NotDone::TooMany
            | NotDone::Taken(_)
            | NotDone::Circle
            | NotDone::RevokedBefore
            | NotDone::ApprovedBefore
            | NotDone::Over
            | NotDone::SomebodyElse
            | NotDone::OtherBirth
            | NotDone::StillBlocked
            | NotDone::Unheard(_)
            | NotDone::Withdrawn
            | NotDone::NotAttested(_)
            | NotDone::Special(NotChanged::ConfirmedBefore | NotChanged::Over) => Self::conflict(why),
            NotDone::Fault(fault) => Self::fault(fault),
        }
    }
}
