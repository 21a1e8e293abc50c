//! `namens persons`: the people the desk knows.

mod corrections;

use std::{
    fs::File,
    io::{Read, Write, stdin},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{By, unnamed};
use crate::{
    domain::{
        birth::BirthDate,
        bsn::Bsn,
        correction::Right,
        fault::Fault,
        id::PersonId,
        line::{one_line, staff},
        patient_number::PatientNumber,
        time::Timestamp,
    },
    flows::admin_persons::{as_json, list, register, shown},
    store::{
        Store,
        persons::{Person, Told},
    },
};

/// How many persons a list shows at once.
const PAGE: u16 = 200;

/// The people the desk knows: who can be represented, and who can represent
#[derive(Debug, Args)]
pub struct PersonsCommand {
    #[command(subcommand)]
    act: Act,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Register a person after checking an identity document
    Add {
        /// What the desk calls them
        #[arg(long)]
        name: String,
        /// 2010-07-01, or 2010-07 or 2010 when the rest is not known. Without it there can be no mandate for this person
        #[arg(long)]
        birth_date: Option<String>,
        /// A file with the BSN in it, or - to read it from standard input (an argument could be seen by others)
        #[arg(long, value_name = "FILE")]
        bsn_file: Option<PathBuf>,
        /// What the healthcare provider calls them by: the desk finds them by it
        #[arg(long)]
        patient_number: Option<PatientNumber>,
        /// The member of staff who checked it
        #[arg(long, value_name = "STAFF")]
        by: String,
    },
    /// List persons, 200 at a time
    List {
        /// Go on after the person with this id
        #[arg(long, value_name = "ID", allow_hyphen_values = true)]
        after: Option<String>,
        #[command(flatten)]
        by: By,
    },
    /// Show one person, by id or by BSN
    Show {
        /// The person's id
        #[arg(allow_hyphen_values = true, required_unless_present = "bsn_file")]
        id: Option<String>,
        /// A file with the BSN in it, or - for standard input
        #[arg(long, value_name = "FILE", conflicts_with = "id")]
        bsn_file: Option<PathBuf>,
        #[command(flatten)]
        by: By,
    },
    /// Record or correct a date of birth, once somebody else approves it. A mandate of a parent that has lapsed stays lapsed
    SetBirthDate {
        /// The person's id
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// 2010-07-01, or 2010-07 or 2010 when the rest is not known
        birth_date: String,
        #[command(flatten)]
        seen: Seen,
    },
    /// Record or correct a BSN, once somebody else approves it. One that DigiD proved stays
    SetBsn {
        /// The person's id
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// A file with the BSN in it, or - for standard input
        #[arg(long, value_name = "FILE")]
        bsn_file: PathBuf,
        #[command(flatten)]
        seen: Seen,
    },
    /// Record that another person is the same one, once somebody else approves it: that one becomes part of this one
    SamePerson {
        /// The id of the person who remains: the one with an account, if one has
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// The id of the other one
        #[arg(long, value_name = "ID", allow_hyphen_values = true)]
        other: String,
        #[command(flatten)]
        known: corrections::By,
        #[command(flatten)]
        seen: Seen,
    },
    /// Record or correct a patient number, once somebody else approves it: who has the wrong one is found in another's place
    SetPatientNumber {
        /// The person's id
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// The right one
        patient_number: PatientNumber,
        #[command(flatten)]
        seen: Seen,
    },
    /// List the corrections of a person, the newest first
    Corrections {
        /// The person's id
        #[arg(allow_hyphen_values = true)]
        id: String,
        #[command(flatten)]
        by: By,
    },
    /// Approve a correction that somebody else proposed, after looking at the evidence: it counts from now on
    Approve(corrections::Approve),
    /// Approve that two persons are one, after looking at the evidence: it cannot be undone
    ApproveSamePerson {
        /// The correction
        #[arg(allow_hyphen_values = true)]
        correction: String,
        #[command(flatten)]
        known: corrections::By,
        #[command(flatten)]
        of_other: corrections::Other,
        /// The member of staff: another one than who proposed it
        #[arg(long, value_name = "STAFF")]
        by: String,
    },
    /// Take a correction back that waits
    Withdraw {
        /// The correction
        #[arg(allow_hyphen_values = true)]
        correction: String,
        /// The member of staff
        #[arg(long, value_name = "STAFF")]
        by: String,
    },
}

/// What a proposal rests on.
#[derive(Debug, Args)]
struct Seen {
    /// Where the evidence is kept, such as a copy of the form or an extract of the register of persons
    #[arg(long)]
    evidence_reference: String,
    /// The member of staff who saw it
    #[arg(long, value_name = "STAFF")]
    by: String,
}

/// What the operator asked that cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// No person of that id or BSN.
    #[error("there is no such person: see `namens persons list`")]
    Person,
    /// No mandate of that id.
    #[error("there is no such mandate: see `namens mandates list`")]
    Mandate,
    /// No correction of that id.
    #[error(
        "there is no such correction, or nobody approved it in thirty days: see `namens persons corrections`"
    )]
    Correction,
}

impl PersonsCommand {
    /// Runs the command and writes its answer to `out`.
    pub async fn run(self, store: &Store, out: &mut impl Write, now: Timestamp) -> Result<(), Fault> {
        let (persons, one) = match self.act {
            Act::Add { name, birth_date, bsn_file, patient_number, by } => {
                let by = staff(&by)?;
                let birth = birth_date.map(|text| BirthDate::read(&text, now)).transpose()?;
                let bsn = bsn_file.as_deref().map(read_bsn).transpose()?;
                let told = Told { name: one_line(&name).map_err(unnamed)?, birth, bsn, patient_number };
                (vec![register(store, &by, told, now).await??], true)
            }
            Act::List { after, by } => {
                let after = after.map(PersonId::from_stored);
                (list(store, &by.name()?, (after.as_ref(), PAGE), now).await?, false)
            }
            Act::Show { id: Some(id), by, .. } => {
                let found = shown(store, &by.name()?, &PersonId::from_stored(id), now).await?;
                (vec![found.ok_or(Unknown::Person)?], true)
            }
            Act::Show { id: None, bsn_file, by } => {
                let by = by.name()?;
                let bsn = read_bsn(bsn_file.as_deref().unwrap_or(Path::new("-")))?;
                (vec![store.find_person(&bsn, Some(&by), now).await?.ok_or(Unknown::Person)?], true)
            }
            Act::SetBirthDate { id, birth_date, seen } => {
                let right = Right::BirthDate(BirthDate::read(&birth_date, now)?);
                return corrections::propose(store, (id, right, seen), (out, self.json), now).await;
            }
            Act::SetBsn { id, bsn_file, seen } => {
                let right = Right::Bsn(read_bsn(&bsn_file)?);
                return corrections::propose(store, (id, right, seen), (out, self.json), now).await;
            }
            Act::SamePerson { id, other, known, seen } => {
                let right = Right::SamePerson(known.known(Some(PersonId::from_stored(other)), now)?);
                return corrections::propose(store, (id, right, seen), (out, self.json), now).await;
            }
            Act::ApproveSamePerson { correction, known, of_other, by } => {
                let right = Right::SamePerson(of_other.and(known.known(None, now)?)?);
                return corrections::approve(store, (correction, right, by), (out, self.json), now).await;
            }
            Act::SetPatientNumber { id, patient_number, seen } => {
                let right = Right::PatientNumber(patient_number);
                return corrections::propose(store, (id, right, seen), (out, self.json), now).await;
            }
            Act::Corrections { id, by } => {
                return corrections::list(store, (id, by.name()?), (out, self.json), now).await;
            }
            Act::Approve(approve) => return approve.run(store, (out, self.json), now).await,
            Act::Withdraw { correction, by } => {
                return corrections::withdraw(store, (correction, by), (out, self.json), now).await;
            }
        };
        match (self.json, one) {
            (true, true) => writeln!(out, "{:#}", persons.first().map(as_json).unwrap_or_default())?,
            (true, false) => writeln!(out, "{:#}", persons.iter().map(as_json).collect::<Value>())?,
            (false, _) => as_table(out, &persons)?,
        }
        Ok(())
    }
}

fn as_table(out: &mut impl Write, persons: &[Person]) -> std::io::Result<()> {
    writeln!(out, "{:22}  {:10}  {:3}  NAME", "PERSON", "BORN", "BSN")?;
    for person in persons {
        let birth = person.birth.map_or("unknown".to_owned(), |birth| birth.to_string());
        let bsn = if person.has_bsn { "yes" } else { "no" };
        writeln!(out, "{:22}  {birth:10}  {bsn:3}  {}", person.id.as_str(), person.name)?;
    }
    Ok(())
}

/// A file from which no BSN can be read. Nothing of what stands in it is told.
#[derive(Debug, thiserror::Error)]
#[error("no BSN can be read from {}: {why}", path.display())]
struct Unreadable {
    path: PathBuf,
    why: Fault,
}

/// Reads a BSN from a file, or from standard input for `-`. Never more than a line is read.
pub(super) fn read_bsn(path: &Path) -> Result<Bsn, Fault> {
    let read = || {
        let mut text = Zeroizing::new(String::new());
        if path == Path::new("-") {
            stdin().take(64).read_to_string(&mut text)?;
        } else {
            File::open(path)?.take(64).read_to_string(&mut text)?;
        }
        Ok::<_, Fault>(Bsn::parse(&text)?)
    };
    Ok(read().map_err(|why| Unreadable { path: path.to_owned(), why })?)
}
