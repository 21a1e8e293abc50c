//! Authorization requests that clients pushed (RFC 9126). They are found by the hash of their handle, and end with the answer.

use serde::{Deserialize, Serialize};

use super::{
    Store,
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
        self.keep(new.staying(proven)).await
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
