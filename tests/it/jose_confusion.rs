//! Attack 11 of the design's table, at each place that reads what a client signed or what we did: a public key taken for a secret, and
//! keys that a token brings or says where to find.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use aws_lc_rs::hmac;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use openssl::{
    bn::{BigNum, BigNumContext},
    ec::{EcGroup, EcKey},
    nid::Nid,
    pkey::{PKey, Public},
    rsa::Rsa,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    browser::Browser,
    house::{CALLBACK, House},
    jose::{ASSERTION_TYPE, KEY, Key, assertion_claims},
    oidc_client::{
        Ask, CLIENTS, KEYED, THE_PORTAL, answer, assert_error, assert_refused, claims, header, logged_in,
    },
};

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decoded(jwk: &Value, name: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap()
}

/// The key as OpenSSL has it.
fn public(jwk: &Value) -> PKey<Public> {
    let number = |name: &str| BigNum::from_slice(&decoded(jwk, name)).unwrap();
    if jwk["kty"] == "RSA" {
        return PKey::from_rsa(Rsa::from_public_components(number("n"), number("e")).unwrap()).unwrap();
    }
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let mut point = openssl::ec::EcPoint::new(&group).unwrap();
    let mut context = BigNumContext::new().unwrap();
    point.set_affine_coordinates_gfp(&group, &number("x"), &number("y"), &mut context).unwrap();
    PKey::from_ec_key(EcKey::from_public_key(&group, &point).unwrap()).unwrap()
}

/// HS256 tokens of these claims, by each way to write a public key as a secret.
fn confused(jwk: &Value, kid: &Value, claims: &Value) -> Vec<String> {
    let key = public(jwk);
    let first = if jwk["kty"] == "RSA" { "n" } else { "x" };
    let secrets = [
        jwk.to_string().into_bytes(),
        jwk[first].as_str().unwrap().as_bytes().to_vec(),
        decoded(jwk, first),
        key.public_key_to_pem().unwrap(),
        String::from_utf8(key.public_key_to_pem().unwrap()).unwrap().trim().as_bytes().to_vec(),
        key.public_key_to_der().unwrap(),
        Vec::new(),
    ];
    let signed = format!("{}.{}", part(&json!({"alg": "HS256", "kid": kid})), part(claims));
    let token = |secret: Vec<u8>| {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    secrets.into_iter().map(token).collect()
}

/// A place that keys could be told at, and how often anybody asked.
async fn place(set: Value) -> (String, Arc<AtomicUsize>) {
    let (listener, asked) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::new(AtomicUsize::new(0)));
    let (at, counts) = (format!("http://{}/keys", listener.local_addr().unwrap()), asked.clone());
    let tell = axum::routing::get(move || async move {
        counts.fetch_add(1, Ordering::SeqCst);
        axum::Json(set)
    });
    let router = axum::Router::new().route("/keys", tell);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (at, asked)
}

/// Headers that bring a key of the signer's, or say where it is.
fn injections(thief: &Key, at: &str) -> Vec<Value> {
    let der = STANDARD.encode(public(&thief.jwk()).public_key_to_der().unwrap());
    vec![
        json!({"alg": "ES256", "kid": "k", "jwk": thief.jwk()}),
        json!({"alg": "ES256", "kid": "k", "jku": at}),
        json!({"alg": "ES256", "kid": "k", "x5u": at}),
        json!({"alg": "ES256", "kid": "k", "x5c": [der]}),
        json!({"alg": "ES256", "kid": at, "jku": at}),
        json!({"alg": "ES256", "jku": at, "jwk": thief.jwk(), "x5c": [der]}),
    ]
}

async fn house() -> House {
    let tables = format!("[outbound]\nprivate_addresses = [\"127.0.0.1\"]\n{CLIENTS}");
    House::with(tables).await
}

/// What the token endpoint says to who shows that assertion: `invalid_grant` to who was let in.
async fn knock(house: &House, assertion: &str) -> (u16, Value) {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", "x"),
        ("redirect_uri", KEYED.callback),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ];
    let answer = reqwest::Client::new().post(format!("{}/token", house.issuer)).form(&form).send().await;
    let answer = answer.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a11_no_assertion_counts_by_a_public_key_as_secret_or_by_a_key_that_it_brings() {
    let (house, thief) = (house().await, Key::new());
    let (at, asked) = place(thief.set()).await;
    let said = || assertion_claims(&house, KEYED.id);
    for bad in confused(&KEY.jwk(), &json!("k"), &said()) {
        assert_refused(&knock(&house, &bad).await, "invalid_client");
    }
    for head in injections(&thief, &at) {
        assert_refused(&knock(&house, &thief.sign(&head, &said())).await, "invalid_client");
    }
    // The twin: what it says beside its name is not looked at, so the registered key counts.
    let honest = KEY.sign(&json!({"alg": "ES256", "kid": "k", "jku": at, "x5u": at}), &said());
    assert_refused(&knock(&house, &honest).await, "invalid_grant");
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nobody is asked for keys that a stranger names");
}

#[tokio::test]
async fn a11_no_request_counts_by_a_public_key_as_secret_or_by_a_key_that_it_brings() {
    let (house, thief) = (house().await, Key::new());
    let (at, asked) = place(thief.set()).await;
    let ask = KEYED.ask();
    let mut said = assertion_claims(&house, KEYED.id);
    said.as_object_mut().unwrap().remove("sub");
    for (name, value) in &ask.parameters {
        said[name] = json!(value);
    }
    let around = |request: &str| {
        let outside = Ask { parameters: Vec::new(), verifier: ask.verifier.clone() };
        let outside = outside.with("client_id", KEYED.id).with("redirect_uri", KEYED.callback);
        outside.with("state", ask.get("state")).with("request", request)
    };
    let injected = injections(&thief, &at).into_iter().map(|head| thief.sign(&head, &said));
    for bad in confused(&KEY.jwk(), &json!("k"), &said).into_iter().chain(injected) {
        let asked = around(&bad);
        assert_error(&house, &Browser::new().get(&asked.url(&house)).await, &asked, "invalid_request_object");
    }
    let honest = around(&KEY.sign(&json!({"alg": "ES256", "kid": "k", "jku": at}), &said));
    let page = Browser::new().visit(&honest.url(&house), CALLBACK).await;
    assert!(page.text("digid").is_some(), "the twin begins a login: {}", page.heading());
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

/// An ID token of ours as a hint, at both doors that read one.
#[tokio::test]
async fn a11_no_hint_counts_by_our_public_key_as_secret_or_by_a_key_that_it_brings() {
    let (house, thief) = (house().await, Key::new());
    let (at, asked) = place(thief.set()).await;
    let (browser, tokens) = logged_in(&house).await;
    let genuine = tokens.text("id_token");
    let (kid, said) = (&header(genuine)["kid"], claims(genuine));
    let jwks: Value = reqwest::get(format!("{}/jwks", house.issuer)).await.unwrap().json().await.unwrap();
    let ours = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == *kid).unwrap();
    let injected = injections(&thief, &at).into_iter().map(|mut head| {
        head["kid"] = kid.clone();
        thief.sign(&head, &said)
    });
    let silent = |hint: &str| THE_PORTAL.ask().with("prompt", "none").with("id_token_hint", hint);
    let out = |hint: &str| format!("{}/logout?id_token_hint={hint}", house.issuer);
    for bad in confused(ours, kid, &said).into_iter().chain(injected) {
        let told = answer(&browser.get(&silent(&bad).url(&house)).await);
        assert_eq!(told["error"], "login_required", "{bad}");
        assert_eq!(browser.get(&out(&bad)).await.heading(), "Wilt u uitloggen?", "{bad}");
    }
    assert!(answer(&browser.get(&silent(genuine).url(&house)).await).contains_key("code"));
    assert_eq!(browser.get(&out(genuine)).await.heading(), "U bent uitgelogd.");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}
