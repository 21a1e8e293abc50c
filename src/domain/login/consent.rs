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
pub struct AsksConsent {
    /// The session that is to answer the portal.
    pub sid: SessionId,
    /// Whose it is.
    pub account: AccountId,
}

impl Login<AsksConsent> {
    /// A login that has nothing left to ask but this: `session` is all that the portal wanted.
    pub fn asking(ask: Ask, browser: Hashed, session: &Session, now: Timestamp) -> Self {
        let step = AsksConsent { sid: session.sid.clone(), account: session.account.clone() };
        Self { id: LoginId::random(), ask, browser, ends: now.plus(LIFE), keeps: None, step }
    }
}

impl AsksConsent {
    /// Whether this is the session whose owner was asked.
    pub fn is_of(&self, session: &Session) -> bool {
        self.sid == session.sid && self.account == session.account
    }
}
