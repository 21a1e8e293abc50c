//! `GET /login/{id}`: wherever the login stands. A stale tab, a reload or the back button ends up at the current step.

use axum::{
    extract::{Path, RawQuery},
    response::{IntoResponse, Response},
};

use super::{
    app_code::AppCodePage,
    choose::ChoosePage,
    chooser,
    client_consent::ClientConsentPage,
    code::CodePage,
    done::DonePage,
    error::{Failed, refused, to_login},
    form::Form,
    link::LinkPage,
    question::QuestionPage,
    recover::{NewPasswordPage, RecoverDigidPage},
    register::RegisterPage,
    steps::{self, Token},
    visit::Visit,
};
use crate::{
    domain::{
        id::LoginId,
        login::{AsksPassword, Choose, Step},
        own::OwnPage,
    },
    flows::{Held, Stop, app_code::Kind, digid, logins, representation::offers_child},
};

/// Shows where the login stands.
pub async fn show(
    visit: Visit,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failed> {
    let held = visit.login(&id).await?;
    let frame = visit.frame(&held.login.id, &held.login.ask).await?;
    let email = held.login.ask.login_hint.clone().unwrap_or_default();
    Ok(match &held.login.step {
        Step::Choose(step) => {
            // DigiD is a patient's: it opens no desk.
            let at_desk = held.login.ask.own_page().is_some_and(OwnPage::is_desk);
            let digid_available = visit.app.digid.is_some() && !at_desk;
            let local_allowed = Choose::takes_password(&held.login.ask);
            let child_available = offers_child(&visit.app, &held.login.ask);
            let (notice, may_register) = (step.notice, held.login.keeps.is_none());
            ChoosePage { frame, digid_available, child_available, local_allowed, may_register, notice }
                .render()
        }
        Step::AtDigid(_) | Step::RecoverAtDigid(_) => return back_from_digid(&visit, held).await,
        Step::Question(_) => QuestionPage { frame }.render(),
        Step::Link(_) => LinkPage { frame, email, failed: None, adds: held.login.keeps.is_some() }.render(),
        Step::Register(step) => {
            RegisterPage { frame, email, has_digid: step.has_digid(), error: None }.render()
        }
        Step::RecoverDigid(step) => RecoverDigidPage { frame, notice: step.notice }.render(),
        Step::NewPassword(_) => NewPasswordPage { frame, error: None }.render(),
        Step::ForWhom(_) => return chooser::show(&visit, &held.at()?, frame, None).await,
        Step::Consent(_) => ClientConsentPage::of(&visit.app, frame, &held.login.ask).await?.render(),
        step if step.asks_app() => AppCodePage { frame, kind: Kind::App, left: None }.render(),
        Step::AppCode(_) | Step::LinkApp(_) | Step::RecoverApp(_) => return Err(Failed::LoginGone),
        Step::Done(done) => DonePage { frame, linked: done.was_linked() }.render(),
        step @ (Step::CodeSent(_) | Step::LinkCode(_) | Step::RegisterCode(_) | Step::RecoverCode(_)) => {
            let Some(mut page) = CodePage::of(frame, step) else { return Err(Failed::LoginGone) };
            page.resent = query.as_deref() == Some("resent");
            page.render()
        }
    })
}

/// The address of a form, opened by hand or from a tab of yesterday: to where the login stands.
pub async fn back(Path(id): Path<String>) -> Response {
    if id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        to_login(&LoginId::from_stored(id))
    } else {
        Failed::LoginGone.into_response()
    }
}

/// "Stoppen": the portal hears that access was denied, and nothing remains.
pub async fn stop(visit: Visit, Path(id): Path<String>, Form(form): Form<Token>) -> Result<Response, Failed> {
    let (held, _) = steps::form(&visit, &id, &form.csrf).await?;
    Ok(refused(&visit, logins::abandon(&visit.app, held, visit.now).await?))
}

/// Somebody who comes back from DigiD with the browser's button may choose again.
async fn back_from_digid(visit: &Visit, held: Held) -> Result<Response, Failed> {
    let id = held.login.id.clone();
    match digid::come_back(&visit.app, held).await {
        Ok(()) | Err(Stop::Elsewhere(_)) => Ok(to_login(&id)),
        Err(stop) => Err(stop.into()),
    }
}
