//! Members of staff: proposed by one, approved by another, ended by one (`docs/adr/0041`). Each has an account with an authenticator app
//! and a password, as the desk takes nothing less.

use crate::{
    domain::{email::Email, fault::Fault, id::StaffId, staff::Roles, time::Timestamp},
    store::{Store, accounts::Account},
};

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum NotDone {
    #[error("no account has this e-mail address: they make one first, at /account")]
    NoAccount,
    #[error(
        "this account has no authenticator app, or no password: they set up both first, at /account. The desk takes nothing less"
    )]
    NoApp,
    #[error("they work at the desk, or are proposed for it, or five hundred do: end that first")]
    Already,
    #[error(
        "there are two at the desk who can make others members, one who proposes and one who approves: they do it there (/desk/staff)"
    )]
    TheDeskDoes,
    #[error(
        "this was approved or ended before, nobody approved it in thirty days, or it is your own: somebody else must look at it"
    )]
    NotYours,
    #[error("this is not whom your colleague proposed: look at it together. Nothing was changed")]
    SomebodyElse,
    #[error("there is no such member of staff: see `namens staff list`")]
    Unknown,
    #[error("{0}")]
    Fault(Fault),
}

impl From<Fault> for NotDone {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The account of somebody who can work at the desk.
async fn fit(store: &Store, email: &Email) -> Result<Account, NotDone> {
    let account = store.account_by_email(email).await?.ok_or(NotDone::NoAccount)?;
    if account.app.is_none() || account.password_hash.is_none() {
        return Err(NotDone::NoApp);
    }
    Ok(account)
}

/// Makes somebody a member by a command, for who is named there: only as long as nobody at the desk can.
pub async fn add_first(
    store: &Store,
    email: &Email,
    (roles, department): (&Roles, &str),
    by: &str,
    now: Timestamp,
) -> Result<(), NotDone> {
    let account = fit(store, email).await?;
    if store.add_first_member(&account, (roles, department), by, now).await? {
        return Ok(());
    }
    let listed = store.members(now).await?.into_iter().any(|member| member.account == account.id);
    Err(if listed { NotDone::Already } else { NotDone::TheDeskDoes })
}

/// Proposes somebody for `by`. It counts once somebody else approves it.
pub async fn propose(
    store: &Store,
    email: &Email,
    (roles, department): (&Roles, &str),
    by: &str,
    now: Timestamp,
) -> Result<(), NotDone> {
    let account = fit(store, email).await?;
    let proposed = store.propose_member(&account, (roles, department), by, now).await?;
    if proposed { Ok(()) } else { Err(NotDone::Already) }
}

/// Approves for `by` whom somebody else proposed, where `email` is whom they mean: a button would approve whom nobody looked at.
pub async fn approve(
    store: &Store,
    id: &StaffId,
    email: &Email,
    by: &str,
    now: Timestamp,
) -> Result<(), NotDone> {
    let proposed = store.members(now).await?.into_iter().find(|member| member.id == *id);
    let proposed = proposed.ok_or(NotDone::NotYours)?;
    if Email::parse(&proposed.email).map_err(Fault::from)?.key() != email.key() {
        return Err(NotDone::SomebodyElse);
    }
    fit(store, email).await?;
    if store.approve_member(id, by, now).await? { Ok(()) } else { Err(NotDone::NotYours) }
}

/// Ends for `by` that somebody is a member, or is proposed as one: at once, and by one.
pub async fn end(store: &Store, id: &StaffId, by: &str, now: Timestamp) -> Result<(), NotDone> {
    if store.end_member(id, by, now).await? { Ok(()) } else { Err(NotDone::Unknown) }
}
