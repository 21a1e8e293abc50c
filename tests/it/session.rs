//! A session that a test needs as no login of a moment ago makes it.

use namens::{
    domain::{
        assurance::Level,
        id::{AccountId, PersonId, SessionId},
        secret::Secret,
        session::Session,
        time::Timestamp,
    },
    store::{Db, Store, Vault},
};

use crate::house::House;

/// What its browser has.
pub struct Seated {
    /// Its cookies.
    pub cookies: String,
    /// The token of the desk's forms.
    pub csrf: String,
}

impl House {
    /// Begins a session at `now` of the owner of an account who logged in that many seconds ago, by password but for what `change` says.
    pub async fn session(
        &self,
        email: &str,
        (now, ago): (Timestamp, i64),
        change: impl FnOnce(&mut Session),
    ) -> Seated {
        let key = std::fs::read_to_string(self.folder.join("keys/master.key")).unwrap();
        let db = Db::open_sqlite(&self.folder.join("namens.db"), false).await.unwrap();
        let store = Store::new(db, Vault::open(&key).unwrap());
        let row = self.query(&format!("SELECT id || ' ' || person_id FROM accounts WHERE email = '{email}'"));
        let (account, person) = row[0].split_once(' ').unwrap();
        let secret = Secret::token("");
        let mut session = Session {
            sid: SessionId::random(),
            secret: secret.hashed(),
            account: AccountId::from_stored(account),
            person: PersonId::from_stored(person),
            era: 0,
            level: Level::Local,
            auth_time: now.plus(-ago),
            seen: now,
            ends: now.plus(3600),
            authority: None,
            device: None,
            by_app: false,
        };
        change(&mut session);
        store.begin_session(&session).await.unwrap();
        let csrf = store.form_token(&format!("desk {}", session.sid), "a-browser");
        store.close().await;
        let cookies = format!("namens-session={}.{}; namens-browser=a-browser", session.sid, secret.expose());
        Seated { cookies, csrf }
    }
}
