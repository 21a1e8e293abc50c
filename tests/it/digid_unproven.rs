//! Who comes back from DigiD with nothing that leads on into a login, and who brings an answer to a login that waits for none.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::StatusCode;
use url::Url;

use crate::{
    browser::Browser,
    digid_return::{value, way_back, with},
    digid_steps::{
        at_question, audit, bsn, calls, has_session, log_in_with_digid, register_with_digid, through_digid,
    },
    house::{CALLBACK, House, PASSWORD},
    portal::{Tokens, at_digid, code_of, press_digid, redeem, request, to_digid},
    race::at_once,
    steps::login_id,
};

/// Whoever comes back from DigiD with nothing may be another than the one who was logged in there (DigiD 3.7, step 8).
#[tokio::test]
async fn a_failed_return_from_digid_ends_the_session_that_was_there_and_a_stray_answer_ends_none() {
    let house = House::start().await;
    let bsn = bsn(1);
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let fresh = [("prompt", "login")];
    let ended = "logout not_proven".to_owned();
    for typed in [
        ("outcome", "cancel"),
        ("outcome", "no-authn-context"),
        ("outcome", "denied"),
        ("level", "Basis"),
        ("spoil", "unsigned"),
        ("spoil", "wrong-audience"),
        ("spoil", "malformed-artifact"),
        ("spoil", "unknown-artifact"),
        ("spoil", "http-500"),
    ] {
        let browser = Browser::new();
        let tokens = log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
        let before = audit(&house).len();
        let (_, page) = through_digid(&house, &browser, &bsn, &fresh, &[typed]).await;
        assert!(page.location().is_none() && !page.headers.contains_key("set-cookie"), "{typed:?}");
        assert!(!has_session(&house, &browser).await, "{typed:?}");
        assert!(!lives(&house, &tokens).await, "{typed:?}: what was given in it");
        let lines = audit(&house).split_off(before);
        assert_eq!(lines.iter().filter(|line| **line == ended).count(), 1, "{typed:?}: {lines:?}");
    }

    // The twin, in which nothing of the browser was at DigiD.
    let browser = Browser::new();
    let tokens = log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    let page = to_digid(&browser, &request(&house, &fresh)).await;
    let back = way_back(&browser, &page, &bsn).await;
    let choose = browser.visit(&request(&house, &fresh).url, CALLBACK).await;
    let id = login_id(&choose.url).unwrap();
    let elsewhere: Url = with(&back, "RelayState", &id).parse().unwrap();
    let acs = format!("{}/digid/acs", house.issuer);
    let before = audit(&house).len();
    for stray in
        [with(&back, "RelayState", "x"), elsewhere.to_string(), with(&elsewhere, "SAMLart", "x"), acs.clone()]
    {
        browser.get(&stray).await;
    }
    browser.post(&acs, &[("SAMLResponse", "PHg+"), ("RelayState", &value(&back, "RelayState"))]).await;
    let strays = ["no_login", "elsewhere", "elsewhere", "no_answer", "other_method"];
    assert_eq!(audit(&house).split_off(before), strays.map(|word| format!("login.digid digid_{word}")));
    assert!(has_session(&house, &browser).await && lives(&house, &tokens).await);
    // Nor does whoever comes back by the browser's own button, with no answer at all.
    let choose = format!("{}/login/{}", house.issuer, value(&back, "RelayState"));
    let choose = browser.visit(&choose, CALLBACK).await;
    assert!(choose.body.contains("id=\"digid-form\""), "{}", choose.heading());
    assert!(has_session(&house, &browser).await);
}

/// Whether an access token still opens what it is for.
async fn lives(house: &House, tokens: &Tokens) -> bool {
    let asked = reqwest::Client::new().get(format!("{}/userinfo", house.issuer));
    let status = asked.bearer_auth(tokens.text("access_token")).send().await.unwrap().status();
    assert!([StatusCode::OK, StatusCode::UNAUTHORIZED].contains(&status), "{status}");
    status == StatusCode::OK
}

/// An answer for a login that stands elsewhere leads to where it stands, and leaves a line.
#[tokio::test]
async fn an_answer_for_a_login_that_is_not_at_digid_leads_to_where_it_stands() {
    let house = House::start().await;
    let bsn = bsn(1);
    let stray = "login.digid digid_elsewhere";
    let (browser, asked) = (Browser::new(), request(&house, &[]));
    let choose = browser.visit(&asked.url, CALLBACK).await;
    let page = press_digid(&browser, &choose).await;
    let back = way_back(&browser, &page, &bsn).await;
    let (soap, _) = calls(&house).await;
    let arrive = async |what: &str| {
        let before = audit(&house).len();
        let page = browser.get(back.as_str()).await;
        assert_eq!(
            (page.status, page.location()),
            (StatusCode::SEE_OTHER, Some(choose.url.clone())),
            "{what}"
        );
        assert_eq!(audit(&house).split_off(before), [stray], "{what}");
        assert_eq!(calls(&house).await.0, soap, "{what}: nobody asked DigiD");
        assert!(!has_session(&house, &browser).await, "{what}");
    };
    // They came back by the browser's own button, and the answer comes after them.
    browser.get(choose.url.as_str()).await;
    arrive("at the choice").await;
    let form = browser.get(&format!("{}/register", choose.url)).await;
    let typed = [("email", "jansen@voorbeeld.nl"), ("password", PASSWORD)];
    browser.follow(browser.submit(&form, "register-form", &typed).await, CALLBACK).await;
    arrive("at the code").await;

    // The twin: an answer for the login that waits for it. Then there is a question, and the same answer changes nothing.
    let other = Browser::new();
    let (_, question) = at_question(&house, &other, &bsn).await;
    let before = audit(&house).len();
    let again = other.get(&with(&back, "RelayState", &login_id(&question.url).unwrap())).await;
    assert_eq!(again.location(), Some(question.url.clone()));
    assert_eq!(audit(&house).split_off(before), [stray]);
    assert_eq!(other.get(question.url.as_str()).await.heading(), "Heeft u al een account?");
}

/// Anybody can make up artifacts that look like DigiD's, with one login of their own. DigiD is asked about one of them.
#[tokio::test]
async fn many_made_up_artifacts_for_one_login_ask_digid_once() {
    let house = House::start().await;
    let bsn = bsn(1);
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let (browser, request) = (Arc::new(Browser::new()), request(&house, &[]));
    let back = way_back(&browser, &to_digid(&browser, &request).await, &bsn).await;
    let genuine = STANDARD.decode(value(&back, "SAMLart")).unwrap();
    let before = calls(&house).await.0;
    let all = (0..40_u8).map(|n| {
        let mut made_up = genuine.clone();
        *made_up.last_mut().unwrap() ^= n + 1;
        let (browser, url) = (browser.clone(), with(&back, "SAMLart", &STANDARD.encode(made_up)));
        async move { browser.get(&url).await.status }
    });
    for status in at_once(all).await {
        assert!(!status.is_success(), "{status}");
    }
    assert_eq!(calls(&house).await.0, before + 1);
    // The twin: the same login, tried again.
    let choose = browser.get(&format!("{}/login/{}", house.issuer, value(&back, "RelayState"))).await;
    let digid = press_digid(&browser, &choose).await;
    let tokens = redeem(&house, &request, &code_of(&at_digid(&browser, &digid, &bsn, &[]).await)).await;
    assert!(!tokens.sub().is_empty());
}
