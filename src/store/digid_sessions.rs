//! Sessions that began with DigiD, where its single sign-on is in use: what to tell DigiD when one ends here, and which end
//! when DigiD says so. What is kept of one lives and dies with its session.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Any, Row, Transaction};

use super::{
    Store,
    audit::{Event, write_event},
    columns::Columns,
    ephemeral::{Kind, remove},
    grants::revoke_of_session,
};
use crate::domain::{
    bsn::Bsn,
    fault::Fault,
    id::SessionId,
    proof::{Digid, Proof},
    secret::{Hashed, Secret},
    session::Session,
    time::Timestamp,
};

/// What the name of somebody at DigiD is sealed for.
const PURPOSE: &str = "digid.session";
/// How long a request of DigiD counts after it was made, in seconds: longer than it would be taken, and than any login
/// that was under way then.
const REMEMBER: i64 = 3600;

/// DigiD's request to log somebody out.
#[derive(Debug, Clone, Copy)]
pub struct DigidLogout<'a> {
    /// Its ID, which counts once.
    pub id: &'a str,
    /// Whom.
    pub bsn: &'a Bsn,
    /// Only out of the session that DigiD calls so. Without it, out of all.
    pub session: Option<&'a str>,
    /// When it was made.
    pub issued: Timestamp,
}

impl Store {
    /// Keeps what DigiD must be told when `session` ends. `false` when DigiD has logged its user out since they proved who
    /// they are: then it may not begin (SAML 2.0 core, section 3.7.3.1).
    pub(super) async fn remember_digid(
        &self,
        tx: &mut Transaction<'_, Any>,
        session: &Session,
        proof: &Proof<Digid>,
    ) -> Result<bool, Fault> {
        let (digid, sid) = (proof.of(), session.sid.as_str());
        let done = sqlx::query(
            "INSERT INTO digid_sessions (sid, person_id, name_hash, index_hash, name_sealed, ends) \
             SELECT $1, $2, $3, $4, $5, $6 \
             WHERE NOT EXISTS (SELECT 1 FROM digid_logouts WHERE name_hash = $3 AND issued > $7)",
        )
        .bind(sid)
        .bind(session.person.as_str())
        .bind(self.name_hash(&digid.bsn))
        .bind(digid.session.as_deref().map(|index| self.index_hash(index)))
        .bind(self.vault.seal_json(PURPOSE, sid, digid)?)
        .bind(session.ends.epoch())
        .bind(proof.at().epoch())
        .execute(&mut **tx)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// What DigiD called the session `sid`, read from what was sealed.
    pub(super) fn open_digid(&self, sid: &SessionId, sealed: &[u8]) -> Result<Digid, Fault> {
        self.vault.unseal_json(PURPOSE, sid.as_str(), sealed)
    }

    /// Ends every session that DigiD's request names, with its grants: all or none. Gives how many that were; `None` when
    /// the request had counted before, which exactly one caller never hears.
    pub async fn end_digid_sessions(
        &self,
        logout: &DigidLogout<'_>,
        now: Timestamp,
    ) -> Result<Option<usize>, Fault> {
        let name = self.name_hash(logout.bsn);
        let mut tx = self.db.begin().await?;
        let first = sqlx::query(
            "INSERT INTO digid_logouts (mark, name_hash, issued, ends) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(Secret::new(logout.id).hashed().hex())
        .bind(name.as_slice())
        .bind(logout.issued.epoch())
        .bind(logout.issued.plus(REMEMBER).epoch())
        .execute(&mut *tx)
        .await?;
        if first.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(None);
        }
        let ended = match logout.session {
            None => sqlx::query(OF_NAME).bind(name),
            // A session of which DigiD told no index could be the one that is meant.
            Some(index) => sqlx::query(OF_INDEX).bind(name).bind(self.index_hash(index)),
        };
        let ended = ended.fetch_all(&mut *tx).await?;
        let event = |outcome| Event { event: "logout.digid", outcome, ..Event::default() };
        for row in &ended {
            let (sid, person) = (SessionId::from_stored(row.text("sid")?), row.text("person_id")?);
            remove(&mut *tx, Kind::Session, sid.as_str()).await?;
            revoke_of_session(&mut tx, &sid, now).await?;
            write_event(&mut *tx, &Event { actor: Some(&person), ..event("ok") }, now).await?;
        }
        if ended.is_empty() {
            write_event(&mut *tx, &event("nobody"), now).await?;
        }
        tx.commit().await?;
        Ok(Some(ended.len()))
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

/// Forgets what was kept of DigiD's session, inside the transaction that ends ours, and gives it as it was sealed.
pub(super) async fn forget_digid(
    tx: &mut Transaction<'_, Any>,
    sid: &SessionId,
) -> Result<Option<Vec<u8>>, Fault> {
    let row = sqlx::query("DELETE FROM digid_sessions WHERE sid = $1 RETURNING name_sealed")
        .bind(sid.as_str().to_owned())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.map(|row| row.try_get("name_sealed")).transpose()?)
}

#[cfg(test)]
mod tests;
