//! Choosing a way in.

use askama::Template;

use super::page::{self, Frame};
use crate::domain::login::Notice;

/// The first page of a login: "Inloggen bij {zorgverlener}".
#[derive(Template)]
#[template(path = "choose.html")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a way that is offered or not, whatever the others are"
)]
pub struct ChoosePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Whether DigiD is contracted.
    pub digid_available: bool,
    /// Whether a parent can say at DigiD for which child they log in.
    pub child_available: bool,
    /// Whether the portal takes e-mail and password.
    pub local_allowed: bool,
    /// Whether an account can be made, where it does.
    pub may_register: bool,
    /// What to tell first.
    pub notice: Option<Notice>,
}

page::rendered!(ChoosePage);
