//! DigiD at first sight and after: levels (F7), the question (F8), a new account (F10), both ways (F11), children (M13).

use std::collections::BTreeMap;

use reqwest::StatusCode;

use crate::{
    browser::Browser,
    digid_steps::{
        HOOG, MIDDEN, SUBSTANTIEEL, answer, at_question, audit, born, bsn, desk_person, enter_new,
        files_with, grown, has_session, log_in_with_digid, person_of, register_with_digid, rows,
    },
    house::{CALLBACK, House, PASSWORD},
    oidc_client::claims,
    portal::{at_digid, code_of, enter_password, log_in, redeem, register, request, to_digid},
};

#[tokio::test]
async fn f7_basis_ends_with_a_clear_page_and_leaves_one_audit_line() {
    let house = House::start().await;
    let (browser, bsn) = (Browser::new(), bsn(1));
    let page = to_digid(&browser, &request(&house, &[])).await;
    let before = rows(&house);
    let page = at_digid(&browser, &page, &bsn, &[("level", "Basis")]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert_eq!(page.text("problem").unwrap(), "U heeft de DigiD app of sms-controle nodig.");
    assert!(page.body.contains("Huisarts De Linde"), "the portal's name stands above it");
    let back = page.link("way-back").unwrap();
    let told: BTreeMap<_, _> = back.query_pairs().into_owned().collect();
    assert!(back.as_str().starts_with(CALLBACK), "{back}");
    assert_eq!((told["error"].as_str(), told.contains_key("code")), ("access_denied", false));
    // The spent artifact and the request stay as marks, the login under way is gone.
    let expected =
        [("audit_lines", 1), ("ephemeral", -1), ("spent", 2)].map(|(table, n)| (table.to_owned(), n));
    assert_eq!(grown(&before, &rows(&house)), expected);
    assert_eq!(audit(&house), ["login.digid digid_level_too_low"]);
    assert_eq!(files_with(&house, &bsn), [""; 0]);
    assert!(!has_session(&house, &browser).await);
}

#[tokio::test]
async fn f7_each_level_gives_its_own_acr() {
    let house = House::start().await;
    let bsn = bsn(1);
    let first = register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    assert_eq!(first.acr(), MIDDEN);
    for (level, acr) in [("Midden", MIDDEN), ("Substantieel", SUBSTANTIEEL), ("Hoog", HOOG)] {
        let tokens = log_in_with_digid(&house, &Browser::new(), &bsn, &[], &[("level", level)]).await;
        assert_eq!((tokens.acr(), tokens.sub()), (acr, first.sub()), "{level}");
    }
}

#[tokio::test]
async fn f7_a_level_the_portal_asks_for_is_asked_of_digid_and_held_against_its_answer() {
    let house = House::start().await;
    let bsn = bsn(1);
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    for (asked, minimum, answered, enough) in [
        (SUBSTANTIEEL, "Substantieel", "Midden", false),
        (SUBSTANTIEEL, "Substantieel", "Hoog", true),
        (HOOG, "Hoog", "Substantieel", false),
        (HOOG, "Hoog", "Hoog", true),
    ] {
        let browser = Browser::new();
        let request = request(&house, &[("acr_values", asked)]);
        let page = to_digid(&browser, &request).await;
        assert_eq!(page.text("minimum").unwrap(), minimum);
        let page = at_digid(&browser, &page, &bsn, &[("level", answered)]).await;
        if enough {
            assert_eq!(redeem(&house, &request, &code_of(&page)).await.acr(), HOOG);
        } else {
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{asked} {answered}");
            assert_eq!(audit(&house).last().unwrap(), "login.digid digid_level_too_low");
            assert!(!has_session(&house, &browser).await);
        }
    }
}

#[tokio::test]
async fn f8_until_the_question_is_answered_nothing_is_stored_and_stopping_leaves_no_trace() {
    let house = House::start().await;
    let (browser, bsn) = (Browser::new(), bsn(1));
    let page = to_digid(&browser, &request(&house, &[])).await;
    let before = rows(&house);
    let question = at_digid(&browser, &page, &bsn, &[]).await;
    assert_eq!(question.heading(), "Heeft u al een account?");
    // Marks of the spent artifact, request and assertion; the login itself, sealed, was there before.
    let trace = [("audit_lines", 1), ("spent", 3)].map(|(table, n)| (table.to_owned(), n));
    assert_eq!(grown(&before, &rows(&house)), trace);
    assert_eq!(audit(&house), ["login.digid unknown"]);
    assert_eq!(house.query("SELECT COUNT(*) FROM ephemeral"), ["1"]);
    assert_eq!(files_with(&house, &bsn), [""; 0]);
    assert!(!question.body.contains(&bsn));

    // To both forms and back: still nothing.
    for way in ["have", "new"] {
        let form = answer(&browser, &question, way).await;
        let back = browser.submit(&form, "back-form", &[]).await;
        assert_eq!(browser.follow(back, CALLBACK).await.heading(), "Heeft u al een account?");
    }
    assert_eq!(grown(&before, &rows(&house)), trace);

    let stopped = browser.submit(&question, "question-form", &[("answer", "stop")]).await;
    assert!(stopped.location().unwrap().as_str().contains("error=access_denied"));
    let trace = [("audit_lines", 1), ("ephemeral", -1), ("spent", 3)].map(|(table, n)| (table.to_owned(), n));
    assert_eq!(grown(&before, &rows(&house)), trace);
    assert_eq!(audit(&house), ["login.digid unknown"]);
    assert_eq!(house.query("SELECT COUNT(*) FROM audit WHERE actor || represented || detail <> ''"), ["0"]);
    assert_eq!(files_with(&house, &bsn), [""; 0]);
    assert!(!has_session(&house, &browser).await);
    assert_eq!(browser.get(question.url.as_str()).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn f10_a_new_account_with_digid_needs_a_verified_address_but_no_password() {
    let house = House::start().await;
    let bsn = bsn(1);
    let (browser, email) = (Browser::new(), "jansen+digid@voorbeeld.nl");
    let (request, question) = at_question(&house, &browser, &bsn).await;
    let before = rows(&house);
    let page = enter_new(&browser, &question, email, "").await;
    let code = house.code(email, 1);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let refused = browser.submit(&page, "code-form", &[("code", wrong)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let kept = rows(&house);
    for table in ["accounts", "persons", "subjects", "grants"] {
        assert_eq!(before[table], kept[table], "{table}");
    }
    assert!(!has_session(&house, &browser).await);

    let done = browser.submit(&refused, "code-form", &[("code", &code)]).await;
    let tokens = redeem(&house, &request, &code_of(&done)).await;
    assert_eq!((tokens.acr(), &tokens.claims["act_as"]), (MIDDEN, &serde_json::json!([])));
    assert_eq!(house.query("SELECT COUNT(*) FROM accounts WHERE password_hash IS NULL"), ["1"]);
    assert_eq!(files_with(&house, &bsn), [""; 0], "the BSN is sealed");

    // Without a password the other way in stays shut.
    let again = enter_password(&Browser::new(), &crate::portal::request(&house, &[]), email, "").await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn f10_an_address_that_has_an_account_gets_no_second_one_by_digid() {
    let house = House::start().await;
    let email = "jansen@voorbeeld.nl";
    register(&house, &Browser::new(), email).await;
    let browser = Browser::new();
    let (_, question) = at_question(&house, &browser, &bsn(1)).await;
    let page = enter_new(&browser, &question, "JANSEN@voorbeeld.nl", "").await;
    assert_eq!(page.heading(), "Vul de code in");
    assert!(house.mails("@voorbeeld.nl", 2)[1].contains("al een account"), "{:?}", house.mails_now(email));
    let refused = browser.submit(&page, "code-form", &[("code", "000000")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!((rows(&house)["accounts"], rows(&house)["persons"]), (1, 1));
}

#[tokio::test]
async fn f11_both_ways_open_one_account_and_the_local_one_carries_nothing_of_digid() {
    let house = House::start().await;
    let (bsn, email) = (bsn(1), "jansen@voorbeeld.nl");
    let digid = register_with_digid(&house, &bsn, email, PASSWORD).await;
    let browser = Browser::new();
    let local = log_in(&house, &browser, email, 2).await;
    assert_eq!((local.sub(), local.acr()), (digid.sub(), "urn:namens:acr:local"));
    for tokens in [&local, &digid] {
        // What is random may have these letters in it; a name of a claim stands in quotes.
        let everything = format!("{} {} {}", tokens.body, tokens.claims, claims(tokens.text("access_token")));
        assert!(!everything.contains("\"bsn\"") && !everything.contains(&bsn), "{everything}");
    }
    // Step-up: the local session is not enough, and the login that follows is DigiD's only.
    let asked = [("acr_values", MIDDEN)];
    let quiet = browser.get(&request(&house, &[asked[0], ("prompt", "none")]).url).await;
    assert!(quiet.location().unwrap().as_str().contains("error=login_required"));
    // With a session that would do it goes there at once (`step_up`); who is to log in anew chooses.
    let anew = [asked[0], ("prompt", "login")];
    let choose = browser.visit(&request(&house, &anew).url, CALLBACK).await;
    assert!(!choose.body.contains("id=\"local\""), "no way around DigiD");
    assert_eq!(browser.get(&format!("{}/email", choose.url)).await.location().unwrap(), choose.url);
    let higher = log_in_with_digid(&house, &browser, &bsn, &anew, &[]).await;
    assert_eq!((higher.sub(), higher.acr()), (digid.sub(), MIDDEN));
    // And the session is now worth that much.
    let request = request(&house, &[asked[0], ("prompt", "none")]);
    let answered = redeem(&house, &request, &code_of(&browser.get(&request.url).await)).await;
    assert_eq!(answered.acr(), MIDDEN);
}

#[tokio::test]
async fn m13_a_child_known_to_be_under_twelve_gets_a_page_and_no_session() {
    let house = House::start().await;
    let (child, older) = (bsn(1), bsn(2));
    desk_person(&house, "Sam", Some(&born(12, 2)), Some(&child));
    desk_person(&house, "Noor", Some(&born(12, -2)), Some(&older));
    let browser = Browser::new();
    let page = to_digid(&browser, &request(&house, &[])).await;
    let before = rows(&house);
    let page = at_digid(&browser, &page, &child, &[("level", "Hoog")]).await;
    assert_eq!(
        (page.status, page.heading().as_str()),
        (StatusCode::FORBIDDEN, "Je kunt hier nog niet inloggen")
    );
    let trace = [("audit_lines", 1), ("ephemeral", -1), ("spent", 3)].map(|(table, n)| (table.to_owned(), n));
    assert_eq!(grown(&before, &rows(&house)), trace);
    assert_eq!(audit(&house).last().unwrap(), "login.digid too_young");
    assert!(!has_session(&house, &browser).await);
    // The twin: just twelve.
    register_with_digid(&house, &older, "noor@voorbeeld.nl", "").await;
}

#[tokio::test]
async fn m13_a_child_reads_the_operators_own_words_in_either_language() {
    let words = "[desk.under_twelve]\nnl = \"Dag!\\n\\nBel <b>ons</b>.\"\nen = \"Hello!\\n\\nCall us.\"";
    let house = House::with(words).await;
    let (child, basis) = (bsn(1), bsn(2));
    desk_person(&house, "Sam", Some(&born(12, 2)), Some(&child));
    for (lang, heading, own) in [
        ("nl", "Je kunt hier nog niet inloggen", ["Dag!", "Bel <b>ons</b>."]),
        ("en", "You cannot log in here yet", ["Hello!", "Call us."]),
    ] {
        let browser = Browser::new();
        let asked = request(&house, &[("ui_locales", lang)]);
        let page = at_digid(&browser, &to_digid(&browser, &asked).await, &child, &[]).await;
        assert_eq!((page.status, page.heading().as_str()), (StatusCode::FORBIDDEN, heading));
        assert_eq!([page.text("own-1").unwrap(), page.text("own-2").unwrap()], own);
        assert!(page.text("problem").is_none() && page.link("way-back").is_some(), "{}", page.body);
        assert!(!has_session(&house, &browser).await);
    }
    // Whoever is stopped by something else reads ours.
    let browser = Browser::new();
    let page = to_digid(&browser, &request(&house, &[])).await;
    let page = at_digid(&browser, &page, &basis, &[("level", "Basis")]).await;
    assert!(page.text("problem").is_some() && page.text("own-1").is_none(), "{}", page.body);
}

#[tokio::test]
async fn m13_holds_for_local_login_and_for_a_session_that_was_there() {
    let house = House::start().await;
    let (browser, email) = (Browser::new(), "sam@voorbeeld.nl");
    register(&house, &browser, email).await;
    assert!(has_session(&house, &browser).await);
    let person = person_of(&house, email);
    house.set_birth_date(&person, &born(12, 2));
    assert!(!has_session(&house, &browser).await, "the birth date counts at once");
    let request = request(&house, &[("prompt", "login")]);
    let other = Browser::new();
    let page = enter_password(&other, &request, email, PASSWORD).await;
    let page = other.submit(&page, "code-form", &[("code", &house.code(email, 2))]).await;
    assert_eq!(
        (page.status, page.heading().as_str()),
        (StatusCode::FORBIDDEN, "Je kunt hier nog niet inloggen")
    );
    assert!(!page.headers.contains_key("set-cookie"));
    assert_eq!(audit(&house).last().unwrap(), "login too_young by somebody");
    assert!(!has_session(&house, &other).await);
}
