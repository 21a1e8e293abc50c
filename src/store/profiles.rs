//! What the operator recorded of an account's owner, sealed in the account's own row.

use sqlx::Row;

use super::{Store, accounts::Account, audit::Event};
use crate::domain::{
    fault::Fault,
    id::AccountId,
    profile::{Changes, Profile},
    time::Timestamp,
};

/// What it is sealed for.
const PURPOSE: &str = "profile";

impl Store {
    /// What is on record for an account; nothing, where nobody recorded anything.
    pub async fn profile(&self, account: &AccountId) -> Result<Profile, Fault> {
        let row = sqlx::query("SELECT sealed FROM profiles WHERE account_id = $1")
            .bind(account.as_str())
            .fetch_optional(self.db.reader())
            .await?;
        match row {
            Some(row) => {
                self.vault.unseal_json(PURPOSE, account.as_str(), &row.try_get::<Vec<u8>, _>("sealed")?)
            }
            None => Ok(Profile::default()),
        }
    }

    /// Changes what is on record for an account, with a line in the audit log that tells no value.
    ///
    /// Errors: a value that does not fit its claim; then nothing was changed.
    pub async fn change_profile(
        &self,
        account: &Account,
        changes: Changes,
        now: Timestamp,
    ) -> Result<Profile, Fault> {
        let profile = self.profile(&account.id).await?.changed(changes, now)?;
        let mut tx = self.db.begin().await?;
        sqlx::query(
            "INSERT INTO profiles (account_id, sealed) VALUES ($1, $2) \
             ON CONFLICT (account_id) DO UPDATE SET sealed = excluded.sealed",
        )
        .bind(account.id.as_str())
        .bind(self.vault.seal_json(PURPOSE, account.id.as_str(), &profile)?)
        .execute(&mut *tx)
        .await?;
        let represented = Some(account.person.as_str());
        let event = Event { event: "account.profile", outcome: "ok", represented, ..Event::default() };
        tx.note(&event, now);
        tx.commit().await?;
        Ok(profile)
    }
}
