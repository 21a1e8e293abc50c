//! A token that a client brings to ask about it or to end it: its own, one for an API that it serves, or none. A stranger's, a forged one and one that has
//! ended are all the same to who asks (RFC 7009 section 2.2, RFC 7662 section 2.2).

use crate::{
    app::App,
    domain::{
        client::Client,
        fault::Fault,
        grant::{Grant, RefreshToken},
        time::Timestamp,
    },
    oidc::{
        access_token::AccessClaims,
        error::{Code, Error},
        params::Params,
        program_token::ProgramClaims,
    },
    store::grounds::Refreshing,
};

/// A token of ours. Whether it still counts is another question.
pub(super) enum Own {
    /// An access token that has not ended, and the grant that it belongs to.
    Access(Box<AccessClaims>, Box<Grant>),
    /// A refresh token, also one that was replaced, and its family.
    Refresh(RefreshToken, Box<Refreshing>),
    /// A program's access token that has not ended.
    Program(Box<ProgramClaims>),
}

impl Own {
    /// Whether it was made for `client`.
    pub(super) fn is_of(&self, client: &Client) -> bool {
        let made_for = match self {
            Self::Access(_, grant) => &grant.client_id,
            Self::Refresh(_, found) => &found.family.grant.client_id,
            Self::Program(claims) => &claims.client_id,
        };
        *made_for == client.id
    }

    /// Whether it is an access token for an API that `client` serves.
    pub(super) fn is_for(&self, client: &Client) -> bool {
        matches!(self, Self::Access(claims, _) if client.serves.iter().any(|api| claims.aud.has(api)))
    }
}

/// The text of the parameter `token`. `token_type_hint` is not read: what a token is shows by itself (RFC 7009 section 2.1
/// leaves that to us).
pub(super) fn presented(form: &Params) -> Result<&str, Error> {
    form.get("token").ok_or(Error::Json(Code::InvalidRequest, "token is missing: send the token, once"))
}

/// The token behind a text. A refresh token is looked up for `client`, and whose it is stays to be asked.
pub(super) async fn read(
    app: &App,
    client: &Client,
    text: &str,
    now: Timestamp,
) -> Result<Option<Own>, Fault> {
    if let Some(token) = RefreshToken::read(text) {
        let idle = app.config.session.idle();
        let found = app.store.refreshing(&token.family(), &client.sector, idle, now).await?;
        return Ok(found.map(|found| Own::Refresh(token, Box::new(found))));
    }
    let (ring, issuer) = (app.keyring(), app.config.issuer());
    if let Ok(claims) = ProgramClaims::read(&ring, issuer, text, now) {
        let revoked = app.store.is_program_token_revoked(&claims.jti).await?;
        return Ok((!revoked).then(|| Own::Program(Box::new(claims))));
    }
    let Ok(claims) = AccessClaims::open(&ring, issuer, text, now) else { return Ok(None) };
    let grant = app.store.grant(&claims.grant).await?;
    Ok(grant.map(|grant| Own::Access(Box::new(claims), Box::new(grant))))
}
