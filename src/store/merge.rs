//! Two accounts of one person become one (F12, `docs/adr/0045`): all or nothing, in one transaction that both eras guard. Of two merges at
//! once, and of a merge beside another password, an unlinked DigiD or an erasure, one is first and the other does nothing.

use sqlx::{AnyConnection, any::AnyRow};

use super::{
    Store, Tx,
    accounts::{Account, absorb},
    audit::Event,
    client_consents,
    columns::Columns,
    ephemeral::{Kind, New, Versioned, take_as},
    grants::revoke_of_account,
    mandates::read_birth,
    notices,
};
use crate::domain::{
    birth::BirthDate,
    fault::Fault,
    id::{PersonId, SessionId},
    link::{Known, NotLinked},
    merge::{FirstProof, NotMerged},
    session::Session,
    time::Timestamp,
};

/// What the log calls it.
const MERGED: &str = "account.merged";

/// The two accounts, as they were proven.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The one that goes, which DigiD opens.
    pub goes: &'a Account,
    /// The one that remains.
    pub remains: &'a Account,
}

/// A person of one of the two, as on record.
pub(super) struct Whose {
    pub(super) person: PersonId,
    pub(super) name: String,
    pub(super) birth: Option<BirthDate>,
    pub(super) bsn_index: Option<Vec<u8>>,
    bsn_sealed: Option<Vec<u8>>,
    pub(super) number: Option<String>,
    pub(super) has_account: bool,
    /// Whether that account is opened by DigiD.
    pub(super) has_digid: bool,
}

impl Store {
    /// What was proven of another account, ready to be kept beside the session that begins.
    pub fn first_proof(&self, session: &Session, first: &FirstProof) -> Result<New, Fault> {
        let kept = self.ephemeral.seal(Kind::Merge, session.sid.to_string(), first, first.ends())?;
        Ok(kept.owned(session.account.as_str()))
    }

    /// What was proven of another account before this session, while it counts.
    pub async fn proven_first(
        &self,
        sid: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Versioned<FirstProof>>, Fault> {
        self.ephemeral.read(Kind::Merge, sid.as_str(), now).await
    }

    /// Whether two accounts could become one now, if `allows` says so of when the owner of the one that remains was born and whom DigiD
    /// tells of. Nothing is done, and nothing is held: it is a look, and the merge looks again.
    pub async fn may_merge(
        &self,
        pair: Pair<'_>,
        allows: impl FnOnce(Option<BirthDate>, Known) -> Result<(), NotLinked>,
    ) -> Result<Result<(), NotMerged>, Fault> {
        let mut reader = self.db.reader().acquire().await?;
        Ok(check(&mut reader, pair, allows).await?.map(drop))
    }

    /// Makes them one, once for the proof that is consumed: both accounts' sessions end with everything that was given in them, and what
    /// was recorded of either counts for the one that remains.
    pub async fn merge_accounts(
        &self,
        pair: Pair<'_>,
        (sid, proof): (&SessionId, &Versioned<FirstProof>),
        allows: impl FnOnce(Option<BirthDate>, Known) -> Result<(), NotLinked>,
        now: Timestamp,
    ) -> Result<Result<(), NotMerged>, Fault> {
        let Pair { goes, remains } = pair;
        let mut tx = self.db.begin().await?;
        if !take_as(&mut *tx, (Kind::Merge, sid.as_str(), proof.version), now).await?
            || !begin(&mut tx, pair).await?
        {
            tx.rollback().await?;
            return Ok(Err(NotMerged::Late));
        }
        let digid = match check(&mut tx, pair, allows).await? {
            Ok(digid) => digid,
            Err(why) => {
                tx.rollback().await?;
                return Ok(Err(why));
            }
        };
        for account in [goes, remains] {
            notices::of_account(&mut tx, &account.id, now).await?;
            revoke_of_account(&mut tx, &account.id, MERGED, now).await?;
        }
        self.move_app(&mut tx, pair).await?;
        hand_over(&mut tx, pair).await?;
        if !absorb(&mut tx, &goes.person, &remains.person, now).await? {
            tx.rollback().await?;
            return Ok(Err(NotMerged::TwoPeople));
        }
        self.move_bsn(&mut tx, &digid, &remains.person).await?;
        let event = Event {
            event: MERGED,
            outcome: "ok",
            actor: Some(remains.person.as_str()),
            represented: Some(goes.person.as_str()),
            ..Event::default()
        };
        tx.note(&event, now);
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// The BSN of a person who became part of another, sealed anew: it opens only in the row of its person.
    pub(super) async fn move_bsn(&self, tx: &mut Tx, digid: &Whose, into: &PersonId) -> Result<(), Fault> {
        let Some(sealed) = &digid.bsn_sealed else { return Ok(()) };
        let digits = self.vault.unseal("bsn", digid.person.as_str(), sealed)?;
        sqlx::query("UPDATE persons SET bsn_index = $1, bsn_sealed = $2 WHERE id = $3")
            .bind(digid.bsn_index.clone())
            .bind(self.vault.seal("bsn", into.as_str(), &digits)?)
            .bind(into.as_str())
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

/// Moves both eras on, and links DigiD to the one that remains; `false` when either is not what it was.
async fn begin(tx: &mut Tx, Pair { goes, remains }: Pair<'_>) -> Result<bool, Fault> {
    let gone = sqlx::query(
        "UPDATE accounts SET era = era + 1 WHERE id = $1 AND era = $2 AND digid_linked_at IS NOT NULL",
    )
    .bind(goes.id.as_str())
    .bind(goes.era)
    .execute(&mut **tx)
    .await?;
    let kept = sqlx::query(
        "UPDATE accounts SET era = era + 1, digid_linked_at = $1 \
         WHERE id = $2 AND era = $3 AND digid_linked_at IS NULL AND password_hash IS NOT NULL",
    )
    .bind(goes.digid_since.map(Timestamp::epoch))
    .bind(remains.id.as_str())
    .bind(remains.era)
    .execute(&mut **tx)
    .await?;
    Ok(gone.rows_affected() == 1 && kept.rows_affected() == 1)
}

/// Gives the person whom DigiD tells of, if nothing keeps the two apart.
async fn check(
    db: &mut AnyConnection,
    Pair { goes, remains }: Pair<'_>,
    allows: impl FnOnce(Option<BirthDate>, Known) -> Result<(), NotLinked>,
) -> Result<Result<Whose, NotMerged>, Fault> {
    let of_staff: Option<(String,)> =
        sqlx::query_as("SELECT id FROM staff WHERE account IN ($1, $2) LIMIT 1")
            .bind(goes.id.as_str())
            .bind(remains.id.as_str())
            .fetch_optional(&mut *db)
            .await?;
    if of_staff.is_some() {
        return Ok(Err(NotMerged::Staff));
    }
    let (digid, owner) = (whose(db, &goes.person).await?, whose(db, &remains.person).await?);
    let (Some(digid), Some(owner)) = (digid, owner) else { return Ok(Err(NotMerged::Late)) };
    if let Err(why) = allows(owner.birth, Known::Another(digid.birth)) {
        return Ok(Err(why.into()));
    }
    let apart = owner.bsn_index.is_some() || owner.number.is_some() && digid.number.is_some();
    if apart || tell_apart(db, &digid.person, &owner.person).await? {
        return Ok(Err(NotMerged::TwoPeople));
    }
    Ok(Ok(digid))
}

/// Whether one of them ever acted for the other, or was kept from it: then they are two.
pub(super) async fn tell_apart(
    db: &mut AnyConnection,
    one: &PersonId,
    other: &PersonId,
) -> Result<bool, Fault> {
    let found: Option<(String,)> = sqlx::query_as(
        "SELECT id FROM mandates WHERE (representative = $1 AND represented = $2) OR (representative = $2 AND represented = $1) \
         UNION ALL SELECT id FROM blocks \
         WHERE (representative = $1 AND represented = $2) OR (representative = $2 AND represented = $1) LIMIT 1",
    )
    .bind(one.as_str())
    .bind(other.as_str())
    .fetch_optional(db)
    .await?;
    Ok(found.is_some())
}

/// The person of that id, unless they became part of another.
pub(super) async fn whose(db: &mut AnyConnection, person: &PersonId) -> Result<Option<Whose>, Fault> {
    let row = sqlx::query(
        "SELECT p.id, p.name, p.birth, p.bsn_index, p.bsn_sealed, p.patient_number, \
         (SELECT a.id FROM accounts a WHERE a.person_id = p.id) AS account, \
         (SELECT a.id FROM accounts a WHERE a.person_id = p.id AND a.digid_linked_at IS NOT NULL) AS by_digid \
         FROM persons p WHERE p.id = $1 AND p.joined_into IS NULL",
    )
    .bind(person.as_str())
    .fetch_optional(db)
    .await?;
    let read = |row: AnyRow| {
        Ok(Whose {
            person: PersonId::from_stored(row.text("id")?),
            name: row.text("name")?,
            birth: read_birth(&row)?,
            bsn_index: row.maybe_bytes("bsn_index")?,
            bsn_sealed: row.maybe_bytes("bsn_sealed")?,
            number: row.maybe_text("patient_number")?,
            has_account: row.maybe_text("account")?.is_some(),
            has_digid: row.maybe_text("by_digid")?.is_some(),
        })
    };
    row.map(read).transpose()
}

/// Hands over what the account that goes has and the other has not, and lets it go. What was agreed to for a client by both stays as
/// the one that remains has it, and what tells of the account is asked anew: the address and the profile that were agreed to go with it.
async fn hand_over(tx: &mut Tx, Pair { goes, remains }: Pair<'_>) -> Result<(), Fault> {
    client_consents::hand_over(tx, &goes.id, &remains.id).await?;
    for statement in [
        "UPDATE grants SET account_id = $2, person_id = (SELECT a.person_id FROM accounts a WHERE a.id = $2) \
         WHERE account_id = $1",
        // DigiD's own session goes on, and its word that it ended must find whose it was.
        "UPDATE digid_sessions SET person_id = (SELECT a.person_id FROM accounts a WHERE a.id = $2) \
         WHERE person_id = (SELECT a.person_id FROM accounts a WHERE a.id = $1)",
    ] {
        sqlx::query(statement).bind(goes.id.as_str()).bind(remains.id.as_str()).execute(&mut **tx).await?;
    }
    sqlx::query("DELETE FROM accounts WHERE id = $1").bind(goes.id.as_str()).execute(&mut **tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{assurance::Level, bsn::Bsn, email::Email, session::tests::session},
        store::{
            accounts::Owner,
            testing::{fresh, now},
        },
    };

    /// Whatever changes either of the two between the look and the press is first: another password, another app, DigiD unlinked.
    #[tokio::test]
    async fn two_accounts_are_merged_as_they_were_proven_and_once() {
        let fresh = fresh().await;
        let store = &fresh.store;
        let made = async |owner: Owner, email: &str| {
            let email = Email::parse(email).unwrap();
            let id = store.create_account(&owner, &email, Some("hash"), now()).await.unwrap().unwrap();
            store.account(&id).await.unwrap().unwrap()
        };
        let goes = made(Owner::Digid(Bsn::parse("111222333").unwrap()), "a@voorbeeld.nl").await;
        let remains = made(Owner::New, "b@voorbeeld.nl").await;
        let before =
            Session { account: goes.id.clone(), level: Level::Midden, auth_time: now(), ..session() };
        let first = FirstProof::of(&before).unwrap();
        let session = Session { account: remains.id.clone(), auth_time: now(), ..session() };
        store.keep(store.first_proof(&session, &first).unwrap()).await.unwrap();
        let proof = store.proven_first(&session.sid, now()).await.unwrap().unwrap();
        let merged = async |goes: &Account, remains: &Account| {
            let pair = Pair { goes, remains };
            store.merge_accounts(pair, (&session.sid, &proof), |_, _| Ok(()), now()).await.unwrap()
        };
        let another = |account: &Account| Account { era: account.era + 1, ..account.clone() };
        assert_eq!(merged(&another(&goes), &remains).await, Err(NotMerged::Late));
        assert_eq!(merged(&goes, &another(&remains)).await, Err(NotMerged::Late));
        assert_eq!(merged(&goes, &remains).await, Ok(()), "the twin");
        assert_eq!(merged(&goes, &remains).await, Err(NotMerged::Late), "the proof is gone");
    }
}
