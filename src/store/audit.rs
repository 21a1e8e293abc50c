//! The audit log: every login, refusal, link and mandate event, with actor and represented person. Written in the act's
//! own transaction where there is one. Rows hold identifiers of our own; never a BSN, a token or an address.

use sqlx::{Any, AssertSqlSafe, Executor, any::AnyRow};

use super::{
    Db, Store,
    batch::{Batches, values},
    columns::Columns,
};
use crate::domain::{
    fault::Fault,
    id::{PersonId, random},
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
}

/// A line as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each member is that of Event with the same name")]
pub struct Line {
    /// Its random name.
    pub id: String,
    /// When.
    pub at: Timestamp,
    pub event: String,
    pub outcome: String,
    pub actor: Option<String>,
    pub represented: Option<String>,
    pub client: Option<String>,
    pub detail: Option<String>,
}

impl Line {
    fn new(event: &Event<'_>, at: Timestamp) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            id: random::<16>(),
            at,
            event: event.event.to_owned(),
            outcome: event.outcome.to_owned(),
            actor: owned(event.actor),
            represented: owned(event.represented),
            client: owned(event.client),
            detail: owned(event.detail),
        }
    }
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
    /// Who did it, or for whom it was done; whoever became part of them counts as them.
    pub person: Option<PersonId>,
    /// Behind this one.
    pub behind: Option<Place>,
}

/// Where a line stands: its moment, and its name among those of the same second.
pub type Place = (Timestamp, String);

const PLACES: &str = "SELECT at, id FROM audit WHERE at >= $1 AND (at > $1 OR id > $2) AND at < $3 ORDER BY at, id LIMIT 1 OFFSET $4";
const LINES: &str = "SELECT * FROM audit WHERE at >= $1 AND (at > $1 OR id > $2) AND at < $3 AND (at < $4 OR (at = $4 AND id <= $5)) \
    AND ($6 = '' OR event = $6) AND ($7 = '' \
    OR actor IN (SELECT p.id FROM persons p WHERE p.id = $7 OR p.joined_into = $7) \
    OR represented IN (SELECT p.id FROM persons p WHERE p.id = $7 OR p.joined_into = $7)) ORDER BY at, id LIMIT $8";

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
        let mut lines = rows.iter().map(read_line).collect::<Result<Vec<_>, _>>()?;
        if lines.len() <= limit {
            return Ok((lines, end));
        }
        lines.truncate(limit);
        let next = lines.last().map(|line| (line.at, line.id.clone()));
        Ok((lines, next))
    }

    /// Writes a line that belongs to no transaction: a refusal, a login.
    pub async fn audit(&self, event: &Event<'_>, now: Timestamp) -> Result<(), Fault> {
        self.lines.ask(Line::new(event, now)).await
    }
}

/// Writes lines that belong to no transaction of their own.
pub(super) type Lines = Batches<Line, ()>;

pub(super) fn lines(db: Db) -> Lines {
    Batches::new(move |lines: Vec<Line>| {
        let db = db.clone();
        async move {
            write_lines(db.writer(), &lines).await?;
            Ok(lines.iter().map(|_| ()).collect())
        }
    })
}

fn read_line(row: &AnyRow) -> Result<Line, Fault> {
    Ok(Line {
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

/// Writes a line inside the act's own transaction.
pub(super) async fn write_event<'e>(
    executor: impl Executor<'e, Database = Any>,
    event: &Event<'_>,
    now: Timestamp,
) -> Result<(), Fault> {
    write_events(executor, &[(event.clone(), now)]).await
}

/// Writes the lines of several acts inside their transaction.
pub(super) async fn write_events<'e>(
    executor: impl Executor<'e, Database = Any>,
    events: &[(Event<'_>, Timestamp)],
) -> Result<(), Fault> {
    let lines: Vec<_> = events.iter().map(|(event, at)| Line::new(event, *at)).collect();
    write_lines(executor, &lines).await
}

async fn write_lines<'e>(executor: impl Executor<'e, Database = Any>, lines: &[Line]) -> Result<(), Fault> {
    let values = values(lines.len(), 8);
    let statement = format!(
        "INSERT INTO audit (id, at, event, outcome, actor, represented, client, detail) VALUES {values}"
    );
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for line in lines {
        query = query
            .bind(&line.id)
            .bind(line.at.epoch())
            .bind(&line.event)
            .bind(&line.outcome)
            .bind(line.actor.as_deref())
            .bind(line.represented.as_deref())
            .bind(line.client.as_deref())
            .bind(line.detail.as_deref());
    }
    query.execute(executor).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::fresh;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_epoch(second)
    }

    /// More lines than one search looks at, few of which fit: every one is found, once, and no search looks at more.
    #[tokio::test]
    async fn a_search_among_very_many_ends_and_finds_all() {
        let fresh = fresh().await;
        let mut lines = Vec::new();
        for number in 0..LOOKED_AT * 2 + 100 {
            let event = if number % 15_000 == 7 { "rare" } else { "common" };
            lines.push((Event { event, outcome: "ok", ..Event::default() }, at(number / 50)));
        }
        let mut tx = fresh.store.db.begin().await.unwrap();
        for some in lines.chunks(1000) {
            write_events(&mut *tx, some).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut search = Search { event: Some("rare".into()), ..Search::default() };
        let (mut found, mut pages) = (Vec::new(), 0);
        loop {
            let (some, next) = fresh.store.audit_lines(&search, 10).await.unwrap();
            found.extend(some.into_iter().map(|line| line.at.epoch()));
            pages += 1;
            let Some(next) = next else { break };
            search.behind = Some(next);
        }
        assert_eq!(found, [7 / 50, 15_007 / 50, 30_007 / 50]);
        assert_eq!(pages, 3);
    }
}
