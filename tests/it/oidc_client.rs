//! Relying parties of every kind, and requests that can be bent in every way.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use namens::domain::id::random;
use serde_json::{Map, Value, json};
use url::{Url, form_urlencoded};

use crate::{
    browser::{Browser, Page},
    house::{CALLBACK, House, PORTAL, SECRET},
    jose::{ASSERTION_TYPE, assertion},
    portal::{self, Tokens, code_of, form_encoded},
};

/// How a client proves who it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    Basic,
    Post,
    None,
    Key,
}

/// A registered client.
#[derive(Clone, Copy)]
pub struct Client {
    pub id: &'static str,
    pub auth: Auth,
    pub callback: &'static str,
}

/// The portal of the plain installation: Basic, RS256.
pub const THE_PORTAL: Client = Client { id: PORTAL, auth: Auth::Basic, callback: CALLBACK };
/// In another sector: the secret in the form, PS256, not entitled to know relations.
pub const LAB: Client = Client { id: "lab", auth: Auth::Post, callback: "http://127.0.0.1:9/callback/lab" };
/// A public client, ES256, in the portal's sector.
pub const APP: Client = Client { id: "app", auth: Auth::None, callback: "http://127.0.0.1:9/callback/app" };
/// Two with public subjects; the second may ask for nothing but `openid`.
pub const OPEN: Client =
    Client { id: "open", auth: Auth::Basic, callback: "http://127.0.0.1:9/callback/open" };
pub const BARE: Client =
    Client { id: "bare", auth: Auth::Basic, callback: "http://127.0.0.1:9/callback/bare" };
/// Nobody gets in below Substantieel.
pub const STRICT: Client =
    Client { id: "strict", auth: Auth::Basic, callback: "http://127.0.0.1:9/callback/strict" };

/// It proves who it is with a key, and lives by the Dutch profile.
pub const KEYED: Client =
    Client { id: "keyed", auth: Auth::Key, callback: "http://127.0.0.1:9/callback/keyed" };

/// The registrations of the clients above.
pub const CLIENTS: &str = r#"
[[client]]
id = "lab"
name = "Lab"
redirect_uris = ["http://127.0.0.1:9/callback/lab"]
post_logout_redirect_uris = ["http://127.0.0.1:9/lab/bye"]
policy = "basic"
auth = "client_secret_post"
secret = { file = "portal.secret" }
scopes = ["openid", "email", "act_as"]
sector = "lab.example"
id_token_alg = "PS256"
[[client]]
id = "app"
name = "App"
redirect_uris = ["http://127.0.0.1:9/callback/app"]
auth = "none"
scopes = ["openid", "act_as"]
id_token_alg = "ES256"
[[client]]
id = "open"
name = "Open"
redirect_uris = ["http://127.0.0.1:9/callback/open"]
policy = "basic"
auth = "client_secret_basic"
secret = { file = "portal.secret" }
scopes = ["openid", "email"]
public_subjects = true
[[client]]
id = "bare"
name = "Bare"
redirect_uris = ["http://127.0.0.1:9/callback/bare"]
policy = "basic"
auth = "client_secret_basic"
secret = { file = "portal.secret" }
scopes = ["openid"]
public_subjects = true
[[client]]
id = "strict"
name = "Strict"
redirect_uris = ["http://127.0.0.1:9/callback/strict"]
policy = "basic"
auth = "client_secret_basic"
secret = { file = "portal.secret" }
scopes = ["openid"]
minimum_level = "substantieel"
[[client]]
id = "keyed"
name = "Keyed"
redirect_uris = ["http://127.0.0.1:9/callback/keyed"]
auth = "private_key_jwt"
jwks = "keyed.jwks"
scopes = ["openid", "email", "act_as"]
id_token_alg = "EdDSA"
"#;

/// An installation with all of them.
pub async fn house() -> House {
    House::with(CLIENTS).await
}

/// A browser in which somebody has just logged in locally, and the tokens that the portal got for it.
pub async fn logged_in(house: &House) -> (Browser, Tokens) {
    let browser = Browser::new();
    let tokens = portal::register(house, &browser, "jansen@voorbeeld.nl").await;
    (browser, tokens)
}

/// An authorization request that can be bent.
#[derive(Clone)]
pub struct Ask {
    pub parameters: Vec<(String, String)>,
    pub verifier: String,
}

impl Ask {
    /// The same with one parameter set.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.and(name, value)
    }

    /// The same with one parameter more, also when it is there already.
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same without a parameter.
    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(n, _)| n != name);
        self
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> &str {
        self.parameters.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// The form that redeems a code that came of it.
    pub fn redemption<'a>(&'a self, code: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.get("redirect_uri")),
            ("code_verifier", &self.verifier),
        ]
    }

    /// The query.
    pub fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.parameters).finish()
    }

    /// Where to send the browser.
    pub fn url(&self, house: &House) -> String {
        format!("{}/authorize?{}", house.issuer, self.query())
    }
}

impl Client {
    /// A good request for everything that every client may ask for.
    pub fn ask(&self) -> Ask {
        let verifier = random::<32>();
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(hash.as_ref());
        let ask = Ask { parameters: Vec::new(), verifier };
        ask.with("client_id", self.id)
            .with("redirect_uri", self.callback)
            .with("response_type", "code")
            .with("scope", "openid")
            .with("nonce", "n-0S6_WzA2Mj")
            .with("state", &random::<16>())
            .with("code_challenge", &challenge)
            .with("code_challenge_method", "S256")
    }

    /// A code for a browser that is logged in.
    pub async fn code(&self, house: &House, browser: &Browser, ask: &Ask) -> String {
        code_of(&browser.get(&ask.url(house)).await)
    }

    /// Asks the token endpoint, and proves who it is as it should.
    pub async fn token(&self, house: &House, form: &[(&str, &str)]) -> (u16, Value) {
        let answer = self.post(house, "/token", form).send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store");
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// A request to an endpoint for clients, with the proof of who it is.
    pub fn post(&self, house: &House, path: &str, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let request = reqwest::Client::new().post(format!("{}{path}", house.issuer));
        let mut form = form.to_vec();
        let assertion = assertion(house, self.id);
        let request = match self.auth {
            Auth::Basic => request.basic_auth(self.id, Some(form_encoded(SECRET))),
            Auth::Post => {
                form.extend([("client_id", self.id), ("client_secret", SECRET)]);
                request
            }
            Auth::Key => {
                form.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion)]);
                request
            }
            Auth::None => {
                form.push(("client_id", self.id));
                request
            }
        };
        request.form(&form)
    }

    /// Asks what a token is worth.
    pub async fn introspect(&self, house: &House, token: &str) -> Value {
        let answer = self.post(house, "/introspect", &[("token", token)]).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["cache-control"]),
            (200, &"no-store".parse().unwrap())
        );
        answer.json().await.unwrap()
    }

    /// Gives a token back: nobody hears whether there was one.
    pub async fn revoke(&self, house: &House, form: &[(&str, &str)]) {
        let answer = self.post(house, "/revoke", form).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["cache-control"]),
            (200, &"no-store".parse().unwrap())
        );
        assert!(answer.bytes().await.unwrap().is_empty());
    }

    /// Redeems a code that must be good.
    pub async fn redeem(&self, house: &House, ask: &Ask, code: &str) -> Tokens {
        let (status, body) = self.token(house, &ask.redemption(code)).await;
        assert_eq!(status, 200, "{body}");
        portal::tokens(body)
    }

    /// Presents a refresh token.
    pub async fn refresh(&self, house: &House, token: &str) -> (u16, Value) {
        self.token(house, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Tokens for a browser that is logged in, by single sign-on.
    pub async fn sign_on(&self, house: &House, browser: &Browser, scope: &str) -> Tokens {
        let ask = self.ask().with("scope", scope);
        let code = self.code(house, browser, &ask).await;
        self.redeem(house, &ask, &code).await
    }
}

/// The parameters of a redirect's query.
pub fn answer(page: &Page) -> Map<String, Value> {
    let Some(location) = page.location() else {
        panic!("no redirect but {} {}: {}", page.status, page.heading(), page.url)
    };
    location.query_pairs().map(|(name, value)| (name.into_owned(), json!(value))).collect()
}

/// What a redirect with an error to the client must look like.
pub fn assert_error(house: &House, page: &Page, ask: &Ask, error: &str) {
    let told = answer(page);
    let location = page.location().unwrap();
    let case = format!("{location}");
    assert_eq!(page.status, 303, "{case}");
    assert!(location.as_str().starts_with(&format!("{}?", ask.get("redirect_uri"))), "{case}");
    assert_eq!(told["error"], error, "{case}");
    assert_eq!(told["iss"], house.issuer.as_str(), "{case}");
    assert!(told.get("code").is_none() && told["error_description"].as_str().is_some(), "{case}");
    let state = Some(ask.get("state")).filter(|state| !state.is_empty()).map(|state| json!(state));
    assert_eq!(told.get("state"), state.as_ref(), "{case}");
}

/// What a refusal by the token endpoint must look like.
pub fn assert_refused((status, body): &(u16, Value), error: &str) {
    let expected = if error == "invalid_client" { 401 } else { 400 };
    assert_eq!((*status, body["error"].as_str()), (expected, Some(error)), "{body}");
    assert!(body.get("access_token").is_none() && body["error_description"].is_string());
}

/// `GET /userinfo`: its status and its answer.
pub async fn userinfo(house: &House, access_token: &str) -> (u16, Value) {
    let request = reqwest::Client::new().get(format!("{}/userinfo", house.issuer));
    let response = request.bearer_auth(access_token).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

/// The header of a token.
pub fn header(token: &str) -> Value {
    part(token, 0)
}

/// The claims of a token, not verified.
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

fn part(token: &str, at: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap()).unwrap()
}

/// What a refresh by the portal gives, which must be good.
pub async fn refreshed(house: &House, tokens: &Tokens) -> Tokens {
    let (status, body) = THE_PORTAL.refresh(house, tokens.text("refresh_token")).await;
    assert_eq!(status, 200, "{body}");
    portal::tokens(body)
}

/// The origin and path of an address, without its query.
pub fn place(url: &Url) -> String {
    url.as_str().split('?').next().unwrap_or_default().to_owned()
}
