//! Attacks on what programs, APIs and portals of others hear. Each ends here with what must be true.

use std::time::{Duration, Instant};

use namens::clock::Clock;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, Page},
    digid_steps::{bsn, change},
    house::{CALLBACK, House, Options},
    mandates_desk::{Desk, Form, born, digid_account},
    oidc_client::{APP, Ask, Auth, CLIENTS, Client, LAB, THE_PORTAL, logged_in, userinfo},
    portal::code_of,
    program::THE_API,
    representation::{Family, assert_one},
    resource::{API, house},
    stsaml::routed,
};

/// Guardianship is sensitive: `relation` is for clients that are entitled to it. An API is a client of its own, and asks what a
/// token is worth that a portal brought which may know.
#[tokio::test]
async fn an_api_that_may_not_know_a_relation_does_not_hear_it_by_introspection() {
    let mut house = house().await;
    let (browser, bsn) = (Browser::new(), bsn(1));
    let desk = Desk::of(&house);
    let (mother, child) =
        (desk.person("Anna", None, Some(&bsn)), desk.person("Sam", Some(&born(8, 0)), None));
    desk.mandate(&Form::parent(&mother, &child));
    digid_account(&house, &browser, &bsn, "moeder@voorbeeld.nl").await;
    let ask = THE_PORTAL.ask().with("scope", "openid act_as").and("resource", API);
    let code = THE_PORTAL.code(&house, &browser, &ask).await;
    let tokens = THE_PORTAL.redeem(&house, &ask, &code).await;
    let hears = async |client: Client, house: &House| {
        let told = client.introspect(house, tokens.text("access_token")).await;
        assert_eq!(told["active"], true, "{told}");
        told["act_as"][0].clone()
    };
    let (portal, api) = (hears(THE_PORTAL, &house).await, hears(THE_API, &house).await);
    assert_eq!(portal["relation"], "parent", "the portal is entitled to it");
    assert_eq!(api["sub"], portal["sub"]);
    assert_eq!(api.get("relation"), None, "the API is not");
    // Its twin is entitled too.
    house.reconfigure(
        "serves = [\"https://api.example/v1\"]",
        "serves = [\"https://api.example/v1\"]\nsees_relation = true",
    );
    assert_eq!(hears(THE_API, &house).await["relation"], "parent");
}

/// The session of a parent who logged in for a child is over with the register's word: for every client and at every endpoint.
#[tokio::test]
async fn a_session_that_is_over_tells_nothing_of_its_user_without_act_as_either() {
    let options = routed();
    let tables = Box::leak(format!("{}{CLIENTS}", options.tables).into_boxed_str());
    let family = Family::at_home(Options { tables, ..options }).await;
    let (house, browser) = (&family.house, Browser::new());
    assert_one(&family.in_for_child(&browser).await.claims);
    let tokens = LAB.sign_on(house, &browser, "openid email").await;
    let worth = async || {
        let access = tokens.text("access_token");
        (userinfo(house, access).await.0, LAB.introspect(house, access).await["active"].clone())
    };
    assert_eq!(worth().await, (200, json!(true)));
    family.desk("block", &family.parent.1, &family.child.1);
    assert_eq!(worth().await, (401, json!(false)));
    family.desk("unblock", &family.parent.1, &family.child.1);
    assert_eq!(worth().await, (200, json!(true)));
}

const OTHER: &str = "http://127.0.0.1:9/callback/other";

/// Registers a portal of somebody else by command, and gives its secret.
fn somebody_elses(house: &House, name: &str) -> String {
    let line = [
        "clients",
        "add",
        "--by",
        "els",
        "other",
        "--name",
        name,
        "--policy",
        "basic",
        "--auth",
        "client_secret_post",
    ];
    let more = ["--redirect-uri", OTHER, "--scope", "email", "--third-party", "--json"];
    let added: Value = serde_json::from_str(&house.ok(&[&line[..], &more].concat())).unwrap();
    added["client_secret"].as_str().unwrap().to_owned()
}

/// A portal was removed. Another party gets its `client_id`: nobody agreed to anything that they may know.
#[tokio::test]
async fn who_gets_the_name_of_a_portal_that_was_removed_gets_neither_its_consents_nor_its_tokens() {
    let house = House::with(CLIENTS).await;
    let (browser, _) = logged_in(&house).await;
    let asks = || -> Ask {
        let other = Client { id: "other", auth: Auth::None, callback: OTHER };
        other.ask().with("scope", "openid email")
    };
    let token = async |secret: &str, form: &[(&str, &str)]| {
        let form = [&[("client_id", "other"), ("client_secret", secret)], form].concat();
        let answer = reqwest::Client::new().post(format!("{}/token", house.issuer)).form(&form).send().await;
        let answer = answer.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let secret = somebody_elses(&house, "Stappenteller");
    let ask = asks();
    let page = browser.visit(&ask.url(&house), CALLBACK).await;
    let code = code_of(&browser.submit(&page, "consent-form", &[("answer", "allow")]).await);
    let (status, tokens) = token(&secret, &ask.redemption(&code)).await;
    assert_eq!(status, 200, "{tokens}");
    let is_silent = async || {
        let to = browser.get(&asks().with("prompt", "none").url(&house)).await.location().unwrap();
        to.query_pairs().any(|(name, _)| name == "code")
    };
    assert!(is_silent().await, "its own consent");

    house.ok(&["clients", "remove", "--by", "els", "other"]);
    let secret = somebody_elses(&house, "Iemand anders");
    let refresh =
        [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    let (status, refreshed) = token(&secret, &refresh).await;
    assert_eq!((status, &refreshed["error"]), (400, &json!("invalid_grant")));
    assert_eq!(userinfo(&house, tokens["access_token"].as_str().unwrap()).await.0, 401);
    assert!(!is_silent().await, "nobody agreed that somebody else may know");
    let page: Page = browser.visit(&asks().url(&house), CALLBACK).await;
    assert_eq!(page.heading(), "Mag Iemand anders deze gegevens krijgen?");
}

/// How many of all kinds there may be before no more begin (`docs/adr/0017`).
const ALL: i64 = 400_000;

/// Anybody may push in the name of a client that keeps no secret, and each request is kept for half an hour: their number is
/// bounded, as that of logins is.
#[tokio::test]
async fn a_stranger_who_pushes_requests_without_end_does_not_fill_the_disk() {
    let mut house = House::with(CLIENTS).await;
    let push = async |house: &House| {
        let ask = APP.ask();
        let fields: Vec<_> = ask.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let fields: Vec<_> = fields.into_iter().filter(|(name, _)| *name != "client_id").collect();
        APP.post(house, "/par", &fields).send().await.unwrap().status().as_u16()
    };
    assert_eq!(push(&house).await, 201);
    house.kill();
    let ends = Clock.now().plus(20_000).epoch();
    change(
        &house,
        &format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ALL}) \
             INSERT INTO ephemeral (kind, name, body, ends, version, stays) \
             SELECT 'pushed', 'stranger-' || i, x'00', {ends}, 1, 0 FROM n"
        ),
    );
    house.open_doors();
    // Either no more are taken, or the oldest give way.
    let patience = Instant::now() + Duration::from_mins(1);
    loop {
        let status = push(&house).await;
        let left: i64 =
            house.query("SELECT COUNT(*) FROM ephemeral WHERE kind = 'pushed'").concat().parse().unwrap();
        if status == 503 || left < ALL {
            return;
        }
        assert!(Instant::now() < patience, "{left} pushed requests, and one more was taken: {status}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
