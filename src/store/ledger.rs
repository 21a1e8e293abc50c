//! The database as durable facts are written to it: what happens in a transaction leaves its lines in the audit log as it commits,
//! in that transaction. They come last, so that a transaction holds the head of the log's chain for as short as it can, and
//! nobody who holds it waits for anything else: two transactions never wait for each other.

use std::{
    collections::HashMap,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use sqlx::{Any, AnyConnection, Transaction};

use super::{
    Db, Vault,
    audit::{
        Event,
        chain::{Chain, Note, Written},
    },
};
use crate::domain::{fault::Fault, time::Timestamp};

/// How many lines of a long transaction wait in memory before they are written.
const MANY: usize = 1000;

/// An opened database, and the chain of its audit log. Cheap to clone.
#[derive(Clone)]
pub(super) struct Ledger {
    db: Db,
    chain: Arc<Chain>,
}

impl Deref for Ledger {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl Ledger {
    pub(super) fn new(db: Db, chain: Chain) -> Self {
        Self { db, chain: Arc::new(chain) }
    }

    /// A transaction. Its first statement must write: one that reads first can be locked out (SQLite) or lose an
    /// update (PostgreSQL). No network call inside. Dropped, it did nothing.
    pub(super) async fn begin(&self) -> Result<Tx, Fault> {
        let inner = self.db.writer().begin().await?;
        Ok(Tx { inner, chain: self.chain.clone(), notes: Vec::new(), called: HashMap::new(), written: None })
    }

    /// The chain of this node.
    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }
}

/// A transaction, and the lines that it leaves in the audit log.
pub(super) struct Tx {
    inner: Transaction<'static, Any>,
    chain: Arc<Chain>,
    notes: Vec<Note>,
    called: HashMap<String, String>,
    written: Option<Written>,
}

impl Tx {
    /// A line that is written as the transaction commits.
    pub(super) fn note(&mut self, event: &Event<'_>, now: Timestamp) {
        self.write_down(Note::new(event, now));
    }

    /// The same of a line that was made before.
    pub(super) fn write_down(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// For the lines of this transaction, that name has this pseudonym, whatever the table says; afterwards it has another one.
    pub(super) fn call(&mut self, name: String, pseudonym: String) {
        self.called.insert(name, pseudonym);
    }

    /// Under which the names of the log have their MACs.
    pub(super) fn vault(&self) -> &Vault {
        self.chain.vault()
    }

    /// Writes the lines so far once there are many, of a transaction that has too many of them to wait in memory. From then on it holds the
    /// head of the chain: only for what needs nothing that somebody else may hold.
    pub(super) async fn write_lines(&mut self) -> Result<(), Fault> {
        if self.notes.len() < MANY { Ok(()) } else { self.flush().await }
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        if self.notes.is_empty() {
            return Ok(());
        }
        let notes = std::mem::take(&mut self.notes);
        let written = self.chain.extend(&mut self.inner, &notes, self.called.clone()).await?;
        self.written = Some(match self.written.take() {
            None => written,
            Some(first) => first.then(written),
        });
        Ok(())
    }

    /// Writes the lines and commits.
    pub(super) async fn commit(mut self) -> Result<(), Fault> {
        self.flush().await?;
        self.inner.commit().await?;
        if let Some(written) = self.written {
            self.chain.follow(written);
        }
        Ok(())
    }

    /// Undoes everything.
    pub(super) async fn rollback(self) -> Result<(), Fault> {
        Ok(self.inner.rollback().await?)
    }
}

impl Deref for Tx {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.inner
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}
