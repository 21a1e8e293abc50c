//! Public keys in JSON (RFC 7517; RFC 7518 section 6; RFC 8037 section 2): ours as they are served, and those of clients as
//! they are read. A secret or private key is never one of them.

use aws_lc_rs::{
    digest,
    signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
        RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{fault::Fault, key::Algorithm};

/// The most keys that are read of one client's set.
const MAX_KEYS: usize = 32;
/// The members that make a key private or secret (RFC 7518 sections 6.2.2, 6.3.2 and 6.4; RFC 8037 section 2).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];
/// The most bytes that a member may decode to: a modulus of 8192 bits.
const MAX_MEMBER: usize = 1024;
/// The least bytes of a modulus: 2048 bits (RFC 7518 section 3.3).
const MIN_MODULUS: usize = 256;

/// The required members of a public key (RFC 7638 section 3.2), in base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum PublicKey {
    /// RSA.
    #[serde(rename = "RSA")]
    Rsa {
        /// The exponent.
        e: String,
        /// The modulus.
        n: String,
    },
    /// A point on a curve.
    #[serde(rename = "EC")]
    Ec {
        /// The curve; `P-256` is the only one that is used.
        crv: String,
        /// Its first half.
        x: String,
        /// Its second half.
        y: String,
    },
    /// An Edwards key.
    #[serde(rename = "OKP")]
    Okp {
        /// The curve; `Ed25519` is the only one that is used.
        crv: String,
        /// The key.
        x: String,
    },
}

/// What is wrong with a key, in words for whoever registered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadJwk {
    /// Not JSON, or not the members that its kind must have.
    #[error("it is no JSON Web Key of kind RSA, EC or OKP with all its members")]
    Shape,
    /// Whoever reads it here could sign with it.
    #[error("it holds a private or secret key: register the public half only, and make a new key")]
    Private,
    /// A key that nothing here can verify with.
    #[error("it must be RSA of at least 2048 bits, EC on P-256, or OKP on Ed25519")]
    Unfit,
}

impl PublicKey {
    /// Reads one key.
    pub fn read(jwk: &Value) -> Result<Self, BadJwk> {
        if PRIVATE.iter().any(|member| jwk.get(member).is_some()) {
            return Err(BadJwk::Private);
        }
        let key: Self = serde_json::from_value(jwk.clone()).map_err(|_| BadJwk::Shape)?;
        if Algorithm::ALL.into_iter().any(|alg| key.verifying(alg).is_some()) {
            Ok(key)
        } else {
            Err(BadJwk::Unfit)
        }
    }

    /// SHA-256 of the required members, sorted, without spaces, in base64url (RFC 7638 section 3).
    pub fn thumbprint(&self) -> Result<String, Fault> {
        // As a map of serde_json, which sorts by name: `kty` stands first in the type, and not in the hash.
        let canonical = serde_json::to_string(&serde_json::to_value(self)?)?;
        Ok(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes())))
    }

    /// Whether its kind is that of `alg`.
    fn fits(&self, alg: Algorithm) -> bool {
        match self {
            Self::Rsa { .. } => matches!(alg, Algorithm::Rs256 | Algorithm::Ps256),
            Self::Ec { .. } => alg == Algorithm::Es256,
            Self::Okp { .. } => alg == Algorithm::EdDsa,
        }
    }

    /// Modulus and exponent of an RSA key.
    pub fn rsa(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        match self {
            Self::Rsa { e, n } => Some((decoded(n)?, decoded(e)?)),
            Self::Ec { .. } | Self::Okp { .. } => None,
        }
    }

    /// What verifies signatures of `alg` with this key; `None` where the two do not belong together.
    pub fn verifying(&self, alg: Algorithm) -> Option<ParsedPublicKey> {
        match (self, alg) {
            (Self::Rsa { e, n }, Algorithm::Rs256 | Algorithm::Ps256) => {
                let padding = if alg == Algorithm::Ps256 {
                    &RSA_PSS_2048_8192_SHA256
                } else {
                    &RSA_PKCS1_2048_8192_SHA256
                };
                let (n, e) = (decoded(n)?, decoded(e)?);
                let long_enough = n.len() >= MIN_MODULUS;
                long_enough
                    .then(|| RsaPublicKeyComponents { n, e }.to_parsed_public_key(padding).ok())
                    .flatten()
            }
            (Self::Ec { crv, x, y }, Algorithm::Es256) if crv == "P-256" => {
                let (x, y) = (decoded(x)?, decoded(y)?);
                // An uncompressed point: 4, then both halves (SEC 1 section 2.3.3), of which the library knows the sum.
                let point = [&[4], &*x, &*y].concat();
                (x.len() == 32).then(|| ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()).flatten()
            }
            (Self::Okp { crv, x }, Algorithm::EdDsa) if crv == "Ed25519" => {
                ParsedPublicKey::new(&ED25519, decoded(x)?).ok()
            }
            _ => None,
        }
    }
}

fn decoded(member: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(member).ok().filter(|bytes| bytes.len() <= MAX_MEMBER)
}

/// A client's key, and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientKey {
    /// Its name in the set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The only algorithm it is for, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// `sig` or `enc`, if it says so.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// The key.
    #[serde(flatten)]
    pub public: PublicKey,
}

/// A client's key set (RFC 7517 section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub struct JwkSet {
    keys: Vec<ClientKey>,
}

impl TryFrom<Value> for JwkSet {
    type Error = BadJwk;

    fn try_from(set: Value) -> Result<Self, BadJwk> {
        Self::read(&set)
    }
}

impl JwkSet {
    /// Reads a set. Keys of a kind or size that nothing here can use are left out, as RFC 7517 section 5 wants.
    ///
    /// Errors: no set at all, more keys than anybody has, a private key among them, or nothing left.
    pub fn read(set: &Value) -> Result<Self, BadJwk> {
        let keys = set.get("keys").and_then(Value::as_array).ok_or(BadJwk::Shape)?;
        if keys.len() > MAX_KEYS {
            return Err(BadJwk::Shape);
        }
        let mut read = Vec::new();
        for jwk in keys {
            let text = |name: &str| jwk.get(name).and_then(Value::as_str).map(str::to_owned);
            match PublicKey::read(jwk) {
                Ok(public) => {
                    read.push(ClientKey { kid: text("kid"), alg: text("alg"), usage: text("use"), public });
                }
                Err(BadJwk::Private) => return Err(BadJwk::Private),
                Err(BadJwk::Shape | BadJwk::Unfit) => {}
            }
        }
        if read.is_empty() { Err(BadJwk::Unfit) } else { Ok(Self { keys: read }) }
    }

    /// The keys that may have made a signature of `alg` under the name `kid`: those of that name and those without a
    /// name, or all where the signature names none.
    pub fn candidates<'a>(
        &'a self,
        kid: Option<&'a str>,
        alg: Algorithm,
    ) -> impl Iterator<Item = &'a PublicKey> + 'a {
        self.keys
            .iter()
            .filter(move |key| kid.is_none() || key.kid.is_none() || key.kid.as_deref() == kid)
            .filter(move |key| key.alg.as_deref().is_none_or(|only| only == alg.name()))
            .filter(|key| key.usage.as_deref().is_none_or(|usage| usage == "sig"))
            .map(|key| &key.public)
            .filter(move |key| key.fits(alg))
    }

    /// The key that something for this client is encrypted to with RSA-OAEP-256 (RFC 7518 section 4.3): one that says it is for
    /// that, before one that does not say what it is for.
    pub fn encrypting(&self) -> Option<&ClientKey> {
        let fits = |key: &&ClientKey| {
            matches!(key.public, PublicKey::Rsa { .. })
                && key.alg.as_deref().is_none_or(|only| only == "RSA-OAEP-256")
                && key.usage.as_deref().is_none_or(|usage| usage == "enc")
        };
        let fitting = || self.keys.iter().filter(fits);
        fitting().find(|key| key.usage.is_some()).or_else(|| fitting().next())
    }

    /// Whether a key goes by that name.
    pub fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// Every key.
    pub fn keys(&self) -> &[ClientKey] {
        &self.keys
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        rand::SystemRandom,
        rsa::{KeyPair, KeySize},
        signature::{
            ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
            RSA_PSS_SHA256,
        },
    };
    use serde_json::json;

    use super::*;

    /// The key of the example of RFC 7638 section 3.1.
    const MODULUS: &str = concat!(
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi",
        "FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb",
        "9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls",
        "1jF44-csFCur-kEgU8awapJzKnqDKgw"
    );

    #[test]
    fn the_thumbprint_of_the_example_of_rfc_7638() {
        let public =
            PublicKey::read(&json!({"kty": "RSA", "n": MODULUS, "e": "AQAB", "alg": "RS256"})).unwrap();
        assert_eq!(public.thumbprint().unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn the_thumbprint_of_the_example_of_rfc_8037() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let public = PublicKey::read(&json!({"kty": "OKP", "crv": "Ed25519", "x": x})).unwrap();
        assert_eq!(public.thumbprint().unwrap(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_that_could_sign_or_that_nothing_verifies_with_is_refused_by_its_reason() {
        let bad = |jwk: Value| PublicKey::read(&jwk).unwrap_err();
        assert_eq!(bad(json!({"kty": "RSA", "n": MODULUS, "e": "AQAB", "d": "AQAB"})), BadJwk::Private);
        assert_eq!(bad(json!({"kty": "oct", "k": "AAAA"})), BadJwk::Private);
        assert_eq!(bad(json!({"kty": "RSA", "n": MODULUS})), BadJwk::Shape);
        assert_eq!(bad(json!({"kty": "DH", "x": "AA"})), BadJwk::Shape);
        assert_eq!(bad(json!("RSA")), BadJwk::Shape);
        let short = MODULUS.get(..128).unwrap();
        assert_eq!(bad(json!({"kty": "RSA", "n": short, "e": "AQAB"})), BadJwk::Unfit);
        let zeros = "A".repeat(43);
        assert_eq!(bad(json!({"kty": "EC", "crv": "P-256", "x": zeros, "y": zeros})), BadJwk::Unfit);
        assert_eq!(bad(json!({"kty": "EC", "crv": "P-384", "x": zeros, "y": zeros})), BadJwk::Unfit);
        assert_eq!(bad(json!({"kty": "OKP", "crv": "X25519", "x": zeros})), BadJwk::Unfit);
        assert_eq!(bad(json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"})), BadJwk::Unfit);
    }

    #[test]
    fn a_key_verifies_what_its_other_half_signed_by_its_own_algorithm() {
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let signature = ec.sign(&SystemRandom::new(), b"message").unwrap();
        let (x, y) = ec.public_key().as_ref()[1..].split_at(32);
        let jwk = |crv: &str, x: &[u8], y: &[u8]| json!({"kty": "EC", "crv": crv, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)});
        let verifies = |key: &Value, alg, message: &[u8], signature: &[u8]| {
            let key = PublicKey::read(key).unwrap().verifying(alg);
            key.map(|key| key.verify_sig(message, signature).is_ok())
        };
        let good = jwk("P-256", x, y);
        assert_eq!(verifies(&good, Algorithm::Es256, b"message", signature.as_ref()), Some(true));
        assert_eq!(verifies(&good, Algorithm::Es256, b"massage", signature.as_ref()), Some(false));
        assert_eq!(verifies(&good, Algorithm::EdDsa, b"message", signature.as_ref()), None);
        // The same bytes, parted elsewhere or under another name, are no key.
        let point = ec.public_key().as_ref();
        assert_eq!(PublicKey::read(&jwk("P-256", &point[1..34], &point[34..])), Err(BadJwk::Unfit));
        assert_eq!(PublicKey::read(&jwk("P-384", x, y)), Err(BadJwk::Unfit));
        let ed = Ed25519KeyPair::generate().unwrap();
        let jwk = |crv: &str| json!({"kty": "OKP", "crv": crv, "x": URL_SAFE_NO_PAD.encode(ed.public_key().as_ref())});
        let signature = ed.sign(b"message");
        assert_eq!(verifies(&jwk("Ed25519"), Algorithm::EdDsa, b"message", signature.as_ref()), Some(true));
        assert_eq!(verifies(&jwk("Ed25519"), Algorithm::Rs256, b"message", signature.as_ref()), None);
        assert_eq!(PublicKey::read(&jwk("Ed448")), Err(BadJwk::Unfit));
        let set = JwkSet::read(&json!({"keys": [good, jwk("Ed25519")]})).unwrap();
        let count = |alg| set.candidates(None, alg).count();
        let counts = Algorithm::ALL.map(count);
        assert_eq!(counts, [0, 0, 1, 1], "of one kind each");
    }

    #[test]
    fn an_rsa_key_verifies_by_the_padding_of_the_algorithm() {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = pair.public_key();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let key = PublicKey::Rsa {
            e: encode(public.exponent().big_endian_without_leading_zero()),
            n: encode(public.modulus().big_endian_without_leading_zero()),
        };
        for (alg, padding, other) in [
            (Algorithm::Rs256, &RSA_PKCS1_SHA256, Algorithm::Ps256),
            (Algorithm::Ps256, &RSA_PSS_SHA256, Algorithm::Rs256),
        ] {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &SystemRandom::new(), b"message", &mut signature).unwrap();
            let verifies = |alg| key.verifying(alg).unwrap().verify_sig(b"message", &signature).is_ok();
            assert!(verifies(alg) && !verifies(other));
        }
    }

    #[test]
    fn a_key_is_taken_to_encrypt_to_that_is_for_it_or_for_nothing_else() {
        let rsa = |kid: &str, members: Value| {
            let mut jwk = json!({"kty": "RSA", "n": MODULUS, "e": "AQAB", "kid": kid});
            jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            jwk
        };
        let chosen = |keys: &[&Value]| {
            let set = JwkSet::read(&json!({"keys": keys})).unwrap();
            set.encrypting().and_then(|key| key.kid.clone())
        };
        let (plain, signs) = (rsa("plain", json!({})), rsa("signs", json!({"use": "sig"})));
        let encrypts = rsa("encrypts", json!({"use": "enc", "alg": "RSA-OAEP-256"}));
        let other = rsa("other", json!({"use": "enc", "alg": "RSA1_5"}));
        let by_alg = rsa("by-alg", json!({"alg": "RSA-OAEP-256"}));
        let x = URL_SAFE_NO_PAD.encode(Ed25519KeyPair::generate().unwrap().public_key());
        let okp = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "okp"});
        let name = |kid: &str| Some(kid.to_owned());
        assert_eq!(chosen(&[&okp, &signs, &other]), None);
        assert_eq!(chosen(&[&signs, &plain, &other]), name("plain"));
        assert_eq!(chosen(&[&plain, &other, &signs, &encrypts]), name("encrypts"), "what says so, before");
        assert_eq!(chosen(&[&okp, &by_alg]), name("by-alg"));
        let set = JwkSet::read(&json!({"keys": [plain, signs]})).unwrap();
        assert_eq!(["plain", "signs", "x"].map(|kid| set.knows(kid)), [true, true, false]);
        let numbers = set.encrypting().unwrap().public.rsa().unwrap();
        assert_eq!(numbers, (decoded(MODULUS).unwrap(), vec![1, 0, 1]));
        assert_eq!(PublicKey::read(&okp).unwrap().rsa(), None);
    }

    #[test]
    fn of_a_set_only_the_key_that_is_named_and_fits_is_a_candidate() {
        let rsa = json!({"kty": "RSA", "n": MODULUS, "e": "AQAB"});
        let with = |mut jwk: Value, members: Value| {
            jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            jwk
        };
        let set = JwkSet::read(&json!({"keys": [
            with(rsa.clone(), json!({"kid": "a"})),
            with(rsa.clone(), json!({"kid": "b", "alg": "PS256"})),
            with(rsa.clone(), json!({"kid": "c", "use": "enc"})),
            {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"},
        ]}))
        .unwrap();
        assert_eq!(set.keys().len(), 3);
        let written = serde_json::to_value(&set).unwrap();
        assert_eq!(serde_json::from_value::<JwkSet>(written).unwrap(), set);
        let count = |kid, alg| set.candidates(kid, alg).count();
        assert_eq!((count(Some("a"), Algorithm::Rs256), count(Some("b"), Algorithm::Rs256)), (1, 0));
        assert_eq!((count(Some("c"), Algorithm::Rs256), count(None, Algorithm::Ps256)), (0, 2));
        assert_eq!(count(Some("x"), Algorithm::Rs256), 0);
        let refused = |set: Value| JwkSet::read(&set).unwrap_err();
        assert_eq!(refused(json!({"keys": []})), BadJwk::Unfit);
        assert_eq!(refused(json!({"keys": [{"kty": "oct", "k": "AA"}]})), BadJwk::Private);
        assert!(JwkSet::read(&json!({"keys": vec![rsa.clone(); MAX_KEYS]})).is_ok());
        assert_eq!(refused(json!({"keys": vec![rsa; MAX_KEYS + 1]})), BadJwk::Shape);
        assert_eq!(refused(json!([])), BadJwk::Shape);
    }
}
