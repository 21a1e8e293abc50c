//! One installation of Namens for one test: its own folder, address, database, DigiD and mail; the real binary.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{database, jose::KEY};
use namens::{
    clock::Clock,
    domain::{
        calendar::{midnight, today},
        time::Timestamp,
    },
    simulator::{
        Running,
        digid::{self, Person, names::Level, registry::SpMetadata, routing::Service},
        pki::Pki,
    },
};

/// The password of whoever has one.
pub const PASSWORD: &str = "fiets op de dijk";
/// The portal's client id.
pub const PORTAL: &str = "portal";
/// The portal's secret.
pub const SECRET: &str = "a secret of the portal, for tests only";
/// Where the portal would listen. Nobody does: tests read the redirect instead of following it.
pub const CALLBACK: &str = "http://127.0.0.1:9/callback";
/// DigiD's entity id.
pub const DIGID: &str = "https://digid.test/saml/idp/metadata";

const PROGRAM: &str = env!("CARGO_BIN_EXE_namens");

/// A running installation. Everything of it ends with the value.
pub struct House {
    /// Its folder.
    pub folder: PathBuf,
    /// Its issuer.
    pub issuer: String,
    /// The base address of its DigiD.
    pub digid: String,
    server: Option<Child>,
    _digid: Running,
}

/// What differs from a plain installation.
#[derive(Default)]
pub struct Options {
    /// Lines put in front of the configuration's first table.
    pub top: &'static str,
    /// Tables put after the configuration.
    pub tables: &'static str,
    /// Use the certificate of a stranger on the back channel.
    pub wrong_tls: bool,
    /// Lines put into `[digid]`.
    pub digid: &'static str,
    /// Put the routing service in DigiD's place.
    pub routing: Option<Service>,
}

impl House {
    /// A plain installation.
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// An installation with these tables at the end of its configuration.
    pub async fn with(tables: impl Into<String>) -> Self {
        Self::start_with(Options { tables: Box::leak(tables.into().into_boxed_str()), ..Options::default() })
            .await
    }

    /// An installation with something special.
    pub async fn start_with(options: Options) -> Self {
        same_day().await;
        let (folder, ip) = fresh_folder();
        copy(template(), &folder);
        let pki = Pki::create(&folder.join("pki")).unwrap();
        let issuer = format!("http://{ip}:8080");
        let (front, back) = (bind(), bind());
        let digid_base = format!("http://{}", front.local_addr().unwrap());
        let config = digid::Config {
            entity_id: DIGID.into(),
            base_url: digid_base.clone(),
            pki: pki.clone(),
            sp: SpMetadata::Url(format!("{issuer}/digid/metadata").parse().unwrap()),
            people: vec![Person { name: "Anna".into(), bsn: "999990019".into(), level: Level::Midden }],
        };
        let running = match options.routing.clone() {
            Some(service) => digid::start_routing(config, service, front, back).unwrap(),
            None => digid::start(config, front, back).unwrap(),
        };
        let metadata = reqwest::get(format!("{digid_base}/metadata")).await.unwrap().text().await.unwrap();
        fs::write(folder.join("digid.xml"), metadata).unwrap();
        fs::write(folder.join("namens.toml"), configuration(&issuer, ip, &pki, &options)).unwrap();
        write_secret(&folder.join("portal.secret"), SECRET);
        fs::write(folder.join("keyed.jwks"), KEY.set().to_string()).unwrap();
        let mut house = Self { folder, issuer, digid: digid_base, server: None, _digid: running };
        house.open_doors();
        house
    }

    /// Starts the server and waits until it says that it listens.
    pub fn open_doors(&mut self) {
        self.open_doors_with(&[]);
    }

    /// The same, with more in its environment.
    pub fn open_doors_with(&mut self, environment: &[(&str, &str)]) {
        let log = fs::File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut server = self.program(&["serve"]);
        server.stdout(Stdio::piped()).stderr(log).envs(environment.iter().copied());
        let mut server = server.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("namens listens on"), "{line:?}; {}", self.log());
        self.server = Some(server);
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// Tells the server to stop, and waits until it has.
    pub fn stop(&mut self) {
        let mut server = self.server.take().unwrap();
        let told = Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
        assert!(told.success());
        let patience = Instant::now() + Duration::from_mins(2);
        while server.try_wait().unwrap().is_none() {
            if Instant::now() > patience {
                server.kill().unwrap();
                panic!("it did not stop: {}", self.log());
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// A command of the program, ready to run.
    pub fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--config").arg(self.folder.join("namens.toml")).args(arguments).stdin(Stdio::null());
        command.env("NAMENS_SIMULATED_CLOCK", self.folder.join("clock"));
        command.current_dir(&self.folder);
        command
    }

    /// Runs a command of the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.program(arguments).output().unwrap()
    }

    /// Runs a command that must succeed, and gives what it printed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Makes its clock and that of its DigiD go so many seconds ahead of the machine's (behind, when negative).
    pub async fn move_clock(&self, seconds: i64) {
        // In its place at once: no reader finds half of it.
        let (path, new) = (self.folder.join("clock"), self.folder.join("clock.new"));
        fs::write(&new, seconds.to_string()).unwrap();
        fs::rename(new, path).unwrap();
        let told = reqwest::Client::new().post(format!("{}/clock", self.digid)).body(seconds.to_string());
        assert!(told.send().await.unwrap().status().is_success());
    }

    /// Makes it that moment, by its clock and that of its DigiD.
    pub async fn set_clock(&self, moment: Timestamp) {
        self.move_clock(moment.since(Clock.now())).await;
    }

    /// A first column of the database, read beside the running server.
    pub fn query(&self, statement: &str) -> Vec<String> {
        database::query(&self.folder.join("namens.db"), statement)
    }

    /// How many rows there are: of a table, or of the rest of the statement.
    pub fn count(&self, from: &str) -> usize {
        self.query(&format!("SELECT COUNT(*) FROM {from}")).concat().parse().unwrap()
    }

    /// The server's log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The mails to an address, oldest first: their text. Waits until there are at least `count`.
    pub fn mails(&self, to: &str, count: usize) -> Vec<String> {
        let patience = Instant::now() + Duration::from_mins(1);
        loop {
            let found = self.mails_now(to);
            if found.len() >= count {
                return found;
            }
            assert!(Instant::now() < patience, "{count} mails to {to}: there are {}", found.len());
            sleep(Duration::from_millis(20));
        }
    }

    /// The mails to an address that are there now, but for those about mandates.
    pub fn mails_now(&self, to: &str) -> Vec<String> {
        self.mails_of(to, |subject| !is_of_mandate(subject))
    }

    /// The mails to an address about mandates that are there now.
    pub fn mandate_mails(&self, to: &str) -> Vec<String> {
        self.mails_of(to, is_of_mandate)
    }

    fn mails_of(&self, to: &str, wanted: fn(&str) -> bool) -> Vec<String> {
        let Ok(folder) = fs::read_dir(self.folder.join("mail")) else { return Vec::new() };
        let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|ending| ending == "eml"));
        files.sort();
        let mails = files.iter().filter_map(|file| fs::read(file).ok());
        mails.filter_map(|raw| text_to(&raw, to, wanted)).collect()
    }

    /// The code in the newest mail to an address, of at least `count`.
    pub fn code(&self, to: &str, count: usize) -> String {
        let mails = self.mails(to, count);
        code_in(mails.last().unwrap()).unwrap_or_else(|| panic!("no code in {mails:?}"))
    }

    /// Stops the server, changes words of its configuration, and starts it again.
    pub fn reconfigure(&mut self, from: &str, to: &str) {
        self.kill();
        let path = self.folder.join("namens.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "the configuration says nowhere {from:?}");
        fs::write(path, text.replace(from, to)).unwrap();
        self.open_doors();
    }

    /// How much processor time the server has had, in ticks of a hundredth of a second: work, whoever else is busy.
    pub fn work_done(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.server.as_ref().unwrap().id())).unwrap();
        let fields = stat.rsplit(')').next().unwrap().split_whitespace();
        fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.kill();
        if !std::thread::panicking() {
            assert!(!self.log().contains("panicked"), "the program panicked: {}", self.log());
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// The code that a mail brings.
pub fn code_in(mail: &str) -> Option<String> {
    let (code, _) = mail.split_once("code is ")?.1.split_once('.')?;
    Some(code.split_whitespace().collect())
}

/// They come by themselves, while others are waited for.
fn is_of_mandate(subject: &str) -> bool {
    subject.contains("machtiging") || subject.contains("mandate")
}

fn text_to(raw: &[u8], to: &str, wanted: fn(&str) -> bool) -> Option<String> {
    use mailparse::MailHeaderMap;
    let mail = mailparse::parse_mail(raw).unwrap();
    let is =
        mail.headers.get_first_value("To")?.contains(to) && wanted(&mail.headers.get_first_value("Subject")?);
    is.then(|| mail.get_body().unwrap())
}

/// A folder and a loopback address that no other test of this machine uses.
fn fresh_folder() -> (PathBuf, Ipv4Addr) {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let pid = std::process::id();
    let (number, ip) = loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let ip = address(pid, number);
        // A house that still stands, of this run or of another, keeps its address.
        if TcpListener::bind((ip, 8080)).is_ok() {
            break (number, ip);
        }
    };
    let folder = std::env::temp_dir().join(format!("namens-house-{pid}-{number}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    (folder, ip)
}

/// A loopback address: one of a thousand for each of fifteen thousand processes.
fn address(pid: u32, number: u32) -> Ipv4Addr {
    let all = pid % 15_000 * 1000 + number % 1000;
    let part = |weight: u32| u8::try_from(all / weight % 250 + 1).unwrap();
    Ipv4Addr::new(127, part(62_500), part(250), part(1))
}

/// How long no test takes, in seconds.
const LONG: i64 = 180;

/// People turn a year older, documents expire and days are named anew at midnight in Amsterdam: no test begins shortly
/// before it and ends after it.
async fn same_day() {
    let now = Clock.now();
    let midnight = midnight(today(now).succ_opt().unwrap());
    if midnight.since(now) < LONG {
        tokio::time::sleep(Duration::from_secs(midnight.since(now).unsigned_abs() + 1)).await;
    }
}

/// `namens init` and the certificates, once for all tests: making RSA keys takes a while.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let (folder, _) = fresh_folder();
        let init = Command::new(PROGRAM)
            .args(["init", "--issuer", "http://127.0.0.1:8080", "--folder"])
            .arg(&folder)
            .output()
            .unwrap();
        assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
        Pki::create(&folder.join("pki")).unwrap();
        folder
    })
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() { copy(&source, &target) } else { fs::copy(source, target).map(drop).unwrap() }
    }
}

fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn write_secret(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn configuration(issuer: &str, ip: Ipv4Addr, pki: &Pki, options: &Options) -> String {
    let tls = if options.wrong_tls { &pki.wrong_tls } else { &pki.sp_tls };
    format!(
        r#"issuer = "{issuer}"
listen = "{ip}:8080"
database = "namens.db"
master_key = {{ file = "keys/master.key" }}
{top}
[mail]
from = "Namens <noreply@namens.test>"
folder = "mail"
[password]
memory_kib = 7168
iterations = 1
[digid]
entity_id = "https://sp.test/saml/metadata"
metadata = "digid.xml"
metadata_certificate = "{metadata_certificate}"
metadata_entity_id = "{DIGID}"
signing_key = "{signing_key}"
signing_certificate = "{signing_certificate}"
tls_key = "{tls_key}"
tls_certificate = "{tls_certificate}"
ca = "{ca}"
{digid}
[[client]]
id = "{PORTAL}"
name = "Huisarts De Linde"
redirect_uris = ["{CALLBACK}"]
post_logout_redirect_uris = ["http://127.0.0.1:9/bye"]
policy = "basic"
auth = "client_secret_basic"
secret = {{ file = "portal.secret" }}
scopes = ["openid", "profile", "email", "address", "phone", "act_as"]
sees_relation = true
{tables}
"#,
        top = options.top,
        tables = options.tables,
        digid = options.digid,
        metadata_certificate = pki.digid_saml.certificate.display(),
        signing_key = pki.sp_saml.key.display(),
        signing_certificate = pki.sp_saml.certificate.display(),
        tls_key = tls.key.display(),
        tls_certificate = tls.certificate.display(),
        ca = pki.ca.certificate.display(),
    )
}
