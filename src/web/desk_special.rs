//! Special bases at the desk (M4, `docs/adr/0016`): one attests that somebody cannot decide for themselves, another one confirms it, and one
//! ends it.

use axum::{extract::Path, response::Response};
use serde::Deserialize;

use super::{
    desk_mandate::{after, opened, page},
    error::Failed,
    form::Form,
    visit::Visit,
};
use crate::{
    domain::{
        calendar::{parse_instant, told},
        four_eyes::is_second,
        id::{MandateId, SpecialBasisId},
        mandate::{Attestation, SpecialBasis, attestable},
        staff::Act,
    },
    flows::{
        admin_mandates as flow,
        desk::{AtDesk, shown},
    },
    store::mandates::Listed,
};

/// A special basis that stands or waits.
pub struct BasisRow {
    /// Which.
    pub id: String,
    /// Where the evidence is kept.
    pub evidence: String,
    /// Who attested it, and when, in words.
    pub attested: (String, String),
    /// Who confirmed it, and when.
    pub confirmed: Option<(String, String)>,
    /// When it ends.
    pub ends: String,
    /// Whether this member may confirm it.
    pub may_confirm: bool,
    /// Whether they may end it.
    pub may_end: bool,
}

/// Those of a mandate.
pub(super) async fn rows(visit: &Visit, at: &AtDesk, listed: &Listed) -> Result<Vec<BasisRow>, Failed> {
    let (store, lang, roles) = (&visit.app.store, visit.lang(None), &at.member.roles);
    let mut rows = Vec::new();
    for basis in &listed.mandate.special {
        let confirmed = match &basis.confirmed {
            Some(second) => Some((shown(store, &second.by).await?, told(second.at, lang))),
            None => None,
        };
        let waits = basis.waits_until().is_some_and(|end| visit.now < end);
        rows.push(BasisRow {
            id: basis.id.to_string(),
            evidence: basis.evidence_reference.clone(),
            attested: (shown(store, &basis.attested_by).await?, told(basis.attested_at, lang)),
            confirmed,
            ends: told(basis.ends, lang),
            may_confirm: waits
                && roles.open(Act::Approve)
                && is_second(&basis.attested_by, &at.member.name()),
            may_end: roles.open(Act::TakeAway),
        });
    }
    Ok(rows)
}

/// Whether this member may attest one: the rule says of which mandates, and from which age on.
pub(super) fn may_attest(visit: &Visit, at: &AtDesk, listed: &Listed) -> bool {
    at.member.roles.open(Act::Register) && attestable(&listed.mandate, listed.born, visit.now).is_ok()
}

/// Where the evidence is kept, and until when it stands.
#[derive(Deserialize)]
pub struct AttestForm {
    csrf: String,
    evidence: String,
    ends: String,
}

/// `POST /desk/mandate/{id}/attest`
pub async fn attest(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<AttestForm>,
) -> Result<Response, Failed> {
    let id = MandateId::from_stored(id);
    let (at, _) = opened(&visit, (Act::Register, &form.csrf), &id).await?;
    let Some(ends) = parse_instant(form.ends.trim()) else {
        return page(&visit, &at, &id, Some("desk-day-wrong")).await;
    };
    let attestation = Attestation { evidence_reference: form.evidence, ends, by: at.member.name() };
    let done = flow::attest(&visit.app.store, &id, &attestation, visit.now).await;
    after(&visit, &at, &id, done.map(drop)).await
}

/// Which one.
#[derive(Deserialize)]
pub struct BasisForm {
    csrf: String,
    basis: String,
}

/// `POST /desk/mandate/{id}/confirm`: who looked at the evidence too.
pub async fn confirm(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<BasisForm>,
) -> Result<Response, Failed> {
    change(&visit, MandateId::from_stored(id), (form, Act::Approve)).await
}

/// `POST /desk/mandate/{id}/end`: at once, by one.
pub async fn end(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<BasisForm>,
) -> Result<Response, Failed> {
    change(&visit, MandateId::from_stored(id), (form, Act::TakeAway)).await
}

async fn change(visit: &Visit, id: MandateId, (form, act): (BasisForm, Act)) -> Result<Response, Failed> {
    let (at, listed) = opened(visit, (act, &form.csrf), &id).await?;
    let basis = SpecialBasisId::from_stored(form.basis);
    // One of another mandate is another page's: its people were not looked at here.
    let is_of_it = |one: &SpecialBasis| one.id == basis;
    if !listed.mandate.special.iter().any(is_of_it) {
        return page(visit, &at, &id, Some("desk-before")).await;
    }
    let (store, by) = (&visit.app.store, at.member.name());
    let done = if act == Act::Approve {
        flow::confirm(store, &by, &basis, visit.now).await
    } else {
        flow::end(store, &by, &basis, visit.now).await
    };
    after(visit, &at, &id, done.map(drop)).await
}
