//! "Twee accounts samenvoegen" at "Mijn account" (F12).

use askama::Template;
use axum::{extract::RawQuery, response::Response};

use super::{
    account::{enter, frame, posted},
    error::{Failed, see_other, to_login},
    form::Form,
    logout::out,
    page::{self, Frame},
    steps::Token,
    visit::Visit,
};
use crate::{
    domain::{merge::NotMerged, own::OwnPage},
    flows::account_merge::{Merging, merge, merging, prove_other},
};

/// "Twee accounts samenvoegen": what to do first, what will happen, or why it cannot.
#[derive(Template)]
#[template(path = "account_merge.html")]
pub struct MergePage {
    /// What surrounds it.
    pub frame: Frame,
    /// The address of this account.
    pub current: String,
    /// What to show.
    pub shown: Shown,
}

/// What is shown.
pub enum Shown {
    /// The other account is to be proven: the keys of what to say of it and of its button.
    Begin(&'static str, &'static str),
    /// It cannot be: the key of the reason.
    Refused(&'static str),
    /// Both were proven.
    Ready {
        /// The address of the one that goes.
        goes: String,
        /// The address of the one that remains.
        remains: String,
        /// Whether an app's code is asked from now on.
        has_app: bool,
    },
}

page::rendered!(MergePage);

/// The message that says why two accounts stay two.
pub(super) const fn why(why: NotMerged) -> &'static str {
    match why {
        NotMerged::Same => "account-merge-same",
        NotMerged::NoDigid => "account-merge-no-digid",
        NotMerged::TwoDigids => "account-merge-two-digids",
        NotMerged::WithoutDigid => "account-merge-without-digid",
        NotMerged::Staff => "account-merge-staff",
        NotMerged::Child => "account-merge-child",
        NotMerged::TwoPeople => "account-merge-two-people",
        NotMerged::Late => "account-merge-late",
    }
}

/// `GET /account/merge`
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    let guest = enter(&visit, OwnPage::Merge, query.as_deref()).await?;
    let shown = match merging(&visit.app, &guest, visit.now).await? {
        Merging::Begins { by_digid: true } => Shown::Begin("account-merge-then-digid", "account-merge-digid"),
        Merging::Begins { by_digid: false } => {
            Shown::Begin("account-merge-then-local", "account-merge-local")
        }
        Merging::NoDigid => Shown::Refused("account-merge-not-now"),
        Merging::Refused(reason) => Shown::Refused(why(reason)),
        Merging::Ready(both) => Shown::Ready {
            has_app: both.goes.app.is_some() || both.remains.app.is_some(),
            goes: both.goes.email,
            remains: both.remains.email,
        },
    };
    Ok(MergePage { frame: frame(&visit, &guest), current: guest.account.email, shown }.render())
}

/// `POST /account/merge/begin`
pub async fn begin(visit: Visit, Form(form): Form<Token>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Merge, &form.csrf).await?;
    // Whoever has a session has been given the browser's cookie too, and may have thrown it away.
    let Some(browser) = &visit.browser else { return Ok(see_other(OwnPage::Merge.as_str())) };
    Ok(to_login(&prove_other(&visit.app, &guest, browser, visit.now).await?))
}

/// `POST /account/merge`
pub async fn post(visit: Visit, Form(form): Form<Token>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Merge, &form.csrf).await?;
    let (lang, browser) = (visit.lang(None), visit.browser.as_ref());
    Ok(match merge(&visit.app, &guest, browser, visit.now).await? {
        Some(at_digid) => out(&visit, lang, &at_digid, Some("left-merged")).await,
        None => see_other(OwnPage::Merge.as_str()),
    })
}
