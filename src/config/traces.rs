//! `[traces]`: where each request is told to, for whoever wants to see where time goes.

use serde::{Deserialize, Deserializer, de::Error as _};
use url::Url;

use crate::domain::client::is_loopback;

/// A collector of OpenTelemetry.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// Its address for traces by OTLP over HTTP, such as `http://127.0.0.1:4318/v1/traces`.
    #[serde(deserialize_with = "endpoint")]
    pub endpoint: Url,
}

fn endpoint<'de, D: Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    let wrong = "give the whole address of the collector, https or of this machine, such as http://127.0.0.1:4318/v1/traces";
    let url: Url = String::deserialize(from)?.parse().map_err(|_| D::Error::custom(wrong))?;
    let fits = url.scheme() == "https" && url.has_host() || url.scheme() == "http" && is_loopback(&url);
    let plain = url.username().is_empty() && url.password().is_none();
    if fits && plain { Ok(url) } else { Err(D::Error::custom(wrong)) }
}
