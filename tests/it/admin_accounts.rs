//! A program finds accounts, signs their owners out everywhere, and closes them.

use serde_json::{Value, json};

use crate::{
    admin::{Api, LOCAL, PROGRAMS, ROOT, house_with},
    browser::Browser,
    digid_steps::change,
    house::{CALLBACK, House, PASSWORD},
    notify::{ALSO, Ears, TOLD},
    oidc_client::{THE_PORTAL, claims, logged_in, userinfo},
    portal::{Tokens, code_of, log_in, redeem, register, request},
    steps::{code_for, to_register_code, type_code},
};

const JANSEN: &str = "jansen@voorbeeld.nl";

async fn find(api: &Api<'_>, by: Value) -> (u16, Value) {
    api.post("/accounts/find", &by).await
}

async fn refreshes(house: &House, tokens: &Tokens) -> bool {
    THE_PORTAL.refresh(house, tokens.text("refresh_token")).await.0 == 200
}

#[tokio::test]
async fn an_account_is_found_by_its_address_or_any_subject_and_by_nothing_else() {
    let house = house_with(LOCAL).await;
    let (_, tokens) = logged_in(&house).await;
    let api = Api::new(&house, &ROOT, "accounts").await;
    let (status, found) = find(&api, json!({"email": "JANSEN@voorbeeld.nl"})).await;
    assert_eq!(status, 200, "{found}");
    let told: Vec<&str> = found.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(told, ["created", "email", "id", "person", "sessions", "ways"]);
    assert_eq!(
        (&found["email"], &found["ways"], &found["sessions"]),
        (&json!(JANSEN), &json!(["password"]), &json!(1))
    );
    let sub = tokens.claims["sub"].as_str().unwrap();
    assert_eq!(find(&api, json!({"sub": sub})).await, (200, found.clone()));
    assert_eq!(api.get(&format!("/accounts/{}", found["id"].as_str().unwrap())).await, (200, found.clone()));
    // One that two persons who became one left behind.
    let person = found["person"].as_str().unwrap();
    change(
        &house,
        &format!(
            "INSERT INTO subjects (sub, sector, person_id, alias, created) VALUES ('older', '127.0.0.1', '{person}', 1, 1)"
        ),
    );
    assert_eq!(find(&api, json!({"sub": "older"})).await, (200, found.clone()));
    for nobody in
        [json!({"email": "jansen+1@voorbeeld.nl"}), json!({"sub": "nobody"}), json!({"sub": person})]
    {
        assert_eq!(find(&api, nobody.clone()).await.0, 404, "{nobody}");
    }
    for bad in [
        json!({}),
        json!({"email": JANSEN, "sub": sub}),
        json!({"email": "jansen"}),
        json!({"email": null}),
        json!({"password": "x"}),
        json!([]),
    ] {
        assert_eq!(find(&api, bad.clone()).await.0, 400, "{bad}");
    }
    assert_eq!(api.get("/accounts/nobody").await.0, 404);
    let other = Api::new(&house, &ROOT, "clients mandates keys audit").await;
    assert_eq!(find(&other, json!({"email": JANSEN})).await.0, 403);
    assert_eq!(other.delete("/accounts/x").await.0, 403);
    assert!(!house.log().contains("jansen+1"), "what is looked for is not written down");
}

/// A house in which one person is logged in in two browsers and another in one, at portals that want to hear.
async fn three_sessions(ears: &'static str) -> (House, [(Browser, Tokens); 3]) {
    let house = House::with(format!("{PROGRAMS}{LOCAL}{ears}")).await;
    let browsers = [Browser::new(), Browser::new(), Browser::new()];
    let first = register(&house, &browsers[0], JANSEN).await;
    let second = log_in(&house, &browsers[1], JANSEN, 2).await;
    let other = register(&house, &browsers[2], "bakker@voorbeeld.nl").await;
    let [a, b, c] = browsers;
    (house, [(a, first), (b, second), (c, other)])
}

fn audited(house: &House, event: &str) -> Vec<String> {
    house.query(&format!("SELECT actor || ' ' || represented FROM audit WHERE event = '{event}'"))
}

#[tokio::test]
async fn to_sign_out_everywhere_ends_every_session_of_one_account_and_portals_hear() {
    let (ears, tables) = Ears::open().await;
    let (house, sessions) = three_sessions(tables).await;
    let [(first, one), (second, two), (_, other)] = &sessions;
    TOLD.sign_on(&house, first, "openid").await;
    ALSO.sign_on(&house, second, "openid").await;
    let api = Api::new(&house, &ROOT, "accounts").await;
    let (_, found) = find(&api, json!({"email": JANSEN})).await;
    assert_eq!(found["sessions"], 2);
    let at = format!("/accounts/{}", found["id"].as_str().unwrap());
    assert_eq!(api.post(&format!("{at}/sign-out"), &json!({})).await, (204, Value::Null));
    for tokens in [one, two] {
        assert!(!refreshes(&house, tokens).await);
        assert_eq!(userinfo(&house, tokens.text("access_token")).await.0, 401);
    }
    assert!(refreshes(&house, other).await, "somebody else stays in");
    ears.of(TOLD, &one.claims["sid"], 1).await;
    ears.of(ALSO, &two.claims["sid"], 1).await;
    assert_eq!(api.get(&at).await.1["sessions"], 0);
    let person = found["person"].as_str().unwrap();
    assert_eq!(audited(&house, "account.signed_out"), [format!("root {person}")]);
    // They log in again as ever.
    let again = log_in(&house, first, JANSEN, 3).await;
    assert_eq!(again.claims["sub"], one.claims["sub"]);
    assert_eq!(api.post("/accounts/nobody/sign-out", &json!({})).await.0, 404);
}

#[tokio::test]
async fn a_closed_account_is_forgotten_and_its_person_and_everybody_else_are_not() {
    let (ears, tables) = Ears::open().await;
    let (house, sessions) = three_sessions(tables).await;
    let [(first, one), (_, two), (_, other)] = &sessions;
    TOLD.sign_on(&house, first, "openid").await;
    house.ok(&["accounts", "profile", "--by", "els", JANSEN, "--set", "given_name=Anna"]);
    let api = Api::new(&house, &ROOT, "accounts").await;
    let (_, found) = find(&api, json!({"email": JANSEN})).await;
    let at = format!("/accounts/{}", found["id"].as_str().unwrap());
    assert_eq!(api.delete(&at).await, (204, Value::Null));
    for tokens in [one, two] {
        assert!(!refreshes(&house, tokens).await);
        assert_eq!(userinfo(&house, tokens.text("access_token")).await.0, 401);
        let answer = THE_PORTAL.post(&house, "/introspect", &[("token", tokens.text("access_token"))]);
        assert_eq!(answer.send().await.unwrap().json::<Value>().await.unwrap(), json!({"active": false}));
    }
    assert!(refreshes(&house, other).await, "somebody else stays in");
    let heard = ears.of(TOLD, &one.claims["sid"], 1).await;
    assert!(claims(&heard[0])["sub"].is_string(), "the portal hears who it was");
    assert_eq!((api.get(&at).await.0, api.delete(&at).await.0), (404, 404));
    assert_eq!(find(&api, json!({"email": JANSEN})).await.0, 404);
    assert_eq!(find(&api, json!({"sub": one.claims["sub"]})).await.0, 404);
    let person = found["person"].as_str().unwrap();
    assert_eq!(audited(&house, "account.closed"), [format!("root {person}")]);
    for (rows, left) in [
        (format!("persons WHERE id = '{person}'"), "1"),
        (format!("subjects WHERE person_id = '{person}'"), "2"),
        ("accounts".to_owned(), "1"),
        ("profiles".to_owned(), "0"),
        (format!("grants WHERE person_id = '{person}'"), "0"),
    ] {
        assert_eq!(house.query(&format!("SELECT COUNT(*) FROM {rows}")), [left], "{rows}");
    }
    // The address is free, for somebody new.
    let (browser, asked) = (Browser::new(), request(&house, &[]));
    let page = to_register_code(&browser, &asked, JANSEN, PASSWORD).await;
    let done = type_code(&browser, &page, &code_for(&house, JANSEN, &page)).await;
    let anew = redeem(&house, &asked, &code_of(&browser.follow(done, CALLBACK).await)).await;
    assert_ne!(anew.claims["sub"], one.claims["sub"]);
}

/// Who comes back with DigiD is the same person to every portal.
#[tokio::test]
async fn who_comes_back_with_digid_after_closing_is_the_same_person() {
    let house = house_with(LOCAL).await;
    let bsn = crate::mandates_desk::fresh_bsn();
    let before = crate::mandates_desk::digid_account(&house, &Browser::new(), &bsn, JANSEN).await;
    let api = Api::new(&house, &ROOT, "accounts").await;
    let (_, found) = find(&api, json!({"email": JANSEN})).await;
    assert_eq!(found["ways"], json!(["password", "digid"]));
    assert_eq!(api.delete(&format!("/accounts/{}", found["id"].as_str().unwrap())).await.0, 204);
    let after =
        crate::mandates_desk::digid_account(&house, &Browser::new(), &bsn, "nieuw@voorbeeld.nl").await;
    assert_eq!(before.claims["sub"], after.claims["sub"]);
    assert_eq!(find(&api, json!({"email": JANSEN})).await.0, 404);
}
