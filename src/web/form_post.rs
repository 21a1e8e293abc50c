//! An answer on its way to a portal: a redirect, or a page whose form carries it there (OAuth 2.0 Form Post Response Mode,
//! section 2).

use askama::Template;
use axum::{
    http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    response::{IntoResponse, Response},
};

use super::{
    error::{Failed, see_other},
    page::{self, Frame},
    visit::Visit,
};
use crate::oidc::response_mode::AuthorizationResponse;

/// Where the script is served that submits the form by itself. The only script there is.
pub const SCRIPT: &str = "/static/form_post.js";

const JS: &str = include_str!("../../templates/form_post.js");

/// A form with the answer, which submits itself where scripts run, and has a button where they do not.
#[derive(Template)]
#[template(path = "form_post.html")]
pub struct FormPostPage {
    /// What surrounds it; its `form_origins` must hold the origin of the portal.
    pub frame: Frame,
    /// What the portal hears.
    pub answer: AuthorizationResponse,
}

page::rendered!(FormPostPage);

/// Sends an answer to its portal by way of the browser, signed where it must be.
pub fn answered(visit: &Visit, answer: AuthorizationResponse) -> Response {
    let lang = visit.lang(None);
    let answer = match answer.sealed(&visit.app.keyring(), visit.now) {
        Ok(answer) => answer,
        Err(fault) => return Failed::from(fault).into_response(),
    };
    if !answer.is_posted() {
        return see_other(&answer.location());
    }
    let mut frame = Frame::bare(lang);
    frame.scripted = true;
    frame.form_origins = answer.redirect_uri.parse().iter().map(page::form_origin).collect();
    FormPostPage { frame, answer }.render()
}

/// `GET /static/form_post.js`
pub async fn script() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=3600"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, JS)
}
