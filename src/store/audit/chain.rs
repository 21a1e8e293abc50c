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
    observe,
    store::{Vault, batch::values, columns::Columns},
};

/// How many lines one statement writes at most: databases bound how many values a statement has.
const AT_ONCE: usize = 200;
/// How many pseudonyms of those who acted lately are at hand, twice.
const AT_HAND: usize = 10_000;

/// The chain of one node, as far as this process knows it.
pub(in crate::store) struct Chain {
    pub(super) node: String,
    vault: Arc<Vault>,
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
    /// Where the head stood before.
    from: Head,
    head: Head,
    names: HashMap<String, String>,
    called: HashMap<String, String>,
}

impl Written {
    /// This, and what the same transaction wrote behind it. Of the names only the later ones are told: they are at hand for speed alone.
    pub(in crate::store) fn then(self, later: Self) -> Self {
        Self { from: self.from, ..later }
    }
}

/// A line to be.
#[derive(Debug, Clone)]
pub(in crate::store) struct Note {
    /// The name of a line of before the chain; others get theirs with their number.
    id: Option<String>,
    at: Timestamp,
    event: String,
    outcome: String,
    actor: Option<String>,
    represented: Option<String>,
    client: Option<String>,
    detail: Option<String>,
    listed: Vec<String>,
}

impl Note {
    pub(in crate::store) fn new(event: &Event<'_>, at: Timestamp) -> Self {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Self {
            id: None,
            at,
            event: event.event.to_owned(),
            outcome: event.outcome.to_owned(),
            actor: own(event.actor),
            represented: own(event.represented),
            client: own(event.client),
            detail: own(event.detail),
            listed: event.listed.iter().map(|person| person.as_str().to_owned()).collect(),
        }
    }

    /// A line of before the chain.
    pub(super) fn read(row: &AnyRow) -> Result<Self, Fault> {
        Ok(Self {
            id: Some(row.text("id")?),
            at: row.time("at")?,
            event: row.text("event")?,
            outcome: row.text("outcome")?,
            actor: row.maybe_text("actor")?,
            represented: row.maybe_text("represented")?,
            client: row.maybe_text("client")?,
            detail: row.maybe_text("detail")?,
            listed: Vec::new(),
        })
    }

    /// Whether it tells of the log itself: nothing of before the chain did.
    pub(super) fn is_of_the_log(&self) -> bool {
        self.event.split('.').next() == Some("audit") || self.event == "person.forgotten"
    }

    /// The order in which lines of before the chain are taken up.
    pub(super) fn place(&self) -> (Timestamp, Option<&str>) {
        (self.at, self.id.as_deref())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let listed = self.listed.iter().map(String::as_str);
        self.actor.as_deref().into_iter().chain(self.represented.as_deref()).chain(listed)
    }
}

/// A name for the line of that number, by which the lines of one second stand in the order in which they were written. The random end
/// keeps those of two nodes apart.
fn name(seq: i64) -> String {
    format!("{seq:010x}{}", random::<9>())
}

impl Chain {
    pub(in crate::store) fn new(node: &str, vault: Arc<Vault>) -> Self {
        Self { node: node.to_owned(), vault, seen: Mutex::default() }
    }

    pub(in crate::store) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Writes lines behind the chain's last, inside the transaction of what they tell of: two statements, unless somebody else has
    /// written meanwhile or somebody is named who did not act lately. Those in `called` have that pseudonym here, and none afterwards.
    pub(in crate::store) async fn extend(
        &self,
        on: &mut AnyConnection,
        notes: &[Note],
        called: HashMap<String, String>,
    ) -> Result<Written, Fault> {
        let wanted: BTreeSet<&str> =
            notes.iter().flat_map(Note::names).filter(|name| !called.contains_key(*name)).collect();
        if let (Some(from), names) = self.at_hand(&wanted)
            && names.len() == wanted.len()
            && let Some(head) = self.write(on, &from, notes, (&names, &called)).await?
        {
            return Ok(Written { from, head, names, called });
        }
        // Under the lock, so that of two that make pseudonyms for the same people neither waits for the other; and every name, because
        // whoever moved the head may have forgotten some.
        let from = self.lock(on).await?;
        let names = names::find(on, &self.vault, &wanted.into_iter().collect::<Vec<_>>()).await?;
        let head = self.write(on, &from, notes, (&names, &called)).await?;
        let head = head.ok_or_else(|| Fault::because("the head of the audit log moved while it was held"))?;
        Ok(Written { from, head, names, called })
    }

    /// What a transaction wrote stands. Names at hand are those of where the head is: as long as it stands there, nobody forgot any.
    pub(in crate::store) fn follow(&self, written: Written) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.head.as_ref() != Some(&written.from) {
            *seen = Seen::default();
        }
        for name in written.called.keys() {
            seen.young.remove(name);
            seen.old.remove(name);
        }
        seen.head = Some(written.head);
        if seen.young.len() > AT_HAND {
            seen.old = std::mem::take(&mut seen.young);
        }
        seen.young.extend(written.names);
    }

    /// Where this process left the head, and those of the names that it knows.
    fn at_hand(&self, wanted: &BTreeSet<&str>) -> (Option<Head>, HashMap<String, String>) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |name: &&str| seen.young.get(*name).or_else(|| seen.old.get(*name)).cloned();
        let names = wanted.iter().filter_map(|name| Some(((*name).to_owned(), known(name)?))).collect();
        (seen.head.clone(), names)
    }

    /// The head, held until the transaction ends.
    async fn lock(&self, on: &mut AnyConnection) -> Result<Head, Fault> {
        let held = sqlx::query("UPDATE audit_heads SET seq = seq WHERE node = $1 RETURNING seq, mac")
            .bind(self.node.clone())
            .fetch_optional(on)
            .await?;
        let lost = || Fault::because("the audit log has lost the head of its chain: see `namens doctor`");
        let held = read_head(&held.ok_or_else(lost)?)?;
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).head.clone();
        // What this process saw was committed, and nobody goes on while the head is held.
        if seen.is_some_and(|seen| held.seq < seen.seq || (held.seq == seen.seq && held.mac != seen.mac)) {
            observe::audit_set_back();
            tracing::error!(
                node = self.node,
                seq = held.seq,
                "the audit log was set back or written anew by somebody else: run `namens audit verify` with the last checkpoint that was kept"
            );
        }
        Ok(held)
    }

    /// Moves the head behind the lines of those notes and writes them. `None`, and nothing done, when it stands elsewhere.
    async fn write(
        &self,
        on: &mut AnyConnection,
        from: &Head,
        notes: &[Note],
        names: (&HashMap<String, String>, &HashMap<String, String>),
    ) -> Result<Option<Head>, Fault> {
        let lines = self.lines(from, notes, names)?;
        let last = lines.last().ok_or_else(|| Fault::because("no lines for the audit log"))?;
        let statement = "UPDATE audit_heads SET seq = $1, mac = $2 WHERE node = $3 AND seq = $4 AND mac = $5";
        let done = sqlx::query(statement)
            .bind(last.seq)
            .bind(last.mac.clone())
            .bind(self.node.clone())
            .bind(from.seq)
            .bind(from.mac.clone())
            .execute(&mut *on)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        for some in lines.chunks(AT_ONCE) {
            insert(on, some).await?;
        }
        Ok(Some(Head { seq: last.seq, mac: last.mac.clone() }))
    }

    /// Errors: somebody is named who has no pseudonym; a line that names nobody would be another one.
    fn lines(
        &self,
        head: &Head,
        notes: &[Note],
        (names, called): (&HashMap<String, String>, &HashMap<String, String>),
    ) -> Result<Vec<Line>, Fault> {
        let nobody = || Fault::because("somebody whom the audit log must name has no pseudonym");
        let known = |name: &String| called.get(name).or_else(|| names.get(name)).cloned().ok_or_else(nobody);
        let pseudonym = |name: &Option<String>| name.as_ref().map(known).transpose();
        let listed = |note: &Note| {
            let listed = note.listed.iter().map(known).collect::<Result<Vec<_>, _>>()?;
            Ok::<_, Fault>((!listed.is_empty()).then(|| listed.join(" ")))
        };
        let mut lines: Vec<Line> = Vec::with_capacity(notes.len());
        let (mut seq, mut prev) = (head.seq, head.mac.clone());
        for note in notes {
            seq = seq.saturating_add(1);
            let whom = (note.actor.as_deref(), note.represented.as_deref());
            let (role, purpose) = meaning(&note.event, whom.0, whom.1, note.client.as_deref());
            let mut line = Line {
                node: self.node.clone(),
                seq,
                id: note.id.clone().unwrap_or_else(|| name(seq)),
                at: note.at,
                event: note.event.clone(),
                outcome: note.outcome.clone(),
                actor: pseudonym(&note.actor)?,
                role: role.word().to_owned(),
                represented: pseudonym(&note.represented)?,
                purpose: purpose.word().to_owned(),
                client: note.client.clone(),
                detail: note.detail.clone(),
                listed: listed(note)?,
                prev,
                mac: Vec::new(),
            };
            line.mac = mac(&self.vault, &line);
            prev = Vec::from(line.mac.as_slice());
            lines.push(line);
        }
        Ok(lines)
    }
}

/// The MAC that a line must have: over everything that it says, where it stands, and the MAC of the line before it.
pub(super) fn mac(vault: &Vault, line: &Line) -> Vec<u8> {
    let said: [Option<&[u8]>; 14] = [
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
    ];
    // Of a line that lists nobody the MAC is what it was before any line could: no field more, and none of its own says nothing.
    let listed = line.listed.as_deref().map(|listed| Some(listed.as_bytes()));
    vault.audit_mac(&said.into_iter().chain(listed).collect::<Vec<_>>())
}

pub(super) fn read_head(row: &AnyRow) -> Result<Head, Fault> {
    Ok(Head { seq: row.try_get("seq")?, mac: row.try_get("mac")? })
}

async fn insert(on: &mut AnyConnection, lines: &[Line]) -> Result<(), Fault> {
    let statement = format!(
        "INSERT INTO audit_lines (node, seq, id, at, event, outcome, actor, role, represented, purpose, client, detail, listed, prev, mac) \
         VALUES {}",
        values(lines.len(), 15)
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
            .bind(line.listed.clone())
            .bind(line.prev.clone())
            .bind(line.mac.clone());
    }
    query.execute(on).await?;
    Ok(())
}
