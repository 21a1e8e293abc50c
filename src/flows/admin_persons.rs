//! A program of the operator's registers persons and looks them up, as the desk does by its command. No answer holds a BSN.

use serde_json::{Value, json};

use super::admin_mandates::as_json as mandate_as_json;
use crate::{
    domain::{fault::Fault, id::PersonId, patient_number::PatientNumber, time::Timestamp},
    store::{
        Store,
        mandates::Listed,
        persons::{BsnTaken, Person, Told},
    },
};

/// What is told of a person.
pub fn as_json(person: &Person) -> Value {
    json!({
        "id": person.id,
        "name": person.name,
        "birth_date": person.birth.map(|birth| birth.to_string()),
        "bsn_known": person.has_bsn,
        "patient_number": person.patient_number.as_ref().map(PatientNumber::as_str),
    })
}

/// Registers a person for `by`, the member of staff or the program.
pub async fn register(
    store: &Store,
    by: &str,
    told: Told,
    now: Timestamp,
) -> Result<Result<Person, BsnTaken>, Fault> {
    let id = store.register_person(&told, by, now).await?;
    let Told { name, birth, bsn, patient_number } = told;
    Ok(id.map(|id| Person { id, name, birth, has_bsn: bsn.is_some(), patient_number }))
}

/// The mandates that a person holds and those that were given for them, as they stand now; `None` when there is no such person.
pub async fn mandates(store: &Store, id: &PersonId, now: Timestamp) -> Result<Option<Value>, Fault> {
    if store.person(id).await?.is_none() {
        return Ok(None);
    }
    let told = |all: Vec<Listed>| all.iter().map(mandate_as_json).collect::<Value>();
    let held = told(store.mandates_held(id, now).await?);
    let given = told(store.mandates_given(id, now).await?);
    Ok(Some(json!({ "held": held, "given": given })))
}
