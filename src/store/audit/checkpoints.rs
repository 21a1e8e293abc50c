//! Checkpoints: the head of a chain, signed (a JWS, RFC 7515, with Ed25519, RFC 8037). One that left the host shows later that what
//! stood before it was cut off or written anew, even by somebody who can write every table. Each leaves a line in the log, so that
//! a missing one is told.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row;

use super::{
    Event,
    chain::{Head, read_head},
};
use crate::{
    domain::{fault::Fault, jwk::PublicKey, time::Timestamp},
    store::{Store, Vault, columns::Columns},
};

/// The type of the JWS (RFC 8725, section 3.11): nothing else that is signed here is read as a checkpoint, and the other way round.
const TYPE: &str = "namens-audit-checkpoint+jws";
/// So many lines without a checkpoint, or a line that has waited so many seconds for one, are reason for the next.
const LINES: i64 = 1000;
const SECONDS: i64 = 600;
/// Among how many of a chain the last one that was signed here is looked for.
const LOOKED_AT: i64 = 1000;

/// What a checkpoint says: on that node, the line of that number had that MAC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The node.
    pub node: String,
    /// The number of the line.
    pub seq: i64,
    /// Its MAC, in base64url.
    pub mac: String,
    /// When it was made (RFC 3339).
    pub at: String,
}

impl Checkpoint {
    /// What is signed in a text that this installation made; `None` of anything else.
    pub(super) fn read(vault: &Vault, jws: &str) -> Option<Self> {
        let (signed, signature) = jws.rsplit_once('.')?;
        let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        if !vault.is_checkpoint(signed.as_bytes(), &decoded(signature)?) {
            return None;
        }
        let (header, body) = signed.split_once('.')?;
        let header: Value = serde_json::from_slice(&decoded(header)?).ok()?;
        if header.get("typ")? != TYPE {
            return None;
        }
        serde_json::from_slice(&decoded(body)?).ok()
    }

    /// The same, if it is of that line.
    pub(super) fn read_of(vault: &Vault, jws: &str, (node, seq): (&str, i64)) -> Option<Self> {
        Self::read(vault, jws).filter(|read| read.node == node && read.seq == seq)
    }

    fn sign(&self, vault: &Vault) -> Result<String, Fault> {
        let header = json!({ "alg": "EdDSA", "typ": TYPE, "kid": public_key(vault).thumbprint()? });
        let part = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", part(serde_json::to_vec(&header)?), part(serde_json::to_vec(self)?));
        let signature = part(vault.sign_checkpoint(signed.as_bytes()));
        Ok(format!("{signed}.{signature}"))
    }

    /// When it was made.
    pub(super) fn made_at(&self) -> Option<Timestamp> {
        Timestamp::parse_rfc3339(&self.at)
    }

    /// Whether it is of a line with that MAC.
    pub(super) fn is_of(&self, mac: &[u8]) -> bool {
        self.mac == URL_SAFE_NO_PAD.encode(mac)
    }
}

fn public_key(vault: &Vault) -> PublicKey {
    PublicKey::Okp { crv: "Ed25519".to_owned(), x: URL_SAFE_NO_PAD.encode(vault.checkpoint_key()) }
}

const HEADS: &str = "SELECT h.node, h.seq, h.mac, \
    COALESCE((SELECT MAX(c.seq) FROM audit_checkpoints c WHERE c.node = h.node AND c.seq <= h.seq), 0) AS known, \
    COALESCE((SELECT l.at FROM audit_lines l WHERE l.node = h.node AND l.seq = \
    1 + COALESCE((SELECT MAX(c.seq) FROM audit_checkpoints c WHERE c.node = h.node AND c.seq <= h.seq), 0)), 0) AS waits_since, \
    COALESCE((SELECT l.event FROM audit_lines l WHERE l.node = h.node AND l.seq = h.seq), '') AS last \
    FROM audit_heads h ORDER BY h.node";

impl Store {
    /// The public key with which an auditor verifies checkpoints.
    pub fn checkpoint_key(&self) -> PublicKey {
        public_key(&self.vault)
    }

    /// Makes a checkpoint of each chain where one is due, or, when `at_once`, wherever there are new lines. Gives those that were made.
    pub async fn make_checkpoints(&self, at_once: bool, now: Timestamp) -> Result<Vec<Checkpoint>, Fault> {
        let mut made = Vec::new();
        for row in sqlx::query(HEADS).fetch_all(self.db.reader()).await? {
            let (node, head, mut known) =
                (row.text("node")?, read_head(&row)?, row.try_get::<i64, _>("known")?);
            // What was not signed here keeps no checkpoint from being made.
            if known > 0 && self.checkpoint_of(&node, known).await?.is_none() {
                known = 0;
            }
            let new = head.seq.saturating_sub(known);
            // The line that tells of the last checkpoint is no reason for another.
            let only_told = new == 1 && row.text("last")? == "audit.checkpoint";
            let due = at_once || new >= LINES || now.since(row.time("waits_since")?) >= SECONDS;
            if new > 0
                && !only_told
                && due
                && let Some(checkpoint) = self.keep_checkpoint(node, &head, now).await?
            {
                made.push(checkpoint);
            }
        }
        Ok(made)
    }

    /// `None` when somebody else made it.
    async fn keep_checkpoint(
        &self,
        node: String,
        head: &Head,
        now: Timestamp,
    ) -> Result<Option<Checkpoint>, Fault> {
        let mac = URL_SAFE_NO_PAD.encode(&head.mac);
        let checkpoint = Checkpoint { node, seq: head.seq, mac, at: now.rfc3339() };
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "INSERT INTO audit_checkpoints (node, seq, at, jws) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(checkpoint.node.clone())
        .bind(head.seq)
        .bind(now.epoch())
        .bind(checkpoint.sign(&self.vault)?)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            tx.rollback().await?;
            let (node, seq) = (&checkpoint.node, checkpoint.seq);
            if self.checkpoint_of(node, seq).await?.is_none() {
                tracing::error!(
                    node,
                    seq,
                    "no checkpoint of the log: in its place stands one that was not made here"
                );
            }
            return Ok(None);
        }
        let detail = told(&checkpoint.node, checkpoint.seq);
        tx.note(
            &Event { event: "audit.checkpoint", outcome: "ok", detail: Some(&detail), ..Event::default() },
            now,
        );
        tx.commit().await?;
        Ok(Some(checkpoint))
    }

    /// The checkpoint of a line, where there is one that was signed here, of that line.
    pub(super) async fn checkpoint_of(&self, node: &str, seq: i64) -> Result<Option<Checkpoint>, Fault> {
        let row: Option<(String,)> =
            sqlx::query_as("SELECT jws FROM audit_checkpoints WHERE node = $1 AND seq = $2")
                .bind(node)
                .bind(seq)
                .fetch_optional(self.db.reader())
                .await?;
        Ok(row.and_then(|(jws,)| Checkpoint::read_of(&self.vault, &jws, (node, seq))))
    }

    /// The last checkpoint of each chain that was signed here, as a JWS.
    pub async fn last_checkpoints(&self) -> Result<Vec<String>, Fault> {
        let nodes: Vec<(String,)> =
            sqlx::query_as("SELECT DISTINCT node FROM audit_checkpoints ORDER BY node")
                .fetch_all(self.db.reader())
                .await?;
        let mut last = Vec::with_capacity(nodes.len());
        for (node,) in nodes {
            let rows: Vec<(i64, String)> = sqlx::query_as(
                "SELECT seq, jws FROM audit_checkpoints WHERE node = $1 ORDER BY seq DESC LIMIT $2",
            )
            .bind(&node)
            .bind(LOOKED_AT)
            .fetch_all(self.db.reader())
            .await?;
            let own = |(seq, jws): &(i64, String)| {
                Checkpoint::read_of(&self.vault, jws, (node.as_str(), *seq)).is_some()
            };
            if let Some((_, jws)) = rows.into_iter().find(own) {
                last.push(jws);
            } else {
                tracing::error!(node, "none of the last checkpoints of the log was made here");
            }
        }
        Ok(last)
    }
}

/// How a line of the log tells of a place in a chain.
pub(super) fn told(node: &str, seq: i64) -> String {
    format!("{node} {seq}")
}

/// The node and the number that such a line tells of.
pub(super) fn read_told(detail: Option<&str>) -> Option<(&str, i64)> {
    let (node, seq) = detail?.rsplit_once(' ')?;
    Some((node, seq.parse().ok()?))
}
