//! Special bases as facts: attested by one member of staff, confirmed by another, ended by anybody (M4, M11).

use sqlx::{
    Any,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use crate::{
    domain::{
        fault::Fault,
        four_eyes::{LONGEST_WAIT, waits_until},
        id::{MandateId, SpecialBasisId},
        mandate::{Confirmed, SpecialBasis},
        time::Timestamp,
    },
    store::{
        Store, Tx,
        audit::Event,
        boundaries::look_again,
        columns::Columns,
        fragments::{is_second, own_people},
        notices,
    },
};

/// The most bases of one mandate that stand or wait: there is one, and the next one in time.
pub const MOST_BASES: i64 = 10;

/// What the log says of one that was ended.
const ENDED: &str = "mandate.special_ended";

/// Why an attestation was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this mandate is over, or ten of its special bases stand or wait: end what is no longer needed")]
pub struct NotAttested;

/// Why a basis was not confirmed, or not ended. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotChanged {
    /// No basis of that id.
    #[error("there is no such special basis: see `special` of its mandate")]
    Unknown,
    /// Four eyes are two people's.
    #[error(
        "you attested this yourself: someone else must look at the evidence and confirm it, another program for a program"
    )]
    Own,
    /// Somebody was first.
    #[error("this special basis was confirmed before: nothing was changed")]
    ConfirmedBefore,
    /// It was ended, or its end has come.
    #[error("this special basis is over, or nobody confirmed it in thirty days: attest a new one")]
    Over,
}

impl Store {
    /// Stores what was attested, with a line in the log. It has no effect yet.
    pub async fn attest_special(
        &self,
        basis: &SpecialBasis,
        mandate: &MandateId,
        now: Timestamp,
    ) -> Result<Result<(), NotAttested>, Fault> {
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(concat!(
            "INSERT INTO special_bases (id, mandate, evidence_reference, attested_by, attested_at, ends) \
             SELECT $1, m.id, $3, $4, $5, $6 FROM mandates m \
             WHERE m.id = $2 AND m.revoked_at IS NULL AND m.lapsed_at IS NULL \
             AND (SELECT COUNT(*) FROM special_bases s \
                  WHERE s.mandate = m.id AND s.ended_at IS NULL AND s.ends > $7) < $8 \
             AND NOT ",
            own_people!("$4", "m.representative, m.represented", "$7")
        ))
        .bind(basis.id.as_str())
        .bind(mandate.as_str())
        .bind(&basis.evidence_reference)
        .bind(&basis.attested_by)
        .bind(basis.attested_at.epoch())
        .bind(basis.ends.epoch())
        .bind(now.epoch())
        .bind(MOST_BASES)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(Err(NotAttested));
        }
        log(&mut tx, "mandate.special_attested", &basis.id, mandate, &basis.attested_by, now).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Confirms a basis that somebody else than `by` attested, once: from now on it stands. Gives its mandate. Names of
    /// staff are ASCII (`domain::line::staff`), which is all that LOWER knows.
    pub async fn confirm_special(
        &self,
        id: &SpecialBasisId,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<MandateId, NotChanged>, Fault> {
        let confirm = sqlx::query(concat!(
            "UPDATE special_bases SET confirmed_by = $1, confirmed_at = $2 \
             WHERE id = $3 AND confirmed_at IS NULL AND ended_at IS NULL AND ends > $2 \
             AND attested_at > $4 AND LOWER(attested_by) <> LOWER($1) AND ",
            is_second!("$1", "attested_by"),
            " AND NOT EXISTS (SELECT 1 FROM mandates m WHERE m.id = special_bases.mandate AND ",
            own_people!("$1", "m.representative, m.represented", "$2"),
            ") RETURNING mandate"
        ))
        .bind(by)
        .bind(now.epoch())
        .bind(id.as_str())
        .bind(now.plus(-LONGEST_WAIT).epoch());
        self.change_special(confirm, "mandate.special_confirmed", (id, by), now).await
    }

    /// Ends a basis at once, confirmed or not: what takes access away needs no second pair of eyes. Gives its mandate.
    pub async fn end_special(
        &self,
        id: &SpecialBasisId,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<MandateId, NotChanged>, Fault> {
        let end = sqlx::query(
            "UPDATE special_bases SET ended_by = $1, ended_at = $2 \
             WHERE id = $3 AND ended_at IS NULL AND ends > $2 RETURNING mandate",
        )
        .bind(by)
        .bind(now.epoch())
        .bind(id.as_str());
        self.change_special(end, ENDED, (id, by), now).await
    }

    /// One guarded statement and its line in the log, or why it changed nothing.
    async fn change_special(
        &self,
        statement: Query<'_, Any, AnyArguments>,
        event: &str,
        (id, by): (&SpecialBasisId, &str),
        now: Timestamp,
    ) -> Result<Result<MandateId, NotChanged>, Fault> {
        let mut tx = self.db.begin().await?;
        let Some(row) = statement.fetch_optional(&mut *tx).await? else {
            tx.rollback().await?;
            return self.why_not(id, now).await.map(Err);
        };
        let mandate = MandateId::from_stored(row.text("mandate")?);
        if event == ENDED {
            notices::of_mandate(&mut tx, &mandate, now).await?;
        }
        let represented = log(&mut tx, event, id, &mandate, by, now).await?;
        look_again(&mut tx, &represented, now).await?;
        tx.commit().await?;
        Ok(Ok(mandate))
    }

    /// Why a statement found no basis to change.
    async fn why_not(&self, id: &SpecialBasisId, now: Timestamp) -> Result<NotChanged, Fault> {
        let row =
            sqlx::query("SELECT attested_at, confirmed_at, ended_at, ends FROM special_bases WHERE id = $1")
                .bind(id.as_str())
                .fetch_optional(self.db.reader())
                .await?;
        let Some(row) = row else { return Ok(NotChanged::Unknown) };
        let confirmed = row.maybe_time("confirmed_at")?.is_some();
        let void = !confirmed && waits_until(row.time("attested_at")?) <= now;
        Ok(if row.maybe_time("ended_at")?.is_some() || row.time("ends")? <= now || void {
            NotChanged::Over
        } else if confirmed {
            NotChanged::ConfirmedBefore
        } else {
            NotChanged::Own
        })
    }
}

/// Gives for whom the mandate is.
async fn log(
    tx: &mut Tx,
    event: &str,
    basis: &SpecialBasisId,
    mandate: &MandateId,
    by: &str,
    now: Timestamp,
) -> Result<String, Fault> {
    let (represented,): (String,) = sqlx::query_as("SELECT represented FROM mandates WHERE id = $1")
        .bind(mandate.as_str())
        .fetch_one(&mut **tx)
        .await?;
    let detail = Some(basis.as_str());
    tx.note(&Event { represented: Some(&represented), detail, ..Event::by(event, by) }, now);
    Ok(represented)
}

/// A basis, and whose it is.
pub(super) fn read_special(row: &AnyRow) -> Result<(MandateId, SpecialBasis), Fault> {
    let confirmed = match (row.maybe_text("confirmed_by")?, row.maybe_time("confirmed_at")?) {
        (Some(by), Some(at)) => Some(Confirmed { by, at }),
        _ => None,
    };
    let basis = SpecialBasis {
        id: SpecialBasisId::from_stored(row.text("id")?),
        evidence_reference: row.text("evidence_reference")?,
        attested_by: row.text("attested_by")?,
        attested_at: row.time("attested_at")?,
        ends: row.time("ends")?,
        confirmed,
    };
    Ok((MandateId::from_stored(row.text("mandate")?), basis))
}

#[cfg(test)]
mod tests;
