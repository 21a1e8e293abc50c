//! What a client hears of a token (RFC 7662 section 2.2), plainly or signed (RFC 9701).

use serde::Serialize;

use super::{
    access_token::{Actor, Confirmation},
    audience::Audience,
    jws,
    program_token::ProgramClaims,
    signing_key::SigningKey,
};
use crate::domain::{
    claims::{ActAs, Represents},
    fault::Fault,
    grant::Grant,
    id::SessionId,
    scope::{self, Scopes},
    time::Timestamp,
};

/// The media type of a signed answer (RFC 9701 section 4), without `application/`.
pub const TYPE: &str = "token-introspection+jwt";

/// The introspection response (RFC 7662 section 2.2).
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum IntrospectionResponse {
    /// It is good for something now.
    Active(Box<ActiveToken>),
    /// It is, and belongs to a program.
    Program(Box<ProgramToken>),
    /// It is not, or it is not for who asks to know. Nothing else is said.
    Inactive(Inactive),
}

/// `{"active": false}`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Inactive {
    active: bool,
}

impl IntrospectionResponse {
    /// The answer about everything that is not good.
    pub const INACTIVE: Self = Self::Inactive(Inactive { active: false });
}

/// What is said of a program's access token: all that it says itself.
#[derive(Debug, Clone, Serialize)]
pub struct ProgramToken {
    active: bool,
    token_type: &'static str,
    #[serde(flatten)]
    claims: ProgramClaims,
}

impl ProgramToken {
    /// What is said of a token with these claims that is good.
    pub fn new(claims: ProgramClaims) -> Self {
        Self { active: true, token_type: claims.token_type(), claims }
    }
}

/// What is said of a token that is good.
#[derive(Debug, Clone, Serialize)]
pub struct ActiveToken {
    active: bool,
    /// What it is good for.
    #[serde(with = "scope::text")]
    pub scope: Scopes,
    /// For whom it was made.
    pub client_id: String,
    /// The user, as this client knows them.
    pub sub: String,
    /// From when it is no good any more. Never after the first boundary of a mandate that is told with it (M8).
    pub exp: Timestamp,
    /// Who made it.
    pub iss: String,
    /// In which session.
    pub sid: SessionId,
    /// The level of the login (RFC 9470 section 6.2).
    pub acr: &'static str,
    /// When the user proved who they are.
    pub auth_time: Timestamp,
    /// What only an access token has.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
}

/// What is said of an access token.
#[derive(Debug, Clone, Serialize)]
pub struct Access {
    /// How it is shown.
    pub token_type: &'static str,
    /// Whose key must be shown with it, where it is no bearer's (RFC 9449 section 6.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// When it was made.
    pub iat: Timestamp,
    /// Who may be asked with it.
    pub aud: Audience,
    /// Its own name.
    pub jti: String,
    /// Who acts, where that is not whom it is about (RFC 8693 section 4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
    /// Whom the user may act for at this moment, where its scope has that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act_as: Option<Vec<ActAs>>,
    /// For whom the user logged in, while that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub represents: Option<Represents>,
}

impl ActiveToken {
    /// What is said of every token of `grant` that is good until `exp`.
    pub fn new(issuer: &str, grant: &Grant, sub: String, scope: Scopes, exp: Timestamp) -> Self {
        Self {
            active: true,
            scope,
            client_id: grant.client_id.clone(),
            sub,
            exp,
            iss: issuer.to_owned(),
            sid: grant.sid.clone(),
            acr: grant.level.acr(),
            auth_time: grant.auth_time,
            access: None,
        }
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: Timestamp,
    token_introspection: &'a IntrospectionResponse,
}

impl IntrospectionResponse {
    /// The answer as a JWT for `client_id`, good as evidence of what was said at `now` (RFC 9701 section 5). What is said of
    /// the token stands in a member of its own, so that nobody takes the answer for the token.
    pub fn sign(
        &self,
        key: &SigningKey,
        issuer: &str,
        client_id: &str,
        now: Timestamp,
    ) -> Result<String, Fault> {
        jws::write(key, TYPE, &Claims { iss: issuer, aud: client_id, iat: now, token_introspection: self })
    }
}
