//! Evidence: what has been proven about the person in front of the browser. `acr` follows from proofs; it is never set.

use serde::{Deserialize, Serialize};

use super::{
    assurance::Level,
    bsn::{Bsn, digits},
    id::AccountId,
    representation::ParentalAuthority,
    time::Timestamp,
};

/// That something was proven at some moment. Made only after the last check: DigiD's where a verified assertion was spent,
/// which a lint guards; a local one by a login that has been through password and code, and by nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof<K> {
    of: K,
    at: Timestamp,
}

/// DigiD vouched for this BSN at this level, and the register of representation for authority over a child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digid {
    /// Whose. In a pending login it only ever travels sealed.
    #[serde(with = "digits")]
    pub bsn: Bsn,
    /// How surely.
    pub level: Level,
    /// What DigiD calls its session (`SessionIndex`), to be named at logout.
    #[serde(default)]
    pub session: Option<String>,
    /// For which child they log in.
    pub authority: Option<ParentalAuthority>,
}

/// Somebody knew the account's password and read its mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    /// The account that they open.
    pub opening: Opening,
}

/// An account as it was when something was proven about it. A later era of the account, begun by a new password, has ended
/// what was proven before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Which.
    pub account: AccountId,
    /// Its era at that moment.
    pub era: i64,
}

impl Proof<Digid> {
    /// States that DigiD vouched for somebody. Forbidden but for one caller.
    pub fn attest(of: Digid, at: Timestamp) -> Self {
        Self { of, at }
    }
}

impl Proof<Local> {
    /// States that the password of `opening` was right, and the code after it.
    pub(super) fn of_password_and_code(opening: Opening, at: Timestamp) -> Self {
        Self { of: Local { opening }, at }
    }
}

impl<K> Proof<K> {
    /// What was proven.
    pub fn of(&self) -> &K {
        &self.of
    }

    /// When: for DigiD its `AuthnInstant`, and never later than it was told.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}
