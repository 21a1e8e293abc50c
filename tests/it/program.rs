//! Programs that act in their own name (RFC 6749 section 4.4). What their tokens open is shown in `flows::admin_access`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    browser::Browser,
    house::{CALLBACK, House},
    jose::{Key, proof_claims},
    oidc_client::{APP, Auth, CLIENTS, Client, THE_PORTAL, assert_refused, claims, header, userinfo},
};

const DESK: Client = Client { id: "desk", auth: Auth::Basic, callback: "" };
const SIGNS: Client = Client { id: "signs", auth: Auth::Key, callback: "" };
const FAPI: Client = Client { id: "fapi", auth: Auth::Key, callback: "" };
/// An API: it only asks what tokens are worth.
pub const THE_API: Client = Client { id: "api", auth: Auth::Basic, callback: "" };

/// The registrations of programs.
pub const PROGRAMS: &str = r#"
[[client]]
id = "desk"
name = "Balie"
policy = "basic"
auth = "client_secret_basic"
secret = { file = "portal.secret" }
service_scopes = ["mandates", "audit"]
[[client]]
id = "signs"
name = "Beheer"
auth = "private_key_jwt"
jwks = "keyed.jwks"
service_scopes = ["keys"]
id_token_alg = "EdDSA"
[[client]]
id = "fapi"
name = "Beheer"
policy = "fapi2"
auth = "private_key_jwt"
jwks = "keyed.jwks"
service_scopes = ["audit"]
id_token_alg = "ES256"
[[client]]
id = "api"
name = "Dossier"
policy = "basic"
auth = "client_secret_basic"
secret = { file = "portal.secret" }
serves = ["https://api.example/v1"]
"#;

async fn house() -> House {
    House::with(format!("{CLIENTS}{PROGRAMS}")).await
}

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

fn names(told: &Value) -> BTreeSet<&str> {
    told.as_object().unwrap().keys().map(String::as_str).collect()
}

/// A token that must be given.
async fn token(house: &House, client: &Client, more: &[(&str, &str)]) -> Value {
    let (status, body) = client.token(house, &[&[GRANT], more].concat()).await;
    assert_eq!(status, 200, "{body}");
    body
}

#[tokio::test]
async fn a_program_gets_a_token_in_its_own_name_for_the_admin_api() {
    let house = house().await;
    let admin = format!("{}/admin/v1", house.issuer);
    for (client, all, alg) in [(DESK, "mandates audit", "RS256"), (SIGNS, "keys", "EdDSA")] {
        let body = token(&house, &client, &[]).await;
        assert_eq!(
            names(&body),
            ["access_token", "token_type", "expires_in", "scope"].into(),
            "no refresh token"
        );
        assert_eq!(
            (&body["scope"], &body["token_type"], &body["expires_in"]),
            (&json!(all), &json!("Bearer"), &json!(300))
        );
        let access = body["access_token"].as_str().unwrap();
        let (head, said) = (header(access), claims(access));
        assert_eq!((&head["typ"], &head["alg"]), (&json!("at+jwt"), &json!(alg)));
        assert_eq!(names(&said), ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"].into());
        let told = [&said["iss"], &said["sub"], &said["client_id"], &said["aud"], &said["scope"]];
        assert_eq!(told.map(|one| one.as_str().unwrap()), [&house.issuer, client.id, client.id, &admin, all]);
        assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 300);
        assert_eq!(userinfo(&house, access).await.0, 401);
        // It hears of its own what it is, and nobody else of it.
        let mut worth = client.introspect(&house, access).await;
        assert_eq!((worth["active"].take(), worth["token_type"].take()), (json!(true), json!("Bearer")));
        assert!(names(&said).iter().all(|name| worth[name] == said[name]), "{worth}");
        for other in [DESK, SIGNS, THE_PORTAL, THE_API].iter().filter(|other| other.id != client.id) {
            assert_eq!(other.introspect(&house, access).await, json!({"active": false}), "{}", other.id);
        }
    }
    assert_eq!(token(&house, &DESK, &[("scope", "audit")]).await["scope"], "audit");
    assert_eq!(token(&house, &DESK, &[("resource", &admin)]).await["scope"], "mandates audit");
    let lines = house.query("SELECT client FROM audit WHERE event = 'token.issued' AND outcome = 'ok'");
    assert_eq!(lines, ["desk", "signs", "desk", "desk"]);
}

#[tokio::test]
async fn what_a_program_is_not_registered_for_it_does_not_get() {
    let house = house().await;
    for (client, more, error) in [
        (DESK, ("scope", "keys"), "invalid_scope"),
        (DESK, ("scope", "mandates keys"), "invalid_scope"),
        (DESK, ("scope", "openid"), "invalid_scope"),
        (DESK, ("scope", "everything"), "invalid_scope"),
        (DESK, ("scope", " "), "invalid_scope"),
        (DESK, ("resource", "https://api.example/v1"), "invalid_target"),
        (THE_PORTAL, ("scope", "openid"), "unauthorized_client"),
        (THE_PORTAL, ("scope", "audit"), "unauthorized_client"),
        (APP, ("scope", "audit"), "unauthorized_client"),
        (THE_API, ("scope", "audit"), "unauthorized_client"),
        (Client { auth: Auth::None, ..DESK }, ("scope", "audit"), "invalid_client"),
        (Client { auth: Auth::Post, ..DESK }, ("scope", "audit"), "invalid_client"),
    ] {
        assert_refused(&client.token(&house, &[GRANT, more]).await, error);
    }
    token(&house, &DESK, &[("scope", "audit")]).await;
    // Nobody logs in to it.
    let ask = THE_PORTAL.ask().with("client_id", "desk");
    let page = Browser::new().get(&ask.url(&house)).await;
    assert_eq!((page.status.as_u16(), page.location()), (400, None));
    let form = [("response_type", "code"), ("redirect_uri", CALLBACK), ("scope", "openid")];
    let pushed = DESK.post(&house, "/par", &form).send().await.unwrap();
    assert_eq!(pushed.status(), 400);
    assert_refused(&DESK.refresh(&house, "x").await, "invalid_grant");
}

#[tokio::test]
async fn a_token_given_back_is_worth_nothing_and_so_is_a_client_that_was_removed() {
    let house = house().await;
    let added = house.ok(&[
        "clients",
        "add",
        "--by",
        "els",
        "robot",
        "--name",
        "Robot",
        "--policy",
        "basic",
        "--auth",
        "client_secret_post",
        "--service-scope",
        "accounts",
        "--json",
    ]);
    let added: Value = serde_json::from_str(&added).unwrap();
    assert_eq!((&added["scopes"], &added["service_scopes"]), (&json!([]), &json!(["accounts"])));
    let secret = added["client_secret"].as_str().unwrap();
    let ask = async |path: &str, more: &[(&str, &str)]| {
        let form = [&[("client_id", "robot"), ("client_secret", secret)], more].concat();
        let answer =
            reqwest::Client::new().post(format!("{}{path}", house.issuer)).form(&form).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or_default())
    };
    let mut tokens = Vec::new();
    for _ in 0..2 {
        tokens.push(ask("/token", &[GRANT]).await.1["access_token"].as_str().unwrap().to_owned());
    }
    let worth = async || {
        let mut all = Vec::new();
        for token in &tokens {
            all.push(ask("/introspect", &[("token", token)]).await.1["active"] == true);
        }
        all
    };
    assert_eq!(worth().await, [true, true]);
    DESK.revoke(&house, &[("token", &tokens[0])]).await;
    assert_eq!(worth().await, [true, true], "a stranger's word changes nothing");
    assert_eq!(ask("/revoke", &[("token", &tokens[0])]).await.0, 200);
    assert_eq!(worth().await, [false, true]);
    house.ok(&["clients", "remove", "--by", "els", "robot"]);
    assert_refused(&ask("/token", &[GRANT]).await, "invalid_client");
    assert_refused(&ask("/introspect", &[("token", &tokens[1])]).await, "invalid_client");
}

#[tokio::test]
async fn a_programs_token_is_bound_to_the_key_that_it_shows_and_under_fapi_it_must() {
    let house = house().await;
    let key = Key::new();
    let send = async |client: &Client, proof: Option<&str>| {
        let mut request = client.post(&house, "/token", &[GRANT]);
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        let answer = request.send().await.unwrap();
        let nonce = answer.headers().get("dpop-nonce").map(|nonce| nonce.to_str().unwrap().to_owned());
        (answer.status().as_u16(), nonce, answer.json::<Value>().await.unwrap())
    };
    let proof = key.proof(&house, "POST", "/token", None);
    let (status, _, body) = send(&DESK, Some(&proof)).await;
    assert_eq!((status, &body["token_type"]), (200, &json!("DPoP")), "{body}");
    assert_eq!(claims(body["access_token"].as_str().unwrap())["cnf"], json!({"jkt": key.thumbprint()}));
    let (status, _, body) = send(&DESK, Some(&proof)).await;
    assert_refused(&(status, body), "invalid_dpop_proof");
    let (status, _, body) = send(&FAPI, None).await;
    assert_refused(&(status, body), "invalid_dpop_proof");
    let (status, nonce, body) = send(&FAPI, Some(&key.proof(&house, "POST", "/token", None))).await;
    assert_refused(&(status, body), "use_dpop_nonce");
    let mut said = proof_claims(&house, "POST", "/token", None);
    said["nonce"] = json!(nonce.unwrap());
    let (status, _, body) = send(&FAPI, Some(&key.proof_of(&said))).await;
    assert_eq!(
        (status, &body["token_type"], &body["scope"]),
        (200, &json!("DPoP"), &json!("audit")),
        "{body}"
    );
}
