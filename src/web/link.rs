//! Linking DigiD to an account (F9).

use askama::Template;
use axum::{extract::Path, response::Response};

use super::{
    email::{self, Again, EmailForm},
    form::Form,
    page::{self, Frame},
    visit::Visit,
};
use crate::{domain::login::Link, flows::email::NotOpened};

/// "Koppel DigiD aan uw account".
#[derive(Template)]
#[template(path = "link.html")]
pub struct LinkPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What was typed as the address.
    pub email: String,
    /// Why the last try failed. Of a wrong address or password it does not say which (F4).
    pub failed: Option<NotOpened>,
    /// Whether the account of the session is linked and no other, so that nothing else is left than to stop.
    pub adds: bool,
}

page::rendered!(LinkPage, |page| page.failed.is_some());

impl LinkPage {
    const fn described(&self) -> &'static str {
        if self.failed.is_some() { "error" } else { "" }
    }

    const fn key(&self) -> &'static str {
        match self.failed {
            Some(NotOpened::AnotherAccount) => "link-another",
            Some(NotOpened::Wrong) | None => "wrong",
        }
    }
}

/// `POST /login/{id}/link`
pub async fn post(visit: Visit, Path(id): Path<String>, Form(form): Form<EmailForm>) -> Response {
    let again =
        |Again { frame, email, why, adds }| LinkPage { frame, email, failed: Some(why), adds }.render();
    email::submit::<Link>(visit, &id, form, again).await
}
