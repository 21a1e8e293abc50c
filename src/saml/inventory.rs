//! What a connection rests on, by name, so that it can be said what a new configuration lacks: a file that was cut off while
//! it was copied may read as a good one with less in it.

use std::collections::BTreeSet;

use openssl::x509::{X509, X509Ref};

use super::{
    keys::identity,
    service_provider::ServiceProvider,
    settings::{Interface, Settings},
};

impl ServiceProvider {
    /// Every key, certificate and party that counts, in words for the log. `settings` are those it was made from.
    pub fn parts(&self, settings: &Settings) -> BTreeSet<String> {
        let mut parts = BTreeSet::new();
        let mut add = |what: &str, names: Vec<String>| {
            parts.extend(names.into_iter().map(|name| format!("{what} {name}")));
        };
        let next_signing = settings.next_signing.iter().map(|(_, next)| next);
        let signing = [&settings.signing].into_iter().chain(next_signing);
        add("the SAML signing key", signing.map(|named| named.name.clone()).collect());
        let tls = [&settings.tls].into_iter().chain(settings.next_tls.iter().map(|(_, next)| next));
        add("the TLS client certificate", tls.flat_map(|pem| names(&pem.certificate.text)).collect());
        add("the authority of the back channel", names(&settings.ca_roots.text));
        add("the certificate of who signs DigiD's metadata", names(&settings.metadata_certificates.text));
        let digid = self.inner.digid.certificates.iter();
        let digid = digid.filter_map(|trusted| X509::from_der(&trusted.der).ok());
        add("DigiD's signing certificate", digid.map(|certificate| name(&certificate)).collect());
        if let Interface::RoutingService(service) = &settings.interface {
            let keys = [&service.encryption].into_iter().chain(&service.next_encryption);
            add("the encryption key", keys.map(|named| named.name.clone()).collect());
            let parties = service.providers.iter();
            add("the register of representation", parties.map(|p| p.representation.clone()).collect());
        }
        parts
    }
}

fn names(pem: &str) -> Vec<String> {
    let all = X509::stack_from_pem(pem.as_bytes()).unwrap_or_default();
    all.iter().map(|certificate| name(certificate)).collect()
}

/// As metrics name it too, so that one can be found by the other.
fn name(certificate: &X509Ref) -> String {
    let (name, serial) = identity(certificate);
    format!("{name} (serial {serial})")
}
