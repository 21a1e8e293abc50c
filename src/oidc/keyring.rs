//! Signing keys at work: an immutable snapshot of the stored keys. Which one signs and which are published follows from
//! their facts and `now`, so a snapshot stays right while time passes.

use std::{collections::BTreeSet, sync::Arc};

use serde::Serialize;

use super::signing_key::SigningKey;
use crate::{
    domain::{
        jwk::PublicKey,
        key::{Algorithm, KeyFacts, Phase},
        time::Timestamp,
    },
    store::{keys::StoredKey, vault::DoesNotOpen},
};

/// Why a stored key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// The bytes are no private key for its algorithm.
    #[error(
        "signing key {0} is no usable private key for its algorithm; restore the database and its master key from one backup"
    )]
    Unusable(String),
    /// The bytes are another key than the facts tell.
    #[error("signing key {0} does not match its thumbprint: the row was altered")]
    OtherKey(String),
    /// Its private half does not open.
    #[error("signing key {0} does not open: {1}")]
    Closed(String, DoesNotOpen),
}

impl BadKey {
    /// Which.
    pub fn kid(&self) -> &str {
        match self {
            Self::Unusable(kid) | Self::OtherKey(kid) | Self::Closed(kid, _) => kid,
        }
    }
}

/// Nothing can sign with an algorithm that is in use, because its keys are of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no key signs with {alg}: {why}. Restore the database and its master key from one backup; or, if the master key is the \
     right one, run `namens keys rotate --by STAFF --alg {alg}`, which says when a new key signs"
)]
pub struct NoSigner {
    alg: &'static str,
    why: BadKey,
}

/// Every key that is published or may sign.
#[derive(Debug, Default)]
pub struct Keyring {
    keys: Vec<(KeyFacts, Arc<SigningKey>)>,
    unusable: Vec<BadKey>,
}

impl Keyring {
    /// Reads stored keys. One that is of no use is left out; if an `older` ring still has it, it serves on from there, so
    /// that damage done to a row stops no server that runs.
    pub fn new(stored: impl IntoIterator<Item = StoredKey>, older: &Self) -> Self {
        let mut ring = Self::default();
        for (facts, pkcs8) in stored {
            let opened = pkcs8.map_err(|why| BadKey::Closed(facts.kid.clone(), why));
            let key = match opened.and_then(|pkcs8| SigningKey::new(&facts, &pkcs8)) {
                Ok(key) => Some(Arc::new(key)),
                Err(bad) => {
                    ring.unusable.push(bad);
                    let kept = |key: &&Arc<SigningKey>| key.kid() == facts.kid && key.alg() == facts.alg;
                    older.keys.iter().map(|(_, key)| key).find(kept).cloned()
                }
            };
            ring.keys.extend(key.map(|key| (facts, key)));
        }
        ring
    }

    /// The stored keys that are of no use, and why.
    pub fn unusable(&self) -> &[BadKey] {
        &self.unusable
    }

    /// The facts of every key that is of use.
    pub fn facts(&self) -> impl Iterator<Item = &KeyFacts> {
        self.keys.iter().map(|(facts, _)| facts)
    }

    /// Refuses a ring in which keys of no use leave an algorithm of `used` without one that signs at `now`.
    pub fn check(&self, used: &BTreeSet<Algorithm>, now: Timestamp) -> Result<(), NoSigner> {
        let Some(why) = self.unusable.first() else { return Ok(()) };
        match used.iter().find(|alg| self.signer(**alg, now).is_none()) {
            Some(alg) => Err(NoSigner { alg: alg.name(), why: why.clone() }),
            None => Ok(()),
        }
    }

    /// The key that signs with `alg` at `now`; `None` when there is none, which `namens doctor` tells.
    pub fn signer(&self, alg: Algorithm, now: Timestamp) -> Option<&SigningKey> {
        let kid = &KeyFacts::signer(self.facts(), alg, now)?.kid;
        self.keys.iter().find(|(facts, _)| facts.kid == *kid).map(|(_, key)| &**key)
    }

    /// The published key of that name at `now`.
    pub fn published(&self, kid: &str, now: Timestamp) -> Option<&SigningKey> {
        self.at(now).find(|key| key.kid() == kid)
    }

    /// The algorithms that somebody signs with at `now`.
    pub fn algorithms(&self, now: Timestamp) -> Vec<Algorithm> {
        Algorithm::ALL.into_iter().filter(|alg| self.signer(*alg, now).is_some()).collect()
    }

    /// The key set at `now` (RFC 7517 section 5): the next keys, the current and the retired ones.
    pub fn jwks(&self, now: Timestamp) -> Jwks<'_> {
        Jwks { keys: self.at(now).map(Jwk::of).collect() }
    }

    /// The published keys at `now`.
    fn at(&self, now: Timestamp) -> impl Iterator<Item = &SigningKey> {
        self.keys.iter().filter(move |(facts, _)| facts.phase(now) != Phase::Gone).map(|(_, key)| &**key)
    }
}

/// A key set as it is served.
#[derive(Serialize)]
pub struct Jwks<'a> {
    keys: Vec<Jwk<'a>>,
}

/// A public key as it is served (RFC 7517 section 4). openidconnect's own type leaves out `alg`.
#[derive(Serialize)]
struct Jwk<'a> {
    kid: &'a str,
    #[serde(rename = "use")]
    usage: &'static str,
    alg: &'static str,
    #[serde(flatten)]
    public: &'a PublicKey,
}

impl<'a> Jwk<'a> {
    fn of(key: &'a SigningKey) -> Self {
        Self { kid: key.kid(), usage: "sig", alg: key.alg().name(), public: key.public() }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use openidconnect::{PrivateSigningKey, core::CoreJwsSigningAlgorithm};

    use super::{
        super::signing_key::{RsaBits, generate},
        *,
    };

    /// A key of `alg` that is published from 0, signs from 100 until 200, and stays published until 300.
    pub(crate) fn stored(alg: Algorithm) -> StoredKey {
        let new = generate(alg, RsaBits::B2048).unwrap();
        let at = Timestamp::from_epoch;
        let facts = KeyFacts {
            kid: new.kid,
            alg,
            created: at(0),
            publish_from: at(0),
            sign_from: at(100),
            sign_until: Some(at(200)),
            publish_until: Some(at(300)),
        };
        (facts, Ok(new.pkcs8))
    }

    pub(crate) fn ring_of(stored: impl IntoIterator<Item = StoredKey>) -> Keyring {
        let ring = Keyring::new(stored, &Keyring::default());
        assert_eq!(ring.unusable(), []);
        ring
    }

    fn kids(ring: &Keyring, now: i64) -> Vec<String> {
        let set = serde_json::to_value(ring.jwks(Timestamp::from_epoch(now))).unwrap();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn each_algorithm_signs_what_it_alone_verifies() {
        let ring = ring_of(Algorithm::ALL.map(stored));
        let now = Timestamp::from_epoch(150);
        assert_eq!(ring.algorithms(now), Algorithm::ALL);
        for alg in Algorithm::ALL {
            let key = ring.signer(alg, now).unwrap();
            let signature = key.sign_bytes(b"message").unwrap();
            assert!(key.has_signed(b"message", &signature) && !key.has_signed(b"massage", &signature));
            let others = ring.at(now).filter(|other| other.kid() != key.kid());
            assert!(others.into_iter().all(|other| !other.has_signed(b"message", &signature)));
            let foreign = CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512;
            assert!(PrivateSigningKey::sign(key, &foreign, b"message").is_err());
        }
    }

    #[test]
    fn the_set_holds_next_current_and_retired_keys_and_only_a_current_one_signs() {
        let (first, second) = (stored(Algorithm::Es256), stored(Algorithm::Es256));
        let mut second = second;
        second.0.sign_from = Timestamp::from_epoch(200);
        second.0.sign_until = None;
        second.0.publish_until = None;
        let (one, two) = (first.0.kid.clone(), second.0.kid.clone());
        let ring = ring_of([first, second]);
        let signer =
            |now| ring.signer(Algorithm::Es256, Timestamp::from_epoch(now)).map(|key| key.kid().to_owned());
        assert_eq!((kids(&ring, 0), signer(0)), (vec![one.clone(), two.clone()], None));
        assert_eq!((kids(&ring, 199), signer(199)), (vec![one.clone(), two.clone()], Some(one.clone())));
        assert_eq!((kids(&ring, 200), signer(200)), (vec![one, two.clone()], Some(two.clone())));
        assert_eq!((kids(&ring, 300), signer(300)), (vec![two.clone()], Some(two)));
    }

    #[test]
    fn the_set_tells_what_each_key_is_for_and_nothing_private() {
        let ring = ring_of(Algorithm::ALL.map(stored));
        let set = serde_json::to_value(ring.jwks(Timestamp::from_epoch(0))).unwrap();
        let members = |at: usize| set["keys"][at].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(members(0), ["alg", "e", "kid", "kty", "n", "use"]);
        assert_eq!(members(2), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!(set["keys"][1]["alg"], "PS256");
    }

    #[test]
    fn a_row_of_no_use_is_left_out_and_told() {
        let (mut facts, pkcs8) = stored(Algorithm::Es256);
        let pkcs8 = pkcs8.unwrap();
        let other = generate(Algorithm::Es256, RsaBits::default()).unwrap().pkcs8;
        let alone = |facts: &KeyFacts, pkcs8| Keyring::new([(facts.clone(), pkcs8)], &Keyring::default());
        let kid = facts.kid.clone();
        let left_out = alone(&facts, Ok(other));
        assert_eq!(
            (left_out.unusable(), left_out.facts().count()),
            (&[BadKey::OtherKey(kid.clone())][..], 0)
        );
        let closed = alone(&facts, Err(DoesNotOpen::Damaged));
        assert_eq!(closed.unusable(), [BadKey::Closed(kid.clone(), DoesNotOpen::Damaged)]);
        facts.alg = Algorithm::Rs256;
        assert_eq!(alone(&facts, Ok(pkcs8)).unusable(), [BadKey::Unusable(kid)]);
    }

    #[test]
    fn a_row_that_is_damaged_while_the_server_runs_serves_on_by_its_newest_facts() {
        let (mut facts, pkcs8) = stored(Algorithm::Es256);
        let kid = facts.kid.clone();
        let older = ring_of([(facts.clone(), pkcs8)]);
        let at = Timestamp::from_epoch;
        facts.sign_until = Some(at(120));
        let now = Keyring::new([(facts.clone(), Err(DoesNotOpen::Damaged))], &older);
        assert_eq!(now.unusable().len(), 1);
        assert_eq!(now.signer(Algorithm::Es256, at(119)).unwrap().kid(), kid);
        assert!(now.signer(Algorithm::Es256, at(120)).is_none(), "retired since");
        facts.alg = Algorithm::Rs256;
        assert_eq!(Keyring::new([(facts, Err(DoesNotOpen::Damaged))], &older).facts().count(), 0);
        assert_eq!(Keyring::new([], &older).facts().count(), 0, "a row that is gone is gone");
    }

    #[test]
    fn keys_of_no_use_are_borne_while_another_signs() {
        let (good, bad) = (stored(Algorithm::Es256), stored(Algorithm::Es256));
        let kid = bad.0.kid.clone();
        let bad = (bad.0, Err(DoesNotOpen::Damaged));
        let (es, all) = ([Algorithm::Es256].into(), Algorithm::ALL.into());
        let now = Timestamp::from_epoch(150);
        let ring = |keys: Vec<StoredKey>| Keyring::new(keys, &Keyring::default());
        let refused = ring(vec![bad.clone()]).check(&es, now).unwrap_err();
        assert_eq!(refused.why, BadKey::Closed(kid.clone(), DoesNotOpen::Damaged));
        assert!(refused.to_string().contains(&kid) && refused.to_string().contains("ES256"));
        assert_eq!(ring(vec![bad.clone(), good.clone()]).check(&es, now), Ok(()));
        assert!(ring(vec![bad, good.clone()]).check(&all, now).is_err());
        assert_eq!(ring(vec![good]).check(&all, now), Ok(()), "none was lost: what lacks was never made");
    }
}
