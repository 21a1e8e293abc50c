//! What a portal hears of the people for whom its user may act: nothing before consent, and at once when that ends
//! (docs/adr/0033).

use serde_json::Value;

use crate::{
    browser::{Browser, Page},
    chooser::{Family, MOTHER, asking, listed},
    client_consent::OTHER,
    digid_steps::change,
    house::CALLBACK,
    mandates_desk::{Desk, Form, born, digid_page},
    notify::{ALSO, Ears, TOLD, settled, sign_out},
    oidc_client::{Ask, Client, KEYED, assert_error, claims},
    portal::code_of,
};

/// The values of the people on the page that asks, the user not among them.
fn offered(page: &Page) -> Vec<String> {
    let values = page.body.split("value=\"").filter_map(|rest| rest.split_once("\"> <label"));
    values.map(|(sub, _)| sub.to_owned()).filter(|sub| sub != "self").collect()
}

#[tokio::test]
async fn a21_a_portal_of_somebody_else_hears_nothing_of_anybody_before_consent() {
    let family = Family::at_home().await;
    let (house, browser) = (&family.house, &family.browser);
    let asks = |whom: &str| OTHER.ask().with("scope", "openid act_as").with("act_as", whom);
    let subs = offered(&family.asked(&asks("choose")).await);
    let known = subs.first().unwrap().as_str();
    for whom in [known, "nobody-at-all"] {
        let silent = asks(whom).with("prompt", "none");
        assert_error(house, &browser.get(&silent.url(house)).await, &silent, "consent_required");
        // In a login too, and with a page.
        let title = "Mag Stappenteller deze gegevens krijgen?";
        let (fresh, ask) = (Browser::new(), asks(whom));
        let page = digid_page(house, &fresh, &family.bsn, "Midden", &ask).await;
        assert_eq!(page.heading(), title, "{whom}");
        let refused = fresh.submit(&page, "consent-form", &[("answer", "refuse")]).await;
        assert_error(house, &refused, &ask, "access_denied");
    }
    assert!(family.lines().is_empty(), "nobody was looked up: {:?}", family.lines());
    // Whoever agrees hears the one refusal, or is in for whom the portal named.
    for (whom, good) in [("nobody-at-all", false), (known, true)] {
        let ask = asks(whom).with("prompt", "consent");
        let page = browser.visit(&ask.url(house), CALLBACK).await;
        let answer = browser.submit(&page, "consent-form", &[("answer", "allow")]).await;
        if good {
            let told = OTHER.redeem(house, &ask, &code_of(&answer)).await;
            assert_eq!(told.claims["represents"]["sub"], known);
        } else {
            assert_error(house, &answer, &ask, "access_denied");
        }
    }
    assert_eq!(family.lines(), [format!("refused by {} for nobody", family.mother)]);
}

/// Any page can send the user's browser here with any name; the user's log has room for other lines.
#[tokio::test]
async fn a21_names_that_are_tried_make_a_bounded_number_of_lines() {
    let family = Family::at_home().await;
    for n in 0..33 {
        let ask = asking(&format!("nobody-{n}")).with("prompt", "none");
        let page = family.browser.get(&ask.url(&family.house)).await;
        assert_error(&family.house, &page, &ask, "access_denied");
    }
    assert_eq!(family.lines().len(), 30);
}

#[tokio::test]
async fn f15_m9_a_portal_hears_that_its_user_acts_for_somebody_no_longer_and_the_session_goes_on() {
    let (ears, tables) = Ears::open().await;
    let family = Family::with(tables).await;
    let (house, browser) = (&family.house, &family.browser);
    let sign_on = async |client: &Client, child: &str| {
        for whom in listed(&client.sign_on(house, browser, "openid act_as").await) {
            let ask = client.ask().with("scope", "openid act_as").with("act_as", &whom);
            let code = client.code(house, browser, &ask).await;
            let last = "SELECT represented FROM audit WHERE event = 'token.issued' ORDER BY seq DESC LIMIT 1";
            let told = client.redeem(house, &ask, &code).await;
            if house.query(last) == [child] {
                return told;
            }
        }
        panic!("{child} is nobody here");
    };
    // One portal for Kim only, the other for Sam.
    change(
        house,
        &format!("UPDATE mandates SET starts = starts + 86400 WHERE id = '{}'", family.sams_mandate),
    );
    sign_on(&ALSO, &family.kim).await;
    change(
        house,
        &format!("UPDATE mandates SET starts = starts - 86400 WHERE id = '{}'", family.sams_mandate),
    );
    let told = sign_on(&TOLD, &family.sam).await;
    let sid = &told.claims["sid"];
    let mails = house.mails_now(MOTHER).len();
    family.desk("block", &family.sam);
    let heard = ears.of(TOLD, sid, 1).await;
    assert_eq!(claims(&heard[0])["sub"], told.claims["sub"]);
    settled(house).await;
    assert!(ears.so_far(ALSO).is_empty(), "it is for somebody else there");
    // In silence for the mother (M9).
    assert_eq!(house.mails_now(MOTHER).len(), mails);
    let hers = "SELECT COUNT(*) FROM audit WHERE event = 'logout.notice' AND (actor IS NOT NULL OR represented IS NOT NULL)";
    assert_eq!(house.query(hers), ["0"]);
    assert_eq!(family.silently(&family.kims).await.claims["sid"], *sid, "the session goes on");
    Desk::of(house).hear("withdraw", &family.kims_mandate, "represented");
    ears.of(ALSO, sid, 1).await;
    settled(house).await;
    let before = ears.so_far(TOLD).len();
    // Again, after a mistake was put right; and the end of the session comes after all that.
    family.desk("unblock", &family.sam);
    sign_on(&TOLD, &family.sam).await;
    house.ok(&["mandates", "revoke", "--by", "balie1", "--", &family.sams_mandate]);
    ears.of(TOLD, sid, before + 1).await;
    settled(house).await;
    sign_out(house, browser, &told).await;
    ears.of(TOLD, sid, before + 2).await;
    ears.of(ALSO, sid, 2).await;
}

#[tokio::test]
async fn f15_m5_a_portal_hears_that_a_date_of_birth_was_corrected_and_ends_a_mandate() {
    let (ears, tables) = Ears::open().await;
    let family = Family::with(tables).await;
    let (house, browser) = (&family.house, &family.browser);
    let own = TOLD.sign_on(house, browser, "openid act_as").await;
    let subs = listed(&own);
    let of = async |client: &Client, child: &str| {
        for whom in listed(&client.sign_on(house, browser, "openid act_as").await) {
            let ask = client.ask().with("scope", "openid act_as").with("act_as", &whom);
            let code = client.code(house, browser, &ask).await;
            client.redeem(house, &ask, &code).await;
            let last = "SELECT represented FROM audit WHERE event = 'token.issued' ORDER BY seq DESC LIMIT 1";
            if house.query(last) == [child] {
                return whom;
            }
        }
        panic!("{child} is nobody here");
    };
    assert_eq!(subs.len(), 2);
    of(&TOLD, &family.sam).await;
    let sid = &own.claims["sid"];
    // Still a child of a parent who needs no word of theirs: nobody is told.
    family.turns(&family.sam, 9);
    assert_eq!(house.query("SELECT COUNT(*) FROM notices"), ["0"]);
    // Of twelve years it takes their word, and the portal hears that it counts no more.
    family.turns(&family.sam, 12);
    ears.of(TOLD, sid, 1).await;
    settled(house).await;
    assert!(ears.so_far(ALSO).is_empty(), "it was given nothing");
    // Put right, and of sixteen by another mistake: told again, and it never comes back (M5).
    family.turns(&family.sam, 8);
    of(&TOLD, &family.sam).await;
    family.turns(&family.sam, 16);
    ears.of(TOLD, sid, 2).await;
    let heard = async || {
        settled(house).await;
        ears.so_far(TOLD).len()
    };
    let before = heard().await;
    family.turns(&family.sam, 8);
    assert_eq!(heard().await, before, "what had ended does not end again");
    assert_eq!(listed(&TOLD.sign_on(house, browser, "openid act_as").await).len(), 1);
    // Where another mandate for the same child counts, the user acts for them as before.
    let desk = Desk::of(house);
    let form = Form::parent(&family.mother, &family.sam);
    let [_, agreed] = [desk.mandate(&form), desk.mandate(&form)];
    family.turns(&family.sam, 13);
    for party in ["represented", "representative"] {
        desk.hear("consent", &agreed, party);
    }
    family.turns(&family.sam, 8);
    of(&TOLD, &family.sam).await;
    let before = heard().await;
    family.turns(&family.sam, 13);
    assert_eq!(heard().await, before);
    let standings = desk.standings(&family.sam);
    assert!(
        standings.contains(&"active".to_owned()) && standings.contains(&"awaiting_consent".to_owned()),
        "{standings:?}"
    );
    desk.hear("withdraw", &agreed, "represented");
    assert_eq!(heard().await, before + 1);
    family.silently(&family.kims).await;
}

#[tokio::test]
async fn m12_two_of_one_name_and_year_are_told_apart_and_who_has_no_name_is_shown() {
    let family = Family::at_home().await;
    let desk = Desk::of(&family.house);
    let year = born(8, 0).split('-').next().unwrap().to_owned();
    let (first, second) = (format!("{year}-01-02"), format!("{year}-01-03"));
    for date in [&first, &second] {
        let child = desk.person("Jip", Some(date), None);
        desk.mandate(&Form::parent(&family.mother, &child));
    }
    change(&family.house, &format!("UPDATE persons SET name = '' WHERE id = '{}'", family.kim));
    let page = family.asked(&asking("choose")).await;
    for says in [
        format!("Voor Jip ({first})"),
        format!("Voor Jip ({second})"),
        format!("Voor Sam ({year})"),
        "Voor iemand die geboren is: ".to_owned(),
    ] {
        assert!(page.body.contains(&says), "{says}");
    }
    assert!(!page.body.contains("Voor  ("));
}

#[tokio::test]
async fn a_refusal_answers_what_was_pushed_too() {
    let family = Family::at_home().await;
    let (house, browser) = (&family.house, &family.browser);
    let ask = KEYED.ask().with("scope", "openid act_as").with("act_as", "nobody-at-all");
    let ask = ask.with("prompt", "none");
    let form: Vec<_> = ask.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let pushed: Value = KEYED.post(house, "/par", &form).send().await.unwrap().json().await.unwrap();
    let around = Ask { parameters: Vec::new(), ..ask.clone() }.with("client_id", KEYED.id);
    let url = around.with("request_uri", pushed["request_uri"].as_str().unwrap()).url(house);
    assert_error(house, &browser.get(&url).await, &ask, "access_denied");
    let again = browser.get(&url).await;
    assert!(again.status.is_client_error() && again.location().is_none(), "{}", again.status);
}
