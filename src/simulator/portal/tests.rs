//! The portal against a provider of a hundred lines, which can be made to sign with another key or another nonce.

use std::collections::HashMap;
use std::sync::Mutex;

use axum::extract::Form;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use openssl::sign::Signer;
use serde_json::{Value, json};

use super::*;

type Map = HashMap<String, String>;

struct Op {
    issuer: String,
    key: PKey<Private>,
    /// The authorization request under way.
    asked: Mutex<Map>,
    /// What goes into the ID token besides the usual.
    lie: Mutex<Value>,
}

impl Op {
    fn jwt(&self, claims: &Value) -> String {
        let head = B64.encode(json!({"alg": "RS256", "kid": "1"}).to_string());
        let text = format!("{head}.{}", B64.encode(claims.to_string()));
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).unwrap();
        signer.update(text.as_bytes()).unwrap();
        format!("{text}.{}", B64.encode(signer.sign_to_vec().unwrap()))
    }
}

async fn discovery(State(op): State<Arc<Op>>) -> Json<Value> {
    let at = |path: &str| format!("{}/{path}", op.issuer);
    Json(json!({
        "issuer": op.issuer, "authorization_endpoint": at("authorize"), "token_endpoint": at("token"),
        "userinfo_endpoint": at("userinfo"), "jwks_uri": at("jwks"), "end_session_endpoint": at("logout"),
        "response_types_supported": ["code"], "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }))
}

async fn jwks(State(op): State<Arc<Op>>) -> Json<Value> {
    let rsa = op.key.rsa().unwrap();
    let (n, e) = (B64.encode(rsa.n().to_vec()), B64.encode(rsa.e().to_vec()));
    Json(json!({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": n, "e": e}]}))
}

async fn authorize(State(op): State<Arc<Op>>, Query(asked): Query<Map>) -> Redirect {
    let to = format!("{}?code=c1&state={}&iss={}", asked["redirect_uri"], asked["state"], op.issuer);
    *op.asked.lock().unwrap() = asked;
    Redirect::to(&to)
}

async fn token(State(op): State<Arc<Op>>, headers: HeaderMap, Form(form): Form<Map>) -> Json<Value> {
    assert!(headers["authorization"].to_str().unwrap().starts_with("Basic "));
    let asked = op.asked.lock().unwrap().clone();
    if form["grant_type"] == "authorization_code" {
        assert_eq!(B64.encode(sha256(form["code_verifier"].as_bytes())), asked["code_challenge"]);
    }
    let now = clock::now().timestamp();
    let mut claims = json!({
        "iss": op.issuer, "sub": "s1", "aud": [asked["client_id"]], "exp": now + 60, "iat": now,
        "nonce": asked["nonce"], "act_as": [{"sub": "kind"}],
    });
    for (name, value) in op.lie.lock().unwrap().as_object().unwrap() {
        claims[name] = value.clone();
    }
    Json(
        json!({"access_token": "at", "token_type": "Bearer", "refresh_token": "rt", "id_token": op.jwt(&claims)}),
    )
}

async fn userinfo() -> Json<Value> {
    Json(json!({"sub": "s1", "act_as": [{"sub": "kind"}]}))
}

fn op() -> (Arc<Op>, Running) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let op = Arc::new(Op {
        issuer: format!("http://{}", listener.local_addr().unwrap()),
        key: PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(),
        asked: Mutex::default(),
        lie: Mutex::new(json!({})),
    });
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/jwks", get(jwks))
        .route("/authorize", get(authorize))
        .route("/token", post(token))
        .route("/userinfo", get(userinfo))
        .with_state(Arc::clone(&op));
    (op, serve_plain(listener, router).unwrap())
}

#[tokio::test]
async fn a_browser_logs_in_refreshes_and_logs_out() {
    let (op, op_running) = op();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let config = Config {
        name: "Huisarts Test".into(),
        issuer: op.issuer.clone(),
        client_id: "portal".into(),
        client_secret: Some("secret".into()),
        base_url: base.clone(),
    };
    let running = start(config, listener).unwrap();
    let browser = || {
        let stop_at_provider = reqwest::redirect::Policy::custom(|a| {
            if a.url().path() == "/logout" { a.stop() } else { a.follow() }
        });
        reqwest::Client::builder().cookie_store(true).redirect(stop_at_provider).build().unwrap()
    };
    let anna = browser();
    let get = async |path: &str| anna.get(format!("{base}{path}")).send().await.unwrap();
    assert!(get("/").await.text().await.unwrap().contains(r#"id="login""#));
    assert_eq!(get("/token.json").await.status(), 401);

    let page = get("/login?prompt=login&acr_values=x&evil=1").await.text().await.unwrap();
    assert!(page.contains(r#"id="logged-in""#) && page.contains("act_as"), "{page}");
    let asked = op.asked.lock().unwrap().clone();
    assert_eq!(asked["scope"], "openid act_as");
    assert_eq!(
        (asked["prompt"].as_str(), asked["acr_values"].as_str(), asked.get("evil")),
        ("login", "x", None)
    );
    assert_eq!(asked["code_challenge_method"], "S256");
    let json: Value = serde_json::from_str(&get("/token.json").await.text().await.unwrap()).unwrap();
    assert_eq!(json["claims"]["act_as"][0]["sub"], "kind");
    assert_eq!(json["id_token"].as_str().unwrap().split('.').count(), 3);

    let send = async |path: &str| anna.post(format!("{base}{path}")).send().await.unwrap();
    assert_eq!(send("/refresh").await.status(), 200);
    *op.lie.lock().unwrap() = json!({"sub": "s2"});
    assert_eq!(send("/refresh").await.status(), 400, "another subject");

    // Nobody gets in with a token that is not for this login, or by another browser's answer.
    for lie in
        [json!({"nonce": "x"}), json!({"aud": ["other"]}), json!({"exp": 1}), json!({"iss": "http://x.test"})]
    {
        *op.lie.lock().unwrap() = lie.clone();
        assert_eq!(browser().get(format!("{base}/login")).send().await.unwrap().status(), 400, "{lie}");
    }
    *op.lie.lock().unwrap() = json!({});
    let halfway = reqwest::Client::builder().cookie_store(true).redirect(reqwest::redirect::Policy::none());
    let halfway = halfway.build().unwrap();
    let begun = halfway.get(format!("{base}/login")).send().await.unwrap();
    let at_provider = halfway.get(begun.headers()["location"].to_str().unwrap()).send().await.unwrap();
    assert_eq!(at_provider.status(), 303);
    let guessed = halfway.get(format!("{base}/callback?code=c1&state=guessed")).send().await.unwrap();
    assert_eq!(guessed.status(), 400, "another state");
    let forged = format!("{base}/callback?code=c1&state={}", asked["state"]);
    let refused = browser().get(forged).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("Huisarts Test"), "it is the same portal after a refusal");

    let out = send("/logout").await;
    let location = url::Url::parse(out.headers()["location"].to_str().unwrap()).unwrap();
    let query: Map = location.query_pairs().into_owned().collect();
    assert_eq!(query["id_token_hint"].split('.').count(), 3);
    assert_eq!(query["post_logout_redirect_uri"], format!("{base}/logged-out"));
    assert_eq!(get("/token.json").await.status(), 401);
    running.stop().await;
    op_running.stop().await;
}
