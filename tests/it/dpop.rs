//! Tokens that are worth nothing without their key (RFC 9449), and every attack on the proof of it.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    fapi::FAPI,
    house::House,
    jose::{ASSERTION_TYPE, Key, assertion_claims, proof_claims},
    mandates_desk::now,
    oidc_client::{
        APP, Auth, Client, KEYED, THE_PORTAL, assert_error, assert_refused, claims, house, logged_in,
        userinfo,
    },
    portal::{self, Tokens},
    race::at_once,
};

/// An answer: its status, its challenge, its nonce for the next proof, its body.
pub struct Answer {
    pub status: u16,
    challenge: String,
    nonce: String,
    pub body: Value,
}

pub async fn send(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let header = |name: &str| {
        answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let (status, challenge, nonce) =
        (answer.status().as_u16(), header("www-authenticate"), header("dpop-nonce"));
    Answer { status, challenge, nonce, body: answer.json().await.unwrap_or_default() }
}

/// A refusal by the token endpoint.
fn assert_token_refused(answer: Answer, error: &str) {
    assert_refused(&(answer.status, answer.body), error);
}

/// `GET /userinfo` with a token and that proof.
fn ask(house: &House, token: &str, proof: &str) -> RequestBuilder {
    let request = reqwest::Client::new().get(format!("{}/userinfo", house.issuer));
    request.header("authorization", format!("DPoP {token}")).header("dpop", proof)
}

/// The same with a good proof of that key.
pub async fn opens(house: &House, token: &str, key: &Key) -> bool {
    send(ask(house, token, &key.proof(house, "GET", "/userinfo", Some(token)))).await.status == 200
}

pub fn refreshing(house: &House, client: &Client, token: &str) -> RequestBuilder {
    client.post(house, "/token", &[("grant_type", "refresh_token"), ("refresh_token", token)])
}

/// Tokens that are bound to that key.
async fn bound(house: &House, browser: &Browser, client: &Client, key: &Key) -> Tokens {
    let ask = client.ask();
    let code = client.code(house, browser, &ask).await;
    let request = client.post(house, "/token", &ask.redemption(&code));
    let answer = send(request.header("dpop", key.proof(house, "POST", "/token", None))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    portal::tokens(answer.body)
}

/// Proofs that are wrong in one thing, for that request.
fn spoilt(
    house: &House,
    key: &Key,
    method: &str,
    path: &str,
    token: Option<&str>,
) -> Vec<(&'static str, String)> {
    let good = || proof_claims(house, method, path, token);
    let with = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        key.proof_of(&claims)
    };
    let header = |name: &str, value: Value| {
        let mut header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk()});
        header[name] = value;
        key.sign(&header, &good())
    };
    let mut private = key.jwk();
    private["d"] = key.jwk()["x"].clone();
    let mut all = vec![
        ("another method", with("htm", json!("PUT"))),
        ("another endpoint", with("htu", json!(format!("{}/introspect", house.issuer)))),
        ("another provider", with("htu", json!(format!("https://id.evil.example{path}")))),
        ("too old", with("iat", json!(now().epoch() - 600))),
        ("of the future", with("iat", json!(now().epoch() + 600))),
        ("no iat", with("iat", Value::Null)),
        ("no jti", with("jti", Value::Null)),
        ("a jti of 300 bytes", with("jti", json!("x".repeat(300)))),
        ("alg none", header("alg", json!("none"))),
        ("alg HS256", header("alg", json!("HS256"))),
        ("alg RS256", header("alg", json!("RS256"))),
        ("typ JWT", header("typ", json!("JWT"))),
        ("a private key", header("jwk", private)),
        ("a secret key", header("jwk", json!({"kty": "oct", "k": "AAAA"}))),
        ("no key", header("jwk", Value::Null)),
        ("somebody else's key", header("jwk", Key::new().jwk())),
        ("no JWT", "x".to_owned()),
        ("empty", String::new()),
        ("10 KB", with("x", json!("x".repeat(10_000)))),
    ];
    if token.is_some() {
        all.push(("another token", key.proof(house, method, path, Some("x"))));
        all.push(("no token", key.proof(house, method, path, None)));
    }
    all
}

#[tokio::test]
async fn tokens_of_a_public_client_are_bound_to_the_key_that_it_showed() {
    let house = house().await;
    let (key, thief) = (Key::new(), Key::new());
    let tokens = bound(&house, &logged_in(&house).await.0, &APP, &key).await;
    let access = tokens.text("access_token");
    assert_eq!(tokens.text("token_type"), "DPoP");
    assert_eq!(claims(access)["cnf"], json!({"jkt": key.thumbprint()}));
    assert!(opens(&house, access, &key).await && !opens(&house, access, &thief).await);
    let refresh = tokens.text("refresh_token");
    // The thief of a refresh token can neither use it nor end its family.
    assert_token_refused(send(refreshing(&house, &APP, refresh)).await, "invalid_grant");
    let proof = |key: &Key| key.proof(&house, "POST", "/token", None);
    let stolen = send(refreshing(&house, &APP, refresh).header("dpop", proof(&thief))).await;
    assert_token_refused(stolen, "invalid_grant");
    let answer = send(refreshing(&house, &APP, refresh).header("dpop", proof(&key))).await;
    assert_eq!((answer.status, &answer.body["token_type"]), (200, &json!("DPoP")), "{}", answer.body);
    assert!(opens(&house, answer.body["access_token"].as_str().unwrap(), &key).await);
}

#[tokio::test]
async fn a_confidential_client_may_show_another_key_at_each_refresh() {
    let house = house().await;
    let (first, second) = (Key::new(), Key::new());
    let tokens = bound(&house, &logged_in(&house).await.0, &KEYED, &first).await;
    let proof = second.proof(&house, "POST", "/token", None);
    let answer = send(refreshing(&house, &KEYED, tokens.text("refresh_token")).header("dpop", proof)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let access = answer.body["access_token"].as_str().unwrap();
    assert!(opens(&house, access, &second).await && !opens(&house, access, &first).await);
    let told = KEYED.introspect(&house, access).await;
    assert_eq!((&told["token_type"], &told["cnf"]["jkt"]), (&json!("DPoP"), &json!(second.thumbprint())));
}

#[tokio::test]
async fn userinfo_wants_the_token_and_a_good_proof_of_its_key() {
    let house = house().await;
    let key = Key::new();
    let (browser, _) = logged_in(&house).await;
    let tokens = bound(&house, &browser, &APP, &key).await;
    let access = tokens.text("access_token");
    for (what, proof) in spoilt(&house, &key, "GET", "/userinfo", Some(access)) {
        let answer = send(ask(&house, access, &proof)).await;
        assert_eq!(
            (answer.status, answer.body["error"].as_str()),
            (401, Some("invalid_dpop_proof")),
            "{what}"
        );
        assert!(
            answer.challenge.starts_with("DPoP ") && answer.challenge.contains("algs=\"PS256 ES256 EdDSA\"")
        );
        assert!(answer.challenge.contains("error=\"invalid_dpop_proof\""), "{what}: {}", answer.challenge);
    }
    let url = format!("{}/userinfo", house.issuer);
    let http = reqwest::Client::new();
    let proof = || key.proof(&house, "GET", "/userinfo", Some(access));
    let dpop = format!("DPoP {access}");
    for (what, request, error) in [
        ("no proof", http.get(&url).header("authorization", &dpop), "invalid_dpop_proof"),
        ("two proofs", ask(&house, access, &proof()).header("dpop", proof()), "invalid_dpop_proof"),
        ("as a bearer", http.get(&url).bearer_auth(access), "invalid_token"),
        (
            "as a bearer, with a proof",
            http.get(&url).bearer_auth(access).header("dpop", proof()),
            "invalid_token",
        ),
        ("in a form", http.post(&url).form(&[("access_token", access)]), "invalid_token"),
        (
            "with another key",
            ask(&house, access, &Key::new().proof(&house, "GET", "/userinfo", Some(access))),
            "invalid_token",
        ),
        (
            "by another method",
            http.post(&url).header("authorization", &dpop).header("dpop", proof()),
            "invalid_dpop_proof",
        ),
    ] {
        let answer = send(request).await;
        assert_eq!((answer.status, answer.body["error"].as_str()), (401, Some(error)), "{what}");
        assert!(answer.challenge.contains(&format!("error=\"{error}\"")), "{what}: {}", answer.challenge);
    }
    // The twins: what is made by the same hand opens it, by either method and in any case.
    for (method, request) in [("GET", http.get(&url)), ("POST", http.post(&url))] {
        let proof = key.proof(&house, method, "/userinfo", Some(access));
        let request = request.header("authorization", format!("dpop {access}")).header("dpop", proof);
        assert_eq!(send(request).await.status, 200, "{method}");
    }
    // A bearer's token is not shown as if it were bound.
    let plain = THE_PORTAL.sign_on(&house, &browser, "openid").await;
    assert!(!opens(&house, plain.text("access_token"), &key).await);
    assert_eq!(userinfo(&house, plain.text("access_token")).await.0, 200);
    assert!(!house.log().contains(access));
}

#[tokio::test]
async fn a_spoilt_proof_gets_no_tokens_and_burns_no_code() {
    let house = house().await;
    let (key, (browser, _)) = (Key::new(), logged_in(&house).await);
    for client in [APP, THE_PORTAL] {
        let ask = client.ask();
        let code = client.code(&house, &browser, &ask).await;
        let request = || client.post(&house, "/token", &ask.redemption(&code));
        for (what, proof) in spoilt(&house, &key, "POST", "/token", None) {
            let answer = send(request().header("dpop", proof)).await;
            assert_eq!(
                (answer.status, answer.body["error"].as_str()),
                (400, Some("invalid_dpop_proof")),
                "{what}"
            );
        }
        let proof = || key.proof(&house, "POST", "/token", None);
        let twice = send(request().header("dpop", proof()).header("dpop", proof())).await;
        assert_token_refused(twice, "invalid_dpop_proof");
        let spent = house.query("SELECT COUNT(*) FROM spent WHERE kind = 'dpop'").concat();
        assert_eq!(spent, if client.id == APP.id { "0" } else { "1" }, "what came to nothing left no mark");
        let answer = send(request().header("dpop", proof())).await;
        assert_eq!((answer.status, &answer.body["token_type"]), (200, &json!("DPoP")), "{}", answer.body);
    }
}

#[tokio::test]
async fn of_a_hundred_uses_of_one_proof_one_wins() {
    let mut house = house().await;
    let key = Key::new();
    let tokens = bound(&house, &logged_in(&house).await.0, &APP, &key).await;
    let (access, refresh) = (tokens.text("access_token").to_owned(), tokens.text("refresh_token").to_owned());
    let proof = key.proof(&house, "GET", "/userinfo", Some(&access));
    let all: Vec<_> = (0..100).map(|_| send(ask(&house, &access, &proof))).collect();
    let answers = at_once(all.into_iter()).await;
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(good.len(), 1);
    assert!(bad.iter().all(|answer| answer.status == 401 && answer.body["error"] == "invalid_dpop_proof"));
    let at_token = key.proof(&house, "POST", "/token", None);
    let all: Vec<_> =
        (0..20).map(|_| send(refreshing(&house, &APP, &refresh).header("dpop", &at_token))).collect();
    let answers = at_once(all.into_iter()).await;
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(good.len(), 1);
    assert!(bad.iter().all(|answer| answer.status == 400 && answer.body["error"] == "invalid_dpop_proof"));
    // Nor after a restart, while a new one is good.
    house.kill();
    house.open_doors();
    assert_eq!(send(ask(&house, &access, &proof)).await.status, 401);
    assert!(opens(&house, &access, &key).await, "no family ended by it");
}

#[tokio::test]
async fn a3_a_code_asked_for_with_a_key_is_good_with_that_key_only() {
    let house = house().await;
    let (key, (browser, _)) = (Key::new(), logged_in(&house).await);
    for client in [APP, KEYED] {
        let ask = client.ask().with("dpop_jkt", &key.thumbprint());
        let code = client.code(&house, &browser, &ask).await;
        let request = || client.post(&house, "/token", &ask.redemption(&code));
        assert_token_refused(send(request()).await, "invalid_grant");
        let stolen = request().header("dpop", Key::new().proof(&house, "POST", "/token", None));
        assert_token_refused(send(stolen).await, "invalid_grant");
        let answer = send(request().header("dpop", key.proof(&house, "POST", "/token", None))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    for bad in ["x", &key.thumbprint()[1..], "not base64url not base64url not base64url !"] {
        let ask = APP.ask().with("dpop_jkt", bad);
        assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "invalid_request");
    }
}

/// [`FAPI`] with the key of another.
const FAPI_TABLE: &str = r#"
[[client]]
id = "fapi"
name = "Fapi"
redirect_uris = ["http://127.0.0.1:9/callback/fapi"]
policy = "fapi2"
auth = "private_key_jwt"
jwks = "keyed.jwks"
scopes = ["openid"]
id_token_alg = "PS256"
"#;

/// Who gets as far as the code hears `invalid_grant`: there is none of that name.
#[tokio::test]
async fn fapi_wants_a_proof_with_a_nonce_of_ours() {
    let house = House::with(FAPI_TABLE).await;
    let key = Key::new();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", "x"),
        ("redirect_uri", FAPI.callback),
        ("code_verifier", "x"),
    ];
    let request = || FAPI.post(&house, "/token", &form);
    let with = |nonce: Value| {
        let mut claims = proof_claims(&house, "POST", "/token", None);
        claims["nonce"] = nonce;
        request().header("dpop", key.proof_of(&claims))
    };
    let bare = send(request()).await;
    assert_eq!(bare.nonce, "");
    assert_token_refused(bare, "invalid_dpop_proof");
    let first = send(with(Value::Null)).await;
    let nonce = first.nonce.clone();
    assert_token_refused(first, "use_dpop_nonce");
    let (made, mac) = nonce.split_once('.').unwrap();
    let later = format!("{}.{mac}", made.parse::<i64>().unwrap() + 60);
    for bad in [json!("x"), json!(later)] {
        let answer = send(with(bad)).await;
        assert!(!answer.nonce.is_empty());
        assert_token_refused(answer, "use_dpop_nonce");
    }
    assert_token_refused(send(with(json!(nonce))).await, "invalid_grant");
}

#[tokio::test]
async fn who_brings_a_proof_gets_a_nonce_and_a_wrong_one_is_told() {
    let house = house().await;
    let key = Key::new();
    let tokens = bound(&house, &logged_in(&house).await.0, &APP, &key).await;
    let access = tokens.text("access_token");
    let with = |nonce: &str| {
        let mut claims = proof_claims(&house, "GET", "/userinfo", Some(access));
        claims["nonce"] = json!(nonce);
        ask(&house, access, &key.proof_of(&claims))
    };
    let told = send(with("x")).await;
    assert_eq!((told.status, told.body["error"].as_str()), (401, Some("use_dpop_nonce")));
    assert!(told.challenge.contains("error=\"use_dpop_nonce\""), "{}", told.challenge);
    let good = send(with(&told.nonce)).await;
    assert_eq!(good.status, 200, "{}", good.body);
    assert!(!good.nonce.is_empty());
}

/// A refresh token of that client with somebody who lacks its key.
fn stolen(house: &House, client: &Client, token: &str) -> [RequestBuilder; 2] {
    let thief = Key::new();
    let proof = || thief.proof(house, "POST", "/token", None);
    if client.auth != Auth::Key {
        return [refreshing(house, client, token), refreshing(house, client, token).header("dpop", proof())];
    }
    let assertion = thief.sign(&json!({"alg": "ES256", "kid": "k"}), &assertion_claims(house, client.id));
    let named = Client { auth: Auth::None, ..*client };
    let signed = named.post(
        house,
        "/token",
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &assertion),
        ],
    );
    [refreshing(house, &named, token), signed.header("dpop", proof())]
}

/// The half minute for an answer that got lost is for the same client and the same key. A thief who has the client's secret has
/// not its key.
#[tokio::test]
async fn a6_an_answer_that_got_lost_is_given_again_to_the_same_key_and_to_no_other() {
    let house = house().await;
    let (key, thief, (browser, _)) = (Key::new(), Key::new(), logged_in(&house).await);
    let with = |token: &str, key: Option<&Key>| match key {
        Some(key) => {
            refreshing(&house, &THE_PORTAL, token).header("dpop", key.proof(&house, "POST", "/token", None))
        }
        None => refreshing(&house, &THE_PORTAL, token),
    };
    for (round, (mine, theirs)) in
        [(Some(&key), Some(&thief)), (Some(&key), None), (None, Some(&thief))].into_iter().enumerate()
    {
        let tokens = THE_PORTAL.sign_on(&house, &browser, "openid").await;
        let refresh = tokens.text("refresh_token");
        let first = send(with(refresh, mine)).await;
        let next = first.body["refresh_token"].as_str().unwrap();
        // The twin: who asked asks again, and gets the same.
        let again = send(with(refresh, mine)).await;
        assert_eq!((again.status, again.body["refresh_token"].as_str()), (200, Some(next)), "{round}");
        assert_token_refused(send(with(refresh, theirs)).await, "invalid_grant");
        let told = house.query("SELECT COUNT(*) FROM audit WHERE outcome = 'refresh.replayed'").concat();
        assert_eq!(told, (round + 1).to_string());
        assert_token_refused(send(with(next, mine)).await, "invalid_grant");
    }
}

#[tokio::test]
async fn a6_refresh_tokens_stay_where_a_thief_lacks_the_key_and_rotate_elsewhere() {
    let house = house().await;
    let (key, (browser, _)) = (Key::new(), logged_in(&house).await);
    let proof = || key.proof(&house, "POST", "/token", None);
    let signing = KEYED.sign_on(&house, &browser, "openid").await;
    let public = bound(&house, &browser, &APP, &key).await;
    for (client, tokens) in [(KEYED, signing), (APP, public)] {
        let refresh = tokens.text("refresh_token");
        for _ in 0..3 {
            // Its thief has another key to sign with, another to show, or none: nothing is told, and nothing ends.
            for stolen in stolen(&house, &client, refresh) {
                let told = send(stolen).await;
                assert_token_refused(
                    told,
                    if client.id == KEYED.id { "invalid_client" } else { "invalid_grant" },
                );
            }
            let answer = send(refreshing(&house, &client, refresh).header("dpop", proof())).await;
            assert_eq!((answer.status, answer.body.get("refresh_token")), (200, None), "{}", answer.body);
        }
        let told = house.query("SELECT COUNT(*) FROM audit WHERE event = 'token.refreshed'").concat();
        assert_eq!(told, if client.id == KEYED.id { "3" } else { "6" });
        client.revoke(&house, &[("token", refresh)]).await;
        let ended = send(refreshing(&house, &client, refresh).header("dpop", proof())).await;
        assert_token_refused(ended, "invalid_grant");
    }
    // A secret goes along with every request: with or without a proof, its tokens rotate. So does an app's without a key.
    let secret = bound(&house, &browser, &THE_PORTAL, &key).await;
    let plain = APP.sign_on(&house, &browser, "openid").await;
    for (client, tokens) in [(THE_PORTAL, secret), (APP, plain)] {
        let refresh = tokens.text("refresh_token");
        let first = send(refreshing(&house, &client, refresh).header("dpop", proof())).await;
        let next = first.body["refresh_token"].as_str().unwrap();
        assert_ne!(next, refresh);
        assert_eq!(send(refreshing(&house, &client, next)).await.status, 200);
        assert_token_refused(send(refreshing(&house, &client, refresh)).await, "invalid_grant");
        assert_token_refused(send(refreshing(&house, &client, next)).await, "invalid_grant");
    }
}
