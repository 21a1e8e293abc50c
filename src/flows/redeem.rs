//! A client comes to the token endpoint (RFC 6749 section 3.2): who is it, what does it possess, and which grant does it bring?
//! Each grant type has a file of its own, and what they share is in [`super::tokens`].

use super::client_auth::{Caller, authenticate};
use super::possession::Possession;
use super::tokens::{Issuing, TokenResponse};
use super::{authorization_code, client_credentials, dpop, refresh_token, token_exchange};
use crate::{
    app::App,
    domain::{client::Client, mtls::Certificate, time::Timestamp},
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

/// Answers a request to the token endpoint. `proof` is the proof of possession that came with it, or what is wrong with how it came.
/// A refusal of a code that was spent ends what came of it, whatever it was refused for.
pub async fn redeem(
    app: &App,
    caller: Caller<'_>,
    proof: Result<Option<&str>, Error>,
    form: &Params,
    now: Timestamp,
) -> Result<TokenResponse, Error> {
    let client = authenticate(app, caller, form, now).await?;
    let answer = of_client(app, &client, caller.certificate, proof, form, now).await;
    authorization_code::ending_what_was_spent(&app.store, &client, form, answer, now).await
}

/// Answers a client that has proven who it is.
async fn of_client(
    app: &App,
    client: &Client,
    certificate: Option<&Certificate>,
    proof: Result<Option<&str>, Error>,
    form: &Params,
    now: Timestamp,
) -> Result<TokenResponse, Error> {
    let possession = possession(app, client, certificate, proof?, now)?;
    match form.get("grant_type") {
        Some("client_credentials") => {
            return client_credentials::issue(app, client, &possession, form, now).await;
        }
        Some(TOKEN_EXCHANGE) => {
            return token_exchange::exchange(app, client, &possession, form, now).await;
        }
        _ => {}
    }
    let issuing = Issuing {
        store: &app.store,
        keyring: &app.keyring(),
        issuer: app.config.issuer(),
        mandate_level: app.config.mandate_level,
        idle: app.config.session.idle(),
        client,
        possession: &possession,
    };
    for_user(&issuing, form, now).await
}

/// What `client` shows that it possesses. Errors: it is not what a token of this client must be bound to.
fn possession(
    app: &App,
    client: &Client,
    certificate: Option<&Certificate>,
    proof: Option<&str>,
    now: Timestamp,
) -> Result<Possession, Error> {
    let proof = dpop::check(app, client, proof, path::TOKEN, now)?;
    let x5t_s256 = certificate.map(Certificate::thumbprint).filter(|_| client.certificate_bound_tokens);
    if client.certificate_bound_tokens && x5t_s256.is_none() {
        return Err(NO_CERTIFICATE);
    }
    let possession = Possession { proof, x5t_s256 };
    let unbound = possession.is_nothing() && client.policy.requires_sender_constrained_tokens();
    if unbound || client.wishes.dpop && possession.proof.is_none() {
        return Err(MISSING);
    }
    Ok(possession)
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
