//! The way back from DigiD: what the consumer of artifacts does with each outcome, and with whatever else comes there.

use std::time::Instant;

use base64::{Engine, engine::general_purpose::STANDARD};
use namens::clock::Clock;
use reqwest::{Method, StatusCode};
use url::Url;

use crate::{
    browser::{Browser, Page},
    digid_steps::{
        audit, bsn, calls, grown, has_session, log_in_with_digid, register_with_digid, rows, through_digid,
    },
    house::{CALLBACK, House},
    portal::{at_digid, code_of, press_digid, redeem, request, to_digid},
};

/// As far as the address to which DigiD sends the browser back, not followed.
pub async fn way_back(browser: &Browser, page: &Page, bsn: &str) -> Url {
    let typed = [("bsn", bsn), ("level", "Midden"), ("outcome", "login")];
    browser.submit(page, "digid", &typed).await.location().unwrap()
}

/// The address with one parameter replaced.
pub fn with(address: &Url, name: &str, value: &str) -> String {
    let pairs: Vec<(String, String)> = address.query_pairs().into_owned().collect();
    let mut changed = address.clone();
    changed
        .query_pairs_mut()
        .clear()
        .extend_pairs(pairs.iter().map(|(n, v)| (n.as_str(), if n == name { value } else { v.as_str() })));
    changed.into()
}

pub fn value(address: &Url, name: &str) -> String {
    address.query_pairs().find(|(n, _)| n == name).unwrap().1.into_owned()
}

/// Capitals for small letters and the other way round: another text whatever the letters are.
fn turned(text: &str) -> String {
    let turn = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    text.chars().map(turn).collect()
}

/// The heading where DigiD was of no help.
pub const FAILED: &str = "Inloggen met DigiD is niet gelukt";
const NO_LOGIN: &str = "login.digid digid_no_login";
const STRAY: &str = "was for no login that waits for one";
const GONE: &str = "Deze inlogpoging is verlopen";

/// Why, as the last line of the audit log about a login with DigiD has it.
pub fn last_reason(house: &House) -> String {
    house
        .query("SELECT COALESCE(detail, '') FROM audit WHERE event = 'login.digid' ORDER BY seq DESC LIMIT 1")
        .remove(0)
}

/// What the log says of the login with DigiD that was refused last.
pub fn last_refusal(house: &House) -> String {
    house.log().lines().rfind(|line| line.contains("DigiD login refused")).unwrap().to_owned()
}

/// The lines of what reached no login, oldest first.
fn strays(house: &House) -> Vec<String> {
    let stray = ["digid_no_login", "digid_no_answer", "digid_other_method"];
    audit(house).into_iter().filter(|line| stray.iter().any(|word| line.ends_with(word))).collect()
}

#[tokio::test]
async fn each_outcome_at_digid_has_its_page_and_keeps_or_ends_the_login() {
    let house = House::start().await;
    let bsn = bsn(1);
    let sub = register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await.sub().to_owned();
    let refused = "digid_service_refused";
    for (outcome, status, heading, code, kept, reason) in [
        ("cancel", 200, "Inloggen bij Huisarts De Linde", "digid_cancelled", true, ""),
        ("no-authn-context", 403, "U kunt zo nog niet inloggen", "digid_level_too_low", false, ""),
        ("denied", 502, FAILED, refused, true, "the request was denied"),
        ("denied-behind", 502, FAILED, refused, true, "denied by who logs people in"),
        ("no-supported-idp", 502, FAILED, refused, true, "nobody whom we named can log people in"),
        ("unsupported", 502, FAILED, refused, true, "the request is not supported"),
        ("failed", 502, FAILED, refused, true, "it failed, and does not say why"),
    ] {
        let (browser, request) = (Browser::new(), request(&house, &[]));
        let digid = to_digid(&browser, &request).await;
        let login = value(&digid.url, "RelayState");
        let page = at_digid(&browser, &digid, &bsn, &[("outcome", outcome)]).await;
        assert_eq!((page.status.as_u16(), page.heading().as_str()), (status, heading), "{outcome}");
        assert_eq!(*audit(&house).last().unwrap(), format!("login.digid {code}"));
        assert_eq!(last_reason(&house), reason, "{outcome}");
        assert!(last_refusal(&house).contains(reason), "{outcome}: {}", last_refusal(&house));
        assert!(!has_session(&house, &browser).await, "{outcome}");
        let told = page.text("notice").is_some_and(|said| said.contains("geannuleerd"));
        assert_eq!(told, outcome == "cancel", "{outcome}");
        assert_eq!(page.body.contains("id=\"go-on\""), status == 502, "{outcome}");
        let again = browser.get(&format!("{}/login/{login}", house.issuer)).await;
        if kept {
            let sent = browser.submit(&again, "digid-form", &[]).await;
            let digid = browser.follow(sent, CALLBACK).await;
            let done = at_digid(&browser, &digid, &bsn, &[]).await;
            assert_eq!(redeem(&house, &request, &code_of(&done)).await.sub(), sub, "{outcome}");
        } else {
            assert_eq!((again.status, again.heading().as_str()), (StatusCode::GONE, GONE), "{outcome}");
        }
    }
}

#[tokio::test]
async fn requests_travel_by_redirect_or_in_a_form() {
    let mut house = House::start().await;
    let bsn = bsn(1);
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    house.kill();
    let file = house.folder.join("namens.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("[digid]", "[digid]\nbinding = \"post\"");
    std::fs::write(&file, text).unwrap();
    house.open_doors();
    let (browser, request) = (Browser::new(), request(&house, &[]));
    let choose = browser.visit(&request.url, CALLBACK).await;
    let form = browser.submit(&choose, "digid-form", &[]).await;
    assert_eq!(form.heading(), "Verder naar DigiD");
    let (action, fields) = form.form("digid-form");
    assert_eq!((action, fields.contains_key("SAMLRequest")), (format!("{}/sso", house.digid), true));
    let policy = form.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains(&format!("form-action 'self' {}", house.digid)), "{policy}");
    let digid = browser.submit(&form, "digid-form", &[]).await;
    let done = at_digid(&browser, &digid, &bsn, &[]).await;
    redeem(&house, &request, &code_of(&done)).await;
}

#[tokio::test]
async fn digid_asks_again_when_the_portal_wants_a_fresh_login() {
    let house = House::start().await;
    let again = async |asked: &[(&str, &str)]| {
        to_digid(&Browser::new(), &request(&house, asked)).await.body.contains("U moet opnieuw inloggen")
    };
    assert!(!again(&[]).await);
    assert!(again(&[("prompt", "login")]).await);
    assert!(again(&[("max_age", "60")]).await);
}

#[tokio::test]
async fn an_old_login_at_digid_does_not_do_where_a_fresh_one_was_asked_for() {
    let (house, bsn) = (House::start().await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    // DigiD says that they logged in an hour ago, as its single sign-on would.
    let old = [("spoil", "login-not-yet"), ("seconds", "-3600")];
    let wishes = [[("prompt", "login")], [("max_age", "60")]];
    for (n, fresh) in (1..).zip(wishes) {
        let (browser, (soap, _)) = (Browser::new(), calls(&house).await);
        let (_, page) = through_digid(&house, &browser, &bsn, &fresh, &old).await;
        assert_eq!((page.status, page.heading().as_str()), (StatusCode::BAD_GATEWAY, FAILED), "{fresh:?}");
        assert_eq!(audit(&house).last().unwrap(), "login.digid digid_hostile");
        let said = house.log().matches("logged in before a new login was asked for").count();
        assert_eq!(said, n, "{}", house.log());
        assert!(!has_session(&house, &browser).await);
        assert_eq!(browser.visit(page.url.as_str(), CALLBACK).await.heading(), GONE, "the login is over");
        assert_eq!(calls(&house).await, (soap + 1, 0));
    }
    // The twins: the same old login where nobody asked for a fresh one, and a fresh one where it was asked for.
    let began = Clock.now().epoch();
    let told = log_in_with_digid(&house, &Browser::new(), &bsn, &[], &old).await;
    let hour_ago = began - 3601..=Clock.now().epoch() - 3600;
    let auth_time = told.claims["auth_time"].as_i64().unwrap();
    assert!(hour_ago.contains(&auth_time), "{auth_time} is DigiD's moment, of {hour_ago:?}");
    for fresh in wishes {
        log_in_with_digid(&house, &Browser::new(), &bsn, &fresh, &[]).await;
    }
}

/// As far ahead as an assertion may be from a clock that is not quite ours, a login is proof of just now, and of no later moment.
#[tokio::test]
async fn f13_a_login_at_a_digid_whose_clock_is_ahead_is_fresh_proof() {
    let (house, bsn) = (House::start().await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    for seconds in ["100", "0"] {
        let ahead = [("spoil", "login-not-yet"), ("seconds", seconds)];
        let browser = Browser::new();
        let choose = browser.visit(&format!("{}/account/app", house.issuer), CALLBACK).await;
        let digid = press_digid(&browser, &choose).await;
        let page = at_digid(&browser, &digid, &bsn, &ahead).await;
        assert!(page.text("secret").is_some(), "{seconds} seconds ahead: {}", page.heading());
        let told = log_in_with_digid(&house, &Browser::new(), &bsn, &[], &ahead).await;
        let moment = |name: &str| told.claims[name].as_i64().unwrap();
        assert!(moment("auth_time") <= moment("iat"), "{}", told.claims);
    }
}

#[tokio::test]
async fn one_artifact_at_a_hundred_doors_at_once_opens_one_session() {
    let house = House::start().await;
    let bsn = bsn(1);
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let (browser, request) = (Browser::new(), request(&house, &[]));
    let page = to_digid(&browser, &request).await;
    let back = way_back(&browser, &page, &bsn).await;
    let (soap, _) = calls(&house).await;
    let before = audit(&house).len();
    let mut doors = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (browser, back) = (browser.clone(), back.clone());
        doors.spawn(async move { browser.get(back.as_str()).await });
    }
    let pages = doors.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) =
        pages.iter().partition(|page| page.location().is_some_and(|to| to.as_str().starts_with(CALLBACK)));
    assert_eq!(won.len(), 1, "{:?}", pages.iter().map(|page| page.status).collect::<Vec<_>>());
    let no_session = |page: &&crate::browser::Page| {
        let mut set = page.headers.get_all("set-cookie").iter();
        set.all(|line| !line.to_str().unwrap().starts_with("namens-session="))
    };
    assert!(lost.iter().all(no_session));
    assert_eq!(calls(&house).await.0, soap + 1, "the artifact went to DigiD once");
    let opened = audit(&house)[before..].iter().filter(|line| *line == "login.digid ok by somebody").count();
    assert_eq!(opened, 1);
    redeem(&house, &request, &code_of(won[0])).await;
}

#[tokio::test]
async fn an_artifact_that_was_used_opens_no_later_login() {
    let house = House::start().await;
    let bsn = bsn(1);
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let browser = Browser::new();
    let page = to_digid(&browser, &request(&house, &[])).await;
    let back = way_back(&browser, &page, &bsn).await;
    code_of(&browser.get(back.as_str()).await);
    // Again, now that its login is over.
    let replay = browser.get(back.as_str()).await;
    assert_eq!((replay.status, replay.heading().as_str()), (StatusCode::GONE, GONE));
    // In a later login of the same browser.
    let other = Browser::new();
    let page = to_digid(&other, &request(&house, &[("prompt", "login")])).await;
    let (soap, _) = calls(&house).await;
    let stolen = with(&back, "RelayState", &value(&page.url, "RelayState"));
    let refused = other.get(&stolen).await;
    assert_eq!((refused.status, refused.heading().as_str()), (StatusCode::BAD_GATEWAY, FAILED));
    assert_eq!(audit(&house).last().unwrap(), "login.digid digid_artifact_used");
    assert_eq!(calls(&house).await.0, soap, "nobody asked DigiD");
    assert!(!has_session(&house, &other).await);
    assert!(refused.body.contains("id=\"go-on\""), "whoever only reloaded may try again");
    // The twin: the same login with an artifact of its own.
    let again = other.visit(refused.link("go-on").unwrap().as_str(), CALLBACK).await;
    let digid = press_digid(&other, &again).await;
    code_of(&at_digid(&other, &digid, &bsn, &[]).await);
    assert!(has_session(&house, &other).await);
}

#[tokio::test]
async fn an_answer_brought_to_another_browser_opens_nothing_there() {
    let house = House::start().await;
    let attacker = bsn(1);
    register_with_digid(&house, &attacker, "attacker@voorbeeld.nl", "").await;
    let (mallory, victim) = (Browser::new(), Browser::new());
    let request = request(&house, &[]);
    let page = to_digid(&mallory, &request).await;
    let back = way_back(&mallory, &page, &attacker).await;

    // A link in a mail: the victim would be logged in as the attacker, and write into the attacker's record.
    let own = to_digid(&victim, &crate::portal::request(&house, &[])).await;
    let page = victim.get(back.as_str()).await;
    assert_eq!((page.status, page.heading().as_str()), (StatusCode::GONE, GONE));
    assert!(!has_session(&house, &victim).await);
    assert_eq!(strays(&house), [NO_LOGIN]);
    let bare = Browser::new();
    assert_eq!(bare.get(back.as_str()).await.status, StatusCode::GONE, "without any cookie too");
    assert_eq!(strays(&house), [NO_LOGIN; 2]);

    // With the victim's own login in the RelayState: the answer names another request.
    let own_login = value(&own.url, "RelayState");
    let another = async || {
        let browser = Browser::new();
        let page = to_digid(&browser, &crate::portal::request(&house, &[])).await;
        let back = way_back(&browser, &page, &attacker).await;
        (browser, back, value(&page.url, "RelayState"))
    };
    let (twin, other, login) = another().await;
    code_of(&twin.get(&with(&other, "RelayState", &login)).await);
    let (_, other, _) = another().await;
    let page = victim.get(&with(&other, "RelayState", &own_login)).await;
    assert_eq!((page.status, page.heading().as_str()), (StatusCode::BAD_GATEWAY, FAILED));
    assert_eq!(audit(&house).last().unwrap(), "login.digid digid_hostile");
    assert!(!has_session(&house, &victim).await);

    // The attacker's own login was not harmed by the first.
    redeem(&house, &request, &code_of(&mallory.get(back.as_str()).await)).await;
}

#[tokio::test]
async fn the_relay_state_is_a_handle_and_never_an_address_or_text() {
    let house = House::start().await;
    let bsn = bsn(1);
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let (browser, request) = (Browser::new(), request(&house, &[]));
    let page = to_digid(&browser, &request).await;
    let state = value(&page.url, "RelayState");
    assert!(state.len() <= 80 && !state.contains(['/', ':', '.']), "{state}");
    let back = way_back(&browser, &page, &bsn).await;
    let (soap, _) = calls(&house).await;
    let long = "x".repeat(4000);
    for trick in [
        "https://evil.example/",
        "//evil.example/",
        "/authorize",
        "../../token",
        "\"><script>alert(1)</script>",
        "javascript:alert(1)",
        "' OR 1=1 --",
        "%00",
        "",
        &long,
        &turned(&state),
    ] {
        let page = browser.get(&with(&back, "RelayState", trick)).await;
        assert_eq!(page.status, StatusCode::GONE, "{trick}");
        assert_eq!(page.location(), None, "{trick}");
        assert_eq!(audit(&house).last().unwrap(), NO_LOGIN, "{trick}");
        assert!(!page.body.contains("evil") && !page.body.contains("<script"), "{trick}");
    }
    assert_eq!((strays(&house).len(), calls(&house).await.0), (11, soap));
    redeem(&house, &request, &code_of(&browser.get(back.as_str()).await)).await;
}

#[tokio::test]
async fn only_one_get_with_one_artifact_is_an_answer() {
    let house = House::start().await;
    let bsn = bsn(1);
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let (browser, request) = (Browser::new(), request(&house, &[]));
    let page = to_digid(&browser, &request).await;
    let back = way_back(&browser, &page, &bsn).await;
    let before = rows(&house);
    let (soap, _) = calls(&house).await;
    let (artifact, state) = (value(&back, "SAMLart"), value(&back, "RelayState"));
    let acs = format!("{}/digid/acs", house.issuer);
    let post = async |fields: &[(&str, &str)]| browser.post(&acs, fields).await.status;
    assert_eq!(post(&[("SAMLart", &artifact), ("RelayState", &state)]).await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(
        post(&[("SAMLResponse", "PHg+"), ("RelayState", &state)]).await,
        StatusCode::METHOD_NOT_ALLOWED
    );
    let (other, none) = ("login.digid digid_other_method", "login.digid digid_no_answer");
    assert_eq!(strays(&house), [other; 2]);
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let page = browser.send(browser.request(method.clone(), back.as_str())).await;
        assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(page.headers["allow"], "GET,HEAD", "{method}");
        assert_eq!(audit(&house).last().unwrap(), other, "{method}");
    }
    let query = back.query().unwrap();
    for broken in [
        format!("{acs}?{query}&{query}"),
        format!("{back}&SAMLart=AAQAAA%3D%3D"),
        format!("{back}&RelayState=x"),
        format!("{acs}?SAMLart={artifact}"),
        format!("{acs}?RelayState={state}"),
        acs.clone(),
        format!("{acs}?%zz=%ff"),
    ] {
        let page = browser.get(&broken).await;
        assert_eq!((page.status, page.heading().as_str()), (StatusCode::BAD_REQUEST, FAILED), "{broken}");
        assert!(page.text("problem").unwrap().starts_with("Uw browser kwam niet goed terug"), "{broken}");
        assert_eq!(audit(&house).last().unwrap(), none, "{broken}");
    }
    assert_eq!(strays(&house).len(), 12);
    let moved = grown(&before, &rows(&house));
    let counted = [("audit_lines", 12)].map(|(table, rows)| (table.to_owned(), rows));
    assert_eq!((moved, calls(&house).await.0), (counted.to_vec(), soap), "nothing else moved");
    redeem(&house, &request, &code_of(&browser.get(back.as_str()).await)).await;
}

#[tokio::test]
async fn artifacts_of_another_make_are_refused_without_a_call() {
    let house = House::start().await;
    let arrival = |artifact: &str, state: &str| {
        let mut acs = Url::parse(&format!("{}/digid/acs", house.issuer)).unwrap();
        acs.query_pairs_mut().append_pair("SAMLart", artifact).append_pair("RelayState", state);
        String::from(acs)
    };
    let long = "A".repeat(100_000);
    for artifact in ["", "x", "AAQAAA==", "<saml/>", "s00000000:999990019", "%2e%2e", &long[..6000]] {
        let browser = Browser::new();
        let page = to_digid(&browser, &request(&house, &[])).await;
        let page = browser.get(&arrival(artifact, &value(&page.url, "RelayState"))).await;
        assert_eq!(
            (page.status, page.heading().as_str()),
            (StatusCode::BAD_REQUEST, FAILED),
            "{artifact:.30}"
        );
        assert!(page.text("problem").unwrap().starts_with("Uw browser kwam niet goed terug"));
        assert_eq!(audit(&house).last().unwrap(), "login.digid digid_bad_artifact");
        assert!(!has_session(&house, &browser).await);
    }
    assert_eq!(calls(&house).await, (0, 0));
    // The twin: put together in the same way, of DigiD's own make.
    let (browser, request) = (Browser::new(), request(&house, &[]));
    let page = to_digid(&browser, &request).await;
    let back = way_back(&browser, &page, &bsn(1)).await;
    let page =
        browser.visit(&arrival(&value(&back, "SAMLart"), &value(&page.url, "RelayState")), CALLBACK).await;
    assert_eq!(page.heading(), "Heeft u al een account?");
    assert_eq!(calls(&house).await, (1, 0));
}

/// A stranger can make as many answers as they like, and fills nothing with them.
#[tokio::test]
async fn what_reaches_no_login_leaves_a_bounded_number_of_lines() {
    let house = House::start().await;
    let begun = Instant::now();
    let stranger = reqwest::Client::new();
    for _ in 0..250 {
        let answer = stranger.get(format!("{}/digid/acs?SAMLart=x&RelayState=x", house.issuer)).send().await;
        assert_eq!(answer.unwrap().status(), StatusCode::GONE);
    }
    // A window is a minute, in whole seconds of the server's clock: rather one too many than one too few.
    let windows = usize::try_from(begun.elapsed().as_secs() / 50 + 1).unwrap();
    let lines = strays(&house);
    assert!((100..=100 * windows).contains(&lines.len()), "{} lines in {windows} windows", lines.len());
    assert!(lines.iter().all(|line| line == NO_LOGIN));
    assert_eq!(house.log().matches(STRAY).count(), lines.len());
    assert_eq!(
        house.query("SELECT COUNT(*) FROM counters WHERE name LIKE 'stray%'"),
        ["0"],
        "counted without a write"
    );
    // Who logs in meanwhile does so, with a line of their own.
    register_with_digid(&house, &bsn(1), "jansen@voorbeeld.nl", "").await;
    assert_ne!(audit(&house).last().unwrap(), NO_LOGIN);
}

/// Whoever is logged in can bring one used artifact again and again to a login of their own, which waits for a better one.
#[tokio::test]
async fn a_used_artifact_leaves_a_bounded_number_of_lines() {
    let house = House::start().await;
    let bsn = bsn(1);
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let (browser, request) = (Browser::new(), request(&house, &[]));
    let page = to_digid(&browser, &request).await;
    let back = way_back(&browser, &page, &bsn).await;
    // Of DigiD's make, and DigiD does not know it: spent, and the login may be tried again.
    let mut unknown = STANDARD.decode(value(&back, "SAMLart")).unwrap();
    *unknown.last_mut().unwrap() ^= 1;
    let forged = with(&back, "SAMLart", &STANDARD.encode(unknown));
    assert_eq!(browser.get(&forged).await.status, StatusCode::BAD_GATEWAY);
    assert_eq!(audit(&house).last().unwrap(), "login.digid digid_artifact_unknown");
    let choose = browser.get(&format!("{}/login/{}", house.issuer, value(&back, "RelayState"))).await;
    press_digid(&browser, &choose).await;
    let (begun, before, (soap, _)) = (Instant::now(), audit(&house).len(), calls(&house).await);
    for _ in 0..250 {
        let page = browser.get(&forged).await;
        assert_eq!((page.status, page.body.contains("id=\"go-on\"")), (StatusCode::BAD_GATEWAY, true));
    }
    let windows = usize::try_from(begun.elapsed().as_secs() / 50 + 1).unwrap();
    let lines = audit(&house).split_off(before);
    assert!((100..=100 * windows).contains(&lines.len()), "{} lines in {windows} windows", lines.len());
    assert!(lines.iter().all(|line| line == "login.digid digid_artifact_used"), "{lines:?}");
    assert_eq!(house.log().matches(STRAY).count(), lines.len());
    assert_eq!(calls(&house).await.0, soap, "nobody asked DigiD");
    // The twin: the same login, with an artifact of its own.
    let choose = browser.visit(choose.url.as_str(), CALLBACK).await;
    let digid = press_digid(&browser, &choose).await;
    redeem(&house, &request, &code_of(&at_digid(&browser, &digid, &bsn, &[]).await)).await;
}

/// What we ask DigiD is answered once, whatever DigiD does.
#[tokio::test]
async fn two_answers_to_one_request_open_one_session() {
    let house = House::start().await;
    let bsn = bsn(1);
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let one = [("bsn", bsn.as_str()), ("level", "Midden"), ("outcome", "login"), ("again", "yes")];
    for at_once in [false, true] {
        let (browser, request) = (Browser::new(), request(&house, &[]));
        let page = to_digid(&browser, &request).await;
        let first = browser.submit(&page, "digid", &one).await.location().unwrap();
        let second = way_back(&browser, &page, &bsn).await;
        assert_ne!(value(&first, "SAMLart"), value(&second, "SAMLart"));
        let before = audit(&house).len();
        let pages = if at_once {
            <[Page; 2]>::from(tokio::join!(browser.get(first.as_str()), browser.get(second.as_str())))
        } else {
            [browser.get(first.as_str()).await, browser.get(second.as_str()).await]
        };
        let (won, lost): (Vec<_>, Vec<_>) = pages
            .iter()
            .partition(|page| page.location().is_some_and(|to| to.as_str().starts_with(CALLBACK)));
        let statuses = pages.iter().map(|page| page.status).collect::<Vec<_>>();
        assert_eq!(won.len(), 1, "{statuses:?}");
        assert!(lost.iter().all(|page| !page.headers.contains_key("set-cookie")), "{statuses:?}");
        let mut lines = audit(&house).split_off(before);
        lines.sort();
        // At once, the second may find the login where it was, on its way, or gone.
        let [stray, ok] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(ok, "login.digid ok by somebody");
        let late = ["login.digid digid_elsewhere", "login.digid digid_artifact_used", NO_LOGIN];
        assert!(late.contains(&stray.as_str()) && (at_once || stray == NO_LOGIN), "{lines:?}");
        redeem(&house, &request, &code_of(won[0])).await;
    }
}

/// A browser gives a host the cookies of that host alone, and the login of an answer is found by its cookie.
#[tokio::test]
async fn an_answer_under_another_name_of_this_host_opens_nothing() {
    let house = House::start().await;
    let bsn = bsn(1);
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let known = Url::parse(&house.issuer).unwrap();
    let at = known.socket_addrs(|| None).unwrap()[0];
    let elsewhere = |url: &str| url.replacen(known.host_str().unwrap(), "other.namens.test", 1);
    let (browser, request) = (Browser::finding(&[("other.namens.test", at)]), request(&house, &[]));
    let page = to_digid(&browser, &request).await;
    let back = way_back(&browser, &page, &bsn).await;
    let (soap, _) = calls(&house).await;
    let page = browser.get(&elsewhere(back.as_str())).await;
    assert_eq!((page.status, page.heading().as_str()), (StatusCode::GONE, GONE), "{}", page.url);
    assert!(!page.headers.contains_key("set-cookie") && !has_session(&house, &browser).await);
    assert_eq!((strays(&house), calls(&house).await.0), (vec![NO_LOGIN.to_owned()], soap));
    // Under the other name nobody leaves for DigiD in the first place: the answer would come here.
    let choose = browser.visit(&elsewhere(&request.url), CALLBACK).await;
    assert!(choose.url.as_str().starts_with("http://other.namens.test:"), "{}", choose.url);
    let refused = browser.submit(&choose, "digid-form", &[]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.heading());
    // The twin, under the name that asked.
    redeem(&house, &request, &code_of(&browser.get(back.as_str()).await)).await;
}

#[tokio::test]
async fn one_assertion_in_twenty_answers_at_once_opens_one_session() {
    let house = House::start().await;
    let bsn = bsn(1);
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    // Twenty logins, each with an answer of its own that waits at DigiD; the Assertions bear one ID.
    let mut waiting = Vec::new();
    for n in 0..20 {
        let browser = Browser::new();
        let page = to_digid(&browser, &request(&house, &[])).await;
        let spoil = if n == 0 { "" } else { "replayed-assertion" };
        let typed = [("bsn", bsn.as_str()), ("level", "Midden"), ("outcome", "login"), ("spoil", spoil)];
        let back = browser.submit(&page, "digid", &typed).await.location().unwrap();
        waiting.push((browser, back));
    }
    let before = audit(&house).len();
    let mut answers = tokio::task::JoinSet::new();
    for (browser, back) in waiting {
        answers.spawn(async move { browser.get(back.as_str()).await });
    }
    let pages = answers.join_all().await;
    let won = pages.iter().filter_map(Page::location).filter(|to| to.as_str().starts_with(CALLBACK)).count();
    assert_eq!(won, 1, "{:?}", pages.iter().map(|page| page.status).collect::<Vec<_>>());
    let mut lines = audit(&house).split_off(before);
    lines.sort();
    let count = |line: &str| lines.iter().filter(|other| *other == line).count();
    let told = (count("login.digid ok by somebody"), count("login.digid digid_hostile"));
    assert_eq!(told, (1, 19), "{lines:?}");
    assert_eq!(house.log().matches("an assertion that was used before").count(), 19);
}

#[tokio::test]
async fn digid_and_we_seeing_different_addresses_is_noted_and_refuses_nobody() {
    let house = House::start().await;
    let bsn = bsn(1);
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let noted = || house.log().matches("DigiD and we saw different addresses").count();
    assert_eq!(noted(), 0);
    let (browser, request) = (Browser::new(), request(&house, &[]));
    let page = to_digid(&browser, &request).await;
    let (action, mut fields) = page.form("digid");
    fields.extend([("bsn", bsn.as_str()), ("outcome", "login")].map(|(n, v)| (n.to_owned(), v.to_owned())));
    let elsewhere = reqwest::Client::builder().local_address(Some([127, 0, 0, 9].into()));
    let elsewhere = elsewhere.redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let sent = elsewhere.post(page.url.join(&action).unwrap()).form(&fields).send().await.unwrap();
    let back = sent.headers()["location"].to_str().unwrap().to_owned();
    redeem(&house, &request, &code_of(&browser.get(&back).await)).await;
    assert_eq!(noted(), 1);
}
