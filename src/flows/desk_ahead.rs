//! Looking ahead at the desk: birthdays that change who may look in a record, of the mandates of one department, or of those that have none.

use chrono::{Datelike, NaiveDate};

use crate::{
    domain::{
        birth::{DECIDES_ALONE, HAS_A_SAY},
        calendar::{DAY, today},
        fault::Fault,
        time::Timestamp,
    },
    store::{Store, desk::Parental},
};

/// How far is looked ahead, in seconds.
const AHEAD: i64 = 90 * DAY;
/// The most that is shown.
const SHOWN: usize = 200;

/// A birthday that changes access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Birthday {
    /// When: by the earliest reading of the date of birth.
    pub at: Timestamp,
    /// How old they become.
    pub age: u8,
    /// Of which mandate.
    pub mandate: Parental,
}

/// What is shown of a forecast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// The first one first.
    pub birthdays: Vec<Birthday>,
    /// Whether there are more.
    pub is_cut: bool,
}

/// The birthdays of the next ninety days of the children in a department's mandates, or in those that have none.
pub async fn birthdays(store: &Store, department: Option<&str>, now: Timestamp) -> Result<Ahead, Fault> {
    let mut mandates = Vec::new();
    for age in [HAS_A_SAY, DECIDES_ALONE] {
        let (from, to) = births(age, now);
        mandates.extend(store.parental_of(department, (&from, &to)).await?);
    }
    let mut birthdays = of(mandates, now);
    let is_cut = birthdays.len() > SHOWN;
    birthdays.truncate(SHOWN);
    Ok(Ahead { birthdays, is_cut })
}

/// Between which dates of birth, as they are written, those lie of everybody who turns `age` in the days ahead. Where only the month or the
/// year is known, its first day counts, and what is written of it is less than that day and more than every day before it.
fn births(age: u8, now: Timestamp) -> (String, String) {
    let on =
        |day: NaiveDate| format!("{:04}-{:02}-{:02}", day.year() - i32::from(age), day.month(), day.day());
    (on(today(now)), on(today(now.plus(AHEAD))))
}

fn of(mandates: Vec<Parental>, now: Timestamp) -> Vec<Birthday> {
    let each = |mandate: Parental| {
        [HAS_A_SAY, DECIDES_ALONE].into_iter().map(move |age| Birthday {
            at: mandate.born.earliest_birthday(age),
            age,
            mandate: mandate.clone(),
        })
    };
    let soon = |birthday: &Birthday| now < birthday.at && birthday.at <= now.plus(AHEAD);
    // What is over by then is changed by no birthday.
    let stands = |birthday: &Birthday| birthday.mandate.ends.is_none_or(|ends| birthday.at < ends);
    let mut found: Vec<_> =
        mandates.into_iter().flat_map(each).filter(|one| soon(one) && stands(one)).collect();
    found.sort_by(|one, next| (one.at, one.mandate.id.as_str()).cmp(&(next.at, next.mandate.id.as_str())));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{birth::BirthDate, id::MandateId, mandate::Relation};

    #[test]
    fn birthdays_of_the_next_ninety_days_at_which_access_changes_are_told_in_order() {
        let child = |born: &str| Parental {
            id: MandateId::from_stored(born),
            represented_name: "Sam".into(),
            born: born.parse().unwrap(),
            relation: Relation::Parent,
            ends: None,
        };
        let now = Timestamp::parse_rfc3339("2026-11-01T09:00:00Z").unwrap();
        // In turn: sixteen and twelve soon, by its earliest reading, today, too late, another age, and of next year.
        let all =
            ["2010-12-24", "2014-11-02", "2014-12", "2014-11-01", "2014-02-01", "2016-12-01", "2015-01-20"];
        let found = of(all.map(child).into(), now);
        let told: Vec<_> = found.iter().map(|one| (one.mandate.id.as_str(), one.age)).collect();
        assert_eq!(told, [("2014-11-02", 12), ("2014-12", 12), ("2010-12-24", 16), ("2015-01-20", 12)]);
        // It ends as the birthday begins, and a second later.
        let birthday = child("2014-12-24").born.earliest_birthday(12);
        for (ends, is_told) in [(birthday, false), (birthday.plus(1), true)] {
            let mandate = Parental { ends: Some(ends), ..child("2014-12-24") };
            assert_eq!(!of(vec![mandate], now).is_empty(), is_told);
        }
    }

    /// Whatever of a date is known, and on whichever day it is asked: who is told of is among those who are looked at.
    #[test]
    fn nobody_whose_birthday_is_ahead_was_born_outside_of_what_is_looked_at() {
        let start = Timestamp::parse_rfc3339("2026-10-15T09:00:00Z").unwrap();
        let (mut told, mut last) = (0, 0);
        for now in (0..170).map(|step| start.plus(3 * step * DAY)) {
            for age in [HAS_A_SAY, DECIDES_ALONE] {
                let (from, to) = births(age, now);
                for ahead in 0..100 {
                    let day = today(now.plus(ahead * DAY));
                    let day = format!("{}-{:02}-{:02}", day.year() - i32::from(age), day.month(), day.day());
                    for born in [4, 7, 10].map(|known| day.get(..known).unwrap()) {
                        let Ok(birth) = born.parse::<BirthDate>() else { continue };
                        let mandate = Parental {
                            id: MandateId::from_stored(born),
                            represented_name: String::new(),
                            born: birth,
                            relation: Relation::Parent,
                            ends: None,
                        };
                        if !of(vec![mandate], now).is_empty() {
                            told += 1;
                            last += usize::from(born == to);
                            assert!(
                                from.as_str() <= born && born <= to.as_str(),
                                "{now:?} {born}: {from} {to}"
                            );
                        }
                    }
                }
            }
        }
        assert!(told > 30_000 && last > 300, "{told} {last}");
    }
}
