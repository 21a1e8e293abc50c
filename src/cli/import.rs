//! `namens import`: persons and mandates of another system (docs/import.md).

mod file;

use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, IsTerminal, Write, stderr},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::file::CsvFile;
use crate::{
    clock::Clock,
    domain::{
        fault::Fault,
        import::{Finding, What},
        line::staff,
        time::Timestamp,
    },
    flows::import::{self as flow, Counts, Ended, Import, Listener, withdraw},
    store::{Store, imports::Proposed},
};

/// How many findings are told on the screen.
const TOLD: u64 = 20;
/// How many lines it takes before the bar moves.
const STEP: u64 = 1000;

/// Persons and mandates of another system, from a CSV file: all of it or nothing
#[derive(Debug, Args)]
pub struct ImportCommand {
    #[command(subcommand)]
    act: Act,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Register persons and their dates of birth. Who is known stays as they are
    Persons(Lines),
    /// Register mandates between persons who are known. They count once somebody else approves the same file
    Mandates(Lines),
    /// Approve the mandates that somebody else imported from this very file, after looking at the evidence: they count from now on
    Approve {
        /// Your own copy of the file, as you compared it with what it was made from
        file: PathBuf,
        /// The member of staff: another one than who imported it
        #[arg(long, value_name = "STAFF")]
        by: String,
        #[command(flatten)]
        how: How,
    },
    /// List the imports of which mandates wait for somebody else
    List,
    /// Take back what waits of an import: those mandates are revoked, and the same lines may be imported anew
    Withdraw {
        /// The import, as `namens import list` tells it
        #[arg(allow_hyphen_values = true)]
        import: String,
        /// The member of staff: who imported it, or anybody else
        #[arg(long, value_name = "STAFF")]
        by: String,
        /// Revoke more than 50 000 at once. Meanwhile, for minutes, nobody can log in, block, withdraw or revoke
        #[arg(long)]
        long: bool,
    },
}

#[derive(Debug, Args)]
struct How {
    /// Write everything that is wrong to this file, which must not be there yet
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write more than 50 000 lines at once. Meanwhile, for minutes, nobody can log in, block, withdraw or revoke: do so when few people are there
    #[arg(long)]
    long: bool,
}

#[derive(Debug, Args)]
struct Lines {
    /// A CSV file whose first line names the columns
    file: PathBuf,
    /// The member of staff
    #[arg(long, value_name = "STAFF")]
    by: String,
    /// Only tell what is wrong, and change nothing
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    how: How,
}

/// What was refused, in a word.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("nothing was imported: {0} things are wrong in {1} lines")]
    Lines(u64, u64),
    #[error(
        "nothing was imported: {0} lines are new, and while they are written nobody can log in, block, withdraw or revoke, for minutes. Make files of at \
         most 50 000 new lines of it; or say --long, when few people are there"
    )]
    TooLong(u64),
    #[error("there are no lines in this file: nothing was imported")]
    Empty,
    #[error("cannot write the report {}: {why}. Name a file that is not there yet", path.display())]
    Report { path: PathBuf, why: std::io::Error },
}

impl ImportCommand {
    /// Runs the command and writes its answer to `out`.
    pub async fn run(self, store: &Store, out: &mut impl Write, now: Timestamp) -> Result<(), Fault> {
        let json = self.json;
        match self.act {
            Act::Persons(lines) => lines.run(What::Persons, store, (out, json), now).await,
            Act::Mandates(lines) => lines.run(What::Mandates, store, (out, json), now).await,
            Act::Approve { file, by, how } => approve(store, &file, (&by, how), (out, json), now).await,
            Act::List => {
                let waiting = store.proposed_imports(now).await?;
                if json {
                    writeln!(out, "{:#}", waiting.iter().map(withdraw::as_json).collect::<Value>())?;
                    return Ok(());
                }
                writeln!(out, "{:22}  {:20}  {:>9}  BY", "IMPORT", "AT", "WAITING")?;
                for Proposed { id, by, at, waiting, .. } in waiting {
                    writeln!(out, "{id:22}  {:20}  {waiting:9}  {by}", at.rfc3339())?;
                }
                Ok(())
            }
            Act::Withdraw { import, by, long } => {
                let gone = withdraw::withdraw(store, &import, &staff(&by)?, long, now).await?;
                if json {
                    writeln!(out, "{:#}", json!({ "withdrawn": gone }))?;
                } else {
                    writeln!(
                        out,
                        "Withdrawn: {gone} mandates will not count. The same lines may be imported anew."
                    )?;
                }
                Ok(())
            }
        }
    }
}

/// Approves what somebody else imported, and tells what counts from now on and what waits for something else still.
async fn approve(
    store: &Store,
    file: &Path,
    (by, How { report, long }): (&str, How),
    (out, json): (&mut impl Write, bool),
    now: Timestamp,
) -> Result<(), Fault> {
    let (what, by) = (What::Mandates, staff(by)?);
    let import = Import { what, by: &by, only_check: false, may_be_long: long, now, clock: Clock };
    let mut screen = Screen::new(report.as_deref())?;
    let done = flow::approve(store, import, &mut CsvFile::open(file, what)?, &mut screen).await;
    screen.end()?;
    let (Counts { new, wrong, .. }, mut standings) = done?;
    if json {
        writeln!(out, "{:#}", json!({ "approved": new, "standings": standings, "wrong": wrong }))?;
        return Ok(());
    }
    let counts = standings.remove("active").unwrap_or_default();
    writeln!(out, "Approved: {counts} mandates count from now on.")?;
    for (standing, many) in standings {
        let why = match standing {
            "awaiting_consent" => {
                "who is 12 to 15 and who acts for them must agree first (`namens mandates consent`)"
            }
            "awaiting_basis" => "they need a special basis first (`namens mandates special attest`)",
            other => other,
        };
        writeln!(out, "Approved, and not counting yet: {many}: {why}.")?;
    }
    if wrong > 0 {
        writeln!(
            out,
            "{wrong} things are not as on record: these lines wait. Approve each by itself, as it is on record now (`namens mandates approve`); or \
             withdraw what waits (`namens import list`), and import it anew as it is on record."
        )?;
    }
    Ok(())
}

impl Lines {
    async fn run(
        self,
        what: What,
        store: &Store,
        (out, json): (&mut impl Write, bool),
        now: Timestamp,
    ) -> Result<(), Fault> {
        let (by, How { report, long }) = (staff(&self.by)?, self.how);
        let import = Import { what, by: &by, only_check: self.check, may_be_long: long, now, clock: Clock };
        let mut rows = CsvFile::open(&self.file, what)?;
        let mut screen = Screen::new(report.as_deref())?;
        let done = flow::run(store, import, &mut rows, &mut screen).await;
        screen.end()?;
        let (ended, counts) = done?;
        let Counts { lines, new, known, undated, wrong } = counts;
        if json {
            let (word, id) = flow::word(&ended);
            let told = json!({ "outcome": word, "import": id, "lines": lines, "new": new, "known": known, "undated": undated, "wrong": wrong });
            writeln!(out, "{told:#}")?;
        }
        match &ended {
            Ended::Refused => return Err(Refused::Lines(wrong, lines).into()),
            Ended::TooLong => return Err(Refused::TooLong(new).into()),
            _ if lines == 0 => return Err(Refused::Empty.into()),
            _ if json => {}
            Ended::Checked => {
                writeln!(out, "Nothing is wrong: {new} of {lines} lines are new. Nothing was changed.")?;
            }
            Ended::Known => writeln!(out, "All {lines} lines are on record already. Nothing was changed.")?,
            Ended::Done(_) => {
                writeln!(out, "Imported: {new} of {lines} lines were new, {known} on record already.")?;
            }
        }
        if undated > 0 && !json {
            writeln!(
                out,
                "Of {undated} known persons no date of birth is on record, and this file tells one: that takes two. Import a mandate that tells it too, or \
                 propose each (`namens persons set-birth-date`)."
            )?;
        }
        if matches!(ended, Ended::Done(_)) && what == What::Mandates && !json {
            writeln!(
                out,
                "No mandate counts yet: someone else must look and run `namens import approve` with the same file; `namens import withdraw` takes it back."
            )?;
        }
        Ok(())
    }
}

/// What stands on the screen while it goes on, and what goes into the report.
struct Screen {
    report: Option<BufWriter<File>>,
    found: u64,
    shows: bool,
    drawn: (bool, u64),
}

impl Screen {
    fn new(report: Option<&Path>) -> Result<Self, Refused> {
        let report =
            report.map(|path| make(path).map_err(|why| Refused::Report { path: path.to_owned(), why }));
        let report = report.transpose()?.map(BufWriter::new);
        Ok(Self { report, found: 0, shows: stderr().is_terminal(), drawn: (false, 0) })
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.wipe();
        if self.found > TOLD {
            let where_to = if self.report.is_some() { "in the report" } else { "with --report FILE" };
            writeln!(stderr(), "… and {} more: see them all {where_to}", self.found - TOLD)?;
        }
        Ok(self.report.as_mut().map_or(Ok(()), Write::flush)?)
    }

    fn wipe(&self) {
        if self.shows {
            // A screen that is gone is no reason to stop.
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

impl Listener for Screen {
    fn finding(&mut self, finding: &Finding) -> Result<(), Fault> {
        self.found += 1;
        if self.found <= TOLD {
            self.wipe();
            writeln!(stderr(), "{finding}")?;
        }
        Ok(self.report.as_mut().map_or(Ok(()), |report| writeln!(report, "{finding}"))?)
    }

    fn progress(&mut self, writing: bool, percent: u64, lines: u64) {
        let step = (writing, lines / STEP);
        if self.shows && self.drawn != step {
            self.drawn = step;
            let (what, bar) = (
                if writing { "writing" } else { "looking" },
                "#".repeat(usize::try_from(percent / 4).unwrap_or(0)),
            );
            let _ = write!(stderr(), "\r{what} [{bar:25}] {percent:3} %  {lines} lines");
        }
    }
}

/// Makes a file that only its owner reads: it names lines of people.
fn make(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests;
