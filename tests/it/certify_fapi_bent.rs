//! The other half of what the plans for FAPI 2.0 ask (docs/conformance.md): proofs, pushed requests, codes and signed requests,
//! each bent as the plans bend them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    certify_fapi::{ONE, Party, TWO, handle, pairs, start},
    house::CALLBACK,
    jose::{Key, assertion_claims, proof_claims},
    mandates_desk::now,
    oidc_client::{answer, assert_refused, logged_in},
    portal::code_of,
};

/// -dpop-negative-tests, -access-token-type-header-case-sensitivity, -check-dpop-proof-nbf-exp,
/// -ensure-dpopproof-with-iat-10seconds-before-succeeds and -after-.
#[tokio::test]
async fn a_proof_counts_as_rfc_9449_says_and_in_no_other_way() {
    let (house, mut one, _) = start().await;
    let (browser, _) = logged_in(&house).await;
    let tokens = one.tokens(&house, &browser, &ONE.ask()).await;
    let access = tokens["access_token"].as_str().unwrap();
    let now = now().epoch();
    let at = format!("{}/userinfo", house.issuer);
    let bent = |name: &str, value: Value| (name.to_owned(), value);
    for (members, taken) in [
        (vec![], true),
        (vec![bent("iat", json!(now - 10))], true),
        (vec![bent("iat", json!(now + 10))], true),
        (vec![bent("nbf", json!(now)), bent("exp", json!(now + 300))], true),
        (vec![bent("extra", json!("x"))], true),
        (vec![bent("htu", json!(format!("{at}?a=b#c")))], true),
        (vec![bent("htu", json!(at.replace("http:", "HTTP:")))], true),
        (vec![bent("htu", json!("https://other.example/userinfo"))], false),
        (vec![bent("htm", json!("PUT"))], false),
        (vec![bent("iat", json!(now + 3600))], false),
        (vec![bent("iat", json!(now - 3600))], false),
        (vec![bent("ath", json!("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"))], false),
        (vec![bent("jti", Value::Null)], false),
        (vec![bent("htm", Value::Null)], false),
        (vec![bent("htu", Value::Null)], false),
        (vec![bent("iat", Value::Null)], false),
        (vec![bent("ath", Value::Null)], false),
    ] {
        let mut claims = one.proof_claims(&house, "GET", "/userinfo", Some(access));
        let object = claims.as_object_mut().unwrap();
        for (name, value) in &members {
            object.insert(name.clone(), value.clone());
        }
        object.retain(|_, value| !value.is_null());
        let proof = one.key.proof_of(&claims);
        for scheme in ["dPOp", "DPoP"] {
            let status = one.send(one.userinfo(scheme, access, &proof)).await.0;
            // A proof is good once.
            let expected = if taken && scheme == "dPOp" { 200 } else { 401 };
            assert_eq!(status, expected, "{scheme} {members:?}");
        }
    }
}

/// The same of what carries the claims: the header, the key in it, the signature, and how often it is sent.
#[tokio::test]
async fn a_proof_is_signed_once_by_the_key_that_it_shows() {
    let (house, mut one, _) = start().await;
    let (browser, _) = logged_in(&house).await;
    let tokens = one.tokens(&house, &browser, &ONE.ask()).await;
    let access = tokens["access_token"].as_str().unwrap();
    let at = format!("{}/userinfo", house.issuer);
    let nonce = one.nonce.clone();
    let good_claims = || {
        let mut claims = proof_claims(&house, "GET", "/userinfo", Some(access));
        claims["nonce"] = json!(nonce);
        claims
    };
    let jwk = one.key.jwk();
    let private = {
        let mut jwk = jwk.clone();
        jwk["d"] = json!(URL_SAFE_NO_PAD.encode([7; 32]));
        jwk
    };
    let good = one.key.proof_of(&good_claims());
    let (signed, _) = good.rsplit_once('.').unwrap();
    let unsigned = json!({"typ": "dpop+jwt", "alg": "none", "jwk": jwk});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let bad = [
        one.key.sign(&json!({"alg": "ES256", "jwk": jwk}), &good_claims()),
        one.key.sign(&json!({"typ": "JWT", "alg": "ES256", "jwk": jwk}), &good_claims()),
        one.key.sign(&json!({"typ": "dpop+jwt", "jwk": jwk}), &good_claims()),
        one.key.sign(&json!({"typ": "dpop+jwt", "alg": "ES256"}), &good_claims()),
        one.key.sign(&json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": private}), &good_claims()),
        format!("{}.{}.", part(&unsigned), part(&good_claims())),
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode([7; 64])),
        Key::new().sign(&json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}), &good_claims()),
        Key::new().proof_of(&good_claims()),
        "no.jwt".to_owned(),
    ];
    for proof in &bad {
        assert_eq!(one.send(one.userinfo("DPoP", access, proof)).await.0, 401, "{proof}");
    }
    let more = [
        one.userinfo("DPoP", access, &one.key.proof_of(&good_claims()))
            .header("dpop", one.key.proof_of(&good_claims())),
        reqwest::Client::new().get(&at).header("authorization", format!("DPoP {access}")),
        reqwest::Client::new().get(&at).bearer_auth(access),
    ];
    for request in more {
        assert!(matches!(one.send(request).await.0, 400 | 401));
    }
    // Members of the header that nobody knows are no fault.
    let extra =
        one.key.sign(&json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk, "extra": "x"}), &good_claims());
    assert_eq!(one.send(one.userinfo("DPoP", access, &extra)).await.0, 200);
    assert_eq!(one.send(one.userinfo("DPoP", access, &good)).await.0, 200);
}

/// The modules about the endpoint for pushed requests: -par-…, -ensure-…-redirect-uri-…, -ensure-response-type-…,
/// -ensure-mismatched-dpop-jkt-fails, -ensure-unsigned-authorization-request-without-using-par-fails.
#[tokio::test]
async fn what_may_not_be_pushed_is_refused_at_once() {
    let (house, mut one, mut two) = start().await;
    let ask = ONE.ask();
    for (bent, error) in [
        (ask.clone().with("request_uri", "urn:ietf:params:oauth:request_uri:x"), "invalid_request"),
        (ask.clone().without("code_challenge").without("code_challenge_method"), "invalid_request"),
        (ask.clone().with("code_challenge_method", "plain"), "invalid_request"),
        (ask.clone().with("response_type", "code id_token"), "unsupported_response_type"),
        (ask.clone().with("response_type", "token"), "unsupported_response_type"),
        (ask.clone().with("redirect_uri", CALLBACK), "invalid_request"),
        (ask.clone().without("redirect_uri"), "invalid_request"),
    ] {
        assert_refused(&one.bare(&house, "/par", &pairs(&bent)).await, error);
    }
    let other = ask.clone().with("dpop_jkt", &Key::new().thumbprint());
    assert_refused(&one.proven(&house, "/par", &pairs(&other)).await, "invalid_dpop_proof");

    let now = now().epoch();
    let said = |changes: &[(&str, Value)]| {
        let mut claims = assertion_claims(&house, ONE.id);
        for (name, value) in changes {
            claims[*name] = value.clone();
        }
        claims
    };
    for (changes, taken) in [
        (vec![("nbf", json!(now + 8)), ("iat", json!(now + 8))], true),
        (vec![("nbf", json!(now + 200)), ("iat", json!(now + 200)), ("exp", json!(now + 290))], false),
        (vec![("aud", json!([house.issuer]))], false),
        (vec![("aud", json!(format!("{}/par", house.issuer)))], false),
        (vec![("aud", json!(format!("{}/token", house.issuer)))], false),
    ] {
        let request = one.form("/par", &pairs(&ask), &said(&changes));
        let answer = one.send(request).await;
        if taken {
            assert_eq!(answer.0, 201, "{changes:?} {}", answer.1);
        } else {
            assert_refused(&answer, "invalid_client");
        }
    }
    let put = one.form("/par", &pairs(&ask), &said(&[])).build().unwrap();
    let body = put.body().unwrap().as_bytes().unwrap().to_vec();
    let put = reqwest::Client::new()
        .request(Method::PUT, put.url().clone())
        .headers(put.headers().clone())
        .body(body);
    assert_eq!(one.send(put).await.0, 405);

    // Unpushed, or by another client's handle: no code.
    let (browser, _) = logged_in(&house).await;
    let told = answer(&browser.get(&ask.url(&house)).await);
    assert_eq!(told["error"], "invalid_request");
    let brought = one.pushed(&house, &ask).await.with("client_id", TWO.id);
    let page = browser.get(&brought.url(&house)).await;
    assert!(page.status == 400 && page.location().is_none());
    two.tokens(&house, &browser, &TWO.ask()).await;
}

/// The modules about the token endpoint: -ensure-client-id-in-token-endpoint, -ensure-holder-of-key-required,
/// -ensure-authorization-code-is-bound-to-client, -attempt-reuse-authorization-code-after-one-second,
/// -ensure-client-assertion-…, -ensure-pkce-code-verifier-required, -incorrect-pkce-code-verifier-rejected,
/// -ensure-token-endpoint-fails-with-mismatched-dpop-jkt and -dpop-proof-jkt.
#[tokio::test]
async fn a_code_is_redeemed_by_its_client_with_its_proof_and_verifier_once() {
    let (house, mut one, mut two) = start().await;
    let (browser, _) = logged_in(&house).await;
    let ask = ONE.ask().with("dpop_jkt", &one.key.thumbprint());
    let brought = one.pushed(&house, &ask).await;
    let code = code_of(&browser.get(&brought.url(&house)).await);
    let form = ask.redemption(&code);
    let without: Vec<_> = form.iter().copied().filter(|(name, _)| *name != "code_verifier").collect();
    let wrong = "w".repeat(43);
    let mut other = without.clone();
    other.push(("code_verifier", &wrong));

    assert_refused(&one.proven(&house, "/token", &without).await, "invalid_grant");
    assert_refused(&one.proven(&house, "/token", &other).await, "invalid_grant");
    assert_refused(&one.bare(&house, "/token", &form).await, "invalid_dpop_proof");
    assert_refused(&one.proven_by(&house, &Key::new(), "/token", &form).await, "invalid_grant");
    assert_refused(&two.proven(&house, "/token", &form).await, "invalid_grant");

    // Nothing of that has burnt it. The rest with another: a code lives a minute.
    assert_eq!(one.proven(&house, "/token", &form).await.0, 200);
    let brought = one.pushed(&house, &ask).await;
    let code = code_of(&browser.get(&brought.url(&house)).await);
    let form = ask.redemption(&code);

    let now = now().epoch();
    let proof = |party: &Party| party.key.proof_of(&party.proof_claims(&house, "POST", "/token", None));
    let nobody = reqwest::Client::new()
        .post(format!("{}/token", house.issuer))
        .form(&form)
        .header("dpop", proof(&one));
    assert!(
        matches!(one.send(nobody).await, (400 | 401, body) if body["error"] == "invalid_client" || body["error"] == "invalid_request")
    );
    let said = |name: &str, value: Value| {
        let mut claims = assertion_claims(&house, ONE.id);
        claims[name] = value;
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        claims
    };
    let mut expired = said("exp", json!(now - 300));
    expired["iat"] = json!(now - 600);
    for claims in [
        expired,
        said("aud", json!("https://other.example")),
        said("sub", Value::Null),
        // The second client's assertion, signed by the first.
        assertion_claims(&house, TWO.id),
    ] {
        // Also with the name beside it: of whoever it says that it is, and of the first.
        for named in [None, Some(claims["sub"].as_str().unwrap_or(ONE.id)), Some(ONE.id)] {
            let mut form = form.clone();
            form.extend(named.map(|id| ("client_id", id)));
            let request = one.form("/token", &form, &claims).header("dpop", proof(&one));
            let differs = named.is_some_and(|id| claims["sub"].as_str().is_some_and(|sub| sub != id));
            let expected = if differs { "invalid_request" } else { "invalid_client" };
            assert_refused(&one.send(request).await, expected);
        }
    }
    let mut named = form.clone();
    named.push(("client_id", TWO.id));
    assert_refused(&one.proven(&house, "/token", &named).await, "invalid_request");

    let (status, body) = one.proven(&house, "/token", &form).await;
    assert_eq!(status, 200, "{body}");
    let access = body["access_token"].as_str().unwrap();
    let shown = |party: &Party| {
        let proof = party.key.proof_of(&party.proof_claims(&house, "GET", "/userinfo", Some(access)));
        party.userinfo("DPoP", access, &proof)
    };
    let before = shown(&one);
    assert_eq!(one.send(before).await.0, 200);
    assert_refused(&one.proven(&house, "/token", &form).await, "invalid_grant");
    let after = shown(&one);
    assert_eq!(one.send(after).await.0, 401);
}

/// The modules of Message Signing about request objects: what is signed, young, short and for us is taken, and nothing else is.
#[tokio::test]
async fn a_signed_request_is_taken_while_it_is_young_and_its_clients_own() {
    let (house, mut one, two) = start().await;
    let (browser, _) = logged_in(&house).await;
    let ask = ONE.ask();
    let now = now().epoch();
    let good = || {
        let mut inside = json!({"iss": ONE.id, "aud": house.issuer, "nbf": now, "exp": now + 300});
        for (name, value) in &ask.parameters {
            inside[name] = json!(value);
        }
        inside
    };
    let with = |name: &str, value: Value| {
        let mut inside = good();
        inside[name] = value;
        inside.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        inside
    };
    let head = |more: Value| {
        let mut head = json!({"alg": "ES256", "kid": "k"});
        head.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        head
    };
    let typed = head(json!({"typ": "oauth-authz-req+jwt"}));
    for (head, inside) in [
        (head(json!({})), good()),
        (typed.clone(), good()),
        (typed.clone(), with("aud", json!([house.issuer, "https://other.example"]))),
        (typed.clone(), with("nbf", json!(now + 8))),
    ] {
        let request = one.signer.sign(&head, &inside);
        let answer = one.bare(&house, "/par", &[("client_id", ONE.id), ("request", &request)]).await;
        let back = self::answer(&browser.get(&handle(&ask, &answer).url(&house)).await);
        assert_eq!(back["state"], ask.get("state"));
        let (status, body) =
            one.proven(&house, "/token", &ask.redemption(back["code"].as_str().unwrap())).await;
        assert_eq!(status, 200, "{body}");
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let honest = one.signer.sign(&typed, &good());
    let mut bad: Vec<String> = [
        with("exp", Value::Null),
        with("nbf", Value::Null),
        with("exp", json!(now - 300)),
        with("exp", json!(now + 70 * 60)),
        with("nbf", json!(now - 70 * 60)),
        with("aud", json!("https://other.example")),
    ]
    .iter()
    .map(|inside| one.signer.sign(&typed, inside))
    .collect();
    bad.extend([
        two.signer.sign(&typed, &good()),
        format!("{}.{}.", part(&json!({"alg": "none"})), part(&good())),
        format!("{}.{}", honest.rsplit_once('.').unwrap().0, URL_SAFE_NO_PAD.encode([7; 64])),
    ]);
    for request in &bad {
        let answer = one.bare(&house, "/par", &[("client_id", ONE.id), ("request", request)]).await;
        assert_refused(&answer, "invalid_request_object");
    }
    for name in ["redirect_uri", "request_uri"] {
        let value =
            if name == "redirect_uri" { Value::Null } else { json!("urn:ietf:params:oauth:request_uri:x") };
        let request = one.signer.sign(&typed, &with(name, value));
        let (status, body) = one.bare(&house, "/par", &[("client_id", ONE.id), ("request", &request)]).await;
        let error = body["error"].as_str().unwrap();
        assert_eq!(status, 400, "{body}");
        assert!(["invalid_request", "invalid_request_object"].contains(&error), "{name}: {body}");
    }
}
