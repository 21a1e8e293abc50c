//! Whether a mandate that was just written turns authority around, asked in the transaction that wrote it and that begins with writing.

use std::collections::HashSet;

use super::rows::{read_birth, read_mandate};
use crate::{
    domain::{
        fault::Fault,
        mandate::{Mandate, Relation, can_still_count},
        time::Timestamp,
    },
    store::Tx,
};

/// How many people are looked at. Authority ends after a step or two: who is under it has none themselves.
const STEPS: usize = 1000;

/// Whether it closes a circle with what is on record: who would be under its authority has authority over who would have it, by themselves or
/// through others. Past very many people it does.
pub(in crate::store) async fn closes(tx: &mut Tx, new: &Mandate, now: Timestamp) -> Result<bool, Fault> {
    if new.relation == Relation::Authorised {
        return Ok(false);
    }
    let (mut next, mut seen) = (vec![new.represented.clone()], HashSet::new());
    while let Some(one) = next.pop() {
        if one == new.representative || seen.len() >= STEPS {
            return Ok(true);
        }
        if !seen.insert(one.as_str().to_owned()) {
            continue;
        }
        let rows = sqlx::query(
            "SELECT m.*, p.birth AS birth FROM mandates m JOIN persons p ON p.id = m.represented \
             WHERE m.representative = $1 AND m.relation <> 'authorised' AND m.revoked_at IS NULL AND m.lapsed_at IS NULL",
        )
        .bind(one.as_str())
        .fetch_all(&mut **tx)
        .await?;
        for row in &rows {
            let mandate = read_mandate(row)?;
            if can_still_count(&mandate, read_birth(row)?, now) {
                next.push(mandate.represented);
            }
        }
    }
    Ok(false)
}
