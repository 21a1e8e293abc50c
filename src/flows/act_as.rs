//! For whom a user may act, as one client is told: by the desk's mandates, and by the word of the register at this login
//! (M7, M8, M14).

use std::collections::BTreeMap;

use super::representation::counts;
use crate::{
    domain::{
        assurance::Level,
        claims::{ActAs, Represents},
        client::Client,
        fault::Fault,
        grant::Grant,
        id::{MandateId, PersonId},
        mandate::{Relation, Standing},
        representation::{ParentalAuthority, RELATION},
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
    /// For which child the user logged in, by the word of the register: their session's, while that lives.
    pub authority: Option<&'a ParentalAuthority>,
    /// The level that acting for someone needs.
    pub required: Level,
    /// The client that will be told.
    pub client: &'a Client,
    /// The issuer of the subjects.
    pub issuer: &'a str,
}

/// For whom a user may act.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForWhom {
    /// The claim.
    pub act_as: Vec<ActAs>,
    /// The claim, when the user logged in for somebody and still may. They are listed in `act_as` too.
    pub represents: Option<Represents>,
    /// The first instant at which one of these no longer holds: no token that names them may outlive it (M8).
    pub until: Option<Timestamp>,
}

/// By what right the user acts for somebody.
struct Right {
    id: MandateId,
    relation: Relation,
    until: Option<Timestamp>,
}

/// Computes `act_as` from the facts at `now`. Below the required level it is empty without any look-up, so that not even
/// the time it takes tells whether there are mandates (M7).
pub async fn for_whom(store: &Store, asking: &Asking<'_>, now: Timestamp) -> Result<ForWhom, Fault> {
    let grant = asking.grant;
    if grant.level < asking.required {
        return Ok(ForWhom::default());
    }
    let mut rights = one_each(store.mandates_held(&grant.person, now).await?);
    let chosen = match asking.authority {
        Some(authority) => counts(store, authority, Some(&grant.person), now).await?.ok().map(|until| {
            let right = Right { id: authority.id.clone(), relation: RELATION, until: Some(until) };
            keep_longest(&mut rights, authority.child.clone(), right);
            &authority.child
        }),
        None => None,
    };
    let mut told = ForWhom::default();
    for (person, Right { id, relation, until }) in rights {
        let bounds = [until, Some(grant.ends), Some(now.plus(RECHECK))];
        let sub = store.subject_for(&asking.client.sector, &person, now).await?;
        let iss = asking.issuer.to_owned();
        if chosen == Some(&person) {
            told.represents = Some(Represents { sub: sub.clone(), iss: iss.clone() });
        }
        told.act_as.push(ActAs {
            sub,
            iss,
            mandate: store.mandate_name(asking.client, &id),
            relation: asking.client.sees_relation.then_some(relation),
            recheck: bounds.into_iter().flatten().min().unwrap_or(now),
        });
        told.until = told.until.into_iter().chain(until).min();
    }
    // Subjects are random, so their order tells nothing about age or history.
    told.act_as.sort_by(|a, b| a.sub.cmp(&b.sub));
    Ok(told)
}

/// The active mandates, one for each person represented: the one that counts longest.
fn one_each(listed: Vec<Listed>) -> BTreeMap<PersonId, Right> {
    let mut longest = BTreeMap::new();
    for Listed { mandate, standing, .. } in listed {
        if let Standing::Active { until } = standing {
            let right = Right { id: mandate.id, relation: mandate.relation, until };
            keep_longest(&mut longest, mandate.represented, right);
        }
    }
    longest
}

/// Of two that count equally long, the first stays.
fn keep_longest(rights: &mut BTreeMap<PersonId, Right>, person: PersonId, right: Right) {
    let far = |right: &Right| right.until.unwrap_or(Timestamp::from_epoch(i64::MAX));
    if rights.get(&person).is_none_or(|known| far(known) < far(&right)) {
        rights.insert(person, right);
    }
}

#[cfg(test)]
mod tests;
