//! FAPI 2.0 Message Signing: a login of which every message is signed, and for each message one that is spoilt in one thing.

use namens::{domain::jwk::JwkSet, oidc::jwt::Unverified};
use serde_json::{Value, json};

use crate::{
    act_as::many,
    browser::Browser,
    digid_steps::change,
    fapi::{FAPI, Fapi, TABLE, handle, pairs},
    house::{CALLBACK, House, Options},
    jarm::{in_query, opened},
    jose::{KEY, Key},
    mandates_desk::now,
    oidc_client::{
        Ask, Auth, Client, KEYED, answer, assert_error, assert_refused, claims, header, logged_in,
    },
    portal,
};

/// The API for which the client's tokens are, and the program that is it.
const RECORDS: &str = "https://records.example/api";
const SERVER: Client = Client { id: "records", auth: Auth::Key, callback: CALLBACK };
/// Both, and a client of another policy that signs its requests.
const TABLES: &str = r#"
authorization_signed_response_alg = "ES256"
require_signed_request_object = true
resources = ["https://records.example/api"]
[[client]]
id = "records"
name = "Dossiers"
auth = "private_key_jwt"
jwks = "keyed.jwks"
serves = ["https://records.example/api"]
id_token_alg = "ES256"
"#;

async fn start() -> Fapi {
    Fapi::start_with(&format!("{TABLE}{TABLES}")).await
}

/// What a good request object says: everything that `ask` asks.
fn inside(house: &House, ask: &Ask) -> Value {
    let now = now().epoch();
    let mut claims = json!({"iss": ask.get("client_id"), "aud": house.issuer, "nbf": now, "exp": now + 600});
    for (name, value) in &ask.parameters {
        claims[name] = json!(value);
    }
    claims
}

fn by_value(request: String, ask: &Ask) -> Ask {
    Ask { parameters: vec![("request".to_owned(), request)], ..ask.clone() }
}

/// A token of ours, when one of our published keys has signed it.
async fn verified(house: &House, token: &str, typ: &str) -> Option<Value> {
    let keys = reqwest::get(format!("{}/jwks", house.issuer)).await.unwrap().text().await.unwrap();
    let keys: JwkSet = serde_json::from_str(&keys).unwrap();
    Unverified::read(token, |_| true, &[typ]).ok()?.verified_by(&keys).ok()
}

/// The same token with another claim and the old signature.
fn altered(token: &str, name: &str, value: Value) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let mut said = claims(token);
    said[name] = value;
    let forged = KEY.sign(&header(token), &said);
    format!("{}.{}.{}", parts[0], forged.split('.').nth(1).unwrap(), parts[2])
}

#[tokio::test]
async fn a_whole_login_of_which_every_message_is_signed() {
    let mut fapi = start().await;
    let (browser, _) = logged_in(&fapi.house).await;
    let issuer = fapi.house.issuer.clone();
    let userinfo = format!("{issuer}/userinfo");
    let ask = FAPI.ask().with("response_mode", "jwt").with("scope", "openid email");
    let ask = ask.with("dpop_jkt", &fapi.key.thumbprint());

    // A signed request, pushed by a client that signs for who it is, with a proof of its key.
    let mut asked = inside(&fapi.house, &ask);
    asked["resource"] = json!([RECORDS, userinfo]);
    asked["claims"] = json!({"id_token": {"amr": {"essential": true}}});
    let signed = by_value(fapi.signer.sign("PS256", &asked), &ask);
    let pushed = fapi.proven("/par", &pairs(&signed)).await;
    let brought = handle(&signed.with("client_id", FAPI.id), &pushed);

    // A signed answer, in the client's algorithm.
    let said = in_query(&browser.get(&brought.url(&fapi.house)).await, &ask);
    let response = said["response"].as_str().unwrap();
    assert_eq!(header(response)["alg"], "ES256");
    let told = opened(&fapi.house, &ask, &said).await;
    // Altered on the way it is no answer of ours.
    assert!(verified(&fapi.house, response, "jwt").await.is_some());
    for (name, value) in
        [("code", json!("nms_ac_other")), ("state", json!("other")), ("aud", json!("portal"))]
    {
        assert!(verified(&fapi.house, &altered(response, name, value), "jwt").await.is_none(), "{name}");
    }

    // Tokens for the key, and for the API and UserInfo.
    let code = told["code"].as_str().unwrap();
    let (status, body) = fapi.proven("/token", &ask.redemption(code)).await;
    assert_eq!((status, &body["token_type"]), (200, &json!("DPoP")), "{body}");
    let tokens = portal::tokens(body);
    assert_eq!(header(tokens.text("id_token"))["alg"], "PS256");
    assert!(tokens.claims["acr"].is_string() && tokens.claims.get("amr").is_none(), "by level alone");
    let access = tokens.text("access_token").to_owned();
    let shown = |proof: String| {
        let request = reqwest::Client::new().get(&userinfo).header("authorization", format!("DPoP {access}"));
        request.header("dpop", proof)
    };
    let thief = shown(fapi.proof(&Key::new(), "GET", "/userinfo", Some(&access)));
    assert_eq!(fapi.send(thief).await.0, 401);
    let owner = shown(fapi.proof(&fapi.key, "GET", "/userinfo", Some(&access)));
    let (status, user) = fapi.send(owner).await;
    assert_eq!((status, &user["email"]), (200, &json!("jansen@voorbeeld.nl")));

    // The API asks what the token is worth, and keeps the signed answer.
    let media = "application/token-introspection+jwt";
    let request = SERVER.post(&fapi.house, "/introspect", &[("token", &access)]).header("accept", media);
    let answer = request.send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["content-type"]), (200, &media.parse().unwrap()));
    let answer = answer.text().await.unwrap();
    let worth = verified(&fapi.house, &answer, "token-introspection+jwt").await.unwrap();
    assert_eq!((&worth["iss"], &worth["aud"]), (&json!(issuer), &json!(SERVER.id)));
    let worth = &worth["token_introspection"];
    assert_eq!((&worth["active"], &worth["client_id"]), (&json!(true), &json!(FAPI.id)));
    assert_eq!(worth["cnf"]["jkt"], json!(fapi.key.thumbprint()));
    let forged = altered(&answer, "token_introspection", json!({"active": true, "sub": "other"}));
    assert!(verified(&fapi.house, &forged, "token-introspection+jwt").await.is_none());
}

/// FAPI 2.0 Message Signing 5.3.1; RFC 9101 section 10.5.
#[tokio::test]
async fn a_request_that_is_spoilt_in_one_thing_is_refused_at_the_push() {
    let mut fapi = start().await;
    let (browser, _) = logged_in(&fapi.house).await;
    let ask = FAPI.ask();
    let time = now().epoch();
    let good = inside(&fapi.house, &ask);
    let with = |changes: &[(&str, Value)]| {
        let mut claims = good.clone();
        for (name, value) in changes {
            claims[name] = value.clone();
        }
        claims
    };
    let ps256 = |claims: &Value| fapi.signer.sign("PS256", claims);
    let of_key = |claims: &Value| KEY.sign(&json!({"alg": "ES256", "kid": "k"}), claims);
    let none = {
        let signed = KEY.sign(&json!({"alg": "none"}), &good);
        format!("{}.", signed.rsplit_once('.').unwrap().0)
    };
    let hour = 3600;
    let cases = [
        ("alg none", none),
        ("RS256", fapi.signer.sign("RS256", &good)),
        ("the key of another client", of_key(&good)),
        (
            "a request of that client",
            of_key(&with(&[("iss", json!(SERVER.id)), ("client_id", json!(SERVER.id))])),
        ),
        ("another aud", ps256(&with(&[("aud", json!("https://other.example"))]))),
        ("the endpoint as aud", ps256(&with(&[("aud", json!(format!("{}/par", fapi.house.issuer)))]))),
        ("no aud", ps256(&with(&[("aud", Value::Null)]))),
        ("no nbf", ps256(&with(&[("nbf", Value::Null)]))),
        ("no exp", ps256(&with(&[("exp", Value::Null)]))),
        ("older than an hour", ps256(&with(&[("nbf", json!(time - hour - 60)), ("exp", json!(time + 600))]))),
        ("longer than an hour", ps256(&with(&[("exp", json!(time + hour + 60))]))),
    ];
    for (what, request) in cases {
        let told = fapi.push(&by_value(request, &ask)).await;
        assert_eq!((told.0, &told.1["error"]), (400, &json!("invalid_request_object")), "{what}: {}", told.1);
    }
    // What is not signed at all; and what stands beside a signed one is not read.
    assert_refused(&fapi.push(&ask).await, "invalid_request");
    let twice = by_value(fapi.signer.sign("PS256", &good), &ask);
    let twice = twice.clone().and("request", twice.get("request"));
    assert_refused(&fapi.push(&twice).await, "invalid_request");
    // The twins.
    let list = json!(["https://other.example", fapi.house.issuer]);
    for claims in [
        good.clone(),
        with(&[("aud", list)]),
        with(&[("nbf", json!(time - hour / 2)), ("exp", json!(time + hour / 2))]),
    ] {
        let signed = by_value(fapi.signer.sign("PS256", &claims), &ask);
        let pushed = fapi.push(&signed).await;
        let brought = handle(&signed.with("client_id", FAPI.id), &pushed);
        assert!(answer(&browser.get(&brought.url(&fapi.house)).await).contains_key("code"));
    }
}

/// RFC 9101 section 10.5, under another policy: at `/authorize` and at `/par`.
#[tokio::test]
async fn who_signs_its_requests_gets_no_answer_to_others() {
    const SIGNS: Client =
        Client { id: "signs", auth: Auth::Key, callback: "http://127.0.0.1:9/callback/signs" };
    let house = House::start_with(Options::default()).await;
    let set = house.folder.join("keyed.jwks");
    let add = |more: &[&str]| {
        let uri =
            ["clients", "add", "--by", "els", SIGNS.id, "--name", "Lab", "--redirect-uri", SIGNS.callback];
        house.run(&[&uri[..], &["--require-signed-request-object"], more].concat())
    };
    let keyless = add(&["--auth", "none"]);
    assert!(
        String::from_utf8_lossy(&keyless.stderr)
            .contains("require_signed_request_object needs its public keys")
    );
    assert!(add(&["--jwks", set.to_str().unwrap()]).status.success());
    assert!(house.ok(&["clients", "show", SIGNS.id]).contains("requests        signed"));
    let (browser, _) = logged_in(&house).await;
    let ask = SIGNS.ask();
    assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "invalid_request");
    let form = ask.clone().without("client_id");
    let plain = SIGNS.post(&house, "/par", &pairs(&form)).send().await.unwrap();
    assert_refused(&(plain.status().as_u16(), plain.json().await.unwrap()), "invalid_request");
    // What has no place to be told of errors gets a page.
    let nowhere = ask.clone().with("redirect_uri", "https://evil.example/");
    assert!(browser.get(&nowhere.url(&house)).await.location().is_none());
    // The twin.
    let signed = KEY.sign(&json!({"alg": "ES256", "kid": "k"}), &inside(&house, &ask));
    let signed = by_value(signed, &ask).with("client_id", SIGNS.id);
    let code = SIGNS.code(&house, &browser, &signed).await;
    SIGNS.redeem(&house, &ask, &code).await;
}

/// An ID token that names many people is longer than most parameters, and a request object that holds it longer still.
#[tokio::test]
async fn a_hint_that_names_many_people_goes_in_a_signed_request() {
    let house = crate::oidc_client::house().await;
    let browser = Browser::new();
    let (_, theirs) = many(&house, &browser).await;
    // Two hundred would fill a whole request: some thirty are left.
    change(
        &house,
        "UPDATE mandates SET revoked_at = registered_at WHERE id LIKE 'macht%' AND id NOT LIKE 'macht1_' \
         AND id NOT LIKE 'macht2_' AND id NOT LIKE 'macht3_'",
    );
    let tokens = KEYED.sign_on(&house, &browser, "openid act_as").await;
    let (hint, told) = (tokens.text("id_token"), tokens.claims["act_as"].as_array().unwrap().len());
    assert!((30..50).contains(&told) && hint.len() > 4096, "{told} {}", hint.len());
    let signed = |hint: &str| {
        let ask = KEYED.ask().with("prompt", "none").with("id_token_hint", hint);
        let object = KEY.sign(&json!({"alg": "ES256", "kid": "k"}), &inside(&house, &ask));
        assert!(object.len() > 4096);
        (by_value(object, &ask), ask)
    };
    let (brought, ask) = signed(hint);
    let brought = brought.with("client_id", KEYED.id);
    let code = KEYED.code(&house, &browser, &brought).await;
    KEYED.redeem(&house, &ask, &code).await;
    // Pushed, too.
    let (pushed, ask) = signed(hint);
    let answered = KEYED.post(&house, "/par", &pairs(&pushed)).send().await.unwrap();
    let answered = (answered.status().as_u16(), answered.json().await.unwrap());
    let code = KEYED.code(&house, &browser, &handle(&pushed.with("client_id", KEYED.id), &answered)).await;
    KEYED.redeem(&house, &ask, &code).await;
    // A hint of another client is none here, however long; and what is more than a whole request is not read.
    let (foreign, ask) = signed(&theirs.text("id_token")[..20_000]);
    let page = browser
        .get(&foreign.with("client_id", KEYED.id).with("redirect_uri", KEYED.callback).url(&house))
        .await;
    assert_error(&house, &page, &ask, "login_required");
    let huge = signed(&"x".repeat(50_000)).0;
    let refused = KEYED.post(&house, "/par", &pairs(&huge)).send().await.unwrap();
    assert!([400, 413].contains(&refused.status().as_u16()), "{}", refused.status());
}
