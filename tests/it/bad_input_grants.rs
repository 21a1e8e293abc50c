//! What only some grants bring to the token endpoint, bent: of an exchange for a child, and of a program in its own name.

use crate::{
    bad_input::{Bend, basic, basic_of},
    bad_input_sweep::Good,
    exchange::{ACCESS_TOKEN, Family, TOKEN_EXCHANGE},
    house::House,
    resource::{API, OTHER, house},
};

/// What an exchange brings, and two that spoil it.
pub const EXCHANGE: &[&str] = &[
    "grant_type",
    "subject_token",
    "subject_token_type",
    "requested_token_type",
    "act_as",
    "scope",
    "audience",
    "resource",
    "actor_token",
    "actor_token_type",
];
/// What a program brings.
pub const PROGRAM: &[&str] = &["grant_type", "scope", "resource"];

/// Sweeps a form of the token endpoint that gives a token each time.
async fn sweep(
    test: &str,
    (house, headers): (&House, &str),
    form: &dyn Fn(bool) -> Vec<(&'static str, String)>,
    names: &[&'static str],
    free: &[&str],
) {
    let is_answer =
        |raw: &crate::bad_input_wire::Raw| raw.status == 200 && raw.body.contains("\"access_token\":\"ey");
    let good = Good { test, house, path: "/token", headers, form, is_answer: &is_answer };
    let is_harmless = |name: &str, bend: Bend| match bend {
        Bend::Missing | Bend::Empty => free.contains(&name),
        // RFC 8693 section 2.1, RFC 8707 section 2: there may be several, and one may be said twice.
        Bend::Doubled => ["audience", "resource"].contains(&name),
        _ => false,
    };
    good.sweep(names, is_harmless).await;
}

#[tokio::test]
async fn every_parameter_of_an_exchange_bent_is_an_error_and_the_good_one_is_answered() {
    let family = Family::at_home().await;
    let (access, sams) = (family.tokens.text("access_token"), family.sams.as_str());
    let form = |_| {
        let pairs = [
            ("grant_type", TOKEN_EXCHANGE),
            ("subject_token", access),
            ("subject_token_type", ACCESS_TOKEN),
            ("requested_token_type", ACCESS_TOKEN),
            ("act_as", sams),
            ("scope", "act_as"),
            ("audience", OTHER),
            ("resource", API),
        ];
        pairs.map(|(name, value)| (name, value.to_owned())).into()
    };
    // One of the two names an API where the other does not.
    let free = ["requested_token_type", "scope", "audience", "resource", "actor_token", "actor_token_type"];
    let test = "every_parameter_of_an_exchange_bent_is_an_error_and_the_good_one_is_answered";
    sweep(test, (&family.house, &basic()), &form, EXCHANGE, &free).await;
    let told = "SELECT DISTINCT outcome FROM audit WHERE event = 'token.exchanged' ORDER BY 1";
    assert_eq!(family.house.query(told), ["ok", "refused"], "some bends were read as another person");
}

#[tokio::test]
async fn every_parameter_of_a_program_bent_is_an_error_and_the_good_one_is_answered() {
    let house = house().await;
    let admin = format!("{}/admin/v1", house.issuer);
    let form = |_| {
        let pairs = [("grant_type", "client_credentials"), ("scope", "audit"), ("resource", &admin)];
        pairs.map(|(name, value)| (name, value.to_owned())).into()
    };
    let test = "every_parameter_of_a_program_bent_is_an_error_and_the_good_one_is_answered";
    sweep(test, (&house, &basic_of("desk")), &form, PROGRAM, &["scope", "resource"]).await;
}
