//! All that is kept of somebody, for themselves: as a page and as JSON.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    account::at,
    authenticator::stale_session,
    browser::{Browser, Page},
    digid_steps::{change, log_in_with_digid, register_with_digid},
    house::{CALLBACK, House, Options, PASSWORD},
    mandates_desk::{Desk, Form, born, days, digid_account, digid_again, fresh_bsn},
    oidc_client::THE_PORTAL,
    portal::{log_in, register},
    representation, stsaml,
};

const OWNER: &str = "jansen@voorbeeld.nl";
const OTHER: &str = "bakker@voorbeeld.nl";

pub async fn asked(house: &House, browser: &Browser, kind: &str) -> Page {
    let page = browser.visit(&at(house, "/account/export"), CALLBACK).await;
    browser.submit(&page, "export-form", &[("kind", kind)]).await
}

pub async fn file(house: &House, browser: &Browser) -> Value {
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

/// Whom the mandates that were received, or given, name.
fn others_in(file: &Value, what: &str) -> BTreeSet<String> {
    let all = file["mandates"][what].as_array().unwrap();
    all.iter().map(|one| one["other"].as_str().unwrap().to_owned()).collect()
}

fn named<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
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
    let bos = desk.mandate(&Form::parent(&anna, &bo));
    desk.mandate(&Form::grant(&aunt, &anna, &days(100)));
    desk.hear("consent", &received, "representative");
    desk.hear("consent", &received, "represented");

    let before = file(&house, &owner).await;
    assert_eq!(before["account"]["email"], OWNER);
    assert_eq!(
        before["person"],
        json!({"name": "Anna Jansen", "birth_date": born(40, 0), "bsn": bsn, "patient_number": null})
    );
    assert_eq!(
        (others_in(&before, "received"), others_in(&before, "given")),
        (named(["Sam Jansen", "Bo Jansen"]), named(["Tante Els"]))
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

    // A child's withdrawal changes nothing in what the parent is told, and a block changes what a revocation does.
    desk.hear("withdraw", &received, "represented");
    let bos_pair = ["--representative", &anna, "--represented", &bo, "--by"];
    house.ok(&[&["mandates", "block"][..], &bos_pair, &["balie1", "--reason", "melding"]].concat());
    // One that is about who acts for them changes nothing.
    let pair = ["--representative", &aunt, "--represented", &anna, "--by", "balie1", "--reason", "melding"];
    house.ok(&[&["mandates", "block"][..], &pair].concat());
    let after = file(&house, &owner).await;
    let others_now = others_in(&after, "received");
    assert_eq!((others_now, others_in(&after, "given")), (named(["Sam Jansen"]), named(["Tante Els"])));
    house.ok(&[&["mandates", "unblock"][..], &bos_pair, &["balie2"]].concat());
    assert_eq!(lasting(before), lasting(file(&house, &owner).await), "the twin");
    house.ok(&["mandates", "revoke", "--by", "balie1", "--", &bos]);
    assert_eq!(lasting(after.clone()), lasting(file(&house, &owner).await), "as a revocation");
    // Of what waits for its second pair of eyes: that it does, and nobody's name.
    desk.registered(&Form::parent(&anna, &bo));
    assert_eq!(others_in(&file(&house, &owner).await, "received"), named(["Sam Jansen", ""]));
    assert!(!after.to_string().contains(".blocked") && !after.to_string().contains("melding"), "{after}");
    let page = asked(&house, &owner, "page").await;
    assert_eq!(page.heading(), "Uw gegevens");
    assert!(page.text("person").unwrap().contains(&format!("BSN {bsn}")), "{}", page.body);
    assert!(page.text("received").unwrap().contains("Sam Jansen (ouder)"), "{}", page.body);
    assert_eq!(page.headers["cache-control"], "no-store");
    assert!(!page.body.contains(".blocked") && !page.body.contains(&sams), "{}", page.body);
    assert_eq!(house.query("SELECT COUNT(*) FROM audit WHERE event = 'account.exported'"), ["6"]);
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
async fn m7_below_the_level_of_mandates_nothing_of_them_is_told() {
    let house =
        House::start_with(Options { top: "mandate_level = \"substantieel\"", ..Options::default() }).await;
    let (desk, bsn) = (Desk::of(&house), fresh_bsn());
    let anna = desk.person("Anna Jansen", Some(&born(40, 0)), Some(&bsn));
    register_with_digid(&house, &bsn, OWNER, PASSWORD).await;
    let sam = desk.person("Sam Jansen", Some(&born(8, 0)), None);
    desk.mandate(&Form::parent(&anna, &sam));
    let els = desk.person("Els Jansen", Some(&born(38, 0)), None);
    desk.mandate(&Form::grant(&els, &anna, &days(100)));
    for (level, shows) in [("Midden", false), ("Substantieel", true)] {
        let browser = Browser::new();
        digid_again(&house, &browser, &bsn, level, &THE_PORTAL, &THE_PORTAL.ask()).await;
        let told = file(&house, &browser).await;
        assert_eq!(told["person"]["bsn"], bsn.as_str(), "{level}");
        assert_eq!(told["mandates"].is_object(), shows, "{level}");
        assert_eq!(events(&told).contains(&"mandate.registered"), shows, "{level}");
        assert_eq!(told.to_string().contains("Sam"), shows, "{level}");
    }
}

/// By the word of the register (M14) somebody may be a child's parent; that is told where mandates are.
#[tokio::test]
async fn m7_m14_who_logged_in_for_a_child_is_told_at_the_level_of_mandates_only() {
    let family = representation::Family::at_home(stsaml::routed()).await;
    let (house, parent) = (&family.house, &family.parent.1);
    change(house, &format!("UPDATE persons SET name = 'Anna Jansen' WHERE id = '{parent}'"));
    family.in_for_child(&Browser::new()).await;
    // Years later.
    house.set_birth_date(&family.child.1, &born(13, 0));
    let (by_digid, local) = (Browser::new(), Browser::new());
    digid_account(house, &by_digid, &family.child.0, OTHER).await;
    log_in(house, &local, OTHER, 2).await;
    for (shows, browser) in [(true, &by_digid), (false, &local)] {
        let log = browser.get(&at(house, "/account/log")).await;
        let text = log.text("log").unwrap();
        assert_eq!(text.contains("Anna Jansen"), shows, "{text}");
        assert!(text.contains("Account gemaakt"), "{text}");
    }
    // The export too: below DigiD it is had where DigiD is linked no more.
    let by_a_parent = |file: &Value| {
        let lines = file["log"].as_array().unwrap();
        lines.iter().any(|line| line["by"] == "representative")
    };
    assert!(by_a_parent(&file(house, &by_digid).await));
    let unlink = by_digid.visit(&at(house, "/account/digid"), CALLBACK).await;
    by_digid.submit(&unlink, "unlink-form", &[]).await;
    log_in(house, &local, OTHER, 4).await;
    assert!(!by_a_parent(&file(house, &local).await));
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
