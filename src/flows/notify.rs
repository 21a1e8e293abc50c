//! Portals hear that a session ended (OpenID Connect Back-Channel Logout, section 2.5). Whatever ended it wrote down whom to
//! tell; here that is done, again and again after growing delays, and given up in the end.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    task::{Id, JoinSet},
    time::{MissedTickBehavior, interval},
};
use url::form_urlencoded;

use crate::{
    app::App,
    domain::{client::Client, fault::Fault, time::Timestamp},
    oidc::logout_token::{self, Ended},
    store::{audit::Event, notices::Notice},
};

/// How often somebody looks for sessions that ended.
const EVERY: Duration = Duration::from_secs(1);
/// How many portals are told at once.
const MOST: usize = 32;
/// How many are claimed at once. A client that has so many calls under way gets no more: one that does not answer must not
/// keep the others from hearing.
const EACH: usize = 4;
/// For how long a claim holds, in seconds: longer than a call can take. After a crash it is claimed again.
const LEASE: i64 = 20;
/// How long to wait after the first failure, the second and so on, in seconds: about eight hours in all, as long as a session.
const DELAYS: [i64; 8] = [5, 30, 120, 600, 1800, 3600, 7200, 14_400];

/// Tells portals until the task is dropped. What is under way then is told again after the next start.
pub async fn keep_telling(app: Arc<App>) {
    let (mut calls, mut under_way) = (JoinSet::new(), HashMap::new());
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            Some(done) = calls.join_next_with_id() => {
                let id = match done {
                    Ok((id, ())) => id,
                    Err(error) => {
                        tracing::error!(%error, "telling a portal failed");
                        error.id()
                    }
                };
                under_way.remove(&id);
            }
        }
        if let Err(fault) = begin(&app, &mut calls, &mut under_way).await {
            tracing::error!(%fault, "portals cannot be told that sessions ended; it is tried again");
        }
    }
}

/// Claims what is due, as far as there is room, and begins to tell it.
async fn begin(
    app: &Arc<App>,
    calls: &mut JoinSet<()>,
    under_way: &mut HashMap<Id, String>,
) -> Result<(), Fault> {
    while calls.len() < MOST {
        let mut counts = HashMap::<&str, usize>::new();
        for client in under_way.values() {
            *counts.entry(client).or_default() += 1;
        }
        let busy: Vec<&str> =
            counts.into_iter().filter(|(_, count)| *count >= EACH).map(|(id, _)| id).collect();
        let most = i64::try_from(EACH.min(MOST - calls.len()))?;
        let claimed = app.store.claim_notices(most, &busy, LEASE, app.clock.now()).await?;
        if claimed.is_empty() {
            break;
        }
        for notice in claimed {
            let (app, client) = (app.clone(), notice.client_id.clone());
            let call = calls.spawn(async move {
                if let Err(fault) = tell(&app, &notice).await {
                    tracing::error!(%fault, client = notice.client_id, "telling a portal failed");
                }
            });
            under_way.insert(call.id(), client);
        }
    }
    Ok(())
}

/// Tells one client of one session, and writes down what came of it.
async fn tell(app: &App, notice: &Notice) -> Result<(), Fault> {
    let client = app.client(&notice.client_id).await?;
    let wants = client.as_ref().and_then(|client| Some((client, client.backchannel_logout_uri.as_deref()?)));
    let Some((client, uri)) = wants else {
        // It does not want to know, or is gone.
        return app.store.settle_notice(notice, None, app.clock.now()).await;
    };
    // Who erased their account may be known by none any more: the session says enough then (section 2.4), and no line names them.
    let sub = app.store.subject_stored(&client.sector, &notice.person).await?;
    let called = call(app, (client, uri), notice, sub.as_deref(), app.clock.now()).await;
    let now = app.clock.now();
    let event = |outcome, detail| Event {
        event: "logout.notice",
        outcome,
        // An emergency block shows nowhere in the log of who is kept out (M9).
        actor: sub.as_deref().filter(|_| !notice.of_mandate).map(|_| notice.person.as_str()),
        client: Some(&client.id),
        detail,
        ..Event::default()
    };
    let Err(why) = called else {
        return app.store.settle_notice(notice, Some(&event("ok", Some(notice.sid.as_str()))), now).await;
    };
    let (client, tries) = (&client.id, notice.tries);
    let delay = usize::try_from(tries).ok().and_then(|tries| DELAYS.get(tries.saturating_sub(1)));
    if let Some(delay) = delay {
        tracing::warn!(client, why, tries, "a portal was not told that a session ended; it is tried again");
        return app.store.put_off_notice(notice, now.plus(*delay)).await;
    }
    tracing::error!(client, why, tries, "a portal was never told that a session ended");
    let detail = format!("{} {why}", notice.sid);
    app.store.settle_notice(notice, Some(&event("gave_up", Some(&detail))), now).await
}

/// One call, or the word for why it came to nothing. 200 means done; some frameworks say 204 (section 2.8).
async fn call(
    app: &App,
    (client, uri): (&Client, &str),
    notice: &Notice,
    sub: Option<&str>,
    now: Timestamp,
) -> Result<(), String> {
    let token = token(app, client, notice, sub, now).map_err(|fault| {
        tracing::error!(%fault, client = client.id, "no logout token can be made");
        "fault".to_owned()
    })?;
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", &token).finish();
    let url = uri.parse().map_err(|_| "no_url".to_owned())?;
    let answer = app.outbound.post(&url, form).await.map_err(|why| {
        tracing::debug!(%why, client = client.id, "a portal cannot be called");
        why.word().to_owned()
    })?;
    match answer.status.as_u16() {
        200 | 204 => Ok(()),
        status => Err(format!("status_{status}")),
    }
}

/// A token of this moment: each try has its own, so that none is too old when it comes.
fn token(
    app: &App,
    client: &Client,
    notice: &Notice,
    sub: Option<&str>,
    now: Timestamp,
) -> Result<String, Fault> {
    let (issuer, client_id) = (app.config.issuer(), client.id.as_str());
    let ring = app.keyring();
    let key = ring.signer(client.id_token_alg, now);
    let key = key.ok_or_else(|| Fault::because("nothing signs with the algorithm of this client"))?;
    logout_token::sign(&Ended { issuer, client_id, sub, sid: &notice.sid }, key, now)
}
