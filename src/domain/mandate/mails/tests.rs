//! What is told of a mandate, and when.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    birth::tests::any_birth,
    consent::{Party, Word},
    id::{MandateId, PersonId},
    mandate::{Relation, tests::mandate},
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// Born on 1 July 2014: twelve from this moment on.
const TWELVE: &str = "2026-06-30T22:00:00Z";

fn child() -> Option<BirthDate> {
    "2014-07-01".parse().ok()
}

fn both(word: Word, when: Timestamp) -> Vec<Consent> {
    [Party::Represented, Party::Representative]
        .map(|party| Consent {
            mandate: MandateId::from_stored("m"),
            party,
            word,
            at: when,
            attested_by: None,
        })
        .into()
}

fn told(mandate: &Mandate, consents: &[Consent], now: Timestamp) -> Vec<Telling> {
    mails(mandate, child(), consents, &[], now).tell
}

/// When the mandates of these tests were approved.
const APPROVED: &str = "2005-01-01T00:00:00Z";

const STARTED: Telling = Telling { what: What::Started, at: Timestamp::from_epoch(0) };

#[test]
fn an_end_is_told_two_weeks_ahead_and_from_its_first_second_for_a_week() {
    let (parent, twelve) = (mandate(Relation::Parent), at(TWELVE));
    let ending = Telling { what: What::Ending, at: twelve };
    let ended = Telling { what: What::Ended, at: twelve };
    let told = |now| told(&parent, &[], now);
    assert_eq!(told(twelve.plus(-AHEAD - 1)), [STARTED]);
    assert_eq!(told(twelve.plus(-AHEAD)), [STARTED, ending]);
    assert_eq!(told(twelve.plus(-1)), [STARTED, ending]);
    assert_eq!(told(twelve), [ended], "never ahead of what has passed");
    assert_eq!(told(twelve.plus(LATE)), [ended]);
    assert_eq!(told(twelve.plus(LATE + 1)), []);
    assert_eq!(
        (twelve.plus(-AHEAD), twelve.plus(LATE)),
        (at("2026-06-16T22:00:00Z"), at("2026-07-07T22:00:00Z"))
    );
    let again = |now| mails(&parent, child(), &[], &[], now).again;
    assert_eq!(again(twelve.plus(-AHEAD - 1)), Some(twelve.plus(-AHEAD)));
    assert_eq!(again(twelve.plus(-AHEAD)), Some(twelve));
    assert_eq!(cause(&parent, child(), twelve), Cause::Twelve);
}

#[test]
fn only_what_counted_ends_and_each_end_has_its_cause() {
    let (twelve, sixteen) = (at(TWELVE), at("2030-06-30T22:00:00Z"));
    let parent = mandate(Relation::Parent);
    let agreed = both(Word::Agreed, twelve.plus(60));
    let ended = |at| Telling { what: What::Ended, at };
    assert_eq!(told(&parent, &agreed, sixteen), [ended(sixteen)]);
    assert_eq!(cause(&parent, child(), sixteen), Cause::Sixteen);
    // Nobody agreed, or somebody took it back: there is nothing left to end.
    assert_eq!(told(&parent, &[], sixteen), []);
    let withdrawn = [agreed.clone(), both(Word::Withdrawn, twelve.plus(99))].concat();
    for now in [sixteen.plus(-9), sixteen] {
        assert_eq!(told(&parent, &withdrawn, now), [], "{now:?}");
    }
    let until = at("2026-01-01T00:00:00Z");
    let short = Mandate { ends: Some(until), ..mandate(Relation::Guardian) };
    assert_eq!(told(&short, &[], until.plus(9)), [ended(until)]);
    assert_eq!(cause(&short, child(), until), Cause::End);
    // No agreement revives one whose own end is the twelfth birthday.
    let to_twelve = Mandate { ends: Some(twelve), ..mandate(Relation::Guardian) };
    assert_eq!(told(&to_twelve, &[], twelve.plus(9)), [ended(twelve)]);
    assert_eq!(cause(&to_twelve, child(), twelve), Cause::End);
    assert_eq!(cause(&to_twelve, child(), sixteen), Cause::Sixteen);
    assert_eq!(told(&Mandate { revoked_at: Some(until), ..short.clone() }, &[], until.plus(9)), []);
    // What was approved after its end never counted.
    let late = Some(crate::domain::mandate::Confirmed { by: "second".into(), at: until });
    assert_eq!(
        told(&Mandate { approved: late, registered_at: until.plus(-9), ..short }, &[], until.plus(9)),
        []
    );
}

#[test]
fn a_block_shows_in_no_mail_about_an_end() {
    let (parent, twelve) = (mandate(Relation::Parent), at(TWELVE));
    let block = Block {
        representative: PersonId::from_stored("parent"),
        represented: PersonId::from_stored("child"),
        placed_at: twelve.plus(-AHEAD),
        lifted_at: None,
    };
    let blocked = |now| mails(&parent, child(), &[], std::slice::from_ref(&block), now).tell;
    assert_eq!(blocked(twelve.plus(-9)), [Telling { what: What::Ending, at: twelve }], "nothing begins");
    assert_eq!(blocked(twelve), told(&parent, &[], twelve));
}

#[test]
fn an_end_that_was_chosen_within_two_weeks_is_not_told_ahead_and_a_birthday_is() {
    let begins = at("2026-03-01T12:00:00Z");
    let lasts = |seconds: i64| Mandate {
        starts: begins,
        registered_at: begins,
        approved: Some(crate::domain::mandate::Confirmed { by: "second".into(), at: begins }),
        ends: Some(begins.plus(seconds)),
        ..mandate(Relation::Parent)
    };
    for days in [7, 14] {
        let short = lasts(days * DAY);
        assert_eq!(told(&short, &[], begins), [STARTED], "{days}");
        assert_eq!(told(&short, &[], begins.plus(days * DAY - 1)), [STARTED], "{days}");
        let ended = Telling { what: What::Ended, at: begins.plus(days * DAY) };
        assert_eq!(told(&short, &[], begins.plus(days * DAY)), [ended], "{days}");
    }
    // The twin, a second longer.
    let longer = lasts(AHEAD + 1);
    let ending = Telling { what: What::Ending, at: begins.plus(AHEAD + 1) };
    assert_eq!(told(&longer, &[], begins), [STARTED]);
    assert_eq!(told(&longer, &[], begins.plus(1)), [STARTED, ending]);
    // What was approved late began then.
    let late = Some(crate::domain::mandate::Confirmed { by: "second".into(), at: begins.plus(1) });
    assert_eq!(told(&Mandate { approved: late, ..longer }, &[], begins.plus(9)), [STARTED]);
    // Nobody chose the day of a birthday.
    let twelve = at(TWELVE);
    let shortly = twelve.plus(-7 * DAY);
    let child_of_eleven = Mandate { starts: shortly, registered_at: shortly, ends: None, ..lasts(0) };
    let approved = Some(crate::domain::mandate::Confirmed { by: "second".into(), at: shortly });
    let ending = Telling { what: What::Ending, at: twelve };
    assert_eq!(told(&Mandate { approved, ..child_of_eleven }, &[], shortly), [STARTED, ending]);
}

proptest! {
    /// Who looks when they were told to look misses nothing.
    #[test]
    fn whoever_looks_again_when_they_should_tells_every_end((born, _) in any_birth(), begins in 1_100_000_000i64..1_900_000_000, lasts in 1i64..400_000_000) {
        let ends = Timestamp::from_epoch(begins + lasts);
        let mandate = Mandate { ends: Some(ends), starts: Timestamp::from_epoch(begins), ..mandate(Relation::Parent) };
        let mut now = Timestamp::from_epoch(begins);
        let mut all = Vec::new();
        for _ in 0..64 {
            let looked = mails(&mandate, Some(born), &[], &[], now);
            prop_assert!(looked.again.is_none_or(|again| again > now));
            for telling in looked.tell {
                prop_assert!(telling.what != What::Ending || telling.at > now);
                all.push((now, telling));
            }
            let Some(again) = looked.again else { break };
            now = again;
        }
        let end = ends.min(born.earliest_birthday(HAS_A_SAY));
        let counted = end > Timestamp::from_epoch(begins);
        let first = |what| all.iter().find(|(_, telling)| telling.what == what).map(|(now, telling)| (*now, telling.at));
        prop_assert_eq!(first(What::Ended), counted.then_some((end, end)));
        let began = Timestamp::from_epoch(begins).max(at(APPROVED));
        let news = end == born.earliest_birthday(HAS_A_SAY) || end.plus(-AHEAD) > began;
        let ahead = end.plus(-AHEAD).max(Timestamp::from_epoch(begins));
        prop_assert_eq!(first(What::Ending), (counted && news).then_some((ahead, end)));
    }
}
