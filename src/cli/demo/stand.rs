//! Ports, folder and configuration of a demo; starts and stops everything in it.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use tokio::{sync::oneshot, task::JoinHandle};
use tracing_subscriber::filter::LevelFilter;
use url::Url;

use super::{DemoError, Spoilt};
use crate::{
    app::App,
    cli::{
        migrate::migrate,
        serve::listen::{Limits, listen},
    },
    clock::Clock,
    config::Config,
    domain::{fault::Fault, id::random},
    flows::{boundaries::keep_looking, keys::make_first, mandate_mails::keep_mailing},
    oidc::signing_key::RsaBits,
    simulator::{
        Running,
        digid::{self, Person, names::Level, registry::SpMetadata},
        family::{EVERYBODY, Member, PORTAL},
        mailbox,
        pki::Pki,
        portal,
    },
    store::Vault,
    web::router::router,
};

/// DigiD's entityID in the demo.
const DIGID: &str = "urn:nl-namens:demo:digid";
/// The portal's client id.
pub const CLIENT: &str = "portal";

/// The listeners, bound before anything is written.
pub struct Doors {
    namens: TcpListener,
    digid: TcpListener,
    portal: TcpListener,
    mailbox: TcpListener,
    soap: TcpListener,
}

impl Doors {
    /// Binds the ports of the demo, or five that are free.
    pub fn open(any: bool) -> Result<Self, DemoError> {
        let bind = |port: u16| {
            let port = if any { 0 } else { port };
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| DemoError::Port { port, source })
        };
        Ok(Self {
            namens: bind(8080)?,
            digid: bind(8081)?,
            portal: bind(8082)?,
            mailbox: bind(8083)?,
            soap: bind(8443)?,
        })
    }

    /// The port of Namens.
    pub fn port(&self) -> Result<u16, DemoError> {
        self.namens.local_addr().map(|at| at.port()).map_err(DemoError::io("asking for a port"))
    }
}

/// Where everything is.
pub struct Addresses {
    /// Namens: the issuer.
    pub namens: Url,
    /// DigiD, for browsers.
    pub digid: Url,
    /// The portal.
    pub portal: Url,
    /// The mailbox.
    pub mailbox: Url,
    /// DigiD's back channel.
    pub soap: Url,
}

impl Addresses {
    fn of(doors: &Doors) -> Result<Self, Fault> {
        let url = |scheme: &str, listener: &TcpListener| -> Result<Url, Fault> {
            Ok(format!("{scheme}://{}", listener.local_addr()?).parse()?)
        };
        Ok(Self {
            namens: url("http", &doors.namens)?,
            digid: url("http", &doors.digid)?,
            portal: url("http", &doors.portal)?,
            mailbox: url("http", &doors.mailbox)?,
            soap: url("https", &doors.soap)?,
        })
    }

    /// What each port is called in the story.
    pub fn houses(&self) -> Vec<(u16, &'static str)> {
        let named = [
            (&self.namens, "namens"),
            (&self.digid, "digid"),
            (&self.portal, "portal"),
            (&self.mailbox, "mailbox"),
        ];
        named.into_iter().filter_map(|(url, name)| Some((url.port_or_known_default()?, name))).collect()
    }
}

/// The folder of a demo.
pub struct Folder {
    path: PathBuf,
    kept: bool,
}

impl Folder {
    /// Makes the folder, empty unless `keep` and there is one. A folder that no demo made is never touched.
    pub fn prepare(path: &Path, keep: bool) -> Result<Self, DemoError> {
        let folder = Self { kept: keep && path.exists(), path: path.to_owned() };
        if path.exists() {
            if !folder.log().exists() {
                return Err(DemoError::NotOurs(path.to_owned()));
            }
            if !keep {
                fs::remove_dir_all(path).map_err(DemoError::io(format!("removing {}", path.display())))?;
            }
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(DemoError::io(format!("making {}", path.display())))?;
        // The first file in it, by which a later demo knows the folder.
        let log = OpenOptions::new().append(true).create(true).mode(0o600).open(folder.log());
        log.map_err(DemoError::io(format!("making {}", folder.log().display())))?;
        Ok(folder)
    }

    /// Whether it holds what an earlier demo left.
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration of Namens.
    pub fn config(&self) -> PathBuf {
        self.path.join("namens.toml")
    }

    /// Where everything logs to.
    pub fn log(&self) -> PathBuf {
        self.path.join("demo.log")
    }

    /// Removes it and all that is in it.
    pub fn remove(self) -> Result<(), DemoError> {
        let told = format!("removing {}", self.path.display());
        fs::remove_dir_all(self.path).map_err(DemoError::io(told))
    }

    fn write(&self, name: &str, mode: u32, text: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(mode);
        options.open(self.path.join(name))?.write_all(text.as_bytes())
    }

    fn write_secret_once(&self, name: &str, text: &str) -> io::Result<()> {
        if self.path.join(name).exists() { Ok(()) } else { self.write(name, 0o600, text) }
    }

    fn start_log(&self) -> Result<(), Fault> {
        let file = OpenOptions::new().append(true).open(self.log())?;
        let log = tracing_subscriber::fmt().with_ansi(false).with_max_level(LevelFilter::INFO);
        // Logging is started once a process: a second demo in it (a test) goes on writing to the first one's log.
        let _ = log.with_writer(Mutex::new(file)).try_init();
        Ok(())
    }
}

/// A demo that runs.
pub struct Stand {
    /// Namens.
    pub app: Arc<App>,
    /// Where everything is.
    pub at: Addresses,
    parts: Running,
    serving: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    /// What `serve` does beside serving, of which the demo shows something.
    beside: [JoinHandle<()>; 3],
}

impl Stand {
    /// Starts everything on these ports, with everything in this folder.
    pub async fn start(doors: Doors, folder: &Folder, spoilt: Option<Spoilt>) -> Result<Self, Fault> {
        folder.start_log()?;
        let at = Addresses::of(&doors)?;
        folder.write_secret_once("master.key", &Vault::new_master_key())?;
        folder.write_secret_once("portal.secret", &random::<32>())?;
        let pki = Pki::create(&folder.path.join("pki")).map_err(DemoError::from)?;
        folder.write("namens.toml", 0o600, &configuration(&at, doors.namens.local_addr()?, spoilt))?;

        let digid = start_digid(&at, pki, doors.digid, doors.soap)?;
        folder.write("digid-metadata.xml", 0o600, &digid_metadata(&at).await?)?;
        let config = Config::read(&folder.config())?;
        let secret = fs::read_to_string(folder.path.join("portal.secret"))?;
        let letters = folder.path.join("mail");
        let (store, _) = migrate(&config).await?;
        if !folder.kept {
            make_first(&store, RsaBits::B2048, None, Clock.now()).await?;
        }
        store.close().await;

        let app = App::build(config).await?;
        doors.namens.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(doors.namens)?;
        let (stop, stopped) = oneshot::channel();
        let told = async {
            // A sender that is gone means the same.
            let _ = stopped.await;
        };
        let serving = tokio::spawn(listen(listener, router(app.clone()), Limits::default(), told));
        let beside = [
            tokio::spawn(app.clone().keep_house()),
            tokio::spawn(keep_looking(app.clone())),
            tokio::spawn(keep_mailing(app.clone())),
        ];
        let portal = portal::Config {
            name: PORTAL.to_owned(),
            issuer: app.config.issuer().to_owned(),
            client_id: CLIENT.to_owned(),
            client_secret: Some(secret),
            base_url: plain(&at.portal).to_owned(),
        };
        let portal = portal::start(portal, doors.portal)?;
        let parts = digid.and(portal).and(mailbox::start(letters, doors.mailbox)?);
        Ok(Self { app, at, parts, serving, stop, beside })
    }

    /// Returns when Namens serves no more, which it should not.
    pub async fn ended(&mut self) {
        // Whether by an error or a panic: it is over, and the log tells why.
        let _ = (&mut self.serving).await;
    }

    /// Lets what is under way finish, and stops everything.
    pub async fn stop(self) {
        for task in &self.beside {
            task.abort();
        }
        self.parts.stop().await;
        // When it has ended already there is nobody to tell.
        let _ = self.stop.send(());
        let _ = self.serving.await;
        self.app.store.close().await;
    }
}

/// Whom DigiD knows.
pub(super) fn people() -> Vec<Person> {
    let person = |member: &Member| Person {
        name: member.name.to_owned(),
        bsn: member.bsn.to_owned(),
        level: Level::Midden,
    };
    EVERYBODY.iter().map(person).collect()
}

fn start_digid(at: &Addresses, pki: Pki, front: TcpListener, back: TcpListener) -> Result<Running, Fault> {
    let config = digid::Config {
        entity_id: DIGID.to_owned(),
        base_url: plain(&at.digid).to_owned(),
        pki,
        sp: SpMetadata::Url(at.namens.join("/digid/metadata")?),
        people: people(),
    };
    Ok(digid::start(config, front, back)?)
}

async fn digid_metadata(at: &Addresses) -> Result<String, Fault> {
    let answer = reqwest::get(at.digid.join("/metadata")?).await.map_err(DemoError::from)?;
    Ok(answer.error_for_status().map_err(DemoError::from)?.text().await.map_err(DemoError::from)?)
}

/// The configuration, as an operator would write it.
fn configuration(at: &Addresses, listen: SocketAddr, spoilt: Option<Spoilt>) -> String {
    let tls = if spoilt == Some(Spoilt::Mtls) { "wrong-tls" } else { "sp-tls" };
    let (issuer, portal) = (plain(&at.namens), plain(&at.portal));
    format!(
        r#"# Made by `namens demo`, for this machine only.
issuer = "{issuer}"
listen = "{listen}"
database = "namens.db"
master_key = {{ file = "master.key" }}

[mail]
from = "Namens <noreply@example.nl>"
folder = "mail"

[digid]
entity_id = "urn:nl-namens:demo:sp"
metadata = "digid-metadata.xml"
metadata_certificate = "pki/digid-saml.crt"
metadata_entity_id = "{DIGID}"
signing_key = "pki/sp-saml.key"
signing_certificate = "pki/sp-saml.crt"
tls_key = "pki/{tls}.key"
tls_certificate = "pki/{tls}.crt"
ca = "pki/ca.crt"

[[client]]
id = "{CLIENT}"
name = "{PORTAL}"
redirect_uris = ["{portal}/callback"]
post_logout_redirect_uris = ["{portal}/logged-out"]
policy = "basic"
auth = "client_secret_basic"
secret = {{ file = "portal.secret" }}
scopes = ["openid", "act_as"]
sees_relation = true
"#
    )
}

/// An address without the slash that `Url` puts at its end.
fn plain(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Addresses {
        let url = |text: &str| text.parse().unwrap();
        Addresses {
            namens: url("http://127.0.0.1:8080"),
            digid: url("http://127.0.0.1:8081"),
            portal: url("http://127.0.0.1:8082"),
            mailbox: url("http://127.0.0.1:8083"),
            soap: url("https://127.0.0.1:8443"),
        }
    }

    #[test]
    fn the_configuration_is_one_that_namens_reads() {
        let listen = "127.0.0.1:8080".parse().unwrap();
        let config = Config::parse(&configuration(&addresses(), listen, None), "var/demo".into()).unwrap();
        assert_eq!((config.issuer(), config.clients.len()), ("http://127.0.0.1:8080", 1));
        assert_eq!(config.digid.unwrap().tls_key, Path::new("pki/sp-tls.key"));
        let spoilt = configuration(&addresses(), listen, Some(Spoilt::Mtls));
        let spoilt = Config::parse(&spoilt, "var/demo".into()).unwrap();
        assert_eq!(spoilt.digid.unwrap().tls_certificate, Path::new("pki/wrong-tls.crt"));
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let place = std::env::temp_dir().join(format!("namens-demo-{}", random::<6>()));
        fs::create_dir(&place).unwrap();
        fs::write(place.join("thesis.txt"), "years of work").unwrap();
        assert!(matches!(Folder::prepare(&place, false), Err(DemoError::NotOurs(_))));
        assert!(place.join("thesis.txt").exists());
        fs::remove_dir_all(&place).unwrap();

        let ours = Folder::prepare(&place, false).unwrap();
        fs::write(ours.config(), "").unwrap();
        assert!(Folder::prepare(&place, true).unwrap().is_kept() && ours.config().exists());
        assert!(!Folder::prepare(&place, false).unwrap().is_kept() && !ours.config().exists(), "fresh again");
        ours.remove().unwrap();
    }
}
