//! The keys and certificates of a development set-up: made once into a folder, never overwritten.
//!
//! | file (`.crt`, `.key`) | whose |
//! |---|---|
//! | `ca` | the development CA that both ends of the back channel trust |
//! | `digid-tls` | DigiD's back channel, for `127.0.0.1` and `localhost` |
//! | `digid-saml` | DigiD's SAML signatures; self-signed, trusted because it stands in DigiD's metadata |
//! | `sp-tls` | the service provider's client certificate on the back channel |
//! | `sp-saml` | the service provider's SAML signatures; self-signed |
//! | `digid-saml-next`, `sp-tls-next`, `sp-saml-next` | what follows each of these in a rollover |
//! | `wrong-ca`, `wrong-tls` | a client certificate of a CA nobody trusts, for tests |

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

use super::SimulatorError;

/// Two years: long enough for a demo folder to keep working, short enough that nobody relies on it.
const LIFE_DAYS: u32 = 730;

/// A certificate and its private key, both PEM.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate's file.
    pub certificate: PathBuf,
    /// The private key's file (PKCS #8), readable by its owner only.
    pub key: PathBuf,
}

/// Where each key and certificate of the development set-up lies.
#[derive(Debug, Clone)]
pub struct Pki {
    /// The CA that both ends of the back channel trust.
    pub ca: Pair,
    /// DigiD's back-channel server certificate.
    pub digid_tls: Pair,
    /// DigiD's SAML signing certificate.
    pub digid_saml: Pair,
    /// The service provider's TLS client certificate.
    pub sp_tls: Pair,
    /// The service provider's SAML signing certificate.
    pub sp_saml: Pair,
    /// DigiD's SAML signing certificate after a rollover.
    pub digid_saml_next: Pair,
    /// The service provider's TLS client certificate after a rollover.
    pub sp_tls_next: Pair,
    /// The service provider's SAML signing certificate after a rollover.
    pub sp_saml_next: Pair,
    /// A client certificate of a CA that nobody trusts.
    pub wrong_tls: Pair,
}

/// What a certificate is for.
#[derive(Clone, Copy)]
enum Use {
    Ca,
    TlsServer,
    TlsClient,
    SamlSigning,
}

/// A key with its certificate, in memory.
struct Issued {
    certificate: X509,
    key: PKey<Private>,
}

impl Pki {
    /// Makes what is missing in `folder` (and the folder itself, mode 0700) and leaves alone what is there.
    pub fn create(folder: &Path) -> Result<Self, SimulatorError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(SimulatorError::io(format!("making the folder {}", folder.display())))?;
        let ca = ensure(folder, "ca", Use::Ca, None)?;
        let ca_pair = read(&ca)?;
        let wrong_pair = read(&ensure(folder, "wrong-ca", Use::Ca, None)?)?;
        Ok(Self {
            digid_tls: ensure(folder, "digid-tls", Use::TlsServer, Some(&ca_pair))?,
            digid_saml: ensure(folder, "digid-saml", Use::SamlSigning, None)?,
            sp_tls: ensure(folder, "sp-tls", Use::TlsClient, Some(&ca_pair))?,
            sp_saml: ensure(folder, "sp-saml", Use::SamlSigning, None)?,
            digid_saml_next: ensure(folder, "digid-saml-next", Use::SamlSigning, None)?,
            sp_tls_next: ensure(folder, "sp-tls-next", Use::TlsClient, Some(&ca_pair))?,
            sp_saml_next: ensure(folder, "sp-saml-next", Use::SamlSigning, None)?,
            wrong_tls: ensure(folder, "wrong-tls", Use::TlsClient, Some(&wrong_pair))?,
            ca,
        })
    }
}

fn ensure(folder: &Path, name: &str, what_for: Use, issuer: Option<&Issued>) -> Result<Pair, SimulatorError> {
    let pair =
        Pair { certificate: folder.join(format!("{name}.crt")), key: folder.join(format!("{name}.key")) };
    match (pair.certificate.exists(), pair.key.exists()) {
        (true, true) => return Ok(pair),
        (true, false) => return Err(SimulatorError::HalfAPair(pair.certificate.display().to_string())),
        (false, true) => return Err(SimulatorError::HalfAPair(pair.key.display().to_string())),
        (false, false) => {}
    }
    let crypto = |e| SimulatorError::crypto(format!("making the certificate {name}"))(e);
    let made = issue(name, what_for, issuer).map_err(crypto)?;
    let key = made.key.private_key_to_pem_pkcs8().map_err(crypto)?;
    let certificate = made.certificate.to_pem().map_err(crypto)?;
    write_new(&pair.key, &key, 0o600)?;
    write_new(&pair.certificate, &certificate, 0o644)?;
    Ok(pair)
}

fn read(pair: &Pair) -> Result<Issued, SimulatorError> {
    let text =
        |path: &Path| std::fs::read(path).map_err(SimulatorError::io(format!("reading {}", path.display())));
    let crypto = |e| SimulatorError::crypto(format!("reading {}", pair.certificate.display()))(e);
    Ok(Issued {
        certificate: X509::from_pem(&text(&pair.certificate)?).map_err(crypto)?,
        key: PKey::private_key_from_pem(&text(&pair.key)?).map_err(crypto)?,
    })
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), SimulatorError> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)
    };
    write().map_err(SimulatorError::io(format!("writing {}", path.display())))
}

fn issue(name: &str, what_for: Use, issuer: Option<&Issued>) -> Result<Issued, ErrorStack> {
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    let mut subject = X509NameBuilder::new()?;
    subject.append_entry_by_text("O", "Namens simulator, for development only")?;
    subject.append_entry_by_text("CN", name)?;
    let subject = subject.build();

    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?; // X.509 v3
    builder.set_serial_number(&*serial.to_asn1_integer()?)?;
    builder.set_subject_name(&subject)?;
    builder.set_issuer_name(issuer.map_or(&*subject, |i| i.certificate.subject_name()))?;
    builder.set_pubkey(&key)?;
    builder.set_not_before(&*Asn1Time::days_from_now(0)?)?;
    builder.set_not_after(&*Asn1Time::days_from_now(LIFE_DAYS)?)?;
    match what_for {
        Use::Ca => {
            builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
            builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        }
        Use::TlsServer => {
            builder.append_extension(BasicConstraints::new().critical().build()?)?;
            builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
            builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
            let names = SubjectAlternativeName::new()
                .ip("127.0.0.1")
                .dns("localhost")
                .build(&builder.x509v3_context(None, None))?;
            builder.append_extension(names)?;
        }
        Use::TlsClient => {
            builder.append_extension(BasicConstraints::new().critical().build()?)?;
            builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
            builder.append_extension(ExtendedKeyUsage::new().client_auth().build()?)?;
        }
        Use::SamlSigning => {
            builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
        }
    }
    builder.sign(issuer.map_or(&key, |i| &i.key), MessageDigest::sha256())?;
    Ok(Issued { certificate: builder.build(), key })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn makes_what_is_missing_and_overwrites_nothing() {
        let folder = super::super::testing::scratch("pki");
        let first = Pki::create(&folder).unwrap();
        let key = std::fs::read(&first.sp_saml.key).unwrap();
        assert_eq!(std::fs::metadata(&first.sp_saml.key).unwrap().permissions().mode() & 0o777, 0o600);

        let second = Pki::create(&folder).unwrap();
        assert_eq!(std::fs::read(&second.sp_saml.key).unwrap(), key);

        std::fs::remove_file(&first.sp_saml.certificate).unwrap();
        assert!(matches!(Pki::create(&folder), Err(SimulatorError::HalfAPair(_))));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
