//! Tokens as no honest program makes them, at every door that reads one (A11, A12, A23): cut short, huge, nested without end,
//! with numbers beyond every bound, members twice or of another kind. Each is refused by its error; none is a fault.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    bad_input::{assert_calm, basic},
    bad_input_wire::{Raw, exchange, get, post},
    browser::Browser,
    exchange::{ACCESS_TOKEN, Family, TOKEN_EXCHANGE},
    house::{CALLBACK, House},
    jose::{ASSERTION_TYPE, KEY, Key, assertion_claims, proof_claims},
    mandates_desk::now,
    oidc_client::{KEYED, THE_PORTAL, house, logged_in},
    resource::API,
};

/// What a door has no reason to take, made of a good header and good claims and signed by that key. A member that nobody
/// reads may be anything (RFC 7519 section 4), so each is spoilt in one that is read.
fn spoilt(key: &Key, header: &Value, claims: &Value) -> Vec<(&'static str, String)> {
    let (head, body) = (header.to_string(), claims.to_string());
    let good = key.sign(header, claims);
    let parts: Vec<&str> = good.split('.').collect();
    let claimed = |text: &str| key.sign_bytes(head.as_bytes(), text.as_bytes());
    let under = |text: &str| key.sign_bytes(text.as_bytes(), body.as_bytes());
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        key.sign(header, &claims)
    };
    let time = if claims.get("exp").is_some() { "exp" } else { "iat" };
    let mut timeless = claims.clone();
    timeless.as_object_mut().unwrap().remove(time);
    // Numbers that no `Value` can hold.
    let timed = |value: &str| claimed(&format!("{{\"{time}\":{value},{}", &timeless.to_string()[1..]));
    let mut none = header.clone();
    none["alg"] = json!("none");
    let none = key.sign(&none, claims);
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    vec![
        ("half of it", good[..good.len() / 2].to_owned()),
        ("all but a letter", good[..good.len() - 2].to_owned()),
        ("a header", parts[0].to_owned()),
        ("no signature", parts[..2].join(".")),
        ("an empty signature", format!("{}.{}.", parts[0], parts[1])),
        ("four parts", format!("{good}.x")),
        ("five empty parts", "....".to_owned()),
        ("padding", format!("{good}=")),
        ("another alphabet", good.replace('.', ".+/")),
        ("a line end inside", good.replace('.', "\n.")),
        ("alg none", none.clone()),
        ("alg none without a signature", format!("{}.", none.rsplit_once('.').unwrap().0)),
        ("claims that are a list", claimed("[]")),
        ("claims that are null", claimed("null")),
        ("no claims at all", claimed("")),
        ("claims without an end", claimed("{\"a\":")),
        ("claims that are no text", key.sign_bytes(head.as_bytes(), b"{\"a\":\"\xff\xfe\"}")),
        ("a NUL", claimed("\u{0}")),
        ("a header that is a list", under("[]")),
        ("a header that is no JSON", under("x")),
        ("an alg that is a number", under(&head.replace("\"ES256\"", "256"))),
        ("a time nested 300 deep", timed(&deep(300))),
        ("a time nested 10000 deep", timed(&deep(10_000))),
        ("an alg nested 300 deep", under(&head.replace("\"ES256\"", &deep(300)))),
        ("an alg twice", under(&format!("{},\"alg\":\"none\"}}", &head[..head.len() - 1]))),
        ("a time twice", claimed(&format!("{},\"{time}\":1}}", &body[..body.len() - 1]))),
        ("a time beyond every number", timed("1e999")),
        ("a time of 25 digits", timed("9999999999999999999999999")),
        ("a time beyond 64 bits", timed("9223372036854775808")),
        ("a negative time", timed("-1")),
        ("a time that is a text", with(time, json!("soon"))),
        ("a time that is an object", with(time, json!({}))),
        ("a jti that is a list", with("jti", json!([[]]))),
        ("a megabyte", with("x", json!("x".repeat(1 << 20)))),
    ]
}

/// Spoilt tokens with the header and claims of ours, signed by a stranger.
fn strange(header: &Value, claims: &Value) -> Vec<(&'static str, String)> {
    spoilt(&Key::new(), header, claims)
}

fn error_of(raw: &Raw, case: &str) -> String {
    let told: Value = serde_json::from_str(&raw.body).unwrap_or_else(|_| panic!("{case}: {raw:?}"));
    told["error"].as_str().unwrap().to_owned()
}

fn form(pairs: &[(&str, &str)]) -> Vec<u8> {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes()
}

const REFRESH: [(&str, &str); 2] = [("grant_type", "refresh_token"), ("refresh_token", "x")];

#[tokio::test]
async fn a23_a_malformed_assertion_is_no_proof_of_who_asks() {
    let house = house().await;
    let header = json!({"alg": "ES256", "kid": "k"});
    let send = async |assertion: &str| {
        let proof = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)];
        post(&house, "/token", &form(&[&REFRESH[..], &proof].concat()), "").await
    };
    for (what, bad) in spoilt(&KEY, &header, &assertion_claims(&house, KEYED.id)) {
        let raw = send(&bad).await;
        assert!([400, 401].contains(&raw.status), "{what}: {raw:?}");
        assert!(
            ["invalid_client", "invalid_request"].contains(&error_of(&raw, what).as_str()),
            "{what}: {raw:?}"
        );
    }
    let good = KEY.sign(&header, &assertion_claims(&house, KEYED.id));
    assert_eq!(error_of(&send(&good).await, "the twin"), "invalid_grant");
    assert_calm(&house);
}

#[tokio::test]
async fn a23_a_malformed_request_object_is_an_error_at_both_doors() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let ask = KEYED.ask();
    let claims = || {
        let mut inside = json!({"iss": KEYED.id, "aud": house.issuer, "exp": now().epoch() + 60});
        for (name, value) in &ask.parameters {
            inside[name] = json!(value);
        }
        inside
    };
    let header = json!({"alg": "ES256", "kid": "k"});
    let push = async |object: &str| {
        let assertion = crate::jose::assertion(&house, KEYED.id);
        let proof = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion)];
        post(&house, "/par", &form(&[&[("request", object)], &proof[..]].concat()), "").await
    };
    let outside = |object: &str| {
        form(&[("client_id", KEYED.id), ("redirect_uri", KEYED.callback), ("request", object)])
    };
    for (what, bad) in spoilt(&KEY, &header, &claims()) {
        // A `jti` of a request object is not read.
        if what == "a jti that is a list" {
            continue;
        }
        let pushed = push(&bad).await;
        assert_eq!(pushed.status, 400, "{what}: {pushed:?}");
        let error = error_of(&pushed, what);
        assert!(["invalid_request_object", "invalid_request"].contains(&error.as_str()), "{what}: {error}");
        let asked = get(&house, "/authorize", &outside(&bad), "").await;
        let location = asked.header("location").unwrap_or_default();
        let told = asked.status == 303
            && location.starts_with(CALLBACK)
            && location.contains("error=invalid_request");
        assert!(told || [400, 431].contains(&asked.status), "{what}: {asked:?}");
    }
    let good = KEY.sign(&header, &claims());
    assert_eq!(push(&good).await.status, 201);
    let url = format!("{}/authorize?{}", house.issuer, String::from_utf8(outside(&good)).unwrap());
    assert!(browser.get(&url).await.location().unwrap().query().unwrap().contains("code="));
    assert_calm(&house);
}

#[tokio::test]
async fn a23_a_malformed_proof_of_possession_proves_nothing() {
    let house = House::start().await;
    let key = Key::new();
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk()});
    let send = async |proof: &str| {
        let head = format!("{}dpop: {proof}\r\n", basic());
        post(&house, "/token", &form(&REFRESH), &head).await
    };
    for (what, bad) in spoilt(&key, &header, &proof_claims(&house, "POST", "/token", None)) {
        // Inside a header a line end begins another one.
        let raw = send(&bad.replace('\n', " ")).await;
        if raw.status == 431 {
            assert_eq!(what, "a megabyte");
            continue;
        }
        assert_eq!(raw.status, 400, "{what}: {raw:?}");
        assert_eq!(error_of(&raw, what), "invalid_dpop_proof", "{what}");
    }
    let good = key.proof(&house, "POST", "/token", None);
    assert_eq!(error_of(&send(&good).await, "the twin"), "invalid_grant");
    let twice =
        post(&house, "/token", &form(&REFRESH), &format!("{}dpop: {good}\r\ndpop: {good}\r\n", basic()))
            .await;
    assert_eq!(error_of(&twice, "two proofs"), "invalid_dpop_proof");
    assert_calm(&house);
}

#[tokio::test]
async fn a12_a23_a_malformed_token_of_ours_opens_and_ends_nothing() {
    let family = Family::at_home().await;
    let (house, tokens) = (&family.house, &family.tokens);
    assert_eq!(family.for_sam().await.0, 200, "the twin");
    let access = tokens.text("access_token");
    let (header, claims) = (crate::oidc_client::header(access), crate::oidc_client::claims(access));
    let basic = basic();
    for (what, bad) in strange(&header, &claims) {
        let line = format!(
            "GET /userinfo HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
            bad.replace('\n', " ")
        );
        let asked = [
            exchange(house, line.as_bytes()).await,
            post(house, "/userinfo", &form(&[("access_token", &bad)]), "").await,
        ];
        for raw in asked {
            assert!([400, 401, 431].contains(&raw.status), "{what}: {raw:?}");
        }
        let raw = post(house, "/introspect", &form(&[("token", &bad)]), &basic).await;
        let told = raw.status == 200 && raw.body == "{\"active\":false}";
        assert!(told || (raw.status == 400 && error_of(&raw, what) == "invalid_request"), "{what}: {raw:?}");
        let raw = post(house, "/revoke", &form(&[("token", &bad)]), &basic).await;
        assert!(raw.status == 200 || error_of(&raw, what) == "invalid_request", "{what}: {raw:?}");
        let exchanged = [
            ("grant_type", TOKEN_EXCHANGE),
            ("subject_token", &bad),
            ("subject_token_type", ACCESS_TOKEN),
            ("act_as", &family.sams),
            ("resource", API),
        ];
        assert_eq!(post(house, "/token", &form(&exchanged), &basic).await.status, 400, "{what}");
    }
    assert_eq!(family.for_sam().await.0, 200, "the twin");
    assert_eq!(crate::oidc_client::userinfo(house, access).await.0, 200);
    assert_eq!(THE_PORTAL.introspect(house, access).await["active"], true);
    assert_eq!(THE_PORTAL.refresh(house, tokens.text("refresh_token")).await.0, 200);
    assert_calm(house);
}

#[tokio::test]
async fn a16_a23_a_malformed_hint_names_nobody_and_signs_nobody_out() {
    let house = House::start().await;
    let (browser, tokens) = logged_in(&house).await;
    let hint = tokens.text("id_token");
    let (header, claims) = (crate::oidc_client::header(hint), tokens.claims.clone());
    let silent = async |browser: &Browser, hint: &str| {
        let ask = THE_PORTAL.ask().with("prompt", "none").with("id_token_hint", hint);
        browser.get(&ask.url(&house)).await
    };
    for (what, bad) in strange(&header, &claims).into_iter().filter(|(what, _)| *what != "a megabyte") {
        let page = silent(&browser, &bad).await;
        let query = page.location().and_then(|to| to.query().map(str::to_owned)).unwrap_or_default();
        assert!(query.contains("error=") || page.status == 400, "{what}: {} {query}", page.status);
        assert!(!query.contains("code="), "{what}: {query}");
        let out = format!(
            "{}/logout?{}",
            house.issuer,
            String::from_utf8(form(&[("id_token_hint", &bad)])).unwrap()
        );
        let page = browser.get(&out).await;
        assert_eq!((page.status.as_u16(), page.heading().as_str()), (200, "Wilt u uitloggen?"), "{what}");
    }
    let megabyte = URL_SAFE_NO_PAD.encode(vec![b'x'; 1 << 20]);
    let raw = post(&house, "/logout", &form(&[("id_token_hint", &megabyte)]), "").await;
    assert_eq!(raw.status, 413);
    assert!(silent(&browser, hint).await.location().unwrap().query().unwrap().contains("code="), "the twin");
    assert_calm(&house);
}
