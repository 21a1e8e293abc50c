//! Request objects: an authorization request in a JWT that its client signed (RFC 9101). Only what stands inside counts
//! (section 6.3).

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    audience::Audience,
    jwt::{BadJwt, Unverified},
    params::Params,
};
use crate::domain::{client::Client, policy::Policy, time::Timestamp};

/// The media types it may have: none, the general one, or its own (section 10.8).
const MEDIA: [&str; 3] = ["", "jwt", "oauth-authz-req+jwt"];
/// How far a client's clock may be ahead, in seconds.
const AHEAD: i64 = 30;
/// How long before now one may have begun, and how long it may be good, in seconds (FAPI 2.0 Message Signing, section 5.3.1).
const FAPI_LIFE: i64 = 3600;
/// Members that are claims about the JWT, not parameters.
const NOT_PARAMETERS: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "jti", "sub"];

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: Timestamp,
    client_id: String,
    #[serde(default)]
    nbf: Option<Timestamp>,
    #[serde(default)]
    iat: Option<Timestamp>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// The parameters in a request object of `client`, or what is wrong with it.
pub fn read(token: &str, client: &Client, issuer: &str, now: Timestamp) -> Result<Params, &'static str> {
    let keyless = || match client.keys.uri() {
        Some(_) => "the keys of this client cannot be had from its jwks_uri just now",
        None => "this client has registered no keys to sign a request object with",
    };
    let set = client.keys.known().ok_or_else(keyless)?;
    let allows =
        |alg| client.policy.allows_alg(alg) && client.wishes.request_object_alg.is_none_or(|one| one == alg);
    let unverified = Unverified::read(token, allows, &MEDIA).map_err(said)?;
    let claims: Claims = unverified.verified_by(set).map_err(said)?;
    if claims.iss != client.id || claims.client_id != client.id {
        return Err("iss and client_id of the request object must both be the client_id");
    }
    if !claims.aud.has(issuer) {
        return Err("aud of the request object must be the issuer");
    }
    // An assertion has a sub; then nobody can show the one in the place of the other (sections 4 and 10.8).
    if claims.rest.contains_key("sub") {
        return Err("a request object must have no sub");
    }
    if ["request", "request_uri"].iter().any(|name| claims.rest.contains_key(*name)) {
        return Err("a request object must hold neither request nor request_uri");
    }
    let early = [claims.nbf, claims.iat].into_iter().flatten().any(|from| now.plus(AHEAD) < from);
    if early || claims.exp <= now {
        return Err("the request object is not good now: see its exp, nbf and iat");
    }
    if client.policy == Policy::Fapi2 {
        let nbf = claims.nbf.ok_or("nbf of the request object is missing")?;
        if now.since(nbf) > FAPI_LIFE || claims.exp.since(nbf) > FAPI_LIFE {
            return Err(
                "nbf of the request object must be at most an hour old, and exp at most an hour after it",
            );
        }
    }
    let text = |value: Value| match value {
        Value::String(text) => text,
        // max_age is a number there, and claims an object (section 4).
        other => other.to_string(),
    };
    let named = |(name, value): (String, Value)| match value {
        // Several are a list there (RFC 8707 section 2.1).
        Value::Array(all) if name == "resource" => {
            all.into_iter().map(|one| (name.clone(), text(one))).collect()
        }
        one => vec![(name, text(one))],
    };
    let inside = claims.rest.into_iter().filter(|(name, value)| is_parameter(name) && !value.is_null());
    let inside = inside.flat_map(named).chain([("client_id".to_owned(), claims.client_id)]);
    let params = Params::of(inside).ok().filter(|params| !params.has_spoilt());
    params.ok_or("the request object holds too much, or text that is no parameter's")
}

fn is_parameter(name: &str) -> bool {
    !NOT_PARAMETERS.contains(&name)
}

const fn said(bad: BadJwt) -> &'static str {
    match bad {
        BadJwt::Malformed => "the request object is no signed JWT in compact form",
        BadJwt::Algorithm => "alg of the request object is not allowed for this client",
        BadJwt::Type => "typ of the request object says that it is for something else",
        BadJwt::Critical => "crit of the request object names an extension that is not understood",
        BadJwt::Key | BadJwt::Signature => "no registered key of this client has signed the request object",
        BadJwt::Claims => "a request object must have iss, aud, exp and client_id",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::jwt::tests::Signer, *};
    use crate::domain::{
        client::{ClientAuth, Keys, tests::client as fixture},
        key::Algorithm,
    };

    const ISSUER: &str = "https://id.example.nl";
    const NOW: Timestamp = Timestamp::from_epoch(150);

    fn claims() -> Value {
        json!({"iss": "portal", "aud": ISSUER, "exp": 250, "nbf": 150, "client_id": "portal", "scope": "openid",
               "max_age": 60, "claims": {"userinfo": {}}, "state": null})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        if claims[name].is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
        claims
    }

    fn client(signer: &Signer, policy: Policy) -> Client {
        Client { auth: ClientAuth::PrivateKeyJwt, keys: Keys::Registered(signer.set()), policy, ..fixture() }
    }

    fn asked(policy: Policy, claims: &Value) -> Result<Params, &'static str> {
        let signer = Signer::new(Algorithm::Es256);
        read(&signer.signed("oauth-authz-req+jwt", claims), &client(&signer, policy), ISSUER, NOW)
    }

    #[test]
    fn its_parameters_are_texts_and_what_is_about_the_jwt_is_none() {
        let params = asked(Policy::Nlgov, &claims()).unwrap();
        let told = ["scope", "max_age", "claims", "client_id", "state", "iss", "exp", "nbf", "aud"];
        assert_eq!(
            told.map(|name| params.get(name)),
            [
                Some("openid"),
                Some("60"),
                Some(r#"{"userinfo":{}}"#),
                Some("portal"),
                None,
                None,
                None,
                None,
                None
            ]
        );
    }

    #[test]
    fn several_resources_are_a_list_and_one_is_a_text() {
        let told = |value: Value| {
            let params = asked(Policy::Nlgov, &with("resource", value)).unwrap();
            params.all("resource").map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(told(json!("urn:a:b")), ["urn:a:b"]);
        assert_eq!(told(json!(["urn:a:b", "urn:a:c"])), ["urn:a:b", "urn:a:c"]);
        assert!(told(json!([])).is_empty());
        assert!(asked(Policy::Nlgov, &with("resource", json!(vec!["urn:a:b"; 65]))).is_err());
        assert_eq!(
            asked(Policy::Nlgov, &with("scope", json!(["openid"]))).unwrap().get("scope"),
            Some(r#"["openid"]"#)
        );
    }

    #[test]
    fn each_claim_has_its_bounds() {
        let good = |name: &str, value: Value| asked(Policy::Nlgov, &with(name, value)).is_ok();
        assert!(good("iss", json!("portal")) && !good("iss", json!("other")) && !good("iss", Value::Null));
        assert!(!good("client_id", json!("other")) && !good("client_id", Value::Null));
        assert!(
            good("aud", json!(["https://x.example", ISSUER])) && !good("aud", json!("https://x.example"))
        );
        assert!(!good("aud", json!([])) && !good("aud", Value::Null) && !good("aud", json!({})));
        assert!(good("exp", json!(151)) && !good("exp", json!(150)) && !good("exp", Value::Null));
        assert!(good("nbf", json!(180)) && !good("nbf", json!(181)) && good("nbf", Value::Null));
        assert!(good("iat", json!(180)) && !good("iat", json!(181)));
        assert!(
            !good("sub", json!("portal")) && !good("request", json!("x")) && !good("request_uri", json!("x"))
        );
        assert!(good("scope", json!("x".repeat(4096))) && !good("scope", json!("x".repeat(4097))));
        assert!(!good("state", json!("a\nb")));
    }

    #[test]
    fn fapi_wants_it_young_and_short() {
        let now = Timestamp::from_epoch(10_000);
        let signer = Signer::new(Algorithm::Es256);
        let good = |nbf: Option<i64>, exp: i64| {
            let mut claims = with("exp", json!(exp));
            claims["nbf"] = json!(nbf);
            read(&signer.signed("jwt", &claims), &client(&signer, Policy::Fapi2), ISSUER, now).is_ok()
        };
        assert!(good(Some(10_000), 13_600) && !good(Some(10_000), 13_601));
        assert!(good(Some(6_401), 10_001) && !good(Some(6_399), 10_001 - 2) && !good(Some(6_399), 10_001));
        assert!(!good(None, 10_100));
    }

    #[test]
    fn only_the_clients_own_key_and_an_allowed_algorithm_make_one() {
        let (signer, thief) = (Signer::new(Algorithm::Rs256), Signer::new(Algorithm::Rs256));
        let told = |token: &str, policy| read(token, &client(&signer, policy), ISSUER, NOW).is_ok();
        let token = signer.signed("", &claims());
        assert!(told(&token, Policy::Nlgov) && !told(&token, Policy::Fapi2), "RS256 is not for FAPI");
        assert!(!told(&thief.signed("", &claims()), Policy::Nlgov));
        for typ in ["at+jwt", "logout+jwt", "client-authentication+jwt", "dpop+jwt"] {
            assert!(!told(&signer.signed(typ, &claims()), Policy::Nlgov), "{typ}");
        }
        assert!(!told(&signer.sign(&json!({"alg": "none"}), &claims()), Policy::Nlgov));
        let keyless = Client { keys: Keys::None, ..client(&signer, Policy::Basic) };
        assert!(read(&token, &keyless, ISSUER, NOW).is_err());
    }
}
