//! What is answered when something is wrong: a page, a redirect, or JSON. A redirect exists only after its client and
//! URI are valid; `authorize` makes the only ones.

use url::form_urlencoded;

use super::response_mode::{AuthorizationResponse, Jarm};
use crate::domain::{ask::ResponseMode, fault::Fault};

/// An error of the protocol, and how it must reach the other side.
#[derive(Debug)]
pub enum Error {
    /// The client or its redirect URI is not known to be right: the user sees a page, nobody is redirected.
    Page(PageError),
    /// The client hears it through the browser (RFC 6749 section 4.1.2.1).
    Redirect(Box<Redirect>),
    /// The client hears it at once (RFC 6749 section 5.2, RFC 6750 section 3.1).
    Json(Code, &'static str),
    /// The client hears that for so many seconds nothing of it is checked (RFC 6585 section 4).
    Wait(i64),
    /// Nobody's error but ours: logged; the other side learns `server_error`.
    Fault(Fault),
}

impl Error {
    /// For how many seconds nothing is checked, where that is what it says.
    pub const fn wait(&self) -> Option<i64> {
        match self {
            Self::Wait(seconds) => Some(*seconds),
            _ => None,
        }
    }
}

/// Why an authorization request cannot be answered by a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Too big to be read at all.
    #[error("the authorization request cannot be read: too long, or with too many parameters")]
    Malformed,
    /// No `client_id`, or several.
    #[error("the authorization request must have client_id exactly once")]
    ClientId,
    /// Nobody of that name is registered.
    #[error("no client with this client_id is registered")]
    UnknownClient,
    /// Not one that this client pushed, or one that has ended or was answered (RFC 9126 section 4).
    #[error("request_uri must be one that this client has just pushed, and that was not answered yet")]
    RequestUri,
    /// A request object that is not believed, of a request that names no address to say so (RFC 9101 section 6); and why.
    #[error("the request object is not valid: {0}")]
    RequestObject(&'static str),
    /// Missing, several, or not registered for this client.
    #[error("redirect_uri must be given once and be, character for character, one that is registered")]
    RedirectUri,
}

impl PageError {
    /// The stable word for it, which a page in any language can show. What it means stands in `docs/portals.md`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Malformed => "request_unreadable",
            Self::ClientId => "client_id_missing",
            Self::UnknownClient => "client_id_unknown",
            Self::RequestUri => "request_uri_invalid",
            Self::RequestObject(_) => "request_object_invalid",
            Self::RedirectUri => "redirect_uri_mismatch",
        }
    }
}

/// An error on its way back to a client's registered redirect URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The registered URI.
    pub redirect_uri: String,
    /// How it travels there.
    pub mode: ResponseMode,
    /// How it is signed, if it is.
    pub signed: Option<Jarm>,
    /// What is wrong, for a program.
    pub code: Code,
    /// What is wrong, for the portal's developer. Never repeats what was sent.
    pub description: &'static str,
    /// The request's `state`.
    pub state: Option<String>,
    /// Our issuer, against mix-up (RFC 9207).
    pub issuer: String,
}

impl Redirect {
    /// What the client hears.
    pub fn answer(self) -> AuthorizationResponse {
        let mut says =
            vec![("error", self.code.word().to_owned()), ("error_description", self.description.to_owned())];
        says.extend(self.state.map(|state| ("state", state)));
        says.push(("iss", self.issuer));
        AuthorizationResponse { redirect_uri: self.redirect_uri, mode: self.mode, signed: self.signed, says }
    }
}

/// The `Location` after signing out (OpenID Connect RP-Initiated Logout, section 3).
pub fn signed_out_location(uri: &str, state: Option<&str>) -> String {
    state.map_or_else(|| uri.to_owned(), |state| with_query(uri, &[("state", state)]))
}

/// Adds parameters to a URI that is otherwise left as its client registered it: parsing it would normalise it.
pub(super) fn with_query<V: AsRef<str>>(uri: &str, pairs: &[(&str, V)]) -> String {
    let joint = match uri.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{uri}{joint}{query}")
}

/// The error codes that Namens uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Something is missing, doubled, malformed or out of bounds (RFC 6749).
    InvalidRequest,
    /// Client authentication failed (RFC 6749).
    InvalidClient,
    /// A code or refresh token that is unknown, used, expired, revoked, or someone else's (RFC 6749).
    InvalidGrant,
    /// A scope that does not exist here or is not this client's (RFC 6749).
    InvalidScope,
    /// An API for which this client gets no token (RFC 8707 section 2).
    InvalidTarget,
    /// A grant that this client may not use (RFC 6749).
    UnauthorizedClient,
    /// The user, or the provider on its own grounds, said no (RFC 6749).
    AccessDenied,
    /// Not `code` (RFC 6749).
    UnsupportedResponseType,
    /// Not one of ours (RFC 6749).
    UnsupportedGrantType,
    /// `prompt=none` and no session that suffices (OpenID Connect Core, section 3.1.2.6).
    LoginRequired,
    /// The user must agree first, and nobody may be asked (OpenID Connect Core, section 3.1.2.6).
    ConsentRequired,
    /// The user must choose something first, and nobody may be asked (OpenID Connect Core, section 3.1.2.6).
    InteractionRequired,
    /// A request object that is not valid (RFC 9101 section 6.1).
    InvalidRequestObject,
    /// No request objects by reference (OpenID Connect Core, section 3.1.2.6).
    RequestUriNotSupported,
    /// No registration in the request (OpenID Connect Core, section 3.1.2.6).
    RegistrationNotSupported,
    /// No level that we have was asked for (OpenID Connect Core Unmet Authentication Requirements).
    UnmetAuthenticationRequirements,
    /// An access token that is malformed, expired, revoked, or not ours (RFC 6750).
    InvalidToken,
    /// An access token without the scope that is needed (RFC 6750).
    InsufficientScope,
    /// A proof of possession that is missing, malformed, for something else, or used (RFC 9449 section 5).
    InvalidDpopProof,
    /// A proof of possession without a nonce of ours that is young enough (RFC 9449 section 8).
    UseDpopNonce,
    /// Too much work waits (RFC 6749).
    TemporarilyUnavailable,
    /// Our fault (RFC 6749).
    ServerError,
}

impl Code {
    /// Its word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::InteractionRequired => "interaction_required",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::ServerError => "server_error",
        }
    }

    /// The HTTP status of a JSON answer (RFC 6749 section 5.2, RFC 6750 section 3.1).
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken => 401,
            Self::InsufficientScope => 403,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            _ => 400,
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<PageError> for Error {
    fn from(error: PageError) -> Self {
        Self::Page(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_is_wrong_and_gives_back_the_state() {
        let redirect = Redirect {
            redirect_uri: "https://p.example/cb?x=1&y=%2F".into(),
            mode: ResponseMode::Query,
            signed: None,
            code: Code::InvalidScope,
            description: "a b",
            state: Some("a&b=c#d".into()),
            issuer: "https://id.example".into(),
        };
        assert_eq!(
            redirect.answer().location(),
            "https://p.example/cb?x=1&y=%2F&error=invalid_scope&error_description=a+b&state=a%26b%3Dc%23d\
             &iss=https%3A%2F%2Fid.example"
        );
    }
}
