//! What the machines refuse, in our words.

use oxide_auth::code_grant::{accesstoken, error::AccessTokenErrorType};

use crate::{
    domain::fault::Fault,
    oidc::error::{Code, Error},
};

pub(super) const NO_REDIRECT_URI: Error =
    Error::Json(Code::InvalidRequest, "redirect_uri is missing: repeat the one of the authorization request");
/// One answer for every code that is no good for this client.
pub const BAD_CODE: Error = Error::Json(
    Code::InvalidGrant,
    "the code is unknown, expired or used, or belongs to another client or redirect_uri",
);
pub(super) const BAD_VERIFIER: Error = Error::Json(
    Code::InvalidGrant,
    "code_verifier is missing, malformed, or does not fit the code_challenge (RFC 7636)",
);
/// One answer for every refresh token that is no good for this client.
pub const BAD_REFRESH: Error = Error::Json(
    Code::InvalidGrant,
    "the refresh token is unknown, expired, used or revoked, or its session has ended: log in again",
);

pub(super) fn refused(error: accesstoken::Error) -> Error {
    match error {
        accesstoken::Error::Invalid(mut description) => worded(description.description().kind(), BAD_CODE),
        accesstoken::Error::Unauthorized(..) | accesstoken::Error::Primitive(_) => surprise().into(),
    }
}

/// A machine's error in our words.
pub(super) fn worded(kind: AccessTokenErrorType, bad_grant: Error) -> Error {
    match kind {
        AccessTokenErrorType::InvalidGrant => bad_grant,
        AccessTokenErrorType::InvalidScope => {
            Error::Json(Code::InvalidScope, "scope must be within what was granted")
        }
        AccessTokenErrorType::UnsupportedGrantType => {
            Error::Json(Code::UnsupportedGrantType, "grant_type must be one of grant_types_supported")
        }
        _ => Error::Json(
            Code::InvalidRequest,
            "the form must have: grant_type, and code with redirect_uri and code_verifier, or refresh_token",
        ),
    }
}

pub(super) fn surprise() -> Fault {
    Fault::because("oxide-auth and authorize disagree about a request that was checked")
}
