//! What a member of staff may not do for themselves: vanish from what they did, act on their own file, or come back without an app.

use reqwest::StatusCode;

use crate::{
    account::at,
    admin::{Api, LOCAL, ROOT, house_with},
    authenticator::{change, set_up, type_recovery},
    browser::{Browser, Page},
    desk::{Colleague, ELS, JOOST, Seat, add, colleague, form, member, to_app},
    desk_roles::{email, world},
    digid_steps::{person_of, register_with_digid},
    house::{CALLBACK, House, PASSWORD},
    mandates_desk::{Desk, born, fresh_bsn},
    portal::{at_digid, press_digid},
};

/// Posts a form of the account's pages.
async fn at_account(seat: &Seat, path: &str, fields: &[(&str, &str)]) -> Page {
    let csrf = seat.get("/account").await.form("everywhere-form").1["csrf"].clone();
    seat.send(path, &[&[("csrf", csrf.as_str())][..], fields].concat(), "").await
}

fn accounts(house: &House, email: &str) -> Vec<String> {
    house.query(&format!("SELECT id FROM accounts WHERE email = '{email}'"))
}

#[tokio::test]
async fn m11_who_is_or_was_a_member_stays_known_and_anybody_else_goes() {
    let house = house_with(LOCAL).await;
    let api = Api::new(&house, &ROOT, "accounts").await;
    let ended = "UPDATE staff SET ended_at = 2, ended_by = 'b'";
    let waits = "UPDATE staff SET approved_at = NULL, approved_by = NULL";
    for (who, roles, then, known) in [
        ("is", "registrar approver", "", true),
        ("was", "registrar", ended, true),
        ("waits", "registrar", waits, false),
        ("patient", "", "", false),
    ] {
        for by_themselves in [true, false] {
            let email = &format!("{who}-{by_themselves}@ziekenhuis.nl");
            member(&house, email, roles).await;
            let id = accounts(&house, email).concat();
            if !then.is_empty() {
                change(&house, &format!("{then} WHERE account = '{id}'"));
            }
            if by_themselves {
                let seat = Seat::of(&house, email, true, 0).await;
                let page = seat.get("/account/erase").await;
                assert_eq!(page.text("staff").is_some(), known, "{email}: {}", page.body);
                assert_eq!(page.body.contains("erase-form"), !known, "{email}");
                let told = at_account(&seat, "/account/erase", &[("email", email)]).await;
                assert_eq!(told.text("staff").is_some(), known, "{email}: {}", told.body);
                // Who is refused is not signed out either.
                let after = seat.get("/account").await;
                assert_eq!(after.status == StatusCode::OK, known, "{email}");
            } else {
                let told = api.delete(&format!("/accounts/{id}")).await;
                assert_eq!(told.0, if known { 409 } else { 204 }, "{email}: {}", told.1);
                assert_eq!(told.1.to_string().contains("worked at the desk"), known, "{email}: {}", told.1);
            }
            assert_eq!(accounts(&house, email) == [id], known, "{email}");
        }
    }
}

#[tokio::test]
async fn f6_who_removes_the_app_is_no_member_any_more() {
    let house = House::start().await;
    for email in [ELS, JOOST] {
        member(&house, email, "registrar").await;
    }
    let (els, joost) = (Seat::of(&house, ELS, true, 0).await, Seat::of(&house, JOOST, true, 0).await);
    let hint = els.get("/account/app").await.text("remove-hint").unwrap();
    assert!(hint.contains("Zonder app stopt dat meteen"), "{hint}");
    let done = at_account(&els, "/account/app/remove", &[]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    // Whoever reads their mail sets up another one.
    change(&house, "UPDATE accounts SET app_sealed = x'00', app_since = 1");
    let again = Seat::of(&house, ELS, true, 0).await;
    assert_eq!(again.get("/desk").await.status, StatusCode::FORBIDDEN);
    assert_eq!(joost.get("/desk").await.status, StatusCode::OK, "the twin");
    let log = "SELECT actor || ' ' || client FROM audit WHERE event = 'staff.ended'";
    assert_eq!(house.query(log), [format!("member:{} namens:desk", accounts(&house, ELS).concat())]);
}

/// DigiD opens the account of a member, on a computer that others use too: a password and an app of their own would be both pairs of eyes.
#[tokio::test]
async fn m11_an_app_that_digid_alone_set_opens_no_desk() {
    let (house, bsn) = (House::start().await, fresh_bsn());
    register_with_digid(&house, &bsn, ELS, PASSWORD).await;
    change(&house, "UPDATE accounts SET app_sealed = x'00', app_since = 1, app_step = 0");
    let joost = colleague(&house, JOOST).await;
    for email in [ELS, JOOST] {
        let done = add(&house, email, &["registrar"], "Polikliniek");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    assert_eq!(Seat::of(&house, ELS, true, 0).await.get("/desk").await.status, StatusCode::OK);
    let stranger = Browser::new();
    let choose = stranger.visit(&at(&house, "/account/app"), CALLBACK).await;
    let away = press_digid(&stranger, &choose).await;
    let page = at_digid(&stranger, &away, &bsn, &[]).await;
    let app = set_up(&house, &stranger, ELS).await;
    let stranger = Colleague { browser: Browser::new(), email: ELS, app };
    let shut = stranger.comes(&house).await;
    assert_eq!((shut.url.path(), shut.status), ("/desk", StatusCode::FORBIDDEN), "{}", shut.body);
    let log = "SELECT actor || ' ' || client FROM audit WHERE event = 'staff.ended'";
    assert_eq!(house.query(log), [format!("member:{} namens:desk", accounts(&house, ELS).concat())]);
    // They were told before.
    assert!(page.text("renew-member").is_some_and(|text| text.contains("balie")), "{}", page.body);
    // The twin lost their phone, and has a recovery code.
    let browser = Browser::new();
    let asked = to_app(&house, &browser, JOOST).await;
    let done = type_recovery(&browser, &asked, &joost.app.recovery[0]).await;
    browser.follow(done, CALLBACK).await;
    let offered = browser.get(&at(&house, "/account/app")).await;
    assert!(offered.text("secret").is_some() && offered.text("renew-member").is_none(), "{}", offered.body);
    let app = set_up(&house, &browser, JOOST).await;
    let twin = Colleague { browser: Browser::new(), email: JOOST, app };
    assert_eq!(twin.comes(&house).await.status, StatusCode::OK);
    assert_eq!(house.query("SELECT COUNT(*) FROM staff WHERE ended_at IS NULL"), ["1"]);
}

#[tokio::test]
async fn whether_somebody_has_a_number_is_not_asked_without_end_by_corrections() {
    let world = world().await;
    let house = &world.house;
    let officer = Seat::of(house, &email("privacy_officer"), true, 0).await;
    let path = world.path("/desk/person/{p}/correct");
    let propose = async |birth: &str, bsn: &str| {
        officer.post(&path, &[("birth", birth), ("bsn", bsn), ("evidence", "brief 1")]).await
    };
    assert_eq!(propose("", &fresh_bsn()).await.status, StatusCode::SEE_OTHER);
    change(house, "UPDATE counters SET hits = 200 WHERE name LIKE 'desk-search:%'");
    assert_eq!(propose("", &fresh_bsn()).await.status, StatusCode::SEE_OTHER, "one a minute");
    let slow = propose("", &fresh_bsn()).await;
    assert_eq!(
        (slow.status, slow.headers["retry-after"].to_str().unwrap()),
        (StatusCode::TOO_MANY_REQUESTS, "60")
    );
    assert_eq!(house.query("SELECT COUNT(*) FROM corrections"), ["2"]);
    assert_eq!(propose(&born(9, 3), "").await.status, StatusCode::SEE_OTHER, "the twin tells nothing");
}

#[tokio::test]
async fn the_queue_is_not_filled_from_elsewhere() {
    let world = world().await;
    let house = &world.house;
    let approver = Seat::of(house, &email("approver"), true, 0).await;
    let path = world.path("/desk/mandate/{m}");
    assert!(approver.get("/desk/queue").await.body.contains(&path));
    let columns = "relation, legal_basis, evidence, representative, represented, representative_document, \
        representative_document_valid_until, represented_document, represented_document_valid_until, form_reference, starts";
    change(
        house,
        &format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) \
             INSERT INTO mandates (id, registered_by, registered_at, {columns}) \
             SELECT 'x' || n.i, 'client:x', registered_at - 1000, {columns} FROM mandates, n"
        ),
    );
    let queue = approver.get("/desk/queue").await;
    assert!(queue.text("waiting-100").is_some() && queue.text("waiting-101").is_none(), "{}", queue.body);
    assert!(queue.body.contains(&path), "{}", queue.body);
}

#[tokio::test]
async fn what_nobody_approved_in_time_is_no_bar_to_the_command() {
    let house = House::start().await;
    member(&house, JOOST, "").await;
    for (proposed_at, done) in [(4_102_444_800_i64, false), (1, true)] {
        change(&house, "DELETE FROM staff");
        change(
            &house,
            &format!(
                "INSERT INTO staff (id, account, roles, department, proposed_by, proposed_at) \
                 SELECT 'w', id, 'approver', 'Polikliniek', 'a', {proposed_at} FROM accounts"
            ),
        );
        let told = add(&house, JOOST, &["approver"], "Polikliniek");
        assert_eq!(told.status.success(), done, "{}", String::from_utf8_lossy(&told.stderr));
    }
}

/// All that gives access, by `seat`, who may as far as their roles go; each with the error that it was answered with.
async fn each_act(
    house: &House,
    seat: &Seat,
    mandate: &str,
    said: &[(&'static str, &str)],
) -> Vec<(String, Option<String>)> {
    let bsn = |field: &str| said.iter().find(|(name, _)| *name == field).unwrap().1;
    let birth = bsn("represented_birth");
    let correction = house.query("SELECT id FROM corrections").concat();
    let right = born(13, 41);
    let (basis, ends) =
        (house.query("SELECT id FROM special_bases WHERE confirmed_at IS NULL").concat(), born(0, -200));
    let agreed = [("party", "represented"), ("word", "agreed")];
    let read =
        [("bsn", bsn("representative_bsn")), ("birth", birth), ("represented", bsn("represented_bsn"))];
    let mut told = Vec::new();
    for (path, fields, error) in [
        ("/desk/register".to_owned(), said, "representative_bsn-error"),
        (format!("{mandate}/approve"), &read[..], "error"),
        (format!("{mandate}/said"), &agreed, "error"),
        (format!("{mandate}/confirm"), &[("basis", &basis)], "error"),
        (format!("{mandate}/attest"), &[("evidence", "brief 2"), ("ends", &ends)], "error"),
        (format!("{mandate}/unblock"), &[], "error"),
        (format!("/desk/correction/{correction}/approve"), &[("birth", &right), ("bsn", "")], "error"),
    ] {
        let page = seat.post(&path, fields).await;
        // What is of their own people is refused whole, the form at its field.
        let error = page.text(error).or_else(|| page.text("why"));
        assert_eq!(page.status == StatusCode::SEE_OTHER, error.is_none(), "{path}: {}", page.body);
        told.push((path, error));
    }
    told
}

#[tokio::test]
async fn m11_nobody_at_the_desk_gives_access_in_their_own_file() {
    const ALL: &str = "registrar approver privacy_officer";
    let house = House::start().await;
    for email in [ELS, JOOST] {
        member(&house, email, ALL).await;
    }
    let joost = Seat::of(&house, JOOST, true, 0).await;
    let (parent, child, birth) = (fresh_bsn(), fresh_bsn(), born(13, 40));
    let said = form(&parent, &child, &birth);
    let done = joost.post("/desk/register", &said).await;
    let mandate = done.location().unwrap_or_else(|| panic!("{}", done.body)).path().to_owned();
    let block = joost.post(&format!("{mandate}/block"), &[("reason", "melding 7")]).await;
    assert_eq!(block.status, StatusCode::SEE_OTHER);
    let attest = [("evidence", "brief 1"), ("ends", &born(0, -200))];
    assert_eq!(joost.post(&format!("{mandate}/attest"), &attest).await.status, StatusCode::SEE_OTHER);
    let people = house.query("SELECT representative || ' ' || represented FROM mandates").concat();
    let (representative, represented) = people.split_once(' ').unwrap();
    let right = born(13, 41);
    let correct = [("birth", right.as_str()), ("bsn", ""), ("evidence", "brief 1")];
    let done = joost.post(&format!("/desk/person/{represented}/correct"), &correct).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    let herself = house.query(&format!("SELECT person_id FROM accounts WHERE email = '{ELS}'")).concat();
    // One of the two herself, somebody who acts for one of them, and in the end nobody to do with it.
    let acts_for = |whom: &str| {
        let columns = "relation, legal_basis, evidence, representative_document, representative_document_valid_until, \
                       represented_document, represented_document_valid_until, form_reference, starts";
        change(
            &house,
            &format!(
                "INSERT INTO mandates (id, representative, represented, registered_by, registered_at, approved_by, \
                 approved_at, {columns}) SELECT '{whom}', '{herself}', '{whom}', 'a', registered_at, 'b', registered_at, \
                 {columns} FROM mandates WHERE registered_by LIKE 'member:%'"
            ),
        );
    };
    for (whom, acts) in [
        (representative, None),
        (represented, None),
        (herself.as_str(), Some(represented)),
        (herself.as_str(), None),
    ] {
        change(&house, &format!("UPDATE accounts SET person_id = '{whom}' WHERE email = '{ELS}'"));
        if let Some(other) = acts {
            acts_for(other);
        }
        let els = Seat::of(&house, ELS, true, 0).await;
        for (path, error) in each_act(&house, &els, &mandate, &said).await {
            if whom == herself && acts.is_none() {
                assert_eq!(error, None, "{path}: the twin");
            } else {
                let error = error.unwrap_or_else(|| panic!("{path}"));
                let told = ["niet doen voor uzelf of uw gezin", "Dit gaat over uzelf"];
                assert!(told.iter().any(|told| error.contains(told)), "{path}: {error}");
            }
        }
        change(&house, "DELETE FROM mandates WHERE registered_by = 'a'");
    }
}

/// Whoever is known stays who they are: another number or date takes two (M11).
#[tokio::test]
async fn m11_no_form_at_the_desk_gives_anybody_another_number_or_makes_two_people_one() {
    let house = House::start().await;
    member(&house, ELS, "registrar").await;
    let (els, desk) = (Seat::of(&house, ELS, true, 0).await, Desk::of(&house));
    let [parent, sams, noors, nobodys] = [(); 4].map(|()| fresh_bsn());
    let birth = born(8, 0);
    let people = [("Sam", Some(sams.as_str())), ("Noor", Some(noors.as_str())), ("Bo", None)];
    for (name, bsn) in people {
        let id = desk.person(name, Some(&birth), bsn);
        change(
            &house,
            &format!("UPDATE persons SET patient_number = 'K-{}' WHERE id = '{id}'", name.to_uppercase()),
        );
    }
    let people = || {
        house.query("SELECT id || COALESCE(birth, '') || COALESCE(patient_number, '') || hex(COALESCE(bsn_index, '')) FROM persons ORDER BY id")
    };
    let (before, other) = (people(), born(9, 0));
    let posted = async |bsn: &str, number: &str, birth: &str| {
        let mut fields = form(&parent, bsn, birth);
        for (name, value) in &mut fields {
            if *name == "represented_number" {
                *value = number;
            }
        }
        els.post("/desk/register", &fields).await
    };
    for (bsn, number, birth, what) in [
        (noors.as_str(), "K-SAM", &birth, "two people"),
        (&sams, "K-9", &birth, "another patient number"),
        (&nobodys, "K-BO", &birth, "a BSN where there is none"),
        ("", "", &birth, "no number"),
        (&sams, "K-SAM", &other, "another date"),
    ] {
        let told = posted(bsn, number, birth).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{what}: {}", told.body);
        assert_eq!(people(), before, "{what}");
    }
    assert_eq!(posted(&sams, "K-SAM", &birth).await.status, StatusCode::SEE_OTHER, "the twin");
}

#[tokio::test]
async fn who_asks_on_and_on_for_what_is_not_theirs_leaves_a_bounded_number_of_lines() {
    let house = House::start().await;
    member(&house, ELS, "auditor").await;
    let els = Seat::of(&house, ELS, true, 0).await;
    for _ in 0..12 {
        assert_eq!(els.get("/desk/register").await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(house.query("SELECT COUNT(*) FROM audit WHERE event = 'desk.refused'"), ["10"]);
}

/// Whoever is too young to log in is too young at the desk, whatever they were made before that was known.
#[tokio::test]
async fn m4_who_turns_out_to_be_a_child_is_at_no_desk() {
    let house = House::start().await;
    member(&house, ELS, "registrar").await;
    let els = Seat::of(&house, ELS, true, 0).await;
    let person = person_of(&house, ELS);
    for (age, status) in [(11, StatusCode::FORBIDDEN), (40, StatusCode::OK)] {
        house.set_birth_date(&person, &born(age, 0));
        assert_eq!(els.get("/desk").await.status, status, "{age}");
    }
}
