//! What every page keeps to itself, and how a login or a session ends: stopped, signed out, gone for the back button.

use reqwest::{Method, StatusCode, header::SET_COOKIE};

use crate::{
    browser::{Browser, Page},
    house::{CALLBACK, House, PASSWORD},
    portal::{at_digid, code_of, redeem, request, to_digid, token},
    steps::{account, answer, code_for, is_in, open, to_code, to_recover_code, to_register_code, type_code},
};

/// Headers and markup that no page may lack (attack table, lines 10 and 22).
fn guarded(page: &Page, digid: &str) {
    let header = |name: &str| page.headers.get(name).map_or("", |value| value.to_str().unwrap());
    let at = format!("{} ({}, {})", page.url, page.status, page.heading());
    let policy: Vec<&str> = header("content-security-policy").split("; ").collect();
    for directive in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'self'"] {
        assert!(policy.contains(&directive), "{at}: {policy:?}");
    }
    let form_action = policy.iter().find(|directive| directive.starts_with("form-action 'self'"));
    // Besides ourselves: the portal and DigiD, where the forms of a login lead.
    let others = form_action.map(|found| found.split(' ').skip(2).collect::<Vec<_>>());
    let known = |origin: &&str| *origin == "http://127.0.0.1:9" || *origin == digid;
    assert!(others.is_some_and(|others| others.iter().all(known)), "{at}: {policy:?}");
    assert!(!header("content-security-policy").contains("unsafe"), "{at}");
    assert_eq!(header("cache-control"), "no-store", "{at}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{at}");
    assert_eq!(header("referrer-policy"), "same-origin", "{at}");
    assert!(header("content-type").starts_with("text/html"), "{at}");
    assert!(
        !page.body.contains("<script") && !page.body.contains(" style=") && !page.body.contains(" onclick="),
        "{at}"
    );
    assert!(!page.heading().is_empty() && !page.body.contains('⟦'), "{at}");
}

#[tokio::test]
async fn every_page_forbids_framing_scripts_keeping_and_leaking() {
    let house = House::start().await;
    account(&house, "jansen@voorbeeld.nl").await;
    let browser = Browser::new();
    let login = request(&house, &[]);
    let choose = browser.visit(&login.url, CALLBACK).await;
    guarded(&choose, &house.digid);
    for name in ["email", "register", "recover"] {
        let form = open(&browser, &request(&house, &[]), name).await;
        guarded(&form, &house.digid);
        let typed = [("email", "nobody"), ("password", "x")];
        let refused = browser.submit(&form, &format!("{name}-form"), &typed).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        guarded(&refused, &house.digid);
    }
    guarded(
        &to_register_code(&browser, &request(&house, &[]), "nieuw@voorbeeld.nl", PASSWORD).await,
        &house.digid,
    );
    let recover = to_recover_code(&browser, &request(&house, &[]), "jansen@voorbeeld.nl").await;
    guarded(&recover, &house.digid);
    guarded(&type_code(&browser, &recover, "12345").await, &house.digid);
    let code = code_for(&house, "jansen@voorbeeld.nl", &recover);
    let new = browser.follow(type_code(&browser, &recover, &code).await, CALLBACK).await;
    guarded(&new, &house.digid);
    guarded(&browser.submit(&new, "password-form", &[("password", "kort")]).await, &house.digid);

    let digid = request(&house, &[]);
    let at = to_digid(&browser, &digid).await;
    let question = at_digid(&browser, &at, "999990019", &[]).await;
    guarded(&question, &house.digid);
    let link = browser.submit(&question, "question-form", &[("answer", "have")]).await;
    let link = browser.follow(link, CALLBACK).await;
    guarded(&link, &house.digid);
    let typed = [("email", "jansen@voorbeeld.nl"), ("password", PASSWORD)];
    let page = browser.follow(browser.submit(&link, "link-form", &typed).await, CALLBACK).await;
    guarded(&page, &house.digid);
    let code = code_for(&house, "jansen@voorbeeld.nl", &page);
    let linked = browser.follow(type_code(&browser, &page, &code).await, CALLBACK).await;
    guarded(&linked, &house.digid);
    assert_eq!(linked.heading(), "DigiD is gekoppeld");
    assert!(is_in(&browser.submit(&linked, "continue-form", &[]).await));

    let ask = browser.get(&format!("{}/logout", house.issuer)).await;
    guarded(&ask, &house.digid);
    guarded(&browser.submit(&ask, "logout-form", &[]).await, &house.digid);
    for path in ["/nowhere", "/login/nobody", "/authorize?client_id=nobody", "/digid/acs"] {
        let page = browser.get(&format!("{}{path}", house.issuer)).await;
        assert!(page.status.is_client_error() || page.status.is_server_error(), "{path}: {}", page.status);
        guarded(&page, &house.digid);
    }
    let forbidden = browser.post(&format!("{}/stop", choose.url), &[("csrf", "x")]).await;
    assert_eq!(forbidden.status, StatusCode::FORBIDDEN);
    guarded(&forbidden, &house.digid);
    guarded(&browser.post(&format!("{}/stop", choose.url), &[("x", "y")]).await, &house.digid);
}

#[tokio::test]
async fn cookies_are_out_of_reach_of_scripts_and_other_sites_and_new_at_each_login() {
    let house = House::start().await;
    let browser = Browser::new();
    let begun = browser.get(&request(&house, &[]).url).await;
    let cookies = |page: &Page| -> Vec<String> {
        let lines = page.headers.get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap().to_owned());
        lines.filter(|line| !line.contains("=; ")).collect()
    };
    let mut seen = cookies(&begun);
    assert_eq!(seen.len(), 1);
    let page = to_register_code(&browser, &request(&house, &[]), "jansen@voorbeeld.nl", PASSWORD).await;
    assert!(cookies(&page).is_empty());
    let code = code_for(&house, "jansen@voorbeeld.nl", &page);
    seen.extend(cookies(&type_code(&browser, &page, &code).await));
    let (_, page, code) = to_code(&house, &browser, "jansen@voorbeeld.nl", 2).await;
    seen.extend(cookies(&type_code(&browser, &page, &code).await));
    for line in &seen {
        let parts: Vec<&str> = line.split("; ").collect();
        assert!(parts[0].split('=').nth(1).unwrap().len() >= 43, "a secret of 256 bits");
        // On loopback without https; `src/web/cookies.rs` shows `__Host-` and `Secure` for every other issuer.
        assert_eq!(parts[1..4], ["Path=/", "HttpOnly", "SameSite=Lax"], "{line}");
        // The one that opens nothing outlives the browser.
        assert_eq!(parts.len() > 4, line.starts_with("namens-device="), "{line}");
    }
    seen.retain(|line| !line.starts_with("namens-device="));
    assert_eq!(seen.len(), 3);
    assert_ne!(seen[1], seen[2], "an id that lives through a login can be planted before it");
    let stolen = seen[1].split(';').next().unwrap();
    let older = Browser::new();
    let silent = request(&house, &[("prompt", "none")]);
    let page = older.send(older.request(Method::GET, &silent.url).header("cookie", stolen)).await;
    assert_eq!(answer(&page)["error"], "login_required", "the session before the last login lives on");
}

#[tokio::test]
async fn stopping_tells_the_portal_and_leaves_nothing() {
    let house = House::start().await;
    account(&house, "jansen@voorbeeld.nl").await;
    let left = || house.query("SELECT COUNT(*) FROM ephemeral WHERE kind = 'login'");
    let before = left();
    let browser = Browser::new();
    let ask = request(&house, &[]);
    let choose = browser.visit(&ask.url, CALLBACK).await;
    let (code_ask, code_page, code) = to_code(&house, &browser, "jansen@voorbeeld.nl", 2).await;
    for (ask, page) in [(&ask, &choose), (&code_ask, &code_page)] {
        let stopped = browser.submit(page, "stop-form", &[]).await;
        assert_eq!(stopped.status, StatusCode::SEE_OTHER);
        let told = answer(&stopped);
        assert_eq!((told["error"].as_str(), &told["state"]), ("access_denied", &ask.state));
        assert_eq!(told["iss"], house.issuer);
        assert!(!told.contains_key("code"));
        assert!(!stopped.headers.contains_key(SET_COOKIE));
        assert_eq!(browser.get(page.url.as_str()).await.status, StatusCode::GONE);
        assert_eq!(browser.submit(page, "stop-form", &[]).await.status, StatusCode::GONE);
    }
    assert_eq!(type_code(&browser, &code_page, &code).await.status, StatusCode::GONE);
    assert_eq!(left(), before);
    assert_eq!(
        house.query("SELECT COUNT(*) FROM ephemeral WHERE kind = 'session'"),
        ["1"],
        "of the registration"
    );
}

#[tokio::test]
async fn f15_after_signing_out_nothing_of_the_session_works_and_the_back_button_shows_nothing() {
    let house = House::start().await;
    let browser = Browser::new();
    let ask = request(&house, &[]);
    let page = to_register_code(&browser, &ask, "jansen@voorbeeld.nl", PASSWORD).await;
    let code = code_for(&house, "jansen@voorbeeld.nl", &page);
    let done = type_code(&browser, &page, &code).await;
    let session = done.headers[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let tokens = redeem(&house, &ask, &code_of(&done)).await;
    let second = browser.visit(&request(&house, &[]).url, CALLBACK).await;
    assert!(is_in(&second), "one session, a second answer");

    let logout = format!("{}/logout?id_token_hint={}", house.issuer, tokens.text("id_token"));
    let out =
        browser.get(&format!("{logout}&post_logout_redirect_uri=http://127.0.0.1:9/bye&state=s1")).await;
    assert_eq!(out.location().unwrap().as_str(), "http://127.0.0.1:9/bye?state=s1");
    assert!(out.headers[SET_COOKIE].to_str().unwrap().contains("namens-session=; "));

    let silent = request(&house, &[("prompt", "none")]);
    assert_eq!(answer(&browser.visit(&silent.url, CALLBACK).await)["error"], "login_required");
    let kept = Browser::new();
    let kept = kept.send(kept.request(Method::GET, &silent.url).header("cookie", session)).await;
    assert_eq!(answer(&kept)["error"], "login_required", "a cookie that was kept opens the session again");
    for back in [page.url.as_str(), &format!("{}/email", page.url), &format!("{}/register", page.url)] {
        assert_eq!(browser.get(back).await.status, StatusCode::GONE, "{back}");
    }
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.text("refresh_token"))];
    assert_eq!(token(&house, &refresh).await.0, 400);
    let unredeemed = [
        ("grant_type", "authorization_code"),
        ("code", &code_of(&second)),
        ("redirect_uri", CALLBACK),
        ("code_verifier", &ask.verifier),
    ];
    assert_eq!(token(&house, &unredeemed).await.0, 400, "a code that was on its way");
}
