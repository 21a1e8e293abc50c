//! A client that lives by FAPI 2.0, from its first request to its user's sign-out, and every step with a weaker one beside it
//! that is refused.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    house::{CALLBACK, House},
    jose::{ASSERTION_TYPE, Key, assertion_claims, proof_claims},
    oidc_client::{
        APP, Ask, Auth, CLIENTS, Client, KEYED, answer, assert_error, assert_refused, claims, header,
        logged_in,
    },
    portal::{self, code_of},
};

/// The client; it signs PS256 with a key of its own.
pub const FAPI: Client = Client { id: "fapi", auth: Auth::Key, callback: "http://127.0.0.1:9/callback/fapi" };
pub const TABLE: &str = r#"
[[client]]
id = "fapi"
name = "Fapi"
policy = "fapi2"
redirect_uris = ["http://127.0.0.1:9/callback/fapi"]
post_logout_redirect_uris = ["http://127.0.0.1:9/bye/fapi"]
auth = "private_key_jwt"
jwks = "fapi.jwks"
scopes = ["openid", "email"]
id_token_alg = "PS256"
"#;

/// An RSA key, which can sign in two ways.
pub struct Rsa(KeyPair);

impl Rsa {
    pub fn new() -> Self {
        Self(KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    /// Its public half, as a set of keys.
    pub fn set(&self) -> Value {
        let public = self.0.public_key();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let n = part(public.modulus().big_endian_without_leading_zero());
        let e = part(public.exponent().big_endian_without_leading_zero());
        json!({"keys": [{"kty": "RSA", "kid": "r", "n": n, "e": e}]})
    }

    /// A token of these claims.
    pub fn sign(&self, alg: &str, claims: &Value) -> String {
        self.sign_headed(&json!({"alg": alg, "kid": "r"}), claims)
    }

    /// A token with that header, honestly signed by the algorithm that it names.
    pub fn sign_headed(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let pss = header["alg"] == "PS256";
        let how: &'static dyn RsaEncoding = if pss { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(how, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The client at work: its keys, and the last nonce that it got.
pub struct Fapi {
    pub house: House,
    pub signer: Rsa,
    pub key: Key,
    nonce: String,
}

/// An answer: its status and its body. The nonce stays with the client.
pub type Answer = (u16, Value);

impl Fapi {
    async fn start() -> Self {
        Self::start_with(TABLE).await
    }

    /// With another registration, and other clients beside it.
    pub async fn start_with(table: &str) -> Self {
        let signer = Rsa::new();
        let mut house = House::with(format!("{CLIENTS}# fapi here")).await;
        std::fs::write(house.folder.join("fapi.jwks"), signer.set().to_string()).unwrap();
        house.reconfigure("# fapi here", table);
        Self { house, signer, key: Key::new(), nonce: String::new() }
    }

    fn claims(&self) -> Value {
        assertion_claims(&self.house, FAPI.id)
    }

    /// A form with an assertion of these claims.
    fn form(&self, path: &str, form: &[(&str, &str)], alg: &str, claims: &Value) -> RequestBuilder {
        let assertion = self.signer.sign(alg, claims);
        let mut form = form.to_vec();
        form.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion)]);
        reqwest::Client::new().post(format!("{}{path}", self.house.issuer)).form(&form)
    }

    /// The same as it should be.
    pub fn post(&self, path: &str, form: &[(&str, &str)]) -> RequestBuilder {
        self.form(path, form, "PS256", &self.claims())
    }

    /// Sends it, and keeps the nonce that comes back.
    pub async fn send(&mut self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        if let Some(nonce) = answer.headers().get("dpop-nonce") {
            nonce.to_str().unwrap().clone_into(&mut self.nonce);
        }
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// A proof with the last nonce.
    pub fn proof(&self, key: &Key, method: &str, path: &str, token: Option<&str>) -> String {
        let mut claims = proof_claims(&self.house, method, path, token);
        if !self.nonce.is_empty() {
            claims["nonce"] = json!(self.nonce);
        }
        key.proof_of(&claims)
    }

    /// A form with a good proof, told the nonce first where it must be.
    pub async fn proven(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        if self.nonce.is_empty() {
            let first = self.post(path, form).header("dpop", self.proof(&self.key, "POST", path, None));
            assert_refused(&self.send(first).await, "use_dpop_nonce");
        }
        let request = self.post(path, form).header("dpop", self.proof(&self.key, "POST", path, None));
        self.send(request).await
    }

    /// Pushes a request.
    pub async fn push(&mut self, ask: &Ask) -> Answer {
        let request = self.post("/par", &pairs(ask));
        self.send(request).await
    }
}

pub fn pairs(ask: &Ask) -> Vec<(&str, &str)> {
    ask.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// What the browser brings of a request that was pushed.
pub fn handle(ask: &Ask, (status, pushed): &Answer) -> Ask {
    assert_eq!(*status, 201, "{pushed}");
    let lives = pushed["expires_in"].as_i64().unwrap();
    assert!((1..600).contains(&lives));
    let empty = Ask { parameters: Vec::new(), ..ask.clone() };
    empty.with("client_id", ask.get("client_id")).with("request_uri", pushed["request_uri"].as_str().unwrap())
}

/// A weaker beginning: a client that proves less of who it is, and a request that asks for less.
async fn refuses_what_is_weaker(fapi: &mut Fapi, browser: &Browser, ask: &Ask) {
    let with = |name: &str, value: Value| {
        let mut claims = fapi.claims();
        claims[name] = value;
        claims
    };
    let issuer = &fapi.house.issuer;
    for (what, alg, claims) in [
        ("RS256", "RS256", fapi.claims()),
        ("the endpoint as audience", "PS256", with("aud", json!(format!("{issuer}/par")))),
        ("the token endpoint as audience", "PS256", with("aud", json!(format!("{issuer}/token")))),
        ("a list as audience", "PS256", with("aud", json!([issuer]))),
        ("no jti", "PS256", with("jti", Value::Null)),
    ] {
        let answer = fapi.form("/par", &pairs(ask), alg, &claims).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{what}");
    }
    for (bad, error) in [
        (ask.clone().without("code_challenge"), "invalid_request"),
        (ask.clone().with("code_challenge_method", "plain"), "invalid_request"),
        (ask.clone().with("response_type", "token"), "unsupported_response_type"),
        (ask.clone().with("redirect_uri", CALLBACK), "invalid_request"),
        (ask.clone().without("redirect_uri"), "invalid_request"),
    ] {
        assert_refused(&fapi.push(&bad).await, error);
    }
    let page = browser.get(&ask.url(&fapi.house)).await;
    assert_error(&fapi.house, &page, ask, "invalid_request");
}

#[tokio::test]
async fn a_whole_login_by_fapi_from_push_to_sign_out() {
    let mut fapi = Fapi::start().await;
    let browser = Browser::new();
    portal::register(&fapi.house, &browser, "jansen@voorbeeld.nl").await;
    let (ask, issuer) = (FAPI.ask().with("scope", "openid email"), fapi.house.issuer.clone());
    refuses_what_is_weaker(&mut fapi, &browser, &ask).await;

    let pushed = fapi.push(&ask).await;
    let brought = handle(&ask, &pushed);
    let back = answer(&browser.get(&brought.url(&fapi.house)).await);
    assert_eq!((&back["iss"], &back["state"]), (&json!(issuer), &json!(ask.get("state"))));
    let code = back["code"].as_str().unwrap().to_owned();

    // Without a proof there are no tokens, and with one and no nonce neither.
    let redemption = ask.redemption(&code);
    let bare = fapi.post("/token", &redemption);
    assert_refused(&fapi.send(bare).await, "invalid_dpop_proof");
    let (status, body) = fapi.proven("/token", &redemption).await;
    assert_eq!((status, &body["token_type"]), (200, &json!("DPoP")), "{body}");
    let tokens = portal::tokens(body);
    assert_eq!(tokens.claims["iss"], json!(issuer));
    assert_eq!(header(tokens.text("id_token"))["alg"], "PS256");
    let (access, refresh) = (tokens.text("access_token").to_owned(), tokens.text("refresh_token").to_owned());
    assert!(tokens.body["expires_in"].as_i64().unwrap() <= 600);
    assert_eq!(claims(&access)["cnf"]["jkt"], json!(fapi.key.thumbprint()));

    // The token opens nothing without its key, and nothing in a query.
    let userinfo = format!("{issuer}/userinfo");
    let http = reqwest::Client::new();
    let bearer = http.get(&userinfo).bearer_auth(&access);
    assert_eq!(fapi.send(bearer).await.0, 401);
    let query = http.get(format!("{userinfo}?access_token={access}"));
    assert_eq!(fapi.send(query).await.0, 401);
    // Nor in a form, which is said to whom has the token (RFC 6750 section 3).
    let in_form = http.post(&userinfo).form(&[("access_token", &access)]).send().await.unwrap();
    let challenge = in_form.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert!(challenge.contains("error=\"invalid_request\""), "{challenge}");
    assert_refused(&(in_form.status().as_u16(), in_form.json().await.unwrap()), "invalid_request");
    let shown = |proof: String| {
        http.get(&userinfo).header("authorization", format!("DPoP {access}")).header("dpop", proof)
    };
    let thief = shown(fapi.proof(&Key::new(), "GET", "/userinfo", Some(&access)));
    assert_eq!(fapi.send(thief).await.0, 401);
    let owner = shown(fapi.proof(&fapi.key, "GET", "/userinfo", Some(&access)));
    let (status, told) = fapi.send(owner).await;
    assert_eq!((status, &told["email"]), (200, &json!("jansen@voorbeeld.nl")));

    // Refresh tokens do not rotate, and want a proof too.
    let refreshing = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let bare = fapi.post("/token", &refreshing);
    assert_refused(&fapi.send(bare).await, "invalid_dpop_proof");
    for _ in 0..2 {
        let (status, body) = fapi.proven("/token", &refreshing).await;
        assert_eq!((status, body.get("refresh_token")), (200, None), "{body}");
    }
    // The code again: refused, and what came of it ends.
    assert_refused(&fapi.proven("/token", &redemption).await, "invalid_grant");
    assert_refused(&fapi.proven("/token", &refreshing).await, "invalid_grant");

    let bye = "http://127.0.0.1:9/bye/fapi";
    let hint = tokens.text("id_token");
    let out = format!("{issuer}/logout?id_token_hint={hint}&post_logout_redirect_uri={bye}&state=s");
    let page = browser.get(&out).await;
    assert_eq!(page.location().unwrap().as_str(), format!("{bye}?state=s"));
}

/// RFC 9449 section 10.1: a proof with the pushed request binds the code, as `dpop_jkt` does; both must say the same.
#[tokio::test]
async fn a3_a_proof_with_a_pushed_request_binds_the_code_to_its_key() {
    let mut fapi = Fapi::start().await;
    let (browser, _) = logged_in(&fapi.house).await;
    let ask = FAPI.ask();
    let both = ask.clone().with("dpop_jkt", &fapi.key.thumbprint());
    for ask in [ask.clone(), both] {
        let pushed = fapi.proven("/par", &pairs(&ask)).await;
        let code = code_of(&browser.get(&handle(&ask, &pushed).url(&fapi.house)).await);
        let redemption = ask.redemption(&code);
        let stolen =
            fapi.post("/token", &redemption).header("dpop", fapi.proof(&Key::new(), "POST", "/token", None));
        assert_refused(&fapi.send(stolen).await, "invalid_grant");
        assert_eq!(fapi.proven("/token", &redemption).await.0, 200);
    }
    let other = ask.clone().with("dpop_jkt", &Key::new().thumbprint());
    assert_refused(&fapi.proven("/par", &pairs(&other)).await, "invalid_dpop_proof");
    // A proof that is spoilt, for another endpoint, or used before.
    let elsewhere =
        fapi.post("/par", &pairs(&ask)).header("dpop", fapi.proof(&fapi.key, "POST", "/token", None));
    assert_refused(&fapi.send(elsewhere).await, "invalid_dpop_proof");
    let proof = fapi.proof(&fapi.key, "POST", "/par", None);
    let first = fapi.post("/par", &pairs(&ask)).header("dpop", &proof);
    assert_eq!(fapi.send(first).await.0, 201);
    let again = fapi.post("/par", &pairs(&ask)).header("dpop", &proof);
    assert_refused(&fapi.send(again).await, "invalid_dpop_proof");
    let two = fapi.post("/par", &pairs(&ask)).header("dpop", "x").header("dpop", "x");
    assert_refused(&fapi.send(two).await, "invalid_dpop_proof");

    // Other policies may do without a nonce; the code of a public client is bound too.
    let house = &fapi.house;
    for client in [APP, KEYED] {
        let (ask, key) = (client.ask(), Key::new());
        let proof = |path: &str| key.proof(house, "POST", path, None);
        let form = ask.clone().without("client_id");
        let request = client.post(house, "/par", &pairs(&form)).header("dpop", proof("/par"));
        let pushed = request.send().await.unwrap();
        assert!(pushed.headers().contains_key("dpop-nonce"));
        let pushed = (pushed.status().as_u16(), pushed.json().await.unwrap());
        let code = code_of(&browser.get(&handle(&ask, &pushed).url(house)).await);
        assert_refused(&client.token(house, &ask.redemption(&code)).await, "invalid_grant");
        let good = client.post(house, "/token", &ask.redemption(&code)).header("dpop", proof("/token"));
        assert_eq!(good.send().await.unwrap().status(), 200);
    }
}
