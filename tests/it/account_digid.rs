//! Unlinking DigiD at "Mijn account" (F13).

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};

use crate::{
    account::at,
    browser::{Browser, Page},
    digid_not_asked::take_digid_away,
    digid_steps::{
        answer, at_question, audit, bsn, go_on, link, log_in_with_digid, register_with_digid, through_digid,
    },
    house::{CALLBACK, House, PASSWORD},
    oidc_client::{THE_PORTAL, assert_refused},
    portal::{at_digid, log_in, press_digid, request},
};

const OWNER: &str = "jansen@voorbeeld.nl";
const OUT: &str = "U bent uitgelogd.";

async fn shown(house: &House, browser: &Browser) -> Page {
    browser.visit(&at(house, "/account/digid"), CALLBACK).await
}

async fn unlink(browser: &Browser, page: &Page) -> Page {
    browser.submit(page, "unlink-form", &[]).await
}

fn linked(house: &House) -> String {
    house.query("SELECT COUNT(*) FROM accounts WHERE digid_linked_at IS NOT NULL").pop().unwrap()
}

#[tokio::test]
async fn f13_digid_is_unlinked_with_digid_and_linked_again_and_sub_stays() {
    let house = House::start().await;
    let bsn = bsn(1);
    let first = register_with_digid(&house, &bsn, OWNER, PASSWORD).await;
    // A password and a mailbox do not take DigiD away.
    let local = Browser::new();
    log_in(&house, &local, OWNER, 2).await;
    let own = local.get(&at(&house, "/account")).await;
    assert!(["to-digid", "to-merge", "to-mandates"].iter().all(|id| own.link(id).is_some()), "{}", own.body);
    let asked = shown(&house, &local).await;
    assert_eq!(asked.heading(), "Inloggen bij Mijn account");
    assert!(!asked.body.contains("id=\"local\""), "DigiD only");
    let csrf = local.get(&at(&house, "/account")).await.form("everywhere-form").1["csrf"].clone();
    let url = at(&house, "/account/digid/unlink");
    let told = local.post(&url, &[("csrf", &csrf)]).await;
    assert_eq!(told.location().unwrap().path(), "/account/digid");
    assert_eq!(
        (linked(&house).as_str(), house.mails_now(OWNER).len()),
        ("1", 2),
        "nothing, and no mail of it"
    );

    let owner = Browser::new();
    let tokens = log_in_with_digid(&house, &owner, &bsn, &[], &[]).await;
    let page = shown(&house, &owner).await;
    let mine = page.form("unlink-form").1["csrf"].clone();
    for token in ["", &csrf] {
        assert_eq!(owner.post(&url, &[("csrf", token)]).await.status, StatusCode::FORBIDDEN);
    }
    for (header, evil) in [("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")] {
        let sent = owner.request(Method::POST, &url).header(header, evil);
        assert_eq!(owner.send(sent.form(&[("csrf", &mine)])).await.status, StatusCode::FORBIDDEN, "{header}");
    }
    assert_eq!(linked(&house), "1");

    let out = unlink(&owner, &page).await;
    assert_eq!((out.heading().as_str(), out.text("done").as_deref()), (OUT, Some("DigiD is losgekoppeld.")));
    let mail = house.mails(OWNER, 3).pop().unwrap();
    assert!(mail.starts_with(&format!("DigiD is losgekoppeld van uw account {OWNER}")), "{mail}");
    assert_eq!(linked(&house), "0");
    for ended in [&first, &tokens] {
        assert_refused(&THE_PORTAL.refresh(&house, ended.text("refresh_token")).await, "invalid_grant");
    }
    for browser in [&owner, &local] {
        let silent = browser.visit(&request(&house, &[("prompt", "none")]).url, CALLBACK).await;
        assert_eq!(crate::steps::answer(&silent)["error"], "login_required");
    }
    assert_eq!(house.query("SELECT COUNT(*) FROM persons WHERE bsn_index IS NOT NULL"), ["1"], "the desk's");
    // DigiD opens nothing, and makes no second account of the same person.
    let stranger = Browser::new();
    let (_, question) = at_question(&house, &stranger, &bsn).await;
    let page = crate::digid_steps::enter_new(&stranger, &question, "ander@voorbeeld.nl", PASSWORD).await;
    let code = house.code("ander@voorbeeld.nl", 1);
    let refused = stranger.submit(&page, "code-form", &[("code", &code)]).await;
    assert!(!crate::steps::is_in(&refused), "{}", refused.heading());
    assert_eq!(house.query("SELECT COUNT(*) FROM accounts"), ["1"]);
    // The password is the way in, and DigiD can be linked again: the same person for every portal.
    let again = log_in(&house, &Browser::new(), OWNER, 4).await;
    assert_eq!(again.sub(), first.sub());
    let linking = Browser::new();
    let (request, done) = link(&house, &linking, &bsn, OWNER, 5).await;
    assert_eq!(go_on(&house, &linking, &request, &done).await.sub(), first.sub());
    assert_eq!(log_in_with_digid(&house, &Browser::new(), &bsn, &[], &[]).await.sub(), first.sub());
    let log: Vec<_> = audit(&house).into_iter().filter(|line| line.contains("digid.unlinked")).collect();
    assert_eq!(log.len(), 1 + 3, "the line, and one for each of the three grants: {log:?}");
}

#[tokio::test]
async fn f13_where_there_is_no_password_digid_stays() {
    let house = House::start().await;
    let bsn = bsn(2);
    register_with_digid(&house, &bsn, OWNER, "").await;
    let owner = Browser::new();
    log_in_with_digid(&house, &owner, &bsn, &[], &[]).await;
    let page = shown(&house, &owner).await;
    assert!(page.text("needs-password").is_some() && page.text("unlink").is_none(), "{}", page.body);
    assert_eq!(page.link("to-password").unwrap().path(), "/account/password");
    let csrf = owner.get(&at(&house, "/account")).await.form("everywhere-form").1["csrf"].clone();
    let told = owner.post(&at(&house, "/account/digid/unlink"), &[("csrf", &csrf)]).await;
    assert_eq!(told.location().unwrap().path(), "/account/digid");
    assert_eq!((linked(&house).as_str(), house.mails_now(OWNER).len()), ("1", 1));
    // The twin: with a password it goes.
    let page = owner.get(&at(&house, "/account/password")).await;
    owner.submit(&page, "password-form", &[("password", PASSWORD)]).await;
    log_in_with_digid(&house, &owner, &bsn, &[], &[]).await;
    let page = shown(&house, &owner).await;
    assert_eq!(unlink(&owner, &page).await.heading(), OUT);
    assert_eq!(linked(&house), "0");
}

/// Where DigiD is not in use, a password is all that there is to come in with; it takes the link away no more than elsewhere.
#[tokio::test]
async fn f13_where_no_digid_is_in_use_it_stays_linked() {
    let mut house = House::start().await;
    register_with_digid(&house, &bsn(4), OWNER, PASSWORD).await;
    take_digid_away(&mut house);
    let owner = Browser::new();
    log_in(&house, &owner, OWNER, 2).await;
    // What takes DigiD is not offered; what does not is.
    let own = owner.get(&at(&house, "/account")).await;
    for (id, there) in [("to-digid", false), ("to-merge", false), ("to-mandates", false), ("to-log", true)] {
        assert_eq!(own.link(id).is_some(), there, "{id}: {}", own.body);
    }
    assert!(own.text("digid").unwrap().starts_with("DigiD is gekoppeld sinds"), "{}", own.body);
    let page = shown(&house, &owner).await;
    assert!(page.text("needs-digid").is_some() && page.text("unlink").is_none(), "{}", page.body);
    let csrf = owner.get(&at(&house, "/account")).await.form("everywhere-form").1["csrf"].clone();
    let told = owner.post(&at(&house, "/account/digid/unlink"), &[("csrf", &csrf)]).await;
    assert_eq!(told.location().unwrap().path(), "/account/digid");
    assert_eq!((linked(&house).as_str(), house.mails_now(OWNER).len()), ("1", 2));
}

#[tokio::test]
async fn f13_of_fifty_at_once_one_unlinks_and_no_login_by_digid_that_was_under_way_gets_in() {
    let house = House::start().await;
    let bsn = bsn(3);
    register_with_digid(&house, &bsn, OWNER, PASSWORD).await;
    let owner = Browser::new();
    log_in_with_digid(&house, &owner, &bsn, &[], &[]).await;
    let page = shown(&house, &owner).await;
    // One that has gone to DigiD, and comes back when it is too late.
    let late = Browser::new();
    let choose = late.visit(&request(&house, &[]).url, CALLBACK).await;
    let digid = press_digid(&late, &choose).await;
    let told = join_all((0..50).map(|_| unlink(&owner, &page))).await;
    assert!(told.iter().all(|page| !page.status.is_server_error()));
    assert_eq!(told.iter().filter(|page| page.heading() == OUT).count(), 1);
    house.mails(OWNER, 2);
    assert_eq!(linked(&house), "0");
    let back = at_digid(&late, &digid, &bsn, &[]).await;
    assert_eq!(back.heading(), "Heeft u al een account?");
    let form = answer(&late, &back, "have").await;
    assert_eq!(form.heading(), "Koppel DigiD aan uw account");
    let unlinked = "SELECT COUNT(*) FROM audit WHERE event = 'digid.unlinked'";
    assert_eq!(house.query(unlinked), ["1"]);
    assert_eq!(house.mails_now(OWNER).len(), 2, "one mail of it");
    let (_, question) = through_digid(&house, &Browser::new(), &bsn, &[], &[]).await;
    assert_eq!(question.heading(), "Heeft u al een account?");
}
