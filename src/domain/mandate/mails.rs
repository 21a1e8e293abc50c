//! What the people of a mandate are mailed about it: that it has begun, that the clock will end it, and that it has (docs/adr/0044).
//! Computed from the facts and `now`, like a [`standing`]. Blocks are passed over where an end is told, or that a grant made online has begun: the person
//! represented sees none, and the representative is told nothing while one holds, as after a revocation (M9). What somebody says or revokes is
//! told to nobody. Nor is an end told ahead that was agreed on less than two weeks before it: who began it knows.

use std::ops::RangeInclusive;

use super::{Mandate, Standing, is_blocked, standing};
use crate::domain::{
    birth::{ADULT, BirthDate, DECIDES_ALONE, HAS_A_SAY},
    calendar::DAY,
    consent::{Block, Consent},
    time::Timestamp,
    words::words,
};

/// How long before its end people are told of it, in seconds.
pub const AHEAD: i64 = 14 * DAY;
/// For how long after an end it is still told, in seconds, where nobody could before.
pub const LATE: i64 = 7 * DAY;
/// How many changes are followed to find the one that ends a right: there are two birthdays, and bases one after the other.
const CHANGES: usize = 16;

words! {
    /// What a mail says.
    What {
        /// It counts.
        Started = "started",
        /// The clock will end it.
        Ending = "ending",
        /// The clock has ended it.
        Ended = "ended",
    }
}

/// Why the clock ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A parent's: the child has a say. Or by a corrected date of birth: it counts from a later age on.
    Twelve,
    /// A parent's: the child decides alone.
    Sixteen,
    /// Its own end, or that of what it rests on.
    End,
}

/// What is to be told, at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telling {
    /// What.
    pub what: What,
    /// When it ends or has ended; the epoch for what has begun, which is told once.
    pub at: Timestamp,
}

/// What is to be told about a mandate now, and when to look again, if the clock alone can change that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mails {
    /// What, whether or not it was told before.
    pub tell: Vec<Telling>,
    /// When to look again.
    pub again: Option<Timestamp>,
    /// Whether a block holds: its representative is mailed nothing then, as if it were revoked (M9).
    pub is_blocked: bool,
}

/// Looks at a mandate at `now`.
pub fn mails(
    mandate: &Mandate,
    born: Option<BirthDate>,
    consents: &[Consent],
    blocks: &[Block],
    now: Timestamp,
) -> Mails {
    let worth = |at: Timestamp| standing(mandate, born, consents, &[], at);
    let instants = instants(mandate, born);
    let mut tell = Vec::new();
    // Who granted it online sees it as granted, whatever block holds, and so its mail must not tell of one.
    let seen = if mandate.is_made_online() { &[] } else { blocks };
    if standing(mandate, born, consents, seen, now).is_active() {
        tell.push(Telling { what: What::Started, at: Timestamp::from_epoch(0) });
    }
    let ended = ended(mandate, born, consents, now.plus(-LATE)..=now);
    tell.extend(ended.into_iter().map(|at| Telling { what: What::Ended, at }));
    if let Some(at) = end(worth, now).filter(|at| now >= at.plus(-AHEAD) && is_news(mandate, born, *at)) {
        tell.push(Telling { what: What::Ending, at });
    }
    let looks = instants.iter().flat_map(|at| [at.plus(-AHEAD), *at]);
    Mails { tell, again: looks.filter(|at| *at > now).min(), is_blocked: is_blocked(mandate, blocks, now) }
}

/// The instants of `when` at which the clock has ended a right that stood until then. A block is passed over: it ends nothing that
/// is the clock's to end, and who it keeps out is told of neither.
pub fn ended(
    mandate: &Mandate,
    born: Option<BirthDate>,
    consents: &[Consent],
    when: RangeInclusive<Timestamp>,
) -> Vec<Timestamp> {
    let stands = |at: Timestamp| standing(mandate, born, consents, &[], at).is_active();
    let has_ended = |at: &Timestamp| when.contains(at) && stands(at.plus(-1)) && !stands(*at);
    instants(mandate, born).into_iter().filter(has_ended).collect()
}

/// When and why a mandate that counts at `now` ends with another date of birth in the place of the one on record: as the clock would have ended it
/// by that date. What waits for an age that was thought to be over goes on with it, so it ends as at twelve, now. A block is passed over.
pub fn ended_by_birth(
    mandate: &Mandate,
    (born, right): (Option<BirthDate>, BirthDate),
    consents: &[Consent],
    now: Timestamp,
) -> Option<(Timestamp, Cause)> {
    let stands = |born| standing(mandate, born, consents, &[], now).is_active();
    if !stands(born) || stands(Some(right)) {
        return None;
    }
    Some(match mandate.relation.is_parental() {
        true if right.may_have_turned(DECIDES_ALONE, now) => {
            (right.earliest_birthday(DECIDES_ALONE), Cause::Sixteen)
        }
        true => (right.earliest_birthday(HAS_A_SAY), Cause::Twelve),
        false => (now, Cause::Twelve),
    })
}

/// Why a mandate ends at that moment. One whose own end is the twelfth birthday ends: no agreement makes it count again.
pub fn cause(mandate: &Mandate, born: Option<BirthDate>, at: Timestamp) -> Cause {
    let birthday = |age| born.is_some_and(|born| born.earliest_birthday(age) == at);
    match mandate.relation.is_parental() {
        true if birthday(HAS_A_SAY) && mandate.terms().ends != Some(at) => Cause::Twelve,
        true if birthday(DECIDES_ALONE) => Cause::Sixteen,
        _ => Cause::End,
    }
}

/// Whether an end that comes within two weeks is told: a birthday is, whenever the mandate began, as nobody chose that day. An end that was
/// chosen so is known to whoever began it.
fn is_news(mandate: &Mandate, born: Option<BirthDate>, at: Timestamp) -> bool {
    let began = mandate.approved.as_ref().map_or(mandate.starts, |second| second.at.max(mandate.starts));
    cause(mandate, born, at) != Cause::End || at.plus(-AHEAD) > began
}

/// The first instant at which the clock ends a right that stands at `now`.
fn end(worth: impl Fn(Timestamp) -> Standing, now: Timestamp) -> Option<Timestamp> {
    let mut at = now;
    for _ in 0..CHANGES {
        let Standing::Active { until } = worth(at) else { return (at > now).then_some(at) };
        at = until?;
    }
    None
}

/// The instants at which the clock may change its standing.
fn instants(mandate: &Mandate, born: Option<BirthDate>) -> Vec<Timestamp> {
    let terms = mandate.terms();
    let birthdays = born.into_iter().flat_map(|born| {
        [HAS_A_SAY, DECIDES_ALONE, ADULT]
            .into_iter()
            .flat_map(move |age| [born.earliest_birthday(age), born.latest_birthday(age)])
    });
    let bases = terms.special.iter().flat_map(|basis| [basis.attested_at, basis.ends]);
    let mut all: Vec<_> =
        [mandate.starts].into_iter().chain(terms.ends).chain(birthdays).chain(bases).collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests;
