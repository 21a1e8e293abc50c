//! `namens keys`: the keys that sign tokens.
//!
//! Of each algorithm there is a current key and a next one. The next is published long before it signs; its turn comes
//! by itself a year after it was made, or earlier by `rotate`, but never before every cached JWKS can hold it.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{By, word};
use crate::{
    config::Config,
    domain::{
        fault::Fault,
        key::{Algorithm, KeyFacts},
        line::Operator,
        time::Timestamp,
    },
    flows::keys::{Turn, as_json, phase_name, rotate, turn_as_json},
    store::Store,
};

/// The keys that sign tokens
#[derive(Debug, Args)]
pub struct KeysCommand {
    #[command(subcommand)]
    act: Act,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List every key with its phase and dates
    List,
    /// Let the next key take over as soon as every client can know it, and make a new next one
    Rotate {
        /// RS256, PS256, ES256 or `EdDSA`; all of them when left out
        #[arg(long, value_parser = word::<Algorithm>)]
        alg: Option<Algorithm>,
        #[command(flatten)]
        by: By,
    },
}

impl KeysCommand {
    /// Runs the command and writes its answer to `out`.
    pub async fn run(
        self,
        config: &Config,
        store: &Store,
        out: &mut impl Write,
        now: Timestamp,
    ) -> Result<(), Fault> {
        match self.act {
            Act::Rotate { alg, by } => {
                let by = by.name()?;
                let by = Some(Operator::Staff(&by));
                let told = rotate(store, alg, config.jwks_max_age, by, now).await?;
                if !told.is_empty() {
                    return if self.json { turns_as_json(out, &told) } else { turns_as_text(out, &told) };
                }
            }
            Act::List => {}
        }
        let keys = store.key_facts().await?;
        if self.json {
            writeln!(out, "{:#}", keys.iter().map(|key| as_json(key, now)).collect::<Value>())?;
        } else {
            as_table(out, &keys, now)?;
        }
        Ok(())
    }
}

fn as_table(out: &mut impl Write, keys: &[KeyFacts], now: Timestamp) -> std::io::Result<()> {
    let end = |end: Option<Timestamp>| end.map_or("open".to_owned(), Timestamp::rfc3339);
    let (signs, until) = ("SIGNS FROM", "SIGNS UNTIL");
    writeln!(out, "{:43}  {:5}  {:7}  {signs:20}  {until:20}  PUBLISHED UNTIL", "KEY", "ALG", "PHASE")?;
    for key in keys {
        let (alg, phase) = (key.alg.name(), phase_name(key.phase(now)));
        let (from, until, gone) = (key.sign_from.rfc3339(), end(key.sign_until), end(key.publish_until));
        writeln!(out, "{:43}  {alg:5}  {phase:7}  {from:20}  {until:20}  {gone}", key.kid)?;
    }
    Ok(())
}

fn turns_as_json(out: &mut impl Write, turns: &[(Algorithm, Turn)]) -> Result<(), Fault> {
    writeln!(out, "{:#}", turns.iter().map(turn_as_json).collect::<Value>())?;
    Ok(())
}

fn turns_as_text(out: &mut impl Write, turns: &[(Algorithm, Turn)]) -> Result<(), Fault> {
    for (alg, turn) in turns {
        let alg = alg.name();
        match turn {
            Turn::Planned { kid, at } => writeln!(out, "{alg}: {kid} signs from {}.", at.rfc3339())?,
            Turn::Underway { kid, at } => {
                let at = at.rfc3339();
                writeln!(out, "{alg}: {kid} signs from {at}, as was planned before; nothing was changed.")?;
            }
        }
    }
    writeln!(out, "Running servers follow by themselves. Tokens that the old keys signed stay valid.")?;
    Ok(())
}
