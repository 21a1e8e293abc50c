//! `[metrics]`: numbers for Prometheus, at an address of their own.

use std::net::SocketAddr;

use serde::Deserialize;

/// Where the numbers are told. Nobody is asked who they are there: choose an address that only the operator's machines
/// reach.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Where to listen; never where people and portals come.
    #[serde(deserialize_with = "super::address")]
    pub listen: SocketAddr,
}
