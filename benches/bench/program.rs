//! A program that asks for a token in its own name, by its secret; and the same with a proof that it holds a key.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use namens::{
    clock::Clock,
    domain::{
        id::random,
        key::{Algorithm, KeyFacts},
        time::Timestamp,
    },
    oidc::{
        keyring::Keyring,
        signing_key::{RsaBits, generate},
    },
};
use reqwest::Client;
use serde_json::json;

use crate::{
    limits::verifications,
    load::{AT_ONCE, Kind, Load, cases, drive},
    process::{Process, form},
    row,
    stand::{PROGRAM, SECRET, Stand},
};

const PLAIN: Kind = Kind {
    name: "client_credentials",
    signatures: 1.0,
    bare: &["w2-s"],
    words: "the same two writes in a transaction and one signature",
};

/// The proof is used up in a transaction of its own, before anything else is written.
const PROVEN: Kind = Kind {
    name: "client_credentials with DPoP",
    signatures: 1.0,
    bare: &["v-w1-w2-s"],
    words: "one verification, three writes in two transactions and one signature",
};

pub async fn measure() {
    for (number, case) in (1..).zip(cases()) {
        let stand = Stand::new("program", case.alg, case.bits, 20 + number).await;
        let url = format!("{}/token", stand.issuer);
        let plain = PLAIN.measure(case, &stand, async |server| tokens(server, &url, None).await).await;
        // The bare handler verifies with the algorithm that it signs with.
        if case.alg == Algorithm::Es256 {
            let prover = Arc::new(Prover::new());
            let bound =
                PROVEN.measure(case, &stand, async |server| tokens(server, &url, Some(prover)).await).await;
            let (added, keys) = ((bound - plain) * 1e6, stand.keyring().await);
            let one = 1e6 / verifications(&keys, case.alg, stand.now);
            row(
                &format!("DPoP, {}: CPU that it adds to one", case.name),
                &format!("{added:.0} µs"),
                &format!("{one:.0} µs: one bare verification"),
                &format!("{:.0} %", 100.0 * one / added),
            );
        }
    }
}

async fn tokens(server: &Process, url: &str, prover: Option<Arc<Prover>>) -> Load {
    let url = url.to_owned();
    drive(server, vec![(); AT_ONCE], move |http: Client, ()| {
        let (url, prover) = (url.clone(), prover.clone());
        async move {
            let fields =
                [("grant_type", "client_credentials"), ("client_id", PROGRAM), ("client_secret", SECRET)];
            let ask = form(http.post(&url), &fields);
            let ask = match &prover {
                Some(prover) => ask.header("dpop", prover.proof(&url)),
                None => ask,
            };
            let answer = ask.send().await.unwrap().bytes().await.unwrap();
            let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(answer["token_type"], if prover.is_some() { "DPoP" } else { "Bearer" }, "{answer}");
        }
    })
    .await
}

/// Makes proofs (RFC 9449 section 4.2).
struct Prover(Keyring);

impl Prover {
    fn new() -> Self {
        let (key, at) = (generate(Algorithm::Es256, RsaBits::B2048).unwrap(), Timestamp::from_epoch(0));
        let facts = KeyFacts {
            kid: key.kid.clone(),
            alg: Algorithm::Es256,
            created: at,
            publish_from: at,
            sign_from: at,
            sign_until: None,
            publish_until: None,
        };
        Self(Keyring::new([(facts, Ok(key.pkcs8))], &Keyring::default()))
    }

    fn proof(&self, url: &str) -> String {
        let now = Clock.now();
        let key = self.0.signer(Algorithm::Es256, now).unwrap();
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.public()});
        let claims = json!({"jti": random::<16>(), "htm": "POST", "htu": url, "iat": now.epoch()});
        let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = URL_SAFE_NO_PAD.encode(key.sign_bytes(signed.as_bytes()).unwrap());
        format!("{signed}.{signature}")
    }
}
