//! Four eyes: what gives access counts once somebody else than who asked for it looked too (M11, `docs/adr/0034`).

use super::{
    birth::BirthDate,
    bsn::Bsn,
    calendar::DAY,
    line::{member_of, program_of, staff},
    patient_number::PatientNumber,
    time::Timestamp,
};

/// What the second pair of eyes read themselves of the two people of a mandate. No answer holds a BSN, and a name proves nothing: without this
/// they would approve whoever the first one made up.
#[derive(Debug, Default)]
pub struct Recognised {
    /// The BSN of the representative, where one is on record.
    pub representative_bsn: Option<Bsn>,
    /// The date of birth of the person represented, where one is on record or waits with the mandate.
    pub represented_birth: Option<BirthDate>,
    /// Their BSN, where one is on record.
    pub represented_bsn: Option<Bsn>,
    /// Their patient number, where one is on record and no BSN is.
    pub represented_number: Option<PatientNumber>,
}

/// The longest that something waits for its second pair of eyes, in seconds: thirty days. What was seen by then is too long ago for
/// somebody else to say the same of it.
pub const LONGEST_WAIT: i64 = 30 * DAY;

/// The first instant at which something that was asked for then can be seconded no more.
pub fn waits_until(asked: Timestamp) -> Timestamp {
    asked.plus(LONGEST_WAIT)
}

/// Whether `second` is another pair of eyes than `first`: another account at the desk for one there, another name at a command for one,
/// another program for one. Between two kinds nobody can tell, as who typed a command may have an account, or stand behind a program.
pub fn is_second(first: &str, second: &str) -> bool {
    match (program_of(first), program_of(second)) {
        (Some(first), Some(second)) => first != second,
        (None, None) => match (member_of(first), member_of(second)) {
            (Some(first), Some(second)) => first != second,
            (None, None) => {
                staff(first).ok().zip(staff(second).ok()).is_some_and(|(first, second)| first != second)
            }
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_eyes_are_two_of_a_kind_and_never_two_spellings_of_one() {
        for (first, second, expected) in [
            ("els", "joost", true),
            ("client:root", "client:second", true),
            ("els", "els", false),
            ("els", " ELS ", false),
            ("client:root", "client:root", false),
            ("root", "client:second", false),
            ("client:root", "second", false),
            ("zo\u{eb}", "ZO\u{cb}", false),
            ("migration:24", "els", false),
            ("member:els", "member:joost", true),
            ("member:els", "member:els", false),
            ("member:els", "els", false),
            ("member:els", "joost", false),
            ("joost", "member:els", false),
            ("member:els", "client:root", false),
            ("client:root", "member:els", false),
        ] {
            assert_eq!(is_second(first, second), expected, "{first} {second}");
        }
    }
}
