//! Whether a mandate that was just written turns authority around, asked in the transaction that wrote it and that begins with writing.

use super::rows::{read_birth, read_mandate};
use crate::{
    domain::{
        fault::Fault,
        mandate::{Mandate, closes_a_circle},
        time::Timestamp,
    },
    store::Tx,
};

/// Whether it closes a circle with what is on record between its two people.
pub(in crate::store) async fn closes(tx: &mut Tx, new: &Mandate, now: Timestamp) -> Result<bool, Fault> {
    let rows = sqlx::query(
        "SELECT m.*, p.birth AS birth FROM mandates m JOIN persons p ON p.id = m.represented \
         WHERE m.representative = $1 AND m.represented = $2",
    )
    .bind(new.represented.as_str())
    .bind(new.representative.as_str())
    .fetch_all(&mut **tx)
    .await?;
    let pair = (&new.representative, &new.represented, new.relation);
    for row in &rows {
        if closes_a_circle(pair, &[read_mandate(row)?], read_birth(row)?, now) {
            return Ok(true);
        }
    }
    Ok(false)
}
