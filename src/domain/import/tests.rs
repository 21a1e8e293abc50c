use super::*;
use crate::domain::{
    birth::BirthDate,
    consent::Party,
    id::PersonId,
    mandate::Relation,
    meant::{Differs, Named, first_birth, who},
    patient_number::PatientNumber,
    registration::{self, register},
    time::Timestamp,
};

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-07-01T09:00:00Z").unwrap()
}

/// The cells of a good line by their column; what is not there is empty.
fn row(what: What, cells: &[(&str, &str)]) -> Row {
    let cell =
        |column: &&str| cells.iter().rev().find(|(name, _)| name == column).map_or("", |(_, text)| text);
    Row::new(7, what, what.columns().iter().map(|column| Secret::new(cell(column))).collect())
}

const PERSON: [(&str, &str); 4] =
    [("patient_number", " p-1 "), ("bsn", "111222333"), ("name", "Sam"), ("birth_date", "2018-05")];

const MANDATE: [(&str, &str); 12] = [
    ("representative_bsn", "111222333"),
    ("represented_patient_number", "P-1"),
    ("represented_birth_date", "2018-05"),
    ("relation", "parent"),
    ("legal_basis", "art. 1:247 BW"),
    ("evidence", "parental_authority"),
    ("representative_document", "passport"),
    ("representative_document_valid_until", "2026-07-01"),
    ("representative_document_checked", "Ja"),
    ("represented_document", "identity_card"),
    ("represented_document_valid_until", "2026-07-01"),
    ("represented_document_checked", "yes"),
];

/// What is wrong with a line of which one cell says something else.
fn wrong(what: What, column: &'static str, text: &str) -> Vec<(Option<&'static str>, String)> {
    let with = |good: &[(&'static str, &'static str)]| {
        let mut cells: Vec<(&str, &str)> = good.to_vec();
        cells.push((column, text));
        row(what, &cells)
    };
    let found = match what {
        What::Persons => person_line(&with(&PERSON), now()).err(),
        What::Mandates => mandate_line(&with(&form()), now()).err(),
    };
    let told = |Finding { column, why, line }: Finding| {
        assert_eq!(line, 7);
        (column, why.to_string())
    };
    found.unwrap_or_default().into_iter().map(told).collect()
}

fn births(represented: BirthDate) -> registration::Births {
    registration::Births { represented: Some(represented), ..Default::default() }
}

fn form() -> Vec<(&'static str, &'static str)> {
    MANDATE.into_iter().chain([("form_reference", "2026-0001")]).collect()
}

#[test]
fn a_good_line_is_read_as_it_is_meant() {
    let person = person_line(&row(What::Persons, &PERSON), now()).unwrap();
    assert_eq!(person.number.unwrap().as_str(), "P-1");
    assert_eq!((person.name.as_str(), person.birth), ("Sam", Some("2018-05".parse().unwrap())));
    let line = mandate_line(&row(What::Mandates, &form()), now()).unwrap();
    let (who, whom) = (PersonId::random(), PersonId::random());
    let form = registration::Form {
        representative: who,
        represented: whom,
        registered_by: "els".into(),
        ..line.form
    };
    let made = register(form.clone(), births(line.born), now()).unwrap();
    assert!(is_same(&form, &made.mandate));
    for bend in [
        |form: &mut registration::Form| form.legal_basis.push('x'),
        |form: &mut registration::Form| form.ends = Some(now()),
        |form: &mut registration::Form| form.starts = Some(now().plus(1)),
        |form: &mut registration::Form| form.evidence = None,
        |form: &mut registration::Form| form.represented_document = form.representative_document,
    ] {
        let mut other = form.clone();
        bend(&mut other);
        assert!(!is_same(&other, &made.mandate), "{other:?}");
    }
}

#[test]
fn each_wrong_cell_is_named_with_its_column_and_never_repeated() {
    use What::{Mandates, Persons};
    for (what, column, text, expected) in [
        (Persons, "bsn", "123456789", "this number fails the elfproef"),
        (Persons, "bsn", "1234", "a BSN has 9 digits"),
        (Persons, "birth_date", "2027-01-01", "lies in the future"),
        (Persons, "birth_date", "2018-02-30", "this day does not exist"),
        (Persons, "birth_date", "1-5-2018", "write a date of birth as"),
        (Persons, "name", " ", "fill this in"),
        (Persons, "name", "Sam\u{202e}", "on one line"),
        (Persons, "patient_number", "P 1", "a patient number has"),
        (Mandates, "representative_bsn", "", "fill this in"),
        (Mandates, "representative_bsn", "123456789", "this number fails the elfproef"),
        (Mandates, "represented_bsn", "1", "a BSN has 9 digits"),
        (Mandates, "represented_birth_date", "", "fill this in"),
        (Mandates, "represented_birth_date", "2027", "lies in the future"),
        (Mandates, "relation", "uncle", "this must be one of: parent guardian"),
        (Mandates, "evidence", "", "fill this in"),
        (Mandates, "evidence", "his word", "this must be one of: parental_authority"),
        (Mandates, "representative_document", "library card", "this must be one of: passport"),
        (Mandates, "represented_document_valid_until", "1-7-2026", "write a day as"),
        (Mandates, "representative_document_checked", "", "fill this in"),
        (Mandates, "represented_document_checked", "perhaps", "write yes or no"),
        (Mandates, "form_reference", "", "fill this in"),
        (Mandates, "legal_basis", "", "fill this in"),
        (Mandates, "grantor_agrees", "1", "write yes or no"),
        (Mandates, "starts", "tomorrow", "write a day as"),
        (Mandates, "ends", "2026-13-01", "write a day as"),
    ] {
        let found = wrong(what, column, text);
        assert_eq!(found.len(), 1, "{column} {text}: {found:?}");
        assert_eq!(found[0].0, Some(column), "{text}");
        assert!(found[0].1.contains(expected), "{column} {text}: {}", found[0].1);
        assert!(text.trim().len() < 4 || !found[0].1.contains(text), "{}", found[0].1);
    }
    let both = row(Persons, &[("bsn", "1"), ("birth_date", "x")]);
    let found: Vec<_> = person_line(&both, now()).unwrap_err().iter().map(|one| one.column).collect();
    assert_eq!(found, [Some("bsn"), Some("birth_date"), Some("name")]);
    let nobody = person_line(&row(Persons, &[("name", "Sam")]), now()).unwrap_err();
    assert_eq!(nobody, [Finding { line: 7, column: None, why: Why::NoNumber }]);
    assert_eq!(wrong(Mandates, "represented_patient_number", ""), [(None, Why::NoNumber.to_string())]);
}

#[test]
fn a_document_that_was_not_looked_at_is_refused_by_the_rules_of_every_mandate() {
    let mut cells = form();
    cells.push(("represented_document_checked", "no"));
    let line = mandate_line(&row(What::Mandates, &cells), now()).unwrap();
    let form =
        registration::Form { represented: PersonId::random(), registered_by: "els".into(), ..line.form };
    let refused = register(form, births(line.born), now());
    assert_eq!(refused, Err(registration::Refused::Unchecked(Party::Represented)));
}

#[test]
fn who_is_known_is_who_the_line_means_or_the_line_is_refused() {
    let number = |text: &str| text.parse::<PatientNumber>().unwrap();
    let birth: BirthDate = "2018-05-14".parse().unwrap();
    let known = |id: &str, bsn: Option<&[u8]>, number: Option<PatientNumber>, birth| Known {
        id: PersonId::from_stored(id),
        birth,
        bsn: bsn.map(<[u8]>::to_vec),
        number,
    };
    let (one, other) = (number("1"), number("2"));
    let sam = known("sam", Some(b"sam"), Some(one.clone()), Some(birth));
    let (noor, bare) =
        (known("noor", Some(b"noor"), None, None), known("bare", None, Some(one.clone()), None));
    let told = |bsn: Option<&'static [u8]>, number, birth| Named { has_bsn: bsn.is_some(), number, birth };
    let all = told(Some(b"sam"), Some(&one), Some(birth));
    assert_eq!(who(Some(&sam), Some(&sam), all).unwrap().unwrap().id, sam.id);
    assert_eq!(who(None, Some(&sam), told(None, Some(&one), None)).unwrap().unwrap().id, sam.id);
    assert!(who::<&Known>(None, None, all).unwrap().is_none());
    let refused = |by_bsn, by_number, told| who(by_bsn, by_number, told).err();
    assert_eq!(refused(Some(&noor), Some(&sam), all), Some(Differs::TwoPeople));
    assert_eq!(refused(None, Some(&sam), told(Some(b"new"), Some(&one), None)), Some(Differs::Bsn));
    // A first BSN or number is a correction too; a first date is a proposal.
    assert_eq!(refused(None, Some(&bare), told(Some(b"new"), Some(&one), None)), Some(Differs::Bsn));
    assert_eq!(refused(Some(&sam), None, told(Some(b"sam"), Some(&other), None)), Some(Differs::Number));
    assert_eq!(refused(Some(&noor), None, told(Some(b"noor"), Some(&other), None)), Some(Differs::Number));
    let later = Some("2018-05-15".parse().unwrap());
    assert_eq!(refused(Some(&sam), None, told(Some(b"sam"), None, later)), Some(Differs::Birth));
    assert_eq!(who(Some(&noor), None, told(Some(b"noor"), None, later)).unwrap().unwrap().id, noor.id);
    assert_eq!((first_birth(None, later), first_birth(Some(birth), later)), (later, None));
}

#[test]
fn a_finding_says_where_and_a_file_may_leave_out_what_need_not_be_told() {
    let row = row(What::Persons, &PERSON);
    assert_eq!(row.line(), 7);
    let found = Finding { line: row.line(), column: Some("bsn"), why: Why::Missing };
    assert_eq!(found.to_string(), "line 7, bsn: fill this in");
    assert_eq!(Finding { column: None, ..found }.to_string(), "line 7: fill this in");
    let needed = |what: What| what.columns().iter().filter(|name| !what.may_lack(name)).count();
    assert!(!What::Persons.may_lack("name") && What::Persons.may_lack("bsn"));
    assert!(!What::Mandates.may_lack("representative_bsn") && What::Mandates.may_lack("represented_bsn"));
    assert_eq!([needed(What::Persons), needed(What::Mandates)], [1, 12]);
}

#[test]
fn who_comes_twice_is_told_with_the_first_line() {
    let mut seen = Seen::default();
    assert_eq!(seen.person(2, Some(b"a"), Some("1")), None);
    assert_eq!(seen.person(3, Some(b"b"), Some("2")), None);
    assert_eq!(seen.person(4, Some(b"a"), None), Some(2));
    assert_eq!(seen.person(5, Some(b"c"), Some("2")), Some(3));
    let (one, other) = (PersonId::random(), PersonId::random());
    assert_eq!(seen.mandate(6, &one, &other, Relation::Parent), None);
    assert_eq!(seen.mandate(7, &other, &one, Relation::Parent), None);
    assert_eq!(seen.mandate(8, &one, &other, Relation::Guardian), None);
    assert_eq!(seen.mandate(9, &one, &other, Relation::Parent), Some(6));
}

#[test]
fn authority_closes_no_circle_however_long_and_a_grant_may() {
    let people: Vec<_> = (0..5).map(|_| PersonId::random()).collect();
    let mut seen = Seen::default();
    for pair in people.windows(2) {
        assert!(!seen.closes_a_circle(&pair[0], &pair[1], Relation::Curator));
    }
    assert!(
        !seen.closes_a_circle(&people[0], &people[4], Relation::Mentor),
        "two ways to one person are none"
    );
    assert!(!seen.closes_a_circle(&people[4], &people[0], Relation::Authorised), "an express grant");
    assert!(seen.closes_a_circle(&people[4], &people[0], Relation::Mentor));
    assert!(seen.closes_a_circle(&people[2], &people[1], Relation::Curator));
}

/// What would take too long to look through is refused like a circle.
#[test]
fn a_chain_of_a_thousand_people_is_looked_through_and_no_longer_one() {
    let people: Vec<_> = (0..1002).map(|_| PersonId::random()).collect();
    let mut seen = Seen::default();
    let mut is_refused =
        |one: usize, other: usize| seen.closes_a_circle(&people[one], &people[other], Relation::Curator);
    for one in 1..=1000 {
        assert!(!is_refused(one, one + 1), "{one}");
    }
    assert!(!is_refused(0, 2), "a thousand come after");
    assert!(is_refused(0, 1), "one more");
}

#[test]
fn a_digest_tells_other_lines_and_nothing_else() {
    let of = |rows: &[&Row]| {
        let mut digest = Digest::default();
        for row in rows {
            digest.add(row);
        }
        digest.finish().expose().to_owned()
    };
    let one = row(What::Persons, &PERSON);
    let spaced = row(What::Persons, &[PERSON[0], PERSON[1], ("name", " Sam "), PERSON[3]]);
    let moved = row(What::Persons, &[("patient_number", "p-1111222333"), ("name", "Sam"), PERSON[3]]);
    assert_eq!(of(&[&one]), of(&[&spaced]));
    assert_ne!(of(&[&one]), of(&[&moved]));
    assert_ne!(of(&[&one]), of(&[&one, &one]));
}
