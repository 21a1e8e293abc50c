//! "Ik heb een account": DigiD is tied to an account after its password and code (F9).

use serde::{Deserialize, Serialize};

use super::{AsksPassword, ByCode, ByPassword, Done, Login, Opening, Question};
use crate::domain::{
    ask::Ask,
    code::CodeFor,
    id::PersonId,
    proof::{Digid, Local, Proof},
    time::Timestamp,
};

/// "Ik heb een account": e-mail and password are asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Link {
    pub(super) digid: Proof<Digid>,
}

/// DigiD, password and code; the code is needed, because a password can be phished.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Linking {
    digid: Proof<Digid>,
    opening: Opening,
}

impl ByCode for Linking {
    const FOR: CodeFor = CodeFor::Link;
}

impl ByPassword for Linking {
    fn opening(&self) -> &Opening {
        &self.opening
    }
}

impl AsksPassword for Link {
    type Then = Linking;

    /// What would be linked to another account would stay there, whatever becomes of this login.
    const OWN: bool = true;

    /// Always: DigiD reaches the level that the portal asks, the password only shows whose the account is.
    fn takes_password(_: &Ask) -> bool {
        true
    }

    fn opens(self, opening: Opening) -> Linking {
        Linking { digid: self.digid, opening }
    }
}

impl Login<Link> {
    /// Back to the question; `None` where none was asked, because the login adds to the session of an account.
    pub fn back(self) -> Option<Login<Question>> {
        self.keeps.is_none().then(|| self.with(|link| Question { digid: link.digid }))
    }
}

/// A proof of DigiD and one of the account that this login may link it to. Nothing else links.
#[derive(Debug)]
pub struct Pair<'l> {
    local: Proof<Local>,
    digid: &'l Proof<Digid>,
}

impl Pair<'_> {
    /// What shows whose the account is.
    pub const fn local(&self) -> &Proof<Local> {
        &self.local
    }

    /// What DigiD said.
    pub const fn digid(&self) -> &Proof<Digid> {
        self.digid
    }
}

impl Login<Linking> {
    /// What is to be linked; `None` where the login adds to the session of another account than the one that was opened.
    pub fn pair(&self, now: Timestamp) -> Option<Pair<'_>> {
        let local = self.prove(now);
        let own = self.keeps.as_ref().is_none_or(|kept| *kept == local.of().opening.account);
        own.then_some(Pair { local, digid: &self.step.digid })
    }

    /// The store has linked the two: one proof of each is consumed.
    pub fn linked(self, local: Proof<Local>, person: PersonId) -> Login<Done> {
        self.proving(|linking| Done {
            opening: local.of().opening.clone(),
            person,
            digid: Some(linking.digid),
            local: Some(local),
            by_app: false,
        })
    }
}
