//! Registering a mandate at the desk: what the form must hold before it becomes a mandate (M1, M3, M5, M6).

use chrono::NaiveDate;

use super::{
    birth::{ADULT, BirthDate, DECIDES_ALONE, PARENT},
    calendar::today,
    consent::{Consent, Party, Word},
    id::{MandateId, PersonId},
    line::one_line,
    mandate::{Document, DocumentKind, Evidence, LONGEST_GRANT, Mandate, Relation},
    time::Timestamp,
};

/// An identity document as the form has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// What it is.
    pub kind: DocumentKind,
    /// The last day on which it is valid.
    pub valid_until: NaiveDate,
    /// Whether a member of staff looked at it and at the person.
    pub checked: bool,
}

/// The form as a member of staff filled it in: nothing of it is believed yet.
#[derive(Debug, Clone)]
pub struct Form {
    /// Who will act.
    pub representative: PersonId,
    /// For whom.
    pub represented: PersonId,
    /// What the first is to the second.
    pub relation: Relation,
    /// The ground in law.
    pub legal_basis: String,
    /// What proved the authority.
    pub evidence: Option<Evidence>,
    /// The document of the representative.
    pub representative_document: Option<Shown>,
    /// The document of the person represented.
    pub represented_document: Option<Shown>,
    /// Where the paper form is kept.
    pub form_reference: String,
    /// Whether the person represented agreed, heard by the member of staff. Needed for an express grant.
    pub grantor_agrees: bool,
    /// From when; at once when empty.
    pub starts: Option<Timestamp>,
    /// The first instant at which it no longer counts.
    pub ends: Option<Timestamp>,
    /// The department whose forecast shows it (`domain::staff::department`).
    pub department: Option<String>,
    /// The member of staff.
    pub registered_by: String,
}

/// When the two people of a form were born, as far as that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Births {
    /// Who will act.
    pub representative: Option<BirthDate>,
    /// For whom.
    pub represented: Option<BirthDate>,
}

/// What is stored, all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The mandate.
    pub mandate: Mandate,
    /// What the grantor said, for an express grant.
    pub consent: Option<Consent>,
}

/// Why a form does not become a mandate. Nothing was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The two people are one.
    #[error("a mandate is for someone else: representative and represented are the same person")]
    Oneself,
    /// A document is missing or was not looked at.
    #[error("check the identity document of the {0} first, and state that you did")]
    Unchecked(Party),
    /// A document is no longer valid.
    #[error("the identity document of the {0} has expired: ask for a valid one")]
    Expired(Party),
    /// Nothing proves the authority.
    #[error("state what proves the authority: parental_authority, court_order or signed_form")]
    NoEvidence,
    /// What was seen does not prove this authority.
    #[error("{0} does not prove the authority of a {1}: {why}", why = proof_of(*.1))]
    WrongEvidence(Evidence, Relation),
    /// A text is missing, too long, or has a line break in it.
    #[error("fill in the {0}, on one line of at most 200 characters")]
    Text(&'static str),
    /// Nobody knows who decides.
    #[error("record the date of birth of the person represented first: without it nobody can act for them")]
    NoBirthDate,
    /// A parent can no longer be given access.
    #[error(
        "the person represented is 16 or older, or may be: only they can grant access, as an `authorised` mandate"
    )]
    DecidesAlone,
    /// The person represented is too young for this relation.
    #[error(
        "the person represented must be {age} or older for a {relation}, by every reading of the date of birth"
    )]
    TooYoung {
        /// The relation.
        relation: Relation,
        /// The age from which it can be.
        age: u8,
    },
    /// The representative is too young for this relation.
    #[error(
        "the representative must be {age} or older as a {relation}, by every reading of the date of birth"
    )]
    TooYoungToAct {
        /// The relation.
        relation: Relation,
        /// The age from which it can be.
        age: u8,
    },
    /// The grantor did not agree (M6).
    #[error("the person represented must agree: ask them, and state that they did")]
    NoConsent,
    /// An express grant has an end.
    #[error("an authorised mandate needs an end, at most a year (366 days) from now")]
    NoEnd,
    /// The end is too far away.
    #[error("the end is too far away: an authorised mandate lasts at most a year (366 days) from now")]
    EndTooLate,
    /// The mandate would be over before it began.
    #[error("the end must lie in the future, and after the start")]
    EndTooEarly,
}

/// What a court, a register or the person themselves must have said for each relation.
const fn proof_of(relation: Relation) -> &'static str {
    match relation {
        Relation::Parent | Relation::Guardian => {
            "ask for an extract of the authority register or a court order"
        }
        Relation::Curator | Relation::Mentor => "ask for the court order",
        Relation::Authorised => "ask for the form signed by the person represented",
    }
}

/// Checks a form at `now`, and makes the mandate of it.
pub fn register(form: Form, births: Births, now: Timestamp) -> Result<Registration, Refused> {
    if form.representative == form.represented {
        return Err(Refused::Oneself);
    }
    let representative_document = checked(form.representative_document, Party::Representative, now)?;
    let represented_document = checked(form.represented_document, Party::Represented, now)?;
    let evidence = proven(form.relation, form.evidence)?;
    old_enough(form.relation, births.represented, now)?;
    may_act(form.relation, births.representative, now)?;
    let starts = form.starts.unwrap_or(now);
    in_time(form.relation, starts, form.ends, now)?;
    let line = |text: &str, what| one_line(text).map_err(|_| Refused::Text(what));
    let express = form.relation == Relation::Authorised;
    if express && !form.grantor_agrees {
        return Err(Refused::NoConsent);
    }
    let mandate = Mandate {
        id: MandateId::random(),
        representative: form.representative,
        represented: form.represented,
        relation: form.relation,
        legal_basis: line(&form.legal_basis, "legal basis")?,
        evidence,
        representative_document: Some(representative_document),
        represented_document: Some(represented_document),
        form_reference: line(&form.form_reference, "form reference")?,
        registered_by: line(&form.registered_by, "name of the member of staff")?,
        registered_at: now,
        approved: None,
        starts,
        ends: form.ends,
        revoked_at: None,
        lapsed_at: None,
        special: Vec::new(),
        department: form.department,
    };
    let consent = express.then(|| Consent {
        mandate: mandate.id.clone(),
        party: Party::Represented,
        word: Word::Agreed,
        at: now,
        attested_by: Some(mandate.registered_by.clone()),
    });
    Ok(Registration { mandate, consent })
}

/// A document that was looked at and is valid on the day.
fn checked(shown: Option<Shown>, whose: Party, now: Timestamp) -> Result<Document, Refused> {
    let shown = shown.filter(|shown| shown.checked).ok_or(Refused::Unchecked(whose))?;
    if shown.valid_until < today(now) {
        return Err(Refused::Expired(whose));
    }
    Ok(Document { kind: shown.kind, valid_until: shown.valid_until })
}

/// Evidence that fits the relation: nobody's own word makes them a parent or a curator.
fn proven(relation: Relation, evidence: Option<Evidence>) -> Result<Evidence, Refused> {
    let evidence = evidence.ok_or(Refused::NoEvidence)?;
    let fits = match relation {
        // That of both, online, is no evidence that the desk can have seen.
        _ if evidence == Evidence::OwnDigid => false,
        Relation::Parent | Relation::Guardian => evidence != Evidence::SignedForm,
        Relation::Curator | Relation::Mentor => evidence == Evidence::CourtOrder,
        Relation::Authorised => evidence == Evidence::SignedForm,
    };
    if fits { Ok(evidence) } else { Err(Refused::WrongEvidence(evidence, relation)) }
}

/// The person represented is of the age that the relation is for.
fn old_enough(relation: Relation, born: Option<BirthDate>, now: Timestamp) -> Result<(), Refused> {
    let born = born.ok_or(Refused::NoBirthDate)?;
    let age = match relation {
        Relation::Parent | Relation::Guardian if born.may_have_turned(DECIDES_ALONE, now) => {
            return Err(Refused::DecidesAlone);
        }
        Relation::Parent | Relation::Guardian => return Ok(()),
        Relation::Authorised => DECIDES_ALONE,
        Relation::Curator | Relation::Mentor => ADULT,
    };
    if born.has_surely_turned(age, now) { Ok(()) } else { Err(Refused::TooYoung { relation, age }) }
}

/// The representative is of the age from which the law lets them. Of whom no date of birth is known the desk looks at a document.
fn may_act(relation: Relation, born: Option<BirthDate>, now: Timestamp) -> Result<(), Refused> {
    let age = match relation {
        Relation::Parent => PARENT,
        // Minors have no custody and are neither curator nor mentor; an express grant is for adults (M6).
        Relation::Guardian | Relation::Curator | Relation::Mentor | Relation::Authorised => ADULT,
    };
    let is_old_enough = born.is_none_or(|born| born.has_surely_turned(age, now));
    if is_old_enough { Ok(()) } else { Err(Refused::TooYoungToAct { relation, age }) }
}

/// The mandate ends after it begins; an express grant within a year from now.
fn in_time(
    relation: Relation,
    starts: Timestamp,
    ends: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Refused> {
    if ends.is_some_and(|ends| ends <= starts.max(now)) {
        return Err(Refused::EndTooEarly);
    }
    if relation != Relation::Authorised {
        return Ok(());
    }
    let ends = ends.ok_or(Refused::NoEnd)?;
    if ends > now.plus(LONGEST_GRANT) { Err(Refused::EndTooLate) } else { Ok(()) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::calendar::parse_day;

    /// 11:00 in Amsterdam.
    const NOW: &str = "2026-07-01T09:00:00Z";

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    /// A form on which nothing is wrong: for a child of 8, or a grantor of 20 when the relation is express.
    pub(crate) fn form(relation: Relation) -> Form {
        let shown = Shown {
            kind: DocumentKind::Passport,
            valid_until: parse_day("2026-07-01").unwrap(),
            checked: true,
        };
        Form {
            representative: PersonId::from_stored("parent"),
            represented: PersonId::from_stored("child"),
            relation,
            legal_basis: " art. 1:247 BW ".into(),
            evidence: Some(match relation {
                Relation::Authorised => Evidence::SignedForm,
                _ => Evidence::CourtOrder,
            }),
            representative_document: Some(shown),
            represented_document: Some(shown),
            form_reference: "2026-0001".into(),
            grantor_agrees: true,
            starts: None,
            ends: (relation == Relation::Authorised).then(|| at(NOW).plus(LONGEST_GRANT)),
            department: None,
            registered_by: "desk".into(),
        }
    }

    /// What `register` says of the good form after one `change`.
    fn after(
        relation: Relation,
        born: &str,
        change: impl FnOnce(&mut Form),
    ) -> Result<Registration, Refused> {
        let mut form = form(relation);
        change(&mut form);
        register(form, Births { representative: None, represented: born.parse().ok() }, at(NOW))
    }

    #[test]
    fn a_form_on_which_nothing_is_wrong_becomes_a_mandate() {
        let parent = after(Relation::Parent, "2018-01-01", |_| ()).unwrap();
        assert_eq!(parent.consent, None);
        assert_eq!(parent.mandate.legal_basis, "art. 1:247 BW");
        assert_eq!((parent.mandate.starts, parent.mandate.registered_at), (at(NOW), at(NOW)));

        let grant = after(Relation::Authorised, "2006-01-01", |_| ()).unwrap();
        let said = grant.consent.unwrap();
        assert_eq!(
            (said.mandate, said.party, said.word),
            (grant.mandate.id, Party::Represented, Word::Agreed)
        );
        assert!(after(Relation::Curator, "1950", |_| ()).is_ok());
    }

    #[test]
    fn both_documents_must_be_checked_and_valid() {
        use Party::{Representative, Represented};
        let yesterday = parse_day("2026-06-30").unwrap();
        let try_it = |change: fn(&mut Form)| after(Relation::Parent, "2018-01-01", change).err();
        assert_eq!(try_it(|f| f.representative_document = None), Some(Refused::Unchecked(Representative)));
        assert_eq!(
            try_it(|f| f.represented_document.as_mut().unwrap().checked = false),
            Some(Refused::Unchecked(Represented))
        );
        let expired = |f: &mut Form| f.represented_document.as_mut().unwrap().valid_until = yesterday;
        assert_eq!(after(Relation::Parent, "2018-01-01", expired), Err(Refused::Expired(Represented)));
    }

    #[test]
    fn authority_must_be_proven_by_something_that_proves_it() {
        let with = |relation, born, evidence| after(relation, born, |f| f.evidence = evidence).err();
        assert_eq!(with(Relation::Parent, "2018-01-01", None), Some(Refused::NoEvidence));
        let wrong = Refused::WrongEvidence(Evidence::SignedForm, Relation::Parent);
        assert_eq!(with(Relation::Parent, "2018-01-01", Some(Evidence::SignedForm)), Some(wrong));
        assert!(wrong.to_string().starts_with("signed_form does not prove the authority of a parent: ask"));
        let register = Some(Evidence::ParentalAuthority);
        assert!(with(Relation::Mentor, "1950", register).is_some());
        assert_eq!(with(Relation::Guardian, "2018", register), None);
        // What two people did online themselves, no member of staff saw.
        for relation in [Relation::Parent, Relation::Mentor, Relation::Authorised] {
            let born = if relation == Relation::Parent { "2018" } else { "1950" };
            let wrong = Refused::WrongEvidence(Evidence::OwnDigid, relation);
            assert_eq!(with(relation, born, Some(Evidence::OwnDigid)), Some(wrong));
        }
    }

    #[test]
    fn nobody_is_registered_for_themselves_or_for_someone_of_the_wrong_age() {
        let oneself = |f: &mut Form| f.representative = f.represented.clone();
        assert_eq!(after(Relation::Parent, "2018-01-01", oneself), Err(Refused::Oneself));
        let born = |relation, born| after(relation, born, |_| ()).err();
        assert_eq!(born(Relation::Parent, ""), Some(Refused::NoBirthDate));
        assert_eq!(born(Relation::Authorised, ""), Some(Refused::NoBirthDate));
        assert_eq!(born(Relation::Parent, "2010-07-01"), Some(Refused::DecidesAlone));
        assert_eq!(born(Relation::Guardian, "2010"), Some(Refused::DecidesAlone));
        assert_eq!(born(Relation::Parent, "2010-07-02"), None);
        let young = |relation, age| Some(Refused::TooYoung { relation, age });
        assert_eq!(born(Relation::Authorised, "2010-07"), young(Relation::Authorised, 16));
        assert_eq!(born(Relation::Authorised, "2010-07-01"), None);
        assert_eq!(born(Relation::Mentor, "2008-07-02"), young(Relation::Mentor, 18));
    }

    #[test]
    fn nobody_known_to_be_too_young_for_it_acts_for_another_and_a_parent_of_sixteen_does() {
        let by = |relation, born: &str| {
            let is_for_a_child = matches!(relation, Relation::Parent | Relation::Guardian);
            let represented = if is_for_a_child { "2018-01-01" } else { "2006-01-01" }.parse().ok();
            let births = Births { representative: born.parse().ok(), represented };
            register(form(relation), births, at(NOW)).err()
        };
        for relation in [Relation::Guardian, Relation::Curator, Relation::Mentor, Relation::Authorised] {
            let refused = Some(Refused::TooYoungToAct { relation, age: 18 });
            for young in ["2008-07-02", "2008-07", "2008", "2018-01-01"] {
                assert_eq!(by(relation, young), refused, "{relation} {young}");
            }
            assert_eq!([by(relation, "2008-07-01"), by(relation, "")], [None, None], "{relation}");
        }
        let refused = Some(Refused::TooYoungToAct { relation: Relation::Parent, age: 16 });
        for young in ["2010-07-02", "2010-07", "2010", "2018-01-01", "2020"] {
            assert_eq!(by(Relation::Parent, young), refused, "{young}");
        }
        assert_eq!([by(Relation::Parent, "2010-07-01"), by(Relation::Parent, "")], [None, None]);
    }

    #[test]
    fn a_grant_of_367_days_or_without_the_grantor_is_refused() {
        let grant = |change: fn(&mut Form)| after(Relation::Authorised, "2006-01-01", change).err();
        assert_eq!(grant(|f| f.ends = Some(at(NOW).plus(367 * 86_400))), Some(Refused::EndTooLate));
        assert_eq!(grant(|f| f.ends = Some(at(NOW).plus(366 * 86_400 + 1))), Some(Refused::EndTooLate));
        assert_eq!(grant(|f| f.ends = None), Some(Refused::NoEnd));
        assert_eq!(grant(|f| f.ends = Some(at(NOW))), Some(Refused::EndTooEarly));
        assert_eq!(grant(|f| f.starts = f.ends), Some(Refused::EndTooEarly));
        assert_eq!(grant(|f| f.grantor_agrees = false), Some(Refused::NoConsent));
        let parent =
            |ends| after(Relation::Parent, "2018-01-01", |f| f.ends = Some(at(NOW).plus(ends))).err();
        assert_eq!((parent(0), parent(1), parent(3000 * 86_400)), (Some(Refused::EndTooEarly), None, None));
    }

    #[test]
    fn texts_are_short_single_lines() {
        for bad in ["", " ", "a\nb", "\u{1b}[2J", &"x".repeat(201)] {
            let refused = after(Relation::Parent, "2018-01-01", |f| f.form_reference = bad.into());
            assert_eq!(refused, Err(Refused::Text("form reference")), "{bad:?}");
        }
    }
}
