//! Every field of every form of the desk bent: a page that says so, never a fault, and nothing changed; and the good form goes through.

use reqwest::{Method, StatusCode};

use crate::{
    bad_input::{BENDS, Bend, assert_calm, bent},
    bad_input_sweep::assert_swept,
    browser::Browser,
    desk::{Seat, form},
    desk_roles::{World, email, world},
    mandates_desk::{born, fresh_bsn},
};

const TEST: &str = "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing";

/// One form: its door, and what is filled in, with the one thing wrong that keeps it from doing anything.
type Row<'r> = (&'static str, Vec<(&'static str, &'r str)>);

async fn sweep(
    world: &World,
    seat: &Seat,
    (door, path): (&'static str, &str),
    fields: &[(&'static str, &str)],
) {
    let fields = [&[("csrf", seat.csrf.as_str())][..], fields].concat();
    assert_swept(TEST, door, fields.iter().map(|(name, _)| *name));
    for at in 0..fields.len() {
        for bend in BENDS {
            let case = format!("{door} {} {bend:?}", fields[at].0);
            let body = bent(&fields, at, bend);
            if bend == Bend::Huge {
                let raw = crate::bad_input_wire::post(&world.house, path, &body, "").await;
                assert_eq!(raw.status, 413, "{case}");
                continue;
            }
            let browser = Browser::new();
            let post = browser.request(Method::POST, &format!("{}{path}", world.house.issuer));
            let post = post
                .header("content-type", "application/x-www-form-urlencoded")
                .header("cookie", &seat.cookie);
            let told = browser.send(post.header("origin", &world.house.issuer).body(body)).await;
            let refused = [StatusCode::FORBIDDEN, StatusCode::UNPROCESSABLE_ENTITY].contains(&told.status);
            // A text that may say anything may say this.
            let harmless = fields[at].0 != "csrf" && told.status == StatusCode::OK && door == "/desk/log";
            assert!(refused || harmless, "{case}: {}", told.status);
            // The form has something else wrong, too, which is not what refuses it here.
            let is_token = fields[at].0 == "csrf";
            assert!(!is_token || told.status == StatusCode::FORBIDDEN, "{case}: {}", told.status);
        }
    }
}

#[tokio::test]
async fn every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing() {
    let world = world().await;
    crate::authenticator::change(
        &world.house,
        "UPDATE staff SET roles = 'registrar approver privacy_officer auditor' WHERE id LIKE 'm-%' AND roles = 'privacy_officer'",
    );
    let seat = Seat::of(&world.house, &email("privacy_officer"), true, 0).await;
    let (parent, birth) = (fresh_bsn(), born(8, 40));
    let proposed = [("birth", birth.as_str()), ("bsn", ""), ("evidence", "brief 1")];
    let person = world.path("/desk/person/{p}/correct");
    assert_eq!(seat.post(&person, &proposed).await.status, StatusCode::SEE_OTHER, "the good one");
    let correction = world.house.query("SELECT id FROM corrections").concat();
    // Refused for its evidence, whatever else is bent.
    let mut asked = form(&parent, "", &birth);
    for (name, value) in &mut asked {
        if *name == "evidence" {
            *value = "signed_form";
        }
    }
    asked.push(("agrees", "yes"));
    let rows: Vec<Row<'_>> = vec![
        ("/desk/search", vec![("bsn", "1"), ("number", "x")]),
        ("/desk/register", asked),
        ("/desk/person/{id}/correct", vec![("birth", "x"), ("bsn", "1"), ("number", "x"), ("evidence", "")]),
        (
            "/desk/person/{id}/same-person",
            vec![("other", ""), ("birth", "x"), ("known", "1"), ("evidence", "")],
        ),
        ("/desk/person/{id}/block", vec![("other", ""), ("unknown", "yes"), ("reason", "x")]),
        ("/desk/person/{id}/unblock", vec![("representative", "x")]),
        ("/desk/correction/{id}/same-person", vec![("birth", "x"), ("known", "1"), ("other", "x")]),
        ("/desk/correction/{id}/approve", vec![("birth", "x"), ("bsn", "1"), ("number", "x")]),
        ("/desk/correction/{id}/withdraw", vec![]),
        ("/desk/mandate/{id}/approve", vec![("bsn", "1"), ("birth", "1"), ("represented", "x")]),
        ("/desk/mandate/{id}/refuse", vec![("why", "x")]),
        ("/desk/mandate/{id}/attest", vec![("evidence", ""), ("ends", "x")]),
        ("/desk/mandate/{id}/confirm", vec![("basis", "x")]),
        ("/desk/mandate/{id}/end", vec![("basis", "x")]),
        ("/desk/mandate/{id}/revoke", vec![]),
        // Nobody hears that of a child under twelve.
        ("/desk/mandate/{id}/said", vec![("party", "represented"), ("word", "agreed")]),
        ("/desk/mandate/{id}/unblock", vec![]),
        ("/desk/log", vec![("bsn", "1"), ("number", ""), ("person", ""), ("at", ""), ("line", "")]),
        (
            "/desk/staff",
            vec![
                ("email", "x"),
                ("department", ""),
                ("registrar", "yes"),
                ("approver", "yes"),
                ("officer", "yes"),
                ("auditor", "yes"),
            ],
        ),
        ("/desk/staff/{id}/approve", vec![("email", "x")]),
        ("/desk/staff/{id}/end", vec![]),
    ];
    let before = world.kept();
    let path = |door: &str| {
        let door = door.replace("/correction/{id}", &format!("/correction/{correction}"));
        let door = door.replace("/person/{id}", "/person/{p}").replace("/mandate/{id}", "/mandate/{m}");
        world.path(&door.replace("/staff/{id}", "/staff/{s}"))
    };
    for (door, fields) in &rows {
        sweep(&world, &seat, (door, &path(door)), fields).await;
    }
    assert_eq!(world.kept(), before);
    assert_eq!(world.house.query("SELECT COUNT(*) FROM corrections WHERE withdrawn_at IS NULL"), ["1"]);
    no_reason(&seat, &path("/desk/mandate/{id}/block")).await;
    assert_eq!(world.kept(), before);
    for (door, names) in [("/desk", &["error", "again"][..]), ("/desk/staff", &["error"])] {
        assert_swept(TEST, door, names.iter().copied());
        for at in 0..names.len() {
            for bend in BENDS.into_iter().filter(|bend| *bend != Bend::Huge) {
                let pairs: Vec<_> = names.iter().map(|name| (*name, "1")).collect();
                let query = String::from_utf8_lossy(&bent(&pairs, at, bend)).replace('\u{fffd}', "%ff");
                let told = seat.get(&format!("{door}?{query}")).await;
                assert!(!told.status.is_server_error(), "{door} {bend:?}: {}", told.status);
            }
        }
    }
    twins(&world, &seat, &path).await;
    assert_calm(&world.house);
}

/// A reason may say anything on one line: these are refused, and the rest is a reason.
async fn no_reason(seat: &Seat, block: &str) {
    assert_swept(TEST, "/desk/mandate/{id}/block", ["csrf", "reason"]);
    let (forged, wrong) = (StatusCode::FORBIDDEN, StatusCode::UNPROCESSABLE_ENTITY);
    for (token, reason, status) in [
        ("", "x", forged),
        ("x", "x", forged),
        (&seat.csrf, "", wrong),
        (&seat.csrf, "a\nb", wrong),
        (&seat.csrf, &"a".repeat(5000), wrong),
    ] {
        let told = seat.send(block, &[("csrf", token), ("reason", reason)], "").await;
        assert_eq!(told.status, status, "{token} {reason:.9}");
    }
}

/// The same forms with nothing bent, each accepted.
async fn twins(world: &World, seat: &Seat, path: &dyn Fn(&str) -> String) {
    // So many searches get slow.
    crate::authenticator::change(&world.house, "DELETE FROM counters");
    let second = Seat::of(&world.house, &email("approver"), true, 0).await;
    for (seat, door, fields) in [
        (
            seat,
            "/desk/log",
            vec![("bsn", ""), ("number", "K-1001"), ("person", ""), ("at", ""), ("line", "")],
        ),
        (seat, "/desk/correction/{id}/withdraw", vec![]),
        (&second, "/desk/staff/{id}/approve", vec![("email", "els@ziekenhuis.nl")]),
        (seat, "/desk/staff/{id}/end", vec![]),
        (seat, "/desk/mandate/{id}/said", vec![("party", "represented"), ("word", "withdrawn")]),
        (seat, "/desk/mandate/{id}/block", vec![("reason", "é🦀")]),
        (seat, "/desk/mandate/{id}/revoke", vec![]),
    ] {
        let told = seat.post(&path(door), &fields).await;
        let good =
            told.status == StatusCode::SEE_OTHER || (door == "/desk/log" && told.status == StatusCode::OK);
        assert!(good, "{door}: {} {:?}", told.status, told.text("error"));
    }
}
