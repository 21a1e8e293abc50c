//! One winner, whatever the race: against a real SQLite.

use super::*;
use crate::{
    domain::{
        grant::{Worth, tests::grant as of_nobody},
        secret::Secret,
    },
    store::testing::{fresh, somebody},
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
    let bare = family(store, &refresh).await.unwrap();
    assert!(bare.session.is_none() && bare.born.is_none() && bare.sub.is_none());

    let session = Session {
        sid: grant.sid.clone(),
        secret: code(),
        account: grant.account.clone(),
        person: grant.person.clone(),
        era: 0,
        level: grant.level,
        auth_time: at(5),
        seen: at(10),
        ends: at(1000),
        authority: None,
        device: None,
    };
    store.begin_session(&session).await.unwrap();
    let sub = store.subject_for("sector", &grant.person, at(10)).await.unwrap();
    store.subject_for("other sector", &grant.person, at(10)).await.unwrap();
    let born = "2010-07".parse().unwrap();
    assert!(store.set_birth(&grant.person, born, "desk", at(10)).await.unwrap());
    let all = family(store, &refresh).await.unwrap();
    assert_eq!(all.session.map(|found| found.value), Some(session.clone()));
    assert_eq!((all.born, all.sub), (Some(born), Some(sub)));

    let lives = async |idle, now| {
        store.refreshing(&refresh.family(), "sector", idle, now).await.unwrap().unwrap().session.is_some()
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
                _ => store.revoke_account_grants(&grant.account, now).await.unwrap(),
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
    let stays = |now| Rotation { grant: grant.clone(), used: refresh.hashed(), successor: None, at: at(now) };
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
