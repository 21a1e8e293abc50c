//! What of a mandate is kept from whom: of a block from whom it keeps out (M9), and of what waits for its second pair of eyes (M11).

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    account_offers::again,
    browser::Browser,
    family::One,
    house::House,
    mandates_desk::{Desk, Form, born, days, digid_again, fresh_bsn},
    notify::until,
    oidc_client::THE_PORTAL,
};

const MOTHER: &str = "moeder@voorbeeld.nl";
const FATHER: &str = "vader@voorbeeld.nl";

#[tokio::test]
async fn m11_nobody_is_heard_about_what_waits_for_its_second_pair_of_eyes() {
    let house = House::start().await;
    let kim = One::of(&house, ("Kim", Some(&born(12, 0))), FATHER).await;
    let (desk, csrf) = (Desk::of(&house), kim.csrf(&house).await);
    let mother = desk.person("Anna", None, Some(&fresh_bsn()));
    let waits = desk.registered(&Form::parent(&mother, &kim.person));
    let words = || house.query("SELECT word FROM consents");
    for what in ["agree", "refuse"] {
        kim.posts(&house, what, &csrf, &waits).await;
    }
    assert!(words().is_empty(), "{:?}", words());
    let page = kim.page(&house).await;
    assert!(page.text("given-1").is_some() && !page.body.contains("Anna"), "{}", page.body);
    assert!(!page.body.contains("agree-1") && !page.body.contains("refuse-1"), "{}", page.body);
    desk.approved(&waits, "balie2");
    let page = kim.page(&house).await;
    assert!(page.body.contains("Anna") && page.body.contains("agree-1"), "the twin: {}", page.body);
    kim.posts(&house, "agree", &csrf, &waits).await;
    assert_eq!(words(), ["agreed"], "the twin");
}

#[tokio::test]
async fn m9_whom_a_block_keeps_out_hears_of_no_end_and_others_do_in_their_language() {
    let house = House::start().await;
    let (bert, daughter) = (
        One::of(&house, ("Bert", Some("1944-05-05")), FATHER).await,
        One::of(&house, ("Anna", None), MOTHER).await,
    );
    let english = THE_PORTAL.ask().with("ui_locales", "en");
    digid_again(&house, &Browser::new(), &daughter.bsn, "Midden", &THE_PORTAL, &english).await;
    let (desk, csrf) = (Desk::of(&house), bert.csrf(&house).await);
    let pair = ["--representative", &daughter.person, "--represented", &bert.person, "--by"];
    let stopped =
        |to: &str, says: &str| house.mandate_mails(to).into_iter().filter(|mail| mail.contains(says)).count();
    for (round, hears) in [(1, false), (2, true)] {
        let grant = desk.mandate(&Form::grant(&daughter.person, &bert.person, &days(300)));
        if !hears {
            house.ok(&[&["mandates", "block"][..], &pair, &["balie1", "--reason", "melding"]].concat());
        }
        bert.posts(&house, "stop", &csrf, &grant).await;
        until("Bert's mail", || (stopped(FATHER, "is gestopt") == round).then_some(())).await;
        if hears {
            until("hers", || (stopped(MOTHER, "has ended") > 0).then_some(())).await;
        } else {
            // His came: hers would have come with it, or a little later.
            sleep(Duration::from_secs(2)).await;
            assert_eq!(stopped(MOTHER, "has ended"), 0, "she is kept out");
            house.ok(&[&["mandates", "unblock"][..], &pair, &["balie2"]].concat());
        }
    }
    assert_eq!((stopped(MOTHER, "has ended"), stopped(MOTHER, "is gestopt")), (1, 0));
}

#[tokio::test]
async fn m4_of_who_agrees_on_and_on_no_more_is_heard_for_a_while_but_a_no() {
    let house = House::start().await;
    let kim = One::of(&house, ("Kim", Some(&born(12, 0))), FATHER).await;
    let (desk, csrf) = (Desk::of(&house), kim.csrf(&house).await);
    let [annas, berts] = ["Anna", "Bert"].map(|name| {
        let parent = desk.person(name, None, Some(&fresh_bsn()));
        desk.mandate(&Form::parent(&parent, &kim.person))
    });
    for _ in 0..30 {
        kim.posts(&house, "agree", &csrf, &annas).await;
    }
    let words = || house.query("SELECT word FROM consents ORDER BY word");
    assert_eq!(words(), ["agreed"]);
    kim.posts(&house, "agree", &csrf, &berts).await;
    assert_eq!(words(), ["agreed"]);
    kim.posts(&house, "refuse", &csrf, &berts).await;
    assert_eq!(words(), ["agreed", "withdrawn"], "what takes access away is always heard");
    // An hour after the first of them a yes is heard again.
    house.move_clock(3000).await;
    again(&kim, &house).await;
    kim.posts(&house, "agree", &kim.csrf(&house).await, &berts).await;
    assert_eq!(words(), ["agreed", "withdrawn"], "not within the hour");
    house.move_clock(7200).await;
    again(&kim, &house).await;
    kim.posts(&house, "agree", &kim.csrf(&house).await, &berts).await;
    assert_eq!(words(), ["agreed", "agreed", "withdrawn"], "the twin");
}
