//! What the grant types share at the token endpoint: the session that tokens end with, whom they may be shown to, what is
//! signed for a user, and the response.

use serde::Serialize;
use serde_json::{Map, Value};

use super::act_as::{Asking, ForWhom, Untold, by_register, for_whom};
use super::chooser::refused;
use super::possession::Possession;
use crate::{
    domain::{
        assurance::Level,
        client::Client,
        fault::Fault,
        grant::Grant,
        id::{PersonId, random},
        representation::ParentalAuthority,
        scope::{Scope, Scopes},
        secret::Secret,
        session::Session,
        time::Timestamp,
    },
    oidc::{
        access_token::AccessClaims,
        audience::{self, Audience},
        error::Error,
        id_token,
        keyring::Keyring,
        params::Params,
        resource::{INVALID_TARGET, targets},
        signing_key::SigningKey,
    },
    store::{Store, grounds::Ground},
};

/// The longest life of an access token, in seconds: what was revoked is believed no longer than this.
pub const ACCESS_LIFE: i64 = 300;

/// Tokens that are signed but not handed out yet.
pub(super) struct SignedTokens {
    pub(super) access_token: String,
    /// `Bearer` or `DPoP`.
    pub(super) token_type: &'static str,
    /// In seconds.
    pub(super) expires_in: i64,
    pub(super) scope: String,
    pub(super) id_token: Option<String>,
    /// For whom they tell that the user may act.
    pub(super) listed: Vec<PersonId>,
}

/// The response of the token endpoint (RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3).
#[derive(Serialize)]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    /// Left out where the one that was used stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Secret>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    /// What was made of another token (RFC 8693 section 2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
}

impl SignedTokens {
    /// Handed out.
    pub(super) fn with(self, refresh_token: Option<Secret>) -> TokenResponse {
        let Self { access_token, token_type, expires_in, scope, id_token, listed: _ } = self;
        TokenResponse {
            access_token,
            token_type,
            expires_in,
            refresh_token,
            scope,
            id_token,
            issued_token_type: None,
        }
    }

    /// Handed out for another token: `issued_token_type` is what kind the new one is.
    pub(super) fn exchanged(self, issued_token_type: &'static str) -> TokenResponse {
        TokenResponse { issued_token_type: Some(issued_token_type), ..self.with(None) }
    }
}

/// The key that signs for `client` at `now`.
pub(super) fn signer<'k>(
    keyring: &'k Keyring,
    client: &Client,
    now: Timestamp,
) -> Result<&'k SigningKey, Fault> {
    let key = keyring.signer(client.id_token_alg, now);
    key.ok_or_else(|| Fault::because("no key signs with this client's algorithm: run `namens doctor`"))
}

/// The session in which `grant` was given, on whose ground it stands: tokens end with it.
pub(super) fn live_session<'g>(
    grant: &Grant,
    ground: &'g Ground,
    refused: Error,
    now: Timestamp,
) -> Result<&'g Session, Error> {
    ground.session_of(&grant.account, now).filter(|_| grant.is_live(now)).ok_or(refused)
}

/// What it takes to issue tokens for a user to one client.
pub(super) struct Issuing<'a> {
    pub(super) store: &'a Store,
    pub(super) keyring: &'a Keyring,
    pub(super) issuer: &'a str,
    /// The level that acting for someone needs (M7).
    pub(super) mandate_level: Level,
    /// How many seconds a session lives unvisited.
    pub(super) idle: i64,
    pub(super) client: &'a Client,
    /// What tokens are to be bound to.
    pub(super) possession: &'a Possession,
}

/// What tokens say of their user beside the grant.
pub(super) struct AboutUser {
    /// The user, as this client knows them.
    pub(super) sub: String,
    /// Who may be asked with the access token.
    pub(super) aud: Audience,
    /// What the authorization request brought for the first ID token.
    pub(super) nonce: Option<String>,
    /// The standard claims, for an ID token that was asked to tell them.
    pub(super) claims: Map<String, Value>,
    /// For which child the user logged in, by the word of the register.
    pub(super) authority: Option<ParentalAuthority>,
}

impl Issuing<'_> {
    /// Who may be asked with the token (RFC 8707 section 2.2): those of the granted APIs that the form names, or all of them,
    /// as far as the client is still registered for them. Every grant is for the `UserInfo` endpoint too, and where no API was
    /// asked for it is for nothing else.
    pub(super) fn audience(&self, grant: &Grant, form: &Params) -> Result<Audience, Error> {
        let userinfo = audience::userinfo(self.issuer);
        let still = |api: &str| api == userinfo || self.client.resources.iter().any(|known| known == api);
        let granted: Vec<_> = grant.resources.iter().filter(|api| still(api)).cloned().collect();
        if granted.is_empty() && !grant.resources.is_empty() {
            return Err(INVALID_TARGET);
        }
        let may = |one: &str| one == userinfo || granted.iter().any(|api| api == one);
        let asked = targets(form, &["resource"], may).ok_or(INVALID_TARGET)?;
        Ok(Audience::of(if asked.is_empty() { granted } else { asked }, userinfo))
    }

    /// Signs what may be said at `now`: of `scope` what the client is still registered for. No token outlives the session, or the first
    /// boundary of a mandate that it names.
    pub(super) async fn sign(
        &self,
        grant: &Grant,
        scope: &Scopes,
        about: &AboutUser,
        now: Timestamp,
    ) -> Result<SignedTokens, Untold> {
        let scope = &scope.within(&self.client.scopes);
        let represented = self.represented(grant, scope, about.authority.as_ref(), now).await?;
        let boundary = represented.as_ref().and_then(|represented| represented.until);
        let last = boundary.map_or(grant.ends, |boundary| boundary.min(grant.ends));
        let until = now.plus(ACCESS_LIFE).min(last);
        let key = signer(self.keyring, self.client, now)?;
        let claims = AccessClaims {
            iss: self.issuer.to_owned(),
            sub: about.sub.clone(),
            aud: about.aud.clone(),
            exp: until,
            iat: now,
            jti: random::<16>(),
            client_id: self.client.id.clone(),
            scope: scope.clone(),
            sid: grant.sid.clone(),
            acr: grant.level.acr().to_owned(),
            auth_time: grant.auth_time,
            cnf: self.possession.confirmation(),
            act: None,
            grant: grant.id.clone(),
        };
        let token_type = claims.token_type();
        let access_token = claims.sign(key)?;
        let facts = id_token::Facts {
            issuer: self.issuer,
            client_id: &self.client.id,
            sub: &about.sub,
            sid: &grant.sid,
            nonce: about.nonce.as_deref(),
            told: &about.claims,
            level: grant.level,
            auth_time: grant.auth_time,
            act_as: represented.as_ref().map(|represented| represented.act_as.as_slice()),
            represents: represented.as_ref().and_then(|represented| represented.represents.as_ref()),
            until,
        };
        let id_token = scope
            .contains(Scope::Openid)
            .then(|| id_token::sign(&facts, &access_token, key, now))
            .transpose()?;
        Ok(SignedTokens {
            access_token,
            token_type,
            expires_in: until.since(now),
            scope: scope.to_string(),
            id_token,
            listed: represented.map(|represented| represented.people).unwrap_or_default(),
        })
    }

    /// Whom the user may act for, when this client may know.
    pub(super) async fn represented(
        &self,
        grant: &Grant,
        scope: &Scopes,
        authority: Option<&ParentalAuthority>,
        now: Timestamp,
    ) -> Result<Option<ForWhom>, Untold> {
        let (required, client, issuer) = (self.mandate_level, self.client, self.issuer);
        let asking = Asking { grant, authority, required, client, issuer };
        if !scope.contains(Scope::ActAs) && grant.represented().is_none() {
            // A session is one thing: over for one client, over for all.
            return by_register(self.store, &asking, now).await.map(|_| None);
        }
        let told = for_whom(self.store, &asking, now).await;
        if let (Err(Untold::Over), Some(person)) = (&told, grant.represented()) {
            let detail = Some(grant.id.as_str());
            self.store.audit(&refused(&grant.person, Some(person), client, detail), now).await?;
        }
        told.map(Some)
    }
}
