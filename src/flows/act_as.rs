//! For whom a user may act, as one client is told (M7, M8).

use std::collections::BTreeMap;

use crate::{
    domain::{
        assurance::Level,
        claims::ActAs,
        client::Client,
        fault::Fault,
        grant::Grant,
        id::PersonId,
        mandate::{Mandate, Standing},
        time::Timestamp,
    },
    store::{Store, mandates::Listed},
};

/// After how many seconds a client must ask again at the latest.
const RECHECK: i64 = 15 * 60;

/// Who asks, for whom, and from what session.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Whose: the user, and the level and the end of their session.
    pub grant: &'a Grant,
    /// The level that acting for someone needs.
    pub required: Level,
    /// The client that will be told.
    pub client: &'a Client,
    /// The issuer of the subjects.
    pub issuer: &'a str,
}

/// For whom a user may act.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Representation {
    /// The claim.
    pub act_as: Vec<ActAs>,
    /// The first instant at which one of these no longer holds: no token that names them may outlive it (M8).
    pub until: Option<Timestamp>,
}

/// Computes `act_as` from the facts at `now`. Below the required level it is empty without any look-up, so that not even
/// the time it takes tells whether there are mandates (M7).
pub async fn representation(
    store: &Store,
    asking: &Asking<'_>,
    now: Timestamp,
) -> Result<Representation, Fault> {
    let grant = asking.grant;
    if grant.level < asking.required {
        return Ok(Representation::default());
    }
    let mut act_as = Vec::new();
    let mut first = None;
    for (mandate, until) in one_each(store.mandates_held(&grant.person, now).await?) {
        let bounds = [until, Some(grant.ends), Some(now.plus(RECHECK))];
        act_as.push(ActAs {
            sub: store.subject_for(&asking.client.sector, &mandate.represented, now).await?,
            iss: asking.issuer.to_owned(),
            mandate: store.mandate_name(asking.client, &mandate.id),
            relation: asking.client.sees_relation.then_some(mandate.relation),
            recheck: bounds.into_iter().flatten().min().unwrap_or(now),
        });
        first = first.into_iter().chain(until).min();
    }
    // Subjects are random, so their order tells nothing about age or history.
    act_as.sort_by(|a, b| a.sub.cmp(&b.sub));
    Ok(Representation { act_as, until: first })
}

/// The active mandates, one for each person represented: the one that counts longest.
fn one_each(listed: Vec<Listed>) -> Vec<(Mandate, Option<Timestamp>)> {
    let mut longest: BTreeMap<PersonId, (Mandate, Option<Timestamp>)> = BTreeMap::new();
    for Listed { mandate, standing, .. } in listed {
        let Standing::Active { until } = standing else { continue };
        let far = |until: Option<Timestamp>| until.unwrap_or(Timestamp::from_epoch(i64::MAX));
        let known = longest.get(&mandate.represented).map(|(_, until)| far(*until));
        if known.is_none_or(|known| known < far(until)) {
            longest.insert(mandate.represented.clone(), (mandate, until));
        }
    }
    longest.into_values().collect()
}

#[cfg(test)]
mod tests;
