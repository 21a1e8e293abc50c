//! `namens doctor`: looks at everything that must be in order, and says what to do about what is not.

mod checks;

use std::{io::Write, path::Path, process::ExitCode};

use clap::Args;
use serde_json::{Value, json};

use crate::domain::{
    fault::Fault,
    finding::{Finding, Report, Verdict},
    time::Timestamp,
};

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
        tell(&report, self.json, out)
    }
}

/// Writes what was found to `out`. Fails when something of it is an error.
pub(super) fn tell(report: &Report, json: bool, out: &mut impl Write) -> Result<ExitCode, Fault> {
    let count = |verdict| report.of(verdict).count();
    let errors = count(Verdict::Error);
    if json {
        writeln!(out, "{:#}", report.findings().map(as_json).collect::<Value>())?;
    } else {
        for finding in report.findings() {
            writeln!(out, "{:7}  {finding}", finding.verdict.name())?;
        }
        writeln!(out, "{errors} error(s), {} warning(s).", count(Verdict::Warning))?;
    }
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn as_json(finding: &Finding) -> Value {
    json!({ "verdict": finding.verdict.name(), "about": finding.about, "says": finding.says })
}
