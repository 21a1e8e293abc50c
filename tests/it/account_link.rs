//! Linking DigiD from "Mijn account" (F9, docs/adr/0043): a login at DigiD, and then password and code as for every link.

use reqwest::{Method, StatusCode};

use crate::{
    account::at,
    authenticator::stale_session,
    browser::{Browser, Page},
    digid_not_asked::take_digid_away,
    digid_steps::{
        answer, at_question, bsn, change, has_session, log_in_with_digid, person_of, register_with_digid,
    },
    house::{CALLBACK, House, PASSWORD},
    mandates_desk::born,
    portal::{at_digid, log_in, press, register},
    steps::wrong,
};

const OWNER: &str = "jansen@voorbeeld.nl";
const OTHER: &str = "bakker@voorbeeld.nl";

async fn shown(house: &House, browser: &Browser) -> Page {
    browser.visit(&at(house, "/account/digid"), CALLBACK).await
}

fn linked(house: &House) -> String {
    house.query("SELECT COUNT(*) FROM accounts WHERE digid_linked_at IS NOT NULL").concat()
}

/// Presses the button and logs in at DigiD, whatever comes of it.
async fn presses(house: &House, browser: &Browser, bsn: &str) -> Page {
    let page = shown(house, browser).await;
    let digid = press(browser, &page, "link-form").await;
    at_digid(browser, &digid, bsn, &[]).await
}

/// Types the password beside the address that is filled in.
async fn types(browser: &Browser, page: &Page) -> Page {
    assert_eq!(page.heading(), "Koppel DigiD aan uw account");
    assert_eq!(page.form("link-form").1["email"], OWNER, "{}", page.body);
    let sent = browser.submit(page, "link-form", &[("password", PASSWORD)]).await;
    browser.follow(sent, CALLBACK).await
}

#[tokio::test]
async fn f9_digid_is_linked_from_the_page_by_password_and_code_and_not_by_the_session() {
    let house = House::start().await;
    let (owner, bsn) = (Browser::new(), bsn(1));
    let first = register(&house, &owner, OWNER).await;
    let page = presses(&house, &owner, &bsn).await;
    assert_eq!(linked(&house), "0", "DigiD and a session are not enough");
    let missed = owner.submit(&page, "link-form", &[("password", "een ander woord")]).await;
    assert_eq!((missed.status, linked(&house).as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "0"));
    let asked = types(&owner, &page).await;
    let mail = house.mails(OWNER, 2).pop().unwrap();
    assert!(mail.contains("De eigenaar van die DigiD kan daarna in uw account."), "{mail}");
    let code = house.code(OWNER, 2);
    let missed = owner.submit(&asked, "code-form", &[("code", &wrong(&code))]).await;
    assert_eq!((missed.status, linked(&house).as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "0"));
    let done = owner.submit(&missed, "code-form", &[("code", &code)]).await;
    let done = owner.follow(done, CALLBACK).await;
    assert_eq!((done.heading().as_str(), linked(&house).as_str()), ("DigiD is gekoppeld", "1"));
    let back = owner.submit(&done, "continue-form", &[]).await;
    let back = owner.follow(back, CALLBACK).await;
    assert_eq!(back.url.path(), "/account/digid");
    assert!(back.text("since").is_some() && back.text("unlink").is_some(), "{}", back.body);
    assert!(!back.body.contains("link-form\" method=\"post\" action=\"/account/digid/link"), "{}", back.body);
    assert_eq!(log_in_with_digid(&house, &Browser::new(), &bsn, &[], &[]).await.sub(), first.sub());
    let csrf = back.form("unlink-form").1["csrf"].clone();
    let again = owner.post(&at(&house, "/account/digid/link"), &[("csrf", &csrf)]).await;
    assert_eq!(again.location().unwrap().path(), "/account/digid", "there is nothing to link any more");
}

#[tokio::test]
async fn f9_a_digid_of_another_account_and_one_for_a_child_link_nothing() {
    let house = House::start().await;
    let (owner, theirs, own) = (Browser::new(), bsn(2), bsn(3));
    register_with_digid(&house, &theirs, OTHER, PASSWORD).await;
    register(&house, &owner, OWNER).await;
    let told = presses(&house, &owner, &theirs).await;
    assert_eq!(
        (told.heading().as_str(), linked(&house).as_str()),
        ("Een ander account", "1"),
        "{}",
        told.body
    );
    assert_eq!(told.link("to-merge").unwrap().path(), "/account/merge");
    assert!(!told.body.contains(OTHER) && !has_session(&house, &owner).await);
    // Somebody whom the desk knows to be under sixteen.
    let person = person_of(&house, OWNER);
    let birth =
        |birth: &str| change(&house, &format!("UPDATE persons SET birth = '{birth}' WHERE id = '{person}'"));
    birth(&born(15, 0));
    log_in(&house, &owner, OWNER, 2).await;
    let page = presses(&house, &owner, &own).await;
    let asked = types(&owner, &page).await;
    let sent = owner.submit(&asked, "code-form", &[("code", &house.code(OWNER, 3))]).await;
    let refused = owner.follow(sent, CALLBACK).await;
    assert_eq!(
        (refused.status, refused.heading().as_str()),
        (StatusCode::CONFLICT, "Koppelen is niet gelukt")
    );
    assert_eq!(linked(&house), "1");
    // The twin, of the day on which they are sixteen.
    birth(&born(16, 0));
    let mails = house.mails(OWNER, 4).len();
    let page = presses(&house, &owner, &own).await;
    let asked = types(&owner, &page).await;
    let sent = owner.submit(&asked, "code-form", &[("code", &house.code(OWNER, mails + 1))]).await;
    assert_eq!(owner.follow(sent, CALLBACK).await.heading(), "DigiD is gekoppeld");
    assert_eq!(linked(&house), "2");
}

#[tokio::test]
async fn f9_from_the_page_of_one_account_no_other_one_is_linked_and_none_is_made() {
    let house = House::start().await;
    let (owner, bsn) = (Browser::new(), bsn(4));
    register(&house, &Browser::new(), OTHER).await;
    register(&house, &owner, OWNER).await;
    let accounts = || house.query("SELECT COUNT(*) FROM accounts").concat();
    let page = presses(&house, &owner, &bsn).await;
    // The other one's address, with its right password, and an address that has no account.
    let mut told = Vec::new();
    for (address, password) in
        [(OTHER, PASSWORD), (OTHER, "een ander woord"), ("nieuw@voorbeeld.nl", PASSWORD)]
    {
        let sent = owner.submit(&page, "link-form", &[("email", address), ("password", password)]).await;
        let sent = owner.follow(sent, CALLBACK).await;
        assert_eq!(sent.status, StatusCode::UNPROCESSABLE_ENTITY, "{address}: {}", sent.heading());
        let error = sent.text("error").unwrap();
        assert!(error.contains("DigiD is nog niet gekoppeld. Vul het adres van dat account in."), "{error}");
        told.push(error);
    }
    assert!(told.windows(2).all(|two| two[0] == two[1]), "nothing is told of another account");
    assert_eq!(house.mails(OTHER, 1).len(), 1, "no code is mailed to it");
    // No question was asked, so none is gone back to.
    assert!(!page.body.contains("back-form"), "{}", page.body);
    let (stop, csrf) = (page.form("stop-form").0, page.form("stop-form").1["csrf"].clone());
    let back = owner.post(&at(&house, &stop.replace("/stop", "/back")), &[("csrf", &csrf)]).await;
    let back = owner.follow(back, CALLBACK).await;
    assert_eq!(back.heading(), "Koppel DigiD aan uw account");
    let question = stop.replace("/stop", "/question");
    let new = owner.post(&at(&house, &question), &[("csrf", &csrf), ("answer", "new")]).await;
    assert_eq!(owner.follow(new, CALLBACK).await.heading(), "Koppel DigiD aan uw account");
    assert_eq!((linked(&house), accounts()), ("0".into(), "2".into()));
    // The twin: their own, however it is typed; after "Stoppen" too, which changes nothing.
    let stopped = owner.submit(&page, "stop-form", &[]).await;
    assert_eq!(owner.follow(stopped, CALLBACK).await.heading(), "U bent gestopt");
    let page = presses(&house, &owner, &bsn).await;
    let typed = [("email", "Jansen@Voorbeeld.NL"), ("password", PASSWORD)];
    let asked = owner.follow(owner.submit(&page, "link-form", &typed).await, CALLBACK).await;
    let done = owner.submit(&asked, "code-form", &[("code", &house.code(OWNER, 2))]).await;
    assert_eq!(owner.follow(done, CALLBACK).await.heading(), "DigiD is gekoppeld");
    let theirs = format!("SELECT COUNT(*) FROM accounts WHERE digid_linked_at IS NULL AND email = '{OTHER}'");
    assert_eq!(
        (linked(&house), house.query(&theirs), accounts()),
        ("1".into(), vec!["1".into()], "2".into())
    );
}

#[tokio::test]
async fn f9_who_finds_somebody_else_logged_in_logs_out_from_the_page_and_makes_an_account_of_their_own() {
    let house = House::start().await;
    let (browser, theirs) = (Browser::new(), bsn(6));
    register(&house, &browser, OWNER).await;
    let page = presses(&house, &browser, &theirs).await;
    assert!(page.text("adds").unwrap().contains("Op dit apparaat is al iemand ingelogd."), "{}", page.body);
    assert!(page.body.contains("id=\"log-out\" href=\"/logout\""), "{}", page.body);
    let asked = browser.get(&at(&house, "/logout")).await;
    let out = browser.submit(&asked, "logout-form", &[]).await;
    let out = browser.follow(out, CALLBACK).await;
    assert_eq!((out.status, has_session(&house, &browser).await), (StatusCode::OK, false), "{}", out.body);
    // Their own login is asked, and its page of linking says nothing of anybody.
    let (_, question) = at_question(&house, &browser, &theirs).await;
    let linking = answer(&browser, &question, "have").await;
    assert_eq!((linking.heading().as_str(), linking.text("adds")), ("Koppel DigiD aan uw account", None));
    register_with_digid(&house, &theirs, OTHER, "").await;
    assert_eq!(linked(&house), "1");
}

#[tokio::test]
async fn f13_no_link_begins_by_a_forged_form_without_fresh_proof_or_without_digid() {
    let mut house = House::start().await;
    let (owner, other) = (Browser::new(), Browser::new());
    register(&house, &owner, OWNER).await;
    register(&house, &other, OTHER).await;
    let (page, url) = (shown(&house, &owner).await, at(&house, "/account/digid/link"));
    let mine = page.form("link-form").1["csrf"].clone();
    let theirs = shown(&house, &other).await.form("link-form").1["csrf"].clone();
    for token in ["", theirs.as_str()] {
        assert_eq!(owner.post(&url, &[("csrf", token)]).await.status, StatusCode::FORBIDDEN);
    }
    for (header, evil) in [("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")] {
        let sent = owner.request(Method::POST, &url).header(header, evil);
        assert_eq!(owner.send(sent.form(&[("csrf", &mine)])).await.status, StatusCode::FORBIDDEN, "{header}");
    }
    let logins = || house.query("SELECT COUNT(*) FROM ephemeral WHERE kind = 'login'").concat();
    let before = logins();
    let nobody = Browser::new().post(&url, &[("csrf", &mine)]).await;
    assert_eq!(nobody.location().unwrap().path(), "/account/digid");
    let stale = stale_session(&house).await;
    let send = |method: Method, path: &str| {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        http.request(method, at(&house, path)).header("cookie", &stale).header("origin", &house.issuer)
    };
    let overview = send(Method::GET, "/account").send().await.unwrap().text().await.unwrap();
    let token =
        overview.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let late =
        send(Method::POST, "/account/digid/link").form(&[("csrf", token.as_str())]).send().await.unwrap();
    assert_eq!(late.headers()["location"].to_str().unwrap(), "/account/digid");
    assert_eq!(logins(), before, "no login began");
    // The twin.
    let away = press(&owner, &page, "link-form").await;
    assert!(away.url.as_str().starts_with(&house.digid), "{}", away.url);
    // Where no DigiD is in use there is nothing to press.
    take_digid_away(&mut house);
    let owner = Browser::new();
    log_in(&house, &owner, OWNER, 2).await;
    let page = shown(&house, &owner).await;
    assert!(page.text("none").is_some() && !page.body.contains("link-form"), "{}", page.body);
    let mine = owner.get(&at(&house, "/account")).await.form("everywhere-form").1["csrf"].clone();
    let told = owner.post(&at(&house, "/account/digid/link"), &[("csrf", &mine)]).await;
    assert_eq!(told.location().unwrap().path(), "/account/digid");
}
