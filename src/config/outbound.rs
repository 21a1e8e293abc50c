//! `[outbound]`: what Namens may call on the word of a client's registration, beside public addresses with a certificate that
//! the system trusts. For a test set-up on one machine: an issuer that the world can reach has none of this.

use std::{net::IpAddr, path::PathBuf};

use serde::Deserialize;
use url::{Host, Url};

use super::BadConfig;
use crate::domain::{client::is_loopback, reach::Reach};

/// The most of each list.
const MOST: usize = 16;
/// Names that no public DNS has (RFC 6761, and ICANN's resolution of July 2024 on `.internal`).
const UNPUBLIC: [&str; 3] = [".localhost", ".test", ".internal"];

/// What is allowed beside the public internet.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outbound {
    /// Files with certificates (PEM) that are trusted beside those of the system.
    pub extra_roots: Vec<PathBuf>,
    /// Addresses of this machine or of a private network that may be called, those of this machine without TLS too.
    pub private_addresses: Vec<IpAddr>,
}

impl Outbound {
    /// Which addresses may be called.
    pub fn reach(&self) -> Reach {
        Reach::new(self.private_addresses.iter().copied())
    }

    /// Refuses the address at which `client` wants to hear of sessions that end, if it could never be called.
    pub fn check_notices(&self, client: &str, uri: Option<&str>) -> Result<(), BadConfig> {
        self.check_call(client, "backchannel_logout_uri", uri)
    }

    /// The same of the address at which `client` tells its keys.
    pub fn check_keys(&self, client: &str, uri: Option<&str>) -> Result<(), BadConfig> {
        self.check_call(client, "jwks_uri", uri)
    }

    fn check_call(&self, client: &str, name: &str, uri: Option<&str>) -> Result<(), BadConfig> {
        let Some(Ok(url)) = uri.map(Url::parse) else { return Ok(()) };
        self.reach().check(&url).map_err(|why| {
            BadConfig::value(format_args!("client {client}: {name} {url} cannot be called: {why}"))
        })
    }

    pub(super) fn check(&self, issuer: &Url) -> Result<(), BadConfig> {
        if self.extra_roots.len() > MOST || self.private_addresses.len() > MOST {
            return Err(BadConfig::value(format_args!("[outbound]: give at most {MOST} of each")));
        }
        let empty = self.extra_roots.is_empty() && self.private_addresses.is_empty();
        if empty || !is_public(issuer) {
            return Ok(());
        }
        Err(BadConfig::value(
            "[outbound]: this is for a test set-up. An issuer that the world can reach calls only public addresses with a \
             certificate that the system trusts: leave the section out",
        ))
    }
}

/// Whether an issuer is one for the world: not on this machine, at a private address, or of a name that no public DNS has.
fn is_public(issuer: &Url) -> bool {
    let ip = match issuer.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
        Some(Host::Domain(name)) => {
            return !is_loopback(issuer) && !UNPUBLIC.iter().any(|end| name.ends_with(end));
        }
        None => return true,
    };
    Reach::default().has(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_issuer_that_the_world_does_not_reach_may_call_private_addresses() {
        let private_addresses = vec!["127.0.0.1".parse().unwrap()];
        let some = Outbound { private_addresses, ..Outbound::default() };
        let roots = Outbound { extra_roots: vec!["ca.pem".into()], ..Outbound::default() };
        let check = |outbound: &Outbound, issuer: &str| outbound.check(&issuer.parse().unwrap()).is_ok();
        for private in [
            "http://127.0.0.1:8080",
            "https://localhost:8443",
            "https://10.0.0.1",
            "https://[::1]",
            "https://id.test",
            "https://host.docker.internal",
        ] {
            assert!(check(&some, private) && check(&roots, private), "{private}");
        }
        for public in
            ["https://id.example.nl", "https://1.1.1.1", "https://test", "https://localhost.example.nl"]
        {
            assert!(!check(&some, public) && !check(&roots, public), "{public}");
            assert!(check(&Outbound::default(), public), "{public}");
        }
        let many = Outbound { extra_roots: vec!["ca.pem".into(); MOST + 1], ..Outbound::default() };
        assert!(!check(&many, "https://id.test"));
    }
}
