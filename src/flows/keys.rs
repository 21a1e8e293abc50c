//! The keys that sign tokens are listed and turned: by command, and by a program of the operator's.
//!
//! Of each algorithm there is a current key and a next one. The next is published long before it signs; its turn comes
//! by itself a year after it was made, or earlier by [`rotate`], but never before every cached JWKS can hold it.

use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::Busy;
use crate::{
    app::App,
    domain::{
        calendar::DAY,
        client::Client,
        fault::Fault,
        key::{Algorithm, KeyFacts, Phase},
        line::Operator,
        time::Timestamp,
    },
    oidc::{
        keyring::Keyring,
        signing_key::{RsaBits, generate},
    },
    store::{Store, keys::Turning},
};

/// After how many seconds a next key takes over when nobody rotates earlier.
const TERM: i64 = 365 * DAY;
/// Seconds that a key stays published after its last signature: the longest session, in which an ID token may come back
/// as a hint.
const AFTERLIFE: i64 = DAY;
/// Seconds in which every running server has read what changed here; they look far more often.
const NOTICE: i64 = 60;

/// What a rotation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "which key, and when it begins to sign")]
pub enum Turn {
    /// This key takes over at that moment.
    Planned { kid: String, at: Timestamp },
    /// One was planned before: nothing was changed.
    Underway { kid: String, at: Timestamp },
}

/// Turns the keys of one algorithm or of all for `caller`. One at a time on each node: to make a key is much work.
pub async fn rotate_for(
    app: &App,
    caller: &Client,
    alg: Option<Algorithm>,
    now: Timestamp,
) -> Result<Result<Vec<(Algorithm, Turn)>, Busy>, Fault> {
    let Ok(_turning) = app.turning_keys.try_acquire() else { return Ok(Err(Busy)) };
    let by = Some(Operator::Program(&caller.id));
    Ok(Ok(rotate(&app.store, alg, app.config.jwks_max_age, by, now).await?))
}

/// Lets the next key of one algorithm or of all take over as soon as every client can know it, and makes a new next one. `cache` is
/// how many seconds a client may keep a key set, and `by` who does it. Empty where there was no key at all, so
/// that the first were made: nobody can have cached a key set without a key in it, so there is nothing to wait for.
pub async fn rotate(
    store: &Store,
    alg: Option<Algorithm>,
    cache: i64,
    by: Option<Operator<'_>>,
    now: Timestamp,
) -> Result<Vec<(Algorithm, Turn)>, Fault> {
    if store.key_facts().await?.is_empty() {
        make_first(store, RsaBits::default(), by, now).await?;
        return Ok(Vec::new());
    }
    retire_unusable(store, by, now).await?;
    let mut turns = Vec::new();
    for alg in Algorithm::ALL.into_iter().filter(|one| alg.is_none_or(|alg| alg == *one)) {
        turns.push((alg, turn(store, alg, cache, by, now).await?));
    }
    Ok(turns)
}

/// Makes the first keys: of each algorithm one that signs now, and a next one. Takes some seconds with RSA.
pub async fn make_first(
    store: &Store,
    bits: RsaBits,
    by: Option<Operator<'_>>,
    now: Timestamp,
) -> Result<(), Fault> {
    for alg in Algorithm::ALL {
        let turn = now.plus(TERM);
        make(store, (alg, bits), (now, Some(turn)), by, now).await?;
        make(store, (alg, bits), (turn, None), by, now).await?;
    }
    Ok(())
}

/// Ends the waiting keys that do not open, so that no plan counts on them; one that signs is followed by the plan itself.
/// Not when none opens: then the master key is another one, and new keys under it would be lost with it.
async fn retire_unusable(store: &Store, by: Option<Operator<'_>>, now: Timestamp) -> Result<(), Fault> {
    let ring = Keyring::new(store.signing_keys(now).await?, &Keyring::default());
    let Some(why) = ring.unusable().first() else { return Ok(()) };
    if ring.facts().next().is_none() {
        return Err(why.clone().into());
    }
    for key in store.key_facts().await?.iter().filter(|key| key.phase(now) == Phase::Next) {
        if ring.unusable().iter().any(|bad| bad.kid() == key.kid) {
            store.retire_key(&key.kid, by, now).await?;
        }
    }
    Ok(())
}

/// Brings the turn of the next key forward. The order of the steps is such that after any of them, the program may be
/// killed: a key signs that is published, and running this again finishes the work or changes nothing.
async fn turn(
    store: &Store,
    alg: Algorithm,
    cache: i64,
    by: Option<Operator<'_>>,
    now: Timestamp,
) -> Result<Turn, Fault> {
    let mut keys = store.key_facts().await?;
    keys.retain(|key| key.alg == alg);
    keys.sort_by_key(|key| key.sign_from);
    let mut waiting = keys.iter().filter(|key| key.phase(now) == Phase::Next);
    let next = match waiting.next() {
        Some(next) if next.sign_from <= now.plus(cache + NOTICE) => {
            return Ok(Turn::Underway { kid: next.kid.clone(), at: next.sign_from });
        }
        Some(next) => next.clone(),
        None => make(store, (alg, RsaBits::default()), (now.plus(TERM), None), by, now).await?,
    };
    let turn = next.publish_from.plus(cache).max(now).plus(NOTICE);
    let after = match waiting.next() {
        Some(after) => after.clone(),
        None => make(store, (alg, RsaBits::default()), (turn.plus(TERM), None), by, now).await?,
    };
    let olds =
        keys.iter().filter(|key| key.phase(now) == Phase::Current).map(|key| key.kid.as_str()).collect();
    let turning = Turning { kid: &next.kid, from: turn, until: after.sign_from, olds, afterlife: AFTERLIFE };
    let planned = store.turn_keys(&turning, by, now).await?;
    let (kid, at) = (next.kid, turn);
    Ok(if planned { Turn::Planned { kid, at } } else { Turn::Underway { kid, at } })
}

/// Makes and stores a key that is published from now and signs from one moment until another, if that is known.
async fn make(
    store: &Store,
    (alg, bits): (Algorithm, RsaBits),
    (sign_from, sign_until): (Timestamp, Option<Timestamp>),
    by: Option<Operator<'_>>,
    now: Timestamp,
) -> Result<KeyFacts, Fault> {
    let new = spawn_blocking(move || generate(alg, bits)).await??;
    let facts = KeyFacts {
        kid: new.kid,
        alg,
        created: now,
        publish_from: now,
        sign_from,
        sign_until,
        publish_until: sign_until.map(|end| end.plus(AFTERLIFE)),
    };
    store.add_key(&facts, &new.pkcs8, by).await?;
    Ok(facts)
}

/// The word for it.
pub fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Next => "next",
        Phase::Current => "current",
        Phase::Retired => "retired",
        Phase::Gone => "gone",
    }
}

/// What is told of a key: never its private half.
pub fn as_json(key: &KeyFacts, now: Timestamp) -> Value {
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

/// What is told of a rotation.
pub fn turn_as_json((alg, turn): &(Algorithm, Turn)) -> Value {
    let (kid, at, changed) = match turn {
        Turn::Planned { kid, at } => (kid, at, true),
        Turn::Underway { kid, at } => (kid, at, false),
    };
    json!({ "alg": alg.name(), "kid": kid, "sign_from": at.rfc3339(), "changed": changed })
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
        make(store, (ALG, RsaBits::default()), (at(0), Some(at(TERM))), None, at(0)).await.unwrap();
        make(store, (ALG, RsaBits::default()), (at(TERM), None), None, at(0)).await.unwrap();
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
            let Turn::Planned { kid, at: moment } = turn(store, ALG, CACHE, None, at(now)).await.unwrap()
            else {
                panic!("a rotation is under way at {now}")
            };
            // Asked twice, done once.
            let again = turn(store, ALG, CACHE, None, at(now + 1)).await.unwrap();
            assert_eq!(again, Turn::Underway { kid: kid.clone(), at: moment });
            let moment = moment.epoch();
            assert!(moment >= now + NOTICE, "servers must have read of it");
            assert_eq!(&signer(store, moment - 1).await.0, seen.last().unwrap());
            let (new, published) = signer(store, moment).await;
            assert!(new == kid && published >= CACHE + NOTICE, "{published}");
            // The one before verifies for a day more.
            let keys = store.key_facts().await.unwrap();
            let old = keys.iter().find(|key| Some(&key.kid) == seen.last()).unwrap();
            assert_eq!(old.phase(at(moment)), Phase::Retired);
            assert_eq!(old.publish_until, Some(at(moment + AFTERLIFE)));
            seen.push(new);
            now = moment;
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
        let Turn::Planned { at: moment, .. } = turn(store, ALG, CACHE, None, at(3 * TERM)).await.unwrap()
        else {
            panic!("nothing was under way")
        };
        assert_eq!(moment, at(3 * TERM + CACHE + NOTICE));
    }
}
