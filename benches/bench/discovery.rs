//! What anybody may read: the metadata and the key set, next to a bare handler that answers with as many bytes.

use namens::{domain::key::Algorithm, oidc::signing_key::RsaBits};

use crate::{
    bare,
    load::{AT_ONCE, CASES, drive},
    process::{Process, core},
    row,
    stand::Stand,
};

pub async fn measure() {
    let stand = Stand::new("discovery", Algorithm::Rs256, RsaBits::B2048, 30).await;
    let server = Process::start(stand.serve(), Some(&core()));
    for (name, path) in [("discovery", "/.well-known/openid-configuration"), ("JWKS", "/jwks")] {
        let url = format!("{}{path}", stand.issuer);
        let bytes = reqwest::get(&url).await.unwrap().bytes().await.unwrap().len();
        let load = drive(&server, vec![url; AT_ONCE], |http, url| async move {
            let answer = http.get(&url).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            let _ = answer.bytes().await.unwrap();
            url
        })
        .await;
        let bare = bare::measure(CASES[0], &[&format!("b{bytes}")], AT_ONCE, Some(&core())).await;
        row(
            &format!("{name}: CPU for one answer"),
            &format!("{:.0} µs ({})", load.cpu * 1e6, load.clock()),
            &format!("{:.0} µs: a bare axum handler that answers with as many bytes", bare.cpu * 1e6),
            &format!("{:.0} %", 100.0 * bare.cpu / load.cpu),
        );
    }
}
