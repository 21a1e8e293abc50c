//! JWTs that others signed: clients' assertions, request objects and proofs of possession (RFC 7515, RFC 7519). The header
//! names an algorithm out of a list and a registered key; nothing else in it is believed (RFC 8725 section 3).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::domain::{
    json::writes_nul,
    jwk::{JwkSet, PublicKey},
    key::Algorithm,
};

/// The most keys that one signature is tried with, where it names none.
const MAX_TRIES: usize = 4;

/// Why a JWT is not believed, in words for whoever makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadJwt {
    /// Not three parts of base64url, or not JSON.
    #[error("it is no signed JWT in compact form")]
    Malformed,
    /// An algorithm that is not allowed here.
    #[error("its alg is not allowed for this client")]
    Algorithm,
    /// A `typ` of another use.
    #[error("its typ says that it is for something else")]
    Type,
    /// An extension that must be understood (RFC 7515 section 4.1.11).
    #[error("its crit names an extension that is not understood")]
    Critical,
    /// No registered key of that name for that algorithm.
    #[error("no registered key has its kid and alg")]
    Key,
    /// Another key, or altered.
    #[error("its signature does not verify with the registered keys")]
    Signature,
    /// Claims that are missing or of another kind.
    #[error("its claims are not those that are needed here")]
    Claims,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    jwk: Option<Value>,
    #[serde(default)]
    crit: Option<Value>,
}

/// The name of the key that a token says signed it: only to find out whether that key is known here. `None` where it names none,
/// or is no token.
pub fn named_key(token: &str) -> Option<String> {
    let (header, _) = token.split_once('.')?;
    serde_json::from_slice::<Header>(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?.kid
}

/// A JWT taken apart; nothing of it is believed yet.
pub struct Unverified<'a> {
    header: Header,
    alg: Algorithm,
    signed: &'a str,
    signature: Vec<u8>,
    claims: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart. `algs` are those that may have signed it, `types` the media types that it may have, without
    /// `application/`; the empty one stands for a token without `typ`.
    pub fn read(token: &'a str, algs: impl Fn(Algorithm) -> bool, types: &[&str]) -> Result<Self, BadJwt> {
        let (signed, signature) = token.rsplit_once('.').ok_or(BadJwt::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(BadJwt::Malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| BadJwt::Malformed);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| BadJwt::Malformed)?;
        if header.crit.is_some() {
            return Err(BadJwt::Critical);
        }
        let alg = Algorithm::from_name(&header.alg).filter(|alg| algs(*alg)).ok_or(BadJwt::Algorithm)?;
        let typ = header.typ.as_deref().unwrap_or_default().to_ascii_lowercase();
        if !types.contains(&typ.strip_prefix("application/").unwrap_or(&typ)) {
            return Err(BadJwt::Type);
        }
        let (signature, claims) = (decode(signature)?, decode(claims)?);
        if writes_nul(&claims) {
            return Err(BadJwt::Malformed);
        }
        Ok(Self { header, alg, signed, signature, claims })
    }

    /// What it says, unproven: only to find out whose keys must have signed it.
    pub fn claims_unproven<T: DeserializeOwned>(&self) -> Result<T, BadJwt> {
        serde_json::from_slice(&self.claims).map_err(|_| BadJwt::Claims)
    }

    /// The algorithm that it says signed it.
    pub fn alg(&self) -> Algorithm {
        self.alg
    }

    /// The public key that its header brings, for a proof of possession of that very key (RFC 9449 section 4.2).
    pub fn own_key(&self) -> Result<PublicKey, BadJwt> {
        let jwk = self.header.jwk.as_ref().ok_or(BadJwt::Key)?;
        PublicKey::read(jwk).map_err(|_| BadJwt::Key)
    }

    /// The claims, if a key of `set` signed them.
    pub fn verified_by<T: DeserializeOwned>(&self, set: &JwkSet) -> Result<T, BadJwt> {
        let mut keys = set.candidates(self.header.kid.as_deref(), self.alg).take(MAX_TRIES).peekable();
        if keys.peek().is_none() {
            return Err(BadJwt::Key);
        }
        if keys.any(|key| self.is_signed_by(key)) { self.claims_unproven() } else { Err(BadJwt::Signature) }
    }

    /// The claims, if `key` signed them.
    pub fn verified_with<T: DeserializeOwned>(&self, key: &PublicKey) -> Result<T, BadJwt> {
        if self.is_signed_by(key) { self.claims_unproven() } else { Err(BadJwt::Signature) }
    }

    fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verifying(self.alg)
            .is_some_and(|key| key.verify_sig(self.signed.as_bytes(), &self.signature).is_ok())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::{
        super::{
            keyring::tests::{ring_of, stored},
            signing_key::SigningKey,
        },
        *,
    };
    use crate::domain::time::Timestamp;

    /// Something that signs as a client does, and the set that it registers. Its key is named `k`.
    pub(crate) struct Signer {
        ring: crate::oidc::keyring::Keyring,
        alg: Algorithm,
    }

    impl Signer {
        pub(crate) fn new(alg: Algorithm) -> Self {
            Self { ring: ring_of([stored(alg)]), alg }
        }

        fn key(&self) -> &SigningKey {
            self.ring.signer(self.alg, Timestamp::from_epoch(150)).unwrap()
        }

        pub(crate) fn jwk(&self) -> Value {
            serde_json::to_value(self.key().public()).unwrap()
        }

        pub(crate) fn set(&self) -> JwkSet {
            let mut jwk = self.jwk();
            jwk["kid"] = json!("k");
            JwkSet::read(&json!({ "keys": [jwk] })).unwrap()
        }

        pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let signed = format!("{}.{}", part(header), part(claims));
            let signature = URL_SAFE_NO_PAD.encode(self.key().sign_bytes(signed.as_bytes()).unwrap());
            format!("{signed}.{signature}")
        }

        /// With the header that belongs there.
        pub(crate) fn signed(&self, typ: &str, claims: &Value) -> String {
            self.sign(&json!({"alg": self.alg.name(), "kid": "k", "typ": typ}), claims)
        }
    }

    fn read(token: &str, set: &JwkSet) -> Result<Value, BadJwt> {
        Unverified::read(token, |alg| alg != Algorithm::Ps256, &["", "jwt"])?.verified_by(set)
    }

    #[test]
    fn every_algorithm_is_read_that_is_allowed() {
        for alg in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
            let signer = Signer::new(alg);
            assert_eq!(read(&signer.signed("JWT", &json!({"a": 1})), &signer.set()), Ok(json!({"a": 1})));
        }
        let signer = Signer::new(Algorithm::Ps256);
        assert_eq!(read(&signer.signed("JWT", &json!({})), &signer.set()), Err(BadJwt::Algorithm));
    }

    #[test]
    fn a_header_chooses_neither_key_nor_algorithm_nor_use() {
        let (signer, other) = (Signer::new(Algorithm::Es256), Signer::new(Algorithm::Es256));
        let ask = |header: Value| read(&signer.sign(&header, &json!({"a": 1})), &signer.set());
        assert!(ask(json!({"alg": "ES256"})).is_ok() && ask(json!({"alg": "ES256", "kid": "k"})).is_ok());
        for (header, why) in [
            (json!({"alg": "none"}), BadJwt::Algorithm),
            (json!({"alg": "HS256", "kid": "k"}), BadJwt::Algorithm),
            (json!({"alg": "es256", "kid": "k"}), BadJwt::Algorithm),
            (json!({"alg": "RS256", "kid": "k"}), BadJwt::Key),
            (json!({"alg": "ES256", "kid": "other"}), BadJwt::Key),
            (json!({"alg": "ES256", "kid": "other", "jwk": signer.jwk()}), BadJwt::Key),
            (json!({"alg": "ES256", "kid": "k", "typ": "at+jwt"}), BadJwt::Type),
            (json!({"alg": "ES256", "kid": "k", "crit": []}), BadJwt::Critical),
            (json!({"kid": "k"}), BadJwt::Malformed),
            (json!({"alg": "ES256", "kid": 7}), BadJwt::Malformed),
        ] {
            assert_eq!(ask(header.clone()), Err(why), "{header}");
        }
        let brought = other.sign(&json!({"alg": "ES256", "jwk": other.jwk()}), &json!({}));
        assert_eq!(read(&brought, &signer.set()), Err(BadJwt::Signature));
        // A proof of possession brings its key; one that could sign is none.
        let proof = Unverified::read(&brought, |_| true, &[""]).unwrap();
        assert_eq!(proof.verified_with::<Value>(&proof.own_key().unwrap()), Ok(json!({})));
        let secret = other.sign(&json!({"alg": "ES256", "jwk": {"kty": "oct", "k": "AA"}}), &json!({}));
        assert!(Unverified::read(&secret, |_| true, &[""]).unwrap().own_key().is_err());
    }

    #[test]
    fn what_was_altered_or_is_no_jwt_is_refused() {
        let client = Signer::new(Algorithm::EdDsa);
        let token = client.signed("jwt", &json!({"a": 1}));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let others = URL_SAFE_NO_PAD.encode(json!({"a": 2}).to_string());
        assert_eq!(read(&format!("{header}.{others}.{signature}"), &client.set()), Err(BadJwt::Signature));
        assert_eq!(read(&format!("{signed}."), &client.set()), Err(BadJwt::Signature));
        for bad in [
            "",
            ".",
            "..",
            "a.b.c",
            signed,
            &format!("{token}="),
            &format!("{header}.{claims}.x.{signature}"),
        ] {
            assert_eq!(read(bad, &client.set()), Err(BadJwt::Malformed), "{bad:.40}");
        }
        let doubled = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","alg":"EdDSA"}"#);
        assert_eq!(read(&format!("{doubled}.{claims}.{signature}"), &client.set()), Err(BadJwt::Malformed));
    }
}
