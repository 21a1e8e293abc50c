//! What is kept of a person, as they are told it: their lines of the log, what they said about mandates, and what portals know them by.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;

use super::{Store, columns::Columns};
use crate::domain::{audit::told_as, client_consent::host_in, fault::Fault, id::PersonId, time::Timestamp};

/// The most of each of the short lists.
const MOST: i64 = 1000;

/// A line of the log about somebody, as they are told it. Whoever else it names is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnLine {
    /// When.
    pub at: Timestamp,
    /// What happened, as its people are told it (`domain::audit::told_as`).
    pub event: String,
    /// Whether it was done; otherwise it was refused. Why is not told: it may be another's reason.
    pub done: bool,
    /// Whether they did it themselves.
    pub by_self: bool,
    /// In which role who did it acted.
    pub role: String,
    /// Whether it was for them, or for themselves; otherwise it was for another.
    pub for_self: bool,
    /// Through which client.
    pub client: Option<String>,
    /// At which host of it, where they were asked what it may know there.
    pub host: Option<String>,
}

/// What somebody said about a mandate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnWord {
    /// About which.
    pub mandate: String,
    /// What.
    pub word: String,
    /// When.
    pub at: Timestamp,
    /// Whether a member of staff heard it.
    pub at_desk: bool,
}

/// What portals of a sector know somebody by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSubject {
    /// The sector.
    pub sector: String,
    /// The name.
    pub sub: String,
}

/// A person, and whoever became part of them; with an index from the actor and one from the represented. Of a block nobody is told (M9).
macro_rules! lines {
    ($whose:literal, $but:literal) => {
        concat!(
            "SELECT l.node, l.seq, l.at, l.event, l.outcome, l.role, l.client, l.detail, \
             CASE WHEN l.actor IN (SELECT n.pseudonym FROM audit_names n JOIN persons p ON p.id = n.name \
                  WHERE p.id = $1 OR p.joined_into = $1) THEN 'self' ELSE 'other' END AS by_whom, \
             CASE WHEN l.represented IS NULL OR l.represented IN (SELECT n.pseudonym FROM audit_names n \
                  JOIN persons p ON p.id = n.name WHERE p.id = $1 OR p.joined_into = $1) THEN 'self' ELSE 'other' END AS for_whom \
             FROM audit_lines l WHERE l.",
            $whose,
            " IN (SELECT n.pseudonym FROM audit_names n JOIN persons p ON p.id = n.name \
             WHERE p.id = $1 OR p.joined_into = $1) AND l.event NOT IN ('token.issued', 'token.refreshed') \
             AND l.event NOT IN ('mandate.blocked', 'mandate.unblocked'",
            $but,
            ") ORDER BY l.at DESC, l.seq DESC LIMIT $2"
        )
    };
}

/// Of whom a portal is told is theirs to see: to who acts it would show when a block was lifted.
const BY_THEM: &str = lines!("actor", ", 'act_as.told'");
const FOR_THEM: &str = lines!("represented", "");

impl Store {
    /// The newest lines of the log about a person, by whoever and by themselves for others, newest first; at most so many.
    pub async fn lines_about(&self, person: &PersonId, most: i64) -> Result<Vec<OwnLine>, Fault> {
        let mut all = BTreeMap::new();
        for statement in [BY_THEM, FOR_THEM] {
            let rows =
                sqlx::query(statement).bind(person.as_str()).bind(most).fetch_all(self.db.reader()).await?;
            for row in rows {
                let seq: i64 = sqlx::Row::try_get(&row, "seq")?;
                all.insert((row.time("at")?, seq, row.text("node")?), read_line(&row)?);
            }
        }
        Ok(all.into_values().rev().take(usize::try_from(most)?).collect())
    }

    /// What a person said about mandates, theirs or those of others for them; newest first.
    pub async fn words_of(&self, person: &PersonId) -> Result<Vec<OwnWord>, Fault> {
        let rows = sqlx::query(
            "SELECT c.mandate, c.word, c.at, c.attested_by FROM consents c JOIN mandates m ON m.id = c.mandate \
             WHERE (c.party = 'representative' AND m.representative = $1) \
             OR (c.party = 'represented' AND m.represented = $1) ORDER BY c.at DESC LIMIT $2",
        )
        .bind(person.as_str())
        .bind(MOST)
        .fetch_all(self.db.reader())
        .await?;
        let read = |row: &AnyRow| {
            let at_desk = row.maybe_text("attested_by")?.is_some();
            Ok(OwnWord {
                mandate: row.text("mandate")?,
                word: row.text("word")?,
                at: row.time("at")?,
                at_desk,
            })
        };
        rows.iter().map(read).collect()
    }

    /// What portals know a person by.
    pub async fn subjects_of(&self, person: &PersonId) -> Result<Vec<OwnSubject>, Fault> {
        let rows =
            sqlx::query("SELECT sector, sub FROM subjects WHERE person_id = $1 ORDER BY sector LIMIT $2")
                .bind(person.as_str())
                .bind(MOST)
                .fetch_all(self.db.reader())
                .await?;
        rows.iter().map(|row| Ok(OwnSubject { sector: row.text("sector")?, sub: row.text("sub")? })).collect()
    }
}

fn read_line(row: &AnyRow) -> Result<OwnLine, Fault> {
    let is_self = |column: &str| Ok::<_, Fault>(row.text(column)? == "self");
    let (event, outcome) = (row.text("event")?, row.text("outcome")?);
    let event = told_as(&event, &outcome);
    // Of other lines it may be another's word.
    let detail = row.maybe_text("detail")?.filter(|_| event == "consent.given");
    Ok(OwnLine {
        at: row.time("at")?,
        event: event.to_owned(),
        // What somebody said is done, whatever they said; and of what ended or was refused the outcome is why.
        done: ["grant.revoked", "logout", "mandate.refused"].contains(&event)
            || ["ok", "offline", "agreed", "withdrawn"].contains(&outcome.as_str()),
        by_self: is_self("by_whom")?,
        role: row.text("role")?,
        for_self: is_self("for_whom")?,
        client: row.maybe_text("client")?,
        host: detail.as_deref().and_then(host_in).map(str::to_owned),
    })
}
