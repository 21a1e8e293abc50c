//! -ensure-invalid-client-assertions-fail of the plans for FAPI 2.0 (docs/conformance.md): one assertion bent in each way, where a
//! client first proves who it is, and at the token endpoint too.

use std::fs;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    certify_fapi::{Answer, ONE, Party, TWO, pairs, start},
    fapi::Rsa,
    house::House,
    jose::{ASSERTION_TYPE, assertion_claims},
    mandates_desk::now,
    oidc_client::logged_in,
};

/// What a client shows of itself beside its request.
type Shown = Vec<(&'static str, String)>;

fn shown(assertion: String) -> Shown {
    vec![("client_assertion_type", ASSERTION_TYPE.to_owned()), ("client_assertion", assertion)]
}

/// The seventeen that are refused, and those that are taken. Each has a `jti` of its own.
fn cases(house: &House, one: &Party, second: &Rsa) -> Vec<(&'static str, Shown, bool)> {
    let (now, issuer) = (now().epoch(), house.issuer.as_str());
    let said = |changes: Value| {
        let mut claims = assertion_claims(house, ONE.id);
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        claims
    };
    let sign = |claims: &Value| one.signer.sign(&json!({"alg": "ES256", "kid": "k"}), claims);
    let signed = |changes: Value| shown(sign(&said(changes)));
    let good = || sign(&said(json!({})));
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}.", part(&json!({"alg": "none"})), part(&said(json!({}))));
    let other = {
        let honest = good();
        format!("{}.{}", honest.rsplit_once('.').unwrap().0, URL_SAFE_NO_PAD.encode([7; 64]))
    };
    let wrong_type = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer".to_owned();
    let future = json!({"iat": now + 200, "nbf": now + 200, "exp": now + 290});
    let refused = [
        ("no assertion", vec![("client_id", ONE.id.to_owned())]),
        ("no type", vec![("client_assertion", good())]),
        ("another type", vec![("client_assertion_type", wrong_type), ("client_assertion", good())]),
        ("no sub", signed(json!({"sub": null}))),
        ("another sub", signed(json!({"sub": TWO.id}))),
        ("no iss", signed(json!({"iss": null}))),
        ("another iss", signed(json!({"iss": TWO.id}))),
        ("no aud", signed(json!({"aud": null}))),
        ("another aud", signed(json!({"aud": "https://other.example"}))),
        ("aud is the endpoint for pushed requests", signed(json!({"aud": format!("{issuer}/par")}))),
        ("aud is the token endpoint", signed(json!({"aud": format!("{issuer}/token")}))),
        ("aud is a list", signed(json!({"aud": [issuer, "https://other.example"]}))),
        ("it has ended", signed(json!({"iat": now - 600, "exp": now - 300}))),
        ("it is of later", signed(future)),
        ("RS256", shown(second.sign("RS256", &said(json!({}))))),
        ("none", shown(unsigned)),
        ("another signature", shown(other)),
    ];
    let taken = [
        ("eight seconds ahead", signed(json!({"iat": now + 8, "nbf": now + 8}))),
        ("PS256 by that key", shown(second.sign("PS256", &said(json!({}))))),
        ("good", signed(json!({}))),
    ];
    let all = |cases: Vec<_>, good| cases.into_iter().map(move |(name, shown)| (name, shown, good));
    all(refused.into(), false).chain(all(taken.into(), true)).collect()
}

fn assert_refused((status, body): &Answer, case: &str) {
    let error = body["error"].as_str().unwrap_or_default();
    let fits =
        (*status == 401 && error == "invalid_client") || (*status == 400 && error == "invalid_request");
    assert!(fits && body["error_description"].as_str().unwrap().is_ascii(), "{case}: {status} {body}");
}

#[tokio::test]
async fn no_bent_assertion_is_taken_where_a_request_is_pushed_or_tokens_are_asked_for() {
    let (mut house, mut one, _) = start().await;
    // RSA, so that it could sign by RS256.
    let second = Rsa::new();
    let mut set = one.signer.set();
    set["keys"].as_array_mut().unwrap().push(second.set()["keys"][0].clone());
    house.kill();
    fs::write(house.folder.join("one.jwks"), set.to_string()).unwrap();
    house.open_doors();
    let (browser, _) = logged_in(&house).await;
    let tokens = one.tokens(&house, &browser, &ONE.ask()).await;
    let refresh = tokens["refresh_token"].as_str().unwrap().to_owned();
    let ask = ONE.ask();
    let pushed: Vec<(&str, &str)> =
        pairs(&ask).into_iter().filter(|(name, _)| *name != "client_id").collect();
    let refreshed = vec![("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    for (path, form, granted) in [("/par", &pushed, 201), ("/token", &refreshed, 200)] {
        let all = cases(&house, &one, &second);
        assert_eq!(all.iter().filter(|(_, _, taken)| !taken).count(), 17);
        for at in 0..all.len() {
            // Signed at the moment of its use: none ends, and none begins to count, while the others are tried.
            let (name, shown, taken) = cases(&house, &one, &second).swap_remove(at);
            let mut form = form.clone();
            form.extend(shown.iter().map(|(name, value)| (*name, value.as_str())));
            let mut request = reqwest::Client::new().post(format!("{}{path}", house.issuer)).form(&form);
            if path == "/token" {
                let claims = one.proof_claims(&house, "POST", path, None);
                request = request.header("dpop", one.key.proof_of(&claims));
            }
            let answer = one.send(request).await;
            let case = format!("{path}: {name}");
            if taken {
                assert_eq!(answer.0, granted, "{case}: {}", answer.1);
            } else {
                assert_refused(&answer, &case);
            }
        }
    }
}
