//! Who may post a form: only the browser that got it, from our own pages, with the token of that login.

use reqwest::{Method, StatusCode};

use crate::{
    bad_input_doors::of_a_login,
    bad_input_wire,
    browser::{Browser, Page},
    house::{CALLBACK, House, PASSWORD},
    portal::{enter_password, request},
    steps::{account, answer, code_for, is_in, open, to_code, type_code},
};

/// What is wrong with a post, its token, and its headers.
type Try<'a> = (&'a str, Option<&'a str>, &'a [(&'a str, &'a str)]);

/// What the form of a door asks, filled in well, but for the token.
fn filled<'a>(door: &str, csrf: Option<&'a str>, code: &'a str) -> Vec<(&'static str, &'a str)> {
    let answer = if door == "consent" { "allow" } else { "new" };
    let mut fields = vec![("email", "jansen@voorbeeld.nl"), ("password", PASSWORD), ("code", code)];
    fields.extend([("answer", answer), ("whom", "")]);
    fields.extend(csrf.map(|csrf| ("csrf", csrf)));
    fields
}

#[tokio::test]
async fn every_form_of_a_login_is_refused_without_its_own_token_or_from_elsewhere() {
    let house = House::start().await;
    account(&house, "jansen@voorbeeld.nl").await;
    let (browser, other) = (Browser::new(), Browser::new());
    let (_, page, code) = to_code(&house, &browser, "jansen@voorbeeld.nl", 2).await;
    let csrf = page.form("code-form").1["csrf"].clone();
    let token_of = async |browser: &Browser| {
        open(browser, &request(&house, &[]), "email").await.form("email-form").1["csrf"].clone()
    };
    let (foreign, sister) = (token_of(&other).await, token_of(&browser).await);
    let ours = house.issuer.as_str();
    let evil = "http://evil.example";
    let (port, scheme) = (ours.replace(":8080", ":8081"), ours.replace("http:", "https:"));
    let tries: [Try<'_>; 11] = [
        ("no token", None, &[("origin", ours)]),
        ("an empty token", Some(""), &[("origin", ours)]),
        ("another browser's token", Some(&foreign), &[("origin", ours)]),
        ("the token of another login", Some(&sister), &[("origin", ours)]),
        ("a foreign origin", Some(&csrf), &[("origin", evil)]),
        ("no origin at all, as a sandbox sends", Some(&csrf), &[("origin", "null")]),
        ("our host on another port", Some(&csrf), &[("origin", &port)]),
        ("our host by another scheme", Some(&csrf), &[("origin", &scheme)]),
        ("two origins", Some(&csrf), &[("origin", ours), ("origin", evil)]),
        ("a request from another site", Some(&csrf), &[("sec-fetch-site", "cross-site")]),
        ("a request from a sister domain", Some(&csrf), &[("origin", ours), ("sec-fetch-site", "same-site")]),
    ];
    for door in of_a_login() {
        for (what, token, headers) in tries {
            let mut sent = browser.request(Method::POST, &format!("{}/{door}", page.url));
            for (name, value) in headers {
                sent = sent.header(*name, *value);
            }
            let refused = browser.send(sent.form(&filled(door, token, &code))).await;
            let status = refused.status;
            if token.is_none() {
                assert!(status.is_client_error(), "{door} with {what}: {status}");
            } else {
                assert_eq!(status, StatusCode::FORBIDDEN, "{door} with {what}");
            }
        }
    }
    assert_eq!(browser.get(page.url.as_str()).await.heading(), "Vul de code in", "the login did not move");
    assert_eq!(house.mails("jansen@voorbeeld.nl", 2).len(), 2);
    // With all in order the same posts are heard: a form of another step leads to where the login stands.
    for door in of_a_login().into_iter().filter(|door| !["code", "resend", "stop"].contains(door)) {
        let heard = browser.post(&format!("{}/{door}", page.url), &filled(door, Some(&csrf), &code)).await;
        assert_eq!(heard.location().as_ref(), Some(&page.url), "{door}: {}", heard.status);
    }
    assert!(is_in(&type_code(&browser, &page, &code).await));
}

#[tokio::test]
async fn signing_out_by_another_site_only_asks() {
    let house = House::start().await;
    let browser = Browser::new();
    crate::portal::register(&house, &browser, "jansen@voorbeeld.nl").await;
    let logout = format!("{}/logout", house.issuer);
    let ask = browser.get(&logout).await;
    let csrf = ask.form("logout-form").1["csrf"].clone();
    let other = open(&browser, &request(&house, &[("prompt", "login")]), "email").await;
    let other = other.form("email-form").1["csrf"].clone();
    for (token, origin) in
        [("", house.issuer.as_str()), (&other, &house.issuer), (&csrf, "http://evil.example")]
    {
        let post = browser.request(Method::POST, &logout).header("origin", origin);
        let asked = browser.send(post.form(&[("csrf", token)])).await;
        let asked = browser.follow(asked, CALLBACK).await;
        assert_eq!(asked.heading(), "Wilt u uitloggen?", "{origin}");
    }
    assert!(is_in(&browser.visit(&request(&house, &[]).url, CALLBACK).await), "still logged in");
    let out = browser.submit(&ask, "logout-form", &[]).await;
    assert_eq!(out.heading(), "U bent uitgelogd.");
}

#[tokio::test]
async fn a_login_begun_in_one_browser_cannot_be_slipped_into_another() {
    let house = House::start().await;
    account(&house, "attacker@voorbeeld.nl").await;
    let (attacker, victim) = (Browser::new(), Browser::new());
    victim.visit(&request(&house, &[]).url, CALLBACK).await;
    let request = request(&house, &[]);
    let page = enter_password(&attacker, &request, "attacker@voorbeeld.nl", PASSWORD).await;
    let code = code_for(&house, "attacker@voorbeeld.nl", &page);
    for (what, seen) in [
        ("the page", victim.get(page.url.as_str()).await),
        ("its form beside it", victim.get(&format!("{}/email", page.url)).await),
        ("the way back from DigiD", victim.get(&digid_answer(&house, &page)).await),
    ] {
        assert_eq!(seen.status, StatusCode::GONE, "{what}");
        assert!(!seen.headers.contains_key("set-cookie"), "{what}");
    }
    assert_eq!(type_code(&victim, &page, &code).await.status, StatusCode::FORBIDDEN);
    let silent = victim.visit(&crate::portal::request(&house, &[("prompt", "none")]).url, CALLBACK).await;
    assert_eq!(answer(&silent)["error"], "login_required", "the victim is nobody still");
}

fn digid_answer(house: &House, page: &Page) -> String {
    let id = crate::steps::login_id(&page.url).unwrap();
    format!(
        "{}/digid/acs?SAMLart=AAQAAMh48%2F1oXIM%2BsDo7Dh2qMp1HM4IF5DaRNmDj6RdUmllwn9jJHyEgIi8%3D&RelayState={id}",
        house.issuer
    )
}

#[tokio::test]
async fn forms_that_make_no_sense_are_refused_and_change_nothing() {
    let house = House::start().await;
    account(&house, "jansen@voorbeeld.nl").await;
    let browser = Browser::new();
    let (_, page, code) = to_code(&house, &browser, "jansen@voorbeeld.nl", 2).await;
    let csrf = page.form("code-form").1["csrf"].clone();
    let form = "application/x-www-form-urlencoded";
    let bodies = [
        (form, String::new()),
        (form, format!("csrf={csrf}")),
        (form, format!("csrf={csrf}&csrf={csrf}&code={code}")),
        (form, format!("csrf={csrf}&code={code}&code={code}")),
        (form, format!("csrf={csrf}&code=%ff%fe")),
        ("application/json", format!("{{\"csrf\":\"{csrf}\",\"code\":\"{code}\"}}")),
        ("text/plain", format!("csrf={csrf}&code={code}")),
    ];
    for (kind, body) in bodies {
        let post = browser.request(Method::POST, &format!("{}/code", page.url)).header("content-type", kind);
        let start: String = body.chars().take(60).collect();
        let refused = browser.send(post.header("origin", &house.issuer).body(body)).await;
        assert!(refused.status.is_client_error() && !is_in(&refused), "{kind} {start}: {}", refused.status);
        assert!(!refused.body.contains(&code), "{kind} {start}");
    }
    // Refused before anybody looks at the cookies.
    let (path, long) =
        (format!("{}/code", page.url.path()), format!("csrf={csrf}&code={}", "1".repeat(70_000)));
    let refused = bad_input_wire::post(&house, &path, long.as_bytes(), "").await;
    assert!(refused.status == 413 && !refused.body.contains(&code), "{}", refused.status);
    for door in ["code", "resend", "stop", "digid", "question", "link", "password", "continue"] {
        let got = browser.get(&format!("{}/{door}", page.url)).await;
        assert_eq!(got.location(), Some(page.url.clone()), "GET {door} leads to where the login stands");
    }
    assert!(is_in(&type_code(&browser, &page, &code).await));
}
