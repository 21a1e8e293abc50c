//! A portal exchanges its user's token for one about a person for whom the user acts (RFC 8693; attack 21 of the design's table).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    browser::Browser,
    digid_steps::{change, go_on, link},
    house::House,
    jose::Key,
    mandates_desk::{Desk, Form, born, days, digid_account, fresh_bsn, now},
    oidc_client::{
        APP, Client, KEYED, LAB, THE_PORTAL, assert_error, assert_refused, claims, header, userinfo,
    },
    portal::{self, Tokens, log_in},
    program::THE_API,
    resource::{API, OTHER, house},
};

pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const MOTHER: &str = "moeder@voorbeeld.nl";

/// A mother with DigiD and two children of the desk, eight and five; the browser she is logged in with.
pub struct Family {
    pub house: House,
    pub browser: Browser,
    mother: String,
    sam: String,
    /// The mandate for him.
    mandate: String,
    pub tokens: Tokens,
    /// What the portal knows them by.
    pub sams: String,
    bos: String,
}

impl Family {
    pub async fn at_home() -> Self {
        Self::of(house().await).await
    }

    /// In a house of [`crate::resource`].
    pub async fn of(house: House) -> Self {
        let browser = Browser::new();
        let desk = Desk::of(&house);
        let bsn = fresh_bsn();
        let mother = desk.person("Anna", None, Some(&bsn));
        let (sam, bo) =
            (desk.person("Sam", Some(&born(8, 0)), None), desk.person("Bo", Some(&born(5, 0)), None));
        let mandate = desk.mandate(&Form::parent(&mother, &sam));
        let first = digid_account(&house, &browser, &bsn, MOTHER).await;
        let sams = listed(&first).concat();
        desk.mandate(&Form::parent(&mother, &bo));
        let (_, body) = THE_PORTAL.refresh(&house, first.text("refresh_token")).await;
        let tokens = portal::tokens(body);
        let bos = listed(&tokens).into_iter().find(|sub| *sub != sams).unwrap();
        Self { house, browser, mother, sam, mandate, tokens, sams, bos }
    }

    fn access(&self) -> &str {
        self.tokens.text("access_token")
    }

    async fn exchange(&self, form: &[(&str, &str)]) -> (u16, Value) {
        THE_PORTAL.token(&self.house, form).await
    }

    /// The good exchange, for Sam.
    pub async fn for_sam(&self) -> (u16, Value) {
        self.exchange(&form(self.access(), &self.sams)).await
    }
}

fn listed(tokens: &Tokens) -> Vec<String> {
    let act_as = tokens.claims["act_as"].as_array().unwrap();
    act_as.iter().map(|one| one["sub"].as_str().unwrap().to_owned()).collect()
}

/// A form on which nothing is wrong.
pub fn form<'a>(token: &'a str, person: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", token),
        ("subject_token_type", ACCESS_TOKEN),
        ("resource", API),
        ("act_as", person),
    ]
}

fn names(told: &Value) -> BTreeSet<&str> {
    told.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn m8_a21_a_portal_gets_a_token_about_one_person_for_whom_its_user_acts() {
    let family = Family::at_home().await;
    let house = &family.house;
    let (status, body) = family.for_sam().await;
    assert_eq!(status, 200, "{body}");
    let all = ["access_token", "issued_token_type", "token_type", "expires_in", "scope"];
    assert_eq!(names(&body), all.into());
    assert_eq!(
        [&body["issued_token_type"], &body["token_type"], &body["scope"], &body["expires_in"]],
        [&json!(ACCESS_TOKEN), &json!("Bearer"), &json!("act_as"), &json!(300)]
    );
    let access = body["access_token"].as_str().unwrap();
    let said = claims(access);
    assert_eq!(header(access)["typ"], "at+jwt");
    assert_eq!(
        [&said["sub"], &said["act"], &said["aud"], &said["scope"], &said["client_id"], &said["acr"]],
        [
            &json!(family.sams),
            &json!({"sub": family.tokens.sub()}),
            &json!(API),
            &json!("act_as"),
            &json!("portal"),
            &json!("http://eidas.europa.eu/LoA/low")
        ]
    );
    assert_eq!(userinfo(house, access).await.0, 401, "it is for the API");
    assert!(!house.log().contains(access));
    // Portal and API hear the same, and of this one person only.
    for client in [THE_PORTAL, THE_API] {
        let told = client.introspect(house, access).await;
        assert_eq!(
            (&told["active"], &told["sub"], &told["act"]),
            (&json!(true), &said["sub"], &said["act"]),
            "{told}"
        );
        assert!(told.get("act_as").is_none() && told["exp"] == said["exp"], "{told}");
    }
    assert_eq!(LAB.introspect(house, access).await, json!({"active": false}));
    // Several APIs, in either parameter and more than once; the type and the scope said too.
    let mut more = form(family.access(), &family.bos);
    more.extend([
        ("audience", API),
        ("audience", OTHER),
        ("scope", "act_as"),
        ("requested_token_type", ACCESS_TOKEN),
    ]);
    let (status, body) = family.exchange(&more).await;
    assert_eq!(status, 200, "{body}");
    let said = claims(body["access_token"].as_str().unwrap());
    assert_eq!((&said["sub"], &said["aud"]), (&json!(family.bos), &json!([API, OTHER])));
    // It outlives no boundary of its own mandate, and that of the other child is none of its business.
    house.ok(&["mandates", "revoke", &family.mandate, "--by", "balie1"]);
    let ends = now().plus(120);
    Desk::of(house).mandate(&Form::parent(&family.mother, &family.sam).with("--ends", &ends.rfc3339()));
    let (status, body) = family.for_sam().await;
    assert_eq!(
        (status, &claims(body["access_token"].as_str().unwrap())["exp"]),
        (200, &json!(ends.epoch())),
        "{body}"
    );
    let life = body["expires_in"].as_i64().unwrap();
    assert!((1..=120).contains(&life), "{life}");
    let (_, body) = family.exchange(&form(family.access(), &family.bos)).await;
    assert_eq!(body["expires_in"], 300, "{body}");
    let lines = house.query(
        "SELECT outcome || ' ' || client || ' ' || actor || ' ' || represented FROM audit WHERE event = 'token.exchanged'",
    );
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0], format!("ok portal {} {}", family.mother, family.sam));
    // Given back, it takes its whole family along, as every token of it does.
    THE_PORTAL.revoke(house, &[("token", access)]).await;
    assert_refused(&family.for_sam().await, "invalid_request");
}

#[tokio::test]
async fn a21_nobody_gets_a_token_about_a_stranger() {
    let family = Family::at_home().await;
    let house = &family.house;
    let stranger = digid_account(house, &Browser::new(), &fresh_bsn(), "vreemde@voorbeeld.nl").await;
    let lab = LAB.sign_on(house, &family.browser, "openid act_as").await;
    let elsewhere = listed(&lab);
    let people = [
        family.tokens.sub(),
        stranger.sub(),
        &elsewhere[0],
        &elsewhere[1],
        &family.sam,
        "x",
        &"x".repeat(4096),
    ];
    for person in people {
        assert_refused(&family.exchange(&form(family.access(), person)).await, "invalid_request");
    }
    // And the stranger, who acts for nobody, for her children.
    assert_refused(
        &family.exchange(&form(stranger.text("access_token"), &family.sams)).await,
        "invalid_request",
    );
    // By password the mother acts for nobody either (M7).
    let local = log_in(house, &Browser::new(), MOTHER, 2).await;
    assert_eq!(local.sub(), family.tokens.sub());
    assert_refused(
        &family.exchange(&form(local.text("access_token"), &family.sams)).await,
        "invalid_request",
    );
    assert_eq!(family.for_sam().await.0, 200);
    let lines = house.query("SELECT outcome FROM audit WHERE event = 'token.exchanged'");
    let refused = lines.iter().filter(|line| *line == "refused").count();
    assert_eq!((refused, lines.len()), (people.len() + 2, people.len() + 3), "{lines:?}");
}

#[tokio::test]
async fn m4_m8_m9_a21_a_mandate_is_looked_at_with_each_exchange_and_each_question() {
    let family = Family::at_home().await;
    let (house, sam) = (&family.house, family.sam.as_str());
    let (_, body) = family.for_sam().await;
    let access = body["access_token"].as_str().unwrap();
    let born_on = |date: &str| house.set_birth_date(sam, date);
    let block = |word: &str| {
        let mut line =
            vec!["mandates", word, "--representative", &family.mother, "--represented", sam, "--by"];
        line.extend(if word == "block" { vec!["balie1", "--reason", "melding"] } else { vec!["balie2"] });
        house.ok(&line);
    };
    let mut answers = BTreeSet::new();
    let hear = async || [THE_PORTAL.introspect(house, access).await, THE_API.introspect(house, access).await];
    for what in ["blocked", "twelve", "revoked"] {
        let (status, body) = family.for_sam().await;
        assert_eq!(status, 200, "before it was {what}: {body}");
        let heard = hear().await;
        let good = |told: &Value| told["active"] == true && told["sub"] == family.sams.as_str();
        assert!(heard.iter().all(good), "before it was {what}: {heard:?}");
        match what {
            "blocked" => block("block"),
            "twelve" => born_on(&born(12, 0)),
            _ => drop(house.ok(&["mandates", "revoke", &family.mandate, "--by", "balie1"])),
        }
        let (status, body) = family.for_sam().await;
        assert_eq!((status, &body["error"]), (400, &json!("invalid_request")), "{what}: {body}");
        answers.insert(body.to_string());
        let heard = hear().await;
        assert!(heard.iter().all(|told| *told == json!({"active": false})), "{what}: {heard:?}");
        // The other child is not touched by it, nor the login.
        assert_eq!(family.exchange(&form(family.access(), &family.bos)).await.0, 200, "{what}");
        match what {
            "blocked" => block("unblock"),
            "twelve" => born_on(&born(8, 0)),
            _ => {}
        }
    }
    assert_eq!(answers.len(), 1, "nobody hears why: {answers:?}");
    let lines = house.query(
        "SELECT DISTINCT COALESCE(actor, '') || ' ' || COALESCE(represented, '') || ' ' || COALESCE(detail, '') \
         FROM audit WHERE event = 'token.exchanged' AND outcome = 'refused'",
    );
    assert_eq!(lines.len(), 1, "nor does the log that the mother may see: {lines:?}");
}

#[tokio::test]
async fn a12_what_is_no_good_access_token_of_this_client_is_not_exchanged() {
    let family = Family::at_home().await;
    let (house, sams) = (&family.house, family.sams.as_str());
    let lab = LAB.sign_on(house, &family.browser, "openid act_as").await;
    let silent = THE_PORTAL.sign_on(house, &family.browser, "openid").await;
    let gone = THE_PORTAL.sign_on(house, &family.browser, "openid act_as").await;
    THE_PORTAL.revoke(house, &[("token", gone.text("refresh_token"))]).await;
    let (_, exchanged) = family.for_sam().await;
    let (head, _) = family.access().rsplit_once('.').unwrap();
    for (what, token) in [
        ("an ID token", family.tokens.text("id_token")),
        ("a refresh token", family.tokens.text("refresh_token")),
        ("another client's", lab.text("access_token")),
        ("without the scope", silent.text("access_token")),
        ("revoked", gone.text("access_token")),
        ("itself exchanged", exchanged["access_token"].as_str().unwrap()),
        ("forged", &format!("{head}.AAAA")),
        ("nonsense", "x"),
    ] {
        let told = family.exchange(&form(token, sams)).await;
        assert_eq!((told.0, &told.1["error"]), (400, &json!("invalid_request")), "{what}: {}", told.1);
    }
    let with = |name: &'static str, value: &'static str| {
        let mut bent = form(family.access(), sams);
        bent.retain(|(known, _)| *known != name);
        bent.push((name, value));
        bent
    };
    let id_token = "urn:ietf:params:oauth:token-type:id_token";
    for (bent, error) in [
        (with("subject_token_type", id_token), "invalid_request"),
        (with("subject_token_type", ""), "invalid_request"),
        (with("requested_token_type", id_token), "invalid_request"),
        (with("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), "invalid_request"),
        (with("actor_token", "x"), "invalid_request"),
        (with("actor_token_type", ACCESS_TOKEN), "invalid_request"),
        (with("subject_token", ""), "invalid_request"),
        (with("act_as", ""), "invalid_request"),
        (with("scope", "openid"), "invalid_scope"),
        (with("scope", "openid act_as"), "invalid_scope"),
        (with("scope", "audit"), "invalid_scope"),
        (with("resource", ""), "invalid_target"),
        (with("resource", "https://api.example/v2"), "invalid_target"),
        (with("audience", "https://api.example/v2"), "invalid_target"),
    ] {
        assert_refused(&family.exchange(&bent).await, error);
    }
    for ours in ["/userinfo", "/admin/v1"] {
        let mut bent = form(family.access(), sams);
        let ours = format!("{}{ours}", house.issuer);
        bent.push(("resource", &ours));
        assert_refused(&family.exchange(&bent).await, "invalid_target");
    }
    let mut twice = form(family.access(), sams);
    twice.push(("act_as", sams));
    assert_refused(&family.exchange(&twice).await, "invalid_request");
    // Who has no APIs, with a token of their own; who brings the token of the portal.
    let own = listed(&lab).concat();
    assert_refused(&LAB.token(house, &form(lab.text("access_token"), &own)).await, "invalid_target");
    assert_refused(&KEYED.token(house, &form(family.access(), sams)).await, "invalid_request");
    assert_eq!(family.for_sam().await.0, 200, "and nothing was spoilt by all that");
}

/// A portal of somebody else exchanges for the APIs that its user agreed to.
#[tokio::test]
async fn a_portal_of_somebody_else_exchanges_for_apis_that_its_user_agreed_to() {
    let mut family = Family::at_home().await;
    assert_eq!(family.for_sam().await.0, 200, "the provider's own");
    family.house.reconfigure("sees_relation = true", "sees_relation = true\nthird_party = true");
    assert_refused(&family.for_sam().await, "invalid_target");
    let (house, browser) = (&family.house, &family.browser);
    for (api, name, good) in [(OTHER, OTHER, false), (API, "Dossier", true)] {
        let ask = THE_PORTAL.ask().with("scope", "openid act_as").and("resource", api);
        let page = browser.visit(&ask.url(house), crate::house::CALLBACK).await;
        assert!(page.text("wanted").unwrap().contains(&format!("toegang tot {name}, namens u")));
        let agreed = browser.submit(&page, "consent-form", &[("answer", "allow")]).await;
        portal::code_of(&agreed);
        let answer = family.for_sam().await;
        if good {
            assert_eq!(answer.0, 200, "{}", answer.1);
        } else {
            assert_refused(&answer, "invalid_target");
        }
    }
    // What they agreed to at one host is nothing for a token that was given at another.
    let to = |uri: &str| change(house, &format!("UPDATE grants SET redirect_uri = '{uri}'"));
    to("https://anders.example/callback");
    assert_refused(&family.for_sam().await, "invalid_target");
    to(crate::house::CALLBACK);
    assert_eq!(family.for_sam().await.0, 200);
}

#[tokio::test]
async fn a_bound_token_is_exchanged_with_its_key_and_a_public_clients_only_so() {
    let family = Family::at_home().await;
    let house = &family.house;
    let (key, thief) = (Key::new(), Key::new());
    let send = async |client: &Client, form: &[(&str, &str)], key: Option<&Key>| {
        let mut request = client.post(house, "/token", form);
        if let Some(key) = key {
            request = request.header("dpop", key.proof(house, "POST", "/token", None));
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    for client in [APP, KEYED] {
        let loose = client.sign_on(house, &family.browser, "openid act_as").await;
        let person = listed(&loose).remove(0);
        let ask = client.ask().with("scope", "openid act_as");
        let code = client.code(house, &family.browser, &ask).await;
        let (status, body) = send(&client, &ask.redemption(&code), Some(&key)).await;
        assert_eq!(status, 200, "{body}");
        let bound = portal::tokens(body);
        let form = form(bound.text("access_token"), &person);
        for wrong in [None, Some(&thief)] {
            assert_refused(&send(&client, &form, wrong).await, "invalid_dpop_proof");
        }
        let (status, body) = send(&client, &form, Some(&key)).await;
        assert_eq!((status, &body["token_type"]), (200, &json!("DPoP")), "{body}");
        assert_eq!(claims(body["access_token"].as_str().unwrap())["cnf"], json!({"jkt": key.thumbprint()}));
        // A token that is not bound: anybody could bring it who says that they are the app.
        for shown in [None, Some(&key)] {
            let told = send(&client, &self::form(loose.text("access_token"), &person), shown).await;
            if client.id == APP.id {
                assert_refused(&told, "unauthorized_client");
            } else {
                assert_eq!(told.0, 200, "{}", told.1);
            }
        }
    }
}

/// Two persons become one (section 0 of the design): the account's `sub` is kept, and a token that names the desk's person goes on
/// to be answered about, by the name that counts now.
#[tokio::test]
async fn a_token_by_an_older_name_is_answered_about_by_the_present_one() {
    let (house, browser) = (house().await, Browser::new());
    let (desk, bsn, fathers) = (Desk::of(&house), fresh_bsn(), fresh_bsn());
    let anna = desk.person("Anna", Some(&born(50, 0)), Some(&bsn));
    let willem = desk.person("Willem", Some(&born(80, 0)), Some(&fathers));
    let mandate = desk.mandate(&Form::grant(&anna, &willem, &days(300)));
    let tokens = digid_account(&house, &browser, &bsn, MOTHER).await;
    let alias = listed(&tokens).concat();
    let (status, body) = THE_PORTAL.token(&house, &form(tokens.text("access_token"), &alias)).await;
    assert_eq!(status, 200, "{body}");
    let about = body["access_token"].as_str().unwrap();
    let told = async || THE_PORTAL.introspect(&house, about).await;
    assert_eq!((&told().await["sub"], &told().await["active"]), (&json!(alias), &json!(true)));
    // He makes an account without showing who he is, and then does.
    let his = Browser::new();
    let own = portal::register(&house, &Browser::new(), "vader@voorbeeld.nl").await;
    let (request, page) = link(&house, &his, &fathers, "vader@voorbeeld.nl", 2).await;
    let linked = go_on(&house, &his, &request, &page).await;
    assert_eq!(linked.sub(), own.sub(), "the account's stays");
    assert_ne!(own.sub(), alias);
    let after = told().await;
    assert_eq!((&after["active"], &after["sub"]), (&json!(true), &json!(own.sub())), "{after}");
    assert_eq!(after["act"]["sub"], json!(tokens.sub()));
    assert_eq!(claims(about)["sub"], json!(alias), "whatever the token itself says");
    let (_, body) = THE_PORTAL.refresh(&house, tokens.text("refresh_token")).await;
    assert_eq!(listed(&portal::tokens(body)), [own.sub()]);
    // What is over is over by that name too.
    house.ok(&["mandates", "revoke", &mandate, "--by", "balie1"]);
    assert_eq!(told().await, json!({"active": false}));
}

#[tokio::test]
async fn a21_a_removed_entitlement_counts_from_the_next_answer() {
    let mut family = Family::at_home().await;
    let (house, browser) = (&family.house, &family.browser);
    let ask = |scope| THE_PORTAL.ask().with("scope", scope);
    let for_sam = ask("openid act_as").with("act_as", &family.sams);
    let code = THE_PORTAL.code(house, browser, &for_sam).await;
    let chosen = THE_PORTAL.redeem(house, &for_sam, &code).await;
    let (_, about) = family.for_sam().await;
    let about = about["access_token"].as_str().unwrap().to_owned();
    let all = ask("openid email act_as");
    let code = THE_PORTAL.code(house, browser, &all).await;
    let one = for_sam.clone();
    let for_one = THE_PORTAL.code(house, browser, &one).await;
    let others = LAB.sign_on(house, browser, "openid act_as").await;
    let user = |tokens: &Tokens| tokens.text("access_token").to_owned();
    assert!(userinfo(house, &user(&family.tokens)).await.1["act_as"].is_array());
    assert!(THE_PORTAL.introspect(house, &user(&family.tokens)).await["act_as"].is_array());

    let scopes = "[\"openid\", \"profile\", \"email\", \"address\", \"phone\", \"act_as\"]";
    family.house.reconfigure(scopes, "[\"openid\"]");
    let house = &family.house;
    // What was given tells nobody of anybody, nor the address, and is exchanged for nothing; what was for a child is over.
    let (status, told) = userinfo(house, &user(&family.tokens)).await;
    assert_eq!((status, names(&told)), (200, ["sub"].into()));
    let told = THE_PORTAL.introspect(house, &user(&family.tokens)).await;
    assert_eq!((&told["active"], &told["scope"], told.get("act_as")), (&json!(true), &json!("openid"), None));
    for token in [&about, &user(&chosen)] {
        assert_eq!(THE_PORTAL.introspect(house, token).await, json!({"active": false}));
    }
    assert_eq!(userinfo(house, &user(&chosen)).await.0, 401);
    assert_eq!(family.for_sam().await.0, 400);
    assert_refused(&THE_PORTAL.refresh(house, chosen.text("refresh_token")).await, "invalid_grant");
    assert_refused(&THE_PORTAL.token(house, &one.redemption(&for_one)).await, "invalid_grant");
    // What is given from now on is for what is left.
    let after = THE_PORTAL.redeem(house, &all, &code).await;
    let (_, refreshed) = THE_PORTAL.refresh(house, family.tokens.text("refresh_token")).await;
    for tokens in [after, portal::tokens(refreshed)] {
        assert_eq!((&tokens.body["scope"], tokens.claims.get("act_as")), (&json!("openid"), None));
        assert_eq!(names(&userinfo(house, &user(&tokens)).await.1), ["sub"].into());
    }
    // The twin: another client keeps what it has, and hears of both.
    let (_, kept) = userinfo(house, &user(&others)).await;
    assert_eq!(kept["act_as"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a21_nobody_acts_by_a_mandate_past_its_end() {
    let family = Family::at_home().await;
    let (house, browser) = (&family.house, &family.browser);
    house.ok(&["mandates", "revoke", &family.mandate, "--by", "balie1"]);
    let ends = now().plus(120);
    Desk::of(house).mandate(&Form::parent(&family.mother, &family.sam).with("--ends", &ends.rfc3339()));
    let ask = |whom: &str| {
        let ask = THE_PORTAL.ask().with("scope", "openid act_as");
        ask.with("act_as", whom).with("prompt", "none")
    };
    THE_PORTAL.code(house, browser, &ask(&family.sams)).await;
    assert_eq!(family.for_sam().await.0, 200, "until then");
    house.move_clock(121).await;
    let late = ask(&family.sams);
    assert_error(house, &browser.get(&late.url(house)).await, &late, "access_denied");
    let (status, body) = family.for_sam().await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_request")), "{body}");
    let refused = format!(
        "SELECT event FROM audit WHERE outcome = 'refused' AND actor = '{}' ORDER BY 1",
        family.mother
    );
    assert_eq!(house.query(&refused), ["act_as", "token.exchanged"]);
    // The twin: the other child, by both doors.
    THE_PORTAL.code(house, browser, &ask(&family.bos)).await;
    assert_eq!(family.exchange(&form(family.access(), &family.bos)).await.0, 200);
}
