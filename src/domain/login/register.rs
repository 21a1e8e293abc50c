//! Making an account (F10), with DigiD's word or without.

use serde::{Deserialize, Serialize};

use super::{ByCode, Choose, Coded, Done, Login, MailedCode, Opening, Question, Step};
use crate::domain::{
    code::{CodeFor, SentCode},
    email::Email,
    id::PersonId,
    proof::{Digid, Proof},
    time::Timestamp,
};

/// Making an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Register {
    pub(super) digid: Option<Proof<Digid>>,
}

/// Address and password were chosen, and the code has proven the address.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Registering {
    digid: Option<Proof<Digid>>,
    /// The chosen password's hash; none when DigiD alone will open the account.
    pub password_hash: Option<String>,
}

impl ByCode for Registering {
    const FOR: CodeFor = CodeFor::Register;
}

impl Register {
    /// Whether DigiD opened this way, so that a password is optional.
    pub const fn has_digid(&self) -> bool {
        self.digid.is_some()
    }
}

impl Registering {
    pub(super) const fn has_digid(&self) -> bool {
        self.digid.is_some()
    }
}

impl Login<Choose> {
    /// Whether an account can be made here; not where the login adds to the session of one.
    pub const fn may_register(&self) -> bool {
        self.keeps.is_none()
    }

    /// "Nog geen account?" `None` where none can be made.
    pub fn to_register(self) -> Option<Login<Register>> {
        self.may_register().then(|| self.with(|_| Register { digid: None }))
    }
}

impl Login<Register> {
    /// Address and password are chosen, and a code is on its way. The code is hollow when the address has an account.
    pub fn mailed(
        self,
        to: Email,
        password_hash: Option<String>,
        code: SentCode,
    ) -> Login<Coded<Registering>> {
        self.with(|register| Coded {
            mailed: MailedCode { to, code },
            then: Registering { digid: register.digid, password_hash },
        })
    }

    /// Back to where it came from.
    pub fn back(self) -> Login<Step> {
        self.with(|register| match register.digid {
            Some(digid) => Step::Question(Question { digid }),
            None => Step::Choose(Choose::default()),
        })
    }
}

impl Login<Registering> {
    /// What DigiD said, if it was asked.
    pub fn digid(&self) -> Option<&Proof<Digid>> {
        self.step.digid.as_ref()
    }

    /// The store has made the account. With DigiD its word counts; otherwise the new password and the code.
    pub fn registered(self, opening: Opening, person: PersonId, now: Timestamp) -> Login<Done> {
        self.with(|new| {
            let local = match new.digid {
                Some(_) => None,
                None => Some(Proof::of_password_and_code(opening.clone(), now)),
            };
            Done { opening, person, digid: new.digid, local, by_app: false }
        })
    }
}
