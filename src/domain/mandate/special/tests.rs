//! The special basis, on cases and over all ages and instants.

use proptest::{option, prelude::*, sample::select};

use super::*;
use crate::domain::{
    birth::tests::any_birth,
    calendar::DAY,
    consent::{Block, Consent, Party, Word},
    id::{MandateId, PersonId},
    mandate::tests::mandate,
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn born(text: &str) -> Option<BirthDate> {
    text.parse().ok()
}

/// Attested by els; confirmed, if it is, in the same second.
pub(crate) fn basis(attested_at: Timestamp, ends: Timestamp, confirmed_by: Option<&str>) -> SpecialBasis {
    SpecialBasis {
        id: SpecialBasisId::from_stored("s"),
        evidence_reference: "2026-0002".into(),
        attested_by: "els".into(),
        attested_at,
        ends,
        confirmed: confirmed_by.map(|by| Confirmed { by: by.into(), at: attested_at }),
    }
}

fn with(relation: Relation, special: &[SpecialBasis]) -> Mandate {
    Mandate { special: special.to_vec(), ..mandate(relation) }
}

fn said(party: Party, word: Word, at: Timestamp) -> Consent {
    Consent { mandate: MandateId::from_stored("m"), party, word, at, attested_by: None }
}

/// Thirteen years old at these instants.
const CHILD: &str = "2013-01-01";
const NOON: &str = "2026-07-01T12:00:00Z";

#[test]
fn it_counts_from_its_confirmation_by_somebody_else_until_its_end() {
    let (now, ends) = (at(NOON), at(NOON).plus(90 * DAY));
    let look = |special: &[SpecialBasis], now| {
        standing(&with(Relation::Parent, special), born(CHILD), &[], &[], now)
    };
    let active = Standing::Active { until: Some(ends) };
    assert_eq!(look(&[basis(now, ends, None)], now.plus(60)), Standing::AwaitingConsent);
    let waits = |second| basis(now, ends, second).waits_until();
    assert_eq!((waits(None), waits(Some("joost"))), (Some(now.plus(30 * DAY)), None));
    for own in ["els", "Els", "ELS"] {
        assert_eq!(look(&[basis(now, ends, Some(own))], now), Standing::AwaitingConsent, "{own}");
    }
    // What SQL takes for two, stored by whatever way.
    let accented = SpecialBasis { attested_by: "zo\u{eb}".into(), ..basis(now, ends, Some("ZO\u{cb}")) };
    assert_eq!(look(&[accented], now), Standing::AwaitingConsent);
    let mut two = basis(now, ends, Some("joost"));
    assert_eq!(look(std::slice::from_ref(&two), now), active);
    assert_eq!(look(std::slice::from_ref(&two), ends.plus(-1)), active);
    assert_eq!(look(std::slice::from_ref(&two), ends), Standing::AwaitingConsent);
    two.confirmed.as_mut().unwrap().at = now.plus(30);
    assert_eq!(look(std::slice::from_ref(&two), now.plus(29)), Standing::AwaitingConsent);
    assert_eq!(look(&[two.clone()], now.plus(30)), active);
    // Who confirms it thirty days later confirms what is void.
    let mut late = two.clone();
    late.confirmed.as_mut().unwrap().at = now.plus(30 * DAY);
    assert_eq!(look(&[late.clone()], now.plus(31 * DAY)), Standing::AwaitingConsent);
    late.confirmed.as_mut().unwrap().at = now.plus(30 * DAY - 1);
    assert_eq!(look(&[late], now.plus(31 * DAY)), active);
    // A second one in time leaves no gap, and one that nobody confirmed shortens nothing.
    let next = basis(now.plus(80 * DAY), now.plus(200 * DAY), Some("joost"));
    let waiting = basis(now, now.plus(DAY), None);
    let all = [waiting, basis(now, ends, Some("joost")), next];
    assert_eq!(look(&all, now), active);
    assert_eq!(look(&all, now.plus(80 * DAY)), Standing::Active { until: Some(now.plus(200 * DAY)) });
}

#[test]
fn what_is_stored_makes_none_longer_than_a_year_or_than_childhood() {
    let now = at(NOON);
    let look = |child, now| {
        let far = basis(at(NOON), at(NOON).plus(900 * DAY), Some("joost"));
        standing(&with(Relation::Guardian, &[far]), born(child), &[], &[], now)
    };
    let year = now.plus(366 * DAY);
    assert_eq!(look(CHILD, now), Standing::Active { until: Some(year) });
    assert_eq!(look(CHILD, year), Standing::AwaitingConsent);
    let at_16 = at("2026-12-31T23:00:00Z");
    assert_eq!(look("2011-01-01", now), Standing::Active { until: Some(at_16) });
    assert_eq!(look("2011-01-01", at_16), Standing::Lapsed);
    assert_eq!(look("2010-07-01", now), Standing::Lapsed, "sixteen today");
    // The year is read at its earliest for the end, and at its latest for the beginning.
    assert_eq!(look("2011", now), Standing::Active { until: Some(at_16) });
    assert_eq!(look("2014", now), Standing::AwaitingConsent, "perhaps still eleven when it was attested");
}

#[test]
fn a_withdrawal_stops_it_at_once_whenever_it_was_said_and_a_block_always_wins() {
    use Party::{Representative, Represented};
    let now = at(NOON);
    let parent = with(Relation::Parent, &[basis(now, now.plus(90 * DAY), Some("joost"))]);
    let look =
        |heard: &[Consent], blocks: &[Block]| standing(&parent, born(CHILD), heard, blocks, now.plus(60));
    let active = Standing::Active { until: Some(now.plus(90 * DAY)) };
    for party in [Represented, Representative] {
        for when in [-DAY, 0, 60, 61] {
            let no = said(party, Word::Withdrawn, now.plus(when));
            assert_eq!(look(std::slice::from_ref(&no), &[]), Standing::Withdrawn, "{party} at {when}");
        }
        let again =
            [said(party, Word::Withdrawn, now.plus(-DAY)), said(party, Word::Agreed, now.plus(-DAY + 1))];
        assert_eq!(look(&again, &[]), active, "their own later word");
    }
    let block = Block {
        representative: PersonId::from_stored("parent"),
        represented: PersonId::from_stored("child"),
        placed_at: now.plus(-DAY),
        lifted_at: None,
    };
    assert_eq!(look(&[], &[block]), Standing::Blocked);
    let over = |change: fn(&mut Mandate, Timestamp)| {
        let mut parent = parent.clone();
        change(&mut parent, now);
        standing(&parent, born(CHILD), &[], &[], now)
    };
    assert_eq!(over(|m, now| m.revoked_at = Some(now)), Standing::Revoked);
    assert_eq!(over(|m, now| m.lapsed_at = Some(now)), Standing::Lapsed);
    assert_eq!(over(|m, now| m.ends = Some(now)), Standing::Ended);
    // Agreement does not need it, and outlives it.
    let both = [Represented, Representative].map(|party| said(party, Word::Agreed, now));
    assert_eq!(look(&both, &[]), Standing::Active { until: Some(at("2028-12-31T23:00:00Z")) });
}

#[test]
fn a_curator_or_mentor_counts_while_one_stands_and_an_express_grant_has_none() {
    let now = at(NOON);
    let look = |relation, birth, special: &[SpecialBasis]| {
        standing(&with(relation, special), born(birth), &[], &[], now)
    };
    let confirmed = [basis(now, now.plus(90 * DAY), Some("joost"))];
    for relation in [Relation::Curator, Relation::Mentor] {
        assert_eq!(look(relation, "1950", &[]), Standing::AwaitingBasis);
        assert_eq!(look(relation, "1950", &[basis(now, now.plus(DAY), None)]), Standing::AwaitingBasis);
        assert_eq!(look(relation, "1950", &confirmed), Standing::Active { until: Some(now.plus(90 * DAY)) });
        assert_eq!(
            look(relation, "2008-07-01", &confirmed),
            Standing::Active { until: Some(now.plus(90 * DAY)) }
        );
        assert_eq!(look(relation, "2008-07-02", &confirmed), Standing::NotYet, "seventeen");
    }
    let mut grant = with(Relation::Authorised, &confirmed);
    (grant.registered_at, grant.starts) = (now, now);
    assert_eq!(standing(&grant, born("1950"), &[], &[], now), Standing::AwaitingConsent);
}

#[test]
fn it_is_attested_only_of_whom_it_can_be_and_for_a_year_at_most() {
    let now = at("2026-06-30T22:00:00Z");
    let form = |ends| Attestation { evidence_reference: " brief 12 ".into(), ends, by: "els".into() };
    let attest = |mandate: &Mandate, birth, ends| attest(mandate, born(birth), &form(ends), now);
    let (parent, year) = (mandate(Relation::Parent), now.plus(366 * DAY));
    let made = attest(&parent, CHILD, year).unwrap();
    assert_eq!((made.evidence_reference.as_str(), made.attested_at, made.confirmed), ("brief 12", now, None));
    let refused = |mandate: &Mandate, birth| attest(mandate, birth, year).err();
    assert_eq!(refused(&parent, "2014-07-01"), None, "twelve today");
    assert_eq!(refused(&parent, "2014-07-02"), Some(Unattested::TooEarly(12)));
    assert_eq!(refused(&parent, "2014"), Some(Unattested::TooEarly(12)), "by the latest reading");
    assert_eq!(refused(&parent, "2010-07-02"), None, "sixteen tomorrow");
    assert_eq!(refused(&parent, "2010-07-01"), Some(Unattested::Lapsed));
    assert_eq!(refused(&parent, "2010"), Some(Unattested::Lapsed), "by the earliest reading");
    assert_eq!(refused(&parent, ""), Some(Unattested::NoBirthDate));
    assert_eq!(refused(&mandate(Relation::Mentor), "2008-07-02"), Some(Unattested::TooEarly(18)));
    assert_eq!(refused(&mandate(Relation::Curator), "2008-07-01"), None);
    let grant = mandate(Relation::Authorised);
    assert_eq!(refused(&grant, "1950"), Some(Unattested::NotFor(Relation::Authorised)));
    let over = |change: fn(&mut Mandate)| {
        let mut parent = parent.clone();
        change(&mut parent);
        refused(&parent, CHILD)
    };
    assert_eq!(over(|m| m.revoked_at = Some(m.starts)), Some(Unattested::Over));
    assert_eq!(over(|m| m.ends = Some(m.starts)), Some(Unattested::Over));
    assert_eq!(over(|m| m.lapsed_at = Some(m.starts)), Some(Unattested::Lapsed));
    assert_eq!(attest(&parent, CHILD, now).err(), Some(Unattested::EndTooEarly));
    assert!(attest(&parent, CHILD, now.plus(1)).is_ok());
    assert_eq!(attest(&parent, CHILD, year.plus(1)).err(), Some(Unattested::EndTooLate));
    for (evidence, by, what) in [
        ("", "els", "evidence reference"),
        ("a\nb", "els", "evidence reference"),
        ("x", " ", "name of the member of staff"),
    ] {
        let form = Attestation { evidence_reference: evidence.into(), ends: year, by: by.into() };
        assert_eq!(super::attest(&parent, born(CHILD), &form, now), Err(Unattested::Text(what)));
    }
}

/// Attestations around the ages that matter, each waiting, confirmed by another, or by the same one.
pub(crate) fn any_basis(born: BirthDate) -> impl Strategy<Value = SpecialBasis> {
    let age = select(vec![12u8, 13, 14, 16, 18, 19]);
    let confirmed = option::of((select(vec!["joost", "joost", "els", "ELS"]), 0i64..3));
    (age, any::<bool>(), -2i64..=2, 0i64..400 * DAY, confirmed).prop_map(
        move |(age, earliest, off, lasts, confirmed)| {
            let birthday = if earliest { born.earliest_birthday(age) } else { born.latest_birthday(age) };
            let attested_at = birthday.plus(off);
            let confirmed =
                confirmed.map(|(by, later)| Confirmed { by: by.into(), at: attested_at.plus(later) });
            SpecialBasis { confirmed, ..basis(attested_at, attested_at.plus(lasts), None) }
        },
    )
}

/// The rule told a second time: what stands at `now` of a basis, and until when.
pub(crate) fn expected(basis: &SpecialBasis, from: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let second = basis.confirmed.as_ref()?;
    let ends = basis.ends.min(basis.attested_at.plus(366 * DAY));
    let four_eyes = second.by.to_lowercase() != basis.attested_by.to_lowercase();
    let counts =
        four_eyes && basis.attested_at >= from && now >= second.at && now >= basis.attested_at && now < ends;
    counts.then_some(ends)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// With a basis and without it: it opens nothing but what it is for, and takes nothing away.
    #[test]
    fn it_stands_in_the_place_of_agreement_and_of_nothing_else(
        (birth, basis, twelve) in any_birth().prop_flat_map(|(birth, _)| {
            (Just(birth), any_basis(birth), Just(birth.earliest_birthday(12)))
        }),
        relation in select(Relation::ALL),
        off in prop_oneof![-2i64..=2, -2i64..=370, -800i64..800],
        days in any::<bool>(),
        words in proptest::collection::vec((any::<bool>(), any::<bool>(), -9i64..9), 0..3),
    ) {
        let now = basis.attested_at.plus(if days { off * DAY } else { off });
        let heard: Vec<_> = words.iter().map(|(child, agreed, ago)| said(
            if *child { Party::Represented } else { Party::Representative },
            if *agreed { Word::Agreed } else { Word::Withdrawn },
            now.plus(-ago.abs()),
        )).collect();
        let look = |special: &[SpecialBasis]| standing(&with(relation, special), Some(birth), &heard, &[], now);
        let (without, with_it) = (look(&[]), look(std::slice::from_ref(&basis)));
        let from = if relation.is_parental() { 12 } else { 18 };
        let stands = expected(&basis, birth.latest_birthday(from), now);
        match (without, stands) {
            (Standing::AwaitingConsent, Some(until)) if relation.is_parental() => {
                let until = until.min(birth.earliest_birthday(16));
                prop_assert_eq!(with_it, Standing::Active { until: Some(until) });
                prop_assert!(now >= twelve && now < birth.earliest_birthday(16) && until > now);
            }
            (Standing::AwaitingBasis, Some(until)) => {
                prop_assert_eq!(with_it, Standing::Active { until: Some(until) });
                prop_assert!(birth.has_surely_turned(18, now) && !relation.is_parental());
            }
            _ => prop_assert_eq!(with_it, without),
        }
    }
}
