//! What programs change through the admin API: the change and its line of the audit log in one transaction.

use super::{
    Store,
    audit::{Event, write_event},
    columns::Columns,
};
use crate::domain::{client::Client, fault::Fault, time::Timestamp};

/// A client, and the registration as it is stored, by which a change knows that nobody else was there in between.
pub type Registered = (Client, String);

/// A line of the audit log, as it is read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// Its id.
    pub id: String,
    /// When, in UTC.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// What happened.
    pub event: String,
    /// How it went.
    pub outcome: String,
    /// Who did it.
    pub actor: Option<String>,
    /// For whom.
    pub represented: Option<String>,
    /// Through which client.
    pub client: Option<String>,
    /// What else there is to say.
    pub detail: Option<String>,
}

fn rfc3339<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.rfc3339())
}

impl Store {
    /// At most `limit` of the clients that were added, by id, behind `after`.
    pub async fn clients_after(&self, after: &str, limit: i64) -> Result<Vec<Client>, Fault> {
        let statement = "SELECT registration FROM clients WHERE id > $1 ORDER BY id LIMIT $2";
        let rows: Vec<(String,)> =
            sqlx::query_as(statement).bind(after).bind(limit).fetch_all(self.db.reader()).await?;
        rows.into_iter().map(|(json,)| Ok(serde_json::from_str(&json)?)).collect()
    }

    /// The client of that id, to be changed.
    pub async fn registered(&self, id: &str) -> Result<Option<Registered>, Fault> {
        let row: Option<(String,)> = sqlx::query_as("SELECT registration FROM clients WHERE id = $1")
            .bind(id)
            .fetch_optional(self.db.reader())
            .await?;
        row.map(|(json,)| Ok((serde_json::from_str(&json)?, json))).transpose()
    }

    /// Adds a client. `false` when its id is taken.
    pub async fn admin_add_client(&self, client: &Client, by: &str, now: Timestamp) -> Result<bool, Fault> {
        let statement =
            "INSERT INTO clients (id, registration, created) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(statement)
            .bind(&client.id)
            .bind(serde_json::to_string(client)?)
            .bind(now.epoch())
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        write_event(&mut *tx, &changed("client.added", by, &client.id), now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Puts `client` in the place of what was `read` under its id. `false` when something else stands there by now.
    pub async fn admin_replace_client(
        &self,
        client: &Client,
        read: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let statement = "UPDATE clients SET registration = $1 WHERE id = $2 AND registration = $3";
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(statement)
            .bind(serde_json::to_string(client)?)
            .bind(&client.id)
            .bind(read)
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        write_event(&mut *tx, &changed("client.replaced", by, &client.id), now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Removes what was `read` under that id. `false` when something else stands there by now, or nothing.
    pub async fn admin_remove_client(
        &self,
        id: &str,
        read: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let statement = "DELETE FROM clients WHERE id = $1 AND registration = $2";
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(statement).bind(id).bind(read).execute(&mut *tx).await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        write_event(&mut *tx, &changed("client.removed", by, id), now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// At most `limit` lines of the audit log, oldest first: those of `from` and later, before `until`, behind the line `after`.
    pub async fn audit_lines(
        &self,
        (from, after): (Timestamp, &str),
        until: Timestamp,
        limit: i64,
    ) -> Result<Vec<Line>, Fault> {
        let statement = "SELECT id, at, event, outcome, actor, represented, client, detail FROM audit \
                         WHERE at >= $1 AND at < $2 AND (at > $1 OR id > $3) ORDER BY at, id LIMIT $4";
        let rows = sqlx::query(statement)
            .bind(from.epoch())
            .bind(until.epoch())
            .bind(after)
            .bind(limit)
            .fetch_all(self.db.reader())
            .await?;
        rows.iter().map(line).collect()
    }
}

/// The line of a change of a client by a program.
fn changed<'a>(event: &'a str, by: &'a str, id: &'a str) -> Event<'a> {
    Event { event, outcome: "ok", actor: Some(by), client: Some(by), detail: Some(id), ..Event::default() }
}

fn line(row: &sqlx::any::AnyRow) -> Result<Line, Fault> {
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
