//! What portals and programs make of a name of before, once its person became one with another (F12, section 0 of the design).

use serde_json::json;

use crate::{
    account_merge::{merge, prove_digid},
    admin::{self, Api, LOCAL, ROOT},
    browser::Browser,
    client_consent::{self, OTHER},
    digid_steps::{link, log_in_with_digid},
    exchange,
    house::{CALLBACK, House},
    mandates_desk::{Desk, Form, born, days, digid_account, fresh_bsn},
    oidc_client::THE_PORTAL,
    portal::{code_of, register},
    resource,
    same_person::{approve, propose},
};

const OWNER: &str = "jansen@voorbeeld.nl";
const SECOND: &str = "jansen+digid@voorbeeld.nl";

async fn house() -> House {
    resource::house_with(&format!("{}{LOCAL}", admin::PROGRAMS)).await
}

/// A token about somebody, for an API.
async fn about(house: &House, access_token: &str, sub: &str) -> String {
    let (status, body) = THE_PORTAL.token(house, &exchange::form(access_token, sub)).await;
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}

/// The account of whom a program finds by a name.
async fn found(house: &House, sub: &str) -> (u16, Option<String>) {
    let api = Api::new(house, &ROOT, "accounts").await;
    let (status, found) = api.post("/accounts/find", &json!({"sub": sub})).await;
    (status, found["email"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn f12_three_persons_that_became_one_answer_to_the_names_of_all_three() {
    let house = house().await;
    let (desk, bsn, birth, hers) = (Desk::of(&house), fresh_bsn(), born(40, 0), fresh_bsn());
    let first = desk.person("A. Jansen", Some(&birth), None);
    let second = desk.person("Anna Jansen", Some(&birth), Some(&bsn));
    let mother = desk.person("Els", Some(&born(70, 0)), Some(&hers));
    for person in [&first, &second] {
        desk.mandate(&Form::grant(&mother, person, &days(300)));
    }
    let els = digid_account(&house, &Browser::new(), &hers, "els@voorbeeld.nl").await;
    let older: Vec<String> = els.claims["act_as"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["sub"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(older.len(), 2);
    let mut tokens = Vec::new();
    for sub in &older {
        tokens.push(about(&house, els.text("access_token"), sub).await);
        assert_eq!(found(&house, sub).await.0, 404, "nobody has an account yet");
    }
    // The desk sees that the two are one, and then their owner links DigiD.
    let proposal = propose(&desk, &second, &first, &birth, &bsn).unwrap();
    approve(&desk, &proposal, &birth, &bsn, "joost").unwrap();
    let own = register(&house, &Browser::new(), OWNER).await;
    link(&house, &Browser::new(), &bsn, OWNER, 2).await;
    let joined = "SELECT COUNT(*) FROM persons WHERE joined_into = (SELECT person_id FROM accounts WHERE email = 'jansen@voorbeeld.nl')";
    assert_eq!(house.query(joined), ["2"], "no chain");
    for sub in older.iter().map(String::as_str).chain([own.sub()]) {
        assert_eq!(found(&house, sub).await, (200, Some(OWNER.to_owned())), "{sub}");
    }
    for token in &tokens {
        let told = THE_PORTAL.introspect(&house, token).await;
        assert_eq!((&told["active"], &told["sub"]), (&json!(true), &json!(own.sub())), "{told}");
    }
    assert_eq!(found(&house, "nobody").await.0, 404);
}

#[tokio::test]
async fn f12_after_a_merge_programs_and_introspection_know_the_name_of_the_account_that_went() {
    let house = house().await;
    let (desk, hers, his) = (Desk::of(&house), fresh_bsn(), fresh_bsn());
    let mother = desk.person("Els", Some(&born(50, 0)), Some(&hers));
    let father = desk.person("Willem", Some(&born(80, 0)), Some(&his));
    desk.mandate(&Form::grant(&mother, &father, &days(300)));
    let willem = digid_account(&house, &Browser::new(), &his, SECOND).await;
    let els = digid_account(&house, &Browser::new(), &hers, "els@voorbeeld.nl").await;
    assert_eq!(els.claims["act_as"][0]["sub"], willem.sub());
    let token = about(&house, els.text("access_token"), willem.sub()).await;
    let owner = Browser::new();
    let own = register(&house, &owner, OWNER).await;
    assert_eq!(found(&house, willem.sub()).await, (200, Some(SECOND.to_owned())));
    let page = prove_digid(&house, &owner, &his).await;
    assert_eq!(merge(&owner, &page).await.heading(), "U bent uitgelogd.");
    for sub in [willem.sub(), own.sub()] {
        assert_eq!(found(&house, sub).await, (200, Some(OWNER.to_owned())), "{sub}");
    }
    let told = THE_PORTAL.introspect(&house, &token).await;
    assert_eq!((&told["active"], &told["sub"]), (&json!(true), &json!(own.sub())), "{told}");
    // Their own tokens are of before, and open nothing.
    assert_eq!(THE_PORTAL.introspect(&house, willem.text("access_token")).await, json!({"active": false}));
}

/// A portal of somebody else that was agreed to hear an address, or nothing but a name: which of the two it hears without a word after a merge.
#[tokio::test]
async fn f12_what_a_portal_was_to_know_of_the_account_that_went_is_asked_anew() {
    for (scope, asks) in [("openid email", true), ("openid", false)] {
        let house = House::with(client_consent::TABLES).await;
        let (bsn, owner) = (fresh_bsn(), Browser::new());
        let (theirs, ask) = (Browser::new(), OTHER.ask().with("scope", scope));
        digid_account(&house, &theirs, &bsn, SECOND).await;
        let question = theirs.visit(&ask.url(&house), CALLBACK).await;
        let code = code_of(&theirs.submit(&question, "consent-form", &[("answer", "allow")]).await);
        OTHER.redeem(&house, &ask, &code).await;
        register(&house, &owner, OWNER).await;
        let page = prove_digid(&house, &owner, &bsn).await;
        assert_eq!(merge(&owner, &page).await.heading(), "U bent uitgelogd.");
        let again = Browser::new();
        log_in_with_digid(&house, &again, &bsn, &[], &[]).await;
        let told = again.visit(&ask.url(&house), CALLBACK).await;
        let is_asked = told.heading() == "Mag Stappenteller deze gegevens krijgen?";
        assert_eq!(is_asked, asks, "{scope}: {} {}", told.status, told.heading());
        if asks {
            assert!(!told.body.contains(SECOND), "{}", told.body);
        }
    }
}
