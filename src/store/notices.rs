//! Whom to tell that a session ended (OpenID Connect Back-Channel Logout, section 2.3). What ends a session writes the rows in
//! its own transaction, so that no end of the process forgets one; a row is claimed by one guarded statement, so that of
//! several nodes one sends it.

use sqlx::{AssertSqlSafe, Row};

use super::{Store, Tx, audit::Event, boundaries::Acting, columns::Columns};
use crate::domain::{
    fault::Fault,
    id::{AccountId, MandateId, PersonId, SessionId},
    time::Timestamp,
};

/// For how long a row is kept at least, in seconds: longer than a session or a grant may live.
const KEPT: i64 = 3 * 86_400;

/// Somebody to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Which session ended.
    pub sid: SessionId,
    /// Who was given something in it.
    pub client_id: String,
    /// Whose it was.
    pub person: PersonId,
    /// How many times it was claimed, this time included.
    pub tries: i64,
    /// Whether the session goes on: its user may act no longer for whom they chose at this client.
    pub of_mandate: bool,
    /// Until when its row is kept: another moment once it was written anew.
    pub ends: Timestamp,
}

/// Until when a row is kept that is written anew; always later than before, so that whoever tells what stood there cannot settle it.
macro_rules! renewed {
    () => {
        "ends = CASE WHEN excluded.ends > notices.ends THEN excluded.ends ELSE notices.ends + 1 END"
    };
}

/// The end of a session is told once, and also after what was told of a mandate.
macro_rules! of_ended {
    ($whose:literal) => {
        concat!(
            "INSERT INTO notices (sid, client_id, person_id, tries, due, ends) \
             SELECT DISTINCT sid, client_id, person_id, 0, $2, $3 FROM grants WHERE ",
            $whose,
            " = $1 ON CONFLICT (sid, client_id) DO UPDATE SET of_mandate = 0, tries = 0, due = excluded.due, ",
            renewed!(),
            " WHERE notices.of_mandate = 1"
        )
    };
}

/// Who was given something for a person, by the user who may act for them no longer; not where the session ended already.
macro_rules! of_represented {
    ($from:literal) => {
        concat!(
            "INSERT INTO notices (sid, client_id, person_id, tries, due, ends, of_mandate) \
             SELECT DISTINCT g.sid, g.client_id, g.person_id, 0, $2, $3, 1 FROM grants g JOIN ",
            $from,
            " e ON e.represented = g.chosen AND e.representative = g.person_id \
             WHERE e.id = $1 AND g.revoked_at IS NULL AND g.ends > $2 \
             ON CONFLICT (sid, client_id) DO UPDATE SET tries = 0, due = excluded.due, ",
            renewed!(),
            " WHERE notices.of_mandate = 1"
        )
    };
}

/// The same grants need not be told again by who looks when the clock ends a right; and those of parents who act by the word of the
/// register are looked at at once.
macro_rules! told {
    ($from:literal) => {
        concat!(
            "UPDATE grants SET look_at = CASE WHEN look_at > $2 THEN $2 ELSE look_at - 1 END, \
             acts = CASE WHEN chosen = acts_for AND person_id = (SELECT e.representative FROM ",
            $from,
            " e WHERE e.id = $1) THEN 0 ELSE acts END WHERE acts_for = (SELECT e.represented FROM ",
            $from,
            " e WHERE e.id = $1) AND revoked_at IS NULL AND ends > $2"
        )
    };
}

/// Where an account takes back what it gave to client $4, while its sessions go on; not where the session ended already.
const OF_CLIENT: &str = concat!(
    "INSERT INTO notices (sid, client_id, person_id, tries, due, ends, of_mandate) \
     SELECT DISTINCT sid, client_id, person_id, 0, $2, $3, 1 FROM grants \
     WHERE account_id = $1 AND client_id = $4 AND revoked_at IS NULL AND ends > $2 \
     ON CONFLICT (sid, client_id) DO UPDATE SET tries = 0, due = excluded.due, ",
    renewed!(),
    " WHERE notices.of_mandate = 1"
);

const OF_SESSION: &str = of_ended!("sid");
const OF_ACCOUNT: &str = of_ended!("account_id");
const OF_MANDATE: &str = of_represented!("mandates");
const OF_BLOCK: &str = of_represented!("blocks");
const TOLD_OF_MANDATE: &str = told!("mandates");
const TOLD_OF_BLOCK: &str = told!("blocks");

/// Writes down whom to tell that a session ends, inside the transaction that ends it.
pub(super) async fn of_session(tx: &mut Tx, sid: &SessionId, now: Timestamp) -> Result<(), Fault> {
    write(tx, OF_SESSION, sid.as_str(), now).await
}

/// The same of every session of an account.
pub(super) async fn of_account(tx: &mut Tx, account: &AccountId, now: Timestamp) -> Result<(), Fault> {
    write(tx, OF_ACCOUNT, account.as_str(), now).await
}

/// Writes down that one client is to be told that an account takes back what it gave it, inside the transaction that does.
pub(super) async fn of_client(
    tx: &mut Tx,
    account: &AccountId,
    client: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(OF_CLIENT)
        .bind(account.as_str())
        .bind(now.epoch())
        .bind(now.plus(KEPT).epoch())
        .bind(client.to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Writes down whom to tell that a mandate counts no more, inside the transaction that ends it.
pub(super) async fn of_mandate(tx: &mut Tx, mandate: &MandateId, now: Timestamp) -> Result<(), Fault> {
    write(tx, OF_MANDATE, mandate.as_str(), now).await?;
    mark(tx, TOLD_OF_MANDATE, mandate.as_str(), now).await
}

/// The same of everything that a block stops.
pub(super) async fn of_block(tx: &mut Tx, block: &str, now: Timestamp) -> Result<(), Fault> {
    write(tx, OF_BLOCK, block, now).await?;
    mark(tx, TOLD_OF_BLOCK, block, now).await
}

/// Writes down that the user of a grant may act no longer, inside the transaction that saw it.
pub(super) async fn of_acting(tx: &mut Tx, acting: &Acting, now: Timestamp) -> Result<(), Fault> {
    sqlx::query(concat!(
        "INSERT INTO notices (sid, client_id, person_id, tries, due, ends, of_mandate) VALUES ($1, $2, $3, 0, $4, $5, 1) \
         ON CONFLICT (sid, client_id) DO UPDATE SET tries = 0, due = excluded.due, ",
        renewed!(),
        " WHERE notices.of_mandate = 1"
    ))
    .bind(acting.sid.as_str().to_owned())
    .bind(acting.client_id.clone())
    .bind(acting.person.as_str().to_owned())
    .bind(now.epoch())
    .bind(now.plus(KEPT).epoch())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn mark(tx: &mut Tx, statement: &'static str, whose: &str, now: Timestamp) -> Result<(), Fault> {
    sqlx::query(statement).bind(whose.to_owned()).bind(now.epoch()).execute(&mut **tx).await?;
    Ok(())
}

async fn write(tx: &mut Tx, statement: &'static str, whose: &str, now: Timestamp) -> Result<(), Fault> {
    sqlx::query(statement)
        .bind(whose.to_owned())
        .bind(now.epoch())
        .bind(now.plus(KEPT).epoch())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl Store {
    /// Takes up to `most` notices that are due, those that were tried least first and none for the clients passed over. Nobody
    /// else gets them for `lease` seconds.
    pub async fn claim_notices(
        &self,
        most: i64,
        passed_over: &[&str],
        lease: i64,
        now: Timestamp,
    ) -> Result<Vec<Notice>, Fault> {
        let others: String =
            (0..passed_over.len()).map(|at| format!(" AND client_id <> ${}", at + 4)).collect();
        let statement = format!(
            "UPDATE notices SET due = $1, tries = tries + 1 WHERE due <= $2 AND (sid, client_id) IN \
             (SELECT sid, client_id FROM notices WHERE due <= $2{others} ORDER BY tries, due LIMIT $3) \
             RETURNING sid, client_id, person_id, tries, of_mandate, ends"
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        query = query.bind(now.plus(lease).epoch()).bind(now.epoch()).bind(most);
        for client in passed_over {
            query = query.bind((*client).to_owned());
        }
        let rows = query.fetch_all(self.db.writer()).await?;
        rows.iter()
            .map(|row| {
                Ok(Notice {
                    sid: SessionId::from_stored(row.text("sid")?),
                    client_id: row.text("client_id")?,
                    person: PersonId::from_stored(row.text("person_id")?),
                    tries: row.try_get("tries")?,
                    of_mandate: row.try_get::<i64, _>("of_mandate")? == 1,
                    ends: row.time("ends")?,
                })
            })
            .collect()
    }

    /// Lets a notice that came to nothing be claimed again from `due` on, unless somebody has claimed it since.
    pub async fn put_off_notice(&self, notice: &Notice, due: Timestamp) -> Result<(), Fault> {
        sqlx::query(
            "UPDATE notices SET due = $1 WHERE sid = $2 AND client_id = $3 AND tries = $4 AND ends = $5 \
             AND due IS NOT NULL",
        )
        .bind(due.epoch())
        .bind(notice.sid.as_str())
        .bind(&notice.client_id)
        .bind(notice.tries)
        .bind(notice.ends.epoch())
        .execute(self.db.writer())
        .await?;
        Ok(())
    }

    /// Settles a notice for good, with its line in the log. Once: who comes second writes nothing. What was told does not settle what
    /// came meanwhile: the end of the session, or of another mandate.
    pub async fn settle_notice(
        &self,
        notice: &Notice,
        event: Option<&Event<'_>>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "UPDATE notices SET due = NULL \
             WHERE sid = $1 AND client_id = $2 AND ends = $3 AND due IS NOT NULL",
        )
        .bind(notice.sid.as_str().to_owned())
        .bind(notice.client_id.clone())
        .bind(notice.ends.epoch())
        .execute(&mut *tx)
        .await?;
        if let Some(event) = event.filter(|_| done.rows_affected() == 1) {
            tx.note(event, now);
        }
        tx.commit().await
    }
}

#[cfg(test)]
mod tests;
