//! Asking for the code of an authenticator app, or a recovery code, in place of a mailed code (F6).

use askama::Template;
use axum::{extract::Path, response::Response};
use serde::Deserialize;

use super::{
    error::Failed,
    form::Form,
    page::{self, Frame},
    steps,
    visit::Visit,
};
use crate::{
    domain::{code::WrongCode, secret::Secret},
    flows::{
        Refused,
        app_code::{Kind, confirm},
        guesses,
    },
};

/// "Vul de code uit uw app in", or "Vul een herstelcode in".
#[derive(Template)]
#[template(path = "app_code.html")]
pub struct AppCodePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Which of the two.
    pub kind: Kind,
    /// How many tries are left, after a wrong one.
    pub left: Option<u8>,
}

page::rendered!(AppCodePage, |page| page.left.is_some());

impl AppCodePage {
    fn is_recovery(&self) -> bool {
        self.kind == Kind::Recovery
    }
}

/// What either form brings.
#[derive(Deserialize)]
pub struct AppCodeForm {
    csrf: String,
    code: Secret,
}

/// `POST /login/{id}/app`
pub async fn post(visit: Visit, Path(id): Path<String>, Form(form): Form<AppCodeForm>) -> Response {
    submit(visit, &id, Kind::App, form).await
}

/// `GET /login/{id}/recovery-code`
pub async fn recovery(visit: Visit, Path(id): Path<String>) -> Result<Response, Failed> {
    let held = visit.login(&id).await?;
    if !held.login.step.asks_app() {
        return Err(Failed::Elsewhere(held.login.id));
    }
    let frame = visit.frame(&held.login.id, &held.login.ask).await?;
    Ok(AppCodePage { frame, kind: Kind::Recovery, left: None }.render())
}

/// `POST /login/{id}/recovery-code`
pub async fn post_recovery(visit: Visit, Path(id): Path<String>, Form(form): Form<AppCodeForm>) -> Response {
    submit(visit, &id, Kind::Recovery, form).await
}

async fn submit(visit: Visit, id: &str, kind: Kind, form: AppCodeForm) -> Response {
    let visit = visit.bringing(&form.code);
    let done = tried(&visit, id, kind, form).await;
    visit.tied(id, done).await
}

async fn tried(visit: &Visit, id: &str, kind: Kind, form: AppCodeForm) -> Result<Response, Failed> {
    let (held, frame) = steps::form(visit, id, &form.csrf).await?;
    let (app, now, lang, login) = (&visit.app, visit.now, frame.lang, held.login.id.clone());
    let from = visit.counted_from().filter(|_| !held.login.step.asks_app_of_known_browser());
    let attempt = confirm(app, held, (kind, &form.code), lang, now);
    match guesses::slowed(app, &login, from, now, attempt).await {
        Ok(next) => steps::go(visit, next).await,
        Err(Refused::Because(wrong)) => {
            let left = match wrong {
                WrongCode::Again { left } => left,
                WrongCode::Ended => 0,
            };
            Ok(AppCodePage { frame, kind, left: Some(left) }.render())
        }
        Err(Refused::Stopped(stop)) => Err(stop.into()),
    }
}
