//! Subjects: `sub` belongs to (sector, person), random and stored, so no secret ties two sectors together
//! (pairwise subjects, OpenID Connect Core, section 8.1).

use super::{Store, Tx};
use crate::domain::{
    fault::Fault,
    id::{PersonId, random},
    time::Timestamp,
};

impl Store {
    /// The `sub` under which clients of `sector` know `person`; made at the first call, the same ever after.
    pub async fn subject_for(
        &self,
        sector: &str,
        person: &PersonId,
        now: Timestamp,
    ) -> Result<String, Fault> {
        if let Some(sub) = self.subject_stored(sector, person).await? {
            return Ok(sub);
        }
        // Two first calls at once: the index lets one in, and both read that one.
        sqlx::query(
            "INSERT INTO subjects (sub, sector, person_id, alias, created) VALUES ($1, $2, $3, 0, $4) ON CONFLICT DO NOTHING",
        )
        .bind(random::<16>())
        .bind(sector)
        .bind(person.as_str())
        .bind(now.epoch())
        .execute(self.db.writer())
        .await?;
        self.subject_stored(sector, person)
            .await?
            .ok_or_else(|| Fault::because("a subject was written and not found"))
    }

    /// Whom `sector` knows as `sub`, also by an older name.
    pub async fn person_of_subject(&self, sector: &str, sub: &str) -> Result<Option<PersonId>, Fault> {
        let row: Option<(String,)> =
            sqlx::query_as("SELECT person_id FROM subjects WHERE sector = $1 AND sub = $2")
                .bind(sector)
                .bind(sub)
                .fetch_optional(self.db.reader())
                .await?;
        Ok(row.map(|(person,)| PersonId::from_stored(person)))
    }

    /// What stands in the place of `sub` for `sector` now: itself, unless its person became part of another and this is an older
    /// name. `None` when nobody is known by it.
    pub async fn present_subject(&self, sector: &str, sub: &str) -> Result<Option<String>, Fault> {
        let row: Option<(String,)> = sqlx::query_as(
            "SELECT p.sub FROM subjects s JOIN subjects p ON p.sector = s.sector AND p.person_id = s.person_id AND p.alias = 0 \
             WHERE s.sector = $1 AND s.sub = $2",
        )
        .bind(sector)
        .bind(sub)
        .fetch_optional(self.db.reader())
        .await?;
        Ok(row.map(|(sub,)| sub))
    }

    /// The `sub` under which clients of `sector` know `person`, where one was ever told.
    pub async fn subject_stored(&self, sector: &str, person: &PersonId) -> Result<Option<String>, Fault> {
        let row: Option<(String,)> =
            sqlx::query_as("SELECT sub FROM subjects WHERE sector = $1 AND person_id = $2 AND alias = 0")
                .bind(sector)
                .bind(person.as_str())
                .fetch_optional(self.db.reader())
                .await?;
        Ok(row.map(|(sub,)| sub))
    }
}

/// Moves the subjects of a person who became part of another. Where a sector knew only one of the two, that `sub` is
/// kept; where it knew both, the keeper's is kept and the other stays an alias.
pub(super) async fn join_subjects(tx: &mut Tx, from: &PersonId, into: &PersonId) -> Result<(), Fault> {
    for statement in [
        "UPDATE subjects SET alias = 1 WHERE person_id = $1 AND sector IN \
         (SELECT sector FROM subjects WHERE person_id = $2 AND alias = 0)",
        "UPDATE subjects SET person_id = $2 WHERE person_id = $1",
    ] {
        sqlx::query(statement).bind(from.as_str()).bind(into.as_str()).execute(&mut **tx).await?;
    }
    Ok(())
}
