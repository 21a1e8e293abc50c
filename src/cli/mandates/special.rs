//! `namens mandates special`: what stands in the place of an agreement that somebody cannot give (M4).

use std::io::Write;

use clap::Subcommand;

use super::instant;
use crate::{
    domain::{
        id::{MandateId, SpecialBasisId},
        line::{NotStaff, staff},
        mandate::{Attestation, SpecialBasis},
        time::Timestamp,
    },
    flows::admin_mandates::{self as flow, NotDone},
    store::{Store, mandates::Listed},
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
    /// Runs the command; gives the mandate as it stands after it.
    pub(super) async fn run(
        self,
        store: &Store,
        now: Timestamp,
    ) -> Result<Result<Listed, NotDone>, NotStaff> {
        Ok(match self {
            Self::Attest { mandate, evidence_reference, ends, by } => {
                let attestation = Attestation { evidence_reference, ends, by: staff(&by)? };
                flow::attest(store, &MandateId::from_stored(mandate), &attestation, now).await
            }
            Self::Confirm { special, by } => {
                flow::confirm(store, &staff(&by)?, &SpecialBasisId::from_stored(special), now).await
            }
            Self::End { special, by } => {
                flow::end(store, &staff(&by)?, &SpecialBasisId::from_stored(special), now).await
            }
        })
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
