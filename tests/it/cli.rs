//! The operator's commands: init, clients, keys.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::channel,
    thread::{sleep, spawn},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    house::House,
    oidc_client::{THE_PORTAL, assert_refused, header, logged_in},
    portal::{code_of, form_encoded, tokens},
};

/// Every file below a folder, with its bytes.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>, u32)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if path.is_dir() {
            all.extend(
                contents(&path)
                    .into_iter()
                    .map(|(below, bytes, mode)| (format!("{name}/{below}"), bytes, mode)),
            );
        } else {
            all.push((
                name,
                fs::read(&path).unwrap(),
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            ));
        }
    }
    all.sort();
    all
}

fn init(folder: &Path, issuer: &str) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_namens"))
        .args(["init", "--issuer", issuer, "--folder"])
        .arg(folder)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[tokio::test]
async fn init_never_overwrites_anything() {
    let house = House::start().await;
    let folder = house.folder.join("new/deep");
    let (code, told) = init(&folder, "https://id.example.nl");
    assert_eq!(code, Some(0), "{told}");
    let made = contents(&folder);
    let modes: Vec<_> = made.iter().map(|(name, _, mode)| (name.as_str(), *mode)).collect();
    assert!(
        modes.contains(&("keys/master.key", 0o600)) && modes.contains(&("namens.db", 0o600)),
        "{modes:?}"
    );
    let key = made.iter().find(|(name, ..)| name == "keys/master.key").unwrap();
    assert!(!told.contains(String::from_utf8_lossy(&key.1).trim()), "the key is not shown");
    let (code, told) = init(&folder, "https://other.example.nl");
    assert_eq!(code, Some(1));
    assert!(told.contains("nothing is overwritten") && told.contains("--folder"), "{told}");
    assert_eq!(contents(&folder), made);
    // One file that is left is enough: it may be the only copy of a key.
    for kept in ["keys/master.key", "namens.db", "namens.toml"] {
        let other = house.folder.join(format!("half-{}", kept.replace('/', "-")));
        let path = other.join(kept);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "precious").unwrap();
        let (code, told) = init(&other, "https://id.example.nl");
        assert_eq!(code, Some(1), "{kept}");
        assert!(told.contains(kept), "{told}");
        let left = contents(&other);
        assert_eq!((left.len(), left[0].1.as_slice()), (1, &b"precious"[..]), "{kept}");
    }
    for bad in [
        "http://id.example.nl",
        "https://id.example.nl/x",
        "ftp://id.example.nl",
        "https://id.example.nl?x=\"y",
    ] {
        let nowhere = house.folder.join("nowhere");
        let (code, told) = init(&nowhere, bad);
        assert_eq!(code, Some(1), "{bad}: {told}");
        assert!(!nowhere.exists(), "{bad}");
    }
}

#[tokio::test]
async fn a_client_that_is_added_while_the_server_runs_works_at_once_and_one_removed_no_more() {
    let house = House::start().await;
    let (browser, _) = logged_in(&house).await;
    let callback = "http://127.0.0.1:9/callback/new";
    let ask = THE_PORTAL.ask().with("client_id", "new").with("redirect_uri", callback);
    assert_eq!(browser.get(&ask.url(&house)).await.status, 400, "nobody knows it yet");
    let told = house.ok(&[
        "clients",
        "add",
        "--by",
        "els",
        "new",
        "--name",
        "Nieuw",
        "--redirect-uri",
        callback,
        "--policy",
        "basic",
        "--auth",
        "client_secret_basic",
        "--id-token-alg",
        "ES256",
        "--scope",
        "email",
        "--backchannel-logout-uri",
        "https://portal.example.nl/out?x=1",
        "--json",
    ]);
    let told: Value = serde_json::from_str(&told).unwrap();
    let secret = told["client_secret"].as_str().unwrap().to_owned();
    let code = code_of(&browser.get(&ask.url(&house)).await);
    let redeem = async |code: &str, secret: &str| {
        let request = reqwest::Client::new().post(format!("{}/token", house.issuer));
        let request = request.basic_auth("new", Some(form_encoded(secret)));
        let response = request.form(&ask.redemption(code)).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    assert_refused(&redeem(&code, "nms_cs_guess").await, "invalid_client");
    let (status, body) = redeem(&code, &secret).await;
    assert_eq!(status, 200, "{body}");
    let got = tokens(body);
    assert_eq!(
        (got.claims["aud"].clone(), header(got.text("id_token"))["alg"].clone()),
        (serde_json::json!(["new"]), "ES256".into())
    );
    let shown = house.ok(&["clients", "show", "new"]);
    assert!(shown.contains("minimum level   local (urn:namens:acr:local)"), "{shown}");
    assert!(shown.contains("hears of ends   https://portal.example.nl/out?x=1"), "{shown}");
    // The secret is shown once, and kept nowhere.
    for list in [house.ok(&["clients", "list", "--json"]), house.ok(&["clients", "show", "new"])] {
        assert!(list.contains("new") && !list.contains(&secret), "{list}");
    }
    for file in ["namens.db", "namens.db-wal", "log"] {
        let bytes = fs::read(house.folder.join(file)).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{file}");
    }
    let code = code_of(&browser.get(&ask.url(&house)).await);
    house.ok(&["clients", "remove", "--by", "els", "new"]);
    assert_refused(&redeem(&code, &secret).await, "invalid_client");
    assert_eq!(crate::oidc_client::userinfo(&house, got.text("access_token")).await.0, 401);
    assert_eq!(browser.get(&ask.url(&house)).await.status, 400);
    THE_PORTAL.sign_on(&house, &browser, "openid").await;
}

#[tokio::test]
async fn a_demo_offers_no_configuration_and_takes_none() {
    let program = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_namens")).args(arguments).output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(told).unwrap())
    };
    let (code, help) = program(&["demo", "--help"]);
    assert!(code == Some(0) && help.contains("--any-port") && !help.contains("--config"), "{help}");
    for arguments in [["demo", "--config", "x.toml"], ["--config", "x.toml", "demo"]] {
        let (code, told) = program(&arguments);
        assert!(code == Some(1) && told.contains("leave out --config"), "{told}");
    }
    let (code, help) = program(&["serve", "--help"]);
    assert!(code == Some(0) && help.contains("--config <FILE>") && help.contains("namens.toml"), "{help}");
}

/// How long a demo may take to say or do what it must, on a slow machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A demo that ends with its test.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Demo {
    /// Waits until it ends by itself. It says little: no pipe is ever full.
    fn ended(&mut self) -> ExitStatus {
        let patience = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < patience, "it did not end by itself");
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the first line that it says.
    fn first_line(&mut self) -> String {
        let (mut said, (tell, hear)) = (BufReader::new(self.0.stdout.take().unwrap()), channel());
        // It ends with the demo, whose end of the pipe is closed then.
        spawn(move || {
            let mut line = String::new();
            let _ = said.read_line(&mut line);
            let _ = tell.send((line, said));
        });
        hear.recv_timeout(PATIENCE).expect("a line within a minute").0
    }
}

#[tokio::test]
async fn a_demo_runs_until_it_is_told_to_stop() {
    let house = House::start().await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_namens"));
    command
        .args(["demo", "--any-port"])
        .current_dir(&house.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut demo = Demo(command.spawn().unwrap());
    let mut told = BufReader::new(demo.0.stdout.take().unwrap());
    let mut welcome = String::new();
    while !welcome.contains("  Stop:         Ctrl-C\n") {
        assert_ne!(told.read_line(&mut welcome).unwrap(), 0, "it ended: {welcome}");
    }
    let row = |name: &str| {
        let line = welcome.lines().find_map(|line| line.trim_start().strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    for (door, says) in [("begin here", "Inloggen"), ("mail", "")] {
        let page = reqwest::get(row(door)).await.unwrap();
        assert_eq!(page.status(), 200, "{door}");
        let page = page.text().await.unwrap();
        assert!(page.contains("<html") && page.contains(says), "{door}: {page}");
    }
    let stop = Command::new("kill").args(["-TERM", &demo.0.id().to_string()]).status().unwrap();
    assert!(stop.success());
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert!(demo.0.wait().unwrap().success() && rest.contains("Stopped. What was made is in"), "{rest}");
}

/// At that DigiD anybody logs in as anybody.
#[tokio::test]
async fn a_digid_of_the_demo_is_only_for_an_issuer_of_this_machine_and_writes_nothing_for_another() {
    let house = House::start().await;
    let away = house.folder.join("away");
    let (code, told) = init(&away, "https://id.example.nl");
    assert_eq!(code, Some(0), "{told}");
    let lines = [
        ("entity_id", "urn:x"),
        ("metadata", "digid.xml"),
        ("metadata_certificate", "pki/digid-saml.crt"),
        ("metadata_entity_id", "urn:y"),
        ("signing_key", "pki/sp-saml.key"),
        ("signing_certificate", "pki/sp-saml.crt"),
        ("tls_key", "pki/sp-tls.key"),
        ("tls_certificate", "pki/sp-tls.crt"),
        ("ca", "pki/ca.crt"),
    ];
    let lines: String = lines.iter().map(|(name, value)| format!("{name} = \"{value}\"\n")).collect();
    let own = fs::read_to_string(away.join("namens.toml")).unwrap();
    fs::write(away.join("namens.toml"), format!("{own}\n[digid]\n{lines}")).unwrap();
    let before = contents(&away);
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_namens"));
        command.args(["demo", "--any-port", "--digid-for", "namens.toml"]).current_dir(&away);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Demo(command.spawn().unwrap())
    };
    let mut refused = start();
    let ended = refused.ended();
    let (mut said, mut told) = (String::new(), String::new());
    refused.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    refused.0.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!((ended.code(), said.as_str()), (Some(1), ""), "{told}");
    assert!(told.contains("https://id.example.nl/ is not this machine"), "{told}");
    assert_eq!(contents(&away), before, "nothing is written");
    // The twin, but for the issuer.
    let own = fs::read_to_string(away.join("namens.toml")).unwrap();
    assert!(own.contains("https://id.example.nl"));
    fs::write(away.join("namens.toml"), own.replace("https://id.example.nl", "https://127.0.0.1")).unwrap();
    let mut twin = start();
    let line = twin.first_line();
    assert!(line.starts_with("DigiD, a simulator, is at "), "{line}");
    let made = contents(&away);
    for name in ["digid.xml", "pki/ca.crt"] {
        assert!(made.iter().any(|(file, ..)| file == name), "{name}");
    }
}

#[tokio::test]
async fn a_walk_that_was_spoilt_ends_with_an_error_and_says_where_it_was_noticed() {
    let house = House::start().await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_namens"));
    command.args(["demo", "--walk", "--break", "code"]).current_dir(&house.folder).stdin(Stdio::null());
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("That is right: --break code spoilt this very hop"), "{told}");
}

#[tokio::test]
async fn a_client_that_would_be_unsafe_or_taken_is_refused_and_nothing_is_stored() {
    const NLGOV: &[&str] = &["--policy", "nlgov", "--auth", "none"];
    let house = House::start().await;
    let add = |id: &str, uri: &str, more: &[&str]| {
        let auth = if more.contains(&"--auth") { &[][..] } else { &["--auth", "client_secret_basic"] };
        let policy = if more.contains(&"--policy") { &[][..] } else { &["--policy", "basic"] };
        let client = &["clients", "add", "--by", "els", id, "--name", "X", "--redirect-uri", uri];
        let arguments = [client, policy, auth, more].concat();
        let output = house.run(&arguments);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let good = "https://p.example.nl/cb";
    for (id, uri, more, code, says) in [
        ("portal", good, &[][..], 1, "stands in the configuration"),
        ("a b", good, &[], 1, "client id"),
        ("", good, &[], 1, "client id"),
        ("x", "http://p.example.nl/cb", &[], 1, "must be https"),
        ("x", "https://p.example.nl/cb#f", &[], 1, "fragment"),
        ("x", "https://u:p@p.example.nl/cb", &[], 1, "user name"),
        ("x", "javascript:alert(1)", &[], 1, "must be https"),
        ("x", "https://p.example.nl/*\n", &[], 1, "must be https"),
        ("x", good, &["--redirect-uri", "https://q.example.nl/cb"], 1, "sector"),
        ("x", "http://localhost:8080/cb", NLGOV, 1, "not the name localhost"),
        ("x", good, &["--scope", "bsn"], 2, "bsn"),
        ("x", good, &["--post-logout-redirect-uri", "http://evil.example"], 1, "must be https"),
        ("x", good, &["--backchannel-logout-uri", "http://evil.example"], 1, "must be https"),
        ("x", good, &["--backchannel-logout-uri", "http://127.0.0.1:9/out"], 1, "private_addresses"),
        ("x", good, &["--backchannel-logout-uri", "https://10.0.0.1/out"], 1, "no public address"),
        ("x", good, &["--id-token-alg", "none"], 2, "none"),
        ("x", good, &["--id-token-alg", "HS256"], 2, "HS256"),
        ("x", good, &["--minimum-level", "basis"], 2, "basis"),
        ("x", good, &["--auth", "client_secret_jwt"], 2, "client_secret_jwt"),
        ("x", good, &["--auth", "private_key_jwt"], 1, "needs its public keys"),
        ("x", good, &["--auth", "private_key_jwt", "--jwks", "gone"], 1, "cannot use gone"),
        ("x", good, &["--sector", "p", "--public-subjects"], 2, "cannot be used with"),
    ] {
        let (status, told) = add(id, uri, more);
        assert_eq!(status, Some(code), "{says}: {told}");
        assert!(told.contains(says), "{says}: {told}");
    }
    assert_eq!(house.query("SELECT COUNT(*) FROM clients"), ["0"]);
    // The twins: the address in the place of the name, and the name under another policy.
    assert_eq!(add("here", "http://127.0.0.1:8080/cb", NLGOV).0, Some(0));
    assert_eq!(add("there", "http://localhost:8080/cb", &[]).0, Some(0));
    assert_eq!(add("x", good, &[]).0, Some(0));
    let (status, told) = add("x", good, &[]);
    assert!(status == Some(1) && told.contains("already"), "{told}");
    for (arguments, says) in [
        (&["clients", "remove", "--by", "els", "portal"][..], "stands in the configuration"),
        (&["clients", "remove", "--by", "els", "y"], "no client y"),
        (&["clients", "show", "y"], "no client y"),
    ] {
        let output = house.run(arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && told.contains(says), "{told}");
    }
}

#[tokio::test]
async fn a_bsn_that_cannot_be_read_is_told_by_file_and_never_by_content() {
    let house = House::start().await;
    let told = |file: &str| {
        let arguments = ["persons", "add", "--by", "els", "--name", "Anna", "--bsn-file", file];
        let output = house.run(&arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        String::from_utf8(output.stderr).unwrap()
    };
    let gone = told("gone.bsn");
    assert!(gone.contains("gone.bsn") && gone.contains("No such file"), "{gone}");
    fs::write(house.folder.join("wrong.bsn"), "999990018\n").unwrap();
    let wrong = told("wrong.bsn");
    assert!(wrong.contains("wrong.bsn") && !wrong.contains("99999"), "{wrong}");
    assert_eq!(house.query("SELECT COUNT(*) FROM persons"), ["0"]);
}

/// What the README and `namens init` tell a newcomer to type works.
#[tokio::test]
async fn the_client_that_the_readme_adds_can_be_added() {
    let house = House::start().await;
    let read = |name: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    let text = read("README.md");
    let line = text.lines().find_map(|line| line.strip_prefix("namens clients add portal ")).unwrap();
    // Between quotes stands one argument, elsewhere as many as there are words.
    let arguments = line.split('"').enumerate().flat_map(|(part, text)| match part % 2 {
        1 => vec![text],
        _ => text.split_whitespace().collect(),
    });
    let arguments: Vec<_> = ["clients", "add", "newcomer"].into_iter().chain(arguments).collect();
    assert!(house.ok(&arguments).contains("nms_cs_"));
    assert!(
        read("src/cli/init.rs")
            .contains("clients add portal --policy basic --auth client_secret_basic --name")
    );
}
