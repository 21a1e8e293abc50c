//! Whoever would be sent to DigiD and cannot be: because DigiD's metadata has ended while we run, or because there is no DigiD
//! here. They hear so, may go on where they were, and the audit log tells of it.

use std::{fs, time::Instant};

use reqwest::{Method, StatusCode};

use crate::{
    browser::{Browser, Page},
    digid_return::{FAILED, last_reason},
    digid_rollover::metadata_ends,
    digid_steps::{MIDDEN, audit, bsn, calls, has_session, log_in_with_digid, register_with_digid},
    house::{CALLBACK, House, PASSWORD},
    oidc_client::THE_PORTAL,
    portal::{at_digid, code_of, press_digid, redeem, register, request, to_digid},
    single_logout::{BACK, NOT_EVERYWHERE, house as with_single_logout, order, ordered, sign_out},
    steps::{code_for, login_id, to_recover_code, type_code},
};

const LINK: &str = "Koppel DigiD aan uw account";
const NOT_LOGGED_OUT: &str = "logout.digid digid_broken";
const ENDED: &str = "DigiD's metadata has ended";
const BROKEN: &str = "login.digid digid_broken";

/// An installation that has no DigiD.
pub async fn without_digid() -> House {
    let mut house = House::start().await;
    take_digid_away(&mut house);
    house
}

/// Starts it anew without DigiD.
pub fn take_digid_away(house: &mut House) {
    let file = house.folder.join("namens.toml");
    let text = fs::read_to_string(&file).unwrap();
    let (before, after) = (text.find("[digid]").unwrap(), text.find("[[client]]").unwrap());
    fs::write(&file, format!("{}{}", &text[..before], &text[after..])).unwrap();
    house.kill();
    house.open_doors();
}

/// That the page says so and leads back to the login, and one line tells of it. Gives where it leads.
async fn is_told(house: &House, browser: &Browser, page: &Page, lines: usize, what: &str) -> Page {
    assert_eq!((page.status.as_u16(), page.heading().as_str()), (502, FAILED), "{what}");
    assert!(page.body.contains("Huisarts De Linde"), "{what}: within the login of its portal");
    assert_eq!(audit(house).split_off(lines), [BROKEN], "{what}");
    assert!(last_reason(house).starts_with(ENDED), "{what}: {}", last_reason(house));
    assert!(!house.log().contains("a request failed"), "{what}: {}", house.log());
    browser.visit(page.link("go-on").unwrap().as_str(), CALLBACK).await
}

/// Each door that leads to DigiD. The twin of each is the same door once the metadata is mended.
#[tokio::test]
async fn who_cannot_be_sent_to_digid_hears_so_and_goes_on_where_they_were() {
    let house = House::start().await;
    let owner = bsn(1);
    register_with_digid(&house, &owner, "jansen@voorbeeld.nl", PASSWORD).await;
    // Whoever logs in; a session without DigiD, of which a portal will want more; and whoever has forgotten their password, and
    // has shown that the address is theirs.
    let (newcomer, local, forgetful) = (Browser::new(), Browser::new(), Browser::new());
    let first = request(&house, &[]);
    let choose = newcomer.visit(&first.url, CALLBACK).await;
    register(&house, &local, "pietersen@voorbeeld.nl").await;
    let page = to_recover_code(&forgetful, &request(&house, &[]), "jansen@voorbeeld.nl").await;
    let typed = type_code(&forgetful, &page, &code_for(&house, "jansen@voorbeeld.nl", &page)).await;
    let prove = forgetful.follow(typed, CALLBACK).await;

    let mend = metadata_ends(&house).await;
    let lines = || audit(&house).len();
    let before = lines();
    let page = newcomer.submit(&choose, "digid-form", &[]).await;
    let again = is_told(&house, &newcomer, &page, before, "to log in").await;
    assert_eq!(again.url, choose.url);
    assert!(again.text("digid").is_some() && again.text("local").is_some(), "what is left is offered");

    let before = lines();
    let more = THE_PORTAL.ask().with("acr_values", MIDDEN);
    let page = local.get(&more.url(&house)).await;
    let stepping = is_told(&house, &local, &page, before, "to be worth more").await;
    assert!(stepping.text("digid").is_some() && stepping.text("local").is_none());
    assert!(has_session(&house, &local).await, "nothing was asked of them");

    let before = lines();
    let page = forgetful.submit(&prove, "digid-form", &[]).await;
    let proving = is_told(&house, &forgetful, &page, before, "to show whose password it is").await;
    assert_eq!(proving.heading(), prove.heading());

    mend().await;
    let page = press_digid(&newcomer, &again).await;
    redeem(&house, &first, &code_of(&at_digid(&newcomer, &page, &owner, &[]).await)).await;
    let page = press_digid(&local, &stepping).await;
    let link = at_digid(&local, &page, &bsn(2), &[]).await;
    assert_eq!(link.heading(), LINK, "it still adds to their session");
    let page = press_digid(&forgetful, &proving).await;
    assert_eq!(at_digid(&forgetful, &page, &owner, &[]).await.heading(), "Kies een nieuw wachtwoord");
}

/// Whoever is at DigiD when its metadata ends, and whoever wants to be logged out there, or whom DigiD wants logged out here.
#[tokio::test]
async fn what_digid_cannot_be_asked_on_the_way_back_or_at_a_logout_is_told_and_ends_no_session() {
    let house = with_single_logout().await;
    let owner = bsn(1);
    register_with_digid(&house, &owner, "jansen@voorbeeld.nl", "").await;
    let (leaving, away, stepping) = (Browser::new(), Browser::new(), Browser::new());
    let tokens = log_in_with_digid(&house, &leaving, &owner, &[], &[]).await;
    log_in_with_digid(&house, &away, &owner, &[], &[]).await;
    let fresh = request(&house, &[("prompt", "login")]);
    let at = to_digid(&away, &fresh).await;
    register(&house, &stepping, "pietersen@voorbeeld.nl").await;
    let more = THE_PORTAL.ask().with("acr_values", MIDDEN);
    let below = stepping.follow(stepping.get(&more.url(&house)).await, CALLBACK).await;

    let mend = metadata_ends(&house).await;
    let (soap, _) = calls(&house).await;
    let lines = || audit(&house).len();
    let before = lines();
    let page = at_digid(&away, &at, &owner, &[]).await;
    let back = is_told(&house, &away, &page, before, "with a session").await;
    let before = lines();
    let page = at_digid(&stepping, &below, &bsn(2), &[]).await;
    let stepped = is_told(&house, &stepping, &page, before, "with one that was to be worth more").await;
    assert!(has_session(&house, &away).await && has_session(&house, &stepping).await, "the fault is ours");

    // Out here, and perhaps not at DigiD.
    let before = lines();
    let page = sign_out(&house, &leaving, &tokens).await;
    assert_eq!((page.status.as_u16(), page.heading().as_str()), (200, NOT_EVERYWHERE));
    assert!(page.body.contains("http://127.0.0.1:9/bye"), "the way back to the portal");
    assert!(!has_session(&house, &leaving).await);
    let told = audit(&house).split_off(before);
    assert!(told.ends_with(&["logout ok by somebody".into(), NOT_LOGGED_OUT.into()]), "{told:?}");
    // Nobody can tell whether it is DigiD that asks.
    let before = lines();
    let told = order(&house, &[("bsn", &owner)]).await;
    assert_eq!((told["status"].as_u64(), told["refused"].as_str()), (Some(500), Some("a SOAP fault")));
    assert_eq!(audit(&house).split_off(before), [NOT_LOGGED_OUT]);
    assert!(has_session(&house, &away).await);
    assert_eq!(calls(&house).await, (soap, 0), "nobody asked DigiD");

    // The twins.
    mend().await;
    let page = press_digid(&away, &back).await;
    redeem(&house, &fresh, &code_of(&at_digid(&away, &page, &owner, &[]).await)).await;
    let page = press_digid(&stepping, &stepped).await;
    assert_eq!(at_digid(&stepping, &page, &bsn(2), &[]).await.heading(), LINK);
    ordered(&house, &[("bsn", &owner)]).await;
    assert!(!has_session(&house, &away).await);
    let tokens = log_in_with_digid(&house, &leaving, &owner, &[], &[]).await;
    let page = sign_out(&house, &leaving, &tokens).await;
    let sent = leaving.submit(&page, "digid-logout-form", &[]).await;
    assert_eq!(leaving.follow(sent, BACK).await.location().unwrap().as_str(), BACK);
}

/// Whoever presses again and again fills no log.
#[tokio::test]
async fn pressing_for_a_digid_that_cannot_be_asked_leaves_a_bounded_number_of_lines() {
    let house = House::start().await;
    let browser = Browser::new();
    let choose = browser.visit(&request(&house, &[]).url, CALLBACK).await;
    let _mend = metadata_ends(&house).await;
    let begun = Instant::now();
    for _ in 0..250 {
        let page = browser.submit(&choose, "digid-form", &[]).await;
        assert_eq!((page.status.as_u16(), page.heading().as_str()), (502, FAILED));
    }
    // A window is a minute, in whole seconds of the server's clock: rather one too many than one too few.
    let windows = usize::try_from(begun.elapsed().as_secs() / 50 + 1).unwrap();
    let told = audit(&house).into_iter().filter(|line| line == BROKEN).count();
    assert!((100..=100 * windows).contains(&told), "{told} in {windows} windows");
}

/// Where there is no DigiD nothing of it is there, whatever a browser makes up.
#[tokio::test]
async fn without_digid_no_door_leads_there_or_back() {
    let house = without_digid().await;
    let (browser, asked) = (Browser::new(), request(&house, &[]));
    let choose = browser.visit(&asked.url, CALLBACK).await;
    assert!(choose.text("digid").is_none() && choose.text("local").is_some());
    let id = login_id(&choose.url).unwrap();
    let form = browser.get(&format!("{}/register", choose.url)).await;
    let csrf = form.form("register-form").1["csrf"].clone();
    let sent = browser.post(&format!("{}/digid", choose.url), &[("csrf", &csrf)]).await;
    assert_eq!((sent.status, sent.location()), (StatusCode::SEE_OTHER, Some(choose.url.clone())));
    let acs = format!("{}/digid/acs?SAMLart=x&RelayState={id}", house.issuer);
    for (method, address) in [
        (Method::GET, acs.clone()),
        (Method::GET, format!("{}/digid/acs", house.issuer)),
        (Method::POST, acs),
        (Method::GET, format!("{}/digid/metadata", house.issuer)),
        (Method::GET, format!("{}/digid/logout", house.issuer)),
        (Method::POST, format!("{}/digid/logout", house.issuer)),
    ] {
        let page = browser.send(browser.request(method.clone(), &address)).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{method} {address}");
    }
    assert!(!house.log().contains("a request failed"), "{}", house.log());
    assert!(audit(&house).iter().all(|line| !line.contains("digid")), "{:?}", audit(&house));
    // The twin: the login goes on.
    let typed = [("email", "jansen@voorbeeld.nl"), ("password", PASSWORD)];
    let page = browser.follow(browser.submit(&form, "register-form", &typed).await, CALLBACK).await;
    let code = house.code("jansen@voorbeeld.nl", 1);
    redeem(&house, &asked, &code_of(&type_code(&browser, &page, &code).await)).await;
}
