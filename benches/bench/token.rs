//! Refreshes: two tokens are signed for each.

use namens::domain::secret::Secret;
use reqwest::Client;

use crate::{
    load::{AT_ONCE, Kind, cases, drive},
    process::form,
    stand::{CLIENT, Stand},
};

const REFRESH: Kind = Kind {
    name: "refresh",
    signatures: 2.0,
    bare: &["w3-s-s"],
    words: "the same three writes in a transaction, and two signatures",
};

pub async fn measure() {
    for (number, case) in (1..).zip(cases()) {
        let stand = Stand::new("refresh", case.alg, case.bits, number).await;
        let mut tokens = Vec::new();
        for family in 0..AT_ONCE {
            tokens.push(stand.family(family).await);
        }
        let url = format!("{}/token", stand.issuer);
        let step = move |http, token| refresh(http, url.clone(), token);
        REFRESH.measure(case, &stand, async move |server| drive(server, tokens, step).await).await;
    }
}

/// One refresh; the next token.
async fn refresh(http: Client, url: String, token: Secret) -> Secret {
    refreshed(http, url, token).await.0
}

/// The same with the ID token.
pub async fn refreshed(http: Client, url: String, token: Secret) -> (Secret, String) {
    let fields = [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", token.expose())];
    let answer = form(http.post(url), &fields).send().await.unwrap().bytes().await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{answer}"));
    (Secret::new(text("refresh_token")), text("id_token").to_owned())
}
