//! Large files: a million lines of which the last is broken, a server that answers meanwhile, and how far it is on the screen.

use std::{
    fs,
    process::{Command, Output},
};

use crate::{
    admin::ROOT,
    admin_mandates::house,
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
