//! A portal's request arrives: a session answers it, or a login begins.

use super::{Stop, finish, logins, representation::still_stands};
use crate::{
    app::App,
    domain::{
        ask::{Ask, Prompt},
        id::LoginId,
        login::Login,
        secret::Secret,
        session::Session,
        time::Timestamp,
    },
    oidc::{
        authorize::refusal,
        error::{Code, Error},
    },
};

/// What came of a request.
#[derive(Debug)]
pub enum Started {
    /// A session answered: send the browser there.
    Answered(String),
    /// The user must log in.
    Login(LoginId),
    /// Nobody may be asked and no session suffices: tell the portal.
    Refused(Error),
}

/// Answers from the session, or begins a login bound to the browser.
pub async fn start(
    app: &App,
    ask: Ask,
    session: Option<&Session>,
    browser: &Secret,
    now: Timestamp,
) -> Result<Started, Stop> {
    if let Some(session) = session
        && ask.is_answered_by(session.level, session.auth_time, now)
        && finish::may_enter(&app.store, &session.person, now).await?
        && still_stands(app, session, now).await?
    {
        return Ok(Started::Answered(finish::answer(app, &ask, session, now).await?));
    }
    if ask.prompt == Prompt::None {
        let why = "nobody is logged in, or not surely or recently enough";
        return Ok(Started::Refused(refusal(&ask, app.config.issuer(), Code::LoginRequired, why)));
    }
    if ask.level.needs_digid() && app.digid.is_none() {
        let why = "this provider has no DigiD, so it cannot reach that level";
        return Ok(Started::Refused(refusal(
            &ask,
            app.config.issuer(),
            Code::UnmetAuthenticationRequirements,
            why,
        )));
    }
    Ok(Started::Login(logins::begin(app, Login::start(ask, browser.hashed(), now)).await?))
}
