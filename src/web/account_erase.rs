//! "Verwijder mijn account" at "Mijn account": what goes, what stays and why.

use askama::Template;
use axum::{extract::RawQuery, response::Response};

use super::{
    account::{enter, frame, posted},
    account_email::AddressForm,
    error::{Failed, see_other},
    form::Form,
    logout::out,
    page::{self, Frame},
    visit::Visit,
};
use crate::{
    domain::own::OwnPage,
    flows::{
        Refused,
        account::Guest,
        account_erase::{NotErased, erase},
    },
};

/// "Verwijder mijn account".
#[derive(Template)]
#[template(path = "account_erase.html")]
pub struct ErasePage {
    /// What surrounds it.
    pub frame: Frame,
    /// The address that is to be typed.
    pub current: String,
    /// What was typed.
    pub email: String,
    /// Whether it is another one.
    pub failed: bool,
    /// Whether the owner is or was a member of staff, who cannot erase their account.
    pub staff: bool,
}

page::rendered!(ErasePage, |page| page.failed);

impl ErasePage {
    fn described(&self) -> &'static str {
        if self.failed { "email-hint error" } else { "email-hint" }
    }
}

/// `GET /account/erase`
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    let guest = enter(&visit, OwnPage::Erase, query.as_deref()).await?;
    let staff = visit.app.store.was_member(&guest.account.id).await?;
    Ok(page_of(&visit, guest, (String::new(), false), staff))
}

/// `POST /account/erase`
pub async fn post(visit: Visit, Form(form): Form<AddressForm>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Erase, &form.csrf).await?;
    let (lang, browser) = (visit.lang(None), visit.browser.as_ref());
    match erase(&visit.app, &guest, &form.email, browser, lang, visit.now).await {
        Ok(Some(at_digid)) => Ok(out(&visit, lang, &at_digid, Some("left-erased")).await),
        Ok(None) => Ok(see_other(OwnPage::Erase.as_str())),
        Err(Refused::Because(why)) => {
            Ok(page_of(&visit, guest, (form.email, why == NotErased::NotConfirmed), why == NotErased::Staff))
        }
        Err(Refused::Stopped(stop)) => Err(stop.into()),
    }
}

fn page_of(visit: &Visit, guest: Guest, (email, failed): (String, bool), staff: bool) -> Response {
    ErasePage { frame: frame(visit, &guest), current: guest.account.email, email, failed, staff }.render()
}
