//! A small writer of encrypted tokens (RFC 7516 section 7.1): RSA-OAEP-256 for the key, A256GCM for the rest. Nothing here
//! reads one, so nobody can make us decrypt or inflate anything.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openssl::{bn::BigNum, rsa::Rsa};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::domain::{fault::Fault, id::random_bytes, jwk::ClientKey};

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    enc: &'static str,
    cty: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

/// Encrypts `plain`, whose type is `cty`, to the RSA key of a client. Each token has a key and a nonce of its own.
///
/// Errors: a key of another kind.
pub fn write(to: &ClientKey, cty: &str, plain: &[u8]) -> Result<String, Fault> {
    let header = Header { alg: "RSA-OAEP-256", enc: "A256GCM", cty, kid: to.kid.as_deref() };
    let mut token = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header)?);
    let key = Zeroizing::new(random_bytes::<32>());
    let nonce = random_bytes::<NONCE_LEN>();
    let mut body = plain.to_vec();
    let tag = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key)?).seal_in_place_separate_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(token.as_bytes()),
        &mut body,
    )?;
    for part in [&encrypted(to, &*key)?, &nonce[..], &body, tag.as_ref()] {
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(part, &mut token);
    }
    Ok(token)
}

/// The key of a token, for the holder of the private half only (RFC 7518 section 4.3).
fn encrypted(to: &ClientKey, key: &[u8]) -> Result<Vec<u8>, Fault> {
    let (modulus, exponent) =
        to.public.rsa().ok_or_else(|| Fault::because("this is no RSA key to encrypt to"))?;
    let rsa = Rsa::from_public_components(BigNum::from_slice(&modulus)?, BigNum::from_slice(&exponent)?)?;
    let rsa = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&rsa.public_key_to_der()?)?)?;
    let mut room = vec![0; rsa.ciphertext_size()];
    Ok(rsa.encrypt(&OAEP_SHA256_MGF1SHA256, key, &mut room, None)?.to_vec())
}
