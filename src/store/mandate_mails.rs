//! Which mails about a mandate are to be written, to whom, and about which moment. A row is the mark that one was: it is written once,
//! and claimed by one guarded statement, so that of several nodes one sends it (docs/adr/0044). What the clock ended has its line in
//! the audit log with that, whether or not anybody can be mailed (docs/adr/0055).

use sqlx::any::AnyRow;

use super::{Store, Tx, audit::Event, columns::Columns};
use crate::domain::{
    fault::Fault,
    id::{MandateId, PersonId},
    mandate::mails::{Cause, Mails, Telling, What},
    time::Timestamp,
};

/// A mandate at which somebody should look, as it was when it was read.
#[derive(Debug, Clone)]
pub struct ToLookAt {
    /// Which.
    pub mandate: MandateId,
    pub(super) look_at: Timestamp,
}

/// What was seen of one.
#[derive(Debug, Clone)]
pub struct Looked {
    /// As it was when it was read.
    pub at: ToLookAt,
    /// What its people are to be mailed, and when to look again.
    pub mails: Mails,
    /// When the clock ended it since it should have been looked at, and why.
    pub ended: Vec<(Timestamp, Cause)>,
}

/// What such an end is called in the log, and the mark that its line was written.
const fn event_of(cause: Cause) -> &'static str {
    match cause {
        Cause::Twelve => "mandate.suspended",
        Cause::Sixteen => "mandate.lapsed",
        Cause::End => "mandate.ended",
    }
}

/// A mail that is to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MandateMail {
    /// About which mandate.
    pub mandate: MandateId,
    /// What it says.
    pub telling: Telling,
    /// To which of its two people.
    pub person: PersonId,
}

impl Store {
    /// The mandates at which somebody should look, at most so many, those that wait longest first.
    pub async fn mandates_to_look_at(&self, most: i64, now: Timestamp) -> Result<Vec<ToLookAt>, Fault> {
        let rows =
            sqlx::query("SELECT id, look_at FROM mandates WHERE look_at <= $1 ORDER BY look_at LIMIT $2")
                .bind(now.epoch())
                .bind(most)
                .fetch_all(self.db.reader())
                .await?;
        let read = |row: &AnyRow| {
            let mandate = MandateId::from_stored(row.text("id")?);
            Ok(ToLookAt { mandate, look_at: row.time("look_at")? })
        };
        rows.iter().map(read).collect()
    }

    /// Writes down which mails are to leave, for those of its people who have an account, what the clock ended, and when to look again.
    /// Where somebody else was faster, or something has changed since, nothing is written: it is looked at again. Gives how many are new.
    pub async fn write_mandate_mails(&self, looked: &[Looked], now: Timestamp) -> Result<u64, Fault> {
        let mut tx = self.db.begin().await?;
        let mut new = 0;
        for Looked { at: looked, mails, ended } in looked {
            let done = sqlx::query("UPDATE mandates SET look_at = $1 WHERE id = $2 AND look_at = $3")
                .bind(mails.again.map(Timestamp::epoch))
                .bind(looked.mandate.as_str())
                .bind(looked.look_at.epoch())
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() == 0 {
                continue;
            }
            for end in ended {
                note_ended(&mut tx, &looked.mandate, *end, now).await?;
            }
            for telling in &mails.tell {
                let written = sqlx::query(
                    "INSERT INTO mandate_mails (mandate, what, at, person, due) \
                     SELECT m.id, $2, $3, a.person_id, $4 FROM mandates m \
                     JOIN accounts a ON a.person_id IN (m.representative, m.represented) \
                     WHERE m.id = $1 ON CONFLICT DO NOTHING",
                )
                .bind(looked.mandate.as_str())
                .bind(telling.what.as_str())
                .bind(telling.at.epoch())
                .bind(now.epoch())
                .execute(&mut *tx)
                .await?;
                new += written.rows_affected();
            }
        }
        tx.commit().await?;
        Ok(new)
    }

    /// Takes up to `most` mails that are due. Nobody else gets them, now or later: a mail leaves once at most.
    pub async fn claim_mandate_mails(&self, most: i64, now: Timestamp) -> Result<Vec<MandateMail>, Fault> {
        let rows = sqlx::query(
            "UPDATE mandate_mails SET due = NULL WHERE due <= $1 AND (mandate, what, at, person) IN \
             (SELECT mandate, what, at, person FROM mandate_mails WHERE due <= $1 ORDER BY due LIMIT $2) \
             RETURNING mandate, what, at, person",
        )
        .bind(now.epoch())
        .bind(most)
        .fetch_all(self.db.writer())
        .await?;
        let read = |row: &AnyRow| {
            Ok(MandateMail {
                mandate: MandateId::from_stored(row.text("mandate")?),
                telling: Telling { what: row.text("what")?.parse::<What>()?, at: row.time("at")? },
                person: PersonId::from_stored(row.text("person")?),
            })
        };
        rows.iter().map(read).collect()
    }

    /// Gives back a mail that found no room: it is due again at `due`.
    pub async fn put_off_mandate_mail(&self, mail: &MandateMail, due: Timestamp) -> Result<(), Fault> {
        sqlx::query(
            "UPDATE mandate_mails SET due = $1 \
             WHERE mandate = $2 AND what = $3 AND at = $4 AND person = $5 AND due IS NULL",
        )
        .bind(due.epoch())
        .bind(mail.mandate.as_str())
        .bind(mail.telling.what.as_str())
        .bind(mail.telling.at.epoch())
        .bind(mail.person.as_str())
        .execute(self.db.writer())
        .await?;
        Ok(())
    }

    /// What nobody looked at yet, as it is of before somebody did (migration 35), is looked at from now on: a line about what ended long ago
    /// would tell the wrong moment.
    pub(super) async fn look_from(&self, now: Timestamp) -> Result<(), Fault> {
        sqlx::query("UPDATE mandates SET look_at = $1 WHERE look_at <= 0")
            .bind(now.epoch())
            .execute(self.db.writer())
            .await?;
        Ok(())
    }

    /// Whether some mail is due: so that looking for one writes nothing.
    pub async fn has_mandate_mails(&self, now: Timestamp) -> Result<bool, Fault> {
        let due: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM mandate_mails WHERE due <= $1 LIMIT 1")
            .bind(now.epoch())
            .fetch_optional(self.db.reader())
            .await?;
        Ok(due.is_some())
    }
}

/// The mark that a line was written, of a mandate that was neither revoked nor lapsed.
macro_rules! mark {
    () => {
        "INSERT INTO mandate_mails (mandate, what, at, person) SELECT m.id, $2, $3, m.represented FROM mandates m \
         WHERE m.id = $1 AND m.revoked_at IS NULL AND m.lapsed_at IS NULL ON CONFLICT "
    };
}

/// A line for what the clock ended at a moment, once whatever has it looked at again, and none of what was revoked or lapsed since it was
/// read: that has its own. Its time is when it was written: the moment would tell a birthday to who reads the chain, and cannot be
/// erased from it.
async fn note_ended(
    tx: &mut Tx,
    mandate: &MandateId,
    end: (Timestamp, Cause),
    now: Timestamp,
) -> Result<(), Fault> {
    note_marked(tx, concat!(mark!(), "DO NOTHING RETURNING person"), mandate, end, now).await
}

/// A line for what a corrected date of birth ended just now, with the mark of the moment at which it ended by that date: so the clock writes
/// none. It comes each time that a correction ends it anew.
pub(super) async fn note_ended_by_birth(
    tx: &mut Tx,
    mandate: &MandateId,
    end: (Timestamp, Cause),
    now: Timestamp,
) -> Result<(), Fault> {
    let statement = concat!(mark!(), "(mandate, what, at, person) DO UPDATE SET due = NULL RETURNING person");
    note_marked(tx, statement, mandate, end, now).await
}

async fn note_marked(
    tx: &mut Tx,
    statement: &'static str,
    mandate: &MandateId,
    (at, cause): (Timestamp, Cause),
    now: Timestamp,
) -> Result<(), Fault> {
    let row = sqlx::query(statement)
        .bind(mandate.as_str())
        .bind(event_of(cause))
        .bind(at.epoch())
        .fetch_optional(&mut **tx)
        .await?;
    if let Some(row) = row {
        let (represented, detail) = (row.text("person")?, Some(mandate.as_str()));
        let represented = Some(represented.as_str());
        let event = Event { event: event_of(cause), outcome: "ok", represented, detail, ..Event::default() };
        tx.note(&event, now);
    }
    Ok(())
}

/// Whether the log says already that the clock ended a mandate at a sixteenth birthday.
pub(super) async fn is_lapse_noted(tx: &mut Tx, mandate: &str) -> Result<bool, Fault> {
    let noted: Option<(i64,)> =
        sqlx::query_as("SELECT 1 FROM mandate_mails WHERE mandate = $1 AND what = $2 LIMIT 1")
            .bind(mandate.to_owned())
            .bind(event_of(Cause::Sixteen))
            .fetch_optional(&mut **tx)
            .await?;
    Ok(noted.is_some())
}

#[cfg(test)]
mod tests;
