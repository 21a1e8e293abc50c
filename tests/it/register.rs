//! Making an account without DigiD (F1, F10): unique, verified, and silent about who has one.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use crate::{
    browser::{Browser, Page},
    digid_steps::audit,
    house::{House, PASSWORD},
    portal::{enter_password, request},
    steps::{
        account, code_for, is_in, likeness, open, reference, to_recover_code, to_register_code, type_code,
    },
};

fn accounts(house: &House) -> Vec<String> {
    house.query("SELECT email_key FROM accounts ORDER BY email_key")
}

#[tokio::test]
async fn f1_an_address_in_other_letters_makes_no_second_account_and_its_owner_is_told() {
    let house = House::start().await;
    let taken = [("a@x.nl", "A@X.NL"), ("Jan@xn--bcher-kva.example", "jan@BÜCHER.example")];
    for (owner, again) in taken {
        account(&house, owner).await;
        let before = accounts(&house);
        let browser = Browser::new();
        let page = to_register_code(&browser, &request(&house, &[]), again, "een ander wachtwoord").await;
        let mail = house.mails(owner, 2).pop().unwrap();
        assert!(mail.starts_with("U heeft al een account."), "{mail}");
        assert!(mail.contains(&format!("kenmerk {}", reference(&page))) && mail.contains(owner), "{mail}");
        // No code is right: none was made.
        for guess in ["", "000000", "123456"] {
            assert!(!is_in(&type_code(&browser, &page, guess).await));
        }
        assert_eq!(accounts(&house), before);
        let (browser, request) = (Browser::new(), request(&house, &[]));
        let refused = enter_password(&browser, &request, owner, "een ander wachtwoord").await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "the password was replaced");
    }
}

#[tokio::test]
async fn f1_no_page_tells_whether_an_address_has_an_account() {
    let house = House::start().await;
    account(&house, "jansen@voorbeeld.nl").await;
    let ((known, soon), (new, as_soon)) =
        (walk(&house, "Jansen@voorbeeld.nl").await, walk(&house, "Jacobs@voorbeeld.nl").await);
    for (step, (known, new)) in known.into_iter().zip(new).enumerate() {
        if step == RESEND && !(soon && as_soon) {
            continue;
        }
        assert_eq!(likeness(&known), likeness(&new), "step {step}");
    }
    assert_eq!(accounts(&house), ["jansen@voorbeeld.nl"]);
}

/// Which of its answers is that to the resend.
const RESEND: usize = 2;

/// Everything a stranger sees who tries to make an account: the answer to the form, the page, a resend, wrong codes. And whether the
/// resend came too early on this machine: twenty seconds later another mail goes out.
async fn walk(house: &House, email: &str) -> (Vec<Page>, bool) {
    let (browser, begun) = (Browser::new(), Instant::now());
    let form = open(&browser, &request(house, &[]), "register").await;
    let sent = browser.submit(&form, "register-form", &[("email", email), ("password", PASSWORD)]).await;
    let page = browser.get(sent.location().unwrap().as_str()).await;
    assert_eq!(page.heading(), "Vul de code in");
    let mut seen = vec![sent, page.clone()];
    seen.push(browser.submit(&page, "resend-form", &[]).await);
    let soon = begun.elapsed() < Duration::from_secs(15);
    // Not six digits, so that it is wrong whatever was drawn.
    for _ in 0..10 {
        seen.push(type_code(&browser, &page, "12345").await);
    }
    seen.push(browser.get(page.url.as_str()).await);
    (seen, soon)
}

#[tokio::test]
async fn f10_without_the_code_there_is_no_account_and_no_sub() {
    let house = House::start().await;
    let browser = Browser::new();
    let page = to_register_code(&browser, &request(&house, &[]), "nieuw@voorbeeld.nl", PASSWORD).await;
    let code = code_for(&house, "nieuw@voorbeeld.nl", &page);
    type_code(&browser, &page, "12345").await;
    let other = Browser::new();
    let refused = enter_password(&other, &request(&house, &[]), "nieuw@voorbeeld.nl", PASSWORD).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for table in ["accounts", "subjects", "persons", "grants"] {
        assert_eq!(house.query(&format!("SELECT COUNT(*) FROM {table}")), ["0"], "{table}");
    }
    assert!(is_in(&type_code(&browser, &page, &code).await));
    assert_eq!(accounts(&house), ["nieuw@voorbeeld.nl"]);
}

#[tokio::test]
async fn a_password_has_twelve_characters_and_is_not_common_and_nothing_else_is_asked() {
    let house = House::start().await;
    let browser = Browser::new();
    let form = open(&browser, &request(&house, &[]), "register").await;
    let long = "x".repeat(257);
    let refused = [
        ("", "te kort"),
        ("elf tekens!", "te kort"),
        ("wachtwoord1234", "makkelijk te raden"),
        ("PasswordPassword", "makkelijk te raden"),
        (long.as_str(), "te lang"),
    ];
    for (password, why) in refused {
        let typed = [("email", "nieuw@voorbeeld.nl"), ("password", password)];
        let page = browser.submit(&form, "register-form", &typed).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{password}");
        assert!(page.text("error").unwrap().contains(why), "{password}: {:?}", page.text("error"));
        assert!(password.is_empty() || !page.body.contains(password), "a password came back in a page");
    }
    for email in ["", "geen adres", "a@b", "a@x.nl\r\nBcc: z@x.nl", "a@x.nl,b@x.nl", "mar\u{212a}@x.nl"] {
        let typed = [("email", email), ("password", PASSWORD)];
        let page = browser.submit(&form, "register-form", &typed).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{email}");
    }
    assert!(house.mails_now("").is_empty());
    // Twelve of anything will do: spaces, letters with two bytes, one letter again and again.
    let sent = browser
        .submit(&form, "register-form", &[("email", "nieuw@voorbeeld.nl"), ("password", "éé éé éé éé ")])
        .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a22_an_address_writes_no_header_into_a_mail() {
    let house = House::start().await;
    let browser = Browser::new();
    for bad in [
        "jansen@voorbeeld.nl\r\nBcc: mallory@kwaad.test",
        "jansen\r\nBcc: mallory@kwaad.test",
        "jansen@voorbeeld.nl\nSubject: van uw zorgverlener",
        "jansen@voorbeeld.nl\rX-Kwaad: ja",
        "\"jansen\r\nBcc: mallory\"@kwaad.test",
        "jansen@voorbeeld.nl,mallory@kwaad.test",
        "Jansen <mallory@kwaad.test>",
    ] {
        for name in ["register", "recover"] {
            let form = open(&browser, &request(&house, &[("prompt", "login")]), name).await;
            let mut typed = vec![("email", bad)];
            typed.extend((name == "register").then_some(("password", PASSWORD)));
            let told = browser.submit(&form, &format!("{name}-form"), &typed).await;
            assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{name} {bad:?}");
        }
    }
    // The twin, after which nothing else can be on its way.
    to_register_code(&browser, &request(&house, &[]), "jansen@voorbeeld.nl", PASSWORD).await;
    assert_eq!(house.mails("jansen@voorbeeld.nl", 1).len(), 1);
    assert!(house.mails_now("kwaad").is_empty());
}

#[tokio::test]
async fn f1_an_address_cannot_write_markup_into_a_page() {
    let house = House::start().await;
    let browser = Browser::new();
    let form = open(&browser, &request(&house, &[]), "register").await;
    let nasty = "\"><script>alert(1)</script>@x.nl";
    let page = browser.submit(&form, "register-form", &[("email", nasty), ("password", PASSWORD)]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!page.body.contains("<script>"));
    assert_eq!(page.form("register-form").1["email"], nasty, "what was typed is given back, as text");
}

#[tokio::test]
async fn f1_who_comes_second_with_an_address_is_refused_and_it_is_noted() {
    let house = House::start().await;
    let mut ready = Vec::new();
    for _ in 0..2 {
        let browser = Browser::new();
        let page = to_register_code(&browser, &request(&house, &[]), "nieuw@voorbeeld.nl", PASSWORD).await;
        let code = code_for(&house, "nieuw@voorbeeld.nl", &page);
        ready.push((browser, page, code));
    }
    let [(first, page, code), (second, other, later)] = ready.try_into().ok().unwrap();
    assert!(is_in(&type_code(&first, &page, &code).await));
    assert_eq!(type_code(&second, &other, &later).await.status, StatusCode::CONFLICT);
    assert_eq!(audit(&house).last().unwrap(), "account.created email_taken");
    assert_eq!(second.get(other.url.as_str()).await.status, StatusCode::GONE);
    assert_eq!(accounts(&house), ["nieuw@voorbeeld.nl"]);
}

/// The two are asked for by anybody, at any address: each has a day's share of its own.
#[tokio::test]
async fn who_asks_for_new_passwords_all_day_keeps_nobody_from_an_account() {
    let house = House::start().await;
    let (email, browser) = ("jansen@voorbeeld.nl", Browser::new());
    let mut asked = Vec::new();
    for _ in 0..32 {
        let request = request(&house, &[]);
        asked.push(to_recover_code(&browser, &request, email).await.heading());
    }
    // Thirty of a day, and the one of this hour.
    assert!(asked[..31].iter().all(|heading| heading == "Vul de code in"), "{asked:?}");
    assert_eq!(asked[31], "Te veel e-mails");
    let request = request(&house, &[]);
    let page = to_register_code(&browser, &request, email, PASSWORD).await;
    assert_eq!(page.heading(), "Vul de code in");
}
