//! The special basis: for somebody of 12 or older who cannot decide for themselves, in place of the agreement that they cannot
//! give (M4; Dutch Civil Code, articles 7:465, 1:381 and 1:453; `docs/adr/0016`). One member of staff attests it, another one
//! confirms it, and it ends.

use super::{LONGEST_GRANT, Mandate, Relation, Standing, Terms, standing};
use crate::domain::{
    birth::{ADULT, BirthDate, HAS_A_SAY},
    four_eyes::{is_second, waits_until},
    id::SpecialBasisId,
    line::one_line,
    time::Timestamp,
};

/// The longest that one may last after it was attested, in seconds: as long as a grant.
pub const LONGEST_BASIS: i64 = LONGEST_GRANT;

/// What the desk recorded. One that was ended early is no longer a fact of its mandate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecialBasis {
    /// Its identifier.
    pub id: SpecialBasisId,
    /// Where the evidence is kept that the person cannot decide: a doctor's statement, an extract of a register.
    pub evidence_reference: String,
    /// The member of staff who saw it.
    pub attested_by: String,
    /// When.
    pub attested_at: Timestamp,
    /// The first instant at which it no longer stands.
    pub ends: Timestamp,
    /// The second pair of eyes. Before it there is no effect.
    pub confirmed: Option<Confirmed>,
}

/// Another member of staff, or another program, looked, and says the same (M11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl SpecialBasis {
    /// Until when it waits for its second pair of eyes; `None` when it has it.
    pub fn waits_until(&self) -> Option<Timestamp> {
        self.confirmed.is_none().then(|| waits_until(self.attested_at))
    }

    /// The first instant at which it stands no longer, if it stands at `now`. It counts from the moment of its confirmation,
    /// and only when it was attested from `since` on; whatever is stored, nobody confirms their own, and a year is the most.
    pub(super) fn stands(&self, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let confirmed = self.confirmed.as_ref()?;
        if !is_second(&self.attested_by, &confirmed.by) || confirmed.at >= waits_until(self.attested_at) {
            return None;
        }
        let begins = self.attested_at.max(confirmed.at);
        let ends = self.ends.min(self.attested_at.plus(LONGEST_BASIS));
        (self.attested_at >= since && (begins..ends).contains(&now)).then_some(ends)
    }
}

/// From which age of the person represented a basis can be attested. Below it a parent needs none; an express grant is the
/// person's own word, in whose place nothing can stand.
const fn from_age(relation: Relation) -> Option<u8> {
    match relation {
        Relation::Parent | Relation::Guardian => Some(HAS_A_SAY),
        Relation::Curator | Relation::Mentor => Some(ADULT),
        Relation::Authorised => None,
    }
}

/// Until when a basis of these `terms` stands, if one does at `now`. What was attested before the age counts as little as what
/// a child said before it.
pub(super) fn stands_until(terms: &Terms<'_>, born: BirthDate, now: Timestamp) -> Option<Timestamp> {
    let since = born.latest_birthday(from_age(terms.relation)?);
    terms.special.iter().filter_map(|basis| basis.stands(since, now)).max()
}

/// What a member of staff attests: nothing of it is believed yet.
#[derive(Debug, Clone)]
pub struct Attestation {
    /// Where the evidence is kept.
    pub evidence_reference: String,
    /// The first instant at which it no longer stands.
    pub ends: Timestamp,
    /// The member of staff.
    pub by: String,
}

/// Why an attestation does not become a special basis. Nothing was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unattested {
    /// The mandate is the person's own word.
    #[error(
        "an {0} mandate rests on the word of the person represented, and on nothing in its place: register the curator or \
         mentor whom a court appointed"
    )]
    NotFor(Relation),
    /// The mandate counts no more.
    #[error("this mandate is over: register a new one first")]
    Over,
    /// Parental mandates end at sixteen, also for who cannot decide (M5).
    #[error(
        "the mandate has lapsed with the 16th birthday of the person represented: from 18 on a curator or mentor whom a \
         court appointed can act for them"
    )]
    Lapsed,
    /// Without a date of birth nobody knows who decides.
    #[error("record the date of birth of the person represented first")]
    NoBirthDate,
    /// Too young, or not known to be old enough.
    #[error(
        "a special basis is attested from the {0}th birthday of the person represented (by its latest reading), not before"
    )]
    TooEarly(u8),
    /// A text is missing, too long, or has a line break in it.
    #[error("fill in the {0}, on one line of at most 200 characters")]
    Text(&'static str),
    /// It would be over before it began.
    #[error("the end must lie in the future")]
    EndTooEarly,
    /// The end is too far away.
    #[error(
        "the end is too far away: a special basis lasts at most a year (366 days) from now; attest a new one in time"
    )]
    EndTooLate,
}

/// Whether a basis of this `mandate` can be attested at `now`, whatever it says.
pub fn attestable(mandate: &Mandate, born: Option<BirthDate>, now: Timestamp) -> Result<(), Unattested> {
    let age = from_age(mandate.relation).ok_or(Unattested::NotFor(mandate.relation))?;
    match standing(mandate, born, &[], &[], now) {
        Standing::Revoked | Standing::Ended | Standing::NotApproved => return Err(Unattested::Over),
        Standing::Lapsed => return Err(Unattested::Lapsed),
        _ => {}
    }
    if !born.ok_or(Unattested::NoBirthDate)?.has_surely_turned(age, now) {
        return Err(Unattested::TooEarly(age));
    }
    Ok(())
}

/// Checks at `now` what a member of staff attests about a `mandate`, and makes a basis of it that waits for its confirmation.
pub fn attest(
    mandate: &Mandate,
    born: Option<BirthDate>,
    attestation: &Attestation,
    now: Timestamp,
) -> Result<SpecialBasis, Unattested> {
    attestable(mandate, born, now)?;
    if attestation.ends <= now {
        return Err(Unattested::EndTooEarly);
    }
    if attestation.ends > now.plus(LONGEST_BASIS) {
        return Err(Unattested::EndTooLate);
    }
    let line = |text: &str, what| one_line(text).map_err(|_| Unattested::Text(what));
    Ok(SpecialBasis {
        id: SpecialBasisId::random(),
        evidence_reference: line(&attestation.evidence_reference, "evidence reference")?,
        attested_by: line(&attestation.by, "name of the member of staff")?,
        attested_at: now,
        ends: attestation.ends,
        confirmed: None,
    })
}

#[cfg(test)]
pub(crate) mod tests;
