//! To what owners of accounts agreed that portals of others may know: one row for each account, portal and host.

use std::collections::BTreeSet;

use sqlx::any::AnyRow;

use super::{Store, Tx, accounts::Account, audit::Event, columns::Columns, grants::revoke_of_client};
use crate::domain::{
    client_consent::{ClientConsent, Wanted, spaced},
    fault::Fault,
    id::AccountId,
    time::Timestamp,
};

/// What somebody agrees to at the end of a login.
#[derive(Debug, Clone, Copy)]
pub struct Agreed<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// To what.
    pub wanted: &'a Wanted,
    /// For which client.
    pub client: &'a str,
    /// At which host, as the page named it.
    pub host: &'a str,
}

const ONE: &str = "SELECT * FROM client_consents WHERE account_id = $1 AND client_id = $2 AND host = $3";

impl Store {
    /// What an account's owner agreed to for a client at a host.
    pub async fn client_consent(
        &self,
        account: &AccountId,
        client: &str,
        host: &str,
    ) -> Result<Option<ClientConsent>, Fault> {
        let row = sqlx::query(ONE)
            .bind(account.as_str())
            .bind(client)
            .bind(host)
            .fetch_optional(self.db.reader())
            .await?;
        row.map(|row| read_consent(&row)).transpose()
    }

    /// All that an account's owner agreed to, by client and host: at most a thousand.
    pub async fn client_consents(&self, account: &AccountId) -> Result<Vec<ClientConsent>, Fault> {
        let rows = sqlx::query(
            "SELECT * FROM client_consents WHERE account_id = $1 ORDER BY client_id, host LIMIT 1000",
        )
        .bind(account.as_str())
        .fetch_all(self.db.reader())
        .await?;
        rows.iter().map(read_consent).collect()
    }

    /// Takes back what an account's owner agreed to for a client at whatever host, and all that the client was given by it; `by` is
    /// the member of staff who does so at their wish. `false` when there was nothing.
    pub async fn withdraw_client_consent(
        &self,
        account: &Account,
        client: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        let done = sqlx::query("DELETE FROM client_consents WHERE account_id = $1 AND client_id = $2")
            .bind(account.id.as_str())
            .bind(client)
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        revoke_of_client(&mut tx, &account.id, client, now).await?;
        let represented = Some(account.person.as_str());
        let event = Event {
            event: "consent.withdrawn",
            outcome: "ok",
            actor: Some(by),
            represented,
            client: Some(client),
            ..Event::default()
        };
        tx.note(&event, now);
        tx.commit().await?;
        Ok(true)
    }
}

/// Keeps what somebody agrees to, beside what they agreed to at that host before, inside the transaction that ends their login.
pub(super) async fn agree(tx: &mut Tx, agreed: Agreed<'_>, now: Timestamp) -> Result<(), Fault> {
    let Agreed { account, wanted, client, host } = agreed;
    let row = sqlx::query(ONE)
        .bind(account.as_str())
        .bind(client.to_owned())
        .bind(host.to_owned())
        .fetch_optional(&mut **tx)
        .await?;
    let before = row.map(|row| read_consent(&row)).transpose()?;
    let consent = before.map_or_else(
        || ClientConsent {
            client_id: client.to_owned(),
            host: host.to_owned(),
            scope: wanted.scope.clone(),
            claims: wanted.claims.clone(),
            resources: wanted.resources.clone(),
            given: now,
        },
        |before| before.and(wanted, now),
    );
    sqlx::query(
        "INSERT INTO client_consents (account_id, client_id, host, scope, claims, given, resources) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account_id, client_id, host) DO UPDATE SET \
         scope = excluded.scope, claims = excluded.claims, given = excluded.given, resources = excluded.resources",
    )
    .bind(account.as_str())
    .bind(client.to_owned())
    .bind(host.to_owned())
    .bind(consent.scope.to_string())
    .bind(serde_json::to_string(&consent.claims)?)
    .bind(now.epoch())
    .bind(spaced(&consent.resources))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Hands over what the owner of an account that goes agreed to, where the owner of the one that remains said nothing for that client, at
/// whatever host. Each keeps its host. Not what tells of the account: a client that was to know the one's address would be told the
/// other's.
pub(super) async fn hand_over(tx: &mut Tx, goes: &AccountId, remains: &AccountId) -> Result<(), Fault> {
    let mut of = Vec::new();
    for account in [goes, remains] {
        let rows = sqlx::query("SELECT * FROM client_consents WHERE account_id = $1")
            .bind(account.as_str())
            .fetch_all(&mut **tx)
            .await?;
        of.push(rows.iter().map(read_consent).collect::<Result<Vec<_>, _>>()?);
    }
    let said: BTreeSet<_> = of.pop().into_iter().flatten().map(|consent| consent.client_id).collect();
    let of_goes = of.into_iter().flatten();
    for consent in of_goes.filter(|one| !one.tells_of_account() && !said.contains(&one.client_id)) {
        sqlx::query(
            "UPDATE client_consents SET account_id = $2 WHERE account_id = $1 AND client_id = $3 AND host = $4",
        )
        .bind(goes.as_str())
        .bind(remains.as_str())
        .bind(consent.client_id)
        .bind(consent.host)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

fn read_consent(row: &AnyRow) -> Result<ClientConsent, Fault> {
    Ok(ClientConsent {
        client_id: row.text("client_id")?,
        host: row.text("host")?,
        scope: row.text("scope")?.parse()?,
        claims: serde_json::from_str(&row.text("claims")?)?,
        resources: row.text("resources")?.split_ascii_whitespace().map(str::to_owned).collect(),
        given: row.time("given")?,
    })
}
