//! More logins than people finish: anybody can begin one, and each is kept for half an hour; and more requests pushed by anybody
//! (RFC 9126). `docs/adr/0017`.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::{domain::fault::Fault, store::Store};

/// How many logins there may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many in which nothing was proven, before the oldest of them give way.
    pub unproven: i64,
    /// How many of all kinds, before no more begin.
    pub all: i64,
    /// How many requests that clients without a secret pushed, before the oldest of them give way.
    pub pushed: i64,
    /// How many requests that one client pushed, before its oldest give way.
    pub pushed_by_one: i64,
    /// How many give way in one statement, so that it never holds the writer long.
    pub batch: i64,
    /// How many such statements there are at one go.
    pub batches: usize,
}

impl Default for Limits {
    /// About 150 and 300 megabytes. At one go, each ten seconds, more give way than one writer can begin in that time.
    fn default() -> Self {
        Self {
            unproven: 200_000,
            all: 400_000,
            pushed: 50_000,
            pushed_by_one: 20_000,
            batch: 250,
            batches: 40,
        }
    }
}

/// Keeps the number of logins under way within its limits.
#[derive(Debug)]
pub struct Crowd {
    limits: Limits,
    /// How many there are, as last counted, with those that asked to begin here since.
    under_way: AtomicI64,
}

impl Crowd {
    /// One that has counted nobody yet.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, under_way: AtomicI64::new(0) }
    }

    /// Whether one more login may begin. Counts it.
    pub fn lets_in(&self) -> bool {
        self.under_way.fetch_add(1, Ordering::Relaxed) < self.limits.all
    }

    /// Counts the logins anew, and lets the oldest in which nothing was proven give way where there are too many.
    pub async fn thin(&self, store: &Store) -> Result<(), Fault> {
        self.thin_pushed_by_one(store).await?;
        self.thin_pushed(store).await?;
        let (unproven, mut under_way) = store.logins_under_way().await?;
        self.under_way.store(under_way, Ordering::Relaxed);
        let mut too_many = unproven - self.limits.unproven;
        if too_many <= 0 {
            return Ok(());
        }
        for _ in 0..self.limits.batches {
            let most = too_many.min(self.limits.batch);
            let gone = if most > 0 { store.drop_unproven_logins(most).await? } else { 0 };
            if gone == 0 {
                break;
            }
            let gone = i64::try_from(gone)?;
            (too_many, under_way) = (too_many - gone, under_way - gone);
            self.under_way.fetch_sub(gone, Ordering::Relaxed);
        }
        tracing::warn!(
            under_way,
            too_many,
            "more logins are begun than people finish: the oldest in which nothing was proven gave way"
        );
        Ok(())
    }

    /// Lets the oldest requests of each client that has pushed too many give way, so that it takes the place of no other.
    async fn thin_pushed_by_one(&self, store: &Store) -> Result<(), Fault> {
        let most = self.limits.pushed_by_one;
        // Whose they are is asked only where somebody could have too many.
        if store.all_pushed().await? <= most {
            return Ok(());
        }
        for one in store.pushed_too_much(most).await? {
            let mut too_many = one.too_many;
            for _ in 0..self.limits.batches {
                let gone = match too_many.min(self.limits.batch) {
                    batch if batch > 0 => store.drop_pushed_of(&one, batch).await?,
                    _ => 0,
                };
                if gone == 0 {
                    break;
                }
                too_many -= i64::try_from(gone)?;
            }
            tracing::warn!(
                client = one.client(),
                too_many,
                "a client pushes more requests than browsers bring: its own oldest gave way"
            );
        }
        Ok(())
    }

    /// Lets the oldest requests that anybody may have pushed give way where there are too many.
    async fn thin_pushed(&self, store: &Store) -> Result<(), Fault> {
        let mut too_many = store.pushed_by_anybody().await? - self.limits.pushed;
        for _ in 0..self.limits.batches {
            if too_many <= 0 {
                return Ok(());
            }
            let gone = store.drop_pushed_by_anybody(too_many.min(self.limits.batch)).await?;
            if gone == 0 {
                break;
            }
            too_many -= i64::try_from(gone)?;
        }
        tracing::warn!(too_many, "more requests are pushed than browsers bring: the oldest gave way");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
