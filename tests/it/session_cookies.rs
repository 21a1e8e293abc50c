//! What a real cookie of before is worth, sent again: nothing (attack 9 of the design's table).

use namens::clock::Clock;
use reqwest::{Method, header::SET_COOKIE};

use crate::{
    browser::{Browser, Page},
    house::{CALLBACK, House, PASSWORD},
    mandates_desk::{digid_account, fresh_bsn},
    oidc_client::{THE_PORTAL, answer},
    portal::{at_digid, code_of, request},
    steps::{account, to_code, to_register_code, type_code},
};

const OWNER: &str = "jansen@voorbeeld.nl";
const OTHER: &str = "pietersen@voorbeeld.nl";
const LOW: &str = "http://eidas.europa.eu/LoA/low";

/// The session's cookie that a page sets, as a browser sends it.
fn cookie(page: &Page) -> String {
    let lines = page.headers.get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap());
    let mut sessions = lines.filter(|line| line.starts_with("namens-session="));
    sessions.next().unwrap().split(';').next().unwrap().to_owned()
}

/// Who is logged in to whoever sends this cookie: the subject of the ID token.
async fn opens(house: &House, cookie: &str) -> Option<String> {
    let (ask, browser) = (THE_PORTAL.ask().with("prompt", "none"), Browser::new());
    let page = browser.send(browser.request(Method::GET, &ask.url(house)).header("cookie", cookie)).await;
    let told = answer(&page);
    let Some(code) = told.get("code") else {
        assert_eq!(told["error"], "login_required");
        return None;
    };
    Some(THE_PORTAL.redeem(house, &ask, code.as_str().unwrap()).await.sub().to_owned())
}

#[tokio::test]
async fn a9_a_real_cookie_of_before_a_login_another_account_or_a_logout_opens_nothing() {
    let house = House::start().await;
    account(&house, OTHER).await;
    let browser = Browser::new();
    let page = to_register_code(&browser, &request(&house, &[]), OWNER, PASSWORD).await;
    let first = cookie(&type_code(&browser, &page, &house.code(OWNER, 1)).await);
    let owner = opens(&house, &first).await.expect("the twin: it is good until there is another");

    // The same person logs in anew, in this browser.
    let (_, page, code) = to_code(&house, &browser, OWNER, 2).await;
    let second = cookie(&type_code(&browser, &page, &code).await);
    assert_eq!(opens(&house, &first).await, None);
    assert_eq!(opens(&house, &second).await.as_ref(), Some(&owner));

    // Somebody else does.
    let (_, page, code) = to_code(&house, &browser, OTHER, 2).await;
    let third = cookie(&type_code(&browser, &page, &code).await);
    assert_eq!(opens(&house, &second).await, None);
    let other = opens(&house, &third).await.unwrap();
    assert_ne!(other, owner);

    // They sign out.
    let out = browser.get(&format!("{}/logout", house.issuer)).await;
    let out = browser.submit(&out, "logout-form", &[]).await;
    assert!(out.status.is_success(), "{}", out.status);
    for old in [&first, &second, &third] {
        assert_eq!(opens(&house, old).await, None);
    }
    // What the browser held when it logged in does not come to life with a later login.
    let (_, page, code) = to_code(&house, &browser, OTHER, 3).await;
    let fourth = cookie(&type_code(&browser, &page, &code).await);
    assert_eq!(opens(&house, &fourth).await.as_ref(), Some(&other));
    for old in [&first, &second, &third] {
        assert_eq!(opens(&house, old).await, None);
    }
}

#[tokio::test]
async fn a9_a_real_cookie_of_before_a_step_up_opens_nothing() {
    let house = House::start().await;
    let bsn = fresh_bsn();
    let mine = digid_account(&house, &Browser::new(), &bsn, OWNER).await;
    let browser = Browser::new();
    let (_, page, code) = to_code(&house, &browser, OWNER, 2).await;
    let local = cookie(&type_code(&browser, &page, &code).await);
    assert_eq!(opens(&house, &local).await.as_deref(), Some(mine.sub()));
    let ask = THE_PORTAL.ask().with("acr_values", LOW);
    let page = browser.visit(&ask.url(&house), CALLBACK).await;
    let done = at_digid(&browser, &page, &bsn, &[]).await;
    code_of(&done);
    assert_eq!(opens(&house, &local).await, None, "the session below the step");
    assert_eq!(opens(&house, &cookie(&done)).await.as_deref(), Some(mine.sub()));
}

/// A neighbour under the same domain can set a cookie for it, but none with the prefix (RFC 6265bis section 4.1.3.2), and cannot read ours.
#[tokio::test]
async fn a25_a_real_cookie_planted_without_its_prefix_or_twice_opens_nothing() {
    let mut house = House::start().await;
    account(&house, OWNER).await;
    let listens = house.issuer.clone();
    let issuer = listens.replace("http://", "https://");
    house.reconfigure(&format!("issuer = \"{listens}\""), &format!("issuer = \"{issuer}\""));
    let ours = house.session(OWNER, (Clock.now(), 0), |_| {}).await;
    let real = ours.cookies.split(';').next().unwrap().split_once('=').unwrap().1.to_owned();
    let silent = THE_PORTAL.ask().with("prompt", "none").url(&house);
    let hears = async |lines: &[String]| {
        let browser = Browser::new();
        let get =
            lines.iter().fold(browser.request(Method::GET, &silent), |get, line| get.header("cookie", line));
        answer(&browser.send(get).await)
    };
    let (prefixed, bare) = (format!("__Host-namens-session={real}"), format!("namens-session={real}"));
    assert!(hears(std::slice::from_ref(&prefixed)).await.contains_key("code"), "the twin: it is real");
    assert!(
        hears(&[format!("{bare}; {prefixed}")]).await.contains_key("code"),
        "what was planted beside it is nothing"
    );
    for planted in [
        vec![bare.clone()],
        vec![format!("__Secure-namens-session={real}")],
        vec![format!("__host-namens-session={real}")],
        vec![format!("{prefixed}; {prefixed}")],
        vec![format!("{prefixed}; __Host-namens-session=x.y")],
        vec![format!("__Host-namens-session=x.y; {prefixed}")],
        vec![prefixed.clone(), prefixed.clone()],
    ] {
        assert_eq!(
            hears(&planted).await["error"],
            "login_required",
            "{}",
            planted.join(" | ").replace(&real, "~")
        );
    }
}
