//! An installation to measure: made through the library, served by the program.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use namens::{
    app::open_store,
    clock::Clock,
    config::Config,
    domain::{
        assurance::Level,
        email::Email,
        grant::{Grant, RefreshToken},
        id::{AccountId, GrantId, PersonId, SessionId},
        key::{Algorithm, KeyFacts},
        scope::Scope,
        secret::Secret,
        session::Session,
        time::Timestamp,
    },
    oidc::{
        keyring::Keyring,
        signing_key::{RsaBits, generate},
    },
    store::{Store, Vault, accounts::Owner},
};

use crate::process::address;

/// The client of the measurements.
pub const CLIENT: &str = "portal";
/// Its redirect URI.
pub const CALLBACK: &str = "http://127.0.0.1:9/callback";
/// The password of every account.
pub const PASSWORD: &str = "fiets op de dijk";

/// A client that acts in its own name.
pub const PROGRAM: &str = "program";
/// Its secret.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// An installation in a folder of its own.
pub struct Stand {
    /// Its folder.
    pub folder: PathBuf,
    /// Its issuer.
    pub issuer: String,
    /// Its store, for what the measurements put in before the server starts.
    pub store: Store,
    /// When it was made.
    pub now: Timestamp,
}

impl Stand {
    /// Makes one, with a key for `alg`.
    pub async fn new(name: &str, alg: Algorithm, bits: RsaBits, number: u8) -> Self {
        let folder =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        write_secret(&folder.join("master.key"), &Vault::new_master_key());
        write_secret(&folder.join("program.secret"), SECRET);
        let listen = address(number);
        let issuer = format!("http://{listen}");
        fs::write(folder.join("namens.toml"), configuration(&listen, alg)).unwrap();
        let config = Config::read(&folder.join("namens.toml")).unwrap();
        let store = open_store(&config, true).await.unwrap();
        store.migrate().await.unwrap();
        let now = Clock.now();
        let key = generate(alg, bits).unwrap();
        let facts = KeyFacts {
            kid: key.kid.clone(),
            alg,
            created: now,
            publish_from: now,
            sign_from: now,
            sign_until: None,
            publish_until: None,
        };
        store.add_key(&facts, &key.pkcs8, None).await.unwrap();
        Self { folder, issuer, store, now }
    }

    /// The keys, for the bare limit.
    pub async fn keyring(&self) -> Keyring {
        Keyring::new(self.store.signing_keys(Clock.now()).await.unwrap(), &Keyring::default())
    }

    /// The command that serves it.
    pub fn serve(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_namens"));
        command.arg("--config").arg(self.folder.join("namens.toml")).arg("serve");
        command
    }

    /// An account with a verified address.
    pub async fn account(&self, email: &str, hash: Option<&str>) -> (AccountId, PersonId) {
        let email = Email::parse(email).unwrap();
        let id = self.store.create_account(&Owner::New, &email, hash, self.now).await.unwrap().unwrap();
        let person = self.store.account(&id).await.unwrap().unwrap().person;
        (id, person)
    }

    /// A session, and the cookie of its browser.
    pub async fn session(&self, number: usize) -> (Session, String) {
        let (account, person) = self.account(&format!("bench{number}@voorbeeld.nl"), None).await;
        let (session, cookie) = self.session_of(&account, &person, Level::Local);
        self.store.begin_session(&session).await.unwrap();
        (session, cookie)
    }

    /// A session of somebody, which is not stored, and the cookie of its browser.
    pub fn session_of(&self, account: &AccountId, person: &PersonId, level: Level) -> (Session, String) {
        let secret = Secret::token("");
        let session = Session {
            sid: SessionId::random(),
            secret: secret.hashed(),
            account: account.clone(),
            person: person.clone(),
            era: 0,
            level,
            auth_time: self.now,
            seen: self.now,
            ends: self.now.plus(8 * 3600),
            authority: None,
            device: None,
            by_app: false,
        };
        let cookie = format!("namens-session={}.{}", session.sid, secret.expose());
        (session, cookie)
    }

    /// A session with a grant, and its refresh token.
    pub async fn family(&self, number: usize) -> Secret {
        let (session, _) = self.session(number).await;
        self.family_in(&session).await
    }

    /// A grant in a session, and its refresh token.
    pub async fn family_in(&self, session: &Session) -> Secret {
        let token = RefreshToken::first();
        let code = Secret::token("x").hashed();
        assert!(self.store.begin_grant(&self.grant(session), &code, &token).await.unwrap());
        token.into()
    }

    /// What the portal is given in a session.
    pub fn grant(&self, session: &Session) -> Grant {
        Grant {
            id: GrantId::random(),
            client_id: CLIENT.to_owned(),
            account: session.account.clone(),
            person: session.person.clone(),
            sid: session.sid.clone(),
            scope: [Scope::Openid, Scope::ActAs].into(),
            claims: namens::domain::profile::Claims::new(),
            bsn: false,
            offline: None,
            resources: vec![],
            chosen: None,
            acts_for: None,
            told: Vec::new(),
            redirect_uri: CALLBACK.to_owned(),
            level: session.level,
            auth_time: self.now,
            created: self.now,
            ends: session.ends,
            dpop_jkt: None,
            x5t_s256: None,
            revoked_at: None,
        }
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A file that nobody else may read.
fn write_secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn configuration(listen: &str, alg: Algorithm) -> String {
    format!(
        r#"issuer = "http://{listen}"
listen = "{listen}"
database = "namens.db"
master_key = {{ file = "master.key" }}
[mail]
from = "Namens <noreply@namens.test>"
folder = "mail"
[password]
queue = 1000
[[client]]
id = "{CLIENT}"
name = "Huisarts De Linde"
redirect_uris = ["{CALLBACK}"]
auth = "none"
scopes = ["openid", "act_as"]
id_token_alg = "{alg}"
[[client]]
id = "{PROGRAM}"
name = "Rooster"
policy = "basic"
auth = "client_secret_post"
secret = {{ file = "program.secret" }}
service_scopes = ["audit"]
id_token_alg = "{alg}"
"#,
        alg = alg.name()
    )
}
