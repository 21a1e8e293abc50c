//! Persons: the subjects of records. A BSN belongs to at most one; a unique index decides every race.

use sqlx::{Any, AnyConnection, AssertSqlSafe, Executor, Row, any::AnyRow};

use super::{Store, Tx, Vault, audit::Event, batch::values, columns::Columns, mandates::read_birth};
use crate::domain::{
    birth::BirthDate, bsn::Bsn, fault::Fault, id::PersonId, import::Known, line::through,
    patient_number::PatientNumber, representation::ParentalAuthority, time::Timestamp,
};

/// A person as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub id: PersonId,
    /// As the desk knows them; empty when only an account does.
    pub name: String,
    /// The birth date from the desk or an import, as far as known; never from DigiD.
    pub birth: Option<BirthDate>,
    /// Whether a BSN is known.
    pub has_bsn: bool,
    /// What the healthcare provider calls them by.
    pub patient_number: Option<PatientNumber>,
}

/// Reads persons; one that became part of another is none.
macro_rules! person_where {
    ($which:literal) => {
        concat!(
            "SELECT id, name, birth, patient_number, CASE WHEN bsn_index IS NULL THEN 0 ELSE 1 END AS has_bsn FROM persons \
             WHERE joined_into IS NULL AND ",
            $which
        )
    };
}

/// A person to be written.
pub(super) struct NewPerson<'a> {
    pub(super) id: &'a PersonId,
    pub(super) name: &'a str,
    pub(super) birth: Option<BirthDate>,
    pub(super) bsn: Option<&'a Bsn>,
    pub(super) patient_number: Option<&'a PatientNumber>,
}

/// What is told of somebody who is registered: what the desk calls them, when they were born, and the numbers they are known by.
#[derive(Debug, Default)]
pub struct Told {
    /// As the desk knows them.
    pub name: String,
    /// The date of birth, as far as known.
    pub birth: Option<BirthDate>,
    /// The BSN.
    pub bsn: Option<Bsn>,
    /// What the healthcare provider calls them by.
    pub patient_number: Option<PatientNumber>,
}

/// Somebody else has this BSN or patient number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this BSN or patient number is registered for another person, or this person has another BSN")]
pub struct BsnTaken;

impl Store {
    /// Registers a person for `by`, the member of staff or the program, with a line in the log. `BsnTaken` when the BSN is another
    /// person's.
    pub async fn register_person(
        &self,
        told: &Told,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<PersonId, BsnTaken>, Fault> {
        let id = PersonId::random();
        let mut tx = self.db.begin().await?;
        if !add_person(&mut tx, &self.vault, (&id, told), by, now).await? {
            tx.rollback().await?;
            return Ok(Err(BsnTaken));
        }
        tx.commit().await?;
        Ok(Ok(id))
    }

    /// The person of that id; one that became part of another is not found.
    pub async fn person(&self, id: &PersonId) -> Result<Option<Person>, Fault> {
        let row =
            sqlx::query(person_where!("id = $1")).bind(id.as_str()).fetch_optional(self.db.reader()).await?;
        row.map(|row| read_person(&row)).transpose()
    }

    /// The person with that BSN.
    pub async fn person_by_bsn(&self, bsn: &Bsn) -> Result<Option<Person>, Fault> {
        let row = sqlx::query(person_where!("bsn_index = $1"))
            .bind(self.vault.bsn_index(bsn))
            .fetch_optional(self.db.reader())
            .await?;
        row.map(|row| read_person(&row)).transpose()
    }

    /// The child of the register's word, while it has the BSN that the register named.
    pub(super) async fn person_named(&self, authority: &ParentalAuthority) -> Result<Option<Person>, Fault> {
        let row = sqlx::query(person_where!("id = $1 AND bsn_index = $2"))
            .bind(authority.child.as_str())
            .bind(authority.named.as_slice())
            .fetch_optional(self.db.reader())
            .await?;
        row.map(|row| read_person(&row)).transpose()
    }

    /// As [`Self::person_by_bsn`], for who looks for them, a program where it is known, with a line in the log: who is asked for by a BSN is told to somebody
    /// who knows it.
    pub async fn find_person(
        &self,
        bsn: &Bsn,
        by: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Person>, Fault> {
        let found = self.person_by_bsn(bsn).await?;
        self.looked_for(found, by, now).await
    }

    /// The same by patient number.
    pub async fn find_patient(
        &self,
        number: &PatientNumber,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<Person>, Fault> {
        let found = self.person_by_number(number).await?;
        self.looked_for(found, Some(by), now).await
    }

    async fn looked_for(
        &self,
        found: Option<Person>,
        by: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Person>, Fault> {
        self.note_found(by, found.as_ref().map(|person| &person.id), None, now).await?;
        Ok(found)
    }

    /// Writes that somebody looked for a person, and whom they found. By what, where it is not a number, `detail` says as a word; what they
    /// looked for stands nowhere.
    pub async fn note_found(
        &self,
        by: Option<&str>,
        found: Option<&PersonId>,
        detail: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let event = Event {
            event: "person.found",
            outcome: if found.is_some() { "ok" } else { "unknown" },
            actor: by,
            represented: found.map(PersonId::as_str),
            client: by.and_then(through),
            detail,
            ..Event::default()
        };
        self.audit(&event, now).await
    }

    /// The person with that patient number.
    pub async fn person_by_number(&self, number: &PatientNumber) -> Result<Option<Person>, Fault> {
        let row = sqlx::query(person_where!("patient_number = $1"))
            .bind(number.as_str())
            .fetch_optional(self.db.reader())
            .await?;
        row.map(|row| read_person(&row)).transpose()
    }

    /// A person's BSN, if it is known.
    pub async fn bsn_of(&self, id: &PersonId) -> Result<Option<Bsn>, Fault> {
        let row: Option<(Vec<u8>,)> =
            sqlx::query_as("SELECT bsn_sealed FROM persons WHERE id = $1 AND bsn_sealed IS NOT NULL")
                .bind(id.as_str())
                .fetch_optional(self.db.reader())
                .await?;
        row.map(|(sealed,)| open_bsn(&self.vault, id, &sealed)).transpose()
    }

    /// At most `limit` persons in the order of their ids, those after `after`.
    pub async fn persons(&self, after: Option<&PersonId>, limit: u16) -> Result<Vec<Person>, Fault> {
        let rows = sqlx::query(person_where!("id > $1 ORDER BY id LIMIT $2"))
            .bind(after.map_or("", PersonId::as_str))
            .bind(i64::from(limit))
            .fetch_all(self.db.reader())
            .await?;
        rows.iter().map(read_person).collect()
    }
}

fn read_person(row: &AnyRow) -> Result<Person, Fault> {
    Ok(Person {
        id: PersonId::from_stored(row.text("id")?),
        name: row.text("name")?,
        birth: read_birth(row)?,
        has_bsn: row.try_get::<i64, _>("has_bsn")? == 1,
        patient_number: row.maybe_text("patient_number")?.map(PatientNumber::from_stored),
    })
}

/// Writes somebody whom the desk or a program tells of, with a line in the log; `false` when a number of theirs is taken.
pub(super) async fn add_person(
    tx: &mut Tx,
    vault: &Vault,
    (id, told): (&PersonId, &Told),
    by: &str,
    now: Timestamp,
) -> Result<bool, Fault> {
    let Told { name, birth, bsn, patient_number } = told;
    let (bsn, patient_number) = (bsn.as_ref(), patient_number.as_ref());
    let new = NewPerson { id, name, birth: *birth, bsn, patient_number };
    if !insert_person(&mut **tx, vault, &new, now).await? {
        return Ok(false);
    }
    tx.note(&registered(id, by), now);
    Ok(true)
}

/// The line of somebody whom the desk knows from here on.
pub(super) fn registered<'a>(id: &'a PersonId, by: &'a str) -> Event<'a> {
    Event { represented: Some(id.as_str()), ..Event::by("person.registered", by) }
}

/// Writes many of those in one statement, each with its line in the log; `false` when a number of one is taken.
pub(super) async fn add_persons(
    tx: &mut Tx,
    vault: &Vault,
    new: &[Told],
    by: &str,
    now: Timestamp,
) -> Result<bool, Fault> {
    let statement = format!(
        "INSERT INTO persons (id, name, birth, bsn_index, bsn_sealed, created, patient_number) VALUES {} \
         ON CONFLICT DO NOTHING",
        values(new.len(), 7)
    );
    let mut query = sqlx::query(AssertSqlSafe(statement));
    let ids: Vec<PersonId> = new.iter().map(|_| PersonId::random()).collect();
    for (id, told) in ids.iter().zip(new) {
        let sealed = told.bsn.as_ref().map(|bsn| seal_bsn(vault, id, bsn)).transpose()?;
        query = query
            .bind(id.as_str().to_owned())
            .bind(told.name.clone())
            .bind(told.birth.map(|birth| birth.to_string()))
            .bind(told.bsn.as_ref().map(|bsn| vault.bsn_index(bsn)))
            .bind(sealed)
            .bind(now.epoch())
            .bind(told.patient_number.as_ref().map(|number| number.as_str().to_owned()));
    }
    let done = query.execute(&mut **tx).await?;
    for id in &ids {
        tx.note(&registered(id, by), now);
    }
    Ok(usize::try_from(done.rows_affected())? == new.len())
}

/// Those who have one of these BSNs or patient numbers.
pub(super) async fn with_numbers(
    on: &mut AnyConnection,
    bsns: &[Vec<u8>],
    numbers: &[PatientNumber],
) -> Result<Vec<Known>, Fault> {
    let mut found = Vec::new();
    for (column, count) in [("bsn_index", bsns.len()), ("patient_number", numbers.len())] {
        if count == 0 {
            continue;
        }
        let statement = format!(
            "SELECT id, birth, bsn_index, patient_number FROM persons WHERE joined_into IS NULL AND {column} IN {}",
            values(1, count)
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        if column == "bsn_index" {
            for bsn in bsns {
                query = query.bind(bsn.clone());
            }
        } else {
            for number in numbers {
                query = query.bind(number.as_str().to_owned());
            }
        }
        for row in query.fetch_all(&mut *on).await? {
            found.push(Known {
                id: PersonId::from_stored(row.text("id")?),
                birth: read_birth(&row)?,
                bsn: row.maybe_bytes("bsn_index")?,
                number: row.maybe_text("patient_number")?.map(PatientNumber::from_stored),
            });
        }
    }
    Ok(found)
}

/// Writes a person; `false` when the BSN or the patient number is taken.
pub(super) async fn insert_person<'e>(
    executor: impl Executor<'e, Database = Any>,
    vault: &Vault,
    new: &NewPerson<'_>,
    now: Timestamp,
) -> Result<bool, Fault> {
    let sealed = new.bsn.map(|bsn| seal_bsn(vault, new.id, bsn)).transpose()?;
    let done = sqlx::query(
        "INSERT INTO persons (id, name, birth, bsn_index, bsn_sealed, created, patient_number) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT DO NOTHING",
    )
    .bind(new.id.as_str())
    .bind(new.name)
    .bind(new.birth.map(|birth| birth.to_string()))
    .bind(new.bsn.map(|bsn| vault.bsn_index(bsn)))
    .bind(sealed)
    .bind(now.epoch())
    .bind(new.patient_number.map(PatientNumber::as_str))
    .execute(executor)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A person's BSN as it stands in the row: it opens only there.
pub(super) fn seal_bsn(vault: &Vault, person: &PersonId, bsn: &Bsn) -> Result<Vec<u8>, Fault> {
    vault.seal("bsn", person.as_str(), bsn.digits().as_bytes())
}

/// The BSN of a person as it stood in their row.
pub(super) fn open_bsn(vault: &Vault, person: &PersonId, sealed: &[u8]) -> Result<Bsn, Fault> {
    let digits = vault.unseal("bsn", person.as_str(), sealed)?;
    Ok(Bsn::parse(std::str::from_utf8(&digits)?)?)
}

#[cfg(test)]
mod tests {
    use crate::store::testing::fresh;

    #[tokio::test]
    async fn persons_are_listed_page_by_page() {
        let f = fresh().await;
        for name in ["a", "b", "c"] {
            f.person(name, "2018-05").await;
        }
        let first = f.store.persons(None, 2).await.unwrap();
        let rest = f.store.persons(Some(&first[1].id), 2).await.unwrap();
        let mut names: Vec<_> = first.iter().chain(&rest).map(|person| person.name.clone()).collect();
        names.sort();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(rest[0].birth, Some("2018-05".parse().unwrap()));
    }
}
