//! `act_as` from the desk to the ID token, through real logins with DigiD (docs/requirements.md: M1 to M9).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    browser::Browser,
    digid_steps::change,
    house::{CALLBACK, House, Options},
    mandates_desk::{Desk, Form, born, days, digid_account, digid_again, digid_page, fresh_bsn, now},
    notify::until,
    oidc_client::{APP, LAB, THE_PORTAL, assert_error, assert_refused, claims, house, refreshed, userinfo},
    portal::{self, Tokens, log_in},
};

const MOTHER: &str = "moeder@voorbeeld.nl";

fn listed(tokens: &Tokens) -> &Vec<Value> {
    tokens.claims["act_as"].as_array().unwrap()
}

/// Whom `UserInfo` says the user may act for, now.
async fn live(house: &House, tokens: &Tokens) -> Value {
    let (status, user) = userinfo(house, tokens.text("access_token")).await;
    assert_eq!(status, 200);
    user["act_as"].clone()
}

/// A mother whom the desk knows by her BSN, with an account of her own; her id, her BSN and the portal's tokens.
async fn mother(house: &House, browser: &Browser) -> (String, String, Tokens) {
    let desk = Desk::of(house);
    let bsn = fresh_bsn();
    let id = desk.person("Anna", None, Some(&bsn));
    let tokens = digid_account(house, browser, &bsn, MOTHER).await;
    (id, bsn, tokens)
}

/// A mother of as many as one may act for, logged in by DigiD: her BSN and the portal's tokens.
pub async fn many(house: &House, browser: &Browser) -> (String, Tokens) {
    let desk = Desk::of(house);
    let (mother, bsn, _) = mother(house, &Browser::new()).await;
    let child = desk.person("Sam", Some(&born(8, 0)), None);
    desk.mandate(&Form::parent(&mother, &child));
    // The others are rows like hers: the desk would take minutes.
    let others = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 199) SELECT";
    change(
        house,
        &format!(
            "INSERT INTO persons (id, name, birth, created) {others} 'kind' || i, name, birth, created \
             FROM persons, n WHERE id = '{child}'"
        ),
    );
    let same = "representative, relation, legal_basis, evidence, representative_document, \
                representative_document_valid_until, represented_document, represented_document_valid_until, \
                form_reference, registered_by, registered_at, starts, ends, approved_by, approved_at";
    change(
        house,
        &format!(
            "INSERT INTO mandates (id, represented, {same}) {others} 'macht' || i, 'kind' || i, {same} \
             FROM mandates, n"
        ),
    );
    let ask = THE_PORTAL.ask().with("scope", "openid act_as");
    let tokens = digid_again(house, browser, &bsn, "Midden", &THE_PORTAL, &ask).await;
    (bsn, tokens)
}

#[tokio::test]
async fn m1_a_mandate_that_waited_for_its_representative_is_in_their_first_id_token() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let bsn = fresh_bsn();
    let (mother, child) =
        (desk.person("Anna", None, Some(&bsn)), desk.person("Sam", Some(&born(8, 3)), None));
    desk.mandate(&Form::parent(&mother, &child));
    let before = now().epoch();
    let tokens = digid_account(&house, &Browser::new(), &bsn, MOTHER).await;
    let act_as = listed(&tokens);
    assert_eq!(act_as.len(), 1);
    let one = &act_as[0];
    assert_eq!(
        (one["iss"].as_str(), one["relation"].as_str()),
        (Some(house.issuer.as_str()), Some("parent"))
    );
    let recheck = one["recheck"].as_i64().unwrap();
    assert!(
        (before..=now().epoch() + 900).contains(&recheck),
        "at most a quarter of an hour, and no birthday"
    );
    for (name, own) in [("sub", tokens.sub()), ("mandate", child.as_str())] {
        let text = one[name].as_str().unwrap();
        assert!(text.len() >= 22 && text != own && text != mother && text != child, "{name}");
    }
    assert_eq!(one.as_object().unwrap().len(), 5, "nothing else about the child: no name, no date, no BSN");
    assert_eq!(live(&house, &tokens).await[0]["sub"], one["sub"]);
    assert_eq!(tokens.acr(), "http://eidas.europa.eu/LoA/low");
    assert_eq!(
        claims(tokens.text("access_token")).get("act_as"),
        None,
        "asked of UserInfo, not carried about"
    );
}

#[tokio::test]
async fn m2_m4_a_child_of_thirteen_is_listed_while_both_agree() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (mother, _, tokens) = mother(&house, &Browser::new()).await;
    let child = desk.person("Kim", Some(&born(13, 40)), None);
    assert_eq!(tokens.claims["act_as"], json!([]));
    let mandate = desk.mandate(&Form::parent(&mother, &child));
    let tokens = refreshed(&house, &tokens).await;
    assert_eq!(tokens.claims["act_as"], json!([]), "nobody agreed");
    desk.hear("consent", &mandate, "represented");
    let tokens = refreshed(&house, &tokens).await;
    assert_eq!(tokens.claims["act_as"], json!([]), "the mother did not");
    desk.hear("consent", &mandate, "representative");
    let tokens = refreshed(&house, &tokens).await;
    assert_eq!(listed(&tokens).len(), 1, "the next refresh knows");
    assert_eq!(live(&house, &tokens).await.as_array().unwrap().len(), 1);
    desk.hear("withdraw", &mandate, "represented");
    // UserInfo answers with the live state: the same access token, at once.
    assert_eq!(live(&house, &tokens).await, json!([]));
    let after = refreshed(&house, &tokens).await;
    assert_eq!(after.claims["act_as"], json!([]));
    assert_eq!(after.body["expires_in"], 300);
    // What was said in the same second counts against the mandate; a later word counts.
    tokio::time::sleep(Duration::from_secs(1)).await;
    desk.hear("consent", &mandate, "represented");
    assert_eq!(listed(&refreshed(&house, &after).await).len(), 1, "and agreeing again brings it back");
    assert_eq!(house.mails_now(MOTHER).len(), 1, "no word of it by mail: only the code of the first login");
}

#[tokio::test]
async fn m3_m5_at_sixteen_only_a_grant_of_their_own_counts() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (mother, _, tokens) = mother(&house, &Browser::new()).await;
    let child = desk.person("Lot", Some(&born(8, 0)), None);
    desk.mandate(&Form::parent(&mother, &child));
    let tokens = refreshed(&house, &tokens).await;
    assert_eq!(listed(&tokens).len(), 1);
    let first_name = listed(&tokens)[0]["mandate"].clone();
    let set = |date: &str| house.set_birth_date(&child, date);
    set(&born(16, 0));
    assert_eq!(live(&house, &tokens).await, json!([]), "on the sixteenth birthday");
    let tokens = refreshed(&house, &tokens).await;
    assert_eq!(tokens.claims["act_as"], json!([]));
    set(&born(8, 0));
    let tokens = refreshed(&house, &tokens).await;
    assert_eq!(tokens.claims["act_as"], json!([]), "a correction revives nothing");
    set(&born(16, 0));
    let too_long = Form::grant(&mother, &child, &days(367));
    assert!(desk.refused(&too_long.arguments()).contains("at most a year"));
    desk.mandate(&Form::grant(&mother, &child, &days(300)));
    let tokens = refreshed(&house, &tokens).await;
    let one = &listed(&tokens)[0];
    assert_eq!((listed(&tokens).len(), one["relation"].as_str()), (1, Some("authorised")));
    assert_ne!(one["mandate"], first_name, "a new mandate");
}

#[tokio::test]
async fn m7_below_digid_there_is_nobody_and_nobody_is_looked_up() {
    let house = house().await;
    let desk = Desk::of(&house);
    let (mother, bsn, _) = mother(&house, &Browser::new()).await;
    let child = desk.person("Sam", Some(&born(8, 0)), None);
    desk.mandate(&Form::parent(&mother, &child));
    // Without the tables of mandates, whoever looks falls over.
    for table in ["mandates", "blocks", "consents"] {
        house.query(&format!("ALTER TABLE {table} RENAME TO gone_{table}"));
    }
    let local = log_in(&house, &Browser::new(), MOTHER, 2).await;
    assert_eq!((local.acr(), &local.claims["act_as"]), ("urn:namens:acr:local", &json!([])));
    assert_eq!(live(&house, &local).await, json!([]));
    let local = refreshed(&house, &local).await;
    assert_eq!((&local.claims["act_as"], &local.body["expires_in"]), (&json!([]), &json!(300)));
    let ask = THE_PORTAL.ask().with("scope", "openid act_as");
    let page = digid_page(&house, &Browser::new(), &bsn, "Midden", &ask).await;
    let (status, body) = THE_PORTAL.token(&house, &ask.redemption(&portal::code_of(&page))).await;
    assert_eq!((status, body["error"].as_str()), (500, Some("server_error")), "with DigiD it is looked up");
    for table in ["mandates", "blocks", "consents"] {
        house.query(&format!("ALTER TABLE gone_{table} RENAME TO {table}"));
    }
    // A fault of ours cost nobody their login: the same code still works.
    let tokens = THE_PORTAL.redeem(&house, &ask, &portal::code_of(&page)).await;
    assert_eq!(listed(&tokens).len(), 1);
    assert_eq!(tokens.sub(), local.sub(), "F11: the same person, by either way in");
    assert!(!house.log().contains("panicked"));
}

#[tokio::test]
async fn m7_where_substantieel_is_asked_a_mandate_of_the_desk_counts_from_there() {
    let house =
        House::start_with(Options { top: "mandate_level = \"substantieel\"", ..Options::default() }).await;
    let desk = Desk::of(&house);
    let (mother, bsn, _) = mother(&house, &Browser::new()).await;
    let child = desk.person("Sam", Some(&born(8, 0)), None);
    desk.mandate(&Form::parent(&mother, &child));
    let ask = THE_PORTAL.ask().with("scope", "openid act_as");
    for (level, acr, count) in [("Midden", "low", 0), ("Substantieel", "substantial", 1)] {
        let tokens = digid_again(&house, &Browser::new(), &bsn, level, &THE_PORTAL, &ask).await;
        assert_eq!(tokens.acr(), format!("http://eidas.europa.eu/LoA/{acr}"));
        assert_eq!(listed(&tokens).len(), count, "{level}");
        assert_eq!(live(&house, &tokens).await.as_array().unwrap().len(), count, "{level}: UserInfo");
        let later = refreshed(&house, &tokens).await;
        assert_eq!(listed(&later).len(), count, "{level}: after a refresh");
        assert_eq!(live(&house, &later).await.as_array().unwrap().len(), count, "{level}: UserInfo after it");
    }
    // Whoever is named is looked up at that level only: a session of Midden steps up, or is refused where nobody may be asked.
    let browser = Browser::new();
    digid_again(&house, &browser, &bsn, "Midden", &THE_PORTAL, &ask).await;
    let high = Browser::new();
    let named =
        listed(&digid_again(&house, &high, &bsn, "Substantieel", &THE_PORTAL, &ask).await)[0]["sub"].clone();
    for sub in [named.as_str().unwrap(), "nobody"] {
        let silent = ask.clone().with("act_as", sub).with("prompt", "none");
        assert_error(&house, &browser.get(&silent.url(&house)).await, &silent, "login_required");
        let asked = ask.clone().with("act_as", sub);
        let away = browser.get(&asked.url(&house)).await;
        assert!(
            away.body.contains("SAMLRequest")
                || away.location().is_some_and(|to| to.as_str().contains("SAMLRequest")),
            "{sub}"
        );
    }
    let asked = ask.clone().with("act_as", named.as_str().unwrap());
    let away = browser.visit(&asked.url(&house), CALLBACK).await;
    let back = portal::at_digid(&browser, &away, &bsn, &[("level", "Substantieel")]).await;
    let told = THE_PORTAL.redeem(&house, &asked, &portal::code_of(&back)).await;
    assert_eq!(told.claims["represents"]["sub"], named, "the twin");
}

#[tokio::test]
async fn m8_no_token_that_names_someone_outlives_the_mandate() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (mother, _, tokens) = mother(&house, &Browser::new()).await;
    let child = desk.person("Sam", Some(&born(8, 0)), None);
    let ends = now().plus(120);
    let mandate = desk.mandate(&Form::parent(&mother, &child).with("--ends", &ends.rfc3339()));
    let tokens = refreshed(&house, &tokens).await;
    let expires_in = tokens.body["expires_in"].as_i64().unwrap();
    assert!((1..=120).contains(&expires_in), "{expires_in}");
    assert_eq!(listed(&tokens)[0]["recheck"], ends.epoch());
    assert_eq!(tokens.claims["exp"], ends.epoch());
    assert_eq!(claims(tokens.text("access_token"))["exp"], ends.epoch());
    // Without the claim the boundary shortens nothing, and so tells nothing.
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.text("refresh_token")),
        ("scope", "openid"),
    ];
    let (status, body) = THE_PORTAL.token(&house, &form).await;
    assert_eq!((status, &body["expires_in"]), (200, &json!(300)), "{body}");
    house.ok(&["mandates", "revoke", &mandate, "--by", "balie1"]);
    assert_eq!(live(&house, &tokens).await, json!([]), "revoked: gone from UserInfo at once");
    // A mandate that has not begun, and one that ends this moment.
    let other = desk.person("Bo", Some(&born(5, 0)), None);
    desk.mandate(&Form::parent(&mother, &other).with("--starts", &days(1)));
    let next = portal::tokens(body);
    let soon = desk.mandate(&Form::parent(&mother, &child).with("--ends", &now().plus(3600).rfc3339()));
    change(&house, &format!("UPDATE mandates SET ends = {} WHERE id = '{soon}'", now().epoch()));
    assert!(desk.standings(&child).contains(&"ended".to_owned()));
    let (status, body) = THE_PORTAL.refresh(&house, next.text("refresh_token")).await;
    assert_eq!((status, &portal::tokens(body).claims["act_as"]), (200, &json!([])), "{soon} has ended");
}

#[tokio::test]
async fn m9_a_block_is_silent_and_touches_nothing_else() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (mother, _, tokens) = mother(&house, &Browser::new()).await;
    let (sam, bo) = (desk.person("Sam", Some(&born(8, 0)), None), desk.person("Bo", Some(&born(5, 0)), None));
    desk.mandate(&Form::parent(&mother, &sam));
    let tokens = refreshed(&house, &tokens).await;
    let sams = listed(&tokens)[0]["sub"].clone();
    desk.mandate(&Form::parent(&mother, &bo));
    let tokens = refreshed(&house, &tokens).await;
    assert_eq!(listed(&tokens).len(), 2);
    // What is said of the machine, such as a slow disk, is no line about anybody, nor is a mail that is on its way.
    let lines =
        || house.log().lines().filter(|line| !line.contains("sqlx") && !line.contains("mail")).count();
    until("the mails that both have begun", || (house.mandate_mails(MOTHER).len() == 2).then_some(())).await;
    let (mails, log) = (house.mails_now(MOTHER), lines());
    house.ok(&[
        "mandates",
        "block",
        "--representative",
        &mother,
        "--represented",
        &sam,
        "--by",
        "balie1",
        "--reason",
        "melding",
    ]);
    let left = live(&house, &tokens).await;
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_ne!(left[0]["sub"], sams);
    let after = refreshed(&house, &tokens).await;
    assert_eq!(listed(&after).len(), 1);
    // As if Sam had never been there: the same names in the answers, the same life, no mail, no line in the log.
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((names(&after.body), names(&after.claims)), (names(&tokens.body), names(&tokens.claims)));
    assert_eq!(after.body["expires_in"], tokens.body["expires_in"]);
    assert_eq!((house.mails_now(MOTHER), lines()), (mails, log));
    assert_eq!(house.mandate_mails(MOTHER).len(), 2);
    house.ok(&["mandates", "unblock", "--representative", &mother, "--represented", &sam, "--by", "balie2"]);
    assert_eq!(listed(&refreshed(&house, &after).await).len(), 2);
}

#[tokio::test]
async fn each_client_hears_what_it_may_and_knows_people_by_names_of_its_own() {
    let house = house().await;
    let desk = Desk::of(&house);
    let browser = Browser::new();
    let (mother, _, first) = mother(&house, &browser).await;
    let childs_bsn = fresh_bsn();
    let child = desk.person("Kim", Some(&born(13, 0)), Some(&childs_bsn));
    let mandate = desk.mandate(&Form::parent(&mother, &child));
    for party in ["represented", "representative"] {
        desk.hear("consent", &mandate, party);
    }
    let silent = THE_PORTAL.sign_on(&house, &browser, "openid email").await;
    assert_eq!(silent.claims.get("act_as"), None, "only with the scope");
    assert_eq!(live(&house, &silent).await, Value::Null);
    let entitled = refreshed(&house, &first).await;
    let lab = LAB.sign_on(&house, &browser, "openid act_as").await;
    let app = APP.sign_on(&house, &browser, "openid act_as").await;
    let (p, l, a) = (&listed(&entitled)[0], &listed(&lab)[0], &listed(&app)[0]);
    assert_eq!((p["relation"].as_str(), l.get("relation"), a.get("relation")), (Some("parent"), None, None));
    assert_eq!(live(&house, &lab).await[0].get("relation"), None);
    assert!(p["sub"] == a["sub"] && p["sub"] != l["sub"], "pairwise by sector");
    assert!(
        p["mandate"] != l["mandate"] && p["mandate"] != a["mandate"] && l["mandate"] != a["mandate"],
        "per client"
    );
    // The child itself is known to each portal by the very name that its mother's token had.
    let childs = Browser::new();
    let own = digid_account(&house, &childs, &childs_bsn, "kim@voorbeeld.nl").await;
    assert_eq!(own.sub(), p["sub"].as_str().unwrap());
    assert_eq!(LAB.sign_on(&house, &childs, "openid").await.sub(), l["sub"].as_str().unwrap());
    assert_eq!(own.claims["act_as"], json!([]), "a mandate works one way");
    // And what the mother may is no way into the child's own session: a stranger has nobody.
    let stranger = digid_account(&house, &Browser::new(), &fresh_bsn(), "vreemde@voorbeeld.nl").await;
    assert_eq!(stranger.claims["act_as"], json!([]));
}

#[tokio::test]
async fn m7_m13_each_level_of_digid_tells_of_a_mandate_and_a_child_under_twelve_has_no_session() {
    let house = house().await;
    let desk = Desk::of(&house);
    let browser = Browser::new();
    let (mother, bsn, first) = mother(&house, &browser).await;
    let child = desk.person("Sam", Some(&born(8, 0)), None);
    desk.mandate(&Form::parent(&mother, &child));
    let ask = THE_PORTAL.ask().with("scope", "openid act_as").with("prompt", "login");
    for level in ["Substantieel", "Hoog"] {
        let tokens = digid_again(&house, &Browser::new(), &bsn, level, &THE_PORTAL, &ask).await;
        assert_eq!(listed(&tokens).len(), 1, "{level}");
    }
    // A child below twelve, known at the desk, has no session of its own (M13).
    let bsn = fresh_bsn();
    desk.person("Bo", Some(&born(11, 0)), Some(&bsn));
    let page = digid_page(&house, &Browser::new(), &bsn, "Midden", &THE_PORTAL.ask()).await;
    assert_eq!((page.status.as_u16(), page.location()), (403, None));
    assert_eq!(house.query("SELECT COUNT(*) FROM accounts"), ["1"]);
    // Neither BSN stands in the log.
    assert!(!house.log().contains(&bsn));
    let (status, _) = THE_PORTAL.refresh(&house, "x").await;
    assert_eq!(status, 400);
    assert_refused(&LAB.refresh(&house, first.text("refresh_token")).await, "invalid_grant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m4_m8_of_fifty_refreshes_during_a_withdrawal_none_that_begins_after_it_names_the_child() {
    let house = Arc::new(house().await);
    let browser = Browser::new();
    let (mother, _, _) = mother(&house, &browser).await;
    let desk = Desk::of(&house);
    let child = desk.person("Kim", Some(&born(13, 40)), None);
    let mandate = desk.mandate(&Form::parent(&mother, &child));
    for party in ["represented", "representative"] {
        desk.hear("consent", &mandate, party);
    }
    let acknowledged = Arc::new(AtomicBool::new(false));
    let mut under_way = Vec::new();
    for _ in 0..50 {
        let mut tokens = THE_PORTAL.sign_on(&house, &browser, "openid act_as").await;
        assert_eq!(listed(&tokens).len(), 1);
        let (house, acknowledged) = (house.clone(), acknowledged.clone());
        under_way.push(async move {
            let mut named = tokens.text("access_token").to_owned();
            loop {
                let begins_after = acknowledged.load(Ordering::SeqCst);
                tokens = refreshed(&house, &tokens).await;
                let tells = !listed(&tokens).is_empty();
                assert!(!(tells && begins_after), "the withdrawal had been acknowledged");
                if tells {
                    named = tokens.text("access_token").to_owned();
                }
                if begins_after {
                    return named;
                }
            }
        });
    }
    let under_way: Vec<_> = under_way.into_iter().map(tokio::spawn).collect();
    let desks = house.clone();
    let withdrawn =
        tokio::task::spawn_blocking(move || Desk::of(&desks).hear("withdraw", &mandate, "represented"));
    withdrawn.await.unwrap();
    acknowledged.store(true, Ordering::SeqCst);
    for one in under_way {
        // What was under way may name the child; whoever asks hears of nobody.
        let named = one.await.unwrap();
        let told = THE_PORTAL.introspect(&house, &named).await;
        assert_eq!((&told["active"], &told["act_as"]), (&json!(true), &json!([])));
        assert_eq!(userinfo(&house, &named).await.1["act_as"], json!([]));
    }
}
