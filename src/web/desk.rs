//! The desk: its door, what a member can do there, and looking one person up (`docs/adr/0041`).

use askama::Template;
use axum::{
    extract::RawQuery,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::Response,
};
use serde::Deserialize;

use super::{
    account::StoppedPage,
    authorize::with_browser,
    desk_words::role as role_key,
    error::{Failed, see_other, to_login},
    error_page::Problem,
    form::Form,
    page::{self, Frame},
    visit::Visit,
};
use crate::{
    domain::{bsn::Bsn, id::PersonId, own::OwnPage, secret::Secret, session::Session, staff::Act, ties::Tie},
    flows::desk::{self, AtDesk, Entered, Found, Wanted},
    oidc::params::Params,
};

/// "Balie": what this member can do.
#[derive(Template)]
#[template(path = "desk.html")]
pub struct DeskPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The address of the member.
    pub email: String,
    /// Where they work.
    pub department: String,
    /// What they may do.
    pub acts: Vec<Act>,
    /// In which roles: the keys of their messages.
    pub roles: Vec<&'static str>,
    /// How many mandates wait, and how many for too long; none for whom that is not.
    pub waiting: Option<(usize, usize)>,
    /// What was wrong with the last search: the key of the message.
    pub error: Option<&'static str>,
}

page::rendered!(DeskPage, |page| page.error.is_some());

impl DeskPage {
    fn may(&self, act: &str) -> bool {
        self.acts.iter().any(|one| one.as_str() == act)
    }
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// They have no authenticator app.
    NoApp,
    /// They have one, and logged in with something else.
    AnotherWay,
    /// They are nobody at the desk, or their roles do not open this.
    Denied,
    /// It is about themselves, or about somebody they act or acted for.
    OwnPeople,
}

/// "U kunt hier niet in."
#[derive(Template)]
#[template(path = "desk_closed.html")]
pub struct ClosedPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Why.
    pub why: Closed,
}

impl ClosedPage {
    /// The page as a response.
    pub fn render(&self) -> Response {
        page::render(&self.frame, StatusCode::FORBIDDEN, self)
    }

    fn is(&self, why: Closed) -> bool {
        self.why == why
    }

    const fn key(&self) -> &'static str {
        match self.why {
            Closed::NoApp => "desk-no-app",
            Closed::AnotherWay => "desk-another-way",
            Closed::Denied => "desk-denied",
            Closed::OwnPeople => "desk-own-file",
        }
    }
}

/// `GET /desk`
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    let params = Params::parse(query.as_deref().unwrap_or_default().as_bytes()).unwrap_or_default();
    if params.has("error") {
        return Ok(StoppedPage { frame: Frame::desk(visit.lang(None), String::new()) }.render());
    }
    let at = come_in(&visit, None, params.has("again")).await?;
    Ok(overview(&visit, &at, None).await?.render())
}

/// The address of a form, opened by hand.
pub async fn back() -> Response {
    see_other(OwnPage::Desk.as_str())
}

/// What a search brings: one of the two.
#[derive(Deserialize)]
pub struct SearchForm {
    csrf: String,
    bsn: Secret,
    number: String,
}

/// `POST /desk/search`: neither number ever stands in an address.
pub async fn search(visit: Visit, Form(form): Form<SearchForm>) -> Result<Response, Failed> {
    let at = posted(&visit, Act::Search, &form.csrf).await?;
    let wanted = match wanted(&form.bsn, &form.number) {
        Ok(wanted) => wanted,
        Err(error) => return Ok(overview(&visit, &at, Some(error)).await?.render()),
    };
    match desk::find(&visit.app, at.who(), &wanted, visit.now).await? {
        Ok(Found::One(person)) => Ok(see_other(&format!("/desk/person/{}", person.id))),
        Ok(Found::Theirs) => Ok(own_people(&visit, &at)),
        Ok(Found::Nobody) => Ok(overview(&visit, &at, Some("desk-not-found")).await?.render()),
        Err(desk::TooMany) => {
            let page = overview(&visit, &at, Some("desk-slow")).await?;
            Ok(too_many(page::render(&page.frame, StatusCode::TOO_MANY_REQUESTS, &page)))
        }
    }
}

/// Says for how long there is to be waited.
pub(super) fn too_many(mut response: Response) -> Response {
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
    response
}

/// By what somebody is looked for; or the key of the message that says what is wrong with it.
pub(super) fn wanted(bsn: &Secret, number: &str) -> Result<Wanted, &'static str> {
    match (bsn.expose().trim(), number.trim()) {
        ("", "") => Err("desk-number-needed"),
        (bsn, "") => Bsn::parse(bsn).map(Wanted::Bsn).map_err(|_| "desk-bsn-wrong"),
        ("", number) => number.parse().map(Wanted::Number).map_err(|_| "desk-patient-number-wrong"),
        _ => Err("desk-one-number"),
    }
}

/// Who asks for a page of the desk.
///
/// # Errors
/// [`Failed::Instead`] to whom it does not open.
pub(super) async fn enter(visit: &Visit, act: Act) -> Result<AtDesk, Failed> {
    come_in(visit, Some(act), false).await
}

async fn come_in(visit: &Visit, act: Option<Act>, again: bool) -> Result<AtDesk, Failed> {
    let (session, page) = (visit.session().await?, act.map_or(OwnPage::Desk, Act::page));
    Err(Failed::instead(match desk::admit(&visit.app, act, session.clone(), visit.now).await? {
        Entered::In(at) => return Ok(*at),
        Entered::NoApp { has_app: true } if again => log_in(visit, page, session).await?,
        Entered::LogIn => log_in(visit, page, session).await?,
        closed => shut(visit, &closed),
    }))
}

/// Who posts a form of the desk.
///
/// # Errors
/// [`Failed::Instead`] to whom it does not open: nothing is done.
pub(super) async fn posted(visit: &Visit, act: Act, csrf: &str) -> Result<AtDesk, Failed> {
    let session = visit.session().await?;
    if let Some(session) = &session {
        visit.check_form(&form_of(session), csrf)?;
    }
    Err(Failed::instead(match desk::admit(&visit.app, Some(act), session, visit.now).await? {
        Entered::In(at) => return Ok(*at),
        Entered::LogIn => see_other(act.page().as_str()),
        closed => shut(visit, &closed),
    }))
}

/// Whether a member may have to do with what is about these people, the first of them whose file it is.
///
/// # Errors
/// [`Failed::Instead`] where it is about themselves or somebody they act or acted for, which is told; no such page where they were kept
/// out, which is told to nobody.
pub(super) async fn check_ties(visit: &Visit, at: &AtDesk, people: &[&PersonId]) -> Result<(), Failed> {
    match desk::keeps_out(&visit.app, at.who(), people, visit.now).await? {
        None => Ok(()),
        Some(Tie::Theirs) => Err(Failed::instead(own_people(visit, at))),
        Some(Tie::KeptOut) => Err(Failed::Page(Problem::NotFound, None)),
    }
}

/// "Dit gaat over uzelf": one page, whatever it is that was asked for.
pub(super) fn own_people(visit: &Visit, at: &AtDesk) -> Response {
    ClosedPage { frame: frame(visit, at), why: Closed::OwnPeople }.render()
}

fn shut(visit: &Visit, closed: &Entered) -> Response {
    let why = match closed {
        Entered::NoApp { has_app: false } => Closed::NoApp,
        Entered::NoApp { has_app: true } => Closed::AnotherWay,
        Entered::Denied | Entered::In(_) | Entered::LogIn => Closed::Denied,
    };
    ClosedPage { frame: Frame::desk(visit.lang(None), String::new()), why }.render()
}

async fn log_in(visit: &Visit, page: OwnPage, session: Option<Session>) -> Result<Response, Failed> {
    let browser = visit.browser.clone().unwrap_or_else(|| Secret::token(""));
    let id = desk::log_in(&visit.app, page, session, &browser, visit.now).await?;
    Ok(with_browser(visit, to_login(&id), &browser))
}

/// What surrounds a page of the desk.
pub(super) fn frame(visit: &Visit, at: &AtDesk) -> Frame {
    Frame::desk(visit.lang(None), visit.csrf(&form_of(&at.guest.session)))
}

/// What the tokens of forms are bound to: a form of one session is none in the next, nor is one of another page of ours.
fn form_of(session: &Session) -> String {
    format!("desk {}", session.sid)
}

async fn overview(visit: &Visit, at: &AtDesk, error: Option<&'static str>) -> Result<DeskPage, Failed> {
    let acts: Vec<Act> = Act::ALL.iter().copied().filter(|act| at.member.roles.open(*act)).collect();
    let waiting = if acts.contains(&Act::Search) {
        let (overdue, waiting) = desk::waiting(&visit.app, at, visit.now).await?;
        Some((waiting, overdue))
    } else {
        None
    };
    Ok(DeskPage {
        frame: frame(visit, at),
        email: at.member.email.clone(),
        department: at.member.department.clone(),
        acts,
        roles: at.member.roles.each().iter().map(|role| role_key(*role)).collect(),
        waiting,
        error,
    })
}
