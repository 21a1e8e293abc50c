//! With whom somebody has to do who works at the desk too: whose files they keep out of (`docs/adr/0041`).

use sqlx::any::AnyRow;

use super::{Store, columns::Columns};
use crate::domain::{
    fault::Fault,
    id::{MandateId, PersonId},
    ties::Ties,
};

/// The most rows that are read: of one person there are never so many.
const MOST: i64 = 10_000;

impl Store {
    /// Those for whom a person acts or acted, or was to act, and from whom they are or were kept: whatever became of the mandate or the block. A
    /// tie that ended while a block may stand would show the block (M9). What became part of one of them is theirs too, as its name goes on to
    /// open doors.
    pub async fn ties(&self, person: &PersonId) -> Result<Ties, Fault> {
        let rows = sqlx::query(
            "WITH theirs AS (SELECT CAST($1 AS TEXT) AS id, 'acts' AS how \
               UNION SELECT m.represented, 'acts' FROM mandates m WHERE m.representative = $1 \
               UNION SELECT b.represented, 'kept out' FROM blocks b WHERE b.representative = $1) \
             SELECT t.id AS id, t.how AS how FROM theirs t \
             UNION SELECT p.id, t.how FROM theirs t CROSS JOIN persons p WHERE p.joined_into = t.id LIMIT $2",
        )
        .bind(person.as_str())
        .bind(MOST)
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
    pub async fn mandates_of_ties(&self, person: &PersonId) -> Result<Vec<MandateId>, Fault> {
        let rows = sqlx::query(
            "WITH theirs AS (SELECT CAST($1 AS TEXT) AS id \
               UNION SELECT m.represented FROM mandates m WHERE m.representative = $1 \
               UNION SELECT b.represented FROM blocks b WHERE b.representative = $1) \
             SELECT m.id AS id FROM theirs t CROSS JOIN mandates m WHERE m.representative = t.id \
             UNION SELECT m.id AS id FROM theirs t CROSS JOIN mandates m WHERE m.represented = t.id LIMIT $2",
        )
        .bind(person.as_str())
        .bind(MOST)
        .fetch_all(self.db.reader())
        .await?;
        let read = |row: &AnyRow| Ok(MandateId::from_stored(row.text("id")?));
        rows.iter().map(read).collect()
    }
}
