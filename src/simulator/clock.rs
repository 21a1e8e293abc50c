//! The simulator's own clock. It shares none with the house: two sides that read one clock cannot disagree on time.

use chrono::{DateTime, SecondsFormat, Utc};

/// This moment, in UTC.
#[expect(clippy::disallowed_methods, reason = "the one place where the simulator reads the clock")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

/// An `xs:dateTime` in UTC with a `Z`, as SAML wants it (SAML 2.0 core, section 1.3.3).
pub fn stamp(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}
