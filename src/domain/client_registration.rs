//! Clients that register themselves (RFC 7591): what an invitation fixes for them, and what they may wish beside it.

use serde::{Deserialize, Serialize};

use super::{assurance::Level, key::Algorithm, policy::Policy, scope::Scopes, time::Timestamp};

/// What whoever shows an initial access token (RFC 7591 section 3) gets, and no more. The client chooses none of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// For whom it was made, for the operator.
    pub name: String,
    /// By which rules the clients live.
    pub policy: Policy,
    /// What they may ask for at most.
    pub scopes: Scopes,
    /// Their sector, [`super::client::Client::PUBLIC_SECTOR`] for public subjects; they choose where it is left out.
    pub sector: Option<String>,
    /// The level below which nobody logs in to them.
    pub minimum_level: Level,
    /// Whether they are somebody else's, so that users must agree to what they may know.
    pub third_party: bool,
}

/// An initial access token, without the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its name for the operator.
    pub id: String,
    /// What it fixes.
    pub terms: Terms,
    /// How many clients it is for.
    pub uses: i64,
    /// How many it has made.
    pub used: i64,
    /// From when it is worth nothing.
    pub ends: Timestamp,
}

impl Invitation {
    /// The most clients of one invitation.
    pub const MOST: i64 = 1000;
    /// The most days that one lives.
    pub const LONGEST: i64 = 366;

    /// Whether another client may be made by it.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.used < self.uses && now < self.ends
    }
}

/// What a client registered of its own requests: it makes them stricter, and never looser.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wishes {
    /// `default_max_age`, in seconds: where a request says none (OpenID Connect Registration, section 2).
    pub max_age: Option<i64>,
    /// `default_acr_values`: where a request says none (the same section).
    pub levels: Vec<Level>,
    /// `token_endpoint_auth_signing_alg`: no assertion signed otherwise proves who it is (the same section).
    pub assertion_alg: Option<Algorithm>,
    /// `request_object_signing_alg`: no request object signed otherwise is believed (the same section).
    pub request_object_alg: Option<Algorithm>,
    /// `dpop_bound_access_tokens`: no token without a proof (RFC 9449 section 5.2).
    pub dpop: bool,
    /// `require_pushed_authorization_requests` (RFC 9126 section 6).
    pub pushes: bool,
    /// `sector_identifier_uri`, as it was checked (OpenID Connect Core, section 8.1).
    pub sector_identifier_uri: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scope::Scope;

    #[test]
    fn an_invitation_is_open_until_it_is_used_up_or_over() {
        let terms = Terms {
            name: "Lab".into(),
            policy: Policy::Nlgov,
            scopes: [Scope::Openid].into(),
            sector: None,
            minimum_level: Level::Local,
            third_party: true,
        };
        let ends = Timestamp::from_epoch(100);
        let open = Invitation { id: "x".into(), terms, uses: 2, used: 1, ends };
        assert!(open.is_open(Timestamp::from_epoch(99)));
        assert!(!open.is_open(ends));
        assert!(!Invitation { used: 2, ..open }.is_open(Timestamp::from_epoch(99)));
    }
}
