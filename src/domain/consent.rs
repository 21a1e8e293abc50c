//! What people said about a mandate, and the emergency block: facts that are added, never changed (M4, M6, M9).

use super::{
    birth::{BirthDate, DECIDES_ALONE, HAS_A_SAY},
    id::{MandateId, PersonId},
    mandate::{Mandate, Relation},
    time::Timestamp,
    words::words,
};

words! {
    /// One of the two people of a mandate.
    Party {
        /// Who acts.
        Representative = "representative",
        /// For whom is acted: the child, the grantor.
        Represented = "represented",
    }

    /// What someone said.
    Word {
        /// They agree.
        Agreed = "agreed",
        /// They agree no longer, or never did.
        Withdrawn = "withdrawn",
    }
}

/// One person said one thing about one mandate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// About which mandate.
    pub mandate: MandateId,
    /// Who spoke.
    pub party: Party,
    /// What they said.
    pub word: Word,
    /// When.
    pub at: Timestamp,
    /// The member of staff who heard it at the desk; `None` when it was said online, in a session of their own.
    pub attested_by: Option<String>,
}

/// A block of everything one person may do for another, whatever the mandate (M9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Who is kept out.
    pub representative: PersonId,
    /// Of whose record.
    pub represented: PersonId,
    /// Since when it is known. It holds at once, also on a node whose clock is behind.
    pub placed_at: Timestamp,
    /// From when it holds no longer.
    pub lifted_at: Option<Timestamp>,
}

impl Block {
    /// Whether it keeps the one from acting for the other at `now`.
    pub(super) fn holds(&self, representative: &PersonId, represented: &PersonId, now: Timestamp) -> bool {
        self.representative == *representative && self.represented == *represented && self.lasts(now)
    }

    /// Whether it is not lifted at `now`.
    pub(super) fn lasts(&self, now: Timestamp) -> bool {
        self.lifted_at.is_none_or(|lifted| now < lifted)
    }
}

/// Why what someone said is not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// Nobody's agreement bears on this mandate.
    #[error("a {0} needs no agreement from this person: to end the mandate, revoke it")]
    NotNeeded(Relation),
    /// The person represented is not old enough, or not known to be.
    #[error(
        "agreement counts from the {0}th birthday of the person represented (by its latest reading), not before"
    )]
    TooEarly(u8),
    /// Without a date of birth nobody knows who decides.
    #[error("record the date of birth of the person represented first")]
    NoBirthDate,
}

/// Whose agreement a mandate of this relation needs, and from which age of the person represented it counts.
/// A parent needs it between the 12th and the 16th birthday only.
pub const fn agreement(relation: Relation) -> (&'static [Party], u8) {
    match relation {
        Relation::Parent | Relation::Guardian => (&[Party::Represented, Party::Representative], HAS_A_SAY),
        Relation::Authorised => (&[Party::Represented], DECIDES_ALONE),
        Relation::Curator | Relation::Mentor => (&[], 0),
    }
}

/// What is recorded when `party` says `word` at `now`. A withdrawal is heard at any age; an agreement only from the age at
/// which it counts, so that nobody believes it did.
pub fn hear(
    mandate: &Mandate,
    born: Option<BirthDate>,
    (party, word): (Party, Word),
    attested_by: Option<String>,
    now: Timestamp,
) -> Result<Consent, Unheard> {
    let (parties, age) = agreement(mandate.relation);
    if !parties.contains(&party) {
        return Err(Unheard::NotNeeded(mandate.relation));
    }
    let born = born.ok_or(Unheard::NoBirthDate)?;
    if word == Word::Agreed && !born.has_surely_turned(age, now) {
        return Err(Unheard::TooEarly(age));
    }
    Ok(Consent { mandate: mandate.id.clone(), party, word, at: now, attested_by })
}

/// The last word of `party` about `mandate` at `now`.
///
/// An agreement counts when it was given between `counts_from` and `now`; a withdrawal always, also one from a clock
/// ahead of ours: what takes access away never waits. Of two in the same second the withdrawal is the last.
pub fn last_word(
    consents: &[Consent],
    (mandate, party): (&MandateId, Party),
    counts_from: Timestamp,
    now: Timestamp,
) -> Option<Word> {
    consents
        .iter()
        .filter(|said| said.mandate == *mandate && said.party == party)
        .filter(|said| said.word == Word::Withdrawn || (counts_from..=now).contains(&said.at))
        .max_by_key(|said| (said.at, said.word == Word::Withdrawn))
        .map(|said| said.word)
}
