//! The mailed code (F5): bound to its login and its browser, five tries, ten in a login, once, and replaced by the next.

use std::time::Duration;

use reqwest::StatusCode;

use crate::{
    browser::{Browser, Page},
    house::{CALLBACK, House, PASSWORD},
    portal::{code_of, enter_password, redeem, request},
    steps::{
        account, code_for, is_in, reference, to_code, to_recover_code, to_register_code, type_code, wrong,
    },
};

const EMAIL: &str = "jansen@voorbeeld.nl";

async fn house() -> House {
    let house = House::start().await;
    account(&house, EMAIL).await;
    house
}

#[tokio::test]
async fn f5_the_code_of_one_tab_fails_in_another_of_the_same_browser() {
    let house = house().await;
    let browser = Browser::new();
    let (_, tab_a, mut code_a) = to_code(&house, &browser, EMAIL, 2).await;
    let (request_b, tab_b, code_b) = to_code(&house, &browser, EMAIL, 3).await;
    let by_chance = code_a == code_b;
    if by_chance {
        code_a = wrong(&code_b);
    }
    let refused = type_code(&browser, &tab_b, &code_a).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.text("error").unwrap(), "Deze code klopt niet. U kunt het nog 4 keer proberen.");
    let spaced = format!(" {} {} ", &code_b[..3], &code_b[3..]);
    let done = type_code(&browser, &tab_b, &spaced).await;
    redeem(&house, &request_b, &code_of(&done)).await;
    assert!(by_chance || !is_in(&type_code(&browser, &tab_a, &code_b).await));
}

#[tokio::test]
async fn f5_the_sixth_try_fails_even_with_the_right_code_and_the_login_lives() {
    let house = house().await;
    let browser = Browser::new();
    let (_, page, code) = to_code(&house, &browser, EMAIL, 2).await;
    for left in ["nog 4 keer", "nog 3 keer", "nog 2 keer", "nog 1 keer"] {
        let refused = type_code(&browser, &page, &wrong(&code)).await;
        assert!(refused.text("error").unwrap().contains(left), "{:?}", refused.text("error"));
    }
    for typed in [wrong(&code), code] {
        let ended = type_code(&browser, &page, &typed).await;
        assert_eq!(ended.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(ended.text("error").unwrap(), "Deze code is verlopen. Vraag een nieuwe aan.");
    }
    assert_eq!(browser.get(page.url.as_str()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn f5_no_guess_counts_twice_and_none_goes_uncounted_when_many_come_at_once() {
    let house = house().await;
    let browser = Browser::new();
    let (_, page, code) = to_code(&house, &browser, EMAIL, 2).await;
    let tries = (0..40).map(|_| {
        let (browser, page, wrong) = (browser.clone(), page.clone(), wrong(&code));
        tokio::spawn(async move { type_code(&browser, &page, &wrong).await })
    });
    let mut told = Vec::new();
    for answer in tries.collect::<Vec<_>>() {
        let answer = answer.await.unwrap();
        // The others heard that the login moved meanwhile, and learned nothing about their guess.
        if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
            told.push(answer.text("error").unwrap());
        }
    }
    for left in ["nog 4 keer", "nog 3 keer", "nog 2 keer", "nog 1 keer"] {
        assert!(told.iter().filter(|text| text.contains(left)).count() <= 1, "{left}: {told:?}");
    }
    assert!(!told.is_empty());
}

#[tokio::test]
async fn f5_a_code_works_in_its_own_browser_only() {
    let house = house().await;
    let browser = Browser::new();
    let (_, page, code) = to_code(&house, &browser, EMAIL, 2).await;
    let bare = Browser::new();
    let visitor = Browser::new();
    visitor.visit(&request(&house, &[]).url, CALLBACK).await;
    for stranger in [&bare, &visitor] {
        let seen = stranger.get(page.url.as_str()).await;
        assert_eq!((seen.status, seen.heading().contains("code")), (StatusCode::GONE, false));
        // Even with the code and the token of the form.
        assert_eq!(type_code(stranger, &page, &code).await.status, StatusCode::FORBIDDEN);
    }
    assert!(is_in(&type_code(&browser, &page, &code).await));
}

#[tokio::test]
async fn f5_a_code_works_once() {
    let house = house().await;
    let browser = Browser::new();
    let (_, page, code) = to_code(&house, &browser, EMAIL, 2).await;
    assert!(is_in(&type_code(&browser, &page, &code).await));
    let again = type_code(&browser, &page, &code).await;
    assert_eq!((again.status, again.location()), (StatusCode::GONE, None));
}

/// Asks for a newer code until the 20 seconds between two mails are over.
async fn resend(browser: &Browser, page: &Page) -> Page {
    for _ in 0..40 {
        let answer = browser.submit(page, "resend-form", &[]).await;
        if answer.status.is_redirection() {
            return browser.follow(answer, CALLBACK).await;
        }
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(answer.text("not-sent").unwrap().contains("Wacht nog"), "{}", answer.heading());
        assert_eq!(
            (answer.text("error"), answer.body.contains("aria-invalid")),
            (None, false),
            "nobody typed a code"
        );
        tokio::time::sleep(Duration::from_millis(900)).await;
    }
    panic!("no newer code within forty tries")
}

#[tokio::test]
async fn f5_a_newer_code_replaces_the_older_and_the_tenth_wrong_try_ends_the_login() {
    let house = house().await;
    let (browser, guesser) = (Browser::new(), Browser::new());
    let (_, page, older) = to_code(&house, &browser, EMAIL, 2).await;
    let (_, tried, code) = to_code(&house, &guesser, EMAIL, 3).await;
    // For an address with and one without an account, the whole way looks the same.
    let strangers = (Browser::new(), Browser::new());
    let unknown = to_recover_code(&strangers.0, &request(&house, &[]), "jacobs@voorbeeld.nl").await;
    let taken = to_register_code(&strangers.1, &request(&house, &[]), EMAIL, "een lang wachtwoord!").await;
    for _ in 0..5 {
        type_code(&guesser, &tried, &wrong(&code)).await;
    }
    let (page, tried, unknown, taken) = tokio::join!(
        resend(&browser, &page),
        resend(&guesser, &tried),
        resend(&strangers.0, &unknown),
        resend(&strangers.1, &taken)
    );
    for page in [&page, &tried, &unknown, &taken] {
        assert_eq!(page.text("notice").unwrap(), "Gebruik nu de nieuwe code. De oude code werkt niet meer.");
    }
    let newer = code_for(&house, EMAIL, &page);
    if newer != older {
        let dead = type_code(&browser, &page, &older).await;
        assert!(dead.text("error").unwrap().contains("nog 4 keer"), "{:?}", dead.text("error"));
    }
    assert!(is_in(&type_code(&browser, &page, &newer).await));

    let newer = code_for(&house, EMAIL, &tried);
    for _ in 6..10 {
        let refused = type_code(&guesser, &tried, &wrong(&newer)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    for typed in [wrong(&newer), newer] {
        assert_eq!(type_code(&guesser, &tried, &typed).await.status, StatusCode::GONE);
    }
    assert_eq!(guesser.get(tried.url.as_str()).await.status, StatusCode::GONE);

    assert!(house.mails_now("jacobs@voorbeeld.nl").is_empty());
    let told = format!("kenmerk {}", reference(&taken));
    let told = house.mails(EMAIL, 7).into_iter().find(|mail| mail.contains(&told)).unwrap();
    assert!(told.starts_with("U heeft al een account."), "{told}");
}

#[tokio::test]
async fn f5_wrong_codes_use_up_the_mails_of_a_day_and_then_one_an_hour_still_comes() {
    let house = house().await;
    let again = async |email: &str| {
        let request = request(&house, &[("prompt", "login")]);
        enter_password(&Browser::new(), &request, email, PASSWORD).await
    };
    // Five mails and the 25 wrong codes typed after them are the thirty of a day.
    for mails in 2..=6 {
        let browser = Browser::new();
        let (_, page, code) = to_code(&house, &browser, EMAIL, mails).await;
        for _ in 0..5 {
            type_code(&browser, &page, &wrong(&code)).await;
        }
    }
    let browser = Browser::new();
    let (_, page, code) = to_code(&house, &browser, EMAIL, 7).await;
    let slowed = again(EMAIL).await;
    assert_eq!(
        (slowed.status, slowed.heading().as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "Te veel e-mails")
    );
    assert!(is_in(&type_code(&browser, &page, &code).await), "slower, and never locked");
    // The twin: as many logins of somebody who mistypes nothing.
    let twin = "jansen+twin@voorbeeld.nl";
    account(&house, twin).await;
    for _ in 2..=8 {
        assert_eq!(again(twin).await.heading(), "Vul de code in");
    }
}
