//! What is logged and where: to standard error, so that standard output stays the answer of a command. And what is counted,
//! for Prometheus. No label holds what somebody outside chose: each has a few known values.

pub mod traces;

use std::io::{IsTerminal, stderr};

use metrics::{
    SetRecorderError, Unit, counter, describe_counter, describe_gauge, gauge, set_global_recorder,
    with_local_recorder,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::domain::{finding::Ending, time::Timestamp};

const LOGINS: &str = "namens_logins_total";
const TOKENS: &str = "namens_tokens_issued_total";
const REQUESTS: &str = "namens_http_requests_total";
const ENDS: &str = "namens_expires_in_seconds";
const LASTS: &str = "namens_lasts_for_seconds";
const DIGID_BUSY: &str = "namens_digid_busy_total";
const MANDATES_TOLD: &str = "namens_mandates_told_total";
const AUDIT_SET_BACK: &str = "namens_audit_set_back_total";
const OVERDUE: &str = "namens_mandates_overdue";

/// Starts logging: lines for people on a terminal, JSON anywhere else. `RUST_LOG` chooses what is logged; `info` and
/// worse when it is not set.
pub fn start() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // Logging is started once a process; a second start (in a test) changes nothing.
    let _ = if stderr().is_terminal() { log.try_init() } else { log.json().try_init() };
}

/// A login ended: how it was begun (`digid`, `local`), and the word of the audit log for how it ended.
pub fn login(way: &'static str, outcome: &str) {
    counter!(LOGINS, "way" => way, "outcome" => outcome.to_owned()).increment(1);
}

/// Logins that end so may come: their series begins at 0, so that the first of them is seen to come.
pub fn expect_logins(way: &'static str, outcomes: &[&'static str]) {
    for outcome in outcomes {
        counter!(LOGINS, "way" => way, "outcome" => *outcome).absolute(0);
    }
}

/// What DigiD's XML and signatures may ask of the machine, by what asks it.
#[derive(Debug, Clone, Copy)]
pub enum Asking {
    /// A person who wants to leave for DigiD.
    Request,
    /// DigiD, which wants somebody logged out.
    Logout,
}

impl Asking {
    const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Logout => "logout",
        }
    }
}

/// Too much work waited, so this was turned away unread.
pub fn digid_busy(asking: Asking) {
    counter!(DIGID_BUSY, "what" => asking.name()).increment(1);
}

/// Whom is told what becomes of a mandate.
#[derive(Debug, Clone, Copy)]
pub enum Hearer {
    /// A portal, of an end by the clock.
    Portal,
    /// One of its two people, by mail.
    Person,
}

impl Hearer {
    const fn name(self) -> &'static str {
        match self {
            Self::Portal => "portal",
            Self::Person => "person",
        }
    }
}

/// So many are told.
pub fn mandates_told(whom: Hearer, count: u64) {
    counter!(MANDATES_TOLD, "whom" => whom.name()).increment(count);
}

/// The audit log stood elsewhere than where it was left, as nobody but somebody else can have done.
pub fn audit_set_back() {
    counter!(AUDIT_SET_BACK).increment(1);
}

/// So many mandates wait for a second pair of eyes for too long (M10).
pub fn overdue(mandates: usize) {
    gauge!(OVERDUE).set(f64::from(u32::try_from(mandates).unwrap_or(u32::MAX)));
}

/// A portal got tokens.
pub fn tokens() {
    counter!(TOKENS).increment(1);
}

/// A request was answered. `route` is the template that it matched, never its path.
pub fn request(route: &str, status: u16) {
    counter!(REQUESTS, "route" => route.to_owned(), "status" => status.to_string()).increment(1);
}

/// What was counted since the start. Until one is made, nothing is counted.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Begins to count: once a process.
    pub fn start() -> Result<Self, SetRecorderError<PrometheusRecorder>> {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        set_global_recorder(recorder)?;
        describe_counter!(LOGINS, "Logins that ended, by the way they came and how they ended");
        describe_counter!(TOKENS, "Answers of the token endpoint with tokens in them");
        describe_counter!(REQUESTS, "Requests answered, by the template of their route and the status");
        describe_counter!(
            DIGID_BUSY,
            "What was turned away because too much XML work waited, by what it was"
        );
        describe_counter!(
            MANDATES_TOLD,
            "What was told of the beginning and the end of mandates, by whom it was told"
        );
        for whom in [Hearer::Portal, Hearer::Person] {
            counter!(MANDATES_TOLD, "whom" => whom.name()).absolute(0);
        }
        describe_counter!(AUDIT_SET_BACK, "How often the audit log was found set back or written anew");
        describe_gauge!(
            OVERDUE,
            "Mandates that wait for their second pair of eyes past the end of the next working day"
        );
        counter!(TOKENS).absolute(0);
        counter!(AUDIT_SET_BACK).absolute(0);
        for asking in [Asking::Request, Asking::Logout] {
            counter!(DIGID_BUSY, "what" => asking.name()).absolute(0);
        }
        Ok(Self(handle))
    }

    /// All of it in the text format of Prometheus 0.0.4, with what ends and how soon, and until when each kind of it serves.
    pub fn text(&self, endings: &[Ending], lasting: &[(&'static str, Timestamp)], now: Timestamp) -> String {
        // Asked of `now` each time, and kept by nobody: what was replaced is told no more.
        let fresh = PrometheusBuilder::new().build_recorder();
        with_local_recorder(&fresh, || {
            describe_gauge!(
                ENDS,
                Unit::Seconds,
                "How long a certificate or DigiD's metadata still counts; negative after its end"
            );
            describe_gauge!(
                LASTS,
                Unit::Seconds,
                "How long certificates of a kind, or DigiD's metadata, go on to serve, with what takes over in time"
            );
            // Exact for the next hundred million years.
            #[expect(clippy::cast_precision_loss, reason = "seconds")]
            let left = |at: Timestamp| at.since(now) as f64;
            for Ending { what, name, serial, at } in endings {
                gauge!(ENDS, "what" => *what, "name" => name.clone(), "serial" => serial.clone())
                    .set(left(*at));
            }
            for (what, at) in lasting {
                gauge!(LASTS, "what" => *what).set(left(*at));
            }
        });
        format!("{}{}", self.0.render(), fresh.handle().render())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_come_begins_at_zero_and_what_came_stays() {
        let recorder = PrometheusBuilder::new().build_recorder();
        with_local_recorder(&recorder, || {
            expect_logins("digid", &["ok", "digid_busy"]);
            login("digid", "ok");
            expect_logins("digid", &["ok"]);
            digid_busy(Asking::Logout);
            digid_busy(Asking::Request);
            digid_busy(Asking::Logout);
            overdue(3);
        });
        let text = recorder.handle().render();
        for line in [
            "namens_logins_total{way=\"digid\",outcome=\"ok\"} 1",
            "namens_logins_total{way=\"digid\",outcome=\"digid_busy\"} 0",
            "namens_digid_busy_total{what=\"logout\"} 2",
            "namens_mandates_overdue 3",
            "namens_digid_busy_total{what=\"request\"} 1",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}: {text}");
        }
    }
}
