//! All that is kept of somebody, for themselves: as a page and as JSON.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    account::at,
    authenticator::stale_session,
    browser::{Browser, Page},
    digid_steps::{log_in_with_digid, register_with_digid},
    house::{CALLBACK, House, PASSWORD},
    mandates_desk::{Desk, Form, born, days, fresh_bsn},
    portal::{log_in, register},
};

const OWNER: &str = "jansen@voorbeeld.nl";
const OTHER: &str = "bakker@voorbeeld.nl";

async fn asked(house: &House, browser: &Browser, kind: &str) -> Page {
    let page = browser.visit(&at(house, "/account/export"), CALLBACK).await;
    browser.submit(&page, "export-form", &[("kind", kind)]).await
}

async fn file(house: &House, browser: &Browser) -> Value {
    let told = asked(house, browser, "json").await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.body);
    let header = |name: &str| told.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-disposition"), "attachment; filename=\"mijn-gegevens.json\"");
    assert_eq!(
        (header("content-type"), header("cache-control")),
        ("application/json".into(), "no-store".into())
    );
    serde_json::from_str(&told.body).unwrap()
}

fn events(file: &Value) -> Vec<&str> {
    file["log"].as_array().unwrap().iter().map(|line| line["event"].as_str().unwrap()).collect()
}

/// Without what differs each time: when it was made, and that it was.
fn lasting(mut file: Value) -> Value {
    file["made"] = json!(null);
    file["log"].as_array_mut().unwrap().retain(|line| line["event"] != "account.exported");
    for session in file["sessions"].as_array_mut().unwrap() {
        session["seen"] = json!(null);
    }
    file
}

#[tokio::test]
async fn what_is_kept_is_told_to_its_owner_and_of_others_no_block_reason_or_number() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (bsn, sams) = (fresh_bsn(), fresh_bsn());
    let anna = desk.person("Anna Jansen", Some(&born(40, 0)), Some(&bsn));
    register_with_digid(&house, &bsn, OWNER, PASSWORD).await;
    let owner = Browser::new();
    log_in_with_digid(&house, &owner, &bsn, &[], &[]).await;
    let sam = desk.person("Sam Jansen", Some(&born(13, 0)), Some(&sams));
    let bo = desk.person("Bo Jansen", Some(&born(8, 0)), None);
    let aunt = desk.person("Tante Els", Some(&born(50, 0)), Some(&fresh_bsn()));
    let received = desk.mandate(&Form::parent(&anna, &sam));
    desk.mandate(&Form::parent(&anna, &bo));
    desk.mandate(&Form::grant(&aunt, &anna, &days(100)));
    desk.hear("consent", &received, "representative");
    desk.hear("consent", &received, "represented");

    let before = file(&house, &owner).await;
    assert_eq!(before["account"]["email"], OWNER);
    assert_eq!(before["person"], json!({"name": "Anna Jansen", "birth_date": born(40, 0), "bsn": bsn}));
    let others = |what: &str| {
        let all = before["mandates"][what].as_array().unwrap();
        all.iter().map(|one| one["other"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(
        (others("received"), others("given")),
        (["Sam Jansen".into(), "Bo Jansen".into()].into(), ["Tante Els".into()].into())
    );
    let said = before["mandates"]["said"].as_array().unwrap().iter();
    let of_sam = said.filter(|one| one["mandate"] == received.as_str()).count();
    assert_eq!(of_sam, 1, "one's own word, and not the child's");
    assert_eq!(before["sessions"].as_array().unwrap().len(), 2);
    assert_eq!(before["portals"][0]["name"], "Huisarts De Linde");
    assert_eq!(before["subjects"].as_array().unwrap().len(), 1);
    for event in ["login.digid", "account.created", "mandate.registered", "person.registered"] {
        assert!(events(&before).contains(&event), "{event}: {:?}", events(&before));
    }
    let text = before.to_string();
    for (what, secret) in [("the child's number", sams.as_str()), ("staff", "balie1"), ("hash", "argon2")] {
        assert!(!text.contains(secret), "{what}: {text}");
    }

    // A block and a child's withdrawal change nothing in what the parent is told.
    desk.hear("withdraw", &received, "represented");
    let pair = ["--representative", &anna, "--represented", &bo, "--by", "balie1", "--reason", "melding"];
    house.ok(&[&["mandates", "block"][..], &pair].concat());
    // Nor does one that is about who acts for them.
    let pair = ["--representative", &aunt, "--represented", &anna, "--by", "balie1", "--reason", "melding"];
    house.ok(&[&["mandates", "block"][..], &pair].concat());
    let after = file(&house, &owner).await;
    assert_eq!(lasting(before), lasting(after.clone()));
    assert!(!after.to_string().contains(".blocked") && !after.to_string().contains("melding"), "{after}");
    let page = asked(&house, &owner, "page").await;
    assert_eq!(page.heading(), "Uw gegevens");
    assert!(page.text("person").unwrap().contains(&format!("BSN {bsn}")), "{}", page.body);
    assert!(page.text("received").unwrap().contains("Sam Jansen (parent)"), "{}", page.body);
    assert_eq!(page.headers["cache-control"], "no-store");
    assert!(!page.body.contains(".blocked") && !page.body.contains(&sams), "{}", page.body);
    assert_eq!(house.query("SELECT COUNT(*) FROM audit WHERE event = 'account.exported'"), ["3"]);
    assert!(!house.log().contains(&bsn));

    // In a session below DigiD, nothing that only DigiD may show (F11, M7).
    let unlink = owner.visit(&at(&house, "/account/digid"), CALLBACK).await;
    owner.submit(&unlink, "unlink-form", &[]).await;
    let local = Browser::new();
    log_in(&house, &local, OWNER, 3).await;
    let less = file(&house, &local).await;
    assert_eq!((&less["person"], &less["mandates"]), (&json!(null), &json!(null)));
    let told = events(&less);
    assert!(told.contains(&"login.local"), "{told:?}");
    let beyond = |event: &&&str| event.starts_with("mandate.") || event.starts_with("person.");
    assert!(!told.iter().any(|event| beyond(&event)), "{told:?}");
    for secret in [bsn.as_str(), " Jansen", "Tante Els"] {
        assert!(!less.to_string().contains(secret), "{secret}: {less}");
    }
    let page = asked(&house, &local, "page").await;
    assert!(page.text("needs-digid").is_some() && page.text("person").is_none(), "{}", page.body);
}

#[tokio::test]
async fn nobody_gets_the_data_of_another_nor_without_fresh_proof_nor_very_often() {
    let house = House::start().await;
    let (owner, other) = (Browser::new(), Browser::new());
    register(&house, &owner, OWNER).await;
    register(&house, &other, OTHER).await;
    let url = at(&house, "/account/export");
    let csrf = async |browser: &Browser| browser.get(&url).await.form("export-form").1["csrf"].clone();
    let (mine, theirs) = (csrf(&owner).await, csrf(&other).await);
    for token in ["", theirs.as_str()] {
        let refused = owner.post(&url, &[("csrf", token), ("kind", "json")]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }
    let foreign = owner.request(Method::POST, &url).header("sec-fetch-site", "cross-site");
    let refused = owner.send(foreign.form(&[("csrf", mine.as_str()), ("kind", "json")])).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let nobody = Browser::new().post(&url, &[("csrf", &mine), ("kind", "json")]).await;
    assert_eq!(nobody.location().unwrap().path(), "/account/export");
    let stale = stale_session(&house).await;
    let send = |method: Method, path: &str| {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        http.request(method, at(&house, path)).header("cookie", &stale).header("origin", &house.issuer)
    };
    let overview = send(Method::GET, "/account").send().await.unwrap().text().await.unwrap();
    let token =
        overview.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let told = send(Method::POST, "/account/export").form(&[("csrf", token.as_str()), ("kind", "json")]);
    let told = told.send().await.unwrap();
    assert_eq!(told.headers()["location"].to_str().unwrap(), "/account/export");
    let exports = "SELECT COUNT(*) FROM audit WHERE event = 'account.exported'";
    assert_eq!(house.query(exports), ["0"]);

    let own = file(&house, &owner).await;
    assert!(own.to_string().contains(OWNER) && !own.to_string().contains(OTHER), "{own}");
    for _ in 1..20 {
        assert_eq!(asked(&house, &owner, "json").await.status, StatusCode::OK);
    }
    let often = asked(&house, &owner, "json").await;
    assert_eq!(often.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(often.text("error").unwrap().contains("vandaag vaak"), "{}", often.body);
    assert_eq!(house.query(exports), ["20"]);
    assert_eq!(asked(&house, &other, "json").await.status, StatusCode::OK, "the twin");
}
