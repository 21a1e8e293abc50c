//! Who is meant where somebody is told of by two numbers, in a form at the desk or in a line of an import: the same rule for both.

use super::{birth::BirthDate, id::PersonId, patient_number::PatientNumber};

/// What is on record of somebody who may be meant.
pub trait OnRecord {
    /// Who.
    fn id(&self) -> &PersonId;
    /// The date of birth.
    fn birth(&self) -> Option<BirthDate>;
    /// The patient number.
    fn number(&self) -> Option<&PatientNumber>;
}

/// What is told of somebody; what is not told says nothing.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// Whether a BSN is told: who was found by it has it.
    pub has_bsn: bool,
    /// The patient number.
    pub number: Option<&'a PatientNumber>,
    /// The date of birth.
    pub birth: Option<BirthDate>,
}

/// In what is told otherwise than is on record: neither a form nor an import corrects that, as a correction takes two (M11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Differs {
    /// The two numbers are two people's.
    TwoPeople,
    /// The BSN: another one is on record, or none.
    Bsn,
    /// The patient number, likewise.
    Number,
    /// The date of birth: another one is on record.
    Birth,
}

/// The date of birth that is told of somebody who is known without one: a proposal, which takes a second pair of eyes (`docs/adr/0052`).
pub fn first_birth(on_record: Option<BirthDate>, told: Option<BirthDate>) -> Option<BirthDate> {
    if on_record.is_none() { told } else { None }
}

/// Who is meant, among those who are found by BSN and by number; `None`: nobody knows them yet.
pub fn who<P: OnRecord>(
    by_bsn: Option<P>,
    by_number: Option<P>,
    told: Named<'_>,
) -> Result<Option<P>, Differs> {
    let known = match (by_bsn, by_number) {
        (Some(one), Some(other)) if one.id() != other.id() => return Err(Differs::TwoPeople),
        (None, Some(_)) if told.has_bsn => return Err(Differs::Bsn),
        (Some(known), _) | (None, Some(known)) => known,
        (None, None) => return Ok(None),
    };
    if told.number.is_some() && known.number() != told.number {
        return Err(Differs::Number);
    }
    if told.birth.is_some() && known.birth().is_some() && known.birth() != told.birth {
        return Err(Differs::Birth);
    }
    Ok(Some(known))
}
