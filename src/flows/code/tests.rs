//! One code at several doors, with the application as the server builds it.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc};

use super::*;
use crate::{
    app::open_store,
    config::Config,
    domain::{
        ask::Ask,
        assurance::Level,
        id::random,
        login::{Choose, LogIn, Recovering},
        proof::Opening,
    },
    flows::{
        Next, email,
        finish::{self, Finish},
        register,
    },
    oidc::oxide::tests::ask,
    store::{Vault, accounts::Owner},
};

pub(in crate::flows) const CODE: &str = "KDFHGKMNP3";
const CONFIG: &str = r#"
issuer = "https://id.example.nl"
listen = "127.0.0.1:0"
database = "namens.db"
master_key = { file = "master.key" }
[mail]
from = "Namens <noreply@example.nl>"
folder = "mail"
[[client]]
id = "portal"
name = "Huisarts De Linde"
redirect_uris = ["https://p.example/cb"]
auth = "none"
scopes = ["openid", "act_as"]
"#;

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-07-01T09:00:00Z").unwrap()
}

/// An application in a folder of its own, and a login that waits for [`CODE`].
struct Waiting {
    app: Arc<App>,
    id: LoginId,
    browser: Secret,
    folder: PathBuf,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What finds a login of [`code_sent`], whatever was proven in it.
pub(in crate::flows) const fn keys(browser: &Secret) -> logins::Keys<'_> {
    logins::Keys { browser, tie: Some(browser), fresh: Some(browser) }
}

/// A new login, and [`CODE`] for it.
pub(in crate::flows) fn code_sent(app: &App, browser: &Secret, now: Timestamp) -> (Login<Choose>, SentCode) {
    let login = Login { fresh: Some(browser.hashed()), ..Login::start(ask(), browser.hashed(), now) };
    let sent = SentCode::first(hash(app, &login, &Secret::new(CODE)), "K7Q".into(), now);
    (login, sent)
}

/// An application in a folder of its own.
pub(in crate::flows) async fn application() -> (Arc<App>, PathBuf) {
    let folder = std::env::temp_dir().join(format!("namens-{}", random::<9>()));
    fs::create_dir_all(folder.join("mail")).unwrap();
    fs::write(folder.join("master.key"), Vault::new_master_key().as_str()).unwrap();
    fs::set_permissions(folder.join("master.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let config = Config::parse(CONFIG, folder.clone()).unwrap();
    open_store(&config, true).await.unwrap().migrate().await.unwrap();
    (App::build(config).await.unwrap(), folder)
}

impl Waiting {
    async fn begin() -> Self {
        let (app, folder) = application().await;
        let browser = Secret::token("");
        let (login, sent) = code_sent(&app, &browser, now());
        let login = login.forgot(Email::parse("a@x.nl").unwrap(), None, sent);
        let id = logins::begin(&app, login).await.unwrap().login.id;
        Self { app, id, browser, folder }
    }

    /// The same, of the owner of an account who logs in.
    async fn to_log_in() -> Self {
        let mut waiting = Self::begin().await;
        let (app, email) = (&waiting.app, Email::parse("a@x.nl").unwrap());
        let account = app.store.create_account(&Owner::New, &email, None, now()).await.unwrap().unwrap();
        let (login, sent) = code_sent(app, &waiting.browser, now());
        let login = login.opened(email, Opening { account, era: 0 }, sent);
        waiting.id = logins::begin(app, login).await.unwrap().login.id;
        waiting
    }

    async fn read<P>(&self) -> Held<Coded<P>>
    where
        Login<Coded<P>>: TryFrom<Login<Step>, Error = Box<Login<Step>>>,
    {
        let found = logins::find(&self.app, &self.id, keys(&self.browser), now()).await.unwrap().unwrap();
        found.at().unwrap_or_else(|held| panic!("it stands at {:?}", held.login.step))
    }

    /// Logs in as far as that code goes.
    async fn log_in(&self, held: Held<Coded<LogIn>>, typed: &str) -> Result<Secret, Refused<WrongCode>> {
        match email::confirm(&self.app, held, &Secret::new(typed), now()).await? {
            Next::In(held) => match finish::finish(&self.app, held, None, (None, Lang::Nl), now()).await? {
                Finish::In(finished) => Ok(finished.cookie),
                Finish::AnotherUser(told) => panic!("{told:?}"),
            },
            Next::Page(id) | Next::Back(id) => Err(Stop::Elsewhere(id).into()),
        }
    }

    async fn enter(
        &self,
        held: Held<Coded<Recovering>>,
        typed: &str,
    ) -> Result<Held<Recovering>, Refused<WrongCode>> {
        enter(&self.app, held, &Secret::new(typed), now()).await
    }
}

/// Attack 17: what is done for an address says nothing of whether it has an account.
#[tokio::test]
async fn an_address_takes_as_much_work_with_an_account_as_without() {
    let (app, folder) = application().await;
    let browser = Secret::token("");
    let start = || Login::start(ask(), browser.hashed(), now());
    let owner = Email::parse("a@voorbeeld.nl").unwrap();
    app.store.create_account(&Owner::New, &owner, None, now()).await.unwrap().unwrap();
    // The letter is written whether or not it goes anywhere, and of a new account one always goes.
    for (what, hollow_goes) in [(CodeFor::Register, true), (CodeFor::Recover, false)] {
        let login = start();
        let about = circumstances(&app, &login, &owner, "K7Q", Lang::Nl, now()).await.unwrap();
        let (real, hollow) =
            (first(&app, &login, &about, what, false), first(&app, &login, &about, what, true));
        assert_eq!((real.goes, hollow.goes), (true, hollow_goes));
        assert!(!real.sent.is_hollow() && hollow.sent.is_hollow());
        assert!(hollow.letter.text.contains("Huisarts De Linde"));
        if what == CodeFor::Recover {
            assert_eq!(hollow.letter.text.len(), real.letter.text.len());
        }
    }
    // A password is hashed before anybody looks whether the address has an account.
    let mut filled = Vec::new();
    for address in ["a@voorbeeld.nl", "b@voorbeeld.nl"] {
        let before = app.hasher.filled();
        let held = logins::begin(&app, start()).await.unwrap();
        let held = held.to_some(Login::<Choose>::to_register).unwrap();
        let held = logins::save(&app, held).await.unwrap();
        let (email, password) = (address.to_owned(), Secret::new("fiets op de dijk"));
        let typed = email::Credentials { email, password, device: None, from: None };
        register::enter(&app, held, typed, Lang::Nl, now()).await.unwrap();
        filled.push(app.hasher.filled() - before);
    }
    assert!(filled[0] > 0 && filled[0] == filled[1], "{filled:?}");
    let _ = fs::remove_dir_all(folder);
}

/// Otherwise a swarm of guesses, all of which read the login before any was counted, would each have a try.
#[tokio::test]
async fn of_all_who_read_the_login_as_it_was_one_is_heard() {
    let waiting = Waiting::begin().await;
    let (wrong, right, again) = (waiting.read().await, waiting.read().await, waiting.read().await);
    let heard = waiting.enter(wrong, "KDFHGKMNP4").await;
    assert!(matches!(heard, Err(Refused::Because(WrongCode::Again { left: 4 }))), "{heard:?}");
    for late in [right, again] {
        let heard = waiting.enter(late, CODE).await;
        assert!(matches!(heard, Err(Refused::Stopped(Stop::Elsewhere(_)))), "{heard:?}");
    }

    let (right, wrong, again) = (waiting.read().await, waiting.read().await, waiting.read().await);
    assert!(waiting.enter(right, "kdfhg kmnp3").await.is_ok());
    for (late, typed) in [(wrong, "KDFHGKMNP4"), (again, CODE)] {
        let heard = waiting.enter(late, typed).await;
        assert!(matches!(heard, Err(Refused::Stopped(Stop::Elsewhere(_)))), "{heard:?}");
    }
}

/// The same where the right code opens a session, and the login is not kept between the two.
#[tokio::test]
async fn a_right_code_that_comes_late_opens_no_session() {
    let waiting = Waiting::to_log_in().await;
    let (wrong, late) = (waiting.read().await, waiting.read().await);
    let heard = waiting.log_in(wrong, "KDFHGKMNP4").await;
    assert!(matches!(heard, Err(Refused::Because(WrongCode::Again { left: 4 }))), "{heard:?}");
    let heard = waiting.log_in(late, CODE).await;
    assert!(matches!(heard, Err(Refused::Stopped(Stop::Elsewhere(_)))), "{heard:?}");

    let (right, again) = (waiting.read().await, waiting.read().await);
    let cookie = waiting.log_in(right, CODE).await.unwrap();
    assert!(waiting.app.store.visit_session(&cookie, 900, now()).await.unwrap().is_some());
    let heard = waiting.log_in(again, CODE).await;
    assert!(matches!(heard, Err(Refused::Stopped(Stop::Elsewhere(_)))), "{heard:?}");
}

/// Attack 19: whatever road led to its end, a login that proved less than the portal asked lets nobody in.
#[tokio::test]
async fn a19_a_login_that_proved_less_than_was_asked_ends_without_a_session() {
    for (level, gets_in) in [(Level::Midden, false), (Level::Local, true)] {
        let waiting = Waiting::to_log_in().await;
        let held = waiting.read::<LogIn>().await;
        let held = held.to(|login| Login { ask: Ask { level, ..login.ask.clone() }, ..login });
        let done = waiting.log_in(held, CODE).await;
        let left = waiting.app.store.login(&waiting.id, now()).await.unwrap();
        assert!(left.is_none(), "it is over");
        if gets_in {
            assert!(done.is_ok(), "the twin: {done:?}");
        } else {
            assert!(matches!(done, Err(Refused::Stopped(Stop::Elsewhere(_)))), "{done:?}");
        }
        let address = Email::parse("a@x.nl").unwrap();
        let account = waiting.app.store.account_by_email(&address).await.unwrap().unwrap();
        let sessions = waiting.app.store.sessions_of(&account, 900, now()).await.unwrap();
        assert_eq!(sessions.len(), usize::from(gets_in));
    }
}
