//! The authenticator app at "Mijn account" (F6).

use askama::Template;
use axum::{extract::RawQuery, response::Response};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use url::Url;

use super::{
    account::{enter, frame, posted},
    error::{Failed, see_other},
    form::Form,
    page::{self, Frame},
    steps::Token,
    visit::Visit,
};
use crate::{
    domain::{calendar::told, email::Email, own::OwnPage, secret::Secret},
    flows::{
        Refused,
        account::Guest,
        account_app::{self, Offer},
    },
};

/// "Inloggen met een app": the app that there is, and a new one.
#[derive(Template)]
#[template(path = "account_app.html")]
pub struct AppPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Since when there is an app, in words.
    pub since: Option<String>,
    /// What is typed into a new app.
    pub secret: String,
    /// The same as a link that an app opens.
    pub link: String,
    /// The same, sealed.
    pub offer: String,
    /// Whether its owner works at the desk, which they do no more without an app.
    pub is_member: bool,
    /// Whether another app ends that too: they logged in without the one that they have.
    pub renewing_ends: bool,
    /// Whether the code did not fit.
    pub failed: bool,
}

page::rendered!(AppPage, |page| page.failed);

/// The recovery codes, shown once.
#[derive(Template)]
#[template(path = "account_app_codes.html")]
pub struct CodesPage {
    /// What surrounds it.
    pub frame: Frame,
    /// In two groups each.
    pub codes: Vec<String>,
}

page::rendered!(CodesPage);

/// `GET /account/app`
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    let guest = enter(&visit, OwnPage::App, query.as_deref()).await?;
    let offer = account_app::offer(&visit.app, &guest)?;
    Ok(page_of(&visit, &guest, &offer).await?.render())
}

/// What the form that confirms an app brings.
#[derive(Deserialize)]
pub struct AppForm {
    csrf: String,
    offer: String,
    code: Secret,
}

/// `POST /account/app`
pub async fn confirm(visit: Visit, Form(form): Form<AppForm>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::App, &form.csrf).await?;
    let sealed = URL_SAFE_NO_PAD.decode(&form.offer).unwrap_or_default();
    let offer = account_app::reopen(&visit.app, &guest, sealed)?;
    let (lang, now) = (visit.lang(None), visit.now);
    match account_app::confirm(&visit.app, &guest, &offer, &form.code, lang, now).await {
        Ok(codes) => {
            let codes = codes.iter().map(|code| grouped(code.expose())).collect();
            Ok(CodesPage { frame: frame(&visit, &guest), codes }.render())
        }
        Err(Refused::Because(_)) => {
            Ok(AppPage { failed: true, ..page_of(&visit, &guest, &offer).await? }.render())
        }
        Err(Refused::Stopped(stop)) => Err(stop.into()),
    }
}

/// `POST /account/app/remove`
pub async fn remove(visit: Visit, Form(form): Form<Token>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::App, &form.csrf).await?;
    account_app::remove(&visit.app, &guest, visit.lang(None), visit.now).await?;
    Ok(see_other(OwnPage::Overview.as_str()))
}

async fn page_of(visit: &Visit, guest: &Guest, offer: &Offer) -> Result<AppPage, Failed> {
    let frame = frame(visit, guest);
    let issuer: Url = visit.app.config.issuer().parse()?;
    let email = Email::parse(&guest.account.email)?;
    let since = guest.account.app.as_ref().map(|app| app.since);
    let is_member = visit.app.store.member(&guest.account.id).await?.is_some();
    Ok(AppPage {
        since: since.map(|since| told(since, frame.lang)),
        secret: offer.secret.shown(),
        link: offer.secret.link(&email, issuer.host_str().unwrap_or_default())?,
        offer: URL_SAFE_NO_PAD.encode(&offer.sealed),
        is_member,
        renewing_ends: is_member && !guest.session.knew_app(since),
        failed: false,
        frame,
    })
}

/// A code in two groups.
pub(super) fn grouped(code: &str) -> String {
    let half = code.len() / 2;
    code.split_at_checked(half).map_or_else(|| code.to_owned(), |(left, right)| format!("{left} {right}"))
}
