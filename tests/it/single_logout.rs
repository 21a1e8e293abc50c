//! Single logout with DigiD (F15) that begins here: who signs out here signs out there too, and nothing that comes back
//! decides about a session.

use std::{collections::BTreeMap, fs};

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::StatusCode;
use serde_json::Value;
use url::Url;

use crate::{
    browser::{Browser, Page},
    digid_steps::{audit, bsn, files_with, go_on, has_session, link, log_in_with_digid, register_with_digid},
    house::{CALLBACK, House, Options, PASSWORD},
    oidc_client::userinfo,
    portal::{Tokens, log_in, register, token},
};

const BYE: &str = "http://127.0.0.1:9/bye";
const STATE: &str = "a&b=c";
/// Where the portal has its user back.
pub const BACK: &str = "http://127.0.0.1:9/bye?state=a%26b%3Dc";
pub const NOT_EVERYWHERE: &str = "U bent misschien nog niet overal uitgelogd";

pub async fn house() -> House {
    House::start_with(Options { digid: "single_logout = true", ..Options::default() }).await
}

/// The portal signs its user out.
pub async fn sign_out(house: &House, browser: &Browser, tokens: &Tokens) -> Page {
    let mut url = Url::parse(&format!("{}/logout", house.issuer)).unwrap();
    url.query_pairs_mut()
        .append_pair("id_token_hint", tokens.text("id_token"))
        .append_pair("post_logout_redirect_uri", BYE)
        .append_pair("state", STATE);
    browser.get(url.as_str()).await
}

/// Has DigiD send a request to log somebody out.
pub async fn order(house: &House, fields: &[(&str, &str)]) -> Value {
    let post = reqwest::Client::new().post(format!("{}/logout", house.digid)).form(fields);
    let answer = post.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{fields:?}");
    answer.json().await.unwrap()
}

/// The same, and it must be carried out.
pub async fn ordered(house: &House, fields: &[(&str, &str)]) -> Value {
    let told = order(house, fields).await;
    assert_eq!((told["status"].as_u64(), &told["refused"]), (Some(200), &Value::Null), "{fields:?}: {told}");
    told
}

/// Sends a text to where DigiD sends its requests.
pub async fn knock(house: &House, text: impl Into<reqwest::Body>) -> (u16, String) {
    let post = reqwest::Client::new().post(format!("{}/digid/logout", house.issuer)).body(text);
    let answer = post.header("content-type", "text/xml").send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

pub async fn is_refused(house: &House, tokens: &Tokens) -> bool {
    let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.text("refresh_token"))];
    let (status, body) = token(house, &form).await;
    assert_eq!(status == 400, body["error"] == "invalid_grant", "{body}");
    assert_eq!(userinfo(house, tokens.text("access_token")).await.0 == 401, status == 400);
    status == 400
}

pub async fn refusals(house: &House) -> Vec<String> {
    let answer = reqwest::get(format!("{}/calls", house.digid)).await.unwrap();
    let calls: Value = answer.json().await.unwrap();
    calls["refusals"].as_array().unwrap().iter().map(|reason| reason.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn signing_out_here_ends_the_session_first_and_then_goes_to_digid_in_a_form() {
    let (house, bsn) = (house().await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let browser = Browser::new();
    let tokens = log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    assert!(files_with(&house, &bsn).is_empty(), "the BSN is sealed");
    assert_eq!(house.count("digid_sessions"), 2);
    let page = sign_out(&house, &browser, &tokens).await;
    assert_eq!((page.status.as_u16(), page.heading().as_str()), (200, "Log ook uit bij DigiD"));
    assert!(page.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    // Out here before DigiD is asked anything.
    assert!(!has_session(&house, &browser).await && is_refused(&house, &tokens).await);
    assert_eq!(house.count("digid_sessions"), 1, "what was remembered goes with its session");
    assert_eq!(audit(&house).iter().filter(|line| *line == "logout ok by somebody").count(), 1);
    // The form goes to DigiD, and from there here and back to the portal: browsers hold all three against the policy.
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains(&format!("form-action 'self' {} http://127.0.0.1:9;", house.digid)), "{policy}");
    let (action, fields) = page.form("digid-logout-form");
    assert_eq!(action, format!("{}/slo", house.digid));
    let request = String::from_utf8(STANDARD.decode(&fields["SAMLRequest"]).unwrap()).unwrap();
    assert!(request.contains(&format!("<saml:NameID>s00000000:{bsn}</saml:NameID>")), "{request}");
    assert!(request.contains("<samlp:SessionIndex>_") && fields["RelayState"].len() <= 80);

    let sent = browser.submit(&page, "digid-logout-form", &[]).await;
    assert_eq!(
        refusals(&house).await,
        [""; 0],
        "DigiD takes signature, Issuer, Destination, NameID and SessionIndex"
    );
    let back = sent.location().unwrap();
    assert!(back.as_str().starts_with(&format!("{}/digid/logout?SAMLResponse=", house.issuer)), "{back}");
    assert!(back.as_str().contains("rsa-sha1"), "the trap: {back}");
    let home = browser.get(back.as_str()).await;
    assert_eq!((home.status.as_u16(), home.location().unwrap().as_str()), (303, BACK));
    assert!(files_with(&house, &bsn).is_empty());

    // With the browser's back button, or again: nothing but how things stand.
    let again = browser.visit(back.as_str(), CALLBACK).await;
    assert_eq!(again.heading(), "U bent uitgelogd.");
    // A second request for the same session is none that DigiD knows.
    browser.submit(&page, "digid-logout-form", &[]).await;
    assert_eq!(refusals(&house).await, ["LogoutRequest: there is no such session of that person"]);
}

#[tokio::test]
async fn without_a_portal_to_go_back_to_the_road_ends_on_our_own_page() {
    let (house, bsn) = (house().await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let browser = Browser::new();
    log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    let asked = browser.get(&format!("{}/logout", house.issuer)).await;
    let page = browser.submit(&asked, "logout-form", &[]).await;
    let sent = browser.submit(&page, "digid-logout-form", &[]).await;
    let end = browser.follow(sent, CALLBACK).await;
    assert_eq!((end.status.as_u16(), end.heading().as_str()), (200, "U bent uitgelogd."));
    assert!(end.text("done").is_none(), "nothing else was done: {}", end.body);
    assert_eq!(refusals(&house).await, [""; 0]);
}

#[tokio::test]
async fn what_was_done_that_signed_its_user_out_is_told_when_they_are_back_from_digid() {
    let house = house().await;
    for (n, outcome, heading) in [(1, "", "U bent uitgelogd."), (2, "partial", NOT_EVERYWHERE)] {
        let (browser, bsn, email) = (Browser::new(), bsn(n), format!("jansen{n}@voorbeeld.nl"));
        register_with_digid(&house, &bsn, &email, PASSWORD).await;
        log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
        let shown = browser.visit(&format!("{}/account/digid", house.issuer), CALLBACK).await;
        let page = browser.submit(&shown, "unlink-form", &[]).await;
        assert_eq!(page.heading(), "Log ook uit bij DigiD", "{outcome}");
        let sent = browser.submit(&page, "digid-logout-form", &[("outcome", outcome)]).await;
        let end = browser.follow(sent, CALLBACK).await;
        assert_eq!((end.status.as_u16(), end.heading().as_str()), (200, heading), "{outcome}");
        assert_eq!(end.text("done").as_deref(), Some("DigiD is losgekoppeld."), "{outcome}: {}", end.body);
    }
}

#[tokio::test]
async fn who_came_without_digid_is_not_sent_there_and_who_linked_it_is() {
    let (house, browser, email) = (house().await, Browser::new(), "jansen@voorbeeld.nl");
    let tokens = register(&house, &browser, email).await;
    let page = sign_out(&house, &browser, &tokens).await;
    assert_eq!(page.location().unwrap().as_str(), BACK);
    let tokens = log_in(&house, &browser, email, 2).await;
    assert_eq!(sign_out(&house, &browser, &tokens).await.location().unwrap().as_str(), BACK);
    assert_eq!(house.count("digid_sessions"), 0);
    let (request, linked) = link(&house, &browser, &bsn(1), email, 3).await;
    let tokens = go_on(&house, &browser, &request, &linked).await;
    let page = sign_out(&house, &browser, &tokens).await;
    let home = browser.submit(&page, "digid-logout-form", &[]).await;
    assert_eq!(browser.follow(home, BYE).await.location().unwrap().as_str(), BACK);
    assert_eq!(refusals(&house).await, [""; 0]);
}

#[tokio::test]
async fn where_it_is_off_nothing_of_it_is_there() {
    let (off, on) = (House::start().await, house().await);
    let services = |metadata: &str| metadata.matches("<md:SingleLogoutService ").count();
    for (house, there) in [(&off, 0), (&on, 2)] {
        let served = Browser::new().get(&format!("{}/digid/metadata", house.issuer)).await.body;
        let printed = house.ok(&["digid", "metadata"]);
        assert_eq!((services(&served), services(&printed)), (there, there));
        assert_eq!(served.trim_end(), printed.trim_end(), "what is handed to Logius is what is served");
        let at = format!("Location=\"{}/digid/logout\"", house.issuer);
        assert_eq!(served.matches(&at).count(), there);
    }
    let bsn = bsn(1);
    let browser = Browser::new();
    register_with_digid(&off, &bsn, "jansen@voorbeeld.nl", "").await;
    let tokens = log_in_with_digid(&off, &browser, &bsn, &[], &[]).await;
    assert_eq!(off.count("digid_sessions"), 0, "nothing is remembered");
    assert_eq!(browser.get(&format!("{}/digid/logout", off.issuer)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(knock(&off, "x").await.0, 404);
    assert_eq!(sign_out(&off, &browser, &tokens).await.location().unwrap().as_str(), BACK);
}

#[tokio::test]
async fn with_the_routing_service_it_does_not_start() {
    let mut house = house().await;
    house.kill();
    let path = house.folder.join("namens.toml");
    let good = fs::read_to_string(&path).unwrap();
    let (alone, both) = ("single_logout = true", "single_logout = true\ninterface = \"routing-service\"");
    assert!(good.contains(alone));
    fs::write(&path, good.replace(alone, both)).unwrap();
    let output = house.run(&["serve"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("single_logout is for DigiD itself"), "{told}");
    fs::write(&path, good).unwrap();
    house.open_doors();
}

/// A browser that signed out, and the address by which DigiD sends it back with that outcome.
pub async fn at_the_way_back(house: &House, bsn: &str, outcome: &str) -> (Browser, Url) {
    let browser = Browser::new();
    let tokens = log_in_with_digid(house, &browser, bsn, &[], &[]).await;
    let page = sign_out(house, &browser, &tokens).await;
    let sent = browser.submit(&page, "digid-logout-form", &[("outcome", outcome)]).await;
    let to = sent.location().unwrap_or_else(|| panic!("{outcome}: {}", sent.body));
    (browser, to)
}

/// What is done to the parameters of an address.
type Change = Box<dyn Fn(&mut BTreeMap<String, String>)>;

fn changed(url: &Url, change: impl Fn(&mut BTreeMap<String, String>)) -> String {
    let mut pairs: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    change(&mut pairs);
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url.into()
}

pub fn assert_partly(page: &Page, case: &str) {
    assert_eq!((page.status.as_u16(), page.heading().as_str()), (200, NOT_EVERYWHERE), "{case}");
    assert!(page.text("partly").unwrap().starts_with("U bent hier uitgelogd."), "{case}");
    assert!(page.body.contains(&format!("href=\"{}\"", BACK.replace('&', "&#38;"))), "{case}: {}", page.body);
}

#[tokio::test]
async fn a_partial_logout_is_told_and_nothing_depends_on_the_last_signature() {
    let (house, bsn) = (house().await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    for outcome in ["partial", "partial-success", "failed"] {
        let (browser, back) = at_the_way_back(&house, &bsn, outcome).await;
        assert_partly(&browser.get(back.as_str()).await, outcome);
        assert!(!has_session(&house, &browser).await, "{outcome}");
    }
    // The twins: whole, whatever the signature is.
    let set = |name: &'static str, value: &'static str| {
        move |pairs: &mut BTreeMap<String, String>| drop(pairs.insert(name.into(), value.into()))
    };
    let without = |name: &'static str| move |pairs: &mut BTreeMap<String, String>| drop(pairs.remove(name));
    let twins: [Change; 6] = [
        Box::new(|_| ()),
        Box::new(without("Signature")),
        Box::new(without("SigAlg")),
        Box::new(set("Signature", "AAAA")),
        Box::new(set("SigAlg", "urn:unknown")),
        Box::new(set("more", "x")),
    ];
    for (case, change) in twins.iter().enumerate() {
        let (browser, back) = at_the_way_back(&house, &bsn, "").await;
        let home = browser.get(&changed(&back, change)).await;
        assert_eq!(home.location().map(String::from).as_deref(), Some(BACK), "{case}: {}", home.heading());
    }
    // What does not say that our request was carried out is not taken for it.
    let foreign = at_the_way_back(&house, &bsn, "").await.1;
    let foreign = foreign.query_pairs().find(|(name, _)| name == "SAMLResponse").unwrap().1.into_owned();
    let spoilt: [Change; 4] = [
        Box::new(without("SAMLResponse")),
        Box::new(set("SAMLResponse", "x")),
        Box::new(set("SAMLResponse", "AAAA")),
        Box::new(move |pairs| drop(pairs.insert("SAMLResponse".into(), foreign.clone()))),
    ];
    for (case, change) in spoilt.iter().enumerate() {
        let (browser, back) = at_the_way_back(&house, &bsn, "").await;
        assert_partly(&browser.get(&changed(&back, change)).await, &format!("spoilt {case}"));
    }
}

/// What a stranger can do with the address by which browsers come back: nothing.
#[tokio::test]
async fn the_way_back_ends_nobodys_session_and_leads_nowhere_else() {
    let (house, bsn) = (house().await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let (stranger, back) = at_the_way_back(&house, &bsn, "").await;
    let browser = Browser::new();
    log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    let replaced = |pairs: &mut BTreeMap<String, String>| {
        pairs.insert("RelayState".into(), "https://evil.example/".into());
    };
    let doubled = format!("{back}&RelayState=x");
    for url in [changed(&back, replaced), changed(&back, BTreeMap::clear), doubled] {
        let page = browser.visit(&url, CALLBACK).await;
        assert_eq!((page.status.as_u16(), page.heading().as_str()), (200, "Wilt u uitloggen?"), "{url}");
        assert!(!page.body.contains("evil"), "{url}");
    }
    let posted = browser.post(back.as_str(), &[("SAMLResponse", "x")]).await;
    assert_eq!(posted.status.as_u16(), 500, "what is posted is DigiD's own request, and this is none");
    // Somebody else's whole address, once and twice: they are led to that portal, and nobody is out.
    assert_eq!(browser.get(back.as_str()).await.location().unwrap().as_str(), BACK);
    assert_eq!(stranger.visit(back.as_str(), CALLBACK).await.heading(), "U bent uitgelogd.");
    assert!(has_session(&house, &browser).await);
}
