//! Who may do what at the desk: each form by each role, forged, by who left, and who makes somebody a member.

use std::collections::BTreeSet;

use reqwest::StatusCode;

use crate::{
    authenticator::change,
    bad_input_doors::routes,
    desk::{ELS, JOOST, Seat, add, form, member},
    house::House,
    mandates_desk::{born, fresh_bsn},
};

const SHUT: &str = "U kunt hier niet in";
const ROLES: [&str; 5] = ["registrar", "approver", "privacy_officer", "auditor", ""];

/// A door, what is filled in there, and the roles that open it.
type Door = (&'static str, &'static [(&'static str, &'static str)], &'static str);

/// The forms of the desk and the pages without one, with what is filled in, and which roles open each. `{m}` is a mandate that waits, `{s}` a
/// proposal for a member.
const DOORS: &[Door] = &[
    ("/desk/search", &[("bsn", ""), ("number", "x-1")], "registrar approver privacy_officer"),
    ("/desk/register", &[], "registrar"),
    ("/desk/mandate/{m}/approve", &[("bsn", ""), ("birth", "")], "approver"),
    ("/desk/mandate/{m}/said", &[("party", "representative"), ("word", "agreed")], "registrar"),
    (
        "/desk/mandate/{m}/said",
        &[("party", "representative"), ("word", "withdrawn")],
        "registrar privacy_officer",
    ),
    ("/desk/mandate/{m}/block", &[("reason", "")], "registrar privacy_officer"),
    ("/desk/mandate/{m}/unblock", &[], "privacy_officer"),
    ("/desk/mandate/none/refuse", &[("why", "form")], "approver"),
    ("/desk/mandate/{m}/attest", &[("evidence", ""), ("ends", "")], "registrar"),
    ("/desk/mandate/{m}/confirm", &[("basis", "none")], "approver"),
    ("/desk/mandate/{m}/end", &[("basis", "none")], "registrar privacy_officer"),
    ("/desk/person/{p}/correct", &[("birth", ""), ("bsn", ""), ("evidence", "")], "privacy_officer"),
    ("/desk/person/{p}/block", &[("other", ""), ("reason", "")], "registrar privacy_officer"),
    ("/desk/person/{p}/unblock", &[("representative", "none")], "privacy_officer"),
    (
        "/desk/person/{p}/same-person",
        &[("other", ""), ("birth", ""), ("known", ""), ("evidence", "")],
        "privacy_officer",
    ),
    ("/desk/correction/none/same-person", &[("birth", ""), ("known", "")], "privacy_officer"),
    ("/desk/correction/none/approve", &[("birth", ""), ("bsn", "")], "privacy_officer"),
    ("/desk/correction/none/withdraw", &[], "privacy_officer"),
    ("/desk/log", &[("bsn", ""), ("number", "x"), ("person", ""), ("at", ""), ("line", "")], "auditor"),
    ("/desk/staff", &[("email", "x"), ("department", "")], "privacy_officer"),
    ("/desk/staff/{s}/approve", &[("email", "x")], "approver privacy_officer"),
    ("/desk/staff/none/end", &[], "privacy_officer"),
    ("/desk/mandate/none/revoke", &[], "registrar privacy_officer"),
];
const PAGES: &[(&str, &str)] = &[
    ("/desk", "registrar approver privacy_officer auditor"),
    ("/desk/queue", "registrar approver privacy_officer"),
    ("/desk/person/{p}", "registrar approver privacy_officer"),
    ("/desk/mandate/{m}", "registrar approver privacy_officer"),
    ("/desk/register", "registrar"),
    ("/desk/leaflet", "registrar"),
    ("/desk/ahead", "registrar approver privacy_officer"),
    ("/desk/log", "auditor"),
    ("/desk/staff", "approver privacy_officer"),
];

pub struct World {
    pub house: House,
    mandate: String,
    person: String,
    proposal: String,
}

pub fn email(role: &str) -> String {
    format!("{}@ziekenhuis.nl", if role.is_empty() { "niemand" } else { role })
}

/// Somebody of each role, a mandate that waits, and a proposal.
pub async fn world() -> World {
    let house = House::start().await;
    for role in ROLES {
        member(&house, &email(role), role).await;
    }
    member(&house, ELS, "").await;
    let registrar = Seat::of(&house, &email("registrar"), true, 0).await;
    let (parent, child, birth) = (fresh_bsn(), fresh_bsn(), born(8, 40));
    let done = registrar.post("/desk/register", &form(&parent, &child, &birth)).await;
    let mandate = done
        .location()
        .unwrap_or_else(|| panic!("{}", done.body))
        .path()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let officer = Seat::of(&house, &email("privacy_officer"), true, 0).await;
    let fields = [("email", ELS), ("department", "Polikliniek"), ("registrar", "yes")];
    let done = officer.post("/desk/staff", &fields).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    let proposal = house.query("SELECT id FROM staff WHERE approved_at IS NULL").concat();
    let person = house.query("SELECT represented FROM mandates").concat();
    World { house, mandate, person, proposal }
}

impl World {
    pub fn path(&self, path: &str) -> String {
        path.replace("{m}", &self.mandate).replace("{s}", &self.proposal).replace("{p}", &self.person)
    }

    /// What acts at the desk write.
    pub fn kept(&self) -> Vec<String> {
        let each = "SELECT id || COALESCE(approved_at, 0) || COALESCE(revoked_at, 0) FROM mandates \
            UNION ALL SELECT id FROM blocks UNION ALL SELECT id FROM consents \
            UNION ALL SELECT id || COALESCE(approved_at, 0) || COALESCE(ended_at, 0) FROM staff UNION ALL SELECT id FROM persons";
        self.house.query(each)
    }
}

#[tokio::test]
async fn each_form_and_page_of_the_desk_is_open_to_its_roles_and_to_nobody_else() {
    let world = world().await;
    for role in ROLES {
        let seat = Seat::of(&world.house, &email(role), true, 0).await;
        let before = world.kept();
        for (path, fields, open) in DOORS {
            let empty = form("", "", "");
            let fields = if *path == "/desk/register" { &empty[..] } else { fields };
            // Of one who tries on and on a bounded number of lines is left.
            if *path == "/desk/staff" {
                change(&world.house, "DELETE FROM counters");
            }
            let told = seat.post(&world.path(path), fields).await;
            let may = !role.is_empty() && open.split(' ').any(|one| one == role);
            // Who may is told what is wrong with what was filled in, or that there is no such thing.
            let shut = (told.status, told.heading().as_str()) == (StatusCode::FORBIDDEN, SHUT);
            assert_eq!(shut, !may, "{role} {path}: {} {}", told.status, told.heading());
        }
        for (path, open) in PAGES {
            let told = seat.get(&world.path(path)).await;
            let may = !role.is_empty() && open.split(' ').any(|one| one == role);
            assert_eq!(
                told.status,
                if may { StatusCode::OK } else { StatusCode::FORBIDDEN },
                "{role} {path}"
            );
        }
        let after = world.kept();
        let said = after.len() - before.len();
        assert!(said <= 2, "{role}: only what was said is new: {after:?}");
    }
    let log =
        world.house.query("SELECT DISTINCT detail FROM audit WHERE event = 'desk.refused' ORDER BY detail");
    assert!(log.contains(&"approve".to_owned()) && log.contains(&"staff".to_owned()), "{log:?}");
}

/// Every address of the desk has its row above: a new one is open to nobody before somebody says to whom.
#[test]
fn each_address_of_the_desk_stands_among_the_doors_with_its_roles() {
    let pattern = |path: &str| {
        let part = |part: &str| {
            if part.starts_with('{') || part == "none" { "{id}".to_owned() } else { part.to_owned() }
        };
        path.split('/').map(part).collect::<Vec<_>>().join("/")
    };
    let known: BTreeSet<String> = DOORS
        .iter()
        .map(|(path, ..)| *path)
        .chain(PAGES.iter().map(|(path, _)| *path))
        .map(pattern)
        .collect();
    let served: BTreeSet<String> = routes().into_iter().filter(|path| path.starts_with("/desk")).collect();
    assert!(served.len() > 20, "{served:?}");
    assert_eq!(known, served);
}

#[tokio::test]
async fn m11_members_are_made_by_two_and_ended_by_one_who_logged_in_just_now() {
    let house = House::start().await;
    for email in [ELS, JOOST, "kim@ziekenhuis.nl", "noor@ziekenhuis.nl", "digid@ziekenhuis.nl"] {
        member(&house, email, "").await;
    }
    change(&house, "UPDATE accounts SET password_hash = NULL WHERE email = 'digid@ziekenhuis.nl'");
    crate::steps::account(&house, "zonder@ziekenhuis.nl").await;
    // By command as long as there are not two who could; never an account without an app, twice, or by nobody.
    let says = |output: std::process::Output| {
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(
        says(add(&house, "zonder@ziekenhuis.nl", &["registrar"], "Poli")).contains("no authenticator app")
    );
    assert!(says(add(&house, "digid@ziekenhuis.nl", &["registrar"], "Poli")).contains("or no password"));
    assert!(says(add(&house, "weg@ziekenhuis.nl", &["registrar"], "Poli")).contains("no account"));
    assert!(add(&house, ELS, &["privacy_officer"], "Poli").status.success());
    assert!(says(add(&house, ELS, &["approver"], "Poli")).contains("work at the desk"));
    assert!(add(&house, JOOST, &["approver", "registrar"], "Poli").status.success());
    assert!(
        says(add(&house, "kim@ziekenhuis.nl", &["auditor"], "Poli")).contains("there are two at the desk")
    );

    let (els, joost) = (Seat::of(&house, ELS, true, 0).await, Seat::of(&house, JOOST, true, 0).await);
    let kim = [("email", "kim@ziekenhuis.nl"), ("department", "Poli"), ("officer", "yes")];
    let waiting =
        || house.query("SELECT COUNT(*) FROM staff WHERE approved_at IS NULL AND ended_at IS NULL").concat();
    // A login of eleven minutes ago is too old: nothing is done, and the page begins with a new one.
    let stale = Seat::of(&house, ELS, true, 660).await;
    assert_eq!(stale.post("/desk/staff", &kim).await.location().unwrap().path(), "/desk/staff");
    assert!(stale.get("/desk/staff").await.location().unwrap().path().starts_with("/login/"));
    assert_eq!(stale.get("/desk").await.status, StatusCode::OK, "the rest of the desk goes on");
    for (bad, told) in [
        ([("email", "weg@ziekenhuis.nl"), kim[1], kim[2]], "hoort geen account"),
        ([("email", "zonder@ziekenhuis.nl"), kim[1], kim[2]], "geen app"),
        ([kim[0], ("department", ""), kim[2]], "afdeling"),
        ([kim[0], kim[1], ("other", "yes")], "Kies wat"),
        ([("email", JOOST), kim[1], kim[2]], "al medewerker"),
    ] {
        let page = els.post("/desk/staff", &bad).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad:?}");
        assert!(page.text("error").unwrap().contains(told), "{bad:?}: {:?}", page.text("error"));
    }
    assert_eq!(waiting(), "0");
    assert_eq!(els.post("/desk/staff", &kim).await.status, StatusCode::SEE_OTHER);
    assert_eq!(
        (waiting().as_str(), els.post("/desk/staff", &kim).await.status),
        ("1", StatusCode::UNPROCESSABLE_ENTITY)
    );
    let id = house.query("SELECT id FROM staff WHERE approved_at IS NULL").concat();
    let approve = format!("/desk/staff/{id}/approve");
    let kims = Seat::of(&house, "kim@ziekenhuis.nl", true, 0).await;
    assert_eq!(kims.get("/desk").await.status, StatusCode::FORBIDDEN, "one is not two");
    // Not by who proposed them, nor by themselves, nor by who means somebody else.
    assert_eq!(els.post(&approve, &[kim[0]]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(kims.post(&approve, &[kim[0]]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(joost.post(&approve, &[("email", ELS)]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // Nor who removed their app since.
    let kims_app = |app: &str| {
        change(&house, &format!("UPDATE accounts SET {app} WHERE email = 'kim@ziekenhuis.nl'"));
    };
    kims_app("app_sealed = NULL, app_since = NULL");
    let told = joost.post(&approve, &[kim[0]]).await;
    assert!(told.text("error").unwrap().contains("geen app"), "{}", told.body);
    kims_app("app_sealed = x'00', app_since = 1");
    assert_eq!(waiting(), "1");
    assert_eq!(joost.post(&approve, &[kim[0]]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(kims.get("/desk/staff").await.status, StatusCode::OK, "the same session, from now on");
    assert_eq!(joost.post(&approve, &[kim[0]]).await.status, StatusCode::UNPROCESSABLE_ENTITY, "once");

    ended(&house, (&els, &joost, &kims)).await;
}

/// Who was ended is nobody at their very next request, whatever they had open; and may be made a member anew.
async fn ended(house: &House, (els, joost, kims): (&Seat, &Seat, &Seat)) {
    let kim = [("email", "kim@ziekenhuis.nl"), ("department", "Poli")];
    let joosts = house
        .query("SELECT s.id FROM staff s JOIN accounts a ON a.id = s.account WHERE a.email LIKE 'joost@%'")
        .concat();
    assert_eq!(joost.get("/desk/queue").await.status, StatusCode::OK);
    assert_eq!(kims.post(&format!("/desk/staff/{joosts}/end"), &[]).await.status, StatusCode::SEE_OTHER);
    for path in ["/desk", "/desk/queue"] {
        assert_eq!(joost.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(
        joost.post("/desk/search", &[("bsn", ""), ("number", "x")]).await.status,
        StatusCode::FORBIDDEN
    );
    let again = [("email", JOOST), kim[1], ("registrar", "yes")];
    assert_eq!(els.post("/desk/staff", &again).await.status, StatusCode::SEE_OTHER);
    // What nobody approved in thirty days is void, and makes room.
    change(
        house,
        "UPDATE staff SET proposed_at = proposed_at - 31 * 86400 WHERE approved_at IS NULL AND ended_at IS NULL",
    );
    let void = house.query("SELECT id FROM staff WHERE approved_at IS NULL AND ended_at IS NULL").concat();
    assert_eq!(
        kims.post(&format!("/desk/staff/{void}/approve"), &[again[0]]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(els.post("/desk/staff", &again).await.status, StatusCode::SEE_OTHER);
    let id = house.query("SELECT id FROM staff WHERE approved_at IS NULL AND ended_at IS NULL").concat();
    assert_eq!(
        kims.post(&format!("/desk/staff/{id}/approve"), &[again[0]]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(joost.get("/desk").await.status, StatusCode::OK);
    let log =
        house.query("SELECT event || ' ' || COUNT(*) FROM audit WHERE event LIKE 'staff.%' GROUP BY event");
    assert_eq!(log, ["staff.added 2", "staff.approved 2", "staff.ended 1", "staff.proposed 3"]);
}

#[tokio::test]
async fn m9_m11_one_blocks_at_once_and_another_one_lifts_it() {
    let house = House::start().await;
    for (email, roles) in [(ELS, "registrar privacy_officer"), (JOOST, "privacy_officer approver")] {
        member(&house, email, roles).await;
    }
    let (els, joost) = (Seat::of(&house, ELS, true, 0).await, Seat::of(&house, JOOST, true, 0).await);
    let (parent, child, birth) = (fresh_bsn(), fresh_bsn(), born(13, 40));
    let done = els.post("/desk/register", &form(&parent, &child, &birth)).await;
    let path = done.location().unwrap().path().to_owned();
    let standing = async || els.get(&path).await.text("standing").unwrap();
    let read = [("bsn", parent.as_str()), ("birth", birth.as_str()), ("represented", &child)];
    assert_eq!(joost.post(&format!("{path}/approve"), &read).await.status, StatusCode::SEE_OTHER);
    assert_eq!(standing().await, "wacht op toestemming");
    // Both say that it is all right (M4), and one who works here hears it.
    for party in ["represented", "representative"] {
        let said = [("party", party), ("word", "agreed")];
        assert_eq!(els.post(&format!("{path}/said"), &said).await.status, StatusCode::SEE_OTHER);
    }
    assert!(standing().await.starts_with("werkt"));
    assert_eq!(
        els.post(&format!("{path}/block"), &[("reason", "")]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert!(standing().await.starts_with("werkt"));
    assert_eq!(
        els.post(&format!("{path}/block"), &[("reason", "melding 7")]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(standing().await, "geblokkeerd");
    // Not by who placed it, though they have the role; nor by a name at a command.
    assert_eq!(els.post(&format!("{path}/unblock"), &[]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let pair = house.query("SELECT representative || ' ' || represented FROM mandates").concat();
    let (who, whom) = pair.split_once(' ').unwrap();
    let (who, whom) = (format!("--representative={who}"), format!("--represented={whom}"));
    let command = house.run(&["mandates", "unblock", &who, &whom, "--by", "joost"]);
    assert_eq!(command.status.code(), Some(1), "{}", String::from_utf8_lossy(&command.stdout));
    assert_eq!(standing().await, "geblokkeerd");
    assert_eq!(joost.post(&format!("{path}/unblock"), &[]).await.status, StatusCode::SEE_OTHER);
    assert!(standing().await.starts_with("werkt"));
    // A withdrawal works at once, and another one does not undo it (ADR 0034).
    let said = [("party", "represented"), ("word", "withdrawn")];
    assert_eq!(joost.post(&format!("{path}/said"), &said).await.status, StatusCode::SEE_OTHER);
    assert_eq!(standing().await, "toestemming ingetrokken");
    let undone = els.post(&format!("{path}/said"), &[("party", "represented"), ("word", "agreed")]).await;
    assert_eq!(undone.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(els.post(&format!("{path}/revoke"), &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(standing().await, "ingetrokken");
}

#[tokio::test]
async fn a8_no_forged_form_does_anything_at_the_desk_and_its_twin_does() {
    let world = world().await;
    let house = &world.house;
    let (registrar, approver) = (
        Seat::of(house, &email("registrar"), true, 0).await,
        Seat::of(house, &email("approver"), true, 0).await,
    );
    let before = world.kept();
    let path = world.path("/desk/mandate/{m}/revoke");
    for (token, origin) in [
        ("", ""),
        ("x", ""),
        (approver.csrf.as_str(), ""),
        (registrar.csrf.as_str(), "https://evil.test"),
        (registrar.csrf.as_str(), "null"),
    ] {
        let told = registrar.send(&path, &[("csrf", token)], origin).await;
        assert_eq!(told.status, StatusCode::FORBIDDEN, "{token} {origin}");
    }
    let by_hand = registrar.get(&path).await;
    assert_eq!(by_hand.location().unwrap().path(), "/desk");
    // A form of the account's pages, in the same session, is none of the desk's.
    let account = registrar.get("/account").await;
    let csrf = account.form("everywhere-form").1["csrf"].clone();
    assert_eq!(registrar.send(&path, &[("csrf", &csrf)], "").await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.kept(), before);
    assert_eq!(registrar.post(&path, &[]).await.status, StatusCode::SEE_OTHER, "the twin");
    assert_ne!(world.kept(), before);
}

#[tokio::test]
async fn somebody_is_found_by_an_exact_number_with_a_line_and_never_in_a_list() {
    let world = world().await;
    let house = &world.house;
    let seat = Seat::of(house, &email("registrar"), true, 0).await;
    let found = seat.post("/desk/search", &[("bsn", ""), ("number", " k-1001 ")]).await;
    assert_eq!(found.location().unwrap().path(), format!("/desk/person/{}", world.person));
    for (bsn, number) in
        [("", "K-100"), ("", "K%"), ("", "Sam"), ("", ""), ("1", "K-1001"), ("999990019", "")]
    {
        let told = seat.post("/desk/search", &[("bsn", bsn), ("number", number)]).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{bsn} {number}");
        assert!(told.text("error").is_some() && !told.body.contains("Sam de Vries"));
    }
    let lines = house.query("SELECT outcome || ' ' || COUNT(*) FROM audit WHERE event = 'person.found' AND client = 'namens:desk' GROUP BY outcome");
    // Three of the search, and two of the form before it.
    assert_eq!(lines, ["ok 1", "unknown 6"]);
    let page = seat.get(&world.path("/desk/person/{p}")).await;
    assert_eq!(page.text("number").unwrap(), "K-1001");
    let shown = house.query("SELECT COUNT(*) FROM audit WHERE event = 'person.shown' AND detail IS NULL");
    assert_eq!(shown, ["1"]);
    assert_eq!(seat.get("/desk/person/none").await.status, StatusCode::NOT_FOUND);
    // Past very many in an hour one a minute is left: it slows.
    change(house, "UPDATE counters SET hits = 200 WHERE name LIKE 'desk-search:%'");
    let search = async || seat.post("/desk/search", &[("bsn", ""), ("number", "K-1001")]).await;
    assert_eq!(search().await.status, StatusCode::SEE_OTHER);
    let slow = search().await;
    assert_eq!(
        (slow.status, slow.headers["retry-after"].to_str().unwrap()),
        (StatusCode::TOO_MANY_REQUESTS, "60")
    );
    change(house, "UPDATE counters SET ends = 1 WHERE name LIKE 'desk-search-spaced:%'");
    assert_eq!(search().await.status, StatusCode::SEE_OTHER, "and never stops");
}

#[tokio::test]
async fn m11_what_is_recorded_is_put_right_by_two_at_the_desk() {
    let world = world().await;
    let house = &world.house;
    member(house, JOOST, "privacy_officer").await;
    let els = Seat::of(house, &email("privacy_officer"), true, 0).await;
    let joost = Seat::of(house, JOOST, true, 0).await;
    let (person, right) = (world.path("/desk/person/{p}"), born(9, 3));
    let propose = format!("{person}/correct");
    let said = [("birth", right.as_str()), ("bsn", ""), ("evidence", "brief 1")];
    for bad in [
        [said[0], said[1], ("evidence", "")],
        [("birth", ""), said[1], said[2]],
        [said[0], ("bsn", "999990019"), said[2]],
    ] {
        assert_eq!(els.post(&propose, &bad).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad:?}");
    }
    assert_eq!(els.post(&propose, &said).await.status, StatusCode::SEE_OTHER);
    let id = house.query("SELECT id FROM corrections").concat();
    let approve = format!("/desk/correction/{id}/approve");
    let birth = || house.query(&format!("SELECT birth FROM persons WHERE id = '{}'", world.person)).concat();
    let before = birth();
    assert_ne!(before, right);
    let same = [("birth", right.as_str()), ("bsn", "")];
    assert_eq!(els.post(&approve, &same).await.status, StatusCode::UNPROCESSABLE_ENTITY, "one's own");
    let other = born(9, 4);
    let other = [("birth", other.as_str()), ("bsn", "")];
    assert_eq!(joost.post(&approve, &other).await.status, StatusCode::UNPROCESSABLE_ENTITY, "another date");
    // Nor by a name at a command: it may be the same person.
    let command = house.run(&["persons", "approve", "--birth-date", &right, "--by", "joost", "--", &id]);
    assert_eq!(command.status.code(), Some(1));
    assert_eq!(birth(), before);
    assert_eq!(joost.post(&approve, &same).await.status, StatusCode::SEE_OTHER);
    assert_eq!(birth(), right);
    // A patient number says whose record is opened: two put it right, and nobody takes somebody else's.
    house.ok(&["persons", "add", "--name", "Lot", "--patient-number", "K-77", "--by", "balie1"]);
    let number = || {
        let row = format!("SELECT COALESCE(patient_number, '') FROM persons WHERE id = '{}'", world.person);
        house.query(&row).concat()
    };
    let before = number();
    for (wanted, other, taken) in [("k-88", "K-89", false), ("K-77", "K-78", true)] {
        let said = [("birth", ""), ("bsn", ""), ("number", wanted), ("evidence", "brief 2")];
        assert_eq!(els.post(&propose, &said).await.status, StatusCode::SEE_OTHER);
        let id = house.query("SELECT id FROM corrections WHERE approved_at IS NULL").concat();
        let approve = format!("/desk/correction/{id}/approve");
        let same = [said[0], said[1], said[2]];
        let others = [said[0], said[1], ("number", other)];
        for (seat, fields) in [(&els, &same), (&joost, &others)] {
            let refused = seat.post(&approve, fields).await.status;
            assert_eq!((refused, number() == before), (StatusCode::UNPROCESSABLE_ENTITY, !taken));
        }
        let done = joost.post(&approve, &same).await;
        let expected = if taken { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::SEE_OTHER };
        assert_eq!((done.status, number().as_str()), (expected, "K-88"), "{wanted}");
    }
}

#[tokio::test]
async fn an_auditor_reads_the_log_of_a_person_page_by_page_and_that_leaves_a_line() {
    let world = world().await;
    let house = &world.house;
    let auditor = Seat::of(house, &email("auditor"), true, 0).await;
    let registrar = Seat::of(house, &email("registrar"), true, 0).await;
    for _ in 0..60 {
        assert_eq!(registrar.get(&world.path("/desk/person/{p}")).await.status, StatusCode::OK);
    }
    let ask = [("bsn", ""), ("number", "K-1001"), ("person", ""), ("at", ""), ("line", "")];
    // Three of each second, a minute apart: lines of one second have an order, too. One is of a token, one of somebody else's.
    let apart = "UPDATE audit_lines SET at = 1780000000 + 60 * (seq / 3), detail = 'line ' || seq \
        WHERE represented = (SELECT pseudonym FROM audit_names WHERE name = '";
    change(house, &format!("{apart}{}')", world.path("{p}")));
    let of_them = "FROM audit WHERE detail LIKE 'line %' AND event <> 'token.issued'";
    let token = house.query(&format!("SELECT MIN(detail) {of_them} AND event = 'person.shown'")).concat();
    change(house, &format!("UPDATE audit_lines SET event = 'token.issued' WHERE detail = '{token}'"));
    let page = auditor.post("/desk/log", &ask).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text("line-50").is_some() && page.text("line-51").is_none());
    let (more, first) = (page.form("more-form").1, page.body.clone());
    let fields: Vec<_> = more.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let rest = auditor.send("/desk/log", &fields, "").await;
    assert!(rest.text("more").is_none(), "{}", rest.body);
    // Newest first, each once and none left out, wherever the second page begins.
    let rows = [&page, &rest]
        .map(|page| (1..=50).map_while(|row| page.text(&format!("line-{row}"))).collect::<Vec<_>>());
    let read: Vec<&str> =
        rows.iter().flatten().filter_map(|row| row.rsplit_once(" line ").map(|(_, seq)| seq)).collect();
    let wanted = house.query(&format!("SELECT SUBSTR(detail, 6) {of_them} ORDER BY at DESC, id DESC"));
    assert_eq!(read, wanted);
    // What the auditor did just now is the newest: they looked for somebody, and read.
    assert!(rows[0][..2].concat().contains("audit.read (ok)"), "{:?}", rows[0]);
    let both = first + &rest.body;
    for told in ["person.registered (ok)", "person.shown (ok)", "registrar@ziekenhuis.nl (staff)"] {
        assert!(both.contains(told), "{told}: {both}");
    }
    assert!(!both.contains("token.issued (") && page.text("line-1").is_some());
    assert_eq!(house.query("SELECT COUNT(*) FROM audit WHERE event = 'audit.read'"), ["2"]);
    let wrong = [("bsn", ""), ("number", "K-1002"), ask[2], ask[3], ask[4]];
    assert_eq!(auditor.post("/desk/log", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_department_sees_its_own_birthdays_ahead_and_hands_out_its_leaflet() {
    let house =
        House::with("[desk.leaflet]\nnl = \"Van ons.\\n\\nMet <b>groet</b>.\"\nen = \"From us.\"").await;
    for (email, roles) in [(ELS, "registrar"), (JOOST, "approver")] {
        member(&house, email, roles).await;
    }
    let (els, joost) = (Seat::of(&house, ELS, true, 0).await, Seat::of(&house, JOOST, true, 0).await);
    // Twelve in thirty days, and one who is not for years.
    let (soon, late) = (born(12, -30), born(8, 40));
    for (birth, number) in [(&soon, "K-1"), (&late, "K-2")] {
        let (parent, child) = (fresh_bsn(), fresh_bsn());
        let mut fields = form(&parent, &child, birth);
        fields.retain(|(name, _)| *name != "represented_number");
        fields.push(("represented_number", number));
        let path = els.post("/desk/register", &fields).await.location().unwrap().path().to_owned();
        assert!(els.get("/desk/ahead").await.text("birthday-1").is_none() || number == "K-2", "it waits");
        let read = [("bsn", parent.as_str()), ("birth", birth.as_str()), ("represented", &child)];
        assert_eq!(joost.post(&format!("{path}/approve"), &read).await.status, StatusCode::SEE_OTHER);
    }
    let page = els.get("/desk/ahead").await;
    assert!(page.text("birthday-1").unwrap().contains("Wordt 12"), "{}", page.body);
    assert!(page.text("birthday-2").is_none());
    change(&house, "UPDATE staff SET department = 'Elders' WHERE roles = 'approver'");
    assert!(joost.get("/desk/ahead").await.text("nothing").is_some(), "another department's");
    let leaflet = els.get("/desk/leaflet").await;
    assert_eq!(leaflet.text("leaflet-1").unwrap(), "Van ons.");
    assert_eq!(leaflet.text("leaflet-2").unwrap(), "Met <b>groet</b>.");
    let browser = crate::browser::Browser::new();
    let url = format!("{}/desk/leaflet", house.issuer);
    let english = browser.request(reqwest::Method::GET, &url).header("accept-language", "en");
    let english = browser.send(english.header("cookie", &els.cookie)).await;
    assert_eq!(english.text("leaflet-1").unwrap(), "From us.");
}
