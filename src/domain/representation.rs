//! A parent who acts for a child by the word of the register of representation, given at one login (ST-SAML 1.0,
//! `RT:Zorg_Volledig_Gezag_Kind`; `docs/adr/0015`). It is worth what a parent's mandate is to which nobody has agreed yet: access
//! until the twelfth birthday, unless a block holds (M2, M14).

use serde::{Deserialize, Serialize};

use super::{
    birth::{BirthDate, DECIDES_ALONE},
    consent::Block,
    id::{MandateId, PersonId},
    mandate::{Relation, Standing, Terms, worth},
    time::Timestamp,
};

/// What the parent is to the child in the register's word: it knows nobody else.
pub const RELATION: Relation = Relation::Parent;

/// The register's word that whoever logged in has full parental authority over a child. It lives in the proof of that login
/// and in the session that came of it, and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentalAuthority {
    /// Stands where a mandate's does; a new one at each login.
    pub id: MandateId,
    /// Over whom.
    pub child: PersonId,
    /// The keyed hash of the BSN that the register named. A child who has another one since is not the one it meant; of a session
    /// from before this was kept nobody can say.
    #[serde(default)]
    pub named: Vec<u8>,
}

/// What is on record about the two, as it bears on the register's word.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// When the parent was born, as far as known.
    pub parent_born: Option<BirthDate>,
    /// When the child was born, as far as known, if it still is whom the register named.
    pub child_born: Option<BirthDate>,
    /// The blocks on the child.
    pub blocks: Vec<OnChild>,
}

/// A block on a child.
#[derive(Debug, Clone)]
pub struct OnChild {
    /// The block.
    pub block: Block,
    /// Whether the BSN of the one who is kept out is known, so that DigiD tells them from others.
    pub told_apart: bool,
}

/// Why the register's word counts for nothing here. No finer than what the parent may hear: a block must not show (M9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRepresented {
    /// The child is 12 or older, or may be.
    TurnedTwelve,
    /// Only the desk can help: it does not know the child or the date of birth, or has a reason of its own.
    AskTheDesk,
}

impl NotRepresented {
    /// The stable word of the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TurnedTwelve => "turned_twelve",
            Self::AskTheDesk => "ask_the_desk",
        }
    }
}

impl ParentalAuthority {
    /// A new one over `child`, whom the register named so.
    pub fn over(child: PersonId, named: Vec<u8>) -> Self {
        Self { id: MandateId::random(), child, named }
    }

    /// The first instant at which the clock ends it for `parent`, if it counts at `now`; `None` is somebody whom nobody here
    /// knows yet.
    ///
    /// A parent who is known to be, or may be, under 16 has no authority that this could be (Dutch Civil Code, article
    /// 1:253ha). A block on somebody whom DigiD cannot tell apart from the parent holds: a gap in knowledge lets nobody in.
    pub fn counts(
        &self,
        parent: Option<&PersonId>,
        record: &Record,
        now: Timestamp,
    ) -> Result<Timestamp, NotRepresented> {
        let terms = Terms { id: &self.id, relation: RELATION, starts: now, ends: None, special: &[] };
        let minor = record.parent_born.is_some_and(|born| !born.has_surely_turned(DECIDES_ALONE, now));
        let blocked = record.blocks.iter().any(|on| on.holds(parent, &self.child, now));
        // What age says comes first: whoever is blocked hears of the birthday what anybody hears.
        match worth(&terms, record.child_born, &[], false, now) {
            Standing::AwaitingConsent | Standing::Lapsed => Err(NotRepresented::TurnedTwelve),
            Standing::Active { until: Some(until) } if !minor && !blocked && parent != Some(&self.child) => {
                Ok(until)
            }
            _ => Err(NotRepresented::AskTheDesk),
        }
    }
}

impl OnChild {
    /// Whether it keeps `parent` from acting for the child. Somebody whom nobody knows is nobody who was told apart.
    fn holds(&self, parent: Option<&PersonId>, child: &PersonId, now: Timestamp) -> bool {
        match (self.told_apart, parent) {
            (true, None) => false,
            (true, Some(parent)) => self.block.holds(parent, child, now),
            (false, _) => self.block.represented == *child && self.block.lasts(now),
        }
    }
}

#[cfg(test)]
mod tests;
