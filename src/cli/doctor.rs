//! `namens doctor`: looks at everything that must be in order, and says what to do about what is not.

mod checks;

use std::{fmt::Display, io::Write, path::Path, process::ExitCode};

use clap::Args;
use serde_json::{Value, json};

use crate::domain::{fault::Fault, time::Timestamp};

/// Check configuration, keys, certificates, database, mail and clock, and say what to do about each finding
#[derive(Debug, Args)]
pub struct Doctor {
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Runs every check and writes the findings to `out`. Fails when one of them is an error.
    pub async fn run(self, config: &Path, out: &mut impl Write, now: Timestamp) -> Result<ExitCode, Fault> {
        let mut report = Report::default();
        checks::all(config, &mut report, now).await;
        let errors = report.count(Verdict::Error);
        if self.json {
            writeln!(out, "{:#}", report.0.iter().map(Finding::as_json).collect::<Value>())?;
        } else {
            for finding in &report.0 {
                writeln!(out, "{:7}  {}: {}", finding.verdict.name(), finding.about, finding.says)?;
            }
            writeln!(out, "{errors} error(s), {} warning(s).", report.count(Verdict::Warning))?;
        }
        Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// In order.
    Ok,
    /// Works now, and will not for ever or not for everybody.
    Warning,
    /// Does not work.
    Error,
}

impl Verdict {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug)]
struct Finding {
    verdict: Verdict,
    about: &'static str,
    says: String,
}

impl Finding {
    fn as_json(&self) -> Value {
        json!({ "verdict": self.verdict.name(), "about": self.about, "says": self.says })
    }
}

/// What was found, in the order of looking.
#[derive(Debug, Default)]
struct Report(Vec<Finding>);

impl Report {
    fn ok(&mut self, about: &'static str, says: impl Display) {
        self.add(Verdict::Ok, about, &says);
    }

    fn warning(&mut self, about: &'static str, says: impl Display) {
        self.add(Verdict::Warning, about, &says);
    }

    fn error(&mut self, about: &'static str, says: impl Display) {
        self.add(Verdict::Error, about, &says);
    }

    fn add(&mut self, verdict: Verdict, about: &'static str, says: &dyn Display) {
        self.0.push(Finding { verdict, about, says: says.to_string() });
    }

    fn is_wrong(&self, about: &str) -> bool {
        self.0.iter().any(|finding| finding.about == about && finding.verdict == Verdict::Error)
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.0.iter().filter(|finding| finding.verdict == verdict).count()
    }
}
