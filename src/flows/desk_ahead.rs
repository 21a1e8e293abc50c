//! Looking ahead at the desk: birthdays that change who may look in a record, of the mandates of one department.

use chrono::Datelike;

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

/// The birthdays of the next ninety days of the children in a department's mandates, the first one first.
pub async fn birthdays(store: &Store, department: &str, now: Timestamp) -> Result<Vec<Birthday>, Fault> {
    let year = today(now).year();
    let [say, alone] = [HAS_A_SAY, DECIDES_ALONE].map(i32::from);
    let years = [year - say, year + 1 - say, year - alone, year + 1 - alone];
    let mut found = of(store.parental_of(department, &years).await?, now);
    found.truncate(SHOWN);
    Ok(found)
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
    let mut found: Vec<_> = mandates.into_iter().flat_map(each).filter(soon).collect();
    found.sort_by(|one, next| (one.at, one.mandate.id.as_str()).cmp(&(next.at, next.mandate.id.as_str())));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{id::MandateId, mandate::Relation};

    #[test]
    fn birthdays_of_the_next_ninety_days_at_which_access_changes_are_told_in_order() {
        let child = |born: &str| Parental {
            id: MandateId::from_stored(born),
            represented_name: "Sam".into(),
            born: born.parse().unwrap(),
            relation: Relation::Parent,
        };
        let now = Timestamp::parse_rfc3339("2026-11-01T09:00:00Z").unwrap();
        // In turn: sixteen and twelve soon, by its earliest reading, today, too late, another age, and of next year.
        let all =
            ["2010-12-24", "2014-11-02", "2014-12", "2014-11-01", "2014-02-01", "2016-12-01", "2015-01-20"];
        let found = of(all.map(child).into(), now);
        let told: Vec<_> = found.iter().map(|one| (one.mandate.id.as_str(), one.age)).collect();
        assert_eq!(told, [("2014-11-02", 12), ("2014-12", 12), ("2010-12-24", 16), ("2015-01-20", 12)]);
    }
}
