//! What programs change through the admin API: the change and its line of the audit log in one transaction.

use super::{Store, audit::Event, clients::changed};
use crate::domain::{client::Client, fault::Fault, line::Operator, time::Timestamp};

/// A client, and the registration as it is stored, by which a change knows that nobody else was there in between.
pub type ToChange = (Client, String);

impl Store {
    /// At most `limit` of the clients that were added, by id, behind `after`.
    pub async fn clients_after(&self, after: &str, limit: i64) -> Result<Vec<Client>, Fault> {
        let statement = "SELECT registration FROM clients WHERE id > $1 ORDER BY id LIMIT $2";
        let rows: Vec<(String,)> =
            sqlx::query_as(statement).bind(after).bind(limit).fetch_all(self.db.reader()).await?;
        rows.into_iter().map(|(json,)| Ok(serde_json::from_str(&json)?)).collect()
    }

    /// The client of that id, to be changed.
    pub async fn client_to_change(&self, id: &str) -> Result<Option<ToChange>, Fault> {
        let row: Option<(String,)> = sqlx::query_as("SELECT registration FROM clients WHERE id = $1")
            .bind(id)
            .fetch_optional(self.db.reader())
            .await?;
        row.map(|(json,)| Ok((serde_json::from_str(&json)?, json))).transpose()
    }

    /// Puts `client` in the place of what was `read` under its id. `false` when something else stands there by now. Whom the operator
    /// changes manages itself no more: it would take back what was taken from it.
    pub async fn admin_replace_client(
        &self,
        client: &Client,
        read: &str,
        by: Operator<'_>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let statement =
            "UPDATE clients SET registration = $1, manager = NULL WHERE id = $2 AND registration = $3";
        self.put_client(statement, client, read, &changed("client.replaced", Some(by), &client.id), now).await
    }

    /// The same of a client of which nothing but the secret is another; `by` is who did it. Where the one before
    /// ends `at_once`, it manages itself no more either: who may have the one may have the other.
    pub async fn renew_client_secret(
        &self,
        client: &Client,
        (read, at_once): (&str, bool),
        by: Option<Operator<'_>>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let statement = if at_once {
            "UPDATE clients SET registration = $1, manager = NULL WHERE id = $2 AND registration = $3"
        } else {
            "UPDATE clients SET registration = $1 WHERE id = $2 AND registration = $3"
        };
        self.put_client(statement, client, read, &changed("client.secret", by, &client.id), now).await
    }

    async fn put_client(
        &self,
        statement: &'static str,
        client: &Client,
        read: &str,
        event: &Event<'_>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
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
        tx.note(event, now);
        tx.commit().await?;
        Ok(true)
    }
}
