//! Making an account (F1, F2, F10).

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
    domain::secret::Secret,
    flows::{
        Refused,
        email::Credentials,
        register::{self, Unusable},
    },
    password::Unfit,
};

/// "Maak uw account".
#[derive(Template)]
#[template(path = "register.html")]
pub struct RegisterPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What was typed as the address.
    pub email: String,
    /// Whether DigiD will open the account, so that a password is optional.
    pub has_digid: bool,
    /// What was wrong with the last try.
    pub error: Option<Unusable>,
}

/// The key of what a page says of a text that may not be a password.
pub(super) const fn unfit(why: Unfit) -> &'static str {
    match why {
        Unfit::TooShort => "password-too-short",
        Unfit::TooLong => "password-too-long",
        Unfit::Common => "password-too-common",
    }
}

page::rendered!(RegisterPage, |page| page.error.is_some());

impl RegisterPage {
    fn bad_email(&self) -> bool {
        self.error == Some(Unusable::NoAddress)
    }

    fn bad_password(&self) -> Option<&'static str> {
        match self.error? {
            Unusable::Password(why) => Some(unfit(why)),
            Unusable::NoAddress => None,
        }
    }

    fn described(&self) -> &'static str {
        if self.bad_email() { "email-hint email-code error" } else { "email-hint email-code" }
    }

    fn password_label(&self) -> String {
        self.frame.say(if self.has_digid { "password-optional" } else { "password" })
    }
}

/// What the form brings.
#[derive(Deserialize)]
pub struct RegisterForm {
    csrf: String,
    email: String,
    password: Secret,
}

/// `GET /login/{id}/register`: "Nog geen account?"
pub async fn form(visit: Visit, Path(id): Path<String>) -> Result<Response, Failed> {
    let (held, frame) = steps::still_choosing(&visit, &id).await?;
    if !held.login.may_register() {
        return Err(Failed::Elsewhere(held.login.id));
    }
    Ok(RegisterPage { frame, email: String::new(), has_digid: false, error: None }.render())
}

/// `POST /login/{id}/register`
pub async fn post(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<RegisterForm>,
) -> Result<Response, Failed> {
    let (held, frame) = steps::form(&visit, &id, &form.csrf).await?;
    let held = register::at(held)?;
    let has_digid = held.login.step.has_digid();
    let (email, from) = (form.email.clone(), visit.counted_from());
    let credentials = Credentials { email, password: form.password, device: None, from };
    match register::enter(&visit.app, held, credentials, frame.lang, visit.now).await {
        Ok(id) => Ok(to_login(&id)),
        Err(Refused::Because(error)) => {
            Ok(RegisterPage { frame, email: form.email, has_digid, error: Some(error) }.render())
        }
        Err(Refused::Stopped(stop)) => Err(stop.into()),
    }
}
