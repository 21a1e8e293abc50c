//! Another e-mail address at "Mijn account" (F13), unique like the first (F1).

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};

use crate::{
    account::at,
    authenticator::stale_session,
    browser::{Browser, Page},
    house::{CALLBACK, House, PASSWORD},
    oidc_client::{THE_PORTAL, assert_refused},
    portal::{enter_password, log_in, register, request},
    steps::{answer, code_for, likeness, wrong},
};

const OWNER: &str = "jansen@voorbeeld.nl";
const OTHER: &str = "bakker@voorbeeld.nl";
const NEW: &str = "Jansen+Nieuw@voorbeeld.nl";
const OUT: &str = "U bent uitgelogd.";

async fn shown(house: &House, browser: &Browser) -> Page {
    browser.get(&at(house, "/account/email")).await
}

/// Asks for another address, and gives the page that asks for its code.
pub async fn ask(house: &House, browser: &Browser, email: &str) -> Page {
    let page = shown(house, browser).await;
    let sent = browser.submit(&page, "email-form", &[("email", email)]).await;
    assert_eq!(sent.location().map(|to| to.path().to_owned()).as_deref(), Some("/account/email"));
    browser.follow(sent, CALLBACK).await
}

pub async fn type_code(browser: &Browser, page: &Page, code: &str) -> Page {
    browser.submit(page, "code-form", &[("code", code)]).await
}

fn addresses(house: &House) -> Vec<String> {
    house.query("SELECT email || ' ' || email_key FROM accounts ORDER BY created, email_key")
}

#[tokio::test]
async fn f13_an_address_is_changed_once_its_code_came_back_and_every_session_ends() {
    let house = House::start().await;
    let (owner, elsewhere) = (Browser::new(), Browser::new());
    register(&house, &owner, OWNER).await;
    let tokens = log_in(&house, &elsewhere, OWNER, 2).await;
    let page = ask(&house, &owner, NEW).await;
    assert!(page.text("sent").unwrap().contains(NEW), "{}", page.body);
    let code = code_for(&house, NEW, &page);
    assert_eq!(addresses(&house), [format!("{OWNER} {OWNER}")], "nothing before the code");

    let missed = type_code(&owner, &page, &wrong(&code)).await;
    assert_eq!(missed.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(missed.text("error").unwrap().contains("nog 4 keer"), "{}", missed.body);
    // The code belongs to the session in which it was asked for.
    let theirs = ask(&house, &elsewhere, NEW).await;
    assert_eq!(type_code(&elsewhere, &theirs, &code).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(addresses(&house), [format!("{OWNER} {OWNER}")]);
    assert_eq!(house.mails_now(OWNER).len(), 2, "no mail of success");

    let out = type_code(&owner, &page, &code).await;
    assert_eq!(
        (out.heading().as_str(), out.text("done").as_deref()),
        (OUT, Some("Uw e-mailadres is veranderd."))
    );
    assert_eq!(addresses(&house), [format!("{NEW} {}", NEW.to_lowercase())]);
    let left = house.mails(OWNER, 3).pop().unwrap();
    assert!(left.starts_with(&format!("Het e-mailadres van uw account {OWNER} is veranderd")), "{left}");
    assert!(
        !left.to_lowercase().contains(&NEW.to_lowercase()),
        "who reads the old mailbox learns no address"
    );
    let came = house.mails(NEW, 3).pop().unwrap();
    assert!(came.starts_with(&format!("Het e-mailadres van uw account is nu {NEW}")), "{came}");
    for browser in [&owner, &elsewhere] {
        let silent = browser.visit(&request(&house, &[("prompt", "none")]).url, CALLBACK).await;
        assert_eq!(answer(&silent)["error"], "login_required");
    }
    assert_refused(&THE_PORTAL.refresh(&house, tokens.text("refresh_token")).await, "invalid_grant");
    let old = enter_password(&Browser::new(), &request(&house, &[]), OWNER, PASSWORD).await;
    assert_eq!(old.status, StatusCode::UNPROCESSABLE_ENTITY, "the older address");
    let new = log_in(&house, &Browser::new(), NEW, 4).await;
    assert_eq!(new.sub(), tokens.sub());
    let told = "SELECT outcome FROM audit WHERE event = 'email.changed' ORDER BY seq";
    assert_eq!(house.query(told), ["wrong_code", "wrong_code", "ok"]);
    // A code of the session that ended is worth nothing, though it would have been right.
    let late = type_code(&elsewhere, &theirs, &code_for(&house, NEW, &theirs)).await;
    assert_ne!(late.heading(), OUT);
    assert_eq!(house.query(told).len(), 3);
}

#[tokio::test]
async fn f1_no_page_tells_that_an_address_is_another_accounts_and_its_owner_is_mailed() {
    let house = House::start().await;
    let owner = Browser::new();
    register(&house, &owner, OWNER).await;
    register(&house, &Browser::new(), OTHER).await;
    let free = ask(&house, &owner, "bekker@voorbeeld.nl").await;
    let free_code = code_for(&house, "bekker@voorbeeld.nl", &free);
    let taken = ask(&house, &owner, "Bakker@Voorbeeld.nl").await;
    let mail = house.mails(OTHER, 2).pop().unwrap();
    assert!(mail.starts_with("U heeft al een account") && !mail.contains("ode is"), "{mail}");
    assert!(mail.contains(&format!("Iemand wilde {OTHER} gebruiken")), "{mail}");
    let same = |page: &Page| {
        let (status, headers, body) = likeness(page);
        (status, headers, body.replace("bekker@voorbeeld.nl", "~").replace("Bakker@Voorbeeld.nl", "~"))
    };
    assert_eq!(same(&free), same(&taken));
    // Neither the older code nor a guess is right for it.
    let tried = type_code(&owner, &taken, &free_code).await;
    let again = ask(&house, &owner, "bekker@voorbeeld.nl").await;
    let missed = type_code(&owner, &again, &free_code).await;
    assert_eq!(same(&tried), same(&missed));
    assert_eq!(tried.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(addresses(&house).len(), 2);
    assert!(addresses(&house).contains(&format!("{OWNER} {OWNER}")));
    // The twin, of which nobody is the owner.
    let code = code_for(&house, "bekker@voorbeeld.nl", &again);
    assert_eq!(type_code(&owner, &again, &code).await.heading(), OUT);
}

#[tokio::test]
async fn f13_no_address_is_changed_without_fresh_proof_or_by_a_forged_form() {
    let house = House::start().await;
    let (owner, other) = (Browser::new(), Browser::new());
    register(&house, &owner, OWNER).await;
    register(&house, &other, OTHER).await;
    let page = ask(&house, &owner, NEW).await;
    let code = code_for(&house, NEW, &page);
    let theirs = shown(&house, &other).await.form("email-form").1["csrf"].clone();
    let mine = page.form("email-form").1["csrf"].clone();
    let fields: [(&str, &str, &str); 2] =
        [("/account/email", "email", "kwaad@voorbeeld.nl"), ("/account/email/code", "code", &code)];
    for (path, name, value) in fields {
        let url = at(&house, path);
        for token in ["", theirs.as_str()] {
            let told = owner.post(&url, &[("csrf", token), (name, value)]).await;
            assert_eq!(told.status, StatusCode::FORBIDDEN, "{path}");
        }
        for (header, evil) in [("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")] {
            let sent = owner.request(Method::POST, &url).header(header, evil);
            let told = owner.send(sent.form(&[("csrf", mine.as_str()), (name, value)])).await;
            assert_eq!(told.status, StatusCode::FORBIDDEN, "{path} {header}");
        }
        let nobody = Browser::new().post(&url, &[("csrf", &mine), (name, value)]).await;
        assert_eq!(nobody.location().unwrap().path(), "/account/email", "{path}");
    }
    let stale = stale_session(&house).await;
    let send = |method: Method, path: &str| {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        http.request(method, at(&house, path)).header("cookie", &stale).header("origin", &house.issuer)
    };
    let overview = send(Method::GET, "/account").send().await.unwrap().text().await.unwrap();
    let csrf = overview.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    for (path, name, value) in fields {
        let form = [("csrf", csrf.as_str()), (name, value)];
        let told = send(Method::POST, path).form(&form).send().await.unwrap();
        assert_eq!(told.headers()["location"].to_str().unwrap(), "/account/email", "{path}");
    }
    assert!(addresses(&house).contains(&format!("{OWNER} {OWNER}")));
    assert_eq!(house.mails_now("kwaad@voorbeeld.nl").len(), 0);
    assert_eq!((house.mails_now(OWNER).len(), house.mails_now(NEW).len()), (1, 1), "no mail of success");
    // The twin.
    assert_eq!(type_code(&owner, &page, &code).await.heading(), OUT);
}

#[tokio::test]
async fn f1_of_many_who_take_one_address_at_once_one_account_has_it() {
    let house = House::start().await;
    let browsers = [Browser::new(), Browser::new()];
    let mut tries = Vec::new();
    for (browser, email) in browsers.iter().zip([OWNER, OTHER]) {
        register(&house, browser, email).await;
        let page = ask(&house, browser, NEW).await;
        let code = code_for(&house, NEW, &page);
        tries.extend((0..10).map(|_| (browser, page.clone(), code.clone())));
    }
    let told = join_all(tries.iter().map(|(browser, page, code)| type_code(browser, page, code))).await;
    assert!(told.iter().all(|page| !page.status.is_server_error()));
    let changed = addresses(&house).iter().filter(|row| row.starts_with(NEW)).count();
    assert_eq!((changed, addresses(&house).len()), (1, 2));
    assert_eq!(told.iter().filter(|page| page.heading() == OUT).count(), 1);
    assert_eq!(
        house.query("SELECT COUNT(*) FROM audit WHERE event = 'email.changed' AND outcome = 'ok'"),
        ["1"]
    );
}

#[tokio::test]
async fn a18_codes_for_another_address_end_after_five_tries_and_are_mailed_eleven_times_at_most() {
    let house = House::start().await;
    let owner = Browser::new();
    register(&house, &owner, OWNER).await;
    let page = ask(&house, &owner, NEW).await;
    let code = code_for(&house, NEW, &page);
    // Of many at once each that is answered was counted.
    let guess = wrong(&code);
    join_all((0..20).map(|_| type_code(&owner, &page, &guess))).await;
    for _ in 0..5 {
        type_code(&owner, &page, &guess).await;
    }
    let ended = type_code(&owner, &page, &code).await;
    assert!(ended.text("error").unwrap().contains("verlopen"), "{}", ended.body);
    for n in 2..=11 {
        let email = format!("jansen+{n}@voorbeeld.nl");
        ask(&house, &owner, &email).await;
        house.mails(&email, 1);
    }
    let page = shown(&house, &owner).await;
    let twelfth = owner.submit(&page, "email-form", &[("email", "jansen+12@voorbeeld.nl")]).await;
    assert_eq!(twelfth.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(twelfth.text("error").unwrap().contains("over een uur"), "{}", twelfth.body);
    assert_eq!(house.mails_now("jansen+12@voorbeeld.nl").len(), 0);
    for (typed, says) in [("geen adres", "geen e-mailadres"), ("JANSEN@voorbeeld.nl", "is uw e-mailadres al")]
    {
        let told = owner.submit(&page, "email-form", &[("email", typed)]).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{typed}");
        assert!(told.text("error").unwrap().contains(says), "{}", told.body);
    }
}
