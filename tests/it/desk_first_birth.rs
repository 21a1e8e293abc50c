//! The first date of birth of somebody whom only their own account knew: the form tells it, and the second pair of eyes makes it true
//! (docs/adr/0052). Before that nothing rests on it.

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    account::at,
    admin_mandates::{programs, with},
    authenticator::change,
    browser::{Browser, Page},
    chooser::listed,
    desk::{ELS, JOOST, Seat, form, member},
    digid_steps::person_of,
    house::{CALLBACK, House},
    import::{Line, done, import, mandates, refused, write},
    import_api::row,
    mandates_desk::{self, born, digid_account, digid_again, digid_page, fresh_bsn},
    oidc_client::THE_PORTAL,
};

const MOTHER: &str = "moeder@voorbeeld.nl";
const SAM: &str = "sam@voorbeeld.nl";
const HERS: &str = "1985-03-04";

const DONE: StatusCode = StatusCode::SEE_OTHER;
const NOT: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// A desk with two who work there, and a mother and a child who logged in with DigiD before they came to it.
struct Desk {
    house: House,
    els: Seat,
    joost: Seat,
    browser: Browser,
    mother: String,
    sam: String,
    birth: String,
}

impl Desk {
    async fn open() -> Self {
        let house = House::start().await;
        for email in [ELS, JOOST] {
            member(&house, email, "registrar approver privacy_officer").await;
        }
        let (els, joost) = (Seat::of(&house, ELS, true, 0).await, Seat::of(&house, JOOST, true, 0).await);
        let (browser, mother, sam) = (Browser::new(), fresh_bsn(), fresh_bsn());
        digid_account(&house, &Browser::new(), &sam, SAM).await;
        digid_account(&house, &browser, &mother, MOTHER).await;
        Self { house, els, joost, browser, mother, sam, birth: born(8, 40) }
    }

    /// Els files it, with these dates of birth of the mother and of Sam.
    async fn files(&self, hers: &str, sams: &str) -> Page {
        let mut fields = form(&self.mother, &self.sam, sams);
        for (name, value) in &mut fields {
            match *name {
                "representative_birth" => *value = hers,
                // The hospital's number of somebody who is known is put right by two, too.
                "represented_number" => *value = "",
                _ => {}
            }
        }
        self.els.post("/desk/register", &fields).await
    }

    async fn filed(&self) -> String {
        let done = self.files(HERS, &self.birth).await;
        done.location().unwrap_or_else(|| panic!("{}", done.body)).path().to_owned()
    }

    async fn approves(&self, path: &str, birth: &str, sams: &str) -> Page {
        let read = [("bsn", self.mother.as_str()), ("birth", birth), ("represented", sams)];
        self.joost.post(&format!("{path}/approve"), &read).await
    }

    /// Joost reads what is right.
    async fn approved(&self, path: &str) {
        let told = self.approves(path, &self.birth, &self.sam).await;
        assert_eq!(told.status, DONE, "{}", told.body);
    }

    /// The dates of birth that are on record, and how many wait.
    fn known(&self) -> (Vec<String>, usize) {
        let known = self.house.query("SELECT birth FROM persons WHERE birth IS NOT NULL ORDER BY birth");
        (known, self.house.count("first_births"))
    }

    /// For how many the mother may act.
    async fn reaches(&self) -> usize {
        let ask = THE_PORTAL.ask().with("scope", "openid act_as");
        let told = digid_again(&self.house, &Browser::new(), &self.mother, "Midden", &THE_PORTAL, &ask).await;
        listed(&told).len()
    }

    /// What Sam meets who logs in with DigiD: the portal, or the page for the young.
    async fn sam_is_in(&self) -> bool {
        let ask = THE_PORTAL.ask().with("scope", "openid");
        let page = digid_page(&self.house, &Browser::new(), &self.sam, "Midden", &ask).await;
        page.location().is_some()
    }

    fn lines(&self, event: &str) -> usize {
        self.house.count(&format!("audit WHERE event = '{event}' AND outcome = 'ok'"))
    }
}

fn both(desk: &Desk) -> Vec<String> {
    vec![HERS.to_owned(), desk.birth.clone()]
}

#[tokio::test]
async fn m3_m11_nothing_rests_on_a_first_date_of_birth_before_a_colleague_who_reads_the_same_approves_it() {
    let desk = Desk::open().await;
    let path = desk.filed().await;
    assert_eq!(desk.known(), (Vec::new(), 2));
    assert_eq!(desk.lines("person.correction_proposed"), 2);
    assert_eq!(desk.lines("person.registered"), 2, "the desk knows them from here on");
    assert!(desk.sam_is_in().await, "who is eight by a date that nobody approved");
    assert_eq!(desk.reaches().await, 0);
    // Not by who told it, though they have the role.
    let own = [("bsn", desk.mother.as_str()), ("birth", &desk.birth), ("represented", &desk.sam)];
    assert_eq!(desk.els.post(&format!("{path}/approve"), &own).await.status, NOT);
    // The colleague sees what comes on record, and is asked for a number of the child.
    let page = desk.joost.get(&path).await;
    assert_eq!(page.text("standing").unwrap(), "wacht op een collega");
    let told = [page.text("first-birth-1").unwrap(), page.text("first-birth-2").unwrap()];
    assert!(told[0].contains("Anna de Vries") && told[0].contains(HERS), "{told:?}");
    assert!(told[1].contains("Sam de Vries") && told[1].contains(&desk.birth), "{told:?}");
    assert!(page.body.contains("represented-number") && page.text("number-hint").is_some());
    // Somebody whom the registrar just found by a number, and who is another child than the one at the desk.
    let stranger = fresh_bsn();
    for (birth, number) in [
        (desk.birth.as_str(), ""),
        (&desk.birth, &stranger),
        (&desk.birth, &desk.mother),
        (&born(8, 41), &desk.sam),
        ("", &desk.sam),
    ] {
        assert_eq!(desk.approves(&path, birth, number).await.status, NOT, "{birth} {number}");
        assert_eq!(desk.known(), (Vec::new(), 2));
    }
    assert_eq!((desk.reaches().await, desk.lines("person.corrected")), (0, 0));
    desk.approved(&path).await;
    assert_eq!((desk.known(), desk.lines("person.corrected")), ((both(&desk), 0), 2));
    assert_eq!(desk.reaches().await, 1);
    assert!(!desk.sam_is_in().await, "M13");
    let page = desk.els.get(&path).await;
    assert!(page.text("standing").unwrap().starts_with("werkt") && page.text("first-birth-1").is_none());
    assert!(![&desk.mother, &desk.sam].iter().any(|bsn| desk.house.log().contains(bsn.as_str())));
    desk.house.ok(&["audit", "verify"]);
}

/// Papers of the mother and of her own child are true, and the number on the form is that of a stranger's child, whom nobody here knows yet.
#[tokio::test]
async fn m11_who_approves_reads_the_number_of_a_child_who_is_new_here_too() {
    let desk = Desk::open().await;
    let strangers = fresh_bsn();
    for (bsn, number, right) in [(strangers.as_str(), "K-1001", strangers.as_str()), ("", "K-1002", "K-1002")]
    {
        let mut fields = form(&desk.mother, bsn, &desk.birth);
        fields.retain(|(name, _)| !["represented_number", "representative_birth"].contains(name));
        fields.extend([("represented_number", number), ("representative_birth", HERS)]);
        let done = desk.els.post("/desk/register", &fields).await;
        let path = done.location().unwrap_or_else(|| panic!("{}", done.body)).path().to_owned();
        let before = desk.lines("mandate.approved");
        let page = desk.joost.get(&path).await;
        assert!(page.body.contains("represented-number"), "{}", page.body);
        for read in ["", &fresh_bsn(), "K-1003"] {
            assert_eq!(desk.approves(&path, &desk.birth, read).await.status, NOT, "{read}");
        }
        assert_eq!(desk.lines("mandate.approved"), before);
        let told = desk.approves(&path, &desk.birth, right).await;
        assert_eq!(told.status, DONE, "{}", told.body);
    }
}

#[tokio::test]
async fn m11_a_first_date_of_birth_leaves_nothing_where_its_mandate_is_refused_revoked_or_void() {
    let desk = Desk::open().await;
    for (act, fields) in [("refuse", vec![("why", "form")]), ("revoke", Vec::new())] {
        let path = desk.filed().await;
        assert_eq!(desk.joost.post(&format!("{path}/{act}"), &fields).await.status, DONE);
        assert_eq!(desk.known(), (Vec::new(), 0), "{act}");
        assert_eq!(desk.approves(&path, &desk.birth, &desk.sam).await.status, NOT);
        assert_eq!(desk.known(), (Vec::new(), 0), "{act}");
    }
    // One that waited thirty days stands in nobody's way.
    desk.filed().await;
    for older in [
        "mandates SET registered_at = registered_at - 31 * 86400",
        "first_births SET ends = ends - 31 * 86400",
    ] {
        change(&desk.house, &format!("UPDATE {older}"));
    }
    let other = born(9, 3);
    let filed = desk.files("1986-03-04", &other).await;
    let path = filed.location().unwrap_or_else(|| panic!("{}", filed.body)).path().to_owned();
    // The twin.
    assert_eq!(desk.approves(&path, &other, &desk.sam).await.status, DONE);
    assert_eq!(desk.known().0, ["1986-03-04".to_owned(), other]);
}

#[tokio::test]
async fn m11_of_forms_that_tell_different_first_dates_of_birth_at_once_those_of_one_date_are_stored() {
    let desk = Desk::open().await;
    let other = born(9, 3);
    let dates = [&desk.birth, &other];
    let told = join_all((0..8).map(|turn| desk.files("", dates[turn % 2]))).await;
    let stored = desk.house.query("SELECT DISTINCT birth FROM first_births");
    assert_eq!((stored.len(), desk.house.count("first_births")), (1, 4));
    for page in told.iter().filter(|page| page.status != DONE) {
        let why = page.text("represented_birth-error").unwrap_or_default();
        assert!(page.status == NOT && why.contains("wacht al een andere geboortedatum"), "{}", page.body);
    }
    // A correction that says something else, by whoever: the two are looked at together first.
    let first = if stored == [other.clone()] { other } else { desk.birth.clone() };
    let person = person_of(&desk.house, SAM);
    let says = |birth: &str| {
        let proposed = ["--evidence-reference", "brief", "--by", "balie1", "--", person.as_str(), birth];
        desk.house.ok(&[&["persons", "set-birth-date", "--json"][..], &proposed].concat())
    };
    let id: serde_json::Value = serde_json::from_str(&says("2001-01-01")).unwrap();
    let path = told.iter().find_map(Page::location).unwrap().path().to_owned();
    let page = desk.approves(&path, &first, &desk.sam).await;
    assert_eq!(page.status, NOT);
    assert!(page.text("error").unwrap().contains("andere geboortedatum"), "{:?}", page.text("error"));
    assert!(desk.known().0.is_empty());
    desk.house.ok(&["persons", "withdraw", "--by", "balie1", "--", id["id"].as_str().unwrap()]);
    // The twin; and those that told the same count after it, each by its own approval.
    assert_eq!(desk.approves(&path, &first, &desk.sam).await.status, DONE);
    assert_eq!(desk.known(), (vec![first.clone()], 3));
    let next = told.iter().filter_map(Page::location).nth(1).unwrap().path().to_owned();
    assert_eq!(desk.approves(&next, &first, &desk.sam).await.status, DONE);
    assert_eq!(desk.known(), (vec![first], 2));
}

#[tokio::test]
async fn m11_a_first_date_of_birth_gives_way_to_what_is_on_record_by_then_and_goes_with_an_account_that_is_erased()
 {
    let desk = Desk::open().await;
    let path = desk.filed().await;
    desk.house.set_birth_date(&person_of(&desk.house, MOTHER), "1990-01-01");
    let page = desk.approves(&path, &desk.birth, &desk.sam).await;
    assert_eq!(page.status, NOT);
    assert!(page.text("error").unwrap().contains("andere geboortedatum"), "{:?}", page.text("error"));
    assert_eq!(desk.known(), (vec!["1990-01-01".to_owned()], 2), "nothing of it: that of Sam neither");
    // The form does not say otherwise than is on record.
    let told = desk.files(HERS, &desk.birth).await;
    assert!(told.text("representative_birth-error").is_some(), "{}", told.body);
    let told = desk.files("1990-01-01", &desk.birth).await;
    let path = told.location().unwrap_or_else(|| panic!("{}", told.body)).path().to_owned();
    let page = desk.browser.visit(&at(&desk.house, "/account/erase"), CALLBACK).await;
    let done = desk.browser.submit(&page, "erase-form", &[("email", MOTHER)]).await;
    assert_ne!(done.status, NOT, "{}", done.body);
    assert_eq!(desk.known(), (vec!["1990-01-01".to_owned()], 0));
    assert_eq!(desk.approves(&path, &desk.birth, &desk.sam).await.status, NOT);
    assert_eq!(desk.known(), (vec!["1990-01-01".to_owned()], 0), "nobody is eight by a mandate that is over");
}

#[tokio::test]
async fn m11_who_is_known_without_a_date_of_birth_stops_no_import_and_has_one_once_another_one_approved_it() {
    let house = crate::admin_mandates::house().await;
    let (one, two, child) = (fresh_bsn(), fresh_bsn(), born(8, 0));
    let undated = format!(
        "patient_number;bsn;name;birth_date\nV-1;{one};Anna;\nV-2;{two};Bram;\nK-1;;Sam;\nK-2;;Kim;\n"
    );
    done(import(&house, "persons", &write(&house, "undated.csv", &undated), &[]));
    let births = || house.query("SELECT birth FROM persons WHERE birth IS NOT NULL ORDER BY birth");
    // A file of persons tells them, and by itself records none.
    let dated = format!(
        "patient_number;bsn;name;birth_date\nV-1;{one};Anna;1985\nK-1;;Sam;{child}\nV-3;;Noor;1990\n"
    );
    let told = done(import(&house, "persons", &write(&house, "dated.csv", &dated), &[]));
    assert!(
        told.starts_with("Imported: 1 of 3 lines were new, 2 on record already.\nOf 2 known persons"),
        "{told}"
    );
    assert_eq!(births(), ["1990"]);
    // Two lines of one file that contradict each other.
    let lines = [Line::parent(&one, "K-1", &child), Line::parent(&two, "K-1", "2019")];
    let told = refused(import(&house, "mandates", &mandates(&house, "two.csv", &lines.each_ref()), &[]));
    assert!(told.contains("line 3, represented_birth_date: no date of birth is recorded"), "{told}");
    // A date that makes the mandate one that cannot be.
    let old = [Line::parent(&one, "K-1", "1985")];
    let told = refused(import(&house, "mandates", &mandates(&house, "old.csv", &old.each_ref()), &[]));
    assert!(told.contains("16 or older"), "{told}");
    assert_eq!(house.count("first_births"), 0);
    let lines = [
        Line::parent(&one, "K-1", &child),
        Line::parent(&two, "K-1", &child),
        Line::parent(&one, "K-2", &child),
    ];
    let file = mandates(&house, "mandates.csv", &lines.each_ref());
    done(import(&house, "mandates", &file, &[]));
    assert_eq!((births(), house.count("first_births")), (vec!["1990".to_owned()], 3));
    assert_eq!(
        done(import(&house, "mandates", &file, &[])),
        "All 3 lines are on record already. Nothing was changed.\n"
    );
    // Another file that says otherwise while this one waits, whoever brings it.
    let other = [Line::parent(&two, "K-2", "2019")];
    let other = mandates(&house, "other.csv", &other.each_ref());
    let told = refused(import(&house, "mandates", &other, &[]));
    assert!(told.contains("another one than this waits"), "{told}");
    // Taken back, it leaves nothing, and the other one may come.
    let id = house.query("SELECT id FROM imports WHERE what = 'mandates'").concat();
    house.ok(&["import", "withdraw", "--by=joost", "--", &id]);
    assert_eq!((births(), house.count("first_births")), (vec!["1990".to_owned()], 0));
    done(import(&house, "mandates", &file, &[]));
    let approve = |file: &str, by: &str| house.run(&["import", "approve", file, "--by", by]);
    assert!(refused(approve(&file, "els")).contains("you imported these yourself"));
    assert_eq!(births(), ["1990"]);
    // By the time of the approval another date of Kim waits: that line does too.
    let kim = house.query("SELECT id FROM persons WHERE patient_number = 'K-2'").concat();
    house.ok(&[
        "persons",
        "set-birth-date",
        "--evidence-reference",
        "brief",
        "--by",
        "els",
        "--",
        &kim,
        "2019",
    ]);
    assert!(
        done(approve(&file, "joost"))
            .starts_with("Approved: 2 mandates count from now on.\n1 things are not")
    );
    assert_eq!(births(), ["1990".to_owned(), child.clone()]);
    assert_eq!(house.count("first_births"), 1);
    assert_eq!(crate::import::lines_of(&house, "person.corrected"), 1);
    house.ok(&["audit", "verify"]);
}

const CHILDREN: [&str; 2] = ["K-1", "K-2"];

/// A mother, and two children without a BSN and a date of birth; her BSN and what a form says of when they were born.
async fn without_bsn() -> (House, String, String) {
    let house = crate::admin_mandates::house().await;
    let (bsn, birth) = (fresh_bsn(), born(8, 0));
    let persons = format!("patient_number;bsn;name;birth_date\nV-1;{bsn};Anna;1985\nK-1;;Sam;\nK-2;;Kim;\n");
    done(import(&house, "persons", &write(&house, "persons.csv", &persons), &[]));
    (house, bsn, birth)
}

fn mandate_for(house: &House, number: &str) -> String {
    let of = "SELECT m.id FROM mandates m JOIN persons p ON p.id = m.represented WHERE p.patient_number";
    house.query(&format!("{of} = '{number}'")).concat()
}

/// Which of the two children have a date of birth on record.
fn dated(house: &House) -> Vec<String> {
    house.query(
        "SELECT patient_number FROM persons WHERE birth IS NOT NULL AND patient_number LIKE 'K-%' ORDER BY 1",
    )
}

#[tokio::test]
async fn m11_a_command_approves_a_first_date_of_birth_of_who_has_no_bsn_by_the_right_patient_number_only() {
    let (house, bsn, birth) = without_bsn().await;
    let lines = CHILDREN.map(|number| Line::parent(&bsn, number, &birth));
    done(import(&house, "mandates", &mandates(&house, "mandates.csv", &lines.each_ref()), &[]));
    let (desk, mandate) = (mandates_desk::Desk::of(&house), mandate_for(&house, "K-1"));
    let approve = |number: &[&str]| {
        let words = ["mandates", "approve", "--by", "joost", "--representative-bsn-file", "-"];
        let read = ["--represented-birth-date", birth.as_str()];
        desk.say(&[&words, &read[..], number, &["--", mandate.as_str()]].concat(), &bsn)
    };
    for wrong in [&[][..], &["--represented-patient-number", "K-2"], &["--represented-patient-number", "K-9"]]
    {
        refused(approve(wrong));
        assert_eq!(dated(&house), [""; 0], "{wrong:?}");
    }
    done(approve(&["--represented-patient-number", "K-1"]));
    assert_eq!(dated(&house), ["K-1"]);
    assert_eq!(house.query(&format!("SELECT approved_by FROM mandates WHERE id = '{mandate}'")), ["joost"]);
}

#[tokio::test]
async fn m11_a_program_approves_a_first_date_of_birth_of_who_has_no_bsn_by_the_right_patient_number_only() {
    let (house, bsn, birth) = without_bsn().await;
    let (api, second) = programs(&house).await;
    let rows = json!({"rows": CHILDREN.map(|number| row(&bsn, number, &birth))});
    assert_eq!(api.post("/imports/mandates", &rows).await.0, 200);
    let at = format!("/mandates/{}/approve", mandate_for(&house, "K-2"));
    let body = json!({"representative_bsn": bsn, "represented_birth_date": birth});
    let number = |number: &str| with(body.clone(), "represented_patient_number", json!(number));
    assert_eq!(second.post(&at, &number("K 2!")).await.0, 400, "none at all");
    for wrong in [body.clone(), number("K-1"), number("K-9")] {
        assert_eq!(second.post(&at, &wrong).await.0, 409, "{wrong}");
        assert_eq!(dated(&house), [""; 0], "{wrong}");
    }
    let (status, told) = second.post(&at, &number("K-2")).await;
    assert_eq!((status, &told["standing"]), (200, &json!("active")), "{told}");
    assert_eq!(dated(&house), ["K-2"]);
}
