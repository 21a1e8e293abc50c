//! A client that registered itself changes, and so does its operator: who wins.

use std::sync::Arc;

use axum::{Json, Router, routing::get};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify};

use crate::{
    admin::{Api, LOCAL, PROGRAMS, ROOT},
    client_registration::{CALLS, OPEN, id, invite, manage, manager, portal, registered, with},
    house::{CALLBACK, House, Options},
};

async fn house() -> House {
    let tables: &'static str = Box::leak(format!("{PROGRAMS}{LOCAL}{CALLS}").into_boxed_str());
    House::start_with(Options { top: OPEN, tables, ..Options::default() }).await
}

/// What the token endpoint says to a client with that secret that shows a token which nobody gave.
async fn knock(house: &House, id: &str, secret: &str) -> String {
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let request = reqwest::Client::new().post(format!("{}/token", house.issuer)).form(&form);
    let answer = request.basic_auth(id, Some(secret)).send().await.unwrap();
    answer.json::<Value>().await.unwrap()["error"].as_str().unwrap().to_owned()
}

/// A list of redirect URIs that is told when somebody says so; who hears that it is asked for, and who lets it go.
async fn slow_list() -> (String, Arc<Notify>, Arc<Notify>) {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (hears, waits) = (asked.clone(), go.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}/list", listener.local_addr().unwrap());
    let tell = get(move || async move {
        hears.notify_one();
        waits.notified().await;
        Json(json!([CALLBACK]))
    });
    let router = Router::new().route("/list", tell);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (at, asked, go)
}

/// A change of a client waits for an address of its own while the operator gives a new secret. Gives how both were answered, and the
/// secrets of before and after.
async fn change_beside_a_new_secret(house: &House, told: &Value, keep: i64) -> ((u16, Value), Value) {
    let api = Api::new(house, &ROOT, "clients").await;
    let (list, asked, go) = slow_list().await;
    let change =
        with(with(portal(), "client_id", told["client_id"].clone()), "sector_identifier_uri", json!(list));
    let same = told.clone();
    let under_way =
        tokio::spawn(async move { manage(Method::PUT, &same, manager(&same), Some(&change)).await });
    asked.notified().await;
    // At once: the address is not waited for without end.
    let at = format!("/clients/{}/secret", id(told));
    let (status, new) = api.post(&at, &json!({"keep_old_seconds": keep})).await;
    assert!(status < 300, "{new}");
    go.notify_one();
    (under_way.await.unwrap(), new["client_secret"].clone())
}

/// Whoever has an old secret and the registration access token begins a change; the operator gives a new secret meanwhile.
#[tokio::test]
async fn a_change_under_way_brings_no_old_secret_back() {
    let house = house().await;
    let token = invite(&house, &["--policy", "basic"]);
    let told = registered(&house, &token, &portal()).await;
    let before = told["client_secret"].as_str().unwrap();
    assert_eq!(knock(&house, id(&told), before).await, "invalid_grant");
    let ((status, body), new) = change_beside_a_new_secret(&house, &told, 3600).await;
    assert_eq!((status, &body["error"]), (503, &json!("temporarily_unavailable")), "{body}");
    assert_eq!(knock(&house, id(&told), new.as_str().unwrap()).await, "invalid_grant");
    assert_eq!(knock(&house, id(&told), before).await, "invalid_grant", "for an hour more");
    // Nobody is in its way: a planned change of the secret leaves its registration access token.
    let change = with(portal(), "client_id", told["client_id"].clone());
    assert_eq!(manage(Method::PUT, &told, manager(&told), Some(&change)).await.0, 200);
}

/// Who takes a secret away at once thinks of somebody who has it, and who has it may have what was told beside it.
#[tokio::test]
async fn a_secret_that_ends_at_once_ends_the_registration_access_token_too() {
    let house = house().await;
    for by_command in [false, true] {
        let token = invite(&house, &["--policy", "basic"]);
        let told = registered(&house, &token, &portal()).await;
        let stolen = told["client_secret"].as_str().unwrap();
        let change = with(portal(), "client_id", told["client_id"].clone());
        assert_eq!(manage(Method::PUT, &told, manager(&told), Some(&change)).await.0, 200);
        let renewed = if by_command {
            let said = house.ok(&["clients", "secret", "--keep-old-seconds", "0", "--json", "--", id(&told)]);
            serde_json::from_str::<Value>(&said).unwrap()["client_secret"].clone()
        } else {
            let ((status, body), new) = change_beside_a_new_secret(&house, &told, 0).await;
            assert_eq!(status, 401, "under way it is worth nothing either: {body}");
            new
        };
        assert_eq!(knock(&house, id(&told), stolen).await, "invalid_client");
        assert_eq!(knock(&house, id(&told), renewed.as_str().unwrap()).await, "invalid_grant");
        for (method, body) in [(Method::PUT, Some(&change)), (Method::GET, None), (Method::DELETE, None)] {
            assert_eq!(manage(method, &told, manager(&told), body).await.0, 401);
        }
        assert_eq!(knock(&house, id(&told), renewed.as_str().unwrap()).await, "invalid_grant");
    }
}
