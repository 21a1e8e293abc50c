//! What an import leaves as it is: the numbers of who is known, and who else waits.

use std::fmt::Write as _;

use crate::{
    admin_mandates::house,
    authenticator::change,
    house::House,
    import::{Line, done, families, import, mandates, refused, write},
    mandates_desk::{born, fresh_bsn},
};

/// Every person, with what they are found by.
fn people(house: &House) -> Vec<String> {
    let each = "SELECT id || name || COALESCE(birth, '') || COALESCE(patient_number, '') || hex(COALESCE(bsn_index, '')) || COALESCE(joined_into, '')";
    house.query(&format!("{each} FROM persons ORDER BY id"))
}

/// Whoever holds a file would make themselves the owner of a record by it: that takes two (M11).
#[tokio::test]
async fn m11_no_import_gives_anybody_another_bsn_nor_makes_two_people_one() {
    let (house, [anna, bram], child) = families().await;
    let other = fresh_bsn();
    let before = people(&house);
    let one = |text: &str| {
        let text = format!("patient_number;bsn;name;birth_date\n{text}\n");
        import(&house, "persons", &write(&house, "one.csv", &text), &[])
    };
    for (line, why) in [
        (format!("V-1;{other};Anna;1985"), "line 2, bsn: this is not what is recorded of this person"),
        (format!("K-1;{other};Sam;{child}"), "line 2, bsn: this is not what is recorded of this person"),
        (
            format!("V-1;{bram};Anna;1985"),
            "line 2, patient_number: the BSN and the patient number are two people's",
        ),
    ] {
        let told = refused(one(&line));
        assert!(told.contains(why), "{why}: {told}");
        assert_eq!(people(&house), before, "{why}");
    }
    let twin = done(one(&format!("V-1;{anna};Anna;1985")));
    assert_eq!(twin, "All 1 lines are on record already. Nothing was changed.\n");

    let parent = || Line::parent(&anna, "K-1", &child);
    for (bsn, why) in [
        (&other, "line 2, represented_bsn: this is not what is recorded of this person"),
        (&bram, "line 2, represented_patient_number: the BSN and the patient number are two people's"),
    ] {
        let file = mandates(&house, "wrong.csv", &[&parent().with("represented_bsn", bsn)]);
        let told = refused(import(&house, "mandates", &file, &[]));
        assert!(told.contains(why), "{why}: {told}");
    }
    assert_eq!((people(&house), house.count("mandates")), (before, 0));
    let told = done(import(&house, "mandates", &mandates(&house, "right.csv", &[&parent()]), &[]));
    assert!(told.starts_with("Imported: 1 of 1 lines were new"), "{told}");
}

/// Written it would be for minutes. So its first adult has one child too many, which nobody knows before it is written.
#[tokio::test]
async fn more_than_others_would_wait_for_is_written_where_that_is_said() {
    const CHILDREN: usize = 201;
    const LINES: usize = 50_001;
    let house = house().await;
    let (birth, adults) = (born(8, 0), LINES.div_ceil(CHILDREN));
    let bsns: Vec<_> = (0..adults).map(|_| fresh_bsn()).collect();
    let mut text = "patient_number;bsn;name;birth_date\n".to_owned();
    for bsn in &bsns {
        writeln!(text, ";{bsn};Anna;1985").unwrap();
    }
    for child in 0..CHILDREN {
        writeln!(text, "K-{child};;Sam;{birth}").unwrap();
    }
    done(import(&house, "persons", &write(&house, "persons.csv", &text), &[]));
    let pairs = bsns.iter().flat_map(|bsn| (0..CHILDREN).map(move |child| (bsn, child)));
    let lines: Vec<_> =
        pairs.take(LINES).map(|(bsn, child)| Line::parent(bsn, &format!("K-{child}"), &birth)).collect();
    let file = mandates(&house, "mandates.csv", &lines.iter().collect::<Vec<_>>());
    // Its twin without the word is refused before anything is written.
    let told = refused(import(&house, "mandates", &file, &[]));
    assert!(told.contains("50001 lines are new") && !told.contains("line 202"), "{told}");
    let told = refused(import(&house, "mandates", &file, &["--long"]));
    assert!(told.contains("line 202: one of these two has 200 mandates already"), "{told}");
    assert_eq!(house.count("mandates"), 0);
}

/// By a form that is on record already nothing is registered, but it counts among those of the file.
#[tokio::test]
async fn m6_a_circle_by_way_of_a_mandate_on_record_is_closed_by_no_file() {
    let (house, [anna, bram], _) = families().await;
    let carla = fresh_bsn();
    let text = format!("patient_number;bsn;name;birth_date\nV-3;{carla};Carla;1985\n");
    done(import(&house, "persons", &write(&house, "carla.csv", &text), &[]));
    let [first, second, third] =
        [Line::curator(&anna, "V-2"), Line::curator(&bram, "V-3"), Line::curator(&carla, "V-1")];
    let on_record = mandates(&house, "first.csv", &[&first]);
    done(import(&house, "mandates", &on_record, &[]));
    let told =
        refused(import(&house, "mandates", &mandates(&house, "all.csv", &[&first, &second, &third]), &[]));
    assert!(told.contains("line 4: ") && told.contains("closes a circle"), "{told}");
    assert_eq!(house.count("mandates"), 1);
    // The twin: what was revoked closes none.
    let id = house.query("SELECT id FROM mandates").concat();
    house.ok(&["mandates", "revoke", "--by=joost", "--", &id]);
    let told =
        done(import(&house, "mandates", &mandates(&house, "all.csv", &[&first, &second, &third]), &[]));
    assert!(told.starts_with("Imported: 2 of 3 lines were new, 1 on record already."), "{told}");
}

#[tokio::test]
async fn m11_an_import_that_waited_for_a_month_is_approved_no_more_and_is_imported_anew() {
    let (house, [anna, _], child) = families().await;
    let file = mandates(&house, "mandates.csv", &[&Line::parent(&anna, "K-1", &child)]);
    done(import(&house, "mandates", &file, &[]));
    for statement in [
        "UPDATE mandates SET registered_at = registered_at - 2678400, starts = starts - 2678400",
        "UPDATE imports SET imported_at = imported_at - 2678400",
    ] {
        change(&house, statement);
    }
    let approve = || house.run(&["import", "approve", &file, "--by", "joost"]);
    let told = refused(approve());
    assert!(told.contains("or waited for thirty days"), "{told}");
    assert_eq!(house.count("mandates WHERE approved_at IS NOT NULL"), 0);
    // The twin: of today.
    assert!(done(import(&house, "mandates", &file, &[])).starts_with("Imported: 1 of 1 lines were new"));
    assert_eq!(done(approve()), "Approved: 1 mandates count from now on.\n");
    assert_eq!(house.count("mandates WHERE approved_at IS NOT NULL"), 1);
}
