//! The claims in ID tokens and `UserInfo` that openidconnect does not know.

use serde::{Deserialize, Serialize};

use super::{mandate::Relation, time::Timestamp};

/// One member of the claim `act_as`: someone the user may act for, now. The claim is always an array, `[]` for nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActAs {
    /// The person represented, as this client knows them.
    pub sub: String,
    /// The issuer to whom that `sub` belongs.
    pub iss: String,
    /// The mandate, under a name that this client alone knows it by.
    pub mandate: String,
    /// What the user is to that person; only for clients entitled to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<Relation>,
    /// When the client must ask again, in seconds since the epoch. Never a bare birthday: it says at most 15 minutes.
    pub recheck: Timestamp,
}

/// The claim `represents`: for whom the user logged in. `sub` stays the user, so that a client that knows nothing of
/// representation never takes the one for the other (NL GOV profile for OpenID Connect).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Represents {
    /// The person represented, as this client knows them.
    pub sub: String,
    /// The issuer to whom that `sub` belongs.
    pub iss: String,
}
