//! The clock: the only place that reads the time. Everything else takes `now` as a value.
//!
//! It does not go back with the machine's: what had ended would begin to count again. It stands still until that one has caught up,
//! for [`LONGEST_STILL`] at most (docs/adr/0044).

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::SystemTime,
};

use crate::domain::time::Timestamp;

/// For how many seconds at most the clock stands still: longer than an hour that is set by hand, and than a time zone of the
/// Netherlands that was taken for UTC. Who went back further had been far ahead, and must not be so until the next start.
const LONGEST_STILL: i64 = 2 * 3600;

/// The latest moment that was told by this process.
static LATEST: AtomicI64 = AtomicI64::new(0);

/// Tells the time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock;

impl Clock {
    /// This moment. Never earlier than one that was told before, unless the machine's clock went back by more than two hours.
    pub fn now(self) -> Timestamp {
        Timestamp::from_epoch(told(&LATEST, machine()))
    }

    /// How many seconds the machine's clock is behind what was told: it went back, and this one stands still.
    pub fn still(self) -> i64 {
        LATEST.load(Ordering::Relaxed).saturating_sub(machine()).max(0)
    }
}

/// What is told at `machine`, after the `latest` that was told.
fn told(latest: &AtomicI64, machine: i64) -> i64 {
    let before = latest.fetch_max(machine, Ordering::Relaxed);
    if before.saturating_sub(machine) <= LONGEST_STILL {
        return before.max(machine);
    }
    // Of those who find this at once one follows; the others find it followed, or follow the same.
    let _ = latest.compare_exchange(before, machine, Ordering::Relaxed, Ordering::Relaxed);
    machine
}

/// Seconds since 1970 by the machine's clock.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn machine() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX).saturating_add(moved::by())
}

/// The clock can be moved, so that a test crosses a birthday within seconds.
#[cfg(feature = "simulator")]
mod moved {
    use std::{env, fs, path::PathBuf, sync::LazyLock};

    /// The environment variable that names a file with how many seconds the clock is ahead of the machine's.
    const FILE: &str = "NAMENS_SIMULATED_CLOCK";

    /// How many seconds the clock is ahead, at this moment.
    #[expect(clippy::disallowed_methods, reason = "no configuration knows of it")]
    pub(super) fn by() -> i64 {
        static PATH: LazyLock<Option<PathBuf>> = LazyLock::new(|| env::var_os(FILE).map(PathBuf::from));
        let text = PATH.as_ref().and_then(|path| fs::read_to_string(path).ok());
        text.and_then(|text| text.trim().parse().ok()).unwrap_or_default()
    }
}

/// Nothing moves the clock of a program that is shipped.
#[cfg(not(feature = "simulator"))]
mod moved {
    pub(super) const fn by() -> i64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_still_while_the_machines_goes_back_and_follows_one_that_was_far_ahead() {
        let latest = AtomicI64::new(0);
        let told = |machine| told(&latest, machine);
        assert_eq!((told(100_000), told(100_001)), (100_000, 100_001));
        assert_eq!(
            (told(100_001 - 3600), told(100_000)),
            (100_001, 100_001),
            "nothing that ended counts again"
        );
        assert_eq!(told(100_002), 100_002, "and it goes on when the other has caught up");
        assert_eq!(told(100_002 - LONGEST_STILL), 100_002);
        assert_eq!(told(100_001 - LONGEST_STILL), 100_001 - LONGEST_STILL, "it had been wrong before");
        assert_eq!(told(100_003 - LONGEST_STILL), 100_003 - LONGEST_STILL);
    }
}
