//! The authenticator app in place of the mailed code (F6), and what setting and removing it takes (F13).

use aws_lc_rs::hmac;
use futures_util::future::join_all;
use namens::clock::Clock;
use reqwest::{Method, StatusCode};

use crate::{
    account::{at, through},
    browser::{Browser, Page},
    house::{CALLBACK, House, PASSWORD},
    portal::{enter_password, register, request},
    steps::{code_for, is_in, to_recover_code, type_code},
};

pub use crate::database::change;

const OWNER: &str = "jansen@voorbeeld.nl";
const OTHER: &str = "bakker@voorbeeld.nl";
const ASKS: &str = "Vul de code uit uw app in";

/// An app, as its owner's phone has it: by its own reckoning of RFC 6238.
pub struct App {
    key: Vec<u8>,
    pub recovery: Vec<String>,
}

impl App {
    /// From the key that the page shows.
    pub fn of(page: &Page) -> Self {
        let (mut bits, mut held, mut key) = (0_u32, 0, Vec::new());
        for letter in page.text("secret").unwrap().bytes().filter(u8::is_ascii_alphanumeric) {
            let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|one| *one == letter).unwrap();
            bits = bits << 5 | u32::try_from(value).unwrap();
            held += 5;
            if held >= 8 {
                held -= 8;
                key.push(u8::try_from(bits >> held & 0xff).unwrap());
            }
        }
        assert_eq!(key.len(), 20);
        Self { key, recovery: Vec::new() }
    }

    /// The code of a step so many after this one.
    pub fn code(&self, later: i64) -> String {
        let step = Clock.now().epoch() / 30 + later;
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.key);
        let hash = hmac::sign(&key, &step.to_be_bytes());
        let hash = hash.as_ref();
        let from = usize::from(hash[19] & 0xf);
        let number = u32::from_be_bytes(hash[from..from + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }

    fn wrong(&self) -> String {
        let good = [-2, -1, 0, 1, 2, 3].map(|later| self.code(later));
        (0..1_000_000).map(|n| format!("{n:06}")).find(|code| !good.contains(code)).unwrap()
    }
}

/// The page that offers an app, to somebody who just logged in there.
async fn offered(house: &House, browser: &Browser, email: &str, mails: usize) -> Page {
    let choose = browser.visit(&at(house, "/account/app"), CALLBACK).await;
    if choose.text("secret").is_some() {
        return choose;
    }
    through(house, browser, &choose, email, mails).await
}

/// Sets up an app in a session of just now. The step of the confirming code is forgotten, so that no test must wait for the next.
pub async fn set_up(house: &House, browser: &Browser, email: &str) -> App {
    let page = offered(house, browser, email, 1).await;
    let mut app = App::of(&page);
    let done = browser.submit(&page, "app-form", &[("code", &app.code(1))]).await;
    assert_eq!((done.status, done.heading().as_str()), (StatusCode::OK, "Bewaar deze herstelcodes"));
    let codes = done.text("codes").unwrap();
    let words: Vec<&str> = codes.split(' ').collect();
    app.recovery = words.chunks(2).map(|pair| pair.join(" ")).collect();
    assert_eq!(app.recovery.len(), 10, "{codes}");
    change(house, "UPDATE accounts SET app_step = 0 WHERE app_step IS NOT NULL");
    app
}

async fn to_app(house: &House, browser: &Browser, email: &str) -> Page {
    enter_password(browser, &request(house, &[("prompt", "login")]), email, PASSWORD).await
}

pub async fn type_app(browser: &Browser, page: &Page, code: &str) -> Page {
    browser.submit(page, "app-form", &[("code", code)]).await
}

pub async fn type_recovery(browser: &Browser, page: &Page, code: &str) -> Page {
    let form = browser.get(page.link("recovery").unwrap().as_str()).await;
    assert_eq!(form.heading(), "Vul een herstelcode in");
    browser.submit(&form, "app-form", &[("code", code)]).await
}

#[tokio::test]
async fn f6_the_app_replaces_the_mailed_code_once_it_is_confirmed_and_no_code_works_twice() {
    let house = House::start().await;
    let owner = Browser::new();
    register(&house, &owner, OWNER).await;
    // Seen, and tried with a wrong code: nothing counts yet.
    let page = offered(&house, &owner, OWNER, 1).await;
    let refused = owner.submit(&page, "app-form", &[("code", &App::of(&page).wrong())]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.text("secret"), page.text("secret"), "the same app can be tried again");
    let mailed = to_app(&house, &Browser::new(), OWNER).await;
    assert_eq!(mailed.heading(), "Vul de code in");
    house.mails(OWNER, 2);

    let app = set_up(&house, &owner, OWNER).await;
    let mails = house.mails(OWNER, 3);
    assert!(mails[2].starts_with(&format!("Voor uw account {OWNER} is een app ingesteld")), "{}", mails[2]);
    let browser = Browser::new();
    let page = to_app(&house, &browser, OWNER).await;
    assert_eq!(page.heading(), ASKS);
    assert_eq!(type_app(&browser, &page, &app.wrong()).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // Both of one moment: however slow this goes, the one is of a later step than the other.
    let (older, code) = (app.code(0), app.code(1));
    assert!(is_in(&type_app(&browser, &page, &code).await));
    let again = to_app(&house, &browser, OWNER).await;
    assert_eq!(
        type_app(&browser, &again, &code).await.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "the same code"
    );
    // Nor does one of before.
    assert_eq!(type_app(&browser, &again, &older).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(house.mails_now(OWNER).len(), 3, "no code was mailed");
    let sealed = house.query("SELECT hex(app_sealed) FROM accounts")[0].to_lowercase();
    let plain: String = app.key.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!sealed.contains(&plain) && !house.log().contains(&code));
}

#[tokio::test]
async fn f6_of_fifty_logins_at_once_one_gets_in_by_one_code() {
    let house = House::start().await;
    let owner = Browser::new();
    register(&house, &owner, OWNER).await;
    let app = set_up(&house, &owner, OWNER).await;
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let browser = Browser::new();
        let page = to_app(&house, &browser, OWNER).await;
        // Fifty in a day are more than are free.
        change(&house, "DELETE FROM counters");
        assert_eq!(page.heading(), ASKS);
        waiting.push((browser, page));
    }
    let code = app.code(1);
    let tried = join_all(waiting.iter().map(|(browser, page)| type_app(browser, page, &code))).await;
    let inside = tried.iter().filter(|page| is_in(page)).count();
    // Where a commit takes long, whoever waits for the database too long is told of a fault: one of them may be the one. Few are.
    let faults = tried.iter().filter(|page| page.status.is_server_error()).count();
    assert!(faults < 10, "{faults} faults");
    assert!(inside == 1 || (inside, faults > 0) == (0, true), "{inside} inside, {faults} faults");
    let refused = tried.iter().filter(|page| page.status == StatusCode::UNPROCESSABLE_ENTITY).count();
    assert_eq!(inside + refused + faults, 50, "and no other");
}

/// Who knows the password alone.
#[tokio::test]
async fn f6_who_uses_up_an_owners_codes_keeps_them_from_neither_their_own_browser_nor_a_new_password() {
    let house = House::start().await;
    let owner = Browser::new();
    register(&house, &owner, OWNER).await;
    let app = set_up(&house, &owner, OWNER).await;
    let too_many = |page: &Page| page.status == StatusCode::TOO_MANY_REQUESTS;
    let ask = async |browser: &Browser| to_app(&house, browser, OWNER).await;
    // Guesses in browsers that nobody knows, until not even the slot of this hour is left.
    for guesser in 0.. {
        assert!(guesser < 8, "it is bounded");
        let browser = Browser::new();
        let page = ask(&browser).await;
        if too_many(&page) {
            break;
        }
        for _ in 0..5 {
            type_app(&browser, &page, &app.wrong()).await;
        }
    }
    // The twins: the owner where they logged in before, and by way of a new password.
    let page = ask(&owner).await;
    assert_eq!(page.heading(), ASKS, "a browser that is known");
    assert!(is_in(&type_app(&owner, &page, &app.code(1)).await));
    change(&house, "UPDATE accounts SET app_step = 0");
    let browser = Browser::new();
    let page = to_recover_code(&browser, &request(&house, &[]), OWNER).await;
    let asked = type_code(&browser, &page, &code_for(&house, OWNER, &page)).await;
    let asked = browser.follow(asked, CALLBACK).await;
    assert_eq!(asked.heading(), ASKS, "a new password");
    let new = type_app(&browser, &asked, &app.code(1)).await;
    let new = browser.follow(new, CALLBACK).await;
    assert!(too_many(&ask(&Browser::new()).await), "the password that is known counts as before");
    let done = browser.submit(&new, "password-form", &[("password", NEW)]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    let page = enter_password(&Browser::new(), &request(&house, &[]), OWNER, NEW).await;
    assert_eq!(page.heading(), ASKS, "what was used up is of the older password");
}

/// The other way around: who shares a mailbox (F3).
#[tokio::test]
async fn f6_who_asks_for_new_passwords_all_day_keeps_no_owner_of_an_app_from_logging_in() {
    let house = House::start().await;
    let owner = Browser::new();
    register(&house, &owner, OWNER).await;
    let app = set_up(&house, &owner, OWNER).await;
    let mut asked = 0;
    loop {
        change(&house, "DELETE FROM counters WHERE name LIKE 'mail%'");
        let browser = Browser::new();
        let page = to_recover_code(&browser, &request(&house, &[]), OWNER).await;
        let page = type_code(&browser, &page, &code_for(&house, OWNER, &page)).await;
        if page.status == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
        asked += 1;
        assert!(asked < 40, "it is bounded");
        let page = browser.follow(page, CALLBACK).await;
        for _ in 0..5 {
            type_app(&browser, &page, &app.wrong()).await;
        }
    }
    assert!(asked <= 7, "wrong codes count: {asked}");
    let browser = Browser::new();
    let page = to_app(&house, &browser, OWNER).await;
    assert!(is_in(&type_app(&browser, &page, &app.code(1)).await));
}

/// Whoever is in by password and mailed code has proof of just now, without the app.
#[tokio::test]
async fn f13_setting_an_app_ends_the_sessions_that_were_proven_without_it() {
    let house = House::start().await;
    let (owner, thief, other) = (Browser::new(), Browser::new(), Browser::new());
    let here = register(&house, &owner, OWNER).await;
    let there = crate::portal::log_in(&house, &thief, OWNER, 2).await;
    let others = register(&house, &other, OTHER).await;
    let page = thief.get(&at(&house, "/account/password")).await;
    assert_eq!(page.status, StatusCode::OK, "fresh proof");
    set_up(&house, &owner, OWNER).await;
    let sent = thief.submit(&page, "password-form", &[("password", NEW)]).await;
    assert_eq!(sent.location().unwrap().path(), "/account/password", "nothing is done");
    let gone = thief.get(&at(&house, "/account/app")).await;
    assert!(gone.location().unwrap().path().starts_with("/login/"));
    let refreshes = async |tokens: &crate::portal::Tokens| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.text("refresh_token"))];
        crate::portal::token(&house, &form).await.0 == 200
    };
    let live = [refreshes(&here).await, refreshes(&there).await, refreshes(&others).await];
    assert_eq!(live, [true, false, true]);
    let ended = "SELECT COUNT(*) FROM audit WHERE event = 'logout' AND outcome = 'elsewhere'";
    assert_eq!(house.query(ended), ["1"]);
    // The twin: the session that set the app goes on, and may do what the other could not.
    let page = owner.get(&at(&house, "/account/password")).await;
    let done = owner.submit(&page, "password-form", &[("password", NEW)]).await;
    assert_eq!(done.heading(), "U bent uitgelogd.");
}

#[tokio::test]
async fn f6_a_recovery_code_works_once_and_only_for_its_own_account() {
    let house = House::start().await;
    let (owner, other) = (Browser::new(), Browser::new());
    register(&house, &owner, OWNER).await;
    register(&house, &other, OTHER).await;
    let (app, others) = (set_up(&house, &owner, OWNER).await, set_up(&house, &other, OTHER).await);
    let browser = Browser::new();
    let page = to_app(&house, &browser, OWNER).await;
    let own = [-1, 0, 1, 2, 3].map(|later| app.code(later));
    let foreign =
        [1, 0, 2].map(|later| others.code(later)).into_iter().find(|code| !own.contains(code)).unwrap();
    for wrong in [others.recovery[0].as_str(), "BCDFG HJKLM", ""] {
        assert_eq!(type_recovery(&browser, &page, wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(type_app(&browser, &page, &foreign).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let before = house.mails_now(OWNER).len();
    let typed = app.recovery[0].to_lowercase();
    assert!(is_in(&type_recovery(&browser, &page, &typed).await));
    let mail = house.mails(OWNER, before + 1).pop().unwrap();
    assert!(mail.contains("nog 9 herstelcodes"), "{mail}");
    let page = to_app(&house, &browser, OWNER).await;
    assert_eq!(type_recovery(&browser, &page, &typed).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(is_in(&type_recovery(&browser, &page, &app.recovery[1]).await));
    let kept = house.query("SELECT hex(hash) FROM recovery_codes");
    assert_eq!(kept.len(), 20);
    // A new app makes the older codes worthless.
    let page = offered(&house, &owner, OWNER, 1).await;
    let newer = App::of(&page);
    assert_eq!(owner.submit(&page, "app-form", &[("code", &newer.code(1))]).await.status, StatusCode::OK);
    let page = to_app(&house, &browser, OWNER).await;
    assert_eq!(
        type_recovery(&browser, &page, &app.recovery[2]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn f6_guessing_ends_the_login_and_gets_slow_for_the_account() {
    let house = House::start().await;
    let owner = Browser::new();
    register(&house, &owner, OWNER).await;
    let app = set_up(&house, &owner, OWNER).await;
    for _ in 0..5 {
        let browser = Browser::new();
        let page = to_app(&house, &browser, OWNER).await;
        for left in (1..5).rev() {
            let told = type_app(&browser, &page, &app.wrong()).await;
            assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(
                told.text("error").unwrap().contains(&format!("nog {left} keer")),
                "{:?}",
                told.text("error")
            );
        }
        assert_eq!(type_app(&browser, &page, &app.wrong()).await.status, StatusCode::GONE);
        assert_eq!(type_app(&browser, &page, &app.code(1)).await.status, StatusCode::GONE, "it has ended");
    }
    // Five logins with five guesses each are thirty; then one an hour is left.
    let browser = Browser::new();
    assert_eq!(to_app(&house, &browser, OWNER).await.heading(), ASKS);
    let told = to_app(&house, &browser, OWNER).await;
    assert_eq!(
        (told.status, told.heading().as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "Wacht even met inloggen")
    );
    change(&house, "UPDATE counters SET ends = 1");
    assert_eq!(to_app(&house, &browser, OWNER).await.heading(), ASKS, "it slows and never locks");
}

#[tokio::test]
async fn f6_five_wrong_recovery_codes_end_the_login_and_a_right_one_before_that_is_good() {
    let house = House::start().await;
    let owner = Browser::new();
    register(&house, &owner, OWNER).await;
    let app = set_up(&house, &owner, OWNER).await;
    for wrong in [4, 5] {
        let browser = Browser::new();
        let page = to_app(&house, &browser, OWNER).await;
        for n in 1..=wrong {
            let told = type_recovery(&browser, &page, "BBBBB BBBBB").await;
            let status = if n < 5 { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::GONE };
            assert_eq!(told.status, status, "{n}");
        }
        if wrong == 5 {
            let gone = browser.get(page.url.as_str()).await;
            assert_eq!(gone.status, StatusCode::GONE, "and nothing is tried there any more");
        } else {
            assert!(is_in(&type_recovery(&browser, &page, &app.recovery[0]).await), "the twin");
        }
    }
}

#[tokio::test]
async fn f13_the_app_is_set_and_removed_by_fresh_proof_and_a_genuine_form_only() {
    let house = House::start().await;
    let (owner, other) = (Browser::new(), Browser::new());
    register(&house, &owner, OWNER).await;
    register(&house, &other, OTHER).await;
    let app = set_up(&house, &owner, OWNER).await;
    house.mails(OWNER, 2);
    let (path, remove) = (at(&house, "/account/app"), at(&house, "/account/app/remove"));
    let stale = stale_session(&house).await;
    let send = |method: Method, url: &str| {
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap()
            .request(method, url)
            .header("cookie", &stale)
            .header("origin", &house.issuer)
    };
    let shown = send(Method::GET, &at(&house, "/account")).send().await.unwrap().text().await.unwrap();
    let csrf = shown.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let asked = send(Method::GET, &path).send().await.unwrap();
    assert!(asked.headers()["location"].to_str().unwrap().starts_with("/login/"));
    let mine = offered(&house, &owner, OWNER, 1).await;
    let offer = mine.form("app-form").1["offer"].clone();
    let newer = App::of(&mine).code(1);
    for (url, fields) in
        [(&remove, vec![]), (&path, vec![("offer", offer.as_str()), ("code", newer.as_str())])]
    {
        let fields = [vec![("csrf", csrf.as_str())], fields].concat();
        let told = send(Method::POST, url).form(&fields).send().await.unwrap();
        assert_eq!(
            (told.status(), told.headers()["location"].to_str().unwrap()),
            (StatusCode::SEE_OTHER, "/account/app")
        );
        let own = mine.form("app-form").1["csrf"].clone();
        let fields = [vec![("csrf", csrf.as_str())], fields[1..].to_vec()].concat();
        assert_eq!(owner.post(url, &fields).await.status, StatusCode::FORBIDDEN, "another session's form");
        let evil = owner.request(Method::POST, url).header("origin", "https://evil.test");
        let fields = [vec![("csrf", own.as_str())], fields[1..].to_vec()].concat();
        assert_eq!(owner.send(evil.form(&fields)).await.status, StatusCode::FORBIDDEN);
    }
    // What was offered to one is nothing in the session of another.
    let theirs = offered(&house, &other, OTHER, 1).await;
    let told = other.submit(&theirs, "app-form", &[("offer", &offer), ("code", &newer)]).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(house.query("SELECT COUNT(*) FROM accounts WHERE app_sealed IS NOT NULL"), ["1"]);
    assert_eq!(house.mails_now(OWNER).len(), 2, "no mail of success");
    let page = to_app(&house, &Browser::new(), OWNER).await;
    assert_eq!(page.heading(), ASKS, "the app counts as before");
    let browser = Browser::new();
    let page = to_app(&house, &browser, OWNER).await;
    assert!(is_in(&type_app(&browser, &page, &app.code(1)).await));
    // The twin.
    let done = owner.submit(&mine, "remove-form", &[]).await;
    assert_eq!(done.location().unwrap().path(), "/account");
    let mail = house.mails(OWNER, 3).pop().unwrap();
    assert!(mail.starts_with("De app van uw account"), "{mail}");
    assert_eq!(to_app(&house, &Browser::new(), OWNER).await.heading(), "Vul de code in");
    assert_eq!(house.query("SELECT COUNT(*) FROM recovery_codes"), ["0"]);
}

/// The cookies of a session of the owner's whose login was eleven minutes ago.
pub async fn stale_session(house: &House) -> String {
    house.session(OWNER, (Clock.now(), 660), |_| {}).await.cookies
}

#[tokio::test]
async fn f13_a_forgotten_password_is_not_replaced_past_the_app() {
    let house = House::start().await;
    let owner = Browser::new();
    register(&house, &owner, OWNER).await;
    let app = set_up(&house, &owner, OWNER).await;
    let browser = Browser::new();
    let page = to_recover_code(&browser, &request(&house, &[]), OWNER).await;
    let asked = type_code(&browser, &page, &code_for(&house, OWNER, &page)).await;
    let asked = browser.follow(asked, CALLBACK).await;
    assert_eq!(asked.heading(), ASKS);
    let url = format!("{}/password", asked.url);
    let csrf = asked.form("app-form").1["csrf"].clone();
    let forged = browser.post(&url, &[("csrf", &csrf), ("password", "een heel ander woord")]).await;
    assert_eq!(browser.follow(forged, CALLBACK).await.heading(), ASKS, "no password is taken yet");
    assert_eq!(type_app(&browser, &asked, &app.wrong()).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let new = type_app(&browser, &asked, &app.code(1)).await;
    let new = browser.follow(new, CALLBACK).await;
    assert_eq!(new.heading(), "Kies een nieuw wachtwoord");
    let done = browser.submit(&new, "password-form", &[("password", "een heel ander woord")]).await;
    let choose = browser.follow(done, CALLBACK).await;
    assert!(choose.text("notice").unwrap().contains("wachtwoord is veranderd"));
}

const NEW: &str = "een heel ander woord";

#[tokio::test]
async fn f13_a_password_is_changed_by_fresh_proof_and_ends_every_session() {
    let house = House::start().await;
    let (owner, elsewhere) = (Browser::new(), Browser::new());
    register(&house, &owner, OWNER).await;
    let tokens = crate::portal::log_in(&house, &elsewhere, OWNER, 2).await;
    let url = at(&house, "/account/password");
    let stale = stale_session(&house).await;
    let send = |method: Method, url: &str| {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        http.request(method, url).header("cookie", &stale).header("origin", &house.issuer)
    };
    let shown = send(Method::GET, &at(&house, "/account")).send().await.unwrap().text().await.unwrap();
    let csrf = shown.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let told =
        send(Method::POST, &url).form(&[("csrf", csrf.as_str()), ("password", NEW)]).send().await.unwrap();
    assert_eq!(
        (told.status(), told.headers()["location"].to_str().unwrap()),
        (StatusCode::SEE_OTHER, "/account/password")
    );
    let page = owner.get(&url).await;
    let forged = owner.submit(&page, "password-form", &[("csrf", &csrf), ("password", NEW)]).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let short = owner.submit(&page, "password-form", &[("password", "kort")]).await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(house.mails_now(OWNER).len(), 2, "no mail of success");
    assert_eq!(
        to_app(&house, &Browser::new(), OWNER).await.heading(),
        "Vul de code in",
        "the older password"
    );
    house.mails(OWNER, 3);

    let done = owner.submit(&page, "password-form", &[("password", NEW)]).await;
    assert_eq!(done.heading(), "U bent uitgelogd.");
    assert_eq!(done.text("done").as_deref(), Some("Uw wachtwoord is veranderd."));
    let mail = house.mails(OWNER, 4).pop().unwrap();
    assert!(mail.starts_with(&format!("Het wachtwoord van uw account {OWNER} bij Mijn account")), "{mail}");
    for browser in [&owner, &elsewhere] {
        let silent = browser.visit(&request(&house, &[("prompt", "none")]).url, CALLBACK).await;
        assert_eq!(crate::steps::answer(&silent)["error"], "login_required");
    }
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.text("refresh_token"))];
    assert_eq!(crate::portal::token(&house, &refresh).await.1["error"], "invalid_grant");
    let old = to_app(&house, &Browser::new(), OWNER).await;
    assert_eq!(old.status, StatusCode::UNPROCESSABLE_ENTITY, "the older password");
    crate::steps::log_in_with(&house, OWNER, NEW, 5).await;
    assert_eq!(house.query("SELECT COUNT(*) FROM audit WHERE event = 'password.changed'"), ["1"]);
}

#[tokio::test]
async fn f13_with_digid_linked_a_password_and_a_mailbox_change_nothing() {
    let house = House::start().await;
    let bsn = crate::digid_steps::bsn(1);
    crate::digid_steps::register_with_digid(&house, &bsn, OWNER, PASSWORD).await;
    let browser = Browser::new();
    crate::portal::log_in(&house, &browser, OWNER, 2).await;
    for path in [
        "/account/password",
        "/account/app",
        "/account/email",
        "/account/digid",
        "/account/merge",
        "/account/export",
        "/account/erase",
    ] {
        let asked = browser.visit(&at(&house, path), CALLBACK).await;
        assert_eq!(asked.heading(), "Inloggen bij Mijn account", "{path}");
        assert!(!asked.body.contains("id=\"local\""), "{path}: DigiD only");
    }
    let shown = browser.get(&at(&house, "/account")).await;
    let csrf = shown.form("everywhere-form").1["csrf"].clone();
    let told = browser.post(&at(&house, "/account/password"), &[("csrf", &csrf), ("password", NEW)]).await;
    assert_eq!(told.location().unwrap().path(), "/account/password");
    assert_eq!(house.mails_now(OWNER).len(), 2, "no mail of success");
    // The twin, with DigiD.
    let choose = browser.visit(&at(&house, "/account/password"), CALLBACK).await;
    let digid = crate::portal::press_digid(&browser, &choose).await;
    let page = crate::portal::at_digid(&browser, &digid, &bsn, &[]).await;
    assert_eq!(page.heading(), "Kies een nieuw wachtwoord");
    let done = browser.submit(&page, "password-form", &[("password", NEW)]).await;
    assert!(done.status.is_success(), "{}", done.status);
    crate::steps::log_in_with(&house, OWNER, NEW, 4).await;
}
