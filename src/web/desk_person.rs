//! A person as the desk knows them, with their mandates and what was proposed to put right.

use askama::Template;
use axum::{extract::Path, response::Response};

use super::{
    desk::{check_ties, enter, frame},
    desk_block::{self, BlockRow},
    desk_words as words,
    error::Failed,
    error_page::Problem,
    page::{self, Frame},
    visit::Visit,
};
use crate::{
    domain::{
        calendar::told,
        correction::{Stage, What},
        four_eyes::is_second,
        id::PersonId,
        mandate::Mandate,
        staff::Act,
    },
    flows::desk::{AtDesk, shown},
    store::mandates::Listed,
};

/// A person.
#[derive(Template)]
#[template(path = "desk_person.html")]
pub struct PersonPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Who.
    pub id: String,
    /// What the desk calls them.
    pub name: String,
    /// The date of birth, as far as known.
    pub birth: Option<String>,
    /// The patient number.
    pub number: Option<String>,
    /// Whether a BSN is known; it is never shown.
    pub has_bsn: bool,
    /// With which they may act for others.
    pub held: Vec<MandateRow>,
    /// With which others may act for them.
    pub given: Vec<MandateRow>,
    /// Whether this member may keep somebody out.
    pub may_block: bool,
    /// Who is kept out, for who may lift it.
    pub blocks: Vec<BlockRow>,
    /// Whether this member may put right what is recorded.
    pub may_correct: bool,
    /// What waits to be put right.
    pub corrections: Vec<CorrectionRow>,
    /// What was wrong: the key of the message.
    pub error: Option<&'static str>,
}

/// A mandate in a list.
pub struct MandateRow {
    /// Which.
    pub id: String,
    /// The other one.
    pub name: String,
    /// What the representative is to the person represented: the key of the message.
    pub relation: &'static str,
    /// What it is worth now: the key of the message.
    pub standing: &'static str,
}

page::rendered!(PersonPage, |page| page.error.is_some());

/// What was proposed to put right, and waits.
pub struct CorrectionRow {
    /// Which.
    pub id: String,
    /// Of what: the key of the message.
    pub what: &'static str,
    /// Of what it is.
    pub of: What,
    /// The other person, where it is that two are one.
    pub other: Option<String>,
    /// Who proposed it, and when.
    pub proposed: (String, String),
    /// Where the evidence is kept.
    pub evidence: String,
    /// Whether this member may be the second pair of eyes.
    pub may_approve: bool,
}

/// `GET /desk/person/{id}`
pub async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Failed> {
    let at = enter(&visit, Act::Search).await?;
    page(&visit, &at, &PersonId::from_stored(id), None).await
}

/// A person; with a line in the log that they were looked at.
pub(super) async fn page(
    visit: &Visit,
    at: &AtDesk,
    id: &PersonId,
    error: Option<&'static str>,
) -> Result<Response, Failed> {
    let store = &visit.app.store;
    let Some(person) = store.person(id).await? else { return Err(Failed::Page(Problem::NotFound, None)) };
    check_ties(visit, at, &[id]).await?;
    store.note_shown(&at.member.name(), id, None, visit.now).await?;
    let row = |listed: Listed, name: String| MandateRow {
        id: listed.mandate.id.to_string(),
        name,
        relation: words::relation(listed.mandate.relation),
        standing: words::standing(listed.standing),
    };
    let of_represented = |one: Listed| {
        let name = one.represented_name.clone();
        row(one, name)
    };
    let of_representative = |one: Listed| {
        let name = one.representative_name.clone();
        row(one, name)
    };
    // What is about their own people is no less so in somebody else's file.
    let others = |one: &Listed| {
        let Mandate { representative, represented, .. } = &one.mandate;
        at.ties.of(&[representative.as_str(), represented.as_str()]).is_none()
    };
    let held = store.mandates_held(id, visit.now).await?.into_iter().filter(others);
    let held = held.map(of_represented).collect();
    let given = store.mandates_given(id, visit.now).await?.into_iter().filter(others);
    let given = given.map(of_representative).collect();
    let may_correct = at.member.roles.open(Act::Correct);
    let corrections = if may_correct { waiting(visit, at, id).await? } else { Vec::new() };
    let page = PersonPage {
        frame: frame(visit, at),
        id: id.to_string(),
        name: person.name,
        birth: person.birth.map(|birth| birth.to_string()),
        number: person.patient_number.map(|number| number.to_string()),
        has_bsn: person.has_bsn,
        held,
        given,
        may_block: at.member.roles.open(Act::TakeAway),
        blocks: desk_block::rows(visit, at, id).await?,
        may_correct,
        corrections,
        error,
    };
    Ok(page.render())
}

async fn waiting(visit: &Visit, at: &AtDesk, id: &PersonId) -> Result<Vec<CorrectionRow>, Failed> {
    let (store, lang) = (&visit.app.store, visit.lang(None));
    let mut rows = Vec::new();
    let all = store.corrections_of(id).await?;
    for one in all.into_iter().filter(|one| one.stage(visit.now) == Stage::Waiting) {
        if one.other.as_ref().is_some_and(|other| at.ties.of(&[other.as_str()]).is_some()) {
            continue;
        }
        rows.push(CorrectionRow {
            id: one.id.to_string(),
            what: words::wrong_of(one.what),
            of: one.what,
            other: one.other.map(|other| other.to_string()),
            proposed: (shown(store, &one.proposed_by).await?, told(one.proposed_at, lang)),
            evidence: one.evidence_reference,
            may_approve: is_second(&one.proposed_by, &at.member.name()),
        });
    }
    Ok(rows)
}
