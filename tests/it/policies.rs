//! The table of the three policies, cell by cell: what a client of each hears that asks for what its cell excludes, and beside it
//! the same asked as the cell allows.

use serde_json::{Value, json};

use crate::{
    algorithms::{Party, sent, with_assertion},
    browser::Browser,
    house::{House, SECRET},
    jose::assertion_claims,
    oidc_client::{APP, Ask, Auth, CLIENTS, Client, THE_PORTAL, answer, assert_refused, header, logged_in},
    portal,
};

const POLICIES: [&str; 3] = ["basic", "nlgov", "fapi2"];
/// A public client of the policy that leaves PKCE to others.
const LOOSE: Client = Client { id: "loose", auth: Auth::None, callback: "http://127.0.0.1:9/callback/loose" };
/// A cell that allows.
const YES: &str = "";

/// A client of a policy, which signs in three ways.
struct Member {
    policy: &'static str,
    rs256: Party,
    ps256: Party,
    es256: Party,
}

impl Member {
    fn new(policy: &'static str) -> Self {
        let [rs256, ps256, es256] = ["RS256", "PS256", "ES256"].map(|alg| Party::new(policy, alg));
        Self { policy, rs256, ps256, es256 }
    }

    fn table(&self, house: &House) -> String {
        let keys = [&self.rs256, &self.ps256, &self.es256].map(|party| {
            let mut key = party.jwk();
            key["kid"] = json!(party.alg);
            key
        });
        let (policy, callback) = (self.policy, self.es256.client.callback);
        let set = house.folder.join(format!("{policy}.jwks"));
        std::fs::write(&set, json!({ "keys": keys }).to_string()).unwrap();
        format!(
            "[[client]]\nid = \"{policy}\"\nname = \"{policy}\"\nredirect_uris = [\"{callback}\"]\npolicy = \"{policy}\"\n\
             auth = \"private_key_jwt\"\njwks = \"{policy}.jwks\"\nscopes = [\"openid\", \"email\"]\n"
        )
    }

    fn ask(&self) -> Ask {
        self.es256.client.ask()
    }

    /// Pushes what is asked, and gives what the browser brings then; or the error.
    async fn push(&self, house: &House, ask: &Ask) -> Result<Ask, String> {
        let pairs: Vec<_> =
            ask.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (status, body) = sent(self.es256.post(house, "/par", &pairs)).await;
        if status != 201 {
            return Err(body["error"].as_str().unwrap().to_owned());
        }
        let bare = Ask { parameters: Vec::new(), ..ask.clone() };
        Ok(bare.with("client_id", self.policy).with("request_uri", body["request_uri"].as_str().unwrap()))
    }

    /// What a request comes to that is asked in the way of its policy: a code, or the error.
    async fn asks(&self, house: &House, browser: &Browser, ask: &Ask) -> Result<String, String> {
        match self.policy {
            "fapi2" => brings(house, browser, &self.push(house, ask).await?).await,
            _ => brings(house, browser, ask).await,
        }
    }

    /// The answer to a redemption of a new code, bound to a key of the client where it must be.
    async fn redeems(&self, house: &House, browser: &Browser, ask: &Ask, bound: bool) -> (u16, Value) {
        let code = self.asks(house, browser, ask).await.unwrap();
        self.tokens(house, &ask.redemption(&code), bound).await
    }

    /// The answer of the token endpoint; where a proof of possession goes along, with the nonce that it may want.
    async fn tokens(&self, house: &House, form: &[(&str, &str)], bound: bool) -> (u16, Value) {
        let request = || self.es256.post(house, "/token", form);
        if !bound {
            return sent(request()).await;
        }
        let first = request().header("dpop", self.es256.proof(house, "POST", "/token", None));
        let first = first.send().await.unwrap();
        let nonce = first.headers()["dpop-nonce"].to_str().unwrap().to_owned();
        let (status, body) = (first.status().as_u16(), first.json::<Value>().await.unwrap());
        if body["error"] != "use_dpop_nonce" {
            return (status, body);
        }
        let mut claims = crate::jose::proof_claims(house, "POST", "/token", None);
        claims["nonce"] = json!(nonce);
        let head = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.es256.jwk()});
        sent(request().header("dpop", self.es256.sign(&head, &claims))).await
    }
}

/// What a browser brings to the authorization endpoint, answered: a code, or the error.
async fn brings(house: &House, browser: &Browser, ask: &Ask) -> Result<String, String> {
    let page = browser.get(&ask.url(house)).await;
    let told = answer(&page);
    match told.get("error") {
        Some(error) => Err(error.as_str().unwrap().to_owned()),
        None => Ok(told["code"].as_str().unwrap().to_owned()),
    }
}

/// A house with a client of each policy, and a browser in which somebody is logged in.
async fn house() -> (House, Browser, [Member; 3]) {
    let mut house = House::with(format!("{CLIENTS}# members here")).await;
    let members = POLICIES.map(Member::new);
    let tables: String = members.iter().map(|member| member.table(&house)).collect();
    let loose = format!(
        "[[client]]\nid = \"loose\"\nname = \"Loose\"\nredirect_uris = [\"{}\"]\npolicy = \"basic\"\n\
         auth = \"none\"\nscopes = [\"openid\"]\n",
        LOOSE.callback
    );
    house.reconfigure("# members here", &(tables + &loose));
    let (browser, _) = logged_in(&house).await;
    (house, browser, members)
}

/// What came of a cell is what the table says: nothing amiss, or that error.
fn assert_cell<T>(row: &str, policy: &str, came: Result<T, String>, cell: &str) {
    let came = came.err().unwrap_or_default();
    assert_eq!(came, cell, "{row} under {policy}");
}

/// The row "client authentication", at registration: whoever cannot be registered is nobody at any endpoint.
#[tokio::test]
async fn a_client_is_registered_with_the_authentication_and_signature_that_its_policy_allows() {
    let mut house = House::with("# more here").await;
    let mtls = "[proxy]\nfrom = [\"127.0.0.1\"]\nclient_certificate = \"client-cert\"\n[mtls]\nca = \"pki/ca.crt\"\n";
    house.reconfigure("# more here", mtls);
    let jwks = house.folder.join("keyed.jwks");
    let jwks = jwks.to_str().unwrap();
    let keys = ["--jwks", jwks];
    let name = ["--certificate-name", "san_dns=portal.example.nl"];
    let mut added = 0;
    for (auth, more, cells) in [
        ("client_secret_basic", &[][..], [true, false, false]),
        ("client_secret_post", &[], [true, false, false]),
        ("private_key_jwt", &keys, [true, true, true]),
        ("tls_client_auth", &name, [true, true, true]),
        ("self_signed_tls_client_auth", &keys, [true, false, false]),
        ("none", &[], [true, true, false]),
    ] {
        for (policy, allowed) in POLICIES.into_iter().zip(cells) {
            let id = format!("{policy}-{auth}");
            let mut arguments = vec!["clients", "add", "--by", "els", &id, "--name", "X", "--redirect-uri"];
            arguments.extend(["https://portal.example.nl/back", "--policy", policy, "--auth", auth]);
            arguments.extend(more);
            let output = house.run(&arguments);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.success(), allowed, "{id}: {said}");
            assert_eq!(
                said.contains(&format!("policy {policy} does not allow auth {auth}")),
                !allowed,
                "{said}"
            );
            added += usize::from(allowed);
        }
    }
    // The row "signing": what tokens for it are signed with.
    for (alg, cells) in [
        ("RS256", [true, true, false]),
        ("PS256", [true, true, true]),
        ("ES256", [true, true, true]),
        ("EdDSA", [true, true, true]),
    ] {
        for (policy, allowed) in POLICIES.into_iter().zip(cells) {
            let id = format!("{policy}-{alg}");
            let mut arguments = vec!["clients", "add", "--by", "els", &id, "--name", "X", "--redirect-uri"];
            arguments.extend(["https://portal.example.nl/back", "--policy", policy, "--id-token-alg", alg]);
            arguments.extend(keys);
            let output = house.run(&arguments);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.success(), allowed, "{id}: {said}");
            assert_eq!(said.contains(&format!("policy {policy} does not allow {alg}")), !allowed, "{said}");
            added += usize::from(allowed);
        }
    }
    assert_eq!(house.query("SELECT COUNT(*) FROM clients"), [added.to_string()]);
}

/// The rows "PKCE", "nonce" and "request".
#[tokio::test]
async fn a_request_is_answered_that_is_asked_as_its_policy_wants() {
    const BAD: &str = "invalid_request";
    let (house, browser, members) = house().await;
    for (at, member) in members.iter().enumerate() {
        let (policy, ask) = (member.policy, member.ask());
        let bare = ask.clone().without("code_challenge").without("code_challenge_method");
        for (row, asked, cells) in [
            ("with S256 and a nonce", ask.clone(), [YES, YES, YES]),
            ("without PKCE", bare.clone(), [YES, BAD, BAD]),
            ("plain PKCE", ask.clone().with("code_challenge_method", "plain"), [BAD, BAD, BAD]),
            ("without a nonce", ask.clone().without("nonce"), [YES, BAD, YES]),
        ] {
            let came = member.asks(&house, &browser, &asked).await;
            assert_cell(row, policy, came, cells[at]);
        }
        // Signed, by value, with the state outside, so that an error can be told.
        let signed = |party: &Party| {
            let request = party.request(&house, &ask);
            let around = Ask { parameters: Vec::new(), ..ask.clone() };
            let around = around.with("client_id", policy).with("redirect_uri", ask.get("redirect_uri"));
            around.with("state", ask.get("state")).with("request", &request)
        };
        let (rs256, ps256) = (signed(&member.rs256), signed(&member.ps256));
        for (row, asked, cells) in [
            ("plain", &ask, [YES, YES, BAD]),
            ("signed with RS256", &rs256, [YES, YES, BAD]),
            ("signed with PS256", &ps256, [YES, YES, BAD]),
        ] {
            assert_cell(row, policy, brings(&house, &browser, asked).await, cells[at]);
        }
        let alone = |ask: &Ask| {
            let request = ask.get("request").to_owned();
            Ask { parameters: vec![("request".to_owned(), request)], ..ask.clone() }
        };
        for (row, asked, cells) in [
            ("plain and pushed", ask.clone(), [YES, YES, YES]),
            ("signed with RS256 and pushed", alone(&rs256), [YES, YES, "invalid_request_object"]),
            ("signed with PS256 and pushed", alone(&ps256), [YES, YES, YES]),
        ] {
            let came = match member.push(&house, &asked).await {
                Ok(brought) => brings(&house, &browser, &brought).await,
                Err(error) => Err(error),
            };
            assert_cell(row, policy, came, cells[at]);
        }
    }
    // Under each policy a public client brings PKCE, for nothing else binds a code to it.
    let ask = LOOSE.ask();
    let bare = ask.clone().without("code_challenge").without("code_challenge_method");
    for (row, asked, cell) in [
        ("a public client without PKCE", bare, BAD),
        ("a public client with plain PKCE", ask.clone().with("code_challenge_method", "plain"), BAD),
        ("a public client with S256", ask, YES),
    ] {
        assert_cell(row, "basic", brings(&house, &browser, &asked).await, cell);
    }
    // A verifier without a challenge: the code of one that sent none is good, and only so.
    let ask = members[0].ask();
    let bare = ask.clone().without("code_challenge").without("code_challenge_method");
    let code = members[0].asks(&house, &browser, &bare).await.unwrap();
    assert_refused(&members[0].tokens(&house, &bare.redemption(&code), false).await, "invalid_grant");
    let mut plain = bare.redemption(&code);
    plain.retain(|(name, _)| *name != "code_verifier");
    assert_eq!(members[0].tokens(&house, &plain, false).await.0, 200);
}

/// The rows "assertion `aud`" and "signing", of what a client proves who it is with.
#[tokio::test]
async fn an_assertion_counts_that_is_for_whom_its_policy_wants() {
    const NO: &str = "invalid_client";
    let (house, _, members) = house().await;
    let (issuer, token) = (house.issuer.clone(), format!("{}/token", house.issuer));
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    for (at, member) in members.iter().enumerate() {
        let policy = member.policy;
        for (row, party, aud, cells) in [
            ("the issuer, ES256", &member.es256, json!(issuer), [YES, YES, YES]),
            ("the issuer, PS256", &member.ps256, json!(issuer), [YES, YES, YES]),
            ("the issuer, RS256", &member.rs256, json!(issuer), [YES, YES, NO]),
            ("the token endpoint", &member.es256, json!(token), [YES, YES, NO]),
            ("a list", &member.es256, json!([issuer]), [YES, YES, NO]),
            ("somebody else", &member.es256, json!("https://other.example"), [NO, NO, NO]),
        ] {
            let mut claims = assertion_claims(&house, policy);
            claims["aud"] = aud;
            let assertion = party.sign(&json!({"alg": party.alg, "kid": party.alg}), &claims);
            let (_, body) = sent(with_assertion(&house, "/token", &form, &assertion)).await;
            // Who is let in hears what is wrong with the rest.
            let past = if policy == "fapi2" { "invalid_dpop_proof" } else { "invalid_grant" };
            let error = body["error"].as_str().unwrap();
            let came = if error == past { Ok(()) } else { Err(error.to_owned()) };
            assert_cell(row, policy, came, cells[at]);
        }
    }
}

/// The rows "tokens", "signing" where nothing is said of it, and "`amr`".
#[tokio::test]
async fn tokens_are_given_in_the_form_that_a_policy_wants() {
    let (house, browser, members) = house().await;
    for (at, member) in members.iter().enumerate() {
        let policy = member.policy;
        let ask = member.ask().with("claims", r#"{"id_token":{"amr":null}}"#);
        let bearer = member.redeems(&house, &browser, &ask, false).await;
        if policy == "fapi2" {
            assert_refused(&bearer, "invalid_dpop_proof");
        } else {
            assert_eq!((bearer.0, &bearer.1["token_type"]), (200, &json!("Bearer")), "{policy}");
        }
        let (status, body) = member.redeems(&house, &browser, &ask, true).await;
        assert_eq!((status, &body["token_type"]), (200, &json!("DPoP")), "{policy}: {body}");
        let tokens = portal::tokens(body);
        let usual = ["RS256", "RS256", "PS256"][at];
        assert_eq!(header(tokens.text("id_token"))["alg"], usual, "{policy}");
        assert_eq!(tokens.claims.get("amr").is_some(), policy == "basic", "{policy}");
        // It signs for who it is, so its refresh token is bound to that and stays.
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.text("refresh_token"))];
        for _ in 0..2 {
            let (status, body) = member.tokens(&house, &refresh, true).await;
            assert_eq!((status, body.get("refresh_token")), (200, None), "{policy}: {body}");
        }
    }
    // A client of `basic` with a secret, and an app of `nlgov` without one: theirs rotate.
    for client in [THE_PORTAL, APP] {
        let tokens = client.sign_on(&house, &browser, "openid").await;
        let (status, body) = client.refresh(&house, tokens.text("refresh_token")).await;
        assert_eq!(status, 200, "{body}");
        assert!(body["refresh_token"].as_str().is_some_and(|next| next != tokens.text("refresh_token")));
    }
    assert!(!house.log().contains(SECRET));
}
