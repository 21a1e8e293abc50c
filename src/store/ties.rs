//! With whom somebody has to do who works at the desk too: whose files they keep out of (`docs/adr/0041`).

use sqlx::any::AnyRow;

use super::{Store, columns::Columns};
use crate::domain::{
    fault::Fault,
    four_eyes::LONGEST_WAIT,
    id::{MandateId, PersonId},
    ties::Ties,
    time::Timestamp,
};

/// The most rows that are read: of one person there are never so many.
const MOST: i64 = 10_000;

/// Those for whom `$1` acts or acted, by a mandate that was approved or may still be, as it was registered after `$3`. One that was refused, or
/// that nobody approved in time, ties nobody: whoever registers could keep a colleague out of a file for good.
macro_rules! acts_for {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM mandates m WHERE m.representative = $1 \
             AND (m.approved_at IS NOT NULL OR (m.revoked_at IS NULL AND m.lapsed_at IS NULL AND m.registered_at > $3))"
        )
    };
}

impl Store {
    /// Those for whom a person acts or acted, or may come to by what waits at `now`, and from whom they are or were kept: whatever became of
    /// the mandate or the block. What became part of one of them is theirs too, as its name goes on to open doors.
    pub async fn ties(&self, person: &PersonId, now: Timestamp) -> Result<Ties, Fault> {
        let rows = sqlx::query(concat!(
            "WITH theirs AS (SELECT CAST($1 AS TEXT) AS id, 'acts' AS how UNION ",
            acts_for!("m.represented, 'acts'"),
            " UNION SELECT b.represented, 'kept out' FROM blocks b WHERE b.representative = $1) \
             SELECT t.id AS id, t.how AS how FROM theirs t \
             UNION SELECT p.id, t.how FROM theirs t CROSS JOIN persons p WHERE p.joined_into = t.id LIMIT $2"
        ))
        .bind(person.as_str())
        .bind(MOST)
        .bind(now.plus(-LONGEST_WAIT).epoch())
        .fetch_all(self.db.reader())
        .await?;
        let (mut acts_for, mut kept_out) = (Vec::new(), Vec::new());
        for row in &rows {
            let whom = PersonId::from_stored(row.text("id")?);
            if row.text("how")? == "acts" { acts_for.push(whom) } else { kept_out.push(whom) }
        }
        Ok(Ties::new(person.clone(), acts_for, kept_out))
    }

    /// The mandates in which one of those stands, or the person: no list at the desk shows them to that person.
    pub async fn mandates_of_ties(&self, person: &PersonId, now: Timestamp) -> Result<Vec<MandateId>, Fault> {
        let rows = sqlx::query(concat!(
            "WITH theirs AS (SELECT CAST($1 AS TEXT) AS id UNION ",
            acts_for!("m.represented"),
            " UNION SELECT b.represented FROM blocks b WHERE b.representative = $1) \
             SELECT m.id AS id FROM theirs t CROSS JOIN mandates m WHERE m.representative = t.id \
             UNION SELECT m.id AS id FROM theirs t CROSS JOIN mandates m WHERE m.represented = t.id LIMIT $2"
        ))
        .bind(person.as_str())
        .bind(MOST)
        .bind(now.plus(-LONGEST_WAIT).epoch())
        .fetch_all(self.db.reader())
        .await?;
        let read = |row: &AnyRow| Ok(MandateId::from_stored(row.text("id")?));
        rows.iter().map(read).collect()
    }
}
