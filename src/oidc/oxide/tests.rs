//! What the adapter adds to oxide-auth, against a real store.

use url::form_urlencoded;

use super::*;
use crate::{
    domain::{client::tests::client as fixture, grant::tests::grant, key::Algorithm, scope::Scope},
    store::testing::{fresh, somebody},
};

/// The verifier and challenge of RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "https://p.example/cb";

pub(crate) fn client(id: &str) -> Client {
    Client {
        id: id.into(),
        redirect_uris: vec![CALLBACK.into()],
        scopes: [Scope::Openid, Scope::ActAs].into(),
        sector: "p.example".into(),
        id_token_alg: Algorithm::Es256,
        ..fixture()
    }
}

pub(crate) fn ask() -> Ask {
    Ask {
        nonce: Some("n".into()),
        scope: [Scope::Openid, Scope::ActAs].into(),
        code_challenge: Some(CHALLENGE.into()),
        ..Ask::blank("portal".into(), CALLBACK.into())
    }
}

pub(crate) async fn session(store: &Store, now: Timestamp) -> Session {
    let (account, person) = somebody(store).await;
    let session = Session {
        sid: SessionId::random(),
        secret: Secret::token("").hashed(),
        account,
        person,
        era: 0,
        level: Level::Midden,
        auth_time: now,
        seen: now,
        ends: now.plus(3600),
        authority: None,
        device: None,
        by_app: false,
    };
    store.begin_session(&session).await.unwrap();
    session
}

/// The form of an exchange, with one field replaced, added, or (empty) left out.
pub(crate) fn exchange(code: &Secret, name: &str, value: &str) -> Params {
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", code.expose()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", "portal"),
    ];
    pairs.retain(|(n, _)| *n != name);
    pairs.push((name, value));
    Params::parse(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().as_bytes())
        .unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_epoch(1_000_000 + seconds)
}

fn code_of<T>(result: Result<T, Error>) -> Option<Code> {
    match result {
        Ok(_) => None,
        Err(Error::Json(code, _)) => Some(code),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_the_login_proved_travels_from_code_to_token() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let session = session(store, at(0)).await;
    let code = issue(store, &client("portal"), &ask(), &session, at(0)).await.unwrap();
    let found = check_code(store, &client("portal"), &exchange(&code, "x", ""), at(59)).await.unwrap();
    let proven = &found.proven;
    assert_eq!(
        (&proven.sid, &proven.account, &proven.person),
        (&session.sid, &session.account, &session.person)
    );
    assert_eq!((proven.level, proven.auth_time, proven.session_ends), (Level::Midden, at(0), session.ends));
    assert_eq!((proven.nonce.as_deref(), &found.scope), (Some("n"), &ask().scope));
    assert!(code.expose().starts_with("nms_ac_"));
}

#[tokio::test]
async fn every_wrong_exchange_is_refused_and_burns_nothing() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let session = session(store, at(0)).await;
    let code = issue(store, &client("portal"), &ask(), &session, at(0)).await.unwrap();
    let (long, short) = ("x".repeat(129), "x".repeat(42));
    let table = [
        ("code", "", Code::InvalidRequest),
        ("code", "nms_ac_other", Code::InvalidGrant),
        ("redirect_uri", "", Code::InvalidRequest),
        ("redirect_uri", "https://p.example/other", Code::InvalidGrant),
        // The same URI to a parser, another text.
        ("redirect_uri", "https://p.example:443/cb", Code::InvalidGrant),
        ("redirect_uri", "https://P.example/cb", Code::InvalidGrant),
        ("redirect_uri", "no uri", Code::InvalidRequest),
        ("code_verifier", "", Code::InvalidGrant),
        ("code_verifier", CHALLENGE, Code::InvalidGrant),
        ("code_verifier", &short, Code::InvalidGrant),
        ("code_verifier", &long, Code::InvalidGrant),
        ("grant_type", "", Code::InvalidRequest),
        ("grant_type", "password", Code::UnsupportedGrantType),
    ];
    for (name, value, expected) in table {
        let form = exchange(&code, name, value);
        let result = check_code(store, &client("portal"), &form, at(1)).await;
        assert_eq!(code_of(result), Some(expected), "{name}={value:.50}");
    }
    let form = exchange(&code, "x", "");
    assert_eq!(code_of(check_code(store, &client("other"), &form, at(1)).await), Some(Code::InvalidGrant));
    assert_eq!(code_of(check_code(store, &client("portal"), &form, at(60)).await), Some(Code::InvalidGrant));
    assert_eq!(code_of(check_code(store, &client("portal"), &form, at(59)).await), None, "still good");
}

#[tokio::test]
async fn a_verifier_that_is_too_short_is_refused_even_when_it_fits() {
    use aws_lc_rs::digest::{SHA256, digest};
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let fresh = fresh().await;
    let session = session(&fresh.store, at(0)).await;
    for (length, expected) in [(42, Some(Code::InvalidGrant)), (43, None)] {
        let verifier = "x".repeat(length);
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let ask = Ask { code_challenge: Some(challenge), ..ask() };
        let code = issue(&fresh.store, &client("portal"), &ask, &session, at(0)).await.unwrap();
        let form = exchange(&code, "code_verifier", &verifier);
        let result = check_code(&fresh.store, &client("portal"), &form, at(1)).await;
        assert_eq!(code_of(result), expected, "{length}");
    }
}

#[tokio::test]
async fn a_verifier_for_a_challenge_that_was_never_asked_is_refused() {
    let fresh = fresh().await;
    let session = session(&fresh.store, at(0)).await;
    let ask = Ask { code_challenge: None, ..ask() };
    for (verifier, expected) in [(VERIFIER, Some(Code::InvalidGrant)), ("", None)] {
        let code = issue(&fresh.store, &client("portal"), &ask, &session, at(0)).await.unwrap();
        let form = exchange(&code, "code_verifier", verifier);
        let result = check_code(&fresh.store, &client("portal"), &form, at(1)).await;
        assert_eq!(code_of(result), expected, "{verifier:?}");
    }
}

#[test]
fn a_verifier_has_43_to_128_plain_characters() {
    for (length, good) in [(42, false), (43, true), (128, true), (129, false)] {
        assert_eq!(is_pkce_text(&"a".repeat(length)), good, "{length}");
    }
    for bad in ["+", "/", "=", " ", "é"] {
        assert!(!is_pkce_text(&format!("{}{bad}", "a".repeat(50))), "{bad}");
    }
}

#[test]
fn an_ask_beyond_the_registration_gets_no_code() {
    let proven = Proven {
        account: AccountId::random(),
        person: PersonId::random(),
        sid: SessionId::random(),
        level: Level::Local,
        auth_time: at(0),
        session_ends: at(1),
        dpop_jkt: None,
        amr: false,
        bsn: false,
        needs_digid: false,
        in_id_token: Claims::new(),
        in_userinfo: Claims::new(),
        resources: vec![],
        chosen: None,
        nonce: None,
    };
    assert!(authorized(&client("portal"), &ask(), &proven).is_ok());
    assert!(authorized(&client("other"), &ask(), &proven).is_err());
    let more = Ask { scope: [Scope::Openid, Scope::Email].into(), ..ask() };
    assert!(authorized(&client("portal"), &more, &proven).is_err());
}

#[test]
fn a_refresh_may_ask_for_less_and_never_for_more() {
    let grant = Grant { scope: ask().scope, ends: at(100), ..grant() };
    let check = |id: &str, form: &str, found: &Grant, now| {
        check_refresh(&client(id), &Params::parse(form.as_bytes()).unwrap(), Some(found), at(now))
    };
    let form = "grant_type=refresh_token&refresh_token=x";
    assert_eq!(check("portal", form, &grant, 99).unwrap(), ask().scope);
    let less = format!("{form}&scope=openid");
    assert_eq!(check("portal", &less, &grant, 99).unwrap(), [Scope::Openid].into());
    for more in ["openid+email", "a%22b"] {
        let form = format!("{form}&scope={more}");
        assert_eq!(code_of(check("portal", &form, &grant, 99)), Some(Code::InvalidScope), "{more}");
    }
    let bad_grant = Some(Code::InvalidGrant);
    assert_eq!(code_of(check("portal", form, &grant, 100)), bad_grant);
    assert_eq!(code_of(check("other", form, &grant, 99)), bad_grant);
    let revoked = Grant { revoked_at: Some(at(1)), ..grant.clone() };
    assert_eq!(code_of(check("portal", form, &revoked, 99)), bad_grant);
    assert_eq!(code_of(check("portal", "grant_type=refresh_token", &grant, 99)), Some(Code::InvalidRequest));
}
