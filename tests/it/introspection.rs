//! Asking what a token is worth (RFC 7662), and the answer as evidence (RFC 9701).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    browser::Browser,
    digid_steps::change,
    house::House,
    mandates_desk::{Desk, Form, born, digid_account, fresh_bsn, now},
    oidc_client::{APP, KEYED, LAB, OPEN, THE_PORTAL, assert_refused, claims, header, house, logged_in},
    portal::{self, Tokens},
};

/// All that is said of what is no good.
fn nothing() -> Value {
    json!({"active": false})
}

fn names(told: &Value) -> BTreeSet<&str> {
    told.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_client_hears_of_its_own_tokens_what_they_are() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    for client in [THE_PORTAL, LAB, KEYED] {
        let tokens = client.sign_on(&house, &browser, "openid").await;
        let access = tokens.text("access_token");
        let told = client.introspect(&house, access).await;
        let all = [
            "active",
            "scope",
            "client_id",
            "sub",
            "exp",
            "iss",
            "sid",
            "acr",
            "auth_time",
            "token_type",
            "iat",
            "aud",
            "jti",
        ];
        assert_eq!(names(&told), all.into());
        assert_eq!((&told["active"], &told["token_type"]), (&json!(true), &json!("Bearer")));
        let said = claims(access);
        for name in all.iter().filter(|name| !["active", "token_type"].contains(name)) {
            assert_eq!(told[name], said[name], "{name}");
        }
        let told = client.introspect(&house, tokens.text("refresh_token")).await;
        assert_eq!(
            names(&told),
            ["active", "scope", "client_id", "sub", "exp", "iss", "sid", "acr", "auth_time"].into()
        );
        assert_eq!((&told["active"], &told["sub"]), (&json!(true), &tokens.claims["sub"]));
        assert!(told["exp"].as_i64().unwrap() > said["exp"].as_i64().unwrap(), "it ends with the session");
    }
}

#[tokio::test]
async fn of_what_is_not_its_own_or_no_good_nothing_else_is_said() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let tokens = THE_PORTAL.sign_on(&house, &browser, "openid email").await;
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    for stranger in [LAB, OPEN, KEYED] {
        for token in [access, refresh] {
            assert_eq!(stranger.introspect(&house, token).await, nothing(), "{}", stranger.id);
        }
    }
    let (head, _) = access.rsplit_once('.').unwrap();
    for token in [
        "x",
        "..",
        &format!("{head}.AAAA"),
        tokens.text("id_token"),
        &THE_PORTAL.code(&house, &browser, &THE_PORTAL.ask()).await,
        &format!("{}x", &refresh[..refresh.len() - 1]),
    ] {
        assert_eq!(THE_PORTAL.introspect(&house, token).await, nothing(), "{token}");
    }
    // Asking spent nothing and ended nothing, though one was a token of the family that never was.
    assert_eq!(THE_PORTAL.introspect(&house, access).await["active"], true);
    let (status, body) = THE_PORTAL.refresh(&house, refresh).await;
    assert_eq!(status, 200, "{body}");
    let next = portal::tokens(body);
    assert_eq!(THE_PORTAL.introspect(&house, refresh).await, nothing(), "it was used");
    assert_eq!(THE_PORTAL.introspect(&house, next.text("refresh_token")).await["active"], true);
}

#[tokio::test]
async fn a_token_is_worth_nothing_once_grant_session_or_account_has_ended() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let sign_on = async || {
        let tokens = THE_PORTAL.sign_on(&house, &browser, "openid").await;
        assert_eq!(worth(&house, &tokens).await, [true, true]);
        tokens
    };
    let tokens = sign_on().await;
    THE_PORTAL.revoke(&house, &[("token", tokens.text("refresh_token"))]).await;
    assert_eq!(worth(&house, &tokens).await, [false, false], "the grant");
    let grant = |tokens: &Tokens| claims(tokens.text("access_token"))["grant"].as_str().unwrap().to_owned();
    let tokens = sign_on().await;
    change(&house, &format!("UPDATE grants SET ends = {} WHERE id = '{}'", now().epoch(), grant(&tokens)));
    assert_eq!(worth(&house, &tokens).await, [false, false], "the grant's time");
    // A session that was lost with its grants still there, as after a crash.
    let tokens = sign_on().await;
    let sid = tokens.claims["sid"].as_str().unwrap();
    change(&house, &format!("UPDATE ephemeral SET ends = {} WHERE name = '{sid}'", now().epoch()));
    assert_eq!(worth(&house, &tokens).await, [false, false], "the session");
    // The sweep may have taken it by now: who comes back logs in anew.
    portal::log_in(&house, &browser, "jansen@voorbeeld.nl", 2).await;
    let tokens = sign_on().await;
    change(&house, "UPDATE accounts SET era = era + 1");
    assert_eq!(worth(&house, &tokens).await, [false, false], "what the account began before");
    change(&house, "UPDATE accounts SET era = era - 1");
    let person = house.query("SELECT id FROM persons").concat();
    house.set_birth_date(&person, &born(11, 0));
    assert_eq!(worth(&house, &tokens).await, [false, false], "M13: a child under twelve");
}

/// Whether the access token and the refresh token are worth something.
async fn worth(house: &House, tokens: &Tokens) -> [bool; 2] {
    let mut worth = [false; 2];
    for (worth, name) in worth.iter_mut().zip(["access_token", "refresh_token"]) {
        let told = THE_PORTAL.introspect(house, tokens.text(name)).await;
        *worth = told["active"] == true;
        assert!(*worth || told == nothing(), "{told}");
    }
    worth
}

#[tokio::test]
async fn m4_m8_m9_introspection_tells_whom_the_user_may_act_for_now() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let bsn = fresh_bsn();
    let mother = desk.person("Anna", None, Some(&bsn));
    let tokens = digid_account(&house, &Browser::new(), &bsn, "moeder@voorbeeld.nl").await;
    let (sam, kim) =
        (desk.person("Sam", Some(&born(8, 0)), None), desk.person("Kim", Some(&born(13, 0)), None));
    let access = tokens.text("access_token");
    let told = async || THE_PORTAL.introspect(&house, access).await;
    let listed = async || told().await["act_as"].as_array().unwrap().len();
    let before = told().await;
    assert_eq!(before["act_as"], json!([]));
    let mandate = desk.mandate(&Form::parent(&mother, &kim));
    assert_eq!(listed().await, 0, "nobody agreed");
    for party in ["represented", "representative"] {
        desk.hear("consent", &mandate, party);
    }
    let after = told().await;
    let (_, user) = crate::oidc_client::userinfo(&house, access).await;
    let (mut one, mut other) = (after["act_as"][0].clone(), user["act_as"][0].clone());
    // The two were asked one after the other.
    assert!(one["recheck"].take().is_i64() && other["recheck"].take().is_i64());
    assert_eq!(one, other);
    desk.hear("withdraw", &mandate, "represented");
    assert_eq!(told().await, before, "after the withdrawal as if nobody had ever been named");
    let (status, body) = THE_PORTAL.refresh(&house, tokens.text("refresh_token")).await;
    let next = portal::tokens(body);
    assert_eq!((status, &next.claims["act_as"]), (200, &json!([])), "so does a refresh");

    // A mandate that ends before the token does ends what is said of it.
    let ends = now().plus(120);
    let soon = desk.mandate(&Form::parent(&mother, &sam).with("--ends", &ends.rfc3339()));
    let bounded = told().await;
    assert_eq!((bounded["act_as"].as_array().unwrap().len(), &bounded["exp"]), (1, &json!(ends.epoch())));
    let people = ["--representative", &mother, "--represented", &sam, "--by", "balie1"];
    house.ok(&[&["mandates", "block"][..], &people, &["--reason", "melding"]].concat());
    assert_eq!(told().await, before, "a block is silent");
    house.ok(&[&["mandates", "unblock"][..], &people[..4], &["--by", "balie2"]].concat());
    assert_eq!(listed().await, 1);
    house.ok(&["mandates", "revoke", &soon, "--by", "balie1"]);
    assert_eq!(told().await, before);
    // A token without the scope names nobody.
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", next.text("refresh_token")), ("scope", "openid")];
    let (_, body) = THE_PORTAL.token(&house, &form).await;
    let told = THE_PORTAL.introspect(&house, body["access_token"].as_str().unwrap()).await;
    assert_eq!((&told["active"], told.get("act_as")), (&json!(true), None));
}

#[tokio::test]
async fn only_a_client_that_keeps_a_secret_may_ask() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let tokens = APP.sign_on(&house, &browser, "openid").await;
    let token = ("token", tokens.text("access_token"));
    let told = async |request: reqwest::RequestBuilder| {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    assert_refused(&told(APP.post(&house, "/introspect", &[token])).await, "invalid_client");
    let http = reqwest::Client::new();
    let url = format!("{}/introspect", house.issuer);
    let wrong = http.post(&url).basic_auth(THE_PORTAL.id, Some("wrong")).form(&[token]);
    assert_refused(&told(wrong).await, "invalid_client");
    // An access token is no proof of who asks.
    assert_refused(&told(http.post(&url).bearer_auth(token.1).form(&[token])).await, "invalid_client");
    assert_refused(&told(http.post(&url).form(&[token])).await, "invalid_request");
    for form in [&[][..], &[("token", "")], &[token, token]] {
        assert_refused(&told(THE_PORTAL.post(&house, "/introspect", form)).await, "invalid_request");
    }
    assert_eq!(http.get(&url).send().await.unwrap().status(), 405);
    assert!(!house.log().contains(token.1));
}

#[tokio::test]
async fn a_signed_answer_is_no_token_and_says_who_was_told_what() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let media = "application/token-introspection+jwt";
    for client in [THE_PORTAL, LAB, KEYED] {
        let tokens = client.sign_on(&house, &browser, "openid").await;
        let access = tokens.text("access_token");
        let signed = async |token: &str| {
            let request = client.post(&house, "/introspect", &[("token", token)]).header("accept", media);
            let answer = request.send().await.unwrap();
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()["content-type"]),
                (200, &media.parse().unwrap())
            );
            answer.text().await.unwrap()
        };
        let good = signed(access).await;
        let (head, said) = (header(&good), claims(&good));
        assert_eq!((&head["typ"], &head["alg"]), (&json!("token-introspection+jwt"), &header(access)["alg"]));
        assert_eq!(names(&said), ["iss", "aud", "iat", "token_introspection"].into());
        assert_eq!((&said["iss"], &said["aud"]), (&json!(house.issuer), &json!(client.id)));
        assert_eq!(said["token_introspection"], client.introspect(&house, access).await);
        let bad = claims(&signed("x").await);
        assert_eq!((&bad["token_introspection"], names(&bad).len()), (&nothing(), 4));
        // It opens nothing (A12).
        assert_eq!(crate::oidc_client::userinfo(&house, &good).await.0, 401);
        assert_eq!(client.introspect(&house, &good).await, nothing());
    }
}
