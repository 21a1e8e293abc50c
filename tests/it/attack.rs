//! Attacks that once worked. Each ends here with what must be true instead.

use reqwest::StatusCode;
use serde_json::json;

use crate::{
    browser::Browser,
    digid_steps::{
        answer, at_question, audit, born, bsn, desk_person, enter_link, enter_new, go_on, has_session, link,
        log_in_with_digid, person_of, register_with_digid,
    },
    house::{CALLBACK, House, PASSWORD},
    mandates_desk::{Desk, Form},
    portal::{code_of, enter_password, redeem, register, request, token},
    steps::{account, code_for, to_code, to_recover_code, to_register_code, type_code},
};

const NEW_PASSWORD: &str = "een heel nieuw woord";

fn linked(house: &House) -> String {
    house.query("SELECT COUNT(*) FROM accounts WHERE digid_linked_at IS NOT NULL").remove(0)
}

#[tokio::test]
async fn a_hidden_form_does_not_get_in_below_the_level_that_was_asked() {
    let house = House::start().await;
    account(&house, "anna@voorbeeld.nl").await;
    let (browser, request) =
        (Browser::new(), request(&house, &[("acr_values", "http://eidas.europa.eu/LoA/high")]));
    let choose = browser.visit(&request.url, CALLBACK).await;
    let (_, fields) = choose.form("digid-form");
    let sent = browser
        .post(
            &format!("{}/email", choose.url),
            &[("csrf", &fields["csrf"]), ("email", "anna@voorbeeld.nl"), ("password", PASSWORD)],
        )
        .await;
    let page = browser.follow(sent, CALLBACK).await;
    assert_eq!(page.heading(), "Inloggen bij Huisarts De Linde");
    assert_eq!(house.mails_now("anna@voorbeeld.nl").len(), 1, "no code but that of the registration");
    // Nor by an account that is made on the way.
    let new = [("csrf", fields["csrf"].as_str()), ("email", "nieuw@voorbeeld.nl"), ("password", PASSWORD)];
    let sent = browser.post(&format!("{}/register", choose.url), &new).await;
    let page = browser.follow(sent, CALLBACK).await;
    assert_eq!(page.heading(), "Inloggen bij Huisarts De Linde");
    assert_eq!(house.mails_now("nieuw@voorbeeld.nl").len(), 0);
}

#[tokio::test]
async fn a_password_reset_ends_the_logins_that_the_old_password_began() {
    let house = House::start().await;
    account(&house, "anna@voorbeeld.nl").await;
    let (thief, linker, second) = (Browser::new(), Browser::new(), Browser::new());
    let (_, at_code, code) = to_code(&house, &thief, "anna@voorbeeld.nl", 2).await;
    let (_, question) = at_question(&house, &linker, &bsn(1)).await;
    let at_link = enter_link(&linker, &question, "anna@voorbeeld.nl", PASSWORD).await;
    let link_code = house.code("anna@voorbeeld.nl", 3);
    let page = to_recover_code(&second, &request(&house, &[]), "anna@voorbeeld.nl").await;
    let other_reset =
        second.follow(type_code(&second, &page, &house.code("anna@voorbeeld.nl", 4)).await, CALLBACK).await;

    let owner = Browser::new();
    let page = to_recover_code(&owner, &request(&house, &[]), "anna@voorbeeld.nl").await;
    let page =
        owner.follow(type_code(&owner, &page, &house.code("anna@voorbeeld.nl", 5)).await, CALLBACK).await;
    let changed = owner.submit(&page, "password-form", &[("password", NEW_PASSWORD)]).await;
    assert_eq!(changed.status, StatusCode::SEE_OTHER);

    for (browser, page, code) in [(&thief, &at_code, &code), (&linker, &at_link, &link_code)] {
        let end = browser.follow(type_code(browser, page, code).await, CALLBACK).await;
        assert_eq!(end.heading(), "Deze inlogpoging is verlopen");
    }
    let late = second.submit(&other_reset, "password-form", &[("password", "nog een ander woord")]).await;
    assert_eq!(second.follow(late, CALLBACK).await.heading(), "Deze inlogpoging is verlopen");
    assert_eq!(linked(&house), "0");
    let noted = audit(&house);
    for outdated in ["login.local outdated", "digid.linked outdated"] {
        assert_eq!(noted.iter().filter(|line| *line == outdated).count(), 1, "{noted:?}");
    }
    let (browser, request) = (Browser::new(), request(&house, &[]));
    let page = enter_password(&browser, &request, "anna@voorbeeld.nl", NEW_PASSWORD).await;
    assert_eq!(page.heading(), "Vul de code in", "the owner's new password is the one that counts");
}

#[tokio::test]
async fn a_block_holds_for_a_person_who_became_part_of_another() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (old_id, child) = (
        desk_person(&house, "Anna", Some(&born(40, 0)), Some(&bsn(2))),
        desk_person(&house, "Sem", Some(&born(8, 0)), None),
    );
    desk.mandate(&Form::parent(&old_id, &child));
    account(&house, "anna@voorbeeld.nl").await;
    let browser = Browser::new();
    let (asked, linked) = link(&house, &browser, &bsn(2), "anna@voorbeeld.nl", 2).await;
    let tokens = go_on(&house, &browser, &asked, &linked).await;
    assert_eq!(tokens.claims["act_as"].as_array().unwrap().len(), 1);
    house.ok(&[
        "mandates",
        "block",
        "--representative",
        &old_id,
        "--represented",
        &child,
        "--by",
        "balie 1",
        "--reason",
        "spoed",
    ]);
    let (status, body) =
        token(&house, &[("grant_type", "refresh_token"), ("refresh_token", tokens.text("refresh_token"))])
            .await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(crate::portal::tokens(body).claims["act_as"], json!([]));
}

#[tokio::test]
async fn signing_out_takes_a_login_that_was_left_halfway_along() {
    let house = House::start().await;
    let browser = Browser::new();
    register_with_digid(&house, &bsn(3), "henk@voorbeeld.nl", "").await;
    let (_, question) = at_question(&house, &browser, &bsn(4)).await;
    log_in_with_digid(&house, &browser, &bsn(3), &[], &[]).await;
    let ask = browser.get(&format!("{}/logout", house.issuer)).await;
    let out = browser.submit(&ask, "logout-form", &[]).await;
    assert_eq!(out.heading(), "U bent uitgelogd.");
    let next = browser.get(question.url.as_str()).await;
    assert_eq!(next.status, StatusCode::GONE);
    assert_eq!(answer(&browser, &question, "new").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_portal_that_posts_the_sign_out_is_asked_again_where_the_cookie_travels() {
    let house = House::start().await;
    let browser = Browser::new();
    let tokens = register(&house, &browser, "anna@voorbeeld.nl").await;
    let url = format!("{}/logout", house.issuer);
    let form =
        [("id_token_hint", tokens.text("id_token")), ("post_logout_redirect_uri", "http://127.0.0.1:9/bye")];
    let stranger = Browser::new();
    let posted = stranger.send(stranger.request(reqwest::Method::POST, &url).form(&form)).await;
    assert_eq!(posted.status, StatusCode::SEE_OTHER);
    assert!(posted.headers.get("set-cookie").is_none(), "nothing is cleared where nobody is known");
    assert!(has_session(&house, &browser).await);
    let done = browser.get(posted.location().unwrap().as_str()).await;
    assert_eq!(done.location().unwrap().as_str(), "http://127.0.0.1:9/bye");
    assert!(!has_session(&house, &browser).await);
}

#[tokio::test]
async fn a_stranger_who_asks_for_mails_keeps_no_owner_from_logging_in() {
    let house = House::start().await;
    account(&house, "anna@voorbeeld.nl").await;
    let mut refused = 0;
    for n in 0..34 {
        let (browser, request) = (Browser::new(), request(&house, &[]));
        let address = if n % 2 == 0 { "anna@voorbeeld.nl" } else { "anna+x@voorbeeld.nl" };
        let page = to_recover_code(&browser, &request, address).await;
        refused += usize::from(page.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused >= 2, "tags give no more mails: {refused}");
    let (browser, request) = (Browser::new(), request(&house, &[]));
    let page = enter_password(&browser, &request, "anna@voorbeeld.nl", PASSWORD).await;
    assert_eq!(page.heading(), "Vul de code in");
}

#[tokio::test]
async fn m13_a_child_who_turns_out_to_be_under_twelve_keeps_no_tokens() {
    let house = House::start().await;
    let (browser, asked) = (Browser::new(), request(&house, &[]));
    let tokens = register_with_digid(&house, &bsn(5), "sem@voorbeeld.nl", "").await;
    drop((browser, asked));
    let person = person_of(&house, "sem@voorbeeld.nl");
    house.set_birth_date(&person, &born(8, 0));
    let (status, _) =
        token(&house, &[("grant_type", "refresh_token"), ("refresh_token", tokens.text("refresh_token"))])
            .await;
    assert_eq!(status, 400);
    let told = reqwest::Client::new()
        .get(format!("{}/userinfo", house.issuer))
        .bearer_auth(tokens.text("access_token"));
    assert_eq!(told.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn m13_no_account_becomes_a_child_whom_the_desk_registers_meanwhile() {
    let house = House::start().await;
    account(&house, "anna@voorbeeld.nl").await;
    let browser = Browser::new();
    let (_, question) = at_question(&house, &browser, &bsn(6)).await;
    let page = enter_link(&browser, &question, "anna@voorbeeld.nl", PASSWORD).await;
    desk_person(&house, "Sem", Some(&born(8, 0)), Some(&bsn(6)));
    let refused = type_code(&browser, &page, &house.code("anna@voorbeeld.nl", 2)).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(linked(&house), "0");
}

#[tokio::test]
async fn two_birth_dates_are_two_people() {
    let house = House::start().await;
    account(&house, "noor@voorbeeld.nl").await;
    let person = person_of(&house, "noor@voorbeeld.nl");
    house.set_birth_date(&person, &born(40, 0));
    desk_person(&house, "Daan", Some(&born(17, 0)), Some(&bsn(7)));
    let browser = Browser::new();
    let (_, refused) = link(&house, &browser, &bsn(7), "noor@voorbeeld.nl", 2).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_new_login_ends_the_tokens_of_the_session_before_it() {
    let house = House::start().await;
    let browser = Browser::new();
    let first = register(&house, &browser, "anna@voorbeeld.nl").await;
    let (asked, page, code) = to_code(&house, &browser, "anna@voorbeeld.nl", 2).await;
    redeem(&house, &asked, &code_of(&type_code(&browser, &page, &code).await)).await;
    let told = reqwest::Client::new()
        .get(format!("{}/userinfo", house.issuer))
        .bearer_auth(first.text("access_token"));
    assert_eq!(told.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_address_that_is_no_login_is_no_fault_of_ours() {
    let house = House::start().await;
    // Control characters stand in no address of ours at all.
    for (path, status) in [
        ("/login/a%0d%0aX/code", StatusCode::NOT_FOUND),
        ("/login/%00/code", StatusCode::NOT_FOUND),
        ("/login/é/stop", StatusCode::GONE),
    ] {
        let page = Browser::new().get(&format!("{}{path}", house.issuer)).await;
        assert_eq!(page.status, status, "{path}");
    }
    assert!(!house.log().contains("ERROR"));
}

#[tokio::test]
async fn what_digid_proved_does_not_wait_half_an_hour_for_an_answer() {
    let house = House::start().await;
    let browser = Browser::new();
    let (_, question) = at_question(&house, &browser, &bsn(8)).await;
    let left = house
        .query("SELECT ends - CAST(strftime('%s', 'now') AS INTEGER) FROM ephemeral WHERE kind = 'login'");
    assert!(left[0].parse::<i64>().unwrap() <= 900, "{left:?}");
    enter_new(&browser, &question, "bram@voorbeeld.nl", "").await;
}

/// Whoever asks for a new password at a hundred thousand addresses, and guesses ten times at each, must not find one.
#[tokio::test]
async fn a_code_that_needs_no_password_is_too_long_to_be_sprayed() {
    let house = House::start().await;
    account(&house, "anna@voorbeeld.nl").await;
    let (reset, new) = (Browser::new(), Browser::new());
    let reset_page = to_recover_code(&reset, &request(&house, &[]), "anna@voorbeeld.nl").await;
    let new_page = to_register_code(&new, &request(&house, &[]), "bram@voorbeeld.nl", PASSWORD).await;
    for (browser, page, email) in
        [(&reset, &reset_page, "anna@voorbeeld.nl"), (&new, &new_page, "bram@voorbeeld.nl")]
    {
        let code = code_for(&house, email, page);
        assert_eq!(code.chars().filter(char::is_ascii_alphanumeric).count(), 10, "{code}");
        assert!(code.chars().any(|c| c.is_ascii_uppercase()), "{code}");
        assert!(
            !page.body.contains("inputmode=\"numeric\""),
            "letters cannot be typed on a keypad of digits"
        );
        // As people type: small letters, a space here and there.
        let typed = format!(" {} {} ", &code[..4], &code[4..]).to_lowercase();
        assert_eq!(type_code(browser, page, &typed).await.status, StatusCode::SEE_OTHER, "{email}");
    }
    // After a password six digits do (F5).
    let (_, page, code) = to_code(&house, &Browser::new(), "anna@voorbeeld.nl", 3).await;
    assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()), "{code}");
    assert!(page.body.contains("inputmode=\"numeric\""));
}

/// A parent types the code from the mailbox they share, and the child's DigiD is tied to the parent's account: from then on
/// the parent's password would open the child's file.
#[tokio::test]
async fn a_childs_digid_is_linked_to_no_account_of_somebody_else() {
    let house = House::start().await;
    let (email, child) = ("gezin@voorbeeld.nl", bsn(9));
    let before = register(&house, &Browser::new(), email).await;
    let noor = desk_person(&house, "Noor", Some(&born(16, 1)), Some(&child));
    let browser = Browser::new();
    let (_, refused) = link(&house, &browser, &child, email, 2).await;
    assert_eq!(
        (refused.status, refused.heading().as_str()),
        (StatusCode::CONFLICT, "Koppelen is niet gelukt")
    );
    assert!(refused.body.contains("jonger bent dan 16 jaar"), "{}", refused.body);
    assert!(house.mails(email, 3)[2].contains("Dat kon niet"), "the owner is told");
    assert_eq!(audit(&house).last().unwrap(), "digid.linked refused by somebody");
    assert_eq!(
        house.query("SELECT detail FROM audit WHERE event <> 'audit.checkpoint' ORDER BY seq DESC LIMIT 1"),
        ["childs_digid"]
    );
    assert_eq!(linked(&house), "0");
    assert_eq!(house.query("SELECT COUNT(*) FROM persons WHERE joined_into IS NOT NULL"), ["0"]);
    assert!(!has_session(&house, &browser).await);
    let after = crate::portal::log_in(&house, &Browser::new(), email, 4).await;
    assert_eq!(after.sub(), before.sub());
    assert_ne!(person_of(&house, email), noor);

    // The child's own way, as the page says: an account of their own.
    register_with_digid(&house, &child, "gezin+noor@voorbeeld.nl", "").await;
    assert_eq!(person_of(&house, "gezin+noor@voorbeeld.nl"), noor);
}

#[tokio::test]
async fn from_sixteen_on_a_digid_may_join_the_account_that_was_there_first() {
    let house = House::start().await;
    account(&house, "daan@voorbeeld.nl").await;
    desk_person(&house, "Daan", Some(&born(16, -1)), Some(&bsn(9)));
    let browser = Browser::new();
    let (asked, page) = link(&house, &browser, &bsn(9), "daan@voorbeeld.nl", 2).await;
    go_on(&house, &browser, &asked, &page).await;
}

/// A daughter who acts for her father holds his DigiD too. Linked to her own account it would make her him.
#[tokio::test]
async fn who_acts_for_somebody_never_becomes_them() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    account(&house, "anna@voorbeeld.nl").await;
    let anna = person_of(&house, "anna@voorbeeld.nl");
    let willem = desk_person(&house, "Willem", Some(&born(80, 0)), Some(&bsn(2)));
    let mandate = desk.mandate(&Form::grant(&anna, &willem, &born(0, 300)));
    for mails in [2, 4] {
        let browser = Browser::new();
        let (_, refused) = link(&house, &browser, &bsn(2), "anna@voorbeeld.nl", mails).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert_eq!(
            house.query(
                "SELECT detail FROM audit WHERE event <> 'audit.checkpoint' ORDER BY seq DESC LIMIT 1"
            ),
            ["another_person"]
        );
        assert_eq!(linked(&house), "0");
        house.mails("anna@voorbeeld.nl", mails + 1);
        // Nor when it is over: they are two people still.
        if mails == 2 {
            house.ok(&["mandates", "revoke", &mandate, "--by", "balie 1"]);
        }
    }
    assert_eq!(house.query("SELECT COUNT(*) FROM persons WHERE joined_into IS NOT NULL"), ["0"]);
}
