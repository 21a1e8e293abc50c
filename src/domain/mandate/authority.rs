//! Authority of one person over another, and which of two mandates would turn it around. An express grant is none: two adults may give it to
//! each other (M6).

use super::{Mandate, Relation};
use crate::domain::{
    birth::{BirthDate, DECIDES_ALONE},
    four_eyes::waits_until,
    id::PersonId,
    time::Timestamp,
};

/// Whether a mandate was neither revoked nor has come to its end.
fn goes_on(mandate: &Mandate, now: Timestamp) -> bool {
    mandate.revoked_at.is_none() && mandate.lapsed_at.is_none() && mandate.ends.is_none_or(|ends| ends > now)
}

/// Whether it waited too long for its second pair of eyes: the same form may be registered anew. What was stopped while it waited was stopped.
pub fn is_void(mandate: &Mandate, now: Timestamp) -> bool {
    mandate.approved.is_none() && goes_on(mandate, now) && waits_until(mandate.registered_at) <= now
}

/// Whether a mandate for somebody born then can still come to count, whatever its consents say. A parent's counts for nobody who surely
/// turned sixteen (M3).
pub fn can_still_count(mandate: &Mandate, born: Option<BirthDate>, now: Timestamp) -> bool {
    let is_grown =
        mandate.relation.is_parental() && born.is_some_and(|born| born.has_surely_turned(DECIDES_ALONE, now));
    goes_on(mandate, now) && !is_void(mandate, now) && !is_grown
}

/// Whether authority of `who` over `whom` closes a circle with one of the mandates that there are, as `whom` has authority over `who`, born then.
pub fn closes_a_circle(
    (who, whom, relation): (&PersonId, &PersonId, Relation),
    there: &[Mandate],
    born: Option<BirthDate>,
    now: Timestamp,
) -> bool {
    let is_reverse = |one: &&Mandate| {
        one.relation != Relation::Authorised && one.representative == *whom && one.represented == *who
    };
    relation != Relation::Authorised
        && who != whom
        && there.iter().filter(is_reverse).any(|one| can_still_count(one, born, now))
}
