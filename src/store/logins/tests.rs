//! Against a real SQLite file: what belongs to a step is written with it or not at all, and one of many ends a login.

use sqlx::Row;

use super::{super::pushed::DROP_OF_ONE, *};
use crate::{
    domain::{ask::tests::ask, assurance::Level, secret::Secret, session::Session},
    store::testing::{Fresh, fresh, somebody},
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_epoch(seconds)
}

const EVENT: Event<'_> = Event {
    event: "e",
    outcome: "o",
    actor: None,
    represented: None,
    client: None,
    detail: None,
    listed: &[],
};

/// A store with a login, and the version under which it stands.
struct Under(Fresh, Versioned<Login<Step>>);

impl Under {
    async fn way() -> Self {
        let fresh = fresh().await;
        let login = Login::start(ask(), Secret::token("").hashed(), at(0)).any();
        fresh.store.begin_login(&login).await.unwrap();
        let read = fresh.store.login(&login.id, at(1)).await.unwrap().unwrap();
        Self(fresh, read)
    }

    async fn session(&self) -> Session {
        let (account, person) = somebody(&self.0.store).await;
        Session {
            sid: SessionId::random(),
            secret: Secret::token("").hashed(),
            account,
            person,
            era: 0,
            level: Level::Local,
            auth_time: at(1),
            seen: at(1),
            ends: at(999),
            authority: None,
            device: None,
            by_app: false,
        }
    }

    /// What begins when the login ends.
    fn begun(&self, session: &Session) -> [New; 2] {
        let store = &self.0.store;
        let code = store.new_code(&Secret::token("").hashed(), &"good for", at(60)).unwrap();
        [store.new_session(session, 900).unwrap(), code]
    }

    async fn end(&self, version: i64, older: &Session, begun: [New; 2]) -> Result<Ended, Fault> {
        let (login, older, begun) = (&self.1.value.id, Some(&older.sid), begun.into());
        self.0
            .store
            .finish_login(
                &Ending {
                    login,
                    version,
                    older,
                    begun,
                    agreed: None,
                    digid: None,
                    pushed: None,
                    event: EVENT,
                },
                at(2),
            )
            .await
    }

    /// How many logins, sessions and codes there are, and lines of [`EVENT`].
    async fn kept(&self) -> [i64; 4] {
        let row = sqlx::query(
            "SELECT COUNT(CASE WHEN kind = 'login' THEN 1 END) AS a, \
             COUNT(CASE WHEN kind = 'session' THEN 1 END) AS b, COUNT(CASE WHEN kind = 'code' THEN 1 END) AS c, \
             (SELECT COUNT(*) FROM audit WHERE event = 'e') AS d FROM ephemeral",
        )
        .fetch_one(self.0.store.db.reader())
        .await
        .unwrap();
        ["a", "b", "c", "d"].map(|name| row.try_get(name).unwrap())
    }
}

#[tokio::test]
async fn a_login_ends_with_all_that_comes_of_it_or_not_at_all() {
    let under = Under::way().await;
    let (store, older, session) = (&under.0.store, under.session().await, under.session().await);
    store.begin_session(&older).await.unwrap();
    // The last thing to be kept cannot be: a session of that id is there.
    let [new, _] = under.begun(&session);
    let other = under.session().await;
    let [taken, _] = under.begun(&other);
    store.begin_session(&other).await.unwrap();
    let fault = under.end(1, &older, [new, taken]).await.unwrap_err();
    assert!(fault.to_string().contains("UNIQUE"), "{fault}");
    assert_eq!(under.kept().await, [1, 2, 0, 0]);
    // Somebody moved the login meanwhile.
    assert!(store.move_login(&under.1).await.unwrap());
    assert_eq!(under.end(1, &older, under.begun(&session)).await.unwrap(), Ended::Late);
    assert_eq!(under.kept().await, [1, 2, 0, 0]);

    assert_eq!(under.end(2, &older, under.begun(&session)).await.unwrap(), Ended::Here);
    assert_eq!(under.kept().await, [0, 2, 1, 1]);
    let lives = |session: Session| async move { store.session_by_sid(&session.sid, 99, at(3)).await };
    assert!(lives(older).await.unwrap().is_none() && lives(session).await.unwrap().is_some());
}

#[tokio::test]
async fn of_twenty_that_end_one_login_one_begins_a_session() {
    let under = Under::way().await;
    let older = under.session().await;
    let mut ends = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (store, session) = (under.0.store.clone(), under.session().await);
        let (id, older, begun) = (under.1.value.id.clone(), older.sid.clone(), under.begun(&session));
        ends.spawn(async move {
            let (older, begun) = (Some(&older), begun.into());
            let ending = Ending {
                login: &id,
                version: 1,
                older,
                begun,
                agreed: None,
                digid: None,
                pushed: None,
                event: EVENT,
            };
            store.finish_login(&ending, at(2)).await.unwrap()
        });
    }
    assert_eq!(ends.join_all().await.into_iter().filter(|ended| *ended == Ended::Here).count(), 1);
    assert_eq!(under.kept().await, [0, 1, 1, 1]);
}

#[tokio::test]
async fn what_gives_way_is_found_and_deleted_by_an_index() {
    let fresh = fresh().await;
    for statement in [DROP_UNPROVEN, DROP_OF_ONE] {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::query(explain).fetch_all(fresh.store.db.reader()).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.try_get("detail").unwrap()).collect();
        let plan = plan.join("; ");
        for step in ["(kind=? AND name=?)", "ephemeral_stays (kind=? AND stays=?)"] {
            assert!(plan.contains(step), "{plan}");
        }
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[tokio::test]
async fn only_a_mail_that_goes_out_is_counted() {
    use Counted::{Late, Moved, UsedUp};
    let Under(fresh, mut login) = Under::way().await;
    let ration = Ration { whom: "a@x.nl", free: ("mail", 2, 100), spaced: ("mail-spaced", 50) };
    let mut told = Vec::new();
    // The third comes late, and would have been one too many had it been counted.
    for late in [false, true, false, false, false, false] {
        login.version -= i64::from(late);
        let mailing = fresh.store.move_login_counted(&login, ration, at(1)).await.unwrap();
        login.version += i64::from(late) + i64::from(mailing == Moved);
        told.push(mailing);
    }
    assert_eq!(told, [Moved, Late, Moved, Moved, UsedUp, UsedUp]);
    let stands = fresh.store.login(&login.value.id, at(2)).await.unwrap().unwrap();
    assert_eq!(stands.version, login.version, "a login moved without its mail");
    let later = fresh.store.move_login_counted(&login, ration, at(52)).await.unwrap();
    assert_eq!(later, Moved);
}

#[tokio::test]
async fn a_wrong_code_is_counted_once_with_the_step_it_spoils() {
    let Under(fresh, login) = Under::way().await;
    let mut wrong = Wrong { login: &login, over: false, count: Some(("mail", "a@x.nl", 100)), event: EVENT };
    assert!(fresh.store.fail_login(&wrong, at(1)).await.unwrap());
    assert!(!fresh.store.fail_login(&wrong, at(1)).await.unwrap());
    wrong.over = true;
    assert!(!fresh.store.fail_login(&wrong, at(1)).await.unwrap());
    let newer = Versioned { version: 2, ..login.clone() };
    wrong.login = &newer;
    assert!(fresh.store.fail_login(&wrong, at(1)).await.unwrap());
    assert!(fresh.store.login(&login.value.id, at(1)).await.unwrap().is_none());
    assert_eq!(fresh.store.bump("mail", "a@x.nl", 100, at(1)).await.unwrap(), 3);
    assert_eq!(Under(fresh, login).kept().await[3], 2);
}
