//! Whom a portal means, and what it wants to be told: `id_token_hint`, `login_hint`, `claims` (OpenID Connect Core, sections
//! 3.1.2.1 and 5.5).

use serde_json::json;

use crate::{
    browser::{Browser, Page},
    digid_steps::has_session,
    fapi::Rsa,
    house::{CALLBACK, House, PASSWORD},
    mandates_desk::{digid_account, fresh_bsn},
    oidc_client::{
        APP, Ask, LAB, THE_PORTAL, answer, assert_error, claims, header, house, logged_in, userinfo,
    },
    portal::{Tokens, enter_password, register},
};

const OTHER: &str = "pietersen@voorbeeld.nl";
const HIGH: &str = "http://eidas.europa.eu/LoA/high";

/// Logs in by password and code for a request.
async fn log_in(house: &House, browser: &Browser, ask: &Ask, email: &str, mails: usize) -> Page {
    let request =
        crate::portal::Request { url: ask.url(house), verifier: String::new(), state: String::new() };
    let page = enter_password(browser, &request, email, PASSWORD).await;
    browser.submit(&page, "code-form", &[("code", &house.code(email, mails))]).await
}

/// A request whose `claims` parameter says that.
fn wanting(claims: &serde_json::Value) -> Ask {
    THE_PORTAL.ask().with("claims", &claims.to_string())
}

/// The tokens that a session gives for a request.
async fn told(house: &House, browser: &Browser, ask: &Ask) -> Tokens {
    let code = THE_PORTAL.code(house, browser, ask).await;
    THE_PORTAL.redeem(house, ask, &code).await
}

#[tokio::test]
async fn a_session_answers_for_the_user_who_is_meant_and_for_nobody_else() {
    let house = house().await;
    let (browser, mine) = logged_in(&house).await;
    let theirs = register(&house, &Browser::new(), OTHER).await;
    let lab = LAB.sign_on(&house, &browser, "openid").await;
    // In the portal's own sector, so that it knows the same user by the same name.
    let app = APP.sign_on(&house, &browser, "openid").await;
    assert_eq!(app.sub(), mine.sub());
    let silent = |name: &str, value: &str| THE_PORTAL.ask().with("prompt", "none").with(name, value);
    // All that the genuine one says, under the name of our key, by the key of somebody else.
    let forged = Rsa::new().sign_headed(&header(mine.text("id_token")), &mine.claims);
    let of_sub = |part: &str, sub: &str| json!({part: {"sub": {"value": sub}}}).to_string();
    for ask in [
        silent("id_token_hint", mine.text("id_token")),
        silent("claims", &of_sub("id_token", mine.sub())),
        silent("claims", &of_sub("userinfo", mine.sub())),
        silent("claims", &json!({"id_token": {"sub": {"values": ["x", mine.sub()]}}}).to_string()),
    ] {
        assert!(answer(&browser.get(&ask.url(&house)).await).contains_key("code"));
    }
    for ask in [
        silent("id_token_hint", theirs.text("id_token")),
        // Nobody can say who is meant: forged, of another client, no ID token.
        silent("id_token_hint", &forged),
        silent("id_token_hint", lab.text("id_token")),
        silent("id_token_hint", app.text("id_token")),
        silent("id_token_hint", mine.text("access_token")),
        silent("id_token_hint", "x"),
        silent("claims", &of_sub("id_token", theirs.sub())),
        silent("claims", &of_sub("userinfo", "x")),
        silent("claims", &of_sub("id_token", lab.sub())),
        // Two that contradict one another.
        silent("id_token_hint", mine.text("id_token")).with("claims", &of_sub("id_token", theirs.sub())),
    ] {
        assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "login_required");
    }
}

#[tokio::test]
async fn whoever_logs_in_must_be_the_user_who_is_meant() {
    let house = house().await;
    let (browser, mine) = logged_in(&house).await;
    let theirs = register(&house, &Browser::new(), OTHER).await;
    // The session of somebody else does not answer, but the right user may log in.
    let ask = THE_PORTAL.ask().with("id_token_hint", theirs.text("id_token"));
    assert!(browser.get(&ask.url(&house)).await.location().unwrap().path().starts_with("/login/"));
    let wrong = log_in(&house, &browser, &ask, "jansen@voorbeeld.nl", 2).await;
    assert_error(&house, &wrong, &ask, "login_required");
    let code = crate::portal::code_of(&log_in(&house, &browser, &ask, OTHER, 2).await);
    assert_eq!(THE_PORTAL.redeem(&house, &ask, &code).await.sub(), theirs.sub());
    // Nobody gets in by a login that was refused.
    let stranger = Browser::new();
    let wrong = log_in(&house, &stranger, &ask, "jansen@voorbeeld.nl", 3).await;
    assert_error(&house, &wrong, &ask, "login_required");
    assert!(!has_session(&house, &stranger).await);
    // A hint that says nothing any more asks for a new login, and takes whoever comes.
    let ask = THE_PORTAL.ask().with("id_token_hint", "e30.e30.e30");
    let code = crate::portal::code_of(&log_in(&house, &stranger, &ask, "jansen@voorbeeld.nl", 4).await);
    assert_eq!(THE_PORTAL.redeem(&house, &ask, &code).await.sub(), mine.sub());
}

#[tokio::test]
async fn the_address_of_login_hint_is_filled_in_and_opens_nothing() {
    let house = house().await;
    let ask = THE_PORTAL.ask().with("login_hint", "rené@voorbeeld.nl\"><b>");
    let browser = Browser::new();
    let choose = browser.visit(&ask.url(&house), CALLBACK).await;
    let form = browser.get(&format!("{}/email", choose.url)).await;
    assert_eq!(form.form("email-form").1["email"], "rené@voorbeeld.nl\"><b>");
    assert!(!form.body.contains("<b>"));
}

#[tokio::test]
async fn claims_are_told_where_they_were_asked_for_and_only_to_who_may_have_them() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let plain = told(&house, &browser, &THE_PORTAL.ask()).await;
    assert!(plain.claims.get("email").is_none());
    assert!(userinfo(&house, plain.text("access_token")).await.1.get("email").is_none());

    let ask =
        wanting(&json!({"id_token": {"email": {"essential": true}, "unheard_of": {"essential": true}}}));
    let in_id_token = told(&house, &browser, &ask).await;
    let email = ("jansen@voorbeeld.nl", true);
    let of = |claims: &serde_json::Value| {
        (claims["email"].as_str().map(str::to_owned), claims["email_verified"].as_bool())
    };
    assert_eq!(of(&in_id_token.claims), (Some(email.0.to_owned()), Some(email.1)));
    assert!(userinfo(&house, in_id_token.text("access_token")).await.1.get("email").is_none());

    let in_userinfo = told(&house, &browser, &wanting(&json!({"userinfo": {"email": null}}))).await;
    assert!(in_userinfo.claims.get("email").is_none());
    let user = userinfo(&house, in_userinfo.text("access_token")).await.1;
    assert_eq!(of(&user), (Some(email.0.to_owned()), Some(email.1)));
    assert_eq!(claims(in_userinfo.text("access_token"))["scope"], in_userinfo.text("scope"));
    assert_eq!(in_userinfo.text("scope"), "openid email");

    // A client that may not have the address does not get it that way.
    let bare = crate::oidc_client::BARE;
    let wish = json!({"id_token": {"email": null}, "userinfo": {"email": null}}).to_string();
    let ask = bare.ask().with("claims", &wish);
    let tokens = bare.redeem(&house, &ask, &bare.code(&house, &browser, &ask).await).await;
    assert!(tokens.claims.get("email").is_none() && tokens.text("scope") == "openid");

    for bad in ["x", "[]", r#"{"id_token":7}"#, r#"{"userinfo":{"email":true}}"#] {
        let ask = THE_PORTAL.ask().with("claims", bad);
        assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "invalid_request");
    }
}

#[tokio::test]
async fn an_essential_acr_is_reached_and_told_or_the_login_fails() {
    let house = house().await;
    let (local, _) = logged_in(&house).await;
    let digid = Browser::new();
    digid_account(&house, &digid, &fresh_bsn(), "vader@voorbeeld.nl").await;
    let wanting = |essential: bool, values: &[&str]| {
        wanting(&json!({"id_token": {"acr": {"essential": essential, "values": values}}}))
    };
    let unknown = wanting(true, &["urn:unheard:of"]);
    let page = local.get(&unknown.url(&house)).await;
    assert_error(&house, &page, &unknown, "unmet_authentication_requirements");
    // As a mere wish an unknown one changes nothing.
    let wish = told(&house, &local, &wanting(false, &["urn:unheard:of"])).await;
    assert_eq!(wish.acr(), "urn:namens:acr:local");
    let silent = wanting(true, &[HIGH]).with("prompt", "none");
    assert_error(&house, &local.get(&silent.url(&house)).await, &silent, "login_required");
    // Who came by DigiD has reached the lower level too, and that is what is told where nothing else would do.
    let lower = told(&house, &digid, &wanting(true, &["urn:namens:acr:local", HIGH])).await;
    assert_eq!(lower.acr(), "urn:namens:acr:local");
    let any = told(&house, &digid, &wanting(false, &["urn:namens:acr:local"])).await;
    assert_eq!(any.acr(), "http://eidas.europa.eu/LoA/low");
}
