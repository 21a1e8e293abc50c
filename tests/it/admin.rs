//! The admin API: who gets in, and what a program does to clients there.

use std::fs;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::{
    bad_input_wire,
    exchange::Family,
    house::{House, Options},
    jose::Key,
    oidc_client::{Auth, Client},
    resource,
};

/// May do everything there.
pub const ROOT: Client = Client { id: "root", auth: Auth::Basic, callback: "" };
/// May change clients, and nothing else.
pub const CLERK: Client = Client { id: "clerk", auth: Auth::Basic, callback: "" };
pub const PROGRAMS: &str = r#"
[[client]]
id = "root"
name = "Beheer"
policy = "basic"
auth = "client_secret_basic"
secret = { file = "portal.secret" }
service_scopes = ["clients", "accounts", "mandates", "keys", "audit"]
[[client]]
id = "clerk"
name = "Clerk"
policy = "basic"
auth = "client_secret_basic"
secret = { file = "portal.secret" }
service_scopes = ["clients"]
"#;
pub const LOCAL: &str = "[admin]\nfrom = [\"127.0.0.0/8\"]\n";

pub async fn house_with(admin: &str) -> House {
    House::with(format!("{PROGRAMS}{admin}")).await
}

async fn token(house: &House, client: &Client, scope: &str) -> String {
    let form = [("grant_type", "client_credentials"), ("scope", scope)];
    let (status, body) = client.token(house, &form).await;
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}

/// A program with a token.
pub struct Api<'a> {
    pub house: &'a House,
    pub token: String,
}

impl<'a> Api<'a> {
    pub async fn new(house: &'a House, client: &Client, scope: &str) -> Self {
        Self { house, token: token(house, client, scope).await }
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let mut request = reqwest::Client::new()
            .request(method, format!("{}/admin/v1{path}", self.house.issuer))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.unwrap()
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let answer = self.send(method, path, body).await;
        let status = answer.status().as_u16();
        let media = answer.headers().get("content-type").map(|media| media.to_str().unwrap().to_owned());
        let text = answer.text().await.unwrap();
        if status == 204 {
            assert_eq!((media, text.as_str()), (None, ""));
            return (status, Value::Null);
        }
        let wanted = if status < 400 { "application/json" } else { "application/problem+json" };
        assert_eq!(media.as_deref(), Some(wanted), "{status} {text}");
        let body: Value = serde_json::from_str(&text).unwrap();
        if status >= 400 {
            assert_eq!((&body["type"], &body["status"]), (&json!("about:blank"), &json!(status)), "{text}");
        }
        (status, body)
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> (u16, Value) {
        self.call(Method::DELETE, path, None).await
    }
}

pub fn shop() -> Value {
    json!({"client_id": "shop", "name": "Winkel", "policy": "basic", "auth": "client_secret_post",
           "redirect_uris": ["http://127.0.0.1:9/shop"], "scopes": ["email"]})
}

pub fn robot(scopes: &[&str]) -> Value {
    json!({"client_id": "robot", "name": "Robot", "policy": "basic", "auth": "client_secret_post",
           "service_scopes": scopes})
}

/// What the token endpoint says to a client with that secret that shows a code which nobody gave.
pub async fn knock(house: &House, secret: &str) -> String {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", "x"),
        ("redirect_uri", "http://127.0.0.1:9/shop"),
        ("client_id", "shop"),
        ("client_secret", secret),
    ];
    let answer = reqwest::Client::new().post(format!("{}/token", house.issuer)).form(&form).send().await;
    answer.unwrap().json::<Value>().await.unwrap()["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn without_the_section_or_from_elsewhere_there_is_nothing_there() {
    for admin in ["", "[admin]\nfrom = [\"10.0.0.0/8\"]\n"] {
        let house = house_with(admin).await;
        let token = token(&house, &ROOT, "clients").await;
        for path in ["/clients", "/clients/root", "/openapi.json", "/x"] {
            let url = format!("{}/admin/v1{path}", house.issuer);
            let answer = reqwest::Client::new().get(url).bearer_auth(&token).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{admin} {path}");
            assert!(
                answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"),
                "the page of all"
            );
        }
    }
    let house = house_with(LOCAL).await;
    assert_eq!(Api::new(&house, &ROOT, "clients").await.get("/clients").await.0, 200);
}

#[tokio::test]
async fn only_a_programs_token_with_the_scope_of_the_door_opens_it() {
    let house = house_with(LOCAL).await;
    let url = format!("{}/admin/v1/clients", house.issuer);
    let told = |answer: &Response| {
        let all =
            answer.headers().get_all("www-authenticate").iter().map(|one| one.to_str().unwrap().to_owned());
        (answer.status().as_u16(), all.collect::<Vec<_>>().join("; "))
    };
    let bare = reqwest::Client::new().get(&url).send().await.unwrap();
    let (status, challenge) = told(&bare);
    assert!(
        status == 401 && challenge.contains("Bearer realm") && challenge.contains("; DPoP realm"),
        "{challenge}"
    );
    assert!(!challenge.contains("error"), "RFC 6750 section 3.1: {challenge}");
    let basic =
        reqwest::Client::new().get(&url).basic_auth("root", Some(crate::house::SECRET)).send().await.unwrap();
    assert_eq!(basic.status(), 401);
    let forged = Api { house: &house, token: "x.y.z".into() }.send(Method::GET, "/clients", None).await;
    let (status, challenge) = told(&forged);
    assert!(status == 401 && challenge.contains("error=\"invalid_token\""), "{challenge}");
    let other = Api::new(&house, &ROOT, "audit").await.send(Method::GET, "/clients", None).await;
    let (status, challenge) = told(&other);
    assert!(status == 403 && challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains("scope=\"clients\""), "{challenge}");
    let good = Api::new(&house, &ROOT, "clients").await.send(Method::GET, "/clients", None).await;
    assert_eq!(
        (good.status().as_u16(), &good.headers()["cache-control"]),
        (200, &"no-store".parse().unwrap())
    );
}

#[tokio::test]
async fn a12_no_token_of_a_person_opens_it() {
    let family = Family::of(resource::house_with(&format!("{PROGRAMS}{LOCAL}")).await).await;
    let (house, tokens) = (&family.house, &family.tokens);
    let (status, exchanged) = family.for_sam().await;
    assert_eq!(status, 200, "{exchanged}");
    let tokens = [tokens.text("access_token"), tokens.text("id_token"), tokens.text("refresh_token")];
    for token in tokens.into_iter().chain(exchanged["access_token"].as_str()) {
        let answer = Api { house, token: token.to_owned() }.send(Method::GET, "/clients", None).await;
        let told: Vec<_> = answer.headers().get_all("www-authenticate").iter().collect();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{told:?}");
        assert!(format!("{told:?}").contains("invalid_token"), "{told:?}");
    }
    // The twin: a program's of the same house.
    assert_eq!(Api::new(house, &ROOT, "clients").await.get("/clients").await.0, 200);
}

#[tokio::test]
async fn a_token_bound_to_a_key_wants_a_proof_for_the_very_address() {
    let house = house_with(LOCAL).await;
    let key = Key::new();
    let form = [("grant_type", "client_credentials"), ("scope", "clients")];
    let proof = key.proof(&house, "POST", "/token", None);
    let answer = ROOT.post(&house, "/token", &form).header("dpop", proof).send().await.unwrap();
    let token = answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
    let send = async |scheme: &str, proof: Option<String>| {
        let url = format!("{}/admin/v1/clients/root", house.issuer);
        let mut request =
            reqwest::Client::new().get(url).header("authorization", format!("{scheme} {token}"));
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.headers().contains_key("dpop-nonce"))
    };
    let at = |path: &str| Some(key.proof(&house, "GET", path, Some(&token)));
    assert_eq!(send("Bearer", None).await, (401, false));
    assert_eq!(send("DPoP", None).await, (401, false));
    assert_eq!(send("DPoP", at("/admin/v1/clients/clerk")).await, (401, true));
    assert_eq!(send("DPoP", at("/admin/v1/clients/root")).await, (200, true));
}

#[tokio::test]
async fn a_client_is_added_used_replaced_and_removed_without_a_restart() {
    let house = house_with(LOCAL).await;
    let api = Api::new(&house, &ROOT, "clients").await;
    assert_eq!(knock(&house, "x").await, "invalid_client");
    let (status, added) = api.post("/clients", &shop()).await;
    assert_eq!(status, 201, "{added}");
    let secret = added["client_secret"].as_str().unwrap();
    assert_eq!(added["scopes"], json!(["openid", "email"]));
    assert_eq!(
        (knock(&house, secret).await.as_str(), knock(&house, "x").await.as_str()),
        ("invalid_grant", "invalid_client")
    );
    // Its secret is told that one time, and not even its hash is told again.
    let (status, mut read) = api.get("/clients/shop").await;
    assert!(status == 200 && !read.to_string().contains("secret_sha256"), "{read}");
    assert_eq!((read.get("client_secret"), &read["configured"]), (None, &json!(false)));
    assert_eq!(api.post("/clients", &shop()).await.0, 409);
    // Put back with another name it keeps the secret, however often.
    read.as_object_mut().unwrap().remove("configured");
    read["name"] = json!("Andere winkel");
    for _ in 0..2 {
        let (status, put) = api.put("/clients/shop", &read).await;
        assert_eq!(
            (status, &put["name"], put.get("client_secret")),
            (200, &json!("Andere winkel"), None),
            "{put}"
        );
        assert_eq!(knock(&house, secret).await, "invalid_grant");
    }
    assert_eq!(api.put("/clients/shop", &robot(&[])).await.0, 400, "another id");
    assert_eq!(api.put("/clients/robot", &robot(&["audit"])).await.0, 404);
    assert_eq!(api.delete("/clients/shop").await, (204, Value::Null));
    assert_eq!((api.delete("/clients/shop").await.0, api.get("/clients/shop").await.0), (404, 404));
    assert_eq!(knock(&house, secret).await, "invalid_client");
    let lines = house.query(
        "SELECT event || ' ' || actor || ' ' || detail FROM audit WHERE event LIKE 'client.%' ORDER BY seq",
    );
    let line = |what: &str| format!("client.{what} root shop");
    assert_eq!(lines, ["added", "replaced", "replaced", "removed"].map(line));
    assert!(house.query("SELECT id FROM audit WHERE detail LIKE '%nms_cs_%'").is_empty());
}

#[tokio::test]
async fn those_of_the_configuration_are_seen_and_never_changed() {
    let house = house_with(LOCAL).await;
    let api = Api::new(&house, &ROOT, "clients").await;
    let (status, read) = api.get("/clients/root").await;
    assert_eq!((status, &read["configured"]), (200, &json!(true)));
    let own = json!({"client_id": "root", "name": "x", "policy": "basic", "auth": "client_secret_basic",
                     "service_scopes": ["clients"]});
    assert_eq!(api.post("/clients", &own).await.0, 409);
    assert_eq!(api.put("/clients/root", &own).await.0, 409);
    assert_eq!(api.delete("/clients/root").await.0, 409);
    assert_eq!(api.get("/clients/root").await.1, read);
}

/// The same few words, told to the configuration, the command line and the admin API: what was left out is chosen alike.
#[tokio::test]
async fn a_client_is_the_same_whoever_registers_it() {
    let tables = format!(
        "{PROGRAMS}{LOCAL}[[client]]\nid = \"file\"\nname = \"X\"\npolicy = \"fapi2\"\njwks = \"keyed.jwks\"\n\
         redirect_uris = [\"https://x.example.nl/cb\"]\nscopes = [\"openid\", \"email\"]\n"
    );
    let options = Options { tables: Box::leak(tables.into_boxed_str()), ..Options::default() };
    let house = House::start_with(options).await;
    let keys = house.folder.join("keyed.jwks");
    let by_hand =
        ["--name", "X", "--policy", "fapi2", "--redirect-uri", "https://x.example.nl/cb", "--scope", "email"];
    let by_hand =
        [&["clients", "add", "--by", "els", "hand", "--jwks", keys.to_str().unwrap()], &by_hand[..]].concat();
    house.ok(&by_hand);
    let api = Api::new(&house, &ROOT, "clients").await;
    let jwks: Value = serde_json::from_str(&fs::read_to_string(&keys).unwrap()).unwrap();
    let told = json!({"client_id": "api", "name": "X", "policy": "fapi2", "jwks": jwks, "scopes": ["email"],
                      "redirect_uris": ["https://x.example.nl/cb"]});
    assert_eq!(api.post("/clients", &told).await.0, 201);
    let mut all = Vec::new();
    for id in ["file", "hand", "api"] {
        let (status, mut told) = api.get(&format!("/clients/{id}")).await;
        assert_eq!((status, &told["client_id"]), (200, &json!(id)));
        let shown: Value = serde_json::from_str(&house.ok(&["clients", "show", id, "--json"])).unwrap();
        assert_eq!(shown, told);
        told["client_id"] = Value::Null;
        told["configured"] = Value::Null;
        all.push(told);
    }
    assert!(all[0] == all[1] && all[1] == all[2], "{all:#?}");
    let chosen = ["auth", "id_token_alg", "minimum_level", "sector"].map(|name| all[0][name].clone());
    assert_eq!(chosen, ["private_key_jwt", "PS256", "local", "x.example.nl"]);
    assert_eq!(all[0]["scopes"], json!(["openid", "email"]));
}

#[tokio::test]
async fn nobody_gives_takes_over_or_removes_more_than_they_may_do_themselves() {
    let house = house_with(LOCAL).await;
    let (root, clerk) = (Api::new(&house, &ROOT, "clients").await, Api::new(&house, &CLERK, "clients").await);
    assert_eq!(clerk.post("/clients", &robot(&["clients", "audit"])).await.0, 403);
    assert_eq!(clerk.get("/clients/robot").await.0, 404);
    assert_eq!(root.post("/clients", &robot(&["clients", "audit"])).await.0, 201);
    for body in [robot(&["clients", "audit"]), robot(&["clients"])] {
        assert_eq!(clerk.put("/clients/robot", &body).await.0, 403, "its new secret would be the clerk's");
    }
    assert_eq!(clerk.delete("/clients/robot").await.0, 403);
    assert_eq!(root.put("/clients/robot", &robot(&["clients"])).await.0, 200);
    assert_eq!(clerk.put("/clients/robot", &robot(&["clients", "keys"])).await.0, 403);
    assert_eq!(clerk.put("/clients/robot", &robot(&["clients"])).await.0, 200);
    assert_eq!(clerk.delete("/clients/robot").await.0, 204);
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_stored() {
    let house = house_with(LOCAL).await;
    let api = Api::new(&house, &ROOT, "clients").await;
    let with = |name: &str, value: Value| {
        let mut body = shop();
        body[name] = value;
        body
    };
    // The configuration's word is none of the document's.
    let mut by_id = shop();
    by_id.as_object_mut().unwrap().remove("client_id");
    by_id["id"] = json!("shop");
    for (body, says) in [
        (with("colour", json!("red")), "colour"),
        (by_id, "client_id"),
        (with("client_secret", json!("hunter2")), "client_secret"),
        (with("client_id", json!("a b")), "client id"),
        (with("name", json!("")), "name"),
        (with("redirect_uris", json!(["http://example.nl/"])), "must be https"),
        (with("redirect_uris", json!("https://example.nl/")), "sequence"),
        (with("auth", json!("telepathy")), "telepathy"),
        (with("policy", json!("nlgov")), "does not allow auth"),
        (with("backchannel_logout_uri", json!("http://127.0.0.1:9/out")), "private_addresses"),
        (with("resources", json!([house.issuer])), "an address of Namens itself"),
        (with("auth", json!("private_key_jwt")), "jwks"),
        (with("service_scopes", json!(["audit"])), "either a portal"),
        (json!([]), "invalid"),
        (json!({}), "client_id"),
    ] {
        let (status, problem) = api.post("/clients", &body).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 400 && detail.contains(says) && !detail.contains("hunter2"), "{body}: {problem}");
    }
    let url = format!("{}/admin/v1/clients", house.issuer);
    let send = async |media: &str, body: String| {
        let request = reqwest::Client::new().post(&url).bearer_auth(&api.token).header("content-type", media);
        request.body(body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(send("text/plain", shop().to_string()).await, 415);
    assert_eq!(send("application/json", "{".into()).await, 400);
    assert_eq!(send("application/json", "[".repeat(60_000)).await, 400);
    let twice = shop().to_string().replace("{\"auth\"", "{\"name\":\"x\",\"auth\"");
    assert_eq!(send("application/json", twice).await, 400);
    let headers = format!("authorization: Bearer {}\r\ncontent-type: application/json\r\n", api.token);
    let long = format!("{}{}", " ".repeat(70_000), shop());
    let long = bad_input_wire::send(&house, "/admin/v1/clients", long.as_bytes(), &headers).await;
    assert_eq!(long.status, 413);
    assert_eq!(house.query("SELECT count(*) FROM clients"), ["0"]);
    assert_eq!(send("application/json; charset=utf-8", shop().to_string()).await, 201);
    for (path, status) in
        [("/nothing", 404), ("/clients/", 404), ("/clients/x/y", 404), ("/clients/%ff", 404)]
    {
        assert_eq!(api.get(path).await.0, status, "{path}");
    }
    for query in ["limit=0", "limit=101", "limit=x", "cursor=!", "x=1", "limit=1&limit=1"] {
        assert_eq!(api.get(&format!("/clients?{query}")).await.0, 400, "{query}");
    }
}

#[tokio::test]
async fn a_list_comes_in_pages_that_hold_everything_once() {
    let house = house_with(LOCAL).await;
    let api = Api::new(&house, &ROOT, "clients").await;
    for id in ["a", "p", "q", "z"] {
        let mut body = robot(&["audit"]);
        body["client_id"] = json!(id);
        assert_eq!(api.post("/clients", &body).await.0, 201);
    }
    let all = ["a", "clerk", "p", "portal", "q", "root", "z"];
    for limit in 1..=8 {
        let (mut found, mut next) = (Vec::new(), String::new());
        for _ in 0..all.len() {
            let (status, page) = api.get(&format!("/clients?limit={limit}{next}")).await;
            let clients = page["clients"].as_array().unwrap();
            assert!(status == 200 && clients.len() <= limit, "{page}");
            found.extend(clients.iter().map(|client| client["client_id"].as_str().unwrap().to_owned()));
            let Some(cursor) = page["next"].as_str() else { break };
            next = format!("&cursor={cursor}");
        }
        assert_eq!(found, all, "{limit} at a time");
    }
}

#[tokio::test]
async fn the_document_has_each_method_of_each_address_and_no_other() {
    let house = house_with(LOCAL).await;
    let api = Api::new(&house, &ROOT, "clients accounts mandates keys audit").await;
    let url = format!("{}/admin/v1/openapi.json", house.issuer);
    let document: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    let flow = &document["components"]["securitySchemes"]["program"]["flows"]["clientCredentials"];
    assert_eq!(flow["tokenUrl"], format!("{}/token", house.issuer));
    assert_eq!(document["servers"], json!([{"url": format!("{}/admin/v1", house.issuer)}]));
    for (path, operations) in document["paths"].as_object().unwrap() {
        let answer = api.send(Method::PATCH, &path.replace(['{', '}'], ""), None).await;
        assert_eq!(answer.status(), 405, "{path}");
        let allow = answer.headers()["allow"].to_str().unwrap().to_ascii_lowercase();
        let mut there: Vec<&str> = allow.split(',').map(str::trim).filter(|name| *name != "head").collect();
        let mut told: Vec<&str> = operations.as_object().unwrap().keys().map(String::as_str).collect();
        told.retain(|name| *name != "parameters");
        there.sort_unstable();
        told.sort_unstable();
        assert_eq!(there, told, "{path}");
        assert_eq!(answer.json::<Value>().await.unwrap()["status"], 405);
    }
}
