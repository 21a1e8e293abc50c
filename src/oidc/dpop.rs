//! Proofs of possession (RFC 9449): a small JWT that the holder of a key signs for one request. A token that is bound to that
//! key is worth nothing to whoever steals it.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use url::Url;

use super::{
    assertion::Mark,
    error::{Code, Error},
    jwt::{BadJwt, Unverified},
};
use crate::domain::{key::Algorithm, secret::Secret, time::Timestamp};

/// With what a proof may be signed: no PKCS #1 v1.5, which nobody needs for something this young.
pub const ALGS: [Algorithm; 3] = [Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];
/// Its media type (section 4.2).
const TYPE: &str = "dpop+jwt";
/// The longest proof that is read, in bytes: an RSA key of 8192 bits and its signature fit.
const MAX_PROOF: usize = 6 * 1024;
/// The longest `jti`, in bytes.
const MAX_JTI: usize = 256;
/// How old a proof may be, in seconds: clocks differ (section 11.1).
const OLD: i64 = 120;
/// How far a client's clock may be ahead, in seconds (FAPI 2.0 Security Profile, section 5.3.2.1: 10 must be taken, more than
/// 60 must not).
const AHEAD: i64 = 30;

/// The request for which a proof must have been made.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its address, as we tell it in our metadata.
    pub url: &'a str,
    /// Its other address, where clients show certificates.
    pub alias: Option<&'a str>,
    /// The access token that it shows, if it shows one.
    pub access_token: Option<&'a str>,
}

/// A good proof. Whether its nonce is ours, and whether it was used before, only the store knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The thumbprint of its key (RFC 7638), to which tokens are bound.
    pub jkt: String,
    /// The nonce that it brings.
    pub nonce: Option<String>,
    /// To be spent: it proves nothing a second time.
    pub mark: Mark,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: Timestamp,
    #[serde(default)]
    ath: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
}

/// Checks a proof, brought with `request` at `now` (section 4.3).
pub fn check(proof: &str, request: &Request<'_>, now: Timestamp) -> Result<Proof, Error> {
    if proof.len() > MAX_PROOF {
        return Err(bad("the DPoP proof is too long"));
    }
    let unverified = Unverified::read(proof, |alg| ALGS.contains(&alg), &[TYPE]).map_err(unreadable)?;
    let key = unverified.own_key().map_err(unreadable)?;
    let claims: Claims = unverified.verified_with(&key).map_err(unreadable)?;
    let here =
        [Some(request.url), request.alias].into_iter().flatten().any(|ours| is_same_place(&claims.htu, ours));
    if claims.htm != request.method || !here {
        return Err(bad("htm and htu of the DPoP proof must be those of this request"));
    }
    if now.plus(AHEAD) < claims.iat || claims.iat < now.plus(-OLD) {
        return Err(bad("iat of the DPoP proof must be the moment at which it is sent"));
    }
    if claims.jti.is_empty() || claims.jti.len() > MAX_JTI {
        return Err(bad("jti of the DPoP proof must be 1 to 256 bytes"));
    }
    let hash = |token: &str| URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
    if request.access_token.is_some_and(|token| claims.ath != Some(hash(token))) {
        return Err(bad("ath of the DPoP proof must be the hash of the access token"));
    }
    let jkt = key.thumbprint()?;
    let name = Secret::new(format!("{jkt} {}", claims.jti)).hashed().hex();
    // A minute longer than it is good: another node's clock may be behind.
    let mark = Mark { name, ends: claims.iat.plus(OLD + 60) };
    Ok(Proof { jkt, nonce: claims.nonce, mark })
}

/// Whether `htu` is `ours`, query and fragment left out, after the normalization of RFC 3986 (section 4.3).
fn is_same_place(htu: &str, ours: &str) -> bool {
    let (Ok(htu), Ok(ours)) = (Url::parse(htu), Url::parse(ours)) else { return false };
    let nobody = htu.username().is_empty() && htu.password().is_none();
    nobody && htu.origin() == ours.origin() && htu.path() == ours.path()
}

/// Whether a text has the form of a thumbprint with SHA-256 (section 10, `dpop_jkt`).
pub fn is_thumbprint(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

const fn bad(description: &'static str) -> Error {
    Error::Json(Code::InvalidDpopProof, description)
}

fn unreadable(why: BadJwt) -> Error {
    bad(match why {
        BadJwt::Malformed => "the DPoP proof is no signed JWT in compact form",
        BadJwt::Algorithm => "alg of the DPoP proof must be one of dpop_signing_alg_values_supported",
        BadJwt::Type => "typ of the DPoP proof must be dpop+jwt",
        BadJwt::Critical => "the DPoP proof has a crit that is not understood",
        BadJwt::Key => "jwk of the DPoP proof must be a public key, and no private or secret one",
        BadJwt::Signature => "the DPoP proof is not signed with the key in its jwk",
        BadJwt::Claims => "the DPoP proof must have jti, htm, htu and iat",
    })
}

/// No proof where there must be one.
pub const MISSING: Error = bad("send one DPoP proof in the header DPoP (RFC 9449)");
/// A proof that was used before.
pub const USED: Error =
    bad("the DPoP proof was used before: make a new one, with a new jti, for each request");
/// A proof without a nonce of ours, or with one that has ended (section 8).
pub const USE_NONCE: Error =
    Error::Json(Code::UseDpopNonce, "put the value of the header DPoP-Nonce into the proof, and ask again");
/// A pushed request with a proof of another key than its `dpop_jkt` (section 10.1).
pub const NOT_ITS_JKT: Error = bad("dpop_jkt must be the thumbprint of the key of the DPoP proof");
/// A code that was asked for with another key (section 10).
pub const OTHER_KEY: Error = Error::Json(
    Code::InvalidGrant,
    "the code is bound to another key: send a DPoP proof with that of dpop_jkt",
);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::jwt::tests::Signer, *};

    const URL: &str = "https://id.example.nl/token";

    fn claims() -> Value {
        json!({"jti": "j", "htm": "POST", "htu": URL, "iat": 1000})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn header(signer: &Signer, alg: &str) -> Value {
        json!({"typ": "dpop+jwt", "alg": alg, "jwk": signer.jwk()})
    }

    fn read(proof: &str, access_token: Option<&str>) -> Option<Proof> {
        let request = Request { method: "POST", url: URL, alias: None, access_token };
        check(proof, &request, Timestamp::from_epoch(1000)).ok()
    }

    #[test]
    fn each_claim_has_its_bounds() {
        let signer = Signer::new(Algorithm::Es256);
        let good = |claims: &Value| read(&signer.sign(&header(&signer, "ES256"), claims), None).is_some();
        assert!(good(&claims()));
        for htu in ["HTTPS://ID.example.nl:443/token?a=b#c", "https://id.example.nl/x/../token"] {
            assert!(good(&with("htu", json!(htu))), "{htu}");
        }
        for htu in [
            "https://id.example.nl/userinfo",
            "https://id.example.nl/token/",
            "https://id.example.nl/Token",
            "https://id.example.nl:444/token",
            "http://id.example.nl/token",
            "https://id.example.nl.evil.example/token",
            "https://evil@id.example.nl/token",
            "/token",
            "",
        ] {
            assert!(!good(&with("htu", json!(htu))), "{htu}");
        }
        assert!(!good(&with("htm", json!("GET"))) && !good(&with("htm", json!("post"))));
        for (iat, taken) in
            [(880, true), (879, false), (1030, true), (1031, false), (i64::MAX, false), (0, false)]
        {
            assert_eq!(good(&with("iat", json!(iat))), taken, "{iat}");
        }
        for (jti, taken) in [("x".repeat(256), true), ("x".repeat(257), false), (String::new(), false)] {
            assert_eq!(good(&with("jti", json!(jti))), taken);
        }
        for name in ["jti", "htm", "htu", "iat"] {
            assert!(!good(&with(name, Value::Null)), "{name}");
        }
    }

    #[test]
    fn the_key_is_public_fits_the_algorithm_and_made_the_signature() {
        for alg in Algorithm::ALL {
            let signer = Signer::new(alg);
            let proof = signer.sign(&header(&signer, alg.name()), &claims());
            assert_eq!(read(&proof, None).is_some(), alg != Algorithm::Rs256, "{alg:?}");
        }
        let (signer, other) = (Signer::new(Algorithm::Es256), Signer::new(Algorithm::Es256));
        let bent = |name: &str, value: Value| {
            let mut header = header(&signer, "ES256");
            header[name] = value;
            read(&signer.sign(&header, &claims()), None).is_some()
        };
        let mut private = signer.jwk();
        private["d"] = json!("AAAA");
        assert!(bent("x", json!(1)) && bent("typ", json!("application/DPoP+JWT")));
        assert!(!bent("jwk", private) && !bent("jwk", other.jwk()) && !bent("jwk", Value::Null));
        assert!(!bent("jwk", json!({"kty": "oct", "k": "AAAA"})));
        assert!(!bent("alg", json!("none")) && !bent("alg", json!("HS256")) && !bent("alg", json!("EdDSA")));
        assert!(!bent("typ", json!("JWT")) && !bent("typ", Value::Null) && !bent("crit", json!(["b64"])));
        let proof = signer.sign(&header(&signer, "ES256"), &claims());
        assert!(
            read(&proof, None).is_some()
                && read(&format!("{proof}{}", "A".repeat(MAX_PROOF)), None).is_none()
        );
    }

    #[test]
    fn a_proof_for_a_token_names_that_token_and_a_mark_is_of_one_key_and_jti() {
        let (signer, other) = (Signer::new(Algorithm::EdDsa), Signer::new(Algorithm::EdDsa));
        let proof = |signer: &Signer, claims: &Value| signer.sign(&header(signer, "EdDSA"), claims);
        // The example of RFC 9449 section 7.1.
        let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
        let with_ath = with("ath", json!("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"));
        assert!(read(&proof(&signer, &with_ath), Some(token)).is_some());
        assert!(read(&proof(&signer, &with_ath), Some("x")).is_none());
        assert!(read(&proof(&signer, &claims()), Some(token)).is_none());
        let mark = |signer: &Signer, claims: &Value| read(&proof(signer, claims), None).unwrap().mark;
        let first = mark(&signer, &claims());
        assert_eq!(first.ends, Timestamp::from_epoch(1180));
        assert_eq!(first.name, mark(&signer, &with("iat", json!(999))).name);
        assert_ne!(first, mark(&signer, &with("jti", json!("k"))));
        assert_ne!(first, mark(&other, &claims()));
    }

    #[test]
    fn a_thumbprint_has_32_bytes() {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        assert!(is_thumbprint(&text(&[7; 32])));
        for bad in [text(&[7; 31]), text(&[7; 33]), String::new(), format!("{}=", text(&[7; 32]))] {
            assert!(!is_thumbprint(&bad), "{bad}");
        }
    }
}
