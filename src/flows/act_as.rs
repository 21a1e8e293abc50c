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
    oidc::error::Error,
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

/// Why nothing may be told, and no token given.
#[derive(Debug)]
pub enum Untold {
    /// The session was begun for a child, and ends with the register's word (`docs/adr/0015`): at a birthday or by a block, and
    /// nobody is told which.
    Over,
    /// Ours.
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for Untold {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

impl Untold {
    /// What a client hears: `refused` when the session is over.
    pub fn or(self, refused: Error) -> Error {
        match self {
            Self::Over => refused,
            Self::Fault(fault) => fault.into(),
        }
    }
}

/// By what right the user acts for somebody.
struct Right {
    id: MandateId,
    relation: Relation,
    until: Option<Timestamp>,
}

/// For which child the user logged in, and until when that counts: what a session that was begun for one rests on. Below the
/// required level it counts for nothing.
pub async fn chosen<'a>(
    store: &Store,
    asking: &Asking<'a>,
    now: Timestamp,
) -> Result<Option<(&'a ParentalAuthority, Timestamp)>, Untold> {
    let Some(authority) = asking.authority else { return Ok(None) };
    if asking.grant.level < asking.required {
        return Err(Untold::Over);
    }
    let until = counts(store, authority, Some(&asking.grant.person), now).await?;
    Ok(Some((authority, until.map_err(|_| Untold::Over)?)))
}

/// Computes `act_as` from the facts at `now`; the register's word is read once, for what is told and for whether anything may
/// be. Below the required level it is empty without any look-up, so that not even the time it takes tells whether there are
/// mandates (M7).
pub async fn for_whom(store: &Store, asking: &Asking<'_>, now: Timestamp) -> Result<ForWhom, Untold> {
    let grant = asking.grant;
    let chosen = chosen(store, asking, now).await?;
    // Beyond its session a grant tells nothing that was learned in it.
    if grant.level < asking.required || grant.is_beyond_session() {
        return Ok(ForWhom::default());
    }
    let mut rights = one_each(store.mandates_held(&grant.person, now).await?);
    if let Some((authority, until)) = chosen {
        let right = Right { id: authority.id.clone(), relation: RELATION, until: Some(until) };
        keep_longest(&mut rights, authority.child.clone(), right);
    }
    let mut told = ForWhom::default();
    for (person, Right { id, relation, until }) in rights {
        let bounds = [until, Some(grant.ends), Some(now.plus(RECHECK))];
        let sub = store.subject_for(&asking.client.sector, &person, now).await?;
        let iss = asking.issuer.to_owned();
        if chosen.is_some_and(|(authority, _)| authority.child == person) {
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
