//! One mandate at the desk: what is on record of it, its second pair of eyes, what its people said, and taking it away.

use askama::Template;
use axum::{extract::Path, response::Response};
use serde::Deserialize;

use super::{
    desk::{check_ties, enter, frame, posted, too_many},
    desk_block::{self, BlockRow},
    desk_special::{self, BasisRow},
    desk_words as words,
    error::{Failed, see_other},
    error_page::Problem,
    form::Form,
    page::{self, Frame},
    steps::Token,
    visit::Visit,
};
use crate::{
    domain::{
        birth::BirthDate,
        bsn::Bsn,
        calendar::told,
        consent::{Party, Word, agreement},
        four_eyes::{Recognised, is_second},
        id::MandateId,
        mandate::{Mandate, Refusal, Relation, Standing},
        secret::Secret,
        staff::{Act, Roles},
        time::Timestamp,
    },
    flows::{
        admin_mandates::{self as flow, NotDone},
        desk::{self, AtDesk, shown},
    },
    store::mandates::Listed,
};

/// A mandate.
#[derive(Template)]
#[template(path = "desk_mandate.html")]
pub struct MandatePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Which.
    pub id: String,
    /// Who acts: their page, and what they are called.
    pub representative: (String, String),
    /// For whom.
    pub represented: (String, String),
    /// What the first is to the second: the key of the message.
    pub relation: &'static str,
    /// What it is worth now: the key of the message.
    pub standing: &'static str,
    /// Until when it counts, in words.
    pub until: Option<String>,
    /// The ground in law, and where the form is kept.
    pub texts: [String; 2],
    /// What proved the authority: the key of the message.
    pub evidence: &'static str,
    /// Who registered it, when and where, in words.
    pub registered: (String, String, Option<String>),
    /// The first day on which it counts, once it does.
    pub starts: String,
    /// The documents that were looked at: whose, which, and until when it is valid.
    pub documents: Vec<(&'static str, &'static str, String)>,
    /// Who approved it and when.
    pub approved: Option<(String, String)>,
    /// Why it was refused, by whom and when.
    pub refused: Option<(&'static str, String, String)>,
    /// What its people said, the newest first: the key of the message, when, and who heard it.
    pub heard: Vec<(&'static str, String, String)>,
    /// What stands, or may come to stand, in the place of an agreement.
    pub bases: Vec<BasisRow>,
    /// Whether this member may attest one.
    pub may_attest: bool,
    /// The dates of birth that wait with it: whose, and which.
    pub first_births: Vec<(String, String)>,
    /// Which number of the person represented who approves it tells, if one is on record: the key of its label.
    pub asks_number: Option<&'static str>,
    /// Whether this member may be its second pair of eyes.
    pub may_approve: bool,
    /// Why they may refuse it, if they may: the words and the keys of their messages.
    pub refusals: Vec<(&'static str, &'static str)>,
    /// What may be recorded that somebody said: who, what, and the key of the message.
    pub said: Vec<(Party, Word, &'static str)>,
    /// The other mandates by which the first has access to the record of the second, and whether this member may take them away.
    pub others: Vec<(String, bool)>,
    /// Whether it may be taken away.
    pub may_take_away: bool,
    /// How the representative is kept out of the record, for who may lift it.
    pub blocks: Vec<BlockRow>,
    /// What was wrong: the key of the message.
    pub error: Option<&'static str>,
}

page::rendered!(MandatePage, |page| page.error.is_some());

/// `GET /desk/mandate/{id}`
pub async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Failed> {
    let at = enter(&visit, Act::Search).await?;
    page(&visit, &at, &MandateId::from_stored(id), None).await
}

/// What the second pair of eyes read.
#[derive(Deserialize)]
pub struct ApproveForm {
    csrf: String,
    bsn: Secret,
    birth: String,
    /// A number of the person represented, where one is on record.
    #[serde(default)]
    represented: Secret,
}

/// `POST /desk/mandate/{id}/approve`: who approves it tells what they read in the documents (`docs/adr/0034`).
pub async fn approve(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<ApproveForm>,
) -> Result<Response, Failed> {
    let id = MandateId::from_stored(id);
    let (at, listed) = opened(&visit, (Act::Approve, &form.csrf), &id).await?;
    let has_bsn = visit.app.store.person(&listed.mandate.represented).await?.is_some_and(|one| one.has_bsn);
    let read = match recognised(&form, has_bsn, visit.now) {
        Ok(read) => read,
        Err(key) => return page(&visit, &at, &id, Some(key)).await,
    };
    // Whether it is the BSN of whoever waits is told, as by a search.
    if desk::count(&visit.app, &at.member, visit.now).await?.is_err() {
        return Ok(too_many(page(&visit, &at, &id, Some("desk-slow")).await?));
    }
    let done = flow::approve(&visit.app.store, &at.member.name(), &id, &read, visit.now).await;
    after(&visit, &at, &id, done.map(drop)).await
}

fn recognised(form: &ApproveForm, has_bsn: bool, now: Timestamp) -> Result<Recognised, &'static str> {
    let bsn = Some(form.bsn.expose().trim()).filter(|text| !text.is_empty());
    let number = Some(form.represented.expose().trim()).filter(|text| !text.is_empty());
    let birth = Some(form.birth.trim()).filter(|text| !text.is_empty());
    Ok(Recognised {
        representative_bsn: bsn.map(Bsn::parse).transpose().map_err(|_| "desk-bsn-wrong")?,
        represented_birth: birth
            .map(|text| BirthDate::read(text, now))
            .transpose()
            .map_err(|_| "desk-birth-wrong")?,
        represented_bsn: number
            .filter(|_| has_bsn)
            .map(Bsn::parse)
            .transpose()
            .map_err(|_| "desk-bsn-wrong")?,
        represented_number: number
            .filter(|_| !has_bsn)
            .map(str::parse)
            .transpose()
            .map_err(|_| "desk-patient-number-wrong")?,
    })
}

/// Why it is refused.
#[derive(Deserialize)]
pub struct RefuseForm {
    csrf: String,
    why: Refusal,
}

/// `POST /desk/mandate/{id}/refuse`: what waits is over, by one. Whoever registered it is shown that, and why.
pub async fn refuse(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<RefuseForm>,
) -> Result<Response, Failed> {
    let id = MandateId::from_stored(id);
    let (at, _) = opened(&visit, (Act::Approve, &form.csrf), &id).await?;
    let done = flow::refuse(&visit.app.store, &at.member.name(), &id, form.why, visit.now).await;
    after(&visit, &at, &id, done.map(drop)).await
}

/// `POST /desk/mandate/{id}/revoke`: for good, at once, by one.
pub async fn revoke(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<Token>,
) -> Result<Response, Failed> {
    let id = MandateId::from_stored(id);
    let (at, _) = opened(&visit, (Act::TakeAway, &form.csrf), &id).await?;
    let done = flow::revoke(&visit.app.store, &at.member.name(), &id, visit.now).await;
    after(&visit, &at, &id, done.map(drop)).await
}

/// What somebody said, and a member heard.
#[derive(Deserialize)]
pub struct SaidForm {
    csrf: String,
    party: Party,
    word: Word,
}

/// `POST /desk/mandate/{id}/said`: an agreement gives access, a withdrawal takes it away; each has its role.
pub async fn said(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<SaidForm>,
) -> Result<Response, Failed> {
    let act = match form.word {
        Word::Agreed => Act::Register,
        Word::Withdrawn => Act::TakeAway,
    };
    let id = MandateId::from_stored(id);
    let (at, _) = opened(&visit, (act, &form.csrf), &id).await?;
    let said = (form.party, form.word);
    let done = flow::record(&visit.app.store, &at.member.name(), &id, said, visit.now).await;
    after(&visit, &at, &id, done.map(drop)).await
}

/// A mandate for an act at the desk, and who does it.
pub(super) async fn opened(
    visit: &Visit,
    (act, csrf): (Act, &str),
    id: &MandateId,
) -> Result<(AtDesk, Listed), Failed> {
    let at = posted(visit, act, csrf).await?;
    let Some(listed) = visit.app.store.mandate(id, visit.now).await? else {
        return Err(Failed::Page(Problem::NotFound, None));
    };
    check_ties(visit, &at, &[&listed.mandate.represented, &listed.mandate.representative]).await?;
    Ok((at, listed))
}

/// After an act: the mandate as it stands now, or what was wrong.
pub(super) async fn after(
    visit: &Visit,
    at: &AtDesk,
    id: &MandateId,
    done: Result<(), NotDone>,
) -> Result<Response, Failed> {
    match done {
        Ok(()) => Ok(see_other(&format!("/desk/mandate/{id}"))),
        Err(NotDone::Fault(fault)) => Err(fault.into()),
        Err(NotDone::NoMandate) => Err(Failed::Page(Problem::NotFound, None)),
        Err(why) => page(visit, at, id, Some(words::not_done(&why))).await,
    }
}

pub(super) async fn page(
    visit: &Visit,
    at: &AtDesk,
    id: &MandateId,
    error: Option<&'static str>,
) -> Result<Response, Failed> {
    let store = &visit.app.store;
    let Some(listed) = store.mandate(id, visit.now).await? else {
        return Err(Failed::Page(Problem::NotFound, None));
    };
    let people = [&listed.mandate.represented, &listed.mandate.representative];
    check_ties(visit, at, &people).await?;
    store.note_shown(&at.member.name(), &listed.mandate.represented, Some(id.as_str()), visit.now).await?;
    let frame = frame(visit, at);
    let (lang, roles, mandate) = (frame.lang, &at.member.roles, &listed.mandate);
    let approved = match &mandate.approved {
        Some(second) if mandate.is_made_online() => {
            Some((lang.text("desk-online-representative"), told(second.at, lang)))
        }
        Some(second) => Some((shown(store, &second.by).await?, told(second.at, lang))),
        None => None,
    };
    let waits = listed.waits_until.is_some_and(|end| visit.now < end) && mandate.approved.is_none();
    let is_over = is_over(&listed);
    let first =
        if is_over || mandate.approved.is_some() { Vec::new() } else { store.first_births(id).await? };
    let is_first = first.iter().any(|(party, _)| *party == Party::Represented);
    let department = store.department_of(id).await?;
    let waits = waits && !is_over;
    let mut blocks = desk_block::rows(visit, at, &mandate.represented).await?;
    blocks.retain(|block| block.representative == mandate.representative.as_str());
    let page = MandatePage {
        id: id.to_string(),
        representative: (mandate.representative.to_string(), listed.representative_name.clone()),
        represented: (mandate.represented.to_string(), listed.represented_name.clone()),
        relation: words::relation(mandate.relation),
        // Without it nobody knows who decides; but what it waits for is a colleague.
        standing: words::standing(if is_first { Standing::AwaitingApproval } else { listed.standing }),
        until: flow::until(&listed).map(|until| told(until, lang)),
        texts: [mandate.legal_basis.clone(), mandate.form_reference.clone()],
        evidence: words::evidence(mandate.evidence),
        registered: (
            if mandate.is_made_online() {
                lang.text("desk-online-represented")
            } else {
                shown(store, &mandate.registered_by).await?
            },
            told(mandate.registered_at, lang),
            department,
        ),
        starts: told(mandate.starts, lang),
        documents: documents(mandate),
        approved,
        refused: refused_in_words(visit, &listed).await?,
        heard: heard(visit, &listed).await?,
        bases: desk_special::rows(visit, at, &listed).await?,
        may_attest: desk_special::may_attest(visit, at, &listed),
        refusals: if waits && roles.open(Act::Approve) { refusals() } else { Vec::new() },
        first_births: first_in_words(&listed, &first),
        asks_number: number_of(visit, mandate).await?,
        may_approve: waits
            && roles.open(Act::Approve)
            && is_second(&mandate.registered_by, &at.member.name()),
        said: if is_over { Vec::new() } else { sayable(mandate.relation, roles) },
        others: others(visit, &listed, roles.open(Act::TakeAway)).await?,
        may_take_away: !is_over && roles.open(Act::TakeAway),
        blocks,
        frame,
        error,
    };
    Ok(page.render())
}

/// Whose first date of birth waits with a mandate, and which.
fn first_in_words(listed: &Listed, first: &[(Party, BirthDate)]) -> Vec<(String, String)> {
    let name = |party: &Party| match party {
        Party::Representative => listed.representative_name.clone(),
        Party::Represented => listed.represented_name.clone(),
    };
    first.iter().map(|(party, birth)| (name(party), birth.to_string())).collect()
}

/// By which number somebody tells the person represented apart, if they have one.
async fn number_of(visit: &Visit, mandate: &Mandate) -> Result<Option<&'static str>, Failed> {
    let person = visit.app.store.person(&mandate.represented).await?;
    Ok(match person {
        Some(person) if person.has_bsn => Some("desk-represented-bsn"),
        Some(person) => person.patient_number.map(|_| "desk-represented-number"),
        None => None,
    })
}

/// By what else the representative has access now, and whether this member may take it away.
async fn others(visit: &Visit, listed: &Listed, may: bool) -> Result<Vec<(String, bool)>, Failed> {
    let others = flow::others(&visit.app.store, &listed.mandate, visit.now).await?;
    Ok(others.into_iter().map(|other| (other.to_string(), may)).collect())
}

fn refusals() -> Vec<(&'static str, &'static str)> {
    Refusal::ALL.iter().map(|why| (why.as_str(), words::refusal(*why))).collect()
}

/// The documents that were looked at: whose, which, and until when each is valid.
fn documents(mandate: &Mandate) -> Vec<(&'static str, &'static str, String)> {
    [
        ("desk-representative", mandate.representative_document),
        ("desk-represented", mandate.represented_document),
    ]
    .into_iter()
    .filter_map(|(whose, seen)| {
        seen.map(|seen| (whose, words::document(seen.kind), seen.valid_until.to_string()))
    })
    .collect()
}

/// Why it was refused, by whom and when.
async fn refused_in_words(
    visit: &Visit,
    listed: &Listed,
) -> Result<Option<(&'static str, String, String)>, Failed> {
    let Some((why, second)) = &listed.refused else { return Ok(None) };
    let by = shown(&visit.app.store, &second.by).await?;
    Ok(Some((words::refusal(*why), by, told(second.at, visit.lang(None)))))
}

/// What its people said, when, and who heard it, or that they said it themselves.
async fn heard(visit: &Visit, listed: &Listed) -> Result<Vec<(&'static str, String, String)>, Failed> {
    let lang = visit.lang(None);
    let mut all = Vec::with_capacity(listed.said.len());
    for said in &listed.said {
        let how = match &said.attested_by {
            Some(by) => shown(&visit.app.store, by).await?,
            None => lang.text("desk-heard-online"),
        };
        all.push((words::said(said.party, said.word), told(said.at, lang), how));
    }
    Ok(all)
}

/// What this member may record of a mandate: an agreement gives access, a withdrawal takes it away, and each has its role.
fn sayable(relation: Relation, roles: &Roles) -> Vec<(Party, Word, &'static str)> {
    let acts = [(Word::Agreed, Act::Register), (Word::Withdrawn, Act::TakeAway)];
    let open = acts.into_iter().filter(|(_, act)| roles.open(*act));
    let of = |party: Party| move |(word, _)| (party, word, words::said(party, word));
    let parties = agreement(relation).0;
    open.flat_map(|word| parties.iter().map(move |party| of(*party)(word))).collect()
}

/// Whether it never counts again.
const fn is_over(listed: &Listed) -> bool {
    matches!(listed.standing, Standing::Revoked | Standing::Lapsed | Standing::Ended | Standing::NotApproved)
}
