//! The standard claims: what an account has of them, who is told which, and in what form (OpenID Connect Core, sections 5.1 to
//! 5.5).

use std::{
    fs,
    io::Write,
    process::{Output, Stdio},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openssl::{
    encrypt::Decrypter,
    hash::MessageDigest,
    pkey::{PKey, Private},
    rsa::{Padding, Rsa},
    symm::{Cipher, decrypt_aead},
};
use serde_json::{Value, json};

use crate::{
    algorithms::is_ours,
    browser::Browser,
    digid_steps::MIDDEN,
    house::{House, Options},
    jose::KEY,
    mandates_desk::{digid_account, fresh_bsn},
    oidc_client::{
        self, Auth, CLIENTS, Client, KEYED, LAB, THE_PORTAL, claims, header, house, logged_in, userinfo,
    },
};

const ANNA: &str = "jansen@voorbeeld.nl";
/// A client whose `UserInfo` is signed and encrypted.
const SEALED: Client =
    Client { id: "sealed", auth: Auth::Key, callback: "http://127.0.0.1:9/callback/sealed" };

/// All that an account can have on record.
fn whole() -> Value {
    json!({
        "name": "Anna van Dijk-Jansen", "given_name": "Anna", "family_name": "van Dijk-Jansen", "middle_name": "Maria",
        "nickname": "An", "preferred_username": "anna", "profile": "https://voorbeeld.nl/anna",
        "picture": "https://voorbeeld.nl/anna.png", "website": "https://anna.voorbeeld.nl", "gender": "female",
        "birthdate": "1985-02-28", "zoneinfo": "Europe/Amsterdam", "locale": "nl-NL",
        "address": {"formatted": "Dorpsstraat 1\n1234 AB Ons Dorp", "postal_code": "1234 AB", "country": "NL"},
        "phone_number": "+31 6 12345678", "phone_number_verified": true,
    })
}

/// `namens accounts profile`, with claims on standard input.
fn record(house: &House, email: &str, claims: &Value) -> Output {
    let mut command = house.program(&["accounts", "profile", "--by", "els", email, "--file", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut command = command.spawn().unwrap();
    command.stdin.take().unwrap().write_all(claims.to_string().as_bytes()).unwrap();
    command.wait_with_output().unwrap()
}

/// The same, when it must be taken.
pub fn recorded(house: &House, email: &str) {
    let output = record(house, email, &whole());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The members of an object, in their order, without some.
fn names(object: &Value, without: &[&str]) -> String {
    let mut names: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.retain(|name| !without.contains(name));
    names.sort_unstable();
    names.join(" ")
}

#[tokio::test]
async fn each_scope_tells_its_claims_of_an_account_that_has_them_and_no_others() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let told = async |scope: &str| {
        let tokens = THE_PORTAL.sign_on(&house, &browser, scope).await;
        // They are in UserInfo; an ID token is asked for them one by one (section 5.4).
        assert!(tokens.claims.get("email").is_none() && tokens.claims.get("name").is_none());
        userinfo(&house, tokens.text("access_token")).await.1
    };
    let all = "openid profile email address phone";
    // Nobody recorded anything: nothing is made up.
    assert_eq!(names(&told(all).await, &[]), "email email_verified sub");
    recorded(&house, ANNA);
    let user = told(all).await;
    for (name, value) in whole().as_object().unwrap() {
        assert_eq!(&user[name], value);
    }
    let now = crate::mandates_desk::now().epoch();
    assert!((now - 600..=now).contains(&user["updated_at"].as_i64().unwrap()));
    assert_eq!(user.as_object().unwrap().len(), whole().as_object().unwrap().len() + 4, "{user}");
    assert_eq!(names(&told("openid").await, &[]), "sub");
    assert_eq!(names(&told("openid phone").await, &[]), "phone_number phone_number_verified sub");
    assert_eq!(names(&told("openid address").await, &[]), "address sub");
    assert_eq!(
        names(&told("openid profile").await, &[]),
        "birthdate family_name gender given_name locale middle_name name nickname picture preferred_username profile sub \
         updated_at website zoneinfo"
    );
    // What is sealed stands nowhere in the clear, and what was recorded stands in no log.
    let database = fs::read(house.folder.join("namens.db")).unwrap();
    let wal = fs::read(house.folder.join("namens.db-wal")).unwrap_or_default();
    for bytes in [database, wal, house.log().into_bytes()] {
        assert!(!bytes.windows(9).any(|window| window == b"van Dijk-" || window == b"1234 AB O"));
    }
    // Another client, which was not registered for them, is told so (RFC 6749 section 4.1.2.1).
    let ask = LAB.ask().with("scope", "openid profile");
    oidc_client::assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "invalid_scope");
}

#[tokio::test]
async fn single_claims_are_told_where_they_were_asked_for_and_grant_no_scope() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    recorded(&house, ANNA);
    let wish = json!({
        "id_token": {"given_name": {"essential": true}, "address": null, "nickname": {"value": "x"}},
        "userinfo": {"name": {"essential": true}, "birthdate": null, "unheard": null},
    });
    let ask = THE_PORTAL.ask().with("claims", &wish.to_string());
    let tokens = THE_PORTAL.redeem(&house, &ask, &THE_PORTAL.code(&house, &browser, &ask).await).await;
    assert_eq!(tokens.text("scope"), "openid");
    assert_eq!(tokens.claims["given_name"], "Anna");
    assert_eq!(tokens.claims["address"]["country"], "NL");
    assert!(tokens.claims.get("name").is_none() && tokens.claims.get("birthdate").is_none());
    let user = userinfo(&house, tokens.text("access_token")).await.1;
    assert_eq!(names(&user, &[]), "birthdate name sub");
    // Also with the token of a refresh, whose ID token tells nothing of it (section 12.2).
    let (status, body) = THE_PORTAL.refresh(&house, tokens.text("refresh_token")).await;
    assert_eq!(status, 200, "{body}");
    let user = userinfo(&house, body["access_token"].as_str().unwrap()).await.1;
    assert_eq!(names(&user, &[]), "birthdate name sub");
    assert!(claims(body["id_token"].as_str().unwrap()).get("given_name").is_none());
    // A client that is not registered for the scope gets none of its claims.
    let ask = LAB.ask().with("claims", &wish.to_string());
    let tokens = LAB.redeem(&house, &ask, &LAB.code(&house, &browser, &ask).await).await;
    assert!(tokens.claims.get("given_name").is_none() && tokens.claims.get("address").is_none());
    assert_eq!(names(&userinfo(&house, tokens.text("access_token")).await.1, &[]), "sub");
}

/// OpenID Connect Core, section 2; RFC 8176 section 2.
#[tokio::test]
async fn amr_is_told_to_whom_asks_and_says_by_what_the_session_was_proven() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let wish = |place: &str| json!({place: {"amr": {"essential": true, "values": ["hwk"]}}}).to_string();
    let told = async |client: &Client, browser: &Browser, claims: &str| {
        let ask = client.ask().with("claims", claims);
        let tokens = client.redeem(&house, &ask, &client.code(&house, browser, &ask).await).await;
        (tokens.claims.get("amr").cloned(), tokens)
    };
    let (amr, tokens) = told(&THE_PORTAL, &browser, &wish("id_token")).await;
    assert_eq!(amr, Some(json!(["pwd", "otp"])), "and not what was wished");
    let (_, body) = THE_PORTAL.refresh(&house, tokens.text("refresh_token")).await;
    assert!(claims(body["id_token"].as_str().unwrap()).get("amr").is_none(), "in the first one only");
    assert_eq!(userinfo(&house, body["access_token"].as_str().unwrap()).await.1.get("amr"), None);
    // Asked elsewhere, not asked, or asked by a client of another policy: nothing.
    for (client, claims) in
        [(THE_PORTAL, wish("userinfo")), (THE_PORTAL, "{}".into()), (KEYED, wish("id_token"))]
    {
        assert_eq!(told(&client, &browser, &claims).await.0, None, "{} {claims}", client.id);
    }
    // A session of DigiD, also where the portal wants to hear of a lower level.
    let (bsn, digid) = (fresh_bsn(), Browser::new());
    digid_account(&house, &digid, &bsn, "vader@voorbeeld.nl").await;
    let lower =
        json!({"id_token": {"amr": null, "acr": {"essential": true, "value": "urn:namens:acr:local"}}});
    for (claims, acr) in [(wish("id_token"), MIDDEN), (lower.to_string(), "urn:namens:acr:local")] {
        let (amr, tokens) = told(&THE_PORTAL, &digid, &claims).await;
        assert_eq!((amr, tokens.acr()), (Some(json!(["mfa"])), acr));
    }
}

#[tokio::test]
async fn what_is_recorded_fits_its_claim_and_can_be_changed_and_forgotten() {
    let house = house().await;
    logged_in(&house).await;
    recorded(&house, ANNA);
    for (bad, says) in [
        (json!({"birthdate": "28-02-1985"}), "birthdate"),
        (json!({"email": "x@y.nl"}), "email"),
        (json!({"updated_at": 1}), "updated_at"),
        (json!({"phone_number": "0612345678"}), "phone_number"),
        (json!({"address": "Dorpsstraat 1"}), "address"),
        (json!({"zoneinfo": "Europe/Lutjebroek"}), "zoneinfo"),
        (json!({"bsn": "999990019"}), "section 5.1"),
        (json!(["name"]), "JSON object"),
    ] {
        let output = record(&house, ANNA, &bad);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(says), "{bad}: {said}");
        assert!(!said.contains("1985") && !said.contains("999990019"), "a value is not repeated: {said}");
    }
    let unknown = record(&house, "niemand@voorbeeld.nl", &whole());
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no account"));
    let kept = |told: &str| serde_json::from_str::<Value>(told).unwrap();
    let before = kept(&house.ok(&["accounts", "profile", "--by", "els", ANNA]));
    assert_eq!(before["birthdate"], "1985-02-28", "what was refused changed nothing");
    let told = house.ok(&[
        "accounts",
        "profile",
        "--by",
        "els",
        ANNA,
        "--set",
        "nickname=Annie",
        "--set",
        "phone_number=+31201234567",
        "--forget",
        "gender",
    ]);
    let after = kept(&told);
    assert_eq!((after["nickname"].as_str(), after.get("gender")), (Some("Annie"), None));
    assert_eq!(after.get("phone_number_verified"), None, "another number, which nobody verified");
    let lines = house.query("SELECT outcome FROM audit WHERE event = 'account.profile'");
    assert_eq!(lines, ["ok", "ok"]);
}

/// The public half of a key, as a client registers it.
pub fn jwk(key: &Rsa<Private>) -> Value {
    let part = |number: &openssl::bn::BigNumRef| URL_SAFE_NO_PAD.encode(number.to_vec());
    json!({"kty": "RSA", "kid": "e", "use": "enc", "alg": "RSA-OAEP-256", "n": part(key.n()), "e": part(key.e())})
}

/// Adds [`SEALED`] by command, with its keys.
fn add_sealed(house: &House, set: &Value, more: &[&str]) -> Output {
    fs::write(house.folder.join("sealed.jwks"), set.to_string()).unwrap();
    let jwks = house.folder.join("sealed.jwks");
    let mut arguments =
        vec!["clients", "add", "--by", "els", SEALED.id, "--name", "Lab", "--redirect-uri", SEALED.callback];
    arguments.extend(["--jwks", jwks.to_str().unwrap(), "--scope", "profile", "--id-token-alg", "ES256"]);
    arguments.extend(more);
    house.run(&arguments)
}

/// Opens an encrypted token as its client would, with OpenSSL.
pub fn open(token: &str, key: &Rsa<Private>) -> (Value, String) {
    let parts: Vec<&str> = token.split('.').collect();
    let [head, sealed, nonce, body, tag] = parts[..] else { panic!("no JWE in five parts: {token}") };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let private = PKey::from_rsa(key.clone()).unwrap();
    let mut opener = Decrypter::new(&private).unwrap();
    opener.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
    opener.set_rsa_oaep_md(MessageDigest::sha256()).unwrap();
    opener.set_rsa_mgf1_md(MessageDigest::sha256()).unwrap();
    let mut inner = vec![0; opener.decrypt_len(&decode(sealed)).unwrap()];
    let length = opener.decrypt(&decode(sealed), &mut inner).unwrap();
    let (nonce, tag) = (decode(nonce), decode(tag));
    let plain = decrypt_aead(
        Cipher::aes_256_gcm(),
        &inner[..length],
        Some(&nonce),
        head.as_bytes(),
        &decode(body),
        &tag,
    );
    (header(token), String::from_utf8(plain.unwrap()).unwrap())
}

/// `GET /userinfo` as text, with its media type.
pub async fn raw(house: &House, token: &str) -> (String, String) {
    let request = reqwest::Client::new().get(format!("{}/userinfo", house.issuer));
    let answer = request.bearer_auth(token).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["cache-control"]),
        (200, &"no-store".parse().unwrap())
    );
    let media = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (media, answer.text().await.unwrap())
}

#[tokio::test]
async fn userinfo_is_signed_for_whom_wants_it_and_is_no_other_token() {
    let mut house = house().await;
    house.reconfigure(
        "sees_relation = true",
        "sees_relation = true\nuserinfo_signed_response_alg = \"RS256\"",
    );
    let (browser, _) = logged_in(&house).await;
    recorded(&house, ANNA);
    let tokens = THE_PORTAL.sign_on(&house, &browser, "openid profile act_as").await;
    let (media, signed) = raw(&house, tokens.text("access_token")).await;
    assert_eq!(media, "application/jwt");
    assert!(is_ours(&house, &signed).await && header(&signed)["alg"] == "RS256");
    let user = claims(&signed);
    assert_eq!((&user["iss"], &user["aud"]), (&json!(house.issuer), &json!("portal")));
    assert_eq!((user["sub"].as_str(), &user["name"]), (Some(tokens.sub()), &whole()["name"]));
    assert_eq!(user["act_as"], json!([]));
    // A client that asked for nothing of the kind gets JSON.
    let plain = LAB.sign_on(&house, &browser, "openid").await;
    assert_eq!(raw(&house, plain.text("access_token")).await.0, "application/json");
    // A12: in the place of an access token, or of an ID token as a hint, it says nothing.
    assert_eq!(userinfo(&house, &signed).await.0, 401);
    let hinted = |hint: &str| THE_PORTAL.ask().with("prompt", "none").with("id_token_hint", hint);
    let ask = hinted(&signed);
    oidc_client::assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "login_required");
    THE_PORTAL.code(&house, &browser, &hinted(tokens.text("id_token"))).await;
}

#[tokio::test]
async fn userinfo_is_encrypted_to_the_key_of_its_client_and_signed_inside() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    recorded(&house, ANNA);
    let (key, other) = (Rsa::generate(2048).unwrap(), Rsa::generate(2048).unwrap());
    // A key for signatures, which must not be encrypted to, stands in front.
    let mut for_signatures = jwk(&other);
    for_signatures["use"] = json!("sig");
    for_signatures["alg"] = json!("PS256");
    let signs = KEY.set()["keys"][0].clone();
    let sealed =
        ["--userinfo-signed-response-alg", "RS256", "--userinfo-encrypted-response-alg", "RSA-OAEP-256"];
    let said = |output: Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let without = json!({"keys": [signs, for_signatures]});
    assert!(said(add_sealed(&house, &without, &sealed)).contains("public RSA key"));
    let whole_set = json!({"keys": [signs, for_signatures, jwk(&key)]});
    assert!(said(add_sealed(&house, &whole_set, &sealed[2..])).contains("userinfo_signed_response_alg"));
    let added = add_sealed(&house, &whole_set, &sealed);
    assert!(added.status.success(), "{}", said(added));

    let tokens = SEALED.sign_on(&house, &browser, "openid profile").await;
    let (media, token) = raw(&house, tokens.text("access_token")).await;
    assert_eq!(media, "application/jwt");
    let (head, signed) = open(&token, &key);
    assert_eq!(head, json!({"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT", "kid": "e"}));
    assert!(is_ours(&house, &signed).await && header(&signed)["alg"] == "RS256");
    let user = claims(&signed);
    assert_eq!((&user["aud"], &user["given_name"]), (&json!("sealed"), &json!("Anna")));
    assert_eq!(user["sub"].as_str(), Some(tokens.sub()));
    // Each is encrypted anew: neither key nor nonce is ever used twice.
    let (_, again) = raw(&house, tokens.text("access_token")).await;
    let part = |token: &str, at: usize| token.split('.').nth(at).unwrap().to_owned();
    assert!(part(&token, 1) != part(&again, 1) && part(&token, 2) != part(&again, 2));
    // What is encrypted to us is not even looked at: nobody makes us decrypt or inflate anything (A23).
    assert_eq!(userinfo(&house, &token).await.0, 401);
}

#[tokio::test]
async fn a_client_of_fapi_gets_no_userinfo_signed_by_rs256() {
    let options = Options { tables: CLIENTS, ..Options::default() };
    let house = House::start_with(options).await;
    let more = ["--policy", "fapi2", "--userinfo-signed-response-alg"];
    let set = KEY.set();
    let refused = add_sealed(&house, &set, &[&more[..], &["RS256"]].concat());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("does not allow RS256"));
    assert!(add_sealed(&house, &set, &[&more[..], &["PS256"]].concat()).status.success());
}
