//! Whether the log is what was written: every line, its place, its neighbours, the checkpoints, and the names.

use std::{collections::BTreeSet, fmt};

use sqlx::Row;

use super::{
    Line, chain,
    chain::{Head, read_head},
    checkpoints::{Checkpoint, read_told},
    names, read_line,
};
use crate::{
    domain::fault::Fault,
    store::{Store, columns::Columns},
};

/// How many rows are read at once.
const PAGE: i64 = 1000;
/// How many turns one chain takes at most: more lines than any disk holds.
const TURNS: usize = 100_000_000;

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Of which node.
    pub node: String,
    /// Which lines: from this one to that one.
    pub lines: (i64, i64),
    /// What is wrong with them.
    pub what: &'static str,
}

/// A line that says something else than was written, or was not written by us.
pub const ALTERED: &str = "was altered, moved here, or inserted";
/// A line whose neighbour is another one than when it was written.
pub const MOVED: &str = "does not follow the line before it: one of the two is of another copy of the log";
/// Lines that are not there.
pub const REMOVED: &str = "was removed";
/// Lines at the end that are not there.
pub const CUT: &str = "was cut off";
/// Lines that nothing accounts for.
pub const BEHIND: &str =
    "stands behind the head of the chain: the line was inserted, or the head was set back";
/// Another head than that of the last line.
pub const HEAD: &str = "is not what the head of the chain says: the head was altered";
/// A chain without a head.
pub const NO_HEAD: &str = "is of a chain whose head is gone";
/// A checkpoint that somebody else signed, or that was moved.
pub const FORGED: &str = "has a checkpoint that was not signed here, or was altered";
/// A line that differs from its checkpoint.
pub const REWRITTEN: &str = "is not the line of which the checkpoint was made: the log was written anew";
/// A checkpoint that is not there.
pub const UNMARKED: &str = "had a checkpoint, which was removed";

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = self.lines;
        match (from, to) {
            _ if from == to => write!(f, "node {} line {from} {}", self.node, self.what),
            _ => write!(f, "node {} lines {from} to {to}: each {}", self.node, self.what),
        }
    }
}

/// Something about names: they stand outside of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// About lines.
    Lines(Wrong),
    /// The name of that pseudonym was not written here.
    Name(String),
    /// The name of that pseudonym is gone, and no line says that it was erased.
    Nameless(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lines(wrong) => write!(f, "{wrong}"),
            Self::Name(pseudonym) => write!(f, "pseudonym {pseudonym}: its name was altered or forged"),
            Self::Nameless(pseudonym) => write!(
                f,
                "pseudonym {pseudonym}: its name was removed, and no line says that it was forgotten"
            ),
        }
    }
}

/// What one chain is like while it is read.
#[derive(Default)]
struct Reading {
    /// The number of its first line, if it has one.
    first: Option<i64>,
    /// What the first line says of the line before it.
    before: Vec<u8>,
    /// The last line read.
    last: Option<Head>,
    /// Whether that was in order.
    last_fits: bool,
    /// Up to where the log itself says that lines were let go.
    swept: i64,
}

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
        let nodes: BTreeSet<String> = rows.into_iter().map(|(node,)| node).chain([own]).collect();
        for node in nodes {
            lines += self.verify_chain(&node, kept, tell).await?;
        }
        for jws in kept {
            if Checkpoint::read(&self.vault, jws).is_none() {
                tell(Finding::Lines(Wrong { node: "unknown".to_owned(), lines: (0, 0), what: FORGED }));
            }
        }
        self.verify_names(tell).await?;
        Ok(lines)
    }

    /// What is wrong with the end of each chain: the last line must be what the head says, and that of the last checkpoint what was
    /// signed.
    pub async fn check_audit(&self) -> Result<Vec<Wrong>, Fault> {
        self.check_chain().await?;
        let mut found = Vec::new();
        for (node, _) in self.audit_nodes().await? {
            let (head, last) = self.head_and_last(&node).await?;
            let (head, last) = (head.unwrap_or_default(), last.unwrap_or_default());
            let mut reading = Reading::default();
            for line in self.audit_chain(&node, last.saturating_sub(1)).await?.iter().take(1) {
                reading.last_fits = chain::mac(&self.vault, line) == line.mac;
                reading.last = Some(Head { seq: line.seq, mac: line.mac.clone() });
            }
            let mut wrong =
                |node: &str, lines, what| found.push(Wrong { node: node.to_owned(), lines, what });
            if last > 0 && !reading.last_fits {
                wrong(&node, (last, last), ALTERED);
            }
            ends(&node, Some(&head), &reading, &mut wrong);
            let newest: Option<(i64,)> =
                sqlx::query_as("SELECT seq FROM audit_checkpoints WHERE node = $1 ORDER BY seq DESC LIMIT 1")
                    .bind(&node)
                    .fetch_optional(self.db.reader())
                    .await?;
            if let Some((seq,)) = newest {
                match self.checkpoint_of(&node, seq).await? {
                    None => wrong(&node, (seq, seq), FORGED),
                    Some(checkpoint) => self.hold(&checkpoint, &reading, &mut wrong).await?,
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

    async fn verify_chain(
        &self,
        node: &str,
        kept: &[String],
        tell: &mut impl FnMut(Finding),
    ) -> Result<u64, Fault> {
        let mut wrong = |node: &str, lines, what| {
            tell(Finding::Lines(Wrong { node: node.to_owned(), lines, what }));
        };
        let (mut reading, mut count) = (Reading::default(), 0);
        let mut head = None;
        for _ in 0..TURNS {
            let at = reading.last.as_ref().map_or(i64::MIN, |last| last.seq);
            let (found, last) = self.head_and_last(node).await?;
            head = found;
            if last.is_none_or(|last| last <= at) {
                break;
            }
            for line in self.audit_chain(node, at).await? {
                count += 1;
                self.look(&mut reading, &line, &mut wrong).await?;
            }
        }
        ends(node, head.as_ref(), &reading, &mut wrong);
        if let Some(first) = reading.first.filter(|first| *first > 1) {
            let start = self.checkpoint_of(node, first - 1).await?;
            let fits = start.is_some_and(|start| start.is_of(&reading.before));
            if !(fits && reading.swept == first - 1) {
                wrong(node, (1, first - 1), REMOVED);
            }
        }
        self.verify_checkpoints(node, &reading, kept, &mut wrong).await?;
        Ok(count)
    }

    /// The head and the number of the last line, of one moment.
    async fn head_and_last(&self, node: &str) -> Result<(Option<Head>, Option<i64>), Fault> {
        let row = sqlx::query(
            "SELECT h.seq, h.mac, l.last FROM (SELECT MAX(seq) AS last FROM audit_lines WHERE node = $1) l \
             LEFT JOIN audit_heads h ON h.node = $1",
        )
        .bind(node)
        .fetch_one(self.db.reader())
        .await?;
        let head = match row.try_get::<Option<i64>, _>("seq")? {
            None => None,
            Some(_) => Some(read_head(&row)?),
        };
        Ok((head, row.try_get("last")?))
    }

    /// Looks at one line, beside the one before it.
    async fn look(
        &self,
        reading: &mut Reading,
        line: &Line,
        wrong: &mut impl FnMut(&str, (i64, i64), &'static str),
    ) -> Result<(), Fault> {
        let (node, fits) = (line.node.as_str(), chain::mac(&self.vault, line) == line.mac);
        match &reading.last {
            None => {
                reading.first = Some(line.seq);
                line.prev.clone_into(&mut reading.before);
                if line.seq == 1 && fits && !line.prev.is_empty() {
                    wrong(node, (1, 1), MOVED);
                }
            }
            Some(last) if line.seq > last.seq + 1 => wrong(node, (last.seq + 1, line.seq - 1), REMOVED),
            Some(last) if fits && reading.last_fits && line.prev != last.mac => {
                wrong(node, (line.seq, line.seq), MOVED);
            }
            Some(_) => {}
        }
        if !fits {
            wrong(node, (line.seq, line.seq), ALTERED);
        }
        if fits && let Some((node, seq)) = read_told(line.detail.as_deref()) {
            match line.event.as_str() {
                "audit.swept" if node == line.node => reading.swept = reading.swept.max(seq),
                "audit.checkpoint" if !self.is_marked(node, seq).await? => {
                    wrong(node, (seq, seq), UNMARKED);
                }
                _ => {}
            }
        }
        reading.last = Some(Head { seq: line.seq, mac: line.mac.clone() });
        reading.last_fits = fits;
        Ok(())
    }

    /// Whether the checkpoint of a line stands where a line told of it, or went with the line.
    async fn is_marked(&self, node: &str, seq: i64) -> Result<bool, Fault> {
        let (there, first): (i64, Option<i64>) = sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM audit_checkpoints WHERE node = $1 AND seq = $2), \
             (SELECT MIN(seq) FROM audit_lines WHERE node = $1)",
        )
        .bind(node)
        .bind(seq)
        .fetch_one(self.db.reader())
        .await?;
        Ok(there > 0 || first.is_some_and(|first| seq < first - 1))
    }

    async fn checkpoint_of(&self, node: &str, seq: i64) -> Result<Option<Checkpoint>, Fault> {
        let row: Option<(String,)> =
            sqlx::query_as("SELECT jws FROM audit_checkpoints WHERE node = $1 AND seq = $2")
                .bind(node)
                .bind(seq)
                .fetch_optional(self.db.reader())
                .await?;
        let read = row.and_then(|(jws,)| Checkpoint::read(&self.vault, &jws));
        Ok(read.filter(|read| read.node == node && read.seq == seq))
    }

    /// Those in the table, and those that were kept elsewhere.
    async fn verify_checkpoints(
        &self,
        node: &str,
        reading: &Reading,
        kept: &[String],
        wrong: &mut impl FnMut(&str, (i64, i64), &'static str),
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
            let Some((last, _)) = rows.last() else { break };
            behind = *last;
            for (seq, jws) in rows {
                match Checkpoint::read(&self.vault, &jws).filter(|read| read.node == node && read.seq == seq)
                {
                    None => wrong(node, (seq, seq), FORGED),
                    Some(read) => self.hold(&read, reading, wrong).await?,
                }
            }
        }
        for checkpoint in kept.iter().filter_map(|jws| Checkpoint::read(&self.vault, jws)) {
            if checkpoint.node == node {
                self.hold(&checkpoint, reading, wrong).await?;
            }
        }
        Ok(())
    }

    /// Holds a checkpoint against the line of which it was made.
    async fn hold(
        &self,
        checkpoint: &Checkpoint,
        reading: &Reading,
        wrong: &mut impl FnMut(&str, (i64, i64), &'static str),
    ) -> Result<(), Fault> {
        let node = checkpoint.node.as_str();
        let last = reading.last.as_ref().map_or(0, |last| last.seq);
        if checkpoint.seq > last && !self.has_line(&checkpoint.node, checkpoint.seq).await? {
            wrong(node, (last + 1, checkpoint.seq), CUT);
            return Ok(());
        }
        let line = "SELECT mac FROM audit_lines WHERE node = $1 AND seq = $2";
        let row: Option<(Vec<u8>,)> = sqlx::query_as(line)
            .bind(&checkpoint.node)
            .bind(checkpoint.seq)
            .fetch_optional(self.db.reader())
            .await?;
        // One that is missing in between was told of already, and what was let go is no more.
        if row.is_some_and(|(mac,)| !checkpoint.is_of(&mac)) {
            wrong(node, (checkpoint.seq, checkpoint.seq), REWRITTEN);
        }
        Ok(())
    }

    /// A line may have come since the chain was read.
    async fn has_line(&self, node: &str, seq: i64) -> Result<bool, Fault> {
        let row: Option<(i64,)> = sqlx::query_as("SELECT seq FROM audit_lines WHERE node = $1 AND seq = $2")
            .bind(node)
            .bind(seq)
            .fetch_optional(self.db.reader())
            .await?;
        Ok(row.is_some())
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

/// Holds the last line of a chain against its head.
fn ends(
    node: &str,
    head: Option<&Head>,
    reading: &Reading,
    wrong: &mut impl FnMut(&str, (i64, i64), &'static str),
) {
    let last = reading.last.as_ref().map_or(0, |last| last.seq);
    match (head, &reading.last) {
        (None, _) => wrong(node, (last, last), NO_HEAD),
        (Some(head), None) if head.seq > 0 => wrong(node, (1, head.seq), CUT),
        (Some(head), Some(read)) if head.seq > read.seq => wrong(node, (read.seq + 1, head.seq), CUT),
        (Some(head), Some(read)) if head.seq < read.seq => wrong(node, (head.seq + 1, read.seq), BEHIND),
        (Some(head), Some(read)) if head.mac != read.mac && reading.last_fits => {
            wrong(node, (read.seq, read.seq), HEAD);
        }
        _ => {}
    }
}

/// Pseudonyms in lines of which no name is known, without those that a line says were forgotten.
const NAMELESS: &str = "SELECT p.pseudonym FROM \
    (SELECT actor AS pseudonym FROM audit_lines UNION SELECT represented FROM audit_lines) p \
    WHERE p.pseudonym IS NOT NULL AND NOT EXISTS (SELECT 1 FROM audit_names n WHERE n.pseudonym = p.pseudonym) \
    AND p.pseudonym NOT IN (SELECT f.represented FROM audit_lines f WHERE f.event = 'person.forgotten' AND f.represented IS NOT NULL) \
    LIMIT $1";
