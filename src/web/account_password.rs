//! The password at "Mijn account" (F13).

use askama::Template;
use axum::{extract::RawQuery, response::Response};
use serde::Deserialize;

use super::{
    account::{enter, frame, posted},
    error::{Failed, see_other},
    form::Form,
    logout::out,
    page::{self, Frame},
    register::unfit,
    visit::Visit,
};
use crate::{
    domain::{own::OwnPage, secret::Secret},
    flows::{Refused, account_password::change},
    password::Unfit,
};

/// "Kies een nieuw wachtwoord".
#[derive(Template)]
#[template(path = "account_password.html")]
pub struct PasswordPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What was wrong with the last one.
    pub error: Option<Unfit>,
}

page::rendered!(PasswordPage, |page| page.error.is_some());

impl PasswordPage {
    fn problem(&self) -> Option<&'static str> {
        self.error.map(unfit)
    }
}

/// `GET /account/password`
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    let guest = enter(&visit, OwnPage::Password, query.as_deref()).await?;
    Ok(PasswordPage { frame: frame(&visit, &guest), error: None }.render())
}

/// What the form brings.
#[derive(Deserialize)]
pub struct NewPasswordForm {
    csrf: String,
    password: Secret,
}

/// `POST /account/password`
pub async fn post(visit: Visit, Form(form): Form<NewPasswordForm>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Password, &form.csrf).await?;
    let (lang, browser) = (visit.lang(None), visit.browser.as_ref());
    match change(&visit.app, &guest, form.password, browser, lang, visit.now).await {
        Ok(Some(at_digid)) => Ok(out(&visit, lang, &at_digid, Some("left-password")).await),
        Ok(None) => Ok(see_other(OwnPage::Password.as_str())),
        Err(Refused::Because(why)) => {
            Ok(PasswordPage { frame: frame(&visit, &guest), error: Some(why) }.render())
        }
        Err(Refused::Stopped(stop)) => Err(stop.into()),
    }
}
