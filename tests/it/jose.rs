//! A client that signs: its key, the set that it registers, and what it can sign, also wrongly.

use std::sync::LazyLock;

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use namens::domain::id::random;
use serde_json::{Value, json};

use crate::{house::House, mandates_desk::now};

/// The key of the client that signs.
pub static KEY: LazyLock<Key> = LazyLock::new(Key::new);

/// A key on P-256.
pub struct Key(EcdsaKeyPair);

impl Key {
    /// A new one.
    pub fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    /// Its public half.
    pub fn jwk(&self) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
    }

    /// Its thumbprint (RFC 7638 section 3).
    pub fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
    }

    /// The set that a client registers.
    pub fn set(&self) -> Value {
        let mut jwk = self.jwk();
        jwk["kid"] = json!("k");
        json!({ "keys": [jwk] })
    }

    /// A token with that header, honestly signed.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_bytes(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// A token of whatever bytes, honestly signed.
    pub fn sign_bytes(&self, header: &[u8], claims: &[u8]) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The only type of assertion.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a good assertion of `client` says.
pub fn assertion_claims(house: &House, client: &str) -> Value {
    let now = now().epoch();
    json!({"iss": client, "sub": client, "aud": house.issuer, "iat": now, "exp": now + 120, "jti": random::<16>()})
}

/// A good assertion.
pub fn assertion(house: &House, client: &str) -> String {
    KEY.sign(&json!({"alg": "ES256", "kid": "k"}), &assertion_claims(house, client))
}

/// What a good proof of possession says (RFC 9449 section 4.2); with a token, of that token.
pub fn proof_claims(house: &House, method: &str, path: &str, token: Option<&str>) -> Value {
    let mut claims = json!({
        "jti": random::<16>(), "htm": method, "htu": format!("{}{path}", house.issuer), "iat": now().epoch(),
    });
    if let Some(token) = token {
        claims["ath"] = json!(URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())));
    }
    claims
}

impl Key {
    /// A proof of possession of this key that says so.
    pub fn proof_of(&self, claims: &Value) -> String {
        self.sign(&json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()}), claims)
    }

    /// A good one.
    pub fn proof(&self, house: &House, method: &str, path: &str, token: Option<&str>) -> String {
        self.proof_of(&proof_claims(house, method, path, token))
    }
}
