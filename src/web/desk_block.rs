//! Keeping somebody out of a record from the desk, at once and silently (M9), whether or not there is a mandate between the two; and who is
//! kept out, for those who may lift it (M11).

use axum::{extract::Path, http::StatusCode, response::Response};
use serde::Deserialize;

use super::{
    desk::{check_ties, posted, too_many},
    desk_mandate::{self, opened},
    desk_person::page,
    desk_same_person::find,
    desk_words as words,
    error::{Failed, see_other},
    error_page::Problem,
    form::Form,
    steps::Token,
    visit::Visit,
};
use crate::{
    domain::{
        bsn::Bsn,
        calendar::told,
        id::{MandateId, PersonId},
        line::{member_of, program_of},
        secret::Secret,
        staff::Act,
    },
    flows::{
        admin_mandates::{self as flow, NotDone},
        desk::{AtDesk, Found, TooMany, shown},
    },
    store::blocks::Pair,
};

/// Who is kept out of a record.
pub struct BlockRow {
    /// Whose page it is.
    pub representative: String,
    /// What they are called.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Who placed it, and since when it holds, in words.
    pub placed: (String, String),
    /// Whether this member may lift it.
    pub may_lift: bool,
}

/// Who is kept out of a record, for a member who may lift that; nobody for who may not. Of their own people a member is told nothing.
pub(super) async fn rows(
    visit: &Visit,
    at: &AtDesk,
    represented: &PersonId,
) -> Result<Vec<BlockRow>, Failed> {
    if !at.member.roles.open(Act::Unblock) {
        return Ok(Vec::new());
    }
    let (store, lang, me) = (&visit.app.store, visit.lang(None), at.member.name());
    let mut rows = Vec::new();
    for block in store.blocks_of(represented).await? {
        if at.ties.of(&[block.representative.as_str()]).is_some() {
            continue;
        }
        let by = &block.placed_by;
        rows.push(BlockRow {
            representative: block.representative.to_string(),
            name: block.representative_name,
            reason: block.reason,
            may_lift: *by != me && (member_of(by).is_some() || program_of(by).is_some()),
            placed: (shown(store, by).await?, told(block.placed_at, lang)),
        });
    }
    Ok(rows)
}

/// Who is to be kept out, by a number of theirs, and why; and whether that may be somebody who is not known here yet.
#[derive(Deserialize)]
pub struct KeepOutForm {
    csrf: String,
    other: Secret,
    reason: String,
    unknown: Option<String>,
}

/// `POST /desk/person/{id}/block`: who acts by a mandate or by the word of a register, or may come to, acts no more.
pub async fn keep_out(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<KeepOutForm>,
) -> Result<Response, Failed> {
    let at = posted(&visit, Act::TakeAway, &form.csrf).await?;
    let represented = PersonId::from_stored(id);
    check_ties(&visit, &at, &[&represented]).await?;
    let representative = match find(&visit, &at, &form.other).await? {
        Ok(Found::One(other)) if other.id == represented => {
            return page(&visit, &at, &represented, Some("desk-block-oneself")).await;
        }
        Ok(Found::One(other)) => other.id,
        Ok(Found::Theirs) => return page(&visit, &at, &represented, Some("desk-own-people")).await,
        Ok(Found::Nobody) => return stranger(&visit, &at, &represented, &form).await,
        Err(TooMany) => {
            let mut told = too_many(page(&visit, &at, &represented, Some("desk-slow")).await?);
            *told.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            return Ok(told);
        }
    };
    let (by, pair) = (at.member.name(), Pair { representative, represented });
    let done = flow::block(&visit.app.store, &by, &pair, &form.reason, visit.now).await;
    after(&visit, &at, &pair.represented, done).await
}

/// Keeps out whoever has a BSN that nobody here has, or that hides somebody from this member: both hear the same until they say that it may be
/// a stranger's. A mistyped number so blocks nobody unseen.
async fn stranger(
    visit: &Visit,
    at: &AtDesk,
    represented: &PersonId,
    form: &KeepOutForm,
) -> Result<Response, Failed> {
    let Ok(bsn) = Bsn::parse(form.other.expose().trim()) else {
        return page(visit, at, represented, Some("desk-same-nobody")).await;
    };
    if form.unknown.is_none() {
        return page(visit, at, represented, Some("desk-block-stranger")).await;
    }
    let (by, whom) = (at.member.name(), (&bsn, represented));
    let done = flow::block_stranger(&visit.app.store, &by, whom, &form.reason, visit.now).await;
    after(visit, at, represented, done).await
}

/// Who is to be let in again, as far as a mandate lets them.
#[derive(Deserialize)]
pub struct LiftForm {
    csrf: String,
    representative: String,
}

/// `POST /desk/person/{id}/unblock`: what somebody else placed.
pub async fn lift(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<LiftForm>,
) -> Result<Response, Failed> {
    let at = posted(&visit, Act::Unblock, &form.csrf).await?;
    let representative = PersonId::from_stored(form.representative);
    let pair = Pair { representative, represented: PersonId::from_stored(id) };
    check_ties(&visit, &at, &[&pair.represented, &pair.representative]).await?;
    let done = flow::unblock(&visit.app.store, &at.member.name(), &pair, visit.now).await;
    after(&visit, &at, &pair.represented, done).await
}

async fn after(
    visit: &Visit,
    at: &AtDesk,
    person: &PersonId,
    done: Result<(), NotDone>,
) -> Result<Response, Failed> {
    match done {
        Ok(()) => Ok(see_other(&format!("/desk/person/{person}"))),
        Err(NotDone::Fault(fault)) => Err(fault.into()),
        Err(NotDone::NoPerson) => Err(Failed::Page(Problem::NotFound, None)),
        Err(why) => page(visit, at, person, Some(words::not_done(&why))).await,
    }
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
    let id = MandateId::from_stored(id);
    let (at, listed) = opened(&visit, (Act::TakeAway, &form.csrf), &id).await?;
    let (store, pair) = (&visit.app.store, Pair::of(&listed.mandate));
    let done = flow::block(store, &at.member.name(), &pair, &form.reason, visit.now).await;
    desk_mandate::after(&visit, &at, &id, done).await
}

/// `POST /desk/mandate/{id}/unblock`: what somebody else placed.
pub async fn unblock(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<Token>,
) -> Result<Response, Failed> {
    let id = MandateId::from_stored(id);
    let (at, listed) = opened(&visit, (Act::Unblock, &form.csrf), &id).await?;
    let (store, pair) = (&visit.app.store, Pair::of(&listed.mandate));
    let done = flow::unblock(store, &at.member.name(), &pair, visit.now).await;
    desk_mandate::after(&visit, &at, &id, done).await
}
