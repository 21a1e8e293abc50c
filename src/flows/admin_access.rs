//! Which program calls the admin API, and whether it may do that: asked first at every endpoint there.

use super::userinfo::{Presentation, check_key};
use crate::{
    app::{App, knocks::Knock},
    domain::{api::AdminScope, client::Client, mtls::Certificate, time::Timestamp},
    oidc::{
        access_token::INVALID_TOKEN,
        error::{Code, Error},
        program_token::ProgramClaims,
    },
    store::audit::Event,
};

/// A program that is not let in: why, and which it is, where that is known.
#[derive(Debug)]
pub struct Denied {
    /// Why.
    pub error: Error,
    /// Its `client_id`, where its token is good.
    pub client: Option<String>,
}

impl<E: Into<Error>> From<E> for Denied {
    fn from(error: E) -> Self {
        Self { error: error.into(), client: None }
    }
}

/// The program that shows `token` at `path`, with the certificate that came along, if it may do what `needed` says. What counts is the
/// registration of this moment: a scope that was taken away, or a client that was removed, is worth nothing at once.
///
/// Errors: `invalid_token`, `insufficient_scope`, or what is wrong with a proof of possession (RFC 6750 section 3.1, RFC 9449
/// section 7.1).
pub async fn caller(
    app: &App,
    token: &str,
    presented: (Presentation<'_>, Option<&Certificate>),
    path: &str,
    needed: AdminScope,
    now: Timestamp,
) -> Result<Client, Denied> {
    let claims = ProgramClaims::read(&app.keyring(), app.config.issuer(), token, now)?;
    let client = app.client(&claims.client_id).await?.ok_or(INVALID_TOKEN)?;
    if client.service_scopes.is_empty() || app.store.is_program_token_revoked(&claims.jti).await? {
        return Err(INVALID_TOKEN.into());
    }
    check_key(app, &client, (token, claims.cnf.as_ref()), presented, path, now).await?;
    if claims.scope.contains(needed) && client.service_scopes.contains(needed) {
        Ok(client)
    } else {
        let error = Error::Json(Code::InsufficientScope, "the access token needs another scope for this");
        Err(Denied { error, client: Some(client.id) })
    }
}

/// Writes down that a request was refused, as long as that is no flood: `why` as a stable word, at which `door`, and of which program,
/// where that is known. What goes wrong with it does not concern the program.
pub async fn refused(app: &App, why: &str, door: &str, client: Option<&str>, now: Timestamp) {
    let knock = app.admin_knocks.count(now);
    if knock == Knock::Untold {
        return;
    }
    let is_last = knock == Knock::LastTold;
    tracing::warn!(
        code = why,
        door,
        client,
        is_last,
        "a request to the admin API was refused; after the last of a minute no more are told"
    );
    let event = Event {
        event: "admin.refused",
        outcome: why,
        actor: client,
        client,
        detail: Some(door),
        ..Event::default()
    };
    if let Err(fault) = app.store.audit(&event, now).await {
        tracing::error!(%fault, "a line of the audit log could not be written");
    }
}

#[cfg(test)]
mod tests;
