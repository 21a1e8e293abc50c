//! `[tls]`: TLS by Namens itself, where no proxy does it. `[mtls]`: where clients show certificates (RFC 8705).

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Deserializer, de::Error as _};
use url::Url;

use super::{BadConfig, Config};
use crate::domain::client::{Client, ClientAuth};

/// What `listen` speaks TLS with. Both files are followed while the server runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate for the issuer's name, and behind it its intermediates (PEM).
    pub certificate: PathBuf,
    /// Its key (PEM), which only its owner can read.
    pub key: PathBuf,
}

/// Where clients may show a certificate. A listener of its own: a browser that is asked for one asks its user.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mtls {
    /// Where Namens itself listens and asks for one, with the certificate of `[tls]`; nowhere when left out.
    #[serde(default, deserialize_with = "address")]
    pub listen: Option<SocketAddr>,
    /// What clients call that listener, or that of the proxy: scheme, host and port (RFC 8705 section 5). The issuer when left out.
    #[serde(default, deserialize_with = "address_of")]
    pub url: Option<Url>,
    /// The authorities (PEM) under which certificates of `tls_client_auth` are good.
    pub ca: Option<PathBuf>,
}

impl Mtls {
    /// Where the endpoints are that take certificates, without a slash at the end; `None` where they are those of the issuer.
    pub fn base(&self) -> Option<&str> {
        self.url.as_ref().map(|url| url.as_str().trim_end_matches('/'))
    }
}

impl Config {
    /// The other address of an endpoint: there clients show certificates (RFC 8705 section 5).
    pub fn alias(&self, path: &str) -> Option<String> {
        Some(format!("{}{path}", self.mtls.as_ref()?.base()?))
    }

    /// Whether a client's certificate can come here at all.
    pub fn takes_certificates(&self) -> bool {
        let listens = self.mtls.as_ref().is_some_and(|mtls| mtls.listen.is_some());
        listens || self.proxy.as_ref().is_some_and(|proxy| proxy.client_certificate.is_some())
    }

    /// Refuses a client that must show a certificate, if none can come here or nobody vouches for any.
    pub fn check_certificate(&self, client: &Client) -> Result<(), BadConfig> {
        let id = &client.id;
        if client.shows_certificate() && !self.takes_certificates() {
            return Err(BadConfig::value(format_args!(
                "client {id}: it must show a certificate, and none can come here: give [mtls] `listen`, or client_certificate in \
                 [proxy]"
            )));
        }
        let trusts = self.mtls.as_ref().is_some_and(|mtls| mtls.ca.is_some());
        if client.auth == ClientAuth::TlsClientAuth && !trusts {
            return Err(BadConfig::value(format_args!(
                "client {id}: no authority is trusted for its certificate: name a file in `ca` of [mtls]"
            )));
        }
        Ok(())
    }

    pub(super) fn check_tls(&self) -> Result<(), BadConfig> {
        if self.tls.is_some() && !self.is_https() {
            return Err(BadConfig::value("[tls]: the issuer must be https"));
        }
        let Some(mtls) = &self.mtls else { return Ok(()) };
        if let Some(listen) = mtls.listen {
            let taken =
                listen == self.listen || self.metrics.as_ref().is_some_and(|other| other.listen == listen);
            if taken || self.tls.is_none() || mtls.url.is_none() {
                return Err(BadConfig::value(
                    "[mtls]: `listen` needs an address of its own, a section [tls], and in `url` what clients call it, such as \
                     https://mtls.id.example.nl",
                ));
            }
        }
        if !self.takes_certificates() {
            return Err(BadConfig::value(
                "[mtls]: no certificate can come here: give `listen`, or client_certificate in [proxy]",
            ));
        }
        Ok(())
    }
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    super::address(from).map(Some)
}

fn address_of<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
    let wrong = || D::Error::custom("give scheme and host only, such as https://mtls.id.example.nl");
    let url: Url = String::deserialize(from)?.parse().map_err(|_| wrong())?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.path() == "/";
    let https = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    if plain && https { Ok(Some(url)) } else { Err(wrong()) }
}
