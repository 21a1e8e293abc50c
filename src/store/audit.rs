//! The audit log: every login, refusal, link and mandate event, with actor and represented person. Written in the act's
//! own transaction where there is one, and chained. Lines hold pseudonyms of our own; never a BSN, a token or an address.

pub(super) mod chain;
pub mod checkpoints;
mod names;
pub mod own;
mod retention;
mod upgrade;
pub mod verify;

use std::collections::BTreeSet;

use sqlx::{Row, any::AnyRow};

pub(super) use self::names::forget;

use self::chain::Note;
use super::{Store, batch::Batches, columns::Columns, ledger::Ledger};
use crate::domain::{
    fault::Fault,
    id::PersonId,
    line::{member_of, through},
    time::Timestamp,
};

/// The most lines that one search looks at.
const LOOKED_AT: i64 = 20_000;

/// One line of the log.
#[derive(Debug, Clone, Default)]
pub struct Event<'a> {
    /// What happened, as a stable word: `login.digid`, `digid.linked`, `mandate.registered`.
    pub event: &'a str,
    /// How it went: `ok`, or the stable word of a refusal.
    pub outcome: &'a str,
    /// Who did it: a person, or the name of a member of staff.
    pub actor: Option<&'a str>,
    /// For whom.
    pub represented: Option<&'a str>,
    /// Through which client.
    pub client: Option<&'a str>,
    /// What else an auditor needs, in words without personal data.
    pub detail: Option<&'a str>,
    /// Who else it is about, where one act is about several: for whom tokens tell that their user may act.
    pub listed: &'a [PersonId],
}

impl<'a> Event<'a> {
    /// What somebody of this name did, through what they act: a member of staff, a program, or a command.
    pub fn by(event: &'a str, by: &'a str) -> Self {
        Self { event, outcome: "ok", actor: Some(by), client: through(by), ..Self::default() }
    }
}

/// A line as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each other member is that of Event with the same name")]
pub struct Line {
    /// Which node wrote it (ISO 27789: audit source).
    pub node: String,
    /// Its number in the chain of its node, from 1 on.
    pub seq: i64,
    /// Its name, which no other line has. Those of one node and one second are in the order of their lines.
    pub id: String,
    /// When.
    pub at: Timestamp,
    pub event: String,
    pub outcome: String,
    pub actor: Option<String>,
    /// In which role the actor acted.
    pub role: String,
    pub represented: Option<String>,
    /// To what end.
    pub purpose: String,
    pub client: Option<String>,
    pub detail: Option<String>,
    /// As it stands in the log: with a space between two.
    pub listed: Option<String>,
    /// The MAC of the line before it.
    pub prev: Vec<u8>,
    /// Its own MAC.
    pub mac: Vec<u8>,
}

/// Which lines are looked for; what is left out is all.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// From then on.
    pub from: Option<Timestamp>,
    /// Before then.
    pub to: Option<Timestamp>,
    /// What happened.
    pub event: Option<String>,
    /// Who did it, or for whom it was done: a person, a name of somebody at work (`domain::line`), or a pseudonym. Whoever became part of a person
    /// counts as them.
    pub person: Option<PersonId>,
    /// Behind this one.
    pub behind: Option<Place>,
}

/// Where a line stands: its moment, and its name among those of the same second.
pub type Place = (Timestamp, String);

/// Lines that belong to no transaction.
pub(super) type Loose = Batches<Note, ()>;

/// Writes those that come at the same moment together.
pub(super) fn loose(ledger: Ledger) -> Loose {
    Batches::new(move |notes| write_loose(ledger.clone(), notes))
}

async fn write_loose(ledger: Ledger, notes: Vec<Note>) -> Result<Vec<()>, Fault> {
    let answers = vec![(); notes.len()];
    let mut tx = ledger.begin().await?;
    for note in notes {
        tx.write_down(note);
    }
    tx.commit().await?;
    Ok(answers)
}

const PLACES: &str = "SELECT at, id FROM audit_lines WHERE at >= $1 AND (at > $1 OR id > $2) AND at < $3 ORDER BY at, id LIMIT 1 OFFSET $4";
/// With names in place of pseudonyms, as long as they are known; a pseudonym itself can be asked for too.
const LINES: &str = "SELECT l.*, a.name AS actor_name, r.name AS represented_name FROM audit_lines l \
    LEFT JOIN audit_names a ON a.pseudonym = l.actor LEFT JOIN audit_names r ON r.pseudonym = l.represented \
    WHERE l.at >= $1 AND (l.at > $1 OR l.id > $2) AND l.at < $3 AND (l.at < $4 OR (l.at = $4 AND l.id <= $5)) \
    AND ($6 = '' OR l.event = $6) AND ($7 = '' OR l.actor = $7 OR l.represented = $7 \
    OR l.actor IN (SELECT n.pseudonym FROM audit_names n WHERE n.name = $7 OR n.name IN (SELECT p.id FROM persons p WHERE p.joined_into = $7)) \
    OR l.represented IN (SELECT n.pseudonym FROM audit_names n WHERE n.name = $7 OR n.name IN (SELECT p.id FROM persons p WHERE p.joined_into = $7)) \
    OR l.listed IS NOT NULL AND (REPLACE(' ' || l.listed || ' ', ' ' || $7 || ' ', '') <> ' ' || l.listed || ' ' OR EXISTS \
    (SELECT 1 FROM audit_names n WHERE (n.name = $7 OR n.name IN (SELECT p.id FROM persons p WHERE p.joined_into = $7)) \
    AND REPLACE(' ' || l.listed || ' ', ' ' || n.pseudonym || ' ', '') <> ' ' || l.listed || ' '))) \
    ORDER BY l.at, l.id LIMIT $8";

const KNOWN: &str = "SELECT seq FROM audit_heads WHERE EXISTS (SELECT 1 FROM persons WHERE id = $1) \
    OR EXISTS (SELECT 1 FROM accounts WHERE id = $2) OR EXISTS (SELECT 1 FROM audit_names WHERE name = $1 OR pseudonym = $1) \
    OR EXISTS (SELECT 1 FROM audit_lines WHERE actor = $1 OR represented = $1 \
    OR REPLACE(' ' || listed || ' ', ' ' || $1 || ' ', '') <> ' ' || listed || ' ') LIMIT 1";

/// The same without what stands in the lines alone.
const NAMED: &str = "SELECT seq FROM audit_heads WHERE EXISTS (SELECT 1 FROM persons WHERE id = $1) \
    OR EXISTS (SELECT 1 FROM accounts WHERE id = $2) OR EXISTS (SELECT 1 FROM audit_names WHERE name = $1) LIMIT 1";

impl Store {
    /// At most `limit` lines, oldest first; and behind which place to go on, where there may be more. However few fit, a bounded
    /// number of lines is looked at: a page may be short, or empty, and still not the last.
    pub async fn audit_lines(
        &self,
        search: &Search,
        limit: usize,
    ) -> Result<(Vec<Line>, Option<Place>), Fault> {
        let first = (search.from.unwrap_or(Timestamp::from_epoch(0)), String::new());
        let behind = search.behind.clone().filter(|place| place.0 >= first.0).unwrap_or(first);
        let to = search.to.unwrap_or(Timestamp::from_epoch(i64::MAX));
        let end = sqlx::query(PLACES)
            .bind(behind.0.epoch())
            .bind(&behind.1)
            .bind(to.epoch())
            .bind(LOOKED_AT)
            .fetch_optional(self.db.reader())
            .await?;
        let end = end.map(|row| Ok::<_, Fault>((row.time("at")?, row.text("id")?))).transpose()?;
        let last = end.clone().unwrap_or((Timestamp::from_epoch(i64::MAX), String::new()));
        let rows = sqlx::query(LINES)
            .bind(behind.0.epoch())
            .bind(&behind.1)
            .bind(to.epoch())
            .bind(last.0.epoch())
            .bind(&last.1)
            .bind(search.event.as_deref().unwrap_or_default())
            .bind(search.person.as_ref().map_or("", PersonId::as_str))
            .bind(i64::try_from(limit)?.saturating_add(1))
            .fetch_all(self.db.reader())
            .await?;
        let mut lines = rows.iter().map(read_named).collect::<Result<Vec<_>, _>>()?;
        let next = if lines.len() <= limit {
            end
        } else {
            lines.truncate(limit);
            lines.last().map(|line| (line.at, line.id.clone()))
        };
        self.name_listed(&mut lines).await?;
        Ok((lines, next))
    }

    /// Whether that is somebody who is on record or whom the log names, or a pseudonym that stands in it. Reads the whole log for one
    /// who is not.
    pub async fn audit_knows(&self, person: &PersonId) -> Result<bool, Fault> {
        let known: Option<(i64,)> = sqlx::query_as(KNOWN)
            .bind(person.as_str())
            .bind(member_of(person.as_str()).unwrap_or_default())
            .fetch_optional(self.db.reader())
            .await?;
        Ok(known.is_some())
    }

    /// Writes that somebody searches the log, for what and in which `range`. Whom they look for is told as everybody is told in the log.
    /// What nobody is called stands nowhere in it: somebody may have typed a BSN.
    pub async fn note_searched(
        &self,
        by: &str,
        search: &Search,
        range: &str,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let (mut represented, mut outcome, mut whom) = (None, "ok", "");
        if let Some(person) = &search.person {
            match names::called(&self.db, &[person.as_str()]).await?.remove(person.as_str()) {
                Some(name) => represented = Some(name),
                None if !self.audit_knows(person).await? => outcome = "unknown",
                // A pseudonym of somebody who was erased says nothing more than itself.
                None if self.audit_names_erased(person).await? => whom = person.as_str(),
                None => represented = Some(person.as_str().to_owned()),
            }
        }
        let detail = [range, search.event.as_deref().unwrap_or("-"), whom].join(" ");
        let detail = Some(detail.trim_end());
        let event =
            Event { outcome, represented: represented.as_deref(), detail, ..Event::by("audit.read", by) };
        self.audit(&event, now).await
    }

    /// Whether that is a pseudonym of the log of which nobody knows any more who it was.
    async fn audit_names_erased(&self, pseudonym: &PersonId) -> Result<bool, Fault> {
        let named: Option<(i64,)> = sqlx::query_as(NAMED)
            .bind(pseudonym.as_str())
            .bind(member_of(pseudonym.as_str()).unwrap_or_default())
            .fetch_optional(self.db.reader())
            .await?;
        Ok(named.is_none())
    }

    /// Puts names in the place of the pseudonyms that lines list, as far as they are known.
    async fn name_listed(&self, lines: &mut [Line]) -> Result<(), Fault> {
        let listed = lines.iter().filter_map(|line| line.listed.as_deref());
        let wanted: BTreeSet<&str> = listed.flat_map(str::split_ascii_whitespace).collect();
        let names = names::called(&self.db, &wanted.into_iter().collect::<Vec<_>>()).await?;
        for listed in lines.iter_mut().filter_map(|line| line.listed.as_mut()) {
            let called =
                listed.split_ascii_whitespace().map(|one| names.get(one).map_or(one, String::as_str));
            *listed = called.collect::<Vec<_>>().join(" ");
        }
        Ok(())
    }

    /// Writes a line that belongs to no transaction: a refusal, a login.
    pub async fn audit(&self, event: &Event<'_>, now: Timestamp) -> Result<(), Fault> {
        self.loose.ask(Note::new(event, now)).await
    }
}

fn read_line(row: &AnyRow) -> Result<Line, Fault> {
    Ok(Line {
        node: row.text("node")?,
        seq: row.try_get("seq")?,
        id: row.text("id")?,
        at: row.time("at")?,
        event: row.text("event")?,
        outcome: row.text("outcome")?,
        actor: row.maybe_text("actor")?,
        role: row.text("role")?,
        represented: row.maybe_text("represented")?,
        purpose: row.text("purpose")?,
        client: row.maybe_text("client")?,
        detail: row.maybe_text("detail")?,
        listed: row.maybe_text("listed")?,
        prev: row.try_get("prev")?,
        mac: row.try_get("mac")?,
    })
}

/// A line with the names of whoever is known.
fn read_named(row: &AnyRow) -> Result<Line, Fault> {
    let line = read_line(row)?;
    Ok(Line {
        actor: row.maybe_text("actor_name")?.or(line.actor),
        represented: row.maybe_text("represented_name")?.or(line.represented),
        ..line
    })
}

#[cfg(test)]
mod tests;
