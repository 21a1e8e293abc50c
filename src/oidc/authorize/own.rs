//! The request of a page of our own. It is whole, like a portal's: its redirect URI is that page, and errors go there too. No
//! client makes it, no client may make one like it, and no code ever answers it (`docs/adr/0039`).

use crate::domain::{
    ask::{Ask, Prompt},
    assurance::Level,
    own::{OWN_CLIENT, OwnPage},
};

/// A login for `page`, at `level` or more; a new one where `anew`.
pub fn own(issuer: &str, page: OwnPage, level: Level, anew: bool) -> Ask {
    let prompt = if anew { Prompt::Login } else { Prompt::Unset };
    Ask { level, prompt, ..Ask::blank(OWN_CLIENT.to_owned(), format!("{issuer}{page}")) }
}
