//! The e-mail address at "Mijn account" (F13).

use askama::Template;
use axum::{extract::RawQuery, response::Response};
use serde::Deserialize;

use super::{
    account::{enter, form_of, frame, posted},
    error::{Failed, see_other},
    form::Form,
    logout::out,
    page::{self, Frame},
    visit::Visit,
};
use crate::{
    domain::{code::WrongCode, own::OwnPage, secret::Secret},
    flows::{
        Refused,
        account::Guest,
        account_email::{self, NotAsked, NotConfirmed, Waiting},
    },
};

/// "Uw e-mailadres": another one, and the code that was mailed to it.
#[derive(Template)]
#[template(path = "account_email.html")]
pub struct AddressPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The address of now.
    pub current: String,
    /// The address that waits for its code, and what the mail is called.
    pub waits: Option<(String, String)>,
    /// What was typed as another address.
    pub email: String,
    /// What was wrong with the last try.
    pub trouble: Option<Trouble>,
}

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// With the address.
    Address(NotAsked),
    /// With the code.
    Code(NotConfirmed),
}

page::rendered!(AddressPage, |page| page.trouble.is_some());

impl AddressPage {
    fn of(frame: Frame, guest: &Guest, waiting: Option<&Waiting>) -> Self {
        let waits = waiting.map(|waiting| (waiting.to().typed().to_owned(), waiting.reference().to_owned()));
        Self { frame, current: guest.account.email.clone(), waits, email: String::new(), trouble: None }
    }

    fn bad_address(&self) -> Option<&'static str> {
        let Some(Trouble::Address(why)) = self.trouble else { return None };
        Some(match why {
            NotAsked::NoAddress => "not-an-email",
            NotAsked::Same => "account-email-same",
            NotAsked::TooMany => "account-email-many",
        })
    }

    fn bad_code(&self) -> Option<String> {
        let Some(Trouble::Code(why)) = self.trouble else { return None };
        Some(match why {
            NotConfirmed::Wrong(WrongCode::Again { left }) => self.frame.say_with("code-wrong", "left", left),
            NotConfirmed::Wrong(WrongCode::Ended) => self.frame.say("code-ended"),
            NotConfirmed::Taken => self.frame.say("account-email-taken"),
            NotConfirmed::Late => self.frame.say("account-email-late"),
        })
    }

    fn described(&self) -> &'static str {
        if self.bad_address().is_some() { "email-hint error" } else { "email-hint" }
    }
}

/// `GET /account/email`
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    if let Some(waiting) = waiting(&visit).await? {
        return Ok(AddressPage::of(frame(&visit, &waiting.guest), &waiting.guest, Some(&waiting)).render());
    }
    let guest = enter(&visit, OwnPage::Email, query.as_deref()).await?;
    Ok(AddressPage::of(frame(&visit, &guest), &guest, None).render())
}

/// What the form with another address brings.
#[derive(Deserialize)]
pub struct AddressForm {
    pub(super) csrf: String,
    pub(super) email: String,
}

/// `POST /account/email`
pub async fn ask(visit: Visit, Form(form): Form<AddressForm>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Email, &form.csrf).await?;
    match account_email::ask(&visit.app, &guest, &form.email, visit.lang(None), visit.now).await {
        Ok(()) => Ok(see_other(OwnPage::Email.as_str())),
        Err(Refused::Because(why)) => {
            let waiting = waiting(&visit).await?;
            let page = AddressPage::of(frame(&visit, &guest), &guest, waiting.as_ref());
            Ok(AddressPage { email: form.email, trouble: Some(Trouble::Address(why)), ..page }.render())
        }
        Err(Refused::Stopped(stop)) => Err(stop.into()),
    }
}

/// What the form with the code brings.
#[derive(Deserialize)]
pub struct AddressCodeForm {
    csrf: String,
    code: Secret,
}

/// `POST /account/email/code`
pub async fn confirm(visit: Visit, Form(form): Form<AddressCodeForm>) -> Result<Response, Failed> {
    if let Some(session) = visit.session().await? {
        visit.check_form(&form_of(&session), &form.csrf)?;
    }
    let Some(waits) = waiting(&visit).await? else { return Ok(see_other(OwnPage::Email.as_str())) };
    let (lang, browser) = (visit.lang(None), visit.browser.as_ref());
    let page = AddressPage::of(frame(&visit, &waits.guest), &waits.guest, Some(&waits));
    match account_email::confirm(&visit.app, waits, &form.code, browser, lang, visit.now).await {
        Ok(at_digid) => Ok(out(&visit, lang, &at_digid, Some("left-email")).await),
        Err(Refused::Because(why)) => Ok(AddressPage { trouble: Some(Trouble::Code(why)), ..page }.render()),
        Err(Refused::Stopped(stop)) => Err(stop.into()),
    }
}

async fn waiting(visit: &Visit) -> Result<Option<Waiting>, Failed> {
    let session = visit.session().await?;
    Ok(account_email::waiting(&visit.app, session.as_ref(), visit.now).await?)
}
