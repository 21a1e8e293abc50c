//! The keys of a client: registered with it, or told at an address of its own, and never both (OpenID Connect Registration,
//! section 2).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Why;
use crate::domain::jwk::JwkSet;

/// Where its keys are. In the database it is two members, `jwks` and `jwks_uri`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Members", into = "Members")]
pub enum Keys {
    /// It has none.
    #[default]
    None,
    /// Here.
    Registered(JwkSet),
    /// At its address.
    At {
        /// The address.
        uri: String,
        /// What it tells, as far as that was asked: it is never kept with the client.
        told: Option<Arc<JwkSet>>,
    },
}

/// As it is registered and kept.
#[derive(Serialize, Deserialize)]
struct Members {
    #[serde(default)]
    jwks: Option<JwkSet>,
    #[serde(default)]
    jwks_uri: Option<String>,
}

impl Keys {
    /// Those of a registration.
    ///
    /// Errors: two sets, which could contradict each other.
    pub fn of(jwks: Option<JwkSet>, jwks_uri: Option<String>) -> Result<Self, Why> {
        match (jwks, jwks_uri) {
            (None, None) => Ok(Self::None),
            (Some(set), None) => Ok(Self::Registered(set)),
            (None, Some(uri)) => Ok(Self::At { uri, told: None }),
            (Some(_), Some(_)) => Err(Why::TwoKeySets),
        }
    }

    /// `jwks`.
    pub const fn registered(&self) -> Option<&JwkSet> {
        match self {
            Self::Registered(set) => Some(set),
            Self::None | Self::At { .. } => None,
        }
    }

    /// `jwks_uri`.
    pub fn uri(&self) -> Option<&str> {
        match self {
            Self::At { uri, .. } => Some(uri),
            Self::None | Self::Registered(_) => None,
        }
    }

    /// Those that can be used now.
    pub fn known(&self) -> Option<&JwkSet> {
        match self {
            Self::None => None,
            Self::Registered(set) => Some(set),
            Self::At { told, .. } => told.as_deref(),
        }
    }
}

impl TryFrom<Members> for Keys {
    type Error = Why;

    fn try_from(members: Members) -> Result<Self, Why> {
        Self::of(members.jwks, members.jwks_uri)
    }
}

impl From<Keys> for Members {
    fn from(keys: Keys) -> Self {
        let (jwks, jwks_uri) = match keys {
            Keys::None => (None, None),
            Keys::Registered(set) => (Some(set), None),
            Keys::At { uri, .. } => (None, Some(uri)),
        };
        Self { jwks, jwks_uri }
    }
}
