//! With limits that a test reaches, against a real store.

use super::*;
use crate::{
    domain::{
        ask::{Ask, tests::ask},
        assurance::Level,
        code::SentCode,
        email::Email,
        id::{AccountId, LoginId},
        login::{Choose, Login, SentRequest, Step},
        proof::Opening,
        secret::Secret,
        time::Timestamp,
    },
    store::{
        ephemeral::Versioned,
        pushed::Kept,
        testing::{Fresh, fresh},
    },
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_epoch(seconds)
}

fn begun(seconds: i64) -> Login<Choose> {
    Login::start(ask(), Secret::token("").hashed(), at(seconds))
}

/// The button was pressed, and nothing is proven.
fn away(login: Login<Choose>) -> Login<Step> {
    let required = Level::Midden;
    let sent = SentRequest { id: "_1".into(), at: at(1), required, forced: false, representation: false };
    login.to_digid(sent).any()
}

/// The password was right.
fn proven(login: Login<Choose>) -> Login<Step> {
    let code = SentCode::first(vec![1], "K7Q".into(), at(1));
    let opening = Opening { account: AccountId::random(), era: 0 };
    login.opened(Email::parse("a@example.nl").unwrap(), opening, code).any()
}

/// Begins a login in that second, and moves it on.
async fn enter(f: &Fresh, second: i64, on: impl FnOnce(Login<Choose>) -> Login<Step>) -> LoginId {
    let login = begun(second);
    let id = login.id.clone();
    f.store.begin_login(&login.clone().any()).await.unwrap();
    assert!(f.store.move_login(&Versioned { value: on(login), version: 1 }).await.unwrap());
    id
}

async fn lives(f: &Fresh, id: &LoginId) -> bool {
    f.store.login(id, at(100)).await.unwrap().is_some()
}

#[tokio::test]
async fn the_oldest_in_which_nothing_was_proven_give_way_and_no_more_than_are_too_many() {
    let f = fresh().await;
    let old = [enter(&f, 1, proven).await, enter(&f, 2, proven).await];
    let touched = enter(&f, 3, away).await;
    let mut untouched = Vec::new();
    for second in 4..15 {
        let login = begun(second).any();
        f.store.begin_login(&login).await.unwrap();
        untouched.push(login.id);
    }
    let late = enter(&f, 15, away).await;
    // Thirteen in which nothing was proven: eight are too many, and at most six go at one go.
    let crowd =
        Crowd::new(Limits { unproven: 5, all: 100, pushed: 3, pushed_by_one: 99, batch: 2, batches: 3 });
    for left in [7, 5, 5] {
        crowd.thin(&f.store).await.unwrap();
        assert_eq!(f.store.logins_under_way().await.unwrap(), (left, left + 2));
        assert_eq!(crowd.under_way.load(Ordering::Relaxed), left + 2);
    }
    assert!(!lives(&f, &touched).await, "a button that was pressed proves nothing");
    for (n, id) in untouched.iter().enumerate() {
        assert_eq!(lives(&f, id).await, n >= 7, "{n}");
    }
    assert!(lives(&f, &late).await && lives(&f, &old[0]).await && lives(&f, &old[1]).await);
}

#[tokio::test]
async fn past_the_second_bound_no_more_begin_until_there_is_room() {
    let f = fresh().await;
    let crowd =
        Crowd::new(Limits { unproven: 1, all: 3, pushed: 3, pushed_by_one: 99, batch: 9, batches: 9 });
    let tries: Vec<_> = (0..5).map(|_| crowd.lets_in()).collect();
    assert_eq!(tries, [true, true, true, false, false], "those that began since the last count are counted");
    let mut ids = Vec::new();
    for second in 1..=3 {
        ids.push(enter(&f, second, proven).await);
    }
    crowd.thin(&f.store).await.unwrap();
    assert!(!crowd.lets_in(), "three in which something was proven do not give way");
    assert!(f.store.end_login(&ids[0], at(9)).await.unwrap());
    crowd.thin(&f.store).await.unwrap();
    assert!(crowd.lets_in() && !crowd.lets_in());
}

#[test]
fn the_bounds_are_those_of_the_decision() {
    let Limits { unproven, all, pushed, pushed_by_one, batch, batches } = Limits::default();
    assert_eq!((unproven, all, pushed, pushed_by_one), (200_000, 400_000, 50_000, 20_000));
    assert_eq!((batch, batches), (250, 40));
}

#[tokio::test]
async fn the_oldest_requests_that_anybody_may_have_pushed_give_way_and_no_others() {
    let f = fresh().await;
    let kept = Kept { ask: ask(), until: at(100) };
    let mut handles = Vec::new();
    for (second, proven) in [true, false, false, true].into_iter().chain([false; 4]).enumerate() {
        let handle = Secret::token("").hashed();
        f.store.push(proven, &handle, &kept, at(1000 + i64::try_from(second).unwrap())).await.unwrap();
        handles.push(handle);
    }
    Crowd::new(Limits { unproven: 5, all: 100, pushed: 3, pushed_by_one: 99, batch: 2, batches: 3 })
        .thin(&f.store)
        .await
        .unwrap();
    let mut left = Vec::new();
    for handle in &handles {
        left.push(f.store.pushed(handle, at(1)).await.unwrap().is_some());
    }
    assert_eq!(left, [true, false, false, true, false, true, true, true]);
}

/// What anybody pushes in the name of a client that proves who it is takes no place of its own requests.
#[tokio::test]
async fn the_oldest_requests_of_one_client_give_way_to_its_own_and_to_no_others() {
    let f = fresh().await;
    let mut pushed = Vec::new();
    for second in 0..7 {
        // One that is pushed twice a second, and one that is now and then.
        for (client, proven, often) in [("wild", true, 1), ("wild", false, 2), ("calm", true, 3)] {
            if second % often == 0 {
                let kept = Kept { ask: Ask { client_id: client.into(), ..ask() }, until: at(100) };
                let handle = Secret::token("").hashed();
                f.store.push(proven, &handle, &kept, at(1000 + second)).await.unwrap();
                pushed.push((handle, client, proven, second));
            }
        }
    }
    let crowd =
        Crowd::new(Limits { unproven: 5, all: 100, pushed: 99, pushed_by_one: 4, batch: 2, batches: 1 });
    // Three of seven are too many, and two go at one go.
    for gone in [2, 3, 3] {
        crowd.thin(&f.store).await.unwrap();
        for (handle, client, proven, second) in &pushed {
            let is_there = f.store.pushed(handle, at(1)).await.unwrap().is_some();
            let goes = (*client, *proven) == ("wild", true) && *second < gone;
            assert_eq!(is_there, !goes, "{client} {proven} {second}");
        }
    }
}
