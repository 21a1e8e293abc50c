//! What the OpenID Foundation's plans for Basic OP and Form Post OP ask, module by module (docs/conformance.md). Every test runs
//! twice: with the answer in the query, and in a form that the browser posts.

use std::{collections::BTreeMap, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, Page},
    claims::recorded,
    discovery::metadata,
    house::{CALLBACK, House, PASSWORD},
    mandates_desk::now,
    oidc_client::{
        Ask, BARE, Client, LAB, OPEN, THE_PORTAL, answer, assert_refused, claims, header, house, logged_in,
    },
    portal::Tokens,
};

const ANNA: &str = "jansen@voorbeeld.nl";
/// The response modes of the two plans; the first is what a request without one means.
const MODES: [&str; 2] = ["query", "form_post"];
/// What an ID token of a request for no single claims may hold, by the standards that name it.
const KNOWN: [&str; 12] =
    ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "auth_time", "nonce", "acr", "at_hash", "sid"];

/// A request of the portal in that mode, by plain OAuth where nothing more is asked for.
fn ask(client: &Client, mode: &str) -> Ask {
    let ask = client.ask().without("code_challenge").without("code_challenge_method");
    if mode == "query" { ask } else { ask.with("response_mode", mode) }
}

/// What the client is told, in the mode that it asked for, and by nothing else.
fn told(house: &House, page: &Page, ask: &Ask) -> BTreeMap<String, String> {
    let told: BTreeMap<String, String> = if ask.get("response_mode") == "form_post" {
        assert!(page.location().is_none(), "{:?}", page.location());
        let (action, fields) = page.form("form-post");
        assert_eq!(action, ask.get("redirect_uri"));
        fields
    } else {
        assert!(page.location().unwrap().as_str().starts_with(ask.get("redirect_uri")));
        answer(page).into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned())).collect()
    };
    assert_eq!(told["iss"], house.issuer);
    assert_eq!(told.get("state").map_or("", String::as_str), ask.get("state"));
    let known = ["iss", "state", "code", "error", "error_description"];
    assert!(told.keys().all(|name| known.contains(&name.as_str())), "{told:?}");
    let plain = |text: &String| text.bytes().all(|b| (0x20..=0x7e).contains(&b) && b != b'"' && b != b'\\');
    assert!(told.get("error_description").is_none_or(plain), "{told:?}");
    told
}

/// The tokens of a login by a session that is there, after a look at all of them.
async fn tokens(house: &House, browser: &Browser, client: &Client, ask: &Ask) -> Tokens {
    let told = told(house, &browser.get(&ask.url(house)).await, ask);
    let code = told.get("code").unwrap_or_else(|| panic!("{told:?}"));
    assert!(code.len() >= 22, "128 bits at least");
    redeemed(house, client, ask, code).await
}

/// Redeems a code, without a verifier where there was no challenge.
async fn redeemed(house: &House, client: &Client, ask: &Ask, code: &str) -> Tokens {
    let mut form = ask.redemption(code);
    form.retain(|(name, _)| *name != "code_verifier" || !ask.get("code_challenge").is_empty());
    let (status, body) = client.token(house, &form).await;
    assert_eq!(status, 200, "{body}");
    let tokens = crate::portal::tokens(body);
    assert_eq!(tokens.body["token_type"], "Bearer");
    assert!(tokens.body["expires_in"].as_i64().unwrap() > 0);

    let (id_token, said) = (tokens.text("id_token"), &tokens.claims);
    let keys: Value = reqwest::get(format!("{}/jwks", house.issuer)).await.unwrap().json().await.unwrap();
    let kid = &header(id_token)["kid"];
    let named = keys["keys"].as_array().unwrap().iter().filter(|key| key["kid"] == *kid);
    assert!(kid.is_string() && named.count() == 1, "the key set has its key, once");
    assert_eq!(said["iss"], house.issuer.as_str());
    assert!(said["aud"] == client.id || said["aud"] == json!([client.id]), "{said}");
    assert_eq!(said.get("nonce").map_or("", |nonce| nonce.as_str().unwrap()), ask.get("nonce"));
    let (issued, ends) = (said["iat"].as_i64().unwrap(), said["exp"].as_i64().unwrap());
    assert!((issued..issued + 301).contains(&ends) && said["auth_time"].as_i64().unwrap() <= issued);
    let hash = digest(&SHA256, tokens.text("access_token").as_bytes());
    assert_eq!(said["at_hash"], URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]));
    tokens
}

async fn userinfo(house: &House, tokens: &Tokens) -> Value {
    let (status, user) = crate::oidc_client::userinfo(house, tokens.text("access_token")).await;
    assert_eq!((status, &user["sub"]), (200, &tokens.claims["sub"]), "{user}");
    user
}

/// oidcc-server, oidcc-server-client-secret-post, oidcc-idtoken-signature, oidcc-userinfo-get, -post-header and -post-body.
#[tokio::test]
async fn tokens_and_userinfo_are_what_a_strict_portal_expects() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    for mode in MODES {
        for (client, alg) in [(THE_PORTAL, "RS256"), (LAB, "PS256")] {
            let tokens = tokens(&house, &browser, &client, &ask(&client, mode)).await;
            assert_eq!(header(tokens.text("id_token"))["alg"], alg);
            let extra: Vec<_> = tokens
                .claims
                .as_object()
                .unwrap()
                .keys()
                .filter(|name| !KNOWN.contains(&name.as_str()))
                .collect();
            assert!(extra.is_empty(), "not asked for: {extra:?}");
            let got = userinfo(&house, &tokens).await;
            let access = tokens.text("access_token");
            let post = || browser.request(Method::POST, &format!("{}/userinfo", house.issuer));
            for posted in [post().bearer_auth(access), post().form(&[("access_token", access)])] {
                let page = browser.send(posted).await;
                assert_eq!(
                    (page.status.as_u16(), page.headers["content-type"].to_str().unwrap()),
                    (200, "application/json")
                );
                assert_eq!(serde_json::from_str::<Value>(&page.body).unwrap(), got);
            }
        }
    }
}

/// oidcc-ensure-request-without-nonce-succeeds-for-code-flow, oidcc-alternate-happy-flow, oidcc-display-page and -popup,
/// oidcc-ensure-request-with-unknown-parameter-succeeds, oidcc-login-hint, oidcc-ui-locales, oidcc-claims-locales,
/// oidcc-ensure-request-with-acr-values-succeeds, oidcc-ensure-post-request-succeeds,
/// oidcc-ensure-request-with-valid-pkce-succeeds.
#[tokio::test]
async fn what_may_be_left_out_added_or_turned_around_changes_no_login() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let metadata = metadata(&house).await;
    let levels: Vec<&str> = metadata["acr_values_supported"]
        .as_array()
        .unwrap()
        .iter()
        .map(|acr| acr.as_str().unwrap())
        .collect();
    for mode in MODES {
        let good = || ask(&THE_PORTAL, mode);
        let mut turned = good().with("scope", "email openid");
        turned.parameters.reverse();
        for bent in [
            good().without("nonce"),
            turned,
            good().with("display", "page"),
            good().with("display", "popup"),
            good().with("extra", "foobar"),
            good().with("login_hint", "buffy@127.0.0.1"),
            good().with("ui_locales", "se"),
            good().with("claims_locales", "se"),
        ] {
            tokens(&house, &browser, &THE_PORTAL, &bent).await;
            // And whoever is not logged in gets a page to do it, not an error.
            let choose = Browser::new().visit(&bent.url(&house), CALLBACK).await;
            assert!(choose.status == 200 && choose.text("local").is_some(), "{}", choose.heading());
        }
        let with_pkce = THE_PORTAL.ask();
        let with_pkce = if mode == "query" { with_pkce } else { with_pkce.with("response_mode", mode) };
        tokens(&house, &browser, &THE_PORTAL, &with_pkce).await;

        let all = good().with("acr_values", &levels.join(" "));
        let acr = tokens(&house, &browser, &THE_PORTAL, &all).await.claims["acr"].clone();
        assert!(levels.contains(&acr.as_str().unwrap()), "{acr}");

        let posted = good();
        let form: Vec<_> = posted.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let stored = browser.post(&format!("{}/authorize", house.issuer), &form).await;
        let told = told(&house, &browser.get(stored.location().unwrap().as_str()).await, &posted);
        redeemed(&house, &THE_PORTAL, &posted, &told["code"]).await;
    }
}

/// oidcc-scope-profile, -email, -address, -phone and -all, oidcc-claims-essential.
#[tokio::test]
async fn userinfo_has_every_claim_of_each_scope_and_the_id_token_none() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    recorded(&house, ANNA);
    // OpenID Connect Core, section 5.4.
    let profile = "name family_name given_name middle_name nickname preferred_username profile picture website gender \
                   birthdate zoneinfo locale updated_at";
    let all = format!("{profile} email email_verified address phone_number phone_number_verified");
    for mode in MODES {
        for (scope, claims) in [
            ("profile", profile),
            ("email", "email email_verified"),
            ("address", "address"),
            ("phone", "phone_number phone_number_verified"),
            ("address email phone profile", &all),
        ] {
            let ask = ask(&THE_PORTAL, mode).with("scope", &format!("openid {scope}"));
            let tokens = tokens(&house, &browser, &THE_PORTAL, &ask).await;
            let user = userinfo(&house, &tokens).await;
            for claim in claims.split(' ') {
                assert!(
                    !user[claim].is_null() && tokens.claims.get(claim).is_none(),
                    "{scope}: {claim} in {user}"
                );
            }
            assert_eq!(user.as_object().unwrap().len(), claims.split(' ').count() + 1, "{scope}: {user}");
            if let Some(updated) = user.get("updated_at") {
                assert!((1..=now().epoch()).contains(&updated.as_i64().unwrap()));
            }
        }
        let wish = json!({"userinfo": {"name": {"essential": true}}});
        let ask = ask(&THE_PORTAL, mode).with("claims", &wish.to_string());
        let tokens = tokens(&house, &browser, &THE_PORTAL, &ask).await;
        assert!(userinfo(&house, &tokens).await["name"].is_string() && tokens.claims.get("name").is_none());
    }
}

/// Types address and password, and the code that is mailed: from the page where a login is chosen to what comes after it.
async fn log_in(house: &House, browser: &Browser, choose: &Page, mails: usize) -> Page {
    let form = browser.get(&format!("{}/email", choose.url)).await;
    let sent = browser.submit(&form, "email-form", &[("email", ANNA), ("password", PASSWORD)]).await;
    let page = browser.follow(sent, CALLBACK).await;
    browser.submit(&page, "code-form", &[("code", &house.code(ANNA, mails))]).await
}

/// oidcc-prompt-login, oidcc-prompt-none-not-logged-in and -logged-in, oidcc-max-age-1 and -10000, oidcc-id-token-hint.
#[tokio::test]
async fn who_is_asked_again_and_who_is_not() {
    for mode in MODES {
        let house = house().await;
        let (browser, _) = logged_in(&house).await;
        let good = || ask(&THE_PORTAL, mode);
        let none = good().with("prompt", "none");
        let refused = told(&house, &Browser::new().get(&none.url(&house)).await, &none);
        assert_eq!(refused["error"], "login_required");

        let first = tokens(&house, &browser, &THE_PORTAL, &good().with("max_age", "15000")).await;
        let hint = none.clone().with("id_token_hint", first.text("id_token"));
        for silent in [none, hint, good().with("max_age", "10000")] {
            let again = tokens(&house, &browser, &THE_PORTAL, &silent).await;
            assert_eq!(
                (&again.claims["auth_time"], &again.claims["sub"]),
                (&first.claims["auth_time"], &first.claims["sub"])
            );
        }
        let mut last = first.claims["auth_time"].as_i64().unwrap();
        for (mails, (name, value)) in [("prompt", "login"), ("max_age", "1")].into_iter().enumerate() {
            while now().epoch() < last + 2 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let ask = good().with(name, value);
            let choose = browser.visit(&ask.url(&house), CALLBACK).await;
            assert!(choose.text("local").is_some(), "{name}: {}", choose.heading());
            let done = log_in(&house, &browser, &choose, mails + 2).await;
            let told = told(&house, &done, &ask);
            let tokens = redeemed(&house, &THE_PORTAL, &ask, &told["code"]).await;
            assert_eq!(tokens.claims["sub"], first.claims["sub"]);
            let at = tokens.claims["auth_time"].as_i64().unwrap();
            assert!(at > last && at <= now().epoch(), "{name}: {at} after {last}");
            last = at;
        }
    }
}

/// oidcc-response-type-missing, oidcc-ensure-registered-redirect-uri, and the three modules about unsigned request objects,
/// which a provider does without that does not announce `none`.
#[tokio::test]
async fn a_request_that_cannot_be_answered_is_refused_as_the_plans_say() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let metadata = metadata(&house).await;
    let algs = metadata["request_object_signing_alg_values_supported"].as_array().unwrap();
    assert!(algs.contains(&json!("RS256")) && !algs.contains(&json!("none")));
    assert!(!metadata["id_token_signing_alg_values_supported"].as_array().unwrap().contains(&json!("none")));
    assert_eq!(metadata["request_uri_parameter_supported"], false);
    for mode in MODES {
        let good = ask(&THE_PORTAL, mode);
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let inside: BTreeMap<_, _> = good.parameters.iter().cloned().collect();
        let unsigned = format!("{}.{}.", part(json!({"alg": "none"})), part(json!(inside)));
        for (bent, error) in [
            (good.clone().without("response_type"), "invalid_request"),
            (good.clone().with("request", &unsigned), "invalid_request_object"),
            (
                good.clone().with("request_uri", "https://portal.example/request.jwt"),
                "request_uri_not_supported",
            ),
        ] {
            let told = told(&house, &browser.get(&bent.url(&house)).await, &bent);
            assert_eq!(told["error"], error);
        }
        let page =
            browser.get(&good.with("redirect_uri", "http://127.0.0.1:9/callback/other").url(&house)).await;
        assert!(page.status == 400 && page.location().is_none() && page.text("problem").is_some());
    }
}

/// oidcc-codereuse, oidcc-codereuse-30seconds (nothing that counts the seconds decides), oidcc-refresh-token.
#[tokio::test]
async fn a_code_is_good_once_and_a_refresh_token_for_its_client_alone() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    for mode in MODES {
        // Where `offline_access` is announced, the plan asks for it, also with clients that cannot have it.
        let scope = "openid offline_access";
        let ask = |client: &Client| self::ask(client, mode).with("scope", scope).with("prompt", "consent");
        let [first, other] = [ask(&OPEN), ask(&BARE)];
        let mine = tokens(&house, &browser, &OPEN, &first).await;
        let theirs = tokens(&house, &browser, &BARE, &other).await;
        while now().epoch() <= mine.claims["iat"].as_i64().unwrap() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", mine.text("refresh_token")),
            ("scope", scope),
        ];
        let (status, body) = OPEN.token(&house, &form).await;
        assert_eq!((status, body["token_type"].as_str()), (200, Some("Bearer")), "{body}");
        assert_ne!(body["access_token"], mine.body["access_token"]);
        let again = claims(body["id_token"].as_str().unwrap());
        for name in ["iss", "sub", "aud", "auth_time", "azp"] {
            assert_eq!(again.get(name), mine.claims.get(name), "{name}");
        }
        assert!(again["iat"].as_i64() > mine.claims["iat"].as_i64());
        assert_refused(&OPEN.refresh(&house, theirs.text("refresh_token")).await, "invalid_grant");
        assert_eq!(BARE.refresh(&house, theirs.text("refresh_token")).await.0, 200);

        let told = told(&house, &browser.get(&first.url(&house)).await, &first);
        let given = redeemed(&house, &OPEN, &first, &told["code"]).await;
        userinfo(&house, &given).await;
        let mut form = first.redemption(&told["code"]);
        form.retain(|(name, _)| *name != "code_verifier");
        assert_refused(&OPEN.token(&house, &form).await, "invalid_grant");
        assert_eq!(crate::oidc_client::userinfo(&house, given.text("access_token")).await.0, 401);
    }
}
