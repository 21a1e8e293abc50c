//! People with DigiD and an account, and a family of them: who may see whose record is for them to say.

use namens::{clock::Clock, domain::assurance::Level};
use reqwest::StatusCode;

use crate::{
    account::at,
    browser::{Browser, Page},
    house::House,
    mandates_desk::{Desk, Form, born, digid_account, fresh_bsn},
    oidc_client::{CLIENTS, refreshed},
    portal::Tokens,
};

pub const MOTHER: &str = "moeder@voorbeeld.nl";
pub const FATHER: &str = "vader@voorbeeld.nl";
pub const KIM: &str = "kim@voorbeeld.nl";

/// Somebody with DigiD, logged in with it.
pub struct One {
    pub browser: Browser,
    pub tokens: Tokens,
    pub person: String,
    pub email: &'static str,
    pub bsn: String,
}

impl One {
    pub async fn of(house: &House, (name, birth): (&str, Option<&str>), email: &'static str) -> Self {
        let (bsn, browser) = (fresh_bsn(), Browser::new());
        let person = Desk::of(house).person(name, birth, Some(&bsn));
        let tokens = digid_account(house, &browser, &bsn, email).await;
        // An account that was there first goes on as the person; the desk's became part of it.
        let person =
            house.query(&format!("SELECT COALESCE(joined_into, id) FROM persons WHERE id = '{person}'"));
        Self { browser, tokens, person: person.concat(), email, bsn }
    }

    pub async fn page(&self, house: &House) -> Page {
        let page = self.browser.get(&at(house, "/account/mandates")).await;
        assert_eq!((page.status, page.heading().as_str()), (StatusCode::OK, "Machtigingen"), "{}", page.body);
        page
    }

    pub async fn log(&self, house: &House) -> String {
        let page = self.browser.get(&at(house, "/account/log")).await;
        assert_eq!(page.heading(), "Wie heeft iets gewijzigd", "{}", page.body);
        page.text("log").unwrap_or_default()
    }

    /// Whom the portal hears of at a refresh now.
    pub async fn acts_for(&self, house: &House) -> usize {
        let told = refreshed(house, &self.tokens).await;
        told.claims["act_as"].as_array().unwrap().len()
    }

    pub async fn posts(&self, house: &House, what: &str, csrf: &str, mandate: &str) -> Page {
        let url = at(house, &format!("/account/mandates/{what}"));
        self.browser.post(&url, &[("csrf", csrf), ("mandate", mandate)]).await
    }

    /// Presses a button.
    pub async fn presses(&self, house: &House, form: &str) -> Page {
        let page = self.page(house).await;
        let done = self.browser.submit(&page, form, &[]).await;
        assert_eq!(done.location().unwrap().path(), "/account/mandates");
        self.page(house).await
    }

    pub async fn csrf(&self, house: &House) -> String {
        let overview = self.browser.get(&at(house, "/account")).await;
        overview.form("everywhere-form").1["csrf"].clone()
    }
}

/// Anna and Bert, parents of Kim of twelve; nobody has said anything yet.
pub struct Family {
    pub house: House,
    pub mother: One,
    pub father: One,
    pub kim: One,
    /// Anna's.
    pub mandate: String,
    /// Bert's.
    pub other: String,
}

/// At a house with the clients of most tests.
pub async fn family() -> Family {
    let house = House::with(CLIENTS).await;
    let mother = One::of(&house, ("Anna", None), MOTHER).await;
    let father = One::of(&house, ("Bert", None), FATHER).await;
    let kim = One::of(&house, ("Kim", Some(&born(12, 0))), KIM).await;
    let desk = Desk::of(&house);
    let mandate = desk.mandate(&Form::parent(&mother.person, &kim.person));
    let other = desk.mandate(&Form::parent(&father.person, &kim.person));
    Family { house, mother, father, kim, mandate, other }
}

impl Family {
    /// Which row of Kim's page is Anna's.
    pub async fn annas(&self) -> usize {
        let page = self.kim.page(&self.house).await;
        (1..=2).find(|n| page.text(&format!("given-{n}")).is_some_and(|text| text.contains("Anna"))).unwrap()
    }

    pub fn words(&self) -> Vec<String> {
        self.house
            .query("SELECT party || ' ' || word FROM consents WHERE attested_by IS NULL ORDER BY party, word")
    }

    /// Kim says yes, as often as it takes: within the second of a no the no is the last.
    pub async fn kim_agrees(&self) {
        let n = self.annas().await;
        for _ in 0..60 {
            let page = self.kim.page(&self.house).await;
            if !page.body.contains(&format!("id=\"agree-{n}\"")) {
                return;
            }
            self.kim.browser.submit(&page, &format!("agree-{n}"), &[]).await;
            tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        }
        panic!("Kim never agreed");
    }
}

/// The cookies of a session of somebody's whose login with DigiD was eleven minutes ago.
pub async fn stale_session(house: &House, one: &One) -> String {
    house.session(one.email, (Clock.now(), 660), |session| session.level = Level::Midden).await.cookies
}
