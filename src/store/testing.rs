//! Stores to test with: each a real SQLite file of its own.

use std::path::PathBuf;

use super::{
    Db, Store, Vault,
    accounts::Owner,
    persons::{BsnTaken, Told},
};
use crate::domain::{
    birth::BirthDate,
    bsn::Bsn,
    consent::{Consent, Party, Word},
    correction::Right,
    email::Email,
    fault::Fault,
    four_eyes::Recognised,
    id::{AccountId, PersonId, random},
    mandate::{Confirmed, Mandate, Relation, Standing},
    registration::{Births, register, tests::form},
    representation::ParentalAuthority,
    time::Timestamp,
};

/// The second pair of eyes of these tests.
const SECOND: &str = "second desk";

/// A store in a directory of its own, removed afterwards.
pub(crate) struct Fresh {
    pub(crate) store: Store,
    folder: PathBuf,
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) async fn fresh() -> Fresh {
    let fresh = without_tables().await;
    fresh.store.migrate().await.unwrap();
    fresh
}

pub(crate) async fn without_tables() -> Fresh {
    let folder = std::env::temp_dir().join(format!("namens-{}", random::<9>()));
    std::fs::create_dir_all(&folder).unwrap();
    let db = Db::open_sqlite(&folder.join("namens.db"), true).await.unwrap();
    let store = Store::new(db, Vault::open(&Vault::new_master_key()).unwrap());
    Fresh { store, folder }
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// 11:00 in Amsterdam on the day the forms of these tests are filled in.
pub(crate) fn now() -> Timestamp {
    at("2026-07-01T09:00:00Z")
}

impl Fresh {
    pub(crate) async fn person(&self, name: &str, born: &str) -> PersonId {
        self.store.add_person(name, born.parse().ok(), None, now()).await.unwrap().unwrap()
    }

    /// Registers a mandate of a form on which nothing is wrong, and lets somebody else approve it.
    pub(crate) async fn mandate(&self, relation: Relation, pair: (&PersonId, &PersonId)) -> Mandate {
        let mut form = form(relation);
        (form.representative, form.represented) = (pair.0.clone(), pair.1.clone());
        let represented = self.store.person(pair.1).await.unwrap().unwrap().birth;
        let births = Births { represented, ..Births::default() };
        let registration = register(form, births, now()).unwrap();
        self.store.register_mandate(&registration, now()).await.unwrap().unwrap();
        self.approve(&registration.mandate).await;
        let approved = Some(Confirmed { by: SECOND.into(), at: now() });
        Mandate { approved, ..registration.mandate }
    }

    /// Somebody else approves what was registered.
    pub(crate) async fn approve(&self, mandate: &Mandate) {
        let represented = self.store.person(&mandate.represented).await.unwrap().unwrap();
        let read = Recognised {
            representative_bsn: self.store.bsn_of(&mandate.representative).await.unwrap(),
            represented_birth: represented.birth,
            represented_bsn: self.store.bsn_of(&mandate.represented).await.unwrap(),
            represented_number: represented.patient_number,
        };
        self.store.approve_mandate(&mandate.id, SECOND, &read, now()).await.unwrap().unwrap();
    }

    pub(crate) async fn says(&self, mandate: &Mandate, party: Party, word: Word, at: Timestamp) {
        let consent = Consent { mandate: mandate.id.clone(), party, word, at, attested_by: None };
        self.store.add_consent(&consent, &mandate.represented, "desk", at).await.unwrap();
    }

    pub(crate) async fn standing(&self, mandate: &Mandate, now: Timestamp) -> Standing {
        self.store.mandate(&mandate.id, now).await.unwrap().unwrap().standing
    }

    /// Changes the tables by hand.
    pub(crate) async fn change(&self, statement: &'static str) {
        sqlx::query(statement).execute(self.store.db.writer()).await.unwrap();
    }

    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        let (count,): (i64,) = sqlx::query_as(statement).fetch_one(self.store.db.reader()).await.unwrap();
        count
    }
}

impl Store {
    /// The desk registers somebody.
    pub(crate) async fn add_person(
        &self,
        name: &str,
        birth: Option<BirthDate>,
        bsn: Option<&Bsn>,
        now: Timestamp,
    ) -> Result<Result<PersonId, BsnTaken>, Fault> {
        let told = Told { name: name.to_owned(), birth, bsn: bsn.cloned(), patient_number: None };
        self.register_person(&told, "desk", now).await
    }

    /// The register's word over a child whom the desk knows by a BSN.
    pub(crate) async fn word_over(&self, name: &str, born: &str) -> ParentalAuthority {
        let bsn = Bsn::parse("999990019").unwrap();
        let child = self.add_person(name, born.parse().ok(), Some(&bsn), now()).await.unwrap().unwrap();
        ParentalAuthority::over(child, self.bsn_index(&bsn))
    }

    /// Two at the desk correct a date of birth. `false` when there is no such person.
    pub(crate) async fn set_birth(
        &self,
        person: &PersonId,
        birth: BirthDate,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let right = Right::BirthDate(birth);
        let Ok(id) = self.propose_correction(person, (&right, "brief 1"), by, now).await? else {
            return Ok(false);
        };
        Ok(self.approve_correction(&id, &right, &format!("{by} 2"), now).await?.is_ok())
    }

    /// How many lines of the audit log tell of this.
    pub(crate) async fn audited(&self, event: &str) -> i64 {
        let count = sqlx::query_as("SELECT COUNT(*) FROM audit WHERE event = $1").bind(event);
        let (count,): (i64,) = count.fetch_one(self.db.reader()).await.unwrap();
        count
    }
}

/// Someone with an account of their own.
pub(crate) async fn somebody(store: &Store) -> (AccountId, PersonId) {
    let email = Email::parse(&format!("x{}x@example.nl", random::<8>())).unwrap();
    let account = store.create_account(&Owner::New, &email, None, now()).await.unwrap().unwrap();
    let person = store.account(&account).await.unwrap().unwrap().person;
    (account, person)
}
