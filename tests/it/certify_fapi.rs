//! What the OpenID Foundation's plan for the FAPI 2.0 Security Profile (private_key_jwt, DPoP, OpenID Connect) asks, module by
//! module (docs/conformance.md): two clients with keys of their own, each request as the plan bends it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    claims::recorded,
    house::{CALLBACK, House, Options},
    jose::{ASSERTION_TYPE, Key, assertion_claims, proof_claims},
    mandates_desk::now,
    oidc_client::{Ask, Auth, Client, answer, assert_refused, claims, header, logged_in},
    portal::code_of,
};

const ONE: Client = Client { id: "one", auth: Auth::Key, callback: "http://127.0.0.1:9/callback/one" };
const TWO: Client = Client { id: "two", auth: Auth::Key, callback: "http://127.0.0.1:9/callback/two" };

fn table(id: &str) -> String {
    format!(
        r#"
[[client]]
id = "{id}"
name = "FAPI {id}"
policy = "fapi2"
redirect_uris = ["http://127.0.0.1:9/callback/{id}", "http://127.0.0.1:9/callback/{id}?dummy1=lorem&dummy2=ipsum"]
auth = "private_key_jwt"
jwks = "{id}.jwks"
scopes = ["openid", "profile", "email", "address", "phone"]
id_token_alg = "ES256"
"#
    )
}

/// A client at work: the key that it says who it is with, that of its tokens, and the last nonce.
struct Party {
    client: Client,
    issuer: String,
    signer: Key,
    key: Key,
    nonce: String,
}

/// An answer: its status and its body.
type Answer = (u16, Value);

async fn start() -> (House, Party, Party) {
    let mut house = House::start_with(Options { tables: "# clients here", ..Options::default() }).await;
    let party = |client: Client| Party {
        client,
        issuer: house.issuer.clone(),
        signer: Key::new(),
        key: Key::new(),
        nonce: String::new(),
    };
    let (one, two) = (party(ONE), party(TWO));
    for party in [&one, &two] {
        let path = house.folder.join(format!("{}.jwks", party.client.id));
        std::fs::write(path, party.signer.set().to_string()).unwrap();
    }
    house.reconfigure("# clients here", &(table("one") + &table("two")));
    (house, one, two)
}

impl Party {
    /// A form with an assertion of these claims.
    fn form(&self, path: &str, form: &[(&str, &str)], said: &Value) -> RequestBuilder {
        let assertion = self.signer.sign(&json!({"alg": "ES256", "kid": "k"}), said);
        let mut form = form.to_vec();
        form.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion)]);
        reqwest::Client::new().post(format!("{}{path}", self.issuer)).form(&form)
    }

    async fn send(&mut self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        if let Some(nonce) = answer.headers().get("dpop-nonce") {
            nonce.to_str().unwrap().clone_into(&mut self.nonce);
        }
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// A form with a good assertion and no proof.
    async fn bare(&mut self, house: &House, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.form(path, form, &assertion_claims(house, self.client.id));
        self.send(request).await
    }

    /// What a good proof says, with the last nonce.
    fn proof_claims(&self, house: &House, method: &str, path: &str, token: Option<&str>) -> Value {
        let mut claims = proof_claims(house, method, path, token);
        claims["nonce"] = json!(self.nonce);
        claims
    }

    /// A form with a good assertion and a proof by `key`, asked again where a nonce is wanted.
    async fn proven_by(&mut self, house: &House, key: &Key, path: &str, form: &[(&str, &str)]) -> Answer {
        for _ in 0..2 {
            let proof = key.proof_of(&self.proof_claims(house, "POST", path, None));
            let request =
                self.form(path, form, &assertion_claims(house, self.client.id)).header("dpop", proof);
            let answer = self.send(request).await;
            if answer.1["error"] != "use_dpop_nonce" {
                return answer;
            }
        }
        panic!("asked for a nonce twice")
    }

    async fn proven(&mut self, house: &House, path: &str, form: &[(&str, &str)]) -> Answer {
        let key = std::mem::replace(&mut self.key, Key::new());
        let answer = self.proven_by(house, &key, path, form).await;
        self.key = key;
        answer
    }

    /// The handle of a request that must be good, as the browser brings it.
    async fn pushed(&mut self, house: &House, ask: &Ask) -> Ask {
        let answer = self.bare(house, "/par", &pairs(ask)).await;
        handle(ask, &answer)
    }

    /// Tokens by single sign-on, after a look at the answer.
    async fn tokens(&mut self, house: &House, browser: &Browser, ask: &Ask) -> Value {
        let brought = self.pushed(house, ask).await;
        let told = answer(&browser.get(&brought.url(house)).await);
        assert_eq!(told["iss"], self.issuer.as_str());
        assert_eq!(told.get("state").and_then(Value::as_str).unwrap_or_default(), ask.get("state"));
        let code = told["code"].as_str().unwrap();
        let (status, body) = self.proven(house, "/token", &ask.redemption(code)).await;
        assert_eq!((status, body["token_type"].as_str()), (200, Some("DPoP")), "{body}");
        let id_token = body["id_token"].as_str().unwrap();
        assert!(header(id_token)["alg"] == "ES256" && header(id_token)["kid"].is_string());
        let said = claims(id_token);
        assert_eq!(said.get("nonce").and_then(Value::as_str).unwrap_or_default(), ask.get("nonce"));
        assert!(said.get("s_hash").is_none() && body["expires_in"].as_i64().unwrap() > 0);
        body
    }

    /// `GET /userinfo` by that scheme with a proof.
    fn userinfo(&self, scheme: &str, token: &str, proof: &str) -> RequestBuilder {
        let request = reqwest::Client::new().get(format!("{}/userinfo", self.issuer));
        request.header("authorization", format!("{scheme} {token}")).header("dpop", proof)
    }
}

fn pairs(ask: &Ask) -> Vec<(&str, &str)> {
    ask.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn handle(ask: &Ask, (status, pushed): &Answer) -> Ask {
    assert_eq!(*status, 201, "{pushed}");
    let empty = Ask { parameters: Vec::new(), ..ask.clone() };
    empty.with("client_id", ask.get("client_id")).with("request_uri", pushed["request_uri"].as_str().unwrap())
}

/// -happy-flow, -ensure-authorization-request-without-state-success, -without-nonce-success, -with-64-char-nonce-success,
/// -with-long-nonce, -with-long-state, -ensure-other-scope-order-succeeds, -ensure-dpop-auth-code-binding-success,
/// -par-without-duplicate-parameters, -state-only-outside-request-object-not-used,
/// -ensure-different-nonce-inside-and-outside-request-object and -state-.
#[tokio::test]
async fn every_good_request_ends_in_tokens_that_say_what_was_asked() {
    let (house, mut one, mut two) = start().await;
    let (browser, _) = logged_in(&house).await;
    let good = ONE.ask().with("scope", "openid email");
    let query = "http://127.0.0.1:9/callback/one?dummy1=lorem&dummy2=ipsum";
    for ask in [
        good.clone(),
        good.clone().without("state"),
        good.clone().without("nonce"),
        good.clone().with("nonce", &"n".repeat(64)),
        good.clone().with("nonce", &"n".repeat(384)),
        good.clone().with("state", &"s".repeat(384)),
        good.clone().with("scope", "email openid"),
        good.clone().with("dpop_jkt", &one.key.thumbprint()),
    ] {
        one.tokens(&house, &browser, &ask).await;
    }
    let ask = good.clone().with("redirect_uri", query);
    let brought = one.pushed(&house, &ask).await;
    let told = answer(&browser.get(&brought.url(&house)).await);
    assert_eq!(
        (&told["dummy1"], &told["dummy2"], &told["state"]),
        (&json!("lorem"), &json!("ipsum"), &json!(ask.get("state")))
    );
    // What stands beside the handle does not count.
    let ask = good.clone().without("state");
    let brought = one.pushed(&house, &ask).await.with("state", "outside").with("nonce", "outside");
    let told = answer(&browser.get(&brought.url(&house)).await);
    assert!(told.get("state").is_none(), "{told:?}");
    let (status, body) = one.proven(&house, "/token", &ask.redemption(told["code"].as_str().unwrap())).await;
    assert_eq!(
        (status, &claims(body["id_token"].as_str().unwrap())["nonce"]),
        (200, &json!(ask.get("nonce")))
    );

    // The second client, and its token with the first one's key (-happy-flow, -refresh-token).
    let theirs = two.tokens(&house, &browser, &TWO.ask()).await;
    let access = theirs["access_token"].as_str().unwrap();
    let shown = |party: &Party| {
        let proof = party.key.proof_of(&party.proof_claims(&house, "GET", "/userinfo", Some(access)));
        party.userinfo("DPoP", access, &proof)
    };
    let (mine, thief) = (shown(&two), shown(&one));
    for accept in ["application/json; charset=utf-8", "application/json, */*"] {
        let request = shown(&two)
            .header("accept", accept)
            .header("x-fapi-customer-ip-address", "2001:db8::1893:25c8:1946");
        assert_eq!(two.send(request).await.0, 200, "{accept}");
    }
    assert_eq!((two.send(mine).await.0, one.send(thief).await.0), (200, 401));
    let refreshing =
        [("grant_type", "refresh_token"), ("refresh_token", theirs["refresh_token"].as_str().unwrap())];
    assert_refused(&one.proven(&house, "/token", &refreshing).await, "invalid_grant");
    assert_refused(&two.bare(&house, "/token", &refreshing).await, "invalid_dpop_proof");
    let key = Key::new();
    let proof = key.proof_of(&two.proof_claims(&house, "POST", "/token", None));
    let nobody = reqwest::Client::new()
        .post(format!("{}/token", house.issuer))
        .form(&refreshing)
        .header("dpop", proof);
    assert!(matches!(two.send(nobody).await.0, 400 | 401));
    // By any key: it is bound to what the client proves who it is with.
    let (status, body) = two.proven_by(&house, &key, "/token", &refreshing).await;
    assert_eq!(status, 200, "{body}");
}

/// -test-claims-parameter-identity-claims.
#[tokio::test]
async fn every_announced_standard_claim_is_told_where_it_is_asked_for() {
    let (house, mut one, _) = start().await;
    let (browser, _) = logged_in(&house).await;
    recorded(&house, "jansen@voorbeeld.nl");
    let metadata = format!("{}/.well-known/openid-configuration", house.issuer);
    let metadata: Value = reqwest::get(metadata).await.unwrap().json().await.unwrap();
    let standard = "sub name given_name family_name middle_name nickname preferred_username profile picture website email \
                    email_verified gender birthdate zoneinfo locale phone_number phone_number_verified address updated_at";
    let announced = metadata["claims_supported"].as_array().unwrap();
    let mut wish = serde_json::Map::new();
    for (number, name) in standard.split(' ').enumerate() {
        assert!(announced.contains(&json!(name)), "{name}");
        let ways = [Value::Null, json!({"essential": true}), json!({"essential": false}), json!({"x": "y"})];
        wish.insert(name.to_owned(), ways[number % ways.len()].clone());
    }
    let wishes = json!({"id_token": wish, "userinfo": wish, "Xy12": {"Zz34": null}});
    let ask = ONE.ask().with("claims", &wishes.to_string());
    let tokens = one.tokens(&house, &browser, &ask).await;
    let said = claims(tokens["id_token"].as_str().unwrap());
    let access = tokens["access_token"].as_str().unwrap();
    let proof = one.key.proof_of(&one.proof_claims(&house, "GET", "/userinfo", Some(access)));
    let (status, user) = one.send(one.userinfo("DPoP", access, &proof)).await;
    assert_eq!(status, 200, "{user}");
    for name in standard.split(' ') {
        assert!(
            !said[name].is_null() && said[name] == user[name],
            "{name}: {} and {}",
            said[name],
            user[name]
        );
    }
    assert_eq!(user.as_object().unwrap().len(), standard.split(' ').count(), "{user}");
}

/// -dpop-negative-tests, -access-token-type-header-case-sensitivity, -check-dpop-proof-nbf-exp,
/// -ensure-dpopproof-with-iat-10seconds-before-succeeds and -after-.
#[tokio::test]
async fn a_proof_counts_as_rfc_9449_says_and_in_no_other_way() {
    let (house, mut one, _) = start().await;
    let (browser, _) = logged_in(&house).await;
    let tokens = one.tokens(&house, &browser, &ONE.ask()).await;
    let access = tokens["access_token"].as_str().unwrap();
    let now = now().epoch();
    let at = format!("{}/userinfo", house.issuer);
    let bent = |name: &str, value: Value| (name.to_owned(), value);
    for (members, taken) in [
        (vec![], true),
        (vec![bent("iat", json!(now - 10))], true),
        (vec![bent("iat", json!(now + 10))], true),
        (vec![bent("nbf", json!(now)), bent("exp", json!(now + 300))], true),
        (vec![bent("extra", json!("x"))], true),
        (vec![bent("htu", json!(format!("{at}?a=b#c")))], true),
        (vec![bent("htu", json!(at.replace("http:", "HTTP:")))], true),
        (vec![bent("htu", json!("https://other.example/userinfo"))], false),
        (vec![bent("htm", json!("PUT"))], false),
        (vec![bent("iat", json!(now + 3600))], false),
        (vec![bent("iat", json!(now - 3600))], false),
        (vec![bent("ath", json!("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"))], false),
        (vec![bent("jti", Value::Null)], false),
        (vec![bent("htm", Value::Null)], false),
        (vec![bent("htu", Value::Null)], false),
        (vec![bent("iat", Value::Null)], false),
        (vec![bent("ath", Value::Null)], false),
    ] {
        let mut claims = one.proof_claims(&house, "GET", "/userinfo", Some(access));
        let object = claims.as_object_mut().unwrap();
        for (name, value) in &members {
            object.insert(name.clone(), value.clone());
        }
        object.retain(|_, value| !value.is_null());
        let proof = one.key.proof_of(&claims);
        for scheme in ["dPOp", "DPoP"] {
            let status = one.send(one.userinfo(scheme, access, &proof)).await.0;
            // A proof is good once.
            let expected = if taken && scheme == "dPOp" { 200 } else { 401 };
            assert_eq!(status, expected, "{scheme} {members:?}");
        }
    }
    let nonce = one.nonce.clone();
    let said = || {
        let mut claims = proof_claims(&house, "GET", "/userinfo", Some(access));
        claims["nonce"] = json!(nonce);
        claims
    };
    let jwk = one.key.jwk();
    let private = {
        let mut jwk = jwk.clone();
        jwk["d"] = json!(URL_SAFE_NO_PAD.encode([7; 32]));
        jwk
    };
    let good = one.key.proof_of(&said());
    let (signed, _) = good.rsplit_once('.').unwrap();
    let none = json!({"typ": "dpop+jwt", "alg": "none", "jwk": jwk});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let bad = [
        one.key.sign(&json!({"alg": "ES256", "jwk": jwk}), &said()),
        one.key.sign(&json!({"typ": "JWT", "alg": "ES256", "jwk": jwk}), &said()),
        one.key.sign(&json!({"typ": "dpop+jwt", "jwk": jwk}), &said()),
        one.key.sign(&json!({"typ": "dpop+jwt", "alg": "ES256"}), &said()),
        one.key.sign(&json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": private}), &said()),
        format!("{}.{}.", part(&none), part(&said())),
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode([7; 64])),
        Key::new().sign(&json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}), &said()),
        Key::new().proof_of(&said()),
        "no.jwt".to_owned(),
    ];
    for proof in &bad {
        assert_eq!(one.send(one.userinfo("DPoP", access, proof)).await.0, 401, "{proof}");
    }
    let more = [
        one.userinfo("DPoP", access, &one.key.proof_of(&said())).header("dpop", one.key.proof_of(&said())),
        reqwest::Client::new().get(&at).header("authorization", format!("DPoP {access}")),
        reqwest::Client::new().get(&at).bearer_auth(access),
    ];
    for request in more {
        assert!(matches!(one.send(request).await.0, 400 | 401));
    }
    // Members of the header that nobody knows are no fault.
    let extra = one.key.sign(&json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk, "extra": "x"}), &said());
    assert_eq!(one.send(one.userinfo("DPoP", access, &extra)).await.0, 200);
    assert_eq!(one.send(one.userinfo("DPoP", access, &good)).await.0, 200);
}

/// The modules about the endpoint for pushed requests: -par-…, -ensure-…-redirect-uri-…, -ensure-response-type-…,
/// -ensure-mismatched-dpop-jkt-fails, -ensure-unsigned-authorization-request-without-using-par-fails.
#[tokio::test]
async fn what_may_not_be_pushed_is_refused_at_once() {
    let (house, mut one, mut two) = start().await;
    let ask = ONE.ask();
    for (bent, error) in [
        (ask.clone().with("request_uri", "urn:ietf:params:oauth:request_uri:x"), "invalid_request"),
        (ask.clone().without("code_challenge").without("code_challenge_method"), "invalid_request"),
        (ask.clone().with("code_challenge_method", "plain"), "invalid_request"),
        (ask.clone().with("response_type", "code id_token"), "unsupported_response_type"),
        (ask.clone().with("response_type", "token"), "unsupported_response_type"),
        (ask.clone().with("redirect_uri", CALLBACK), "invalid_request"),
        (ask.clone().without("redirect_uri"), "invalid_request"),
    ] {
        assert_refused(&one.bare(&house, "/par", &pairs(&bent)).await, error);
    }
    let other = ask.clone().with("dpop_jkt", &Key::new().thumbprint());
    assert_refused(&one.proven(&house, "/par", &pairs(&other)).await, "invalid_dpop_proof");

    let now = now().epoch();
    let said = |changes: &[(&str, Value)]| {
        let mut claims = assertion_claims(&house, ONE.id);
        for (name, value) in changes {
            claims[*name] = value.clone();
        }
        claims
    };
    for (changes, taken) in [
        (vec![("nbf", json!(now + 8)), ("iat", json!(now + 8))], true),
        (vec![("nbf", json!(now + 90)), ("iat", json!(now + 90)), ("exp", json!(now + 200))], false),
        (vec![("aud", json!([house.issuer]))], false),
        (vec![("aud", json!(format!("{}/par", house.issuer)))], false),
        (vec![("aud", json!(format!("{}/token", house.issuer)))], false),
    ] {
        let request = one.form("/par", &pairs(&ask), &said(&changes));
        let answer = one.send(request).await;
        if taken {
            assert_eq!(answer.0, 201, "{changes:?} {}", answer.1);
        } else {
            assert_refused(&answer, "invalid_client");
        }
    }
    let put = one.form("/par", &pairs(&ask), &said(&[])).build().unwrap();
    let body = put.body().unwrap().as_bytes().unwrap().to_vec();
    let put = reqwest::Client::new()
        .request(Method::PUT, put.url().clone())
        .headers(put.headers().clone())
        .body(body);
    assert_eq!(one.send(put).await.0, 405);

    // Unpushed, or by another client's handle: no code.
    let (browser, _) = logged_in(&house).await;
    let told = answer(&browser.get(&ask.url(&house)).await);
    assert_eq!(told["error"], "invalid_request");
    let brought = one.pushed(&house, &ask).await.with("client_id", TWO.id);
    let page = browser.get(&brought.url(&house)).await;
    assert!(page.status == 400 && page.location().is_none());
    two.tokens(&house, &browser, &TWO.ask()).await;
}

/// The modules about the token endpoint: -ensure-client-id-in-token-endpoint, -ensure-holder-of-key-required,
/// -ensure-authorization-code-is-bound-to-client, -attempt-reuse-authorization-code-after-one-second,
/// -ensure-client-assertion-…, -ensure-pkce-code-verifier-required, -incorrect-pkce-code-verifier-rejected,
/// -ensure-token-endpoint-fails-with-mismatched-dpop-jkt and -dpop-proof-jkt.
#[tokio::test]
async fn a_code_is_redeemed_by_its_client_with_its_proof_and_verifier_once() {
    let (house, mut one, mut two) = start().await;
    let (browser, _) = logged_in(&house).await;
    let ask = ONE.ask().with("dpop_jkt", &one.key.thumbprint());
    let brought = one.pushed(&house, &ask).await;
    let code = code_of(&browser.get(&brought.url(&house)).await);
    let form = ask.redemption(&code);
    let without: Vec<_> = form.iter().copied().filter(|(name, _)| *name != "code_verifier").collect();
    let wrong = "w".repeat(43);
    let mut other = without.clone();
    other.push(("code_verifier", &wrong));

    assert_refused(&one.proven(&house, "/token", &without).await, "invalid_grant");
    assert_refused(&one.proven(&house, "/token", &other).await, "invalid_grant");
    assert_refused(&one.bare(&house, "/token", &form).await, "invalid_dpop_proof");
    assert_refused(&one.proven_by(&house, &Key::new(), "/token", &form).await, "invalid_grant");
    assert_refused(&two.proven(&house, "/token", &form).await, "invalid_grant");

    let now = now().epoch();
    let proof = |party: &Party| party.key.proof_of(&party.proof_claims(&house, "POST", "/token", None));
    let nobody = reqwest::Client::new()
        .post(format!("{}/token", house.issuer))
        .form(&form)
        .header("dpop", proof(&one));
    assert!(
        matches!(one.send(nobody).await, (400 | 401, body) if body["error"] == "invalid_client" || body["error"] == "invalid_request")
    );
    let said = |name: &str, value: Value| {
        let mut claims = assertion_claims(&house, ONE.id);
        claims[name] = value;
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        claims
    };
    let mut expired = said("exp", json!(now - 300));
    expired["iat"] = json!(now - 600);
    for claims in [
        expired,
        said("aud", json!("https://other.example")),
        said("sub", Value::Null),
        // The second client's assertion, signed by the first.
        assertion_claims(&house, TWO.id),
    ] {
        let request = one.form("/token", &form, &claims).header("dpop", proof(&one));
        assert_refused(&one.send(request).await, "invalid_client");
    }
    let mut named = form.clone();
    named.push(("client_id", TWO.id));
    let (status, body) = one.proven(&house, "/token", &named).await;
    assert!(matches!(status, 400 | 401) && body.get("access_token").is_none(), "{body}");

    // Nothing of that has burnt it.
    let (status, body) = one.proven(&house, "/token", &form).await;
    assert_eq!(status, 200, "{body}");
    let access = body["access_token"].as_str().unwrap();
    let shown = |party: &Party| {
        let proof = party.key.proof_of(&party.proof_claims(&house, "GET", "/userinfo", Some(access)));
        party.userinfo("DPoP", access, &proof)
    };
    let before = shown(&one);
    assert_eq!(one.send(before).await.0, 200);
    assert_refused(&one.proven(&house, "/token", &form).await, "invalid_grant");
    let after = shown(&one);
    assert_eq!(one.send(after).await.0, 401);
}

/// -user-rejects-authentication, -par-ensure-reused-request-uri-prior-to-auth-completion-succeeds,
/// -par-attempt-reuse-request_uri.
#[tokio::test]
async fn a_handle_may_be_looked_at_until_a_login_is_answered_and_a_no_is_told() {
    let (house, mut one, _) = start().await;
    let ask = ONE.ask();
    let brought = one.pushed(&house, &ask).await.url(&house);
    let stranger = Browser::new();
    let choose = stranger.visit(&brought, CALLBACK).await;
    let told = answer(&stranger.submit(&choose, "stop-form", &[]).await);
    assert_eq!((&told["error"], &told["state"]), (&json!("access_denied"), &json!(ask.get("state"))));
    assert_eq!(told["iss"], house.issuer.as_str());

    let (browser, _) = logged_in(&house).await;
    let brought = one.pushed(&house, &ask).await.url(&house);
    let seen = stranger.visit(&brought, CALLBACK).await;
    assert!(seen.status == 200 && seen.text("local").is_some());
    let code = code_of(&browser.get(&brought).await);
    assert_eq!(one.proven(&house, "/token", &ask.redemption(&code)).await.0, 200);
    let page = browser.get(&brought).await;
    assert!(page.status == 400 && page.location().is_none());
}

/// The modules of Message Signing about request objects: what is signed, young, short and for us is taken, and nothing else is.
#[tokio::test]
async fn a_signed_request_is_taken_while_it_is_young_and_its_clients_own() {
    let (house, mut one, two) = start().await;
    let (browser, _) = logged_in(&house).await;
    let ask = ONE.ask();
    let now = now().epoch();
    let good = || {
        let mut inside = json!({"iss": ONE.id, "aud": house.issuer, "nbf": now, "exp": now + 300});
        for (name, value) in &ask.parameters {
            inside[name] = json!(value);
        }
        inside
    };
    let with = |name: &str, value: Value| {
        let mut inside = good();
        inside[name] = value;
        inside.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        inside
    };
    let head = |more: Value| {
        let mut head = json!({"alg": "ES256", "kid": "k"});
        head.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        head
    };
    let typed = head(json!({"typ": "oauth-authz-req+jwt"}));
    for (head, inside) in [
        (head(json!({})), good()),
        (typed.clone(), good()),
        (typed.clone(), with("aud", json!([house.issuer, "https://other.example"]))),
        (typed.clone(), with("nbf", json!(now + 8))),
    ] {
        let request = one.signer.sign(&head, &inside);
        let answer = one.bare(&house, "/par", &[("client_id", ONE.id), ("request", &request)]).await;
        let back = self::answer(&browser.get(&handle(&ask, &answer).url(&house)).await);
        assert_eq!(back["state"], ask.get("state"));
        let (status, body) =
            one.proven(&house, "/token", &ask.redemption(back["code"].as_str().unwrap())).await;
        assert_eq!(status, 200, "{body}");
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let honest = one.signer.sign(&typed, &good());
    let mut bad: Vec<String> = [
        with("exp", Value::Null),
        with("nbf", Value::Null),
        with("exp", json!(now - 300)),
        with("exp", json!(now + 70 * 60)),
        with("nbf", json!(now - 70 * 60)),
        with("aud", json!("https://other.example")),
    ]
    .iter()
    .map(|inside| one.signer.sign(&typed, inside))
    .collect();
    bad.extend([
        two.signer.sign(&typed, &good()),
        format!("{}.{}.", part(&json!({"alg": "none"})), part(&good())),
        format!("{}.{}", honest.rsplit_once('.').unwrap().0, URL_SAFE_NO_PAD.encode([7; 64])),
    ]);
    for request in &bad {
        let answer = one.bare(&house, "/par", &[("client_id", ONE.id), ("request", request)]).await;
        assert_refused(&answer, "invalid_request_object");
    }
    for name in ["redirect_uri", "request_uri"] {
        let value =
            if name == "redirect_uri" { Value::Null } else { json!("urn:ietf:params:oauth:request_uri:x") };
        let request = one.signer.sign(&typed, &with(name, value));
        let (status, body) = one.bare(&house, "/par", &[("client_id", ONE.id), ("request", &request)]).await;
        let error = body["error"].as_str().unwrap();
        assert_eq!(status, 400, "{body}");
        assert!(["invalid_request", "invalid_request_object"].contains(&error), "{name}: {body}");
    }
}
