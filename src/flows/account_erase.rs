//! "Verwijder mijn account", by somebody with fresh proof who types their address. Portals are and its owner gets a last letter.

use super::{
    Refused, Stop,
    account::{Guest, about},
    logout::sign_out,
    single_logout::AtDigid,
};
use crate::{
    app::App,
    domain::{email::Email, lang::Lang, secret::Secret, time::Timestamp},
    mail::letters::{self, Change},
};

/// Why nothing was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotErased {
    /// What was typed is not the address of this account.
    NotConfirmed,
    /// Its owner is or was a member of staff: what they did at the desk must stay theirs (M11).
    Staff,
}

/// Erases the account, after signing out here: what is left at DigiD must be read before it is erased. `None` when another request was
/// first, and this one erased nothing.
pub async fn erase(
    app: &App,
    guest: &Guest,
    typed: &str,
    browser: Option<&Secret>,
    lang: Lang,
    now: Timestamp,
) -> Result<Option<AtDigid>, Refused<NotErased>> {
    let account = &guest.account;
    if app.store.was_member(&account.id).await? {
        return Err(Refused::Because(NotErased::Staff));
    }
    let own = Email::parse(&account.email).map_err(Stop::from)?;
    if !Email::parse(typed).is_ok_and(|typed| typed.key() == own.key()) {
        return Err(Refused::Because(NotErased::NotConfirmed));
    }
    let at_digid = sign_out(app, Some(&guest.session), browser, now).await?;
    if !app.store.erase_account(account, now).await? {
        return Ok(None);
    }
    app.mailer.tell(letters::changed(&about(own, lang, now), Change::Erased));
    Ok(Some(at_digid))
}
