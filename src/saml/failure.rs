//! Why a login with DigiD did not succeed, in words a page and an audit line can be chosen from.

use crate::lane::NotRun;

/// Why no [`Verified`](super::Verified) came out. Holds fixed phrases only, never a piece of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The person cancelled, or did not get through (`AuthnFailed`). Say "not logged in", offer a retry.
    #[error("the login at DigiD was cancelled or did not succeed")]
    Cancelled,
    /// DigiD could not reach the level we asked (`NoAuthnContext`), or asserted one below it. The login must
    /// end.
    #[error("the level of assurance is below the one required")]
    LevelTooLow,
    /// DigiD refuses the service or the request (`RequestDenied` and every other status): a set-up fault at
    /// either end.
    #[error("DigiD refuses our request; check the registration of this service with Logius: {0}")]
    ServiceRefused(&'static str),
    /// Nothing is to be had for the artifact: never issued, used before, or older than fifteen minutes.
    #[error("an artifact for which there is no answer: {0}")]
    ArtifactGone(&'static str),
    /// No SAML answer came from the back channel: refused connection, TLS, timeout, HTTP status, SOAP fault.
    #[error("no answer from DigiD's back channel: {0}")]
    Unreachable(&'static str),
    /// The artifact that the browser brought is none of our DigiD's. Nobody was asked about it.
    #[error("refused an artifact: {0}")]
    BadArtifact(&'static str),
    /// The answer is not what DigiD would send for this login. Investigate.
    #[error("refused what claims to come from DigiD: {0}")]
    Hostile(&'static str),
    /// More logins are waiting for their turn than we let wait. Try again in a moment.
    #[error("too many logins at once")]
    Busy,
    /// Our own side fails; the operator must look (see `namens doctor`).
    #[error("our own SAML set-up fails: {0}")]
    Broken(&'static str),
}

impl From<NotRun> for Failure {
    fn from(error: NotRun) -> Self {
        match error {
            NotRun::Busy => Self::Busy,
            NotRun::Lost => Self::Broken("panic in XML work"),
        }
    }
}

impl Failure {
    /// Every word of [`Self::audit_code`].
    pub const CODES: [&'static str; 9] = [
        "digid_cancelled",
        "digid_level_too_low",
        "digid_service_refused",
        "digid_artifact_unknown",
        "digid_unreachable",
        "digid_bad_artifact",
        "digid_hostile",
        "digid_busy",
        "digid_broken",
    ];

    /// The reason inside, for the audit log and the log beside it.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::ServiceRefused(reason)
            | Self::ArtifactGone(reason)
            | Self::Unreachable(reason)
            | Self::BadArtifact(reason)
            | Self::Hostile(reason)
            | Self::Broken(reason) => Some(reason),
            Self::Cancelled | Self::LevelTooLow | Self::Busy => None,
        }
    }

    /// The stable word for the audit log and for metrics.
    pub const fn audit_code(self) -> &'static str {
        match self {
            Self::Cancelled => "digid_cancelled",
            Self::LevelTooLow => "digid_level_too_low",
            Self::ServiceRefused(_) => "digid_service_refused",
            Self::ArtifactGone(_) => "digid_artifact_unknown",
            Self::Unreachable(_) => "digid_unreachable",
            Self::BadArtifact(_) => "digid_bad_artifact",
            Self::Hostile(_) => "digid_hostile",
            Self::Busy => "digid_busy",
            Self::Broken(_) => "digid_broken",
        }
    }
}
