//! One chain while it is read: each line, beside the one before it, then both ends.

use sqlx::Row;

use super::{
    Finding,
    finding::Wrong::{self, Altered, Behind, Cut, Head as OtherHead, Moved, NoHead, Removed, Unmarked},
};
use crate::{
    domain::{
        audit::{LEAST_YEARS, YEAR},
        fault::Fault,
        time::Timestamp,
    },
    store::{
        Store,
        audit::{
            Line,
            chain::{self, Head, read_head},
            checkpoints::{Checkpoint, read_told},
        },
    },
};

/// What was read of a chain so far.
pub(in crate::store::audit) struct Reading<'a> {
    store: &'a Store,
    node: &'a str,
    /// How many lines.
    pub(super) count: u64,
    /// The last of them.
    last: Option<Head>,
    /// Whether that was in order.
    last_fits: bool,
    /// Up to where the log itself says that lines were let go, and when it says so.
    swept: Option<(i64, Timestamp)>,
    /// What was missing between two pages; it may have been let go meanwhile. One a page at most.
    gaps: Vec<(i64, i64)>,
}

/// Both ends of a chain, of one moment.
pub(super) struct Ends {
    head: Option<Head>,
    pub(super) last: Option<i64>,
    first: Option<i64>,
    /// What the first line says of the line before it, and the checkpoint of that.
    before: Option<Vec<u8>>,
    checkpoint: Option<Checkpoint>,
}

const ENDS: &str = "SELECT e.first, e.last, h.seq, h.mac, b.prev, c.jws FROM (SELECT \
    (SELECT MIN(seq) FROM audit_lines WHERE node = $1) AS first, (SELECT MAX(seq) FROM audit_lines WHERE node = $1) AS last) e \
    LEFT JOIN audit_heads h ON h.node = $1 LEFT JOIN audit_lines b ON b.node = $1 AND b.seq = e.first \
    LEFT JOIN audit_checkpoints c ON c.node = $1 AND c.seq = e.first - 1";

impl Ends {
    pub(super) async fn of(store: &Store, node: &str) -> Result<Self, Fault> {
        let row = sqlx::query(ENDS).bind(node).fetch_one(store.db.reader()).await?;
        let head = match row.try_get::<Option<i64>, _>("seq")? {
            None => None,
            Some(_) => Some(read_head(&row)?),
        };
        let (first, jws): (Option<i64>, Option<String>) = (row.try_get("first")?, row.try_get("jws")?);
        let read = |(first, jws): (i64, String)| Checkpoint::read_of(&store.vault, &jws, (node, first - 1));
        Ok(Self {
            head,
            last: row.try_get("last")?,
            first,
            before: row.try_get("prev")?,
            checkpoint: first.zip(jws).and_then(read),
        })
    }
}

impl<'a> Reading<'a> {
    pub(in crate::store::audit) fn new(store: &'a Store, node: &'a str) -> Self {
        Self { store, node, count: 0, last: None, last_fits: false, swept: None, gaps: Vec::new() }
    }

    /// The number of the last line.
    pub(super) fn last(&self) -> i64 {
        self.last.as_ref().map_or(0, |last| last.seq)
    }

    /// Reads a page. `true` when there is nothing more to read: then both ends were judged too.
    pub(in crate::store::audit) async fn page(
        &mut self,
        tell: &mut impl FnMut(Finding),
    ) -> Result<bool, Fault> {
        let at = self.last.as_ref().map_or(i64::MIN, |last| last.seq);
        let ends = Ends::of(self.store, self.node).await?;
        if ends.last.is_none_or(|last| last <= at) {
            self.judge_end(&ends, tell);
            self.judge_beginning(&ends, tell);
            return Ok(true);
        }
        for (place, line) in self.store.audit_chain(self.node, at).await?.iter().enumerate() {
            if let Some(last) = &self.last
                && line.seq > last.seq + 1
            {
                let gap = (last.seq + 1, line.seq - 1);
                // A page is of one moment, so what is missing within one was not let go, which begins at the beginning.
                if place == 0 { self.gaps.push(gap) } else { self.tell(gap, Removed, tell) }
            }
            self.look(line, tell).await?;
        }
        Ok(false)
    }

    /// Looks at one line, beside the one before it.
    pub(super) async fn look(&mut self, line: &Line, tell: &mut impl FnMut(Finding)) -> Result<(), Fault> {
        let at = (line.seq, line.seq);
        let fits = chain::mac(&self.store.vault, line) == line.mac;
        let follows = match &self.last {
            None => line.seq != 1 || line.prev.is_empty(),
            Some(last) => line.seq > last.seq + 1 || !self.last_fits || line.prev == last.mac,
        };
        if !fits {
            self.tell(at, Altered, tell);
        } else if !follows {
            self.tell(at, Moved, tell);
        }
        if fits && let Some((node, seq)) = read_told(line.detail.as_deref()) {
            match line.event.as_str() {
                "audit.swept" if node == line.node && self.swept.is_none_or(|(upto, _)| upto < seq) => {
                    self.swept = Some((seq, line.at));
                }
                "audit.checkpoint" if !self.is_marked(node, seq).await? => {
                    tell(Finding::lines(node, (seq, seq), Unmarked));
                }
                _ => {}
            }
        }
        self.count += 1;
        self.last = Some(Head { seq: line.seq, mac: line.mac.clone() });
        self.last_fits = fits;
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
        .fetch_one(self.store.db.reader())
        .await?;
        Ok(there > 0 || first.is_some_and(|first| seq < first - 1))
    }

    /// Holds the last line against the head.
    pub(super) fn judge_end(&self, ends: &Ends, tell: &mut impl FnMut(Finding)) {
        let last = self.last();
        match (&ends.head, &self.last) {
            (None, _) => self.tell((last, last), NoHead, tell),
            (Some(head), _) if head.seq > last => self.tell((last + 1, head.seq), Cut, tell),
            (Some(head), Some(_)) if head.seq < last => self.tell((head.seq + 1, last), Behind, tell),
            (Some(head), Some(read)) if head.mac != read.mac && self.last_fits => {
                self.tell((last, last), OtherHead, tell);
            }
            _ => {}
        }
    }

    /// What is missing before the first line must have been let go: up to a checkpoint of ours, which was old enough when the log
    /// said so. The same of what went while the log was read.
    fn judge_beginning(&self, ends: &Ends, tell: &mut impl FnMut(Finding)) {
        let first = ends.first.unwrap_or(i64::MIN);
        for gap in self.gaps.iter().filter(|(_, to)| *to >= first) {
            self.tell(*gap, Removed, tell);
        }
        if first <= 1 {
            return;
        }
        let old = |made: Timestamp| {
            let least =
                |(upto, at): (i64, Timestamp)| upto == first - 1 && at.since(made) >= LEAST_YEARS * YEAR;
            self.swept.is_some_and(least)
        };
        let start = ends.checkpoint.as_ref().zip(ends.before.as_ref());
        if !start.is_some_and(|(start, before)| start.is_of(before) && start.made_at().is_some_and(old)) {
            self.tell((1, first - 1), Removed, tell);
        }
    }

    fn tell(&self, lines: (i64, i64), wrong: Wrong, tell: &mut impl FnMut(Finding)) {
        tell(Finding::lines(self.node, lines, wrong));
    }
}
