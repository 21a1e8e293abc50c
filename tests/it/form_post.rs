//! Answers in a form that the browser posts (OAuth 2.0 Form Post Response Mode; attacks 10 and 22 of the design's table).

use reqwest::StatusCode;

use crate::{
    browser::{Browser, Page},
    house::{CALLBACK, House, PASSWORD},
    oidc_client::{Ask, THE_PORTAL, answer, assert_error, house, logged_in},
};

/// What the page posts to the portal, after a look at the page.
fn posted(house: &House, page: &Page, ask: &Ask) -> Vec<(String, String)> {
    assert_eq!(page.status, StatusCode::OK, "{}", page.heading());
    let (action, fields) = page.form("form-post");
    assert_eq!(action, ask.get("redirect_uri"));
    let header = |name: &str| page.headers[name].to_str().unwrap();
    let policy: Vec<&str> = header("content-security-policy").split("; ").collect();
    assert!(policy.contains(&"form-action 'self' http://127.0.0.1:9"), "{policy:?}");
    assert!(
        policy.contains(&"script-src 'self'") && policy.contains(&"frame-ancestors 'none'"),
        "{policy:?}"
    );
    assert!(!header("content-security-policy").contains("unsafe") && header("cache-control") == "no-store");
    assert_eq!((fields["iss"].as_str(), fields["state"].as_str()), (house.issuer.as_str(), ask.get("state")));
    fields.into_iter().collect()
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn a10_a_code_travels_in_a_form_that_leads_to_the_portal_alone() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let twin = THE_PORTAL.ask().with("response_mode", "query");
    assert!(browser.get(&twin.url(&house)).await.location().unwrap().as_str().starts_with(CALLBACK));

    let ask = THE_PORTAL.ask().with("response_mode", "form_post");
    let page = browser.get(&ask.url(&house)).await;
    let fields = posted(&house, &page, &ask);
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["code", "iss", "state"]);
    THE_PORTAL.redeem(&house, &ask, value(&fields, "code").unwrap()).await;
    // Whoever has no script presses the button; the script is a file of ours.
    assert!(page.text("continue").is_some());
    assert!(page.body.contains("<script src=\"/static/form_post.js\" defer></script>"));
    let script = browser.get(&format!("{}/static/form_post.js", house.issuer)).await;
    assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
    assert!(script.body.contains("\"form-post\""));
}

#[tokio::test]
async fn a_login_ends_in_a_form_too_and_so_does_one_that_was_stopped() {
    let house = house().await;
    let ask = THE_PORTAL.ask().with("response_mode", "form_post");
    let browser = Browser::new();
    let choose = browser.visit(&ask.url(&house), CALLBACK).await;
    let form = browser.get(&format!("{}/register", choose.url)).await;
    let typed = [("email", "jansen@voorbeeld.nl"), ("password", PASSWORD)];
    let sent = browser.submit(&form, "register-form", &typed).await;
    let page = browser.follow(sent, CALLBACK).await;
    let code = house.code("jansen@voorbeeld.nl", 1);
    let done = browser.submit(&page, "code-form", &[("code", &code)]).await;
    let fields = posted(&house, &done, &ask);
    THE_PORTAL.redeem(&house, &ask, value(&fields, "code").unwrap()).await;
    // And the session is there.
    let again = THE_PORTAL.ask().with("prompt", "none");
    THE_PORTAL.code(&house, &browser, &again).await;

    let stranger = Browser::new();
    let choose = stranger.visit(&ask.url(&house), CALLBACK).await;
    let stopped = stranger.submit(&choose, "stop-form", &[]).await;
    assert_eq!(value(&posted(&house, &stopped, &ask), "error"), Some("access_denied"));
}

#[tokio::test]
async fn errors_travel_in_the_form_and_an_unknown_mode_is_told_in_the_query() {
    let house = house().await;
    let browser = Browser::new();
    let good = THE_PORTAL.ask().with("response_mode", "form_post");
    for (name, value_of, error) in [
        ("prompt", "none", "login_required"),
        ("scope", "email", "invalid_scope"),
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge_method", "plain", "invalid_request"),
    ] {
        let ask = good.clone().with(name, value_of);
        let fields = posted(&house, &browser.get(&ask.url(&house)).await, &ask);
        assert_eq!(value(&fields, "error"), Some(error), "{name}");
        assert!(value(&fields, "error_description").is_some() && value(&fields, "code").is_none());
    }
    for mode in ["fragment", "FORM_POST", "query form_post"] {
        let ask = THE_PORTAL.ask().with("response_mode", mode);
        assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "invalid_request");
    }
    // Nobody's form leads to an address that is not registered.
    let page = browser.get(&good.clone().with("redirect_uri", "https://evil.example/").url(&house)).await;
    assert_eq!((page.status, page.body.contains("evil.example")), (StatusCode::BAD_REQUEST, false));
}

#[tokio::test]
async fn a22_what_the_portal_sends_along_becomes_no_markup() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let state = r#"'"></form><script>alert(1)</script>"#;
    let ask = THE_PORTAL.ask().with("response_mode", "form_post").with("state", state);
    let page = browser.get(&ask.url(&house)).await;
    assert_eq!(value(&posted(&house, &page, &ask), "state"), Some(state));
    assert!(!page.body.contains("<script>"));
}

/// However the answer travels, and whether a session or a login gives it: nobody keeps it, no link tells of it, and it stands in no
/// address but that of the portal.
#[tokio::test]
async fn a10_a_code_on_its_way_is_kept_by_nobody_and_stands_in_no_address_of_ours() {
    let house = house().await;
    for (number, mode) in
        ["", "query", "form_post", "jwt", "query.jwt", "form_post.jwt"].into_iter().enumerate()
    {
        let ask = THE_PORTAL.ask().with("response_mode", mode);
        let ask = if mode.is_empty() { ask.without("response_mode") } else { ask };
        let posted = mode.starts_with("form_post");
        let name = if mode.ends_with("jwt") { "response" } else { "code" };
        let (browser, email) = (Browser::new(), format!("jansen{number}@voorbeeld.nl"));
        let choose = browser.visit(&ask.url(&house), CALLBACK).await;
        let form = browser.get(&format!("{}/register", choose.url)).await;
        let typed = [("email", email.as_str()), ("password", PASSWORD)];
        let sent = browser.submit(&form, "register-form", &typed).await;
        let page = browser.follow(sent, CALLBACK).await;
        let by_login = browser.submit(&page, "code-form", &[("code", &house.code(&email, 1))]).await;
        let by_session = browser.get(&ask.url(&house)).await;
        for (how, page) in [("login", by_login), ("session", by_session)] {
            let case = format!("{mode} by a {how}");
            let header = |name: &str| page.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(header("cache-control").as_deref(), Some("no-store"), "{case}");
            assert_eq!(header("referrer-policy").as_deref(), Some("same-origin"), "{case}");
            // After a POST too, so that no browser posts what was typed to the portal (RFC 9700, section 4.12).
            assert_eq!(page.status, if posted { 200 } else { 303 }, "{case}");
            assert_eq!(page.location().is_none(), posted, "{case}");
            let told = if posted {
                page.form("form-post").1[name].clone()
            } else {
                assert!(page.body.is_empty(), "{case}");
                answer(&page)[name].as_str().unwrap().to_owned()
            };
            assert!(told.len() > 20 && !page.url.as_str().contains(&told), "{case}: {}", page.url);
            assert_eq!(page.url.query().is_some(), how == "session", "{case}: only what the portal asked");
        }
    }
}
