//! What the two people of a mandate do about it themselves, online (`docs/adr/0042`). Each statement names the person, so that
//! nobody's word is written in another's place, whatever id a form brings.

use super::insert_consent;
use crate::{
    domain::{
        consent::{Consent, Party, Word},
        fault::Fault,
        id::{MandateId, PersonId},
        time::Timestamp,
    },
    store::{Store, Tx, audit::Event, boundaries::look_again, first_births, notices},
};

/// Ends at $1 for the person $2 the mandate $3, and with one that somebody approved each other one of the same two that was approved and
/// goes on; as far as they may end it.
const STOP: &str = "UPDATE mandates SET revoked_at = $1, revoked_by = $2 \
     WHERE revoked_at IS NULL AND lapsed_at IS NULL \
     AND (representative = $2 OR (represented = $2 AND relation = 'authorised')) \
     AND (id = $3 OR (approved_at IS NOT NULL AND COALESCE(ends, $1 + 1) > $1 AND EXISTS (SELECT 1 FROM mandates m \
          WHERE m.id = $3 AND m.approved_at IS NOT NULL AND m.revoked_at IS NULL AND m.lapsed_at IS NULL \
          AND (m.representative = $2 OR (m.represented = $2 AND m.relation = 'authorised')) \
          AND m.representative = mandates.representative AND m.represented = mandates.represented))) \
     RETURNING id, representative, represented";

impl Store {
    /// Ends a mandate for good, at once, for its representative or for who gave it themselves, and gives the other one. `None` when
    /// it is neither's, or is over. Where somebody approved it, so that both know who the other is, all that the two have beside it and
    /// that this one may end goes with it: who stops access must not find that it went on (`docs/adr/0042`).
    pub async fn stop_mandate(
        &self,
        id: &MandateId,
        person: &PersonId,
        now: Timestamp,
    ) -> Result<Option<PersonId>, Fault> {
        let mut tx = self.db.begin().await?;
        let stopped: Vec<(String, String, String)> = sqlx::query_as(STOP)
            .bind(now.epoch())
            .bind(person.as_str())
            .bind(id.as_str())
            .fetch_all(&mut *tx)
            .await?;
        let Some((_, representative, represented)) = stopped.first().cloned() else {
            tx.rollback().await?;
            return Ok(None);
        };
        for (id, ..) in stopped {
            let id = MandateId::from_stored(id);
            notices::of_mandate(&mut tx, &id, now).await?;
            first_births::forget(&mut tx, &id).await?;
            tx.note(&own_event(("mandate.stopped", "ok"), person, &represented, &id), now);
        }
        tx.commit().await?;
        let other = if represented == person.as_str() { representative } else { represented };
        Ok(Some(PersonId::from_stored(other)))
    }

    /// Adds what one of the two says themselves, with a line in the log. `since` is from when on their agreement counts. `false` when
    /// the mandate is not theirs or is over, or it is what they said last.
    pub async fn say_of_mandate(
        &self,
        consent: &Consent,
        person: &PersonId,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        // Holds the row: of two at once the second sees what the first said.
        let theirs = match consent.party {
            Party::Representative => {
                "UPDATE mandates SET starts = starts WHERE id = $1 AND representative = $2 \
                 AND revoked_at IS NULL AND lapsed_at IS NULL RETURNING represented"
            }
            Party::Represented => {
                "UPDATE mandates SET starts = starts WHERE id = $1 AND represented = $2 \
                 AND revoked_at IS NULL AND lapsed_at IS NULL RETURNING represented"
            }
        };
        let theirs: Option<(String,)> = sqlx::query_as(theirs)
            .bind(consent.mandate.as_str())
            .bind(person.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        let Some((represented,)) = theirs else {
            tx.rollback().await?;
            return Ok(false);
        };
        let is_new = last_said(&mut tx, consent, since).await?.as_deref() != Some(consent.word.as_str());
        if !is_new || !insert_consent(&mut tx, consent).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        if consent.word == Word::Withdrawn {
            notices::of_mandate(&mut tx, &consent.mandate, now).await?;
        } else {
            look_again(&mut tx, &represented, now).await?;
        }
        let what = ("mandate.answered", consent.word.as_str());
        tx.note(&own_event(what, person, &represented, &consent.mandate), now);
        tx.commit().await?;
        Ok(true)
    }
}

/// The word that counts of whoever speaks, as in `domain::consent::last_word`.
async fn last_said(tx: &mut Tx, consent: &Consent, since: Timestamp) -> Result<Option<String>, Fault> {
    let said: Option<(String,)> = sqlx::query_as(
        "SELECT word FROM consents WHERE mandate = $1 AND party = $2 AND (word = 'withdrawn' OR at >= $3) \
         ORDER BY at DESC, word DESC LIMIT 1",
    )
    .bind(consent.mandate.as_str().to_owned())
    .bind(consent.party.as_str())
    .bind(since.epoch())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(said.map(|(word,)| word))
}

pub(super) fn own_event<'a>(
    (event, outcome): (&'a str, &'a str),
    person: &'a PersonId,
    represented: &'a str,
    id: &'a MandateId,
) -> Event<'a> {
    let (actor, detail) = (Some(person.as_str()), Some(id.as_str()));
    Event { event, outcome, actor, represented: Some(represented), detail, ..Event::default() }
}
