//! A login by e-mail and password, and what linking has in common with it: the password, and then the code.

use serde::{Deserialize, Serialize};

use super::{ByCode, Choose, Coded, Done, Login, MailedCode, Opening};
use crate::domain::{
    ask::Ask,
    code::{CodeFor, SentCode},
    email::Email,
    id::{AccountId, PersonId},
    proof::{Local, Proof},
    time::Timestamp,
};

/// A step at which e-mail and password are asked; the right ones lead to a mailed code.
pub trait AsksPassword {
    /// What that code proves.
    type Then: ByPassword;

    /// Whether a login that adds to the session of an account takes the password of that account only.
    const OWN: bool;

    /// Whether a password leads anywhere in a login for this request.
    fn takes_password(ask: &Ask) -> bool;

    /// The password of this account was right.
    fn opens(self, opening: Opening) -> Self::Then;
}

/// A state that is reached by the right password and the right code, and in no other way.
pub trait ByPassword: ByCode {
    /// Whose password.
    fn opening(&self) -> &Opening;
}

/// Password and code were right.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogIn {
    opening: Opening,
    /// Whether the code was one of the authenticator app.
    #[serde(default)]
    by_app: bool,
}

impl ByCode for LogIn {
    const FOR: CodeFor = CodeFor::LogIn;
}

impl ByPassword for LogIn {
    fn opening(&self) -> &Opening {
        &self.opening
    }
}

impl AsksPassword for Choose {
    type Then = LogIn;

    /// Who logs in as somebody else ends the session; nothing was changed by then.
    const OWN: bool = false;

    fn takes_password(ask: &Ask) -> bool {
        !ask.level.needs_digid()
    }

    fn opens(self, opening: Opening) -> LogIn {
        LogIn { opening, by_app: false }
    }
}

impl<S: AsksPassword> Login<S> {
    /// The account whose password is asked; `None`: that of any.
    pub fn only(&self) -> Option<&AccountId> {
        self.keeps.as_ref().filter(|_| S::OWN)
    }

    /// The password was right, and a code is on its way to the account's own address.
    pub fn opened(self, to: Email, opening: Opening, code: SentCode) -> Login<Coded<S::Then>> {
        self.proving(|step| Coded { mailed: MailedCode { to, code }, then: step.opens(opening) })
    }
}

impl<P: ByPassword> Login<P> {
    /// Password and code become a proof: the one place for an account that exists.
    pub fn prove(&self, now: Timestamp) -> Proof<Local> {
        Proof::of_password_and_code(self.step.opening().clone(), now)
    }
}

impl Login<LogIn> {
    /// The code was one of the authenticator app: neither mailed nor written down.
    #[must_use]
    pub fn by_app(self) -> Self {
        self.with(|step| LogIn { by_app: true, ..step })
    }

    /// In, as the proof says; the account is this person's.
    pub fn done(self, local: Proof<Local>, person: PersonId) -> Login<Done> {
        self.with(|step| Done {
            opening: local.of().opening.clone(),
            person,
            digid: None,
            local: Some(local),
            by_app: step.by_app,
        })
    }
}
