//! A session that is worth too little is sent to DigiD at once, and stays whose it is (OpenID Connect Core, section 3.1.2.1:
//! `acr_values`; M7).

use crate::{
    browser::{Browser, Page},
    digid_steps::has_session,
    house::{CALLBACK, House, Options, PASSWORD},
    mandates_desk::{digid_account, fresh_bsn},
    oidc_client::{Ask, THE_PORTAL, assert_error},
    portal::{at_digid, code_of, log_in, press_digid, register},
};

const OWNER: &str = "jansen@voorbeeld.nl";
const LOW: &str = "http://eidas.europa.eu/LoA/low";

fn low() -> Ask {
    THE_PORTAL.ask().with("acr_values", LOW)
}

/// From a portal's request to DigiD's own page, without a page of ours in between.
async fn straight_to_digid(house: &House, browser: &Browser, ask: &Ask) -> Page {
    let first = browser.get(&ask.url(house)).await;
    let location = first.location().unwrap_or_else(|| panic!("{}: {}", first.status, first.heading()));
    assert!(location.as_str().starts_with(&house.digid), "{location}");
    browser.follow(first, CALLBACK).await
}

#[tokio::test]
async fn a_local_session_goes_straight_to_digid_and_keeps_its_account() {
    let house = House::start().await;
    let bsn = fresh_bsn();
    let mine = digid_account(&house, &Browser::new(), &bsn, OWNER).await;
    let browser = Browser::new();
    let local = log_in(&house, &browser, OWNER, 2).await;
    assert_eq!((local.sub(), local.acr()), (mine.sub(), "urn:namens:acr:local"));
    let ask = low();
    let page = straight_to_digid(&house, &browser, &ask).await;
    let done = at_digid(&browser, &page, &bsn, &[]).await;
    let tokens = THE_PORTAL.redeem(&house, &ask, &code_of(&done)).await;
    assert_eq!((tokens.sub(), tokens.acr()), (mine.sub(), LOW));
    // It is a new session: the local one, and what was granted in it, is over.
    assert_ne!(tokens.claims["sid"], local.claims["sid"]);
    let again = low();
    THE_PORTAL.code(&house, &browser, &again).await;
    // Whoever has no session, or wants to log in anew, chooses; so does who comes back from DigiD.
    for (browser, ask) in [(Browser::new(), low()), (browser.clone(), low().with("prompt", "login"))] {
        assert_eq!(
            browser.visit(&ask.url(&house), CALLBACK).await.heading(),
            "Inloggen bij Huisarts De Linde"
        );
    }
}

#[tokio::test]
async fn an_unknown_digid_is_linked_to_the_account_by_its_password_and_code() {
    let house = House::start().await;
    let browser = Browser::new();
    let mine = register(&house, &browser, OWNER).await;
    let ask = low();
    let page = straight_to_digid(&house, &browser, &ask).await;
    let link = at_digid(&browser, &page, &fresh_bsn(), &[]).await;
    assert_eq!(link.heading(), "Koppel DigiD aan uw account");
    // The open session is no proof: whoever sits there must know the password and read the mail.
    assert!(!link.body.contains(OWNER));
    let typed = [("email", OWNER), ("password", PASSWORD)];
    let page = browser.follow(browser.submit(&link, "link-form", &typed).await, CALLBACK).await;
    let linked = browser.submit(&page, "code-form", &[("code", &house.code(OWNER, 2))]).await;
    let linked = browser.follow(linked, CALLBACK).await;
    let done = browser.submit(&linked, "continue-form", &[]).await;
    let tokens = THE_PORTAL.redeem(&house, &ask, &code_of(&done)).await;
    assert_eq!((tokens.sub(), tokens.acr()), (mine.sub(), LOW));
}

#[tokio::test]
async fn the_digid_of_somebody_else_lets_nobody_in_and_ends_the_session() {
    let house = House::start().await;
    let other = fresh_bsn();
    let theirs = digid_account(&house, &Browser::new(), &other, "pietersen@voorbeeld.nl").await;
    let browser = Browser::new();
    register(&house, &browser, OWNER).await;
    let ask = low();
    let page = straight_to_digid(&house, &browser, &ask).await;
    let refused = at_digid(&browser, &page, &other, &[]).await;
    assert_error(&house, &refused, &ask, "login_required");
    assert!(!has_session(&house, &browser).await, "somebody else sits there");
    // From now on they log in as themselves.
    let ask = low();
    let choose = browser.visit(&ask.url(&house), CALLBACK).await;
    let page = press_digid(&browser, &choose).await;
    let done = at_digid(&browser, &page, &other, &[]).await;
    assert_eq!(THE_PORTAL.redeem(&house, &ask, &code_of(&done)).await.sub(), theirs.sub());
}

#[tokio::test]
async fn who_cancels_at_digid_loses_the_session_and_may_try_again() {
    let house = House::start_with(Options { digid: "binding = \"post\"", ..Options::default() }).await;
    let browser = Browser::new();
    let other = fresh_bsn();
    let theirs = digid_account(&house, &Browser::new(), &other, "pietersen@voorbeeld.nl").await;
    register(&house, &browser, OWNER).await;
    let ask = low();
    // Where requests travel in a form, that form is the first page.
    let form = browser.get(&ask.url(&house)).await;
    assert_eq!(form.heading(), "Verder naar DigiD");
    let page = browser.follow(browser.submit(&form, "digid-form", &[]).await, CALLBACK).await;
    let back = at_digid(&browser, &page, "999990019", &[("outcome", "cancel")]).await;
    assert!(back.text("notice").is_some_and(|notice| notice.contains("geannuleerd")), "{}", back.heading());
    assert!(back.text("digid").is_some() && back.text("local").is_none());
    assert!(!has_session(&house, &browser).await, "who sits there is not known any more");
    // So it is a login like any other, of whoever it is: there is no session left to be worth more.
    let page = press_digid(&browser, &back).await;
    let done = at_digid(&browser, &page, &other, &[]).await;
    assert_eq!(THE_PORTAL.redeem(&house, &ask, &code_of(&done)).await.sub(), theirs.sub());
}
