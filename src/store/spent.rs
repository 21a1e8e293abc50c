//! One-time values that were used: artifacts, assertions, proofs. Each is marked by one guarded insert; what many mark at the same
//! moment reaches the disk together.

use sqlx::{AssertSqlSafe, Row};

use super::{
    Db, Store,
    batch::{Batches, values},
};
use crate::domain::{fault::Fault, time::Timestamp};

/// One value to be marked as used.
pub(super) struct Mark {
    kind: &'static str,
    name: String,
    ends: Timestamp,
}

/// Marks values, and says of each whether it was the first.
pub(super) type Marks = Batches<Mark, bool>;

pub(super) fn marks(db: Db) -> Marks {
    Batches::new(move |asked| mark(db.clone(), asked))
}

async fn mark(db: Db, asked: Vec<Mark>) -> Result<Vec<bool>, Fault> {
    let values = values(asked.len(), 3);
    let statement = format!(
        "INSERT INTO spent (kind, mark, ends) VALUES {values} ON CONFLICT DO NOTHING RETURNING kind, mark"
    );
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for mark in &asked {
        query = query.bind(mark.kind).bind(mark.name.as_str()).bind(mark.ends.epoch());
    }
    let rows = query.fetch_all(db.writer()).await?;
    let new = rows.iter().map(|row| Ok((row.try_get("kind")?, row.try_get("mark")?)));
    let mut new = new.collect::<sqlx::Result<Vec<(String, String)>>>()?;
    // Of two in one batch that mark the same, one is the first.
    let first = |mark: &Mark| {
        let found = new.iter().position(|(kind, name)| kind == mark.kind && *name == mark.name);
        found.map(|place| new.swap_remove(place)).is_some()
    };
    Ok(asked.iter().map(first).collect())
}

impl Store {
    /// Marks a one-time value as used. `false` when it had been: exactly one caller ever hears `true`.
    pub(super) async fn spend(&self, kind: &'static str, mark: &str, ends: Timestamp) -> Result<bool, Fault> {
        self.marks.ask(Mark { kind, name: mark.to_owned(), ends }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{fresh, now};

    #[tokio::test]
    async fn of_two_in_one_batch_that_mark_the_same_one_is_the_first() {
        let fresh = fresh().await;
        let of = |kind, name: &str| Mark { kind, name: name.to_owned(), ends: now() };
        let all = || vec![of("dpop", "a"), of("dpop", "a"), of("artifact", "a"), of("dpop", "b")];
        assert_eq!(mark((*fresh.store.db).clone(), all()).await.unwrap(), [true, false, true, true]);
        assert_eq!(mark((*fresh.store.db).clone(), all()).await.unwrap(), [false; 4]);
    }
}
