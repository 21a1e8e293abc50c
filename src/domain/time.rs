//! Instants. The clock is read once per request (`crate::clock`) and travels down as a value.

use std::fmt;

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

/// A moment in time, in whole seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `seconds` after the epoch.
    pub const fn from_epoch(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch, as stored in the database and written in tokens (`NumericDate`, RFC 7519 section 2).
    pub const fn epoch(self) -> i64 {
        self.0
    }

    /// This moment, `seconds` later (earlier when negative). Saturates at the ends of time.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this moment; negative when `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads an `xs:dateTime` as SAML writes it (SAML 2.0 core, section 1.3.3: UTC, with a zone designator).
    /// Fractions of a second are dropped. `None` when it is no date with a zone.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text.trim()).ok().map(|t| Self(t.timestamp()))
    }

    /// `2026-11-22T06:35:39Z`: RFC 3339 in UTC.
    pub fn rfc3339(self) -> String {
        self.utc().to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// As a `chrono` date and time in UTC, for the crates that speak it.
    pub fn utc(self) -> DateTime<chrono::Utc> {
        DateTime::from_timestamp(self.0, 0).unwrap_or(if self.0 < 0 {
            DateTime::<chrono::Utc>::MIN_UTC
        } else {
            DateTime::<chrono::Utc>::MAX_UTC
        })
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_rfc3339_and_survives_the_ends_of_time() {
        let t = Timestamp::parse_rfc3339("2026-06-30T21:59:59.999Z").unwrap();
        assert_eq!(t.rfc3339(), "2026-06-30T21:59:59Z");
        assert_eq!(Timestamp::parse_rfc3339("2026-06-30T23:59:59+02:00"), Some(t));
        assert_eq!(Timestamp::parse_rfc3339("2026-06-30T21:59:59"), None);
        assert_eq!(format!("{t:?}"), t.rfc3339());
        assert_eq!((t.epoch(), Timestamp::from_epoch(t.epoch())), (1_782_856_799, t));
        let ends = [i64::MIN, i64::MAX].map(|end| Timestamp::from_epoch(end).rfc3339());
        assert!(ends[0].starts_with("-2") && ends[1].starts_with("+2"), "{ends:?}");
        assert!(Timestamp::from_epoch(-1).rfc3339().ends_with("23:59:59Z"));
        assert!(Timestamp::from_epoch(i64::MAX).plus(1).rfc3339().starts_with('+'));
    }
}
