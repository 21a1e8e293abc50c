//! The forms of a login that are read at a step of their own, bent there.

use std::collections::BTreeMap;

use reqwest::Method;

use crate::{
    bad_input::{BENDS, Bend, assert_calm, bent},
    bad_input_wire::post,
    browser::{Browser, Page},
    chooser::{FOR_WHOM, Family, asking},
    client_consent::{self, OTHER},
    digid_steps::{answer, at_question, bsn, link},
    house::{CALLBACK, House, PASSWORD},
    oidc_client::logged_in,
    portal::{register, request},
    steps::{code_for, to_recover_code, type_code},
    stsaml::routed,
};

/// A form at its step, and what its owner types there.
struct Form<'a> {
    house: &'a House,
    browser: &'a Browser,
    page: &'a Page,
    id: &'a str,
    typed: Vec<(&'a str, &'a str)>,
}

impl Form<'_> {
    /// Bends each field. What cannot be of our pages is refused with 403, what is no good answer with 422 and the page again; the
    /// login stays where it is, and then the good answer leads on: gives where.
    async fn sweep(
        &self,
        is_malformed: impl Fn(&str, Bend) -> bool,
        is_good: impl Fn(&str, Bend) -> bool,
    ) -> Page {
        let (action, fields) = self.page.form(self.id);
        let url = self.page.url.join(&action).unwrap();
        let csrf = fields["csrf"].clone();
        let pairs = [&[("csrf", csrf.as_str())], &self.typed[..]].concat();
        for (at, (name, _)) in pairs.iter().enumerate() {
            for bend in BENDS.into_iter().filter(|bend| !is_good(name, *bend)) {
                let (body, case) = (bent(&pairs, at, bend), format!("{} {name} {bend:?}", self.id));
                if bend == Bend::Huge {
                    assert_eq!(post(self.house, url.path(), &body, "").await.status, 413, "{case}");
                    continue;
                }
                let told = self.send(url.as_str(), body).await;
                let malformed = *name == "csrf" || bend == Bend::Doubled || is_malformed(name, bend);
                let expected = if malformed { 403 } else { 422 };
                assert_eq!(told.status.as_u16(), expected, "{case}: {}", told.heading());
                let now = self.browser.visit(self.page.url.as_str(), CALLBACK).await;
                assert_eq!(now.heading(), self.page.heading(), "{case}");
            }
        }
        let told = self.send(url.as_str(), bent(&pairs, pairs.len(), Bend::Missing)).await;
        // DigiD's routing service is asked by a form of ours.
        let asks = told.status == 200 && told.body.contains("name=\"SAMLRequest\"");
        assert!(told.status == 303 || asks, "{}: the twin: {} {}", self.id, told.status, told.heading());
        let next = self.browser.follow(told, CALLBACK).await;
        assert!(next.location().is_some() || next.heading() != self.page.heading(), "{}", self.id);
        assert_calm(self.house);
        next
    }

    /// A form that brings nothing but its token. Gives where the good one leads.
    async fn sweep_button(house: &House, browser: &Browser, page: &Page, id: &str) -> Page {
        Form { house, browser, page, id, typed: Vec::new() }.sweep(|_, _| true, |_, _| false).await
    }

    async fn send(&self, url: &str, body: Vec<u8>) -> Page {
        let sent = self.browser.request(Method::POST, url).header("origin", &self.house.issuer);
        let sent = sent.header("content-type", "application/x-www-form-urlencoded").body(body);
        self.browser.send(sent).await
    }
}

const OWNER: &str = "jansen@voorbeeld.nl";

#[tokio::test]
async fn the_form_that_links_a_digid_bent_links_nothing() {
    let house = House::start().await;
    register(&house, &Browser::new(), OWNER).await;
    let browser = Browser::new();
    let (_, question) = at_question(&house, &browser, &bsn(1)).await;
    let page = answer(&browser, &question, "have").await;
    let typed = vec![("email", OWNER), ("password", PASSWORD)];
    let form = Form { house: &house, browser: &browser, page: &page, id: "link-form", typed };
    form.sweep(|_, bend| bend == Bend::Missing, |_, _| false).await;
}

#[tokio::test]
async fn the_question_bent_is_not_answered() {
    let house = House::start().await;
    let browser = Browser::new();
    let (_, page) = at_question(&house, &browser, &bsn(1)).await;
    let typed = vec![("answer", "have")];
    let form = Form { house: &house, browser: &browser, page: &page, id: "question-form", typed };
    form.sweep(|_, _| true, |_, _| false).await;
}

#[tokio::test]
async fn the_form_of_a_new_password_bent_changes_none() {
    let house = House::start().await;
    register(&house, &Browser::new(), OWNER).await;
    let browser = Browser::new();
    let page = to_recover_code(&browser, &request(&house, &[]), OWNER).await;
    let code = code_for(&house, OWNER, &page);
    let page = type_code(&browser, &page, &code).await;
    let page = browser.follow(page, CALLBACK).await;
    let typed = vec![("password", "een heel ander woord")];
    let form = Form { house: &house, browser: &browser, page: &page, id: "password-form", typed };
    // Whatever letters a password has.
    let letters = [Bend::HalfEscape, Bend::Exotic, Bend::Raw, Bend::Control, Bend::NoText];
    form.sweep(|_, bend| bend == Bend::Missing, |name, bend| name == "password" && letters.contains(&bend))
        .await;
}

#[tokio::test]
async fn the_form_that_asks_for_whom_bent_chooses_nobody() {
    let family = Family::at_home().await;
    let page = family.browser.visit(&asking("choose").url(&family.house), CALLBACK).await;
    assert_eq!(page.heading(), FOR_WHOM);
    let typed = vec![("whom", family.sams.as_str())];
    let form =
        Form { house: &family.house, browser: &family.browser, page: &page, id: "for-whom-form", typed };
    form.sweep(|_, _| false, |_, _| false).await;
}

/// What the browser brings to the portal.
fn brought(page: &Page) -> BTreeMap<String, String> {
    let to = page.location().unwrap_or_else(|| panic!("{} {}", page.status, page.heading()));
    assert!(to.as_str().starts_with(CALLBACK), "{to}");
    to.query_pairs().into_owned().collect()
}

#[tokio::test]
async fn the_form_of_consent_bent_allows_nothing() {
    let house = client_consent::house().await;
    let (browser, _) = logged_in(&house).await;
    let page = browser.visit(&OTHER.ask().with("scope", "openid email").url(&house), CALLBACK).await;
    assert_eq!(page.heading(), "Mag Stappenteller deze gegevens krijgen?");
    let typed = vec![("answer", "allow")];
    let form = Form { house: &house, browser: &browser, page: &page, id: "consent-form", typed };
    let given = || house.query("SELECT COUNT(*) FROM client_consents");
    assert_eq!(given(), ["0"]);
    let next = form.sweep(|_, _| true, |_, _| false).await;
    assert!(brought(&next).contains_key("code"));
    let lines = house.query("SELECT outcome FROM audit WHERE event = 'consent.given'");
    assert_eq!((given(), lines), (vec!["1".to_owned()], vec!["ok".to_owned()]), "once, and by the good one");
}

#[tokio::test]
async fn the_buttons_of_a_login_bent_go_nowhere() {
    let house = House::start().await;
    register(&house, &Browser::new(), OWNER).await;
    // "Verder", once DigiD is linked.
    let browser = Browser::new();
    let (_, linked) = link(&house, &browser, &bsn(1), OWNER, 2).await;
    assert_eq!(linked.heading(), "DigiD is gekoppeld");
    let sessions = || house.query("SELECT COUNT(*) FROM ephemeral WHERE kind = 'session'");
    let before = sessions();
    assert_eq!(before, ["1"], "whoever registered is in, and nobody else yet");
    let next = Form::sweep_button(&house, &browser, &linked, "continue-form").await;
    assert!(brought(&next).contains_key("code"));
    assert_eq!(sessions(), ["2"]);
    // "Terug", to the question.
    let browser = Browser::new();
    let (_, question) = at_question(&house, &browser, &bsn(2)).await;
    let page = answer(&browser, &question, "have").await;
    let next = Form::sweep_button(&house, &browser, &page, "back-form").await;
    assert_eq!(next.heading(), question.heading());
    // "Stoppen".
    let browser = Browser::new();
    let choose = browser.visit(&request(&house, &[]).url, CALLBACK).await;
    let next = Form::sweep_button(&house, &browser, &choose, "stop-form").await;
    assert_eq!(brought(&next)["error"], "access_denied");
    // "DigiD".
    let choose = browser.visit(&request(&house, &[]).url, CALLBACK).await;
    let next = Form::sweep_button(&house, &browser, &choose, "digid-form").await;
    assert!(next.url.as_str().starts_with(&house.digid), "{}", next.url);
}

#[tokio::test]
async fn the_button_of_a_parent_bent_asks_digid_for_no_child() {
    let house = House::start_with(routed()).await;
    let browser = Browser::new();
    let choose = browser.visit(&request(&house, &[]).url, CALLBACK).await;
    let next = Form::sweep_button(&house, &browser, &choose, "child-form").await;
    let digid = browser.submit(&next, "digid-form", &[]).await;
    let digid = browser.follow(digid, CALLBACK).await;
    assert!(digid.url.as_str().starts_with(&house.digid), "{}", digid.url);
}
