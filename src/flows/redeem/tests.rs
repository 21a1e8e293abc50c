//! The token endpoint's story on a real database.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;
use url::form_urlencoded;

use super::*;
use crate::{
    domain::{ask::Ask, id::SessionId, key::Algorithm, mandate::Relation, session::Session},
    oidc::{
        keyring::{
            Keyring,
            tests::{ring_of, stored},
        },
        oxide::tests::{ask, client, exchange, session},
    },
    store::{
        audit::Event,
        testing::{Fresh, at, fresh, now},
    },
};

const ISSUER: &str = "https://id.example.nl";

/// A provider with one client, one key and one browser logged in.
struct Provider {
    fresh: Fresh,
    keyring: Keyring,
    client: Client,
    session: Session,
}

impl Provider {
    async fn new() -> Self {
        let fresh = fresh().await;
        let session = session(&fresh.store, now()).await;
        let (mut facts, pkcs8) = stored(Algorithm::Es256);
        (facts.sign_until, facts.publish_until) = (None, None);
        let keyring = ring_of([(facts, pkcs8)]);
        Self { fresh, keyring, client: client("portal"), session }
    }

    async fn code(&self) -> Secret {
        oxide::issue(&self.fresh.store, &self.client, &ask(), &self.session, now()).await.unwrap()
    }

    async fn redeem(&self, form: &Params, now: Timestamp) -> Result<Value, Code> {
        self.redeem_as(&self.client, form, now).await
    }

    async fn redeem_as(&self, client: &Client, form: &Params, now: Timestamp) -> Result<Value, Code> {
        let issuing = Issuing {
            store: &self.fresh.store,
            keyring: &self.keyring,
            issuer: ISSUER,
            mandate_level: Level::Midden,
            idle: 900,
            client,
            possession: &Possession::default(),
        };
        match issuing.redeem(form, now).await {
            Ok(answer) => Ok(serde_json::to_value(answer).unwrap()),
            Err(Error::Json(code, _)) => Err(code),
            Err(other) => panic!("{other:?}"),
        }
    }

    /// The first tokens of a fresh code.
    async fn begin(&self) -> Value {
        self.redeem(&exchange(&self.code().await, "x", ""), now()).await.unwrap()
    }

    fn access(&self, answer: &Value, now: Timestamp) -> AccessClaims {
        let token = answer["access_token"].as_str().unwrap();
        AccessClaims::read(&self.keyring, ISSUER, token, now).unwrap()
    }

    async fn is_live(&self, answer: &Value) -> bool {
        let grant = self.access(answer, now()).grant;
        self.fresh.store.grant(&grant).await.unwrap().unwrap().is_live(now())
    }
}

fn refresh(answer: &Value) -> Params {
    refresh_with(answer["refresh_token"].as_str().unwrap(), "x", "")
}

fn refresh_with(token: &str, name: &str, value: &str) -> Params {
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", token), (name, value)];
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Params::parse(form.as_bytes()).unwrap()
}

/// What an ID token says; that it verifies is tested where it is made.
fn said(answer: &Value) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let body = answer["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

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
    assert!(p.fresh.store.replace_password(&account, "hash", now()).await.unwrap());
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
async fn tokens_end_with_the_session() {
    let p = Provider::new().await;
    let (first, code) = (p.begin().await, p.code().await);
    // Fifteen minutes unvisited.
    assert_eq!(p.redeem(&refresh(&first), now().plus(900)).await.unwrap_err(), Code::InvalidGrant);
    // Signed out: the code that was under way is worth nothing either.
    p.fresh
        .store
        .end_sessions((&p.session.sid, &p.session.person), None, &Event::default(), now())
        .await
        .unwrap();
    assert_eq!(p.redeem(&refresh(&first), now()).await.unwrap_err(), Code::InvalidGrant);
    assert_eq!(p.redeem(&exchange(&code, "x", ""), now()).await.unwrap_err(), Code::InvalidGrant);
}

#[tokio::test]
async fn nothing_outlives_the_session_or_the_next_birthday() {
    let mut p = Provider::new().await;
    let (parent, child) = (p.session.person.clone(), p.fresh.person("Sam", "2014-07-02").await);
    p.fresh.mandate(Relation::Parent, (&parent, &child)).await;
    p.session = Session { sid: SessionId::random(), ends: now().plus(100), ..p.session.clone() };
    p.fresh.store.begin_session(&p.session).await.unwrap();
    let answer = p.begin().await;
    assert_eq!(
        (answer["expires_in"].as_i64(), said(&answer)["exp"].as_i64()),
        (Some(100), Some(now().plus(100).epoch()))
    );

    // M8: in two minutes Sam turns twelve, and the mandate of the parent is suspended.
    let midnight = at("2026-07-01T22:00:00Z");
    let seen = midnight.plus(-120);
    p.session = Session {
        sid: SessionId::random(),
        seen,
        auth_time: seen,
        ends: seen.plus(3600),
        ..p.session.clone()
    };
    p.fresh.store.begin_session(&p.session).await.unwrap();
    let code = oxide::issue(&p.fresh.store, &p.client, &ask(), &p.session, seen).await.unwrap();
    let answer = p.redeem(&exchange(&code, "x", ""), seen).await.unwrap();
    assert_eq!(
        (answer["expires_in"].as_i64(), said(&answer)["exp"].as_i64()),
        (Some(120), Some(midnight.epoch()))
    );
    assert_eq!(said(&answer)["act_as"].as_array().unwrap().len(), 1);
    // The next refresh says nobody.
    let answer = p.redeem(&refresh(&answer), midnight).await.unwrap();
    assert_eq!(
        (&said(&answer)["act_as"], answer["expires_in"].as_i64()),
        (&serde_json::json!([]), Some(300))
    );
}

#[tokio::test]
async fn whom_a_session_represents_is_told_until_the_twelfth_birthday() {
    let mut p = Provider::new().await;
    let child = p.fresh.person("Sam", "2014-07-02").await;
    let midnight = at("2026-07-01T22:00:00Z");
    let seen = midnight.plus(-120);
    let authority = Some(ParentalAuthority::over(child));
    let (sid, ends) = (SessionId::random(), seen.plus(3600));
    p.session = Session { sid, seen, auth_time: seen, ends, authority, ..p.session.clone() };
    p.fresh.store.begin_session(&p.session).await.unwrap();
    let code = oxide::issue(&p.fresh.store, &p.client, &ask(), &p.session, seen).await.unwrap();
    let answer = p.redeem(&exchange(&code, "x", ""), seen).await.unwrap();
    let told = said(&answer);
    assert_eq!((answer["expires_in"].as_i64(), told["exp"].as_i64()), (Some(120), Some(midnight.epoch())));
    assert_eq!(
        (&told["act_as"][0]["sub"], told["represents"]["iss"].as_str()),
        (&told["represents"]["sub"], Some(ISSUER))
    );
    let last = p.redeem(&refresh(&answer), midnight.plus(-1)).await.unwrap();
    assert_eq!((said(&last)["represents"].is_object(), last["expires_in"].as_i64()), (true, Some(1)));
    // Their user asked to be in for the child: alone they log in anew.
    let code = oxide::issue(&p.fresh.store, &p.client, &ask(), &p.session, midnight.plus(-1)).await.unwrap();
    for form in [refresh(&last), exchange(&code, "x", "")] {
        assert_eq!(p.redeem(&form, midnight).await.unwrap_err(), Code::InvalidGrant);
    }
    p.redeem(&exchange(&code, "x", ""), midnight.plus(-1)).await.expect("the twin");
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

#[tokio::test]
async fn other_grant_types_and_none_are_refused() {
    let p = Provider::new().await;
    for (form, code) in [
        ("", Code::InvalidRequest),
        ("grant_type=password", Code::UnsupportedGrantType),
        ("grant_type=refresh_token", Code::InvalidRequest),
        ("grant_type=refresh_token&refresh_token=x", Code::InvalidGrant),
    ] {
        assert_eq!(
            p.redeem(&Params::parse(form.as_bytes()).unwrap(), now()).await.unwrap_err(),
            code,
            "{form}"
        );
    }
}

#[tokio::test]
async fn a_childs_session_that_is_over_is_over_for_clients_that_never_asked_for_whom() {
    let mut p = Provider::new().await;
    let midnight = at("2026-07-01T22:00:00Z");
    let (sid, seen) = (SessionId::random(), midnight.plus(-30));
    let authority = Some(ParentalAuthority::over(p.fresh.person("Sam", "2014-07-02").await));
    p.session = Session { sid, seen, auth_time: seen, ends: seen.plus(3600), authority, ..p.session.clone() };
    p.fresh.store.begin_session(&p.session).await.unwrap();
    let ask = Ask { scope: "openid".parse().unwrap(), ..ask() };
    let code = async || oxide::issue(&p.fresh.store, &p.client, &ask, &p.session, seen).await.unwrap();
    let (first, second) = (code().await, code().await);
    let answer = p.redeem(&exchange(&first, "x", ""), midnight.plus(-1)).await.unwrap();
    assert!(said(&answer).get("act_as").is_none());
    for form in [refresh(&answer), exchange(&second, "x", "")] {
        assert_eq!(p.redeem(&form, midnight).await.unwrap_err(), Code::InvalidGrant);
    }
    // The twin: a second earlier.
    assert!(p.redeem(&refresh(&answer), midnight.plus(-1)).await.is_ok());
}
