//! Offers (`docs/adr/0048`): what somebody offers of their own record. A row lives until both said yes, one of them said no, or its week
//! is over; the log keeps what happened. Each step is one guarded statement that names who takes it, whatever id a form brings.

use sqlx::any::AnyRow;

use super::{NotStored, insert_consent, insert_mandate, own::own_event};
use crate::{
    domain::{
        fault::Fault,
        id::{MandateId, PersonId},
        mandate::offer::{LIFE, MOST, grant},
        secret::Secret,
        time::Timestamp,
    },
    store::{Store, Tx, audit::Event, boundaries::look_again, columns::Columns},
};

/// An offer, as one of its two people is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// That of the mandate that may come of it.
    pub id: MandateId,
    /// For whom the grantor meant it, in their own words; for the grantor only.
    pub label: String,
    /// For how many days.
    pub days: i64,
    /// The first instant at which it is over.
    pub ends: Timestamp,
    /// The other of the two, once somebody typed the code.
    pub other: Option<Other>,
    /// Whether the other said yes.
    pub accepted: bool,
}

/// One of the two people of an offer, as the other may be told who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Who.
    pub person: PersonId,
    /// As the desk calls them; empty where it does not.
    pub name: String,
    /// The address of their account.
    pub email: String,
}

/// What the grantor made. Who typed a code and erased their account since has gone, with the row.
const MADE: &str = "SELECT i.id, i.label, i.days, i.ends, i.accepted, i.grantee AS other, p.name, a.email \
     FROM offers i LEFT JOIN persons p ON p.id = i.grantee LEFT JOIN accounts a ON a.person_id = i.grantee \
     WHERE i.grantor = $1 AND i.ends > $2 ORDER BY i.ends, i.id LIMIT 200";
/// Whose codes the grantee typed.
const TAKEN: &str = "SELECT i.id, '' AS label, i.days, i.ends, i.accepted, i.grantor AS other, p.name, a.email \
     FROM offers i JOIN persons p ON p.id = i.grantor JOIN accounts a ON a.person_id = i.grantor \
     WHERE i.grantee = $1 AND i.ends > $2 ORDER BY i.ends, i.id LIMIT 200";

impl Store {
    /// Stores an offer under the hash of its code, with a line in the log. `false` when as many as may be live already.
    pub async fn offer(
        &self,
        grantor: &PersonId,
        (label, days): (&str, i64),
        code: &Secret,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let id = MandateId::random();
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "INSERT INTO offers (id, grantor, label, days, ends, code) \
             SELECT $1, p.id, $3, $4, $5, $6 FROM persons p WHERE p.id = $2 AND p.joined_into IS NULL \
             AND (SELECT COUNT(*) FROM offers i WHERE i.grantor = $2 AND i.ends > $7) < $8",
        )
        .bind(id.as_str())
        .bind(grantor.as_str())
        .bind(label)
        .bind(days)
        .bind(now.plus(LIFE).epoch())
        .bind(self.offer_hash(code))
        .bind(now.epoch())
        .bind(MOST)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.note(&own_event(("mandate.offered", "ok"), grantor, grantor.as_str(), &id), now);
        tx.commit().await?;
        Ok(true)
    }

    /// Gives the offer of a code to who typed it; the code is worth nothing from then on. An older one of the same two goes. `false` where
    /// there is none, it is over, somebody was first, or it is their own.
    pub async fn take_offer(&self, grantee: &PersonId, code: &Secret, now: Timestamp) -> Result<bool, Fault> {
        let hash = self.offer_hash(code);
        let mut tx = self.db.begin().await?;
        sqlx::query(
            "DELETE FROM offers WHERE grantee = $1 AND grantor = (SELECT n.grantor FROM offers n \
             WHERE n.code = $2 AND n.ends > $3)",
        )
        .bind(grantee.as_str())
        .bind(hash.clone())
        .bind(now.epoch())
        .execute(&mut *tx)
        .await?;
        let done = sqlx::query(
            "UPDATE offers SET grantee = $1, code = NULL WHERE code = $2 AND ends > $3 AND grantee IS NULL \
             AND grantor <> $1",
        )
        .bind(grantee.as_str())
        .bind(hash)
        .bind(now.epoch())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Who typed the code says yes, with a line in the log, and the grantor is given. `None` where it is not theirs or over, or they said so.
    pub async fn accept_offer(
        &self,
        id: &MandateId,
        grantee: &PersonId,
        now: Timestamp,
    ) -> Result<Option<PersonId>, Fault> {
        let mut tx = self.db.begin().await?;
        let accepted: Option<(String,)> = sqlx::query_as(
            "UPDATE offers SET accepted = 1 WHERE id = $1 AND grantee = $2 AND accepted = 0 AND ends > $3 \
             RETURNING grantor",
        )
        .bind(id.as_str())
        .bind(grantee.as_str())
        .bind(now.epoch())
        .fetch_optional(&mut *tx)
        .await?;
        let Some((grantor,)) = accepted else {
            tx.rollback().await?;
            return Ok(None);
        };
        tx.note(&own_event(("mandate.accepted", "ok"), grantee, &grantor, id), now);
        tx.commit().await?;
        Ok(Some(PersonId::from_stored(grantor)))
    }

    /// The grantor confirms whom they saw: the offer becomes a mandate, which takes the place of what the two had of this kind. `None` where
    /// it is not theirs or over, `grantee` did not say yes, or has no account any more: of fifty at once one does it.
    pub async fn confirm_offer(
        &self,
        id: &MandateId,
        (grantor, grantee): (&PersonId, &PersonId),
        now: Timestamp,
    ) -> Result<Option<Result<(), NotStored>>, Fault> {
        let mut tx = self.db.begin().await?;
        let confirmed: Option<(i64,)> = sqlx::query_as(
            "DELETE FROM offers WHERE id = $1 AND grantor = $2 AND grantee = $3 AND accepted = 1 AND ends > $4 \
             AND EXISTS (SELECT 1 FROM accounts a WHERE a.person_id = $3) RETURNING days",
        )
        .bind(id.as_str())
        .bind(grantor.as_str())
        .bind(grantee.as_str())
        .bind(now.epoch())
        .fetch_optional(&mut *tx)
        .await?;
        let Some((days,)) = confirmed else {
            tx.rollback().await?;
            return Ok(None);
        };
        replace(&mut tx, (grantor, grantee), now).await?;
        let made = grant(id.clone(), (grantor.clone(), grantee.clone()), days, now);
        if !insert_mandate(&mut tx, &made.mandate, now).await? {
            tx.rollback().await?;
            return Ok(Some(Err(self.why_not_stored(&made, now).await?)));
        }
        if let Some(consent) = &made.consent {
            insert_consent(&mut tx, consent).await?;
        }
        sqlx::query("UPDATE mandates SET approved_by = $1, approved_at = $2 WHERE id = $3")
            .bind(made.mandate.approved.map(|second| second.by))
            .bind(now.epoch())
            .bind(id.as_str())
            .execute(&mut *tx)
            .await?;
        look_again(&mut tx, grantor.as_str(), now).await?;
        tx.note(&own_event(("mandate.granted", "ok"), grantor, grantor.as_str(), id), now);
        tx.commit().await?;
        Ok(Some(Ok(())))
    }

    /// Either of the two wants it no longer. Of what is neither's nothing is told and nothing changes. Who typed the code is named to the
    /// grantor once they said yes, so before that nobody is.
    pub async fn end_offer(&self, id: &MandateId, person: &PersonId, now: Timestamp) -> Result<(), Fault> {
        let mut tx = self.db.begin().await?;
        let ended: Option<(String, i64)> = sqlx::query_as(
            "DELETE FROM offers WHERE id = $1 AND (grantor = $2 OR grantee = $2) RETURNING grantor, accepted",
        )
        .bind(id.as_str())
        .bind(person.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        let Some((grantor, accepted)) = ended else {
            tx.rollback().await?;
            return Ok(());
        };
        let line = own_event(("mandate.offer_ended", "ok"), person, &grantor, id);
        let is_named = accepted == 1 || grantor == person.as_str();
        tx.note(&Event { actor: line.actor.filter(|_| is_named), ..line }, now);
        tx.commit().await
    }

    /// What somebody offers of their own record now.
    pub async fn offers_made(&self, person: &PersonId, now: Timestamp) -> Result<Vec<Offer>, Fault> {
        self.offers(MADE, person, now).await
    }

    /// What others offer somebody who typed their codes.
    pub async fn offers_taken(&self, person: &PersonId, now: Timestamp) -> Result<Vec<Offer>, Fault> {
        self.offers(TAKEN, person, now).await
    }

    async fn offers(
        &self,
        statement: &'static str,
        person: &PersonId,
        now: Timestamp,
    ) -> Result<Vec<Offer>, Fault> {
        let rows = sqlx::query(statement)
            .bind(person.as_str())
            .bind(now.epoch())
            .fetch_all(self.db.reader())
            .await?;
        rows.iter().map(read_offer).collect()
    }

    /// What is kept of a code. Codes are looked up by it, so that it is nobody's in particular.
    fn offer_hash(&self, code: &Secret) -> Vec<u8> {
        self.vault.keyed_hash("offer", code.expose())
    }
}

/// Ends what the two had of this kind: who stops the one that they see has stopped all. The portals are told nothing, as the right goes on.
async fn replace(
    tx: &mut Tx,
    (grantor, grantee): (&PersonId, &PersonId),
    now: Timestamp,
) -> Result<(), Fault> {
    let rows = sqlx::query(
        "UPDATE mandates SET revoked_at = $1, revoked_by = $2 WHERE represented = $2 AND representative = $3 \
         AND relation = 'authorised' AND approved_at IS NOT NULL AND revoked_at IS NULL AND lapsed_at IS NULL \
         AND COALESCE(ends, $1 + 1) > $1 RETURNING id",
    )
    .bind(now.epoch())
    .bind(grantor.as_str())
    .bind(grantee.as_str())
    .fetch_all(&mut **tx)
    .await?;
    for row in rows {
        let id = MandateId::from_stored(row.text("id")?);
        tx.note(&own_event(("mandate.stopped", "ok"), grantor, grantor.as_str(), &id), now);
    }
    Ok(())
}

fn read_offer(row: &AnyRow) -> Result<Offer, Fault> {
    let other = match (row.maybe_text("other")?, row.maybe_text("email")?) {
        (Some(person), Some(email)) => Some(Other {
            person: PersonId::from_stored(person),
            name: row.maybe_text("name")?.unwrap_or_default(),
            email,
        }),
        _ => None,
    };
    let number = |column: &str| sqlx::Row::try_get::<i64, _>(row, column);
    Ok(Offer {
        id: MandateId::from_stored(row.text("id")?),
        label: row.text("label")?,
        days: number("days")?,
        ends: row.time("ends")?,
        other,
        accepted: number("accepted")? == 1,
    })
}
