//! Who works at the desk and has to do with a patient: they do and learn nothing there of themselves or their own, least of all of a block
//! (M9); and keeping somebody out of a record, with or without a mandate.

use std::collections::BTreeSet;

use reqwest::StatusCode;

use crate::{
    authenticator::change,
    browser::{Browser, Page},
    desk::{ELS, JOOST, Seat, form, member},
    desk_roles::{email, world},
    digid_steps::desk_person,
    house::{House, Options},
    mandates_desk::{born, fresh_bsn},
    notify::{ALSO, Ears, TOLD},
    representation::Family,
    stsaml::routed,
};

const ALL: &str = "registrar approver privacy_officer auditor";
/// A special basis, and what was proposed of somebody.
const BASIS: &str = "basis";
const CORRECTIONS: [&str; 2] = ["theirs", "others"];
const THEIRS: &str = "Dit gaat over uzelf of over iemand voor wie u iets regelt.";

/// Files a parent's mandate for a child, and gives its path, the parent and the child.
async fn filed(house: &House, seat: &Seat, parent: &str, child: (&str, &str)) -> (String, String, String) {
    let birth = born(13, 40);
    let mut fields = form(parent, child.0, &birth);
    fields.retain(|(name, _)| *name != "represented_number");
    fields.push(("represented_number", child.1));
    let done = seat.post("/desk/register", &fields).await;
    let path = done.location().unwrap_or_else(|| panic!("{}", done.body)).path().to_owned();
    let id = path.rsplit('/').next().unwrap();
    let pair =
        house.query(&format!("SELECT representative || ' ' || represented FROM mandates WHERE id = '{id}'"));
    let (who, whom) = pair[0].split_once(' ').unwrap();
    (path.clone(), who.to_owned(), whom.to_owned())
}

/// Has somebody else than who filed it have approved a mandate.
fn approved(house: &House, path: &str) {
    let id = path.rsplit('/').next().unwrap();
    change(
        house,
        &format!(
            "UPDATE mandates SET approved_at = registered_at, approved_by = 'member:x' WHERE id = '{id}'"
        ),
    );
}

/// Gives Els's account to a person, and her seat.
async fn els_is(house: &House, person: &str) -> Seat {
    change(house, &format!("UPDATE accounts SET person_id = '{person}' WHERE email = '{ELS}'"));
    Seat::of(house, ELS, true, 0).await
}

/// An address, and what is filled in there; `None`: a page.
type Asked<'f> = (String, Option<Vec<(&'static str, &'f str)>>);

/// All that may be asked of a mandate and its two people, and of the log of one.
fn asked<'f>(mandate: &str, people: [&'f str; 2], (parent, number): (&'f str, &'f str)) -> Vec<Asked<'f>> {
    let mut all = vec![(mandate.to_owned(), None)];
    for (act, fields) in [
        ("approve", vec![("bsn", parent), ("birth", "2012-01-01")]),
        ("said", vec![("party", "represented"), ("word", "agreed")]),
        ("block", vec![("reason", "x")]),
        ("unblock", vec![]),
        ("revoke", vec![]),
        ("refuse", vec![("why", "form")]),
        ("attest", vec![("evidence", "x"), ("ends", "2090-01-01")]),
        ("confirm", vec![("basis", BASIS)]),
        ("end", vec![("basis", BASIS)]),
    ] {
        all.push((format!("{mandate}/{act}"), Some(fields)));
    }
    // Of the child, and of somebody who is to be one with the child.
    for correction in CORRECTIONS {
        for (act, fields) in [
            ("approve", vec![("birth", "2012-01-01"), ("bsn", "")]),
            ("same-person", vec![("birth", "2012-01-01"), ("known", "K-1"), ("other", "K-77")]),
            ("withdraw", vec![]),
        ] {
            all.push((format!("/desk/correction/{correction}/{act}"), Some(fields)));
        }
    }
    for person in people {
        all.push((format!("/desk/person/{person}"), None));
        for (act, fields) in [
            ("correct", vec![("birth", "2012-01-01"), ("bsn", ""), ("evidence", "x")]),
            ("same-person", vec![("other", "K-77"), ("birth", ""), ("known", "K-77"), ("evidence", "x")]),
            ("block", vec![("other", "K-77"), ("reason", "x")]),
            ("unblock", vec![("representative", "x")]),
        ] {
            all.push((format!("/desk/person/{person}/{act}"), Some(fields)));
        }
    }
    for (bsn, number) in [(parent, ""), ("", number)] {
        all.push(("/desk/search".into(), Some(vec![("bsn", bsn), ("number", number)])));
        let log = vec![("bsn", bsn), ("number", number), ("person", ""), ("at", ""), ("line", "")];
        all.push(("/desk/log".into(), Some(log)));
    }
    for person in people {
        let log = vec![("bsn", ""), ("number", ""), ("person", person), ("at", ""), ("line", "")];
        all.push(("/desk/log".into(), Some(log)));
    }
    all
}

async fn ask(seat: &Seat, (path, fields): &Asked<'_>) -> Page {
    match fields {
        None => seat.get(path).await,
        Some(fields) => seat.post(path, fields).await,
    }
}

/// What the acts of the desk write.
fn kept(house: &House) -> Vec<String> {
    house.query(
        "SELECT id || COALESCE(approved_at, 0) || COALESCE(revoked_at, 0) FROM mandates UNION ALL SELECT id || COALESCE(lifted_at, 0) FROM blocks \
         UNION ALL SELECT id FROM consents UNION ALL SELECT id FROM persons \
         UNION ALL SELECT id || COALESCE(approved_at, 0) || COALESCE(withdrawn_at, 0) FROM corrections \
         UNION ALL SELECT id || COALESCE(confirmed_at, 0) || COALESCE(ended_at, 0) FROM special_bases",
    )
}

/// What else waits of a mandate and of its child: a special basis, a date of birth, and that somebody is the child.
async fn waits(house: &House, joost: &Seat, (mandate, child, lot): (&str, &str, &str)) {
    let ends = born(0, -200);
    let basis = [("evidence", "brief 1"), ("ends", ends.as_str())];
    let birth = born(13, 41);
    let right = [("birth", birth.as_str()), ("bsn", ""), ("evidence", "brief 1")];
    for (path, fields) in
        [(format!("{mandate}/attest"), &basis[..]), (format!("/desk/person/{child}/correct"), &right)]
    {
        assert_eq!(joost.post(&path, fields).await.status, StatusCode::SEE_OTHER, "{path}");
    }
    let [theirs, others] = CORRECTIONS;
    for statement in [
        format!("UPDATE special_bases SET id = '{BASIS}'"),
        format!("UPDATE corrections SET id = '{theirs}'"),
        format!(
            "INSERT INTO corrections (id, person, other, what, birth_before, bsn_before, evidence_reference, proposed_by, proposed_at, ends) \
             SELECT '{others}', '{lot}', '{child}', 'same_person', '', bsn_before, 'brief 1', proposed_by, proposed_at, ends FROM corrections"
        ),
    ] {
        change(house, &statement);
    }
}

/// The forms of the desk that are of nobody's file: who works there. The test above asks the others.
const OF_NOBODY: [&str; 3] = ["/desk/staff", "/desk/staff/{id}/approve", "/desk/staff/{id}/end"];

/// A new form of the desk is nobody's before it was asked above, in the file of one's own people.
#[test]
fn m9_each_form_of_the_desk_is_asked_in_ones_own_file() {
    let source = include_str!("../../src/web/router.rs");
    let served: BTreeSet<String> = source
        .lines()
        .filter(|line| line.contains("\"/desk") && line.contains("post("))
        .map(|line| line.split('"').nth(1).unwrap().to_owned())
        .filter(|path| !OF_NOBODY.contains(&path.as_str()))
        .collect();
    assert!(served.len() > 15, "{served:?}");
    let of_one = |path: String| {
        let parts: Vec<&str> = path.split('/').collect();
        match parts[..] {
            ["", "desk", what, _, act] => format!("/desk/{what}/{{id}}/{act}"),
            _ => path,
        }
    };
    let all = asked("/desk/mandate/m", ["p", "q"], ("", "K-1"));
    let posted = all.into_iter().filter(|(_, fields)| fields.is_some()).map(|(path, _)| of_one(path));
    // The form of a mandate answers beside the number that was typed, so that test asks it on its own.
    let asked: BTreeSet<String> = posted.chain(["/desk/register".to_owned()]).collect();
    assert_eq!(asked, served);
}

#[tokio::test]
async fn m9_who_works_at_the_desk_does_and_learns_nothing_there_of_themselves_or_their_own() {
    let house = House::start().await;
    for email in [ELS, JOOST] {
        member(&house, email, ALL).await;
    }
    let joost = Seat::of(&house, JOOST, true, 0).await;
    let (mother, father, child) = (fresh_bsn(), fresh_bsn(), fresh_bsn());
    let (mandate, hers, whose) = filed(&house, &joost, &mother, (&child, "K-1")).await;
    let (other, his, _) = filed(&house, &joost, &father, (&child, "K-1")).await;
    house.ok(&["persons", "add", "--name", "Lot", "--patient-number", "K-77", "--by", "balie1"]);
    let lot = house.query("SELECT id FROM persons WHERE patient_number = 'K-77'").concat();
    waits(&house, &joost, (&mandate, &whose, &lot)).await;
    // The twin: nobody whom they know.
    let all = asked(&mandate, [&whose, &hers], (&mother, "K-1"));
    let els = Seat::of(&house, ELS, true, 0).await;
    for one in all.iter().filter(|(path, fields)| fields.is_none() || path.ends_with("/log")) {
        assert_eq!(ask(&els, one).await.status, StatusCode::OK, "{one:?}");
    }
    let father_page = format!("/desk/person/{his}");
    for page in ["/desk/queue", &father_page] {
        assert!(els.get(page).await.body.contains(&other), "{page}");
    }
    // Els is the mother: whether she is kept out, or was, and whatever became of the mandate, each answer is one page.
    change(&house, &format!("UPDATE accounts SET person_id = '{hers}' WHERE email = '{ELS}'"));
    let els = Seat::of(&house, ELS, true, 0).await;
    let mut first = Vec::new();
    for (case, path, fields) in [
        ("nothing", "/desk/search".to_owned(), vec![("bsn", ""), ("number", "K-1")]),
        ("blocked", format!("{mandate}/block"), vec![("reason", "melding 7")]),
        ("revoked", format!("{mandate}/revoke"), vec![]),
    ] {
        assert_eq!(joost.post(&path, &fields).await.status, StatusCode::SEE_OTHER, "{case}");
        let before = kept(&house);
        let mut told = Vec::new();
        for one in &all {
            let page = ask(&els, one).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{case} {one:?}: {}", page.body);
            assert!(page.text("why").unwrap().starts_with(THEIRS), "{case} {one:?}: {}", page.body);
            told.push(page.body);
        }
        assert!(told.windows(2).all(|two| two[0] == two[1]), "{case}: each answer is the same");
        assert_eq!(kept(&house), before, "{case}");
        first.push(told[0].clone());
        for page in ["/desk/queue", "/desk/ahead", &father_page] {
            let page = els.get(page).await;
            assert_eq!(page.status, StatusCode::OK);
            assert!(!page.body.contains("/desk/mandate/"), "{case}: {}", page.body);
        }
        // Nor a mandate for the child by the form, nor what was done in the child's file, in the log of somebody else.
        let birth = born(13, 40);
        let told = els.post("/desk/register", &form(&father, &child, &birth)).await;
        assert!(told.text("representative_bsn-error").unwrap().contains("uw gezin"), "{}", told.body);
        let log = [("bsn", father.as_str()), ("number", ""), ("person", ""), ("at", ""), ("line", "")];
        let log = els.post("/desk/log", &log).await;
        assert!(log.status == StatusCode::OK && !log.body.contains(&whose), "{case}: {}", log.body);
    }
    assert_eq!((&first[0], &first[0]), (&first[1], &first[2]), "a block changes nothing of what she is told");
    let lines = house.query(&format!(
        "SELECT COUNT(*) FROM audit WHERE event = 'desk.refused' AND detail = 'own_people' AND represented = '{whose}'"
    ));
    assert_ne!(lines, ["0"], "there is a line");
}

#[tokio::test]
async fn m9_who_is_kept_out_without_a_mandate_hears_what_who_looks_for_nobody_hears() {
    let house = House::start().await;
    for email in [ELS, JOOST] {
        member(&house, email, ALL).await;
    }
    let joost = Seat::of(&house, JOOST, true, 0).await;
    let (mother, ex) = (fresh_bsn(), fresh_bsn());
    let (_, _, whose) = filed(&house, &joost, &mother, ("", "K-1")).await;
    let els_is = desk_person(&house, "Els", None, Some(&ex));
    change(&house, &format!("UPDATE accounts SET person_id = '{els_is}' WHERE email = '{ELS}'"));
    let els = Seat::of(&house, ELS, true, 0).await;
    let person = format!("/desk/person/{whose}");
    let search = async |number: &str| els.post("/desk/search", &[("bsn", ""), ("number", number)]).await;
    let read = async |number: &str| {
        let log = [("bsn", ""), ("number", number), ("person", ""), ("at", ""), ("line", "")];
        els.post("/desk/log", &log).await
    };
    assert_eq!(search("K-1").await.status, StatusCode::SEE_OTHER, "the twin");
    assert_eq!(els.get(&person).await.status, StatusCode::OK, "the twin");
    let reason = [("other", ex.as_str()), ("reason", "melding 7")];
    assert_eq!(joost.post(&format!("{person}/block"), &reason).await.status, StatusCode::SEE_OTHER);
    house.ok(&["persons", "add", "--name", "Lot", "--patient-number", "K-77", "--by", "balie1"]);
    let lot = house.query("SELECT id FROM persons WHERE patient_number = 'K-77'").concat();
    let of_id = async |id: &str| {
        let log = [("bsn", ""), ("number", ""), ("person", id), ("at", ""), ("line", "")];
        els.post("/desk/log", &log).await
    };
    // Kept out of Lot's file, or one with Lot: named by number in somebody else's file.
    let keep_out = async |number: &str| {
        els.post(&format!("/desk/person/{lot}/block"), &[("other", number), ("reason", "x")]).await
    };
    let same = async |number: &str| {
        let fields = [("other", number), ("birth", ""), ("known", "K-77"), ("evidence", "x")];
        els.post(&format!("/desk/person/{lot}/same-person"), &fields).await
    };
    // Nor once the block is lifted: that it is told of then would tell that there was one.
    for lifted in [false, true] {
        if lifted {
            change(&house, "UPDATE blocks SET lifted_at = placed_at, lifted_by = 'member:x'");
        }
        for (case, hidden, nobody) in [
            ("search", search("K-1").await, search("K-2").await),
            ("log", read("K-1").await, read("K-2").await),
            ("log of a person", of_id(&whose).await, of_id("none").await),
            ("keep out", keep_out("K-1").await, keep_out("K-2").await),
            ("same person", same("K-1").await, same("K-2").await),
            ("person", els.get(&person).await, els.get("/desk/person/none").await),
        ] {
            assert!(hidden.status.is_client_error(), "{case}");
            assert_eq!(
                (hidden.status, hidden.text("error")),
                (nobody.status, nobody.text("error")),
                "{case}"
            );
            assert_eq!(hidden.heading(), nobody.heading(), "{case}");
            assert_eq!(
                hidden.body.replace("K-1", "K-2").replace(&whose, "none"),
                nobody.body,
                "{case}, lifted: {lifted}"
            );
            assert!(!hidden.body.contains("Dit gaat over"), "{}", hidden.body);
        }
        for page in ["/desk/queue", "/desk/ahead"] {
            assert!(!els.get(page).await.body.contains("/desk/mandate/"), "{page}");
        }
    }
    assert_eq!(house.count("blocks"), 1);
    // Somebody else goes on to find the child.
    assert_eq!(joost.get(&person).await.status, StatusCode::OK);
}

#[tokio::test]
async fn m9_a_form_says_of_a_hidden_number_what_it_says_of_one_that_was_taken_meanwhile() {
    const TAKEN: &str = "Het formulier is niet opgeslagen. Een van deze nummers kunt u hier niet gebruiken. \
                         Zoek de persoon opnieuw op, of vraag het een collega.";
    let house = House::start().await;
    for email in [ELS, JOOST] {
        member(&house, email, ALL).await;
    }
    let joost = Seat::of(&house, JOOST, true, 0).await;
    let (child, ex, father) = (fresh_bsn(), fresh_bsn(), fresh_bsn());
    let (_, _, whose) = filed(&house, &joost, &fresh_bsn(), (&child, "K-1")).await;
    let els = els_is(&house, &desk_person(&house, "Els", None, Some(&ex))).await;
    let lot = desk_person(&house, "Lot", None, Some(&fresh_bsn()));
    let block = [("other", ex.as_str()), ("reason", "melding 7")];
    let done = joost.post(&format!("/desk/person/{whose}/block"), &block).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    let birth = born(13, 40);
    let filled = |bsn: &'_ str, number: &'_ str| {
        let mut fields: Vec<(&str, String)> = Vec::new();
        for (name, value) in form(&father, bsn, &birth) {
            fields.push((name, if name == "represented_number" { number } else { value }.to_owned()));
        }
        fields
    };
    let register = async |seat: &Seat, bsn: &str, number: &str| {
        let fields = filled(bsn, number);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        seat.post("/desk/register", &fields).await
    };
    let before = kept(&house);
    for (bsn, number) in [(child.as_str(), "K-1"), ("", "K-1"), (&child, "")] {
        let told = register(&els, bsn, number).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{number}");
        assert_eq!(told.text("represented_number-error").as_deref(), Some(TAKEN), "{number}");
    }
    let correct = [("birth", ""), ("bsn", child.as_str()), ("evidence", "brief 1")];
    let told = els.post(&format!("/desk/person/{lot}/correct"), &correct).await;
    let error = told.text("error").unwrap();
    assert!(error.starts_with("Dit BSN kunt u hier niet gebruiken."), "{error}");
    // Nor where somebody is kept out who may be unknown here: without the tick a hidden number is nobody's.
    let path = format!("/desk/person/{lot}/block");
    let unseen = fresh_bsn();
    let mut told = Vec::new();
    for bsn in [&child, &unseen] {
        told.push(els.post(&path, &[("other", bsn), ("reason", "x")]).await);
    }
    assert_eq!((told[0].status, &told[0].body), (told[1].status, &told[1].body));
    let block =
        async |bsn: &str| els.post(&path, &[("other", bsn), ("unknown", "yes"), ("reason", "x")]).await;
    assert_eq!(block(&child).await.text("error").as_deref(), Some(TAKEN));
    assert_eq!(kept(&house), before);
    // The twins: a number that is nobody's, and a colleague who is kept out of nothing.
    assert_eq!(register(&els, &fresh_bsn(), "K-2").await.status, StatusCode::SEE_OTHER);
    assert_eq!(block(&unseen).await.status, StatusCode::SEE_OTHER);
    assert_eq!(register(&joost, &child, "K-1").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn m9_the_desk_counts_for_a_member_what_its_queue_shows_them() {
    let house = House::start().await;
    for email in [ELS, JOOST] {
        member(&house, email, ALL).await;
    }
    let joost = Seat::of(&house, JOOST, true, 0).await;
    let (_, _, whose) = filed(&house, &joost, &fresh_bsn(), ("", "K-1")).await;
    let ex = fresh_bsn();
    let els = els_is(&house, &desk_person(&house, "Els", None, Some(&ex))).await;
    change(&house, "UPDATE mandates SET registered_at = registered_at - 864000");
    let counted = async |seat: &Seat| {
        let (desk, queue) = (seat.get("/desk").await, seat.get("/desk/queue").await);
        let (_, waiting) = desk.body.split_once("href=\"/desk/queue\">").unwrap();
        let waiting = waiting.split_once("</a>: ").unwrap().1.chars().next().unwrap();
        (waiting, desk.text("overdue").is_some(), queue.body.contains("/desk/mandate/"))
    };
    assert_eq!(counted(&els).await, ('1', true, true), "the twin");
    let block = [("other", ex.as_str()), ("reason", "melding 7")];
    let done = joost.post(&format!("/desk/person/{whose}/block"), &block).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(counted(&els).await, ('0', false, false));
    assert_eq!(counted(&joost).await, ('1', true, true), "the twin");
}

#[tokio::test]
async fn m9_what_became_part_of_a_registration_goes_past_no_tie() {
    let house = House::start().await;
    for email in [ELS, JOOST] {
        member(&house, email, ALL).await;
    }
    let joost = Seat::of(&house, JOOST, true, 0).await;
    let (mother, ex, other) = (fresh_bsn(), fresh_bsn(), fresh_bsn());
    let (mandate, hers, whose) = filed(&house, &joost, &mother, ("", "K-1")).await;
    approved(&house, &mandate);
    let his = desk_person(&house, "Els", None, Some(&ex));
    desk_person(&house, "Bert", None, Some(&other));
    let gone = desk_person(&house, "Sam", None, None);
    change(&house, &format!("UPDATE persons SET joined_into = '{whose}' WHERE id = '{gone}'"));
    for bsn in [&mother, &ex] {
        let block = [("other", bsn.as_str()), ("reason", "melding 7")];
        let done = joost.post(&format!("/desk/person/{whose}/block"), &block).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER);
    }
    let acts = [
        (format!("/desk/person/{gone}/block"), vec![("other", other.as_str()), ("reason", "x")]),
        (format!("/desk/person/{gone}/unblock"), vec![("representative", hers.as_str())]),
    ];
    let before = kept(&house);
    // Who is kept out, and hears of nobody; and who acts for the child.
    for (person, status) in [(&his, StatusCode::NOT_FOUND), (&hers, StatusCode::FORBIDDEN)] {
        let els = els_is(&house, person).await;
        for (path, fields) in &acts {
            let told = els.post(path, fields).await;
            assert_eq!(told.status, status, "{path}: {}", told.body);
            assert_eq!(told.body.contains(THEIRS), status == StatusCode::FORBIDDEN, "{path}");
        }
        assert_eq!(kept(&house), before);
    }
    // The twin: somebody whom nothing ties to the child.
    let els = els_is(&house, &desk_person(&house, "Els", None, None)).await;
    for (path, fields) in &acts {
        assert_eq!(els.post(path, fields).await.status, StatusCode::SEE_OTHER, "{path}");
    }
}

#[tokio::test]
async fn m9_a_tie_stays_whatever_became_of_it_with_a_block_and_without_one() {
    let house = House::start().await;
    for email in [ELS, JOOST] {
        member(&house, email, ALL).await;
    }
    let joost = Seat::of(&house, JOOST, true, 0).await;
    let mother = fresh_bsn();
    let (mandate, hers, whose) = filed(&house, &joost, &mother, ("", "K-1")).await;
    let (other, ..) = filed(&house, &joost, &fresh_bsn(), ("", "K-1")).await;
    let (person, queue) = (format!("/desk/person/{whose}"), "/desk/queue");
    let els = els_is(&house, &hers).await;
    let id = mandate.rsplit('/').next().unwrap().to_owned();
    let now = |facts: &str| change(&house, &format!("UPDATE mandates SET {facts} WHERE id = '{id}'"));
    let anew = "registered_at = (SELECT MAX(registered_at) FROM mandates), revoked_at = NULL, approved_at = NULL, approved_by = NULL";
    let refused = "revoked_at = registered_at, revoked_by = 'member:x'";
    let void = "registered_at = registered_at - 2678400";
    let counted = "approved_at = registered_at, approved_by = 'member:x'";
    for blocked in [false, true] {
        if blocked {
            let block = [("other", mother.as_str()), ("reason", "melding 7")];
            let done = joost.post(&format!("{person}/block"), &block).await;
            assert_eq!(done.status, StatusCode::SEE_OTHER);
        }
        // It waits, was refused, was left to wait for too long, counts, and was taken back.
        for facts in [anew, refused, void, counted, refused] {
            now(facts);
            assert_eq!(els.get(&person).await.status, StatusCode::FORBIDDEN, "{blocked} {facts}");
            assert!(!els.get(queue).await.body.contains(&other), "{blocked} {facts}");
            // The twin: a colleague does the work.
            assert_eq!(joost.get(&person).await.status, StatusCode::OK);
            assert!(joost.get(queue).await.body.contains(&other));
        }
    }
}

#[tokio::test]
async fn m9_m11_who_is_kept_out_of_a_record_is_told_with_the_reason_to_who_may_lift_it_and_to_nobody_else() {
    let world = world().await;
    let house = &world.house;
    member(house, JOOST, "privacy_officer").await;
    let seat = async |email: &str| Seat::of(house, email, true, 0).await;
    let registrar = seat(&email("registrar")).await;
    let (officer, joost) = (seat(&email("privacy_officer")).await, seat(JOOST).await);
    let ex = fresh_bsn();
    desk_person(house, "Bert", None, Some(&ex));
    let (person, mandate) = (world.path("/desk/person/{p}"), world.path("/desk/mandate/{m}"));
    let block = format!("{person}/block");
    let blocks = || house.query("SELECT COUNT(*) FROM blocks WHERE lifted_at IS NULL").concat();
    for (other, reason) in [
        ("", "x"),
        ("123", "x"),
        ("K-9999", "x"),
        (ex.as_str(), ""),
        ("K-1001", "oneself"),
        (ex.as_str(), "a\nb"),
    ] {
        let told = registrar.post(&block, &[("other", other), ("reason", reason)]).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{other} {reason}");
        assert!(told.text("error").is_some());
    }
    assert_eq!(blocks(), "0");
    let searches = || house.query("SELECT COUNT(*) FROM audit WHERE event = 'person.found'").concat();
    let before = searches();
    let done = registrar.post(&block, &[("other", &ex), ("reason", "melding 7")]).await;
    assert_eq!((done.status, blocks().as_str()), (StatusCode::SEE_OTHER, "1"));
    assert_ne!(searches(), before, "it counts as a search");
    let done = registrar.post(&format!("{mandate}/block"), &[("reason", "melding 8")]).await;
    assert_eq!((done.status, blocks().as_str()), (StatusCode::SEE_OTHER, "2"));
    // Why, who and since when, for who may lift it: of the mandate its own representative, on the person's page all.
    for (seat, told) in [(&officer, true), (&joost, true), (&registrar, false)] {
        let (of_person, of_mandate) = (seat.get(&person).await, seat.get(&mandate).await);
        assert_eq!(of_person.text("block-2").is_some(), told);
        for (text, page, there) in [
            ("melding 7", &of_person, told),
            ("melding 8", &of_person, told),
            ("melding 7", &of_mandate, false),
            ("melding 8", &of_mandate, told),
        ] {
            assert_eq!(page.body.contains(text), there, "{text}: {}", page.body);
        }
        if told {
            let (one, other) = (of_person.text("block-1").unwrap(), of_person.text("block-2").unwrap());
            let both = one + &other;
            for text in ["Bert", "Anna de Vries", &email("registrar")] {
                assert!(both.contains(text), "{text}: {both}");
            }
        }
    }
    // Lifted from the person's page, though there never was a mandate; the other one holds.
    let kept_out = house.query("SELECT representative FROM blocks WHERE reason = 'melding 7'").concat();
    let lift = [("representative", kept_out.as_str())];
    let path = format!("{person}/unblock");
    assert_eq!(registrar.post(&path, &lift).await.status, StatusCode::FORBIDDEN);
    assert_eq!(blocks(), "2");
    assert_eq!(officer.post(&path, &lift).await.status, StatusCode::SEE_OTHER);
    assert_eq!(house.query("SELECT reason FROM blocks WHERE lifted_at IS NULL"), ["melding 8"]);
    // Who placed it is not the one who lifts it.
    let own = joost.post(&block, &[("other", &ex), ("reason", "melding 9")]).await;
    assert_eq!(own.status, StatusCode::SEE_OTHER);
    assert_eq!(joost.post(&path, &lift).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(blocks(), "2");
    assert_eq!(officer.post(&path, &lift).await.status, StatusCode::SEE_OTHER, "the twin");
}

/// M14: who acts by the word of the register has no mandate to block; the desk keeps them out all the same, and their session for the child ends.
#[tokio::test]
async fn m9_m14_the_desk_keeps_out_a_parent_who_acts_by_the_registers_word() {
    let (ears, heard_by) = Ears::open().await;
    let options = routed();
    let tables = Box::leak(format!("{}{heard_by}", options.tables).into_boxed_str());
    let family = Family::at_home(Options { tables, ..options }).await;
    let (house, browser) = (&family.house, Browser::new());
    family.in_for_child(&browser).await;
    let told = TOLD.sign_on(house, &browser, "openid act_as").await;
    ALSO.sign_on(house, &browser, "openid").await;
    member(house, ELS, "registrar").await;
    let els = Seat::of(house, ELS, true, 0).await;
    let path = format!("/desk/person/{}/block", family.child.1);
    let block = [("other", family.parent.0.as_str()), ("reason", "melding 7")];
    assert_eq!(house.query("SELECT COUNT(*) FROM notices"), ["0"]);
    assert_eq!(els.post(&path, &block).await.status, StatusCode::SEE_OTHER);
    ears.of(TOLD, &told.claims["sid"], 1).await;
    let (status, _) = TOLD.refresh(house, told.text("refresh_token")).await;
    assert_ne!(status, 200, "nothing is left of it");
}
