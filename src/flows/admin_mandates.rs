//! A program of the operator's registers mandates, approves those of other programs, revokes, and blocks, as the desk does by its
//! commands. What gives access takes two programs (M11, docs/adr/0028), what takes it away takes one.

use serde_json::{Value, json};

use crate::{
    app::App,
    domain::{
        client::Client,
        fault::Fault,
        id::MandateId,
        line::{one_line, program},
        mandate::{Document, SpecialBasis, Standing},
        registration::{self, Form},
        time::Timestamp,
    },
    store::{
        blocks::Pair,
        mandates::{Listed, NotApproved, NotStored},
    },
};

/// Why nothing was done.
#[derive(Debug)]
pub enum NotDone {
    /// One of the people is not known.
    NoPerson,
    /// There is no such mandate.
    NoMandate,
    /// There is no block between the two.
    NoBlock,
    /// What is wrong with the form.
    Form(registration::Refused),
    /// The reason of a block is no line.
    Reason,
    /// One of the people has as many mandates as there can be.
    TooMany,
    /// It was revoked before.
    RevokedBefore,
    /// It was approved before.
    ApprovedBefore,
    /// It is over.
    Over,
    /// The desk registered it by its command.
    NotAsked,
    /// Who registered it does not approve it.
    OwnMandate,
    /// Who placed a block does not lift it, and no program lifts what the desk placed.
    OwnBlock,
    /// The blocks of other programs were lifted, and one holds of which that is so.
    StillBlocked,
    /// Ours.
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for NotDone {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
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
        "representative_document": document(&mandate.representative_document),
        "represented_document": document(&mandate.represented_document),
        "form_reference": mandate.form_reference,
        "registered_by": mandate.registered_by,
        "registered_at": mandate.registered_at.rfc3339(),
        "approved_by": mandate.approved.as_ref().map(|second| &second.by),
        "approved_at": mandate.approved.as_ref().map(|second| second.at.rfc3339()),
        "starts": mandate.starts.rfc3339(),
        "ends": mandate.ends.map(Timestamp::rfc3339),
        "revoked_at": mandate.revoked_at.map(Timestamp::rfc3339),
        "special": mandate.special.iter().map(special_as_json).collect::<Value>(),
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
    })
}

/// One mandate as it stands at `now`.
pub async fn one(app: &App, id: &MandateId, now: Timestamp) -> Result<Listed, NotDone> {
    app.store.mandate(id, now).await?.ok_or(NotDone::NoMandate)
}

/// Registers a mandate for `caller`, whose name takes the place of any in the form. It counts once another program approves it.
pub async fn register(app: &App, caller: &Client, form: Form, now: Timestamp) -> Result<Listed, NotDone> {
    let form = Form { registered_by: program(&caller.id), ..form };
    let born = app.store.person(&form.represented).await?.ok_or(NotDone::NoPerson)?.birth;
    let registration = registration::register(form, born, now).map_err(NotDone::Form)?;
    app.store.register_mandate(&registration, now).await?.map_err(|why| match why {
        NotStored::UnknownPerson => NotDone::NoPerson,
        NotStored::TooMany => NotDone::TooMany,
    })?;
    one(app, &registration.mandate.id, now).await
}

/// Approves for `caller` what another program registered.
pub async fn approve(app: &App, caller: &Client, id: &MandateId, now: Timestamp) -> Result<Listed, NotDone> {
    app.store.approve_mandate(id, &program(&caller.id), now).await?.map_err(|why| match why {
        NotApproved::Unknown => NotDone::NoMandate,
        NotApproved::Own => NotDone::OwnMandate,
        NotApproved::NotAsked => NotDone::NotAsked,
        NotApproved::Before => NotDone::ApprovedBefore,
        NotApproved::Over => NotDone::Over,
    })?;
    one(app, id, now).await
}

/// Revokes a mandate for `caller`, for good and at once.
pub async fn revoke(app: &App, caller: &Client, id: &MandateId, now: Timestamp) -> Result<Listed, NotDone> {
    let revoked = app.store.revoke_mandate(id, &program(&caller.id), now).await?;
    let listed = one(app, id, now).await?;
    if revoked { Ok(listed) } else { Err(NotDone::RevokedBefore) }
}

/// Keeps the one of a pair out of the other's record for `caller`, at once and silently (M9).
pub async fn block(
    app: &App,
    caller: &Client,
    pair: &Pair,
    reason: &str,
    now: Timestamp,
) -> Result<(), NotDone> {
    let reason = one_line(reason).map_err(|_| NotDone::Reason)?;
    let placed = app.store.block(pair, &program(&caller.id), &reason, now).await?;
    if placed { Ok(()) } else { Err(NotDone::NoPerson) }
}

/// Lifts for `caller` the blocks of a pair that other programs placed.
pub async fn unblock(app: &App, caller: &Client, pair: &Pair, now: Timestamp) -> Result<(), NotDone> {
    match app.store.lift_blocks(pair, &program(&caller.id), now).await? {
        (0, 0) => Err(NotDone::NoBlock),
        (_, 0) => Ok(()),
        (0, _) => Err(NotDone::OwnBlock),
        (_, _) => Err(NotDone::StillBlocked),
    }
}
