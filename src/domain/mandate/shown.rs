//! What the two people of a mandate see of it at "Machtigingen", and what each may do about it there (M4, M9, `docs/adr/0042`).
//!
//! To the representative a block looks like a revocation, and a child's withdrawal like a child that has not answered. The person
//! represented sees no block either: what they say about a mandate is theirs to say while one holds.

use super::{Mandate, Relation, Standing, standing};
use crate::domain::{
    birth::{BirthDate, HAS_A_SAY},
    consent::{Consent, Party, Word, agreement, last_word},
    time::Timestamp,
};

/// What the representative sees of a mandate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// They may act, until its end where it has one.
    Counts(Option<Timestamp>),
    /// They have not agreed (any more).
    WaitsForYou,
    /// The person represented has not agreed (any more).
    WaitsForThem,
    /// The desk has something to do.
    WaitsForDesk,
    /// It has not begun.
    Later,
}

/// What the person represented sees of a mandate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// The representative may act, until its end where it has one.
    Counts(Option<Timestamp>),
    /// The person represented agrees, and the representative has not (any more).
    WaitsForThem,
    /// The desk has something to do.
    WaitsForDesk,
    /// It has not begun.
    Later,
    /// The person represented is asked, and has said nothing yet.
    Asked,
    /// They said no.
    Refused,
}

/// A mandate as its two people see it. `None` is a mandate that is over, or that is not for this page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// To the representative.
    pub held: Option<Held>,
    /// To the person represented.
    pub given: Option<Given>,
}

/// What both see of `mandate` at `now`; the facts are those of [`standing`], whose answer is `stands`.
pub fn shown(
    mandate: &Mandate,
    born: Option<BirthDate>,
    consents: &[Consent],
    stands: Standing,
    now: Timestamp,
) -> Shown {
    let (_, age) = agreement(mandate.relation);
    let word = |party| {
        let since = born?.latest_birthday(age);
        last_word(consents, (&mandate.id, party), since, now)
    };
    let unblocked = standing(mandate, born, consents, &[], now);
    // Before its second pair of eyes nobody is asked anything, nor told of whom it is: it may name the wrong people (M11).
    if mandate.waits_until(now).is_some() {
        let waits = |stands: Standing| !is_over(stands);
        return Shown {
            held: waits(stands).then_some(Held::WaitsForDesk),
            given: waits(unblocked).then_some(Given::WaitsForDesk),
        };
    }
    Shown {
        held: held(mandate, stands, word(Party::Representative)),
        given: given(mandate, unblocked, word(Party::Represented), born, now),
    }
}

/// Whether nothing of it is shown. A block is one of these: it is looked for in what stands for the representative only.
const fn is_over(stands: Standing) -> bool {
    use Standing::{Blocked, Ended, Lapsed, NotApproved, Revoked};
    matches!(stands, NotApproved | Lapsed | Ended | Revoked | Blocked)
}

fn held(mandate: &Mandate, stands: Standing, own: Option<Word>) -> Option<Held> {
    match stands {
        Standing::Active { .. } => Some(Held::Counts(mandate.terms().ends)),
        Standing::AwaitingConsent | Standing::Withdrawn => {
            let asked = mandate.relation.is_parental() && own != Some(Word::Agreed);
            Some(if asked { Held::WaitsForYou } else { Held::WaitsForThem })
        }
        Standing::AwaitingApproval | Standing::AwaitingBasis | Standing::NoBirthDate => {
            Some(Held::WaitsForDesk)
        }
        Standing::NotYet => Some(Held::Later),
        _ => None,
    }
}

fn given(
    mandate: &Mandate,
    stands: Standing,
    own: Option<Word>,
    born: Option<BirthDate>,
    now: Timestamp,
) -> Option<Given> {
    let is_asked =
        mandate.relation.is_parental() && born.is_some_and(|born| born.has_surely_turned(HAS_A_SAY, now));
    match stands {
        _ if is_over(stands) => None,
        // Their own word comes first.
        _ if is_asked && own != Some(Word::Agreed) => {
            Some(if own == Some(Word::Withdrawn) { Given::Refused } else { Given::Asked })
        }
        Standing::Active { .. } => Some(Given::Counts(mandate.terms().ends)),
        Standing::AwaitingConsent | Standing::Withdrawn if is_asked => Some(Given::WaitsForThem),
        Standing::AwaitingConsent | Standing::Withdrawn => Some(Given::Refused),
        Standing::AwaitingApproval | Standing::AwaitingBasis | Standing::NoBirthDate => {
            Some(Given::WaitsForDesk)
        }
        Standing::NotYet => Some(Given::Later),
        _ => None,
    }
}

/// Whether the person represented may end it for good by themselves: what they gave themselves. A parent's counts only while
/// they agree; about a curator or mentor a court decides.
pub const fn is_theirs_to_stop(relation: Relation) -> bool {
    matches!(relation, Relation::Authorised)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        consent::Block,
        mandate::{
            Confirmed,
            tests::{at, born, mandate, said},
        },
    };
    use Party::{Representative, Represented};
    use Word::{Agreed, Withdrawn};

    const NOW: &str = "2026-07-01T12:00:00Z";
    const KID: &str = "2013-01-01";

    fn look(mandate: &Mandate, birth: &str, words: &[(Party, Word)], blocked: bool) -> Shown {
        let now = at(NOW);
        let consents: Vec<Consent> =
            words.iter().map(|(party, word)| said(*party, *word, now.plus(-60))).collect();
        let block = Block {
            representative: mandate.representative.clone(),
            represented: mandate.represented.clone(),
            placed_at: now,
            lifted_at: None,
        };
        let blocks: Vec<Block> = blocked.then_some(block).into_iter().collect();
        let stands = standing(mandate, born(birth), &consents, &blocks, now);
        shown(mandate, born(birth), &consents, stands, now)
    }

    #[test]
    fn m9_a_block_looks_like_a_revocation_to_the_one_and_like_nothing_to_the_other() {
        for (relation, birth) in
            [(Relation::Parent, "2018-01-01"), (Relation::Parent, KID), (Relation::Authorised, "1990-01-01")]
        {
            let good = mandate(relation);
            let good = Mandate { registered_at: at(NOW).plus(-99), starts: at(NOW).plus(-99), ..good };
            let good =
                Mandate { approved: Some(Confirmed { by: "x".into(), at: at(NOW).plus(-98) }), ..good };
            let revoked = Mandate { revoked_at: Some(at(NOW)), ..good.clone() };
            for words in
                [vec![], vec![(Represented, Agreed)], vec![(Represented, Agreed), (Representative, Agreed)]]
            {
                let (free, blocked) = (look(&good, birth, &words, false), look(&good, birth, &words, true));
                assert!(free.held.is_some());
                assert_eq!(blocked.held, look(&revoked, birth, &words, false).held, "{relation} {words:?}");
                assert_eq!(blocked.given, free.given, "{relation} {words:?}");
            }
        }
    }

    #[test]
    fn m4_a_parent_sees_the_same_whether_a_child_said_no_or_nothing() {
        let parent = mandate(Relation::Parent);
        for own in [None, Some(Agreed), Some(Withdrawn)] {
            let with = |childs: Option<Word>| {
                let all = [(Represented, childs), (Representative, own)];
                let words: Vec<_> = all.into_iter().filter_map(|(who, word)| Some((who, word?))).collect();
                look(&parent, KID, &words, false)
            };
            let (nothing, no) = (with(None), with(Some(Withdrawn)));
            assert_eq!(nothing.held, no.held, "{own:?}");
            assert_eq!((nothing.given, no.given), (Some(Given::Asked), Some(Given::Refused)));
            let (held, given) = if own == Some(Agreed) {
                (Held::Counts(None), Given::Counts(None))
            } else {
                (Held::WaitsForYou, Given::WaitsForThem)
            };
            assert_eq!(with(Some(Agreed)), Shown { held: Some(held), given: Some(given) }, "{own:?}");
        }
    }

    #[test]
    fn what_is_over_is_not_shown_and_what_waits_is() {
        let parent = mandate(Relation::Parent);
        let nothing = Shown { held: None, given: None };
        assert_eq!(look(&parent, "2010-06-30", &[], false), nothing, "sixteen");
        assert_eq!(look(&parent, "2010-07-02", &[], false).given, Some(Given::Asked), "a day before");
        let waits = Mandate { approved: None, registered_at: at(NOW), ..mandate(Relation::Parent) };
        assert_eq!(look(&waits, "2018-01-01", &[], false).held, Some(Held::WaitsForDesk));
        let desk = Shown { held: Some(Held::WaitsForDesk), given: Some(Given::WaitsForDesk) };
        assert_eq!(look(&waits, KID, &[], false), desk, "nobody is asked before the desk is sure");
        assert_eq!(look(&waits, KID, &[], true).held, None);
        let curator = look(&mandate(Relation::Curator), "1950-01-01", &[], false);
        assert_eq!(curator, Shown { held: Some(Held::WaitsForDesk), given: Some(Given::WaitsForDesk) });
        let ends = Some(at(NOW).plus(60));
        let grant =
            Mandate { registered_at: at(NOW), ends, starts: at(NOW), ..mandate(Relation::Authorised) };
        let grant = Mandate { approved: Some(Confirmed { by: "x".into(), at: at(NOW) }), ..grant };
        let counts = look(&grant, "1990", &[(Represented, Agreed)], false);
        assert_eq!(counts, Shown { held: Some(Held::Counts(ends)), given: Some(Given::Counts(ends)) });
        let refused = Shown { held: Some(Held::WaitsForThem), given: Some(Given::Refused) };
        for said in [&[][..], &[(Represented, Withdrawn)]] {
            assert_eq!(look(&grant, "1990", said, false), refused, "nobody else is asked: {said:?}");
        }
        let later = Mandate { starts: at(NOW).plus(60), ..mandate(Relation::Parent) };
        let both = Shown { held: Some(Held::Later), given: Some(Given::Later) };
        assert_eq!(look(&later, "2018-01-01", &[], false), both);
        assert!(is_theirs_to_stop(Relation::Authorised) && !is_theirs_to_stop(Relation::Parent));
    }
}
