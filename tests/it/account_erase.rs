//! "Verwijder mijn account": what goes, what stays, and that nothing survives beside it.

use futures_util::future::{join, join_all};
use reqwest::{Method, StatusCode};

use crate::{
    account::at,
    authenticator::stale_session,
    browser::{Browser, Page},
    digid_steps::{log_in_with_digid, register_with_digid},
    house::{CALLBACK, House, PASSWORD},
    mandates_desk::{Desk, Form, born, days, fresh_bsn},
    notify::{Ears, TOLD, settled},
    oidc_client::{THE_PORTAL, assert_refused, userinfo},
    portal::{enter_password, log_in, register, request},
    steps::{answer, type_code},
};

const OWNER: &str = "jansen@voorbeeld.nl";
const OTHER: &str = "bakker@voorbeeld.nl";
const OUT: &str = "U bent uitgelogd.";

async fn shown(house: &House, browser: &Browser) -> Page {
    browser.visit(&at(house, "/account/erase"), CALLBACK).await
}

async fn erase(browser: &Browser, page: &Page) -> Page {
    browser.submit(page, "erase-form", &[("email", OWNER)]).await
}

#[tokio::test]
async fn an_account_is_erased_with_all_that_hangs_on_it_and_its_portals_are_told() {
    let (ears, tables) = Ears::open().await;
    let house = House::with(tables).await;
    let (owner, elsewhere, other) = (Browser::new(), Browser::new(), Browser::new());
    register(&house, &other, OTHER).await;
    let theirs = TOLD.sign_on(&house, &other, "openid").await;
    let first = register(&house, &owner, OWNER).await;
    log_in(&house, &elsewhere, OWNER, 2).await;
    let told = TOLD.sign_on(&house, &elsewhere, "openid").await;
    let person = crate::digid_steps::person_of(&house, OWNER);
    let lines = house.count(&format!("audit WHERE actor = '{person}'"));

    // Nobody else, not without fresh proof, and not by mistake.
    let (page, url) = (shown(&house, &owner).await, at(&house, "/account/erase"));
    assert!(page.text("stays").is_some() && page.text("goes").is_some(), "{}", page.body);
    let csrf = page.form("erase-form").1["csrf"].clone();
    let others = shown(&house, &other).await.form("erase-form").1["csrf"].clone();
    for token in ["", others.as_str()] {
        let refused = owner.post(&url, &[("csrf", token), ("email", OWNER)]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }
    let foreign = owner.request(Method::POST, &url).header("sec-fetch-site", "cross-site");
    let refused = owner.send(foreign.form(&[("csrf", csrf.as_str()), ("email", OWNER)])).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    for typed in ["", "ja", OTHER] {
        let wrong = owner.submit(&page, "erase-form", &[("email", typed)]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{typed}");
    }
    let stale = stale_session(&house).await;
    let send = |method: Method, path: &str| {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        http.request(method, at(&house, path)).header("cookie", &stale).header("origin", &house.issuer)
    };
    let overview = send(Method::GET, "/account").send().await.unwrap().text().await.unwrap();
    let token =
        overview.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let form = [("csrf", token.as_str()), ("email", OWNER)];
    let late = send(Method::POST, "/account/erase").form(&form).send().await.unwrap();
    assert_eq!(late.headers()["location"].to_str().unwrap(), "/account/erase");
    assert_eq!((house.count("accounts"), house.mails_now(OWNER).len()), (2, 2));

    let out = erase(&owner, &page).await;
    assert_eq!(
        (out.heading().as_str(), out.text("done").as_deref()),
        (OUT, Some("Uw account is verwijderd."))
    );
    let mail = house.mails(OWNER, 3).pop().unwrap();
    assert!(mail.starts_with(&format!("Uw account {OWNER} is verwijderd")), "{mail}");
    ears.of(TOLD, &told.claims["sid"], 1).await;
    settled(&house).await;
    assert_eq!(ears.so_far(TOLD).len(), 1, "and nobody else's session");
    for browser in [&owner, &elsewhere] {
        let silent = browser.visit(&request(&house, &[("prompt", "none")]).url, CALLBACK).await;
        assert_eq!(answer(&silent)["error"], "login_required");
    }
    assert_refused(&THE_PORTAL.refresh(&house, first.text("refresh_token")).await, "invalid_grant");
    assert_eq!(userinfo(&house, first.text("access_token")).await.0, 401);
    let rows = [
        "accounts",
        "persons",
        "(SELECT DISTINCT person_id FROM subjects)",
        "(SELECT DISTINCT person_id FROM grants)",
    ];
    for table in rows {
        assert_eq!(house.count(table), 1, "{table}: the other's alone");
    }
    let left = "ephemeral WHERE owner IS NOT NULL AND owner NOT IN (SELECT id FROM accounts)";
    assert_eq!(house.count(left), 0, "no session of theirs");
    // The lines stay, and nobody can tell of whom they are.
    assert_eq!(house.count(&format!("audit WHERE actor = '{person}' OR represented = '{person}'")), 0);
    assert_eq!(house.count(&format!("audit_names WHERE name = '{person}'")), 0);
    let erased = "audit WHERE event = 'account.erased' AND outcome = 'ok'";
    assert_eq!(house.count(erased), 1);
    let of_them = "audit_lines WHERE actor = (SELECT actor FROM audit_lines WHERE event = 'account.erased')";
    assert!(house.count(of_them) > lines);
    assert!(house.ok(&["audit", "verify"]).contains("as they were written"));
    // Whoever has the address makes a new account, and is somebody new to every portal.
    let again = Browser::new();
    let asked = request(&house, &[]);
    let page = crate::steps::to_register_code(&again, &asked, OWNER, PASSWORD).await;
    let done = type_code(&again, &page, &crate::steps::code_for(&house, OWNER, &page)).await;
    let new = crate::portal::redeem(&house, &asked, &crate::portal::code_of(&done)).await;
    assert_ne!(new.sub(), first.sub());
    assert_eq!(TOLD.refresh(&house, theirs.text("refresh_token")).await.0, 200, "the other goes on");
}

#[tokio::test]
async fn whom_the_desk_knows_stays_a_person_and_gives_up_only_their_own_mandates() {
    let house = House::start().await;
    let (desk, bsn) = (Desk::of(&house), fresh_bsn());
    let anna = desk.person("Anna", Some(&born(40, 0)), Some(&bsn));
    let first = register_with_digid(&house, &bsn, OWNER, PASSWORD).await;
    let (sam, els) = (
        desk.person("Sam", Some(&born(8, 0)), Some(&fresh_bsn())),
        desk.person("Els", Some(&born(50, 0)), Some(&fresh_bsn())),
    );
    let hers = desk.mandate(&Form::parent(&anna, &sam));
    let fathers = desk.mandate(&Form::parent(&els, &sam));
    let for_her = desk.mandate(&Form::grant(&els, &anna, &days(100)));
    // With a password and a mailbox alone, an account with DigiD is not erased.
    let local = Browser::new();
    log_in(&house, &local, OWNER, 2).await;
    let asked = shown(&house, &local).await;
    assert!(asked.heading() == "Inloggen bij Mijn account" && !asked.body.contains("id=\"local\""));
    let csrf = local.get(&at(&house, "/account")).await.form("everywhere-form").1["csrf"].clone();
    let told = local.post(&at(&house, "/account/erase"), &[("csrf", &csrf), ("email", OWNER)]).await;
    assert_eq!(told.location().unwrap().path(), "/account/erase");
    assert_eq!(house.count("accounts"), 1);

    let owner = Browser::new();
    let by_digid = log_in_with_digid(&house, &owner, &bsn, &[], &[]).await;
    assert_eq!(by_digid.claims["act_as"].as_array().unwrap().len(), 1);
    let page = shown(&house, &owner).await;
    // What they granted online goes, what the desk has stays; in both languages.
    let goes = page.text("goes").unwrap();
    assert!(goes.contains("de toegang tot uw dossier die u zelf via internet gaf"), "{goes}");
    assert!(page.text("stays").unwrap().contains("ook wie via de balie in uw dossier mag kijken"));
    let english = owner.request(Method::GET, &at(&house, "/account/erase")).header("accept-language", "en");
    let english = owner.send(english).await;
    assert!(english.text("goes").unwrap().contains("that you gave online yourself"), "{}", english.body);
    assert!(english.text("stays").unwrap().contains("by way of the desk"), "{}", english.body);
    assert_eq!(erase(&owner, &page).await.heading(), OUT);
    house.mails(OWNER, 3);
    assert_eq!(house.count("accounts"), 0);
    let kept = format!(
        "persons WHERE id = '{anna}' AND name = 'Anna' AND birth IS NOT NULL AND bsn_index IS NOT NULL"
    );
    assert_eq!(house.count(&kept), 1, "the desk's record");
    let revoked = house.query("SELECT id || ' ' || revoked_by FROM mandates WHERE revoked_at IS NOT NULL");
    assert_eq!(revoked, [format!("{hers} account:erased")]);
    assert_eq!(house.count(&format!("mandates WHERE id IN ('{fathers}', '{for_her}')")), 2);
    assert_eq!(house.count("audit WHERE event = 'mandate.given_up'"), 1);
    assert_eq!(house.count(&format!("audit WHERE actor = '{anna}' OR represented = '{anna}'")), 0);
    // Who comes back with DigiD is the same person to every portal, and acts for nobody.
    let again = {
        let browser = Browser::new();
        let (asked, question) = crate::digid_steps::at_question(&house, &browser, &bsn).await;
        let page = crate::digid_steps::enter_new(&browser, &question, "nieuw@voorbeeld.nl", "").await;
        let done = type_code(&browser, &page, &house.code("nieuw@voorbeeld.nl", 1)).await;
        crate::portal::redeem(&house, &asked, &crate::portal::code_of(&done)).await
    };
    assert_eq!(again.sub(), first.sub());
    assert_eq!(again.claims["act_as"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn nothing_survives_an_erasure_beside_fifty_refreshes_logins_and_erasures() {
    let house = House::start().await;
    let (owner, elsewhere) = (Browser::new(), Browser::new());
    register(&house, &owner, OWNER).await;
    let tokens = log_in(&house, &elsewhere, OWNER, 2).await;
    // A login that waits for its code only, one that waits at the password, and a code that was given and not redeemed.
    let late = Browser::new();
    let waiting = enter_password(&late, &request(&house, &[]), OWNER, PASSWORD).await;
    let code = house.code(OWNER, 3);
    let asked = request(&house, &[]);
    let given = crate::portal::code_of(&elsewhere.get(&asked.url).await);
    let page = shown(&house, &owner).await;
    let tries = join_all((0..50).map(|_| THE_PORTAL.refresh(&house, tokens.text("refresh_token"))));
    let erasures = join_all((0..20).map(|_| erase(&owner, &page)));
    let logins = join_all((0..5).map(|_| type_code(&late, &waiting, &code)));
    let signing_on = join_all((0..10).map(|_| elsewhere.get(&asked.url)));
    let ((refreshed, erased), (logged_in, signed_on)) =
        join(join(tries, erasures), join(logins, signing_on)).await;
    assert!(refreshed.iter().all(|(status, body)| *status == 200 || body["error"] == "invalid_grant"));
    assert!(erased.iter().chain(&logged_in).chain(&signed_on).all(|page| !page.status.is_server_error()));
    // The account is gone, whichever of them came first.
    assert_eq!((house.count("accounts"), house.count("grants")), (0, 0));
    assert_eq!((house.count("persons"), house.count("subjects")), (0, 0));
    assert_eq!(house.count("audit WHERE event = 'account.erased'"), 1);
    for (_, body) in refreshed.iter().filter(|(status, _)| *status == 200) {
        assert_eq!(userinfo(&house, body["access_token"].as_str().unwrap()).await.0, 401);
        let next = body["refresh_token"].as_str().unwrap();
        assert_refused(&THE_PORTAL.refresh(&house, next).await, "invalid_grant");
    }
    for browser in [&owner, &elsewhere, &late] {
        let silent = browser.visit(&request(&house, &[("prompt", "none")]).url, CALLBACK).await;
        assert_eq!(answer(&silent)["error"], "login_required");
        assert!(browser.get(&at(&house, "/account")).await.location().unwrap().path().starts_with("/login/"));
    }
    let signed_on = signed_on.iter().filter(|page| crate::steps::is_in(page)).map(crate::portal::code_of);
    for code in signed_on.chain([given]) {
        assert_refused(&THE_PORTAL.token(&house, &redemption(&asked, &code)).await, "invalid_grant");
    }
    assert_eq!((house.count("accounts"), house.count("grants")), (0, 0));
    house.mails(OWNER, 4);
    let gone = house.mails_now(OWNER).into_iter().filter(|mail| mail.contains("is verwijderd")).count();
    assert_eq!(gone, 1, "one last letter");
    assert!(house.ok(&["audit", "verify"]).contains("as they were written"));
}

fn redemption<'a>(asked: &'a crate::portal::Request, code: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", &asked.verifier),
    ]
}
