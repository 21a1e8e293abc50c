//! One signing key: made, read, and signing. Its private half never leaves it.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, ParsedPublicKey,
        RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openidconnect::{
    JsonWebKeyId, PrivateSigningKey, SigningError,
    core::{CoreJsonCurveType, CoreJsonWebKey, CoreJwsSigningAlgorithm},
};
use zeroize::Zeroizing;

use super::keyring::BadKey;
use crate::domain::{
    fault::Fault,
    jwk::PublicKey,
    key::{Algorithm, KeyFacts},
};

/// How long the modulus of a new RSA key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RsaBits {
    /// 2048 bits: three times as fast, good until 2030 (NIST SP 800-57).
    B2048,
    /// 3072 bits.
    #[default]
    B3072,
}

/// A key that was just made.
pub struct NewKey {
    /// The RFC 7638 thumbprint of its public half.
    pub kid: String,
    /// Its private half, PKCS#8 DER: to be sealed and stored, never written elsewhere.
    pub pkcs8: Zeroizing<Vec<u8>>,
}

/// Makes a key. Takes up to a second for RSA: keep it off the request path.
pub fn generate(alg: Algorithm, bits: RsaBits) -> Result<NewKey, Fault> {
    let pkcs8 = match alg {
        Algorithm::Rs256 | Algorithm::Ps256 => {
            let size = match bits {
                RsaBits::B2048 => KeySize::Rsa2048,
                RsaBits::B3072 => KeySize::Rsa3072,
            };
            let der: Pkcs8V1Der<'_> = RsaKeyPair::generate(size)?.as_der()?;
            Zeroizing::new(der.as_ref().to_vec())
        }
        Algorithm::Es256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
            Zeroizing::new(pair.to_pkcs8v1()?.as_ref().to_vec())
        }
        Algorithm::EdDsa => Zeroizing::new(Ed25519KeyPair::generate()?.to_pkcs8v1()?.as_ref().to_vec()),
    };
    let public =
        Pair::read(alg, &pkcs8).ok_or_else(|| Fault::because("a new key cannot be read back"))?.public()?;
    Ok(NewKey { kid: public.thumbprint()?, pkcs8 })
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
}

impl Pair {
    fn read(alg: Algorithm, pkcs8: &[u8]) -> Option<Self> {
        match alg {
            // Takes 2048 bits and more only.
            Algorithm::Rs256 | Algorithm::Ps256 => {
                RsaKeyPair::from_pkcs8(pkcs8).ok().map(|pair| Self::Rsa(Box::new(pair)))
            }
            Algorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                .ok()
                .map(|pair| Self::Ec(Box::new(pair))),
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).ok().map(|pair| Self::Ed(Box::new(pair))),
        }
    }

    fn public(&self) -> Result<PublicKey, Fault> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa(pair) => {
                let public = pair.public_key();
                Ok(PublicKey::Rsa {
                    e: encode(public.exponent().big_endian_without_leading_zero()),
                    n: encode(public.modulus().big_endian_without_leading_zero()),
                })
            }
            Self::Ec(pair) => {
                let (x, y) = coordinates(pair).ok_or_else(|| Fault::because("a P-256 point has 65 bytes"))?;
                Ok(PublicKey::Ec { crv: "P-256".to_owned(), x: encode(x), y: encode(y) })
            }
            Self::Ed(pair) => {
                Ok(PublicKey::Okp { crv: "Ed25519".to_owned(), x: encode(pair.public_key().as_ref()) })
            }
        }
    }
}

/// The two halves of an uncompressed point: 4, 32 bytes of x, 32 bytes of y (SEC 1 section 2.3.3).
fn coordinates(pair: &EcdsaKeyPair) -> Option<(&[u8], &[u8])> {
    let (form, point) = pair.public_key().as_ref().split_first()?;
    (*form == 4 && point.len() == 64).then(|| point.split_at(32))
}

/// The public half as openidconnect knows it.
fn shown(pair: &Pair, kid: Option<JsonWebKeyId>) -> Option<CoreJsonWebKey> {
    Some(match pair {
        Pair::Rsa(pair) => {
            let key = pair.public_key();
            let bytes = |part: aws_lc_rs::io::Positive<'_>| part.big_endian_without_leading_zero().to_vec();
            CoreJsonWebKey::new_rsa(bytes(key.modulus()), bytes(key.exponent()), kid)
        }
        Pair::Ec(pair) => {
            let (x, y) = coordinates(pair)?;
            CoreJsonWebKey::new_ec(x.to_vec(), y.to_vec(), CoreJsonCurveType::P256, kid)
        }
        Pair::Ed(pair) => {
            CoreJsonWebKey::new_okp(pair.public_key().as_ref().to_vec(), CoreJsonCurveType::Ed25519, kid)
        }
    })
}

/// One key. Its private half never leaves it.
pub struct SigningKey {
    kid: String,
    alg: Algorithm,
    pair: Pair,
    public: PublicKey,
    verifying: ParsedPublicKey,
    shown: CoreJsonWebKey,
}

impl SigningKey {
    /// Reads a stored key: its private half, PKCS#8 DER, and what is known of it.
    pub(super) fn new(facts: &KeyFacts, pkcs8: &[u8]) -> Result<Self, BadKey> {
        let unusable = || BadKey::Unusable(facts.kid.clone());
        let pair = Pair::read(facts.alg, pkcs8).ok_or_else(unusable)?;
        let public = pair.public().map_err(|_| unusable())?;
        if public.thumbprint().map_err(|_| unusable())? != facts.kid {
            return Err(BadKey::OtherKey(facts.kid.clone()));
        }
        let kid = Some(JsonWebKeyId::new(facts.kid.clone()));
        let verifying = public.verifying(facts.alg).ok_or_else(unusable)?;
        let shown = shown(&pair, kid).ok_or_else(unusable)?;
        Ok(Self { kid: facts.kid.clone(), alg: facts.alg, pair, public, verifying, shown })
    }

    /// Its name: the RFC 7638 thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it signs with, and nothing else.
    pub fn alg(&self) -> Algorithm {
        self.alg
    }

    /// Signs bytes (RFC 7518 sections 3.3 to 3.5).
    pub fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let rng = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let padding = match self.alg {
                    Algorithm::Ps256 => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &rng, message, &mut signature)?;
                Ok(signature)
            }
            Pair::Ec(pair) => Ok(pair.sign(&rng, message)?.as_ref().to_vec()),
            Pair::Ed(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }

    /// Whether this key made that signature.
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifying.verify_sig(message, signature).is_ok()
    }

    /// What it signs with, as openidconnect calls it.
    pub fn core_alg(&self) -> CoreJwsSigningAlgorithm {
        core_alg(self.alg)
    }

    /// Its public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

/// An algorithm as openidconnect calls it.
pub fn core_alg(alg: Algorithm) -> CoreJwsSigningAlgorithm {
    match alg {
        Algorithm::Rs256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        Algorithm::Ps256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
        Algorithm::Es256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        Algorithm::EdDsa => CoreJwsSigningAlgorithm::EdDsa,
    }
}

/// Never openidconnect's own RSA key: the `rsa` crate does not sign in constant time (RUSTSEC-2023-0071).
impl PrivateSigningKey for SigningKey {
    type VerificationKey = CoreJsonWebKey;

    fn sign(&self, alg: &CoreJwsSigningAlgorithm, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        if *alg != self.core_alg() {
            return Err(SigningError::UnsupportedAlg("this key signs with one algorithm only".to_owned()));
        }
        self.sign_bytes(message).map_err(|_| SigningError::CryptoError)
    }

    fn as_verification_key(&self) -> CoreJsonWebKey {
        self.shown.clone()
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}
