//! Linking DigiD at "Mijn account" (F9): a login at DigiD, and then the same password and code as for every link.
//! Unlinking it, by somebody who has just logged in with it (F13). The password stays as the way in, so there must
//! be one. It ends every session of the account, this one too, and tells its owner.

use super::{
    Stop,
    account::{Guest, about},
    logout::sign_out,
    single_logout::AtDigid,
    start::{Started, step_up},
};
use crate::{
    app::App,
    domain::{
        ask::Ask, assurance::Level, email::Email, lang::Lang, login::Login, own::OwnPage, secret::Secret,
        time::Timestamp,
    },
    mail::letters::{self, Change},
    oidc::authorize::own,
};

/// What can be done about DigiD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlinking {
    /// It is not linked.
    None,
    /// First a password is to be chosen: without one nobody could log in any more.
    NeedsPassword,
    /// Not in this session, which is worth less than DigiD, or began without it.
    NeedsDigid,
    /// It can be unlinked.
    May,
}

/// What this guest can do. DigiD is taken away with DigiD only, also where none is in use here (F13).
pub fn unlinking(guest: &Guest) -> Unlinking {
    match (guest.account.has_digid(), guest.account.password_hash.is_some()) {
        (false, _) => Unlinking::None,
        (true, _) if guest.session.level < Level::Midden => Unlinking::NeedsDigid,
        (true, false) => Unlinking::NeedsPassword,
        (true, true) => Unlinking::May,
    }
}

/// Whether this guest can link DigiD from here.
pub fn may_link(app: &App, guest: &Guest) -> bool {
    app.digid.is_some() && !guest.account.has_digid()
}

/// Off to DigiD, which asks its user anew. Whom nobody knows by it is asked for password and code of an account, with the address of this one
/// filled in: the session proves neither (`docs/adr/0043`). `None` where there is nothing to link.
pub async fn link(
    app: &App,
    guest: &Guest,
    browser: &Secret,
    now: Timestamp,
) -> Result<Option<Started>, Stop> {
    if !may_link(app, guest) {
        return Ok(None);
    }
    let ask = own(app.config.issuer(), OwnPage::Digid, Level::Midden, true);
    let ask = Ask { login_hint: Some(guest.account.email.clone()), ..ask };
    let login = Login::start(ask, browser.hashed(), now).keeping(guest.account.id.clone());
    step_up(app, login, now).await.map(Some)
}

/// Unlinks, and signs out everywhere. Gives what is left at DigiD; `None` when it may not be, or another request came first, and
/// nothing was changed by this one.
pub async fn unlink(
    app: &App,
    guest: &Guest,
    browser: Option<&Secret>,
    lang: Lang,
    now: Timestamp,
) -> Result<Option<AtDigid>, Stop> {
    if unlinking(guest) != Unlinking::May || !app.store.unlink_digid(&guest.account, now).await? {
        return Ok(None);
    }
    let about = about(Email::parse(&guest.account.email)?, lang, now);
    app.mailer.tell(letters::changed(&about, Change::DigidUnlinked));
    Ok(Some(sign_out(app, Some(&guest.session), browser, now).await?))
}
