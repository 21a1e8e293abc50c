//! Pages that say what went wrong and what to do now.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::Response,
};

use super::page::{self, Frame};
use crate::{
    domain::{assurance::Level, representation::NotRepresented},
    oidc::response_mode::AuthorizationResponse,
};

/// Seconds after which a busy server may be tried again.
pub(super) const BUSY: HeaderValue = HeaderValue::from_static("10");
/// Seconds after which an address that is being guessed at may be tried again.
const A_MINUTE: HeaderValue = HeaderValue::from_static("60");
/// Seconds after which an address may be mailed again.
const AN_HOUR: HeaderValue = HeaderValue::from_static("3600");

/// One page for every problem that ends a way.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// What surrounds it; [`Frame::bare`] where no login is known.
    pub frame: Frame,
    /// What went wrong.
    pub problem: Problem,
    /// Where the login goes on, when it can: a path of ours.
    pub go_on: Option<String>,
    /// What the operator says in place of our own words, paragraph by paragraph.
    pub own: Vec<String>,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// DigiD gave an error, or an answer that fails a check.
    DigidFailed,
    /// What the browser brought back from DigiD makes no sense.
    BadReturn,
    /// DigiD at a level below this one, which is needed (F7).
    LevelTooLow(Level),
    /// Known at the desk to be under 12 (M13).
    TooYoung,
    /// The login ended, or never was, or belongs to another browser.
    LoginGone,
    /// DigiD signed the user out while they were logging in.
    LoggedOut,
    /// The portal asked something that cannot be answered, and may not be redirected to.
    BadRequest {
        /// For the portal's makers: what was wrong, in a short code.
        code: String,
    },
    /// Too much work waits.
    Busy,
    /// An address has had many mails: it must wait.
    TooManyMails,
    /// An address has had many tries at its password: it must wait.
    TooManyTries,
    /// An account was asked for codes of its app very often: it must wait.
    TooManyCodes,
    /// More was sent than any of our forms holds.
    TooLarge,
    /// A fault of ours.
    Fault {
        /// Under which it stands in the log.
        request: String,
    },
    /// No such page.
    NotFound,
    /// Not with this method.
    MethodNotAllowed,
    /// A form without its token, or from another site.
    Forbidden,
    /// This account and this DigiD, or this address, cannot come together.
    NotLinked,
    /// A new password was to be chosen, and the DigiD that should show whose account it is was another's (F13).
    AnotherDigid,
    /// A DigiD of somebody under 16 is linked to no account that may be another's (F9).
    ChildsDigid,
    /// The user may not act here for the child that they chose at DigiD (M14).
    NotRepresented(NotRepresented),
}

impl Problem {
    /// The status of the answer.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::DigidFailed => StatusCode::BAD_GATEWAY,
            Self::LevelTooLow(_) | Self::TooYoung | Self::Forbidden | Self::NotRepresented(_) => {
                StatusCode::FORBIDDEN
            }
            Self::LoginGone | Self::LoggedOut => StatusCode::GONE,
            Self::BadRequest { .. } | Self::BadReturn => StatusCode::BAD_REQUEST,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooManyMails | Self::TooManyTries | Self::TooManyCodes => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Fault { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotLinked | Self::AnotherDigid | Self::ChildsDigid => StatusCode::CONFLICT,
        }
    }

    /// Whether no login goes on after it, unless the page says where.
    const fn ends_login(&self) -> bool {
        match self {
            Self::DigidFailed
            | Self::LevelTooLow(_)
            | Self::TooYoung
            | Self::LoginGone
            | Self::LoggedOut
            | Self::BadReturn
            | Self::NotLinked
            | Self::AnotherDigid
            | Self::ChildsDigid
            | Self::NotRepresented(_) => true,
            Self::BadRequest { .. }
            | Self::Busy
            | Self::TooManyMails
            | Self::TooManyTries
            | Self::TooManyCodes
            | Self::TooLarge
            | Self::Fault { .. }
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::Forbidden => false,
        }
    }

    /// The keys of its heading, of what happened, and of what to do.
    pub(super) const fn keys(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::DigidFailed => ("digid-failed-title", "digid-failed", "digid-failed-do"),
            Self::BadReturn => ("return-title", "return", "return-do"),
            Self::LevelTooLow(Level::Hoog) => ("level-title", "level-hoog", "level-hoog-do"),
            Self::LevelTooLow(Level::Substantieel) => {
                ("level-title", "level-substantieel", "level-substantieel-do")
            }
            Self::LevelTooLow(Level::Midden | Level::Local) => ("level-title", "level", "level-do"),
            Self::TooYoung => ("young-title", "young", "young-do"),
            Self::LoginGone => ("gone-title", "gone", "gone-do"),
            Self::LoggedOut => ("out-title", "out", "out-do"),
            Self::BadRequest { .. } => ("bad-request-title", "bad-request", "bad-request-do"),
            Self::Busy => ("busy-title", "busy", "busy-do"),
            Self::TooManyMails => ("mails-title", "mails", "mails-do"),
            Self::TooManyTries => ("tries-title", "tries", "tries-do"),
            Self::TooManyCodes => ("codes-title", "codes", "codes-do"),
            Self::TooLarge => ("large-title", "large", "large-do"),
            Self::Fault { .. } => ("fault-title", "fault", "fault-do"),
            Self::NotFound => ("not-found-title", "not-found", "not-found-do"),
            Self::MethodNotAllowed => ("method-title", "method", "method-do"),
            Self::Forbidden => ("forbidden-title", "forbidden", "forbidden-do"),
            Self::NotLinked => ("elsewhere-title", "elsewhere", "elsewhere-do"),
            Self::AnotherDigid => ("another-title", "another", "another-do"),
            Self::ChildsDigid => ("elsewhere-title", "childs-digid", "childs-digid-do"),
            Self::NotRepresented(NotRepresented::TurnedTwelve) => {
                ("child-title", "child-twelve", "child-twelve-do")
            }
            Self::NotRepresented(NotRepresented::AskTheDesk) => {
                ("child-title", "child-desk", "child-desk-do")
            }
        }
    }
}

impl ErrorPage {
    /// The page as a response.
    pub fn render(&self) -> Response {
        let mut response = page::render(&self.frame, self.problem.status(), self);
        let wait = match self.problem {
            Problem::Busy => Some(BUSY),
            Problem::TooManyTries => Some(A_MINUTE),
            Problem::TooManyMails | Problem::TooManyCodes => Some(AN_HOUR),
            _ => None,
        };
        if let Some(seconds) = wait {
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }

    fn title(&self) -> String {
        self.frame.say(self.problem.keys().0)
    }

    fn happened(&self) -> String {
        self.frame.say(self.problem.keys().1)
    }

    fn to_do(&self) -> String {
        self.frame.say(self.problem.keys().2)
    }

    /// What a helper or a developer will ask for.
    fn detail(&self) -> Option<String> {
        match &self.problem {
            Problem::BadRequest { code } => {
                Some(self.frame.say_with("bad-request-code", "code", code.as_str()))
            }
            Problem::Fault { request } => {
                Some(self.frame.say_with("fault-number", "request", request.as_str()))
            }
            _ => None,
        }
    }

    /// Where to go when the login is over: back to the portal, which may begin a new one.
    fn way_back(&self) -> Option<&AuthorizationResponse> {
        self.frame.way_back.as_ref().filter(|_| self.go_on.is_none() && self.problem.ends_login())
    }

    fn digid_can_tell(&self) -> bool {
        matches!(self.problem, Problem::DigidFailed | Problem::LevelTooLow(_))
    }
}
