//! Every member of every body and every parameter of every address of the admin API, bent: a problem that is named, never a fault, and
//! nothing changed. The table is the document itself, which is held against what is read.

use serde_json::Value;

use crate::{
    admin::{Api, LOCAL, ROOT, house_with},
    bad_input::assert_calm,
    bad_input_wire::exchange,
    house::House,
};

/// What may change by requests that are refused: nothing.
fn kept(house: &House) -> Vec<String> {
    [
        "clients",
        "accounts",
        "signing_keys",
        "grants",
        "persons",
        "mandates",
        "blocks",
        "corrections",
        "consents",
        "special_bases",
    ]
    .map(|table| house.query(&format!("SELECT COUNT(*) FROM {table}")).remove(0))
    .into()
}

/// Sends a body as it is, and gives the status of what must be a problem.
async fn refused(api: &Api<'_>, method: &str, path: &str, body: Option<(&str, String)>) -> u16 {
    let kind = body.as_ref().map(|(media, _)| format!("content-type: {media}\r\n")).unwrap_or_default();
    let body = body.map(|(_, body)| body).unwrap_or_default();
    let head = format!(
        "{} /admin/v1{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n{kind}content-length: {}\r\n\r\n",
        method.to_uppercase(),
        api.token,
        body.len()
    );
    // The server stops reading what is too long, and closes.
    let answer = exchange(api.house, &[head.as_bytes(), body.as_bytes()].concat()).await;
    let (status, head) = (answer.status, answer.head.to_lowercase());
    // Who writes too long a line is cut short before anybody reads it.
    if (status != 414 && status != 431) && status >= 400 {
        assert!(head.contains("content-type: application/problem+json"), "{path}: {head} {}", answer.body);
        assert!(head.contains("cache-control: no-store"), "{path}: {head}");
    }
    assert!(status < 500, "{path}: {}", answer.body);
    status
}

fn schema<'a>(document: &'a Value, named: &Value) -> &'a Value {
    document.pointer(named["$ref"].as_str().unwrap().strip_prefix('#').unwrap()).unwrap()
}

#[tokio::test]
async fn every_member_and_parameter_of_the_admin_api_bent_is_a_problem_and_changes_nothing() {
    let house = house_with(LOCAL).await;
    let api = Api::new(&house, &ROOT, "clients accounts mandates keys audit").await;
    let document = reqwest::get(format!("{}/admin/v1/openapi.json", house.issuer)).await.unwrap();
    let document: Value = document.json().await.unwrap();
    let (before, mut members, mut parameters) = (kept(&house), 0, 0);
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path: String = path
            .split('/')
            .map(|part| if part.starts_with('{') { "x" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for (method, operation) in
            operations.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters")
        {
            if let Some(body) = operation.get("requestBody") {
                let json = "application/json";
                for (media, text) in [
                    (json, "{"),
                    (json, "[]"),
                    (json, "null"),
                    (json, "\"x\""),
                    (json, r#"{"x":1}"#),
                    (json, ""),
                ] {
                    let status = refused(&api, method, &path, Some((media, text.to_owned()))).await;
                    assert_eq!(status, 400, "{method} {path} {text}");
                }
                assert_eq!(
                    refused(&api, method, &path, Some(("text/plain", "{}".into()))).await,
                    415,
                    "{path}"
                );
                let read = schema(&document, &body["content"]["application/json"]["schema"]);
                for name in read["properties"].as_object().unwrap().keys() {
                    for bend in [
                        format!(r#"{{"{name}":"x","{name}":"x"}}"#),
                        format!(r#"{{"{name}":{{"x":[1e400]}}}}"#),
                        format!(r#"{{"{name}":{}{}}}"#, "[".repeat(5000), "]".repeat(5000)),
                        format!(r#"{{"{name}":"\u0000\ud800"}}"#),
                        format!(r#"{{"{name}":-1e9}}"#),
                        format!(r#"{{"{name}":"{}"}}"#, "a".repeat(100_000)),
                    ] {
                        let long = bend.len() > 65_536;
                        let status = refused(&api, method, &path, Some((json, bend.clone()))).await;
                        assert_eq!(status, if long { 413 } else { 400 }, "{method} {path} {bend:.80}");
                        members += 1;
                    }
                }
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = schema(&document, parameter)["name"].as_str().unwrap();
                let twice = format!("{path}?{name}=1&{name}=1");
                assert_eq!(refused(&api, method, &twice, None).await, 400, "{method} {twice}");
                parameters += 1;
                for free in [
                    format!("{name}="),
                    format!("{name}=%00%0d%0aSet-Cookie:%20x=y"),
                    format!("{name}=%zz"),
                    format!("{name}=%ff"),
                    format!("{name}={}", "a".repeat(30_000)),
                ] {
                    let status = refused(&api, method, &format!("{path}?{free}"), None).await;
                    let fits = [200, 400, 404, 414, 431].contains(&status);
                    assert!(fits, "{method} {path}?{free:.80}: {status}");
                }
            }
        }
    }
    assert!(members >= 100 && parameters >= 9, "{members} {parameters}");
    assert_eq!(kept(&house), before);
    assert_calm(&house);
}
