//! A client brings a code or a refresh token and gets tokens (RFC 6749 sections 4.1.3 and 6). The order: who is it, is
//! what it brings good, does the session still live, what may be told now; then the one guarded write that decides
//! whether all this counts. Tokens are signed before it, so that a fault in between costs nobody their login.

use std::borrow::Borrow;

use serde::Serialize;
use serde_json::{Map, Value};

use super::act_as::{Asking, ForWhom, Untold, chosen, for_whom};
use super::client_auth::{Caller, authenticate};
use super::client_consent;
use super::dpop;
use super::finish::may_enter;
use super::offline;
use super::possession::Possession;
use super::told::told;
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
        mtls::Certificate,
        representation::ParentalAuthority,
        scope::{Scope, Scopes},
        secret::Secret,
        session::Session,
        time::Timestamp,
    },
    oidc::{
        access_token::AccessClaims,
        dpop::{MISSING, OTHER_KEY, Request},
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
    caller: Caller<'_>,
    proof: Option<&str>,
    form: &Params,
    now: Timestamp,
) -> Result<TokenAnswer, Error> {
    let client = authenticate(app, caller, form, now).await?;
    let url = format!("{}{}", app.config.issuer(), path::TOKEN);
    let alias = app.config.alias(path::TOKEN);
    let request = Request { method: "POST", url: &url, alias: alias.as_deref(), access_token: None };
    let proof = proof.map(|proof| dpop::check(app, &client, proof, &request, now)).transpose()?;
    let x5t_s256 =
        caller.certificate.map(Certificate::thumbprint).filter(|_| client.certificate_bound_tokens);
    if client.certificate_bound_tokens && x5t_s256.is_none() {
        return Err(NO_CERTIFICATE);
    }
    let possession = Possession { proof, x5t_s256 };
    let unbound = possession.is_nothing() && client.policy.requires_dpop();
    if unbound || client.wishes.dpop && possession.proof.is_none() {
        return Err(MISSING);
    }
    match form.get("grant_type") {
        Some("client_credentials") => return service::issue(app, &client, &possession, form, now).await,
        Some(TOKEN_EXCHANGE) => return exchange::exchange(app, &client, &possession, form, now).await,
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
    /// What tokens are to be bound to.
    possession: &'a Possession,
}

/// A client whose tokens are to be bound to its certificate shows none (RFC 8705 section 3).
const NO_CERTIFICATE: Error = Error::Json(
    Code::InvalidRequest,
    "show a client certificate, at the address in mtls_endpoint_aliases where there is one: the tokens are bound to it",
);

/// The key that signs for `client` at `now`.
pub(super) fn signer<'k>(
    keyring: &'k Keyring,
    client: &Client,
    now: Timestamp,
) -> Result<&'k SigningKey, Fault> {
    let key = keyring.signer(client.id_token_alg, now);
    key.ok_or_else(|| Fault::because("no key signs with this client's algorithm: run `namens doctor`"))
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
    /// The standard claims, for an ID token that was asked to tell them.
    claims: Map<String, Value>,
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
        if !self.possession.covers(proven.dpop_jkt.as_deref(), None) {
            return Err(OTHER_KEY);
        }
        let grant = Grant {
            id: GrantId::random(),
            client_id: self.client.id.clone(),
            account: proven.account,
            person: proven.person,
            sid: proven.sid,
            scope: found.scope,
            claims: proven.in_userinfo,
            bsn: proven.bsn,
            resources: proven.resources,
            redirect_uri: found.redirect_uri,
            level: proven.level,
            auth_time: proven.auth_time,
            created: now,
            ends: proven.session_ends,
            offline: None,
            // Those of other clients are bound to what the client proves who it is with (RFC 9449 section 5).
            dpop_jkt: self.possession.jkt().filter(|_| self.client.is_public()).map(str::to_owned),
            x5t_s256: self.possession.x5t_s256.clone().filter(|_| self.client.is_public()),
            revoked_at: None,
        };
        let session = self.session_of(&grant, now).await?;
        let grant = offline::granted(self.store, self.client, &session, proven.needs_digid, grant).await?;
        // A child who turns out to be under twelve has no session of their own, so no tokens either (M13).
        if !may_enter(self.store, &grant.person, now).await? {
            return Err(BAD_CODE);
        }
        let aud = self.audience(&grant, form)?;
        self.possession.spend(self.store).await?;
        let sub = self.store.subject_for(&self.client.sector, &grant.person, now).await?;
        let mut claims = told(self.store, &grant.account, &proven.in_id_token).await?.ok_or(BAD_CODE)?;
        if proven.amr && self.client.policy.tells_amr() {
            // By what the session was proven, whatever lower level was asked to be told of it.
            claims.insert("amr".to_owned(), session.level.amr().into());
        }
        let told = Told { sub, aud, nonce: proven.nonce, claims, authority: session.authority };
        let signed = self
            .sign(&grant.clone().in_session(), &grant.scope, &told, now)
            .await
            .map_err(|untold| untold.or(BAD_CODE))?;
        let refresh_token = RefreshToken::first();
        if !self.store.begin_grant(&grant, &found.code.hashed(), &refresh_token).await? {
            return Err(oxide::replayed(self.store, self.client, &found.code, now).await?);
        }
        // What the user takes back from now on takes this grant along; what was taken back meanwhile did not see it.
        if !client_consent::holds(self.store, self.client, &grant, proven.in_id_token).await? {
            self.store.revoke_grant(&grant.id, "consent.withdrawn", now).await?;
            return Err(BAD_CODE);
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
        let grant = found.family.grant.clone();
        // Before anything else: who lacks the key ends no family either.
        if !self.possession.covers(grant.dpop_jkt.as_deref(), grant.x5t_s256.as_deref()) {
            return Err(BAD_REFRESH);
        }
        if worth == Worth::Replayed {
            return self.replayed(&grant, now).await;
        }
        let session = found.session.as_ref().map(|session| session.value.clone());
        let standing = offline::standing(self.store, self.client, grant, session, found.era, now).await?;
        let (grant, session) = standing.ok_or(BAD_REFRESH)?;
        let authority = session.and_then(|session| session.authority);
        if !may_log_in(found.born, now) {
            return Err(BAD_REFRESH);
        }
        let aud = self.audience(&grant, form)?;
        self.possession.spend(self.store).await?;
        let sub = match found.sub {
            Some(sub) => sub,
            None => self.store.subject_for(&self.client.sector, &grant.person, now).await?,
        };
        let told = Told { sub, aud, nonce: None, claims: Map::new(), authority };
        let signed = self.sign(&grant, &scope, &told, now).await.map_err(|untold| untold.or(BAD_REFRESH))?;
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
            cnf: self.possession.confirmation(),
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
            told: &told.claims,
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
