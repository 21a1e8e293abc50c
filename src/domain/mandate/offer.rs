//! A grant that two people make online (M5, M6, `docs/adr/0048`): one invites and hands over a code, the other types it and says yes, and
//! the first confirms having seen who that is. Both are logged in with their own DigiD, which stands for the desk's look at documents.

use super::{Confirmed, Evidence, LONGEST_GRANT, Mandate, Relation, Standing, standing};
use crate::domain::{
    birth::{ADULT, BirthDate, DECIDES_ALONE, HAS_A_SAY},
    calendar::DAY,
    consent::{Consent, Party, Word},
    id::{MandateId, PersonId},
    registration::Registration,
    time::Timestamp,
};

/// How long an offer waits for both, in seconds: a week.
pub const LIFE: i64 = 7 * DAY;
/// How many offers of one person live at once, at most.
pub const MOST: i64 = 5;
/// The most days a grant lasts (M5).
pub const MOST_DAYS: i64 = LONGEST_GRANT / DAY;
/// For how many days the form offers it.
pub const DAYS: [i64; 5] = [7, 31, 92, 183, 365];

/// Who registered a grant that was made online, and who seconded it. Nobody can have these names: a colon stands in no name of a member
/// of staff, and a program's and a member's begin otherwise.
pub const GRANTOR: &str = "online:represented";
/// The second of the two.
const GRANTEE: &str = "online:representative";
/// The ground in law: consent of the patient (Dutch Civil Code, article 7:457).
const CONSENT: &str = "art. 7:457 BW";
/// Where the paper form is kept: there is none.
const ONLINE: &str = "online";

/// Why somebody cannot grant online. Nothing was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CannotGrant {
    /// Nobody knows who decides.
    NoBirthDate,
    /// They are not known to be sixteen.
    TooYoung,
    /// By the word of a court or of a doctor others decide for them.
    DoesNotDecide,
}

/// Whether somebody who was `born` then may grant access to their own record at `now`. `given` is who may act for them, or may come to. Blocks are
/// passed over: whom one keeps out may still be their curator.
pub fn may_grant<'a>(
    born: Option<BirthDate>,
    given: impl IntoIterator<Item = &'a Mandate>,
    now: Timestamp,
) -> Result<(), CannotGrant> {
    let born = born.ok_or(CannotGrant::NoBirthDate)?;
    if !born.has_surely_turned(DECIDES_ALONE, now) {
        return Err(CannotGrant::TooYoung);
    }
    let since = born.latest_birthday(HAS_A_SAY);
    let decides = |mandate: &Mandate| {
        let by_court = matches!(mandate.relation, Relation::Curator | Relation::Mentor)
            && matches!(
                standing(mandate, Some(born), &[], &[], now),
                Standing::Active { .. } | Standing::AwaitingBasis
            )
            && mandate.waits_until(now).is_none();
        by_court || mandate.special.iter().any(|basis| basis.stands(since, now).is_some())
    };
    if given.into_iter().any(decides) { Err(CannotGrant::DoesNotDecide) } else { Ok(()) }
}

/// Whether somebody may be granted access: an adult (M6). Of whom no date of birth is known the grantor sees who it is.
pub fn may_hold(born: Option<BirthDate>, now: Timestamp) -> bool {
    born.is_none_or(|born| born.has_surely_turned(ADULT, now))
}

/// Whether a grant may last so many days.
pub fn may_last(days: i64) -> bool {
    (1..=MOST_DAYS).contains(&days)
}

/// The mandate that comes of an offer at `now`, with the grantor's agreement.
pub fn grant(
    id: MandateId,
    (grantor, grantee): (PersonId, PersonId),
    days: i64,
    now: Timestamp,
) -> Registration {
    let consent = Consent {
        mandate: id.clone(),
        party: Party::Represented,
        word: Word::Agreed,
        at: now,
        attested_by: None,
    };
    let mandate = Mandate {
        id,
        representative: grantee,
        represented: grantor,
        relation: Relation::Authorised,
        legal_basis: CONSENT.to_owned(),
        evidence: Evidence::OwnDigid,
        representative_document: None,
        represented_document: None,
        form_reference: ONLINE.to_owned(),
        registered_by: GRANTOR.to_owned(),
        registered_at: now,
        approved: Some(Confirmed { by: GRANTEE.to_owned(), at: now }),
        starts: now,
        ends: Some(now.plus(days.clamp(1, MOST_DAYS) * DAY)),
        revoked_at: None,
        lapsed_at: None,
        special: Vec::new(),
        department: None,
    };
    Registration { mandate, consent: Some(consent) }
}

impl Mandate {
    /// Whether its two people made it themselves, which takes no member of staff.
    pub fn is_made_online(&self) -> bool {
        let second = self.approved.as_ref().is_some_and(|second| second.by == GRANTEE);
        self.relation == Relation::Authorised
            && self.evidence == Evidence::OwnDigid
            && self.registered_by == GRANTOR
            && second
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mandate::tests::{at, born, mandate};

    const NOW: &str = "2026-07-01T12:00:00Z";

    fn made(days: i64) -> Registration {
        let people = (PersonId::from_stored("child"), PersonId::from_stored("parent"));
        grant(MandateId::from_stored("m"), people, days, at(NOW))
    }

    /// It counts by the rule that every mandate counts by: two of its own kind, the grantor's word, an age and an end.
    #[test]
    fn a_grant_counts_from_sixteen_for_so_many_days_and_by_the_word_of_its_two_people_only() {
        let Registration { mandate, consent } = made(30);
        let consents = [consent.unwrap()];
        let look = |mandate: &Mandate, birth, now| standing(mandate, born(birth), &consents, &[], now);
        let end = at(NOW).plus(30 * DAY);
        assert_eq!(look(&mandate, "2010-07-01", at(NOW)), Standing::Active { until: Some(end) });
        assert_eq!(look(&mandate, "2010-07-01", end), Standing::Ended);
        assert_eq!(look(&mandate, "2010-07-02", at(NOW)), Standing::AwaitingConsent);
        assert_eq!(standing(&mandate, None, &consents, &[], at(NOW)), Standing::NoBirthDate);
        assert_eq!(standing(&mandate, born("1950"), &[], &[], at(NOW)), Standing::AwaitingConsent);
        // A mandate of another kind, or seconded by anybody else, counts by none of it.
        let second = |by: &str| Some(Confirmed { by: by.to_owned(), at: at(NOW) });
        for forged in [
            Mandate { relation: Relation::Curator, ..mandate.clone() },
            Mandate { relation: Relation::Parent, ..mandate.clone() },
            Mandate { evidence: Evidence::SignedForm, ..mandate.clone() },
            Mandate { registered_by: GRANTEE.to_owned(), ..mandate.clone() },
            Mandate { approved: second(GRANTOR), ..mandate.clone() },
            Mandate { approved: second("joost"), ..mandate.clone() },
            Mandate { approved: None, ..mandate.clone() },
        ] {
            assert!(!forged.is_made_online() && forged.waits_until(at(NOW)).is_some(), "{forged:?}");
        }
        assert!(mandate.is_made_online() && mandate.waits_until(at(NOW)).is_none());
        assert_eq!(made(367).mandate.ends, Some(at(NOW).plus(LONGEST_GRANT)), "whatever was stored");
    }

    #[test]
    fn a_grant_lasts_a_day_to_a_year() {
        for (days, may) in [(-1, false), (0, false), (1, true), (365, true), (366, true), (367, false)] {
            assert_eq!(may_last(days), may, "{days}");
        }
        assert!(DAYS.into_iter().all(may_last));
        assert_eq!(LIFE, 604_800, "an offer waits a week");
    }

    #[test]
    fn who_is_sixteen_grants_and_an_adult_is_granted() {
        let grants = |birth| may_grant(born(birth), [], at(NOW));
        assert_eq!(grants("2010-07-01"), Ok(()));
        assert_eq!(grants("2010-07-02"), Err(CannotGrant::TooYoung));
        assert_eq!(grants("2010"), Err(CannotGrant::TooYoung), "by the latest reading");
        assert_eq!(may_grant(None, [], at(NOW)), Err(CannotGrant::NoBirthDate));
        for (birth, may) in [("2008-07-01", true), ("2008-07-02", false), ("2008", false)] {
            assert_eq!(may_hold(born(birth), at(NOW)), may, "{birth}");
        }
        assert!(may_hold(None, at(NOW)));
    }

    #[test]
    fn for_whom_a_court_or_a_doctor_let_others_decide_grants_nothing_until_that_is_over() {
        let look = |given: &Mandate| may_grant(born("1950"), [given], at(NOW));
        for relation in [Relation::Curator, Relation::Mentor] {
            let court = mandate(relation);
            assert_eq!(look(&court), Err(CannotGrant::DoesNotDecide));
            assert_eq!(look(&Mandate { revoked_at: Some(at(NOW)), ..court.clone() }), Ok(()));
            assert_eq!(look(&Mandate { ends: Some(at(NOW)), ..court.clone() }), Ok(()));
            assert_eq!(look(&Mandate { starts: at(NOW).plus(1), ..court.clone() }), Ok(()));
            assert_eq!(look(&Mandate { approved: None, ..court }), Ok(()), "nobody looked yet");
        }
        assert_eq!(look(&mandate(Relation::Authorised)), Ok(()));
        // What stood in the place of a child's word stands until its end, also where the mandate lapsed at sixteen.
        let young = born("2010-06-01");
        let basis = crate::domain::mandate::special::tests::basis(
            at(NOW).plus(-DAY),
            at(NOW).plus(DAY),
            Some("joost"),
        );
        let parent = Mandate { special: vec![basis], ..mandate(Relation::Parent) };
        assert_eq!(may_grant(young, [&parent], at(NOW)), Err(CannotGrant::DoesNotDecide));
        assert_eq!(may_grant(young, [&parent], at(NOW).plus(DAY)), Ok(()));
    }
}
