//! The user is in, and is asked for whom (M12).

use serde::{Deserialize, Serialize};

use super::{AsksConsent, Login, OfSession};
use crate::domain::id::PersonId;

/// For whom is asked of the owner of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsksForWhom(pub OfSession);

impl From<OfSession> for AsksForWhom {
    fn from(of: OfSession) -> Self {
        Self(of)
    }
}

impl AsRef<OfSession> for AsksForWhom {
    fn as_ref(&self) -> &OfSession {
        &self.0
    }
}

impl Login<AsksForWhom> {
    /// The same request, for whom the user chose.
    #[must_use]
    pub fn chose(mut self, person: PersonId) -> Self {
        self.ask.chosen = Some(person);
        self
    }

    /// The portal is somebody else's: what it may know is asked next.
    pub fn then_consent(self) -> Login<AsksConsent> {
        self.with(|step| AsksConsent(step.0))
    }
}
