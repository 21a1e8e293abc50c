//! Logout tokens: how a portal hears that a session ended (OpenID Connect Back-Channel Logout, section 2.4).

use serde::Serialize;
use serde_json::{Value, json};

use super::{jws, signing_key::SigningKey};
use crate::domain::{
    fault::Fault,
    id::{SessionId, random},
    time::Timestamp,
};

/// The media type in the header.
const TYPE: &str = "logout+jwt";
/// How long one is good, in seconds: the section recommends two minutes at most.
const LIFE: i64 = 120;
/// What happened.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Which session ended, and for whom it is told. There is no `nonce`, so that nobody takes it for an ID token.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Ended<'a> {
    /// Who says so.
    #[serde(rename = "iss")]
    pub issuer: &'a str,
    /// To which client.
    #[serde(rename = "aud")]
    pub client_id: &'a str,
    /// The user, as this client knows them, or knew them once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<&'a str>,
    /// The session.
    pub sid: &'a SessionId,
}

#[derive(Serialize)]
struct Claims<'a> {
    #[serde(flatten)]
    ended: &'a Ended<'a>,
    iat: Timestamp,
    exp: Timestamp,
    jti: String,
    events: Value,
}

/// Makes and signs one.
pub fn sign(ended: &Ended<'_>, key: &SigningKey, now: Timestamp) -> Result<String, Fault> {
    let (jti, events) = (random::<16>(), json!({ EVENT: {} }));
    jws::write(key, TYPE, &Claims { ended, iat: now, exp: now.plus(LIFE), jti, events })
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            id_token::Hint,
            keyring::tests::{ring_of, stored},
        },
        *,
    };
    use crate::domain::key::Algorithm;

    #[test]
    fn says_which_session_of_whom_ended_and_is_no_id_token() {
        let (now, issuer) = (Timestamp::from_epoch(150), "https://id.example.nl");
        let ring = ring_of([stored(Algorithm::Es256)]);
        let key = ring.signer(Algorithm::Es256, now).unwrap();
        let sid = SessionId::from_stored("sid");
        let ended = Ended { issuer, client_id: "portal", sub: Some("s"), sid: &sid };
        let (token, other) = (sign(&ended, key, now).unwrap(), sign(&ended, key, now).unwrap());
        let mut told: Value = jws::read(&ring, "logout+jwt", &token, now).unwrap();
        let again: Value = jws::read(&ring, "logout+jwt", &other, now).unwrap();
        let jti = told.as_object_mut().unwrap().remove("jti").unwrap();
        assert!(jti.as_str().unwrap().len() >= 22 && jti != again["jti"]);
        let expected = json!({
            "iss": issuer, "aud": "portal", "sub": "s", "sid": "sid", "iat": 150, "exp": 270,
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        });
        assert_eq!(told, expected);
        assert_eq!(Hint::read(&ring, issuer, &token, now), None);
    }
}
