//! `[admin]`: the admin API below `/admin/v1`, for programs of the operator's. Without this section there is none.

use serde::Deserialize;

use super::{BadConfig, proxy::networks};
use crate::domain::proxy::Network;

/// The most networks.
const MOST: usize = 64;

/// Who may reach it at all. What a program may do there, its access token says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// From where it is called: everybody else finds nothing there.
    #[serde(deserialize_with = "networks")]
    pub from: Vec<Network>,
}

impl Admin {
    /// Whether it is there for this address.
    pub fn is_for(&self, ip: std::net::IpAddr) -> bool {
        self.from.iter().any(|network| network.has(ip))
    }

    pub(super) fn check(&self) -> Result<(), BadConfig> {
        if (1..=MOST).contains(&self.from.len()) {
            return Ok(());
        }
        Err(BadConfig::value(format_args!("[admin]: give 1 to {MOST} addresses or networks in `from`")))
    }
}
