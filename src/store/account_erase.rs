//! Erasing an account for its owner. What others need as evidence stays, under pseudonyms that nobody can resolve any more: the lines of
//! the log, and at the desk its own record of a person it knows (`docs/adr/0043`).

use super::{
    Store, Tx, Vault,
    accounts::Account,
    audit::Event,
    audit::forget,
    columns::Columns,
    first_births,
    grants::revoke_of_account,
    notices,
    persons::{NewPerson, insert_person, open_bsn},
};
use crate::domain::{
    fault::Fault,
    id::{AccountId, MandateId, PersonId},
    mandate::offer::GRANTOR,
    time::Timestamp,
};

/// What the log calls it.
const ERASED: &str = "account.erased";
/// Who revoked the mandates of somebody who erased their account. Nobody can have this name: a colon stands in no name of a member of
/// staff, and a program's begins otherwise.
const OWNER: &str = "account:erased";

/// Whether nobody but their account knew person $1: the desk gives each of its persons a name, and no mandate of theirs or correction is the
/// desk's. What two people made online themselves (`$2` is who then registers it) tells of nobody. A block is not asked for: what became
/// of somebody's account must tell of none (M9).
macro_rules! unknown {
    () => {
        "p.id = $1 AND p.name = '' AND p.birth IS NULL AND p.patient_number IS NULL \
         AND NOT EXISTS (SELECT 1 FROM persons j WHERE j.joined_into = $1 AND (j.name <> '' OR j.birth IS NOT NULL)) \
         AND NOT EXISTS (SELECT 1 FROM mandates m WHERE m.representative = $1 AND m.registered_by <> $2) \
         AND NOT EXISTS (SELECT 1 FROM mandates m WHERE m.represented = $1 AND m.registered_by <> $2) \
         AND NOT EXISTS (SELECT 1 FROM corrections c WHERE c.person = $1 OR c.other = $1)"
    };
}

/// What is kept of a person by whom nobody but their account knew them: nothing, but a row without a word in it where a mandate
/// that was made online is kept as evidence (`docs/adr/0043`). Whoever became part of them goes with them, if nobody else knew those either.
const WITHOUT_A_WORD: [&str; 2] = [
    concat!("DELETE FROM subjects WHERE person_id IN (SELECT p.id FROM persons p WHERE ", unknown!(), ")"),
    concat!(
        "UPDATE persons SET bsn_index = NULL, bsn_sealed = NULL WHERE id IN (SELECT p.id FROM persons p WHERE ",
        unknown!(),
        ")"
    ),
];
const JOINED: &str = "DELETE FROM persons WHERE joined_into IN (SELECT p.id FROM persons p WHERE p.id = $1 AND p.name = '' AND p.birth IS NULL) \
     AND name = '' AND birth IS NULL AND NOT EXISTS (SELECT 1 FROM corrections c WHERE persons.id IN (c.person, c.other))";
const FORGOTTEN: &str = concat!(
    "DELETE FROM persons WHERE id IN (SELECT p.id FROM persons p WHERE ",
    unknown!(),
    ") AND NOT EXISTS (SELECT 1 FROM persons j WHERE j.joined_into = $1) \
     AND NOT EXISTS (SELECT 1 FROM mandates m WHERE m.representative = $1 OR m.represented = $1)"
);

impl Store {
    /// Erases an account with all that hangs on it, writes down which portals to tell, and gives up the mandates with which its owner
    /// acted for others: all or nothing. `false`, and nothing was done, when its sessions have ended meanwhile or it is gone, or when its owner
    /// is or was a member of staff: whom an act at the desk names stays known, and no second account makes two of one (M11).
    pub async fn erase_account(&self, account: &Account, now: Timestamp) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        let first = sqlx::query(
            "UPDATE accounts SET era = era + 1 WHERE id = $1 AND era = $2 \
             AND NOT EXISTS (SELECT 1 FROM staff WHERE account = $1 AND approved_at IS NOT NULL)",
        )
        .bind(account.id.as_str())
        .bind(account.era)
        .execute(&mut *tx)
        .await?;
        if first.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        notices::of_account(&mut tx, &account.id, now).await?;
        revoke_of_account(&mut tx, &account.id, ERASED, now).await?;
        give_up(&mut tx, &account.person, now).await?;
        delete(&mut tx, &account.id, &account.person).await?;
        let actor = Some(account.person.as_str());
        tx.note(&Event { event: ERASED, outcome: "ok", actor, ..Event::default() }, now);
        forget(&mut tx, account.person.as_str(), now).await?;
        leave_blocks(&mut tx, &self.vault, &account.person, now).await?;
        for statement in WITHOUT_A_WORD {
            sqlx::query(statement).bind(account.person.as_str()).bind(GRANTOR).execute(&mut *tx).await?;
        }
        sqlx::query(JOINED).bind(account.person.as_str()).execute(&mut *tx).await?;
        sqlx::query(FORGOTTEN).bind(account.person.as_str()).bind(GRANTOR).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Ends the mandates with which a person acts for others, and what they granted others online: nobody else could stop that. The other ones
/// with which others act for them are the desk's, and stay.
async fn give_up(tx: &mut Tx, person: &PersonId, now: Timestamp) -> Result<(), Fault> {
    let rows = sqlx::query(
        "UPDATE mandates SET revoked_at = $1, revoked_by = $2 WHERE revoked_at IS NULL \
         AND (representative = $3 OR (represented = $3 AND registered_by = $4)) RETURNING id, represented",
    )
    .bind(now.epoch())
    .bind(OWNER)
    .bind(person.as_str())
    .bind(GRANTOR)
    .fetch_all(&mut **tx)
    .await?;
    for row in rows {
        let (id, represented) = (row.text("id")?, row.text("represented")?);
        let (is_granted, mandate) = (represented == person.as_str(), MandateId::from_stored(id.as_str()));
        first_births::forget(tx, &mandate).await?;
        if is_granted {
            notices::of_mandate(tx, &mandate, now).await?;
        }
        let event = Event {
            event: if is_granted { "mandate.stopped" } else { "mandate.given_up" },
            outcome: "ok",
            actor: Some(person.as_str()),
            represented: Some(&represented),
            detail: Some(&id),
            ..Event::default()
        };
        tx.note(&event, now);
    }
    Ok(())
}

/// Gives the blocks that name a person whom nobody but their account knew to somebody new, who has their BSN and nothing else: whoever comes back
/// with that DigiD is kept out, and as new to everybody and to themselves as without a block (M9). No line in the log says so: it would
/// stand in theirs.
async fn leave_blocks(tx: &mut Tx, vault: &Vault, person: &PersonId, now: Timestamp) -> Result<(), Fault> {
    let row: Option<(Option<Vec<u8>>,)> = sqlx::query_as(concat!(
        "SELECT p.bsn_sealed FROM persons p WHERE ",
        unknown!(),
        " AND EXISTS (SELECT 1 FROM blocks b WHERE b.representative = $1 OR b.represented = $1)"
    ))
    .bind(person.as_str())
    .bind(GRANTOR)
    .fetch_optional(&mut **tx)
    .await?;
    let Some((sealed,)) = row else { return Ok(()) };
    let bsn = sealed.map(|sealed| open_bsn(vault, person, &sealed)).transpose()?;
    // A BSN belongs to one person at any moment.
    sqlx::query("UPDATE persons SET bsn_index = NULL, bsn_sealed = NULL WHERE id = $1")
        .bind(person.as_str())
        .execute(&mut **tx)
        .await?;
    let heir = PersonId::random();
    let new = NewPerson { id: &heir, name: "", birth: None, bsn: bsn.as_ref(), patient_number: None };
    if !insert_person(&mut **tx, vault, &new, now).await? {
        return Err(Fault::because("somebody else has the BSN of a person who goes"));
    }
    for statement in [
        "UPDATE blocks SET representative = $1 WHERE representative = $2",
        "UPDATE blocks SET represented = $1 WHERE represented = $2",
    ] {
        sqlx::query(statement).bind(heir.as_str()).bind(person.as_str()).execute(&mut **tx).await?;
    }
    Ok(())
}

async fn delete(tx: &mut Tx, account: &AccountId, person: &PersonId) -> Result<(), Fault> {
    for statement in [
        "DELETE FROM ephemeral WHERE owner = $1",
        "DELETE FROM grants WHERE account_id = $1",
        "DELETE FROM accounts WHERE id = $1",
    ] {
        sqlx::query(statement).bind(account.as_str()).execute(&mut **tx).await?;
    }
    sqlx::query("DELETE FROM offers WHERE grantor = $1 OR grantee = $1")
        .bind(person.as_str())
        .execute(&mut **tx)
        .await?;
    sqlx::query("DELETE FROM digid_sessions WHERE person_id = $1")
        .bind(person.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::store::testing::{fresh, now, somebody};

    /// Browsers cannot be made to ask all in the one moment between the look at an account and its end.
    #[tokio::test]
    async fn an_account_is_erased_once_and_not_by_who_looked_before_its_sessions_ended() {
        let f = fresh().await;
        let (id, _) = somebody(&f.store).await;
        let before = f.store.account(&id).await.unwrap().unwrap();
        f.store.sign_out_of_all(&before, None, now()).await.unwrap();
        assert!(!f.store.erase_account(&before, now()).await.unwrap());
        let account = f.store.account(&id).await.unwrap().expect("it is there");
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let (store, account) = (f.store.clone(), account.clone());
                tokio::spawn(async move { store.erase_account(&account, now()).await.unwrap() })
            })
            .collect();
        let mut erased = 0;
        for task in tasks {
            erased += usize::from(task.await.unwrap());
        }
        assert_eq!(erased, 1);
        assert!(f.store.account(&id).await.unwrap().is_none());
        assert_eq!(f.store.audited("account.erased").await, 1);
    }
}
