//! What fails for a browser becomes a response here: what programs call (tokens, userinfo) answers in JSON in its own file.
//! A handler says what failed; the layer [`pages`] draws the page in the reader's language and, for a fault, logs it under
//! the number that the reader sees.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    admin,
    error_page::{ErrorPage, Problem},
    form_post::answered,
    page::{Aside, Frame, address},
    token,
    visit::Visit,
};
use crate::{
    app::App,
    config::Desk,
    domain::{
        fault::Fault,
        id::{LoginId, random},
        lang::Lang,
    },
    flows::{Held, Over, Stop},
    observe,
    oidc::{
        error::{Code, Error, PageError},
        path,
    },
    saml::Failure,
};

/// Why a request was not answered as it hoped.
#[derive(Debug)]
pub enum Failed {
    /// The login ended, or never was, or is another browser's.
    LoginGone,
    /// The login stands elsewhere: to where it does.
    Elsewhere(LoginId),
    /// A form without its token, or from another site.
    Forbidden,
    /// Too much work waits.
    Busy,
    /// A page of its own says what happened.
    Page(Problem, Option<String>),
    /// Another answer, complete as it stands: a login first, or a page that says why not.
    Instead(Box<Response>),
    /// Ours.
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for Failed {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

/// What a flow's stop means for the browser.
impl From<Stop> for Failed {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Elsewhere(id) => Self::Elsewhere(id),
            Stop::TooManyMails(id) => Self::Page(Problem::TooManyMails, Some(address(&id))),
            Stop::TooManyCodes(id) => Self::Page(Problem::TooManyCodes, Some(address(&id))),
            Stop::TooManyTries(id) => Self::Page(Problem::TooManyTries, Some(address(&id))),
            Stop::Over(Over::WrongCodes) => Self::LoginGone,
            Stop::Over(Over::LoggedOut) => Self::Page(Problem::LoggedOut, None),
            Stop::Over(Over::RequestAnswered) => {
                let code = PageError::RequestUri.word().to_owned();
                Self::Page(Problem::BadRequest { code }, None)
            }
            Stop::Over(Over::TooYoung) => Self::Page(Problem::TooYoung, None),
            Stop::Over(Over::LevelTooLow(level)) => Self::Page(Problem::LevelTooLow(level), None),
            Stop::Over(Over::AnotherDigid) => Self::Page(Problem::AnotherDigid, None),
            Stop::Over(Over::NotLinked) => Self::Page(Problem::NotLinked, None),
            Stop::Over(Over::ChildsDigid) => Self::Page(Problem::ChildsDigid, None),
            Stop::Over(Over::NotRepresented(why)) => Self::Page(Problem::NotRepresented(why), None),
            Stop::DigidNotAsked(id, failure) => Told::digid(&failure, &id).into(),
            Stop::Busy => Self::Busy,
            Stop::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// A form of another step than the login stands at.
impl From<Box<Held>> for Failed {
    fn from(held: Box<Held>) -> Self {
        Stop::from(held).into()
    }
}

impl Failed {
    /// A handler that cannot go on, and knows what to answer.
    pub(super) fn instead(response: Response) -> Self {
        Self::Instead(Box::new(response))
    }
}

/// The page of a problem before it is drawn: what went wrong, and where the login goes on.
#[derive(Debug, Clone)]
pub struct Told(Problem, Option<String>);

impl From<Told> for Failed {
    fn from(Told(problem, go_on): Told) -> Self {
        Self::Page(problem, go_on)
    }
}

impl Told {
    /// The page for a DigiD login that failed, with the way to go on where there is one.
    pub fn digid(failure: &Failure, id: &LoginId) -> Self {
        match failure {
            Failure::Busy => Self(Problem::Busy, Some(address(id))),
            Failure::BadArtifact(_) => Self(Problem::BadReturn, None),
            Failure::Hostile(_) => Self(Problem::DigidFailed, None),
            _ => Self(Problem::DigidFailed, Some(address(id))),
        }
    }

    /// The page that says so, to a child in the operator's own words where there are such.
    pub(super) fn page(self, frame: Frame, desk: &Desk) -> Response {
        let Self(problem, go_on) = self;
        let own = desk.under_twelve.as_ref().filter(|_| problem == Problem::TooYoung);
        let own = own.map(|text| text.paragraphs(frame.lang)).unwrap_or_default();
        ErrorPage { frame, problem, go_on, own }.render()
    }
}

/// Logs a fault of ours, and gives the number under which it stands there: all that the other side learns of it.
pub(super) fn log(fault: &Fault) -> String {
    let request = random::<6>();
    tracing::error!(%fault, request, "a request failed");
    request
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let told = match self {
            Self::Elsewhere(id) => return to_login(&id),
            Self::Instead(response) => return *response,
            Self::LoginGone => Told(Problem::LoginGone, None),
            Self::Forbidden => Told(Problem::Forbidden, None),
            Self::Busy => Told(Problem::Busy, None),
            Self::Page(problem, go_on) => Told(problem, go_on),
            Self::Fault(fault) => Told(Problem::Fault { request: log(&fault) }, None),
        };
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(told);
        response
    }
}

/// Answers a request that was given up because it took too long, which left nothing but a bare status: a person with a page, a
/// program in JSON. What counts the other answers was given up with it.
pub async fn late(route: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let wish = request.headers().get(ACCEPT_LANGUAGE).cloned();
    let response = next.run(request).await;
    if response.status() != StatusCode::SERVICE_UNAVAILABLE || response.headers().contains_key(CONTENT_TYPE) {
        return response;
    }
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    observe::request(route, response.status().as_u16());
    if route.starts_with(path::ADMIN) {
        return admin::too_late();
    }
    if path::FOR_PROGRAMS.contains(&route) {
        return token::too_late();
    }
    ErrorPage { frame: bare(wish.as_ref()), problem: Problem::Busy, go_on: None, own: Vec::new() }.render()
}

/// Around a page that belongs to no login, in the browser's language.
fn bare(wish: Option<&HeaderValue>) -> Frame {
    Frame::bare(Lang::choose(&[], wish.and_then(|wish| wish.to_str().ok())))
}

/// Draws the page of whatever failed below it, and of what the router itself refused.
pub async fn pages(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let wish = request.headers().get(ACCEPT_LANGUAGE).cloned();
    let aside = Aside::default();
    request.extensions_mut().insert(aside.clone());
    let mut response = next.run(request).await;
    let told = response.extensions_mut().remove::<Told>().or_else(|| of_the_router(&response));
    let Some(told) = told else { return response };
    let frame = aside.get().cloned().unwrap_or_else(|| bare(wish.as_ref()));
    let mut page = told.page(frame, &app.config.desk);
    // Something may have been proven before it failed.
    for cookie in response.headers().get_all(SET_COOKIE) {
        page.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    page
}

/// What the router and its extractors refuse by themselves, in plain text for developers: a body that is too large, an
/// address that is no text.
fn of_the_router(response: &Response) -> Option<Told> {
    let status = response.status();
    let media = response.headers().get(CONTENT_TYPE)?;
    if !status.is_client_error() || !media.as_bytes().starts_with(b"text/plain") {
        return None;
    }
    let problem = match status {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLarge,
        _ => Problem::BadRequest { code: status.as_str().to_owned() },
    };
    Some(Told(problem, None))
}

/// `fallback` of the router.
pub async fn not_found() -> Failed {
    Failed::Page(Problem::NotFound, None)
}

/// `method_not_allowed_fallback` of the router.
pub async fn method_not_allowed() -> Failed {
    Failed::Page(Problem::MethodNotAllowed, None)
}

/// 303: after a POST the browser asks for the next page, so that a reload posts nothing twice.
pub fn see_other(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => {
            // A browser that follows goes by this policy from here on: what stands in an address of ours is told to no portal.
            let headers = [
                (LOCATION, location),
                (CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
            ];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Err(error) => Failed::from(error).into_response(),
    }
}

/// 303 to where a login stands.
pub fn to_login(id: &LoginId) -> Response {
    see_other(&address(id))
}

/// What an error of the protocol means for a browser: a page, or the way back to the portal.
pub fn refused(visit: &Visit, error: Error) -> Response {
    match error {
        Error::Page(error) => {
            Failed::Page(Problem::BadRequest { code: error.word().to_owned() }, None).into_response()
        }
        Error::Redirect(redirect) => answered(visit, redirect.answer()),
        Error::Json(code, _) => {
            Failed::Page(Problem::BadRequest { code: code.word().to_owned() }, None).into_response()
        }
        // Nobody authenticates a client in a browser, and nothing below this makes the one of the two that waits.
        Error::Wait(_) => {
            Failed::Page(Problem::BadRequest { code: Code::TemporarilyUnavailable.word().to_owned() }, None)
                .into_response()
        }
        Error::Fault(fault) => Failed::Fault(fault).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After a failure that ends no login, the page leads back to it: what was brought from DigiD is spent.
    #[test]
    fn what_became_of_a_login_with_digid_leads_back_to_it_where_it_lives_on() {
        let id = LoginId::random();
        for (failure, goes_on, status) in [
            (Failure::Busy, true, 503),
            (Failure::Broken("x"), true, 502),
            (Failure::Unreachable("x"), true, 502),
            (Failure::ServiceRefused("x"), true, 502),
            (Failure::ArtifactGone("x"), true, 502),
            (Failure::Hostile("x"), false, 502),
            (Failure::BadArtifact("x"), false, 400),
        ] {
            let Told(problem, go_on) = Told::digid(&failure, &id);
            assert_eq!(go_on, goes_on.then(|| address(&id)), "{failure}");
            assert_eq!(problem.status(), status, "{failure}");
        }
    }
}
