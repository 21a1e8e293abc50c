//! The beginning of a chain, and the lines of before there was one: they are taken into it once, in their order. From then on they
//! are evidence like the others; what was done to them before, nobody can tell.

use super::{
    Event,
    chain::{self, Note, read_head},
    read_line,
};
use crate::{
    domain::{fault::Fault, time::Timestamp},
    store::{Store, Tx},
};

/// How many lines are taken up in one transaction.
const AT_ONCE: i64 = 500;

const OLDEST: &str = "DELETE FROM audit_before WHERE id IN (SELECT id FROM audit_before ORDER BY at, id LIMIT $1) \
    RETURNING id, at, event, outcome, actor, represented, client, detail";

/// A log that was not prepared.
#[derive(Debug, thiserror::Error)]
#[error("the audit log has no chain yet, or lines outside of it: run `namens migrate`")]
struct NotChained;

/// A chain whose end nobody knows any more. No command mends that: a new head would hide what was cut off.
#[derive(Debug, thiserror::Error)]
#[error(
    "the head of the audit log was removed, and nothing can be written without it: restore a backup, and run `namens audit verify` \
     with the last checkpoint that was kept"
)]
struct NoHead;

/// Lines that nothing of before the chain left.
#[derive(Debug, thiserror::Error)]
#[error(
    "lines stand in the table audit_before that the program of before the chain did not leave there, so they are not taken up: somebody \
     wrote into the database. Keep a copy of it, run `namens audit verify` with the last checkpoint that was kept, and delete them"
)]
struct NotOfBefore;

impl Store {
    /// Begins the chain of this node where there is none, and takes up what is older. Safe to run twice, and to go on with after it
    /// was killed.
    ///
    /// Errors: a chain without its head; lines outside of the chain that were not there before it. Whoever can write that table would
    /// else write the log.
    pub(in crate::store) async fn begin_chain(&self, now: Timestamp) -> Result<(), Fault> {
        if self.lacks_head().await? {
            return Err(NoHead.into());
        }
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
            if notes.iter().any(Note::is_of_the_log) || !self.takes_up(&mut tx).await? {
                return Err(NotOfBefore.into());
            }
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

    /// Whether nothing was written into the chain but what is older than it.
    async fn takes_up(&self, tx: &mut Tx) -> Result<bool, Fault> {
        let node = &self.db.chain().node;
        let head = sqlx::query("SELECT seq, mac FROM audit_heads WHERE node = $1").bind(node.clone());
        let head = read_head(&head.fetch_one(&mut **tx).await?)?;
        if head.seq == 0 {
            return Ok(true);
        }
        let last = sqlx::query("SELECT * FROM audit_lines WHERE node = $1 AND seq = $2");
        let last = last.bind(node.clone()).bind(head.seq).fetch_optional(&mut **tx).await?;
        let last = last.as_ref().map(read_line).transpose()?;
        Ok(last.is_some_and(|last| {
            last.event == "audit.adopted"
                && last.mac == head.mac
                && chain::mac(&self.vault, &last) == last.mac
        }))
    }

    /// Whether the chain of this node has lines and no head.
    async fn lacks_head(&self) -> Result<bool, Fault> {
        let line: Option<(i64,)> = sqlx::query_as(
            "SELECT seq FROM audit_lines WHERE node = $1 AND NOT EXISTS (SELECT 1 FROM audit_heads WHERE node = $1) LIMIT 1",
        )
        .bind(self.db.chain().node.clone())
        .fetch_optional(self.db.reader())
        .await?;
        Ok(line.is_some())
    }

    /// Whether the last line of this node's chain was written under our master key; `None` when there is none.
    pub(in crate::store) async fn wrote_the_end(&self) -> Result<Option<bool>, Fault> {
        let last = sqlx::query("SELECT * FROM audit_lines WHERE node = $1 ORDER BY seq DESC LIMIT 1")
            .bind(self.db.chain().node.clone())
            .fetch_optional(self.db.reader())
            .await?;
        let last = last.as_ref().map(read_line).transpose()?;
        Ok(last.map(|last| chain::mac(&self.vault, &last) == last.mac))
    }

    /// Refuses a log without the chain of this node, or with lines outside of it.
    pub(in crate::store) async fn check_chain(&self) -> Result<(), Fault> {
        if self.lacks_head().await? {
            return Err(NoHead.into());
        }
        let (heads, outside): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM audit_heads WHERE node = $1), (SELECT COUNT(*) FROM audit_before)",
        )
        .bind(self.db.chain().node.clone())
        .fetch_one(self.db.reader())
        .await?;
        if heads == 1 && outside == 0 { Ok(()) } else { Err(NotChained.into()) }
    }
}
