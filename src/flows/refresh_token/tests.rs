//! Refresh tokens and their families on a real database.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    domain::grant::RefreshToken,
    flows::redeem::tests::{Provider, refresh, refresh_with, said},
    oidc::{error::Code, oxide::tests::client},
    store::testing::now,
};

#[tokio::test]
async fn a_refresh_rotates_and_a_lost_answer_is_given_again_while_nobody_used_it() {
    let p = Provider::new().await;
    let first = p.begin().await;
    let second = p.redeem(&refresh(&first), now().plus(10)).await.unwrap();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert!(said(&second).get("nonce").is_none() && said(&second)["auth_time"] == said(&first)["auth_time"]);
    // The answer got lost: the same successor, for half a minute.
    let again = p.redeem(&refresh(&first), now().plus(40)).await.unwrap();
    assert_eq!(second["refresh_token"], again["refresh_token"]);
    // Another client with the used token learns nothing and ends nothing.
    let thief = p.redeem_as(&client("thief"), &refresh(&first), now().plus(20)).await;
    assert_eq!(thief.unwrap_err(), Code::InvalidGrant);
    assert!(p.is_live(&first).await);
    let third = p.redeem(&refresh(&second), now().plus(40)).await.unwrap();
    // Now the first is a replay, window or not.
    assert_eq!(p.redeem(&refresh(&first), now().plus(40)).await.unwrap_err(), Code::InvalidGrant);
    assert_eq!(p.redeem(&refresh(&third), now().plus(40)).await.unwrap_err(), Code::InvalidGrant);
    assert!(!p.is_live(&first).await);
}

#[tokio::test]
async fn a_used_refresh_token_after_the_window_ends_the_family() {
    let p = Provider::new().await;
    let first = p.begin().await;
    let second = p.redeem(&refresh(&first), now()).await.unwrap();
    assert_eq!(p.redeem(&refresh(&first), now().plus(31)).await.unwrap_err(), Code::InvalidGrant);
    assert_eq!(p.redeem(&refresh(&second), now().plus(31)).await.unwrap_err(), Code::InvalidGrant);
}

#[tokio::test]
async fn a_token_of_any_age_is_known_for_a_replay_and_a_made_up_one_ends_nothing() {
    let p = Provider::new().await;
    let first = p.begin().await;
    let mut last = first.clone();
    for _ in 0..4 {
        last = p.redeem(&refresh(&last), now()).await.unwrap();
    }
    // The name of the family stands in access tokens; its secret does not.
    let made_up = RefreshToken::first().text().expose().to_owned();
    let guessed = format!("nms_rt_{}{}", p.access(&first, now()).grant, "x".repeat(43));
    for stranger in [made_up.as_str(), &guessed] {
        let answer = p.redeem(&refresh_with(stranger, "x", ""), now()).await;
        assert_eq!(answer.unwrap_err(), Code::InvalidGrant);
        assert!(p.is_live(&last).await);
    }
    assert_eq!(p.redeem(&refresh(&first), now()).await.unwrap_err(), Code::InvalidGrant);
    assert!(!p.is_live(&last).await);
    assert_eq!(p.redeem(&refresh(&last), now()).await.unwrap_err(), Code::InvalidGrant);
}

/// Other families are refreshed in the same batch, and one of them with a token that is used twice at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn families_that_refresh_together_do_not_mix() {
    let p = Arc::new(Provider::new().await);
    let mut families = Vec::new();
    for _ in 0..20 {
        families.push(p.begin().await);
    }
    for _ in 0..3 {
        let tries: Vec<_> = families
            .iter()
            .flat_map(|family| [family.clone(), family.clone()])
            .map(|family| {
                let p = p.clone();
                tokio::spawn(async move { (p.redeem(&refresh(&family), now()).await.unwrap(), family) })
            })
            .collect();
        let mut next = Vec::new();
        for one in tries {
            let (answer, family) = one.await.unwrap();
            assert_eq!(p.access(&answer, now()).grant, p.access(&family, now()).grant);
            next.push(answer);
        }
        for pair in next.chunks(2) {
            assert_eq!(pair[0]["refresh_token"], pair[1]["refresh_token"]);
        }
        families = next.into_iter().step_by(2).collect();
    }
    for family in &families {
        assert!(p.is_live(family).await);
    }
}

#[tokio::test]
async fn a_refresh_makes_sure_of_account_and_age() {
    let p = Provider::new().await;
    let first = p.begin().await;
    let born = "2020".parse().unwrap();
    assert!(p.fresh.store.set_birth(&p.session.person, born, "desk", now()).await.unwrap());
    assert_eq!(p.redeem(&refresh(&first), now()).await.unwrap_err(), Code::InvalidGrant, "a child of six");
    assert!(
        p.fresh.store.set_birth(&p.session.person, "1990".parse().unwrap(), "desk", now()).await.unwrap()
    );
    let second = p.redeem(&refresh(&first), now()).await.unwrap();
    let account = p.fresh.store.account(&p.session.account).await.unwrap().unwrap();
    assert!(p.fresh.store.replace_password(&account, "hash", "password.reset", now()).await.unwrap());
    assert_eq!(p.redeem(&refresh(&second), now()).await.unwrap_err(), Code::InvalidGrant, "a later era");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_refreshes_at_once_all_get_the_one_successor() {
    let p = Arc::new(Provider::new().await);
    let first = p.begin().await;
    let tries: Vec<_> = (0..100)
        .map(|_| {
            let (p, first) = (p.clone(), first.clone());
            tokio::spawn(async move { p.redeem(&refresh(&first), now()).await.unwrap() })
        })
        .collect();
    let mut successors = BTreeSet::new();
    for one in tries {
        successors.insert(one.await.unwrap()["refresh_token"].as_str().unwrap().to_owned());
    }
    assert_eq!(successors.len(), 1);
    assert!(p.is_live(&first).await);
    let next = refresh_with(successors.first().unwrap(), "x", "");
    assert!(p.redeem(&next, now()).await.is_ok());
}

#[tokio::test]
async fn a_narrower_scope_tells_less_and_the_next_refresh_has_it_all_again() {
    let p = Provider::new().await;
    let first = p.begin().await;
    let token = first["refresh_token"].as_str().unwrap();
    let less = p.redeem(&refresh_with(token, "scope", "openid"), now()).await.unwrap();
    assert!(less["scope"] == "openid" && said(&less).get("act_as").is_none());
    let all = p.redeem(&refresh(&less), now()).await.unwrap();
    assert!(all["scope"] == "openid act_as" && said(&all)["act_as"].is_array());
    let token = all["refresh_token"].as_str().unwrap();
    let without = p.redeem(&refresh_with(token, "scope", "act_as"), now()).await.unwrap();
    assert!(without.get("id_token").is_none());
}
