//! Access tokens of programs that act in their own name (RFC 6749 section 4.4, RFC 9068): good for the admin API of this issuer
//! and nothing else.

use serde::{Deserialize, Serialize};

use super::{
    access_token::{Confirmation, INVALID_TOKEN, TYPE},
    audience,
    error::Error,
    jws,
    keyring::Keyring,
    signing_key::SigningKey,
};
use crate::domain::{api::AdminScopes, fault::Fault, scope, time::Timestamp};

/// What such a token says (RFC 9068 section 2.2). No user is in it, so it has no session, no level and no grant, and is nowhere
/// taken for a user's; and a user's has no scope of this kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramClaims {
    /// Who made it.
    pub iss: String,
    /// The program: its `client_id` (section 2.2).
    pub sub: String,
    /// The admin API.
    pub aud: String,
    /// From when it is no good any more.
    pub exp: Timestamp,
    /// When it was made.
    pub iat: Timestamp,
    /// Its own name.
    pub jti: String,
    /// The program again.
    pub client_id: String,
    /// What it may do.
    #[serde(with = "scope::text")]
    pub scope: AdminScopes,
    /// Whose key must be shown with it, where it is no bearer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

impl ProgramClaims {
    /// How the token is shown.
    pub fn token_type(&self) -> &'static str {
        Confirmation::token_type(self.cnf.as_ref())
    }

    /// Signs them.
    pub fn sign(&self, key: &SigningKey) -> Result<String, Fault> {
        jws::write(key, TYPE, self)
    }

    /// Reads a token of `issuer` that is good for its admin API at `now`. Whether its client may still use it only the
    /// registration knows.
    pub fn read(ring: &Keyring, issuer: &str, token: &str, now: Timestamp) -> Result<Self, Error> {
        let claims: Self = jws::read(ring, TYPE, token, now).map_err(|_| INVALID_TOKEN)?;
        let ours = claims.iss == issuer && claims.aud == audience::admin(issuer);
        let fits = ours && claims.sub == claims.client_id && now < claims.exp;
        if fits { Ok(claims) } else { Err(INVALID_TOKEN) }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::keyring::tests::{ring_of, stored},
        *,
    };
    use crate::domain::{api::AdminScope, key::Algorithm};

    const ISSUER: &str = "https://id.example.nl";

    fn claims() -> ProgramClaims {
        let at = Timestamp::from_epoch;
        ProgramClaims {
            iss: ISSUER.into(),
            sub: "desk".into(),
            aud: "https://id.example.nl/admin/v1".into(),
            exp: at(160),
            iat: at(150),
            jti: "j".into(),
            client_id: "desk".into(),
            scope: [AdminScope::Mandates, AdminScope::Audit].into(),
            cnf: None,
        }
    }

    #[test]
    fn is_good_for_the_admin_api_of_its_own_issuer_until_it_ends() {
        let ring = ring_of([stored(Algorithm::Es256)]);
        let key = ring.signer(Algorithm::Es256, Timestamp::from_epoch(150)).unwrap();
        let good = |claims: ProgramClaims, now| {
            let token = claims.sign(key).unwrap();
            ProgramClaims::read(&ring, ISSUER, &token, Timestamp::from_epoch(now)).is_ok()
        };
        assert!(good(claims(), 150) && good(claims(), 159) && !good(claims(), 160));
        assert!(!good(ProgramClaims { iss: "https://other.example".into(), ..claims() }, 150));
        assert!(!good(ProgramClaims { aud: "https://id.example.nl/userinfo".into(), ..claims() }, 150));
        assert!(!good(ProgramClaims { sub: "somebody".into(), ..claims() }, 150));
        let token = jws::write(key, "JWT", &claims()).unwrap();
        assert!(
            ProgramClaims::read(&ring, ISSUER, &token, Timestamp::from_epoch(150)).is_err(),
            "an ID token"
        );
        assert_eq!(serde_json::to_value(claims()).unwrap()["scope"], "mandates audit");
    }
}
