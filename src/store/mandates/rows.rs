//! Rows of the database as mandates and what was said about them.

use sqlx::any::AnyRow;

use crate::{
    domain::{
        birth::BirthDate,
        calendar::parse_day,
        consent::Consent,
        fault::Fault,
        id::{MandateId, PersonId},
        mandate::{Confirmed, Document, Mandate},
    },
    store::columns::Columns,
};

/// The date of birth in a row's `birth`.
pub(in crate::store) fn read_birth(row: &AnyRow) -> Result<Option<BirthDate>, Fault> {
    Ok(row.maybe_text("birth")?.map(|text| text.parse()).transpose()?)
}

pub(super) fn read_mandate(row: &AnyRow) -> Result<Mandate, Fault> {
    let approved = row.maybe_text("approved_by")?.zip(row.maybe_time("approved_at")?);
    Ok(Mandate {
        id: MandateId::from_stored(row.text("id")?),
        representative: PersonId::from_stored(row.text("representative")?),
        represented: PersonId::from_stored(row.text("represented")?),
        relation: row.text("relation")?.parse()?,
        legal_basis: row.text("legal_basis")?,
        evidence: row.text("evidence")?.parse()?,
        representative_document: read_document(
            &row.text("representative_document")?,
            &row.text("representative_document_valid_until")?,
        )?,
        represented_document: read_document(
            &row.text("represented_document")?,
            &row.text("represented_document_valid_until")?,
        )?,
        form_reference: row.text("form_reference")?,
        registered_by: row.text("registered_by")?,
        registered_at: row.time("registered_at")?,
        approved: approved.map(|(by, at)| Confirmed { by, at }),
        starts: row.time("starts")?,
        ends: row.maybe_time("ends")?,
        revoked_at: row.maybe_time("revoked_at")?,
        lapsed_at: row.maybe_time("lapsed_at")?,
        special: Vec::new(),
        department: row.maybe_text("department")?,
    })
}

/// Where nothing is stored, two people made it online and the desk checked nothing.
fn read_document(kind: &str, valid_until: &str) -> Result<Option<Document>, Fault> {
    if kind.is_empty() && valid_until.is_empty() {
        return Ok(None);
    }
    let valid_until =
        parse_day(valid_until).ok_or(Fault::because("a stored document has no readable last valid day"))?;
    Ok(Some(Document { kind: kind.parse()?, valid_until }))
}

/// The last of each word: who attested it is not read, it bears on no standing.
pub(super) fn read_consent(row: &AnyRow) -> Result<Consent, Fault> {
    Ok(Consent {
        mandate: MandateId::from_stored(row.text("mandate")?),
        party: row.text("party")?.parse()?,
        word: row.text("word")?.parse()?,
        at: row.time("at")?,
        attested_by: None,
    })
}
