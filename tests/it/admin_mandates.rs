//! Programs register persons and mandates, approve those of each other, revoke, block, and lift what another one placed.

use serde_json::{Value, json};

use crate::{
    admin::{Api, LOCAL, PROGRAMS, ROOT, robot},
    browser::Browser,
    house::House,
    mandates_desk::{Desk, Form, born, days, digid_account, fresh_bsn, remember, remembered},
    oidc_client::{Auth, Client, THE_PORTAL},
    portal::{self, Tokens},
};

/// Another program of the desk's.
pub const SECOND: Client = Client { id: "second", auth: Auth::Basic, callback: "" };
const TABLE: &str = r#"
[[client]]
id = "second"
name = "Tweede balie"
policy = "basic"
auth = "client_secret_basic"
secret = { file = "portal.secret" }
service_scopes = ["mandates"]
"#;

pub async fn house() -> House {
    House::with(format!("{PROGRAMS}{TABLE}{LOCAL}")).await
}

pub async fn programs(house: &House) -> (Api<'_>, Api<'_>) {
    (Api::new(house, &ROOT, "mandates").await, Api::new(house, &SECOND, "mandates").await)
}

/// A form on which nothing is wrong.
pub fn form(representative: &str, represented: &str) -> Value {
    let document = |kind| json!({"kind": kind, "valid_until": days(400), "checked": true});
    json!({"representative": representative, "represented": represented, "relation": "parent",
           "legal_basis": "art. 1:247 BW", "evidence": "parental_authority", "form_reference": "2026-0001",
           "representative_document": document("passport"), "represented_document": document("identity_card")})
}

pub fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

pub async fn person(api: &Api<'_>, body: Value) -> String {
    let (status, told) = api.post("/persons", &body).await;
    assert_eq!(status, 201, "{told}");
    let id = told["id"].as_str().unwrap().to_owned();
    remember(&id, body["bsn"].as_str());
    id
}

pub async fn child(api: &Api<'_>) -> String {
    person(api, json!({"name": "Sam", "birth_date": born(8, 0)})).await
}

/// Registers a mandate, and gives its address.
pub async fn registered(api: &Api<'_>, body: &Value) -> String {
    let (status, told) = api.post("/mandates", body).await;
    assert_eq!((status, &told["standing"]), (201, &json!("awaiting_approval")), "{told}");
    format!("/mandates/{}", told["id"].as_str().unwrap())
}

/// Asks for something at an address: who approves a mandate reads what is on record of its people, all else has no body.
pub async fn ask(api: &Api<'_>, at: &str, what: &str) -> (u16, Value) {
    if what == "approve" && at.starts_with("/mandates/") {
        return api.post(&format!("{at}/approve"), &on_record(api, at).await).await;
    }
    api.call(reqwest::Method::POST, &format!("{at}/{what}"), None).await
}

/// What is on record of the two people of a mandate.
pub async fn on_record(api: &Api<'_>, at: &str) -> Value {
    let told = api.get(at).await.1;
    let (Some(who), Some(whom)) = (told["representative"]["id"].as_str(), told["represented"]["id"].as_str())
    else {
        return json!({});
    };
    let child = api.get(&format!("/persons/{whom}")).await.1;
    let (born, bsn) = (&child["birth_date"], remembered(whom));
    let number = if bsn.is_some() { &Value::Null } else { &child["patient_number"] };
    json!({"representative_bsn": remembered(who), "represented_birth_date": born, "represented_bsn": bsn,
        "represented_patient_number": number})
}

/// How many people the portal hears of at the next refresh.
pub async fn heard(house: &House, tokens: &mut Tokens) -> usize {
    let (status, body) = THE_PORTAL.refresh(house, tokens.text("refresh_token")).await;
    assert_eq!(status, 200, "{body}");
    *tokens = portal::tokens(body);
    tokens.claims["act_as"].as_array().unwrap().len()
}

/// A mother who is registered by a program and logged in with DigiD.
pub async fn mother(house: &House, api: &Api<'_>) -> (String, Tokens) {
    let bsn = fresh_bsn();
    let mother = person(api, json!({"name": "Anna", "birth_date": "1985", "bsn": bsn})).await;
    let tokens = digid_account(house, &Browser::new(), &bsn, "moeder@voorbeeld.nl").await;
    (mother, tokens)
}

pub fn lines(house: &House, like: &str) -> Vec<String> {
    house.query(&format!(
        "SELECT event || ' ' || actor || ' ' || client FROM audit WHERE event LIKE '{like}' ORDER BY seq"
    ))
}

#[tokio::test]
async fn a_person_is_registered_and_found_and_no_answer_holds_their_bsn() {
    let house = house().await;
    let (api, _) = programs(&house).await;
    let bsn = fresh_bsn();
    let body = json!({"name": " Anna ", "birth_date": "1985-03", "bsn": bsn});
    let (status, told) = api.post("/persons", &body).await;
    let expected = json!({"id": told["id"], "name": "Anna", "birth_date": "1985-03", "bsn_known": true, "patient_number": null});
    assert_eq!((status, &told), (201, &expected));
    let id = told["id"].as_str().unwrap();
    assert_eq!(api.get(&format!("/persons/{id}")).await, (200, expected.clone()));
    assert_eq!(api.post("/persons/find", &json!({"bsn": bsn})).await, (200, expected.clone()));
    let shown: Value =
        serde_json::from_str(&house.ok(&["persons", "show", "--by", "els", id, "--json"])).unwrap();
    assert_eq!(shown, expected);
    let none = json!({"held": [], "given": []});
    assert_eq!(api.get(&format!("/persons/{id}/mandates")).await, (200, none));
    // Once, and nobody else's.
    assert_eq!(api.post("/persons", &body).await.0, 409);
    let other = fresh_bsn();
    assert_eq!(api.post("/persons/find", &json!({"bsn": other})).await.0, 404);
    for path in ["/persons/nobody", "/persons/nobody/mandates"] {
        assert_eq!(api.get(path).await.0, 404, "{path}");
    }
    // What cannot be read is not repeated: as a number, under a wrong name, as the name of a member, as a word among others.
    let number: u64 = other.parse().unwrap();
    let before = house.query("SELECT COUNT(*) FROM persons");
    for bad in [
        json!({"name": "Sam", "bsn": number}),
        json!({"name": number}),
        json!({"name": "Sam", other.as_str(): true}),
        json!({"name": "Sam", "bsn": format!("{other}0")}),
        json!({"name": "Sam", "birth_date": other}),
        json!({"name": "Sam", "birth_date": days(2)}),
        json!({"name": ""}),
        json!({"name": "Sam", "by": "balie1"}),
        json!(other),
    ] {
        let (status, told) = api.post("/persons", &bad).await;
        assert!(status == 400 && !told.to_string().contains(&other), "{bad}: {told}");
        let (status, told) = api.post("/persons/find", &bad).await;
        assert!(status == 400 && !told.to_string().contains(&other), "{bad}: {told}");
    }
    assert_eq!(house.query("SELECT COUNT(*) FROM persons"), before);
    // Who looked for somebody by a BSN stands in the log, also who found nobody; the BSN does not.
    assert_eq!(lines(&house, "person.registered"), ["person.registered client:root root"]);
    assert_eq!(lines(&house, "person.found"), ["person.found client:root root"; 2]);
    let found = house.query(
        "SELECT outcome || ' ' || COALESCE(represented, '-') FROM audit WHERE event = 'person.found' ORDER BY seq",
    );
    assert_eq!(found, [format!("ok {id}"), "unknown -".to_owned()]);
    let all = house
        .query("SELECT COALESCE(detail, '') || COALESCE(actor, '') || COALESCE(represented, '') FROM audit");
    assert!(!all.concat().contains(&bsn) && !all.concat().contains(&other));
    let shown = Desk::of(&house).say(&["persons", "show", "--by", "els", "--bsn-file", "-"], &bsn);
    assert!(shown.status.success());
    assert_eq!(house.query("SELECT COUNT(*) FROM audit WHERE event = 'person.found'"), ["3"]);
    assert!(!house.log().contains(&bsn) && !house.log().contains(&other));
    let clerk = Api::new(&house, &ROOT, "clients accounts keys audit").await;
    assert_eq!(clerk.post("/persons", &body).await.0, 403);
    assert_eq!(clerk.post("/persons/find", &json!({"bsn": bsn})).await.0, 403);
}

#[tokio::test]
async fn m11_what_one_program_registers_counts_once_another_one_approved_it() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let (mother, mut tokens) = mother(&house, &root).await;
    let sam = child(&root).await;
    let at = registered(&root, &form(&mother, &sam)).await;
    assert_eq!(heard(&house, &mut tokens).await, 0, "nobody is let in by one program");
    // Who registered it does not approve it, also in the name of another.
    let (status, told) = ask(&root, &at, "approve").await;
    assert!(status == 403 && told["detail"].as_str().unwrap().contains("another program"), "{told}");
    for name in ["second", "client:second"] {
        for member in ["by", "registered_by", "approved_by"] {
            let status = root.post("/mandates", &with(form(&mother, &sam), member, json!(name))).await.0;
            assert_eq!(status, 400, "{member} {name}");
        }
    }
    assert_eq!(heard(&house, &mut tokens).await, 0);
    let (status, told) = ask(&second, &at, "approve").await;
    assert_eq!((status, &told["standing"]), (200, &json!("active")), "{told}");
    assert_eq!(
        (&told["registered_by"], &told["approved_by"]),
        (&json!("client:root"), &json!("client:second"))
    );
    assert_eq!(heard(&house, &mut tokens).await, 1);
    // Both see it, and so does the desk.
    assert_eq!(second.get(&at).await, (200, told.clone()));
    for (whose, held, given) in [(&mother, vec![&told], vec![]), (&sam, vec![], vec![&told])] {
        let listed = root.get(&format!("/persons/{whose}/mandates")).await;
        assert_eq!(listed, (200, json!({"held": held, "given": given})));
    }
    let desk = house.ok(&["mandates", "list", "--by", "kijker", "--represented", &sam, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&desk).unwrap(), json!([told]));
    assert_eq!(ask(&second, &at, "approve").await.0, 409);
    assert_eq!(
        lines(&house, "mandate.%"),
        ["mandate.registered client:root root", "mandate.approved client:second second"]
    );
    assert_eq!(lines(&house, "admin.refused"), ["admin.refused root root"]);
    // One is enough to take it away, at once and for good.
    let (status, told) = ask(&root, &at, "revoke").await;
    assert_eq!((status, &told["standing"]), (200, &json!("revoked")));
    assert_eq!(heard(&house, &mut tokens).await, 0);
    for (api, what) in [(&root, "revoke"), (&second, "revoke"), (&second, "approve")] {
        assert_eq!(ask(api, &at, what).await.0, 409, "{what}");
    }
}

/// Else it would approve by one hand what it registered by the other.
#[tokio::test]
async fn m11_no_program_makes_or_takes_over_another_one_that_approves() {
    let house = house().await;
    let root = Api::new(&house, &ROOT, "clients mandates").await;
    assert_eq!(root.post("/clients", &robot(&["audit"])).await.0, 201);
    assert_eq!(root.put("/clients/robot", &robot(&["keys"])).await.0, 200);
    for scopes in [&["mandates"][..], &["audit", "mandates"]] {
        assert_eq!(root.put("/clients/robot", &robot(scopes)).await.0, 403);
        let other = with(robot(scopes), "client_id", json!("hand"));
        assert_eq!(root.post("/clients", &other).await.0, 403);
    }
    // Of the operator's own there is a twin without that scope, which is changed.
    for (id, scope, expected) in [("desk", "mandates", [403, 403, 403]), ("twin", "audit", [200, 200, 204])] {
        house.ok(&[
            "clients",
            "add",
            "--by",
            "els",
            id,
            "--name",
            "Balie",
            "--policy",
            "basic",
            "--auth",
            "client_secret_post",
            "--service-scope",
            scope,
        ]);
        let renewed = root.post(&format!("/clients/{id}/secret"), &json!({"keep_old_seconds": 0})).await.0;
        let told = with(robot(&["audit"]), "client_id", json!(id));
        let replaced = root.put(&format!("/clients/{id}"), &told).await.0;
        let removed = root.delete(&format!("/clients/{id}")).await.0;
        assert_eq!([renewed, replaced, removed], expected, "{id}");
    }
}

#[tokio::test]
async fn m9_m11_one_program_blocks_at_once_and_silently_and_another_one_lifts_it() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let (mother, mut tokens) = mother(&house, &root).await;
    let sam = child(&root).await;
    let at = registered(&root, &form(&mother, &sam)).await;
    assert_eq!(ask(&second, &at, "approve").await.0, 200);
    assert_eq!(heard(&house, &mut tokens).await, 1);
    let mails = house.mails_now("moeder@voorbeeld.nl").len();
    let pair = json!({"representative": mother, "represented": sam});
    let block = with(pair.clone(), "reason", json!("melding"));
    let lift = async |api: &Api<'_>| api.post("/blocks/lift", &pair).await.0;
    assert_eq!(lift(&second).await, 404, "there is none yet");
    assert_eq!(root.post("/blocks", &block).await, (204, Value::Null));
    assert_eq!(heard(&house, &mut tokens).await, 0);
    assert_eq!(root.get(&at).await.1["standing"], "blocked");
    // Who placed it does not lift it, nor says that somebody else does.
    assert_eq!(lift(&root).await, 403);
    for name in ["second", "client:second", "els"] {
        assert_eq!(root.post("/blocks/lift", &with(pair.clone(), "by", json!(name))).await.0, 400);
    }
    assert_eq!(heard(&house, &mut tokens).await, 0);
    // Two blocks of two programs: each lifts that of the other, and both must.
    assert_eq!(second.post("/blocks", &block).await.0, 204);
    assert_eq!(lift(&second).await, 409);
    assert_eq!(heard(&house, &mut tokens).await, 0);
    assert_eq!(lift(&root).await, 204);
    assert_eq!(heard(&house, &mut tokens).await, 1);
    // Nobody hears of it, and it stands in no line about the mother.
    assert_eq!(house.mails_now("moeder@voorbeeld.nl").len(), mails);
    let about = house.query(&format!(
        "SELECT COUNT(*) FROM audit WHERE event LIKE 'mandate.%block%' AND (represented = '{mother}' OR actor = '{mother}' \
         OR detail LIKE '%{mother}%')"
    ));
    assert_eq!(about, ["0"]);
    assert_eq!(
        lines(&house, "mandate.%block%"),
        [
            "mandate.blocked client:root root",
            "mandate.blocked client:second second",
            "mandate.unblocked client:second second",
            "mandate.unblocked client:root root"
        ]
    );
    for bad in [
        with(block.clone(), "represented", json!("nobody")),
        with(block.clone(), "representative", json!("x")),
    ] {
        assert_eq!(root.post("/blocks", &bad).await.0, 404, "{bad}");
    }
    assert_eq!(root.post("/blocks", &with(block, "reason", json!("a\nb"))).await.0, 400);
}

/// A member of staff may be called like a program, and is somebody else; no name makes them one.
#[tokio::test]
async fn m11_staff_and_programs_are_never_one_name() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let (mother, sam) = (person(&root, json!({"name": "Anna"})).await, child(&root).await);
    let pair = ["--representative", &mother, "--represented", &sam, "--by"];
    let word = |word: &'static str, by: &'static str, more: &[&'static str]| {
        house.run(&[&["mandates", word][..], &pair, &[by], more].concat()).status.code()
    };
    let body = json!({"representative": mother, "represented": sam});
    let reason = ["--reason", "melding"];
    assert_eq!(word("block", "client:root", &reason), Some(1), "no member of staff has that name");
    assert_eq!(word("block", "root", &reason), Some(0));
    // What the desk placed, no program lifts: not the one of the same name, nor another.
    for api in [&root, &second] {
        assert_eq!(api.post("/blocks/lift", &body).await.0, 403);
    }
    assert_eq!(word("unblock", "client:second", &[]), Some(1));
    assert_eq!(word("unblock", "root", &[]), Some(1));
    assert_eq!(word("unblock", "els", &[]), Some(0));
    // What the desk registered waits for somebody else of the desk, and for no program; nor does the desk second a program.
    let desk = Desk::of(&house).registered(&Form::parent(&mother, &sam).with("--by", "root"));
    let at = format!("/mandates/{desk}");
    for api in [&root, &second] {
        assert_eq!(ask(api, &at, "approve").await.0, 403);
    }
    assert_eq!(root.get(&at).await.1["standing"], "awaiting_approval");
    let of_root = registered(&root, &form(&mother, &sam)).await;
    let of_root = of_root.rsplit('/').next().unwrap();
    let approve = |by: &str, id: &str| Desk::of(&house).approve(id, by).status.code();
    assert_eq!((approve("els", of_root), approve("second", of_root)), (Some(1), Some(1)));
    assert_eq!((approve("root", &desk), approve("client:second", &desk)), (Some(1), Some(1)));
    assert_eq!(approve("els", &desk), Some(0));
    assert_eq!(root.get(&at).await.1["standing"], "active");
    assert_eq!(root.get(&at).await.1["approved_by"], "els");
    assert_eq!(ask(&second, &at, "revoke").await.1["standing"], "revoked");
}

#[tokio::test]
async fn m1_a_form_on_which_something_is_wrong_is_refused_and_nothing_is_stored() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let (anna, sam) = (person(&root, json!({"name": "Anna"})).await, child(&root).await);
    let good = form(&anna, &sam);
    let document = |name: &str, member: &str, value: Value| {
        let mut bad = good.clone();
        bad[name][member] = value;
        bad
    };
    for (bad, expected) in [
        (document("representative_document", "checked", json!(false)), 400),
        (document("represented_document", "valid_until", json!(days(-1))), 400),
        (document("represented_document", "valid_until", json!("soon")), 400),
        (document("represented_document", "number", json!("NW1234567")), 400),
        (with(good.clone(), "evidence", json!("signed_form")), 400),
        (with(good.clone(), "evidence", Value::Null), 400),
        (with(good.clone(), "relation", json!("friend")), 400),
        (with(good.clone(), "relation", json!("authorised")), 400),
        (with(good.clone(), "ends", json!(days(-1))), 400),
        (with(good.clone(), "starts", json!("soon")), 400),
        (with(good.clone(), "form_reference", json!(" ")), 400),
        (with(good.clone(), "represented", json!(anna)), 400),
        (with(good.clone(), "represented", json!("nobody")), 404),
        (with(good.clone(), "representative", json!("nobody")), 404),
    ] {
        let (status, told) = root.post("/mandates", &bad).await;
        assert_eq!(status, expected, "{bad}: {told}");
    }
    assert_eq!(Desk::of(&house).stored(), "0");
    let until = with(with(good, "starts", json!(days(-1))), "ends", json!(days(30)));
    let at = registered(&root, &until).await;
    // Of many who approve at once one does.
    let all = (0..8).map(|_| async { ask(&second, &at, "approve").await.0 });
    let mut all = futures_util::future::join_all(all).await;
    all.sort_unstable();
    assert_eq!(all, [200, 409, 409, 409, 409, 409, 409, 409]);
    for what in ["approve", "revoke"] {
        assert_eq!(ask(&root, "/mandates/nobody", what).await.0, 404);
    }
    assert_eq!(root.get("/mandates/nobody").await.0, 404);
    let other = Api::new(&house, &ROOT, "clients accounts keys audit").await;
    for what in ["approve", "revoke"] {
        assert_eq!(ask(&other, &at, what).await.0, 403);
    }
    assert_eq!(other.get(&at).await.0, 403);
}

/// Whoever has the one secret is both programs. Of the clients that have one of their own nothing is said.
#[tokio::test]
async fn m11_the_doctor_warns_where_two_programs_are_one() {
    let house = house().await;
    let keys = house.folder.join("keyed.jwks");
    let add = |id: &str, more: &[&str]| {
        let words =
            ["clients", "add", "--by", "els", id, "--name", id, "--policy", "basic", "--service-scope"];
        house.ok(&[&words[..], more].concat());
    };
    let by_secret = ["--auth", "client_secret_post"];
    add("own", &[&["mandates"], &by_secret[..]].concat());
    add("clerk2", &[&["audit"], &by_secret[..]].concat());
    for (id, scope) in [("key1", "mandates"), ("key2", "mandates"), ("key3", "audit")] {
        add(id, &[scope, "--auth", "private_key_jwt", "--jwks", keys.to_str().unwrap()]);
    }
    let told: Value = serde_json::from_slice(&house.run(&["doctor", "--json"]).stdout).unwrap();
    let about = |finding: &&Value| finding["about"] == "four eyes";
    let mut said: Vec<String> = told
        .as_array()
        .unwrap()
        .iter()
        .filter(about)
        .map(|finding| {
            assert_eq!(finding["verdict"], "warning", "{finding}");
            finding["says"].as_str().unwrap().split(" have").next().unwrap().to_owned()
        })
        .collect();
    said.sort();
    assert_eq!(said, ["key1 and key2", "root and second"]);
}

/// A program may register a person of its own in the place of whom the other one believes to approve.
#[tokio::test]
async fn m11_who_approves_a_mandate_tells_whom_they_read_in_the_documents() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let (hers, own) = (fresh_bsn(), fresh_bsn());
    person(&root, json!({"name": "Anna", "bsn": hers})).await;
    let forged = person(&root, json!({"name": "Anna", "bsn": own})).await;
    let sam = child(&root).await;
    let at = registered(&root, &form(&forged, &sam)).await;
    let good = on_record(&second, &at).await;
    assert_eq!(good["representative_bsn"], json!(own));
    for (bad, expected) in [
        (with(good.clone(), "representative_bsn", json!(hers)), 409),
        (with(good.clone(), "representative_bsn", Value::Null), 409),
        (with(good.clone(), "represented_birth_date", json!(born(9, 0))), 409),
        (with(good.clone(), "represented_birth_date", Value::Null), 409),
        (with(good.clone(), "represented_bsn", json!(hers)), 409),
        (json!({}), 409),
        (with(good.clone(), "representative_bsn", json!("1")), 400),
        (with(good.clone(), "by", json!("els")), 400),
    ] {
        let (status, told) = second.post(&format!("{at}/approve"), &bad).await;
        assert!(status == expected && !told.to_string().contains(&own), "{bad}: {told}");
    }
    assert_eq!(second.call(reqwest::Method::POST, &format!("{at}/approve"), None).await.0, 415);
    assert_eq!(second.get(&at).await.1["standing"], "awaiting_approval");
    let outcomes =
        || house.query("SELECT actor || ' ' || outcome FROM audit WHERE event = 'mandate.approved'");
    assert_eq!(outcomes(), ["client:second refused"; 6]);
    assert_eq!(ask(&second, &at, "approve").await.0, 200);
    // Of a representative without a BSN none is told.
    let (grown, day) = (fresh_bsn(), born(40, 0));
    let bert = person(&root, json!({"name": "Bert"})).await;
    let carla = person(&root, json!({"name": "Carla", "bsn": grown, "birth_date": day})).await;
    let curator =
        with(with(form(&bert, &carla), "relation", json!("curator")), "evidence", json!("court_order"));
    let file = async || {
        let (status, told) = root.post("/mandates", &curator).await;
        assert_eq!((status, &told["approved_at"]), (201, &Value::Null), "{told}");
        format!("/mandates/{}", told["id"].as_str().unwrap())
    };
    let (at, again) = (file().await, file().await);
    let approve = async |at: &str, body: &Value| second.post(&format!("{at}/approve"), body).await.0;
    let by_birth = json!({"represented_birth_date": day, "represented_bsn": grown});
    for (name, wrong) in
        [("representative_bsn", &hers), ("representative_bsn", &grown), ("represented_bsn", &hers)]
    {
        assert_eq!(approve(&at, &with(by_birth.clone(), name, json!(wrong))).await, 409, "{name}");
    }
    assert_eq!(approve(&at, &by_birth).await, 200);
    // Of whom no date of birth is on record any more, the BSN tells them apart.
    crate::authenticator::change(&house, &format!("UPDATE persons SET birth = NULL WHERE id = '{carla}'"));
    let by_bsn = json!({"represented_bsn": grown});
    for bad in [
        json!({}),
        by_birth.clone(),
        json!({"represented_bsn": hers}),
        with(by_bsn.clone(), "represented_birth_date", json!(day)),
    ] {
        assert_eq!(approve(&again, &bad).await, 409, "{bad}");
    }
    assert_eq!(second.get(&again).await.1["approved_at"], Value::Null);
    assert_eq!(approve(&again, &by_bsn).await, 200);
    // At the desk the same.
    let desk = Desk::of(&house);
    let id = desk.registered(&Form::parent(&forged, &sam));
    let birth = good["represented_birth_date"].as_str().unwrap();
    let words = ["mandates", "approve", "--representative-bsn-file", "-", "--by", "els"];
    let words = [&words[..], &["--represented-birth-date", birth, "--", &id]].concat();
    let output = desk.say(&words, &hers);
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("not on record"));
    assert!(desk.say(&words, &own).status.success());
}

/// As at the desk: one program says no, in one of four words, and what it said no to never counts.
#[tokio::test]
async fn m11_one_program_refuses_what_waits_and_nothing_that_counts_or_is_over() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let (mother, _) = mother(&house, &root).await;
    let refuse =
        async |at: &str, why: &str| second.post(&format!("{at}/refuse"), &json!({ "why": why })).await;
    let new = async || registered(&root, &form(&mother, &child(&root).await)).await;
    let at = new().await;
    for bad in ["", "no", "ok"] {
        assert_eq!(refuse(&at, bad).await.0, 400, "{bad}");
    }
    assert_eq!(second.post(&format!("{at}/refuse"), &json!({"why": "form", "by": "els"})).await.0, 400);
    assert_eq!(root.get(&at).await.1["standing"], "awaiting_approval");
    for why in ["documents", "evidence", "form", "mistake"] {
        let at = new().await;
        let (status, told) = refuse(&at, why).await;
        assert_eq!(
            (status, &told["standing"], &told["refused"]),
            (200, &json!("revoked"), &json!(why)),
            "{told}"
        );
        assert_eq!(ask(&second, &at, "approve").await.0, 409, "it never counts");
        assert_eq!(refuse(&at, "form").await.0, 409, "once");
    }
    assert_eq!(refuse("/mandates/nothing", "form").await.0, 404);
    // What lapsed is over, and says so.
    let id = at.trim_start_matches("/mandates/").to_owned();
    crate::authenticator::change(&house, &format!("UPDATE mandates SET lapsed_at = 1 WHERE id = '{id}'"));
    let (status, told) = refuse(&at, "form").await;
    assert!(
        status == 409 && told["detail"].as_str().unwrap().contains("this mandate is over"),
        "{status} {told}"
    );
    let expected = "documents client:second,evidence client:second,form client:second,mistake client:second";
    let kept = "SELECT why || ' ' || refused_by FROM refusals ORDER BY why";
    assert_eq!(house.query(kept).join(","), expected);
    // The twin: what counts is revoked, not refused.
    let counts = new().await;
    assert_eq!(ask(&second, &counts, "approve").await.0, 200);
    assert_eq!(refuse(&counts, "form").await.0, 409);
    assert_eq!(root.get(&counts).await.1["standing"], "active");
}

/// Who may lift them must find them; whom they keep out finds nothing, wherever they look.
#[tokio::test]
async fn m9_blocks_are_listed_for_programs_and_at_the_command_and_for_nobody_who_is_kept_out() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let (mother, tokens) = mother(&house, &root).await;
    let (sam, noor) = (child(&root).await, child(&root).await);
    let listed = async |api: &Api<'_>, whose: &str| api.get(&format!("/persons/{whose}/blocks")).await;
    assert_eq!(listed(&root, &sam).await, (200, json!({"blocks": []})));
    let body = json!({"representative": mother, "represented": sam, "reason": "melding"});
    assert_eq!(root.post("/blocks", &body).await.0, 204);
    let (status, told) = listed(&second, &sam).await;
    let expected = json!([{"representative": {"id": mother, "name": "Anna"}, "reason": "melding", "placed_by": "client:root",
                           "placed_at": told["blocks"][0]["placed_at"]}]);
    assert_eq!((status, &told["blocks"]), (200, &expected), "{told}");
    let blocks = ["mandates", "blocks", "--by", "els", "--represented"];
    let told = |more: &[&str]| house.ok(&[&blocks[..], more].concat());
    let at_desk = || -> Value { serde_json::from_str(&told(&[&sam, "--json"])).unwrap() };
    assert_eq!(at_desk(), expected);
    let table = told(&[&sam]);
    assert!(table.contains(&mother) && table.contains("client:root") && table.contains("melding"), "{table}");
    // It is that record's, and not another's nor her own.
    for other in [&noor, &mother] {
        assert_eq!(listed(&root, other).await.1, json!({"blocks": []}));
    }
    assert_eq!(listed(&root, "nobody").await.0, 404);
    let refused = Desk::of(&house).refused(&[&blocks[..], &["nobody"]].concat());
    assert!(refused.contains("no such person"), "{refused}");
    // Who is kept out has a token, and it opens nothing; nor does a program's without the scope.
    let url = format!("{}/admin/v1/persons/{sam}/blocks", house.issuer);
    let hers =
        reqwest::Client::new().get(&url).bearer_auth(tokens.text("access_token")).send().await.unwrap();
    assert_eq!(hers.status(), 401);
    let without = Api::new(&house, &ROOT, "clients").await;
    assert_eq!(listed(&without, &sam).await.0, 403);
    // That somebody looked leaves nothing in which she could find it.
    let about = format!(
        "SELECT COUNT(*) FROM audit WHERE (actor = '{mother}' OR represented = '{mother}') AND event LIKE '%block%'"
    );
    assert_eq!(house.query(&about), ["0"]);
    // What is lifted is not listed.
    let pair = json!({"representative": mother, "represented": sam});
    assert_eq!(second.post("/blocks/lift", &pair).await.0, 204);
    assert_eq!((listed(&root, &sam).await.1, at_desk()), (json!({"blocks": []}), json!([])));
}
