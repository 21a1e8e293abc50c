//! Whether the log is what was written: every line, its place, its neighbours, the checkpoints, and the names.

mod finding;
mod reading;

use std::collections::BTreeSet;

use sqlx::Row;

pub use self::finding::{Finding, Wrong};
use self::reading::Ends;
pub(super) use self::reading::Reading;
use super::{Line, checkpoints::Checkpoint, names, read_line};
use crate::{
    domain::fault::Fault,
    store::{Store, columns::Columns},
};

/// How many rows are read at once.
const PAGE: i64 = 1000;
/// How many turns one chain takes at most: more lines than any disk holds.
const TURNS: usize = 100_000_000;

impl Store {
    /// Reads the whole log and tells `tell` of everything that is wrong; `kept` are checkpoints that were kept elsewhere. Gives the
    /// number of lines. However long the log is, a page of it is in memory.
    pub async fn verify_audit(&self, kept: &[String], tell: &mut impl FnMut(Finding)) -> Result<u64, Fault> {
        let mut lines = 0;
        let own = self.db.chain().node.clone();
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT node FROM audit_heads UNION SELECT DISTINCT node FROM audit_lines ORDER BY node",
        )
        .fetch_all(self.db.reader())
        .await?;
        let mut nodes: BTreeSet<String> = rows.into_iter().map(|(node,)| node).chain([own]).collect();
        let mut genuine = Vec::new();
        for jws in kept {
            match Checkpoint::read(&self.vault, jws) {
                None => tell(Finding::Kept),
                Some(checkpoint) => genuine.push(checkpoint),
            }
        }
        // A node of which nothing is left, too.
        nodes.extend(genuine.iter().map(|checkpoint| checkpoint.node.clone()));
        for node in nodes {
            let mut reading = Reading::new(self, &node);
            for _ in 0..TURNS {
                if reading.page(tell).await? {
                    break;
                }
            }
            lines += reading.count;
            self.verify_checkpoints(&node, reading.last(), tell).await?;
            for checkpoint in genuine.iter().filter(|checkpoint| checkpoint.node == node) {
                self.hold(checkpoint, reading.last(), tell).await?;
            }
        }
        self.verify_names(tell).await?;
        Ok(lines)
    }

    /// What is wrong with the end of each chain: the last line must be what the head says, and that of the last checkpoint that was
    /// signed here what it says. Rows behind it that were not are told.
    pub async fn check_audit(&self) -> Result<Vec<Finding>, Fault> {
        self.check_chain().await?;
        let mut found = Vec::new();
        let mut tell = |finding| found.push(finding);
        for (node, _) in self.audit_nodes().await? {
            let ends = Ends::of(self, &node).await?;
            let mut reading = Reading::new(self, &node);
            let behind = ends.last.unwrap_or_default().saturating_sub(1);
            if let Some(line) = self.audit_chain(&node, behind).await?.first() {
                reading.look(line, &mut tell).await?;
            }
            reading.judge_end(&ends, &mut tell);
            let newest: Vec<(i64, String)> = sqlx::query_as(
                "SELECT seq, jws FROM audit_checkpoints WHERE node = $1 ORDER BY seq DESC LIMIT $2",
            )
            .bind(&node)
            .bind(PAGE)
            .fetch_all(self.db.reader())
            .await?;
            // A row that was not signed here is told, and is not what the chain is held against: that is the last one that was.
            for (seq, jws) in newest {
                self.hold_row((&node, seq), &jws, reading.last(), &mut tell).await?;
                if Checkpoint::read_of(&self.vault, &jws, (&node, seq)).is_some() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// One page of a chain, behind a number.
    pub async fn audit_chain(&self, node: &str, behind: i64) -> Result<Vec<Line>, Fault> {
        let statement = "SELECT * FROM audit_lines WHERE node = $1 AND seq > $2 ORDER BY seq LIMIT $3";
        let rows = sqlx::query(statement).bind(node).bind(behind).bind(PAGE);
        rows.fetch_all(self.db.reader()).await?.iter().map(read_line).collect()
    }

    /// The nodes that have a chain, with the number of its last line.
    pub async fn audit_nodes(&self) -> Result<Vec<(String, i64)>, Fault> {
        let statement = "SELECT node, seq FROM audit_heads ORDER BY node";
        Ok(sqlx::query_as(statement).fetch_all(self.db.reader()).await?)
    }

    /// The MAC of a line, where there is such a line.
    pub(super) async fn mac_of_line(&self, node: &str, seq: i64) -> Result<Option<Vec<u8>>, Fault> {
        let statement = "SELECT mac FROM audit_lines WHERE node = $1 AND seq = $2";
        let row = sqlx::query_as(statement).bind(node).bind(seq).fetch_optional(self.db.reader()).await?;
        Ok(row.map(|(mac,)| mac))
    }

    /// Those in the table.
    async fn verify_checkpoints(
        &self,
        node: &str,
        last: i64,
        tell: &mut impl FnMut(Finding),
    ) -> Result<(), Fault> {
        let mut behind = i64::MIN;
        for _ in 0..TURNS {
            let rows: Vec<(i64, String)> = sqlx::query_as(
                "SELECT seq, jws FROM audit_checkpoints WHERE node = $1 AND seq > $2 ORDER BY seq LIMIT $3",
            )
            .bind(node)
            .bind(behind)
            .bind(PAGE)
            .fetch_all(self.db.reader())
            .await?;
            let Some((end, _)) = rows.last() else { break };
            behind = *end;
            for (seq, jws) in rows {
                self.hold_row((node, seq), &jws, last, tell).await?;
            }
        }
        Ok(())
    }

    /// Holds a row of the table against the line that it names.
    async fn hold_row(
        &self,
        (node, seq): (&str, i64),
        jws: &str,
        last: i64,
        tell: &mut impl FnMut(Finding),
    ) -> Result<(), Fault> {
        match Checkpoint::read_of(&self.vault, jws, (node, seq)) {
            None => tell(Finding::lines(node, (seq, seq), Wrong::Forged)),
            Some(checkpoint) => self.hold(&checkpoint, last, tell).await?,
        }
        Ok(())
    }

    /// Holds a checkpoint against the line of which it was made, which may have come since the chain was read up to `last`.
    async fn hold(
        &self,
        checkpoint: &Checkpoint,
        last: i64,
        tell: &mut impl FnMut(Finding),
    ) -> Result<(), Fault> {
        let (node, seq) = (checkpoint.node.as_str(), checkpoint.seq);
        match self.mac_of_line(node, seq).await? {
            Some(mac) if !checkpoint.is_of(&mac) => {
                tell(Finding::lines(node, (seq, seq), Wrong::Rewritten));
            }
            None if seq > last => tell(Finding::lines(node, (last + 1, seq), Wrong::Cut)),
            // One that is missing in between was told of already, and what was let go is no more.
            _ => {}
        }
        Ok(())
    }

    async fn verify_names(&self, tell: &mut impl FnMut(Finding)) -> Result<(), Fault> {
        let mut behind = String::new();
        for _ in 0..TURNS {
            let rows =
                sqlx::query("SELECT * FROM audit_names WHERE pseudonym > $1 ORDER BY pseudonym LIMIT $2")
                    .bind(&behind)
                    .bind(PAGE)
                    .fetch_all(self.db.reader())
                    .await?;
            let Some(last) = rows.last() else { break };
            behind = last.text("pseudonym")?;
            for row in &rows {
                let (pseudonym, mac): (String, Vec<u8>) = (row.text("pseudonym")?, row.try_get("mac")?);
                if names::mac(&self.vault, &pseudonym, &row.text("name")?) != mac {
                    tell(Finding::Name(pseudonym));
                }
            }
        }
        let nameless: Vec<(String,)> =
            sqlx::query_as(NAMELESS).bind(PAGE).fetch_all(self.db.reader()).await?;
        for (pseudonym,) in nameless {
            tell(Finding::Nameless(pseudonym));
        }
        Ok(())
    }
}

/// Pseudonyms in lines of which no name is known, without those that a line says were forgotten.
const NAMELESS: &str = "SELECT p.pseudonym FROM \
    (SELECT actor AS pseudonym FROM audit_lines UNION SELECT represented FROM audit_lines) p \
    WHERE p.pseudonym IS NOT NULL AND NOT EXISTS (SELECT 1 FROM audit_names n WHERE n.pseudonym = p.pseudonym) \
    AND p.pseudonym NOT IN (SELECT f.represented FROM audit_lines f WHERE f.event = 'person.forgotten' AND f.represented IS NOT NULL) \
    LIMIT $1";
