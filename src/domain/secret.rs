//! Secrets: what is mute in `Debug`, wiped when dropped, compared in constant time, and stored only as a hash.

use std::fmt;

use aws_lc_rs::{constant_time, digest};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::id::random;

/// A secret text: a password, a client secret, a token before it is hashed.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// A new token of 256 random bits behind a `prefix` that tells scanners and people what leaked.
    pub fn token(prefix: &str) -> Self {
        Self(format!("{prefix}{}", random::<32>()))
    }

    /// Wraps what was received.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Name the use at the call: a form, a header, a hash.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored instead of the secret.
    pub fn hashed(&self) -> Hashed {
        Hashed(digest::digest(&digest::SHA256, self.0.as_bytes()).as_ref().to_vec())
    }

    /// Whether two secrets are the same, in time that depends on their lengths only.
    pub fn matches(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(self.0.as_bytes(), other.0.as_bytes()).is_ok()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The SHA-256 of a high-entropy secret: enough to recognise it, not enough to use it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hashed(Vec<u8>);

impl Hashed {
    /// A hash that was stored earlier.
    pub fn from_stored(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The 32 bytes to store or to look up.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// In hexadecimal, for a key of a table.
    pub fn hex(&self) -> String {
        base16ct::lower::encode_string(&self.0)
    }

    /// Whether this is the hash of `secret`, in constant time.
    pub fn is_of(&self, secret: &Secret) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &secret.hashed().0).is_ok()
    }
}

impl fmt::Debug for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashed(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognised_by_its_hash_only() {
        let (token, other) = (Secret::token("nms_rt_"), Secret::token("nms_rt_"));
        assert!(token.hashed().is_of(&token) && !token.hashed().is_of(&other));
        assert!(token.matches(&token.clone()) && !token.matches(&other));
        let stored = Hashed::from_stored(token.hashed().as_bytes().to_vec());
        assert!(stored.is_of(&token) && token.expose().starts_with("nms_rt_"));
        assert_eq!(format!("{token:?} {:?}", token.hashed()), "Secret(…) Hashed(…)");
    }

    #[test]
    fn a_hash_is_sha_256() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Secret::new("abc").hashed().hex(), abc, "the example of FIPS 180-2");
    }
}
