//! Authenticator apps (F6). The secret is sealed with its account; the last time step that was used moves on by one guarded statement,
//! and so is a recovery code spent: durable, as whatever must never work twice (`docs/adr/0005`).

use super::{Store, Tx, account::end_others, accounts::Account, audit::Event, merge::Pair, staff::leave};
use crate::domain::{
    authenticator::AppSecret, fault::Fault, id::SessionId, secret::Secret, session::Session, time::Timestamp,
};

/// What the secret of an app is sealed for.
const PURPOSE: &str = "authenticator";
/// What the secret that is offered to somebody is sealed for, until a code of it comes back.
const OFFER: &str = "authenticator.offer";

/// An account's app, as kept.
#[derive(Debug, Clone)]
pub struct Authenticator {
    /// Its secret, sealed.
    pub(super) sealed: Vec<u8>,
    /// Since when it counts.
    pub since: Timestamp,
}

impl Store {
    /// The secret of an account's app, if it has one.
    pub fn app_secret(&self, account: &Account) -> Result<Option<AppSecret>, Fault> {
        let open = |app: &Authenticator| {
            AppSecret::from_stored(&self.vault.unseal(PURPOSE, account.id.as_str(), &app.sealed)?)
        };
        account.app.as_ref().map(open).transpose()
    }

    /// A secret on its way to its owner, sealed for their account and session: nothing is kept before a code of it has come back.
    pub fn seal_offer(
        &self,
        account: &Account,
        sid: &SessionId,
        secret: &AppSecret,
    ) -> Result<Vec<u8>, Fault> {
        self.vault.seal(OFFER, &format!("{} {sid}", account.id), secret.as_bytes())
    }

    /// The secret that was offered to this account in this session; `None` for anything else.
    pub fn open_offer(&self, account: &Account, sid: &SessionId, offer: &[u8]) -> Option<AppSecret> {
        let bytes = self.vault.unseal(OFFER, &format!("{} {sid}", account.id), offer).ok()?;
        AppSecret::from_stored(&bytes).ok()
    }

    /// Spends the time step whose code was typed. `false` when this step, or a later one, was used before: exactly one caller ever
    /// hears `true` of a code.
    pub async fn spend_app_step(&self, account: &Account, step: i64) -> Result<bool, Fault> {
        let Some(app) = &account.app else { return Ok(false) };
        let done = sqlx::query(
            "UPDATE accounts SET app_step = $1 WHERE id = $2 AND app_sealed = $3 AND app_step < $1",
        )
        .bind(step)
        .bind(account.id.as_str())
        .bind(app.sealed.as_slice())
        .execute(self.db.writer())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Spends a recovery code, with its line in the log, and tells how many are left. `None` when it is none, or was used before.
    pub async fn spend_recovery_code(
        &self,
        account: &Account,
        code: &Secret,
        now: Timestamp,
    ) -> Result<Option<i64>, Fault> {
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "UPDATE recovery_codes SET used_at = $1 WHERE account_id = $2 AND hash = $3 AND used_at IS NULL",
        )
        .bind(now.epoch())
        .bind(account.id.as_str())
        .bind(self.recovery_hash(account, code))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(None);
        }
        let (left,): (i64,) =
            sqlx::query_as("SELECT COUNT(*) FROM recovery_codes WHERE account_id = $1 AND used_at IS NULL")
                .bind(account.id.as_str())
                .fetch_one(&mut *tx)
                .await?;
        tx.note(&event("app.recovery_code", account), now);
        tx.commit().await?;
        Ok(Some(left))
    }

    /// Gives an account its app, or another one, with new recovery codes; the older ones are gone. Every session but `here` ends: it was
    /// proven without this app. A member of staff whose session was proven without the app that they had is none from now on: DigiD alone
    /// must not open the desk. `false` when the confirming step was used before, or sessions have ended meanwhile: of two requests at once
    /// one does it.
    pub async fn set_app(
        &self,
        (account, here): (&Account, &Session),
        (secret, step): (&AppSecret, i64),
        codes: &[Secret],
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let sealed = self.vault.seal(PURPOSE, account.id.as_str(), secret.as_bytes())?;
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "UPDATE accounts SET app_sealed = $1, app_since = $2, app_step = $3 WHERE id = $4 AND era = $5 \
             AND (app_step IS NULL OR app_step < $3)",
        )
        .bind(sealed)
        .bind(now.epoch())
        .bind(step)
        .bind(account.id.as_str())
        .bind(account.era)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        forget_codes(&mut tx, account).await?;
        for code in codes {
            sqlx::query("INSERT INTO recovery_codes (account_id, hash) VALUES ($1, $2)")
                .bind(account.id.as_str())
                .bind(self.recovery_hash(account, code))
                .execute(&mut *tx)
                .await?;
        }
        tx.note(&event("app.set", account), now);
        if !here.knew_app(account.app.as_ref().map(|app| app.since)) {
            leave(&mut tx, account, now).await?;
        }
        end_others(&mut tx, account, &here.sid, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Takes an account's app away. The step that was used last stays, so that no code of before ever works again. A member of staff
    /// is none from now on: an app that is set up after a mailed code must not open the desk. `false` when there is none, or it is another one
    /// by now.
    pub async fn remove_app(&self, account: &Account, now: Timestamp) -> Result<bool, Fault> {
        let Some(app) = &account.app else { return Ok(false) };
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "UPDATE accounts SET app_sealed = NULL, app_since = NULL WHERE id = $1 AND app_sealed = $2 AND era = $3",
        )
        .bind(account.id.as_str())
        .bind(app.sealed.as_slice())
        .bind(account.era)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        forget_codes(&mut tx, account).await?;
        tx.note(&event("app.removed", account), now);
        leave(&mut tx, account, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The app of an account that becomes part of another goes with it where that has none: its codes are asked as before, never less.
    /// Recovery codes belong to the account that goes; who lost the app gets in with DigiD.
    pub(super) async fn move_app(&self, tx: &mut Tx, Pair { goes, remains }: Pair<'_>) -> Result<(), Fault> {
        let Some(secret) = self.app_secret(goes)? else { return Ok(()) };
        sqlx::query(
            "UPDATE accounts SET app_sealed = $1, \
             app_since = (SELECT g.app_since FROM accounts g WHERE g.id = $2), \
             app_step = (SELECT g.app_step FROM accounts g WHERE g.id = $2) WHERE id = $3 AND app_sealed IS NULL",
        )
        .bind(self.vault.seal(PURPOSE, remains.id.as_str(), secret.as_bytes())?)
        .bind(goes.id.as_str())
        .bind(remains.id.as_str())
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    fn recovery_hash(&self, account: &Account, code: &Secret) -> Vec<u8> {
        self.vault.keyed_hash("authenticator.recovery", &format!("{} {}", account.id, code.expose()))
    }
}

fn event<'a>(what: &'static str, account: &'a Account) -> Event<'a> {
    Event { event: what, outcome: "ok", actor: Some(account.person.as_str()), ..Event::default() }
}

async fn forget_codes(tx: &mut Tx, account: &Account) -> Result<(), Fault> {
    sqlx::query("DELETE FROM recovery_codes WHERE account_id = $1")
        .bind(account.id.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
