//! What comes to the assertion consumer service and can be brought there again and again, because it ends nothing: an answer
//! forged, stolen or sent on (login CSRF), or only one that comes too late. It gets a line in the audit log, of which nobody
//! can make more than a bounded number.

use crate::{
    app::{App, knocks::Knock},
    domain::time::Timestamp,
    store::audit::Event,
};

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stray {
    /// It names no login of this browser.
    NoLogin,
    /// The login that it names is not at DigiD, or another request moved it first.
    Elsewhere,
    /// Its artifact was used before.
    Used,
    /// It is not one artifact and one RelayState.
    NoAnswer,
    /// It was not brought by GET: no answer of DigiD is posted to us.
    OtherMethod,
}

impl Stray {
    /// The stable word of the audit log.
    fn word(self) -> &'static str {
        match self {
            Self::NoLogin => "digid_no_login",
            Self::Elsewhere => "digid_elsewhere",
            Self::Used => "digid_artifact_used",
            Self::NoAnswer => "digid_no_answer",
            Self::OtherMethod => "digid_other_method",
        }
    }
}

/// Writes the line, as long as that is no flood; `client` is whom the login is for, if one was reached. What goes wrong with it
/// does not concern the browser.
pub async fn note(app: &App, stray: Stray, client: Option<&str>, now: Timestamp) {
    let knock = app.strays.count(now);
    if knock == Knock::Untold {
        return;
    }
    let (outcome, is_last) = (stray.word(), knock == Knock::LastTold);
    tracing::warn!(
        code = outcome,
        is_last,
        "what claims to be an answer of DigiD was for no login that waits for one; after the last of a minute no more are told"
    );
    let event = Event { event: "login.digid", outcome, client, ..Event::default() };
    if let Err(fault) = app.store.audit(&event, now).await {
        tracing::error!(%fault, "a line of the audit log could not be written");
    }
}
