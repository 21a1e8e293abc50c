//! `namens init`: a configuration, a master key, a database and the first signing keys. Never overwrites anything.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use url::Url;

use super::migrate::migrate;
use crate::{
    config::{BadConfig, Config},
    domain::{client::is_loopback, fault::Fault, time::Timestamp},
    flows::keys::make_first,
    oidc::signing_key::RsaBits,
    store::Vault,
};

/// The text of a new configuration; `{issuer}` and `{listen}` are filled in.
const TEMPLATE: &str = include_str!("init.toml");
const CONFIG: &str = "namens.toml";
const MASTER_KEY: &str = "keys/master.key";
const DATABASE: &str = "namens.db";

/// Make a configuration, a master key, a database and the first signing keys
#[derive(Debug, Args)]
pub struct Init {
    /// Where to make them
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// The address that people and portals will know this server by, such as <https://id.example.nl>
    #[arg(long, value_name = "URL")]
    issuer: Url,
}

impl Init {
    /// Runs the command and writes what it made to `out`.
    pub async fn run(self, out: &mut impl Write, now: Timestamp) -> Result<(), Fault> {
        let folder = &self.folder;
        let text = text(&self.issuer)?;
        let config = Config::parse(&text, folder.clone())?;
        for name in [CONFIG, MASTER_KEY, DATABASE] {
            let path = folder.join(name);
            if path.try_exists().map_err(|error| cannot("look at", &path, &error))? {
                let path = path.display();
                return Err(BadConfig::value(format_args!(
                    "{path} is there already, and nothing is overwritten: choose another --folder"
                ))
                .into());
            }
        }
        make_folder(folder, 0o755)?;
        make_folder(&folder.join("keys"), 0o700)?;
        write_new(&folder.join(MASTER_KEY), &Vault::new_master_key(), 0o600)?;
        let (store, _) = migrate(&config).await?;
        make_first(&store, RsaBits::default(), None, now).await?;
        store.close().await;
        // Last, so that a configuration is there only when everything it names is.
        write_new(&folder.join(CONFIG), &text, 0o644)?;
        tell(out, folder)?;
        Ok(())
    }
}

fn text(issuer: &Url) -> Result<String, BadConfig> {
    let listen = match issuer.port() {
        Some(port) if is_loopback(issuer) => format!("127.0.0.1:{port}"),
        _ => "127.0.0.1:8080".to_owned(),
    };
    let shown = issuer.as_str().trim_end_matches('/');
    if shown.contains(['"', '\\']) {
        return Err(BadConfig::value("issuer: give scheme and host only, such as https://id.example.nl"));
    }
    Ok(TEMPLATE.replace("{issuer}", shown).replace("{listen}", &listen))
}

fn tell(out: &mut impl Write, folder: &Path) -> io::Result<()> {
    let (config, key, database) = (folder.join(CONFIG), folder.join(MASTER_KEY), folder.join(DATABASE));
    let (config, key, database) = (config.display(), key.display(), database.display());
    writeln!(out, "Made {config}    the configuration: read it through")?;
    writeln!(out, "Made {key}    seals what is secret: keep a copy elsewhere, apart from the database's")?;
    writeln!(out, "Made {database}    the database, with signing keys for RS256, PS256, ES256 and EdDSA")?;
    writeln!(out)?;
    writeln!(out, "Next:")?;
    writeln!(
        out,
        "  namens --config {config} clients add portal --policy basic --auth client_secret_basic --name Portal --redirect-uri URL --by NAME"
    )?;
    writeln!(out, "  namens --config {config} doctor")?;
    writeln!(out, "  namens --config {config} serve")
}

fn make_folder(path: &Path, mode: u32) -> Result<(), BadConfig> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
    builder.create(path).map_err(|error| cannot("make", path, &error))
}

/// Writes a file that must not be there yet, and waits until the disk has it.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), BadConfig> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let write = || {
        let mut file = options.open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| cannot("make", path, &error))
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> BadConfig {
    BadConfig::value(format_args!("cannot {what} {}: {error}", path.display()))
}
