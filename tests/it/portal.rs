//! The tests' own relying party: it asks, reads the redirect instead of following it, and redeems codes.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use namens::domain::id::random;
use serde_json::Value;
use url::Url;

use crate::{
    browser::{Browser, Page},
    house::{CALLBACK, House, PASSWORD, PORTAL, SECRET},
};

/// One authorization request and what is needed to redeem its answer.
pub struct Request {
    /// Where to send the browser.
    pub url: String,
    /// The PKCE verifier.
    pub verifier: String,
    /// What must come back.
    pub state: String,
}

/// What the token endpoint gave.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The whole answer.
    pub body: Value,
    /// The ID token's claims, not verified here.
    pub claims: Value,
}

impl Tokens {
    /// A text of the answer.
    pub fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    /// The ID token's `sub`.
    pub fn sub(&self) -> &str {
        self.claims["sub"].as_str().unwrap()
    }

    /// The ID token's `acr`.
    pub fn acr(&self) -> &str {
        self.claims["acr"].as_str().unwrap()
    }
}

/// A request of the portal, with further parameters.
pub fn request(house: &House, more: &[(&str, &str)]) -> Request {
    let (verifier, state) = (random::<32>(), random::<16>());
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    let challenge = URL_SAFE_NO_PAD.encode(hash.as_ref());
    let mut url = Url::parse(&format!("{}/authorize", house.issuer)).unwrap();
    url.query_pairs_mut()
        .append_pair("client_id", PORTAL)
        .append_pair("redirect_uri", CALLBACK)
        .append_pair("response_type", "code")
        .append_pair("scope", "openid email act_as")
        .append_pair("nonce", "n-0S6_WzA2Mj")
        .append_pair("state", &state)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256")
        .extend_pairs(more);
    Request { url: url.into(), verifier, state }
}

/// The code on the way back to the portal.
pub fn code_of(page: &Page) -> String {
    let location =
        page.location().unwrap_or_else(|| panic!("no redirect but {}: {}", page.status, page.heading()));
    assert!(location.as_str().starts_with(CALLBACK), "{location}");
    let value = |name: &str| location.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned());
    value("code").unwrap_or_else(|| panic!("no code in {location}"))
}

/// Posts a form to the token endpoint as the portal.
pub async fn token(house: &House, form: &[(&str, &str)]) -> (u16, Value) {
    let request = reqwest::Client::new().post(format!("{}/token", house.issuer));
    let answer = request.basic_auth(PORTAL, Some(form_encoded(SECRET))).form(form).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The portal's secret as it stands in a header (RFC 6749 section 2.3.1).
pub fn form_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Redeems a code.
pub async fn redeem(house: &House, request: &Request, code: &str) -> Tokens {
    let (status, body) = token(
        house,
        &[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", &request.verifier),
        ],
    )
    .await;
    assert_eq!(status, 200, "{body}");
    tokens(body)
}

/// Reads the answer of the token endpoint.
pub fn tokens(body: Value) -> Tokens {
    let claims = body["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    Tokens { body, claims }
}

/// Makes an account by the pages and gives its first tokens.
pub async fn register(house: &House, browser: &Browser, email: &str) -> Tokens {
    let request = request(house, &[]);
    let choose = browser.visit(&request.url, CALLBACK).await;
    let form = browser.get(&format!("{}/register", choose.url)).await;
    let sent = browser.submit(&form, "register-form", &[("email", email), ("password", PASSWORD)]).await;
    let page = browser.follow(sent, CALLBACK).await;
    let code = house.code(email, 1);
    let done = browser.submit(&page, "code-form", &[("code", &code)]).await;
    redeem(house, &request, &code_of(&done)).await
}

/// As far as the page that asks for the mailed code, with the right password.
pub async fn enter_password(browser: &Browser, request: &Request, email: &str, password: &str) -> Page {
    let choose = browser.visit(&request.url, CALLBACK).await;
    let form = browser.get(&format!("{}/email", choose.url)).await;
    let sent = browser.submit(&form, "email-form", &[("email", email), ("password", password)]).await;
    browser.follow(sent, CALLBACK).await
}

/// Logs in with password and mailed code; `mails` is how many mails the address will have had by then.
pub async fn log_in(house: &House, browser: &Browser, email: &str, mails: usize) -> Tokens {
    let request = request(house, &[("prompt", "login")]);
    let page = enter_password(browser, &request, email, PASSWORD).await;
    let done = browser.submit(&page, "code-form", &[("code", &house.code(email, mails))]).await;
    redeem(house, &request, &code_of(&done)).await
}

/// From the choice to DigiD's own page.
pub async fn to_digid(browser: &Browser, request: &Request) -> Page {
    let choose = browser.visit(&request.url, CALLBACK).await;
    press_digid(browser, &choose).await
}

/// From the page with the choice to DigiD's own.
pub async fn press_digid(browser: &Browser, choose: &Page) -> Page {
    press(browser, choose, "digid-form").await
}

/// The same by a form of choice, also where a form of ours carries the request there.
pub async fn press(browser: &Browser, choose: &Page, form: &str) -> Page {
    let sent = browser.submit(choose, form, &[]).await;
    let mut page = browser.follow(sent, CALLBACK).await;
    if page.body.contains("name=\"SAMLRequest\"") {
        let sent = browser.submit(&page, "digid-form", &[]).await;
        page = browser.follow(sent, CALLBACK).await;
    }
    page
}

/// Logs in at DigiD's page, with further fields, and comes back to Namens.
pub async fn at_digid(browser: &Browser, page: &Page, bsn: &str, more: &[(&str, &str)]) -> Page {
    let mut typed = vec![("bsn", bsn), ("level", "Midden"), ("outcome", "login")];
    for (name, value) in more {
        typed.retain(|(n, _)| n != name);
        typed.push((name, value));
    }
    let sent = browser.submit(page, "digid", &typed).await;
    browser.follow(sent, CALLBACK).await
}
