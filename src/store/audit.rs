//! The audit log: every login, refusal, link and mandate event, with actor and represented person. Written in the act's
//! own transaction where there is one. Rows hold identifiers of our own; never a BSN, a token or an address.

use sqlx::{Any, AssertSqlSafe, Executor};

use super::{Store, batch::values};
use crate::domain::{fault::Fault, id::random, time::Timestamp};

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

impl Store {
    /// Writes a line that belongs to no transaction: a refusal, a login.
    pub async fn audit(&self, event: &Event<'_>, now: Timestamp) -> Result<(), Fault> {
        write_event(self.db.writer(), event, now).await
    }
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
    let values = values(events.len(), 8);
    let statement = format!(
        "INSERT INTO audit (id, at, event, outcome, actor, represented, client, detail) VALUES {values}"
    );
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for (event, at) in events {
        query = query
            .bind(random::<16>())
            .bind(at.epoch())
            .bind(event.event)
            .bind(event.outcome)
            .bind(event.actor)
            .bind(event.represented)
            .bind(event.client)
            .bind(event.detail);
    }
    query.execute(executor).await?;
    Ok(())
}
