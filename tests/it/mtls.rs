//! Clients that show certificates (RFC 8705): to a proxy of ours, or to Namens itself.

use std::{fs, net::IpAddr, time::Instant};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use openssl::{
    bn::{BigNum, BigNumContext},
    hash::{MessageDigest, hash},
    pkey::{PKey, Private},
    x509::X509,
};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    client_keys::Place,
    config::refuses,
    digid_metadata::{pki, put, said},
    house::{House, PASSWORD},
    jose::Key,
    oidc_client::{Auth, Client, claims, logged_in},
    portal::{code_of, request},
    steps::{to_register_code, type_code},
    tls::{Wanted, closed, http, ip, issue},
};

type Shown = (X509, PKey<Private>);

/// Clients, each with one of the names of RFC 8705 section 2.1.2, and others.
const NAMED: [(&str, &str); 5] = [
    ("dn", r"{ subject_dn = 'CN=Portaal,O=Huisarts\, De Linde,C=NL' }"),
    ("dns", r#"{ san_dns = "Portal.example.nl" }"#),
    ("uri", r#"{ san_uri = "https://portal.example.nl/id" }"#),
    ("ip", r#"{ san_ip = "192.0.2.7" }"#),
    ("email", r#"{ san_email = "portal@example.nl" }"#),
];
const PROXY: &str = "[proxy]\nfrom = [\"127.0.0.1\"]\nclient_certificate = \"client-cert\"\n";
const CA: &str = "[mtls]\nca = \"pki/ca.crt\"\n";
const CALLBACK: &str = "http://127.0.0.1:9/callback/mtls";

fn client(id: &'static str) -> Client {
    Client { id, auth: Auth::None, callback: CALLBACK }
}

fn table(id: &str, lines: &str) -> String {
    format!(
        "[[client]]\nid = \"{id}\"\nname = \"{id}\"\nredirect_uris = [\"{CALLBACK}\"]\nscopes = [\"openid\"]\n{lines}\n"
    )
}

fn all() -> String {
    let named =
        NAMED.map(|(id, name)| table(id, &format!("auth = \"tls_client_auth\"\ncertificate_name = {name}")));
    let fapi = "policy = \"fapi2\"\nid_token_alg = \"PS256\"\nauth = \"tls_client_auth\"\ncertificate_name = { san_dns = \"f\" }";
    let others = [
        table("self", "policy = \"basic\"\nauth = \"self_signed_tls_client_auth\"\njwks = \"self.jwks\""),
        table("app", "auth = \"none\"\ncertificate_bound_tokens = true"),
        table(
            "bound",
            "auth = \"tls_client_auth\"\ncertificate_bound_tokens = true\ncertificate_name = { san_dns = \"b\" }",
        ),
        table("fapi", fapi),
        table("fapi-bound", &format!("{fapi}\ncertificate_bound_tokens = true")),
    ];
    named.concat() + &others.concat()
}

/// An installation behind a proxy, whose part the test takes.
async fn house() -> (House, Shown) {
    let mut house = House::start().await;
    house.kill();
    let own = issue(&Wanted { name: "self", ..Wanted::default() });
    put(&house.folder.join("self.jwks"), &json!({"keys": [jwk(&own.1)]}).to_string());
    let path = house.folder.join("namens.toml");
    put(&path, &format!("{}{PROXY}{CA}{}", fs::read_to_string(&path).unwrap(), all()));
    house.open_doors();
    (house, own)
}

fn jwk(key: &PKey<Private>) -> Value {
    let key = key.ec_key().unwrap();
    let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
    let mut context = BigNumContext::new().unwrap();
    key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut context).unwrap();
    let half = |number: BigNum| URL_SAFE_NO_PAD.encode(number.to_vec_padded(32).unwrap());
    json!({"kty": "EC", "crv": "P-256", "x": half(x), "y": half(y)})
}

/// A certificate that is good for the client of that id.
fn good(house: &House, id: &str) -> Shown {
    let ca = pki(house).ca;
    let mut wanted = Wanted { name: "Portaal", by: Some(&ca), ..Wanted::default() };
    match id {
        "dn" => {}
        "dns" => wanted.dns = Some("portal.example.nl"),
        "uri" => wanted.uri = Some("https://portal.example.nl/id"),
        "ip" => wanted.ip = Some("192.0.2.7".parse::<IpAddr>().unwrap()),
        "email" => wanted.email = Some("portal@example.nl"),
        "bound" => wanted.dns = Some("b"),
        _ => wanted.dns = Some("f"),
    }
    if id != "dn" {
        wanted.name = id;
    }
    issue(&wanted)
}

/// As a proxy tells it (RFC 9440).
fn told((certificate, _): &Shown) -> String {
    format!(":{}:", STANDARD.encode(certificate.to_der().unwrap()))
}

fn with(request: RequestBuilder, shown: &Shown) -> RequestBuilder {
    request.header("client-cert", told(shown))
}

/// A client that exchanges a code which is none: who is let in hears `invalid_grant`.
fn knocks(house: &House, id: &'static str) -> RequestBuilder {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", "x"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", "x"),
    ];
    client(id).post(house, "/token", &form)
}

async fn error(request: RequestBuilder) -> String {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    let error = body["error"].as_str().unwrap_or_default().to_owned();
    assert_eq!(status, if error == "invalid_client" { 401 } else { 400 }, "{body}");
    error
}

#[tokio::test]
async fn each_name_lets_in_the_certificate_that_has_it_of_an_authority_that_we_trust() {
    let (house, own) = house().await;
    let refused = "invalid_client";
    for (id, _) in NAMED {
        let right = good(&house, id);
        assert_eq!(error(with(knocks(&house, id), &right)).await, "invalid_grant", "{id}");
        assert_eq!(error(knocks(&house, id)).await, refused, "{id}: none");
        for (other, _) in NAMED.iter().filter(|(other, _)| *other != id) {
            assert_eq!(
                error(with(knocks(&house, id), &good(&house, other))).await,
                refused,
                "{id}: that of {other}"
            );
        }
        assert_eq!(error(with(knocks(&house, id), &own)).await, refused, "{id}");
    }
    // The right name, of nobody, of a stranger, and too late: the twin is the first above.
    let stranger = {
        let folder = house.folder.join("pki");
        namens::simulator::pki::Pair {
            certificate: folder.join("wrong-ca.crt"),
            key: folder.join("wrong-ca.key"),
        }
    };
    let ca = pki(&house).ca;
    for (by, days) in
        [(None, (-1, 9)), (Some(&stranger), (-1, 9)), (Some(&ca), (-9, -1)), (Some(&ca), (1, 9))]
    {
        let spoilt =
            issue(&Wanted { name: "x", dns: Some("portal.example.nl"), days, by, ..Wanted::default() });
        assert_eq!(error(with(knocks(&house, "dns"), &spoilt)).await, refused, "{days:?}");
    }
    let sound = issue(&Wanted {
        name: "x",
        dns: Some("portal.example.nl"),
        days: (-1, 9),
        by: Some(&ca),
        ..Wanted::default()
    });
    assert_eq!(error(with(knocks(&house, "dns"), &sound)).await, "invalid_grant");
    // It is the registered method, and no other, and it opens the other doors too.
    let secret = knocks(&house, "dns").basic_auth("dns", Some("x"));
    assert_eq!(error(with(secret, &sound)).await, refused);
    let asks =
        with(client("dns").post(&house, "/introspect", &[("token", "x")]), &sound).send().await.unwrap();
    assert_eq!(asks.json::<Value>().await.unwrap(), json!({"active": false}));
    let ends = client("dns").post(&house, "/revoke", &[("token", "x")]);
    assert_eq!(with(ends, &sound).send().await.unwrap().status(), 200);
    let form: Vec<(String, String)> = client("dns").ask().parameters;
    let form: Vec<(&str, &str)> =
        form.iter().map(|(n, v)| (n.as_str(), v.as_str())).filter(|(n, _)| *n != "client_id").collect();
    assert_eq!(with(client("dns").post(&house, "/par", &form), &sound).send().await.unwrap().status(), 201);
    assert_eq!(error(client("dns").post(&house, "/par", &form)).await, refused);
}

#[tokio::test]
async fn a_certificate_of_a_registered_key_is_enough_where_the_client_signs_it_itself() {
    let (house, own) = house().await;
    assert_eq!(error(with(knocks(&house, "self"), &own)).await, "invalid_grant");
    let other = issue(&Wanted { name: "self", ..Wanted::default() });
    assert_eq!(error(with(knocks(&house, "self"), &other)).await, "invalid_client");
    assert_eq!(error(with(knocks(&house, "self"), &good(&house, "dn"))).await, "invalid_client");
    assert_eq!(error(knocks(&house, "self")).await, "invalid_client");
    for path in ["/introspect", "/revoke"] {
        let asks = || client("self").post(&house, path, &[("token", "x")]);
        assert_eq!(with(asks(), &own).send().await.unwrap().status(), 200, "{path}");
        assert_eq!(error(with(asks(), &other)).await, "invalid_client", "{path}");
    }
}

#[tokio::test]
async fn a24_a_certificate_in_a_header_counts_from_a_proxy_of_ours_only_and_once() {
    let (mut house, _) = house().await;
    let right = good(&house, "dn");
    let twice = with(with(knocks(&house, "dn"), &right), &right);
    assert_eq!(error(twice).await, "invalid_client");
    for bad in ["", ":", "::", ":AAAA:", "AAAA"] {
        assert_eq!(error(knocks(&house, "dn").header("client-cert", bad)).await, "invalid_client", "{bad}");
    }
    let pem = String::from_utf8(right.0.to_pem().unwrap()).unwrap();
    let escaped: String =
        url::form_urlencoded::byte_serialize(pem.as_bytes()).collect::<String>().replace('+', "%20");
    let in_pem = |house: &House| knocks(house, "dn").header("x-ssl-client-cert", &escaped);
    assert_eq!(error(in_pem(&house)).await, "invalid_client", "this header was not named");
    house.reconfigure("\"client-cert\"", "\"x-ssl-client-cert\"");
    assert_eq!(error(in_pem(&house)).await, "invalid_grant");
    assert_eq!(error(with(knocks(&house, "dn"), &right)).await, "invalid_client", "nor is that one now");
    house.reconfigure("from = [\"127.0.0.1\"]", "from = [\"127.0.0.9\"]");
    assert_eq!(error(in_pem(&house)).await, "invalid_client");
}

/// `GET /userinfo`: its status.
async fn opens(house: &House, token: &str, shown: Option<&Shown>) -> u16 {
    let request = reqwest::Client::new().get(format!("{}/userinfo", house.issuer)).bearer_auth(token);
    let request = match shown {
        Some(shown) => with(request, shown),
        None => request,
    };
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    if status != 200 {
        assert!(answer.headers()["www-authenticate"].to_str().unwrap().contains("error=\"invalid_token\""));
    }
    status
}

#[tokio::test]
async fn tokens_are_worth_nothing_without_the_certificate_that_they_are_bound_to() {
    let (house, thief) = house().await;
    let (browser, plain) = logged_in(&house).await;
    for id in ["app", "bound"] {
        let (client, shown) = (client(id), good(&house, id));
        let ask = client.ask();
        let code = client.code(&house, &browser, &ask).await;
        let redeem = || client.post(&house, "/token", &ask.redemption(&code));
        let bare = if id == "app" { "invalid_request" } else { "invalid_client" };
        assert_eq!(error(redeem()).await, bare, "no certificate, and no code burnt");
        let answer: Value = with(redeem(), &shown).send().await.unwrap().json().await.unwrap();
        let access = answer["access_token"].as_str().unwrap();
        assert_eq!(answer["token_type"], "Bearer");
        let x5t = hash(MessageDigest::sha256(), &shown.0.to_der().unwrap()).unwrap();
        let cnf = json!({"x5t#S256": URL_SAFE_NO_PAD.encode(x5t)});
        assert_eq!(claims(access)["cnf"], cnf);
        assert_eq!(opens(&house, access, Some(&shown)).await, 200);
        assert_eq!(
            (opens(&house, access, Some(&thief)).await, opens(&house, access, None).await),
            (401, 401)
        );
        if id == "bound" {
            let asks = with(client.post(&house, "/introspect", &[("token", access)]), &shown);
            let told: Value = asks.send().await.unwrap().json().await.unwrap();
            assert_eq!(
                (&told["active"], &told["token_type"], &told["cnf"]),
                (&json!(true), &json!("Bearer"), &cnf)
            );
        }
        // Its refresh token neither opens nor ends anything for a thief, and stays as it is.
        let refresh = answer["refresh_token"].as_str().unwrap();
        let again =
            || client.post(&house, "/token", &[("grant_type", "refresh_token"), ("refresh_token", refresh)]);
        assert_eq!(error(again()).await, bare);
        let stolen = if id == "app" { "invalid_grant" } else { "invalid_client" };
        assert_eq!(error(with(again(), &thief)).await, stolen);
        for _ in 0..2 {
            let answer: Value = with(again(), &shown).send().await.unwrap().json().await.unwrap();
            assert_eq!(opens(&house, answer["access_token"].as_str().unwrap(), Some(&shown)).await, 200);
            assert_eq!(answer.get("refresh_token"), None);
        }
    }
    // A certificate beside a token that is not bound changes nothing.
    assert_eq!(opens(&house, plain.text("access_token"), Some(&thief)).await, 200);
    assert_eq!(opens(&house, plain.text("access_token"), None).await, 200);
}

#[tokio::test]
async fn fapi_wants_tokens_that_are_bound_to_a_certificate_or_a_key() {
    let (house, _) = house().await;
    let shown = good(&house, "fapi");
    assert_eq!(error(with(knocks(&house, "fapi-bound"), &shown)).await, "invalid_grant");
    assert_eq!(error(with(knocks(&house, "fapi"), &shown)).await, "invalid_dpop_proof");
}

/// RFC 6750 sections 2.2 and 3: a client of FAPI shows its token in the header alone, also where a certificate binds it.
#[tokio::test]
async fn a_token_in_a_form_opens_userinfo_but_not_for_a_client_of_fapi() {
    let (house, thief) = house().await;
    let (browser, plain) = logged_in(&house).await;
    for (id, status) in [("fapi-bound", 400), ("bound", 200)] {
        let (client, shown) = (client(id), good(&house, id));
        let ask = client.ask();
        let form: Vec<_> = ask.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let form: Vec<_> = form.into_iter().filter(|(name, _)| *name != "client_id").collect();
        let pushed = with(client.post(&house, "/par", &form), &shown).send().await.unwrap();
        let pushed: Value = pushed.json().await.unwrap();
        let handle = pushed["request_uri"].as_str().unwrap();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("client_id", id), ("request_uri", handle)])
            .finish();
        let code = code_of(&browser.get(&format!("{}/authorize?{query}", house.issuer)).await);
        let redeemed = with(client.post(&house, "/token", &ask.redemption(&code)), &shown);
        let tokens: Value = redeemed.send().await.unwrap().json().await.unwrap();
        let access = tokens["access_token"].as_str().unwrap();
        assert!(claims(access)["cnf"]["x5t#S256"].is_string(), "{id}");
        assert_eq!(opens(&house, access, Some(&shown)).await, 200, "the header opens it: {id}");

        let in_form = |token: &str, shown: &Shown| {
            let url = format!("{}/userinfo", house.issuer);
            with(reqwest::Client::new().post(url).form(&[("access_token", token)]), shown)
        };
        let answer = in_form(access, &shown).send().await.unwrap();
        assert_eq!(answer.status(), status, "{id}");
        if status == 400 {
            let told = answer.headers()["www-authenticate"].to_str().unwrap();
            assert!(told.starts_with("Bearer ") && told.contains("error=\"invalid_request\""), "{told}");
        } else {
            // The certificate is asked for there too, and a bearer's token needs none.
            assert_eq!(in_form(access, &thief).send().await.unwrap().status(), 401);
            assert_eq!(in_form(plain.text("access_token"), &thief).send().await.unwrap().status(), 200);
        }
    }
}

/// An installation that speaks TLS itself and asks for certificates at a second address, and that address.
async fn with_alias() -> (House, String) {
    let mut house = closed(&all()).await;
    put(
        &house.folder.join("self.jwks"),
        &json!({"keys": [jwk(&issue(&Wanted { name: "self", ..Wanted::default() }).1)]}).to_string(),
    );
    let alias = format!("https://{}:8444", ip(&house));
    let mtls = format!("[mtls]\nlisten = \"{}:8444\"\nurl = \"{alias}\"\nca = \"pki/ca.crt\"\n", ip(&house));
    let path = house.folder.join("namens.toml");
    put(&path, &format!("{}{mtls}", fs::read_to_string(&path).unwrap()));
    house.open_doors();
    (house, alias)
}

/// What discovery tells.
async fn discovered(house: &House) -> Value {
    let url = format!("{}/.well-known/openid-configuration", house.issuer);
    http(house, None).get(url).send().await.unwrap().json().await.unwrap()
}

/// Somebody who is logged in, at a server that speaks TLS.
async fn person(house: &House) -> Browser {
    let browser = Browser::trusting(&fs::read(pki(house).ca.certificate).unwrap());
    let (asked, email) = (request(house, &[]), "jansen@voorbeeld.nl");
    let page = to_register_code(&browser, &asked, email, PASSWORD).await;
    code_of(&type_code(&browser, &page, &house.code(email, 1)).await);
    browser
}

/// RFC 8705 section 5: what a client with a bound token does, it does at the aliases that discovery tells, and in front it cannot.
#[tokio::test]
async fn a_bound_token_is_got_used_asked_about_and_ended_at_the_aliases_and_nowhere_else() {
    let (house, _) = with_alias().await;
    let browser = person(&house).await;
    let aliases = discovered(&house).await["mtls_endpoint_aliases"].clone();
    let (right, thief) =
        (http(&house, Some(&good(&house, "bound"))), http(&house, Some(&good(&house, "dn"))));
    let at = |name: &str| aliases[name].as_str().unwrap().to_owned();
    let front = |name: &str| at(name).replace(":8444", ":8443");
    let post = async |http: &reqwest::Client, url: String, form: &[(&str, &str)]| {
        let mut form = form.to_vec();
        form.push(("client_id", "bound"));
        let answer = http.post(url).form(&form).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or_default())
    };
    let ask = client("bound").ask();
    let pushed: Vec<(&str, &str)> = ask
        .parameters
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .filter(|(n, _)| *n != "client_id")
        .collect();
    let par = "pushed_authorization_request_endpoint";
    assert_eq!(post(&right, front(par), &pushed).await.0, 401);
    let (status, handle) = post(&right, at(par), &pushed).await;
    assert_eq!(status, 201, "{handle}");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", "bound")
        .append_pair("request_uri", handle["request_uri"].as_str().unwrap())
        .finish();
    let code = code_of(&browser.get(&format!("{}/authorize?{query}", house.issuer)).await);
    let redemption = ask.redemption(&code);
    assert_eq!(post(&right, front("token_endpoint"), &redemption).await.0, 401, "and no code is burnt");
    let (status, tokens) = post(&right, at("token_endpoint"), &redemption).await;
    assert_eq!(status, 200, "{tokens}");
    let access = tokens["access_token"].as_str().unwrap();
    assert!(claims(access)["cnf"]["x5t#S256"].is_string());

    let opens = async |http: &reqwest::Client, url: String| {
        let answer = http.get(url).bearer_auth(access).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or_default()["sub"].clone())
    };
    let (userinfo, sub) = ("userinfo_endpoint", claims(access)["sub"].clone());
    assert_eq!(opens(&right, at(userinfo)).await, (200, sub));
    for (http, url) in
        [(&thief, at(userinfo)), (&http(&house, None), at(userinfo)), (&right, front(userinfo))]
    {
        assert_eq!(opens(http, url.clone()).await.0, 401, "{url}");
    }

    let token = [("token", access)];
    let (_, told) = post(&right, at("introspection_endpoint"), &token).await;
    assert_eq!((&told["active"], &told["cnf"]), (&json!(true), &claims(access)["cnf"]));
    for (http, url) in [(&thief, at("revocation_endpoint")), (&right, front("revocation_endpoint"))] {
        assert_eq!(post(http, url, &token).await.0, 401);
    }
    assert_eq!(opens(&right, at(userinfo)).await.0, 200, "nobody else has ended it");
    assert_eq!(post(&right, at("revocation_endpoint"), &token).await.0, 200);
    assert_eq!(opens(&right, at(userinfo)).await.0, 401);
    // That was every one.
    let names: Vec<_> = aliases.as_object().unwrap().keys().map(String::as_str).collect();
    let all = ["introspection_endpoint", par, "revocation_endpoint", "token_endpoint", userinfo];
    assert_eq!(names, all);
}

#[tokio::test]
async fn a_client_shows_its_certificate_at_the_alias_and_nobody_is_asked_for_one_in_front() {
    let (house, alias) = with_alias().await;
    let shown = good(&house, "dn");
    let told = discovered(&house).await;
    let methods = json!([
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
        "tls_client_auth",
        "self_signed_tls_client_auth",
        "none"
    ]);
    assert_eq!(told["token_endpoint_auth_methods_supported"], methods);
    assert_eq!(told["tls_client_certificate_bound_access_tokens"], true);
    let aliases = &told["mtls_endpoint_aliases"];
    assert_eq!(aliases["token_endpoint"], format!("{alias}/token"));
    let form = [("client_id", "dn"), ("token", "x"), ("grant_type", "refresh_token"), ("refresh_token", "x")];
    let at = async |http: reqwest::Client, url: &str| {
        http.post(url).form(&form).send().await.unwrap().status().as_u16()
    };
    for (name, good) in [
        ("token_endpoint", 400),
        ("introspection_endpoint", 200),
        ("revocation_endpoint", 200),
        ("pushed_authorization_request_endpoint", 400),
    ] {
        let url = aliases[name].as_str().unwrap();
        assert_eq!(at(http(&house, Some(&shown)), url).await, good, "{name}");
        assert_eq!(at(http(&house, None), url).await, 401, "{name}");
        let front = url.replace(":8444", ":8443");
        assert_eq!(at(http(&house, Some(&shown)), &front).await, 401, "{name}: nobody asks for one there");
    }
    let userinfo = aliases["userinfo_endpoint"].as_str().unwrap();
    assert_eq!(http(&house, Some(&shown)).get(userinfo).send().await.unwrap().status(), 401);
    assert_eq!(aliases.as_object().unwrap().len(), 5);
    // A header is nobody's certificate here, and people have no doors there.
    let lie = http(&house, None)
        .post(format!("{alias}/token"))
        .form(&form)
        .header("client-cert", crate::mtls::told(&shown));
    assert_eq!(lie.send().await.unwrap().status(), 401);
    for path in ["/authorize", "/logout", "/.well-known/openid-configuration"] {
        assert_eq!(
            http(&house, None).get(format!("{alias}{path}")).send().await.unwrap().status(),
            404,
            "{path}"
        );
    }
}

/// The set of a portal that signs its own certificates, as RFC 8705 section 2.2 writes it: each key with its certificate.
fn set(all: &[&Shown]) -> Value {
    let one = |shown: &&Shown| {
        let mut jwk = jwk(&shown.1);
        jwk["x5c"] = json!([STANDARD.encode(shown.0.to_der().unwrap())]);
        jwk
    };
    json!({"keys": all.iter().map(one).collect::<Vec<_>>()})
}

/// Section 2.2.2: the portal has a second certificate, and shows it as soon as its address tells of it.
#[tokio::test]
async fn a_new_certificate_counts_at_its_first_use_and_strangers_make_us_ask_no_more() {
    let issued = || issue(&Wanted { name: "rolled", ..Wanted::default() });
    let (first, second, strange) = (issued(), issued(), issued());
    let (place, tables) = Place::open(&Key::new(), &["rolled"]).await;
    place.tell(set(&[&first]));
    let by_certificate = "policy = \"basic\"\nauth = \"self_signed_tls_client_auth\"";
    let tables = tables.replace("auth = \"private_key_jwt\"", by_certificate);
    let mut house = House::start().await;
    house.kill();
    let path = house.folder.join("namens.toml");
    put(&path, &format!("{}{PROXY}{tables}", fs::read_to_string(&path).unwrap()));
    house.open_doors();
    let knock = async |shown: &Shown| error(with(knocks(&house, "rolled"), shown)).await;
    let since = Instant::now();
    assert_eq!(knock(&first).await, "invalid_grant");
    place.tell(set(&[&first, &second]));
    assert_eq!(knock(&second).await, "invalid_grant");
    assert_eq!(knock(&first).await, "invalid_grant", "while the portal tells of both");
    for _ in 0..5 {
        assert_eq!(knock(&strange).await, "invalid_client");
    }
    // One more for each minute that a slow machine took.
    let minutes = usize::try_from((since.elapsed().as_secs() + 1) / 60).unwrap();
    let asked = place.asked("rolled");
    assert!((2..=2 + 2 * minutes).contains(&asked), "{asked} questions in {minutes} minutes");
}

#[tokio::test]
async fn a_client_whose_certificate_could_never_count_is_refused() {
    let mut house = House::start().await;
    house.kill();
    let path = house.folder.join("namens.toml");
    let text = fs::read_to_string(&path).unwrap();
    let named = table("dns", "auth = \"tls_client_auth\"\ncertificate_name = { san_dns = \"x\" }");
    for (tables, says) in [
        (named.clone(), "none can come here"),
        (format!("{PROXY}{named}"), "no authority is trusted"),
        (format!("{CA}{named}"), "no certificate can come here"),
        (format!("{PROXY}[mtls]\nca = \"namens.toml\"\n{named}"), "no certificates of authorities"),
        (format!("{PROXY}{CA}{}", table("dns", "auth = \"tls_client_auth\"")), "needs `certificate_name`"),
        (
            format!("{PROXY}{CA}{}", named.replace("san_dns = ", "san_dns = \"y\", san_uri = ")),
            "certificate_name",
        ),
        (table("app", "auth = \"none\"\ncertificate_bound_tokens = true"), "none can come here"),
        (
            format!("{PROXY}{}", table("self", "policy = \"basic\"\nauth = \"self_signed_tls_client_auth\"")),
            "public keys",
        ),
        (
            format!(
                "{PROXY}{}",
                table("self", "auth = \"self_signed_tls_client_auth\"\njwks = \"keyed.jwks\"")
            ),
            "does not allow auth self_signed_tls_client_auth",
        ),
        ("[mtls]\nlisten = \"127.0.0.1:8444\"\n".to_owned(), "a section [tls]"),
    ] {
        put(&path, &(text.clone() + &tables));
        let told = refuses(&house);
        assert!(told.contains(says), "{tables}: {told}");
    }
    let add = [
        "clients",
        "add",
        "--by",
        "els",
        "new",
        "--name",
        "New",
        "--redirect-uri",
        "https://new.example.nl/cb",
    ];
    let by = [
        "--auth",
        "tls_client_auth",
        "--certificate-name",
        "san_dns=new.example.nl",
        "--certificate-bound-tokens",
    ];
    put(&path, &text);
    let refused = said(&house.run(&[&add[..], &by[..]].concat()));
    assert!(refused.contains("none can come here"), "{refused}");
    put(&path, &format!("{text}{PROXY}{CA}"));
    let added = house.ok(&[&add[..], &by[..]].concat());
    assert!(
        added.contains("san_dns=new.example.nl") && added.contains("bound to its certificate"),
        "{added}"
    );
    house.open_doors();
    let ca = pki(&house).ca;
    let shown =
        issue(&Wanted { name: "new", dns: Some("new.example.nl"), by: Some(&ca), ..Wanted::default() });
    assert_eq!(error(with(knocks(&house, "new"), &shown)).await, "invalid_grant");
}
