//! Setting and removing an authenticator app at "Mijn account" (F6), by somebody with fresh proof (F13). Its owner is mailed.

use super::{
    Refused, Stop,
    account::{Guest, about},
};
use crate::{
    app::App,
    domain::{
        authenticator::{AppSecret, draw_recovery_codes},
        email::Email,
        lang::Lang,
        secret::Secret,
        time::Timestamp,
    },
    mail::letters::{self, Change},
};

/// A secret that is offered, and sealed as its form brings it back.
#[derive(Debug)]
pub struct Offer {
    /// What the app is to know.
    pub secret: AppSecret,
    /// The same, sealed for this account and session.
    pub sealed: Vec<u8>,
}

/// The code that was to confirm an app is not one of it, or was used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotConfirmed;

/// Offers a new secret. Nothing is kept.
pub fn offer(app: &App, guest: &Guest) -> Result<Offer, Stop> {
    let secret = AppSecret::random();
    let sealed = app.store.seal_offer(&guest.account, &guest.session.sid, &secret)?;
    Ok(Offer { secret, sealed })
}

/// The offer that a form brought back; a new one for what is none of this session.
pub fn reopen(app: &App, guest: &Guest, sealed: Vec<u8>) -> Result<Offer, Stop> {
    match app.store.open_offer(&guest.account, &guest.session.sid, &sealed) {
        Some(secret) => Ok(Offer { secret, sealed }),
        None => offer(app, guest),
    }
}

/// Tries the code that is to confirm an offered secret; when right, the app counts from now on, and every other session ends, for none
/// was proven with it. Gives the recovery codes, once.
pub async fn confirm(
    app: &App,
    guest: &Guest,
    offered: &Offer,
    typed: &Secret,
    lang: Lang,
    now: Timestamp,
) -> Result<Vec<Secret>, Refused<NotConfirmed>> {
    let Some(step) = offered.secret.step_of(typed, now) else { return Err(Refused::Because(NotConfirmed)) };
    let codes = draw_recovery_codes();
    let whose = (&guest.account, &guest.session);
    if !app.store.set_app(whose, (&offered.secret, step), &codes, now).await? {
        return Err(Refused::Because(NotConfirmed));
    }
    tell(app, guest, Change::AppSet, lang, now)?;
    Ok(codes)
}

/// Takes the app away: from now on a code is mailed again.
pub async fn remove(app: &App, guest: &Guest, lang: Lang, now: Timestamp) -> Result<(), Stop> {
    if app.store.remove_app(&guest.account, now).await? {
        tell(app, guest, Change::AppRemoved, lang, now)?;
    }
    Ok(())
}

/// Mails the owner what was changed.
pub(super) fn tell(app: &App, guest: &Guest, change: Change, lang: Lang, now: Timestamp) -> Result<(), Stop> {
    let about = about(Email::parse(&guest.account.email)?, lang, now);
    app.mailer.tell(letters::changed(&about, change));
    Ok(())
}
