//! One winner, whatever the race: against a real SQLite.

use super::*;
use crate::{
    domain::{
        grant::{Worth, tests::grant as of_nobody},
        secret::Secret,
        session::Session,
    },
    store::{
        grounds::Refreshing,
        testing::{fresh, somebody},
    },
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_epoch(seconds)
}

async fn grant(store: &Store) -> Grant {
    let (account, person) = somebody(store).await;
    Grant { account, person, ..of_nobody() }
}

/// The hash of a code that was never given out.
fn code() -> Hashed {
    Secret::token("").hashed()
}

fn rotation(grant: &Grant, used: &RefreshToken, successor: &RefreshToken, now: i64) -> Rotation {
    Rotation {
        grant: grant.clone(),
        used: used.hashed(),
        successor: Some(Successor { token: successor.hashed(), sealed: vec![now.to_le_bytes()[0]] }),
        listed: Vec::new(),
        at: at(now),
    }
}

/// The family that a token is of.
async fn family(store: &Store, token: &RefreshToken) -> Option<Refreshing> {
    store.refreshing(&token.family(), "sector", 900, at(20)).await.unwrap()
}

#[tokio::test]
async fn a_grant_reads_back_and_its_refresh_token_finds_it() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let (grant, code, refresh) = (grant(store).await, code(), RefreshToken::first());
    assert!(store.begin_grant(&grant, &code, &refresh).await.unwrap());
    assert_eq!(store.grant(&grant.id).await.unwrap().as_ref(), Some(&grant));
    assert_eq!(store.grant_of_code(&code).await.unwrap().as_ref(), Some(&grant));
    let found = family(store, &refresh.successor()).await.unwrap().family;
    assert!(found.grant == grant && found.current == refresh.hashed() && found.replaced.is_none());
    assert!(family(store, &RefreshToken::first()).await.is_none());
}

#[tokio::test]
async fn what_a_refresh_depends_on_comes_with_the_family() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let (grant, refresh) = (grant(store).await, RefreshToken::first());
    assert!(store.begin_grant(&grant, &code(), &refresh).await.unwrap());
    let bare = family(store, &refresh).await.unwrap().ground;
    assert!(bare.session.is_none() && bare.born.is_none() && bare.sub.is_none());

    let session = session_of(&grant, 0);
    store.begin_session(&session).await.unwrap();
    let sub = store.subject_for("sector", &grant.person, at(10)).await.unwrap();
    store.subject_for("other sector", &grant.person, at(10)).await.unwrap();
    let born = "2010-07".parse().unwrap();
    assert!(store.set_birth(&grant.person, born, "desk", at(10)).await.unwrap());
    let all = family(store, &refresh).await.unwrap().ground;
    assert_eq!(all.session.map(|found| found.value), Some(session.clone()));
    assert_eq!((all.born, all.sub), (Some(born), Some(sub)));

    let lives = async |idle, now| {
        let found = store.refreshing(&refresh.family(), "sector", idle, now).await.unwrap().unwrap();
        found.ground.session.is_some()
    };
    assert!(lives(11, at(20)).await && !lives(10, at(20)).await, "unvisited");
    assert!(lives(9999, at(999)).await && !lives(9999, at(1000)).await, "over");
    // A new password ends every session of the account.
    let account = store.account(&grant.account).await.unwrap().unwrap();
    assert!(store.replace_password(&account, "hash", "password.reset", at(20)).await.unwrap());
    assert!(!lives(900, at(20)).await, "of an earlier era");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_exchanges_of_one_code_one_begins_a_grant() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let (first, code) = (grant(store).await, code());
    let tries: Vec<_> = (0..100)
        .map(|_| {
            let (store, code) = (store.clone(), code.clone());
            let grant = Grant { id: GrantId::random(), ..first.clone() };
            tokio::spawn(
                async move { store.begin_grant(&grant, &code, &RefreshToken::first()).await.unwrap() },
            )
        })
        .collect();
    let mut winners = 0;
    for one in tries {
        winners += usize::from(one.await.unwrap());
    }
    assert_eq!(winners, 1);
}

/// What begins at the same moment begins together: each for itself, and each with its own line in the log.
#[tokio::test]
async fn of_a_batch_each_grant_begins_but_of_a_spent_code_or_a_closed_account() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let new = |grant: &Grant, code: &Hashed| {
        let (grant, refresh) = (Grant { id: GrantId::random(), ..grant.clone() }, RefreshToken::first());
        Beginning { grant, code: code.clone(), family: refresh.family(), refresh: refresh.hashed() }
    };
    let (one, other) = (grant(store).await, grant(store).await);
    let closed = Grant { account: AccountId::random(), ..one.clone() };
    let (twice, first, second) = (code(), code(), code());
    let batch = vec![new(&one, &twice), new(&other, &first), new(&other, &twice)];
    assert_eq!(begin(store.db.clone(), batch).await.unwrap(), [true, true, false]);
    assert_eq!(store.audited("token.issued").await, 2);
    // Whose account is gone takes nobody along.
    let batch = vec![new(&one, &code()), new(&closed, &code()), new(&one, &first), new(&other, &second)];
    assert_eq!(begin(store.db.clone(), batch).await.unwrap(), [true, false, false, true]);
    assert_eq!(store.audited("token.issued").await, 4);
    assert_eq!(fresh.count("SELECT COUNT(*) FROM grants").await, 4);
    assert_eq!(store.grant_of_code(&second).await.unwrap().unwrap().account, other.account);
}

/// The same as with a family, however it is looked up; and of each only its own.
#[tokio::test]
async fn what_a_grant_rests_on_is_found_by_its_id_and_by_its_session() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let (one, other) = (grant(store).await, grant(store).await);
    for (grant, era) in [(&one, 0), (&other, 7)] {
        assert!(store.begin_grant(grant, &code(), &RefreshToken::first()).await.unwrap());
        let session = session_of(grant, era);
        store.begin_session(&session).await.unwrap();
    }
    let sub = store.subject_for("sector", &one.person, at(10)).await.unwrap();
    let of = |grant: &Grant| (grant.account.clone(), grant.person.clone(), grant.sid.clone());
    let by_session = async |grant: &Grant| {
        let (account, person, sid) = of(grant);
        store.ground((&account, &person, &sid), "sector", 900, at(20)).await.unwrap()
    };
    let ground = by_session(&one).await.unwrap();
    assert_eq!(ground.session_of(&one.account, at(20)), Some(&session_of(&one, 0)));
    assert_eq!(ground.session_of(&other.account, at(20)), None, "another's");
    assert_eq!((ground.sub, ground.era), (Some(sub), None), "it has no password");
    assert!(by_session(&other).await.unwrap().session.is_none(), "of another era");
    let gone = Grant { account: AccountId::random(), ..one.clone() };
    assert!(by_session(&gone).await.is_none());
    let (found, ground) = store.grant_on_ground(&one.id, 900, at(20)).await.unwrap().unwrap();
    assert_eq!((&found, ground.session.map(|found| found.value)), (&one, Some(session_of(&one, 0))));
    assert!(store.grant_on_ground(&GrantId::random(), 900, at(20)).await.unwrap().is_none());
    // A child who turns out to be under twelve has no session of their own. The clock of these tests stands in 1970.
    assert!(store.set_birth(&one.person, "1960".parse().unwrap(), "desk", at(10)).await.unwrap());
    assert_eq!(by_session(&one).await.unwrap().session_of(&one.account, at(20)), None);
}

fn session_of(grant: &Grant, era: i64) -> Session {
    Session {
        sid: grant.sid.clone(),
        secret: Hashed::from_stored(vec![1; 32]),
        account: grant.account.clone(),
        person: grant.person.clone(),
        era,
        level: grant.level,
        auth_time: at(5),
        seen: at(10),
        ends: at(1000),
        authority: None,
        device: None,
        by_app: false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_refreshes_one_rotates() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let (grant, refresh) = (grant(store).await, RefreshToken::first());
    assert!(store.begin_grant(&grant, &code(), &refresh).await.unwrap());
    let tries: Vec<_> = (0..100)
        .map(|_| {
            let (store, grant, refresh) = (store.clone(), grant.clone(), refresh.clone());
            tokio::spawn(async move {
                let next = refresh.successor();
                let won = store.rotate_refresh(rotation(&grant, &refresh, &next, 20)).await.unwrap();
                won.then_some(next)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for one in tries {
        winners.extend(one.await.unwrap());
    }
    assert_eq!(winners.len(), 1);
    let found = family(store, &refresh).await.unwrap().family;
    assert_eq!(found.worth(&winners[0], at(20)), Worth::Good);
    assert_eq!(found.worth(&refresh, at(50)), Worth::Repeat(vec![20]));
    assert!(store.rotate_refresh(rotation(&grant, &winners[0], &refresh.successor(), 21)).await.unwrap());
    let found = family(store, &refresh).await.unwrap().family;
    assert_eq!(found.worth(&refresh, at(21)), Worth::Replayed, "its successor was used");
    assert_eq!(found.worth(&winners[0], at(21)), Worth::Repeat(vec![21]));
}

#[tokio::test]
async fn a_revoked_or_ended_grant_refreshes_no_more() {
    let fresh = fresh().await;
    let store = &fresh.store;
    for family in 0..3 {
        let (grant, refresh) = (grant(store).await, RefreshToken::first());
        assert!(store.begin_grant(&grant, &code(), &refresh).await.unwrap());
        let other = self::grant(store).await;
        assert!(store.begin_grant(&other, &code(), &RefreshToken::first()).await.unwrap());
        for now in [at(20), at(21)] {
            match family {
                0 => store.revoke_grant(&grant.id, "test", now).await.unwrap(),
                1 => drop(
                    store
                        .end_sessions((&grant.sid, &grant.person), None, &Event::default(), now)
                        .await
                        .unwrap(),
                ),
                _ => {
                    let account = store.account(&grant.account).await.unwrap().unwrap();
                    assert!(store.replace_password(&account, "hash", "password.reset", now).await.unwrap());
                }
            }
        }
        assert_eq!(store.grant(&grant.id).await.unwrap().unwrap().revoked_at, Some(at(20)));
        assert!(!store.rotate_refresh(rotation(&grant, &refresh, &refresh.successor(), 22)).await.unwrap());
        assert!(store.grant(&other.id).await.unwrap().unwrap().is_live(at(22)));
    }
    let (grant, refresh) = (grant(store).await, RefreshToken::first());
    assert!(store.begin_grant(&grant, &code(), &refresh).await.unwrap());
    assert!(!store.rotate_refresh(rotation(&grant, &refresh, &refresh.successor(), 1000)).await.unwrap());
}

#[tokio::test]
async fn a_sweep_takes_ended_grants_and_no_others() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let (old, young) = (grant(store).await, grant(store).await);
    let young = Grant { ends: at(2000), ..young };
    for grant in [&old, &young] {
        assert!(store.begin_grant(grant, &code(), &RefreshToken::first()).await.unwrap());
    }
    assert_eq!(store.sweep(at(999)).await.unwrap(), 0);
    assert_eq!(store.sweep(at(1000)).await.unwrap(), 1);
    assert!(store.grant(&old.id).await.unwrap().is_none() && store.grant(&young.id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_token_that_stays_is_good_for_all_who_use_it_until_its_family_ends() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let (grant, refresh) = (grant(store).await, RefreshToken::first());
    assert!(store.begin_grant(&grant, &code(), &refresh).await.unwrap());
    let stays = |now| Rotation {
        grant: grant.clone(),
        used: refresh.hashed(),
        successor: None,
        listed: Vec::new(),
        at: at(now),
    };
    let uses: Vec<_> = (0..40)
        .map(|_| {
            let (store, stays) = (store.clone(), stays(20));
            tokio::spawn(async move { store.rotate_refresh(stays).await.unwrap() })
        })
        .collect();
    for one in uses {
        assert!(one.await.unwrap());
    }
    let found = family(store, &refresh).await.unwrap().family;
    assert_eq!((found.worth(&refresh, at(900)), found.replaced.is_none()), (Worth::Good, true));
    let (lines,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM audit WHERE event = 'token.refreshed'")
        .fetch_one(store.db.reader())
        .await
        .unwrap();
    assert_eq!(lines, 40, "a line each");
    assert!(!store.rotate_refresh(stays(1000)).await.unwrap(), "it has ended");
    store.revoke_grant(&grant.id, "test", at(21)).await.unwrap();
    assert!(!store.rotate_refresh(stays(22)).await.unwrap());
}
