//! Pushed authorization requests (RFC 9126; attack 15 of the design's table).

use serde_json::{Value, json};

use crate::{
    browser::{Browser, Page},
    fapi::FAPI,
    house::{CALLBACK, House, PASSWORD, SECRET},
    jose::{ASSERTION_TYPE, KEY, assertion},
    mandates_desk::now,
    oidc_client::{
        APP, Ask, Auth, CLIENTS, Client, KEYED, THE_PORTAL, answer, assert_error, assert_refused, house,
        logged_in,
    },
    portal::{Request, code_of, enter_password, form_encoded},
    race::at_once,
};

const FAPI_TABLE: &str = r#"
[[client]]
id = "fapi"
name = "Fapi"
policy = "fapi2"
redirect_uris = ["http://127.0.0.1:9/callback/fapi"]
auth = "private_key_jwt"
jwks = "keyed.jwks"
scopes = ["openid"]
id_token_alg = "ES256"
"#;

async fn with_fapi() -> House {
    House::with(format!("{CLIENTS}{FAPI_TABLE}")).await
}

/// Pushes parameters as `client`, which proves who it is.
async fn push(house: &House, client: &Client, parameters: &[(String, String)]) -> (u16, Value) {
    let request = reqwest::Client::new().post(format!("{}/par", house.issuer));
    let mut form = parameters.to_vec();
    let mut add = |name: &str, value: &str| form.push((name.to_owned(), value.to_owned()));
    let request = match client.auth {
        Auth::Basic => request.basic_auth(client.id, Some(form_encoded(SECRET))),
        Auth::Key => {
            add("client_assertion_type", ASSERTION_TYPE);
            add("client_assertion", &assertion(house, client.id));
            request
        }
        Auth::Post => {
            add("client_secret", SECRET);
            request
        }
        Auth::None => request,
    };
    let answer = request.form(&form).send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The handle of a request that must be good, as a browser brings it.
async fn pushed(house: &House, client: &Client, ask: &Ask) -> Ask {
    let (status, body) = push(house, client, &ask.parameters).await;
    assert_eq!(status, 201, "{body}");
    assert!((60..=90).contains(&body["expires_in"].as_i64().unwrap()), "{body}");
    let handle = body["request_uri"].as_str().unwrap();
    let random = handle.strip_prefix("urn:ietf:params:oauth:request_uri:").unwrap();
    assert!(random.len() >= 43, "256 bits: {handle}");
    brought(client, handle, ask)
}

fn brought(client: &Client, handle: &str, ask: &Ask) -> Ask {
    let bare = Ask { parameters: Vec::new(), ..ask.clone() };
    bare.with("client_id", client.id).with("request_uri", handle)
}

fn assert_unknown(page: &Page) {
    let detail = page.text("detail").unwrap_or_default();
    assert!(page.status == 400 && detail.contains("request_uri_invalid"), "{} {detail}", page.status);
    assert!(page.location().is_none());
}

#[tokio::test]
async fn a_pushed_request_is_answered_as_it_was_pushed() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    for client in [THE_PORTAL, KEYED, APP] {
        let ask = client.ask();
        let handle = pushed(&house, &client, &ask).await;
        // What stands beside the handle is not read.
        let more = handle
            .with("state", "evil")
            .with("redirect_uri", "https://evil.example/")
            .with("prompt", "login");
        let page = browser.get(&more.url(&house)).await;
        assert_eq!(answer(&page)["state"], ask.get("state"));
        assert!(page.location().unwrap().as_str().starts_with(client.callback));
        client.redeem(&house, &ask, answer(&page)["code"].as_str().unwrap()).await;
    }
    // Signed, too (RFC 9126 section 3).
    let ask = KEYED.ask();
    let mut inside = json!({"iss": KEYED.id, "aud": house.issuer, "exp": now().epoch() + 60});
    for (name, value) in &ask.parameters {
        inside[name] = json!(value);
    }
    let request = KEY.sign(&json!({"alg": "ES256", "kid": "k"}), &inside);
    let signed = Ask { parameters: vec![("request".into(), request)], ..ask.clone() };
    let handle = pushed(&house, &KEYED, &signed).await;
    let code = KEYED.code(&house, &browser, &handle).await;
    KEYED.redeem(&house, &ask, &code).await;
}

#[tokio::test]
async fn a15_a_handle_is_good_for_one_answer_and_for_its_own_client() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let handle = pushed(&house, &THE_PORTAL, &THE_PORTAL.ask()).await;
    // Another client's attempt, and a guess, find nothing and burn nothing.
    assert_unknown(&browser.get(&handle.clone().with("client_id", KEYED.id).url(&house)).await);
    let guess = format!("{}x", handle.get("request_uri"));
    assert_unknown(&browser.get(&handle.clone().with("request_uri", &guess).url(&house)).await);
    code_of(&browser.get(&handle.url(&house)).await);
    assert_unknown(&browser.get(&handle.url(&house)).await);
    assert_unknown(&Browser::new().get(&handle.url(&house)).await);
    // Of many at once one is answered.
    let handle = pushed(&house, &THE_PORTAL, &THE_PORTAL.ask()).await.url(&house);
    let all = (0..20).map(|_| {
        let (browser, handle) = (browser.clone(), handle.clone());
        async move { browser.get(&handle).await }
    });
    let answers = at_once(all).await;
    assert_eq!(answers.iter().filter(|page| page.location().is_some()).count(), 1);
    answers.iter().filter(|page| page.location().is_none()).for_each(assert_unknown);
}

/// Its page may be loaded again, also by something that looks ahead; the answer is given once (RFC 9126 section 7.3, FAPI 2.0
/// Security Profile, section 5.3.2.2).
#[tokio::test]
async fn a15_a_reload_begins_anew_until_one_login_is_answered() {
    let house = house().await;
    let (_, mine) = logged_in(&house).await;
    let ask = THE_PORTAL.ask();
    let handle = pushed(&house, &THE_PORTAL, &ask).await.url(&house);
    let mut logins = Vec::new();
    for mails in [2, 3] {
        let browser = Browser::new();
        browser.visit(&handle, CALLBACK).await;
        let request = Request { url: handle.clone(), verifier: String::new(), state: String::new() };
        let page = enter_password(&browser, &request, "jansen@voorbeeld.nl", PASSWORD).await;
        logins.push((browser, page, house.code("jansen@voorbeeld.nl", mails)));
    }
    let (browser, page, code) = &logins[0];
    let done = browser.submit(page, "code-form", &[("code", code)]).await;
    assert_eq!(THE_PORTAL.redeem(&house, &ask, &code_of(&done)).await.sub(), mine.sub());
    let (browser, page, code) = &logins[1];
    assert_unknown(&browser.submit(page, "code-form", &[("code", code)]).await);
    assert!(!crate::digid_steps::has_session(&house, browser).await);
    assert_unknown(&Browser::new().get(&handle).await);
}

#[tokio::test]
async fn a15_a_handle_ends_after_a_while_and_survives_a_restart_until_then() {
    let mut house = house().await;
    let ask = THE_PORTAL.ask();
    let (good, late) = (pushed(&house, &THE_PORTAL, &ask).await, pushed(&house, &THE_PORTAL, &ask).await);
    house.kill();
    house.open_doors();
    let login = Browser::new().get(&good.url(&house)).await;
    assert!(login.location().unwrap().path().starts_with("/login/"));
    // Ninety seconds by the server's clock, and no longer.
    let edge = pushed(&house, &THE_PORTAL, &ask).await;
    house.move_clock(60).await;
    let login = Browser::new().get(&edge.url(&house)).await;
    assert!(login.location().unwrap().path().starts_with("/login/"));
    house.move_clock(91).await;
    assert_unknown(&Browser::new().get(&late.url(&house)).await);
}

#[tokio::test]
async fn who_pushes_proves_who_it_is_and_a_bad_request_is_told_at_once() {
    let house = house().await;
    let good = THE_PORTAL.ask();
    let imposter = Client { auth: Auth::None, ..THE_PORTAL };
    assert_refused(&push(&house, &imposter, &good.parameters).await, "invalid_client");
    let keyed = Client { auth: Auth::None, ..KEYED };
    assert_refused(&push(&house, &keyed, &KEYED.ask().parameters).await, "invalid_client");
    for (ask, error) in [
        (good.clone().with("redirect_uri", "https://evil.example/"), "invalid_request"),
        (good.clone().without("redirect_uri"), "invalid_request"),
        (good.clone().with("client_id", "lab"), "invalid_request"),
        (good.clone().with("scope", "email"), "invalid_scope"),
        (good.clone().with("response_type", "token"), "unsupported_response_type"),
        (good.clone().with("code_challenge_method", "plain"), "invalid_request"),
        (good.clone().with("request_uri", "urn:ietf:params:oauth:request_uri:x"), "invalid_request"),
        (good.clone().with("request", "e30.e30."), "invalid_request_object"),
        (good.clone().and("nonce", "n"), "invalid_request"),
        (good.clone().with("state", &"x".repeat(4097)), "invalid_request"),
    ] {
        assert_refused(&push(&house, &THE_PORTAL, &ask.parameters).await, error);
    }
    // Who has proven who it is need not say it again.
    assert_eq!(push(&house, &THE_PORTAL, &good.without("client_id").parameters).await.0, 201);
    let get = reqwest::get(format!("{}/par", house.issuer)).await.unwrap();
    assert_eq!(get.status(), 405);
}

#[tokio::test]
async fn a_client_of_fapi_must_push() {
    let house = with_fapi().await;
    let (browser, _) = logged_in(&house).await;
    let ask = FAPI.ask();
    assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "invalid_request");
    let handle = pushed(&house, &FAPI, &ask).await;
    FAPI.code(&house, &browser, &handle).await;
    // Others may.
    KEYED.code(&house, &browser, &KEYED.ask()).await;
}
