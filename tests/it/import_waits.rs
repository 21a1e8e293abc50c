//! What an import proposed: of which department it is, what it waits for, and who takes it back.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{
    admin_mandates::{house, lines, programs},
    authenticator::change,
    desk::{ELS, JOOST, Seat, member},
    house::House,
    import::{Line, done, example, families, import, lines_of, mandates, refused, write},
    import_api::row,
    mandates_desk::{Desk, born, days, fresh_bsn},
};

fn approve(house: &House, file: &str) -> std::process::Output {
    house.run(&["import", "approve", file, "--by", "joost"])
}

/// The imports of which mandates wait, and how many.
fn waiting(house: &House) -> Vec<(String, u64)> {
    let told: Value = serde_json::from_str(&house.ok(&["import", "list", "--json"])).unwrap();
    let of = |one: &Value| (one["import"].as_str().unwrap().to_owned(), one["waiting"].as_u64().unwrap());
    told.as_array().unwrap().iter().map(of).collect()
}

fn withdraw(house: &House, import: &str, by: &str) -> std::process::Output {
    house.run(&["import", "withdraw", &format!("--by={by}"), "--", import])
}

#[tokio::test]
async fn m4_who_approves_an_import_hears_how_many_wait_for_an_agreement_or_a_special_basis() {
    let house = house().await;
    for what in ["persons", "mandates"] {
        done(import(&house, what, &example(&house, &format!("{what}.csv")), &[]));
    }
    let file = example(&house, "mandates.csv");
    let told: Value =
        serde_json::from_str(&done(house.run(&["import", "approve", &file, "--by", "joost", "--json"])))
            .unwrap();
    let standings = json!({ "active": 3, "awaiting_basis": 1, "awaiting_consent": 1 });
    assert_eq!(told, json!({ "approved": 5, "standings": standings, "wrong": 0 }));
    // That is what they are worth.
    let of = |number: &str| {
        let id = house.query(&format!("SELECT id FROM persons WHERE patient_number = '{number}'")).concat();
        Desk::of(&house).standings(&id)
    };
    assert_eq!(
        (of("P-1006"), of("P-1005")),
        (vec!["awaiting_consent".into()], vec!["awaiting_basis".into()])
    );

    // To a program, too: a child of thirteen beside one of eight.
    let (api, second) = programs(&house).await;
    let (bsn, eight, older) = (fresh_bsn(), born(8, 0), born(13, 1));
    let people = json!({"rows": [{"name": "Anna", "birth_date": "1985", "bsn": bsn},
        {"name": "Sam", "birth_date": eight, "patient_number": "Z-1"},
        {"name": "Kim", "birth_date": older, "patient_number": "Z-2"}]});
    assert_eq!(api.post("/imports/persons", &people).await.0, 200);
    let rows = json!({"rows": [row(&bsn, "Z-1", &eight), row(&bsn, "Z-2", &older)]});
    assert_eq!(api.post("/imports/mandates", &rows).await.0, 200);
    let (status, told) = second.post("/imports/mandates/approve", &rows).await;
    let standings = json!({ "active": 1, "awaiting_consent": 1 });
    assert_eq!((status, &told["approved"], &told["standings"]), (200, &json!(2), &standings), "{told}");
}

/// A large department: whoever reads the list must not take it for all.
#[tokio::test]
async fn a_forecast_that_is_cut_says_so_and_what_ends_before_the_birthday_is_not_in_it() {
    let house = house().await;
    member(&house, ELS, "registrar").await;
    let (bsns, soon) = ([fresh_bsn(), fresh_bsn()], born(12, -30));
    let mut people = "patient_number;bsn;name;birth_date\n".to_owned();
    for (at, bsn) in bsns.iter().enumerate() {
        writeln!(people, "V-{at};{bsn};Anna;1985").unwrap();
    }
    let mut lines = Vec::new();
    for child in 0..202 {
        writeln!(people, "K-{child};;Sam {child};{soon}").unwrap();
        let line = Line::parent(&bsns[child % 2], &format!("K-{child}"), &soon);
        // The last two end before the day.
        lines.push(if child < 200 { line } else { line.with("ends", &days(20)) });
    }
    done(import(&house, "persons", &write(&house, "people.csv", &people), &[]));
    let file = mandates(&house, "mandates.csv", &lines.iter().collect::<Vec<_>>());
    done(import(&house, "mandates", &file, &[]));
    done(approve(&house, &file));
    let els = Seat::of(&house, ELS, true, 0).await;
    let page = els.get("/desk/ahead").await;
    assert!(page.text("other-200").is_some() && page.text("other-201").is_none(), "{}", page.body);
    assert!(!page.body.contains("Sam 200") && !page.body.contains("Sam 201"), "{}", page.body);
    assert_eq!(page.text("cut"), None, "the twin: all of them");
    change(&house, "UPDATE mandates SET ends = NULL");
    let page = els.get("/desk/ahead").await;
    assert!(page.text("other-200").is_some() && page.text("other-201").is_none(), "{}", page.body);
    assert_eq!(page.text("cut").as_deref(), Some("Er zijn er meer: u ziet de eerste 200. Kijk later weer."));
}

#[tokio::test]
async fn what_is_imported_stands_in_the_forecast_of_its_department_or_in_everybodys() {
    let house = house().await;
    for (email, roles) in [(ELS, "registrar"), (JOOST, "approver")] {
        member(&house, email, roles).await;
    }
    change(&house, "UPDATE staff SET department = 'Elders' WHERE roles = 'approver'");
    let (bsn, soon) = (fresh_bsn(), born(12, -30));
    let people = format!(
        "patient_number;bsn;name;birth_date\nV-1;{bsn};Anna;1985\nK-1;;Sam;{soon}\nK-2;;Noor;{soon}\nK-3;;Kim;{soon}\n"
    );
    done(import(&house, "persons", &write(&house, "people.csv", &people), &[]));
    let lines = [
        Line::parent(&bsn, "K-1", &soon).with("department", " Polikliniek "),
        Line::parent(&bsn, "K-2", &soon).with("department", "Elders"),
        Line::parent(&bsn, "K-3", &soon),
    ];
    let bad = [lines[2].clone().with("department", &"x".repeat(61))];
    let told = refused(import(&house, "mandates", &mandates(&house, "bad.csv", &bad.each_ref()), &[]));
    assert!(told.contains("line 2, department: name the department on one line of at most 60"), "{told}");
    let file = mandates(&house, "mandates.csv", &lines.each_ref());
    done(import(&house, "mandates", &file, &[]));
    let (els, joost) = (Seat::of(&house, ELS, true, 0).await, Seat::of(&house, JOOST, true, 0).await);
    // What waits and came of a file stands behind what was asked for at the desk, of whichever department.
    let page = els.get("/desk/ahead").await;
    assert!(page.text("birthday-1").is_none() && page.text("other-1").is_none(), "it waits");
    done(approve(&house, &file));
    for (seat, own) in [(&els, "Sam"), (&joost, "Noor")] {
        let page = seat.get("/desk/ahead").await;
        assert!(page.text("birthday-1").unwrap().contains(own), "{}", page.body);
        assert!(page.text("other-1").unwrap().contains("Kim"), "{}", page.body);
        assert!(page.text("birthday-2").is_none() && page.text("other-2").is_none(), "{}", page.body);
    }
    // A command and a program tell it too.
    let desk = Desk::of(&house);
    let parent = house.query("SELECT id FROM persons WHERE patient_number = 'V-1'").concat();
    let sam = desk.person("Lot", Some(&soon), None);
    let form = crate::mandates_desk::Form::parent(&parent, &sam).with("--department", "Elders");
    desk.registered(&form);
    let (api, _) = programs(&house).await;
    let body = crate::admin_mandates::form(&parent, &sam);
    let body = crate::admin_mandates::with(body, "department", json!("Poli 2"));
    let at = crate::admin_mandates::registered(&api, &body).await;
    assert_eq!(api.get(&at).await.1["department"], "Poli 2");
    let long = crate::admin_mandates::with(body, "department", json!("x".repeat(61)));
    assert_eq!(api.post("/mandates", &long).await.0, 400);
    let departments =
        format!("SELECT department FROM mandates WHERE represented = '{sam}' ORDER BY department");
    assert_eq!(house.query(&departments), ["Elders", "Poli 2"]);
}

#[tokio::test]
async fn m11_an_import_that_waits_is_taken_back_by_anybody_and_may_be_imported_anew() {
    let (house, [one, two], child) = families().await;
    let lines =
        [Line::parent(&one, "K-1", &child), Line::parent(&one, "K-2", &child), Line::grant(&two, "V-1")];
    let file = mandates(&house, "mandates.csv", &lines.each_ref());
    for by in ["els", "joost"] {
        done(import(&house, "mandates", &file, &[]));
        let all = waiting(&house);
        let [(id, 3)] = &all[..] else { panic!("{all:?}") };
        for (import, by) in [("nothing", by), (id, "client:root")] {
            assert!(refused(withdraw(&house, import, by)).starts_with("namens: "), "{import} {by}");
        }
        assert_eq!(
            done(withdraw(&house, id, by)),
            "Withdrawn: 3 mandates will not count. The same lines may be imported anew.\n"
        );
        assert_eq!(waiting(&house), []);
        assert!(
            refused(withdraw(&house, id, by)).contains("no such import of mandates of which anything waits")
        );
        assert!(refused(approve(&house, &file)).contains("or it was withdrawn"));
    }
    assert_eq!(house.count("mandates WHERE approved_at IS NULL AND revoked_at IS NOT NULL"), 6);
    assert_eq!((lines_of(&house, "mandate.revoked"), lines_of(&house, "import.withdrawn")), (6, 2));

    // What was revoked by itself before stays so; what counts is not withdrawn.
    done(import(&house, "mandates", &file, &[]));
    let waits = |number: &str| {
        let of = "SELECT m.id FROM mandates m JOIN persons p ON p.id = m.represented WHERE m.revoked_at IS NULL AND p.patient_number";
        house.query(&format!("{of} = '{number}'")).concat()
    };
    house.ok(&["mandates", "revoke", "--by=els", "--", &waits("K-1")]);
    let sam = house.query("SELECT id FROM persons WHERE patient_number = 'K-2'").concat();
    house.set_birth_date(&sam, &born(9, 0));
    assert!(
        done(approve(&house, &file)).starts_with("Approved: 1 mandates count from now on.\n1 things are not")
    );
    let all = waiting(&house);
    let [(id, 1)] = &all[..] else { panic!("{all:?}") };
    assert_eq!(done(withdraw(&house, id, "joost")).split(' ').nth(1), Some("1"));
    let again = [lines[0].clone(), Line::parent(&one, "K-2", &born(9, 0)), lines[2].clone()];
    let file = mandates(&house, "again.csv", &again.each_ref());
    assert!(
        done(import(&house, "mandates", &file, &[]))
            .starts_with("Imported: 1 of 3 lines were new, 2 on record")
    );
    assert_eq!(done(approve(&house, &file)), "Approved: 1 mandates count from now on.\n");
    house.ok(&["audit", "verify"]);
}

#[tokio::test]
async fn m11_programs_see_what_waits_of_an_import_and_one_takes_it_back() {
    let house = house().await;
    let (api, second) = programs(&house).await;
    let (bsn, birth) = (fresh_bsn(), born(8, 0));
    let people = json!({"rows": [{"name": "Anna", "birth_date": "1985", "bsn": bsn},
        {"name": "Sam", "birth_date": birth, "patient_number": "Z-1"}]});
    assert_eq!(api.post("/imports/persons", &people).await.0, 200);
    let rows = json!({"rows": [row(&bsn, "Z-1", &birth)]});
    let (_, told) = api.post("/imports/mandates", &rows).await;
    let id = told["import"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned();
    let (status, listed) = second.get("/imports").await;
    let expected = json!({"imports": [{"import": id, "imported_by": "client:root", "added": 1, "waiting": 1,
                                       "imported_at": listed["imports"][0]["imported_at"]}]});
    assert_eq!((status, &listed), (200, &expected));
    let at = format!("/imports/{id}/withdraw");
    assert_eq!(second.post("/imports/nothing/withdraw", &json!({})).await.0, 404);
    assert_eq!(second.post(&at, &json!({})).await, (200, json!({ "withdrawn": 1 })));
    assert_eq!(second.post(&at, &json!({})).await.0, 404);
    assert_eq!(api.get("/imports").await, (200, json!({ "imports": [] })));
    assert_eq!(second.post("/imports/mandates/approve", &rows).await.0, 404);
    assert_eq!(lines(&house, "import.withdrawn"), ["import.withdrawn client:second second"]);
    assert_eq!(house.count("mandates WHERE revoked_at IS NOT NULL AND revoked_by = 'client:second'"), 1);
}

/// A hundred that came later keep a long one off the list, and its length stays what it is.
#[tokio::test]
async fn a_long_import_that_is_not_listed_is_withdrawn_only_where_others_may_wait() {
    let (house, [anna, _], child) = families().await;
    let file = mandates(&house, "mandates.csv", &[&Line::parent(&anna, "K-1", &child)]);
    done(import(&house, "mandates", &file, &[]));
    let [(id, 1)] = &waiting(&house)[..] else { panic!("it waits") };
    let copies = |prefix: &str, count: usize, statement: &str| {
        let numbers =
            format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})");
        change(&house, &format!("{numbers} {}", statement.replace("NEW", &format!("'{prefix}' || n.i"))));
    };
    let columns =
        house.query("SELECT group_concat(name, ', ') FROM pragma_table_info('mandates') WHERE name <> 'id'");
    let columns = columns.concat();
    let mandate = house.query("SELECT id FROM mandates").concat();
    let like = format!(
        "INSERT INTO mandates (id, {columns}) SELECT NEW, {columns} FROM n, mandates WHERE id = '{mandate}'"
    );
    copies("long-", 50_000, &like);
    copies(
        "long-",
        50_000,
        &format!("INSERT INTO imported_mandates (mandate, import) SELECT NEW, '{id}' FROM n"),
    );
    copies("later-", 100, &like);
    copies(
        "later-",
        100,
        "INSERT INTO imports (id, what, digest, added, imported_by, imported_at) \
         SELECT NEW, what, digest, 1, imported_by, imported_at + n.i FROM n, imports WHERE what = 'mandates'",
    );
    copies("later-", 100, "INSERT INTO imported_mandates (mandate, import) SELECT NEW, NEW FROM n");
    let listed = waiting(&house);
    assert!(listed.len() == 100 && listed.iter().all(|(listed, _)| listed != id), "it is not among these");
    let told = refused(withdraw(&house, id, "els"));
    assert!(told.contains("more than 50 000 mandates of it wait") && told.contains("--long"), "{told}");
    assert_eq!(house.count("mandates WHERE revoked_at IS NOT NULL"), 0);
    // One that waited thirty days is void, however long: nobody is asked to make others wait for nothing.
    let ages = |days: i64| {
        change(
            &house,
            &format!("UPDATE imports SET imported_at = imported_at - {days} * 86400 WHERE id = '{id}'"),
        );
    };
    ages(31);
    let told = refused(withdraw(&house, id, "els"));
    assert!(!told.contains("--long"), "{told}");
    ages(-31);
    // The twin: as much of it as others do not wait long for, with what was revoked by itself left out.
    change(
        &house,
        "UPDATE mandates SET revoked_at = 1, revoked_by = 'els' WHERE id LIKE 'long-%' AND id NOT LIKE 'long-11%'",
    );
    let left = house.count(&format!(
            "imported_mandates o JOIN mandates m ON m.id = o.mandate WHERE o.import = '{id}' AND m.revoked_at IS NULL"
    ));
    assert!((1_000..50_000).contains(&left), "{left}");
    assert!(done(withdraw(&house, id, "els")).starts_with(&format!("Withdrawn: {left} mandates")));
    // And all of it for who says that others may wait.
    change(&house, "UPDATE mandates SET revoked_at = NULL, revoked_by = NULL WHERE id NOT LIKE 'later-%'");
    for table in ["imports", "imported_mandates"] {
        change(&house, &format!("UPDATE {table} SET withdrawn_at = NULL"));
    }
    assert!(refused(withdraw(&house, id, "els")).contains("--long"));
    let all = house.run(&["import", "withdraw", "--long", "--by", "els", "--", id]);
    assert!(done(all).starts_with("Withdrawn: 50001 mandates"));
    assert_eq!(house.count("mandates WHERE revoked_at IS NULL"), 100, "those of the others");
}
