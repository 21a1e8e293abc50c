//! Every moment at which an address is asked, and none besides.

use std::{
    future::ready,
    sync::atomic::{AtomicUsize, Ordering},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;

const URI: &str = "https://portal.example.nl/jwks.json";

fn jwk(kid: &str) -> Value {
    // The example of RFC 8037 appendix A.2.
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": kid})
}

fn set(kid: &str, life: i64) -> Told {
    Told { keys: JwkSet::read(&json!({"keys": [jwk(kid)]})).unwrap(), life }
}

/// As much of a JWT as says which key signed it.
fn signed_by(kid: &str) -> String {
    format!("{}.", URL_SAFE_NO_PAD.encode(json!({"alg": "EdDSA", "kid": kid}).to_string()))
}

/// Wants the key `kid` at a moment, from a place that would answer so: what it has, and whether it was asked.
async fn want(keys: &ClientKeys, kid: &str, now: i64, answer: Result<Told, NotTold>) -> (Option<bool>, bool) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let ask = async move {
        counted.fetch_add(1, Ordering::SeqCst);
        answer
    };
    let token = signed_by(kid);
    let whose = Whose { client: "portal", uri: URI, wanted: Wanted::SignerOf(&token) };
    let found = keys.get(&whose, ask, Timestamp::from_epoch(now)).await;
    (found.map(|found| found.knows(kid)), asked.load(Ordering::SeqCst) == 1)
}

fn down() -> Result<Told, NotTold> {
    Err(NotTold::Status(503))
}

#[tokio::test]
async fn a_set_is_kept_while_it_is_fresh_and_asked_for_again_when_it_is_not() {
    let keys = ClientKeys::default();
    assert_eq!(want(&keys, "a", 1000, Ok(set("a", 100))).await, (Some(true), true));
    assert_eq!(want(&keys, "a", 1099, Ok(set("a", 100))).await, (Some(true), false));
    assert_eq!(want(&keys, "a", 1100, Ok(set("a", 100))).await, (Some(true), true));
    assert_eq!(want(&keys, "a", 1199, down()).await, (Some(true), false));
}

#[tokio::test]
async fn an_unknown_name_is_asked_for_once_a_minute_and_no_more() {
    let keys = ClientKeys::default();
    assert_eq!(want(&keys, "a", 1000, Ok(set("a", 3600))).await, (Some(true), true));
    // The portal has a new key.
    assert_eq!(want(&keys, "b", 1001, Ok(set("b", 3600))).await, (Some(true), true));
    // A stranger makes up names.
    for now in [1001, 1002, 1060] {
        assert_eq!(want(&keys, "junk", now, Ok(set("b", 3600))).await, (Some(false), false), "{now}");
    }
    assert_eq!(want(&keys, "junk", 1061, Ok(set("b", 3600))).await, (Some(false), true));
    // And costs the portal nothing.
    assert_eq!(want(&keys, "b", 1062, down()).await, (Some(true), false));
    // A clock that was set back stops nothing.
    assert_eq!(want(&keys, "c", 500, Ok(set("c", 3600))).await, (Some(true), true));
}

#[tokio::test]
async fn old_keys_serve_for_an_hour_while_the_portal_is_down() {
    let keys = ClientKeys::default();
    assert_eq!(want(&keys, "a", 1000, Ok(set("a", 60))).await, (Some(true), true));
    assert_eq!(want(&keys, "a", 1060, down()).await, (Some(true), true));
    assert_eq!(want(&keys, "a", 1119, down()).await, (Some(true), false), "a minute's rest");
    assert_eq!(want(&keys, "a", 1120, down()).await, (Some(true), true));
    assert_eq!(want(&keys, "a", 4659, down()).await, (Some(true), true));
    assert_eq!(want(&keys, "a", 4670, down()).await, (None, true));
    assert_eq!(want(&keys, "a", 4679, Ok(set("a", 60))).await, (None, false), "ten seconds' rest");
    assert_eq!(want(&keys, "a", 4680, Ok(set("a", 60))).await, (Some(true), true));
}

#[tokio::test]
async fn many_at_once_share_one_question_and_who_hangs_up_stops_none() {
    let keys = Arc::new(ClientKeys::default());
    let (gate, asked) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let want = || {
        let (keys, gate, asked) = (keys.clone(), gate.clone(), asked.clone());
        tokio::spawn(async move {
            let ask = async move {
                asked.fetch_add(1, Ordering::SeqCst);
                let _open = gate.acquire().await.unwrap();
                Ok(set("a", 600))
            };
            let whose = Whose { client: "portal", uri: URI, wanted: Wanted::SignerOf(&signed_by("a")) };
            keys.get(&whose, ask, Timestamp::from_epoch(1000)).await.is_some()
        })
    };
    let first = want();
    while asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let others: Vec<_> = (0..20).map(|_| want()).collect();
    // Each of them runs until it must wait.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(100);
    for other in others {
        assert!(other.await.unwrap());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn there_is_room_for_so_many_and_whoever_was_asked_just_now_keeps_its_place() {
    let keys = ClientKeys::default();
    let place = |uri: &str, now: i64| keys.place(uri, Timestamp::from_epoch(now)).is_some();
    for n in 0..MOST {
        let (uri, now) = (format!("https://{n}.example/"), Timestamp::from_epoch(1000));
        let whose = Whose { client: "portal", uri: &uri, wanted: Wanted::Any };
        assert!(keys.get(&whose, ready(Ok(set("a", 600))), now).await.is_some());
    }
    assert!(!place(URI, 1059) && place("https://7.example/", 1059));
    assert!(place(URI, 1060));
    assert_eq!(keys.places.lock().unwrap().len(), MOST);
}

#[test]
fn a_set_says_how_long_it_is_fresh_within_bounds() {
    for (said, expected) in [
        ("max-age=120", 120),
        ("public, Max-Age=\"120\"", 120),
        ("max-age=5", 60),
        ("max-age=86400", 3600),
        ("max-age=120, no-cache", 60),
        ("no-store", 60),
        ("max-age=-1", 60),
        ("max-age=99999999999999999999", 600),
        ("s-maxage=120", 600),
        ("", 600),
    ] {
        assert_eq!(life(said), expected, "{said}");
    }
}

#[tokio::test]
async fn keys_that_ended_do_not_count_again_because_everybody_is_busy() {
    let keys = ClientKeys::default();
    assert_eq!(want(&keys, "a", 1000, Ok(set("a", 60))).await, (Some(true), true));
    let all = keys.calls.clone().try_acquire_many_owned(u32::try_from(AT_ONCE).unwrap()).unwrap();
    // Within the hour they do.
    assert_eq!(want(&keys, "a", 4659, Ok(set("b", 60))).await, (Some(true), false));
    assert_eq!(
        want(&keys, "a", 4660, Ok(set("b", 60))).await,
        (None, false),
        "an hour after they were fresh"
    );
    drop(all);
    assert_eq!(want(&keys, "a", 4660, Ok(set("b", 60))).await, (Some(false), true));
}

#[tokio::test]
async fn a_set_whose_keys_have_no_names_serves_who_names_one() {
    let keys = ClientKeys::default();
    let nameless = || {
        let mut jwk = jwk("x");
        jwk.as_object_mut().unwrap().remove("kid");
        Ok(Told { keys: JwkSet::read(&json!({"keys": [jwk]})).unwrap(), life: 600 })
    };
    assert_eq!(want(&keys, "a", 1000, nameless()).await, (Some(false), true), "there are keys to try");
}
