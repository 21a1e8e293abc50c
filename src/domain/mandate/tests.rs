//! The rules of age and agreement, on the two texts' own cases and over all ages and instants.

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::domain::{
    birth::tests::any_birth,
    calendar::parse_day,
    consent::{Unheard, hear},
    mandate::special::tests::{any_basis, expected},
};

pub(super) fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

pub(super) fn born(text: &str) -> Option<BirthDate> {
    text.parse().ok()
}

/// A mandate registered in 2005, so that it stands for every child of these tests.
pub(crate) fn mandate(relation: Relation) -> Mandate {
    let document = Document { kind: DocumentKind::Passport, valid_until: parse_day("2040-01-01").unwrap() };
    let document = Some(document);
    Mandate {
        id: MandateId::from_stored("m"),
        representative: PersonId::from_stored("parent"),
        represented: PersonId::from_stored("child"),
        relation,
        legal_basis: "art. 1:247 BW".into(),
        evidence: Evidence::ParentalAuthority,
        representative_document: document,
        represented_document: document,
        form_reference: "2026-0001".into(),
        registered_by: "desk".into(),
        registered_at: at("2005-01-01T00:00:00Z"),
        approved: Some(Confirmed { by: "second".into(), at: at("2005-01-01T00:00:00Z") }),
        starts: at("2005-01-01T00:00:00Z"),
        ends: None,
        revoked_at: None,
        lapsed_at: None,
        special: Vec::new(),
        department: None,
    }
}

pub(super) fn said(party: Party, word: Word, when: Timestamp) -> Consent {
    Consent { mandate: MandateId::from_stored("m"), party, word, at: when, attested_by: None }
}

fn both_agree(when: Timestamp) -> Vec<Consent> {
    vec![said(Party::Represented, Word::Agreed, when), said(Party::Representative, Word::Agreed, when)]
}

#[test]
fn a_child_born_on_1_july_2010_is_reached_until_the_second_before_their_16th_birthday() {
    let (child, parent) = (born("2010-07-01"), mandate(Relation::Parent));
    let agreed = both_agree(at("2022-07-01T10:00:00Z"));
    let at_16 = at("2026-06-30T22:00:00Z");
    let last = standing(&parent, child, &agreed, &[], at("2026-06-30T21:59:59Z"));
    assert_eq!(last, Standing::Active { until: Some(at_16) });
    assert_eq!(standing(&parent, child, &agreed, &[], at_16), Standing::Lapsed);
}

#[test]
fn one_second_before_12_a_parent_is_allowed_and_at_12_not_until_both_agree() {
    let (child, parent) = (born("2014-07-01"), mandate(Relation::Parent));
    let at_12 = at("2026-06-30T22:00:00Z");
    let look = |consents: &[Consent], now| standing(&parent, child, consents, &[], now);
    assert_eq!(look(&[], at_12.plus(-1)), Standing::Active { until: Some(at_12) });
    assert_eq!(look(&[], at_12), Standing::AwaitingConsent);

    // What they said before the birthday does not count, not even by a second.
    assert_eq!(look(&both_agree(at_12.plus(-1)), at_12.plus(9)), Standing::AwaitingConsent);
    let mut heard = both_agree(at_12.plus(5));
    assert_eq!(look(&heard[..1], at_12.plus(9)), Standing::AwaitingConsent);
    assert_eq!(look(&heard[1..], at_12.plus(9)), Standing::AwaitingConsent);
    assert!(look(&heard, at_12.plus(5)).is_active());

    // A withdrawal works at once, also within the second of the agreement, and until a later agreement.
    heard.insert(0, said(Party::Represented, Word::Withdrawn, at_12.plus(5)));
    assert_eq!(look(&heard, at_12.plus(5)), Standing::Withdrawn);
    heard.insert(0, said(Party::Represented, Word::Agreed, at_12.plus(7)));
    assert_eq!(look(&heard, at_12.plus(6)), Standing::Withdrawn);
    assert!(look(&heard, at_12.plus(7)).is_active());
}

#[test]
fn with_only_the_year_of_birth_known_agreement_counts_from_the_year_s_last_day() {
    let (child, parent) = (born("2014"), mandate(Relation::Parent));
    let look = |said_at, now| standing(&parent, child, &both_agree(at(said_at)), &[], at(now));
    let (january, december) = ("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z");
    assert_eq!(look("2026-12-30T22:59:59Z", december), Standing::AwaitingConsent);
    assert!(look("2026-12-30T23:00:00Z", december).is_active());
    assert_eq!(look(december, january), Standing::AwaitingConsent);
    assert_eq!(look(december, "2029-12-31T23:00:00Z"), Standing::Lapsed);
}

#[test]
fn a_lapsed_mandate_stays_lapsed_when_the_date_of_birth_turns_out_later() {
    let now = at("2026-07-01T12:00:00Z");
    let mut parent = mandate(Relation::Parent);
    assert_eq!(standing(&parent, born("2010-07-01"), &[], &[], now), Standing::Lapsed);
    assert!(standing(&parent, born("2020-07-01"), &[], &[], now).is_active());
    parent.lapsed_at = Some(now);
    assert_eq!(standing(&parent, born("2020-07-01"), &[], &[], now), Standing::Lapsed);
}

#[test]
fn a_block_keeps_out_one_parent_of_one_child_and_nobody_else() {
    let now = at("2026-07-01T12:00:00Z");
    let parent = mandate(Relation::Parent);
    let block = |who: &str, whom: &str, lifted_at| Block {
        representative: PersonId::from_stored(who),
        represented: PersonId::from_stored(whom),
        placed_at: now.plus(60),
        lifted_at,
    };
    let look = |block| standing(&parent, born("2020-07-01"), &[], &[block], now);
    assert_eq!(look(block("parent", "child", None)), Standing::Blocked);
    assert_eq!(look(block("parent", "child", Some(now.plus(1)))), Standing::Blocked);
    assert!(look(block("parent", "child", Some(now))).is_active());
    assert!(look(block("other", "child", None)).is_active());
    assert!(look(block("parent", "sister", None)).is_active());
}

#[test]
fn an_express_grant_needs_a_grantor_of_16_who_agreed_and_ends_within_a_year_whatever_is_stored() {
    let mut grant = mandate(Relation::Authorised);
    let (grantor, at_16) = (born("2010-07-01"), at("2026-06-30T22:00:00Z"));
    (grant.registered_at, grant.starts) = (at_16, at_16);
    let agreed = |when| [said(Party::Represented, Word::Agreed, when)];
    let look = |grantor, consents: &[Consent], now| standing(&grant, grantor, consents, &[], now);
    let ends = at_16.plus(366 * 86_400);
    assert_eq!(look(grantor, &agreed(at_16), at_16), Standing::Active { until: Some(ends) });
    assert_eq!(look(grantor, &agreed(at_16), ends), Standing::Ended);
    assert_eq!(look(grantor, &[], at_16), Standing::AwaitingConsent);
    assert_eq!(look(grantor, &agreed(at_16.plus(-1)), at_16), Standing::AwaitingConsent);
    assert_eq!(look(born("2010-07-02"), &agreed(at_16), at_16.plus(2 * 86_400)), Standing::AwaitingConsent);
    assert_eq!(look(None, &agreed(at_16), at_16), Standing::NoBirthDate);
}

#[test]
fn a_curator_is_for_adults() {
    let (person, at_18) = (born("2008-07-01"), at("2026-06-30T22:00:00Z"));
    let look = |now| standing(&mandate(Relation::Curator), person, &[], &[], now);
    assert_eq!(look(at_18.plus(-1)), Standing::NotYet);
    assert_eq!(look(at_18), Standing::AwaitingBasis);
}

#[test]
fn agreement_is_heard_only_where_it_counts_and_withdrawal_always() {
    let (child, at_12) = (born("2014-07-01"), at("2026-06-30T22:00:00Z"));
    let hear = |relation, party, word, now| {
        hear(&mandate(relation), child, (party, word), Some("desk".into()), now).map(|said| said.at)
    };
    let (they, agreed) = (Party::Represented, Word::Agreed);
    assert_eq!(hear(Relation::Parent, they, agreed, at_12.plus(-1)), Err(Unheard::TooEarly(12)));
    assert_eq!(hear(Relation::Parent, they, agreed, at_12), Ok(at_12));
    assert_eq!(hear(Relation::Parent, they, Word::Withdrawn, at_12.plus(-1)), Ok(at_12.plus(-1)));
    assert_eq!(hear(Relation::Authorised, they, agreed, at_12), Err(Unheard::TooEarly(16)));
    let curator = Err(Unheard::NotNeeded(Relation::Curator));
    assert_eq!(hear(Relation::Curator, they, agreed, at_12), curator);
}

#[test]
fn each_standing_has_its_word_at_the_desk() {
    let words = [
        (Standing::Active { until: None }, "active"),
        (Standing::NotYet, "not_yet"),
        (Standing::AwaitingConsent, "awaiting_consent"),
        (Standing::Withdrawn, "withdrawn"),
        (Standing::Lapsed, "lapsed"),
        (Standing::Ended, "ended"),
        (Standing::Revoked, "revoked"),
        (Standing::Blocked, "blocked"),
        (Standing::NoBirthDate, "no_birth_date"),
    ];
    for (standing, word) in words {
        assert_eq!((standing.as_str(), standing.is_active()), (word, word == "active"));
    }
}

/// Instants near the birthdays that matter, and anywhere else in a life.
fn any_now(born: BirthDate) -> impl Strategy<Value = Timestamp> {
    let birthdays = select(vec![12u8, 16, 18]);
    let near = (birthdays, any::<bool>(), -2i64..=2).prop_map(move |(age, earliest, off)| {
        if earliest { born.earliest_birthday(age) } else { born.latest_birthday(age) }.plus(off)
    });
    let start = born.earliest_birthday(0);
    prop_oneof![near, (0i64..25 * 366 * 86_400).prop_map(move |off| start.plus(off))]
}

/// A story: a mandate, what is known of the birth, one full reading of that, what was said, blocks, and an instant.
fn any_story() -> impl Strategy<Value = (Mandate, (BirthDate, BirthDate), Vec<Consent>, Vec<Block>, Timestamp)>
{
    any_birth().prop_flat_map(|(partly, reading)| {
        let word = (any::<bool>(), any::<bool>(), any_now(partly)).prop_map(|(child, agreed, when)| {
            let party = if child { Party::Represented } else { Party::Representative };
            said(party, if agreed { Word::Agreed } else { Word::Withdrawn }, when)
        });
        let block = option::of(any_now(partly)).prop_map(|lifted_at| Block {
            representative: PersonId::from_stored("parent"),
            represented: PersonId::from_stored("child"),
            placed_at: at("2005-01-01T00:00:00Z"),
            lifted_at,
        });
        let facts = (select(Relation::ALL), any_now(partly), option::of(any_now(partly)), 0u8..12);
        let facts = (facts, vec(any_basis(partly), 0..3));
        let mandate = facts.prop_map(|((relation, starts, ends, over), special)| Mandate {
            special,
            registered_at: starts,
            approved: Some(Confirmed { by: "second".into(), at: starts }),
            starts,
            ends,
            revoked_at: (over == 0).then_some(starts),
            lapsed_at: (over == 1).then_some(starts),
            ..mandate(relation)
        });
        (mandate, Just((partly, reading)), vec(word, 0..6), vec(block, 0..2), any_now(partly))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// The whole rule, told a second time from the other side.
    #[test]
    fn a_parent_is_let_in_only_as_the_ages_say((m, (born, _), said, blocks, now) in any_story()) {
        let active = standing(&m, Some(born), &said, &blocks, now).is_active();
        prop_assert!(!(active && (m.revoked_at.is_some() || m.lapsed_at.is_some() || now < m.starts)));
        prop_assert!(!(active && m.ends.is_some_and(|ends| now >= ends)));
        prop_assert!(!(active && blocks.iter().any(|b| b.lifted_at.is_none_or(|lifted| now < lifted))));
        prop_assert!(!standing(&m, None, &said, &blocks, now).is_active());
        if m.relation.is_parental() {
            prop_assert!(!(active && now >= born.earliest_birthday(16)));
            let parent = Mandate { ends: None, revoked_at: None, lapsed_at: None, ..m };
            let free = standing(&parent, Some(born), &said, &[], now.max(parent.starts)).is_active();
            let now = now.max(parent.starts);
            let agrees = |party| {
                let withdrawn = said.iter().filter(|c| c.party == party && c.word == Word::Withdrawn).map(|c| c.at).max();
                said.iter().any(|c| {
                    c.party == party && c.word == Word::Agreed && c.at >= born.latest_birthday(12) && c.at <= now
                        && withdrawn.is_none_or(|w| c.at > w)
                })
            };
            let refuses = |party| !agrees(party) && said.iter().any(|c| c.party == party && c.word == Word::Withdrawn);
            let special = parent.special.iter().any(|basis| expected(basis, born.latest_birthday(12), now).is_some());
            let from_12 = agrees(Party::Represented) && agrees(Party::Representative)
                || special && !refuses(Party::Represented) && !refuses(Party::Representative);
            let expected = now < born.earliest_birthday(12) || now < born.earliest_birthday(16) && from_12;
            prop_assert_eq!(free, expected);
        } else if m.relation == Relation::Authorised {
            // A year at most, the grantor's own last word, from sixteen on, and nothing in its place.
            let free = Mandate { ends: None, revoked_at: None, lapsed_at: None, ..m };
            let now = now.max(free.starts);
            let is_active = standing(&free, Some(born), &said, &[], now).is_active();
            let theirs = || said.iter().filter(|c| c.party == Party::Represented);
            let withdrawn = theirs().filter(|c| c.word == Word::Withdrawn).map(|c| c.at).max();
            let agrees = theirs().any(|c| {
                c.word == Word::Agreed && c.at >= born.latest_birthday(16) && c.at <= now && withdrawn.is_none_or(|w| c.at > w)
            });
            prop_assert_eq!(is_active, agrees && now < free.registered_at.plus(366 * 86_400));
        } else {
            let special = m.special.iter().any(|basis| expected(basis, born.latest_birthday(18), now).is_some());
            prop_assert!(!active || special && born.has_surely_turned(18, now));
        }
    }

    /// `until` is the first instant of change: nothing changes before it, and something does at it.
    #[test]
    fn until_is_the_first_instant_at_which_the_standing_changes(
        (m, (born, _), said, blocks, now) in any_story(), part in 0i64..1000,
    ) {
        let look = |now| standing(&m, Some(born), &said, &blocks, now);
        if let Standing::Active { until: Some(until) } = look(now) {
            prop_assert!(until > now);
            for within in [until.plus(-1), now.plus((until.since(now) - 1) * part / 1000)] {
                prop_assert!(look(within).is_active());
            }
            // Facts of the future, of a clock ahead of ours, may come to give more; those of now change nothing by themselves.
            let said: Vec<_> = said.iter().filter(|c| c.word == Word::Withdrawn || c.at <= now).cloned().collect();
            let counts = |basis: &SpecialBasis| basis.confirmed.as_ref().is_some_and(|second| second.at <= now);
            let special = m.special.iter().filter(|basis| counts(basis)).cloned().collect();
            let m = Mandate { special, ..m.clone() };
            let look = |now| standing(&m, Some(born), &said, &blocks, now);
            prop_assert_ne!(look(until), look(now));
            prop_assert_eq!(look(until.plus(-1)), look(now));
            prop_assert_eq!(look(now.plus((until.since(now) - 1) * part / 1000)), look(now));
        } else if let Standing::Active { until: None } = look(now) {
            prop_assert_eq!(look(now.plus(part * 100 * DAY)), look(now));
        }
    }

    /// What is over never comes back, however the clock, the consents or the blocks go on.
    #[test]
    fn what_is_over_stays_over((m, (born, _), said, blocks, now) in any_story(), later in any_story()) {
        let over = |s| matches!(s, Standing::Lapsed | Standing::Ended | Standing::Revoked);
        if over(standing(&m, Some(born), &said, &blocks, now)) {
            let wait = later.4.since(later.1.0.earliest_birthday(0)).max(0);
            prop_assert!(over(standing(&m, Some(born), &later.2, &later.3, now.plus(wait))));
        }
    }

    /// Knowing less of a date of birth never gives access that any full reading of it would not give, nor for longer.
    #[test]
    fn a_partly_known_date_never_gives_more((m, (partly, reading), said, blocks, now) in any_story()) {
        if let Standing::Active { until } = standing(&m, Some(partly), &said, &blocks, now) {
            let full = standing(&m, Some(reading), &said, &blocks, now);
            let far = Timestamp::from_epoch(i64::MAX);
            match full {
                Standing::Active { until: longest } => prop_assert!(until.unwrap_or(far) <= longest.unwrap_or(far)),
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}

/// Of who registered it twice the approval counts as little as that of a member of staff who is called like a program.
#[test]
fn what_one_registered_counts_from_the_approval_by_another_of_the_same_kind() {
    let now = at("2026-07-01T09:00:00Z");
    let look = |by: &str, second: Option<(&str, i64)>| {
        let approved = second.map(|(by, seconds)| Confirmed { by: by.into(), at: now.plus(seconds) });
        let facts =
            Mandate { registered_by: by.into(), registered_at: now, approved, ..mandate(Relation::Parent) };
        standing(&facts, born("2020"), &[], &[], now)
    };
    for (by, second) in
        [("client:root", "client:clerk"), ("els", "joost"), ("els", "migration:25"), ("root", "clerk")]
    {
        assert!(look(by, Some((second, 0))).is_active(), "{by} {second}");
        assert_eq!(look(by, Some((second, 1))), Standing::AwaitingApproval, "{by} {second}");
        assert_eq!(look(by, None), Standing::AwaitingApproval, "{by}");
    }
    for (by, second) in [
        ("client:root", "client:root"),
        ("client:root", "root"),
        ("client:root", "els"),
        ("root", "client:root"),
        ("els", "client:clerk"),
        ("els", "els"),
        ("els", "ELS"),
    ] {
        assert_eq!(look(by, Some((second, 0))), Standing::AwaitingApproval, "{by} {second}");
    }
    let over = Mandate { revoked_at: Some(now), approved: None, ..mandate(Relation::Parent) };
    assert_eq!(standing(&over, born("2020"), &[], &[], now), Standing::Revoked);
}

/// Thirty days, to the second; an approval that came later, by whatever way, is none, and what is over says so first.
#[test]
fn what_waited_thirty_days_for_its_approval_is_void() {
    let registered = at("2026-07-01T09:00:00Z");
    let end = registered.plus(30 * DAY);
    let waits = |approved: Option<Timestamp>| Mandate {
        registered_by: "client:root".into(),
        registered_at: registered,
        approved: approved.map(|at| Confirmed { by: "client:clerk".into(), at }),
        ..mandate(Relation::Parent)
    };
    let look = |mandate: &Mandate, now| standing(mandate, born("2020"), &[], &[], now);
    assert_eq!(look(&waits(None), end.plus(-1)), Standing::AwaitingApproval);
    assert_eq!(look(&waits(None), end), Standing::NotApproved);
    assert_eq!(waits(None).waits_until(end), Some(end));
    assert!(look(&waits(Some(end.plus(-1))), end).is_active());
    assert_eq!(waits(Some(end.plus(-1))).waits_until(end), None);
    assert_eq!(look(&waits(Some(end)), end), Standing::NotApproved);
    let revoked = Mandate { revoked_at: Some(end), ..waits(None) };
    assert_eq!(look(&revoked, end), Standing::Revoked);
    assert_eq!(standing(&waits(None), born("2010"), &[], &[], end), Standing::Lapsed);
    // Agreement that is missing hides nothing of it.
    assert_eq!(standing(&waits(None), born("2013"), &[], &[], end), Standing::NotApproved);
}
