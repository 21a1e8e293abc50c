//! Working days in the Netherlands, and by when what was asked at the desk must be done: the next working day (M10).
//!
//! A holiday is a day on which desks are closed: New Year's Day, Easter Monday, King's Day (27 April; the Saturday before where that is a
//! Sunday), Liberation Day in years that can be divided by five, Ascension Day, Whit Monday and both days of Christmas. Good Friday and
//! Liberation Day of other years, which the *Algemene termijnenwet* puts beside them, are working days here: desks are open, and a clock that
//! runs on is a promise kept.

use chrono::{Datelike, Days, NaiveDate, Weekday};

use super::{
    calendar::{midnight, today},
    time::Timestamp,
};

/// The first instant at which what was asked then is overdue: the end of the next working day.
pub fn overdue_from(asked: Timestamp) -> Timestamp {
    midnight(after(next_working_day(today(asked)), 1))
}

/// How much of what was asked for at these moments is overdue at `now` (M10).
pub fn overdue(mut asked: Vec<Timestamp>, now: Timestamp) -> usize {
    // What was asked earlier is overdue no later, so not each is looked at.
    asked.sort_unstable();
    asked.partition_point(|asked| overdue_from(*asked) <= now)
}

/// The first working day after that day. No five days in a row are free, so one of the next five is.
fn next_working_day(day: NaiveDate) -> NaiveDate {
    let mut next = (1..=5).map(|days| after(day, days));
    next.find(|day| is_working_day(*day)).unwrap_or(NaiveDate::MAX)
}

/// Whether desks are open.
pub fn is_working_day(day: NaiveDate) -> bool {
    !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !is_holiday(day)
}

fn is_holiday(day: NaiveDate) -> bool {
    let year = day.year();
    let fixed = match (day.month(), day.day()) {
        (1, 1) | (4, 27) | (12, 25 | 26) => true,
        (5, 5) => year % 5 == 0,
        _ => false,
    };
    // Easter Monday, Ascension Day and Whit Monday.
    fixed || easter(year).is_some_and(|sunday| [1, 39, 50].iter().any(|days| after(sunday, *days) == day))
}

/// Easter Sunday of the Gregorian calendar (the anonymous computus, as Meeus gives it).
fn easter(year: i32) -> Option<NaiveDate> {
    let (golden, century, of_century) = (year % 19, year / 100, year % 100);
    let epact = (19 * golden + century - century / 4 - (8 * century + 13) / 25 + 15) % 30;
    let weekday = (32 + 2 * (century % 4) + 2 * (of_century / 4) - epact - of_century % 4) % 7;
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let since_march = epact + weekday - 7 * late + 114;
    let (month, day) = (since_march / 31, since_march % 31 + 1);
    NaiveDate::from_ymd_opt(year, u32::try_from(month).ok()?, u32::try_from(day).ok()?)
}

fn after(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::parse_day;

    fn day(text: &str) -> NaiveDate {
        parse_day(text).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn easter_is_on_the_sunday_that_the_calendars_say() {
        for text in ["2000-04-23", "2008-03-23", "2011-04-24", "2024-03-31", "2026-04-05", "2038-04-25"] {
            assert_eq!(easter(day(text).year()), Some(day(text)));
        }
        // The earliest and the latest that there are, years in which the moon would have it later still, and both ends of centuries.
        for text in [
            "1818-03-22",
            "1943-04-25",
            "1954-04-18",
            "1981-04-19",
            "2049-04-18",
            "2076-04-19",
            "1900-04-15",
            "2100-03-28",
            "2200-04-06",
            "2285-03-22",
            "2299-04-16",
        ] {
            assert_eq!(easter(day(text).year()), Some(day(text)));
        }
        for year in 1900..2200 {
            assert_eq!(easter(year).unwrap().weekday(), Weekday::Sun, "{year}");
        }
    }

    #[test]
    fn desks_are_closed_on_the_holidays_of_the_netherlands_and_on_no_other_days() {
        for closed in [
            "2026-01-01",
            "2026-04-06",
            "2026-04-27",
            "2026-05-14",
            "2026-05-25",
            "2026-12-25",
            "2025-04-26",
            "2025-05-05",
            "2030-05-05",
            "2026-11-21",
            "2026-11-22",
        ] {
            assert!(!is_working_day(day(closed)), "{closed}");
        }
        // Good Friday; Liberation Day of another year; the 27th after King's Day was a Saturday's; New Year's Eve.
        for open in ["2026-04-03", "2026-05-05", "2025-04-28", "2026-12-31", "2026-11-23", "2026-05-15"] {
            assert!(is_working_day(day(open)), "{open}");
        }
    }

    #[test]
    fn what_was_filed_on_friday_at_four_is_overdue_only_after_monday() {
        // 16:00 in Amsterdam on Friday 20 November 2026; Tuesday begins at 23:00 UTC on Monday.
        assert_eq!(overdue_from(at("2026-11-20T15:00:00Z")), at("2026-11-23T23:00:00Z"));
        assert_eq!(overdue_from(at("2026-11-21T15:00:00Z")), at("2026-11-23T23:00:00Z"), "Saturday");
        assert_eq!(overdue_from(at("2026-11-23T15:00:00Z")), at("2026-11-24T23:00:00Z"), "Monday");
        // The last second of Thursday, and the first of Friday.
        assert_eq!(overdue_from(at("2026-11-19T22:59:59Z")), at("2026-11-20T23:00:00Z"));
        assert_eq!(overdue_from(at("2026-11-19T23:00:00Z")), at("2026-11-23T23:00:00Z"));
        // Before Easter, and before Christmas of a year in which it is on Friday and Saturday.
        assert_eq!(overdue_from(at("2026-04-03T14:00:00Z")), at("2026-04-07T22:00:00Z"));
        assert_eq!(overdue_from(at("2026-12-24T15:00:00Z")), at("2026-12-28T23:00:00Z"));
    }

    #[test]
    fn the_next_working_day_is_never_more_than_five_days_away() {
        for first in day("2000-01-01").iter_days().take(40_000) {
            let next = next_working_day(first);
            assert!(next > first && next.signed_duration_since(first).num_days() <= 5, "{first}");
        }
    }
}
