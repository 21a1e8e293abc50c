//! The claim `bsn`: to whom it goes, and each of the conditions without which it does not.

use openssl::{pkey::Private, rsa::Rsa};
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    claims::{jwk, open, raw},
    digid_steps::files_with,
    discovery::metadata,
    house::{House, Options},
    jose::KEY,
    mandates_desk::{Desk, Form, born, digid_account, fresh_bsn},
    oidc_client::{Auth, Client, claims, userinfo},
    portal::{self, Tokens},
    representation::Family,
    stsaml::routed,
};

/// One that may have BSNs, and one that differs only by not being allowed to.
const RECORDS: Client =
    Client { id: "records", auth: Auth::Key, callback: "http://127.0.0.1:9/callback/records" };
const OTHER: Client = Client { id: "other", auth: Auth::Key, callback: "http://127.0.0.1:9/callback/other" };
pub const MARK: &str = "# records here\n";

fn table(client: &Client, more: &str) -> String {
    format!(
        "[[client]]\nid = \"{}\"\nname = \"Dossier\"\nredirect_uris = [\"{}\"]\nauth = \"private_key_jwt\"\njwks = \
         \"records.jwks\"\nscopes = [\"openid\", \"act_as\", \"offline_access\"]\nuserinfo_signed_response_alg = \"RS256\"\n\
         userinfo_encrypted_response_alg = \"RSA-OAEP-256\"\nid_token_alg = \"ES256\"\n{more}\n",
        client.id, client.callback
    )
}

/// Registers both, and gives the key to which is encrypted.
pub fn register(house: &mut House) -> Rsa<Private> {
    let key = Rsa::generate(2048).unwrap();
    let mut set = KEY.set();
    set["keys"].as_array_mut().unwrap().push(jwk(&key));
    std::fs::write(house.folder.join("records.jwks"), set.to_string()).unwrap();
    house.reconfigure(MARK, &format!("{}{}", table(&RECORDS, "sees_bsn = true"), table(&OTHER, "")));
    key
}

/// The tokens of a client that asks so, for a browser that is logged in.
async fn tokens(house: &House, browser: &Browser, client: &Client, wish: &Value) -> Tokens {
    let ask = client.ask().with("scope", "openid act_as offline_access").with("claims", &wish.to_string());
    client.redeem(house, &ask, &client.code(house, browser, &ask).await).await
}

/// What `UserInfo` tells of them.
async fn told(house: &House, key: &Rsa<Private>, tokens: &Tokens) -> Value {
    let (media, sealed) = raw(house, tokens.text("access_token")).await;
    assert_eq!(media, "application/jwt");
    claims(&open(&sealed, key).1)
}

/// What the log says of BSNs that were told: by whose account, about whom, to whom.
fn lines(house: &House) -> Vec<String> {
    house.query(
        "SELECT actor || ' ' || COALESCE(represented, '-') || ' ' || client || ' ' || a.id FROM audit \
         LEFT JOIN accounts a ON a.id = detail WHERE event = 'bsn.told' ORDER BY COALESCE(represented, '-')",
    )
}

fn wish(place: &str) -> Value {
    json!({place: {"bsn": {"essential": true}}})
}

/// Nothing that was given out, and nothing that is kept, has one of these in the clear.
async fn assert_nowhere(house: &House, client: &Client, tokens: &Tokens, bsns: &[&str]) {
    let access = claims(tokens.text("access_token"));
    let worth = client.introspect(house, tokens.text("access_token")).await;
    let given = format!("{}{}{access}{worth}", tokens.body, tokens.claims);
    for bsn in bsns {
        assert!(!given.contains(bsn), "{given}");
        assert_eq!(files_with(house, bsn), [""; 0]);
    }
}

#[tokio::test]
async fn a_bsn_goes_encrypted_to_who_may_have_it_and_each_condition_counts_alone() {
    let mut house = House::with(MARK).await;
    let announced =
        async |house: &House| metadata(house).await["claims_supported"].to_string().contains("\"bsn\"");
    assert!(!announced(&house).await, "it is told to nobody here");
    let key = register(&mut house);
    // What `assert_nowhere` looks through is as talkative as it can be.
    house.kill();
    house.open_doors_with(&[("RUST_LOG", "trace")]);
    assert!(announced(&house).await);
    let (desk, bsn, sams) = (Desk::of(&house), fresh_bsn(), fresh_bsn());
    let mother = desk.person("Anna", None, Some(&bsn));
    let sam = desk.person("Sam", Some(&born(8, 0)), Some(&sams));
    desk.mandate(&Form::parent(&mother, &sam));
    let bo = desk.person("Bo", Some(&born(5, 0)), None);
    desk.mandate(&Form::parent(&mother, &bo));
    let browser = Browser::new();
    digid_account(&house, &browser, &bsn, "moeder@voorbeeld.nl").await;

    let good = tokens(&house, &browser, &RECORDS, &wish("userinfo")).await;
    let user = told(&house, &key, &good).await;
    assert_eq!(user["bsn"], json!(bsn));
    let of = |told: &Value| -> Vec<Value> {
        let mut all: Vec<Value> =
            told["act_as"].as_array().unwrap().iter().map(|one| one["bsn"].clone()).collect();
        all.sort_by_key(Value::to_string);
        all
    };
    assert_eq!(of(&user), [json!(sams), Value::Null], "of those whose BSN is known");
    assert_nowhere(&house, &RECORDS, &good, &[&bsn, &sams]).await;
    let account = house.query("SELECT id FROM accounts").concat();
    let expected = ["-", &sam].map(|whom| format!("{mother} {whom} records {account}"));
    assert_eq!(lines(&house), expected, "whose were told, and no others");
    told(&house, &key, &good).await;
    assert_eq!(lines(&house).len(), 4, "each time");

    let without = |user: &Value| {
        assert!(user.get("bsn").is_none() && !user.to_string().contains("\"bsn\""), "{user}");
        assert!(user["sub"].is_string());
    };
    // Not asked for, asked for in the ID token, or by whom may not.
    for (client, wish) in [(RECORDS, json!({})), (RECORDS, wish("id_token")), (OTHER, wish("userinfo"))] {
        let tokens = tokens(&house, &browser, &client, &wish).await;
        let user = told(&house, &key, &tokens).await;
        without(&user);
        assert_eq!(user["act_as"].as_array().unwrap().len(), 2, "the rest is told");
        assert!(!format!("{}", tokens.claims).contains("\"bsn\""));
        assert_nowhere(&house, &client, &tokens, &[&bsn, &sams]).await;
    }
    // A session by password of the very same account.
    let local = Browser::new();
    portal::log_in(&house, &local, "moeder@voorbeeld.nl", 2).await;
    let by_password = tokens(&house, &local, &RECORDS, &wish("userinfo")).await;
    without(&told(&house, &key, &by_password).await);
    assert_nowhere(&house, &RECORDS, &by_password, &[&bsn, &sams]).await;
    // What outlives the session of DigiD.
    let out = format!("{}/logout?id_token_hint={}", house.issuer, good.text("id_token"));
    browser.get(&out).await;
    assert_eq!(userinfo(&house, good.text("access_token")).await.0, 401);
    let (status, body) = RECORDS.refresh(&house, good.text("refresh_token")).await;
    assert_eq!(status, 200, "{body}");
    without(&told(&house, &key, &portal::tokens(body)).await);
    assert_eq!(lines(&house).len(), 4, "where none is told there is no line");
}

/// A registration that would send one in the clear, or to somebody else's portal, is refused.
#[tokio::test]
async fn a_client_that_would_get_a_bsn_in_the_clear_is_refused() {
    let mut house = House::with(MARK).await;
    register(&mut house);
    let path = house.folder.join("namens.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    let encrypted =
        "userinfo_encrypted_response_alg = \"RSA-OAEP-256\"\nid_token_alg = \"ES256\"\nsees_bsn = true";
    for (from, to) in [
        (encrypted, "id_token_alg = \"ES256\"\nsees_bsn = true"),
        ("sees_bsn = true", "sees_bsn = true\nthird_party = true"),
    ] {
        assert!(good.contains(from));
        std::fs::write(&path, good.replace(from, to)).unwrap();
        let refused = house.run(&["clients", "list"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("sees_bsn needs"), "{said}");
    }
    std::fs::write(&path, good).unwrap();
    assert!(house.ok(&["clients", "show", RECORDS.id]).contains("sees BSN        yes"));
}

#[tokio::test]
async fn the_bsn_of_a_child_is_told_where_its_parent_logged_in_for_it() {
    let options = routed();
    let tables = Box::leak(format!("{}{MARK}", options.tables).into_boxed_str());
    let mut family = Family::at_home(Options { tables, ..options }).await;
    let key = register(&mut family.house);
    let browser = Browser::new();
    family.in_for_child(&browser).await;
    let house = &family.house;
    let good = tokens(house, &browser, &RECORDS, &wish("userinfo")).await;
    let user = told(house, &key, &good).await;
    assert_eq!((&user["bsn"], &user["represents"]["bsn"]), (&json!(family.parent.0), &json!(family.child.0)));
    assert_eq!(user["act_as"][0]["bsn"], json!(family.child.0));
    assert!(good.claims["represents"].get("bsn").is_none());
    let account = house.query("SELECT id FROM accounts").concat();
    let expected = ["-", &family.child.1].map(|whom| format!("{} {whom} records {account}", family.parent.1));
    assert_eq!(lines(house), expected);
    assert_nowhere(house, &RECORDS, &good, &[&family.parent.0, &family.child.0]).await;
    let other = tokens(house, &browser, &OTHER, &wish("userinfo")).await;
    let user = told(house, &key, &other).await;
    assert!(user["represents"]["sub"].is_string() && !user.to_string().contains("\"bsn\""));
}
