//! Certificates that the operator gave and that are a server's own: trusted as they are, where the operator named the address too.
//! For a test set-up, whose servers make theirs by one command: no name in it, and of an authority (`openssl req -x509`).

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use rustls_platform_verifier::Verifier;

use super::{
    BadRoots,
    provider::{provider, speaking},
};
use crate::domain::reach::Reach;

/// The certificates of `[outbound] extra_roots`, and what is trusted anywhere.
#[derive(Debug)]
pub(super) struct Given {
    certificates: Vec<CertificateDer<'static>>,
    /// The system's roots, and the certificates as roots.
    usual: Verifier,
    provider: Arc<CryptoProvider>,
}

impl Given {
    /// Reads the PEM texts; none where there are none.
    pub(super) fn read(texts: &[Vec<u8>]) -> Result<Option<Arc<Self>>, BadRoots> {
        let mut certificates = Vec::new();
        for pem in texts {
            let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
            let found = found.map_err(|error| BadRoots(error.to_string()))?;
            if found.is_empty() {
                return Err(BadRoots("a file without a certificate".to_owned()));
            }
            certificates.extend(found);
        }
        if certificates.is_empty() {
            return Ok(None);
        }
        let provider = Arc::new(provider());
        let usual = Verifier::new_with_extra_roots(certificates.clone(), provider.clone());
        let usual = usual.map_err(|error| BadRoots(error.to_string()))?;
        Ok(Some(Arc::new(Self { certificates, usual, provider })))
    }

    /// TLS for one call: `named` is whether the name that is called leads to addresses only that the operator named, once it
    /// was looked up.
    pub(super) fn tls(
        self: &Arc<Self>,
        reach: &Reach,
        named: Arc<AtomicBool>,
    ) -> Result<ClientConfig, BadRoots> {
        let verifier = OneCall { given: self.clone(), reach: reach.clone(), named };
        speaking(self.provider.clone(), Arc::new(verifier)).map_err(|error| BadRoots(error.to_string()))
    }
}

/// Checks the server of one call.
#[derive(Debug)]
pub(super) struct OneCall {
    pub(super) given: Arc<Given>,
    pub(super) reach: Reach,
    /// See [`Given::tls`]; an address that is called as such speaks for itself.
    pub(super) named: Arc<AtomicBool>,
}

impl OneCall {
    fn is_named(&self, server: &ServerName<'_>) -> bool {
        match server {
            ServerName::IpAddress(ip) => self.reach.names(IpAddr::from(*ip)),
            _ => self.named.load(Ordering::SeqCst),
        }
    }
}

impl ServerCertVerifier for OneCall {
    /// Byte for byte one that the operator gave, at an address that the operator named; or else by the rules of everybody.
    fn verify_server_cert(
        &self,
        server: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.is_named(name) && self.given.certificates.iter().any(|one| one == server) {
            return Ok(ServerCertVerified::assertion());
        }
        self.given.usual.verify_server_cert(server, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.given.usual.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.given.usual.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.given.usual.supported_verify_schemes()
    }
}
