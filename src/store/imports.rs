//! Imports: one at a time looks at what is known and, in a transaction of its own, writes what is new. What it writes is there as a whole or not at
//! all, whoever pulls the plug (docs/adr/0046).

use sqlx::{Any, AnyConnection, Row, any::AnyRow, pool::PoolConnection};

use super::{
    Store, Tx,
    audit::Event,
    columns::Columns,
    first_births::{self, Waits},
    mandates::{NewMandate, imported},
    persons::{Told, add_persons, with_numbers},
};
use crate::domain::{
    birth::BirthDate,
    bsn::Bsn,
    fault::Fault,
    four_eyes::LONGEST_WAIT,
    id::{MandateId, PersonId, random},
    import::{Known, What},
    mandate::{Mandate, Standing},
    patient_number::PatientNumber,
    secret::Secret,
    time::Timestamp,
};

/// What was imported once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its id.
    pub id: String,
    /// Who imported it.
    pub by: String,
    /// Whether any of its mandates still waits for a second pair of eyes.
    pub waits: bool,
}

/// An import of which mandates wait for a second pair of eyes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// Its id.
    pub id: String,
    /// Who imported it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// How many mandates it added.
    pub added: u64,
    /// How many of them wait.
    pub waiting: u64,
}

/// Which mandates of an import wait, as a condition on `m`.
macro_rules! still_waits {
    () => {
        "m.approved_at IS NULL AND m.revoked_at IS NULL AND m.lapsed_at IS NULL"
    };
}
pub(super) use still_waits;

/// The most imports that are listed.
const LISTED: i64 = 100;

/// An import at work: it looks, or it writes.
pub struct Importing {
    store: Store,
    on: On,
    id: String,
    by: String,
    now: Timestamp,
}

enum On {
    Looking(PoolConnection<Any>),
    Writing(Box<Tx>),
}

impl Store {
    /// One that only looks, and keeps nobody waiting.
    pub async fn look_for_import(&self, by: &str, now: Timestamp) -> Result<Importing, Fault> {
        let on = On::Looking(self.db.reader().acquire().await?);
        Ok(Importing { store: self.clone(), on, id: String::new(), by: by.to_owned(), now })
    }

    /// One that writes what `digest` is of. From here on nobody else writes until it ends.
    pub async fn begin_import(
        &self,
        (what, digest): (What, &Secret),
        by: &str,
        now: Timestamp,
    ) -> Result<Importing, Fault> {
        let id = random::<16>();
        let mut tx = self.db.begin().await?;
        sqlx::query(
            "INSERT INTO imports (id, what, digest, added, imported_by, imported_at) VALUES ($1, $2, $3, 0, $4, $5)",
        )
        .bind(id.clone())
        .bind(what.as_str())
        .bind(self.import_mark(digest))
        .bind(by)
        .bind(now.epoch())
        .execute(&mut *tx)
        .await?;
        Ok(Importing { store: self.clone(), on: On::Writing(Box::new(tx)), id, by: by.to_owned(), now })
    }

    /// The imports of those lines whose mandates may still wait for a second pair of eyes, the newest last; at most ten, as one that adds nothing
    /// is not kept.
    pub async fn imports_of(&self, digest: &Secret, now: Timestamp) -> Result<Vec<Imported>, Fault> {
        let rows = sqlx::query(
            concat!(
                "SELECT i.id, i.imported_by, CASE WHEN EXISTS (SELECT 1 FROM imported_mandates o JOIN mandates m ON m.id = o.mandate \
                 WHERE o.import = i.id AND ",
                still_waits!(),
                ") THEN 1 ELSE 0 END AS waits FROM imports i WHERE i.digest = $1 AND i.what = $2 AND i.imported_at > $3 \
                 AND i.withdrawn_at IS NULL ORDER BY i.imported_at, i.id LIMIT 10"
            ),
        )
        .bind(self.import_mark(digest))
        .bind(What::Mandates.as_str())
        .bind(now.plus(-LONGEST_WAIT).epoch())
        .fetch_all(self.db.reader())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Imported {
                    id: row.text("id")?,
                    by: row.text("imported_by")?,
                    waits: row.try_get::<i64, _>("waits")? == 1,
                })
            })
            .collect()
    }

    /// The imports of which mandates wait, the newest first; at most a hundred.
    pub async fn proposed_imports(&self, now: Timestamp) -> Result<Vec<Proposed>, Fault> {
        let rows = sqlx::query(concat!(
            "SELECT i.*, (SELECT COUNT(*) FROM imported_mandates o JOIN mandates m ON m.id = o.mandate WHERE o.import = i.id AND ",
            still_waits!(),
            ") AS waiting FROM imports i WHERE i.what = $1 AND i.imported_at > $2 AND i.withdrawn_at IS NULL \
             AND EXISTS (SELECT 1 FROM imported_mandates o JOIN mandates m ON m.id = o.mandate WHERE o.import = i.id AND ",
            still_waits!(),
            ") ORDER BY i.imported_at DESC, i.id LIMIT $3"
        ))
        .bind(What::Mandates.as_str())
        .bind(now.plus(-LONGEST_WAIT).epoch())
        .bind(LISTED)
        .fetch_all(self.db.reader())
        .await?;
        let read = |row: &AnyRow| {
            Ok(Proposed {
                id: row.text("id")?,
                by: row.text("imported_by")?,
                at: row.time("imported_at")?,
                added: u64::try_from(row.try_get::<i64, _>("added")?)?,
                waiting: u64::try_from(row.try_get::<i64, _>("waiting")?)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// How many mandates of an import wait, listed or not; 0 of one that there is not, or that waited too long.
    pub async fn waiting_of_import(&self, id: &str, now: Timestamp) -> Result<u64, Fault> {
        let (waiting,): (i64,) = sqlx::query_as(concat!(
            "SELECT COUNT(*) FROM imports i JOIN imported_mandates o ON o.import = i.id JOIN mandates m ON m.id = o.mandate \
             WHERE i.id = $1 AND i.withdrawn_at IS NULL AND i.imported_at > $2 AND ",
            still_waits!()
        ))
        .bind(id)
        .bind(now.plus(-LONGEST_WAIT).epoch())
        .fetch_one(self.db.reader())
        .await?;
        Ok(u64::try_from(waiting)?)
    }

    /// Takes back for `by` what still waits of an import: each of those mandates is revoked, with its line in the log, and the same lines may be
    /// imported anew. Tells how many there were; `None`, and nothing is changed, when nothing waits.
    pub async fn withdraw_import(&self, id: &str, by: &str, now: Timestamp) -> Result<Option<u64>, Fault> {
        let mut tx = self.db.begin().await?;
        // Who approves it at this moment waits for us, or we for them.
        let done = sqlx::query(
            "UPDATE imports SET withdrawn_by = $1, withdrawn_at = $2 WHERE id = $3 AND what = $4 AND withdrawn_at IS NULL \
             AND imported_at > $5",
        )
        .bind(by)
        .bind(now.epoch())
        .bind(id)
        .bind(What::Mandates.as_str())
        .bind(now.plus(-LONGEST_WAIT).epoch())
        .execute(&mut *tx)
        .await?;
        let mut gone = 0;
        if done.rows_affected() == 1 {
            gone = imported::withdraw(&mut tx, id, by, now).await?;
        }
        if gone == 0 {
            tx.rollback().await?;
            return Ok(None);
        }
        tx.note(&told(("import.withdrawn", "ok"), by, id), now);
        tx.commit().await?;
        Ok(Some(gone))
    }

    /// Begins to approve what waits of an import for `by`; `None` when somebody was first.
    pub async fn begin_approval(
        &self,
        id: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<Importing>, Fault> {
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "UPDATE imports SET approved_by = $1, approved_at = $2 \
             WHERE id = $3 AND withdrawn_at IS NULL AND imported_by <> $1 AND imported_at > $4",
        )
        .bind(by)
        .bind(now.epoch())
        .bind(id)
        .bind(now.plus(-LONGEST_WAIT).epoch())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(None);
        }
        let on = On::Writing(Box::new(tx));
        Ok(Some(Importing { store: self.clone(), on, id: id.to_owned(), by: by.to_owned(), now }))
    }

    /// Writes how an import or the approval of one ended that changed nothing.
    pub async fn note_import(
        &self,
        (event, outcome): (&str, &str),
        what: What,
        by: &str,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.audit(&told((event, outcome), by, what.as_str()), now).await
    }

    fn import_mark(&self, digest: &Secret) -> Vec<u8> {
        self.vault.keyed_hash("import", digest.expose())
    }
}

fn told<'a>((event, outcome): (&'a str, &'a str), by: &'a str, detail: &'a str) -> Event<'a> {
    Event { outcome, detail: Some(detail), ..Event::by(event, by) }
}

impl Importing {
    /// Told before each part of it: what it writes from here on it writes at that moment.
    pub fn is_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Whether it writes.
    pub fn writes(&self) -> bool {
        matches!(self.on, On::Writing(_))
    }

    /// Under what a BSN is found.
    pub fn bsn_index(&self, bsn: &Bsn) -> Vec<u8> {
        self.store.vault.bsn_index(bsn)
    }

    fn connection(&mut self) -> &mut AnyConnection {
        match &mut self.on {
            On::Looking(connection) => connection,
            On::Writing(tx) => tx,
        }
    }

    fn tx(&mut self) -> Result<&mut Tx, Fault> {
        match &mut self.on {
            On::Looking(_) => Err(Fault::because("an import that only looks was to write")),
            On::Writing(tx) => Ok(tx),
        }
    }

    /// Those who have one of these numbers.
    pub async fn known(&mut self, bsns: &[Vec<u8>], numbers: &[PatientNumber]) -> Result<Vec<Known>, Fault> {
        with_numbers(self.connection(), bsns, numbers).await
    }

    /// Every mandate between two of these people; with `own`, only those that came of this import.
    pub async fn mandates_among(&mut self, people: &[PersonId], own: bool) -> Result<Vec<Mandate>, Fault> {
        let id = self.id.clone();
        imported::among(self.connection(), people, own.then_some(&id)).await
    }

    /// Registers persons; `false` when a number of one became somebody's meanwhile.
    pub async fn add_persons(&mut self, new: &[Told]) -> Result<bool, Fault> {
        let (store, by, now) = (self.store.clone(), self.by.clone(), self.now);
        let tx = self.tx()?;
        let added = add_persons(tx, &store.vault, new, &by, now).await?;
        tx.write_lines().await?;
        Ok(added)
    }

    /// Registers mandates, each by its line. Errors inside: the line of the first that cannot be stored.
    pub async fn add_mandates(&mut self, new: &[NewMandate]) -> Result<Result<(), u64>, Fault> {
        let (id, now) = (self.id.clone(), self.now);
        imported::insert_imported(self.tx()?, new, &id, now).await
    }

    /// Keeps what was written, and gives the id of the import.
    pub async fn finish(mut self, added: u64) -> Result<String, Fault> {
        let (id, by, now) = (self.id.clone(), self.by.clone(), self.now);
        let tx = self.tx()?;
        sqlx::query("UPDATE imports SET added = $1 WHERE id = $2")
            .bind(i64::try_from(added)?)
            .bind(id.clone())
            .execute(&mut **tx)
            .await?;
        tx.note(&told(("import.done", "ok"), &by, &id), now);
        self.commit().await?;
        Ok(id)
    }

    /// The dates of birth that wait for one of these people.
    pub async fn births_waiting(&mut self, people: &[PersonId]) -> Result<Vec<Waits>, Fault> {
        let now = self.now;
        first_births::waiting(self.connection(), people, now).await
    }

    /// Approves those of these mandates of the import that wait, makes the `first` dates of birth true that they tell, and tells which.
    pub async fn approve(
        &mut self,
        recognised: &[MandateId],
        first: &[(MandateId, PersonId, BirthDate)],
    ) -> Result<Vec<MandateId>, Fault> {
        let (by, now) = (self.by.clone(), self.now);
        imported::approve(self.tx()?, (recognised, first), &by, now).await
    }

    /// What these mandates are worth now.
    pub async fn standings(&mut self, mandates: &[MandateId]) -> Result<Vec<Standing>, Fault> {
        let now = self.now;
        imported::standings(self.connection(), mandates, now).await
    }

    /// Keeps what was approved.
    pub async fn finish_approval(mut self) -> Result<(), Fault> {
        let (id, by, now) = (self.id.clone(), self.by.clone(), self.now);
        let tx = self.tx()?;
        imported::look_again(tx, &id, now).await?;
        tx.note(&told(("import.approved", "ok"), &by, &id), now);
        self.commit().await
    }

    async fn commit(self) -> Result<(), Fault> {
        match self.on {
            On::Looking(_) => Ok(()),
            On::Writing(tx) => tx.commit().await,
        }
    }

    /// Undoes everything.
    pub async fn undo(self) -> Result<(), Fault> {
        match self.on {
            On::Looking(_) => Ok(()),
            On::Writing(tx) => tx.rollback().await,
        }
    }
}
