//! Who works at the desk (`docs/adr/0041`): proposed by one, approved by another, ended by one. What each statement guards, no
//! race gets past.

use sqlx::any::AnyRow;

use super::{Store, Tx, accounts::Account, audit::Event, columns::Columns, fragments::own_people};
use crate::domain::{
    fault::Fault,
    four_eyes::LONGEST_WAIT,
    id::{AccountId, PersonId, StaffId},
    line::member,
    mandate::Confirmed,
    staff::{Member, Role, Roles},
    time::Timestamp,
};

/// The most members that a list shows, or that there may be.
pub const MOST: i64 = 500;
/// When the owner of an account worked at the desk, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// In which roles.
    pub roles: Roles,
    /// At which department.
    pub department: String,
    /// From when.
    pub since: Timestamp,
    /// Until when, if that is over.
    pub until: Option<Timestamp>,
}

/// Who approved whom a command made a member. Nobody can have this name.
const BY_COMMAND: &str = "command:staff";
/// Who ended what nobody approved in time. Nobody can have this name.
const BY_TIME: &str = "time:staff";

impl Store {
    /// Who the owner of an account is at the desk: nobody before two agreed, and nobody once it was ended.
    pub async fn member(&self, account: &AccountId) -> Result<Option<Member>, Fault> {
        let row = sqlx::query(
            "SELECT s.*, a.email AS email FROM staff s JOIN accounts a ON a.id = s.account \
             WHERE s.account = $1 AND s.ended_at IS NULL AND s.approved_at IS NOT NULL",
        )
        .bind(account.as_str())
        .fetch_optional(self.db.reader())
        .await?;
        row.map(|row| read_member(&row)).transpose()
    }

    /// Whether the owner of an account is or was a member: two agreed to it once.
    pub async fn was_member(&self, account: &AccountId) -> Result<bool, Fault> {
        let row: Option<(String,)> =
            sqlx::query_as("SELECT id FROM staff WHERE account = $1 AND approved_at IS NOT NULL LIMIT 1")
                .bind(account.as_str())
                .fetch_optional(self.db.reader())
                .await?;
        Ok(row.is_some())
    }

    /// When the owner of an account worked at the desk, the last time first; at most [`MOST`].
    pub async fn work_of(&self, account: &AccountId) -> Result<Vec<Work>, Fault> {
        let rows = sqlx::query(
            "SELECT * FROM staff WHERE account = $1 AND approved_at IS NOT NULL ORDER BY approved_at DESC, id LIMIT $2",
        )
        .bind(account.as_str())
        .bind(MOST)
        .fetch_all(self.db.reader())
        .await?;
        let read = |row: &AnyRow| {
            Ok(Work {
                roles: read_roles(row)?,
                department: row.text("department")?,
                since: row.time("approved_at")?,
                until: row.maybe_time("ended_at")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Whether one of these two is the member of staff that this name means, or somebody for whom they act. A second account is another
    /// person's here (`docs/adr/0041`).
    pub async fn is_own(&self, by: &str, people: [&PersonId; 2], now: Timestamp) -> Result<bool, Fault> {
        let [one, other] = people;
        let row: Option<(i64,)> =
            sqlx::query_as(concat!("SELECT 1 WHERE ", own_people!("$1", "$2, $3", "$4")))
                .bind(by)
                .bind(one.as_str())
                .bind(other.as_str())
                .bind(now.epoch())
                .fetch_optional(self.db.reader())
                .await?;
        Ok(row.is_some())
    }

    /// All members, and who waits to be one, in the order in which they were proposed; at most [`MOST`].
    pub async fn members(&self, now: Timestamp) -> Result<Vec<Member>, Fault> {
        let rows = sqlx::query(
            "SELECT s.*, a.email AS email FROM staff s JOIN accounts a ON a.id = s.account WHERE s.ended_at IS NULL \
             AND (s.approved_at IS NOT NULL OR s.proposed_at > $1) ORDER BY s.proposed_at, s.id LIMIT $2",
        )
            .bind(now.plus(-LONGEST_WAIT).epoch())
            .bind(MOST)
            .fetch_all(self.db.reader())
            .await?;
        rows.iter().map(read_member).collect()
    }

    /// Makes somebody a member by a command, as long as there are not two who could: one who proposes, and another one who approves.
    /// `false` when there are, or when they are a member or proposed as one.
    pub async fn add_first_member(
        &self,
        account: &Account,
        (roles, department): (&Roles, &str),
        by: &str,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let id = StaffId::random();
        let mut tx = self.db.begin().await?;
        make_room(&mut tx, now).await?;
        let done = sqlx::query(
            "INSERT INTO staff (id, account, roles, department, proposed_by, proposed_at, approved_by, approved_at) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $6 WHERE NOT EXISTS (SELECT 1 FROM staff p \
             JOIN accounts a ON a.id = p.account JOIN staff q ON q.id <> p.id JOIN accounts b ON b.id = q.account \
             WHERE p.ended_at IS NULL AND p.approved_at IS NOT NULL AND q.ended_at IS NULL AND q.approved_at IS NOT NULL \
             AND p.roles LIKE '%privacy_officer%' \
             AND (q.roles LIKE '%privacy_officer%' OR q.roles LIKE '%approver%')) ON CONFLICT DO NOTHING",
        )
        .bind(id.as_str())
        .bind(account.id.as_str())
        .bind(roles.words())
        .bind(department)
        .bind(by)
        .bind(now.epoch())
        .bind(BY_COMMAND)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        note(&mut tx, "staff.added", by, account.person.as_str(), &format!("{id} {}", roles.words()), now);
        tx.commit().await?;
        Ok(true)
    }

    /// Proposes for `by` that the owner of an account becomes a member. `false` when they are one, or are proposed.
    pub async fn propose_member(
        &self,
        account: &Account,
        (roles, department): (&Roles, &str),
        by: &str,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let id = StaffId::random();
        let mut tx = self.db.begin().await?;
        make_room(&mut tx, now).await?;
        let done = sqlx::query(
            "INSERT INTO staff (id, account, roles, department, proposed_by, proposed_at) \
             SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT COUNT(*) FROM staff WHERE ended_at IS NULL) < $7 \
             ON CONFLICT DO NOTHING",
        )
        .bind(id.as_str())
        .bind(account.id.as_str())
        .bind(roles.words())
        .bind(department)
        .bind(by)
        .bind(now.epoch())
        .bind(MOST)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        note(&mut tx, "staff.proposed", by, account.person.as_str(), &format!("{id} {}", roles.words()), now);
        tx.commit().await?;
        Ok(true)
    }

    /// Approves for `by` whom somebody else proposed, once; nobody approves themselves. `false` when it is over, or their own.
    pub async fn approve_member(&self, id: &StaffId, by: &str, now: Timestamp) -> Result<bool, Fault> {
        let statement = sqlx::query_as(
            "UPDATE staff SET approved_by = $1, approved_at = $2 WHERE id = $3 AND approved_at IS NULL \
             AND ended_at IS NULL AND proposed_at > $4 AND proposed_by <> $1 AND $1 LIKE 'member:%' \
             AND 'member:' || account <> $1 RETURNING account",
        )
        .bind(by)
        .bind(now.epoch())
        .bind(id.as_str())
        .bind(now.plus(-LONGEST_WAIT).epoch());
        let mut tx = self.db.begin().await?;
        let done: Option<(String,)> = statement.fetch_optional(&mut *tx).await?;
        changed(tx, done, "staff.approved", (id, by), now).await
    }

    /// Ends for `by` that somebody is a member, or is proposed as one: at once. `false` when it had ended.
    pub async fn end_member(&self, id: &StaffId, by: &str, now: Timestamp) -> Result<bool, Fault> {
        let statement = sqlx::query_as(
            "UPDATE staff SET ended_at = $1, ended_by = $2 WHERE id = $3 AND ended_at IS NULL RETURNING account",
        )
        .bind(now.epoch())
        .bind(by)
        .bind(id.as_str());
        let mut tx = self.db.begin().await?;
        let done: Option<(String,)> = statement.fetch_optional(&mut *tx).await?;
        changed(tx, done, "staff.ended", (id, by), now).await
    }
}

/// What nobody approved in time makes room, and so does whoever was proposed and is gone.
async fn make_room(tx: &mut Tx, now: Timestamp) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE staff SET ended_at = $1, ended_by = $2 WHERE ended_at IS NULL AND approved_at IS NULL \
         AND (proposed_at <= $3 OR NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = staff.account))",
    )
    .bind(now.epoch())
    .bind(BY_TIME)
    .bind(now.plus(-LONGEST_WAIT).epoch())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Ends whatever somebody is at the desk, or is proposed as, with the transaction that took what lets them in.
pub(super) async fn leave(tx: &mut Tx, account: &Account, now: Timestamp) -> Result<(), Fault> {
    let by = member(account.id.as_str());
    let ended: Vec<(String,)> = sqlx::query_as(
        "UPDATE staff SET ended_at = $1, ended_by = $2 WHERE account = $3 AND ended_at IS NULL RETURNING id",
    )
    .bind(now.epoch())
    .bind(&by)
    .bind(account.id.as_str())
    .fetch_all(&mut **tx)
    .await?;
    for (id,) in ended {
        note(tx, "staff.ended", &by, account.person.as_str(), &id, now);
    }
    Ok(())
}

/// Writes the line of what was done to one membership, where it was.
async fn changed(
    mut tx: Tx,
    done: Option<(String,)>,
    what: &'static str,
    (id, by): (&StaffId, &str),
    now: Timestamp,
) -> Result<bool, Fault> {
    let Some((account,)) = done else {
        tx.rollback().await?;
        return Ok(false);
    };
    let person: Option<(String,)> = sqlx::query_as("SELECT person_id FROM accounts WHERE id = $1")
        .bind(account)
        .fetch_optional(&mut *tx)
        .await?;
    let person = person.map(|(person,)| person).unwrap_or_default();
    note(&mut tx, what, by, &person, id.as_str(), now);
    tx.commit().await?;
    Ok(true)
}

fn note(tx: &mut Tx, event: &str, by: &str, person: &str, detail: &str, now: Timestamp) {
    let represented = Some(person).filter(|person| !person.is_empty());
    tx.note(&Event { represented, detail: Some(detail), ..Event::by(event, by) }, now);
}

fn read_roles(row: &AnyRow) -> Result<Roles, Fault> {
    let roles: Vec<Role> = row.text("roles")?.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    Ok(Roles::of(&roles)?)
}

fn read_member(row: &AnyRow) -> Result<Member, Fault> {
    let approved = row.maybe_text("approved_by")?.zip(row.maybe_time("approved_at")?);
    Ok(Member {
        id: StaffId::from_stored(row.text("id")?),
        account: AccountId::from_stored(row.text("account")?),
        email: row.text("email")?,
        roles: read_roles(row)?,
        department: row.text("department")?,
        proposed_by: row.text("proposed_by")?,
        proposed_at: row.time("proposed_at")?,
        approved: approved.map(|(by, at)| Confirmed { by, at }),
    })
}

#[cfg(test)]
mod tests;
