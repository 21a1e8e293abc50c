//! Two registrations of one person become one at the desk, by two who look (M11, docs/adr/0045).

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    admin_mandates::{house as with_programs, programs},
    browser::Browser,
    desk::{Seat, member},
    digid_steps::{bsn, change, log_in_with_digid, person_of, register_with_digid},
    house::{House, PASSWORD},
    mandates_desk::{Desk, Form, born, fresh_bsn},
    oidc_client::THE_PORTAL,
    portal::{log_in, register},
};

const ELS: &str = "els@ziekenhuis.nl";
const JOOST: &str = "joost@ziekenhuis.nl";
const OWNER: &str = "jansen@voorbeeld.nl";

/// By command: gives the id of the proposal, or what was said against it.
pub fn propose(
    desk: &Desk<'_>,
    remains: &str,
    other: &str,
    birth: &str,
    bsn: &str,
) -> Result<String, String> {
    let mut arguments =
        vec!["persons", "--json", "same-person", "--other", other, "--evidence-reference", "map 4"];
    if !birth.is_empty() {
        arguments.extend(["--birth-date", birth]);
    }
    arguments.extend(["--bsn-file", "-", "--by", "els", "--", remains]);
    let output = desk.say(&arguments, bsn);
    if !output.status.success() {
        return Err(String::from_utf8(output.stderr).unwrap());
    }
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["what"], &told["same_person"]), (&json!("same_person"), &json!(other)));
    Ok(told["id"].as_str().unwrap().to_owned())
}

pub fn approve(desk: &Desk<'_>, id: &str, birth: &str, bsn: &str, by: &str) -> Result<(), String> {
    approve_both(desk, id, birth, (bsn, ""), by)
}

/// The same with a patient number of the one that goes.
fn approve_both(
    desk: &Desk<'_>,
    id: &str,
    birth: &str,
    (bsn, other): (&str, &str),
    by: &str,
) -> Result<(), String> {
    let mut arguments = vec!["persons", "approve-same-person", "--by", by];
    if !birth.is_empty() {
        arguments.extend(["--birth-date", birth]);
    }
    if !other.is_empty() {
        arguments.extend(["--other-patient-number", other]);
    }
    arguments.extend(["--bsn-file", "-", "--", id]);
    let output = desk.say(&arguments, bsn);
    let said = String::from_utf8(output.stderr).unwrap();
    if output.status.success() { Ok(()) } else { Err(said) }
}

#[tokio::test]
async fn m11_two_registrations_of_one_person_are_made_one_by_two_who_tell_the_same() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (bsn, birth, old) = (fresh_bsn(), born(40, 0), fresh_bsn());
    let anna = desk.person("Anna Jansen", Some(&birth), Some(&bsn));
    let twice = desk.person("A. Jansen", Some(&birth), None);
    let wrong = desk.person("Anna Janssen", Some(&birth), Some(&old));
    let children = ["Sam", "Bo"].map(|name| desk.person(name, Some(&born(8, 0)), Some(&fresh_bsn())));
    desk.mandate(&Form::parent(&anna, &children[0]));
    desk.mandate(&Form::parent(&wrong, &children[1]));
    let tokens = register_with_digid(&house, &bsn, OWNER, PASSWORD).await;
    change(&house, &format!("UPDATE persons SET patient_number = 'K-7' WHERE id = '{twice}'"));

    // Who has an account remains; and who proposes it tells what is on record.
    let why = propose(&desk, &twice, &anna, &birth, &bsn).unwrap_err();
    assert!(why.contains("has an account"), "{why}");
    for (birth, number) in [(born(41, 0), &bsn), (String::new(), &bsn), (birth.clone(), &old)] {
        let why = propose(&desk, &anna, &twice, &birth, number).unwrap_err();
        assert!(why.contains("not what is on record"), "{why}");
    }
    let id = propose(&desk, &anna, &twice, &birth, &bsn).unwrap();
    assert_eq!(house.count("persons WHERE joined_into IS NOT NULL"), 0, "nothing changes before");
    // One pair of eyes is none, and the second tells the same.
    assert!(approve(&desk, &id, &birth, &bsn, "els").unwrap_err().contains("yourself"));
    assert!(approve(&desk, &id, &born(41, 0), &bsn, "joost").unwrap_err().contains("not what is on record"));
    let plain = ["persons", "approve", "--birth-date", &birth, "--by", "joost", "--", &id];
    assert!(desk.refused(&plain).contains("not what was proposed"));
    // Who read nothing of the one that goes does not approve, nor who tells another number of it.
    let why = approve(&desk, &id, &birth, &bsn, "joost").unwrap_err();
    assert!(why.contains("not what is on record"), "{why}");
    let why = approve_both(&desk, &id, &birth, (&bsn, "K-9"), "joost").unwrap_err();
    assert!(why.contains("not what is on record"), "{why}");
    approve_both(&desk, &id, &birth, (&bsn, "K-7"), "joost").unwrap();
    let one = format!(
        "persons WHERE id = '{anna}' AND name = 'Anna Jansen' AND patient_number = 'K-7' AND bsn_index IS NOT NULL"
    );
    assert_eq!((house.count(&one), house.count(&format!("persons WHERE joined_into = '{anna}'"))), (1, 1));
    assert!(approve(&desk, &id, &birth, &bsn, "piet").unwrap_err().contains("before"));

    // Each has a BSN: the right one is told, which is that of who remains, and the other one is nobody's.
    let why = propose(&desk, &anna, &wrong, &birth, &old).unwrap_err();
    assert!(why.contains("each of them has another BSN"), "{why}");
    change(&house, &format!("UPDATE persons SET patient_number = 'K-9' WHERE id = '{wrong}'"));
    let id = propose(&desk, &anna, &wrong, &birth, &bsn).unwrap();
    let why = approve_both(&desk, &id, &birth, (&old, "K-7"), "joost").unwrap_err();
    assert!(why.contains("each of them has another BSN"), "{why}");
    assert!(approve(&desk, &id, &birth, &bsn, "joost").unwrap_err().contains("not what is on record"));
    approve_both(&desk, &id, &birth, (&bsn, "K-9"), "joost").unwrap();
    assert_eq!(house.count(&one), 1, "by the number of the one that remains");
    let again = log_in_with_digid(&house, &Browser::new(), &bsn, &[], &[]).await;
    assert_eq!((again.sub(), again.claims["act_as"].as_array().unwrap().len()), (tokens.sub(), 2));
    assert_eq!(house.count("persons WHERE bsn_index IS NOT NULL AND joined_into IS NOT NULL"), 0);
    let lines = "SELECT actor || ' ' || represented FROM audit WHERE event = 'person.merged' AND outcome = 'ok' ORDER BY seq";
    assert_eq!(house.query(lines), [format!("joost {twice}"), format!("joost {wrong}")]);
    assert_eq!(house.count("audit WHERE event = 'person.merged' AND outcome = 'refused'"), 5);
    assert!(crate::digid_steps::files_with(&house, &old).is_empty());
}

#[tokio::test]
async fn m11_two_who_were_told_apart_stay_two_and_a_block_goes_with_its_person() {
    let house = House::start().await;
    let (desk, number) = (Desk::of(&house), fresh_bsn());
    let anna = desk.person("Anna", Some(&born(40, 0)), Some(&number));
    let [els, other] = ["Els", "A."].map(|name| desk.person(name, Some(&born(40, 0)), None));
    let sam = desk.person("Sam", Some(&born(8, 0)), Some(&fresh_bsn()));
    let mandate = desk.mandate(&Form::parent(&anna, &sam));
    // Who acts, or acted, for another is not that other; nor who was born on another day.
    let why = propose(&desk, &anna, &sam, &born(40, 0), &number).unwrap_err();
    assert!(why.contains("two people"), "{why}");
    house.ok(&["mandates", "revoke", &mandate, "--by", "els"]);
    assert!(propose(&desk, &anna, &sam, &born(40, 0), &number).unwrap_err().contains("two people"));
    let young = desk.person("B.", Some(&born(20, 0)), None);
    assert!(
        propose(&desk, &anna, &young, &born(40, 0), &number).unwrap_err().contains("dates of birth differ")
    );
    // What came between the two pairs of eyes counts.
    let id = propose(&desk, &anna, &els, &born(40, 0), &number).unwrap();
    let pair = [
        "--representative",
        anna.as_str(),
        "--represented",
        els.as_str(),
        "--by",
        "els",
        "--reason",
        "melding",
    ];
    house.ok(&[&["mandates", "block"][..], &pair].concat());
    assert!(approve(&desk, &id, &born(40, 0), &number, "joost").unwrap_err().contains("two people"));
    // A block of the one that goes holds for the one that remains.
    desk.mandate(&Form::parent(&anna, &sam));
    let tokens = register_with_digid(&house, &number, OWNER, PASSWORD).await;
    assert_eq!(tokens.claims["act_as"].as_array().unwrap().len(), 1);
    let pair = [
        "--representative",
        other.as_str(),
        "--represented",
        sam.as_str(),
        "--by",
        "els",
        "--reason",
        "melding",
    ];
    house.ok(&[&["mandates", "block"][..], &pair].concat());
    let (_, body) = THE_PORTAL.refresh(&house, tokens.text("refresh_token")).await;
    let before = crate::portal::tokens(body);
    assert_eq!(before.claims["act_as"].as_array().unwrap().len(), 1, "another person's block");
    let id = propose(&desk, &anna, &other, &born(40, 0), &number).unwrap();
    approve(&desk, &id, &born(40, 0), &number, "joost").unwrap();
    let (_, body) = THE_PORTAL.refresh(&house, before.text("refresh_token")).await;
    assert_eq!(crate::portal::tokens(body).claims["act_as"], json!([]));
    // Nor does one that was placed for the child under the other number.
    let number = fresh_bsn();
    let [bo, again] = [Some(number.as_str()), None].map(|bsn| desk.person("Bo", Some(&born(8, 0)), bsn));
    desk.mandate(&Form::parent(&anna, &bo));
    let pair = ["--representative", anna.as_str(), "--represented", again.as_str()];
    house.ok(&[&["mandates", "block"][..], &pair, &["--by", "els", "--reason", "melding"]].concat());
    assert_eq!(desk.standings(&bo), ["active"], "another person's block");
    let id = propose(&desk, &bo, &again, &born(8, 0), &number).unwrap();
    approve(&desk, &id, &born(8, 0), &number, "joost").unwrap();
    assert_eq!(desk.standings(&bo), ["blocked"]);
}

#[tokio::test]
async fn m11_at_the_desk_one_proposes_it_and_a_colleague_approves() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    member(&house, ELS, "privacy_officer").await;
    member(&house, JOOST, "privacy_officer").await;
    let (els, joost) = (Seat::of(&house, ELS, true, 0).await, Seat::of(&house, JOOST, true, 0).await);
    let (number, birth) = (bsn(1), born(40, 0));
    register_with_digid(&house, &number, OWNER, PASSWORD).await;
    let owner = person_of(&house, OWNER);
    house.set_birth_date(&owner, &birth);
    let anna = desk.person("Anna", Some(&birth), None);
    change(&house, &format!("UPDATE persons SET patient_number = 'K-7' WHERE id = '{anna}'"));
    let path = format!("/desk/person/{owner}/same-person");
    let form = |other, birth, known| {
        vec![("other", other), ("birth", birth), ("known", known), ("evidence", "map 4")]
    };
    for (fields, why) in [
        (form("K-404", birth.as_str(), number.as_str()), "Er is niemand met dit nummer"),
        (form("K-7", "1900-13-13", &number), "geboortedatum"),
        (form("K-7", &birth, "K-404"), "Dit is niet wat er van deze twee staat"),
        (form("K-7", "", &number), "Dit is niet wat er van deze twee staat"),
    ] {
        let told = els.post(&path, &fields).await;
        assert!(told.text("error").is_some_and(|text| text.contains(why)), "{why}: {}", told.body);
    }
    assert_eq!(els.post(&path, &form("K-7", &birth, &number)).await.status, StatusCode::SEE_OTHER);
    let id = house.query("SELECT id FROM corrections WHERE what = 'same_person'").concat();
    let page = joost.get(&format!("/desk/person/{owner}")).await;
    assert!(page.body.contains(&format!("/desk/person/{anna}")), "{}", page.body);
    let approval = format!("/desk/correction/{id}/same-person");
    let said = [("birth", birth.as_str()), ("known", number.as_str())];
    let own = els.post(&approval, &said).await;
    assert!(own.text("error").unwrap().contains("zelf voorgesteld"), "{}", own.body);
    let blind = joost.post(&approval, &[("birth", ""), ("known", "")]).await;
    assert!(blind.text("error").is_some(), "{}", blind.body);
    assert_eq!(house.count("persons WHERE joined_into IS NOT NULL"), 0);
    let half = joost.post(&approval, &said).await;
    assert!(half.text("error").is_some_and(|text| text.contains("Dit is niet wat er")), "{}", half.body);
    assert_eq!(house.count("persons WHERE joined_into IS NOT NULL"), 0);
    assert!(page.body.contains(r#"id="also-1" name="other""#), "{}", page.body);
    let said = [said[0], said[1], ("other", "K-7")];
    assert_eq!(joost.post(&approval, &said).await.status, StatusCode::SEE_OTHER);
    let one = format!("persons WHERE id = '{owner}' AND name = 'Anna' AND bsn_index IS NOT NULL");
    assert_eq!(house.count(&one), 1);
    // Nobody approves what is of themselves.
    let mine = person_of(&house, JOOST);
    let hers = desk.person("Joost", Some(&birth), Some(&bsn(2)));
    let path = format!("/desk/person/{mine}/same-person");
    house.set_birth_date(&mine, &birth);
    let opens = |since: &str| {
        change(&house, &format!("UPDATE accounts SET digid_linked_at = {since} WHERE person_id = '{mine}'"));
    };
    opens("1");
    assert_eq!(els.post(&path, &form(&bsn(2), &birth, &bsn(2))).await.status, StatusCode::SEE_OTHER);
    opens("NULL");
    let id = house.query("SELECT id FROM corrections WHERE approved_at IS NULL").concat();
    let told = joost
        .post(&format!("/desk/correction/{id}/same-person"), &[("birth", birth.as_str()), ("known", &bsn(2))])
        .await;
    assert!(told.text("why").unwrap().starts_with("Dit gaat over uzelf"), "{}", told.body);
    assert_eq!(house.count(&format!("persons WHERE id = '{hers}' AND joined_into IS NULL")), 1);
    none_of_their_own(&house, &joost, (&mine, &hers), &birth).await;
    log_in(&house, &Browser::new(), OWNER, 2).await;
}

/// Nobody proposes or approves that somebody becomes, or takes up, one for whom they act: whichever of the two that is.
async fn none_of_their_own(house: &House, joost: &Seat, (mine, hers): (&str, &str), birth: &str) {
    let desk = Desk::of(house);
    let [childs, others] = ["Sam", "S."].map(|name| desk.person(name, Some(birth), None));
    for (person, number) in [&childs, &others].into_iter().zip(["K-20", "K-21"]) {
        change(house, &format!("UPDATE persons SET patient_number = '{number}' WHERE id = '{person}'"));
    }
    let copied = format!(
        "INSERT INTO corrections (id, person, other, what, birth_before, bsn_before, evidence_reference, proposed_by, proposed_at, ends) \
         SELECT $ID, $ONE, $OTHER, what, birth_before, bsn_before, evidence_reference, proposed_by, proposed_at, ends \
         FROM corrections WHERE approved_at IS NULL AND person = '{mine}' AND other = '{hers}'"
    );
    for (id, one, other) in [("away", &others, &childs), ("into", &childs, &others)] {
        let statement = [("$ID", id), ("$ONE", one.as_str()), ("$OTHER", other)]
            .iter()
            .fold(copied.clone(), |text, (name, value)| text.replace(name, &format!("'{value}'")));
        change(house, &statement);
    }
    let acts = format!(
        "INSERT INTO mandates (id, representative, represented, relation, legal_basis, evidence, representative_document, \
         representative_document_valid_until, represented_document, represented_document_valid_until, form_reference, \
         registered_by, registered_at, starts, approved_by, approved_at) VALUES \
         ('his', '{mine}', '{childs}', 'curator', 'x', 'court_order', '', '', '', '', 'x', 'a', 1, 1, 'b', 1)"
    );
    let proposal = |other| [("other", other), ("birth", birth), ("known", other), ("evidence", "map 4")];
    let also = |known, other| [("birth", birth), ("known", known), ("other", other)];
    for is_his in [true, false] {
        if is_his {
            change(house, &acts);
        } else {
            change(house, "DELETE FROM mandates WHERE id = 'his'");
        }
        for (path, fields) in [
            (format!("/desk/person/{others}/same-person"), &proposal("K-20")[..]),
            (format!("/desk/person/{childs}/same-person"), &proposal("K-21")[..]),
            ("/desk/correction/away/same-person".to_owned(), &also("K-21", "K-20")[..]),
            ("/desk/correction/into/same-person".to_owned(), &also("K-20", "K-21")[..]),
        ] {
            let told = joost.post(&path, fields).await;
            let why = told.text("why").or_else(|| told.text("error")).unwrap_or_default();
            let refused = ["uzelf of uw gezin", "Dit gaat over uzelf"].iter().any(|one| why.contains(one));
            assert_eq!(refused, is_his, "{path}: {}", told.body);
        }
    }
}

/// An ex of a child's mother knows the child's numbers, and says at the desk that an account of his is the child's.
#[tokio::test]
async fn m11_no_registration_becomes_part_of_an_account_that_digid_does_not_open_or_of_somebody_of_another_age()
 {
    let house = House::start().await;
    let (desk, number, own, birth) = (Desk::of(&house), fresh_bsn(), fresh_bsn(), born(13, 0));
    let child = desk.person("Sam", Some(&birth), Some(&number));
    register(&house, &Browser::new(), OWNER).await;
    let by_password = person_of(&house, OWNER);
    register_with_digid(&house, &own, "ex@voorbeeld.nl", PASSWORD).await;
    let by_digid = person_of(&house, "ex@voorbeeld.nl");
    let twice = desk.person("S.", Some(&birth), None);
    for (account, other) in [(&by_password, &child), (&by_digid, &child), (&by_digid, &twice)] {
        let known = if other == &twice { &own } else { &number };
        let why = propose(&desk, account, other, &birth, known).unwrap_err();
        assert!(why.contains("takes DigiD"), "{why}");
    }
    // What is not known of two is recognised before anything else is told of them; and each refusal stands in the log.
    let why = propose(&desk, &by_password, &by_password, &birth, &number).unwrap_err();
    assert!(why.contains("not what is on record"), "{why}");
    assert_eq!(house.count("audit WHERE event = 'person.merge_proposed' AND outcome = 'refused'"), 4);
    assert_eq!(house.count("corrections"), 0);
    // One that was proposed before is not approved either, once DigiD opens the account no more.
    let theirs = fresh_bsn();
    register_with_digid(&house, &theirs, "sam@voorbeeld.nl", PASSWORD).await;
    let sam = person_of(&house, "sam@voorbeeld.nl");
    house.set_birth_date(&sam, &birth);
    // Nor does one without a date of birth of which one is on record of the owner only, or of neither.
    let undated = desk.person("S. zonder datum", None, None);
    assert!(propose(&desk, &sam, &undated, &birth, &theirs).unwrap_err().contains("takes DigiD"));
    assert!(propose(&desk, &by_digid, &undated, "", &own).unwrap_err().contains("takes DigiD"));
    assert!(propose(&desk, &child, &child, &birth, &number).unwrap_err().contains("two people"));
    let id = propose(&desk, &sam, &twice, &birth, &theirs).unwrap();
    let linked =
        house.query(&format!("SELECT digid_linked_at FROM accounts WHERE person_id = '{sam}'")).concat();
    change(&house, &format!("UPDATE accounts SET digid_linked_at = NULL WHERE person_id = '{sam}'"));
    assert!(approve(&desk, &id, &birth, &theirs, "joost").unwrap_err().contains("takes DigiD"));
    assert_eq!(house.count("persons WHERE joined_into IS NOT NULL"), 0);
    change(&house, &format!("UPDATE accounts SET digid_linked_at = {linked} WHERE person_id = '{sam}'"));
    approve(&desk, &id, &birth, &theirs, "joost").unwrap();
    assert_eq!(house.count(&format!("persons WHERE joined_into = '{sam}'")), 1, "the twin");
}

#[tokio::test]
async fn m11_two_programs_say_that_two_persons_are_one() {
    let house = with_programs().await;
    let (root, second) = programs(&house).await;
    let (desk, number, birth) = (Desk::of(&house), fresh_bsn(), born(40, 0));
    let anna = desk.person("Anna", Some(&birth), Some(&number));
    let twice = desk.person("A.", Some(&birth), None);
    let at = format!("/persons/{anna}/corrections");
    let said = json!({"same_person": twice, "birth_date": birth, "bsn": number});
    let proposal = |known: &Value| {
        let mut body = known.clone();
        body["evidence_reference"] = json!("map 4");
        body
    };
    let blind = json!({"same_person": twice, "birth_date": birth});
    assert_eq!(root.post(&at, &proposal(&blind)).await.0, 409);
    assert_eq!(
        root.post(&at, &proposal(&json!({"patient_number": "K-1", "birth_date": birth}))).await.0,
        400
    );
    let nobody = json!({"same_person": "nobody", "birth_date": birth, "bsn": number});
    assert_eq!(root.post(&at, &proposal(&nobody)).await.0, 409);
    let (status, told) = root.post(&at, &proposal(&said)).await;
    assert_eq!(
        (status, &told["what"], &told["same_person"]),
        (201, &json!("same_person"), &json!(twice)),
        "{told}"
    );
    let approval = format!("/corrections/{}/approve", told["id"].as_str().unwrap());
    assert_eq!(root.post(&approval, &said).await.0, 403);
    // Nobody at the desk approves what a program said: who stands behind it may be they.
    let id = told["id"].as_str().unwrap();
    assert!(approve(&desk, id, &birth, &number, "joost").unwrap_err().contains("another program"));
    let another = json!({"same_person": anna, "birth_date": birth, "bsn": number});
    assert_eq!(second.post(&approval, &another).await.0, 409);
    assert_eq!(second.post(&approval, &json!({"birth_date": birth})).await.0, 409);
    change(&house, &format!("UPDATE persons SET patient_number = 'K-8' WHERE id = '{twice}'"));
    assert_eq!(second.post(&approval, &said).await.0, 409, "they read nothing of the one that goes");
    let mut both = said.clone();
    both["other_patient_number"] = json!("K-8");
    assert_eq!(second.post(&approval, &both).await.0, 200);
    assert_eq!(root.get(&format!("/persons/{twice}")).await.0, 404);
    assert_eq!(root.get(&format!("/persons/{anna}")).await.0, 200);
}
