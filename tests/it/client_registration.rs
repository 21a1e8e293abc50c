//! Clients that register themselves (RFC 7591) and manage that (RFC 7592); attacks 14 and 22 of the design's table, and what
//! somebody with an invitation may try beyond it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    digid_steps::change as change_database,
    discovery::metadata,
    house::{CALLBACK, House, Options},
    jose::{KEY, assertion_claims},
    oidc_client::{Ask, Auth, Client, answer, assert_error, header, logged_in},
    portal::code_of,
    race::at_once,
};

pub const OPEN: &str = "registration = true\n";
/// So that addresses of this machine may be called.
pub const CALLS: &str = "[outbound]\nprivate_addresses = [\"127.0.0.1\"]\n";
const ALL_SCOPES: [&str; 4] = ["--scope", "email", "--scope", "profile"];

async fn house() -> House {
    House::start_with(Options { top: OPEN, tables: CALLS, ..Options::default() }).await
}

/// An initial access token.
pub fn invite(house: &House, more: &[&str]) -> String {
    invitation(house, more)["initial_access_token"].as_str().unwrap().to_owned()
}

fn invitation(house: &House, more: &[&str]) -> Value {
    let arguments = [&["clients", "--json", "invite", "--by", "els", "Stappenteller BV"], more].concat();
    serde_json::from_str(&house.ok(&arguments)).unwrap()
}

/// A request to an endpoint of registration.
async fn call(method: Method, url: &str, token: &str, body: Option<&Value>) -> (u16, Value) {
    let mut request = reqwest::Client::new().request(method, url);
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["cache-control"], "no-store", "{status}");
    assert_eq!(answer.headers().contains_key("www-authenticate"), status == 401);
    (status, answer.json().await.unwrap_or_default())
}

async fn register(house: &House, token: &str, metadata: &Value) -> (u16, Value) {
    call(Method::POST, &format!("{}/register", house.issuer), token, Some(metadata)).await
}

/// A client that must be registered.
pub async fn registered(house: &House, token: &str, metadata: &Value) -> Value {
    let (status, told) = register(house, token, metadata).await;
    assert_eq!(status, 201, "{told}");
    told
}

pub async fn manage(method: Method, told: &Value, token: &str, body: Option<&Value>) -> (u16, Value) {
    call(method, told["registration_client_uri"].as_str().unwrap(), token, body).await
}

pub fn manager(told: &Value) -> &str {
    told["registration_access_token"].as_str().unwrap()
}

pub fn id(told: &Value) -> &'static str {
    Box::leak(told["client_id"].as_str().unwrap().to_owned().into_boxed_str())
}

/// The least that a client with a secret says.
pub fn portal() -> Value {
    json!({ "redirect_uris": [CALLBACK] })
}

/// The least that a client with a key says.
pub fn keyed() -> Value {
    json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "private_key_jwt", "jwks": KEY.set() })
}

pub fn with(mut metadata: Value, name: &str, value: Value) -> Value {
    metadata[name] = value;
    metadata
}

pub fn assert_refused((status, body): &(u16, Value), expected: u16, error: &str, says: &str) {
    let description = body["error_description"].as_str().unwrap_or_default();
    assert_eq!((*status, body["error"].as_str()), (expected, Some(error)), "{body}");
    assert!(description.contains(says) && description.is_ascii(), "{body} says nothing of {says}");
}

fn clients(house: &House) -> Vec<String> {
    house.query("SELECT id FROM clients")
}

#[tokio::test]
async fn a_client_registers_itself_serves_its_users_and_goes() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let discovered = metadata(&house).await;
    assert_eq!(discovered["registration_endpoint"], format!("{}/register", house.issuer));
    let token = invite(&house, &[&["--policy", "basic"], &ALL_SCOPES[..]].concat());
    let metadata = json!({
        "redirect_uris": [CALLBACK], "client_name": "Stappenteller", "scope": "openid email",
        "logo_uri": "https://127.0.0.1/logo", "x_unknown": {"y": [1]}, "tos_uri": null,
    });
    let told = registered(&house, &token, &metadata).await;
    for (name, value) in [
        ("client_name", json!("Stappenteller")),
        ("redirect_uris", json!([CALLBACK])),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("grant_types", json!(["authorization_code", "refresh_token"])),
        ("response_types", json!(["code"])),
        ("scope", json!("openid email")),
        ("subject_type", json!("pairwise")),
        ("id_token_signed_response_alg", json!("RS256")),
        ("client_secret_expires_at", json!(0)),
        ("logo_uri", json!(null)),
        ("x_unknown", json!(null)),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    let (secret, manager) = (told["client_secret"].as_str().unwrap(), manager(&told));
    let kept = house.query("SELECT id || registration || hex(manager) FROM clients").concat()
        + &house.query("SELECT id || terms || hex(token) FROM invitations").concat();
    for hidden in [secret, manager, &token] {
        let hex: String = hidden.bytes().map(|byte| format!("{byte:02X}")).collect();
        assert!(!kept.contains(hidden) && !kept.contains(&hex) && !house.log().contains(hidden));
    }

    // Somebody else's: the user is asked.
    let client = Client { id: id(&told), auth: Auth::Basic, callback: CALLBACK };
    let ask = client.ask().with("scope", "openid email");
    let page = browser.visit(&ask.url(&house), CALLBACK).await;
    assert_eq!(page.heading(), "Mag Stappenteller deze gegevens krijgen?");
    let page = browser.submit(&page, "consent-form", &[("answer", "allow")]).await;
    let code = answer(&page)["code"].as_str().unwrap().to_owned();
    let tokens = redeem(&house, client.id, secret, &ask, &code).await;
    assert_eq!(tokens.0, 200, "{}", tokens.1);

    // It reads what it registered; its secret is not told again.
    let (status, shown) = manage(Method::GET, &told, manager, None).await;
    let mut same = told.clone();
    same.as_object_mut().unwrap().retain(|name, _| !name.starts_with("client_secret"));
    assert_eq!((status, &shown), (200, &same));

    assert_eq!(manage(Method::DELETE, &told, manager, None).await.0, 204);
    assert_refused(&manage(Method::GET, &told, manager, None).await, 401, "invalid_token", "");
    let refresh = tokens.1["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let answer = at_token(&house, client.id, secret, &form).await;
    assert_eq!((answer.0, answer.1["error"].as_str()), (401, Some("invalid_client")), "{}", answer.1);
    let open = house.query("SELECT COUNT(*) FROM grants WHERE revoked_at IS NULL AND client_id LIKE 'dcr_%'");
    assert_eq!(open, ["0"]);
    let events =
        house.query("SELECT event || ' ' || outcome FROM audit WHERE event LIKE 'client.%' ORDER BY at");
    for event in ["client.invited ok", "client.registered ok", "client.removed ok"] {
        assert!(events.contains(&event.to_owned()), "{events:?}");
    }
}

async fn at_token(house: &House, id: &str, secret: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let request = reqwest::Client::new().post(format!("{}/token", house.issuer));
    let answer = request.basic_auth(id, Some(secret)).form(form).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn redeem(house: &House, id: &str, secret: &str, ask: &Ask, code: &str) -> (u16, Value) {
    at_token(house, id, secret, &ask.redemption(code)).await
}

#[tokio::test]
async fn without_a_good_initial_access_token_nothing_is_registered() {
    let house = house().await;
    let basic = ["--policy", "basic"];
    let [used, ended, over] = [(); 3].map(|()| invitation(&house, &basic));
    let token = |invitation: &Value| invitation["initial_access_token"].as_str().unwrap().to_owned();
    registered(&house, &token(&used), &portal()).await;
    house.ok(&["clients", "uninvite", "--by", "els", ended["invitation"].as_str().unwrap()]);
    change_database(
        &house,
        &format!("UPDATE invitations SET ends = 1 WHERE id = '{}'", over["invitation"].as_str().unwrap()),
    );
    for bad in ["", "nms_iat_x", &token(&used), &token(&ended), &token(&over)] {
        assert_refused(&register(&house, bad, &portal()).await, 401, "invalid_token", "");
    }
    assert_eq!(clients(&house).len(), 1);
    let listed: Value = serde_json::from_str(&house.ok(&["clients", "--json", "invitations"])).unwrap();
    assert!(listed.as_array().unwrap().iter().all(|one| one["open"] == false), "{listed}");
    // The token of a client that registered itself makes no others.
    let twin = invite(&house, &basic);
    let told = registered(&house, &twin, &portal()).await;
    assert_refused(&register(&house, manager(&told), &portal()).await, 401, "invalid_token", "");
}

#[tokio::test]
async fn of_many_at_once_as_many_win_as_the_invitation_is_for_and_a_mistake_uses_none() {
    let house = house().await;
    let token = invite(&house, &["--policy", "basic", "--uses", "3"]);
    let wrong = with(portal(), "response_types", json!(["token"]));
    assert_refused(&register(&house, &token, &wrong).await, 400, "invalid_client_metadata", "response_types");
    let all = at_once((0..20).map(|_| {
        let (url, token) = (format!("{}/register", house.issuer), token.clone());
        async move { call(Method::POST, &url, &token, Some(&portal())).await.0 }
    }))
    .await;
    assert_eq!(all.iter().filter(|status| **status == 201).count(), 3, "{all:?}");
    assert_eq!(all.iter().filter(|status| **status == 401).count(), 17, "{all:?}");
    assert_eq!(clients(&house).len(), 3);
}

#[tokio::test]
async fn where_the_operator_wants_none_nobody_registers() {
    let house = House::start().await;
    let url = format!("{}/register", house.issuer);
    let answer = reqwest::Client::new().post(url).bearer_auth("x").json(&portal()).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    assert!(metadata(&house).await.get("registration_endpoint").is_none());
    let refused = house.run(&["clients", "invite", "--by", "els", "x"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("registration = true"));
}

#[tokio::test]
async fn another_clients_token_reads_changes_and_removes_nothing() {
    let house = house().await;
    let token = invite(&house, &["--policy", "basic", "--uses", "2"]);
    let (mine, theirs) =
        (registered(&house, &token, &portal()).await, registered(&house, &token, &portal()).await);
    let change = with(portal(), "client_id", theirs["client_id"].clone());
    for bad in [manager(&mine), &token, "x", ""] {
        for (method, body) in [(Method::GET, None), (Method::PUT, Some(&change)), (Method::DELETE, None)] {
            assert_refused(&manage(method, &theirs, bad, body).await, 401, "invalid_token", "");
        }
    }
    // A client of the operator's, who registered nothing itself.
    let url = format!("{}/register/portal", house.issuer);
    assert_refused(&call(Method::GET, &url, manager(&mine), None).await, 401, "invalid_token", "");
    assert_eq!(manage(Method::PUT, &theirs, manager(&theirs), Some(&change)).await.0, 200);
}

#[tokio::test]
async fn an_invitation_fixes_the_policy_and_the_most_that_is_allowed() {
    let house = house().await;
    let token =
        invite(&house, &["--sector", "groep.example", "--scope", "email", "--minimum-level", "midden"]);
    for (metadata, says) in [
        (portal(), "nlgov"),
        (with(keyed(), "token_endpoint_auth_method", json!("client_secret_post")), "nlgov"),
        (with(keyed(), "scope", json!("openid act_as")), "no more than: openid email"),
        (with(keyed(), "scope", json!("openid offline")), "no more than"),
        (with(keyed(), "scope", json!("email")), "must contain openid"),
        (with(keyed(), "subject_type", json!("public")), "fixes the sector"),
        (with(keyed(), "sector_identifier_uri", json!("https://a.example/x")), "fixes the sector"),
    ] {
        assert_refused(&register(&house, &token, &metadata).await, 400, "invalid_client_metadata", says);
    }
    let local = with(keyed(), "redirect_uris", json!(["http://localhost:9/callback"]));
    let answer = register(&house, &token, &local).await;
    assert_refused(&answer, 400, "invalid_redirect_uri", "127.0.0.1");
    // Words of ours that no standard knows are not listened to.
    let loud =
        json!({"policy": "basic", "third_party": false, "minimum_level": "local", "resources": ["urn:x:y"]});
    let mut metadata = keyed();
    metadata.as_object_mut().unwrap().extend(loud.as_object().unwrap().clone());
    let told = registered(&house, &token, &metadata).await;
    let shown: Value = serde_json::from_str(&house.ok(&["clients", "--json", "show", id(&told)])).unwrap();
    let fixed =
        ["policy", "third_party", "minimum_level", "sector", "resources"].map(|name| shown[name].clone());
    assert_eq!(fixed, [json!("nlgov"), json!(true), json!("midden"), json!("groep.example"), json!([])]);

    // Nor does a change go further.
    let change = |metadata: Value| with(metadata, "client_id", told["client_id"].clone());
    for (metadata, says) in [
        (change(portal()), "nlgov"),
        (change(with(keyed(), "scope", json!("openid act_as"))), "no more than"),
        (keyed(), "client_id must be"),
        (with(change(keyed()), "client_id_issued_at", json!(1)), "leave out"),
        (with(change(keyed()), "client_secret", json!("x")), "client_secret"),
    ] {
        let refused = manage(Method::PUT, &told, manager(&told), Some(&metadata)).await;
        assert_refused(&refused, 400, "invalid_client_metadata", says);
    }
    let less = with(change(keyed()), "scope", json!("openid"));
    let (status, changed) = manage(Method::PUT, &told, manager(&told), Some(&less)).await;
    assert_eq!((status, changed["scope"].as_str()), (200, Some("openid")), "{changed}");
    assert_eq!(changed["registration_access_token"], told["registration_access_token"]);
}

#[tokio::test]
async fn what_is_not_possible_is_refused_with_what_to_do() {
    let house = house().await;
    let token = invite(&house, &["--policy", "basic"]);
    let long = format!("https://a.example/{}", "x".repeat(600));
    for (name, value, says) in [
        ("grant_types", json!(["implicit"]), "authorization_code"),
        ("response_types", json!(["code", "id_token"]), "code"),
        ("token_endpoint_auth_method", json!("client_secret_jwt"), "token_endpoint_auth_methods_supported"),
        ("token_endpoint_auth_method", json!("private_key_jwt"), "jwks"),
        ("token_endpoint_auth_method", json!("tls_client_auth"), "tls"),
        ("jwks", json!({"keys": []}), "jwks"),
        ("jwks_uri", json!("http://portal.example/jwks"), "jwks_uri"),
        ("jwks_uri", json!("https://10.0.0.1/jwks"), "jwks_uri"),
        ("backchannel_logout_uri", json!("https://10.0.0.1/out"), "backchannel_logout_uri"),
        ("id_token_signed_response_alg", json!("none"), "must be one of"),
        ("id_token_signed_response_alg", json!("HS256"), "must be one of"),
        ("id_token_encrypted_response_alg", json!("RSA-OAEP"), "encrypt"),
        ("userinfo_encrypted_response_alg", json!("RSA1_5"), "RSA-OAEP-256"),
        ("userinfo_encrypted_response_enc", json!("A256GCM"), "userinfo_encrypted_response_alg"),
        ("introspection_signed_response_alg", json!("ES256"), "id_token_signed_response_alg, RS256"),
        ("introspection_signed_response_alg", json!("none"), "id_token_signed_response_alg, RS256"),
        ("introspection_encrypted_response_alg", json!("RSA-OAEP-256"), "encrypt"),
        ("introspection_encrypted_response_enc", json!("A256GCM"), "encrypt"),
        ("request_object_signing_alg", json!("none"), "request_object_signing_alg"),
        ("token_endpoint_auth_signing_alg", json!("none"), "token_endpoint_auth_signing_alg"),
        ("subject_type", json!("x"), "pairwise or public"),
        ("default_max_age", json!(-1), "default_max_age"),
        ("default_max_age", json!("60"), "default_max_age"),
        ("default_acr_values", json!(["urn:x:level"]), "acr_values_supported"),
        ("client_name", json!("a\nb"), "client_name"),
        ("client_name", json!("x".repeat(201)), "client_name"),
        ("post_logout_redirect_uris", json!([long]), "512"),
    ] {
        let refused = register(&house, &token, &with(portal(), name, value)).await;
        assert_refused(&refused, 400, "invalid_client_metadata", says);
    }
    // An invitation has thirty tries a minute.
    let token = invite(&house, &["--policy", "basic"]);
    for uris in [
        json!(null),
        json!([]),
        json!(["http://portal.example/cb"]),
        json!(["https://portal.example/cb#x"]),
        json!(["https://me@portal.example/cb"]),
        json!(["javascript:alert(1)"]),
    ] {
        let refused = register(&house, &token, &with(portal(), "redirect_uris", uris)).await;
        assert_refused(&refused, 400, "invalid_redirect_uri", "redirect");
    }
    let told =
        registered(&house, &token, &with(portal(), "redirect_uris", json!(["https://p.example/cb?x=1"])))
            .await;
    assert_eq!(told["redirect_uris"], json!(["https://p.example/cb?x=1"]));
}

/// What addresses of sectors answer: the path says what. Counts how often it was asked.
async fn sectors(
    State(asked): State<Arc<AtomicUsize>>,
    axum::extract::Path(path): axum::extract::Path<String>,
) -> Response {
    asked.fetch_add(1, Ordering::SeqCst);
    match path.as_str() {
        "good" => Json(json!([CALLBACK, "https://b.example/cb"])).into_response(),
        "less" => Json(json!(["https://b.example/cb"])).into_response(),
        "text" => "no JSON".into_response(),
        "large" => Json(json!([CALLBACK, "https://b.example/cb", "x".repeat(70_000)])).into_response(),
        "redirect" => Redirect::temporary("/good").into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

#[tokio::test]
async fn a14_a_list_of_a_sector_is_fetched_with_care_and_must_name_every_address() {
    let house = house().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (at, asked) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
    let router = Router::new().route("/{path}", get(sectors)).with_state(asked.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let token = invite(&house, &["--policy", "basic"]);
    let two = with(portal(), "redirect_uris", json!([CALLBACK, "https://b.example/cb"]));
    let two = with(two, "subject_type", json!("pairwise"));
    let of = |uri: &str| with(two.clone(), "sector_identifier_uri", json!(uri));
    let refused = |answer: &(u16, Value)| {
        assert_refused(answer, 400, "invalid_client_metadata", "sector_identifier_uri");
    };
    refused(&register(&house, &token, &two).await);
    for path in ["less", "text", "large", "redirect", "none"] {
        refused(&register(&house, &token, &of(&format!("{at}/{path}"))).await);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 5, "no redirect was followed");
    // Inside, and by a name that leads inside: nobody is called, and nobody learns why.
    let port = at.rsplit(':').next().unwrap();
    for inside in [
        "https://10.0.0.1/good".to_owned(),
        format!("http://127.0.0.2:{port}/good"),
        format!("http://localhost:{port}/good"),
        "file:///etc/passwd".to_owned(),
    ] {
        refused(&register(&house, &token, &of(&inside)).await);
    }
    // What is refused anyway, a stranger, and a logo make us call nobody.
    let mut wrong = with(of(&format!("{at}/good")), "response_types", json!(["token"]));
    assert_eq!(register(&house, &token, &wrong).await.0, 400);
    assert_eq!(register(&house, "x", &of(&format!("{at}/good"))).await.0, 401);
    assert_eq!(asked.load(Ordering::SeqCst), 5);
    wrong = of(&format!("{at}/good"));
    for name in ["logo_uri", "client_uri", "initiate_login_uri"] {
        wrong[name] = json!(format!("{at}/{name}"));
    }
    let told = registered(&house, &token, &wrong).await;
    assert_eq!(asked.load(Ordering::SeqCst), 6);
    assert_eq!((&told["subject_type"], &told["logo_uri"]), (&json!("pairwise"), &json!(null)));
    let shown: Value = serde_json::from_str(&house.ok(&["clients", "--json", "show", id(&told)])).unwrap();
    assert_eq!(shown["sector"], "127.0.0.1");
}

/// Who comes to a port, and is let go without a word.
fn visitors(listener: TcpListener) -> Arc<AtomicUsize> {
    let came = Arc::new(AtomicUsize::new(0));
    let counts = came.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counts.fetch_add(1, Ordering::SeqCst);
        }
    });
    came
}

/// There is a list at an address of this machine, as good as any, and a port behind a name that means this machine.
#[tokio::test]
async fn a14_a_list_of_a_sector_at_an_address_that_leads_inside_is_not_asked_for() {
    let mut house = House::start_with(Options { top: OPEN, tables: "# here", ..Options::default() }).await;
    let (inside, asked) = (TcpListener::bind("127.0.0.2:0").await.unwrap(), Arc::new(AtomicUsize::new(0)));
    let number = format!("http://{}/good", inside.local_addr().unwrap());
    let router = Router::new().route("/{path}", get(sectors)).with_state(asked.clone());
    tokio::spawn(async move { axum::serve(inside, router).await.unwrap() });
    let named = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let name = format!("https://localhost:{}/good", named.local_addr().unwrap().port());
    let came = visitors(named);
    let token = invite(&house, &["--policy", "basic"]);
    let two = with(portal(), "redirect_uris", json!([CALLBACK, "https://b.example/cb"]));
    let of = |uri: &str| with(two.clone(), "sector_identifier_uri", json!(uri));
    let refused = |answer: &(u16, Value)| {
        assert_refused(answer, 400, "invalid_client_metadata", "sector_identifier_uri");
    };
    refused(&register(&house, &token, &of(&number)).await);
    refused(&register(&house, &token, &of(&name)).await);
    assert_eq!((asked.load(Ordering::SeqCst), came.load(Ordering::SeqCst)), (0, 0), "somebody was called");
    // The twin: named by the operator, both are called. Behind the name is no certificate to trust.
    let both = "[outbound]\nprivate_addresses = [\"127.0.0.1\", \"127.0.0.2\"]";
    house.reconfigure("# here", both);
    refused(&register(&house, &token, &of(&name)).await);
    assert!(came.load(Ordering::SeqCst) > 0);
    registered(&house, &token, &of(&number)).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_sector_of_public_subjects_is_no_host() {
    let house = house().await;
    let token = invite(&house, &["--policy", "basic", "--uses", "2"]);
    let host = with(portal(), "redirect_uris", json!(["https://public/cb"]));
    assert_refused(&register(&house, &token, &host).await, 400, "invalid_client_metadata", "sector");
    let twin = with(portal(), "redirect_uris", json!(["https://publiek/cb"]));
    let told = registered(&house, &token, &twin).await;
    assert_eq!(told["subject_type"], "pairwise");
    // Nor is that of another client, which has subjects of its own.
    let theirs = format!("https://{}/cb", id(&told));
    let host = with(portal(), "redirect_uris", json!([theirs]));
    assert_refused(&register(&house, &token, &host).await, 400, "invalid_client_metadata", "sector");
    let host = with(portal(), "redirect_uris", json!(["https://public/cb"]));
    let public = with(host, "subject_type", json!("public"));
    assert_eq!(registered(&house, &token, &public).await["subject_type"], "public");
}

#[tokio::test]
async fn a22_the_name_of_a_client_becomes_no_markup() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let token = invite(&house, &["--policy", "basic"]);
    let name = "<script>alert(1)</script>";
    let told = registered(&house, &token, &with(portal(), "client_name", json!(name))).await;
    let client = Client { id: id(&told), auth: Auth::Basic, callback: CALLBACK };
    let page = browser.visit(&client.ask().url(&house), CALLBACK).await;
    assert_eq!(page.heading(), format!("Mag {name} deze gegevens krijgen?"));
    assert!(!page.body.contains("<script>alert"));
}

#[tokio::test]
async fn what_a_client_wishes_of_its_own_requests_is_kept_to() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let token = invite(&house, &["--own", "--uses", "12"]);
    let of = |told: &Value| Client { id: id(told), auth: Auth::Key, callback: CALLBACK };
    let plain = of(&registered(&house, &token, &keyed()).await);
    let ask = plain.ask();
    let code = plain.code(&house, &browser, &ask).await;
    plain.redeem(&house, &ask, &code).await;

    let told =
        registered(&house, &token, &with(keyed(), "require_pushed_authorization_requests", json!(true)))
            .await;
    let ask = of(&told).ask();
    assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "invalid_request");

    let told = registered(&house, &token, &with(keyed(), "require_signed_request_object", json!(true))).await;
    assert_eq!(told["require_signed_request_object"], true);
    let ask = of(&told).ask();
    assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "invalid_request");

    let told = registered(&house, &token, &with(keyed(), "dpop_bound_access_tokens", json!(true))).await;
    let bound = of(&told);
    let ask = bound.ask();
    let code = bound.code(&house, &browser, &ask).await;
    let (status, body) = bound.token(&house, &ask.redemption(&code)).await;
    assert_eq!((status, body["error"].as_str()), (400, Some("invalid_dpop_proof")), "{body}");

    for (name, value) in
        [("default_max_age", json!(0)), ("default_acr_values", json!(["http://eidas.europa.eu/LoA/low"]))]
    {
        let told = registered(&house, &token, &with(keyed(), name, value)).await;
        let ask = of(&told).ask().with("prompt", "none");
        assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "login_required");
        let twin = ask.with("max_age", "3600").with("acr_values", "urn:namens:acr:local");
        code_of(&browser.get(&twin.url(&house)).await);
    }

    // The key of this client signs by ES256 only.
    for (alg, status) in [("PS256", 401), ("ES256", 200)] {
        let metadata = with(keyed(), "token_endpoint_auth_signing_alg", json!(alg));
        let told = registered(&house, &token, &metadata).await;
        assert_eq!(told["token_endpoint_auth_signing_alg"], alg);
        let asked = of(&told).post(&house, "/introspect", &[("token", "x")]).send().await.unwrap();
        assert_eq!(asked.status(), status, "{alg}");
    }

    // RFC 9701 section 6: answers of introspection are signed as ID tokens are, and a client is told so.
    let both = with(keyed(), "introspection_signed_response_alg", json!("RS256"));
    for metadata in [keyed(), both] {
        let told = registered(&house, &token, &metadata).await;
        assert_eq!(told["introspection_signed_response_alg"], "RS256");
        let request = of(&told).post(&house, "/introspect", &[("token", "x")]);
        let signed = request.header("accept", "application/token-introspection+jwt").send().await.unwrap();
        assert_eq!(header(&signed.text().await.unwrap())["alg"], "RS256");
    }
    let public = with(portal(), "token_endpoint_auth_method", json!("none"));
    let told = registered(&house, &token, &public).await;
    assert_eq!(told["introspection_signed_response_alg"], Value::Null, "it may not ask");

    let told = registered(&house, &token, &with(keyed(), "request_object_signing_alg", json!("PS256"))).await;
    for (client, fits) in [(of(&told), false), (plain, true)] {
        let ask = client.ask();
        let mut claims = assertion_claims(&house, client.id);
        claims.as_object_mut().unwrap().remove("sub");
        for (name, value) in &ask.parameters {
            claims[name] = json!(value);
        }
        let signed = KEY.sign(&json!({"alg": "ES256", "kid": "k", "typ": "oauth-authz-req+jwt"}), &claims);
        let signed = ask.clone().with("request", &signed);
        let page = browser.get(&signed.url(&house)).await;
        if fits {
            code_of(&page);
        } else {
            assert_error(&house, &page, &signed, "invalid_request_object");
        }
    }
}
