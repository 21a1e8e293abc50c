//! When somebody looks whether the user of a grant may still act for whom they act there: a mandate ends by the clock alone, and no
//! row changes then (M2). What gives or takes a right has it looked at once; otherwise it is looked at when the clock may have
//! ended it. A portal is told by one guarded statement, so that of several nodes one tells it (docs/adr/0044).

use super::{Store, Tx, columns::Columns, notices};
use crate::domain::{
    fault::Fault,
    id::{GrantId, PersonId, SessionId},
    time::Timestamp,
};

use sqlx::Row;

/// A grant whose user acts for somebody, as it was when it was read.
#[derive(Debug, Clone)]
pub struct Acting {
    /// Which.
    pub grant: GrantId,
    /// In which session.
    pub sid: SessionId,
    /// Who was given it.
    pub client_id: String,
    /// Whose it is.
    pub person: PersonId,
    /// For whom they act.
    pub acts_for: PersonId,
    /// Whether they might, when somebody last looked.
    pub acts: bool,
    look_at: Timestamp,
}

/// What was seen of one.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Whether its user may act. `None`: that could not be seen, as its session is over or cannot be read.
    pub may_act: Option<bool>,
    /// When to look again.
    pub again: Timestamp,
}

impl Store {
    /// The grants at which somebody should look, at most so many, those that wait longest first.
    pub async fn acting(&self, most: i64, now: Timestamp) -> Result<Vec<Acting>, Fault> {
        let rows = sqlx::query(
            "SELECT id, sid, client_id, person_id, acts_for, acts, look_at FROM grants \
             WHERE look_at <= $1 AND revoked_at IS NULL AND ends > $1 ORDER BY look_at LIMIT $2",
        )
        .bind(now.epoch())
        .bind(most)
        .fetch_all(self.db.reader())
        .await?;
        let read = |row: &sqlx::any::AnyRow| {
            Ok(Acting {
                grant: GrantId::from_stored(row.text("id")?),
                sid: SessionId::from_stored(row.text("sid")?),
                client_id: row.text("client_id")?,
                person: PersonId::from_stored(row.text("person_id")?),
                acts_for: PersonId::from_stored(row.text("acts_for")?),
                acts: row.try_get::<i64, _>("acts")? == 1,
                look_at: row.time("look_at")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Writes down what was seen, and whom to tell. Where somebody else was faster, or something has changed since, nothing is written:
    /// it is looked at again. Gives how many are to be told.
    pub async fn looked(&self, seen: &[(Acting, Seen)], now: Timestamp) -> Result<u64, Fault> {
        let mut tx = self.db.begin().await?;
        let mut told = 0;
        for (acting, seen) in seen {
            let acts = seen.may_act.unwrap_or(acting.acts);
            let done = sqlx::query(
                "UPDATE grants SET look_at = $1, acts = $2 \
                 WHERE id = $3 AND look_at = $4 AND acts = $5 AND revoked_at IS NULL",
            )
            .bind(seen.again.epoch())
            .bind(i64::from(acts))
            .bind(acting.grant.as_str())
            .bind(acting.look_at.epoch())
            .bind(i64::from(acting.acts))
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() == 1 && acting.acts && !acts {
                notices::of_acting(&mut tx, acting, now).await?;
                told += 1;
            }
        }
        tx.commit().await?;
        Ok(told)
    }
}

/// Has somebody look at once, inside the transaction that changes who may act for `represented`. The moment is another than the
/// one that was read before in any case, so that nobody writes down what they saw before the change.
pub(super) async fn look_again(tx: &mut Tx, represented: &str, now: Timestamp) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE grants SET look_at = CASE WHEN look_at > $1 THEN $1 ELSE look_at - 1 END \
         WHERE acts_for = $2 AND revoked_at IS NULL AND ends > $1",
    )
    .bind(now.epoch())
    .bind(represented.to_owned())
    .execute(&mut **tx)
    .await?;
    // What its people are to be mailed may be another thing now, too.
    sqlx::query(
        "UPDATE mandates SET look_at = CASE WHEN COALESCE(look_at, $1 + 1) > $1 THEN $1 ELSE look_at - 1 END \
         WHERE represented = $2 AND revoked_at IS NULL AND lapsed_at IS NULL",
    )
    .bind(now.epoch())
    .bind(represented.to_owned())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
