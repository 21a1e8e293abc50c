//! What is logged and where: to standard error, so that standard output stays the answer of a command. And what is counted,
//! for Prometheus. No label holds what somebody outside chose: each has a few known values.

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
        Ok(Self(handle))
    }

    /// All of it in the text format of Prometheus 0.0.4, with what ends and how soon.
    pub fn text(&self, endings: &[Ending], now: Timestamp) -> String {
        // Asked of `now` each time, and kept by nobody: what was replaced is told no more.
        let fresh = PrometheusBuilder::new().build_recorder();
        with_local_recorder(&fresh, || {
            describe_gauge!(
                ENDS,
                Unit::Seconds,
                "How long a certificate or DigiD's metadata still counts; negative after its end"
            );
            for Ending { what, name, serial, at } in endings {
                // Exact for the next hundred million years.
                #[expect(clippy::cast_precision_loss, reason = "seconds")]
                let left = at.since(now) as f64;
                gauge!(ENDS, "what" => *what, "name" => name.clone(), "serial" => serial.clone()).set(left);
            }
        });
        format!("{}{}", self.0.render(), fresh.handle().render())
    }
}
