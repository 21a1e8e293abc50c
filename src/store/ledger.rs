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
        chain::{Chain, Note},
    },
};
use crate::domain::{fault::Fault, time::Timestamp};

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
        Ok(Tx { inner, chain: self.chain.clone(), notes: Vec::new(), called: HashMap::new() })
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

    /// Writes the lines and commits.
    pub(super) async fn commit(mut self) -> Result<(), Fault> {
        if self.notes.is_empty() {
            return Ok(self.inner.commit().await?);
        }
        let written = self.chain.extend(&mut self.inner, &self.notes, self.called).await?;
        self.inner.commit().await?;
        self.chain.follow(written);
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
