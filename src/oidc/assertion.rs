//! Client assertions: a JWT that a client signs to prove who it is (RFC 7523 sections 2.2 and 3, OpenID Connect Core
//! section 9). Each is good once.

use serde::Deserialize;

use super::{
    audience::Audience,
    error::{Code, Error},
    jwt::{BadJwt, Unverified},
    path,
};
use crate::domain::{client::Client, key::Algorithm, secret::Secret, time::Timestamp};

/// The only kind of assertion (RFC 7523 section 2.2).
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The media types it may have: none, the general one, or the one of draft-ietf-oauth-rfc7523bis.
const MEDIA: [&str; 3] = ["", "jwt", "client-authentication+jwt"];
/// The longest that it may still be good for, in seconds: from now, or from its `iat` where that is ahead of us.
const MAX_LIFE: i64 = 300;
/// How far a client's clock may be ahead, in seconds (FAPI 2.0 Security Profile, section 5.3.2.1: 10 must be taken, more
/// than 60 must not).
const AHEAD: i64 = 30;
/// The longest `jti`, in bytes.
const MAX_JTI: usize = 256;

/// That an assertion was used, until it would have ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// A hash of client and `jti`.
    pub name: String,
    /// Until when it must be remembered.
    pub ends: Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: Timestamp,
    jti: String,
    #[serde(default)]
    iat: Option<Timestamp>,
    #[serde(default)]
    nbf: Option<Timestamp>,
}

/// Whose it says it is; nothing of it is proven.
pub fn subject(assertion: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Sub {
        sub: String,
    }
    Some(read(assertion, |_| true).ok()?.claims_unproven::<Sub>().ok()?.sub)
}

fn read(assertion: &str, algs: impl Fn(Algorithm) -> bool) -> Result<Unverified<'_>, BadJwt> {
    Unverified::read(assertion, algs, &MEDIA)
}

/// Checks an assertion of `client`, shown to `issuer` at `now`. `None` when it is not signed as it should be: that is told to
/// nobody. What is wrong with one that the client did sign is told.
pub fn check(assertion: &str, client: &Client, issuer: &str, now: Timestamp) -> Result<Option<Mark>, Error> {
    let wished = client.wishes.assertion_alg;
    let read = read(assertion, |alg| client.policy.allows_alg(alg) && wished.is_none_or(|one| one == alg));
    let (Ok(unverified), Some(set)) = (read, client.keys.known()) else { return Ok(None) };
    let claims: Claims = match unverified.verified_by(set) {
        Ok(claims) => claims,
        Err(BadJwt::Claims) => return Err(bad("its assertion must have iss, sub, aud, exp and jti")),
        Err(_) => return Ok(None),
    };
    if claims.iss != client.id || claims.sub != client.id {
        return Err(bad("iss and sub of its assertion must both be its client_id"));
    }
    if !is_for_us(&claims.aud, client, issuer) {
        return Err(bad(if client.policy.wants_issuer_as_audience() {
            "aud of its assertion must be the issuer, as one string"
        } else {
            "aud of its assertion must be the issuer or the token endpoint"
        }));
    }
    let early = [claims.iat, claims.nbf].into_iter().flatten().any(|from| now.plus(AHEAD) < from);
    let begins = claims.iat.map_or(now, |iat| iat.max(now));
    if early || claims.exp <= now || claims.exp.since(begins) > MAX_LIFE {
        return Err(bad(
            "its assertion is not good now: exp must lie at most five minutes ahead, iat and nbf not",
        ));
    }
    if claims.jti.is_empty() || claims.jti.len() > MAX_JTI {
        return Err(bad("jti of its assertion must be 1 to 256 bytes"));
    }
    let name = Secret::new(format!("{} {}", client.id, claims.jti)).hashed().hex();
    // A minute longer than it is good: another node's clock may be behind.
    Ok(Some(Mark { name, ends: claims.exp.plus(60) }))
}

fn is_for_us(audience: &Audience, client: &Client, issuer: &str) -> bool {
    if client.policy.wants_issuer_as_audience() {
        return audience.is_just(issuer);
    }
    audience.has(issuer) || audience.has(&format!("{issuer}{}", path::TOKEN))
}

fn bad(description: &'static str) -> Error {
    Error::Json(Code::InvalidClient, description)
}

/// An assertion that was used before.
pub const USED: Error = Error::Json(
    Code::InvalidClient,
    "its assertion was used before: make a new one, with a new jti, each time",
);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::jwt::tests::Signer, *};
    use crate::domain::{
        client::{ClientAuth, Keys, tests::client as fixture},
        policy::Policy,
    };

    const ISSUER: &str = "https://id.example.nl";

    fn client(signer: &Signer, policy: Policy) -> Client {
        Client { auth: ClientAuth::PrivateKeyJwt, keys: Keys::Registered(signer.set()), policy, ..fixture() }
    }

    fn claims() -> Value {
        json!({"iss": "portal", "sub": "portal", "aud": ISSUER, "exp": 250, "iat": 150, "jti": "j"})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn good(policy: Policy, claims: &Value) -> Option<bool> {
        let signer = Signer::new(Algorithm::Es256);
        let told = check(
            &signer.signed("JWT", claims),
            &client(&signer, policy),
            ISSUER,
            Timestamp::from_epoch(150),
        );
        told.ok().map(|mark| mark.is_some())
    }

    #[test]
    fn each_claim_has_its_bounds() {
        let one = |name: &str, value: Value| good(Policy::Nlgov, &with(name, value)) == Some(true);
        assert!(one("jti", json!("k")) && !one("jti", json!("")) && !one("jti", Value::Null));
        assert!(!one("jti", json!("x".repeat(257))));
        assert!(!one("iss", json!("other")) && !one("sub", json!("other")));
        assert!(one("exp", json!(450)) && !one("exp", json!(451)) && one("exp", json!(151)));
        // Five minutes by the clock of its maker too, which may be ahead; not of one that is behind.
        let made = |iat: Value, exp: i64| {
            let mut claims = with("iat", iat);
            claims["exp"] = json!(exp);
            good(Policy::Nlgov, &claims) == Some(true)
        };
        assert!(made(json!(180), 480) && !made(json!(180), 481));
        assert!(made(json!(100), 450) && !made(json!(100), 451));
        assert!(made(Value::Null, 450) && !made(Value::Null, 451));
        assert!(!one("exp", json!(150)) && !one("exp", Value::Null) && !one("exp", json!("250")));
        assert!(one("iat", json!(180)) && !one("iat", json!(181)) && one("iat", Value::Null));
        assert!(one("nbf", json!(180)) && !one("nbf", json!(181)));
    }

    #[test]
    fn the_audience_is_ours_and_under_fapi_the_issuer_alone() {
        let token = format!("{ISSUER}/token");
        for (audience, basic, fapi) in [
            (json!(ISSUER), true, true),
            (json!(token), true, false),
            (json!([ISSUER]), true, false),
            (json!(["https://x.example", token]), true, false),
            (json!("https://x.example"), false, false),
            (json!([]), false, false),
        ] {
            let told = |policy| good(policy, &with("aud", audience.clone())) == Some(true);
            assert_eq!((told(Policy::Basic), told(Policy::Nlgov)), (basic, basic), "{audience}");
            assert_eq!(told(Policy::Fapi2), fapi, "{audience}");
        }
    }

    #[test]
    fn what_the_client_did_not_sign_is_refused_without_a_reason() {
        let (signer, thief) = (Signer::new(Algorithm::Rs256), Signer::new(Algorithm::Rs256));
        let now = Timestamp::from_epoch(150);
        let told = |token: &str, policy| check(token, &client(&signer, policy), ISSUER, now).unwrap();
        let token = signer.signed("JWT", &claims());
        assert!(told(&token, Policy::Nlgov).is_some());
        assert_eq!(told(&token, Policy::Fapi2), None, "RS256 is not for FAPI");
        assert_eq!(told(&thief.signed("JWT", &claims()), Policy::Nlgov), None);
        assert_eq!(told(&signer.signed("at+jwt", &claims()), Policy::Nlgov), None);
        assert_eq!(told("x", Policy::Nlgov), None);
        assert_eq!(subject(&token).as_deref(), Some("portal"));
    }

    #[test]
    fn a_mark_is_of_one_client_and_one_jti() {
        let signer = Signer::new(Algorithm::EdDsa);
        let mark = |id: &str, claims: &Value| {
            let client = Client { id: id.into(), ..client(&signer, Policy::Nlgov) };
            check(&signer.signed("JWT", claims), &client, ISSUER, Timestamp::from_epoch(150))
                .unwrap()
                .unwrap()
        };
        let other = json!({"iss": "p", "sub": "p", "aud": ISSUER, "exp": 250, "jti": "ortal j"});
        let marks = [mark("portal", &claims()), mark("portal", &with("jti", json!("k"))), mark("p", &other)];
        assert!(marks[0] != marks[1] && marks[1] != marks[2] && marks[0] != marks[2]);
        assert_eq!(marks[0], mark("portal", &claims()));
    }
}
