//! "Mijn account": who I am, where I am logged in, and when I did. Each page of ours is entered by the same door.

use askama::Template;
use axum::{extract::RawQuery, response::Response};
use serde::Deserialize;

use super::{
    authorize::with_browser,
    error::{Failed, see_other, to_login},
    form::Form,
    logout::out,
    page::{self, Frame},
    steps::Token,
    visit::Visit,
};
use crate::{
    app::App,
    domain::{
        calendar::told,
        fault::Fault,
        id::SessionId,
        lang::Lang,
        own::{OWN_CLIENT, OwnPage},
        secret::Secret,
        session::Session,
    },
    flows::account::{self, Entered, Guest},
    oidc::params::Params,
    store::account::PastLogin,
};

/// How many logins are shown.
const LOGINS: i64 = 20;

/// "Mijn account".
#[derive(Template)]
#[template(path = "account.html")]
pub struct AccountPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The address.
    pub email: String,
    /// Whether people log in with DigiD here: without it nobody gets to "Machtigingen", nor links or merges anything.
    pub digid_available: bool,
    /// Since when DigiD opens it, in words; none where it does not.
    pub digid_since: Option<String>,
    /// Whether an app's code is asked in place of a mailed one.
    pub has_app: bool,
    /// Whether a password opens it.
    pub has_password: bool,
    /// Where its owner is logged in, the last visited first.
    pub sessions: Vec<SessionRow>,
    /// When they logged in, newest first.
    pub logins: Vec<LoginRow>,
}

/// A session, as its owner sees it.
pub struct SessionRow {
    /// Which.
    pub sid: String,
    /// Whether it is the one that asks.
    pub here: bool,
    /// What its browser is, where that is known.
    pub device: Option<String>,
    /// Whether it began with DigiD.
    pub by_digid: bool,
    /// When its owner logged in.
    pub began: String,
    /// About when they were last there.
    pub seen: String,
}

/// A login, as its owner sees it.
pub struct LoginRow {
    /// When.
    pub at: String,
    /// Whether it was by DigiD.
    pub by_digid: bool,
    /// What the portal is called, where it is still known.
    pub portal: Option<String>,
}

page::rendered!(AccountPage);

impl AccountPage {
    /// Whether there is another session than this one.
    fn has_others(&self) -> bool {
        self.sessions.iter().any(|session| !session.here)
    }

    fn way(&self, by_digid: bool) -> String {
        self.frame.say(if by_digid { "account-by-digid" } else { "account-by-password" })
    }
}

/// "U bent gestopt": a login for a page of ours that came to nothing.
#[derive(Template)]
#[template(path = "account_stopped.html")]
pub struct StoppedPage {
    /// What surrounds it.
    pub frame: Frame,
}

page::rendered!(StoppedPage);

/// `GET /account`
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    let guest = enter(&visit, OwnPage::Overview, query.as_deref()).await?;
    Ok(overview(&visit, &guest).await?.render())
}

/// The address of a form, opened by hand.
pub async fn back() -> Response {
    see_other(OwnPage::Overview.as_str())
}

/// What the form beside a session brings back.
#[derive(Deserialize)]
pub struct SessionForm {
    csrf: String,
    sid: String,
}

/// `POST /account/sign-out`: of one session, elsewhere.
pub async fn sign_out(visit: Visit, Form(form): Form<SessionForm>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Overview, &form.csrf).await?;
    account::sign_out_of(&visit.app, &guest, &SessionId::from_stored(form.sid), visit.now).await?;
    Ok(see_other(OwnPage::Overview.as_str()))
}

/// `POST /account/sign-out-others`
pub async fn sign_out_others(visit: Visit, Form(form): Form<Token>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Overview, &form.csrf).await?;
    account::sign_out_of_others(&visit.app, &guest, visit.now).await?;
    Ok(see_other(OwnPage::Overview.as_str()))
}

/// `POST /account/sign-out-everywhere`: here too.
pub async fn sign_out_everywhere(visit: Visit, Form(form): Form<Token>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Overview, &form.csrf).await?;
    let browser = visit.browser.as_ref();
    let at_digid = account::sign_out_everywhere(&visit.app, &guest, browser, visit.now).await?;
    Ok(out(&visit, visit.lang(None), &at_digid, None).await)
}

/// Who asks for a page of ours.
///
/// # Errors
/// [`Failed::Instead`]: a login, or a word about one that came to nothing.
pub(super) async fn enter(visit: &Visit, page: OwnPage, query: Option<&str>) -> Result<Guest, Failed> {
    let params = Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    if params.has("error") {
        let stopped = StoppedPage { frame: Frame::own(visit.lang(None), String::new()) };
        return Err(Failed::instead(stopped.render()));
    }
    let browser = visit.browser.clone().unwrap_or_else(|| Secret::token(""));
    let session = visit.session().await?;
    match account::enter(&visit.app, page, session, &browser, visit.now).await? {
        Entered::In(guest) => Ok(*guest),
        Entered::Login(id) => Err(Failed::instead(with_browser(visit, to_login(&id), &browser))),
    }
}

/// Who posts a form of a page of ours.
///
/// # Errors
/// [`Failed::Instead`] without a session, or without fresh proof where that is asked: nothing is done, and the page begins anew.
pub(super) async fn posted(visit: &Visit, page: OwnPage, csrf: &str) -> Result<Guest, Failed> {
    let session = visit.session().await?;
    if let Some(session) = &session {
        visit.check_form(&form_of(session), csrf)?;
    }
    let guest = account::guest(&visit.app, page, session, visit.now).await?;
    guest.ok_or_else(|| Failed::instead(see_other(page.as_str())))
}

/// What surrounds a page of ours.
pub(super) fn frame(visit: &Visit, guest: &Guest) -> Frame {
    Frame::own(visit.lang(None), visit.csrf(&form_of(&guest.session)))
}

/// What the tokens of forms are bound to: a form of one session is none in the next.
pub(super) fn form_of(session: &Session) -> String {
    format!("account {}", session.sid)
}

async fn overview(visit: &Visit, guest: &Guest) -> Result<AccountPage, Fault> {
    let (app, Guest { session: here, account }) = (&visit.app, guest);
    let frame = frame(visit, guest);
    let lang = frame.lang;
    let sessions = app.store.sessions_of(account, app.config.session.idle(), visit.now).await?;
    let row = |session: Session| SessionRow {
        here: session.sid == here.sid,
        sid: session.sid.to_string(),
        device: session.device,
        by_digid: session.level.needs_digid(),
        began: told(session.auth_time, lang),
        seen: told(session.seen, lang),
    };
    let mut logins = Vec::new();
    for login in app.store.logins_of(&account.person, LOGINS).await? {
        logins.push(login_row(app, login, lang).await?);
    }
    Ok(AccountPage {
        frame,
        email: account.email.clone(),
        digid_available: app.digid.is_some(),
        digid_since: account.digid_since.map(|at| told(at, lang)),
        has_app: account.app.is_some(),
        has_password: account.password_hash.is_some(),
        sessions: sessions.into_iter().map(row).collect(),
        logins,
    })
}

async fn login_row(app: &App, login: PastLogin, lang: Lang) -> Result<LoginRow, Fault> {
    let portal = match login.client.as_deref() {
        Some(OWN_CLIENT) => Some(lang.text("account-title")),
        Some(id) => app.client(id).await?.map(|client| client.name),
        None => None,
    };
    Ok(LoginRow { at: told(login.at, lang), by_digid: login.by_digid, portal })
}
