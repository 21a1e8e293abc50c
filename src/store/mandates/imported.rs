//! Mandates that came of an import: many at once, and approved at once by somebody who holds the same lines (docs/adr/0046).

use sqlx::{AnyConnection, AssertSqlSafe};

use super::{event, insert_registration, rows::read_mandate};
use crate::{
    domain::{
        fault::Fault,
        four_eyes::LONGEST_WAIT,
        id::{MandateId, PersonId},
        mandate::Mandate,
        registration::Registration,
        time::Timestamp,
    },
    store::{Tx, batch::values, columns::Columns},
};

/// Every mandate between two of these people, whatever it is worth; with `import`, only those that came of it.
pub(in crate::store) async fn among(
    on: &mut AnyConnection,
    people: &[PersonId],
    import: Option<&str>,
) -> Result<Vec<Mandate>, Fault> {
    if people.is_empty() {
        return Ok(Vec::new());
    }
    let list = values(1, people.len());
    let of = match import {
        None => String::new(),
        Some(_) => format!(
            " AND m.id IN (SELECT i.mandate FROM imported_mandates i WHERE i.import = ${})",
            people.len() + 1
        ),
    };
    let statement = format!(
        "SELECT m.* FROM mandates m WHERE m.representative IN {list} AND m.represented IN {list}{of}"
    );
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for person in people {
        query = query.bind(person.as_str().to_owned());
    }
    if let Some(import) = import {
        query = query.bind(import.to_owned());
    }
    query.fetch_all(on).await?.iter().map(read_mandate).collect()
}

/// Writes checked registrations that came of an import, each by its line and with its line in the log. Errors inside: the line of the first of
/// which a person is unknown by now, or one of the two has too many.
pub(in crate::store) async fn insert_imported(
    tx: &mut Tx,
    new: &[(u64, Registration)],
    import: &str,
    now: Timestamp,
) -> Result<Result<(), u64>, Fault> {
    for (line, registration) in new {
        if !insert_registration(tx, registration, now).await? {
            return Ok(Err(*line));
        }
    }
    if new.is_empty() {
        return Ok(Ok(()));
    }
    let statement =
        format!("INSERT INTO imported_mandates (mandate, import) VALUES {}", values(new.len(), 2));
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for (_, registration) in new {
        query = query.bind(registration.mandate.id.as_str().to_owned()).bind(import.to_owned());
    }
    query.execute(&mut **tx).await?;
    tx.write_lines().await?;
    Ok(Ok(()))
}

/// Approves for `by` those of these that wait, and that are not over, each with its line in the log. Tells how many.
pub(in crate::store) async fn approve(
    tx: &mut Tx,
    mandates: &[MandateId],
    by: &str,
    now: Timestamp,
) -> Result<u64, Fault> {
    if mandates.is_empty() {
        return Ok(0);
    }
    let (list, next) = (values(1, mandates.len()), mandates.len());
    let [name, at, after] = [next + 1, next + 2, next + 3];
    let statement = format!(
        "UPDATE mandates SET approved_by = ${name}, approved_at = ${at} WHERE id IN {list} \
         AND approved_at IS NULL AND revoked_at IS NULL AND lapsed_at IS NULL AND registered_at > ${after} \
         AND COALESCE(ends, ${at} + 1) > ${at} AND registered_by <> ${name} RETURNING id, represented"
    );
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for mandate in mandates {
        query = query.bind(mandate.as_str().to_owned());
    }
    let query = query.bind(by.to_owned()).bind(now.epoch()).bind(now.plus(-LONGEST_WAIT).epoch());
    let rows = query.fetch_all(&mut **tx).await?;
    for row in &rows {
        let id = MandateId::from_stored(row.text("id")?);
        tx.note(&event("mandate.approved", by, &row.text("represented")?, &id), now);
    }
    tx.write_lines().await?;
    Ok(u64::try_from(rows.len())?)
}

/// As `boundaries::look_again`, for all people of an import at once.
pub(in crate::store) async fn look_again(tx: &mut Tx, import: &str, now: Timestamp) -> Result<(), Fault> {
    for statement in [
        "UPDATE grants SET look_at = CASE WHEN look_at > $1 THEN $1 ELSE look_at - 1 END \
         WHERE revoked_at IS NULL AND ends > $1 AND acts_for IN \
         (SELECT m.represented FROM imported_mandates i JOIN mandates m ON m.id = i.mandate WHERE i.import = $2)",
        "UPDATE mandates SET look_at = CASE WHEN COALESCE(look_at, $1 + 1) > $1 THEN $1 ELSE look_at - 1 END \
         WHERE revoked_at IS NULL AND lapsed_at IS NULL AND represented IN \
         (SELECT m.represented FROM imported_mandates i JOIN mandates m ON m.id = i.mandate WHERE i.import = $2)",
    ] {
        sqlx::query(statement).bind(now.epoch()).bind(import.to_owned()).execute(&mut **tx).await?;
    }
    Ok(())
}
