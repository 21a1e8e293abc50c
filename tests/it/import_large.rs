//! Large files: a million lines of which the last is broken, a server that answers meanwhile, how far it is on the screen, and
//! what is left where the plug is pulled.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output},
    thread::sleep,
    time::Duration,
};

use crate::{
    admin::ROOT,
    admin_mandates::house,
    authenticator::change,
    database::is_taken,
    house::House,
    import::{done, import, lines_of, many, refused, start, write},
};

/// Imports persons while tokens are given; tells how many were.
async fn beside(house: &House, file: &str) -> (Output, usize) {
    let mut running = start(house, &["import", "persons", file, "--by", "els"]);
    let mut answered = 0;
    loop {
        let over = running.try_wait().unwrap().is_some();
        let form = [("grant_type", "client_credentials"), ("scope", "mandates")];
        let (status, body) = ROOT.token(house, &form).await;
        assert_eq!(status, 200, "{body}");
        answered += 1;
        if over {
            return (running.wait_with_output().unwrap(), answered);
        }
    }
}

/// A million and one, as issue 4 asks.
#[tokio::test]
async fn a_broken_line_at_the_end_of_a_large_file_changes_nothing_and_the_server_answers_meanwhile() {
    let house = house().await;
    let mut text = many(0, 1_000_000);
    text.push_str("N-1000000,Sam,2099\n");
    let before = house.query("SELECT MAX(seq) FROM audit_lines");
    let file = write(&house, "broken.csv", &text);
    let (running, answered) = beside(&house, &file).await;
    let told = refused(running);
    assert!(told.contains("line 1000002, birth_date: this date of birth lies in the future"), "{told}");
    assert!(answered > 20, "the server answered {answered} times meanwhile");
    assert!(told.contains("nothing was imported: 1 things are wrong in 1000001 lines"), "{told}");
    assert_eq!((house.count("persons"), lines_of(&house, "person.registered")), (0, 0));
    assert_ne!(house.query("SELECT MAX(seq) FROM audit_lines"), before, "that it was refused stands there");
    fs::remove_file(file).unwrap();

    // Its twin, shorter.
    let file = write(&house, "good.csv", &many(0, 1000));
    let told = done(beside(&house, &file).await.0);
    assert_eq!(told, "Imported: 1000 of 1000 lines were new, 0 on record already.\n");
    assert_eq!((house.count("persons"), lines_of(&house, "person.registered")), (1000, 1000));
    assert!(done(import(&house, "persons", &file, &[])).starts_with("All 1000 lines are on record already"));
    assert_eq!((house.count("persons"), lines_of(&house, "person.registered")), (1000, 1000));
    house.ok(&["audit", "verify"]);
}

/// Waits until an import holds the database to itself, has read its file as far as that line for the second time, and stays there.
fn writes_up_to(house: &House, running: &mut Child, file: &str, line: usize) {
    let before = fs::read_to_string(file).unwrap().find(&format!("\nN-{line},")).unwrap();
    let folder = format!("/proc/{}", running.id());
    let read = || {
        let files = fs::read_dir(format!("{folder}/fd")).unwrap().map(Result::unwrap);
        let of_it = files.filter(|fd| fs::read_link(fd.path()).is_ok_and(|to| to == Path::new(file)));
        let at = |fd: fs::DirEntry| {
            let told = fs::read_to_string(format!("{folder}/fdinfo/{}", fd.file_name().display())).unwrap();
            told.lines().next().unwrap().trim_start_matches("pos:").trim().parse::<usize>().unwrap()
        };
        of_it.map(at).max().unwrap_or_default()
    };
    let (mut last, mut same) = (0, 0);
    for _ in 0..600 {
        sleep(Duration::from_millis(100));
        assert_eq!(running.try_wait().unwrap(), None, "it is stuck");
        let at = read();
        // Nobody else writes from before its second look at the first line on.
        let writes = is_taken(house);
        same = if writes && at == last && at > before { same + 1 } else { 0 };
        if same == 20 {
            return;
        }
        last = at;
    }
    panic!("it never came to line {line}");
}

#[tokio::test]
async fn whoever_pulls_the_plug_leaves_all_of_a_file_or_nothing_and_it_is_imported_again() {
    const PERSONS: usize = 6000;
    let house = house().await;
    let file = write(&house, "persons.csv", &many(0, PERSONS));
    // A line in the middle, and the last one, that the database is never done with: so the plug is pulled while it writes.
    change(
        &house,
        "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
    );
    for stuck in [PERSONS / 2, PERSONS - 1] {
        change(
            &house,
            &format!(
                "CREATE TRIGGER stuck BEFORE INSERT ON persons WHEN NEW.patient_number = 'N-{stuck}' \
                 BEGIN SELECT COUNT(*) FROM endless; END"
            ),
        );
        let mut running = start(&house, &["import", "persons", &file, "--by", "els"]);
        writes_up_to(&house, &mut running, &file, stuck);
        running.kill().unwrap();
        running.wait().unwrap();
        assert_eq!((house.count("persons"), lines_of(&house, "person.registered")), (0, 0), "{stuck}");
        assert_eq!(house.count("imports"), 0);
        change(&house, "DROP TRIGGER stuck");
    }
    let told = done(import(&house, "persons", &file, &[]));
    assert!(told.starts_with("Imported: 6000 of 6000 lines were new"), "{told}");
    assert_eq!((house.count("persons"), lines_of(&house, "person.registered")), (PERSONS, PERSONS));
    house.ok(&["audit", "verify"]);
}

/// Runs a command of the program at a terminal of its own, and gives what stood on it.
fn at_a_terminal(house: &House, arguments: &[&str]) -> String {
    const SCRIPT: &str = "import os,pty,sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let program = house.program(arguments);
    let mut command = Command::new("python3");
    command.args(["-c", SCRIPT]).arg(program.get_program()).args(program.get_args());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(&house.folder).stdin(std::process::Stdio::null());
    done(command.output().unwrap())
}

#[tokio::test]
async fn a_terminal_shows_how_far_it_is_and_nothing_else_does() {
    let house = house().await;
    let arguments = |file| ["import", "persons", file, "--by", "els"];
    let file = write(&house, "many.csv", &many(0, 5000));
    let told = at_a_terminal(&house, &arguments(&file));
    for shown in ["looking [", "writing [", "[#########################] 100 %  5000 lines", "\r\u{1b}[K"] {
        assert!(told.contains(shown), "{shown:?}: {told:?}");
    }
    // It grows.
    let at = |part: &str| told.find(part).unwrap_or_else(|| panic!("{part:?}: {told:?}"));
    assert!(at("2000 lines") < at("5000 lines") && at("looking [") < at("writing ["), "{told:?}");
    assert!(told.contains("Imported: 5000 of 5000 lines were new"), "{told:?}");
    // The twin, into a file as a nightly job has it.
    let file = write(&house, "more.csv", &many(5000, 5000));
    let quiet = house.run(&arguments(&file));
    assert_eq!(String::from_utf8_lossy(&quiet.stderr), "");
    assert_eq!(done(quiet), "Imported: 5000 of 5000 lines were new, 0 on record already.\n");
}
