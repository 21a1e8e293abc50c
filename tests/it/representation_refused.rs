//! Parents who may not log in for a child, or not like that (docs/requirements.md: M14). Each refusal stands beside a login that
//! differs by its cause alone and is let in.

use namens::simulator::digid::spoil::RoutingSpoil;
use reqwest::StatusCode;

use crate::{
    browser::{Browser, Page},
    digid_steps::{
        audit, born, bsn, desk_person, enter_link, files_with, go_on, has_session, log_in_with_digid,
        person_of,
    },
    house::{CALLBACK, House, Options, PASSWORD},
    portal::{at_digid, code_of, press, press_digid, redeem, register, request},
    representation::{CHOICE, Family, NOT_SO, assert_alone, assert_one, last_login, to_digid_for_child},
    stsaml::routed,
};

/// Nobody is in, nothing can be gone on with, and the log says so.
async fn assert_over(house: &House, browser: &Browser, page: &Page, line: &str) {
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{line}: {}", page.heading());
    assert!(page.location().is_none() && !page.headers.contains_key("set-cookie"), "{line}");
    assert!(page.body.contains("id=\"way-back\""), "{line}: back to the portal, which may begin anew");
    assert_eq!(last_login(house), line);
    assert!(!has_session(house, browser).await, "{line}");
    assert_eq!(house.query("SELECT COUNT(*) FROM ephemeral WHERE kind = 'login'"), ["0"], "{line}");
}

#[tokio::test]
async fn m14_a_child_for_whom_the_parent_may_not_act_gives_a_page_and_no_session() {
    let family = Family::at_home(routed()).await;
    let (house, parent) = (&family.house, family.parent.1.as_str());
    let child =
        |name: &str, n: u32, birth: Option<&str>| (bsn(n), desk_person(house, name, birth, Some(&bsn(n))));
    let year = born(12, 0).split('-').next().unwrap().to_owned();
    let nobody = (bsn(9), "nobody".to_owned());
    let dateless = child("Bo", 3, None);
    let twelve = [
        child("Kim", 4, Some(&born(12, 0))),
        child("Lot", 5, Some(&born(16, 0))),
        child("Mo", 6, Some(&year)),
    ];
    let words_of = |page: &Page| page.text("main").unwrap();
    let mut desks_page = None;
    let (desk, old) = ("ask_the_desk", "turned_twelve");
    let cases =
        [(&nobody, desk), (&dateless, desk)].into_iter().chain(twelve.iter().map(|child| (child, old)));
    for ((number, person), why) in cases {
        assert_one(&family.in_for_child(&Browser::new()).await.claims);
        let browser = Browser::new();
        let (_, page) = family.back_for(&browser, number).await;
        assert_over(house, &browser, &page, &format!("not_represented by {parent} for {person} {why}")).await;
        assert_eq!(page.heading(), NOT_SO);
        let words = if why == old { "12 jaar of ouder" } else { "bij de balie van uw zorgverlener" };
        assert!(page.text("problem").unwrap().contains("U bent niet ingelogd.") && page.body.contains(words));
        if why == desk {
            assert_eq!(*desks_page.get_or_insert(words_of(&page)), words_of(&page));
        }
    }
    // With a date, the desk's word lets the parent in; and a child of almost twelve is one.
    let set = |date: &str| house.set_birth_date(&dateless.1, date);
    for date in [born(3, 0), born(12, 3)] {
        set(&date);
        let (request, page) = family.back_for(&Browser::new(), &dateless.0).await;
        assert_one(&redeem(house, &request, &code_of(&page)).await.claims);
    }

    // A block says what not knowing the child says, to the letter; on a child of twelve it says what anybody hears.
    let sam = family.child.1.as_str();
    let unnamed = desk_person(house, "Onbekend", None, None);
    for whom in [parent, &unnamed] {
        family.desk("block", whom, sam);
        let browser = Browser::new();
        let (_, page) = family.back_for(&browser, &family.child.0).await;
        assert_over(house, &browser, &page, &format!("not_represented by {parent} for {sam} {desk}")).await;
        assert_eq!(Some(words_of(&page)), desks_page);
        family.desk("unblock", whom, sam);
        assert_one(&family.in_for_child(&Browser::new()).await.claims);
    }
    family.desk("block", parent, &twelve[0].1);
    let browser = Browser::new();
    let (_, page) = family.back_for(&browser, &twelve[0].0).await;
    assert_over(house, &browser, &page, &format!("not_represented by {parent} for {} {old}", twelve[0].1))
        .await;
    // A block on another whom the desk knows by BSN touches nobody else.
    family.desk("block", &desk_person(house, "Vader", None, Some(&bsn(7))), sam);
    assert_one(&family.in_for_child(&Browser::new()).await.claims);
    for number in [family.child.0.as_str(), &nobody.0] {
        assert!(files_with(house, number).is_empty(), "a BSN was kept");
    }
}

#[tokio::test]
async fn m14_a_parent_who_is_known_to_be_a_child_themselves_is_none() {
    let family = Family::at_home(routed()).await;
    let (house, parent) = (&family.house, family.parent.1.as_str());
    let set = |date: &str| house.set_birth_date(parent, date);
    set(&born(16, 0));
    assert_one(&family.in_for_child(&Browser::new()).await.claims);
    set(&born(16, 3));
    let browser = Browser::new();
    let (_, page) = family.back_for(&browser, &family.child.0).await;
    let line = format!("not_represented by {parent} for {} ask_the_desk", family.child.1);
    assert_over(house, &browser, &page, &line).await;
    assert_eq!(page.heading(), NOT_SO);
    assert_alone(&log_in_with_digid(house, &Browser::new(), &family.parent.0, &[], &[]).await.claims);
    // Under twelve there is no session at all (M13).
    set(&born(11, 0));
    let browser = Browser::new();
    let (_, page) = family.back_for(&browser, &family.child.0).await;
    assert_over(house, &browser, &page, "too_young by nobody for nobody ").await;
    assert_eq!(page.heading(), "Je kunt hier nog niet inloggen");
}

#[tokio::test]
async fn m14_who_names_no_child_is_asked_again_and_logged_in_for_nobody() {
    let family = Family::at_home(routed()).await;
    let (house, browser) = (&family.house, Browser::new());
    let request = request(house, &[]);
    let digid = to_digid_for_child(&browser, &request).await;
    let page = at_digid(&browser, &digid, &family.parent.0, &[("legal", "")]).await;
    assert_eq!(page.heading(), CHOICE);
    assert!(page.text("notice").unwrap().starts_with("U heeft bij DigiD geen kind gekozen."));
    assert_eq!(last_login(house), "nobody_chosen by nobody for nobody ");
    assert!(!has_session(house, &browser).await);
    // Cancelled there, and then for themselves after all: the earlier wish is gone.
    let digid = press(&browser, &page, "child-form").await;
    let page = at_digid(&browser, &digid, &family.parent.0, &[("outcome", "cancel")]).await;
    assert!(page.text("notice").unwrap().starts_with("U heeft het inloggen met DigiD geannuleerd."));
    let digid = press_digid(&browser, &page).await;
    assert!(!digid.body.contains("name=\"legal\""), "nobody is asked for whom");
    let page = at_digid(&browser, &digid, &family.parent.0, &[]).await;
    assert_alone(&redeem(house, &request, &code_of(&page)).await.claims);
}

#[tokio::test]
async fn m14_a_block_that_comes_during_the_login_is_seen_at_its_end() {
    for blocked in [false, true] {
        let house = House::start_with(routed()).await;
        let (parent, email) = (bsn(1), "vader@voorbeeld.nl");
        let child = desk_person(&house, "Sam", Some(&born(8, 0)), Some(&bsn(2)));
        register(&house, &Browser::new(), email).await;
        let (browser, request) = (Browser::new(), request(&house, &[]));
        let digid = to_digid_for_child(&browser, &request).await;
        let page = at_digid(&browser, &digid, &parent, &[("legal", &bsn(2))]).await;
        let page = enter_link(&browser, &page, email, PASSWORD).await;
        let sent = browser.submit(&page, "code-form", &[("code", &house.code(email, 2))]).await;
        let linked = browser.follow(sent, CALLBACK).await;
        let person = person_of(&house, email);
        if blocked {
            let pair = ["--representative", person.as_str(), "--represented", &child];
            let by = ["--by", "balie1", "--reason", "melding"];
            house.ok(&[&["mandates", "block"], &pair[..], &by[..]].concat());
            let page = browser.submit(&linked, "continue-form", &[]).await;
            let line = format!("not_represented by {person} for {child} ask_the_desk");
            assert_over(&house, &browser, &page, &line).await;
        } else {
            assert_one(&go_on(&house, &browser, &request, &linked).await.claims);
        }
    }
}

#[tokio::test]
async fn m14_no_spoilt_representation_opens_a_session_for_anybody() {
    let family = Family::at_home(routed()).await;
    let house = &family.house;
    let unreadable = "an identity that cannot be read";
    for (spoil, reason) in [
        (RoutingSpoil::TwoLegal, "several LegalSubjectIDs"),
        (RoutingSpoil::TwoTypes, "several RepresentationTypes"),
        (RoutingSpoil::OtherType, "a representation of an unknown type"),
        (RoutingSpoil::LegalIsActing, "somebody who represents themselves"),
        (RoutingSpoil::LegalWithoutType, "a LegalSubjectID without RepresentationType"),
        (RoutingSpoil::TypeWithoutLegal, "a RepresentationType without LegalSubjectID"),
        (RoutingSpoil::LegalForAnother, unreadable),
        (RoutingSpoil::OtherRecipient, unreadable),
        (RoutingSpoil::NoActing, "not exactly one ActingSubjectID"),
        (RoutingSpoil::TwoActing, "not exactly one ActingSubjectID"),
        (RoutingSpoil::WrongService, "an answer for another service"),
        (RoutingSpoil::NoService, "an answer for another service"),
    ] {
        assert_one(&family.in_for_child(&Browser::new()).await.claims);
        let browser = Browser::new();
        let digid = to_digid_for_child(&browser, &request(house, &[])).await;
        let typed = [("legal", family.child.0.as_str()), ("spoil", spoil.word())];
        let page = at_digid(&browser, &digid, &family.parent.0, &typed).await;
        assert_eq!((page.status, page.location()), (StatusCode::BAD_GATEWAY, None), "{reason}");
        let line = last_login(house);
        assert!(line.starts_with(&format!("digid_hostile by nobody for nobody {reason}")), "{line}");
        let log = house.log();
        let told = log.lines().rfind(|line| line.contains("DigiD login refused")).unwrap();
        assert!(told.contains(reason), "{reason}: {told}");
        assert!(!has_session(house, &browser).await, "{reason}");
    }
    // Nobody is asked, and an answer about a child comes all the same.
    let browser = Browser::new();
    let choose = browser.visit(&request(house, &[]).url, CALLBACK).await;
    let digid = press_digid(&browser, &choose).await;
    let page =
        at_digid(&browser, &digid, &family.parent.0, &[("spoil", RoutingSpoil::UnrequestedLegal.word())])
            .await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert!(house.log().contains("a representation nobody asked for") && !has_session(house, &browser).await);
}

#[tokio::test]
async fn m14_below_the_level_of_mandates_there_is_no_session_of_the_parent_instead() {
    let family = Family::at_home(Options { top: "mandate_level = \"substantieel\"", ..routed() }).await;
    let (house, parent) = (&family.house, family.parent.0.as_str());
    assert_alone(&log_in_with_digid(house, &Browser::new(), parent, &[], &[]).await.claims);
    for (level, enough) in [("Basis", false), ("Midden", false), ("Substantieel", true), ("Hoog", true)] {
        let (browser, request) = (Browser::new(), request(house, &[]));
        let digid = to_digid_for_child(&browser, &request).await;
        let typed = [("legal", family.child.0.as_str()), ("level", level)];
        let page = at_digid(&browser, &digid, parent, &typed).await;
        if enough {
            assert_one(&redeem(house, &request, &code_of(&page)).await.claims);
        } else {
            assert_over(house, &browser, &page, "digid_level_too_low by nobody for nobody ").await;
            assert_eq!(page.heading(), "U kunt zo nog niet inloggen");
        }
    }
}

/// What becomes of the session that the browser had must not tell a blocked parent that the child is known here (M9).
#[tokio::test]
async fn m14_a_refusal_ends_the_session_that_was_there_whatever_its_cause() {
    let family = Family::at_home(routed()).await;
    let house = &family.house;
    desk_person(house, "Bo", None, Some(&bsn(3)));
    family.desk("block", &family.parent.1, &family.child.1);
    for (child, why) in [(bsn(9), "unknown"), (bsn(3), "without a date"), (family.child.0.clone(), "blocked")]
    {
        let browser = Browser::new();
        log_in_with_digid(house, &browser, &family.parent.0, &[], &[]).await;
        let before = audit(house).len();
        let (_, page) = family.back_for(&browser, &child).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{why}: {}", page.heading());
        assert!(!has_session(house, &browser).await, "{why}");
        let lines = [
            "login.digid not_represented by somebody",
            "grant.revoked session.ended by somebody",
            "logout not_proven",
        ];
        assert_eq!(audit(house).split_off(before), lines, "{why}");
    }
}
