//! What is on record about a parent and the child for whom a register says they may act.

use sqlx::Row;

use super::{Store, blocks::read_block};
use crate::domain::{
    bsn::Bsn,
    fault::Fault,
    id::PersonId,
    representation::{OnChild, ParentalAuthority, Record},
    time::Timestamp,
};

impl Store {
    /// The two dates of birth, then the blocks on the child that may bear on this parent (`None`: nobody knows them yet), so that no answer rests on the
    /// absence of a block that was older than what it read first. A child who became part of another person has no record, nor has one whose BSN
    /// is another than the register named: what it said was of somebody else.
    pub async fn record_of(
        &self,
        parent: Option<&PersonId>,
        authority: &ParentalAuthority,
        now: Timestamp,
    ) -> Result<Record, Fault> {
        let parent_born = match parent {
            Some(parent) => self.person(parent).await?.and_then(|person| person.birth),
            None => None,
        };
        let child_born = self.person_named(authority).await?.and_then(|person| person.birth);
        let rows = sqlx::query(
            "SELECT DISTINCT b.representative, b.represented, b.placed_at, b.lifted_at, \
             CASE WHEN a.bsn_index IS NULL THEN 0 ELSE 1 END AS has_bsn \
             FROM blocks b JOIN persons a ON a.id = b.representative \
             WHERE b.represented = $1 AND (b.representative = $2 OR a.bsn_index IS NULL) \
             AND (b.lifted_at IS NULL OR b.lifted_at > $3)",
        )
        .bind(authority.child.as_str())
        .bind(parent.map(PersonId::as_str))
        .bind(now.epoch())
        .fetch_all(self.db.reader())
        .await?;
        let read = |row| {
            let told_apart = sqlx::any::AnyRow::try_get::<i64, _>(row, "has_bsn")? == 1;
            Ok(OnChild { block: read_block(row)?, told_apart })
        };
        let blocks = rows.iter().map(read).collect::<Result<_, Fault>>()?;
        Ok(Record { parent_born, child_born, blocks })
    }

    /// What the register's word keeps of a BSN, to know whether its child still has it.
    pub fn bsn_index(&self, bsn: &Bsn) -> Vec<u8> {
        self.vault.bsn_index(bsn)
    }
}
