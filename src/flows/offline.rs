//! A grant that outlives its session (`offline_access`, OpenID Connect Core section 11; docs/adr/0029-offline-access.md).

use crate::{
    app::App,
    domain::{
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

/// A new grant, as long as its scope lets it live. An account without a password has nothing that a local level could stand for,
/// so it gets none that outlives its session.
pub(super) async fn granted(store: &Store, grant: Grant) -> Result<Grant, Fault> {
    if !grant.scope.contains(Scope::OfflineAccess) {
        return Ok(grant);
    }
    let account = store.account(&grant.account).await?.filter(|account| account.password_hash.is_some());
    let Some(account) = account else {
        let mut grant = grant;
        grant.scope.remove(Scope::OfflineAccess);
        return Ok(grant);
    };
    let offline = Some(Offline { session_ends: grant.ends, era: account.era });
    Ok(Grant { ends: grant.ends.max(grant.created.plus(LIFE)), offline, ..grant })
}

/// What `grant` is worth at `now`, and its session while that lives; `None` when it is worth nothing. `era` is that of its
/// account, while it has a password.
pub(super) fn standing(
    grant: Grant,
    session: Option<Session>,
    era: Option<i64>,
    now: Timestamp,
) -> Option<(Grant, Option<Session>)> {
    let session = session.filter(|session| session.account == grant.account);
    let live = |grant: &Grant| grant.is_live(now);
    match session {
        Some(session) => Some(grant.in_session()).filter(live).map(|grant| (grant, Some(session))),
        None => grant.after_session(era?).filter(live).map(|grant| (grant, None)),
    }
}

/// The same of a grant that was found without its session.
pub(super) async fn found(
    app: &App,
    grant: Grant,
    now: Timestamp,
) -> Result<Option<(Grant, Option<Session>)>, Fault> {
    let session = app.store.session_by_sid(&grant.sid, app.config.session.idle(), now).await?;
    let era = match (&session, &grant.offline) {
        (None, Some(_)) => {
            let account = app.store.account(&grant.account).await?;
            account.filter(|account| account.password_hash.is_some()).map(|account| account.era)
        }
        _ => None,
    };
    Ok(standing(grant, session, era, now))
}
