//! What two at the desk put right: one proposes, somebody else approves (M11).

use std::{io::Write, path::PathBuf};

use clap::{ArgGroup, Args};
use serde_json::Value;

use super::{Seen, Unknown, read_bsn};
use crate::{
    domain::{
        birth::BirthDate,
        correction::{Correction, Known, Right, Stage},
        fault::Fault,
        id::{CorrectionId, PersonId},
        line::staff,
        patient_number::PatientNumber,
        time::Timestamp,
    },
    flows::corrections::{self as flow, NotDone, as_json},
    store::{Store, corrections::NotDecided},
};

/// Somebody else saw the same: exactly one of the three is told anew.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("right").required(true).args(["birth_date", "bsn_file", "patient_number"])))]
pub(super) struct Approve {
    /// The correction
    #[arg(allow_hyphen_values = true)]
    correction: String,
    /// The date of birth, as you read it
    #[arg(long)]
    birth_date: Option<String>,
    /// A file with the BSN in it, as you read it, or - for standard input
    #[arg(long, value_name = "FILE")]
    bsn_file: Option<PathBuf>,
    /// The patient number, as you read it
    #[arg(long)]
    patient_number: Option<PatientNumber>,
    /// The member of staff: another one than who proposed it
    #[arg(long, value_name = "STAFF")]
    by: String,
}

impl Approve {
    /// Runs the command and writes the correction as it stands after it.
    pub(super) async fn run(
        self,
        store: &Store,
        to: (&mut impl Write, bool),
        now: Timestamp,
    ) -> Result<(), Fault> {
        let right = match (&self.birth_date, self.patient_number, &self.bsn_file) {
            (Some(text), ..) => Right::BirthDate(BirthDate::read(text, now)?),
            (None, Some(number), _) => Right::PatientNumber(number),
            (None, None, file) => Right::Bsn(read_bsn(file.as_deref().unwrap_or("-".as_ref()))?),
        };
        approve(store, (self.correction, right, self.by), to, now).await
    }
}

/// By what two persons are known to be one, as it is on record.
#[derive(Debug, Args)]
pub(super) struct By {
    /// The date of birth, as you read it, where one is on record
    #[arg(long)]
    birth_date: Option<String>,
    /// A file with the BSN in it, or - for standard input; where the two have another one each, the right one
    #[arg(long, value_name = "FILE", required_unless_present = "patient_number")]
    bsn_file: Option<PathBuf>,
    /// Or the patient number of either
    #[arg(long)]
    patient_number: Option<PatientNumber>,
}

impl By {
    /// What it says of this other person.
    pub(super) fn known(self, other: Option<PersonId>, now: Timestamp) -> Result<Known, Fault> {
        let birth = self.birth_date.map(|text| BirthDate::read(&text, now)).transpose()?;
        let bsn = self.bsn_file.as_deref().map(read_bsn).transpose()?;
        Ok(Known { other, birth, bsn, number: self.patient_number, ..Known::default() })
    }
}

/// By what the person who goes is known, where they have a number.
#[derive(Debug, Args)]
pub(super) struct Other {
    /// A file with the BSN of the other one in it, or - for standard input
    #[arg(long, value_name = "FILE")]
    other_bsn_file: Option<PathBuf>,
    /// Or the patient number of the other one
    #[arg(long)]
    other_patient_number: Option<PatientNumber>,
}

impl Other {
    /// What is known of both.
    pub(super) fn and(self, known: Known) -> Result<Known, Fault> {
        let other_bsn = self.other_bsn_file.as_deref().map(read_bsn).transpose()?;
        Ok(Known { other_bsn, other_number: self.other_patient_number, ..known })
    }
}

pub(super) async fn approve(
    store: &Store,
    (id, right, by): (String, Right, String),
    to: (&mut impl Write, bool),
    now: Timestamp,
) -> Result<(), Fault> {
    let id = CorrectionId::from_stored(id);
    show(to, flow::approve(store, &staff(&by)?, &id, &right, now).await, now)
}

pub(super) async fn propose(
    store: &Store,
    (person, right, seen): (String, Right, Seen),
    to: (&mut impl Write, bool),
    now: Timestamp,
) -> Result<(), Fault> {
    let (person, by) = (PersonId::from_stored(person), staff(&seen.by)?);
    let proposed = flow::propose(store, &by, &person, (&right, &seen.evidence_reference), now).await;
    show(to, proposed, now)
}

pub(super) async fn withdraw(
    store: &Store,
    (id, by): (String, String),
    to: (&mut impl Write, bool),
    now: Timestamp,
) -> Result<(), Fault> {
    let id = CorrectionId::from_stored(id);
    show(to, flow::withdraw(store, &staff(&by)?, &id, now).await, now)
}

pub(super) async fn list(
    store: &Store,
    (person, by): (String, String),
    (out, json): (&mut impl Write, bool),
    now: Timestamp,
) -> Result<(), Fault> {
    let found = flow::of(store, &by, &PersonId::from_stored(person), now).await.map_err(told)?;
    if json {
        writeln!(out, "{:#}", found.iter().map(|one| as_json(one, now)).collect::<Value>())?;
    } else {
        as_table(out, &found, now)?;
    }
    Ok(())
}

/// The same, with the command that helps on.
fn told(why: NotDone) -> Fault {
    match why {
        NotDone::NoPerson => Unknown::Person.into(),
        NotDone::Decided(NotDecided::Unknown) => Unknown::Correction.into(),
        why => why.into(),
    }
}

fn show(
    (out, json): (&mut impl Write, bool),
    done: Result<Correction, NotDone>,
    now: Timestamp,
) -> Result<(), Fault> {
    let correction = done.map_err(told)?;
    if json {
        writeln!(out, "{:#}", as_json(&correction, now))?;
        return Ok(());
    }
    let waits = correction.stage(now) == Stage::Waiting;
    as_table(out, std::slice::from_ref(&correction), now)?;
    if waits {
        let command = if correction.other.is_some() { "approve-same-person" } else { "approve" };
        writeln!(out, "Nothing has changed yet: someone else must look and run `namens persons {command}`.")?;
    }
    Ok(())
}

fn as_table(out: &mut impl Write, all: &[Correction], now: Timestamp) -> std::io::Result<()> {
    writeln!(
        out,
        "{:22}  {:14}  {:10}  {:9}  {:20}  PROPOSED BY",
        "CORRECTION", "OF", "RIGHT", "STAGE", "PROPOSED"
    )?;
    for one in all {
        let (id, what, stage) = (one.id.as_str(), one.what.as_str(), one.stage(now).as_str());
        let number = one.number.as_ref().map(ToString::to_string);
        let born = one.birth.map(|birth| birth.to_string()).or(number).unwrap_or_default();
        let (at, by) = (one.proposed_at.rfc3339(), &one.proposed_by);
        writeln!(out, "{id:22}  {what:14}  {born:10}  {stage:9}  {at:20}  {by}")?;
    }
    Ok(())
}
