//! A tiny browser and its storyteller: what a person would do, done by a program that prints each hop.
//!
//! | file | what it is |
//! |---|---|
//! | [`browser`] | cookies, one hop at a time; opens, clicks, presses |
//! | [`page`] | what is on a page: forms, buttons, links, texts |
//! | [`tell`] | one line a hop, without codes, tokens or BSNs |
//! | [`post`] | reads the code from the mailbox |
//! | [`jwks`] | verifies an ID token a second time, with OpenSSL |

use std::io;

pub mod browser;
pub mod jwks;
pub mod page;
pub mod post;
pub mod tell;

/// Why a walk stopped. One plain sentence; it holds no code, token or BSN.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// A hop led elsewhere than it should, or a check failed after it.
    #[error("stopped at hop {number}, {hop}: expected {expected}, but {found}")]
    Differs {
        /// Which hop.
        number: u32,
        /// What was asked, and what was answered.
        hop: String,
        /// What should have come of it.
        expected: String,
        /// What came of it.
        found: String,
    },
    /// A server did not answer.
    #[error("stopped: {what}: {error}")]
    Http {
        /// What was asked.
        what: String,
        /// What the client says.
        error: reqwest::Error,
    },
    /// The story could not be written down.
    #[error("the story cannot be written: {0}")]
    Write(#[from] io::Error),
}
