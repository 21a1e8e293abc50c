//! Clients added by command. Those of the configuration file stand there, not here.

use super::{Store, Tx, audit::Event, grants::revoke_of_removed};
use crate::domain::{client::Client, fault::Fault, line::Operator, time::Timestamp};

/// Ends what a client was given, and forgets what people agreed it may know, inside the transaction that removes it: whoever gets its
/// id next is somebody else.
pub(super) async fn forget(tx: &mut Tx, id: &str, now: Timestamp) -> Result<(), Fault> {
    sqlx::query("DELETE FROM client_consents WHERE client_id = $1")
        .bind(id.to_owned())
        .execute(&mut **tx)
        .await?;
    revoke_of_removed(tx, id, now).await
}

/// The line of a change of a client, by a program or a member of staff where one is named.
pub(super) fn changed<'a>(event: &'a str, by: Option<Operator<'a>>, id: &'a str) -> Event<'a> {
    let (actor, client) = (by.map(Operator::name), by.and_then(Operator::client));
    Event { event, outcome: "ok", actor, client, detail: Some(id), ..Event::default() }
}

impl Store {
    /// Adds a client, with its line in the log; `by` is who did it. `false` when its id is taken.
    pub async fn add_client(
        &self,
        client: &Client,
        by: Option<Operator<'_>>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
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
            tx.rollback().await?;
            return Ok(false);
        }
        tx.note(&changed("client.added", by, &client.id), now);
        tx.commit().await?;
        Ok(true)
    }

    /// The client of that id.
    pub async fn client(&self, id: &str) -> Result<Option<Client>, Fault> {
        let row: Option<(String,)> = sqlx::query_as("SELECT registration FROM clients WHERE id = $1")
            .bind(id)
            .fetch_optional(self.db.reader())
            .await?;
        row.map(|(json,)| Ok(serde_json::from_str(&json)?)).transpose()
    }

    /// Every client, by id: at most a thousand.
    pub async fn clients(&self) -> Result<Vec<Client>, Fault> {
        let rows: Vec<(String,)> = sqlx::query_as("SELECT registration FROM clients ORDER BY id LIMIT 1000")
            .fetch_all(self.db.reader())
            .await?;
        rows.into_iter().map(|(json,)| Ok(serde_json::from_str(&json)?)).collect()
    }

    /// Removes a client, with all that it was given and that people agreed it may know: whoever gets its id next is somebody
    /// else. `read` is the registration that must still stand there, if any may not. `false` when there was none.
    pub async fn remove_client(
        &self,
        id: &str,
        read: Option<&str>,
        by: Option<Operator<'_>>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let statement = "DELETE FROM clients WHERE id = $1 AND registration = COALESCE($2, registration)";
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(statement).bind(id).bind(read).execute(&mut *tx).await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        forget(&mut tx, id, now).await?;
        tx.note(&changed("client.removed", by, id), now);
        tx.commit().await?;
        Ok(true)
    }

    /// Ends a program's access token before its time. `ends` is when it would have ended.
    pub async fn revoke_program_token(&self, jti: &str, ends: Timestamp) -> Result<bool, Fault> {
        self.spend("service_token", jti, ends).await
    }

    /// Whether a program's access token was ended before its time.
    pub async fn is_program_token_revoked(&self, jti: &str) -> Result<bool, Fault> {
        self.db.is_spent("service_token", jti).await
    }

    /// Marks a client's assertion as used, until it ends. `false` when it was: exactly one caller ever hears `true`.
    pub async fn spend_client_assertion(&self, name: &str, ends: Timestamp) -> Result<bool, Fault> {
        self.spend("client_assertion", name, ends).await
    }
}
