//! Persons and mandates from another system (docs/import.md): what a line holds, and what may be wrong with one. Whoever tells them, a file or
//! a program, tells the same columns, and the same rules judge them.

mod lines;
mod seen;

use std::fmt;

use aws_lc_rs::digest;

pub use self::{
    lines::{Known, MandateLine, PersonLine, is_same, mandate_line, person_line},
    seen::Seen,
};
use super::{
    birth::NotABirthDate, bsn::NotABsn, line::NotALine, patient_number::NotAPatientNumber, registration,
    secret::Secret, staff::NotADepartment, words::UnknownWord, words::words,
};

/// The most lines of one import.
pub const MOST_LINES: u64 = 2_000_000;

/// The most that is written at once unless whoever imports says that others may wait: nobody can log in, block or revoke meanwhile.
pub const MOST_AT_ONCE: u64 = 50_000;

/// Whether so much keeps others waiting longer than they do.
pub fn is_long(new: u64) -> bool {
    new > MOST_AT_ONCE
}

words! {
    /// What is imported.
    What {
        /// Persons, with their dates of birth.
        Persons = "persons",
        /// Mandates between persons who are known.
        Mandates = "mandates",
    }
}

impl What {
    /// Every column, in the order of a [`Row`]'s cells.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Persons => &["patient_number", "bsn", "name", "birth_date"],
            Self::Mandates => &[
                "representative_bsn",
                "represented_bsn",
                "represented_patient_number",
                "represented_birth_date",
                "relation",
                "legal_basis",
                "evidence",
                "representative_document",
                "representative_document_valid_until",
                "representative_document_checked",
                "represented_document",
                "represented_document_valid_until",
                "represented_document_checked",
                "form_reference",
                "grantor_agrees",
                "starts",
                "ends",
                "department",
            ],
        }
    }

    /// Whether a file may leave the whole column out.
    pub fn may_lack(self, column: &str) -> bool {
        match self {
            Self::Persons => column != "name",
            Self::Mandates => [
                "represented_bsn",
                "represented_patient_number",
                "grantor_agrees",
                "starts",
                "ends",
                "department",
            ]
            .contains(&column),
        }
    }
}

/// One line as it was told: nothing of it is believed yet. A cell may hold a BSN.
#[derive(Debug, Clone)]
pub struct Row {
    line: u64,
    what: What,
    cells: Vec<Secret>,
}

impl Row {
    /// A line by its number, with a cell for each of [`What::columns`]; an empty one says nothing.
    pub fn new(line: u64, what: What, cells: Vec<Secret>) -> Self {
        Self { line, what, cells }
    }

    /// Its number.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// What a cell says.
    fn cell(&self, column: &str) -> Option<&str> {
        let place = self.what.columns().iter().position(|one| *one == column)?;
        self.cells.get(place).map(|cell| cell.expose().trim()).filter(|text| !text.is_empty())
    }
}

/// The SHA-256 of lines: the same whatever separates their cells and in whichever order their columns stand. It tells of a single line
/// with a BSN, as there are not many of those: whoever keeps it hashes it again under a key.
pub struct Digest(digest::Context);

impl Default for Digest {
    fn default() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }
}

impl Digest {
    /// Takes a line in.
    pub fn add(&mut self, row: &Row) {
        self.0.update(row.what.as_str().as_bytes());
        for column in row.what.columns() {
            let cell = row.cell(column).unwrap_or_default().as_bytes();
            self.0.update(&u64::try_from(cell.len()).unwrap_or(u64::MAX).to_be_bytes());
            self.0.update(cell);
        }
    }

    /// That of all lines.
    pub fn finish(self) -> Secret {
        Secret::new(base16ct::lower::encode_string(self.0.finish().as_ref()))
    }
}

/// What is wrong with a line, and in which column. It never repeats what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// The line: of a file as an editor counts them, of a request the place of the row.
    pub line: u64,
    /// The column, where it is of one.
    pub column: Option<&'static str>,
    /// What.
    pub why: Why,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, why } = self;
        match column {
            Some(column) => write!(f, "line {line}, {column}: {why}"),
            None => write!(f, "line {line}: {why}"),
        }
    }
}

/// Why a line cannot be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum Why {
    #[error("this line has {0} cells and the first line {1}: is a separator or a quotation mark missing?")]
    Cells(usize, usize),
    #[error("this is no UTF-8: save the file as \"CSV UTF-8\"")]
    NotUtf8,
    #[error("this line does not end within 64 KiB: is a quotation mark missing? What follows was not read")]
    TooLong,
    #[error("a file may have at most 2 000 000 lines: make several of it. What follows was not read")]
    TooMany,
    #[error("fill this in")]
    Missing,
    #[error("{0}")]
    Birth(NotABirthDate),
    #[error("{0}")]
    Bsn(NotABsn),
    #[error("{0}")]
    Number(NotAPatientNumber),
    #[error("{0}")]
    Line(NotALine),
    #[error("{0}")]
    Word(UnknownWord),
    #[error("{0}")]
    Department(NotADepartment),
    #[error("write a day as 2026-07-01")]
    Day,
    #[error("write a day as 2026-07-01, or an instant as 2026-07-01T09:00:00Z")]
    Instant,
    #[error("write yes or no")]
    YesOrNo,
    #[error("give a BSN or a patient number, so that this person can be found again")]
    NoNumber,
    #[error("line {0} tells of the same: leave one of the two out")]
    Twice(u64),
    #[error("the BSN and the patient number are two people's: look which one is right")]
    TwoPeople,
    #[error(
        "this is not what is recorded of this person: recording another or a first one takes two (`namens persons set-bsn`)"
    )]
    OtherBsn,
    #[error("this is not what is recorded of this person, and no import changes that")]
    OtherNumber,
    #[error(
        "this is not what is recorded of this person: recording another one takes two (`namens persons set-birth-date`)"
    )]
    OtherBirth,
    #[error(
        "no date of birth is recorded of this person, and another one than this waits for a second pair of eyes: look which one is right"
    )]
    BirthWaits,
    #[error("nobody is registered by this number: import the persons first")]
    Unknown,
    #[error("{0}")]
    Form(registration::Refused),
    #[error(
        "this form is registered for these two with other particulars: revoke that mandate, and give the new one a form reference of its own"
    )]
    OtherForm,
    #[error(
        "one of these two has such a mandate for the other already, from another form: revoke that one first, or leave this one out"
    )]
    Already,
    #[error(
        "this closes a circle: who has authority over somebody cannot be under the authority of that person, nor through others"
    )]
    Circle,
    #[error(
        "one of these two has 200 mandates already, or was changed just now: revoke what is no longer needed, and try again"
    )]
    Full,
    #[error(
        "the mandate that was imported of this line is none of these two people any more: look it up, it may be approved by itself"
    )]
    Gone,
    #[error("somebody with this number was registered just now: try again")]
    Raced,
}

impl From<NotABirthDate> for Why {
    fn from(why: NotABirthDate) -> Self {
        Self::Birth(why)
    }
}

impl From<NotABsn> for Why {
    fn from(why: NotABsn) -> Self {
        Self::Bsn(why)
    }
}

impl From<NotAPatientNumber> for Why {
    fn from(why: NotAPatientNumber) -> Self {
        Self::Number(why)
    }
}

impl From<NotALine> for Why {
    fn from(why: NotALine) -> Self {
        Self::Line(why)
    }
}

impl From<NotADepartment> for Why {
    fn from(why: NotADepartment) -> Self {
        Self::Department(why)
    }
}

impl From<UnknownWord> for Why {
    fn from(why: UnknownWord) -> Self {
        Self::Word(why)
    }
}

#[cfg(test)]
mod tests;
