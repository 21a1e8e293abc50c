//! How a client proves who it is, bent at each door that asks it: of one with a secret in the form, and of one with a key.

use crate::{
    bad_input::Bend,
    bad_input_doors::CLIENT,
    bad_input_sweep::Good,
    bad_input_wire::Raw,
    house::{House, SECRET},
    jose::{ASSERTION_TYPE, assertion},
    oidc_client::{Ask, Auth, Client, KEYED, LAB, house, logged_in},
};

/// The doors where clients prove who they are.
const PROVEN: [&str; 4] = ["/token", "/par", "/introspect", "/revoke"];

fn proof(house: &House, client: &Client) -> Vec<(&'static str, String)> {
    let proof = match client.auth {
        Auth::Post => vec![("client_secret", SECRET.to_owned())],
        // An assertion is good once.
        _ => vec![
            ("client_assertion", assertion(house, client.id)),
            ("client_assertion_type", ASSERTION_TYPE.to_owned()),
        ],
    };
    [vec![("client_id", client.id.to_owned())], proof].concat()
}

/// What a door wants beside the proof.
fn wanted(path: &str, ask: &Ask, refresh: &str, access: &str) -> Vec<(&'static str, String)> {
    let names = [
        "redirect_uri",
        "response_type",
        "scope",
        "nonce",
        "state",
        "code_challenge",
        "code_challenge_method",
    ];
    match path {
        "/token" => vec![("grant_type", "refresh_token".to_owned()), ("refresh_token", refresh.to_owned())],
        "/par" => names.map(|name| (name, ask.get(name).to_owned())).into(),
        _ => vec![("token", access.to_owned())],
    }
}

fn is_answer(path: &str, raw: &Raw) -> bool {
    match path {
        "/par" => raw.status == 201 && raw.body.contains("request_uri"),
        "/token" => raw.status == 200 && raw.body.contains("\"access_token\":\"ey"),
        "/introspect" => raw.status == 200 && raw.body.contains("\"active\":true"),
        _ => raw.status == 200 && raw.body.is_empty(),
    }
}

async fn sweep(test: &str, client: Client) {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let tokens = client.sign_on(&house, &browser, "openid").await;
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    let spent = client.sign_on(&house, &browser, "openid").await;
    let ask = client.ask();
    for path in PROVEN {
        // What is given back is gone: what a bent request must not end is another token than what a good one ends.
        let token = |refused: bool| match path {
            "/revoke" if !refused => spent.text("access_token"),
            _ => access,
        };
        let form = |refused| [proof(&house, &client), wanted(path, &ask, refresh, token(refused))].concat();
        let is_answer = |raw: &Raw| is_answer(path, raw);
        let good = Good { test, house: &house, path, headers: "", form: &form, is_answer: &is_answer };
        let own: Vec<_> = proof(&house, &client).into_iter().map(|(name, _)| name).collect();
        let is_harmless = |name: &str, bend: Bend| {
            let left_out = matches!(bend, Bend::Missing | Bend::Empty);
            // The `sub` of an assertion says who it is (RFC 7521 section 4.2); a second method is none while it is empty.
            left_out && (!own.contains(&name) || name == "client_id" && client.auth == Auth::Key)
        };
        good.sweep(CLIENT, is_harmless).await;
    }
    assert_eq!(client.introspect(&house, spent.text("access_token")).await["active"], false);
    assert_eq!(client.introspect(&house, access).await["active"], true);
    assert_eq!(client.refresh(&house, refresh).await.0, 200);
    client.revoke(&house, &[("token", access)]).await;
    assert_eq!(client.introspect(&house, access).await["active"], false);
}

#[tokio::test]
async fn the_proof_of_a_client_with_a_secret_bent_opens_no_door() {
    sweep("the_proof_of_a_client_with_a_secret_bent_opens_no_door", LAB).await;
}

#[tokio::test]
async fn the_proof_of_a_client_with_a_key_bent_opens_no_door() {
    sweep("the_proof_of_a_client_with_a_key_bent_opens_no_door", KEYED).await;
}
