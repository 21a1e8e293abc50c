//! The walk: Anna and her family, from door to door. Each step is held against `docs/requirements.md`; the first
//! difference stops it.

use std::{io, path::Path};

use serde_json::Value;
use url::Url;

use super::{
    Spoilt,
    desk::Desk,
    refusals,
    seed::Household,
    stand::{Addresses, CLIENT, Stand},
    told::{People, Told},
};
use crate::{
    domain::{assurance::Level, fault::Fault},
    simulator::{
        family::{ANNA, ANNA_EMAIL, ANNA_PASSWORD, HENK, NOOR, SEM},
        walk::{Halt, browser::Browser, post::Post, tell::Tell},
    },
};

/// Why a walk did not reach its end.
pub enum Stop {
    /// A hop led elsewhere, or a check failed.
    Halt(Halt),
    /// Something of ours failed besides.
    Fault(Fault),
}

impl From<Halt> for Stop {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Halt(error.into())
    }
}

/// Everything the walk goes through.
pub struct Walk<'a> {
    /// Where everything is.
    pub at: &'a Addresses,
    /// The desk.
    pub desk: Desk<'a>,
    post: Post,
    spoilt: Option<Spoilt>,
}

/// Tells the whole story.
pub async fn tell(
    stand: &Stand,
    household: Household,
    spoilt: Option<Spoilt>,
    verify: Option<&Path>,
    tell: &mut Tell<'_>,
) -> Result<(), Stop> {
    let post = Post::new(reqwest::Client::new(), &stand.at.mailbox, ANNA_EMAIL);
    let mut walk = Walk { at: &stand.at, desk: Desk::new(&stand.app, household), post, spoilt };
    let first = walk.with_email_first(tell).await?;
    walk.with_digid_first(tell, &first).await?;
    walk.with_email_again(tell, &first).await?;
    let (mut anna, told) = walk.with_digid_again(tell, &first).await?;
    walk.noor_has_a_say(tell, &mut anna).await?;
    refusals::tell(&walk, tell).await?;
    walk.signs_out(tell, &mut anna).await?;

    tell.section("What the portal was told in part 4: the ID token")?;
    let keys = anna.json(tell, walk.namens("/jwks"), "the public keys").await?;
    told.check_signature(tell, &keys)?;
    if let Some(program) = verify {
        let issuer = walk.at.namens.as_str().trim_end_matches('/');
        let arguments = [walk.namens("/jwks").as_str(), issuer, CLIENT].map(str::to_owned);
        told.check_elsewhere(tell, program, arguments).await?;
    }
    tell.text(&format!("\n{:#}", told.claims))?;
    tell.text(&format!("\nThe walk is complete: {} hops, and all of it as it should be.", tell.hops()))?;
    Ok(())
}

impl Walk<'_> {
    async fn with_email_first(&mut self, tell: &mut Tell<'_>) -> Result<Told, Stop> {
        tell.section("Anna logs in with e-mail, password and a mailed code")?;
        let mut anna = self.browser()?;
        let told = self.by_email(tell, &mut anna).await?;
        told.check(tell, local(), &People::default())?;
        Ok(told)
    }

    /// F8 to F11: the question, the link, and one account with one `sub`.
    async fn with_digid_first(&mut self, tell: &mut Tell<'_>, first: &Told) -> Result<(), Stop> {
        tell.section("She uses DigiD for the first time, and links it to her account")?;
        let mut anna = self.browser()?;
        anna.tampers_with = (self.spoilt == Some(Spoilt::Artifact)).then_some("SAMLart");
        self.to_digid(tell, &mut anna).await?;
        let resolved = self.resolved(tell, &anna).await?;
        tell.does("At DigiD she logs in at level Midden.")?;
        anna.press(tell, &ANNA.button(), &[]).await?;
        anna.expect(tell, "question-form", "the question “Heeft u al een account?”")?;
        let now_resolved = self.resolved(tell, &anna).await?;
        tell.check(
            now_resolved == resolved + 1,
            "Namens exchanged the artifact for an assertion, by SOAP with a client certificate",
            || format!("DigiD's back channel was asked {} times", now_resolved.saturating_sub(resolved)),
        )?;
        tell.does("She answers “Ik heb een account”, and proves it.")?;
        anna.press(tell, "have", &[]).await?;
        anna.expect(tell, "link-form", "the page “Koppel DigiD aan uw account”")?;
        let wrong = self.spoilt == Some(Spoilt::Link);
        let password = if wrong { "a phisher's guess" } else { ANNA_PASSWORD };
        anna.press(tell, "submit", &[("email", ANNA_EMAIL), ("password", password)]).await?;
        anna.expect(tell, "code-form", "the question for the mailed code")?;
        let mailed = self.post.code(tell).await?;
        let code = if self.spoilt == Some(Spoilt::Code) { another(&mailed) } else { mailed };
        anna.press(tell, "submit", &[("code", &code)]).await?;
        anna.expect(tell, "continue-form", "the page “DigiD is gekoppeld”")?;
        self.post.letter(tell, "DigiD is gekoppeld aan uw account").await?;
        anna.press(tell, "submit", &[]).await?;
        let told = self.told(tell, &anna).await?;
        same_person(tell, first, &told)?;
        told.check(tell, midden(), &self.sem_and_henk().await?)?;
        tell.right("not Noor (13), who was not asked yet; not Daan (16), who decides alone")?;
        Ok(())
    }

    /// F11 and M7: the same account by the other way, and nothing that only DigiD may show.
    async fn with_email_again(&mut self, tell: &mut Tell<'_>, first: &Told) -> Result<(), Stop> {
        tell.section("With e-mail again: the same person, a lower level, nobody to act for")?;
        let mut anna = self.browser()?;
        let told = self.by_email(tell, &mut anna).await?;
        same_person(tell, first, &told)?;
        Ok(told.check(tell, local(), &People::default())?)
    }

    async fn with_digid_again(&self, tell: &mut Tell<'_>, first: &Told) -> Result<(Browser, Told), Stop> {
        tell.section("With DigiD again: straight in, no question")?;
        let mut anna = self.browser()?;
        self.to_digid(tell, &mut anna).await?;
        anna.press(tell, &ANNA.button(), &[]).await?;
        let told = self.told(tell, &anna).await?;
        same_person(tell, first, &told)?;
        told.check(tell, midden(), &self.sem_and_henk().await?)?;
        Ok((anna, told))
    }

    /// M4: agreement and withdrawal count at the next refresh.
    async fn noor_has_a_say(&mut self, tell: &mut Tell<'_>, anna: &mut Browser) -> Result<(), Stop> {
        tell.section("Noor (13) agrees at the desk, and thinks better of it")?;
        let mut with_noor = self.sem_and_henk().await?;
        let noor = self.desk.subject(&self.desk.household.noor).await?;
        with_noor.0.push((NOOR.first_name(), noor, "parent"));
        for (word, people) in [("consent", with_noor), ("withdraw", self.sem_and_henk().await?)] {
            self.desk.noor_says(tell, word).await?;
            if word == "consent" {
                self.post.letter(tell, "U kunt nu inloggen voor Noor").await?;
            }
            anna.press(tell, "refresh", &[]).await?;
            self.told(tell, anna).await?.check(tell, midden(), &people)?;
        }
        Ok(())
    }

    async fn signs_out(&self, tell: &mut Tell<'_>, anna: &mut Browser) -> Result<(), Stop> {
        tell.section("Anna comes back, is still logged in, and signs out")?;
        anna.open(tell, self.portal("/login")).await?;
        anna.expect(tell, "logged-in", "the portal, without a login: her session answers")?;
        anna.press(tell, "logout", &[]).await?;
        anna.expect(tell, "logged-out", "the portal's page “U bent uitgelogd”")?;
        anna.open(tell, self.portal("/login")).await?;
        anna.expect(tell, "digid-form", "the choice of ways to log in: no session is left")?;
        tell.right("no session is left: she is back at the start")?;
        Ok(())
    }

    async fn by_email(&mut self, tell: &mut Tell<'_>, anna: &mut Browser) -> Result<Told, Stop> {
        self.to_choice(tell, anna).await?;
        anna.click(tell, "local").await?;
        anna.expect(tell, "email-form", "the form for e-mail and password")?;
        anna.press(tell, "submit", &[("email", ANNA_EMAIL), ("password", ANNA_PASSWORD)]).await?;
        anna.expect(tell, "code-form", "the question for the mailed code")?;
        let code = self.post.code(tell).await?;
        anna.press(tell, "submit", &[("code", &code)]).await?;
        self.told(tell, anna).await
    }

    /// From the portal to the choice of ways to log in.
    async fn to_choice(&self, tell: &mut Tell<'_>, browser: &mut Browser) -> Result<(), Stop> {
        browser.open(tell, self.portal("/")).await?;
        browser.click(tell, "login").await?;
        Ok(browser.expect(tell, "digid-form", "the choice of ways to log in")?)
    }

    /// From the portal to DigiD's login page.
    pub async fn to_digid(&self, tell: &mut Tell<'_>, browser: &mut Browser) -> Result<(), Stop> {
        self.to_choice(tell, browser).await?;
        browser.press(tell, "digid", &[]).await?;
        Ok(browser.expect(tell, "minimum", "DigiD's login page")?)
    }

    /// What the portal was told about the one who logged in with this browser.
    async fn told(&self, tell: &mut Tell<'_>, browser: &Browser) -> Result<Told, Stop> {
        browser.expect(tell, "logged-in", "the portal, logged in")?;
        let json =
            browser.json(tell, self.portal("/token.json"), "the ID token, as the portal verified it").await?;
        Ok(Told::read(tell, json)?)
    }

    /// How often DigiD's back channel was asked so far.
    async fn resolved(&self, tell: &Tell<'_>, browser: &Browser) -> Result<u64, Stop> {
        let calls = browser.quiet_json(address(&self.at.digid, "/calls")).await?;
        let count = calls.get("soap").and_then(Value::as_u64);
        count.ok_or_else(|| tell.halt("a count of DigiD's calls", "there is none").into())
    }

    async fn sem_and_henk(&self) -> Result<People, Fault> {
        let sem = self.desk.subject(&self.desk.household.sem).await?;
        let henk = self.desk.subject(&self.desk.household.henk).await?;
        Ok(People(vec![(SEM.first_name(), sem, "parent"), (HENK.first_name(), henk, "authorised")]))
    }

    /// A fresh browser.
    pub fn browser(&self) -> Result<Browser, Halt> {
        Browser::new(&self.at.portal)
    }

    /// An address at the portal.
    pub fn portal(&self, path: &str) -> Url {
        address(&self.at.portal, path)
    }

    fn namens(&self, path: &str) -> Url {
        address(&self.at.namens, path)
    }
}

fn address(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(path);
    url
}

/// A code that differs from `code` in its last digit.
fn another(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    code.chars().take(code.len().saturating_sub(1)).chain([last]).collect()
}

const fn local() -> (&'static str, &'static str) {
    (Level::Local.acr(), "password and mailed code")
}

const fn midden() -> (&'static str, &'static str) {
    (Level::Midden.acr(), "DigiD Midden")
}

fn same_person(tell: &mut Tell<'_>, first: &Told, told: &Told) -> Result<(), Halt> {
    tell.check(!told.sub().is_empty() && told.sub() == first.sub(), "sub is that of her first login", || {
        "it is another: there are two accounts".to_owned()
    })
}
