//! "Uw gegevens" at "Mijn account": all that is kept of somebody, as a page to read or print, and as JSON for programs.

use askama::Template;
use axum::{
    extract::RawQuery,
    http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    account::{enter, frame, posted},
    account_log::called,
    account_mandates::relation,
    client_consent::worded,
    desk_words::role,
    error::Failed,
    form::Form,
    page::{self, Frame},
    visit::Visit,
};
use crate::{
    domain::{client_consent::Item, consent::Word, own::OwnPage, profile::Claim, time::Timestamp},
    flows::account_export::{Export, OwnEntry, OwnMandate, OwnOffer, OwnSaid, OwnWork, export},
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

    /// What is on record beside the account, in words.
    fn profile(&self) -> Vec<String> {
        let Ok(Value::Object(all)) = serde_json::to_value(&self.all.profile) else { return Vec::new() };
        let one = |(name, value): (&String, &Value)| {
            let called = worded(vec![Item::Claim(name.parse::<Claim>().ok()?)]);
            let value = match value {
                Value::Bool(is) => self.yes(*is),
                Value::Object(parts) => {
                    parts.values().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
                }
                Value::String(text) => text.clone(),
                // When it was changed.
                other => other.as_i64().map(|at| Timestamp::from_epoch(at).rfc3339()).unwrap_or_default(),
            };
            Some(format!("{}: {value}", self.frame.say(called.first()?)))
        };
        all.iter().filter_map(one).collect()
    }

    /// On one line: whom, as what, from when, and until when where that is known.
    fn mandate(&self, one: &OwnMandate) -> String {
        let until = one.ends.as_ref().map_or_else(String::new, |until| format!(" – {until}"));
        let other =
            if one.other.is_empty() { self.frame.say("mandates-nameless") } else { one.other.clone() };
        format!("{other} ({}): {}{until}", self.frame.say(relation(one.relation)), one.starts)
    }

    fn said(&self, one: &OwnSaid) -> String {
        self.frame.say(if one.word == Word::Agreed.as_str() {
            "log-mandate-agreed"
        } else {
            "log-mandate-withdrawn"
        })
    }

    /// On one line: for whom, for how long, and how it stands.
    fn offered(&self, one: &OwnOffer) -> String {
        let days = self.frame.say_with("offer-days", "days", one.days.to_string().as_str());
        let key = if one.accepted { "account-export-accepted" } else { "account-export-waits" };
        let stands = self.frame.say_with(key, "until", one.waits_until.as_str());
        format!("{} ({days}): {stands}", one.label)
    }

    fn work(&self, one: &OwnWork) -> String {
        let roles =
            one.roles.iter().filter_map(|word| word.parse().ok()).map(|one| self.frame.say(role(one)));
        let until = one.until.as_ref().map_or_else(String::new, |until| format!(" – {until}"));
        format!("{}: {}: {}{until}", one.department, roles.collect::<Vec<_>>().join(", "), one.since)
    }

    fn event(&self, one: &OwnEntry) -> String {
        self.frame.say(called(&one.event))
    }

    fn by(&self, one: &OwnEntry) -> String {
        self.frame.say(match one.by.as_str() {
            "self" => "log-oneself",
            "patient" | "representative" => "log-another",
            "staff" => "log-staff",
            "program" => "log-program",
            "system" => "log-system",
            _ => "log-unknown",
        })
    }
}

/// `GET /account/export`
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    let guest = enter(&visit, OwnPage::Export, query.as_deref()).await?;
    Ok(ExportPage { frame: frame(&visit, &guest), too_often: false }.render())
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
    let guest = posted(&visit, OwnPage::Export, &form.csrf).await?;
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
