//! Answers in a signed token (JWT Secured Authorization Response Mode for OAuth 2.0, JARM; FAPI 2.0 Message Signing, section 5.4).

use std::collections::BTreeSet;

use namens::{domain::jwk::JwkSet, oidc::jwt::Unverified};
use serde_json::{Value, json};

use crate::{
    browser::{Browser, Page},
    house::{CALLBACK, House, PASSWORD},
    mandates_desk::now,
    oidc_client::{
        APP, Ask, CLIENTS, Client, KEYED, LAB, THE_PORTAL, answer, assert_error, header, house, logged_in,
    },
};

/// What a signed answer says, after its signature, and the times and names around it. Nothing stands beside it.
pub async fn opened(house: &House, ask: &Ask, said: &Value) -> Value {
    let said = said.as_object().unwrap();
    assert_eq!(said.keys().collect::<Vec<_>>(), ["response"]);
    let token = said["response"].as_str().unwrap();
    let keys = reqwest::get(format!("{}/jwks", house.issuer)).await.unwrap().text().await.unwrap();
    let keys: JwkSet = serde_json::from_str(&keys).unwrap();
    let read = Unverified::read(token, |_| true, &["jwt"]).unwrap();
    let mut told: Value = read.verified_by(&keys).unwrap();
    let exp = told.as_object_mut().unwrap().remove("exp").unwrap().as_i64().unwrap();
    assert!(exp <= now().epoch() + 600);
    assert_eq!((&told["iss"], &told["aud"]), (&json!(house.issuer), &json!(ask.get("client_id"))));
    assert_eq!(told["state"], ask.get("state"));
    told
}

pub fn in_query(page: &Page, ask: &Ask) -> Value {
    let place = page.location().unwrap();
    assert!(place.as_str().starts_with(&format!("{}?response=", ask.get("redirect_uri"))), "{place}");
    Value::Object(answer(page))
}

fn in_form(page: &Page, ask: &Ask) -> Value {
    let (action, fields) = page.form("form-post");
    assert_eq!(action, ask.get("redirect_uri"));
    json!(fields)
}

fn names(told: &Value) -> Vec<&str> {
    told.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn an_answer_comes_signed_in_every_mode_and_algorithm() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let mut algs = BTreeSet::new();
    for client in [THE_PORTAL, LAB, APP, KEYED] {
        for mode in ["jwt", "query.jwt", "form_post.jwt"] {
            let ask = client.ask().with("response_mode", mode);
            let page = browser.get(&ask.url(&house)).await;
            let said = if mode == "form_post.jwt" { in_form(&page, &ask) } else { in_query(&page, &ask) };
            let told = opened(&house, &ask, &said).await;
            assert_eq!(names(&told), ["aud", "code", "iss", "state"], "{mode}");
            let tokens = client.redeem(&house, &ask, told["code"].as_str().unwrap()).await;
            let [one, other] = [said["response"].as_str().unwrap(), tokens.text("id_token")].map(header);
            assert_eq!(one["alg"], other["alg"], "as its ID tokens");
            algs.insert(one["alg"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(algs, ["EdDSA", "ES256", "PS256", "RS256"].map(str::to_owned).into());
    // The twin: who asks for none gets none.
    let ask = THE_PORTAL.ask().with("response_mode", "query");
    assert!(answer(&browser.get(&ask.url(&house)).await).contains_key("code"));
}

#[tokio::test]
async fn errors_come_signed_too_and_so_does_the_end_of_a_login() {
    let house = house().await;
    let browser = Browser::new();
    let asked = |mode: &str| THE_PORTAL.ask().with("response_mode", mode);
    for (name, value, error) in [
        ("prompt", "none", "login_required"),
        ("scope", "email", "invalid_scope"),
        ("response_type", "token", "unsupported_response_type"),
        ("request", "e30.e30.", "invalid_request_object"),
    ] {
        let ask = asked("jwt").with(name, value);
        let said = in_query(&browser.get(&ask.url(&house)).await, &ask);
        let told = opened(&house, &ask, &said).await;
        assert_eq!(told["error"], error);
        assert_eq!(names(&told), ["aud", "error", "error_description", "iss", "state"]);
        let ask = asked("form_post.jwt").with(name, value);
        let said = in_form(&browser.get(&ask.url(&house)).await, &ask);
        assert_eq!(opened(&house, &ask, &said).await["error"], error);
    }
    // A whole login, and one that is stopped.
    let ask = asked("query.jwt");
    let choose = browser.visit(&ask.url(&house), CALLBACK).await;
    let form = browser.get(&format!("{}/register", choose.url)).await;
    let typed = [("email", "jansen@voorbeeld.nl"), ("password", PASSWORD)];
    let sent = browser.submit(&form, "register-form", &typed).await;
    let page = browser.follow(sent, CALLBACK).await;
    let code = house.code("jansen@voorbeeld.nl", 1);
    let done = browser.submit(&page, "code-form", &[("code", &code)]).await;
    let told = opened(&house, &ask, &in_query(&done, &ask)).await;
    THE_PORTAL.redeem(&house, &ask, told["code"].as_str().unwrap()).await;
    let stranger = Browser::new();
    let choose = stranger.visit(&ask.url(&house), CALLBACK).await;
    let stopped = stranger.submit(&choose, "stop-form", &[]).await;
    assert_eq!(opened(&house, &ask, &in_query(&stopped, &ask)).await["error"], "access_denied");
    // What is not announced, or said twice, is told plainly.
    for mode in ["fragment.jwt", "JWT", "jwt.jwt", "query.jwt form_post"] {
        let ask = asked(mode);
        assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "invalid_request");
    }
    let twice = asked("jwt").and("response_mode", "jwt");
    assert_error(&house, &browser.get(&twice.url(&house)).await, &twice, "invalid_request");
    assert!(!house.log().contains(&code));
}

#[tokio::test]
async fn a_client_may_have_another_algorithm_for_answers_than_for_id_tokens() {
    const OTHER: Client = Client { id: "other", ..KEYED };
    let table = CLIENTS.split("[[client]]").find(|table| table.contains("\"keyed\"")).unwrap();
    let table = table.replace("id = \"keyed\"", "id = \"other\"");
    let tables = format!("[[client]]{table}authorization_signed_response_alg = \"ES256\"\n");
    let house = House::with(tables).await;
    let (browser, _) = logged_in(&house).await;
    let ask = OTHER.ask().with("response_mode", "jwt");
    let said = in_query(&browser.get(&ask.url(&house)).await, &ask);
    let told = opened(&house, &ask, &said).await;
    let tokens = OTHER.redeem(&house, &ask, told["code"].as_str().unwrap()).await;
    let algs = [said["response"].as_str().unwrap(), tokens.text("id_token")].map(header);
    assert_eq!((&algs[0]["alg"], &algs[1]["alg"]), (&json!("ES256"), &json!("EdDSA")));
    // A12: such an answer is neither a hint nor a token.
    let response = said["response"].as_str().unwrap();
    assert_eq!(crate::oidc_client::userinfo(&house, response).await.0, 401);
    let page = browser.get(&format!("{}/logout?id_token_hint={response}", house.issuer)).await;
    assert_eq!(page.heading(), "Wilt u uitloggen?");
}
