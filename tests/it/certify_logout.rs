//! What the OpenID Foundation's plans for RP-Initiated Logout OP and Back-Channel Logout OP ask, module by module
//! (docs/conformance.md).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use crate::{
    browser::{Browser, Page},
    house::House,
    jose::KEY,
    oidc_client::{THE_PORTAL, assert_error, claims, header},
    portal::register,
};

const BYE: &str = "http://127.0.0.1:9/bye";

/// Where a sign-out leads.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ends {
    /// Back to the portal, at this address.
    Back(&'static str),
    /// With a page that says that the user is out.
    Out,
    /// With a question; whoever says yes is out, and goes nowhere.
    Asked,
}

fn assert_page(page: &Page, heading: &str, case: &str) {
    assert_eq!((page.status.as_u16(), page.heading().as_str()), (200, heading), "{case}");
    assert!(page.location().is_none(), "{case}");
}

/// oidcc-rp-initiated-logout and the nine modules that bend it.
#[tokio::test]
async fn each_way_to_sign_out_ends_as_the_plan_says_and_the_session_is_over() {
    let house = House::start().await;
    let with_state = "http://127.0.0.1:9/bye?state=s";
    let cases = [
        ("all", "own", BYE, "s", Ends::Back(with_state)),
        ("no-state", "own", BYE, "", Ends::Back(BYE)),
        ("bad-post-logout-redirect-uri", "own", "http://127.0.0.1:9/other", "s", Ends::Asked),
        (
            "query-added-to-post-logout-redirect-uri",
            "own",
            "http://127.0.0.1:9/bye?foo=bar",
            "s",
            Ends::Asked,
        ),
        ("modified-id-token-hint", "none", BYE, "s", Ends::Asked),
        ("bad-id-token-hint", "stranger", BYE, "s", Ends::Asked),
        ("no-id-token-hint", "", BYE, "s", Ends::Asked),
        ("no-params", "", "", "", Ends::Asked),
        ("only-state", "", "", "s", Ends::Asked),
        ("no-post-logout-redirect-uri", "own", "", "s", Ends::Out),
    ];
    for (number, (case, hint, back, state, ends)) in cases.into_iter().enumerate() {
        let browser = Browser::new();
        let tokens = register(&house, &browser, &format!("anna{number}@voorbeeld.nl")).await;
        let own = tokens.text("id_token");
        let hint = match hint {
            "none" => {
                let head = URL_SAFE_NO_PAD.encode(json!({"alg": "none"}).to_string());
                format!("{head}.{}.", own.split('.').nth(1).unwrap())
            }
            "stranger" => KEY.sign(&json!({"alg": "ES256", "kid": header(own)["kid"]}), &claims(own)),
            "own" => own.to_owned(),
            _ => String::new(),
        };
        let mut url = url::Url::parse(&format!("{}/logout", house.issuer)).unwrap();
        let asked = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", back), ("state", state)];
        url.query_pairs_mut().extend_pairs(asked.iter().filter(|(_, value)| !value.is_empty()));
        let page = browser.get(url.as_str()).await;
        match ends {
            Ends::Back(to) => assert_eq!(page.location().unwrap().as_str(), to, "{case}"),
            Ends::Out => assert_page(&page, "U bent uitgelogd.", case),
            Ends::Asked => {
                assert_page(&page, "Wilt u uitloggen?", case);
                let done = browser.submit(&page, "logout-form", &[]).await;
                assert_page(&browser.follow(done, BYE).await, "U bent uitgelogd.", case);
            }
        }
        let silent = THE_PORTAL.ask().with("prompt", "none");
        assert_error(&house, &browser.get(&silent.url(&house)).await, &silent, "login_required");
    }
}
