//! The portal as an OpenID Connect client: what it asks of the provider, and how it checks the answers.

use std::collections::HashMap;
use std::time::Duration;

use axum::http;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreResponseType, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalClaims, AuthenticationFlow, AuthorizationCode, Client, ClientId,
    ClientSecret, CsrfToken, EmptyExtraTokenFields, EndSessionUrl, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, IdTokenFields, IssuerUrl, LogoutRequest, Nonce, NonceVerifier,
    OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl,
    ProviderMetadataWithLogout, RedirectUrl, RefreshToken, Scope, StandardErrorResponse,
    StandardTokenResponse, SubjectIdentifier, TokenResponse, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::Config;

/// More than any answer of a provider.
const MAX_ANSWER: usize = 1024 * 1024;

/// Every claim beyond the standard ones, `act_as` among them.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct MoreClaims(HashMap<String, Value>);

impl AdditionalClaims for MoreClaims {}

type Tokens = StandardTokenResponse<
    IdTokenFields<
        MoreClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

type RelyingParty = Client<
    MoreClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The provider, as its discovery document has it at this moment.
pub struct Provider {
    client: RelyingParty,
    end_session: Option<EndSessionUrl>,
}

/// What must be remembered between the authorization request and its answer.
pub struct Pending {
    /// Binds the answer to this browser.
    pub state: String,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

/// A login that was verified.
#[derive(Clone, Serialize)]
pub struct Login {
    /// The ID token as it came.
    pub id_token: String,
    /// Its claims, verified.
    pub claims: Value,
    /// What `UserInfo` said, for the same subject.
    pub userinfo: Value,
    /// The access token: a test may want to use it.
    pub access_token: String,
    /// The refresh token, if there is one.
    pub refresh_token: Option<String>,
    #[serde(skip)]
    nonce: Nonce,
}

/// What went wrong between portal and provider, in words for the portal's page.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OidcError(String);

#[derive(Debug, thiserror::Error)]
enum HttpError {
    #[error(transparent)]
    Http(#[from] http::Error),
    #[error(transparent)]
    Reqwest(#[from] reqwest::Error),
    #[error("the answer is longer than a mebibyte")]
    TooLong,
}

fn failed<E: std::error::Error>(what: &'static str) -> impl FnOnce(E) -> OidcError {
    move |error| {
        let mut text = format!("{what}: {error}");
        let mut cause = error.source();
        // The chain of causes is as long as the types that wrap each other: a handful.
        while let Some(deeper) = cause {
            text = format!("{text}: {deeper}");
            cause = deeper.source();
        }
        OidcError(text)
    }
}

/// The portal's HTTP client for the provider: bounded in time, and it follows no redirect.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(20))
        .build()
}

/// `openidconnect` takes any function from a request to a response.
async fn send(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let mut answer = client.execute(request.try_into()?).await?;
    let mut response = http::Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        headers.clone_from(answer.headers());
    }
    let mut body = vec![];
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(HttpError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(response.body(body)?)
}

impl Provider {
    /// Reads the discovery document and the keys. Done anew for each login, so that a rotated key is known at once.
    pub async fn discover(config: &Config, http: &reqwest::Client) -> Result<Self, OidcError> {
        let issuer = IssuerUrl::new(config.issuer.clone()).map_err(failed("the issuer"))?;
        let metadata = ProviderMetadataWithLogout::discover_async(issuer, &|r| send(http.clone(), r))
            .await
            .map_err(failed("discovery"))?;
        let end_session = metadata.additional_metadata().end_session_endpoint.clone();
        let redirect =
            RedirectUrl::new(format!("{}/callback", config.base_url)).map_err(failed("the redirect URI"))?;
        let client = Client::from_provider_metadata(
            metadata,
            ClientId::new(config.client_id.clone()),
            config.client_secret.clone().map(ClientSecret::new),
        )
        .set_redirect_uri(redirect);
        Ok(Self { client, end_session })
    }

    /// The authorization request, with these parameters added to it as they are.
    pub fn authorize(&self, extra: &[(String, String)]) -> (Url, Pending) {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = self
            .client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("act_as".to_owned()))
            .set_pkce_challenge(challenge);
        for (name, value) in extra {
            request = request.add_extra_param(name.clone(), value.clone());
        }
        let (url, state, nonce) = request.url();
        (url, Pending { state: state.secret().clone(), nonce, verifier })
    }

    /// Exchanges the code, verifies the ID token, and asks `UserInfo` about the same subject.
    pub async fn redeem(
        &self,
        code: String,
        pending: Pending,
        http: &reqwest::Client,
    ) -> Result<Login, OidcError> {
        let tokens = self
            .client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(failed("the token endpoint"))?
            .set_pkce_verifier(pending.verifier)
            .request_async(&|r| send(http.clone(), r))
            .await
            .map_err(failed("the token endpoint"))?;
        let nonce = pending.nonce.clone();
        self.verified(tokens, &nonce, pending.nonce, http).await
    }

    /// Refreshes; the new ID token must be of the same subject (OpenID Connect Core, section 12.2).
    pub async fn refresh(&self, login: &Login, http: &reqwest::Client) -> Result<Login, OidcError> {
        let token =
            login.refresh_token.clone().ok_or_else(|| OidcError("there is no refresh token".into()))?;
        let tokens = self
            .client
            .exchange_refresh_token(&RefreshToken::new(token.clone()))
            .map_err(failed("the token endpoint"))?
            .request_async(&|r| send(http.clone(), r))
            .await
            .map_err(failed("the token endpoint"))?;
        let first = login.nonce.clone();
        let same_or_none = |nonce: Option<&Nonce>| match nonce {
            Some(nonce) if nonce.secret() != first.secret() => {
                Err("the nonce is another than at login".to_owned())
            }
            _ => Ok(()),
        };
        let mut fresh = self.verified(tokens, same_or_none, login.nonce.clone(), http).await?;
        if fresh.claims.get("sub") != login.claims.get("sub") {
            return Err(OidcError("the refreshed ID token is of another subject".into()));
        }
        // A provider that does not rotate gives no new one: the old one stays good.
        fresh.refresh_token = fresh.refresh_token.or(Some(token));
        Ok(fresh)
    }

    async fn verified(
        &self,
        tokens: Tokens,
        nonce: impl NonceVerifier,
        keep: Nonce,
        http: &reqwest::Client,
    ) -> Result<Login, OidcError> {
        let verifier = self.client.id_token_verifier().set_allowed_algs([
            CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            CoreJwsSigningAlgorithm::RsaSsaPssSha256,
            CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            CoreJwsSigningAlgorithm::EdDsa,
        ]);
        let id_token = tokens.id_token().ok_or_else(|| OidcError("there is no ID token".into()))?;
        let claims = id_token.claims(&verifier, nonce).map_err(failed("the ID token"))?;
        if let Some(expected) = claims.access_token_hash() {
            let algorithm = id_token.signing_alg().map_err(failed("the ID token"))?;
            let key = id_token.signing_key(&verifier).map_err(failed("the ID token"))?;
            let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key)
                .map_err(failed("the access token"))?;
            if actual != *expected {
                return Err(OidcError("the access token is not the one of the ID token".into()));
            }
        }
        let userinfo = self.userinfo(tokens.access_token(), claims.subject(), http).await?;
        Ok(Login {
            id_token: id_token.to_string(),
            claims: serde_json::to_value(claims).map_err(failed("the claims"))?,
            userinfo,
            access_token: tokens.access_token().secret().clone(),
            refresh_token: tokens.refresh_token().map(|t| t.secret().clone()),
            nonce: keep,
        })
    }

    async fn userinfo(
        &self,
        token: &AccessToken,
        subject: &SubjectIdentifier,
        http: &reqwest::Client,
    ) -> Result<Value, OidcError> {
        let request = self
            .client
            .user_info(token.clone(), Some(subject.clone()))
            .map_err(failed("UserInfo"))?
            .require_signed_response(false);
        let claims: UserInfoClaims<MoreClaims, CoreGenderClaim> =
            request.request_async(&|r| send(http.clone(), r)).await.map_err(failed("UserInfo"))?;
        serde_json::to_value(claims).map_err(failed("UserInfo"))
    }

    /// Where the browser logs out at the provider (OpenID Connect RP-Initiated Logout 1.0, section 2).
    pub fn logout(&self, config: &Config, login: &Login) -> Result<Url, OidcError> {
        let endpoint =
            self.end_session.clone().ok_or_else(|| OidcError("there is no end_session_endpoint".into()))?;
        let back = PostLogoutRedirectUrl::new(format!("{}/logged-out", config.base_url))
            .map_err(failed("the post-logout redirect URI"))?;
        let mut url = LogoutRequest::from(endpoint)
            .set_client_id(ClientId::new(config.client_id.clone()))
            .set_post_logout_redirect_uri(back)
            .http_get_url();
        // The crate wants a typed token here; the text that came is what the provider knows best.
        url.query_pairs_mut().append_pair("id_token_hint", &login.id_token);
        Ok(url)
    }
}
