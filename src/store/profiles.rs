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
/// How often a change is made anew because somebody else was faster.
const TRIES: usize = 2;

impl Store {
    /// What is on record for an account; nothing, where nobody recorded anything.
    pub async fn profile(&self, account: &AccountId) -> Result<Profile, Fault> {
        self.unsealed(account, &self.sealed(account).await?)
    }

    /// What stands in the row, and no byte where there is none.
    async fn sealed(&self, account: &AccountId) -> Result<Vec<u8>, Fault> {
        let row = sqlx::query("SELECT sealed FROM profiles WHERE account_id = $1")
            .bind(account.as_str())
            .fetch_optional(self.db.reader())
            .await?;
        Ok(row.map(|row| row.try_get("sealed")).transpose()?.unwrap_or_default())
    }

    fn unsealed(&self, account: &AccountId, sealed: &[u8]) -> Result<Profile, Fault> {
        if sealed.is_empty() {
            return Ok(Profile::default());
        }
        self.vault.unseal_json(PURPOSE, account.as_str(), sealed)
    }

    /// Changes what is on record for an account, with a line in the audit log that tells who did, and no value.
    ///
    /// Errors: a value that does not fit its claim, or others who change it all the time; then nothing was changed.
    pub async fn change_profile(
        &self,
        account: &Account,
        changes: &Changes,
        by: &str,
        now: Timestamp,
    ) -> Result<Profile, Fault> {
        for _ in 0..TRIES {
            let read = self.sealed(&account.id).await?;
            let profile = self.unsealed(&account.id, &read)?.changed(changes.clone(), now)?;
            if self.put_profile(account, read, &profile, by, now).await? {
                return Ok(profile);
            }
        }
        Err(Fault::because("somebody else changed this profile at the same moment: look at it and try again"))
    }

    /// Puts a profile in the place of what was read. `false` when something else stands there by now.
    async fn put_profile(
        &self,
        account: &Account,
        read: Vec<u8>,
        profile: &Profile,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "INSERT INTO profiles (account_id, sealed) VALUES ($1, $2) \
             ON CONFLICT (account_id) DO UPDATE SET sealed = excluded.sealed WHERE profiles.sealed = $3",
        )
        .bind(account.id.as_str())
        .bind(self.vault.seal_json(PURPOSE, account.id.as_str(), profile)?)
        .bind(read)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        let represented = Some(account.person.as_str());
        let event = Event { represented, ..Event::by("account.profile", by) };
        tx.note(&event, now);
        tx.commit().await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        domain::profile::Claim,
        store::testing::{fresh, now, somebody},
    };

    /// Of two operators at once each reads before the other has written.
    #[tokio::test]
    async fn of_two_changes_at_once_none_is_lost() {
        let fresh = fresh().await;
        let store = &fresh.store;
        let (account, _) = somebody(store).await;
        let account = store.account(&account).await.unwrap().unwrap();
        let change = |claim, value: &str| Changes::from([(claim, Some(json!(value)))]);
        for round in ["a", "b"] {
            let (given, family) =
                (change(Claim::GivenName, round), change(Claim::FamilyName, &round.repeat(2)));
            let read = store.sealed(&account.id).await.unwrap();
            let stale = store.unsealed(&account.id, &read).unwrap().changed(given.clone(), now()).unwrap();
            let (one, other) = tokio::join!(
                store.change_profile(&account, &given, "els", now()),
                store.change_profile(&account, &family, "els", now())
            );
            assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
            let told = serde_json::to_value(store.profile(&account.id).await.unwrap()).unwrap();
            assert_eq!((&told["given_name"], &told["family_name"]), (&json!(round), &json!(round.repeat(2))));
            assert!(!store.put_profile(&account, read, &stale, "els", now()).await.unwrap());
        }
        assert_eq!(store.audited("account.profile").await, 4);
    }
}
