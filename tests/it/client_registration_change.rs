//! A client that registered itself changes, and so does its operator: who wins.

use std::sync::Arc;

use axum::{Json, Router, routing::get};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify};

use crate::{
    admin::{Api, LOCAL, PROGRAMS, ROOT},
    browser::Browser,
    client_registration::{
        CALLS, OPEN, assert_refused, id, invite, keyed, manage, manager, portal, registered, with,
    },
    house::{CALLBACK, House, Options},
    jose::{KEY, Key},
    oidc_client::{Auth, Client, THE_PORTAL, logged_in},
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
            let said = house.ok(&[
                "clients",
                "secret",
                "--by",
                "els",
                "--keep-old-seconds",
                "0",
                "--json",
                "--",
                id(&told),
            ]);
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

/// A client with the key of [`keyed`], and these redirect URIs.
fn at(uris: &Value) -> Value {
    with(keyed(), "redirect_uris", uris.clone())
}

fn sector(house: &House, told: &Value) -> Value {
    let shown: Value = serde_json::from_str(&house.ok(&["clients", "--json", "show", id(told)])).unwrap();
    shown["sector"].clone()
}

/// Under what name a client knows whoever sits at the browser.
async fn sub(house: &House, browser: &Browser, told: &Value) -> String {
    let client = Client { id: id(told), auth: Auth::Key, callback: CALLBACK };
    client.sign_on(house, browser, "openid").await.sub().to_owned()
}

#[tokio::test]
async fn a_client_of_several_hosts_shares_its_subjects_with_nobody_and_keeps_them_whatever_hosts_it_has() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let token = invite(&house, &["--policy", "basic", "--own", "--uses", "9"]);
    let two = json!([CALLBACK, "https://example.org/redirect"]);
    let told = registered(&house, &token, &at(&two)).await;
    let another = registered(&house, &token, &at(&two)).await;
    let one = registered(&house, &token, &keyed()).await;
    assert_eq!([&told, &another].map(|told| sector(&house, told)), [json!(id(&told)), json!(id(&another))]);
    let own = sub(&house, &browser, &told).await;
    assert_ne!(own, sub(&house, &browser, &another).await);
    assert_ne!(own, sub(&house, &browser, &one).await);
    // What it was told says pairwise, and comes back so.
    let alone = json!([CALLBACK]);
    for uris in [&alone, &two, &json!([CALLBACK, "https://b.example/cb", "https://c.example/cb"]), &alone] {
        for subject_type in [json!(null), json!("pairwise")] {
            let change = with(with(at(uris), "client_id", json!(id(&told))), "subject_type", subject_type);
            let (status, body) = manage(Method::PUT, &told, manager(&told), Some(&change)).await;
            assert_eq!(status, 200, "{body}");
            assert_eq!(sector(&house, &told), id(&told), "{change}");
        }
    }
    assert_eq!(sub(&house, &browser, &told).await, own);
}

#[tokio::test]
async fn no_change_of_hosts_gives_the_users_of_a_client_another_sub_unless_it_says_so() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let token = invite(&house, &["--policy", "basic", "--own", "--uses", "9"]);
    let told = registered(&house, &token, &keyed()).await;
    let before = sub(&house, &browser, &told).await;
    let (two, elsewhere) = (json!([CALLBACK, "https://b.example/cb"]), json!(["https://b.example/cb"]));
    let change = async |metadata: Value| {
        let metadata = with(metadata, "client_id", json!(id(&told)));
        manage(Method::PUT, &told, manager(&told), Some(&metadata)).await
    };
    let pairwise = |metadata: Value| with(metadata, "subject_type", json!("pairwise"));
    for metadata in [at(&two), pairwise(at(&two)), at(&elsewhere), pairwise(at(&elsewhere))] {
        assert_refused(
            &change(metadata).await,
            400,
            "invalid_client_metadata",
            "give a sector_identifier_uri",
        );
    }
    assert_eq!(sub(&house, &browser, &told).await, before);
    // A list at its host proves that the others are its own; without the list they are not.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let list = json!(format!("http://{}/list", listener.local_addr().unwrap()));
    let all = two.clone();
    let router = Router::new().route("/list", get(move || async move { Json(all) }));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let listed = with(at(&two), "sector_identifier_uri", list);
    for (metadata, status) in
        [(listed, 200), (at(&two), 400), (at(&elsewhere), 400), (keyed(), 200), (pairwise(keyed()), 200)]
    {
        let answer = change(metadata.clone()).await;
        assert_eq!(answer.0, status, "{metadata}: {}", answer.1);
        assert_eq!(sector(&house, &told), "127.0.0.1");
    }
    assert_eq!(sub(&house, &browser, &told).await, before);
    // Who says public means it, and says pairwise to come back to the same.
    let (status, body) = change(with(keyed(), "subject_type", json!("public"))).await;
    assert_eq!((status, &body["subject_type"]), (200, &json!("public")), "{body}");
    assert_ne!(sub(&house, &browser, &told).await, before);
    assert_refused(&change(keyed()).await, 400, "invalid_client_metadata", "another sub");
    assert_eq!(change(pairwise(keyed())).await.0, 200);
    assert_eq!(sub(&house, &browser, &told).await, before);
}

/// A program of the operator's replaces a client, and tells no sector: what the hosts alone would say is another.
#[tokio::test]
async fn a_replacement_that_tells_no_sector_leaves_users_their_sub_and_one_that_tells_it_does_not() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let token = invite(&house, &["--policy", "basic", "--own", "--uses", "9"]);
    let two = json!([CALLBACK, "https://example.org/redirect"]);
    let of_two = registered(&house, &token, &at(&two)).await;
    let of_one = registered(&house, &token, &keyed()).await;
    let public = registered(&house, &token, &with(keyed(), "subject_type", json!("public"))).await;
    let api = Api::new(&house, &ROOT, "clients").await;
    for (told, expected) in [(&of_two, id(&of_two)), (&of_one, "127.0.0.1"), (&public, "public")] {
        let at = format!("/clients/{}", id(told));
        let before = sub(&house, &browser, told).await;
        assert_eq!(sector(&house, told), expected);
        let mut read = api.get(&at).await.1;
        read.as_object_mut().unwrap().retain(|name, _| !["configured", "sector"].contains(&name.as_str()));
        for uris in [json!([CALLBACK]), two.clone(), json!([CALLBACK, "https://b.example/cb"])] {
            let (status, put) = api.put(&at, &with(read.clone(), "redirect_uris", uris)).await;
            assert_eq!((status, &put["sector"]), (200, &json!(expected)), "{put}");
            assert_eq!(sub(&house, &browser, told).await, before);
        }
        // The twin: who names another one means it, and who names the first again has it again.
        for (named, same) in [("elders.example", false), (expected, true)] {
            let (status, put) = api.put(&at, &with(read.clone(), "sector", json!(named))).await;
            assert_eq!((status, &put["sector"]), (200, &json!(named)), "{put}");
            assert_eq!(sub(&house, &browser, told).await == before, same, "{named}");
        }
    }
    let mut read = api.get(&format!("/clients/{}", id(&of_one))).await.1;
    read.as_object_mut().unwrap().retain(|name, _| !["configured", "sector"].contains(&name.as_str()));
    let told = with(read, "public_subjects", json!(true));
    assert_eq!(api.put(&format!("/clients/{}", id(&of_one)), &told).await.1["sector"], "public");
}

/// Who registered itself may have wished for an algorithm that the keys which its operator gives it lack: nobody could see why it is shut out.
#[tokio::test]
async fn keys_that_the_operator_gives_end_the_wish_for_an_algorithm_and_the_same_keys_do_not() {
    let house = house().await;
    let token = invite(&house, &["--own", "--uses", "9"]);
    let wishes = with(keyed(), "token_endpoint_auth_signing_alg", json!("PS256"));
    let told = registered(&house, &token, &wishes).await;
    let client = Client { id: id(&told), auth: Auth::Key, callback: CALLBACK };
    let asks = async || client.post(&house, "/introspect", &[("token", "x")]).send().await.unwrap().status();
    let api = Api::new(&house, &ROOT, "clients").await;
    let at = format!("/clients/{}", id(&told));
    let mut read = api.get(&at).await.1;
    read.as_object_mut().unwrap().remove("configured");
    assert_eq!(api.put(&at, &read).await.0, 200);
    assert_eq!(asks().await, 401, "its key signs by ES256 only");
    let more = json!({"keys": [KEY.set()["keys"][0], with(Key::new().jwk(), "kid", json!("other"))]});
    assert_eq!(api.put(&at, &with(read, "jwks", more)).await.0, 200);
    assert_eq!(asks().await, 200);
}

/// To say that subjects are not public is no name of a sector: it would give users another `sub`, or silently nothing.
#[tokio::test]
async fn public_subjects_are_taken_back_by_the_name_of_a_sector_and_not_by_a_no() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let token = invite(&house, &["--policy", "basic", "--own", "--uses", "2"]);
    let public = registered(&house, &token, &with(keyed(), "subject_type", json!("public"))).await;
    let pairwise = registered(&house, &token, &keyed()).await;
    let api = Api::new(&house, &ROOT, "clients").await;
    let of = async |told: &Value| {
        let at = format!("/clients/{}", id(told));
        let mut read = api.get(&at).await.1;
        read.as_object_mut().unwrap().retain(|name, _| !["configured", "sector"].contains(&name.as_str()));
        (at, with(read, "public_subjects", json!(false)))
    };
    let (at, told) = of(&public).await;
    let before = sub(&house, &browser, &public).await;
    let both = with(told.clone(), "sector", json!("public"));
    for (bad, says) in [(told.clone(), "name the sector"), (both, "leave one of the two out")] {
        let (status, problem) = api.put(&at, &bad).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 400 && detail.contains("public_subjects") && detail.contains(says), "{problem}");
        assert_eq!(
            (sector(&house, &public), sub(&house, &browser, &public).await),
            (json!("public"), before.clone())
        );
    }
    // The twins: with the name of another sector; and of who has no public subjects.
    let (status, put) = api.put(&at, &with(told, "sector", json!("elders.example"))).await;
    assert_eq!((status, &put["sector"]), (200, &json!("elders.example")), "{put}");
    assert_ne!(sub(&house, &browser, &public).await, before);
    let (at, told) = of(&pairwise).await;
    let (status, put) = api.put(&at, &told).await;
    assert_eq!((status, &put["sector"]), (200, &json!("127.0.0.1")), "{put}");
}

/// A program knows nobody; what it becomes shares its users with a host only where somebody says so.
#[tokio::test]
async fn a_program_that_becomes_a_portal_keeps_a_sector_of_its_own_unless_another_is_named() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let api = Api::new(&house, &ROOT, "clients").await;
    let program = json!({
        "client_id": "robot", "name": "Robot", "auth": "private_key_jwt", "jwks": KEY.set(), "service_scopes": ["clients"],
    });
    let (status, told) = api.post("/clients", &program).await;
    assert_eq!((status, &told["sector"]), (201, &json!("robot")), "{told}");
    let portal = with(with(program, "service_scopes", json!([])), "redirect_uris", json!([CALLBACK]));
    let (status, told) = api.put("/clients/robot", &portal).await;
    assert_eq!((status, &told["sector"]), (200, &json!("robot")), "{told}");
    let theirs = THE_PORTAL.sign_on(&house, &browser, "openid").await;
    let robot = Client { id: "robot", auth: Auth::Key, callback: CALLBACK };
    assert_ne!(robot.sign_on(&house, &browser, "openid").await.sub(), theirs.sub(), "of the same host");
    // The twin: who names the host shares it.
    let (status, told) = api.put("/clients/robot", &with(portal, "sector", json!("127.0.0.1"))).await;
    assert_eq!((status, &told["sector"]), (200, &json!("127.0.0.1")), "{told}");
    assert_eq!(robot.sign_on(&house, &browser, "openid").await.sub(), theirs.sub());
}
