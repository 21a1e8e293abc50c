//! Parents who log in for a child by the word of the register of representation (docs/requirements.md: M14), and are let in.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, Page},
    chooser::OTHERS,
    client_consent::OTHER,
    digid_steps::{
        answer, born, bsn, change, desk_person, enter_link, enter_new, files_with, go_on, has_session,
        log_in_with_digid, person_of, register_with_digid, rows,
    },
    house::{CALLBACK, House, Options, PASSWORD},
    mandates_desk::{Desk, Form, now, remember},
    notify::{ALSO, Ears, TOLD, settled, sign_out},
    oidc_client::{self, CLIENTS, LAB, THE_PORTAL, assert_error, claims, refreshed, userinfo},
    portal::{Request, Tokens, at_digid, code_of, press, redeem, register, request},
    stsaml::routed,
};

const PARENT: &str = "ouder@voorbeeld.nl";
pub const NOT_SO: &str = "U kunt zo niet inloggen voor uw kind";
pub const CHOICE: &str = "Inloggen bij Huisarts De Linde";

/// A house where a parent has an account by DigiD, and the desk knows a child of eight, who has no account.
pub struct Family {
    pub house: House,
    /// The parent's BSN, and person.
    pub parent: (String, String),
    /// The child's.
    pub child: (String, String),
    /// What the portal knows the parent by.
    pub sub: String,
}

impl Family {
    pub async fn at_home(options: Options) -> Self {
        let (house, parent, child) = (House::start_with(options).await, bsn(1), bsn(2));
        let person = desk_person(&house, "Sam", Some(&born(8, 0)), Some(&child));
        let sub = register_with_digid(&house, &parent, PARENT, "").await.sub().to_owned();
        let parent = (parent, person_of(&house, PARENT));
        Self { house, parent, child: (child, person), sub }
    }

    /// The parent logs in for the child and is let in.
    pub async fn in_for_child(&self, browser: &Browser) -> Tokens {
        let (request, page) = self.back_for(browser, &self.child.0).await;
        redeem(&self.house, &request, &code_of(&page)).await
    }

    /// The parent logs in for whoever has that BSN: whatever comes of it.
    pub async fn back_for(&self, browser: &Browser, child: &str) -> (Request, Page) {
        let request = request(&self.house, &[("prompt", "login")]);
        let digid = to_digid_for_child(browser, &request).await;
        let page = at_digid(browser, &digid, &self.parent.0, &[("legal", child)]).await;
        (request, page)
    }

    /// Places or lifts a block of that person for that child.
    pub fn desk(&self, word: &str, whom: &str, child: &str) {
        let mut arguments = vec!["mandates", word, "--representative", whom, "--represented", child, "--by"];
        arguments.extend(if word == "block" {
            vec!["balie1", "--reason", "melding"]
        } else {
            vec!["balie2"]
        });
        self.house.ok(&arguments);
    }
}

pub async fn to_digid_for_child(browser: &Browser, request: &Request) -> Page {
    let choose = browser.visit(&request.url, CALLBACK).await;
    press(browser, &choose, "child-form").await
}

/// What the log says of the last login with DigiD: outcome, who, for whom, and more.
pub fn last_login(house: &House) -> String {
    let lines = house.query(
        "SELECT outcome || ' by ' || COALESCE(actor, 'nobody') || ' for ' || COALESCE(represented, 'nobody') \
         || ' ' || COALESCE(detail, '') FROM audit WHERE event = 'login.digid' ORDER BY seq DESC LIMIT 1",
    );
    lines.concat()
}

/// Nobody is represented.
pub fn assert_alone(told: &Value) {
    assert_eq!((&told["act_as"], told.get("represents")), (&json!([]), None), "{told}");
}

/// One person is represented, and listed once. Gives the entry.
pub fn assert_one(told: &Value) -> &Value {
    let [one] = told["act_as"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!(told["represents"], json!({ "sub": one["sub"], "iss": one["iss"] }), "{told}");
    one
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
    remember(&family.parent.1, Some(&family.parent.0));
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
async fn m14_what_changes_while_the_session_lives_counts_from_the_next_answer() {
    let family = Family::at_home(routed()).await;
    let (house, browser) = (&family.house, Browser::new());
    let mut tokens = family.in_for_child(&browser).await;
    let (parent, child) = (family.parent.1.as_str(), family.child.1.as_str());
    let set = |date: &str| house.set_birth_date(child, date);
    let happens = |what: &str| match what {
        "birthday" => set(&born(12, 0)),
        "no birthday" => set(&born(8, 0)),
        _ => family.desk(what, parent, child),
    };
    let silently = THE_PORTAL.ask().with("scope", "openid act_as").with("prompt", "none");
    for (from, to) in [("block", "unblock"), ("birthday", "no birthday")] {
        // A code that is under way when it changes.
        let ask = THE_PORTAL.ask().with("scope", "openid act_as");
        let code = THE_PORTAL.code(house, &browser, &ask).await;
        assert_one(&live(house, &tokens).await);
        happens(from);
        // The session was for the child, and is over: nobody gets tokens for the parent who asked for the child.
        assert_eq!(userinfo(house, tokens.text("access_token")).await.0, 401, "{from}");
        for (status, body) in [
            THE_PORTAL.refresh(house, tokens.text("refresh_token")).await,
            THE_PORTAL.token(house, &ask.redemption(&code)).await,
        ] {
            assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")), "{from}");
        }
        let said = oidc_client::answer(&browser.get(&silently.url(house)).await);
        assert_eq!(said["error"], "login_required", "{from}");
        let alone = log_in_with_digid(house, &Browser::new(), &family.parent.0, &[], &[]).await;
        assert_eq!(alone.sub(), family.sub, "the parent may log in as themselves");
        assert_alone(&alone.claims);
        // What was wrong is put right while the session lives.
        happens(to);
        assert_one(&THE_PORTAL.sign_on(house, &browser, "openid act_as").await.claims);
        tokens = refreshed(house, &tokens).await;
        assert_one(&tokens.claims);
    }
    // A session that has gone idle leaves no way to know for whom it was.
    change(house, "DELETE FROM ephemeral WHERE kind = 'session'");
    assert_eq!(userinfo(house, tokens.text("access_token")).await.0, 401);
    // What an older session told stays as it was told: a session of nobody but the parent goes on.
    let own = log_in_with_digid(house, &Browser::new(), &family.parent.0, &[], &[]).await;
    family.desk("block", parent, child);
    assert_alone(&refreshed(house, &own).await.claims);
}

#[tokio::test]
async fn m14_it_is_offered_only_to_portals_that_ask_for_whom_and_where_a_register_is_named() {
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
    *after.get_mut("audit_lines").unwrap() -= 2;
    // The log has a pseudonym for a child that the desk knows.
    let stays = |table: &str| !["spent", "audit_names"].contains(&table);
    after.retain(|table, _| stays(table));
    assert_eq!(after, before.into_iter().filter(|(table, _)| stays(table)).collect());

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

/// The register spoke of whoever has that number, and that is somebody else since.
#[tokio::test]
async fn m14_a_child_whose_bsn_is_put_right_is_not_the_one_whom_the_register_meant() {
    let family = Family::at_home(routed()).await;
    let (house, browser) = (&family.house, Browser::new());
    let (desk, right) = (Desk::of(house), bsn(3));
    let child = family.child.1.as_str();
    let tokens = family.in_for_child(&browser).await;
    let ask = THE_PORTAL.ask().with("scope", "openid act_as");
    let code = THE_PORTAL.code(house, &browser, &ask).await;
    // Another correction, and one that nobody approved yet, leave the session as it was.
    house.set_birth_date(child, &born(9, 0));
    let seen = ["--evidence-reference", "brief 1", "--by", "els", "--json", "--", child];
    let proposed = desk.say(&[&["persons", "set-bsn", "--bsn-file", "-"], &seen[..]].concat(), &right);
    let id = serde_json::from_slice::<Value>(&proposed.stdout).unwrap()["id"].as_str().unwrap().to_owned();
    assert_one(&live(house, &tokens).await);
    let tokens = refreshed(house, &tokens).await;
    assert_one(&tokens.claims);
    let by = ["persons", "approve", "--bsn-file", "-", "--by", "joost", "--", &id];
    assert!(desk.say(&by, &right).status.success());
    assert_eq!(userinfo(house, tokens.text("access_token")).await.0, 401);
    for (status, body) in [
        THE_PORTAL.refresh(house, tokens.text("refresh_token")).await,
        THE_PORTAL.token(house, &ask.redemption(&code)).await,
    ] {
        assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
    }
    let silently = ask.with("prompt", "none");
    assert_eq!(oidc_client::answer(&browser.get(&silently.url(house)).await)["error"], "login_required");
    // Nobody here has the number of before; for whom the right one is, the parent is let in.
    assert_eq!(family.back_for(&Browser::new(), &family.child.0).await.1.status, StatusCode::FORBIDDEN);
    let (request, page) = family.back_for(&Browser::new(), &right).await;
    assert_one(&redeem(house, &request, &code_of(&page)).await.claims);
}

/// OpenID Connect Core, section 5.5.1: a value of `represents` is met, or the login fails.
#[tokio::test]
async fn m14_a_portal_may_say_for_which_child_and_hears_of_nobody_else() {
    let options = routed();
    let tables = Box::leak(format!("{}{CLIENTS}", options.tables).into_boxed_str());
    let family = Family::at_home(Options { tables, ..options }).await;
    let (house, browser) = (&family.house, Browser::new());
    let tokens = family.in_for_child(&browser).await;
    let child = assert_one(&tokens.claims)["sub"].clone();
    let (person, stranger) =
        (json!({"sub": child, "iss": house.issuer}), json!({"sub": "x", "iss": house.issuer}));
    let wanting = |wish: &Value| {
        let claims = json!({"id_token": {"represents": wish}}).to_string();
        THE_PORTAL.ask().with("claims", &claims)
    };
    for met in [json!({"value": person}), json!({"values": [stranger, person]}), json!({"essential": true})] {
        let ask = wanting(&met).with("prompt", "none");
        let code = THE_PORTAL.code(house, &browser, &ask).await;
        assert_eq!(assert_one(&THE_PORTAL.redeem(house, &ask, &code).await.claims)["sub"], child);
    }
    for other in [
        json!({"value": stranger}),
        json!({"value": {"sub": tokens.sub(), "iss": house.issuer}}),
        json!({"value": {"sub": child, "iss": "https://evil.example"}}),
        json!({"value": child}),
        json!({"values": []}),
    ] {
        let ask = wanting(&other).with("prompt", "none");
        assert_error(house, &browser.get(&ask.url(house)).await, &ask, "login_required");
    }
    // The child of another sector's word is nobody here.
    let lab = LAB.sign_on(house, &browser, "openid act_as").await;
    let ask = wanting(&json!({"value": {"sub": assert_one(&lab.claims)["sub"], "iss": house.issuer}}));
    let silent = ask.with("prompt", "none");
    assert_error(house, &browser.get(&silent.url(house)).await, &silent, "login_required");
    // A session of the parent alone does not answer, and who logs in for themselves is not let in to the portal.
    let alone = Browser::new();
    let ask = wanting(&json!({"value": person}));
    log_in_with_digid(house, &alone, &family.parent.0, &[], &[]).await;
    let silent = ask.clone().with("prompt", "none");
    assert_error(house, &alone.get(&silent.url(house)).await, &silent, "login_required");
    for (form, typed, is_met) in
        [("digid-form", vec![], false), ("child-form", vec![("legal", family.child.0.as_str())], true)]
    {
        let browser = Browser::new();
        let choose = browser.visit(&ask.url(house), CALLBACK).await;
        assert!(choose.text("local").is_none(), "nobody represents anybody by a password");
        let digid = press(&browser, &choose, form).await;
        let back = at_digid(&browser, &digid, &family.parent.0, &typed).await;
        if is_met {
            let told = THE_PORTAL.redeem(house, &ask, &code_of(&back)).await;
            assert_eq!(assert_one(&told.claims)["sub"], child);
        } else {
            assert_error(house, &back, &ask, "login_required");
        }
    }
    // Who may not know hears so, and where nobody can log in for another, everybody.
    let bare = oidc_client::BARE
        .ask()
        .with("claims", &json!({"userinfo": {"represents": {"value": person}}}).to_string());
    assert_error(house, &browser.get(&bare.url(house)).await, &bare, "invalid_scope");
    let plain = House::start().await;
    assert_error(&plain, &Browser::new().get(&ask.url(&plain)).await, &ask, "access_denied");
}

/// A portal of somebody else may know a child's `sub` from whoever else is a parent. Before this parent agreed, no error tells whether they are
/// in for that child.
#[tokio::test]
async fn m14_a_portal_of_somebody_else_hears_nothing_of_the_child_before_consent() {
    let options = routed();
    let tables = Box::leak(format!("{}{OTHERS}", options.tables).into_boxed_str());
    let family = Family::at_home(Options { tables, ..options }).await;
    let (house, browser, alone, nobody) = (&family.house, Browser::new(), Browser::new(), Browser::new());
    let tokens = family.in_for_child(&browser).await;
    log_in_with_digid(house, &alone, &family.parent.0, &[], &[]).await;
    let child = assert_one(&tokens.claims)["sub"].as_str().unwrap();
    let wanting = |sub: &str| {
        let person = json!({"sub": sub, "iss": house.issuer});
        let claims = json!({"id_token": {"represents": {"value": person}}}).to_string();
        OTHER.ask().with("scope", "openid act_as").with("claims", &claims)
    };
    let heard = async |browser: &Browser, sub: &str| {
        let page = browser.get(&wanting(sub).with("prompt", "none").url(house)).await;
        let mut told = oidc_client::answer(&page);
        told.remove("state");
        told
    };
    let of_nobody = heard(&browser, "nobody-at-all").await;
    assert_eq!(of_nobody["error"], "consent_required");
    // For the child, for themselves, or for another: one answer.
    for browser in [&browser, &alone] {
        for sub in [child, tokens.sub(), "nobody-at-all"] {
            assert_eq!(heard(browser, sub).await, of_nobody, "{sub}");
        }
    }
    assert_eq!(heard(&nobody, child).await["error"], "login_required");
    // Once they agreed the portal may know, and hears of nobody else.
    let first = OTHER.ask().with("scope", "openid act_as");
    let page = browser.visit(&first.url(house), CALLBACK).await;
    assert_eq!(page.heading(), "Mag Stappenteller deze gegevens krijgen?");
    code_of(&browser.submit(&page, "consent-form", &[("answer", "allow")]).await);
    let ask = wanting(child).with("prompt", "none");
    let code = OTHER.code(house, &browser, &ask).await;
    assert_eq!(assert_one(&OTHER.redeem(house, &ask, &code).await.claims)["sub"], child);
    assert_eq!(heard(&browser, "nobody-at-all").await["error"], "login_required");
    assert_eq!(heard(&alone, child).await["error"], "login_required");
}

/// F15, M9: the session of the child is over at every portal, and comes back where it was a mistake.
#[tokio::test]
async fn m9_m14_a_block_is_told_to_the_portals_of_a_session_for_that_child_in_silence() {
    let (ears, heard_by) = Ears::open().await;
    let options = routed();
    let tables = Box::leak(format!("{}{heard_by}", options.tables).into_boxed_str());
    let family = Family::at_home(Options { tables, ..options }).await;
    let (house, browser, alone) = (&family.house, Browser::new(), Browser::new());
    let other = desk_person(house, "Bo", Some(&born(7, 0)), Some(&bsn(3)));
    family.in_for_child(&browser).await;
    log_in_with_digid(house, &alone, &family.parent.0, &[], &[]).await;
    let told = TOLD.sign_on(house, &browser, "openid act_as").await;
    let also = ALSO.sign_on(house, &browser, "openid").await;
    let own = TOLD.sign_on(house, &alone, "openid act_as").await;
    let sid = &told.claims["sid"];
    let mails = house.mails_now(PARENT).len();
    // Of another child nobody is told; nor of another parent.
    family.desk("block", &family.parent.1, &other);
    let stranger = desk_person(house, "Bert", None, Some(&bsn(4)));
    family.desk("block", &stranger, &family.child.1);
    assert_eq!(house.query("SELECT COUNT(*) FROM notices"), ["0"]);
    family.desk("block", &family.parent.1, &family.child.1);
    assert_eq!(claims(&ears.of(TOLD, sid, 1).await[0])["sub"], told.claims["sub"]);
    // A session is one thing: over for one client, over for all.
    assert_eq!(claims(&ears.of(ALSO, sid, 1).await[0])["sub"], also.claims["sub"]);
    settled(house).await;
    assert_eq!((ears.so_far(TOLD).len(), ears.so_far(ALSO).len()), (1, 1), "their own session goes on");
    assert_eq!(TOLD.refresh(house, own.text("refresh_token")).await.0, 200);
    assert_eq!(house.mails_now(PARENT).len(), mails);
    let hers = "SELECT COUNT(*) FROM audit WHERE event = 'logout.notice' AND (actor IS NOT NULL OR represented IS NOT NULL)";
    assert_eq!(house.query(hers), ["0"]);
    // Put right, the session is what it was; its end is told after that.
    family.desk("unblock", &family.parent.1, &family.child.1);
    let back = TOLD.sign_on(house, &browser, "openid act_as").await;
    assert_eq!(
        (&back.claims["sid"], assert_one(&back.claims)["sub"].clone()),
        (sid, assert_one(&told.claims)["sub"].clone())
    );
    sign_out(house, &browser, &back).await;
    ears.of(TOLD, sid, 2).await;
    ears.of(ALSO, sid, 2).await;
}
