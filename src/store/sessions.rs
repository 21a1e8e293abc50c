//! Sessions of browsers. The cookie holds the `sid` and a secret; the store knows only the secret's hash.

use super::{
    Store,
    audit::Event,
    columns::Columns,
    ephemeral::{Kind, New, Versioned, remove},
    grants::revoke_of_session,
};
use crate::domain::{
    birth::BirthDate, fault::Fault, id::SessionId, secret::Secret, session::Session, time::Timestamp,
};

/// How many sessions one sweep ends at most, so that it never holds the writer long.
const SWEEP: i64 = 100;

/// A session that lives, and its user.
#[derive(Debug)]
pub struct Visited {
    /// The session.
    pub session: Session,
    /// When the user was born, as far as known.
    pub born: Option<BirthDate>,
}

impl Store {
    /// Keeps a new session.
    pub async fn begin_session(&self, session: &Session) -> Result<(), Fault> {
        self.keep(self.new_session(session, i64::MAX)?).await
    }

    /// A new session, ready to be kept. It is swept when nobody has visited it for `idle` seconds.
    pub fn new_session(&self, session: &Session, idle: i64) -> Result<New, Fault> {
        let new = self.ephemeral.seal(Kind::Session, session.sid.to_string(), session, session.over(idle))?;
        Ok(new.owned(session.account.as_str()))
    }

    /// The session of a cookie, if it lives, its secret fits and its account has not ended it since. Notes the visit.
    pub async fn visit_session(
        &self,
        cookie: &Secret,
        idle: i64,
        now: Timestamp,
    ) -> Result<Option<Visited>, Fault> {
        let Some((sid, secret)) = cookie.expose().split_once('.') else { return Ok(None) };
        let Some((mut found, born)) = self.live_session(sid, idle, now).await? else { return Ok(None) };
        if !found.value.secret.is_of(&Secret::new(secret)) {
            return Ok(None);
        }
        self.note_visit(&mut found, idle, now).await?;
        Ok(Some(Visited { session: found.value, born }))
    }

    /// The session that clients know as `sid`, if it lives.
    pub async fn session_by_sid(
        &self,
        sid: &SessionId,
        idle: i64,
        now: Timestamp,
    ) -> Result<Option<Session>, Fault> {
        Ok(self.live_session(sid.as_str(), idle, now).await?.map(|(found, _)| found.value))
    }

    /// Notes a visit, where the last one is long enough ago. A client that refreshes its tokens does so because its user is
    /// busy there, so that is a visit too.
    pub async fn note_visit(
        &self,
        found: &mut Versioned<Session>,
        idle: i64,
        now: Timestamp,
    ) -> Result<(), Fault> {
        if found.value.wants_note(now) {
            found.value.seen = now;
            let sid = found.value.sid.as_str();
            // Losing this race only means that another visit was noted at the same time.
            self.ephemeral.swap(Kind::Session, sid, found, found.value.over(idle)).await?;
        }
        Ok(())
    }

    pub(super) async fn live_session(
        &self,
        sid: &str,
        idle: i64,
        now: Timestamp,
    ) -> Result<Option<(Versioned<Session>, Option<BirthDate>)>, Fault> {
        let Some(found) = self.ephemeral.read::<Session>(Kind::Session, sid, now).await? else {
            return Ok(None);
        };
        // Whose it is stands under its seal, so what it rests on takes a statement of its own.
        let session = &found.value;
        let ground = self.ground((&session.account, &session.person, &session.sid), "", idle, now).await?;
        Ok(ground.and_then(|ground| Some((ground.session?, ground.born))))
    }

    /// Ends a session with everything that was given in it, and writes the line in the log: all or nothing, and nothing where
    /// it has ended.
    pub async fn end_session(&self, sid: &SessionId, event: &Event<'_>, now: Timestamp) -> Result<(), Fault> {
        let mut tx = self.db.begin().await?;
        if !remove(&mut *tx, Kind::Session, sid.as_str()).await? {
            tx.rollback().await?;
            return Ok(());
        }
        revoke_of_session(&mut tx, sid, now).await?;
        tx.note(event, now);
        tx.commit().await?;
        Ok(())
    }

    /// Ends sessions that are over, unvisited or old, with everything that was given in them: a bounded number. Tells how many.
    pub(super) async fn sweep_sessions(&self, now: Timestamp) -> Result<u64, Fault> {
        let mut tx = self.db.begin().await?;
        let rows = sqlx::query(
            "DELETE FROM ephemeral WHERE kind = $1 AND name IN \
             (SELECT name FROM ephemeral WHERE kind = $1 AND ends <= $2 LIMIT $3) AND ends <= $2 RETURNING name",
        )
        .bind(Kind::Session.word())
        .bind(now.epoch())
        .bind(SWEEP)
        .fetch_all(&mut *tx)
        .await?;
        let mut swept = 0;
        for row in rows {
            let sid = SessionId::from_stored(row.text("name")?);
            revoke_of_session(&mut tx, &sid, now).await?;
            swept += 1;
        }
        tx.commit().await?;
        Ok(swept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::assurance::Level,
        store::testing::{fresh, now, somebody},
    };

    /// DigiD allows fifteen minutes without a visit.
    #[tokio::test]
    async fn a_session_that_nobody_visits_ends() {
        let fresh = fresh().await;
        let (account, person) = somebody(&fresh.store).await;
        let secret = Secret::token("");
        let session = Session {
            sid: SessionId::random(),
            secret: secret.hashed(),
            era: fresh.store.account(&account).await.unwrap().unwrap().era,
            account,
            person,
            level: Level::Midden,
            auth_time: now(),
            seen: now(),
            ends: now().plus(8 * 3600),
            authority: None,
            device: None,
            by_app: false,
        };
        fresh.store.begin_session(&session).await.unwrap();
        let cookie = Secret::new(format!("{}.{}", session.sid, secret.expose()));
        let visit = async |seconds: i64| {
            fresh.store.visit_session(&cookie, 900, now().plus(seconds)).await.unwrap().is_some()
        };
        // Each visit gives another fifteen minutes, and not a second more.
        assert!(visit(899).await && visit(899 + 899).await);
        assert!(!visit(899 + 899 + 900).await);
        let others = Secret::new(format!("{}.{}", session.sid, Secret::token("").expose()));
        assert!(fresh.store.visit_session(&others, 900, now()).await.unwrap().is_none());
    }
}
