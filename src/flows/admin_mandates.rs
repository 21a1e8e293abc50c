//! Mandates are registered, approved and revoked, agreement is recorded, special bases are attested, confirmed and ended, and people are kept out:
//! at the desk by command, and by programs of the operator's. What gives access takes two (M11, docs/adr/0034), what
//! takes it away takes one. `by` is the member of staff or the program (`domain::line::program`).

use serde_json::{Value, json};

use crate::{
    domain::{
        bsn::Bsn,
        consent::{Consent, Party, Unheard, Word, hear},
        fault::Fault,
        four_eyes::Recognised,
        id::{MandateId, PersonId, SpecialBasisId},
        line::one_line,
        mandate::{self, Attestation, Document, Mandate, Refusal, SpecialBasis, Standing, Unattested},
        registration::{self, Births, Form},
        time::Timestamp,
    },
    store::{
        Store,
        blocks::{Pair, Placed},
        mandates::{Listed, NotApproved, NotAttested, NotChanged, NotStored},
        persons::BsnTaken,
    },
};

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum NotDone {
    #[error("there is no such person")]
    NoPerson,
    #[error("there is no such mandate")]
    NoMandate,
    #[error("{0}")]
    Taken(BsnTaken),
    #[error("there is no block between these two: nothing was changed")]
    NoBlock,
    #[error("{0}")]
    Form(registration::Refused),
    #[error("reason: write something on one line of at most 200 characters")]
    Reason,
    #[error(
        "the person represented has authority over who would act for them: nobody is under the authority of somebody over whom they have it \
         themselves; revoke that mandate first, if it is a mistake"
    )]
    Circle,
    #[error("one of these persons has 200 mandates already: revoke what is no longer needed")]
    TooMany,
    #[error("this mandate was revoked before: nothing was changed")]
    RevokedBefore,
    #[error("this mandate was approved before: nothing was changed")]
    ApprovedBefore,
    #[error(
        "what you read is not on record of these two: the BSN of the representative, and the date of birth of the person represented, or \
         their BSN where no date is known, and nothing that is not on record; look at the documents, nothing was changed"
    )]
    SomebodyElse,
    #[error(
        "another date of birth than this mandate tells is on record of one of the two by now, or waits: look which is right; nothing was changed"
    )]
    OtherBirth,
    #[error("this mandate is over, or nobody approved it in thirty days: register a new one")]
    Over,
    #[error(
        "you registered this yourself, or you are a program and the desk did: someone else must approve it, another program for a program"
    )]
    OwnMandate,
    #[error(
        "you placed this block yourself, or the desk did and you are a program: someone else must lift it, another program or the desk"
    )]
    OwnBlock,
    #[error(
        "the blocks of others are lifted, but one holds that you placed yourself, or that the desk placed and no program lifts: \
         someone else must lift it"
    )]
    StillBlocked,
    #[error("nobody does this for themselves or their family: a colleague must")]
    OwnPeople,
    #[error("{0}")]
    Unheard(Unheard),
    #[error(
        "this person told somebody else that they agree no longer: who heard that records it, or register a new mandate, which takes two"
    )]
    Withdrawn,
    #[error("{0}")]
    Unattested(Unattested),
    #[error("{0}")]
    NotAttested(NotAttested),
    #[error("{0}")]
    Special(NotChanged),
    #[error("{0}")]
    Fault(Fault),
}

impl From<Fault> for NotDone {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The instant until which a mandate counts, when it does and has an end.
pub fn until(listed: &Listed) -> Option<Timestamp> {
    match listed.standing {
        Standing::Active { until } => until,
        _ => None,
    }
}

/// What is told of a mandate: to the desk, never to the people in it.
pub fn as_json(listed: &Listed) -> Value {
    let Listed { mandate, .. } = listed;
    let document =
        |d: &Document| json!({ "kind": d.kind, "valid_until": d.valid_until.to_string(), "checked": true });
    json!({
        "id": mandate.id,
        "representative": { "id": mandate.representative, "name": listed.representative_name },
        "represented": { "id": mandate.represented, "name": listed.represented_name },
        "relation": mandate.relation,
        "standing": listed.standing.as_str(),
        "until": until(listed).map(Timestamp::rfc3339),
        "legal_basis": mandate.legal_basis,
        "evidence": mandate.evidence,
        "representative_document": mandate.representative_document.as_ref().map(document),
        "represented_document": mandate.represented_document.as_ref().map(document),
        "form_reference": mandate.form_reference,
        "registered_by": mandate.registered_by,
        "registered_at": mandate.registered_at.rfc3339(),
        "approved_by": mandate.approved.as_ref().map(|second| &second.by),
        "approved_at": mandate.approved.as_ref().map(|second| second.at.rfc3339()),
        "waits_until": listed.waits_until.map(Timestamp::rfc3339),
        "starts": mandate.starts.rfc3339(),
        "ends": mandate.ends.map(Timestamp::rfc3339),
        "department": mandate.department,
        "revoked_at": mandate.revoked_at.map(Timestamp::rfc3339),
        "refused": listed.refused.as_ref().map(|(why, _)| why),
        "said": listed.said.iter().map(said_as_json).collect::<Value>(),
        "special": mandate.special.iter().map(special_as_json).collect::<Value>(),
    })
}

fn said_as_json(said: &Consent) -> Value {
    json!({
        "party": said.party,
        "word": said.word,
        "at": said.at.rfc3339(),
        "attested_by": said.attested_by,
    })
}

fn special_as_json(basis: &SpecialBasis) -> Value {
    json!({
        "id": basis.id,
        "evidence_reference": basis.evidence_reference,
        "attested_by": basis.attested_by,
        "attested_at": basis.attested_at.rfc3339(),
        "ends": basis.ends.rfc3339(),
        "confirmed_by": basis.confirmed.as_ref().map(|second| &second.by),
        "confirmed_at": basis.confirmed.as_ref().map(|second| second.at.rfc3339()),
        "waits_until": basis.waits_until().map(Timestamp::rfc3339),
    })
}

/// One mandate as it stands at `now`.
pub async fn one(store: &Store, id: &MandateId, now: Timestamp) -> Result<Listed, NotDone> {
    store.mandate(id, now).await?.ok_or(NotDone::NoMandate)
}

/// One mandate as it stands now, for `by` who looks at it, with a line in the log (docs/adr/0056).
pub async fn shown(store: &Store, by: &str, id: &MandateId, now: Timestamp) -> Result<Listed, NotDone> {
    let listed = one(store, id, now).await?;
    store.note_shown(by, &listed.mandate.represented, Some(id.as_str()), now).await?;
    Ok(listed)
}

/// Registers a mandate for `by`, whose name takes the place of any in the form. It counts once somebody else approves it.
pub async fn register(store: &Store, by: &str, form: Form, now: Timestamp) -> Result<Listed, NotDone> {
    let form = Form { registered_by: by.to_owned(), ..form };
    let [representative, represented] = [&form.representative, &form.represented];
    let births = Births {
        representative: store.person(representative).await?.ok_or(NotDone::NoPerson)?.birth,
        represented: store.person(represented).await?.ok_or(NotDone::NoPerson)?.birth,
    };
    let registration = registration::register(form, births, now).map_err(NotDone::Form)?;
    store.register_mandate(&registration, now).await?.map_err(|why| match why {
        NotStored::UnknownPerson => NotDone::NoPerson,
        NotStored::TooMany => NotDone::TooMany,
        NotStored::OwnPeople => NotDone::OwnPeople,
        NotStored::Circle => NotDone::Circle,
    })?;
    one(store, &registration.mandate.id, now).await
}

/// Approves for `by` what somebody else registered, where what they read of its people is on record.
pub async fn approve(
    store: &Store,
    by: &str,
    id: &MandateId,
    read: &Recognised,
    now: Timestamp,
) -> Result<Listed, NotDone> {
    store.approve_mandate(id, by, read, now).await?.map_err(|why| match why {
        NotApproved::Unknown => NotDone::NoMandate,
        NotApproved::Own => NotDone::OwnMandate,
        NotApproved::OwnPeople => NotDone::OwnPeople,
        NotApproved::SomethingElse => NotDone::SomebodyElse,
        NotApproved::OtherBirth => NotDone::OtherBirth,
        NotApproved::Before => NotDone::ApprovedBefore,
        NotApproved::Over => NotDone::Over,
    })?;
    one(store, id, now).await
}

/// Refuses for `by`, in one word, what waits for its second pair of eyes. It never counts.
pub async fn refuse(
    store: &Store,
    by: &str,
    id: &MandateId,
    why: Refusal,
    now: Timestamp,
) -> Result<Listed, NotDone> {
    let refused = store.refuse_mandate(id, by, why, now).await?;
    let listed = one(store, id, now).await?;
    match listed.mandate {
        _ if refused => Ok(listed),
        Mandate { approved: Some(_), .. } => Err(NotDone::ApprovedBefore),
        Mandate { revoked_at: Some(_), .. } => Err(NotDone::RevokedBefore),
        Mandate { lapsed_at: Some(_), .. } => Err(NotDone::Over),
        _ => Err(NotDone::OwnPeople),
    }
}

/// Revokes a mandate for `by`, for good and at once.
pub async fn revoke(store: &Store, by: &str, id: &MandateId, now: Timestamp) -> Result<Listed, NotDone> {
    let revoked = store.revoke_mandate(id, by, now).await?;
    let listed = one(store, id, now).await?;
    if revoked { Ok(listed) } else { Err(NotDone::RevokedBefore) }
}

/// By what else the representative of a mandate has access to the same record now: who takes one away must not think that it was all.
pub async fn others(store: &Store, mandate: &Mandate, now: Timestamp) -> Result<Vec<MandateId>, Fault> {
    let given = store.mandates_given(&mandate.represented, now).await?.into_iter().filter(|one| {
        one.mandate.representative == mandate.representative
            && one.mandate.id != mandate.id
            && one.standing.is_active()
    });
    Ok(given.map(|one| one.mandate.id).collect())
}

/// What is told of a mandate that was revoked: it, and by what else access goes on.
pub fn revoked_as_json(listed: &Listed, others: &[MandateId]) -> Value {
    let mut told = as_json(listed);
    if let Value::Object(members) = &mut told {
        members.insert("others".to_owned(), json!(others));
    }
    told
}

/// Records for `by`, who heard it, that somebody agrees or agrees no longer (M4).
pub async fn record(
    store: &Store,
    by: &str,
    id: &MandateId,
    said: (Party, Word),
    now: Timestamp,
) -> Result<Listed, NotDone> {
    let Listed { mandate, born, standing, .. } = one(store, id, now).await?;
    // Nothing makes it count again. That somebody wants it no longer is always heard.
    let is_over =
        matches!(standing, Standing::Revoked | Standing::Lapsed | Standing::Ended | Standing::NotApproved);
    if is_over && said.1 == Word::Agreed {
        return Err(NotDone::Over);
    }
    let consent = hear(&mandate, born, said, Some(by.to_owned()), now).map_err(NotDone::Unheard)?;
    if !store.add_consent(&consent, &mandate.represented, by, now).await? {
        let own = store.is_own(by, [&mandate.representative, &mandate.represented], now).await?;
        return Err(if own { NotDone::OwnPeople } else { NotDone::Withdrawn });
    }
    one(store, id, now).await
}

/// Attests that the person represented cannot decide. It stands once somebody else confirms it.
pub async fn attest(
    store: &Store,
    id: &MandateId,
    attestation: &Attestation,
    now: Timestamp,
) -> Result<Listed, NotDone> {
    let listed = one(store, id, now).await?;
    let basis =
        mandate::attest(&listed.mandate, listed.born, attestation, now).map_err(NotDone::Unattested)?;
    store.attest_special(&basis, id, now).await?.map_err(NotDone::NotAttested)?;
    one(store, id, now).await
}

/// Confirms for `by` what somebody else attested. Gives its mandate.
pub async fn confirm(
    store: &Store,
    by: &str,
    id: &SpecialBasisId,
    now: Timestamp,
) -> Result<Listed, NotDone> {
    let mandate = store.confirm_special(id, by, now).await?.map_err(NotDone::Special)?;
    one(store, &mandate, now).await
}

/// Ends a special basis for `by` at once, confirmed or not. Gives its mandate.
pub async fn end(store: &Store, by: &str, id: &SpecialBasisId, now: Timestamp) -> Result<Listed, NotDone> {
    let mandate = store.end_special(id, by, now).await?.map_err(NotDone::Special)?;
    one(store, &mandate, now).await
}

/// Keeps the one of a pair out of the other's record for `by`, at once and silently (M9).
pub async fn block(
    store: &Store,
    by: &str,
    pair: &Pair,
    reason: &str,
    now: Timestamp,
) -> Result<(), NotDone> {
    let reason = one_line(reason).map_err(|_| NotDone::Reason)?;
    let placed = store.block(pair, by, &reason, now).await?;
    if placed { Ok(()) } else { Err(NotDone::NoPerson) }
}

/// The same for whoever has a BSN that nobody here has yet.
pub async fn block_stranger(
    store: &Store,
    by: &str,
    (bsn, represented): (&Bsn, &PersonId),
    reason: &str,
    now: Timestamp,
) -> Result<(), NotDone> {
    let reason = one_line(reason).map_err(|_| NotDone::Reason)?;
    match store.block_stranger(bsn, represented, by, &reason, now).await? {
        Ok(true) => Ok(()),
        Ok(false) => Err(NotDone::NoPerson),
        Err(taken) => Err(NotDone::Taken(taken)),
    }
}

/// Lifts for `by` the blocks of a pair that others placed.
pub async fn unblock(store: &Store, by: &str, pair: &Pair, now: Timestamp) -> Result<(), NotDone> {
    match store.lift_blocks(pair, by, now).await? {
        (0, 0) => Err(NotDone::NoBlock),
        (_, 0) => Ok(()),
        (0, _) if store.is_own(by, [&pair.representative, &pair.represented], now).await? => {
            Err(NotDone::OwnPeople)
        }
        (0, _) => Err(NotDone::OwnBlock),
        (_, _) => Err(NotDone::StillBlocked),
    }
}

/// Who is kept out of a record, the newest first, for `by` who may lift it: never for the two whom it is about (M9). The line in the log is of
/// the person whose record it is alone, with a block and without one: the one who is kept out finds nothing.
pub async fn blocks(
    store: &Store,
    by: &str,
    represented: &PersonId,
    now: Timestamp,
) -> Result<Vec<Placed>, NotDone> {
    store.person(represented).await?.ok_or(NotDone::NoPerson)?;
    let blocks = store.blocks_of(represented).await?;
    store.note_shown(by, represented, Some("blocks"), now).await?;
    Ok(blocks)
}

/// What is told of a block, to those who may lift it.
pub fn block_as_json(block: &Placed) -> Value {
    json!({
        "representative": { "id": block.representative, "name": block.representative_name },
        "reason": block.reason,
        "placed_by": block.placed_by,
        "placed_at": block.placed_at.rfc3339(),
    })
}
