//! For whom a user may act, as tokens tell it: the mandates that somebody holds and that are not over, of many people at once, for this is
//! asked with almost every token.

use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use super::{Listed, MOST, STILL_HELD, facts};
use crate::{
    domain::{
        birth::{DECIDES_ALONE, latest_of},
        fault::Fault,
        id::PersonId,
        time::Timestamp,
    },
    store::{
        Db, Store,
        batch::{Batches, values},
        columns::Columns,
        fragments::not_over,
    },
};

/// Who holds them, the sector whose `sub`s are wanted, and when.
type Holder = (PersonId, String, Timestamp);
/// Looks up the rows of what people hold.
pub(in crate::store) type Held = Batches<Holder, Vec<AnyRow>>;

pub(in crate::store) fn held(db: Db) -> Held {
    Batches::new(move |asked: Vec<Holder>| {
        let db = db.clone();
        async move {
            let values = values(asked.len(), 5);
            // The bound is there so that there is one: who holds more than `MOST` takes nobody else's place.
            let statement = format!(
                concat!(
                    "WITH v AS (VALUES {}) SELECT v.column1 AS place, u.sub AS sub, ",
                    facts!(),
                    " FROM v JOIN mandates m ON m.representative = v.column2 JOIN persons a ON a.id = m.representative \
                     JOIN persons p ON p.id = m.represented \
                     LEFT JOIN subjects u ON u.sector = v.column3 AND u.person_id = m.represented AND u.alias = 0 \
                     WHERE ",
                    not_over!("m", "p", "v.column4", "v.column5"),
                    " \
                     ORDER BY m.registered_at, m.id LIMIT 10000"
                ),
                values
            );
            let mut query = sqlx::query(AssertSqlSafe(statement));
            for (place, (person, sector, now)) in (0_i64..).zip(&asked) {
                query = query.bind(place).bind(person.as_str()).bind(sector).bind(now.epoch());
                query = query.bind(latest_of(DECIDES_ALONE, *now));
            }
            let mut held: Vec<Vec<AnyRow>> = asked.iter().map(|_| Vec::new()).collect();
            for row in query.fetch_all(db.reader()).await? {
                let place = usize::try_from(row.try_get::<i64, _>("place")?)?;
                if let Some(of) = held.get_mut(place) {
                    of.push(row);
                }
            }
            Ok(held)
        }
    })
}

impl Store {
    /// The mandates with which a person may act for others and that are not over, at most 200: history makes no token longer to compute. Each
    /// with the `sub` under which clients of `sector` know the person represented, where one was ever told.
    pub async fn mandates_held_told(
        &self,
        person: &PersonId,
        sector: &str,
        now: Timestamp,
    ) -> Result<Vec<(Listed, Option<String>)>, Fault> {
        let mut rows = self.held.ask((person.clone(), sector.to_owned(), now)).await?;
        rows.truncate(usize::try_from(MOST)?);
        let whose = (&STILL_HELD, person.as_str());
        self.with_more(&rows, whose, (now, now), |_, row| row.maybe_text("sub")).await
    }
}
