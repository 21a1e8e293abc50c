//! Tokens that outlive the session (`offline_access`, OpenID Connect Core section 11), and all that they keep nothing of.

use serde_json::json;

use crate::{
    admin::{self, Api},
    browser::Browser,
    client_consent::OTHER,
    digid_steps::{MIDDEN, at_question, audit, change, enter_new},
    house::{CALLBACK, House},
    mandates_desk::{Desk, Form, born, digid_account, fresh_bsn},
    oidc_client::{Ask, Auth, Client, THE_PORTAL, answer, assert_refused, claims, logged_in, userinfo},
    portal::{self, Tokens, code_of},
};

pub const LOCAL: &str = "urn:namens:acr:local";
/// One that is added by command.
const LAST: Client = Client { id: "last", auth: Auth::None, ..OTHER };
const TABLES: &str = r#"
[[client]]
id = "other"
name = "Stappenteller"
redirect_uris = ["http://127.0.0.1:9/callback/other"]
policy = "basic"
auth = "client_secret_basic"
secret = { file = "portal.secret" }
scopes = ["openid", "email", "offline_access"]
third_party = true
"#;
const ALL: &str = "openid email act_as offline_access";

/// An installation whose own portal may have tokens that outlive the session, and whose operator has programs.
async fn house() -> House {
    let mut house = House::with(format!("{TABLES}{}{}", admin::PROGRAMS, admin::LOCAL)).await;
    house.reconfigure("\"phone\", \"act_as\"]", "\"phone\", \"act_as\", \"offline_access\"]");
    house
}

/// Signs out at this browser.
pub async fn sign_out(house: &House, browser: &Browser, tokens: &Tokens) {
    let out = format!("{}/logout?id_token_hint={}", house.issuer, tokens.text("id_token"));
    assert_eq!(browser.get(&out).await.heading(), "U bent uitgelogd.");
}

/// What a refresh gives that must be good.
pub async fn refreshed(house: &House, client: &Client, tokens: &Tokens) -> Tokens {
    // Some say again what they were given (RFC 6749 section 6).
    let (token, scope) = (tokens.text("refresh_token"), tokens.text("scope"));
    let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
    let (status, body) = client.token(house, &form).await;
    assert_eq!(status, 200, "{body}");
    portal::tokens(body)
}

pub async fn active(house: &House, client: &Client, token: &str) -> bool {
    client.introspect(house, token).await["active"] == true
}

/// Adds a client that has no secret.
fn add_last(house: &House, more: &[&str]) {
    let whom = ["clients", "add", "--by", "els", LAST.id, "--name", "Lab"];
    let how = ["--redirect-uri", OTHER.callback, "--auth", "none"];
    house.ok(&[&whom[..], &how, more].concat());
}

#[tokio::test]
async fn a_grant_outlives_its_session_and_keeps_nothing_of_digid() {
    let house = house().await;
    let (desk, bsn, browser) = (Desk::of(&house), fresh_bsn(), Browser::new());
    let mother = desk.person("Anna", None, Some(&bsn));
    digid_account(&house, &browser, &bsn, "moeder@voorbeeld.nl").await;
    let sam = desk.person("Sam", Some(&born(8, 0)), None);
    desk.mandate(&Form::parent(&mother, &sam));
    let tokens = THE_PORTAL.sign_on(&house, &browser, ALL).await;
    let twin = THE_PORTAL.sign_on(&house, &browser, "openid email act_as").await;
    assert_eq!(tokens.text("scope"), ALL);
    for tokens in [&tokens, &twin] {
        assert_eq!((tokens.acr(), tokens.claims["act_as"].as_array().unwrap().len()), (MIDDEN, 1));
    }
    // While the session lives nothing is different.
    let tokens = refreshed(&house, &THE_PORTAL, &tokens).await;
    let twin = refreshed(&house, &THE_PORTAL, &twin).await;
    assert_eq!((tokens.acr(), tokens.claims["act_as"].as_array().unwrap().len()), (MIDDEN, 1));
    let told = THE_PORTAL.introspect(&house, tokens.text("access_token")).await;
    assert_eq!((&told["acr"], told["act_as"].as_array().unwrap().len()), (&json!(MIDDEN), 1));

    sign_out(&house, &browser, &tokens).await;
    assert_refused(&THE_PORTAL.refresh(&house, twin.text("refresh_token")).await, "invalid_grant");
    assert!(!active(&house, &THE_PORTAL, twin.text("refresh_token")).await);
    // What was given in the session is worth nothing after it.
    for old in [&tokens, &twin] {
        assert!(!active(&house, &THE_PORTAL, old.text("access_token")).await);
        assert_eq!(userinfo(&house, old.text("access_token")).await.0, 401);
    }
    let told = THE_PORTAL.introspect(&house, tokens.text("refresh_token")).await;
    assert_eq!((&told["active"], &told["acr"]), (&json!(true), &json!(LOCAL)));

    let after = refreshed(&house, &THE_PORTAL, &tokens).await;
    assert_eq!((after.acr(), &after.claims["act_as"]), (LOCAL, &json!([])));
    assert_eq!((after.sub(), &after.claims["auth_time"]), (tokens.sub(), &tokens.claims["auth_time"]));
    assert!(after.claims.get("represents").is_none() && after.claims.get("amr").is_none());
    let access = after.text("access_token");
    assert_eq!(claims(access)["acr"], LOCAL);
    let told = THE_PORTAL.introspect(&house, access).await;
    assert_eq!((&told["active"], &told["acr"], &told["act_as"]), (&json!(true), &json!(LOCAL), &json!([])));
    assert!(told.get("represents").is_none());
    let (status, user) = userinfo(&house, access).await;
    let expected =
        json!({"sub": after.sub(), "act_as": [], "email": "moeder@voorbeeld.nl", "email_verified": true});
    assert_eq!((status, user), (200, expected));
    // It is used again, asks for less and never for more, and is not exchanged for one about the child.
    let again = refreshed(&house, &THE_PORTAL, &after).await;
    assert_eq!(again.acr(), LOCAL);
    let form = |scope| {
        let token = ("refresh_token", again.text("refresh_token"));
        [("grant_type", "refresh_token"), token, ("scope", scope)]
    };
    assert_refused(&THE_PORTAL.token(&house, &form("openid profile")).await, "invalid_scope");
    let (status, less) = THE_PORTAL.token(&house, &form("openid")).await;
    assert_eq!((status, &less["scope"]), (200, &json!("openid")));
    let lines = audit(&house);
    let count = |line: &str| lines.iter().filter(|one| one.starts_with(line)).count();
    assert_eq!((count("token.issued offline"), count("token.refreshed offline")), (1, 3), "{lines:?}");
}

/// Somebody logged in by password, and the tokens of `client` after the session.
async fn beyond(house: &House, client: &Client, mails: usize) -> (Browser, Tokens) {
    let browser = Browser::new();
    if mails == 1 {
        portal::register(house, &browser, "jansen@voorbeeld.nl").await;
    } else {
        portal::log_in(house, &browser, "jansen@voorbeeld.nl", mails).await;
    }
    let ask = client.ask().with("scope", "openid email offline_access").with("prompt", "consent");
    let page = browser.visit(&ask.url(house), CALLBACK).await;
    let page = if client.id == OTHER.id {
        browser.submit(&page, "consent-form", &[("answer", "allow")]).await
    } else {
        page
    };
    let tokens = client.redeem(house, &ask, &code_of(&page)).await;
    assert_eq!(tokens.text("scope"), "openid email offline_access");
    sign_out(house, &browser, &tokens).await;
    let tokens = refreshed(house, client, &tokens).await;
    assert!(active(house, client, tokens.text("access_token")).await);
    (browser, tokens)
}

pub async fn assert_ended(house: &House, client: &Client, tokens: &Tokens, what: &str) {
    for name in ["access_token", "refresh_token"] {
        assert!(!active(house, client, tokens.text(name)).await, "{what}: {name}");
    }
    let (status, body) = userinfo(house, tokens.text("access_token")).await;
    assert_eq!(status, 401, "{what}: {body}");
    let (status, body) = client.refresh(house, tokens.text("refresh_token")).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")), "{what}");
}

#[tokio::test]
async fn whatever_ends_it_ends_it_at_once() {
    let house = house().await;
    let (_, tokens) = beyond(&house, &THE_PORTAL, 1).await;
    THE_PORTAL.revoke(&house, &[("token", tokens.text("refresh_token"))]).await;
    assert_ended(&house, &THE_PORTAL, &tokens, "given back").await;

    // A used one comes back, after the one that took its place was used.
    let (_, first) = beyond(&house, &THE_PORTAL, 2).await;
    let second = refreshed(&house, &THE_PORTAL, &first).await;
    let third = refreshed(&house, &THE_PORTAL, &second).await;
    assert_refused(&THE_PORTAL.refresh(&house, first.text("refresh_token")).await, "invalid_grant");
    assert_ended(&house, &THE_PORTAL, &third, "replayed").await;

    let (_, tokens) = beyond(&house, &OTHER, 3).await;
    let (_, own) = beyond(&house, &THE_PORTAL, 4).await;
    house.ok(&["accounts", "withdraw", "--by", "els", "jansen@voorbeeld.nl", OTHER.id]);
    assert_ended(&house, &OTHER, &tokens, "taken back").await;
    assert!(active(&house, &THE_PORTAL, own.text("refresh_token")).await, "and no other portal's");

    // A client that is removed; who gets its name later gets nothing of it.
    add_last(&house, &["--scope", "offline_access"]);
    let browser = Browser::new();
    portal::log_in(&house, &browser, "jansen@voorbeeld.nl", 5).await;
    let tokens = LAST.sign_on(&house, &browser, "openid offline_access").await;
    sign_out(&house, &browser, &tokens).await;
    let tokens = refreshed(&house, &LAST, &tokens).await;
    assert_eq!(userinfo(&house, tokens.text("access_token")).await.0, 200);
    house.ok(&["clients", "remove", "--by", "els", LAST.id]);
    add_last(&house, &["--scope", "offline_access"]);
    assert_eq!(userinfo(&house, tokens.text("access_token")).await.0, 401);
    assert_refused(&LAST.refresh(&house, tokens.text("refresh_token")).await, "invalid_grant");

    // For no longer than 30 days, of which no use makes more; and not after the last of them.
    let told = THE_PORTAL.introspect(&house, own.text("refresh_token")).await;
    let left = told["exp"].as_i64().unwrap() - crate::mandates_desk::now().epoch();
    assert!((29 * 86_400..=30 * 86_400).contains(&left), "{left}");
    let next = refreshed(&house, &THE_PORTAL, &own).await;
    assert_eq!(THE_PORTAL.introspect(&house, next.text("refresh_token")).await["exp"], told["exp"]);
    // Of one that nothing more is asked of: what has ended is swept.
    let (_, old) = beyond(&house, &THE_PORTAL, 6).await;
    let grant = claims(old.text("access_token"))["grant"].as_str().unwrap().to_owned();
    change(&house, &format!("UPDATE grants SET ends = 1 WHERE id = '{grant}'"));
    assert_ended(&house, &THE_PORTAL, &old, "its time").await;
    // What begins a new era of the account: a new password, or signing out everywhere.
    change(&house, "UPDATE accounts SET era = era + 1");
    assert_ended(&house, &THE_PORTAL, &next, "another era").await;
    change(&house, "UPDATE accounts SET era = era - 1");
    let hash = house.query("SELECT password_hash FROM accounts").concat();
    change(&house, "UPDATE accounts SET password_hash = NULL");
    assert_ended(&house, &THE_PORTAL, &next, "no password any more").await;
    change(&house, &format!("UPDATE accounts SET password_hash = '{hash}'"));
    let next = refreshed(&house, &THE_PORTAL, &next).await;
    // A child under twelve (M13).
    let person = house.query("SELECT id FROM persons").concat();
    house.set_birth_date(&person, &born(11, 0));
    assert_ended(&house, &THE_PORTAL, &next, "too young").await;
}

#[tokio::test]
async fn a_portal_of_somebody_else_must_ask_each_time() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let ask = OTHER.ask().with("scope", "openid email offline_access");
    let allow = async |ask: &Ask| {
        let page = browser.visit(&ask.url(&house), CALLBACK).await;
        let wanted = page.text("wanted").unwrap();
        let page = browser.submit(&page, "consent-form", &[("answer", "allow")]).await;
        (wanted, OTHER.redeem(&house, ask, &code_of(&page)).await)
    };
    // Without `prompt=consent` it is not heard, and nobody is asked about it.
    let (wanted, tokens) = allow(&ask).await;
    assert_eq!(wanted, "een nummer waaraan dit portaal u herkent uw e-mailadres");
    assert_eq!(tokens.text("scope"), "openid email");
    let consent = ask.clone().with("prompt", "consent");
    for _ in 0..2 {
        let (wanted, tokens) = allow(&consent).await;
        assert!(wanted.contains("ook als u niet meer bent ingelogd: 30 dagen lang"), "{wanted}");
        assert_eq!(tokens.text("scope"), "openid email offline_access");
    }
    // What was agreed to once is no answer to the next request without the question.
    let code = OTHER.code(&house, &browser, &ask).await;
    assert_eq!(OTHER.redeem(&house, &ask, &code).await.text("scope"), "openid email");
    let none = ask.clone().with("prompt", "none");
    let code = OTHER.code(&house, &browser, &none).await;
    let tokens = OTHER.redeem(&house, &none, &code).await;
    assert_eq!(tokens.text("scope"), "openid email");
    sign_out(&house, &browser, &tokens).await;
    assert_refused(&OTHER.refresh(&house, tokens.text("refresh_token")).await, "invalid_grant");
    // Of who is not registered for it, it is not heard either.
    let browser = Browser::new();
    portal::log_in(&house, &browser, "jansen@voorbeeld.nl", 2).await;
    add_last(&house, &[]);
    for (client, scope) in [(THE_PORTAL, "openid offline_access"), (LAST, "openid")] {
        let tokens = client.sign_on(&house, &browser, "openid offline_access").await;
        assert_eq!(tokens.text("scope"), scope, "{}", client.id);
    }
}

#[tokio::test]
async fn who_has_no_password_gets_no_token_that_outlives_the_session() {
    let house = house().await;
    let (browser, bsn) = (Browser::new(), fresh_bsn());
    let (_, question) = at_question(&house, &browser, &bsn).await;
    let page = enter_new(&browser, &question, "jansen@voorbeeld.nl", "").await;
    let code = house.code("jansen@voorbeeld.nl", 1);
    assert!(answer(&browser.submit(&page, "code-form", &[("code", &code)]).await).contains_key("code"));
    let tokens = THE_PORTAL.sign_on(&house, &browser, ALL).await;
    assert_eq!((tokens.text("scope"), tokens.acr()), ("openid email act_as", MIDDEN));
    let tokens = refreshed(&house, &THE_PORTAL, &tokens).await;
    sign_out(&house, &browser, &tokens).await;
    assert_refused(&THE_PORTAL.refresh(&house, tokens.text("refresh_token")).await, "invalid_grant");
    let told = THE_PORTAL.introspect(&house, tokens.text("refresh_token")).await;
    assert_eq!(told, json!({"active": false}));
}

/// Also what no session holds any more ends with its account, and with signing out everywhere; each time of one account only.
#[tokio::test]
async fn a_program_that_signs_an_account_out_or_closes_it_ends_what_outlives_the_session() {
    let house = house().await;
    let neighbour = Browser::new();
    portal::register(&house, &neighbour, "bakker@voorbeeld.nl").await;
    let other = THE_PORTAL.sign_on(&house, &neighbour, "openid offline_access").await;
    let (_, first) = beyond(&house, &THE_PORTAL, 1).await;
    let api = Api::new(&house, &admin::ROOT, "accounts").await;
    let (_, found) = api.post("/accounts/find", &json!({"email": "jansen@voorbeeld.nl"})).await;
    let at = format!("/accounts/{}", found["id"].as_str().unwrap());
    assert_eq!(api.post(&format!("{at}/sign-out"), &json!({})).await.0, 204);
    assert_ended(&house, &THE_PORTAL, &first, "signed out everywhere").await;
    let (_, second) = beyond(&house, &THE_PORTAL, 2).await;
    assert_eq!(api.delete(&at).await.0, 204);
    assert_ended(&house, &THE_PORTAL, &second, "closed").await;
    sign_out(&house, &neighbour, &other).await;
    refreshed(&house, &THE_PORTAL, &other).await;
}
