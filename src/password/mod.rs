//! Passwords: what may be one, and how they are hashed (Argon2id, RFC 9106).
//!
//! Hashing is meant to be slow, so it has a lane of its own. A quarter of it is kept for browsers that logged in before, and
//! half of the rest for logins. Each hash borrows a block of memory that is used again, and let go when idle.

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::phc::{Output, ParamsString, Salt},
};

use crate::{
    config,
    domain::{id::random_bytes, secret::Secret},
    lane::{Lane, NotRun},
};

/// The shortest password, in characters.
pub const SHORTEST: usize = 12;
/// The longest one, in bytes: nobody types more, and hashing must stay cheap to refuse.
const LONGEST: usize = 256;
/// How long a block of memory may lie idle.
const IDLE: Duration = Duration::from_secs(30);

static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("common.txt").lines().collect());

/// Why a text may not be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Under twelve characters.
    TooShort,
    /// Over 256 bytes.
    TooLong,
    /// Among the first that anyone would try.
    Common,
}

/// Whether a text may be a password: twelve characters, not a common one, nothing else.
pub fn fitness(password: &Secret) -> Result<(), Unfit> {
    let text = password.expose();
    if text.chars().count() < SHORTEST {
        Err(Unfit::TooShort)
    } else if text.len() > LONGEST {
        Err(Unfit::TooLong)
    } else if COMMON.contains(text.to_lowercase().as_str()) {
        Err(Unfit::Common)
    } else {
        Ok(())
    }
}

/// Why nothing was hashed.
#[derive(Debug, thiserror::Error)]
pub enum NotHashed {
    /// The queue is full: try again in a while.
    #[error("too many logins at once")]
    Busy,
    /// The hasher refused what it was given.
    #[error("argon2: {0}")]
    Argon2(String),
    /// The thread was lost.
    #[error("the thread that hashed was lost")]
    Lost,
}

impl From<NotRun> for NotHashed {
    fn from(error: NotRun) -> Self {
        match error {
            NotRun::Busy => Self::Busy,
            NotRun::Lost => Self::Lost,
        }
    }
}

/// What a check found.
#[derive(Debug, PartialEq, Eq)]
pub enum Checked {
    /// Not the password, or nobody has one.
    Wrong,
    /// The password.
    Right,
    /// The password, and here is a hash at today's higher cost to keep instead.
    Outdated(String),
}

/// Where a try at a password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A browser in which that address logged in before. Guesses at many addresses cannot come from there, so they cannot
    /// take its places.
    KnownBrowser,
    /// Anywhere else.
    Anywhere,
}

/// Memory of a hash that is over, and since when it lies idle.
type IdleMemory = (Instant, Vec<Block>);

/// Hashes and checks. Clones share its lane and its memory.
#[derive(Clone)]
pub struct Hasher {
    params: Params,
    known: Lane,
    logins: Lane,
    /// Anybody can register any number of addresses. Hashing only after the mailed code would spare that work, but the
    /// password would have to wait somewhere until then.
    new_passwords: Lane,
    /// The cost of the dearest hash known of: what each wrong answer costs.
    dearest: Arc<Mutex<Params>>,
    idle: Arc<Mutex<Vec<IdleMemory>>>,
    /// The work done so far.
    #[cfg(test)]
    filled: Arc<std::sync::atomic::AtomicU64>,
}

/// What a hash costs: how many blocks of memory are filled, over all passes.
fn work(params: &Params) -> u64 {
    u64::try_from(params.block_count()).unwrap_or(u64::MAX).saturating_mul(params.t_cost().into())
}

impl Hasher {
    /// A hasher with a lane of its own. The cost was checked with the configuration.
    pub fn new(config: config::Password) -> Result<Self, NotHashed> {
        let params =
            Params::new(config.memory_kib, config.iterations, config.parallelism, None).map_err(failed)?;
        let known = Lane::new(config.queue);
        let logins = known.three_quarters();
        Ok(Self {
            dearest: Arc::new(Mutex::new(params.clone())),
            params,
            new_passwords: logins.half(),
            logins,
            known,
            idle: Arc::default(),
            #[cfg(test)]
            filled: Arc::default(),
        })
    }

    /// Hashes a new password, as a PHC string.
    pub async fn hash(&self, password: Secret) -> Result<String, NotHashed> {
        let hasher = self.clone();
        self.new_passwords.run(move || hasher.fresh(&password)).await
    }

    /// Checks a password against a stored hash. A wrong one costs the same work whatever the cost of that hash, and without
    /// any, so that time does not tell which addresses are known.
    pub async fn check(
        &self,
        password: Secret,
        stored: Option<String>,
        from: Origin,
    ) -> Result<Checked, NotHashed> {
        let hasher = self.clone();
        let check = move || {
            let (checked, done) = match stored {
                None => (Checked::Wrong, 0),
                Some(stored) => hasher.compare(&password, &stored)?,
            };
            if checked == Checked::Wrong {
                hasher.make_up(&password, done)?;
            }
            Ok(checked)
        };
        match from {
            Origin::KnownBrowser => self.known.run(check).await,
            Origin::Anywhere => self.logins.run(check).await,
        }
    }

    /// How many blocks were filled so far.
    #[cfg(test)]
    pub(crate) fn filled(&self) -> u64 {
        self.filled.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Lets go of memory that has been idle for half a minute.
    pub fn release_idle(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(since, _)| since.elapsed() < IDLE);
        idle.shrink_to_fit();
    }

    /// Does what the dearest hash would have taken beyond `done`, in memory as large: a smaller one is faster to fill.
    fn make_up(&self, password: &Secret, done: u64) -> Result<(), NotHashed> {
        let dearest = self.dearest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let missing = work(&dearest).saturating_sub(done);
        let passes = missing.div_ceil(u64::from(dearest.m_cost()));
        let Some(blocks) = missing.checked_div(passes) else { return Ok(()) };
        let (blocks, passes) =
            (u32::try_from(blocks).map_err(failed)?, u32::try_from(passes).map_err(failed)?);
        let params = Params::new(blocks.max(Params::MIN_M_COST), passes, 1, None).map_err(failed)?;
        self.derive(&params, password, &random_bytes::<16>(), &mut [0; Params::DEFAULT_OUTPUT_LEN])
    }

    /// Takes note of the cost of a stored hash, and tells how much work it is.
    fn note(&self, params: &Params) -> u64 {
        let mut dearest = self.dearest.lock().unwrap_or_else(PoisonError::into_inner);
        if work(params) > work(&dearest) {
            dearest.clone_from(params);
        }
        work(params)
    }

    fn fresh(&self, password: &Secret) -> Result<String, NotHashed> {
        let salt = random_bytes::<16>();
        let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
        self.derive(&self.params, password, &salt, &mut out)?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&self.params).map_err(failed)?,
            salt: Some(Salt::new(&salt).map_err(failed)?),
            hash: Some(Output::new(&out).map_err(failed)?),
        };
        Ok(hash.to_string())
    }

    /// Compares, and tells how much work that was.
    fn compare(&self, password: &Secret, stored: &str) -> Result<(Checked, u64), NotHashed> {
        let stored = PasswordHash::new(stored).map_err(failed)?;
        let params = Params::try_from(&stored).map_err(failed)?;
        let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
            return Err(NotHashed::Argon2("a stored hash lacks its salt".to_owned()));
        };
        let done = self.note(&params);
        let mut out = vec![0; expected.len()];
        self.derive(&params, password, salt, &mut out)?;
        if aws_lc_rs::constant_time::verify_slices_are_equal(&out, expected.as_bytes()).is_err() {
            return Ok((Checked::Wrong, done));
        }
        let cost = |p: &Params| (p.m_cost(), p.t_cost());
        let (now, then) = (cost(&self.params), cost(&params));
        let checked = if now.0 > then.0 || now.1 > then.1 {
            Checked::Outdated(self.fresh(password)?)
        } else {
            Checked::Right
        };
        Ok((checked, done))
    }

    fn derive(
        &self,
        params: &Params,
        password: &Secret,
        salt: &[u8],
        out: &mut [u8],
    ) -> Result<(), NotHashed> {
        #[cfg(test)]
        self.filled.fetch_add(work(params), std::sync::atomic::Ordering::Relaxed);
        let mut memory = self.borrow(params.block_count());
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let done = argon2.hash_password_into_with_memory(
            password.expose().as_bytes(),
            salt,
            out,
            memory.as_mut_slice(),
        );
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), memory));
        done.map_err(failed)
    }

    fn borrow(&self, count: usize) -> Vec<Block> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut memory = idle.map(|(_, memory)| memory).unwrap_or_default();
        memory.resize_with(count, Block::new);
        memory
    }
}

fn failed(error: impl std::fmt::Display) -> NotHashed {
    NotHashed::Argon2(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap(memory_kib: u32, queue: usize) -> Hasher {
        Hasher::new(config::Password { memory_kib, iterations: 1, parallelism: 1, queue }).unwrap()
    }

    #[test]
    fn twelve_characters_not_common_nothing_else() {
        let fit = |text: &str| fitness(&Secret::new(text));
        assert_eq!(fit("elf tekens!"), Err(Unfit::TooShort));
        assert_eq!(fit("éééééééééééé"), Ok(()), "characters, not bytes");
        assert_eq!(fit("Wachtwoord1234"), Err(Unfit::Common));
        assert_eq!(fit("fiets op de dijk"), Ok(()));
        assert_eq!(fit(&"x".repeat(257)), Err(Unfit::TooLong));
        assert!(COMMON.len() > 400 && COMMON.iter().all(|w| w.chars().count() >= SHORTEST));
    }

    #[tokio::test]
    async fn checks_and_strengthens() {
        let (weak, strong) = (cheap(7168, 8), cheap(8192, 8));
        let password = || Secret::new("fiets op de dijk");
        let stored = weak.hash(password()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=7168,t=1,p=1$"), "{stored}");
        assert_eq!(
            weak.check(password(), Some(stored.clone()), Origin::Anywhere).await.unwrap(),
            Checked::Right
        );
        assert_eq!(
            weak.check(Secret::new("een ander"), Some(stored.clone()), Origin::Anywhere).await.unwrap(),
            Checked::Wrong
        );
        assert_eq!(weak.check(password(), None, Origin::Anywhere).await.unwrap(), Checked::Wrong);
        let Checked::Outdated(newer) =
            strong.check(password(), Some(stored), Origin::Anywhere).await.unwrap()
        else {
            panic!("kept")
        };
        assert_eq!(
            strong.check(password(), Some(newer.clone()), Origin::Anywhere).await.unwrap(),
            Checked::Right
        );
        assert_eq!(
            weak.check(password(), Some(newer), Origin::Anywhere).await.unwrap(),
            Checked::Right,
            "never weakened"
        );
    }

    /// How many blocks are filled for a wrong password.
    async fn wrong(hasher: &Hasher, stored: Option<&str>) -> u64 {
        let before = hasher.filled();
        let checked = hasher
            .check(Secret::new("een ander"), stored.map(str::to_owned), Origin::Anywhere)
            .await
            .unwrap();
        assert_eq!(checked, Checked::Wrong);
        hasher.filled() - before
    }

    #[tokio::test]
    async fn a_wrong_password_costs_the_same_whatever_the_cost_of_the_hash() {
        let make = |memory_kib, iterations, parallelism| {
            Hasher::new(config::Password { memory_kib, iterations, parallelism, queue: 8 }).unwrap()
        };
        let costs = [(7168, 1, 1), (7169, 1, 1), (7170, 2, 1), (7168, 3, 4), (12000, 3, 1), (20000, 2, 2)];
        for (memory, passes, lanes) in costs {
            let old = make(memory, passes, lanes).hash(Secret::new("fiets op de dijk")).await.unwrap();
            for (memory, passes, lanes) in costs {
                let today = make(memory, passes, lanes);
                let known = wrong(&today, Some(&old)).await;
                let unknown = wrong(&today, None).await;
                // Argon2 takes no fewer than eight blocks, and fills whole quarters of its lanes.
                let close = known.abs_diff(unknown) <= 64;
                assert!(close, "{old}, today {memory} KiB {passes} passes: {known}, unknown: {unknown}");
                assert!(
                    unknown + 64 >= u64::from(memory) * u64::from(passes),
                    "not less than a hash of today"
                );
            }
        }
    }

    #[tokio::test]
    async fn new_passwords_leave_half_of_the_queue_to_logins() {
        let hasher = cheap(7168, 31);
        // More than half of the places, however many cores there are.
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let flood: Vec<_> = (0..80 + cores)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move { hasher.hash(Secret::new("fiets op de dijk")).await })
            })
            .collect();
        // One thread: when this goes on, the flood has asked for its places.
        for _ in 0..80 + cores {
            tokio::task::yield_now().await;
        }
        let login = hasher.check(Secret::new("fiets op de dijk"), None, Origin::Anywhere).await;
        assert_eq!(login.unwrap(), Checked::Wrong);
        let mut busy = 0;
        for new in flood {
            busy += usize::from(matches!(new.await.unwrap(), Err(NotHashed::Busy)));
        }
        assert!(busy > 0, "the flood was a flood");
    }

    #[tokio::test]
    async fn guesses_at_many_addresses_leave_a_quarter_of_the_queue_to_known_browsers() {
        let hasher = cheap(7168, 31);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let tried = |from| {
            let hasher = hasher.clone();
            tokio::spawn(async move { hasher.check(Secret::new("een gok"), None, from).await })
        };
        let flood: Vec<_> = (0..80 + cores).map(|_| tried(Origin::Anywhere)).collect();
        // One thread: when this goes on, the flood has asked for its places.
        for _ in 0..80 + cores {
            tokio::task::yield_now().await;
        }
        let owner = tried(Origin::KnownBrowser).await.unwrap();
        assert_eq!(owner.unwrap(), Checked::Wrong, "it was let in");
        let mut busy = 0;
        for guess in flood {
            busy += usize::from(matches!(guess.await.unwrap(), Err(NotHashed::Busy)));
        }
        assert!(busy > 0, "the flood was a flood");
    }
}
