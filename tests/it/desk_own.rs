//! What a member of staff may not do for themselves: vanish from what they did, act on their own file, or come back without an app.

use reqwest::StatusCode;

use crate::{
    admin::{Api, LOCAL, ROOT, house_with},
    authenticator::change,
    browser::Page,
    desk::{ELS, JOOST, Seat, add, form, member},
    desk_roles::{email, world},
    house::House,
    mandates_desk::{born, fresh_bsn},
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
    let agreed = [("party", "represented"), ("word", "agreed")];
    let read = [("bsn", bsn("representative_bsn")), ("birth", birth)];
    let mut told = Vec::new();
    for (path, fields, error) in [
        ("/desk/register".to_owned(), said, "representative_bsn-error"),
        (format!("{mandate}/approve"), &read[..], "error"),
        (format!("{mandate}/said"), &agreed, "error"),
        (format!("{mandate}/unblock"), &[], "error"),
        (format!("/desk/correction/{correction}/approve"), &[("birth", &right), ("bsn", "")], "error"),
    ] {
        let page = seat.post(&path, fields).await;
        let error = page.text(error);
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
    let people = house.query("SELECT representative || ' ' || represented FROM mandates").concat();
    let (representative, represented) = people.split_once(' ').unwrap();
    let right = born(13, 41);
    let correct = [("birth", right.as_str()), ("bsn", ""), ("evidence", "brief 1")];
    let done = joost.post(&format!("/desk/person/{represented}/correct"), &correct).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    let herself = house.query(&format!("SELECT person_id FROM accounts WHERE email = '{ELS}'")).concat();
    for whom in [representative, represented, herself.as_str()] {
        change(&house, &format!("UPDATE accounts SET person_id = '{whom}' WHERE email = '{ELS}'"));
        let els = Seat::of(&house, ELS, true, 0).await;
        for (path, error) in each_act(&house, &els, &mandate, &said).await {
            if whom == herself {
                assert_eq!(error, None, "{path}: the twin");
            } else {
                let error = error.unwrap_or_else(|| panic!("{path}"));
                assert!(error.contains("niet doen voor uzelf of uw gezin"), "{path}: {error}");
            }
        }
    }
}
