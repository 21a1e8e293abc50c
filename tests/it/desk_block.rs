//! Keeping somebody out of a record at the desk whom nobody here knows yet (M9): a parent whom the register of representation would let in.

use reqwest::StatusCode;

use crate::{
    account::at,
    browser::{Browser, Page},
    desk::{ELS, Seat, member},
    digid_steps::{
        born, bsn, desk_person, enter_new, has_session, log_in_with_digid, person_of, register_with_digid,
    },
    house::{CALLBACK, House},
    portal::{at_digid, code_of, redeem, request},
    representation::{NOT_SO, assert_one, last_login, to_digid_for_child},
    stsaml::routed,
};

/// What is said of a BSN that nobody has.
const STRANGER: &str = "Niemand is hier bekend met dit BSN. Kijk of het klopt. Zet dan het vinkje bij het BSN, \
                        en vul alles opnieuw in. Er is niets veranderd.";

async fn keep_out(seat: &Seat, child: &str, fields: &[(&str, &str)]) -> Page {
    seat.post(&format!("/desk/person/{child}/block"), fields).await
}

#[tokio::test]
async fn m9_m14_a_parent_whom_nobody_here_knows_is_kept_out_before_they_ever_log_in() {
    let house = House::start_with(routed()).await;
    let [mother, father, uncle, sam] = [bsn(1), bsn(2), bsn(5), bsn(3)];
    let child = desk_person(&house, "Sam", Some(&born(8, 0)), Some(&sam));
    member(&house, ELS, "registrar").await;
    let els = Seat::of(&house, ELS, true, 0).await;
    let kept = || (house.count("persons"), house.count("blocks"));
    let before = kept();
    // Not unseen, by a number that was mistyped; nor without a reason; nor by a patient number, which tells nobody apart.
    let ticked = ("unknown", "yes");
    for (fields, why) in [
        (vec![("other", father.as_str()), ("reason", "melding 7")], STRANGER),
        (vec![("other", father.as_str()), ticked, ("reason", " ")], "Schrijf op waarom, op één regel."),
        (vec![("other", "K-9"), ticked, ("reason", "melding 7")], "Er is niemand met dit nummer."),
        (vec![("other", "123456789"), ticked, ("reason", "melding 7")], "Er is niemand met dit nummer."),
    ] {
        let told = keep_out(&els, &child, &fields).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        assert_eq!(told.text("error").as_deref(), Some(why), "{fields:?}");
        assert!(!told.body.contains(&father), "a BSN is not shown again");
        assert_eq!(kept(), before, "{fields:?}");
    }
    let block = [("other", father.as_str()), ticked, ("reason", "melding 7")];
    assert_eq!(keep_out(&els, &child, &block).await.status, StatusCode::SEE_OTHER);
    assert_eq!(kept(), (before.0 + 1, 1));
    let block = [("other", uncle.as_str()), ticked, ("reason", "melding 7")];
    assert_eq!(keep_out(&els, &child, &block).await.status, StatusCode::SEE_OTHER);
    let line = "SELECT COUNT(*) FROM audit WHERE event = 'mandate.blocked' AND represented = '{}' AND actor LIKE 'member:%'";
    assert_eq!(house.query(&line.replace("{}", &child)), ["2"]);

    // That evening, by the word of the register.
    let browser = Browser::new();
    let digid = to_digid_for_child(&browser, &request(&house, &[])).await;
    let refused = at_digid(&browser, &digid, &father, &[("legal", &sam)]).await;
    assert_eq!((refused.status, refused.heading()), (StatusCode::FORBIDDEN, NOT_SO.to_owned()));
    assert!(last_login(&house).starts_with("not_represented "), "{}", last_login(&house));
    // The twin: the mother, whom nobody knew either, comes in.
    let (browser, asked) = (Browser::new(), request(&house, &[]));
    let digid = to_digid_for_child(&browser, &asked).await;
    let page = at_digid(&browser, &digid, &mother, &[("legal", &sam)]).await;
    let page = enter_new(&browser, &page, "moeder@voorbeeld.nl", "").await;
    let code = house.code("moeder@voorbeeld.nl", 1);
    let done = browser.submit(&page, "code-form", &[("code", &code)]).await;
    assert_one(&redeem(&house, &asked, &code_of(&done)).await.claims);

    // Who comes for himself is told of as anybody whom only an account knows: in what is kept of him, and in the log.
    let kept_of = async |bsn: &str, email: &str| {
        register_with_digid(&house, bsn, email, "").await;
        let person = person_of(&house, email);
        let row = format!(
            "SELECT name || COALESCE(birth, '-') || COALESCE(patient_number, '-') FROM persons WHERE id = '{person}'"
        );
        let lines = format!("SELECT event FROM audit WHERE '{person}' IN (actor, represented) ORDER BY seq");
        (house.query(&row), house.query(&lines))
    };
    let of_him = kept_of(&uncle, "oom@voorbeeld.nl").await;
    assert_eq!(of_him, kept_of(&bsn(4), "ander@voorbeeld.nl").await);
    // And he comes in for the child no more than before.
    let digid = to_digid_for_child(&browser, &request(&house, &[("prompt", "login")])).await;
    let refused = at_digid(&browser, &digid, &uncle, &[("legal", &sam)]).await;
    assert_eq!((refused.status, refused.heading()), (StatusCode::FORBIDDEN, NOT_SO.to_owned()));
}

/// A `sub` that was there again would tell them that something of them was kept (M9); and the block is still there.
#[tokio::test]
async fn f15_m9_who_comes_back_after_erasing_an_account_is_kept_out_and_hears_of_no_block() {
    let house = House::start_with(routed()).await;
    let sam = bsn(3);
    let child = desk_person(&house, "Sam", Some(&born(8, 0)), Some(&sam));
    let mut seen = Vec::new();
    for (n, is_blocked) in [(1, true), (2, false)] {
        let (parent, emails) = (bsn(n), [format!("a{n}@voorbeeld.nl"), format!("b{n}@voorbeeld.nl")]);
        let first = register_with_digid(&house, &parent, &emails[0], "").await;
        let mut person = person_of(&house, &emails[0]);
        if is_blocked {
            let pair = ["--representative", &person, "--represented", &child];
            house.ok(&[&["mandates", "block", "--by", "balie1", "--reason", "melding"], &pair[..]].concat());
        }
        let browser = Browser::new();
        log_in_with_digid(&house, &browser, &parent, &[], &[]).await;
        let page = browser.visit(&at(&house, "/account/erase"), CALLBACK).await;
        let out = browser.submit(&page, "erase-form", &[("email", &emails[0])]).await;
        assert_eq!(out.text("done").as_deref(), Some("Uw account is verwijderd."), "{}", out.body);
        assert!(!has_session(&house, &browser).await);
        // Whoever comes back is somebody new to the portal.
        let again = register_with_digid(&house, &parent, &emails[1], "").await;
        assert_ne!(first.sub(), again.sub(), "blocked: {is_blocked}");
        let subjects = house.count(&format!("subjects WHERE sub = '{}'", first.sub()));
        let before = std::mem::replace(&mut person, person_of(&house, &emails[1]));
        assert_ne!(before, person, "and to us: what the one from before had is not theirs");
        let events = format!("SELECT event FROM audit WHERE '{person}' IN (actor, represented) ORDER BY seq");
        seen.push((subjects, house.query(&events)));
        let browser = Browser::new();
        let asked = request(&house, &[]);
        let digid = to_digid_for_child(&browser, &asked).await;
        let page = at_digid(&browser, &digid, &parent, &[("legal", &sam)]).await;
        if is_blocked {
            assert_eq!((page.status, page.heading()), (StatusCode::FORBIDDEN, NOT_SO.to_owned()));
        } else {
            assert_one(&redeem(&house, &asked, &code_of(&page)).await.claims);
        }
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(house.count("blocks"), 1);
}
