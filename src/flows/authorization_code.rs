//! A client redeems a code (RFC 6749 section 4.1.3). Tokens are signed before the one guarded write that decides whether the
//! code counts, so that a fault in between costs nobody their login.

use super::client_consent;
use super::offline;
use super::standard_claims::standard_claims;
use super::tokens::{AboutUser, Issuing, TokenResponse, live_session};
use crate::{
    domain::{
        client::Client,
        grant::{Grant, RefreshToken},
        id::GrantId,
        profile::{Claim, Claims},
        secret::Secret,
        session::Session,
        time::Timestamp,
    },
    oidc::{
        dpop::OTHER_KEY,
        error::Error,
        oxide::{self, BAD_CODE},
        params::Params,
    },
    store::Store,
};

/// The first tokens of the code in `form`.
pub(super) async fn redeem(
    issuing: &Issuing<'_>,
    form: &Params,
    now: Timestamp,
) -> Result<TokenResponse, Error> {
    let Issuing { store, client, possession, .. } = *issuing;
    let found = oxide::check_code(store, client, form, now).await?;
    let proven = found.proven;
    if !possession.covers(proven.dpop_jkt.as_deref(), None) {
        return Err(OTHER_KEY);
    }
    let grant = Grant {
        id: GrantId::random(),
        client_id: client.id.clone(),
        account: proven.account,
        person: proven.person,
        sid: proven.sid,
        scope: found.scope,
        claims: proven.in_userinfo,
        bsn: proven.bsn,
        resources: proven.resources,
        chosen: proven.chosen,
        acts_for: None,
        told: Vec::new(),
        redirect_uri: found.redirect_uri,
        level: proven.level,
        auth_time: proven.auth_time,
        created: now,
        ends: proven.session_ends,
        offline: None,
        // Those of other clients are bound to what the client proves who it is with (RFC 9449 section 5).
        dpop_jkt: possession.jkt().filter(|_| client.is_public()).map(str::to_owned),
        x5t_s256: possession.x5t_s256.clone().filter(|_| client.is_public()),
        revoked_at: None,
    };
    let (session, sub) = session_of(issuing, &grant, now).await?;
    let child = session.authority.as_ref().map(|authority| &authority.child);
    let grant = Grant { acts_for: grant.represented().or(child).cloned(), ..grant };
    let grant = offline::granted(store, client, &session, proven.needs_digid, grant).await?;
    let aud = issuing.audience(&grant, form)?;
    possession.spend(store).await?;
    let sub = match sub {
        Some(sub) => sub,
        None => store.subject_for(&client.sector, &grant.person, now).await?,
    };
    let may_know = |claim: &Claim| client.scopes.contains(claim.scope());
    let in_id_token: Claims = proven.in_id_token.into_iter().filter(may_know).collect();
    let mut claims = standard_claims(store, &grant.account, &in_id_token).await?.ok_or(BAD_CODE)?;
    if proven.amr && client.policy.tells_amr() {
        // By what the session was proven, whatever lower level was asked to be told of it.
        claims.insert("amr".to_owned(), session.level.amr().into());
    }
    let about = AboutUser { sub, aud, nonce: proven.nonce, claims, authority: session.authority };
    let in_session = grant.clone().in_session();
    let signed =
        issuing.sign(&in_session, &grant.scope, &about, now).await.map_err(|untold| untold.or(BAD_CODE))?;
    let grant = Grant { told: signed.listed.clone(), ..grant };
    let refresh_token = RefreshToken::first();
    if !store.begin_grant(&grant, &found.code.hashed(), &refresh_token).await? {
        return Err(BAD_CODE);
    }
    // What the user takes back from now on takes this grant along; what was taken back meanwhile did not see it.
    if !client_consent::holds(store, client, &grant, in_id_token).await? {
        store.revoke_grant(&grant.id, "consent.withdrawn", now).await?;
        return Err(BAD_CODE);
    }
    // A session that ends from now on takes this grant along; one that ended meanwhile did not see it.
    if let Err(ended) = session_of(issuing, &grant, now).await {
        store.revoke_grant(&grant.id, "session.ended", now).await?;
        return Err(ended);
    }
    // The end of a mandate or a block from now on finds this grant and tells its portal; one of meanwhile did not.
    if grant.represented().is_some() {
        let still = issuing.represented(&in_session, &grant.scope, about.authority.as_ref(), now).await;
        if let Err(untold) = still {
            store.revoke_grant(&grant.id, "refused", now).await?;
            return Err(untold.or(BAD_CODE));
        }
    }
    Ok(signed.with(Some(refresh_token.into())))
}

/// The `answer` to a request of `client`, already authenticated. Where it refuses a code that this client has spent before, what came
/// of that code ends (RFC 6749 section 4.1.2), whatever else was wrong with a request that can be read: a spent code that comes back
/// is in more hands than one. Another client's attempt changes nothing. After a fault of ours nobody knows whether this very request
/// has spent it, so that ends nothing.
pub(super) async fn ending_what_was_spent(
    store: &Store,
    client: &Client,
    form: &Params,
    answer: Result<TokenResponse, Error>,
    now: Timestamp,
) -> Result<TokenResponse, Error> {
    let refused = match answer {
        Err(error) if !matches!(error, Error::Fault(_)) => error,
        other => return other,
    };
    if form.get("grant_type") == Some("authorization_code")
        && let Some(code) = form.get("code").map(Secret::new)
        && let Some(grant) = store.grant_of_code(&code.hashed()).await?
        && grant.client_id == client.id
        && grant.revoked_at.is_none()
    {
        store.revoke_grant(&grant.id, "code.replayed", now).await?;
    }
    Err(refused)
}

/// The session of a code, if it still lives, and its user's `sub`, once the client's sector was told one.
async fn session_of(
    issuing: &Issuing<'_>,
    grant: &Grant,
    now: Timestamp,
) -> Result<(Session, Option<String>), Error> {
    let Issuing { store, client, idle, .. } = *issuing;
    let of = (&grant.account, &grant.person, &grant.sid);
    let ground = store.ground(of, &client.sector, idle, now).await?.ok_or(BAD_CODE)?;
    Ok((live_session(grant, &ground, BAD_CODE, now)?.clone(), ground.sub))
}

#[cfg(test)]
mod tests;
