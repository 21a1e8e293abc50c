//! The way of a user who is logged in already: the portal's request, its code for tokens, and `UserInfo`.

use std::sync::Arc;

use reqwest::Client;
use url::Url;

use crate::{
    load::{AT_ONCE, Kind, cases, drive},
    process::form,
    stand::{CALLBACK, CLIENT, Stand},
};

const CODE: Kind = Kind {
    name: "code flow with a session",
    signatures: 2.0,
    bare: &["w1", "w3-s-s", "v"],
    words: "the same three requests: a write, three writes in a transaction and two signatures, a verification",
};

/// The verifier of RFC 7636, appendix B, and its challenge.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A browser with a session.
struct Browser {
    issuer: String,
    cookie: String,
}

pub async fn measure() {
    for (number, case) in (1..).zip(cases()) {
        let stand = Stand::new("code", case.alg, case.bits, 10 + number).await;
        let mut browsers = Vec::new();
        for number in 0..AT_ONCE {
            let (_, cookie) = stand.session(number).await;
            browsers.push(Arc::new(Browser { issuer: stand.issuer.clone(), cookie }));
        }
        let step = |http: Client, browser: Arc<Browser>| async move {
            browser.ask(&http).await;
            browser
        };
        CODE.measure(case, &stand, async move |server| drive(server, browsers, step).await).await;
    }
}

impl Browser {
    async fn ask(&self, http: &Client) {
        let query = "response_type=code&scope=openid%20act_as&state=s&nonce=n&code_challenge_method=S256";
        let ask = format!(
            "{}/authorize?client_id={CLIENT}&redirect_uri={CALLBACK}&{query}&code_challenge={CHALLENGE}",
            self.issuer
        );
        let answer = http.get(ask).header("cookie", &self.cookie).send().await.unwrap();
        let location = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
        let code = location.query_pairs().find(|(name, _)| name == "code");
        let (_, code) = code.unwrap_or_else(|| panic!("no code: {location}"));
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT),
            ("redirect_uri", CALLBACK),
            ("code", &code),
            ("code_verifier", VERIFIER),
        ];
        let answer = form(http.post(format!("{}/token", self.issuer)), &fields).send().await.unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert!(answer["id_token"].is_string(), "{answer}");
        let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}"));
        let answer = http.get(format!("{}/userinfo", self.issuer)).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
        let _ = answer.bytes().await.unwrap();
    }
}
