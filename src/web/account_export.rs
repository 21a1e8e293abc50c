//! "Uw gegevens" at "Mijn account": all that is kept of somebody, as a page to read or print, and as JSON for programs.

use askama::Template;
use axum::{
    extract::RawQuery,
    http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    account::{enter, frame, posted},
    error::Failed,
    form::Form,
    page::{self, Frame},
    visit::Visit,
};
use crate::{
    domain::own::OwnPage,
    flows::account_export::{Export, export},
};

/// The question in which form.
#[derive(Template)]
#[template(path = "account_export.html")]
pub struct ExportPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Whether it was asked for too often today.
    pub too_often: bool,
}

page::rendered!(ExportPage, |page| page.too_often);

/// All of it, to read or print.
#[derive(Template)]
#[template(path = "account_export_all.html")]
pub struct AllPage {
    /// What surrounds it.
    pub frame: Frame,
    /// All of it.
    pub all: Export,
}

page::rendered!(AllPage);

impl AllPage {
    fn yes(&self, is: bool) -> String {
        self.frame.say(if is { "yes" } else { "no" })
    }

    fn profile(&self) -> String {
        serde_json::to_string(&self.all.profile).unwrap_or_default()
    }
}

/// `GET /account/export`
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    match enter(&visit, OwnPage::Export, query.as_deref()).await? {
        Ok(guest) => Ok(ExportPage { frame: frame(&visit, &guest), too_often: false }.render()),
        Err(elsewhere) => Ok(elsewhere),
    }
}

/// What the form brings.
#[derive(Deserialize)]
pub struct ExportForm {
    csrf: String,
    kind: Kind,
}

/// In which form.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Page,
    Json,
}

/// `POST /account/export`
pub async fn post(visit: Visit, Form(form): Form<ExportForm>) -> Result<Response, Failed> {
    let guest = match posted(&visit, OwnPage::Export, &form.csrf).await? {
        Ok(guest) => guest,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let frame = frame(&visit, &guest);
    let Ok(all) = export(&visit.app, &guest, visit.now).await? else {
        return Ok(ExportPage { frame, too_often: true }.render());
    };
    Ok(match form.kind {
        Kind::Page => AllPage { frame, all }.render(),
        Kind::Json => {
            let headers = [
                (CONTENT_TYPE, "application/json"),
                (CONTENT_DISPOSITION, "attachment; filename=\"mijn-gegevens.json\""),
                (CACHE_CONTROL, "no-store"),
                (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, serde_json::to_vec_pretty(&all)?).into_response()
        }
    })
}
