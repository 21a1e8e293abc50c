//! A login by DigiD, up to the question that an unknown one gets.

use serde::{Deserialize, Serialize};

use super::{Choose, Done, Link, Login, NewPassword, Notice, Opening, RecoverDigid, Register};
use crate::domain::{
    ask::Ask,
    assurance::Level,
    id::PersonId,
    proof::{Digid, Proof},
    time::Timestamp,
};

/// How long a proof of DigiD waits for its owner to say whose account it opens, in seconds: as long as a session may idle.
const PATIENCE: i64 = 900;

/// A step from which DigiD is asked, and to which the login returns without an answer.
pub trait AsksDigid {
    /// The level that DigiD must vouch at, and whether it must ask the user again.
    fn wanted(ask: &Ask) -> (Level, bool);

    /// Back without an answer.
    #[must_use]
    fn returned(self, notice: Option<Notice>) -> Self;
}

/// Away to DigiD on behalf of step `P`: what DigiD proves serves that step and no other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtDigid<P> {
    /// What we asked.
    pub sent: SentRequest,
    from: P,
}

/// An `AuthnRequest` that waits for its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SentRequest {
    /// Its id, which the answer must name.
    pub id: String,
    /// When we asked.
    pub at: Timestamp,
    /// The level we asked for.
    pub required: Level,
    /// Whether DigiD had to ask the user again.
    pub forced: bool,
    /// Whether the user was to say for which child.
    pub representation: bool,
}

/// DigiD vouched for somebody we do not know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Question {
    pub(super) digid: Proof<Digid>,
}

impl AsksDigid for Choose {
    fn wanted(ask: &Ask) -> (Level, bool) {
        (ask.level.max(Level::Midden), ask.forces_login())
    }

    fn returned(self, notice: Option<Notice>) -> Self {
        Self { notice }
    }
}

impl AsksDigid for RecoverDigid {
    /// Whoever sits at somebody else's open DigiD session must not choose their password.
    fn wanted(_: &Ask) -> (Level, bool) {
        (Level::Midden, true)
    }

    fn returned(self, notice: Option<Notice>) -> Self {
        Self { notice, ..self }
    }
}

impl<P: AsksDigid> Login<P> {
    /// Off to DigiD.
    pub fn to_digid(self, sent: SentRequest) -> Login<AtDigid<P>> {
        self.with(|from| AtDigid { sent, from })
    }
}

impl<P: AsksDigid> Login<AtDigid<P>> {
    /// Back without an answer: by the browser's own button.
    pub fn back(self, notice: Option<Notice>) -> Login<P> {
        self.with(|at| at.from.returned(notice))
    }

    /// Back with an answer that proves nobody. The browser's session ends with it, so there is none to be worth more.
    pub fn unproven(self, notice: Option<Notice>) -> Login<P> {
        Login { keeps: None, first: None, ..self.back(notice) }
    }
}

impl Login<AtDigid<Choose>> {
    /// DigiD vouched for the owner of this account.
    pub fn known(self, digid: Proof<Digid>, opening: Opening, person: PersonId) -> Login<Done> {
        self.proving(|_| Done { opening, person, digid: Some(digid), local: None, by_app: false })
    }

    /// DigiD vouched for somebody we do not know.
    ///
    /// Their proof waits in this browser for whoever answers, so it does not wait long: somebody may have walked away from
    /// a shared computer.
    ///
    /// Who adds to the session of an account has one: they are not asked, and it is that one that is linked.
    pub fn unknown(mut self, digid: Proof<Digid>, now: Timestamp) -> Unknown {
        self.ends = self.ends.min(now.plus(PATIENCE));
        if self.keeps.is_some() {
            Unknown::HasAccount(self.proving(|_| Link { digid }))
        } else {
            Unknown::Asked(self.proving(|_| Question { digid }))
        }
    }
}

/// What becomes of a login by a DigiD that we do not know.
#[derive(Debug)]
pub enum Unknown {
    /// "Heeft u al een account?"
    Asked(Login<Question>),
    /// They have: the one to whose session this login adds.
    HasAccount(Login<Link>),
}

#[cfg(test)]
impl Unknown {
    /// The question.
    ///
    /// # Panics
    ///
    /// Where none is asked.
    pub fn asked(self) -> Login<Question> {
        let Self::Asked(login) = self else { panic!("whose session it adds to has an account") };
        login
    }
}

impl Login<AtDigid<RecoverDigid>> {
    /// The account whose password is forgotten.
    pub fn opening(&self) -> &Opening {
        &self.step.from.opening
    }

    /// DigiD vouched for its owner.
    pub fn recovered(self) -> Login<NewPassword> {
        self.proving(|at| NewPassword { opening: at.from.opening, by_digid: true, by_app: false })
    }
}

impl Login<Question> {
    /// "Ik heb een account".
    pub fn has_account(self) -> Login<Link> {
        self.with(|question| Link { digid: question.digid })
    }

    /// "Ik heb nog geen account".
    pub fn has_none(self) -> Login<Register> {
        self.with(|question| Register { digid: Some(question.digid) })
    }
}
