//! Dates of birth, also partly known ones, and the birthdays on which access changes (M3).
//!
//! The Dutch population register knows some people's year of birth only, or year and month. Such a date has an earliest
//! and a latest reading. What takes access from a parent happens at the earliest, what opens access to the child at the
//! latest: a gap in knowledge never lets anyone in.

use std::{fmt, str::FromStr};

use chrono::{Datelike, Days, Months, NaiveDate};

use super::{
    calendar::{midnight, today},
    time::Timestamp,
};

/// From this age a child has a say, and a session of their own.
pub const HAS_A_SAY: u8 = 12;
/// From this age a child alone decides (Dutch Civil Code, article 7:447).
pub const DECIDES_ALONE: u8 = 16;
/// From this age a court may give a mother parental authority, and nobody has it earlier (Dutch Civil Code, articles 1:246 and 1:253ha).
pub const PARENT: u8 = 16;
/// From this age a person is an adult (Dutch Civil Code, article 1:233).
pub const ADULT: u8 = 18;

/// A date of birth: a day, or a month or a year of which the day is not known.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BirthDate {
    earliest: NaiveDate,
    latest: NaiveDate,
}

/// Why a text is no date of birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotABirthDate {
    /// Not one of the three ways to write it.
    #[error("write a date of birth as 2010-07-01, or 2010-07 or 2010 when the rest is not known")]
    Shape,
    /// Written well, but no day of the calendar.
    #[error("this day does not exist: check the month and the day")]
    Impossible,
    /// Further away than a life is long.
    #[error("this year of birth cannot be right: it must lie between 1850 and 2150")]
    Year,
    /// Not born yet.
    #[error("this date of birth lies in the future: check the year")]
    Future,
}

impl BirthDate {
    /// Reads the date of birth of someone who has been born at `now`.
    pub fn read(text: &str, now: Timestamp) -> Result<Self, NotABirthDate> {
        let born: Self = text.parse()?;
        if born.earliest > today(now) { Err(NotABirthDate::Future) } else { Ok(born) }
    }

    /// The year.
    pub fn year(&self) -> i32 {
        self.earliest.year()
    }

    /// The `age`-th birthday by the earliest reading: when a parent's access ends.
    pub fn earliest_birthday(&self, age: u8) -> Timestamp {
        birthday(self.earliest, age)
    }

    /// The `age`-th birthday by the latest reading: when the child's own access opens.
    pub fn latest_birthday(&self, age: u8) -> Timestamp {
        birthday(self.latest, age)
    }

    /// Whether the person has this age by every reading of the date.
    pub fn has_surely_turned(&self, age: u8, now: Timestamp) -> bool {
        now >= self.latest_birthday(age)
    }

    /// Whether the person has this age by some reading of the date.
    pub fn may_have_turned(&self, age: u8, now: Timestamp) -> bool {
        now >= self.earliest_birthday(age)
    }
}

/// The last date of birth, as [`BirthDate`] is written, by which somebody may have this age at `now`. Of those that are written so each one that
/// sorts before it gives that age too: a year or a month sorts before its days, as its earliest reading does.
pub fn latest_of(age: u8, now: Timestamp) -> String {
    let day = today(now);
    day.checked_sub_months(Months::new(12 * u32::from(age))).unwrap_or(day).to_string()
}

/// The age of somebody who has a say in who sees their record, and does not decide alone yet: 12 to 15, by every reading of the date.
pub fn age_with_a_say(born: BirthDate, now: Timestamp) -> Option<u8> {
    let age = (HAS_A_SAY..=DECIDES_ALONE).rev().find(|age| born.has_surely_turned(*age, now))?;
    (age < DECIDES_ALONE).then_some(age)
}

/// Whether a person may have a session of their own: not when known at the desk to be under 12 (M13). Without a date of
/// birth an account works; it has no mandates.
pub fn may_log_in(born: Option<BirthDate>, now: Timestamp) -> bool {
    born.is_none_or(|born| born.has_surely_turned(HAS_A_SAY, now))
}

/// The beginning of the `age`-th birthday. Who is born on 29 February has it on 1 March in other years.
fn birthday(born: NaiveDate, age: u8) -> Timestamp {
    let year = born.year() + i32::from(age);
    let day = born
        .with_year(year)
        .or_else(|| NaiveDate::from_ymd_opt(year, 3, 1))
        // Not reached: years are bounded when a date is read.
        .unwrap_or(NaiveDate::MAX);
    midnight(day)
}

impl FromStr for BirthDate {
    type Err = NotABirthDate;

    fn from_str(text: &str) -> Result<Self, NotABirthDate> {
        let parts: Vec<&str> = text.trim().splitn(4, '-').collect();
        let (year, month, day) = match *parts.as_slice() {
            [year] => (year, None, None),
            [year, month] => (year, Some(month), None),
            [year, month, day] => (year, Some(month), Some(day)),
            _ => return Err(NotABirthDate::Shape),
        };
        let year = i32::try_from(number(year, 4)?).map_err(|_| NotABirthDate::Year)?;
        let month = month.map(|text| number(text, 2)).transpose()?;
        let day = day.map(|text| number(text, 2)).transpose()?;
        if !(1850..=2150).contains(&year) {
            return Err(NotABirthDate::Year);
        }
        let earliest = NaiveDate::from_ymd_opt(year, month.unwrap_or(1), day.unwrap_or(1))
            .ok_or(NotABirthDate::Impossible)?;
        let months = match (month, day) {
            (_, Some(_)) => return Ok(Self { earliest, latest: earliest }),
            (Some(_), None) => 1,
            (None, None) => 12,
        };
        let latest =
            earliest.checked_add_months(Months::new(months)).and_then(|d| d.checked_sub_days(Days::new(1)));
        Ok(Self { earliest, latest: latest.ok_or(NotABirthDate::Impossible)? })
    }
}

/// Exactly `width` ASCII digits: a sign or a space is no part of a date.
fn number(text: &str, width: usize) -> Result<u32, NotABirthDate> {
    if text.len() != width || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NotABirthDate::Shape);
    }
    text.parse().map_err(|_| NotABirthDate::Shape)
}

impl fmt::Display for BirthDate {
    /// As far as it is known: `2010-07-01`, `2010-07` or `2010`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.earliest == self.latest {
            write!(f, "{}", self.earliest)
        } else if self.earliest.month() == self.latest.month() {
            write!(f, "{}", self.earliest.format("%Y-%m"))
        } else {
            write!(f, "{}", self.earliest.format("%Y"))
        }
    }
}

impl fmt::Debug for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn born(text: &str) -> BirthDate {
        text.parse().unwrap()
    }

    proptest! {
        #[test]
        fn what_sorts_before_the_last_date_of_an_age_gives_that_age_and_nothing_else_does(
            (birth, _) in any_birth(), seconds in 1_100_000_000..2_000_000_000_i64, age in 12..=18_u8,
        ) {
            let now = Timestamp::from_epoch(seconds);
            prop_assert_eq!(birth.to_string() <= latest_of(age, now), birth.may_have_turned(age, now));
        }
    }

    /// Any date of birth between 1995 and 2030, known in part or in full, and one full reading of it.
    pub(crate) fn any_birth() -> impl Strategy<Value = (BirthDate, BirthDate)> {
        (1995..=2030i32, 1..=12u32, 1..=31u32, 0..3u8).prop_filter_map("no such day", |(y, m, d, known)| {
            let reading: BirthDate = format!("{y}-{m:02}-{d:02}").parse().ok()?;
            let partly = match known {
                0 => reading,
                1 => born(&format!("{y}-{m:02}")),
                _ => born(&y.to_string()),
            };
            Some((partly, reading))
        })
    }

    #[test]
    fn the_sixteenth_birthday_of_a_child_born_on_1_july_2010_begins_at_22_utc_the_day_before() {
        let child = born("2010-07-01");
        assert!(!child.may_have_turned(16, at("2026-06-30T21:59:59Z")));
        assert!(child.has_surely_turned(16, at("2026-06-30T22:00:00Z")));
    }

    #[test]
    fn who_is_born_on_29_february_has_a_birthday_on_1_march_in_other_years() {
        assert_eq!(born("2012-02-29").latest_birthday(16), at("2028-02-28T23:00:00Z"));
        assert_eq!(born("2012-02-29").latest_birthday(18), at("2030-02-28T23:00:00Z"));
        assert_eq!(born("2088-02-29").latest_birthday(12), at("2100-02-28T23:00:00Z"));
    }

    #[test]
    fn a_partly_known_date_has_an_earliest_and_a_latest_reading() {
        assert_eq!(born("2010").earliest_birthday(16), born("2010-01-01").earliest_birthday(16));
        assert_eq!(born("2010").latest_birthday(16), born("2010-12-31").latest_birthday(16));
        assert_eq!(born("2012-02").earliest_birthday(12), born("2012-02-01").earliest_birthday(12));
        assert_eq!(born("2012-02").latest_birthday(12), born("2012-02-29").latest_birthday(12));
        assert_eq!((born("2010").year(), born("2012-02-29").year()), (2010, 2012));
    }

    #[test]
    fn refuses_what_is_no_date_of_birth() {
        for shape in
            ["", "2010-7-1", "2010-07-01-01", "01-07-2010", "2010-", "+010-07-01", "２０１０", "20100701"]
        {
            assert_eq!(shape.parse::<BirthDate>(), Err(NotABirthDate::Shape), "{shape:?}");
        }
        for day in ["2010-13", "2010-00", "2010-07-00", "2010-02-29", "2010-04-31"] {
            assert_eq!(day.parse::<BirthDate>(), Err(NotABirthDate::Impossible), "{day}");
        }
        assert_eq!("0201-01-01".parse::<BirthDate>(), Err(NotABirthDate::Year));
        let midnight = at("2026-07-01T22:00:00Z");
        assert_eq!(BirthDate::read("2026-07-02", midnight.plus(-1)), Err(NotABirthDate::Future));
        assert_eq!(BirthDate::read("2026-07-02", midnight), Ok(born("2026-07-02")));
    }

    #[test]
    fn only_who_is_known_to_be_under_12_gets_no_session() {
        let child = born("2014-07-01");
        assert!(!may_log_in(Some(child), at("2026-06-30T21:59:59Z")));
        assert!(may_log_in(Some(child), at("2026-06-30T22:00:00Z")));
        assert!(!may_log_in(Some(born("2014")), at("2026-12-30T22:59:59Z")));
        assert!(may_log_in(None, at("2026-06-30T22:00:00Z")));
    }

    #[test]
    fn a_say_of_their_own_begins_at_12_and_ends_at_16() {
        let child = born("2014-07-01");
        let age = |when| age_with_a_say(child, at(when));
        assert_eq!((age("2026-06-30T21:59:59Z"), age("2026-06-30T22:00:00Z")), (None, Some(12)));
        assert_eq!((age("2030-06-30T21:59:59Z"), age("2030-06-30T22:00:00Z")), (Some(15), None));
    }

    proptest! {
        #[test]
        fn a_date_reads_back_as_it_was_written((partly, reading) in any_birth()) {
            prop_assert_eq!(partly.to_string().parse::<BirthDate>().unwrap(), partly);
            prop_assert_eq!(reading.to_string().len(), 10);
            prop_assert_eq!(format!("{partly:?}"), partly.to_string());
        }

        /// Every full reading has its birthday between the two that count.
        #[test]
        fn every_reading_lies_between_the_two((partly, reading) in any_birth(), age in 0u8..100) {
            prop_assert!(partly.earliest_birthday(age) <= reading.earliest_birthday(age));
            prop_assert_eq!(reading.earliest_birthday(age), reading.latest_birthday(age));
            prop_assert!(reading.latest_birthday(age) <= partly.latest_birthday(age));
            prop_assert!(partly.earliest_birthday(age) < partly.earliest_birthday(age + 1));
        }
    }
}
