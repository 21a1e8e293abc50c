//! Every parameter of every door missing, doubled, empty, huge, with control characters and with what is no text: a
//! specified error, never a fault, and nothing changed.

use crate::{
    bad_input_sweep::assert_swept,
    bad_input_wire::{Raw, get, post},
    browser::Browser,
    digid_return::{value, way_back},
    digid_steps::{bsn, through_digid},
    house::{CALLBACK, House, PORTAL, SECRET},
    oidc_client::{THE_PORTAL, logged_in},
    portal::{request, to_digid},
};

/// How a parameter is bent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bend {
    Missing,
    Doubled,
    Empty,
    /// Longer than any value may be.
    Long,
    /// 100 KB.
    Huge,
    /// An escaped control character.
    Control,
    /// Escaped bytes that are no UTF-8.
    NoText,
    /// An escape that is none.
    HalfEscape,
    /// U+202E and a letter beyond the BMP, escaped.
    Exotic,
    /// UTF-8, not escaped.
    Raw,
}

pub const BENDS: [Bend; 10] = [
    Bend::Missing,
    Bend::Doubled,
    Bend::Empty,
    Bend::Long,
    Bend::Huge,
    Bend::Control,
    Bend::NoText,
    Bend::HalfEscape,
    Bend::Exotic,
    Bend::Raw,
];

/// A query or form of these pairs, with one of them bent.
pub fn bent(pairs: &[(&str, &str)], at: usize, bend: Bend) -> Vec<u8> {
    let mut parts = Vec::new();
    for (index, (name, value)) in pairs.iter().enumerate() {
        let escaped: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let good = format!("{name}={escaped}");
        if index != at {
            parts.push(good);
            continue;
        }
        match bend {
            Bend::Missing => {}
            Bend::Doubled => parts.extend([good.clone(), good]),
            Bend::Empty => parts.push(format!("{name}=")),
            Bend::Long => parts.push(format!("{name}={}", "a".repeat(5000))),
            Bend::Huge => parts.push(format!("{name}={}", "a".repeat(100_000))),
            Bend::Control => parts.push(format!("{good}%00%0d%0aSet-Cookie:%20x=y")),
            Bend::NoText => parts.push(format!("{good}%ff%c3")),
            Bend::HalfEscape => parts.push(format!("{good}%zz%")),
            Bend::Exotic => parts.push(format!("{good}%E2%80%AE%F0%9F%A6%80")),
            Bend::Raw => parts.push(format!("{good}é🦀")),
        }
    }
    parts.join("&").into_bytes()
}

pub fn assert_calm(house: &House) {
    let log = house.log();
    for word in ["panicked", "\"level\":\"ERROR\"", "a request failed"] {
        assert!(!log.contains(word), "{word} in {log}");
    }
}

/// What was sent must not have become a header of the answer.
pub fn assert_no_split(raw: &Raw, case: &str) {
    assert!(!raw.head.to_lowercase().contains("\nset-cookie: x=y"), "{case}: a header was planted");
}

#[tokio::test]
async fn every_parameter_of_authorize_bent_is_a_page_or_an_error_to_the_client() {
    let tables = "resources = [\"https://a.nl\"]";
    let house = House::with(tables).await;
    let good = THE_PORTAL.ask().with("response_mode", "query").with("prompt", "login").with("max_age", "60");
    let good =
        good.with("acr_values", "urn:namens:acr:local").with("ui_locales", "nl").with("login_hint", "a@b.nl");
    let good = good
        .with("claims", "{}")
        .with("scope", "openid act_as")
        .with("act_as", "choose")
        .with("display", "page")
        .with("id_token_hint", "x")
        .with("resource", "https://a.nl");
    let pairs: Vec<_> = good.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_swept(
        "every_parameter_of_authorize_bent_is_a_page_or_an_error_to_the_client",
        "/authorize",
        pairs.iter().map(|(name, _)| *name),
    );
    let twin = get(&house, "/authorize", &bent(&pairs, pairs.len(), Bend::Missing), "").await;
    assert!(twin.header("location").unwrap().starts_with("/login/"), "{twin:?}");
    let needed = ["response_type", "scope", "code_challenge", "code_challenge_method"];
    let free = ["ui_locales", "display", "id_token_hint", "login_hint"];
    for (at, (name, _)) in pairs.iter().enumerate() {
        for bend in BENDS {
            let query = bent(&pairs, at, bend);
            let case = format!("{name} {bend:?}");
            let seen =
                [get(&house, "/authorize", &query, "").await, post(&house, "/authorize", &query, "").await];
            let [asked, posted] = &seen;
            for raw in &seen {
                assert_no_split(raw, &case);
            }
            if bend == Bend::Huge {
                let refused = [400, 413, 414, 431];
                assert!(
                    refused.contains(&asked.status) && refused.contains(&posted.status),
                    "{case}: {seen:?}"
                );
                continue;
            }
            let location = asked.header("location").unwrap_or_default();
            // A good POST is kept, and sent on to the same question by GET; of others the answer is the same.
            let kept = format!("{}/authorize?client_id={PORTAL}&request_uri=", house.issuer);
            if location.starts_with("/login/") {
                let to = posted.header("location").unwrap_or_default();
                assert!(posted.status == 303 && to.starts_with(&kept), "{case}: {posted:?}");
            } else {
                let of = |raw: &Raw| (raw.status, raw.header("location").map(str::to_owned));
                assert_eq!(of(posted), of(asked), "{case}");
            }
            let harmless = match bend {
                Bend::Missing | Bend::Empty => !needed.contains(name),
                Bend::Doubled => *name == "resource",
                // A hint may fill a request.
                Bend::Long => *name == "id_token_hint",
                Bend::Control | Bend::NoText => false,
                // What is no escape stands for itself.
                Bend::HalfEscape => free.contains(name) || ["state", "nonce", "act_as"].contains(name),
                _ => free.contains(name),
            };
            if ["client_id", "redirect_uri"].contains(name) {
                assert_eq!((asked.status, location), (400, ""), "{case}");
            } else if harmless {
                assert!(asked.status == 303 && location.starts_with("/login/"), "{case}: {asked:?}");
            } else {
                assert!(asked.status == 303 && location.starts_with(CALLBACK), "{case}: {asked:?}");
                assert!(location.contains("?error=") && location.contains("&iss="), "{case}: {location}");
            }
        }
    }
    assert_calm(&house);
}

#[tokio::test]
async fn every_parameter_of_token_bent_is_an_error_and_burns_nothing() {
    let house = House::start().await;
    let (browser, tokens) = logged_in(&house).await;
    let basic = basic();
    let test = "every_parameter_of_token_bent_is_an_error_and_burns_nothing";
    let mut codes = Vec::new();
    // A code lives for a minute: one for each parameter, good after all that was done with it.
    for at in 0..4 {
        let ask = THE_PORTAL.ask();
        let code = THE_PORTAL.code(&house, &browser, &ask).await;
        let redemption = ask.redemption(&code);
        assert_swept(test, "/token", redemption.iter().map(|(name, _)| *name));
        for bend in BENDS {
            let raw = post(&house, "/token", &bent(&redemption, at, bend), &basic).await;
            assert_json_error(&raw, &format!("{} {bend:?}", redemption[at].0), &[400]);
        }
        THE_PORTAL.redeem(&house, &ask, &code).await;
        codes.push(code);
    }
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.text("refresh_token")),
        ("scope", "openid"),
    ];
    assert_swept(test, "/token", refresh.iter().map(|(name, _)| *name));
    assert_eq!(THE_PORTAL.token(&house, &refresh).await.0, 200, "the twin");
    for (at, (name, _)) in refresh.iter().enumerate() {
        for bend in BENDS {
            // Without a scope a refresh is a good one: it would be answered.
            if *name == "scope" && matches!(bend, Bend::Missing | Bend::Empty) {
                continue;
            }
            let raw = post(&house, "/token", &bent(&refresh, at, bend), &basic).await;
            assert_json_error(&raw, &format!("{name} {bend:?}"), &[400]);
        }
    }
    let ask = THE_PORTAL.ask();
    let code = THE_PORTAL.code(&house, &browser, &ask).await;
    for header in [
        "Basic",
        "Basic !",
        "Basic cG9ydGFs",
        "Bearer x",
        "\u{1}",
        "\u{ff}",
        "Basic \u{e9}",
        &format!("Basic {}", "A".repeat(100_000)),
    ] {
        let raw =
            post(&house, "/token", b"grant_type=authorization_code", &format!("authorization: {header}\r\n"))
                .await;
        assert!([400, 401, 431].contains(&raw.status), "{header:.20}: {raw:?}");
    }
    let twice = post(&house, "/token", b"grant_type=authorization_code", &basic.repeat(2)).await;
    assert_json_error(&twice, "two Authorization headers", &[400]);
    let query = post(&house, &format!("/token?code={code}&client_secret=x"), b"", &basic).await;
    assert_json_error(&query, "parameters in the query", &[400]);
    for media in ["application/json", "text/plain", "multipart/form-data; boundary=x", ""] {
        let request =
            reqwest::Client::new().post(format!("{}/token", house.issuer)).header("content-type", media);
        let answer = request.body("{\"grant_type\":\"authorization_code\"}").send().await.unwrap();
        assert_eq!(answer.status(), 400, "{media}");
    }
    // After all that, both are as good as before.
    THE_PORTAL.redeem(&house, &ask, &code).await;
    assert_eq!(THE_PORTAL.refresh(&house, tokens.text("refresh_token")).await.0, 200);
    assert_calm(&house);
    codes.push(code);
    let log = house.log();
    assert!(!codes.iter().any(|code| log.contains(code)), "query strings and codes are never logged");
}

/// What an error of a door for clients must look like (RFC 6749 section 5.2).
pub fn assert_json_error(raw: &Raw, case: &str, statuses: &[u16]) {
    assert!(statuses.contains(&raw.status), "{case}: {raw:?}");
    assert_eq!(
        (raw.header("content-type"), raw.header("cache-control")),
        (Some("application/json"), Some("no-store")),
        "{case}"
    );
    let body: serde_json::Value =
        serde_json::from_str(&raw.body).unwrap_or_else(|_| panic!("{case}: {raw:?}"));
    let known = [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "invalid_scope",
        "invalid_target",
        "unauthorized_client",
        "unsupported_grant_type",
    ];
    assert!(known.contains(&body["error"].as_str().unwrap()), "{case}: {body}");
    assert!(!body["error_description"].as_str().unwrap().is_empty(), "{case}");
}

/// The portal's proof of who it is, as a header.
pub fn basic() -> String {
    basic_of(PORTAL)
}

/// The same of another client with that secret.
pub fn basic_of(client: &str) -> String {
    let pair = format!("{client}:{}", crate::portal::form_encoded(SECRET));
    format!("authorization: Basic {}\r\n", base64_of(&pair))
}

fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn a_bent_token_for_userinfo_changes_nothing() {
    let house = House::start().await;
    let (_, tokens) = logged_in(&house).await;
    let access = tokens.text("access_token");
    let pairs = [("access_token", access)];
    assert_swept("a_bent_token_for_userinfo_changes_nothing", "/userinfo", pairs.map(|(name, _)| name));
    assert_eq!(post(&house, "/userinfo", &bent(&pairs, 1, Bend::Missing), "").await.status, 200, "the twin");
    for bend in BENDS {
        let raw = post(&house, "/userinfo", &bent(&pairs, 0, bend), "").await;
        assert!(
            [400, 401].contains(&raw.status) && raw.header("cache-control") == Some("no-store"),
            "{bend:?}: {raw:?}"
        );
        assert_challenged(&raw, "Bearer", &format!("{bend:?}"));
    }
    let huge = "a".repeat(100_000);
    for header in [
        "Bearer",
        "Bearer ",
        "Bearer \u{1}",
        "Bearer \u{e9}",
        "Bearer ..",
        "Basic x",
        &format!("Bearer {huge}"),
        &format!("Bearer {access}, Bearer {access}"),
    ] {
        for method in ["GET", "POST"] {
            let head = format!(
                "{method} /userinfo HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: {header}\r\ncontent-length: 0\r\n\r\n"
            );
            let raw = crate::bad_input_wire::exchange(&house, head.as_bytes()).await;
            assert!([400, 401, 431].contains(&raw.status), "{header:.20}: {raw:?}");
            // What is no HTTP is refused before anybody looks for a token.
            if raw.status == 401 || !raw.body.is_empty() && raw.status == 400 {
                assert_challenged(&raw, "Bearer", header);
            }
        }
    }
    // What cannot be read is told by the scheme that was tried (RFC 9449 section 7.1).
    for (header, scheme) in [(format!("DPoP {access}"), "DPoP"), (format!("Bearer {access}"), "Bearer")] {
        let raw = post(
            &house,
            "/userinfo",
            &bent(&pairs, 1, Bend::Missing),
            &format!("authorization: {header}\r\n"),
        )
        .await;
        assert_eq!(raw.status, 400, "a token in two places: {raw:?}");
        assert_challenged(&raw, scheme, scheme);
        assert!(raw.header("www-authenticate").unwrap().contains("error=\"invalid_request\""), "{raw:?}");
    }
    assert_eq!(crate::oidc_client::userinfo(&house, access).await.0, 200);

    assert_calm(&house);
}

/// A refusal says how to do better by that scheme (RFC 6750 section 3): with 400 as with 401, and with the error of the body.
fn assert_challenged(raw: &Raw, scheme: &str, case: &str) {
    let told = raw.header("www-authenticate").unwrap_or_else(|| panic!("{case:.40}: {raw:?}"));
    assert!(told.starts_with(scheme), "{case:.40}: {told}");
    if let Ok(body) = serde_json::from_str::<serde_json::Value>(&raw.body) {
        assert!(told.contains(&format!("error={}", body["error"])), "{case:.40}: {told} with {body}");
    }
}

#[tokio::test]
async fn what_comes_to_the_consumer_service_bent_ends_in_a_page() {
    let (house, mut artifacts, mut user) = (House::start().await, Vec::new(), 0);
    for bend in BENDS {
        for at in 0..2 {
            user += 1;
            // A login that really waits for DigiD, in its own browser, and an artifact that DigiD gave for it.
            let (browser, bsn) = (Browser::new(), bsn(user));
            let back = way_back(&browser, &to_digid(&browser, &request(&house, &[])).await, &bsn).await;
            let (artifact, relay) = (value(&back, "SAMLart"), value(&back, "RelayState"));
            let pairs = [("SAMLart", artifact.as_str()), ("RelayState", relay.as_str())];
            assert_swept(
                "what_comes_to_the_consumer_service_bent_ends_in_a_page",
                "/digid/acs",
                pairs.map(|(name, _)| name),
            );
            let query = String::from_utf8(bent(&pairs, at, bend)).unwrap();
            let case = format!("{} {bend:?}", pairs[at].0);
            // Too long to be read; 400 is the page of a bad return; 410, that the login is none of this browser's.
            let expected: &[u16] = match (at, bend) {
                (_, Bend::Huge) => &[414, 431],
                (_, Bend::Missing | Bend::Doubled) | (0, _) => &[400],
                (_, _) => &[410],
            };
            if bend == Bend::Huge {
                let raw = get(&house, "/digid/acs", query.as_bytes(), "").await;
                assert!(expected.contains(&raw.status), "{case}: {raw:?}");
            } else {
                let page = browser.get(&format!("{}/digid/acs?{query}", house.issuer)).await;
                assert!(
                    expected.contains(&page.status.as_u16()),
                    "{case}: {} {}",
                    page.status,
                    page.heading()
                );
                assert!(page.headers.get("location").is_none() && !page.heading().is_empty(), "{case}");
                let shown =
                    [&artifact, &encoded(&artifact)].iter().any(|text| page.body.contains(text.as_str()));
                assert!(!shown, "{case}: the artifact is not shown");
            }
            // The same artifact, as it was: the login still waits for it, but where it was brought another one.
            let is_over = at == 0 && !matches!(bend, Bend::Missing | Bend::Doubled | Bend::Huge);
            let whole = browser.visit(back.as_str(), CALLBACK).await;
            let asks = "Heeft u al een account?";
            assert_eq!(whole.heading() == asks, !is_over, "{case}: {} {}", whole.status, whole.heading());
            assert_eq!(whole.status.as_u16(), if is_over { 410 } else { 200 }, "{case}");
            if is_over {
                let (_, page) = through_digid(&house, &browser, &bsn, &[], &[]).await;
                assert_eq!(page.heading(), asks, "{case}: the twin, in a login of its own");
            }
            artifacts.push(artifact);
        }
    }
    assert_eq!(house.query("SELECT COUNT(*) FROM accounts"), ["0"]);
    assert_calm(&house);
    let log = house.log();
    assert!(!artifacts.iter().any(|one| log.contains(one) || log.contains(&encoded(one))), "nor logged");
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
