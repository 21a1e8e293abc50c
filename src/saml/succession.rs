//! One after another: the keys and certificates of ours, each from its own moment on. Which one counts is a function of
//! `now`, so that no job must turn it and every node turns at once.

use super::settings::SettingsError;
use crate::domain::time::Timestamp;

/// How many may wait: a rollover has one.
const MAX_NEXT: usize = 4;

/// Never empty; what waits stands in the order of time.
pub(super) struct Succession<T> {
    first: T,
    next: Vec<(Timestamp, T)>,
}

/// One of them, and when its turn is.
pub(super) struct Turn<'a, T> {
    /// `None` for the first: always.
    pub(super) from: Option<Timestamp>,
    /// When the next takes over; `None` when there is none.
    pub(super) until: Option<Timestamp>,
    pub(super) of: &'a T,
}

impl<T> Succession<T> {
    /// `name` is what the error calls those that wait: the setting they come from.
    pub(super) fn new(
        name: &'static str,
        first: T,
        next: Vec<(Timestamp, T)>,
    ) -> Result<Self, SettingsError> {
        let problem = if !next.is_sorted_by_key(|(from, _)| *from) || has_same(&next) {
            "must stand in the order of their `from`, and no two at one moment"
        } else if next.len() > MAX_NEXT {
            "must be four at most: remove those whose time is over"
        } else {
            return Ok(Self::of(first, next));
        };
        Err(SettingsError::Value { name, problem })
    }

    /// Of what is known to stand in order.
    pub(super) fn of(first: T, next: Vec<(Timestamp, T)>) -> Self {
        Self { first, next }
    }

    /// The one whose turn it is.
    pub(super) fn at(&self, now: Timestamp) -> &T {
        let turned = self.next.iter().rev().find(|(from, _)| *from <= now);
        turned.map_or(&self.first, |(_, of)| of)
    }

    /// Each with its turn, in order.
    pub(super) fn turns(&self) -> impl Iterator<Item = Turn<'_, T>> {
        let froms = self.next.iter().map(|(from, _)| Some(*from));
        let all =
            [(None, &self.first)].into_iter().chain(self.next.iter().map(|(from, of)| (Some(*from), of)));
        all.zip(froms.chain([None])).map(|((from, of), until)| Turn { from, until, of })
    }

    /// The one whose turn it is, and those that wait.
    pub(super) fn current_and_next(&self, now: Timestamp) -> impl Iterator<Item = &T> {
        self.turns().filter(move |turn| turn.until.is_none_or(|until| now < until)).map(|turn| turn.of)
    }

    /// When a turn ends and another begins.
    pub(super) fn moments(&self) -> impl Iterator<Item = Timestamp> {
        self.next.iter().map(|(from, _)| *from)
    }
}

fn has_same<T>(next: &[(Timestamp, T)]) -> bool {
    next.iter().zip(next.iter().skip(1)).any(|((one, _), (two, _))| one == two)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_epoch(second)
    }

    #[test]
    fn each_has_its_turn_at_its_own_second_and_what_is_over_is_not_told() {
        let three = Succession::new("x", 'a', vec![(at(10), 'b'), (at(20), 'c')]).unwrap();
        for (now, current, told) in [(9, 'a', "abc"), (10, 'b', "bc"), (19, 'b', "bc"), (20, 'c', "c")] {
            assert_eq!(*three.at(at(now)), current, "{now}");
            assert_eq!(three.current_and_next(at(now)).collect::<String>(), told, "{now}");
        }
        assert_eq!(three.moments().map(Timestamp::epoch).collect::<Vec<_>>(), [10, 20]);
    }

    #[test]
    fn no_order_no_succession() {
        let refused = |moments: &[i64]| {
            let next = moments.iter().map(|moment| (at(*moment), ())).collect();
            Succession::new("x", (), next).is_err()
        };
        assert!(refused(&[2, 1]) && refused(&[1, 1]) && refused(&[1, 2, 3, 4, 5]));
        assert!(!refused(&[]) && !refused(&[1, 2, 3, 4]));
    }
}
