//! Grants: what a client was given in a session, and the family of refresh tokens that came of it. Every one-time value
//! is consumed by one guarded statement; when one is used twice the whole family ends.

mod rows;
mod told;

use sqlx::AssertSqlSafe;

use self::rows::in_one_column;
pub(super) use self::rows::{read_family, read_grant};
use super::{
    Ledger, Store, Tx,
    audit::Event,
    batch::{Batches, values},
    columns::Columns,
    notices,
};
use crate::domain::{
    fault::Fault,
    grant::{Grant, RefreshToken},
    id::{AccountId, GrantId, PersonId, SessionId},
    secret::Hashed,
    time::Timestamp,
};

/// One use of a refresh token: it stays, or gives way to the next.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// Of which grant.
    pub grant: Grant,
    /// The one that was presented.
    pub used: Hashed,
    /// What takes its place, where it does not stay.
    pub successor: Option<Successor>,
    /// For whom the tokens that it is used for tell that the user may act.
    pub listed: Vec<PersonId>,
    /// When.
    pub at: Timestamp,
}

/// The refresh token that takes the place of another.
#[derive(Debug, Clone)]
pub struct Successor {
    /// Which.
    pub token: Hashed,
    /// Its text, sealed under the one that it replaces.
    pub sealed: Vec<u8>,
}

impl Rotation {
    /// The family's current token after it.
    fn current(&self) -> &Hashed {
        self.successor.as_ref().map_or(&self.used, |successor| &successor.token)
    }
}

/// How many grants that outlive their session one account gives one client at once: as many devices, and no more rows.
const OFFLINE: i64 = 20;

/// A grant that is to begin, with the code that it comes of and its first refresh token.
pub(super) struct Beginning {
    grant: Grant,
    code: Hashed,
    family: Hashed,
    refresh: Hashed,
}

/// Begins grants.
pub(super) type Beginnings = Batches<Beginning, bool>;
/// Rotates refresh tokens.
pub(super) type Rotations = Batches<Rotation, bool>;

pub(super) fn beginnings(db: Ledger) -> Beginnings {
    Batches::new(move |asked| begin(db.clone(), asked))
}

pub(super) fn rotations(db: Ledger) -> Rotations {
    Batches::new(move |asked| rotate(db.clone(), asked))
}

async fn begin(db: Ledger, asked: Vec<Beginning>) -> Result<Vec<bool>, Fault> {
    if let Some(begun) = begin_all(&db, &asked).await? {
        return Ok(begun);
    }
    let mut begun = Vec::with_capacity(asked.len());
    for one in asked.chunks(1) {
        begun.extend(begin_all(&db, one).await?.unwrap_or_else(|| vec![false]));
    }
    Ok(begun)
}

/// Begins grants in one transaction, but not those whose code was spent. `None`, and nothing is done, when an account of one of
/// them was closed at this very moment.
async fn begin_all(db: &Ledger, asked: &[Beginning]) -> Result<Option<Vec<bool>>, Fault> {
    let values = values(asked.len(), 25);
    let statement = format!(
        "INSERT INTO grants (id, code_hash, client_id, account_id, person_id, sid, scope, redirect_uri, level, \
         auth_time, created, ends, family_hash, refresh_hash, dpop_jkt, x5t_s256, claims, resources, \
         session_ends, offline_era, bsn, chosen, acts_for, look_at, told) VALUES {values} ON CONFLICT DO NOTHING RETURNING id"
    );
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for Beginning { grant, code, family, refresh } in asked {
        query = query
            .bind(grant.id.as_str())
            .bind(code.as_bytes())
            .bind(&grant.client_id)
            .bind(grant.account.as_str())
            .bind(grant.person.as_str())
            .bind(grant.sid.as_str())
            .bind(grant.scope.to_string())
            .bind(&grant.redirect_uri)
            .bind(grant.level.acr())
            .bind(grant.auth_time.epoch())
            .bind(grant.created.epoch())
            .bind(grant.ends.epoch())
            .bind(family.as_bytes())
            .bind(refresh.as_bytes())
            .bind(grant.dpop_jkt.as_deref())
            .bind(grant.x5t_s256.as_deref())
            .bind(serde_json::to_string(&grant.claims)?)
            .bind(grant.resources.join(" "))
            .bind(grant.offline.as_ref().map(|offline| offline.session_ends.epoch()))
            .bind(grant.offline.as_ref().map(|offline| offline.era))
            .bind(i64::from(grant.bsn))
            .bind(grant.chosen.as_ref().map(PersonId::as_str))
            .bind(grant.acts_for.as_ref().map(PersonId::as_str))
            .bind(grant.acts_for.as_ref().map(|_| grant.created.epoch()))
            .bind(in_one_column(&grant.told));
    }
    let mut tx = db.begin().await?;
    let rows = match query.fetch_all(&mut *tx).await {
        Ok(rows) => rows,
        Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
            tx.rollback().await?;
            return Ok(None);
        }
        Err(other) => return Err(other.into()),
    };
    let ids = rows.iter().map(|row| row.text("id")).collect::<Result<Vec<_>, _>>()?;
    let begun: Vec<bool> = asked.iter().map(|one| ids.iter().any(|id| id == one.grant.id.as_str())).collect();
    let new: Vec<&Grant> =
        asked.iter().zip(&begun).filter_map(|(one, begun)| begun.then_some(&one.grant)).collect();
    if new.is_empty() {
        tx.rollback().await?;
        return Ok(Some(begun));
    }
    let outcome = |grant: &Grant| if grant.offline.is_some() { "offline" } else { "ok" };
    for grant in &new {
        let event = event("token.issued", outcome(grant), grant);
        tx.note(&Event { listed: &grant.told, ..event }, grant.created);
    }
    told::of_new(&mut tx, &new).await?;
    for grant in new.into_iter().filter(|grant| grant.offline.is_some()) {
        bound_offline(&mut tx, grant).await?;
    }
    tx.commit().await?;
    Ok(Some(begun))
}

async fn rotate(db: Ledger, asked: Vec<Rotation>) -> Result<Vec<bool>, Fault> {
    // Where two want to follow the same token, the database takes one of them. Of a token that stays, all count.
    let values = values(asked.len(), 8);
    let statement = format!(
        "UPDATE grants SET refresh_hash = v.column3, replaced_hash = v.column5, replaced_at = v.column6, \
         successor_sealed = v.column7, used_at = v.column4, told = COALESCE(v.column8, told) FROM (VALUES {values}) AS v \
         WHERE id = v.column1 AND refresh_hash = v.column2 AND revoked_at IS NULL AND ends > v.column4 \
         RETURNING refresh_hash"
    );
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for rotation in &asked {
        query = query
            .bind(rotation.grant.id.as_str())
            .bind(rotation.used.as_bytes())
            .bind(rotation.current().as_bytes())
            .bind(rotation.at.epoch())
            .bind(rotation.successor.as_ref().map(|_| rotation.used.as_bytes()))
            .bind(rotation.successor.as_ref().map(|_| rotation.at.epoch()))
            .bind(rotation.successor.as_ref().map(|successor| successor.sealed.as_slice()))
            .bind(told::with_more(&rotation.grant, &rotation.listed));
    }
    let mut tx = db.begin().await?;
    let rows = query.fetch_all(&mut *tx).await?;
    let taken = rows.iter().map(|row| row.hash("refresh_hash")).collect::<Result<Vec<_>, _>>()?;
    let won: Vec<bool> = asked.iter().map(|rotation| taken.contains(rotation.current())).collect();
    let winners: Vec<&Rotation> =
        asked.iter().zip(&won).filter_map(|(rotation, won)| won.then_some(rotation)).collect();
    // After its session, too, what is given is in the log.
    let outcome = |grant: &Grant| if grant.is_beyond_session() { "offline" } else { "ok" };
    if winners.is_empty() {
        tx.rollback().await?;
        return Ok(won);
    }
    for Rotation { grant, listed, at, .. } in winners {
        let event = event("token.refreshed", outcome(grant), grant);
        tx.note(&Event { listed, ..event }, *at);
        told::note(&mut tx, grant, &told::more(grant, listed), *at);
    }
    tx.commit().await?;
    Ok(won)
}

impl Store {
    /// Begins a grant with the code it came from and its first refresh token. `false` when the code was spent: exactly
    /// one caller ever hears `true`, and nothing is written for the others, nor for an account that is gone.
    pub async fn begin_grant(
        &self,
        grant: &Grant,
        code: &Hashed,
        refresh: &RefreshToken,
    ) -> Result<bool, Fault> {
        let (grant, code) = (grant.clone(), code.clone());
        let (family, refresh) = (refresh.family(), refresh.hashed());
        self.beginnings.ask(Beginning { grant, code, family, refresh }).await
    }

    /// The grant of that id.
    pub async fn grant(&self, id: &GrantId) -> Result<Option<Grant>, Fault> {
        let row = sqlx::query("SELECT * FROM grants WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(self.db.reader())
            .await?;
        row.map(|row| read_grant(&row)).transpose()
    }

    /// The grant that a code was spent on.
    pub async fn grant_of_code(&self, code: &Hashed) -> Result<Option<Grant>, Fault> {
        let row = sqlx::query("SELECT * FROM grants WHERE code_hash = $1")
            .bind(code.as_bytes())
            .fetch_optional(self.db.reader())
            .await?;
        row.map(|row| read_grant(&row)).transpose()
    }

    /// Uses a refresh token, and puts a successor in its place where it has one. `false` when another took that place before, or
    /// the grant no longer lives: of those who bring a successor exactly one ever hears `true`.
    pub async fn rotate_refresh(&self, rotation: Rotation) -> Result<bool, Fault> {
        self.rotations.ask(rotation).await
    }

    /// Ends one family. `why` is the stable word that the audit log shows.
    pub async fn revoke_grant(&self, id: &GrantId, why: &'static str, now: Timestamp) -> Result<(), Fault> {
        let mut tx = self.db.begin().await?;
        revoke(&mut tx, (ONE, id.as_str()), why, now).await?;
        tx.commit().await
    }
}

/// Ends every family of a session, inside the transaction that ends it, and writes down whom to tell.
pub(super) async fn revoke_of_session(tx: &mut Tx, sid: &SessionId, now: Timestamp) -> Result<(), Fault> {
    notices::of_session(tx, sid, now).await?;
    revoke(tx, (OF_SESSION, sid.as_str()), "session.ended", now).await
}

/// Ends every family of an account, inside the transaction that ends its sessions; `why` is the word that the audit log shows.
pub(super) async fn revoke_of_account(
    tx: &mut Tx,
    account: &AccountId,
    why: &'static str,
    now: Timestamp,
) -> Result<(), Fault> {
    revoke(tx, (OF_ACCOUNT, account.as_str()), why, now).await
}

/// Ends what an account gave to one client, inside the transaction that takes it back. Tells how much that was.
pub(super) async fn revoke_of_client(
    tx: &mut Tx,
    account: &AccountId,
    client: &str,
    now: Timestamp,
) -> Result<usize, Fault> {
    revoke_some(tx, (OF_CLIENT, account, client), "consent.withdrawn", now).await
}

/// Ends one grant of an account, where it is one of theirs. Tells how many that were.
pub(super) async fn revoke_of_owner(
    tx: &mut Tx,
    account: &AccountId,
    grant: &GrantId,
    now: Timestamp,
) -> Result<usize, Fault> {
    revoke_some(tx, (OF_OWNER, account, grant.as_str()), "device.removed", now).await
}

async fn revoke_some(
    tx: &mut Tx,
    (statement, account, which): (&'static str, &AccountId, &str),
    why: &'static str,
    now: Timestamp,
) -> Result<usize, Fault> {
    let rows = sqlx::query(statement)
        .bind(now.epoch())
        .bind(account.as_str())
        .bind(which.to_owned())
        .fetch_all(&mut **tx)
        .await?;
    for row in &rows {
        tx.note(&event("grant.revoked", why, &read_grant(row)?), now);
    }
    Ok(rows.len())
}

/// Ends the oldest of what outlives its session beside `grant`, where there would be too many of that, inside the transaction that
/// begins it. What is ended is forgotten early: with its session, and not before its code, which it marks as spent, is long gone.
async fn bound_offline(tx: &mut Tx, grant: &Grant) -> Result<(), Fault> {
    let rows = sqlx::query(OFFLINE_BUT_THE_NEWEST)
        .bind(grant.created.epoch())
        .bind(grant.account.as_str())
        .bind(&grant.client_id)
        .bind(grant.id.as_str())
        .bind(OFFLINE.saturating_sub(1))
        .bind(grant.created.plus(3600).epoch())
        .fetch_all(&mut **tx)
        .await?;
    for row in rows {
        let ended = read_grant(&row)?;
        tx.note(&event("grant.revoked", "offline.too_many", &ended), grant.created);
    }
    Ok(())
}

/// Ends all that a client was given, inside the transaction that removes it.
pub(super) async fn revoke_of_removed(tx: &mut Tx, client: &str, now: Timestamp) -> Result<(), Fault> {
    revoke(tx, (OF_REMOVED, client), "client.removed", now).await
}

async fn revoke(
    tx: &mut Tx,
    (statement, key): (&'static str, &str),
    why: &'static str,
    now: Timestamp,
) -> Result<(), Fault> {
    let rows = sqlx::query(statement).bind(now.epoch()).bind(key.to_owned()).fetch_all(&mut **tx).await?;
    for row in rows {
        tx.note(&event("grant.revoked", why, &read_grant(&row)?), now);
    }
    Ok(())
}

/// Ends the families of $2 at $1 that had not ended.
const ONE: &str = "UPDATE grants SET revoked_at = $1 WHERE revoked_at IS NULL AND id = $2 RETURNING *";
/// Not what outlives it (OpenID Connect Back-Channel Logout, section 2.7).
const OF_SESSION: &str = "UPDATE grants SET revoked_at = $1 WHERE revoked_at IS NULL AND sid = $2 \
    AND session_ends IS NULL RETURNING *";
const OF_ACCOUNT: &str =
    "UPDATE grants SET revoked_at = $1 WHERE revoked_at IS NULL AND account_id = $2 RETURNING *";

/// Of account $2 and client $3 all that outlives its session but $4 and the $5 newest others; they are kept until their session
/// ends, of which their client is told, and until $6.
const OFFLINE_BUT_THE_NEWEST: &str = "UPDATE grants SET revoked_at = $1, \
    ends = CASE WHEN session_ends > $6 THEN session_ends ELSE $6 END WHERE id IN (SELECT id FROM grants \
    WHERE account_id = $2 AND client_id = $3 AND id <> $4 AND session_ends IS NOT NULL AND revoked_at IS NULL AND ends > $1 \
    ORDER BY created DESC, id LIMIT 1000 OFFSET $5) RETURNING *";
const OF_REMOVED: &str =
    "UPDATE grants SET revoked_at = $1 WHERE revoked_at IS NULL AND client_id = $2 RETURNING *";
const OF_CLIENT: &str = "UPDATE grants SET revoked_at = $1 WHERE revoked_at IS NULL AND account_id = $2 \
    AND client_id = $3 RETURNING *";
const OF_OWNER: &str = "UPDATE grants SET revoked_at = $1 WHERE revoked_at IS NULL AND account_id = $2 \
    AND id = $3 AND ends > $1 RETURNING *";

fn event<'a>(event: &'a str, outcome: &'a str, grant: &'a Grant) -> Event<'a> {
    Event {
        event,
        outcome,
        actor: Some(grant.person.as_str()),
        represented: grant.represented().map(PersonId::as_str),
        client: Some(&grant.client_id),
        detail: Some(grant.id.as_str()),
        ..Event::default()
    }
}

#[cfg(test)]
pub(crate) mod tests;
