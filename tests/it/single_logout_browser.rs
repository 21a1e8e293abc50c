//! Single logout with DigiD (F15), of whatever DigiD opened in one browser: its session belongs to the browser, and outlives
//! ours.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use namens::clock::Clock;

use crate::{
    browser::{Browser, Page},
    digid_steps::{at_question, audit, bsn, enter_new, has_session, log_in_with_digid, register_with_digid},
    house::{CALLBACK, House, Options},
    portal::{Tokens, code_of, log_in, redeem, register},
    single_logout::{BACK, assert_partly, count, house, ordered, refusals, sign_out},
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
    assert_eq!(count(&house, "digid_sessions"), "2", "the registration's and the other browser's");
    // The twin: one login, one session.
    let tokens = log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    assert_eq!(asked(&sign_out(&house, &browser, &tokens).await).1, 1);
}

#[tokio::test]
async fn a_login_by_password_in_the_same_browser_does_not_hide_digids_session() {
    let (house, bsn, email) = (house().await, bsn(1), "ander@voorbeeld.nl");
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    register(&house, &Browser::new(), email).await;
    let browser = Browser::new();
    log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    let local = log_in(&house, &browser, email, 2).await;
    let page = sign_out(&house, &browser, &local).await;
    assert_eq!(asked(&page), (format!("s00000000:{bsn}"), 1));
    is_home(&house, &browser, &page).await;
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

/// DigiD is never told that a session ended by itself.
#[tokio::test]
async fn a_session_that_has_gone_idle_is_still_signed_out_of_at_digid() {
    let options = Options {
        digid: "single_logout = true",
        top: "session = { idle_minutes = 1 }",
        ..Options::default()
    };
    let (house, bsn) = (House::start_with(options).await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let (hinted, bare, stranger) = (Browser::new(), Browser::new(), Browser::new());
    let tokens = log_in_with_digid(&house, &hinted, &bsn, &[], &[]).await;
    let others = log_in_with_digid(&house, &bare, &bsn, &[], &[]).await;
    let idle = Clock.now().plus(61);
    while Clock.now() < idle {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // Another browser with somebody's ID token learns nothing.
    assert_eq!(sign_out(&house, &stranger, &tokens).await.location().unwrap().as_str(), BACK);
    assert!(!has_session(&house, &hinted).await && !has_session(&house, &bare).await);

    let page = sign_out(&house, &hinted, &tokens).await;
    assert_eq!(asked(&page), (format!("s00000000:{bsn}"), 1));
    is_home(&house, &hinted, &page).await;
    assert_eq!(audit(&house).iter().filter(|line| *line == "logout ok by somebody").count(), 1);
    // Without a word of the portal, or with one about another session, the user is asked first.
    assert_eq!(sign_out(&house, &bare, &tokens).await.heading(), "Wilt u uitloggen?");
    let asking = bare.get(&format!("{}/logout", house.issuer)).await;
    assert_eq!(asking.heading(), "Wilt u uitloggen?");
    let page = bare.submit(&asking, "logout-form", &[]).await;
    let end = out_at_digid(&house, &bare, &page).await;
    assert_eq!(end.heading(), "U bent uitgelogd.");
    // Once.
    let again = sign_out(&house, &bare, &others).await;
    assert_eq!(again.location().unwrap().as_str(), BACK);
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
