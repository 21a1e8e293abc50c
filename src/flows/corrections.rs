//! What is recorded of a person is put right by two: one proposes, another one says the same (M11, docs/adr/0034). At the desk by command, and
//! by programs of the operator's. No answer holds a BSN.

use serde_json::{Value, json};

use crate::{
    domain::{
        correction::{Correction, Right, Stage},
        fault::Fault,
        four_eyes::waits_until,
        id::{CorrectionId, PersonId},
        line::one_line,
        mandate::Confirmed,
        patient_number::PatientNumber,
        time::Timestamp,
    },
    store::{
        Store,
        corrections::{NotDecided, NotProposed},
    },
};

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum NotDone {
    #[error("there is no such person")]
    NoPerson,
    #[error("evidence reference: say on one line of at most 200 characters where the evidence is kept")]
    Evidence,
    #[error("ten corrections of this person wait: approve or withdraw some first")]
    TooMany,
    #[error("{0}")]
    Decided(NotDecided),
    #[error("{0}")]
    Fault(Fault),
}

impl From<Fault> for NotDone {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<NotDecided> for NotDone {
    fn from(why: NotDecided) -> Self {
        Self::Decided(why)
    }
}

/// What is told of a proposal: never a BSN.
pub fn as_json(correction: &Correction, now: Timestamp) -> Value {
    let stage = correction.stage(now);
    let ends = (stage == Stage::Waiting).then(|| waits_until(correction.proposed_at).rfc3339());
    let who = |decided: &Option<Confirmed>| decided.as_ref().map(|by| by.by.clone());
    let when = |decided: &Option<Confirmed>| decided.as_ref().map(|by| by.at.rfc3339());
    json!({
        "id": correction.id,
        "person": correction.person,
        "what": correction.what,
        "same_person": correction.other,
        "birth_date": correction.birth.map(|birth| birth.to_string()),
        "patient_number": correction.number.as_ref().map(PatientNumber::as_str),
        "stage": stage,
        "waits_until": ends,
        "evidence_reference": correction.evidence_reference,
        "proposed_by": correction.proposed_by,
        "proposed_at": correction.proposed_at.rfc3339(),
        "approved_by": who(&correction.approved),
        "approved_at": when(&correction.approved),
        "withdrawn_by": who(&correction.withdrawn),
        "withdrawn_at": when(&correction.withdrawn),
    })
}

/// One proposal.
pub async fn one(store: &Store, id: &CorrectionId) -> Result<Correction, NotDone> {
    store.correction(id).await?.ok_or(NotDecided::Unknown.into())
}

/// One proposal, for `by` who looks at it, with a line in the log.
pub async fn shown(
    store: &Store,
    by: &str,
    id: &CorrectionId,
    now: Timestamp,
) -> Result<Correction, NotDone> {
    let found = one(store, id).await?;
    store.note_shown(by, &found.person, Some(found.id.as_str()), now).await?;
    Ok(found)
}

/// What was proposed of a person, the newest first, for `by`, with a line in the log.
pub async fn of(
    store: &Store,
    by: &str,
    person: &PersonId,
    now: Timestamp,
) -> Result<Vec<Correction>, NotDone> {
    store.person(person).await?.ok_or(NotDone::NoPerson)?;
    let found = store.corrections_of(person).await?;
    store.note_shown(by, person, Some("corrections"), now).await?;
    Ok(found)
}

/// Proposes for `by` what is right. It counts once somebody else approves it. What nobody could approve is refused here already.
pub async fn propose(
    store: &Store,
    by: &str,
    person: &PersonId,
    (right, evidence_reference): (&Right, &str),
    now: Timestamp,
) -> Result<Correction, NotDone> {
    let evidence = one_line(evidence_reference).map_err(|_| NotDone::Evidence)?;
    store.person(person).await?.ok_or(NotDone::NoPerson)?;
    if let Right::Bsn(bsn) = right {
        let account = store.account_of_person(person).await?;
        if account.is_some_and(|account| account.has_digid()) {
            return Err(NotDecided::Proven.into());
        }
        // Told to who proposes it, so it stands in the log as every look-up does.
        let known = store.find_person(bsn, Some(by), now).await?;
        if known.is_some_and(|known| known.id != *person) {
            return Err(NotDecided::BsnTaken.into());
        }
    }
    let proposed = store.propose_correction(person, (right, &evidence), by, now).await?;
    let id = proposed.map_err(|why| match why {
        NotProposed::UnknownPerson => NotDone::NoPerson,
        NotProposed::TooMany => NotDone::TooMany,
        NotProposed::Refused(why) => why.into(),
    })?;
    one(store, &id).await
}

/// Approves for `by` what somebody else proposed, if `right` is the same.
pub async fn approve(
    store: &Store,
    by: &str,
    id: &CorrectionId,
    right: &Right,
    now: Timestamp,
) -> Result<Correction, NotDone> {
    store.approve_correction(id, right, by, now).await??;
    one(store, id).await
}

/// Takes a proposal back for `by`.
pub async fn withdraw(
    store: &Store,
    by: &str,
    id: &CorrectionId,
    now: Timestamp,
) -> Result<Correction, NotDone> {
    store.withdraw_correction(id, by, now).await??;
    one(store, id).await
}
