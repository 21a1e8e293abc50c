//! Authorization requests that clients pushed (RFC 9126). They are found by the hash of their handle, and end with the answer.

use serde::{Deserialize, Serialize};
use sqlx::{Row, any::AnyRow};

use super::{
    Store,
    columns::Columns,
    ephemeral::{Kind, remove},
    logins::DROP_UNPROVEN,
};
use crate::domain::{ask::Ask, client::Client, fault::Fault, secret::Hashed, time::Timestamp};

/// A request, and until when its handle may be brought.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    /// The request.
    pub ask: Ask,
    /// Until when.
    pub until: Timestamp,
}

impl Kept {
    /// Whether `client` may have its handle brought at `now` (RFC 9126 section 4).
    pub fn is_good_for(&self, client: &Client, now: Timestamp) -> bool {
        now < self.until && self.ask.client_id == client.id
    }
}

/// The oldest are found in the order of the index of `(kind, stays, ends)`, so that nothing is sorted.
const DROP_OF_ONE: &str = "DELETE FROM ephemeral WHERE (kind, name) IN (SELECT kind, name FROM ephemeral \
     WHERE kind = $1 AND stays = $2 AND owner = $3 ORDER BY ends LIMIT $4)";

/// One client's requests of one kind, of which there are too many.
#[derive(Debug)]
pub struct TooMuch {
    owner: String,
    stays: i64,
    /// How many are too many.
    pub too_many: i64,
}

impl TooMuch {
    /// Whose they are.
    pub fn client(&self) -> &str {
        self.owner.strip_prefix(CLIENT).unwrap_or_default()
    }
}

/// What stands before the id of a client whose a row is: no account has such a name.
const CLIENT: &str = "client ";

impl Store {
    /// Keeps a request until `ends`. Where nobody has `proven` whose it is, it gives way when there are too many.
    pub async fn push(
        &self,
        proven: bool,
        handle: &Hashed,
        kept: &Kept,
        ends: Timestamp,
    ) -> Result<(), Fault> {
        let new = self.ephemeral.seal(Kind::Pushed, handle.hex(), kept, ends)?;
        self.keep(new.staying(proven).owned(&format!("{CLIENT}{}", kept.ask.client_id))).await
    }

    /// How many requests there are, with those that have ended and were not swept yet.
    pub async fn all_pushed(&self) -> Result<i64, Fault> {
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM ephemeral WHERE kind = $1");
        Ok(count.bind(Kind::Pushed.word()).fetch_one(self.db.reader()).await?)
    }

    /// The clients of which there are more than `most`. What a client that has `proven` who it is has pushed counts apart from what
    /// anybody may push in its name.
    pub async fn pushed_too_much(&self, most: i64) -> Result<Vec<TooMuch>, Fault> {
        let rows = sqlx::query(
            "SELECT owner, stays, COUNT(*) AS pushed FROM ephemeral WHERE kind = $1 AND owner IS NOT NULL \
             GROUP BY owner, stays HAVING COUNT(*) > $2",
        );
        let rows = rows.bind(Kind::Pushed.word()).bind(most).fetch_all(self.db.reader()).await?;
        let read = |row: &AnyRow| {
            let (stays, pushed): (i64, i64) = (row.try_get("stays")?, row.try_get("pushed")?);
            Ok(TooMuch { owner: row.text("owner")?, stays, too_many: pushed.saturating_sub(most) })
        };
        rows.iter().map(read).collect()
    }

    /// Lets go of the oldest requests of such a client: `most` of them at most. Tells how many.
    pub async fn drop_pushed_of(&self, of: &TooMuch, most: i64) -> Result<u64, Fault> {
        let drop =
            sqlx::query(DROP_OF_ONE).bind(Kind::Pushed.word()).bind(of.stays).bind(&of.owner).bind(most);
        Ok(drop.execute(self.db.writer()).await?.rows_affected())
    }

    /// How many requests there are that give way, with those that have ended and were not swept yet.
    pub async fn pushed_by_anybody(&self) -> Result<i64, Fault> {
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM ephemeral WHERE kind = $1 AND stays = 0");
        Ok(count.bind(Kind::Pushed.word()).fetch_one(self.db.reader()).await?)
    }

    /// Lets go of those, the oldest first: `most` of them at most. Tells how many.
    pub async fn drop_pushed_by_anybody(&self, most: i64) -> Result<u64, Fault> {
        let drop = sqlx::query(DROP_UNPROVEN).bind(Kind::Pushed.word()).bind(most);
        Ok(drop.execute(self.db.writer()).await?.rows_affected())
    }

    /// The request under that handle, while it is not answered. It says itself where it was found.
    pub async fn pushed(&self, handle: &Hashed, now: Timestamp) -> Result<Option<Kept>, Fault> {
        let name = handle.hex();
        let found = self.ephemeral.read::<Kept>(Kind::Pushed, &name, now).await?;
        Ok(found.map(|found| Kept { ask: Ask { pushed: Some(name), ..found.value.ask }, ..found.value }))
    }

    /// Ends a pushed request, for it is about to be answered. `false` when it was: exactly one caller ever hears `true`.
    pub async fn answer_pushed(&self, name: &str) -> Result<bool, Fault> {
        remove(self.db.writer(), Kind::Pushed, name).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{ask::tests::ask, client::tests::client, secret::Secret},
        store::testing::fresh,
    };

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_epoch(seconds)
    }

    #[test]
    fn a_handle_is_its_clients_and_ends_to_the_second() {
        let kept = Kept { ask: ask(), until: at(100) };
        assert!(kept.is_good_for(&client(), at(99)) && !kept.is_good_for(&client(), at(100)));
        assert!(!kept.is_good_for(&Client { id: "other".into(), ..client() }, at(99)));
    }

    #[tokio::test]
    async fn too_many_of_one_client_are_found_and_deleted_by_an_index() {
        let fresh = fresh().await;
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {DROP_OF_ONE}"));
        let explain = sqlx::query(explain).bind("pushed").bind(1_i64).bind("client portal").bind(9_i64);
        let rows = explain.fetch_all(fresh.store.db.reader()).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.try_get("detail").unwrap()).collect();
        let plan = plan.join("; ");
        for step in ["(kind=? AND name=?)", "ephemeral_stays (kind=? AND stays=?)"] {
            assert!(plan.contains(step), "{plan}");
        }
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{plan}");
    }

    #[tokio::test]
    async fn of_twenty_answers_one_is_given() {
        let fresh = fresh().await;
        let (store, handle) = (&fresh.store, Secret::token("").hashed());
        store.push(true, &handle, &Kept { ask: ask(), until: at(100) }, at(200)).await.unwrap();
        let name = store.pushed(&handle, at(1)).await.unwrap().unwrap().ask.pushed.unwrap();
        let mut answers = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (store, name) = (store.clone(), name.clone());
            answers.spawn(async move { store.answer_pushed(&name).await.unwrap() });
        }
        assert_eq!(answers.join_all().await.into_iter().filter(|given| *given).count(), 1);
        assert!(store.pushed(&handle, at(1)).await.unwrap().is_none());
    }
}
