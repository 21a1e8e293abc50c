//! Another e-mail address for an account (F13): what waits for the code that was mailed to it.

use serde::{Deserialize, Serialize};

use super::{code::SentCode, email::Email, time::Timestamp};

/// For how long it is kept, in seconds: longer than its code works, so that somebody late is told so.
pub const KEPT: i64 = 1800;

/// An address that an account is to have. It belongs to the session in which it was asked for, and counts once its code came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAddress {
    /// The address, as typed.
    pub to: Email,
    /// When it was asked for, by somebody with fresh proof of then.
    pub asked: Timestamp,
    /// The code; one that is never right where another account has the address.
    pub code: SentCode,
}
