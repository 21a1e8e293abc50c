//! Codes on a real database.

use std::sync::Arc;

use crate::{
    domain::{ask::Ask, mandate::Relation},
    flows::redeem::tests::{Provider, refresh, said},
    oidc::{
        error::Code,
        oxide::{
            self,
            tests::{ask, client, exchange},
        },
    },
    store::testing::now,
};

#[tokio::test]
async fn a_code_becomes_tokens_that_agree_with_each_other() {
    let p = Provider::new().await;
    let answer = p.begin().await;
    let (access, id) = (p.access(&answer, now()), said(&answer));
    let sub = p.fresh.store.subject_for(&p.client.sector, &p.session.person, now()).await.unwrap();
    assert_eq!((answer["token_type"].as_str(), answer["expires_in"].as_i64()), (Some("Bearer"), Some(300)));
    assert_eq!((access.sub.as_str(), id["sub"].as_str()), (sub.as_str(), Some(sub.as_str())));
    assert_eq!((&access.sid, id["sid"].as_str()), (&p.session.sid, Some(p.session.sid.as_str())));
    assert_eq!((id["nonce"].as_str(), id["act_as"].as_array().map(Vec::len)), (Some("n"), Some(0)));
    assert_eq!(
        (access.scope, answer["scope"].as_str()),
        ("openid act_as".parse().unwrap(), Some("openid act_as"))
    );
    assert!(answer["refresh_token"].as_str().unwrap().starts_with("nms_rt_"));
    assert!(p.is_live(&answer).await);
}

#[tokio::test]
async fn a_code_that_comes_back_ends_what_it_began_also_after_its_own_life() {
    for later in [now(), now().plus(120)] {
        let p = Provider::new().await;
        let code = p.code().await;
        let answer = p.redeem(&exchange(&code, "x", ""), now()).await.unwrap();
        // Another client's attempt is refused and leaves the family alone.
        let thief = p.redeem_as(&client("thief"), &exchange(&code, "x", ""), later).await;
        assert_eq!(thief.unwrap_err(), Code::InvalidGrant);
        assert!(p.is_live(&answer).await);
        assert_eq!(p.redeem(&exchange(&code, "x", ""), later).await.unwrap_err(), Code::InvalidGrant);
        assert!(!p.is_live(&answer).await);
        assert_eq!(p.redeem(&refresh(&answer), later).await.unwrap_err(), Code::InvalidGrant);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_exchanges_of_one_code_one_wins_and_even_that_family_ends() {
    let p = Arc::new(Provider::new().await);
    let code = p.code().await;
    let tries: Vec<_> = (0..100)
        .map(|_| {
            let (p, code) = (p.clone(), code.clone());
            tokio::spawn(async move { p.redeem(&exchange(&code, "x", ""), now()).await })
        })
        .collect();
    let mut won = Vec::new();
    for one in tries {
        won.extend(one.await.unwrap().ok());
    }
    assert_eq!(won.len(), 1);
    assert!(!p.is_live(&won[0]).await, "the losers are replays");
}

/// A block that comes between the signature and the grant finds no grant of which to tell the portal.
#[tokio::test]
async fn m9_a_mandate_that_ends_while_the_code_is_redeemed_gives_nothing() {
    // The twin is another user's mandate.
    for (of, ends) in [("represented = new.chosen", true), ("represented = new.person_id", false)] {
        let p = Provider::new().await;
        let (parent, child) = (&p.session.person, p.fresh.person("Sam", "2019-01-01").await);
        p.fresh.mandate(Relation::Parent, (parent, &child)).await;
        let ask = Ask { chosen: Some(child.clone()), ..ask() };
        let code = oxide::issue(&p.fresh.store, &p.client, &ask, &p.session, now()).await.unwrap();
        let meanwhile = format!(
            "CREATE TRIGGER meanwhile AFTER INSERT ON grants BEGIN UPDATE mandates SET revoked_at = new.created \
             WHERE {of}; END"
        );
        p.fresh.change(meanwhile.leak()).await;
        let answer = p.redeem(&exchange(&code, "x", ""), now()).await;
        let live = p.fresh.count("SELECT COUNT(*) FROM grants WHERE revoked_at IS NULL").await;
        assert_eq!(
            (answer.as_ref().err(), live),
            if ends { (Some(&Code::InvalidGrant), 0) } else { (None, 1) }
        );
        assert_eq!(p.fresh.store.audited("act_as").await, i64::from(ends), "{of}");
    }
}
