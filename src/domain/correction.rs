//! What was recorded of a person and turns out to be wrong: who found it proposes what is right, and somebody else who looked too says the same
//! (M11). Until then nothing changes.

use super::{
    birth::BirthDate,
    bsn::Bsn,
    four_eyes::waits_until,
    id::{CorrectionId, PersonId},
    mandate::Confirmed,
    patient_number::PatientNumber,
    time::Timestamp,
    words::words,
};

words! {
    /// What can be wrong.
    What {
        /// The date of birth.
        BirthDate = "birth_date",
        /// The BSN.
        Bsn = "bsn",
        /// That it is two persons: another one is the same.
        SamePerson = "same_person",
        /// What the healthcare provider calls them by.
        PatientNumber = "patient_number",
    }

    /// Where a proposal stands.
    Stage {
        /// It waits for somebody else.
        Waiting = "waiting",
        /// It was approved: what it says is recorded.
        Approved = "approved",
        /// It was taken back.
        Withdrawn = "withdrawn",
        /// Nobody approved it in time. It never counts.
        Void = "void",
    }
}

/// What is right, as somebody saw it in a document. Both pairs of eyes tell it, so that neither approves what they did not read.
#[derive(Debug)]
pub enum Right {
    /// The date of birth.
    BirthDate(BirthDate),
    /// The BSN.
    Bsn(Bsn),
    /// The patient number.
    PatientNumber(PatientNumber),
    /// Another person is the same one, as far as these facts are on record of the two.
    SamePerson(Known),
}

/// By what two persons of the desk are known to be one.
#[derive(Debug, Default)]
pub struct Known {
    /// The other one, who becomes part of the one that remains. Who approves it needs not name them again.
    pub other: Option<PersonId>,
    /// The date of birth; none where none is on record.
    pub birth: Option<BirthDate>,
    /// The BSN. Where the two have another one each, it takes the right one: that of who remains.
    pub bsn: Option<Bsn>,
    /// Or the patient number of either.
    pub number: Option<PatientNumber>,
    /// The BSN of the one that goes: who approves it tells a number of each of the two that has one.
    pub other_bsn: Option<Bsn>,
    /// Or its patient number.
    pub other_number: Option<PatientNumber>,
}

impl Right {
    /// Of what it is.
    pub const fn what(&self) -> What {
        match self {
            Self::BirthDate(_) => What::BirthDate,
            Self::Bsn(_) => What::Bsn,
            Self::SamePerson(_) => What::SamePerson,
            Self::PatientNumber(_) => What::PatientNumber,
        }
    }
}

/// A proposal as stored, without the BSN that it may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// Its identifier.
    pub id: CorrectionId,
    /// Of whom.
    pub person: PersonId,
    /// Of what.
    pub what: What,
    /// Who becomes part of that person.
    pub other: Option<PersonId>,
    /// The date of birth that it says.
    pub birth: Option<BirthDate>,
    /// The patient number that it says.
    pub number: Option<PatientNumber>,
    /// Where the evidence is kept.
    pub evidence_reference: String,
    /// The member of staff or the program that saw it first.
    pub proposed_by: String,
    /// When.
    pub proposed_at: Timestamp,
    /// The second pair of eyes.
    pub approved: Option<Confirmed>,
    /// Who took it back.
    pub withdrawn: Option<Confirmed>,
}

impl Correction {
    /// Where it stands at `now`.
    pub fn stage(&self, now: Timestamp) -> Stage {
        if self.approved.is_some() {
            Stage::Approved
        } else if self.withdrawn.is_some() {
            Stage::Withdrawn
        } else if now >= waits_until(self.proposed_at) {
            Stage::Void
        } else {
            Stage::Waiting
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_until_it_is_decided_or_void() {
        let seen = || Some(Confirmed { by: "joost".into(), at: Timestamp::from_epoch(7) });
        let waiting = Correction {
            id: CorrectionId::random(),
            person: PersonId::random(),
            what: What::Bsn,
            other: None,
            birth: None,
            number: None,
            evidence_reference: "map 7".into(),
            proposed_by: "els".into(),
            proposed_at: Timestamp::from_epoch(5),
            approved: None,
            withdrawn: None,
        };
        let end = waits_until(waiting.proposed_at);
        assert_eq!((waiting.stage(end.plus(-1)), waiting.stage(end)), (Stage::Waiting, Stage::Void));
        assert_eq!(Correction { withdrawn: seen(), ..waiting.clone() }.stage(end), Stage::Withdrawn);
        assert_eq!(Correction { approved: seen(), ..waiting }.stage(end), Stage::Approved);
    }
}
