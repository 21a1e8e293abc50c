//! `namens digid`: what is exchanged with Logius.

use std::io::Write;

use clap::{Args, Subcommand};

use crate::{
    app::service_provider,
    config::{BadConfig, Config},
    domain::fault::Fault,
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
}

impl DigidCommand {
    /// Runs the command and writes its answer to `out`.
    pub fn run(self, config: &Config, out: &mut impl Write) -> Result<(), Fault> {
        let Act::Metadata = self.act;
        let digid = config.digid.as_ref().ok_or_else(|| {
            BadConfig::value(
                "the configuration has no [digid] section: add one, as in config/production.toml",
            )
        })?;
        writeln!(out, "{}", service_provider(config, digid)?.metadata())?;
        Ok(())
    }
}
