//! What clients are told: exactly what works, each value of it tried.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{
    browser::Browser,
    exchange::TOKEN_EXCHANGE,
    house::{CALLBACK, House},
    mandates_desk::{digid_account, digid_again, fresh_bsn},
    oidc_client::{
        APP, KEYED, LAB, OPEN, THE_PORTAL, assert_error, assert_refused, claims, header, house, logged_in,
        userinfo,
    },
};

async fn document(house: &House, path: &str) -> Value {
    reqwest::get(format!("{}{path}", house.issuer)).await.unwrap().json().await.unwrap()
}

pub async fn metadata(house: &House) -> Value {
    document(house, "/.well-known/openid-configuration").await
}

pub fn words(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_document_and_the_key_set_are_these_and_no_others() {
    let house = House::start().await;
    let told = metadata(&house).await;
    assert_eq!(told, document(&house, "/.well-known/oauth-authorization-server").await);
    let mut keys = document(&house, "/jwks").await["keys"].take();
    keys.as_array_mut().unwrap().sort_by_key(|key| (key["alg"].to_string(), key["kid"].to_string()));
    insta::with_settings!({ sort_maps => true, filters => vec![(r"http://127\.[0-9.]+:8080", "[issuer]")] }, {
        insta::assert_json_snapshot!("configuration", told);
        insta::assert_json_snapshot!("jwks", keys, {
            "[].kid" => "[thumbprint]", "[].n" => "[modulus]", "[].x" => "[x]", "[].y" => "[y]",
        });
    });
    let kids: BTreeSet<_> = keys.as_array().unwrap().iter().map(|key| key["kid"].to_string()).collect();
    assert_eq!(kids.len(), 8, "a current and a next key of each algorithm");
    for key in keys.as_array().unwrap() {
        assert_eq!(key["kid"], thumbprint(key), "{key}");
    }
}

/// RFC 7638, section 3: the hash of the members that make the key (for Ed25519 RFC 8037, section 2), in their order and without a
/// space.
fn thumbprint(key: &Value) -> String {
    let members: &[&str] = match key["kty"].as_str().unwrap() {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        other => panic!("{other}"),
    };
    let members: Vec<_> = members.iter().map(|name| format!("\"{name}\":{}", key[name])).collect();
    let text = format!("{{{}}}", members.join(","));
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref())
}

#[tokio::test]
async fn rsa_keys_have_3072_bits_unless_somebody_says_otherwise() {
    let house = House::start().await;
    let keys = document(&house, "/jwks").await["keys"].take();
    let moduli = keys.as_array().unwrap().iter().filter(|key| key["kty"] == "RSA");
    let bits: Vec<usize> = moduli
        .map(|key| {
            let modulus = URL_SAFE_NO_PAD.decode(key["n"].as_str().unwrap()).unwrap();
            modulus.len() * 8 - modulus[0].leading_zeros() as usize
        })
        .collect();
    assert_eq!(bits, [3072; 4]);
}

#[tokio::test]
async fn both_are_kept_for_an_hour_and_asked_again_by_tag() {
    let mut house = House::start().await;
    // A connection of its own each time: the server is started anew in between.
    let get = async |house: &House, path: &str, tag: &str| {
        reqwest::Client::new()
            .get(format!("{}{path}", house.issuer))
            .header("if-none-match", tag)
            .send()
            .await
            .unwrap()
    };
    let mut tags = Vec::new();
    for path in ["/jwks", "/.well-known/openid-configuration"] {
        let first = get(&house, path, "\"other\"").await;
        assert_eq!(
            (first.status().as_u16(), &first.headers()["cache-control"]),
            (200, &"public, max-age=3600".parse().unwrap())
        );
        let media = if path == "/jwks" { "application/jwk-set+json" } else { "application/json" };
        assert_eq!(first.headers()["content-type"], media);
        let tag = first.headers()["etag"].to_str().unwrap().to_owned();
        let again = get(&house, path, &tag).await;
        assert_eq!((again.status().as_u16(), again.headers()["etag"].to_str().unwrap()), (304, tag.as_str()));
        assert!(again.bytes().await.unwrap().is_empty());
        tags.push(tag);
    }
    house.ok(&["keys", "rotate", "--by", "els", "--alg", "ES256"]);
    house.kill();
    house.open_doors();
    let changed = get(&house, "/jwks", &tags[0]).await;
    assert_eq!(changed.status(), 200, "a new key makes a new tag");
    assert_ne!(changed.headers()["etag"].to_str().unwrap(), tags[0]);
    assert_eq!(get(&house, "/.well-known/openid-configuration", &tags[1]).await.status(), 304);
}

#[tokio::test]
async fn keys_are_kept_for_as_long_as_the_operator_says() {
    let mut house = House::start().await;
    house.reconfigure("database = ", "jwks_max_age = 600\ndatabase = ");
    let answer = reqwest::get(format!("{}/jwks", house.issuer)).await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "public, max-age=600");
}

/// Each endpoint stands where the router has it.
fn assert_endpoints(house: &House, told: &Value) {
    let ours = |name: &str, path: &str| assert_eq!(told[name], format!("{}{path}", house.issuer));
    ours("issuer", "");
    ours("authorization_endpoint", "/authorize");
    ours("token_endpoint", "/token");
    ours("pushed_authorization_request_endpoint", "/par");
    ours("userinfo_endpoint", "/userinfo");
    ours("jwks_uri", "/jwks");
    ours("end_session_endpoint", "/logout");
    ours("introspection_endpoint", "/introspect");
    ours("revocation_endpoint", "/revoke");
}

#[tokio::test]
async fn each_announced_endpoint_scope_grant_claim_and_algorithm_works() {
    let mut house = house().await;
    // The operator lets a portal of its own have this one too.
    house.reconfigure("\"phone\", \"act_as\"]", "\"phone\", \"act_as\", \"offline_access\"]");
    let told = metadata(&house).await;
    assert_endpoints(&house, &told);
    // Those that say so must: `message_signing::who_signs_its_requests_gets_no_answer_to_others`.
    assert_eq!(told["require_signed_request_object"], false);

    let (browser, _) = logged_in(&house).await;
    crate::claims::recorded(&house, "jansen@voorbeeld.nl");
    let scopes = words(&told["scopes_supported"]);
    // One claim is told to whom asks for it: `amr`.
    let ask =
        THE_PORTAL.ask().with("scope", &scopes.join(" ")).with("claims", r#"{"id_token":{"amr":null}}"#);
    let tokens = THE_PORTAL.redeem(&house, &ask, &THE_PORTAL.code(&house, &browser, &ask).await).await;
    let granted: BTreeSet<_> = tokens.text("scope").split(' ').collect();
    assert_eq!(granted, scopes.iter().map(String::as_str).collect());
    let (status, body) = THE_PORTAL.refresh(&house, tokens.text("refresh_token")).await;
    assert_eq!(
        (status, words(&told["grant_types_supported"])),
        (
            200,
            vec![
                "authorization_code".into(),
                "refresh_token".into(),
                "client_credentials".into(),
                TOKEN_EXCHANGE.into()
            ]
        ),
        "{body}"
    );
    // `program::a_program_gets_a_token_in_its_own_name_for_the_admin_api` and
    // `exchange::m8_a21_a_portal_gets_a_token_about_one_person_for_whom_its_user_acts` use the other two.
    for grant in ["client_credentials", TOKEN_EXCHANGE] {
        let told = THE_PORTAL.token(&house, &[("grant_type", grant)]).await;
        assert!(told.1["error"] != "unsupported_grant_type", "{grant}: {}", told.1);
    }

    let (status, user) = userinfo(&house, tokens.text("access_token")).await;
    assert_eq!(status, 200);
    let mut said: BTreeSet<String> = user.as_object().unwrap().keys().cloned().collect();
    said.extend(tokens.claims.as_object().unwrap().keys().cloned());
    // In DigiD's session: `chooser::m12_a_portal_says_for_whom_and_the_user_stays_the_user`.
    said.insert("represents".to_owned());
    assert_eq!(said, words(&told["claims_supported"]).into_iter().collect());

    assert_ways_of_clients(&house, &browser, &told).await;
    // Signed and encrypted: `claims::userinfo_is_encrypted_to_the_key_of_its_client_and_signed_inside`.
    assert_eq!(told["userinfo_signing_alg_values_supported"], told["id_token_signing_alg_values_supported"]);
    assert_eq!(words(&told["userinfo_encryption_alg_values_supported"]), ["RSA-OAEP-256"]);
    assert_eq!(words(&told["userinfo_encryption_enc_values_supported"]), ["A256GCM"]);
    // `dpop::userinfo_wants_the_token_and_a_good_proof_of_its_key` is ES256; each of them is read in `oidc::dpop::tests`.
    assert_eq!(words(&told["dpop_signing_alg_values_supported"]), ["PS256", "ES256", "EdDSA"]);
    let tokens = APP.sign_on(&house, &browser, "openid").await;
    APP.revoke(&house, &[("token", tokens.text("refresh_token"))]).await;
    assert_eq!(userinfo(&house, tokens.text("access_token")).await.0, 401);

    assert_eq!(words(&told["subject_types_supported"]), ["pairwise", "public"]);
    let (lab, open) =
        (LAB.sign_on(&house, &browser, "openid").await, OPEN.sign_on(&house, &browser, "openid").await);
    assert!(tokens.sub() != lab.sub() && lab.sub() != open.sub() && open.sub() != tokens.sub());
}

/// How clients prove who they are, and how what they are told is signed.
async fn assert_ways_of_clients(house: &House, browser: &Browser, told: &Value) {
    // THE_PORTAL is Basic, LAB posts its secret, KEYED signs, APP has none; each signs in its own way.
    let methods = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];
    assert_eq!(words(&told["token_endpoint_auth_methods_supported"]), methods);
    assert_eq!(words(&told["revocation_endpoint_auth_methods_supported"]), methods);
    assert_eq!(words(&told["introspection_endpoint_auth_methods_supported"]), methods[..3]);
    let own_algs = &told["token_endpoint_auth_signing_alg_values_supported"];
    for endpoint in ["introspection", "revocation"] {
        assert_eq!(&told[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")], own_algs);
    }
    let mut algs = BTreeSet::new();
    for client in [THE_PORTAL, LAB, KEYED, APP] {
        let tokens = client.sign_on(house, browser, "openid").await;
        algs.insert(header(tokens.text("id_token"))["alg"].as_str().unwrap().to_owned());
    }
    assert_eq!(algs, words(&told["id_token_signing_alg_values_supported"]).into_iter().collect());
    assert_eq!(
        told["introspection_signing_alg_values_supported"],
        told["id_token_signing_alg_values_supported"]
    );
    for client in [THE_PORTAL, LAB, KEYED] {
        let tokens = client.sign_on(house, browser, "openid").await;
        let access = tokens.text("access_token");
        let request = client.post(house, "/introspect", &[("token", access)]);
        let signed = request.header("accept", "application/token-introspection+jwt").send().await.unwrap();
        assert_eq!(header(&signed.text().await.unwrap())["alg"], header(access)["alg"]);
        assert_eq!(client.introspect(house, access).await["active"], true);
        client.revoke(house, &[("token", access)]).await;
        assert_eq!(client.introspect(house, access).await["active"], false);
    }
}

#[tokio::test]
async fn each_announced_way_to_ask_works() {
    let house = house().await;
    let told = metadata(&house).await;
    let (browser, _) = logged_in(&house).await;
    let one = |name: &str| words(&told[name]).join(" ");
    assert_eq!(
        (one("response_types_supported"), one("response_modes_supported")),
        ("code".into(), "query form_post jwt query.jwt form_post.jwt".into())
    );
    assert_eq!(one("code_challenge_methods_supported"), "S256");
    let ask = THE_PORTAL.ask().with("response_mode", "query");
    let page = browser.get(&ask.url(&house)).await;
    let back = crate::oidc_client::answer(&page);
    assert!(back["code"].is_string() && page.location().unwrap().as_str().starts_with(CALLBACK));
    let posted = browser.get(&THE_PORTAL.ask().with("response_mode", "form_post").url(&house)).await;
    assert!(posted.form("form-post").1.contains_key("code"));
    // Each algorithm and mode of signed answers: `jarm::an_answer_comes_signed_in_every_mode_and_algorithm`.
    assert_eq!(
        told["authorization_signing_alg_values_supported"],
        told["id_token_signing_alg_values_supported"]
    );
    assert_eq!(told["authorization_response_iss_parameter_supported"], true);
    assert_eq!(back["iss"], house.issuer.as_str());

    assert_eq!(told["claims_parameter_supported"], true);
    let ask = THE_PORTAL.ask().with("claims", r#"{"id_token":{"email":null}}"#);
    let code = THE_PORTAL.code(&house, &browser, &ask).await;
    assert_eq!(THE_PORTAL.redeem(&house, &ask, &code).await.claims["email_verified"], true);
    for display in words(&told["display_values_supported"]) {
        let page =
            Browser::new().visit(&THE_PORTAL.ask().with("display", &display).url(&house), CALLBACK).await;
        assert_eq!(page.heading(), "Inloggen bij Huisarts De Linde", "{display}");
    }

    assert_eq!(words(&told["prompt_values_supported"]), ["none", "login", "consent", "select_account"]);
    // `consent` is `client_consent::a_portal_of_somebody_else_is_answered_once_its_user_agreed_and_then_without_asking`.
    let ask = |prompt: &str| THE_PORTAL.ask().with("prompt", prompt).url(&house);
    assert!(browser.get(&ask("none")).await.location().unwrap().as_str().starts_with(CALLBACK));
    for prompt in ["login", "select_account"] {
        let asked = browser.get(&ask(prompt)).await.location().unwrap();
        assert!(asked.path().starts_with("/login/"), "{prompt}: {asked}");
    }
    for lang in words(&told["ui_locales_supported"]) {
        let url = THE_PORTAL.ask().with("ui_locales", &lang).url(&house);
        let page = Browser::new().visit(&url, CALLBACK).await;
        assert!(page.body.contains(&format!("<html lang=\"{lang}\">")), "{lang}");
        assert_eq!(page.headers["content-language"], lang.as_str());
    }
}

#[tokio::test]
async fn each_announced_level_can_be_reached() {
    let house = house().await;
    let levels = words(&metadata(&house).await["acr_values_supported"]);
    let (digid, known) = (["Midden", "Substantieel", "Hoog"], levels.iter().skip(1));
    assert_eq!(levels[0], "urn:namens:acr:local");
    let (_, local) = logged_in(&house).await;
    assert_eq!(local.acr(), levels[0]);
    let bsn = fresh_bsn();
    digid_account(&house, &Browser::new(), &bsn, "vader@voorbeeld.nl").await;
    for (acr, level) in known.zip(digid) {
        let ask = THE_PORTAL.ask().with("acr_values", acr);
        let tokens = digid_again(&house, &Browser::new(), &bsn, level, &THE_PORTAL, &ask).await;
        assert_eq!(tokens.acr(), acr);
    }
    assert_eq!(levels.len(), 4);
}

#[tokio::test]
async fn what_is_not_announced_does_not_work() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    for (name, value, error) in [
        ("response_mode", "fragment", "invalid_request"),
        ("response_mode", "fragment.jwt", "invalid_request"),
        ("response_type", "code id_token", "unsupported_response_type"),
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("prompt", "create", "invalid_request"),
        ("request", "e30.e30.", "invalid_request_object"),
        ("request_uri", "https://evil.example/r", "request_uri_not_supported"),
        ("registration", "{}", "registration_not_supported"),
        ("acr_values", "urn:namens:acr:divine", "unmet_authentication_requirements"),
    ] {
        let ask = THE_PORTAL.ask().with(name, value);
        assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, error);
    }
    for grant in ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer"] {
        let form = [("grant_type", grant), ("subject_token", tokens.text("access_token"))];
        assert_refused(&THE_PORTAL.token(&house, &form).await, "unsupported_grant_type");
    }
    let assertion = [("client_assertion_type", "urn:x"), ("client_assertion", "e30.e30.")];
    assert_refused(&APP.token(&house, &assertion).await, "invalid_request");
    // A claim that is not announced is not told, however much it is wanted.
    let ask = THE_PORTAL.ask().with("claims", r#"{"id_token":{"bsn":{"essential":true}}}"#);
    let code = THE_PORTAL.code(&house, &browser, &ask).await;
    let told = THE_PORTAL.redeem(&house, &ask, &code).await;
    assert!(told.claims.get("email").is_none() && told.claims.get("bsn").is_none());
    assert_eq!(claims(told.text("access_token"))["scope"], "openid");
    for path in ["/register", "/device", "/.well-known/webfinger", "/logout/frame"] {
        let page = browser.get(&format!("{}{path}", house.issuer)).await;
        assert_eq!(
            (page.status.as_u16(), page.headers["content-type"].to_str().unwrap()),
            (404, "text/html; charset=utf-8"),
            "{path}"
        );
    }
}
