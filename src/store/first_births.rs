//! First dates of birth: of somebody who is known without one a mandate tells it, and the approval of that mandate makes it true
//! (M11, `docs/adr/0052`). Until then it is on record of nobody, and nothing rests on it.

use sqlx::{AnyConnection, AssertSqlSafe};

use super::{
    Store, Tx, audit::Event, batch::values, boundaries::look_again, columns::Columns, mandates::read_birth,
};
use crate::domain::{
    birth::BirthDate,
    consent::Party,
    fault::Fault,
    four_eyes::{LONGEST_WAIT, waits_until},
    id::{MandateId, PersonId},
    time::Timestamp,
};

/// Another date than `$birth` waits for `$person` at `$now`: with another mandate, or as a correction.
macro_rules! another_waits {
    ($birth:literal, $person:literal, $now:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM mandates o CROSS JOIN first_births f WHERE o.represented = ",
            $person,
            " AND o.approved_at IS NULL AND o.revoked_at IS NULL AND o.lapsed_at IS NULL AND COALESCE(o.ends, ",
            $now,
            " + 1) > ",
            $now,
            " AND f.mandate = o.id AND f.party = 'represented' AND f.ends > ",
            $now,
            " AND f.birth <> ",
            $birth,
            ") OR EXISTS (SELECT 1 FROM mandates o CROSS JOIN first_births f WHERE o.representative = ",
            $person,
            " AND o.approved_at IS NULL AND o.revoked_at IS NULL AND o.lapsed_at IS NULL AND COALESCE(o.ends, ",
            $now,
            " + 1) > ",
            $now,
            " AND f.mandate = o.id AND f.party = 'representative' AND f.ends > ",
            $now,
            " AND f.birth <> ",
            $birth,
            ") OR EXISTS (SELECT 1 FROM corrections c WHERE c.person = ",
            $person,
            " AND c.what = 'birth_date' AND c.approved_at IS NULL AND c.withdrawn_at IS NULL AND c.ends > ",
            $now,
            " AND c.birth <> ",
            $birth,
            "))"
        )
    };
}

/// A date that waits for somebody, and with which mandate; with none it is a correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    /// Of whom.
    pub person: PersonId,
    /// With which mandate.
    pub mandate: Option<MandateId>,
    /// The date.
    pub birth: BirthDate,
}

impl Store {
    /// The first dates of birth that wait with a mandate, each with whose it is.
    pub async fn first_births(&self, mandate: &MandateId) -> Result<Vec<(Party, BirthDate)>, Fault> {
        let mut on = self.db.reader().acquire().await?;
        of_mandate(&mut on, mandate).await
    }
}

/// Writes the first date of birth that the mandate tells of one of its people, with a line in the log. `false`, and nothing, when they
/// have a date by now, or another one waits for them.
pub(super) async fn propose(
    tx: &mut Tx,
    (mandate, party): (&MandateId, Party),
    (person, birth): (&PersonId, BirthDate),
    by: &str,
    now: Timestamp,
) -> Result<bool, Fault> {
    // Two forms about one person go one after the other, whatever the database.
    let known = sqlx::query(
        "UPDATE persons SET birth = birth WHERE id = $1 AND birth IS NULL AND joined_into IS NULL",
    )
    .bind(person.as_str())
    .execute(&mut **tx)
    .await?;
    if known.rows_affected() == 0 {
        return Ok(false);
    }
    let done = sqlx::query(concat!(
        "INSERT INTO first_births (mandate, party, birth, ends) SELECT m.id, $2, $3, $6 FROM mandates m \
         WHERE m.id = $1 AND NOT ",
        another_waits!("$3", "$4", "$5")
    ))
    .bind(mandate.as_str())
    .bind(party.as_str())
    .bind(birth.to_string())
    .bind(person.as_str())
    .bind(now.epoch())
    .bind(waits_until(now).epoch())
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    tx.note(&event("person.correction_proposed", by, person, mandate), now);
    Ok(true)
}

/// Those that a mandate tells.
pub(super) async fn of_mandate(
    on: &mut AnyConnection,
    mandate: &MandateId,
) -> Result<Vec<(Party, BirthDate)>, Fault> {
    let rows = sqlx::query("SELECT party, birth FROM first_births WHERE mandate = $1 ORDER BY party")
        .bind(mandate.as_str())
        .fetch_all(on)
        .await?;
    rows.iter().map(|row| Ok((row.text("party")?.parse()?, row.text("birth")?.parse()?))).collect()
}

/// Makes a date true that a mandate told, in the transaction that approves the mandate. `false`, and nothing, when another date is on
/// record by now, or waits.
pub(super) async fn record(
    tx: &mut Tx,
    mandate: &MandateId,
    (person, birth): (&PersonId, BirthDate),
    by: &str,
    now: Timestamp,
) -> Result<bool, Fault> {
    let done = sqlx::query(concat!(
        "UPDATE persons SET birth = $1 WHERE id = $2 AND birth IS NULL AND joined_into IS NULL AND NOT ",
        another_waits!("$1", "$2", "$3")
    ))
    .bind(birth.to_string())
    .bind(person.as_str())
    .bind(now.epoch())
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 {
        let row = sqlx::query("SELECT birth FROM persons WHERE id = $1")
            .bind(person.as_str())
            .fetch_one(&mut **tx)
            .await?;
        return Ok(read_birth(&row)? == Some(birth));
    }
    look_again(tx, person.as_str(), now).await?;
    tx.note(&event("person.corrected", by, person, mandate), now);
    Ok(true)
}

/// Forgets what a mandate told: it waits no more.
pub(super) async fn forget(tx: &mut Tx, mandate: &MandateId) -> Result<(), Fault> {
    forget_all(tx, std::slice::from_ref(mandate)).await
}

/// The same of some.
pub(super) async fn forget_all(tx: &mut Tx, mandates: &[MandateId]) -> Result<(), Fault> {
    if mandates.is_empty() {
        return Ok(());
    }
    let statement = format!("DELETE FROM first_births WHERE mandate IN {}", values(1, mandates.len()));
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for mandate in mandates {
        query = query.bind(mandate.as_str().to_owned());
    }
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Every date that waits for one of these people.
pub(super) async fn waiting(
    on: &mut AnyConnection,
    people: &[PersonId],
    now: Timestamp,
) -> Result<Vec<Waits>, Fault> {
    if people.is_empty() {
        return Ok(Vec::new());
    }
    let (list, at, void) = (values(1, people.len()), people.len() + 1, people.len() + 2);
    let of = |party: &str| {
        format!(
            "SELECT m.{party} AS person, m.id AS mandate, f.birth AS birth FROM mandates m CROSS JOIN first_births f \
             WHERE m.{party} IN {list} AND m.approved_at IS NULL AND m.revoked_at IS NULL AND m.lapsed_at IS NULL \
             AND COALESCE(m.ends, ${at} + 1) > ${at} AND m.registered_at > ${void} AND f.mandate = m.id AND f.party = '{party}'"
        )
    };
    let statement = format!(
        "{} UNION ALL {} UNION ALL SELECT c.person, NULL, c.birth FROM corrections c WHERE c.person IN {list} \
         AND c.what = 'birth_date' AND c.approved_at IS NULL AND c.withdrawn_at IS NULL AND c.proposed_at > ${void}",
        of(Party::Represented.as_str()),
        of(Party::Representative.as_str())
    );
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for person in people {
        query = query.bind(person.as_str().to_owned());
    }
    let query = query.bind(now.epoch()).bind(now.plus(-LONGEST_WAIT).epoch());
    let rows = query.fetch_all(on).await?;
    rows.iter()
        .map(|row| {
            Ok(Waits {
                person: PersonId::from_stored(row.text("person")?),
                mandate: row.maybe_text("mandate")?.map(MandateId::from_stored),
                birth: row.text("birth")?.parse()?,
            })
        })
        .collect()
}

fn event<'a>(event: &'a str, by: &'a str, person: &'a PersonId, mandate: &'a MandateId) -> Event<'a> {
    Event { represented: Some(person.as_str()), detail: Some(mandate.as_str()), ..Event::by(event, by) }
}
