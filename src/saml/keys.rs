//! Keys and certificates from PEM, checked before first use.

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, PKeyRef, Private, Public};
use openssl::x509::{X509, X509Ref};
use zeroize::Zeroizing;

use super::expiry::Dates;
use super::settings::{Given, Pem, SettingsError};
use crate::domain::time::Timestamp;

/// The shortest RSA key that NCSC's TLS guidelines and Logius accept.
const RSA_BITS: u32 = 2048;

/// An RSA key and the certificate it belongs to.
pub(super) struct KeyPair {
    key: PKey<Private>,
    key_der: Zeroizing<Vec<u8>>,
    certificate: X509,
    dates: Dates,
}

impl KeyPair {
    /// Reads both and checks that they belong together.
    pub(super) fn from_pem(pem: &Pem) -> Result<Self, SettingsError> {
        let no_key = |_| no_key(&pem.key);
        // Without a callback OpenSSL would ask for a pass phrase at the terminal.
        let key = PKey::private_key_from_pem_callback(pem.key.text.as_bytes(), |_| Ok(0)).map_err(no_key)?;
        let chain = X509::stack_from_pem(pem.certificate.text.as_bytes()).unwrap_or_default();
        let certificate = chain.into_iter().next().ok_or_else(|| no_certificate(&pem.certificate))?;
        let public = certificate.public_key().map_err(|_| no_certificate(&pem.certificate))?;
        if key.id() != Id::RSA || key.bits() < RSA_BITS {
            return Err(SettingsError::Weak { at: pem.key.at.clone() });
        }
        if !public.public_eq(&key) {
            let (key, certificate) = (pem.key.at.clone(), pem.certificate.at.clone());
            return Err(SettingsError::Mismatch { key, certificate });
        }
        let key_der = key.private_key_to_der().map_err(no_key)?;
        let dates = dates(&certificate).map(Dates::from).ok_or_else(|| no_certificate(&pem.certificate))?;
        Ok(Self { key, key_der: Zeroizing::new(key_der), certificate, dates })
    }

    pub(super) fn key(&self) -> &PKeyRef<Private> {
        &self.key
    }

    pub(super) fn key_der(&self) -> &[u8] {
        &self.key_der
    }

    pub(super) fn certificate(&self) -> &X509Ref {
        &self.certificate
    }

    pub(super) fn dates(&self) -> Dates {
        self.dates
    }
}

fn no_key(given: &Given) -> SettingsError {
    let at = given.at.clone();
    if given.holds("CERTIFICATE") && !given.holds("PRIVATE KEY") {
        SettingsError::MixedUp { at, found: "certificate", wanted: "private key" }
    } else {
        SettingsError::Key { at }
    }
}

fn no_certificate(given: &Given) -> SettingsError {
    let at = given.at.clone();
    if given.holds("PRIVATE KEY") && !given.holds("CERTIFICATE") {
        SettingsError::MixedUp { at, found: "private key", wanted: "certificate" }
    } else {
        SettingsError::Certificate { at }
    }
}

/// A certificate DigiD may sign with, and while it may.
pub(super) struct TrustedCertificate {
    pub(super) der: Vec<u8>,
    pub(super) dates: Dates,
}

impl TrustedCertificate {
    /// Reads every certificate of a file that the operator gave. One of no use is an error: they meant it to count.
    pub(super) fn all_from_pem(given: &Given) -> Result<Vec<Self>, SettingsError> {
        let all = X509::stack_from_pem(given.text.as_bytes()).unwrap_or_default();
        if all.is_empty() {
            return Err(no_certificate(given));
        }
        let weak = || SettingsError::Weak { at: given.at.clone() };
        let read = |certificate: &X509| Self::from_der(&certificate.to_der().ok()?);
        all.iter().map(|certificate| read(certificate).ok_or_else(weak)).collect()
    }

    /// Reads a certificate; `None` when it is garbage or its key is not RSA of a fair size: DigiD signs with nothing
    /// else.
    pub(super) fn from_der(der: &[u8]) -> Option<Self> {
        let certificate = X509::from_der(der).ok()?;
        let key: PKey<Public> = certificate.public_key().ok()?;
        if key.id() != Id::RSA || key.bits() < RSA_BITS {
            return None;
        }
        Some(Self { der: der.to_vec(), dates: dates(&certificate)?.into() })
    }

    pub(super) fn valid_at(&self, now: Timestamp) -> bool {
        self.dates.not_before <= now && now <= self.dates.not_after
    }
}

/// The first and the last moment of a certificate.
pub fn dates(certificate: &X509Ref) -> Option<(Timestamp, Timestamp)> {
    Some((instant(certificate.not_before()).ok()?, instant(certificate.not_after()).ok()?))
}

/// What tells a certificate from others: the name of its subject, and its serial number in hexadecimal digits.
pub fn identity(certificate: &X509Ref) -> (String, String) {
    let name = certificate.subject_name().entries_by_nid(Nid::COMMONNAME).next();
    let name = name.and_then(|name| name.data().to_string().ok()).map(|name| name.chars().take(64).collect());
    let serial = certificate
        .serial_number()
        .to_bn()
        .and_then(|serial| serial.to_hex_str().map(|hex| hex.to_lowercase()));
    (name.unwrap_or_default(), serial.unwrap_or_default())
}

/// An ASN.1 time as ours.
fn instant(time: &Asn1TimeRef) -> Result<Timestamp, ErrorStack> {
    let difference = Asn1Time::from_unix(0)?.diff(time)?;
    Ok(Timestamp::from_epoch(i64::from(difference.days) * 86_400 + i64::from(difference.secs)))
}
