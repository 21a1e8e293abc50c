//! `[audit]`: how long the audit log is kept.

use serde::Deserialize;

use super::BadConfig;
use crate::domain::audit::{LEAST_YEARS, YEAR};

/// The retention of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// For how many years lines are kept: at least 5, by law.
    pub keep_years: i64,
}

impl Default for Audit {
    fn default() -> Self {
        Self { keep_years: LEAST_YEARS }
    }
}

impl Audit {
    /// For how many seconds.
    pub const fn keep(self) -> i64 {
        self.keep_years * YEAR
    }

    pub(super) fn check(self) -> Result<(), BadConfig> {
        if (LEAST_YEARS..=100).contains(&self.keep_years) {
            Ok(())
        } else {
            Err(BadConfig::value(
                "[audit]: keep_years must be from 5 to 100: the log is evidence for 5 years at least",
            ))
        }
    }
}
