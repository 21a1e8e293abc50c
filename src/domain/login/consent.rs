//! The user is in, and is asked what a portal of somebody else may know.

use serde::{Deserialize, Serialize};

use super::{LIFE, Login};
use crate::domain::{
    ask::Ask,
    id::{AccountId, LoginId, SessionId},
    secret::Hashed,
    session::Session,
    time::Timestamp,
};

/// Asked of the owner of a session. What they answer counts for their account only, and only while that very session lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfSession {
    /// The session that is to answer the portal.
    pub sid: SessionId,
    /// Whose it is.
    pub account: AccountId,
}

/// What the portal may know is asked of the owner of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsksConsent(pub OfSession);

impl<S: From<OfSession>> Login<S> {
    /// A login that has nothing left to ask but this: `session` is all that the portal wanted.
    pub fn asking(ask: Ask, browser: Hashed, session: &Session, now: Timestamp) -> Self {
        let step = OfSession { sid: session.sid.clone(), account: session.account.clone() }.into();
        Self {
            id: LoginId::random(),
            ask,
            browser,
            ends: now.plus(LIFE),
            keeps: None,
            first: None,
            tie: None,
            fresh: None,
            step,
        }
    }
}

impl From<OfSession> for AsksConsent {
    fn from(of: OfSession) -> Self {
        Self(of)
    }
}

impl AsRef<OfSession> for AsksConsent {
    fn as_ref(&self) -> &OfSession {
        &self.0
    }
}

impl OfSession {
    /// Whether this is the session whose owner was asked.
    pub fn is_of(&self, session: &Session) -> bool {
        self.sid == session.sid && self.account == session.account
    }
}
