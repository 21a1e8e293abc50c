//! `namens audit`: the audit log as evidence.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::By;
use crate::{
    domain::{audit::is_event, email::Email, fault::Fault, id::PersonId, line, time::Timestamp},
    flows::admin_audit::as_json,
    store::{
        Store,
        audit::{Event, Line, Search, verify::Finding},
    },
};

/// How many lines of a search are read at once.
const PAGE: usize = 1000;
/// The most findings that are told one by one.
const TOLD: u64 = 1000;
/// The longest line of a file of checkpoints, in bytes, and how many checkpoints of it are taken.
const LONGEST: u64 = 64 * 1024;
const CHECKPOINTS: usize = 10_000;

/// The audit log: verify it, export it, search it
#[derive(Debug, Args)]
pub struct AuditCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Read the whole log and name every line that was altered, removed, moved, inserted or cut off
    Verify {
        /// An export, or checkpoints of one: what was cut off after it is found too
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Write lines as JSON, one a line, then the public key and a signed checkpoint of each chain. Keep them elsewhere
    Export {
        #[command(flatten)]
        when: When,
        #[command(flatten)]
        by: By,
    },
    /// Search the log, oldest first, with names as long as they are known
    Query {
        #[command(flatten)]
        when: When,
        /// What happened, such as login.digid (docs/audit.md)
        #[arg(long)]
        event: Option<String>,
        /// A person's id, or a pseudonym of the log
        #[arg(long, value_name = "ID", allow_hyphen_values = true)]
        person: Option<String>,
        /// What a member of staff did at the desk: the address with which they log in
        #[arg(long, value_name = "ADDRESS", conflicts_with = "person")]
        member: Option<String>,
        #[command(flatten)]
        by: By,
    },
}

#[derive(Debug, Args)]
struct When {
    /// From then on, such as 2026-07-01T09:00:00Z
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    from: Option<Timestamp>,
    /// Before then
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    to: Option<Timestamp>,
}

/// What is no instant.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("give an instant, such as 2026-07-01T09:00:00Z")]
struct NoInstant;

fn instant(text: &str) -> Result<Timestamp, NoInstant> {
    Timestamp::parse_rfc3339(text).ok_or(NoInstant)
}

/// Nobody has that address.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no account has this address: give the one with which they log in now")]
struct NoMember;

/// A search for what the log never says: no answer to it would be told from one that nothing was found.
#[derive(Debug, thiserror::Error)]
enum NotInTheLog {
    #[error("no event is called {0:?}: docs/audit.md has them all")]
    Event(String),
    #[error(
        "nobody on record or in the log is called {0:?}: give a person's id, a pseudonym of the log, or a name of --by. Of who was \
         erased only the pseudonym is left"
    )]
    Person(String),
}

/// A file from which no checkpoints can be read.
#[derive(Debug, thiserror::Error)]
#[error("no checkpoint can be read from {}: {why}. Give what `namens audit export` wrote", path.display())]
struct NoCheckpoint {
    path: PathBuf,
    why: Fault,
}

impl AuditCommand {
    /// Runs the command and writes its answer to `out`. A log that is not in order is a failure.
    pub async fn run(self, store: &Store, out: &mut impl Write, now: Timestamp) -> Result<ExitCode, Fault> {
        match &self.act {
            Act::Verify { .. } => store.check_tables().await?,
            Act::Export { .. } | Act::Query { .. } => store.check_migrated().await?,
        }
        match self.act {
            Act::Verify { checkpoint } => verify(store, checkpoint.as_deref(), out).await,
            Act::Export { when, by } => {
                export(store, &when, &by.name()?, out, now).await.map(|()| ExitCode::SUCCESS)
            }
            Act::Query { event: Some(event), .. } if !is_event(&event) => {
                Err(NotInTheLog::Event(event).into())
            }
            Act::Query { when, event, person, member, by } => {
                let by = by.name()?;
                let person = match member {
                    None => person,
                    Some(address) => {
                        let account = store.account_by_email(&Email::parse(&address)?).await?;
                        Some(line::member(account.ok_or(NoMember)?.id.as_str()))
                    }
                };
                let person = person.map(PersonId::from_stored);
                let search = Search { from: when.from, to: when.to, event, person, behind: None };
                query(store, search, (&by, now), out).await.map(|()| ExitCode::SUCCESS)
            }
        }
    }
}

async fn verify(store: &Store, file: Option<&Path>, out: &mut impl Write) -> Result<ExitCode, Fault> {
    let kept = file.map(read_checkpoints).transpose()?.unwrap_or_default();
    let (mut found, mut written) = (0_u64, Ok(()));
    let mut tell = |finding: Finding| {
        found += 1;
        if found <= TOLD && written.is_ok() {
            written = writeln!(out, "{finding}");
        }
    };
    let lines = store.verify_audit(&kept, &mut tell).await?;
    written?;
    if found > TOLD {
        writeln!(out, "and {} more.", found - TOLD)?;
    }
    if found == 0 {
        writeln!(out, "{lines} line(s) are as they were written.")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{lines} line(s), {found} finding(s): docs/audit.md says what each means.")?;
    Ok(ExitCode::FAILURE)
}

/// The checkpoints of an export; one that is cut short in its last line counts up to there.
fn read_checkpoints(path: &Path) -> Result<Vec<String>, NoCheckpoint> {
    let read = || {
        let mut file = BufReader::new(File::open(path)?);
        let mut found = Vec::new();
        loop {
            let mut line = String::new();
            if file.by_ref().take(LONGEST).read_line(&mut line)? == 0 || found.len() >= CHECKPOINTS {
                break;
            }
            let line: Value = serde_json::from_str(&line)?;
            found.extend(line.get("checkpoint").and_then(Value::as_str).map(str::to_owned));
        }
        if found.is_empty() { Err(Fault::because("there is none in it")) } else { Ok(found) }
    };
    read().map_err(|why| NoCheckpoint { path: path.to_owned(), why })
}

/// Pseudonyms stay pseudonyms: what is erased here must not live on in an export.
async fn export(
    store: &Store,
    when: &When,
    by: &str,
    out: &mut impl Write,
    now: Timestamp,
) -> Result<(), Fault> {
    let range = range(when.from, when.to);
    store.audit(&Event { detail: Some(&range), ..Event::by("audit.exported", by) }, now).await?;
    store.make_checkpoints(true, now).await?;
    let fits =
        |line: &Line| when.from.is_none_or(|from| line.at >= from) && when.to.is_none_or(|to| line.at < to);
    for (node, last) in store.audit_nodes().await? {
        let mut behind = 0;
        while behind < last {
            let lines = store.audit_chain(&node, behind).await?;
            let Some(end) = lines.last() else { break };
            behind = end.seq;
            for line in lines.iter().filter(|line| fits(line)) {
                writeln!(out, "{}", with_macs(line))?;
            }
        }
    }
    writeln!(out, "{}", json!({ "key": store.checkpoint_key() }))?;
    for jws in store.last_checkpoints().await? {
        writeln!(out, "{}", json!({ "checkpoint": jws }))?;
    }
    Ok(())
}

/// From when to when, as a line of the log tells it.
fn range(from: Option<Timestamp>, to: Option<Timestamp>) -> String {
    let shown = |at: Option<Timestamp>| at.map_or("-".to_owned(), Timestamp::rfc3339);
    format!("{} {}", shown(from), shown(to))
}

/// The line comes first: whatever is shown, the log says to whom.
async fn query(
    store: &Store,
    mut search: Search,
    (by, now): (&str, Timestamp),
    out: &mut impl Write,
) -> Result<(), Fault> {
    let range = range(search.from, search.to);
    store.note_searched(by, &search, &range, now).await?;
    let mut found = false;
    loop {
        let (lines, next) = store.audit_lines(&search, PAGE).await?;
        found |= !lines.is_empty();
        for line in &lines {
            writeln!(out, "{}", as_json(line))?;
        }
        if next.is_none() {
            break;
        }
        search.behind = next;
    }
    match search.person {
        Some(person) if !found && !store.audit_knows(&person).await? => {
            Err(NotInTheLog::Person(person.as_str().to_owned()).into())
        }
        _ => Ok(()),
    }
}

fn with_macs(line: &Line) -> Value {
    let mut json = as_json(line);
    if let Value::Object(members) = &mut json {
        for (name, mac) in [("prev", &line.prev), ("mac", &line.mac)] {
            members.insert(name.to_owned(), URL_SAFE_NO_PAD.encode(mac).into());
        }
    }
    json
}
