//! A browser that is logged in.

use serde::{Deserialize, Serialize};

use super::{
    assurance::Level,
    id::{AccountId, PersonId, SessionId},
    login::Done,
    representation::ParentalAuthority,
    secret::Hashed,
    time::Timestamp,
};

/// A session. Made only from a finished login, so its level is what the proofs were worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// What clients know it by (`sid`).
    pub sid: SessionId,
    /// The hash of the cookie's secret half.
    pub secret: Hashed,
    /// The account that was opened.
    pub account: AccountId,
    /// Whose it is.
    pub person: PersonId,
    /// The account's era when it began; a later era has ended it.
    pub era: i64,
    /// What its proofs are worth.
    pub level: Level,
    /// When the user proved who they are.
    pub auth_time: Timestamp,
    /// The last visit that was noted.
    pub seen: Timestamp,
    /// When it ends in any case.
    pub ends: Timestamp,
    /// For which child the user logged in, by the word of the register. What it is worth is asked anew each time.
    pub authority: Option<ParentalAuthority>,
    /// What its browser is, in a word or two, so that its owner knows it again.
    #[serde(default)]
    pub device: Option<String>,
    /// Whether it began with a code of the authenticator app: what the desk takes.
    #[serde(default)]
    pub by_app: bool,
}

/// Visits are noted this many seconds apart, so that not every request writes.
const NOTE_EVERY: i64 = 30;

impl Session {
    /// A new session for a login that is done.
    pub fn begin(done: &Done, secret: Hashed, era: i64, absolute: i64, now: Timestamp) -> Self {
        Self {
            sid: SessionId::random(),
            secret,
            account: done.opening.account.clone(),
            person: done.person.clone(),
            era,
            level: done.level(),
            auth_time: done.auth_time(),
            seen: now,
            ends: now.plus(absolute),
            authority: done.authority().cloned(),
            device: None,
            by_app: done.is_by_app(),
        }
    }

    /// Whether the app that an account has `since` then was part of the login: by a code of it, or by a recovery code, as without either
    /// nobody gets in by password. DigiD asks for neither.
    pub fn knew_app(&self, since: Option<Timestamp>) -> bool {
        self.by_app || self.level == Level::Local && since.is_some_and(|since| self.auth_time >= since)
    }

    /// The same session in a browser that is known by a word or two.
    #[must_use]
    pub fn on(self, device: Option<String>) -> Self {
        Self { device, ..self }
    }

    /// When it is over if nobody visits it again: `idle` is the longest it may go unvisited, in seconds.
    pub fn over(&self, idle: i64) -> Timestamp {
        self.ends.min(self.seen.plus(idle))
    }

    /// Whether it still lives: `era` is its account's, and `idle` the longest it may go unvisited, in seconds.
    pub fn is_alive(&self, era: i64, idle: i64, now: Timestamp) -> bool {
        self.era == era && now < self.over(idle)
    }

    /// Whether a visit at `now` is worth noting.
    pub fn wants_note(&self, now: Timestamp) -> bool {
        now.since(self.seen) >= NOTE_EVERY
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_epoch(seconds)
    }

    /// Begun at second 0 in era 1, for an hour at most.
    pub(crate) fn session() -> Session {
        Session {
            sid: SessionId::random(),
            secret: Hashed::from_stored(vec![1; 32]),
            account: AccountId::random(),
            person: PersonId::random(),
            era: 1,
            level: Level::Local,
            auth_time: at(0),
            seen: at(0),
            ends: at(3600),
            authority: None,
            device: None,
            by_app: false,
        }
    }

    #[test]
    fn it_lives_while_it_is_visited_in_its_own_era_and_until_its_end() {
        assert!(session().is_alive(1, 900, at(899)) && !session().is_alive(1, 900, at(900)));
        assert!(!session().is_alive(2, 900, at(1)) && !session().is_alive(0, 900, at(1)));
        let visited = Session { seen: at(3599), ..session() };
        assert!(visited.is_alive(1, 900, at(3599)) && !visited.is_alive(1, 900, at(3600)));
    }

    #[test]
    fn an_app_was_part_of_a_login_by_password_after_it_and_of_none_by_digid() {
        let after = Session { auth_time: at(2), ..session() };
        assert!(after.knew_app(Some(at(1))) && !after.knew_app(Some(at(3))) && !after.knew_app(None));
        // Setting one ends the sessions that were there: of the same second only those of after it are left.
        assert!(after.knew_app(Some(at(2))));
        let by_digid = Session { level: Level::Midden, ..after };
        assert!(!by_digid.knew_app(Some(at(1))));
        assert!(Session { by_app: true, ..by_digid }.knew_app(Some(at(1))));
    }

    #[test]
    fn a_session_is_known_by_the_browser_in_which_it_began() {
        let named = session().on(Some("Firefox".into()));
        assert_eq!(named.device.as_deref(), Some("Firefox"));
        assert_eq!(named.on(None).device, None);
    }

    #[test]
    fn a_visit_is_noted_every_half_minute() {
        assert!(!session().wants_note(at(29)) && session().wants_note(at(30)));
    }
}
