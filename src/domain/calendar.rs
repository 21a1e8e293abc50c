//! Days as people in the Netherlands count them: a day begins at 00:00 in Europe/Amsterdam (M3).

use chrono::{DateTime, Datelike, Days, MappedLocalTime, NaiveDate, NaiveTime, Offset, TimeZone};
use chrono_tz::{Europe::Amsterdam, Tz};

use super::{lang::Lang, time::Timestamp};

/// Seconds in a day of 24 hours.
pub const DAY: i64 = 86_400;

/// The instant at which `day` begins.
pub fn midnight(day: NaiveDate) -> Timestamp {
    let local = day.and_time(NaiveTime::MIN);
    let begins: DateTime<Tz> = match Amsterdam.from_local_datetime(&local) {
        MappedLocalTime::Single(instant) | MappedLocalTime::Ambiguous(instant, _) => instant,
        // Clocks were put forward at midnight (it happened in 1940): the day begins at that very instant, which is
        // midnight by the offset of the day before.
        MappedLocalTime::None => {
            let yesterday = local.checked_sub_days(Days::new(1)).unwrap_or(local);
            let offset = Amsterdam.offset_from_utc_datetime(&yesterday).fix();
            return Timestamp::from_epoch(local.and_utc().timestamp() - i64::from(offset.local_minus_utc()));
        }
    };
    Timestamp::from_epoch(begins.timestamp())
}

/// The day it is in Amsterdam at `now`.
pub fn today(now: Timestamp) -> NaiveDate {
    now.utc().with_timezone(&Amsterdam).date_naive()
}

/// Reads a day written `2026-07-01`, and nothing looser. `None` when it is no day of the calendar.
pub fn parse_day(text: &str) -> Option<NaiveDate> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (day.to_string() == text).then_some(day)
}

/// Reads a day, which begins at midnight, or an instant: `2026-07-01` or `2026-07-01T09:00:00Z`.
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    parse_day(text).map(midnight).or_else(|| Timestamp::parse_rfc3339(text))
}

const DUTCH_MONTHS: [&str; 12] = [
    "januari",
    "februari",
    "maart",
    "april",
    "mei",
    "juni",
    "juli",
    "augustus",
    "september",
    "oktober",
    "november",
    "december",
];

/// The time in the Netherlands, for people: `22 november 2026 om 07:35 uur`.
pub fn told(at: Timestamp, lang: Lang) -> String {
    written(at, lang, [" om %H:%M uur", " at %H:%M"])
}

/// The day in the Netherlands, for people: `22 november 2026`.
pub fn told_day(at: Timestamp, lang: Lang) -> String {
    written(at, lang, ["", ""])
}

/// When something ends, for people: the day alone where that begins then, or else the time too.
pub fn told_end(at: Timestamp, lang: Lang) -> String {
    if midnight(today(at)) == at { told_day(at, lang) } else { told(at, lang) }
}

/// The day, and what comes after it in Dutch and in English.
fn written(at: Timestamp, lang: Lang, [nl, en]: [&str; 2]) -> String {
    let local = at.utc().with_timezone(&Amsterdam);
    match lang {
        Lang::Nl => {
            let month = usize::try_from(local.month0()).unwrap_or_default();
            let month = DUTCH_MONTHS.get(month).copied().unwrap_or_default();
            local.format(&format!("%-d {month} %Y{nl}")).to_string()
        }
        Lang::En => local.format(&format!("%-d %B %Y{en}")).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_day_begins_at_midnight_in_amsterdam_in_summer_and_in_winter() {
        for (day, begins) in [("2026-07-01", "2026-06-30T22:00:00Z"), ("2026-01-01", "2025-12-31T23:00:00Z")]
        {
            let day = parse_day(day).unwrap();
            assert_eq!(midnight(day), at(begins));
            assert_eq!(today(at(begins)), day);
            assert_eq!(today(at(begins).plus(-1)), day.pred_opt().unwrap());
        }
    }

    #[test]
    fn every_day_since_1850_begins_after_the_one_before() {
        let mut last = Timestamp::from_epoch(i64::MIN);
        for day in parse_day("1850-01-01").unwrap().iter_days().take(130_000) {
            let begins = midnight(day);
            assert!(begins > last, "{day}");
            assert!(today(begins) == day && today(begins.plus(-1)) < day, "{day}");
            last = begins;
        }
    }

    #[test]
    fn an_instant_is_a_midnight_in_amsterdam_or_what_it_says() {
        assert_eq!(parse_instant("2026-07-01"), Some(at("2026-06-30T22:00:00Z")));
        assert_eq!(parse_instant("2026-07-01T09:00:00Z"), Some(at("2026-07-01T09:00:00Z")));
        assert_eq!(parse_instant("1 juli"), None);
    }

    #[test]
    fn people_are_told_the_time_of_their_own_clock_and_in_their_language() {
        let moment = at("2026-03-01T22:05:00Z");
        assert_eq!(told(moment, Lang::Nl), "1 maart 2026 om 23:05 uur");
        assert_eq!(told(moment, Lang::En), "1 March 2026 at 23:05");
        let next = at("2026-03-01T23:00:00Z");
        assert_eq!([Lang::Nl, Lang::En].map(|lang| told_day(next, lang)), ["2 maart 2026", "2 March 2026"]);
        let ends = |at| [Lang::Nl, Lang::En].map(|lang| told_end(at, lang));
        assert_eq!(ends(next), ["2 maart 2026", "2 March 2026"]);
        assert_eq!(ends(moment), ["1 maart 2026 om 23:05 uur", "1 March 2026 at 23:05"]);
    }

    #[test]
    fn reads_only_days_written_in_full() {
        for bad in ["2026-7-1", "2026-02-30", "+2026-07-01", "2026-07-01 ", "20260701", ""] {
            assert_eq!(parse_day(bad), None, "{bad:?}");
        }
    }
}
