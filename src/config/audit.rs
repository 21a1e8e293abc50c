//! `[audit]`: how long the audit log is kept.

use serde::Deserialize;

use super::BadConfig;

/// The retention of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// For how many years lines are kept: at least 5, by law.
    pub keep_years: i64,
}

impl Default for Audit {
    fn default() -> Self {
        Self { keep_years: 5 }
    }
}

impl Audit {
    /// For how many seconds: no year is longer than 366 days.
    pub const fn keep(self) -> i64 {
        self.keep_years * 366 * 86_400
    }

    pub(super) fn check(self) -> Result<(), BadConfig> {
        if (5..=100).contains(&self.keep_years) {
            Ok(())
        } else {
            Err(BadConfig::value(
                "[audit]: keep_years must be from 5 to 100: the log is evidence for 5 years at least",
            ))
        }
    }
}
