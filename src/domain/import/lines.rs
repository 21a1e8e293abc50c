//! A line as it is understood.

use std::str::FromStr;

use super::{Finding, Row, Why};
use crate::domain::{
    birth::BirthDate,
    bsn::Bsn,
    calendar::{parse_day, parse_instant},
    id::PersonId,
    line::one_line,
    mandate::{Document, DocumentKind, Mandate},
    meant::OnRecord,
    patient_number::PatientNumber,
    registration::{Form, Shown},
    staff::department,
    time::Timestamp,
};

/// A person as a line tells of them.
#[derive(Debug)]
pub struct PersonLine {
    /// What the healthcare provider calls them by.
    pub number: Option<PatientNumber>,
    /// The BSN.
    pub bsn: Option<Bsn>,
    /// The name.
    pub name: String,
    /// The date of birth, as far as known.
    pub birth: Option<BirthDate>,
}

/// A mandate as a line tells of it. Its two people are not looked up yet.
#[derive(Debug)]
pub struct MandateLine {
    /// Who will act: bound by their BSN at the first login with DigiD (M1).
    pub representative: Bsn,
    /// The BSN of the person represented.
    pub bsn: Option<Bsn>,
    /// Their patient number.
    pub number: Option<PatientNumber>,
    /// Their date of birth, which must be the one on record: who approves the lines tells it so again (M11).
    pub born: BirthDate,
    /// The form, of nobody and registered by nobody yet.
    pub form: Form,
}

/// Reads the cells of a row one by one, and gathers what is wrong with them.
struct Cells<'a> {
    row: &'a Row,
    found: Vec<Finding>,
}

impl<'a> Cells<'a> {
    fn of(row: &'a Row) -> Self {
        Self { row, found: Vec::new() }
    }

    fn wrong(&mut self, column: Option<&'static str>, why: Why) {
        self.found.push(Finding { line: self.row.line, column, why });
    }

    /// What a cell says, where it says something that can be read.
    fn maybe<T, E: Into<Why>>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match self.row.cell(column).map(read)? {
            Ok(value) => Some(value),
            Err(why) => {
                self.wrong(Some(column), why.into());
                None
            }
        }
    }

    /// The same of a cell that may not be empty.
    fn must<T, E: Into<Why>>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if self.row.cell(column).is_none() {
            self.wrong(Some(column), Why::Missing);
        }
        self.maybe(column, read)
    }

    fn document(&mut self, [kind, valid_until, checked]: [&'static str; 3]) -> Option<Shown> {
        let kind = self.must(kind, DocumentKind::from_str);
        let valid_until = self.must(valid_until, |text| parse_day(text).ok_or(Why::Day));
        let checked = self.must(checked, yes);
        Some(Shown { kind: kind?, valid_until: valid_until?, checked: checked? })
    }

    /// What was read, if nothing was wrong.
    fn end<T>(self, read: Option<T>) -> Result<T, Vec<Finding>> {
        read.filter(|_| self.found.is_empty()).ok_or(self.found)
    }
}

fn yes(text: &str) -> Result<bool, Why> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "ja" | "true" => Ok(true),
        "no" | "nee" | "false" => Ok(false),
        _ => Err(Why::YesOrNo),
    }
}

/// Reads a line of a person. Errors: all that is wrong with its cells.
pub fn person_line(row: &Row, now: Timestamp) -> Result<PersonLine, Vec<Finding>> {
    let mut cells = Cells::of(row);
    let number = cells.maybe("patient_number", PatientNumber::from_str);
    let bsn = cells.maybe("bsn", Bsn::parse);
    let birth = cells.maybe("birth_date", |text| BirthDate::read(text, now));
    let name = cells.must("name", one_line);
    if row.cell("bsn").is_none() && row.cell("patient_number").is_none() {
        cells.wrong(None, Why::NoNumber);
    }
    cells.end(name.map(|name| PersonLine { number, bsn, name, birth }))
}

/// Reads a line of a mandate. Errors: all that is wrong with its cells.
pub fn mandate_line(row: &Row, now: Timestamp) -> Result<MandateLine, Vec<Finding>> {
    let mut cells = Cells::of(row);
    let read = mandate(&mut cells, now);
    cells.end(read)
}

/// Every cell is read before any of them is missed, so that all that is wrong is told.
fn mandate(cells: &mut Cells<'_>, now: Timestamp) -> Option<MandateLine> {
    let representative = cells.must("representative_bsn", Bsn::parse);
    let bsn = cells.maybe("represented_bsn", Bsn::parse);
    let number = cells.maybe("represented_patient_number", PatientNumber::from_str);
    let born = cells.must("represented_birth_date", |text| BirthDate::read(text, now));
    let has = |column| cells.row.cell(column).is_some();
    if !has("represented_bsn") && !has("represented_patient_number") {
        cells.wrong(None, Why::NoNumber);
    }
    let relation = cells.must("relation", FromStr::from_str);
    let legal_basis = cells.must("legal_basis", one_line);
    let evidence = cells.must("evidence", FromStr::from_str);
    let representative_document = cells.document([
        "representative_document",
        "representative_document_valid_until",
        "representative_document_checked",
    ]);
    let represented_document = cells.document([
        "represented_document",
        "represented_document_valid_until",
        "represented_document_checked",
    ]);
    let form_reference = cells.must("form_reference", one_line);
    let grantor_agrees = cells.maybe("grantor_agrees", yes).unwrap_or(false);
    let instant = |text: &str| parse_instant(text).ok_or(Why::Instant);
    let (starts, ends) = (cells.maybe("starts", instant), cells.maybe("ends", instant));
    let department = cells.maybe("department", department);
    let nobody = || PersonId::from_stored("");
    let form = Form {
        representative: nobody(),
        represented: nobody(),
        relation: relation?,
        legal_basis: legal_basis?,
        evidence,
        representative_document,
        represented_document,
        form_reference: form_reference?,
        grantor_agrees,
        starts,
        ends,
        department,
        registered_by: String::new(),
    };
    Some(MandateLine { representative: representative?, bsn, number, born: born?, form })
}

/// Somebody who is registered.
#[derive(Debug, Clone)]
pub struct Known {
    /// Who.
    pub id: PersonId,
    /// The date of birth on record.
    pub birth: Option<BirthDate>,
    /// Under what their BSN is found (`store::vault`).
    pub bsn: Option<Vec<u8>>,
    /// The patient number on record.
    pub number: Option<PatientNumber>,
}

impl OnRecord for &Known {
    fn id(&self) -> &PersonId {
        &self.id
    }

    fn birth(&self) -> Option<BirthDate> {
        self.birth
    }

    fn number(&self) -> Option<&PatientNumber> {
        self.number.as_ref()
    }
}

/// Whether a form says what was registered from it. When it begins is compared only where the form tells.
pub fn is_same(form: &Form, mandate: &Mandate) -> bool {
    let shown = |shown: Option<Shown>| shown.map(|s| Document { kind: s.kind, valid_until: s.valid_until });
    one_line(&form.legal_basis).is_ok_and(|basis| basis == mandate.legal_basis)
        && form.evidence == Some(mandate.evidence)
        && shown(form.representative_document) == mandate.representative_document
        && shown(form.represented_document) == mandate.represented_document
        && form.starts.is_none_or(|starts| starts == mandate.starts)
        && form.ends == mandate.ends
}
