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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_nothing_of_whom_it_names() {
        let request = LogoutRequest {
            id: "_1".to_owned(),
            bsn: Bsn::parse("999990019").unwrap(),
            session: None,
            issued: Timestamp::from_epoch(0),
        };
        assert_eq!(format!("{request:?}"), "LogoutRequest(…)");
    }
}
