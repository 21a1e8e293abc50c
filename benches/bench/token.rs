//! The token endpoint on one core, counted in signatures: a refresh signs two tokens.

use std::time::{Duration, Instant};

use namens::{
    domain::{key::Algorithm, secret::Secret},
    oidc::signing_key::RsaBits,
};

use crate::{
    SECONDS, bare,
    limits::signatures,
    process::{Process, form},
    row,
    stand::{CLIENT, Stand},
};

/// How many clients refresh at once, each with a family of its own.
const AT_ONCE: usize = 16;
/// The core of the server; the load comes from another.
const CORE: &str = "0";

/// A server's answers, and what they cost it.
pub struct Load {
    /// Answers per second of the wall clock.
    pub per_second: f64,
    /// Processor seconds for one answer.
    pub cpu: f64,
}

pub async fn measure() {
    let cases = [
        ("RS256, 2048 bits", Algorithm::Rs256, RsaBits::B2048),
        ("RS256, 3072 bits", Algorithm::Rs256, RsaBits::B3072),
        ("ES256", Algorithm::Es256, RsaBits::B2048),
    ];
    for (number, (name, alg, bits)) in (1..).zip(cases) {
        let stand = Stand::new(name.split(',').next().unwrap(), alg, bits, number).await;
        let keys = stand.keyring().await;
        let before = signatures(&keys, alg, stand.now);
        let mut tokens = Vec::new();
        for family in 0..AT_ONCE {
            tokens.push(stand.family(family).await);
        }
        let server = Process::start(stand.serve(), Some(CORE));
        let load = drive(&stand, &server, tokens).await;
        // Measured before and after: the machine may be faster at one time than at another.
        let limit = before.midpoint(signatures(&keys, alg, stand.now));
        let signed = 2.0 / load.cpu;
        row(
            &format!("refresh, {name}: signatures per second of the server's core"),
            &format!("{signed:.0} ({:.0} answers/s on the wall clock)", load.per_second),
            &format!("{limit:.0} bare signatures/s"),
            &format!("{:.0} %", 100.0 * signed / limit),
        );
        if alg == Algorithm::Es256 {
            let bare = bare::measure(CORE).await;
            row(
                "refresh, ES256: CPU for one answer",
                &format!("{:.0} µs", load.cpu * 1e6),
                &format!(
                    "{:.0} µs: a bare axum handler, the same writes in a transaction each, two signatures",
                    bare.cpu * 1e6
                ),
                &format!("{:.2} ×", load.cpu / bare.cpu),
            );
        }
    }
}

async fn drive(stand: &Stand, server: &Process, tokens: Vec<Secret>) -> Load {
    let http = reqwest::Client::new();
    let url = format!("{}/token", stand.issuer);
    let (begin, cpu) = (Instant::now(), server.cpu());
    let mut chains = Vec::new();
    for token in tokens {
        let (http, url) = (http.clone(), url.clone());
        chains.push(tokio::spawn(async move { chain(&http, &url, token, begin).await }));
    }
    let mut answers = 0_u32;
    for chain in chains {
        answers += chain.await.unwrap();
    }
    let spent = server.cpu() - cpu;
    Load { per_second: f64::from(answers) / begin.elapsed().as_secs_f64(), cpu: spent / f64::from(answers) }
}

async fn chain(http: &reqwest::Client, url: &str, mut token: Secret, begin: Instant) -> u32 {
    let mut answers = 0;
    while begin.elapsed() < Duration::from_secs(SECONDS) {
        let fields =
            [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", token.expose())];
        let answer = form(http.post(url), &fields).send().await.unwrap().bytes().await.unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        token = Secret::new(answer["refresh_token"].as_str().unwrap_or_else(|| panic!("{answer}")));
        answers += 1;
    }
    answers
}
