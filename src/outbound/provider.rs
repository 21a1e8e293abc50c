//! What TLS is spoken with, by us and to us.

use std::sync::Arc;

use rustls::{
    ClientConfig, Error,
    client::danger::ServerCertVerifier,
    crypto::{
        CryptoProvider,
        aws_lc_rs::{self, cipher_suite},
    },
};

/// Of TLS 1.2 the four suites that BCP 195 recommends, and no others: a client of FAPI could not be held to them otherwise (FAPI 2.0
/// Security Profile section 5.2.2; RFC 9325 section 4.2). Of TLS 1.3 each that it has.
pub fn provider() -> CryptoProvider {
    let cipher_suites = vec![
        cipher_suite::TLS13_AES_256_GCM_SHA384,
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ];
    CryptoProvider { cipher_suites, ..aws_lc_rs::default_provider() }
}

/// TLS to a server that `verifier` judges.
pub(super) fn speaking(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut made = builder.with_no_client_auth();
    made.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(made)
}
