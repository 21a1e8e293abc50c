//! "Wie heeft iets gewijzigd" at "Mijn account": what bears most on who gets in, and on who acts for whom, is in it.

use serde_json::Value;

use crate::{
    account::at,
    account_email, account_export,
    account_portals::{AN_APP, stay},
    browser::Browser,
    family::One,
    house::{CALLBACK, House, PASSWORD},
    jose::Key,
    mandates_desk::{Desk, Form, born, digid_account, digid_again, fresh_bsn},
    oidc_client::THE_PORTAL,
    portal::{enter_password, request},
    same_person::{approve, propose},
    steps::{code_for, is_in, type_code},
};

const OWNER: &str = "jansen@voorbeeld.nl";
const NEW: &str = "nieuw@voorbeeld.nl";
const MOTHER: &str = "moeder@voorbeeld.nl";
const KIM: &str = "kim@voorbeeld.nl";

pub async fn log(house: &House, browser: &Browser) -> String {
    let page = browser.get(&at(house, "/account/log")).await;
    assert_eq!(page.heading(), "Wie heeft iets gewijzigd", "{}", page.body);
    page.text("log").unwrap_or_default()
}

#[tokio::test]
async fn what_changes_who_gets_in_stands_in_its_owners_log() {
    let house = House::with(AN_APP).await;
    let (owner, bsn) = (Browser::new(), fresh_bsn());
    digid_account(&house, &owner, &bsn, OWNER).await;
    let changes = [
        "Gegevens opgevraagd. Door: uzelf",
        "De toegang van een portaal of app gestopt (Zorgapp). Door: uzelf",
        "E-mailadres veranderd. Door: uzelf",
        "DigiD losgekoppeld. Door: uzelf",
    ];
    let before = log(&house, &owner).await;
    for line in changes {
        assert!(!before.contains(line), "{line}: {before}");
    }
    let page = owner.visit(&at(&house, "/account/export"), CALLBACK).await;
    owner.submit(&page, "export-form", &[("kind", "json")]).await;
    stay(&house, &owner, &Key::new()).await;
    let page = owner.get(&at(&house, "/account/portals")).await;
    let removes = (1..9).map(|n| format!("remove-{n}-1")).find(|form| page.body.contains(form)).unwrap();
    owner.submit(&page, &removes, &[]).await;
    let page = account_email::ask(&house, &owner, NEW).await;
    account_email::type_code(&owner, &page, &code_for(&house, NEW, &page)).await;
    digid_again(&house, &owner, &bsn, "Midden", &THE_PORTAL, &THE_PORTAL.ask()).await;
    let page = owner.visit(&at(&house, "/account/digid"), CALLBACK).await;
    owner.submit(&page, "unlink-form", &[]).await;

    let (local, asked) = (Browser::new(), request(&house, &[]));
    let page = enter_password(&local, &asked, NEW, PASSWORD).await;
    assert!(is_in(&type_code(&local, &page, &code_for(&house, NEW, &page)).await));
    let after = log(&house, &local).await;
    for line in changes {
        assert_eq!(after.matches(line).count(), 1, "{line}: {after}");
    }
}

#[tokio::test]
async fn a_mandate_that_lapsed_or_was_given_up_stands_in_the_log_of_whom_it_was_for() {
    let house = House::start().await;
    let mother = One::of(&house, ("Anna", None), MOTHER).await;
    let kim = One::of(&house, ("Kim", Some(&born(14, 0))), KIM).await;
    let desk = Desk::of(&house);
    desk.mandate(&Form::parent(&mother.person, &kim.person));
    // By a date of birth that was wrong Kim was sixteen.
    house.set_birth_date(&kim.person, &born(16, 0));
    house.set_birth_date(&kim.person, &born(14, 0));
    let lapsed = "Een machtiging gestopt door de leeftijd. Door: het systeem";
    let told = kim.log(&house).await;
    assert_eq!(told.matches(lapsed).count(), 1, "{told}");
    desk.mandate(&Form::parent(&mother.person, &kim.person));
    let given_up = "Een machtiging gestopt, met het account. Door: iemand van wie wij de naam niet weten";
    assert!(!kim.log(&house).await.contains(given_up));
    let page = mother.browser.visit(&at(&house, "/account/erase"), CALLBACK).await;
    mother.browser.submit(&page, "erase-form", &[("email", MOTHER)]).await;
    let told = kim.log(&house).await;
    assert!(told.matches(given_up).count() >= 1, "{told}");
}

#[tokio::test]
async fn two_that_became_one_at_the_desk_is_told_as_that_and_a_correction_as_that() {
    let house = House::start().await;
    let birth = born(40, 0);
    let anna = One::of(&house, ("Anna", Some(&birth)), MOTHER).await;
    let desk = Desk::of(&house);
    let corrected = ["Voorgesteld om de geboortedatum", "patiëntnummer verbeterd"];
    let merged = [
        "Voorgesteld om twee inschrijvingen samen te voegen. Door: een medewerker",
        "Een voorstel om inschrijvingen samen te voegen ingetrokken. Door: een medewerker",
        "Twee inschrijvingen samengevoegd. Door: een medewerker",
    ];
    let times = async |words: &[&str]| {
        let log = anna.log(&house).await;
        words.iter().map(|words| log.matches(words).count()).collect::<Vec<_>>()
    };
    assert_eq!((times(&corrected).await, times(&merged).await), (vec![0, 0], vec![0, 0, 0]));
    let twice = desk.person("A. Jansen", Some(&birth), None);
    let id = propose(&desk, &anna.person, &twice, &birth, &anna.bsn).unwrap();
    house.ok(&["persons", "withdraw", "--by", "joost", "--", &id]);
    let id = propose(&desk, &anna.person, &twice, &birth, &anna.bsn).unwrap();
    approve(&desk, &id, &birth, &anna.bsn, "joost").unwrap();
    assert_eq!((times(&corrected).await, times(&merged).await), (vec![0, 0], vec![2, 1, 1]));
    // The twin.
    house.set_birth_date(&anna.person, &born(41, 0));
    assert_eq!((times(&corrected).await, times(&merged).await), (vec![1, 1], vec![2, 1, 1]));
}

/// The desk says why to who asked for it; the person is told what happened, and nobody's reason.
#[tokio::test]
async fn what_was_refused_is_told_as_that_and_what_was_taken_back_as_that() {
    let house = House::start().await;
    let mother = One::of(&house, ("Anna", None), MOTHER).await;
    let kim = One::of(&house, ("Kim", Some(&born(14, 0))), KIM).await;
    let desk = Desk::of(&house);
    let (refused, revoked) =
        ("Een machtiging niet goedgekeurd. Door: ", "Een machtiging ingetrokken. Door: ");
    let told = async || {
        let log = kim.log(&house).await;
        let file = account_export::file(&house, &kim.browser).await;
        let lines = file["log"].as_array().unwrap().clone();
        let of =
            |event: &str| lines.iter().filter(|line| line["event"] == event).cloned().collect::<Vec<_>>();
        let events: [Vec<Value>; 2] = ["mandate.refused", "mandate.revoked"].map(of);
        assert!(events.iter().flatten().all(|line| line["done"] == true), "{events:?}");
        ([refused, revoked].map(|words| log.matches(words).count()), events.map(|lines| lines.len()))
    };
    for why in ["documents", "evidence", "form", "mistake"] {
        let waits = desk.registered(&Form::parent(&mother.person, &kim.person));
        house.ok(&["mandates", "refuse", "--why", why, "--by", "balie2", "--", &waits]);
    }
    assert_eq!(told().await, ([4, 0], [4, 0]));
    let page = account_export::asked(&house, &kim.browser, "page").await;
    assert!(page.body.contains("Een machtiging niet goedgekeurd"), "{}", page.body);
    for word in ["geweigerd", "Een machtiging ingetrokken", "evidence", "mistake"] {
        assert!(!page.body.contains(word), "{word}: {}", page.body);
    }
    // The twin: what counted and was revoked.
    let counts = desk.mandate(&Form::parent(&mother.person, &kim.person));
    house.ok(&["mandates", "revoke", "--by", "balie2", "--", &counts]);
    assert_eq!(told().await, ([4, 1], [4, 1]));
}
