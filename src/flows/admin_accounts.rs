//! A program of the operator's finds an account, looks at it, signs its owner out everywhere, or closes it. Nobody sets a password
//! here, and nobody gets in as somebody else.
//!
//! An account that is closed is forgotten: address, password, what was recorded of its owner and what they agreed to. Their person
//! stays, and with it the subjects under which portals know them, mandates, blocks and the log: others rest on these, and who comes
//! back with the same BSN finds their own records, and not an empty second self.

use serde_json::{Value, json};

use crate::{
    app::App,
    domain::{client::Client, email::Email, fault::Fault, id::AccountId, time::Timestamp},
    store::accounts::Account,
};

/// By what an account is looked for.
#[derive(Debug)]
pub enum By {
    /// Its exact address.
    Email(Email),
    /// A `sub` under which any client knows its owner, also an older one.
    Sub(String),
}

/// The account that `caller` looks for, if there is one, with a line in the log either way (docs/adr/0056).
pub async fn find(app: &App, caller: &str, by: &By, now: Timestamp) -> Result<Option<Account>, Fault> {
    let (found, by_what) = match by {
        By::Email(email) => (app.store.account_by_email(email).await?, "email"),
        By::Sub(sub) => match app.store.person_of_any_subject(sub).await? {
            Some(person) => (app.store.account_of_person(&person).await?, "sub"),
            None => (None, "sub"),
        },
    };
    let person = found.as_ref().map(|account| &account.person);
    app.store.note_found(Some(caller), person, Some(by_what), now).await?;
    Ok(found)
}

/// The account of that id, for `caller`, with a line in the log.
pub async fn shown(
    app: &App,
    caller: &str,
    id: &AccountId,
    now: Timestamp,
) -> Result<Option<Account>, Fault> {
    let found = app.store.account(id).await?;
    if let Some(account) = &found {
        app.store.note_shown(caller, &account.person, Some("account"), now).await?;
    }
    Ok(found)
}

/// What is told of an account.
pub async fn as_json(app: &App, account: &Account, now: Timestamp) -> Result<Value, Fault> {
    let sessions = app.store.sessions_of(account, app.config.session.idle(), now).await?;
    let ways = [("password", account.password_hash.is_some()), ("digid", account.has_digid())];
    let ways: Vec<&str> = ways.into_iter().filter_map(|(way, has)| has.then_some(way)).collect();
    Ok(json!({
        "id": account.id,
        "person": account.person,
        "email": account.email,
        "ways": ways,
        "created": account.created.rfc3339(),
        "sessions": sessions.len(),
    }))
}

/// Ends every session of an account for `caller`, and every portal that was given anything in one hears so. `false` when there is no
/// such account.
pub async fn sign_out(app: &App, caller: &Client, id: &AccountId, now: Timestamp) -> Result<bool, Fault> {
    match app.store.account(id).await? {
        Some(account) => app.store.sign_out_of_all(&account, Some(&caller.id), now).await,
        None => Ok(false),
    }
}

/// What came of closing an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It is closed.
    Done,
    /// There is no such account.
    Unknown,
    /// Its owner is or was a member of staff: what they did at the desk must stay theirs (M11). Nothing was done.
    Staff,
}

/// Closes an account for `caller`, for good; portals hear as when its owner signs out.
pub async fn close(app: &App, caller: &Client, id: &AccountId, now: Timestamp) -> Result<Closed, Fault> {
    let Some(account) = app.store.account(id).await? else { return Ok(Closed::Unknown) };
    Ok(if app.store.close_account(&account, &caller.id, now).await? {
        Closed::Done
    } else if app.store.was_member(id).await? {
        Closed::Staff
    } else {
        Closed::Unknown
    })
}
