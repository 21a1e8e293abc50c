//! Signing out: the session ends here, and with it every token that was given in it.

use super::single_logout;
use crate::{
    app::App,
    domain::{fault::Fault, proof::Digid, session::Session, time::Timestamp},
    store::audit::Event,
};

/// Ends a session and revokes what was granted in it. Gives what DigiD must be told of it: see [`single_logout`].
pub async fn sign_out(app: &App, session: &Session, now: Timestamp) -> Result<Option<Digid>, Fault> {
    let actor = Some(session.person.as_str());
    let event = Event { event: "logout", outcome: "ok", actor, ..Event::default() };
    let digid = app.store.end_session(&session.sid, &event, now).await?;
    Ok(digid.filter(|_| single_logout::is_on(app)))
}
