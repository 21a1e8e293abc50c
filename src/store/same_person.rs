//! Two persons of the desk that are one (M11, `docs/adr/0045`): two members of staff, or two programs, say so and tell by what. The one that
//! goes has no account: who has two merges them.

use sqlx::any::AnyRow;

use super::{
    Store, Tx, Vault,
    accounts::absorb,
    audit::Event,
    columns::Columns,
    corrections::NotDecided,
    merge::{Whose, tell_apart, whose},
};
use crate::domain::{
    correction::Known, fault::Fault, id::PersonId, patient_number::PatientNumber, time::Timestamp,
};

/// Whose numbers somebody tells who says that two are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// One of either, from who proposes it: they say which two they mean.
    OfEither,
    /// One of each that has one, from who approves it: they read what is on record of both.
    OfEach,
}

/// Whether one person may become part of another, known by these facts; the two, as they are on record.
pub(super) async fn may_be_one(
    tx: &mut Tx,
    vault: &Vault,
    (goes, remains): (&PersonId, &PersonId),
    (known, numbers): (&Known, Numbers),
) -> Result<Result<(Whose, Whose), NotDecided>, Fault> {
    let (Some(gone), Some(kept)) = (whose(tx, goes).await?, whose(tx, remains).await?) else {
        return Ok(Err(NotDecided::ChangedSince));
    };
    let bsns = [&known.bsn, &known.other_bsn].map(|bsn| bsn.as_ref().map(|bsn| vault.bsn_index(bsn)));
    let told = [&known.number, &known.other_number].map(|number| number.as_ref().map(PatientNumber::as_str));
    let has_number = |one: &Whose| one.bsn_index.is_some() || one.number.is_some();
    let is_named = |one: &Whose| {
        one.bsn_index.is_some() && bsns.contains(&one.bsn_index)
            || one.number.is_some() && told.contains(&one.number.as_deref())
    };
    let [right_bsn, _] = &bsns;
    let is_bsn_of = |one: &Whose| right_bsn.is_some() && one.bsn_index == *right_bsn;
    let named = match numbers {
        Numbers::OfEither => true,
        Numbers::OfEach => [&gone, &kept].into_iter().all(|one| is_named(one) || !has_number(one)),
    } && [&gone, &kept].into_iter().any(is_named);
    if known.birth != kept.birth.or(gone.birth) || !named {
        return Ok(Err(NotDecided::NotRecognised));
    }
    // Told to nobody who does not know the two.
    if goes == remains || tell_apart(tx, goes, remains).await? {
        return Ok(Err(NotDecided::TwoPeople));
    }
    if gone.has_account {
        return Ok(Err(NotDecided::HasAccount));
    }
    if gone.birth.is_some() && kept.birth.is_some() && gone.birth != kept.birth {
        return Ok(Err(NotDecided::BornApart));
    }
    if kept.has_account && !is_surely_theirs(&gone, &kept) {
        return Ok(Err(NotDecided::NotTheirAccount));
    }
    if gone.bsn_index.is_some() && kept.bsn_index.is_some() && !is_bsn_of(&kept) {
        return Ok(Err(NotDecided::TwoBsns));
    }
    Ok(Ok((gone, kept)))
}

/// Whether the owner of the account that remains is surely the one who goes (F9, `docs/adr/0010`): DigiD opens it, and both were born on
/// one day. Otherwise a registration, of a child as well, would be opened by whoever made an account with a password and asks at the desk.
fn is_surely_theirs(gone: &Whose, kept: &Whose) -> bool {
    kept.has_digid && kept.birth.is_some() && gone.birth == kept.birth
}

impl Store {
    /// Makes the other person of a proposal part of the one that it is of, inside the transaction that approves it. What the desk calls
    /// the one that remains stays, and so do its numbers where it has them.
    pub(super) async fn join_persons(
        &self,
        tx: &mut Tx,
        (proposal, remains): (&AnyRow, &PersonId),
        known: &Known,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<(), NotDecided>, Fault> {
        let Some(goes) = proposal.maybe_text("other")?.map(PersonId::from_stored) else {
            return Ok(Err(NotDecided::SomethingElse));
        };
        if known.other.as_ref().is_some_and(|told| *told != goes) {
            return Ok(Err(NotDecided::SomethingElse));
        }
        let (gone, kept) =
            match may_be_one(tx, &self.vault, (&goes, remains), (known, Numbers::OfEach)).await? {
                Ok(two) => two,
                Err(why) => return Ok(Err(why)),
            };
        if kept.number.is_some() {
            sqlx::query("UPDATE persons SET patient_number = NULL WHERE id = $1")
                .bind(goes.as_str())
                .execute(&mut **tx)
                .await?;
        }
        if !absorb(tx, &goes, remains, now).await? {
            return Ok(Err(NotDecided::TwoPeople));
        }
        if !kept.name.is_empty() {
            sqlx::query("UPDATE persons SET name = $1 WHERE id = $2")
                .bind(kept.name.as_str())
                .bind(remains.as_str())
                .execute(&mut **tx)
                .await?;
        }
        if kept.bsn_index.is_none() {
            self.move_bsn(tx, &gone, remains).await?;
        }
        let id = proposal.text("id")?;
        let (represented, detail) = (Some(goes.as_str()), Some(id.as_str()));
        tx.note(&Event { represented, detail, ..Event::by("person.merged", by) }, now);
        Ok(Ok(()))
    }
}
