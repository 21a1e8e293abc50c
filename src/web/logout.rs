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
    app::App,
    domain::{fault::Fault, lang::Lang},
    flows::{logout::sign_out, single_logout::AtDigid},
    oidc::{
        error::signed_out_location,
        id_token::Hint,
        params::{HINT, Params},
        path,
    },
};

/// The parameters of OpenID Connect RP-Initiated Logout, section 2, that are sent again with the user's answer. Not
/// `logout_hint`: who is to be signed out is whoever sits at this browser.
const KEPT: [&str; 5] = [HINT, "client_id", "post_logout_redirect_uri", "state", "ui_locales"];
/// What stands for a hint that says nothing: as good as that one, and short.
const NO_HINT: &str = "none";
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

/// A portal's request, as far as it can be believed.
struct Asked {
    params: Params,
    /// The ID token that proves who asks, and about which session.
    hint: Option<Hint>,
    /// The client it says it is for, where no ID token was sent that could prove it.
    claimed: Option<String>,
    lang: Lang,
}

impl Asked {
    /// Reads it. A hint that we did not make, or made for another client than `client_id`, is none, and what comes with it is
    /// no better (OpenID Connect RP-Initiated Logout, section 2).
    fn read(visit: &Visit, raw: &[u8]) -> Self {
        // What cannot be read asks nothing; the user can still sign out.
        let is_sound = |params: &Params| !params.has_duplicates() && !params.has_spoilt();
        let params = Params::parse(raw).ok().filter(is_sound).unwrap_or_default();
        let (app, claimed) = (&visit.app, params.get("client_id").map(str::to_owned));
        let hint = params.get(HINT);
        let read = |token| Hint::read(&app.keyring(), app.config.issuer(), token, visit.now);
        let wishes = params.get("ui_locales").unwrap_or_default().split(' ').map(str::to_owned);
        Self {
            lang: visit.lang_among(&wishes.collect::<Vec<_>>()),
            hint: hint.and_then(read).filter(|hint| claimed.as_ref().is_none_or(|id| *id == hint.aud)),
            claimed: claimed.filter(|_| hint.is_none()),
            params,
        }
    }

    /// Where the browser may go afterwards: only to an address that the client of a genuine hint has registered; or the
    /// client that is named, once the `user` has said that they want to sign out (section 3).
    async fn way_back(&self, app: &App, user: bool) -> Result<Option<String>, Fault> {
        let proven = self.hint.as_ref().map(|hint| &hint.aud);
        let client = proven.or(self.claimed.as_ref().filter(|_| user));
        let (Some(client), Some(wanted)) = (client, self.params.get("post_logout_redirect_uri")) else {
            return Ok(None);
        };
        let Some(client) = app.client(client).await? else { return Ok(None) };
        if !client.post_logout_redirect_uris.iter().any(|registered| registered == wanted) {
            return Ok(None);
        }
        Ok(Some(signed_out_location(wanted, self.params.get("state"))))
    }

    /// What the portal sent along, as far as it means something here, the hint in brief.
    fn kept(&self, visit: &Visit) -> impl Iterator<Item = (String, String)> {
        let brief = |hint: &Hint| hint.brief(&visit.app.keyring(), visit.now);
        let hint = match &self.hint {
            Some(hint) => brief(hint),
            None => Some(NO_HINT.to_owned()),
        };
        KEPT.into_iter().filter_map(move |name| {
            let short = hint.clone().filter(|_| name == HINT);
            let sent = self.params.get(name)?;
            Some((name.to_owned(), short.unwrap_or_else(|| sent.to_owned())))
        })
    }

    /// The question. Its answer may lead `back`.
    fn question(&self, visit: &Visit, back: Option<&str>) -> Response {
        let origin = back.and_then(|back| back.parse().ok()).map(|url| page::form_origin(&url));
        let mut frame = Frame::leaving(self.lang);
        frame.csrf = visit.csrf(FORM);
        frame.form_origins = origin.into_iter().collect();
        LogoutPage { frame, hidden: self.kept(visit).collect() }.render()
    }
}

async fn answer(visit: &Visit, raw: &[u8], posted: bool) -> Result<Response, Failed> {
    let (app, asked) = (&visit.app, Asked::read(visit, raw));
    let token = asked.params.get("csrf").filter(|_| posted);
    let confirmed = token.is_some_and(|token| visit.check_form(FORM, token).is_ok());
    if posted && !confirmed {
        // A cross-site POST carries no Lax cookie, so the same is asked again with GET, where it does.
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(asked.kept(visit)).finish();
        return Ok(see_other(&format!("{}?{query}", path::LOGOUT)));
    }
    let session = visit.session().await?;
    if let Some(session) = &session
        && !confirmed
    {
        let back = asked.way_back(app, true).await?;
        // A portal that names a way back which it never registered is in doubt like one that brings no hint of this session.
        let astray = asked.params.get("post_logout_redirect_uri").is_some() && back.is_none();
        if astray || asked.hint.as_ref().is_none_or(|hint| hint.sid != session.sid) {
            return Ok(asked.question(visit, back.as_deref()));
        }
    }
    let at_digid = sign_out(app, session.as_ref(), visit.browser.as_ref(), visit.now).await?;
    let back = asked.way_back(app, confirmed && session.is_some()).await?;
    Ok(signed_out(visit, asked.lang, &at_digid, back, session.is_some(), None).await)
}

/// The answer to somebody whom a page of ours signed out, and what was `done` there, as the key of a message.
pub(super) async fn out(
    visit: &Visit,
    lang: Lang,
    at_digid: &AtDigid,
    done: Option<&'static str>,
) -> Response {
    signed_out(visit, lang, at_digid, None, true, done).await
}

/// The answer to somebody who is out: the way `back`, DigiD's own way out, or a page that says how things stand. Whoever `was_in` leaves
/// no cookie. What was `done`, as the key of a message, is said where the page is ours.
async fn signed_out(
    visit: &Visit,
    lang: Lang,
    at_digid: &AtDigid,
    back: Option<String>,
    was_in: bool,
    done: Option<&'static str>,
) -> Response {
    let frame = Frame::leaving(lang);
    let mut response = match (at_digid, back) {
        (AtDigid::Theirs(who), back) => leave(visit, lang, who, back, done).await,
        (AtDigid::Perhaps, back) => PartlyLoggedOutPage { frame, done, back }.render(),
        (AtDigid::Nobody, Some(location)) => see_other(&location),
        (AtDigid::Nobody, None) => LoggedOutPage { frame, done }.render(),
    };
    if was_in {
        // The browser's own cookie too: a login that was left half-way must not be there for whoever sits down next.
        let https = visit.app.config.is_https();
        let cleared = [Cookie::Session, Cookie::Browser].map(|cookie| cookie.clear(https));
        for cookie in cleared.into_iter().flatten() {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    response
}
