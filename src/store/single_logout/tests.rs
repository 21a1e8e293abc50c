//! Against a real SQLite: what was remembered goes with its session, and DigiD's requests count once.

use sqlx::Row as _;

use super::*;
use crate::{
    domain::{
        ask::tests::ask,
        assurance::Level,
        grant::{Grant, RefreshToken, tests::grant},
        id::{AccountId, PersonId},
        login::Login,
    },
    store::{
        logins::{Ended, Ending},
        testing::{Fresh, fresh, somebody},
    },
};

const BSN: &str = "111222333";
const OTHER: &str = "999990019";
const EVENT: Event<'_> = Event {
    event: "e",
    outcome: "o",
    actor: None,
    represented: None,
    client: None,
    detail: None,
    listed: &[],
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_epoch(seconds)
}

fn bsn(digits: &str) -> Bsn {
    Bsn::parse(digits).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test's own proof")]
fn proof(digits: &str, index: Option<&str>, when: i64) -> Proof<Digid> {
    let session = index.map(str::to_owned);
    Proof::attest(Digid { bsn: bsn(digits), level: Level::Midden, session, authority: None }, at(when))
}

struct There {
    fresh: Fresh,
    who: (AccountId, PersonId),
}

impl There {
    async fn new() -> Self {
        let fresh = fresh().await;
        let who = somebody(&fresh.store).await;
        Self { fresh, who }
    }

    fn store(&self) -> &Store {
        &self.fresh.store
    }

    /// Ends a login in a browser of its own at second 10, as the flows do. `None` when no session came of it.
    async fn log_in(&self, proof: &Proof<Digid>) -> Option<Session> {
        self.log_in_with(&Secret::token("").hashed(), proof, None, 500).await
    }

    async fn log_in_with(
        &self,
        browser: &Hashed,
        proof: &Proof<Digid>,
        older: Option<&SessionId>,
        ends: i64,
    ) -> Option<Session> {
        let store = self.store();
        let login = Login::start(ask(), browser.clone(), at(10));
        let id = login.id.clone();
        store.begin_login(&login.any()).await.unwrap();
        let session = Session {
            sid: SessionId::random(),
            secret: Secret::token("").hashed(),
            account: self.who.0.clone(),
            person: self.who.1.clone(),
            era: 0,
            level: Level::Midden,
            auth_time: proof.at(),
            seen: at(10),
            ends: at(ends),
            authority: None,
            device: None,
            by_app: false,
        };
        let code = store.new_code(&Secret::token("").hashed(), &"good for", at(60)).unwrap();
        let begun = vec![store.new_session(&session, 900).unwrap(), code];
        let digid = Some(Opened { session: &session, proof, browser });
        let ending =
            Ending { login: &id, version: 1, older, begun, agreed: None, digid, pushed: None, event: EVENT };
        (store.finish_login(&ending, at(10)).await.unwrap() == Ended::Here).then_some(session)
    }

    async fn lives(&self, session: &Session) -> bool {
        self.store().session_by_sid(&session.sid, 900, at(20)).await.unwrap().is_some()
    }

    async fn logout(&self, id: &str, digits: &str, session: Option<&str>, issued: i64) -> Option<usize> {
        let (id, session) = (id.to_owned(), session.map(str::to_owned));
        let logout = LogoutRequest { id, bsn: bsn(digits), session, issued: at(issued) };
        self.store().end_digid_sessions(&logout, at(issued)).await.unwrap()
    }

    async fn count(&self, statement: &'static str) -> i64 {
        let row = sqlx::query(statement).fetch_one(self.store().db.reader()).await.unwrap();
        row.try_get(0).unwrap()
    }

    /// Whether DigiD could still be told of it.
    async fn row_of(&self, session: &Session) -> bool {
        let row = sqlx::query("SELECT sid FROM digid_sessions WHERE sid = $1").bind(session.sid.as_str());
        row.fetch_optional(self.store().db.reader()).await.unwrap().is_some()
    }

    async fn remembered(&self) -> i64 {
        self.count("SELECT COUNT(*) FROM digid_sessions").await
    }
}

#[tokio::test]
async fn what_digid_called_a_session_comes_out_once_when_it_ends() {
    let there = There::new().await;
    let proof = proof(BSN, Some("_index"), 5);
    let session = there.log_in(&proof).await.unwrap();
    let whose = (&session.sid, &session.person);
    let end = async || opened(there.store().end_sessions(whose, None, &EVENT, at(11)).await.unwrap());
    assert_eq!(end().await, [proof.of().clone()]);
    assert_eq!(end().await, []);
}

/// What DigiD is to be told, where all of it opens.
fn opened(told: Vec<Result<Digid, Fault>>) -> Vec<Digid> {
    told.into_iter().collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn who_signs_out_of_a_browser_is_out_of_all_that_digid_opened_for_them_there_the_newest_first() {
    let mut there = There::new().await;
    let (here, elsewhere) = (Secret::new("b").hashed(), Secret::new("c").hashed());
    let [one, two, other, away] = [(BSN, "_1"), (BSN, "_2"), (OTHER, "_3"), (BSN, "_4")]
        .map(|(digits, index)| proof(digits, Some(index), 5));
    let first = there.log_in_with(&here, &one, None, 500).await.unwrap();
    let second = there.log_in_with(&here, &two, Some(&first.sid), 20_000).await.unwrap();
    let away = there.log_in_with(&elsewhere, &away, None, 500).await.unwrap();
    let owner = there.who.clone();
    there.who = (AccountId::random(), PersonId::random());
    let somebody = there.log_in_with(&here, &other, None, 30_000).await.unwrap();
    there.who = owner;
    let here_is = async |browser| there.store().digid_was_here(browser, at(600)).await.unwrap();

    let told = there.store().end_sessions((&second.sid, &second.person), Some(&here), &EVENT, at(600)).await;
    let told = opened(told.unwrap());
    assert_eq!(told, [two.of().clone(), one.of().clone()]);
    assert!(!there.lives(&second).await);
    // Whoever else is there stays, and so does the other browser.
    assert_eq!(there.remembered().await, 2);
    assert!(there.row_of(&somebody).await && there.row_of(&away).await);
    assert!(here_is(&here).await && here_is(&elsewhere).await);
    // DigiD forgets in the end, and so do we.
    assert!(!there.store().digid_was_here(&elsewhere, at(5 + DIGIDS_LIFE)).await.unwrap());
    let (gone, late) = (SessionId::random(), at(5 + DIGIDS_LIFE));
    let over = there.store().end_sessions((&gone, &away.person), Some(&elsewhere), &EVENT, late);
    assert!(over.await.unwrap().is_empty());
}

#[tokio::test]
async fn a_request_about_a_session_that_gave_way_ends_nothing() {
    let there = There::new().await;
    let here = Secret::new("b").hashed();
    let older = there.log_in_with(&here, &proof(BSN, Some("_1"), 5), None, 500).await.unwrap();
    let newer = there.log_in_with(&here, &proof(BSN, Some("_2"), 5), Some(&older.sid), 500).await.unwrap();
    assert_eq!(there.logout("a", BSN, Some("_1"), 11).await, Some(0));
    assert!(there.lives(&newer).await);
    assert!(!there.row_of(&older).await && there.row_of(&newer).await);
    assert_eq!(there.logout("b", BSN, Some("_2"), 11).await, Some(1));
    assert!(!there.lives(&newer).await);
}

#[tokio::test]
async fn nothing_of_it_can_be_read_or_moved_to_another_session() {
    let there = There::new().await;
    let session = there.log_in(&proof(BSN, Some("_index"), 5)).await.unwrap();
    let row = sqlx::query("SELECT * FROM digid_sessions").fetch_one(there.store().db.reader()).await.unwrap();
    for column in ["name_hash", "index_hash", "name_sealed"] {
        let bytes: Vec<u8> = row.try_get(column).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!holds(BSN) && !holds("_index"), "{column}");
    }
    let sealed: Vec<u8> = row.try_get("name_sealed").unwrap();
    assert!(there.store().open_digid(&session.sid, &sealed).is_ok());
    assert!(there.store().open_digid(&SessionId::random(), &sealed).is_err());
}

#[tokio::test]
async fn digid_ends_the_sessions_that_it_names() {
    let there = There::new().await;
    let one = there.log_in(&proof(BSN, Some("_1"), 5)).await.unwrap();
    let two = there.log_in(&proof(BSN, Some("_2"), 5)).await.unwrap();
    let bare = there.log_in(&proof(BSN, None, 5)).await.unwrap();
    let other = there.log_in(&proof(OTHER, Some("_1"), 5)).await.unwrap();
    let held =
        Grant { account: one.account.clone(), person: one.person.clone(), sid: one.sid.clone(), ..grant() };
    let (code, refresh) = (Secret::token("").hashed(), RefreshToken::first());
    assert!(there.store().begin_grant(&held, &code, &refresh).await.unwrap());

    assert_eq!(there.logout("a", BSN, Some("_3"), 11).await, Some(1), "the one without an index");
    assert_eq!(
        [there.lives(&one).await, there.lives(&two).await, there.lives(&bare).await],
        [true, true, false]
    );
    assert_eq!(there.logout("b", BSN, Some("_1"), 11).await, Some(1));
    assert_eq!([there.lives(&one).await, there.lives(&two).await], [false, true]);
    assert!(there.store().grant(&held.id).await.unwrap().unwrap().revoked_at.is_some());
    assert_eq!(there.logout("c", BSN, None, 11).await, Some(1));
    assert_eq!([there.lives(&two).await, there.lives(&other).await], [false, true]);
    assert_eq!(there.logout("d", BSN, None, 11).await, Some(0));
    let lines =
        "SELECT COUNT(*) FROM audit WHERE event = 'logout.digid' AND outcome = 'ok' AND actor IS NOT NULL";
    assert_eq!(there.count(lines).await, 3);
    let nobody = "SELECT COUNT(*) FROM audit WHERE event = 'logout.digid' AND outcome = 'nobody'";
    assert_eq!((there.count(nobody).await, there.remembered().await), (1, 1));
}

#[tokio::test]
async fn of_twenty_times_one_request_one_counts() {
    let there = There::new().await;
    there.log_in(&proof(BSN, None, 5)).await.unwrap();
    let mut race = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let store = there.store().clone();
        race.spawn(async move {
            let logout = LogoutRequest { id: "a".into(), bsn: bsn(BSN), session: None, issued: at(11) };
            store.end_digid_sessions(&logout, at(11)).await.unwrap()
        });
    }
    let ended: Vec<usize> = race.join_all().await.into_iter().flatten().collect();
    assert_eq!(ended, [1]);
    let again = there.log_in(&proof(BSN, None, 11)).await.unwrap();
    assert_eq!(there.logout("a", BSN, None, 11).await, None);
    assert!(there.lives(&again).await);
}

#[tokio::test]
async fn a_login_proven_before_digid_logged_its_user_out_ends_without_a_session() {
    let there = There::new().await;
    there.logout("a", BSN, Some("_1"), 6).await;
    let before = there.count("SELECT COUNT(*) FROM ephemeral").await;
    // The one that was named, and one that DigiD gave no name: it could be that one.
    for index in [Some("_1"), None] {
        assert!(there.log_in(&proof(BSN, index, 5)).await.is_none(), "{index:?}");
    }
    assert_eq!(
        there.count("SELECT COUNT(*) FROM ephemeral").await,
        before,
        "no login, session or code is left"
    );
    assert_eq!(
        there.count("SELECT COUNT(*) FROM audit WHERE event = 'e' AND outcome = 'logged_out'").await,
        2
    );
    // The twins: another session, proven since, and somebody else.
    assert!(there.log_in(&proof(BSN, Some("_2"), 5)).await.is_some());
    assert!(there.log_in(&proof(BSN, Some("_1"), 6)).await.is_some());
    assert!(there.log_in(&proof(OTHER, Some("_1"), 5)).await.is_some());
    // Without a name all are meant.
    there.logout("b", BSN, None, 6).await;
    assert!(there.log_in(&proof(BSN, Some("_2"), 5)).await.is_none());
}

#[tokio::test]
async fn a_sweep_takes_what_has_ended() {
    let there = There::new().await;
    there.log_in(&proof(BSN, None, 5)).await.unwrap();
    there.logout("a", OTHER, None, 6).await;
    there.store().begin_leaving(&Secret::new("r").hashed(), &"x", at(900)).await.unwrap();
    let marks = "SELECT COUNT(*) FROM digid_logouts";
    there.store().sweep(at(5 + REMEMBER)).await.unwrap();
    assert_eq!((there.remembered().await, there.count(marks).await), (1, 1));
    there.store().sweep(at(6 + REMEMBER)).await.unwrap();
    assert_eq!((there.remembered().await, there.count(marks).await), (1, 0));
    there.store().sweep(at(4 + DIGIDS_LIFE)).await.unwrap();
    assert_eq!(there.remembered().await, 1);
    there.store().sweep(at(5 + DIGIDS_LIFE)).await.unwrap();
    assert_eq!(there.remembered().await, 0);
    assert_eq!(there.count("SELECT COUNT(*) FROM ephemeral").await, 0);
}

#[tokio::test]
async fn a_browser_that_is_away_comes_back_once_and_in_time() {
    let there = There::new().await;
    let (store, hash) = (there.store(), Secret::new("r").hashed());
    store.begin_leaving(&hash, &"one".to_owned(), at(900)).await.unwrap();
    assert_eq!(store.end_leaving::<String>(&Secret::new("s").hashed(), at(1)).await.unwrap(), None);
    assert_eq!(store.end_leaving::<String>(&hash, at(899)).await.unwrap().as_deref(), Some("one"));
    assert_eq!(store.end_leaving::<String>(&hash, at(1)).await.unwrap(), None);
    store.begin_leaving(&hash, &"two".to_owned(), at(900)).await.unwrap();
    assert_eq!(store.end_leaving::<String>(&hash, at(900)).await.unwrap(), None);
}
