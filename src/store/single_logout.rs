//! Sessions that began with DigiD, where its single sign-on is in use: what to tell DigiD when somebody signs out here, and
//! which end when DigiD says so. DigiD's session belongs to the browser and outlives ours, so what is kept of it is found by
//! that browser and its person, when a session of theirs signs out there.

use std::cmp::Reverse;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Row as _, any::AnyRow};

use super::{
    Store, Tx,
    audit::Event,
    columns::Columns,
    ephemeral::{Kind, remove},
    grants::revoke_of_session,
};
use crate::domain::{
    bsn::Bsn,
    fault::Fault,
    id::{PersonId, SessionId},
    proof::{Digid, Proof},
    secret::{Hashed, Secret},
    session::Session,
    single_logout::LogoutRequest,
    time::Timestamp,
};

/// What the name of somebody at DigiD is sealed for.
const PURPOSE: &str = "digid.session";
/// How long a request of DigiD counts after it was made, in seconds: longer than it would be taken, and than any login
/// that was under way then.
const REMEMBER: i64 = 3600;
/// How long a session at DigiD lives at most, in seconds: nothing is to be told of it afterwards.
const DIGIDS_LIFE: i64 = 3 * 3600;

/// A session that DigiD opened, as it begins.
#[derive(Clone, Copy)]
pub struct Opened<'a> {
    /// Ours.
    pub session: &'a Session,
    /// What DigiD said.
    pub proof: &'a Proof<Digid>,
    /// The browser in which both live, as the hash of its cookie.
    pub browser: &'a Hashed,
}

impl Store {
    /// Keeps what DigiD must be told when its user signs out. `false` when DigiD has logged them out since they proved who
    /// they are: then the session may not begin (SAML 2.0 core, section 3.7.3.1).
    pub(super) async fn remember_digid(
        &self,
        tx: &mut Tx,
        Opened { session, proof, browser }: Opened<'_>,
    ) -> Result<bool, Fault> {
        let (digid, sid) = (proof.of(), session.sid.as_str());
        // Without an index this could be the session that was meant.
        let done = sqlx::query(
            "INSERT INTO digid_sessions (sid, person_id, name_hash, index_hash, name_sealed, ends, browser_hash) \
             SELECT $1, $2, $3, $4, $5, $6, $7 WHERE NOT EXISTS (SELECT 1 FROM digid_logouts WHERE name_hash = $3 \
             AND issued > $8 AND (index_hash IS NULL OR $4 IS NULL OR index_hash = $4))",
        )
        .bind(sid)
        .bind(session.person.as_str())
        .bind(self.name_hash(&digid.bsn))
        .bind(digid.session.as_deref().map(|index| self.index_hash(index)))
        .bind(self.vault.seal_json(PURPOSE, sid, digid)?)
        .bind(session.ends.max(proof.at().plus(DIGIDS_LIFE)).epoch())
        .bind(browser.as_bytes())
        .bind(proof.at().epoch())
        .execute(&mut **tx)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Whether DigiD opened a session in this browser, whosever, that may not be over and of which it was not told.
    pub async fn digid_was_here(&self, browser: &Hashed, now: Timestamp) -> Result<bool, Fault> {
        let row = sqlx::query("SELECT sid FROM digid_sessions WHERE browser_hash = $1 AND ends > $2 LIMIT 1")
            .bind(browser.as_bytes())
            .bind(now.epoch())
            .fetch_optional(self.db.reader())
            .await?;
        Ok(row.is_some())
    }

    /// What was sealed with the session `sid`.
    fn open_digid(&self, sid: &SessionId, sealed: &[u8]) -> Result<Digid, Fault> {
        self.vault.unseal_json(PURPOSE, sid.as_str(), sealed)
    }

    /// Ends a session of `person`, and all that DigiD opened for them in that browser, with everything that was given in them
    /// and the line in the log: all or nothing. Gives what DigiD must be told, the newest first, once; among it a fault for
    /// each that does not open, which keeps nobody in.
    pub async fn end_sessions(
        &self,
        (sid, person): (&SessionId, &PersonId),
        browser: Option<&Hashed>,
        event: &Event<'_>,
        now: Timestamp,
    ) -> Result<Vec<Result<Digid, Fault>>, Fault> {
        let mut tx = self.db.begin().await?;
        let rows = sqlx::query(OF_BROWSER)
            .bind(sid.as_str())
            .bind(browser.map(|browser| browser.as_bytes().to_vec()))
            .bind(person.as_str())
            .bind(now.epoch())
            .fetch_all(&mut *tx)
            .await?;
        let mut opened = rows.iter().map(read_opened).collect::<Result<Vec<_>, Fault>>()?;
        opened.sort_by_key(|opened| (*sid != opened.sid, Reverse(opened.ends)));
        for ended in std::iter::once(sid).chain(opened.iter().map(|opened| &opened.sid)) {
            remove(&mut *tx, Kind::Session, ended.as_str()).await?;
            revoke_of_session(&mut tx, ended, now).await?;
        }
        tx.note(event, now);
        tx.commit().await?;
        Ok(opened.iter().map(|opened| self.open_digid(&opened.sid, &opened.sealed)).collect())
    }

    /// Ends every session that DigiD's request names, with its grants: all or none. Gives how many that were; `None` when
    /// the request had counted before, which exactly one caller never hears.
    pub async fn end_digid_sessions(
        &self,
        logout: &LogoutRequest,
        now: Timestamp,
    ) -> Result<Option<usize>, Fault> {
        let name = self.name_hash(&logout.bsn);
        let mut tx = self.db.begin().await?;
        let first = sqlx::query(
            "INSERT INTO digid_logouts (mark, name_hash, issued, ends, index_hash) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT DO NOTHING",
        )
        .bind(Secret::new(logout.id.as_str()).hashed().hex())
        .bind(name.as_slice())
        .bind(logout.issued.epoch())
        .bind(logout.issued.plus(REMEMBER).epoch())
        .bind(logout.session.as_deref().map(|index| self.index_hash(index)))
        .execute(&mut *tx)
        .await?;
        if first.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(None);
        }
        let ended = match logout.session.as_deref() {
            None => sqlx::query(OF_NAME).bind(name),
            // A session of which DigiD told no index could be the one that is meant.
            Some(index) => sqlx::query(OF_INDEX).bind(name).bind(self.index_hash(index)),
        };
        let ended = ended.fetch_all(&mut *tx).await?;
        let event = |outcome| Event { event: "logout.digid", outcome, ..Event::default() };
        let mut lived = 0;
        for row in &ended {
            let (sid, person) = (SessionId::from_stored(row.text("sid")?), row.text("person_id")?);
            // One that a later login took the place of has ended.
            if remove(&mut *tx, Kind::Session, sid.as_str()).await? {
                lived += 1;
                revoke_of_session(&mut tx, &sid, now).await?;
                tx.note(&Event { actor: Some(&person), ..event("ok") }, now);
            }
        }
        if lived == 0 {
            tx.note(&event("nobody"), now);
        }
        tx.commit().await?;
        Ok(Some(lived))
    }

    /// Keeps what is needed when a browser comes back from DigiD, under the hash of its RelayState.
    pub async fn begin_leaving<T: Serialize>(
        &self,
        relay_state: &Hashed,
        leaving: &T,
        ends: Timestamp,
    ) -> Result<(), Fault> {
        let name = URL_SAFE_NO_PAD.encode(relay_state.as_bytes());
        self.keep(self.ephemeral.seal(Kind::Leaving, name, leaving, ends)?).await
    }

    /// Whether a browser of that RelayState is away. Writes nothing.
    pub async fn is_away(&self, relay_state: &Hashed, now: Timestamp) -> Result<bool, Fault> {
        let name = URL_SAFE_NO_PAD.encode(relay_state.as_bytes());
        Ok(self.ephemeral.read::<serde_json::Value>(Kind::Leaving, &name, now).await?.is_some())
    }

    /// What was kept under the hash of a RelayState, once.
    pub async fn end_leaving<T: DeserializeOwned>(
        &self,
        relay_state: &Hashed,
        now: Timestamp,
    ) -> Result<Option<T>, Fault> {
        self.ephemeral.take(Kind::Leaving, &URL_SAFE_NO_PAD.encode(relay_state.as_bytes()), now).await
    }

    fn name_hash(&self, bsn: &Bsn) -> Vec<u8> {
        self.vault.keyed_hash("digid.session.name", bsn.digits())
    }

    fn index_hash(&self, index: &str) -> Vec<u8> {
        self.vault.keyed_hash("digid.session.index", index)
    }
}

const OF_NAME: &str = "DELETE FROM digid_sessions WHERE name_hash = $1 RETURNING sid, person_id";
const OF_INDEX: &str = "DELETE FROM digid_sessions WHERE name_hash = $1 AND (index_hash IS NULL OR index_hash = $2) \
                        RETURNING sid, person_id";

const OF_BROWSER: &str = "DELETE FROM digid_sessions WHERE (sid = $1 OR (browser_hash = $2 AND person_id = $3)) \
                          AND ends > $4 RETURNING sid, name_sealed, ends";

/// A row of a session that DigiD opened.
struct Row {
    sid: SessionId,
    sealed: Vec<u8>,
    ends: Timestamp,
}

fn read_opened(row: &AnyRow) -> Result<Row, Fault> {
    let sid = SessionId::from_stored(row.text("sid")?);
    Ok(Row { sid, sealed: row.try_get("name_sealed")?, ends: row.time("ends")? })
}

#[cfg(test)]
mod tests;
