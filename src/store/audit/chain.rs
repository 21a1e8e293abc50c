//! The chain of a node: each line carries its number, the MAC of the line before it, and its own MAC over both and everything that it
//! says. The row in `audit_heads` decides who is next: whoever adds lines moves it first, by one guarded statement.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use sqlx::{AnyConnection, AssertSqlSafe, Row, any::AnyRow};

use super::{Event, Line, names};
use crate::{
    domain::{audit::meaning, fault::Fault, id::random, time::Timestamp},
    store::{Vault, batch::values, columns::Columns},
};

/// How many lines one statement writes at most: databases bound how many values a statement has.
const AT_ONCE: usize = 200;
/// How many pseudonyms of those who acted lately are at hand, twice.
const AT_HAND: usize = 10_000;

/// The chain of one node, as far as this process knows it.
pub(in crate::store) struct Chain {
    pub(super) node: String,
    pub(super) vault: Arc<Vault>,
    seen: Mutex<Seen>,
}

/// What was true after the last transaction of this process. Anybody may have moved the head since: a guarded statement tells.
#[derive(Default)]
struct Seen {
    head: Option<Head>,
    young: HashMap<String, String>,
    old: HashMap<String, String>,
}

/// The last line of a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) seq: i64,
    pub(super) mac: Vec<u8>,
}

/// What a transaction wrote; it counts once the transaction is committed.
pub(in crate::store) struct Written {
    head: Head,
    names: HashMap<String, String>,
}

/// A line to be.
#[derive(Debug, Clone)]
pub(in crate::store) struct Note {
    id: String,
    at: Timestamp,
    event: String,
    outcome: String,
    actor: Option<String>,
    represented: Option<String>,
    client: Option<String>,
    detail: Option<String>,
}

impl Note {
    pub(in crate::store) fn new(event: &Event<'_>, at: Timestamp) -> Self {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Self {
            id: random::<16>(),
            at,
            event: event.event.to_owned(),
            outcome: event.outcome.to_owned(),
            actor: own(event.actor),
            represented: own(event.represented),
            client: own(event.client),
            detail: own(event.detail),
        }
    }

    /// A line of before the chain.
    pub(super) fn read(row: &AnyRow) -> Result<Self, Fault> {
        Ok(Self {
            id: row.text("id")?,
            at: row.time("at")?,
            event: row.text("event")?,
            outcome: row.text("outcome")?,
            actor: row.maybe_text("actor")?,
            represented: row.maybe_text("represented")?,
            client: row.maybe_text("client")?,
            detail: row.maybe_text("detail")?,
        })
    }

    /// The order in which lines of before the chain are taken up.
    pub(super) fn place(&self) -> (Timestamp, &str) {
        (self.at, &self.id)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.actor.as_deref().into_iter().chain(self.represented.as_deref())
    }
}

impl Chain {
    pub(in crate::store) fn new(node: &str, vault: Arc<Vault>) -> Self {
        Self { node: node.to_owned(), vault, seen: Mutex::default() }
    }

    /// Writes lines behind the chain's last, inside the transaction of what they tell of: two statements, unless somebody else has
    /// written meanwhile or somebody is named who did not act lately.
    pub(in crate::store) async fn extend(
        &self,
        on: &mut AnyConnection,
        notes: &[Note],
        mut known: HashMap<String, String>,
    ) -> Result<Written, Fault> {
        let wanted: BTreeSet<&str> = notes.iter().flat_map(Note::names).collect();
        let mut head = self.at_hand(&wanted, &mut known);
        let missing: Vec<&str> = wanted.into_iter().filter(|name| !known.contains_key(*name)).collect();
        if !missing.is_empty() {
            // Under the lock, so that of two that make pseudonyms for the same people neither waits for the other.
            head = Some(self.lock(on).await?);
            known.extend(names::find(on, &self.vault, &missing).await?);
        }
        let mut lines = Vec::new();
        if let Some(head) = &head {
            lines = self.lines(head, notes, &known);
        }
        let moved = match &head {
            Some(head) => self.advance(on, head, &lines).await?,
            None => false,
        };
        if !moved {
            let head = self.lock(on).await?;
            lines = self.lines(&head, notes, &known);
            if !self.advance(on, &head, &lines).await? {
                return Err(Fault::because("the head of the audit log moved while it was held"));
            }
        }
        for some in lines.chunks(AT_ONCE) {
            insert(on, some).await?;
        }
        let last = lines.last().ok_or_else(|| Fault::because("no lines for the audit log"))?;
        Ok(Written { head: Head { seq: last.seq, mac: last.mac.clone() }, names: known })
    }

    /// What a transaction wrote stands.
    pub(in crate::store) fn follow(&self, written: Written) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.head = Some(written.head);
        if seen.young.len() > AT_HAND {
            seen.old = std::mem::take(&mut seen.young);
        }
        seen.young.extend(written.names);
    }

    /// Forgets the pseudonyms of those names.
    pub(in crate::store) fn forget<'a>(&self, names: impl Iterator<Item = &'a str>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            seen.young.remove(name);
            seen.old.remove(name);
        }
    }

    fn at_hand(&self, wanted: &BTreeSet<&str>, known: &mut HashMap<String, String>) -> Option<Head> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for name in wanted {
            if !known.contains_key(*name)
                && let Some(pseudonym) = seen.young.get(*name).or_else(|| seen.old.get(*name))
            {
                known.insert((*name).to_owned(), pseudonym.clone());
            }
        }
        seen.head.clone()
    }

    /// The head, held until the transaction ends.
    async fn lock(&self, on: &mut AnyConnection) -> Result<Head, Fault> {
        let held = sqlx::query("UPDATE audit_heads SET seq = seq WHERE node = $1 RETURNING seq, mac")
            .bind(self.node.clone())
            .fetch_optional(on)
            .await?;
        let lost = || Fault::because("the audit log has lost the head of its chain: see `namens doctor`");
        read_head(&held.ok_or_else(lost)?)
    }

    /// Moves the head behind the lines that are about to be written. `false` when it stands elsewhere.
    async fn advance(&self, on: &mut AnyConnection, from: &Head, lines: &[Line]) -> Result<bool, Fault> {
        let last = lines.last().ok_or_else(|| Fault::because("no lines for the audit log"))?;
        let statement = "UPDATE audit_heads SET seq = $1, mac = $2 WHERE node = $3 AND seq = $4 AND mac = $5";
        let done = sqlx::query(statement)
            .bind(last.seq)
            .bind(last.mac.clone())
            .bind(self.node.clone())
            .bind(from.seq)
            .bind(from.mac.clone())
            .execute(on)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    fn lines(&self, head: &Head, notes: &[Note], known: &HashMap<String, String>) -> Vec<Line> {
        let pseudonym = |name: &Option<String>| name.as_ref().and_then(|name| known.get(name)).cloned();
        let mut lines: Vec<Line> = Vec::with_capacity(notes.len());
        let (mut seq, mut prev) = (head.seq, head.mac.clone());
        for note in notes {
            seq = seq.saturating_add(1);
            let named = (note.actor.as_deref(), note.represented.as_deref());
            let (role, purpose) = meaning(&note.event, named.0, named.1, note.client.as_deref());
            let mut line = Line {
                node: self.node.clone(),
                seq,
                id: note.id.clone(),
                at: note.at,
                event: note.event.clone(),
                outcome: note.outcome.clone(),
                actor: pseudonym(&note.actor),
                role: role.word().to_owned(),
                represented: pseudonym(&note.represented),
                purpose: purpose.word().to_owned(),
                client: note.client.clone(),
                detail: note.detail.clone(),
                prev,
                mac: Vec::new(),
            };
            line.mac = mac(&self.vault, &line);
            prev = Vec::from(line.mac.as_slice());
            lines.push(line);
        }
        lines
    }
}

/// The MAC that a line must have: over everything that it says, where it stands, and the MAC of the line before it.
pub(super) fn mac(vault: &Vault, line: &Line) -> Vec<u8> {
    vault.audit_mac(&[
        Some(b"line"),
        Some(line.node.as_bytes()),
        Some(&line.seq.to_be_bytes()),
        Some(line.id.as_bytes()),
        Some(&line.at.epoch().to_be_bytes()),
        Some(line.event.as_bytes()),
        Some(line.outcome.as_bytes()),
        line.actor.as_deref().map(str::as_bytes),
        Some(line.role.as_bytes()),
        line.represented.as_deref().map(str::as_bytes),
        Some(line.purpose.as_bytes()),
        line.client.as_deref().map(str::as_bytes),
        line.detail.as_deref().map(str::as_bytes),
        Some(&line.prev),
    ])
}

pub(super) fn read_head(row: &AnyRow) -> Result<Head, Fault> {
    Ok(Head { seq: row.try_get("seq")?, mac: row.try_get("mac")? })
}

async fn insert(on: &mut AnyConnection, lines: &[Line]) -> Result<(), Fault> {
    let statement = format!(
        "INSERT INTO audit_lines (node, seq, id, at, event, outcome, actor, role, represented, purpose, client, detail, prev, mac) \
         VALUES {}",
        values(lines.len(), 14)
    );
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for line in lines {
        query = query
            .bind(line.node.clone())
            .bind(line.seq)
            .bind(line.id.clone())
            .bind(line.at.epoch())
            .bind(line.event.clone())
            .bind(line.outcome.clone())
            .bind(line.actor.clone())
            .bind(line.role.clone())
            .bind(line.represented.clone())
            .bind(line.purpose.clone())
            .bind(line.client.clone())
            .bind(line.detail.clone())
            .bind(line.prev.clone())
            .bind(line.mac.clone());
    }
    query.execute(on).await?;
    Ok(())
}
