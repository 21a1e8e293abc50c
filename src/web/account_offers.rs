//! The forms at "Machtigingen" with which two people make a grant (M5, M6, `docs/adr/0048`).

use axum::response::Response;
use serde::Deserialize;

use super::{
    account::posted,
    account_app::grouped,
    account_mandates::{MandateForm, back, page_of},
    error::Failed,
    form::Form,
    page::Frame,
    visit::Visit,
};
use crate::{
    domain::{id::MandateId, own::OwnPage, secret::Secret},
    flows::{
        account::Guest,
        account_offers::{self as flow, Not},
    },
};

/// What came of a form.
#[derive(Default)]
pub struct Answer {
    /// A new code, told this once.
    pub code: Option<String>,
    /// What was typed as for whom it is.
    pub label: String,
    /// Who has access all the same after one mandate was stopped; empty where the desk does not name them.
    pub still: Option<String>,
    /// At which field something is wrong, and the message; `page` where it is at none.
    pub wrong: Option<(&'static str, &'static str)>,
}

impl Answer {
    fn why(not: Not) -> Self {
        let wrong = Some(match not {
            Not::Label => ("label", "offer-label-wrong"),
            Not::Days => ("days", "offer-days-wrong"),
            Not::Code => ("code", "offer-code-wrong"),
            Not::Often => ("page", "offer-often"),
            Not::May => ("page", "offer-may-not"),
            Not::Over => ("page", "offer-over"),
            Not::Full => ("page", "offer-full"),
        });
        Self { wrong, ..Self::default() }
    }

    /// What is wrong at a field.
    pub(super) fn error(&self, frame: &Frame, field: &str) -> Option<String> {
        self.wrong.filter(|(at, _)| *at == field).map(|(_, key)| frame.say(key))
    }
}

/// What the form brings that offers access.
#[derive(Deserialize)]
pub struct OfferForm {
    csrf: String,
    label: String,
    days: String,
}

/// `POST /account/mandates/offer`
pub async fn offer(visit: Visit, Form(form): Form<OfferForm>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Agree, &form.csrf).await?;
    let days = form.days.parse().unwrap_or_default();
    let answer = match flow::offer(&visit.app, &guest, (&form.label, days), visit.now).await? {
        Ok(code) => Answer { code: Some(grouped(code.expose())), ..Answer::default() },
        Err(not) => Answer::why(not),
    };
    Ok(page_of(&visit, &guest, Answer { label: form.label, ..answer }).await?.render())
}

/// What the form brings in which a code is typed.
#[derive(Deserialize)]
pub struct CodeForm {
    csrf: String,
    code: Secret,
}

/// `POST /account/mandates/code`
pub async fn take(visit: Visit, Form(form): Form<CodeForm>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Agree, &form.csrf).await?;
    let done = flow::take(&visit.app, &guest, &form.code, visit.now).await?;
    answered(&visit, &guest, done).await
}

/// `POST /account/mandates/accept`
pub async fn accept(visit: Visit, Form(form): Form<MandateForm>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Agree, &form.csrf).await?;
    let id = MandateId::from_stored(form.mandate);
    let done = flow::accept(&visit.app, &guest, &id, visit.now).await?;
    answered(&visit, &guest, done).await
}

/// `POST /account/mandates/confirm`
pub async fn confirm(visit: Visit, Form(form): Form<MandateForm>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Agree, &form.csrf).await?;
    let id = MandateId::from_stored(form.mandate);
    let done = flow::confirm(&visit.app, &guest, &id, visit.now).await?;
    answered(&visit, &guest, done).await
}

/// `POST /account/mandates/decline`: it takes away, and no new login.
pub async fn decline(visit: Visit, Form(form): Form<MandateForm>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Mandates, &form.csrf).await?;
    flow::decline(&visit.app, &guest, &MandateId::from_stored(form.mandate), visit.now).await?;
    Ok(back().await)
}

async fn answered(visit: &Visit, guest: &Guest, done: Result<(), Not>) -> Result<Response, Failed> {
    match done {
        Ok(()) => Ok(back().await),
        Err(not) => Ok(page_of(visit, guest, Answer::why(not)).await?.render()),
    }
}
