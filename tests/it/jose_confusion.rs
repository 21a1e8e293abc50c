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
use namens::{
    app::open_store,
    config::Config,
    domain::key::Algorithm,
    oidc::{jws, keyring::Keyring},
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
    fapi,
    house::{CALLBACK, House},
    jose::{ASSERTION_TYPE, KEY, Key, assertion_claims},
    mandates_desk::now,
    oidc_client::{
        APP, Ask, Auth, CLIENTS, Client, KEYED, answer, assert_error, assert_refused, claims, header,
        logged_in, userinfo,
    },
    request_object,
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
fn confused(jwk: &Value, kid: &Value, typ: Option<&str>, claims: &Value) -> Vec<String> {
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
    let mut header = json!({"alg": "HS256", "kid": kid});
    if let Some(typ) = typ {
        header["typ"] = json!(typ);
    }
    let signed = format!("{}.{}", part(&header), part(claims));
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
    for bad in confused(&KEY.jwk(), &json!("k"), None, &said()) {
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
    for bad in confused(&KEY.jwk(), &json!("k"), None, &said).into_iter().chain(injected) {
        let asked = around(&bad);
        assert_error(&house, &Browser::new().get(&asked.url(&house)).await, &asked, "invalid_request_object");
    }
    let honest = around(&KEY.sign(&json!({"alg": "ES256", "kid": "k", "jku": at}), &said));
    let page = Browser::new().visit(&honest.url(&house), CALLBACK).await;
    assert!(page.text("digid").is_some(), "the twin begins a login: {}", page.heading());
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

/// What the server itself would sign with its key of that algorithm: the most that a mistake of ours could make.
pub async fn signed_by_us(house: &House, alg: &str, typ: &str, claims: &Value) -> String {
    let config = Config::read(&house.folder.join("namens.toml")).unwrap();
    let stored = open_store(&config, false).await.unwrap().signing_keys(now()).await.unwrap();
    let ring = Keyring::new(stored, &Keyring::default());
    jws::write(ring.signer(Algorithm::from_name(alg).unwrap(), now()).unwrap(), typ, claims).unwrap()
}

/// An access token of ours, under the name of our key where its header has one.
#[tokio::test]
async fn a11_no_access_token_counts_by_our_public_key_as_secret_or_by_a_key_that_it_brings() {
    let (house, thief) = (house().await, Key::new());
    let (at, asked) = place(thief.set()).await;
    let (browser, _) = logged_in(&house).await;
    let tokens = APP.sign_on(&house, &browser, "openid").await;
    let genuine = tokens.text("access_token");
    let (kid, said) = (&header(genuine)["kid"], claims(genuine));
    let jwks: Value = reqwest::get(format!("{}/jwks", house.issuer)).await.unwrap().json().await.unwrap();
    let ours = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == *kid).unwrap();
    let typed = |mut head: Value, kid: Option<&Value>| {
        head["typ"] = json!("at+jwt");
        if let Some(kid) = kid {
            head["kid"] = kid.clone();
        }
        thief.sign(&head, &said)
    };
    let bad = injections(&thief, &at)
        .into_iter()
        .flat_map(|head| [typed(head.clone(), None), typed(head, Some(kid))]);
    for bad in confused(ours, kid, Some("at+jwt"), &said).into_iter().chain(bad) {
        assert_eq!(userinfo(&house, &bad).await.0, 401, "{}", header(&bad));
    }
    assert_eq!(userinfo(&house, genuine).await.0, 200);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a12_what_we_sign_counts_at_userinfo_by_the_type_of_an_access_token_only() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let said = claims(APP.sign_on(&house, &browser, "openid").await.text("access_token"));
    for typ in ["", "JWT", "logout+jwt", "hint+jwt", "token-introspection+jwt", "at", "x/at+jwt"] {
        let alike = signed_by_us(&house, "ES256", typ, &said).await;
        assert_eq!(userinfo(&house, &alike).await.0, 401, "{typ}");
    }
    for twin in ["at+jwt", "application/at+jwt", "AT+JWT"] {
        let twin = signed_by_us(&house, "ES256", twin, &said).await;
        assert_eq!(userinfo(&house, &twin).await.0, 200);
    }
}

/// Clients with one RSA key, which could sign both ways: one registered its algorithm with the key, one lives by FAPI 2.0, and
/// one said nothing.
const ONE_KEY: &str = r#"
[[client]]
id = "named"
name = "Named"
redirect_uris = ["http://127.0.0.1:9/callback"]
auth = "private_key_jwt"
jwks = "named.jwks"
scopes = ["openid"]
[[client]]
id = "fapi"
name = "Fapi"
policy = "fapi2"
redirect_uris = ["http://127.0.0.1:9/callback"]
auth = "private_key_jwt"
jwks = "free.jwks"
scopes = ["openid"]
id_token_alg = "PS256"
[[client]]
id = "free"
name = "Free"
redirect_uris = ["http://127.0.0.1:9/callback"]
auth = "private_key_jwt"
jwks = "free.jwks"
scopes = ["openid"]
"#;

#[tokio::test]
async fn a11_nothing_counts_in_an_algorithm_that_its_client_did_not_register() {
    let (mut house, rsa) = (House::with("# here").await, fapi::Rsa::new());
    let mut named = rsa.set();
    named["keys"][0]["alg"] = json!("PS256");
    std::fs::write(house.folder.join("free.jwks"), rsa.set().to_string()).unwrap();
    std::fs::write(house.folder.join("named.jwks"), named.to_string()).unwrap();
    house.reconfigure("# here", ONE_KEY);
    for (id, alg, counts) in [
        ("named", "RS256", false),
        ("fapi", "RS256", false),
        ("named", "PS256", true),
        ("fapi", "PS256", true),
        ("free", "RS256", true),
        ("free", "PS256", true),
    ] {
        let client = Client { id, auth: Auth::None, callback: CALLBACK };
        let assertion = rsa.sign(alg, &assertion_claims(&house, id));
        let form =
            [("token", "x"), ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion)];
        let answer = client.post(&house, "/introspect", &form).send().await.unwrap();
        assert_eq!(answer.status(), if counts { 200 } else { 401 }, "an assertion of {id} by {alg}");
        let request = rsa.sign(alg, &request_object::claims(&house, &client.ask()));
        let assertion = rsa.sign("PS256", &assertion_claims(&house, id));
        let form = [
            ("request", request.as_str()),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &assertion),
        ];
        let answer = client.post(&house, "/par", &form).send().await.unwrap();
        assert_eq!(answer.status(), if counts { 201 } else { 400 }, "a request of {id} by {alg}");
        let told: Value = answer.json().await.unwrap();
        assert_eq!(told["error"].as_str(), (!counts).then_some("invalid_request_object"), "{told}");
    }
}

/// An ID token of ours as a hint, at both doors that read one.
#[tokio::test]
async fn a11_no_hint_counts_by_our_public_key_as_secret_or_by_a_key_that_it_brings() {
    let (house, thief) = (house().await, Key::new());
    let (at, asked) = place(thief.set()).await;
    let (browser, _) = logged_in(&house).await;
    // One whose tokens we sign as the thief signs: nothing but the key is another.
    let tokens = APP.sign_on(&house, &browser, "openid").await;
    let genuine = tokens.text("id_token");
    let (kid, said) = (&header(genuine)["kid"], claims(genuine));
    let jwks: Value = reqwest::get(format!("{}/jwks", house.issuer)).await.unwrap().json().await.unwrap();
    let ours = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == *kid).unwrap();
    let injected = injections(&thief, &at).into_iter().map(|mut head| {
        head["kid"] = kid.clone();
        thief.sign(&head, &said)
    });
    let silent = |hint: &str| APP.ask().with("prompt", "none").with("id_token_hint", hint);
    let out = |hint: &str| format!("{}/logout?id_token_hint={hint}", house.issuer);
    for bad in confused(ours, kid, None, &said).into_iter().chain(injected) {
        let told = answer(&browser.get(&silent(&bad).url(&house)).await);
        assert_eq!(told["error"], "login_required", "{bad}");
        assert_eq!(browser.get(&out(&bad)).await.heading(), "Wilt u uitloggen?", "{bad}");
    }
    assert!(answer(&browser.get(&silent(genuine).url(&house)).await).contains_key("code"));
    assert_eq!(browser.get(&out(genuine)).await.heading(), "U bent uitgelogd.");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}
