//! Pushed authorization requests (RFC 9126): a client sends its request itself, after its proof, and gets a handle that it gives
//! the browser.

use serde::Serialize;

use super::error::{Code, Error, PageError};
use crate::domain::secret::Secret;

/// How long a handle may be brought, in seconds (section 2.2; FAPI 2.0 allows less than 600).
pub const LIFE: i64 = 90;
/// What a handle begins with (section 2.2).
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// The answer of the endpoint (section 2.2).
#[derive(Serialize)]
pub struct Pushed {
    /// The handle.
    pub request_uri: Secret,
    /// How long it may be brought.
    pub expires_in: i64,
}

/// A new handle.
pub fn handle() -> Secret {
    Secret::token(PREFIX)
}

/// What may be a handle of ours, of what a browser brings as `request_uri`.
pub fn read(request_uri: &str) -> Option<Secret> {
    request_uri.starts_with(PREFIX).then(|| Secret::new(request_uri))
}

/// An error of the request, as the endpoint says it (section 2.3).
pub fn refused(error: Error) -> Error {
    match error {
        Error::Redirect(redirect) => Error::Json(redirect.code, redirect.description),
        // Where a redirect would go stood in the object only: here the client hears all the same (RFC 9101 section 7).
        Error::Page(PageError::RequestObject) => Error::Json(
            Code::InvalidRequestObject,
            "the request object is not good: see its signature, alg, iss, aud, client_id, exp and nbf",
        ),
        Error::Page(_) => Error::Json(
            Code::InvalidRequest,
            "client_id must be that of this client, redirect_uri a registered one, and a request object valid",
        ),
        other => other,
    }
}
