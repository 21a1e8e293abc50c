//! Whom a portal is told that its user may act for (`act_as`): each of these people finds it in their own log, where a grant begins once
//! for a session and a portal, and later once for a grant; not at each refresh (`docs/adr/0053`). Every line of tokens lists them all for an auditor.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AssertSqlSafe;

use super::{
    event,
    rows::{in_one_column, people},
};
use crate::{
    domain::{fault::Fault, grant::Grant, id::PersonId, time::Timestamp},
    store::{Store, Tx, audit::Event, batch::values, columns::Columns},
};

/// Those of `listed` of whom the client of that grant was not told by it yet.
pub(super) fn more(grant: &Grant, listed: &[PersonId]) -> Vec<PersonId> {
    listed.iter().filter(|person| !grant.told.contains(person)).cloned().collect()
}

/// What the column of a grant becomes once its client is told of `listed`; `None` where it stays.
pub(super) fn with_more(grant: &Grant, listed: &[PersonId]) -> Option<String> {
    let more = more(grant, listed);
    if more.is_empty() { None } else { in_one_column(&[grant.told.as_slice(), &more].concat()) }
}

/// A line for each of those people.
pub(super) fn note(tx: &mut Tx, grant: &Grant, people: &[PersonId], now: Timestamp) {
    for person in people {
        let event = Event {
            event: "act_as.told",
            outcome: "ok",
            actor: Some(grant.person.as_str()),
            represented: Some(person.as_str()),
            client: Some(&grant.client_id),
            detail: Some(grant.id.as_str()),
            ..Event::default()
        };
        tx.note(&event, now);
    }
}

/// The lines of grants that begin, inside the transaction that begins them. A portal that asks again in the same session, as silent
/// requests do every few minutes, is told nothing new by that.
pub(super) async fn of_new(tx: &mut Tx, new: &[&Grant]) -> Result<(), Fault> {
    let telling: Vec<&Grant> = new.iter().copied().filter(|grant| !grant.told.is_empty()).collect();
    if telling.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "SELECT id, sid, client_id, told FROM grants WHERE told IS NOT NULL AND sid IN {} ORDER BY created DESC LIMIT 1000",
        values(1, telling.len())
    );
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for grant in &telling {
        query = query.bind(grant.sid.as_str().to_owned());
    }
    let mut known: BTreeMap<(String, String), BTreeSet<PersonId>> = BTreeMap::new();
    for row in query.fetch_all(&mut **tx).await? {
        let id = row.text("id")?;
        if new.iter().all(|grant| grant.id.as_str() != id) {
            let told = people(&row.text("told")?);
            known.entry((row.text("sid")?, row.text("client_id")?)).or_default().extend(told);
        }
    }
    for grant in telling {
        let of_session = known.entry((grant.sid.as_str().to_owned(), grant.client_id.clone())).or_default();
        let more: Vec<PersonId> =
            grant.told.iter().filter(|person| of_session.insert((*person).clone())).cloned().collect();
        note(tx, grant, &more, grant.created);
    }
    Ok(())
}

impl Store {
    /// Writes down that the client of a grant is told that its user may act for those, where it was not told so before. Nothing is
    /// written where it was.
    pub async fn tell_of(&self, grant: &Grant, listed: &[PersonId], now: Timestamp) -> Result<(), Fault> {
        if more(grant, listed).is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        // Of two at once one writes the line, and the other those that are left.
        let row = sqlx::query("UPDATE grants SET told = told WHERE id = $1 RETURNING told")
            .bind(grant.id.as_str().to_owned())
            .fetch_optional(&mut *tx)
            .await?;
        let Some(row) = row else { return tx.rollback().await };
        let told = row.maybe_text("told")?.map(|told| people(&told)).unwrap_or_default();
        let grant = Grant { told, ..grant.clone() };
        sqlx::query("UPDATE grants SET told = COALESCE($1, told) WHERE id = $2")
            .bind(with_more(&grant, listed))
            .bind(grant.id.as_str().to_owned())
            .execute(&mut *tx)
            .await?;
        note(&mut tx, &grant, &more(&grant, listed), now);
        tx.commit().await
    }

    /// The lines of an answer that got lost and is given again, where it tells of more people than were told of before.
    pub async fn tell_again(&self, grant: &Grant, listed: &[PersonId], now: Timestamp) -> Result<(), Fault> {
        if more(grant, listed).is_empty() {
            return Ok(());
        }
        let event = Event { listed, ..event("token.refreshed", "again", grant) };
        self.audit(&event, now).await?;
        self.tell_of(grant, listed, now).await
    }
}
