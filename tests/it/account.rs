//! "Mijn account": its door, and the sessions of an account (F13, F15).

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::{
    authenticator::App,
    bad_input::{BENDS, Bend, assert_calm, bent},
    bad_input_sweep::assert_swept,
    browser::{Browser, Page},
    digid_steps::log_in_with_digid,
    house::{CALLBACK, House, PASSWORD},
    oidc_client::{THE_PORTAL, assert_refused},
    portal::{Tokens, enter_password, log_in, register, request, token},
    steps::answer,
};

const OWNER: &str = "jansen@voorbeeld.nl";
const OTHER: &str = "bakker@voorbeeld.nl";
const NEW: &str = "een heel ander woord";
/// What no client can be called.
const OWN: &str = "namens:account";

pub fn at(house: &House, path: &str) -> String {
    format!("{}{path}", house.issuer)
}

/// From the choice of a login for a page of our own to that page, by password and mailed code.
pub async fn through(house: &House, browser: &Browser, choose: &Page, email: &str, mails: usize) -> Page {
    let form = browser.get(&format!("{}/email", choose.url)).await;
    let sent = browser.submit(&form, "email-form", &[("email", email), ("password", PASSWORD)]).await;
    let page = browser.follow(sent, CALLBACK).await;
    let done = browser.submit(&page, "code-form", &[("code", &house.code(email, mails))]).await;
    browser.follow(done, CALLBACK).await
}

pub async fn overview(house: &House, browser: &Browser) -> Page {
    browser.get(&at(house, "/account")).await
}

/// How many sessions the page lists.
fn listed(page: &Page) -> usize {
    (1..200).take_while(|n| page.text(&format!("session-{n}")).is_some()).count()
}

async fn is_in(house: &House, browser: &Browser) -> bool {
    let page = browser.visit(&request(house, &[("prompt", "none")]).url, CALLBACK).await;
    answer(&page).contains_key("code")
}

async fn refreshes(house: &House, tokens: &Tokens) -> bool {
    let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.text("refresh_token"))];
    let (status, body) = token(house, &form).await;
    assert!(status == 200 || body["error"] == "invalid_grant", "{body}");
    status == 200
}

/// Two people; the owner with two browsers.
struct Family {
    house: House,
    here: Browser,
    there: Browser,
    other: Browser,
    tokens: [Tokens; 3],
}

async fn family() -> Family {
    let house = House::start().await;
    let (here, there, other) = (Browser::new(), Browser::new(), Browser::new());
    let first = register(&house, &here, OWNER).await;
    let second = log_in(&house, &there, OWNER, 2).await;
    let third = register(&house, &other, OTHER).await;
    Family { house, here, there, other, tokens: [first, second, third] }
}

impl Family {
    /// Which of the three sessions live, by their refresh tokens and in their browsers.
    async fn live(&self) -> [bool; 3] {
        let mut live = [false; 3];
        for (at, browser) in [&self.here, &self.there, &self.other].into_iter().enumerate() {
            live[at] = is_in(&self.house, browser).await;
        }
        live
    }
}

#[tokio::test]
async fn the_page_takes_a_login_and_shows_whose_it_is_and_nothing_after_signing_out() {
    let house = House::start().await;
    register(&house, &Browser::new(), OWNER).await;
    let browser = Browser::new();
    let choose = browser.visit(&at(&house, "/account"), CALLBACK).await;
    assert_eq!(choose.heading(), "Inloggen bij Mijn account");
    let page = through(&house, &browser, &choose, OWNER, 2).await;
    assert_eq!(
        (page.url.as_str(), page.heading().as_str()),
        (at(&house, "/account").as_str(), "Mijn account")
    );
    assert!(page.text("email").unwrap().ends_with(OWNER));
    assert_eq!(page.headers["cache-control"], "no-store");
    let mail = house.mails(OWNER, 2).pop().unwrap();
    assert!(mail.contains(&format!("{OWNER} bij Mijn account")), "{mail}");
    // No portal heard of it, and no code was made.
    assert_eq!(
        house.query("SELECT COUNT(*) FROM ephemeral WHERE kind = 'code'"),
        ["1"],
        "the code of registering"
    );
    let ask = browser.get(page.link("out").unwrap().as_str()).await;
    let out = browser.submit(&ask, "logout-form", &[]).await;
    assert_eq!(out.heading(), "U bent uitgelogd.");
    let again = browser.get(page.url.as_str()).await;
    assert!(again.location().unwrap().path().starts_with("/login/"), "nothing is shown any more");
    assert!(!is_in(&house, &browser).await);
}

#[tokio::test]
async fn a_login_for_the_page_leads_nowhere_else_and_who_stops_is_told_so() {
    let house = House::start().await;
    register(&house, &Browser::new(), OWNER).await;
    for astray in ["?redirect_uri=https://evil.test/", "?next=//evil.test", "?state=x&client_id=portal", "/"]
    {
        let browser = Browser::new();
        let page = browser.visit(&at(&house, &format!("/account{astray}")), CALLBACK).await;
        if astray == "/" {
            assert_eq!(page.status, StatusCode::NOT_FOUND);
            continue;
        }
        assert!(page.url.path().starts_with("/login/") && !page.body.contains("evil"), "{astray}");
        let stopped = browser.submit(&page, "stop-form", &[]).await;
        let to = stopped.location().unwrap();
        assert_eq!(
            (to.origin().ascii_serialization(), to.path()),
            (house.issuer.clone(), "/account"),
            "{astray}"
        );
        let stopped = browser.follow(stopped, CALLBACK).await;
        assert_eq!(stopped.heading(), "U bent gestopt", "{astray}");
        assert_eq!(stopped.link("account").unwrap().as_str(), at(&house, "/account"));
    }
    let error =
        Browser::new().get(&at(&house, "/account?error=%3Cscript%3E&error_description=%3Cscript%3E")).await;
    assert!(error.status == StatusCode::OK && !error.body.contains("<script"), "{}", error.body);
}

#[tokio::test]
async fn nobody_may_ask_as_the_own_client_nor_be_registered_as_it() {
    let house = House::start().await;
    let (browser, _) = crate::oidc_client::logged_in(&house).await;
    let good = request(&house, &[]).url;
    let forged = good.replace("client_id=portal", &format!("client_id={OWN}"));
    let forged = forged.replace(&urlencoded(CALLBACK), &urlencoded(&at(&house, "/account")));
    let refused = browser.get(&forged).await;
    assert_eq!((refused.status, refused.location()), (StatusCode::BAD_REQUEST, None));
    assert!(browser.get(&good).await.status.is_redirection(), "the twin");
    // Nor may a portal be sent to the page of our own.
    let astray = good.replace(&urlencoded(CALLBACK), &urlencoded(&at(&house, "/account")));
    assert_eq!(browser.get(&astray).await.status, StatusCode::BAD_REQUEST);
    let http = reqwest::Client::new();
    for (path, more) in [
        ("/par", vec![("response_type", "code"), ("scope", "openid")]),
        ("/token", vec![("grant_type", "authorization_code"), ("code", "x")]),
        ("/token", vec![("grant_type", "client_credentials")]),
        ("/introspect", vec![("token", "x")]),
        ("/revoke", vec![("token", "x")]),
    ] {
        let mut form = vec![("client_id", OWN)];
        form.extend(more);
        for with_secret in [false, true] {
            let sent = http.post(at(&house, path)).form(&form);
            let sent = if with_secret { sent.basic_auth("namens%3Aaccount", Some("")) } else { sent };
            let told = sent.send().await.unwrap();
            let status = told.status();
            let body: Value = told.json().await.unwrap();
            assert!([400, 401].contains(&status.as_u16()), "{path}: {body}");
            assert_eq!(body["error"], "invalid_client", "{path}: {body}");
        }
    }
    let add =
        ["clients", "add", "--by", "els", OWN, "--name", "Evil", "--redirect-uri", "https://evil.test/cb"];
    let added = house.run(&add);
    assert!(
        !added.status.success() && String::from_utf8_lossy(&added.stderr).contains("client id"),
        "{added:?}"
    );
}

fn urlencoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn f15_its_owner_signs_out_of_one_session_of_the_others_and_of_all() {
    let family = family().await;
    let Family { house, here, there, tokens, .. } = &family;
    let page = overview(house, here).await;
    assert_eq!(listed(&page), 2, "{}", page.body);
    let number =
        (1..=2).find(|n| !page.text(&format!("session-{n}")).unwrap().contains("hier bent u nu")).unwrap();
    let done = here.submit(&page, &format!("out-{number}"), &[]).await;
    assert_eq!(done.location().unwrap().path(), "/account");
    assert_eq!(family.live().await, [true, false, true]);
    assert!(refreshes(house, &tokens[0]).await && !refreshes(house, &tokens[1]).await);
    assert_eq!(listed(&overview(house, here).await), 1);

    let second = log_in(house, there, OWNER, 3).await;
    let third = Browser::new();
    log_in(house, &third, OWNER, 4).await;
    let page = overview(house, here).await;
    assert_eq!(listed(&page), 3);
    here.submit(&page, "others-form", &[]).await;
    assert_eq!(family.live().await, [true, false, true]);
    assert!(!refreshes(house, &second).await && !is_in(house, &third).await);

    let second = log_in(house, there, OWNER, 5).await;
    let page = overview(house, here).await;
    let out = here.submit(&page, "everywhere-form", &[]).await;
    assert!(out.text("done").is_none(), "{}", out.body);
    assert_eq!(out.heading(), "U bent uitgelogd.");
    let cleared = out.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned());
    let cleared: Vec<String> = cleared.filter(|line| line.contains("Max-Age=0")).collect();
    assert_eq!(cleared.len(), 2, "{cleared:?}");
    assert_eq!(family.live().await, [false, false, true]);
    for ended in [&tokens[0], &second] {
        assert_refused(&THE_PORTAL.refresh(house, ended.text("refresh_token")).await, "invalid_grant");
    }
    assert!(refreshes(house, &tokens[2]).await);
    let log = house
        .query("SELECT event || ' ' || outcome FROM audit WHERE event IN ('account.signed_out', 'logout')");
    let log: BTreeSet<&str> = log.iter().map(String::as_str).collect();
    assert_eq!(log, BTreeSet::from(["account.signed_out ok", "logout elsewhere", "logout ok"]));
}

#[tokio::test]
async fn no_forged_form_and_nobody_elses_ends_a_session() {
    let family = family().await;
    let Family { house, here, there, other, .. } = &family;
    let (mine, theirs) = (overview(house, here).await, overview(house, other).await);
    let elsewhere = overview(house, there).await;
    let csrf = |page: &Page| page.form("everywhere-form").1["csrf"].clone();
    let n = (1..=2).find(|n| mine.body.contains(&format!("id=\"out-{n}\""))).unwrap();
    let sid = mine.form(&format!("out-{n}")).1["sid"].clone();
    let theirs_sid = house.query("SELECT name FROM ephemeral WHERE kind = 'session' ORDER BY owner, name");
    assert_eq!(theirs_sid.len(), 3);
    for (path, page, more) in [
        ("/account/sign-out", "/account", ("sid", sid.as_str())),
        ("/account/sign-out-others", "/account", ("sid", &sid)),
        ("/account/sign-out-everywhere", "/account", ("sid", &sid)),
        ("/account/password", "/account/password", ("password", NEW)),
    ] {
        let url = at(house, path);
        for (name, token) in
            [("none", ""), ("another's", &csrf(&theirs)), ("of another session", &csrf(&elsewhere))]
        {
            let told = here.post(&url, &[("csrf", token), more]).await;
            assert_eq!(told.status, StatusCode::FORBIDDEN, "{path} {name}");
        }
        for (header, value) in [("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")] {
            let sent = here.request(Method::POST, &url).header(header, value);
            let told = here.send(sent.form(&[("csrf", csrf(&mine).as_str()), more])).await;
            assert_eq!(told.status, StatusCode::FORBIDDEN, "{path} {header}");
        }
        let nobody = Browser::new().post(&url, &[("csrf", &csrf(&mine)), more]).await;
        assert_eq!(nobody.location().unwrap().path(), page, "{path}");
        if path != page {
            let told = here.get(&url).await;
            assert_eq!(told.location().unwrap().path(), page, "{path}");
        }
    }
    // With a form of their own, another may name every session there is: only theirs could end, and theirs is the one they are in.
    for sid in &theirs_sid {
        let told =
            other.post(&at(house, "/account/sign-out"), &[("csrf", &csrf(&theirs)), ("sid", sid)]).await;
        assert_eq!(told.location().unwrap().path(), "/account");
    }
    assert_eq!(family.live().await, [true; 3]);
    let done = here.post(&at(house, "/account/sign-out"), &[("csrf", &csrf(&mine)), ("sid", &sid)]).await;
    assert_eq!((done.status, family.live().await), (StatusCode::SEE_OTHER, [true, false, true]), "the twin");
    here.post(&at(house, "/account/password"), &[("csrf", &csrf(&mine)), ("password", NEW)]).await;
    assert_eq!(family.live().await, [false, false, true], "the twin with a password");
}

const SWEEP: &str = "every_field_of_the_forms_bent_is_refused_and_ends_nothing";

/// The fields of a form, and what its owner sends.
type Fields<'a> = Vec<(&'static str, &'a str)>;

impl Family {
    /// Sends a form of those fields, with one of them bent.
    async fn send(&self, path: &str, fields: &Fields<'_>, at_field: usize, bend: Bend) -> u16 {
        let body = bent(fields, at_field, bend);
        if bend == Bend::Huge {
            return crate::bad_input_wire::post(&self.house, path, &body, "").await.status;
        }
        self.post(path, body).await.status.as_u16()
    }

    async fn post(&self, path: &str, body: Vec<u8>) -> Page {
        let sent = self.here.request(Method::POST, &at(&self.house, path));
        let sent = sent.header("content-type", "application/x-www-form-urlencoded");
        self.here.send(sent.header("origin", &self.house.issuer).body(body)).await
    }

    /// Bends each field: `nothing` is what is answered to a value that nothing can be done with. Then the good form is sent.
    async fn sweep(
        &self,
        path: &str,
        fields: impl Fn() -> Fields<'static>,
        nothing: u16,
        is_good: impl Fn(&str, Bend) -> bool,
    ) -> Page {
        let names: Vec<_> = fields().iter().map(|(name, _)| *name).collect();
        assert_swept(SWEEP, path, names.iter().copied());
        for (at_field, name) in names.iter().enumerate() {
            for bend in BENDS.into_iter().filter(|bend| !is_good(name, *bend)) {
                let expected = match bend {
                    Bend::Huge => 413,
                    Bend::Missing | Bend::Doubled => 403,
                    _ if *name == "csrf" => 403,
                    _ => nothing,
                };
                let mut form = fields();
                // Another offer has codes of its own, of which one could be this by chance.
                if *name == "offer" && expected == nothing {
                    form.retain(|(name, _)| *name != "code");
                    form.push(("code", "12345"));
                }
                let status = self.send(path, &form, at_field, bend).await;
                assert_eq!(status, expected, "{path} {name} {bend:?}");
            }
        }
        let body = bent(&fields(), names.len(), Bend::Missing);
        self.post(path, body).await
    }

    /// The token of every form of the owner, in this session.
    async fn csrf(&self) -> &'static str {
        leaked(&overview(&self.house, &self.here).await.form("everywhere-form").1["csrf"])
    }
}

fn leaked(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

#[tokio::test]
async fn every_field_of_the_forms_bent_is_refused_and_ends_nothing() {
    let family = family().await;
    let Family { house, here, there, .. } = &family;
    let never = |_: &str, _: Bend| false;
    let csrf = family.csrf().await;
    let seen = async || (overview(house, here).await.text("app"), family.live().await);
    let untouched = (overview(house, here).await.text("app"), [true; 3]);

    let page = here.get(&at(house, "/account/app")).await;
    let (app, offer) = (App::of(&page), leaked(&page.form("app-form").1["offer"]));
    let fields = || vec![("csrf", csrf), ("offer", offer), ("code", leaked(&app.code(0)))];
    // Of a code letters and digits count.
    let passed_over = [Bend::NoText, Bend::Exotic, Bend::Raw];
    let is_good = |name: &str, bend: Bend| name == "code" && passed_over.contains(&bend);
    let codes = family.sweep("/account/app", fields, 422, is_good).await;
    assert_eq!((codes.status.as_u16(), codes.heading().as_str()), (200, "Bewaar deze herstelcodes"));
    assert_eq!(house.query("SELECT COUNT(*) FROM audit WHERE event = 'app.set'"), ["1"], "by the good one");
    let set = seen().await;
    assert!(set.0 != untouched.0 && set.1 == [true, false, true], "what was proven without it ended");
    let gone = family.sweep("/account/app/remove", || vec![("csrf", csrf)], 403, never).await;
    assert_eq!(gone.location().unwrap().path(), "/account");
    assert_eq!(seen().await, (untouched.0, [true, false, true]));
    house.mails(OWNER, 4);
    log_in(house, there, OWNER, 5).await;

    let before = overview(house, here).await;
    let number = (1..=2).find(|n| before.body.contains(&format!("id=\"out-{n}\""))).unwrap();
    let sid = leaked(&before.form(&format!("out-{number}")).1["sid"]);
    // A session that is nobody's is passed over.
    let out = family.sweep("/account/sign-out", || vec![("csrf", csrf), ("sid", sid)], 303, never).await;
    assert_eq!((out.status.as_u16(), family.live().await), (303, [true, false, true]));
    log_in(house, there, OWNER, 6).await;
    let out = family.sweep("/account/sign-out-others", || vec![("csrf", csrf)], 403, never).await;
    assert_eq!((out.status.as_u16(), family.live().await), (303, [true, false, true]));
    let out = family.sweep("/account/sign-out-everywhere", || vec![("csrf", csrf)], 403, never).await;
    assert_eq!((out.heading().as_str(), family.live().await), ("U bent uitgelogd.", [false, false, true]));

    log_in(house, here, OWNER, 7).await;
    let (csrf, new) = (family.csrf().await, "een heel ander woord");
    // Whatever letters a password has.
    let letters = [Bend::HalfEscape, Bend::Exotic, Bend::Raw, Bend::Control, Bend::NoText];
    let is_good = |name: &str, bend: Bend| name == "password" && letters.contains(&bend);
    let fields = || vec![("csrf", csrf), ("password", new)];
    let changed = family.sweep("/account/password", fields, 422, is_good).await;
    assert_eq!(
        (changed.heading().as_str(), family.live().await),
        ("U bent uitgelogd.", [false, false, true])
    );
    assert_eq!(house.query("SELECT COUNT(*) FROM audit WHERE event = 'password.changed'"), ["1"]);
    for (password, heading) in [(PASSWORD, "Inloggen met e-mail en wachtwoord"), (new, "Vul de code in")] {
        let page = enter_password(&Browser::new(), &request(house, &[]), OWNER, password).await;
        assert_eq!(page.heading(), heading);
    }
    assert_calm(house);
}

#[tokio::test]
async fn every_field_of_the_forms_of_ones_own_data_bent_is_refused_and_changes_nothing() {
    let family = family().await;
    let page = overview(&family.house, &family.here).await;
    let csrf = page.form("everywhere-form").1["csrf"].clone();
    let swept = |path, fields: &[(&'static str, &str)]| {
        let names = fields.iter().map(|(name, _)| *name);
        assert_swept(
            "every_field_of_the_forms_of_ones_own_data_bent_is_refused_and_changes_nothing",
            path,
            names,
        );
    };
    for (path, fields) in [
        ("/account/digid/link", vec![("csrf", csrf.as_str())]),
        ("/account/digid/unlink", vec![("csrf", csrf.as_str())]),
        ("/account/merge", vec![("csrf", csrf.as_str())]),
        ("/account/merge/begin", vec![("csrf", csrf.as_str())]),
        ("/account/email", vec![("csrf", &csrf), ("email", "x")]),
        ("/account/email/code", vec![("csrf", &csrf), ("code", "x")]),
        ("/account/erase", vec![("csrf", &csrf), ("email", "x")]),
        ("/account/export", vec![("csrf", &csrf), ("kind", "page")]),
        ("/account/portals/withdraw", vec![("csrf", &csrf), ("client", "x")]),
        ("/account/portals/device", vec![("csrf", &csrf), ("grant", "x")]),
    ] {
        swept(path, &fields);
        for at_field in 0..fields.len() {
            for bend in BENDS {
                // That is a password of twenty letters and more.
                if fields[at_field].0 == "password" && bend == Bend::Control {
                    continue;
                }
                let case = format!("{path} {} {bend:?}", fields[at_field].0);
                let sent = family.here.request(Method::POST, &at(&family.house, path));
                let sent = sent.header("content-type", "application/x-www-form-urlencoded");
                if bend == Bend::Huge {
                    let body = bent(&fields, at_field, bend);
                    let raw = crate::bad_input_wire::post(&family.house, path, &body, "").await;
                    assert_eq!(raw.status, 413, "{case}");
                    continue;
                }
                let sent = sent.header("origin", &family.house.issuer).body(bent(&fields, at_field, bend));
                let told = family.here.send(sent).await;
                // A session, password or code that is nothing changes nothing, and is said or passed over.
                let harmless = fields[at_field].0 != "csrf"
                    && [StatusCode::SEE_OTHER, StatusCode::UNPROCESSABLE_ENTITY].contains(&told.status);
                assert!(told.status == StatusCode::FORBIDDEN || harmless, "{case}: {}", told.status);
            }
        }
    }
    let after = overview(&family.house, &family.here).await;
    assert_eq!(after.text("app"), page.text("app"), "no app was set");
    assert_eq!(family.live().await, [true; 3]);
}

#[tokio::test]
async fn what_a_login_for_the_page_came_to_bent_is_a_page() {
    let family = family().await;
    assert_swept("what_a_login_for_the_page_came_to_bent_is_a_page", "/account", ["error"]);
    let told = async |query: String| family.here.get(&at(&family.house, &format!("/account?{query}"))).await;
    assert_eq!(told(String::new()).await.heading(), "Mijn account");
    let good = [("error", "access_denied")];
    for bend in BENDS {
        let query = bent(&good, 0, bend);
        if bend == Bend::Huge {
            let raw = crate::bad_input_wire::get(&family.house, "/account", &query, "").await;
            assert!([414, 431].contains(&raw.status), "{raw:?}");
            continue;
        }
        // What cannot be read, and what is not there, says nothing.
        let heading = match bend {
            Bend::Doubled | Bend::HalfEscape | Bend::Exotic | Bend::Raw => "U bent gestopt",
            _ => "Mijn account",
        };
        let page = told(String::from_utf8(query).unwrap()).await;
        assert_eq!((page.status.as_u16(), page.heading().as_str()), (200, heading), "{bend:?}");
        assert!(!page.body.contains("access_denied"), "{bend:?}");
    }
    let twin = told(String::from_utf8(bent(&good, 1, Bend::Missing)).unwrap()).await;
    assert_eq!(twin.heading(), "U bent gestopt");
    assert_eq!(family.live().await, [true; 3]);
    assert_calm(&family.house);
}

#[tokio::test]
async fn the_last_logins_are_ones_own_and_say_how_and_where() {
    let house = House::start().await;
    let (here, other) = (Browser::new(), Browser::new());
    register(&house, &here, OWNER).await;
    register(&house, &other, OTHER).await;
    let wrong = Browser::new();
    let page = crate::portal::enter_password(&wrong, &request(&house, &[]), OWNER, "niet goed").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    let text = overview(&house, &here).await.text("logins").unwrap();
    assert_eq!(text.matches("Ingelogd met").count(), 1, "{text}");
    assert!(text.contains("Ingelogd met e-mail en wachtwoord (Huisarts De Linde)"), "{text}");
    log_in(&house, &here, OWNER, 2).await;
    let text = overview(&house, &here).await.text("logins").unwrap();
    assert_eq!(text.matches("Ingelogd met").count(), 2, "{text}");
    assert_eq!(overview(&house, &other).await.text("logins").unwrap().matches("Ingelogd met").count(), 1);
}

#[tokio::test]
async fn a_session_is_known_by_its_browser_and_by_how_it_began() {
    let house = House::start().await;
    let bsn = crate::digid_steps::bsn(1);
    crate::digid_steps::register_with_digid(&house, &bsn, OWNER, PASSWORD).await;
    let browser = Browser::new();
    log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    let page = overview(&house, &browser).await;
    assert!(page.text("digid").unwrap().starts_with("DigiD is gekoppeld sinds"), "{}", page.body);
    let here =
        (1..).find_map(|n| page.text(&format!("session-{n}")).filter(|t| t.contains("hier bent u nu")));
    let here = here.unwrap();
    assert!(here.contains("Onbekend apparaat") && here.contains("Ingelogd met DigiD"), "{here}");
    // The same session, by a browser that says what it is, is still told as it began; a new one by its name.
    let named = Browser::new();
    let form = request(&house, &[]);
    let choose = named.visit(&form.url, CALLBACK).await;
    let email = named.get(&format!("{}/email", choose.url)).await;
    let sent = named.submit(&email, "email-form", &[("email", OWNER), ("password", PASSWORD)]).await;
    let code = named.follow(sent, CALLBACK).await;
    let (action, mut fields) = code.form("code-form");
    fields.insert("code".into(), house.code(OWNER, 2));
    let sent = named.request(Method::POST, code.url.join(&action).unwrap().as_str());
    let agent = "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/140.0 <script>";
    let sent = sent.header("origin", &house.issuer).header("user-agent", agent).form(&fields);
    assert!(named.send(sent).await.status.is_redirection());
    let page = overview(&house, &named).await;
    assert!(page.body.contains("Firefox, Windows") && !page.body.contains("20100101"), "{}", page.body);
}
