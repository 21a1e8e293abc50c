//! Logins under way, sealed between two requests. What belongs to a step of one is written with that step: all or nothing.

use super::{
    Store, Tx,
    audit::Event,
    client_consents::{Agreed, agree},
    ephemeral::{Kind, New, Versioned, bump, keep, remove, swap, take_as},
    grants::revoke_of_session,
    single_logout::Opened,
};
use crate::domain::{
    fault::Fault,
    id::{LoginId, SessionId},
    login::{Login, Step},
    time::Timestamp,
};

/// How many mails somebody may get, or how often an account's app is asked.
#[derive(Debug, Clone, Copy)]
pub struct Ration<'a> {
    /// Who, as [`Store::bump`] knows them.
    pub whom: &'a str,
    /// What is counted, how many of it are free, and in how many seconds.
    pub free: (&'a str, i64, i64),
    /// What is counted when those are used up: one in so many seconds.
    pub spaced: (&'a str, i64),
}

/// What came of moving a login for which something is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It moved, and was counted.
    Moved,
    /// Another request moved it first. Nothing was counted.
    Late,
    /// Nothing is left of the ration. The login stands where it stood.
    UsedUp,
}

/// A wrong code, and what it leaves.
pub struct Wrong<'a> {
    /// The login with one try less, and the version under which it was read.
    pub login: &'a Versioned<Login<Step>>,
    /// Whether that was one try too many: the login ends.
    pub over: bool,
    /// What is counted of it, for whom, and in a window of how many seconds.
    pub count: Option<(&'a str, &'a str, i64)>,
    /// The line in the log.
    pub event: Event<'a>,
}

/// The end of a login that is done, and what comes of it.
pub struct Ending<'a> {
    /// The login.
    pub login: &'a LoginId,
    /// The version under which it was read.
    pub version: i64,
    /// The session that the browser had until now.
    pub older: Option<&'a SessionId>,
    /// What begins.
    pub begun: Vec<New>,
    /// What the user agrees to for the portal that is answered.
    pub agreed: Option<Agreed<'a>>,
    /// The session that begins, where DigiD opened it and wants to be told when its user signs out.
    pub digid: Option<Opened<'a>>,
    /// The pushed request that is answered by what begins.
    pub pushed: Option<&'a str>,
    /// The line in the log.
    pub event: Event<'a>,
}

/// What came of ending a login that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Ended {
    /// It ended, and what comes of it began.
    Here,
    /// Another request moved or ended it first: nothing was written for this one.
    Late,
    /// It ended, and nothing began: DigiD had ended its session while the login was under way.
    LoggedOut,
    /// It ended, and nothing began: another login had answered the pushed request.
    Answered,
}

/// Found by the index of `(kind, stays, ends)` and deleted by the key, so that it costs what goes, however many there are.
/// `stays` is asked twice for PostgreSQL, where something may be proven in one between the look and the deletion.
pub(super) const DROP_UNPROVEN: &str = "DELETE FROM ephemeral WHERE stays = 0 AND (kind, name) IN \
     (SELECT kind, name FROM ephemeral WHERE kind = $1 AND stays = 0 ORDER BY ends LIMIT $2)";

impl Store {
    /// Keeps a new login.
    pub async fn begin_login(&self, login: &Login<Step>) -> Result<(), Fault> {
        self.keep(self.sealed_login(login)?).await
    }

    /// The login of that id, if it lives.
    pub async fn login(&self, id: &LoginId, now: Timestamp) -> Result<Option<Versioned<Login<Step>>>, Fault> {
        self.ephemeral.read(Kind::Login, id.as_str(), now).await
    }

    /// Keeps a login at its new step. `false` when another request moved it first.
    pub async fn move_login(&self, login: &Versioned<Login<Step>>) -> Result<bool, Fault> {
        swap(self.db.writer(), &self.sealed_login(&login.value)?, login.version).await
    }

    /// Keeps a login at its new step, with a line in the log. `false` when another request moved it first: then nothing was written.
    pub async fn move_login_noted(
        &self,
        login: &Versioned<Login<Step>>,
        event: &Event<'_>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let newer = self.sealed_login(&login.value)?;
        let mut tx = self.db.begin().await?;
        if !swap(&mut *tx, &newer, login.version).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.note(event, now);
        tx.commit().await?;
        Ok(true)
    }

    /// Keeps a login at its new step and counts it. Both or neither.
    pub async fn move_login_counted(
        &self,
        login: &Versioned<Login<Step>>,
        ration: Ration<'_>,
        now: Timestamp,
    ) -> Result<Counted, Fault> {
        let newer = self.sealed_login(&login.value)?;
        let mut tx = self.db.begin().await?;
        let counted = if !self.has_left(&mut tx, &ration, now).await? {
            Counted::UsedUp
        } else if swap(&mut *tx, &newer, login.version).await? {
            Counted::Moved
        } else {
            Counted::Late
        };
        if counted == Counted::Moved {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
        Ok(counted)
    }

    /// Counts one more mail, and tells whether there was one left.
    pub(super) async fn has_left(
        &self,
        tx: &mut Tx,
        ration: &Ration<'_>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let ((free, most, window), (spaced, spacing)) = (ration.free, ration.spaced);
        let (free, spaced) = (self.counter(free, ration.whom), self.counter(spaced, ration.whom));
        Ok(bump(&mut **tx, &free, window, now).await? <= most
            || bump(&mut **tx, &spaced, spacing, now).await? == 1)
    }

    /// Keeps what a wrong code left of a login, counts it and writes it down. `false` when another request moved the
    /// login first: then nothing of it was done.
    pub async fn fail_login(&self, wrong: &Wrong<'_>, now: Timestamp) -> Result<bool, Fault> {
        let (login, version) = (&wrong.login.value, wrong.login.version);
        let newer = self.sealed_login(login)?;
        let mut tx = self.db.begin().await?;
        let first = if wrong.over {
            take_as(&mut *tx, (Kind::Login, login.id.as_str(), version), now).await?
        } else {
            swap(&mut *tx, &newer, version).await?
        };
        if !first {
            tx.rollback().await?;
            return Ok(false);
        }
        if let Some((count, whom, window)) = wrong.count {
            bump(&mut *tx, &self.counter(count, whom), window, now).await?;
        }
        tx.note(&wrong.event, now);
        tx.commit().await?;
        Ok(true)
    }

    /// Ends a login, and begins what comes of it. Exactly one caller ever hears anything but [`Ended::Late`].
    pub async fn finish_login(&self, ending: &Ending<'_>, now: Timestamp) -> Result<Ended, Fault> {
        let mut tx = self.db.begin().await?;
        if !take_as(&mut *tx, (Kind::Login, ending.login.as_str(), ending.version), now).await? {
            tx.rollback().await?;
            return Ok(Ended::Late);
        }
        if let Some(name) = ending.pushed
            && !remove(&mut *tx, Kind::Pushed, name).await?
        {
            let event = Event { outcome: "answered_before", detail: None, ..ending.event.clone() };
            tx.note(&event, now);
            tx.commit().await?;
            return Ok(Ended::Answered);
        }
        if let Some(older) = ending.older {
            remove(&mut *tx, Kind::Session, older.as_str()).await?;
            revoke_of_session(&mut tx, older, now).await?;
        }
        if let Some(opened) = ending.digid
            && !self.remember_digid(&mut tx, opened).await?
        {
            let event = Event { outcome: "logged_out", detail: None, ..ending.event.clone() };
            tx.note(&event, now);
            tx.commit().await?;
            return Ok(Ended::LoggedOut);
        }
        if let Some(agreed) = ending.agreed {
            agree(&mut tx, agreed, now).await?;
        }
        if !ending.begun.is_empty() {
            keep(&mut *tx, &ending.begun).await?;
        }
        tx.note(&ending.event, now);
        tx.commit().await?;
        Ok(Ended::Here)
    }

    /// Ends a login, however far it got. `false` when another request did.
    pub async fn end_login(&self, id: &LoginId, now: Timestamp) -> Result<bool, Fault> {
        Ok(self.ephemeral.take::<Login<Step>>(Kind::Login, id.as_str(), now).await?.is_some())
    }

    /// How many logins are under way, with those that have ended and were not swept yet: that give way, and in all.
    pub async fn logins_under_way(&self) -> Result<(i64, i64), Fault> {
        Ok(sqlx::query_as(
            "SELECT COUNT(CASE WHEN stays = 0 THEN 1 END), COUNT(*) FROM ephemeral WHERE kind = 'login'",
        )
        .fetch_one(self.db.reader())
        .await?)
    }

    /// Lets go of logins in which nothing was proven, the oldest first: `most` of them at most. Tells how many.
    pub async fn drop_unproven_logins(&self, most: i64) -> Result<u64, Fault> {
        let drop = sqlx::query(DROP_UNPROVEN).bind(Kind::Login.word()).bind(most);
        let done = drop.execute(self.db.writer()).await?;
        Ok(done.rows_affected())
    }

    /// A login that begins where another ends, ready to be kept with what else comes of that.
    pub fn sealed_login(&self, login: &Login<Step>) -> Result<New, Fault> {
        let new = self.ephemeral.seal(Kind::Login, login.id.to_string(), login, login.ends)?;
        Ok(new.staying(login.step.is_proven()))
    }
}

#[cfg(test)]
mod tests;
