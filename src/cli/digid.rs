//! `namens digid`: what is exchanged with Logius.

use std::{io::Write, path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};

use super::doctor::tell;
use crate::{
    app::digid::{check_file, service_provider},
    config::{BadConfig, Config},
    domain::{fault::Fault, finding::Report, time::Timestamp},
};

/// The connection to DigiD
#[derive(Debug, Args)]
pub struct DigidCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Print our signed SAML metadata, to hand to Logius
    Metadata,
    /// Say everything that is wrong with DigiD's metadata, and what to do, before it is put in its place
    Check {
        /// The metadata as received from Logius
        file: PathBuf,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
}

impl DigidCommand {
    /// Runs the command and writes its answer to `out`. A check fails when the file cannot be used.
    pub fn run(self, config: &Config, out: &mut impl Write, now: Timestamp) -> Result<ExitCode, Fault> {
        let digid = config.digid.as_ref().ok_or_else(|| {
            BadConfig::value(
                "the configuration has no [digid] section: add one, as in config/production.toml",
            )
        })?;
        match self.act {
            Act::Metadata => {
                writeln!(out, "{}", service_provider(config, digid, now)?.metadata(now))?;
                Ok(ExitCode::SUCCESS)
            }
            Act::Check { file, json } => {
                let mut report = Report::default();
                check_file(&file, config, digid, &mut report, now)?;
                tell(&report, json, out)
            }
        }
    }
}
