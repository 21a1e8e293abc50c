//! A birthday or an end date reaches the sessions that are under way (M8): portals at which the user acted for somebody hear that they
//! may no longer, as at a block or a withdrawal. Nothing is flipped: somebody looks at the moment at which the clock alone may
//! have ended a right, and after each [`RECHECK`] in any case (docs/adr/0044).

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use super::act_as::{RECHECK, may_act_until};
use crate::{
    app::App,
    domain::{fault::Fault, time::Timestamp},
    observe::{self, Hearer},
    store::boundaries::{Acting, Seen},
};

/// How often somebody looks.
const EVERY: Duration = Duration::from_secs(1);
/// How many grants one round takes at most, in one transaction.
const MOST: usize = 200;
/// After how many seconds somebody looks again at a grant that could not be read.
const WAIT: i64 = 60;
/// How many rounds it takes at most before it waits again.
const ROUNDS: usize = 20;

/// Looks until the task is dropped. What passed while nobody looked is told after the next start.
pub async fn keep_looking(app: Arc<App>) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(fault) = look(&app, app.clock.now()).await {
            tracing::error!(%fault, "nobody can see which mandates have ended; it is tried again");
        }
    }
}

/// As many rounds as there is something to look at, up to a bound: many have their birthday at one midnight.
async fn look(app: &App, now: Timestamp) -> Result<(), Fault> {
    for _ in 0..ROUNDS {
        if look_once(app, now).await? < MOST {
            break;
        }
    }
    Ok(())
}

/// One round. Gives how many it looked at.
async fn look_once(app: &App, now: Timestamp) -> Result<usize, Fault> {
    let mut seen = Vec::new();
    for acting in app.store.acting(i64::try_from(MOST)?, now).await? {
        let what = look_at(app, &acting, now).await.unwrap_or_else(|fault| {
            // Portals of the others hear all the same.
            tracing::error!(%fault, "nobody can see whether the user of a grant may still act; it is tried again");
            Seen { may_act: None, again: now.plus(WAIT) }
        });
        seen.push((acting, what));
    }
    if seen.is_empty() {
        return Ok(0);
    }
    let ended = app.store.looked(&seen, now).await?;
    if ended > 0 {
        observe::mandates_told(Hearer::Portal, ended);
        tracing::info!(
            ended,
            looked_at = seen.len(),
            "rights to act for somebody have ended: their portals are told"
        );
    }
    Ok(seen.len())
}

async fn look_at(app: &App, acting: &Acting, now: Timestamp) -> Result<Seen, Fault> {
    let latest = now.plus(RECHECK);
    let session = app.store.session_by_sid(&acting.sid, app.config.session.idle(), now).await?;
    // Its end is told when it is swept.
    let Some(session) = session else { return Ok(Seen { may_act: None, again: latest }) };
    let until = may_act_until(&app.store, &session, app.config.mandate_level, &acting.acts_for, now).await?;
    Ok(Seen { may_act: Some(until.is_some()), again: until.map_or(latest, |until| until.min(latest)) })
}
