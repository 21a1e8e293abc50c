//! Every rule of `authorize`, as a table: what is changed in a good request, and what comes of it.

use std::collections::BTreeSet;

use super::*;
use crate::domain::{
    ask::{Prompt, Whom},
    assurance::Level,
    client::{ClientAuth, Keys, tests::client as fixture},
    policy::Policy,
    profile::{Claim, Claims},
    scope::Scope,
    secret::Secret,
};

const ISSUER: &str = "https://id.example.nl";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn client() -> Client {
    Client {
        redirect_uris: vec!["https://p.example/cb".into(), "http://127.0.0.1/cb?x=1".into()],
        auth: ClientAuth::ClientSecretBasic(Secret::new("x").hashed().into()),
        scopes: [Scope::Openid, Scope::ActAs].into(),
        ..fixture()
    }
}

fn good() -> Vec<(&'static str, String)> {
    [
        ("client_id", "portal"),
        ("redirect_uri", "https://p.example/cb"),
        ("response_type", "code"),
        ("scope", "openid act_as"),
        ("state", "s t"),
        ("nonce", "n"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// At some moment, with no key.
fn check(params: &Params, client: &Client, issuer: &str) -> Result<Ask, Error> {
    let keyring = Keyring::default();
    super::check(params, client, Here { issuer, keyring: &keyring, now: Timestamp::from_epoch(150) })
}

/// The good request with one parameter replaced, added, or (empty) left out.
fn with(name: &'static str, value: &str) -> Params {
    let mut pairs = good();
    pairs.retain(|(n, _)| *n != name);
    pairs.push((name, value.to_owned()));
    params_of(&pairs)
}

fn params_of(pairs: &[(&str, String)]) -> Params {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Params::parse(query.as_bytes()).unwrap()
}

fn ask_with(name: &'static str, value: &str) -> Ask {
    check(&with(name, value), &client(), ISSUER).unwrap()
}

fn redirect(result: Result<Ask, Error>) -> Redirect {
    match result {
        Err(Error::Redirect(redirect)) => *redirect,
        other => panic!("no redirect: {other:?}"),
    }
}

fn page(result: Result<Ask, Error>) -> PageError {
    match result {
        Err(Error::Page(page)) => page,
        other => panic!("no page: {other:?}"),
    }
}

#[test]
fn a_good_request_becomes_an_ask_and_unknown_parameters_change_nothing() {
    let ask = check(&params_of(&good()), &client(), ISSUER).unwrap();
    assert_eq!((ask.state.as_deref(), ask.nonce.as_deref()), (Some("s t"), Some("n")));
    assert_eq!(
        (ask.code_challenge.as_deref(), ask.prompt, ask.max_age),
        (Some(CHALLENGE), Prompt::Unset, None)
    );
    assert_eq!(ask.scope, [Scope::Openid, Scope::ActAs].into());
    for ignored in ["claims_locales", "display", "bogus"] {
        assert_eq!(ask_with(ignored, "{not json"), ask, "{ignored}");
    }
}

#[test]
fn the_apis_asked_for_are_the_clients_own_and_userinfo() {
    let client = Client { resources: vec!["urn:a:b".into()], ..client() };
    let asked = |resource: &str| {
        let mut request = good();
        request.push(("resource", resource.to_owned()));
        check(&params_of(&request), &client, ISSUER).ok().map(|ask| ask.resources)
    };
    for good in ["urn:a:b", "https://id.example.nl/userinfo"] {
        assert_eq!(asked(good), Some(vec![good.to_owned()]));
    }
    for bad in ["urn:a:c", "urn:a:b#", "https://id.example.nl/admin/v1", "{not json"] {
        assert_eq!(asked(bad), None, "{bad}");
    }
}

#[test]
fn each_broken_rule_redirects_with_state_and_issuer() {
    use Code::*;
    let long = |n| "x".repeat(n);
    let table = [
        ("request", "eyJ", InvalidRequestObject),
        ("request_uri", "urn:x", RequestUriNotSupported),
        ("registration", "{}", RegistrationNotSupported),
        ("response_type", "", InvalidRequest),
        ("response_type", "token", UnsupportedResponseType),
        ("response_type", "code id_token", UnsupportedResponseType),
        ("response_mode", "fragment", InvalidRequest),
        ("response_mode", "query fragment", InvalidRequest),
        ("scope", "", InvalidScope),
        ("scope", "act_as", InvalidScope),
        ("scope", "OPENID", InvalidScope),
        ("scope", "openid email", InvalidScope),
        ("code_challenge", "", InvalidRequest),
        ("code_challenge", &long(42), InvalidRequest),
        ("code_challenge", &long(129), InvalidRequest),
        ("code_challenge", &format!("{}=", long(43)), InvalidRequest),
        ("code_challenge_method", "", InvalidRequest),
        ("code_challenge_method", "plain", InvalidRequest),
        ("code_challenge_method", "s256", InvalidRequest),
        ("nonce", &long(513), InvalidRequest),
        ("nonce", "é", InvalidRequest),
        ("prompt", "none login", InvalidRequest),
        ("prompt", "create", InvalidRequest),
        ("max_age", "-1", InvalidRequest),
        ("max_age", "+1", InvalidRequest),
        ("max_age", "1.5", InvalidRequest),
        ("max_age", "99999999999999999999", InvalidRequest),
        ("acr_values", "urn:unknown http://eid.logius.nl/LoA/basic", UnmetAuthenticationRequirements),
        ("login_hint", &long(255), InvalidRequest),
        ("claims", "{not json", InvalidRequest),
        (
            "claims",
            r#"{"id_token":{"acr":{"essential":true,"value":"urn:x"}}}"#,
            UnmetAuthenticationRequirements,
        ),
        ("claims", r#"{"id_token":{"sub":{"value":"a"}},"userinfo":{"sub":{"value":"b"}}}"#, LoginRequired),
    ];
    for (name, value, code) in table {
        let answer = redirect(check(&with(name, value), &client(), ISSUER));
        assert_eq!(answer.code, code, "{name}={value:.30}");
        assert_eq!((answer.state.as_deref(), answer.issuer.as_str()), (Some("s t"), ISSUER), "{name}");
        // What the redirect says is ours alone, in the characters that RFC 6749 section 4.1.2.1 allows.
        assert!(is_visible(answer.description, 200) && !answer.description.contains(['"', '\\']), "{name}");
        assert!(value.len() < 3 || !answer.description.contains(value) || value == "code", "{name} echoes");
    }
}

#[test]
fn a_doubled_parameter_is_refused_and_a_bad_state_is_not_carried() {
    for (name, value) in good() {
        let mut pairs = good();
        pairs.push((name, value));
        let result = check(&params_of(&pairs), &client(), ISSUER);
        match name {
            "client_id" => assert_eq!(page(result), PageError::ClientId),
            "redirect_uri" => assert_eq!(page(result), PageError::RedirectUri),
            _ => assert_eq!(redirect(result).code, Code::InvalidRequest, "{name}"),
        }
    }
    for bad in ["é".to_owned(), "x".repeat(2049)] {
        let answer = redirect(check(&with("state", &bad), &client(), ISSUER));
        assert_eq!((answer.code, answer.state), (Code::InvalidRequest, None));
    }
}

#[test]
fn without_a_right_client_and_redirect_uri_there_is_no_redirect() {
    let try_uri = |uri: &str| check(&with("redirect_uri", uri), &client(), ISSUER);
    for bad in [
        "",
        "https://p.example/cb/",
        "https://p.example/CB",
        "https://P.example/cb",
        "https://p.example:443/cb",
        "https://p.example/cb?",
        "https://p.example/cb#",
        "https://p.example/x/../cb",
        "https://u@p.example/cb",
        "http://p.example/cb",
        "https://p.example/cb ",
        "https://evil.example/cb",
        // Any port is for public clients only.
        "http://127.0.0.1:8080/cb?x=1",
    ] {
        assert_eq!(page(try_uri(bad)), PageError::RedirectUri, "{bad}");
    }
    assert_eq!(page(check(&with("client_id", ""), &client(), ISSUER)), PageError::ClientId);
    assert_eq!(page(check(&with("client_id", "other"), &client(), ISSUER)), PageError::UnknownClient);
}

#[test]
fn a_public_client_may_use_any_port_of_its_loopback_literal() {
    let app = Client { auth: ClientAuth::None, ..client() };
    let try_uri = |uri: &str| check(&with("redirect_uri", uri), &app, ISSUER);
    for good in ["http://127.0.0.1/cb?x=1", "http://127.0.0.1:1/cb?x=1", "http://127.0.0.1:65535/cb?x=1"] {
        assert_eq!(try_uri(good).unwrap().redirect_uri, good);
    }
    for bad in [
        "http://127.0.0.1:65536/cb?x=1",
        "http://127.0.0.1:0/cb?x=1",
        "http://127.0.0.1:/cb?x=1",
        "http://127.0.0.1:80@evil.example/cb?x=1",
        "http://127.0.0.1.evil.example/cb?x=1",
        "http://127.0.0.1:8080/cb?x=2",
        "http://127.0.0.1:8080/cb?x=1#f",
        "http://127.0.0.2:8080/cb?x=1",
        "http://[::1]:8080/cb?x=1",
        "http://localhost:8080/cb?x=1",
        "https://127.0.0.1:8080/cb?x=1",
    ] {
        assert_eq!(page(try_uri(bad)), PageError::RedirectUri, "{bad}");
    }
}

#[test]
fn prompt_max_age_and_hints_are_read() {
    let prompts = [
        ("none ", Prompt::None),
        ("login", Prompt::Login),
        ("select_account consent", Prompt::Login),
        ("consent", Prompt::Unset),
    ];
    for (text, prompt) in prompts {
        assert_eq!(ask_with("prompt", text).prompt, prompt, "{text}");
    }
    assert_eq!(ask_with("max_age", "0").max_age, Some(0));
    assert_eq!(ask_with("ui_locales", "nl-NL  e<n en").ui_locales, ["nl-NL", "en"]);
    assert_eq!(ask_with("login_hint", "jan@é.nl").login_hint.as_deref(), Some("jan@é.nl"));
    assert_eq!(ask_with("scope", "openid offline_access  unheard").scope, [Scope::Openid].into());
}

#[test]
fn the_level_is_the_lowest_known_one_asked_for_but_never_below_the_clients_minimum() {
    let digid = Client { minimum_level: Level::Midden, ..client() };
    let level = |client: &Client, acr: &str| check(&with("acr_values", acr), client, ISSUER).unwrap().level;
    let (local, high) = (Level::Local.acr(), Level::Hoog.acr());
    assert_eq!(level(&client(), ""), Level::Local);
    assert_eq!(level(&digid, ""), Level::Midden);
    assert_eq!(level(&client(), high), Level::Hoog);
    assert_eq!(level(&client(), &format!("urn:x {high} {local}")), Level::Local);
    assert_eq!(level(&digid, &format!("{high} {local}")), Level::Midden);
}

#[test]
fn what_a_policy_asks_of_a_request() {
    let of = |policy, auth: &ClientAuth| Client { policy, auth: auth.clone(), ..client() };
    let (public, secret) = (ClientAuth::None, client().auth);
    let refused =
        |name, policy, auth: &ClientAuth| check(&with(name, ""), &of(policy, auth), ISSUER).is_err();
    assert!(!refused("nonce", Policy::Basic, &secret) && refused("nonce", Policy::Nlgov, &public));
    assert!(
        refused("code_challenge", Policy::Nlgov, &secret)
            && refused("code_challenge", Policy::Basic, &public)
    );
    // A method without a challenge is a mistake, not a request without PKCE.
    assert!(refused("code_challenge", Policy::Basic, &secret));
    let mut pairs = good();
    pairs.retain(|(name, _)| !name.starts_with("code_challenge"));
    let plain = |policy| check(&params_of(&pairs), &of(policy, &secret), ISSUER);
    assert_eq!(plain(Policy::Basic).unwrap().code_challenge, None);
    assert!(plain(Policy::Nlgov).is_err());
}

#[test]
fn claims_ask_for_a_level_a_user_and_scopes_within_the_clients() {
    let asked = |claims: &str| ask_with("claims", claims);
    let (high, local) = (Level::Hoog.acr(), Level::Local.acr());
    let acr = |essential| {
        format!(r#"{{"id_token":{{"acr":{{"essential":{essential},"values":["x","{high}"]}}}}}}"#)
    };
    assert_eq!((asked(&acr(true)).level, asked(&acr(true)).levels), (Level::Hoog, [Level::Hoog].into()));
    assert_eq!((asked(&acr(false)).level, asked(&acr(false)).levels), (Level::Hoog, BTreeSet::new()));
    let digid = Client { minimum_level: Level::Midden, ..client() };
    let low = with("claims", &format!(r#"{{"id_token":{{"acr":{{"value":"{local}"}}}}}}"#));
    assert_eq!(check(&low, &digid, ISSUER).unwrap().level, Level::Midden, "never below the minimum");
    let ask =
        asked(r#"{"id_token":{"email":null,"sub":{"value":"a"}},"userinfo":{"email":null,"act_as":null}}"#);
    assert_eq!((ask.whom, ask.in_id_token), (Whom::OneOf(["a".to_owned()].into()), Claims::new()));
    assert_eq!(ask.scope, [Scope::Openid, Scope::ActAs].into(), "email is not this client's");
    let mailed = Client { scopes: [Scope::Openid, Scope::Email].into(), ..client() };
    let mut pairs = good();
    pairs.retain(|(name, _)| *name != "scope");
    pairs.push(("scope", "openid".into()));
    pairs.push(("claims", r#"{"id_token":{"email":null},"userinfo":{"act_as":null}}"#.into()));
    let ask = check(&params_of(&pairs), &mailed, ISSUER).unwrap();
    assert_eq!((ask.in_id_token, ask.scope), ([Claim::Email].into(), [Scope::Openid].into()));
}

#[test]
fn a_hint_that_cannot_be_read_means_somebody_unknown() {
    assert_eq!(ask_with("id_token_hint", "e30.e30.").whom, Whom::Unknown);
    assert_eq!(ask_with("id_token_hint", "").whom, Whom::Anybody);
}

#[test]
fn of_a_signed_request_only_what_stands_inside_counts() {
    use serde_json::{Value, json};

    use crate::oidc::jwt::tests::Signer;
    let signer = Signer::new(crate::domain::key::Algorithm::Es256);
    let client = Client { keys: Keys::Registered(signer.set()), ..client() };
    let mut inside: Value = good().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    for (name, value) in [("iss", json!("portal")), ("aud", json!(ISSUER)), ("exp", json!(250))] {
        inside[name] = value;
    }
    inside["state"] = json!("inside");
    let asked = |inside: &Value, outside: &[(&str, &str)]| {
        let request = signer.signed("oauth-authz-req+jwt", inside);
        let pairs =
            [("client_id", "portal"), ("request", &request)].into_iter().chain(outside.iter().copied());
        check(&params_of(&pairs.map(|(n, v)| (n, v.to_owned())).collect::<Vec<_>>()), &client, ISSUER)
    };
    let ask = asked(&inside, &[("prompt", "login"), ("state", "outside"), ("scope", "x")]).unwrap();
    assert_eq!((ask.state.as_deref(), ask.prompt), (Some("inside"), Prompt::Unset));
    let mut bad = inside.clone();
    bad["scope"] = json!(["openid"]);
    let told = redirect(asked(&bad, &[]));
    assert_eq!((told.code, told.state.as_deref()), (Code::InvalidScope, Some("inside")));
    bad["exp"] = json!(150);
    assert!(matches!(page(asked(&bad, &[])), PageError::RequestObject(_)), "nowhere to say so");
    let outside = [("redirect_uri", "https://p.example/cb"), ("state", "outside")];
    let told = redirect(asked(&bad, &outside));
    assert_eq!((told.code, told.state.as_deref()), (Code::InvalidRequestObject, Some("outside")));
    let told = redirect(asked(&inside, &[outside[0], ("request_uri", "urn:x")]));
    assert_eq!(told.code, Code::InvalidRequest);
    inside["redirect_uri"] = json!("https://evil.example/");
    assert_eq!(page(asked(&inside, &outside)), PageError::RedirectUri);
}

#[test]
fn under_fapi_a_request_must_be_pushed() {
    let fapi = Client { policy: Policy::Fapi2, ..client() };
    let params = params_of(&good());
    assert_eq!(redirect(check(&params, &fapi, ISSUER)).code, Code::InvalidRequest);
    let keyring = Keyring::default();
    let here = Here { issuer: ISSUER, keyring: &keyring, now: Timestamp::from_epoch(150) };
    assert!(
        check_pushed(&params, &fapi, here).is_ok()
            && check_pushed(&with("client_id", ""), &fapi, here).is_ok()
    );
    assert_eq!(page(check_pushed(&with("client_id", "other"), &fapi, here)), PageError::UnknownClient);
}
