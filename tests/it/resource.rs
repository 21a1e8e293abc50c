//! Tokens for APIs (RFC 8707): who asks for which, and what such a token opens.

use serde_json::{Value, json};

use crate::{
    house::House,
    jose::{KEY, assertion_claims},
    oidc_client::{
        CLIENTS, KEYED, LAB, THE_PORTAL, assert_error, assert_refused, claims, logged_in, userinfo,
    },
    portal::{self, Tokens},
    program::{PROGRAMS, THE_API},
};

/// Two APIs that the portal is registered for.
pub const API: &str = "https://api.example/v1";
pub const OTHER: &str = "urn:example:lab";
const REGISTERED: &str = "resources = [\"https://api.example/v1\", \"urn:example:lab\"]\n";

/// A house in which the portal, the client with a key and the app may ask for both.
pub async fn house() -> House {
    house_with("").await
}

/// The same, with more at the end of its configuration.
pub async fn house_with(more: &str) -> House {
    let mut clients = CLIENTS.to_owned();
    for line in ["jwks = \"keyed.jwks\"\n", "auth = \"none\"\n"] {
        assert!(clients.contains(line));
        clients = clients.replace(line, &format!("{line}{REGISTERED}"));
    }
    House::with(format!("{REGISTERED}{clients}{PROGRAMS}{more}")).await
}

fn audience(body: &Value) -> Value {
    claims(body["access_token"].as_str().unwrap())["aud"].clone()
}

/// A refresh that names those, and what comes of it.
async fn refresh(house: &House, tokens: &Tokens, resources: &[&str]) -> (u16, Value) {
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", tokens.text("refresh_token"))];
    form.extend(resources.iter().map(|one| ("resource", *one)));
    THE_PORTAL.token(house, &form).await
}

#[tokio::test]
async fn a_token_is_for_the_apis_that_were_asked_and_userinfo_is_asked_by_name() {
    let house = house().await;
    let (browser, plain) = logged_in(&house).await;
    let ours = format!("{}/userinfo", house.issuer);
    assert_eq!(audience(&plain.body), json!(ours), "as ever");
    let ask = THE_PORTAL.ask().and("resource", API);
    let code = THE_PORTAL.code(&house, &browser, &ask).await;
    let mut tokens = THE_PORTAL.redeem(&house, &ask, &code).await;
    assert_eq!(audience(&tokens.body), json!(API));
    assert_eq!(userinfo(&house, tokens.text("access_token")).await.0, 401);
    for (resources, aud) in [
        (&[][..], json!(API)),
        (&[API], json!(API)),
        (&[API, API], json!(API)),
        (&[ours.as_str()], json!(ours)),
        (&[ours.as_str(), API], json!([ours, API])),
    ] {
        let (status, body) = refresh(&house, &tokens, resources).await;
        assert_eq!(status, 200, "{resources:?}: {body}");
        tokens = portal::tokens(body);
        assert_eq!(audience(&tokens.body), aud, "{resources:?}");
        let opens = userinfo(&house, tokens.text("access_token")).await.0;
        assert_eq!(opens, if resources.contains(&ours.as_str()) { 200 } else { 401 }, "{resources:?}");
        assert_eq!(tokens.claims["aud"], json!(["portal"]), "the ID token is for the portal");
    }
    // Two, and one of them with the code: the grant stays for both.
    let ask = THE_PORTAL.ask().and("resource", API).and("resource", OTHER);
    let code = THE_PORTAL.code(&house, &browser, &ask).await;
    let mut form = ask.redemption(&code);
    form.push(("resource", OTHER));
    let (status, body) = THE_PORTAL.token(&house, &form).await;
    assert_eq!((status, audience(&body)), (200, json!(OTHER)));
    let (status, body) = refresh(&house, &portal::tokens(body), &[]).await;
    assert_eq!((status, audience(&body)), (200, json!([API, OTHER])));
}

#[tokio::test]
async fn pushed_and_signed_requests_name_apis_too() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let ask = KEYED.ask().and("resource", API).and("resource", OTHER);
    let parameters: Vec<_> = ask.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let pushed: Value = KEYED.post(&house, "/par", &parameters).send().await.unwrap().json().await.unwrap();
    let bare = crate::oidc_client::Ask { parameters: vec![], ..ask.clone() }.with("client_id", KEYED.id);
    let brought = bare.clone().with("request_uri", pushed["request_uri"].as_str().unwrap());
    let mut said = assertion_claims(&house, KEYED.id);
    said.as_object_mut().unwrap().remove("sub");
    for (name, value) in &ask.parameters {
        said[name] = json!(value);
    }
    said["resource"] = json!([API, OTHER]);
    let typ = json!({"alg": "ES256", "kid": "k", "typ": "oauth-authz-req+jwt"});
    let signed = bare.clone().with("request", &KEY.sign(&typ, &said));
    for how in [brought, signed] {
        let code = KEYED.code(&house, &browser, &how).await;
        let tokens = KEYED.redeem(&house, &ask, &code).await;
        assert_eq!(audience(&tokens.body), json!([API, OTHER]));
    }
    let bad = [parameters, vec![("resource", "urn:example:none")]].concat();
    let answer = KEYED.post(&house, "/par", &bad).send().await.unwrap();
    assert_refused(&(answer.status().as_u16(), answer.json().await.unwrap()), "invalid_target");
    said["resource"] = json!([API, "urn:example:none"]);
    said["jti"] = json!("another");
    let signed = bare.with("request", &KEY.sign(&typ, &said));
    let told = crate::oidc_client::answer(&browser.get(&signed.url(&house)).await);
    assert_eq!(told["error"], "invalid_target");
}

#[tokio::test]
async fn what_is_not_registered_or_not_granted_is_no_target() {
    let mut house = house().await;
    let (browser, _) = logged_in(&house).await;
    let admin = format!("{}/admin/v1", house.issuer);
    for bad in [
        "https://api.example/V1",
        "https://api.example/v1/",
        "https://api.example/v1#x",
        "https://api.example/v1?x",
        "https://api.example",
        "/v1",
        "x",
        &admin,
        &house.issuer,
    ] {
        for ask in [
            THE_PORTAL.ask().and("resource", bad),
            THE_PORTAL.ask().and("resource", API).and("resource", bad),
        ] {
            assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "invalid_target");
        }
    }
    let ask = LAB.ask().and("resource", API);
    assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "invalid_target");
    // With the code and with a refresh: only what was granted, and nothing is burnt by asking.
    let ask = THE_PORTAL.ask().and("resource", API);
    let code = THE_PORTAL.code(&house, &browser, &ask).await;
    for bad in [&[OTHER][..], &[API, OTHER], &["x"], &[admin.as_str()]] {
        let mut form = ask.redemption(&code);
        form.extend(bad.iter().map(|one| ("resource", *one)));
        assert_refused(&THE_PORTAL.token(&house, &form).await, "invalid_target");
    }
    let tokens = THE_PORTAL.redeem(&house, &ask, &code).await;
    for bad in [&[OTHER][..], &[API, OTHER], &["x"], &[admin.as_str()]] {
        assert_refused(&refresh(&house, &tokens, bad).await, "invalid_target");
    }
    let (status, body) = refresh(&house, &tokens, &[API]).await;
    assert_eq!(status, 200, "{body}");
    let tokens = portal::tokens(body);
    // Who asked for none was granted none.
    let plain = THE_PORTAL.sign_on(&house, &browser, "openid").await;
    assert_refused(&refresh(&house, &plain, &[API]).await, "invalid_target");
    // What the registration no longer has counts no more.
    house.reconfigure(
        "sees_relation = true\nresources = [\"https://api.example/v1\", ",
        "sees_relation = true\nresources = [",
    );
    assert_refused(&refresh(&house, &tokens, &[]).await, "invalid_target");
    let ours = format!("{}/userinfo", house.issuer);
    assert_eq!(refresh(&house, &tokens, &[&ours]).await.0, 400, "of this grant nothing is left");
}

#[tokio::test]
async fn an_api_hears_what_a_token_for_it_is_worth_and_of_no_other() {
    let house = house().await;
    let (browser, plain) = logged_in(&house).await;
    let sign_on = async |resources: &[&str]| {
        let mut ask = THE_PORTAL.ask();
        for one in resources {
            ask = ask.and("resource", one);
        }
        let code = THE_PORTAL.code(&house, &browser, &ask).await;
        THE_PORTAL.redeem(&house, &ask, &code).await
    };
    let tokens = sign_on(&[API]).await;
    let access = tokens.text("access_token");
    let told = THE_API.introspect(&house, access).await;
    assert_eq!(
        (&told["active"], &told["aud"], &told["client_id"]),
        (&json!(true), &json!(API), &json!("portal"))
    );
    assert_eq!(told, THE_PORTAL.introspect(&house, access).await, "both hear the same");
    assert_eq!(
        THE_API.introspect(&house, sign_on(&[OTHER, API]).await.text("access_token")).await["active"],
        true
    );
    let other = sign_on(&[OTHER]).await;
    for (what, token) in [
        ("a refresh token", tokens.text("refresh_token")),
        ("for another API", other.text("access_token")),
        ("for UserInfo", plain.text("access_token")),
        ("an ID token", tokens.text("id_token")),
    ] {
        assert_eq!(THE_API.introspect(&house, token).await, json!({"active": false}), "{what}");
    }
    assert_eq!(LAB.introspect(&house, access).await, json!({"active": false}));
    // It asks, and ends nothing.
    THE_API.revoke(&house, &[("token", access)]).await;
    assert_eq!(THE_API.introspect(&house, access).await["active"], true);
    THE_PORTAL.revoke(&house, &[("token", access)]).await;
    assert_eq!(THE_API.introspect(&house, access).await, json!({"active": false}));
}
