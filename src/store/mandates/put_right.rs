//! What ends because a date of birth is put right, or became that of the desk's record: each has its own line in the log, and what was over
//! already has none (docs/adr/0055). Who decided what it follows from stands in another line.

use sqlx::{Row, any::AnyRow};

use super::{Facts, OF_REPRESENTED};
use crate::{
    domain::{
        birth::BirthDate,
        fault::Fault,
        id::{MandateId, PersonId},
        mandate::mails::{Cause, ended_by_birth},
        time::Timestamp,
    },
    store::{
        Store, Tx,
        audit::Event,
        columns::Columns,
        first_births,
        fragments::is_open,
        mandate_mails::{is_lapse_noted, note_ended_by_birth},
    },
};

/// A mandate that another date of birth ends: which, at what moment by that date, and why.
pub(in crate::store) type EndedByBirth = (MandateId, (Timestamp, Cause));

impl Store {
    /// The mandates for a person that count now and would not with that date of birth. Read before the transaction that records it, which
    /// begins with a write.
    pub(in crate::store) async fn ended_by_birth(
        &self,
        represented: &PersonId,
        right: BirthDate,
        now: Timestamp,
    ) -> Result<Vec<EndedByBirth>, Fault> {
        let ends = |facts: &Facts<'_>, _: &AnyRow| {
            Ok(ended_by_birth(facts.mandate, (facts.born, right), facts.consents, now))
        };
        let read = self.read_facts(&OF_REPRESENTED, represented.as_str(), (now, now), ends).await?;
        Ok(read.into_iter().filter_map(|(listed, end)| Some((listed.mandate.id, end?))).collect())
    }
}

/// A line for each of these, in the transaction that records the date of birth.
pub(in crate::store) async fn note_all(
    tx: &mut Tx,
    ended: &[EndedByBirth],
    now: Timestamp,
) -> Result<(), Fault> {
    for (mandate, end) in ended {
        note_ended_by_birth(tx, mandate, *end, now).await?;
    }
    Ok(())
}

/// Ends for good every parental mandate for a person: their date of birth is being corrected, and by the old one they
/// were sixteen (M5).
pub(in crate::store) async fn lapse_parental(
    tx: &mut Tx,
    represented: &PersonId,
    now: Timestamp,
) -> Result<(), Fault> {
    let lapsed = sqlx::query(concat!(
        "UPDATE mandates SET lapsed_at = $1 \
         WHERE represented = $2 AND relation IN ('parent', 'guardian') AND lapsed_at IS NULL RETURNING id, CASE WHEN ",
        is_open!("mandates", "$1"),
        " THEN 1 ELSE 0 END AS was_open"
    ))
    .bind(now.epoch())
    .bind(represented.as_str())
    .fetch_all(&mut **tx)
    .await?;
    note_lapsed(tx, &lapsed, represented, now).await
}

/// A line for each mandate that ended so, but where it was over before, or the log says so already.
pub(super) async fn note_lapsed(
    tx: &mut Tx,
    lapsed: &[AnyRow],
    represented: &PersonId,
    now: Timestamp,
) -> Result<(), Fault> {
    for row in lapsed {
        let (id, represented) = (row.text("id")?, Some(represented.as_str()));
        let event = Event {
            event: "mandate.lapsed",
            outcome: "ok",
            represented,
            detail: Some(&id),
            ..Event::default()
        };
        if row.try_get::<i64, _>("was_open")? == 1 && !is_lapse_noted(tx, &id).await? {
            tx.note(&event, now);
        }
        first_births::forget(tx, &MandateId::from_stored(id)).await?;
    }
    Ok(())
}
