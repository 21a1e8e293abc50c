//! A forgotten password (F13): the mailed code, and DigiD where the account has it, then a new password. It ends every
//! session of the account and tells its owner; an unknown address gets the same pages and no mail.

use super::{Held, Next, Refused, Stop, app_code, code, logins};
use crate::{
    app::App,
    domain::{
        code::{CodeFor, WrongCode, draw_reference},
        email::{Email, NotAnEmail},
        id::LoginId,
        lang::Lang,
        login::{Choose, Coded, Login, NewPassword, Recovering},
        secret::Secret,
        time::Timestamp,
    },
    mail::letters,
    password::{Unfit, fitness},
};

/// Mails a code, if the address has an account.
pub async fn ask(
    app: &App,
    held: Held<Choose>,
    address: &str,
    lang: Lang,
    now: Timestamp,
) -> Result<LoginId, Refused<NotAnEmail>> {
    let email = Email::parse(address).map_err(Refused::Because)?;
    let account = app.store.account_by_email(&email).await?;
    // The code goes to the address that was proven, not to a look-alike that somebody typed.
    let email = account.as_ref().map_or(Ok(email), |account| Email::parse(&account.email))?;
    let about = code::circumstances(app, &held.login, &email, &draw_reference(), lang, now).await?;
    let mailed = code::first(app, &held.login, &about, CodeFor::Recover, account.is_none());
    let (opening, sent) = (account.map(|account| account.opening()), mailed.sent.clone());
    Ok(mailed.send(app, held.to(|login| login.forgot(email, opening, sent)), now).await?)
}

/// Tries the code; when right, the login goes on by way of DigiD or straight to the new password.
pub async fn confirm(
    app: &App,
    held: Held<Coded<Recovering>>,
    typed: &Secret,
    now: Timestamp,
) -> Result<Next, Refused<WrongCode>> {
    let held = code::enter(app, held, typed, now).await?;
    let id = held.login.id.clone();
    let elsewhere = || Stop::Elsewhere(id.clone());
    let opening = held.login.opening().ok_or_else(elsewhere)?;
    let account = logins::still_open(app, &held.login, opening, now).await?;
    if account.app.is_some() && !account.has_digid() {
        let (login, version) = held.open();
        let login = login.proven_but_app().ok_or_else(elsewhere)?;
        return Ok(Next::Page(
            app_code::ask(app, version.hold(login), app_code::TO_RENEW, &account, now).await?.login.id,
        ));
    }
    let (login, version) = held.open();
    let login = login.proven(account.has_digid()).ok_or_else(elsewhere)?;
    logins::save(app, version.hold(login)).await?;
    Ok(Next::Page(id))
}

/// Replaces the password.
pub async fn change(
    app: &App,
    held: Held<NewPassword>,
    password: Secret,
    lang: Lang,
    now: Timestamp,
) -> Result<LoginId, Refused<Unfit>> {
    fitness(&password).map_err(Refused::Because)?;
    let hash = app.hasher.hash(password).await.map_err(Stop::not_hashed)?;
    let (opening, shown) = (held.login.opening().clone(), (*held.login).clone());
    // The right to choose is spent before it is used, so that of two clicks one goes on, and ends the login if it must.
    let held = logins::save(app, held.to(Login::<NewPassword>::spent)).await?;
    // DigiD may have been linked, or an app set up, since the code was right: then it is needed after all.
    let account = app
        .store
        .still_open(&opening)
        .await?
        .filter(|account| shown.suffices(account.has_digid(), account.app.is_some()));
    let replaced = match &account {
        Some(account) if app.store.replace_password(account, &hash, "password.reset", now).await? => account,
        _ => {
            logins::end(app, &held.login, now).await?;
            return Err(Stop::Elsewhere(held.login.id.clone()).into());
        }
    };
    let email = Email::parse(&replaced.email)?;
    let about = code::circumstances(app, &held.login, &email, &draw_reference(), lang, now).await?;
    app.mailer.tell(letters::password_changed(&about));
    let held = logins::save(app, held.to(Login::<Choose>::password_changed)).await?;
    Ok(held.login.id)
}
