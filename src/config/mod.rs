//! What the operator wrote: one TOML file, one section a file here. Unknown keys are refused with their line; secrets
//! come from files or from the environment, never from the TOML itself.

pub mod admin;
pub mod audit;
pub mod client;
pub mod desk;
pub mod digid;
mod lines;
pub mod mail;
pub mod metrics;
pub mod outbound;
pub mod password;
pub mod proxy;
pub mod secret;
pub mod session;
pub mod tls;
pub mod traces;

use std::{
    fmt,
    fs::File,
    io,
    net::IpAddr,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, de::Error as _};
use url::Url;

pub use admin::Admin;
pub use audit::Audit;
pub use client::ClientEntry;
pub use desk::{Desk, OwnText};
pub use digid::Digid;
pub use mail::{Mail, Smtp, SmtpTls};
pub use metrics::Metrics;
pub use outbound::Outbound;
pub use password::Password;
pub use proxy::{CertificateHeader, Proxy};
pub use secret::SecretSource;
pub use session::Session;
pub use tls::{Mtls, Tls};
pub use traces::Traces;

use self::lines::Lines;
use crate::domain::{
    assurance::Level,
    client::{Client, is_loopback},
};

/// The whole configuration. Paths in it are relative to the file's own folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The issuer: an https URL without query, fragment or trailing slash (http only on this machine).
    #[serde(deserialize_with = "issuer")]
    pub issuer: Url,
    /// Where to listen.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// The SQLite database file.
    pub database: PathBuf,
    /// Where the master key comes from.
    pub master_key: SecretSource,
    /// How mail leaves.
    pub mail: Mail,
    /// DigiD, where it is contracted.
    pub digid: Option<Box<Digid>>,
    /// Where Prometheus reads numbers; nowhere when left out.
    pub metrics: Option<Metrics>,
    /// Where each request is told to; nowhere when left out.
    pub traces: Option<Traces>,
    /// The admin API; there is none when left out.
    pub admin: Option<Admin>,
    /// The proxies that are believed; nobody when left out.
    pub proxy: Option<Proxy>,
    /// TLS by Namens itself; plain HTTP, for a proxy, when left out.
    pub tls: Option<Tls>,
    /// Where clients show certificates.
    pub mtls: Option<Box<Mtls>>,
    /// What may be called beside public addresses.
    #[serde(default)]
    pub outbound: Outbound,
    /// How passwords are hashed.
    #[serde(default)]
    pub password: Password,
    /// How long sessions live.
    #[serde(default)]
    pub session: Session,
    /// What the desk hands out, and what it tells a child.
    #[serde(default)]
    pub desk: Desk,
    /// How long the audit log is kept.
    #[serde(default)]
    pub audit: Audit,
    /// The level a session needs before a mandate counts (M7).
    #[serde(default = "midden", deserialize_with = "level_of_digid")]
    pub mandate_level: Level,
    /// How long clients may cache the JWKS, in seconds.
    #[serde(default = "one_hour")]
    pub jwks_max_age: i64,
    /// Whether who has an initial access token may register clients (RFC 7591).
    #[serde(default)]
    pub registration: bool,
    /// The portals.
    #[serde(default, rename = "client")]
    pub clients: Vec<ClientEntry>,
    /// The folder that relative paths start from.
    #[serde(skip)]
    pub folder: PathBuf,
    /// The file itself, if it was read from one.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// Where in it what stands.
    #[serde(skip)]
    lines: Lines,
}

const fn midden() -> Level {
    Level::Midden
}

const fn one_hour() -> i64 {
    3600
}

fn issuer<'de, D: Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    let wrong =
        |why| D::Error::custom(format_args!("{why}: give the whole address, such as https://id.example.nl"));
    String::deserialize(from)?.parse().map_err(wrong)
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    let wrong = |_| D::Error::custom("give an IP address and a port, such as 127.0.0.1:8080");
    String::deserialize(from)?.parse().map_err(wrong)
}

/// One of the levels that DigiD gives: the others are no choice here.
fn level_of_digid<'de, D: Deserializer<'de>>(from: D) -> Result<Level, D::Error> {
    let wrong = || D::Error::custom("a mandate needs DigiD: give midden, substantieel or hoog");
    let word = String::deserialize(from)?;
    let level = Level::ALL.into_iter().find(|level| level.word() == word);
    level.filter(|level| level.needs_digid()).ok_or_else(wrong)
}

/// Why a configuration cannot be used, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    /// The file cannot be read.
    #[error("cannot read {path}: {why}. {}", remedy(.why))]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        why: io::Error,
    },
    /// It is no TOML, or has an unknown or missing key. The message holds the line.
    #[error("{path}: {message}")]
    Toml {
        /// Which file.
        path: PathBuf,
        /// What and where.
        message: String,
    },
    /// A value that no type could catch.
    #[error("{0}")]
    Value(String),
}

/// What to do about a file that cannot be read. Only who has none makes one.
fn remedy(why: &io::Error) -> &'static str {
    match why.kind() {
        io::ErrorKind::NotFound => "Make a configuration with `namens init`, or name one with --config.",
        io::ErrorKind::PermissionDenied => {
            "Run Namens as the user whose file it is, or let this one read it and its folder."
        }
        _ => "Name a text file (UTF-8) with --config, or put your copy of it back.",
    }
}

impl BadConfig {
    /// A value is wrong: say what and what to do.
    pub fn value(why: impl fmt::Display) -> Self {
        Self::Value(why.to_string())
    }
}

impl Config {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, BadConfig> {
        Self::read_by(path, |path| File::open(path))
    }

    /// The same, of a file that is opened in another way.
    pub fn read_by(path: &Path, open: impl FnOnce(&Path) -> io::Result<File>) -> Result<Self, BadConfig> {
        let unreadable = |why| BadConfig::Unreadable { path: path.to_owned(), why };
        let text = open(path).and_then(io::read_to_string).map_err(unreadable)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let named = |config| Self { file: Some(path.to_owned()), ..config };
        Self::parse(&text, folder).map(named).map_err(|error| match error {
            BadConfig::Toml { message, .. } => BadConfig::Toml { path: path.to_owned(), message },
            BadConfig::Value(message) => BadConfig::Value(format!("{}: {message}", path.display())),
            other @ BadConfig::Unreadable { .. } => other,
        })
    }

    /// Reads and checks a text; relative paths start at `folder`.
    pub fn parse(text: &str, folder: PathBuf) -> Result<Self, BadConfig> {
        let toml = |error| BadConfig::Toml { path: PathBuf::new(), message: told(text, &error) };
        let config = Self { folder, lines: Lines::of(text), ..toml::from_str(text).map_err(toml)? };
        config.check().map_err(|error| match error {
            BadConfig::Value(message) => BadConfig::Value(at(config.lines.about(&message), &message)),
            other => other,
        })?;
        Ok(config)
    }

    /// What is wrong with a client that stands here, with the file and the line: what is told of its keys and its secret names either.
    pub fn of_client(&self, id: &str, error: BadConfig) -> BadConfig {
        let BadConfig::Value(message) = error else { return error };
        let rest = message.strip_prefix(&format!("client {id}:")).unwrap_or(&message);
        let told = at(self.lines.about_client(id, rest), &message);
        let file = self.file.as_ref().map_or_else(String::new, |file| format!("{}: ", file.display()));
        BadConfig::Value(format!("{file}{told}"))
    }

    /// The issuer as it stands in tokens: without a trailing slash.
    pub fn issuer(&self) -> &str {
        self.issuer.as_str().trim_end_matches('/')
    }

    /// Refuses a client that names one of our own endpoints as an API of others: tokens for the two must differ.
    pub fn check_apis(&self, client: &Client) -> Result<(), BadConfig> {
        match client.claims_ours(self.issuer()) {
            Some(uri) => Err(BadConfig::Value(format!(
                "client {}: {uri} is an address of Namens itself: leave it out of `resources` and `serves`",
                client.id
            ))),
            None => Ok(()),
        }
    }

    /// Checks what this installation asks of a client that is added while it runs, beside [`Client::check`].
    pub fn check_added(&self, client: &Client) -> Result<(), BadConfig> {
        self.outbound.check_notices(&client.id, client.backchannel_logout_uri.as_deref())?;
        self.check_certificate(client)?;
        self.outbound.check_keys(&client.id, client.keys.uri())?;
        self.check_apis(client)
    }

    /// An address below the issuer, for a path that starts with a slash.
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.issuer())
    }

    /// Whether browsers reach us over TLS, so that cookies can demand it.
    pub fn is_https(&self) -> bool {
        self.issuer.scheme() == "https"
    }

    /// Whether we can know where who sent a request is that `peer` brought: over TLS that somebody else speaks, only if that proxy is
    /// named. Another one's address all people would share.
    pub fn tells_addresses(&self, peer: IpAddr) -> bool {
        let is_named = self.proxy.as_ref().is_some_and(|proxy| proxy.is(peer));
        is_named || self.tls.is_some() || !self.is_https()
    }

    /// A path as written, made relative to the configuration's folder.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    fn check(&self) -> Result<(), BadConfig> {
        let issuer = &self.issuer;
        if issuer.query().is_some() || issuer.fragment().is_some() || issuer.path() != "/" {
            return Err(BadConfig::value("issuer: give scheme and host only, such as https://id.example.nl"));
        }
        if !(issuer.scheme() == "https" || issuer.scheme() == "http" && is_loopback(issuer)) {
            return Err(BadConfig::value("issuer: must be https; http is for this machine (127.0.0.1) only"));
        }
        if !(1..=86_400).contains(&self.jwks_max_age) {
            return Err(BadConfig::value("jwks_max_age: give 1 to 86400 seconds"));
        }
        if self.metrics.as_ref().is_some_and(|metrics| metrics.listen == self.listen) {
            return Err(BadConfig::value(
                "[metrics]: give an address of its own, such as 127.0.0.1:9464: `listen` is for people and portals",
            ));
        }
        if let Some(admin) = &self.admin {
            admin.check()?;
        }
        if let Some(proxy) = &self.proxy {
            proxy.check()?;
        }
        self.desk.check()?;
        self.check_tls()?;
        self.outbound.check(issuer)?;
        for client in &self.clients {
            self.outbound.check_notices(&client.id, client.backchannel_logout_uri.as_deref())?;
            self.outbound.check_keys(&client.id, client.jwks_uri.as_deref())?;
        }
        self.password.check()?;
        self.session.check()?;
        self.audit.check()?;
        self.mail.check()?;
        let mut seen = std::collections::BTreeSet::new();
        match self.clients.iter().find(|client| !seen.insert(&client.id)) {
            Some(twice) => Err(BadConfig::Value(format!("client {}: stands here twice", twice.id))),
            None => Ok(()),
        }
    }
}

/// What is told, with the line that it is about where that is known.
fn at(line: Option<usize>, message: &str) -> String {
    line.map_or_else(|| message.to_owned(), |line| format!("line {line}: {message}"))
}

/// What is wrong, on which line and at which key. Not the line itself: somebody may have put a secret there, and what
/// is said here ends up in logs.
fn told(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count();
    let key = text.lines().nth(line).and_then(|line| line.split_once('=')).map_or("", |(key, _)| key.trim());
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let at = if is_key { format!(", `{key}`") } else { String::new() };
    format!("line {}{at}: {}", line + 1, error.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
issuer = "https://id.example.nl"
listen = "127.0.0.1:8080"
database = "namens.db"
master_key = { file = "keys/master.key" }
[mail]
from = "Namens <noreply@example.nl>"
folder = "mail"
"#;

    fn error(text: &str) -> String {
        Config::parse(text, PathBuf::from("/etc/namens")).unwrap_err().to_string()
    }

    #[test]
    fn a_small_file_is_enough() {
        let config = Config::parse(SMALL, PathBuf::from("/etc/namens")).unwrap();
        assert_eq!(config.issuer(), "https://id.example.nl");
        assert_eq!(config.endpoint("/token"), "https://id.example.nl/token");
        assert_eq!(config.path(&config.database), Path::new("/etc/namens/namens.db"));
        assert!(config.is_https() && config.digid.is_none());
        let [named, other] = [[10, 0, 0, 1], [127, 0, 0, 1]].map(IpAddr::from);
        assert!(!config.tells_addresses(named), "all come from a proxy that nobody named");
        let (proxy, tls) = ("[proxy]\nfrom = [\"10.0.0.1\"]\n", "[tls]\ncertificate = \"c\"\nkey = \"k\"\n");
        for (table, peers) in [(proxy, [true, false]), (tls, [true, true])] {
            let config = Config::parse(&format!("{SMALL}{table}"), PathBuf::from("/etc/namens")).unwrap();
            assert_eq!([named, other].map(|peer| config.tells_addresses(peer)), peers, "{table}");
        }
        // The advice of OWASP for Argon2id, to the number.
        let password = Password { memory_kib: 19_456, iterations: 2, parallelism: 1, queue: 64 };
        assert_eq!((config.password, config.session.idle_minutes), (password, 15));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        for (at, key) in [
            ("line 6", "jwks_maxage = 1\n[mail]"),
            ("line 7", "[mail]\njwks_maxage = 1"),
            ("line 7", "[session]\njwks_maxage = 1\n[mail]"),
            ("line 7", "[password]\njwks_maxage = 1\n[mail]"),
        ] {
            let message = error(&SMALL.replace("[mail]", key));
            assert!(message.contains(at) && message.contains("jwks_maxage"), "{key}: {message}");
        }
    }

    #[test]
    fn each_wrong_value_says_what_to_do() {
        for (from, to, says) in [
            ("https://id.example.nl", "http://id.example.nl", "must be https"),
            ("https://id.example.nl", "https://id.example.nl/x?y", "scheme and host only"),
            ("[mail]", "mandate_level = \"local\"\n[mail]", "needs DigiD"),
            ("[mail]", "mandate_level = \"basis\"\n[mail]", "needs DigiD: give midden, substantieel or hoog"),
            ("[mail]", "[password]\nmemory_kib = 8\n[mail]", "memory_kib"),
            (
                "[mail]",
                "[desk]\nleaflet = { nl = \"x\", en = \" \" }\n[mail]",
                "[desk]: give leaflet 1 to 6000 characters in each",
            ),
            (
                "[mail]",
                "[desk]\nunder_twelve = { nl = \"\", en = \"x\" }\n[mail]",
                "give under_twelve 1 to 6000",
            ),
            ("[mail]", "[desk]\nunder_twelve = { nl = \"x\" }\n[mail]", "missing field `en`"),
            ("[mail]", "[audit]\nkeep_years = 4\n[mail]", "keep_years must be from 5"),
            ("[mail]", "[metrics]\nlisten = \"127.0.0.1:8080\"\n[mail]", "an address of its own"),
            ("[mail]", "[metrics]\nlisten = \"9464\"\n[mail]", "line 7, `listen`: give an IP address"),
            (
                "[mail]",
                "[traces]\nendpoint = \"http://10.0.0.1:4318/v1/traces\"\n[mail]",
                "https or of this machine",
            ),
            ("[mail]", "[admin]\nfrom = []\n[mail]", "[admin]: give 1 to 64 addresses"),
            ("[mail]", "[admin]\nfrom = [\"0.0.0.0/0\"]\n[mail]", "never everybody"),
            ("[mail]", "[proxy]\nfrom = []\n[mail]", "give 1 to 64 addresses"),
            ("[mail]", "[proxy]\nfrom = [\"0.0.0.0/0\"]\n[mail]", "never everybody"),
            ("[mail]", "[proxy]\nfrom = [\"::1\"]\nclient_address = \"x\"\n[mail]", "x-forwarded-for or"),
            ("[mail]", "[session]\nidle_minutes = 60\n[mail]", "15 minutes"),
            ("folder = \"mail\"", "", "folder or smtp"),
            ("127.0.0.1:8080", "localhost", "such as 127.0.0.1:8080"),
            ("\"namens.db\"", "namens.db", "line 4, `database`"),
            (
                "{ file = \"keys/master.key\" }",
                "\"00ff\"",
                "line 5, `master_key`: a secret never stands here",
            ),
        ] {
            let message = error(&SMALL.replace(from, to));
            assert!(message.contains(says), "{to}: {message}");
        }
    }
    #[test]
    fn a_secret_in_the_wrong_place_is_not_said_again() {
        for (from, to) in [
            ("{ file = \"keys/master.key\" }", "\"hunter2\""),
            ("{ file = \"keys/master.key\" }", "\"\"\"\nhunter2\n\"\"\""),
            ("{ file = \"keys/master.key\" }", "hunter2"),
            ("{ file = \"keys/master.key\" }", "{ value = \"hunter2\" }"),
            ("{ file = \"keys/master.key\" }", "{ file = \"keys/master.key\", value = \"hunter2\" }"),
            ("[mail]", "master_password = \"hunter2\"\n[mail]"),
            ("folder = \"mail\"", "smtp = { host = \"mail.nl\", user = \"u\", password = \"hunter2\" }"),
        ] {
            let message = error(&SMALL.replace(from, to));
            assert!(message.contains("line ") && !message.contains("hunter2"), "{to}: {message}");
        }
    }
}
