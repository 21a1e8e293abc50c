//! DigiD at "Mijn account" (F13).

use askama::Template;
use axum::{extract::RawQuery, response::Response};

use super::{
    account::{enter, frame, posted},
    error::{Failed, see_other},
    form::Form,
    logout::signed_out,
    page::{self, Frame},
    steps::Token,
    visit::Visit,
};
use crate::{
    domain::{calendar::told, own::OwnPage},
    flows::account_digid::{Unlinking, unlink, unlinking},
};

/// "Inloggen met DigiD": whether it is linked, and unlinking it.
#[derive(Template)]
#[template(path = "account_digid.html")]
pub struct DigidPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Since when it is linked, in words; none where it is not.
    pub since: Option<String>,
    /// What can be done.
    pub unlinking: Unlinking,
}

page::rendered!(DigidPage);

/// `GET /account/digid`
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    match enter(&visit, OwnPage::Digid, query.as_deref()).await? {
        Ok(guest) => {
            let frame = frame(&visit, &guest);
            let since = guest.account.digid_since.map(|at| told(at, frame.lang));
            Ok(DigidPage { frame, since, unlinking: unlinking(&guest) }.render())
        }
        Err(elsewhere) => Ok(elsewhere),
    }
}

/// `POST /account/digid/unlink`
pub async fn post(visit: Visit, Form(form): Form<Token>) -> Result<Response, Failed> {
    let guest = match posted(&visit, OwnPage::Digid, &form.csrf).await? {
        Ok(guest) => guest,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let (lang, browser) = (visit.lang(None), visit.browser.as_ref());
    Ok(match unlink(&visit.app, &guest, browser, lang, visit.now).await? {
        Some(at_digid) => signed_out(&visit, lang, &at_digid, None, true).await,
        None => see_other(OwnPage::Digid.as_str()),
    })
}
