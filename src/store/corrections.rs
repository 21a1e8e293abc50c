//! Corrections of what is recorded of a person: proposed by one, approved by another (M11).

use sqlx::any::AnyRow;

use super::{
    Store, Tx,
    audit::Event,
    boundaries::look_again,
    columns::Columns,
    fragments::{is_second, own_people},
    mandates::{
        put_right::{EndedByBirth, lapse_parental, note_all},
        read_birth,
    },
    persons::seal_bsn,
    same_person::{Numbers, may_be_one},
};
use crate::domain::{
    birth::{BirthDate, DECIDES_ALONE},
    correction::{Correction, Right, Stage, What},
    fault::Fault,
    four_eyes::{LONGEST_WAIT, waits_until},
    id::{CorrectionId, PersonId},
    mandate::Confirmed,
    patient_number::PatientNumber,
    time::Timestamp,
};

/// The most proposals about one person that wait.
pub const MOST_WAITING: i64 = 10;
/// The most that a list shows.
const LISTED: i64 = 200;

/// Why a proposal was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotProposed {
    /// No person of that id.
    UnknownPerson,
    /// Ten of them wait.
    TooMany,
    /// Nobody could approve it.
    Refused(NotDecided),
}

/// Why a proposal was not approved, or not taken back. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDecided {
    /// No proposal of that id.
    #[error("there is no such correction: nobody approved it in thirty days, or there never was one")]
    Unknown,
    /// Four eyes are two people's, or two programs'.
    #[error(
        "you proposed this yourself: someone else must look at the evidence, another program for a program"
    )]
    Own,
    /// It is of who approves it, or of somebody they act for.
    #[error("nobody puts right what is recorded of themselves or their family: a colleague does")]
    OwnPeople,
    /// It was approved or taken back, or waited too long.
    #[error(
        "this correction was approved or withdrawn before, or waited for thirty days: nothing was changed"
    )]
    Over,
    /// It says something else than who approves it.
    #[error("this is not what was proposed: look at the evidence together; nothing was changed")]
    SomethingElse,
    /// The person was changed since: by another correction, by a login with DigiD, or by becoming part of another person.
    #[error("this person was changed since it was proposed: look at them, and propose anew")]
    ChangedSince,
    /// DigiD proved the BSN that is recorded.
    #[error("DigiD proved the BSN of this person: it stays as long as their account is linked to DigiD")]
    Proven,
    /// Somebody else has this BSN.
    #[error("somebody else has this BSN: look whether the two are one person")]
    BsnTaken,
    /// What was told of two who are to be one is not what is on record.
    #[error(
        "this is not what is on record of the two: tell the date of birth, and a BSN or patient number; who approves it tells one of each that has one"
    )]
    NotRecognised,
    /// The one that is to go has an account.
    #[error(
        "the person who is to go has an account: propose it of that person, or close the account first; who has two accounts merges them at /account/merge"
    )]
    HasAccount,
    /// The one that remains has an account, and nothing says that its owner is the other one too.
    #[error(
        "the person who remains has an account: it takes DigiD, linked by its owner, and one date of birth on record of both"
    )]
    NotTheirAccount,
    /// One of them ever acted for the other, or was kept from it.
    #[error("one of these two acted for the other, or is kept from it: they are two people")]
    TwoPeople,
    /// Their dates of birth differ.
    #[error("their dates of birth differ: put the wrong one right first")]
    BornApart,
    /// Each has another BSN.
    #[error(
        "each of them has another BSN: tell the one that is right, which must be of the person who remains"
    )]
    TwoBsns,
    /// Somebody else has this patient number.
    #[error("somebody else has this patient number: put theirs right first")]
    NumberTaken,
}

impl Store {
    /// Stores a proposal with a line in the log. It has no effect yet.
    pub async fn propose_correction(
        &self,
        person: &PersonId,
        (right, evidence_reference): (&Right, &str),
        by: &str,
        now: Timestamp,
    ) -> Result<Result<CorrectionId, NotProposed>, Fault> {
        let (id, nothing) = (CorrectionId::random(), Vec::<u8>::new());
        let (mut birth, mut bsn, mut number, mut other) = (None, None, None, None);
        match right {
            Right::BirthDate(right) => birth = Some(right.to_string()),
            Right::Bsn(right) => {
                bsn = Some((self.vault.bsn_index(right), seal_bsn(&self.vault, person, right)?));
            }
            Right::PatientNumber(right) => number = Some(right.to_string()),
            Right::SamePerson(known) => match &known.other {
                Some(goes) => other = Some((goes, known)),
                None => return Ok(Err(NotProposed::UnknownPerson)),
            },
        }
        let (index, sealed) = bsn.unzip();
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "INSERT INTO corrections (id, person, what, birth, birth_before, bsn_index, bsn_sealed, bsn_before, \
             evidence_reference, proposed_by, proposed_at, ends, number, number_before, other) \
             SELECT $1, p.id, $3, $4, COALESCE(p.birth, ''), $5, $6, COALESCE(p.bsn_index, $7), $8, $9, $10, $11, \
             $13, COALESCE(p.patient_number, ''), (SELECT o.id FROM persons o WHERE o.id = $14) \
             FROM persons p WHERE p.id = $2 AND p.joined_into IS NULL \
             AND (SELECT COUNT(*) FROM corrections c WHERE c.person = p.id AND c.approved_at IS NULL \
                  AND c.withdrawn_at IS NULL AND c.ends > $10) < $12",
        )
        .bind(id.as_str())
        .bind(person.as_str())
        .bind(right.what().as_str())
        .bind(birth)
        .bind(index)
        .bind(sealed)
        .bind(nothing)
        .bind(evidence_reference)
        .bind(by)
        .bind(now.epoch())
        .bind(waits_until(now).epoch())
        .bind(MOST_WAITING)
        .bind(number)
        .bind(other.map(|(goes, _)| goes.as_str()))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            let known = self.person(person).await?.is_some();
            return Ok(Err(if known { NotProposed::TooMany } else { NotProposed::UnknownPerson }));
        }
        let what = if other.is_some() { "person.merge_proposed" } else { "person.correction_proposed" };
        let of = event(what, by, person.as_str(), &id);
        // What nobody could approve is refused here already; behind the write, as a transaction that reads first may be locked out.
        if let Some((goes, known)) = other {
            let told = (known, Numbers::OfEither);
            if let Err(why) = may_be_one(&mut tx, &self.vault, (goes, person), told).await? {
                tx.rollback().await?;
                self.audit(&Event { outcome: "refused", detail: None, ..of }, now).await?;
                return Ok(Err(NotProposed::Refused(why)));
            }
        }
        tx.note(&of, now);
        tx.commit().await?;
        Ok(Ok(id))
    }

    /// Approves for `by` what somebody else proposed, once, where `right` is the same: from now on it is recorded. In the same step
    /// every parental mandate that had lapsed by the old date of birth ends for good: a correction never revives one (M5).
    pub async fn approve_correction(
        &self,
        id: &CorrectionId,
        right: &Right,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<(), NotDecided>, Fault> {
        let ended = self.ended_by_correction(id, right, now).await?;
        let mut tx = self.db.begin().await?;
        let row = sqlx::query(concat!(
            "UPDATE corrections SET approved_by = $1, approved_at = $2 WHERE id = $3 AND approved_at IS NULL \
             AND withdrawn_at IS NULL AND proposed_at > $4 AND ",
            is_second!("$1", "proposed_by"),
            " AND NOT ",
            own_people!("$1", "corrections.person, corrections.other", "$2"),
            " RETURNING *"
        ))
        .bind(by)
        .bind(now.epoch())
        .bind(id.as_str())
        .bind(now.plus(-LONGEST_WAIT).epoch())
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else {
            tx.rollback().await?;
            return self.why_not_decided(id, by, now).await.map(Err);
        };
        let person = PersonId::from_stored(row.text("person")?);
        let is_merge = row.maybe_text("other")?.is_some();
        let recorded = match right {
            Right::BirthDate(birth) if read_birth(&row)? == Some(*birth) => {
                record_birth(&mut tx, &person, (*birth, &ended), &row, now).await?
            }
            Right::Bsn(bsn) if row.maybe_bytes("bsn_index")? == Some(self.vault.bsn_index(bsn)) => {
                record_bsn(&mut tx, &person, &row).await?
            }
            Right::PatientNumber(number) if row.maybe_text("number")?.as_deref() == Some(number.as_str()) => {
                record_number(&mut tx, &person, number, &row.text("number_before")?).await?
            }
            Right::SamePerson(known) => self.join_persons(&mut tx, (&row, &person), known, by, now).await?,
            Right::BirthDate(_) | Right::Bsn(_) | Right::PatientNumber(_) => Err(NotDecided::SomethingElse),
        };
        if let Err(why) = recorded {
            tx.rollback().await?;
            if matches!(why, NotDecided::SomethingElse | NotDecided::NotRecognised) {
                let what = if is_merge { "person.merged" } else { "person.corrected" };
                let refused = Event { outcome: "refused", ..event(what, by, person.as_str(), id) };
                self.audit(&refused, now).await?;
            }
            return Ok(Err(why));
        }
        forget_bsn(&mut tx, id).await?;
        // Where two became one that is its line: nothing was put right.
        if !is_merge {
            tx.note(&event("person.corrected", by, person.as_str(), id), now);
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Takes a proposal that waits back: anybody may, as it gives nothing.
    pub async fn withdraw_correction(
        &self,
        id: &CorrectionId,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<(), NotDecided>, Fault> {
        let mut tx = self.db.begin().await?;
        let row = sqlx::query(
            "UPDATE corrections SET withdrawn_by = $1, withdrawn_at = $2 WHERE id = $3 AND approved_at IS NULL \
             AND withdrawn_at IS NULL AND proposed_at > $4 RETURNING person, what",
        )
        .bind(by)
        .bind(now.epoch())
        .bind(id.as_str())
        .bind(now.plus(-LONGEST_WAIT).epoch())
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else {
            tx.rollback().await?;
            return self.why_not_decided(id, by, now).await.map(Err);
        };
        forget_bsn(&mut tx, id).await?;
        let is_merge = row.text("what")? == What::SamePerson.as_str();
        let what = if is_merge { "person.merge_withdrawn" } else { "person.correction_withdrawn" };
        tx.note(&event(what, by, &row.text("person")?, id), now);
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// One proposal.
    pub async fn correction(&self, id: &CorrectionId) -> Result<Option<Correction>, Fault> {
        let row = sqlx::query("SELECT * FROM corrections WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(self.db.reader())
            .await?;
        row.map(|row| read_correction(&row)).transpose()
    }

    /// What was proposed of a person, the newest first; at most 200.
    pub async fn corrections_of(&self, person: &PersonId) -> Result<Vec<Correction>, Fault> {
        let rows =
            sqlx::query("SELECT * FROM corrections WHERE person = $1 ORDER BY proposed_at DESC, id LIMIT $2")
                .bind(person.as_str())
                .bind(LISTED)
                .fetch_all(self.db.reader())
                .await?;
        rows.iter().map(read_correction).collect()
    }

    /// What ends with the date of birth that a proposal tells.
    async fn ended_by_correction(
        &self,
        id: &CorrectionId,
        right: &Right,
        now: Timestamp,
    ) -> Result<Vec<EndedByBirth>, Fault> {
        let Right::BirthDate(birth) = right else { return Ok(Vec::new()) };
        let Some(found) = self.correction(id).await? else { return Ok(Vec::new()) };
        self.ended_by_birth(&found.person, *birth, now).await
    }

    async fn why_not_decided(
        &self,
        id: &CorrectionId,
        by: &str,
        now: Timestamp,
    ) -> Result<NotDecided, Fault> {
        let Some(found) = self.correction(id).await? else { return Ok(NotDecided::Unknown) };
        if found.stage(now) != Stage::Waiting {
            return Ok(NotDecided::Over);
        }
        let people = [&found.person, found.other.as_ref().unwrap_or(&found.person)];
        let is_own_people = found.proposed_by != by && self.is_own(by, people, now).await?;
        Ok(if is_own_people { NotDecided::OwnPeople } else { NotDecided::Own })
    }
}

/// Records a date of birth where the one that the proposal found still stands.
async fn record_birth(
    tx: &mut Tx,
    person: &PersonId,
    (birth, ended): (BirthDate, &[EndedByBirth]),
    proposal: &AnyRow,
    now: Timestamp,
) -> Result<Result<(), NotDecided>, Fault> {
    let before = proposal.text("birth_before")?;
    let done = sqlx::query(
        "UPDATE persons SET birth = $1 WHERE id = $2 AND COALESCE(birth, '') = $3 AND joined_into IS NULL",
    )
    .bind(birth.to_string())
    .bind(person.as_str())
    .bind(&before)
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(Err(NotDecided::ChangedSince));
    }
    let old = if before.is_empty() { None } else { Some(before.parse::<BirthDate>()?) };
    if old.is_some_and(|old| old.may_have_turned(DECIDES_ALONE, now)) {
        lapse_parental(tx, person, now).await?;
    }
    note_all(tx, ended, now).await?;
    look_again(tx, person.as_str(), now).await?;
    Ok(Ok(()))
}

/// Records a BSN where the one that the proposal found still stands, or still none. What DigiD proved of the owner of an account
/// stays: another number would open that account to whoever has it.
async fn record_bsn(
    tx: &mut Tx,
    person: &PersonId,
    proposal: &AnyRow,
) -> Result<Result<(), NotDecided>, Fault> {
    let done = sqlx::query(
        "UPDATE persons SET bsn_index = $1, bsn_sealed = $2 \
         WHERE id = $3 AND COALESCE(bsn_index, $4) = $5 AND joined_into IS NULL \
         AND NOT EXISTS (SELECT 1 FROM accounts WHERE person_id = $3 AND digid_linked_at IS NOT NULL)",
    )
    .bind(proposal.maybe_bytes("bsn_index")?)
    .bind(proposal.maybe_bytes("bsn_sealed")?)
    .bind(person.as_str())
    .bind(Vec::<u8>::new())
    .bind(proposal.maybe_bytes("bsn_before")?)
    .execute(&mut **tx)
    .await;
    match done {
        Ok(done) if done.rows_affected() == 1 => Ok(Ok(())),
        Ok(_) => {
            let linked: Option<(String,)> = sqlx::query_as(
                "SELECT id FROM accounts WHERE person_id = $1 AND digid_linked_at IS NOT NULL",
            )
            .bind(person.as_str())
            .fetch_optional(&mut **tx)
            .await?;
            Ok(Err(if linked.is_some() { NotDecided::Proven } else { NotDecided::ChangedSince }))
        }
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(Err(NotDecided::BsnTaken)),
        Err(other) => Err(other.into()),
    }
}

/// Records a patient number where the one that the proposal found still stands, or still none.
async fn record_number(
    tx: &mut Tx,
    person: &PersonId,
    number: &PatientNumber,
    before: &str,
) -> Result<Result<(), NotDecided>, Fault> {
    let done = sqlx::query(
        "UPDATE persons SET patient_number = $1 \
         WHERE id = $2 AND COALESCE(patient_number, '') = $3 AND joined_into IS NULL",
    )
    .bind(number.to_string())
    .bind(person.as_str())
    .bind(before.to_owned())
    .execute(&mut **tx)
    .await;
    match done {
        Ok(done) if done.rows_affected() == 1 => Ok(Ok(())),
        Ok(_) => Ok(Err(NotDecided::ChangedSince)),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(Err(NotDecided::NumberTaken)),
        Err(other) => Err(other.into()),
    }
}

/// What is decided needs its BSN no more.
async fn forget_bsn(tx: &mut Tx, id: &CorrectionId) -> Result<(), Fault> {
    let none = Vec::<u8>::new();
    sqlx::query("UPDATE corrections SET bsn_index = NULL, bsn_sealed = NULL, bsn_before = $1 WHERE id = $2")
        .bind(none)
        .bind(id.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn event<'a>(event: &'a str, by: &'a str, person: &'a str, id: &'a CorrectionId) -> Event<'a> {
    Event { represented: Some(person), detail: Some(id.as_str()), ..Event::by(event, by) }
}

fn read_correction(row: &AnyRow) -> Result<Correction, Fault> {
    let decided = |by: &str, at: &str| {
        let decided = row.maybe_text(by)?.zip(row.maybe_time(at)?);
        Ok::<_, Fault>(decided.map(|(by, at)| Confirmed { by, at }))
    };
    Ok(Correction {
        id: CorrectionId::from_stored(row.text("id")?),
        person: PersonId::from_stored(row.text("person")?),
        what: row.text("what")?.parse::<What>()?,
        other: row.maybe_text("other")?.map(PersonId::from_stored),
        birth: read_birth(row)?,
        number: row.maybe_text("number")?.map(PatientNumber::from_stored),
        evidence_reference: row.text("evidence_reference")?,
        proposed_by: row.text("proposed_by")?,
        proposed_at: row.time("proposed_at")?,
        approved: decided("approved_by", "approved_at")?,
        withdrawn: decided("withdrawn_by", "withdrawn_at")?,
    })
}

#[cfg(test)]
mod tests;
