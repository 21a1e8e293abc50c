//! A forgotten password.

use askama::Template;
use axum::{extract::Path, response::Response};
use serde::Deserialize;

use super::{
    error::{Failed, to_login},
    form::Form,
    page::{self, Frame},
    register::unfit,
    steps,
    visit::Visit,
};
use crate::{
    domain::{email::NotAnEmail, login::Notice, secret::Secret},
    flows::{Refused, recover},
    password::Unfit,
};

/// Asks for the address to mail a code to.
#[derive(Template)]
#[template(path = "recover.html")]
pub struct RecoverPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What was typed as the address.
    pub email: String,
    /// Whether what was typed is no address. Whether it has an account is never told.
    pub bad_email: bool,
}

/// Explains that DigiD is needed, because the account has it: a mailbox alone must not lower the bar (F13).
#[derive(Template)]
#[template(path = "recover_digid.html")]
pub struct RecoverDigidPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What to tell first.
    pub notice: Option<Notice>,
}

/// Asks for the new password.
#[derive(Template)]
#[template(path = "new_password.html")]
pub struct NewPasswordPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What was wrong with the last one.
    pub error: Option<Unfit>,
}

page::rendered!(RecoverPage, |page| page.bad_email);
page::rendered!(RecoverDigidPage);
page::rendered!(NewPasswordPage, |page| page.error.is_some());

impl NewPasswordPage {
    fn problem(&self) -> Option<&'static str> {
        self.error.map(unfit)
    }
}

impl RecoverPage {
    fn described(&self) -> &'static str {
        if self.bad_email { "error" } else { "" }
    }
}

/// `GET /login/{id}/recover`: "Wachtwoord vergeten?"
pub async fn form(visit: Visit, Path(id): Path<String>) -> Result<Response, Failed> {
    let (_, frame) = steps::still_choosing(&visit, &id).await?;
    Ok(RecoverPage { frame, email: String::new(), bad_email: false }.render())
}

/// What the form brings.
#[derive(Deserialize)]
pub struct RecoverForm {
    csrf: String,
    email: String,
}

/// `POST /login/{id}/recover`
pub async fn post(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<RecoverForm>,
) -> Result<Response, Failed> {
    let (held, frame) = steps::at(&visit, &id, &form.csrf).await?;
    match recover::ask(&visit.app, held, &form.email, frame.lang, visit.now).await {
        Ok(id) => Ok(to_login(&id)),
        Err(Refused::Because(NotAnEmail)) => {
            Ok(RecoverPage { frame, email: form.email, bad_email: true }.render())
        }
        Err(Refused::Stopped(stop)) => Err(stop.into()),
    }
}

/// What the form with the new password brings.
#[derive(Deserialize)]
pub struct PasswordForm {
    csrf: String,
    password: Secret,
}

/// `POST /login/{id}/password`
pub async fn password(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<PasswordForm>,
) -> Result<Response, Failed> {
    let (held, frame) = steps::at(&visit, &id, &form.csrf).await?;
    match recover::change(&visit.app, held, form.password, frame.lang, visit.now).await {
        Ok(id) => Ok(to_login(&id)),
        Err(Refused::Because(why)) => Ok(NewPasswordPage { frame, error: Some(why) }.render()),
        Err(Refused::Stopped(stop)) => Err(stop.into()),
    }
}
