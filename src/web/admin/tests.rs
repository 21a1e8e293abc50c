//! The document says what is there, no more and no less.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::{
    domain::{
        client::{Registration, tests::client},
        import::What,
        mandate,
    },
    flows::admin_clients::as_json,
    oidc::error::{Code, Error},
};

fn openapi() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

/// The members of a schema.
fn members(schema: &str) -> BTreeSet<String> {
    let document = openapi();
    let properties = &document["components"]["schemas"][schema]["properties"];
    properties.as_object().unwrap_or_else(|| panic!("{schema}")).keys().cloned().collect()
}

/// The members that a type reads: its refusal of another one names them. The configuration's name for a `client_id` is not told, nor
/// is the secret that is there to be refused.
fn read<T: serde::de::DeserializeOwned>() -> BTreeSet<String> {
    let refused = serde_json::from_str::<T>(r#"{"no such member": 1}"#).err().unwrap().to_string();
    assert!(refused.contains("unknown field `no such member`"), "{refused}");
    let names = refused.split('`').skip(3).step_by(2).filter(|name| !["id", "secret"].contains(name));
    names.map(str::to_owned).collect()
}

fn written(told: &Value) -> BTreeSet<String> {
    told.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_document_has_each_door_with_its_scope_and_no_other() {
    let document = openapi();
    let paths = document["paths"].as_object().unwrap();
    let told: BTreeSet<&str> = paths.keys().map(String::as_str).filter(|path| *path != DOCUMENT).collect();
    assert_eq!(told, DOORS.iter().map(|(path, ..)| *path).collect());
    for (path, scope, _) in DOORS {
        let methods = paths[path].as_object().unwrap().iter().filter(|(name, _)| *name != "parameters");
        for (method, operation) in methods {
            assert_eq!(operation["security"], json!([{ "program": [scope] }]), "{method} {path}");
        }
    }
}

/// How every proof of possession begins is no refusal; all else that ends in 401 or 403 is.
#[test]
fn what_is_refused_has_a_word_for_the_log_and_a_missing_nonce_has_none() {
    let word = |code| Problem::refused(Error::Json(code, "why"), Scheme::Dpop, AdminScope::Keys).refusal();
    let word = |code| word(code).map(|Refusal(word)| word);
    assert_eq!(word(Code::UseDpopNonce), None);
    assert_eq!(word(Code::InvalidDpopProof), Some("invalid_dpop_proof"));
    assert_eq!(word(Code::InvalidToken), Some("invalid_token"));
    assert_eq!(word(Code::InsufficientScope), Some("insufficient_scope"));
    assert!(Problem::bad("why").refusal().is_none());
}

#[test]
fn the_documents_schemas_are_what_is_read_and_written() {
    assert_eq!(members("Registration"), read::<Registration>());
    assert_eq!(members("Renewal"), read::<clients::Renewal>());
    assert_eq!(members("Rotation"), read::<keys::Rotation>());
    assert_eq!(members("Sought"), read::<accounts::Sought>());
    assert_eq!(members("NewPerson"), read::<persons::New>());
    assert_eq!(members("WantedPerson"), read::<persons::Wanted>());
    assert_eq!(members("MandateForm"), read::<mandates::Filled>());
    assert_eq!(members("Document"), read::<mandates::Told>());
    assert_eq!(members("Block"), read::<mandates::Blocked>());
    assert_eq!(members("BlockToLift"), read::<mandates::Lifted>());
    assert_eq!(members("ProposedCorrection"), read::<corrections::Proposed>());
    assert_eq!(members("SeenCorrection"), read::<corrections::Seen>());
    for (rows, row, what) in
        [("PersonRows", "PersonRow", What::Persons), ("MandateRows", "MandateRow", What::Mandates)]
    {
        assert_eq!(members(rows), read::<imports::Told>());
        assert_eq!(members(row), what.columns().iter().map(|name| (*name).to_owned()).collect());
        let needed = openapi()["components"]["schemas"][row]["required"].clone();
        let told: BTreeSet<&str> =
            what.columns().iter().copied().filter(|name| !what.may_lack(name)).collect();
        assert_eq!(
            needed.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect::<BTreeSet<_>>(),
            told
        );
    }
    assert_eq!(members("Refusal"), read::<mandates::Refused>());
    let whys = openapi()["components"]["schemas"]["Refusal"]["properties"]["why"]["enum"].clone();
    assert_eq!(whys, json!(mandate::Refusal::ALL));
    assert_eq!(members("Said"), read::<mandates::Said>());
    assert_eq!(members("Attestation"), read::<special::Attested>());
    let told = written(&as_json(&client(), false));
    assert_eq!(members("Client"), told);
    let secret = ["client_secret".to_owned()];
    assert_eq!(members("NewClient"), told.iter().cloned().chain(secret).collect());
    // What one reads one can put back, where the sector tells whether subjects are public.
    let back = told.into_iter().filter(|name| name != "configured");
    let public = "public_subjects".to_owned();
    assert_eq!(back.chain([public]).collect::<BTreeSet<_>>(), read::<Registration>());
    let secret = json!({"client_id": "x", "name": "X", "secret": "hunter2"});
    let refused = serde_json::from_value::<Registration>(secret).unwrap_err().to_string();
    assert!(refused.contains("leave out the secret") && !refused.contains("hunter2"), "{refused}");
}
