//! One mandate at the desk: what is on record of it, its second pair of eyes, what its people said, and taking it away.

use askama::Template;
use axum::{extract::Path, response::Response};
use serde::Deserialize;

use super::{
    desk::{enter, frame, posted},
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
        mandate::{Relation, Standing},
        own::OwnPage,
        secret::Secret,
        staff::{Act, Roles},
        time::Timestamp,
    },
    flows::{
        admin_mandates::{self as flow, NotDone},
        desk::{AtDesk, shown},
    },
    store::{blocks::Pair, mandates::Listed},
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
    /// Who approved it and when.
    pub approved: Option<(String, String)>,
    /// Whether this member may be its second pair of eyes.
    pub may_approve: bool,
    /// What may be recorded that somebody said: who, what, and the key of the message.
    pub said: Vec<(Party, Word, &'static str)>,
    /// Whether it may be taken away.
    pub may_take_away: bool,
    /// Whether there is a block to lift, by this member as far as their role goes.
    pub may_unblock: bool,
    /// What was wrong: the key of the message.
    pub error: Option<&'static str>,
}

page::rendered!(MandatePage, |page| page.error.is_some());

/// `GET /desk/mandate/{id}`
pub async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Failed> {
    match enter(&visit, OwnPage::Desk, Some(Act::Search), false).await? {
        Ok(at) => page(&visit, &at, &MandateId::from_stored(id), None).await,
        Err(elsewhere) => Ok(elsewhere),
    }
}

/// What the second pair of eyes read.
#[derive(Deserialize)]
pub struct ApproveForm {
    csrf: String,
    bsn: Secret,
    birth: String,
}

/// `POST /desk/mandate/{id}/approve`: who approves it tells what they read in the documents (`docs/adr/0034`).
pub async fn approve(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<ApproveForm>,
) -> Result<Response, Failed> {
    let at = match posted(&visit, OwnPage::Desk, Act::Approve, &form.csrf).await? {
        Ok(at) => at,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let id = MandateId::from_stored(id);
    let read = match recognised(&form, visit.now) {
        Ok(read) => read,
        Err(key) => return page(&visit, &at, &id, Some(key)).await,
    };
    let done = flow::approve(&visit.app.store, &at.member.name(), &id, &read, visit.now).await;
    after(&visit, &at, &id, done.map(drop)).await
}

fn recognised(form: &ApproveForm, now: Timestamp) -> Result<Recognised, &'static str> {
    let bsn = Some(form.bsn.expose().trim()).filter(|text| !text.is_empty());
    let birth = Some(form.birth.trim()).filter(|text| !text.is_empty());
    Ok(Recognised {
        representative_bsn: bsn.map(Bsn::parse).transpose().map_err(|_| "desk-bsn-wrong")?,
        represented_birth: birth
            .map(|text| BirthDate::read(text, now))
            .transpose()
            .map_err(|_| "desk-birth-wrong")?,
        represented_bsn: None,
    })
}

/// `POST /desk/mandate/{id}/revoke`: for good, at once, by one.
pub async fn revoke(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<Token>,
) -> Result<Response, Failed> {
    let at = match posted(&visit, OwnPage::Desk, Act::TakeAway, &form.csrf).await? {
        Ok(at) => at,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let id = MandateId::from_stored(id);
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
    let at = match posted(&visit, OwnPage::Desk, act, &form.csrf).await? {
        Ok(at) => at,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let id = MandateId::from_stored(id);
    let said = (form.party, form.word);
    let done = flow::record(&visit.app.store, &at.member.name(), &id, said, visit.now).await;
    after(&visit, &at, &id, done.map(drop)).await
}

/// Why somebody is kept out.
#[derive(Deserialize)]
pub struct BlockForm {
    csrf: String,
    reason: String,
}

/// `POST /desk/mandate/{id}/block`: the representative is kept out of this record at once and silently, whatever the mandate (M9).
pub async fn block(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<BlockForm>,
) -> Result<Response, Failed> {
    let at = match posted(&visit, OwnPage::Desk, Act::TakeAway, &form.csrf).await? {
        Ok(at) => at,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let (store, by, id) = (&visit.app.store, at.member.name(), MandateId::from_stored(id));
    let done = match pair(&visit, &id).await {
        Ok(pair) => flow::block(store, &by, &pair, &form.reason, visit.now).await,
        Err(why) => Err(why),
    };
    after(&visit, &at, &id, done).await
}

/// `POST /desk/mandate/{id}/unblock`: what somebody else placed.
pub async fn unblock(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<Token>,
) -> Result<Response, Failed> {
    let at = match posted(&visit, OwnPage::Desk, Act::Unblock, &form.csrf).await? {
        Ok(at) => at,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let (store, by, id) = (&visit.app.store, at.member.name(), MandateId::from_stored(id));
    let done = match pair(&visit, &id).await {
        Ok(pair) => flow::unblock(store, &by, &pair, visit.now).await,
        Err(why) => Err(why),
    };
    after(&visit, &at, &id, done).await
}

async fn pair(visit: &Visit, id: &MandateId) -> Result<Pair, NotDone> {
    let mandate = flow::one(&visit.app.store, id, visit.now).await?.mandate;
    Ok(Pair { representative: mandate.representative, represented: mandate.represented })
}

/// After an act: the mandate as it stands now, or what was wrong.
async fn after(
    visit: &Visit,
    at: &AtDesk,
    id: &MandateId,
    done: Result<(), NotDone>,
) -> Result<Response, Failed> {
    match done {
        Ok(()) => Ok(see_other(&format!("/desk/mandate/{id}"))),
        Err(NotDone::Fault(fault)) => Err(fault.into()),
        Err(NotDone::NoMandate) => Err(Failed::Page(Problem::NotFound, None)),
        Err(why) => page(visit, at, id, Some(key(&why))).await,
    }
}

/// The message that says why nothing was done.
const fn key(why: &NotDone) -> &'static str {
    match why {
        NotDone::SomebodyElse => "desk-somebody-else",
        NotDone::ApprovedBefore | NotDone::RevokedBefore => "desk-before",
        NotDone::OwnMandate => "desk-own",
        NotDone::OwnBlock | NotDone::StillBlocked => "desk-own-block",
        NotDone::OwnPeople => "desk-own-people",
        NotDone::NoBlock => "desk-no-block",
        NotDone::Reason => "desk-reason-wrong",
        NotDone::Unheard(_) => "desk-unheard",
        NotDone::Withdrawn => "desk-withdrawn",
        _ => "desk-over",
    }
}

async fn page(
    visit: &Visit,
    at: &AtDesk,
    id: &MandateId,
    error: Option<&'static str>,
) -> Result<Response, Failed> {
    let store = &visit.app.store;
    let Some(listed) = store.mandate(id, visit.now).await? else {
        return Err(Failed::Page(Problem::NotFound, None));
    };
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
    let page = MandatePage {
        id: id.to_string(),
        representative: (mandate.representative.to_string(), listed.representative_name.clone()),
        represented: (mandate.represented.to_string(), listed.represented_name.clone()),
        relation: words::relation(mandate.relation),
        standing: words::standing(listed.standing),
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
            store.department_of(id).await?,
        ),
        approved,
        may_approve: waits
            && !is_over
            && roles.open(Act::Approve)
            && is_second(&mandate.registered_by, &at.member.name()),
        said: if is_over { Vec::new() } else { sayable(mandate.relation, roles) },
        may_take_away: !is_over && roles.open(Act::TakeAway),
        may_unblock: listed.standing == Standing::Blocked && roles.open(Act::Unblock),
        frame,
        error,
    };
    Ok(page.render())
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
