//! Who gets past the door of the admin API, through the application as the server builds it.

use serde_json::{Value, json};

use super::*;
use crate::{
    domain::{
        api::AdminScopes, client::ClientAuth, key::Algorithm, policy::Policy, scope::Scopes, secret::Secret,
    },
    flows::{
        client_auth::Caller,
        redeem::redeem,
        revoke::revoke,
        userinfo::{
            tests::{House, now},
            userinfo,
        },
    },
    oidc::{jwt::tests::Signer, oxide::tests::client as fixture, params::Params},
};

const URL: &str = "https://id.example.nl/admin/v1/mandates";
const PATH: &str = "/admin/v1/mandates";
const NOBODY: Caller<'static> =
    Caller { authorization: None, certificate: None, from: None, origin: None, is_cross_site: false };

fn program(scopes: AdminScopes) -> Client {
    Client {
        id: "desk".into(),
        policy: Policy::Basic,
        auth: ClientAuth::ClientSecretPost(Secret::new("s3cret").hashed().into()),
        redirect_uris: vec![],
        scopes: Scopes::default(),
        service_scopes: scopes,
        ..fixture("desk")
    }
}

/// A house with a program that may do those two things.
async fn house() -> House {
    let house = House::build().await;
    register(&house, [AdminScope::Mandates, AdminScope::Audit].into()).await;
    house
}

async fn register(house: &House, scopes: AdminScopes) {
    house.app.store.remove_client("desk", None, None, now()).await.unwrap();
    let program = program(scopes);
    assert_eq!(program.check(), Ok(()));
    assert!(house.app.store.add_client(&program, None, now()).await.unwrap());
}

fn form(more: &str) -> Params {
    Params::parse(format!("client_id=desk&client_secret=s3cret&{more}").as_bytes()).unwrap()
}

async fn token(house: &House, scope: &str, proof: Option<&str>) -> String {
    let form = form(&format!("grant_type=client_credentials&scope={scope}"));
    let answer = redeem(&house.app, NOBODY, Ok(proof), &form, now()).await.unwrap();
    serde_json::to_value(answer).unwrap()["access_token"].as_str().unwrap().to_owned()
}

async fn shown(
    house: &House,
    token: &str,
    shown: Presentation<'_>,
    needed: AdminScope,
    now: Timestamp,
) -> Result<String, Code> {
    match caller(&house.app, token, (shown, None), PATH, needed, now).await {
        Ok(client) => Ok(client.id),
        Err(Denied { error: Error::Json(code, _), .. }) => Err(code),
        Err(other) => panic!("{other:?}"),
    }
}

async fn calls(house: &House, token: &str, needed: AdminScope) -> Result<String, Code> {
    shown(house, token, Presentation::Bearer, needed, now()).await
}

#[tokio::test]
async fn a_program_may_do_what_both_its_token_and_its_registration_say() {
    let house = house().await;
    let (one, both) = (token(&house, "mandates", None).await, token(&house, "mandates+audit", None).await);
    let desk = Ok("desk".to_owned());
    assert_eq!(calls(&house, &one, AdminScope::Mandates).await, desk);
    assert_eq!(calls(&house, &one, AdminScope::Audit).await, Err(Code::InsufficientScope));
    assert_eq!(calls(&house, &both, AdminScope::Audit).await, desk);
    assert_eq!(calls(&house, &both, AdminScope::Keys).await, Err(Code::InsufficientScope));
    let at = async |seconds| {
        shown(&house, &one, Presentation::Bearer, AdminScope::Mandates, now().plus(seconds)).await
    };
    assert_eq!((at(299).await, at(300).await), (desk.clone(), Err(Code::InvalidToken)));
    register(&house, [AdminScope::Audit].into()).await;
    assert_eq!(calls(&house, &both, AdminScope::Mandates).await, Err(Code::InsufficientScope), "taken away");
    assert_eq!(calls(&house, &both, AdminScope::Audit).await, desk);
    house.app.store.remove_client("desk", None, None, now()).await.unwrap();
    assert_eq!(calls(&house, &both, AdminScope::Audit).await, Err(Code::InvalidToken), "removed");
}

#[tokio::test]
async fn a12_a_users_token_opens_no_admin_api_and_a_programs_no_userinfo() {
    let house = house().await;
    let (own, users) = (token(&house, "audit", None).await, house.token("openid email act_as").await);
    assert_eq!(calls(&house, &users, AdminScope::Audit).await, Err(Code::InvalidToken));
    assert!(userinfo(&house.app, &users, Presentation::Bearer, None, now()).await.is_ok());
    assert_eq!(calls(&house, &own, AdminScope::Audit).await, Ok("desk".to_owned()));
    let told = userinfo(&house.app, &own, Presentation::Bearer, None, now()).await;
    assert!(matches!(told, Err(Error::Json(Code::InvalidToken, _))));
    let (head, _) = own.rsplit_once('.').unwrap();
    for bad in ["", "x", "..", &format!("{head}.AAAA")] {
        assert_eq!(calls(&house, bad, AdminScope::Audit).await, Err(Code::InvalidToken), "{bad}");
    }
}

#[tokio::test]
async fn a_token_that_was_given_back_is_worth_nothing_and_others_are() {
    let house = house().await;
    let (gone, other) = (token(&house, "audit", None).await, token(&house, "audit", None).await);
    for _ in 0..2 {
        revoke(&house.app, NOBODY, &form(&format!("token={gone}")), now()).await.unwrap();
        assert_eq!(calls(&house, &gone, AdminScope::Audit).await, Err(Code::InvalidToken));
    }
    assert_eq!(calls(&house, &other, AdminScope::Audit).await, Ok("desk".to_owned()));
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_wants_it_at_that_address() {
    let house = house().await;
    let signer = Signer::new(Algorithm::Es256);
    let proof = |signer: &Signer, method: &str, url: &str, token: Option<&str>| {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let mut claims = json!({"jti": crate::domain::id::random::<16>(), "htm": method, "htu": url,
                                "iat": now().epoch()});
        if let Some(token) = token {
            let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
            claims["ath"] = Value::String(URL_SAFE_NO_PAD.encode(hash));
        }
        signer.sign(&json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": signer.jwk()}), &claims)
    };
    let first = proof(&signer, "POST", "https://id.example.nl/token", None);
    let bound = token(&house, "audit", Some(&first)).await;
    let tried = async |proof: &str| {
        let shown_so = Presentation::Dpop { proof: Some(proof), method: "GET" };
        shown(&house, &bound, shown_so, AdminScope::Audit, now()).await
    };
    let good = proof(&signer, "GET", URL, Some(&bound));
    assert_eq!(tried(&good).await, Ok("desk".to_owned()));
    assert_eq!(tried(&good).await, Err(Code::InvalidDpopProof), "used");
    let elsewhere = proof(&signer, "GET", "https://id.example.nl/admin/v1/clients", Some(&bound));
    assert_eq!(tried(&elsewhere).await, Err(Code::InvalidDpopProof));
    let stolen = proof(&Signer::new(Algorithm::Es256), "GET", URL, Some(&bound));
    assert_eq!(tried(&stolen).await, Err(Code::InvalidToken));
    assert_eq!(calls(&house, &bound, AdminScope::Audit).await, Err(Code::InvalidToken), "as a bearer's");
}
