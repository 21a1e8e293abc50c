//! Lasso, a SAML library that nobody here wrote, on either side: as the identity provider (`tests/lasso/idp.py`, driven by
//! `tests/lasso/drive.py`, which `scripts/test` also runs against a build without the simulator), and as the service
//! provider (`tests/lasso/sp.py`) that our simulated DigiD is held against, so that it is not merely consistent with us.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Command, Stdio},
};

use namens::simulator::{
    digid::{self, registry::SpMetadata, spoil::Spoil},
    pki::Pki,
};

use crate::house::DIGID;

const PYTHON: &str = "/usr/bin/python3";

fn need_lasso() {
    let lasso = Command::new(PYTHON).args(["-c", "import lasso"]).output().unwrap();
    assert!(lasso.status.success(), "install the Debian package python3-lasso: {PYTHON} finds no lasso");
}

/// The program built here, or the one that `NAMENS_PLAIN` names: a build without the simulator.
#[test]
fn a_whole_digid_login_goes_through_lasso() {
    #[expect(clippy::disallowed_methods, reason = "a test's own setting, not the program's")]
    let plain = std::env::var_os("NAMENS_PLAIN");
    let program = plain.unwrap_or_else(|| env!("CARGO_BIN_EXE_namens").into());
    need_lasso();
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lasso/drive.py");
    let output = Command::new(PYTHON).arg(driver).arg(program).output().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.ends_with("a whole DigiD login went through lasso\n"), "{said}");
}

/// Multi-threaded, since the simulator answers while this test waits for lasso.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_simulated_digid_satisfies_lasso_as_a_service_provider() {
    need_lasso();
    let folder = std::env::temp_dir().join(format!("namens-lasso-{}", std::process::id()));
    let pki = Pki::create(&folder.join("pki")).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lasso/sp.py");
    let mut command = Command::new(PYTHON);
    command.arg(script).arg(&folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut lasso = command.spawn().unwrap();
    let mut told = BufReader::new(lasso.stdout.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    let metadata = line.trim_end().strip_prefix("ready ").unwrap_or_else(|| panic!("{line:?}"));
    let (front, back) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let base = format!("http://{}", front.local_addr().unwrap());
    let config = digid::Config {
        entity_id: DIGID.into(),
        base_url: base.clone(),
        pki,
        sp: SpMetadata::Url(metadata.parse().unwrap()),
        people: Vec::new(),
    };
    let digid = digid::start(config, front, back).unwrap();
    let theirs = reqwest::get(format!("{base}/metadata")).await.unwrap().text().await.unwrap();
    fs::write(folder.join("digid.xml"), theirs).unwrap();
    let spoils: Vec<_> = Spoil::ALL.iter().map(|spoil| spoil.word()).collect();
    writeln!(lasso.stdin.take().unwrap(), "{base}\n{}", spoils.join(" ")).unwrap();
    let mut said = String::new();
    told.read_to_string(&mut said).unwrap();
    let output = lasso.wait_with_output().unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.ends_with("our simulated DigiD satisfies lasso\n"), "{said}");
    digid.stop().await;
    fs::remove_dir_all(folder).unwrap();
}
