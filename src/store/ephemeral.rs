//! What may be lost without harm: logins, sessions, authorization codes, counters. Five atomic verbs; every body sealed.

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Any, AssertSqlSafe, Executor, Row, any::AnyRow};

use super::{
    Db, Store, Vault,
    batch::{Batches, placed, values},
};
use crate::domain::{fault::Fault, time::Timestamp};

/// What kind of thing is kept. Its word is part of the key and of the seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A login under way.
    Login,
    /// A session of a browser.
    Session,
    /// An authorization code, under the hash of its text.
    Code,
    /// An authorization request that its client pushed, under the hash of its handle.
    Pushed,
    /// A browser that is away to DigiD to sign out there too, under the hash of its RelayState.
    Leaving,
    /// Another address of an account that waits for its code, under the name of its session.
    Address,
    /// What was proven of another account before the login of a session, under the name of that session.
    Merge,
}

impl Kind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Session => "session",
            Self::Code => "code",
            Self::Pushed => "pushed",
            Self::Leaving => "leaving",
            Self::Address => "address",
            Self::Merge => "merge",
        }
    }
}

/// A value and the version under which it was read: the one that [`Ephemeral::swap`] must find again.
#[derive(Debug, Clone)]
pub struct Versioned<T> {
    /// What was kept.
    pub value: T,
    /// Its version.
    pub version: i64,
}

/// A new value that is ready to be kept, sealed.
pub struct New {
    kind: Kind,
    name: String,
    body: Vec<u8>,
    ends: Timestamp,
    stays: bool,
    owner: Option<String>,
}

impl New {
    /// Whether it stays to its end, however many like it there are; otherwise the oldest of too many give way.
    #[must_use]
    pub(super) fn staying(self, stays: bool) -> Self {
        Self { stays, ..self }
    }

    /// Whose it is, so that it is found by that too.
    #[must_use]
    pub(super) fn owned(self, owner: &str) -> Self {
        Self { owner: Some(owner.to_owned()), ..self }
    }
}

/// Where ephemeral values live: in tables of the durable database, so that a restart loses nothing.
#[derive(Clone)]
pub(super) struct Ephemeral {
    db: Db,
    vault: Arc<Vault>,
    reads: Arc<Reads>,
}

/// Reads the rows of values, by their kind and name, unless they have ended at that moment.
type Reads = Batches<(Kind, String, Timestamp), Option<AnyRow>>;

async fn read(db: Db, asked: Vec<(Kind, String, Timestamp)>) -> Result<Vec<Option<AnyRow>>, Fault> {
    let values = values(asked.len(), 4);
    let statement = format!(
        "SELECT v.column1 AS place, e.version AS version, e.body AS body FROM (VALUES {values}) AS v \
         JOIN ephemeral e ON e.kind = v.column2 AND e.name = v.column3 WHERE e.ends > v.column4"
    );
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for (place, (kind, name, now)) in (0_i64..).zip(&asked) {
        query = query.bind(place).bind(kind.word()).bind(name.as_str()).bind(now.epoch());
    }
    placed(query.fetch_all(db.reader()).await?, asked.len())
}

impl Ephemeral {
    pub(super) fn new(db: Db, vault: Arc<Vault>) -> Self {
        let reader = db.clone();
        let reads = Arc::new(Batches::new(move |asked| read(reader.clone(), asked)));
        Self { db, vault, reads }
    }

    /// Seals a value that is to be kept until `ends`.
    pub(super) fn seal<T: Serialize>(
        &self,
        kind: Kind,
        name: String,
        value: &T,
        ends: Timestamp,
    ) -> Result<New, Fault> {
        let body = self.vault.seal_json(kind.word(), &name, value)?;
        Ok(New { kind, name, body, ends, stays: false, owner: None })
    }

    /// The value, if it has not ended.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        kind: Kind,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Versioned<T>>, Fault> {
        let row = self.reads.ask((kind, name.to_owned(), now)).await?;
        Ok(row.map(|row| self.open_row(&row, kind, name)).transpose()?.flatten())
    }

    /// The value in a row's `version` and `body`, which are NULL where a join found none.
    pub(super) fn open_row<T: DeserializeOwned>(
        &self,
        row: &AnyRow,
        kind: Kind,
        name: &str,
    ) -> Result<Option<Versioned<T>>, Fault> {
        let Some(version) = row.try_get("version")? else { return Ok(None) };
        let body: Vec<u8> = row.try_get("body")?;
        Ok(Some(Versioned { value: self.vault.unseal_json(kind.word(), name, &body)?, version }))
    }

    /// Replaces the value that was read as `version`. `false` when someone else was first, or it is gone.
    pub(super) async fn swap<T: Serialize>(
        &self,
        kind: Kind,
        name: &str,
        new: &Versioned<T>,
        ends: Timestamp,
    ) -> Result<bool, Fault> {
        let newer = self.seal(kind, name.to_owned(), &new.value, ends)?;
        swap(self.db.writer(), &newer, new.version).await
    }

    /// Removes the value and gives it to exactly one caller, if it has not ended.
    pub(super) async fn take<T: DeserializeOwned>(
        &self,
        kind: Kind,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<T>, Fault> {
        let row: Option<(i64, Vec<u8>)> =
            sqlx::query_as("DELETE FROM ephemeral WHERE kind = $1 AND name = $2 RETURNING ends, body")
                .bind(kind.word())
                .bind(name)
                .fetch_optional(self.db.writer())
                .await?;
        match row {
            Some((ends, body)) if ends > now.epoch() => {
                Ok(Some(self.vault.unseal_json(kind.word(), name, &body)?))
            }
            _ => Ok(None),
        }
    }
}

/// Keeps new values.
pub(super) type News = Batches<New, ()>;

pub(super) fn news(db: Db) -> News {
    Batches::new(move |news: Vec<New>| {
        let db = db.clone();
        async move {
            keep(db.writer(), &news).await?;
            Ok(news.iter().map(|_| ()).collect())
        }
    })
}

impl Store {
    /// Keeps one new value: a login, a session or a code.
    pub async fn keep(&self, new: New) -> Result<(), Fault> {
        self.news.ask(new).await
    }
}

/// Keeps new values, all or none.
pub(super) async fn keep<'e>(executor: impl Executor<'e, Database = Any>, news: &[New]) -> Result<(), Fault> {
    let rows = values(news.len(), 7);
    let statement =
        format!("INSERT INTO ephemeral (kind, name, body, ends, stays, owner, version) VALUES {rows}");
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for new in news {
        query = query
            .bind(new.kind.word())
            .bind(new.name.as_str())
            .bind(new.body.as_slice())
            .bind(new.ends.epoch())
            .bind(i64::from(new.stays))
            .bind(new.owner.as_deref())
            .bind(1_i64);
    }
    // Names are random, so that one is taken never happens, and is a fault.
    query.execute(executor).await?;
    Ok(())
}

/// Puts a value in the place of the one that was read as `version`. `false` when someone else was first, or it is gone.
pub(super) async fn swap<'e>(
    executor: impl Executor<'e, Database = Any>,
    newer: &New,
    version: i64,
) -> Result<bool, Fault> {
    let done = sqlx::query(
        "UPDATE ephemeral SET version = version + 1, body = $1, ends = $2, stays = $3 \
         WHERE kind = $4 AND name = $5 AND version = $6",
    )
    .bind(newer.body.as_slice())
    .bind(newer.ends.epoch())
    .bind(i64::from(newer.stays))
    .bind(newer.kind.word())
    .bind(newer.name.as_str())
    .bind(version)
    .execute(executor)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes the value that was read as `version`. `false` when someone else was first, or it has ended.
pub(super) async fn take_as<'e>(
    executor: impl Executor<'e, Database = Any>,
    (kind, name, version): (Kind, &str, i64),
    now: Timestamp,
) -> Result<bool, Fault> {
    let done =
        sqlx::query("DELETE FROM ephemeral WHERE kind = $1 AND name = $2 AND version = $3 AND ends > $4")
            .bind(kind.word())
            .bind(name)
            .bind(version)
            .bind(now.epoch())
            .execute(executor)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes a value. `false` when it was not there.
pub(super) async fn remove<'e>(
    executor: impl Executor<'e, Database = Any>,
    kind: Kind,
    name: &str,
) -> Result<bool, Fault> {
    let done = sqlx::query("DELETE FROM ephemeral WHERE kind = $1 AND name = $2")
        .bind(kind.word())
        .bind(name)
        .execute(executor)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Counts one more under `name` and gives the count; it starts anew `window` seconds after its first hit.
pub(super) async fn bump<'e>(
    executor: impl Executor<'e, Database = Any>,
    name: &str,
    window: i64,
    now: Timestamp,
) -> Result<i64, Fault> {
    let (hits,): (i64,) = sqlx::query_as(
        "INSERT INTO counters (name, hits, ends) VALUES ($1, 1, $2) ON CONFLICT (name) DO UPDATE SET \
         hits = CASE WHEN counters.ends <= $3 THEN 1 ELSE counters.hits + 1 END, \
         ends = CASE WHEN counters.ends <= $3 THEN $2 ELSE counters.ends END RETURNING hits",
    )
    .bind(name)
    .bind(now.plus(window).epoch())
    .bind(now.epoch())
    .fetch_one(executor)
    .await?;
    Ok(hits)
}
