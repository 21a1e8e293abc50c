//! Scripts of other origins (the CORS protocol of Fetch): which of them may read what.

use std::time::{Duration, Instant};

use reqwest::{Method, Response};
use tokio::time::sleep;

use crate::{
    bad_input_wire::exchange,
    browser::Browser,
    house::House,
    jose::Key,
    oidc_client::{Auth, Client, THE_PORTAL, answer, logged_in},
};

/// A public client: an app in the browser.
const SPA: Client = Client { id: "spa", auth: Auth::None, callback: "https://spa.example.nl/callback" };
const ORIGIN: &str = "https://spa.example.nl";

const TABLES: &str = r#"
[[client]]
id = "spa"
name = "Spa"
redirect_uris = ["https://spa.example.nl/callback"]
auth = "none"
scopes = ["openid"]
id_token_alg = "ES256"
[[client]]
id = "shop"
name = "Shop"
policy = "basic"
redirect_uris = ["https://shop.example.nl/callback"]
auth = "client_secret_basic"
secret = { file = "portal.secret" }
scopes = ["openid"]
"#;

/// What a public client asks by script, and how.
const DOORS: [(&str, &str); 4] =
    [("/par", "POST"), ("/token", "POST"), ("/revoke", "POST"), ("/userinfo", "GET")];
const FOR_ALL: [&str; 3] =
    ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks"];

async fn house() -> House {
    House::with(TABLES).await
}

/// What a browser asks before a script's request with headers of its own.
async fn preflight(house: &House, path: &str, method: &str, origin: &str) -> Response {
    let request = reqwest::Client::new().request(Method::OPTIONS, format!("{}{path}", house.issuer));
    let request = request.header("origin", origin).header("access-control-request-method", method);
    request.header("access-control-request-headers", "authorization,dpop").send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// Whether the script of that origin may read it; what is true of every answer is checked.
fn is_shared(response: &Response, origin: &str) -> bool {
    let headers = response.headers();
    assert!(!headers.contains_key("access-control-allow-credentials"), "{response:?}");
    assert!(
        headers.get_all("access-control-allow-origin").iter().count() <= 1
            && headers.get_all("vary").iter().any(|value| value == "origin"),
        "{response:?}"
    );
    match header(response, "access-control-allow-origin") {
        "" => false,
        told => {
            assert_eq!(told, origin);
            assert_eq!(header(response, "access-control-expose-headers"), "dpop-nonce, www-authenticate");
            true
        }
    }
}

#[tokio::test]
async fn an_app_in_the_browser_logs_in_with_a_key_and_reads_every_answer() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    for (path, method) in DOORS {
        let told = preflight(&house, path, method, ORIGIN).await;
        assert_eq!(told.status(), 204, "{path}");
        assert!(is_shared(&told, ORIGIN), "{path}: {told:?}");
        assert!(header(&told, "access-control-allow-methods").contains(method), "{path}");
        for name in ["authorization", "content-type", "dpop"] {
            assert!(header(&told, "access-control-allow-headers").contains(name), "{path} {name}");
        }
        assert_eq!(header(&told, "access-control-max-age"), "600");
    }
    let key = Key::new();
    let post = async |path: &str, form: &[(&str, &str)]| {
        let request = SPA.post(&house, path, form).header("dpop", key.proof(&house, "POST", path, None));
        let response = request.header("origin", ORIGIN).send().await.unwrap();
        assert!(is_shared(&response, ORIGIN), "{path}: {response:?}");
        assert_eq!(header(&response, "dpop-nonce").is_empty(), path == "/revoke", "{path}");
        response
    };
    let ask = SPA.ask();
    let pairs: Vec<_> = ask.parameters.iter().filter(|(name, _)| name != "client_id").collect();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let pushed = post("/par", &pairs).await.json::<serde_json::Value>().await.unwrap();
    let brought = SPA.ask().with("request_uri", pushed["request_uri"].as_str().unwrap());
    let page = browser.get(&brought.url(&house)).await;
    assert!(page.headers.get("access-control-allow-origin").is_none(), "a page is no script's");
    let told = answer(&page);
    let redeemed = post("/token", &ask.redemption(told["code"].as_str().unwrap())).await;
    assert_eq!(redeemed.status(), 200);
    let tokens: serde_json::Value = redeemed.json().await.unwrap();
    let access = tokens["access_token"].as_str().unwrap();
    let userinfo = async |proof: &str| {
        let request = reqwest::Client::new().get(format!("{}/userinfo", house.issuer));
        let request = request.header("authorization", format!("DPoP {access}")).header("dpop", proof);
        let response = request.header("origin", ORIGIN).send().await.unwrap();
        assert!(is_shared(&response, ORIGIN), "{response:?}");
        response
    };
    assert_eq!(userinfo(&key.proof(&house, "GET", "/userinfo", Some(access))).await.status(), 200);
    // An error too: it says how to do better.
    let refused = userinfo("x").await;
    assert!(refused.status() == 401 && header(&refused, "www-authenticate").starts_with("DPoP"));
    assert_eq!(post("/token", &[("grant_type", "x")]).await.status(), 400);
    assert_eq!(post("/revoke", &[("token", access)]).await.status(), 200);
}

#[tokio::test]
async fn a_hostile_origin_reads_nothing_and_needs_no_cookie_to_fail() {
    let house = house().await;
    let others = [
        "https://evil.example",
        "null",
        "*",
        "http://spa.example.nl",
        "https://spa.example.nl:444",
        "https://spa.example.nl.evil.example",
        "https://evil-spa.example.nl",
        "https://spa.example.nl/",
        "https://SPA.example.nl",
        // Clients that prove who they are have a server that asks.
        "https://shop.example.nl",
        "http://127.0.0.1:9",
    ];
    for (path, method) in DOORS {
        for origin in others {
            let told = preflight(&house, path, method, origin).await;
            assert_eq!(told.status(), 405, "{path} {origin}");
            assert!(!is_shared(&told, origin), "{path} {origin}");
            let request =
                reqwest::Client::new().request(method.parse().unwrap(), house.issuer.clone() + path);
            let told = request.header("origin", origin).send().await.unwrap();
            assert!(!is_shared(&told, origin), "{path} {origin}");
        }
        let told = preflight(&house, path, method, ORIGIN).await;
        assert!(told.status() == 204 && is_shared(&told, ORIGIN), "{path}: the twin");
        // Who names no origin is told, for caches, that it would count.
        let request = reqwest::Client::new().request(method.parse().unwrap(), house.issuer.clone() + path);
        assert!(!is_shared(&request.send().await.unwrap(), ""));
        for origins in
            ["origin: https://spa.example.nl\r\norigin: https://spa.example.nl\r\n", "origin: \u{ff}\r\n"]
        {
            let head = format!(
                "OPTIONS {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{origins}access-control-request-method: POST\r\n\r\n"
            );
            let raw = exchange(&house, head.as_bytes()).await;
            assert!(raw.status == 405 && raw.header("access-control-allow-origin").is_none(), "{raw:?}");
        }
    }
    // The registered origin is no key to other doors.
    for path in
        ["/introspect", "/authorize", "/logout", "/login/x/email", "/digid/metadata", "/healthz", "/x"]
    {
        for told in [
            preflight(&house, path, "POST", ORIGIN).await,
            reqwest::Client::new()
                .get(house.issuer.clone() + path)
                .header("origin", ORIGIN)
                .send()
                .await
                .unwrap(),
        ] {
            let shared = told.headers().keys().any(|name| name.as_str().starts_with("access-control-"));
            assert!(!shared && told.status() != 204, "{path}: {told:?}");
        }
    }
    assert!(!house.log().contains("\"level\":\"ERROR\""), "{}", house.log());
}

#[tokio::test]
async fn anyone_reads_metadata_and_keys() {
    let house = house().await;
    for path in FOR_ALL {
        let told = preflight(&house, path, "GET", "https://anyone.example").await;
        assert_eq!((told.status().as_u16(), header(&told, "access-control-allow-origin")), (204, "*"));
        for origin in [None, Some("https://anyone.example")] {
            let mut request = reqwest::Client::new().get(house.issuer.clone() + path);
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            let told = request.send().await.unwrap();
            assert_eq!((told.status().as_u16(), header(&told, "access-control-allow-origin")), (200, "*"));
            assert!(!told.headers().contains_key("access-control-allow-credentials"), "{path}");
            assert!(header(&told, "cache-control").starts_with("public"), "{path}");
        }
    }
}

/// Waits until a preflight of that origin is answered so.
async fn until(house: &House, origin: &str, status: u16) {
    let patience = Instant::now() + Duration::from_mins(1);
    while preflight(house, "/token", "POST", origin).await.status() != status {
        assert!(Instant::now() < patience, "{origin} {status}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_app_that_is_added_or_removed_counts_without_a_restart() {
    let house = house().await;
    let origin = "https://new.example.nl";
    assert_eq!(preflight(&house, "/token", "POST", origin).await.status(), 405, "nobody knows it yet");
    let uri = format!("{origin}/callback");
    let arguments =
        ["clients", "add", "--by", "els", "new", "--name", "Nieuw", "--redirect-uri", &uri, "--auth", "none"];
    house.ok(&arguments);
    until(&house, origin, 204).await;
    house.ok(&["clients", "remove", "--by", "els", "new"]);
    until(&house, origin, 405).await;
    assert_eq!(preflight(&house, "/token", "POST", ORIGIN).await.status(), 204);
    // The portal's own flow goes on as before.
    let browser = Browser::new();
    assert_eq!(browser.get(&THE_PORTAL.ask().url(&house)).await.status, 303);
}
