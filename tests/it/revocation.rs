//! Giving tokens back (RFC 7009).

use serde_json::Value;

use crate::{
    house::House,
    oidc_client::{APP, Client, KEYED, LAB, OPEN, THE_PORTAL, assert_refused, house, logged_in, userinfo},
    portal::Tokens,
};

/// Whether the family still gives anything. A refresh that works rotates, so it comes last.
async fn lives(house: &House, client: &Client, tokens: &Tokens) -> bool {
    let asked = userinfo(house, tokens.text("access_token")).await.0 == 200;
    let (status, body) = client.refresh(house, tokens.text("refresh_token")).await;
    assert_eq!(asked, status == 200, "both or neither: {body}");
    asked
}

#[tokio::test]
async fn either_token_ends_its_whole_family_and_no_other() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    for client in [THE_PORTAL, LAB, KEYED, APP] {
        for (name, hint) in [
            ("access_token", None),
            ("refresh_token", None),
            // Only a hint: wrong or unknown, it changes nothing.
            ("access_token", Some("refresh_token")),
            ("refresh_token", Some("access_token")),
            ("refresh_token", Some("saml2_assertion")),
        ] {
            let tokens = client.sign_on(&house, &browser, "openid").await;
            let other = client.sign_on(&house, &browser, "openid").await;
            let mut form = vec![("token", tokens.text(name))];
            form.extend(hint.map(|hint| ("token_type_hint", hint)));
            client.revoke(&house, &form).await;
            assert!(!lives(&house, &client, &tokens).await, "{} {name} {hint:?}", client.id);
            assert!(lives(&house, &client, &other).await, "{} {name} {hint:?}", client.id);
            // What has ended ends no second time, and there is no more to be heard of it.
            client.revoke(&house, &form).await;
        }
    }
    let lines =
        house.query("SELECT detail FROM audit WHERE event = 'grant.revoked' AND outcome = 'client.revoked'");
    assert_eq!(lines.len(), 20, "a line each, and one only");
}

#[tokio::test]
async fn a_used_refresh_token_ends_its_family_too() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let first = THE_PORTAL.sign_on(&house, &browser, "openid").await;
    let (_, body) = THE_PORTAL.refresh(&house, first.text("refresh_token")).await;
    let second = crate::portal::tokens(body);
    // The answer with the newer one may have got lost.
    THE_PORTAL.revoke(&house, &[("token", first.text("refresh_token"))]).await;
    assert!(!lives(&house, &THE_PORTAL, &second).await);
}

#[tokio::test]
async fn what_is_unknown_or_anothers_hears_the_same_and_stays_as_it_was() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let tokens = THE_PORTAL.sign_on(&house, &browser, "openid").await;
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    let (head, _) = access.rsplit_once('.').unwrap();
    for thief in [LAB, OPEN, KEYED, APP] {
        for token in [access, refresh] {
            thief.revoke(&house, &[("token", token)]).await;
        }
    }
    let mut forged = refresh.to_owned();
    forged.replace_range("nms_rt_".len().."nms_rt_".len() + 22, "AAAAAAAAAAAAAAAAAAAAAA");
    for token in ["x", "..", &forged, &format!("{head}.AAAA"), tokens.text("id_token"), "nms_ac_x"] {
        THE_PORTAL.revoke(&house, &[("token", token)]).await;
    }
    assert!(lives(&house, &THE_PORTAL, &tokens).await);
    assert!(house.query("SELECT outcome FROM audit WHERE event = 'grant.revoked'").is_empty());
}

#[tokio::test]
async fn only_a_client_that_proves_who_it_is_ends_anything() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let tokens = THE_PORTAL.sign_on(&house, &browser, "openid").await;
    let token = ("token", tokens.text("access_token"));
    let url = format!("{}/revoke", house.issuer);
    let http = reqwest::Client::new();
    let told = async |request: reqwest::RequestBuilder| {
        let answer = request.send().await.unwrap();
        let challenged = answer.headers().contains_key("www-authenticate");
        let (status, body): (_, Value) = (answer.status().as_u16(), answer.json().await.unwrap());
        assert_eq!(challenged, status == 401);
        (status, body)
    };
    let wrong = http.post(&url).basic_auth(THE_PORTAL.id, Some("wrong")).form(&[token]);
    assert_refused(&told(wrong).await, "invalid_client");
    assert_refused(
        &told(http.post(&url).form(&[token, ("client_id", THE_PORTAL.id)])).await,
        "invalid_client",
    );
    assert_refused(&told(http.post(&url).form(&[token])).await, "invalid_request");
    for form in [&[][..], &[("token", "")], &[token, token]] {
        assert_refused(&told(THE_PORTAL.post(&house, "/revoke", form)).await, "invalid_request");
    }
    let query = http.post(format!("{url}?token={}", token.1)).body("");
    assert_refused(&told(query).await, "invalid_request");
    assert_eq!(http.get(&url).send().await.unwrap().status(), 405);
    assert!(lives(&house, &THE_PORTAL, &tokens).await);
    assert!(!house.log().contains(token.1));
}
