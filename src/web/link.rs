//! Linking DigiD to an account (F9).

use askama::Template;
use axum::{extract::Path, response::Response};

use super::{
    email::{self, EmailForm},
    error::Failed,
    form::Form,
    page::{self, Frame},
    visit::Visit,
};
use crate::domain::login::Link;

/// "Koppel DigiD aan uw account".
#[derive(Template)]
#[template(path = "link.html")]
pub struct LinkPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What was typed as the address.
    pub email: String,
    /// Whether the last try failed. It does not say at what (F4).
    pub failed: bool,
}

page::rendered!(LinkPage, |page| page.failed);

impl LinkPage {
    fn described(&self) -> &'static str {
        if self.failed { "error" } else { "" }
    }
}

/// `POST /login/{id}/link`
pub async fn post(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<EmailForm>,
) -> Result<Response, Failed> {
    let again = |frame, email| LinkPage { frame, email, failed: true }.render();
    email::submit::<Link>(&visit, &id, form, again).await
}
