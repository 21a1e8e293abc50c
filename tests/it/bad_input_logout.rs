//! Signing out, bent in one thing at a time, with the cookies of a browser that is in: who signs nobody out, and who still does.

use std::collections::BTreeMap;

use reqwest::{Method, header::SET_COOKIE};

use crate::{
    bad_input::{BENDS, Bend, assert_calm, assert_no_split, bent},
    bad_input_sweep::{OUT, assert_swept},
    bad_input_wire::{Raw, get, post},
    browser::{Browser, Page},
    digid_steps::{bsn, has_session, log_in_with_digid, register_with_digid},
    house::{CALLBACK, House, PASSWORD, PORTAL},
    oidc_client::{THE_PORTAL, answer},
    portal::{code_of, redeem, request},
    single_logout::{self, BACK, NOT_EVERYWHERE, at_the_way_back},
    steps::type_code,
};

const BYE: &str = "http://127.0.0.1:9/bye";

/// A browser that is in: its cookies, as a header, and the ID token of its login.
struct In {
    cookies: String,
    hint: String,
}

impl In {
    async fn of(house: &House, number: usize) -> Self {
        let (browser, request) = (Browser::new(), request(house, &[]));
        let email = format!("uit{number}@voorbeeld.nl");
        let first = browser.get(&request.url).await;
        let choose = browser.follow(first.clone(), CALLBACK).await;
        let form = browser.get(&format!("{}/register", choose.url)).await;
        let typed = [("email", email.as_str()), ("password", PASSWORD)];
        let sent = browser.submit(&form, "register-form", &typed).await;
        let page = browser.follow(sent, CALLBACK).await;
        let done = type_code(&browser, &page, &house.code(&email, 1)).await;
        let hint = redeem(house, &request, &code_of(&done)).await.text("id_token").to_owned();
        let given = |page: &Page| -> Vec<(String, String)> {
            let lines = page.headers.get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap());
            let pairs = lines.map(|line| line.split(';').next().unwrap().split_once('=').unwrap());
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        // The later one counts.
        let all: BTreeMap<_, _> = [&first, &done].map(given).concat().into_iter().collect();
        let all: Vec<_> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Self { cookies: all.join("; "), hint }
    }

    fn headers(&self, house: &House) -> String {
        format!("cookie: {}\r\norigin: {}\r\n", self.cookies, house.issuer)
    }

    fn asked(&self) -> Vec<(&'static str, String)> {
        let pairs = [
            ("id_token_hint", self.hint.as_str()),
            ("client_id", PORTAL),
            ("post_logout_redirect_uri", BYE),
            ("state", "s"),
            ("ui_locales", "nl"),
        ];
        pairs.map(|(name, value)| (name, value.to_owned())).into()
    }

    async fn is_still(&self, house: &House) -> bool {
        let (ask, browser) = (THE_PORTAL.ask().with("prompt", "none"), Browser::new());
        let asked = browser.request(Method::GET, &ask.url(house)).header("cookie", &self.cookies);
        let told = answer(&browser.send(asked).await);
        assert!(told.contains_key("code") || told["error"] == "login_required", "{told:?}");
        told.contains_key("code")
    }

    /// The token of the form that asks whether the user wants to sign out.
    async fn token(&self, house: &House) -> String {
        let raw = get(house, "/logout", b"", &self.headers(house)).await;
        let token = raw.body.split("name=\"csrf\" value=\"").nth(1).expect("the page asks");
        token.split('"').next().unwrap().to_owned()
    }
}

fn with(pairs: &[(&'static str, String)], at: usize, bend: Bend) -> Vec<u8> {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    bent(&pairs, at, bend)
}

/// Nothing is bent there.
const NOWHERE: usize = usize::MAX;

/// What asks nothing any more, or is cut off.
const fn is_unreadable(bend: Bend) -> bool {
    matches!(bend, Bend::Doubled | Bend::Long | Bend::Huge | Bend::Control | Bend::NoText)
}

/// The user is asked, or the request is cut off: nobody is sent anywhere.
fn assert_asks(raw: &Raw, case: &str) {
    assert_no_split(raw, case);
    let asks = raw.status == 200 && raw.body.contains("Wilt u uitloggen?");
    assert!(asks || [400, 413, 414, 431].contains(&raw.status), "{case}: {raw:?}");
    assert_eq!(raw.header("location"), None, "{case}");
}

/// The same is asked by GET, with what is left of it.
fn assert_asked_again(raw: &Raw, case: &str) {
    assert_no_split(raw, case);
    let again = raw.status == 303 && raw.header("location").unwrap().starts_with("/logout?");
    assert!(again || raw.status == 413, "{case}: {raw:?}");
}

#[tokio::test]
async fn every_parameter_of_a_sign_out_bent_signs_nobody_out() {
    let house = House::start().await;
    // The twin.
    let twin = In::of(&house, 0).await;
    let raw =
        get(&house, "/logout", &with(&twin.asked(), NOWHERE, Bend::Missing), &twin.headers(&house)).await;
    assert_eq!((raw.status, raw.header("location")), (303, Some(&*format!("{BYE}?state=s"))), "{raw:?}");
    assert!(!twin.is_still(&house).await);

    let user = In::of(&house, 1).await;
    let (headers, pairs) = (user.headers(&house), user.asked());
    let posted = [&pairs[..], &[("csrf", user.token(&house).await)]].concat();
    assert_swept(
        "every_parameter_of_a_sign_out_bent_signs_nobody_out",
        "/logout",
        posted.iter().map(|(name, _)| *name),
    );
    assert!(OUT.contains(&"csrf"));
    let mut harmless = Vec::new();
    for (at, (name, _)) in posted.iter().enumerate() {
        for bend in BENDS {
            let case = format!("{name} {bend:?}");
            // A hint may fill a request.
            let is_unreadable = is_unreadable(bend) && (*name, bend) != ("id_token_hint", Bend::Long);
            // The user said yes: what the portal sent along only says where to go then, unless nothing can be read.
            if *name == "csrf" || is_unreadable {
                let raw = post(&house, "/logout", &with(&posted, at, bend), &headers).await;
                assert_asked_again(&raw, &case);
            }
            if *name == "csrf" {
                assert!(user.is_still(&house).await, "{case}");
                continue;
            }
            let raw = post(&house, "/logout", &with(&pairs, at, bend), &headers).await;
            assert_asked_again(&raw, &case);
            let is_needed = match bend {
                Bend::Missing | Bend::Empty => *name == "id_token_hint",
                _ => !["state", "ui_locales"].contains(name),
            };
            if is_needed || is_unreadable {
                assert_asks(&get(&house, "/logout", &with(&pairs, at, bend), &headers).await, &case);
            } else {
                harmless.push((at, bend));
            }
            assert!(user.is_still(&house).await, "{case}");
        }
    }
    // After all that the user's own yes counts.
    let raw = post(&house, "/logout", &with(&posted, NOWHERE, Bend::Missing), &headers).await;
    assert_eq!((raw.status, raw.header("location")), (303, Some(&*format!("{BYE}?state=s"))), "{raw:?}");
    assert!(!user.is_still(&house).await);

    assert_eq!(harmless.len(), 2 + 2 + 5 + 5);
    for (number, (at, bend)) in harmless.into_iter().enumerate() {
        let user = In::of(&house, 2 + number).await;
        let raw = get(&house, "/logout", &with(&user.asked(), at, bend), &user.headers(&house)).await;
        let case = format!("{} {bend:?}", pairs[at].0);
        assert_no_split(&raw, &case);
        let location = raw.header("location");
        assert!(
            location.is_none_or(|to| to == BYE || to.starts_with(&format!("{BYE}?state=s"))),
            "{case}: {raw:?}"
        );
        assert_eq!(
            (raw.status, location.is_none()),
            if pairs[at].0 == "post_logout_redirect_uri" { (200, true) } else { (303, false) },
            "{case}"
        );
        assert!(!user.is_still(&house).await, "{case}");
    }
    assert_calm(&house);
}

/// The browser comes back from DigiD with its answer (SAML 2.0 bindings, section 3.4): bent, that promises nobody that they are out
/// everywhere, and a login at DigiD that was not named waits for its own answer.
#[tokio::test]
async fn every_parameter_of_the_way_back_from_digid_bent_promises_nothing() {
    let (house, bsn) = (single_logout::house().await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let other = Browser::new();
    log_in_with_digid(&house, &other, &bsn, &[], &[]).await;
    let away = async || {
        let to = at_the_way_back(&house, &bsn, "").await.1;
        let value = |name| to.query_pairs().find(|(known, _)| known == name).unwrap().1.into_owned();
        ["SAMLResponse", "RelayState"].map(|name| (name, value(name)))
    };
    let back = async |pairs: &[(&'static str, String)], at, bend| {
        get(&house, "/digid/logout", &with(pairs, at, bend), "").await
    };
    let waiting = away().await;
    assert_swept(
        "every_parameter_of_the_way_back_from_digid_bent_promises_nothing",
        "/digid/logout",
        waiting.iter().map(|(name, _)| *name),
    );
    let mut spent = 0;
    for (at, (name, _)) in waiting.iter().enumerate() {
        for bend in BENDS {
            let case = format!("{name} {bend:?}");
            // Two of one name are none; the rest of the address is read, and answers the browser that it is about.
            let unreadable = is_unreadable(bend) && bend != Bend::Doubled;
            if *name == "SAMLResponse" && !unreadable {
                let raw = back(&away().await, at, bend).await;
                assert_no_split(&raw, &case);
                assert_eq!((raw.status, raw.header("location")), (200, None), "{case}: {raw:?}");
                let link = format!("href=\"{}\"", BACK.replace('&', "&#38;"));
                assert!(raw.body.contains(NOT_EVERYWHERE) && raw.body.contains(&link), "{case}: {raw:?}");
                spent += 1;
                continue;
            }
            let raw = back(&waiting, at, bend).await;
            assert_no_split(&raw, &case);
            let nobody = (raw.status, raw.header("location")) == (303, Some("/logout"));
            assert!(nobody || bend == Bend::Huge && [414, 431].contains(&raw.status), "{case}: {raw:?}");
        }
    }
    assert_eq!(spent, 6);
    // After all that the good one is taken, once.
    let raw = back(&waiting, NOWHERE, Bend::Missing).await;
    assert_eq!((raw.status, raw.header("location")), (303, Some(BACK)), "{raw:?}");
    assert_eq!(back(&waiting, NOWHERE, Bend::Missing).await.header("location"), Some("/logout"));
    assert!(has_session(&house, &other).await);
    assert_eq!(house.count("digid_sessions"), 2, "the registration's, and that one");
    assert_calm(&house);
}
