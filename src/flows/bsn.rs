//! The claim `bsn`: of a user, and of those for whom they act. It goes to a client that is entitled to it, that asked for it, in an
//! encrypted `UserInfo`, in a session of DigiD, and nowhere else: the types of tokens have no place for it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        bsn::{Bsn, digits},
        client::Client,
        fault::Fault,
        grant::Grant,
        id::PersonId,
        session::Session,
        time::Timestamp,
    },
    store::{Store, audit::Event},
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

/// The BSNs of one answer, and whose they are.
pub(super) struct Bsns<'a> {
    store: &'a Store,
    are_told: bool,
    whose: BTreeSet<PersonId>,
}

impl<'a> Bsns<'a> {
    /// None so far. Whether any are told at all: what the client is registered for counts now, not when it asked.
    pub(super) fn new(store: &'a Store, client: &Client, grant: &Grant, session: Option<&Session>) -> Self {
        let entitled = client.sees_bsn && client.userinfo.encrypted().is_some();
        let are_told = entitled && grant.bsn && session.is_some_and(|session| session.level.needs_digid());
        Self { store, are_told, whose: BTreeSet::new() }
    }

    /// The BSN of a person, if it is known and told.
    pub(super) async fn of(&mut self, person: &PersonId) -> Result<Option<ToldBsn>, Fault> {
        let bsn = if self.are_told { self.store.bsn_of(person).await? } else { None };
        if bsn.is_some() {
            self.whose.insert(person.clone());
        }
        Ok(bsn.map(ToldBsn))
    }

    /// What is told of somebody whom `sector` knows as `sub`, with their BSN where that is told.
    pub(super) async fn with<T>(&mut self, sector: &str, sub: &str, told: T) -> Result<WithBsn<T>, Fault> {
        let person = if self.are_told { self.store.person_of_subject(sector, sub).await? } else { None };
        let bsn = match person {
            Some(person) => self.of(&person).await?,
            None => None,
        };
        Ok(WithBsn { told, bsn })
    }

    /// Writes down whose were told, and through which account: without that nothing may be answered.
    pub(super) async fn write_down(self, grant: &Grant, now: Timestamp) -> Result<(), Fault> {
        for person in &self.whose {
            let event = Event {
                event: "bsn.told",
                outcome: "ok",
                actor: Some(grant.person.as_str()),
                represented: (*person != grant.person).then_some(person.as_str()),
                client: Some(&grant.client_id),
                detail: Some(grant.account.as_str()),
                ..Event::default()
            };
            self.store.audit(&event, now).await?;
        }
        Ok(())
    }
}
