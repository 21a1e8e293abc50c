//! What a user agrees to counts at the host that the page named, and at no other of the same client (OpenID Connect Core, section
//! 3.1.2.4).

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    account_export, account_log,
    admin::{Api, LOCAL, PROGRAMS, ROOT, shop},
    browser::{Browser, Page},
    client_consent::OTHER,
    client_registration::{OPEN, id, invite, keyed, manage, manager, registered, with},
    house::{CALLBACK, House, Options},
    offline::sign_out,
    oidc_client::{Ask, Auth, Client, answer, assert_error, assert_refused, logged_in},
};

const ANNA: &str = "jansen@voorbeeld.nl";
/// Another host of the same client.
const ELSEWHERE: &str = "https://anders.example/callback";
/// A third one.
const THIRD: &str = "https://derde.example/callback";
const TABLES: &str = r#"
[[client]]
id = "other"
name = "Stappenteller"
redirect_uris = ["http://127.0.0.1:9/callback/other", "https://anders.example/callback"]
sector = "stappenteller"
policy = "basic"
auth = "client_secret_basic"
secret = { file = "portal.secret" }
scopes = ["openid", "email", "offline_access"]
third_party = true
"#;

async fn house() -> House {
    House::with(TABLES).await
}

fn at(client: &Client, uri: &str, scope: &str) -> Ask {
    client.ask().with("redirect_uri", uri).with("scope", scope)
}

/// The page that asks, when there is one.
async fn asked(house: &House, browser: &Browser, ask: &Ask) -> Page {
    let page = browser.visit(&ask.url(house), ask.get("redirect_uri")).await;
    assert!(page.text("wanted").is_some(), "no question at {}: {}", ask.get("redirect_uri"), page.url);
    page
}

/// The code that the browser is sent to the redirect URI with.
fn code_of(page: &Page, ask: &Ask) -> String {
    assert!(page.location().unwrap().as_str().starts_with(ask.get("redirect_uri")), "{}", page.url);
    answer(page)["code"].as_str().unwrap().to_owned()
}

/// Another configuration. The connections of before have ended, which who uses them must hear first.
async fn reconfigure(house: &mut House, from: &str, to: &str) {
    house.reconfigure(from, to);
    assert!(reqwest::get(format!("{}/healthz", house.issuer)).await.is_ok());
}

/// Agrees, and gives the code.
async fn agrees(house: &House, browser: &Browser, ask: &Ask) -> String {
    let page = asked(house, browser, ask).await;
    let agreed = browser.submit(&page, "consent-form", &[("answer", "allow")]).await;
    code_of(&agreed, ask)
}

/// A code comes at once, and where nobody may be asked.
async fn assert_silent(house: &House, browser: &Browser, ask: &Ask) {
    for ask in [ask.clone(), ask.clone().with("prompt", "none")] {
        code_of(&browser.get(&ask.url(house)).await, &ask);
    }
}

async fn assert_must_ask(house: &House, browser: &Browser, ask: &Ask) {
    let silent = ask.clone().with("prompt", "none");
    assert_error(house, &browser.get(&silent.url(house)).await, &silent, "consent_required");
    let page = asked(house, browser, ask).await;
    let host = ask.get("redirect_uri").split('/').nth(2).unwrap().split(':').next().unwrap();
    assert!(page.body.contains(&format!("Het staat op {host}.")), "{}", page.body);
}

fn consents(house: &House) -> Vec<(Value, Value)> {
    let listed: Value =
        serde_json::from_str(&house.ok(&["accounts", "consents", "--by", "els", ANNA])).unwrap();
    let listed = listed.as_array().unwrap().iter();
    listed.map(|one| (one["host"].clone(), one["scopes"].clone())).collect()
}

#[tokio::test]
async fn what_is_agreed_to_at_one_host_is_asked_anew_at_another_and_counts_at_each_by_itself() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let (here, there) = (at(&OTHER, OTHER.callback, "openid email"), at(&OTHER, ELSEWHERE, "openid"));
    let code = agrees(&house, &browser, &here).await;
    OTHER.redeem(&house, &here, &code).await;
    assert_silent(&house, &browser, &here).await;

    assert_must_ask(&house, &browser, &there).await;
    let page = asked(&house, &browser, &there).await;
    let refused = browser.submit(&page, "consent-form", &[("answer", "refuse")]).await;
    assert_error(&house, &refused, &there, "access_denied");
    assert_must_ask(&house, &browser, &there).await;
    assert_eq!(consents(&house), [(json!("127.0.0.1"), json!(["openid", "email"]))]);
    let code = agrees(&house, &browser, &there).await;
    OTHER.redeem(&house, &there, &code).await;
    for ask in [&here, &there] {
        assert_silent(&house, &browser, ask).await;
    }
    // What the page of one host listed was never told of the other.
    assert_must_ask(&house, &browser, &at(&OTHER, ELSEWHERE, "openid email")).await;
    assert_eq!(
        consents(&house),
        [(json!("127.0.0.1"), json!(["openid", "email"])), (json!("anders.example"), json!(["openid"]))]
    );
    // One portal to its user, which is taken back whole.
    house.ok(&["accounts", "withdraw", "--by", "els", ANNA, OTHER.id]);
    for ask in [&here, &there] {
        assert_must_ask(&house, &browser, ask).await;
    }
}

/// Whoever may change a client's redirect URIs, which hosts it brings.
#[tokio::test]
async fn a_host_that_a_change_brings_is_asked_anew_whoever_brings_it() {
    let tables: &'static str = Box::leak(format!("{PROGRAMS}{LOCAL}{TABLES}").into_boxed_str());
    let mut house = House::start_with(Options { top: OPEN, tables, ..Options::default() }).await;
    let (browser, _) = logged_in(&house).await;
    let bring = |uris: &[&str]| with(keyed(), "redirect_uris", json!(uris));

    // The client itself (RFC 7592).
    let token = invite(&house, &["--policy", "basic"]);
    let told = registered(&house, &token, &bring(&[CALLBACK, ELSEWHERE])).await;
    let own = Client { id: id(&told), auth: Auth::Key, callback: CALLBACK };
    agrees(&house, &browser, &at(&own, CALLBACK, "openid")).await;
    let change_to = with(bring(&[CALLBACK, THIRD]), "client_id", told["client_id"].clone());
    let (status, body) = manage(Method::PUT, &told, manager(&told), Some(&change_to)).await;
    assert_eq!(status, 200, "{body}");
    assert_silent(&house, &browser, &at(&own, CALLBACK, "openid")).await;
    assert_must_ask(&house, &browser, &at(&own, THIRD, "openid")).await;

    // A program.
    let api = Api::new(&house, &ROOT, "clients").await;
    let mut added = with(with(shop(), "third_party", json!(true)), "redirect_uris", json!([CALLBACK]));
    added["sector"] = json!("winkel");
    assert_eq!(api.post("/clients", &added).await.0, 201);
    let shop = Client { id: "shop", auth: Auth::Post, callback: CALLBACK };
    agrees(&house, &browser, &at(&shop, CALLBACK, "openid")).await;
    added["redirect_uris"] = json!([CALLBACK, THIRD]);
    let (status, body) = api.put("/clients/shop", &added).await;
    assert_eq!(status, 200, "{body}");
    assert_silent(&house, &browser, &at(&shop, CALLBACK, "openid")).await;
    assert_must_ask(&house, &browser, &at(&shop, THIRD, "openid")).await;

    // The operator, in the configuration.
    agrees(&house, &browser, &at(&OTHER, OTHER.callback, "openid")).await;
    reconfigure(&mut house, ELSEWHERE, THIRD).await;
    assert_silent(&house, &browser, &at(&OTHER, OTHER.callback, "openid")).await;
    assert_must_ask(&house, &browser, &at(&OTHER, THIRD, "openid")).await;
}

/// A code, and what is left after the session, of a host at which nobody was asked while nobody had to be.
#[tokio::test]
async fn what_was_given_unasked_at_one_host_is_not_agreed_to_by_a_word_at_another() {
    let mut house = house().await;
    reconfigure(&mut house, "third_party = true", "third_party = false").await;
    let (browser, _) = logged_in(&house).await;
    let scope = "openid offline_access";
    let (here, there) = (at(&OTHER, OTHER.callback, scope), at(&OTHER, ELSEWHERE, scope));
    let (mut given, mut codes) = (Vec::new(), Vec::new());
    for ask in [&here, &there] {
        let code = code_of(&browser.get(&ask.url(&house)).await, ask);
        given.push(OTHER.redeem(&house, ask, &code).await);
        codes.push(code_of(&browser.get(&ask.url(&house)).await, ask));
    }
    reconfigure(&mut house, "third_party = false", "third_party = true").await;
    let again = here.clone().with("prompt", "consent");
    agrees(&house, &browser, &again).await;
    OTHER.redeem(&house, &here, &codes[0]).await;
    assert_refused(&OTHER.token(&house, &there.redemption(&codes[1])).await, "invalid_grant");
    sign_out(&house, &browser, &given[0]).await;
    assert_eq!(OTHER.refresh(&house, given[0].text("refresh_token")).await.0, 200, "the twin");
    assert_refused(&OTHER.refresh(&house, given[1].text("refresh_token")).await, "invalid_grant");
}

/// A yes at another host is another yes: auditors and the user read at which one it was given.
#[tokio::test]
async fn the_log_and_the_export_tell_at_which_host_somebody_agreed() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let (here, there) = (at(&OTHER, OTHER.callback, "openid email"), at(&OTHER, ELSEWHERE, "openid"));
    agrees(&house, &browser, &here).await;
    agrees(&house, &browser, &there).await;
    let third = asked(&house, &browser, &there.clone().with("scope", "openid email")).await;
    browser.submit(&third, "consent-form", &[("answer", "refuse")]).await;
    let lines =
        house.query("SELECT outcome || ' ' || detail FROM audit WHERE event = 'consent.given' ORDER BY seq");
    assert_eq!(
        lines,
        ["ok 127.0.0.1: openid email", "ok anders.example: openid", "refused anders.example: openid email"]
    );
    let log = account_log::log(&house, &browser).await;
    for host in ["127.0.0.1", "anders.example"] {
        let line = format!("(Stappenteller, {host}). Door: uzelf");
        assert_eq!(log.matches(&line).count(), 1, "{log}");
    }
    let file = account_export::file(&house, &browser).await;
    let of = |line: &&Value| line["event"] == "consent.given";
    let told: Vec<_> = file["log"]
        .as_array()
        .unwrap()
        .iter()
        .filter(of)
        .map(|line| (&line["host"], &line["done"]))
        .collect();
    let (there, here) = (json!("anders.example"), json!("127.0.0.1"));
    assert_eq!(told, [(&there, &json!(false)), (&there, &json!(true)), (&here, &json!(true))]);
    let other = |line: &&Value| line["event"] != "consent.given";
    assert!(file["log"].as_array().unwrap().iter().filter(other).all(|line| line["host"].is_null()));
    let page = account_export::asked(&house, &browser, "page").await;
    assert!(page.body.contains(", other, anders.example"), "{}", page.body);
}
