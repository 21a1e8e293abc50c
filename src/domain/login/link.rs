//! "Ik heb een account": DigiD is tied to an account after its password and code (F9).

use serde::{Deserialize, Serialize};

use super::{AsksPassword, ByCode, ByPassword, Done, Login, Opening, Question};
use crate::domain::{
    ask::Ask,
    code::CodeFor,
    id::PersonId,
    proof::{Digid, Local, Proof},
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

    /// Always: DigiD reaches the level that the portal asks, the password only shows whose the account is.
    fn takes_password(_: &Ask) -> bool {
        true
    }

    fn opens(self, opening: Opening) -> Linking {
        Linking { digid: self.digid, opening }
    }
}

impl Login<Link> {
    /// Back to the question.
    pub fn back(self) -> Login<Question> {
        self.with(|link| Question { digid: link.digid })
    }
}

impl Login<Linking> {
    /// What DigiD said.
    pub fn digid(&self) -> &Proof<Digid> {
        &self.step.digid
    }

    /// The store has linked the two: one proof of each is consumed.
    pub fn linked(self, local: Proof<Local>, person: PersonId) -> Login<Done> {
        self.with(|linking| Done {
            opening: local.of().opening.clone(),
            person,
            digid: Some(linking.digid),
            local: Some(local),
            by_app: false,
        })
    }
}
