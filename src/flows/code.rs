//! The mailed code (F5), for every story that mails one.

use super::{
    Held, Over, Refused, Stop,
    logins::{self, Version},
};
use crate::{
    app::App,
    domain::{
        calendar::DAY,
        code::{self, CodeFor, NoResend, SentCode, WrongCode},
        email::Email,
        fault::Fault,
        id::LoginId,
        lang::Lang,
        login::{ByCode, Coded, Done, Login, Step, Tried},
        secret::Secret,
        time::Timestamp,
    },
    mail::{Circumstances, Letter, letters},
    store::logins::Ration,
};

/// A code that is ready to be mailed.
pub(super) struct Mailed {
    pub(super) sent: SentCode,
    to: Email,
    letter: Letter,
    /// Whether the letter goes out. It is written anyway, which is as much work.
    goes: bool,
    what: CodeFor,
}

/// How many mails an address gets in a day before they are spaced.
const FREE_MAILS: i64 = 30;
/// Seconds between two mails after that: it slows, it never locks.
const SPACED: i64 = 3600;

/// Draws the first code of a login. A `hollow` one is never right: the page is the same, and another letter goes out, or
/// none.
pub(super) fn first<S>(
    app: &App,
    login: &Login<S>,
    about: &Circumstances,
    what: CodeFor,
    hollow: bool,
) -> Mailed {
    let (hash, letter) = draw(app, login, about, what, hollow);
    let sent = SentCode::first(hash, about.reference.clone(), about.at);
    Mailed { sent, to: about.to.clone(), letter, goes: goes(what, hollow), what }
}

impl Mailed {
    /// Keeps the login that waits for the code, and hands the letter to the mailer. `TooManyMails` when the address has had
    /// many today and must wait.
    pub(super) async fn send<S: Into<Step> + Clone>(
        self,
        app: &App,
        held: Held<S>,
        now: Timestamp,
    ) -> Result<LoginId, Stop> {
        let whom = if self.what.is_unasked() { self.to.mailbox() } else { self.to.key().to_owned() };
        let held = logins::save_counted(app, held, ration(self.what, &whom), Stop::TooManyMails, now).await?;
        let hand_over = |letter| {
            if self.what.is_unasked() { app.mailer.send_unasked(letter) } else { app.mailer.send(letter) }
        };
        match self.goes.then(|| hand_over(self.letter)) {
            None | Some(Ok(())) => {}
            // Saying so would tell that the address has an account. The page offers to send a new code.
            Some(Err(_)) if self.what == CodeFor::Recover => {
                tracing::warn!("the mail queue is full: a letter was dropped");
            }
            Some(Err(_)) => return Err(Stop::Busy),
        }
        Ok(held.login.id)
    }
}

/// A code's keyed hash, and the letter that brings it; of a hollow one no hash, and the letter in its place. A code is drawn and hashed
/// and a letter is written whether or not they go anywhere: it takes as much work where the address has no account.
fn draw<S>(
    app: &App,
    login: &Login<S>,
    about: &Circumstances,
    what: CodeFor,
    hollow: bool,
) -> (Vec<u8>, Letter) {
    let code = what.draw();
    let hash = hash(app, login, &code);
    let letter = match what {
        CodeFor::Register if hollow => letters::has_account(about),
        // After DigiD's proof of another account the two become one by this code (F12), so it is told as that of a link.
        CodeFor::LogIn if login.first.is_some() => letters::code(about, &code, CodeFor::Link),
        _ => letters::code(about, &code, what),
    };
    (if hollow { Vec::new() } else { hash }, letter)
}

/// Whether a letter goes out: a code's, and that an address has an account, to its owner. Nobody hears that one has none.
fn goes(what: CodeFor, hollow: bool) -> bool {
    !hollow || what == CodeFor::Register
}

/// What a letter about this login says of its circumstances.
pub(super) async fn circumstances<S>(
    app: &App,
    login: &Login<S>,
    to: &Email,
    reference: &str,
    lang: Lang,
    now: Timestamp,
) -> Result<Circumstances, Fault> {
    let portal = match login.ask.own_page() {
        Some(_) => letters::own_pages(lang).to_owned(),
        None => app.client(&login.ask.client_id).await?.map_or_else(String::new, |client| client.name),
    };
    Ok(Circumstances { to: to.clone(), portal, at: now, reference: reference.to_owned(), lang })
}

/// What an address may be mailed, known or not. What anybody can ask for counts apart, so that a stranger who uses it up
/// keeps no owner from logging in, and each such act for itself, so that whoever asks for new passwords all day keeps nobody
/// from an account; and by mailbox, so that tags give no more of it.
const fn ration(what: CodeFor, whom: &str) -> Ration<'_> {
    let (free, spaced) = match what {
        CodeFor::LogIn | CodeFor::Link => ("mail", "mail-spaced"),
        CodeFor::Register => ("mail-register", "mail-register-spaced"),
        CodeFor::Recover => ("mail-recover", "mail-recover-spaced"),
    };
    Ration { whom, free: (free, FREE_MAILS, DAY), spaced: (spaced, SPACED) }
}

/// A right code. Nothing may be done for it before the login was kept or ended under the version that was read: of all
/// requests that read it so, one goes on, right or wrong. Otherwise a right guess could act that came in one swarm with
/// more wrong ones than a code allows.
pub(super) struct Right<P> {
    as_it_was: Login<Coded<P>>,
    now_is: Login<P>,
    version: Version,
}

impl<P> Right<P>
where
    Coded<P>: Into<Step> + Clone,
{
    /// Keeps the login as it was but for its code, which is spent: nobody tries it again while somebody acts on it.
    async fn keep(self, app: &App) -> Result<Held<P>, Stop> {
        let mut login = self.as_it_was.renewed();
        login.step.mailed.code.spend();
        let (_, version) = logins::save(app, self.version.hold(login)).await?.open();
        Ok(version.hold(self.now_is))
    }

    /// For a login that is done by this: [`super::finish`] ends it under the version that was read.
    pub(super) fn done(self, done: impl FnOnce(Login<P>) -> Login<Done>) -> Held<Done> {
        self.version.hold(done(self.now_is))
    }

    /// What the login is now, to be read and no more.
    pub(super) fn login(&self) -> &Login<P> {
        &self.now_is
    }
}

/// Tries a code for a story that acts on it. What [`Right`] asks for was done.
pub(super) async fn enter<P: ByCode>(
    app: &App,
    held: Held<Coded<P>>,
    typed: &Secret,
    now: Timestamp,
) -> Result<Held<P>, Refused<WrongCode>>
where
    Coded<P>: Into<Step> + Clone,
{
    Ok(attempt(app, held, typed, now).await?.keep(app).await?)
}

/// Tries a code. A wrong try is counted and kept before it is answered; one too many ends the login.
pub(super) async fn attempt<P: ByCode>(
    app: &App,
    held: Held<Coded<P>>,
    typed: &Secret,
    now: Timestamp,
) -> Result<Right<P>, Refused<WrongCode>>
where
    Coded<P>: Into<Step> + Clone,
{
    if held.login.step.mailed.code.is_spent() {
        return Err(Stop::Elsewhere(held.login.id.clone()).into());
    }
    let offered = hash(app, &held.login, &code::tidy(typed.expose()));
    let as_it_was = (*held.login).clone();
    let (login, version) = held.open();
    let (login, wrong) = match login.attempt(&offered, now) {
        Tried::Right(right) => return Ok(Right { as_it_was, now_is: right, version }),
        Tried::Wrong(login, wrong) => (login, wrong),
    };
    let over = login.step.mailed.code.ends_login();
    // Guesses use up the day's mails, so that guessing through login after login gets slow. Not where anybody can guess: that
    // code is too long to be found, and the owner would be kept from logging in.
    let used_up = (!P::FOR.is_unasked()).then(|| ("mail", as_it_was.step.mailed.to.key(), DAY));
    logins::fail(app, version.hold(login), over, used_up, now).await?;
    Err(if over { Over::WrongCodes.into() } else { Refused::Because(wrong) })
}

/// Mails a newer code in the place of the older one, or again what was mailed instead of a code.
pub async fn resend(app: &App, held: Held, lang: Lang, now: Timestamp) -> Result<LoginId, Refused<NoResend>> {
    let id = held.login.id.clone();
    let Some((what, mailed)) = held.login.step.mailed() else { return Err(Stop::Elsewhere(id).into()) };
    let reference = code::draw_reference();
    let about = circumstances(app, &held.login, &mailed.to, &reference, lang, now).await?;
    let hollow = mailed.code.is_hollow();
    let (hash, letter) = draw(app, &held.login, &about, what, hollow);
    let newer = mailed.code.resend(hash, reference, now).map_err(Refused::Because)?;
    let (to, goes) = (mailed.to.clone(), goes(what, hollow));
    let mailed = Mailed { sent: newer.clone(), to, letter, goes, what };
    let held = held.to(|mut login| {
        login.step.replace_code(newer);
        login
    });
    match mailed.send(app, held, now).await {
        Err(Stop::TooManyMails(_)) => Err(Refused::Because(NoResend::Wait(SPACED))),
        sent => Ok(sent?),
    }
}

/// What the audit log calls the act that a code is for.
pub(super) const fn event(what: CodeFor) -> &'static str {
    match what {
        CodeFor::LogIn => "login.local",
        CodeFor::Link => "digid.linked",
        CodeFor::Register => "account.created",
        CodeFor::Recover => "password.reset",
    }
}

/// A code is bound to its login: the same digits in another login have another hash.
fn hash<S>(app: &App, login: &Login<S>, code: &Secret) -> Vec<u8> {
    app.store.mailed_code_hash(&login.id, code)
}

#[cfg(test)]
pub(super) mod tests;
