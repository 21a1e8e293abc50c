//! Mandates as facts: what was registered, revoked, said and blocked. What they are worth is computed when they are read,
//! by [`standing`], and stored nowhere.

mod approval;
pub(super) mod circle;
pub(super) mod held;
pub(super) mod imported;
pub mod offers;
mod own;
pub(super) mod put_right;
mod rows;
mod special;

use sqlx::{Row, any::AnyRow};

use self::{
    put_right::note_lapsed,
    rows::{read_consent, read_mandate},
    special::read_special,
};
use super::{
    Store, Tx,
    audit::Event,
    blocks::read_block,
    boundaries::look_again,
    columns::Columns,
    first_births,
    fragments::{is_open, not_over, own_people},
    mandate_mails::{Looked, ToLookAt},
    notices,
};
use crate::domain::{
    birth::{BirthDate, DECIDES_ALONE, latest_of},
    consent::{Block, Consent, Word},
    fault::Fault,
    id::{MandateId, PersonId, random},
    mandate::{
        Confirmed, Mandate, Refusal, Shown, Standing,
        mails::{LATE, Mails, cause, ended, mails},
        shown, standing,
    },
    registration::Registration,
    time::Timestamp,
};

pub(super) use self::rows::read_birth;
pub use self::{
    approval::NotApproved,
    imported::NewMandate,
    special::{NotAttested, NotChanged},
};

/// The most mandates one person may hold or have given that are not over, by their ages too: a bound for every list and token.
pub const MOST: i64 = 200;

/// A mandate as read, with what it was worth at that instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its facts.
    pub mandate: Mandate,
    /// What the desk calls the representative.
    pub representative_name: String,
    /// What the desk calls the person represented.
    pub represented_name: String,
    /// When the person represented was born, as far as known.
    pub born: Option<BirthDate>,
    /// What it is worth.
    pub standing: Standing,
    /// What its two people see of it.
    pub shown: Shown,
    /// Until when it waits for its second pair of eyes, if it does (M11).
    pub waits_until: Option<Timestamp>,
    /// Why somebody refused it, who and when, where it is revoked for that; none where mandates are read for tokens.
    pub refused: Option<(Refusal, Confirmed)>,
    /// The last of each word that its people said, the newest first, with who heard it; none where mandates are read for tokens.
    pub said: Vec<Consent>,
}

/// What a standing depends on.
struct Facts<'a> {
    mandate: &'a Mandate,
    born: Option<BirthDate>,
    consents: &'a [Consent],
    blocks: &'a [Block],
}

/// Why a good registration was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotStored {
    /// One of the two is not known, or became part of another person.
    #[error("representative and represented must both be registered persons: see `namens persons list`")]
    UnknownPerson,
    /// A list that never ends is no list.
    #[error("one of these persons has 200 mandates already: revoke what is no longer needed")]
    TooMany,
    /// Nobody registers a mandate for themselves.
    #[error("nobody registers a mandate for themselves: a colleague does")]
    OwnPeople,
    /// The person represented has authority over who would act for them.
    #[error(
        "the person represented has authority over who would act for them: revoke that mandate first, if it is a mistake"
    )]
    Circle,
}

/// The four statements that read mandates with all that their standing depends on. `$1` is whose, `$2` is now; `$3`, in the first one, is by
/// which dates of birth somebody decides alone.
struct Statements {
    mandates: &'static str,
    special: &'static str,
    consents: &'static str,
    said: &'static str,
    refused: &'static str,
    blocks: &'static str,
}

/// A mandate `m` of `a` for `p`, and whether anything beside it bears on its standing: of most parents nothing was said, and tokens are
/// made more often than anything else.
macro_rules! facts {
    () => {
        "m.*, a.name AS representative_name, p.name AS represented_name, p.birth AS birth, \
         CASE WHEN EXISTS (SELECT 1 FROM special_bases s WHERE s.mandate = m.id) \
         OR EXISTS (SELECT 1 FROM consents c WHERE c.mandate = m.id) \
         OR EXISTS (SELECT 1 FROM blocks b WHERE b.representative = m.representative AND b.represented = m.represented) \
         THEN 1 ELSE 0 END AS has_more"
    };
}
use facts;

/// Of all that was said, only the last of each word matters; an agreement from a clock ahead of ours is not heard yet. Of the
/// special bases those that are not over. The first statement tells whether the others would find anything.
macro_rules! statements {
    ($whose:literal) => {
        Statements {
            mandates: concat!(
                "SELECT ",
                facts!(),
                " FROM mandates m JOIN persons a ON a.id = m.representative JOIN persons p ON p.id = m.represented WHERE ",
                $whose,
                " = $1 ORDER BY CASE WHEN ",
                not_over!("m", "p", "$2", "$3"),
                " THEN 0 ELSE 1 END, m.registered_at, m.id LIMIT 200"
            ),
            special: concat!(
                "SELECT s.* FROM special_bases s JOIN mandates m ON m.id = s.mandate \
                 WHERE m.revoked_at IS NULL AND s.ended_at IS NULL AND s.ends > $2 AND ",
                $whose,
                " = $1 ORDER BY s.attested_at, s.id"
            ),
            consents: concat!(
                "SELECT c.mandate, c.party, c.word, MAX(c.at) AS at \
                 FROM consents c JOIN mandates m ON m.id = c.mandate \
                 WHERE m.revoked_at IS NULL AND (c.word = 'withdrawn' OR c.at <= $2) AND ",
                $whose,
                " = $1 GROUP BY c.mandate, c.party, c.word"
            ),
            said: concat!(
                "SELECT c.mandate, c.party, c.word, c.at, c.attested_by FROM consents c JOIN mandates m ON m.id = c.mandate \
                 WHERE (c.word = 'withdrawn' OR c.at <= $2) AND c.at = (SELECT MAX(l.at) FROM consents l \
                 WHERE l.mandate = c.mandate AND l.party = c.party AND l.word = c.word AND (l.word = 'withdrawn' OR l.at <= $2)) AND ",
                $whose,
                " = $1 ORDER BY c.at DESC, c.word DESC, c.id LIMIT 800"
            ),
            refused: concat!(
                "SELECT f.* FROM mandates m CROSS JOIN refusals f \
                 WHERE f.mandate = m.id AND f.refused_at <= $2 AND ",
                $whose,
                " = $1"
            ),
            blocks: concat!(
                "SELECT DISTINCT b.representative, b.represented, b.placed_at, b.lifted_at FROM blocks b \
                 JOIN mandates m ON m.representative = b.representative AND m.represented = b.represented \
                 WHERE (b.lifted_at IS NULL OR b.lifted_at > $2) AND ",
                $whose,
                " = $1"
            ),
        }
    };
}

const OF_REPRESENTATIVE: Statements = statements!("m.representative");
/// Those of a representative that are not over for good: history makes no token longer to compute.
const STILL_HELD: Statements = statements!(
    "m.revoked_at IS NULL AND m.lapsed_at IS NULL AND COALESCE(m.ends, $2 + 1) > $2 AND m.representative"
);
const OF_REPRESENTED: Statements = statements!("m.represented");
const ONE: Statements = statements!("m.id");

impl Store {
    /// Stores a checked registration: the mandate, the grantor's consent, and a line in the log, or nothing.
    pub async fn register_mandate(
        &self,
        registration: &Registration,
        now: Timestamp,
    ) -> Result<Result<(), NotStored>, Fault> {
        let mut tx = self.db.begin().await?;
        if !insert_registration(&mut tx, registration, now).await? {
            tx.rollback().await?;
            return Ok(Err(self.why_not_stored(registration, now).await?));
        }
        if circle::closes(&mut tx, &registration.mandate, now).await? {
            tx.rollback().await?;
            return Ok(Err(NotStored::Circle));
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Why a registration was not stored.
    pub(super) async fn why_not_stored(
        &self,
        registration: &Registration,
        now: Timestamp,
    ) -> Result<NotStored, Fault> {
        let mandate = &registration.mandate;
        let people = [&mandate.representative, &mandate.represented];
        if self.is_own(&mandate.registered_by, people, now).await? {
            return Ok(NotStored::OwnPeople);
        }
        let known = self.person(&mandate.representative).await?.is_some()
            && self.person(&mandate.represented).await?.is_some();
        Ok(if known { NotStored::TooMany } else { NotStored::UnknownPerson })
    }

    /// Revokes a mandate for good. `false` when there is none of that id, or it was revoked before.
    pub async fn revoke_mandate(&self, id: &MandateId, by: &str, now: Timestamp) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        let revoked: Option<(String,)> = sqlx::query_as(
            "UPDATE mandates SET revoked_at = $1, revoked_by = $2 WHERE id = $3 AND revoked_at IS NULL \
             RETURNING represented",
        )
        .bind(now.epoch())
        .bind(by)
        .bind(id.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        let Some((represented,)) = revoked else {
            tx.rollback().await?;
            return Ok(false);
        };
        notices::of_mandate(&mut tx, id, now).await?;
        first_births::forget(&mut tx, id).await?;
        tx.note(&event("mandate.revoked", by, &represented, id), now);
        tx.commit().await?;
        Ok(true)
    }

    /// Adds what someone said, with a line in the log. `actor` is who recorded it: a person, or a member of staff. `false`, and a line that it
    /// was refused, when it is an agreement of somebody who told another than `actor` that they agree no longer (`docs/adr/0034`).
    pub async fn add_consent(
        &self,
        consent: &Consent,
        represented: &PersonId,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut tx = self.db.begin().await?;
        let heard = insert_consent(&mut tx, consent).await?;
        if heard && consent.word == Word::Withdrawn {
            notices::of_mandate(&mut tx, &consent.mandate, now).await?;
        } else if heard {
            look_again(&mut tx, represented.as_str(), now).await?;
        }
        let event = Event {
            outcome: if heard { consent.word.as_str() } else { "refused" },
            represented: Some(represented.as_str()),
            detail: Some(consent.mandate.as_str()),
            ..Event::by("mandate.consent", actor)
        };
        tx.note(&event, now);
        tx.commit().await?;
        Ok(heard)
    }

    /// The mandates with which a person may act for others, those that are over last; at most 200.
    pub async fn mandates_held(&self, person: &PersonId, now: Timestamp) -> Result<Vec<Listed>, Fault> {
        self.read_mandates(&OF_REPRESENTATIVE, person.as_str(), now).await
    }

    /// The mandates with which others may act for a person, those that are over last; at most 200.
    pub async fn mandates_given(&self, person: &PersonId, now: Timestamp) -> Result<Vec<Listed>, Fault> {
        self.read_mandates(&OF_REPRESENTED, person.as_str(), now).await
    }

    /// One mandate.
    pub async fn mandate(&self, id: &MandateId, now: Timestamp) -> Result<Option<Listed>, Fault> {
        Ok(self.read_mandates(&ONE, id.as_str(), now).await?.pop())
    }

    /// One mandate, and what its people are to be mailed about it.
    pub async fn mandate_and_mails(
        &self,
        id: &MandateId,
        now: Timestamp,
    ) -> Result<Option<(Listed, Mails)>, Fault> {
        // A basis that is over counts for nothing, but its end is told for some days.
        let (whose, since) = (id.as_str(), now.plus(-LATE));
        let read = self.read_facts(&ONE, whose, (since, now), |facts, _| {
            Ok(mails(facts.mandate, facts.born, facts.consents, facts.blocks, now))
        });
        Ok(read.await?.pop())
    }

    /// What is to be told about a mandate at which somebody looks, and what the clock has ended of it since they should have, and why: each
    /// once, as the next look begins behind `now`. However long nobody looked, nothing of it is left out.
    pub async fn mandate_looked_at(&self, at: &ToLookAt, now: Timestamp) -> Result<Option<Looked>, Fault> {
        let since = at.look_at.min(now.plus(-LATE));
        let read = self.read_facts(&ONE, at.mandate.as_str(), (since, now), |facts, _| {
            let Facts { mandate, born, consents, blocks } = *facts;
            let ended = ended(mandate, born, consents, at.look_at..=now).into_iter();
            let ended = ended.map(|at| (at, cause(mandate, born, at))).collect();
            Ok(Looked { at: at.clone(), mails: mails(mandate, born, consents, blocks, now), ended })
        });
        Ok(read.await?.pop().map(|(_, looked)| looked))
    }

    async fn read_mandates(
        &self,
        statements: &Statements,
        whose: &str,
        now: Timestamp,
    ) -> Result<Vec<Listed>, Fault> {
        let read = self.read_facts(statements, whose, (now, now), |_, _| Ok(())).await?;
        let mut listed: Vec<Listed> = read.into_iter().map(|(listed, ())| listed).collect();
        let rows =
            sqlx::query(statements.said).bind(whose).bind(now.epoch()).fetch_all(self.db.reader()).await?;
        for row in &rows {
            let said = Consent { attested_by: row.maybe_text("attested_by")?, ..read_consent(row)? };
            let Some(one) = listed.iter_mut().find(|one| one.mandate.id == said.mandate) else { continue };
            // The same word twice in one second is one word.
            if !one.said.iter().any(|last| (last.party, last.word) == (said.party, said.word)) {
                one.said.push(said);
            }
        }
        let rows =
            sqlx::query(statements.refused).bind(whose).bind(now.epoch()).fetch_all(self.db.reader()).await?;
        for row in &rows {
            let second = Confirmed { by: row.text("refused_by")?, at: row.time("refused_at")? };
            let (id, why) = (row.text("mandate")?, row.text("why")?.parse()?);
            if let Some(one) = listed.iter_mut().find(|one| one.mandate.id.as_str() == id) {
                one.refused = Some((why, second));
            }
        }
        Ok(listed)
    }

    async fn read_facts<T>(
        &self,
        statements: &Statements,
        whose: &str,
        times: (Timestamp, Timestamp),
        also: impl Fn(&Facts<'_>, &AnyRow) -> Result<T, Fault>,
    ) -> Result<Vec<(Listed, T)>, Fault> {
        let ask = sqlx::query(statements.mandates).bind(whose).bind(times.1.epoch());
        let rows = ask.bind(latest_of(DECIDES_ALONE, times.1)).fetch_all(self.db.reader()).await?;
        self.with_more(&rows, (statements, whose), times, also).await
    }

    /// Mandates and special bases first, then what was said, then the blocks: whatever is recorded between two of the statements
    /// is seen by the later one, so no answer rests on a consent or on the absence of a block that was older than its mandate,
    /// nor on the absence of a withdrawal that was older than a basis. Where the first statement found nothing else to read, its answer is of
    /// one instant. With them what `also` makes of the facts and of the row of the mandate; among the facts are the special
    /// bases that were not over at `since`.
    async fn with_more<T>(
        &self,
        rows: &[AnyRow],
        (statements, whose): (&Statements, &str),
        (since, now): (Timestamp, Timestamp),
        also: impl Fn(&Facts<'_>, &AnyRow) -> Result<T, Fault>,
    ) -> Result<Vec<(Listed, T)>, Fault> {
        let ask_at = |statement, at: Timestamp| sqlx::query(statement).bind(whose).bind(at.epoch());
        let ask = |statement| ask_at(statement, now);
        let (mut special, mut consents, mut blocks) = (Vec::new(), Vec::new(), Vec::new());
        if has_more(rows)? {
            let found = ask_at(statements.special, since).fetch_all(self.db.reader()).await?;
            special = found.iter().map(read_special).collect::<Result<_, _>>()?;
            let found = ask(statements.consents).fetch_all(self.db.reader()).await?;
            consents = found.iter().map(read_consent).collect::<Result<_, _>>()?;
            let found = ask(statements.blocks).fetch_all(self.db.reader()).await?;
            blocks = found.iter().map(read_block).collect::<Result<_, _>>()?;
        }
        rows.iter()
            .map(|row| {
                let mut mandate = read_mandate(row)?;
                let own = special.iter().filter(|(of, _)| *of == mandate.id);
                mandate.special = own.map(|(_, basis)| basis.clone()).collect();
                let born = read_birth(row)?;
                let standing = standing(&mandate, born, &consents, &blocks, now);
                let facts = Facts { mandate: &mandate, born, consents: &consents, blocks: &blocks };
                let also = also(&facts, row)?;
                let listed = Listed {
                    representative_name: row.text("representative_name")?,
                    represented_name: row.text("represented_name")?,
                    waits_until: mandate.waits_until(now),
                    refused: None,
                    said: Vec::new(),
                    shown: shown(&mandate, born, &consents, standing, now),
                    mandate,
                    born,
                    standing,
                };
                Ok((listed, also))
            })
            .collect()
    }
}

/// Whether anything beside its row bears on the standing of a mandate.
fn has_more(rows: &[AnyRow]) -> Result<bool, Fault> {
    for row in rows {
        if row.try_get::<i64, _>("has_more")? == 1 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The line of what a member of staff or a program did to a mandate.
fn event<'a>(event: &'a str, by: &'a str, represented: &'a str, id: &'a MandateId) -> Event<'a> {
    Event { represented: Some(represented), detail: Some(id.as_str()), ..Event::by(event, by) }
}

/// Moves the mandates and blocks of a person who becomes part of another. Call it before the birth dates are joined.
///
/// Between the two there is none: the caller joins no such pair. Where both have a date of birth and these differ, the desk's
/// will count, so the parental mandates for the keeper end, lest one revive.
pub(super) async fn join_mandates(
    tx: &mut Tx,
    from: &PersonId,
    into: &PersonId,
    now: Timestamp,
) -> Result<(), Fault> {
    let lapsed = sqlx::query(concat!(
        "UPDATE mandates SET lapsed_at = $3 \
         WHERE represented = $2 AND relation IN ('parent', 'guardian') AND lapsed_at IS NULL AND \
         (SELECT k.birth FROM persons k WHERE k.id = $2) <> (SELECT d.birth FROM persons d WHERE d.id = $1) \
         RETURNING id, CASE WHEN ",
        is_open!("mandates", "$3"),
        " THEN 1 ELSE 0 END AS was_open"
    ))
    .bind(from.as_str())
    .bind(into.as_str())
    .bind(now.epoch())
    .fetch_all(&mut **tx)
    .await?;
    note_lapsed(tx, &lapsed, into, now).await?;
    for statement in [
        "UPDATE mandates SET representative = $2 WHERE representative = $1",
        "UPDATE mandates SET represented = $2 WHERE represented = $1",
        "UPDATE blocks SET representative = $2 WHERE representative = $1",
        "UPDATE blocks SET represented = $2 WHERE represented = $1",
        "UPDATE mandate_mails SET person = $2 WHERE person = $1",
        // Whoever acts for them at this moment goes on to act for them, as far as they may.
        "UPDATE grants SET chosen = $2 WHERE chosen = $1",
        "UPDATE grants SET acts_for = $2 WHERE acts_for = $1",
        // What was offered and is not given is offered anew: nobody confirms by another name whom they saw by this one.
        "DELETE FROM offers WHERE grantor IN ($1, $2)",
        "DELETE FROM offers WHERE grantee IN ($1, $2)",
    ] {
        sqlx::query(statement).bind(from.as_str()).bind(into.as_str()).execute(&mut **tx).await?;
    }
    // What was recorded of the one counts for the other too: a block, or a date of birth.
    look_again(tx, into.as_str(), now).await
}

/// Writes a checked registration with its line in the log. `false`, and nothing, when a person is unknown or one of the two has too many.
pub(super) async fn insert_registration(
    tx: &mut Tx,
    registration: &Registration,
    now: Timestamp,
) -> Result<bool, Fault> {
    let mandate = &registration.mandate;
    if !insert_mandate(tx, mandate, now).await? {
        return Ok(false);
    }
    if let Some(consent) = &registration.consent {
        // The first word about it: nothing was withdrawn yet.
        insert_consent(tx, consent).await?;
    }
    let (by, whom) = (&mandate.registered_by, mandate.represented.as_str());
    tx.note(&event("mandate.registered", by, whom, &mandate.id), now);
    Ok(true)
}

/// `false` when a person is unknown or one of the two has too many.
async fn insert_mandate(tx: &mut Tx, m: &Mandate, now: Timestamp) -> Result<bool, Fault> {
    let done = sqlx::query(concat!(
        "INSERT INTO mandates (id, representative, represented, relation, legal_basis, evidence, \
         representative_document, representative_document_valid_until, \
         represented_document, represented_document_valid_until, \
         form_reference, registered_by, registered_at, starts, ends, department) \
         SELECT $1, a.id, p.id, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $19 \
         FROM persons a JOIN persons p ON p.id = $3 \
         WHERE a.id = $2 AND a.joined_into IS NULL AND p.joined_into IS NULL \
         AND (SELECT COUNT(*) FROM mandates m JOIN persons y ON y.id = m.represented WHERE m.representative = $2 AND ",
        not_over!("m", "y", "$16", "$18"),
        ") < $17 AND (SELECT COUNT(*) FROM mandates m JOIN persons y ON y.id = m.represented WHERE m.represented = $3 AND ",
        not_over!("m", "y", "$16", "$18"),
        ") < $17 AND NOT ",
        own_people!("$12", "a.id, p.id", "$16")
    ))
    .bind(m.id.as_str())
    .bind(m.representative.as_str())
    .bind(m.represented.as_str())
    .bind(m.relation.as_str())
    .bind(&m.legal_basis)
    .bind(m.evidence.as_str())
    .bind(m.representative_document.map_or("", |document| document.kind.as_str()))
    .bind(m.representative_document.map(|document| document.valid_until.to_string()).unwrap_or_default())
    .bind(m.represented_document.map_or("", |document| document.kind.as_str()))
    .bind(m.represented_document.map(|document| document.valid_until.to_string()).unwrap_or_default())
    .bind(&m.form_reference)
    .bind(&m.registered_by)
    .bind(m.registered_at.epoch())
    .bind(m.starts.epoch())
    .bind(m.ends.map(Timestamp::epoch))
    .bind(now.epoch())
    .bind(MOST)
    .bind(latest_of(DECIDES_ALONE, now))
    .bind(&m.department)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// `false` when it would undo a withdrawal that somebody else heard, or that was said online, and when a member of staff records that they,
/// or whoever they act for, agree.
async fn insert_consent(tx: &mut Tx, consent: &Consent) -> Result<bool, Fault> {
    let done = sqlx::query(concat!(
        "INSERT INTO consents (id, mandate, party, word, at, attested_by) \
         SELECT $1, m.id, $3, $4, $5, $6 FROM mandates m WHERE m.id = $2 \
         AND ($4 <> 'agreed' OR $6 IS NULL OR NOT EXISTS (SELECT 1 FROM consents c WHERE c.mandate = $2 \
              AND c.party = $3 AND c.word = 'withdrawn' AND COALESCE(c.attested_by, '') <> $6)) \
         AND ($4 <> 'agreed' OR NOT ",
        own_people!("$6", "m.representative, m.represented", "$5"),
        ")"
    ))
    .bind(random::<16>())
    .bind(consent.mandate.as_str())
    .bind(consent.party.as_str())
    .bind(consent.word.as_str())
    .bind(consent.at.epoch())
    .bind(&consent.attested_by)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

#[cfg(test)]
pub(crate) mod tests;
