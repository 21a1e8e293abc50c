//! How the desk's pages call what the rules call by one word: the keys of the messages.

use crate::{
    domain::{
        consent::{Party, Word},
        correction::What,
        mandate::{DocumentKind, Evidence, Refusal, Relation, Standing, Unattested},
        meant::Differs,
        registration::Refused,
        staff::Role,
    },
    flows::{admin_mandates::NotDone, desk_register::Wrong},
    store::mandates::NotChanged,
};

pub(super) const fn relation(relation: Relation) -> &'static str {
    match relation {
        Relation::Parent => "desk-relation-parent",
        Relation::Guardian => "desk-relation-guardian",
        Relation::Curator => "desk-relation-curator",
        Relation::Mentor => "desk-relation-mentor",
        Relation::Authorised => "desk-relation-authorised",
    }
}

pub(super) const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Active { .. } => "desk-standing-active",
        Standing::NotYet => "desk-standing-not_yet",
        Standing::AwaitingApproval => "desk-standing-awaiting_approval",
        Standing::NotApproved => "desk-standing-not_approved",
        Standing::AwaitingConsent => "desk-standing-awaiting_consent",
        Standing::AwaitingBasis => "desk-standing-awaiting_basis",
        Standing::Withdrawn => "desk-standing-withdrawn",
        Standing::Lapsed => "desk-standing-lapsed",
        Standing::Ended => "desk-standing-ended",
        Standing::Revoked => "desk-standing-revoked",
        Standing::Blocked => "desk-standing-blocked",
        Standing::NoBirthDate => "desk-standing-no_birth_date",
    }
}

pub(super) const fn evidence(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::ParentalAuthority => "desk-evidence-parental_authority",
        Evidence::CourtOrder => "desk-evidence-court_order",
        Evidence::SignedForm => "desk-evidence-signed_form",
        Evidence::OwnDigid => "desk-evidence-own_digid",
    }
}

pub(super) const fn document(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Passport => "desk-document-passport",
        DocumentKind::IdentityCard => "desk-document-identity_card",
        DocumentKind::DrivingLicence => "desk-document-driving_licence",
        DocumentKind::ResidencePermit => "desk-document-residence_permit",
    }
}

/// What a correction is of.
pub(super) const fn wrong_of(what: What) -> &'static str {
    match what {
        What::BirthDate => "desk-correct-birth",
        What::Bsn => "desk-correct-bsn",
        What::PatientNumber => "desk-correct-number",
        What::SamePerson => "desk-same",
    }
}

/// Why something that was asked for was refused.
pub(super) const fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::Documents => "desk-refusal-documents",
        Refusal::Evidence => "desk-refusal-evidence",
        Refusal::Form => "desk-refusal-form",
        Refusal::Mistake => "desk-refusal-mistake",
    }
}

pub(super) const fn role(role: Role) -> &'static str {
    match role {
        Role::Registrar => "desk-role-registrar",
        Role::Approver => "desk-role-approver",
        Role::PrivacyOfficer => "desk-role-privacy_officer",
        Role::Auditor => "desk-role-auditor",
    }
}

pub(super) const fn said(party: Party, word: Word) -> &'static str {
    match (party, word) {
        (Party::Represented, Word::Agreed) => "desk-agrees-represented",
        (Party::Representative, Word::Agreed) => "desk-agrees-representative",
        (Party::Represented, Word::Withdrawn) => "desk-withdraws-represented",
        (Party::Representative, Word::Withdrawn) => "desk-withdraws-representative",
    }
}

/// At which field of the form it is said why nothing was stored, and by which message.
pub(super) fn wrong(why: Wrong) -> (&'static str, &'static str) {
    let of = |party, of_representative, of_represented| match party {
        Party::Representative => of_representative,
        Party::Represented => of_represented,
    };
    let bsn = |party| of(party, "representative_bsn", "represented_bsn");
    let number = |party| of(party, "representative_number", "represented_number");
    let name = |party| of(party, "representative_name", "represented_name");
    let birth = |party| of(party, "representative_birth", "represented_birth");
    match why {
        Wrong::NoBsn => ("representative_bsn", "desk-bsn-needed"),
        Wrong::NoNumber(party) => (bsn(party), "desk-number-needed"),
        Wrong::NoName(party) => (name(party), "desk-name-needed"),
        Wrong::Differs(Differs::TwoPeople, party) => (number(party), "desk-two-people"),
        Wrong::Differs(Differs::Number, party) => (number(party), "desk-number-differs"),
        Wrong::Differs(Differs::Bsn, party) => (bsn(party), "desk-bsn-differs"),
        Wrong::Differs(Differs::Birth, party) => (birth(party), "desk-birth-differs"),
        Wrong::OtherBirth(party) => (birth(party), "desk-birth-waits"),
        Wrong::TooManySearches => ("representative_bsn", "desk-slow"),
        Wrong::Taken => ("represented_number", "desk-taken"),
        Wrong::TooMany => ("represented_bsn", "desk-too-many"),
        Wrong::OwnPeople => ("representative_bsn", "desk-own-people"),
        Wrong::Circle => ("relation", "desk-circle"),
        Wrong::Form(why) => form(why),
    }
}

fn form(why: Refused) -> (&'static str, &'static str) {
    match why {
        Refused::Oneself => ("represented_bsn", "desk-oneself"),
        Refused::Unchecked(Party::Representative) => ("representative_seen", "desk-unchecked"),
        Refused::Unchecked(Party::Represented) => ("represented_seen", "desk-unchecked"),
        Refused::Expired(Party::Representative) => ("representative_until", "desk-expired"),
        Refused::Expired(Party::Represented) => ("represented_until", "desk-expired"),
        Refused::NoEvidence => ("evidence", "desk-no-evidence"),
        Refused::WrongEvidence(..) => ("evidence", "desk-wrong-evidence"),
        Refused::Text("legal basis") => ("legal_basis", "desk-text"),
        Refused::Text(_) => ("form_reference", "desk-text"),
        Refused::NoBirthDate => ("represented_birth", "desk-no-birth"),
        Refused::DecidesAlone => ("relation", "desk-decides-alone"),
        Refused::TooYoung { .. } => ("relation", "desk-too-young"),
        Refused::TooYoungToAct { .. } => ("representative_birth", "desk-too-young-to-act"),
        Refused::NoConsent => ("agrees", "desk-no-consent"),
        Refused::NoEnd => ("ends", "desk-no-end"),
        Refused::EndTooLate => ("ends", "desk-end-late"),
        Refused::EndTooEarly => ("ends", "desk-end-early"),
    }
}

/// The message that says why nothing was done.
pub(super) const fn not_done(why: &NotDone) -> &'static str {
    match why {
        NotDone::SomebodyElse => "desk-somebody-else",
        NotDone::OtherBirth => "desk-birth-other",
        NotDone::Special(NotChanged::Own) => "desk-correct-own",
        NotDone::ApprovedBefore | NotDone::RevokedBefore | NotDone::Special(_) => "desk-before",
        NotDone::OwnMandate => "desk-own",
        NotDone::OwnBlock | NotDone::StillBlocked => "desk-own-block",
        NotDone::OwnPeople => "desk-own-people",
        NotDone::NoBlock => "desk-no-block",
        NotDone::Taken(_) => "desk-taken",
        NotDone::Reason => "desk-reason-wrong",
        NotDone::Unheard(_) => "desk-unheard",
        NotDone::Withdrawn => "desk-withdrawn",
        NotDone::Unattested(why) => match why {
            Unattested::NotFor(_) => "desk-special-not-for",
            Unattested::NoBirthDate => "desk-no-birth",
            Unattested::TooEarly(_) => "desk-special-early",
            Unattested::Text(_) => "desk-correct-evidence-wrong",
            Unattested::EndTooEarly => "desk-end-early",
            Unattested::EndTooLate => "desk-end-late",
            Unattested::Over | Unattested::Lapsed => "desk-over",
        },
        NotDone::NotAttested(_) => "desk-special-many",
        _ => "desk-over",
    }
}
