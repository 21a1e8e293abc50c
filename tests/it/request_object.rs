//! Signed authorization requests (RFC 9101; attacks 11 and 12 of the design's table).

use serde_json::{Value, json};

use crate::{
    browser::Browser,
    house::House,
    jose::{KEY, Key, assertion_claims},
    mandates_desk::now,
    oidc_client::{Ask, KEYED, THE_PORTAL, answer, assert_error, house, logged_in},
};

/// What a good request object says: everything that `ask` asks.
pub fn claims(house: &House, ask: &Ask) -> Value {
    let now = now().epoch();
    let mut claims = json!({"iss": ask.get("client_id"), "aud": house.issuer, "nbf": now, "exp": now + 120});
    for (name, value) in &ask.parameters {
        claims[name] = json!(value);
    }
    claims
}

fn header() -> Value {
    json!({"alg": "ES256", "kid": "k", "typ": "oauth-authz-req+jwt"})
}

/// A request that says nothing outside but who asks and where errors go.
fn around(request: &str, ask: &Ask) -> Ask {
    let around = Ask { parameters: Vec::new(), ..ask.clone() };
    around
        .with("client_id", ask.get("client_id"))
        .with("redirect_uri", ask.get("redirect_uri"))
        .with("state", ask.get("state"))
        .with("request", request)
}

#[tokio::test]
async fn a_signed_request_is_answered_as_it_says_and_nothing_outside_counts() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let ask = KEYED.ask();
    let mut inside = claims(&house, &ask);
    inside["max_age"] = json!(900);
    inside["claims"] = json!({"id_token": {"email": null}});
    for header in [header(), json!({"alg": "ES256", "typ": "JWT"}), json!({"alg": "ES256", "kid": "k"})] {
        let alone = Ask { parameters: Vec::new(), ..ask.clone() }.with("client_id", KEYED.id);
        let alone = alone.with("request", &KEY.sign(&header, &inside));
        let told = answer(&browser.get(&alone.url(&house)).await);
        assert_eq!(told["state"], ask.get("state"));
        let tokens = KEYED.redeem(&house, &ask, told["code"].as_str().unwrap()).await;
        assert_eq!(tokens.claims["email"], "jansen@voorbeeld.nl");
    }
    // What somebody added on the way is not read.
    let more = around(&KEY.sign(&header(), &inside), &ask)
        .with("state", "evil")
        .with("scope", "openid act_as")
        .with("prompt", "login")
        .with("redirect_uri", "https://evil.example/");
    let page = browser.get(&more.url(&house)).await;
    assert_eq!(answer(&page)["state"], ask.get("state"));
    assert!(page.location().unwrap().as_str().starts_with(KEYED.callback));
    // Nor does it make good what is missing inside.
    let mut without = inside.clone();
    without.as_object_mut().unwrap().remove("code_challenge");
    let lacking =
        around(&KEY.sign(&header(), &without), &ask).with("code_challenge", ask.get("code_challenge"));
    assert_error(&house, &browser.get(&lacking.url(&house)).await, &lacking, "invalid_request");
}

#[tokio::test]
async fn a11_a12_a_request_object_that_is_spoilt_in_one_thing_is_refused() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    let ask = KEYED.ask();
    let good = claims(&house, &ask);
    let time = now().epoch();
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        KEY.sign(&header(), &claims)
    };
    let headed = |header: Value| KEY.sign(&header, &good);
    let thief = Key::new();
    let signed = KEY.sign(&header(), &good);
    let (unsigned, signature) = signed.rsplit_once('.').unwrap();
    let none = {
        let forged = KEY.sign(&json!({"alg": "none"}), &good);
        format!("{}.", forged.rsplit_once('.').unwrap().0)
    };
    for (what, request) in [
        ("unsigned", none),
        ("without its signature", format!("{unsigned}.")),
        ("altered", format!("{}.{signature}", unsigned.replacen('.', ".e", 1))),
        ("by a stranger", thief.sign(&header(), &good)),
        ("by the key it brings", thief.sign(&json!({"alg": "ES256", "jwk": thief.jwk()}), &good)),
        ("an HMAC", headed(json!({"alg": "HS256", "kid": "k"}))),
        ("another kid", headed(json!({"alg": "ES256", "kid": "other"}))),
        ("an access token by type", headed(json!({"alg": "ES256", "kid": "k", "typ": "at+jwt"}))),
        ("crit", headed(json!({"alg": "ES256", "kid": "k", "crit": ["exp"]}))),
        ("an assertion", KEY.sign(&json!({"alg": "ES256", "kid": "k"}), &assertion_claims(&house, KEYED.id))),
        ("with a sub", with("sub", json!(KEYED.id))),
        ("an ID token", tokens.text("id_token").to_owned()),
        ("another iss", with("iss", json!("portal"))),
        ("another client", with("client_id", json!("portal"))),
        ("another aud", with("aud", json!("https://other.example"))),
        ("its own end", with("exp", json!(time - 1))),
        ("no end", with("exp", Value::Null)),
        ("tomorrow", with("nbf", json!(time + 86_400))),
        ("one within", with("request", json!(signed))),
        ("a reference within", with("request_uri", json!("https://evil.example/r"))),
        ("no JWT", "x".into()),
    ] {
        let asked = around(&request, &ask);
        let page = browser.get(&asked.url(&house)).await;
        assert!(page.location().is_some(), "{what}: {}", page.heading());
        assert_error(&house, &page, &asked, "invalid_request_object");
    }
    // The twin.
    assert!(answer(&browser.get(&around(&signed, &ask).url(&house)).await).contains_key("code"));
    // A client without keys has none; and what has no address for errors gets a page.
    let keyless = around(&KEY.sign(&header(), &claims(&house, &THE_PORTAL.ask())), &THE_PORTAL.ask());
    assert_error(&house, &browser.get(&keyless.url(&house)).await, &keyless, "invalid_request_object");
    let nowhere = around("x", &ask).without("redirect_uri");
    let page = browser.get(&nowhere.url(&house)).await;
    assert!(page.status == 400 && page.text("detail").unwrap().contains("request_object_invalid"));
}

#[tokio::test]
async fn a_request_object_by_reference_or_twice_is_refused() {
    let house = house().await;
    let browser = Browser::new();
    let ask = KEYED.ask();
    let request = KEY.sign(&header(), &claims(&house, &ask));
    let doubled = around(&request, &ask).and("request", &request);
    assert_error(&house, &browser.get(&doubled.url(&house)).await, &doubled, "invalid_request");
    let both = around(&request, &ask).with("request_uri", "urn:ietf:params:oauth:request_uri:x");
    assert_error(&house, &browser.get(&both.url(&house)).await, &both, "invalid_request");
    let elsewhere = ask.with("request_uri", "https://evil.example/request.jwt");
    assert_error(&house, &browser.get(&elsewhere.url(&house)).await, &elsewhere, "request_uri_not_supported");
}
