//! `namens mandates block`, `unblock` and `blocks`: whom to keep out of whose record, and who is (M9).

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use crate::{
    domain::{fault::Fault, id::PersonId, line::staff, time::Timestamp},
    flows::admin_mandates::block_as_json,
    store::blocks::{self, Placed},
};

#[derive(Debug, Args)]
pub(super) struct Pair {
    /// Who is kept out
    #[arg(long, value_name = "PERSON", allow_hyphen_values = true)]
    representative: String,
    /// Of whose record
    #[arg(long, value_name = "PERSON", allow_hyphen_values = true)]
    represented: String,
    /// The member of staff
    #[arg(long, value_name = "STAFF")]
    by: String,
}

impl Pair {
    /// The two, and the member of staff.
    pub(super) fn read(self) -> Result<(blocks::Pair, String), Fault> {
        let pair = blocks::Pair {
            representative: PersonId::from_stored(self.representative),
            represented: PersonId::from_stored(self.represented),
        };
        Ok((pair, staff(&self.by)?))
    }
}

/// Writes whether the two are blocked now.
pub(super) fn placed(out: &mut impl Write, json: bool, blocked: bool) -> Result<(), Fault> {
    match (json, blocked) {
        (true, _) => writeln!(out, "{}", json!({ "blocked": blocked }))?,
        (false, true) => writeln!(out, "Blocked. It works at once, and nobody is told.")?,
        (false, false) => writeln!(out, "The block is lifted.")?,
    }
    Ok(())
}

/// Writes who is kept out, with what lifts it.
pub(super) fn list(out: &mut impl Write, json: bool, blocks: &[Placed]) -> Result<(), Fault> {
    if json {
        writeln!(out, "{:#}", blocks.iter().map(block_as_json).collect::<Value>())?;
        return Ok(());
    }
    writeln!(out, "{:22}  {:20}  {:16}  WHO: WHY", "KEPT OUT", "SINCE", "BY")?;
    for Placed { representative, representative_name, reason, placed_by, placed_at } in blocks {
        let (who, since) = (representative.as_str(), Timestamp::rfc3339(*placed_at));
        writeln!(out, "{who:22}  {since:20}  {placed_by:16}  {representative_name}: {reason}")?;
    }
    Ok(())
}
