//! Logging in with e-mail and password.

use askama::Template;
use axum::{extract::Path, response::Response};
use serde::Deserialize;

use super::{
    error::{Failed, to_login},
    form::Form,
    page::{self, Frame},
    steps,
    visit::Visit,
};
use crate::{
    domain::{
        login::{AppAsked, AsksPassword, Choose, Coded, Login, Step},
        secret::Secret,
    },
    flows::{
        Refused,
        email::{Credentials, NotOpened, enter},
    },
};

/// Asks for the e-mail address and the password.
#[derive(Template)]
#[template(path = "email.html")]
pub struct EmailPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What was typed as the address.
    pub email: String,
    /// Whether the last try failed. It does not say at what (F4).
    pub failed: bool,
}

page::rendered!(EmailPage, |page| page.failed);

impl EmailPage {
    fn described(&self) -> &'static str {
        if self.failed { "error" } else { "" }
    }
}

/// `GET /login/{id}/email`: beside the choice, and only while the login is still choosing.
pub async fn form(visit: Visit, Path(id): Path<String>) -> Result<Response, Failed> {
    let (held, frame) = steps::still_choosing(&visit, &id).await?;
    let email = held.login.ask.login_hint.unwrap_or_default();
    Ok(EmailPage { frame, email, failed: false }.render())
}

/// What a form with e-mail and password brings.
#[derive(Deserialize)]
pub struct EmailForm {
    csrf: String,
    email: String,
    password: Secret,
}

/// `POST /login/{id}/email`
pub async fn post(visit: Visit, Path(id): Path<String>, Form(form): Form<EmailForm>) -> Response {
    let again = |again: Again| EmailPage { frame: again.frame, email: again.email, failed: true }.render();
    submit::<Choose>(visit, &id, form, again).await
}

/// What the page is shown once more with.
pub(super) struct Again {
    /// What surrounds it.
    pub frame: Frame,
    /// What was typed as the address.
    pub email: String,
    /// Why.
    pub why: NotOpened,
    /// Whether the login adds to the session of an account.
    pub adds: bool,
}

/// Takes e-mail and password for a login at `S`; `again` is the page that asks for them once more.
pub(super) async fn submit<S: AsksPassword>(
    visit: Visit,
    id: &str,
    form: EmailForm,
    again: impl FnOnce(Again) -> Response,
) -> Response
where
    Login<S>: TryFrom<Login, Error = Box<Login>>,
    Coded<S::Then>: Into<Step> + Clone,
    AppAsked<S::Then>: Into<Step> + Clone,
{
    let visit = visit.bringing(&form.password);
    let done = tried::<S>(&visit, id, form, again).await;
    visit.tied(id, done).await
}

async fn tried<S: AsksPassword>(
    visit: &Visit,
    id: &str,
    form: EmailForm,
    again: impl FnOnce(Again) -> Response,
) -> Result<Response, Failed>
where
    Login<S>: TryFrom<Login, Error = Box<Login>>,
    Coded<S::Then>: Into<Step> + Clone,
    AppAsked<S::Then>: Into<Step> + Clone,
{
    let (held, frame) = steps::at::<S>(visit, id, &form.csrf).await?;
    let adds = held.login.keeps.is_some();
    let (device, from) = (visit.device.clone(), visit.counted_from());
    let credentials = Credentials { email: form.email.clone(), password: form.password, device, from };
    match enter(&visit.app, held, credentials, frame.lang, visit.now).await {
        Ok(id) => Ok(to_login(&id)),
        Err(Refused::Because(why)) => Ok(again(Again { frame, email: form.email, why, adds })),
        Err(Refused::Stopped(stop)) => Err(stop.into()),
    }
}
