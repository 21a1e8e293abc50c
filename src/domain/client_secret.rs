//! The secret of a client, and for a while the one before it: so a portal gets a new one without a pause.

use serde::{Deserialize, Serialize};

use super::{
    secret::{Hashed, Secret},
    time::Timestamp,
};

/// The hashes of the secrets that a client may show: one, and at most one older until it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct ClientSecret {
    current: Hashed,
    older: Option<(Hashed, Timestamp)>,
}

/// As it is stored: the bare hash where there is one, as it always was.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    One(Hashed),
    Two { current: Hashed, older: Hashed, older_ends: Timestamp },
}

impl From<Stored> for ClientSecret {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::One(current) => current.into(),
            Stored::Two { current, older, older_ends } => Self { current, older: Some((older, older_ends)) },
        }
    }
}

impl From<ClientSecret> for Stored {
    fn from(secret: ClientSecret) -> Self {
        let ClientSecret { current, older } = secret;
        match older {
            None => Self::One(current),
            Some((older, older_ends)) => Self::Two { current, older, older_ends },
        }
    }
}

impl From<Hashed> for ClientSecret {
    fn from(current: Hashed) -> Self {
        Self { current, older: None }
    }
}

impl ClientSecret {
    /// Whether `secret` is good at `now`. Both are compared, in constant time.
    pub fn is_good(&self, secret: &Secret, now: Timestamp) -> bool {
        let older = self.older.as_ref().is_some_and(|(older, ends)| older.is_of(secret) && now < *ends);
        self.current.is_of(secret) | older
    }

    /// Whether `secret` is the newest.
    pub fn is_newest(&self, secret: &Secret) -> bool {
        self.current.is_of(secret)
    }

    /// Whether one secret is good for both.
    pub fn shares_with(&self, other: &Self) -> bool {
        let mine = [Some(&self.current), self.older.as_ref().map(|(older, _)| older)];
        let has = |hash: &&Hashed| {
            **hash == other.current || other.older.as_ref().is_some_and(|(older, _)| older == *hash)
        };
        mine.into_iter().flatten().any(|hash| has(&hash))
    }

    /// Puts a new one in its place. The one until now is good for `keep` seconds more, and one that was older still is not.
    #[must_use]
    pub fn renewed(&self, new: &Secret, keep: i64, now: Timestamp) -> Self {
        let older = (keep > 0).then(|| (self.current.clone(), now.plus(keep)));
        Self { current: new.hashed(), older }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_epoch(second)
    }

    #[test]
    fn the_one_before_is_good_until_its_end_and_never_more_than_two_are() {
        let [first, second, third] = ["a", "b", "c"].map(Secret::new);
        let good = |secrets: &ClientSecret, now: i64| {
            [&first, &second, &third].map(|secret| secrets.is_good(secret, at(now)))
        };
        let one = ClientSecret::from(first.hashed());
        assert_eq!(good(&one, 0), [true, false, false]);
        let two = one.renewed(&second, 100, at(1000));
        assert_eq!((good(&two, 1099), good(&two, 1100)), ([true, true, false], [false, true, false]));
        let three = two.renewed(&third, 50, at(1010));
        assert_eq!((good(&three, 1010), good(&three, 1060)), ([false, true, true], [false, false, true]));
        assert_eq!(two.renewed(&third, 0, at(1010)), third.hashed().into(), "at once");
        assert_eq!(good(&one.renewed(&first, 100, at(1000)), 1000), [true, false, false], "the same again");
        assert!(three.is_newest(&third) && !three.is_newest(&second));
    }

    #[test]
    fn two_share_a_secret_whichever_of_theirs_it_is() {
        let [first, second, third] = ["a", "b", "c"].map(Secret::new);
        let one = ClientSecret::from(first.hashed());
        let two = one.renewed(&second, 100, at(1000));
        let other = ClientSecret::from(third.hashed());
        for (mine, theirs, shares) in [
            (&one, &one, true),
            (&one, &two, true),
            (&two, &one, true),
            (&two, &other, false),
            (&other, &one, false),
        ] {
            assert_eq!(mine.shares_with(theirs), shares, "{mine:?} {theirs:?}");
        }
    }

    #[test]
    fn one_is_stored_as_it_always_was_and_two_come_back() {
        let one = ClientSecret::from(Hashed::from_stored(vec![1, 2]));
        assert_eq!(serde_json::to_string(&one).unwrap(), "[1,2]");
        let two = one.renewed(&Secret::new("b"), 100, at(1000));
        for secrets in [one, two] {
            let text = serde_json::to_string(&secrets).unwrap();
            assert_eq!(serde_json::from_str::<ClientSecret>(&text).unwrap(), secrets);
        }
    }
}
