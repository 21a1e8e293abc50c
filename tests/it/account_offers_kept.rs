//! What is kept of an offer (docs/adr/0048): that its maker is told it, how many may be made, and what ends it.

use reqwest::StatusCode;

use crate::{
    account_export::{asked, file},
    account_merge::{merge, prove_digid},
    account_offers::{
        ANNA, BERT, DAY, accepted, again, code, is_done, newest, posts, three, three_with, types,
    },
    admin::{Api, LOCAL, PROGRAMS, ROOT},
    browser::Browser,
    family::One,
    house::House,
    portal::register,
};

const OWNER: &str = "jansen@voorbeeld.nl";
const REFUSED: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

#[tokio::test]
async fn r1_who_made_an_offer_is_told_it_and_of_the_other_and_of_a_block_nothing() {
    let (house, bert, anna, carel) = three().await;
    let house = &house;
    accepted(&bert, &anna, house).await;
    let told = file(house, &bert.browser).await;
    let offered = told["mandates"]["offered"].as_array().unwrap();
    assert_eq!(offered.len(), 1);
    let members: Vec<&str> = offered[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["accepted", "days", "label", "waits_until"]);
    assert_eq!(
        (&offered[0]["label"], &offered[0]["days"], &offered[0]["accepted"]),
        (&"mijn dochter".into(), &31.into(), &true.into())
    );
    for secret in [anna.bsn.as_str(), ANNA, anna.person.as_str()] {
        assert!(!told["mandates"]["offered"].to_string().contains(secret), "{secret}");
    }
    // A block of who said yes changes nothing.
    let pair = ["--representative", &anna.person, "--represented", &bert.person];
    house.ok(&[&["mandates", "block", "--by", "balie1", "--reason", "melding"][..], &pair[..]].concat());
    assert_eq!(file(house, &bert.browser).await["mandates"], told["mandates"]);
    // One that nobody took, on the page too; and nothing of either with anybody else.
    code(&bert, house, "7").await;
    let page = asked(house, &bert.browser, "page").await;
    let shown = page.text("offered").unwrap();
    for says in ["mijn dochter (31 dagen): iemand heeft ja gezegd", "mijn dochter (7 dagen): nog niemand"] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
    for other in [&anna, &carel] {
        let told = file(house, &other.browser).await;
        assert_eq!(told["mandates"]["offered"].as_array().unwrap().len(), 0, "{}", other.email);
        assert!(!told.to_string().contains("dochter"));
    }
    // What is over is none any more.
    house.move_clock(7 * DAY + 60).await;
    again(&bert, house).await;
    assert_eq!(file(house, &bert.browser).await["mandates"]["offered"].as_array().unwrap().len(), 0);
}

async fn closes(house: &House, email: &str) {
    let api = Api::new(house, &ROOT, "accounts").await;
    let (_, found) = api.post("/accounts/find", &serde_json::json!({"email": email})).await;
    let at = format!("/accounts/{}", found["id"].as_str().unwrap());
    assert_eq!(api.delete(&at).await.0, 204);
}

#[tokio::test]
async fn an_account_that_is_closed_ends_what_its_owner_offered_and_what_they_were_offered() {
    let (house, bert, anna, carel) = three_with(&format!("{PROGRAMS}{LOCAL}")).await;
    let house = &house;
    let annas = accepted(&bert, &anna, house).await;
    let carels = accepted(&bert, &carel, house).await;
    closes(house, ANNA).await;
    assert_eq!(house.query("SELECT id FROM offers"), [carels.as_str()]);
    assert_eq!(posts(&bert, house, "confirm", &[("mandate", &annas)]).await.status, REFUSED);
    // The twin, and then the other side of it.
    assert!(is_done(&posts(&bert, house, "confirm", &[("mandate", &carels)]).await));
    let last = code(&bert, house, "7").await;
    closes(house, BERT).await;
    assert_eq!(house.count("offers"), 0);
    assert_eq!(types(&carel, house, &last).await.status, REFUSED);
}

#[tokio::test]
async fn f12_two_accounts_that_become_one_leave_no_offer_of_either() {
    let (house, bert, anna, carel) = three().await;
    let (house, owner) = (&house, Browser::new());
    register(house, &owner, OWNER).await;
    let annas = accepted(&bert, &anna, house).await;
    let berts = accepted(&carel, &bert, house).await;
    let twin = accepted(&carel, &anna, house).await;
    let page = prove_digid(house, &owner, &bert.bsn).await;
    assert_eq!(merge(&owner, &page).await.heading(), "U bent uitgelogd.");
    assert_eq!(house.query("SELECT id FROM offers"), [twin.as_str()]);
    assert_eq!(posts(&carel, house, "confirm", &[("mandate", &berts)]).await.status, REFUSED);
    assert!(is_done(&posts(&carel, house, "confirm", &[("mandate", &twin)]).await));
    assert_eq!(house.count(&format!("mandates WHERE id IN ('{annas}', '{berts}')")), 0);
}

/// One of Bert's that nobody takes.
async fn withdrawn(bert: &One, house: &House) {
    code(bert, house, "7").await;
    assert!(is_done(&posts(bert, house, "decline", &[("mandate", &newest(house))]).await));
}

#[tokio::test]
async fn ten_offers_are_made_a_day_however_few_of_them_live() {
    let (house, bert, _, _) = three().await;
    let house = &house;
    for _ in 0..10 {
        withdrawn(&bert, house).await;
    }
    let offer = async || posts(&bert, house, "offer", &[("label", "x"), ("days", "7")]).await;
    let often = offer().await;
    assert_eq!(often.status, REFUSED);
    assert!(often.text("error").unwrap().contains("te vaak"), "{}", often.body);
    assert_eq!((house.count("offers"), house.count("audit WHERE event = 'mandate.offered'")), (0, 10));
    house.move_clock(DAY + 60).await;
    again(&bert, house).await;
    withdrawn(&bert, house).await;
}

#[tokio::test]
async fn an_offer_that_is_over_is_neither_taken_nor_confirmed() {
    let (house, bert, anna, carel) = three().await;
    let house = &house;
    let open = code(&bert, house, "7").await;
    let annas = accepted(&bert, &anna, house).await;
    let twin = code(&bert, house, "7").await;
    let carels = accepted(&bert, &carel, house).await;
    // An hour before the end of its week each is what it was.
    house.move_clock(7 * DAY - 3600).await;
    again(&bert, house).await;
    again(&carel, house).await;
    assert!(is_done(&posts(&bert, house, "confirm", &[("mandate", &carels)]).await), "the twin");
    assert!(is_done(&types(&carel, house, &twin).await), "the twin");
    house.move_clock(7 * DAY + 60).await;
    for one in [&bert, &carel] {
        again(one, house).await;
    }
    assert_eq!(types(&carel, house, &open).await.status, REFUSED);
    assert_eq!(posts(&bert, house, "confirm", &[("mandate", &annas)]).await.status, REFUSED);
    assert_eq!(house.query("SELECT id FROM mandates"), [carels]);
}
