//! `/admin/v1/special`, and where one is attested: what stands in the place of an agreement that somebody cannot give (M4).

use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::HeaderMap};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Caller,
    mandates::{instant, mandate_id},
    problem::{Body, Id, Problem, json as read},
};
use crate::{
    app::App,
    domain::{id::SpecialBasisId, mandate::Attestation},
    flows::admin_mandates::{self, as_json},
};

/// What the program attests. Who does is the program.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attested {
    evidence_reference: String,
    ends: String,
}

/// `POST` of a mandate's `special`.
pub(super) async fn attest(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let Attested { evidence_reference, ends } = read(&headers, body)?;
    let ends = instant("ends", Some(&ends))?.ok_or_else(|| Problem::bad("ends: give one"))?;
    let attestation = Attestation { evidence_reference, ends, by: caller.name() };
    let (id, now) = (mandate_id(id)?, app.clock.now());
    Ok(Json(as_json(&admin_mandates::attest(&app.store, &id, &attestation, now).await?)))
}

/// `POST` of its `confirm`.
pub(super) async fn confirm(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Json<Value>, Problem> {
    let (by, id, now) = (caller.name(), SpecialBasisId::from_stored(id?.0), app.clock.now());
    Ok(Json(as_json(&admin_mandates::confirm(&app.store, &by, &id, now).await?)))
}

/// `POST` of its `end`.
pub(super) async fn end(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Json<Value>, Problem> {
    let (by, id, now) = (caller.name(), SpecialBasisId::from_stored(id?.0), app.clock.now());
    Ok(Json(as_json(&admin_mandates::end(&app.store, &by, &id, now).await?)))
}
