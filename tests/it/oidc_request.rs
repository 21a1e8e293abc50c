//! The authorization endpoint under attack (A1, A2, A4, A7).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    browser::Browser,
    house::{CALLBACK, House},
    oidc_client::{
        APP, Ask, LAB, OPEN, THE_PORTAL, answer, assert_error, assert_refused, house, logged_in, place,
    },
};

/// A page of ours with status 400, and no way anywhere.
async fn assert_page(house: &House, browser: &Browser, ask: &Ask) {
    let page = browser.get(&ask.url(house)).await;
    let case = ask.query();
    assert_eq!((page.status.as_u16(), page.headers.get("location")), (400, None), "{case}");
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.heading(), "Inloggen kan nu niet", "{case}");
    assert!(!page.body.contains("evil"), "{case}");
    // A word that a helpdesk can look up, on a page in any language.
    let code = page.text("detail").unwrap();
    let code = code.strip_prefix("Code voor de helpdesk: ").unwrap();
    assert!(code.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{case}: {code}");
    let portals = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/portals.md");
    let portals = std::fs::read_to_string(portals).unwrap();
    assert!(portals.contains(&format!("`{code}`")), "{case}: {code} is explained nowhere");
}

#[tokio::test]
async fn a1_a_redirect_uri_that_is_not_exactly_registered_gets_a_page() {
    let house = house().await;
    // Somebody who is logged in has most to lose: their browser would carry a code at once.
    let (browser, _) = logged_in(&house).await;
    for variant in [
        "http://127.0.0.1:9/callback/",
        "http://127.0.0.1:9/callback?x=1",
        "http://127.0.0.1:9/callback?",
        "http://127.0.0.1:9/callback#evil",
        "http://127.0.0.1:9/callback#",
        "http://127.0.0.1:9/Callback",
        "HTTP://127.0.0.1:9/callback",
        "https://127.0.0.1:9/callback",
        "http://127.0.0.1:9/x/../callback",
        "http://127.0.0.1:9/callback/../evil",
        "http://127.0.0.1:9/callback/..",
        "http://127.0.0.1:9//callback",
        "http://127.0.0.1:9/callbac%6b",
        "http://127.0.0.1:9/callback%00",
        "http://127.0.0.1:9/callback ",
        " http://127.0.0.1:9/callback",
        "http://evil@127.0.0.1:9/callback",
        "http://127.0.0.1:9@evil.example/callback",
        "http://127.0.0.1:9.evil.example/callback",
        "http://127.0.0.1:9\\@evil.example/callback",
        "http://127.0.0.1:10/callback",
        "http://127.0.0.1/callback",
        "http://localhost:9/callback",
        "http://2130706433:9/callback",
        "//127.0.0.1:9/callback",
        "/callback",
        "javascript:alert('evil')",
        "data:text/html,evil",
        "https://evil.example/",
        LAB.callback,
    ] {
        assert_page(&house, &browser, &THE_PORTAL.ask().with("redirect_uri", variant)).await;
    }
    let good = THE_PORTAL.ask();
    assert_page(&house, &browser, &good.clone().without("redirect_uri")).await;
    assert_page(&house, &browser, &good.clone().with("redirect_uri", "")).await;
    assert_page(&house, &browser, &good.clone().and("redirect_uri", CALLBACK)).await;
    assert_page(&house, &browser, &good.clone().and("redirect_uri", "https://evil.example/")).await;
    THE_PORTAL.code(&house, &browser, &good).await;
}

#[tokio::test]
async fn a1_only_a_public_client_moves_its_loopback_port_and_its_code_stays_bound_to_it() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let moved = "http://127.0.0.1:51234/callback/app";
    let ask = APP.ask().with("redirect_uri", moved);
    let page = browser.get(&ask.url(&house)).await;
    assert_eq!(place(&page.location().unwrap()), moved);
    let code = answer(&page)["code"].as_str().unwrap().to_owned();
    let elsewhere = ask.clone().with("redirect_uri", APP.callback);
    assert_refused(&APP.token(&house, &elsewhere.redemption(&code)).await, "invalid_grant");
    APP.redeem(&house, &ask, &code).await;
    for bad in [
        "http://127.0.0.1:0/callback/app",
        "http://127.0.0.1:99999/callback/app",
        "http://127.0.0.1:80@evil.example/callback/app",
        "http://127.0.0.1:80/callback/evil",
        "http://[::1]:80/callback/app",
        "http://127.0.0.2:80/callback/app",
    ] {
        assert_page(&house, &browser, &APP.ask().with("redirect_uri", bad)).await;
    }
}

#[tokio::test]
async fn a2_an_unknown_missing_or_doubled_client_gets_a_page() {
    let house = house().await;
    let browser = Browser::new();
    let good = THE_PORTAL.ask();
    for id in ["", "evil", "Portal", "portal ", "portal\u{0}", "'; DROP TABLE clients; --"] {
        assert_page(&house, &browser, &good.clone().with("client_id", id)).await;
    }
    assert_page(&house, &browser, &good.clone().without("client_id")).await;
    assert_page(&house, &browser, &good.clone().and("client_id", "portal")).await;
    assert_page(&house, &browser, &good.clone().and("client_id", "lab")).await;
}

#[tokio::test]
async fn a2_a4_a7_a_bad_parameter_is_told_to_the_client_with_state_and_iss() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let good = THE_PORTAL.ask();
    for name in
        ["response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method", "unheard_of"]
    {
        let value = Some(good.get(name)).filter(|value| !value.is_empty()).unwrap_or("x");
        let doubled = good.clone().with(name, value).and(name, value);
        let seen = if name == "state" { doubled.clone().without("state") } else { doubled.clone() };
        assert_error(&house, &browser.get(&doubled.url(&house)).await, &seen, "invalid_request");
    }
    let long = "x".repeat(2049);
    for (name, value, error) in [
        ("response_type", "", "invalid_request"),
        ("response_type", "CODE", "unsupported_response_type"),
        ("scope", "", "invalid_scope"),
        ("scope", "email act_as", "invalid_scope"),
        ("scope", "OPENID", "invalid_scope"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw=cM", "invalid_request"),
        ("code_challenge", &long, "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "s256", "invalid_request"),
        ("prompt", "none login", "invalid_request"),
        ("max_age", "-1", "invalid_request"),
        ("max_age", "+1", "invalid_request"),
        ("max_age", "1e3", "invalid_request"),
        ("max_age", "99999999999999999999", "invalid_request"),
        ("nonce", &"n".repeat(513), "invalid_request"),
        ("login_hint", &"h".repeat(255), "invalid_request"),
        ("response_mode", "fragment", "invalid_request"),
        ("acr_values", "0", "unmet_authentication_requirements"),
    ] {
        let ask = good.clone().with(name, value);
        assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, error);
    }
    let beyond = APP.ask().with("scope", "openid email");
    assert_error(&house, &browser.get(&beyond.url(&house)).await, &beyond, "invalid_scope");
    // A state that could not come back as it was does not come back at all.
    for state in ["é", &long] {
        let ask = good.clone().with("state", state);
        let page = browser.get(&ask.url(&house)).await;
        assert_error(&house, &page, &ask.without("state"), "invalid_request");
    }
}

#[tokio::test]
async fn a7_every_answer_names_its_issuer_and_gives_back_the_state_untouched() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let state = r#"a&code=evil&iss=https%3A%2F%2Fevil.example#x"<>' +%"#;
    let ask = THE_PORTAL.ask().with("state", state);
    let page = browser.get(&ask.url(&house)).await;
    let told = answer(&page);
    assert_eq!((told["iss"].as_str(), told["state"].as_str()), (Some(house.issuer.as_str()), Some(state)));
    let location = page.location().unwrap();
    let names: Vec<String> = location.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!((names.join(" "), location.fragment()), ("code state iss".into(), None));
    // Stopping, an error in the middle of a login: the same.
    let (stranger, ask) = (Browser::new(), THE_PORTAL.ask().with("state", state));
    let choose = stranger.visit(&ask.url(&house), CALLBACK).await;
    let stopped = stranger.submit(&choose, "stop-form", &[]).await;
    assert_error(&house, &stopped, &ask, "access_denied");
    let ask = ask.with("prompt", "none");
    assert_error(&house, &stranger.get(&ask.url(&house)).await, &ask, "login_required");
}

/// POST is the same request: it is kept, and answered with the address to ask again by GET, where a `Lax` cookie goes along. What
/// stood in the form stands in no address, but for `client_id`.
#[tokio::test]
async fn a_posted_request_is_asked_again_with_get_and_nothing_else() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    let url = format!("{}/authorize", house.issuer);
    let post = async |browser: &Browser, ask: &Ask| {
        let fields: Vec<_> = ask.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        browser.post(&url, &fields).await
    };
    let state = "é & ü".replace(['é', 'ü'], "e");
    let good = THE_PORTAL.ask();
    for ask in [
        good.clone(),
        good.clone().with("state", &state),
        good.clone().with("login_hint", "rené@voorbeeld.nl"),
        good.clone().with("id_token_hint", tokens.text("id_token")),
        good.clone().with("claims", r#"{"userinfo":{"email":null}}"#),
    ] {
        let page = post(&browser, &ask).await;
        let next = page.location().unwrap();
        assert_eq!((page.status.as_u16(), place(&next)), (303, url.clone()));
        let sent: Vec<_> = next.query_pairs().into_owned().collect();
        let [(client_id, portal), (request_uri, handle)] = sent.as_slice() else { panic!("{next}") };
        assert_eq!([client_id, portal, request_uri], ["client_id", "portal", "request_uri"]);
        assert!(handle.starts_with("urn:ietf:params:oauth:request_uri:"), "{handle}");
        for (name, value) in ask.parameters.iter().filter(|(name, _)| name != "client_id") {
            assert!(!handle.contains(value.as_str()), "{name}");
        }
        // Whoever else brings it gets no answer, nor does anybody a second time; the twin is in between.
        let refused = async || {
            let page = browser.get(next.as_str()).await;
            assert_eq!((page.status.as_u16(), page.headers.get("location")), (400, None));
        };
        let of_another = next.as_str().replace("client_id=portal", "client_id=open");
        assert_eq!(browser.get(&of_another).await.status.as_u16(), 400);
        let code = crate::portal::code_of(&browser.get(next.as_str()).await);
        THE_PORTAL.redeem(&house, &ask, &code).await;
        refused().await;
    }
    // What is wrong with one is told at once, as by GET.
    let bad = good.clone().with("prompt", "none login");
    assert_error(&house, &post(&browser, &bad).await, &bad, "invalid_request");
    let page = post(&browser, &good.clone().with("redirect_uri", "https://evil.example/")).await;
    assert_eq!((page.status.as_u16(), page.headers.get("location")), (400, None));
    assert_eq!(house.query("SELECT COUNT(*) FROM ephemeral WHERE kind = 'pushed'"), ["0"], "nothing is left");
    assert_eq!(post(&Browser::new(), &good).await.status, 303);
    let anybodys = "SELECT stays FROM ephemeral WHERE kind = 'pushed'";
    assert_eq!(
        house.query(anybodys),
        ["0"],
        "nobody proved whose it is: it gives way when there are too many"
    );
    // A handle that was pushed may be posted too.
    let fields: Vec<_> = good.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let pushed = THE_PORTAL.post(&house, "/par", &fields).send().await.unwrap();
    let pushed: serde_json::Value = pushed.json().await.unwrap();
    let brought = [("client_id", "portal"), ("request_uri", pushed["request_uri"].as_str().unwrap())];
    let next = browser.post(&url, &brought).await.location().unwrap();
    assert_eq!(next.query_pairs().last().unwrap().1, brought[1].1);
    THE_PORTAL.redeem(&house, &good, &crate::portal::code_of(&browser.get(next.as_str()).await)).await;
    // The same bytes without percent-encoding, as a careless portal may send them.
    let raw = format!("{}&login_hint=ren\u{e9}@voorbeeld.nl", THE_PORTAL.ask().query());
    let browser = Browser::new();
    let request = browser.request(reqwest::Method::POST, &url);
    let page =
        browser.send(request.body(raw).header("content-type", "application/x-www-form-urlencoded")).await;
    let choose = browser.follow(page, CALLBACK).await;
    let form = browser.get(&format!("{}/email", choose.url)).await;
    assert_eq!(form.form("email-form").1["email"], "rené@voorbeeld.nl");
}

#[tokio::test]
async fn a4_a_verifier_must_be_whole_and_fit_the_challenge() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let ask = THE_PORTAL.ask();
    let code = THE_PORTAL.code(&house, &browser, &ask).await;
    let other = THE_PORTAL.ask();
    // With method S256 the challenge is no verifier; with a short verifier it could be guessed.
    for bad in [
        "",
        "x",
        &ask.verifier[..42],
        ask.get("code_challenge"),
        &other.verifier,
        &format!("{}=", ask.verifier),
    ] {
        let bent = Ask { verifier: bad.to_owned(), ..ask.clone() };
        let answer = THE_PORTAL.token(&house, &bent.redemption(&code)).await;
        assert!([400].contains(&answer.0) && answer.1["error"] != "server_error", "{bad}: {answer:?}");
        assert_refused(&answer, "invalid_grant");
    }
    // A stranger's guesses must not have burnt it.
    THE_PORTAL.redeem(&house, &ask, &code).await;
    // A short verifier with a fitting challenge: refused although it fits.
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"short");
    let short = Ask { verifier: "short".into(), ..THE_PORTAL.ask() };
    let short = short.with("code_challenge", &URL_SAFE_NO_PAD.encode(hash.as_ref()));
    let code = THE_PORTAL.code(&house, &browser, &short).await;
    assert_refused(&THE_PORTAL.token(&house, &short.redemption(&code)).await, "invalid_grant");
    // A verifier for a challenge that was never given: somebody took it out of the request on the way.
    let plain = OPEN.ask().without("code_challenge").without("code_challenge_method");
    let code = OPEN.code(&house, &browser, &plain).await;
    assert_refused(&OPEN.token(&house, &plain.redemption(&code)).await, "invalid_grant");
    let mut form = plain.redemption(&code);
    form.retain(|(name, _)| *name != "code_verifier");
    assert_eq!(OPEN.token(&house, &form).await.0, 200);
}

/// Values that are none: control characters, what is no UTF-8, U+FFFD, and one that is too long.
fn spoilt() -> [String; 5] {
    ["%00", "a%0d%0ab", "%ff", "%ef%bf%bd", &"x".repeat(5000)].map(str::to_owned)
}

/// OpenID Connect Core, section 3.1.2.1: unknown parameters are ignored. What a portal, a proxy or a campaign hangs on is none of ours.
#[tokio::test]
async fn a_spoilt_parameter_is_ignored_where_unknown_and_told_to_the_client_where_known() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let with = |ask: &Ask, more: &str| format!("{}&{more}", ask.url(&house));
    let known = [
        ("state", "x"),
        ("nonce", "x"),
        ("scope", "openid"),
        ("response_type", "code"),
        ("response_mode", "query"),
        ("code_challenge_method", "S256"),
        ("login_hint", "x"),
        ("claims", "{}"),
        ("resource", "x"),
        ("request_uri", "x"),
        ("display", "page"),
    ];
    for bad in spoilt() {
        let case = &bad[..bad.len().min(20)];
        let good = THE_PORTAL.ask();
        for unknown in [
            format!("utm_source={bad}"),
            format!("utm_source={bad}&utm_source=1"),
            format!("{}={bad}", &bad[..bad.len().min(20)]),
        ] {
            let told = answer(&browser.get(&with(&good, &unknown)).await);
            assert!(told.contains_key("code"), "{unknown:.40}: {told:?}");
        }
        for (name, value) in known {
            let seen = if name == "state" { good.clone().without("state") } else { good.clone() };
            for query in [format!("{name}={bad}"), format!("{name}={bad}&{name}={value}")] {
                let page = browser.get(&with(&good.clone().without(name), &query)).await;
                assert_error(&house, &page, &seen, "invalid_request");
            }
        }
        // By POST too.
        let sent = browser.request(reqwest::Method::POST, &format!("{}/authorize", house.issuer));
        let form = format!("{}&login_hint={bad}", good.query());
        let sent = sent.header("content-type", "application/x-www-form-urlencoded").body(form);
        assert_error(&house, &browser.send(sent).await, &good, "invalid_request");
        // Whose it is, and where errors may go, must be sound: nobody is sent anywhere.
        for name in ["client_id", "redirect_uri"] {
            let page = browser.get(&with(&good.clone().without(name), &format!("{name}={bad}"))).await;
            assert_eq!((page.status.as_u16(), page.location()), (400, None), "{name} {case}");
        }
    }
    // What stands beside the handle of a pushed request says nothing, however it looks.
    let ask = THE_PORTAL.ask();
    let fields: Vec<_> = ask.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let pushed = THE_PORTAL.post(&house, "/par", &fields).send().await.unwrap();
    let pushed: serde_json::Value = pushed.json().await.unwrap();
    let brought = Ask { parameters: Vec::new(), ..ask.clone() }.with("client_id", THE_PORTAL.id);
    let brought = brought.with("request_uri", pushed["request_uri"].as_str().unwrap());
    assert!(answer(&browser.get(&with(&brought, "x=%00")).await).contains_key("code"));
}

/// The same at the endpoints for clients: there a client hears of what is spoilt at once.
#[tokio::test]
async fn a_spoilt_parameter_of_a_client_is_ignored_where_unknown_and_an_error_where_known() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    let (ask, long) = (THE_PORTAL.ask(), "x".repeat(5000));
    let pushed: Vec<_> = ask.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    for bad in ["a\0b", "a\r\nb", "\u{fffd}", &long] {
        let code = THE_PORTAL.code(&house, &browser, &ask).await;
        for (path, form, name, status) in [
            ("/token", ask.redemption(&code), "code_verifier", 200),
            ("/par", pushed.clone(), "login_hint", 201),
            ("/introspect", vec![("token", tokens.text("access_token"))], "token_type_hint", 200),
        ] {
            let known: Vec<_> =
                form.iter().copied().filter(|(n, _)| *n != name).chain([(name, bad)]).collect();
            let refused = THE_PORTAL.post(&house, path, &known).send().await.unwrap();
            let refused = (refused.status().as_u16(), refused.json().await.unwrap());
            assert_refused(&refused, "invalid_request");
            let unknown = [&form[..], &[("utm_source", bad)]].concat();
            let answered = THE_PORTAL.post(&house, path, &unknown).send().await.unwrap();
            assert_eq!(answered.status().as_u16(), status, "{path} {bad:.20}");
        }
    }
    // A sign-out is not asked about for what a proxy hung on.
    let query =
        [("id_token_hint", tokens.text("id_token")), ("post_logout_redirect_uri", "http://127.0.0.1:9/bye")];
    let mut url = url::Url::parse(&format!("{}/logout", house.issuer)).unwrap();
    url.query_pairs_mut().extend_pairs(query);
    let asked = browser.get(&format!("{url}&state=%00")).await;
    assert_eq!((asked.status.as_u16(), asked.location()), (200, None), "a known one spoils it");
    let out = browser.get(&format!("{url}&utm_source=%00")).await;
    assert_eq!(out.location().map(String::from).as_deref(), Some("http://127.0.0.1:9/bye"));
}

/// JSON may stand on several lines (RFC 8259 section 2).
#[tokio::test]
async fn claims_may_be_written_on_several_lines() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let wish = serde_json::json!({"id_token": {"email": {"essential": true}}});
    let pretty = serde_json::to_string_pretty(&wish).unwrap();
    for text in [pretty.clone(), pretty.replace('\n', "\r\n\t")] {
        let ask = THE_PORTAL.ask().with("claims", &text);
        let code = THE_PORTAL.code(&house, &browser, &ask).await;
        let tokens = THE_PORTAL.redeem(&house, &ask, &code).await;
        assert_eq!(tokens.claims["email"], "jansen@voorbeeld.nl", "{text}");
    }
    // Within a text of it a line may not end, and other control characters stand nowhere.
    for bad in ["{\"id_token\": {\"ema\nil\": null}}", "{\u{b}}", "{\0}"] {
        let ask = THE_PORTAL.ask().with("claims", bad);
        assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "invalid_request");
    }
}
