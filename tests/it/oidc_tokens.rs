//! Tokens: what they say, who verifies them, and what cannot be passed off as one (A6, A11, A12).

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    house::{CALLBACK, House},
    jose_confusion::signed_by_us,
    oidc_client::{
        APP, BARE, KEYED, LAB, OPEN, THE_PORTAL, answer, assert_refused, claims, header, house, logged_in,
        userinfo,
    },
    portal::{self, form_encoded},
};

/// A Python with `PyJWT`: the one that is named, or one made here once.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        #[expect(clippy::disallowed_methods, reason = "how a test finds its tools is no configuration")]
        if let Ok(named) = std::env::var("NAMENS_PYTHON") {
            return named.into();
        }
        let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("venv");
        let python = venv.join("bin/python");
        if !Command::new(&python).args(["-c", "import jwt"]).output().is_ok_and(|done| done.status.success())
        {
            let run = |program: &Path, arguments: &[&str]| {
                assert!(Command::new(program).args(arguments).status().unwrap().success(), "{arguments:?}");
            };
            run(Path::new("python3"), &["-m", "venv", venv.to_str().unwrap()]);
            run(&python, &["-m", "pip", "install", "--quiet", "PyJWT[crypto]>=2.10"]);
        }
        python
    })
}

/// What `tests/pyjwt/verify.py` says: the claims, or why it does not verify.
fn verify(house: &House, client: &str, nonce: &str, token: &str) -> Result<Value, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pyjwt/verify.py");
    let mut command = Command::new(python());
    command.arg(script).arg(format!("{}/jwks", house.issuer)).args([&house.issuer, client, nonce]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[tokio::test]
async fn id_tokens_of_every_algorithm_verify_with_pyjwt() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    for (client, alg) in [(THE_PORTAL, "RS256"), (LAB, "PS256"), (APP, "ES256"), (KEYED, "EdDSA")] {
        let tokens = client.sign_on(&house, &browser, "openid act_as").await;
        let token = tokens.text("id_token");
        let verified = verify(&house, client.id, "n-0S6_WzA2Mj", token).unwrap();
        assert_eq!((&verified, header(token)["alg"].as_str()), (&tokens.claims, Some(alg)));
        assert_eq!((&verified["aud"], &verified["act_as"]), (&json!([client.id]), &json!([])));
        let (sha256, sha512) = (&aws_lc_rs::digest::SHA256, &aws_lc_rs::digest::SHA512);
        let hash = if alg == "EdDSA" { sha512 } else { sha256 };
        let hash = aws_lc_rs::digest::digest(hash, tokens.text("access_token").as_bytes());
        assert_eq!(verified["at_hash"], URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2]));
        // And it does say no.
        assert!(verify(&house, client.id, "another nonce", token).unwrap_err().contains("nonce"));
        assert!(verify(&house, "other", "n-0S6_WzA2Mj", token).unwrap_err().contains("InvalidAudience"));
        let (signed, _) = token.rsplit_once('.').unwrap();
        let spoilt = format!("{signed}.{}", URL_SAFE_NO_PAD.encode([7; 64]));
        assert!(verify(&house, client.id, "n-0S6_WzA2Mj", &spoilt).unwrap_err().contains("Signature"));
    }
}

#[tokio::test]
async fn an_access_token_is_an_at_jwt_and_lives_as_long_as_it_says() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let tokens = LAB.sign_on(&house, &browser, "email openid").await;
    let access = tokens.text("access_token");
    let (head, body) = (header(access), claims(access));
    assert_eq!((head["typ"].as_str(), head["alg"].as_str()), (Some("at+jwt"), Some("PS256")));
    assert_eq!(head.as_object().unwrap().len(), 3, "typ, alg and kid: no jku, jwk or x5u");
    for (name, value) in [
        ("iss", house.issuer.clone()),
        ("aud", format!("{}/userinfo", house.issuer)),
        ("client_id", "lab".into()),
        ("sub", tokens.sub().into()),
        ("scope", "openid email".into()),
        ("acr", "urn:namens:acr:local".into()),
    ] {
        assert_eq!(body[name], value, "{name}");
    }
    let lives = body["exp"].as_i64().unwrap() - body["iat"].as_i64().unwrap();
    assert_eq!(
        (tokens.body["expires_in"].as_i64(), lives, tokens.text("token_type")),
        (Some(300), 300, "Bearer")
    );
    assert_eq!(tokens.claims["exp"].as_i64().unwrap() - tokens.claims["iat"].as_i64().unwrap(), 300);
}

#[tokio::test]
async fn userinfo_answers_get_and_post_with_what_the_scope_allows() {
    let house = house().await;
    let (browser, first) = logged_in(&house).await;
    let url = format!("{}/userinfo", house.issuer);
    let tokens = THE_PORTAL.sign_on(&house, &browser, "openid email act_as").await;
    let access = tokens.text("access_token");
    let expected =
        json!({"sub": tokens.sub(), "email": "jansen@voorbeeld.nl", "email_verified": true, "act_as": []});
    let http = reqwest::Client::new();
    for request in [
        http.get(&url).bearer_auth(access),
        http.post(&url).bearer_auth(access),
        http.post(&url).form(&[("access_token", access)]),
        http.get(&url).header("authorization", format!("bearer {access}")),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["cache-control"]),
            (200, &"no-store".parse().unwrap())
        );
        assert_eq!(response.json::<Value>().await.unwrap(), expected);
    }
    let bare = BARE.sign_on(&house, &browser, "openid").await;
    assert_eq!(userinfo(&house, bare.text("access_token")).await, (200, json!({"sub": bare.sub()})));
    assert_ne!(first.sub(), bare.sub());
    // In the query it would end up in logs; in two places nobody knows which counts.
    let query = http.get(format!("{url}?access_token={access}")).send().await.unwrap();
    assert_eq!(
        (query.status().as_u16(), &query.headers()["www-authenticate"]),
        (401, &"Bearer realm=\"namens\"".parse().unwrap())
    );
    let both = http.post(&url).bearer_auth(access).form(&[("access_token", access)]).send().await.unwrap();
    assert_eq!(both.status(), 400);
    assert!(!house.log().contains(access));
}

/// Everything that is signed by us, or looks as if, and is no access token.
#[tokio::test]
async fn a11_a12_only_an_access_token_of_ours_opens_userinfo() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let tokens = THE_PORTAL.sign_on(&house, &browser, "openid").await;
    let access = tokens.text("access_token");
    let (head, body) = (header(access), claims(access));
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let (_, signature) = access.rsplit_once('.').unwrap();
    let bent = |change: Value| {
        let mut claims = body.clone();
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        claims
    };
    let jwks: Value = reqwest::get(format!("{}/jwks", house.issuer)).await.unwrap().json().await.unwrap();
    let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == head["kid"]).unwrap();
    let confused = |secret: &[u8]| {
        let signed = format!(
            "{}.{}",
            part(&json!({"typ": "at+jwt", "alg": "HS256", "kid": head["kid"]})),
            part(&body)
        );
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    };
    let none = json!({"typ": "at+jwt", "alg": "none", "kid": head["kid"]});
    for (what, token) in [
        ("an ID token", tokens.text("id_token").to_owned()),
        ("a refresh token", tokens.text("refresh_token").to_owned()),
        ("alg none", format!("{}.{}.", part(&none), part(&body))),
        ("alg none, signature kept", format!("{}.{}.{signature}", part(&none), part(&body))),
        ("RS to HS confusion by modulus", confused(key["n"].as_str().unwrap().as_bytes())),
        ("RS to HS confusion by JWK", confused(key.to_string().as_bytes())),
        (
            "a longer life",
            format!("{}.{}.{signature}", part(&head), part(&bent(json!({"exp": 9_999_999_999_i64})))),
        ),
        ("another sub", format!("{}.{}.{signature}", part(&head), part(&bent(json!({"sub": "x"}))))),
        (
            "an unknown kid",
            format!(
                "{}.{}.{signature}",
                part(&json!({"typ": "at+jwt", "alg": "RS256", "kid": "../../etc/passwd"})),
                part(&body)
            ),
        ),
        ("no signature", access.trim_end_matches(signature).to_owned()),
        ("nothing", "x".to_owned()),
    ] {
        let response = reqwest::Client::new()
            .get(format!("{}/userinfo", house.issuer))
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 401, "{what}");
        assert!(
            response.headers()["www-authenticate"].to_str().unwrap().contains("error=\"invalid_token\""),
            "{what}"
        );
        assert_eq!(response.json::<Value>().await.unwrap()["error"], "invalid_token", "{what}");
    }
    assert_eq!(userinfo(&house, access).await.0, 200);
}

/// The other way round: an access token as an ID token hint, as a code, as a refresh token.
#[tokio::test]
async fn a12_an_access_token_is_good_for_userinfo_only() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    let access = tokens.text("access_token");
    let hint = browser
        .get(&format!(
            "{}/logout?id_token_hint={access}&post_logout_redirect_uri=http://127.0.0.1:9/bye",
            house.issuer
        ))
        .await;
    assert_eq!((hint.status.as_u16(), hint.heading().as_str()), (200, "Wilt u uitloggen?"));
    assert_refused(&THE_PORTAL.refresh(&house, access).await, "invalid_grant");
    assert_refused(&THE_PORTAL.token(&house, &THE_PORTAL.ask().redemption(access)).await, "invalid_grant");
    // Nor where it says all that an ID token says, by our own key: its type alone tells them apart.
    let alike = signed_by_us(&house, "RS256", "at+jwt", &tokens.claims).await;
    let silent = |hint: &str| THE_PORTAL.ask().with("prompt", "none").with("id_token_hint", hint);
    let out = |hint: &str| format!("{}/logout?id_token_hint={hint}", house.issuer);
    assert_eq!(answer(&browser.get(&silent(&alike).url(&house)).await)["error"], "login_required");
    assert_eq!(browser.get(&out(&alike)).await.heading(), "Wilt u uitloggen?");
    // The twin: the same, by the same key, without a type.
    let twin = signed_by_us(&house, "RS256", "", &tokens.claims).await;
    assert!(answer(&browser.get(&silent(&twin).url(&house)).await).contains_key("code"));
    assert_eq!(browser.get(&out(&twin)).await.heading(), "U bent uitgelogd.");
}

#[tokio::test]
async fn a6_refresh_tokens_rotate_and_a_replay_ends_the_family() {
    let house = house().await;
    let (browser, other) = logged_in(&house).await;
    let tokens = THE_PORTAL.sign_on(&house, &browser, "openid email").await;
    let first = tokens.text("refresh_token").to_owned();
    // Another client's attempt, with good credentials of its own, leaves the family intact.
    for thief in [LAB, APP, OPEN] {
        assert_refused(&thief.refresh(&house, &first).await, "invalid_grant");
    }
    let next = async |token: &str| {
        let (status, body) = THE_PORTAL.refresh(&house, token).await;
        assert_eq!(status, 200, "{body}");
        portal::tokens(body)
    };
    let second = next(&first).await;
    assert_ne!(second.text("refresh_token"), first);
    assert_eq!(
        (second.sub(), &second.claims["auth_time"], &second.claims["sid"]),
        (tokens.sub(), &tokens.claims["auth_time"], &tokens.claims["sid"])
    );
    assert_eq!(second.claims.get("nonce"), None, "a refreshed ID token has none");
    assert_eq!(second.claims["iss"], house.issuer.as_str());
    // A lost answer: the same client asks again at once, and gets the same successor.
    let repeated = next(&first).await;
    assert_eq!(repeated.text("refresh_token"), second.text("refresh_token"));
    // A used one by another client: still intact. By its own client, after the successor was used: a thief.
    let third = next(second.text("refresh_token")).await;
    assert_refused(&LAB.refresh(&house, &first).await, "invalid_grant");
    let third = next(third.text("refresh_token")).await;
    assert_eq!(userinfo(&house, third.text("access_token")).await.0, 200);
    assert_refused(&THE_PORTAL.refresh(&house, &first).await, "invalid_grant");
    assert_refused(&THE_PORTAL.refresh(&house, third.text("refresh_token")).await, "invalid_grant");
    assert_eq!(userinfo(&house, third.text("access_token")).await.0, 401);
    assert_eq!(
        THE_PORTAL.refresh(&house, other.text("refresh_token")).await.0,
        200,
        "other families live on"
    );
    let audit = house.query("SELECT outcome FROM audit WHERE outcome = 'refresh.replayed'");
    assert_eq!(audit.len(), 1);
}

#[tokio::test]
async fn a_refresh_may_narrow_the_scope_and_never_widen_it() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let tokens = THE_PORTAL.sign_on(&house, &browser, "openid email").await;
    let ask = async |token: &str, scope: &str| {
        THE_PORTAL
            .token(&house, &[("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)])
            .await
    };
    let first = tokens.text("refresh_token");
    for wider in ["openid email act_as", "openid bsn", "\u{e9}"] {
        assert_refused(&ask(first, wider).await, "invalid_scope");
    }
    let (status, body) = ask(first, "openid").await;
    assert_eq!((status, body["scope"].as_str()), (200, Some("openid")));
    let (_, user) = userinfo(&house, body["access_token"].as_str().unwrap()).await;
    assert_eq!(user, json!({"sub": tokens.sub()}));
    for bad in ["", "x", "nms_rt_"] {
        let answer = THE_PORTAL.refresh(&house, bad).await;
        assert!(
            answer.0 == 400
                && ["invalid_grant", "invalid_request"].contains(&answer.1["error"].as_str().unwrap()),
            "{bad}: {answer:?}"
        );
    }
}

/// RFC 6749 section 2.3.1: id and secret are form-encoded before they are put together.
#[tokio::test]
async fn a_secret_with_special_characters_works_by_header_and_by_form() {
    let odd = "a:b c%20+&=é\"\\/日 and long enough";
    let mut house = House::start().await;
    std::fs::write(house.folder.join("portal.secret"), odd).unwrap();
    let more = ["basic", "post"].map(|way| {
        format!("[[client]]\nid = \"odd_{way}.1-2\"\nname = \"Odd\"\nredirect_uris = [\"{CALLBACK}\"]\npolicy = \"basic\"\nauth = \"client_secret_{way}\"\nsecret = {{ file = \"portal.secret\" }}\nscopes = [\"openid\"]\n")
    });
    let file = house.folder.join("namens.toml");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + &more.concat()).unwrap();
    house.kill();
    house.open_doors();
    let request = || reqwest::Client::new().request(Method::POST, format!("{}/token", house.issuer));
    // Past the authentication this form is refused for its code.
    let form = [
        ("grant_type", "authorization_code"),
        ("code", "x"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", "x"),
    ];
    let mut posted = form.to_vec();
    posted.extend([("client_id", "odd_post.1-2"), ("client_secret", odd)]);
    let encoded = form_encoded(odd);
    for (way, request) in [
        ("header", request().basic_auth("odd_basic.1-2", Some(&encoded)).form(&form)),
        (
            "header, every byte escaped",
            request().basic_auth("odd%5Fbasic%2E1%2D2", Some(&encoded.replace('+', "%20"))).form(&form),
        ),
        ("form", request().form(&posted)),
    ] {
        let response = request.send().await.unwrap();
        let answer = (response.status().as_u16(), response.json::<Value>().await.unwrap());
        assert_eq!((answer.0, answer.1["error"].as_str()), (400, Some("invalid_grant")), "{way}: {answer:?}");
    }
    let cut = request().basic_auth("odd_basic.1-2", Some("a")).form(&form).send().await.unwrap();
    assert_eq!(cut.status(), 401, "what follows the colon belongs to the secret");
    assert!(Browser::new().visit(&THE_PORTAL.ask().url(&house), CALLBACK).await.status.is_success());
}
