//! The clock: the only place that reads the time. Everything else takes `now` as a value.

use std::time::SystemTime;

use crate::domain::time::Timestamp;

/// Tells the time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock;

impl Clock {
    /// This moment.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_epoch(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }
}
