//! What a grant rests on beside itself: its session, its account and its user, read by one statement with the grant, for this is asked
//! more often than anything else.

use sqlx::{
    Any, AssertSqlSafe, Row,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use super::{
    Db, Store,
    batch::{Batches, placed, values},
    columns::Columns,
    ephemeral::{Kind, Versioned},
    grants::{read_family, read_grant},
    mandates::read_birth,
};
use crate::domain::{
    birth::{BirthDate, may_log_in},
    fault::Fault,
    grant::{Family, Grant},
    id::{AccountId, GrantId, PersonId, SessionId},
    secret::Hashed,
    session::Session,
    time::Timestamp,
};

/// What a grant rests on, as it stood in one instant.
#[derive(Debug)]
pub struct Ground {
    /// The session, if that lives.
    pub session: Option<Versioned<Session>>,
    /// When the user was born, as far as known.
    pub born: Option<BirthDate>,
    /// The `sub` under which the client's sector knows the user, once it was told one.
    pub sub: Option<String>,
    /// The era of the account, while it has a password.
    pub era: Option<i64>,
}

/// A family, and all that a refresh depends on, as it stood in one instant.
#[derive(Debug)]
pub struct Refreshing {
    /// The family.
    pub family: Family,
    /// What its grant rests on.
    pub ground: Ground,
}

/// A statement with what was bound to it so far.
type Statement = Query<'static, Any, AnyArguments>;
/// Looks up by `T` what rests on a ground, and the ground itself; beside it stands the sector for which the user's `sub` is wanted.
type Grounds<T> = Batches<(T, String), Option<AnyRow>>;

pub(super) type OfFamilies = Grounds<Hashed>;
pub(super) type OfGrants = Grounds<GrantId>;
pub(super) type OfSessions = Grounds<(AccountId, PersonId, SessionId)>;
pub(super) type OfVisits = Grounds<SessionId>;

pub(super) fn of_families(db: Db) -> OfFamilies {
    let of = "SELECT grants.*, v.column1 AS place, v.column2 AS sector FROM v JOIN grants ON family_hash = v.column3";
    grounds(db, of, 3, |query, family| query.bind(family.as_bytes()))
}

pub(super) fn of_grants(db: Db) -> OfGrants {
    let of = "SELECT grants.*, v.column1 AS place, v.column2 AS sector FROM v JOIN grants ON id = v.column3";
    grounds(db, of, 3, |query, id| query.bind(id.as_str()))
}

pub(super) fn of_sessions(db: Db) -> OfSessions {
    let of = "SELECT column1 AS place, column2 AS sector, column3 AS account_id, column4 AS person_id, column5 AS sid FROM v";
    grounds(db, of, 5, |query, (account, person, sid)| {
        query.bind(account.as_str()).bind(person.as_str()).bind(sid.as_str())
    })
}

pub(super) fn of_visits(db: Db) -> OfVisits {
    let of = "SELECT v.column1 AS place, v.column2 AS sector, o.id AS account_id, o.person_id AS person_id, v.column3 AS sid \
              FROM v JOIN ephemeral k ON k.kind = 'session' AND k.name = v.column3 JOIN accounts o ON o.id = k.owner";
    grounds(db, of, 3, |query, sid| query.bind(sid.as_str()))
}

/// `of` selects from `v`, which has so many columns: the place, the sector, and what `bind` puts there. It gives `place`, `sector`,
/// `account_id`, `person_id`, `sid`, and what else is wanted.
fn grounds<T: Send + Sync + 'static>(
    db: Db,
    of: &'static str,
    columns: usize,
    bind: fn(Statement, &T) -> Statement,
) -> Grounds<T> {
    Batches::new(move |asked: Vec<(T, String)>| {
        let db = db.clone();
        async move {
            let values = values(asked.len(), columns);
            let statement = format!(
                "WITH v AS (VALUES {values}), g AS ({of}) SELECT g.*, a.era AS era, \
                 CASE WHEN a.password_hash IS NULL THEN 0 ELSE 1 END AS has_password, p.birth AS birth, s.sub AS sub, \
                 e.version AS version, e.body AS body, e.ends AS kept_until \
                 FROM g JOIN accounts a ON a.id = g.account_id JOIN persons p ON p.id = g.person_id \
                 LEFT JOIN subjects s ON s.sector = g.sector AND s.person_id = g.person_id AND s.alias = 0 \
                 LEFT JOIN ephemeral e ON e.kind = 'session' AND e.name = g.sid"
            );
            let mut query = sqlx::query(AssertSqlSafe(statement));
            for (place, (of, sector)) in (0_i64..).zip(&asked) {
                query = bind(query.bind(place).bind(sector), of);
            }
            placed(query.fetch_all(db.reader()).await?, asked.len())
        }
    })
}

impl Ground {
    /// The session, for a user who may have one: tokens end with it. A child who turns out to be under twelve has none (M13).
    pub fn session_of(&self, account: &AccountId, now: Timestamp) -> Option<&Session> {
        let session = self.session.as_ref().map(|found| &found.value);
        session.filter(|session| session.account == *account && may_log_in(self.born, now))
    }
}

impl Store {
    /// The family of that hash, with what a refresh depends on. `idle` is how many seconds a session lives unvisited.
    pub async fn refreshing(
        &self,
        family: &Hashed,
        sector: &str,
        idle: i64,
        now: Timestamp,
    ) -> Result<Option<Refreshing>, Fault> {
        let row = self.of_families.ask((family.clone(), sector.to_owned())).await?;
        row.map(|row| {
            let family = read_family(&row)?;
            Ok(Refreshing { ground: self.read_ground(&row, &family.grant.sid, idle, now)?, family })
        })
        .transpose()
    }

    /// The grant of that id, with what it rests on; no `sub` is looked up.
    pub async fn grant_on_ground(
        &self,
        id: &GrantId,
        idle: i64,
        now: Timestamp,
    ) -> Result<Option<(Grant, Ground)>, Fault> {
        let row = self.of_grants.ask((id.clone(), String::new())).await?;
        row.map(|row| {
            let grant = read_grant(&row)?;
            let ground = self.read_ground(&row, &grant.sid, idle, now)?;
            Ok((grant, ground))
        })
        .transpose()
    }

    /// What a grant of this account and user in that session rests on; `None` when the account is gone.
    pub async fn ground(
        &self,
        (account, person, sid): (&AccountId, &PersonId, &SessionId),
        sector: &str,
        idle: i64,
        now: Timestamp,
    ) -> Result<Option<Ground>, Fault> {
        let of = (account.clone(), person.clone(), sid.clone());
        let row = self.of_sessions.ask((of, sector.to_owned())).await?;
        row.map(|row| self.read_ground(&row, sid, idle, now)).transpose()
    }

    /// The session that clients know as `sid`, if it lives, and when its user was born. Whose it is stands beside it in the clear, and
    /// counts only where it says the same under the seal.
    pub(super) async fn live_session(
        &self,
        sid: &SessionId,
        idle: i64,
        now: Timestamp,
    ) -> Result<Option<(Versioned<Session>, Option<BirthDate>)>, Fault> {
        let Some(row) = self.of_visits.ask((sid.clone(), String::new())).await? else { return Ok(None) };
        let ground = self.read_ground(&row, sid, idle, now)?;
        let (account, person) = (row.text("account_id")?, row.text("person_id")?);
        let theirs =
            |session: &Session| session.account.as_str() == account && session.person.as_str() == person;
        let session = ground.session.filter(|found| theirs(&found.value));
        Ok(session.map(|session| (session, ground.born)))
    }

    fn read_ground(&self, row: &AnyRow, sid: &SessionId, idle: i64, now: Timestamp) -> Result<Ground, Fault> {
        let session = self.ephemeral.open_row::<Session>(row, Kind::Session, sid.as_str())?;
        let is_kept = row.maybe_time("kept_until")?.is_some_and(|ends| now < ends);
        let era = row.try_get("era")?;
        let has_password = row.try_get::<i64, _>("has_password")? == 1;
        Ok(Ground {
            era: has_password.then_some(era),
            session: session.filter(|found| is_kept && found.value.is_alive(era, idle, now)),
            born: read_birth(row)?,
            sub: row.maybe_text("sub")?,
        })
    }
}
