//! Identifiers. Each kind is its own type, so that a person's can never stand where an account's is meant.

use std::fmt;

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// `N` random bytes from the system's generator, in base64url without padding.
pub fn random<const N: usize>() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<N>())
}

/// `N` random bytes from the system's generator.
///
/// # Panics
/// Only when the operating system has no randomness, in which case nothing may go on.
#[expect(
    clippy::expect_used,
    reason = "without randomness no secret can be made: stopping is the only safe answer"
)]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system gives no random bytes");
    bytes
}

/// A random number from 0 to `bound - 1`, each equally likely (rejection sampling). `bound` must not be zero.
pub fn random_below(bound: u32) -> u32 {
    let zone = u32::MAX - u32::MAX % bound.max(1);
    loop {
        let draw = u32::from_le_bytes(random_bytes());
        if draw < zone {
            return draw % bound.max(1);
        }
    }
}

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A new one: 128 random bits.
            pub fn random() -> Self {
                Self(random::<16>())
            }

            /// One that was stored or received earlier.
            pub fn from_stored(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

identifiers! {
    /// The subject of a record: someone known to the desk, or the owner of an account.
    PersonId,
    /// How a person logs in.
    AccountId,
    /// A mandate: one person may act for another.
    MandateId,
    /// A special basis.
    SpecialBasisId,
    /// A proposal to correct what is recorded of a person.
    CorrectionId,
    /// A membership of the desk.
    StaffId,
    /// A login under way. It stands in URLs; it is worth nothing without the browser's cookie.
    LoginId,
    /// One grant of one client in one session: the family of its code, access and refresh tokens.
    GrantId,
    /// The `sid` that clients see (OpenID Connect Back-Channel Logout, section 2.1). Not the cookie's secret.
    SessionId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_below_stays_below_and_reaches_both_ends() {
        let draws: Vec<u32> = (0..400).map(|_| random_below(6)).collect();
        assert!(draws.iter().all(|d| *d < 6) && draws.contains(&0) && draws.contains(&5));
    }

    /// Of three quarters of all numbers, a remainder would favour the first third: one in two instead of one in three.
    #[test]
    fn random_below_favours_no_number_however_large_the_bound() {
        let low = (0..4000).filter(|_| random_below(3 << 30) < 1 << 30).count();
        assert!((1000..1666).contains(&low), "a third of 4000 is 1333 with a deviation of 30: {low}");
    }

    #[test]
    fn identifiers_are_128_bits_and_differ() {
        let (a, b) = (PersonId::random(), PersonId::random());
        assert_eq!(a.as_str().len(), 22);
        assert_ne!(a, b);
    }
}
