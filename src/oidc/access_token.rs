//! Access tokens: signed JWTs (RFC 9068), good for the `UserInfo` endpoint of this issuer, or for the APIs that they name.

use serde::{Deserialize, Serialize};

use super::{
    audience::{self, Audience},
    error::{Code, Error},
    jws,
    keyring::Keyring,
    signing_key::SigningKey,
};
use crate::domain::{
    fault::Fault,
    id::{GrantId, SessionId},
    scope::{self, Scopes},
    time::Timestamp,
};

/// The media type in the header (RFC 9068 section 2.1).
pub(super) const TYPE: &str = "at+jwt";

/// What a token is bound to (RFC 7800 section 3.1): a key, a certificate, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The thumbprint of the key (RFC 9449 section 6.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
    /// The SHA-256 of the certificate (RFC 8705 section 3.1).
    #[serde(rename = "x5t#S256", default, skip_serializing_if = "Option::is_none")]
    pub x5t_s256: Option<String>,
}

impl Confirmation {
    /// How a token is shown that is bound to this key, or to none (`token_type`, RFC 6749 section 7.1, RFC 9449 section 5).
    pub fn token_type(cnf: Option<&Self>) -> &'static str {
        if cnf.is_some_and(|cnf| cnf.jkt.is_some()) { "DPoP" } else { "Bearer" }
    }
}

/// Who acts, where that is not whom the token is about (RFC 8693 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// As this client knows them.
    pub sub: String,
}

/// What an access token says (RFC 9068 section 2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Who made it.
    pub iss: String,
    /// The user, as this client knows them; where somebody acts for another, that other.
    pub sub: String,
    /// Who may be asked with it.
    pub aud: Audience,
    /// From when it is no good any more.
    pub exp: Timestamp,
    /// When it was made.
    pub iat: Timestamp,
    /// Its own name.
    pub jti: String,
    /// For whom it was made.
    pub client_id: String,
    /// What it is good for, words parted by spaces (RFC 8693 section 4.2).
    #[serde(with = "scope::text")]
    pub scope: Scopes,
    /// The session in which it was granted.
    pub sid: SessionId,
    /// The level of the login.
    pub acr: String,
    /// When the user proved who they are.
    pub auth_time: Timestamp,
    /// Whose key must be shown with it, where it is no bearer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// The user, where they act for `sub`: `acr` and `auth_time` are of their login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
    /// Private: the family it belongs to, so that it dies with it.
    pub grant: GrantId,
}

impl AccessClaims {
    /// How the token is shown.
    pub fn token_type(&self) -> &'static str {
        Confirmation::token_type(self.cnf.as_ref())
    }

    /// Signs them.
    pub fn sign(&self, key: &SigningKey) -> Result<String, Fault> {
        jws::write(key, TYPE, self)
    }

    /// Reads a token of `issuer` that is good for its `UserInfo` endpoint at `now` (RFC 9068 section 4). Whether its
    /// grant still lives only the store knows.
    pub fn read(ring: &Keyring, issuer: &str, token: &str, now: Timestamp) -> Result<Self, Error> {
        let claims = Self::open(ring, issuer, token, now)?;
        // It tells of the user, and knows nothing of whom they act for.
        let fits = claims.aud.has(&audience::userinfo(issuer)) && claims.act.is_none();
        if fits { Ok(claims) } else { Err(INVALID_TOKEN) }
    }

    /// Reads a token of `issuer` that has not ended at `now`, whoever may be asked with it.
    pub fn open(ring: &Keyring, issuer: &str, token: &str, now: Timestamp) -> Result<Self, Error> {
        let claims: Self = jws::read(ring, TYPE, token, now).map_err(|_| INVALID_TOKEN)?;
        if claims.iss == issuer && now < claims.exp { Ok(claims) } else { Err(INVALID_TOKEN) }
    }
}

/// One answer for every token that is no good (RFC 6750 section 3.1).
pub const INVALID_TOKEN: Error = Error::Json(
    Code::InvalidToken,
    "the access token is malformed, expired, revoked, or made for something else",
);

#[cfg(test)]
mod tests {
    use super::{
        super::keyring::tests::{ring_of, stored},
        *,
    };
    use crate::domain::{assurance::Level, key::Algorithm, scope::Scope};

    const ISSUER: &str = "https://id.example.nl";

    fn claims() -> AccessClaims {
        let at = Timestamp::from_epoch;
        AccessClaims {
            iss: ISSUER.into(),
            sub: "s".into(),
            aud: Audience::One("https://id.example.nl/userinfo".into()),
            exp: at(160),
            iat: at(150),
            jti: "j".into(),
            client_id: "portal".into(),
            scope: [Scope::Openid, Scope::ActAs].into(),
            sid: SessionId::from_stored("sid"),
            acr: Level::Midden.acr().into(),
            auth_time: at(140),
            cnf: None,
            act: None,
            grant: GrantId::from_stored("g"),
        }
    }

    #[test]
    fn is_good_for_its_own_issuer_and_audience_until_it_ends() {
        let ring = ring_of([stored(Algorithm::Es256)]);
        let key = ring.signer(Algorithm::Es256, Timestamp::from_epoch(150)).unwrap();
        let good = |claims: AccessClaims, now| {
            let token = claims.sign(key).unwrap();
            AccessClaims::read(&ring, ISSUER, &token, Timestamp::from_epoch(now)).is_ok()
        };
        assert!(good(claims(), 150) && good(claims(), 159) && !good(claims(), 160));
        assert!(!good(AccessClaims { iss: "https://other.example".into(), ..claims() }, 150));
        assert!(!good(AccessClaims { aud: Audience::One("portal".into()), ..claims() }, 150));
        let both = vec!["https://api.nl".into(), "https://id.example.nl/userinfo".into()];
        assert!(good(AccessClaims { aud: Audience::Several(both), ..claims() }, 150));
        assert!(!good(AccessClaims { act: Some(Actor { sub: "x".into() }), ..claims() }, 150));
        let told = serde_json::to_value(claims()).unwrap();
        assert_eq!(
            (&told["scope"], serde_json::from_value(told.clone()).unwrap()),
            (&"openid act_as".into(), claims())
        );
    }
}
