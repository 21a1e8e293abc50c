//! Parents who log in for a child by the word of the register of representation (docs/requirements.md: M14). Each refusal
//! stands beside a login that differs by its cause alone and is let in.

use namens::simulator::digid::spoil::RoutingSpoil;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, Page},
    digid_steps::{
        answer, at_question, born, bsn, desk_person, enter_link, enter_new, files_with, go_on, has_session,
        log_in_with_digid, person_of, register_with_digid, rows,
    },
    house::{CALLBACK, House, Options, PASSWORD},
    mandates_desk::{Desk, Form, now},
    oidc_client::{CLIENTS, LAB, THE_PORTAL, claims, userinfo},
    portal::{Request, Tokens, at_digid, code_of, press, press_digid, redeem, register, request, tokens},
    stsaml::routed,
};

const PARENT: &str = "ouder@voorbeeld.nl";
const NOT_SO: &str = "U kunt zo niet inloggen voor uw kind";
const CHOICE: &str = "Inloggen bij Huisarts De Linde";

/// A house where a parent has an account by DigiD, and the desk knows a child of eight, who has no account.
struct Family {
    house: House,
    /// The parent's BSN, and person.
    parent: (String, String),
    /// The child's.
    child: (String, String),
    /// What the portal knows the parent by.
    sub: String,
}

impl Family {
    async fn at_home(options: Options) -> Self {
        let (house, parent, child) = (House::start_with(options).await, bsn(1), bsn(2));
        let person = desk_person(&house, "Sam", Some(&born(8, 0)), Some(&child));
        let sub = register_with_digid(&house, &parent, PARENT, "").await.sub().to_owned();
        let parent = (parent, person_of(&house, PARENT));
        Self { house, parent, child: (child, person), sub }
    }

    /// The parent logs in for the child and is let in.
    async fn in_for_child(&self, browser: &Browser) -> Tokens {
        let (request, page) = self.back_for(browser, &self.child.0).await;
        redeem(&self.house, &request, &code_of(&page)).await
    }

    /// The parent logs in for whoever has that BSN: whatever comes of it.
    async fn back_for(&self, browser: &Browser, child: &str) -> (Request, Page) {
        let request = request(&self.house, &[("prompt", "login")]);
        let digid = to_digid_for_child(browser, &request).await;
        let page = at_digid(browser, &digid, &self.parent.0, &[("legal", child)]).await;
        (request, page)
    }

    /// Places or lifts a block of that person for that child.
    fn desk(&self, word: &str, whom: &str, child: &str) {
        let mut arguments = vec!["mandates", word, "--representative", whom, "--represented", child, "--by"];
        arguments.extend(if word == "block" {
            vec!["balie1", "--reason", "melding"]
        } else {
            vec!["balie2"]
        });
        self.house.ok(&arguments);
    }
}

async fn to_digid_for_child(browser: &Browser, request: &Request) -> Page {
    let choose = browser.visit(&request.url, CALLBACK).await;
    press(browser, &choose, "child-form").await
}

/// What the log says of the last login with DigiD: outcome, who, for whom, and more.
fn last_login(house: &House) -> String {
    let lines = house.query(
        "SELECT outcome || ' by ' || COALESCE(actor, 'nobody') || ' for ' || COALESCE(represented, 'nobody') \
         || ' ' || COALESCE(detail, '') FROM audit WHERE event = 'login.digid' ORDER BY rowid DESC LIMIT 1",
    );
    lines.concat()
}

/// Nobody is in, nothing can be gone on with, and the log says so.
async fn assert_over(house: &House, browser: &Browser, page: &Page, line: &str) {
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{line}: {}", page.heading());
    assert!(page.location().is_none() && !page.headers.contains_key("set-cookie"), "{line}");
    assert_eq!(last_login(house), line);
    assert!(!has_session(house, browser).await, "{line}");
    assert_eq!(house.query("SELECT COUNT(*) FROM ephemeral WHERE kind = 'login'"), ["0"], "{line}");
}

/// Nobody is represented.
fn assert_alone(told: &Value) {
    assert_eq!((&told["act_as"], told.get("represents")), (&json!([]), None), "{told}");
}

/// One person is represented, and listed once. Gives the entry.
fn assert_one(told: &Value) -> &Value {
    let [one] = told["act_as"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!(told["represents"], json!({ "sub": one["sub"], "iss": one["iss"] }), "{told}");
    one
}

async fn refreshed(house: &House, old: &Tokens) -> Tokens {
    let (status, body) = THE_PORTAL.refresh(house, old.text("refresh_token")).await;
    assert_eq!(status, 200, "{body}");
    tokens(body)
}

async fn live(house: &House, tokens: &Tokens) -> Value {
    let (status, told) = userinfo(house, tokens.text("access_token")).await;
    assert_eq!(status, 200, "{told}");
    told
}

#[tokio::test]
async fn m14_a_parent_acts_for_the_child_they_chose_at_digid_in_that_session_only() {
    let family = Family::at_home(routed()).await;
    let (house, browser) = (&family.house, Browser::new());
    let (before, tokens) = (now().epoch(), family.in_for_child(&browser).await);
    assert_eq!(tokens.sub(), family.sub, "the user is the parent");
    let one = assert_one(&tokens.claims);
    assert_eq!(
        (one["iss"].as_str(), one["relation"].as_str()),
        (Some(house.issuer.as_str()), Some("parent"))
    );
    assert!(one["sub"] != tokens.sub() && one["mandate"].as_str().unwrap().len() == 22, "{one}");
    assert!((before..=now().epoch() + 900).contains(&one["recheck"].as_i64().unwrap()));
    assert_eq!(
        last_login(house),
        format!("ok by {} for {} {}", family.parent.1, family.child.1, tokens.acr())
    );
    let user = live(house, &tokens).await;
    assert_eq!(
        (assert_one(&user)["mandate"].clone(), user["sub"].as_str()),
        (one["mandate"].clone(), Some(tokens.sub()))
    );
    let later = refreshed(house, &tokens).await;
    assert_eq!(assert_one(&later.claims)["mandate"], one["mandate"]);
    let access = claims(later.text("access_token"));
    assert!(access.get("represents").is_none() && access.get("act_as").is_none(), "asked of UserInfo");

    // In another browser the same parent is alone, then and there.
    assert_alone(&log_in_with_digid(house, &Browser::new(), &family.parent.0, &[], &[]).await.claims);
    assert_one(&live(house, &later).await);
    // The next login of this browser is a session of its own, and ends the one before.
    let own = log_in_with_digid(house, &browser, &family.parent.0, &[("prompt", "login")], &[]).await;
    assert_alone(&own.claims);
    assert_alone(&live(house, &own).await);
    assert_eq!(userinfo(house, later.text("access_token")).await.0, 401);
    assert_eq!(THE_PORTAL.refresh(house, later.text("refresh_token")).await.0, 400);

    let stored =
        house.query("SELECT (SELECT COUNT(*) FROM mandates) || ' ' || (SELECT COUNT(*) FROM accounts)");
    assert_eq!(stored, ["0 1"], "no mandate of the desk, and no account of the child");
    for secret in [&family.child.0, &family.parent.0] {
        let read = files_with(house, secret);
        assert!(read.is_empty(), "a BSN is in {read:?}");
        assert!(
            ![&tokens.claims, &access, &user].iter().any(|told| told.to_string().contains(secret.as_str()))
        );
    }
}

#[tokio::test]
async fn m14_beside_a_mandate_of_the_desk_the_child_stands_there_once_and_clients_hear_what_they_may() {
    let options = routed();
    let tables = Box::leak(format!("{}{CLIENTS}", options.tables).into_boxed_str());
    let family = Family::at_home(Options { tables, ..options }).await;
    let (house, browser) = (&family.house, Browser::new());
    let by_register = assert_one(&family.in_for_child(&Browser::new()).await.claims).clone();
    Desk::of(house).mandate(&Form::parent(&family.parent.1, &family.child.1));
    let plain = log_in_with_digid(house, &Browser::new(), &family.parent.0, &[], &[]).await;
    let by_desk = plain.claims["act_as"][0].clone();
    assert_eq!(
        (&by_desk["sub"], plain.claims.get("represents")),
        (&by_register["sub"], None),
        "the same child"
    );
    let both = family.in_for_child(&browser).await;
    let one = assert_one(&both.claims);
    assert_eq!((&one["sub"], &one["mandate"]), (&by_desk["sub"], &by_desk["mandate"]));

    // By single sign-on in that session: nothing without the scope, other names in another sector.
    let silent = THE_PORTAL.sign_on(house, &browser, "openid email").await;
    for told in [&silent.claims, &live(house, &silent).await] {
        assert!(told.get("act_as").is_none() && told.get("represents").is_none(), "{told}");
    }
    let lab = LAB.sign_on(house, &browser, "openid act_as").await;
    let there = assert_one(&lab.claims);
    assert!(
        there["sub"] != one["sub"] && there["mandate"] != one["mandate"] && there.get("relation").is_none()
    );
    let silent = LAB.sign_on(house, &browser, "openid").await;
    assert!(silent.claims.get("represents").is_none());
}

#[tokio::test]
async fn m14_a_child_for_whom_the_parent_may_not_act_gives_a_page_and_no_session() {
    let family = Family::at_home(routed()).await;
    let (house, parent) = (&family.house, family.parent.1.as_str());
    let child =
        |name: &str, n: u32, birth: Option<&str>| (bsn(n), desk_person(house, name, birth, Some(&bsn(n))));
    let year = born(12, 0).split('-').next().unwrap().to_owned();
    let nobody = (bsn(9), "nobody".to_owned());
    let dateless = child("Bo", 3, None);
    let twelve = [
        child("Kim", 4, Some(&born(12, 0))),
        child("Lot", 5, Some(&born(16, 0))),
        child("Mo", 6, Some(&year)),
    ];
    let mut desks_page = None;
    let (desk, old) = ("ask_the_desk", "turned_twelve");
    let cases =
        [(&nobody, desk), (&dateless, desk)].into_iter().chain(twelve.iter().map(|child| (child, old)));
    for ((number, person), why) in cases {
        assert_one(&family.in_for_child(&Browser::new()).await.claims);
        let browser = Browser::new();
        let (_, page) = family.back_for(&browser, number).await;
        assert_over(house, &browser, &page, &format!("not_represented by {parent} for {person} {why}")).await;
        assert_eq!(page.heading(), NOT_SO);
        let words = if why == old { "12 jaar of ouder" } else { "bij de balie van uw zorgverlener" };
        assert!(page.text("problem").unwrap().contains("U bent niet ingelogd.") && page.body.contains(words));
        if why == desk {
            assert_eq!(*desks_page.get_or_insert(page.body.clone()), page.body);
        }
    }
    // With a date, the desk's word lets the parent in; and a child of almost twelve is one.
    let set = |date: &str| house.ok(&["persons", "set-birth-date", &dateless.1, date, "--by", "balie1"]);
    for date in [born(3, 0), born(12, 3)] {
        set(&date);
        let (request, page) = family.back_for(&Browser::new(), &dateless.0).await;
        assert_one(&redeem(house, &request, &code_of(&page)).await.claims);
    }

    // A block says what not knowing the child says, to the letter; on a child of twelve it says what anybody hears.
    let sam = family.child.1.as_str();
    let unnamed = desk_person(house, "Onbekend", None, None);
    for whom in [parent, &unnamed] {
        family.desk("block", whom, sam);
        let browser = Browser::new();
        let (_, page) = family.back_for(&browser, &family.child.0).await;
        assert_over(house, &browser, &page, &format!("not_represented by {parent} for {sam} {desk}")).await;
        assert_eq!(Some(&page.body), desks_page.as_ref());
        family.desk("unblock", whom, sam);
        assert_one(&family.in_for_child(&Browser::new()).await.claims);
    }
    family.desk("block", parent, &twelve[0].1);
    let browser = Browser::new();
    let (_, page) = family.back_for(&browser, &twelve[0].0).await;
    assert_over(house, &browser, &page, &format!("not_represented by {parent} for {} {old}", twelve[0].1))
        .await;
    // A block on another whom the desk knows by BSN touches nobody else.
    family.desk("block", &desk_person(house, "Vader", None, Some(&bsn(7))), sam);
    assert_one(&family.in_for_child(&Browser::new()).await.claims);
    for number in [family.child.0.as_str(), &nobody.0] {
        assert!(files_with(house, number).is_empty(), "a BSN was kept");
    }
}

#[tokio::test]
async fn m14_a_parent_who_is_known_to_be_a_child_themselves_is_none() {
    let family = Family::at_home(routed()).await;
    let (house, parent) = (&family.house, family.parent.1.as_str());
    let set = |date: &str| house.ok(&["persons", "set-birth-date", parent, date, "--by", "balie1"]);
    set(&born(16, 0));
    assert_one(&family.in_for_child(&Browser::new()).await.claims);
    set(&born(16, 3));
    let browser = Browser::new();
    let (_, page) = family.back_for(&browser, &family.child.0).await;
    let line = format!("not_represented by {parent} for {} ask_the_desk", family.child.1);
    assert_over(house, &browser, &page, &line).await;
    assert_eq!(page.heading(), NOT_SO);
    assert_alone(&log_in_with_digid(house, &Browser::new(), &family.parent.0, &[], &[]).await.claims);
    // Under twelve there is no session at all (M13).
    set(&born(11, 0));
    let browser = Browser::new();
    let (_, page) = family.back_for(&browser, &family.child.0).await;
    assert_over(house, &browser, &page, "too_young by nobody for nobody ").await;
    assert_eq!(page.heading(), "Je kunt hier nog niet inloggen");
}

#[tokio::test]
async fn m14_what_changes_while_the_session_lives_counts_from_the_next_answer() {
    let family = Family::at_home(routed()).await;
    let (house, browser) = (&family.house, Browser::new());
    let mut tokens = family.in_for_child(&browser).await;
    let (parent, child) = (family.parent.1.as_str(), family.child.1.as_str());
    let set = |date: &str| drop(house.ok(&["persons", "set-birth-date", child, date, "--by", "balie1"]));
    let changes: [(&dyn Fn(), &dyn Fn()); 2] = [
        (&|| family.desk("block", parent, child), &|| family.desk("unblock", parent, child)),
        (&|| set(&born(12, 0)), &|| set(&born(8, 0))),
    ];
    for (change, restore) in changes {
        assert_one(&live(house, &tokens).await);
        change();
        assert_alone(&live(house, &tokens).await);
        tokens = refreshed(house, &tokens).await;
        assert_alone(&tokens.claims);
        assert_eq!((tokens.sub(), &tokens.body["expires_in"]), (family.sub.as_str(), &json!(300)));
        let again = THE_PORTAL.sign_on(house, &browser, "openid act_as").await;
        assert_alone(&again.claims);
        restore();
        tokens = refreshed(house, &tokens).await;
        assert_one(&tokens.claims);
    }
    // A code that was under way when the block came brings nobody.
    let ask = THE_PORTAL.ask().with("scope", "openid act_as");
    let code = THE_PORTAL.code(house, &browser, &ask).await;
    family.desk("block", parent, child);
    assert_alone(&THE_PORTAL.redeem(house, &ask, &code).await.claims);
}

#[tokio::test]
async fn m14_who_names_no_child_is_asked_again_and_logged_in_for_nobody() {
    let family = Family::at_home(routed()).await;
    let (house, browser) = (&family.house, Browser::new());
    let request = request(house, &[]);
    let digid = to_digid_for_child(&browser, &request).await;
    let page = at_digid(&browser, &digid, &family.parent.0, &[("legal", "")]).await;
    assert_eq!(page.heading(), CHOICE);
    assert!(page.text("notice").unwrap().starts_with("U heeft bij DigiD geen kind gekozen."));
    assert_eq!(last_login(house), "nobody_chosen by nobody for nobody ");
    assert!(!has_session(house, &browser).await);
    // Cancelled there, and then for themselves after all: the earlier wish is gone.
    let digid = press(&browser, &page, "child-form").await;
    let page = at_digid(&browser, &digid, &family.parent.0, &[("outcome", "cancel")]).await;
    assert!(page.text("notice").unwrap().starts_with("U heeft het inloggen met DigiD geannuleerd."));
    let digid = press_digid(&browser, &page).await;
    assert!(!digid.body.contains("name=\"legal\""), "nobody is asked for whom");
    let page = at_digid(&browser, &digid, &family.parent.0, &[]).await;
    assert_alone(&redeem(house, &request, &code_of(&page)).await.claims);
}

#[tokio::test]
async fn m14_it_is_offered_only_to_portals_that_ask_for_whom_and_where_a_register_is_named() {
    let promised = async |house: &House| {
        let told = reqwest::get(format!("{}/.well-known/openid-configuration", house.issuer)).await.unwrap();
        told.json::<Value>().await.unwrap()["claims_supported"]
            .as_array()
            .unwrap()
            .contains(&json!("represents"))
    };
    let without = routed().tables.split("[digid.routing_service.representation]").next().unwrap();
    let everything = "openid email act_as";
    for (options, scope, offered) in [
        (routed(), everything, true),
        (routed(), "openid email", false),
        (Options { tables: without, ..routed() }, everything, false),
        (Options::default(), everything, false),
    ] {
        let (house, browser) = (House::start_with(options).await, Browser::new());
        let ask = THE_PORTAL.ask().with("scope", scope);
        let choose = browser.visit(&ask.url(&house), CALLBACK).await;
        assert_eq!(choose.heading(), CHOICE);
        assert_eq!(choose.body.contains("id=\"child-form\""), offered, "{scope}");
        assert_eq!(promised(&house).await, offered || scope != everything);
        // The form by hand, with the right token.
        let csrf = choose.form("digid-form").1["csrf"].clone();
        let page = browser.post(&format!("{}/child", choose.url), &[("csrf", &csrf)]).await;
        assert_eq!(page.body.contains("SAMLRequest"), offered, "{scope}");
        assert_eq!(page.location().is_some_and(|to| to == choose.url), !offered);
        if !offered {
            assert_eq!(browser.get(choose.url.as_str()).await.heading(), CHOICE, "the login did not move");
        }
    }
}

#[tokio::test]
async fn m14_a_parent_whom_nobody_knows_yet_becomes_known_in_the_same_login() {
    let house = House::start_with(routed()).await;
    let [mother, father, sam, kim] = [bsn(1), bsn(2), bsn(3), bsn(4)];
    let child = desk_person(&house, "Sam", Some(&born(8, 0)), Some(&sam));
    desk_person(&house, "Kim", Some(&born(12, 0)), Some(&kim));
    let question = async |browser: &Browser, parent: &str, child: &str| {
        let request = request(&house, &[]);
        let digid = to_digid_for_child(browser, &request).await;
        (request, at_digid(browser, &digid, parent, &[("legal", child)]).await)
    };
    // Refused before anybody is asked to make an account.
    let (before, browser) = (rows(&house), Browser::new());
    let (_, page) = question(&browser, &mother, &kim).await;
    assert_eq!((page.status, page.heading()), (StatusCode::FORBIDDEN, NOT_SO.to_owned()));
    assert!(
        last_login(&house).starts_with("not_represented by nobody for ")
            && !has_session(&house, &browser).await
    );
    // Stopping leaves nothing either: two lines in the log are all that there is more.
    let (_, page) = question(&browser, &mother, &sam).await;
    assert_eq!(page.heading(), "Heeft u al een account?");
    answer(&browser, &page, "stop").await;
    let mut after = rows(&house);
    *after.get_mut("audit").unwrap() -= 2;
    after.retain(|table, _| table != "spent");
    assert_eq!(after, before.into_iter().filter(|(table, _)| table != "spent").collect());

    // A new account, and for the child at once.
    let (request, page) = question(&browser, &mother, &sam).await;
    let page = enter_new(&browser, &page, PARENT, "").await;
    let done = browser.submit(&page, "code-form", &[("code", &house.code(PARENT, 1))]).await;
    let tokens = redeem(&house, &request, &code_of(&done)).await;
    let sub = assert_one(&tokens.claims)["sub"].clone();
    assert_eq!(
        last_login(&house),
        format!("ok by {} for {child} {}", person_of(&house, PARENT), tokens.acr())
    );

    // DigiD linked to an account that is there: its owner is the parent from now on.
    let (browser, email) = (Browser::new(), "vader@voorbeeld.nl");
    let own = register(&house, &Browser::new(), email).await;
    let (request, page) = question(&browser, &father, &sam).await;
    let page = enter_link(&browser, &page, email, PASSWORD).await;
    let sent = browser.submit(&page, "code-form", &[("code", &house.code(email, 2))]).await;
    let linked = browser.follow(sent, CALLBACK).await;
    let tokens = go_on(&house, &browser, &request, &linked).await;
    assert_eq!((tokens.sub(), &assert_one(&tokens.claims)["sub"]), (own.sub(), &sub));
    // By password the same father has nobody.
    assert_alone(&crate::portal::log_in(&house, &Browser::new(), email, 4).await.claims);
}

#[tokio::test]
async fn m14_a_block_that_comes_during_the_login_is_seen_at_its_end() {
    for blocked in [false, true] {
        let house = House::start_with(routed()).await;
        let (parent, email) = (bsn(1), "vader@voorbeeld.nl");
        let child = desk_person(&house, "Sam", Some(&born(8, 0)), Some(&bsn(2)));
        register(&house, &Browser::new(), email).await;
        let (browser, request) = (Browser::new(), request(&house, &[]));
        let digid = to_digid_for_child(&browser, &request).await;
        let page = at_digid(&browser, &digid, &parent, &[("legal", &bsn(2))]).await;
        let page = enter_link(&browser, &page, email, PASSWORD).await;
        let sent = browser.submit(&page, "code-form", &[("code", &house.code(email, 2))]).await;
        let linked = browser.follow(sent, CALLBACK).await;
        let person = person_of(&house, email);
        if blocked {
            let pair = ["--representative", person.as_str(), "--represented", &child];
            let by = ["--by", "balie1", "--reason", "melding"];
            house.ok(&[&["mandates", "block"], &pair[..], &by[..]].concat());
            let page = browser.submit(&linked, "continue-form", &[]).await;
            let line = format!("not_represented by {person} for {child} ask_the_desk");
            assert_over(&house, &browser, &page, &line).await;
        } else {
            assert_one(&go_on(&house, &browser, &request, &linked).await.claims);
        }
    }
}

#[tokio::test]
async fn m14_no_spoilt_representation_opens_a_session_for_anybody() {
    let family = Family::at_home(routed()).await;
    let house = &family.house;
    let unreadable = "an identity that cannot be read";
    for (spoil, reason) in [
        (RoutingSpoil::TwoLegal, "several LegalSubjectIDs"),
        (RoutingSpoil::TwoTypes, "several RepresentationTypes"),
        (RoutingSpoil::OtherType, "a representation of an unknown type"),
        (RoutingSpoil::LegalIsActing, "somebody who represents themselves"),
        (RoutingSpoil::LegalWithoutType, "a LegalSubjectID without RepresentationType"),
        (RoutingSpoil::TypeWithoutLegal, "a RepresentationType without LegalSubjectID"),
        (RoutingSpoil::LegalForAnother, unreadable),
        (RoutingSpoil::OtherRecipient, unreadable),
        (RoutingSpoil::NoActing, "not exactly one ActingSubjectID"),
        (RoutingSpoil::TwoActing, "not exactly one ActingSubjectID"),
        (RoutingSpoil::WrongService, "an answer for another service"),
        (RoutingSpoil::NoService, "an answer for another service"),
    ] {
        assert_one(&family.in_for_child(&Browser::new()).await.claims);
        let browser = Browser::new();
        let digid = to_digid_for_child(&browser, &request(house, &[])).await;
        let typed = [("legal", family.child.0.as_str()), ("spoil", spoil.word())];
        let page = at_digid(&browser, &digid, &family.parent.0, &typed).await;
        assert_eq!((page.status, page.location()), (StatusCode::BAD_GATEWAY, None), "{reason}");
        assert_eq!(last_login(house), "digid_hostile by nobody for nobody ", "{reason}");
        let log = house.log();
        let told = log.lines().rfind(|line| line.contains("DigiD login refused")).unwrap();
        assert!(told.contains(reason), "{reason}: {told}");
        assert!(!has_session(house, &browser).await, "{reason}");
    }
    // Nobody is asked, and an answer about a child comes all the same.
    let (browser, _) = (Browser::new(), at_question(house, &Browser::new(), &bsn(8)).await);
    let choose = browser.visit(&request(house, &[]).url, CALLBACK).await;
    let digid = press_digid(&browser, &choose).await;
    let page =
        at_digid(&browser, &digid, &family.parent.0, &[("spoil", RoutingSpoil::UnrequestedLegal.word())])
            .await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert!(house.log().contains("a representation nobody asked for") && !has_session(house, &browser).await);
}

#[tokio::test]
async fn m14_below_the_level_of_mandates_there_is_no_session_of_the_parent_instead() {
    let family = Family::at_home(Options { top: "mandate_level = \"substantieel\"", ..routed() }).await;
    let (house, parent) = (&family.house, family.parent.0.as_str());
    assert_alone(&log_in_with_digid(house, &Browser::new(), parent, &[], &[]).await.claims);
    for (level, enough) in [("Basis", false), ("Midden", false), ("Substantieel", true), ("Hoog", true)] {
        let (browser, request) = (Browser::new(), request(house, &[]));
        let digid = to_digid_for_child(&browser, &request).await;
        let typed = [("legal", family.child.0.as_str()), ("level", level)];
        let page = at_digid(&browser, &digid, parent, &typed).await;
        if enough {
            assert_one(&redeem(house, &request, &code_of(&page)).await.claims);
        } else {
            assert_over(house, &browser, &page, "digid_level_too_low by nobody for nobody ").await;
            assert_eq!(page.heading(), "U kunt zo nog niet inloggen");
        }
    }
}
