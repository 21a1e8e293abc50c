//! A program of the operator's registers persons and looks them up, as the desk does by its command. No answer holds a BSN. Who looks leaves a
//! line in the log (docs/adr/0056).

use serde_json::{Value, json};

use super::admin_mandates::as_json as mandate_as_json;
use crate::{
    domain::{consent::Party, fault::Fault, id::PersonId, patient_number::PatientNumber, time::Timestamp},
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

/// A person, for `by`.
pub async fn shown(store: &Store, by: &str, id: &PersonId, now: Timestamp) -> Result<Option<Person>, Fault> {
    let found = store.person(id).await?;
    if let Some(person) = &found {
        store.note_shown(by, &person.id, None, now).await?;
    }
    Ok(found)
}

/// A page of everybody, for `by`: at most `limit` in the order of their ids, those after `after`.
pub async fn list(
    store: &Store,
    by: &str,
    (after, limit): (Option<&PersonId>, u16),
    now: Timestamp,
) -> Result<Vec<Person>, Fault> {
    let page = store.persons(after, limit).await?;
    let listed: Vec<PersonId> = page.iter().map(|person| person.id.clone()).collect();
    store.note_listed(by, &listed, after.map(|_| "after"), now).await?;
    Ok(page)
}

/// The mandates that a person holds, or those that were given for them, for `by`; none when there is no such person.
pub async fn mandates_as(
    store: &Store,
    by: &str,
    (id, party): (&PersonId, Party),
    now: Timestamp,
) -> Result<Vec<Listed>, Fault> {
    if store.person(id).await?.is_none() {
        return Ok(Vec::new());
    }
    let listed = match party {
        Party::Representative => store.mandates_held(id, now).await?,
        Party::Represented => store.mandates_given(id, now).await?,
    };
    store.note_shown(by, id, Some("mandates"), now).await?;
    Ok(listed)
}

/// The mandates that a person holds and those that were given for them, as they stand now, for `by`; `None` when there is no such person.
pub async fn mandates(
    store: &Store,
    by: &str,
    id: &PersonId,
    now: Timestamp,
) -> Result<Option<Value>, Fault> {
    if store.person(id).await?.is_none() {
        return Ok(None);
    }
    store.note_shown(by, id, Some("mandates"), now).await?;
    let told = |all: Vec<Listed>| all.iter().map(mandate_as_json).collect::<Value>();
    let held = told(store.mandates_held(id, now).await?);
    let given = told(store.mandates_given(id, now).await?);
    Ok(Some(json!({ "held": held, "given": given })))
}
