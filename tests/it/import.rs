//! `namens import`: all of a file or nothing, the same file twice, what is wrong with each line, and who approves.

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Output, Stdio},
};

use crate::{
    admin_mandates::house,
    authenticator::change,
    house::House,
    mandates_desk::{Desk, born, days, fresh_bsn},
};

/// The columns of a mandate.
const COLUMNS: [&str; 18] = [
    "representative_bsn",
    "represented_bsn",
    "represented_patient_number",
    "represented_birth_date",
    "relation",
    "legal_basis",
    "evidence",
    "representative_document",
    "representative_document_valid_until",
    "representative_document_checked",
    "represented_document",
    "represented_document_valid_until",
    "represented_document_checked",
    "form_reference",
    "grantor_agrees",
    "starts",
    "ends",
    "department",
];

/// Where an example stands for this house, in which Kim is thirteen whenever that is.
pub fn example(house: &House, name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/import").join(name);
    write(house, name, &fs::read_to_string(path).unwrap().replace("2013-01-20", &born(13, 1)))
}

pub fn write(house: &House, name: &str, text: &str) -> String {
    let path = house.folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

pub fn import(house: &House, what: &str, file: &str, more: &[&str]) -> Output {
    house.run(&[&["import", what, file, "--by", "els"], more].concat())
}

pub fn done(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a refused command says.
pub fn refused(output: Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

pub fn lines_of(house: &House, event: &str) -> usize {
    house.count(&format!("audit WHERE event = '{event}' AND outcome = 'ok'"))
}

/// So many persons with patient numbers from there on.
pub fn many(from: usize, persons: usize) -> String {
    let mut text = "patient_number,name,birth_date\n".to_owned();
    for number in from..from + persons {
        writeln!(text, "N-{number},Sam nummer {number},2018-05").unwrap();
    }
    text
}

#[tokio::test]
async fn m1_m11_the_examples_are_imported_and_their_mandates_count_once_another_one_approved_the_file() {
    let house = house().await;
    let (persons, mandates) = (example(&house, "persons.csv"), example(&house, "mandates.csv"));
    let told = done(import(&house, "persons", &persons, &["--check"]));
    assert!(told.starts_with("Nothing is wrong: 6 of 6 lines are new."), "{told}");
    assert_eq!((house.count("persons"), lines_of(&house, "person.registered")), (0, 0), "--check");
    let told = refused(import(&house, "mandates", &mandates, &[]));
    assert!(told.contains("line 2, representative_bsn: nobody is registered by this number"), "{told}");

    let told = done(import(&house, "persons", &persons, &[]));
    assert_eq!(told, "Imported: 6 of 6 lines were new, 0 on record already.\n");
    let told = done(import(&house, "persons", &persons, &[]));
    assert_eq!(told, "All 6 lines are on record already. Nothing was changed.\n");
    assert_eq!((house.count("persons"), lines_of(&house, "person.registered")), (6, 6));
    assert_eq!(house.query("SELECT birth FROM persons WHERE patient_number = 'P-1004'"), ["2021-11"]);

    let told = done(import(&house, "mandates", &mandates, &[]));
    assert!(
        told.starts_with("Imported: 5 of 5 lines were new") && told.contains("No mandate counts yet"),
        "{told}"
    );
    let sam = house.query("SELECT id FROM persons WHERE patient_number = 'P-1003'").concat();
    let standings = || Desk::of(&house).standings(&sam);
    assert_eq!(standings(), ["awaiting_approval"; 2]);

    // Nobody approves what they imported, under no spelling of their name, and nobody what they do not hold.
    let approve = |file: &str, by: &str| house.run(&["import", "approve", file, "--by", by]);
    for by in ["els", " ELS "] {
        let told = refused(approve(&mandates, by));
        assert!(told.contains("you imported these yourself"), "{told}");
    }
    let text = fs::read_to_string(&mandates).unwrap();
    for (name, other) in [
        ("fewer.csv", text.lines().take(3).collect::<Vec<_>>().join("\n")),
        ("other.csv", text.replace("2019-0418", "2019-0419")),
    ] {
        let told = refused(approve(&write(&house, name, &other), "joost"));
        assert!(told.contains("no import of mandates holds exactly these lines"), "{told}");
    }
    assert_eq!((standings(), lines_of(&house, "mandate.approved")), (vec!["awaiting_approval".into(); 2], 0));
    // The same lines as another spreadsheet writes them are the same.
    let copy = write(&house, "copy.csv", &format!("\u{feff}{}", text.replace('\n', "\r\n")));
    let told = "Approved: 3 mandates count from now on.\n\
                Approved, and not counting yet: 1: they need a special basis first (`namens mandates special attest`).\n\
                Approved, and not counting yet: 1: who is 12 to 15 and who acts for them must agree first (`namens mandates consent`).\n";
    assert_eq!(done(approve(&copy, "joost")), told);
    assert_eq!((standings(), lines_of(&house, "mandate.approved")), (vec!["active".into(); 2], 5));
    assert!(refused(approve(&mandates, "joost")).contains("approved before"));

    // What was revoked is on record: no import brings it back, and none approves it.
    let first = house.query("SELECT id FROM mandates WHERE form_reference = '2019-0417'").concat();
    house.ok(&["mandates", "revoke", &format!("--by={}", "joost"), "--", &first]);
    let told = done(import(&house, "mandates", &mandates, &[]));
    assert_eq!(told, "All 5 lines are on record already. Nothing was changed.\n");
    assert_eq!(standings(), ["active", "revoked"]);
    let outcomes =
        house.query("SELECT event || ' ' || outcome FROM audit WHERE event LIKE 'import.%' ORDER BY seq");
    let expected = "import.done checked,import.done refused,import.done ok,import.done known,import.done ok,\
                    import.approved refused,import.approved refused,import.approved refused,import.approved refused,\
                    import.approved ok,import.done known";
    assert_eq!(outcomes.join(","), expected);
    house.ok(&["audit", "verify"]);
}

#[tokio::test]
async fn each_wrong_person_is_named_by_its_line_and_its_twin_is_imported() {
    let house = house().await;
    let desk = Desk::of(&house);
    let (known, bare, third) = (fresh_bsn(), fresh_bsn(), fresh_bsn());
    let (other, new) = (fresh_bsn(), fresh_bsn());
    desk.person("Anna", Some("1985-03-01"), Some(&known));
    desk.person("Bram", None, Some(&bare));
    desk.person("Carla", None, Some(&third));
    let head = "patient_number;bsn;name;birth_date";
    let wrong = [
        ("A-1;123456789;Sam;2018", "bsn: this number fails the elfproef"),
        ("A-2;;Sam;2099-01-01", "birth_date: this date of birth lies in the future"),
        ("A-3;;Sam;2018-02-30", "birth_date: this day does not exist"),
        ("A-4;;;2018", "name: fill this in"),
        (";;Sam;2018", "give a BSN or a patient number"),
        ("A-6;;Sam", "this line has 3 cells and the first line 4"),
        (&format!(";{known};Anna;1985-03-02"), "birth_date: this is not what is recorded of this person"),
        (&format!(";{bare};Bram;1984"), ""),
        (&format!("A-9;{third};Carla;"), "patient_number: this is not what is recorded of this person"),
        (&format!("A-10;{new};Sam;2018"), ""),
        (&format!("A-11;{new};Sam;2018"), "line 11 tells of the same"),
        ("a-10;;Sam;2018", "line 11 tells of the same"),
        (&format!(";{other};Sam;2018"), ""),
    ];
    let text = wrong.iter().fold(head.to_owned(), |text, (line, _)| format!("{text}\n{line}"));
    let (file, report) = (write(&house, "wrong.csv", &text), house.folder.join("report"));
    let before = house.count("persons");
    let told = refused(import(&house, "persons", &file, &["--report", report.to_str().unwrap()]));
    assert!(told.contains("nothing was imported: 10 things are wrong in 13 lines"), "{told}");
    let found: Vec<_> = wrong
        .iter()
        .enumerate()
        .filter(|(_, (_, why))| !why.is_empty())
        .map(|(at, (_, why))| (format!("line {}", at + 2), *why))
        .collect();
    let written = fs::read_to_string(&report).unwrap();
    // The file is looked at in chunks: what cannot be read comes before what is not on record.
    for (line, why) in &found {
        let here: Vec<_> = written
            .lines()
            .filter(|one| one.starts_with(&format!("{line}:")) || one.starts_with(&format!("{line},")))
            .collect();
        assert!(here.len() == 1 && here[0].contains(why), "{line} {why}: {here:?}\n{written}");
    }
    assert_eq!(written.lines().count(), found.len(), "{written}");
    assert_eq!(fs::metadata(&report).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(house.count("persons"), before);
    // A report is never written over.
    let again = refused(import(&house, "persons", &file, &["--report", report.to_str().unwrap()]));
    assert!(again.contains("cannot write the report"), "{again}");
    // No number of anybody stands on the screen, in the report, in the log, or anywhere beside the database.
    let mut looked_at = vec![told, written, house.log()];
    for name in ["namens.db", "namens.db-wal"] {
        looked_at.push(String::from_utf8_lossy(&fs::read(house.folder.join(name)).unwrap()).into_owned());
    }
    for bsn in [&known, &bare, &third, &other, &new, "123456789"] {
        assert!(!looked_at.iter().any(|text| text.contains(bsn)), "{bsn}");
    }

    // The twins: each line with that one thing put right.
    let right = format!(
        "{head}\nA-1;111222333;Sam;2018\nA-2;;Sam;2018-01-01\nA-3;;Sam;2018-02-28\nA-4;;Sam;2018\nA-5;;Sam;2018\n\
         A-6;;Sam;\n;{known};Anna;1985-03-01\n;{bare};Bram;\n;{third};Carla;\nA-10;{new};Sam;2018\nA-11;;Noor;2018\n\
         ;{other};Sam;2018\n"
    );
    let told = done(import(&house, "persons", &write(&house, "right.csv", &right), &[]));
    assert_eq!(told, "Imported: 9 of 12 lines were new, 3 on record already.\n");
    assert_eq!(house.count("persons"), before + 9);
    house.ok(&["audit", "verify"]);
}

/// A line of a mandate, as the columns have it.
#[derive(Clone)]
pub struct Line(Vec<(&'static str, String)>);

impl Line {
    pub fn parent(bsn: &str, number: &str, birth: &str) -> Self {
        let valid = days(400);
        let cells = [
            ("representative_bsn", bsn),
            ("represented_patient_number", number),
            ("represented_birth_date", birth),
            ("relation", "parent"),
            ("legal_basis", "art. 1:247 BW"),
            ("evidence", "parental_authority"),
            ("representative_document", "passport"),
            ("representative_document_valid_until", &valid),
            ("representative_document_checked", "yes"),
            ("represented_document", "identity_card"),
            ("represented_document_valid_until", &valid),
            ("represented_document_checked", "yes"),
            ("form_reference", "2026-0001"),
        ];
        Self(cells.map(|(name, text)| (name, text.to_owned())).to_vec())
    }

    pub fn with(mut self, name: &'static str, text: &str) -> Self {
        assert!(COLUMNS.contains(&name));
        self.0.retain(|(one, _)| *one != name);
        self.0.push((name, text.to_owned()));
        self
    }

    pub fn curator(bsn: &str, number: &str) -> Self {
        Self::parent(bsn, number, "1985").with("relation", "curator").with("evidence", "court_order")
    }

    pub fn grant(bsn: &str, number: &str) -> Self {
        let grant =
            Self::parent(bsn, number, "1985").with("relation", "authorised").with("evidence", "signed_form");
        grant.with("grantor_agrees", "yes").with("ends", &days(300))
    }

    fn text(&self) -> String {
        let cell = |name: &&str| self.0.iter().find(|(one, _)| one == name).map_or("", |(_, text)| text);
        COLUMNS.iter().map(cell).collect::<Vec<_>>().join(";")
    }
}

pub fn mandates(house: &House, name: &str, lines: &[&Line]) -> String {
    let lines: Vec<_> = lines.iter().map(|one| one.text()).collect();
    write(house, name, &format!("{}\n{}\n", COLUMNS.join(";"), lines.join("\n")))
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table, with its twins")]
async fn m1_m3_m5_m6_each_wrong_mandate_is_named_by_its_line_and_its_twin_is_imported() {
    let house = house().await;
    let adults: Vec<_> = (0..5).map(|_| fresh_bsn()).collect();
    let (child, young) = (born(8, 0), born(16, 0));
    let mut people = "patient_number;bsn;name;birth_date\n".to_owned();
    for (at, bsn) in adults.iter().enumerate() {
        writeln!(people, "V-{at};{bsn};Volwassene {at};1985").unwrap();
    }
    write!(people, "K-1;;Sam;{child}\nK-2;;Noor;{child}\nK-3;;Bram;{young}\nK-4;;Daan;\n").unwrap();
    done(import(&house, "persons", &write(&house, "people.csv", &people), &[]));
    let [one, two, three, four, last] = [0, 1, 2, 3, 4].map(|at: usize| adults[at].as_str());
    // Two that are there already: a parent's, and a curator's.
    let there = [&Line::parent(one, "K-2", &child), &Line::curator(four, "V-4")];
    done(import(&house, "mandates", &mandates(&house, "there.csv", &there), &[]));

    let parent = || Line::parent(one, "K-1", &child);
    let stranger = fresh_bsn();
    let wrong = [
        (
            parent()
                .with("represented_patient_number", "")
                .with("represented_bsn", one)
                .with("represented_birth_date", "1985"),
            "are the same person",
        ),
        (parent().with("representative_bsn", &stranger), "representative_bsn: nobody is registered"),
        (parent().with("represented_patient_number", "K-9"), "represented_bsn: nobody is registered"),
        (
            parent().with("represented_birth_date", "2018-01-01"),
            "represented_birth_date: this is not what is recorded",
        ),
        (Line::parent(one, "K-4", &child), ""),
        (parent().with("represented_birth_date", ""), "represented_birth_date: fill this in"),
        (
            Line::parent(two, "K-1", &child).with("represented_document_checked", "no"),
            "check the identity document",
        ),
        (
            Line::parent(three, "K-1", &child).with("representative_document_valid_until", &days(-1)),
            "has expired",
        ),
        (Line::parent(four, "K-1", &child).with("evidence", ""), "evidence: fill this in"),
        (
            Line::parent(four, "K-1", &child).with("evidence", "signed_form"),
            "does not prove the authority of a parent",
        ),
        (Line::parent(one, "K-3", &young), "16 or older"),
        (
            Line::parent(last, "K-1", &child).with("relation", "mentor").with("evidence", "court_order"),
            "must be 18 or older",
        ),
        (Line::grant(one, "V-1").with("grantor_agrees", "no"), "must agree"),
        (Line::grant(one, "V-2").with("ends", &days(368)), "the end is too far away"),
        (Line::grant(one, "V-3").with("ends", ""), "needs an end"),
        (parent(), ""),
        (parent().with("form_reference", "2026-0002"), "line 17 tells of the same"),
        (Line::parent(one, "K-2", &child).with("legal_basis", "art. 1:253 BW"), "with other particulars"),
        (Line::parent(one, "K-2", &child).with("relation", "guardian").with("evidence", "court_order"), ""),
        (Line::curator(one, "V-1"), ""),
        (Line::curator(two, "V-2"), ""),
        (Line::curator(three, "V-0"), "closes a circle"),
        (Line::curator(last, "V-3"), "closes a circle"),
        (
            Line::curator(four, "V-4").with("form_reference", "2026-0002"),
            "has such a mandate for the other already",
        ),
    ];
    let all: Vec<_> = wrong.iter().map(|(line, _)| line).collect();
    let (file, before) = (mandates(&house, "wrong.csv", &all), house.count("mandates"));
    let report = house.folder.join("report");
    let told = refused(import(&house, "mandates", &file, &["--report", report.to_str().unwrap()]));
    let written = fs::read_to_string(report).unwrap();
    for (at, (_, why)) in wrong.iter().enumerate() {
        let line = format!("line {}", at + 2);
        let is_of = |one: &&str| one.strip_prefix(&line).is_some_and(|rest| rest.starts_with([',', ':']));
        let here: Vec<_> = written.lines().filter(is_of).collect();
        assert!(
            if why.is_empty() { here.is_empty() } else { here.len() == 1 && here[0].contains(why) },
            "{line} {why}: {here:?}"
        );
    }
    assert_eq!(house.count("mandates"), before, "{told}");
    for bsn in adults.iter().chain([&stranger]) {
        assert!(!told.contains(bsn.as_str()) && !written.contains(bsn.as_str()), "{told}");
    }

    // The twins. Two adults may grant each other access, and a curator be granted some.
    let right = [
        parent(),
        Line::parent(two, "K-1", &child),
        Line::grant(one, "V-1"),
        Line::grant(two, "V-0"),
        Line::grant(last, "V-3").with("ends", &days(366)),
        Line::curator(one, "V-1"),
        Line::curator(two, "V-2"),
        Line::curator(one, "V-2"),
        Line::parent(one, "K-2", &child),
    ];
    let all: Vec<_> = right.iter().collect();
    let file = mandates(&house, "right.csv", &all);
    let told = done(import(&house, "mandates", &file, &[]));
    assert!(told.starts_with("Imported: 8 of 9 lines were new, 1 on record already."), "{told}");

    assert_eq!(
        done(house.run(&["import", "approve", &file, "--by", "joost"])),
        "Approved: 5 mandates count from now on.\n\
         Approved, and not counting yet: 3: they need a special basis first (`namens mandates special attest`).\n"
    );
    house.ok(&["audit", "verify"]);
}

/// Two adults with BSNs, V-1 and V-2, and two children of eight, K-1 and K-2.
pub async fn families() -> (House, [String; 2], String) {
    let (house, bsns, child) = (house().await, [fresh_bsn(), fresh_bsn()], born(8, 0));
    let [one, two] = &bsns;
    let people = format!(
        "patient_number;bsn;name;birth_date\nV-1;{one};Anna;1985\nV-2;{two};Bram;1985\nK-1;;Sam;{child}\nK-2;;Noor;{child}\n"
    );
    done(import(&house, "persons", &write(&house, "people.csv", &people), &[]));
    (house, bsns, child)
}

#[tokio::test]
async fn m11_what_was_corrected_since_the_import_waits_and_the_rest_of_the_file_is_approved() {
    let (house, [one, two], child) = families().await;
    let lines =
        [Line::parent(&one, "K-1", &child), Line::parent(&one, "K-2", &child), Line::grant(&two, "V-1")];
    let file = mandates(&house, "mandates.csv", &lines.each_ref());
    done(import(&house, "mandates", &file, &[]));
    let person = |number: &str| {
        house.query(&format!("SELECT id FROM persons WHERE patient_number = '{number}'")).concat()
    };
    // Nothing of the file is on record any more: nothing is approved.
    let all = ["K-1", "K-2", "V-1"].map(person);
    for (one, date) in all.iter().zip([born(9, 0), born(9, 0), "1984".to_owned()]) {
        house.set_birth_date(one, &date);
    }
    let approve = |more: &[&str]| house.run(&[&["import", "approve", &file, "--by", "joost"], more].concat());
    let told = refused(approve(&[]));
    assert!(told.contains("is not on record of their people any more"), "{told}");
    assert_eq!(house.count("audit WHERE event = 'import.approved' AND outcome = 'refused'"), 1);
    let [_, noor, anna] = &all;
    house.set_birth_date(noor, &child);
    house.set_birth_date(anna, "1985");
    // Of one of them it is not.
    let report = house.folder.join("report");
    let told = done(approve(&["--report", report.to_str().unwrap()]));
    assert!(
        told.starts_with("Approved: 2 mandates count from now on.\n1 things are not as on record"),
        "{told}"
    );
    let written = fs::read_to_string(report).unwrap();
    assert_eq!(written.lines().count(), 1, "{written}");
    assert!(written.starts_with("line 2, represented_birth_date: "), "{written}");
    assert_eq!(lines_of(&house, "mandate.approved"), 2);
    let waits = "SELECT p.patient_number FROM mandates m JOIN persons p ON p.id = m.represented WHERE m.approved_at IS NULL";
    assert_eq!(house.query(waits), ["K-1"]);
    // What waits of it is approved by the same file in one go, once it is on record as the file has it.
    assert!(refused(approve(&[])).contains("is not on record of their people any more"));
    house.set_birth_date(&all[0], &child);
    assert_eq!(done(approve(&[])), "Approved: 1 mandates count from now on.\n");
    assert!(refused(approve(&[])).contains("approved before"));
    house.ok(&["audit", "verify"]);
}

#[tokio::test]
async fn m11_what_was_stopped_while_it_waited_is_not_brought_back_by_the_same_file_a_month_later() {
    let (house, [one, two], child) = families().await;
    let lines =
        [Line::parent(&one, "K-1", &child), Line::parent(&one, "K-2", &child), Line::grant(&two, "V-1")];
    let file = mandates(&house, "mandates.csv", &lines.each_ref());
    done(import(&house, "mandates", &file, &[]));
    let [first, lapsed, _]: [String; 3] =
        house.query("SELECT id FROM mandates ORDER BY id").try_into().unwrap();
    house.ok(&["mandates", "revoke", "--by=joost", "--", &first]);
    let told = done(house.run(&["import", "approve", &file, "--by", "joost"]));
    assert_eq!(told, "Approved: 2 mandates count from now on.\n", "nobody approves what was stopped");
    for statement in [
        format!(
            "UPDATE mandates SET approved_at = NULL, approved_by = NULL, lapsed_at = registered_at WHERE id = '{lapsed}'"
        ),
        "UPDATE mandates SET registered_at = registered_at - 2678400, starts = starts - 2678400".to_owned(),
        "UPDATE imports SET imported_at = imported_at - 2678400".to_owned(),
    ] {
        change(&house, &statement);
    }
    let told = done(import(&house, "mandates", &file, &[]));
    assert_eq!(told, "All 3 lines are on record already. Nothing was changed.\n");
    assert_eq!(house.count("mandates"), 3);
    // The twin: what nobody stopped, and nobody approved in time, is registered anew.
    change(&house, &format!("UPDATE mandates SET lapsed_at = NULL WHERE id = '{lapsed}'"));
    let told = done(import(&house, "mandates", &file, &[]));
    assert!(told.starts_with("Imported: 1 of 3 lines were new, 2 on record already."), "{told}");
}

#[tokio::test]
async fn m3_a_child_who_grew_up_becomes_the_curator_of_who_was_their_parent() {
    let (house, [one, two], child) = families().await;
    let young = Line::parent(&one, "V-2", &child);
    let bram = house.query("SELECT id FROM persons WHERE patient_number = 'V-2'").concat();
    house.set_birth_date(&bram, &child);
    done(import(&house, "mandates", &mandates(&house, "young.csv", &[&young]), &[]));
    let curator = Line::curator(&two, "V-1");
    let file = mandates(&house, "curator.csv", &[&curator]);
    // A child of eight has no authority, but that is not what the circle is about.
    let told = refused(import(&house, "mandates", &file, &[]));
    assert!(told.contains("closes a circle"), "{told}");
    house.set_birth_date(&bram, "1985");
    // In one file, as the other system holds both.
    let both = [young.with("represented_birth_date", "1985"), curator];
    let told = done(import(&house, "mandates", &mandates(&house, "both.csv", &both.each_ref()), &[]));
    assert!(told.starts_with("Imported: 1 of 2 lines were new, 1 on record already."), "{told}");
}

#[tokio::test]
async fn more_than_others_would_wait_for_is_not_written_unless_that_is_said() {
    let house = house().await;
    let file = write(&house, "persons.csv", &many(0, 50_001));
    let told = refused(import(&house, "persons", &file, &[]));
    assert!(told.contains("50001 lines are new") && told.contains("--long"), "{told}");
    assert_eq!(house.count("persons"), 0);
    // That it would be refused is no finding; and there is nothing wrong with it.
    let told = done(import(&house, "persons", &file, &["--check"]));
    assert!(told.starts_with("Nothing is wrong: 50001 of 50001 lines are new."), "{told}");
    let told = done(import(&house, "persons", &write(&house, "few.csv", &many(0, 3)), &["--long"]));
    assert!(told.starts_with("Imported: 3 of 3"), "{told}");
}

pub fn start(house: &House, arguments: &[&str]) -> std::process::Child {
    house.program(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[tokio::test]
async fn of_two_imports_at_once_one_imports_and_of_two_approvers_one_approves() {
    let house = house().await;
    let file = write(&house, "persons.csv", &many(0, 600));
    let both = [(); 3].map(|()| start(&house, &["import", "persons", &file, "--by", "els"]));
    let told = both.map(|one| done(one.wait_with_output().unwrap()));
    assert_eq!(told.iter().filter(|one| one.starts_with("Imported: 600 of 600")).count(), 1, "{told:?}");
    assert_eq!(
        told.iter().filter(|one| one.starts_with("All 600 lines are on record")).count(),
        2,
        "{told:?}"
    );
    assert_eq!((house.count("persons"), lines_of(&house, "person.registered")), (600, 600));

    done(import(&house, "persons", &example(&house, "persons.csv"), &[]));
    let mandates = example(&house, "mandates.csv");
    let both = ["els", "kees"].map(|by| start(&house, &["import", "mandates", &mandates, "--by", by]));
    let told = both.map(|one| done(one.wait_with_output().unwrap()));
    assert_eq!(told.iter().filter(|one| one.starts_with("Imported: 5 of 5")).count(), 1, "{told:?}");
    assert_eq!(lines_of(&house, "mandate.registered"), 5);
    let three =
        ["joost", "anja", "piet"].map(|by| start(&house, &["import", "approve", &mandates, "--by", by]));
    let approved = three.map(|one| one.wait_with_output().unwrap().status.success());
    assert_eq!(approved.iter().filter(|one| **one).count(), 1, "{approved:?}");
    assert_eq!(lines_of(&house, "mandate.approved"), 5);
    house.ok(&["audit", "verify"]);
}

#[test]
fn the_examples_name_every_column_that_is_needed() {
    let head = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/import").join(name);
        let text = fs::read_to_string(path).unwrap();
        text.lines().next().unwrap().split(';').map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(head("persons.csv"), ["patient_number", "bsn", "name", "birth_date"]);
    assert!(head("mandates.csv").iter().all(|column| COLUMNS.contains(&column.as_str())));
    let told = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/import.md")).unwrap();
    for column in COLUMNS.iter().chain(&["patient_number", "bsn", "name", "birth_date"]) {
        assert!(told.contains(&format!("| `{column}` |")), "docs/import.md lacks {column}");
    }
}
