//! What programs do to accounts through the admin API: they find them, and close them.

use super::{Store, account::end, accounts::Account};
use crate::domain::{fault::Fault, id::PersonId, time::Timestamp};

impl Store {
    /// Whom any sector knows as `sub`, also by an older name: a `sub` is random, and one person's only.
    pub async fn person_of_any_subject(&self, sub: &str) -> Result<Option<PersonId>, Fault> {
        let row: Option<(String,)> = sqlx::query_as("SELECT person_id FROM subjects WHERE sub = $1")
            .bind(sub)
            .fetch_optional(self.db.reader())
            .await?;
        Ok(row.map(|(person,)| PersonId::from_stored(person)))
    }

    /// Closes an account for good, for the program `by`: its sessions end with everything that was given in them, and the address,
    /// the password, what was recorded and agreed to are forgotten. The person stays, with their subjects, mandates and log.
    /// `false` when it is gone already, or when its owner is or
    /// was a member of staff: whom an act at the desk names stays known (M11).
    pub async fn close_account(&self, account: &Account, by: &str, now: Timestamp) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        end(&mut tx, account, "account.closed", Some(by), now).await?;
        let mut gone = 0;
        for statement in [
            "DELETE FROM grants WHERE account_id = $1",
            // Of an offer one of the two is gone: nobody confirms it any more.
            "DELETE FROM offers WHERE (SELECT a.person_id FROM accounts a WHERE a.id = $1) IN (grantor, grantee)",
            "DELETE FROM accounts WHERE id = $1 \
             AND NOT EXISTS (SELECT 1 FROM staff WHERE account = $1 AND approved_at IS NOT NULL)",
        ] {
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
