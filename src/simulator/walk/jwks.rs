//! A second opinion on an ID token: the signature checked with OpenSSL against the key set as served, by code that
//! shares nothing with the provider or with the portal's library (RFC 7515, RFC 7518 section 3.3).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use openssl::{bn::BigNum, hash::MessageDigest, pkey::PKey, rsa::Rsa, sign::Verifier};
use serde_json::Value;

/// Verifies an RS256 token with the key of its `kid` in `jwks`. The claims, or what is wrong in words.
pub fn verify(token: &str, jwks: &Value) -> Result<Value, String> {
    let (signed, signature) = token.rsplit_once('.').ok_or("it has no signature")?;
    let (head, body) = signed.split_once('.').ok_or("it has no claims")?;
    let (head, body) = (json(head)?, json(body)?);
    if head.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err("its algorithm is not RS256".into());
    }
    let kid = head.get("kid").filter(|kid| kid.is_string()).ok_or("it names no key")?;
    let keys = jwks.get("keys").and_then(Value::as_array).ok_or("the key set holds no keys")?;
    let key = keys.iter().find(|key| key.get("kid") == Some(kid)).ok_or("the key set lacks its key")?;
    let part = |name: &str| -> Result<BigNum, String> {
        let text = key.get(name).and_then(Value::as_str).ok_or(format!("its key has no {name}"))?;
        BigNum::from_slice(&bytes(text)?).map_err(|e| e.to_string())
    };
    let rsa = Rsa::from_public_components(part("n")?, part("e")?).map_err(|e| e.to_string())?;
    let key = PKey::from_rsa(rsa).map_err(|e| e.to_string())?;
    let mut verifier = Verifier::new(MessageDigest::sha256(), &key).map_err(|e| e.to_string())?;
    let fits = verifier.verify_oneshot(&bytes(signature)?, signed.as_bytes()).map_err(|e| e.to_string())?;
    if fits { Ok(body) } else { Err("its signature is not of that key".into()) }
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    B64.decode(text).map_err(|e| format!("no base64url: {e}"))
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_slice(&bytes(text)?).map_err(|e| format!("no JSON: {e}"))
}

#[cfg(test)]
mod tests {
    use openssl::sign::Signer;
    use serde_json::json;

    use super::*;

    #[test]
    fn takes_a_signed_token_and_no_altered_one() {
        let rsa = Rsa::generate(2048).unwrap();
        let (n, e) = (B64.encode(rsa.n().to_vec()), B64.encode(rsa.e().to_vec()));
        let jwks = json!({"keys": [{"kid": "other"}, {"kid": "k", "n": n, "e": e}]});
        let key = PKey::from_rsa(rsa).unwrap();
        let token = |head: Value, body: Value| {
            let text = format!("{}.{}", B64.encode(head.to_string()), B64.encode(body.to_string()));
            let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
            signer.update(text.as_bytes()).unwrap();
            format!("{text}.{}", B64.encode(signer.sign_to_vec().unwrap()))
        };
        let good = token(json!({"alg": "RS256", "kid": "k"}), json!({"sub": "s"}));
        assert_eq!(verify(&good, &jwks).unwrap()["sub"], "s");

        let other = token(json!({"alg": "RS256", "kid": "k"}), json!({"sub": "t"}));
        let body = |token: &str| token.split('.').nth(1).unwrap().to_owned();
        let altered = good.replace(&body(&good), &body(&other));
        assert_eq!(verify(&altered, &jwks).unwrap_err(), "its signature is not of that key");
        assert!(verify(&token(json!({"alg": "none", "kid": "k"}), json!({})), &jwks).is_err());
        assert!(verify(&token(json!({"alg": "RS256", "kid": "z"}), json!({})), &jwks).is_err());
    }
}
