//! Invitations to register clients, and the clients that came of them (RFC 7591, RFC 7592). Of both tokens only the hash is kept.

use sqlx::{Row, any::AnyRow};

use super::{
    Store,
    audit::Event,
    clients::{changed, forget},
    columns::Columns,
};
use crate::domain::{
    client::Client, client_registration::Invitation, fault::Fault, line::Operator, secret::Hashed,
    time::Timestamp,
};

/// A client that registered itself, and by what.
pub struct Registered {
    /// The client.
    pub client: Client,
    /// By what it did; what that fixes holds for ever.
    pub invitation: Invitation,
    /// When.
    pub created: Timestamp,
    /// The registration as it was read: what a change must find again.
    pub read: String,
}

impl Store {
    /// Keeps a new invitation of `by`; `token` is the hash of its initial access token.
    pub async fn add_invitation(
        &self,
        invitation: &Invitation,
        token: &Hashed,
        by: Operator<'_>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut tx = self.db.begin().await?;
        sqlx::query(
            "INSERT INTO invitations (id, token, terms, uses, used, ends, created) VALUES ($1, $2, $3, $4, 0, $5, $6)",
        )
        .bind(&invitation.id)
        .bind(token.as_bytes().to_vec())
        .bind(serde_json::to_string(&invitation.terms)?)
        .bind(invitation.uses)
        .bind(invitation.ends.epoch())
        .bind(now.epoch())
        .execute(&mut *tx)
        .await?;
        tx.note(&changed("client.invited", Some(by), &invitation.id), now);
        tx.commit().await
    }

    /// Every invitation, the newest first: at most a thousand.
    pub async fn invitations(&self) -> Result<Vec<Invitation>, Fault> {
        let rows = sqlx::query("SELECT * FROM invitations ORDER BY created DESC, id LIMIT 1000")
            .fetch_all(self.db.reader())
            .await?;
        rows.iter().map(read).collect()
    }

    /// The invitation of that initial access token, whether or not it is still open.
    pub async fn invitation(&self, token: &Hashed) -> Result<Option<Invitation>, Fault> {
        let row = sqlx::query("SELECT * FROM invitations WHERE token = $1")
            .bind(token.as_bytes().to_vec())
            .fetch_optional(self.db.reader())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// `by` takes an invitation back; its clients stay. `false` when there is none of that id, or it has ended.
    pub async fn end_invitation(&self, id: &str, by: Operator<'_>, now: Timestamp) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        let done = sqlx::query("UPDATE invitations SET ends = $1 WHERE id = $2 AND ends > $1")
            .bind(now.epoch())
            .bind(id)
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        tx.note(&changed("client.uninvited", Some(by), id), now);
        tx.commit().await?;
        Ok(true)
    }

    /// Uses an invitation once more, for this client. `false`, and nothing kept, when it is used up or over: of those who come at
    /// once only as many win as it is for. `manager` is the hash of the client's registration access token.
    pub async fn register_client(
        &self,
        invitation: &Invitation,
        client: &Client,
        manager: &Hashed,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        let used =
            sqlx::query("UPDATE invitations SET used = used + 1 WHERE id = $1 AND used < uses AND ends > $2")
                .bind(&invitation.id)
                .bind(now.epoch())
                .execute(&mut *tx)
                .await?;
        if used.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO clients (id, registration, created, invitation, manager) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&client.id)
        .bind(serde_json::to_string(client)?)
        .bind(now.epoch())
        .bind(&invitation.id)
        .bind(manager.as_bytes().to_vec())
        .execute(&mut *tx)
        .await?;
        tx.note(&of("client.registered", Some(&client.id), &invitation.id), now);
        tx.commit().await?;
        Ok(true)
    }

    /// The client of that id, if it registered itself and this is the hash of its registration access token.
    pub async fn registered(&self, id: &str, manager: &Hashed) -> Result<Option<Registered>, Fault> {
        let row = sqlx::query(
            "SELECT invitations.*, clients.registration, clients.created AS registered FROM clients \
             JOIN invitations ON invitations.id = clients.invitation WHERE clients.id = $1 AND clients.manager = $2",
        )
        .bind(id)
        .bind(manager.as_bytes().to_vec())
        .fetch_optional(self.db.reader())
        .await?;
        let read = |row: AnyRow| {
            let text = row.text("registration")?;
            let client = serde_json::from_str(&text)?;
            Ok(Registered { client, invitation: read(&row)?, created: row.time("registered")?, read: text })
        };
        row.map(read).transpose()
    }

    /// Puts `client` in the place of what was `read` of its registration. `false` when something else stands there by now, such as
    /// another secret, or nothing.
    pub async fn change_registered(
        &self,
        client: &Client,
        read: &str,
        manager: &Hashed,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let statement = "UPDATE clients SET registration = $1 WHERE id = $2 AND manager = $3 AND registration = $4 RETURNING *";
        let mut tx = self.db.begin().await?;
        let row = sqlx::query(statement)
            .bind(serde_json::to_string(client)?)
            .bind(&client.id)
            .bind(manager.as_bytes().to_vec())
            .bind(read)
            .fetch_optional(&mut *tx)
            .await?;
        let Some(row) = row else { return Ok(false) };
        let invitation = row.text("invitation")?;
        tx.note(&of("client.changed", Some(&client.id), &invitation), now);
        tx.commit().await?;
        Ok(true)
    }

    /// Removes a client that registered itself, and all that it was given (RFC 7592 section 2.3). `false` when it is gone.
    pub async fn remove_registered(&self, id: &str, manager: &Hashed, now: Timestamp) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        let row = sqlx::query("DELETE FROM clients WHERE id = $1 AND manager = $2 RETURNING *")
            .bind(id)
            .bind(manager.as_bytes().to_vec())
            .fetch_optional(&mut *tx)
            .await?;
        let Some(row) = row else { return Ok(false) };
        forget(&mut tx, id, now).await?;
        tx.note(&of("client.removed", Some(id), &row.text("invitation")?), now);
        tx.commit().await?;
        Ok(true)
    }
}

fn of<'a>(event: &'a str, client: Option<&'a str>, invitation: &'a str) -> Event<'a> {
    Event { event, outcome: "ok", client, detail: Some(invitation), ..Event::default() }
}

fn read(row: &AnyRow) -> Result<Invitation, Fault> {
    Ok(Invitation {
        id: row.text("id")?,
        terms: serde_json::from_str(&row.text("terms")?)?,
        uses: row.try_get("uses")?,
        used: row.try_get("used")?,
        ends: row.time("ends")?,
    })
}
