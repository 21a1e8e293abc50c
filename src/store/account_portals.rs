//! What an account gave to portals and apps, as its owner sees and ends it.

use super::{
    Store,
    accounts::Account,
    audit::Event,
    columns::Columns,
    grants::{read_grant, revoke_of_client, revoke_of_owner},
    notices,
};
use crate::domain::{
    fault::Fault,
    grant::Grant,
    id::{AccountId, GrantId},
    time::Timestamp,
};

/// The most of them that are read at once.
const MOST: i64 = 1000;

/// Something that a portal or an app was given.
#[derive(Debug, Clone)]
pub struct Given {
    /// What.
    pub grant: Grant,
    /// When tokens were last refreshed by it.
    pub used: Option<Timestamp>,
}

impl Store {
    /// What was given to portals and apps and has not ended, the newest first.
    pub async fn given(&self, account: &AccountId, now: Timestamp) -> Result<Vec<Given>, Fault> {
        let rows = sqlx::query(
            "SELECT * FROM grants WHERE account_id = $1 AND revoked_at IS NULL AND ends > $2 \
             ORDER BY created DESC, id LIMIT $3",
        )
        .bind(account.as_str())
        .bind(now.epoch())
        .bind(MOST)
        .fetch_all(self.db.reader())
        .await?;
        let read = |row| Ok(Given { grant: read_grant(row)?, used: Columns::maybe_time(row, "used_at")? });
        rows.iter().map(read).collect()
    }

    /// Takes back, for its owner, all that an account gave to one client, and what they agreed to for it. The client is told, and
    /// sessions go on. `false` when there was nothing.
    pub async fn disconnect(&self, account: &Account, client: &str, now: Timestamp) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        notices::of_client(&mut tx, &account.id, client, now).await?;
        let ended = revoke_of_client(&mut tx, &account.id, client, now).await?;
        let forgotten = sqlx::query("DELETE FROM client_consents WHERE account_id = $1 AND client_id = $2")
            .bind(account.id.as_str())
            .bind(client.to_owned())
            .execute(&mut *tx)
            .await?;
        if ended == 0 && forgotten.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        let person = Some(account.person.as_str());
        let event = Event {
            event: "consent.withdrawn",
            outcome: "ok",
            actor: person,
            represented: person,
            client: Some(client),
            ..Event::default()
        };
        tx.note(&event, now);
        tx.commit().await?;
        Ok(true)
    }

    /// Ends, for its owner, one thing that was given, as on a device that is lost. `false` when it is none of theirs, or has ended.
    pub async fn end_given(&self, account: &Account, grant: &GrantId, now: Timestamp) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        if revoke_of_owner(&mut tx, &account.id, grant, now).await? == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }
}
