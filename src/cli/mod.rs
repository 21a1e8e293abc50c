//! The operator's commands: one file each.

pub mod accounts;
pub mod audit;
mod client_registration;
pub mod clients;
#[cfg(feature = "simulator")]
pub mod demo;
pub mod digid;
pub mod doctor;
pub mod import;
pub mod init;
pub mod keys;
pub mod mandates;
pub mod migrate;
pub mod persons;
pub mod serve;
pub mod staff;

use std::{
    io::{Write, stderr, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use serde::de::{DeserializeOwned, IntoDeserializer, value};

use crate::{
    app::open_store,
    clock::Clock,
    config::{BadConfig, Config},
    domain::{
        fault::Fault,
        line::{NotALine, NotStaff, staff},
        time::Timestamp,
    },
    store::Store,
};

/// An OpenID Connect provider for Dutch healthcare portals: DigiD, local login, and mandates
#[derive(Debug, Parser)]
#[command(name = "namens", version)]
pub struct Namens {
    /// The configuration file [default: namens.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Serve(serve::Serve),
    #[cfg(feature = "simulator")]
    Demo(demo::DemoCommand),
    Migrate(migrate::Migrate),
    Doctor(doctor::Doctor),
    Keys(keys::KeysCommand),
    Clients(clients::ClientsCommand),
    Digid(digid::DigidCommand),
    Persons(persons::PersonsCommand),
    Accounts(accounts::AccountsCommand),
    Mandates(mandates::MandatesCommand),
    Import(import::ImportCommand),
    Staff(staff::StaffCommand),
    Audit(audit::AuditCommand),
}

/// How long work on threads of its own is waited for at the end.
const LAST: Duration = Duration::from_secs(5);

/// The program: reads the arguments, runs the command, and tells on standard error what went wrong. Exits with 0 when
/// all went well, 1 when not, and 2 when the arguments make no sense.
pub fn main() -> ExitCode {
    let arguments = Namens::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let ended = runtime.block_on(arguments.run(&mut stdout(), Clock.now()));
    // Work on a thread of its own may hang in a file system that does not answer. Requests were waited for already.
    runtime.shutdown_timeout(LAST);
    match ended {
        Ok(code) => code,
        Err(fault) => failed(&fault),
    }
}

impl Namens {
    /// Runs the command and writes its answer to `out`.
    pub async fn run(self, out: &mut impl Write, now: Timestamp) -> Result<ExitCode, Fault> {
        // All commands in one future are too much for a stack.
        Box::pin(self.dispatch(out, now)).await
    }

    async fn dispatch(self, out: &mut impl Write, now: Timestamp) -> Result<ExitCode, Fault> {
        let path = self.config.as_deref().unwrap_or(Path::new("namens.toml"));
        let config = || Config::read(path);
        match self.command {
            Command::Init(command) => command.run(out, now).await?,
            Command::Serve(command) => command.run(config()?, out).await?,
            #[cfg(feature = "simulator")]
            Command::Demo(_) if self.config.is_some() => {
                return Err(BadConfig::value("a demo makes its own configuration: leave out --config").into());
            }
            #[cfg(feature = "simulator")]
            Command::Demo(command) => command.run(out).await?,
            Command::Migrate(command) => command.run(&config()?, out).await?,
            Command::Doctor(command) => return command.run(path, out, now).await,
            Command::Keys(command) => {
                let config = config()?;
                command.run(&config, &migrated_store(&config).await?, out, now).await?;
            }
            Command::Clients(command) => {
                let config = config()?;
                command.run(&config, &migrated_store(&config).await?, out, now).await?;
            }
            Command::Digid(command) => return command.run(&config()?, out, now),
            Command::Accounts(command) => command.run(&migrated_store(&config()?).await?, out, now).await?,
            Command::Persons(command) => command.run(&migrated_store(&config()?).await?, out, now).await?,
            Command::Mandates(command) => command.run(&migrated_store(&config()?).await?, out, now).await?,
            Command::Import(command) => command.run(&migrated_store(&config()?).await?, out, now).await?,
            Command::Staff(command) => command.run(&migrated_store(&config()?).await?, out, now).await?,
            Command::Audit(command) => {
                return command.run(&open_store(&config()?, false).await?, out, now).await;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The store, when its tables are those of this program.
async fn migrated_store(config: &Config) -> Result<Store, Fault> {
    let store = open_store(config, false).await?;
    store.check_migrated().await?;
    Ok(store)
}

fn failed(fault: &Fault) -> ExitCode {
    // With standard error closed there is nobody left to tell.
    let _ = writeln!(stderr(), "namens: {fault}");
    ExitCode::FAILURE
}

/// Who does it.
#[derive(Debug, clap::Args)]
struct By {
    /// The member of staff who does this
    #[arg(long, value_name = "STAFF")]
    by: String,
}

impl By {
    /// Their name, as it is compared and kept.
    fn name(&self) -> Result<String, NotStaff> {
        staff(&self.by)
    }
}

/// What is wrong with a `--name`.
fn unnamed(why: NotALine) -> BadConfig {
    BadConfig::value(format_args!("--name: {why}"))
}

/// Reads an argument by the same words as the configuration file.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, value::Error> {
    T::deserialize(text.into_deserializer())
}

#[cfg(test)]
mod tests;
