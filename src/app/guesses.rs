//! Whoever guesses waits longer and longer, and nobody is locked out for good: at the secret of a client, and at passwords and codes.
//!
//! What is counted belongs to one client, or one account, as one address claims to be it. Not to the client alone: anybody can send
//! wrong secrets in the name of a portal, and would lock it out. Not to the address alone: several portals may share one, and one of
//! them may be set up wrongly. So a stranger only ever stands in the way of who sits at their own address, and there for a minute at a
//! time. Of people all that comes from one address is counted too, past far more wrong tries
//! (docs/adr/0049-guesses-are-counted-where-they-come-from.md).
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

/// Seconds, from the first wrong try on, after which all is forgotten.
const WINDOW: i64 = 900;
/// The longest wait, in seconds.
const LONGEST: i64 = 60;
/// How many are counted at once at least, and half of the most: of a flood from everywhere, those longest ago are forgotten.
const MANY: usize = 16_384;

/// The wrong tries of late.
pub struct Guesses {
    /// How many are free, in [`WINDOW`] seconds.
    free: u32,
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

/// A try that takes a while: whoever has it tells [`Guesses::leave`] how it ended.
#[derive(Debug)]
pub struct Turn {
    whom: Whom,
    /// Until when nobody else has one; `None` while tries are free.
    alone: Option<Timestamp>,
}

impl Guesses {
    /// None of late. So many wrong tries are free.
    pub fn past(free: u32) -> Self {
        Self { free, hasher: RandomState::new(), counted: Mutex::default() }
    }

    /// Who is claimed, known or not, and from where: of IPv6, the network that one line is given.
    pub fn whom(&self, claimed: &str, from: Option<IpAddr>) -> Whom {
        let network = from.map(|ip| match ip.to_canonical() {
            IpAddr::V4(v4) => u128::from(v4.to_bits()),
            IpAddr::V6(v6) => (v6.to_bits() >> 64) | (1 << 127),
        });
        Whom(self.hasher.hash_one((claimed, network)))
    }

    /// For how many seconds nothing is checked of that one; `None` when it may try.
    pub fn wait(&self, whom: Whom, now: Timestamp) -> Option<i64> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).of(whom)?.wait(now)
    }

    /// Counts a wrong try.
    pub fn count(&self, whom: Whom, now: Timestamp) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let known = counted.of(whom).copied();
        let known = known.filter(|wrong| (0..WINDOW).contains(&now.since(wrong.since)));
        let mut wrong = known.unwrap_or(Wrong { since: now, tries: 0, until: now });
        wrong.tries = wrong.tries.saturating_add(1);
        wrong.until = self.delay(wrong.tries).map_or(wrong.until, |seconds| now.plus(seconds));
        if counted.young.len() >= MANY {
            counted.old = take(&mut counted.young);
        }
        counted.young.insert(whom.0, wrong);
    }

    /// Lets a try in that takes a while to look at. Past the free ones they come one by one: of a swarm that comes while one is looked
    /// at nobody else is heard, and nobody is until the wait of a wrong one is over. Otherwise for how many seconds nothing is checked.
    pub fn enter(&self, whom: Whom, now: Timestamp) -> Result<Turn, i64> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(wrong) = counted.of(whom) else { return Ok(Turn { whom, alone: None }) };
        if let Some(seconds) = wrong.wait(now) {
            return Err(seconds);
        }
        let counts = (0..WINDOW).contains(&now.since(wrong.since));
        let alone = self.delay(wrong.tries).filter(|_| counts).map(|seconds| now.plus(seconds));
        wrong.until = alone.unwrap_or(wrong.until);
        Ok(Turn { whom, alone })
    }

    /// Ends such a try. A wrong one counts; after a right one the next may come at once, and nothing is forgotten.
    pub fn leave(&self, turn: &Turn, wrong: bool, now: Timestamp) {
        if wrong {
            return self.count(turn.whom, now);
        }
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever was wrong meanwhile waits as long as ever.
        if let Some(known) = counted.of(turn.whom).filter(|known| turn.alone == Some(known.until)) {
            known.until = now;
        }
    }

    /// How long to wait after so many wrong tries, in seconds; `None` while they are free.
    fn delay(&self, tries: u32) -> Option<i64> {
        tries.checked_sub(self.free).map(|doublings| 2_i64.pow(doublings.min(6)).min(LONGEST))
    }
}

impl Counted {
    fn of(&mut self, whom: Whom) -> Option<&mut Wrong> {
        let Self { young, old } = self;
        young.get_mut(&whom.0).or_else(|| old.get_mut(&whom.0))
    }
}

impl Wrong {
    /// How many seconds are left.
    fn wait(&self, now: Timestamp) -> Option<i64> {
        let left = self.until.since(now);
        // A clock that was set back lets in.
        (1..=LONGEST).contains(&left).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: u32 = 100;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_epoch(second)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn past_a_hundred_the_wait_doubles_up_to_a_minute_and_ends() {
        let guesses = Guesses::past(FREE);
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
    fn past_the_free_ones_they_come_one_by_one_and_a_right_one_makes_room() {
        let guesses = Guesses::past(3);
        let whom = guesses.whom("", Some(ip("10.0.0.1")));
        let told = |second| guesses.enter(whom, at(second)).map_err(|seconds| format!("wait {seconds}"));
        let swarm: Vec<_> = (0..3).map(|_| told(1000).unwrap()).collect();
        for turn in &swarm {
            guesses.leave(turn, true, at(1000));
        }
        assert_eq!(told(1000).unwrap_err(), "wait 1");
        let right = told(1001).unwrap();
        assert_eq!(told(1001).unwrap_err(), "wait 1", "while one is looked at");
        guesses.leave(&right, false, at(1001));
        guesses.leave(&told(1001).unwrap(), true, at(1001));
        assert_eq!(told(1001).unwrap_err(), "wait 2", "a right one made room and forgot nothing");
        guesses.leave(&right, false, at(1001));
        assert_eq!(told(1002).unwrap_err(), "wait 1", "nor does it cut the wait of a wrong one short");
        assert!(told(1003).is_ok(), "whoever hung up");
        assert_eq!(told(1004).unwrap_err(), "wait 1");
        assert!(told(1005).is_ok(), "keeps nobody out for good");
        assert!(told(1000 + WINDOW).is_ok() && told(1000 + WINDOW).is_ok(), "in the end all is forgotten");
    }

    #[test]
    fn another_client_and_another_address_do_not_wait() {
        let guesses = Guesses::past(FREE);
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
        let guesses = Guesses::past(FREE);
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
