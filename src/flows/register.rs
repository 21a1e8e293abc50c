//! A new account (F1, F10): a verified, unique address; a password, optional when DigiD opens the account. An address that
//! has an account gets the same page and a letter to its owner instead of a code.

use super::{Held, Next, Over, Refused, Stop, code, email::Credentials, guesses, logins};
use crate::{
    app::App,
    domain::{
        code::{CodeFor, WrongCode, draw_reference},
        email::Email,
        fault::Fault,
        id::LoginId,
        lang::Lang,
        login::{AsksPassword, Choose, Coded, Login, Register, Registering},
        secret::Secret,
        time::Timestamp,
    },
    password::{Unfit, fitness},
    store::{
        accounts::{Owner, Taken},
        audit::Event,
    },
};

/// The login as one that makes an account: from the choice, or from DigiD's question. A portal that needs DigiD takes
/// no account without it.
pub fn at(held: Held) -> Result<Held<Register>, Stop> {
    let held = match held.at::<Register>() {
        Ok(held) => return Ok(held),
        Err(held) => held.at::<Choose>()?,
    };
    if !Choose::takes_password(&held.login.ask) {
        return Err(Stop::Elsewhere(held.login.id));
    }
    let id = held.login.id.clone();
    held.to_some(Login::<Choose>::to_register).ok_or(Stop::Elsewhere(id))
}

/// What is wrong with address or password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// This is no address.
    NoAddress,
    /// This may not be a password.
    Password(Unfit),
}

/// Takes address and password, and mails a code to the address, or tells the owner of the account that it has.
pub async fn enter(
    app: &App,
    held: Held<Register>,
    credentials: Credentials,
    lang: Lang,
    now: Timestamp,
) -> Result<LoginId, Refused<Unusable>> {
    let email = Email::parse(&credentials.email).map_err(|_| Refused::Because(Unusable::NoAddress))?;
    let has_none = held.login.step.has_digid() && credentials.password.expose().is_empty();
    if !has_none {
        fitness(&credentials.password).map_err(|unfit| Refused::Because(Unusable::Password(unfit)))?;
    }
    guesses::take_registration(app, &held.login.id, credentials.from, now)?;
    let password_hash = if has_none {
        None
    } else {
        Some(app.hasher.hash(credentials.password).await.map_err(Stop::not_hashed)?)
    };
    let known = app.store.account_by_email(&email).await?;
    // Mail about an account goes to the address that was proven, not to a look-alike that somebody typed.
    let email = known.as_ref().map_or(Ok(email), |account| Email::parse(&account.email))?;
    let about = code::circumstances(app, &held.login, &email, &draw_reference(), lang, now).await?;
    let mailed = code::first(app, &held.login, &about, CodeFor::Register, known.is_some());
    let sent = mailed.sent.clone();
    Ok(mailed.send(app, held.to(|login| login.mailed(email, password_hash, sent)), now).await?)
}

/// Tries the code; when right, makes the account. Constraints decide who is first.
pub async fn confirm(
    app: &App,
    held: Held<Coded<Registering>>,
    typed: &Secret,
    now: Timestamp,
) -> Result<Next, Refused<WrongCode>> {
    let to = held.login.step.mailed.to.clone();
    let held = code::enter(app, held, typed, now).await?;
    let owner = held.login.digid().map_or(Owner::New, |digid| Owner::Digid(digid.of().bsn.clone()));
    let hash = held.login.step.password_hash.clone();
    let id = match app.store.create_account(&owner, &to, hash.as_deref(), now).await? {
        Ok(id) => id,
        Err(taken) => {
            logins::end(app, &held.login, now).await?;
            let outcome = match taken {
                Taken::Email => "email_taken",
                Taken::Bsn => "bsn_taken",
            };
            let client = Some(held.login.ask.client_id.as_str());
            let event = Event { event: code::event(CodeFor::Register), outcome, client, ..Event::default() };
            app.store.audit(&event, now).await?;
            return Err(Over::NotLinked.into());
        }
    };
    let account =
        app.store.account(&id).await?.ok_or_else(|| Fault::because("an account was made and not found"))?;
    // Not saved once more: the caller ends this login at once.
    Ok(Next::In(held.to(|login| login.registered(account.opening(), account.person, now))))
}
