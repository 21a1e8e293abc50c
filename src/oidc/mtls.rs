//! What a client's certificate proves (RFC 8705 section 2): by a name under an authority that we trust, or by its key alone.

use std::{net::IpAddr, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openssl::{
    asn1::Asn1Object,
    bn::{BigNum, BigNumContext},
    nid::Nid,
    pkey::Id,
    x509::X509,
};
use rustls::{
    RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, UnixTime, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};

use crate::domain::{
    jwk::{JwkSet, PublicKey},
    mtls::{Certificate, CertificateName, distinguished_name},
    time::Timestamp,
};

/// The authorities under which a client's certificate is good.
#[derive(Debug, Clone)]
pub struct Authorities(Arc<dyn ClientCertVerifier>);

/// No certificates, or none of an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are no certificates of authorities in it: give a file with certificates in PEM")]
pub struct BadAuthorities;

impl Authorities {
    /// Those in a PEM text.
    pub fn from_pem(text: &[u8]) -> Result<Self, BadAuthorities> {
        let mut roots = RootCertStore::empty();
        for one in CertificateDer::pem_slice_iter(text) {
            roots.add(one.map_err(|_| BadAuthorities)?).map_err(|_| BadAuthorities)?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        verifier.map(Self).map_err(|_| BadAuthorities)
    }

    /// Whether a certificate is one of theirs for clients, and good at `now` (RFC 5280 section 6).
    pub fn vouch_for(&self, certificate: &Certificate, now: Timestamp) -> bool {
        let Ok(now) = u64::try_from(now.epoch()).map(Duration::from_secs) else { return false };
        let chain: Vec<_> =
            certificate.chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let leaf = CertificateDer::from(certificate.der.as_slice());
        self.0.verify_client_cert(&leaf, &chain, UnixTime::since_unix_epoch(now)).is_ok()
    }
}

/// Whether a certificate has that name (RFC 8705 section 2.1.2). Names are compared as they are written, those of hosts without
/// regard to case.
pub fn has_name(certificate: &Certificate, name: &CertificateName) -> bool {
    let Ok(read) = X509::from_der(&certificate.der) else { return false };
    let is = |one: &openssl::x509::GeneralNameRef| match name {
        CertificateName::SubjectDn(_) => false,
        CertificateName::SanDns(dns) => one.dnsname().is_some_and(|found| found.eq_ignore_ascii_case(dns)),
        CertificateName::SanUri(uri) => one.uri() == Some(uri),
        CertificateName::SanEmail(email) => one.email() == Some(email),
        CertificateName::SanIp(IpAddr::V4(ip)) => one.ipaddress() == Some(&ip.octets()),
        CertificateName::SanIp(IpAddr::V6(ip)) => one.ipaddress() == Some(&ip.octets()),
    };
    match name {
        CertificateName::SubjectDn(dn) => has_subject(&read, dn),
        _ => read.subject_alt_names().is_some_and(|names| names.iter().any(is)),
    }
}

fn has_subject(certificate: &X509, dn: &str) -> bool {
    let Some(wanted) = distinguished_name(dn) else { return false };
    let found: Vec<_> = certificate.subject_name().entries().collect();
    wanted.len() == found.len()
        && wanted.iter().zip(found).all(|((kind, value), found)| {
            Asn1Object::from_str(kind).is_ok_and(|kind| kind.to_string() == found.object().to_string())
                && found.data().to_string().is_ok_and(|found| found == *value)
        })
}

/// Whether a certificate is of a key of the set that may sign (RFC 8705 section 2.2). Neither its names nor its dates count: the
/// client says by its registration which keys are its own.
pub fn has_key_of(certificate: &Certificate, set: &JwkSet) -> bool {
    let signs = set.keys().iter().filter(|key| key.usage.as_deref() != Some("enc"));
    key(certificate).is_some_and(|key| signs.map(|known| &known.public).any(|known| *known == key))
}

/// The key of a certificate, as a client registers it.
fn key(certificate: &Certificate) -> Option<PublicKey> {
    let key = X509::from_der(&certificate.der).ok()?.public_key().ok()?;
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match key.id() {
        Id::RSA => {
            let key = key.rsa().ok()?;
            Some(PublicKey::Rsa { e: text(&key.e().to_vec()), n: text(&key.n().to_vec()) })
        }
        Id::EC => {
            let key = key.ec_key().ok()?;
            let group = key.group();
            let (mut x, mut y) = (BigNum::new().ok()?, BigNum::new().ok()?);
            key.public_key()
                .affine_coordinates(group, &mut x, &mut y, &mut *BigNumContext::new().ok()?)
                .ok()?;
            let half = |number: &BigNum| Some(text(&number.to_vec_padded(32).ok()?));
            let known = group.curve_name() == Some(Nid::X9_62_PRIME256V1);
            known.then_some(PublicKey::Ec { crv: "P-256".to_owned(), x: half(&x)?, y: half(&y)? })
        }
        Id::ED25519 => {
            Some(PublicKey::Okp { crv: "Ed25519".to_owned(), x: text(&key.raw_public_key().ok()?) })
        }
        _ => None,
    }
}
