//! A client comes to the token endpoint (RFC 6749 section 3.2): who is it, what does it possess, and which grant does it bring?
//! Each grant type has a file of its own, and what they share is in [`super::tokens`].

use super::client_auth::{Caller, authenticate};
use super::possession::Possession;
use super::tokens::{Issuing, TokenResponse};
use super::{authorization_code, client_credentials, dpop, refresh_token, token_exchange};
use crate::{
    app::App,
    domain::{mtls::Certificate, time::Timestamp},
    oidc::{
        dpop::MISSING,
        error::{Code, Error},
        params::Params,
        path,
        resource::TOKEN_EXCHANGE,
    },
};

/// A client whose tokens are to be bound to its certificate shows none (RFC 8705 section 3).
const NO_CERTIFICATE: Error = Error::Json(
    Code::InvalidRequest,
    "show a client certificate, at the address in mtls_endpoint_aliases where there is one: the tokens are bound to it",
);

/// Answers a request to the token endpoint.
pub async fn redeem(
    app: &App,
    caller: Caller<'_>,
    proof: Option<&str>,
    form: &Params,
    now: Timestamp,
) -> Result<TokenResponse, Error> {
    let client = authenticate(app, caller, form, now).await?;
    let proof = dpop::check(app, &client, proof, path::TOKEN, now)?;
    let x5t_s256 =
        caller.certificate.map(Certificate::thumbprint).filter(|_| client.certificate_bound_tokens);
    if client.certificate_bound_tokens && x5t_s256.is_none() {
        return Err(NO_CERTIFICATE);
    }
    let possession = Possession { proof, x5t_s256 };
    let unbound = possession.is_nothing() && client.policy.requires_sender_constrained_tokens();
    if unbound || client.wishes.dpop && possession.proof.is_none() {
        return Err(MISSING);
    }
    match form.get("grant_type") {
        Some("client_credentials") => {
            return client_credentials::issue(app, &client, &possession, form, now).await;
        }
        Some(TOKEN_EXCHANGE) => {
            return token_exchange::exchange(app, &client, &possession, form, now).await;
        }
        _ => {}
    }
    let issuing = Issuing {
        store: &app.store,
        keyring: &app.keyring(),
        issuer: app.config.issuer(),
        mandate_level: app.config.mandate_level,
        idle: app.config.session.idle(),
        client: &client,
        possession: &possession,
    };
    for_user(&issuing, form, now).await
}

/// Answers with tokens that a user granted.
async fn for_user(issuing: &Issuing<'_>, form: &Params, now: Timestamp) -> Result<TokenResponse, Error> {
    match form.get("grant_type") {
        Some("authorization_code") => authorization_code::redeem(issuing, form, now).await,
        Some("refresh_token") => refresh_token::refresh(issuing, form, now).await,
        Some(_) => {
            Err(Error::Json(Code::UnsupportedGrantType, "grant_type must be one of grant_types_supported"))
        }
        None => Err(Error::Json(Code::InvalidRequest, "grant_type is missing")),
    }
}

#[cfg(test)]
pub(super) mod tests;
