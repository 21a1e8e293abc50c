//! What is wrong is said when the server starts, in words that help, and `namens doctor` says it too.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{digid_metadata::stopped, digid_steps::change, house::House};

/// Runs `namens serve`, which must give up at once: what it says.
pub fn refuses(house: &House) -> String {
    let mut command = house.program(&["serve"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let patience = Instant::now() + Duration::from_mins(1);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > patience {
            child.kill().unwrap();
            panic!("it serves");
        }
        sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{told}");
    assert!(told.starts_with("namens: "), "{told}");
    assert!(!told.contains("panicked") && !told.contains("RUST_BACKTRACE"), "{told}");
    told
}

/// What `namens doctor` finds: its errors, each as "about: says".
pub fn errors(house: &House) -> Vec<String> {
    let output = house.run(&["doctor", "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |verdict| told.as_array().unwrap().iter().filter(move |finding| finding["verdict"] == verdict);
    let about_clients = |verdict| of(verdict).filter(|finding| finding["about"] == "clients").count();
    let reassuring = about_clients("ok") + told.to_string().matches("there are none").count();
    assert!(about_clients("error") == 0 || reassuring == 0, "clients are both wrong and fine: {told}");
    let errors: Vec<_> = of("error")
        .map(|one| format!("{}: {}", one["about"].as_str().unwrap(), one["says"].as_str().unwrap()))
        .collect();
    assert_eq!(output.status.code(), Some(i32::from(!errors.is_empty())), "{told}");
    errors
}

/// Both must say it, whatever the words around it.
pub fn assert_said(house: &House, words: &[&str]) {
    let (served, found) = (refuses(house), errors(house).join("\n"));
    for word in words {
        assert!(served.contains(word), "serve does not say {word:?}: {served}");
        assert!(found.contains(word), "doctor does not say {word:?}: {found}");
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_sound_installation_has_no_findings_of_that_kind() {
    let house = stopped().await;
    assert_eq!(errors(&house), Vec::<String>::new());
    let plain = house.run(&["doctor"]);
    let text = String::from_utf8(plain.stdout).unwrap();
    assert!(plain.status.success() && text.contains("0 error(s)"), "{text}");
    for about in [
        "configuration",
        "master key",
        "database",
        "signing keys",
        "clients",
        "DigiD",
        "certificates",
        "mail",
        "clock",
    ] {
        assert!(
            text.contains(&format!("ok       {about}")) || text.contains(&format!("warning  {about}")),
            "{about}: {text}"
        );
    }
}

#[tokio::test]
async fn the_doctor_looks_whether_mail_leaves() {
    let house = stopped().await;
    let file = house.folder.join("namens.toml");
    let good = fs::read_to_string(&file).unwrap();
    let about_mail = || {
        let told: Value = serde_json::from_slice(&house.run(&["doctor", "--json"]).stdout).unwrap();
        let found = told.as_array().unwrap().iter().find(|one| one["about"] == "mail").unwrap();
        (found["verdict"].as_str().unwrap().to_owned(), found["says"].as_str().unwrap().to_owned())
    };
    assert_eq!(about_mail().0, "ok");
    // Held until the end and never listened at, so that nothing can answer there.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = closed.local_addr().unwrap().port();
    let smtp = format!("smtp = {{ host = \"127.0.0.1\", port = {port} }}");
    fs::write(&file, good.replace("folder = \"mail\"", &smtp)).unwrap();
    let found = errors(&house);
    let [error] = found.as_slice() else { panic!("{found:?}") };
    assert!(error.starts_with("mail: ") && error.contains(&port.to_string()), "{error}");
    // A folder is for trying out: at an address for others it is told that nobody gets a mail.
    fs::write(&file, good.replace(&house.issuer, "https://id.example.nl")).unwrap();
    let (verdict, says) = about_mail();
    assert!(verdict == "warning" && says.contains("reaches nobody: fill in [mail.smtp]"), "{verdict} {says}");
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_with_line_or_key() {
    let house = stopped().await;
    let file = house.folder.join("namens.toml");
    let good = fs::read_to_string(&file).unwrap();
    let issuer = format!("issuer = \"{}\"", house.issuer);
    for (from, to, says) in [
        ("[mail]", "[mail]\nsmpt = 1", &["line ", "smpt", "unknown field"][..]),
        ("[[client]]", "[[client]]\nredirect_uri = \"x\"", &["line ", "redirect_uri"]),
        ("[password]", "[passwort]", &["line ", "passwort"]),
        (&issuer, "issuer = \"http://id.example.nl\"", &["issuer", "must be https"]),
        (&issuer, "issuer = \"https://id.example.nl/x\"", &["issuer", "scheme and host only"]),
        (&issuer, "issuer = 7", &["line 1"]),
        (&issuer, "", &["issuer", "missing field"]),
        (&issuer, "issuer = \"", &["line 1"]),
        ("listen = \"", "listen = \"nowhere", &["line 2"]),
        ("master_key = { file = \"keys/master.key\" }", "master_key = \"00ff\"", &["line 4"]),
        ("[mail]", "mandate_level = \"local\"\n[mail]", &["mandate_level", "needs DigiD"]),
        (
            "[mail]",
            "mandate_level = \"basis\"\n[mail]",
            &["mandate_level", "give midden, substantieel or hoog"],
        ),
        ("[mail]", "jwks_max_age = 0\n[mail]", &["jwks_max_age"]),
        ("[mail]", "[session]\nidle_minutes = 16\n[mail]", &["idle_minutes", "15"]),
        ("memory_kib = 7168", "memory_kib = 8", &["memory_kib"]),
        ("iterations = 1", "iterations = 0", &["iterations"]),
        ("folder = \"mail\"", "", &["folder or smtp"]),
        ("from = \"Namens <noreply@namens.test>\"", "from = \"nobody\"", &["from"]),
        ("name = \"Huisarts De Linde\"", "name = \" \"", &["client portal", "give it a name"]),
        ("id = \"portal\"", "id = \"por tal\"", &["client id", "por tal"]),
        ("http://127.0.0.1:9/callback", "http://portal.example.nl/cb", &["client portal", "https"]),
        ("scopes = [\"openid\",", "scopes = [\"bsn\",", &["line", "bsn"]),
        ("scopes = [\"openid\", ", "scopes = [", &["portal", "openid"]),
        ("auth = \"client_secret_basic\"", "auth = \"client_secret_jwt\"", &["line ", "client_secret_jwt"]),
        ("auth = \"client_secret_basic\"", "auth = \"private_key_jwt\"", &["portal", "leave out the secret"]),
        ("policy = \"basic\"", "", &["portal", "nlgov", "client_secret_basic"]),
        ("policy = \"basic\"", "policy = \"free\"", &["line ", "free"]),
        ("policy = \"basic\"", "jwks = \"gone.jwks\"", &["jwks", "gone.jwks"]),
        ("auth = \"client_secret_basic\"", "auth = \"none\"", &["portal", "leave out the secret"]),
        ("secret = { file = \"portal.secret\" }", "", &["portal", "secret"]),
        (
            "secret = { file = \"portal.secret\" }",
            "secret = { file = \"gone\" }",
            &["cannot read the secret in", "gone"],
        ),
        (
            "secret = { file = \"portal.secret\" }",
            "secret = { env = \"NAMENS_TEST_UNSET\" }",
            &[
                "client portal: secret",
                "NAMENS_TEST_UNSET is not set",
                "set it for the process",
                "{ file = \"PATH\" }",
            ],
        ),
        (
            "master_key = { file = \"keys/master.key\" }",
            "master_key = { env = \"NAMENS_TEST_UNSET\" }",
            &["master_key: ", "NAMENS_TEST_UNSET is not set"],
        ),
        ("metadata = \"digid.xml\"", "metadata = \"gone.xml\"", &["gone.xml", "cannot read"]),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{to}");
        fs::write(&file, text).unwrap();
        assert_said(&house, says);
    }
    let client = &good[good.find("[[client]]").unwrap()..];
    fs::write(&file, format!("{good}{client}")).unwrap();
    assert_said(&house, &["portal", "twice"]);
    fs::write(&file, b"issuer = \"\xff\"").unwrap();
    assert_said(&house, &["namens.toml"]);
    fs::remove_file(&file).unwrap();
    assert_said(&house, &["cannot read", "namens.toml", "namens init"]);
}

/// Whoever has many clients looks for the line, not for the word.
#[tokio::test]
async fn a_value_that_is_wrong_is_told_with_its_line() {
    let house = stopped().await;
    let file = house.folder.join("namens.toml");
    let good = fs::read_to_string(&file).unwrap();
    let issuer = format!("issuer = \"{}\"", house.issuer);
    let secret = "secret = { file = \"portal.secret\" }";
    for (from, to, bad) in [
        (issuer.as_str(), "issuer = \"http://id.example.nl\"", "issuer ="),
        ("[mail]", "jwks_max_age = 0\n[mail]", "jwks_max_age"),
        ("[mail]", "[session]\nidle_minutes = 16\n[mail]", "idle_minutes"),
        ("memory_kib = 7168", "memory_kib = 8", "memory_kib"),
        ("folder = \"mail\"", "", "[mail]"),
        ("name = \"Huisarts De Linde\"", "name = \" \"", "name = \" \""),
        ("id = \"portal\"", "id = \"por tal\"", "id = \"por tal\""),
        (secret, "secret = { file = \"gone\" }", "file = \"gone\""),
        ("policy = \"basic\"", "jwks = \"gone.jwks\"", "gone.jwks"),
        ("auth = \"client_secret_basic\"", "auth = \"none\"", "auth = \"none\""),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{to}");
        fs::write(&file, &text).unwrap();
        let line = text.lines().position(|line| line.contains(bad)).unwrap() + 1;
        assert_said(&house, &["namens.toml: ", &format!("line {line}: ")]);
    }
    let client = &good[good.find("[[client]]").unwrap()..];
    fs::write(&file, format!("{good}{client}")).unwrap();
    let id = client.lines().position(|line| line.starts_with("id =")).unwrap() + 1;
    assert_said(&house, &[&format!("line {}: client portal: stands here twice", good.lines().count() + id)]);
    // The twin: what is right is told with no line.
    fs::write(&file, &good).unwrap();
    assert_eq!(errors(&house), Vec::<String>::new());
}

/// A name stands on pages and in mails: what ends a line or moves a cursor is none of it, not even at its ends.
#[tokio::test]
async fn a_name_or_text_with_control_characters_is_refused_with_its_line() {
    let house = stopped().await;
    let file = house.folder.join("namens.toml");
    let good = fs::read_to_string(&file).unwrap();
    let name = "name = \"Huisarts De Linde\"";
    let from = good.lines().find(|line| line.starts_with("from = ")).unwrap();
    let mut bad = Vec::new();
    for text in [
        "De\\r\\nBcc: x@example.nl",
        "De\\tLinde",
        "De\\u001b[2JLinde",
        "De\\u0085Linde",
        "De \\u202eednil",
        "De\\u2028Linde",
        "De\\u2029Linde",
    ] {
        bad.push((name, format!("name = \"{text}\""), "name ="));
    }
    for text in ["Linde\\r\\nBcc: x@example.nl", "Linde\\u0000", "Linde\\u2028"] {
        bad.push((from, format!("from = \"{text} <noreply@example.nl>\""), "from ="));
    }
    let leaflet = "[desk]\nleaflet = { nl = \"Van\\u001b[2J ons.\", en = \"From us.\" }\n[mail]";
    bad.push(("[mail]", leaflet.to_owned(), "leaflet ="));
    for (from, to, at) in bad {
        let text = good.replacen(from, &to, 1);
        assert_ne!(text, good, "{to}");
        fs::write(&file, &text).unwrap();
        let line = text.lines().position(|line| line.starts_with(at)).unwrap() + 1;
        assert_said(&house, &["namens.toml: ", &format!("line {line}: ")]);
    }
    // The twin: accents, spaces and other scripts are names; a text has several lines.
    let text = good.replacen(name, "name = \" Huisärts ’t Lindeñbos – Żółć 王 \"", 1);
    let text = text.replacen(from, "from = \"Huisärts ’t Lindeñbos <noreply@example.nl>\"", 1);
    let leaflet = "[desk]\nleaflet = { nl = \"Vän ons.\\r\\n\\n\\tMeer.\", en = \"From us.\" }\n[mail]";
    fs::write(&file, text.replacen("[mail]", leaflet, 1)).unwrap();
    assert_eq!(errors(&house), Vec::<String>::new());
}

#[tokio::test]
async fn a14_what_may_be_called_is_checked_before_anything_is() {
    let house = stopped().await;
    let file = house.folder.join("namens.toml");
    let good = fs::read_to_string(&file).unwrap();
    let issuer = format!("issuer = \"{}\"", house.issuer);
    for (from, to, says) in [
        (
            "[mail]",
            "[outbound]\nprivate_address = []\n[mail]",
            &["line ", "private_address", "unknown field"][..],
        ),
        (
            &issuer,
            "issuer = \"https://id.example.nl\"\noutbound = { private_addresses = [\"127.0.0.1\"] }",
            &["[outbound]", "test set-up", "leave the section out"],
        ),
        ("[mail]", "[outbound]\nextra_roots = [\"nowhere.pem\"]\n[mail]", &["extra_roots", "nowhere.pem"]),
        (
            "auth = \"client_secret_basic\"",
            "backchannel_logout_uri = \"http://127.0.0.1:9/out\"\nauth = \"client_secret_basic\"",
            &["client portal", "backchannel_logout_uri", "private_addresses"],
        ),
    ] {
        fs::write(&file, good.replacen(from, to, 1)).unwrap();
        assert_said(&house, says);
    }
}

#[tokio::test]
async fn a_key_or_certificate_of_digid_is_named_by_line_and_file_with_the_remedy() {
    let house = stopped().await;
    let file = house.folder.join("namens.toml");
    let good = fs::read_to_string(&file).unwrap();
    let path = |name: &str| house.folder.join("pki").join(name).display().to_string();
    let (key, certificate) = (path("sp-saml.key"), path("sp-saml.crt"));
    let (tls_key, tls_certificate, ca) = (path("sp-tls.key"), path("sp-tls.crt"), path("ca.crt"));
    let locked = path("locked.key");
    let lock = ["pkey", "-aes256", "-passout", "pass:x", "-in", &key, "-out", &locked];
    assert!(Command::new("openssl").args(lock).status().unwrap().success());
    mode(Path::new(&locked), 0o600);
    for (line, from, to, says) in [
        (
            "signing_key",
            &key,
            &certificate,
            "holds a certificate in the place of a private key: are the two lines",
        ),
        (
            "signing_certificate",
            &certificate,
            &key,
            "holds a private key in the place of a certificate: are the two",
        ),
        ("signing_key", &key, &locked, "or has a pass phrase: put the key there unencrypted"),
        ("tls_key", &tls_key, &key, "put the key there that this certificate was made for"),
        ("tls_certificate", &tls_certificate, &path("none.crt"), "Put the file there, or name another"),
        ("ca", &ca, &house.folder.join("digid.xml").display().to_string(), "-----BEGIN CERTIFICATE-----"),
    ] {
        let text = good.replacen(&format!("{line} = \"{from}\""), &format!("{line} = \"{to}\""), 1);
        assert_ne!(text, good, "{line}");
        fs::write(&file, text).unwrap();
        assert_said(&house, &[&format!("[digid] {line}"), to, says]);
        let told = refuses(&house);
        assert!(!told.contains("chmod"), "who mixed up two files is not told to hide a certificate: {told}");
    }
    // One key for two things works, and the doctor says what it costs.
    let twice = good.replacen(&tls_key, &key, 1).replacen(&tls_certificate, &certificate, 1);
    let shared = |text: &str| {
        fs::write(&file, text).unwrap();
        let told = String::from_utf8(house.run(&["doctor"]).stdout).unwrap();
        told.lines()
            .any(|line| line.starts_with("warning  certificates: SAML signing and TLS client use one key"))
    };
    assert!(shared(&twice) && !shared(&good));
}

#[tokio::test]
async fn a_secret_that_others_can_read_is_refused_with_the_remedy() {
    let house = stopped().await;
    let text = fs::read_to_string(house.folder.join("namens.toml")).unwrap();
    let keys: Vec<_> = ["signing_key", "tls_key"]
        .iter()
        .map(|name| {
            text.lines()
                .find_map(|line| line.strip_prefix(&format!("{name} = ")))
                .unwrap()
                .trim_matches('"')
                .into()
        })
        .collect();
    for path in
        [house.folder.join("keys/master.key"), house.folder.join("portal.secret")].into_iter().chain(keys)
    {
        for open in [0o604, 0o640] {
            mode(&path, open);
            assert_said(&house, &["others can read", &format!("chmod 600 {}", path.display())]);
        }
        mode(&path, 0o600);
    }
    assert_eq!(errors(&house), Vec::<String>::new());
}

#[tokio::test]
async fn a_master_key_that_is_foreign_cut_or_gone_is_named() {
    let house = stopped().await;
    let path = house.folder.join("keys/master.key");
    let good = fs::read_to_string(&path).unwrap();
    let hex = "0123456789abcdef".repeat(4);
    for (text, says) in [
        (hex.as_str(), "sealed under another master key"),
        (&good[..40], "64 hexadecimal digits"),
        ("", "64 hexadecimal digits"),
        (&format!("{}g", &good[..63]), "64 hexadecimal digits"),
        (&format!("{}00", good.trim()), "64 hexadecimal digits"),
    ] {
        fs::write(&path, text).unwrap();
        assert_said(&house, &[says]);
        let told = refuses(&house);
        assert!(
            text.is_empty() || !told.contains(&text[..text.len().min(16)]),
            "the key itself is not told: {told}"
        );
    }
    fs::write(&path, &good).unwrap();
    assert_eq!(errors(&house), Vec::<String>::new());
    fs::remove_file(&path).unwrap();
    assert_said(&house, &["cannot read the secret in", "master.key"]);
}

#[tokio::test]
async fn a_database_that_is_gone_empty_newer_or_damaged_is_named() {
    let house = stopped().await;
    let path = house.folder.join("namens.db");
    let aside = |to: &str| {
        for ending in ["", "-wal", "-shm"] {
            let _ = fs::rename(
                house.folder.join(format!("namens.db{ending}")),
                house.folder.join(format!("{to}{ending}")),
            );
        }
    };
    aside("kept.db");
    assert_said(&house, &["namens migrate"]);
    assert!(!path.exists(), "nobody makes one by accident");
    let told = String::from_utf8(house.run(&["clients", "list"]).stderr).unwrap();
    assert!(told.contains("namens migrate"), "{told}");
    fs::write(&path, "").unwrap();
    let all = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap().count();
    assert_said(&house, &[&format!("lacks {all} migration(s)"), "namens migrate"]);
    house.ok(&["migrate"]);
    let found = errors(&house).join("\n");
    assert!(
        found.contains("signing keys") && found.contains("namens keys rotate --by STAFF --alg RS256"),
        "{found}"
    );
    aside("empty.db");
    aside_back(&house);
    change(
        &house,
        "INSERT INTO _sqlx_migrations SELECT 9999, 'later', installed_on, success, checksum, 0 FROM _sqlx_migrations LIMIT 1",
    );
    assert_said(&house, &["newer version of Namens"]);
    let told = String::from_utf8(house.run(&["migrate"]).stderr).unwrap();
    assert!(told.contains("newer version of Namens") || told.contains("9999"), "{told}");
    change(&house, "DELETE FROM _sqlx_migrations WHERE version = 9999");
    assert_eq!(errors(&house), Vec::<String>::new());
    change(&house, "DELETE FROM _sqlx_migrations WHERE version = 3");
    assert_said(&house, &["lacks 1 migration(s)", "make a backup", "namens migrate"]);
    fs::write(
        &path,
        "this is no database, and was never one; it is only some text that is long enough\n".repeat(100),
    )
    .unwrap();
    for ending in ["-wal", "-shm"] {
        let _ = fs::remove_file(house.folder.join(format!("namens.db{ending}")));
    }
    refuses(&house);
    assert!(errors(&house).join("\n").contains("restored from a backup"));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_at_once_with_what_to_do() {
    let house = stopped().await;
    let path = house.folder.join("namens.db");
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(house.folder.join(format!("namens.db{ending}")));
    }
    let shown = path.display().to_string();
    let assert_named = |says: &str| {
        let said = [shown.as_str(), says, "`database` in the configuration", "restored from a backup"];
        assert_said(&house, &said);
        for command in [&["migrate"][..], &["clients", "list"]] {
            let told = String::from_utf8(house.run(command).stderr).unwrap();
            assert!(said.iter().all(|word| told.contains(word)), "{command:?}: {told}");
        }
    };
    for rubbish in
        ["x", "kort", "fifteen bytes..", "sixteen bytes...", "SQLite format 3\0and then nothing of it"]
    {
        fs::write(&path, rubbish).unwrap();
        assert_named("this is no SQLite database");
        assert_eq!(fs::read(&path).unwrap(), rubbish.as_bytes(), "nothing was written into it");
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_said(&house, &[&shown, "unable to open database file"]);
}

/// The key of an algorithm that signs now (`true`), or the one that follows it.
fn key(house: &House, alg: &str, signs: bool) -> String {
    let order = if signs { "ASC" } else { "DESC" };
    house
        .query(&format!("SELECT kid FROM signing_keys WHERE alg = '{alg}' ORDER BY sign_from {order}"))
        .remove(0)
}

fn spoil(house: &House, kid: &str) {
    let cut = "substr(private_sealed, 1, length(private_sealed) - 1)";
    change(house, &format!("UPDATE signing_keys SET private_sealed = {cut} WHERE kid = '{kid}'"));
}

async fn published(house: &House) -> String {
    reqwest::get(format!("{}/jwks", house.issuer)).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_signing_key_that_does_not_open_is_left_out_while_another_signs() {
    let mut house = stopped().await;
    let (next, unused) = (key(&house, "RS256", false), key(&house, "ES256", true));
    for kid in [&next, &unused] {
        spoil(&house, kid);
    }
    house.open_doors();
    let set = published(&house).await;
    for kid in [&next, &unused] {
        assert!(!set.contains(kid), "{set}");
        assert!(house.log().contains(&format!("signing key {kid} does not open")), "{}", house.log());
    }
    assert_eq!(house.log().matches("a signing key is of no use").count(), 2, "each is told once");
    crate::portal::register(&house, &crate::browser::Browser::new(), "jansen@voorbeeld.nl").await;
    let found = errors(&house).join("\n");
    for word in [next.as_str(), &unused, "namens keys rotate", "restore the database"] {
        assert!(found.contains(word), "{word}: {found}");
    }
    // A rotation counts on no key that does not open.
    house.ok(&["keys", "rotate", "--by", "els", "--alg", "RS256"]);
    let planned = house.query(
        "SELECT kid FROM signing_keys WHERE alg = 'RS256' AND publish_until IS NOT NULL AND publish_until > sign_from",
    );
    assert!(planned.len() == 2 && !planned.contains(&next), "{planned:?}");
    let found = errors(&house).join("\n");
    assert!(!found.contains(&next) && found.contains(&unused), "{found}");
}

#[tokio::test]
async fn the_start_is_refused_when_no_key_is_left_for_an_algorithm_in_use() {
    let house = stopped().await;
    let kid = key(&house, "RS256", true);
    spoil(&house, &kid);
    assert_said(
        &house,
        &["no key signs with RS256", &kid, "from one backup", "namens keys rotate --by STAFF --alg RS256"],
    );
    // Another master key is no reason to make new signing keys: everything else is lost with it.
    let before = house.query("SELECT kid FROM signing_keys");
    fs::write(house.folder.join("keys/master.key"), "0123456789abcdef".repeat(4)).unwrap();
    let refused = house.run(&["keys", "rotate", "--by", "els"]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && told.contains("sealed under another master key"), "{told}");
    assert_eq!(house.query("SELECT kid FROM signing_keys"), before);
}

fn aside_back(house: &House) {
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::rename(
            house.folder.join(format!("kept.db{ending}")),
            house.folder.join(format!("namens.db{ending}")),
        );
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let house = House::start().await;
    let told = refuses(&house);
    let port = house.issuer.trim_start_matches("http://");
    assert!(told.contains(&format!("cannot listen on {port}")) && told.contains("`listen`"), "{told}");
    // And the one that listens goes on.
    assert_eq!(reqwest::get(format!("{}/healthz", house.issuer)).await.unwrap().status(), 200);
}
