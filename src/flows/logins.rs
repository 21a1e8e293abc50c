//! Keeping a login between two requests. It is found only by its own browser; saving is compare-and-swap, so of two
//! requests at once one moves it and the other hears that it moved.

use super::{Over, Stop, code};
use crate::{
    app::App,
    domain::{
        fault::Fault,
        id::{LoginId, SessionId},
        login::{ByCode, LIFE, Login, Step},
        proof::Opening,
        secret::Secret,
        time::Timestamp,
    },
    oidc::{
        authorize::refusal,
        error::{Code, Error},
    },
    store::{
        accounts::Account,
        audit::Event,
        ephemeral::{New, Versioned},
        logins::{Counted, Ended, Ending, Ration, Wrong},
    },
};

/// A login in hand, with the version under which it was read.
#[derive(Debug)]
pub struct Held<S = Step> {
    /// The login.
    pub login: Box<Login<S>>,
    version: i64,
}

impl Held<Step> {
    /// The login if it stands at `S`; otherwise as it does stand.
    pub fn at<S>(self) -> Result<Held<S>, Box<Self>>
    where
        Login<S>: TryFrom<Login<Step>, Error = Box<Login<Step>>>,
    {
        let version = self.version;
        match Login::<S>::try_from(*self.login) {
            Ok(login) => Ok(Held { login: Box::new(login), version }),
            Err(login) => Err(Box::new(Self { login, version })),
        }
    }
}

impl<S> Held<S> {
    /// Moves the login on. Nothing is kept until it is saved.
    pub fn to<T>(self, next: impl FnOnce(Login<S>) -> Login<T>) -> Held<T> {
        Held { login: Box::new(next(*self.login)), version: self.version }
    }

    /// The same, where the login can move there; `None` where it cannot.
    pub fn to_some<T>(self, next: impl FnOnce(Login<S>) -> Option<Login<T>>) -> Option<Held<T>> {
        let login = Box::new(next(*self.login)?);
        Some(Held { login, version: self.version })
    }

    /// The login, and the version under which what it becomes must be saved.
    pub(super) fn open(self) -> (Login<S>, Version) {
        (*self.login, Version(self.version))
    }
}

/// The version of a login that is being moved.
#[derive(Debug, Clone, Copy)]
pub(super) struct Version(i64);

impl Version {
    /// The end of the login, to be written with what comes of it.
    pub(super) fn ending<'a>(
        self,
        login: &'a LoginId,
        older: Option<&'a SessionId>,
        event: Event<'a>,
        begun: Vec<New>,
    ) -> Ending<'a> {
        Ending { login, version: self.0, older, begun, agreed: None, digid: None, pushed: None, event }
    }

    /// What the login became, ready to be saved.
    pub(super) fn hold<T>(self, login: Login<T>) -> Held<T> {
        Held { login: Box::new(login), version: self.0 }
    }
}

/// Keeps a new login, unless too many are under way.
pub(super) async fn begin<S: Into<Step> + Clone>(app: &App, login: Login<S>) -> Result<Held<S>, Stop> {
    if !app.crowd.lets_in() {
        return Err(Stop::Busy);
    }
    app.store.begin_login(&login.clone().any()).await?;
    // The version of what is new.
    Ok(Held { login: Box::new(login), version: 1 })
}

/// What a browser shows of itself to find a login.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    /// The cookie of the browser.
    pub browser: &'a Secret,
    /// The cookie of this login alone, if there is one.
    pub tie: Option<&'a Secret>,
    /// Its next one, where the request brings what may prove something.
    pub fresh: Option<&'a Secret>,
}

/// The login of that id, if it lives and belongs to this browser.
pub async fn find(app: &App, id: &LoginId, keys: Keys<'_>, now: Timestamp) -> Result<Option<Held>, Fault> {
    let found = app.store.login(id, now).await?;
    Ok(found.filter(|found| found.value.is_of(keys.browser, keys.tie)).map(|found| {
        let login = Login { fresh: keys.fresh.map(Secret::hashed), ..found.value };
        Held { login: Box::new(login), version: found.version }
    }))
}

/// How often a browser may show that it proved something, where its tie was lost with the answer.
const AGAIN: i64 = 5;

/// Whether the login is tied by `fresh`: this request proved something, or another one that brought the same. A browser that found no
/// login can only guess, and `guesses` seldom: a six-digit code would soon be found.
pub async fn is_tied_by(
    app: &App,
    id: &LoginId,
    (browser, fresh): (&Secret, &Secret),
    guesses: bool,
    now: Timestamp,
) -> Result<bool, Fault> {
    let found = app.store.login(id, now).await?;
    // Another browser uses up none of the guesses of the one that the login is of.
    let found = found.filter(|found| found.value.tie.is_some() && found.value.browser.is_of(browser));
    let Some(found) = found else { return Ok(false) };
    if guesses && app.store.bump("tie", id.as_str(), LIFE, now).await? > AGAIN {
        return Ok(false);
    }
    Ok(found.value.is_of(browser, Some(fresh)))
}

/// Keeps a login at its new step; `Elsewhere` when another request was first.
pub(super) async fn save<S: Into<Step> + Clone>(app: &App, held: Held<S>) -> Result<Held<S>, Stop> {
    let kept = Versioned { value: (*held.login).clone().any(), version: held.version };
    if app.store.move_login(&kept).await? {
        Ok(Held { version: held.version + 1, ..held })
    } else {
        Err(Stop::Elsewhere(kept.value.id))
    }
}

/// The same with a line in the log, both or neither.
pub(super) async fn save_noted<S: Into<Step> + Clone>(
    app: &App,
    held: Held<S>,
    event: &Event<'_>,
    now: Timestamp,
) -> Result<Held<S>, Stop> {
    let kept = Versioned { value: (*held.login).clone().any(), version: held.version };
    if app.store.move_login_noted(&kept, event, now).await? {
        Ok(Held { version: held.version + 1, ..held })
    } else {
        Err(Stop::Elsewhere(kept.value.id))
    }
}

/// Keeps a login that waits for a code, and counts it; `Elsewhere` when another request was first, and `used_up` when nothing is left
/// of the ration.
pub(super) async fn save_counted<S: Into<Step> + Clone>(
    app: &App,
    held: Held<S>,
    ration: Ration<'_>,
    used_up: fn(LoginId) -> Stop,
    now: Timestamp,
) -> Result<Held<S>, Stop> {
    let kept = Versioned { value: (*held.login).clone().any(), version: held.version };
    match app.store.move_login_counted(&kept, ration, now).await? {
        Counted::Moved => Ok(Held { version: held.version + 1, ..held }),
        Counted::Late => Err(Stop::Elsewhere(kept.value.id)),
        Counted::UsedUp => Err(used_up(kept.value.id)),
    }
}

/// Keeps what a wrong code left of a login, or ends it; `Elsewhere` when another request was first.
pub(super) async fn fail<S: Into<Step> + Clone>(
    app: &App,
    held: Held<S>,
    over: bool,
    count: Option<(&str, &str, i64)>,
    now: Timestamp,
) -> Result<(), Stop> {
    let login = Versioned { value: held.login.any(), version: held.version };
    let client = Some(login.value.ask.client_id.as_str());
    let event = Event { event: "code", outcome: "wrong", client, ..Event::default() };
    if app.store.fail_login(&Wrong { login: &login, over, count, event }, now).await? {
        Ok(())
    } else {
        Err(Stop::Elsewhere(login.value.id.clone()))
    }
}

/// Ends a login that is done, with what `ending` says comes of it; `Elsewhere` when another request was first.
pub(super) async fn finish(app: &App, ending: &Ending<'_>, now: Timestamp) -> Result<(), Stop> {
    match app.store.finish_login(ending, now).await? {
        Ended::Here => Ok(()),
        Ended::Late => Err(Stop::Elsewhere(ending.login.clone())),
        Ended::LoggedOut => Err(Over::LoggedOut.into()),
        Ended::Answered => Err(Over::RequestAnswered.into()),
    }
}

/// Ends a login; `false` when another request did.
pub(super) async fn end<S>(app: &App, login: &Login<S>, now: Timestamp) -> Result<bool, Fault> {
    app.store.end_login(&login.id, now).await
}

/// The account about which something was proven. When a new password has begun a later era of it, the login is over.
pub(super) async fn still_open<P: ByCode>(
    app: &App,
    login: &Login<P>,
    opening: &Opening,
    now: Timestamp,
) -> Result<Account, Stop> {
    if let Some(account) = app.store.still_open(opening).await? {
        return Ok(account);
    }
    end(app, login, now).await?;
    let client = Some(login.ask.client_id.as_str());
    let event = Event { event: code::event(P::FOR), outcome: "outdated", client, ..Event::default() };
    app.store.audit(&event, now).await?;
    Err(Stop::Elsewhere(login.id.clone()))
}

/// Ends a login that its user stopped: the portal hears `access_denied`, and nothing remains (F8).
pub async fn abandon<S>(app: &App, held: Held<S>, now: Timestamp) -> Result<Error, Fault> {
    end(app, &held.login, now).await?;
    Ok(refusal(&held.login.ask, app.config.issuer(), Code::AccessDenied, "the user stopped"))
}
