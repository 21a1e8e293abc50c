//! The forms of a login that are read at a step of their own, bent there: link, a new password, for whom, the question and consent.

use reqwest::Method;

use crate::{
    bad_input::{BENDS, Bend, assert_calm, bent},
    bad_input_wire::post,
    browser::{Browser, Page},
    chooser::{FOR_WHOM, Family, asking},
    digid_steps::{answer, at_question, bsn},
    house::{CALLBACK, House, PASSWORD},
    portal::{register, request},
    steps::{code_for, to_recover_code, type_code},
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
    /// login stays where it is, and then the good answer leads on.
    async fn sweep(&self, is_malformed: impl Fn(&str, Bend) -> bool, is_good: impl Fn(&str, Bend) -> bool) {
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
        assert_eq!(told.status.as_u16(), 303, "{}: the twin: {}", self.id, told.heading());
        let next = self.browser.follow(told, CALLBACK).await;
        assert!(next.location().is_some() || next.heading() != self.page.heading(), "{}", self.id);
        assert_calm(self.house);
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
