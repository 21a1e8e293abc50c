//! Who did it: what a command changes or reads has the name of a person in the log.

use serde_json::{Value, json};

use crate::{
    admin::{Api, ROOT},
    admin_mandates::{child, form, house, mother, programs, registered},
    browser::Browser,
    house::House,
    mandates_desk::{Desk, Form, born, fresh_bsn},
    portal::register,
};

/// Nobody changes clients, keys or what is on record, nor reads the log, without saying who they are; who does stands in the log.
#[tokio::test]
async fn no_command_changes_or_reads_anything_for_nobody() {
    let house = House::start().await;
    register(&house, &Browser::new(), "jansen@voorbeeld.nl").await;
    let email = "jansen@voorbeeld.nl";
    let add =
        ["clients", "add", "shop", "--name", "Winkel", "--policy", "basic", "--auth", "client_secret_basic"];
    let add = [&add[..], &["--redirect-uri", "https://shop.example/cb"]].concat();
    let all: [&[&str]; 8] = [
        &add,
        &["clients", "secret", "shop", "--keep-old-seconds", "0"],
        &["clients", "remove", "shop"],
        &["keys", "rotate"],
        &["audit", "export"],
        &["audit", "query", "--event", "login.local"],
        &["accounts", "profile", email, "--set", "given_name=Anna"],
        &["accounts", "consents", email],
    ];
    let lines = "SELECT COUNT(*) FROM audit";
    let before = house.query(lines);
    for one in [&all[..], &[&["clients", "uninvite", "x"], &["accounts", "withdraw", email, "x"]]].concat() {
        let refused = house.run(one);
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(2) && told.contains("--by"), "{one:?}: {told}");
        // Nor for one who takes the name of a program.
        assert_eq!(house.run(&[one, &["--by", "client:root"]].concat()).status.code(), Some(1), "{one:?}");
    }
    assert_eq!(house.query(lines), before);
    for one in all {
        house.ok(&[one, &["--by", " Els  de Vries"]].concat());
    }
    let told = house.query(
        "SELECT event || ' ' || role || ' ' || COALESCE(client, '-') FROM audit WHERE actor = 'els de vries' \
         AND event NOT LIKE 'key.%' ORDER BY seq",
    );
    let events = [
        "client.added",
        "client.secret",
        "client.removed",
        "audit.exported",
        "audit.read",
        "account.profile",
        "person.shown",
    ];
    assert_eq!(told, events.map(|event| format!("{event} staff -")));
    assert_eq!(
        house.query("SELECT COUNT(*) FROM audit WHERE event = 'key.rotated' AND actor = 'els de vries'"),
        ["4"]
    );
}

/// The lines of what was looked at, by whom and of whom; `listed` as names.
fn looks(house: &House) -> Vec<String> {
    house.query(
        "SELECT event || ' ' || outcome || ' ' || role || ' ' || actor || ' ' || COALESCE(client, '-') || ' ' || \
         COALESCE(represented, '-') || ' ' || COALESCE(detail, '-') FROM audit \
         WHERE event IN ('person.shown', 'person.listed', 'person.found') ORDER BY seq",
    )
}

/// Whatever command names a person's data to somebody leaves one line of who asked and of whom, before it is shown, and shows nothing to nobody.
#[tokio::test]
async fn r3_who_reads_of_people_by_command_stands_in_the_log_once_however_many_rows_they_read() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let bsn = fresh_bsn();
    let mother = desk.person("Anna", None, Some(&bsn));
    let [sam, noor] = ["Sam", "Noor"].map(|name| desk.person(name, Some(&born(8, 0)), None));
    let form = Form::parent(&mother, &sam);
    desk.mandate(&form);
    desk.mandate(&Form::parent(&mother, &noor));
    let before = looks(&house).len();
    let all: [&[&str]; 7] = [
        &["persons", "list"],
        &["persons", "list", "--after", &mother],
        &["persons", "show", &sam],
        &["persons", "corrections", &sam],
        &["mandates", "list", "--representative", &mother],
        &["mandates", "list", "--represented", &sam],
        &["mandates", "blocks", "--represented", &sam],
    ];
    for one in all {
        let refused = house.run(one);
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(2) && told.contains("--by"), "{one:?}: {told}");
        for by in ["client:root", "member:x", ""] {
            let refused = house.run(&[one, &["--by", by]].concat());
            assert!(refused.status.code() == Some(1) && refused.stdout.is_empty(), "{one:?} {by}");
        }
    }
    assert_eq!(looks(&house).len(), before);
    for one in all {
        assert!(!house.ok(&[one, &["--by", "Els"]].concat()).is_empty());
    }
    let shown = |whom: &str, what: &str| format!("person.shown ok staff els - {whom} {what}");
    let expected = [
        "person.listed ok staff els - - -".to_owned(),
        "person.listed ok staff els - - after".to_owned(),
        shown(&sam, "-"),
        shown(&sam, "corrections"),
        shown(&mother, "mandates"),
        shown(&sam, "mandates"),
        shown(&sam, "blocks"),
    ];
    assert_eq!(looks(&house)[before..], expected);
    // Who stood on a page is found in its line; whoever did not is not.
    let listed = |whom: &str| {
        let found =
            house.ok(&["audit", "query", "--by", "els", "--event", "person.listed", "--person", whom]);
        found.lines().count()
    };
    let mut people = [&mother, &sam, &noor];
    people.sort();
    for person in people {
        assert_eq!(listed(person), if *person > mother { 2 } else { 1 }, "{person}");
    }
    // What is nobody's id may be anything, such as a BSN: nothing is shown of anybody, and nothing of it is written.
    for one in [
        ["persons", "show", &bsn, "--by", "els"].as_slice(),
        &["persons", "corrections", &bsn, "--by", "els"],
        &["mandates", "list", "--represented", &bsn, "--by", "els"],
        &["mandates", "blocks", "--represented", &bsn, "--by", "els"],
        &["persons", "list", "--after", &bsn, "--by", "els"],
    ] {
        house.run(one);
    }
    let last = ["person.listed ok staff els - - after".to_owned()];
    assert_eq!(looks(&house)[before + expected.len()..], last);
    assert_eq!(house.query(&format!("SELECT COUNT(*) FROM audit_names WHERE name = '{bsn}'")), ["0"]);
    assert_eq!(house.query(&format!("SELECT COUNT(*) FROM audit WHERE detail LIKE '%{bsn}%'")), ["0"]);
}

/// So does a program that reads, under its own name, with each request.
#[tokio::test]
async fn r3_a_program_that_reads_of_somebody_stands_in_the_log_with_each_request() {
    let house = house().await;
    let (root, _) = programs(&house).await;
    let (mother, _) = mother(&house, &root).await;
    let sam = child(&root).await;
    let mandate = registered(&root, &form(&mother, &sam)).await;
    let proposal = json!({"patient_number": "K-1", "evidence_reference": "map 4"});
    let (_, correction) = root.post(&format!("/persons/{sam}/corrections"), &proposal).await;
    let correction = correction["id"].as_str().unwrap();
    let accounts = Api::new(&house, &ROOT, "accounts").await;
    let before = looks(&house).len();
    let email = "moeder@voorbeeld.nl";
    let (status, account) = accounts.post("/accounts/find", &json!({"email": email})).await;
    assert_eq!(status, 200, "{account}");
    for nobody in [json!({"email": "niemand@voorbeeld.nl"}), json!({"sub": "niemand"})] {
        assert_eq!(accounts.post("/accounts/find", &nobody).await.0, 404);
    }
    let read = async |api: &Api<'_>, path: String| {
        let (status, told) = api.get(&path).await;
        assert!(status == 200 && told != Value::Null, "{path}: {told}");
    };
    read(&accounts, format!("/accounts/{}", account["id"].as_str().unwrap())).await;
    for path in ["", "/mandates", "/blocks", "/corrections"] {
        read(&root, format!("/persons/{sam}{path}")).await;
    }
    read(&root, format!("/corrections/{correction}")).await;
    read(&root, mandate.clone()).await;
    // Who may not read, and who asks for nobody, is told nothing.
    for path in ["/persons/nobody", "/persons/nobody/mandates", "/mandates/nobody", "/corrections/nobody"] {
        assert_eq!(root.get(path).await.0, 404);
        assert_eq!(accounts.get(path).await.0, 403);
    }
    let line = |event: &str, rest: String| format!("person.{event} program client:root root {rest}");
    let shown = |what: &str| line("shown ok", format!("{sam} {what}"));
    let expected = [
        line("found ok", format!("{mother} email")),
        line("found unknown", "- email".to_owned()),
        line("found unknown", "- sub".to_owned()),
        line("shown ok", format!("{mother} account")),
        shown("-"),
        shown("mandates"),
        shown("blocks"),
        shown("corrections"),
        shown(correction),
        shown(mandate.trim_start_matches("/mandates/")),
    ];
    assert_eq!(looks(&house)[before..], expected);
    assert_eq!(house.query("SELECT COUNT(*) FROM audit WHERE detail LIKE '%voorbeeld%'"), ["0"]);
}
