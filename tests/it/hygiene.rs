//! Where no secret may stand: the log, the database and what lies beside it, addresses, and the program's own folder. Even
//! with the most talkative log.

use std::{fs, path::Path};

use crate::{
    browser::{Browser, Page},
    house::{CALLBACK, House, PASSWORD, SECRET},
    portal::{at_digid, code_of, redeem, request, to_digid, token},
    steps::{answer, code_for, open, to_recover_code, to_register_code, type_code, wrong},
};

const BSN: &str = "999990019";
const EMAIL: &str = "jansen@voorbeeld.nl";
const NEW: &str = "een heel ander woord";
const MISTYPED: &str = "mijn andere geheime zin";

/// What the story below left in people's hands.
#[derive(Default)]
pub struct Secrets(pub Vec<(&'static str, String)>);

impl Secrets {
    pub fn note(&mut self, what: &'static str, secret: &str) {
        assert!(secret.len() >= 6, "{what}: {secret:?}");
        self.0.push((what, secret.to_owned()));
    }

    fn of_page(&mut self, page: &Page) {
        for line in page.headers.get_all("set-cookie") {
            let value = line.to_str().unwrap().split(';').next().unwrap().split('=').nth(1).unwrap();
            if value.is_empty() {
                continue;
            }
            self.note("a cookie", value);
            value.split('.').for_each(|part| {
                if part.len() > 30 {
                    self.note("a cookie's secret", part);
                }
            });
        }
        for part in page.body.split("name=\"csrf\" value=\"").skip(1) {
            self.note("a form's token", part.split('"').next().unwrap());
        }
    }
}

#[tokio::test]
async fn no_secret_stands_in_the_log_or_the_database() {
    let mut house = House::start().await;
    house.kill();
    house.open_doors_with(&[("RUST_LOG", "trace")]);
    let mut secrets = Secrets::default();
    for (what, secret) in [
        ("a password", PASSWORD),
        ("a password", NEW),
        ("a mistyped password", MISTYPED),
        ("the portal's secret", SECRET),
        ("a BSN", BSN),
    ] {
        secrets.note(what, secret);
    }
    let mut codes = Vec::new();
    story(&house, &mut secrets, &mut codes).await;
    let before = fs::read_to_string(house.folder.join("log")).unwrap();
    assert!(before.contains("TRACE"), "the log was to be as talkative as it can be");
    house.kill();

    let mut looked_at = Vec::new();
    look(&house.folder, &mut looked_at);
    let names: Vec<_> = looked_at.iter().map(|(name, _)| name.as_str()).collect();
    for must in ["log", "namens.db", "namens.db-wal"] {
        assert!(names.contains(&must), "{must} was not looked at: {names:?}");
    }
    for (name, bytes) in &looked_at {
        for (what, secret) in &secrets.0 {
            assert!(!holds(bytes, secret), "{what} stands in {name}");
        }
    }
    // A mailed code may be six digits, which a log full of numbers may hold by chance: looked for as a word of its own.
    let log = &looked_at.iter().find(|(name, _)| name == "log").unwrap().1;
    let log = String::from_utf8_lossy(log);
    for code in codes {
        let alone = |(at, _): (usize, &str)| {
            let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.');
            !digit(log[..at].chars().next_back()) && !digit(log[at + code.len()..].chars().next())
        };
        assert!(!log.match_indices(code.as_str()).any(alone), "the mailed code {code} stands in the log");
        let (left, right) = code.split_at(code.len() / 2);
        let spaced = format!("{left} {right}");
        assert!(!log.contains(&spaced), "the mailed code {spaced} stands in the log");
    }
}

/// Register, log in wrongly and well, refresh, forget the password, come by DigiD and link, sign out.
async fn story(house: &House, secrets: &mut Secrets, codes: &mut Vec<String>) {
    let browser = Browser::new();
    let ask = request(house, &[]);
    secrets.note("a PKCE verifier", &ask.verifier);
    secrets.of_page(&browser.get(&ask.url).await);
    let page = to_register_code(&browser, &ask, EMAIL, PASSWORD).await;
    secrets.of_page(&page);
    let code = code_for(house, EMAIL, &page);
    type_code(&browser, &page, &wrong(&code)).await;
    let done = type_code(&browser, &page, &code).await;
    codes.push(code);
    secrets.of_page(&done);
    assert!(answer(&done).values().all(|value| !codes.contains(value)));
    secrets.note("an authorization code", &code_of(&done));
    let tokens = redeem(house, &ask, &code_of(&done)).await;
    let refreshed =
        token(house, &[("grant_type", "refresh_token"), ("refresh_token", tokens.text("refresh_token"))])
            .await
            .1;
    for name in ["access_token", "refresh_token", "id_token"] {
        secrets.note("a token", tokens.text(name));
        secrets.note("a token", refreshed[name].as_str().unwrap());
    }
    let userinfo = reqwest::Client::new().get(format!("{}/userinfo", house.issuer));
    assert!(userinfo.bearer_auth(tokens.text("access_token")).send().await.unwrap().status().is_success());

    let form = open(&browser, &request(house, &[("prompt", "login")]), "email").await;
    browser.submit(&form, "email-form", &[("email", EMAIL), ("password", MISTYPED)]).await;
    // Somebody types the password where the address belongs.
    browser.submit(&form, "email-form", &[("email", MISTYPED), ("password", EMAIL)]).await;
    let page = to_recover_code(&browser, &request(house, &[("prompt", "login")]), EMAIL).await;
    let code = code_for(house, EMAIL, &page);
    let new = browser.follow(type_code(&browser, &page, &code).await, CALLBACK).await;
    codes.push(code);
    browser.submit(&new, "password-form", &[("password", NEW)]).await;

    let digid = request(house, &[("prompt", "login")]);
    let at = to_digid(&browser, &digid).await;
    let back = browser.submit(&at, "digid", &[("bsn", BSN), ("level", "Midden"), ("outcome", "login")]).await;
    let artifact = back.location().unwrap();
    let artifact = artifact.query_pairs().find(|(name, _)| name == "SAMLart").unwrap().1.into_owned();
    secrets.note("an artifact", &artifact);
    let question = browser.follow(back, CALLBACK).await;
    let link = browser.submit(&question, "question-form", &[("answer", "have")]).await;
    let link = browser.follow(link, CALLBACK).await;
    let page = browser.submit(&link, "link-form", &[("email", EMAIL), ("password", NEW)]).await;
    let page = browser.follow(page, CALLBACK).await;
    let code = code_for(house, EMAIL, &page);
    let linked = browser.follow(type_code(&browser, &page, &code).await, CALLBACK).await;
    codes.push(code);
    let done = browser.submit(&linked, "continue-form", &[]).await;
    secrets.of_page(&done);
    let tokens = redeem(house, &digid, &code_of(&done)).await;
    secrets.note("a token", tokens.text("refresh_token"));
    let out =
        browser.get(&format!("{}/logout?id_token_hint={}", house.issuer, tokens.text("id_token"))).await;
    assert_eq!(out.heading(), "U bent uitgelogd.");
    // DigiD once more, now known, so that a stored BSN is found again.
    let at = to_digid(&browser, &request(house, &[])).await;
    code_of(&at_digid(&browser, &at, BSN, &[]).await);
}

/// Every file of the installation but the mails, which bring codes, and what the operator put there.
pub fn look(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_file() && name != "portal.secret" {
            found.push((name, fs::read(entry.path()).unwrap()));
        } else if entry.path().is_dir() && !["mail", "pki", "keys"].contains(&name.as_str()) {
            look(&entry.path(), found);
        }
    }
}

/// Whether bytes hold a text: as it is, or as a form or a header would carry it.
pub fn holds(bytes: &[u8], secret: &str) -> bool {
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let text = String::from_utf8_lossy(bytes);
    text.contains(secret) || text.contains(&encoded)
}

/// What SQLite knows and PostgreSQL does not, or takes for something else.
const SQLITE_ONLY: &[&str] = &[
    "ROWID",
    "LAST_INSERT_ROWID",
    "AUTOINCREMENT",
    "GLOB",
    "IFNULL",
    "DATETIME(",
    "STRFTIME",
    "JULIANDAY",
    "UNIXEPOCH",
    "GROUP_CONCAT",
    "TYPEOF",
    "RANDOMBLOB",
    "BLOB",
    "INSERT OR",
    "UPDATE OR",
    "REPLACE INTO",
    "COLLATE NOCASE",
    "INDEXED BY",
    "SQLITE_MASTER",
    "PRAGMA",
];

/// Whether a text says it, as words of their own and in any case.
fn says(text: &str, phrase: &str) -> bool {
    let part_of_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let text = text.to_uppercase().split_whitespace().collect::<Vec<_>>().join(" ");
    text.match_indices(phrase).any(|(at, _)| {
        let after = text[at + phrase.len()..].chars().next();
        !part_of_word(text[..at].chars().next_back()) && (phrase.ends_with('(') || !part_of_word(after))
    })
}

fn files_of(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if path.is_dir() {
            files_of(&path, found);
        } else if name != "tests.rs" && name != "testing.rs" {
            found.push((name, fs::read_to_string(path).unwrap()));
        }
    }
}

#[test]
fn the_sql_is_that_of_two_databases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    files_of(&root.join("migrations"), &mut files);
    files_of(&root.join("src/store"), &mut files);
    assert!(files.iter().any(|(name, _)| name == "0001_accounts.sql"), "the migrations were not looked at");
    for (name, text) in &files {
        let code = text.split("#[cfg(test)]").next().unwrap();
        let lines =
            code.lines().filter(|line| !["//", "--"].iter().any(|mark| line.trim_start().starts_with(mark)));
        let code = lines.collect::<Vec<_>>().join("\n").replace('"', " ").replace("\\\n", "\n");
        // What opens a file of SQLite speaks to SQLite.
        let is_driver = |phrase: &str| name == "db.rs" && ["SQLITE_MASTER", "PRAGMA"].contains(&phrase);
        for phrase in SQLITE_ONLY.iter().filter(|phrase| !is_driver(phrase)) {
            assert!(!says(&code, phrase), "{name} says {phrase}");
        }
    }
    assert!(says("insert\n or ignore INTO t", "INSERT OR") && says("SELECT datetime(ends)", "DATETIME("));
    assert!(!says("global", "GLOB") && !says("narrowid", "ROWID"));
}
