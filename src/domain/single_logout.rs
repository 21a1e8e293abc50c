//! DigiD asks to log somebody out, because they logged out there or at another service.

use std::fmt;

use super::{bsn::Bsn, time::Timestamp};

/// DigiD's request, after every check but whether it came before. `Debug` prints nothing.
pub struct LogoutRequest {
    /// Its `ID`, which counts once.
    pub id: String,
    /// Whom to log out.
    pub bsn: Bsn,
    /// Only out of the session that DigiD calls so. Without it, out of all.
    pub session: Option<String>,
    /// When it was made.
    pub issued: Timestamp,
}

impl fmt::Debug for LogoutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogoutRequest(…)")
    }
}
