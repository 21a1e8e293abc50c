//! A client brings a code or a refresh token and gets tokens (RFC 6749 sections 4.1.3 and 6). The order: who is it, is
//! what it brings good, does the session still live, what may be told now; then the one guarded write that decides
//! whether all this counts. Tokens are signed before it, so that a fault in between costs nobody their login.

use std::borrow::Borrow;

use serde::Serialize;

use super::act_as::{Asking, ForWhom, Untold, chosen, for_whom};
use super::client_auth::authenticate;
use super::dpop;
use super::finish::may_enter;
use super::{exchange, service};
use crate::{
    app::App,
    domain::{
        assurance::Level,
        birth::may_log_in,
        client::Client,
        fault::Fault,
        grant::{Grant, RefreshToken, Worth},
        id::{GrantId, random},
        representation::ParentalAuthority,
        scope::{Scope, Scopes},
        secret::Secret,
        session::Session,
        time::Timestamp,
    },
    oidc::{
        access_token::{AccessClaims, Confirmation},
        dpop::{MISSING, OTHER_KEY, Proof, Request},
        error::{Code, Error},
        id_token,
        keyring::Keyring,
        oxide::{self, BAD_CODE, BAD_REFRESH},
        params::Params,
        path,
        resource::{Audience, INVALID_TARGET, TOKEN_EXCHANGE, targets},
        signing_key::SigningKey,
        successor, userinfo_audience,
    },
    store::{
        Store,
        grants::{Refreshing, Rotation, Successor},
    },
};

/// The longest life of an access token, in seconds: what was revoked is believed no longer than this.
pub const ACCESS_LIFE: i64 = 300;

/// The answer of the token endpoint (RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3).
#[derive(Serialize)]
pub struct TokenAnswer {
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

/// Answers a request to the token endpoint.
pub async fn redeem(
    app: &App,
    authorization: Option<&str>,
    proof: Option<&str>,
    form: &Params,
    now: Timestamp,
) -> Result<TokenAnswer, Error> {
    let client = authenticate(app, authorization, form, now).await?;
    let url = format!("{}{}", app.config.issuer(), path::TOKEN);
    let request = Request { method: "POST", url: &url, access_token: None };
    let proof = proof.map(|proof| dpop::check(app, &client, proof, &request, now)).transpose()?;
    if proof.is_none() && client.policy.requires_dpop() {
        return Err(MISSING);
    }
    match form.get("grant_type") {
        Some("client_credentials") => return service::issue(app, &client, proof.as_ref(), form, now).await,
        Some(TOKEN_EXCHANGE) => return exchange::exchange(app, &client, proof.as_ref(), form, now).await,
        _ => {}
    }
    let issuing = Issuing {
        store: &app.store,
        keyring: &app.keyring(),
        issuer: app.config.issuer(),
        mandate_level: app.config.mandate_level,
        idle: app.config.session.idle(),
        client: &client,
        proof: proof.as_ref(),
    };
    issuing.redeem(form, now).await
}

/// What it takes to issue tokens to one client.
struct Issuing<'a> {
    store: &'a Store,
    keyring: &'a Keyring,
    issuer: &'a str,
    /// The level that acting for someone needs (M7).
    mandate_level: Level,
    /// How many seconds a session lives unvisited.
    idle: i64,
    client: &'a Client,
    /// The key that tokens are to be bound to.
    proof: Option<&'a Proof>,
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

/// The key that tokens are bound to, as they say it.
pub(super) fn confirmation(proof: Option<&Proof>) -> Option<Confirmation> {
    proof.map(|proof| Confirmation { jkt: proof.jkt.clone() })
}

/// Tokens end with the session in which they were granted.
pub(super) fn check_session<S: Borrow<Session>>(
    session: Option<S>,
    grant: &Grant,
    refused: Error,
    now: Timestamp,
) -> Result<S, Error> {
    let same = session.filter(|session| session.borrow().account == grant.account);
    same.filter(|_| grant.is_live(now)).ok_or(refused)
}

/// What tokens tell beside the grant.
struct Told {
    /// The user, as this client knows them.
    sub: String,
    /// Who may be asked with the access token.
    aud: Audience,
    /// What the authorization request brought for the first ID token.
    nonce: Option<String>,
    /// The user's address, for an ID token that was asked to tell it.
    email: Option<String>,
    /// For which child the user logged in, by the word of the register.
    authority: Option<ParentalAuthority>,
}

/// Tokens that are signed but not handed out yet.
struct Signed {
    access_token: String,
    token_type: &'static str,
    id_token: Option<String>,
    expires_in: i64,
    scope: String,
}

impl TokenAnswer {
    /// An access token and nothing else. `issued` is its type, where it was made of another token.
    pub(super) fn access_only(
        (access_token, token_type): (String, &'static str),
        expires_in: i64,
        scope: String,
        issued: Option<&'static str>,
    ) -> Self {
        let (refresh_token, id_token) = (None, None);
        Self {
            access_token,
            token_type,
            expires_in,
            refresh_token,
            scope,
            id_token,
            issued_token_type: issued,
        }
    }
}

impl Issuing<'_> {
    async fn redeem(&self, form: &Params, now: Timestamp) -> Result<TokenAnswer, Error> {
        match form.get("grant_type") {
            Some("authorization_code") => self.code(form, now).await,
            Some("refresh_token") => self.refresh(form, now).await,
            Some(_) => Err(Error::Json(
                Code::UnsupportedGrantType,
                "grant_type must be one of grant_types_supported",
            )),
            None => Err(Error::Json(Code::InvalidRequest, "grant_type is missing")),
        }
    }

    async fn code(&self, form: &Params, now: Timestamp) -> Result<TokenAnswer, Error> {
        let found = oxide::check_code(self.store, self.client, form, now).await?;
        let proven = found.proven;
        if !self.shows_key(proven.dpop_jkt.as_deref()) {
            return Err(OTHER_KEY);
        }
        let grant = Grant {
            id: GrantId::random(),
            client_id: self.client.id.clone(),
            account: proven.account,
            person: proven.person,
            sid: proven.sid,
            scope: found.scope,
            resources: proven.resources,
            redirect_uri: found.redirect_uri,
            level: proven.level,
            auth_time: proven.auth_time,
            created: now,
            ends: proven.session_ends,
            // Those of other clients are bound to what the client proves who it is with (RFC 9449 section 5).
            dpop_jkt: self.jkt().filter(|_| self.client.is_public()).map(str::to_owned),
            revoked_at: None,
        };
        let session = self.session_of(&grant, now).await?;
        // A child who turns out to be under twelve has no session of their own, so no tokens either (M13).
        if !may_enter(self.store, &grant.person, now).await? {
            return Err(BAD_CODE);
        }
        let aud = self.audience(&grant, form)?;
        self.spend_proof().await?;
        let sub = self.store.subject_for(&self.client.sector, &grant.person, now).await?;
        let email = if proven.in_id_token.contains(Scope::Email) {
            self.store.account(&grant.account).await?.map(|account| account.email)
        } else {
            None
        };
        let told = Told { sub, aud, nonce: proven.nonce, email, authority: session.authority };
        let signed =
            self.sign(&grant, &grant.scope, &told, now).await.map_err(|untold| untold.or(BAD_CODE))?;
        let refresh_token = RefreshToken::first();
        if !self.store.begin_grant(&grant, &found.code.hashed(), &refresh_token).await? {
            return Err(oxide::replayed(self.store, self.client, &found.code, now).await?);
        }
        // A session that ends from now on takes this grant along; one that ended meanwhile did not see it.
        if let Err(ended) = self.session_of(&grant, now).await {
            self.store.revoke_grant(&grant.id, "session.ended", now).await?;
            return Err(ended);
        }
        Ok(signed.with(Some(refresh_token.into())))
    }

    /// The session of a code, if it still lives.
    async fn session_of(&self, grant: &Grant, now: Timestamp) -> Result<Session, Error> {
        let session = self.store.session_by_sid(&grant.sid, self.idle, now).await?;
        check_session(session, grant, BAD_CODE, now)
    }

    async fn refresh(&self, form: &Params, now: Timestamp) -> Result<TokenAnswer, Error> {
        let presented = RefreshToken::read(form.get("refresh_token").unwrap_or_default());
        let found = match &presented {
            Some(token) => self.refreshing(token, now).await?,
            None => None,
        };
        let scope =
            oxide::check_refresh(self.client, form, found.as_ref().map(|found| &found.family.grant), now)?;
        let (Some(presented), Some(mut found)) = (presented, found) else { return Err(BAD_REFRESH) };
        let worth = found.family.worth(&presented, now);
        let grant = &found.family.grant;
        // Before anything else: who lacks the key ends no family either.
        if !self.shows_key(grant.dpop_jkt.as_deref()) {
            return Err(BAD_REFRESH);
        }
        if worth == Worth::Replayed {
            return self.replayed(grant, now).await;
        }
        let session = found.session.as_ref().map(|session| &session.value);
        let session = check_session(session, grant, BAD_REFRESH, now)?;
        let authority = session.authority.clone();
        if !may_log_in(found.born, now) {
            return Err(BAD_REFRESH);
        }
        let aud = self.audience(grant, form)?;
        self.spend_proof().await?;
        let sub = match found.sub {
            Some(sub) => sub,
            None => self.store.subject_for(&self.client.sector, &grant.person, now).await?,
        };
        let told = Told { sub, aud, nonce: None, email: None, authority };
        let signed = self.sign(grant, &scope, &told, now).await.map_err(|untold| untold.or(BAD_REFRESH))?;
        if let Some(session) = &mut found.session {
            self.store.note_visit(session, self.idle, now).await?;
        }
        if let Worth::Repeat(sealed) = worth {
            return Ok(signed.with(Some(successor::open(presented.text(), &sealed)?)));
        }
        let next = (!grant.is_sender_constrained(self.client)).then(|| presented.successor());
        let seal = |next: &RefreshToken| {
            let sealed = successor::seal(presented.text(), next.text())?;
            Ok::<_, Fault>(Successor { token: next.hashed(), sealed })
        };
        let successor = next.as_ref().map(seal).transpose()?;
        let rotation = Rotation { grant: grant.clone(), used: presented.hashed(), successor, at: now };
        if self.store.rotate_refresh(rotation).await? {
            return Ok(signed.with(next.map(Secret::from)));
        }
        // Somebody was faster with the same token, or the family has just ended.
        let Some(again) = self.refreshing(&presented, now).await?.map(|found| found.family) else {
            return Err(BAD_REFRESH);
        };
        match again.worth(&presented, now) {
            Worth::Repeat(sealed) if again.grant.is_live(now) => {
                Ok(signed.with(Some(successor::open(presented.text(), &sealed)?)))
            }
            Worth::Replayed => self.replayed(&again.grant, now).await,
            Worth::Repeat(_) | Worth::Good => Err(BAD_REFRESH),
        }
    }

    /// Who may be asked with the token (RFC 8707 section 2.2): those of the granted APIs that the form names, or all of them,
    /// as far as the client is still registered for them. Every grant is for the `UserInfo` endpoint too, and where no API was
    /// asked for it is for nothing else.
    fn audience(&self, grant: &Grant, form: &Params) -> Result<Audience, Error> {
        let userinfo = userinfo_audience(self.issuer);
        let still = |api: &str| api == userinfo || self.client.resources.iter().any(|known| known == api);
        let granted: Vec<_> = grant.resources.iter().filter(|api| still(api)).cloned().collect();
        if granted.is_empty() && !grant.resources.is_empty() {
            return Err(INVALID_TARGET);
        }
        let may = |one: &str| one == userinfo || granted.iter().any(|api| api == one);
        let asked = targets(form, &["resource"], may).ok_or(INVALID_TARGET)?;
        Ok(Audience::of(if asked.is_empty() { granted } else { asked }, userinfo))
    }

    /// The key that the client has shown.
    fn jkt(&self) -> Option<&str> {
        self.proof.map(|proof| proof.jkt.as_str())
    }

    /// Whether the client has shown the key that is wanted, if one is.
    fn shows_key(&self, wanted: Option<&str>) -> bool {
        wanted.is_none() || wanted == self.jkt()
    }

    /// As late as can be, so that what comes to nothing anyway leaves no mark; before anything is signed.
    async fn spend_proof(&self) -> Result<(), Error> {
        match self.proof {
            Some(proof) => dpop::spend(self.store, proof).await,
            None => Ok(()),
        }
    }

    async fn refreshing(&self, token: &RefreshToken, now: Timestamp) -> Result<Option<Refreshing>, Fault> {
        self.store.refreshing(&token.family(), &self.client.sector, self.idle, now).await
    }

    /// A used refresh token came back: its family ends.
    async fn replayed(&self, grant: &Grant, now: Timestamp) -> Result<TokenAnswer, Error> {
        self.store.revoke_grant(&grant.id, "refresh.replayed", now).await?;
        Err(BAD_REFRESH)
    }

    /// Signs what may be said at `now`. No token outlives the session, or the first boundary of a mandate that it names.
    async fn sign(
        &self,
        grant: &Grant,
        scope: &Scopes,
        told: &Told,
        now: Timestamp,
    ) -> Result<Signed, Untold> {
        let represented = self.represented(grant, scope, told.authority.as_ref(), now).await?;
        let boundary = represented.as_ref().and_then(|represented| represented.until);
        let last = boundary.map_or(grant.ends, |boundary| boundary.min(grant.ends));
        let until = now.plus(ACCESS_LIFE).min(last);
        let key = signer(self.keyring, self.client, now)?;
        let claims = AccessClaims {
            iss: self.issuer.to_owned(),
            sub: told.sub.clone(),
            aud: told.aud.clone(),
            exp: until,
            iat: now,
            jti: random::<16>(),
            client_id: self.client.id.clone(),
            scope: scope.clone(),
            sid: grant.sid.clone(),
            acr: grant.level.acr().to_owned(),
            auth_time: grant.auth_time,
            cnf: confirmation(self.proof),
            act: None,
            grant: grant.id.clone(),
        };
        let token_type = claims.token_type();
        let access_token = claims.sign(key)?;
        let facts = id_token::Facts {
            issuer: self.issuer,
            client_id: &self.client.id,
            sub: &told.sub,
            sid: &grant.sid,
            nonce: told.nonce.as_deref(),
            email: told.email.as_deref(),
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
        Ok(Signed {
            access_token,
            token_type,
            id_token,
            expires_in: until.since(now),
            scope: scope.to_string(),
        })
    }

    /// Whom the user may act for, when this client may know.
    async fn represented(
        &self,
        grant: &Grant,
        scope: &Scopes,
        authority: Option<&ParentalAuthority>,
        now: Timestamp,
    ) -> Result<Option<ForWhom>, Untold> {
        let (required, client, issuer) = (self.mandate_level, self.client, self.issuer);
        let asking = Asking { grant, authority, required, client, issuer };
        if !scope.contains(Scope::ActAs) {
            // A session is one thing: over for one client, over for all.
            return chosen(self.store, &asking, now).await.map(|_| None);
        }
        for_whom(self.store, &asking, now).await.map(Some)
    }
}

impl Signed {
    fn with(self, refresh_token: Option<Secret>) -> TokenAnswer {
        TokenAnswer {
            access_token: self.access_token,
            token_type: self.token_type,
            expires_in: self.expires_in,
            refresh_token,
            scope: self.scope,
            id_token: self.id_token,
            issued_token_type: None,
        }
    }
}

#[cfg(test)]
mod tests;
