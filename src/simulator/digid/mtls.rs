//! DigiD's back channel: TLS that demands the service provider's own client certificate.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;

use super::super::SimulatorError;
use super::super::pki::Pki;

/// Takes connections whose client certificate is of the CA and is one that is registered: this one, or the next.
#[derive(Debug, Clone)]
pub struct RegisteredOnly {
    tls: RustlsAcceptor,
    registered: [CertificateDer<'static>; 2],
}

impl RegisteredOnly {
    /// From the files of the development set-up.
    pub fn new(pki: &Pki) -> Result<Self, SimulatorError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&pki.ca.certificate)?).map_err(tls)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(tls)?;
        let key = PrivateKeyDer::from_pem_file(&pki.digid_tls.key).map_err(tls)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(tls)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate(&pki.digid_tls.certificate)?], key)
            .map_err(tls)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            tls: RustlsAcceptor::new(RustlsConfig::from_config(Arc::new(config))),
            registered: [certificate(&pki.sp_tls.certificate)?, certificate(&pki.sp_tls_next.certificate)?],
        })
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for RegisteredOnly {
    type Stream = <RustlsAcceptor as Accept<TcpStream, S>>::Stream;
    type Service = S;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, S)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let handshake = self.tls.accept(stream, service);
        let registered = self.registered.clone();
        Box::pin(async move {
            let (stream, service) = handshake.await?;
            let (_, connection) = stream.get_ref();
            match connection.peer_certificates().and_then(|chain| chain.first()) {
                Some(shown) if registered.contains(shown) => Ok((stream, service)),
                _ => {
                    let refused = "not the registered client certificate";
                    Err(io::Error::new(io::ErrorKind::PermissionDenied, refused))
                }
            }
        })
    }
}

fn certificate(path: &Path) -> Result<CertificateDer<'static>, SimulatorError> {
    CertificateDer::from_pem_file(path).map_err(|e| SimulatorError::Tls(format!("{}: {e}", path.display())))
}

fn tls(error: impl std::fmt::Display) -> SimulatorError {
    SimulatorError::Tls(error.to_string())
}
