//! A forgotten password (F13): the code, DigiD where the account has it, and then a new password.

use serde::{Deserialize, Serialize};

use super::{ByCode, Choose, Coded, Login, MailedCode, Notice, Opening, Step};
use crate::domain::{
    code::{CodeFor, SentCode},
    email::Email,
};

/// The code of somebody who forgot a password was right. Without an account behind the address none ever is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recovering {
    opening: Option<Opening>,
}

/// The address is proven; DigiD is still to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecoverDigid {
    /// What to tell first.
    pub notice: Option<Notice>,
    pub(super) opening: Opening,
}

/// May choose a new password.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewPassword {
    pub(super) opening: Opening,
    pub(super) by_digid: bool,
    /// Whether a code of the account's app was right on the way here.
    #[serde(default)]
    pub(super) by_app: bool,
}

impl NewPassword {
    /// Once a code of the account's app is right.
    pub(super) const fn by_app(opening: Opening) -> Self {
        Self { opening, by_digid: false, by_app: true }
    }
}

impl ByCode for Recovering {
    const FOR: CodeFor = CodeFor::Recover;
}

impl Login<Choose> {
    /// "Wachtwoord vergeten?"
    pub fn forgot(self, to: Email, opening: Option<Opening>, code: SentCode) -> Login<Coded<Recovering>> {
        self.with(|_| Coded { mailed: MailedCode { to, code }, then: Recovering { opening } })
    }

    /// It was replaced: log in with it.
    #[must_use]
    pub fn password_changed(self) -> Self {
        self.with(|_| Choose { notice: Some(Notice::PasswordChanged) })
    }
}

impl Login<Recovering> {
    /// The account whose password is forgotten; none when the address has no account.
    pub fn opening(&self) -> Option<&Opening> {
        self.step.opening.as_ref()
    }

    /// The address is proven; go on by way of DigiD where the account has it. `None` without an account: no code of
    /// such a login is ever right.
    pub fn proven(self, has_digid: bool) -> Option<Login<Step>> {
        let opening = self.step.opening.clone()?;
        Some(self.proving(|_| {
            if has_digid {
                Step::RecoverDigid(RecoverDigid { notice: None, opening })
            } else {
                Step::NewPassword(NewPassword { opening, by_digid: false, by_app: false })
            }
        }))
    }
}

impl Login<NewPassword> {
    /// The account whose password may be replaced.
    pub fn opening(&self) -> &Opening {
        &self.step.opening
    }

    /// Whether what was shown on the way here suffices for an account that opens in these ways: neither DigiD nor an app is passed by.
    pub fn suffices(&self, has_digid: bool, has_app: bool) -> bool {
        self.step.by_digid || !has_digid && (self.step.by_app || !has_app)
    }

    /// It is about to be replaced, which may be done once.
    pub fn spent(self) -> Login<Choose> {
        self.with(|_| Choose::default())
    }
}
