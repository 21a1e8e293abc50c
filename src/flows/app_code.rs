//! A login with the code of an authenticator app in place of a mailed one, or with a recovery code (F6). The bounds are those of a
//! mailed code: five tries a login, and a daily bound for an account that slows and never locks. Getting in and a new password count
//! apart, so that who has stolen the password alone keeps nobody from a new one, and so does a browser in which the owner logged in
//! before (`docs/adr/0040`).

use super::{Held, Next, Over, Refused, Stop, code, link, logins};
use crate::{
    app::App,
    domain::{
        calendar::DAY,
        code::{WrongCode, draw_reference, tidy},
        email::Email,
        lang::Lang,
        login::{AppAsked, Linking, LogIn, Login, NewPassword, Step},
        proof::Opening,
        secret::Secret,
        time::Timestamp,
    },
    mail::letters::{self, Change},
    store::{accounts::Account, audit::Event, logins::Ration},
};

/// How many times a day an account's app is asked, wrong codes included, before that is spaced.
const FREE: i64 = 30;
/// Seconds between two times after that: it slows, it never locks.
const SPACED: i64 = 3600;

/// What is counted of those who gave the password: free, and spaced.
pub(super) const TO_GET_IN: Counter = ("app", "app-spaced");
/// What is counted of those who can read the mail.
pub(super) const TO_RENEW: Counter = ("app-recover", "app-recover-spaced");

type Counter = (&'static str, &'static str);

/// What somebody typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A code of the app.
    App,
    /// A recovery code.
    Recovery,
}

/// Keeps a login that waits for a code of the app of `account`. `TooManyCodes` when it was asked for very often today.
pub(super) async fn ask<P>(
    app: &App,
    held: Held<AppAsked<P>>,
    (free, spaced): Counter,
    account: &Account,
    now: Timestamp,
) -> Result<Held<AppAsked<P>>, Stop>
where
    AppAsked<P>: Into<Step> + Clone,
{
    let whom = whom(account, &held.login.step);
    let ration = Ration { whom: &whom, free: (free, FREE, DAY), spaced: (spaced, SPACED) };
    logins::save_counted(app, held, ration, Stop::TooManyCodes, now).await
}

/// Whose codes are counted. A new password begins a new count: whoever used up the older one knows it no longer.
fn whom<P>(account: &Account, asked: &AppAsked<P>) -> String {
    format!("{}\0{}\0{}", account.id, account.era, asked.known_browser.as_deref().unwrap_or_default())
}

/// Tries a code, whatever it is for.
pub async fn confirm(
    app: &App,
    held: Held,
    (kind, typed): (Kind, &Secret),
    lang: Lang,
    now: Timestamp,
) -> Result<Next, Refused<WrongCode>> {
    let held = match held.at::<AppAsked<LogIn>>() {
        Ok(held) => {
            let (held, account) = attempt(app, held, TO_GET_IN, (kind, typed), lang, now).await?;
            // A recovery code is no app's: it opens no desk.
            let held = if kind == Kind::App { held.to(Login::<LogIn>::by_app) } else { held };
            let local = held.login.prove(now);
            return Ok(Next::In(held.to(|login| login.done(local, account.person))));
        }
        Err(held) => *held,
    };
    let held = match held.at::<AppAsked<Linking>>() {
        Ok(held) => {
            let (held, account) = attempt(app, held, TO_GET_IN, (kind, typed), lang, now).await?;
            let to = Email::parse(&account.email).map_err(Stop::from)?;
            let about = code::circumstances(app, &held.login, &to, &draw_reference(), lang, now).await;
            return link::proceed(app, held, &about.map_err(Stop::from)?, now)
                .await
                .map_err(Refused::Stopped);
        }
        Err(held) => *held,
    };
    let held = held.at::<AppAsked<NewPassword>>().map_err(Stop::from)?;
    let (held, _) = attempt(app, held, TO_RENEW, (kind, typed), lang, now).await?;
    let held = logins::save(app, held).await?;
    Ok(Next::Page(held.login.id))
}

/// Tries a code. The login is kept under a new version before the code is looked at, so that of a swarm of guesses that read it at once
/// one counts; a right one is spent before anything is done for it.
async fn attempt<P>(
    app: &App,
    held: Held<AppAsked<P>>,
    (free, _): Counter,
    (kind, typed): (Kind, &Secret),
    lang: Lang,
    now: Timestamp,
) -> Result<(Held<P>, Account), Refused<WrongCode>>
where
    AppAsked<P>: Into<Step> + Clone,
    P: Clone,
{
    let held = logins::save(app, held).await?;
    let account = owner(app, &held.login, &held.login.step.opening, now).await?;
    if spend(app, &held.login, &account, (kind, typed), lang, now).await? {
        return Ok((held.to(Login::<AppAsked<P>>::right), account));
    }
    let (login, version) = held.open();
    let (login, wrong, over) = login.wrong();
    let whom = whom(&account, &login.step);
    logins::fail(app, version.hold(login), over, Some((free, &whom, DAY)), now).await?;
    Err(if over { Over::WrongCodes.into() } else { Refused::Because(wrong) })
}

/// The account whose app is asked. Without one, or in a later era, the login is over.
async fn owner<P>(
    app: &App,
    login: &Login<AppAsked<P>>,
    opening: &Opening,
    now: Timestamp,
) -> Result<Account, Stop> {
    if let Some(account) = app.store.still_open(opening).await?.filter(|account| account.app.is_some()) {
        return Ok(account);
    }
    logins::end(app, login, now).await?;
    let client = Some(login.ask.client_id.as_str());
    let event = Event { event: "code", outcome: "outdated", client, ..Event::default() };
    app.store.audit(&event, now).await?;
    Err(Stop::Elsewhere(login.id.clone()))
}

/// Whether the code was right and had not been used. The owner is told of a recovery code that was.
async fn spend<P>(
    app: &App,
    login: &Login<AppAsked<P>>,
    account: &Account,
    (kind, typed): (Kind, &Secret),
    lang: Lang,
    now: Timestamp,
) -> Result<bool, Stop> {
    match kind {
        Kind::App => {
            let Some(secret) = app.store.app_secret(account)? else { return Ok(false) };
            let Some(step) = secret.step_of(typed, now) else { return Ok(false) };
            Ok(app.store.spend_app_step(account, step).await?)
        }
        Kind::Recovery => {
            let code = tidy(typed.expose());
            let Some(left) = app.store.spend_recovery_code(account, &code, now).await? else {
                return Ok(false);
            };
            let to = Email::parse(&account.email)?;
            let about = code::circumstances(app, login, &to, &draw_reference(), lang, now).await?;
            app.mailer.tell(letters::changed(&about, Change::RecoveryCode { left }));
            Ok(true)
        }
    }
}
