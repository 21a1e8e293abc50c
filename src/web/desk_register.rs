//! Registering two people and a mandate by one form at the desk (M1). What is wrong is said at its field, and then nothing is stored.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::{
    desk::{enter, frame, posted},
    desk_words as words,
    error::{Failed, see_other},
    form::Form,
    page::{self, Frame},
    visit::Visit,
};
use crate::{
    domain::{
        birth::BirthDate,
        bsn::Bsn,
        calendar::{parse_day, parse_instant},
        id::PersonId,
        mandate::{DocumentKind, Evidence, Relation},
        patient_number::PatientNumber,
        registration::{Form as Filled, Shown},
        secret::Secret,
        staff::Act,
        time::Timestamp,
    },
    flows::desk_register::{NotDone, Side, submit},
};

/// "Machtiging aanvragen".
#[derive(Template)]
#[template(path = "desk_register.html")]
pub struct RegisterPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What was filled in. A BSN is filled in anew.
    pub form: MandateForm,
    /// What is wrong: the field, and the key of its message; in the order of the form.
    pub errors: Vec<(&'static str, &'static str)>,
}

page::rendered!(RegisterPage, |page| !page.errors.is_empty());

impl RegisterPage {
    fn error(&self, field: &str) -> Option<String> {
        self.errors.iter().find(|(at, _)| *at == field).map(|(_, key)| self.frame.say(key))
    }

    fn relations(&self) -> Vec<Choice> {
        self.choices(
            Relation::ALL.iter().map(|one| (one.as_str(), words::relation(*one))),
            &self.form.relation,
        )
    }

    fn evidences(&self) -> Vec<Choice> {
        self.choices(
            Evidence::ALL
                .iter()
                .filter(|one| **one != Evidence::OwnDigid)
                .map(|one| (one.as_str(), words::evidence(*one))),
            &self.form.evidence,
        )
    }

    fn documents(&self, chosen: &str) -> Vec<Choice> {
        self.choices(DocumentKind::ALL.iter().map(|one| (one.as_str(), words::document(*one))), chosen)
    }

    fn choices(&self, all: impl Iterator<Item = (&'static str, &'static str)>, chosen: &str) -> Vec<Choice> {
        let choice = |(word, key): (&'static str, _)| Choice {
            word,
            text: self.frame.say(key),
            chosen: word == chosen,
        };
        all.map(choice).collect()
    }
}

/// One of a list.
pub struct Choice {
    /// Its word.
    pub word: &'static str,
    /// What is read.
    pub text: String,
    /// Whether it was chosen.
    pub chosen: bool,
}

/// What the form brings.
#[derive(Deserialize, Default)]
pub struct MandateForm {
    csrf: String,
    representative_bsn: Secret,
    representative_number: String,
    representative_name: String,
    representative_birth: String,
    representative_document: String,
    representative_until: String,
    #[serde(default)]
    representative_seen: Option<String>,
    represented_bsn: Secret,
    represented_number: String,
    represented_name: String,
    represented_birth: String,
    represented_document: String,
    represented_until: String,
    #[serde(default)]
    represented_seen: Option<String>,
    relation: String,
    legal_basis: String,
    evidence: String,
    form_reference: String,
    #[serde(default)]
    agrees: Option<String>,
    ends: String,
}

/// `GET /desk/register`
pub async fn show(visit: Visit) -> Result<Response, Failed> {
    let at = enter(&visit, Act::Register).await?;
    let (frame, form) = (frame(&visit, &at), MandateForm::default());
    Ok(RegisterPage { frame, form, errors: Vec::new() }.render())
}

/// `POST /desk/register`
pub async fn post(visit: Visit, Form(form): Form<MandateForm>) -> Result<Response, Failed> {
    let at = posted(&visit, Act::Register, &form.csrf).await?;
    let errors = match read(&form, visit.now) {
        Ok((sides, filled)) => match submit(&visit.app, &at, sides, filled, visit.now).await {
            Ok(id) => return Ok(see_other(&format!("/desk/mandate/{id}"))),
            Err(NotDone::Wrong(why)) => vec![words::wrong(why)],
            Err(NotDone::Fault(fault)) => return Err(fault.into()),
        },
        Err(errors) => errors,
    };
    Ok(RegisterPage { frame: frame(&visit, &at), form, errors }.render())
}

type Errors = Vec<(&'static str, &'static str)>;

/// Reads each field of its kind; everything that is wrong is said at once.
struct Reader {
    errors: Errors,
    now: Timestamp,
}

impl Reader {
    fn read<T>(
        &mut self,
        text: &str,
        (field, key): (&'static str, &'static str),
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let value = read(text);
        if value.is_none() {
            self.errors.push((field, key));
        }
        value
    }

    fn needed<T>(
        &mut self,
        text: &str,
        at: (&'static str, &'static str),
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        if text.trim().is_empty() {
            self.errors.push(at);
        }
        self.read(text, at, read)
    }

    fn bsn(&mut self, text: &Secret, field: &'static str) -> Option<Bsn> {
        self.read(text.expose(), (field, "desk-bsn-wrong"), |text| Bsn::parse(text).ok())
    }

    fn number(&mut self, text: &str, field: &'static str) -> Option<PatientNumber> {
        self.read(text, (field, "desk-patient-number-wrong"), |text| text.parse().ok())
    }

    fn birth(&mut self, text: &str, field: &'static str) -> Option<BirthDate> {
        let now = self.now;
        self.read(text, (field, "desk-birth-wrong"), |text| BirthDate::read(text, now).ok())
    }

    fn shown(&mut self, (kind, until): (&str, &str), seen: bool, fields: [&'static str; 2]) -> Option<Shown> {
        let kind = self.needed(kind, (fields[0], "desk-choose"), |text| text.parse().ok());
        let until = self.needed(until, (fields[1], "desk-day-wrong"), parse_day);
        Some(Shown { kind: kind?, valid_until: until?, checked: seen })
    }
}

fn read(form: &MandateForm, now: Timestamp) -> Result<((Side, Side), Filled), Errors> {
    let mut reader = Reader { errors: Vec::new(), now };
    let representative = Side {
        bsn: reader.bsn(&form.representative_bsn, "representative_bsn"),
        number: reader.number(&form.representative_number, "representative_number"),
        name: form.representative_name.clone(),
        birth: reader.birth(&form.representative_birth, "representative_birth"),
    };
    let representative_document = reader.shown(
        (&form.representative_document, &form.representative_until),
        form.representative_seen.is_some(),
        ["representative_document", "representative_until"],
    );
    let represented = Side {
        bsn: reader.bsn(&form.represented_bsn, "represented_bsn"),
        number: reader.number(&form.represented_number, "represented_number"),
        name: form.represented_name.clone(),
        birth: reader.birth(&form.represented_birth, "represented_birth"),
    };
    let represented_document = reader.shown(
        (&form.represented_document, &form.represented_until),
        form.represented_seen.is_some(),
        ["represented_document", "represented_until"],
    );
    let relation = reader.needed(&form.relation, ("relation", "desk-choose"), |text| text.parse().ok());
    let evidence = reader.read(&form.evidence, ("evidence", "desk-no-evidence"), |text| text.parse().ok());
    let ends = reader.read(&form.ends, ("ends", "desk-day-wrong"), parse_instant);
    let Some(relation) = relation.filter(|_| reader.errors.is_empty()) else { return Err(reader.errors) };
    let nobody = PersonId::from_stored("");
    let filled = Filled {
        representative: nobody.clone(),
        represented: nobody,
        relation,
        legal_basis: form.legal_basis.clone(),
        evidence,
        representative_document,
        represented_document,
        form_reference: form.form_reference.clone(),
        grantor_agrees: form.agrees.is_some(),
        starts: None,
        ends,
        department: None,
        registered_by: String::new(),
    };
    Ok(((representative, represented), filled))
}
