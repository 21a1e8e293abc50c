//! `UserInfo` as a signed token (OpenID Connect Core, section 5.3.2).

use serde::Serialize;

use super::{jws, signing_key::SigningKey};
use crate::domain::fault::Fault;

/// Its type: neither an ID token's nor an access token's, so that it is taken for neither here.
const TYPE: &str = "JWT";

#[derive(Serialize)]
struct Claims<'a, T> {
    iss: &'a str,
    aud: &'a str,
    #[serde(flatten)]
    user: &'a T,
}

/// What is told about `user`, signed for one client. It has no end: it says what was so when it was asked.
pub fn sign<T: Serialize>(
    user: &T,
    key: &SigningKey,
    issuer: &str,
    client_id: &str,
) -> Result<String, Fault> {
    jws::write(key, TYPE, &Claims { iss: issuer, aud: client_id, user })
}
