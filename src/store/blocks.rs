//! Emergency blocks: everything one person may do for another stops at once, silently (M9).

use sqlx::any::AnyRow;

use super::{
    Store, Tx,
    audit::Event,
    boundaries::look_again,
    columns::Columns,
    fragments::own_people,
    notices,
    persons::{BsnTaken, NewPerson, insert_person},
};
use crate::domain::{
    bsn::Bsn,
    consent::Block,
    fault::Fault,
    id::{PersonId, random},
    mandate::Mandate,
    time::Timestamp,
};

/// Who may not act for whom.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The one who is kept out.
    pub representative: PersonId,
    /// The one who is protected.
    pub represented: PersonId,
}

impl Pair {
    /// The two of a mandate.
    pub fn of(mandate: &Mandate) -> Self {
        Self { representative: mandate.representative.clone(), represented: mandate.represented.clone() }
    }
}

/// The most blocks of one record that a list shows.
const LISTED: i64 = 200;

/// A block that holds, for those who may lift it.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Who is kept out.
    pub representative: PersonId,
    /// What the desk calls them.
    pub representative_name: String,
    /// Why, in the words of who placed it.
    pub reason: String,
    /// Who that was.
    pub placed_by: String,
    /// When.
    pub placed_at: Timestamp,
}

impl Store {
    /// The blocks that keep somebody out of a record, the newest first; at most 200. An id that became part of another person means that person.
    pub async fn blocks_of(&self, represented: &PersonId) -> Result<Vec<Placed>, Fault> {
        let rows = sqlx::query(
            "SELECT b.representative, a.name AS representative_name, b.reason, b.placed_by, b.placed_at \
             FROM blocks b JOIN persons a ON a.id = b.representative \
             WHERE b.represented = (SELECT COALESCE(joined_into, id) FROM persons WHERE id = $1) \
             AND b.lifted_at IS NULL ORDER BY b.placed_at DESC, b.id LIMIT $2",
        )
        .bind(represented.as_str())
        .bind(LISTED)
        .fetch_all(self.db.reader())
        .await?;
        let read = |row: &AnyRow| {
            Ok(Placed {
                representative: PersonId::from_stored(row.text("representative")?),
                representative_name: row.text("representative_name")?,
                reason: row.text("reason")?,
                placed_by: row.text("placed_by")?,
                placed_at: row.time("placed_at")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Blocks at once everything the one of a pair may do for the other. The line in the log names the member of staff, the
    /// person represented and the block, not the one who is kept out: it must not show in their own log (M9). An id that
    /// became part of another person means that person: the desk's lists may be older. `false` when one of the two is not
    /// known.
    pub async fn block(&self, pair: &Pair, by: &str, reason: &str, now: Timestamp) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        if !place(&mut tx, pair, by, reason, now).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Blocks whoever has a BSN that nobody here has yet, so that they are kept out from their first login on: all or nothing. They have no
    /// name until the desk registers them, as whom only an account knows: nothing that is told to them tells that they were written down.
    /// `BsnTaken` when they became known meanwhile.
    pub async fn block_stranger(
        &self,
        bsn: &Bsn,
        represented: &PersonId,
        by: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Result<bool, BsnTaken>, Fault> {
        let pair = Pair { representative: PersonId::random(), represented: represented.clone() };
        let stranger = NewPerson {
            id: &pair.representative,
            name: "",
            birth: None,
            bsn: Some(bsn),
            patient_number: None,
        };
        let mut tx = self.db.begin().await?;
        if !insert_person(&mut *tx, &self.vault, &stranger, now).await? {
            tx.rollback().await?;
            return Ok(Err(BsnTaken));
        }
        if !place(&mut tx, &pair, by, reason, now).await? {
            tx.rollback().await?;
            return Ok(Ok(false));
        }
        tx.commit().await?;
        Ok(Ok(true))
    }

    /// Lifts the blocks of a pair that someone else than `by` placed (M11), and tells how many blocks were lifted and how
    /// many still hold. A program lifts only what another program placed: who stands behind it may be who placed it at the desk.
    /// Of the desk, who has an account there lifts what another account placed, and who is named at a command what another name placed.
    /// Nobody lifts one of their own file, or of somebody they act for.
    pub async fn lift_blocks(&self, pair: &Pair, by: &str, now: Timestamp) -> Result<(usize, i64), Fault> {
        let mut tx = self.db.begin().await?;
        let lifted: Vec<(String,)> = sqlx::query_as(concat!(
            "UPDATE blocks SET lifted_at = $1, lifted_by = $2 \
             WHERE representative = (SELECT COALESCE(joined_into, id) FROM persons WHERE id = $3) \
             AND represented = (SELECT COALESCE(joined_into, id) FROM persons WHERE id = $4) \
             AND lifted_at IS NULL AND placed_by <> $2 \
             AND ($2 NOT LIKE 'client:%' OR placed_by LIKE 'client:%') \
             AND (placed_by LIKE 'client:%' OR ($2 LIKE 'member:%') = (placed_by LIKE 'member:%')) \
             AND NOT ",
            own_people!("$2", "blocks.representative, blocks.represented", "$1"),
            " RETURNING id"
        ))
        .bind(now.epoch())
        .bind(by)
        .bind(pair.representative.as_str())
        .bind(pair.represented.as_str())
        .fetch_all(&mut *tx)
        .await?;
        look_again(&mut tx, pair.represented.as_str(), now).await?;
        for (id,) in &lifted {
            tx.note(&block_event("mandate.unblocked", by, &pair.represented, id), now);
        }
        let (holding,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM blocks \
             WHERE representative = (SELECT COALESCE(joined_into, id) FROM persons WHERE id = $1) \
             AND represented = (SELECT COALESCE(joined_into, id) FROM persons WHERE id = $2) AND lifted_at IS NULL",
        )
        .bind(pair.representative.as_str())
        .bind(pair.represented.as_str())
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok((lifted.len(), holding))
    }
}

/// Writes a block with its line in the log; `false` when one of the two is not known.
async fn place(tx: &mut Tx, pair: &Pair, by: &str, reason: &str, now: Timestamp) -> Result<bool, Fault> {
    let id = random::<16>();
    let placed = sqlx::query(
        "INSERT INTO blocks (id, representative, represented, reason, placed_at, placed_by) \
             SELECT $1, COALESCE(a.joined_into, a.id), COALESCE(p.joined_into, p.id), $2, $3, $4 \
             FROM persons a JOIN persons p ON p.id = $6 WHERE a.id = $5",
    )
    .bind(&id)
    .bind(reason)
    .bind(now.epoch())
    .bind(by)
    .bind(pair.representative.as_str())
    .bind(pair.represented.as_str())
    .execute(&mut **tx)
    .await?;
    if placed.rows_affected() == 0 {
        return Ok(false);
    }
    notices::of_block(tx, &id, now).await?;
    tx.note(&block_event("mandate.blocked", by, &pair.represented, &id), now);
    Ok(true)
}

fn block_event<'a>(event: &'a str, by: &'a str, represented: &'a PersonId, block: &'a str) -> Event<'a> {
    Event { represented: Some(represented.as_str()), detail: Some(block), ..Event::by(event, by) }
}

pub(super) fn read_block(row: &AnyRow) -> Result<Block, Fault> {
    Ok(Block {
        representative: PersonId::from_stored(row.text("representative")?),
        represented: PersonId::from_stored(row.text("represented")?),
        placed_at: row.time("placed_at")?,
        lifted_at: row.maybe_time("lifted_at")?,
    })
}
