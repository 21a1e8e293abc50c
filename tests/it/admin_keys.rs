//! A program looks at the signing keys, and lets the next ones take over.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    admin::{Api, LOCAL, ROOT, house_with},
    house::House,
};

const MEMBERS: [&str; 8] =
    ["alg", "created", "kid", "phase", "publish_from", "publish_until", "sign_from", "sign_until"];

fn of_phase(keys: &Value, phase: &str) -> Vec<String> {
    let keys = keys["keys"].as_array().unwrap().iter().filter(|key| key["phase"] == phase);
    let mut found: Vec<_> = keys.map(|key| format!("{} {}", key["alg"], key["kid"])).collect();
    found.sort();
    found
}

/// The names in the key set.
async fn kids(house: &House) -> BTreeSet<String> {
    let set: Value = reqwest::get(format!("{}/jwks", house.issuer)).await.unwrap().json().await.unwrap();
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].to_string()).collect()
}

#[tokio::test]
async fn keys_are_listed_without_their_private_halves_and_turned_once() {
    let house = house_with(LOCAL).await;
    let api = Api::new(&house, &ROOT, "keys").await;
    let (status, before) = api.get("/keys").await;
    assert_eq!(status, 200);
    for key in before["keys"].as_array().unwrap() {
        let told: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(told, MEMBERS, "nothing of a private half");
    }
    // What the command says is what the program hears.
    let listed: Value = serde_json::from_str(&house.ok(&["keys", "list", "--json"])).unwrap();
    assert_eq!(before["keys"], listed);
    assert_eq!((of_phase(&before, "current").len(), of_phase(&before, "next").len()), (4, 4));
    let published = kids(&house).await;
    let (status, told) = api.post("/keys/rotate", &json!({"alg": "ES256"})).await;
    assert_eq!(status, 200, "{told}");
    let [turn] = told["turns"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!((&turn["alg"], &turn["changed"]), (&json!("ES256"), &json!(true)));
    // The next one is known everywhere before it signs, and another waits behind it.
    let (_, after) = api.get("/keys").await;
    assert_eq!(of_phase(&after, "current"), of_phase(&before, "current"));
    assert_eq!(of_phase(&after, "next").len(), 5);
    assert!(of_phase(&after, "next").contains(&format!("\"ES256\" {}", turn["kid"])));
    assert!(of_phase(&before, "next").contains(&format!("\"ES256\" {}", turn["kid"])));
    // The running server tells the new one beside all others, without a restart.
    let kept = async || {
        let now = kids(&house).await;
        now.len() == published.len() + 1 && now.is_superset(&published)
    };
    let begun = Instant::now();
    while !kept().await {
        assert!(begun.elapsed() < Duration::from_mins(1), "{}", house.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Asked again it is done already; the others turn now.
    let (_, again) = api.post("/keys/rotate", &json!({})).await;
    let turns = again["turns"].as_array().unwrap();
    let changed: BTreeSet<&str> = turns
        .iter()
        .filter(|turn| turn["changed"] == true)
        .map(|turn| turn["alg"].as_str().unwrap())
        .collect();
    assert_eq!((turns.len(), changed), (4, BTreeSet::from(["EdDSA", "PS256", "RS256"])));
    let lines = house.query("SELECT actor || ' ' || detail FROM audit WHERE event = 'key.rotated'");
    let of_root = lines.iter().filter(|line| line.starts_with("root ")).count();
    assert_eq!((lines.len(), of_root), (4, 4));
    assert!(lines.contains(&format!("root {}", turn["kid"].as_str().unwrap())));
}

#[tokio::test]
async fn another_scope_turns_nothing_nor_does_what_is_no_algorithm() {
    let house = house_with(LOCAL).await;
    let (keys, others) = (
        Api::new(&house, &ROOT, "keys").await,
        Api::new(&house, &ROOT, "clients accounts mandates audit").await,
    );
    let before = keys.get("/keys").await;
    assert_eq!(others.get("/keys").await.0, 403);
    assert_eq!(others.post("/keys/rotate", &json!({})).await.0, 403);
    for bad in [json!({"alg": "none"}), json!({"alg": ""}), json!({"alg": 1}), json!({"kid": "x"}), json!([])]
    {
        assert_eq!(keys.post("/keys/rotate", &bad).await.0, 400, "{bad}");
    }
    assert_eq!(keys.get("/keys").await, before);
    assert!(house.query("SELECT id FROM audit WHERE event = 'key.rotated'").is_empty());
}
