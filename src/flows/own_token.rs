//! A token that a client brings to ask about it or to end it: its own, or none. A stranger's, a forged one and one that has
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
    },
    store::grants::Refreshing,
};

/// A token that was made for the client that brings it. Whether it still counts is another question.
pub(super) enum Own {
    /// An access token that has not ended, and the grant that it belongs to.
    Access(Box<AccessClaims>, Box<Grant>),
    /// A refresh token, also one that was replaced, and its family.
    Refresh(RefreshToken, Box<Refreshing>),
}

impl Own {
    /// The grant that it belongs to.
    pub(super) fn grant(&self) -> &Grant {
        match self {
            Self::Access(_, grant) => grant,
            Self::Refresh(_, found) => &found.family.grant,
        }
    }
}

/// The text of the parameter `token`. `token_type_hint` is not read: what a token is shows by itself (RFC 7009 section 2.1
/// leaves that to us).
pub(super) fn presented(form: &Params) -> Result<&str, Error> {
    form.get("token").ok_or(Error::Json(Code::InvalidRequest, "token is missing: send the token, once"))
}

/// The token behind a text, if it was made for `client`.
pub(super) async fn own(
    app: &App,
    client: &Client,
    text: &str,
    now: Timestamp,
) -> Result<Option<Own>, Fault> {
    let found = if let Some(token) = RefreshToken::read(text) {
        let idle = app.config.session.idle();
        let found = app.store.refreshing(&token.family(), &client.sector, idle, now).await?;
        found.map(|found| Own::Refresh(token, Box::new(found)))
    } else {
        let read = AccessClaims::read(&app.keyring(), app.config.issuer(), text, now);
        let Ok(claims) = read else { return Ok(None) };
        let grant = app.store.grant(&claims.grant).await?;
        grant.map(|grant| Own::Access(Box::new(claims), Box::new(grant)))
    };
    Ok(found.filter(|own| own.grant().client_id == client.id))
}
