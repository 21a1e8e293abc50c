//! How long lines are kept. Only whole beginnings go, up to a checkpoint, which stays as the new beginning; a line of the log says so.

use sqlx::Row;

use super::{Event, checkpoints::told};
use crate::{
    domain::{fault::Fault, time::Timestamp},
    store::Store,
};

/// The most lines that go at once, so that nobody waits long for the database.
const MOST: i64 = 5000;
/// So many lines at least, or a day of them: each time leaves a line itself.
const WORTH_IT: i64 = 1000;
const DAY: i64 = 86_400;

/// The first line of each chain, and the last checkpoint of before $1 that is at most $2 lines away; where there is none, as after a
/// burst or an upgrade, the first one behind them, or the log would never grow shorter again. The heads are looked at first, whatever the
/// database knows of its tables: the other way round it reads the whole log.
const BEGINNINGS: &str = "SELECT h.node, l.seq, l.at, COALESCE((SELECT MAX(c.seq) FROM audit_checkpoints c WHERE c.node = h.node \
    AND c.at < $1 AND c.seq >= l.seq AND c.seq < l.seq + $2), (SELECT MIN(c.seq) FROM audit_checkpoints c WHERE c.node = h.node \
    AND c.at < $1 AND c.seq >= l.seq)) AS upto FROM audit_heads h CROSS JOIN audit_lines l WHERE l.node = h.node \
    AND l.seq = (SELECT MIN(m.seq) FROM audit_lines m WHERE m.node = h.node)";

impl Store {
    /// Deletes lines of before `keep_from`, oldest first, as far as a checkpoint reaches; a bounded number. Tells how many.
    pub async fn sweep_audit(&self, keep_from: Timestamp, now: Timestamp) -> Result<u64, Fault> {
        let rows =
            sqlx::query(BEGINNINGS).bind(keep_from.epoch()).bind(MOST).fetch_all(self.db.reader()).await?;
        let mut swept = 0;
        for row in rows {
            let (node, first, at): (String, i64, i64) =
                (row.try_get("node")?, row.try_get("seq")?, row.try_get("at")?);
            let Some(upto) = row.try_get::<Option<i64>, _>("upto")? else { continue };
            if upto - first < WORTH_IT && keep_from.epoch() - at < DAY {
                continue;
            }
            if self.may_go(&node, upto, keep_from).await? {
                swept += self.cut(&node, upto, now).await?;
            } else {
                tracing::error!(
                    node,
                    seq = upto,
                    "a checkpoint of the audit log was altered, so nothing is let go: run `namens audit verify`"
                );
            }
        }
        Ok(swept)
    }

    /// Whether the checkpoint there is older and of the line that stands there. What was signed says so: the columns by which it was
    /// found anybody can have written who can write the table.
    async fn may_go(&self, node: &str, upto: i64, keep_from: Timestamp) -> Result<bool, Fault> {
        let Some(checkpoint) = self.checkpoint_of(node, upto).await? else { return Ok(false) };
        let line = self.mac_of_line(node, upto).await?;
        let old = checkpoint.made_at().is_some_and(|made| made < keep_from);
        Ok(old && line.is_some_and(|mac| checkpoint.is_of(&mac)))
    }

    async fn cut(&self, node: &str, upto: i64, now: Timestamp) -> Result<u64, Fault> {
        let mut tx = self.db.begin().await?;
        let lines = "DELETE FROM audit_lines WHERE node = $1 AND seq <= $2";
        let lines = sqlx::query(lines).bind(node.to_owned()).bind(upto).execute(&mut *tx).await?;
        let older = "DELETE FROM audit_checkpoints WHERE node = $1 AND seq < $2";
        sqlx::query(older).bind(node.to_owned()).bind(upto).execute(&mut *tx).await?;
        if lines.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(0);
        }
        let detail = told(node, upto);
        tx.note(
            &Event { event: "audit.swept", outcome: "ok", detail: Some(&detail), ..Event::default() },
            now,
        );
        tx.commit().await?;
        Ok(lines.rows_affected())
    }
}
