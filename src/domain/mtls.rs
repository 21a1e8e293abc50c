//! Certificates that clients show, to prove who they are and to bind tokens to (RFC 8705).

use std::{
    fmt::{Display, Formatter},
    net::IpAddr,
    str::FromStr,
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// A certificate whose key the client has proven to hold, to us or to a proxy. Nothing else of it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// It (X.509, DER).
    pub der: Vec<u8>,
    /// Its intermediates, as far as they came along.
    pub chain: Vec<Vec<u8>>,
}

impl Certificate {
    /// `x5t#S256`: its SHA-256 in base64url (RFC 8705 section 3.1).
    pub fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, &self.der))
    }
}

/// The name that a client's certificate must have: exactly one (RFC 8705 section 2.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CertificateName {
    /// Its subject, as RFC 4514 writes it.
    SubjectDn(String),
    /// A host in its alternative names.
    SanDns(String),
    /// A URI there.
    SanUri(String),
    /// An IP address there.
    SanIp(IpAddr),
    /// An e-mail address there.
    SanEmail(String),
}

impl CertificateName {
    /// Which kind, and which.
    fn parts(&self) -> (&'static str, String) {
        match self {
            Self::SubjectDn(dn) => ("subject_dn", dn.clone()),
            Self::SanDns(name) => ("san_dns", name.clone()),
            Self::SanUri(uri) => ("san_uri", uri.clone()),
            Self::SanIp(ip) => ("san_ip", ip.to_string()),
            Self::SanEmail(email) => ("san_email", email.clone()),
        }
    }

    /// Whether it can be a name at all.
    pub fn is_whole(&self) -> bool {
        let (_, name) = self.parts();
        let plain = !name.chars().any(char::is_control);
        plain
            && match self {
                Self::SubjectDn(dn) => distinguished_name(dn).is_some(),
                _ => !name.trim().is_empty(),
            }
    }
}

impl Display for CertificateName {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let (kind, name) = self.parts();
        write!(f, "{kind}={name}")
    }
}

/// What names nothing of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("give one of subject_dn=…, san_dns=…, san_uri=…, san_ip=…, san_email=…")]
pub struct BadName;

impl FromStr for CertificateName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let (kind, name) = text.split_once('=').ok_or(BadName)?;
        let text = name.to_owned();
        Ok(match kind {
            "subject_dn" => Self::SubjectDn(text),
            "san_dns" => Self::SanDns(text),
            "san_uri" => Self::SanUri(text),
            "san_ip" => Self::SanIp(name.parse().map_err(|_| BadName)?),
            "san_email" => Self::SanEmail(text),
            _ => return Err(BadName),
        })
    }
}

/// The attributes of a name as RFC 4514 writes it, last first, so that they stand as in the certificate: each its type as written,
/// and its value. `None` for what is no such name, for values in hexadecimal, and for several attributes in one place (`+`), which
/// nobody needs.
pub fn distinguished_name(text: &str) -> Option<Vec<(String, String)>> {
    let mut attributes = Vec::new();
    let (mut bytes, mut value) = (text.bytes(), Vec::new());
    let mut kind: Option<String> = None;
    loop {
        let next = bytes.next();
        match (next, &kind) {
            (Some(b'\\'), Some(_)) => value.push(escaped(&mut bytes)?),
            (Some(b'='), None) => {
                kind = Some(String::from_utf8(std::mem::take(&mut value)).ok()?.trim().to_owned());
            }
            (Some(b'#'), Some(_)) if value.is_empty() => return None,
            (Some(b'+' | b'"' | b';' | b'<' | b'>'), _) | (Some(b'\\' | b',') | None, None) => {
                return None;
            }
            (Some(b',') | None, Some(_)) => {
                let value = String::from_utf8(std::mem::take(&mut value)).ok()?;
                let kind = kind.take().filter(|kind| !kind.is_empty() && !value.is_empty())?;
                attributes.push((kind, value));
                if next.is_none() {
                    break;
                }
            }
            (Some(byte), _) => value.push(byte),
        }
    }
    attributes.reverse();
    Some(attributes)
}

/// What stands behind a backslash: a character, or two hexadecimal digits (RFC 4514 section 2.4).
fn escaped(bytes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let first = bytes.next()?;
    match digit(first) {
        Some(high) => Some(high * 16 + digit(bytes.next()?)?),
        None => (first.is_ascii_punctuation() || first == b' ').then_some(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distinguished_name_is_read_as_rfc_4514_writes_it() {
        let read = |text: &str| {
            let read = distinguished_name(text)?;
            Some(
                read.into_iter().map(|(kind, value)| format!("{kind}:{value}")).collect::<Vec<_>>().join("|"),
            )
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("CN=Portal,O=De Linde,C=NL"), some("C:NL|O:De Linde|CN:Portal"));
        assert_eq!(read(r"CN=a\, b\=c,2.5.4.10=x=y"), some("2.5.4.10:x=y|CN:a, b=c"));
        assert_eq!(read(r"CN=Lu\C4\8Di\C4\87, C=NL"), some("C:NL|CN:Lučić"), "the example of section 4");
        assert_eq!(read("CN=é"), some("CN:é"));
        assert_eq!((read("CN=a#b"), read(r"CN=\ a")), (some("CN:a#b"), some("CN: a")));
        for bad in [
            "",
            "CN",
            "CN=",
            "=x",
            "CN=a,",
            ",CN=a",
            "CN=a,,O=b",
            "CN=a+O=b",
            "CN=#04",
            r"CN=\",
            r"CN=\C",
            r"CN=\x",
            "CN=\"a\"",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_is_written_as_it_is_read() {
        for text in
            ["subject_dn=CN=x,C=NL", "san_dns=a.nl", "san_uri=urn:x", "san_ip=::1", "san_email=a@b.nl"]
        {
            let name: CertificateName = text.parse().unwrap();
            assert!(name.is_whole() && name.to_string() == text, "{text}");
        }
        for bad in ["", "san_dns", "san_ip=x", "dns=a.nl"] {
            assert_eq!(bad.parse::<CertificateName>(), Err(BadName), "{bad}");
        }
        for bad in ["san_dns= ", "san_dns=a\0", "san_uri=urn:x\u{1b}[2J", "subject_dn=x", "subject_dn=CN=a\0"]
        {
            assert!(!bad.parse::<CertificateName>().unwrap().is_whole(), "{bad:?}");
        }
    }

    #[test]
    fn the_thumbprint_is_the_hash_of_the_whole_certificate() {
        let certificate = Certificate { der: b"abc".to_vec(), chain: vec![] };
        assert_eq!(certificate.thumbprint(), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    }
}
