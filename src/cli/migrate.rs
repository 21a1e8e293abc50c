//! `namens migrate`: makes the database, or brings its tables up to date.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use clap::Args;

use crate::{
    app::open_store,
    config::{BadConfig, Config},
    domain::fault::Fault,
    store::Store,
};

/// Make the database or bring it up to date. Stop every server and make a backup first
#[derive(Debug, Args)]
pub struct Migrate {}

impl Migrate {
    /// Runs the command and writes its answer to `out`.
    pub async fn run(self, config: &Config, out: &mut impl Write) -> Result<(), Fault> {
        let path = config.path(&config.database);
        let new = fs::metadata(&path).map_or(true, |about| about.len() == 0);
        let (store, due) = migrate(config).await?;
        store.close().await;
        match due {
            _ if new => writeln!(
                out,
                "{}: made a new, empty database. If you had one, correct `database` in the configuration or restore a backup; if \
                 this is a new installation, run `namens keys rotate --by STAFF`.",
                path.display()
            )?,
            0 => writeln!(out, "{} is up to date.", path.display())?,
            due => writeln!(out, "{}: {due} migration(s) done.", path.display())?,
        }
        Ok(())
    }
}

/// Opens the database, makes it when there is none, and brings it up to date. Tells how many migrations it took.
pub async fn migrate(config: &Config) -> Result<(Store, usize), Fault> {
    make_file(&config.path(&config.database))?;
    let store = open_store(config, true).await?;
    let due = store.migrate().await?;
    Ok((store, due))
}

/// Makes an empty file that only its owner can read; SQLite gives its journals the same permissions. Names and
/// addresses stand in it in the open.
fn make_file(path: &Path) -> Result<(), BadConfig> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|error| {
        let path = path.display();
        BadConfig::value(format_args!(
            "cannot make or write the database {path}: {error}. Its folder must be there and be writable for this user."
        ))
    })
}
