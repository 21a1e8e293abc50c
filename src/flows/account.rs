//! "Mijn account" (F13, F15): who comes in at a page of our own, and the sessions of an account. The door is a login like a portal's
//! (`docs/adr/0039`), so levels, DigiD and children are the same as everywhere.

use super::{Stop, finish, logins, logout::sign_out, single_logout::AtDigid};
use crate::{
    app::App,
    domain::{
        ask::Ask,
        assurance::Level,
        code::draw_reference,
        email::Email,
        fault::Fault,
        id::{LoginId, SessionId},
        lang::Lang,
        login::Login,
        own::OwnPage,
        secret::Secret,
        session::Session,
        time::Timestamp,
    },
    mail::{Circumstances, letters},
    oidc::authorize::own,
    store::{accounts::Account, audit::Event},
};

/// Who is in at a page of our own.
#[derive(Debug)]
pub struct Guest {
    /// The session that let them in.
    pub session: Session,
    /// Their account, as it is now.
    pub account: Account,
}

/// What came of asking for a page of our own.
#[derive(Debug)]
pub enum Entered {
    /// The page may be shown.
    In(Box<Guest>),
    /// They must log in first, or again.
    Login(LoginId),
}

/// Who may be shown `page`, or do there what can be done: nobody without a session that lives, and what changes the ways in
/// takes a login of just now.
pub async fn guest(
    app: &App,
    page: OwnPage,
    session: Option<Session>,
    now: Timestamp,
) -> Result<Option<Guest>, Fault> {
    guest_since(app, page, session, now, now).await
}

/// The same of what began at `began`, when its proof was to be fresh.
pub(super) async fn guest_since(
    app: &App,
    page: OwnPage,
    session: Option<Session>,
    began: Timestamp,
    now: Timestamp,
) -> Result<Option<Guest>, Fault> {
    let Some((session, account)) = owner(app, session).await? else { return Ok(None) };
    let needed = needed(app, page, &account);
    let proven = if page.is_sensitive() { session.is_fresh(needed, began) } else { session.level >= needed };
    let enters = proven && finish::may_enter(&app.store, &session.person, now).await?;
    Ok(enters.then_some(Guest { session, account }))
}

/// The page, or the login that leads to it; that of somebody whose session lives is theirs to do again, and nobody else's.
pub async fn enter(
    app: &App,
    page: OwnPage,
    session: Option<Session>,
    browser: &Secret,
    now: Timestamp,
) -> Result<Entered, Stop> {
    if let Some(guest) = guest(app, page, session.clone(), now).await? {
        return Ok(Entered::In(Box::new(guest)));
    }
    let known = owner(app, session).await?.filter(|_| page.is_sensitive() || page.tells_mandates());
    let issuer = app.config.issuer();
    let login = if let Some((_, account)) = known {
        let ask = own(issuer, page, needed(app, page, &account), page.is_sensitive());
        let ask = Ask { login_hint: Some(account.email), ..ask };
        Login::start(ask, browser.hashed(), now).keeping(account.id)
    } else {
        // Whoever logs in for a page that takes fresh proof has proven enough by that, or is asked again for the rest.
        let ask = own(issuer, page, of_page(app, page), page.is_sensitive());
        Login::start(ask, browser.hashed(), now)
    };
    Ok(Entered::Login(logins::begin(app, login).await?.login.id))
}

pub(super) async fn owner(app: &App, session: Option<Session>) -> Result<Option<(Session, Account)>, Fault> {
    let Some(session) = session else { return Ok(None) };
    let account = app.store.account(&session.account).await?.filter(|account| account.era == session.era);
    Ok(account.map(|account| (session, account)))
}

/// The level that a page takes, of an account. Where DigiD is linked, changing a way in takes DigiD's, as for a forgotten password:
/// nobody lowers the bar with a password and a mailbox (F13).
fn needed(app: &App, page: OwnPage, account: &Account) -> Level {
    let changes = page.is_sensitive() && account.has_digid() && app.digid.is_some();
    of_page(app, page).max(if changes { Level::Midden } else { Level::Local })
}

/// The level that a page takes whoever it is. Below that of mandates nobody is looked up (M7).
fn of_page(app: &App, page: OwnPage) -> Level {
    if page.tells_mandates() { app.config.mandate_level } else { Level::Local }
}

/// Signs a person out of one of their sessions, but not of the one they are in: that is signing out. Of another's, or of none, nothing
/// is told.
pub async fn sign_out_of(app: &App, guest: &Guest, sid: &SessionId, now: Timestamp) -> Result<(), Fault> {
    end(app, guest, |session| session.sid == *sid, now).await
}

/// Signs a person out of all their sessions but the one they are in.
pub async fn sign_out_of_others(app: &App, guest: &Guest, now: Timestamp) -> Result<(), Fault> {
    end(app, guest, |_| true, now).await
}

async fn end(
    app: &App,
    guest: &Guest,
    which: impl Fn(&Session) -> bool,
    now: Timestamp,
) -> Result<(), Fault> {
    let Guest { session: here, account } = guest;
    let event = Event {
        event: "logout",
        outcome: "elsewhere",
        actor: Some(account.person.as_str()),
        ..Event::default()
    };
    loop {
        let live = app.store.sessions_of(account, app.config.session.idle(), now).await?;
        let ended = live.into_iter().filter(|one| one.sid != here.sid && which(one));
        let ended: Vec<SessionId> = ended.map(|one| one.sid).collect();
        if ended.is_empty() {
            return Ok(());
        }
        app.store.end_each(&ended, &event, now).await?;
    }
}

/// Signs a person out everywhere: each session ends, and each portal of one is told. Gives what is left at DigiD of this one.
pub async fn sign_out_everywhere(
    app: &App,
    guest: &Guest,
    browser: Option<&Secret>,
    now: Timestamp,
) -> Result<AtDigid, Stop> {
    // First: whatever fails after it, nobody is in any more.
    app.store.sign_out_of_all(&guest.account, None, now).await?;
    Ok(sign_out(app, Some(&guest.session), browser, now).await?)
}

/// What a letter about an act at one of these pages says of it.
pub(super) fn about(to: Email, lang: Lang, now: Timestamp) -> Circumstances {
    let portal = letters::own_pages(lang).to_owned();
    Circumstances { to, portal, at: now, reference: draw_reference(), lang }
}
