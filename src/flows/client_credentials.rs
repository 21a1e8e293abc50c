//! A program gets a token in its own name (RFC 6749 section 4.4): for the admin API, within what it is registered for. There is
//! no refresh token (section 4.4.3): it asks again.

use super::{
    possession::Possession,
    tokens::{ACCESS_LIFE, SignedTokens, TokenResponse, signer},
};
use crate::{
    app::App,
    domain::{api::AdminScopes, client::Client, id::random, time::Timestamp},
    oidc::{
        audience,
        error::{Code, Error},
        params::Params,
        program_token::ProgramClaims,
        resource::{INVALID_TARGET, targets},
    },
    store::audit::Event,
};

const NOT_REGISTERED: Error = Error::Json(
    Code::UnauthorizedClient,
    "this client is not registered to act in its own name: it has no service_scopes",
);
const BAD_SCOPE: Error =
    Error::Json(Code::InvalidScope, "scope must be within the service_scopes of this client");

/// Answers `client`, which has proven who it is.
pub(super) async fn issue(
    app: &App,
    client: &Client,
    possession: &Possession,
    form: &Params,
    now: Timestamp,
) -> Result<TokenResponse, Error> {
    if client.service_scopes.is_empty() {
        return Err(NOT_REGISTERED);
    }
    let issuer = app.config.issuer();
    let aud = audience::admin(issuer);
    targets(form, &["resource"], |one| one == aud).ok_or(INVALID_TARGET)?;
    // Without a word it is all that is registered (section 3.3).
    let scope: AdminScopes = match form.get("scope") {
        Some(text) => text.parse().map_err(|_| BAD_SCOPE)?,
        None => client.service_scopes.clone(),
    };
    if scope.is_empty() || !scope.are_within(&client.service_scopes) {
        return Err(BAD_SCOPE);
    }
    possession.spend(&app.store).await?;
    let claims = ProgramClaims {
        iss: issuer.to_owned(),
        sub: client.id.clone(),
        aud,
        exp: now.plus(ACCESS_LIFE),
        iat: now,
        jti: random::<16>(),
        client_id: client.id.clone(),
        scope,
        cnf: possession.confirmation(),
    };
    let access_token = claims.sign(signer(&app.keyring(), client, now)?)?;
    let event = Event {
        event: "token.issued",
        outcome: "ok",
        client: Some(&client.id),
        detail: Some("client_credentials"),
        ..Event::default()
    };
    app.store.audit(&event, now).await?;
    let tokens = SignedTokens {
        access_token,
        token_type: claims.token_type(),
        expires_in: ACCESS_LIFE,
        scope: claims.scope.to_string(),
        id_token: None,
        listed: Vec::new(),
    };
    Ok(tokens.with(None))
}
