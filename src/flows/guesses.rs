//! Guessing is slowed and never locks anybody out (F5): past ten tries in a quarter of an hour, tries at one address pass
//! at most one a second. So that a stranger's flood does not stand in the owner's way, a browser that once logged in with
//! the address has a count of its own (docs/adr/0011-known-browsers.md). What other browsers try is counted by where it comes from,
//! too (docs/adr/0049-guesses-are-counted-where-they-come-from.md).

use std::{net::IpAddr, time::Duration};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::sync::Semaphore;

use super::{Over, Refused, Stop, email::Credentials};
use crate::{
    app::{App, guesses::Turn},
    domain::{
        email::Email,
        id::{LoginId, random_bytes},
        secret::Secret,
        time::Timestamp,
    },
    store::Store,
};

/// How many tries are free, and in how many seconds.
const FREE_TRIES: (i64, i64) = (10, 900);
/// Later tries are gathered for so many seconds; as many of them get a second each of the next such round, and the rest is
/// turned away. So nobody waits longer than five seconds.
const ROUND: i64 = 3;

/// How many addresses a browser is known for at most: a family's, not a library's.
const ADDRESSES: usize = 8;
/// Bytes of a browser's random name, and of each mark that says one address logged in there.
const PART: usize = 16;

/// Lets a try at an address pass, at once or when it has its turn. Counted the same whether or not the address has an
/// account, or is one. `waiting` has a permit for each try that may still wait, whatever its address. Gives the name of the browser
/// that the try comes from, where the address has logged in there before. When it does not pass, nothing was checked: all turns of
/// the address are taken, or too many wait already.
pub(super) async fn take_turn(
    store: &Store,
    waiting: &Semaphore,
    login: &LoginId,
    tried: &Credentials,
    now: Timestamp,
) -> Result<Option<String>, Stop> {
    let email = Email::parse(&tried.email).ok();
    let key = email.as_ref().map_or(tried.email.as_str(), Email::key);
    let device = tried.device.as_ref().and_then(Device::read);
    let device = device.filter(|device| device.knows(store, key));
    let from = device.as_ref().map(Device::told);
    let whom = device.map_or_else(|| key.to_owned(), |device| device.mine(key));
    let (free, window) = FREE_TRIES;
    if store.bump("password", &whom, window, now).await? <= free {
        return Ok(from);
    }
    let round = now.epoch().div_euclid(ROUND);
    let place = store.bump("password-turn", &format!("{whom}\0{round}"), 2 * ROUND, now).await?;
    let wait = wait(place, now).ok_or_else(|| Stop::TooManyTries(login.clone()))?;
    let _waiting = waiting.try_acquire().map_err(|_| Stop::Busy)?;
    tokio::time::sleep(Duration::from_secs(wait)).await;
    Ok(from)
}

/// How many seconds the try with that place in its round waits; `None` when the next round has no second left for it.
fn wait(place: i64, now: Timestamp) -> Option<u64> {
    let left = ROUND - now.epoch().rem_euclid(ROUND);
    (place <= ROUND).then(|| (left + place - 1).unsigned_abs())
}

/// The turns of one try of a browser that is not known for the address that it tries.
#[derive(Debug, Default)]
pub(super) struct Turns {
    at: Option<Turn>,
    from: Option<Turn>,
}

impl Turns {
    /// Takes them, or nothing was checked: at the account where it is tried by password (`at`, whether or not it is there), and of
    /// all that comes from there. Where nobody says `from` where, nothing is counted.
    pub(super) fn take(
        app: &App,
        login: &LoginId,
        at: Option<&str>,
        from: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Self, Stop> {
        let Some(ip) = from else { return Ok(Self::default()) };
        let wait = |_| Stop::TooManyTries(login.clone());
        let (accounts, places) = (&app.guesses_at, &app.guesses_from);
        let at = at.map(|key| accounts.enter(accounts.whom(key, Some(ip)), now)).transpose().map_err(wait)?;
        match places.enter(places.whom("", Some(ip)), now) {
            Ok(turn) => Ok(Self { at, from: Some(turn) }),
            Err(seconds) => {
                Self { at, from: None }.leave(app, false, now);
                Err(wait(seconds))
            }
        }
    }

    /// Gives them back. A wrong try counts.
    pub(super) fn leave(&self, app: &App, wrong: bool, now: Timestamp) {
        let both = [(&app.guesses_at, &self.at), (&app.guesses_from, &self.from)];
        for (guesses, turn) in both {
            if let Some(turn) = turn {
                guesses.leave(turn, wrong, now);
            }
        }
    }
}

/// Refuses a try of which is known already that it waits where it comes from. It counts nothing and writes nothing.
pub(super) fn none_waits(
    app: &App,
    login: &LoginId,
    key: &str,
    from: Option<IpAddr>,
    now: Timestamp,
) -> Result<(), Stop> {
    let waits = [(&app.guesses_at, key), (&app.guesses_from, "")]
        .iter()
        .any(|(guesses, claimed)| guesses.wait(guesses.whom(claimed, from), now).is_some());
    if from.is_some() && waits { Err(Stop::TooManyTries(login.clone())) } else { Ok(()) }
}

/// Where a try at the account of `key` comes from, for the count of that place; `None` from a browser in which that logged in before.
pub fn counted_from(app: &App, device: Option<&Secret>, key: &str, from: Option<IpAddr>) -> Option<IpAddr> {
    let is_known = device.and_then(Device::read).is_some_and(|device| device.knows(&app.store, key));
    from.filter(|_| !is_known)
}

/// Lets somebody ask for the mail of a new account. Anybody can, for any number of mailboxes: past many from one address they come one by
/// one and wait longer and longer, up to a minute. When it does not pass, nothing was mailed or hashed. Where nobody says `from` where,
/// nothing is counted.
pub(super) fn take_registration(
    app: &App,
    login: &LoginId,
    from: Option<IpAddr>,
    now: Timestamp,
) -> Result<(), Stop> {
    let Some(ip) = from else { return Ok(()) };
    let (registrations, stop) = (&app.registrations_from, |_| Stop::TooManyTries(login.clone()));
    let whom = registrations.whom("", Some(ip));
    registrations.enter(whom, now).map_err(stop)?;
    registrations.count(whom, now);
    Ok(())
}

/// Tries a code that comes from there, if it has its turn.
pub async fn slowed<T, W>(
    app: &App,
    login: &LoginId,
    from: Option<IpAddr>,
    now: Timestamp,
    attempt: impl Future<Output = Result<T, Refused<W>>>,
) -> Result<T, Refused<W>> {
    let turns = Turns::take(app, login, None, from, now)?;
    let tried = attempt.await;
    let wrong = matches!(tried, Err(Refused::Because(_) | Refused::Stopped(Stop::Over(Over::WrongCodes))));
    turns.leave(app, wrong, now);
    tried
}

/// The cookie of a browser in which an address has just logged in.
pub fn remember(app: &App, older: Option<&Secret>, address: &Email) -> Secret {
    let device = older.and_then(Device::read).unwrap_or_else(Device::new);
    device.with(&app.store, address.key()).write()
}

/// A browser that has logged in here: its random name, and a mark for each address, the newest first.
#[derive(Debug, PartialEq, Eq)]
struct Device {
    name: [u8; PART],
    marks: Vec<[u8; PART]>,
}

impl Device {
    fn new() -> Self {
        Self { name: random_bytes(), marks: Vec::new() }
    }

    fn read(cookie: &Secret) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(cookie.expose()).ok()?;
        let (parts, rest) = bytes.as_chunks::<PART>();
        let (name, marks) = parts.split_first()?;
        (rest.is_empty() && marks.len() <= ADDRESSES).then(|| Self { name: *name, marks: marks.to_vec() })
    }

    fn write(&self) -> Secret {
        let bytes = [&self.name[..], self.marks.as_flattened()].concat();
        Secret::new(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What is counted of one address in this browser.
    fn mine(&self, key: &str) -> String {
        format!("{key}\0{}", self.told())
    }

    /// Its random name.
    fn told(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.name)
    }

    /// What only we can say of an address and this browser.
    fn mark(&self, store: &Store, key: &str) -> [u8; PART] {
        let hash = store.device_mark(&self.mine(key));
        hash.first_chunk().copied().unwrap_or_else(random_bytes)
    }

    fn knows(&self, store: &Store, key: &str) -> bool {
        let mark = self.mark(store, key);
        self.marks.iter().any(|one| verify_slices_are_equal(one, &mark).is_ok())
    }

    fn with(mut self, store: &Store, key: &str) -> Self {
        let mark = self.mark(store, key);
        self.marks.retain(|one| *one != mark);
        self.marks.insert(0, mark);
        self.marks.truncate(ADDRESSES);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{flows::code::tests::application, store::testing::fresh};

    #[tokio::test]
    async fn a_bounded_number_waits_and_whoever_has_waited_makes_room() {
        let fresh = fresh().await;
        let now = Timestamp::from_epoch(1001);
        let tried = |email: &str| Credentials {
            email: email.to_owned(),
            password: Secret::new("een ander woord"),
            device: None,
            from: None,
        };
        let (full, room) = (Semaphore::new(0), Semaphore::new(1));
        let take = async |waiting: &Semaphore, email: &str| {
            take_turn(&fresh.store, waiting, &LoginId::random(), &tried(email), now).await
        };
        for _ in 0..10 {
            assert!(take(&full, "a@voorbeeld.nl").await.is_ok(), "the first ten wait for nobody");
        }
        assert!(take(&room, "a@voorbeeld.nl").await.is_ok());
        assert_eq!(room.available_permits(), 1);
        for _ in 0..2 {
            assert!(matches!(take(&full, "a@voorbeeld.nl").await, Err(Stop::Busy)));
        }
        assert!(
            matches!(take(&room, "a@voorbeeld.nl").await, Err(Stop::TooManyTries(_))),
            "a round has three turns"
        );
        assert!(take(&full, "b@voorbeeld.nl").await.is_ok());
        assert!(take(&full, "no address").await.is_ok());
    }

    #[tokio::test]
    async fn a_try_comes_from_a_known_browser_only_at_an_address_that_logged_in_there() {
        let fresh = fresh().await;
        let (waiting, now) = (Semaphore::new(0), Timestamp::from_epoch(1001));
        let cookie = Device::new().with(&fresh.store, "a@voorbeeld.nl").write();
        let name = Device::read(&cookie).map(|device| device.told());
        for (email, from) in [("a@voorbeeld.nl", name), ("b@voorbeeld.nl", None)] {
            let device = Device::read(&cookie).map(|device| device.write());
            let tried = Credentials {
                email: email.to_owned(),
                password: Secret::new("een woord"),
                device,
                from: None,
            };
            let taken = take_turn(&fresh.store, &waiting, &LoginId::random(), &tried, now).await;
            assert_eq!(taken.unwrap(), from, "{email}");
        }
    }

    #[tokio::test]
    async fn a_try_is_counted_at_its_account_and_where_it_comes_from() {
        let (app, folder) = application().await;
        let (now, login) = (Timestamp::from_epoch(1001), LoginId::random());
        let [here, there] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(|ip| Some(IpAddr::from(ip)));
        let take = |at: Option<&str>, from| Turns::take(&app, &login, at, from, now);
        let spoil = |at, from, times| {
            for _ in 0..times {
                take(at, from).unwrap().leave(&app, true, now);
            }
        };
        spoil(Some("a@voorbeeld.nl"), here, 20);
        let refused = take(Some("a@voorbeeld.nl"), here).unwrap_err();
        assert!(matches!(refused, Stop::TooManyTries(id) if id == login));
        // Elsewhere, at another account, where nobody says where, and by code they go on.
        for (at, from) in [
            (Some("a@voorbeeld.nl"), there),
            (Some("b@voorbeeld.nl"), here),
            (Some("a@voorbeeld.nl"), None),
            (None, here),
        ] {
            assert!(take(at, from).is_ok(), "{at:?} {from:?}");
        }
        spoil(Some("a@voorbeeld.nl"), None, 400);
        // Right ones count for nothing, however many.
        for _ in 0..1000 {
            take(Some("c@voorbeeld.nl"), here).unwrap().leave(&app, false, now);
        }
        spoil(None, here, 279);
        assert!(take(Some("c@voorbeeld.nl"), here).is_ok());
        spoil(None, here, 1);
        assert!(take(Some("c@voorbeeld.nl"), here).is_err() && take(None, here).is_err());
        assert!(take(Some("c@voorbeeld.nl"), there).is_ok(), "elsewhere nobody waits");
        let _ = std::fs::remove_dir_all(folder);
    }

    #[tokio::test]
    async fn a18_a_try_that_waits_where_it_comes_from_takes_no_turn_of_the_account() {
        let (app, folder) = application().await;
        let (now, login, email) = (Timestamp::from_epoch(1001), LoginId::random(), "a@voorbeeld.nl");
        let [here, there] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(|ip| Some(IpAddr::from(ip)));
        let tried = async |from| {
            let password = Secret::new("een ander woord");
            let tried = Credentials { email: email.to_owned(), password, device: None, from };
            crate::flows::email::check(&app, &login, tried, now).await
        };
        for _ in 0..20 {
            Turns::take(&app, &login, Some(email), here, now).unwrap().leave(&app, true, now);
        }
        for _ in 0..50 {
            assert!(matches!(tried(here).await, Err(Stop::TooManyTries(_))));
        }
        assert!(matches!(tried(there).await, Ok(None)), "elsewhere it is looked at");
        let counted = app.store.bump("password", email, 900, now).await.unwrap();
        assert_eq!(counted, 2, "that one, and this");
        let _ = std::fs::remove_dir_all(folder);
    }

    #[test]
    fn turns_are_a_second_apart_and_nobody_waits_longer_than_five() {
        let mut turns = Vec::new();
        for round in 0..4 {
            // The first comes at some second of the round, the others after it.
            for (place, second) in (1..).zip([round % 3, 2, 2, 2, 2]) {
                let now = Timestamp::from_epoch(999 + round * ROUND + second);
                let wait = wait(place, now);
                assert!(wait.is_none_or(|wait| (1..=5).contains(&wait)));
                turns.extend(wait.map(|wait| now.epoch() + i64::try_from(wait).unwrap()));
            }
        }
        assert_eq!(turns, (1002..1014).collect::<Vec<_>>(), "each second has one turn");
        assert_eq!(wait(3, Timestamp::from_epoch(999)), Some(5));
    }

    #[tokio::test]
    async fn a_browser_is_known_for_the_last_eight_addresses_that_logged_in_there() {
        let fresh = fresh().await;
        let store = &fresh.store;
        let address = |n: usize| format!("jansen+{n}@voorbeeld.nl");
        let mut device = Device::new();
        for n in [0, 1, 2, 0, 3, 4, 5, 6, 7, 8] {
            device = Device::read(&device.with(store, &address(n)).write()).unwrap();
        }
        let known: Vec<usize> = (0..9).filter(|n| device.knows(store, &address(*n))).collect();
        assert_eq!(known, [0, 2, 3, 4, 5, 6, 7, 8], "the one longest ago is forgotten");
        assert!(device.write().expose().len() < 200);
    }

    #[tokio::test]
    async fn a_cookie_cannot_be_forged_moved_or_bent() {
        let (fresh, other) = (fresh().await, fresh().await);
        let (store, other) = (&fresh.store, &other.store);
        let device = Device::new().with(store, "a@voorbeeld.nl");
        assert!(!device.knows(store, "b@voorbeeld.nl") && !device.knows(other, "a@voorbeeld.nl"));
        let moved = Device { name: Device::new().name, marks: device.marks.clone() };
        assert!(!moved.knows(store, "a@voorbeeld.nl"), "the mark is of that browser alone");
        let cookie = device.write();
        let bytes = URL_SAFE_NO_PAD.decode(cookie.expose()).unwrap();
        assert_eq!(Device::read(&cookie), Some(device));
        for place in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[place] ^= 1;
            let read = Device::read(&Secret::new(URL_SAFE_NO_PAD.encode(bent))).unwrap();
            assert!(!read.knows(store, "a@voorbeeld.nl"), "bent at {place}");
        }
        let long = [7; PART * (ADDRESSES + 2)];
        for bytes in [&bytes[..31], &bytes[1..], &[], &long] {
            assert_eq!(Device::read(&Secret::new(URL_SAFE_NO_PAD.encode(bytes))), None, "{bytes:?}");
        }
        assert_eq!(Device::read(&Secret::new("geen base64!")), None);
    }
}
