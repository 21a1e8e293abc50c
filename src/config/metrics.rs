//! `[metrics]`: numbers for Prometheus, at an address of their own.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, de::Error as _};

/// Where the numbers are told. Nobody is asked who they are there: choose an address that only the operator's machines
/// reach.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Where to listen; never where people and portals come.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    let wrong = |_| D::Error::custom("give an IP address and a port, such as 127.0.0.1:9464");
    String::deserialize(from)?.parse().map_err(wrong)
}
