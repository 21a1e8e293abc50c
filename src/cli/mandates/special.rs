//! `namens mandates special`: what stands in the place of an agreement that somebody cannot give (M4).

use std::io::Write;

use clap::Subcommand;

use super::{find, instant, show};
use crate::{
    domain::{
        fault::Fault,
        id::{MandateId, SpecialBasisId},
        line::staff,
        mandate::{Attestation, SpecialBasis, attest},
        time::Timestamp,
    },
    store::Store,
};

#[derive(Debug, Subcommand)]
pub(super) enum Special {
    /// Attest that the person represented cannot decide for themselves. It counts once somebody else confirms it
    Attest {
        /// The mandate
        #[arg(allow_hyphen_values = true)]
        mandate: String,
        /// Where the evidence is kept, such as a doctor's statement or an extract of the register of curators
        #[arg(long)]
        evidence_reference: String,
        /// The first day on which it counts no longer, or an instant: at most a year from now
        #[arg(long, value_name = "WHEN", value_parser = instant)]
        ends: Timestamp,
        /// The member of staff
        #[arg(long, value_name = "STAFF")]
        by: String,
    },
    /// Confirm what somebody else attested, after looking at the evidence: it counts from now on
    Confirm {
        /// The special basis
        #[arg(allow_hyphen_values = true)]
        special: String,
        /// The member of staff: another one than who attested it
        #[arg(long, value_name = "STAFF")]
        by: String,
    },
    /// End it at once, confirmed or not
    End {
        /// The special basis
        #[arg(allow_hyphen_values = true)]
        special: String,
        /// The member of staff
        #[arg(long, value_name = "STAFF")]
        by: String,
    },
}

impl Special {
    /// Runs the command and writes the mandate as it stands after it.
    pub(super) async fn run(
        self,
        store: &Store,
        out: &mut impl Write,
        json: bool,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mandate = match self {
            Self::Attest { mandate, evidence_reference, ends, by } => {
                let id = MandateId::from_stored(mandate);
                let listed = find(store, &id, now).await?;
                let attestation = Attestation { evidence_reference, ends, by: staff(&by)? };
                let basis = attest(&listed.mandate, listed.born, &attestation, now)?;
                store.attest_special(&basis, &id, now).await??;
                id
            }
            Self::Confirm { special, by } => {
                let id = SpecialBasisId::from_stored(special);
                store.confirm_special(&id, &staff(&by)?, now).await??
            }
            Self::End { special, by } => {
                let id = SpecialBasisId::from_stored(special);
                store.end_special(&id, &staff(&by)?, now).await??
            }
        };
        show(store, out, json, &mandate, now).await
    }
}

/// A line below its mandate.
pub(super) fn as_line(out: &mut impl Write, basis: &SpecialBasis) -> std::io::Result<()> {
    let SpecialBasis { id, attested_by, .. } = basis;
    let ends = basis.ends.rfc3339();
    match &basis.confirmed {
        Some(second) => writeln!(
            out,
            "  special basis {id}: attested by {attested_by}, confirmed by {}, until {ends}",
            second.by
        ),
        None => writeln!(
            out,
            "  special basis {id}: attested by {attested_by}, counts not before someone else confirms it, until {ends}"
        ),
    }
}
