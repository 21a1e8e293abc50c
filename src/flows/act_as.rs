//! For whom a user may act, as one client is told: by the desk's mandates, and by the word of the register at this login
//! (M7, M8, M14).

use std::collections::BTreeMap;

use super::representation::counts;
use crate::{
    app::App,
    domain::{
        assurance::Level,
        claims::{ActAs, Represents},
        client::Client,
        fault::Fault,
        grant::Grant,
        id::{MandateId, PersonId},
        mandate::{Relation, Standing},
        representation::{ParentalAuthority, RELATION},
        scope::Scope,
        session::Session,
        time::Timestamp,
    },
    oidc::error::Error,
    store::{Store, mandates::Listed},
};

/// After how many seconds a client must ask again at the latest.
pub(super) const RECHECK: i64 = 15 * 60;

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

impl<'a> Asking<'a> {
    /// Of a grant in its session, if that lives.
    pub fn of(app: &'a App, client: &'a Client, grant: &'a Grant, session: Option<&'a Session>) -> Self {
        let authority = session.and_then(|session| session.authority.as_ref());
        Self { grant, authority, required: app.config.mandate_level, client, issuer: app.config.issuer() }
    }
}

/// For whom a user may act.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForWhom {
    /// The claim.
    pub act_as: Vec<ActAs>,
    /// The claim, when the user logged in for somebody and still may. They are listed in `act_as` too.
    pub represents: Option<Represents>,
    /// The same people as in `act_as`, as we know them.
    pub people: Vec<PersonId>,
    /// The first instant at which one of these no longer holds: no token that names them may outlive it (M8).
    pub until: Option<Timestamp>,
}

/// Why nothing may be told, and no token given.
#[derive(Debug)]
pub enum Untold {
    /// The session was begun for a child, and ends with the register's word (`docs/adr/0015`); or the grant was given for
    /// somebody for whom the user may act no longer (`docs/adr/0033`). At a birthday or by a block, and nobody is told which.
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
    /// The `sub` of whom they act for, where it was read along.
    sub: Option<String>,
}

/// For which child the user logged in, and until when that counts: what a session that was begun for one rests on. Below the
/// required level it counts for nothing.
pub async fn by_register<'a>(
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
/// be. Below the required level, and for a client from which that scope was taken, it is empty without any look-up, so that not even the time it takes tells whether there are
/// mandates (M7). A grant for somebody for whom the user may not act now tells nothing, and never becomes the user's own.
pub async fn for_whom(store: &Store, asking: &Asking<'_>, now: Timestamp) -> Result<ForWhom, Untold> {
    let grant = asking.grant;
    let by_register = by_register(store, asking, now).await?;
    // Beyond its session a grant tells nothing that was learned in it; and what a client may know is what it is registered for at this moment.
    let may_know = asking.client.scopes.contains(Scope::ActAs);
    if grant.level < asking.required || grant.is_beyond_session() || !may_know {
        return if grant.represented().is_some() { Err(Untold::Over) } else { Ok(ForWhom::default()) };
    }
    let rights = rights(store, (&grant.person, &asking.client.sector), by_register, now).await?;
    let represented = match &grant.chosen {
        Some(_) => grant.represented(),
        None => by_register.map(|(authority, _)| &authority.child),
    };
    if represented.is_some_and(|person| !rights.contains_key(person)) {
        return Err(Untold::Over);
    }
    let mut told = ForWhom { people: rights.keys().cloned().collect(), ..ForWhom::default() };
    for (person, Right { id, relation, until, sub }) in &rights {
        let bounds = [*until, Some(grant.ends), Some(now.plus(RECHECK))];
        let sub = match sub {
            Some(sub) => sub.clone(),
            None => store.subject_for(&asking.client.sector, person, now).await?,
        };
        let iss = asking.issuer.to_owned();
        if represented == Some(person) {
            told.represents = Some(Represents { sub: sub.clone(), iss: iss.clone() });
        }
        told.act_as.push(ActAs {
            sub,
            iss,
            mandate: store.mandate_name(asking.client, id),
            relation: asking.client.sees_relation.then_some(*relation),
            recheck: bounds.into_iter().flatten().min().unwrap_or(now),
        });
        told.until = told.until.into_iter().chain(*until).min();
    }
    // Subjects are random, so their order tells nothing about age or history.
    told.act_as.sort_by(|a, b| a.sub.cmp(&b.sub));
    Ok(told)
}

/// For whom the user of `session` may act at `now`, where acting for somebody needs the level `required`. Below it nobody is looked
/// up.
pub(super) async fn people(
    store: &Store,
    session: &Session,
    required: Level,
    now: Timestamp,
) -> Result<Vec<PersonId>, Fault> {
    Ok(rights_in(store, session, required, now).await?.into_keys().collect())
}

/// The first instant at which the clock ends the right of the user of `session` to act for `person`, the end of time where it does not;
/// `None` when they may not act at `now`.
pub(super) async fn may_act_until(
    store: &Store,
    session: &Session,
    required: Level,
    person: &PersonId,
    now: Timestamp,
) -> Result<Option<Timestamp>, Fault> {
    let mut rights = rights_in(store, session, required, now).await?;
    Ok(rights.remove(person).map(|right| right.until.unwrap_or(Timestamp::from_epoch(i64::MAX))))
}

async fn rights_in(
    store: &Store,
    session: &Session,
    required: Level,
    now: Timestamp,
) -> Result<BTreeMap<PersonId, Right>, Fault> {
    if session.level < required {
        return Ok(BTreeMap::new());
    }
    let by_register = match &session.authority {
        Some(authority) => {
            counts(store, authority, Some(&session.person), now).await?.ok().map(|until| (authority, until))
        }
        None => None,
    };
    rights(store, (&session.person, ""), by_register, now).await
}

/// By what right `person` may act for others: the desk's mandates, and the register's word where they logged in by it. Each with the `sub`
/// that `sector` was told of whom they act for, if it was.
async fn rights(
    store: &Store,
    (person, sector): (&PersonId, &str),
    by_register: Option<(&ParentalAuthority, Timestamp)>,
    now: Timestamp,
) -> Result<BTreeMap<PersonId, Right>, Fault> {
    let mut rights = one_each(store.mandates_held_told(person, sector, now).await?);
    if let Some((authority, until)) = by_register {
        let right = Right { id: authority.id.clone(), relation: RELATION, until: Some(until), sub: None };
        keep_longest(&mut rights, authority.child.clone(), right);
    }
    Ok(rights)
}

/// The active mandates, one for each person represented: the one that counts longest.
fn one_each(listed: Vec<(Listed, Option<String>)>) -> BTreeMap<PersonId, Right> {
    let mut longest = BTreeMap::new();
    for (Listed { mandate, standing, .. }, sub) in listed {
        if let Standing::Active { until } = standing {
            let right = Right { id: mandate.id, relation: mandate.relation, until, sub };
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
