//! Asking for the mailed code (F5).

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use serde::Deserialize;

use super::{
    error::{Failed, see_other},
    form::Form,
    page::{self, Frame},
    steps::{self, Token},
    visit::Visit,
};
use crate::{
    domain::{
        code::{CodeFor, NoResend, WrongCode},
        login::Step,
        secret::Secret,
    },
    flows::{Refused, code::resend as mail_again, email, guesses, link, recover, register},
};

/// "Vul de code in". It never tells whether an account exists: for a new account some mail always goes out, for a forgotten
/// password it says "als".
#[derive(Template)]
#[template(path = "code.html")]
pub struct CodePage {
    /// What surrounds it.
    pub frame: Frame,
    /// What the code is for.
    pub what: CodeFor,
    /// Where the mail went, masked: `j•••@x.nl`.
    pub masked: String,
    /// What the mail is called (*kenmerk*).
    pub reference: String,
    /// Whether a newer mail was just sent.
    pub resent: bool,
    /// What did not work.
    pub trouble: Option<Trouble>,
}

/// What did not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The code that was typed.
    Wrong(WrongCode),
    /// To send a newer mail. Nobody typed anything wrong.
    NotSent(NoResend),
}

impl CodePage {
    /// The page for a login that waits for a code; none for one that does not.
    pub(super) fn of(frame: Frame, step: &Step) -> Option<Self> {
        let (what, mailed) = step.mailed()?;
        let (masked, reference) = (mailed.to.masked(), mailed.code.reference.clone());
        Some(Self { frame, what, masked, reference, resent: false, trouble: None })
    }

    fn explanation(&self) -> String {
        let key = match self.what {
            CodeFor::LogIn | CodeFor::Link => "code-sent",
            CodeFor::Register => "code-sent-register",
            CodeFor::Recover => "code-sent-recover",
        };
        self.frame.say_with(key, "masked", self.masked.as_str())
    }

    /// The page as a response.
    pub fn render(&self) -> Response {
        let status = match self.trouble {
            None => StatusCode::OK,
            Some(Trouble::Wrong(_)) => StatusCode::UNPROCESSABLE_ENTITY,
            Some(Trouble::NotSent(_)) => StatusCode::TOO_MANY_REQUESTS,
        };
        page::render(&self.frame, status, self)
    }

    fn wrong(&self) -> Option<String> {
        let Some(Trouble::Wrong(wrong)) = self.trouble else { return None };
        Some(match wrong {
            WrongCode::Again { left } => self.frame.say_with("code-wrong", "left", left),
            WrongCode::Ended => self.frame.say("code-ended"),
        })
    }

    fn not_sent(&self) -> Option<String> {
        let Some(Trouble::NotSent(why)) = self.trouble else { return None };
        Some(match why {
            NoResend::Wait(seconds) => self.frame.say_with("code-wait", "seconds", seconds),
            NoResend::NoMore => self.frame.say("code-no-more"),
        })
    }
}

/// What the form brings.
#[derive(Deserialize)]
pub struct CodeForm {
    csrf: String,
    code: Secret,
}

/// `POST /login/{id}/code`, whatever the code is for.
pub async fn post(visit: Visit, Path(id): Path<String>, Form(form): Form<CodeForm>) -> Response {
    let visit = visit.bringing(&form.code);
    let done = Box::pin(tried(&visit, &id, &form)).await;
    visit.tied(&id, done).await
}

async fn tried(visit: &Visit, id: &str, form: &CodeForm) -> Result<Response, Failed> {
    let (held, frame) = steps::form(visit, id, &form.csrf).await?;
    let (app, now, typed, lang) = (&visit.app, visit.now, &form.code, frame.lang);
    let (Some(mut page), Some((_, mailed))) =
        (CodePage::of(frame, &held.login.step), held.login.step.mailed())
    else {
        return Err(Failed::Elsewhere(held.login.id));
    };
    let id = held.login.id.clone();
    let from = guesses::counted_from(app, visit.device.as_ref(), mailed.to.key(), visit.counted_from());
    let attempt = async {
        match page.what {
            CodeFor::LogIn => email::confirm(app, held.at()?, typed, now).await,
            CodeFor::Link => link::confirm(app, held.at()?, typed, lang, now).await,
            CodeFor::Register => register::confirm(app, held.at()?, typed, now).await,
            CodeFor::Recover => recover::confirm(app, held.at()?, typed, now).await,
        }
    };
    match guesses::slowed(app, &id, from, now, attempt).await {
        Ok(next) => steps::go(visit, next).await,
        Err(Refused::Because(wrong)) => {
            page.trouble = Some(Trouble::Wrong(wrong));
            Ok(page.render())
        }
        Err(Refused::Stopped(stop)) => Err(stop.into()),
    }
}

/// `POST /login/{id}/resend`, whatever the code is for.
pub async fn resend(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<Token>,
) -> Result<Response, Failed> {
    let (held, frame) = steps::form(&visit, &id, &form.csrf).await?;
    let lang = frame.lang;
    let Some(mut page) = CodePage::of(frame, &held.login.step) else {
        return Err(Failed::Elsewhere(held.login.id));
    };
    match mail_again(&visit.app, held, lang, visit.now).await {
        Ok(id) => Ok(see_other(&format!("{}?resent", page::address(&id)))),
        Err(Refused::Because(no)) => {
            page.trouble = Some(Trouble::NotSent(no));
            Ok(page.render())
        }
        Err(Refused::Stopped(stop)) => Err(stop.into()),
    }
}
