//! What else waits at the desk beside mandates, and what became of those that were refused.

use sqlx::any::AnyRow;

use super::{
    Store,
    columns::Columns,
    desk::{LOOKED_AT, SHOWN},
};
use crate::domain::{
    calendar::DAY,
    correction::What,
    fault::Fault,
    four_eyes::LONGEST_WAIT,
    id::{MandateId, PersonId},
    mandate::{Confirmed, Refusal},
    time::Timestamp,
    working_days::overdue,
};

/// For how long, in seconds, whoever registered a mandate is shown in the queue that it was refused.
const TOLD: i64 = 14 * DAY;

/// A special basis that waits.
#[derive(Debug)]
pub struct WaitingBasis {
    /// Of which mandate.
    pub mandate: MandateId,
    /// Who acts by it.
    pub representative_name: String,
    /// For whom.
    pub represented_name: String,
    /// Who attested it, and when.
    pub attested: Confirmed,
}

/// A correction that waits, or that two registrations are one person.
#[derive(Debug)]
pub struct WaitingCorrection {
    /// Of whom.
    pub person: PersonId,
    /// What the desk calls them.
    pub name: String,
    /// Of what.
    pub what: What,
    /// The other registration.
    pub other: Option<PersonId>,
    /// Who proposed it, and when.
    pub proposed: Confirmed,
}

/// A mandate that was refused.
#[derive(Debug)]
pub struct RefusedMandate {
    /// Which.
    pub id: MandateId,
    /// Who was to act.
    pub representative_name: String,
    /// For whom.
    pub represented_name: String,
    /// Why.
    pub why: Refusal,
    /// Who refused it, and when.
    pub refused: Confirmed,
}

/// Something beside mandates that waits for a second pair of eyes.
#[derive(Debug)]
pub struct Asked {
    /// What.
    pub of: AskedOf,
    /// Who asked for it, and when.
    pub asked: Confirmed,
}

/// What it is.
#[derive(Debug)]
pub enum AskedOf {
    /// A special basis of that mandate.
    Basis(MandateId),
    /// A correction of that person, or that the other is the same person.
    Correction(PersonId, Option<PersonId>),
}

fn who_and_when(row: &AnyRow) -> Result<Confirmed, Fault> {
    Ok(Confirmed { by: row.text("by_whom")?, at: row.time("at")? })
}

impl Store {
    /// The special bases of mandates that are not over which a member `by` may confirm, as far as their role goes: the oldest first, at
    /// most [`SHOWN`].
    pub async fn waiting_bases(&self, by: &str, now: Timestamp) -> Result<Vec<WaitingBasis>, Fault> {
        let rows = sqlx::query(
            "SELECT s.mandate, s.attested_by AS by_whom, s.attested_at AS at, a.name AS representative_name, p.name AS represented_name \
             FROM special_bases s CROSS JOIN mandates m CROSS JOIN persons a CROSS JOIN persons p \
             WHERE s.confirmed_at IS NULL AND s.ended_at IS NULL AND s.attested_at > $1 AND s.ends > $2 \
             AND s.attested_by LIKE 'member:%' AND s.attested_by <> $3 AND m.id = s.mandate \
             AND m.revoked_at IS NULL AND m.lapsed_at IS NULL AND COALESCE(m.ends, $2 + 1) > $2 \
             AND a.id = m.representative AND p.id = m.represented ORDER BY s.attested_at, s.id LIMIT $4",
        )
        .bind(now.plus(-LONGEST_WAIT).epoch())
        .bind(now.epoch())
        .bind(by)
        .bind(SHOWN)
        .fetch_all(self.db.reader())
        .await?;
        let read = |row: &AnyRow| {
            Ok(WaitingBasis {
                mandate: MandateId::from_stored(row.text("mandate")?),
                representative_name: row.text("representative_name")?,
                represented_name: row.text("represented_name")?,
                attested: who_and_when(row)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// The corrections that a member `by` may approve, as far as their role goes: the oldest first, at most [`SHOWN`].
    pub async fn waiting_corrections(
        &self,
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<WaitingCorrection>, Fault> {
        let rows = sqlx::query(
            "SELECT c.person, c.what, c.other, c.proposed_by AS by_whom, c.proposed_at AS at, p.name AS name \
             FROM corrections c CROSS JOIN persons p WHERE c.approved_at IS NULL AND c.withdrawn_at IS NULL AND c.proposed_at > $1 \
             AND c.proposed_by LIKE 'member:%' AND c.proposed_by <> $2 AND p.id = c.person AND p.joined_into IS NULL \
             ORDER BY c.proposed_at, c.id LIMIT $3",
        )
        .bind(now.plus(-LONGEST_WAIT).epoch())
        .bind(by)
        .bind(SHOWN)
        .fetch_all(self.db.reader())
        .await?;
        let read = |row: &AnyRow| {
            Ok(WaitingCorrection {
                person: PersonId::from_stored(row.text("person")?),
                name: row.text("name")?,
                what: row.text("what")?.parse()?,
                other: row.maybe_text("other")?.map(PersonId::from_stored),
                proposed: who_and_when(row)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// How much waits for a second pair of eyes past the end of the next working day, and how much waits at all, of whomever it is (M10): mandates,
    /// special bases and corrections.
    pub async fn overdue(&self, now: Timestamp) -> Result<(usize, usize), Fault> {
        let mut asked = self.waiting_since(&[], now).await?;
        asked.extend(self.others_waiting(now).await?.into_iter().map(|one| one.asked.at));
        let waiting = asked.len();
        Ok((overdue(asked, now), waiting))
    }

    /// What waits beside mandates, at the desk and elsewhere, the oldest first; a bounded number of each.
    pub async fn others_waiting(&self, now: Timestamp) -> Result<Vec<Asked>, Fault> {
        let attested = sqlx::query(
            "SELECT s.mandate AS mandate, s.attested_by AS by_whom, s.attested_at AS at FROM special_bases s CROSS JOIN mandates m \
             WHERE s.confirmed_at IS NULL AND s.ended_at IS NULL AND s.attested_at > $1 AND s.ends > $2 AND m.id = s.mandate \
             AND m.revoked_at IS NULL AND m.lapsed_at IS NULL AND COALESCE(m.ends, $2 + 1) > $2 ORDER BY s.attested_at, s.id LIMIT $3",
        )
        .bind(now.plus(-LONGEST_WAIT).epoch())
        .bind(now.epoch())
        .bind(LOOKED_AT)
        .fetch_all(self.db.reader())
        .await?;
        let proposed = sqlx::query(
            "SELECT c.person AS person, c.other AS other, c.proposed_by AS by_whom, c.proposed_at AS at \
             FROM corrections c CROSS JOIN persons p WHERE c.approved_at IS NULL AND c.withdrawn_at IS NULL AND c.proposed_at > $1 \
             AND p.id = c.person AND p.joined_into IS NULL ORDER BY c.proposed_at, c.id LIMIT $2",
        )
        .bind(now.plus(-LONGEST_WAIT).epoch())
        .bind(LOOKED_AT)
        .fetch_all(self.db.reader())
        .await?;
        let basis = |row: &AnyRow| {
            let of = AskedOf::Basis(MandateId::from_stored(row.text("mandate")?));
            Ok(Asked { of, asked: who_and_when(row)? })
        };
        let correction = |row: &AnyRow| {
            let other = row.maybe_text("other")?.map(PersonId::from_stored);
            let of = AskedOf::Correction(PersonId::from_stored(row.text("person")?), other);
            Ok(Asked { of, asked: who_and_when(row)? })
        };
        attested.iter().map(basis).chain(proposed.iter().map(correction)).collect()
    }

    /// What `by` registered and somebody refused in the last two weeks, the newest first; at most [`SHOWN`].
    pub async fn refused_of(&self, by: &str, now: Timestamp) -> Result<Vec<RefusedMandate>, Fault> {
        let rows = sqlx::query(
            "SELECT m.id, f.why, f.refused_by AS by_whom, f.refused_at AS at, a.name AS representative_name, \
             p.name AS represented_name FROM refusals f CROSS JOIN mandates m CROSS JOIN persons a CROSS JOIN persons p \
             WHERE f.registered_by = $1 AND f.refused_at > $2 AND m.id = f.mandate AND a.id = m.representative AND p.id = m.represented \
             ORDER BY f.refused_at DESC, m.id LIMIT $3",
        )
        .bind(by)
        .bind(now.plus(-TOLD).epoch())
        .bind(SHOWN)
        .fetch_all(self.db.reader())
        .await?;
        let read = |row: &AnyRow| {
            Ok(RefusedMandate {
                id: MandateId::from_stored(row.text("id")?),
                representative_name: row.text("representative_name")?,
                represented_name: row.text("represented_name")?,
                why: row.text("why")?.parse()?,
                refused: who_and_when(row)?,
            })
        };
        rows.iter().map(read).collect()
    }
}
