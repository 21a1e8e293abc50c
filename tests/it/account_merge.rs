//! Two accounts of one person become one (F12, docs/adr/0045).

use futures_util::future::{join, join_all};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    account::{at, through},
    authenticator::{set_up, type_app},
    browser::{Browser, Page},
    digid_steps::{bsn, change, link, log_in_with_digid, person_of, register_with_digid},
    house::{CALLBACK, House, PASSWORD},
    mandates_desk::{Desk, Form, born, days, digid_account, fresh_bsn},
    notify::{Ears, TOLD, settled},
    oidc_client::{THE_PORTAL, assert_refused, claims},
    portal::{self, at_digid, enter_password, log_in, press_digid, register, request},
    steps::{answer, is_in},
};

const OWNER: &str = "jansen@voorbeeld.nl";
const SECOND: &str = "jansen+digid@voorbeeld.nl";
const OUT: &str = "U bent uitgelogd.";

async fn shown(house: &House, browser: &Browser) -> Page {
    browser.visit(&at(house, "/account/merge"), CALLBACK).await
}

/// From the page, in a session of just now, to the login of the other account.
async fn begin(house: &House, browser: &Browser) -> Page {
    let page = shown(house, browser).await;
    assert!(page.text("begin").is_some(), "{}: {}", page.url, page.body);
    let sent = browser.submit(&page, "begin-form", &[]).await;
    let choose = browser.follow(sent, CALLBACK).await;
    assert_eq!(choose.heading(), "Inloggen bij Mijn account");
    choose
}

/// Somebody with a password's session proves an account with DigiD, and then that of the password again; the page after it.
pub async fn prove_digid(house: &House, browser: &Browser, bsn: &str) -> Page {
    let choose = begin_anew(house, browser, bsn).await;
    assert!(choose.body.contains("id=\"local\""), "the password comes last");
    through(house, browser, &choose, OWNER, house.mails_now(OWNER).len() + 1).await
}

/// From a password's session by DigiD to the login of the account with the password.
async fn begin_anew(house: &House, browser: &Browser, bsn: &str) -> Page {
    let choose = begin(house, browser).await;
    assert!(!choose.body.contains("id=\"local\""), "DigiD only");
    let digid = press_digid(browser, &choose).await;
    let page = at_digid(browser, &digid, bsn, &[]).await;
    assert!(page.text("goes").is_none() && page.text("begin").is_some(), "{}", page.body);
    begin(house, browser).await
}

/// Logs in at Mijn account with DigiD.
async fn with_digid(house: &House, browser: &Browser, bsn: &str) -> Page {
    let choose = shown(house, browser).await;
    let digid = press_digid(browser, &choose).await;
    at_digid(browser, &digid, bsn, &[]).await
}

pub async fn merge(browser: &Browser, page: &Page) -> Page {
    browser.submit(page, "merge-form", &[]).await
}

/// Posts without a page, with the token of the session's other forms.
async fn press(house: &House, browser: &Browser) -> Page {
    let csrf = browser.get(&at(house, "/account")).await.form("everywhere-form").1["csrf"].clone();
    browser.post(&at(house, "/account/merge"), &[("csrf", &csrf)]).await
}

fn listed(claims: &Value) -> usize {
    claims["act_as"].as_array().unwrap().len()
}

#[tokio::test]
async fn f12_a_local_account_and_one_of_digid_become_one_that_keeps_all_of_both() {
    let (ears, tables) = Ears::open().await;
    let house = House::with(tables).await;
    let (desk, bsn) = (Desk::of(&house), fresh_bsn());
    let anna = desk.person("Anna", Some(&born(40, 0)), Some(&bsn));
    let children = ["Sam", "Bo"].map(|name| desk.person(name, Some(&born(8, 0)), Some(&fresh_bsn())));
    for child in &children {
        desk.mandate(&Form::parent(&anna, child));
    }
    let pair = ["--representative", anna.as_str(), "--represented", children[0].as_str()];
    house.ok(&[&["mandates", "block"][..], &pair, &["--by", "balie1", "--reason", "melding"]].concat());
    let theirs = register_with_digid(&house, &bsn, SECOND, "").await;
    let (elsewhere, owner) = (Browser::new(), Browser::new());
    assert_eq!(listed(&log_in_with_digid(&house, &elsewhere, &bsn, &[], &[]).await.claims), 1, "the block");
    let there = TOLD.sign_on(&house, &elsewhere, "openid").await;
    let mine = register(&house, &owner, OWNER).await;
    let here = TOLD.sign_on(&house, &owner, "openid").await;
    let third = Browser::new();
    log_in(&house, &third, OWNER, 2).await;
    let away = TOLD.sign_on(&house, &third, "openid").await;
    let keeper = person_of(&house, OWNER);

    let page = prove_digid(&house, &owner, &bsn).await;
    assert_eq!(page.heading(), "Twee accounts samenvoegen");
    assert!(page.text("remains").unwrap().contains(OWNER) && page.text("goes").unwrap().contains(SECOND));
    assert_eq!(house.count("accounts"), 2, "nothing before the press");
    let out = merge(&owner, &page).await;
    assert_eq!(
        (out.heading().as_str(), out.text("done").as_deref()),
        (OUT, Some("Uw accounts zijn samengevoegd."))
    );

    let kept = house.mails(OWNER, 4).pop().unwrap();
    assert!(kept.contains("is samengevoegd") && kept.contains("het wachtwoord dat erbij hoort"), "{kept}");
    let gone = house.mails(SECOND, 2).pop().unwrap();
    assert!(gone.contains("is samengevoegd") && gone.contains("laatste e-mail naar dit adres"), "{gone}");
    for told in [&there, &here, &away] {
        ears.of(TOLD, &told.claims["sid"], 1).await;
    }
    settled(&house).await;
    for (client, ended) in
        [(THE_PORTAL, &theirs), (THE_PORTAL, &mine), (TOLD, &there), (TOLD, &here), (TOLD, &away)]
    {
        assert_refused(&client.refresh(&house, ended.text("refresh_token")).await, "invalid_grant");
    }
    for browser in [&owner, &elsewhere, &third] {
        let silent = browser.visit(&request(&house, &[("prompt", "none")]).url, CALLBACK).await;
        assert_eq!(answer(&silent)["error"], "login_required");
    }
    // One account, by either way, with what the desk knows; a block holds for it.
    assert_eq!(house.count("accounts"), 1);
    let (digid, local) = (Browser::new(), Browser::new());
    let by_digid = log_in_with_digid(&house, &digid, &bsn, &[], &[]).await;
    assert_eq!((by_digid.sub(), listed(&by_digid.claims)), (mine.sub(), 1), "Bo, and never Sam");
    assert_eq!(log_in(&house, &local, OWNER, 5).await.sub(), mine.sub());
    let of_both = format!("mandates WHERE representative = '{keeper}'");
    assert_eq!((house.count(&of_both), house.count("mandates")), (2, 2));
    let whole = format!(
        "persons WHERE id = '{keeper}' AND name = 'Anna' AND birth IS NOT NULL AND bsn_index IS NOT NULL"
    );
    assert_eq!(house.count(&whole), 1);
    // The older name still means them at its portal, and nobody at another's.
    let alias = format!("subjects WHERE sub = '{}' AND alias = 1 AND person_id = '{keeper}'", theirs.sub());
    assert_eq!(house.count(&alias), 1);
    let hint = async |browser: &Browser, token: &str| {
        let asked = request(&house, &[("prompt", "none"), ("id_token_hint", token)]);
        is_in(&browser.visit(&asked.url, CALLBACK).await)
    };
    assert!(hint(&digid, theirs.text("id_token")).await && hint(&digid, mine.text("id_token")).await);
    let stranger = register(&house, &Browser::new(), "ander@voorbeeld.nl").await;
    assert!(!hint(&digid, stranger.text("id_token")).await);
    let sectors = format!("subjects WHERE sub = '{}' AND sector <> '127.0.0.1'", theirs.sub());
    assert_eq!(house.count(&sectors), 0);
    // The log of both is theirs to read.
    let log = digid.visit(&at(&house, "/account/log"), CALLBACK).await;
    assert!(log.body.contains("Twee accounts samengevoegd"), "{}", log.body);
    assert_eq!(log.body.matches("Account gemaakt").count(), 2, "{}", log.body);
    let line =
        format!("audit WHERE event = 'account.merged' AND actor = '{keeper}' AND represented = '{anna}'");
    assert_eq!(house.count(&line), 1);
    assert!(house.ok(&["audit", "verify"]).contains("as they were written"));
    // And the address that was left is free.
    let again =
        crate::steps::to_register_code(&Browser::new(), &request(&house, &[]), SECOND, PASSWORD).await;
    crate::steps::code_for(&house, SECOND, &again);
    assert_eq!(house.count("accounts"), 2, "and the stranger's");
}

#[tokio::test]
async fn f12_who_acts_for_them_goes_on_and_an_app_is_asked_for_ever_after() {
    let (house, anna) = (crate::resource::house().await, Browser::new());
    let (desk, hers, his) = (Desk::of(&house), fresh_bsn(), fresh_bsn());
    let mother = desk.person("Anna", Some(&born(50, 0)), Some(&hers));
    let father = desk.person("Willem", Some(&born(80, 0)), Some(&his));
    desk.mandate(&Form::grant(&mother, &father, &days(300)));
    register_with_digid(&house, &his, SECOND, PASSWORD).await;
    let tokens = digid_account(&house, &anna, &hers, "anna@voorbeeld.nl").await;
    let alias = tokens.claims["act_as"][0]["sub"].as_str().unwrap().to_owned();
    let exchanged = crate::exchange::form(tokens.text("access_token"), &alias);
    let (_, about) = THE_PORTAL.token(&house, &exchanged).await;
    let about = about["access_token"].as_str().unwrap();
    let ask = THE_PORTAL.ask().with("scope", "openid act_as").with("act_as", &alias);
    let code = THE_PORTAL.code(&house, &anna, &ask).await;
    let chosen = THE_PORTAL.redeem(&house, &ask, &code).await;
    assert_eq!(chosen.claims["represents"]["sub"], json!(alias));

    let willem = Browser::new();
    with_digid(&house, &willem, &his).await;
    let app = set_up(&house, &willem, SECOND).await;
    let own = register(&house, &Browser::new(), OWNER).await;
    let choose = begin(&house, &willem).await;
    assert!(choose.body.contains("id=\"local\""), "the password is the other way");
    let page = through(&house, &willem, &choose, OWNER, 2).await;
    assert!(page.text("app").is_some(), "{}", page.body);
    for (email, client, host, scope) in [
        (SECOND, "lab", "a.example", "openid"),
        (SECOND, "lab", "b.example", "openid"),
        (SECOND, "lab", "c.example", "openid email"),
        (SECOND, "mail", "a.example", "openid email"),
        (SECOND, "shop", "a.example", "openid"),
        (SECOND, "shop", "b.example", "openid"),
        (OWNER, "shop", "a.example", "openid email"),
    ] {
        let agreed =
            "INSERT INTO client_consents (account_id, client_id, host, scope, claims, given) SELECT id, ";
        let of = format!("'{client}', '{host}', '{scope}', '[]', 1 FROM accounts WHERE email = '{email}'");
        change(&house, &format!("{agreed}{of}"));
    }
    assert_eq!(merge(&willem, &page).await.heading(), OUT);
    // What either agreed to is kept, but for what tells of the account that went; for one client, as the one that remains did.
    // And each at its own host.
    let agreed = "SELECT client_id || ' ' || host || ' ' || scope FROM client_consents \
                  WHERE client_id IN ('lab', 'mail', 'shop') ORDER BY 1";
    assert_eq!(
        house.query(agreed),
        ["lab a.example openid", "lab b.example openid", "shop a.example openid email"]
    );

    let told = THE_PORTAL.introspect(&house, about).await;
    assert_eq!((&told["active"], &told["sub"]), (&json!(true), &json!(own.sub())), "{told}");
    assert_eq!(claims(about)["sub"], json!(alias), "whatever the token itself says");
    let (status, body) = THE_PORTAL.refresh(&house, chosen.text("refresh_token")).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(portal::tokens(body).claims["represents"]["sub"], json!(own.sub()));
    // Neither password nor mailbox alone opens what an app guarded.
    let browser = Browser::new();
    let asked = enter_password(&browser, &request(&house, &[("prompt", "login")]), OWNER, PASSWORD).await;
    assert_eq!(asked.heading(), "Vul de code uit uw app in", "{}", asked.body);
    change(&house, "UPDATE accounts SET app_step = 0 WHERE app_step IS NOT NULL");
    assert!(is_in(&type_app(&browser, &asked, &app.code(0)).await));
    assert_eq!(house.count("recovery_codes"), 0, "those were the other account's");
}

/// What a link with DigiD leaves to whoever acts for them at that moment.
#[tokio::test]
async fn f12_who_acts_for_somebody_goes_on_when_they_link_digid() {
    let (house, anna) = (House::start().await, Browser::new());
    let (desk, hers, his) = (Desk::of(&house), fresh_bsn(), fresh_bsn());
    let mother = desk.person("Anna", Some(&born(50, 0)), Some(&hers));
    let father = desk.person("Willem", Some(&born(80, 0)), Some(&his));
    let mandate = desk.mandate(&Form::grant(&mother, &father, &days(300)));
    let tokens = digid_account(&house, &anna, &hers, "anna@voorbeeld.nl").await;
    let alias = tokens.claims["act_as"][0]["sub"].as_str().unwrap().to_owned();
    let ask = THE_PORTAL.ask().with("scope", "openid act_as").with("act_as", &alias);
    let code = THE_PORTAL.code(&house, &anna, &ask).await;
    let chosen = THE_PORTAL.redeem(&house, &ask, &code).await;
    let own = register(&house, &Browser::new(), OWNER).await;
    link(&house, &Browser::new(), &his, OWNER, 2).await;
    let (status, body) = THE_PORTAL.refresh(&house, chosen.text("refresh_token")).await;
    assert_eq!(status, 200, "{body}");
    let after = portal::tokens(body);
    assert_eq!(after.claims["represents"]["sub"], json!(own.sub()));
    house.ok(&["mandates", "revoke", &mandate, "--by", "balie1"]);
    assert_refused(&THE_PORTAL.refresh(&house, after.text("refresh_token")).await, "invalid_grant");
}

#[tokio::test]
async fn f12_what_tells_two_people_apart_keeps_their_accounts_two() {
    let house = House::start().await;
    let (bsn, owner) = (bsn(1), Browser::new());
    register_with_digid(&house, &bsn, SECOND, PASSWORD).await;
    register(&house, &owner, OWNER).await;
    let page = prove_digid(&house, &owner, &bsn).await;
    assert!(page.text("goes").is_some(), "{}", page.body);
    let (mine, theirs) = (person_of(&house, OWNER), person_of(&house, SECOND));
    let other = house.query(&format!("SELECT id FROM accounts WHERE email = '{SECOND}'")).concat();
    let born_in =
        |person: &str, birth: &str| format!("UPDATE persons SET birth = '{birth}' WHERE id = '{person}'");
    let mandate = |holder: &str, of: &str| {
        format!(
            "INSERT INTO mandates (id, representative, represented, relation, legal_basis, evidence, representative_document, \
             representative_document_valid_until, represented_document, represented_document_valid_until, form_reference, \
             registered_by, registered_at, starts, revoked_at) \
             VALUES ('m', '{holder}', '{of}', 'grant', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'els', 1, 1, 2)"
        )
    };
    let block = |holder: &str, of: &str| {
        format!(
            "INSERT INTO blocks (id, representative, represented, reason, placed_at, placed_by) VALUES ('b', '{holder}', '{of}', 'x', 1, 'els')"
        )
    };
    let member = |account: &str, approved: &str| {
        format!(
            "INSERT INTO staff (id, account, roles, department, proposed_by, proposed_at, approved_by, approved_at, ended_at) \
             VALUES ('s', '{account}', 'registrar', 'x', 'els', 1, {approved})"
        )
    };
    let owners = house.query(&format!("SELECT id FROM accounts WHERE email = '{OWNER}'")).concat();
    let clear = [
        "DELETE FROM mandates",
        "DELETE FROM blocks",
        "DELETE FROM staff",
        "UPDATE persons SET birth = NULL, patient_number = NULL",
    ];
    for (why, statements) in [
        ("child", vec![born_in(&mine, &born(13, 0))]),
        ("child", vec![born_in(&theirs, &born(15, 0))]),
        ("two_people", vec![born_in(&mine, "1980-01-01"), born_in(&theirs, "1981-01-01")]),
        ("two_people", vec![mandate(&mine, &theirs)]),
        ("two_people", vec![mandate(&theirs, &mine)]),
        ("two_people", vec![block(&mine, &theirs)]),
        ("two_people", vec![block(&theirs, &mine)]),
        ("two_people", vec!["UPDATE persons SET patient_number = id".to_owned()]),
        ("two_people", vec![format!("UPDATE persons SET bsn_index = x'01' WHERE id = '{mine}'")]),
        ("staff", vec![member(&other, "'joost', 2, NULL")]),
        ("staff", vec![member(&owners, "'joost', 2, 3")]),
        ("staff", vec![member(&owners, "NULL, NULL, NULL")]),
    ] {
        for statement in &statements {
            change(&house, statement);
        }
        let page = shown(&house, &owner).await;
        assert!(
            page.text("refused").is_some() && page.text("goes").is_none(),
            "{statements:?}: {}",
            page.body
        );
        let told = press(&house, &owner).await;
        assert_eq!(told.location().unwrap().path(), "/account/merge", "{statements:?}");
        let last = "SELECT detail FROM audit WHERE event = 'account.merged' AND outcome = 'refused' ORDER BY seq DESC LIMIT 1";
        assert_eq!(house.query(last), [why], "{statements:?}");
        for statement in clear {
            change(&house, statement);
        }
        change(&house, &format!("UPDATE persons SET bsn_index = NULL WHERE id = '{mine}'"));
    }
    assert_eq!(house.count("accounts"), 2);
    assert_eq!(
        (house.mails_now(OWNER).len(), house.mails_now(SECOND).len()),
        (2, 1),
        "nobody was told of anything"
    );
    // The twin, of the same two proofs: born on one day, and each known to act for others.
    change(&house, &born_in(&mine, "1980-01-01"));
    change(&house, &born_in(&theirs, "1980-01-01"));
    let page = shown(&house, &owner).await;
    assert_eq!(merge(&owner, &page).await.heading(), OUT);
    assert_eq!(house.count("accounts"), 1);
}

#[tokio::test]
async fn f12_one_account_is_not_two_and_two_digids_are_not_one() {
    let house = House::start().await;
    let (first, second, browser) = (bsn(1), bsn(2), Browser::new());
    register_with_digid(&house, &first, OWNER, PASSWORD).await;
    register_with_digid(&house, &second, SECOND, PASSWORD).await;
    with_digid(&house, &browser, &first).await;
    for (bsn, why) in [(&first, "hetzelfde account"), (&second, "een eigen DigiD")] {
        let choose = begin(&house, &browser).await;
        let digid = press_digid(&browser, &choose).await;
        let page = at_digid(&browser, &digid, bsn, &[]).await;
        assert!(page.text("refused").is_some_and(|text| text.contains(why)), "{}", page.body);
        assert_eq!(press(&house, &browser).await.location().unwrap().path(), "/account/merge");
        assert_eq!(house.count("accounts"), 2);
        // The page begins anew in another login.
        log_in_with_digid(&house, &browser, &first, &[("prompt", "login")], &[]).await;
    }
    // The password of an account with DigiD is not enough of a proof of it.
    let choose = begin(&house, &browser).await;
    let page = through(&house, &browser, &choose, SECOND, 2).await;
    assert!(
        page.heading() == "Inloggen bij Mijn account" && !page.body.contains("id=\"local\""),
        "DigiD first"
    );
    assert_eq!(press(&house, &browser).await.location().unwrap().path(), "/account/merge");
    assert_eq!(house.count("accounts"), 2);
}

#[tokio::test]
async fn f12_half_a_proof_one_of_another_browser_and_one_that_has_ended_merge_nothing() {
    let house = House::start().await;
    let (his, hers) = (bsn(7), bsn(8));
    // Mallory has a DigiD and an account of his own, and somebody's password; not their mail.
    register_with_digid(&house, &his, "mallory@voorbeeld.nl", "").await;
    register_with_digid(&house, &hers, SECOND, "").await;
    let (mallory, owner) = (Browser::new(), Browser::new());
    register(&house, &owner, OWNER).await;
    with_digid(&house, &mallory, &his).await;
    let choose = begin(&house, &mallory).await;
    let form = mallory.get(&format!("{}/email", choose.url)).await;
    let sent = mallory.submit(&form, "email-form", &[("email", OWNER), ("password", PASSWORD)]).await;
    let waits = mallory.follow(sent, CALLBACK).await;
    let code = house.code(OWNER, 2);
    let wrong = mallory.submit(&waits, "code-form", &[("code", &crate::steps::wrong(&code))]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown(&house, &mallory).await.text("begin").is_some());
    assert_eq!(press(&house, &mallory).await.location().unwrap().path(), "/account/merge");
    // The owner's two proofs are of the owner's browser; and a form must be of the session.
    let page = prove_digid(&house, &owner, &hers).await;
    let mine = page.form("merge-form").1["csrf"].clone();
    let url = at(&house, "/account/merge");
    assert_eq!(mallory.post(&url, &[("csrf", &mine)]).await.status, StatusCode::FORBIDDEN);
    let theirs = shown(&house, &mallory).await.form("begin-form").1["csrf"].clone();
    for token in ["", theirs.as_str()] {
        assert_eq!(owner.post(&url, &[("csrf", token)]).await.status, StatusCode::FORBIDDEN);
    }
    for (header, evil) in [("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")] {
        let sent = owner.request(Method::POST, &url).header(header, evil);
        assert_eq!(owner.send(sent.form(&[("csrf", &mine)])).await.status, StatusCode::FORBIDDEN, "{header}");
    }
    // Ten minutes later the first proof is none; nor is it once another password has begun a new era.
    for (spoil, mend) in [
        (
            "UPDATE ephemeral SET ends = ends - 100000 WHERE kind = 'merge'",
            "UPDATE ephemeral SET ends = ends + 100000 WHERE kind = 'merge'",
        ),
        (
            "UPDATE accounts SET era = era + 1 WHERE digid_linked_at IS NOT NULL",
            "UPDATE accounts SET era = era - 1 WHERE digid_linked_at IS NOT NULL",
        ),
    ] {
        change(&house, spoil);
        assert!(shown(&house, &owner).await.text("goes").is_none(), "{spoil}");
        assert_eq!(press(&house, &owner).await.location().unwrap().path(), "/account/merge", "{spoil}");
        change(&house, mend);
    }
    assert_eq!(house.count("accounts"), 3);
    // Where the session of the first proof ends before the second, only the second is one.
    let leaving = Browser::new();
    with_digid(&house, &leaving, &hers).await;
    let choose = begin(&house, &leaving).await;
    let elsewhere = Browser::new();
    with_digid(&house, &elsewhere, &hers).await;
    let overview = elsewhere.get(&at(&house, "/account")).await;
    elsewhere.submit(&overview, "others-form", &[]).await;
    let alone = through(&house, &leaving, &choose, OWNER, house.mails_now(OWNER).len() + 1).await;
    assert!(alone.text("begin").is_some() && alone.text("goes").is_none(), "{}", alone.body);
    // The twin: what was proven before all that still merges, once.
    let page = shown(&house, &owner).await;
    let told = join_all((0..30).map(|_| merge(&owner, &page))).await;
    assert!(told.iter().all(|page| !page.status.is_server_error()));
    assert_eq!(told.iter().filter(|page| page.heading() == OUT).count(), 1);
    assert_eq!(
        (house.count("accounts"), house.count("audit WHERE event = 'account.merged' AND outcome = 'ok'")),
        (2, 1)
    );
}

/// Who phished a login, code and all, and has a DigiD of their own: as for a link (F9) the owner reads what the code does.
#[tokio::test]
async fn f12_a_login_that_was_given_away_and_another_ones_digid_merge_nothing_without_a_code_that_says_so() {
    let house = House::start().await;
    let (his, phished) = (bsn(1), Browser::new());
    register_with_digid(&house, &his, SECOND, "").await;
    register(&house, &Browser::new(), OWNER).await;
    log_in(&house, &phished, OWNER, 2).await;
    assert!(!house.mails_now(OWNER).concat().contains("koppelt u DigiD"));
    let choose = begin_anew(&house, &phished, &his).await;
    assert_eq!(press(&house, &phished).await.location().unwrap().path(), "/account/merge");
    assert_eq!((house.count("accounts"), house.count("audit WHERE event = 'account.merged'")), (2, 0));
    // The twin: who types that code was told.
    let page = through(&house, &phished, &choose, OWNER, 3).await;
    let mail = house.mails(OWNER, 3).pop().unwrap();
    assert!(mail.contains("De eigenaar van die DigiD kan daarna in uw account."), "{mail}");
    assert_eq!(merge(&phished, &page).await.heading(), OUT);
    assert_eq!(house.count("accounts"), 1);
}

#[tokio::test]
async fn f12_a_merge_beside_an_erasure_and_logins_leaves_nothing_half() {
    let house = House::start().await;
    let bsn = bsn(3);
    register_with_digid(&house, &bsn, SECOND, "").await;
    let (owner, other, late) = (Browser::new(), Browser::new(), Browser::new());
    register(&house, &owner, OWNER).await;
    let page = prove_digid(&house, &owner, &bsn).await;
    with_digid(&house, &other, &bsn).await;
    let erasure = other.visit(&at(&house, "/account/erase"), CALLBACK).await;
    let asked = request(&house, &[]);
    let choose = late.visit(&asked.url, CALLBACK).await;
    let away = press_digid(&late, &choose).await;
    let presses = join_all((0..10).map(|_| merge(&owner, &page)));
    let erasures = join_all((0..10).map(|_| other.submit(&erasure, "erase-form", &[("email", SECOND)])));
    let ((merged, erased), back) = join(join(presses, erasures), at_digid(&late, &away, &bsn, &[])).await;
    assert!(merged.iter().chain(&erased).all(|page| !page.status.is_server_error()));
    assert!(!back.status.is_server_error());
    // One was first. The account that remains is whole, and DigiD opens it if it was the merge.
    let done = house.count("audit WHERE event IN ('account.merged', 'account.erased') AND outcome = 'ok'");
    assert_eq!((done, house.count("accounts")), (1, 1));
    let was_merged = house.count("audit WHERE event = 'account.merged' AND outcome = 'ok'");
    assert_eq!(house.count("accounts WHERE digid_linked_at IS NOT NULL"), was_merged);
    assert_eq!(house.count("grants WHERE account_id NOT IN (SELECT id FROM accounts)"), 0);
    assert_eq!(house.count("subjects WHERE person_id NOT IN (SELECT person_id FROM accounts)"), 0);
    assert_eq!(house.count("persons WHERE bsn_index IS NOT NULL"), was_merged);
    let sub = log_in(&house, &Browser::new(), OWNER, house.mails_now(OWNER).len() + 1).await;
    if was_merged == 1 {
        assert_eq!(log_in_with_digid(&house, &Browser::new(), &bsn, &[], &[]).await.sub(), sub.sub());
    }
}

/// Whoever erases what two accounts became leaves as little behind as of one.
#[tokio::test]
async fn f12_nothing_of_either_is_left_when_both_are_erased() {
    let house = House::start().await;
    let (bsn, owner) = (bsn(4), Browser::new());
    register_with_digid(&house, &bsn, SECOND, "").await;
    register(&house, &owner, OWNER).await;
    let page = prove_digid(&house, &owner, &bsn).await;
    assert_eq!(merge(&owner, &page).await.heading(), OUT);
    let again = Browser::new();
    with_digid(&house, &again, &bsn).await;
    let page = again.visit(&at(&house, "/account/erase"), CALLBACK).await;
    assert_eq!(again.submit(&page, "erase-form", &[("email", OWNER)]).await.heading(), OUT);
    for table in ["accounts", "persons", "subjects", "grants", "audit_names"] {
        assert_eq!(house.count(table), 0, "{table}");
    }
}

/// The first proof is worth what its session is: ten minutes, in a browser that still has it.
#[tokio::test]
async fn f12_the_first_proof_ends_with_its_ten_minutes_and_with_its_browsers_session() {
    let house = House::start().await;
    let (his, hers) = (bsn(7), bsn(8));
    register_with_digid(&house, &his, "mallory@voorbeeld.nl", "").await;
    register_with_digid(&house, &hers, SECOND, "").await;
    let (owner, shared) = (Browser::new(), Browser::new());
    register(&house, &owner, OWNER).await;
    // Somebody else logs in on the device on which the owner went away from the question.
    with_digid(&house, &shared, &hers).await;
    let choose = begin(&house, &shared).await;
    log_in_with_digid(&house, &shared, &his, &[("prompt", "login")], &[]).await;
    let alone = through(&house, &shared, &choose, OWNER, house.mails_now(OWNER).len() + 1).await;
    assert!(alone.text("begin").is_some() && alone.text("goes").is_none(), "{}", alone.body);
    // Two minutes between the proofs are nothing. Ten after the first it is over, while the second is fresh.
    let choose = begin_anew(&house, &owner, &hers).await;
    house.move_clock(120).await;
    let page = through(&house, &owner, &choose, OWNER, house.mails_now(OWNER).len() + 1).await;
    assert!(page.text("goes").is_some(), "the twin: {}", page.body);
    house.move_clock(630).await;
    assert!(shown(&house, &owner).await.text("goes").is_none());
    merge(&owner, &page).await;
    assert_eq!(house.count("accounts"), 3);
    // Ten after the second nothing begins without another login.
    house.move_clock(1300).await;
    assert!(shown(&house, &owner).await.text("begin").is_none());
}
