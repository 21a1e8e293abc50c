//! Clients, and what may not be one.

use serde_json::{Value, json};

use super::{check::may_redirect_to, *};
use crate::domain::{
    client_secret::ClientSecret,
    jwk::JwkSet,
    scope::Scope,
    secret::{Hashed, Secret},
};

/// What is wrong with a client.
pub(crate) fn why(client: &Client) -> Why {
    client.check().unwrap_err().why
}

/// A public client on which nothing is wrong.
pub(crate) fn client() -> Client {
    told().client(ClientAuth::None, None, Wishes::default()).unwrap()
}

fn told() -> Registration {
    Registration {
        redirect_uris: vec!["https://portal.example.nl/callback".into()],
        scopes: [Scope::Openid].into(),
        ..Registration::new("portal".into(), "Portaal".into())
    }
}

#[test]
fn what_is_left_out_is_the_safe_choice_that_the_policy_allows() {
    let under = |policy: Option<Policy>| {
        let told = Registration { policy, ..told() };
        assert_eq!(told.method(), AuthMethod::PrivateKeyJwt);
        let client = told.client(ClientAuth::PrivateKeyJwt, Some(set()), Wishes::default()).unwrap();
        (client.policy, client.id_token_alg, client.minimum_level, client.userinfo, client.third_party)
    };
    let usual = |policy, alg| (policy, alg, Level::Local, UserinfoForm::Plain, false);
    assert_eq!(under(None), usual(Policy::Nlgov, Algorithm::Rs256));
    assert_eq!(under(Some(Policy::Basic)), usual(Policy::Basic, Algorithm::Rs256));
    assert_eq!(under(Some(Policy::Fapi2)), usual(Policy::Fapi2, Algorithm::Ps256));
}

#[test]
fn a_client_is_told_as_it_was_registered_whoever_tells_it() {
    let all = json!({
        "client_id": "portal",
        "name": "Portaal",
        "policy": "basic",
        "auth": "private_key_jwt",
        "jwks": set(),
        "jwks_uri": null,
        "sector": "public",
        "id_token_alg": "EdDSA",
        "minimum_level": "hoog",
        "userinfo_signed_response_alg": "ES256",
        "userinfo_encrypted_response_alg": null,
        "redirect_uris": ["https://portal.example.nl/callback"],
        "post_logout_redirect_uris": ["https://portal.example.nl/"],
        "backchannel_logout_uri": "https://portal.example.nl/out",
        "policy_uri": "https://portal.example.nl/privacy#cookies",
        "tos_uri": "https://voorwaarden.example.nl/?taal=nl",
        "certificate_name": null,
        "certificate_bound_tokens": true,
        "scopes": ["openid", "act_as"],
        "resources": ["urn:x:api"],
        "serves": ["urn:x:own"],
        "service_scopes": [],
        "authorization_signed_response_alg": "PS256",
        "require_signed_request_object": true,
        "sees_relation": true,
        "sees_bsn": false,
        "third_party": true,
    });
    let client = |told: Value| {
        let mut told: Registration = serde_json::from_value(told).unwrap();
        let jwks = told.jwks.take();
        told.with_openid().client(ClientAuth::PrivateKeyJwt, jwks, Wishes::default())
    };
    assert_eq!(json!(client(all.clone()).unwrap().registration()), all);
    let with = |changes: &[(&str, Value)]| {
        let mut told = all.clone();
        for (name, value) in changes {
            told[*name] = value.clone();
        }
        client(told)
    };
    let public = with(&[("sector", Value::Null), ("public_subjects", true.into())]);
    assert_eq!(public.unwrap(), client(all.clone()).unwrap());
    assert_eq!(with(&[("sector", Value::Null)]).unwrap().sector, "portal.example.nl");
    assert_eq!(with(&[("scopes", json!(["act_as"]))]), client(all.clone()), "openid goes without saying");
    let encrypted = "userinfo_encrypted_response_alg";
    for (changes, why) in [
        (&[("public_subjects", json!(true))][..], Why::SectorOfPublic),
        (&[("public_subjects", json!(false))], Why::PublicAndNot),
        (&[("sector", json!("a\nb"))], Why::NoSector),
        (&[("name", json!(" "))], Why::Name),
        (&[("jwks_uri", json!("https://portal.example.nl/jwks"))], Why::TwoKeySets),
        (&[("userinfo_signed_response_alg", Value::Null), (encrypted, json!("RSA-OAEP-256"))], Why::Unsigned),
    ] {
        assert_eq!(with(changes).unwrap_err().why, why);
    }
}

#[test]
fn a_plain_client_passes_and_each_fault_is_named() {
    assert_eq!(client().check(), Ok(()));
    let bad = |client: Client| why(&client);
    assert_eq!(bad(Client { id: "a b".into(), ..client() }), Why::Id);
    for name in ["", " ", "a\nb"] {
        assert_eq!(bad(Client { name: name.into(), ..client() }), Why::Name);
    }
    let nothing = Client { redirect_uris: vec![], scopes: Scopes::default(), ..client() };
    assert_eq!(bad(nothing), Why::NoRedirectUri);
    assert_eq!(bad(Client { scopes: Scopes::default(), ..client() }), Why::NoOpenid);
    let (policy, auth) = (Policy::Nlgov, AuthMethod::ClientSecretPost);
    let secret = ClientAuth::ClientSecretPost(Secret::new("x").hashed().into());
    assert_eq!(bad(Client { auth: secret, ..client() }), Why::Auth { policy, auth });
    let uri = "http://portal.example.nl/out";
    let deaf = Client { backchannel_logout_uri: Some(uri.into()), ..client() };
    assert_eq!(bad(deaf), Why::BackchannelUri(uri.into()));
    assert_eq!(bad(Client { auth: ClientAuth::PrivateKeyJwt, ..client() }), Why::NoKeys);
    let auth = || ClientAuth::TlsClientAuth;
    let named = |name: &str| Some(CertificateName::SubjectDn(name.into()));
    assert_eq!(Client { auth: auth(), certificate_name: named("CN=portal"), ..client() }.check(), Ok(()));
    for (auth, certificate_name) in [(auth(), None), (auth(), named("x")), (ClientAuth::None, named("CN=x"))]
    {
        assert_eq!(bad(Client { auth, certificate_name, ..client() }), Why::CertificateName);
    }
    let userinfo = UserinfoForm::Encrypted { signed: Algorithm::Rs256, to: KeyEncryption::RsaOaep256 };
    assert_eq!(bad(Client { userinfo, ..client() }), Why::NoEncryptionKey);
    assert_eq!(bad(Client { sees_bsn: true, ..client() }), Why::SeesBsn);
    assert_eq!(bad(Client { sees_bsn: true, third_party: true, userinfo, ..client() }), Why::SeesBsn);
    let (policy, auth) = (Policy::Fapi2, AuthMethod::None);
    assert_eq!(bad(Client { policy, ..client() }), Why::Auth { policy, auth });
    let fapi = |id_token_alg, answers, userinfo| Client {
        policy,
        auth: ClientAuth::PrivateKeyJwt,
        keys: Keys::At { uri: "https://portal.example.nl/jwks.json".into(), told: None },
        id_token_alg,
        authorization_signed_response_alg: Some(answers),
        userinfo: UserinfoForm::Signed(userinfo),
        ..client()
    };
    let (weak, good) = (Algorithm::Rs256, Algorithm::Ps256);
    assert_eq!(fapi(good, good, good).check(), Ok(()));
    for one in [fapi(weak, good, good), fapi(good, weak, good), fapi(good, good, weak)] {
        assert_eq!(bad(one), Why::Algorithm { policy, alg: weak });
    }
}

fn set() -> JwkSet {
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    JwkSet::read(&json!({ "keys": [jwk] })).unwrap()
}

#[test]
fn keys_are_registered_or_told_at_an_address_and_never_both() {
    let at = |uri: &str| Keys::of(None, Some(uri.into()));
    let good = "https://portal.example.nl/jwks.json";
    let check = |keys| Client { auth: ClientAuth::PrivateKeyJwt, keys, ..client() }.check();
    assert_eq!(check(at(good).unwrap()), Ok(()));
    assert_eq!(check(Keys::of(Some(set()), None).unwrap()), Ok(()));
    assert_eq!(Keys::of(Some(set()), Some(good.into())), Err(Why::TwoKeySets));
    let signs = |keys| Client { keys, require_signed_request_object: true, ..client() }.check();
    assert_eq!(signs(Keys::Registered(set())), Ok(()));
    assert_eq!(signs(Keys::None).unwrap_err().why, Why::NoRequestKeys);
    for bad in ["http://portal.example.nl/jwks.json", "https://p@portal.example.nl/", "https://a.nl/#x", "x"]
    {
        assert_eq!(check(at(bad).unwrap()).unwrap_err().why, Why::JwksUri(bad.into()));
    }
}

/// A row of the table `clients` as it has been written since there are such: members may be added, and none changed.
#[test]
fn a_client_is_kept_as_it_always_was() {
    let kept = json!({
        "id": "portal",
        "name": "Portaal",
        "policy": "basic",
        "redirect_uris": ["https://portal.example.nl/callback"],
        "post_logout_redirect_uris": [],
        "backchannel_logout_uri": null,
        "auth": {"method": "client_secret_basic", "secret_sha256": [1, 2, 3]},
        "jwks": null,
        "jwks_uri": "https://portal.example.nl/jwks.json",
        "certificate_name": null,
        "certificate_bound_tokens": false,
        "scopes": ["openid", "act_as"],
        "resources": [],
        "serves": [],
        "service_scopes": [],
        "sector": "portal.example.nl",
        "id_token_alg": "RS256",
        "authorization_signed_response_alg": null,
        "minimum_level": "local",
        "sees_relation": true,
        "userinfo_signed_response_alg": "ES256",
        "userinfo_encrypted_response_alg": "RSA-OAEP-256",
        "third_party": false,
        "wishes": {
            "max_age": 60,
            "levels": ["midden"],
            "assertion_alg": null,
            "request_object_alg": null,
            "dpop": true,
            "pushes": false,
            "sector_identifier_uri": null,
        },
    });
    let read = |row: &Value| serde_json::from_value::<Client>(row.clone());
    let client = read(&kept).unwrap();
    assert_eq!(client.auth.secret(), Some(&Hashed::from_stored(vec![1, 2, 3]).into()));
    assert_eq!(client.keys.uri(), Some("https://portal.example.nl/jwks.json"));
    let (signed, to) = (Algorithm::Es256, KeyEncryption::RsaOaep256);
    assert_eq!(client.userinfo, UserinfoForm::Encrypted { signed, to });
    assert_eq!((client.wishes.max_age, client.sees_relation), (Some(60), true));
    let written = json!(client);
    for (name, value) in kept.as_object().unwrap() {
        assert_eq!(written[name], *value, "{name}");
    }
    // The first rows had no more than this.
    let first = [
        "id",
        "name",
        "policy",
        "redirect_uris",
        "auth",
        "scopes",
        "sector",
        "id_token_alg",
        "minimum_level",
    ];
    let mut row = kept.clone();
    row.as_object_mut().unwrap().retain(|name, _| first.contains(&name.as_str()));
    let early = read(&row).unwrap();
    assert_eq!((&early.keys, early.userinfo), (&Keys::None, UserinfoForm::Plain));
    assert_eq!((early.check(), read(&json!(early)).unwrap()), (Ok(()), early.clone()));
    // A row of a later version may hold what makes its client stricter: it is not read as if it did not.
    for (name, value, says) in [
        ("stricter", json!(true), "unknown field `stricter`"),
        ("jwks", json!(set()), "not both"),
        ("userinfo_signed_response_alg", json!(null), "signed too"),
    ] {
        let mut row = kept.clone();
        row[name] = value;
        let refused = read(&row).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
}

#[test]
fn a_way_to_authenticate_is_kept_under_its_name_and_has_a_secret_or_none() {
    let hash = || Secret::new("x").hashed();
    for method in AuthMethod::ALL.iter().copied() {
        let secret = method.has_secret().then(hash);
        let auth = method.with(secret.clone()).unwrap();
        let held = secret.map(ClientSecret::from);
        assert_eq!((auth.method(), auth.secret()), (method, held.as_ref()));
        assert_eq!(json!(auth)["method"], method.as_str());
        let (wrong, why) =
            if method.has_secret() { (None, Why::NoSecret) } else { (Some(hash()), Why::SecretOfNoUse) };
        assert_eq!(method.with(wrong), Err(why));
        let (first, made) = method.after(None);
        assert!(first.secret().zip(made.as_ref()).is_none_or(|(held, made)| held.is_newest(made)));
        // Whoever has one goes on with it.
        assert_eq!(method.has_secret(), made.is_some());
        let (second, made) = method.after(Some(&first));
        assert!(second == first && made.is_none());
    }
}

/// Two programs are two pairs of eyes only where what proves the one proves nothing of the other (M11).
#[test]
fn two_clients_share_a_proof_by_a_secret_a_key_an_address_of_keys_or_a_name() {
    let by_secret = |text: &str| Client {
        auth: ClientAuth::ClientSecretBasic(Secret::new(text).hashed().into()),
        ..client()
    };
    let at = |uri: &str| Client { keys: Keys::At { uri: uri.into(), told: None }, ..client() };
    let named =
        |name: &str| Client { certificate_name: Some(CertificateName::SanDns(name.into())), ..client() };
    let jwk = |x: &str| json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    let [one, two] =
        ["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"];
    let registered = |xs: &[&str]| {
        let keys: Vec<_> = xs.iter().map(|x| jwk(x)).collect();
        Client { keys: Keys::Registered(JwkSet::read(&json!({ "keys": keys })).unwrap()), ..client() }
    };
    for (first, second, shares) in [
        (by_secret("a"), by_secret("a"), true),
        (by_secret("a"), by_secret("b"), false),
        (registered(&[one, two]), registered(&[two]), true),
        (registered(&[one]), registered(&[two]), false),
        (at("https://a.nl/jwks"), at("https://a.nl/jwks"), true),
        (at("https://a.nl/jwks"), at("https://b.nl/jwks"), false),
        (named("a.nl"), named("a.nl"), true),
        (named("a.nl"), named("b.nl"), false),
        // Who has none of these shares none.
        (client(), client(), false),
        (by_secret("a"), named("a.nl"), false),
        (registered(&[one]), at("https://a.nl/jwks"), false),
    ] {
        assert_eq!(first.shares_proof_with(&second), shares, "{first:?} {second:?}");
        assert_eq!(second.shares_proof_with(&first), shares, "{second:?} {first:?}");
    }
}

#[test]
fn redirect_uris_are_https_or_this_machine() {
    for good in ["https://a.nl/cb?x=1", "http://127.0.0.1:8080/cb", "http://[::1]/cb", "http://localhost/cb"]
    {
        assert!(may_redirect_to(good), "{good}");
    }
    for bad in [
        "http://a.nl/cb",
        "https://a.nl/cb#x",
        "https://u@a.nl/cb",
        "javascript:alert(1)",
        "https://a.nl/cb ",
        "https://a.nl/\tcb",
        "https://é.nl/cb",
        "/cb",
        "app:/cb",
    ] {
        assert!(!may_redirect_to(bad), "{bad}");
    }
}

#[test]
fn the_name_localhost_leads_back_under_basic_alone() {
    let keyed = told().client(ClientAuth::PrivateKeyJwt, Some(set()), Wishes::default()).unwrap();
    let keyed = Client { id_token_alg: Algorithm::Ps256, ..keyed };
    let at = |policy, uri: &str, out: &str| {
        let (redirect_uris, post_logout_redirect_uris) = (vec![uri.to_owned()], vec![out.to_owned()]);
        Client { policy, redirect_uris, post_logout_redirect_uris, ..keyed.clone() }.check()
    };
    let (name, address) = ("http://localhost:8080/cb", "http://127.0.0.1:8080/cb");
    for policy in Policy::ALL.iter().copied() {
        assert_eq!(at(policy, address, address), Ok(()), "{policy}");
        assert_eq!(at(policy, "https://localhost.example.nl/cb", address), Ok(()), "{policy}");
        for (uri, out, bad) in [
            (name, address, name),
            (address, name, name),
            ("https://localhost/cb", address, "https://localhost/cb"),
            ("https://LOCALHOST./cb", address, "https://LOCALHOST./cb"),
        ] {
            let told = at(policy, uri, out).map_err(|bad| bad.why);
            let why = Why::Localhost { policy, uri: bad.to_owned() };
            assert_eq!(told, if policy == Policy::Basic { Ok(()) } else { Err(why) }, "{uri}");
        }
    }
}

#[test]
fn a_sector_is_the_one_host_or_must_be_named() {
    let uris = |list: &[&str]| list.iter().map(|u| (*u).to_owned()).collect::<Vec<_>>();
    assert_eq!(Client::sector_of("p", &uris(&["https://a.nl/1", "https://a.nl/2"])), Ok("a.nl".into()));
    assert!(Client::sector_of("p", &uris(&["https://a.nl/1", "https://b.nl/2"])).is_err());
}

#[test]
fn an_id_has_1_to_64_plain_characters() {
    let check = |id: String| Client { id, ..client() }.check();
    assert_eq!(check("x".repeat(64)), Ok(()));
    for bad in [String::new(), "x".repeat(65), "é".to_owned(), "a/b".to_owned()] {
        assert_eq!(check(bad.clone()), Err(BadClient { client: bad, why: Why::Id }));
    }
}

#[test]
fn a_client_with_a_secret_is_not_public() {
    let secret = ClientAuth::ClientSecretBasic(Hashed::from_stored(vec![1; 32]).into());
    assert!(client().is_public() && !Client { auth: secret, ..client() }.is_public());
}

#[test]
fn a_certificate_is_shown_by_who_proves_itself_with_one_or_has_its_tokens_bound_to_one() {
    let shows = |auth, certificate_bound_tokens| {
        Client { auth, certificate_bound_tokens, ..client() }.shows_certificate()
    };
    let all = [
        ClientAuth::None,
        ClientAuth::PrivateKeyJwt,
        ClientAuth::TlsClientAuth,
        ClientAuth::SelfSignedTlsClientAuth,
    ];
    assert_eq!(all.clone().map(|auth| shows(auth, false)), [false, false, true, true]);
    assert_eq!(all.map(|auth| shows(auth, true)), [true; 4]);
}

#[test]
fn keys_are_known_once_they_were_told_and_fit_an_encrypted_answer_from_the_start() {
    let at = |told: Option<JwkSet>| Keys::At {
        uri: "https://portal.example.nl/jwks".into(),
        told: told.map(Into::into),
    };
    let known = |keys: &Keys| keys.known().cloned();
    assert_eq!((known(&Keys::None), known(&at(None))), (None, None));
    assert_eq!((known(&Keys::Registered(set())), known(&at(Some(set())))), (Some(set()), Some(set())));
    let userinfo = UserinfoForm::Encrypted { signed: Algorithm::Rs256, to: KeyEncryption::RsaOaep256 };
    assert_eq!(Client { userinfo, keys: at(None), ..client() }.check(), Ok(()));
}

#[test]
fn what_is_wrong_names_the_client_whatever_it_is_called() {
    let said = |client: Client| client.check().unwrap_err().to_string();
    assert!(said(Client { name: " ".into(), ..client() }).starts_with("client portal: give it a name"));
    assert!(
        said(Client { id: "a\u{1b}".into(), ..client() }).starts_with("client id \"a\\u{1b}\": use 1 to 64")
    );
}

#[test]
fn pages_lead_only_to_https_at_a_host_that_is_to_be_seen() {
    let led = |uri: &str| Client { policy_uri: Some(uri.into()), ..client() }.check();
    let long = format!("https://x.nl/{}", "y".repeat(499));
    for good in ["https://x.nl", "https://x.nl/a?b#c", "HTTPS://x.nl", "https://10.0.0.1/", &long] {
        assert_eq!(led(good), Ok(()), "{good}");
    }
    for bad in [
        "",
        "x",
        "http://x.nl",
        "http://127.0.0.1/",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://",
        "https://bank.nl@x.nl/",
        "https://:x@x.nl/",
        " https://x.nl",
        "https://x.nl/\u{202e}",
        "https://x.nl/\0",
        "java\tscript:x",
        &format!("{long}y"),
    ] {
        let why = Why::Link { member: "policy_uri" };
        assert_eq!(led(bad).map_err(|bad| bad.why), Err(why), "{bad}");
        let why = Why::Link { member: "tos_uri" };
        let terms = Client { tos_uri: Some(bad.into()), ..client() }.check();
        assert_eq!(terms.map_err(|bad| bad.why), Err(why), "{bad}");
    }
}
