//! Taking DigiD away from an account. What the desk knows of its person stays, the BSN too.

use super::{Store, account::end, accounts::Account};
use crate::domain::{fault::Fault, time::Timestamp};

impl Store {
    /// Lets DigiD open an account no longer, and ends all its sessions with everything that was given in them: its era moves on.
    /// `false`, and nothing was changed, where there is no password to get in with, or no DigiD any more, or another request was first.
    pub async fn unlink_digid(&self, account: &Account, now: Timestamp) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "UPDATE accounts SET digid_linked_at = NULL, era = era + 1 \
             WHERE id = $1 AND era = $2 AND digid_linked_at IS NOT NULL AND password_hash IS NOT NULL",
        )
        .bind(account.id.as_str())
        .bind(account.era)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        end(&mut tx, account, "digid.unlinked", None, now).await?;
        tx.commit().await?;
        Ok(true)
    }
}
