//! TLS by Namens itself: what it is spoken with, followed while the server runs. A new certificate counts without a restart, and
//! files that cannot be used change nothing but the log.

use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};

use openssl::x509::X509;
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
    client::{danger::HandshakeSignatureValid, verify_server_name},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::{
        ParsedCertificate,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    version::{TLS12, TLS13},
};

use super::digid::given;
use crate::{
    config::{self, BadConfig, Config, secret::refuse_open_file},
    domain::{
        calendar::DAY,
        finding::{Ending, Report, Verdict},
        time::Timestamp,
    },
    outbound::provider,
    saml::{Given, certificate_dates, certificate_identity},
};

const ABOUT: &str = "TLS";

/// What both listeners speak with now.
pub struct Tls {
    current: RwLock<Arc<Current>>,
    watch: Mutex<Watch>,
    /// The names that clients call us by.
    names: Vec<String>,
}

/// One certificate and its key.
struct Current {
    front: Arc<ServerConfig>,
    mtls: Arc<ServerConfig>,
    chain: Vec<X509>,
}

/// The two files, read.
#[derive(Clone, PartialEq, Eq)]
struct Files {
    certificate: Given,
    key: Given,
}

/// What following remembers.
struct Watch {
    running: Files,
    last: Result<Files, String>,
    /// Why the last does not run, as logged.
    told: Option<String>,
    /// On which day the dates were logged last, counted from 1970.
    told_dates: Option<i64>,
}

impl Tls {
    /// Reads both files, or says why they cannot be used.
    pub fn open(config: &Config, tls: &config::Tls) -> Result<Self, BadConfig> {
        let running = Files::read(config, tls)?;
        let current = RwLock::new(Arc::new(Current::new(&running).map_err(BadConfig::Value)?));
        let url = config.mtls.as_ref().and_then(|mtls| mtls.url.as_ref());
        let names = [Some(&config.issuer), url].into_iter().flatten();
        let names =
            names.filter_map(|url| Some(url.host_str()?.trim_matches(['[', ']']).to_owned())).collect();
        let watch = Watch { last: Ok(running.clone()), running, told: None, told_dates: None };
        Ok(Self { current, watch: Mutex::new(watch), names })
    }

    fn current(&self) -> Arc<Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// For browsers and whoever shows no certificate.
    pub fn front(&self) -> Arc<ServerConfig> {
        self.current().front.clone()
    }

    /// For clients that may show one. Any is taken, with the proof that its key is there; what it is worth, the endpoint says.
    pub fn mtls(&self) -> Arc<ServerConfig> {
        self.current().mtls.clone()
    }

    /// When the certificate ends.
    pub fn ending(&self) -> Option<Ending> {
        let current = self.current();
        let leaf = current.chain.first()?;
        let (name, serial) = certificate_identity(leaf);
        let (_, at) = certificate_dates(leaf)?;
        Some(Ending { what: "tls_server", name, serial, at })
    }

    /// Says how certificate, chain and names are.
    pub fn look(&self, report: &mut Report, now: Timestamp) {
        let current = self.current();
        let Some(leaf) = current.chain.first() else { return };
        match certificate_dates(leaf) {
            Some((begins, _)) if now < begins => report.error(
                ABOUT,
                format_args!("the TLS certificate counts only from {}: nobody can connect", begins.rfc3339()),
            ),
            Some((_, ends)) => report.ends(ABOUT, "TLS certificate", ends, now, "nobody can connect"),
            None => report.error(ABOUT, "the TLS certificate has no dates: replace it"),
        }
        for name in self.names.iter().filter(|name| !is_for(leaf, name)) {
            report.error(ABOUT, format_args!("the TLS certificate is not for {name}: get one that names it"));
        }
        let signed = |of: &X509, by: &X509| {
            by.public_key().is_ok_and(|key| of.verify(&key).unwrap_or_default())
                && of.issuer_name().try_cmp(by.subject_name()).is_ok_and(std::cmp::Ordering::is_eq)
        };
        if !current.chain.windows(2).all(|two| matches!(two, [of, by] if signed(of, by))) {
            report.error(
                ABOUT,
                "the file of the TLS certificate is no chain: put behind each certificate the one of who signed it",
            );
        } else if current.chain.len() == 1 && !signed(leaf, leaf) {
            report.warning(
                ABOUT,
                "the file of the TLS certificate holds no intermediates: not every client finds them; put them behind it",
            );
        }
    }

    /// Looks whether a file has changed, and goes on with what it says now. A change counts when two looks in a row saw the same:
    /// nobody replaces two files at one moment. Blocks.
    pub fn follow(&self, config: &Config, now: Timestamp) {
        let Some(tls) = &config.tls else { return };
        let mut watch = match self.watch.try_lock() {
            Ok(watch) => watch,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // An earlier look still waits for a file.
            Err(TryLockError::WouldBlock) => return,
        };
        self.tell(&mut watch, now);
        let look = Files::read(config, tls).map_err(|error| error.to_string());
        let settled = look == watch.last;
        watch.last.clone_from(&look);
        let wrong = match look {
            Ok(files) if files == watch.running => {
                watch.told = None;
                return;
            }
            _ if !settled => return,
            Ok(files) => match Current::new(&files) {
                Ok(new) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                    (watch.running, watch.told, watch.told_dates) = (files, None, None);
                    tracing::info!("new connections are made with the new files of [tls]");
                    return;
                }
                Err(why) => why,
            },
            Err(why) => why,
        };
        if watch.told.as_ref() != Some(&wrong) {
            tracing::error!(why = %wrong, "the files of [tls] cannot be used, and those before them go on: mend them before the next start");
            watch.told = Some(wrong);
        }
    }

    /// Logs what needs somebody, once a day.
    fn tell(&self, watch: &mut Watch, now: Timestamp) {
        let today = now.epoch().div_euclid(DAY);
        if watch.told_dates.replace(today) == Some(today) {
            return;
        }
        let mut report = Report::default();
        self.look(&mut report, now);
        for finding in report.of(Verdict::Error) {
            tracing::error!("{finding}");
        }
        for finding in report.of(Verdict::Warning) {
            tracing::warn!("{finding}");
        }
    }
}

fn is_for(leaf: &X509, name: &str) -> bool {
    let der = CertificateDer::from(leaf.to_der().unwrap_or_default());
    let (Ok(parsed), Ok(name)) = (ParsedCertificate::try_from(&der), ServerName::try_from(name)) else {
        return false;
    };
    verify_server_name(&parsed, &name).is_ok()
}

impl Files {
    fn read(config: &Config, tls: &config::Tls) -> Result<Self, BadConfig> {
        let key = given(config, "[tls] key", &tls.key)?;
        // What holds no key is no secret: what it is instead is said when it is parsed.
        if key.holds("PRIVATE KEY") {
            refuse_open_file(&config.path(&tls.key))?;
        }
        Ok(Self { key, certificate: given(config, "[tls] certificate", &tls.certificate)? })
    }
}

impl Current {
    /// TLS 1.2 and 1.3 with forward secrecy and authenticated encryption only (BCP 195, RFC 9325 sections 3.1 and 4.2).
    fn new(files: &Files) -> Result<Self, String> {
        let provider = Arc::new(provider());
        let text = files.certificate.text.as_bytes();
        let chain: Vec<_> = CertificateDer::pem_slice_iter(text).filter_map(Result::ok).collect();
        let none = || format!("{}: there is no certificate in it (PEM)", files.certificate.at);
        if chain.is_empty() {
            return Err(none());
        }
        let key = PrivateKeyDer::from_pem_slice(files.key.text.as_bytes());
        let key = key.map_err(|_| {
            format!("{}: there is no private key without pass phrase in it (PEM)", files.key.at)
        })?;
        let make = |verifier: Option<Arc<dyn ClientCertVerifier>>| {
            let builder = ServerConfig::builder_with_provider(provider.clone());
            let builder = builder.with_protocol_versions(&[&TLS13, &TLS12])?;
            let builder = match verifier {
                Some(verifier) => builder.with_client_cert_verifier(verifier),
                None => builder.with_no_client_auth(),
            };
            let mut made = builder.with_single_cert(chain.clone(), key.clone_key())?;
            made.alpn_protocols = vec![b"http/1.1".to_vec()];
            Ok::<_, Error>(Arc::new(made))
        };
        let wrong = |error: Error| {
            let (certificate, key) = (&files.certificate.at, &files.key.at);
            format!(
                "{certificate} and {key} do not belong together, or are of a kind that TLS does not know: {error}"
            )
        };
        Ok(Self {
            front: make(None).map_err(wrong)?,
            mtls: make(Some(Arc::new(Any(provider.clone())))).map_err(wrong)?,
            chain: X509::stack_from_pem(text).map_err(|_| none())?,
        })
    }
}

/// Takes any certificate, and none: only that its key is there is proven (RFC 8705 section 7.2).
#[derive(Debug)]
struct Any(Arc<CryptoProvider>);

impl ClientCertVerifier for Any {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
