//! What was looked at, how it is, and what to do about it: the words of `namens doctor` and of the log.

use std::fmt::{Display, Formatter};

use super::{calendar::DAY, time::Timestamp};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// In order.
    Ok,
    /// Works now, and will not for ever or not for everybody.
    Warning,
    /// Does not work.
    Error,
}

impl Verdict {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub verdict: Verdict,
    /// What was looked at.
    pub about: &'static str,
    /// How it is, and what to do.
    pub says: String,
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.about, self.says)
    }
}

/// What serves for a time only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Of which kind: one of a few words.
    pub what: &'static str,
    /// Which of that kind: a key's name, a certificate's subject, an entity id.
    pub name: String,
    /// The certificate's serial number in hexadecimal digits; empty for what is none.
    pub serial: String,
    /// Its last moment.
    pub at: Timestamp,
}

/// What was found, in the order of looking.
#[derive(Debug, Default)]
pub struct Report(Vec<Finding>);

impl Report {
    /// Adds what is in order.
    pub fn ok(&mut self, about: &'static str, says: impl Display) {
        self.add(Verdict::Ok, about, &says);
    }

    /// Adds what will not work for ever or for everybody.
    pub fn warning(&mut self, about: &'static str, says: impl Display) {
        self.add(Verdict::Warning, about, &says);
    }

    /// Adds what does not work.
    pub fn error(&mut self, about: &'static str, says: impl Display) {
        self.add(Verdict::Error, about, &says);
    }

    /// Adds what serves until `end`, and for which nothing is there to follow: warned of 90, 30 and 7 days ahead. `lost` is what
    /// its end means.
    pub fn ends(&mut self, about: &'static str, what: &str, end: Timestamp, now: Timestamp, lost: &str) {
        let on = end.rfc3339();
        let days = end.since(now).div_euclid(DAY);
        let says = format!("the {what} ends in {days} days, on {on}");
        match days {
            ..0 => self.error(about, format_args!("the {what} ended on {on}: replace it now, {lost}")),
            0..=7 => self.warning(about, format_args!("{says}: replace it this week")),
            8..=30 => self.warning(about, format_args!("{says}: replace it this month")),
            31..=90 => self.warning(about, format_args!("{says}: order the next one")),
            _ => self.ok(about, says),
        }
    }

    fn add(&mut self, verdict: Verdict, about: &'static str, says: &dyn Display) {
        self.0.push(Finding { verdict, about, says: says.to_string() });
    }

    /// Everything that was found.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    /// Whether something about it does not work.
    pub fn is_wrong(&self, about: &str) -> bool {
        self.of(Verdict::Error).any(|finding| finding.about == about)
    }

    /// What was found of one kind.
    pub fn of(&self, verdict: Verdict) -> impl Iterator<Item = &Finding> {
        self.0.iter().filter(move |finding| finding.verdict == verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_keeps_what_was_found_in_order_and_tells_what_is_wrong() {
        let mut report = Report::default();
        report.ok("store", "answers");
        report.warning("mail", "goes to a folder");
        report.error("DigiD", "gives no metadata");
        let told: Vec<_> = report.findings().map(|f| format!("{} {f}", f.verdict.name())).collect();
        assert_eq!(
            told,
            ["ok store: answers", "warning mail: goes to a folder", "error DigiD: gives no metadata"]
        );
        assert_eq!(["store", "mail", "DigiD"].map(|about| report.is_wrong(about)), [false, false, true]);
        let warned: Vec<_> = report.of(Verdict::Warning).map(|finding| finding.about).collect();
        assert_eq!(warned, ["mail"]);
    }

    #[test]
    fn an_end_is_told_more_urgently_the_nearer_it_is() {
        let now = Timestamp::from_epoch(1_000_000_000);
        let told = |seconds: i64| {
            let mut report = Report::default();
            report.ends("key", "key", now.plus(seconds), now, "nobody can log in");
            let [finding] = &report.0[..] else { panic!("{report:?}") };
            (finding.verdict, finding.says.rsplit_once(": ").map(|(_, what)| what.to_owned()))
        };
        let says = |what: &str| Some(what.to_owned());
        for over in [-1, -DAY] {
            assert_eq!(told(over), (Verdict::Error, says("replace it now, nobody can log in")), "{over}");
        }
        for (first, last, verdict, what) in [
            (0, 7, Verdict::Warning, says("replace it this week")),
            (8, 30, Verdict::Warning, says("replace it this month")),
            (31, 90, Verdict::Warning, says("order the next one")),
            (91, 400, Verdict::Ok, None),
        ] {
            let (earliest, latest) = (first * DAY, last * DAY + DAY - 1);
            assert_eq!(told(earliest), (verdict, what.clone()), "{first} days");
            assert_eq!(told(latest), (verdict, what), "{last} days");
        }
    }
}
