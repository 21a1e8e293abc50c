//! `/admin/v1/mandates` and `/admin/v1/blocks`.

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
use serde::Deserialize;
use serde_json::Value;

use super::{
    Caller, persons,
    problem::{Problem, json as read},
};
use crate::{
    app::App,
    domain::{
        calendar::{parse_day, parse_instant},
        id::{MandateId, PersonId},
        mandate::{DocumentKind, Evidence, Relation},
        registration::{Form, Shown},
        time::Timestamp,
    },
    flows::admin_mandates::{self, NotDone, as_json},
    oidc::path,
    store::blocks::Pair,
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

fn instant(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let wanted = || {
        Problem::bad(format_args!("{name}: write a day as 2026-07-01, or an instant as 2026-07-01T09:00:00Z"))
    };
    text.map(|text| parse_instant(text).ok_or_else(wanted)).transpose()
}

/// `POST`.
pub(super) async fn register(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let filled: Filled = read(&headers, body)?;
    let done = admin_mandates::register(&app, &caller, filled.form()?, app.clock.now()).await?;
    let at = app.config.endpoint(&format!("{}/mandates/{}", path::ADMIN, done.mandate.id.as_str()));
    Ok((StatusCode::CREATED, [(LOCATION, at)], Json(as_json(&done))).into_response())
}

/// `GET` one.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(as_json(&admin_mandates::one(&app, &mandate_id(id)?, app.clock.now()).await?)))
}

/// `POST` of its `approve`.
pub(super) async fn approve(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Problem> {
    let done = admin_mandates::approve(&app, &caller, &mandate_id(id)?, app.clock.now()).await?;
    Ok(Json(as_json(&done)))
}

/// `POST` of its `revoke`.
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Problem> {
    let done = admin_mandates::revoke(&app, &caller, &mandate_id(id)?, app.clock.now()).await?;
    Ok(Json(as_json(&done)))
}

/// `POST` of a block.
pub(super) async fn block(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let Blocked { representative, represented, reason } = read(&headers, body)?;
    let pair = Pair { representative, represented };
    admin_mandates::block(&app, &caller, &pair, &reason, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST` of `lift`.
pub(super) async fn unblock(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let Lifted { representative, represented } = read(&headers, body)?;
    let pair = Pair { representative, represented };
    admin_mandates::unblock(&app, &caller, &pair, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn mandate_id(id: Result<Path<String>, PathRejection>) -> Result<MandateId, Problem> {
    Ok(MandateId::from_stored(id?.0))
}

impl From<NotDone> for Problem {
    fn from(why: NotDone) -> Self {
        let conflict = |why| Self::new(StatusCode::CONFLICT, why);
        let second = |why| Self::new(StatusCode::FORBIDDEN, why);
        match why {
            NotDone::NoPerson => persons::unknown(),
            NotDone::NoMandate => Self::new(StatusCode::NOT_FOUND, "there is no such mandate"),
            NotDone::NoBlock => Self::new(StatusCode::NOT_FOUND, "there is no block between these two"),
            NotDone::Form(why) => Self::bad(why),
            NotDone::Reason => Self::bad("reason: write something on one line of at most 200 characters"),
            NotDone::TooMany => {
                conflict("one of these persons has 200 mandates already: revoke what is no longer needed")
            }
            NotDone::RevokedBefore => conflict("this mandate was revoked before: nothing was changed"),
            NotDone::ApprovedBefore => conflict("this mandate was approved before: nothing was changed"),
            NotDone::Over => conflict("this mandate is over: register a new one"),
            NotDone::NotAsked => conflict("the desk registered this mandate: it needs no approval here"),
            NotDone::OwnMandate => second("you registered this yourself: another program must approve it"),
            NotDone::OwnBlock => second(
                "you placed this block yourself, or the desk did by its command: another program must lift it, or the desk",
            ),
            NotDone::StillBlocked => conflict(
                "the blocks of other programs are lifted, but one holds that you or the desk placed: another one must lift it",
            ),
            NotDone::Fault(fault) => Self::fault(fault),
        }
    }
}
