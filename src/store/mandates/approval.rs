//! The second pair of eyes for what one registered (M11).

use super::{event, read_birth};
use crate::{
    domain::{
        birth::BirthDate,
        consent::Party,
        fault::Fault,
        four_eyes::{LONGEST_WAIT, Recognised, waits_until},
        id::{MandateId, PersonId},
        mandate::Refusal,
        patient_number::PatientNumber,
        time::Timestamp,
    },
    store::{
        Store, Tx,
        audit::Event,
        boundaries::look_again,
        columns::Columns,
        first_births,
        fragments::{is_second, own_people},
    },
};

/// Why a mandate was not approved. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotApproved {
    /// No mandate of that id.
    Unknown,
    /// Four eyes are two members of staff's, or two programs'.
    Own,
    /// It is of who approves it.
    OwnPeople,
    /// Somebody was first.
    Before,
    /// What they read of the two people is not what is on record.
    SomethingElse,
    /// It tells a first date of birth of somebody of whom another one is on record by now, or waits.
    OtherBirth,
    /// It was revoked, has lapsed, its end has come, or it waited too long.
    Over,
}

impl Store {
    /// Approves for `by` what somebody else of the same kind registered, once, where what they read of its people is on record: from now on
    /// it counts.
    pub async fn approve_mandate(
        &self,
        id: &MandateId,
        by: &str,
        read: &Recognised,
        now: Timestamp,
    ) -> Result<Result<(), NotApproved>, Fault> {
        let mut tx = self.db.begin().await?;
        let approved: Option<(String, String)> = sqlx::query_as(concat!(
            "UPDATE mandates SET approved_by = $1, approved_at = $2 \
             WHERE id = $3 AND approved_at IS NULL AND revoked_at IS NULL AND lapsed_at IS NULL AND registered_at > $4 \
             AND COALESCE(ends, $2 + 1) > $2 AND ",
            is_second!("$1", "registered_by"),
            " AND NOT ",
            own_people!("$1", "mandates.representative, mandates.represented", "$2"),
            " RETURNING representative, represented"
        ))
        .bind(by)
        .bind(now.epoch())
        .bind(id.as_str())
        .bind(now.plus(-LONGEST_WAIT).epoch())
        .fetch_optional(&mut *tx)
        .await?;
        let Some((representative, represented)) = approved else {
            tx.rollback().await?;
            return self.why_not_approved(id, by, now).await.map(Err);
        };
        let pair = [representative, represented].map(PersonId::from_stored);
        let represented = pair[1].as_str();
        let first = first_births::of_mandate(&mut tx, id).await?;
        let made_true = if self.recognised(&mut tx, &pair, (read, &first)).await? {
            record_first(&mut tx, (id, &pair), &first, by, now).await?
        } else {
            Err(NotApproved::SomethingElse)
        };
        if let Err(why) = made_true {
            tx.rollback().await?;
            let refused = Event { outcome: "refused", ..event("mandate.approved", by, represented, id) };
            self.audit(&refused, now).await?;
            return Ok(Err(why));
        }
        look_again(&mut tx, represented, now).await?;
        tx.note(&event("mandate.approved", by, represented, id), now);
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Refuses for `by` what waits, for good: what gives nothing needs no second pair of eyes. `false` when it waits no more, or is of
    /// who refuses it.
    pub async fn refuse_mandate(
        &self,
        id: &MandateId,
        by: &str,
        why: Refusal,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        let refused: Option<(String, String)> = sqlx::query_as(concat!(
            "UPDATE mandates SET revoked_at = $1, revoked_by = $2 \
             WHERE id = $3 AND approved_at IS NULL AND revoked_at IS NULL AND lapsed_at IS NULL \
             AND NOT ",
            own_people!("$2", "mandates.representative, mandates.represented", "$1"),
            " RETURNING represented, registered_by"
        ))
        .bind(now.epoch())
        .bind(by)
        .bind(id.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        let Some((represented, registered_by)) = refused else {
            tx.rollback().await?;
            return Ok(false);
        };
        sqlx::query(
            "INSERT INTO refusals (mandate, registered_by, why, refused_by, refused_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(id.as_str())
        .bind(registered_by)
        .bind(why.as_str())
        .bind(by)
        .bind(now.epoch())
        .execute(&mut *tx)
        .await?;
        first_births::forget(&mut tx, id).await?;
        tx.note(&Event { outcome: why.as_str(), ..event("mandate.revoked", by, &represented, id) }, now);
        tx.commit().await?;
        Ok(true)
    }

    /// Whether what somebody read of the two is on record, and is all that tells them apart: of the person represented a number of theirs always,
    /// as the one who registered them may have told the number of one child and the date of birth of another. A `first` date of birth is read as
    /// if it were on record, and only of somebody who has a number.
    async fn recognised(
        &self,
        tx: &mut Tx,
        [representative, represented]: &[PersonId; 2],
        (read, first): (&Recognised, &[(Party, BirthDate)]),
    ) -> Result<bool, Fault> {
        let row = sqlx::query(
            "SELECT a.bsn_index AS representative_bsn, p.bsn_index AS represented_bsn, p.birth AS birth, \
             p.patient_number AS number FROM persons a JOIN persons p ON p.id = $2 WHERE a.id = $1",
        )
        .bind(representative.as_str())
        .bind(represented.as_str())
        .fetch_one(&mut **tx)
        .await?;
        let index = |bsn: &Option<_>| bsn.as_ref().map(|bsn| self.vault.bsn_index(bsn));
        let (birth, bsn) = (read_birth(&row)?, row.maybe_bytes("represented_bsn")?);
        let number = row.maybe_text("number")?;
        let told = first.iter().find(|(party, _)| *party == Party::Represented).map(|(_, told)| *told);
        let is_apart = birth.is_some() || told.is_none() || bsn.is_some() || number.is_some();
        // The patient number stands in for a BSN; beside one it need not be told.
        let by_number = (bsn.is_some() && read.represented_number.is_none())
            || number.as_deref() == read.represented_number.as_ref().map(PatientNumber::as_str);
        Ok(row.maybe_bytes("representative_bsn")? == index(&read.representative_bsn)
            && birth.or(told) == read.represented_birth
            && bsn == index(&read.represented_bsn)
            && by_number
            && is_apart)
    }

    async fn why_not_approved(&self, id: &MandateId, by: &str, now: Timestamp) -> Result<NotApproved, Fault> {
        let row = sqlx::query(
            "SELECT representative, represented, registered_at, approved_at, COALESCE(revoked_at, lapsed_at) AS over, ends \
             FROM mandates WHERE id = $1",
        )
        .bind(id.as_str())
        .fetch_optional(self.db.reader())
        .await?;
        let Some(row) = row else { return Ok(NotApproved::Unknown) };
        let ended = row.maybe_time("ends")?.is_some_and(|ends| ends <= now);
        let approved = row.maybe_time("approved_at")?.is_some();
        let void = !approved && waits_until(row.time("registered_at")?) <= now;
        let people = [row.text("representative")?, row.text("represented")?].map(PersonId::from_stored);
        Ok(if row.maybe_time("over")?.is_some() || ended || void {
            NotApproved::Over
        } else if approved {
            NotApproved::Before
        } else if self.is_own(by, people.each_ref(), now).await? {
            NotApproved::OwnPeople
        } else {
            NotApproved::Own
        })
    }
}

/// Makes the first dates of birth true that a mandate tells of its two people, and forgets that they waited.
async fn record_first(
    tx: &mut Tx,
    (id, [representative, represented]): (&MandateId, &[PersonId; 2]),
    first: &[(Party, BirthDate)],
    by: &str,
    now: Timestamp,
) -> Result<Result<(), NotApproved>, Fault> {
    for (party, birth) in first {
        let person = if *party == Party::Represented { represented } else { representative };
        if !first_births::record(tx, id, (person, *birth), by, now).await? {
            return Ok(Err(NotApproved::OtherBirth));
        }
    }
    if !first.is_empty() {
        first_births::forget(tx, id).await?;
    }
    Ok(Ok(()))
}
