//! The claim `bsn`: of a user, and of those for whom they act. It goes to a client that is entitled to it, that asked for it, in an
//! encrypted `UserInfo`, in a session of DigiD, and nowhere else: the types of tokens have no place for it.

use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        bsn::{Bsn, digits},
        client::Client,
        fault::Fault,
        grant::Grant,
        id::PersonId,
        session::Session,
    },
    store::Store,
};

/// A BSN as it is told. `Debug` prints nothing of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ToldBsn(#[serde(with = "digits")] Bsn);

/// What is told of somebody, and their BSN where that is told too.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WithBsn<T> {
    /// What is told.
    #[serde(flatten)]
    pub told: T,
    /// Their BSN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bsn: Option<ToldBsn>,
}

/// Whether BSNs are told at all. What the client is registered for counts now, not when it asked.
pub(super) fn is_told(client: &Client, grant: &Grant, session: Option<&Session>) -> bool {
    let entitled = client.sees_bsn && client.userinfo.encrypted().is_some();
    entitled && grant.bsn && session.is_some_and(|session| session.level.needs_digid())
}

/// The BSN of a person, if it is known.
pub(super) async fn of(store: &Store, person: &PersonId) -> Result<Option<ToldBsn>, Fault> {
    Ok(store.bsn_of(person).await?.map(ToldBsn))
}

/// What is told of somebody whom `sector` knows as `sub`, with their BSN where BSNs are told.
pub(super) async fn with<T>(
    store: &Store,
    is_told: bool,
    (sector, sub): (&str, &str),
    told: T,
) -> Result<WithBsn<T>, Fault> {
    let person = if is_told { store.person_of_subject(sector, sub).await? } else { None };
    let bsn = match person {
        Some(person) => of(store, &person).await?,
        None => None,
    };
    Ok(WithBsn { told, bsn })
}
