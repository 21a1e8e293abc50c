//! `namens keys`: the keys that sign tokens.
//!
//! Of each algorithm there is a current key and a next one. The next is published long before it signs; its turn comes
//! by itself a year after it was made, or earlier by `rotate`, but never before every cached JWKS can hold it.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::word;
use crate::{
    config::Config,
    domain::{
        calendar::DAY,
        fault::Fault,
        key::{Algorithm, KeyFacts, Phase},
        time::Timestamp,
    },
    oidc::{
        keyring::Keyring,
        signing_key::{RsaBits, generate},
    },
    store::Store,
};

/// After how many seconds a next key takes over when nobody rotates earlier.
const TERM: i64 = 365 * DAY;
/// Seconds that a key stays published after its last signature: the longest session, in which an ID token may come back
/// as a hint.
const AFTERLIFE: i64 = DAY;
/// Seconds in which every running server has read what changed here; they look far more often.
const NOTICE: i64 = 60;

/// The keys that sign tokens
#[derive(Debug, Args)]
pub struct KeysCommand {
    #[command(subcommand)]
    act: Act,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List every key with its phase and dates
    List,
    /// Let the next key take over as soon as every client can know it, and make a new next one
    Rotate {
        /// RS256, PS256, ES256 or `EdDSA`; all of them when left out
        #[arg(long, value_parser = word::<Algorithm>)]
        alg: Option<Algorithm>,
    },
}

impl KeysCommand {
    /// Runs the command and writes its answer to `out`.
    pub async fn run(
        self,
        config: &Config,
        store: &Store,
        out: &mut impl Write,
        now: Timestamp,
    ) -> Result<(), Fault> {
        match self.act {
            Act::Rotate { .. } if store.key_facts().await?.is_empty() => {
                // Nobody can have cached a key set without a key in it, so there is nothing to wait for.
                make_first(store, RsaBits::default(), now).await?;
            }
            Act::Rotate { alg } => {
                retire_unusable(store, now).await?;
                let mut told = Vec::new();
                for alg in Algorithm::ALL.into_iter().filter(|a| alg.is_none_or(|one| one == *a)) {
                    told.push((alg, rotate(store, alg, config.jwks_max_age, now).await?));
                }
                return if self.json { turns_as_json(out, &told) } else { turns_as_text(out, &told) };
            }
            Act::List => {}
        }
        let keys = store.key_facts().await?;
        if self.json {
            writeln!(out, "{:#}", keys.iter().map(|key| as_json(key, now)).collect::<Value>())?;
        } else {
            as_table(out, &keys, now)?;
        }
        Ok(())
    }
}

/// What a rotation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Turn {
    /// This key takes over at that moment.
    Planned { kid: String, at: Timestamp },
    /// One was planned before: nothing was changed.
    Underway { kid: String, at: Timestamp },
}

/// Makes the first keys: of each algorithm one that signs now, and a next one. Takes some seconds with RSA.
pub async fn make_first(store: &Store, bits: RsaBits, now: Timestamp) -> Result<(), Fault> {
    for alg in Algorithm::ALL {
        let turn = now.plus(TERM);
        let current = make(store, (alg, bits), now, now).await?;
        make(store, (alg, bits), now, turn).await?;
        store.retire_key(&current.kid, turn, turn.plus(AFTERLIFE)).await?;
    }
    Ok(())
}

/// Ends the waiting keys that do not open, so that no plan counts on them; one that signs is followed by the plan itself.
/// Not when none opens: then the master key is another one, and new keys under it would be lost with it.
async fn retire_unusable(store: &Store, now: Timestamp) -> Result<(), Fault> {
    let ring = Keyring::new(store.signing_keys(now).await?, &Keyring::default());
    let Some(why) = ring.unusable().first() else { return Ok(()) };
    if ring.facts().next().is_none() {
        return Err(why.clone().into());
    }
    for key in store.key_facts().await?.iter().filter(|key| key.phase(now) == Phase::Next) {
        if ring.unusable().iter().any(|bad| bad.kid() == key.kid) {
            store.retire_key(&key.kid, now, now).await?;
        }
    }
    Ok(())
}

/// Brings the turn of the next key forward. The order of the steps is such that after any of them, the program may be
/// killed: a key signs that is published, and running this again finishes the work or changes nothing.
async fn rotate(store: &Store, alg: Algorithm, cache: i64, now: Timestamp) -> Result<Turn, Fault> {
    let mut keys = store.key_facts().await?;
    keys.retain(|key| key.alg == alg);
    keys.sort_by_key(|key| key.sign_from);
    let mut waiting = keys.iter().filter(|key| key.phase(now) == Phase::Next);
    let next = match waiting.next() {
        Some(next) if next.sign_from <= now.plus(cache + NOTICE) => {
            return Ok(Turn::Underway { kid: next.kid.clone(), at: next.sign_from });
        }
        Some(next) => next.clone(),
        None => make(store, (alg, RsaBits::default()), now, now.plus(TERM)).await?,
    };
    let turn = next.publish_from.plus(cache).max(now).plus(NOTICE);
    let after = match waiting.next() {
        Some(after) => after.clone(),
        None => make(store, (alg, RsaBits::default()), now, turn.plus(TERM)).await?,
    };
    store.bring_key_forward(&next.kid, turn).await?;
    store.retire_key(&next.kid, after.sign_from, after.sign_from.plus(AFTERLIFE)).await?;
    for old in keys.iter().filter(|key| key.phase(now) == Phase::Current) {
        store.retire_key(&old.kid, turn, turn.plus(AFTERLIFE)).await?;
    }
    Ok(Turn::Planned { kid: next.kid, at: turn })
}

/// Makes and stores a key that is published from now and signs from `sign_from`.
async fn make(
    store: &Store,
    (alg, bits): (Algorithm, RsaBits),
    now: Timestamp,
    sign_from: Timestamp,
) -> Result<KeyFacts, Fault> {
    let new = generate(alg, bits)?;
    let facts = KeyFacts {
        kid: new.kid,
        alg,
        created: now,
        publish_from: now,
        sign_from,
        sign_until: None,
        publish_until: None,
    };
    store.add_key(&facts, &new.pkcs8).await?;
    Ok(facts)
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Next => "next",
        Phase::Current => "current",
        Phase::Retired => "retired",
        Phase::Gone => "gone",
    }
}

fn as_json(key: &KeyFacts, now: Timestamp) -> Value {
    json!({
        "kid": key.kid,
        "alg": key.alg.name(),
        "phase": phase_name(key.phase(now)),
        "created": key.created.rfc3339(),
        "publish_from": key.publish_from.rfc3339(),
        "sign_from": key.sign_from.rfc3339(),
        "sign_until": key.sign_until.map(Timestamp::rfc3339),
        "publish_until": key.publish_until.map(Timestamp::rfc3339),
    })
}

fn as_table(out: &mut impl Write, keys: &[KeyFacts], now: Timestamp) -> std::io::Result<()> {
    let end = |end: Option<Timestamp>| end.map_or("open".to_owned(), Timestamp::rfc3339);
    let (signs, until) = ("SIGNS FROM", "SIGNS UNTIL");
    writeln!(out, "{:43}  {:5}  {:7}  {signs:20}  {until:20}  PUBLISHED UNTIL", "KEY", "ALG", "PHASE")?;
    for key in keys {
        let (alg, phase) = (key.alg.name(), phase_name(key.phase(now)));
        let (from, until, gone) = (key.sign_from.rfc3339(), end(key.sign_until), end(key.publish_until));
        writeln!(out, "{:43}  {alg:5}  {phase:7}  {from:20}  {until:20}  {gone}", key.kid)?;
    }
    Ok(())
}

fn turns_as_json(out: &mut impl Write, turns: &[(Algorithm, Turn)]) -> Result<(), Fault> {
    let one = |(alg, turn): &(Algorithm, Turn)| {
        let (kid, at, changed) = match turn {
            Turn::Planned { kid, at } => (kid, at, true),
            Turn::Underway { kid, at } => (kid, at, false),
        };
        json!({ "alg": alg.name(), "kid": kid, "sign_from": at.rfc3339(), "changed": changed })
    };
    writeln!(out, "{:#}", turns.iter().map(one).collect::<Value>())?;
    Ok(())
}

fn turns_as_text(out: &mut impl Write, turns: &[(Algorithm, Turn)]) -> Result<(), Fault> {
    for (alg, turn) in turns {
        let alg = alg.name();
        match turn {
            Turn::Planned { kid, at } => writeln!(out, "{alg}: {kid} signs from {}.", at.rfc3339())?,
            Turn::Underway { kid, at } => {
                let at = at.rfc3339();
                writeln!(out, "{alg}: {kid} signs from {at}, as was planned before; nothing was changed.")?;
            }
        }
    }
    writeln!(out, "Running servers follow by themselves. Tokens that the old keys signed stay valid.")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::fresh;

    const CACHE: i64 = 3600;
    const ALG: Algorithm = Algorithm::Es256;

    fn at(now: i64) -> Timestamp {
        Timestamp::from_epoch(now)
    }

    /// Who signs at `now`, and since when it has been published.
    async fn signer(store: &Store, now: i64) -> (String, i64) {
        let keys = store.key_facts().await.unwrap();
        let key = KeyFacts::signer(&keys, ALG, at(now)).expect("someone signs");
        (key.kid.clone(), now - key.publish_from.epoch())
    }

    async fn first(store: &Store) {
        let current = make(store, (ALG, RsaBits::default()), at(0), at(0)).await.unwrap();
        make(store, (ALG, RsaBits::default()), at(0), at(TERM)).await.unwrap();
        store.retire_key(&current.kid, at(TERM), at(TERM + AFTERLIFE)).await.unwrap();
    }

    #[tokio::test]
    async fn whoever_signs_was_published_for_a_cache_life_through_ten_rotations() {
        let fresh = fresh().await;
        let store = &fresh.store;
        first(store).await;
        let mut now = 0;
        let mut seen = vec![signer(store, 0).await.0];
        for _ in 0..10 {
            now += 10;
            let Turn::Planned { kid, at: turn } = rotate(store, ALG, CACHE, at(now)).await.unwrap() else {
                panic!("a rotation is under way at {now}")
            };
            // Asked twice, done once.
            let again = rotate(store, ALG, CACHE, at(now + 1)).await.unwrap();
            assert_eq!(again, Turn::Underway { kid: kid.clone(), at: turn });
            let turn = turn.epoch();
            assert!(turn >= now + NOTICE, "servers must have read of it");
            assert_eq!(&signer(store, turn - 1).await.0, seen.last().unwrap());
            let (new, published) = signer(store, turn).await;
            assert!(new == kid && published >= CACHE + NOTICE, "{published}");
            // The one before verifies for a day more.
            let keys = store.key_facts().await.unwrap();
            let old = keys.iter().find(|key| Some(&key.kid) == seen.last()).unwrap();
            assert_eq!(old.phase(at(turn)), Phase::Retired);
            assert_eq!(old.publish_until, Some(at(turn + AFTERLIFE)));
            seen.push(new);
            now = turn;
        }
        let keys = store.key_facts().await.unwrap();
        assert_eq!(keys.iter().filter(|key| key.phase(at(now)) == Phase::Next).count(), 1);
    }

    #[tokio::test]
    async fn without_any_rotation_the_next_key_takes_over_after_a_year() {
        let fresh = fresh().await;
        let store = &fresh.store;
        first(store).await;
        assert_ne!(signer(store, TERM - 1).await.0, signer(store, TERM).await.0);
        // Nobody made a next one: the current one goes on, and rotating publishes a new one first.
        assert_eq!(signer(store, 3 * TERM).await.0, signer(store, TERM).await.0);
        let Turn::Planned { at: turn, .. } = rotate(store, ALG, CACHE, at(3 * TERM)).await.unwrap() else {
            panic!("nothing was under way")
        };
        assert_eq!(turn, at(3 * TERM + CACHE + NOTICE));
    }
}
