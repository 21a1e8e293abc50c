//! Artifacts: made once, given once, good for a quarter of an hour.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use openssl::error::ErrorStack;
use openssl::rand::rand_bytes;
use openssl::sha::sha1;

use super::answer::Outcome;

/// How long an artifact is good.
const LIFE: TimeDelta = TimeDelta::minutes(15);
/// More than any test or demo has at once; the oldest go first.
const MAX_KEPT: usize = 10_000;

/// The artifacts that have not been resolved yet.
#[derive(Default)]
pub struct Artifacts(Mutex<HashMap<String, (DateTime<Utc>, Outcome)>>);

/// What an artifact turned out to be.
pub enum Resolved {
    /// Never given out, or resolved before.
    Unknown,
    /// Older than a quarter of an hour.
    Expired,
    /// Good.
    Good(Box<Outcome>),
}

impl Artifacts {
    /// A new artifact for an outcome.
    pub fn keep(&self, entity_id: &str, outcome: Outcome, now: DateTime<Utc>) -> Result<String, ErrorStack> {
        let artifact = make(entity_id)?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            let oldest = kept.iter().min_by_key(|(_, (made, _))| *made).map(|(artifact, _)| artifact.clone());
            oldest.and_then(|artifact| kept.remove(&artifact));
        }
        kept.insert(artifact.clone(), (now, outcome));
        Ok(artifact)
    }

    /// Takes it out: the second time it is unknown, also when both come at once.
    pub fn take(&self, artifact: &str, now: DateTime<Utc>) -> Resolved {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(artifact);
        match taken {
            None => Resolved::Unknown,
            Some((made, _)) if now - made > LIFE => Resolved::Expired,
            Some((_, outcome)) => Resolved::Good(Box::new(outcome)),
        }
    }
}

/// Type 0x0004: endpoint index 0, the SHA-1 of the entityID, 20 random bytes (SAML 2.0 bindings, section 3.6.4).
pub fn make(entity_id: &str) -> Result<String, ErrorStack> {
    make_as(4, 0, entity_id)
}

/// The same with a type and an index of one's own.
pub fn make_as(kind: u8, index: u8, entity_id: &str) -> Result<String, ErrorStack> {
    let mut handle = [0; 20];
    rand_bytes(&mut handle)?;
    let bytes = [&[0, kind, 0, index], sha1(entity_id.as_bytes()).as_slice(), &handle].concat();
    Ok(STANDARD.encode(bytes))
}
