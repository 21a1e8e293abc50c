//! What a session answers by itself, and to whom it is the same person (docs/requirements.md: S1, L1).

use std::time::Duration;

use crate::{
    browser::Browser,
    house::CALLBACK,
    oidc_client::{APP, BARE, LAB, OPEN, STRICT, THE_PORTAL, answer, assert_error, claims, house, logged_in},
    portal::log_in,
};

#[tokio::test]
async fn prompt_none_answers_from_a_session_and_asks_nobody() {
    let house = house().await;
    let (browser, first) = logged_in(&house).await;
    let ask = THE_PORTAL.ask().with("prompt", "none");
    let stranger = Browser::new();
    assert_error(&house, &stranger.get(&ask.url(&house)).await, &ask, "login_required");
    let code = THE_PORTAL.code(&house, &browser, &ask).await;
    let tokens = THE_PORTAL.redeem(&house, &ask, &code).await;
    for name in ["sub", "sid", "auth_time", "acr"] {
        assert_eq!(tokens.claims[name], first.claims[name], "{name}");
    }
    // A level that the session has not, and one that the client demands by itself.
    for ask in [
        THE_PORTAL.ask().with("acr_values", "http://eidas.europa.eu/LoA/low").with("prompt", "none"),
        STRICT.ask().with("prompt", "none"),
    ] {
        assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "login_required");
    }
}

#[tokio::test]
async fn a_session_that_is_too_old_or_unwanted_or_too_low_does_not_answer() {
    let house = house().await;
    let (browser, first) = logged_in(&house).await;
    let goes = async |name: &str, value: &str| {
        let location = browser.get(&THE_PORTAL.ask().with(name, value).url(&house)).await.location().unwrap();
        if location.as_str().starts_with(CALLBACK) { "code" } else { "login" }
    };
    assert_eq!(goes("max_age", "0").await, "login", "max_age=0 is prompt=login (Core, section 3.1.2.1)");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(goes("max_age", "0").await, "login");
    assert_eq!(goes("max_age", "900").await, "code");
    assert_eq!(goes("prompt", "login").await, "login");
    assert_eq!(goes("prompt", "select_account").await, "login");
    assert_eq!(goes("prompt", "consent").await, "code");
    assert_eq!(goes("acr_values", "urn:namens:acr:local http://eidas.europa.eu/LoA/high").await, "code");
    assert_eq!(goes("acr_values", "http://eidas.europa.eu/LoA/low").await, "login");
    // Logging in again really is a new login: a later auth_time, another session, the same person.
    let again = log_in(&house, &browser, "jansen@voorbeeld.nl", 2).await;
    assert!(again.claims["auth_time"].as_i64() > first.claims["auth_time"].as_i64());
    assert!(again.claims["sid"] != first.claims["sid"] && again.sub() == first.sub());
    // The older session is over, and what was granted in it is refreshed no more.
    crate::oidc_client::assert_refused(
        &THE_PORTAL.refresh(&house, first.text("refresh_token")).await,
        "invalid_grant",
    );
}

#[tokio::test]
async fn where_a_level_is_demanded_the_lower_way_in_is_not_even_offered() {
    let house = house().await;
    let browser = Browser::new();
    let low = THE_PORTAL.ask().with("acr_values", "http://eidas.europa.eu/LoA/low");
    for ask in [low, STRICT.ask(), STRICT.ask().with("acr_values", "urn:namens:acr:local")] {
        let choose = browser.visit(&ask.url(&house), CALLBACK).await;
        assert_eq!(choose.status, 200);
        assert!(
            choose.text("digid").is_some()
                && choose.text("local").is_none()
                && choose.text("register").is_none()
        );
        let aside = browser.get(&format!("{}/email", choose.url)).await;
        assert_eq!(aside.location().unwrap(), choose.url, "nor by its address");
    }
    let unknown = THE_PORTAL.ask().with("acr_values", "urn:unheard:of");
    assert_error(
        &house,
        &browser.get(&unknown.url(&house)).await,
        &unknown,
        "unmet_authentication_requirements",
    );
    let house = crate::digid_not_asked::without_digid().await;
    let ask = THE_PORTAL.ask().with("acr_values", "http://eidas.europa.eu/LoA/low");
    let page = Browser::new().get(&ask.url(&house)).await;
    assert_error(&house, &page, &ask, "unmet_authentication_requirements");
}

#[tokio::test]
async fn one_login_serves_every_portal_and_each_sector_knows_another_subject() {
    let house = house().await;
    let (browser, first) = logged_in(&house).await;
    let portal = THE_PORTAL.sign_on(&house, &browser, "openid").await;
    let lab = LAB.sign_on(&house, &browser, "openid").await;
    let app = APP.sign_on(&house, &browser, "openid").await;
    let (open, bare) =
        (OPEN.sign_on(&house, &browser, "openid").await, BARE.sign_on(&house, &browser, "openid").await);
    assert_eq!(first.sub(), portal.sub(), "stable");
    assert_eq!(portal.sub(), app.sub(), "one sector, one subject");
    assert_eq!(open.sub(), bare.sub(), "public");
    let different: std::collections::BTreeSet<_> = [portal.sub(), lab.sub(), open.sub()].into();
    assert_eq!(different.len(), 3, "sectors cannot compare notes");
    for tokens in [&portal, &lab, &app, &open, &bare] {
        assert_eq!(tokens.claims["sid"], first.claims["sid"]);
        assert_eq!(claims(tokens.text("access_token"))["sub"], tokens.sub());
        assert!(tokens.sub().len() >= 22 && !tokens.sub().contains("jansen"));
    }
    // Another person is another subject everywhere.
    let second = crate::portal::register(&house, &Browser::new(), "pietersen@voorbeeld.nl").await;
    assert!(!different.contains(second.sub()));
}

/// The cookies are what the session hangs on: their flags, and what a guess or a leftover is worth.
#[tokio::test]
async fn a9_a25_session_cookies_are_ours_alone_and_new_at_each_login() {
    let mut house = house().await;
    let ask = THE_PORTAL.ask();
    let cookie = |page: &crate::browser::Page| page.headers["set-cookie"].to_str().unwrap().to_owned();
    // A cookie that was planted before the login does not become the session.
    let planted = Browser::new();
    let request = planted.request(reqwest::Method::GET, &ask.url(&house));
    let page = planted.send(request.header("cookie", "namens-browser=evil; namens-session=evil.evil")).await;
    assert!(page.location().unwrap().path().starts_with("/login/"));
    let page = Browser::new().get(&ask.url(&house)).await;
    assert!(cookie(&page).ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{}", cookie(&page));
    let silent = ask.clone().with("prompt", "none");
    let (browser, tokens) = logged_in(&house).await;
    let sid = tokens.claims["sid"].as_str().unwrap();
    for guess in [sid.to_owned(), format!("{sid}."), format!("{sid}.AAAA"), format!(".{sid}")] {
        let request = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let request = request.get(silent.url(&house)).header("cookie", format!("namens-session={guess}"));
        let location = request.send().await.unwrap().headers()["location"].to_str().unwrap().to_owned();
        assert!(location.contains("error=login_required"), "{guess}: the sid in the ID token is no key");
    }
    assert!(answer(&browser.get(&silent.url(&house)).await).contains_key("code"));
    // Behind https no sister domain can plant or read them.
    let file = house.folder.join("namens.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let plain = house.issuer.clone();
    std::fs::write(&file, text.replacen(&plain, "https://id.example.nl", 1)).unwrap();
    house.kill();
    house.open_doors();
    let page = Browser::new().get(&ask.url(&house)).await;
    let set = cookie(&page);
    assert!(set.starts_with("__Host-namens-browser="), "{set}");
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure") && !set.contains("Domain"), "{set}");
}
