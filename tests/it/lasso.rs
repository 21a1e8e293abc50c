//! DigiD played by lasso, an identity provider that nobody here wrote: `tests/lasso/idp.py`, driven by
//! `tests/lasso/drive.py`, which `scripts/test` also runs against a build without the simulator.

use std::process::Command;

/// The program built here, or the one that `NAMENS_PLAIN` names: a build without the simulator.
#[test]
fn a_whole_digid_login_goes_through_lasso() {
    #[expect(clippy::disallowed_methods, reason = "a test's own setting, not the program's")]
    let plain = std::env::var_os("NAMENS_PLAIN");
    let program = plain.unwrap_or_else(|| env!("CARGO_BIN_EXE_namens").into());
    let python = "/usr/bin/python3";
    let lasso = Command::new(python).args(["-c", "import lasso"]).output().unwrap();
    assert!(lasso.status.success(), "install the Debian package python3-lasso: {python} finds no lasso");
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lasso/drive.py");
    let output = Command::new(python).arg(driver).arg(program).output().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.ends_with("a whole DigiD login went through lasso\n"), "{said}");
}
