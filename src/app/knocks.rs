//! Strangers who knock at a door that is meant for one partner: how many of their knocks are worth a line.

use std::sync::{Mutex, PoisonError};

use crate::domain::time::Timestamp;

/// How many refused knocks are told in [`WINDOW`] seconds.
const TOLD: u32 = 100;
/// Seconds, from the first knock on.
const WINDOW: i64 = 60;

/// Counts knocks that were refused, without writing anything: a flood of them costs no disk, and fills no log.
#[derive(Default)]
pub struct Knocks(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    /// When the window began.
    since: Option<Timestamp>,
    knocks: u32,
}

/// What to write of a knock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knock {
    /// A line of its own.
    Told,
    /// That no more lines follow for a while.
    LastTold,
    /// Nothing.
    Untold,
}

impl Knocks {
    /// Counts one more.
    pub fn count(&self, now: Timestamp) -> Knock {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back begins a window too.
        if counted.since.is_none_or(|since| !(0..WINDOW).contains(&now.since(since))) {
            *counted = Counted { since: Some(now), knocks: 0 };
        }
        counted.knocks = counted.knocks.saturating_add(1);
        match counted.knocks {
            ..TOLD => Knock::Told,
            TOLD => Knock::LastTold,
            _ => Knock::Untold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_a_minute_are_told() {
        let knocks = Knocks::default();
        let told = |second: i64, count: usize| {
            let now = Timestamp::from_epoch(second);
            let all: Vec<_> = (0..count).map(|_| knocks.count(now)).collect();
            let of = |knock| all.iter().filter(|one| **one == knock).count();
            (of(Knock::Told), of(Knock::LastTold), of(Knock::Untold))
        };
        assert_eq!(told(1000, 60), (60, 0, 0));
        assert_eq!(told(1059, 60), (39, 1, 20));
        assert_eq!(told(1060, 101), (99, 1, 1));
        assert_eq!(told(900, 1), (1, 0, 0), "the clock was set back");
    }
}
