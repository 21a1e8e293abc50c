//! DigiD at "Mijn account" (F13).

use askama::Template;
use axum::{extract::RawQuery, response::Response};

use super::{
    account::{enter, frame, posted},
    authorize::begun,
    error::{Failed, see_other},
    form::Form,
    logout::out,
    page::{self, Frame},
    steps::Token,
    visit::Visit,
};
use crate::{
    domain::{calendar::told, own::OwnPage},
    flows::account_digid::{Unlinking, link, may_link, unlink, unlinking},
    oidc::params::Params,
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
    /// Whether it can be linked.
    pub may_link: bool,
}

page::rendered!(DigidPage);

/// "Een ander account": a login for this page opened another account than the one of the session, which has ended.
#[derive(Template)]
#[template(path = "account_digid_another.html")]
pub struct AnotherPage {
    /// What surrounds it.
    pub frame: Frame,
}

page::rendered!(AnotherPage);

/// `GET /account/digid`
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    let params = Params::parse(query.as_deref().unwrap_or_default().as_bytes()).unwrap_or_default();
    if params.get("error") == Some("login_required") {
        return Ok(AnotherPage { frame: Frame::own(visit.lang(None), String::new()) }.render());
    }
    let guest = enter(&visit, OwnPage::Digid, query.as_deref()).await?;
    let frame = frame(&visit, &guest);
    let since = guest.account.digid_since.map(|at| told(at, frame.lang));
    let may_link = may_link(&visit.app, &guest);
    Ok(DigidPage { frame, since, unlinking: unlinking(&guest), may_link }.render())
}

/// `POST /account/digid/link`
pub async fn to_link(visit: Visit, Form(form): Form<Token>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Digid, &form.csrf).await?;
    // As for a merge: whoever has a session has been given the browser's cookie too, and may have thrown it away.
    let Some(browser) = &visit.browser else { return Ok(see_other(OwnPage::Digid.as_str())) };
    match link(&visit.app, &guest, browser, visit.now).await? {
        Some(started) => begun(&visit, started, browser).await,
        None => Ok(see_other(OwnPage::Digid.as_str())),
    }
}

/// `POST /account/digid/unlink`
pub async fn post(visit: Visit, Form(form): Form<Token>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Digid, &form.csrf).await?;
    let (lang, browser) = (visit.lang(None), visit.browser.as_ref());
    Ok(match unlink(&visit.app, &guest, browser, lang, visit.now).await? {
        Some(at_digid) => out(&visit, lang, &at_digid, Some("left-unlinked")).await,
        None => see_other(OwnPage::Digid.as_str()),
    })
}
