//! What comes to the assertion consumer service and reaches no login of the browser that brings it: an answer forged, stolen
//! or sent on (login CSRF), or only one that comes too late. It gets a line in the audit log, of which strangers can
//! make no more than a bounded number.

use std::net::IpAddr;

use crate::{
    app::App,
    domain::{fault::Fault, time::Timestamp},
    store::audit::Event,
};

/// How long lines are counted together, in seconds.
const WINDOW: i64 = 3600;
/// How many lines one address may cause in that time: those of a proxy are one, so more than a few.
const OF_ONE: i64 = 20;
/// How many all addresses together may cause.
const OF_ALL: i64 = 200;

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stray {
    /// It names no login of this browser.
    NoLogin,
    /// It is not one artifact and one RelayState.
    NoAnswer,
    /// It was not brought by GET: no answer of DigiD is posted to us.
    OtherMethod,
}

impl Stray {
    /// The stable word of the audit log.
    fn word(self) -> &'static str {
        match self {
            Self::NoLogin => "digid_no_login",
            Self::NoAnswer => "digid_no_answer",
            Self::OtherMethod => "digid_other_method",
        }
    }
}

/// Writes the line, while its bounds allow.
pub async fn note(app: &App, stray: Stray, from: Option<IpAddr>, now: Timestamp) -> Result<(), Fault> {
    let from = from.map(counted).unwrap_or_default();
    let within = app.store.bump("stray", &from, WINDOW, now).await? <= OF_ONE
        && app.store.bump("stray", "all", WINDOW, now).await? <= OF_ALL;
    if within {
        let outcome = stray.word();
        tracing::warn!(
            code = outcome,
            "what claims to be an answer of DigiD reached no login of this browser"
        );
        app.store.audit(&Event { event: "login.digid", outcome, ..Event::default() }, now).await?;
    }
    Ok(())
}

/// By what an address is counted: of IPv6 by its network, since one subscriber has all of it.
fn counted(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:x}", address.to_bits() >> 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_count_as_one() {
        let counted = |address: &str| counted(address.parse().unwrap());
        assert_eq!(counted("2001:db8:1:2::1"), counted("2001:db8:1:2:ffff::"));
        assert_ne!(counted("2001:db8:1:2::1"), counted("2001:db8:1:3::1"));
        assert_eq!(counted("::ffff:192.0.2.1"), counted("192.0.2.1"));
        assert_ne!(counted("192.0.2.1"), counted("192.0.2.2"));
    }
}
