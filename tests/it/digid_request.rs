//! What leaves for DigiD, as it is sent: verified and read by lasso and openssl, which nobody here wrote
//! (`tests/lasso/request.py`).

use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Stdio},
};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    digid_steps::{HOOG, MIDDEN, SUBSTANTIEEL, bsn, log_in_with_digid, register_with_digid},
    house::{CALLBACK, House},
    portal::{form_encoded, request},
    stsaml::{LOGIN, SERVICE, routed},
};

const ENTITY_ID: &str = "https://sp.test/saml/metadata";
const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// A request on its way.
struct Sent {
    /// `redirect` and the query, or `post` and the field's value.
    line: String,
    relay_state: String,
}

/// Presses the button of a portal's login, and holds what the browser would carry to DigiD.
async fn sent(house: &House, asked: &[(&str, &str)]) -> Sent {
    let browser = Browser::new();
    let choose = browser.visit(&request(house, asked).url, CALLBACK).await;
    let page = browser.submit(&choose, "digid-form", &[]).await;
    if let Some(url) = page.location() {
        assert!(url.as_str().starts_with(&format!("{}/sso?", house.digid)), "{url}");
        let relay_state = url.query_pairs().find(|(name, _)| name == "RelayState").unwrap().1.into_owned();
        return Sent { line: format!("redirect {}", url.query().unwrap()), relay_state };
    }
    assert_eq!(page.status, StatusCode::OK, "{}", page.heading());
    let (_, mut fields) = page.form("digid-form");
    let (message, relay_state) =
        (fields.remove("SAMLRequest").unwrap(), fields.remove("RelayState").unwrap());
    assert_eq!(fields.len(), 0, "{fields:?}");
    Sent { line: format!("post {message}"), relay_state }
}

/// What lasso and openssl make of requests, one by one.
async fn read(house: &House, lines: &[String]) -> Vec<Value> {
    let metadata = reqwest::get(format!("{}/digid/metadata", house.issuer)).await.unwrap();
    std::fs::write(house.folder.join("sp.xml"), metadata.text().await.unwrap()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lasso/request.py");
    let mut command = Command::new("/usr/bin/python3");
    command.arg(script).args(["sp.xml", "digid.xml", "pki/digid-saml.key", "pki/digid-saml.crt"]);
    command.current_dir(&house.folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.join("\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    let read: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read.len(), lines.len(), "{said}\n{complained}");
    read
}

async fn read_one(house: &House, asked: &[(&str, &str)]) -> Value {
    read(house, &[sent(house, asked).await.line]).await.remove(0)
}

/// The same line with one letter of the named parameter's value replaced.
fn bent(line: &str, parameter: &str) -> String {
    let at = line.find(parameter).unwrap() + parameter.len() + 20;
    let other = if line.as_bytes()[at] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &line[..at], &line[at + 1..])
}

#[tokio::test]
async fn a_redirected_request_is_signed_over_the_query_as_sent() {
    let house = House::start().await;
    let line = sent(&house, &[]).await.line;
    let state = line.split("RelayState=").nth(1).unwrap().split('&').next().unwrap();
    let (signed, signature) = line.rsplit_once("&Signature=").unwrap();
    let sha1 = form_encoded("http://www.w3.org/2000/09/xmldsig#rsa-sha1");
    let tampered = [
        bent(&line, "SAMLRequest="),
        line.replace(state, "another"),
        line.replace(&format!("&RelayState={state}"), ""),
        line.replace(&form_encoded(RSA_SHA256), &sha1),
        signed.to_owned(),
        format!("{signed}&Signature={}", signature.chars().rev().collect::<String>()),
    ];
    let read = read(&house, &[&[line.clone()][..], &tampered].concat()).await;
    for (line, said) in tampered.iter().zip(&read[1..]) {
        assert!(said["refused"].is_string(), "{line}: {said}");
    }
    let request = &read[0];
    assert_eq!(request["issuer"], ENTITY_ID, "{request}");
    assert_eq!(request["destination"], format!("{}/sso", house.digid));
    assert_eq!(request["signature"], Value::Null, "it stands in the query");
    assert!(request["instant"].as_str().unwrap().ends_with('Z'), "{request}");
    // The index stands alone: DigiD refuses an address or a binding beside it.
    let attributes =
        ["AssertionConsumerServiceIndex", "Destination", "ForceAuthn", "ID", "IssueInstant", "Version"];
    assert_eq!((&request["index"], &request["attributes"]), (&json!("0"), &json!(attributes)));
    // Nor a Subject, Conditions or anything else that DigiD rejects.
    assert_eq!(request["children"], json!(["Issuer", "RequestedAuthnContext"]));
}

#[tokio::test]
async fn a_posted_request_carries_its_signature_inside() {
    let mut house = House::start().await;
    house.reconfigure("[digid]", "[digid]\nbinding = \"post\"");
    let line = sent(&house, &[]).await.line;
    let read = read(&house, &[line.clone(), bent(&line, "post "), bent(&line, "post PHN")]).await;
    assert!(read[1]["refused"].is_string() && read[2]["refused"].is_string(), "{read:?}");
    let request = &read[0];
    assert_eq!((&request["issuer"], &request["index"]), (&json!(ENTITY_ID), &json!("0")), "{request}");
    let enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
    let how = json!({
        "canonicalization": [EXCLUSIVE],
        "method": [RSA_SHA256],
        "transforms": [enveloped, EXCLUSIVE],
        "digest": ["http://www.w3.org/2001/04/xmlenc#sha256"],
        "references": [format!("#{}", request["id"].as_str().unwrap())],
        "key_name": ["namens-1"],
    });
    assert_eq!(request["signature"], how);
}

#[tokio::test]
async fn where_there_is_no_index_the_consumer_is_named_by_its_address_and_binding() {
    let mut house = House::start().await;
    let bsn = bsn(1);
    let sub = register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await.sub().to_owned();
    let acs = json!(format!("{}/digid/acs", house.issuer));
    let named = async |house: &House| {
        let request = read_one(house, &[]).await;
        (request["index"].clone(), request["url"].clone(), request["attributes"].clone())
    };
    let by_index = named(&house).await;
    assert_eq!((by_index.0, by_index.1), (json!("0"), Value::Null));
    house.reconfigure("[digid]", "[digid]\nconsumer = \"url\"");
    let attributes = json!([
        "AssertionConsumerServiceURL",
        "Destination",
        "ForceAuthn",
        "ID",
        "IssueInstant",
        "ProtocolBinding",
        "Version"
    ]);
    assert_eq!(named(&house).await, (Value::Null, acs.clone(), attributes.clone()));
    let again = log_in_with_digid(&house, &Browser::new(), &bsn, &[], &[]).await;
    assert_eq!(again.sub(), sub, "our DigiD takes it");
    house.reconfigure("[digid]", "[digid]\nbinding = \"post\"");
    assert_eq!(named(&house).await, (Value::Null, acs, attributes), "in a form too");
    house.reconfigure("consumer = \"url\"", "consumer = \"index\"");
    assert_eq!(named(&house).await.0, json!("0"));
}

#[tokio::test]
async fn ids_are_long_and_never_the_same_and_the_relay_state_tells_nothing() {
    let house = House::start().await;
    let (mut lines, mut states) = (Vec::new(), BTreeSet::new());
    for _ in 0..20 {
        let Sent { line, relay_state } = sent(&house, &[("acr_values", SUBSTANTIEEL)]).await;
        let plain = relay_state.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        assert!(plain && relay_state.len() < 80, "{relay_state}");
        // 128 bits or more in at most six bits a letter.
        assert!(relay_state.len() >= 22 && states.insert(relay_state.clone()), "{relay_state}");
        lines.push(line);
    }
    let mut ids = BTreeSet::new();
    for request in read(&house, &lines).await {
        let id = request["id"].as_str().unwrap().to_owned();
        let random = id.strip_prefix('_').unwrap();
        assert!(random.len() * 4 >= 128 && random.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
        assert!(ids.insert(id), "{request}");
    }
    assert_eq!((ids.len(), states.len()), (20, 20));
}

#[tokio::test]
async fn a_fresh_login_is_asked_for_when_the_portal_wants_one() {
    let house = House::start().await;
    for (asked, force) in [
        (&[][..], false),
        (&[("prompt", "login")], true),
        (&[("max_age", "60")], true),
        (&[("max_age", "0")], true),
        (&[("acr_values", HOOG)], false),
    ] {
        assert_eq!(read_one(&house, asked).await["force"], force, "{asked:?}");
    }
}

#[tokio::test]
async fn the_least_level_is_the_clients_or_what_it_asks_above_that() {
    let mut house = House::start().await;
    let [midden, substantieel, hoog] = ["MobileTwoFactorContract", "Smartcard", "SmartcardPKI"]
        .map(|class| json!([format!("urn:oasis:names:tc:SAML:2.0:ac:classes:{class}")]));
    let least = async |house: &House, asked: &[(&str, &str)]| {
        let mut request = read_one(house, asked).await;
        assert_eq!(request["comparison"], "minimum", "{asked:?}");
        request["classes"].take()
    };
    assert_eq!(least(&house, &[]).await, midden, "DigiD Basis is not asked for");
    assert_eq!(least(&house, &[("acr_values", MIDDEN)]).await, midden);
    assert_eq!(least(&house, &[("acr_values", SUBSTANTIEEL)]).await, substantieel);
    assert_eq!(least(&house, &[("acr_values", HOOG)]).await, hoog);
    house.reconfigure("sees_relation = true", "sees_relation = true\nminimum_level = \"substantieel\"");
    assert_eq!(least(&house, &[]).await, substantieel);
    assert_eq!(least(&house, &[("acr_values", MIDDEN)]).await, substantieel, "never below the client's");
    assert_eq!(least(&house, &[("acr_values", HOOG)]).await, hoog);
}

#[tokio::test]
async fn the_routing_service_is_asked_by_service_and_never_for_a_level() {
    let house = House::start_with(routed()).await;
    let request = read_one(&house, &[("acr_values", HOOG)]).await;
    assert_eq!(request["issuer"], ENTITY_ID, "{request}");
    assert_eq!((&request["comparison"], &request["classes"]), (&Value::Null, &json!([])));
    assert_eq!(
        (&request["asked_by"], &request["providers"]),
        (&json!([ENTITY_ID, SERVICE]), &json!([LOGIN]))
    );
    let attributes =
        ["AssertionConsumerServiceIndex", "Destination", "ForceAuthn", "ID", "IssueInstant", "Version"];
    assert_eq!(request["attributes"], json!(attributes));
    assert_eq!(request["children"], json!(["Issuer", "Signature", "Extensions", "Scoping"]));
    assert_eq!(request["signature"]["method"], json!([RSA_SHA256]));
}
