//! A client refreshes (RFC 6749 section 6): tokens that say what is true now, and where the refresh token is worth something to
//! a thief, its successor. One that was used before ends its family (RFC 9700 section 4.14).

use serde_json::Map;

use super::offline;
use super::tokens::{AboutUser, Issuing, TokenResponse};
use crate::{
    domain::{
        birth::may_log_in,
        fault::Fault,
        grant::{Family, Grant, RefreshToken, Worth},
        scope::Scope,
        secret::Secret,
        time::Timestamp,
    },
    oidc::{
        access_token::Confirmation,
        error::{Code, Error},
        oxide::{self, BAD_REFRESH},
        params::Params,
        successor,
    },
    store::{
        Store,
        grants::{Rotation, Successor},
        grounds::Refreshing,
    },
};

/// Tokens for another person always say so.
const NEEDS_ACT_AS: Error = Error::Json(
    Code::InvalidScope,
    "these tokens are for somebody for whom the user acts: keep the scope act_as",
);

/// The next tokens of the family whose refresh token is in `form`.
pub(super) async fn refresh(
    issuing: &Issuing<'_>,
    form: &Params,
    now: Timestamp,
) -> Result<TokenResponse, Error> {
    let Issuing { store, client, possession, .. } = *issuing;
    let presented = RefreshToken::read(form.get("refresh_token").unwrap_or_default());
    let found = match &presented {
        Some(token) => family(issuing, token, now).await?,
        None => None,
    };
    let scope = oxide::check_refresh(client, form, found.as_ref().map(|found| &found.family.grant), now)?;
    let (Some(presented), Some(mut found)) = (presented, found) else { return Err(BAD_REFRESH) };
    let shown = possession.confirmation();
    let worth = self::worth(&found.family, &presented, shown.as_ref(), now)?;
    let grant = found.family.grant.clone();
    // Before anything else: who lacks the key ends no family either.
    if !possession.covers(grant.dpop_jkt.as_deref(), grant.x5t_s256.as_deref()) {
        return Err(BAD_REFRESH);
    }
    if matches!(worth, Presented::Replayed) {
        return replayed(store, &grant, now).await;
    }
    if grant.represented().is_some() && !scope.contains(Scope::ActAs) {
        return Err(NEEDS_ACT_AS);
    }
    let session = found.ground.session.as_ref().map(|session| session.value.clone());
    let standing = offline::standing(store, client, grant, session, found.ground.era, now).await?;
    let (grant, session) = standing.ok_or(BAD_REFRESH)?;
    let authority = session.and_then(|session| session.authority);
    if !may_log_in(found.ground.born, now) {
        return Err(BAD_REFRESH);
    }
    let aud = issuing.audience(&grant, form)?;
    possession.spend(store).await?;
    let sub = match found.ground.sub {
        Some(sub) => sub,
        None => store.subject_for(&client.sector, &grant.person, now).await?,
    };
    let about = AboutUser { sub, aud, nonce: None, claims: Map::new(), authority };
    let signed = issuing.sign(&grant, &scope, &about, now).await.map_err(|untold| untold.or(BAD_REFRESH))?;
    if let Some(session) = &mut found.ground.session {
        store.note_visit(session, issuing.idle, now).await?;
    }
    if let Presented::Repeat(successor) = worth {
        store.tell_again(&grant, &signed.listed, now).await?;
        return Ok(signed.with(Some(successor)));
    }
    let next = (!grant.is_sender_constrained(client)).then(|| presented.successor());
    let seal = |next: &RefreshToken| {
        let sealed = successor::seal(presented.text(), shown.as_ref(), next.text())?;
        Ok::<_, Fault>(Successor { token: next.hashed(), sealed })
    };
    let successor = next.as_ref().map(seal).transpose()?;
    let rotation = Rotation {
        grant: grant.clone(),
        used: presented.hashed(),
        successor,
        listed: signed.listed.clone(),
        at: now,
    };
    if store.rotate_refresh(rotation).await? {
        return Ok(signed.with(next.map(Secret::from)));
    }
    // Somebody was faster with the same token, or the family has just ended.
    let Some(again) = family(issuing, &presented, now).await?.map(|found| found.family) else {
        return Err(BAD_REFRESH);
    };
    match self::worth(&again, &presented, shown.as_ref(), now)? {
        Presented::Repeat(successor) if again.grant.is_live(now) => {
            store.tell_again(&again.grant, &signed.listed, now).await?;
            Ok(signed.with(Some(successor)))
        }
        Presented::Replayed => replayed(store, &again.grant, now).await,
        Presented::Repeat(_) | Presented::Good => Err(BAD_REFRESH),
    }
}

/// [`Worth`], for who showed what they showed.
enum Presented {
    Good,
    /// The answer got lost; this is the successor.
    Repeat(Secret),
    Replayed,
}

/// What a token is worth to who shows it. A lost answer is given again to who shows what was shown at first: the same key, the same
/// certificate, or none again. Whoever shows anything else is another holder, also within that time.
fn worth(
    family: &Family,
    token: &RefreshToken,
    shown: Option<&Confirmation>,
    now: Timestamp,
) -> Result<Presented, Fault> {
    Ok(match family.worth(token, now) {
        Worth::Good => Presented::Good,
        Worth::Replayed => Presented::Replayed,
        Worth::Repeat(sealed) => {
            successor::open(token.text(), shown, &sealed)?.map_or(Presented::Replayed, Presented::Repeat)
        }
    })
}

/// What there is of the family of a token.
async fn family(
    issuing: &Issuing<'_>,
    token: &RefreshToken,
    now: Timestamp,
) -> Result<Option<Refreshing>, Fault> {
    issuing.store.refreshing(&token.family(), &issuing.client.sector, issuing.idle, now).await
}

/// A used refresh token came back: its family ends.
async fn replayed(store: &Store, grant: &Grant, now: Timestamp) -> Result<TokenResponse, Error> {
    store.revoke_grant(&grant.id, "refresh.replayed", now).await?;
    Err(BAD_REFRESH)
}

#[cfg(test)]
mod tests;
