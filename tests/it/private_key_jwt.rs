//! Clients that prove who they are with a key (RFC 7523; attacks 12 and 13 of the design's table).

use serde_json::{Value, json};

use crate::{
    jose::{ASSERTION_TYPE, KEY, Key, assertion, assertion_claims},
    mandates_desk::now as moment,
    oidc_client::{KEYED, THE_PORTAL, assert_refused, header, house, logged_in},
    race::at_once,
};

/// What the token endpoint says to a code that does not exist: who hears `invalid_grant` was let in, and nobody else is.
async fn let_in(issuer: &str, assertion: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let form = [
        &[
            ("grant_type", "authorization_code"),
            ("code", "x"),
            ("redirect_uri", KEYED.callback),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
        ],
        more,
    ]
    .concat();
    let answer = reqwest::Client::new().post(format!("{issuer}/token")).form(&form).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_client_with_a_key_logs_its_user_in_and_refreshes() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let tokens = KEYED.sign_on(&house, &browser, "openid email").await;
    assert_eq!(header(tokens.text("id_token"))["alg"], "EdDSA");
    let (status, body) = KEYED.refresh(&house, tokens.text("refresh_token")).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn of_twenty_uses_of_one_assertion_one_is_let_in() {
    let house = house().await;
    let used = assertion(&house, KEYED.id);
    let all = (0..20).map(|_| {
        let (issuer, used) = (house.issuer.clone(), used.clone());
        async move { let_in(&issuer, &used, &[]).await }
    });
    let answers = at_once(all).await;
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(status, _)| *status == 400);
    assert_eq!(good.len(), 1);
    assert_refused(&good[0], "invalid_grant");
    for answer in &bad {
        assert_refused(answer, "invalid_client");
    }
    // Nor after a restart.
    let mut house = house;
    house.kill();
    house.open_doors();
    assert_refused(&let_in(&house.issuer, &used, &[]).await, "invalid_client");
    assert_refused(&let_in(&house.issuer, &assertion(&house, KEYED.id), &[]).await, "invalid_grant");
}

#[tokio::test]
async fn an_assertion_that_is_spoilt_in_one_thing_lets_nobody_in() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let tokens = KEYED.sign_on(&house, &browser, "openid").await;
    let (good, now) = (json!({"alg": "ES256", "kid": "k"}), moment().epoch());
    let with = |name: &str, value: Value| {
        let mut claims = assertion_claims(&house, KEYED.id);
        claims[name] = value;
        KEY.sign(&good, &claims)
    };
    let ahead = |iat: i64, exp: i64| {
        let (mut claims, now) = (assertion_claims(&house, KEYED.id), moment().epoch());
        claims["iat"] = json!(now + iat);
        claims["exp"] = json!(now + exp);
        KEY.sign(&good, &claims)
    };
    // The twins: what is signed here by the same hand is let in.
    for twin in [
        with("aud", json!([house.issuer])),
        with("aud", json!(format!("{}/token", house.issuer))),
        with("exp", json!(now + 280)),
        ahead(20, 320),
        KEY.sign(&json!({"alg": "ES256"}), &assertion_claims(&house, KEYED.id)),
    ] {
        assert_refused(&let_in(&house.issuer, &twin, &[("client_id", KEYED.id)]).await, "invalid_grant");
    }
    // More than five minutes: from now, and by a clock that is ahead.
    for (iat, exp) in [(0, 325), (20, 345)] {
        assert_refused(&let_in(&house.issuer, &ahead(iat, exp), &[]).await, "invalid_client");
    }
    let thief = Key::new();
    let claims = || assertion_claims(&house, KEYED.id);
    for bad in [
        with("aud", json!("https://other.example")),
        with("aud", json!(format!("{}/userinfo", house.issuer))),
        with("exp", json!(now - 60)),
        with("exp", json!(now + 3600)),
        with("exp", Value::Null),
        with("nbf", json!(now + 600)),
        with("iat", json!(now + 600)),
        with("iss", json!("portal")),
        with("jti", Value::Null),
        thief.sign(&good, &claims()),
        thief.sign(&json!({"alg": "ES256", "kid": "k", "jwk": thief.jwk()}), &claims()),
        KEY.sign(&json!({"alg": "none", "kid": "k"}), &claims()),
        KEY.sign(&json!({"alg": "HS256", "kid": "k"}), &claims()),
        KEY.sign(&json!({"alg": "RS256", "kid": "k"}), &claims()),
        KEY.sign(&json!({"alg": "ES256", "kid": "k", "typ": "at+jwt"}), &claims()),
        KEY.sign(&json!({"alg": "ES256", "kid": "k", "crit": ["b64"]}), &claims()),
        // Our own tokens, which name the client too.
        tokens.text("id_token").to_owned(),
        tokens.text("access_token").to_owned(),
        "x".to_owned(),
    ] {
        assert_refused(&let_in(&house.issuer, &bad, &[]).await, "invalid_client");
    }
}

#[tokio::test]
async fn a_key_is_one_method_of_one_client() {
    let house = house().await;
    let secret = [("client_secret", crate::house::SECRET)];
    let good = || assertion(&house, KEYED.id);
    assert_refused(&let_in(&house.issuer, &good(), &secret).await, "invalid_request");
    assert_refused(&let_in(&house.issuer, &good(), &[("client_id", THE_PORTAL.id)]).await, "invalid_request");
    // The portal has a secret: a key that nobody registered for it proves nothing, nor does this client's name alone.
    assert_refused(&let_in(&house.issuer, &assertion(&house, THE_PORTAL.id), &[]).await, "invalid_client");
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", KEYED.id)];
    let answer =
        reqwest::Client::new().post(format!("{}/token", house.issuer)).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 401);
}
