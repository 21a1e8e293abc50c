//! Accounts: how persons log in. One per person, one per e-mail address, one per BSN; constraints decide every race.

use sqlx::{Row, any::AnyRow};

use super::{
    Store, Tx,
    account::end,
    audit::Event,
    authenticators::Authenticator,
    columns::Columns,
    mandates::{join_mandates, read_birth},
    persons::{NewPerson, insert_person, seal_bsn},
    subjects::join_subjects,
};
use crate::domain::{
    birth::BirthDate,
    bsn::Bsn,
    email::Email,
    fault::Fault,
    id::{AccountId, PersonId},
    lang::Lang,
    link::{Known, NotLinked},
    proof::Opening,
    time::Timestamp,
};

/// An account as stored.
#[derive(Debug, Clone)]
pub struct Account {
    /// Which.
    pub id: AccountId,
    /// Whose.
    pub person: PersonId,
    /// Its verified address, as typed.
    pub email: String,
    /// The password's Argon2 hash (a PHC string). None when only DigiD opens it.
    pub password_hash: Option<String>,
    /// Since when DigiD opens it too.
    pub digid_since: Option<Timestamp>,
    /// The authenticator app whose codes are asked in place of mailed ones.
    pub app: Option<Authenticator>,
    /// Sessions of an earlier era have ended.
    pub era: i64,
    /// Since when it is there.
    pub created: Timestamp,
    /// The language of its owner's last login.
    pub lang: Lang,
}

/// Whose an account is to be.
#[derive(Debug, Clone)]
pub enum Owner {
    /// Someone new, known by e-mail only.
    New,
    /// Whoever has this BSN: someone the desk knows, or someone new.
    Digid(Bsn),
}

/// Why an account was not made or not linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Taken {
    /// The address belongs to another account.
    #[error("this e-mail address has an account")]
    Email,
    /// The BSN belongs to another account or another person, or the account's person has another BSN.
    #[error("this BSN has an account or is another person's, or this account has another BSN")]
    Bsn,
}

impl Account {
    /// The account as it is now.
    pub fn opening(&self) -> Opening {
        Opening { account: self.id.clone(), era: self.era }
    }

    /// Whether DigiD opens it too.
    pub const fn has_digid(&self) -> bool {
        self.digid_since.is_some()
    }
}

impl Store {
    /// The account, unless a new password has begun a later era of it.
    pub async fn still_open(&self, opening: &Opening) -> Result<Option<Account>, Fault> {
        Ok(self.account(&opening.account).await?.filter(|account| account.era == opening.era))
    }

    /// The account of that id.
    pub async fn account(&self, id: &AccountId) -> Result<Option<Account>, Fault> {
        self.one_account("SELECT * FROM accounts WHERE id = $1", id.as_str()).await
    }

    /// The account with that address.
    pub async fn account_by_email(&self, email: &Email) -> Result<Option<Account>, Fault> {
        self.one_account("SELECT * FROM accounts WHERE email_key = $1", email.key()).await
    }

    /// The account of that person.
    pub async fn account_of_person(&self, person: &PersonId) -> Result<Option<Account>, Fault> {
        self.one_account("SELECT * FROM accounts WHERE person_id = $1", person.as_str()).await
    }

    async fn one_account(&self, statement: &'static str, key: &str) -> Result<Option<Account>, Fault> {
        let row = sqlx::query(statement).bind(key).fetch_optional(self.db.reader()).await?;
        row.map(|row| read_account(&row)).transpose()
    }

    /// Keeps in which language its owner reads.
    pub async fn note_lang(&self, account: &AccountId, lang: Lang) -> Result<(), Fault> {
        sqlx::query("UPDATE accounts SET lang = $1 WHERE id = $2")
            .bind(lang.code())
            .bind(account.as_str())
            .execute(self.db.writer())
            .await?;
        Ok(())
    }

    /// Makes an account with a verified address, and its person where none is known. All or nothing.
    pub async fn create_account(
        &self,
        owner: &Owner,
        email: &Email,
        password_hash: Option<&str>,
        now: Timestamp,
    ) -> Result<Result<AccountId, Taken>, Fault> {
        let mut tx = self.db.begin().await?;
        let (account, fresh) = (AccountId::random(), PersonId::random());
        let bsn = match owner {
            Owner::New => None,
            Owner::Digid(bsn) => Some(bsn),
        };
        let new = NewPerson { id: &fresh, name: "", birth: None, bsn, patient_number: None };
        let person = if insert_person(&mut *tx, &self.vault, &new, now).await? {
            fresh
        } else {
            match bsn {
                Some(bsn) => person_with_bsn(&mut tx, &self.vault.bsn_index(bsn)).await?.unwrap_or(fresh),
                None => return Err(Fault::because("a new person's random id was taken")),
            }
        };
        let taken = sqlx::query(
            "INSERT INTO accounts (id, person_id, email, email_key, password_hash, digid_linked_at, era, created) \
             VALUES ($1, $2, $3, $4, $5, $6, 0, $7) ON CONFLICT DO NOTHING",
        )
        .bind(account.as_str())
        .bind(person.as_str())
        .bind(email.typed())
        .bind(email.key())
        .bind(password_hash)
        .bind(bsn.map(|_| now.epoch()))
        .bind(now.epoch())
        .execute(&mut *tx)
        .await?
        .rows_affected()
            == 0;
        if taken {
            let by_email = email_is_taken(&mut tx, email).await?;
            tx.rollback().await?;
            return Ok(Err(if by_email { Taken::Email } else { Taken::Bsn }));
        }
        let event = Event {
            event: "account.created",
            outcome: "ok",
            actor: Some(person.as_str()),
            ..Event::default()
        };
        tx.note(&event, now);
        tx.commit().await?;
        Ok(Ok(account))
    }

    /// Links DigiD to an account, once, if `allows` says so of when the account's person was born and whom the desk knows by
    /// that BSN. When the desk knows the BSN under another person, that person and the account's become one; never when that
    /// other person has an account, the account's person another BSN, or the desk knows the two as two.
    pub async fn link_digid(
        &self,
        account: &AccountId,
        bsn: &Bsn,
        allows: impl FnOnce(Option<BirthDate>, Known) -> Result<(), NotLinked>,
        now: Timestamp,
    ) -> Result<Result<(), NotLinked>, Fault> {
        let index = self.vault.bsn_index(bsn);
        let mut tx = self.db.begin().await?;
        let Some(person) = mark_linked(&mut tx, account, now).await? else {
            // A second try after a crash finds its own work done.
            let same = is_linked_to(&mut tx, account, &index).await?;
            tx.rollback().await?;
            return Ok(if same { Ok(()) } else { Err(NotLinked::AnotherPerson) });
        };
        // Here, so that what the desk puts right in the meantime counts.
        let (born, known) = owner_and_known(&mut tx, account, &index).await?;
        if let Err(why) = allows(born, known) {
            tx.rollback().await?;
            return Ok(Err(why));
        }
        let known = person_with_bsn(&mut tx, &index).await?;
        if let Some(desk) = known.filter(|desk| *desk != person)
            && !absorb(&mut tx, &desk, &person, now).await?
        {
            tx.rollback().await?;
            return Ok(Err(NotLinked::AnotherPerson));
        }
        let fits = sqlx::query(
            "UPDATE persons SET bsn_index = $1, bsn_sealed = $2 WHERE id = $3 AND (bsn_index IS NULL OR bsn_index = $1)",
        )
        .bind(index)
        .bind(seal_bsn(&self.vault, &person, bsn)?)
        .bind(person.as_str())
        .execute(&mut *tx)
        .await;
        let fits = match fits {
            Ok(done) => done.rows_affected() == 1,
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => false,
            Err(other) => return Err(other.into()),
        };
        if !fits {
            tx.rollback().await?;
            return Ok(Err(NotLinked::AnotherPerson));
        }
        let event =
            Event { event: "digid.linked", outcome: "ok", actor: Some(person.as_str()), ..Event::default() };
        tx.note(&event, now);
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Replaces the hash of an unchanged password by a stronger one. Nothing happens when the password changed meanwhile.
    pub async fn rehash_password(&self, account: &AccountId, old: &str, new: &str) -> Result<(), Fault> {
        sqlx::query("UPDATE accounts SET password_hash = $1 WHERE id = $2 AND password_hash = $3")
            .bind(new)
            .bind(account.as_str())
            .bind(old)
            .execute(self.db.writer())
            .await?;
        Ok(())
    }

    /// Replaces a password and ends every session of the account with everything that was given in any: its era moves on. `what` is
    /// the word in the log. `false` when it had moved on already, so of two requests at once one replaces it.
    pub async fn replace_password(
        &self,
        account: &Account,
        new: &str,
        what: &'static str,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        let done =
            sqlx::query("UPDATE accounts SET password_hash = $1, era = era + 1 WHERE id = $2 AND era = $3")
                .bind(new)
                .bind(account.id.as_str())
                .bind(account.era)
                .execute(&mut *tx)
                .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        end(&mut tx, account, what, None, now).await?;
        tx.commit().await?;
        Ok(true)
    }
}

fn read_account(row: &AnyRow) -> Result<Account, Fault> {
    Ok(Account {
        id: AccountId::from_stored(row.text("id")?),
        person: PersonId::from_stored(row.text("person_id")?),
        email: row.text("email")?,
        password_hash: row.maybe_text("password_hash")?,
        digid_since: row.maybe_time("digid_linked_at")?,
        app: read_app(row)?,
        era: row.try_get("era")?,
        created: row.time("created")?,
        lang: Lang::choose(&[row.text("lang")?], None),
    })
}

fn read_app(row: &AnyRow) -> Result<Option<Authenticator>, Fault> {
    let Some(since) = row.maybe_time("app_since")? else { return Ok(None) };
    Ok(Some(Authenticator { sealed: row.try_get("app_sealed")?, since }))
}

/// When the person of an account was born, as far as known, and whom the desk knows by a BSN.
async fn owner_and_known(
    tx: &mut Tx,
    account: &AccountId,
    index: &[u8],
) -> Result<(Option<BirthDate>, Known), Fault> {
    let owner = sqlx::query(
        "SELECT p.id, p.birth FROM accounts a JOIN persons p ON p.id = a.person_id WHERE a.id = $1",
    )
    .bind(account.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    let owner = owner.ok_or_else(|| Fault::because("an account without its person"))?;
    let known = sqlx::query("SELECT id, birth FROM persons WHERE bsn_index = $1")
        .bind(index)
        .fetch_optional(&mut **tx)
        .await?;
    let known = match known {
        None => Known::Nobody,
        Some(known) if known.text("id")? == owner.text("id")? => Known::Owner,
        Some(known) => Known::Another(read_birth(&known)?),
    };
    Ok((read_birth(&owner)?, known))
}

/// Marks an account as linked, unless it is; gives its person.
async fn mark_linked(tx: &mut Tx, account: &AccountId, now: Timestamp) -> Result<Option<PersonId>, Fault> {
    let row: Option<(String,)> = sqlx::query_as(
        "UPDATE accounts SET digid_linked_at = $1 WHERE id = $2 AND digid_linked_at IS NULL RETURNING person_id",
    )
    .bind(now.epoch())
    .bind(account.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|(id,)| PersonId::from_stored(id)))
}

async fn person_with_bsn(tx: &mut Tx, index: &[u8]) -> Result<Option<PersonId>, Fault> {
    let row: Option<(String,)> = sqlx::query_as("SELECT id FROM persons WHERE bsn_index = $1")
        .bind(index)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.map(|(id,)| PersonId::from_stored(id)))
}

async fn is_linked_to(tx: &mut Tx, account: &AccountId, index: &[u8]) -> Result<bool, Fault> {
    let row: Option<(String,)> = sqlx::query_as(
        "SELECT a.id FROM accounts a JOIN persons p ON p.id = a.person_id \
         WHERE a.id = $1 AND a.digid_linked_at IS NOT NULL AND p.bsn_index = $2",
    )
    .bind(account.as_str())
    .bind(index)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.is_some())
}

async fn email_is_taken(tx: &mut Tx, email: &Email) -> Result<bool, Fault> {
    let row: Option<(String,)> = sqlx::query_as("SELECT id FROM accounts WHERE email_key = $1")
        .bind(email.key())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.is_some())
}

/// Makes the desk's person part of the account's: name and birth date where the keeper has none, subjects, mandates.
/// `false` when the desk's person has an account, or there ever was a mandate or a block between the two: whoever acts for
/// another is not that other.
pub(super) async fn absorb(
    tx: &mut Tx,
    desk: &PersonId,
    keeper: &PersonId,
    now: Timestamp,
) -> Result<bool, Fault> {
    // What the desk knows somebody by goes with them; no two rows have one number at any moment.
    let number: Option<(Option<String>,)> =
        sqlx::query_as("UPDATE persons SET created = created WHERE id = $1 RETURNING patient_number")
            .bind(desk.as_str())
            .fetch_optional(&mut **tx)
            .await?;
    let number = number.and_then(|(number,)| number);
    let freed = sqlx::query(
        "UPDATE persons SET patient_number = NULL, joined_into = $1, bsn_index = NULL, bsn_sealed = NULL WHERE id = $2 AND joined_into IS NULL \
         AND NOT EXISTS (SELECT 1 FROM accounts WHERE person_id = $2) \
         AND NOT EXISTS (SELECT 1 FROM mandates WHERE representative = $1 AND represented = $2) \
         AND NOT EXISTS (SELECT 1 FROM mandates WHERE representative = $2 AND represented = $1) \
         AND NOT EXISTS (SELECT 1 FROM blocks WHERE representative = $1 AND represented = $2) \
         AND NOT EXISTS (SELECT 1 FROM blocks WHERE representative = $2 AND represented = $1)",
    )
    .bind(keeper.as_str())
    .bind(desk.as_str())
    .execute(&mut **tx)
    .await?;
    if freed.rows_affected() == 0 {
        return Ok(false);
    }
    join_mandates(tx, desk, keeper, now).await?;
    // No chain of more than one: whoever became part of the one is part of the other.
    sqlx::query("UPDATE persons SET joined_into = $2 WHERE joined_into = $1")
        .bind(desk.as_str())
        .bind(keeper.as_str())
        .execute(&mut **tx)
        .await?;
    // The desk checked an identity document, so its name and birth date are the better ones. Whom it does not know has no name.
    sqlx::query(
        "UPDATE persons SET name = COALESCE((SELECT d.name FROM persons d WHERE d.id = $1 AND d.name <> ''), name), \
         birth = COALESCE((SELECT d.birth FROM persons d WHERE d.id = $1), birth), \
         patient_number = COALESCE($3, patient_number) WHERE id = $2",
    )
    .bind(desk.as_str())
    .bind(keeper.as_str())
    .bind(number)
    .execute(&mut **tx)
    .await?;
    join_subjects(tx, desk, keeper).await?;
    Ok(true)
}
