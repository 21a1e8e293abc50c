//! Refreshes of a parent who acts for two children next to those of somebody who acts for nobody, by the same server: what `act_as` costs.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use namens::{
    app::App,
    config::Config,
    domain::{
        assurance::Level,
        id::{AccountId, PersonId},
        secret::Secret,
    },
};

use crate::{
    load::{AT_ONCE, Case, cases, drive},
    process::{Process, core},
    row,
    seed::fill,
    stand::Stand,
    token::refreshed,
    trial,
};

/// How often each of both is measured, in turn.
const TURNS: usize = 3;

pub async fn measure() {
    for (number, case) in (1..).zip(cases()) {
        compare(case, 70 + number).await;
    }
}

async fn compare(case: Case, number: u8) {
    let stand = Stand::new("act_as", case.alg, case.bits, number).await;
    let app = App::build(Config::read(&stand.folder.join("namens.toml")).unwrap()).await.unwrap();
    let seeded = fill(&stand, &app, 1000, 0).await;
    app.store.close().await;
    let server = Process::start(stand.serve(), Some(&core()));
    let (mut two, mut nobody) = (0.0, 0.0);
    let turns = if trial::is_on() { 1 } else { TURNS };
    for _ in 0..turns {
        two += one(&server, &stand, &seeded.parents_of_two, 2).await;
        nobody += one(&server, &stand, &seeded.alone, 0).await;
    }
    let [two, nobody] = [two, nobody].map(|cpu| cpu * 1e6 / turns as f64);
    row(
        &format!("refresh with two people in `act_as`, {}: CPU for one", case.name),
        &format!("{two:.0} µs"),
        &format!("{nobody:.0} µs with nobody in it; target at most 110 %"),
        &format!("{:.0} %", 100.0 * two / nobody),
    );
}

/// Processor seconds of a refresh of such people: those who may act for so many now, as some mandates wait or are blocked.
async fn one(server: &Process, stand: &Stand, people: &[(AccountId, PersonId)], acts_for: usize) -> f64 {
    let mut tokens: Vec<Secret> = Vec::new();
    for (account, person) in people {
        let held = stand.store.mandates_held(person, stand.now).await.unwrap();
        if tokens.len() == AT_ONCE || held.iter().filter(|one| one.standing.is_active()).count() != acts_for {
            continue;
        }
        let session = stand.session_of(account, person, Level::Midden).0;
        stand.store.begin_session(&session).await.unwrap();
        tokens.push(stand.family_in(&session).await);
    }
    assert_eq!(tokens.len(), AT_ONCE);
    let url = format!("{}/token", stand.issuer);
    let step = move |http, token| {
        let url = url.clone();
        async move {
            let (next, id_token) = refreshed(http, url, token).await;
            let claims = URL_SAFE_NO_PAD.decode(id_token.split('.').nth(1).unwrap()).unwrap();
            let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
            assert_eq!(claims["act_as"].as_array().unwrap().len(), acts_for, "{claims}");
            next
        }
    };
    drive(server, tokens, step).await.cpu
}
