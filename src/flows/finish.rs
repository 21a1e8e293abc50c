//! A login that is done becomes a session and an answer to the portal; a session answers later requests by itself.

use super::{
    Held, Over, Stop, account_merge,
    chooser::{Left, NOT_FOR_THEM, left, settled},
    logins::{self, Version},
    logout::sign_out_unproven,
    representation::{counts, is_wanted, not_represented},
    single_logout,
};
use crate::{
    app::App,
    domain::{
        ask::{ActFor, Ask, Whom},
        birth::may_log_in,
        client::Client,
        email::Email,
        fault::Fault,
        id::{LoginId, PersonId},
        lang::Lang,
        login::{AsksConsent, AsksForWhom, Done, Login},
        own::OwnPage,
        secret::Secret,
        session::Session,
        time::Timestamp,
    },
    observe,
    oidc::{
        authorize::refusal,
        error::{Code, Error},
        oxide,
        response_mode::AuthorizationResponse,
    },
    store::{Store, accounts::Account, audit::Event, ephemeral::New, logins::Ending, single_logout::Opened},
};

/// What came of a login that was done.
#[derive(Debug)]
pub enum Finish {
    /// The user is in.
    In(Box<Finished>),
    /// Somebody else logged in than the portal meant: it hears so, and nobody is in.
    AnotherUser(Error),
}

/// What the browser gets: a session, and an answer for the portal.
#[derive(Debug)]
pub struct Finished {
    /// The session cookie's value.
    pub cookie: Secret,
    /// Where the browser goes.
    pub onward: Onward,
    /// The address that opens the account.
    pub address: Email,
}

/// Where the browser of a user who is in goes.
#[derive(Debug)]
pub enum Onward {
    /// To the portal, which hears this.
    Portal(AuthorizationResponse),
    /// To what the user must say first: for whom, or that the portal may know.
    Asked(LoginId),
    /// To the portal, which hears that the user may not act for whom it wants.
    Refused(Error),
    /// To a page of our own: no portal hears of it.
    Own(OwnPage),
}

/// Consumes a login that is done: exactly one request gets the session and the code, and gets both or neither. An older
/// session of the browser ends, so that no id survives a login.
pub async fn finish(
    app: &App,
    held: Held<Done>,
    older: Option<&Session>,
    (device, lang): (Option<String>, Lang),
    now: Timestamp,
) -> Result<Finish, Stop> {
    let (login, version) = held.open();
    let (ask, done) = (&login.ask, &login.step);
    let account = match allowed(app, &login, now).await? {
        Ok(account) => account,
        Err(refused) => return turned_away(app, (&login, version), older, refused, now).await,
    };
    let secret = Secret::token("");
    let session = Session::begin(done, secret.hashed(), account.era, app.config.session.absolute(), now);
    let session = session.on(device);
    let (next, onward) = onward(app, &login, (&session, older), now).await?;
    let begun = app.store.new_session(&session, app.config.session.idle())?;
    let begun = std::iter::once(begun).chain(next).collect();
    let event = Event {
        outcome: "ok",
        actor: Some(done.person.as_str()),
        represented: done.authority().map(|authority| authority.child.as_str()),
        detail: Some(session.level.acr()),
        ..event(&login)
    };
    let digid = done.digid().filter(|_| single_logout::is_on(app));
    let digid = digid.map(|proof| Opened { session: &session, proof, browser: &login.browser });
    // A request that waits for the user's word is answered then.
    let pushed = ask.pushed.as_deref().filter(|_| !matches!(onward, Onward::Asked(_)));
    let older = older.map(|older| &older.sid);
    let ending = Ending { digid, pushed, ..version.ending(&login.id, older, event, begun) };
    let ended = logins::finish(app, &ending, now).await;
    if let Err(Stop::Over(Over::LoggedOut)) = ended {
        observe::login(way(done), "logged_out");
    }
    ended?;
    observe::login(way(done), "ok");
    if account.lang != lang {
        app.store.note_lang(&account.id, lang).await?;
    }
    let cookie = Secret::new(format!("{}.{}", session.sid, secret.expose()));
    let address = Email::parse(&account.email)?;
    Ok(Finish::In(Box::new(Finished { cookie, onward, address })))
}

/// Ends a login that may not go on. Said only to the one request that ends it.
async fn turned_away(
    app: &App,
    (login, version): (&Login<Done>, Version),
    older: Option<&Session>,
    (event, no): (Event<'_>, No),
    now: Timestamp,
) -> Result<Finish, Stop> {
    let outcome = event.outcome;
    // Somebody else than its owner sits at a session that was to be worth more: it ends.
    let others = older.filter(|_| matches!(no, No::AnotherUser) && login.keeps.is_some());
    let others = others.map(|older| &older.sid);
    logins::finish(app, &version.ending(&login.id, others, event, Vec::new()), now).await?;
    // As after a refusal that came before anything was known: what becomes of it must not tell why.
    if login.step.digid().is_some() && matches!(no, No::Stop(_)) {
        sign_out_unproven(app, older, now).await?;
    }
    observe::login(way(&login.step), outcome);
    match no {
        No::Stop(stop) => Err(stop),
        No::AnotherUser => {
            let why = "another user logged in than the one that is meant";
            let told = refusal(&login.ask, app.config.issuer(), Code::LoginRequired, why);
            Ok(Finish::AnotherUser(told))
        }
    }
}

/// By which way somebody logged in, as it is counted.
fn way(done: &Done) -> &'static str {
    if done.level().needs_digid() { "digid" } else { "local" }
}

/// What begins beside the session, and where that leads: a code for the portal, or a question.
async fn onward(
    app: &App,
    login: &Login<Done>,
    (session, older): (&Session, Option<&Session>),
    now: Timestamp,
) -> Result<(Option<New>, Onward), Fault> {
    if let Some(page) = login.ask.own_page() {
        let first = account_merge::proven_before(login, older);
        let first = first.map(|first| app.store.first_proof(session, first)).transpose()?;
        return Ok((first, Onward::Own(page)));
    }
    let mut ask = login.ask.clone();
    let client = client(app, &ask).await?;
    // Who said at DigiD for which child has chosen.
    let has_said = ask.act_as == Some(ActFor::Choose) && session.authority.is_some();
    let left = if has_said {
        settled(app, &client, &ask, session).await?
    } else {
        left(app, &client, &mut ask, session, now).await?
    };
    let browser = login.browser.clone();
    let asking = match left {
        Left::Nothing => {
            let (code, good_for) = oxide::draw(&app.store, &client, &ask, session, now)?;
            return Ok((Some(good_for), Onward::Portal(back(app, &ask, &code))));
        }
        Left::Refused => {
            let told = refusal(&ask, app.config.issuer(), Code::AccessDenied, NOT_FOR_THEM);
            return Ok((None, Onward::Refused(told)));
        }
        Left::ForWhom => Login::<AsksForWhom>::asking(ask, browser, session, now).any(),
        Left::Consent => Login::<AsksConsent>::asking(ask, browser, session, now).any(),
    };
    Ok((Some(app.store.sealed_login(&asking)?), Onward::Asked(asking.id)))
}

/// Why a login that was done lets nobody in.
enum No {
    /// For the user.
    Stop(Stop),
    /// For the portal.
    AnotherUser,
}

impl<S: Into<Stop>> From<S> for No {
    fn from(stop: S) -> Self {
        Self::Stop(stop.into())
    }
}

/// The account, when all that was proven still lets its owner in; otherwise the line in the log, and the answer.
/// Whatever road led here: nobody gets in at less than the portal asked, nor with what a new password has ended.
async fn allowed<'a>(
    app: &App,
    login: &'a Login<Done>,
    now: Timestamp,
) -> Result<Result<Account, (Event<'a>, No)>, Fault> {
    let done = &login.step;
    let no = |outcome, no| Ok(Err((Event { outcome, ..event(login) }, no)));
    let elsewhere = |outcome| no(outcome, No::Stop(Stop::Elsewhere(login.id.clone())));
    if done.level() < login.ask.level {
        return elsewhere("level_too_low");
    }
    let Some(account) = app.store.still_open(&done.opening).await? else { return elsewhere("outdated") };
    let kept = login.keeps.as_ref().is_none_or(|kept| *kept == done.opening.account);
    // One who was meant and cannot be named any more is whoever logged in anew.
    let meant = login.ask.whom == Whom::Unknown || is_meant(app, &login.ask, &done.person).await?;
    let wanted = is_wanted(app, &login.ask, done.authority()).await?;
    if !kept || !meant || !wanted {
        return no("another_user", No::AnotherUser);
    }
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

/// The answer that takes a fresh authorization code back to the portal.
pub(super) async fn answer(
    app: &App,
    ask: &Ask,
    session: &Session,
    now: Timestamp,
) -> Result<AuthorizationResponse, Fault> {
    let code = oxide::issue(&app.store, &client(app, ask).await?, ask, session, now).await?;
    Ok(back(app, ask, &code))
}

/// Whether the request can be answered about this person.
pub(super) async fn is_meant(app: &App, ask: &Ask, person: &PersonId) -> Result<bool, Fault> {
    let subs = match &ask.whom {
        Whom::Anybody => return Ok(true),
        Whom::Unknown => return Ok(false),
        Whom::OneOf(subs) => subs,
    };
    let sector = client(app, ask).await?.sector;
    for sub in subs {
        if app.store.person_of_subject(&sector, sub).await?.as_ref() == Some(person) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The client of a request.
pub(super) async fn client(app: &App, ask: &Ask) -> Result<Client, Fault> {
    let client = app.client(&ask.client_id).await?;
    client.ok_or_else(|| Fault::because("a client vanished during a login"))
}

/// The answer that takes a code back to the portal.
pub(super) fn back(app: &App, ask: &Ask, code: &Secret) -> AuthorizationResponse {
    AuthorizationResponse::code(ask, code, app.config.issuer())
}

/// Whether a person may have a session: not when known to be under twelve (M13).
pub(super) async fn may_enter(store: &Store, person: &PersonId, now: Timestamp) -> Result<bool, Fault> {
    let person = store.person(person).await?;
    Ok(may_log_in(person.and_then(|person| person.birth), now))
}
