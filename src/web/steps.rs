//! What the forms of a login share: each belongs to a step, and a form of another step leads to where the login stands.

use axum::response::Response;
use serde::Deserialize;

use super::{
    done,
    error::{Failed, to_login},
    page::Frame,
    visit::Visit,
};
use crate::{
    domain::login::{AsksPassword, Choose, Login},
    flows::{Held, Next},
};

/// What every form of a login brings back.
#[derive(Deserialize)]
pub struct Token {
    /// The token against forged forms.
    pub csrf: String,
}

/// The login that a form comes from, wherever it stands.
pub(super) async fn form(visit: &Visit, id: &str, csrf: &str) -> Result<(Held, Frame), Failed> {
    visit.check_form(id, csrf)?;
    let held = visit.login(id).await?;
    let frame = visit.frame(&held.login.id, &held.login.ask).await?;
    Ok((held, frame))
}

/// The login that a form comes from, at the step that the form belongs to.
pub(super) async fn at<S>(visit: &Visit, id: &str, csrf: &str) -> Result<(Held<S>, Frame), Failed>
where
    Login<S>: TryFrom<Login, Error = Box<Login>>,
{
    let (held, frame) = form(visit, id, csrf).await?;
    Ok((held.at()?, frame))
}

/// A login that still chooses, for a form beside the choice; not one that takes DigiD only.
pub(super) async fn still_choosing(visit: &Visit, id: &str) -> Result<(Held<Choose>, Frame), Failed> {
    let held = visit.login(id).await?.at::<Choose>()?;
    if !Choose::takes_password(&held.login.ask) {
        return Err(Failed::Elsewhere(held.login.id));
    }
    let frame = visit.frame(&held.login.id, &held.login.ask).await?;
    Ok((held, frame))
}

/// The way that a flow says the login goes.
pub(super) async fn go(visit: &Visit, next: Next) -> Result<Response, Failed> {
    match next {
        Next::In(held) => done::finish(visit, held).await,
        Next::Page(id) | Next::Back(id) => Ok(to_login(&id)),
    }
}
