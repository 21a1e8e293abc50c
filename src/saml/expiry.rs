//! What the dates of certificates and metadata mean for the operator, said well before it is too late.

use super::succession::Turn;
use crate::domain::{finding::Report, time::Timestamp};

const ABOUT: &str = "certificates";

/// The first and the last moment of a certificate.
#[derive(Clone, Copy)]
pub(super) struct Dates {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

impl From<(Timestamp, Timestamp)> for Dates {
    fn from((not_before, not_after): (Timestamp, Timestamp)) -> Self {
        Self { not_before, not_after }
    }
}

/// What serves until `end`, and for which nothing is there to follow.
pub(super) fn ends(report: &mut Report, what: &str, end: Timestamp, now: Timestamp) {
    report.ends(ABOUT, what, end, now, "DigiD logins fail");
}

/// Certificates of ours, which take over from each other. What is over is not looked at.
pub(super) fn ours<'a>(
    report: &mut Report,
    what: &str,
    turns: impl Iterator<Item = Turn<'a, Dates>>,
    now: Timestamp,
) {
    for turn in turns.filter(|turn| turn.until.is_none_or(|until| now < until)) {
        let Dates { not_before, not_after } = *turn.of;
        let waits = turn.from.filter(|from| now < *from);
        let what = format!("{}{what} certificate", if waits.is_some() { "next " } else { "" });
        let (begins, ends_on) = (not_before.rfc3339(), not_after.rfc3339());
        match waits {
            Some(from) if from < not_before => report.error(
                ABOUT,
                format_args!(
                    "the {what} takes over on {}, and counts only from {begins}: set its `from` later",
                    from.rfc3339()
                ),
            ),
            Some(from) if not_after <= from => report.error(
                ABOUT,
                format_args!(
                    "the {what} ends on {ends_on}, before it takes over on {}: get one that lives longer, or set its `from` \
                     earlier",
                    from.rfc3339()
                ),
            ),
            Some(from) => report.ok(ABOUT, format_args!("the {what} takes over on {}", from.rfc3339())),
            None if now < not_before => report.error(
                ABOUT,
                format_args!(
                    "the {what} counts only from {begins}: use another until then, DigiD logins fail"
                ),
            ),
            None => {}
        }
        match turn.until {
            None => ends(report, &what, not_after, now),
            Some(until) if not_after < until => {
                let remedy =
                    format!("its successor takes over only on {}: set that `from` earlier", until.rfc3339());
                if not_after < now {
                    report.error(ABOUT, format_args!("the {what} ended on {ends_on}, and {remedy}"));
                } else {
                    report.warning(ABOUT, format_args!("the {what} ends on {ends_on}, and {remedy}"));
                }
            }
            Some(until) => {
                report.ok(ABOUT, format_args!("the {what} serves until {}", until.rfc3339()));
            }
        }
    }
}

/// DigiD's, which count all at once: it goes on until the last has ended, or the metadata that tells of them.
pub(super) fn digid(
    report: &mut Report,
    last: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    now: Timestamp,
) {
    if let Some(last) = last {
        ends(report, "DigiD signing certificate", last, now);
    }
    if let Some(end) = valid_until {
        ends(report, "validity of DigiD's metadata", end, now);
    }
}

/// The pinned ones, of which this is the last end. What was signed in time stays signed, so an end is no reason to refuse: it says that new metadata will
/// come with another.
pub(super) fn pinned(report: &mut Report, last: Option<Timestamp>, now: Timestamp) {
    if let Some(last) = last.filter(|last| *last < now) {
        report.warning(
            ABOUT,
            format_args!(
                "the certificate that DigiD's metadata is signed with ended on {}: ask Logius for the new one, and add \
                 it to the file of `metadata_certificate`",
                last.rfc3339()
            ),
        );
    }
}
