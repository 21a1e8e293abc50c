//! Who the pseudonyms of the audit log are. The table stands outside of the chain, so that a row of it can be erased; each row carries
//! a MAC, so that one that was made or altered by others is told.

use std::collections::HashMap;

use sqlx::{AnyConnection, AssertSqlSafe, Row, any::AnyRow};

use super::Event;
use crate::{
    domain::{fault::Fault, id::random, time::Timestamp},
    store::{Db, Store, Tx, Vault, batch::values, columns::Columns},
};

/// How many names one statement asks for.
const AT_ONCE: usize = 200;

/// The pseudonyms of those names; whoever has none is given one. Names come in order, so that two who make some at once do not wait
/// for each other.
pub(super) async fn find(
    on: &mut AnyConnection,
    vault: &Vault,
    names: &[&str],
) -> Result<HashMap<String, String>, Fault> {
    let mut known = HashMap::new();
    for some in names.chunks(AT_ONCE) {
        look(on, vault, some, &mut known).await?;
        let new: Vec<&str> = some.iter().copied().filter(|name| !known.contains_key(*name)).collect();
        if !new.is_empty() {
            make(on, vault, &new).await?;
            // Another node may have made one first.
            look(on, vault, &new, &mut known).await?;
        }
    }
    Ok(known)
}

/// Errors: a row that was not made here. Under it somebody would act in the name of another one.
async fn look(
    on: &mut AnyConnection,
    vault: &Vault,
    names: &[&str],
    known: &mut HashMap<String, String>,
) -> Result<(), Fault> {
    let statement =
        format!("SELECT name, pseudonym, mac FROM audit_names WHERE name IN {}", values(1, names.len()));
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for name in names {
        query = query.bind((*name).to_owned());
    }
    for row in query.fetch_all(on).await? {
        let (name, pseudonym) = read(vault, &row)?;
        known.insert(name, pseudonym);
    }
    Ok(())
}

/// Who those pseudonyms are, as far as that is known, for who reads the log.
pub(super) async fn called(db: &Db, pseudonyms: &[&str]) -> Result<HashMap<String, String>, Fault> {
    let mut known = HashMap::new();
    for some in pseudonyms.chunks(AT_ONCE) {
        let statement =
            format!("SELECT pseudonym, name FROM audit_names WHERE pseudonym IN {}", values(1, some.len()));
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for pseudonym in some {
            query = query.bind((*pseudonym).to_owned());
        }
        for row in query.fetch_all(db.reader()).await? {
            known.insert(row.text("pseudonym")?, row.text("name")?);
        }
    }
    Ok(known)
}

/// A name and its pseudonym.
fn read(vault: &Vault, row: &AnyRow) -> Result<(String, String), Fault> {
    let (name, pseudonym) = (row.text("name")?, row.text("pseudonym")?);
    if mac(vault, &pseudonym, &name) == row.try_get::<Vec<u8>, _>("mac")? {
        return Ok((name, pseudonym));
    }
    let told = "a name of the audit log was altered or forged: see `namens audit verify`, and put it back from a backup";
    Err(Fault::because(told))
}

async fn make(on: &mut AnyConnection, vault: &Vault, names: &[&str]) -> Result<(), Fault> {
    let statement = format!(
        "INSERT INTO audit_names (pseudonym, name, mac) VALUES {} ON CONFLICT DO NOTHING",
        values(names.len(), 3)
    );
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for name in names {
        let pseudonym = random::<16>();
        let mac = mac(vault, &pseudonym, name);
        query = query.bind(pseudonym).bind((*name).to_owned()).bind(mac);
    }
    query.execute(on).await?;
    Ok(())
}

/// The MAC that the row of a name must have.
pub(super) fn mac(vault: &Vault, pseudonym: &str, name: &str) -> Vec<u8> {
    vault.audit_mac(&[Some(b"name"), Some(pseudonym.as_bytes()), Some(name.as_bytes())])
}

const FORGET: &str = "DELETE FROM audit_names WHERE name = $1 \
    OR name IN (SELECT id FROM persons WHERE joined_into = $1) RETURNING pseudonym, name, mac";

/// Erases who the pseudonym of a person, a member of staff or a program is, and those of the persons who became part of that
/// person, inside a transaction, of which the lines still have those pseudonyms. Leaves a line for each that says so. Tells how many
/// there were.
///
/// Any process may: that line moves the head of the chain, and whoever finds the head elsewhere than they left it reads the names anew.
pub(in crate::store) async fn forget(tx: &mut Tx, whom: &str, now: Timestamp) -> Result<usize, Fault> {
    let rows = sqlx::query(FORGET).bind(whom.to_owned()).fetch_all(&mut **tx).await?;
    for row in &rows {
        let (name, pseudonym) = read(tx.vault(), row)?;
        let event =
            Event { event: "person.forgotten", outcome: "ok", represented: Some(&name), ..Event::default() };
        tx.note(&event, now);
        tx.call(name, pseudonym);
    }
    Ok(rows.len())
}

impl Store {
    /// The same, in a transaction of its own. Their lines stay, and nobody can tell of whom they are.
    pub async fn forget(&self, whom: &str, now: Timestamp) -> Result<usize, Fault> {
        let mut tx = self.db.begin().await?;
        let gone = forget(&mut tx, whom, now).await?;
        tx.commit().await?;
        Ok(gone)
    }
}
