//! The same as `hygiene`, of those who work with Namens and of what people set up for themselves: no BSN that is typed at the desk, imported or
//! sent by a program, no code, key or proof stands in the log or the database, even with the most talkative log.

use std::fs;

use serde_json::json;

use crate::{
    account::at,
    account_offers::{code, types},
    admin::{Api, LOCAL, PROGRAMS, ROOT, shop},
    authenticator::{App, type_app, type_recovery},
    browser::Browser,
    desk::{Seat, colleague, form, member, to_app},
    dpop,
    family::One,
    house::House,
    hygiene::{Secrets, holds, look},
    import,
    jose::Key,
    mandates_desk::{born, fresh_bsn},
    oidc_client::{CLIENTS, LAB},
};

/// What passes the test of eleven no more: somebody mistyped the number that is noted.
const MISTYPED: &str = "123456789";

#[tokio::test]
async fn no_secret_of_those_who_work_here_or_of_an_app_stands_in_the_log_or_the_database() {
    let mut house = House::with(format!("{CLIENTS}{PROGRAMS}{LOCAL}")).await;
    house.kill();
    house.open_doors_with(&[("RUST_LOG", "trace")]);
    let bert = One::of(&house, ("Bert", Some(&born(80, 0))), "bert@voorbeeld.nl").await;
    let anna = One::of(&house, ("Anna", None), "anna@voorbeeld.nl").await;
    let carel = One::of(&house, ("Carel", Some(&born(30, 0))), "carel@voorbeeld.nl").await;
    let mut secrets = Secrets::default();
    for one in [&bert, &anna, &carel] {
        secrets.note("a BSN that DigiD told", &one.bsn);
    }
    let offer = code(&bert, &house, "31").await;
    secrets.note("a code that gives access", &offer);
    secrets.note("a code that gives access", &offer.replace(' ', ""));
    assert!(types(&anna, &house, &offer).await.status.is_redirection());

    let page = carel.browser.get(&at(&house, "/account/app")).await;
    let key = page.text("secret").unwrap();
    secrets.note("the key of an app", &key);
    secrets.note("the key of an app", &key.replace(' ', ""));
    let done = carel.browser.submit(&page, "app-form", &[("code", &App::of(&page).code(1))]).await;
    for part in done.text("codes").unwrap().split(' ').collect::<Vec<_>>().chunks(2) {
        secrets.note("a recovery code", &part.join(" "));
        secrets.note("a recovery code", &part.concat());
    }
    by_app(&house, &mut secrets).await;
    at_the_desk(&house, &mut secrets).await;
    by_programs(&house, &mut secrets).await;

    let keys = Key::new();
    let proof = keys.proof(&house, "POST", "/token", None);
    let asked = LAB.ask();
    let brought = LAB.code(&house, &bert.browser, &asked).await;
    let answer =
        dpop::send(LAB.post(&house, "/token", &asked.redemption(&brought)).header("dpop", &proof)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    secrets.note("a proof", &proof);
    secrets.note("a bound token", answer.body["access_token"].as_str().unwrap());

    assert!(house.log().contains("TRACE"), "the log was to be as talkative as it can be");
    house.kill();
    let mut looked_at = Vec::new();
    look(&house.folder, &mut looked_at);
    assert!(looked_at.iter().any(|(name, _)| name == "log"));
    // The twin: what may stand there is found.
    assert!(looked_at.iter().any(|(_, bytes)| holds(bytes, "K-1001")));
    for (name, bytes) in &looked_at {
        for (what, secret) in &secrets.0 {
            assert!(!holds(bytes, secret), "{what} stands in {name}");
        }
    }
}

/// Somebody logs in by a code of their app, and by one of those that they kept for when it is gone.
async fn by_app(house: &House, secrets: &mut Secrets) {
    let dirk = colleague(house, "dirk@voorbeeld.nl").await;
    let code = dirk.app.code(1);
    let browser = Browser::new();
    let page = to_app(house, &browser, dirk.email).await;
    assert!(type_app(&browser, &page, &code).await.status.is_redirection());
    // Six digits by themselves stand in any log. These are how a form or a line would have them.
    for around in [format!("code={code}"), format!("\"{code}\""), format!("({code})")] {
        secrets.note("a code of an app", &around);
    }
    let browser = Browser::new();
    let page = to_app(house, &browser, dirk.email).await;
    assert!(type_recovery(&browser, &page, &dirk.app.recovery[0]).await.status.is_redirection());
    for code in &dirk.app.recovery {
        secrets.note("a recovery code", code);
        secrets.note("a recovery code", &code.replace(' ', ""));
    }
}

/// Somebody asks for a mandate, another one approves it, a number is mistyped, searched and put right, and a file is imported.
async fn at_the_desk(house: &House, secrets: &mut Secrets) {
    for role in ["registrar", "approver", "privacy_officer"] {
        member(house, &format!("{role}@ziekenhuis.nl"), role).await;
    }
    let seat = async |role: &str| Seat::of(house, &format!("{role}@ziekenhuis.nl"), true, 0).await;
    let (registrar, approver) = (seat("registrar").await, seat("approver").await);
    let (parent, child, birth, right) = (fresh_bsn(), fresh_bsn(), born(8, 40), fresh_bsn());
    let refused = registrar.post("/desk/register", &form(&parent, MISTYPED, &birth)).await;
    assert_eq!(refused.status.as_u16(), 422, "{}", refused.body);
    let done = registrar.post("/desk/register", &form(&parent, &child, &birth)).await;
    let mandate = done.location().unwrap_or_else(|| panic!("{}", done.body)).path().to_owned();
    let read = [("bsn", parent.as_str()), ("birth", birth.as_str()), ("represented", &child)];
    assert!(approver.post(&format!("{mandate}/approve"), &read).await.status.is_redirection());
    for bsn in [&child, MISTYPED] {
        registrar.post("/desk/search", &[("bsn", bsn), ("number", "")]).await;
    }
    let person = house.query("SELECT represented FROM mandates WHERE relation = 'parent'").concat();
    let correct = [("birth", ""), ("bsn", right.as_str()), ("number", ""), ("evidence", "2026-7")];
    let officer = seat("privacy_officer").await;
    let proposed = officer.post(&format!("/desk/person/{person}/correct"), &correct).await;
    assert!(proposed.status.is_redirection(), "{}", proposed.body);
    for bsn in [&parent, &child, &right, MISTYPED] {
        secrets.note("a BSN typed at the desk", bsn);
    }
    let imported = fresh_bsn();
    let file = std::env::temp_dir().join(format!("namens-import-{imported}.csv"));
    fs::write(&file, format!("patient_number,name,birth_date,bsn\nN-1,Sam,2018-05,{imported}\n")).unwrap();
    import::done(import::import(house, "persons", file.to_str().unwrap(), &[]));
    fs::write(&file, format!("patient_number,name,birth_date,bsn\nN-2,Kim,2018-05,{MISTYPED}\n")).unwrap();
    import::refused(import::import(house, "persons", file.to_str().unwrap(), &[]));
    fs::remove_file(&file).unwrap();
    secrets.note("a BSN of an import", &imported);
}

/// A client with a secret of its own and a person with a BSN come through the admin API.
async fn by_programs(house: &House, secrets: &mut Secrets) {
    let api = Api::new(house, &ROOT, "clients mandates accounts").await;
    secrets.note("a program's token", &api.token);
    let (status, made) = api.post("/clients", &shop()).await;
    assert_eq!(status, 201, "{made}");
    secrets.note("a client's secret", made["client_secret"].as_str().unwrap());
    let bsn = fresh_bsn();
    let (status, told) =
        api.post("/persons", &json!({"name": "Lot", "birth_date": "1990", "bsn": bsn})).await;
    assert_eq!(status, 201, "{told}");
    let refused = api.post("/persons", &json!({"name": "Lot", "bsn": MISTYPED})).await;
    assert_eq!(refused.0, 400, "{}", refused.1);
    assert!(!refused.1.to_string().contains(MISTYPED), "{}", refused.1);
    secrets.note("a BSN that a program sent", &bsn);
}
