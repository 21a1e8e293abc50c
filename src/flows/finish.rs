//! A login that is done becomes a session and an answer to the portal; a session answers later requests by itself.

use super::{
    Held, Over, Stop, logins,
    representation::{counts, not_represented},
    single_logout,
};
use crate::{
    app::App,
    domain::{
        ask::Ask,
        birth::may_log_in,
        client::Client,
        email::Email,
        fault::Fault,
        id::PersonId,
        login::{Done, Login},
        secret::Secret,
        session::Session,
        time::Timestamp,
    },
    observe,
    oidc::{error::code_location, oxide},
    store::{Store, accounts::Account, audit::Event, logins::Ending, single_logout::Opened},
};

/// What the browser gets: a session, and an answer for the portal.
#[derive(Debug)]
pub struct Finished {
    /// The session cookie's value.
    pub cookie: Secret,
    /// Where the answer goes.
    pub location: String,
    /// The address that opens the account.
    pub address: Email,
}

/// Consumes a login that is done: exactly one request gets the session and the code, and gets both or neither. An older
/// session of the browser ends, so that no id survives a login.
pub async fn finish(
    app: &App,
    held: Held<Done>,
    older: Option<&Session>,
    now: Timestamp,
) -> Result<Finished, Stop> {
    let (login, version) = held.open();
    let (ask, done) = (&login.ask, &login.step);
    let older = older.map(|older| &older.sid);
    let way = if done.level().needs_digid() { "digid" } else { "local" };
    let account = match allowed(app, &login, now).await? {
        Ok(account) => account,
        // Said only to the one request that ends the login. An older session stays, as after a refusal that came before
        // anything was known: what becomes of it must not tell why.
        Err((event, stop)) => {
            let outcome = event.outcome;
            logins::finish(app, &version.ending(&login.id, None, event, None), now).await?;
            observe::login(way, outcome);
            return Err(stop);
        }
    };
    let secret = Secret::token("");
    let session = Session::begin(done, secret.hashed(), account.era, app.config.session.absolute(), now);
    let (code, good_for) = oxide::draw(&app.store, &client(app, ask).await?, ask, &session, now)?;
    let begun = [app.store.new_session(&session)?, good_for];
    let event = Event {
        outcome: "ok",
        actor: Some(done.person.as_str()),
        represented: done.authority().map(|authority| authority.child.as_str()),
        detail: Some(session.level.acr()),
        ..event(&login)
    };
    let digid = done.digid().filter(|_| single_logout::is_on(app));
    let digid = digid.map(|proof| Opened { session: &session, proof, browser: &login.browser });
    let ending = Ending { digid, ..version.ending(&login.id, older, event, Some(begun)) };
    let ended = logins::finish(app, &ending, now).await;
    if let Err(Stop::Over(Over::LoggedOut)) = ended {
        observe::login(way, "logged_out");
    }
    ended?;
    observe::login(way, "ok");
    let cookie = Secret::new(format!("{}.{}", session.sid, secret.expose()));
    Ok(Finished { cookie, location: back(app, ask, &code), address: Email::parse(&account.email)? })
}

/// The account, when all that was proven still lets its owner in; otherwise the line in the log, and the answer.
/// Whatever road led here: nobody gets in at less than the portal asked, nor with what a new password has ended.
async fn allowed<'a>(
    app: &App,
    login: &'a Login<Done>,
    now: Timestamp,
) -> Result<Result<Account, (Event<'a>, Stop)>, Fault> {
    let done = &login.step;
    let elsewhere = |outcome| Ok(Err((Event { outcome, ..event(login) }, Stop::Elsewhere(login.id.clone()))));
    if done.level() < login.ask.level {
        return elsewhere("level_too_low");
    }
    let Some(account) = app.store.still_open(&done.opening).await? else { return elsewhere("outdated") };
    if !may_enter(&app.store, &done.person, now).await? {
        let actor = Some(done.person.as_str());
        let event = Event { event: "login", outcome: "too_young", actor, ..event(login) };
        return Ok(Err((event, Over::TooYoung.into())));
    }
    if let Some(authority) = done.authority()
        && let Err(why) = counts(&app.store, authority, Some(&done.person), now).await?
    {
        let event = not_represented(login, Some(&done.person), Some(&authority.child), why);
        return Ok(Err((event, Over::NotRepresented(why).into())));
    }
    Ok(Ok(account))
}

/// What every line in the log about the end of a login has.
fn event(login: &Login<Done>) -> Event<'_> {
    let event = if login.step.level().needs_digid() { "login.digid" } else { "login.local" };
    Event { event, client: Some(&login.ask.client_id), ..Event::default() }
}

/// The address that takes a fresh authorization code back to the portal.
pub(super) async fn answer(app: &App, ask: &Ask, session: &Session, now: Timestamp) -> Result<String, Fault> {
    let code = oxide::issue(&app.store, &client(app, ask).await?, ask, session, now).await?;
    Ok(back(app, ask, &code))
}

async fn client(app: &App, ask: &Ask) -> Result<Client, Fault> {
    let client = app.client(&ask.client_id).await?;
    client.ok_or_else(|| Fault::because("a client vanished during a login"))
}

fn back(app: &App, ask: &Ask, code: &Secret) -> String {
    code_location(&ask.redirect_uri, code.expose(), ask.state.as_deref(), app.config.issuer())
}

/// Whether a person may have a session: not when known to be under twelve (M13).
pub(super) async fn may_enter(store: &Store, person: &PersonId, now: Timestamp) -> Result<bool, Fault> {
    let person = store.person(person).await?;
    Ok(may_log_in(person.and_then(|person| person.birth), now))
}
