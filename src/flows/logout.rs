//! Signing out: the session ends here, and with it every token that was given in it.

use super::single_logout::{self, StillIn};
use crate::{
    app::App,
    domain::{fault::Fault, secret::Secret, session::Session, time::Timestamp},
    store::audit::Event,
};

/// Ends a browser's session, if it has one, and revokes what was granted in it. Gives what DigiD must be told, of earlier
/// sessions in this browser too: see [`single_logout`].
pub async fn sign_out(
    app: &App,
    session: Option<&Session>,
    browser: Option<&Secret>,
    now: Timestamp,
) -> Result<Option<StillIn>, Fault> {
    let actor = session.map(|session| session.person.as_str());
    let event = Event { event: "logout", outcome: "ok", actor, ..Event::default() };
    let (sid, browser) = (session.map(|session| &session.sid), browser.map(Secret::hashed));
    let opened = app.store.end_sessions(sid, browser.as_ref(), &event, now).await?;
    Ok(StillIn::of(opened).filter(|_| single_logout::is_on(app)))
}
