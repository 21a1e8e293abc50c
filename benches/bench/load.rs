//! Clients that ask as soon as they are answered, what that costs the server, and how it is told.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use namens::{domain::key::Algorithm, oidc::signing_key::RsaBits};
use reqwest::{Client, redirect::Policy};
use tokio::task::JoinSet;

use crate::{SECONDS, bare, limits::signatures, process::Process, row, stand::Stand, trial};

/// How many clients ask at once.
pub const AT_ONCE: usize = 16;

/// An algorithm to measure with, and for RSA the length of its key.
#[derive(Clone, Copy)]
pub struct Case {
    /// What the report calls it.
    pub name: &'static str,
    /// How tokens are signed.
    pub alg: Algorithm,
    /// How long an RSA key is.
    pub bits: RsaBits,
}

/// Every way to sign that has a bound of its own: PS256 costs what RS256 does.
pub const CASES: [Case; 4] = [
    Case { name: "RS256, 2048 bits", alg: Algorithm::Rs256, bits: RsaBits::B2048 },
    Case { name: "RS256, 3072 bits", alg: Algorithm::Rs256, bits: RsaBits::B3072 },
    Case { name: "ES256", alg: Algorithm::Es256, bits: RsaBits::B2048 },
    Case { name: "EdDSA", alg: Algorithm::EdDsa, bits: RsaBits::B2048 },
];

/// A server's answers, and what they cost it.
pub struct Load {
    /// Answers per second of the wall clock.
    per_second: f64,
    /// Processor seconds for one answer.
    pub cpu: f64,
    /// How long each took, the shortest first.
    took: Vec<Duration>,
}

impl Load {
    /// What the wall clock says. It does not travel: whoever asks shares the machine.
    pub fn clock(&self) -> String {
        let percentile = |of: usize| self.took.get(self.took.len() * of / 100).map_or(0.0, ms);
        format!("{:.0}/s, p50 {:.1} ms, p99 {:.1} ms", self.per_second, percentile(50), percentile(99))
    }
}

fn ms(took: &Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// Has one client for each of `states` take step after step for a while. A step gives the state for the next one.
pub async fn drive<T, F>(
    server: &Process,
    states: Vec<T>,
    step: impl Fn(Client, T) -> F + Clone + Send + 'static,
) -> Load
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let http = Client::builder().redirect(Policy::none()).build().unwrap();
    let (begin, cpu) = (Instant::now(), server.cpu());
    let mut chains = JoinSet::new();
    for mut state in states {
        let (http, step) = (http.clone(), step.clone());
        chains.spawn(async move {
            let mut took = Vec::new();
            // Once in any case: a trial is to have seen it work.
            while took.is_empty() || begin.elapsed() < trial::seconds(SECONDS) {
                let asked = Instant::now();
                state = step(http.clone(), state).await;
                took.push(asked.elapsed());
            }
            took
        });
    }
    let mut took = chains.join_all().await.concat();
    let (elapsed, spent) = (begin.elapsed().as_secs_f64(), server.cpu() - cpu);
    took.sort();
    let answers = took.len() as f64;
    Load { per_second: answers / elapsed, cpu: spent / answers, took }
}

/// What one answer is made of: what the report calls it, how many signatures it takes, and what a bare handler would have to do for
/// it (`bare::serve` knows the letters), a word for each request. A line in the audit log is two writes: the line, and the head of its
/// chain.
pub struct Kind {
    /// What it is.
    pub name: &'static str,
    /// How many signatures of ours.
    pub signatures: f64,
    /// The work of a bare handler.
    pub bare: &'static [&'static str],
    /// The same in words.
    pub words: &'static str,
}

impl Kind {
    /// Measures it under one algorithm: `drive` drives a server on one core. Prints a row next to bare signing, and one
    /// next to a bare handler, which says how much of bare signing can be reached at all. Gives the processor seconds for one.
    pub async fn measure(&self, case: Case, stand: &Stand, drive: impl AsyncFnOnce(&Process) -> Load) -> f64 {
        let keys = stand.keyring().await;
        let before = signatures(&keys, case.alg, stand.now);
        let server = Process::start(stand.serve(), Some(&crate::process::core()));
        let load = drive(&server).await;
        drop(server);
        // Measured before and after: the machine may be faster at one time than at another.
        let limit = before.midpoint(signatures(&keys, case.alg, stand.now));
        let signed = self.signatures / load.cpu;
        row(
            &format!("{}, {}: signatures per second of the server's core", self.name, case.name),
            &format!("{signed:.0} ({})", load.clock()),
            &format!("{limit:.0} bare signatures/s"),
            &format!("{:.0} %", 100.0 * signed / limit),
        );
        let bare = bare::measure(case, self.bare, AT_ONCE, Some(&crate::process::core())).await;
        let reachable = 100.0 * self.signatures / bare.cpu / limit;
        row(
            &format!("{}, {}: CPU for one", self.name, case.name),
            &format!("{:.0} µs", load.cpu * 1e6),
            &format!(
                "{:.0} µs: a bare axum handler with {}; that is {reachable:.0} % of bare signing",
                bare.cpu * 1e6,
                self.words
            ),
            &format!("{:.0} %", 100.0 * bare.cpu / load.cpu),
        );
        load.cpu
    }
}

/// The algorithms to measure with; a trial is content with one of each kind.
pub fn cases() -> impl Iterator<Item = Case> {
    CASES.into_iter().filter(|case| !trial::is_on() || matches!(case.name, "RS256, 2048 bits" | "ES256"))
}
