//! Whoever guesses at the secret of a client waits longer and longer, and nobody is locked out for good.
//!
//! What is counted belongs to one client as one address claims to be it. Not to the client alone: anybody can send wrong secrets in
//! the name of a portal, and would lock it out. Not to the address alone: several portals may share one, and one of them may be set
//! up wrongly. So a stranger only ever stands in the way of who sits at their own address, and there for a minute at a time.
//!
//! It is kept in memory, so that a flood writes nothing. Each node counts for itself.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    mem::take,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use crate::domain::time::Timestamp;

/// How many wrong tries are free, in [`WINDOW`] seconds: a portal that is set up wrongly hears what is wrong with it.
const FREE: u32 = 100;
/// Seconds, from the first wrong try on, after which all is forgotten.
const WINDOW: i64 = 900;
/// The longest wait, in seconds.
const LONGEST: i64 = 60;
/// How many are counted at once at least, and half of the most: of a flood from everywhere, those longest ago are forgotten.
const MANY: usize = 16_384;

/// The wrong tries of late.
#[derive(Default)]
pub struct ClientGuesses {
    /// Its keys are random: nobody can choose two names that count as one.
    hasher: RandomState,
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    young: HashMap<u64, Wrong>,
    old: HashMap<u64, Wrong>,
}

#[derive(Clone, Copy)]
struct Wrong {
    since: Timestamp,
    tries: u32,
    /// Until when nothing is checked.
    until: Timestamp,
}

/// Who claims to be whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whom(u64);

impl ClientGuesses {
    /// The client that is claimed, known or not, and from where: of IPv6, the network that one line is given.
    pub fn whom(&self, client_id: &str, from: Option<IpAddr>) -> Whom {
        let network = from.map(|ip| match ip.to_canonical() {
            IpAddr::V4(v4) => u128::from(v4.to_bits()),
            IpAddr::V6(v6) => (v6.to_bits() >> 64) | (1 << 127),
        });
        Whom(self.hasher.hash_one((client_id, network)))
    }

    /// For how many seconds nothing is checked of that one; `None` when it may try.
    pub fn wait(&self, whom: Whom, now: Timestamp) -> Option<i64> {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = counted.young.get(&whom.0).or_else(|| counted.old.get(&whom.0))?;
        let wait = wrong.until.since(now);
        // A clock that was set back lets in.
        (1..=LONGEST).contains(&wait).then_some(wait)
    }

    /// Counts a wrong try.
    pub fn count(&self, whom: Whom, now: Timestamp) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let known = counted.young.get(&whom.0).or_else(|| counted.old.get(&whom.0)).copied();
        let known = known.filter(|wrong| (0..WINDOW).contains(&now.since(wrong.since)));
        let mut wrong = known.unwrap_or(Wrong { since: now, tries: 0, until: now });
        wrong.tries = wrong.tries.saturating_add(1);
        if let Some(doublings) = wrong.tries.checked_sub(FREE) {
            wrong.until = now.plus(2_i64.pow(doublings.min(6)).min(LONGEST));
        }
        if counted.young.len() >= MANY {
            counted.old = take(&mut counted.young);
        }
        counted.young.insert(whom.0, wrong);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_epoch(second)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn past_a_hundred_the_wait_doubles_up_to_a_minute_and_ends() {
        let guesses = ClientGuesses::default();
        let whom = guesses.whom("portal", Some(ip("10.0.0.1")));
        for _ in 1..FREE {
            guesses.count(whom, at(1000));
            assert_eq!(guesses.wait(whom, at(1000)), None);
        }
        let mut now = 1000;
        for wait in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            guesses.count(whom, at(now));
            assert_eq!(guesses.wait(whom, at(now)), Some(wait));
            assert_eq!(guesses.wait(whom, at(now - 10_000)), None, "the clock was set back");
            now += wait;
            assert_eq!(guesses.wait(whom, at(now)), None, "nobody is locked out for good");
        }
        // A quarter of an hour after the first, all is forgotten.
        guesses.count(whom, at(1000 + WINDOW));
        assert_eq!(guesses.wait(whom, at(1000 + WINDOW)), None);
    }

    #[test]
    fn another_client_and_another_address_do_not_wait() {
        let guesses = ClientGuesses::default();
        let mine = guesses.whom("portal", Some(ip("2001:db8::1")));
        for _ in 0..=FREE {
            guesses.count(mine, at(1000));
        }
        let waits = |client: &str, from| guesses.wait(guesses.whom(client, from), at(1000)).is_some();
        assert!(
            waits("portal", Some(ip("2001:db8::1"))) && waits("portal", Some(ip("2001:db8::ffff"))),
            "one line"
        );
        assert!(!waits("lab", Some(ip("2001:db8::1"))));
        for other in [Some(ip("2001:db8:0:1::1")), Some(ip("10.0.0.1")), None] {
            assert!(!waits("portal", other), "{other:?}");
        }
    }

    #[test]
    fn a_flood_of_names_takes_bounded_room_and_forgets_nobody_at_once() {
        let guesses = ClientGuesses::default();
        let whom = guesses.whom("portal", Some(ip("10.0.0.1")));
        for _ in 0..=FREE {
            guesses.count(whom, at(1000));
        }
        for number in 0..MANY * 4 {
            guesses.count(guesses.whom(&number.to_string(), None), at(1000));
            if number == MANY {
                assert!(guesses.wait(whom, at(1000)).is_some());
            }
        }
        let counted = guesses.counted.lock().unwrap();
        assert!(counted.young.len() <= MANY && counted.old.len() <= MANY);
    }
}
