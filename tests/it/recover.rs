//! A forgotten password (F13): the code goes to the owner, a new password ends everything old, strangers learn nothing.

use reqwest::StatusCode;

use crate::{
    browser::{Browser, Page},
    digid_steps::{audit, bsn, has_session, register_with_digid},
    house::{CALLBACK, House, PASSWORD},
    portal::{at_digid, enter_password, register, request, token},
    steps::{
        account, answer, code_for, is_in, likeness, log_in_with, open, reference, to_recover_code, type_code,
        wrong,
    },
};

const NEW: &str = "een heel ander woord";

#[tokio::test]
async fn f13_a_new_password_ends_old_sessions_and_tokens_and_its_owner_is_mailed() {
    let house = House::start().await;
    let owner = Browser::new();
    let before = register(&house, &owner, "jansen@voorbeeld.nl").await;

    let browser = Browser::new();
    let page = to_recover_code(&browser, &request(&house, &[]), "jansen@voorbeeld.nl").await;
    let code = code_for(&house, "jansen@voorbeeld.nl", &page);
    let refused = type_code(&browser, &page, &wrong(&code)).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let new = type_code(&browser, &page, &code).await;
    let new = browser.follow(new, CALLBACK).await;
    assert_eq!(new.heading(), "Kies een nieuw wachtwoord");
    let weak = browser.submit(&new, "password-form", &[("password", "wachtwoord1234")]).await;
    assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(house.mails_now("jansen@voorbeeld.nl").len(), 2, "no mail of success yet");
    let done = browser.submit(&new, "password-form", &[("password", NEW)]).await;
    let choose = browser.follow(done, CALLBACK).await;
    assert!(
        choose.text("notice").unwrap().contains("wachtwoord is veranderd"),
        "{:?}",
        choose.text("notice")
    );

    let mail = house.mails("jansen@voorbeeld.nl", 3).pop().unwrap();
    assert!(mail.starts_with("Het wachtwoord van uw account jansen@voorbeeld.nl"), "{mail}");
    let silent = owner.visit(&request(&house, &[("prompt", "none")]).url, CALLBACK).await;
    assert_eq!(answer(&silent)["error"], "login_required", "the old session");
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", before.text("refresh_token"))];
    let (status, body) = token(&house, &refresh).await;
    assert_eq!((status, body["error"].as_str()), (400, Some("invalid_grant")), "the old refresh token");
    let userinfo = reqwest::Client::new().get(format!("{}/userinfo", house.issuer));
    let userinfo = userinfo.bearer_auth(before.text("access_token")).send().await.unwrap();
    assert_eq!(userinfo.status(), StatusCode::UNAUTHORIZED, "the old access token");
    let old = enter_password(&Browser::new(), &request(&house, &[]), "jansen@voorbeeld.nl", PASSWORD).await;
    assert_eq!(old.status, StatusCode::UNPROCESSABLE_ENTITY, "the old password");
    let after = log_in_with(&house, "jansen@voorbeeld.nl", NEW, 4).await;
    assert_eq!(after.sub(), before.sub());
}

#[tokio::test]
async fn f13_a_code_goes_to_the_owner_and_never_to_a_look_alike_that_asked_for_it() {
    let house = House::start().await;
    account(&house, "mark@voorbeeld.nl").await;
    // To a computer that folds letters these are one address; to a mail server they need not be.
    for look_alike in ["Mark@voorbeeld.nl", "mar\u{212a}@voorbeeld.nl"] {
        let before = house.mails_now("@voorbeeld.nl").len();
        let browser = Browser::new();
        let page = to_recover_code(&browser, &request(&house, &[]), look_alike).await;
        if page.status == StatusCode::UNPROCESSABLE_ENTITY {
            assert_eq!(house.mails_now("@voorbeeld.nl").len(), before);
            continue;
        }
        house.mails("@voorbeeld.nl", before + 1);
        assert!(house.mails_now(look_alike).is_empty(), "{look_alike} was mailed the owner's code");
        let code = code_for(&house, "mark@voorbeeld.nl", &page);
        assert!(type_code(&browser, &page, &code).await.status.is_redirection());
    }
}

#[tokio::test]
async fn f13_an_unknown_address_gets_the_same_pages_and_no_mail() {
    let house = House::start().await;
    account(&house, "jansen@voorbeeld.nl").await;
    let (known, unknown) =
        (walk(&house, "Jansen@voorbeeld.nl").await, walk(&house, "Jacobs@voorbeeld.nl").await);
    for (step, (known, unknown)) in known.into_iter().zip(unknown).enumerate() {
        assert_eq!(likeness(&known), likeness(&unknown), "step {step}");
    }
    assert!(house.mails_now("acobs@").is_empty());
    let form = open(&Browser::new(), &request(&house, &[]), "recover").await;
    assert_eq!(form.status, StatusCode::OK);
}

/// Everything a stranger sees who asks for a new password of an address.
async fn walk(house: &House, email: &str) -> Vec<Page> {
    let browser = Browser::new();
    let form = open(&browser, &request(house, &[]), "recover").await;
    let sent = browser.submit(&form, "recover-form", &[("email", email)]).await;
    let page = browser.get(sent.location().unwrap().as_str()).await;
    assert!(!reference(&page).is_empty());
    let mut seen = vec![sent, page.clone()];
    seen.push(browser.submit(&page, "resend-form", &[]).await);
    for _ in 0..10 {
        seen.push(type_code(&browser, &page, "12345").await);
    }
    seen.push(browser.get(page.url.as_str()).await);
    seen
}

#[tokio::test]
async fn f13_the_new_password_is_taken_once_and_only_after_the_code() {
    let house = House::start().await;
    account(&house, "jansen@voorbeeld.nl").await;
    let browser = Browser::new();
    let page = to_recover_code(&browser, &request(&house, &[]), "jansen@voorbeeld.nl").await;
    let hash = || house.query("SELECT password_hash || era FROM accounts");
    let before = hash();
    let (_, fields) = page.form("code-form");
    let early = [("csrf", fields["csrf"].as_str()), ("password", NEW)];
    let early = browser.post(&format!("{}/password", page.url), &early).await;
    assert_eq!(early.location().as_ref(), Some(&page.url));
    assert_eq!(hash(), before);

    let code = code_for(&house, "jansen@voorbeeld.nl", &page);
    let new = browser.follow(type_code(&browser, &page, &code).await, CALLBACK).await;
    let both = (0..8).map(|n| {
        let (browser, new) = (browser.clone(), new.clone());
        tokio::spawn(async move {
            browser.submit(&new, "password-form", &[("password", &format!("{NEW} {n}"))]).await
        })
    });
    for answer in both.collect::<Vec<_>>() {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.heading());
    }
    assert_eq!(browser.get(page.url.as_str()).await.heading(), "Inloggen bij Huisarts De Linde");
    assert_eq!(house.query("SELECT era FROM accounts"), ["1"], "changed more than once");
    assert_eq!(house.query("SELECT COUNT(*) FROM audit WHERE event = 'password.reset'"), ["1"]);
    assert_eq!(house.mails("jansen@voorbeeld.nl", 3).len(), 3);
    let request = request(&house, &[]);
    let choose = browser.visit(&request.url, CALLBACK).await;
    assert!(!is_in(&choose), "a reset is no login");
}

/// As far as DigiD, for an account that has it.
async fn to_digid(house: &House, browser: &Browser, email: &str) -> Page {
    let page = to_recover_code(browser, &request(house, &[]), email).await;
    let code = code_for(house, email, &page);
    let page = browser.follow(type_code(browser, &page, &code).await, CALLBACK).await;
    assert_eq!(page.heading(), "Log eerst in met DigiD");
    // Without DigiD no new password.
    let (_, fields) = page.form("digid-form");
    let early = [("csrf", fields["csrf"].as_str()), ("password", NEW)];
    let early = browser.post(&format!("{}/password", page.url), &early).await;
    assert_eq!(early.location().as_ref(), Some(&page.url));
    browser.follow(browser.submit(&page, "digid-form", &[]).await, CALLBACK).await
}

#[tokio::test]
async fn f13_an_account_with_digid_takes_a_new_password_only_after_its_own_digid() {
    let house = House::start().await;
    let (own, other, email) = (bsn(1), bsn(2), "jansen@voorbeeld.nl");
    register_with_digid(&house, &own, email, PASSWORD).await;
    register_with_digid(&house, &other, "anders@voorbeeld.nl", "").await;
    let hash =
        || house.query("SELECT password_hash || era FROM accounts WHERE email_key = 'jansen@voorbeeld.nl'");
    let before = hash();

    // Somebody else's DigiD opens nothing, not even that other's own account.
    let thief = Browser::new();
    let digid = to_digid(&house, &thief, email).await;
    assert!(digid.body.contains("U moet opnieuw inloggen"), "an open DigiD session is not enough");
    let refused = at_digid(&thief, &digid, &other, &[]).await;
    assert_eq!(
        (refused.status, refused.heading().as_str()),
        (StatusCode::CONFLICT, "Uw wachtwoord is niet veranderd")
    );
    assert_eq!(audit(&house).last().unwrap(), "login.digid another_person");
    assert!(!has_session(&house, &thief).await);
    assert_eq!(hash(), before);

    // Cancelled there: back to where DigiD is asked, and not to a way in.
    let owner = Browser::new();
    let digid = to_digid(&house, &owner, email).await;
    let back = at_digid(&owner, &digid, &own, &[("outcome", "cancel")]).await;
    assert_eq!(back.heading(), "Log eerst in met DigiD");
    assert!(back.text("notice").unwrap().contains("geannuleerd"), "{:?}", back.text("notice"));
    let digid = owner.follow(owner.submit(&back, "digid-form", &[]).await, CALLBACK).await;
    let new = at_digid(&owner, &digid, &own, &[]).await;
    assert_eq!(new.heading(), "Kies een nieuw wachtwoord", "it is no login");
    assert!(!has_session(&house, &owner).await);
    let done = owner.submit(&new, "password-form", &[("password", NEW)]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_ne!(hash(), before);
}
