//! Every member of the metadata that a client registers itself with, bent, at `POST /register` and `PUT /register/{id}`: an error of
//! RFC 7591 section 3.2.2 in words of ours, and nothing is stored or changed. The table is the type that is read.

use serde_json::{Value, json};

use crate::{
    bad_input::assert_calm,
    bad_input_wire::{Raw, exchange},
    client_registration::{CALLS, OPEN, id, invite, manager, portal, registered},
    floors::all,
    house::{CALLBACK, House, Options},
};

/// What no answer may repeat.
const MARK: &str = "Zyx9";
/// An invitation, or a client, has thirty tries a minute.
const TRIES: usize = 25;

/// A bent value, as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bend {
    Null,
    Doubled,
    Empty,
    EmptyList,
    EmptyObject,
    Seven,
    Negative,
    True,
    Word,
    Words,
    Numbers,
    HugeNumber,
    Deep,
    Long,
    Huge,
    Control,
    Nul,
    Exotic,
    Override,
    HalfPair,
}

const BENDS: [Bend; 20] = [
    Bend::Null,
    Bend::Doubled,
    Bend::Empty,
    Bend::EmptyList,
    Bend::EmptyObject,
    Bend::Seven,
    Bend::Negative,
    Bend::True,
    Bend::Word,
    Bend::Words,
    Bend::Numbers,
    Bend::HugeNumber,
    Bend::Deep,
    Bend::Long,
    Bend::Huge,
    Bend::Control,
    Bend::Nul,
    Bend::Exotic,
    Bend::Override,
    Bend::HalfPair,
];

impl Bend {
    fn value(self) -> String {
        match self {
            Self::Null | Self::Doubled => "null".into(),
            Self::Empty => "\"\"".into(),
            Self::EmptyList => "[]".into(),
            Self::EmptyObject => "{}".into(),
            Self::Seven => "7".into(),
            Self::Negative => "-1e9".into(),
            Self::True => "true".into(),
            Self::Word => format!("\"{MARK}\""),
            Self::Words => format!("[\"{MARK}\", \"{MARK}é\\u0001\"]"),
            Self::Numbers => "[7, null, {}]".into(),
            Self::HugeNumber => "{\"x\": [1e400]}".into(),
            Self::Deep => format!("{}{}", "[".repeat(5000), "]".repeat(5000)),
            Self::Long => format!("\"{MARK}{}\"", "a".repeat(50_000)),
            Self::Huge => format!("\"{MARK}{}\"", "a".repeat(100_000)),
            Self::Control => format!("\"{MARK}\\u0001\\u001b[2J\\r\\nx\""),
            Self::Nul => format!("\"{MARK}\\u0000\""),
            Self::Exotic => format!("\"{MARK}é🦀\""),
            Self::Override => format!("\"{MARK}\u{202e}x\""),
            Self::HalfPair => format!("\"{MARK}\\ud800\""),
        }
    }

    /// Whether it is JSON that can be read whole, and once.
    fn is_read(self) -> bool {
        let spoilt = [Self::Doubled, Self::HugeNumber, Self::Deep, Self::Huge, Self::Nul, Self::HalfPair];
        !spoilt.contains(&self)
    }

    fn is_text(self) -> bool {
        let texts = [Self::Empty, Self::Word, Self::Long, Self::Control, Self::Exotic, Self::Override];
        texts.contains(&self)
    }

    /// What is no mistake: a member that is left out by `null`, what a client is told and does not tell (RFC 7591 section 3.2.1), and
    /// a few values that fit.
    #[expect(clippy::match_same_arms, reason = "the order of the arms counts")]
    fn is_taken(self, name: &str, changes: bool) -> bool {
        match (name, self) {
            ("redirect_uris", _) => false,
            ("client_id", Self::Null) => !changes,
            (_, Self::Null) => true,
            (
                "registration_access_token"
                | "registration_client_uri"
                | "client_secret_expires_at"
                | "client_id_issued_at",
                bend,
            ) => !changes && bend.is_read(),
            ("client_id" | "client_secret", bend) => !changes && bend.is_text(),
            ("client_name", Self::Word | Self::Exotic)
            | ("default_acr_values" | "post_logout_redirect_uris", Self::EmptyList)
            | ("default_max_age", Self::Seven)
            | ("require_pushed_authorization_requests" | "dpop_bound_access_tokens", Self::True) => true,
            _ => false,
        }
    }
}

/// The members that are read.
fn members() -> Vec<String> {
    let (_, source) =
        all("src").into_iter().find(|(path, _)| path.ends_with("oidc/client_registration.rs")).unwrap();
    let read = source.split("pub struct Metadata {").nth(1).unwrap().split("\n}").next().unwrap();
    let fields = read.lines().map(|line| line.trim().trim_start_matches("pub ").to_owned());
    let name = |line: String| line.split_once(": Option<").map(|(name, _)| name.to_owned());
    fields.filter_map(name).collect()
}

/// `base` with that member bent.
fn bent(base: &Value, name: &str, bend: Bend) -> String {
    let mut rest = base.clone();
    rest.as_object_mut().unwrap().remove(name);
    let rest = rest.to_string();
    let value = bend.value();
    let twice = if bend == Bend::Doubled { format!("\"{name}\":{value},") } else { String::new() };
    let comma = if rest == "{}" { "" } else { "," };
    format!("{{{twice}\"{name}\":{value}{comma}{}", &rest[1..])
}

async fn send(house: &House, (method, path): (&str, &str), token: &str, media: &str, body: &[u8]) -> Raw {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n{media}content-length: {}\r\n\r\n",
        body.len()
    );
    exchange(house, &[head.as_bytes(), body].concat()).await
}

const JSON: &str = "content-type: application/json\r\n";

/// What a refusal must look like.
fn assert_refused(raw: &Raw, case: &str) {
    let case = format!("{case:.120}: {raw:?}");
    assert_eq!(raw.status, 400, "{case}");
    assert_eq!(raw.header("content-type"), Some("application/json"), "{case}");
    assert_eq!(raw.header("cache-control"), Some("no-store"), "{case}");
    let told: Value = serde_json::from_str(&raw.body).expect(&case);
    assert_eq!(told.as_object().unwrap().len(), 2, "{case}");
    let errors = ["invalid_client_metadata", "invalid_redirect_uri"];
    assert!(errors.contains(&told["error"].as_str().unwrap()), "{case}");
    let says = told["error_description"].as_str().unwrap();
    let plain = |byte: u8| byte == b' ' || (byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    assert!((10..=300).contains(&says.len()) && says.bytes().all(plain), "{case}");
    for foreign in [MARK, "at line", "column", "expected", "invalid type", "aaaa"] {
        assert!(!says.contains(foreign), "{foreign}: {case}");
    }
}

/// What may change by requests that are refused: nothing. The clients, and how often invitations were used.
fn kept(house: &House) -> (Vec<String>, i64) {
    let all = "SELECT 'client ' || id || registration || hex(manager) FROM clients UNION ALL SELECT SUM(used) FROM invitations";
    let (mut clients, used): (Vec<_>, Vec<_>) =
        house.query(all).into_iter().partition(|row| row.starts_with("client "));
    clients.sort();
    (clients, used[0].parse().unwrap())
}

async fn house() -> House {
    House::start_with(Options { top: OPEN, tables: CALLS, ..Options::default() }).await
}

/// An initial access token for as many tries as it has.
fn invitation(house: &House) -> String {
    invite(house, &["--policy", "basic", "--uses", "100"])
}

/// What is no JSON object of metadata at all, and how it is sent.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let whole = portal().to_string();
    let mut bodies: Vec<(&str, Vec<u8>)> =
        ["", "{", "[]", "null", "7", "\"x\"", "{}", "{\"x\":1}"].map(|text| (JSON, text.into())).into();
    // The members in their order, without their names.
    let listed = json!([null, null, null, null, null, null, [CALLBACK]]).to_string();
    bodies.extend([
        (JSON, listed.into()),
        (JSON, format!("{whole}x").into()),
        (JSON, format!("\u{feff}{whole}").into()),
        (JSON, format!("{whole}{}", " ".repeat(100_000)).into()),
        (JSON, [&whole.as_bytes()[..whole.len() - 1], b",\"client_name\":\"\xff\xc3\"}"].concat()),
        ("content-type: text/plain\r\n", whole.clone().into()),
        ("content-type: application/x-www-form-urlencoded\r\n", whole.clone().into()),
        ("", whole.into()),
    ]);
    bodies
}

#[tokio::test]
async fn every_member_of_a_registration_bent_is_an_error_of_rfc_7591_and_nothing_is_stored() {
    let house = house().await;
    let members = members();
    assert!(members.len() >= 35 && members.contains(&"tos_uri".to_owned()), "{members:?}");
    let (mut token, mut tries) = (invitation(&house), 0);
    let door = ("POST", "/register");
    let mut before = kept(&house);
    for name in &members {
        for bend in BENDS {
            if tries == TRIES {
                (token, tries) = (invitation(&house), 0);
            }
            tries += 1;
            let body = bent(&portal(), name, bend);
            let case = format!("{name} {bend:?}");
            let raw = send(&house, door, &token, JSON, body.as_bytes()).await;
            if !bend.is_taken(name, false) {
                assert_refused(&raw, &case);
                continue;
            }
            assert_eq!(raw.status, 201, "{case}: {raw:?}");
            let told: Value = serde_json::from_str(&raw.body).unwrap();
            let at = format!("/register/{}", id(&told));
            assert_eq!(send(&house, ("DELETE", &at), manager(&told), "", b"").await.status, 204, "{case}");
            before.1 += 1;
        }
        assert_eq!(kept(&house), before, "{name}: a mistake stores nothing and uses nothing up");
    }
    let token = invitation(&house);
    for (media, body) in bodies() {
        let raw = send(&house, door, &token, media, &body).await;
        assert_refused(&raw, &format!("{media} {}", String::from_utf8_lossy(&body)));
    }
    // The twin: the same without a bend.
    registered(&house, &token, &portal()).await;
    assert_calm(&house);
}

#[tokio::test]
async fn every_member_of_a_change_bent_is_an_error_of_rfc_7592_and_changes_nothing() {
    let house = house().await;
    let members = members();
    let (mut client, mut tries) = (registered(&house, &invitation(&house), &portal()).await, TRIES);
    let mut before = kept(&house);
    for name in &members {
        for bend in BENDS {
            if tries >= TRIES {
                client = registered(&house, &invitation(&house), &portal()).await;
                (before, tries) = (kept(&house), 0);
            }
            tries += 1;
            let (at, whole) = (
                format!("/register/{}", id(&client)),
                json!({"client_id": client["client_id"], "redirect_uris": [CALLBACK]}),
            );
            let body = bent(&whole, name, bend);
            let case = format!("{name} {bend:?}");
            let raw = send(&house, ("PUT", &at), manager(&client), JSON, body.as_bytes()).await;
            if bend.is_taken(name, true) {
                assert_eq!(raw.status, 200, "{case}: {raw:?}");
                let back = whole.to_string();
                let raw = send(&house, ("PUT", &at), manager(&client), JSON, back.as_bytes()).await;
                assert_eq!(raw.status, 200, "{case}: {raw:?}");
                tries += 1;
            } else {
                assert_refused(&raw, &case);
            }
        }
        assert_eq!(kept(&house), before, "{name}");
    }
    let client = registered(&house, &invitation(&house), &portal()).await;
    let (at, before) = (format!("/register/{}", id(&client)), kept(&house));
    for (media, body) in bodies() {
        let raw = send(&house, ("PUT", &at), manager(&client), media, &body).await;
        assert_refused(&raw, &format!("{media} {}", String::from_utf8_lossy(&body)));
    }
    assert_eq!(kept(&house), before);
    assert_calm(&house);
}
