//! What the OpenID Foundation's plan for the FAPI 2.0 Security Profile (`private_key_jwt`, `DPoP`, OpenID Connect) asks, module by
//! module (docs/conformance.md): two clients with keys of their own, each request as the plan bends it.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    claims::recorded,
    discovery::metadata,
    house::{CALLBACK, House},
    jose::{ASSERTION_TYPE, Key, assertion_claims, proof_claims},
    oidc_client::{Ask, Auth, Client, answer, assert_refused, claims, header, logged_in},
    portal::code_of,
};

/// The first client.
pub const ONE: Client = Client { id: "one", auth: Auth::Key, callback: "http://127.0.0.1:9/callback/one" };
/// The second, with keys of its own.
pub const TWO: Client = Client { id: "two", auth: Auth::Key, callback: "http://127.0.0.1:9/callback/two" };

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
pub struct Party {
    pub client: Client,
    pub issuer: String,
    pub signer: Key,
    pub key: Key,
    pub nonce: String,
}

/// An answer: its status and its body.
pub type Answer = (u16, Value);

/// An installation with both.
pub async fn start() -> (House, Party, Party) {
    let mut house = House::with("# clients here").await;
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
    pub fn form(&self, path: &str, form: &[(&str, &str)], said: &Value) -> RequestBuilder {
        let assertion = self.signer.sign(&json!({"alg": "ES256", "kid": "k"}), said);
        let mut form = form.to_vec();
        form.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion)]);
        reqwest::Client::new().post(format!("{}{path}", self.issuer)).form(&form)
    }

    /// Sends, and keeps the nonce.
    pub async fn send(&mut self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        if let Some(nonce) = answer.headers().get("dpop-nonce") {
            nonce.to_str().unwrap().clone_into(&mut self.nonce);
        }
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// A form with a good assertion and no proof.
    pub async fn bare(&mut self, house: &House, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.form(path, form, &assertion_claims(house, self.client.id));
        self.send(request).await
    }

    /// What a good proof says, with the last nonce.
    pub fn proof_claims(&self, house: &House, method: &str, path: &str, token: Option<&str>) -> Value {
        let mut claims = proof_claims(house, method, path, token);
        claims["nonce"] = json!(self.nonce);
        claims
    }

    /// A form with a good assertion and a proof by `key`, asked again where a nonce is wanted.
    pub async fn proven_by(&mut self, house: &House, key: &Key, path: &str, form: &[(&str, &str)]) -> Answer {
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

    /// The same by its own key.
    pub async fn proven(&mut self, house: &House, path: &str, form: &[(&str, &str)]) -> Answer {
        let key = std::mem::replace(&mut self.key, Key::new());
        let answer = self.proven_by(house, &key, path, form).await;
        self.key = key;
        answer
    }

    /// The handle of a request that must be good, as the browser brings it.
    pub async fn pushed(&mut self, house: &House, ask: &Ask) -> Ask {
        let answer = self.bare(house, "/par", &pairs(ask)).await;
        handle(ask, &answer)
    }

    /// Tokens by single sign-on, after a look at the answer.
    pub async fn tokens(&mut self, house: &House, browser: &Browser, ask: &Ask) -> Value {
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
    pub fn userinfo(&self, scheme: &str, token: &str, proof: &str) -> RequestBuilder {
        let request = reqwest::Client::new().get(format!("{}/userinfo", self.issuer));
        request.header("authorization", format!("{scheme} {token}")).header("dpop", proof)
    }
}

/// Its parameters, as a form.
pub fn pairs(ask: &Ask) -> Vec<(&str, &str)> {
    ask.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// What the browser brings of a request that was pushed.
pub fn handle(ask: &Ask, (status, pushed): &Answer) -> Ask {
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
    let metadata = metadata(&house).await;
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
