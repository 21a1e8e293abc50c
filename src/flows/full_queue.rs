//! The mail server does not answer and the queue is full: what was done is done, and whoever did it hears so.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use super::{
    Held, Next, account, account_app, account_password, app_code,
    code::tests::{CODE, application, code_sent, keys},
    link, logins, recover,
};
use crate::{
    app::App,
    domain::{
        assurance::Level,
        authenticator::tests::secret,
        bsn::Bsn,
        email::Email,
        id::LoginId,
        lang::Lang,
        login::{AppAsked, Choose, Coded, LogIn, Login, NewPassword, SentRequest, Step},
        proof::{Digid, Proof},
        secret::Secret,
        session::{Session, tests::session},
        time::Timestamp,
    },
    store::accounts::{Account, Owner},
};

/// When the code of the app of these tests is [`APP_CODE`].
const NOW: Timestamp = Timestamp::from_epoch(1_111_111_109);
const APP_CODE: &str = "081804";
const NEW: &str = "een heel ander woord";

/// Somebody with an account, where no letter leaves any more.
struct Silence {
    app: Arc<App>,
    account: Account,
    browser: Secret,
    folder: PathBuf,
}

impl Drop for Silence {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn address() -> Email {
    Email::parse("a@x.nl").unwrap()
}

impl Silence {
    async fn begin() -> Self {
        let (app, folder) = application().await;
        let id = app.store.create_account(&Owner::New, &address(), None, NOW).await.unwrap().unwrap();
        let account = app.store.account(&id).await.unwrap().unwrap();
        app.mailer.drain(Duration::ZERO).await;
        Self { app, account, browser: Secret::token(""), folder }
    }

    async fn guest(&self) -> account::Guest {
        let (account, person) = (self.account.id.clone(), self.account.person.clone());
        let session = Session { account, person, era: self.account.era, ..session() };
        self.app.store.begin_session(&session).await.unwrap();
        account::Guest { session, account: self.account.clone() }
    }

    /// Keeps a login, and reads it again where it stands.
    async fn kept<S: Into<Step> + Clone>(&self, login: Login<S>) -> Held<S>
    where
        Login<S>: TryFrom<Login, Error = Box<Login>>,
    {
        let id = logins::begin(&self.app, login).await.unwrap().login.id;
        self.found(&id).await
    }

    async fn found<S>(&self, id: &LoginId) -> Held<S>
    where
        Login<S>: TryFrom<Login, Error = Box<Login>>,
    {
        let found = logins::find(&self.app, id, keys(&self.browser), NOW).await.unwrap().unwrap();
        found.at().unwrap_or_else(|held| panic!("it stands at {:?}", held.login.step))
    }

    /// Sets an app up. Gives its recovery codes.
    async fn set_up(&mut self) -> Vec<Secret> {
        let offered = account_app::Offer { secret: secret(), sealed: Vec::new() };
        let (guest, typed) = (self.guest().await, Secret::new(APP_CODE));
        let codes = account_app::confirm(&self.app, &guest, &offered, &typed, Lang::Nl, NOW).await.unwrap();
        self.account = self.app.store.account(&self.account.id).await.unwrap().unwrap();
        codes
    }
}

#[tokio::test]
async fn f6_the_recovery_codes_of_a_new_app_are_shown_and_one_lets_its_owner_in() {
    let mut silence = Silence::begin().await;
    let codes = silence.set_up().await;
    assert!(silence.account.app.is_some() && codes.len() == 10);
    let login: Login<Choose> = code_sent(&silence.app, &silence.browser, NOW).0;
    let held: Held<AppAsked<LogIn>> =
        silence.kept(login.opened_with_app(silence.account.opening(), None)).await;
    let id = held.login.id.clone();
    let held = logins::find(&silence.app, &id, keys(&silence.browser), NOW).await.unwrap().unwrap();
    let typed = (app_code::Kind::Recovery, &codes[0]);
    let next = app_code::confirm(&silence.app, held, typed, Lang::Nl, NOW).await;
    assert!(matches!(next, Ok(Next::In(_))), "{next:?}");
    account_app::remove(&silence.app, &silence.guest().await, Lang::Nl, NOW).await.unwrap();
    assert!(silence.app.store.account(&silence.account.id).await.unwrap().unwrap().app.is_none());
}

#[tokio::test]
async fn f13_a_new_password_is_told_to_be_changed() {
    let silence = Silence::begin().await;
    let (login, sent) = code_sent(&silence.app, &silence.browser, NOW);
    let held = silence.kept(login.forgot(address(), Some(silence.account.opening()), sent)).await;
    let id = held.login.id.clone();
    recover::confirm(&silence.app, held, &Secret::new(CODE), NOW).await.unwrap();
    let held = silence.found::<NewPassword>(&id).await;
    recover::change(&silence.app, held, Secret::new(NEW), Lang::Nl, NOW).await.unwrap();
    let mut silence = silence;
    silence.account = silence.app.store.account(&silence.account.id).await.unwrap().unwrap();
    assert_eq!(silence.account.era, 1);
    let guest = silence.guest().await;
    let done =
        account_password::change(&silence.app, &guest, Secret::new(NEW), None, Lang::Nl, NOW).await.unwrap();
    assert!(done.is_some());
}

#[tokio::test]
async fn f9_a_link_is_told_to_be_made() {
    let silence = Silence::begin().await;
    let bsn = Bsn::parse("999990019").unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test's own proof")]
    let proof = Proof::attest(Digid { bsn, level: Level::Midden, session: None, authority: None }, NOW);
    let sent = SentRequest {
        id: "_1".into(),
        at: NOW,
        required: Level::Midden,
        forced: false,
        representation: false,
    };
    let (login, code) = code_sent(&silence.app, &silence.browser, NOW);
    let login = login.to_digid(sent).unknown(proof, NOW).asked().has_account();
    let held: Held<Coded<_>> = silence.kept(login.opened(address(), silence.account.opening(), code)).await;
    let next = link::confirm(&silence.app, held, &Secret::new(CODE), Lang::Nl, NOW).await;
    assert!(matches!(next, Ok(Next::Page(_))), "{next:?}");
    assert!(silence.app.store.account(&silence.account.id).await.unwrap().unwrap().digid_since.is_some());
}
