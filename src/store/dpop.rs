//! What guards proofs of possession against being used again (RFC 9449 sections 8 and 11.1).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::Store;
use crate::domain::{fault::Fault, secret::Secret, time::Timestamp};

/// How often a nonce changes, in seconds.
const EVERY: i64 = 60;
/// How old a nonce may be, in seconds.
const OLD: i64 = 300;

impl Store {
    /// The nonce of this minute. It says when it was made, and that we made it: nothing is kept for it, and every node knows
    /// those of the others.
    pub fn dpop_nonce(&self, now: Timestamp) -> String {
        self.nonce_of(now.epoch() - now.epoch().rem_euclid(EVERY))
    }

    /// Whether a nonce is one of ours that has not ended.
    pub fn is_dpop_nonce(&self, nonce: &str, now: Timestamp) -> bool {
        let made = nonce.split_once('.').and_then(|(made, _)| made.parse::<i64>().ok());
        // Another node's clock may be a minute ahead.
        let young = |made: &i64| (now.epoch() - OLD..=now.epoch() + EVERY).contains(made);
        let ours = made.filter(young).map(|made| Secret::new(self.nonce_of(made)));
        ours.is_some_and(|ours| ours.matches(&Secret::new(nonce)))
    }

    fn nonce_of(&self, made: i64) -> String {
        let hash = self.vault.keyed_hash("dpop.nonce", &made.to_string());
        format!("{made}.{}", URL_SAFE_NO_PAD.encode(hash))
    }

    /// Marks a proof as used, until it ends. `false` when it was: exactly one caller ever hears `true`.
    pub async fn spend_dpop_proof(&self, name: &str, ends: Timestamp) -> Result<bool, Fault> {
        self.spend("dpop", name, ends).await
    }
}

#[cfg(test)]
mod tests {
    use crate::store::testing::{fresh, now};

    #[tokio::test]
    async fn a_nonce_is_ours_and_lives_five_minutes() {
        let (f, other) = (fresh().await, fresh().await);
        let nonce = f.store.dpop_nonce(now());
        let good = |seconds| f.store.is_dpop_nonce(&nonce, now().plus(seconds));
        let made: i64 = nonce.split_once('.').unwrap().0.parse().unwrap();
        let age = now().epoch() - made;
        assert!((0..60).contains(&age));
        assert!(good(0) && good(300 - age) && !good(301 - age) && good(-60 - age) && !good(-61 - age));
        assert!(!other.store.is_dpop_nonce(&nonce, now()), "another installation's");
        let (_, mac) = nonce.split_once('.').unwrap();
        for bad in ["", ".", &format!("{}.{mac}", made + 60), &format!("{made}."), &format!("0{nonce}"), mac]
        {
            assert!(!f.store.is_dpop_nonce(bad, now()), "{bad}");
        }
    }
}
