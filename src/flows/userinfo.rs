//! A client asks about the user with an access token (OpenID Connect Core, section 5.3).

use openidconnect::{
    AdditionalClaims, StandardClaims, SubjectIdentifier, UserInfoClaims, core::CoreGenderClaim,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::act_as::{Asking, ForWhom, for_whom};
use super::bsn::{Bsns, ToldBsn, WithBsn};
use super::dpop;
use super::offline;
use super::representation::still_stands;
use super::standard_claims::standard_claims;
use crate::{
    app::{App, client_keys::Wanted},
    domain::{
        birth::may_log_in,
        claims::{ActAs, Represents},
        client::Client,
        fault::Fault,
        jwk::JwkSet,
        mtls::Certificate,
        profile::Claim,
        scope::Scope,
        time::Timestamp,
    },
    oidc::{
        access_token::{AccessClaims, Confirmation, INVALID_TOKEN},
        dpop::MISSING,
        error::{Code, Error},
        jwe, path, signed_userinfo,
    },
};

/// Of a client that tells its keys at an address: the address, or the set there, is no good just now.
const NO_KEY: Error = Error::Json(
    Code::TemporarilyUnavailable,
    "no key to encrypt to is known: the client's jwks_uri does not answer, or tells none",
);

/// Of a client whose policy takes tokens in the header only.
const IN_A_FORM: Error = Error::Json(
    Code::InvalidRequest,
    "send the access token in the Authorization header: the policy of this client takes it nowhere else",
);

/// What ours says beyond the standard claims.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Extra {
    /// The user's BSN, for a client that may have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bsn: Option<ToldBsn>,
    /// Whom the user may act for. Always an array when the scope was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act_as: Option<Vec<WithBsn<ActAs>>>,
    /// For whom the user logged in, if for somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub represents: Option<WithBsn<Represents>>,
    /// The standard claims that were asked for and are there.
    #[serde(flatten)]
    pub told: Map<String, Value>,
}

impl AdditionalClaims for Extra {}

/// What is told.
pub type UserInfo = UserInfoClaims<Extra, CoreGenderClaim>;

/// The response (OpenID Connect Core, section 5.3.2), in the form that its client registered.
pub enum UserInfoResponse {
    /// In JSON.
    Plain(Box<UserInfo>),
    /// A JWT: signed, and encrypted where the client wants that.
    Jwt(String),
}

/// How a token is presented.
#[derive(Debug, Clone, Copy)]
pub enum Presentation<'a> {
    /// As anybody could who has it, in the header (RFC 6750 section 2.1).
    Bearer,
    /// The same, in the form of a POST (section 2.2).
    Form,
    /// With a proof that its key is there too (RFC 9449 section 7).
    Dpop {
        /// The proof.
        proof: Option<&'a str>,
        /// The method of the request.
        method: &'a str,
    },
}

/// Tells what the token's scope allows, as it stands at `now`. The token counts only while its grant lives.
/// `certificate` is the one that came with the request.
pub async fn userinfo(
    app: &App,
    token: &str,
    presentation: Presentation<'_>,
    certificate: Option<&Certificate>,
    now: Timestamp,
) -> Result<UserInfoResponse, Error> {
    let issuer = app.config.issuer();
    let claims = AccessClaims::read(&app.keyring(), issuer, token, now)?;
    let found = app.store.grant_on_ground(&claims.grant, app.config.session.idle(), now).await?;
    let (grant, ground) = found.filter(|(grant, _)| grant.is_live(now)).ok_or(INVALID_TOKEN)?;
    let client = app.client(&grant.client_id).await?.ok_or(INVALID_TOKEN)?;
    if matches!(presentation, Presentation::Form) && !client.policy.takes_tokens_in_forms() {
        return Err(IN_A_FORM);
    }
    check_key(app, &client, (token, claims.cnf.as_ref()), (presentation, certificate), path::USERINFO, now)
        .await?;
    // What the client is registered for at this moment.
    let scope = claims.scope.within(&client.scopes);
    if !scope.contains(Scope::Openid) {
        return Err(Error::Json(Code::InsufficientScope, "the access token needs the scope openid"));
    }
    if !may_log_in(ground.born, now) {
        return Err(INVALID_TOKEN);
    }
    let session = ground.session.map(|found| found.value);
    let standing = offline::standing(&app.store, &client, grant, session, ground.era, now).await?;
    let (grant, session) = standing.ok_or(INVALID_TOKEN)?;
    match &session {
        // A session is one thing: over for one client, over for all.
        Some(session) if !still_stands(app, session, now).await? => return Err(INVALID_TOKEN),
        // What was given in the session says what was true in it.
        None if claims.acr != grant.level.acr() => return Err(INVALID_TOKEN),
        _ => {}
    }
    let mut bsns = Bsns::new(&app.store, &client, &grant, session.as_ref());
    let own = bsns.of(&grant.person).await?;
    let (mut act_as, mut represents) = (None, None);
    if scope.contains(Scope::ActAs) || grant.represented().is_some() {
        let asking = Asking::of(app, &client, &grant, session.as_ref());
        let told = for_whom(&app.store, &asking, now).await.map_err(|untold| untold.or(INVALID_TOKEN))?;
        app.store.tell_of(&grant, &told.people, now).await?;
        (act_as, represents) = with_bsns(&mut bsns, &client.sector, told).await?;
    }
    let single = grant.claims.iter().copied().filter(|claim| client.scopes.contains(claim.scope()));
    let wanted = Claim::of(&scope).chain(single).collect();
    let told = standard_claims(&app.store, &grant.account, &wanted).await?.ok_or(INVALID_TOKEN)?;
    let standard = StandardClaims::new(SubjectIdentifier::new(claims.sub.clone()));
    let user = UserInfo::new(standard, Extra { bsn: own, act_as, represents, told });
    let answer = in_form(app, client, user, now).await?;
    bsns.write_down(&grant, now).await?;
    Ok(answer)
}

/// For whom the user may act and has logged in, each with their BSN where BSNs are told.
async fn with_bsns(
    bsns: &mut Bsns<'_>,
    sector: &str,
    told: ForWhom,
) -> Result<(Option<Vec<WithBsn<ActAs>>>, Option<WithBsn<Represents>>), Fault> {
    let mut act_as = Vec::with_capacity(told.act_as.len());
    for one in told.act_as {
        let sub = one.sub.clone();
        act_as.push(bsns.with(sector, &sub, one).await?);
    }
    let represents = match told.represents {
        Some(one) => {
            let sub = one.sub.clone();
            Some(bsns.with(sector, &sub, one).await?)
        }
        None => None,
    };
    Ok((Some(act_as), represents))
}

/// The answer as the client wants it (OpenID Connect Core, section 5.3.2).
async fn in_form(
    app: &App,
    client: Client,
    user: UserInfo,
    now: Timestamp,
) -> Result<UserInfoResponse, Error> {
    let Some(alg) = client.userinfo.signed() else { return Ok(UserInfoResponse::Plain(Box::new(user))) };
    let ring = app.keyring();
    let key = ring.signer(alg, now);
    let key = key.ok_or_else(|| {
        Fault::because("no key signs as this client wants UserInfo signed: run `namens doctor`")
    })?;
    let signed = signed_userinfo::sign(&user, key, app.config.issuer(), &client.id)?;
    if client.userinfo.encrypted().is_none() {
        return Ok(UserInfoResponse::Jwt(signed));
    }
    let client = app.with_keys(client, Wanted::Any, now).await;
    let to = client.keys.known().and_then(JwkSet::encrypting).ok_or(NO_KEY)?;
    Ok(UserInfoResponse::Jwt(jwe::write(to, "JWT", signed.as_bytes())?))
}

/// Whether who shows the token may: one that is bound to a key is nobody's who has only the token, and one that is not bound
/// is not shown as if it were (RFC 9449 sections 7.1 and 7.2). `path` is where it is shown.
pub(super) async fn check_key(
    app: &App,
    client: &Client,
    (token, cnf): (&str, Option<&Confirmation>),
    (presentation, certificate): (Presentation<'_>, Option<&Certificate>),
    path: &str,
    now: Timestamp,
) -> Result<(), Error> {
    // Only who has the certificate may (RFC 8705 section 3).
    let x5t = cnf.and_then(|cnf| cnf.x5t_s256.as_ref());
    if x5t.is_some() && x5t != certificate.map(Certificate::thumbprint).as_ref() {
        return Err(INVALID_TOKEN);
    }
    let jkt = cnf.and_then(|cnf| cnf.jkt.as_ref());
    let (jkt, proof, method) = match (jkt, presentation) {
        (None, Presentation::Bearer | Presentation::Form) => return Ok(()),
        (Some(jkt), Presentation::Dpop { proof, method }) => (jkt, proof.ok_or(MISSING)?, method),
        (None, Presentation::Dpop { .. }) | (Some(_), Presentation::Bearer | Presentation::Form) => {
            return Err(INVALID_TOKEN);
        }
    };
    let proof = dpop::check_with_token(app, client, proof, (method, path, token), now)?;
    if proof.jkt != *jkt {
        return Err(INVALID_TOKEN);
    }
    dpop::spend(&app.store, &proof).await
}

#[cfg(test)]
pub(super) mod tests;
