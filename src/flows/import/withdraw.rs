//! What was imported and waits for its second pair of eyes is taken back, by who imported it or by anybody else: that takes one (M11).

use serde_json::{Value, json};

use crate::{
    domain::{fault::Fault, import::is_long, time::Timestamp},
    store::{Store, imports::Proposed},
};

/// Why nothing was withdrawn.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum NotWithdrawn {
    #[error(
        "there is no such import of mandates of which anything waits: see `namens import list`; what counts already is revoked by itself"
    )]
    Unknown,
    #[error(
        "more than 50 000 mandates of it wait, and while they are revoked nobody can log in, block or revoke: say --long, when few people are there"
    )]
    TooLong,
    #[error("{0}")]
    Fault(Fault),
}

impl From<Fault> for NotWithdrawn {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What is told of an import that waits.
pub fn as_json(one: &Proposed) -> Value {
    let Proposed { id, by, at, added, waiting } = one;
    json!({ "import": id, "imported_by": by, "imported_at": at.rfc3339(), "added": added, "waiting": waiting })
}

/// Takes back for `by` all that waits of an import, and tells how many mandates that were. The same lines may be imported anew.
pub async fn withdraw(
    store: &Store,
    id: &str,
    by: &str,
    may_be_long: bool,
    now: Timestamp,
) -> Result<u64, NotWithdrawn> {
    if !may_be_long && is_long(store.waiting_of_import(id, now).await?) {
        return Err(NotWithdrawn::TooLong);
    }
    store.withdraw_import(id, by, now).await?.ok_or(NotWithdrawn::Unknown)
}
