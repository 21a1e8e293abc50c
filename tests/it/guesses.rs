//! Guessing at passwords (F4, F5): slowed whoever does it, never a reason to keep the owner out, and no way to learn which
//! addresses have an account.

use std::time::Instant;

use reqwest::{Method, StatusCode, header::RETRY_AFTER};
use tokio::task::JoinSet;

use crate::{
    authenticator::{set_up, type_app, type_recovery},
    browser::{Browser, Page},
    house::{CALLBACK, House, PASSWORD},
    mandates_desk::now,
    portal::{enter_password, log_in, register, request},
    steps::{
        account, answer, crowd, is_in, likeness, log_in_with, open, to_code, to_recover_code,
        to_register_code, type_code, wrong,
    },
};

const JANSEN: &str = "jansen@voorbeeld.nl";
const WRONG: &str = "een ander woord";

/// So many tries at once, by one browser, with the page from which they are posted.
async fn guess(browser: &Browser, form: &Page, email: &str, count: usize) -> Vec<Page> {
    let mut tries = JoinSet::new();
    for _ in 0..count {
        let (browser, form, email) = (browser.clone(), form.clone(), email.to_owned());
        tries.spawn(async move {
            browser.submit(&form, "email-form", &[("email", &email), ("password", WRONG)]).await
        });
    }
    tries.join_all().await
}

/// The cookies that a page sets: their lines.
fn set_cookies(page: &Page) -> Vec<&str> {
    page.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect()
}

/// How many tries were counted of each address, or of each address and browser, least first.
fn counts(house: &House) -> Vec<String> {
    house.query("SELECT hits FROM counters WHERE name LIKE 'password:%' ORDER BY hits")
}

#[tokio::test]
async fn of_a_hundred_guesses_at_once_one_a_second_is_heard_and_the_rest_told_to_wait() {
    let house = House::start().await;
    account(&house, JANSEN).await;
    let (mut seen, mut checked) = (Vec::new(), 0);
    for email in [JANSEN, "nobody@voorbeeld.nl"] {
        let browser = Browser::new();
        let form = open(&browser, &request(&house, &[]), "email").await;
        let free = guess(&browser, &form, email, 10).await;
        assert!(free.iter().all(|page| page.status == StatusCode::UNPROCESSABLE_ENTITY));
        let begun = Instant::now();
        let pages = guess(&browser, &form, email, 100).await;
        // They came in so many seconds, which are part of so many rounds of three turns.
        let turns = usize::try_from(begun.elapsed().as_secs()).unwrap() + 7;
        let (heard, away): (Vec<_>, Vec<_>) =
            pages.into_iter().partition(|page| page.status == StatusCode::UNPROCESSABLE_ENTITY);
        assert!((1..=turns).contains(&heard.len()), "{} of 100 were heard, of {turns}", heard.len());
        for page in &away {
            assert_eq!(
                (page.status, &page.headers[RETRY_AFTER]),
                (StatusCode::TOO_MANY_REQUESTS, &"60".parse().unwrap())
            );
            assert_eq!(page.heading(), "Wacht even met inloggen");
            assert!(page.text("go-on").is_some(), "the login goes on");
        }
        checked += 10 + heard.len();
        seen.push(likeness(away.first().unwrap()));
    }
    assert_eq!(seen[0], seen[1], "nobody learns whether the address has an account");
    let wrong = "SELECT COUNT(*) FROM audit WHERE event = 'login.local' AND outcome = 'wrong'";
    assert_eq!(house.query(wrong), [checked.to_string()], "whoever was turned away was not checked");
}

#[tokio::test]
async fn a_browser_that_logged_in_before_has_a_count_of_its_own() {
    let house = House::start().await;
    let (own, mallory) = (Browser::new(), Browser::new());
    register(&house, &own, JANSEN).await;
    register(&house, &mallory, "mallory@voorbeeld.nl").await;
    // Mallory's browser has logged in too, but never with this address.
    let form = open(&mallory, &request(&house, &[("prompt", "login")]), "email").await;
    guess(&mallory, &form, JANSEN, 40).await;
    let fresh = Browser::new();
    let unknown = open(&fresh, &request(&house, &[]), "email").await;
    guess(&fresh, &unknown, JANSEN, 1).await;
    assert_eq!(counts(&house), ["41"], "whoever is not known shares one count");
    // Mallory goes on while the owner logs in.
    let flood = {
        let (mallory, form) = (mallory.clone(), form.clone());
        tokio::spawn(async move {
            loop {
                guess(&mallory, &form, JANSEN, 8).await;
            }
        })
    };
    log_in(&house, &own, JANSEN, 2).await;
    flood.abort();
    assert_eq!(counts(&house)[0], "1", "the owner's try did not join the queue of the others");
    let again = request(&house, &[("prompt", "login")]);
    let page = enter_password(&own, &again, &JANSEN.to_uppercase(), PASSWORD).await;
    assert!(is_in(&type_code(&own, &page, &house.code(JANSEN, 3)).await));
    assert_eq!(counts(&house)[0], "2", "however the address is typed");
    // And it is slowed by its own guesses.
    let form = open(&own, &request(&house, &[("prompt", "login")]), "email").await;
    let pages = guess(&own, &form, JANSEN, 60).await;
    assert!(pages.iter().any(|page| page.status == StatusCode::TOO_MANY_REQUESTS));
    assert!(counts(&house).contains(&"62".to_owned()), "{:?}", counts(&house));
}

/// Tries a password at one address after the other, until nothing is checked any more. Each that is checked makes the next wait longer,
/// so however slow this is it ends.
async fn until_it_waits(house: &House, browser: &Browser) -> Page {
    let form = open(browser, &request(house, &[]), "email").await;
    for n in 0..600 {
        let email = format!("nobody{n}@voorbeeld.nl");
        let page = browser.submit(&form, "email-form", &[("email", &email), ("password", WRONG)]).await;
        match page.status {
            StatusCode::UNPROCESSABLE_ENTITY => {}
            StatusCode::TOO_MANY_REQUESTS => return page,
            other => panic!("{n}: {other}"),
        }
    }
    panic!("nobody waits");
}

/// Each wrong one makes the wait longer, up to a minute: the next one is that long, and so is what a slow machine may take. Gives how far
/// ahead the clock is then, in seconds.
async fn until_waits_are_long(house: &House, browser: &Browser) -> i64 {
    let mut ahead = 0;
    for wait in [1, 2, 4, 8, 16, 32, 60] {
        until_it_waits(house, browser).await;
        ahead += wait;
        house.set_clock(now().plus(ahead)).await;
    }
    ahead
}

/// What comes of the right password in that browser.
async fn right(house: &House, browser: &Browser, email: &str) -> String {
    enter_password(browser, &request(house, &[("prompt", "login")]), email, PASSWORD).await.heading()
}

const WAIT: &str = "Wacht even met inloggen";
const CODE: &str = "Vul de code in";

#[tokio::test]
async fn a18_one_password_tried_everywhere_is_slowed_where_that_comes_from_and_nowhere_else() {
    let house = House::start().await;
    let [sprayer, known, coder] = [[127, 0, 0, 2]; 3].map(Browser::at);
    register(&house, &known, JANSEN).await;
    account(&house, "anna@voorbeeld.nl").await;
    let (_, page, code) = to_code(&house, &coder, "anna@voorbeeld.nl", 2).await;
    let ahead = until_waits_are_long(&house, &sprayer).await;
    let mut away = None;
    // On a slow machine a minute goes by: then again.
    for _ in 0..8 {
        let told = until_it_waits(&house, &sprayer).await;
        let unknown = Browser::at([127, 0, 0, 2]);
        let waits = right(&house, &unknown, JANSEN).await == WAIT;
        // Known for one address and not for the other.
        let waits = waits && right(&house, &known, "anna@voorbeeld.nl").await == WAIT;
        let typed = type_code(&coder, &page, &wrong(&code)).await;
        if waits && typed.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(typed.heading(), WAIT);
            away = Some(told);
            break;
        }
    }
    let away = away.expect("who is not known there waits, with the right password too");
    assert_eq!((away.heading().as_str(), &away.headers[RETRY_AFTER]), (WAIT, &"60".parse().unwrap()));
    // The twins: elsewhere; and there, in a browser in which its owner logged in before.
    assert_eq!(right(&house, &Browser::at([127, 0, 0, 3]), JANSEN).await, CODE);
    assert_eq!(right(&house, &known, JANSEN).await, CODE);
    // It is a minute at most, and no lock.
    house.set_clock(now().plus(ahead + 61)).await;
    assert_eq!(right(&house, &Browser::at([127, 0, 0, 2]), JANSEN).await, CODE);
}

#[tokio::test]
async fn a18_wrong_codes_are_counted_where_they_come_from_whatever_they_are_for() {
    let house = House::start().await;
    let here = Browser::at([127, 0, 0, 2]);
    let waits = async || {
        for n in 0..80 {
            let email = format!("nobody{n}@voorbeeld.nl");
            let page = to_recover_code(&here, &request(&house, &[("prompt", "login")]), &email).await;
            for _ in 0..9 {
                match type_code(&here, &page, "BBBBBBBBBB").await.status {
                    StatusCode::UNPROCESSABLE_ENTITY => {}
                    StatusCode::TOO_MANY_REQUESTS => return true,
                    other => panic!("{email}: {other}"),
                }
            }
        }
        false
    };
    assert!(waits().await, "after so many wrong codes none is looked at");
    let page = to_recover_code(&Browser::new(), &request(&house, &[]), "nobody@voorbeeld.nl").await;
    assert_eq!(page.heading(), "Vul de code in");
}

#[tokio::test]
async fn a18_codes_of_an_app_and_recovery_codes_are_counted_where_they_come_from() {
    let house = House::start().await;
    let owner = Browser::new();
    register(&house, &owner, JANSEN).await;
    let app = set_up(&house, &owner, JANSEN).await;
    let asks = async |browser: &Browser| {
        enter_password(browser, &request(&house, &[("prompt", "login")]), JANSEN, PASSWORD).await
    };
    let (here, elsewhere) = (Browser::at([127, 0, 0, 2]), Browser::at([127, 0, 0, 3]));
    let (page, there) = (asks(&here).await, asks(&elsewhere).await);
    let sprayer = Browser::at([127, 0, 0, 2]);
    let steps = until_waits_are_long(&house, &sprayer).await / 30;
    let mut waited = false;
    // On a slow machine a minute goes by: then again.
    for _ in 0..8 {
        until_it_waits(&house, &sprayer).await;
        let by_app = type_app(&here, &page, &app.code(steps)).await;
        let by_paper = type_recovery(&here, &page, &app.recovery[0]).await;
        waited = [by_app, by_paper].iter().all(|told| told.status == StatusCode::TOO_MANY_REQUESTS);
        if waited {
            break;
        }
    }
    assert!(waited, "the right ones are not looked at either");
    assert!(
        is_in(&type_recovery(&elsewhere, &there, &app.recovery[0]).await),
        "the twin, and it was not spent"
    );
}

#[tokio::test]
async fn a18_mails_of_new_accounts_have_a_bound_by_mailbox() {
    let house = House::start().await;
    let registers =
        async |email: &str| to_register_code(&Browser::new(), &request(&house, &[]), email, PASSWORD).await;
    // Thirty a day, and then one an hour.
    for n in 0..31 {
        assert_eq!(registers(&format!("piet+{n}@voorbeeld.nl")).await.heading(), CODE, "{n}");
    }
    let told = registers("piet+31@voorbeeld.nl").await;
    assert_eq!((told.status, told.heading().as_str()), (StatusCode::TOO_MANY_REQUESTS, "Te veel e-mails"));
    assert_eq!(registers("klaas@voorbeeld.nl").await.heading(), CODE, "the twin: another mailbox");
    house.mails("klaas@voorbeeld.nl", 1);
    house.mails("piet+", 31);
    assert_eq!(house.mails_now("piet+").len(), 31);
}

#[tokio::test]
async fn a18_one_address_has_no_mails_sent_to_any_number_of_mailboxes() {
    let house = House::start().await;
    let registers = async |from: u8, n: usize| {
        let (browser, email) = (Browser::at([127, 0, 0, from]), format!("mailbox{from}-{n}@voorbeeld.nl"));
        to_register_code(&browser, &request(&house, &[]), &email, PASSWORD).await
    };
    let mut served = 0;
    let told = loop {
        let page = registers(2, served).await;
        if page.heading() != CODE {
            break page;
        }
        served += 1;
        assert!(served < 150, "nobody waits");
    };
    assert_eq!((told.status, told.heading().as_str()), (StatusCode::TOO_MANY_REQUESTS, WAIT));
    assert!(served >= 100, "a hospital's own network is not in its way: {served}");
    assert!(house.mails_now(&format!("mailbox2-{served}@")).is_empty());
    assert_eq!(registers(3, 0).await.heading(), CODE, "the twin: from elsewhere");
    // It slows, and never locks.
    house.set_clock(now().plus(61)).await;
    assert_eq!(registers(2, served).await.heading(), CODE);
}

#[tokio::test]
async fn a18_behind_a_proxy_that_is_named_a_try_comes_from_where_that_says() {
    let house = House::with("[proxy]\nfrom = [\"127.0.0.1\"]\n").await;
    account(&house, JANSEN).await;
    let told = async |ip: &str| right(&house, &Browser::behind_proxy(ip), JANSEN).await;
    let sprayer = Browser::behind_proxy("2001:db8::1");
    let mut same_line = false;
    for _ in 0..8 {
        until_it_waits(&house, &sprayer).await;
        same_line = told("2001:db8::ffff").await == WAIT;
        if same_line {
            break;
        }
    }
    assert!(same_line, "of IPv6 the network of one line counts");
    assert_eq!(told("2001:db8:0:1::1").await, CODE);
    assert_eq!(told("192.0.2.1").await, CODE);
    assert_eq!(right(&house, &Browser::new(), JANSEN).await, CODE, "nobody says where that comes from");
}

/// As the quick start has it: all people come from the address of what ends TLS for us, and one of them guesses.
#[tokio::test]
async fn a18_behind_a_proxy_that_nobody_named_wrong_tries_stand_in_nobodys_way() {
    let mut house = House::start().await;
    account(&house, JANSEN).await;
    let (listens, browser) = (house.issuer.clone(), Browser::new());
    let issuer = listens.replace("http://", "https://");
    house.reconfigure(&format!("issuer = \"{listens}\""), &format!("issuer = \"{issuer}\""));
    // What such a proxy passes on: the same path, and the cookie that a browser keeps for https.
    let asked = request(&house, &[]).url;
    let choose = browser.get(&asked).await;
    let cookie = set_cookies(&choose)[0].split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-namens-browser="), "{cookie}");
    let at = choose.location().unwrap();
    let at = format!("{listens}{}/email", at.path());
    let form = browser.send(browser.request(Method::GET, &at).header("cookie", &cookie)).await;
    let csrf = form.form("email-form").1["csrf"].clone();
    let tried = async |email: &str, password: &str| {
        let fields = [("csrf", csrf.as_str()), ("email", email), ("password", password)];
        let sent = browser.request(Method::POST, &at).header("cookie", &cookie).header("origin", &issuer);
        browser.send(sent.form(&fields)).await.status
    };
    for n in 0..302 {
        let status = tried(&format!("nobody{n}@voorbeeld.nl"), WRONG).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{n}");
    }
    assert_eq!(tried(JANSEN, PASSWORD).await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a18_one_account_tried_from_one_address_waits_longer_and_longer_there() {
    let house = House::start().await;
    let tried = async |browser: &Browser, form: &Page| {
        browser.submit(form, "email-form", &[("email", JANSEN), ("password", WRONG)]).await.status
    };
    let [here, there] = [2, 3].map(|last| Browser::at([127, 0, 0, last]));
    let form = open(&here, &request(&house, &[]), "email").await;
    // One by one each has its turn at the account, after some seconds.
    let (mut heard, mut counted) = (0, counts(&house));
    while heard < 60 && tried(&here, &form).await == StatusCode::UNPROCESSABLE_ENTITY {
        heard += 1;
        counted = counts(&house);
    }
    assert!((20..60).contains(&heard), "{heard} were heard");
    assert_eq!(counts(&house), counted, "whoever waits where they are takes no turn of the account");
    let form = open(&there, &request(&house, &[]), "email").await;
    assert_eq!(tried(&there, &form).await, StatusCode::UNPROCESSABLE_ENTITY, "elsewhere it is as ever");
}

#[tokio::test]
async fn the_cookie_of_a_known_browser_opens_nothing_and_names_nobody() {
    let house = House::start().await;
    account(&house, JANSEN).await;
    let browser = Browser::new();
    let refused = enter_password(&browser, &request(&house, &[]), JANSEN, WRONG).await;
    assert_eq!(set_cookies(&refused), [""; 0], "not before a login is done");
    let (_, page, code) = to_code(&house, &browser, JANSEN, 2).await;
    assert_eq!(set_cookies(&page), [""; 0]);
    let done = type_code(&browser, &page, &code).await;
    let lines = set_cookies(&done);
    let line = lines.iter().find(|line| line.starts_with("namens-device=")).expect("it is set");
    assert!(line.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000"), "{line}");
    assert!(!line.contains("jansen") && line.len() < 300, "{line}");
    let cookie = line.split(';').next().unwrap();
    let stranger = Browser::new();
    let url = request(&house, &[("prompt", "none")]).url;
    let silent = stranger.send(stranger.request(reqwest::Method::GET, &url).header("cookie", cookie)).await;
    assert_eq!(answer(&silent)["error"], "login_required");
    // Signing out leaves it: the owner will come back.
    let ask = browser.get(&format!("{}/logout", house.issuer)).await;
    let out = browser.submit(&ask, "logout-form", &[]).await;
    assert!(!set_cookies(&out).concat().contains("device"));
}

#[tokio::test]
async fn whoever_registers_in_bulk_shuts_no_login_out() {
    let mut house = House::start().await;
    house.reconfigure("memory_kib = 7168", "memory_kib = 262144\nqueue = 8");
    account(&house, JANSEN).await;
    let owner = Browser::new();
    let login = open(&owner, &request(&house, &[]), "email").await;
    let mut forms = Vec::new();
    for _ in 0..crowd(30) {
        let browser = Browser::new();
        let form = open(&browser, &request(&house, &[]), "register").await;
        let csrf = form.form("register-form").1["csrf"].clone();
        forms.push((browser, form.url, csrf));
    }
    let mut flood = JoinSet::new();
    for (n, (browser, url, csrf)) in forms.into_iter().enumerate() {
        flood.spawn(async move {
            let email = format!("mallory{n}@voorbeeld.nl");
            let typed = [("csrf", csrf.as_str()), ("email", &email), ("password", PASSWORD)];
            browser.post(url.as_str(), &typed).await.status
        });
    }
    let mut statuses = Vec::new();
    // The first are turned away when no more registrations are let in.
    while !statuses.contains(&StatusCode::SERVICE_UNAVAILABLE) {
        statuses.push(flood.join_next().await.expect("some are turned away").unwrap());
    }
    let sent = owner.submit(&login, "email-form", &[("email", JANSEN), ("password", PASSWORD)]).await;
    assert_eq!(owner.follow(sent, CALLBACK).await.heading(), "Vul de code in");
    statuses.extend(flood.join_all().await);
    assert!(statuses.contains(&StatusCode::SEE_OTHER), "some are served: {statuses:?}");
}

#[tokio::test]
async fn f4_a_wrong_password_costs_the_same_after_the_cost_has_changed() {
    let mut house = House::start().await;
    account(&house, JANSEN).await;
    let work = async |house: &House, email: &str| {
        let before = house.work_done();
        enter_password(&Browser::new(), &request(house, &[]), email, WRONG).await;
        house.work_done() - before
    };
    let assert_same = async |house: &House, what: &str| {
        work(house, "warm@voorbeeld.nl").await;
        let (mut known, mut unknown) = (0, 0);
        // By turns: a processor that others make slower is as slow for both.
        for _ in 0..4 {
            known += work(house, JANSEN).await;
            unknown += work(house, "nobody@voorbeeld.nl").await;
        }
        assert!(unknown * 2 > known && known * 2 > unknown, "{what}: {unknown} ticks, known: {known}");
    };
    // So costly that everything else the server does for a login is little next to it.
    house.reconfigure("memory_kib = 7168", "memory_kib = 131072");
    assert_same(&house, "the hash is cheaper than today's").await;
    log_in_with(&house, JANSEN, PASSWORD, 2).await;
    house.reconfigure("memory_kib = 131072", "memory_kib = 7168");
    assert_same(&house, "the hash is dearer than today's").await;
}
