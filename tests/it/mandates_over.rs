//! What is over is over, and nobody is left thinking so of what goes on (docs/requirements.md: M4, M5, docs/adr/0042).

use serde_json::{Value, json};

use crate::{
    admin::{Api, LOCAL, PROGRAMS, ROOT},
    desk::{ELS, Seat, member},
    family::One,
    house::House,
    mandates_desk::{Desk, Form, born, days, fresh_bsn},
    moved_clock::Birthday,
    oidc_client::CLIENTS,
};

const BERT: &str = "bert@voorbeeld.nl";
const ANNA: &str = "anna@voorbeeld.nl";
const CAREL: &str = "carel@voorbeeld.nl";

/// Bert of eighty, Anna, and Carel.
async fn three(more: &str) -> (House, One, One, One) {
    let house = House::with(format!("{CLIENTS}{more}")).await;
    let bert = One::of(&house, ("Bert", Some(&born(80, 0))), BERT).await;
    let anna = One::of(&house, ("Anna", None), ANNA).await;
    let carel = One::of(&house, ("Carel", None), CAREL).await;
    (house, bert, anna, carel)
}

/// What the desk is told of a mandate.
fn standing(house: &House, id: &str) -> String {
    house.query(&format!("SELECT CASE WHEN revoked_at IS NULL THEN 'goes on' ELSE 'stopped' END FROM mandates WHERE id = '{id}'")).concat()
}

#[tokio::test]
async fn m5_m6_who_stops_access_stops_all_that_the_two_have_and_nothing_of_others() {
    let (house, bert, anna, carel) = three("").await;
    let (house, desk) = (&house, Desk::of(&house));
    let grant = |to: &One, ends: i64| desk.mandate(&Form::grant(&to.person, &bert.person, &days(ends)));
    for by in [&bert, &anna] {
        let (first, second, carels) = (grant(&anna, 100), grant(&anna, 200), grant(&carel, 100));
        // One that waits for its second pair of eyes gives no access, and tells nobody of whom it is.
        let waits = desk.registered(&Form::grant(&anna.person, &bert.person, &days(300)));
        assert!(anna.acts_for(house).await > 0);
        let csrf = by.csrf(house).await;
        by.posts(house, "stop", &csrf, &first).await;
        assert_eq!((anna.acts_for(house).await, carel.acts_for(house).await), (0, 1), "{}", by.email);
        let found = [&first, &second, &carels, &waits].map(|id| standing(house, id));
        assert_eq!(found, ["stopped", "stopped", "goes on", "goes on"], "{}", by.email);
        let lines = format!(
            "SELECT COUNT(*) FROM audit WHERE event = 'mandate.stopped' AND detail IN ('{first}', '{second}')"
        );
        assert_eq!(house.query(&lines), ["2"]);
        // Who stops the one that waits stops that one.
        let again = grant(&anna, 100);
        by.posts(house, "stop", &csrf, &waits).await;
        assert_eq!([&again, &waits].map(|id| standing(house, id)), ["goes on", "stopped"], "{}", by.email);
        for id in [&again, &carels] {
            house.ok(&["mandates", "revoke", "--by", "balie1", "--", id]);
        }
    }
}

/// A curator whose mandate counts, beside what Bert gave her himself.
fn curator(house: &House, bert: &One, anna: &One) -> String {
    let form = Form::parent(&anna.person, &bert.person);
    let mandate =
        Desk::of(house).mandate(&form.with("--relation", "curator").with("--evidence", "court_order"));
    let ends = days(60);
    let attest = [
        "mandates",
        "special",
        "attest",
        &mandate,
        "--evidence-reference",
        "brief 12",
        "--ends",
        &ends,
        "--by",
        "balie1",
        "--json",
    ];
    let told: Value = serde_json::from_str(&house.ok(&attest)).unwrap();
    let basis = told["special"][0]["id"].as_str().unwrap().to_owned();
    house.ok(&["mandates", "special", "confirm", &basis, "--by", "balie2"]);
    mandate
}

#[tokio::test]
async fn who_cannot_stop_all_access_is_told_that_it_goes_on() {
    let (house, bert, anna, _) = three("").await;
    let (house, desk) = (&house, Desk::of(&house));
    let grant = || desk.mandate(&Form::grant(&anna.person, &bert.person, &days(100)));
    let (given, court) = (grant(), curator(house, &bert, &anna));
    let csrf = bert.csrf(house).await;
    let told = bert.posts(house, "stop", &csrf, &given).await;
    let still = told.text("still").unwrap_or_else(|| panic!("{} {}", told.status, told.body));
    assert!(still.contains("Anna heeft nog een andere machtiging"), "{still}");
    assert!(told.text("given-1").unwrap().contains("curator"), "{}", told.body);
    assert_eq!(anna.acts_for(house).await, 1);
    // The twin: where nothing is left the page is the one of always.
    let last = grant();
    house.ok(&["mandates", "revoke", "--by", "balie1", "--", &court]);
    let told = bert.posts(house, "stop", &csrf, &last).await;
    assert_eq!(told.location().unwrap().path(), "/account/mandates");
    assert_eq!(anna.acts_for(house).await, 0);
}

#[tokio::test]
async fn at_the_desk_the_page_of_a_mandate_names_what_else_gives_access() {
    let (house, bert, anna, carel) = three("").await;
    let (house, desk) = (&house, Desk::of(&house));
    let grant = |to: &One| desk.mandate(&Form::grant(&to.person, &bert.person, &days(100)));
    let (first, second, _) = (grant(&anna), grant(&anna), grant(&carel));
    member(house, ELS, "registrar").await;
    let els = Seat::of(house, ELS, true, 0).await;
    let page = format!("/desk/mandate/{first}");
    els.post(&format!("{page}/revoke"), &[]).await;
    let after = els.get(&page).await;
    let other = after.text("other-1").unwrap_or_else(|| panic!("{} {}", after.status, after.body));
    assert!(other.contains("nog een andere machtiging") && after.text("other-2").is_none(), "{other}");
    assert_eq!(anna.acts_for(house).await, 1);
    els.post(&after.form("other-revoke-1").0, &[]).await;
    assert_eq!([&first, &second].map(|id| standing(house, id)), ["stopped", "stopped"]);
    assert_eq!((anna.acts_for(house).await, carel.acts_for(house).await), (0, 1));
    assert!(els.get(&page).await.text("other-1").is_none(), "the twin");
}

/// What records a word: 200 with the standing, or the status of the refusal with what is said.
async fn said(api: &Api<'_>, id: &str, word: &str) -> (u16, String) {
    let body = json!({"party": "represented"});
    let (status, told) = api.post(&format!("/mandates/{id}/{word}"), &body).await;
    (status, told["standing"].as_str().or(told["detail"].as_str()).unwrap_or_default().to_owned())
}

#[tokio::test]
async fn m4_m5_nobody_is_heard_to_agree_to_a_mandate_that_is_over() {
    let house = House::with(format!("{PROGRAMS}{LOCAL}")).await;
    let (birthday, desk) = (Birthday::in_days(20), Desk::of(&house));
    let anna = desk.person("Anna", None, Some(&fresh_bsn()));
    let kim = desk.person("Kim", Some(&birthday.of(16)), None);
    let bert = desk.person("Bert", Some(&born(80, 0)), None);
    let revoked = desk.mandate(&Form::parent(&anna, &kim));
    house.ok(&["mandates", "revoke", "--by", "balie1", "--", &revoked]);
    let lapses = desk.mandate(&Form::parent(&anna, &kim));
    let ends = desk.mandate(&Form::grant(&anna, &bert, &days(10)));
    let consent = |id: &str| {
        ["mandates", "consent", "--party", "represented", "--attested-by", "balie1", "--", id]
            .map(str::to_owned)
    };
    let refused = |id: &str| {
        let arguments = consent(id);
        desk.refused(&arguments.each_ref().map(String::as_str))
    };
    for id in [&lapses, &ends] {
        house.ok(&consent(id).each_ref().map(String::as_str));
    }
    let words = || house.query("SELECT COUNT(*) FROM consents").concat();
    let before = words();
    birthday.has_come(&house).await;
    let api = Api::new(&house, &ROOT, "mandates").await;
    for id in [&revoked, &lapses, &ends] {
        let told = refused(id);
        assert!(told.contains("is over") && told.contains("register a new one"), "{told}");
        let (status, told) = said(&api, id, "consent").await;
        assert!(status == 409 && told.contains("register a new one"), "{status} {told}");
    }
    assert_eq!(words(), before);
    // The twin: of one that goes on, and that somebody agrees no longer is always heard.
    let goes_on = desk.mandate(&Form::grant(&anna, &bert, &days(100)));
    house.ok(&consent(&goes_on).each_ref().map(String::as_str));
    desk.hear("withdraw", &revoked, "represented");
}

#[tokio::test]
async fn a_command_and_a_program_that_revoke_hear_what_else_gives_access() {
    let (house, bert, anna, carel) = three(&format!("{PROGRAMS}{LOCAL}")).await;
    let (house, desk) = (&house, Desk::of(&house));
    let grant = |to: &One| desk.mandate(&Form::grant(&to.person, &bert.person, &days(100)));
    let (first, second, third, _) = (grant(&anna), grant(&anna), grant(&anna), grant(&carel));
    // One that waits gives no access.
    desk.registered(&Form::grant(&anna.person, &bert.person, &days(100)));
    let told = house.ok(&["mandates", "revoke", "--by", "balie1", "--", &first]);
    for other in [&second, &third] {
        assert!(told.contains(&format!("Anna still has access for Bert by {other}")), "{told}");
    }
    assert_eq!(told.matches("still has access").count(), 2, "{told}");
    let api = Api::new(house, &ROOT, "mandates").await;
    let (status, told) = api.post(&format!("/mandates/{second}/revoke"), &json!({})).await;
    assert_eq!((status, &told["others"]), (200, &json!([third])), "{told}");
    assert_eq!(anna.acts_for(house).await, 1);
    // The twin: where nothing is left nothing is named.
    let told: Value =
        serde_json::from_str(&house.ok(&["mandates", "revoke", "--json", "--by", "balie1", "--", &third]))
            .unwrap();
    assert_eq!((&told["others"], &told["standing"]), (&json!([]), &json!("revoked")));
    assert_eq!((anna.acts_for(house).await, carel.acts_for(house).await), (0, 1));
}
