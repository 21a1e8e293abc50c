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

/// Whoever has an old secret and the registration access token begins a change, which waits for an address of theirs; the operator
/// gives a new secret meanwhile.
#[tokio::test]
async fn a_change_under_way_brings_no_old_secret_back() {
    let house = house().await;
    let api = Api::new(&house, &ROOT, "clients").await;
    let token = invite(&house, &["--policy", "basic"]);
    let told = registered(&house, &token, &portal()).await;
    let stolen = told["client_secret"].as_str().unwrap().to_owned();
    assert_eq!(knock(&house, id(&told), &stolen).await, "invalid_grant");
    let (list, asked, go) = slow_list().await;
    let change =
        with(with(portal(), "client_id", told["client_id"].clone()), "sector_identifier_uri", json!(list));
    let same = told.clone();
    let under_way =
        tokio::spawn(async move { manage(Method::PUT, &same, manager(&same), Some(&change)).await });
    asked.notified().await;
    // At once: the address is not waited for without end.
    let at = format!("/clients/{}/secret", id(&told));
    let (status, new) = api.post(&at, &json!({"keep_old_seconds": 0})).await;
    assert!(status < 300, "{new}");
    go.notify_one();
    let (status, body) = under_way.await.unwrap();
    assert_eq!((status, &body["error"]), (503, &json!("temporarily_unavailable")), "{body}");
    assert_eq!(knock(&house, id(&told), &stolen).await, "invalid_client");
    assert_eq!(knock(&house, id(&told), new["client_secret"].as_str().unwrap()).await, "invalid_grant");
    // The twin: nobody is in its way.
    let change = with(portal(), "client_id", told["client_id"].clone());
    assert_eq!(manage(Method::PUT, &told, manager(&told), Some(&change)).await.0, 200);
}

#[tokio::test]
async fn what_the_operator_takes_from_a_client_it_does_not_take_back() {
    let house = house().await;
    let api = Api::new(&house, &ROOT, "clients").await;
    let token = invite(&house, &["--policy", "basic", "--scope", "email", "--scope", "profile"]);
    let told = registered(&house, &token, &portal()).await;
    let at = format!("/clients/{}", id(&told));
    let (_, mut shown) = api.get(&at).await;
    assert_eq!(
        (&shown["scopes"], &shown["third_party"]),
        (&json!(["openid", "profile", "email"]), &json!(true))
    );
    shown.as_object_mut().unwrap().remove("configured");
    shown["scopes"] = json!(["openid"]);
    shown["minimum_level"] = json!("midden");
    let mut own = shown.clone();
    own.as_object_mut().unwrap().remove("third_party");
    let (status, problem) = api.call(Method::PUT, &at, Some(&own)).await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().contains("third_party"), "{problem}");
    assert_eq!(api.call(Method::PUT, &at, Some(&shown)).await.0, 200);

    let change = with(portal(), "client_id", told["client_id"].clone());
    assert_eq!(manage(Method::PUT, &told, manager(&told), Some(&change)).await.0, 401);
    assert_eq!(manage(Method::DELETE, &told, manager(&told), None).await.0, 401);
    let (_, after) = api.get(&at).await;
    assert_eq!((&after["scopes"], &after["minimum_level"]), (&json!(["openid"]), &json!("midden")));
}
