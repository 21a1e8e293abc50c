//! What a person sees and ends of their own account: its sessions, and its log.

use super::{
    Store, Tx,
    accounts::Account,
    audit::Event,
    columns::Columns,
    ephemeral::{Kind, remove},
    grants::{revoke_of_account, revoke_of_session},
    notices,
};
use crate::domain::{
    fault::Fault,
    id::{PersonId, SessionId},
    session::Session,
    time::Timestamp,
};

/// The most sessions of one account that are read at once.
const MOST: i64 = 200;

/// A login that was or was not, as its person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastLogin {
    /// When.
    pub at: Timestamp,
    /// Whether it was by DigiD.
    pub by_digid: bool,
    /// Through which client.
    pub client: Option<String>,
}

impl Store {
    /// The sessions of an account that live, the last visited first; `idle` is how many seconds one lives unvisited.
    pub async fn sessions_of(
        &self,
        account: &Account,
        idle: i64,
        now: Timestamp,
    ) -> Result<Vec<Session>, Fault> {
        let rows = sqlx::query(
            "SELECT name, version, body FROM ephemeral WHERE owner = $1 AND kind = $2 AND ends > $3 \
             ORDER BY ends DESC LIMIT $4",
        )
        .bind(account.id.as_str())
        .bind(Kind::Session.word())
        .bind(now.epoch())
        .bind(MOST)
        .fetch_all(self.db.reader())
        .await?;
        let mut sessions = Vec::with_capacity(rows.len());
        for row in rows {
            let found = self.ephemeral.open_row::<Session>(&row, Kind::Session, &row.text("name")?)?;
            let live = found.map(|found| found.value);
            let live = live.filter(|one| one.account == account.id && one.is_alive(account.era, idle, now));
            sessions.extend(live);
        }
        sessions.sort_by_key(|session| std::cmp::Reverse(session.seen));
        Ok(sessions)
    }

    /// Ends these sessions with everything that was given in them, and writes a line for each that still was. All or nothing.
    pub async fn end_each(&self, sids: &[SessionId], event: &Event<'_>, now: Timestamp) -> Result<(), Fault> {
        let mut tx = self.db.begin().await?;
        for sid in sids {
            if remove(&mut *tx, Kind::Session, sid.as_str()).await? {
                revoke_of_session(&mut tx, sid, now).await?;
                tx.note(event, now);
            }
        }
        tx.commit().await
    }

    /// Ends every session of an account, for its owner or for the program `by`, with everything that was given in any, and writes down
    /// whom to tell: its era moves on. `false` when the account is gone.
    pub async fn sign_out_of_all(
        &self,
        account: &Account,
        by: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        let done = sqlx::query("UPDATE accounts SET era = era + 1 WHERE id = $1")
            .bind(account.id.as_str())
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        end(&mut tx, account, "account.signed_out", by, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The last logins of a person, newest first, at most so many; also those of whoever became part of them. The second condition on the
    /// event is that of the index, so that the database knows that it serves.
    pub async fn logins_of(&self, person: &PersonId, most: i64) -> Result<Vec<PastLogin>, Fault> {
        let rows = sqlx::query(
            "SELECT at, event, client FROM audit_lines WHERE actor IN \
             (SELECT n.pseudonym FROM audit_names n JOIN persons p ON p.id = n.name \
              WHERE p.id = $1 OR p.joined_into = $1) AND outcome = 'ok' \
             AND event IN ('login.local', 'login.digid') AND event NOT IN ('token.issued', 'token.refreshed') \
             ORDER BY at DESC LIMIT $2",
        )
        .bind(person.as_str())
        .bind(most)
        .fetch_all(self.db.reader())
        .await?;
        let read = |row: &sqlx::any::AnyRow| {
            let by_digid = row.text("event")? == "login.digid";
            Ok(PastLogin { at: row.time("at")?, by_digid, client: row.maybe_text("client")? })
        };
        rows.iter().map(read).collect()
    }
}

/// Ends every session of an account but this one, with everything that was given in them and a line for each, inside the transaction
/// that changes what opens it.
pub(super) async fn end_others(
    tx: &mut Tx,
    account: &Account,
    here: &SessionId,
    now: Timestamp,
) -> Result<(), Fault> {
    let rows = sqlx::query(
        "DELETE FROM ephemeral WHERE owner = $1 AND kind = $2 AND name <> $3 AND ends > $4 RETURNING name",
    )
    .bind(account.id.as_str())
    .bind(Kind::Session.word())
    .bind(here.as_str())
    .bind(now.epoch())
    .fetch_all(&mut **tx)
    .await?;
    let actor = Some(account.person.as_str());
    for row in rows {
        revoke_of_session(tx, &SessionId::from_stored(row.text("name")?), now).await?;
        tx.note(&Event { event: "logout", outcome: "elsewhere", actor, ..Event::default() }, now);
    }
    Ok(())
}

/// Ends what was given to clients, writes down whom to tell, and the line of the log: of the owner, or of the program `by`.
pub(super) async fn end(
    tx: &mut Tx,
    account: &Account,
    what: &'static str,
    by: Option<&str>,
    now: Timestamp,
) -> Result<(), Fault> {
    notices::of_account(tx, &account.id, now).await?;
    revoke_of_account(tx, &account.id, what, now).await?;
    let person = Some(account.person.as_str());
    let event = Event {
        event: what,
        outcome: "ok",
        actor: by.or(person),
        represented: by.and(person),
        client: by,
        ..Event::default()
    };
    tx.note(&event, now);
    Ok(())
}
