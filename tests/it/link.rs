//! "Ik heb een account" (F9), and what becomes of a person the desk knew (S1).

use reqwest::StatusCode;
use serde_json::Value;

use crate::{
    browser::{Browser, Page},
    digid_steps::{
        MIDDEN, at_question, audit, born, bsn, change, desk_person, enter_link, enter_new, files_with, go_on,
        has_session, link, log_in_with_digid, person_of, register_with_digid, rows,
    },
    house::{House, PASSWORD},
    mandates_desk::Desk,
    oidc_client::claims,
    portal::{code_of, log_in, redeem, register},
    steps::{is_in, to_code},
};

const OWNER: &str = "jansen@voorbeeld.nl";

fn linked(house: &House) -> String {
    house.query("SELECT COUNT(*) FROM accounts WHERE digid_linked_at IS NOT NULL").remove(0)
}

/// Both who tried and the owner are told, it is audited, and nothing changed.
async fn refused(house: &House, page: &Page, browser: &Browser, email: &str, mails: usize) {
    assert_eq!((page.status, page.heading().as_str()), (StatusCode::CONFLICT, "Koppelen is niet gelukt"));
    let told = house.mails(email, mails);
    assert!(told[mails - 1].contains("Dat kon niet"), "{told:?}");
    assert_eq!(audit(house).last().unwrap(), "digid.linked refused by somebody");
    assert!(!has_session(house, browser).await);
}

#[tokio::test]
async fn f9_password_and_code_link_digid_once_and_both_ways_open_one_account() {
    let house = House::start().await;
    let bsn = bsn(1);
    let sub = register(&house, &Browser::new(), OWNER).await.sub().to_owned();
    let browser = Browser::new();
    let (request, page) = link(&house, &browser, &bsn, OWNER, 2).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("DigiD is de veiligste manier"), "{}", page.body);
    let tokens = go_on(&house, &browser, &request, &page).await;
    assert_eq!((tokens.sub(), tokens.acr()), (sub.as_str(), MIDDEN));
    assert!(house.mails(OWNER, 3)[2].contains("DigiD is gekoppeld aan uw account"));
    assert!(audit(&house).contains(&"digid.linked ok by somebody".to_owned()));
    assert_eq!((rows(&house)["accounts"], rows(&house)["persons"]), (1, 1));
    assert_eq!(files_with(&house, &bsn), [""; 0]);

    let digid = log_in_with_digid(&house, &Browser::new(), &bsn, &[], &[]).await;
    let local = log_in(&house, &Browser::new(), OWNER, 4).await;
    assert_eq!((digid.sub(), digid.acr()), (sub.as_str(), MIDDEN));
    assert_eq!((local.sub(), local.acr()), (sub.as_str(), "urn:namens:acr:local"));
    assert!(
        !format!("{} {} {}", local.body, local.claims, claims(local.text("access_token")))
            .contains("\"bsn\"")
    );
}

#[tokio::test]
async fn f9_a_phished_password_without_the_code_links_nothing() {
    let house = House::start().await;
    register(&house, &Browser::new(), OWNER).await;
    let (mallory, attacker) = (Browser::new(), bsn(7));
    let (_, question) = at_question(&house, &mallory, &attacker).await;
    let mut page = enter_link(&mallory, &question, OWNER, PASSWORD).await;
    let login = page.url.clone();
    let code = house.code(OWNER, 2);
    for _ in 0..5 {
        let wrong = if code == "123456" { "123457" } else { "123456" };
        page = mallory.submit(&page, "code-form", &[("code", wrong)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let late = mallory.submit(&page, "code-form", &[("code", &code)]).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY, "the code has ended");
    // Forms of other steps lead nowhere but to where the login stands.
    for (path, fields) in [("continue", vec![]), ("question", vec![("answer", "new")]), ("digid", vec![])] {
        let (_, mut form) = page.form("code-form");
        form.retain(|name, _| name == "csrf");
        let mut fields: Vec<(&str, &str)> = fields.clone();
        fields.push(("csrf", &form["csrf"]));
        let moved = mallory.post(&format!("{login}/{path}"), &fields).await;
        assert_eq!(moved.location().unwrap(), login, "{path}");
    }
    assert_eq!(linked(&house), "0");
    assert_eq!(files_with(&house, &attacker), [""; 0]);
    assert!(!has_session(&house, &mallory).await);
    // And with a wrong password no code is mailed at all.
    let (_, question) = at_question(&house, &mallory, &attacker).await;
    let page = enter_link(&mallory, &question, OWNER, "fiets op de dijk!").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    let unknown = mallory
        .submit(&page, "link-form", &[("email", "niemand@voorbeeld.nl"), ("password", PASSWORD)])
        .await;
    assert_eq!(page.text("error"), unknown.text("error"), "it does not say which of the two is wrong");
    assert_eq!(house.mails_now(OWNER).len(), 2);
    assert_eq!(audit(&house)[audit(&house).len() - 2..], ["digid.linked wrong", "digid.linked wrong"]);
}

/// An app that its owner set up since the code was mailed is not passed by, and who looks for it afterwards finds the try.
#[tokio::test]
async fn f9_a_link_that_comes_after_an_app_was_set_up_ends_with_a_line_in_the_log() {
    let house = House::start().await;
    register(&house, &Browser::new(), OWNER).await;
    let lines = || {
        house.query("SELECT outcome || ' ' || COALESCE(detail, '') FROM audit WHERE event = 'digid.linked'")
    };
    for app in [true, false] {
        let (browser, bsn) = (Browser::new(), bsn(3));
        let (_, question) = at_question(&house, &browser, &bsn).await;
        let page = enter_link(&browser, &question, OWNER, PASSWORD).await;
        let code = house.code(OWNER, if app { 2 } else { 3 });
        if app {
            change(&house, "UPDATE accounts SET app_sealed = x'00', app_since = 1, app_step = 0");
        }
        browser.submit(&page, "code-form", &[("code", &code)]).await;
        if app {
            assert_eq!((lines(), linked(&house)), (vec!["refused app_set_up".to_owned()], "0".to_owned()));
            assert!(!has_session(&house, &browser).await);
            change(&house, "UPDATE accounts SET app_sealed = NULL, app_since = NULL, app_step = NULL");
        } else {
            assert_eq!(lines().len(), 2, "the twin: {:?}", lines());
            assert_eq!(linked(&house), "1");
        }
    }
}

#[tokio::test]
async fn f9_the_code_of_a_login_links_nothing_and_that_of_another_link_neither() {
    let house = House::start().await;
    register(&house, &Browser::new(), OWNER).await;
    let (mallory, owner) = (Browser::new(), Browser::new());
    let (_, question) = at_question(&house, &mallory, &bsn(7)).await;
    let theirs = enter_link(&mallory, &question, OWNER, PASSWORD).await;
    let linking = house.code(OWNER, 2);
    // The owner logs in, and reads out that code.
    let (_, login, code) = to_code(&house, &owner, OWNER, 3).await;
    let page = mallory.submit(&theirs, "code-form", &[("code", &code)]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(linked(&house), "0");
    let page = owner.submit(&login, "code-form", &[("code", &linking)]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "nor does that of a link log anybody in");
    assert!(is_in(&owner.submit(&login, "code-form", &[("code", &code)]).await), "the twin");
    // The owner is linking too, and reads out the newest code.
    let owner = Browser::new();
    let (_, question) = at_question(&house, &owner, &bsn(1)).await;
    enter_link(&owner, &question, OWNER, PASSWORD).await;
    let page = mallory.submit(&theirs, "code-form", &[("code", &house.code(OWNER, 4))]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(linked(&house), "0");
    assert!(house.mails(OWNER, 4)[3].contains("DigiD"), "the mail says what its code does");
}

#[tokio::test]
async fn f9_an_account_with_another_bsn_refuses() {
    let house = House::start().await;
    let (first, second) = (bsn(1), bsn(2));
    let sub = register_with_digid(&house, &first, OWNER, PASSWORD).await.sub().to_owned();
    let browser = Browser::new();
    let (_, page) = link(&house, &browser, &second, OWNER, 2).await;
    refused(&house, &page, &browser, OWNER, 3).await;
    assert_eq!(log_in_with_digid(&house, &Browser::new(), &first, &[], &[]).await.sub(), sub);
    let (_, page) = at_question(&house, &Browser::new(), &second).await;
    assert_eq!(page.status, StatusCode::OK, "the other BSN is still nobody's");
}

#[tokio::test]
async fn f9_an_account_whose_person_is_known_at_the_desk_by_another_bsn_refuses() {
    let house = House::start().await;
    register_with_digid(&house, &bsn(1), OWNER, PASSWORD).await;
    // Unlinked, as F13 will: the desk still knows whose BSN it is.
    unlink(&house, OWNER);
    let browser = Browser::new();
    let (_, page) = link(&house, &browser, &bsn(2), OWNER, 2).await;
    refused(&house, &page, &browser, OWNER, 3).await;
    assert_eq!(linked(&house), "0");
    // The twin: with the right DigiD it links again.
    let browser = Browser::new();
    let (request, page) = link(&house, &browser, &bsn(1), OWNER, 4).await;
    go_on(&house, &browser, &request, &page).await;
}

/// Takes DigiD off an account, as an act that is not built yet will.
fn unlink(house: &House, email: &str) {
    change(house, &format!("UPDATE accounts SET digid_linked_at = NULL WHERE email_key = '{email}'"));
}

#[tokio::test]
async fn f9_a_child_under_sixteen_takes_no_digid_but_its_own() {
    let house = House::start().await;
    let (parent, child, email) = (bsn(1), bsn(2), "sam@voorbeeld.nl");
    register(&house, &Browser::new(), email).await;
    let person = person_of(&house, email);
    let set = |birth: &str| house.set_birth_date(&person, birth);
    for (birth, mails) in [(born(16, 2), 3), (born(13, 0), 5)] {
        set(&birth);
        let browser = Browser::new();
        let (_, page) = link(&house, &browser, &parent, email, mails - 1).await;
        refused(&house, &page, &browser, email, mails).await;
        assert_eq!(linked(&house), "0");
    }
    assert_eq!(files_with(&house, &parent), [""; 0]);
    // A twin: at sixteen it may.
    set(&born(16, -2));
    let browser = Browser::new();
    let (request, page) = link(&house, &browser, &parent, email, 6).await;
    go_on(&house, &browser, &request, &page).await;

    // And one of thirteen whose BSN the desk knows may with that BSN.
    desk_person(&house, "Noor", Some(&born(13, 0)), Some(&child));
    register_with_digid(&house, &child, "noor@voorbeeld.nl", PASSWORD).await;
    unlink(&house, "noor@voorbeeld.nl");
    let browser = Browser::new();
    let (request, page) = link(&house, &browser, &child, "noor@voorbeeld.nl", 2).await;
    go_on(&house, &browser, &request, &page).await;
}

#[tokio::test]
async fn f9_a_bsn_that_opens_an_account_is_linked_to_no_other() {
    let house = House::start().await;
    let bsn = bsn(1);
    let (one, two) = ("een@voorbeeld.nl", "twee@voorbeeld.nl");
    for email in [one, two] {
        register(&house, &Browser::new(), email).await;
    }
    // Two browsers are at the last step with one DigiD, and a third makes an account with it.
    let mut ready = Vec::new();
    for email in [one, two] {
        let browser = Browser::new();
        let (_, question) = at_question(&house, &browser, &bsn).await;
        let page = enter_link(&browser, &question, email, PASSWORD).await;
        ready.push((browser, page, house.code(email, 2)));
    }
    let browser = Browser::new();
    let (_, question) = at_question(&house, &browser, &bsn).await;
    let page = enter_new(&browser, &question, "drie@voorbeeld.nl", "").await;
    ready.push((browser, page, house.code("drie@voorbeeld.nl", 1)));
    assert_eq!(race(ready).await, [StatusCode::SEE_OTHER, StatusCode::CONFLICT, StatusCode::CONFLICT]);
    assert_eq!(linked(&house), "1");
    assert_eq!(house.query("SELECT COUNT(*) FROM persons WHERE bsn_index IS NOT NULL"), ["1"]);
    log_in_with_digid(&house, &Browser::new(), &bsn, &[], &[]).await;
}

/// Types the right code everywhere at once, and gives the statuses in order.
async fn race(ready: Vec<(Browser, Page, String)>) -> Vec<StatusCode> {
    let mut race = tokio::task::JoinSet::new();
    for (browser, page, code) in ready {
        race.spawn(async move { browser.submit(&page, "code-form", &[("code", &code)]).await.status });
    }
    let mut ends = race.join_all().await;
    ends.sort();
    ends
}

#[tokio::test]
async fn two_new_accounts_of_one_bsn_at_once_have_one_winner() {
    let house = House::start().await;
    let bsn = bsn(1);
    let mut ready = Vec::new();
    for email in ["een@voorbeeld.nl", "twee@voorbeeld.nl", "drie@voorbeeld.nl"] {
        let browser = Browser::new();
        let (_, question) = at_question(&house, &browser, &bsn).await;
        let page = enter_new(&browser, &question, email, PASSWORD).await;
        ready.push((browser, page, house.code(email, 1)));
    }
    assert_eq!(race(ready).await, [StatusCode::SEE_OTHER, StatusCode::CONFLICT, StatusCode::CONFLICT]);
    assert_eq!((rows(&house)["accounts"], rows(&house)["persons"]), (1, 1));
}

/// An elderly father whom the desk knows, and a daughter who acts for him with her DigiD.
fn mandate(house: &House, daughter: &str, father: &str) {
    let day = born(0, 300);
    let told = house.ok(&[
        "mandates",
        "register",
        "--json",
        "--by",
        "desk",
        "--representative",
        daughter,
        "--represented",
        father,
        "--relation",
        "authorised",
        "--legal-basis",
        "art. 3:60 BW",
        "--evidence",
        "signed_form",
        "--representative-document",
        "passport",
        "--representative-document-valid-until",
        &day,
        "--representative-document-checked",
        "--represented-document",
        "passport",
        "--represented-document-valid-until",
        &day,
        "--represented-document-checked",
        "--form-reference",
        "K1",
        "--grantor-agrees",
        "--ends",
        &day,
    ]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    Desk::of(house).approved(told["id"].as_str().unwrap(), "second desk");
}

fn only_sub(claims: &Value) -> String {
    let list = claims["act_as"].as_array().unwrap();
    assert_eq!(list.len(), 1, "{claims}");
    list[0]["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_of_the_desk_keeps_the_sub_that_was_issued_first() {
    let house = House::start().await;
    let (daughter, father) = (bsn(1), bsn(2));
    let anna = desk_person(&house, "Anna", Some(&born(50, 0)), Some(&daughter));
    let willem = desk_person(&house, "Willem", Some(&born(80, 0)), Some(&father));
    mandate(&house, &anna, &willem);
    // The portal learns his sub before he has any way to log in.
    let tokens = register_with_digid(&house, &daughter, "anna@voorbeeld.nl", "").await;
    let known = only_sub(&tokens.claims);
    assert_eq!(person_of(&house, "anna@voorbeeld.nl"), anna, "the desk's person got the account");

    // He has an account that never came as far as a sub: the desk's is kept.
    register(&house, &Browser::new(), OWNER).await;
    forget_subjects(&house, OWNER);
    let browser = Browser::new();
    let (request, page) = link(&house, &browser, &father, OWNER, 2).await;
    assert_eq!(go_on(&house, &browser, &request, &page).await.sub(), known);
    let again = log_in_with_digid(&house, &Browser::new(), &daughter, &[], &[]).await;
    assert_eq!(only_sub(&again.claims), known);
    assert_eq!(house.query("SELECT COUNT(*) FROM subjects WHERE alias = 1"), ["0"]);
}

/// As if the account had never been sent to the portal.
fn forget_subjects(house: &House, email: &str) {
    let person = person_of(house, email);
    change(house, &format!("DELETE FROM subjects WHERE person_id = '{person}'"));
}

#[tokio::test]
async fn when_both_had_a_sub_the_accounts_is_kept_and_the_desks_stays_an_alias() {
    let house = House::start().await;
    let (daughter, father) = (bsn(1), bsn(2));
    let anna = desk_person(&house, "Anna", Some(&born(50, 0)), Some(&daughter));
    let willem = desk_person(&house, "Willem", Some(&born(80, 0)), Some(&father));
    mandate(&house, &anna, &willem);
    let desks = only_sub(&register_with_digid(&house, &daughter, "anna@voorbeeld.nl", "").await.claims);
    let own = register(&house, &Browser::new(), OWNER).await.sub().to_owned();
    assert_ne!(desks, own);
    let browser = Browser::new();
    let (request, page) = link(&house, &browser, &father, OWNER, 2).await;
    assert_eq!(go_on(&house, &browser, &request, &page).await.sub(), own);
    // The mandate moved with him, under the sub that is his now; the old one still names him.
    let again = log_in_with_digid(&house, &Browser::new(), &daughter, &[], &[]).await;
    assert_eq!(only_sub(&again.claims), own);
    let person = person_of(&house, OWNER);
    let alias = format!("SELECT sub FROM subjects WHERE alias = 1 AND person_id = '{person}'");
    assert_eq!(house.query(&alias), [desks]);
    assert_eq!(house.query("SELECT COUNT(*) FROM persons WHERE joined_into IS NOT NULL"), ["1"]);
    assert_eq!(house.query("SELECT COUNT(*) FROM persons WHERE bsn_index IS NOT NULL"), ["2"]);
}

#[tokio::test]
async fn a_new_account_of_a_person_the_desk_knows_is_that_persons() {
    let house = House::start().await;
    let father = bsn(2);
    let willem = desk_person(&house, "Willem", Some(&born(80, 0)), Some(&father));
    let browser = Browser::new();
    let (request, question) = at_question(&house, &browser, &father).await;
    let page = enter_new(&browser, &question, OWNER, "").await;
    let done = browser.submit(&page, "code-form", &[("code", &house.code(OWNER, 1))]).await;
    redeem(&house, &request, &code_of(&done)).await;
    assert_eq!(person_of(&house, OWNER), willem);
    assert_eq!(rows(&house)["persons"], 1);
}
