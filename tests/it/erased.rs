//! What is left of somebody who erased their account: each column of each table is searched (section 5 of the design, docs/adr/0043).

use crate::{
    account::at,
    account_offers::{BERT, accepted, posts},
    browser::{Browser, Page},
    digid_steps::{change, person_of},
    family::One,
    house::{CALLBACK, House},
    mandates_desk::{Desk, Form, born, digid_account, fresh_bsn},
    oidc_client::CLIENTS,
};

const ANNA: &str = "anna-die-weggaat@voorbeeld.nl";

/// In which columns that stands, as text or as bytes; `what` in hexadecimal digits.
fn columns_with(house: &House, what: &str) -> Vec<String> {
    let columns = house.query(
        "SELECT t.name || '.' || c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY 1",
    );
    assert!(columns.len() > 150, "{}", columns.len());
    let looks = columns.iter().map(|column| {
        let (table, name) = column.split_once('.').unwrap();
        format!("SELECT '{column}' WHERE EXISTS (SELECT 1 FROM \"{table}\" WHERE instr(hex(\"{name}\"), '{what}') > 0)")
    });
    house.query(&looks.collect::<Vec<_>>().join(" UNION ALL "))
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02X}")).collect()
}

async fn erase(house: &House, browser: &Browser, email: &str) -> Page {
    let page = browser.visit(&at(house, "/account/erase"), CALLBACK).await;
    browser.submit(&page, "erase-form", &[("email", email)]).await
}

/// Of somebody by their names, and where each may be: before an account goes, and after.
struct Kept {
    what: &'static str,
    value: String,
    after: &'static [&'static str],
}

fn assert_kept(house: &House, kept: &[Kept], is_erased: bool) {
    for Kept { what, value, after } in kept {
        let mut found = columns_with(house, value);
        // Whom the program mailed about a mandate, by a random id: it does so in its own time, before the account goes or not at all.
        found.retain(|column| column != "mandate_mails.person");
        if is_erased {
            assert_eq!(found, *after, "{what}");
        } else {
            assert!(!found.is_empty(), "{what} stands nowhere: the search looks for the wrong thing");
        }
    }
}

fn one(house: &House, statement: &str) -> String {
    let found = house.query(statement).concat();
    assert!(!found.is_empty(), "{statement}");
    found
}

/// The evidence of a grant that two people made online stays, and tells of nobody any more.
#[tokio::test]
async fn f15_of_somebody_whom_nobody_else_knew_no_word_is_left_in_any_column() {
    let house = House::with(CLIENTS).await;
    let bert = One::of(&house, ("Bert", Some(&born(80, 0))), BERT).await;
    let (bsn, browser) = (fresh_bsn(), Browser::new());
    let tokens = digid_account(&house, &browser, &bsn, ANNA).await;
    let person = person_of(&house, ANNA);
    let sub = tokens.sub().to_owned();
    let anna = One { browser, tokens, person: person.clone(), email: ANNA, bsn };
    let id = accepted(&bert, &anna, &house).await;
    posts(&bert, &house, "confirm", &[("mandate", &id)]).await;
    assert_eq!(anna.acts_for(&house).await, 1);
    let index = one(&house, &format!("SELECT hex(bsn_index) FROM persons WHERE id = '{person}'"));
    let kept = [
        Kept { what: "the address", value: hex(ANNA), after: &[] },
        Kept { what: "the index of the BSN", value: index, after: &[] },
        Kept { what: "the sub", value: hex(&sub), after: &[] },
        // A random id of whom nothing is said: in the grant that was hers, and, for three days, in what portals are told of the end of her
        // session.
        Kept {
            what: "the person",
            value: hex(&person),
            after: &["mandates.representative", "notices.person_id", "persons.id"],
        },
    ];
    assert_kept(&house, &kept, false);
    let out = erase(&house, &anna.browser, ANNA).await;
    assert_eq!(out.text("done").as_deref(), Some("Uw account is verwijderd."), "{}", out.body);
    assert_kept(&house, &kept, true);
    let row = "SELECT name || COALESCE(birth, '') || COALESCE(bsn_index, '') || COALESCE(bsn_sealed, '') \
               || COALESCE(patient_number, '') || 'x' FROM persons WHERE id = ";
    assert_eq!(house.query(&format!("{row}'{person}'")), ["x"]);
    // Whoever comes back is somebody new.
    let (email, again) = ("anna-is-terug@voorbeeld.nl", Browser::new());
    digid_account(&house, &again, &anna.bsn, email).await;
    assert_ne!(person_of(&house, email), person);
}

/// The desk's own record of its patient, and what it checked of a mandate, are not the account's.
#[tokio::test]
async fn f15_of_whom_the_desk_knows_its_own_record_stays_and_what_was_the_accounts_goes() {
    let house = House::with(CLIENTS).await;
    let anna = One::of(&house, ("Anna van der Zoekterm", Some(&born(40, 0))), ANNA).await;
    let kim = Desk::of(&house).person("Kim", Some(&born(8, 0)), None);
    Desk::of(&house).mandate(&Form::parent(&anna.person, &kim).with("--form-reference", "map-7741-b"));
    assert_eq!(anna.acts_for(&house).await, 1);
    change(&house, &format!("UPDATE persons SET patient_number = 'K-900177' WHERE id = '{}'", anna.person));
    let index = one(&house, &format!("SELECT hex(bsn_index) FROM persons WHERE id = '{}'", anna.person));
    let pseudonym = one(&house, &format!("SELECT pseudonym FROM audit_names WHERE name = '{}'", anna.person));
    let kept = [
        Kept { what: "the address", value: hex(ANNA), after: &[] },
        // The desk's record of its patient.
        Kept { what: "the name", value: hex("Anna van der Zoekterm"), after: &["persons.name"] },
        Kept { what: "the patient number", value: hex("K-900177"), after: &["persons.patient_number"] },
        Kept { what: "the index of the BSN", value: index, after: &["persons.bsn_index"] },
        // By which portals know them as somebody's child or parent.
        Kept { what: "the sub", value: hex(anna.tokens.sub()), after: &["subjects.sub"] },
        // Evidence of what the desk checked, under the random id of its person.
        Kept { what: "the form", value: hex("map-7741-b"), after: &["mandates.form_reference"] },
        // Lines of the log, which nobody can tell any more of whom they are.
        Kept {
            what: "the pseudonym",
            value: hex(&pseudonym),
            after: &["audit_lines.actor", "audit_lines.represented"],
        },
    ];
    assert_kept(&house, &kept, false);
    erase(&house, &anna.browser, ANNA).await;
    assert_kept(&house, &kept, true);
    assert_eq!(house.count(&format!("audit_names WHERE name = '{}'", anna.person)), 0);
    assert!(house.ok(&["audit", "verify"]).contains("as they were written"));
}
