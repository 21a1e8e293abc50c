//! The beginning of a chain, and the lines of before there was one: they are taken into it once, in their order. From then on they
//! are evidence like the others; what was done to them before, nobody can tell.

use super::{Event, chain::Note};
use crate::{
    domain::{fault::Fault, time::Timestamp},
    store::Store,
};

/// How many lines are taken up in one transaction.
const AT_ONCE: i64 = 500;

const OLDEST: &str = "DELETE FROM audit_before WHERE id IN (SELECT id FROM audit_before ORDER BY at, id LIMIT $1) \
    RETURNING id, at, event, outcome, actor, represented, client, detail";

/// A log that was not prepared.
#[derive(Debug, thiserror::Error)]
#[error("the audit log has no chain yet, or lines outside of it: run `namens migrate`")]
struct NotChained;

impl Store {
    /// Begins the chain of this node where there is none, and takes up what is older. Safe to run twice, and to go on with after it
    /// was killed.
    pub(in crate::store) async fn begin_chain(&self, now: Timestamp) -> Result<(), Fault> {
        sqlx::query("INSERT INTO audit_heads (node, seq, mac) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING")
            .bind(self.db.chain().node.clone())
            .bind(Vec::new())
            .execute(self.db.writer())
            .await?;
        // Ends: each turn takes some, and nobody adds any.
        loop {
            let mut tx = self.db.begin().await?;
            let rows = sqlx::query(OLDEST).bind(AT_ONCE).fetch_all(&mut *tx).await?;
            if rows.is_empty() {
                return tx.rollback().await;
            }
            let mut notes = rows.iter().map(Note::read).collect::<Result<Vec<_>, _>>()?;
            notes.sort_by(|one, other| one.place().cmp(&other.place()));
            let count = notes.len().to_string();
            for note in notes {
                tx.write_down(note);
            }
            tx.note(
                &Event { event: "audit.adopted", outcome: "ok", detail: Some(&count), ..Event::default() },
                now,
            );
            tx.commit().await?;
        }
    }

    /// Refuses a log without the chain of this node, or with lines outside of it.
    pub(in crate::store) async fn check_chain(&self) -> Result<(), Fault> {
        let (heads, outside): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM audit_heads WHERE node = $1), (SELECT COUNT(*) FROM audit_before)",
        )
        .bind(self.db.chain().node.clone())
        .fetch_one(self.db.reader())
        .await?;
        if heads == 1 && outside == 0 { Ok(()) } else { Err(NotChained.into()) }
    }
}
