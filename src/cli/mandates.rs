//! `namens mandates`: what the desk does with mandates.

mod blocks;
mod special;

use std::{io::Write, path::PathBuf};

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use serde_json::Value;

use self::{blocks::Pair, special::Special};
use super::{
    By,
    persons::{Unknown, read_bsn},
};
use crate::{
    domain::{
        birth::BirthDate,
        calendar::{parse_day, parse_instant},
        consent::{Party, Word},
        fault::Fault,
        four_eyes::Recognised,
        id::{MandateId, PersonId},
        line::{NotStaff, staff},
        mandate::{DocumentKind, Evidence, Refusal, Relation, Standing},
        patient_number::PatientNumber,
        registration::{Form, Shown},
        staff::department,
        time::Timestamp,
    },
    flows::{
        admin_mandates::{self as flow, NotDone, as_json, until},
        admin_persons::mandates_as,
    },
    store::{Store, mandates::Listed},
};

/// Mandates: who may act for whom
#[derive(Debug, Args)]
pub struct MandatesCommand {
    #[command(subcommand)]
    act: Act,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Register a mandate after checking both identity documents and the authority. It counts once somebody else approves it
    Register(Box<Register>),
    /// Approve what somebody else registered, after looking at the form and the documents: it counts from now on
    Approve(Approve),
    /// List the mandates a person holds, or those given for a person
    List {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        by: By,
    },
    /// Refuse what waits for approval, for good: it never counts
    Refuse {
        /// The mandate
        #[arg(allow_hyphen_values = true)]
        mandate: String,
        /// `documents`, `evidence`, `form`, or `mistake`: not wanted any more, or asked for by mistake
        #[arg(long)]
        why: Refusal,
        /// The member of staff
        #[arg(long, value_name = "STAFF")]
        by: String,
    },
    /// Revoke a mandate for good, at once. The answer names what else gives access to the same record
    Revoke {
        /// The mandate
        #[arg(allow_hyphen_values = true)]
        mandate: String,
        /// The member of staff
        #[arg(long, value_name = "STAFF")]
        by: String,
    },
    /// Record that someone agrees, as a member of staff heard it
    Consent(Said),
    /// Record that someone agrees no longer: it works at once
    Withdraw(Said),
    /// For somebody of 12 or older who cannot decide for themselves: what stands in the place of their agreement
    #[command(subcommand)]
    Special(Special),
    /// Keep one person out of another's record at once and silently, whatever the mandate
    Block {
        #[command(flatten)]
        pair: Pair,
        /// Why, for the privacy officer
        #[arg(long)]
        reason: String,
    },
    /// Lift a block. Someone else than who placed it must do so
    Unblock(Pair),
    /// List who is kept out of somebody's record, and why. Show it to neither of the two: a block is silent
    Blocks {
        /// Of whose record
        #[arg(long, value_name = "PERSON", allow_hyphen_values = true)]
        represented: String,
        #[command(flatten)]
        by: By,
    },
}

/// What you read in the documents, of each what is on record
#[derive(Debug, Args)]
struct Approve {
    /// The mandate
    #[arg(allow_hyphen_values = true)]
    mandate: String,
    /// A file with the BSN of the representative in it, or - for standard input
    #[arg(long, value_name = "FILE")]
    representative_bsn_file: Option<PathBuf>,
    /// The date of birth of the person represented
    #[arg(long, value_name = "DAY")]
    represented_birth_date: Option<String>,
    /// A file with their BSN in it, or -, where one is on record
    #[arg(long, value_name = "FILE")]
    represented_bsn_file: Option<PathBuf>,
    /// Their patient number, where one is on record and no BSN is
    #[arg(long, value_name = "NUMBER")]
    represented_patient_number: Option<PatientNumber>,
    /// The member of staff: another one than who registered it
    #[arg(long, value_name = "STAFF")]
    by: String,
}

impl Approve {
    fn recognised(&self, now: Timestamp) -> Result<Recognised, Fault> {
        let bsn = |file: &Option<PathBuf>| file.as_deref().map(read_bsn).transpose();
        let birth = self.represented_birth_date.as_deref();
        Ok(Recognised {
            representative_bsn: bsn(&self.representative_bsn_file)?,
            represented_birth: birth.map(|text| BirthDate::read(text, now)).transpose()?,
            represented_bsn: bsn(&self.represented_bsn_file)?,
            represented_number: self.represented_patient_number.clone(),
        })
    }
}

#[derive(Debug, Args)]
struct Register {
    /// Who will act: a person's id
    #[arg(long, value_name = "PERSON", allow_hyphen_values = true)]
    representative: String,
    /// For whom: a person's id
    #[arg(long, value_name = "PERSON", allow_hyphen_values = true)]
    represented: String,
    /// `parent`, `guardian`, `curator`, `mentor` or `authorised`
    #[arg(long)]
    relation: Relation,
    /// The ground in law, such as "art. 1:247 BW"
    #[arg(long)]
    legal_basis: String,
    /// What proves the authority: `parental_authority`, `court_order` or `signed_form`
    #[arg(long)]
    evidence: Option<Evidence>,
    /// `passport`, `identity_card`, `driving_licence` or `residence_permit`
    #[arg(long, value_name = "KIND", requires = "representative_document_valid_until")]
    representative_document: Option<DocumentKind>,
    /// Its last valid day
    #[arg(long, value_name = "DAY", value_parser = day)]
    representative_document_valid_until: Option<NaiveDate>,
    /// You looked at the document and at the representative
    #[arg(long)]
    representative_document_checked: bool,
    /// `passport`, `identity_card`, `driving_licence` or `residence_permit`
    #[arg(long, value_name = "KIND", requires = "represented_document_valid_until")]
    represented_document: Option<DocumentKind>,
    /// Its last valid day
    #[arg(long, value_name = "DAY", value_parser = day)]
    represented_document_valid_until: Option<NaiveDate>,
    /// You looked at the document and at the person represented
    #[arg(long)]
    represented_document_checked: bool,
    /// Where the signed paper form is kept
    #[arg(long)]
    form_reference: String,
    /// The person represented told you that they agree (for `authorised`)
    #[arg(long)]
    grantor_agrees: bool,
    /// The first day on which it counts, or an instant such as 2026-07-01T09:00:00Z; at once when left out
    #[arg(long, value_name = "WHEN", value_parser = instant)]
    starts: Option<Timestamp>,
    /// The first day on which it counts no longer, or an instant
    #[arg(long, value_name = "WHEN", value_parser = instant)]
    ends: Option<Timestamp>,
    /// The department whose forecast of birthdays shows it; without one every department's does
    #[arg(long, value_parser = department)]
    department: Option<String>,
    /// The member of staff
    #[arg(long, value_name = "STAFF")]
    by: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Whose {
    /// Those with which this person may act for others
    #[arg(long, value_name = "PERSON", allow_hyphen_values = true)]
    representative: Option<String>,
    /// Those with which others may act for this person
    #[arg(long, value_name = "PERSON", allow_hyphen_values = true)]
    represented: Option<String>,
}

#[derive(Debug, Args)]
struct Said {
    /// The mandate
    #[arg(allow_hyphen_values = true)]
    mandate: String,
    /// Who said it: representative or represented
    #[arg(long)]
    party: Party,
    /// The member of staff who heard it
    #[arg(long, value_name = "STAFF")]
    attested_by: String,
}

impl MandatesCommand {
    /// Runs the command and writes its answer to `out`.
    pub async fn run(self, store: &Store, out: &mut impl Write, now: Timestamp) -> Result<(), Fault> {
        let json = self.json;
        match self.act {
            Act::Register(form) => {
                let form = form.read()?;
                let by = form.registered_by.clone();
                show(out, json, flow::register(store, &by, form, now).await)
            }
            Act::List { whose: Whose { representative, represented }, by } => {
                let (id, party) = match (representative, represented) {
                    (Some(id), _) => (id, Party::Representative),
                    (None, id) => (id.unwrap_or_default(), Party::Represented),
                };
                let id = PersonId::from_stored(id);
                let listed = mandates_as(store, &by.name()?, (&id, party), now).await?;
                if json {
                    writeln!(out, "{:#}", listed.iter().map(as_json).collect::<Value>())?;
                } else {
                    as_table(out, &listed)?;
                }
                Ok(())
            }
            Act::Approve(told) => {
                let (read, by) = (told.recognised(now)?, staff(&told.by)?);
                let id = MandateId::from_stored(told.mandate);
                show(out, json, flow::approve(store, &by, &id, &read, now).await)
            }
            Act::Revoke { mandate, by } => {
                let id = MandateId::from_stored(mandate);
                let revoked = flow::revoke(store, &staff(&by)?, &id, now).await.map_err(told)?;
                let others = flow::others(store, &revoked.mandate, now).await?;
                show_revoked(out, json, revoked, &others)
            }
            Act::Refuse { mandate, why, by } => {
                let id = MandateId::from_stored(mandate);
                show(out, json, flow::refuse(store, &staff(&by)?, &id, why, now).await)
            }
            Act::Consent(said) => show(out, json, said.record(Word::Agreed, store, now).await?),
            Act::Withdraw(said) => show(out, json, said.record(Word::Withdrawn, store, now).await?),
            Act::Special(special) => show(out, json, special.run(store, now).await?),
            Act::Block { pair, reason } => {
                let (pair, by) = pair.read()?;
                flow::block(store, &by, &pair, &reason, now).await.map_err(told)?;
                blocks::placed(out, json, true)
            }
            Act::Unblock(pair) => {
                let (pair, by) = pair.read()?;
                flow::unblock(store, &by, &pair, now).await.map_err(told)?;
                blocks::placed(out, json, false)
            }
            Act::Blocks { represented, by } => {
                let (whose, by) = (PersonId::from_stored(represented), by.name()?);
                blocks::list(out, json, &flow::blocks(store, &by, &whose, now).await.map_err(told)?)
            }
        }
    }
}

impl Register {
    /// The form as it was filled in; the rules judge it.
    fn read(self) -> Result<Form, NotStaff> {
        let shown = |kind: Option<DocumentKind>, valid_until: Option<NaiveDate>, checked| {
            Some(Shown { kind: kind?, valid_until: valid_until?, checked })
        };
        Ok(Form {
            representative: PersonId::from_stored(self.representative),
            represented: PersonId::from_stored(self.represented),
            relation: self.relation,
            legal_basis: self.legal_basis,
            evidence: self.evidence,
            representative_document: shown(
                self.representative_document,
                self.representative_document_valid_until,
                self.representative_document_checked,
            ),
            represented_document: shown(
                self.represented_document,
                self.represented_document_valid_until,
                self.represented_document_checked,
            ),
            form_reference: self.form_reference,
            grantor_agrees: self.grantor_agrees,
            starts: self.starts,
            ends: self.ends,
            department: self.department,
            registered_by: staff(&self.by)?,
        })
    }
}

impl Said {
    async fn record(
        self,
        word: Word,
        store: &Store,
        now: Timestamp,
    ) -> Result<Result<Listed, NotDone>, NotStaff> {
        let (id, by) = (MandateId::from_stored(self.mandate), staff(&self.attested_by)?);
        Ok(flow::record(store, &by, &id, (self.party, word), now).await)
    }
}

/// The same, with the command that helps on.
fn told(why: NotDone) -> Fault {
    match why {
        NotDone::NoPerson => Unknown::Person.into(),
        NotDone::NoMandate => Unknown::Mandate.into(),
        why => why.into(),
    }
}

/// Writes one mandate as it stands after the command.
fn show(out: &mut impl Write, json: bool, done: Result<Listed, NotDone>) -> Result<(), Fault> {
    let listed = done.map_err(told)?;
    if json {
        writeln!(out, "{:#}", as_json(&listed))?;
    } else {
        as_table(out, &[listed])?;
    }
    Ok(())
}

/// Writes one that was revoked, and by what access to the same record goes on.
fn show_revoked(
    out: &mut impl Write,
    json: bool,
    revoked: Listed,
    others: &[MandateId],
) -> Result<(), Fault> {
    if json {
        writeln!(out, "{:#}", flow::revoked_as_json(&revoked, others))?;
        return Ok(());
    }
    let (who, whom) = (revoked.representative_name.clone(), revoked.represented_name.clone());
    as_table(out, &[revoked])?;
    for other in others {
        writeln!(
            out,
            "  {who} still has access for {whom} by {other}: revoke that too where all of it is to end"
        )?;
    }
    Ok(())
}

fn as_table(out: &mut impl Write, listed: &[Listed]) -> std::io::Result<()> {
    writeln!(out, "{:22}  {:10}  {:16}  {:20}  WHO FOR WHOM", "MANDATE", "RELATION", "STANDING", "UNTIL")?;
    for one in listed {
        let until = until(one).map(Timestamp::rfc3339).unwrap_or_default();
        let (id, relation) = (one.mandate.id.as_str(), one.mandate.relation.as_str());
        let standing = one.standing.as_str();
        let (who, whom) = (&one.representative_name, &one.represented_name);
        writeln!(out, "{id:22}  {relation:10}  {standing:16}  {until:20}  {who} for {whom}")?;
        if let Some(end) = one.waits_until.filter(|_| one.standing == Standing::AwaitingApproval) {
            let end = end.rfc3339();
            writeln!(out, "  counts not before someone else runs `namens mandates approve`, until {end}")?;
        }
        for basis in &one.mandate.special {
            special::as_line(out, basis)?;
        }
    }
    Ok(())
}

fn day(text: &str) -> Result<NaiveDate, &'static str> {
    parse_day(text).ok_or("write a day as 2026-07-01")
}

fn instant(text: &str) -> Result<Timestamp, &'static str> {
    parse_instant(text).ok_or("write a day as 2026-07-01, or an instant as 2026-07-01T09:00:00Z")
}

#[cfg(test)]
mod tests;
