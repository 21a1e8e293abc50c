//! `[password]`: the cost of Argon2id (RFC 9106) and how many may wait for it.

use serde::Deserialize;

use super::BadConfig;

/// How passwords are hashed. When the costs rise, a password is hashed anew at its next login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Password {
    /// Memory for one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
    /// How many hashes wait at most; past that the answer is 503, and so it is after 15 seconds of waiting. A quarter of the places is kept for browsers in which the
    /// address logged in before; new passwords take at most half of the rest.
    pub queue: usize,
}

impl Default for Password {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, iterations: 2, parallelism: 1, queue: 64 }
    }
}

impl Password {
    pub(super) fn check(self) -> Result<(), BadConfig> {
        if !(7 * 1024..=1024 * 1024).contains(&self.memory_kib) {
            return Err(BadConfig::value(
                "[password]: memory_kib must be from 7168 to 1048576 (advice: 19456)",
            ));
        }
        if !(1..=16).contains(&self.iterations) || !(1..=8).contains(&self.parallelism) {
            return Err(BadConfig::value(
                "[password]: iterations must be from 1 to 16, parallelism from 1 to 8",
            ));
        }
        if !(1..=10_000).contains(&self.queue) {
            return Err(BadConfig::value("[password]: queue must be from 1 to 10000"));
        }
        Ok(())
    }
}
