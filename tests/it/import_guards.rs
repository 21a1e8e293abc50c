//! What an import or its approval must not touch: what is another's, what is over, what was changed between two looks, and what goes the
//! other way round (docs/adr/0046).

use std::fs;

use namens::{
    clock::Clock,
    domain::{
        fault::Fault,
        import::{Digest, Finding, Row, What},
        secret::Secret,
    },
    flows::import::{self as flow, Ended, Import, Listener, Rows},
    store::{Db, Store, Vault},
};

use crate::{
    authenticator::change,
    house::House,
    import::{Line, done, families, import, mandates, refused, write},
    mandates_desk::born,
};

fn approve(house: &House, file: &str) -> std::process::Output {
    house.run(&["import", "approve", file, "--by", "joost"])
}

/// The id of the mandate for who has this number.
fn of(house: &House, number: &str) -> String {
    let of = "SELECT m.id FROM mandates m JOIN persons p ON p.id = m.represented WHERE p.patient_number";
    house.query(&format!("{of} = '{number}'")).concat()
}

/// For whom a mandate counts by now.
fn approved(house: &House) -> Vec<String> {
    house.query(
        "SELECT p.patient_number FROM mandates m JOIN persons p ON p.id = m.represented \
         WHERE m.approved_at IS NOT NULL ORDER BY p.patient_number",
    )
}

/// Anna for K-1 and K-2, imported by els.
async fn imported() -> (House, String) {
    let (house, [anna, _], child) = families().await;
    let lines = [Line::parent(&anna, "K-1", &child), Line::parent(&anna, "K-2", &child)];
    let file = mandates(&house, "mandates.csv", &lines.each_ref());
    done(import(&house, "mandates", &file, &[]));
    (house, file)
}

#[tokio::test]
async fn m11_a_line_whose_mandate_is_of_other_people_by_now_is_told_and_approves_nothing() {
    let (house, file) = imported().await;
    let moved = of(&house, "K-1");
    let to = |number: &str| {
        let of = format!("SELECT id FROM persons WHERE patient_number = '{number}'");
        change(&house, &format!("UPDATE mandates SET representative = ({of}) WHERE id = '{moved}'"));
    };
    to("V-2");
    let output = approve(&house, &file);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        done(output).starts_with("Approved: 1 mandates count from now on.\n1 things are not as on record")
    );
    assert!(
        told.contains("line 2: the mandate that was imported of this line is none of these two"),
        "{told}"
    );
    assert_eq!(approved(&house), ["K-2"]);
    // The twin: it is theirs again.
    to("V-1");
    assert_eq!(done(approve(&house, &file)), "Approved: 1 mandates count from now on.\n");
    assert_eq!(approved(&house), ["K-1", "K-2"]);
}

#[tokio::test]
async fn m11_who_approves_an_import_approves_nothing_that_came_from_elsewhere() {
    let (house, file) = imported().await;
    // As if the desk had registered it, between the same people and by the same form.
    let desks = of(&house, "K-1");
    change(&house, &format!("DELETE FROM imported_mandates WHERE mandate = '{desks}'"));
    assert_eq!(done(approve(&house, &file)), "Approved: 1 mandates count from now on.\n");
    assert_eq!(approved(&house), ["K-2"], "the twin beside it");
    assert!(refused(approve(&house, &file)).contains("approved before"));
    assert_eq!(approved(&house), ["K-2"]);
}

#[tokio::test]
async fn m5_m11_what_lapsed_while_it_waited_is_not_approved_and_waits_no_more() {
    let (house, file) = imported().await;
    let sam = house.query("SELECT id FROM persons WHERE patient_number = 'K-1'").concat();
    // By a date that was wrong the child was sixteen.
    for age in [16, 8] {
        house.set_birth_date(&sam, &born(age, 0));
    }
    assert_eq!(house.count("mandates WHERE lapsed_at IS NOT NULL"), 1);
    let waiting = |house: &House| house.ok(&["import", "list", "--json"]);
    assert!(waiting(&house).contains("\"waiting\": 1"), "{}", waiting(&house));
    assert_eq!(done(approve(&house, &file)), "Approved: 1 mandates count from now on.\n");
    assert_eq!(approved(&house), ["K-2"], "the twin beside it");
    assert!(refused(approve(&house, &file)).contains("approved before"));
    assert_eq!(waiting(&house), "[]\n");
}

/// Two adults give each other access, by forms with one number: neither is the other, and no circle of authority.
#[tokio::test]
async fn m6_a_grant_the_other_way_round_is_another_one_and_no_circle() {
    let (house, [anna, bram], _) = families().await;
    let (there, back) = (Line::grant(&anna, "V-2"), Line::grant(&bram, "V-1"));
    let first = mandates(&house, "there.csv", &[&there]);
    done(import(&house, "mandates", &first, &[]));
    done(approve(&house, &first));
    let both = mandates(&house, "both.csv", &[&there, &back]);
    let told = done(import(&house, "mandates", &both, &[]));
    assert!(told.starts_with("Imported: 1 of 2 lines were new, 1 on record already."), "{told}");
    assert_eq!(approved(&house), ["V-2"]);
    assert_eq!(done(approve(&house, &both)), "Approved: 1 mandates count from now on.\n");
    assert_eq!(approved(&house), ["V-1", "V-2"]);
    // Its twin: authority the other way round closes a circle.
    let circle = [Line::curator(&anna, "V-2"), Line::curator(&bram, "V-1")];
    let told = refused(import(&house, "mandates", &mandates(&house, "circle.csv", &circle.each_ref()), &[]));
    assert!(told.contains("line 3: ") && told.contains("closes a circle"), "{told}");
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_told_to_who_approves() {
    let (house, file) = imported().await;
    let text = fs::read_to_string(&file).unwrap();
    let broken = write(&house, "broken.csv", &text.replacen(";parent;", ";", 1));
    let told = refused(approve(&house, &broken));
    assert!(told.contains("line 2: this line has 17 cells and the first line 18"), "{told}");
    assert!(told.contains("no import of mandates holds exactly these lines"), "{told}");
    // The twin: as it was imported.
    assert_eq!(done(approve(&house, &file)), "Approved: 2 mandates count from now on.\n");
}

/// Lines that are others at each look, as of a file that somebody writes meanwhile.
struct Turning {
    looks: Vec<Vec<Row>>,
    look: usize,
    at: usize,
}

impl Turning {
    fn new(what: What, looks: &[&[&str]]) -> Self {
        let row = |(at, line): (usize, &&str)| {
            let cells = line.split(';').map(Secret::new).collect();
            Row::new(u64::try_from(at).unwrap() + 2, what, cells)
        };
        let looks = looks.iter().map(|lines| lines.iter().enumerate().map(row).collect()).collect();
        Self { looks, look: 0, at: 0 }
    }
}

impl Rows for Turning {
    fn rewind(&mut self) -> Result<(), Fault> {
        (self.look, self.at) = (self.look + 1, 0);
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Result<Row, Finding>>, Fault> {
        self.at += 1;
        Ok(self.looks[self.look].get(self.at - 1).cloned().map(Ok))
    }

    fn percent(&self) -> u64 {
        0
    }
}

struct Deaf;

impl Listener for Deaf {
    fn finding(&mut self, _: &Finding) -> Result<(), Fault> {
        Ok(())
    }

    fn progress(&mut self, _: bool, _: u64, _: u64) {}
}

#[tokio::test]
async fn m11_lines_that_change_between_two_looks_are_neither_written_nor_approved() {
    let (house, file) = imported().await;
    let key = fs::read_to_string(house.folder.join("keys/master.key")).unwrap();
    let db = Db::open_sqlite(&house.folder.join("namens.db"), false).await.unwrap();
    let store = Store::new(db, Vault::open(&key).unwrap());
    let import =
        |what, by| Import { what, by, only_check: false, may_be_long: false, now: Clock.now(), clock: Clock };
    let (good, other) = ("N-1;;Sam;2018", "N-1;;Tom;2018");
    let before = house.count("persons");
    let mut turning = Turning::new(What::Persons, &[&[good], &[other]]);
    let why = flow::run(&store, import(What::Persons, "els"), &mut turning, &mut Deaf).await.unwrap_err();
    assert!(why.to_string().contains("changed while they were imported"), "{why}");
    assert_eq!(house.count("persons"), before);
    // The twin: the same at both looks.
    let mut still = Turning::new(What::Persons, &[&[good], &[good]]);
    let (ended, _) = flow::run(&store, import(What::Persons, "els"), &mut still, &mut Deaf).await.unwrap();
    assert!(matches!(ended, Ended::Done(_)), "{ended:?}");
    assert_eq!(house.count("persons"), before + 1);

    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().skip(1).collect();
    let mut turning = Turning::new(What::Mandates, &[&lines, &lines[..1]]);
    let done = flow::approve(&store, import(What::Mandates, "joost"), &mut turning, &mut Deaf).await;
    assert!(matches!(done, Err(flow::NotApproved::Changed)), "{done:?}");
    assert_eq!(approved(&house), Vec::<String>::new());
    let mut still = Turning::new(What::Mandates, &[&lines, &lines]);
    let done = flow::approve(&store, import(What::Mandates, "joost"), &mut still, &mut Deaf).await;
    assert_eq!(done.unwrap().0.new, 2);
    assert_eq!(approved(&house), ["K-1", "K-2"]);
    store.close().await;
}

/// While so many are approved nobody else writes: who approves says that they may wait.
#[tokio::test]
async fn a_long_import_is_approved_only_where_others_may_wait() {
    let (house, file) = imported().await;
    let text = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<&str> = text.lines().skip(1).collect();
    // The same import, as if all of this file had been in it: 49 999 lines that say no more than the first one.
    lines.resize(50_001, lines[0]);
    let long =
        write(&house, "long.csv", &format!("{}\n{}\n", text.lines().next().unwrap(), lines.join("\n")));
    let (mut digest, mut rows) = (Digest::default(), Turning::new(What::Mandates, &[&lines]));
    while let Some(row) = rows.next().unwrap() {
        digest.add(&row.unwrap());
    }
    let key = fs::read_to_string(house.folder.join("keys/master.key")).unwrap();
    let mark = Vault::open(&key).unwrap().keyed_hash("import", digest.finish().expose());
    let mark: String = mark.iter().map(|byte| format!("{byte:02x}")).collect();
    change(&house, &format!("UPDATE imports SET digest = x'{mark}' WHERE what = 'mandates'"));
    let told = refused(approve(&house, &long));
    assert!(told.contains("more than 50 000 lines") && told.contains("--long"), "{told}");
    assert_eq!(approved(&house), Vec::<String>::new());
    let refusals = "SELECT COUNT(*) FROM audit WHERE event = 'import.approved' AND outcome = 'refused'";
    assert_eq!(house.query(refusals), ["1"]);
    // The twin: for who says so.
    let told = house.run(&["import", "approve", &long, "--by", "joost", "--long"]);
    assert!(done(told).starts_with("Approved: 2 mandates count from now on."));
    assert_eq!(approved(&house), ["K-1", "K-2"]);
}
