//! The audit log as evidence: whatever somebody does to the database from outside, `namens audit verify` names it.

use std::process::{Output, Stdio};

use crate::{
    browser::Browser,
    digid_steps::change,
    floors::all,
    house::House,
    mandates_desk::{Desk, fresh_bsn},
    oidc_client::THE_PORTAL,
    portal::register,
};

/// A house in which something happened, whose server has stopped, with what an auditor kept of it.
struct Archive {
    house: House,
    kept: String,
    last: i64,
}

impl Archive {
    async fn new() -> Self {
        let mut house = House::start().await;
        let tokens = register(&house, &Browser::new(), "jansen@voorbeeld.nl").await;
        let mut token = tokens.text("refresh_token").to_owned();
        for _ in 0..3 {
            token = refreshed(&house, &token).await;
        }
        house.stop();
        let export = house.ok(&["audit", "export", "--by", "auditor"]);
        let kept = house.folder.join("kept.jsonl").display().to_string();
        std::fs::write(&kept, export).unwrap();
        let last = house.query("SELECT seq FROM audit_heads").concat().parse().unwrap();
        Self { house, kept, last }
    }

    fn verify(&self, more: &[&str]) -> (bool, String) {
        let Output { status, stdout, stderr } = self.house.run(&[&["audit", "verify"], more].concat());
        assert!(stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
        (status.success(), String::from_utf8(stdout).unwrap())
    }

    /// Does that to the database and gives what is found, with what was kept or without it; then puts the database back.
    fn after(&self, statements: &[&str], with_kept: bool) -> String {
        let files = ["namens.db", "namens.db-wal"].map(|name| self.house.folder.join(name));
        let before = files.clone().map(|file| std::fs::read(file).ok());
        for statement in statements {
            change(&self.house, statement);
        }
        let kept = ["--checkpoint", &self.kept];
        let (sound, said) = self.verify(if with_kept { &kept } else { &[] });
        assert_eq!(sound, said.contains("as they were written"), "{said}");
        for (file, bytes) in files.iter().zip(before) {
            match bytes {
                Some(bytes) => std::fs::write(file, bytes).unwrap(),
                None => drop(std::fs::remove_file(file)),
            }
        }
        let _ = std::fs::remove_file(self.house.folder.join("namens.db-shm"));
        said
    }
}

/// The refresh token that takes the place of another.
async fn refreshed(house: &House, token: &str) -> String {
    let (status, body) = THE_PORTAL.refresh(house, token).await;
    assert_eq!(status, 200, "{body}");
    body["refresh_token"].as_str().unwrap().to_owned()
}

const NOT_ITS_OWN: &str = "was altered, moved here, or inserted";

/// Every column of a line, each to something that could stand there.
const COLUMNS: [&str; 18] = [
    "node = 'other'",
    "seq = 900",
    "id = 'x'",
    "at = at - 1",
    "event = 'login'",
    "outcome = 'no'",
    "actor = 'x'",
    "actor = NULL",
    "role = 'staff'",
    "represented = 'x'",
    "purpose = 'x'",
    "client = NULL",
    "client = ''",
    "detail = 'x'",
    "listed = 'x'",
    "listed = ''",
    "prev = x'00'",
    "mac = x'00'",
];

#[tokio::test]
async fn whatever_is_done_to_a_line_from_outside_is_named() {
    let archive = Archive::new().await;
    let last = archive.last;
    assert!(last >= 8, "{last}");
    for with_kept in [false, true] {
        let sound = archive.after(&[], with_kept);
        assert!(sound.contains(&format!("{last} line(s) are as they were written")), "{sound}");
    }
    // One of a person at a portal: each column of it says something.
    let whole = "SELECT MIN(seq) FROM audit_lines WHERE actor IS NOT NULL AND client IS NOT NULL AND role = 'patient'";
    let seq = archive.house.query(whole).concat();
    for column in COLUMNS {
        let said = archive.after(&[&format!("UPDATE audit_lines SET {column} WHERE seq = {seq}")], false);
        let line = match column {
            "node = 'other'" => format!("node other line {seq} "),
            "seq = 900" => "node namens line 900 ".to_owned(),
            _ => format!("node namens line {seq} "),
        };
        let named = format!("{line}{NOT_ITS_OWN}");
        assert!(said.contains(&named), "{column}: {said}");
        if column != "node = 'other'" && column != "seq = 900" {
            assert!(
                said.lines().filter(|line| line.starts_with("node ")).count() == 1,
                "{column}: one line is named: {said}"
            );
        }
    }
    let cases: [(&[&str], &[String]); 9] = [
        (&["DELETE FROM audit_lines WHERE seq = 1"], &["node namens line 1 was removed".into()]),
        (&["DELETE FROM audit_lines WHERE seq = 4"], &["node namens line 4 was removed".into()]),
        (
            &["DELETE FROM audit_lines WHERE seq IN (4, 5)"],
            &["node namens lines 4 to 5: each was removed".into()],
        ),
        (
            &[&format!("DELETE FROM audit_lines WHERE seq = {last}")],
            &[format!("node namens line {last} was cut off")],
        ),
        (&["DELETE FROM audit_lines"], &[format!("node namens lines 1 to {last}: each was cut off")]),
        (
            &[
                "UPDATE audit_lines SET seq = 900 WHERE seq = 3",
                "UPDATE audit_lines SET seq = 3 WHERE seq = 5",
                "UPDATE audit_lines SET seq = 5 WHERE seq = 900",
            ],
            &[format!("node namens line 3 {NOT_ITS_OWN}"), format!("node namens line 5 {NOT_ITS_OWN}")],
        ),
        (
            &[&format!(
                "INSERT INTO audit_lines SELECT node, {last} + 1, id, at, event, outcome, actor, role, represented, \
                 purpose, client, detail, prev, mac, listed FROM audit_lines WHERE seq = 2"
            )],
            &[
                format!("node namens line {} {NOT_ITS_OWN}", last + 1),
                format!("node namens line {} stands behind the head", last + 1),
            ],
        ),
        (
            &[&format!(
                "INSERT INTO audit_lines SELECT 'namens', {last} + 1, 'forged', at, 'logout', 'ok', actor, 'patient', NULL, \
                 'subject_of_care', NULL, NULL, mac, mac, NULL FROM audit_lines WHERE seq = {last}"
            )],
            &[format!("node namens line {} {NOT_ITS_OWN}", last + 1)],
        ),
        (
            &["DELETE FROM audit_lines WHERE seq = 4", "UPDATE audit_lines SET seq = seq - 1 WHERE seq > 4"],
            &[format!("node namens line 4 {NOT_ITS_OWN}"), format!("node namens line {last} was cut off")],
        ),
    ];
    for (statements, expected) in cases {
        let said = archive.after(statements, false);
        for named in expected {
            assert!(said.contains(named.as_str()), "{statements:?}: {named:?} in {said}");
        }
    }
}

#[tokio::test]
async fn heads_checkpoints_and_names_that_were_touched_are_named_and_what_was_kept_tells_of_a_cut() {
    let archive = Archive::new().await;
    let last = archive.last;
    let marked = last - 1;
    let cases = [
        ("DELETE FROM audit_heads", format!("node namens line {last} is of a chain whose head is gone")),
        ("UPDATE audit_heads SET mac = x'00'", format!("line {last} is not what the head of the chain says")),
        (
            "UPDATE audit_heads SET seq = seq + 2",
            format!("lines {} to {}: each was cut off", last + 1, last + 2),
        ),
        ("DELETE FROM audit_checkpoints", format!("line {marked} had a checkpoint, which was removed")),
        (
            "UPDATE audit_checkpoints SET seq = 2",
            "line 2 has a checkpoint that was not signed here, or was altered".to_owned(),
        ),
        (
            "UPDATE audit_checkpoints SET jws = substr(jws, 1, length(jws) - 10) \
             || CASE substr(jws, -10, 1) WHEN 'A' THEN 'B' ELSE 'A' END || substr(jws, -9)",
            format!("line {marked} has a checkpoint that was not signed here, or was altered"),
        ),
        (
            "UPDATE audit_names SET name = 'somebody' WHERE name <> 'auditor'",
            "its name was altered or forged".to_owned(),
        ),
        ("INSERT INTO audit_names VALUES ('p', 'somebody', x'00')", "pseudonym p: its name was".to_owned()),
        (
            "DELETE FROM audit_names",
            "its name was removed, and no line says that it was forgotten".to_owned(),
        ),
    ];
    for (statement, named) in cases {
        let said = archive.after(&[statement], false);
        assert!(said.contains(&named), "{statement}: {named:?} in {said}");
    }
    // Somebody thorough: the end of the log goes with everything in the database that speaks of it.
    let thorough = [
        "DELETE FROM audit_lines WHERE seq > 4",
        "DELETE FROM audit_checkpoints WHERE seq > 4",
        "UPDATE audit_heads SET seq = 4, mac = (SELECT mac FROM audit_lines WHERE seq = 4)",
    ];
    let [alone, kept] = [false, true].map(|with_kept| archive.after(&thorough, with_kept));
    assert!(alone.contains("as they were written"), "{alone}");
    assert!(kept.contains(&format!("node namens lines 5 to {marked}: each was cut off")), "{kept}");
    let everything = [
        "DELETE FROM audit_lines",
        "DELETE FROM audit_checkpoints",
        "DELETE FROM audit_names",
        "UPDATE audit_heads SET seq = 0, mac = x''",
    ];
    let kept = archive.after(&everything, true);
    assert!(kept.contains(&format!("node namens lines 1 to {marked}: each was cut off")), "{kept}");
    // What was kept is only worth what was signed.
    let bent =
        std::fs::read_to_string(&archive.kept).unwrap().replace("{\"checkpoint\":\"", "{\"checkpoint\":\"e");
    std::fs::write(&archive.kept, bent).unwrap();
    let (sound, said) = archive.verify(&["--checkpoint", &archive.kept]);
    assert!(!sound && said.contains("was not signed here"), "{said}");
    let missing = archive.house.run(&["audit", "verify", "--checkpoint", "nothing.jsonl"]);
    assert!(!missing.status.success() && String::from_utf8_lossy(&missing.stderr).contains("nothing.jsonl"));
}

#[tokio::test]
async fn the_doctor_looks_at_the_end_of_the_chain() {
    let archive = Archive::new().await;
    let says = |house: &House| String::from_utf8(house.run(&["doctor"]).stdout).unwrap();
    assert!(says(&archive.house).contains("its chain ends at its head"));
    change(&archive.house, &format!("DELETE FROM audit_lines WHERE seq = {}", archive.last));
    let told = says(&archive.house);
    assert!(told.contains(&format!("audit log: node namens line {} was cut off", archive.last)), "{told}");
}

/// Whoever puts a row of their own behind the last checkpoint does not keep the chain from being held against that one.
#[tokio::test]
async fn the_doctor_believes_a_checkpoint_that_was_signed_here_and_no_other() {
    let archive = Archive::new().await;
    let house = &archive.house;
    let says = || String::from_utf8(house.run(&["doctor"]).stdout).unwrap();
    let seq = house.query("SELECT MAX(seq) FROM audit_checkpoints").concat();
    let far = archive.last + 100;
    let forged = format!("line {far} has a checkpoint that was not signed here");
    let rewritten = format!("line {seq} is not the line of which the checkpoint was made");
    let insert =
        format!("INSERT INTO audit_checkpoints (node, seq, at, jws) VALUES ('namens', {far}, 0, 'x')");
    change(house, &insert);
    let told = says();
    assert!(told.contains(&forged) && !told.contains(&rewritten), "{told}");
    change(house, &format!("UPDATE audit_lines SET mac = x'00' WHERE seq = {seq}"));
    let told = says();
    assert!(told.contains(&forged) && told.contains(&rewritten), "{told}");
}

#[tokio::test]
async fn an_auditor_asks_what_a_member_of_staff_did_by_their_address() {
    let house = House::start().await;
    let (els, joost) = (crate::desk::ELS, crate::desk::JOOST);
    for email in [els, joost] {
        crate::desk::member(&house, email, "registrar").await;
    }
    let seat = crate::desk::Seat::of(&house, els, true, 0).await;
    let (parent, child, birth) = (fresh_bsn(), fresh_bsn(), crate::mandates_desk::born(8, 40));
    let done = seat.post("/desk/register", &crate::desk::form(&parent, &child, &birth)).await;
    assert_eq!(done.status, reqwest::StatusCode::SEE_OTHER, "{}", done.body);
    let asked = |arguments: &[&str]| -> Vec<String> {
        let told =
            house
                .ok(&[&["audit", "query", "--by", "els", "--event", "mandate.registered"], arguments]
                    .concat());
        let actor = |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["actor"].to_string();
        told.lines().map(actor).collect()
    };
    let account = house.query(&format!("SELECT id FROM accounts WHERE email = '{els}'")).concat();
    let name = format!("member:{account}");
    assert_eq!(asked(&["--member", els]), [format!("\"{name}\"")]);
    assert_eq!(asked(&["--member", &els.to_uppercase()]).len(), 1, "as they log in");
    assert_eq!(asked(&["--person", &name]).len(), 1);
    // Of a colleague there is nothing, nor for the person that the account is of.
    assert_eq!(asked(&["--member", joost]), [""; 0]);
    let person = house.query(&format!("SELECT person_id FROM accounts WHERE email = '{els}'")).concat();
    assert_eq!(asked(&[&format!("--person={person}")]), [""; 0]);
    let unknown = house.run(&["audit", "query", "--by", "els", "--member", "nobody@ziekenhuis.nl"]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no account has this address"));
    // What somebody did at a command is found by their name.
    Desk::of(&house).person("Anna", None, None);
    let told = house.ok(&["audit", "query", "--by", "els", "--person", "balie1"]);
    assert!(told.contains("person.registered"), "{told}");
}

/// The server writes while commands do: neither knows where the other left the chain.
#[tokio::test]
async fn a_server_and_commands_beside_it_make_one_chain() {
    let house = House::start().await;
    let mut token =
        register(&house, &Browser::new(), "jansen@voorbeeld.nl").await.text("refresh_token").to_owned();
    let person = house.query("SELECT person_id FROM accounts").concat();
    for year in 1950..1960 {
        let (dated, seen) = (format!("{year}-01-01"), ["--evidence-reference", "brief 1", "--by", "balie"]);
        let arguments = [&["persons", "set-birth-date", &person, &dated], &seen[..]].concat();
        let mut command = house.program(&arguments).stdout(Stdio::null()).spawn().unwrap();
        let mut refreshes = 0;
        // At least one on each side, and as many as there is time for.
        while refreshes == 0 || command.try_wait().unwrap().is_none() {
            token = refreshed(&house, &token).await;
            refreshes += 1;
        }
        assert!(command.wait().unwrap().success());
    }
    assert_eq!(house.query("SELECT COUNT(*) FROM audit WHERE event = 'person.correction_proposed'"), ["10"]);
    assert_eq!(house.query("SELECT COUNT(*) - MAX(seq) FROM audit"), ["0"]);
    assert!(house.ok(&["audit", "verify"]).contains("as they were written"));
}

#[tokio::test]
async fn an_export_has_pseudonyms_and_a_search_has_names() {
    let archive = Archive::new().await;
    let house = &archive.house;
    let person = house.query("SELECT person_id FROM accounts").concat();
    let bsn = fresh_bsn();
    let export = std::fs::read_to_string(&archive.kept).unwrap();
    assert!(!export.contains(&person) && !export.contains(&bsn));
    let read = |text: &str| -> Vec<serde_json::Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let export = read(&export);
    let seqs: Vec<_> = export.iter().filter_map(|line| line["seq"].as_i64()).collect();
    assert_eq!(seqs, (1..=archive.last).collect::<Vec<_>>());
    let [key, checkpoint] = &export[seqs.len()..] else { panic!("{export:?}") };
    assert_eq!(key["key"]["crv"], "Ed25519");
    assert_eq!(checkpoint["checkpoint"].as_str().unwrap().split('.').count(), 3);
    let found = read(&house.ok(&[
        "audit",
        "query",
        "--by",
        "els",
        "--event",
        "token.refreshed",
        "--person",
        &person,
    ]));
    assert_eq!(found.len(), 3);
    assert_eq!((&found[0]["actor"], &found[0]["role"]), (&person.as_str().into(), &"patient".into()));
    assert_eq!(found[0]["purpose"], "subject_of_care");
    let at = found[0]["at"].as_str().unwrap();
    assert!(read(&house.ok(&["audit", "query", "--by", "els", "--from", at])).len() < seqs.len() + 1);
    assert!(read(&house.ok(&["audit", "query", "--by", "els", "--to", at])).len() < seqs.len());
    // Nothing that was found is told from what was never looked for.
    assert!(
        house
            .ok(&["audit", "query", "--by", "els", "--event", "login.digid", "--person", &person])
            .is_empty()
    );
    for (option, word, says) in [
        ("--event", "login.digit", "no event is called \"login.digit\": docs/audit.md"),
        ("--person", "nobody", "nobody on record or in the log is called \"nobody\""),
        ("--person", "member:nobody", "nobody on record or in the log"),
    ] {
        let refused = house.run(&["audit", "query", "--by", "els", option, word]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(says), "{said}");
    }
    let later = read(&house.ok(&["audit", "export", "--by", "els", "--from", "2100-01-01T00:00:00Z"]));
    assert_eq!(later.len(), 2, "a key and a checkpoint: {later:?}");
    assert!(!house.run(&["audit", "query", "--by", "els", "--from", "yesterday"]).status.success());
}

/// A command has nobody at hand yet: it reads from the table who somebody is.
#[tokio::test]
async fn nobody_acts_in_the_name_of_another_by_a_swap_of_two_names() {
    let archive = Archive::new().await;
    let house = &archive.house;
    let add = |by: &str| house.run(&["persons", "add", "--name", "Sam", "--by", by]);
    let of = |by: &str| house.query(&format!("SELECT COUNT(*) FROM audit WHERE actor = '{by}'"));
    assert!(add("els").status.success() && add("mallory").status.success());
    let swap = || {
        for (from, to) in [("els", "x"), ("mallory", "els"), ("x", "mallory")] {
            change(house, &format!("UPDATE audit_names SET name = '{to}' WHERE name = '{from}'"));
        }
    };
    swap();
    let refused = add("mallory");
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("a name of the audit log was altered or forged"), "{said}");
    swap();
    assert_eq!((of("els"), of("mallory")), (vec!["1".to_owned()], vec!["1".to_owned()]));
    assert!(add("mallory").status.success());
    assert_eq!((of("els"), of("mallory")), (vec!["1".to_owned()], vec!["2".to_owned()]));
    assert_eq!(house.query("SELECT COUNT(*) FROM persons WHERE name = 'Sam'"), ["3"]);
    assert!(archive.verify(&["--checkpoint", &archive.kept]).0);
}

#[tokio::test]
async fn nothing_gets_into_the_log_by_the_table_of_before_it() {
    let archive = Archive::new().await;
    let house = &archive.house;
    let lines = || house.query("SELECT COUNT(*) FROM audit_lines");
    let before = lines();
    for (event, detail) in [("audit.swept", "namens 4"), ("logout", "")] {
        change(
            house,
            &format!(
                "INSERT INTO audit_before VALUES ('x', 20, '{event}', 'ok', NULL, NULL, NULL, '{detail}')"
            ),
        );
        let refused = house.run(&["migrate"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("audit_before"), "{said}");
        assert_eq!(
            (lines(), house.query("SELECT COUNT(*) FROM audit_before")),
            (before.clone(), vec!["1".into()])
        );
        change(house, "DELETE FROM audit_before");
    }
    house.ok(&["migrate"]);
    assert!(archive.verify(&["--checkpoint", &archive.kept]).0);
}

/// What a command does leaves a line as the same thing at the admin API does, and what it does not do leaves none.
#[tokio::test]
async fn commands_about_clients_and_keys_leave_their_lines() {
    let house = House::start().await;
    let add = [
        "clients",
        "add",
        "--by",
        "els",
        "shop",
        "--name",
        "Winkel",
        "--policy",
        "basic",
        "--auth",
        "client_secret_basic",
    ];
    let add = [&add[..], &["--redirect-uri", "https://shop.example/cb"]].concat();
    house.ok(&add);
    assert!(!house.run(&add).status.success(), "taken");
    house.ok(&["clients", "remove", "--by", "els", "shop"]);
    assert!(!house.run(&["clients", "remove", "--by", "els", "shop"]).status.success(), "gone");
    let told = "SELECT event || ' ' || role || ' ' || actor || ' ' || COALESCE(client, '-') || ' ' || detail FROM audit \
         WHERE event LIKE 'client.%' ORDER BY seq";
    assert_eq!(house.query(told), ["client.added staff els - shop", "client.removed staff els - shop"]);
    let made = || {
        let kids = "SELECT kid FROM signing_keys ORDER BY kid";
        let lines = "SELECT detail FROM audit WHERE event = 'key.made' AND role = 'staff' ORDER BY detail";
        assert_eq!(house.query(kids), house.query(lines));
        house.query(kids).len()
    };
    let before = made();
    house.ok(&["keys", "rotate", "--by", "els", "--alg", "ES256"]);
    assert_eq!((before, made()), (8, 9));
    let turned = "SELECT role || ' ' || actor FROM audit WHERE event = 'key.rotated' OR event = 'key.made' AND actor IS NOT NULL";
    assert_eq!(house.query(turned), ["staff els"; 2]);
}

/// Who reads what the log says of others leaves a line, which says for whom they looked and holds nothing that they typed by mistake.
#[tokio::test]
async fn who_searches_the_log_stands_in_it_with_what_they_looked_for() {
    let archive = Archive::new().await;
    let house = &archive.house;
    let person = house.query("SELECT person_id FROM accounts").concat();
    let pseudonym =
        house.query(&format!("SELECT pseudonym FROM audit_names WHERE name = '{person}'")).concat();
    let ask = |arguments: &[&str]| house.run(&[&["audit", "query", "--by", "els"], arguments].concat());
    let bsn = fresh_bsn();
    let from = "2026-07-01T09:00:00Z";
    assert!(ask(&["--event", "login.digid", "--from", from, &format!("--person={person}")]).status.success());
    assert!(ask(&[&format!("--person={pseudonym}")]).status.success());
    assert!(ask(&["--to", from]).status.success());
    assert!(!ask(&["--person", &bsn]).status.success());
    let told = "SELECT actor || ' ' || role || ' ' || outcome || ' ' || COALESCE(represented, '-') || ': ' || detail FROM audit \
                WHERE event = 'audit.read' ORDER BY seq";
    let lines = [
        format!("els staff ok {person}: {from} - login.digid"),
        format!("els staff ok {person}: - - -"),
        format!("els staff ok -: - {from} -"),
        "els staff unknown -: - - -".to_owned(),
    ];
    assert_eq!(house.query(told), lines);
    // Whose name was erased is found by their pseudonym, and has no other one by that.
    change(house, &format!("DELETE FROM audit_names WHERE name = '{person}'"));
    assert!(ask(&[&format!("--person={pseudonym}")]).status.success());
    assert_eq!(house.query(told)[4..], [format!("els staff ok -: - - - {pseudonym}")]);
    assert_eq!(
        house.query(&format!("SELECT COUNT(*) FROM audit_names WHERE name IN ('{bsn}', '{pseudonym}')")),
        ["0"]
    );
    let export = house.ok(&["audit", "export", "--by", "els"]);
    assert!(!export.contains(&bsn) && !export.contains("\"els\""), "{export}");
}

/// The words of an event begin with one of these. What looks like one and is the reason in an outcome, what its people are told, or what something is sealed for:
const FAMILIES: [&str; 16] = [
    "account", "admin", "app", "audit", "bsn", "client", "consent", "digid", "grant", "key", "login",
    "logout", "mandate", "password", "person", "token",
];
const NO_EVENTS: [&str; 7] = [
    "client.revoked",
    "digid.session",
    "digid.session.index",
    "digid.session.name",
    "mandate.agreed",
    "mandate.refused",
    "mandate.withdrawn",
];

fn is_event(word: &str) -> bool {
    let family = word.split_once('.').map_or("", |(family, _)| family);
    let plain = word.chars().all(|c| c.is_ascii_lowercase() || "._".contains(c));
    plain && FAMILIES.contains(&family) && !NO_EVENTS.contains(&word) && !word.contains(".html")
}

/// Whatever the sources call an event has its row in `docs/audit.md`, which holds what the code knows.
#[test]
fn every_event_of_the_sources_has_its_meaning() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let told = std::fs::read_to_string(root.join("docs/audit.md")).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for floor in ["src/store", "src/flows", "src/web", "src/cli"] {
        for (path, source) in all(floor) {
            let path = path.display().to_string();
            if path.ends_with("tests.rs") || path.contains("/demo") {
                continue;
            }
            let code = source.split("#[cfg(test)]\nmod ").next().unwrap();
            seen.extend(code.split('"').filter(|word| is_event(word)).map(str::to_owned));
            let said = code.split("event: \"").skip(1).filter_map(|rest| rest.split('"').next());
            seen.extend(said.map(str::to_owned));
        }
    }
    assert!(seen.len() > 40 && seen.contains("act_as"), "{seen:?}");
    for word in seen {
        assert!(told.contains(&format!("| `{word}` |")), "{word} has no row in docs/audit.md");
    }
}
