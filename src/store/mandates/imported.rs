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

/// How many lines of the log one approval gathers before it writes them.
const AT_ONCE: i64 = 1000;

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

/// How many mandates came of an import.
pub(in crate::store) async fn count(tx: &mut Tx, import: &str) -> Result<usize, Fault> {
    let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM imported_mandates WHERE import = $1")
        .bind(import.to_owned())
        .fetch_one(&mut **tx)
        .await?;
    Ok(usize::try_from(count)?)
}

/// Approves for `by` those of an import that wait, and that are not over. Tells how many.
pub(in crate::store) async fn approve(
    tx: &mut Tx,
    import: &str,
    by: &str,
    now: Timestamp,
) -> Result<u64, Fault> {
    let done = sqlx::query(
        "UPDATE mandates SET approved_by = $1, approved_at = $2 \
         WHERE id IN (SELECT i.mandate FROM imported_mandates i WHERE i.import = $3) \
         AND approved_at IS NULL AND revoked_at IS NULL AND lapsed_at IS NULL AND registered_at > $4 \
         AND COALESCE(ends, $2 + 1) > $2 AND registered_by <> $1",
    )
    .bind(by.to_owned())
    .bind(now.epoch())
    .bind(import.to_owned())
    .bind(now.plus(-LONGEST_WAIT).epoch())
    .execute(&mut **tx)
    .await?;
    note_approved(tx, import, by, now).await?;
    look_again(tx, import, now).await?;
    Ok(done.rows_affected())
}

/// A line for each mandate of an import that `by` approved at `now`.
async fn note_approved(tx: &mut Tx, import: &str, by: &str, now: Timestamp) -> Result<(), Fault> {
    let mut after = String::new();
    loop {
        let rows = sqlx::query(
            "SELECT m.id, m.represented FROM imported_mandates i JOIN mandates m ON m.id = i.mandate \
             WHERE i.import = $1 AND i.mandate > $2 AND m.approved_by = $3 AND m.approved_at = $4 ORDER BY i.mandate LIMIT $5",
        )
        .bind(import.to_owned())
        .bind(after.clone())
        .bind(by.to_owned())
        .bind(now.epoch())
        .bind(AT_ONCE)
        .fetch_all(&mut **tx)
        .await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.text("id")?;
        for row in &rows {
            let id = MandateId::from_stored(row.text("id")?);
            tx.note(&event("mandate.approved", by, &row.text("represented")?, &id), now);
        }
        tx.write_lines().await?;
    }
}

/// As `boundaries::look_again`, for all people of an import at once.
async fn look_again(tx: &mut Tx, import: &str, now: Timestamp) -> Result<(), Fault> {
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
