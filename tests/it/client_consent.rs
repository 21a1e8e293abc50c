//! Portals of somebody else: the user agrees to what they may know, or refuses (OpenID Connect Core, section 3.1.2.4).

use serde_json::{Value, json};

use crate::{
    browser::{Browser, Page},
    house::{CALLBACK, House, PASSWORD},
    oidc_client::{
        Ask, Auth, Client, THE_PORTAL, answer, assert_error, assert_refused, claims, logged_in, userinfo,
    },
    portal::{code_of, log_in, register},
};

const ANNA: &str = "jansen@voorbeeld.nl";
/// Somebody else's.
pub const OTHER: Client =
    Client { id: "other", auth: Auth::Basic, callback: "http://127.0.0.1:9/callback/other" };
pub const TABLES: &str = r#"
[[client]]
id = "other"
name = "Stappenteller"
redirect_uris = ["http://127.0.0.1:9/callback/other"]
policy = "basic"
auth = "client_secret_basic"
secret = { file = "portal.secret" }
scopes = ["openid", "profile", "email", "phone"]
third_party = true
resources = ["https://dossier.example/v1", "urn:example:lab"]
[[client]]
id = "dossier"
name = "Dossier"
policy = "basic"
auth = "client_secret_basic"
secret = { file = "portal.secret" }
serves = ["https://dossier.example/v1"]
"#;
/// Two APIs: the first is served by a client that has a name, the second by nobody known.
const DOSSIER: &str = "https://dossier.example/v1";
const LAB: &str = "urn:example:lab";

pub async fn house() -> House {
    House::with(TABLES).await
}

fn ask(scope: &str) -> Ask {
    OTHER.ask().with("scope", scope)
}

/// The page that asks, when there is one.
async fn asked(house: &House, browser: &Browser, ask: &Ask) -> Page {
    let page = browser.visit(&ask.url(house), CALLBACK).await;
    assert_eq!(
        (page.status.as_u16(), page.heading().as_str()),
        (200, "Mag Stappenteller deze gegevens krijgen?")
    );
    page
}

async fn answers(browser: &Browser, page: &Page, word: &str) -> Page {
    browser.submit(page, "consent-form", &[("answer", word)]).await
}

/// Whether a request is answered by a code at once.
async fn is_silent(house: &House, browser: &Browser, ask: &Ask) -> bool {
    let location = browser.get(&ask.url(house)).await.location().unwrap();
    location.as_str().starts_with(CALLBACK)
}

/// How many agreements are kept.
fn kept(house: &House) -> Vec<String> {
    house.query("SELECT scope || ' ' || claims FROM client_consents")
}

#[tokio::test]
async fn a_portal_of_somebody_else_is_answered_once_its_user_agreed_and_then_without_asking() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let first = ask("openid email");
    let silent = first.clone().with("prompt", "none");
    assert_error(&house, &browser.get(&silent.url(&house)).await, &silent, "consent_required");
    let page = asked(&house, &browser, &first).await;
    let wanted = page.text("wanted").unwrap();
    assert_eq!(wanted, "een nummer waaraan dit portaal u herkent uw e-mailadres");
    assert!(page.body.contains("127.0.0.1"), "where it leads");
    let english = first.clone().with("ui_locales", "en");
    let english = browser.visit(&english.url(&house), CALLBACK).await;
    assert_eq!(english.heading(), "May Stappenteller have this information?");
    assert!(kept(&house).is_empty());
    let code = code_of(&answers(&browser, &page, "allow").await);
    let tokens = OTHER.redeem(&house, &first, &code).await;
    assert_eq!(tokens.text("scope"), "openid email");
    assert_eq!(userinfo(&house, tokens.text("access_token")).await.1["email"], ANNA);
    let (status, refreshed) = OTHER.refresh(&house, tokens.text("refresh_token")).await;
    assert_eq!((status, refreshed["scope"].as_str()), (200, Some("openid email")));
    let more = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refreshed["refresh_token"].as_str().unwrap()),
        ("scope", "openid phone"),
    ];
    assert_refused(&OTHER.token(&house, &more).await, "invalid_scope");

    // The same and less need no question, and other accounts and portals are not concerned.
    for known in [ask("openid email"), ask("openid"), silent] {
        assert!(is_silent(&house, &browser, &known).await);
    }
    assert!(
        is_silent(&house, &browser, &THE_PORTAL.ask().with("prompt", "consent")).await,
        "one's own portal"
    );
    // More, a single claim more, and `prompt=consent` ask again.
    let single =
        |place: &str| ask("openid").with("claims", &json!({place: {"given_name": null}}).to_string());
    for (more, says) in [
        (ask("openid email phone"), "uw telefoonnummer"),
        (single("userinfo"), "uw voornaam"),
        (single("id_token"), "uw voornaam"),
        (ask("openid email").with("prompt", "consent"), "uw e-mailadres"),
    ] {
        let page = asked(&house, &browser, &more).await;
        assert!(page.text("wanted").unwrap().ends_with(says), "{:?}", page.text("wanted"));
    }
    let page = asked(&house, &browser, &single("userinfo")).await;
    code_of(&answers(&browser, &page, "allow").await);
    assert!(
        is_silent(&house, &browser, &single("userinfo")).await && is_silent(&house, &browser, &first).await
    );
    let listed: Value =
        serde_json::from_str(&house.ok(&["accounts", "consents", "--by", "els", ANNA])).unwrap();
    assert_eq!(
        (
            &listed[0]["client_id"],
            &listed[0]["scopes"],
            &listed[0]["claims"],
            listed.as_array().unwrap().len()
        ),
        (&json!("other"), &json!(["openid", "email"]), &json!(["given_name"]), 1)
    );
    let lines = house.query("SELECT outcome || ' ' || client || ' ' || detail FROM audit WHERE event = 'consent.given' ORDER BY seq");
    assert_eq!(lines, ["ok other 127.0.0.1: openid email", "ok other 127.0.0.1: openid"]);
}

/// RFC 8707: for each API a token is given once the user agreed to it by name.
#[tokio::test]
async fn an_api_is_agreed_to_by_name_and_each_new_one_is_asked_about() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let at = |apis: &[&str]| apis.iter().fold(ask("openid"), |ask, api| ask.and("resource", api));
    let page = asked(&house, &browser, &at(&[])).await;
    code_of(&answers(&browser, &page, "allow").await);
    // UserInfo, which may be named as an API, tells no more by that.
    assert!(is_silent(&house, &browser, &at(&[&format!("{}/userinfo", house.issuer)])).await);
    let silent = at(&[DOSSIER]).with("prompt", "none");
    assert_error(&house, &browser.get(&silent.url(&house)).await, &silent, "consent_required");

    let first = at(&[DOSSIER]);
    let page = asked(&house, &browser, &first).await;
    let wanted = "een nummer waaraan dit portaal u herkent toegang tot Dossier, namens u";
    assert_eq!(page.text("wanted").unwrap(), wanted);
    let code = code_of(&answers(&browser, &page, "allow").await);
    let tokens = OTHER.redeem(&house, &first, &code).await;
    assert_eq!(claims(tokens.text("access_token"))["aud"], DOSSIER);
    for known in [first.clone(), silent, at(&[])] {
        assert!(is_silent(&house, &browser, &known).await);
    }

    // Another one asks again, alone or beside the first, by its own name where no client serves it.
    for more in [at(&[LAB]), at(&[DOSSIER, LAB])] {
        let page = asked(&house, &browser, &more).await;
        assert!(page.text("wanted").unwrap().ends_with("toegang tot urn:example:lab, namens u"));
    }
    let page = asked(&house, &browser, &at(&[LAB])).await;
    code_of(&answers(&browser, &page, "allow").await);
    assert!(is_silent(&house, &browser, &at(&[DOSSIER, LAB])).await, "what was agreed to before stays");
    let listed: Value =
        serde_json::from_str(&house.ok(&["accounts", "consents", "--by", "els", ANNA])).unwrap();
    assert_eq!(listed[0]["resources"], json!([DOSSIER, LAB]));
    let lines = house.query("SELECT detail FROM audit WHERE event = 'consent.given' ORDER BY seq");
    let told = ["openid".to_owned(), format!("openid {DOSSIER}"), format!("openid {LAB}")];
    assert_eq!(lines, told.map(|wanted| format!("127.0.0.1: {wanted}")));

    // A code for an API that was not redeemed when all was taken back is worth nothing.
    let late = at(&[DOSSIER]);
    let code = OTHER.code(&house, &browser, &late).await;
    house.ok(&["accounts", "withdraw", "--by", "els", ANNA, OTHER.id]);
    let page = asked(&house, &browser, &at(&[])).await;
    code_of(&answers(&browser, &page, "allow").await);
    assert_refused(&OTHER.token(&house, &late.redemption(&code)).await, "invalid_grant");
}

#[tokio::test]
async fn a_login_ends_at_the_question_and_the_session_stays_whatever_is_answered() {
    let house = house().await;
    let browser = Browser::new();
    let first = ask("openid");
    let choose = browser.visit(&first.url(&house), CALLBACK).await;
    let form = browser.get(&format!("{}/register", choose.url)).await;
    let sent = browser.submit(&form, "register-form", &[("email", ANNA), ("password", PASSWORD)]).await;
    let page = browser.follow(sent, CALLBACK).await;
    let sent = browser.submit(&page, "code-form", &[("code", &house.code(ANNA, 1))]).await;
    assert!(sent.location().unwrap().path().starts_with("/login/"), "no code before the user agreed");
    let page = browser.follow(sent, CALLBACK).await;
    assert_eq!(page.heading(), "Mag Stappenteller deze gegevens krijgen?");
    let refused = answers(&browser, &page, "refuse").await;
    assert_error(&house, &refused, &first, "access_denied");
    assert!(kept(&house).is_empty());
    let lines = house
        .query("SELECT outcome || ' ' || client || ' ' || detail FROM audit WHERE event = 'consent.given'");
    assert_eq!(lines, ["refused other 127.0.0.1: openid"]);
    assert!(is_silent(&house, &browser, &THE_PORTAL.ask()).await, "logged in all the same");
    // Asked again, and now agreed to; the page that was answered is gone.
    let again = asked(&house, &browser, &first).await;
    let code = code_of(&answers(&browser, &again, "allow").await);
    OTHER.redeem(&house, &first, &code).await;
    for gone in [&page, &again] {
        assert_eq!(answers(&browser, gone, "allow").await.status, 410);
    }
}

/// A8, A19: consent is a form like any other, of one login, one browser, one session and one account.
#[tokio::test]
async fn a8_a19_nobody_agrees_by_a_second_tab_a_forged_form_or_for_another_account() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let first = ask("openid email");
    let page = asked(&house, &browser, &first).await;
    let (action, fields) = page.form("consent-form");
    let url = page.url.join(&action).unwrap();
    let csrf = fields["csrf"].as_str();
    // A form that lacks its token, or comes from elsewhere, or from another browser.
    for forged in [vec![("answer", "allow")], vec![("answer", "allow"), ("csrf", "x")]] {
        assert_eq!(browser.post(url.as_str(), &forged).await.status, 403);
    }
    let form = [("answer", "allow"), ("csrf", csrf)];
    let request =
        browser.request(reqwest::Method::POST, url.as_str()).header("origin", "https://evil.example");
    assert_eq!(browser.send(request.form(&form)).await.status, 403);
    let stranger = Browser::new();
    register(&house, &stranger, "pietersen@voorbeeld.nl").await;
    assert_eq!(stranger.post(url.as_str(), &form).await.status, 403);
    // The forms of other steps lead back to the question.
    for step in ["continue", "question", "digid", "back"] {
        let other = url.as_str().replace("/consent", &format!("/{step}"));
        let sent = browser.post(&other, &[("csrf", csrf), ("answer", "have")]).await;
        assert_eq!(sent.location().unwrap(), page.url, "{step}");
    }
    // Another tab is asked for itself.
    let tab = asked(&house, &browser, &first).await;
    assert_ne!(tab.url, page.url);
    assert!(kept(&house).is_empty());

    // In another tab somebody else logs in: what Anna was asked is not theirs to answer.
    log_in(&house, &browser, "pietersen@voorbeeld.nl", 2).await;
    let stale = answers(&browser, &page, "allow").await;
    assert_error(&house, &stale, &first, "login_required");
    assert!(kept(&house).is_empty());
    // Asked themselves they may, once; and that says nothing for Anna.
    let theirs = asked(&house, &browser, &first).await;
    let code = code_of(&answers(&browser, &theirs, "allow").await);
    OTHER.redeem(&house, &first, &code).await;
    assert_eq!(kept(&house), ["openid email []"]);
    let anna = Browser::new();
    log_in(&house, &anna, ANNA, 2).await;
    let silent = first.clone().with("prompt", "none");
    assert_error(&house, &anna.get(&silent.url(&house)).await, &silent, "consent_required");
    // Of twenty who press at once one is answered.
    let page = asked(&house, &anna, &first).await;
    let mut presses = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (anna, page) = (anna.clone(), page.clone());
        presses.spawn(async move { answers(&anna, &page, "allow").await });
    }
    let with_code =
        |page: &Page| page.location().is_some_and(|to| to.query_pairs().any(|(name, _)| name == "code"));
    let winners: Vec<Page> = presses.join_all().await.into_iter().filter(with_code).collect();
    assert_eq!(winners.len(), 1);
    OTHER.redeem(&house, &first, &code_of(&winners[0])).await;
}

#[tokio::test]
async fn what_is_taken_back_ends_what_was_given_by_it_and_is_asked_again() {
    let house = house().await;
    let (browser, own) = logged_in(&house).await;
    let first = ask("openid email");
    let page = asked(&house, &browser, &first).await;
    let code = code_of(&answers(&browser, &page, "allow").await);
    let tokens = OTHER.redeem(&house, &first, &code).await;
    let (early, late) = (first.clone(), ask("openid"));
    let unredeemed = OTHER.code(&house, &browser, &early).await;
    house.ok(&["accounts", "withdraw", "--by", "els", ANNA, "other"]);
    assert_eq!(userinfo(&house, tokens.text("access_token")).await.0, 401);
    assert_refused(&OTHER.refresh(&house, tokens.text("refresh_token")).await, "invalid_grant");
    assert_refused(&OTHER.token(&house, &early.redemption(&unredeemed)).await, "invalid_grant");
    let page = asked(&house, &browser, &late).await;
    let code = code_of(&answers(&browser, &page, "allow").await);
    OTHER.redeem(&house, &late, &code).await;
    assert_eq!(kept(&house), ["openid []"], "what was taken back is not remembered");
    assert_eq!(userinfo(&house, own.text("access_token")).await.0, 200, "another portal is not concerned");
    let again = house.run(&["accounts", "withdraw", "--by", "els", ANNA, "portal"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("agreed to nothing"));
    let why = house.query("SELECT outcome FROM audit WHERE event = 'grant.revoked' ORDER BY seq");
    assert_eq!(why, ["consent.withdrawn", "consent.withdrawn"]);
}

/// A15: a pushed request is answered when the user agrees, and once.
#[tokio::test]
async fn a15_of_two_questions_about_one_pushed_request_one_is_answered() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let pushed = ask("openid");
    let fields: Vec<_> = pushed.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let answered = OTHER.post(&house, "/par", &fields).send().await.unwrap();
    let handle: Value = answered.json().await.unwrap();
    let brought = Ask { parameters: Vec::new(), verifier: pushed.verifier.clone() }
        .with("client_id", OTHER.id)
        .with("request_uri", handle["request_uri"].as_str().unwrap());
    let (one, two) = (asked(&house, &browser, &brought).await, asked(&house, &browser, &brought).await);
    let code = code_of(&answers(&browser, &one, "allow").await);
    OTHER.redeem(&house, &pushed, &code).await;
    assert_eq!(answers(&browser, &two, "allow").await.status, 400);
    // Agreed to by now, but the handle is spent.
    assert_eq!(browser.get(&brought.url(&house)).await.status, 400);
    assert!(answer(&browser.get(&pushed.url(&house)).await).contains_key("code"));
}
