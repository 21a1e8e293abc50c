//! Local login (F4): e-mail and password, then a mailed code. An unknown address costs the same work and gets the same
//! answer as a wrong password.

use std::net::IpAddr;

use super::{
    Held, Next, Refused, Stop, app_code, code,
    guesses::{self, Turns},
    logins,
};
use crate::{
    app::App,
    domain::{
        code::{WrongCode, draw_reference},
        email::Email,
        id::{AccountId, LoginId},
        lang::Lang,
        login::{AppAsked, AsksPassword, ByCode, Coded, LogIn, Step},
        secret::Secret,
        time::Timestamp,
    },
    password::{Checked, Origin},
    store::{accounts::Account, audit::Event},
};

/// What a person filled in.
#[derive(Debug)]
pub struct Credentials {
    /// The address, as typed.
    pub email: String,
    /// The password.
    pub password: Secret,
    /// The cookie of a browser that has logged in here before.
    pub device: Option<Secret>,
    /// Where it comes from, for the count of wrong tries there.
    pub from: Option<IpAddr>,
}

/// Why address and password open nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOpened {
    /// One of the two is wrong; nobody says which.
    Wrong,
    /// DigiD is to be linked to the account of the session, and this is not its address. Nothing was looked up.
    AnotherAccount,
}

/// Tries address and password, to log in or to link; when right, mails a code to the account's own address.
pub async fn enter<S: AsksPassword>(
    app: &App,
    held: Held<S>,
    credentials: Credentials,
    lang: Lang,
    now: Timestamp,
) -> Result<LoginId, Refused<NotOpened>>
where
    Coded<S::Then>: Into<Step> + Clone,
    AppAsked<S::Then>: Into<Step> + Clone,
{
    let (id, what) = (held.login.id.clone(), S::Then::FOR);
    if !S::takes_password(&held.login.ask) {
        return Err(Stop::Elsewhere(id).into());
    }
    if let Some(kept) = held.login.only()
        && !is_address_of(app, kept, &credentials.email).await?
    {
        return Err(Refused::Because(NotOpened::AnotherAccount));
    }
    let Some((account, email, known_browser)) = check(app, &id, credentials, now).await? else {
        let client = Some(held.login.ask.client_id.as_str());
        let event = Event { event: code::event(what), outcome: "wrong", client, ..Event::default() };
        app.store.audit(&event, now).await?;
        return Err(Refused::Because(NotOpened::Wrong));
    };
    if account.app.is_some() {
        let held = held.to(|login| login.opened_with_app(account.opening(), known_browser));
        return Ok(app_code::ask(app, held, app_code::TO_GET_IN, &account, now).await?.login.id);
    }
    let about = code::circumstances(app, &held.login, &email, &draw_reference(), lang, now).await?;
    let mailed = code::first(app, &held.login, &about, what, false);
    let sent = mailed.sent.clone();
    Ok(mailed.send(app, held.to(|login| login.opened(email, account.opening(), sent)), now).await?)
}

/// Whether this is the address of that account, however it was typed.
async fn is_address_of(app: &App, account: &AccountId, typed: &str) -> Result<bool, Stop> {
    let (Ok(typed), Some(account)) = (Email::parse(typed), app.store.account(account).await?) else {
        return Ok(false);
    };
    Ok(Email::parse(&account.email)?.key() == typed.key())
}

/// Tries the code; when right, password and code together are the proof.
pub async fn confirm(
    app: &App,
    held: Held<Coded<LogIn>>,
    typed: &Secret,
    now: Timestamp,
) -> Result<Next, Refused<WrongCode>> {
    let right = code::attempt(app, held, typed, now).await?;
    let (id, local) = (right.login().id.clone(), right.login().prove(now));
    // Whether it is still open under that password is asked by the caller, which ends this login at once.
    let account = app.store.account(&local.of().opening.account).await?;
    // An app that was set up since the code was mailed is not passed by.
    let Some(account) = account.filter(|account| account.app.is_none()) else {
        logins::end(app, right.login(), now).await?;
        return Err(Stop::Elsewhere(id).into());
    };
    Ok(Next::In(right.done(|login| login.done(local, account.person))))
}

/// The account that address and password open, the address as its owner once typed it, and the name of a browser in which that logged
/// in before. The same work is done when there is none.
pub(super) async fn check(
    app: &App,
    login: &LoginId,
    credentials: Credentials,
    now: Timestamp,
) -> Result<Option<(Account, Email, Option<String>)>, Stop> {
    let email = Email::parse(&credentials.email).ok();
    let key = email.as_ref().map_or(credentials.email.as_str(), Email::key);
    let counted = guesses::counted_from(app, credentials.device.as_ref(), key, credentials.from);
    // Whoever waits where they are takes no turn of the account: its owner may come from elsewhere.
    guesses::none_waits(app, login, key, counted, now)?;
    let known_browser = guesses::take_turn(&app.store, &app.waiting, login, &credentials, now).await?;
    let from = if known_browser.is_some() { Origin::KnownBrowser } else { Origin::Anywhere };
    // Before the turn, which nobody would give back after a fault.
    let account = match &email {
        Some(email) => app.store.account_by_email(email).await?,
        None => None,
    };
    let turns = Turns::take(app, login, Some(key), counted, now)?;
    let stored = account.as_ref().and_then(|account| account.password_hash.clone());
    let checked = app.hasher.check(credentials.password, stored.clone(), from).await;
    turns.leave(app, matches!(checked, Ok(Checked::Wrong)), now);
    let checked = checked.map_err(Stop::not_hashed)?;
    let Some(account) = account.filter(|_| checked != Checked::Wrong) else { return Ok(None) };
    if let (Checked::Outdated(newer), Some(stored)) = (&checked, &stored) {
        app.store.rehash_password(&account.id, stored, newer).await?;
    }
    let email = Email::parse(&account.email)?;
    Ok(Some((account, email, known_browser)))
}
