//! `[proxy]`: the proxies in front of Namens, and what is believed of what they say. Without this section nobody is believed.

use serde::{Deserialize, Deserializer, de::Error as _};

use super::BadConfig;
use crate::domain::proxy::{AddressHeader, Network};

/// The most networks.
const MOST: usize = 64;

/// Who they are, and in which headers they speak. Each must remove what clients send under those names, and the last must write
/// them anew.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// Their addresses.
    #[serde(deserialize_with = "networks")]
    pub from: Vec<Network>,
    /// The header with the address of the client: `x-forwarded-for` or `forwarded`.
    #[serde(default, deserialize_with = "address_header")]
    pub client_address: AddressHeader,
    /// The header with the certificate that the client showed to the proxy; none when left out.
    pub client_certificate: Option<CertificateHeader>,
}

/// In which header a proxy tells the certificate of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum CertificateHeader {
    /// `Client-Cert`, and its intermediates in `Client-Cert-Chain`: DER in base64 between colons (RFC 9440 section 2).
    #[serde(rename = "client-cert")]
    ClientCert,
    /// `X-SSL-Client-Cert`: PEM, escaped as in an address.
    #[serde(rename = "x-ssl-client-cert")]
    XSslClientCert,
}

impl Proxy {
    /// Whether one of them has this address.
    pub fn is(&self, ip: std::net::IpAddr) -> bool {
        self.from.iter().any(|network| network.has(ip))
    }

    pub(super) fn check(&self) -> Result<(), BadConfig> {
        if (1..=MOST).contains(&self.from.len()) {
            return Ok(());
        }
        Err(BadConfig::value(format_args!("[proxy]: give 1 to {MOST} addresses or networks in `from`")))
    }
}

pub(super) fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Network>, D::Error> {
    let words = Vec::<String>::deserialize(from)?;
    words.iter().map(|word| word.parse().map_err(D::Error::custom)).collect()
}

fn address_header<'de, D: Deserializer<'de>>(from: D) -> Result<AddressHeader, D::Error> {
    let word = String::deserialize(from)?;
    let all = [AddressHeader::XForwardedFor, AddressHeader::Forwarded];
    let found = all.into_iter().find(|header| word.eq_ignore_ascii_case(header.name()));
    found.ok_or_else(|| D::Error::custom("give x-forwarded-for or forwarded"))
}
