//! U+0000 and other control characters where they would reach a database: PostgreSQL takes no text with the first, so they are refused
//! before anything is looked up, and not by the database.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    admin::{Api, LOCAL, ROOT, house_with},
    bad_input::assert_calm,
    bad_input_wire::get,
    browser::Browser,
    digid_steps::change,
    house::House,
    jose::{ASSERTION_TYPE, KEY, assertion_claims},
    oidc_client::{KEYED, THE_PORTAL, assert_error, assert_refused, house},
};

/// The addresses of the admin API with an id in them, and their methods.
async fn addresses(house: &House) -> Vec<(String, String)> {
    let document = reqwest::get(format!("{}/admin/v1/openapi.json", house.issuer)).await.unwrap();
    let document: Value = document.json().await.unwrap();
    let paths = document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.contains('{'));
    let with_methods = paths.flat_map(|(path, operations)| {
        let methods = operations.as_object().unwrap().keys().filter(|name| *name != "parameters");
        methods.map(move |method| (path.clone(), method.to_uppercase()))
    });
    with_methods.collect()
}

/// The address with `id` in its place.
fn at(path: &str, id: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { id } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn no_address_text_or_cursor_of_the_admin_api_brings_a_control_character_to_the_database() {
    let house = house_with(LOCAL).await;
    let api = Api::new(&house, &ROOT, "clients accounts mandates keys audit").await;
    let all = addresses(&house).await;
    assert!(all.len() >= 10, "{all:?}");
    for (path, method) in &all {
        let method: Method = method.parse().unwrap();
        for id in ["%00", "a%00b", "a%0d%0ab", "%1b", "%7F"] {
            let (status, problem) = api.call(method.clone(), &at(path, id), None).await;
            let detail = problem["detail"].as_str().unwrap();
            assert!(status == 400 && detail.contains("control character"), "{method} {path} {id}: {problem}");
        }
    }
    // The twin: an id that nobody has.
    let (status, problem) = api.get("/clients/a%20b").await;
    assert_eq!((status, &problem["detail"]), (404, &json!("there is no such client")));
    assert_eq!(api.get("/persons/ab").await.0, 404);

    let nul = "a\0b";
    for (path, body) in [
        ("/accounts/find", json!({"email": nul})),
        ("/accounts/find", json!({"sub": nul})),
        ("/persons", json!({"name": nul})),
        ("/blocks", json!({"person_id": nul, "reason": "x"})),
        ("/clients", json!({"client_id": "shop", "name": nul})),
        ("/clients", json!({"client_id": "shop", "name": "Winkel", "sector": nul})),
    ] {
        let (status, problem) = api.post(path, &body).await;
        let detail = problem["detail"].as_str().unwrap();
        // What might repeat a BSN is said in other words.
        let said = detail.contains("U+0000") || detail.contains("nothing of what was sent is repeated");
        assert!(status == 400 && said, "{path} {body}: {problem}");
    }
    // Members in their order, without their names, are no object.
    for (path, body) in [("/accounts/find", json!(["x@voorbeeld.nl"])), ("/keys/rotate", json!(["RS256"]))] {
        let (status, problem) = api.post(path, &body).await;
        assert_eq!(
            (status, &problem["detail"]),
            (400, &json!("the body is invalid: send one JSON object")),
            "{path}"
        );
    }
    for text in ["\0", "a\0b\nc", "a\n\0"] {
        let cursor = URL_SAFE_NO_PAD.encode(text);
        for path in ["/clients", "/audit"] {
            assert_eq!(api.get(&format!("{path}?cursor={cursor}")).await.0, 400, "{path} {text:?}");
        }
        let (status, problem) = api.get("/audit?event=a%00b").await;
        assert!(status == 400 && problem["detail"].as_str().unwrap().contains("control character"));
    }
    assert_calm(&house);
}

#[tokio::test]
async fn no_address_for_people_or_clients_brings_one_there_either() {
    let house = house().await;
    for path in ["/login/a%00b", "/login/a%0ab/email", "/register/%00", "/static/%00", "/%7f"] {
        assert_eq!(get(&house, path, b"", "").await.status, 404, "{path}");
    }
    // The twin: a login that is over.
    assert_eq!(get(&house, "/login/ab", b"", "").await.status, 410);
    assert_eq!(get(&house, "/healthz", b"x=%00", "").await.status, 200, "queries are for whoever reads them");
    assert_calm(&house);
}

#[tokio::test]
async fn no_token_or_request_of_a_client_brings_one_there_either() {
    let house = house().await;
    let knock = async |changes: Value| {
        let mut said = assertion_claims(&house, KEYED.id);
        said.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let assertion = KEY.sign(&json!({"alg": "ES256", "kid": "k"}), &said);
        let form = [
            ("grant_type", "authorization_code"),
            ("code", "x"),
            ("redirect_uri", KEYED.callback),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &assertion),
        ];
        let url = format!("{}/token", house.issuer);
        let answer = reqwest::Client::new().post(url).form(&form).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    for bent in [json!({"jti": "a\0b"}), json!({"x": "\0"}), json!({"sub": "a\0b"})] {
        assert_refused(&knock(bent.clone()).await, "invalid_client");
    }
    assert_refused(&knock(json!({"jti": "a\u{1}b", "x": "u0000"})).await, "invalid_grant");

    // A name of such a client is looked up nowhere, not even where a row would have it: in a header it is form-decoded.
    let add =
        ["clients", "--json", "add", "shop", "--name", "Winkel", "--redirect-uri", "https://shop.example/cb"];
    let by = ["--policy", "basic", "--auth", "client_secret_basic", "--by", "els"];
    let added: Value = serde_json::from_str(&house.ok(&[&add[..], &by].concat())).unwrap();
    let secret = added["client_secret"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let claims_to_be = async |name: &str| {
        let request = reqwest::Client::new().post(format!("{}/token", house.issuer)).form(&form);
        let answer = request.basic_auth(name, Some(secret)).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["error"].as_str().unwrap().to_owned()
    };
    assert_eq!(claims_to_be("shop").await, "invalid_grant");
    let renamed = "UPDATE clients SET id = 'a b', registration = replace(registration, '\"shop\"', '\"a b\"') WHERE id = 'shop'";
    change(&house, renamed);
    for name in ["a+b", "a%20b", "a%00b", "%00", "shop"] {
        assert_eq!(claims_to_be(name).await, "invalid_client", "{name}");
    }

    let asks = |sub: &str| {
        let claims = json!({"id_token": {"sub": {"value": sub}}}).to_string();
        THE_PORTAL.ask().with("prompt", "none").with("claims", &claims)
    };
    for (sub, error) in [("a\0b", "invalid_request"), ("ab", "login_required")] {
        let ask = asks(sub);
        assert_error(&house, &Browser::new().get(&ask.url(&house)).await, &ask, error);
    }
    assert_calm(&house);
}
