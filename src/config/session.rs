//! `[session]`: how long a browser stays logged in.

use serde::Deserialize;

use super::BadConfig;

/// The limits of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Session {
    /// Minutes without a visit after which it ends: at most 15, DigiD's rule.
    pub idle_minutes: i64,
    /// Hours after which it ends in any case.
    pub absolute_hours: i64,
}

impl Default for Session {
    fn default() -> Self {
        Self { idle_minutes: 15, absolute_hours: 8 }
    }
}

impl Session {
    /// The idle limit in seconds.
    pub const fn idle(self) -> i64 {
        self.idle_minutes * 60
    }

    /// The absolute limit in seconds.
    pub const fn absolute(self) -> i64 {
        self.absolute_hours * 3600
    }

    pub(super) fn check(self) -> Result<(), BadConfig> {
        if !(1..=15).contains(&self.idle_minutes) {
            return Err(BadConfig::value(
                "[session]: idle_minutes must be from 1 to 15: DigiD allows 15 minutes at most",
            ));
        }
        if !(1..=24).contains(&self.absolute_hours) {
            return Err(BadConfig::value("[session]: absolute_hours must be from 1 to 24"));
        }
        Ok(())
    }
}
