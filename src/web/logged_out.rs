//! The pages at the end of signing out.

use askama::Template;

use super::page::{self, Frame};

/// What can be done that signs out, as the keys of messages.
const DONE: [&str; 5] = ["left-email", "left-erased", "left-merged", "left-password", "left-unlinked"];

/// The key that was kept while the browser was at DigiD; `None` of what is none any more.
pub(super) fn done(kept: &str) -> Option<&'static str> {
    DONE.into_iter().find(|key| *key == kept)
}

/// "U bent uitgelogd."
#[derive(Template)]
#[template(path = "logged_out.html")]
pub struct LoggedOutPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What was done that signs out, as the key of a message.
    pub done: Option<&'static str>,
}

/// "U bent hier uitgelogd, maar misschien nog niet overal."
#[derive(Template)]
#[template(path = "partly_logged_out.html")]
pub struct PartlyLoggedOutPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What was done that signs out, as the key of a message.
    pub done: Option<&'static str>,
    /// Where the portal wants the browser now: an address that it registered.
    pub back: Option<String>,
}

page::rendered!(LoggedOutPage);
page::rendered!(PartlyLoggedOutPage);
