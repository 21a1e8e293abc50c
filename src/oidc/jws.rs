//! A small writer and reader of signed tokens that openidconnect cannot write, because they carry a `typ`
//! (RFC 7515, and RFC 8725 section 3.11 for why). Only our own keys, never one that a header brings.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{keyring::Keyring, params::MAX_TOTAL, signing_key::SigningKey};
use crate::domain::{fault::Fault, time::Timestamp};

/// The longest token that is read, in bytes: as a hint it may fill a request.
const MAX_TOKEN: usize = MAX_TOTAL;

#[derive(Serialize, Deserialize)]
struct Header {
    /// Empty when left out, as in an ID token.
    #[serde(default)]
    typ: String,
    alg: String,
    kid: String,
    /// Extensions that must be understood (RFC 7515 section 4.1.11): we understand none.
    #[serde(default, skip_serializing)]
    crit: Option<serde_json::Value>,
}

/// A text that is no token of ours of the wanted type. Why is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token is malformed, of another type, or not signed by a published key of ours")]
pub struct NotOurs;

/// Writes `claims` as a token of type `typ`, signed with `key`.
pub fn write<T: Serialize>(key: &SigningKey, typ: &str, claims: &T) -> Result<String, Fault> {
    let header = Header {
        typ: typ.to_owned(),
        alg: key.alg().name().to_owned(),
        kid: key.kid().to_owned(),
        crit: None,
    };
    let mut token = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header)?);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims)?, &mut token);
    let signature = key.sign_bytes(token.as_bytes())?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// Reads a token of type `typ` (empty: one without a type) that one of the keys published at `now` signed with its own
/// algorithm. Dates, issuer and audience are the caller's to check.
pub fn read<T: DeserializeOwned>(
    ring: &Keyring,
    typ: &str,
    token: &str,
    now: Timestamp,
) -> Result<T, NotOurs> {
    if token.len() > MAX_TOKEN {
        return Err(NotOurs);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(NotOurs)?;
    let (header, claims) = signed.split_once('.').ok_or(NotOurs)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| NotOurs);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| NotOurs)?;
    let key = ring.published(&header.kid, now).ok_or(NotOurs)?;
    if header.crit.is_some() || header.alg != key.alg().name() || !is_type(&header.typ, typ) {
        return Err(NotOurs);
    }
    if !key.has_signed(signed.as_bytes(), &decode(signature)?) {
        return Err(NotOurs);
    }
    serde_json::from_slice(&decode(claims)?).map_err(|_| NotOurs)
}

/// Media types ignore case, and `application/` may be left out (RFC 7515 section 4.1.9).
fn is_type(found: &str, wanted: &str) -> bool {
    let found = found.to_ascii_lowercase();
    found.strip_prefix("application/").unwrap_or(&found) == wanted
}

#[cfg(test)]
mod tests {
    use super::{
        super::keyring::tests::{ring_of, stored},
        *,
    };
    use crate::domain::key::Algorithm;
    use serde_json::{Value, json};

    fn ring() -> Keyring {
        ring_of([stored(Algorithm::Es256), stored(Algorithm::Rs256)])
    }

    fn at(now: i64) -> Timestamp {
        Timestamp::from_epoch(now)
    }

    /// A token whose header is `header`, honestly signed with `key`.
    fn forged(key: &SigningKey, header: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(&json!({"a": 1})));
        let signature = URL_SAFE_NO_PAD.encode(key.sign_bytes(signed.as_bytes()).unwrap());
        format!("{signed}.{signature}")
    }

    #[test]
    fn reads_back_what_it_wrote_while_the_key_is_published() {
        let ring = ring();
        let key = ring.signer(Algorithm::Es256, at(150)).unwrap();
        let token = write(key, "at+jwt", &json!({"a": 1})).unwrap();
        assert_eq!(read::<Value>(&ring, "at+jwt", &token, at(299)).unwrap(), json!({"a": 1}));
        assert_eq!(read::<Value>(&ring, "at+jwt", &token, at(300)), Err(NotOurs));
        assert_eq!(read::<Value>(&ring, "logout+jwt", &token, at(150)), Err(NotOurs));
    }

    #[test]
    fn trusts_nothing_in_the_header_but_the_name_of_our_own_key() {
        let ring = ring();
        let key = ring.signer(Algorithm::Es256, at(150)).unwrap();
        let rsa = ring.signer(Algorithm::Rs256, at(150)).unwrap();
        let ask = |header: Value| read::<Value>(&ring, "at+jwt", &forged(key, &header), at(150));
        assert!(
            ask(json!({"typ": "application/AT+jwt", "alg": "ES256", "kid": key.kid(), "jku": "x"})).is_ok()
        );
        for bad in [
            json!({"typ": "at+jwt", "alg": "none", "kid": key.kid()}),
            json!({"typ": "at+jwt", "alg": "HS256", "kid": key.kid()}),
            json!({"typ": "at+jwt", "alg": "RS256", "kid": key.kid()}),
            json!({"typ": "at+jwt", "alg": "ES256", "kid": rsa.kid()}),
            json!({"typ": "at+jwt", "alg": "RS256", "kid": rsa.kid()}),
            json!({"typ": "at+jwt", "alg": "ES256", "kid": "other"}),
            json!({"typ": "at+jwt", "alg": "ES256", "jwk": {"kty": "oct", "k": "AA"}}),
            json!({"typ": "at+jwt", "alg": "ES256", "kid": key.kid(), "crit": ["b64"]}),
            json!({"typ": "JWT", "alg": "ES256", "kid": key.kid()}),
            json!({"alg": "ES256", "kid": key.kid()}),
        ] {
            assert_eq!(ask(bad.clone()), Err(NotOurs), "{bad}");
        }
    }

    #[test]
    fn refuses_what_was_altered_cut_or_is_too_long() {
        let ring = ring();
        let key = ring.signer(Algorithm::Es256, at(150)).unwrap();
        let token = write(key, "at+jwt", &json!({"a": 1})).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let long = write(key, "at+jwt", &"x".repeat(MAX_TOKEN)).unwrap();
        let swapped =
            signed.replace(&URL_SAFE_NO_PAD.encode("{\"a\":1}"), &URL_SAFE_NO_PAD.encode("{\"a\":2}"));
        assert_ne!(swapped, signed);
        for bad in [
            String::new(),
            "..".into(),
            signed.into(),
            format!("{signed}."),
            format!("{token}="),
            format!("{token}.x"),
            format!("{swapped}.{signature}"),
            long,
        ] {
            assert_eq!(read::<Value>(&ring, "at+jwt", &bad, at(150)), Err(NotOurs), "{bad:.60}");
        }
    }
}
