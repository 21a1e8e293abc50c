//! Every end of a session is told, to each who was given something in it, once: against a real SQLite.

use super::*;
use crate::{
    domain::{
        assurance::Level,
        grant::{Grant, RefreshToken, tests::grant as of_nobody},
        id::GrantId,
        mandate::Relation,
        secret::Secret,
        session::Session,
    },
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

/// A session of somebody's, visited at 10 and over at 1000, in which each of these clients was given something.
async fn session(fresh: &Fresh, idle: i64, clients: &[&str]) -> Session {
    let store = &fresh.store;
    let (account, person) = somebody(store).await;
    let session = Session {
        sid: SessionId::random(),
        secret: Secret::token("").hashed(),
        account,
        person,
        era: 0,
        level: Level::Local,
        auth_time: at(5),
        seen: at(10),
        ends: at(1000),
        authority: None,
        device: None,
        by_app: false,
    };
    store.keep(store.new_session(&session, idle).unwrap()).await.unwrap();
    for client in clients {
        let grant = Grant {
            id: GrantId::random(),
            client_id: (*client).to_owned(),
            account: session.account.clone(),
            person: session.person.clone(),
            sid: session.sid.clone(),
            ends: session.ends,
            ..of_nobody()
        };
        let code = Secret::token("").hashed();
        assert!(store.begin_grant(&grant, &code, &RefreshToken::first()).await.unwrap());
    }
    session
}

/// Who is to be told at that moment, of which session.
async fn due(fresh: &Fresh, now: i64) -> Vec<(SessionId, String)> {
    let claimed = fresh.store.claim_notices(100, &[], 20, at(now)).await.unwrap();
    let mut told: Vec<_> = claimed.into_iter().map(|notice| (notice.sid, notice.client_id)).collect();
    told.sort();
    told
}

fn each(session: &Session, clients: &[&str]) -> Vec<(SessionId, String)> {
    clients.iter().map(|client| (session.sid.clone(), (*client).to_owned())).collect()
}

#[tokio::test]
async fn whoever_was_given_something_is_told_once_however_often_the_session_ends() {
    let fresh = fresh().await;
    let other = session(&fresh, 900, &["a"]).await;
    let session = session(&fresh, 900, &["a", "b", "a"]).await;
    assert_eq!(due(&fresh, 20).await, [], "nothing ended");
    fresh.store.end_sessions((&session.sid, &session.person), None, &EVENT, at(20)).await.unwrap();
    fresh.store.end_sessions((&session.sid, &session.person), None, &EVENT, at(21)).await.unwrap();
    assert_eq!(due(&fresh, 22).await, each(&session, &["a", "b"]));
    assert_eq!(due(&fresh, 41).await, [], "claimed");
    assert_eq!(due(&fresh, 42).await.len(), 2, "the lease is over, and nobody settled them");
    // A new password ends the other session, and this one again.
    let account = fresh.store.account(&other.account).await.unwrap().unwrap();
    assert!(fresh.store.replace_password(&account, "hash", "password.reset", at(43)).await.unwrap());
    assert_eq!(due(&fresh, 43).await, each(&other, &["a"]));
    fresh.store.sweep(at(2000)).await.unwrap();
    assert_eq!(due(&fresh, 61).await.len(), 0);
}

#[tokio::test]
async fn a_session_that_nobody_visits_any_more_is_ended_by_the_sweeper_with_all_that_was_given_in_it() {
    let fresh = fresh().await;
    let (idle, long) = (session(&fresh, 100, &["a"]).await, session(&fresh, 9999, &["a", "b"]).await);
    fresh.store.sweep(at(109)).await.unwrap();
    assert_eq!(due(&fresh, 109).await, []);
    fresh.store.sweep(at(110)).await.unwrap();
    assert_eq!(due(&fresh, 110).await, each(&idle, &["a"]));
    let revoked = "SELECT COUNT(*) FROM grants WHERE revoked_at = 110";
    assert_eq!(fresh.count(revoked).await, 1);
    // A visit puts it off, and the end is the end in any case.
    let found = fresh.store.live_session(&long.sid, 9999, at(900)).await.unwrap();
    fresh.store.note_visit(&mut found.unwrap().0, 90, at(900)).await.unwrap();
    fresh.store.sweep(at(989)).await.unwrap();
    assert_eq!(due(&fresh, 989).await, each(&idle, &["a"]), "only the one whose lease is over");
    fresh.store.sweep(at(5000)).await.unwrap();
    assert_eq!(due(&fresh, 990).await, [], "told from 5000 on");
    assert_eq!(due(&fresh, 5000).await.len(), 3);
    assert_eq!(fresh.count("SELECT COUNT(*) FROM grants").await, 0, "swept, after they were read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_who_claim_at_once_one_gets_it() {
    let fresh = fresh().await;
    let session = session(&fresh, 900, &["a"]).await;
    fresh.store.end_sessions((&session.sid, &session.person), None, &EVENT, at(20)).await.unwrap();
    let tries: Vec<_> = (0..100)
        .map(|_| {
            let store = fresh.store.clone();
            tokio::spawn(async move { store.claim_notices(4, &[], 20, at(20)).await.unwrap().len() })
        })
        .collect();
    let mut claimed = 0;
    for one in tries {
        claimed += one.await.unwrap();
    }
    assert_eq!(claimed, 1);
}

#[tokio::test]
async fn who_is_busy_is_passed_over_and_who_was_tried_least_comes_first() {
    let fresh = fresh().await;
    let (one, two) = (session(&fresh, 900, &["a", "b"]).await, session(&fresh, 900, &["c"]).await);
    fresh.store.end_sessions((&one.sid, &one.person), None, &EVENT, at(20)).await.unwrap();
    let claim = async |most, busy: &'static [&str], now| {
        fresh.store.claim_notices(most, busy, 20, at(now)).await.unwrap()
    };
    assert_eq!(claim(4, &["a", "b"], 20).await, []);
    assert_eq!(claim(4, &["a"], 20).await[0].client_id, "b");
    let first = claim(4, &[], 20).await;
    assert_eq!((first.len(), first[0].client_id.as_str(), first[0].tries), (1, "a", 1));
    // Due later than the others, and first all the same.
    fresh.store.end_sessions((&two.sid, &two.person), None, &EVENT, at(50)).await.unwrap();
    assert_eq!(claim(1, &[], 50).await[0].client_id, "c");
}

#[tokio::test]
async fn what_is_put_off_comes_again_and_what_is_settled_never_does() {
    let fresh = fresh().await;
    let session = session(&fresh, 900, &["a"]).await;
    fresh.store.end_sessions((&session.sid, &session.person), None, &EVENT, at(20)).await.unwrap();
    let claim = async |now| fresh.store.claim_notices(4, &[], 20, at(now)).await.unwrap().pop();
    let first = claim(20).await.unwrap();
    fresh.store.put_off_notice(&first, at(300)).await.unwrap();
    assert_eq!(claim(299).await, None);
    let second = claim(300).await.unwrap();
    assert_eq!((first.tries, second.tries), (1, 2));
    // The first caller comes back late: the second has it.
    fresh.store.put_off_notice(&first, at(301)).await.unwrap();
    assert_eq!(claim(301).await, None);
    for _ in 0..2 {
        fresh.store.settle_notice(&second, Some(&EVENT), at(310)).await.unwrap();
    }
    assert_eq!(fresh.count("SELECT COUNT(*) FROM audit WHERE event = 'e' AND at = 310").await, 1);
    fresh.store.put_off_notice(&second, at(311)).await.unwrap();
    assert_eq!(claim(9999).await, None);
    // It stays as long as anything could end the session again, and no longer.
    fresh.store.sweep(at(19 + KEPT)).await.unwrap();
    assert_eq!(fresh.count("SELECT COUNT(*) FROM notices").await, 1);
    fresh.store.sweep(at(20 + KEPT)).await.unwrap();
    assert_eq!(fresh.count("SELECT COUNT(*) FROM notices").await, 0);
}

/// A portal that answers slowly was told of one mandate, and of the next it was not.
#[tokio::test]
async fn m9_what_was_told_settles_nothing_that_came_meanwhile() {
    let fresh = fresh().await;
    let child = fresh.person("Sam", "2019-01-01").await;
    let session = session(&fresh, 900, &["a"]).await;
    let mandate = fresh.mandate(Relation::Parent, (&session.person, &child)).await;
    sqlx::query("UPDATE grants SET chosen = $1")
        .bind(child.as_str())
        .execute(fresh.store.db.writer())
        .await
        .unwrap();
    // All within one second.
    let ends = async || {
        let mut tx = fresh.store.db.begin().await.unwrap();
        of_mandate(&mut tx, &mandate.id, at(20)).await.unwrap();
        tx.commit().await.unwrap();
    };
    let claim = async || fresh.store.claim_notices(4, &[], 20, at(20)).await.unwrap().pop();
    ends().await;
    let slow = claim().await.unwrap();
    ends().await;
    let newer = claim().await.unwrap();
    assert_eq!((slow.tries, newer.tries), (1, 1));
    fresh.store.settle_notice(&slow, Some(&EVENT), at(20)).await.unwrap();
    fresh.store.put_off_notice(&slow, at(9999)).await.unwrap();
    assert_eq!(fresh.store.audited("e").await, 0);
    assert_eq!(claim().await, None, "somebody has it");
    let again = fresh.store.claim_notices(4, &[], 20, at(40)).await.unwrap().pop().unwrap();
    assert_eq!((&again.sid, again.ends), (&newer.sid, newer.ends), "its lease is over, and it is told again");
    // The twin: whoever told the newer one settles it, also after it was claimed again.
    fresh.store.settle_notice(&newer, Some(&EVENT), at(41)).await.unwrap();
    assert_eq!(fresh.store.audited("e").await, 1);
    assert_eq!(fresh.store.claim_notices(4, &[], 20, at(9999)).await.unwrap(), []);
}

/// The same of what an account takes back from a client twice within one second.
#[tokio::test]
async fn what_was_told_of_a_client_settles_nothing_that_came_meanwhile() {
    let fresh = fresh().await;
    let session = session(&fresh, 900, &["a"]).await;
    let ends = async || {
        let mut tx = fresh.store.db.begin().await.unwrap();
        of_client(&mut tx, &session.account, "a", at(20)).await.unwrap();
        tx.commit().await.unwrap();
    };
    let claim = async || fresh.store.claim_notices(4, &[], 20, at(20)).await.unwrap().pop();
    ends().await;
    let slow = claim().await.unwrap();
    ends().await;
    let newer = claim().await.unwrap();
    fresh.store.settle_notice(&slow, Some(&EVENT), at(20)).await.unwrap();
    assert_eq!(fresh.store.audited("e").await, 0);
    fresh.store.settle_notice(&newer, Some(&EVENT), at(20)).await.unwrap();
    assert_eq!(fresh.store.audited("e").await, 1);
}
