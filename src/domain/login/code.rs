//! A login that waits for a mailed code.

use serde::{Deserialize, Serialize};

use super::{Login, Step};
use crate::domain::{
    code::{CodeFor, SentCode, WrongCode},
    email::Email,
    time::Timestamp,
};

/// What a login becomes by the right code.
pub trait ByCode {
    /// What that code is for.
    const FOR: CodeFor;
}

/// A code was mailed; when it comes back the login goes on as `P`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Coded<P> {
    /// The code, and where it went.
    pub mailed: MailedCode,
    /// What the code proves.
    pub(super) then: P,
}

/// A code, and where it went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MailedCode {
    /// Where.
    pub to: Email,
    /// The code.
    pub code: SentCode,
}

/// What came of a try of the code.
#[derive(Debug)]
pub enum Tried<P> {
    /// Right: the login goes on as what the code was to prove.
    Right(Login<P>),
    /// Not right, or too late: keep this, and say why.
    Wrong(Login<Coded<P>>, WrongCode),
}

impl<P> Login<Coded<P>> {
    /// Tries a code by its keyed hash.
    pub fn attempt(mut self, offered: &[u8], now: Timestamp) -> Tried<P> {
        match self.step.mailed.code.attempt(offered, now) {
            Ok(()) => Tried::Right(self.with(|coded| coded.then)),
            Err(wrong) => Tried::Wrong(self, wrong),
        }
    }
}

impl Step {
    /// The code that this step waits for, and what it is for; none for a step that waits for something else.
    pub fn mailed(&self) -> Option<(CodeFor, &MailedCode)> {
        match self {
            Self::CodeSent(step) => Some(step.parts()),
            Self::LinkCode(step) => Some(step.parts()),
            Self::RegisterCode(step) => Some(step.parts()),
            Self::RecoverCode(step) => Some(step.parts()),
            _ => None,
        }
    }

    /// Puts a newer code in the place of the older one.
    pub fn replace_code(&mut self, newer: SentCode) {
        let mailed = match self {
            Self::CodeSent(step) => &mut step.mailed,
            Self::LinkCode(step) => &mut step.mailed,
            Self::RegisterCode(step) => &mut step.mailed,
            Self::RecoverCode(step) => &mut step.mailed,
            _ => return,
        };
        mailed.code = newer;
    }
}

impl<P: ByCode> Coded<P> {
    fn parts(&self) -> (CodeFor, &MailedCode) {
        (P::FOR, &self.mailed)
    }
}
