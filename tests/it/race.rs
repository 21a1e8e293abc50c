//! One winner, by real HTTP: the e-mail address, the mailed code, the authorization code, the refresh token.

use std::{collections::BTreeSet, future::Future, sync::Arc};

use reqwest::StatusCode;
use serde_json::Value;
use tokio::sync::Barrier;

use crate::{
    browser::{Browser, Page},
    digid_return::way_back,
    digid_steps::{bsn, calls, enter_new},
    house::{CALLBACK, House, PASSWORD, PORTAL, SECRET},
    portal::{code_of, enter_password, form_encoded, redeem, register, request, to_digid, token},
    steps::{account, code_for, is_in, to_code, to_register_code, type_code, wrong},
};

/// All at once, and what came of each.
pub async fn at_once<T: Send + 'static>(
    all: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let mut came = Vec::new();
    for one in all.map(tokio::spawn).collect::<Vec<_>>() {
        came.push(one.await.unwrap());
    }
    came
}

#[tokio::test]
async fn f1_of_twenty_who_register_one_address_at_once_one_gets_an_account() {
    let house = House::start().await;
    let mut ready = Vec::new();
    for n in 0..20 {
        let (browser, request) = (Browser::new(), request(&house, &[]));
        // Every second one in capitals: the same address.
        let email = ["jansen@voorbeeld.nl", "JANSEN@voorbeeld.nl"][n % 2];
        let page = to_register_code(&browser, &request, email, &format!("{PASSWORD} {n}")).await;
        let code = house.code(email, n / 2 + 1);
        ready.push((browser, page, code));
    }
    let all =
        ready.into_iter().map(|(browser, page, code)| async move { type_code(&browser, &page, &code).await });
    let (winners, others): (Vec<_>, Vec<_>) =
        at_once(all).await.into_iter().enumerate().partition(|(_, page)| is_in(page));
    assert_eq!(winners.len(), 1);
    for (_, other) in &others {
        assert_eq!(other.status, StatusCode::CONFLICT, "{}", other.heading());
        assert!(!other.headers.contains_key("set-cookie"));
    }
    for table in ["accounts", "persons"] {
        assert_eq!(house.query(&format!("SELECT COUNT(*) FROM {table}")), ["1"], "{table}");
    }
    // The password is the winner's.
    let (winner, loser) = (winners[0].0, others[0].0);
    for (n, status) in [(winner, StatusCode::OK), (loser, StatusCode::UNPROCESSABLE_ENTITY)] {
        let password = format!("{PASSWORD} {n}");
        let page =
            enter_password(&Browser::new(), &request(&house, &[]), "jansen@voorbeeld.nl", &password).await;
        assert_eq!(page.status, status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_of_fifty_who_submit_the_right_code_at_once_one_gets_in() {
    let house = House::start().await;
    account(&house, "jansen@voorbeeld.nl").await;
    let browser = Browser::new();
    let (_, page, code) = to_code(&house, &browser, "jansen@voorbeeld.nl", 2).await;
    let codes = || house.query("SELECT COUNT(*) FROM audit WHERE event = 'login.local' AND outcome = 'ok'");
    let before: u32 = codes()[0].parse().unwrap();
    // Connections stand and the form is read before anybody starts, so that all are heard within a breath.
    let (url, csrf) = (format!("{}/code", page.url), page.form("code-form").1["csrf"].clone());
    let start = Arc::new(Barrier::new(50));
    let all = (0..50).map(|_| {
        let (browser, page, code) = (browser.clone(), page.clone(), code.clone());
        let (url, csrf, start) = (url.clone(), csrf.clone(), start.clone());
        async move {
            browser.get(page.url.as_str()).await;
            start.wait().await;
            browser.post(&url, &[("csrf", &csrf), ("code", &code)]).await
        }
    });
    let (winners, others): (Vec<Page>, Vec<Page>) = at_once(all).await.into_iter().partition(is_in);
    assert_eq!(winners.len(), 1);
    assert!(others.iter().all(|page| !page.headers.contains_key("set-cookie")));
    let led_on = |page: &Page| page.location().is_some_and(|to| to.as_str().starts_with(&house.issuer));
    assert!(others.iter().all(|page| page.status == StatusCode::GONE || led_on(page)));
    assert_eq!(codes(), [(before + 1).to_string()]);
}

#[tokio::test]
async fn f10_a_guess_among_others_at_once_makes_an_account_only_when_it_also_gets_in() {
    let house = House::start().await;
    for round in 0..12 {
        let (browser, request) = (Browser::new(), request(&house, &[]));
        let email = format!("nieuw{round}@voorbeeld.nl");
        let page = to_register_code(&browser, &request, &email, PASSWORD).await;
        let code = code_for(&house, &email, &page);
        // Four wrong tries are allowed beside it; whoever is heard after a counted one must not act on what it knew before.
        let all = (0..5).map(|n| {
            let (browser, page) = (browser.clone(), page.clone());
            let typed = if n == 4 { code.clone() } else { wrong(&code) };
            async move { type_code(&browser, &page, &typed).await }
        });
        let entered = at_once(all).await.iter().filter(|page| is_in(page)).count();
        let made = house.query(&format!("SELECT COUNT(*) FROM accounts WHERE email_key = '{email}'"));
        assert_eq!(made, [entered.to_string()], "round {round}: accounts, and who got in");
    }
}

/// The same answer of DigiD eight times, of somebody who has no account yet: who is first goes on, and makes the only one.
#[tokio::test]
async fn of_eight_equal_returns_from_digid_at_once_one_leads_on_to_one_account() {
    let house = House::start().await;
    let (browser, request) = (Browser::new(), request(&house, &[]));
    let page = to_digid(&browser, &request).await;
    let back = way_back(&browser, &page, &bsn(1)).await;
    let (soap, _) = calls(&house).await;
    let all = (0..8).map(|_| {
        let (browser, back) = (browser.clone(), back.clone());
        async move { browser.get(back.as_str()).await }
    });
    let pages = at_once(all).await;
    let told: Vec<_> = pages.iter().map(|page| (page.status.as_u16(), page.heading())).collect();
    // Who comes just after the first has lost its answer only, and is led on to the same page.
    let (mut won, lost): (Vec<_>, Vec<_>) =
        pages.into_iter().partition(|page| page.status == StatusCode::SEE_OTHER);
    let ways: BTreeSet<_> = won.iter().map(|page| page.location().unwrap().path().to_owned()).collect();
    assert_eq!(ways.len(), 1, "{told:?}");
    assert!(lost.iter().all(|page| !page.status.is_success()), "{told:?}");
    assert_eq!(calls(&house).await.0, soap + 1, "the artifact went to DigiD once");
    let question = browser.follow(won.remove(0), CALLBACK).await;
    let code = enter_new(&browser, &question, "jansen@voorbeeld.nl", "").await;
    let done = type_code(&browser, &code, &house.code("jansen@voorbeeld.nl", 1)).await;
    redeem(&house, &request, &code_of(&done)).await;
    for (table, count) in [("accounts", "1"), ("persons", "1"), ("ephemeral WHERE kind = 'session'", "1")] {
        assert_eq!(house.query(&format!("SELECT COUNT(*) FROM {table}")), [count], "{table}");
    }
}

#[tokio::test]
async fn of_a_hundred_who_redeem_one_authorization_code_one_gets_tokens_and_they_end() {
    let house = House::start().await;
    let browser = Browser::new();
    register(&house, &browser, "jansen@voorbeeld.nl").await;
    let ask = request(&house, &[]);
    let code = code_of(&browser.visit(&ask.url, CALLBACK).await);
    let (portal, verifier) = (Portal::of(&house), ask.verifier.clone());
    let all = (0..100).map(|_| {
        let (portal, code, verifier) = (portal.clone(), code.clone(), verifier.clone());
        async move {
            let form = [
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", CALLBACK),
                ("code_verifier", &verifier),
            ];
            portal.post(&form).await
        }
    });
    let (winners, others): (Vec<_>, Vec<_>) =
        at_once(all).await.into_iter().partition(|(status, _)| *status == 200);
    assert_eq!(winners.len(), 1);
    assert!(others.iter().all(|(status, body)| *status == 400 && body["error"] == "invalid_grant"));
    // The code was used twice, so its tokens are dead: one of two holders is a thief.
    let refresh = winners[0].1["refresh_token"].as_str().unwrap();
    let refused = token(&house, &[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await;
    assert_eq!((refused.0, refused.1["error"].as_str()), (400, Some("invalid_grant")));
    let userinfo = reqwest::Client::new().get(format!("{}/userinfo", house.issuer));
    let userinfo = userinfo.bearer_auth(winners[0].1["access_token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(userinfo.status(), StatusCode::UNAUTHORIZED);
    assert!(is_in(&browser.visit(&request(&house, &[]).url, CALLBACK).await), "the session is not to blame");
}

#[tokio::test]
async fn of_a_hundred_refreshes_with_one_token_there_is_one_successor() {
    let house = House::start().await;
    let tokens = register(&house, &Browser::new(), "jansen@voorbeeld.nl").await;
    let first = tokens.text("refresh_token").to_owned();
    let portal = Portal::of(&house);
    let all = (0..100).map(|_| {
        let (portal, first) = (portal.clone(), first.clone());
        async move { portal.post(&[("grant_type", "refresh_token"), ("refresh_token", &first)]).await }
    });
    let answers = at_once(all).await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "a lost answer may be asked again");
    let successors: BTreeSet<&str> =
        answers.iter().map(|(_, body)| body["refresh_token"].as_str().unwrap()).collect();
    assert_eq!(successors.len(), 1);
    assert_eq!(house.query("SELECT COUNT(*) FROM audit WHERE event = 'token.refreshed'"), ["1"]);
    let successor = (*successors.first().unwrap()).to_owned();
    let refresh =
        async |used: &str| token(&house, &[("grant_type", "refresh_token"), ("refresh_token", used)]).await;
    let third = refresh(&successor).await;
    assert_eq!(third.0, 200);
    // Once the successor is used, the first one can only be in a thief's hands.
    assert_eq!(refresh(&first).await.0, 400);
    let third = third.1["refresh_token"].as_str().unwrap();
    assert_eq!(refresh(third).await.0, 400, "the family lives on after a replay");
}

/// One client for all: to make one takes long, and a code lives for a minute only.
#[derive(Clone)]
struct Portal {
    http: reqwest::Client,
    issuer: String,
}

impl Portal {
    fn of(house: &House) -> Self {
        Self { http: reqwest::Client::new(), issuer: house.issuer.clone() }
    }

    async fn post(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let request = self.http.post(format!("{}/token", self.issuer));
        let answer = request.basic_auth(PORTAL, Some(form_encoded(SECRET))).form(form).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}
