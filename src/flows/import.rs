//! Persons and mandates of another system are taken over: at the desk from a file, and by a program in a request (docs/adr/0046). Everything is
//! looked at first, while nobody waits for it; then it is looked at again and written in one transaction, or not at all. What is known
//! already stays as it is, so that the same lines twice change nothing; what would change it is refused, as a correction takes two.

mod mandates;
mod persons;
pub mod withdraw;

use std::collections::{BTreeMap, HashMap};

use crate::{
    clock::Clock,
    domain::{
        birth::BirthDate,
        fault::Fault,
        four_eyes::is_second,
        id::PersonId,
        import::{Digest, Finding, Known, Row, Seen, What, Why, is_long},
        meant::{Differs, Named, who},
        patient_number::PatientNumber,
        secret::Secret,
        time::Timestamp,
    },
    store::{Store, imports::Importing},
};

/// How many lines are looked up together.
const AT_ONCE: usize = 200;

/// Lines, from wherever they come, that can be read twice.
pub trait Rows: Send {
    /// Begins anew.
    fn rewind(&mut self) -> Result<(), Fault>;
    /// The next line, or what keeps it from being one; `None` behind the last.
    fn next(&mut self) -> Result<Option<Result<Row, Finding>>, Fault>;
    /// How much of them was read, in hundredths.
    fn percent(&self) -> u64;
}

/// Who is told of what is found, and of how far it is.
pub trait Listener: Send {
    /// Something is wrong with a line.
    fn finding(&mut self, finding: &Finding) -> Result<(), Fault>;
    /// So many lines were looked at or, when `writing`, written.
    fn progress(&mut self, writing: bool, percent: u64, lines: u64);
}

/// How many lines there were of each kind. Of an approval `new` are the mandates that count from now on, and `known` those that were recognised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub lines: u64,
    /// Those that are new.
    pub new: u64,
    /// Those that are on record already.
    pub known: u64,
    /// Those persons who are known without the date of birth that their line tells: it is recorded with a mandate, or as a correction.
    pub undated: u64,
    /// What is wrong with them: there may be several in a line.
    pub wrong: u64,
}

/// Of what was approved: how many have which standing from now on, by its word. Approval is not all that some wait for: children of 12 to 15 and
/// who cannot decide (M4).
pub type Standings = BTreeMap<&'static str, u64>;

/// How an import ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Something is wrong: nothing was changed.
    Refused,
    /// More is new than is written while others wait, and nobody said that they may: nothing was changed.
    TooLong,
    /// Nothing is wrong, and nothing was to be changed.
    Checked,
    /// All of it is on record already: nothing was changed.
    Known,
    /// What was new is recorded, by this import.
    Done(String),
}

/// An end as a word, and the id of the import that there is of it.
pub fn word(ended: &Ended) -> (&'static str, Option<&str>) {
    match ended {
        Ended::Refused | Ended::TooLong => ("refused", None),
        Ended::Checked => ("checked", None),
        Ended::Known => ("known", None),
        Ended::Done(id) => ("done", Some(id)),
    }
}

/// What is to be imported, for whom.
#[derive(Clone, Copy)]
pub struct Import<'a> {
    /// Persons or mandates.
    pub what: What,
    /// The member of staff or the program.
    pub by: &'a str,
    /// Whether it is only looked at.
    pub only_check: bool,
    /// Whether others may wait long for it.
    pub may_be_long: bool,
    /// When it began.
    pub now: Timestamp,
    /// What tells when each part of it is written: whoever reads the log by its moments has not gone past them.
    pub clock: Clock,
}

/// Why an import was not approved. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum NotApproved {
    #[error(
        "no import of mandates holds exactly these lines, or it was withdrawn or waited for thirty days: approve the very lines that were imported"
    )]
    Unknown,
    #[error("these mandates were approved before, or revoked: nothing was changed")]
    Before,
    #[error(
        "you imported these yourself, or you are a program and the desk did: someone else must look and approve them, another program for a program"
    )]
    Own,
    #[error("what these lines say is not on record of their people any more: nothing was changed")]
    Changed,
    #[error(
        "there are more than 50 000 lines, and while they are approved nobody can log in, block or revoke: say --long, when few people are there"
    )]
    TooLong,
    #[error("{0}")]
    Fault(Fault),
}

impl From<Fault> for NotApproved {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// One look at all lines.
struct Pass<'a> {
    import: Import<'a>,
    on: &'a mut Importing,
    listener: &'a mut dyn Listener,
    seen: Seen,
    digest: Digest,
    counts: Counts,
    standings: Standings,
}

/// What a look at all lines found.
type Looked = (Counts, Secret, Standings);

impl Pass<'_> {
    fn wrong(&mut self, finding: Finding) -> Result<(), Fault> {
        self.counts.wrong += 1;
        self.listener.finding(&finding)
    }

    /// Looks at every line and, if `on` writes, records what is new as long as nothing is wrong. Each chunk is handed to `work`.
    async fn run(mut self, rows: &mut dyn Rows, approves: bool) -> Result<Looked, Fault> {
        loop {
            let mut chunk = Vec::with_capacity(AT_ONCE);
            let mut more = true;
            while chunk.len() < AT_ONCE {
                match rows.next()? {
                    None => {
                        more = false;
                        break;
                    }
                    Some(Err(finding)) => {
                        self.counts.lines += 1;
                        self.wrong(finding)?;
                    }
                    Some(Ok(row)) => {
                        self.digest.add(&row);
                        chunk.push(row);
                    }
                }
            }
            self.counts.lines += u64::try_from(chunk.len())?;
            self.on.is_now(self.import.clock.now());
            match (self.import.what, approves) {
                (What::Persons, _) => self.persons(chunk).await?,
                (What::Mandates, false) => self.mandates(chunk).await?,
                (What::Mandates, true) => self.recognise(chunk).await?,
            }
            self.listener.progress(self.on.writes(), rows.percent(), self.counts.lines);
            if !more {
                return Ok((self.counts, self.digest.finish(), self.standings));
            }
        }
    }
}

async fn pass(
    import: Import<'_>,
    on: &mut Importing,
    (rows, listener): (&mut dyn Rows, &mut dyn Listener),
    approves: bool,
) -> Result<Looked, Fault> {
    let (seen, digest, counts) = (Seen::default(), Digest::default(), Counts::default());
    let standings = Standings::new();
    Pass { import, on, listener, seen, digest, counts, standings }.run(rows, approves).await
}

/// Imports lines, all or none of them. Every finding is told to `listener`.
pub async fn run(
    store: &Store,
    import: Import<'_>,
    rows: &mut dyn Rows,
    listener: &mut dyn Listener,
) -> Result<(Ended, Counts), Fault> {
    let Import { what, by, only_check, may_be_long, now, .. } = import;
    let mut looking = store.look_for_import(by, now).await?;
    let (counts, digest, _) = pass(import, &mut looking, (&mut *rows, &mut *listener), false).await?;
    // Back into its pool, before anything else is asked of that.
    looking.undo().await?;
    let ended = match counts {
        Counts { wrong: 1.., .. } => ("refused", Ended::Refused),
        _ if only_check => ("checked", Ended::Checked),
        Counts { new: 0, .. } => ("known", Ended::Known),
        Counts { new, .. } if is_long(new) && !may_be_long => ("refused", Ended::TooLong),
        _ => return write(store, import, (rows, listener), &digest).await,
    };
    store.note_import(("import.done", ended.0), what, by, now).await?;
    Ok((ended.1, counts))
}

async fn write(
    store: &Store,
    import: Import<'_>,
    (rows, listener): (&mut dyn Rows, &mut dyn Listener),
    digest: &Secret,
) -> Result<(Ended, Counts), Fault> {
    let Import { what, by, now, .. } = import;
    rows.rewind()?;
    let mut on = store.begin_import((what, digest), by, now).await?;
    let (counts, again, _) = pass(import, &mut on, (rows, listener), false).await?;
    if !again.matches(digest) {
        on.undo().await?;
        return Err(Fault::because(
            "these lines were changed while they were imported: nothing was changed, try again",
        ));
    }
    let ended = match counts {
        Counts { wrong: 1.., .. } => ("refused", Ended::Refused),
        // Somebody else imported the same just now.
        Counts { new: 0, .. } => ("known", Ended::Known),
        _ => {
            let id = on.finish(counts.new).await?;
            return Ok((Ended::Done(id), counts));
        }
    };
    on.undo().await?;
    store.note_import(("import.done", ended.0), what, by, now).await?;
    Ok((ended.1, counts))
}

/// Approves for `by` the mandates that somebody else imported of exactly these lines: whoever holds the lines tells by each of them what is on
/// record of its two people, as for a single mandate (M11). A line of which something was corrected since is told to `listener`, and its mandate goes
/// on waiting: the others need not wait for it.
pub async fn approve(
    store: &Store,
    import: Import<'_>,
    rows: &mut dyn Rows,
    listener: &mut dyn Listener,
) -> Result<(Counts, Standings), NotApproved> {
    let approved = seconded(store, import, rows, listener).await;
    if matches!(
        approved,
        Err(NotApproved::Own | NotApproved::Changed | NotApproved::Unknown | NotApproved::TooLong)
    ) {
        store.note_import(("import.approved", "refused"), import.what, import.by, import.now).await?;
    }
    approved
}

async fn seconded(
    store: &Store,
    import: Import<'_>,
    rows: &mut dyn Rows,
    listener: &mut dyn Listener,
) -> Result<(Counts, Standings), NotApproved> {
    let Import { by, now, .. } = import;
    let (mut digest, mut lines) = (Digest::default(), 0);
    while let Some(row) = rows.next()? {
        lines += 1;
        match row {
            Ok(row) => digest.add(&row),
            // It was never imported: who holds the file hears which it is.
            Err(finding) => {
                listener.finding(&finding)?;
                return Err(NotApproved::Unknown);
            }
        }
    }
    let digest = digest.finish();
    let imports = store.imports_of(&digest, now).await?;
    let waits = imports.iter().rev().find(|one| one.waits);
    let waits = waits.ok_or(if imports.is_empty() { NotApproved::Unknown } else { NotApproved::Before })?;
    if !is_second(&waits.by, by) {
        return Err(NotApproved::Own);
    }
    if is_long(lines) && !import.may_be_long {
        return Err(NotApproved::TooLong);
    }
    rows.rewind()?;
    let mut on = store.begin_approval(&waits.id, by, now).await?.ok_or(NotApproved::Before)?;
    let (counts, again, standings) = pass(import, &mut on, (rows, listener), true).await?;
    // Of an import a part of which was approved before: all that waits is as little on record as it was then.
    if counts.known == 0 || (counts.new == 0 && counts.wrong > 0) || !again.matches(&digest) {
        on.undo().await?;
        return Err(NotApproved::Changed);
    }
    if counts.new == 0 {
        // Somebody else approved it just now.
        on.undo().await?;
        return Err(NotApproved::Before);
    }
    on.finish_approval().await?;
    Ok((counts, standings))
}

/// Those who are known among the people of a chunk.
struct Found {
    by_bsn: HashMap<Vec<u8>, Known>,
    by_number: HashMap<String, Known>,
}

impl Found {
    fn of(all: &[Known]) -> Self {
        let bsn = |known: &Known| Some((known.bsn.clone()?, known.clone()));
        let number = |known: &Known| Some((known.number.as_ref()?.as_str().to_owned(), known.clone()));
        Self {
            by_bsn: all.iter().filter_map(bsn).collect(),
            by_number: all.iter().filter_map(number).collect(),
        }
    }

    /// Who is meant by what a line tells; a BSN by that under which it is found.
    fn who(
        &self,
        (bsn, number): (Option<&[u8]>, Option<&PatientNumber>),
        birth: Option<BirthDate>,
    ) -> Result<Option<&Known>, Differs> {
        let by_bsn = bsn.and_then(|bsn| self.by_bsn.get(bsn));
        let by_number = number.and_then(|number| self.by_number.get(number.as_str()));
        who(by_bsn, by_number, Named { has_bsn: bsn.is_some(), number, birth })
    }
}

/// What is wrong where a line tells otherwise than is on record, and in which of its columns.
fn differs(line: u64, differs: Differs, [bsn, number, birth]: [&'static str; 3]) -> Finding {
    let (column, why) = match differs {
        Differs::TwoPeople => (number, Why::TwoPeople),
        Differs::Bsn => (bsn, Why::OtherBsn),
        Differs::Number => (number, Why::OtherNumber),
        Differs::Birth => (birth, Why::OtherBirth),
    };
    Finding { line, column: Some(column), why }
}

/// Each of the people once.
fn once(people: impl Iterator<Item = PersonId>) -> Vec<PersonId> {
    let mut all: Vec<PersonId> = people.collect();
    all.sort_unstable();
    all.dedup();
    all
}
