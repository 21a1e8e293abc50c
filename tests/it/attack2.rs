//! More attacks that once worked. Each ends here with what must be true instead.

use reqwest::StatusCode;
use tokio::task::JoinSet;

use crate::{
    bad_input_wire::exchange,
    browser::Browser,
    house::{CALLBACK, House, PORTAL, SECRET},
    portal::{Tokens, code_of, form_encoded, log_in, redeem, register, request, tokens},
    steps::{account, to_code, to_recover_code, to_register_code, type_code},
};

const ANNA: &str = "anna@voorbeeld.nl";

/// Whoever knows an address begins logins there that need no password, and types nonsense until each is over.
#[tokio::test]
async fn a_stranger_who_guesses_at_codes_keeps_no_owner_from_logging_in() {
    let house = House::start().await;
    account(&house, ANNA).await;
    for n in 0..4 {
        let (browser, request) = (Browser::new(), request(&house, &[]));
        let page = match n {
            0 => to_register_code(&browser, &request, ANNA, "een lang wachtwoord").await,
            _ => to_recover_code(&browser, &request, ANNA).await,
        };
        for _ in 0..9 {
            assert_eq!(
                type_code(&browser, &page, "BBBBBBBBBB").await.status,
                StatusCode::UNPROCESSABLE_ENTITY
            );
        }
        assert_eq!(type_code(&browser, &page, "BBBBBBBBBB").await.status, StatusCode::GONE);
    }
    for mails in [6, 7, 8] {
        to_code(&house, &Browser::new(), ANNA, mails).await;
    }
}

/// A thief at an open session redeems codes while its owner signs out.
#[tokio::test]
async fn no_grant_outlives_a_session_that_ends_while_its_codes_are_redeemed() {
    let house = House::start().await;
    let (browser, http) = (Browser::new(), reqwest::Client::new());
    register(&house, &browser, ANNA).await;
    for mails in 2..6 {
        let mut asked = Vec::new();
        for _ in 0..24 {
            let request = request(&house, &[("prompt", "none")]);
            let code = code_of(&browser.get(&request.url).await);
            let form = [
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", CALLBACK),
                ("code_verifier", &request.verifier),
            ];
            let post = http.post(format!("{}/token", house.issuer)).form(&form);
            asked.push(post.basic_auth(PORTAL, Some(form_encoded(SECRET))));
        }
        let ask = browser.get(&format!("{}/logout", house.issuer)).await;
        let mut redeeming = JoinSet::new();
        let mut leaving = None;
        for (n, post) in asked.into_iter().enumerate() {
            redeeming.spawn(async move { post.send().await.unwrap().status().as_u16() });
            if n == 7 {
                let (owner, ask) = (browser.clone(), ask.clone());
                leaving = Some(tokio::spawn(async move { owner.submit(&ask, "logout-form", &[]).await }));
            }
        }
        assert_eq!(leaving.unwrap().await.unwrap().heading(), "U bent uitgelogd.");
        let statuses = redeeming.join_all().await;
        assert!(statuses.iter().all(|status| [200, 400].contains(status)), "{statuses:?}");
        let alive = house.query("SELECT COUNT(*) FROM grants WHERE revoked_at IS NULL");
        assert_eq!(alive, ["0"], "{statuses:?}");
        log_in(&house, &browser, ANNA, mails).await;
    }
}

/// Refreshes of many people share a statement and a commit. Portals hang up in the middle, and one user signs out.
#[tokio::test]
async fn families_that_are_refreshed_together_are_never_mixed_up() {
    let house = House::start().await;
    let http = reqwest::Client::new();
    let (mut families, mut leaving) = (Vec::new(), None);
    for email in [ANNA, "bram@voorbeeld.nl", "noor@voorbeeld.nl"] {
        let browser = Browser::new();
        families.push(register(&house, &browser, email).await);
        for _ in 0..7 {
            let request = request(&house, &[("prompt", "none")]);
            let code = code_of(&browser.get(&request.url).await);
            families.push(redeem(&house, &request, &code).await);
        }
        leaving = Some((browser.get(&format!("{}/logout", house.issuer)).await, browser));
    }
    let refresh = |tokens: &Tokens| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.text("refresh_token"))];
        let post = http.post(format!("{}/token", house.issuer)).form(&form);
        let post = post.basic_auth(PORTAL, Some(form_encoded(SECRET)));
        async move { post.send().await.unwrap().json::<serde_json::Value>().await.unwrap() }
    };
    for _ in 0..4 {
        let mut hung_up = JoinSet::new();
        for family in families.iter().step_by(2) {
            hung_up.spawn(refresh(family));
        }
        // Some were answered and some not when all of these are dropped.
        hung_up.join_next().await.unwrap().unwrap();
        hung_up.shutdown().await;
        let under_way: Vec<_> = families.iter().map(|family| tokio::spawn(refresh(family))).collect();
        for (family, answer) in families.iter_mut().zip(under_way) {
            let next = tokens(answer.await.unwrap());
            assert_eq!((next.sub(), &next.claims["sid"]), (family.sub(), &family.claims["sid"]));
            assert_ne!(next.text("refresh_token"), family.text("refresh_token"));
            *family = next;
        }
    }
    let (ask, browser) = leaving.unwrap();
    let under_way: Vec<_> = families.iter().map(|family| tokio::spawn(refresh(family))).collect();
    assert_eq!(browser.submit(&ask, "logout-form", &[]).await.heading(), "U bent uitgelogd.");
    for (n, (family, answer)) in families.iter_mut().zip(under_way).enumerate() {
        let answer = answer.await.unwrap();
        if n < 16 {
            *family = tokens(answer);
            *family = tokens(refresh(family).await);
        } else {
            assert_eq!(refresh(family).await["error"], "invalid_grant");
        }
    }
    assert_eq!(house.query("SELECT COUNT(*) FROM grants WHERE revoked_at IS NULL"), ["16"]);
}

/// Four thousand connections may be open at once, and each may be in the midst of its headers.
#[tokio::test]
async fn headers_without_an_end_are_refused_before_they_fill_the_memory() {
    let house = House::start().await;
    let head = format!("GET /healthz HTTP/1.1\r\nhost: x\r\na: {}", "a".repeat(96 * 1024));
    assert_eq!(exchange(&house, head.as_bytes()).await.status, 431);
}
