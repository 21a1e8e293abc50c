//! An end by the clock is told once, and nobody writes down what they saw before a change: against a real SQLite.

use super::*;
use crate::{
    domain::{
        grant::{Grant, RefreshToken, tests::grant as of_nobody},
        secret::Secret,
    },
    store::{
        blocks::Pair,
        testing::{fresh, somebody},
    },
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_epoch(seconds)
}

fn seen(acting: &Acting, may_act: Option<bool>, again: i64) -> Vec<(Acting, Seen)> {
    vec![(acting.clone(), Seen { may_act, again: at(again) })]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_who_see_an_end_at_once_one_tells_it_and_a_change_is_looked_at_anew() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let (account, person) = somebody(store).await;
    let child = fresh.person("Sam", "2018").await;
    for acts_for in [Some(child.clone()), None] {
        let (id, chosen) = (GrantId::random(), acts_for.clone());
        let (account, person) = (account.clone(), person.clone());
        let grant = Grant { id, account, person, chosen, acts_for, ..of_nobody() };
        let code = Secret::token("").hashed();
        assert!(store.begin_grant(&grant, &code, &RefreshToken::first()).await.unwrap());
    }
    let found = store.acting(9, at(20)).await.unwrap();
    let [acting] = found.as_slice() else { panic!("{found:?}") };
    assert!(acting.acts && acting.acts_for == child);
    let tries: Vec<_> = (0..100)
        .map(|_| {
            let (store, seen) = (store.clone(), seen(acting, Some(false), 500));
            tokio::spawn(async move { store.looked(&seen, at(20)).await.unwrap() })
        })
        .collect();
    let mut told = 0;
    for one in tries {
        told += one.await.unwrap();
    }
    assert_eq!(told, 1);
    let notices = store.claim_notices(9, &[], 20, at(20)).await.unwrap();
    assert!(notices.len() == 1 && notices[0].of_mandate && notices[0].sid == acting.sid);

    assert_eq!(store.acting(9, at(499)).await.unwrap().len(), 0);
    let again = store.acting(9, at(500)).await.unwrap().remove(0);
    assert!(!again.acts, "it was told");
    assert_eq!(
        store.looked(&seen(&again, Some(false), 900), at(500)).await.unwrap(),
        0,
        "and is not told again"
    );
    let stale = store.acting(9, at(900)).await.unwrap().remove(0);
    // Somebody changes something in the very second in which somebody else looked.
    assert!(
        store
            .block(&Pair { representative: person, represented: child }, "desk", "melding", at(900))
            .await
            .unwrap()
    );
    assert_eq!(store.looked(&seen(&stale, Some(true), 990), at(900)).await.unwrap(), 0);
    assert_eq!(store.acting(9, at(900)).await.unwrap().len(), 1, "what they saw counts no more");
}
