//! Signing keys as stored: their facts in the open, their private half sealed under the master key.

use sqlx::{Row, any::AnyRow};
use zeroize::Zeroizing;

use super::{Store, Tx, audit::Event, columns::Columns, vault::DoesNotOpen};
use crate::domain::{
    fault::Fault,
    key::{Algorithm, KeyFacts},
    line::Operator,
    time::Timestamp,
};

/// What the seal of a private key is bound to, beside its `kid`.
const PURPOSE: &str = "signing key";

/// A key and its private half (PKCS#8 DER), or why that does not open.
pub type StoredKey = (KeyFacts, Result<Zeroizing<Vec<u8>>, DoesNotOpen>);

/// How the keys of one algorithm follow each other.
#[derive(Debug)]
pub struct Turning<'a> {
    /// The one that takes over.
    pub kid: &'a str,
    /// From then on.
    pub from: Timestamp,
    /// When the one after it takes over.
    pub until: Timestamp,
    /// Those that sign until then.
    pub olds: Vec<&'a str>,
    /// Seconds that each stays published after its last signature.
    pub afterlife: i64,
}

impl Store {
    /// Adds a key, with its line in the log; `by` is who did it. `false` when its `kid` is there already.
    pub async fn add_key(
        &self,
        facts: &KeyFacts,
        pkcs8: &[u8],
        by: Option<Operator<'_>>,
    ) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "INSERT INTO signing_keys (kid, alg, created, publish_from, sign_from, sign_until, publish_until, \
             private_sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        )
        .bind(&facts.kid)
        .bind(facts.alg.name())
        .bind(facts.created.epoch())
        .bind(facts.publish_from.epoch())
        .bind(facts.sign_from.epoch())
        .bind(facts.sign_until.map(Timestamp::epoch))
        .bind(facts.publish_until.map(Timestamp::epoch))
        .bind(self.vault.seal(PURPOSE, &facts.kid, pkcs8)?)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.note(&event("key.made", by, &facts.kid), facts.created);
        tx.commit().await?;
        Ok(true)
    }

    /// The facts of every key, youngest first. Needs no master key.
    pub async fn key_facts(&self) -> Result<Vec<KeyFacts>, Fault> {
        self.key_rows().await?.iter().map(read_facts).collect()
    }

    /// The keys that are not yet gone for good, with their private halves: what a keyring is built from.
    pub async fn signing_keys(&self, now: Timestamp) -> Result<Vec<StoredKey>, Fault> {
        let open = |row: &AnyRow| {
            let facts = read_facts(row)?;
            let sealed: Vec<u8> = row.try_get("private_sealed")?;
            let pkcs8 = self.vault.unseal(PURPOSE, &facts.kid, &sealed);
            Ok((facts, pkcs8))
        };
        let mut keys: Vec<StoredKey> =
            self.key_rows().await?.iter().map(open).collect::<Result<_, Fault>>()?;
        keys.retain(|(facts, _)| facts.publish_until.is_none_or(|end| now < end));
        Ok(keys)
    }

    /// Whether one of the keys was sealed under our master key; `None` when there are no keys.
    pub(super) async fn sealed_keys(&self) -> Result<Option<bool>, Fault> {
        let rows = self.key_rows().await?;
        for row in &rows {
            let sealed: Vec<u8> = row.try_get("private_sealed")?;
            let opened = self.vault.unseal(PURPOSE, &row.text("kid")?, &sealed);
            if !matches!(opened, Err(DoesNotOpen::ForeignKey)) {
                return Ok(Some(true));
            }
        }
        Ok(Some(false).filter(|_| !rows.is_empty()))
    }

    async fn key_rows(&self) -> Result<Vec<AnyRow>, Fault> {
        let statement = "SELECT * FROM signing_keys ORDER BY sign_from DESC, kid LIMIT 100";
        Ok(sqlx::query(statement).fetch_all(self.db.reader()).await?)
    }

    /// Lets a waiting key take over, fixes the end of those that it follows, and writes a line in the log: all of it or nothing. `false`,
    /// and nothing done, when its turn is no later already.
    pub async fn turn_keys(
        &self,
        turning: &Turning<'_>,
        by: Option<Operator<'_>>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let Turning { kid, from, until, ref olds, afterlife } = *turning;
        let mut tx = self.db.begin().await?;
        let statement = "UPDATE signing_keys SET sign_from = $1 WHERE kid = $2 AND sign_from > $1";
        let done = sqlx::query(statement).bind(from.epoch()).bind(kid).execute(&mut *tx).await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        retire(&mut tx, kid, until, until.plus(afterlife)).await?;
        for old in olds {
            retire(&mut tx, old, from, from.plus(afterlife)).await?;
        }
        tx.note(&event("key.rotated", by, kid), now);
        tx.commit().await?;
        Ok(true)
    }

    /// Ends a key at once, with its line in the log: it signs no more and is published no more. `false` when there is no such key.
    pub async fn retire_key(
        &self,
        kid: &str,
        by: Option<Operator<'_>>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        if !retire(&mut tx, kid, now, now).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.note(&event("key.retired", by, kid), now);
        tx.commit().await?;
        Ok(true)
    }
}

/// The line of what was done to a key, by a program or a member of staff where one is named.
fn event<'a>(event: &'a str, by: Option<Operator<'a>>, kid: &'a str) -> Event<'a> {
    let (actor, client) = (by.map(Operator::name), by.and_then(Operator::client));
    Event { event, outcome: "ok", actor, client, detail: Some(kid), ..Event::default() }
}

/// Fixes when a key stops signing and when it is published no more; both can only be brought forward. `false` when there is no such key.
async fn retire(
    tx: &mut Tx,
    kid: &str,
    sign_until: Timestamp,
    publish_until: Timestamp,
) -> Result<bool, Fault> {
    let done = sqlx::query(
        "UPDATE signing_keys SET \
         sign_until = CASE WHEN sign_until < $1 THEN sign_until ELSE $1 END, \
         publish_until = CASE WHEN publish_until < $2 THEN publish_until ELSE $2 END WHERE kid = $3",
    )
    .bind(sign_until.epoch())
    .bind(publish_until.epoch())
    .bind(kid)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

fn read_facts(row: &AnyRow) -> Result<KeyFacts, Fault> {
    let alg = Algorithm::from_name(&row.text("alg")?);
    Ok(KeyFacts {
        kid: row.text("kid")?,
        alg: alg.ok_or_else(|| Fault::because("a signing key was stored with an unknown algorithm"))?,
        created: row.time("created")?,
        publish_from: row.time("publish_from")?,
        sign_from: row.time("sign_from")?,
        sign_until: row.maybe_time("sign_until")?,
        publish_until: row.maybe_time("publish_until")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{audit::Search, testing::fresh};

    #[tokio::test]
    async fn keys_come_back_opened_and_retire_once_and_for_good() {
        let fresh = fresh().await;
        let store = &fresh.store;
        let at = Timestamp::from_epoch;
        let facts = KeyFacts {
            kid: "kid".into(),
            alg: Algorithm::Es256,
            created: at(0),
            publish_from: at(1),
            sign_from: at(2),
            sign_until: None,
            publish_until: None,
        };
        assert!(store.add_key(&facts, b"private", None).await.unwrap());
        assert!(!store.add_key(&facts, b"other", None).await.unwrap());
        let keys = store.signing_keys(at(0)).await.unwrap();
        assert_eq!((&keys[0].0, keys[0].1.as_ref().unwrap().as_slice()), (&facts, b"private".as_slice()));
        assert!(store.retire_key("kid", None, at(10)).await.unwrap());
        assert!(store.retire_key("kid", Some(Operator::Program("root")), at(15)).await.unwrap());
        assert!(!store.retire_key("other", None, at(10)).await.unwrap());
        assert_eq!(store.signing_keys(at(9)).await.unwrap().len(), 1);
        assert_eq!(store.signing_keys(at(10)).await.unwrap(), []);
        let facts = &store.key_facts().await.unwrap()[0];
        assert_eq!((facts.sign_until, facts.publish_until), (Some(at(10)), Some(at(10))));
        let (lines, _) = store.audit_lines(&Search::default(), 10).await.unwrap();
        let lines: Vec<_> =
            lines.iter().map(|l| (l.event.as_str(), l.role.as_str(), l.detail.as_deref())).collect();
        let kid = Some("kid");
        assert_eq!(
            lines,
            [("key.made", "staff", kid), ("key.retired", "staff", kid), ("key.retired", "program", kid)]
        );
    }

    /// A rotation that cannot be told in the log is none: each of its statements waits for the line.
    #[tokio::test]
    async fn keys_turn_with_their_line_in_the_log_or_not_at_all() {
        let fresh = fresh().await;
        let store = &fresh.store;
        let at = Timestamp::from_epoch;
        for (kid, from) in [("old", 0), ("next", 1000)] {
            let facts = KeyFacts {
                kid: kid.into(),
                alg: Algorithm::Es256,
                created: at(0),
                publish_from: at(0),
                sign_from: at(from),
                sign_until: None,
                publish_until: None,
            };
            assert!(store.add_key(&facts, b"private", None).await.unwrap());
        }
        let turning =
            Turning { kid: "next", from: at(100), until: at(2000), olds: vec!["old"], afterlife: 10 };
        let before = store.key_facts().await.unwrap();
        let rename = |from: &'static str, to: &'static str| {
            sqlx::query(sqlx::AssertSqlSafe(format!("ALTER TABLE {from} RENAME TO {to}")))
                .execute(store.db.writer())
        };
        rename("audit_lines", "gone").await.unwrap();
        assert!(store.turn_keys(&turning, Some(Operator::Program("root")), at(1)).await.is_err());
        assert_eq!(store.key_facts().await.unwrap(), before);
        rename("gone", "audit_lines").await.unwrap();
        assert!(store.turn_keys(&turning, Some(Operator::Program("root")), at(1)).await.unwrap());
        assert!(!store.turn_keys(&turning, Some(Operator::Program("root")), at(1)).await.unwrap(), "once");
        let after = store.key_facts().await.unwrap();
        let ends = |kid: &str| after.iter().find(|key| key.kid == kid).unwrap().sign_until;
        assert_eq!((ends("next"), ends("old")), (Some(at(2000)), Some(at(100))));
        assert_eq!(store.audited("key.rotated").await, 1);
    }
}
