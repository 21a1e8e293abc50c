//! Mandates: the facts the desk recorded, and what they mean at a given instant (M2 to M6).
//!
//! Nothing here is flipped by a job. [`standing`] computes from facts and `now` whether a mandate counts, and until when;
//! every node of a cluster gives the same answer without talking, and none can be late.

mod authority;
pub mod mails;
pub mod offer;
mod shown;
mod special;

use chrono::NaiveDate;

pub use self::{
    authority::{can_still_count, closes_a_circle, is_void},
    shown::{Given, Held, Shown, is_theirs_to_stop, shown},
    special::{Attestation, Confirmed, SpecialBasis, Unattested, attest, attestable},
};
use super::{
    birth::{ADULT, BirthDate, DECIDES_ALONE, HAS_A_SAY},
    calendar::DAY,
    consent::{Block, Consent, Party, Word, agreement, last_word},
    four_eyes::{is_second, waits_until},
    id::{MandateId, PersonId},
    time::Timestamp,
    words::words,
};

/// The longest that a grant by someone of 16 or older may last, in seconds: a year, also a leap year (M5).
pub const LONGEST_GRANT: i64 = 366 * DAY;

/// Who approved, by the word of the migration, what the desk registered before that took two. Nobody can have this name.
const BEFORE_FOUR_EYES: &str = "migration:25";

words! {
    /// What the representative is to the person represented. The words stand in tokens.
    Relation {
        /// A parent with authority.
        Parent = "parent",
        /// A guardian of a child (*voogd*).
        Guardian = "guardian",
        /// A curator of an adult (*curator*, Dutch Civil Code, article 1:378).
        Curator = "curator",
        /// A mentor of an adult (Dutch Civil Code, article 1:450).
        Mentor = "mentor",
        /// Anyone whom the person expressly granted access.
        Authorised = "authorised",
    }

    /// What the authority of the representative was seen from (M1).
    Evidence {
        /// An extract of the register of parental authority.
        ParentalAuthority = "parental_authority",
        /// A decision of a court.
        CourtOrder = "court_order",
        /// A form signed by the person represented.
        SignedForm = "signed_form",
        /// The own DigiD of both, online (`docs/adr/0048`): nobody at the desk saw anything.
        OwnDigid = "own_digid",
    }

    /// Why somebody at the desk refuses what a colleague asked for.
    Refusal {
        /// An identity document is missing, over, or somebody else's.
        Documents = "documents",
        /// The authority or the agreement is not shown.
        Evidence = "evidence",
        /// The form is not whole, or says something else.
        Form = "form",
        /// It is not wanted any more, or was asked for by mistake.
        Mistake = "mistake",
    }

    /// A document with which people prove who they are (*Wet op de identificatieplicht*, article 1).
    DocumentKind {
        /// A passport.
        Passport = "passport",
        /// A national identity card.
        IdentityCard = "identity_card",
        /// A driving licence.
        DrivingLicence = "driving_licence",
        /// A residence permit (*vreemdelingendocument*).
        ResidencePermit = "residence_permit",
    }
}

impl Relation {
    /// Whether the authority comes from being a minor's parent or guardian, and so ends with their sixteenth birthday.
    pub const fn is_parental(self) -> bool {
        matches!(self, Self::Parent | Self::Guardian)
    }
}

/// An identity document that was checked at the desk. Its number is never recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub kind: DocumentKind,
    /// The last day on which it is valid.
    pub valid_until: NaiveDate,
}

/// The facts of a mandate: one person may act for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mandate {
    /// Its identifier. Clients see another one, see `flows::act_as`.
    pub id: MandateId,
    /// Who acts.
    pub representative: PersonId,
    /// For whom.
    pub represented: PersonId,
    /// What the first is to the second.
    pub relation: Relation,
    /// The ground in law, in the words of the desk.
    pub legal_basis: String,
    /// What proved the authority.
    pub evidence: Evidence,
    /// The checked document of the representative; `None` of a grant that was made online.
    pub representative_document: Option<Document>,
    /// The checked document of the person represented; `None` as above.
    pub represented_document: Option<Document>,
    /// Where the paper form is kept.
    pub form_reference: String,
    /// The member of staff or the program (`domain::line::program`) that registered it.
    pub registered_by: String,
    /// When.
    pub registered_at: Timestamp,
    /// The second pair of eyes. Without it the mandate does not count (M11).
    pub approved: Option<Confirmed>,
    /// From when it counts.
    pub starts: Timestamp,
    /// The first instant at which it no longer counts.
    pub ends: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When the date of birth was corrected after the mandate had lapsed. It stays lapsed, whatever the date says now.
    pub lapsed_at: Option<Timestamp>,
    /// What stands, or may come to stand, in the place of an agreement that the person represented cannot give (M4).
    pub special: Vec<SpecialBasis>,
    /// At which department it was registered, or in whose forecast it is shown.
    pub department: Option<String>,
}

impl Mandate {
    /// Until when it waits for its second pair of eyes; `None` when it has it at `now` (M11). Whatever is stored, nobody approves their
    /// own, nor too late.
    pub fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        let ends = waits_until(self.registered_at);
        let seconded = |second: &Confirmed| {
            let is_another = is_second(&self.registered_by, &second.by)
                || second.by == BEFORE_FOUR_EYES
                || self.is_made_online();
            is_another && second.at <= now && second.at < ends
        };
        let waits = !self.approved.as_ref().is_some_and(seconded);
        waits.then_some(ends)
    }

    /// What its standing depends on. An express grant always has an end, whatever is stored.
    fn terms(&self) -> Terms<'_> {
        let longest = (self.relation == Relation::Authorised).then(|| self.registered_at.plus(LONGEST_GRANT));
        Terms {
            id: &self.id,
            relation: self.relation,
            starts: self.starts,
            ends: self.ends.into_iter().chain(longest).min(),
            special: &self.special,
        }
    }
}

/// What a standing depends on, whoever vouches for it: the desk, or a register at a login.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) id: &'a MandateId,
    pub(super) relation: Relation,
    /// From when they count.
    pub(super) starts: Timestamp,
    /// The first instant at which they no longer count.
    pub(super) ends: Option<Timestamp>,
    /// The special bases, whatever each is worth.
    pub(super) special: &'a [SpecialBasis],
}

/// What a mandate is worth at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    Active {
        /// The first instant at which the clock alone changes that; no token may outlive it (M8).
        until: Option<Timestamp>,
    },
    /// It has not begun, or the person represented is too young for it.
    NotYet,
    /// Nobody else than who registered it has approved it (M11).
    AwaitingApproval,
    /// Nobody approved it in time. It never counts.
    NotApproved,
    /// Someone whose agreement is needed has not given it.
    AwaitingConsent,
    /// The person represented is somebody who does not decide, and no special basis stands.
    AwaitingBasis,
    /// Someone whose agreement is needed has withdrawn it. To the other this looks like [`Self::AwaitingConsent`].
    Withdrawn,
    /// The child turned sixteen. It never counts again.
    Lapsed,
    /// Its end has come. It never counts again.
    Ended,
    /// It was revoked. It never counts again.
    Revoked,
    /// An emergency block holds. Never shown to the representative.
    Blocked,
    /// The date of birth of the person represented is not known, so nobody knows who decides.
    NoBirthDate,
}

impl Standing {
    /// Whether the representative may act.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Active { .. })
    }

    /// The standing's word, for lists of the desk.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active { .. } => "active",
            Self::NotYet => "not_yet",
            Self::AwaitingApproval => "awaiting_approval",
            Self::NotApproved => "not_approved",
            Self::AwaitingConsent => "awaiting_consent",
            Self::AwaitingBasis => "awaiting_basis",
            Self::Withdrawn => "withdrawn",
            Self::Lapsed => "lapsed",
            Self::Ended => "ended",
            Self::Revoked => "revoked",
            Self::Blocked => "blocked",
            Self::NoBirthDate => "no_birth_date",
        }
    }
}

/// What `mandate` is worth at `now`, given when the person represented was `born`, what both said, and the blocks.
///
/// Facts that take access away count as soon as they are known, even when another node's clock dated them a little ahead;
/// facts that give it count from their time. Consents and blocks of other mandates are passed over.
pub fn standing(
    mandate: &Mandate,
    born: Option<BirthDate>,
    consents: &[Consent],
    blocks: &[Block],
    now: Timestamp,
) -> Standing {
    if mandate.revoked_at.is_some() {
        return Standing::Revoked;
    }
    if mandate.lapsed_at.is_some() {
        return Standing::Lapsed;
    }
    let blocked = is_blocked(mandate, blocks, now);
    let worth = worth(&mandate.terms(), born, consents, blocked, now);
    match (worth, mandate.waits_until(now)) {
        (Standing::Lapsed | Standing::Ended, _) => worth,
        (_, Some(end)) if now >= end => Standing::NotApproved,
        (Standing::Active { .. }, Some(_)) => Standing::AwaitingApproval,
        _ => worth,
    }
}

/// Whether a block of its representative for its person represented holds at `now`.
fn is_blocked(mandate: &Mandate, blocks: &[Block], now: Timestamp) -> bool {
    blocks.iter().any(|block| block.holds(&mandate.representative, &mandate.represented, now))
}

/// What these `terms` are worth at `now`: the one rule of ages and agreement, and of a block that holds.
pub(super) fn worth(
    terms: &Terms<'_>,
    born: Option<BirthDate>,
    consents: &[Consent],
    blocked: bool,
    now: Timestamp,
) -> Standing {
    let Some(born) = born else { return Standing::NoBirthDate };
    if terms.relation.is_parental() && born.may_have_turned(DECIDES_ALONE, now) {
        return Standing::Lapsed;
    }
    if terms.ends.is_some_and(|ends| now >= ends) {
        return Standing::Ended;
    }
    if blocked {
        return Standing::Blocked;
    }
    if now < terms.starts {
        return Standing::NotYet;
    }
    match terms.relation {
        Relation::Parent | Relation::Guardian if !born.may_have_turned(HAS_A_SAY, now) => {
            active(terms, Some(born.earliest_birthday(HAS_A_SAY)))
        }
        Relation::Parent | Relation::Guardian => {
            with_agreement(terms, born, consents, now, Some(born.earliest_birthday(DECIDES_ALONE)))
        }
        Relation::Authorised => with_agreement(terms, born, consents, now, None),
        Relation::Curator | Relation::Mentor if !born.has_surely_turned(ADULT, now) => Standing::NotYet,
        Relation::Curator | Relation::Mentor => match special::stands_until(terms, born, now) {
            Some(until) => active(terms, Some(until)),
            None => Standing::AwaitingBasis,
        },
    }
}

/// Active until their own end, or the `sooner` one if that is before it.
fn active(terms: &Terms<'_>, sooner: Option<Timestamp>) -> Standing {
    Standing::Active { until: sooner.into_iter().chain(terms.ends).min() }
}

/// Active if the last word of everyone whose agreement is needed is that they agree, or if a special basis stands in its place.
/// A withdrawal that was heard stops both, until its speaker agrees again: who can say no is asked.
fn with_agreement(
    terms: &Terms<'_>,
    born: BirthDate,
    consents: &[Consent],
    now: Timestamp,
    birthday: Option<Timestamp>,
) -> Standing {
    let (parties, age) = agreement(terms.relation);
    let counts_from = born.latest_birthday(age);
    let word = |party: Party| last_word(consents, (terms.id, party), counts_from, now);
    if parties.iter().any(|party| word(*party) == Some(Word::Withdrawn)) {
        Standing::Withdrawn
    } else if parties.iter().all(|party| word(*party) == Some(Word::Agreed)) {
        active(terms, birthday)
    } else if let Some(until) = special::stands_until(terms, born, now) {
        active(terms, birthday.into_iter().chain([until]).min())
    } else {
        Standing::AwaitingConsent
    }
}

#[cfg(test)]
pub(crate) mod tests;
