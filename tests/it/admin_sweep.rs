//! Every member of every body and every parameter of every address of the admin API, bent in a request that is good: a problem that is
//! named, never a fault, and nothing changed. The table is the document itself, which is held against what is read.

use std::cell::{Cell, RefCell};

use serde_json::{Value, json};

use crate::{
    admin::{Api, ROOT},
    admin_mandates::{SECOND, child, form, house, person},
    bad_input::assert_calm,
    bad_input_doors::{assert_nothing_new, kept},
    bad_input_wire::exchange,
    browser::Browser,
    house::House,
    mandates_desk::{born, days, fresh_bsn},
    oidc_client::Client,
    portal,
};

const SCOPES: &str = "clients accounts mandates keys audit";
const JSON: &str = "application/json";

/// Sends a request as it is, and gives the status; what is refused must be a problem.
async fn send(api: &Api<'_>, method: &str, path: &str, body: Option<(&str, &str)>) -> u16 {
    told(api, method, path, body).await.0
}

/// The same, with the body of the answer.
async fn told(api: &Api<'_>, method: &str, path: &str, body: Option<(&str, &str)>) -> (u16, String) {
    let kind = body.map(|(media, _)| format!("content-type: {media}\r\n")).unwrap_or_default();
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
    assert!(status < 500, "{path:.200}: {}", answer.body);
    (status, answer.body)
}

fn schema<'a>(document: &'a Value, named: &'a Value) -> &'a Value {
    match named["$ref"].as_str() {
        Some(at) => document.pointer(at.strip_prefix('#').unwrap()).unwrap(),
        None => named,
    }
}

/// What the operations are about.
struct World<'a> {
    house: &'a House,
    mother: String,
    bsn: String,
    account: String,
    /// The document.
    document: Value,
    count: Cell<usize>,
    /// How often `null` was a value.
    nulls: Cell<usize>,
    /// What was answered otherwise than it should be.
    wrong: RefCell<Vec<String>>,
}

/// A request that nothing is wrong with. Its body has no member that may be left out, but where `free` says so.
struct Good {
    by: &'static Client,
    path: String,
    body: Option<Value>,
    free: &'static [&'static str],
}

impl Good {
    fn at(path: impl Into<String>) -> Self {
        Self { by: &ROOT, path: path.into(), body: None, free: &[] }
    }

    fn with(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// Of another program than the one that began it.
    fn seconded(self) -> Self {
        Self { by: &SECOND, ..self }
    }

    /// Its program with a new token, which lives five minutes.
    async fn api<'a>(&self, house: &'a House) -> Api<'a> {
        Api::new(house, self.by, if self.by.id == ROOT.id { SCOPES } else { "mandates" }).await
    }
}

impl<'a> World<'a> {
    async fn of(house: &'a House) -> Self {
        let api = Api::new(house, &ROOT, SCOPES).await;
        let bsn = fresh_bsn();
        let mother = person(&api, json!({"name": "Anna", "birth_date": "1985", "bsn": bsn})).await;
        let document = reqwest::get(format!("{}/admin/v1/openapi.json", house.issuer)).await.unwrap();
        let document = document.json().await.unwrap();
        let mut world = Self {
            house,
            mother,
            bsn,
            account: String::new(),
            document,
            count: Cell::new(0),
            nulls: Cell::new(0),
            wrong: RefCell::default(),
        };
        world.account = world.account(&api).await;
        world
    }

    /// Whether that is an answer as it should be; all that are not are told at the end.
    fn expect(&self, status: u16, expected: &[u16], case: &str) {
        if !expected.contains(&status) {
            self.wrong.borrow_mut().push(format!("{status}, not {expected:?}: {case:.300}"));
        }
    }

    fn number(&self) -> usize {
        self.count.set(self.count.get() + 1);
        self.count.get()
    }

    async fn account(&self, api: &Api<'_>) -> String {
        let email = format!("bent{}@voorbeeld.nl", self.number());
        portal::register(self.house, &Browser::new(), &email).await;
        let (_, found) = api.post("/accounts/find", &json!({ "email": email })).await;
        found["id"].as_str().unwrap().to_owned()
    }

    async fn correction(&self, api: &Api<'_>) -> String {
        let body = json!({"birth_date": born(9, 0), "evidence_reference": "afschrift"});
        let (status, told) = api.post(&format!("/persons/{}/corrections", child(api).await), &body).await;
        assert_eq!(status, 201, "{told}");
        format!("/corrections/{}", told["id"].as_str().unwrap())
    }

    /// The address of a mandate for somebody of that age, which waits for its second pair of eyes.
    async fn mandate(&self, api: &Api<'_>, age: u32) -> String {
        let child = person(api, json!({"name": "Sam", "birth_date": born(age, 0)})).await;
        let (status, told) = api.post("/mandates", &form(&self.mother, &child)).await;
        assert_eq!(status, 201, "{told}");
        format!("/mandates/{}", told["id"].as_str().unwrap())
    }

    /// The body of an approval of a mandate: it tells again what is on record of the two.
    fn eyes(&self) -> Value {
        json!({"representative_bsn": self.bsn, "represented_birth_date": born(13, 0)})
    }

    async fn approved(&self, api: &Api<'_>) -> String {
        let at = self.mandate(api, 13).await;
        let second = Api::new(self.house, &SECOND, "mandates").await;
        let (status, told) =
            second.call(reqwest::Method::POST, &format!("{at}/approve"), Some(&self.eyes())).await;
        assert_eq!(status, 200, "{told}");
        at
    }

    /// Rows of an import: a mandate for a child of its own.
    async fn rows(&self, api: &Api<'_>) -> Value {
        let (number, birth) = (format!("Z{}", self.number()), born(8, 0));
        person(api, json!({"name": "Sam", "birth_date": birth, "patient_number": number})).await;
        json!({ "rows": [crate::import_api::row(&self.bsn, &number, &birth)] })
    }

    async fn attested(&self, api: &Api<'_>) -> String {
        let body = json!({"evidence_reference": "brief 12", "ends": days(90)});
        let (status, told) = api.post(&format!("{}/special", self.approved(api).await), &body).await;
        assert_eq!(status, 200, "{told}");
        format!("/special/{}", told["special"][0]["id"].as_str().unwrap())
    }

    /// A good request for an operation of the document, on something of its own where it changes anything.
    #[expect(clippy::too_many_lines, reason = "a table, with a row for each operation")]
    async fn good(&self, api: &Api<'_>, operation: &str) -> Good {
        let client = |id: &str| {
            json!({"client_id": id, "name": "Winkel", "policy": "basic", "auth": "client_secret_post",
                   "redirect_uris": ["http://127.0.0.1:9/shop"]})
        };
        let (id, account, mother) = (format!("shop{}", self.number()), &self.account, &self.mother);
        let (shop, party) = (client(&id), json!({"party": "representative"}));
        if operation.contains("/clients/{client_id}") {
            assert_eq!(api.post("/clients", &shop).await.0, 201);
        }
        let pair = async || json!({"representative": self.mother, "represented": child(api).await});
        match operation {
            "get /openapi.json" => Good::at("/openapi.json"),
            "get /clients" => Good::at("/clients"),
            "get /keys" => Good::at("/keys"),
            "get /audit" => Good::at("/audit"),
            "post /clients" => Good::at("/clients").with(shop),
            "get /clients/{client_id}" | "delete /clients/{client_id}" => Good::at(format!("/clients/{id}")),
            "put /clients/{client_id}" => Good::at(format!("/clients/{id}")).with(shop),
            "post /clients/{client_id}/secret" => {
                Good::at(format!("/clients/{id}/secret")).with(json!({"keep_old_seconds": 60}))
            }
            // Without it all keys are changed.
            "post /keys/rotate" => {
                Good { free: &["alg"], ..Good::at("/keys/rotate").with(json!({"alg": "EdDSA"})) }
            }
            "post /accounts/find" => Good::at("/accounts/find").with(json!({"email": "bent1@voorbeeld.nl"})),
            "get /accounts/{account_id}" => Good::at(format!("/accounts/{account}")),
            "post /accounts/{account_id}/sign-out" => Good::at(format!("/accounts/{account}/sign-out")),
            "delete /accounts/{account_id}" => Good::at(format!("/accounts/{}", self.account(api).await)),
            "post /persons" => Good::at("/persons").with(json!({"name": "Sam"})),
            "post /persons/find" => Good::at("/persons/find").with(json!({"bsn": self.bsn})),
            "get /persons/{person_id}" => Good::at(format!("/persons/{mother}")),
            "get /persons/{person_id}/mandates" => Good::at(format!("/persons/{mother}/mandates")),
            "get /persons/{person_id}/blocks" => Good::at(format!("/persons/{mother}/blocks")),
            "get /persons/{person_id}/corrections" => Good::at(format!("/persons/{mother}/corrections")),
            "post /persons/{person_id}/corrections" => {
                let at = format!("/persons/{}/corrections", child(api).await);
                Good::at(at).with(json!({"birth_date": born(9, 0), "evidence_reference": "afschrift"}))
            }
            "get /corrections/{correction_id}" => Good::at(self.correction(api).await),
            "post /corrections/{correction_id}/approve" => {
                let at = format!("{}/approve", self.correction(api).await);
                Good::at(at).with(json!({"birth_date": born(9, 0)})).seconded()
            }
            "post /corrections/{correction_id}/withdraw" => {
                Good::at(format!("{}/withdraw", self.correction(api).await))
            }
            "get /imports" => Good::at("/imports"),
            "post /imports/{import_id}/withdraw" => {
                let (status, told) = api.post("/imports/mandates", &self.rows(api).await).await;
                assert_eq!(status, 200, "{told}");
                Good::at(format!("/imports/{}/withdraw", told["import"].as_str().unwrap()))
            }
            "post /imports/persons" => Good::at("/imports/persons")
                .with(json!({"rows": [{"name": "Sam", "patient_number": format!("Z{}", self.number())}]})),
            "post /imports/mandates" => Good::at("/imports/mandates").with(self.rows(api).await),
            "post /imports/mandates/approve" => {
                let rows = self.rows(api).await;
                assert_eq!(api.post("/imports/mandates", &rows).await.0, 200);
                Good::at("/imports/mandates/approve").with(rows).seconded()
            }
            "post /mandates" => Good::at("/mandates").with(form(&self.mother, &child(api).await)),
            "get /mandates/{mandate_id}" => Good::at(self.mandate(api, 8).await),
            "post /mandates/{mandate_id}/approve" => {
                let at = format!("{}/approve", self.mandate(api, 13).await);
                Good { body: Some(self.eyes()), ..Good::at(at).seconded() }
            }
            "post /mandates/{mandate_id}/refuse" => {
                Good::at(format!("{}/refuse", self.mandate(api, 8).await)).with(json!({"why": "mistake"}))
            }
            "post /mandates/{mandate_id}/revoke" => {
                Good::at(format!("{}/revoke", self.mandate(api, 8).await))
            }
            "post /mandates/{mandate_id}/consent" => {
                Good::at(format!("{}/consent", self.approved(api).await)).with(party)
            }
            "post /mandates/{mandate_id}/withdraw" => {
                let at = self.approved(api).await;
                assert_eq!(api.post(&format!("{at}/consent"), &party).await.0, 200);
                Good::at(format!("{at}/withdraw")).with(party)
            }
            "post /mandates/{mandate_id}/special" => {
                Good::at(format!("{}/special", self.approved(api).await))
                    .with(json!({"evidence_reference": "brief 12", "ends": days(90)}))
            }
            "post /special/{special_id}/confirm" => {
                Good::at(format!("{}/confirm", self.attested(api).await)).seconded()
            }
            "post /special/{special_id}/end" => Good::at(format!("{}/end", self.attested(api).await)),
            "post /blocks" => {
                let mut body = pair().await;
                body["reason"] = json!("melding");
                Good::at("/blocks").with(body)
            }
            "post /blocks/lift" => {
                let pair = pair().await;
                let mut body = pair.clone();
                body["reason"] = json!("melding");
                assert_eq!(api.post("/blocks", &body).await.0, 204);
                Good::at("/blocks/lift").with(pair).seconded()
            }
            other => panic!("no good request for {other}: write one"),
        }
    }
}

/// `base` as JSON, with `value` for the member at that path, once or twice, or without it.
fn bent(base: &Value, at: &[&str], value: Option<&str>, twice: bool) -> String {
    let (name, below) = at.split_first().unwrap();
    let mut parts = Vec::new();
    let mut known = base.as_object().unwrap().clone();
    let own = known.remove(*name);
    parts.extend(known.iter().map(|(name, value)| format!("\"{name}\":{value}")));
    let value = match (below, &own) {
        ([], _) => value.map(str::to_owned),
        (_, Some(own)) => Some(bent(own, below, value, twice)),
        _ => unreachable!("a member of what is not there"),
    };
    let part = value.map(|value| format!("\"{name}\":{value}"));
    parts.extend(part.clone().filter(|_| twice && below.is_empty()));
    parts.extend(part);
    format!("{{{}}}", parts.join(","))
}

/// What no member may be, whatever it is.
fn bad_values() -> [String; 8] {
    [
        "\"\"".into(),
        "-1e9".into(),
        r#"{"x":[1e400]}"#.into(),
        format!("{}{}", "[".repeat(5000), "]".repeat(5000)),
        r#""a\u0000""#.into(),
        r#""a\u001b[2J\r\n""#.into(),
        r#""\ud800""#.into(),
        format!("\"{}\"", "a".repeat(100_000)),
    ]
}

/// The members of a body, and those of its objects, where the good one has them: path, and whether `null` is a value.
fn members<'d>(document: &'d Value, read: &'d Value, body: &Value) -> Vec<(Vec<&'d str>, bool)> {
    let mut all = Vec::new();
    for (name, member) in read["properties"].as_object().unwrap() {
        let kinds = &schema(document, member)["type"];
        let nullable = kinds.as_array().is_some_and(|kinds| kinds.contains(&json!("null")));
        all.push((vec![name.as_str()], nullable));
        if member.get("$ref").is_some() && body[name].is_object() {
            let below = members(document, schema(document, member), &body[name]);
            all.extend(below.into_iter().map(|(at, null)| ([vec![name.as_str()], at].concat(), null)));
        }
    }
    all
}

/// Bends each member of the body of an operation. Gives how many.
async fn bend_body(world: &World<'_>, (method, operation): (&str, &str), read: &Value) -> usize {
    let root = Api::new(world.house, &ROOT, SCOPES).await;
    let mut good = world.good(&root, operation).await;
    let whole = good.body.take().unwrap();
    let all = members(&world.document, read, &whole);
    let is_needed =
        |at: &[&str]| whole.pointer(&format!("/{}", at.join("/"))).is_some() && !good.free.contains(&at[0]);
    let before = kept(world.house);
    for (at, nullable) in &all {
        let api = good.api(world.house).await;
        let pointer = format!("/{}", at.join("/"));
        let own = whole.pointer(&pointer);
        let mut bodies: Vec<_> = bad_values().map(|value| bent(&whole, at, Some(&value), false)).into();
        bodies.push(bent(&whole, at, Some(&own.unwrap_or(&Value::Null).to_string()), true));
        if is_needed(at) {
            bodies.extend([bent(&whole, at, None, false), bent(&whole, at, Some("null"), false)]);
        } else if !nullable {
            bodies.push(bent(&whole, at, Some("null"), false));
        }
        for body in bodies {
            let expected: &[u16] = match at[..] {
                _ if body.len() > 65_536 && !operation.contains("/imports/") => &[413],
                // Any text may be an id: of nobody.
                ["representative" | "represented"] => &[400, 404],
                // Who left it out has not read what is on record.
                ["representative_bsn" | "represented_birth_date"] => &[400, 409],
                _ => &[400],
            };
            let status = send(&api, method, &good.path, Some((JSON, &body))).await;
            world.expect(status, expected, &format!("{operation} {pointer}: {body}"));
        }
    }
    let api = good.api(world.house).await;
    let text = whole.to_string();
    for body in ["{", "[]", "null", "\"x\"", "", &format!("{text}x"), &bent(&whole, &["x"], Some("1"), false)]
    {
        let status = send(&api, method, &good.path, Some((JSON, body))).await;
        world.expect(status, &[400], &format!("{operation} {body}"));
    }
    assert_eq!(send(&api, method, &good.path, Some(("text/plain", &text))).await, 415, "{operation}");
    assert_nothing_new(world.house, &before, operation);
    let status = send(&api, method, &good.path, Some((JSON, &text))).await;
    assert!((200..300).contains(&status), "{operation}: {status} for the good one, after all that");
    // Where it is a value it says what leaving it out says: each with something of its own.
    for (at, _) in all.iter().filter(|(at, nullable)| *nullable && !is_needed(at)) {
        let root = Api::new(world.house, &ROOT, SCOPES).await;
        let mut good = world.good(&root, operation).await;
        let body = bent(&good.body.take().unwrap(), at, Some("null"), false);
        let status = send(&good.api(world.house).await, method, &good.path, Some((JSON, &body))).await;
        world.expect(status, &[200, 201, 204], &format!("{operation} null: {body}"));
        world.nulls.set(world.nulls.get() + 1);
    }
    all.len()
}

/// Bends the id in the address of an operation.
async fn bend_path(world: &World<'_>, (method, operation): (&str, &str)) {
    let root = Api::new(world.house, &ROOT, SCOPES).await;
    let good = world.good(&root, operation).await;
    let api = good.api(world.house).await;
    let (id, text) = (good.path.split('/').nth(2).unwrap(), good.body.as_ref().map(Value::to_string));
    let body = text.as_deref().map(|text| (JSON, text));
    let before = kept(world.house);
    for other in [
        "",
        "x",
        &format!("{id}x"),
        &format!("{id}%00"),
        &format!("{id}%0d%0aSet-Cookie:%20x=y"),
        &format!("{id}%ff"),
        &format!("{id}%zz"),
        &format!("{id}%2f"),
        &format!("{id}/x"),
        &format!("{id}%E2%80%AE%F0%9F%A6%80"),
        &"a".repeat(5000),
        &"a".repeat(100_000),
    ] {
        let path = good.path.replacen(id, other, 1);
        let status = send(&api, method, &path, body).await;
        world.expect(status, &[400, 404, 414, 431], &format!("{operation} {other}"));
    }
    assert_nothing_new(world.house, &before, operation);
    let status = send(&api, method, &good.path, body).await;
    assert!((200..300).contains(&status), "{operation}: {status} for the good one, after all that");
}

/// Bends a parameter of the query of a list.
async fn bend_query(world: &World<'_>, path: &str, name: &str) {
    let api = Api::new(world.house, &ROOT, SCOPES).await;
    let (_, page) = api.get(&format!("{path}?limit=1")).await;
    let value = match name {
        "limit" => "1",
        "cursor" => page["next"].as_str().unwrap(),
        "from" => "2020-01-01T00:00:00Z",
        "to" => "2099-01-01T00:00:00Z",
        "event" => "token.issued",
        "account" => &world.account,
        "person" => &world.mother,
        other => panic!("no good value of {other}: write one"),
    };
    let asked = async |query: &str| told(&api, "get", &format!("{path}?{query}"), None).await;
    let good = format!("{name}={value}");
    let (status, lines) = asked(&good).await;
    assert!(
        status == 200 && !lines.contains("\"lines\":[]"),
        "{path} {name}: the good one: {status} {lines}"
    );
    assert_eq!(asked(&format!("{good}&{good}")).await.0, 400, "{path} {name} twice");
    // No line has an event or a person that is none; an account that is none is said to be.
    let expected = match name {
        "event" | "person" => 200,
        "account" => 404,
        _ => 400,
    };
    for bend in ["", &"a".repeat(30_000), &format!("{value}%zz"), &format!("{value}%ff")] {
        let (status, lines) = asked(&format!("{name}={bend}")).await;
        // Nothing is none, and not all of them.
        let expected = if bend.is_empty() && expected == 200 { 400 } else { expected };
        world.expect(status, &[expected], &format!("{path}?{name}={bend}"));
        assert!(status != 200 || lines.contains("\"lines\":[]"), "{path}?{name}={bend:.50}: {lines}");
    }
    let (status, _) = asked(&format!("{good}%00%0d%0aSet-Cookie:%20x=y")).await;
    world.expect(status, &[400], &format!("{path}?{good} and a header"));
    // Longer than any address is read.
    let (status, _) = asked(&format!("{name}={}", "a".repeat(100_000))).await;
    world.expect(status, &[414, 431], &format!("{path}?{name} of 100 KB"));
    assert_eq!(asked(&good).await.0, 200, "{path} {name}: after all that");
}

#[tokio::test]
async fn every_member_and_parameter_of_the_admin_api_bent_is_a_problem_and_changes_nothing() {
    let house = house().await;
    let world = World::of(&house).await;
    let (mut count, mut parameters) = (0, 0);
    for (path, operations) in world.document["paths"].as_object().unwrap() {
        let all = operations.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters");
        for (method, operation) in all {
            let name = format!("{method} {path}");
            let of = (method.as_str(), name.as_str());
            // The twin, of something of its own.
            let root = Api::new(&house, &ROOT, SCOPES).await;
            let good = world.good(&root, &name).await;
            let api = good.api(&house).await;
            let text = good.body.as_ref().map(Value::to_string);
            let body = text.as_deref().map(|text| (JSON, text));
            let status = send(&api, method, &good.path, body).await;
            assert!((200..300).contains(&status), "{name}: {status}");
            if let Some(read) = operation.get("requestBody") {
                let read = schema(&world.document, &read["content"][JSON]["schema"]);
                count += bend_body(&world, of, read).await;
            }
            if path.contains('{') {
                bend_path(&world, of).await;
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                bend_query(&world, path, schema(&world.document, parameter)["name"].as_str().unwrap()).await;
                parameters += 1;
            }
        }
    }
    let wrong = world.wrong.take();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count >= 80 && parameters >= 9, "{count} {parameters}");
    assert!(world.nulls.get() >= 30, "{}", world.nulls.get());
    assert_calm(&house);
}
