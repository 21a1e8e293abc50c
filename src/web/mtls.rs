//! The certificate that a client shows (RFC 8705): to us in the handshake, or to a proxy of the operator's, which tells it in a
//! header. What anybody else writes into that header is not read (A24).

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use openssl::x509::X509;

use super::proxy;
use crate::{app::App, config::CertificateHeader, domain::mtls::Certificate};

/// The most intermediates that are read.
const MAX_CHAIN: usize = 8;

/// Who is at the other end, with the certificate if there is one: the client has proven that it holds its key, and nothing else
/// is checked.
pub struct Peer {
    certificate: Option<Arc<Certificate>>,
    from: Option<IpAddr>,
}

impl Peer {
    /// It.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_deref()
    }

    /// The address of who shows it, or none; `None` where nobody says.
    pub fn from(&self) -> Option<IpAddr> {
        self.from
    }
}

impl FromRequestParts<Arc<App>> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let from = proxy::address(app, parts);
        if let Some(certificate) = parts.extensions.get() {
            return Ok(Self { certificate: Some(Arc::clone(certificate)), from });
        }
        let header = proxy::brought_by(app, parts).and_then(|proxy| proxy.client_certificate);
        let certificate = header.and_then(|header| read(header, &parts.headers)).map(Arc::new);
        Ok(Self { certificate, from })
    }
}

/// Reads it from the proxy's header. Two of them are none: one must be a stranger's.
fn read(header: CertificateHeader, headers: &HeaderMap) -> Option<Certificate> {
    match header {
        CertificateHeader::ClientCert => {
            let der = byte_sequence(one(headers, "client-cert")?)?;
            let chain = one(headers, "client-cert-chain").unwrap_or_default();
            let chain = chain.split(',').take(MAX_CHAIN).filter_map(byte_sequence).collect();
            Some(Certificate { der, chain })
        }
        CertificateHeader::XSslClientCert => {
            let pem = unescaped(one(headers, "x-ssl-client-cert")?)?;
            let der = X509::from_pem(&pem).ok()?.to_der().ok()?;
            Some(Certificate { der, chain: Vec::new() })
        }
    }
}

fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(one), None) => one.to_str().ok().filter(|text| !text.trim().is_empty()),
        _ => None,
    }
}

/// `:base64:` (RFC 9651 section 3.3.5).
fn byte_sequence(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.trim().strip_prefix(':')?.strip_suffix(':')?).ok()
}

/// Percent-encoded bytes (RFC 3986 section 2.1). A plus sign stays one: base64 has it.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut plain = Vec::with_capacity(text.len());
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    while let Some(byte) = bytes.next() {
        plain.push(if byte == b'%' { digit(bytes.next()?)? * 16 + digit(bytes.next()?)? } else { byte });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_once_and_whole_is_read() {
        let told = |lines: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, value.parse().unwrap());
            }
            read(CertificateHeader::ClientCert, &headers)
        };
        let good = Certificate { der: b"leaf".to_vec(), chain: vec![] };
        assert_eq!(told(&[("client-cert", ":bGVhZg==:")]), Some(good.clone()));
        let chain = vec![b"leaf".to_vec(), b"leaf".to_vec()];
        assert_eq!(
            told(&[("client-cert", ":bGVhZg==:"), ("client-cert-chain", ":bGVhZg==:, :bGVhZg==:")]),
            Some(Certificate { chain, ..good })
        );
        for bad in ["", "bGVhZg==", ":bGVhZg==", ":!:", ":bGVhZg=="] {
            assert_eq!(told(&[("client-cert", bad)]), None, "{bad}");
        }
        assert_eq!(told(&[("client-cert", ":bGVhZg==:"), ("client-cert", ":bGVhZg==:")]), None);
        assert_eq!(told(&[("x-ssl-client-cert", ":bGVhZg==:")]), None, "the other header");
        assert_eq!(unescaped("a%2Bb+c%0A").as_deref(), Some(&b"a+b+c\n"[..]));
        assert!(unescaped("%").is_none() && unescaped("%4").is_none() && unescaped("%xx").is_none());
    }
}
