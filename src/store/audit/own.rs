//! The log of one person: what they did and what was done for them, newest first, without a look at that of others. They are shown some
//! events of it only, an auditor at the desk all but the lines of tokens.

use sqlx::{AssertSqlSafe, Row};

use super::{Line, Place, read_named};
use crate::{
    domain::{fault::Fault, id::PersonId, mandate::Refusal, time::Timestamp},
    store::{Store, columns::Columns},
};

/// How many lines of one person are looked at for one page, of those they did and of those done for them: what is not shown stands
/// between those that are. The lines of tokens are in neither index, which every statement says so that it serves.
const LOOKED_AT: i64 = 5_000;

/// The outcomes of what was done. Of what ended with a session, a link or a client the line of that is shown, and of a device that was
/// removed its own.
const SHOWN: &str = "'ok', 'agreed', 'withdrawn', 'device.removed'";

/// The pseudonyms of a person, and of whoever became part of them.
macro_rules! theirs {
    () => {
        "(SELECT n.pseudonym FROM audit_names n JOIN persons p ON p.id = n.name WHERE p.id = $1 OR p.joined_into = $1)"
    };
}

macro_rules! looked_at {
    ($column:literal) => {
        concat!(
            "SELECT at FROM audit_lines WHERE ",
            $column,
            " IN ",
            theirs!(),
            " AND at < $2 AND event NOT IN ('token.issued', 'token.refreshed') ORDER BY at DESC LIMIT 1 OFFSET $3"
        )
    };
}

/// The lines of one column, in words that show the database that its index serves.
macro_rules! lines {
    ($column:literal) => {
        concat!(
            $column,
            " IN ",
            theirs!(),
            " AND l.at >= $2 AND l.event NOT IN ('token.issued', 'token.refreshed')"
        )
    };
}

const LINES: &str = concat!(
    "SELECT l.*, a.name AS actor_name, r.name AS represented_name, \
     CASE WHEN l.actor IN ",
    theirs!(),
    " THEN 1 ELSE 0 END AS by_them FROM audit_lines l \
     LEFT JOIN audit_names a ON a.pseudonym = l.actor LEFT JOIN audit_names r ON r.pseudonym = l.represented \
     WHERE (",
    lines!("l.actor"),
    " OR l.represented IS NOT NULL AND ",
    lines!("l.represented"),
    ") AND (l.at < $3 OR (l.at = $3 AND l.id < $4))"
);

/// A line about somebody, as they are shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnLine {
    /// The line, with names in place of pseudonyms.
    pub line: Line,
    /// Whether they did it.
    pub by_them: bool,
}

impl Store {
    /// At most `limit` lines of these `events` by or for a person, newest first and older than `before`; and before which place to go
    /// on, where there may be more. A bounded number is looked at: a page may be short and still not the last.
    pub async fn own_lines(
        &self,
        person: &PersonId,
        events: &[&str],
        before: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<OwnLine>, Option<Place>), Fault> {
        let places: Vec<String> = (0..events.len()).map(|at| format!("${}", at + 6)).collect();
        // Of a mandate that waited and was refused the outcome is why.
        let refused: Vec<String> = Refusal::ALL.iter().map(|why| format!("'{why}'")).collect();
        // Whom a portal is told of sees that, and who acts does not: whoever is listed again would see that a block was lifted (M9).
        let some = format!(
            "AND (l.outcome IN ({SHOWN}) OR l.event = 'mandate.revoked' AND l.outcome IN ({})) AND l.event IN ({}) \
             AND NOT (l.event = 'act_as.told' AND l.actor IN {})",
            refused.join(", "),
            places.join(", "),
            theirs!()
        );
        self.lines_of(person, (&some, events), before, (limit, LOOKED_AT)).await
    }

    /// The same of all events but those of tokens, which are in no index by person: for an auditor. A page is full unless it is the last.
    pub async fn lines_of_person(
        &self,
        person: &PersonId,
        before: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<Line>, Option<Place>), Fault> {
        let enough = i64::try_from(limit)?;
        let (lines, next) = self.lines_of(person, ("", &[]), before, (limit, enough)).await?;
        Ok((lines.into_iter().map(|own| own.line).collect(), next))
    }

    /// At most `limit` lines among the newest `looked_at` that they did and as many that were done for them, as far as they are `some`: an
    /// expression that knows the events as `$6` and so on.
    async fn lines_of(
        &self,
        person: &PersonId,
        (some, events): (&str, &[&str]),
        before: Option<Place>,
        (limit, looked_at): (usize, i64),
    ) -> Result<(Vec<OwnLine>, Option<Place>), Fault> {
        let (before, id) = before.unwrap_or((Timestamp::from_epoch(i64::MAX), String::new()));
        let mut since = None;
        for statement in [looked_at!("actor"), looked_at!("represented")] {
            let row = sqlx::query(statement)
                .bind(person.as_str())
                .bind(before.epoch())
                .bind(looked_at)
                .fetch_optional(self.db.reader())
                .await?;
            since = since.max(row.map(|row| row.time("at")).transpose()?);
        }
        let statement = format!("{LINES} {some} ORDER BY l.at DESC, l.id DESC LIMIT $5");
        let mut query = sqlx::query(AssertSqlSafe(statement))
            .bind(person.as_str())
            .bind(since.unwrap_or(Timestamp::from_epoch(0)).epoch())
            .bind(before.epoch())
            .bind(id)
            .bind(i64::try_from(limit)?.saturating_add(1));
        for event in events {
            query = query.bind((*event).to_owned());
        }
        let rows = query.fetch_all(self.db.reader()).await?;
        let mut lines = Vec::with_capacity(rows.len());
        for row in &rows {
            let by_them = row.try_get::<i64, _>("by_them")? == 1;
            lines.push(OwnLine { line: read_named(row)?, by_them });
        }
        if lines.len() <= limit {
            // All of the second that was looked at last are on this page: no id is less than none.
            return Ok((lines, since.map(|at| (at, String::new()))));
        }
        lines.truncate(limit);
        let next = lines.last().map(|own| (own.line.at, own.line.id.clone()));
        Ok((lines, next))
    }
}
