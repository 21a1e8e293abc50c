//! ID tokens (OpenID Connect Core, section 2), through openidconnect's types.

use openidconnect::{
    AccessToken, AdditionalClaims, Audience, AuthenticationContextClass, IdToken, IdTokenClaims, IssuerUrl,
    Nonce, StandardClaims, SubjectIdentifier,
    core::{CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{audience, jws, keyring::Keyring, signing_key::SigningKey};
use crate::domain::{
    assurance::Level,
    claims::{ActAs, Represents},
    fault::Fault,
    id::{SessionId, random},
    key::Algorithm,
    time::Timestamp,
};

/// The longest life of an ID token, in seconds: it is a message, not a session.
pub const LIFE: i64 = 300;

/// What an ID token tells.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// Who makes it.
    pub issuer: &'a str,
    /// For whom.
    pub client_id: &'a str,
    /// The user, as this client knows them.
    pub sub: &'a str,
    /// The session.
    pub sid: &'a SessionId,
    /// What the authorization request brought; a refreshed ID token has none (OpenID Connect Core, section 12.2).
    pub nonce: Option<&'a str>,
    /// The level of the login.
    pub level: Level,
    /// When the user proved who they are.
    pub auth_time: Timestamp,
    /// Whom the user may act for; `None` when the scope `act_as` was not granted.
    pub act_as: Option<&'a [ActAs]>,
    /// For whom the user logged in, if for somebody else.
    pub represents: Option<&'a Represents>,
    /// The standard claims that the request asked for here (OpenID Connect Core, section 5.5).
    pub told: &'a Map<String, Value>,
    /// When it stops being true, at the latest.
    pub until: Timestamp,
}

/// What ours say beyond the standard claims that openidconnect knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Extra {
    /// From when it is good.
    pub nbf: Timestamp,
    /// Its own name.
    pub jti: String,
    /// The session (OpenID Connect Back-Channel Logout, section 2.1).
    pub sid: SessionId,
    /// Whom the user may act for. Always an array when the scope was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act_as: Option<Vec<ActAs>>,
    /// For whom the user logged in, if for somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub represents: Option<Represents>,
    /// The standard claims that the request asked for here.
    #[serde(flatten)]
    pub told: Map<String, Value>,
}

impl AdditionalClaims for Extra {}

/// An ID token of ours, as openidconnect reads and writes it.
pub type Token = IdToken<Extra, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

/// Makes and signs an ID token that vouches for `access_token` too (`at_hash`).
pub fn sign(
    facts: &Facts<'_>,
    access_token: &str,
    key: &SigningKey,
    now: Timestamp,
) -> Result<String, Fault> {
    let extra = Extra {
        nbf: now,
        jti: random::<16>(),
        sid: facts.sid.clone(),
        act_as: facts.act_as.map(<[ActAs]>::to_vec),
        represents: facts.represents.cloned(),
        told: facts.told.clone(),
    };
    let standard = StandardClaims::new(SubjectIdentifier::new(facts.sub.to_owned()));
    let claims = IdTokenClaims::new(
        IssuerUrl::new(facts.issuer.to_owned())?,
        vec![Audience::new(facts.client_id.to_owned())],
        facts.until.min(now.plus(LIFE)).utc(),
        now.utc(),
        standard,
        extra,
    )
    .set_auth_time(Some(facts.auth_time.utc()))
    .set_nonce(facts.nonce.map(|nonce| Nonce::new(nonce.to_owned())))
    .set_auth_context_ref(Some(AuthenticationContextClass::new(facts.level.acr().to_owned())));
    let access_token = AccessToken::new(access_token.to_owned());
    Ok(Token::new(claims, key, key.core_alg(), Some(&access_token), None)?.to_string())
}

/// The media type of a hint in brief.
const BRIEF: &str = "hint+jwt";

/// What an ID token that comes back as a hint says (OpenID Connect RP-Initiated Logout, section 2). It may have expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// The client it was made for.
    #[serde(with = "audience::one_in_a_list")]
    pub aud: String,
    /// The session it was made in.
    pub sid: SessionId,
    /// The user, as that client knows them.
    pub sub: String,
    iss: String,
}

impl Hint {
    /// Reads a hint that a published key of ours signed for this issuer; anything else says nothing.
    pub fn read(ring: &Keyring, issuer: &str, token: &str, now: Timestamp) -> Option<Self> {
        let found = jws::read::<Self>(ring, "", token, now).or_else(|_| jws::read(ring, BRIEF, token, now));
        found.ok().filter(|hint| hint.iss == issuer)
    }

    /// The same in brief, to go along in an address of ours: an ID token that names many people is longer than most proxies
    /// let pass, and need not stand there. `None` when nothing can be signed just now.
    pub fn brief(&self, ring: &Keyring, now: Timestamp) -> Option<String> {
        jws::write(ring.signer(Algorithm::Es256, now)?, BRIEF, self).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::{
        super::keyring::tests::{ring_of, stored},
        *,
    };
    use crate::{
        domain::mandate::Relation,
        oidc::{jws::NotOurs, params::MAX_TOTAL},
        store::mandates::MOST,
    };
    use openidconnect::{
        ClientId, JsonWebKeySet,
        core::{CoreIdTokenVerifier, CoreJsonWebKey},
    };

    const ISSUER: &str = "https://id.example.nl";
    static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);

    /// Signs one, verifies it as a portal would (with the key set as served), and gives the verified claims.
    fn verified(alg: Algorithm, facts: &Facts<'_>) -> (Value, Option<String>) {
        let now = Timestamp::from_epoch(150);
        let ring = ring_of([stored(alg)]);
        let text = sign(facts, "access", ring.signer(alg, now).unwrap(), now).unwrap();
        let served = serde_json::to_string(&ring.jwks(now)).unwrap();
        let set: JsonWebKeySet<CoreJsonWebKey> = serde_json::from_str(&served).unwrap();
        let client = ClientId::new(facts.client_id.into());
        let verifier =
            CoreIdTokenVerifier::new_public_client(client, IssuerUrl::new(ISSUER.into()).unwrap(), set)
                .set_allowed_algs([ring.signer(alg, now).unwrap().core_alg()])
                .set_time_fn(move || now.utc());
        let token = Token::from_str(&text).unwrap();
        let nonce = Nonce::new("n".into());
        let claims = token.claims(&verifier, &nonce).unwrap();
        (serde_json::to_value(claims).unwrap(), claims.access_token_hash().map(|hash| hash.to_string()))
    }

    fn facts<'a>(sid: &'a SessionId, act_as: Option<&'a [ActAs]>) -> Facts<'a> {
        Facts {
            issuer: ISSUER,
            client_id: "portal",
            sub: "s",
            sid,
            nonce: Some("n"),
            level: Level::Midden,
            auth_time: Timestamp::from_epoch(100),
            act_as,
            represents: None,
            told: &NOTHING,
            until: Timestamp::from_epoch(10_000),
        }
    }

    #[test]
    fn a_portal_verifies_it_in_every_algorithm_and_reads_what_we_said() {
        let sid = SessionId::from_stored("sid");
        for alg in Algorithm::ALL {
            let (claims, _) = verified(alg, &facts(&sid, None));
            let told =
                ["iss", "sub", "acr", "sid", "nonce"].map(|name| claims[name].as_str().unwrap().to_owned());
            assert_eq!(told, [ISSUER, "s", "http://eidas.europa.eu/LoA/low", "sid", "n"]);
            let times = ["iat", "nbf", "exp", "auth_time"].map(|name| claims[name].as_i64().unwrap());
            assert_eq!(times, [150, 150, 450, 100]);
            assert_eq!(claims["aud"], serde_json::json!(["portal"]));
            // The left half of SHA-256("access"); of SHA-512 with Ed25519, whose own hash that is.
            let sha512 = "kyd4-h3ZoV2sH212kLKbcOnCBajStKQ38Ae_bfT-PFI";
            let expected = if alg == Algorithm::EdDsa { sha512 } else { "oFYf1knNtrqnhAVfBRuteQ" };
            assert_eq!(claims["at_hash"], expected);
        }
    }

    #[test]
    fn act_as_is_an_array_only_where_the_scope_was_granted_and_a_boundary_shortens_the_life() {
        let sid = SessionId::from_stored("sid");
        let (without, _) = verified(Algorithm::Es256, &facts(&sid, None));
        assert!(without.get("act_as").is_none());
        let until = Timestamp::from_epoch(170);
        let (with, _) = verified(Algorithm::Es256, &Facts { until, ..facts(&sid, Some(&[])) });
        assert_eq!((&with["act_as"], with["exp"].as_i64()), (&serde_json::json!([]), Some(170)));
    }

    /// OpenID Connect RP-Initiated Logout, section 2: a hint may have expired.
    #[test]
    fn a_hint_outlives_the_token_and_nothing_else() {
        let (sid, ring) = (SessionId::from_stored("sid"), ring_of([stored(Algorithm::Es256)]));
        let at = Timestamp::from_epoch;
        let token =
            sign(&facts(&sid, None), "access", ring.signer(Algorithm::Es256, at(150)).unwrap(), at(150));
        let (token, until) = (token.unwrap(), at(160));
        let short = Facts { until, ..facts(&sid, None) };
        let short = sign(&short, "access", ring.signer(Algorithm::Es256, at(150)).unwrap(), at(150)).unwrap();
        let read = |token: &str, issuer, now| Hint::read(&ring, issuer, token, at(now));
        for token in [&token, &short] {
            let hint = read(token, ISSUER, 299).unwrap();
            assert_eq!((hint.aud.as_str(), hint.sid), ("portal", sid.clone()));
            assert_eq!(read(token, "https://other.example", 299), None);
            assert_eq!(read(token, ISSUER, 300), None, "its key is published no more");
        }
        let brief = read(&token, ISSUER, 299).unwrap().brief(&ring, at(150)).unwrap();
        assert_eq!(read(&brief, ISSUER, 299), read(&token, ISSUER, 299));
        assert_eq!((read(&brief, "https://other.example", 299), read(&brief, ISSUER, 300)), (None, None));
        // It has a type, so that nobody takes it for an ID token.
        assert_eq!(jws::read::<Value>(&ring, "", &brief, at(150)), Err(NotOurs));
    }

    #[test]
    fn an_id_token_that_names_as_many_as_one_may_act_for_comes_back_as_a_hint() {
        let issuer = format!("https://{}.example", "inloggen-bij-de-zorg".repeat(2));
        let one = ActAs {
            sub: random::<16>(),
            iss: issuer.clone(),
            mandate: random::<16>(),
            relation: Some(Relation::Authorised),
            recheck: Timestamp::from_epoch(1_782_856_800),
        };
        // The register's own word of one child may come on top.
        let all = vec![one; usize::try_from(MOST).unwrap() + 1];
        let (sid, nonce) = (SessionId::random(), "n".repeat(512));
        let facts = Facts { issuer: &issuer, nonce: Some(&nonce), ..facts(&sid, Some(&all)) };
        let (ring, now) = (ring_of([stored(Algorithm::Rs256)]), Timestamp::from_epoch(150));
        let token = sign(&facts, "access", ring.signer(Algorithm::Rs256, now).unwrap(), now).unwrap();
        // Beside it stand a way back, a `state` and the rest.
        assert!(token.len() < MAX_TOTAL - 2048, "{}", token.len());
        assert_eq!(Hint::read(&ring, &issuer, &token, now).unwrap().sid, sid);
    }
}
