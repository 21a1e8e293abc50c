//! Changing or choosing a password at "Mijn account", by somebody with fresh proof (F13). It ends every session of the account, this
//! one too, and tells its owner, as a forgotten password does.

use super::{
    Refused, Stop,
    account::{Guest, about},
    logout::sign_out,
    single_logout::AtDigid,
};
use crate::{
    app::App,
    domain::{email::Email, lang::Lang, secret::Secret, time::Timestamp},
    mail::letters,
    password::{Unfit, fitness},
};

/// Replaces the password, and signs out everywhere. Gives what is left at DigiD; `None` when another request came first, and nothing
/// was changed by this one.
pub async fn change(
    app: &App,
    guest: &Guest,
    password: Secret,
    browser: Option<&Secret>,
    lang: Lang,
    now: Timestamp,
) -> Result<Option<AtDigid>, Refused<Unfit>> {
    fitness(&password).map_err(Refused::Because)?;
    let hash = app.hasher.hash(password).await.map_err(Stop::not_hashed)?;
    let account = &guest.account;
    if !app.store.replace_password(account, &hash, "password.changed", now).await? {
        return Ok(None);
    }
    app.mailer.tell(letters::password_changed(&about(Email::parse(&account.email)?, lang, now)));
    Ok(Some(sign_out(app, Some(&guest.session), browser, now).await?))
}
