//! What programs do to accounts through the admin API: they find them, end their sessions, and close them.

use super::{
    Store, Tx, accounts::Account, audit::Event, columns::Columns, ephemeral::Kind, grants::revoke_of_account,
    notices,
};
use crate::domain::{fault::Fault, id::PersonId, session::Session, time::Timestamp};

/// The most sessions that are counted.
const MOST: i64 = 1000;

impl Store {
    /// Whom any sector knows as `sub`, also by an older name: a `sub` is random, and one person's only.
    pub async fn person_of_any_subject(&self, sub: &str) -> Result<Option<PersonId>, Fault> {
        let row: Option<(String,)> = sqlx::query_as("SELECT person_id FROM subjects WHERE sub = $1")
            .bind(sub)
            .fetch_optional(self.db.reader())
            .await?;
        Ok(row.map(|(person,)| PersonId::from_stored(person)))
    }

    /// How many sessions of an account live in which a client was given anything; `idle` is how many seconds one lives unvisited.
    pub async fn count_sessions(&self, account: &Account, idle: i64, now: Timestamp) -> Result<usize, Fault> {
        let rows = sqlx::query(
            "SELECT name, version, body FROM ephemeral WHERE kind = $1 AND ends > $2 \
             AND name IN (SELECT sid FROM grants WHERE account_id = $3) LIMIT $4",
        )
        .bind(Kind::Session.word())
        .bind(now.epoch())
        .bind(account.id.as_str())
        .bind(MOST)
        .fetch_all(self.db.reader())
        .await?;
        let mut live = 0;
        for row in rows {
            let found = self.ephemeral.open_row::<Session>(&row, Kind::Session, &row.text("name")?)?;
            live += usize::from(found.is_some_and(|found| found.value.is_alive(account.era, idle, now)));
        }
        Ok(live)
    }

    /// Ends every session of an account with everything that was given in it, for the program `by`, and writes down whom to tell.
    /// `false` when the account is gone.
    pub async fn sign_out_everywhere(
        &self,
        account: &Account,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        let done = sqlx::query("UPDATE accounts SET era = era + 1 WHERE id = $1")
            .bind(account.id.as_str())
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        end(&mut tx, account, "account.signed_out", by, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Closes an account for good, for the program `by`: its sessions end with everything that was given in them, and the address,
    /// the password, what was recorded and agreed to are forgotten. The person stays, with their subjects, mandates and log.
    /// `false` when it is gone already.
    pub async fn close_account(&self, account: &Account, by: &str, now: Timestamp) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        end(&mut tx, account, "account.closed", by, now).await?;
        let mut gone = 0;
        for statement in ["DELETE FROM grants WHERE account_id = $1", "DELETE FROM accounts WHERE id = $1"] {
            gone = sqlx::query(statement).bind(account.id.as_str()).execute(&mut *tx).await?.rows_affected();
        }
        if gone == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }
}

/// Ends what was given to clients, writes down whom to tell, and the line of the log.
async fn end(
    tx: &mut Tx,
    account: &Account,
    what: &'static str,
    by: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    notices::of_account(tx, &account.id, now).await?;
    revoke_of_account(tx, &account.id, what, now).await?;
    let event = Event {
        event: what,
        outcome: "ok",
        actor: Some(by),
        represented: Some(account.person.as_str()),
        client: Some(by),
        ..Event::default()
    };
    tx.note(&event, now);
    Ok(())
}
