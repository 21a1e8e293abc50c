//! What the OpenID Foundation's plan for Dynamic OP asks, module by module (docs/conformance.md), of a provider where clients
//! register by an initial access token.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openssl::{
    hash::MessageDigest,
    pkey::{PKey, Private},
    rsa::Rsa,
    sign::Signer,
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    browser::{Browser, Page},
    house::{CALLBACK, House, Options},
    jose::{ASSERTION_TYPE, assertion_claims},
    oidc_client::{Ask, Auth, Client, assert_refused, claims, header, logged_in, userinfo},
    portal::code_of,
};

/// A client as the plan has it: `private_key_jwt` by RS256, and whatever it registered.
struct Registered {
    client: Client,
    key: PKey<Private>,
}

fn key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

fn set(key: &PKey<Private>) -> Value {
    let rsa = key.rsa().unwrap();
    let part = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
    json!({"keys": [{
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "r", "n": part(rsa.n().to_vec()), "e": part(rsa.e().to_vec()),
    }]})
}

/// Registers what the plan registers, with more or other members.
async fn register(house: &House, token: &str, more: &Value) -> (StatusCode, Value, PKey<Private>) {
    let key = key();
    let mut metadata = json!({
        "client_name": "conformance", "grant_types": ["authorization_code"], "response_types": ["code"],
        "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "private_key_jwt", "jwks": set(&key),
        "contacts": ["certification@example.org"],
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let request = reqwest::Client::new().post(format!("{}/register", house.issuer)).bearer_auth(token);
    let answer = request.json(&metadata).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    (answer.status(), answer.json().await.unwrap(), key)
}

async fn registered(house: &House, token: &str, more: &Value) -> (Registered, Value) {
    let (status, told, key) = register(house, token, more).await;
    assert_eq!(status, 201, "{told}");
    assert!(told["registration_client_uri"].is_string() && told["registration_access_token"].is_string());
    let id: &'static str = Box::leak(told["client_id"].as_str().unwrap().to_owned().into_boxed_str());
    (Registered { client: Client { id, auth: Auth::Key, callback: CALLBACK }, key }, told)
}

impl Registered {
    /// A form with an assertion for that audience, signed with the key of that name, or of none.
    async fn ask(
        &self,
        house: &House,
        form: &[(&str, &str)],
        audience: &str,
        (key, kid): (&PKey<Private>, &str),
    ) -> (u16, Value) {
        let mut said = assertion_claims(house, self.client.id);
        said["aud"] = json!(audience);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = if kid.is_empty() { json!({"alg": "RS256"}) } else { json!({"alg": "RS256", "kid": kid}) };
        let signed = format!("{}.{}", part(&head), part(&said));
        let mut signature = Signer::new(MessageDigest::sha256(), key).unwrap();
        signature.update(signed.as_bytes()).unwrap();
        let assertion = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.sign_to_vec().unwrap()));
        let mut form = form.to_vec();
        form.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion)]);
        let request = reqwest::Client::new().post(format!("{}/token", house.issuer)).form(&form);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Tokens for a form, by its first key.
    async fn token(&self, house: &House, form: &[(&str, &str)], audience: &str) -> Value {
        let (status, body) = self.ask(house, form, audience, (&self.key, "r")).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Tokens for a browser that is logged in, and where it came back.
    async fn tokens(&self, house: &House, browser: &Browser, ask: &Ask, audience: &str) -> (Value, String) {
        let page = allowed(browser, &ask.url(house)).await;
        let body = self.token(house, &ask.redemption(&code_of(&page)), audience).await;
        (body, page.location().unwrap().into())
    }
}

/// Asks, and says yes where the user is asked what the client may know.
async fn allowed(browser: &Browser, url: &str) -> Page {
    let page = browser.visit(url, CALLBACK).await;
    if page.text("consent-form").is_none() {
        return page;
    }
    browser.submit(&page, "consent-form", &[("answer", "allow")]).await
}

/// The house of the plan, an initial access token for all its modules, and somebody who is logged in.
async fn start() -> (House, String, Browser) {
    let tables = "[outbound]\nprivate_addresses = [\"127.0.0.1\"]\n";
    let house =
        House::start_with(Options { top: "registration = true\n", tables, ..Options::default() }).await;
    let invite =
        ["clients", "--json", "invite", "--by", "els", "suite", "--policy", "basic", "--uses", "100"];
    let scopes = ["--scope", "email", "--scope", "offline_access"];
    let invited: Value = serde_json::from_str(&house.ok(&[&invite[..], &scopes].concat())).unwrap();
    let (browser, _) = logged_in(&house).await;
    (house, invited["initial_access_token"].as_str().unwrap().to_owned(), browser)
}

/// oidcc-server, oidcc-idtoken-rs256, oidcc-userinfo-rs256, oidcc-ensure-client-assertion-with-iss-aud-succeeds.
#[tokio::test]
async fn a_client_of_the_plan_registers_and_gets_what_it_registered_for() {
    let (house, token, browser) = start().await;
    let issuer = house.issuer.clone();
    for (more, audience, signed) in [
        (json!({}), format!("{issuer}/token"), false),
        (json!({"id_token_signed_response_alg": "RS256"}), issuer.clone(), false),
        (json!({"userinfo_signed_response_alg": "RS256"}), issuer.clone(), true),
    ] {
        let (client, told) = registered(&house, &token, &more).await;
        assert_eq!(
            (&told["contacts"], &told["jwks"]),
            (&Value::Null, &set(&client.key)),
            "what counts is told"
        );
        let (body, _) = client.tokens(&house, &browser, &client.client.ask(), &audience).await;
        assert_eq!(header(body["id_token"].as_str().unwrap())["alg"], "RS256");
        let access = body["access_token"].as_str().unwrap();
        let user = reqwest::Client::new()
            .get(format!("{issuer}/userinfo"))
            .bearer_auth(access)
            .send()
            .await
            .unwrap();
        let media = if signed { "application/jwt" } else { "application/json" };
        assert_eq!((user.status().as_u16(), &user.headers()["content-type"]), (200, &media.parse().unwrap()));
        if signed {
            assert_eq!(header(&user.text().await.unwrap())["alg"], "RS256");
        }
        let gone = reqwest::Client::new()
            .delete(told["registration_client_uri"].as_str().unwrap())
            .bearer_auth(told["registration_access_token"].as_str().unwrap());
        assert_eq!(gone.send().await.unwrap().status(), 204);
    }
}

/// oidcc-ensure-redirect-uri-in-authorization-request, oidcc-redirect-uri-query-OK, -mismatch and -added,
/// oidcc-redirect-uri-regfrag.
#[tokio::test]
async fn a_redirect_uri_is_taken_as_it_was_registered_query_and_all() {
    let (house, token, browser) = start().await;
    let query = "http://127.0.0.1:9/callback?foo=bar";
    let (client, _) = registered(&house, &token, &json!({"redirect_uris": [query]})).await;
    let (_, back) = client
        .tokens(&house, &browser, &client.client.ask().with("redirect_uri", query), &house.issuer)
        .await;
    let back = url::Url::parse(&back).unwrap();
    assert!(back.query_pairs().any(|(name, value)| name == "foo" && value == "bar"), "{back}");

    let (plain, _) =
        registered(&house, &token, &json!({"redirect_uris": [CALLBACK, "http://127.0.0.1:9/callback/b"]}))
            .await;
    // As the suite registers them, of two hosts.
    let two = json!({"redirect_uris": [CALLBACK, "https://example.org/redirect"]});
    let (hosts, told) = registered(&house, &token, &two).await;
    assert_eq!((&told["subject_type"], &told["redirect_uris"]), (&json!("pairwise"), &two["redirect_uris"]));
    hosts.tokens(&house, &browser, &hosts.client.ask(), &house.issuer).await;
    for ask in [
        hosts.client.ask().without("redirect_uri"),
        client.client.ask().with("redirect_uri", "http://127.0.0.1:9/callback?foo=baz"),
        plain.client.ask().with("redirect_uri", query),
        plain.client.ask().without("redirect_uri"),
    ] {
        let page = browser.get(&ask.url(&house)).await;
        assert!(page.status == 400 && page.location().is_none(), "{}", ask.query());
    }
    let fragment = json!({"redirect_uris": ["http://127.0.0.1:9/callback#foo=bar"]});
    let (status, told, _) = register(&house, &token, &fragment).await;
    assert_eq!((status.as_u16(), told["error"].as_str()), (400, Some("invalid_redirect_uri")), "{told}");
}

/// One key needs no name (RFC 7517 section 4.5), and as the suite makes them it may have none.
#[tokio::test]
async fn a_key_without_a_name_is_registered_and_proves_who_its_client_is() {
    let (house, token, browser) = start().await;
    let key = key();
    let mut nameless = set(&key);
    nameless["keys"][0].as_object_mut().unwrap().remove("kid");
    let (at, _) = place(nameless.clone()).await;
    for more in [json!({"jwks": nameless}), json!({"jwks": null, "jwks_uri": at})] {
        let (client, told) = registered(&house, &token, &more).await;
        assert_eq!(told["jwks"], more["jwks"], "no name is made up");
        let ask = client.client.ask();
        let code = code_of(&allowed(&browser, &ask.url(&house)).await);
        let form = ask.redemption(&code);
        let stranger = self::key();
        assert_refused(&client.ask(&house, &form, &house.issuer, (&stranger, "")).await, "invalid_client");
        let (status, body) = client.ask(&house, &form, &house.issuer, (&key, "")).await;
        assert_eq!(status, 200, "{body}");
    }
}

/// A place that tells the set that stands there at the moment: its address, and the set.
async fn place(set: Value) -> (String, Arc<Mutex<Value>>) {
    let told = Arc::new(Mutex::new(set));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}/client1_jwks", listener.local_addr().unwrap());
    let tells = told.clone();
    let router = Router::new().route(
        "/client1_jwks",
        get(move || async move {
            let set = tells.lock().unwrap().clone();
            Json(set)
        }),
    );
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (at, told)
}

/// oidcc-refresh-token-rp-key-rotation, oidcc-registration-jwks-uri.
#[tokio::test]
async fn a_client_that_turned_its_keys_refreshes_with_the_new_one_and_not_with_the_old() {
    let (house, token, browser) = start().await;
    let (first, second) = (key(), key());
    let (at, told) = place(set(&first)).await;
    let more = json!({
        "jwks": null, "jwks_uri": at, "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid offline_access",
    });
    let (mut client, registered) = registered(&house, &token, &more).await;
    assert_eq!((&registered["jwks_uri"], &registered["jwks"]), (&json!(at), &Value::Null));
    client.key = first.clone();
    let ask = client.client.ask().with("scope", "openid offline_access").with("prompt", "consent");
    let (tokens, _) = client.tokens(&house, &browser, &ask, &house.issuer).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let plain = |byte: u8| (0x20..=0x7e).contains(&byte);
    assert!(refresh.bytes().all(plain), "RFC 6749, appendix A.17");

    let mut turned = set(&second);
    turned["keys"][0]["kid"] = json!("r2");
    *told.lock().unwrap() = turned;
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let (status, body) = client.ask(&house, &form, &house.issuer, (&second, "r2")).await;
    assert_eq!(status, 200, "{body}");
    let [before, after] = [&tokens, &body].map(|tokens| claims(tokens["id_token"].as_str().unwrap()));
    for name in ["iss", "sub", "aud"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    let (status, user) = userinfo(&house, body["access_token"].as_str().unwrap()).await;
    assert_eq!((status, &user["sub"]), (200, &after["sub"]));

    // The old key, and the new name on it, let nobody in; the newer token is as good as it was.
    let again = body["refresh_token"].as_str().unwrap_or(refresh);
    let form = [("grant_type", "refresh_token"), ("refresh_token", again)];
    for kid in ["r", "r2"] {
        assert_refused(&client.ask(&house, &form, &house.issuer, (&first, kid)).await, "invalid_client");
    }
    assert_eq!(client.ask(&house, &form, &house.issuer, (&second, "r2")).await.0, 200);
}
