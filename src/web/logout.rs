//! Signing out.

use askama::Template;
use axum::{body::Bytes, extract::RawQuery, http::header::SET_COOKIE, response::Response};
use url::form_urlencoded;

use super::{
    cookies::Cookie,
    error::{Failed, see_other},
    logged_out::{LoggedOutPage, PartlyLoggedOutPage},
    page::{self, Frame},
    single_logout::leave,
    visit::Visit,
};
use crate::{
    domain::fault::Fault,
    flows::{logout::sign_out, single_logout::AtDigid},
    oidc::{error::signed_out_location, id_token::Hint, params::Params, path},
};

/// The parameters of OpenID Connect RP-Initiated Logout, section 2, that are sent again with the user's answer.
const KEPT: [&str; 3] = ["id_token_hint", "post_logout_redirect_uri", "state"];
/// What the token of the confirmation form is bound to.
const FORM: &str = "logout";

/// "Wilt u uitloggen?", asked when it is not certain that the user wants it
/// (OpenID Connect RP-Initiated Logout, section 6).
#[derive(Template)]
#[template(path = "logout.html")]
pub struct LogoutPage {
    /// What surrounds it; of its login only `csrf` is used.
    pub frame: Frame,
    /// What the portal sent along, to be sent again with the answer: names and values.
    pub hidden: Vec<(String, String)>,
}

page::rendered!(LogoutPage);

/// `GET /logout`
pub async fn get(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    answer(&visit, query.unwrap_or_default().as_bytes(), false).await
}

/// `POST /logout`: a portal's request, or the user's own answer.
pub async fn post(visit: Visit, body: Bytes) -> Result<Response, Failed> {
    answer(&visit, &body, true).await
}

async fn answer(visit: &Visit, raw: &[u8], posted: bool) -> Result<Response, Failed> {
    // What cannot be read asks nothing; the user can still sign out.
    let params = Params::parse(raw).ok().filter(|params| !params.has_duplicates()).unwrap_or_default();
    let (app, now) = (&visit.app, visit.now);
    let hint = params.get("id_token_hint");
    let hint = hint.and_then(|token| Hint::read(&app.keyring(), app.config.issuer(), token, now));
    let confirmed = posted && params.get("csrf").is_some_and(|token| visit.check_form(FORM, token).is_ok());
    if posted && !confirmed {
        // A cross-site POST carries no Lax cookie, so the same is asked again with GET, where it does.
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept(&params)).finish();
        return Ok(see_other(&format!("{}?{query}", path::LOGOUT)));
    }
    let session = visit.session().await?;
    let back = way_back(visit, &params, hint.as_ref()).await?;
    if let Some(session) = &session
        && !confirmed
        && hint.is_none_or(|hint| hint.sid != session.sid)
    {
        return Ok(ask(visit, &params, back.as_deref()));
    }
    let at_digid = sign_out(app, session.as_ref(), visit.browser.as_ref(), now).await?;
    let frame = Frame::leaving(visit.lang(None));
    let mut response = match (&at_digid, back) {
        (AtDigid::Theirs(who), back) => leave(visit, who, back).await,
        (AtDigid::Perhaps, back) => PartlyLoggedOutPage { frame, back }.render(),
        (AtDigid::Nobody, Some(location)) => see_other(&location),
        (AtDigid::Nobody, None) => LoggedOutPage { frame }.render(),
    };
    if session.is_some() {
        // The browser's own cookie too: a login that was left half-way must not be there for whoever sits down next.
        let cleared = [Cookie::Session, Cookie::Browser].map(|cookie| cookie.clear(app.config.is_https()));
        for cookie in cleared.into_iter().flatten() {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    Ok(response)
}

fn ask(visit: &Visit, params: &Params, back: Option<&str>) -> Response {
    let origin = back.and_then(|back| back.parse().ok()).map(|url| page::form_origin(&url));
    let mut frame = Frame::leaving(visit.lang(None));
    frame.csrf = visit.csrf(FORM);
    frame.form_origins = origin.into_iter().collect();
    LogoutPage { frame, hidden: kept(params).collect() }.render()
}

/// What the portal sent along, as far as it means something here.
fn kept(params: &Params) -> impl Iterator<Item = (String, String)> {
    KEPT.into_iter().filter_map(|name| Some((name.to_owned(), params.get(name)?.to_owned())))
}

/// Where the browser may go afterwards: only to an address that the client of a genuine hint has registered.
async fn way_back(visit: &Visit, params: &Params, hint: Option<&Hint>) -> Result<Option<String>, Fault> {
    let (Some(hint), Some(wanted)) = (hint, params.get("post_logout_redirect_uri")) else { return Ok(None) };
    let Some(client) = visit.app.client(&hint.aud).await? else { return Ok(None) };
    if !client.post_logout_redirect_uris.iter().any(|registered| registered == wanted) {
        return Ok(None);
    }
    Ok(Some(signed_out_location(wanted, params.get("state"))))
}
