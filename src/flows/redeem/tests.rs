//! The token endpoint's story on a real database: what holds for the tokens of a user, whichever way they came. What holds for a
//! code or a refresh token stands with that.

use serde_json::Value;
use url::form_urlencoded;

use super::*;
use crate::{
    domain::{
        ask::Ask, assurance::Level, client::Client, id::SessionId, key::Algorithm, mandate::Relation,
        secret::Secret, session::Session,
    },
    oidc::{
        access_token::AccessClaims,
        keyring::{
            Keyring,
            tests::{ring_of, stored},
        },
        oxide::{
            self,
            tests::{ask, client, exchange, session},
        },
    },
    store::{
        audit::Event,
        testing::{Fresh, at, fresh, now},
    },
};

const ISSUER: &str = "https://id.example.nl";

/// A provider with one client, one key and one browser logged in.
pub(in crate::flows) struct Provider {
    pub fresh: Fresh,
    keyring: Keyring,
    pub client: Client,
    pub session: Session,
}

impl Provider {
    pub async fn new() -> Self {
        let fresh = fresh().await;
        let session = session(&fresh.store, now()).await;
        let (mut facts, pkcs8) = stored(Algorithm::Es256);
        (facts.sign_until, facts.publish_until) = (None, None);
        let keyring = ring_of([(facts, pkcs8)]);
        Self { fresh, keyring, client: client("portal"), session }
    }

    pub async fn code(&self) -> Secret {
        oxide::issue(&self.fresh.store, &self.client, &ask(), &self.session, now()).await.unwrap()
    }

    pub async fn redeem(&self, form: &Params, now: Timestamp) -> Result<Value, Code> {
        self.redeem_as(&self.client, form, now).await
    }

    pub async fn redeem_as(&self, client: &Client, form: &Params, now: Timestamp) -> Result<Value, Code> {
        let issuing = Issuing {
            store: &self.fresh.store,
            keyring: &self.keyring,
            issuer: ISSUER,
            mandate_level: Level::Midden,
            idle: 900,
            client,
            possession: &Possession::default(),
        };
        let answer = for_user(&issuing, form, now).await;
        let store = &self.fresh.store;
        match authorization_code::ending_what_was_spent(store, client, form, answer, now).await {
            Ok(answer) => Ok(serde_json::to_value(answer).unwrap()),
            Err(Error::Json(code, _)) => Err(code),
            Err(other) => panic!("{other:?}"),
        }
    }

    /// The first tokens of a fresh code.
    pub async fn begin(&self) -> Value {
        self.redeem(&exchange(&self.code().await, "x", ""), now()).await.unwrap()
    }

    pub fn access(&self, answer: &Value, now: Timestamp) -> AccessClaims {
        let token = answer["access_token"].as_str().unwrap();
        AccessClaims::read(&self.keyring, ISSUER, token, now).unwrap()
    }

    pub async fn is_live(&self, answer: &Value) -> bool {
        let grant = self.access(answer, now()).grant;
        self.fresh.store.grant(&grant).await.unwrap().unwrap().is_live(now())
    }
}

pub(in crate::flows) fn refresh(answer: &Value) -> Params {
    refresh_with(answer["refresh_token"].as_str().unwrap(), "x", "")
}

pub(in crate::flows) fn refresh_with(token: &str, name: &str, value: &str) -> Params {
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", token), (name, value)];
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Params::parse(form.as_bytes()).unwrap()
}

/// What an ID token says; that it verifies is tested where it is made.
pub(in crate::flows) fn said(answer: &Value) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let body = answer["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
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
    let midnight = at("2026-07-01T22:00:00Z");
    let seen = midnight.plus(-120);
    let authority = Some(p.fresh.store.word_over("Sam", "2014-07-02").await);
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
    let authority = Some(p.fresh.store.word_over("Sam", "2014-07-02").await);
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
