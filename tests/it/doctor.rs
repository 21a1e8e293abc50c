//! What an operator gets wrong about the master key, the database and its secrets is refused before anything is written, in words that
//! say what to do and never what loses everything.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{
    config::{assert_said, errors, refuses},
    digid_metadata::stopped,
    digid_steps::change,
    house::House,
    mandates_desk::{Desk, fresh_bsn},
};

/// Exit code and what it said.
fn run(house: &House, arguments: &[&str]) -> (Option<i32>, String) {
    let output = house.run(arguments);
    let told = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&told).into_owned())
}

/// Under another master key nobody finds a BSN that is on record, and what is written looks forged once the right key is back.
#[tokio::test]
async fn under_another_master_key_no_command_does_anything() {
    let house = stopped().await;
    let key = house.folder.join("keys/master.key");
    let (good, bsn) = (fs::read_to_string(&key).unwrap(), fresh_bsn());
    Desk::of(&house).person("Anna", None, Some(&bsn));
    fs::write(house.folder.join("bsn"), &bsn).unwrap();
    let add = ["persons", "add", "--by", "nieuw", "--name", "Anna", "--bsn-file", "bsn"];
    let client = ["clients", "add", "--by", "els", "shop", "--name", "Winkel", "--policy", "basic"];
    let client =
        [&client[..], &["--auth", "client_secret_basic", "--redirect-uri", "https://s.nl/cb"]].concat();
    let (export, verify, migrate) = (["audit", "export", "--by", "els"], ["audit", "verify"], ["migrate"]);
    let commands = [&add[..], &client, &export, &verify, &migrate];
    let count = |table: &str| house.query(&format!("SELECT COUNT(*) FROM {table}")).concat();
    let kept = || ["persons", "clients", "audit_lines", "audit_names", "audit_checkpoints"].map(count);
    let all_refuse = || {
        let before = kept();
        for command in commands {
            let (code, told) = run(&house, command);
            let says = ["sealed under another master key", "of one backup", "nothing was changed"];
            assert!(code == Some(1) && says.iter().all(|word| told.contains(word)), "{command:?}: {told}");
            assert!(!told.contains("was altered"), "{command:?}: {told}");
        }
        assert_eq!(kept(), before);
    };
    fs::write(&key, "0123456789abcdef".repeat(4)).unwrap();
    all_refuse();
    assert_said(&house, &["sealed under another master key"]);
    let told = errors(&house).join("\n");
    assert!(told.starts_with("master key: ") && !told.contains("audit log"), "{told}");
    // The twin: the same under the right key.
    fs::write(&key, &good).unwrap();
    let (code, told) = run(&house, &add);
    assert!(code == Some(1) && !told.contains("another master key"), "she is on record: {told}");
    for command in &commands[1..] {
        let (code, told) = run(&house, command);
        assert_eq!(code, Some(0), "{command:?}: {told}");
    }
    // Without a signing key the log tells whose database it is.
    change(&house, "DELETE FROM signing_keys");
    fs::write(&key, "0123456789abcdef".repeat(4)).unwrap();
    all_refuse();
    fs::write(&key, &good).unwrap();
    assert!(run(&house, &verify).1.contains("as they were written"));
    house.ok(&["keys", "rotate", "--by", "els"]);
}

#[tokio::test]
async fn a_master_key_that_is_cut_is_named_by_file_and_nobody_is_told_to_make_another() {
    let house = stopped().await;
    let path = house.folder.join("keys/master.key");
    let good = fs::read_to_string(&path).unwrap();
    for text in ["", "  \n", &good[..40]] {
        fs::write(&path, text).unwrap();
        assert_said(&house, &[&path.display().to_string(), "Put your copy of it back"]);
        assert!(!refuses(&house).contains("namens init"), "{text:?}");
    }
    fs::write(&path, &good).unwrap();
    assert_eq!(errors(&house), Vec::<String>::new());
}

#[tokio::test]
async fn nothing_is_written_into_the_database_of_another_program_and_a_new_one_is_told() {
    let house = stopped().await;
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(house.folder.join(format!("namens.db{ending}")));
    }
    assert_said(&house, &["correct `database`", "restore a backup", "run `namens migrate`"]);
    // Of somebody else, who has no use for our journal either.
    change(&house, "CREATE TABLE theirs (x)");
    let theirs = fs::read(house.folder.join("namens.db")).unwrap();
    assert_said(&house, &["another program's", "Is `database` in the configuration the right file"]);
    for command in [&["migrate"][..], &["clients", "list"]] {
        let (code, told) = run(&house, command);
        assert!(code == Some(1) && told.contains("another program's"), "{command:?}: {told}");
    }
    assert!(fs::read(house.folder.join("namens.db")).unwrap() == theirs, "not one byte was written");
    fs::remove_file(house.folder.join("namens.db")).unwrap();
    let (code, told) = run(&house, &["migrate"]);
    assert!(code == Some(0) && told.contains("made a new, empty database"), "{told}");
    let (code, told) = run(&house, &["migrate"]);
    assert!(code == Some(0) && told.contains("is up to date"), "{told}");
}

#[tokio::test]
async fn a_secret_of_a_client_that_others_guess_is_refused() {
    let house = stopped().await;
    let path = house.folder.join("portal.secret");
    let shown = path.display().to_string();
    for (secret, says) in
        [("", "is empty"), (" \n", "is empty"), ("abc", "fewer than 22"), (&"x".repeat(21), "fewer")]
    {
        fs::write(&path, secret).unwrap();
        assert_said(&house, &["client portal: secret", &shown, says]);
    }
    fs::write(&path, "x".repeat(22)).unwrap();
    assert_eq!(errors(&house), Vec::<String>::new());
}

/// Somebody holds it for good: the longest that anybody waits for a database. A file that may not be written says so at once.
#[tokio::test]
async fn the_doctor_tells_a_database_that_cannot_be_written() {
    let house = stopped().await;
    let hold = "import sqlite3,sys\nd=sqlite3.connect(sys.argv[1],timeout=60,isolation_level=None)\n\
                d.execute('BEGIN IMMEDIATE')\nprint('held',flush=True)\nsys.stdin.read()";
    let mut command = Command::new("python3");
    command.args(["-c", hold]).arg(house.folder.join("namens.db"));
    let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");
    let found = errors(&house).join("\n");
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    assert!(found.contains("namens.db cannot be written (") && found.contains("locked"), "{found}");
    assert_eq!(errors(&house), Vec::<String>::new());
}

/// As where a backup was put back by another user, or a disk is mounted read-only. Root writes whatever it likes, so here it is another user.
#[tokio::test]
async fn a_server_on_a_database_that_it_may_only_read_does_not_start_and_the_doctor_tells_it() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let house = stopped().await;
    let is_root = fs::metadata(&house.folder).unwrap().uid() == 0;
    // Root may write whatever the mode says, unless that power is put down.
    let program = |arguments: &[&str]| {
        let ours = house.program(arguments);
        if !is_root {
            return ours;
        }
        let mut without = Command::new("setpriv");
        without.arg("--bounding-set=-dac_override").arg(ours.get_program()).args(ours.get_args());
        without.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
        without.current_dir(&house.folder).stdin(Stdio::null());
        without
    };
    let run = |arguments: &[&str]| {
        // A server that starts after all would never end.
        let mut child = program(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let patience = Instant::now() + Duration::from_mins(1);
        while child.try_wait().unwrap().is_none() && Instant::now() < patience {
            sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&told).into_owned())
    };
    let database = house.folder.join("namens.db");
    let mode = |bits| fs::set_permissions(&database, fs::Permissions::from_mode(bits)).unwrap();
    mode(0o400);
    let (code, told) = run(&["serve"]);
    assert!(code == Some(1) && told.contains("namens.db cannot be written ("), "{code:?} {told}");
    assert!(!told.contains("namens listens on"), "{told}");
    let (code, told) = run(&["doctor"]);
    assert!(code == Some(1) && told.contains("namens.db cannot be written ("), "{code:?} {told}");
    // The twin: that user, and a file that it may write.
    mode(0o600);
    let (_, told) = run(&["doctor"]);
    assert!(told.contains("is sound and up to date") && !told.contains("cannot be written"), "{told}");
    let mut server = program(&["serve"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(line.starts_with("namens listens on"), "{line}");
}

#[tokio::test]
async fn the_doctor_warns_where_passwords_may_go_in_the_clear() {
    let house = stopped().await;
    let file = house.folder.join("namens.toml");
    let good = fs::read_to_string(&file).unwrap();
    let https = good.replace(&house.issuer, "https://id.example.nl");
    let warned = |text: &str| {
        fs::write(&file, text).unwrap();
        let told = run(&house, &["doctor"]).1;
        told.lines().any(|line| line.starts_with("warning  TLS: ") && line.contains("[proxy]"))
    };
    assert!(warned(&https));
    assert!(!warned(&https.replace("[mail]", "[proxy]\nfrom = [\"127.0.0.1\"]\n[mail]")) && !warned(&good));
}

#[tokio::test]
async fn a_log_without_its_head_is_mended_by_a_backup_and_not_by_migrating() {
    let house = stopped().await;
    let [head] =
        &house.query("SELECT seq || ',''' || node || ''',x''' || hex(mac) || '''' FROM audit_heads")[..]
    else {
        panic!("one head");
    };
    change(&house, "DELETE FROM audit_heads");
    assert_said(&house, &["the head of the audit log was removed", "restore a backup"]);
    assert!(!refuses(&house).contains("namens migrate"));
    let (code, told) = run(&house, &["migrate"]);
    assert!(code == Some(1) && told.contains("restore a backup"), "{told}");
    assert_eq!(house.query("SELECT COUNT(*) FROM audit_heads"), ["0"], "no new one hides what was cut off");
    change(&house, &format!("INSERT INTO audit_heads (seq, node, mac) VALUES ({head})"));
    assert_eq!(errors(&house), Vec::<String>::new());
    house.ok(&["migrate"]);
}

#[tokio::test]
async fn a_file_an_address_or_a_name_that_is_wrong_gets_a_remedy_that_fits() {
    let house = stopped().await;
    let file = house.folder.join("namens.toml");
    let good = fs::read_to_string(&file).unwrap();
    // Of a network that nobody has (RFC 5737).
    let port = house.issuer.trim_start_matches("http://");
    fs::write(&file, good.replace(&format!("listen = \"{port}\""), "listen = \"192.0.2.1:8080\"")).unwrap();
    let told = refuses(&house);
    assert!(told.contains("no such address") && !told.contains("Stop what listens"), "{told}");
    fs::write(&file, b"\xff\xfe").unwrap();
    assert_said(&house, &["namens.toml", "text file (UTF-8)"]);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_said(&house, &["namens.toml", "text file (UTF-8)"]);
    assert!(!refuses(&house).contains("namens init"), "there is one");
    fs::remove_dir(&file).unwrap();
    assert_said(&house, &["Make a configuration with `namens init`"]);
    fs::write(&file, &good).unwrap();
    for (arguments, says) in [
        (&["persons", "add", "--by", "els", "--name", ""][..], "--name: write something"),
        (
            &[
                "clients",
                "add",
                "--by",
                "els",
                "x",
                "--name",
                "X",
                "--redirect-uri",
                "https://x.nl/cb",
                "--auth",
                "private_key_jwt",
                "--jwks",
                "gone",
            ],
            "--jwks: cannot use gone",
        ),
    ] {
        let (code, told) = run(&house, arguments);
        assert!(code == Some(1) && told.contains(says), "{told}");
    }
}
