//! Clients that tell their keys at an address (`jwks_uri`), and what such an address may do to us (attack 14 of the design's
//! table).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{
        HeaderMap,
        header::{CONTENT_TYPE, LOCATION},
    },
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use url::form_urlencoded;

use crate::{
    bad_input_wire::connect,
    house::House,
    jose::{ASSERTION_TYPE, Key, assertion_claims},
    mandates_desk::now,
    oidc_client::{Ask, answer, assert_error, assert_refused, logged_in},
    oidc_client::{Auth, Client},
    portal,
    race::at_once,
};

/// A client that tells its keys.
pub const TELLER: Client =
    Client { id: "teller", auth: Auth::Key, callback: "http://127.0.0.1:9/callback/teller" };

/// Where portals tell their keys.
#[derive(Clone, Default)]
pub struct Place {
    /// The set that `/teller` tells, and every path that has no tale of its own.
    set: Arc<Mutex<Value>>,
    /// How often each path was asked.
    asked: Arc<Mutex<HashMap<String, usize>>>,
    /// Whether answers wait.
    held: Arc<AtomicBool>,
    trapped: Arc<AtomicUsize>,
}

impl Place {
    /// Listens; and the tables of clients with these ids that tell their keys there.
    pub async fn open(key: &Key, ids: &[&str]) -> (Self, &'static str) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (place, at) = (Self::default(), format!("http://{}", listener.local_addr().unwrap()));
        place.tell(key.set());
        let router = Router::new().route("/{path}", get(tell)).with_state(place.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let client = |id: &&str| {
            format!(
                "[[client]]\nid = \"{id}\"\nname = \"{id}\"\nredirect_uris = [\"http://127.0.0.1:9/callback/{id}\"]\n\
                 auth = \"private_key_jwt\"\njwks_uri = \"{at}/{id}\"\nscopes = [\"openid\"]\n"
            )
        };
        let clients: String = ids.iter().map(client).collect();
        let tables = format!("[outbound]\nprivate_addresses = [\"127.0.0.1\"]\n{clients}");
        (place, Box::leak(tables.into_boxed_str()))
    }

    /// Tells another set from now on.
    pub fn tell(&self, set: Value) {
        *self.set.lock().unwrap() = set;
    }

    /// How often a path was asked.
    pub fn asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().get(path).copied().unwrap_or(0)
    }
}

async fn tell(State(place): State<Place>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    *place.asked.lock().unwrap().entry(path.clone()).or_default() += 1;
    assert!(headers["accept"].to_str().unwrap().starts_with("application/jwk-set+json"));
    while place.held.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let set = place.set.lock().unwrap().clone();
    let jwk = set["keys"][0].clone();
    let with = |name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        jwk
    };
    let json = |set: Value| ([(CONTENT_TYPE, "application/json")], set.to_string()).into_response();
    match path.as_str() {
        "redirect" => Redirect::temporary("/trap").into_response(),
        "redirect-with-keys" => (StatusCode::FOUND, [(LOCATION, "/trap")], set.to_string()).into_response(),
        "trap" => {
            place.trapped.fetch_add(1, Ordering::SeqCst);
            json(set)
        }
        "not-found" => (StatusCode::NOT_FOUND, set.to_string()).into_response(),
        "html" => "<html>keys</html>".into_response(),
        "large" => {
            let mut set = set;
            set["x"] = json!("x".repeat(70_000));
            json(set)
        }
        "endless" => {
            let spaces = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1024]));
            Body::from_stream(spaces).into_response()
        }
        "silent" => std::future::pending().await,
        "private" => json(json!({"keys": [jwk, with("d", jwk["x"].clone())]})),
        "secret" => json(json!({"keys": [jwk, {"kty": "oct", "k": "AAAA"}]})),
        "many" => json(json!({"keys": vec![jwk; 33]})),
        "none" => json(json!({"keys": []})),
        "for-encryption" => json(json!({"keys": [with("use", json!("enc"))]})),
        "no-set" => json(jwk),
        _ => json(set),
    }
}

/// The set of one key under a name.
fn named(key: &Key, kid: &str) -> Value {
    let mut set = key.set();
    set["keys"][0]["kid"] = json!(kid);
    set
}

/// What the token endpoint says to a client with that key, of that name: `invalid_grant` to who was let in, for the code is none.
async fn knock(house: &House, client: &str, key: &Key, kid: &str) -> (u16, Value) {
    let assertion = key.sign(&json!({"alg": "ES256", "kid": kid}), &assertion_claims(house, client));
    send(&house.issuer, &assertion, "x").await
}

fn form<'a>(assertion: &'a str, code: &'a str) -> [(&'static str, &'a str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", TELLER.callback),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ]
}

async fn send(issuer: &str, assertion: &str, code: &str) -> (u16, Value) {
    let form = form(assertion, code);
    let answer = reqwest::Client::new().post(format!("{issuer}/token")).form(&form).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// A new key counts at its first signature, an old one no more, and whoever makes up names of keys costs the portal a question a
/// minute at most.
#[tokio::test]
async fn a_portal_changes_its_keys_without_a_restart_and_strangers_make_us_ask_no_more() {
    let (first, second, thief) = (Key::new(), Key::new(), Key::new());
    let (place, tables) = Place::open(&first, &[TELLER.id]).await;
    place.tell(named(&first, "first"));
    let house = House::with(tables).await;
    assert_eq!(place.asked(TELLER.id), 0, "nobody needed them yet");
    let (browser, _) = logged_in(&house).await;
    let ask = TELLER.ask();
    let code = TELLER.code(&house, &browser, &ask).await;
    let assertion =
        first.sign(&json!({"alg": "ES256", "kid": "first"}), &assertion_claims(&house, TELLER.id));
    let mut form = ask.redemption(&code);
    form.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion)]);
    let answer =
        reqwest::Client::new().post(format!("{}/token", house.issuer)).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    portal::tokens(answer.json().await.unwrap());
    assert_eq!(place.asked(TELLER.id), 1);
    assert_refused(&knock(&house, TELLER.id, &first, "first").await, "invalid_grant");
    assert_refused(&knock(&house, TELLER.id, &thief, "first").await, "invalid_client");

    let since = Instant::now();
    place.tell(named(&second, "second"));
    assert_refused(&knock(&house, TELLER.id, &second, "second").await, "invalid_grant");
    assert_refused(&knock(&house, TELLER.id, &first, "first").await, "invalid_client");
    assert_refused(&knock(&house, TELLER.id, &second, "second").await, "invalid_grant");
    let junk = (0..20).map(|n| {
        let kid = format!("junk{n}");
        let claims = assertion_claims(&house, TELLER.id);
        let (issuer, junk) =
            (house.issuer.clone(), thief.sign(&json!({"alg": "ES256", "kid": kid}), &claims));
        async move { send(&issuer, &junk, "x").await }
    });
    for answer in at_once(junk.collect::<Vec<_>>().into_iter()).await {
        assert_refused(&answer, "invalid_client");
    }
    // One more for each minute that a slow machine took.
    let minutes = usize::try_from((since.elapsed().as_secs() + 1) / 60).unwrap();
    let asked = place.asked(TELLER.id);
    assert!((2..=2 + 2 * minutes).contains(&asked), "{asked} questions in {minutes} minutes");
}

#[tokio::test]
async fn who_come_at_once_share_one_question() {
    const LATER: &str = "later";
    let key = Key::new();
    let (place, tables) = Place::open(&key, &[TELLER.id, LATER]).await;
    let house = House::with(tables).await;
    place.held.store(true, Ordering::SeqCst);
    // Each is written whole before the next begins; none is answered yet.
    let mut all = Vec::new();
    for client in [TELLER.id; 10].into_iter().chain([LATER]) {
        let assertion = key.sign(&json!({"alg": "ES256", "kid": "k"}), &assertion_claims(&house, client));
        let form =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(form(&assertion, "x")).finish();
        let head = "POST /token HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded";
        let mut stream = connect(&house).await;
        let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{form}", form.len());
        stream.write_all(request.as_bytes()).await.unwrap();
        all.push(stream);
    }
    // Whoever came after them has got as far as to ask, for other keys.
    let patience = Instant::now() + Duration::from_mins(1);
    while place.asked(TELLER.id) == 0 || place.asked(LATER) == 0 {
        assert!(Instant::now() < patience, "nobody asked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    place.held.store(false, Ordering::SeqCst);
    for mut stream in all {
        let mut told = String::new();
        stream.read_to_string(&mut told).await.unwrap();
        assert!(told.contains("invalid_grant"), "{told}");
    }
    assert_eq!(place.asked(TELLER.id), 1);
}

/// Whatever the address answers, nobody is let in, nothing else of the house suffers, and the operator reads which it was and why.
#[tokio::test(flavor = "multi_thread")]
async fn a14_what_an_address_of_keys_answers_harms_nobody() {
    let cases = [
        ("redirect", "status 307"),
        ("redirect-with-keys", "status 302"),
        ("not-found", "status 404"),
        ("html", "no JSON"),
        ("large", "too large"),
        ("endless", "too large"),
        ("silent", "in time"),
        ("private", "private or secret"),
        ("secret", "private or secret"),
        ("many", "no JSON Web Key"),
        ("none", "it must be RSA"),
        ("no-set", "no JSON Web Key"),
    ];
    let key = Key::new();
    let mut ids: Vec<&str> = cases.iter().map(|(id, _)| *id).collect();
    ids.extend(["for-encryption", "good"]);
    let (place, tables) = Place::open(&key, &ids).await;
    let house = House::with(tables).await;
    for id in ids {
        let answer = knock(&house, id, &key, "k").await;
        // The twin: the same hand, the same set, told as it should be.
        assert_refused(&answer, if id == "good" { "invalid_grant" } else { "invalid_client" });
    }
    assert_eq!(place.trapped.load(Ordering::SeqCst), 0);
    let log = house.log();
    for (id, why) in cases {
        let of = |line: &&str| {
            line.contains("the keys of a client cannot be had") && line.contains(&format!("/{id}\""))
        };
        let line = log.lines().find(of).unwrap_or_else(|| panic!("no line of {id}: {log}"));
        assert!(line.contains(why), "{id}: {line}");
    }
    assert!(!log.contains("/good\""));
    // The doctor says so too, of all of them.
    let told = house.run(&["doctor"]);
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("good tells 1 at ") && told.contains("silent tells none at "), "{told}");
}

/// A name that means this machine passes the registration; what it means is judged when it is asked.
#[tokio::test]
async fn a14_an_address_of_keys_that_leads_inside_is_not_asked() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("https://localhost:{}/jwks", listener.local_addr().unwrap().port());
    let tables = format!(
        "[[client]]\nid = \"teller\"\nname = \"teller\"\nredirect_uris = [\"{}\"]\n\
         auth = \"private_key_jwt\"\njwks_uri = \"{uri}\"\nscopes = [\"openid\"]\n# here",
        TELLER.callback
    );
    let mut house = House::with(tables).await;
    let key = Key::new();
    assert_refused(&knock(&house, TELLER.id, &key, "k").await, "invalid_client");
    let log = house.log();
    assert!(log.contains(&uri) && log.contains("no public address"), "{log}");
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "it was called");
    // The twin: named by the operator, it is called, and has no certificate to show.
    house.reconfigure("# here", "[outbound]\nprivate_addresses = [\"127.0.0.1\"]");
    let called = std::thread::spawn(move || {
        let patience = Instant::now() + Duration::from_mins(1);
        while Instant::now() < patience {
            if listener.accept().is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    });
    assert_refused(&knock(&house, TELLER.id, &key, "k").await, "invalid_client");
    assert!(called.join().unwrap());
    // By its number it does not pass the registration.
    house.kill();
    let path = house.folder.join("namens.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    for (bad, says) in [
        ("http://127.0.0.2:9/jwks", "private_addresses"),
        ("https://10.0.0.1/jwks", "private_addresses"),
        ("http://portal.example.nl/jwks", "must be https"),
    ] {
        std::fs::write(&path, text.replace(&uri, bad)).unwrap();
        let output = house.run(&["clients", "list"]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && told.contains("jwks_uri") && told.contains(says),
            "{bad}: {told}"
        );
    }
}

#[tokio::test]
async fn a_request_object_is_verified_with_the_keys_that_the_portal_tells() {
    let (first, second) = (Key::new(), Key::new());
    let (place, tables) = Place::open(&first, &[TELLER.id]).await;
    place.tell(named(&first, "first"));
    let house = House::with(tables).await;
    let (browser, _) = logged_in(&house).await;
    let ask = TELLER.ask();
    let mut claims = json!({"iss": TELLER.id, "aud": house.issuer, "exp": now().epoch() + 120});
    for (name, value) in &ask.parameters {
        claims[name] = json!(value);
    }
    let asking = |key: &Key, kid: &str| {
        let request = key.sign(&json!({"alg": "ES256", "kid": kid}), &claims);
        let around = Ask { parameters: Vec::new(), ..ask.clone() };
        let around = around.with("client_id", TELLER.id).with("redirect_uri", TELLER.callback);
        around.with("state", ask.get("state")).with("request", &request)
    };
    let good = asking(&first, "first");
    assert!(answer(&browser.get(&good.url(&house)).await).contains_key("code"));
    let stolen = asking(&second, "first");
    assert_error(&house, &browser.get(&stolen.url(&house)).await, &stolen, "invalid_request_object");
    place.tell(named(&second, "second"));
    assert!(answer(&browser.get(&asking(&second, "second").url(&house)).await).contains_key("code"));
}

#[tokio::test]
async fn the_operator_adds_a_client_that_tells_its_keys() {
    let house = House::start().await;
    let add = |uri: &str, more: &[&str]| {
        let mut arguments =
            vec!["clients", "add", "--by", "els", "x", "--name", "X", "--redirect-uri", "https://x.nl/cb"];
        arguments.extend(["--jwks-uri", uri]);
        arguments.extend(more);
        let output = house.run(&arguments);
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    for bad in ["http://x.nl/jwks", "https://127.0.0.1/jwks", "https://u@x.nl/jwks"] {
        let (added, told) = add(bad, &[]);
        assert!(!added && told.contains("jwks_uri"), "{bad}: {told}");
    }
    assert!(!add("https://x.nl/jwks", &["--jwks", "keyed.jwks"]).0);
    assert!(add("https://x.nl/jwks", &[]).0);
    assert!(house.ok(&["clients", "show", "x"]).contains("tells keys at   https://x.nl/jwks"));
}
