//! A grant that outlives its session (`offline_access`, OpenID Connect Core section 11; docs/adr/0029-offline-access.md).

use super::client_consent;
use crate::{
    app::App,
    domain::{
        client::Client,
        fault::Fault,
        grant::{Grant, Offline},
        scope::Scope,
        session::Session,
        time::Timestamp,
    },
    store::Store,
};

/// How long such a grant lives at most, in seconds. No use makes it longer.
const LIFE: i64 = 30 * 86_400;

/// Whether `client` may have such a grant, by its registration of this moment. What is left after the session is worth the local
/// level: who takes nothing below DigiD is given nothing by it, rather than less than it asks for.
fn may_have(client: &Client) -> bool {
    client.scopes.contains(Scope::OfflineAccess) && !client.minimum_level.needs_digid()
}

/// A new grant of `session` for `client`, as long as its scope lets it live. It ends with the session where something of DigiD was
/// essential to the request (`needs_digid`); where it is for somebody else: its portal would learn whether it ended by a block or
/// with its session (M9); and where the account has no password, so nothing that a local level could stand for.
pub(super) async fn granted(
    store: &Store,
    client: &Client,
    session: &Session,
    needs_digid: bool,
    mut grant: Grant,
) -> Result<Grant, Fault> {
    if !grant.scope.contains(Scope::OfflineAccess) {
        return Ok(grant);
    }
    let account =
        if may_have(client) && !needs_digid && session.authority.is_none() && grant.represented().is_none() {
            store.account(&grant.account).await?.filter(|account| account.password_hash.is_some())
        } else {
            None
        };
    let Some(account) = account else {
        grant.scope.remove(Scope::OfflineAccess);
        return Ok(grant);
    };
    let offline = Some(Offline { session_ends: grant.ends, era: account.era });
    Ok(Grant { ends: grant.ends.max(grant.created.plus(LIFE)), offline, ..grant })
}

/// What `grant` of `client` is worth at `now`, and its session while that lives; `None` when it is worth nothing. `era` is that of
/// its account, while it has a password. After the session it is what the operator and the user still allow: the first by the
/// client's registration, the second by what they agreed to.
pub(super) async fn standing(
    store: &Store,
    client: &Client,
    grant: Grant,
    session: Option<Session>,
    era: Option<i64>,
    now: Timestamp,
) -> Result<Option<(Grant, Option<Session>)>, Fault> {
    let session = session.filter(|session| session.account == grant.account);
    let live = |grant: &Grant| grant.is_live(now);
    if let Some(session) = session {
        return Ok(Some(grant.in_session()).filter(live).map(|grant| (grant, Some(session))));
    }
    let after = era.filter(|_| may_have(client)).and_then(|era| grant.after_session(era)).filter(live);
    let Some(grant) = after else { return Ok(None) };
    let agreed = client_consent::holds(store, client, &grant, []).await?;
    Ok(agreed.then_some((grant, None)))
}

/// The same of a grant that was found without its session.
pub(super) async fn found(
    app: &App,
    client: &Client,
    grant: Grant,
    now: Timestamp,
) -> Result<Option<(Grant, Option<Session>)>, Fault> {
    let of = (&grant.account, &grant.person, &grant.sid);
    let Some(ground) = app.store.ground(of, "", app.config.session.idle(), now).await? else {
        return Ok(None);
    };
    standing(&app.store, client, grant, ground.session.map(|found| found.value), ground.era, now).await
}
