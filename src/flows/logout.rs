//! Signing out: the session ends here, and with it every token that was given in it.

use crate::{
    app::App,
    domain::{fault::Fault, session::Session, time::Timestamp},
    store::audit::Event,
};

/// Ends a session and revokes what was granted in it.
pub async fn sign_out(app: &App, session: &Session, now: Timestamp) -> Result<(), Fault> {
    app.store.end_session(&session.sid, now).await?;
    app.store.revoke_session_grants(&session.sid, now).await?;
    let actor = Some(session.person.as_str());
    app.store.audit(&Event { event: "logout", outcome: "ok", actor, ..Event::default() }, now).await
}
