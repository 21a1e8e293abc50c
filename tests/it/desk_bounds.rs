//! What is bounded at the desk and beside it slows or makes room, and shuts nobody out for good.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use reqwest::StatusCode;

use crate::{
    authenticator::change,
    browser::{Browser, Page},
    desk::{ELS, Seat, form, member},
    desk_roles::{email, world},
    digid_steps::person_of,
    family::One,
    house::House,
    mandates_desk::{Desk, Form, born, fresh_bsn},
    oidc_client::CLIENTS,
    portal::{enter_password, request},
    steps::account,
};

/// Everybody at the desk has had all the searches of an hour that are free.
fn used_up(house: &House) {
    change(house, "UPDATE counters SET hits = 200 WHERE name LIKE 'desk-search:%'");
}

/// The wait of a minute is over.
fn a_minute_later(house: &House) {
    change(house, "DELETE FROM counters WHERE name LIKE 'desk-search-spaced:%'");
}

fn stored(house: &House) -> String {
    house.query("SELECT COUNT(*) FROM mandates").concat()
}

#[tokio::test]
async fn past_very_many_searches_a_form_is_one_of_them_and_goes_on_once_a_minute() {
    let world = world().await;
    let house = &world.house;
    let registrar = Seat::of(house, &email("registrar"), true, 0).await;
    let post = async |number: &str| {
        let (parent, child, birth) = (fresh_bsn(), fresh_bsn(), born(9, 40));
        let mut said = form(&parent, &child, &birth);
        for (name, value) in &mut said {
            if *name == "represented_number" {
                *value = number;
            }
        }
        registrar.post("/desk/register", &said).await
    };
    let found = "SELECT COUNT(*) FROM audit WHERE event = 'person.found'";
    used_up(house);
    let before: u32 = house.query(found).concat().parse().unwrap();
    let done = post("K-2001").await;
    assert_eq!((done.status, stored(house)), (StatusCode::SEE_OTHER, "2".into()), "{}", done.body);
    let after: u32 = house.query(found).concat().parse().unwrap();
    assert_eq!(after - before, 3, "each look-up leaves its line");
    let slow = post("K-2002").await;
    assert!(slow.text("representative_bsn-error").is_some(), "{}", slow.body);
    assert_eq!(stored(house), "2");
    a_minute_later(house);
    assert_eq!(post("K-2003").await.status, StatusCode::SEE_OTHER, "the twin");

    // Two that are one, by a patient number that could be a BSN too.
    let officer = Seat::of(house, &email("privacy_officer"), true, 0).await;
    let (desk, birth, number, own) = (Desk::of(house), born(40, 0), fresh_bsn(), fresh_bsn());
    let anna = desk.person("Anna", Some(&birth), Some(&own));
    let twice = desk.person("A.", Some(&birth), None);
    change(house, &format!("UPDATE persons SET patient_number = '{number}' WHERE id = '{twice}'"));
    officer.post("/desk/search", &[("bsn", &own), ("number", "")]).await;
    used_up(house);
    let path = format!("/desk/person/{anna}/same-person");
    let said = [("other", number.as_str()), ("birth", &birth), ("known", &own), ("evidence", "map 4")];
    let done = officer.post(&path, &said).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    assert_eq!(officer.post(&path, &said).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn who_approves_may_guess_what_is_on_record_no_more_than_who_searches() {
    let world = world().await;
    let house = &world.house;
    let approver = Seat::of(house, &email("approver"), true, 0).await;
    let officer = Seat::of(house, &email("privacy_officer"), true, 0).await;
    let (anna, birth, number) = (world.path("{p}"), born(41, 0), fresh_bsn());
    let desk = Desk::of(house);
    let twice = desk.person("S.", None, None);
    change(house, &format!("UPDATE persons SET patient_number = 'K-7' WHERE id = '{twice}'"));
    let proposed = [("birth", birth.as_str()), ("bsn", ""), ("evidence", "brief 1")];
    assert_eq!(officer.post(&format!("/desk/person/{anna}/correct"), &proposed).await.status, 303);
    let same = [("other", "K-7"), ("birth", &born(8, 40)), ("known", "K-7"), ("evidence", "map 4")];
    let done = officer.post(&format!("/desk/person/{anna}/same-person"), &same).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    let of = |what: &str| house.query(&format!("SELECT id FROM corrections WHERE what = '{what}'")).concat();
    let (one, two) = (of("birth_date"), of("same_person"));
    let doors = [
        (
            &approver,
            world.path("/desk/mandate/{m}/approve"),
            vec![("bsn", number.as_str()), ("birth", "2018-01-02")],
        ),
        (&officer, format!("/desk/correction/{one}/approve"), vec![("birth", "2018-01-02"), ("bsn", "")]),
        (
            &officer,
            format!("/desk/correction/{two}/same-person"),
            vec![("birth", "2018-01-02"), ("known", "K-8")],
        ),
    ];
    for (seat, path, guess) in &doors {
        let told = async || seat.post(path, guess).await;
        for _ in 0..3 {
            assert_eq!(told().await.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: the twin");
        }
        used_up(house);
        a_minute_later(house);
        assert_eq!(told().await.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: one a minute");
        let slow = told().await;
        assert_eq!(slow.status, StatusCode::TOO_MANY_REQUESTS, "{path}: {}", slow.body);
        assert_eq!(slow.headers["retry-after"], "60");
        a_minute_later(house);
        assert_eq!(
            told().await.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{path}: it slows, and never stops"
        );
        change(house, "UPDATE counters SET hits = 0 WHERE name LIKE 'desk-search:%'");
    }
}

#[tokio::test]
async fn what_nobody_approved_in_time_or_whose_account_is_gone_is_no_bar_to_proposing_somebody() {
    let house = House::start().await;
    member(&house, ELS, "privacy_officer").await;
    let els = Seat::of(&house, ELS, true, 0).await;
    let propose = async |email: &str| -> Page {
        member(&house, email, "").await;
        let fields = [("email", email), ("department", "Polikliniek"), ("registrar", "yes")];
        els.post("/desk/staff", &fields).await
    };
    // Five hundred accounts and as many proposals.
    let n = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)";
    let fill = |proposed_at: i64| {
        change(&house, "DELETE FROM staff WHERE approved_at IS NULL OR ended_at IS NOT NULL");
        change(
            &house,
            &format!(
                "{n} INSERT INTO staff (id, account, roles, department, proposed_by, proposed_at) \
                 SELECT 'w' || i, 'w' || i, 'approver', 'Polikliniek', 'a', {proposed_at} FROM n"
            ),
        );
    };
    let accounts = format!(
        "{n} INSERT INTO accounts (id, person_id, email, email_key, era, created) \
         SELECT 'w' || i, 'w' || i, 'w' || i, 'w' || i, 0, 1 FROM n"
    );
    let count = || house.query("SELECT COUNT(*) FROM staff WHERE ended_at IS NULL").concat();
    // Those whose owner has gone; those of long ago.
    for (account, at, email) in
        [("", 4_102_444_800, "a@ziekenhuis.nl"), (accounts.as_str(), 1, "b@ziekenhuis.nl")]
    {
        if !account.is_empty() {
            change(&house, account);
        }
        fill(at);
        let done = propose(email).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{email}: {}", done.body);
        assert_eq!(count(), "2", "{email}");
    }
    // The twin: five hundred that wait are as many as there may be.
    fill(4_102_444_800);
    let refused = propose("c@ziekenhuis.nl").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);
}

#[tokio::test]
async fn m11_what_was_never_approved_and_children_who_decide_alone_are_no_bar_to_a_guardian() {
    let house = House::with(CLIENTS).await;
    let one = One::of(&house, ("Gerda", Some(&born(50, 0))), "gerda@voorbeeld.nl").await;
    let desk = Desk::of(&house);
    let [young, grown, unknown] = [(8, 0), (16, 0), (16, -1)]
        .map(|(age, ago)| desk.person("Kind", Some(&born(age, ago)), Some(&fresh_bsn())));
    let guardian = |of: &str| {
        Form::parent(&one.person, of).with("--relation", "guardian").with("--evidence", "court_order")
    };
    let first = desk.mandate(&guardian(&young));
    let columns = "relation, legal_basis, evidence, representative_document, representative_document_valid_until, \
        represented_document, represented_document_valid_until, form_reference, starts";
    // Two hundred more, older than it: of whom, and what came of them.
    let fill = |of: &str, facts: &str| {
        change(&house, "DELETE FROM mandates WHERE id LIKE 'x %'");
        change(
            &house,
            &format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) \
                 INSERT INTO mandates (id, representative, represented, registered_by, {columns}, registered_at, approved_by, approved_at) \
                 SELECT 'x ' || n.i, representative, '{of}', 'a', {columns}, {facts} FROM mandates, n WHERE id = '{first}'"
            ),
        );
    };
    for (of, facts) in [(&young, "1, NULL, NULL"), (&grown, "1, 'b', 1")] {
        fill(of, facts);
        let more = desk.person("Sam", Some(&born(7, 0)), Some(&fresh_bsn()));
        let before = one.acts_for(&house).await;
        desk.mandate(&guardian(&more));
        assert_eq!(one.acts_for(&house).await, before + 1, "{facts}: it is heard of, however many there are");
        assert_eq!(desk.standings(&more), ["active"]);
    }
    // The twin: those that wait, and those of fifteen.
    for (of, facts) in [(&young, "registered_at, NULL, NULL"), (&unknown, "1, 'b', 1")] {
        fill(of, facts);
        let more = desk.person("Bo", Some(&born(7, 0)), Some(&fresh_bsn()));
        let told = desk.refused(&guardian(&more).arguments());
        assert!(told.contains("200 mandates"), "{facts}: {told}");
    }
    // Of somebody for whom two hundred were asked and never approved another one is registered too.
    fill(&young, "1, NULL, NULL");
    let other = desk.person("Tante", None, Some(&fresh_bsn()));
    desk.registered(&Form::parent(&other, &young));
}

/// Takes connections, and says nothing on any.
fn silent_server() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

#[tokio::test]
async fn mails_about_mandates_leave_room_for_codes_whatever_the_mail_server_does() {
    const OWNER: &str = "jansen@voorbeeld.nl";
    let mut house = House::start().await;
    account(&house, OWNER).await;
    let owner = person_of(&house, OWNER);
    let desk = Desk::of(&house);
    let child = desk.person("Sam", Some(&born(8, 0)), Some(&fresh_bsn()));
    let other = desk.person("Anna", None, Some(&fresh_bsn()));
    let first = desk.mandate(&Form::parent(&other, &child));
    house.kill();
    let columns = "relation, legal_basis, evidence, representative_document, representative_document_valid_until, \
        represented_document, represented_document_valid_until, form_reference, starts, registered_at, approved_at";
    change(
        &house,
        &format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) \
             INSERT INTO mandates (id, representative, represented, registered_by, approved_by, look_at, {columns}) \
             SELECT 'x ' || n.i, '{owner}', represented, 'a', 'b', 0, {columns} FROM mandates, n WHERE id = '{first}'"
        ),
    );
    let server = silent_server();
    let port = server.local_addr().unwrap().port();
    let smtp = format!("smtp = {{ host = \"127.0.0.1\", port = {port} }}");
    house.reconfigure("folder = \"mail\"", &smtp);
    // All of them were looked at, and as many as may be are on their way.
    let patience = Instant::now() + Duration::from_mins(2);
    let count =
        |from: &str| house.query(&format!("SELECT COUNT(*) FROM mandate_mails WHERE {from}")).concat();
    let mut quiet = (0, String::new());
    while quiet.0 < 5 {
        assert!(Instant::now() < patience, "{} of 300, {}", count("mandate LIKE 'x %'"), house.log());
        let left = count("mandate LIKE 'x %' AND due IS NULL");
        let all = count("mandate LIKE 'x %'") == "300" && left != "0";
        quiet = if all && left == quiet.1 { (quiet.0 + 1, left) } else { (0, left) };
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for _ in 0..3 {
        let page = enter_password(
            &Browser::new(),
            &request(&house, &[("prompt", "login")]),
            OWNER,
            crate::house::PASSWORD,
        )
        .await;
        assert_eq!(page.heading(), "Vul de code in", "{}", page.body);
    }
    drop(server);
}
