//! Which program calls the admin API, and whether it may do that: asked first at every endpoint there.

use super::userinfo::{Shown, check_key};
use crate::{
    app::App,
    domain::{api::AdminScope, client::Client, mtls::Certificate, time::Timestamp},
    oidc::{
        access_token::REFUSED,
        error::{Code, Error},
        service_token::ServiceClaims,
    },
};

/// The program that shows `token` at `path`, with the certificate that came along, if it may do what `needed` says. What counts is the
/// registration of this moment: a scope that was taken away, or a client that was removed, is worth nothing at once.
///
/// Errors: `invalid_token`, `insufficient_scope`, or what is wrong with a proof of possession (RFC 6750 section 3.1, RFC 9449
/// section 7.1).
pub async fn caller(
    app: &App,
    token: &str,
    shown: (Shown<'_>, Option<&Certificate>),
    path: &str,
    needed: AdminScope,
    now: Timestamp,
) -> Result<Client, Error> {
    let claims = ServiceClaims::read(&app.keyring(), app.config.issuer(), token, now)?;
    let client = app.client(&claims.client_id).await?.ok_or(REFUSED)?;
    if client.service_scopes.is_empty() || app.store.is_service_token_revoked(&claims.jti).await? {
        return Err(REFUSED);
    }
    check_key(app, &client, (token, claims.cnf.as_ref()), shown, path, now).await?;
    if claims.scope.contains(needed) && client.service_scopes.contains(needed) {
        Ok(client)
    } else {
        Err(Error::Json(Code::InsufficientScope, "the access token needs another scope for this"))
    }
}

#[cfg(test)]
mod tests;
