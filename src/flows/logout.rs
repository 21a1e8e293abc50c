//! Signing out: the session ends here, and with it every token that was given in it.

use super::single_logout::{AtDigid, is_on};
use crate::{
    app::App,
    domain::{fault::Fault, secret::Secret, session::Session, time::Timestamp},
    store::audit::Event,
};

/// Ends the session, if there is one, of a browser that was sent to DigiD and came back with nothing that lets its user in:
/// whoever sits there now need not be who it belongs to. The line in the log is the same whatever the reason.
pub(super) async fn sign_out_unproven(
    app: &App,
    session: Option<&Session>,
    now: Timestamp,
) -> Result<(), Fault> {
    let Some(Session { sid, person, .. }) = session else { return Ok(()) };
    // Who did it is not known: that is why it ends.
    let represented = Some(person.as_str());
    let event = Event { event: "logout", outcome: "not_proven", represented, ..Event::default() };
    app.store.end_session(sid, &event, now).await
}

/// Ends a browser's session, if it has one, and revokes what was granted in it. Gives what is left at DigiD. Without a session
/// nothing ends: the browser's own cookie proves nobody (see [`super::single_logout`]).
pub async fn sign_out(
    app: &App,
    session: Option<&Session>,
    browser: Option<&Secret>,
    now: Timestamp,
) -> Result<AtDigid, Fault> {
    let browser = browser.map(Secret::hashed);
    let mut ended = Vec::new();
    if let Some(Session { sid, person, .. }) = session {
        let event =
            Event { event: "logout", outcome: "ok", actor: Some(person.as_str()), ..Event::default() };
        ended = app.store.end_sessions((sid, person), browser.as_ref(), &event, now).await?;
    }
    match &browser {
        _ if !is_on(app) => Ok(AtDigid::Nobody),
        Some(browser) => Ok(AtDigid::of(ended, app.store.digid_was_here(browser, now).await?)),
        None => Ok(AtDigid::of(ended, false)),
    }
}
