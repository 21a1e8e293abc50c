//! What the desk writes and reads that nobody else does: people and their mandate in one step, what waits for a second pair of eyes,
//! and the mandates of a department.

use std::collections::HashSet;

use super::{
    Store,
    audit::Event,
    columns::Columns,
    first_births,
    mandates::{NotStored, circle, insert_registration, read_birth},
    persons::{Told, add_person, registered},
};
use crate::domain::{
    birth::BirthDate,
    consent::Party,
    fault::Fault,
    four_eyes::LONGEST_WAIT,
    id::{MandateId, PersonId},
    mandate::Relation,
    registration::Registration,
    time::Timestamp,
};

/// The most mandates that a queue shows.
pub const SHOWN: i64 = 100;
/// The most of a kind that are counted as overdue, and the most that a forecast looks at.
pub(super) const LOOKED_AT: i64 = 2000;

/// Why nothing of a form was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRegistered {
    /// A number of one of the two became somebody's meanwhile.
    Taken,
    /// Of one of the two another date of birth waits, or is on record by now.
    OtherBirth(Party),
    /// The mandate cannot be stored.
    Mandate(NotStored),
}

/// A mandate that waits for a second pair of eyes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub id: MandateId,
    /// Who will act.
    pub representative_name: String,
    /// For whom.
    pub represented_name: String,
    /// Who registered it.
    pub registered_by: String,
    /// When.
    pub registered_at: Timestamp,
    /// Of which department, where that was told.
    pub department: Option<String>,
}

/// A parental mandate, for looking ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parental {
    /// Which.
    pub id: MandateId,
    /// Of whom.
    pub represented_name: String,
    /// When they were born.
    pub born: BirthDate,
    /// Parent or guardian.
    pub relation: Relation,
    /// Its own end, where it has one.
    pub ends: Option<Timestamp>,
}

/// What waits, and is not over, of the desk or of elsewhere: `$1` is now, `$2` before when it is void, `$3` how many are wanted.
macro_rules! waits {
    ($turn:literal, $is_members:literal) => {
        concat!(
            "SELECT * FROM (SELECT ",
            $turn,
            " AS turn, m.* FROM mandates m WHERE m.approved_at IS NULL AND m.revoked_at IS NULL AND m.lapsed_at IS NULL \
             AND COALESCE(m.ends, $1 + 1) > $1 AND m.registered_at > $2 AND SUBSTR(m.registered_by, 1, 7) ",
            $is_members,
            " ORDER BY m.registered_at, m.id LIMIT $3) AS w",
            $turn
        )
    };
}

/// Both, those of the desk first. Each is read in the order of its index, and no further than so many: programs may have registered a million.
macro_rules! waiting {
    ($what:literal, $with:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM (",
            waits!("0", "= 'member:'"),
            " UNION ALL ",
            waits!("1", "<> 'member:'"),
            ") AS w ",
            $with,
            " ORDER BY w.turn, w.registered_at, w.id LIMIT $3"
        )
    };
}

/// What is recorded of the two people of a mandate beside it.
#[derive(Default)]
pub struct People {
    /// Those whom nobody knows yet.
    pub new: Vec<(PersonId, Told)>,
    /// Those whom only an account knows, and what they are called.
    pub called: Vec<(PersonId, String)>,
    /// Those who are known without a date of birth, and which one the form tells: it waits with the mandate.
    pub born: Vec<(Party, PersonId, BirthDate)>,
}

impl Store {
    /// Stores those of the two people whom nobody knows yet, what one whom only an account knows is called, and their mandate, or nothing.
    pub async fn register_at_desk(
        &self,
        people: &People,
        registration: &Registration,
        now: Timestamp,
    ) -> Result<Result<(), NotRegistered>, Fault> {
        let by = &registration.mandate.registered_by;
        let mut tx = self.db.begin().await?;
        for (id, name) in &people.called {
            let named = sqlx::query("UPDATE persons SET name = $1 WHERE id = $2 AND name = ''")
                .bind(name)
                .bind(id.as_str())
                .execute(&mut *tx)
                .await?;
            // From here on the desk knows them, as it knows whom it registers.
            if named.rows_affected() == 1 {
                tx.note(&registered(id, by), now);
            }
        }
        for (id, told) in &people.new {
            if !add_person(&mut tx, &self.vault, (id, told), by, now).await? {
                tx.rollback().await?;
                return Ok(Err(NotRegistered::Taken));
            }
        }
        if !insert_registration(&mut tx, registration, now).await? {
            tx.rollback().await?;
            return Ok(Err(NotRegistered::Mandate(self.why_not_stored(registration, now).await?)));
        }
        if circle::closes(&mut tx, &registration.mandate, now).await? {
            tx.rollback().await?;
            return Ok(Err(NotRegistered::Mandate(NotStored::Circle)));
        }
        let mandate = &registration.mandate.id;
        for (party, person, birth) in &people.born {
            if !first_births::propose(&mut tx, (mandate, *party), (person, *birth), by, now).await? {
                tx.rollback().await?;
                return Ok(Err(NotRegistered::OtherBirth(*party)));
            }
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// What waits for a second pair of eyes, the newest last, and after what was asked for at the desk what was asked for elsewhere, which is
    /// not approved here: however much of that there is, it hides nothing. At most [`SHOWN`].
    pub async fn waiting(&self, now: Timestamp) -> Result<Vec<Waiting>, Fault> {
        let statement = waiting!(
            "w.id, w.registered_by, w.registered_at, w.department, a.name AS representative_name, \
             p.name AS represented_name",
            "JOIN persons a ON a.id = w.representative JOIN persons p ON p.id = w.represented"
        );
        let rows = sqlx::query(statement)
            .bind(now.epoch())
            .bind(now.plus(-LONGEST_WAIT).epoch())
            .bind(SHOWN)
            .fetch_all(self.db.reader())
            .await?;
        let read = |row: &sqlx::any::AnyRow| {
            Ok(Waiting {
                id: MandateId::from_stored(row.text("id")?),
                representative_name: row.text("representative_name")?,
                represented_name: row.text("represented_name")?,
                registered_by: row.text("registered_by")?,
                registered_at: row.time("registered_at")?,
                department: row.maybe_text("department")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// When each mandate that waits was registered, those passed over that `but` names; a bounded number.
    pub async fn waiting_since(&self, but: &[MandateId], now: Timestamp) -> Result<Vec<Timestamp>, Fault> {
        let but: HashSet<&str> = but.iter().map(MandateId::as_str).collect();
        let rows = sqlx::query(waiting!("w.id, w.registered_at", ""))
            .bind(now.epoch())
            .bind(now.plus(-LONGEST_WAIT).epoch())
            .bind(LOOKED_AT)
            .fetch_all(self.db.reader())
            .await?;
        let mut since = Vec::with_capacity(rows.len());
        for row in &rows {
            if !but.contains(row.text("id")?.as_str()) {
                since.push(row.time("registered_at")?);
            }
        }
        Ok(since)
    }

    /// The parental mandates of a department, or of none where it is `None`, that are not over and whose child was born from the one date on to the other, as they are
    /// written; a bounded number, the eldest first. The children are looked at first, whatever the database knows of its tables.
    pub async fn parental_of(
        &self,
        department: Option<&str>,
        (from, to): (&str, &str),
    ) -> Result<Vec<Parental>, Fault> {
        let rows = sqlx::query(
            "SELECT m.id, m.relation, m.ends, p.name AS represented_name, p.birth AS birth \
             FROM persons p CROSS JOIN mandates m WHERE p.birth >= $2 AND p.birth <= $3 AND m.represented = p.id \
             AND COALESCE(m.department, '') = $1 AND m.relation IN ('parent', 'guardian') AND m.approved_at IS NOT NULL \
             AND m.revoked_at IS NULL AND m.lapsed_at IS NULL ORDER BY p.birth, m.id LIMIT $4",
        )
        .bind(department.unwrap_or_default())
        .bind(from)
        .bind(to)
        .bind(LOOKED_AT)
        .fetch_all(self.db.reader())
        .await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            let Some(born) = read_birth(row)? else { continue };
            found.push(Parental {
                id: MandateId::from_stored(row.text("id")?),
                represented_name: row.text("represented_name")?,
                born,
                relation: row.text("relation")?.parse()?,
                ends: row.maybe_time("ends")?,
            });
        }
        Ok(found)
    }

    /// Of which department a mandate is, where that was told.
    pub async fn department_of(&self, id: &MandateId) -> Result<Option<String>, Fault> {
        let row: Option<(Option<String>,)> = sqlx::query_as("SELECT department FROM mandates WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(self.db.reader())
            .await?;
        Ok(row.and_then(|(department,)| department))
    }

    /// Writes that somebody at the desk, by a command or through the admin API looked at a person, or at what is about them.
    pub async fn note_shown(
        &self,
        by: &str,
        person: &PersonId,
        detail: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.audit(&Event { detail, ..looked("person.shown", by, person) }, now).await
    }

    /// Writes that somebody looked at these people in a list: one line, however many they are.
    pub async fn note_listed(
        &self,
        by: &str,
        listed: &[PersonId],
        detail: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.audit(&Event { detail, listed, ..Event::by("person.listed", by) }, now).await
    }

    /// Writes that somebody at the desk read the log of a person.
    pub async fn note_read(&self, by: &str, person: &PersonId, now: Timestamp) -> Result<(), Fault> {
        self.audit(&looked("audit.read", by, person), now).await
    }
}

fn looked<'a>(event: &'a str, by: &'a str, person: &'a PersonId) -> Event<'a> {
    Event { represented: Some(person.as_str()), ..Event::by(event, by) }
}
