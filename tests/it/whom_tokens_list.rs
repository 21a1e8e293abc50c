//! Whom a portal is told of is in the log: for an auditor each time, for themselves once a session (section 5 of the design,
//! docs/adr/0053).

use serde_json::Value;

use crate::{
    account_export::file,
    chooser::{Family, listed},
    digid_steps::change,
    exchange, family,
    house::House,
    mandates_desk::Desk,
    oidc_client::{LAB, THE_PORTAL, refreshed, userinfo},
};

/// What "Wie heeft iets gewijzigd" calls it.
const TOLD: &str = "Aan een portaal verteld in wiens dossier mag worden gekeken";

/// What a search for somebody finds, of those events.
fn found(house: &House, person: &str, event: &str) -> Vec<Value> {
    let told = house.ok(&["audit", "query", "--by", "els", "--event", event, "--person", person]);
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of(line: &Value) -> Vec<&str> {
    line["listed"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

#[tokio::test]
async fn who_is_searched_for_is_found_in_each_line_of_tokens_that_told_of_them() {
    let family = Family::at_home().await;
    let house = &family.house;
    // Lines of one second have no order in a search: the grant tells which is meant.
    let newest = || house.query("SELECT id FROM grants ORDER BY rowid DESC LIMIT 1").concat();
    let tokens = THE_PORTAL.sign_on(house, &family.browser, "openid act_as").await;
    assert_eq!(listed(&tokens).len(), 2);
    refreshed(house, &tokens).await;
    let telling = newest();
    // The twin: without that scope a portal is told of nobody.
    refreshed(house, &THE_PORTAL.sign_on(house, &family.browser, "openid").await).await;
    let silent = newest();
    let mut both = [family.sam.as_str(), family.kim.as_str()];
    both.sort_unstable();
    for event in ["token.issued", "token.refreshed"] {
        for child in both {
            let lines = found(house, child, event);
            let last = lines.iter().find(|line| line["detail"] == telling.as_str());
            let last = last.unwrap_or_else(|| panic!("{event} {child}"));
            let mut told = of(last);
            told.sort_unstable();
            assert_eq!((told.as_slice(), &last["actor"]), (both.as_slice(), &family.mother.as_str().into()));
            assert!(lines.iter().all(|line| of(line).contains(&child)), "{lines:?}");
        }
        let hers = found(house, &family.mother, event);
        let one = hers.iter().find(|line| line["detail"] == silent.as_str()).unwrap();
        assert!(of(one).is_empty(), "{one:?}");
    }
    let export = house.ok(&["audit", "export", "--by", "els"]);
    for person in both {
        assert!(!export.contains(person), "an export has pseudonyms");
    }
    // Erased, a name is nowhere, and the lines still verify; of a line that was altered that is told.
    assert!(house.ok(&["audit", "verify"]).contains("as they were written"));
    let somebody = "(SELECT pseudonym FROM audit_names LIMIT 1)";
    for bent in ["NULL", "''", somebody, "listed || ' x'"] {
        let line = "(SELECT MAX(seq) FROM audit_lines WHERE listed IS NOT NULL)";
        let before = house.query(&format!("SELECT listed FROM audit_lines WHERE seq = {line}")).concat();
        let seq = house.query(&format!("SELECT {line}")).concat();
        change(house, &format!("UPDATE audit_lines SET listed = {bent} WHERE seq = {seq}"));
        let told = String::from_utf8(house.run(&["audit", "verify"]).stdout).unwrap();
        assert!(told.contains(&format!("line {seq} was altered")), "{bent}: {told}");
        change(house, &format!("UPDATE audit_lines SET listed = '{before}' WHERE seq = {seq}"));
    }
    assert!(house.ok(&["audit", "verify"]).contains("as they were written"));
    // A pseudonym of somebody who was erased, and of whom nothing but that is left: whoever searches for it knows whom they mean.
    let kims =
        house.query(&format!("SELECT pseudonym FROM audit_names WHERE name = '{}'", family.kim)).concat();
    for statement in [
        format!("DELETE FROM audit_names WHERE pseudonym = '{kims}'"),
        format!("UPDATE audit_lines SET represented = NULL WHERE represented = '{kims}'"),
        format!("UPDATE audit_lines SET actor = NULL WHERE actor = '{kims}'"),
    ] {
        change(house, &statement);
    }
    assert!(!found(house, &kims, "token.issued").is_empty());
    let searched =
        "SELECT outcome || ' ' || detail FROM audit WHERE event = 'audit.read' ORDER BY seq DESC LIMIT 1";
    assert_eq!(house.query(searched), [format!("ok - - token.issued {kims}")]);
}

#[tokio::test]
async fn people_find_in_their_log_which_portal_was_told_of_them_once_a_session() {
    let family = family::family().await;
    let (house, kim, mother) = (&family.house, &family.kim, &family.mother);
    let times = async || {
        let log = kim.log(house).await;
        log.matches(&format!("{TOLD} (")).count()
    };
    assert_eq!(mother.acts_for(house).await, 0);
    assert_eq!(times().await, 0, "nobody was told yet");
    for party in ["represented", "representative"] {
        Desk::of(house).hear("consent", &family.mandate, party);
    }
    // She comes to be listed in the middle of a session: at a question or a refresh, whichever is first.
    let tokens = THE_PORTAL.sign_on(house, &mother.browser, "openid act_as").await;
    assert_eq!(times().await, 1);
    for _ in 0..2 {
        refreshed(house, &tokens).await;
        userinfo(house, tokens.text("access_token")).await;
        THE_PORTAL.introspect(house, tokens.text("access_token")).await;
        THE_PORTAL.sign_on(house, &mother.browser, "openid act_as").await;
    }
    assert_eq!(times().await, 1, "a refresh, a question and a silent login say nothing new");
    let log = kim.log(house).await;
    assert!(log.contains(&format!("{TOLD} (")) && log.contains("Door: Anna"), "{log}");
    // A line of hers would come again when a block is lifted, and a revocation never ends (M9).
    assert!(!mother.log(house).await.contains(TOLD));
    let exported = async |browser| file(house, browser).await["log"].to_string();
    assert!(!exported(&mother.browser).await.contains("act_as.told"));
    assert!(exported(&kim.browser).await.contains("act_as.told"));
    LAB.sign_on(house, &mother.browser, "openid act_as").await;
    assert_eq!(times().await, 2, "another portal is another line");
    // Who is kept out is told of nobody, and nothing of it stands in anybody's log (M9).
    let pair = ["--representative", &mother.person, "--represented", &kim.person];
    house.ok(&[&["mandates", "block", "--by", "balie1", "--reason", "melding"][..], &pair[..]].concat());
    THE_PORTAL.sign_on(house, &mother.browser, "openid act_as").await;
    assert_eq!(times().await, 2);
}

#[tokio::test]
async fn whoever_comes_to_be_listed_in_the_middle_of_a_session_finds_it_too() {
    let family = family::family().await;
    let (house, kim) = (&family.house, &family.kim);
    let of = |who: &str| {
        house.count(&format!(
            "audit WHERE event = 'act_as.told' AND actor = '{who}' AND represented = '{}'",
            kim.person
        ))
    };
    let before = [&family.mother, &family.father].map(|one| one.tokens.text("access_token").to_owned());
    for mandate in [&family.mandate, &family.other] {
        for party in ["represented", "representative"] {
            Desk::of(house).hear("consent", mandate, party);
        }
    }
    assert_eq!((of(&family.mother.person), of(&family.father.person)), (0, 0));
    // One portal refreshes, the other asks.
    assert_eq!(family.mother.acts_for(house).await, 1);
    let user = userinfo(house, &before[1]).await.1;
    assert_eq!(user["act_as"].as_array().unwrap().len(), 1, "{user}");
    userinfo(house, &before[0]).await;
    userinfo(house, &before[1]).await;
    assert_eq!((of(&family.mother.person), of(&family.father.person)), (1, 1));
}

/// An answer that got lost is given again, with what is true by then: who comes to be listed in it finds that, and so does an auditor.
#[tokio::test]
async fn an_answer_that_is_given_again_stands_in_the_log_as_well() {
    let family = family::family().await;
    let (house, kim) = (&family.house, &family.kim.person);
    let tokens = THE_PORTAL.sign_on(house, &family.mother.browser, "openid act_as").await;
    refreshed(house, &tokens).await;
    let told = || (found(house, kim, "token.refreshed").len(), found(house, kim, "act_as.told").len());
    assert_eq!(told(), (0, 0));
    for party in ["represented", "representative"] {
        Desk::of(house).hear("consent", &family.mandate, party);
    }
    let again = refreshed(house, &tokens).await;
    assert_eq!(again.claims["act_as"].as_array().unwrap().len(), 1);
    assert_eq!(told(), (1, 1));
    assert_eq!(found(house, kim, "token.refreshed")[0]["outcome"], "again");
}

/// A program that acts for a portal's user at an API sees the record: that is told, too.
#[tokio::test]
async fn a_token_about_one_person_stands_in_the_log_of_who_asked_for_it() {
    let family = exchange::Family::at_home().await;
    let house = &family.house;
    assert_eq!(family.for_sam().await.0, 200);
    let log = family.browser.get(&crate::account::at(house, "/account/log")).await;
    let told = log.text("log").unwrap_or_default();
    assert!(
        told.contains("Een portaal heeft gegevens opgevraagd bij een ander systeem (voor Sam)"),
        "{told}"
    );
}
