//! What is kept. Durable facts in SQL, one text for SQLite and PostgreSQL; ephemeral ones behind five atomic verbs.
//! A one-time value is consumed by one guarded statement, never by read, check, write.

pub mod account;
mod account_digid;
pub mod account_email;
mod account_erase;
pub mod account_export;
pub mod account_portals;
pub mod accounts;
pub mod admin;
mod admin_accounts;
pub mod audit;
pub mod authenticators;
mod batch;
pub mod blocks;
pub mod boundaries;
pub mod client_consents;
pub mod client_registration;
pub mod clients;
mod codes;
mod columns;
pub mod corrections;
pub mod db;
pub mod desk;
pub mod desk_queue;
mod dpop;
pub mod ephemeral;
pub mod first_births;
mod fragments;
pub mod grants;
pub mod grounds;
pub mod imports;
pub mod keys;
mod ledger;
pub mod logins;
pub mod mandate_mails;
pub mod mandates;
pub mod merge;
pub mod notices;
pub mod persons;
mod profiles;
pub mod pushed;
mod representation;
mod same_person;
pub mod sessions;
pub mod single_logout;
mod spent;
pub mod staff;
pub mod subjects;
#[cfg(test)]
pub(crate) mod testing;
mod ties;
pub mod vault;

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

pub use db::Db;
pub use vault::Vault;

use audit::{Loose, chain::Chain};
use ephemeral::{Ephemeral, News};
use grants::{Beginnings, Rotations};
use grounds::{OfFamilies, OfGrants, OfSessions, OfVisits};
use ledger::{Ledger, Tx};
use mandates::held::Held;
use spent::Marks;
use vault::DoesNotOpen;

use crate::{
    clock::Clock,
    domain::{
        client::Client,
        email::Email,
        fault::Fault,
        id::{LoginId, MandateId, SessionId},
        secret::Secret,
        time::Timestamp,
    },
};

/// The node that writes the audit log (ISO 27789: audit source). There is one server to a SQLite file, and commands beside it write
/// into its chain: the database decides who is next.
const NODE: &str = "namens";

/// A database that another master key sealed. Whatever is written under this one, the right one takes for forged.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database does not open: {0}. Put the database and the master key of one backup together; nothing was changed"
)]
struct OfAnotherKey(DoesNotOpen);

/// Everything that is kept, and the key under which its secrets are sealed. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Ledger,
    ephemeral: Ephemeral,
    vault: Arc<Vault>,
    of_families: Arc<OfFamilies>,
    of_grants: Arc<OfGrants>,
    of_sessions: Arc<OfSessions>,
    of_visits: Arc<OfVisits>,
    held: Arc<Held>,
    beginnings: Arc<Beginnings>,
    rotations: Arc<Rotations>,
    marks: Arc<Marks>,
    news: Arc<News>,
    loose: Arc<Loose>,
}

impl Store {
    /// Joins an opened database and a vault. Call it where tasks can be started.
    pub fn new(db: Db, vault: Vault) -> Self {
        let vault = Arc::new(vault);
        let ledger = Ledger::new(db.clone(), Chain::new(NODE, vault.clone()));
        Self {
            ephemeral: Ephemeral::new(db.clone(), vault.clone()),
            of_families: Arc::new(grounds::of_families(db.clone())),
            of_grants: Arc::new(grounds::of_grants(db.clone())),
            of_sessions: Arc::new(grounds::of_sessions(db.clone())),
            of_visits: Arc::new(grounds::of_visits(db.clone())),
            held: Arc::new(mandates::held::held(db.clone())),
            beginnings: Arc::new(grants::beginnings(ledger.clone())),
            rotations: Arc::new(grants::rotations(ledger.clone())),
            marks: Arc::new(spent::marks(db.clone())),
            news: Arc::new(ephemeral::news(db)),
            loose: Arc::new(audit::loose(ledger.clone())),
            db: ledger,
            vault,
        }
    }

    /// Brings the tables up to date and tells how many migrations that took. Safe to run twice.
    pub async fn migrate(&self) -> Result<usize, Fault> {
        let done = self.db.migrate().await?;
        self.begin_chain(Clock.now()).await?;
        self.look_from(Clock.now()).await?;
        Ok(done)
    }

    /// Refuses a database whose tables are not those of this program.
    pub async fn check_migrated(&self) -> Result<(), Fault> {
        self.check_tables().await?;
        self.check_chain().await
    }

    /// Refuses a database that can only be read, at this path.
    pub async fn check_not_read_only(&self, path: &std::path::Path) -> Result<(), Fault> {
        self.db.check_not_read_only(path).await
    }

    /// The same as [`Self::check_migrated`], whatever stands in the tables: for who looks at what is wrong there.
    pub async fn check_tables(&self) -> Result<(), Fault> {
        self.db.check_migrated().await
    }

    /// Refuses a database that another master key sealed: none of its signing keys opens; or, where it has none, the last line of
    /// the audit log is not ours. One that has neither, such as a new one, is anybody's.
    pub async fn check_master_key(&self) -> Result<(), Fault> {
        let keys = if self.db.has_table("signing_keys").await? { self.sealed_keys().await? } else { None };
        let ours = match keys {
            None if self.db.has_table("audit_lines").await? => self.wrote_the_end().await?,
            told => told,
        };
        if ours == Some(false) { Err(OfAnotherKey(DoesNotOpen::ForeignKey).into()) } else { Ok(()) }
    }

    /// Deletes what has ended: a bounded number of rows of each table. Tells how many. A session takes with it what was given
    /// in it.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, Fault> {
        Ok(self.sweep_sessions(now).await? + self.db.sweep(now).await?)
    }

    /// Finishes what is under way and closes the files.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// Marks a DigiD artifact as used, until `ends`. `false` when it had been: exactly one caller ever hears `true`.
    pub async fn spend_artifact(&self, artifact: &str, ends: Timestamp) -> Result<bool, Fault> {
        self.spend("artifact", &Secret::new(artifact).hashed().hex(), ends).await
    }

    /// Marks a request to DigiD as answered, until `ends`. `false` when it had been: exactly one caller ever hears `true`.
    pub async fn spend_request(&self, id: &str, ends: Timestamp) -> Result<bool, Fault> {
        self.spend("request", &Secret::new(id).hashed().hex(), ends).await
    }

    /// Marks a DigiD assertion as used, until `ends`. `false` when it had been: exactly one caller ever hears `true`.
    pub async fn spend_assertion(&self, id: &str, ends: Timestamp) -> Result<bool, Fault> {
        self.spend("assertion", &Secret::new(id).hashed().hex(), ends).await
    }

    /// Counts one more of `what` for someone, in a window of seconds that starts at its first hit. The one counted is
    /// known by a keyed hash only: an address never stands in a counter.
    pub async fn bump(&self, what: &str, whom: &str, window: i64, now: Timestamp) -> Result<i64, Fault> {
        ephemeral::bump(self.db.writer(), &self.counter(what, whom), window, now).await
    }

    fn counter(&self, what: &str, whom: &str) -> String {
        format!("{what}:{}", URL_SAFE_NO_PAD.encode(self.vault.keyed_hash("counter", whom)))
    }

    /// What is kept of a mailed code. It is bound to its login: the same digits in another login have another hash.
    pub fn mailed_code_hash(&self, login: &LoginId, code: &Secret) -> Vec<u8> {
        self.vault.keyed_hash("code", &format!("{login}\0{}", code.expose()))
    }

    /// What is kept of the code for another address of an account. It is bound to its session and to the address.
    pub fn address_code_hash(&self, sid: &SessionId, to: &Email, code: &Secret) -> Vec<u8> {
        self.vault.keyed_hash("code.address", &format!("{sid}\0{}\0{}", to.key(), code.expose()))
    }

    /// The tie of a login in which `brought` proves something, in the browser that has this `cookie` and this `older` tie. Who brings the
    /// same once more, because the first answer was lost, gets the same.
    pub fn login_tie(
        &self,
        login: &LoginId,
        (cookie, older): (&Secret, &Secret),
        brought: &Secret,
    ) -> Secret {
        let (cookie, older) = (cookie.expose(), older.expose());
        let from = format!("{login}\0{cookie}\0{older}\0{}", brought.expose());
        Secret::new(URL_SAFE_NO_PAD.encode(self.vault.keyed_hash("tie", &from)))
    }

    /// What only we can say of an address and a browser in which it has logged in.
    pub fn device_mark(&self, address_and_browser: &str) -> Vec<u8> {
        self.vault.keyed_hash("device", address_and_browser)
    }

    /// The token that forms of `what` must bring back from the browser with this cookie.
    pub fn form_token(&self, what: &str, browser: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.vault.keyed_hash("csrf", &format!("{what}\0{browser}")))
    }

    /// A mandate's name for one client: two clients cannot tell that they speak of the same one.
    pub fn mandate_name(&self, client: &Client, mandate: &MandateId) -> String {
        // A client id holds no space, see `domain::client`.
        let hash = self.vault.keyed_hash("act_as.mandate", &format!("{} {mandate}", client.id));
        URL_SAFE_NO_PAD.encode(hash.get(..16).unwrap_or(&hash))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Barrier;

    use super::testing::{fresh, now};

    /// A hundred spend one value at once: one of them hears that it was the first.
    async fn race(what: &str) {
        let fresh = fresh().await;
        let start = Arc::new(Barrier::new(100));
        let mut tries = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let (store, start, artifact) = (fresh.store.clone(), start.clone(), what == "artifact");
            tries.spawn(async move {
                start.wait().await;
                let spent = if artifact {
                    store.spend_artifact("AAQAAA", now()).await
                } else {
                    store.spend_assertion("AAQAAA", now()).await
                };
                spent.unwrap()
            });
        }
        let winners = tries.join_all().await.into_iter().filter(|won| *won).count();
        assert_eq!(winners, 1, "{what}");
        // The other kind is another value, also of the same text.
        assert_ne!(
            fresh.store.spend_artifact("AAQAAA", now()).await.unwrap(),
            fresh.store.spend_assertion("AAQAAA", now()).await.unwrap()
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_a_hundred_that_spend_one_artifact_or_assertion_one_is_the_first() {
        for what in ["artifact", "assertion"] {
            race(what).await;
        }
    }
}
