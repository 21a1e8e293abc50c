//! Mandates that came of an import: many at once, and approved at once by somebody who holds the same lines (docs/adr/0046).

use sqlx::{AnyConnection, AssertSqlSafe};

use super::{
    event, insert_registration,
    rows::{read_birth, read_consent, read_mandate},
    special::read_special,
};
use crate::{
    domain::{
        birth::BirthDate,
        consent::Party,
        fault::Fault,
        four_eyes::LONGEST_WAIT,
        id::{MandateId, PersonId},
        import::MOST_LINES,
        mandate::{Mandate, Standing, standing},
        registration::Registration,
        time::Timestamp,
    },
    store::{Tx, batch::values, blocks::read_block, columns::Columns, first_births, imports::still_waits},
};

/// Every mandate between two of these people, whatever it is worth, but those that were withdrawn with their import; with `import`, only those that
/// came of it.
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
        "SELECT m.* FROM mandates m WHERE m.representative IN {list} AND m.represented IN {list}{of} \
         AND NOT EXISTS (SELECT 1 FROM imported_mandates w WHERE w.mandate = m.id AND w.withdrawn_at IS NOT NULL)"
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

/// A mandate of a line, to be written.
pub struct NewMandate {
    /// The line.
    pub line: u64,
    /// The mandate.
    pub registration: Registration,
    /// The date of birth of the person represented, where none is on record.
    pub first: Option<BirthDate>,
}

/// Writes checked registrations that came of an import, each by its line and with its line in the log. Errors inside: the line of the first of
/// which a person is unknown by now, one of the two has too many, or another date of birth is told of the person represented by now.
pub(in crate::store) async fn insert_imported(
    tx: &mut Tx,
    new: &[NewMandate],
    import: &str,
    now: Timestamp,
) -> Result<Result<(), u64>, Fault> {
    for NewMandate { line, registration, first } in new {
        if !insert_registration(tx, registration, now).await? {
            return Ok(Err(*line));
        }
        let Some(birth) = first else { continue };
        let mandate = &registration.mandate;
        let (of, born) = ((&mandate.id, Party::Represented), (&mandate.represented, *birth));
        if !first_births::propose(tx, of, born, &mandate.registered_by, now).await? {
            return Ok(Err(*line));
        }
    }
    if new.is_empty() {
        return Ok(Ok(()));
    }
    let statement =
        format!("INSERT INTO imported_mandates (mandate, import) VALUES {}", values(new.len(), 2));
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for NewMandate { registration, .. } in new {
        query = query.bind(registration.mandate.id.as_str().to_owned()).bind(import.to_owned());
    }
    query.execute(&mut **tx).await?;
    tx.write_lines().await?;
    Ok(Ok(()))
}

/// Approves for `by` those of these that wait, and that are not over, each with its line in the log, and makes true what they tell `first` of
/// when somebody was born. Tells which.
pub(in crate::store) async fn approve(
    tx: &mut Tx,
    (mandates, first): (&[MandateId], &[(MandateId, PersonId, BirthDate)]),
    by: &str,
    now: Timestamp,
) -> Result<Vec<MandateId>, Fault> {
    if mandates.is_empty() {
        return Ok(Vec::new());
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
    let mut approved = Vec::with_capacity(rows.len());
    for row in &rows {
        let id = MandateId::from_stored(row.text("id")?);
        tx.note(&event("mandate.approved", by, &row.text("represented")?, &id), now);
        approved.push(id);
    }
    for (id, person, birth) in first.iter().filter(|(id, ..)| approved.contains(id)) {
        if !first_births::record(tx, id, (person, *birth), by, now).await? {
            return Err(Fault::because(
                "a date of birth was changed while its import was approved: try again",
            ));
        }
    }
    // Also what another chunk, or a mandate that was approved before the file, has made true.
    first_births::forget_all(tx, &approved).await?;
    tx.write_lines().await?;
    Ok(approved)
}

/// What these mandates are worth at `now`.
pub(in crate::store) async fn standings(
    on: &mut AnyConnection,
    mandates: &[MandateId],
    now: Timestamp,
) -> Result<Vec<Standing>, Fault> {
    if mandates.is_empty() {
        return Ok(Vec::new());
    }
    let (list, next) = (values(1, mandates.len()), mandates.len() + 1);
    let mut read = async |statement: String, has_now: bool| {
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for mandate in mandates {
            query = query.bind(mandate.as_str().to_owned());
        }
        if has_now {
            query = query.bind(now.epoch());
        }
        query.fetch_all(&mut *on).await
    };
    let statement = format!(
        "SELECT m.*, p.birth AS birth FROM mandates m JOIN persons p ON p.id = m.represented WHERE m.id IN {list}"
    );
    let rows = read(statement, false).await?;
    let statement = format!(
        "SELECT s.* FROM special_bases s WHERE s.mandate IN {list} AND s.ended_at IS NULL AND s.ends > ${next}"
    );
    let special: Vec<_> = read(statement, true).await?.iter().map(read_special).collect::<Result<_, _>>()?;
    let statement = format!(
        "SELECT c.mandate, c.party, c.word, MAX(c.at) AS at FROM consents c WHERE c.mandate IN {list} \
         GROUP BY c.mandate, c.party, c.word"
    );
    let consents: Vec<_> =
        read(statement, false).await?.iter().map(read_consent).collect::<Result<_, _>>()?;
    let statement = format!(
        "SELECT DISTINCT b.representative, b.represented, b.placed_at, b.lifted_at FROM blocks b \
         JOIN mandates m ON m.representative = b.representative AND m.represented = b.represented \
         WHERE m.id IN {list} AND (b.lifted_at IS NULL OR b.lifted_at > ${next})"
    );
    let blocks: Vec<_> = read(statement, true).await?.iter().map(read_block).collect::<Result<_, _>>()?;
    let of = |row| {
        let mut mandate = read_mandate(row)?;
        let own = special.iter().filter(|(of, _)| *of == mandate.id);
        mandate.special = own.map(|(_, basis)| basis.clone()).collect();
        Ok(standing(&mandate, read_birth(row)?, &consents, &blocks, now))
    };
    rows.iter().map(of).collect()
}

/// Revokes for `by` those mandates of an import that still wait, each with its line in the log. Tells how many.
pub(in crate::store) async fn withdraw(
    tx: &mut Tx,
    import: &str,
    by: &str,
    now: Timestamp,
) -> Result<u64, Fault> {
    let (mut gone, mut behind) = (0, String::new());
    for _ in 0..MOST_LINES {
        let some: Vec<(String,)> = sqlx::query_as(
            "SELECT mandate FROM imported_mandates WHERE import = $1 AND mandate > $2 ORDER BY mandate LIMIT 200",
        )
        .bind(import.to_owned())
        .bind(behind)
        .fetch_all(&mut **tx)
        .await?;
        let Some((last,)) = some.last() else { break };
        behind = last.clone();
        let (ids, next) = (values(1, some.len()), some.len() + 1);
        let alive = still_waits!();
        let statement = format!(
            "UPDATE mandates AS m SET revoked_at = ${next}, revoked_by = ${} WHERE m.id IN {ids} AND {alive} RETURNING id, represented",
            next + 1
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for (mandate,) in &some {
            query = query.bind(mandate.clone());
        }
        let rows = query.bind(now.epoch()).bind(by.to_owned()).fetch_all(&mut **tx).await?;
        for row in &rows {
            let id = MandateId::from_stored(row.text("id")?);
            sqlx::query("UPDATE imported_mandates SET withdrawn_at = $1 WHERE mandate = $2")
                .bind(now.epoch())
                .bind(id.as_str().to_owned())
                .execute(&mut **tx)
                .await?;
            first_births::forget(tx, &id).await?;
            tx.note(&event("mandate.revoked", by, &row.text("represented")?, &id), now);
        }
        gone += u64::try_from(rows.len())?;
        tx.write_lines().await?;
    }
    Ok(gone)
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
