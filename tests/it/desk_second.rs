//! The second pair of eyes at the desk: what it is shown before it approves, its no, special bases, and all that waits for it.

use chrono::Days;
use namens::domain::calendar::midnight;
use reqwest::StatusCode;
use serde_json::Value;

use crate::{
    authenticator::change,
    desk::{ELS, JOOST, Seat, form, member},
    house::House,
    mandates_desk::{born, fresh_bsn},
};

/// A desk with two who work there: Els registers and approves, Joost approves and looks after what is recorded.
struct Desk {
    house: House,
    els: Seat,
    joost: Seat,
}

impl Desk {
    async fn open() -> Self {
        let house = House::start().await;
        for (email, roles) in
            [(ELS, "registrar approver privacy_officer"), (JOOST, "registrar approver privacy_officer")]
        {
            member(&house, email, roles).await;
        }
        let (els, joost) = (Seat::of(&house, ELS, true, 0).await, Seat::of(&house, JOOST, true, 0).await);
        Self { house, els, joost }
    }

    /// Els files it, with these fields otherwise. Gives its path and what Joost reads.
    async fn filed(
        &self,
        number: &str,
        other: &[(&'static str, &str)],
    ) -> (String, [(&'static str, String); 3]) {
        let (parent, child, birth) = (fresh_bsn(), fresh_bsn(), born(13, 40));
        let mut fields = form(&parent, &child, &birth);
        let other = [&[("represented_number", number)][..], other].concat();
        for (name, value) in &mut fields {
            *value = other.iter().find(|(known, _)| known == name).map_or(*value, |(_, value)| *value);
        }
        let birth = fields.iter().find(|(name, _)| *name == "represented_birth").unwrap().1.to_owned();
        let done = self.els.post("/desk/register", &fields).await;
        let path = done.location().unwrap_or_else(|| panic!("{}", done.body)).path().to_owned();
        (path, [("bsn", parent), ("birth", birth), ("represented", child)])
    }

    async fn approved(&self, number: &str, other: &[(&'static str, &str)]) -> String {
        let (path, read) = self.filed(number, other).await;
        let read = read.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(self.joost.post(&format!("{path}/approve"), &read).await.status, StatusCode::SEE_OTHER);
        path
    }

    async fn standing(&self, path: &str) -> String {
        self.els.get(path).await.text("standing").unwrap()
    }

    /// What the command tells of the mandate at this path.
    fn told(&self, path: &str) -> Value {
        let id = path.rsplit('/').next().unwrap();
        let whose = self.house.query(&format!("SELECT represented FROM mandates WHERE id = '{id}'")).concat();
        let whose = format!("--represented={whose}");
        let listed = self.house.ok(&["mandates", "--json", "list", "--by", "kijker", &whose]);
        let listed: Value = serde_json::from_str(&listed).unwrap();
        listed.as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone()
    }
}

async fn does(seat: &Seat, path: &str, fields: &[(&str, &str)], expected: StatusCode) {
    let told = seat.post(path, fields).await;
    assert_eq!(told.status, expected, "{path} {fields:?}: {}", told.body);
}

const DONE: StatusCode = StatusCode::SEE_OTHER;
const NOT: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

#[tokio::test]
async fn m4_m11_a_special_basis_is_attested_by_one_confirmed_by_another_and_ended_by_one_at_the_desk() {
    let desk = Desk::open().await;
    let (els, joost) = (&desk.els, &desk.joost);
    let mandate = desk.approved("K-1", &[]).await;
    assert_eq!(desk.standing(&mandate).await, "wacht op toestemming");
    let ends = born(0, -200);
    let good = [("evidence", "brief 1"), ("ends", ends.as_str())];
    let attest = format!("{mandate}/attest");
    let (past, far) = (born(0, 1), born(0, -400));
    for bad in [
        [("evidence", ""), good[1]],
        [good[0], ("ends", "")],
        [good[0], ("ends", &past)],
        [good[0], ("ends", &far)],
    ] {
        does(els, &attest, &bad, NOT).await;
    }
    // Of a child of eight nobody can say it.
    let young = born(8, 40);
    let of_young = desk.approved("K-2", &[("represented_birth", &young)]).await;
    does(els, &format!("{of_young}/attest"), &good, NOT).await;
    assert!(!els.get(&of_young).await.body.contains("attest-form"));
    let stored = || desk.house.query("SELECT id FROM special_bases");
    assert!(stored().is_empty());
    assert!(els.get(&mandate).await.body.contains("attest-form"), "the twin");
    does(els, &attest, &good, DONE).await;
    let id = stored().concat();
    let basis = [("basis", id.as_str())];
    // It stands in the queue of who may confirm it, and has no effect before.
    let waiting = joost.get("/desk/queue").await.text("other-1").unwrap();
    assert!(waiting.contains("Bijzondere grond") && waiting.contains(ELS), "{waiting}");
    assert!(els.get("/desk/queue").await.text("other-1").is_none(), "not for who attested it");
    assert!(!els.get(&mandate).await.body.contains("confirm-1"));
    does(els, &format!("{mandate}/confirm"), &basis, NOT).await;
    does(joost, &format!("{of_young}/confirm"), &basis, NOT).await;
    does(joost, &format!("{of_young}/end"), &basis, NOT).await;
    assert_eq!(desk.standing(&mandate).await, "wacht op toestemming");
    assert!(joost.get(&mandate).await.body.contains("confirm-1"));
    does(joost, &format!("{mandate}/confirm"), &basis, DONE).await;
    assert!(desk.standing(&mandate).await.starts_with("werkt"));
    assert!(joost.get("/desk/queue").await.text("other-1").is_none());
    does(joost, &format!("{mandate}/confirm"), &basis, NOT).await;
    does(els, &format!("{mandate}/end"), &basis, DONE).await;
    assert_eq!(desk.standing(&mandate).await, "wacht op toestemming");
    // A curator of an adult, which nothing at the desk made count before.
    let adult = born(40, 3);
    let curator =
        [("represented_birth", adult.as_str()), ("relation", "curator"), ("evidence", "court_order")];
    let curator = desk.approved("K-3", &curator).await;
    assert_eq!(desk.standing(&curator).await, "wacht op een bijzondere grond");
    does(joost, &format!("{curator}/attest"), &good, DONE).await;
    let id = desk.house.query("SELECT id FROM special_bases WHERE ended_at IS NULL").concat();
    does(els, &format!("{curator}/confirm"), &[("basis", &id)], DONE).await;
    assert!(desk.standing(&curator).await.starts_with("werkt"));
    let shown = els.get(&curator).await.text("basis-1").unwrap();
    assert!(["brief 1", ELS, JOOST].iter().all(|text| shown.contains(text)), "{shown}");
}

#[tokio::test]
async fn m1_m11_who_approves_sees_the_documents_and_may_say_no_and_who_asked_for_it_sees_that() {
    let desk = Desk::open().await;
    let (els, joost) = (&desk.els, &desk.joost);
    let young = born(8, 40);
    let other = [("represented_until", "2091-02-03"), ("represented_birth", young.as_str())];
    let (path, read) = desk.filed("K-1", &other).await;
    let page = joost.get(&path).await;
    let (one, other) = (page.text("document-1").unwrap(), page.text("document-2").unwrap());
    assert!(one.contains("Paspoort") && one.contains("2090-01-01"), "{one}");
    assert!(other.contains("Identiteitskaart") && other.contains("2091-02-03"), "{other}");
    assert!(page.text("starts").unwrap().contains("vanaf: "), "{:?}", page.text("starts"));
    assert!(page.body.contains("refuse-form"));
    let refuse = format!("{path}/refuse");
    for bad in ["", "no"] {
        let told = joost.post(&refuse, &[("why", bad)]).await;
        assert!(told.status.is_client_error(), "{bad}: {}", told.status);
    }
    assert_eq!(desk.standing(&path).await, "wacht op een collega");
    does(joost, &refuse, &[("why", "evidence")], DONE).await;
    let page = els.get(&path).await;
    assert_eq!(page.text("standing").unwrap(), "ingetrokken");
    let told = page.text("refused").unwrap();
    assert!(told.contains("het bewijs van het gezag") && told.contains(JOOST), "{told}");
    assert!(!page.body.contains("approve-form") && !page.body.contains("refuse-form"));
    let told = els.get("/desk/queue").await;
    assert!(told.text("refused-1").unwrap().contains("het bewijs van het gezag"), "{}", told.body);
    let others = joost.get("/desk/queue").await;
    assert!(others.text("refused-1").is_none() && others.text("nothing").is_some(), "{}", others.body);
    assert_eq!(desk.told(&path)["refused"], "evidence");
    // What was refused is over, and what counts is not refused any more.
    let read = read.each_ref().map(|(name, value)| (*name, value.as_str()));
    does(joost, &format!("{path}/approve"), &read, NOT).await;
    does(joost, &refuse, &[("why", "form")], NOT).await;
    let counts = desk.approved("K-2", &[("represented_birth", &young)]).await;
    does(joost, &format!("{counts}/refuse"), &[("why", "form")], NOT).await;
    assert!(desk.standing(&counts).await.starts_with("werkt"));
    assert_eq!(desk.told(&counts)["refused"], Value::Null);
    let lines = "SELECT outcome || ' ' || role FROM audit WHERE event = 'mandate.revoked'";
    assert_eq!(desk.house.query(lines), ["evidence staff"]);
}

#[tokio::test]
async fn m4_who_of_the_two_agreed_is_shown_with_when_and_how() {
    let desk = Desk::open().await;
    let mandate = desk.approved("K-1", &[]).await;
    assert!(desk.els.get(&mandate).await.text("heard-1").is_none());
    assert_eq!(desk.told(&mandate)["said"].as_array().unwrap().len(), 0);
    let said = [("party", "represented"), ("word", "agreed")];
    for _ in 0..2 {
        does(&desk.els, &format!("{mandate}/said"), &said, DONE).await;
    }
    // The other one said it online.
    change(
        &desk.house,
        "INSERT INTO consents (id, mandate, party, word, at) SELECT 'x', mandate, 'representative', 'agreed', at - 5 FROM consents LIMIT 1",
    );
    let page = desk.joost.get(&mandate).await;
    let (first, second) = (page.text("heard-1").unwrap(), page.text("heard-2").unwrap());
    assert!(
        first.starts_with("De persoon van het dossier zegt dat het mag: ") && first.contains(ELS),
        "{first}"
    );
    assert!(
        second.starts_with("Wie mag kijken zegt ja: ") && second.contains("zelf, via internet"),
        "{second}"
    );
    assert!(page.text("heard-3").is_none(), "{}", page.body);
    let told = &desk.told(&mandate)["said"];
    assert_eq!((&told[0]["party"], &told[0]["word"]), (&"represented".into(), &"agreed".into()), "{told}");
    assert!(told[0]["attested_by"].as_str().unwrap().starts_with("member:"), "{told}");
    let online = told.as_array().unwrap().iter().find(|one| one["party"] == "representative").unwrap();
    assert_eq!(online["attested_by"], Value::Null, "{told}");
    does(&desk.els, &format!("{mandate}/said"), &[said[0], ("word", "withdrawn")], DONE).await;
    let page = desk.joost.get(&mandate).await;
    let all: Vec<_> = (1..9).map_while(|row| page.text(&format!("heard-{row}"))).collect();
    assert!(
        all.iter().any(|said| said.starts_with("De persoon van het dossier wil het niet meer")),
        "{all:?}"
    );
}

#[tokio::test]
async fn m11_corrections_stand_in_the_queue_of_who_may_approve_them() {
    let desk = Desk::open().await;
    let house = &desk.house;
    let nora = "noor@ziekenhuis.nl";
    member(house, nora, "approver").await;
    let nora = Seat::of(house, nora, true, 0).await;
    let (path, _) = desk.filed("K-1", &[]).await;
    let id = path.rsplit('/').next().unwrap();
    let person = house.query(&format!("SELECT represented FROM mandates WHERE id = '{id}'")).concat();
    let birth = born(13, 40);
    let twin = [
        "persons",
        "add",
        "--name",
        "Sam",
        "--birth-date",
        &birth,
        "--patient-number",
        "K-9",
        "--by",
        "balie1",
    ];
    house.ok(&twin);
    let right = born(13, 41);
    let page = format!("/desk/person/{person}");
    let proposed = [("birth", right.as_str()), ("bsn", ""), ("evidence", "brief 1")];
    does(&desk.els, &format!("{page}/correct"), &proposed, DONE).await;
    let same = [("other", "K-9"), ("birth", birth.as_str()), ("known", "K-9"), ("evidence", "brief 2")];
    does(&desk.els, &format!("{page}/same-person"), &same, DONE).await;
    let rows = async |seat: &Seat| {
        let queue = seat.get("/desk/queue").await;
        let rows: Vec<_> = (1..9).map_while(|row| queue.text(&format!("other-{row}"))).collect();
        (rows.concat(), rows.len(), queue.body.contains(&page))
    };
    let (told, count, leads_there) = rows(&desk.joost).await;
    assert_eq!((count, leads_there), (2, true), "{told}");
    for text in ["Andere geboortedatum", "Twee personen zijn één persoon", ELS] {
        assert!(told.contains(text), "{told}");
    }
    assert_eq!(rows(&desk.els).await.1, 0, "not for who proposed them");
    assert_eq!(rows(&nora).await.1, 0, "not for who may not approve them");
    let id = house.query("SELECT id FROM corrections WHERE what = 'birth_date'").concat();
    does(&desk.joost, &format!("/desk/correction/{id}/approve"), &proposed[..2], DONE).await;
    assert_eq!(rows(&desk.joost).await.1, 1);
}

/// Filed on a Friday at four by whoever attests and proposes, and looked at from the Monday on.
#[tokio::test]
async fn m10_special_bases_and_corrections_have_the_clock_of_mandates_and_raise_the_alarm() {
    let desk = Desk::open().await;
    let house = &desk.house;
    let mandate = desk.approved("K-1", &[]).await;
    let friday = crate::story_desk::friday();
    let at_hour = |day: u64, hours: i64| midnight(friday + Days::new(day)).plus(hours * 3600);
    let seat = async |email: &str, moment| {
        house.set_clock(moment).await;
        Seat::at(house, (email, true), moment, 0).await
    };
    let els = seat(ELS, at_hour(0, 16)).await;
    let (ends, right) = (born(0, -200), born(13, 41));
    does(&els, &format!("{mandate}/attest"), &[("evidence", "brief 1"), ("ends", &ends)], DONE).await;
    let person = house.query("SELECT represented FROM mandates").concat();
    let proposed = [("birth", right.as_str()), ("bsn", ""), ("evidence", "brief 2")];
    does(&els, &format!("/desk/person/{person}/correct"), &proposed, DONE).await;
    let alarm = "this waits for a second pair of eyes past the next working day";
    for (day, hours, late) in [(3, 9, false), (3, 23, false), (4, 1, true)] {
        let joost = seat(JOOST, at_hour(day, hours)).await;
        let (queue, home) = (joost.get("/desk/queue").await, joost.get("/desk").await);
        for row in ["other-1", "other-2"] {
            let told = queue.text(row).unwrap();
            assert_eq!(
                (told.contains("Te laat"), told.contains("Klaar voor")),
                (late, !late),
                "{day}: {told}"
            );
        }
        let told = home.text("overdue");
        assert_eq!(told.is_some_and(|told| told == "2 te laat"), late, "{day} {hours}: {}", home.body);
        // Who asked for it is no second pair of eyes: they are shown nothing that is late.
        let els = seat(ELS, at_hour(day, hours)).await;
        assert!(els.get("/desk").await.text("overdue").is_none(), "{day} {hours}");
        assert!(late || !house.log().contains(alarm), "{day} {hours}");
    }
    let patience = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while !house.log().contains(alarm) {
        assert!(std::time::Instant::now() < patience, "no alarm");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // Late is not never, and what is decided is late no more.
    let joost = seat(JOOST, at_hour(4, 2)).await;
    let basis = house.query("SELECT id FROM special_bases").concat();
    does(&joost, &format!("{mandate}/confirm"), &[("basis", &basis)], DONE).await;
    assert_eq!(joost.get("/desk").await.text("overdue").unwrap(), "1 te laat");
    let correction = house.query("SELECT id FROM corrections").concat();
    does(&joost, &format!("/desk/correction/{correction}/approve"), &proposed[..2], DONE).await;
    assert!(joost.get("/desk").await.text("overdue").is_none());
}
