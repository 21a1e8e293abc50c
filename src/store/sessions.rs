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
        let sid = SessionId::from_stored(sid);
        let Some((mut found, born)) = self.live_session(&sid, idle, now).await? else { return Ok(None) };
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
        Ok(self.live_session(sid, idle, now).await?.map(|(found, _)| found.value))
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
        domain::{assurance::Level, email::Email, id::AccountId, session::tests::session},
        store::{
            accounts::Owner,
            testing::{fresh, now, somebody},
        },
    };

    /// A session of somebody, its account and its cookie.
    async fn begun(store: &Store) -> (AccountId, Secret) {
        let (account, person) = somebody(store).await;
        let secret = Secret::token("");
        let session = Session {
            secret: secret.hashed(),
            era: store.account(&account).await.unwrap().unwrap().era,
            account: account.clone(),
            person,
            level: Level::Midden,
            auth_time: now(),
            seen: now(),
            ends: now().plus(8 * 3600),
            ..session()
        };
        store.begin_session(&session).await.unwrap();
        (account, Secret::new(format!("{}.{}", session.sid, secret.expose())))
    }

    /// DigiD allows fifteen minutes without a visit.
    #[tokio::test]
    async fn a_session_that_nobody_visits_ends() {
        let fresh = fresh().await;
        let (_, cookie) = begun(&fresh.store).await;
        let visit = async |seconds: i64| {
            fresh.store.visit_session(&cookie, 900, now().plus(seconds)).await.unwrap().is_some()
        };
        // Each visit gives another fifteen minutes, and not a second more.
        assert!(visit(899).await && visit(899 + 899).await);
        assert!(!visit(899 + 899 + 900).await);
        let (sid, _) = cookie.expose().split_once('.').unwrap();
        let others = Secret::new(format!("{sid}.{}", Secret::token("").expose()));
        assert!(fresh.store.visit_session(&others, 900, now()).await.unwrap().is_none());
    }

    /// What stands in the clear finds whose it is; who writes there makes it nobody else's.
    #[tokio::test]
    async fn whose_a_session_is_stands_under_its_seal() {
        let fresh = fresh().await;
        let (account, cookie) = begun(&fresh.store).await;
        let email = Email::parse("iemand.anders@voorbeeld.nl").unwrap();
        let other = fresh.store.create_account(&Owner::New, &email, None, now()).await.unwrap().unwrap();
        for (owner, is_visited) in [(&other, false), (&account, true)] {
            sqlx::query("UPDATE ephemeral SET owner = $1 WHERE kind = 'session'")
                .bind(owner.as_str())
                .execute(fresh.store.db.writer())
                .await
                .unwrap();
            let visited = fresh.store.visit_session(&cookie, 900, now()).await.unwrap();
            assert_eq!(visited.is_some(), is_visited, "{owner}");
        }
    }
}
