//! Authorization codes under attack (A3, A5, A8).

use std::sync::Arc;

use crate::{
    browser::Browser,
    dpop,
    house::{CALLBACK, House, SECRET},
    jose::Key,
    oidc_client::{
        APP, Ask, Auth, Client, LAB, OPEN, THE_PORTAL, assert_refused, house, logged_in, userinfo,
    },
    portal::{self, form_encoded},
};

/// A code whose minute is over is worth nothing; one that was given after it is.
#[tokio::test]
async fn a5_a_code_that_has_ended_is_refused() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let ask = THE_PORTAL.ask();
    let late = THE_PORTAL.code(&house, &browser, &ask).await;
    // As if it had been given long ago.
    crate::digid_steps::change(&house, "UPDATE ephemeral SET ends = 1 WHERE kind = 'code'");
    assert_refused(&THE_PORTAL.token(&house, &ask.redemption(&late)).await, "invalid_grant");
    let twin = THE_PORTAL.code(&house, &browser, &ask).await;
    THE_PORTAL.redeem(&house, &ask, &twin).await;
}

/// Codes that were issued to one and are brought by another.
#[tokio::test]
async fn a3_a_code_is_good_for_its_client_redirect_and_challenge_only() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let ask = THE_PORTAL.ask();
    let code = THE_PORTAL.code(&house, &browser, &ask).await;
    // Another client with its own good credentials, even if it knows the verifier and the redirect URI.
    for thief in [LAB, APP, OPEN] {
        assert_refused(&thief.token(&house, &ask.redemption(&code)).await, "invalid_grant");
    }
    // The client itself, tricked into bringing a code that was made for another of its logins.
    let mine = THE_PORTAL.ask();
    assert_refused(&THE_PORTAL.token(&house, &mine.redemption(&code)).await, "invalid_grant");
    // Other redirect URIs, also ones that another client has, and ones that only a parser would call the same.
    for uri in [
        LAB.callback,
        "http://127.0.0.1:9/callback/",
        "HTTP://127.0.0.1:9/callback",
        "http://127.0.0.1:9/x/../callback",
    ] {
        let moved = ask.clone().with("redirect_uri", uri);
        assert_refused(&THE_PORTAL.token(&house, &moved.redemption(&code)).await, "invalid_grant");
    }
    // None of these attempts burnt it.
    let tokens = THE_PORTAL.redeem(&house, &ask, &code).await;
    assert_eq!(tokens.claims["nonce"], "n-0S6_WzA2Mj");
    // The app's code, stolen by somebody without a secret to show but without its verifier.
    let ask = APP.ask();
    let code = APP.code(&house, &browser, &ask).await;
    let guess = Ask { verifier: "A".repeat(43), ..ask.clone() };
    assert_refused(&APP.token(&house, &guess.redemption(&code)).await, "invalid_grant");
    APP.redeem(&house, &ask, &code).await;
}

#[tokio::test]
async fn a3_a_missing_or_bent_part_of_the_redemption_is_refused_and_burns_nothing() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let ask = THE_PORTAL.ask();
    let code = THE_PORTAL.code(&house, &browser, &ask).await;
    let good = ask.redemption(&code);
    let without = |name: &str| good.iter().copied().filter(|(n, _)| *n != name).collect::<Vec<_>>();
    for (name, error) in [
        ("grant_type", "invalid_request"),
        ("code", "invalid_request"),
        ("redirect_uri", "invalid_request"),
        ("code_verifier", "invalid_grant"),
    ] {
        assert_refused(&THE_PORTAL.token(&house, &without(name)).await, error);
        let mut empty = without(name);
        empty.push((name, ""));
        assert_refused(&THE_PORTAL.token(&house, &empty).await, error);
    }
    for bad in [
        "nms_ac_",
        "x",
        &code[..code.len() - 1],
        &format!("{code}A"),
        &code.to_uppercase(),
        &format!(" {code}"),
    ] {
        assert_refused(&THE_PORTAL.token(&house, &ask.redemption(bad)).await, "invalid_grant");
    }
    THE_PORTAL.redeem(&house, &ask, &code).await;
}

#[tokio::test]
async fn a3_a8_a_login_belongs_to_the_browser_that_began_it() {
    let house = house().await;
    let (victim, attacker) = (Browser::new(), Browser::new());
    let ask = THE_PORTAL.ask();
    let choose = attacker.visit(&ask.url(&house), CALLBACK).await;
    // The victim is sent to the attacker's login: it is not theirs, with no cookie and with one of their own.
    for _ in 0..2 {
        let page = victim.get(choose.url.as_str()).await;
        assert_eq!(page.status, 410, "{}", page.heading());
        victim.visit(&THE_PORTAL.ask().url(&house), CALLBACK).await;
    }
    // Nor do its forms work elsewhere, with the attacker's token or without, from another site or without a word.
    let (action, fields) = choose.form("digid-form");
    let to = choose.url.join(&action).unwrap();
    let page = victim.post(to.as_str(), &[("csrf", &fields["csrf"])]).await;
    assert_eq!(page.status, 403);
    for (header, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = attacker.request(reqwest::Method::POST, to.as_str()).header(header, value);
        let page = attacker.send(request.form(&[("csrf", &fields["csrf"])])).await;
        assert_eq!(page.status, 403, "{header}: {value}");
    }
    for csrf in ["", "x", &fields["csrf"][1..]] {
        assert_eq!(attacker.post(to.as_str(), &[("csrf", csrf)]).await.status, 403, "{csrf}");
    }
    assert_eq!(attacker.get(choose.url.as_str()).await.status, 200, "and it still stands where it stood");
}

#[tokio::test]
async fn a5_a_replayed_code_ends_what_came_of_it() {
    let house = house().await;
    let (browser, other) = logged_in(&house).await;
    let ask = THE_PORTAL.ask();
    let code = THE_PORTAL.code(&house, &browser, &ask).await;
    let tokens = THE_PORTAL.redeem(&house, &ask, &code).await;
    // Another client's replay changes nothing.
    assert_refused(&OPEN.token(&house, &ask.redemption(&code)).await, "invalid_grant");
    assert_eq!(userinfo(&house, tokens.text("access_token")).await.0, 200);
    assert_refused(&THE_PORTAL.token(&house, &ask.redemption(&code)).await, "invalid_grant");
    let (status, _) = userinfo(&house, tokens.text("access_token")).await;
    assert_eq!(status, 401, "the access token died with its family");
    assert_refused(&THE_PORTAL.refresh(&house, tokens.text("refresh_token")).await, "invalid_grant");
    // The session's other grants live on.
    assert_eq!(THE_PORTAL.refresh(&house, other.text("refresh_token")).await.0, 200);
    let audit = house.query("SELECT outcome FROM audit WHERE outcome = 'code.replayed'");
    assert_eq!(audit.len(), 1, "{audit:?}");
}

/// How a redemption is bent: what it is called, the part of the form that is other, what it is then (`None`: not there), and how
/// it is refused.
type Bend = (&'static str, &'static str, Option<&'static str>, &'static str);

const BENDS: [Bend; 8] = [
    (
        "another verifier",
        "code_verifier",
        Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        "invalid_grant",
    ),
    ("a verifier that is none", "code_verifier", Some("x"), "invalid_grant"),
    ("no verifier", "code_verifier", None, "invalid_grant"),
    ("another redirect_uri", "redirect_uri", Some("http://127.0.0.1:9/callback/lab"), "invalid_grant"),
    ("a redirect_uri that is none", "redirect_uri", Some("x"), "invalid_request"),
    ("no redirect_uri", "redirect_uri", None, "invalid_request"),
    ("an API of nobody", "resource", Some("urn:example:none"), "invalid_target"),
    ("a resource that is none", "resource", Some("x"), "invalid_target"),
];

fn bent<'a>(good: &[(&'a str, &'a str)], (_, name, value, _): Bend) -> Vec<(&'a str, &'a str)> {
    let others = good.iter().copied().filter(|(n, _)| *n != name);
    others.chain(value.map(|value| (name, value))).collect()
}

/// Whoever has a stolen code seldom has its verifier too, so such a replay is the one that tells of a theft.
#[tokio::test]
async fn a5_a_spent_code_that_comes_back_bent_ends_its_family_too() {
    let house = house().await;
    let (browser, other) = logged_in(&house).await;
    for client in [THE_PORTAL, APP] {
        for bend in BENDS {
            let case = format!("{}: {}", client.id, bend.0);
            let ask = client.ask();
            let code = client.code(&house, &browser, &ask).await;
            let good = ask.redemption(&code);
            let bad = bent(&good, bend);
            // The twin: before it is spent nothing is given for it, and it is not burnt.
            assert_refused(&client.token(&house, &bad).await, bend.3);
            let tokens = client.redeem(&house, &ask, &code).await;
            // Others who bring it, straight or bent, change nothing: it is not their code.
            for stranger in [LAB, OPEN] {
                assert_refused(&stranger.token(&house, &good).await, "invalid_grant");
                assert_eq!(stranger.token(&house, &bad).await.0, 400, "{case}");
            }
            assert_eq!(userinfo(&house, tokens.text("access_token")).await.0, 200, "{case}");
            assert_refused(&client.token(&house, &bad).await, bend.3);
            assert_eq!(userinfo(&house, tokens.text("access_token")).await.0, 401, "{case}");
            assert_refused(&client.refresh(&house, tokens.text("refresh_token")).await, "invalid_grant");
        }
    }
    // The session's other grants live on, and each end is in the log once.
    assert_eq!(THE_PORTAL.refresh(&house, other.text("refresh_token")).await.0, 200);
    let audit = house.query("SELECT outcome FROM audit WHERE outcome = 'code.replayed'");
    assert_eq!(audit.len(), 2 * BENDS.len());
}

/// The same where the code is bound to a key: the thief has another, or none.
#[tokio::test]
async fn a5_a_spent_code_that_comes_back_without_its_key_ends_its_family_too() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let (key, others) = (Key::new(), Key::new());
    let proof = |key: &Key| key.proof(&house, "POST", "/token", None);
    let elsewhere = || key.proof(&house, "POST", "/par", None);
    for (case, proofs, error) in [
        ("another key", vec![proof(&others)], "invalid_grant"),
        ("no key", vec![], "invalid_grant"),
        ("a proof for something else", vec![elsewhere()], "invalid_dpop_proof"),
        ("no proof at all", vec!["x".to_owned()], "invalid_dpop_proof"),
        ("two proofs", vec![proof(&key), proof(&key)], "invalid_dpop_proof"),
    ] {
        let ask = APP.ask().with("dpop_jkt", &key.thumbprint());
        let code = APP.code(&house, &browser, &ask).await;
        let form = ask.redemption(&code);
        let bring = async |client: Client, proofs: &[String]| {
            let request = client.post(&house, "/token", &form);
            let request = proofs.iter().fold(request, |request, proof| request.header("dpop", proof));
            dpop::send(request).await
        };
        let refused = async |client: Client| {
            let answer = bring(client, &proofs).await;
            (answer.status, answer.body)
        };
        assert_refused(&refused(APP).await, error);
        let tokens = portal::tokens(bring(APP, &[proof(&key)]).await.body);
        assert_eq!(refused(OPEN).await.0, 400, "{case}");
        assert!(dpop::opens(&house, tokens.text("access_token"), &key).await, "{case}");
        assert_refused(&refused(APP).await, error);
        assert!(!dpop::opens(&house, tokens.text("access_token"), &key).await, "{case}");
    }
}

/// Somebody with a stolen code races its owner: a hundred at once, through the real door.
#[tokio::test]
async fn a5_of_a_hundred_redemptions_at_once_at_most_one_wins_and_its_family_ends() {
    let house = Arc::new(house().await);
    let (browser, _) = logged_in(&house).await;
    let ask = THE_PORTAL.ask();
    let code = THE_PORTAL.code(&house, &browser, &ask).await;
    let http = reqwest::Client::new();
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (http, to) = (http.clone(), format!("{}/token", house.issuer));
        let form: Vec<(String, String)> =
            ask.redemption(&code).into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        racers.spawn(async move {
            let request = http.post(to).basic_auth(THE_PORTAL.id, Some(form_encoded(SECRET))).form(&form);
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.json::<serde_json::Value>().await.unwrap())
        });
    }
    let answers = racers.join_all().await;
    let winners: Vec<_> = answers.iter().filter(|(status, _)| *status == 200).collect();
    assert_eq!(winners.len(), 1, "one winner");
    for answer in answers.iter().filter(|(status, _)| *status != 200) {
        assert_refused(answer, "invalid_grant");
    }
    let winner = &winners[0].1;
    assert_eq!(userinfo(&house, winner["access_token"].as_str().unwrap()).await.0, 401);
    assert_refused(
        &THE_PORTAL.refresh(&house, winner["refresh_token"].as_str().unwrap()).await,
        "invalid_grant",
    );
}

async fn present(house: &House, id: &str, secret: &str, basic: bool) -> (u16, serde_json::Value) {
    let request = reqwest::Client::new().post(format!("{}/token", house.issuer));
    let grant = ("grant_type", "authorization_code");
    let request = if basic {
        request.basic_auth(form_encoded(id), Some(form_encoded(secret))).form(&[grant])
    } else {
        request.form(&[grant, ("client_id", id), ("client_secret", secret)])
    };
    let response = request.send().await.unwrap();
    if response.status() == 401 {
        assert_eq!(response.headers()["www-authenticate"], "Basic realm=\"namens\"");
    }
    (response.status().as_u16(), response.json().await.unwrap())
}

/// A client proves who it is before anything else is looked at, by its own method, and hears nothing in between.
#[tokio::test]
async fn a17_unknown_client_wrong_secret_and_wrong_method_hear_the_same() {
    let house = house().await;
    let mut heard = Vec::new();
    for (id, secret, basic) in [
        ("nobody", SECRET, true),
        ("nobody", SECRET, false),
        ("portal", "wrong", true),
        ("portal", "", true),
        ("portal", SECRET, false),
        ("lab", SECRET, true),
        ("lab", "wrong", false),
        ("app", "x", true),
        ("app", "x", false),
        ("é", "ü", true),
    ] {
        let (status, body) = present(&house, id, secret, basic).await;
        assert_eq!(status, 401, "{id} {secret}: {body}");
        heard.push(body);
    }
    assert!(heard.iter().all(|body| *body == heard[0]), "{heard:?}");
    // No secret at all where one is registered.
    let (status, body) =
        Client { auth: Auth::None, ..THE_PORTAL }.token(&house, &[("grant_type", "x")]).await;
    assert_eq!((status, &body), (401, &heard[0]));
    // Two methods at once is a mistake in the request.
    let form = [("grant_type", "authorization_code"), ("client_secret", SECRET)];
    assert_refused(&THE_PORTAL.token(&house, &form).await, "invalid_request");
}
