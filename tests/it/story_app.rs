//! One app for a family, line by line of what a portal tells its patients about it (`docs/mandates.md`, F14). The code of five digits, the menu and
//! the pages of the app are the app's: played here is what it has of us, a login for each person and tokens that are bound to the phone.

use reqwest::StatusCode;

use crate::{
    account::at,
    account_portals::{AN_APP, PHONE, refreshed, stay},
    browser::{Browser, Page},
    digid_steps::{bsn, link},
    dpop::{opens, send},
    house::{CALLBACK, House, PASSWORD},
    jose::Key,
    oidc_client::{Ask, assert_refused},
    portal::{self, Tokens, code_of, register},
    steps::{account, is_in, type_code, wrong},
};

const OWNER: &str = "jansen@voorbeeld.nl";
const EXTRA: &str = "jansen+sam@voorbeeld.nl";

/// A phone with the app, and its owner in it.
struct Phone {
    house: House,
    browser: Browser,
    key: Key,
    owner: Tokens,
}

impl Phone {
    async fn of_its_owner() -> Self {
        let (house, browser, key) = (House::with(AN_APP).await, Browser::new(), Key::new());
        register(&house, &browser, OWNER).await;
        let owner = stay(&house, &browser, &key).await;
        Self { house, browser, key, owner }
    }

    /// "Extra gebruiker toevoegen": the app asks for a login, whoever is in.
    async fn adds(&self) -> (Ask, Page) {
        let ask = PHONE.ask().with("scope", "openid offline_access").with("prompt", "login");
        let choose = self.browser.visit(&ask.url(&self.house), CALLBACK).await;
        assert_eq!(choose.heading(), "Inloggen bij Zorgapp");
        (ask, self.browser.get(&format!("{}/email", choose.url)).await)
    }

    /// "Vul de gebruikersnaam en het wachtwoord van de extra gebruiker in."
    async fn types(&self, form: &Page, email: &str) -> Page {
        let typed = [("email", email), ("password", PASSWORD)];
        let sent = self.browser.submit(form, "email-form", &typed).await;
        self.browser.follow(sent, CALLBACK).await
    }

    /// What the app gets for the code of the way back.
    async fn redeems(&self, ask: &Ask, code: &str) -> Tokens {
        let request = PHONE.post(&self.house, "/token", &ask.redemption(code));
        let proof = self.key.proof(&self.house, "POST", "/token", None);
        let answer = send(request.header("dpop", proof)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        portal::tokens(answer.body)
    }

    /// All of it, for somebody who has had so many mails then.
    async fn takes_up(&self, email: &str, mails: usize) -> Tokens {
        let (ask, form) = self.adds().await;
        let page = self.types(&form, email).await;
        let done = type_code(&self.browser, &page, &self.house.code(email, mails)).await;
        self.redeems(&ask, &code_of(&done)).await
    }

    /// Whether somebody is still in, without a page.
    async fn has(&self, tokens: &Tokens) -> bool {
        let Some(access) = refreshed(&self.house, tokens, &self.key).await else { return false };
        opens(&self.house, &access, &self.key).await
    }
}

/// "In de Uw Zorg online app is het mogelijk om meerdere gebruikers toe te voegen." "U kunt met meerdere personen gebruik maken van dezelfde app."
#[tokio::test]
async fn several_people_use_one_app() {
    let phone = Phone::of_its_owner().await;
    let mut all = vec![phone.owner.clone()];
    for email in [EXTRA, "jansen+noor@voorbeeld.nl", "oma@voorbeeld.nl"] {
        account(&phone.house, email).await;
        all.push(phone.takes_up(email, 2).await);
    }
    for (n, tokens) in all.iter().enumerate() {
        assert!(phone.has(tokens).await, "{n}");
        assert!(all[..n].iter().all(|other| other.sub() != tokens.sub()), "{n} is somebody else");
    }
    // Each sees their own phone at "Mijn account", and takes it away without the others.
    let page = phone.browser.get(&at(&phone.house, "/account/portals")).await;
    let n = (1..5).find(|n| page.text(&format!("portal-{n}")).as_deref() == Some("Zorgapp")).unwrap();
    assert!(page.text(&format!("device-{n}-1")).is_some() && page.text(&format!("device-{n}-2")).is_none());
    phone.browser.submit(&page, &format!("remove-{n}-1"), &[]).await;
    let mut left = Vec::new();
    for tokens in &all {
        left.push(phone.has(tokens).await);
    }
    assert_eq!(left, [true, true, true, false], "the last one who logged in took theirs away");
}

/// "Let op: voor de extra gebruiker is een eigen account met een eigen e-mailadres nodig. Maak deze aan via de website van uw praktijk."
#[tokio::test]
async fn an_extra_user_of_the_app_has_an_account_from_the_website() {
    let phone = Phone::of_its_owner().await;
    let (_, form) = phone.adds().await;
    let told = phone.types(&form, EXTRA).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(told.text("error").unwrap(), "Dit e-mailadres of wachtwoord klopt niet.");
    assert_eq!(phone.house.mails_now(EXTRA).len(), 0);
    // At the website, in another browser; from then on in the app.
    let theirs = register(&phone.house, &Browser::new(), EXTRA).await;
    let taken_up = phone.takes_up(EXTRA, 2).await;
    assert_ne!(theirs.sub(), phone.owner.sub());
    assert_ne!(taken_up.sub(), phone.owner.sub());
    assert!(phone.has(&phone.owner).await && phone.has(&taken_up).await);
}

/// "Vul de gebruikersnaam en het wachtwoord van de extra gebruiker in en druk op de knop 'Aanmelden'."
#[tokio::test]
async fn the_app_asks_whom_it_adds_for_their_own_password_whoever_is_in() {
    let phone = Phone::of_its_owner().await;
    account(&phone.house, EXTRA).await;
    // The owner is in, in this very browser: without being asked to log in anew, it would be them.
    let owners = PHONE.ask().with("scope", "openid");
    let code = PHONE.code(&phone.house, &phone.browser, &owners).await;
    assert_eq!(phone.redeems(&owners, &code).await.sub(), phone.owner.sub());
    let (_, form) = phone.adds().await;
    let typed = [("email", EXTRA), ("password", "een ander woord")];
    let told = phone.browser.submit(&form, "email-form", &typed).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_ne!(phone.takes_up(EXTRA, 2).await.sub(), phone.owner.sub());
}

/// "U ontvangt nu éénmalig een beveiligingscode op het e-mailadres van de extra gebruiker. Vul deze beveiligingscode in en druk op 'Inloggen'."
#[tokio::test]
async fn an_extra_user_types_one_code_that_comes_to_their_own_address_once() {
    let phone = Phone::of_its_owner().await;
    account(&phone.house, EXTRA).await;
    let (ask, form) = phone.adds().await;
    let page = phone.types(&form, EXTRA).await;
    let code = phone.house.code(EXTRA, 2);
    assert_eq!(phone.house.mails_now(OWNER).len(), 1, "nobody else is mailed");
    let mail = phone.house.mails(EXTRA, 2).pop().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(mail.contains(&format!("alleen voor {EXTRA} bij Zorgapp")), "{mail}");
    let missed = type_code(&phone.browser, &page, &wrong(&code)).await;
    assert!(missed.location().is_none() && !is_in(&missed), "{}", missed.heading());
    let done = type_code(&phone.browser, &page, &code).await;
    let extra = phone.redeems(&ask, &code_of(&done)).await;
    // "Éénmalig": the app goes on by itself from now on.
    for _ in 0..5 {
        assert!(phone.has(&extra).await);
    }
    assert_eq!((phone.house.mails_now(EXTRA).len(), phone.house.mails_now(OWNER).len()), (2, 1));
    // Nor does the way back open anything a second time.
    let again = PHONE.post(&phone.house, "/token", &ask.redemption(&code_of(&done)));
    let proof = phone.key.proof(&phone.house, "POST", "/token", None);
    let again = send(again.header("dpop", proof)).await;
    assert_refused(&(again.status, again.body), "invalid_grant");
}

/// "Om te wisselen van gebruiker gaat u in het menu naar 'Wisselen van gebruiker'."
#[tokio::test]
async fn to_change_users_the_app_asks_nobody_anything() {
    let phone = Phone::of_its_owner().await;
    account(&phone.house, EXTRA).await;
    let extra = phone.takes_up(EXTRA, 2).await;
    let users = [(&phone.owner, OWNER), (&extra, EXTRA)];
    for _ in 0..3 {
        for (tokens, email) in users {
            assert!(phone.has(tokens).await, "{email}");
        }
    }
    assert_eq!((phone.house.mails_now(EXTRA).len(), phone.house.mails_now(OWNER).len()), (2, 1));
    // What one has on the phone is nothing on another's.
    assert_eq!(refreshed(&phone.house, &extra, &Key::new()).await, None);
    assert!(phone.has(&extra).await);
}

/// "Als u de app afsluit en later opnieuw opent, kunt u in het pincode-scherm kiezen wie de app wil gebruiken."
#[tokio::test]
async fn after_the_app_was_closed_each_of_its_users_goes_on() {
    let mut phone = Phone::of_its_owner().await;
    account(&phone.house, EXTRA).await;
    let extra = phone.takes_up(EXTRA, 2).await;
    // The browser inside the app forgets all, its session ends, and the practice's server was started anew.
    let page = phone.browser.get(&at(&phone.house, "/logout")).await;
    assert_eq!(phone.browser.submit(&page, "logout-form", &[]).await.heading(), "U bent uitgelogd.");
    phone.browser = Browser::new();
    phone.house.kill();
    phone.house.open_doors();
    for (tokens, email) in [(&extra, EXTRA), (&phone.owner, OWNER)] {
        assert!(phone.has(tokens).await, "{email}");
    }
    assert_eq!((phone.house.mails_now(EXTRA).len(), phone.house.mails_now(OWNER).len()), (2, 1));
}

/// "In de app kunt u uw eigen pincode blijven gebruiken": linking DigiD ends nothing in the app.
#[tokio::test]
async fn the_app_goes_on_after_digid_was_linked() {
    let phone = Phone::of_its_owner().await;
    let (_, done) = link(&phone.house, &Browser::new(), &bsn(1), OWNER, 2).await;
    assert_eq!(done.heading(), "DigiD is gekoppeld");
    assert!(phone.has(&phone.owner).await);
    let before = phone.house.mails(OWNER, 3).len();
    assert!(phone.has(&phone.owner).await);
    assert_eq!(phone.house.mails_now(OWNER).len(), before, "and asks for no code");
}
