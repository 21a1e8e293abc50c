//! The register's word, on cases and over all ages and blocks.

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::domain::{
    birth::{HAS_A_SAY, tests::any_birth},
    mandate::{standing, tests::mandate},
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn born(text: &str) -> Option<BirthDate> {
    text.parse().ok()
}

fn parent() -> PersonId {
    PersonId::from_stored("parent")
}

fn word() -> ParentalAuthority {
    ParentalAuthority::over(PersonId::from_stored("child"), vec![])
}

/// A session of before is worth nothing, and its next visit is no fault.
#[test]
fn a_word_of_before_the_bsn_was_kept_names_nobody() {
    let old: ParentalAuthority = serde_json::from_str(r#"{"id": "m", "child": "child"}"#).unwrap();
    assert!(old.named.is_empty());
}

fn record(child: &str) -> Record {
    Record { child_born: born(child), ..Record::default() }
}

fn block(who: &str, told_apart: bool, lifted_at: Option<Timestamp>) -> OnChild {
    let [representative, represented] = [who, "child"].map(PersonId::from_stored);
    let placed_at = at("2005-01-01T00:00:00Z");
    OnChild { block: Block { representative, represented, placed_at, lifted_at }, told_apart }
}

const DESK: Result<Timestamp, NotRepresented> = Err(NotRepresented::AskTheDesk);
const TWELVE: Result<Timestamp, NotRepresented> = Err(NotRepresented::TurnedTwelve);

#[test]
fn it_counts_until_the_second_before_the_twelfth_birthday_and_not_without_a_date() {
    let at_12 = at("2026-06-30T22:00:00Z");
    let look = |child, now| word().counts(Some(&parent()), &record(child), now);
    assert_eq!(look("2014-07-01", at_12.plus(-1)), Ok(at_12));
    assert_eq!(look("2014-07-01", at_12), TWELVE);
    assert_eq!(look("2010-07-01", at_12), TWELVE, "sixteen");
    assert_eq!(look("2014", at("2025-12-31T22:59:59Z")), Ok(at("2025-12-31T23:00:00Z")));
    assert_eq!(look("2014", at("2025-12-31T23:00:00Z")), TWELVE, "by the earliest reading");
    assert_eq!(look("", at_12), DESK, "nobody knows who decides");
}

#[test]
fn a_block_on_the_parent_or_on_who_may_be_the_parent_holds_and_never_shows() {
    let now = at("2026-07-01T12:00:00Z");
    let look = |child, block| {
        word().counts(Some(&parent()), &Record { blocks: vec![block], ..record(child) }, now).map(drop)
    };
    let (open, desk) = (Ok(()), DESK.map(drop));
    for told_apart in [true, false] {
        assert_eq!(look("2020-07-01", block("parent", told_apart, None)), desk);
        assert_eq!(look("2020-07-01", block("parent", told_apart, Some(now.plus(1)))), desk);
        assert_eq!(look("2020-07-01", block("parent", told_apart, Some(now))), open);
    }
    assert_eq!(
        look("2020-07-01", block("other", true, None)),
        open,
        "another parent, and known not to be this one"
    );
    assert_eq!(look("2020-07-01", block("other", false, None)), desk, "DigiD cannot tell them apart");
    assert_eq!(look("2020-07-01", block("other", false, Some(now))), open);
    assert_eq!(look("2010-07-01", block("parent", true, None)), TWELVE.map(drop), "as without a block");
}

#[test]
fn on_somebody_whom_nobody_knows_only_a_block_that_may_mean_them_holds() {
    let now = at("2026-07-01T12:00:00Z");
    let look =
        |block| word().counts(None, &Record { blocks: vec![block], ..record("2020-07-01") }, now).map(drop);
    let elsewhere = |mut on: OnChild| {
        on.block.represented = PersonId::from_stored("sister");
        on
    };
    assert_eq!(look(block("other", true, None)), Ok(()), "whoever that is has a BSN that is known here");
    assert_eq!(look(block("other", false, None)), DESK.map(drop));
    assert_eq!(look(block("other", false, Some(now))), Ok(()));
    assert_eq!(look(elsewhere(block("other", false, None))), Ok(()));
    assert_eq!(word().counts(None, &record("2014-07-01"), now), TWELVE);
}

#[test]
fn nobody_who_may_be_under_sixteen_is_a_parent_and_nobody_is_their_own() {
    let now = at("2026-06-30T22:00:00Z");
    let look = |parents| {
        let record = Record { parent_born: born(parents), ..record("2024-07-01") };
        word().counts(Some(&parent()), &record, now).map(drop)
    };
    let desk = DESK.map(drop);
    assert_eq!(look("2010-07-01"), Ok(()), "sixteen today");
    assert_eq!(look("2010-07-02"), desk);
    assert_eq!(look("2010"), desk, "by the latest reading");
    assert_eq!(look(""), Ok(()), "not known: the register knows");
    let child = word().child;
    assert_eq!(word().counts(Some(&child), &record("2024-07-01"), now), DESK);
}

#[test]
fn each_reason_has_its_word_in_the_audit_log() {
    let words = [NotRepresented::TurnedTwelve, NotRepresented::AskTheDesk].map(NotRepresented::as_str);
    assert_eq!(words, ["turned_twelve", "ask_the_desk"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// What the register says is worth what a parent's mandate of the desk is worth to which nobody agreed: no more, no longer.
    #[test]
    fn it_is_worth_what_a_parents_mandate_is_worth_below_twelve(
        (partly, reading) in any_birth(),
        known in any::<bool>(),
        lifts in vec(option::of(-3i64..=3), 0..3),
        off in prop_oneof![-2i64..=2, -12 * 366 * 86_400i64..20 * 366 * 86_400],
    ) {
        // The mandate of these tests began in 2005.
        let now = partly.earliest_birthday(HAS_A_SAY).plus(off).max(at("2005-01-01T00:00:00Z"));
        let child_born = known.then_some(partly);
        let blocks: Vec<_> = lifts.iter().map(|lift| block("parent", true, lift.map(|off| now.plus(off)))).collect();
        let desk = {
            let blocks: Vec<Block> = blocks.iter().map(|on| on.block.clone()).collect();
            standing(&mandate(RELATION), child_born, &[], &blocks, now)
        };
        let record = Record { parent_born: None, child_born, blocks };
        let counts = word().counts(Some(&parent()), &record, now);
        prop_assert_eq!(counts.is_ok(), desk.is_active());
        if let Ok(until) = counts {
            prop_assert_eq!(desk, Standing::Active { until: Some(until) });
            prop_assert_eq!(until, partly.earliest_birthday(HAS_A_SAY));
            prop_assert!(until > now && !reading.may_have_turned(HAS_A_SAY, now));
        }
    }

    /// A block changes nothing but whether access is given: what is said of age is the same with it and without it.
    #[test]
    fn a_block_never_changes_what_is_said_of_age((born, _) in any_birth(), off in -20 * 366 * 86_400i64..20 * 366 * 86_400) {
        let now = born.earliest_birthday(HAS_A_SAY).plus(off);
        let free = Record { child_born: Some(born), ..Record::default() };
        let blocked = Record { blocks: vec![block("parent", true, None)], ..free.clone() };
        let [free, blocked] = [free, blocked].map(|record| word().counts(Some(&parent()), &record, now));
        prop_assert!(blocked.is_err());
        prop_assert_eq!(free == TWELVE, blocked == TWELVE);
    }
}
