//! Another e-mail address for an account. What waits for its code is sealed under the name of its session; the unique index of
//! addresses decides who has one.

use super::{
    Store,
    account::end,
    accounts::Account,
    audit::Event,
    ephemeral::{Kind, Versioned, keep, remove, swap, take_as},
    logins::Ration,
};
use crate::domain::{
    account_email::{KEPT, NewAddress},
    email::Email,
    fault::Fault,
    id::SessionId,
    time::Timestamp,
};

/// What the log calls it.
const CHANGED: &str = "email.changed";

/// What came of giving an account another address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum AddressChange {
    /// It has it, and its sessions have ended.
    Done,
    /// Another request was first, or the account's sessions have ended meanwhile. Nothing was changed.
    Late,
    /// Another account has the address. Nothing was changed, and it waits no longer.
    Taken,
}

impl Store {
    /// Keeps an address that waits for its code, in the place of an older one of the session, and counts the mail for it. `false`, and
    /// nothing was kept, when one of `rations` has none left.
    pub async fn begin_new_address(
        &self,
        (account, sid): (&Account, &SessionId),
        new: &NewAddress,
        rations: [Ration<'_>; 2],
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let kept = self.ephemeral.seal(Kind::Address, sid.to_string(), new, now.plus(KEPT))?;
        let mut tx = self.db.begin().await?;
        for ration in &rations {
            if !self.has_left(&mut tx, ration, now).await? {
                tx.rollback().await?;
                return Ok(false);
            }
        }
        remove(&mut *tx, Kind::Address, sid.as_str()).await?;
        keep(&mut *tx, &[kept.owned(account.id.as_str())]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The address that waits for its code in a session.
    pub async fn new_address(
        &self,
        sid: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Versioned<NewAddress>>, Fault> {
        self.ephemeral.read(Kind::Address, sid.as_str(), now).await
    }

    /// Keeps what a wrong code left of it, with a line in the log. `false`, and nothing was done, when another request was first.
    pub async fn wrong_address_code(
        &self,
        (account, sid): (&Account, &SessionId),
        left: &Versioned<NewAddress>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let ends = left.value.asked.plus(KEPT);
        let newer = self.ephemeral.seal(Kind::Address, sid.to_string(), &left.value, ends)?;
        let mut tx = self.db.begin().await?;
        if !swap(&mut *tx, &newer, left.version).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.note(&event("wrong_code", account), now);
        tx.commit().await?;
        Ok(true)
    }

    /// Gives an account the address whose code came back, and ends all its sessions with everything that was given in them: its era
    /// moves on. It waits no longer, whatever comes of it.
    pub async fn change_address(
        &self,
        (account, sid): (&Account, &SessionId),
        new: &Versioned<NewAddress>,
        now: Timestamp,
    ) -> Result<AddressChange, Fault> {
        let mut tx = self.db.begin().await?;
        if !take_as(&mut *tx, (Kind::Address, sid.as_str(), new.version), now).await? {
            tx.rollback().await?;
            return Ok(AddressChange::Late);
        }
        let to: &Email = &new.value.to;
        let done = sqlx::query(
            "UPDATE accounts SET email = $1, email_key = $2, era = era + 1 WHERE id = $3 AND era = $4",
        )
        .bind(to.typed())
        .bind(to.key())
        .bind(account.id.as_str())
        .bind(account.era)
        .execute(&mut *tx)
        .await;
        match done {
            Ok(done) if done.rows_affected() == 1 => {}
            Ok(_) => {
                tx.rollback().await?;
                return Ok(AddressChange::Late);
            }
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                tx.rollback().await?;
                let mut tx = self.db.begin().await?;
                take_as(&mut *tx, (Kind::Address, sid.as_str(), new.version), now).await?;
                tx.note(&event("taken", account), now);
                tx.commit().await?;
                return Ok(AddressChange::Taken);
            }
            Err(other) => return Err(other.into()),
        }
        end(&mut tx, account, CHANGED, None, now).await?;
        tx.commit().await?;
        Ok(AddressChange::Done)
    }
}

fn event<'a>(outcome: &'a str, account: &'a Account) -> Event<'a> {
    Event { event: CHANGED, outcome, actor: Some(account.person.as_str()), ..Event::default() }
}
