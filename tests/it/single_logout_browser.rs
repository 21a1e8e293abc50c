//! Single logout with DigiD (F15), of whatever DigiD opened in one browser: its session belongs to the browser, and outlives
//! ours.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use namens::clock::Clock;
use reqwest::{
    Method,
    header::{COOKIE, SET_COOKIE},
};

use crate::{
    browser::{Browser, Page},
    digid_steps::{
        at_question, audit, bsn, change, enter_new, has_session, log_in_with_digid, register_with_digid,
    },
    house::{CALLBACK, House, PASSWORD},
    portal::{Tokens, code_of, log_in, redeem, register, request},
    single_logout::{BACK, NOT_EVERYWHERE, assert_partly, house, ordered, refusals, sign_out},
};

const AGAIN: &[(&str, &str)] = &[("prompt", "login")];

/// What the request that a form carries names: the NameID, and how many sessions.
fn asked(page: &Page) -> (String, usize) {
    let (_, fields) = page.form("digid-logout-form");
    let request = String::from_utf8(STANDARD.decode(&fields["SAMLRequest"]).unwrap()).unwrap();
    let name = request.split("<saml:NameID>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    (name, request.matches("<samlp:SessionIndex>").count())
}

/// From the page with the form through DigiD and back; DigiD must have known all that was named.
async fn out_at_digid(house: &House, browser: &Browser, page: &Page) -> Page {
    let sent = browser.submit(page, "digid-logout-form", &[]).await;
    assert_eq!(refusals(house).await, [""; 0]);
    browser.follow(sent, BACK).await
}

/// The page for whom nothing can be sent to DigiD, with the way back to the portal.
fn assert_names_nobody(page: &Page) {
    assert_partly(page, "names nobody");
    assert!(!page.body.contains("SAMLRequest"), "{}", page.body);
}

async fn is_home(house: &House, browser: &Browser, page: &Page) {
    let home = out_at_digid(house, browser, page).await;
    assert_eq!(home.location().map(String::from).as_deref(), Some(BACK), "{}", home.heading());
}

#[tokio::test]
async fn a_second_login_in_one_browser_leaves_none_of_digids_sessions_behind() {
    let (house, bsn) = (house().await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let (browser, other) = (Browser::new(), Browser::new());
    log_in_with_digid(&house, &other, &bsn, &[], &[]).await;
    let first = log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    let second = log_in_with_digid(&house, &browser, &bsn, AGAIN, &[]).await;
    // Who shows the ID token of a session that gave way is asked first.
    assert_eq!(sign_out(&house, &browser, &first).await.heading(), "Wilt u uitloggen?");
    let page = sign_out(&house, &browser, &second).await;
    assert_eq!(asked(&page), (format!("s00000000:{bsn}"), 2), "both, and not that of the other browser");
    is_home(&house, &browser, &page).await;
    assert!(!has_session(&house, &browser).await && has_session(&house, &other).await);
    assert_eq!(house.count("digid_sessions"), 2, "the registration's and the other browser's");
    // The twin: one login, one session.
    let tokens = log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    assert_eq!(asked(&sign_out(&house, &browser, &tokens).await).1, 1);
}

#[tokio::test]
async fn a_login_by_password_in_the_same_browser_does_not_hide_digids_session() {
    let (house, bsn, own, email) = (house().await, bsn(1), "jansen@voorbeeld.nl", "ander@voorbeeld.nl");
    register_with_digid(&house, &bsn, own, PASSWORD).await;
    register(&house, &Browser::new(), email).await;
    // The same person.
    let browser = Browser::new();
    log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    let local = log_in(&house, &browser, own, 2).await;
    let page = sign_out(&house, &browser, &local).await;
    assert_eq!(asked(&page), (format!("s00000000:{bsn}"), 1));
    is_home(&house, &browser, &page).await;
    // Somebody else hears that not everybody may be out, and nothing of whoever was there before.
    log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    let local = log_in(&house, &browser, email, 2).await;
    assert_names_nobody(&sign_out(&house, &browser, &local).await);
    assert!(!has_session(&house, &browser).await, "their own session has ended");
    assert_eq!(
        house.count("digid_sessions"),
        2,
        "the registration's, and the one that DigiD was not told of"
    );
    // The twin: the next one in that browser has nothing to do with DigiD.
    let local = log_in(&house, &browser, email, 3).await;
    assert_eq!(sign_out(&house, &browser, &local).await.location().unwrap().as_str(), BACK);
}

/// A request is for one person. Somebody else's BSN stands in no page of theirs; they hear that not everybody may be out.
#[tokio::test]
async fn of_two_people_in_one_browser_the_last_one_is_named_and_the_page_says_what_is_true() {
    let (house, one, two) = (house().await, bsn(1), bsn(2));
    register_with_digid(&house, &one, "een@voorbeeld.nl", "").await;
    register_with_digid(&house, &two, "twee@voorbeeld.nl", "").await;
    let browser = Browser::new();
    log_in_with_digid(&house, &browser, &one, &[], &[]).await;
    let tokens = log_in_with_digid(&house, &browser, &two, AGAIN, &[]).await;
    let page = sign_out(&house, &browser, &tokens).await;
    assert_eq!(asked(&page), (format!("s00000000:{two}"), 1));
    assert_partly(&out_at_digid(&house, &browser, &page).await, "DigiD was not told of the first");
    // The twin: the same one twice.
    log_in_with_digid(&house, &browser, &two, &[], &[]).await;
    let tokens = log_in_with_digid(&house, &browser, &two, AGAIN, &[]).await;
    let page = sign_out(&house, &browser, &tokens).await;
    is_home(&house, &browser, &page).await;
}

/// DigiD is never told that a session ended by itself. Whoever sits there now may be somebody else.
#[tokio::test]
async fn after_a_session_that_ended_by_itself_nobody_is_named_and_nobody_is_told_that_all_is_done() {
    let (house, bsn) = (house().await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let (browser, stranger) = (Browser::new(), Browser::new());
    let tokens = log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    change(&house, "DELETE FROM ephemeral WHERE kind = 'session'");
    // Another browser with somebody's ID token learns nothing.
    assert_eq!(sign_out(&house, &stranger, &tokens).await.location().unwrap().as_str(), BACK);
    for _ in 0..2 {
        assert_names_nobody(&sign_out(&house, &browser, &tokens).await);
    }
    let bare = browser.get(&format!("{}/logout", house.issuer)).await;
    assert_eq!((bare.heading().as_str(), bare.body.contains("SAMLRequest")), (NOT_EVERYWHERE, false));
    assert_eq!(house.count("digid_sessions"), 2, "the registration's, and this one");
    assert!(audit(&house).iter().all(|line| !line.starts_with("logout")), "{:?}", audit(&house));
    // The twin: whoever proves again who they are is signed out of both.
    let tokens = log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    let page = sign_out(&house, &browser, &tokens).await;
    assert_eq!(asked(&page), (format!("s00000000:{bsn}"), 2));
    is_home(&house, &browser, &page).await;
    // And once DigiD's session is over too there is nothing to say.
    let tokens = log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    change(&house, "DELETE FROM ephemeral WHERE kind = 'session'");
    assert_names_nobody(&sign_out(&house, &browser, &tokens).await);
    change(&house, "UPDATE digid_sessions SET ends = 1");
    assert_eq!(sign_out(&house, &browser, &tokens).await.location().unwrap().as_str(), BACK);
}

/// `/authorize` gives it to anybody, and it stays the same at a login: whoever sat there before may have noted it.
#[tokio::test]
async fn the_browsers_own_cookie_ends_nobodys_session_and_tells_nobodys_bsn() {
    let (house, bsn) = (house().await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let (victim, thief) = (Browser::new(), Browser::new());
    let before = victim.get(&request(&house, &[]).url).await;
    let cookie = before.headers[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    log_in_with_digid(&house, &victim, &bsn, &[], &[]).await;
    let url = format!("{}/logout", house.issuer);
    let with =
        |method: Method| thief.request(method, &url).header(COOKIE, &cookie).header("origin", &house.issuer);
    // Even with the form of that browser, whose token hangs on that cookie.
    let asking = victim.get(&url).await;
    let (_, fields) = asking.form("logout-form");
    for asked in [with(Method::GET), with(Method::POST).form(&fields)] {
        let page = thief.send(asked).await;
        assert_eq!((page.status.as_u16(), page.heading().as_str()), (200, NOT_EVERYWHERE));
        assert!(!page.body.contains("SAMLRequest"), "{}", page.body);
    }
    assert!(has_session(&house, &victim).await);
    assert_eq!(house.count("digid_sessions"), 2);
    // The twin has the session's cookie too.
    let page = victim.submit(&asking, "logout-form", &[]).await;
    assert_eq!(asked(&page), (format!("s00000000:{bsn}"), 1));
    assert!(!has_session(&house, &victim).await);
}

#[tokio::test]
async fn what_was_kept_and_does_not_open_costs_nobody_the_page() {
    let (house, bsn) = (house().await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let browser = Browser::new();
    log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    let tokens = log_in_with_digid(&house, &browser, &bsn, AGAIN, &[]).await;
    let spoil = "UPDATE digid_sessions SET name_sealed = x'00' WHERE sid ";
    let sid = tokens.claims["sid"].as_str().unwrap();
    change(&house, &format!("{spoil} <> '{sid}'"));
    let page = sign_out(&house, &browser, &tokens).await;
    assert_eq!(asked(&page), (format!("s00000000:{bsn}"), 1), "the other one");
    assert_partly(&out_at_digid(&house, &browser, &page).await, "DigiD was not told of one");
    let tokens = log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    change(&house, &format!("{spoil} IS NOT NULL"));
    assert_names_nobody(&sign_out(&house, &browser, &tokens).await);
    assert!(!has_session(&house, &browser).await);
}

#[tokio::test]
async fn what_digid_names_ends_and_a_newer_session_of_that_browser_does_not() {
    let (house, bsn) = (house().await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let browser = Browser::new();
    log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    log_in_with_digid(&house, &browser, &bsn, AGAIN, &[]).await;
    ordered(&house, &[("bsn", &bsn), ("session", "1")]).await;
    assert!(has_session(&house, &browser).await, "it was about the one before");
    assert_eq!(audit(&house).last().map(String::as_str), Some("logout.digid nobody"));
    ordered(&house, &[("bsn", &bsn), ("session", "2")]).await;
    assert!(!has_session(&house, &browser).await);
}

/// A request refuses the logins that were under way only where it names them.
#[tokio::test]
async fn a_request_about_one_session_does_not_refuse_a_login_of_another() {
    let house = house().await;
    let people = [(bsn(1), "een@voorbeeld.nl"), (bsn(2), "twee@voorbeeld.nl"), (bsn(3), "drie@voorbeeld.nl")];
    let mut pending: Vec<(Browser, _, Page, &str)> = Vec::new();
    for (bsn, email) in &people {
        // The login that is named is another's, this one's, and everyone's.
        at_question(&house, &Browser::new(), bsn).await;
        let browser = Browser::new();
        let (request, question) = at_question(&house, &browser, bsn).await;
        pending.push((browser, request, question, email));
    }
    // Times are whole seconds: one that is not later than the login says nothing of it.
    let proven = Clock.now();
    while Clock.now() <= proven {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for ((bsn, _), session) in people.iter().zip(["0", "1", ""]) {
        ordered(&house, &[("bsn", bsn), ("session", session)]).await;
    }
    let mut inside = Vec::new();
    for (browser, request, question, email) in &pending {
        let page = enter_new(browser, question, email, "").await;
        let done = browser.submit(&page, "code-form", &[("code", &house.code(email, 1))]).await;
        let end = browser.follow(done, CALLBACK).await;
        if end.location().is_some() {
            let _: Tokens = redeem(&house, request, &code_of(&end)).await;
        }
        inside.push(has_session(&house, browser).await);
    }
    assert_eq!(inside, [true, false, false], "{:?}", audit(&house));
}
